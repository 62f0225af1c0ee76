// Owns none: valgrind without a tool, to see whether a program runs under it. It says nothing about the program.
import { planOutputs } from '../_shared/profile-plan.ts';
import type { Tool } from '../tool.ts';

export const nothing: Tool = {
  name: 'none',
  title: 'no checks at all',
  launcher: 'valgrind',
  yields: 'log',
  plan: planOutputs([]),
};
