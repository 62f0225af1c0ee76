// The registry of log formats that vgrun can read. Apart from the instruments, because a launch needs none of it.
import { valgrindText } from './_shared/valgrind-text.ts';
import { valgrindXml } from './_shared/valgrind-xml.ts';
import { gprof } from './gprof/parse.ts';
import { heaptrackData } from './heaptrack/data.ts';
import { heaptrackText } from './heaptrack/parse.ts';
import { sample } from './sample/parse.ts';
import type { Reader } from './tool.ts';

/** Log formats. XML first: a text log may quote XML, but no XML document looks like a text log. */
export const readers: readonly Reader[] = [
  valgrindXml,
  valgrindText,
  gprof,
  heaptrackText,
  heaptrackData,
  sample,
];

/** The reader for a log that begins with these bytes; undefined when no reader knows it. */
export function readerFor(head: Uint8Array): Reader | undefined {
  return readers.find((reader) => reader.recognizes(head));
}
