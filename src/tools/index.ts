// The registry of instruments that vgrun can launch and understand. A new one is a line here.

import { interpretAny } from './_shared/interpret.ts';
import type { Interpret } from './_shared/valgrind-error.ts';
import { drd } from './drd/index.ts';
import { helgrind } from './helgrind/index.ts';
import { memcheck } from './memcheck/index.ts';
import type { Tool } from './tool.ts';

/** Instruments, the default first. */
export const tools: readonly Tool[] = [memcheck, helgrind, drd];

/** The instrument of that name. */
export function toolNamed(name: string): Tool | undefined {
  return tools.find((tool) => tool.name === name);
}

/** How to understand the errors of a tool; of one that the registry lacks, in general terms. */
export function interpreterFor(tool: string): Interpret {
  return toolNamed(tool)?.interpret ?? interpretAny(tool);
}
