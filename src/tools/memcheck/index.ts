// Owns memcheck: memory that is leaked, freed twice, overrun, used after its end or before it has a value.
import { planValgrind } from '../_shared/valgrind-plan.ts';
import type { Tool } from '../tool.ts';
import { interpretMemcheck } from './parse.ts';

export const memcheck: Tool = {
  name: 'memcheck',
  title: 'memory errors and leaks',
  launcher: 'valgrind',
  yields: 'errors',
  plan: planValgrind,
  interpret: interpretMemcheck,
};
