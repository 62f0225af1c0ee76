// Owns cachegrind: instructions, cache misses and mispredicted branches by line.
import { planOutputs } from '../_shared/profile-plan.ts';
import type { Tool } from '../tool.ts';

export const cachegrind: Tool = {
  name: 'cachegrind',
  title: 'instructions and cache misses',
  launcher: 'valgrind',
  yields: 'profile',
  plan: planOutputs([{ option: '--cachegrind-out-file', usual: 'cachegrind.out.%p' }]),
};
