// Owns dhat: how heap blocks are used, by the place that allocated them.
import { planOutputs } from '../_shared/profile-plan.ts';
import type { Tool } from '../tool.ts';

export const dhat: Tool = {
  name: 'dhat',
  title: 'heap use by place',
  launcher: 'valgrind',
  yields: 'profile',
  plan: planOutputs([{ option: '--dhat-out-file', usual: 'dhat.out.%p' }]),
};
