// Owns helgrind: data races, lock order and misuse of POSIX threads, by tracking what happens before what.
import { planValgrind } from '../_shared/valgrind-plan.ts';
import type { Tool } from '../tool.ts';
import { interpretHelgrind } from './parse.ts';

export const helgrind: Tool = {
  name: 'helgrind',
  title: 'data races and lock order',
  launcher: 'valgrind',
  yields: 'errors',
  plan: planValgrind,
  interpret: interpretHelgrind,
};
