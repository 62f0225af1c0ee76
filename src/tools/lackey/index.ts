// Owns lackey: an example tool that counts what a program executes. All that it says stands in its log.
import { planOutputs } from '../_shared/profile-plan.ts';
import type { Tool } from '../tool.ts';

export const lackey: Tool = {
  name: 'lackey',
  title: 'counts and traces of instructions',
  launcher: 'valgrind',
  yields: 'log',
  plan: planOutputs([]),
};
