// The registry: which instruments vgrun can launch, and which log formats it can read. A new one is a line here.

import { interpretAny } from './_shared/interpret.ts';
import type { Interpret } from './_shared/valgrind-error.ts';
import { valgrindText } from './_shared/valgrind-text.ts';
import { valgrindXml } from './_shared/valgrind-xml.ts';
import { drd } from './drd/index.ts';
import { helgrind } from './helgrind/index.ts';
import { memcheck } from './memcheck/index.ts';
import type { Reader, Tool } from './tool.ts';

/** Instruments, the default first. */
export const tools: readonly Tool[] = [memcheck, helgrind, drd];

/** Log formats. XML first: a text log may quote XML, but no XML document looks like a text log. */
export const readers: readonly Reader[] = [valgrindXml, valgrindText];

/** The instrument of that name. */
export function toolNamed(name: string): Tool | undefined {
  return tools.find((tool) => tool.name === name);
}

/** The reader for a log that begins with these bytes; undefined when no reader knows it. */
export function readerFor(head: Uint8Array): Reader | undefined {
  return readers.find((reader) => reader.recognizes(head));
}

/** How to understand the errors of a tool; of one that the registry lacks, in general terms. */
export function interpreterFor(tool: string): Interpret {
  return toolNamed(tool)?.interpret ?? interpretAny(tool);
}
