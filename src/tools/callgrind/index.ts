// Owns callgrind: instructions by function and line, and who called whom.
import { planOutputs } from '../_shared/profile-plan.ts';
import type { Tool } from '../tool.ts';

export const callgrind: Tool = {
  name: 'callgrind',
  title: 'instructions and calls',
  launcher: 'valgrind',
  yields: 'profile',
  plan: planOutputs([{ option: '--callgrind-out-file', usual: 'callgrind.out.%p' }]),
};
