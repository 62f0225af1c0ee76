// Owns massif: how much memory is in use over time, and who allocated it.
import { planOutputs } from '../_shared/profile-plan.ts';
import type { Tool } from '../tool.ts';

export const massif: Tool = {
  name: 'massif',
  title: 'heap use over time',
  launcher: 'valgrind',
  yields: 'profile',
  plan: planOutputs([{ option: '--massif-out-file', usual: 'massif.out.%p' }]),
};
