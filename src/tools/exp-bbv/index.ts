// Owns exp-bbv: basic block vectors for SimPoint. The vectors are kept for it; only the log is shown.
import { planOutputs } from '../_shared/profile-plan.ts';
import type { Tool } from '../tool.ts';

export const bbv: Tool = {
  name: 'exp-bbv',
  title: 'basic block vectors',
  launcher: 'valgrind',
  yields: 'log',
  plan: planOutputs([
    { option: '--bb-out-file', usual: 'bb.out.%p' },
    { option: '--pc-out-file', usual: 'pc.out.%p' },
  ]),
};
