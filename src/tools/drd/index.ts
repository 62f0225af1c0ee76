// Owns drd: data races, locks held too long and misuse of POSIX threads, by comparing segments of execution.
import { planValgrind } from '../_shared/valgrind-plan.ts';
import type { Tool } from '../tool.ts';
import { interpretDrd } from './parse.ts';

export const drd: Tool = {
  name: 'drd',
  title: 'data races and lock contention',
  launcher: 'valgrind',
  yields: 'errors',
  plan: planValgrind,
  interpret: interpretDrd,
};
