// The registry of instruments that vgrun can launch and understand. A new one is a line here.

import { interpretAny } from './_shared/interpret.ts';
import { planOutputs } from './_shared/profile-plan.ts';
import type { Interpret } from './_shared/valgrind-error.ts';
import { asan } from './asan/index.ts';
import { cachegrind } from './cachegrind/index.ts';
import { callgrind } from './callgrind/index.ts';
import { dhat } from './dhat/index.ts';
import { drd } from './drd/index.ts';
import { bbv } from './exp-bbv/index.ts';
import { gdb } from './gdb/index.ts';
import { gprof } from './gprof/index.ts';
import { heaptrack } from './heaptrack/index.ts';
import { helgrind } from './helgrind/index.ts';
import { lackey } from './lackey/index.ts';
import { lsan } from './lsan/index.ts';
import { massif } from './massif/index.ts';
import { memcheck } from './memcheck/index.ts';
import { memwatch } from './memwatch/index.ts';
import { msan } from './msan/index.ts';
import { mtrace } from './mtrace/index.ts';
import { nothing } from './none/index.ts';
import { perf } from './perf/index.ts';
import type { Tool } from './tool.ts';
import { tsan } from './tsan/index.ts';
import { ubsan } from './ubsan/index.ts';

/** Instruments, the default first. */
export const tools: readonly Tool[] = [
  memcheck,
  helgrind,
  drd,
  asan,
  lsan,
  ubsan,
  tsan,
  msan,
  mtrace,
  memwatch,
  massif,
  dhat,
  heaptrack,
  callgrind,
  cachegrind,
  perf,
  gprof,
  lackey,
  gdb,
  nothing,
  bbv,
];

/** The instrument of that name. */
export function toolNamed(name: string): Tool | undefined {
  return tools.find((tool) => tool.name === name);
}

/** A tool of valgrind's that is not in the registry, such as one that users wrote themselves: its log is kept and shown. */
export function toolUnknown(name: string): Tool {
  return { name, title: 'not known to vgrun', launcher: 'valgrind', yields: 'log', plan: planOutputs([]) };
}

/** How to understand the errors of a tool; of one that the registry lacks, in general terms. */
export function interpreterFor(tool: string): Interpret {
  return toolNamed(tool)?.interpret ?? interpretAny(tool);
}
