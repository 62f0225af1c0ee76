// The registry of log formats that vgrun can read. Apart from the instruments, because a launch needs none of it.
import { sanitizerReader } from './_shared/sanitizer-log.ts';
import { valgrindText } from './_shared/valgrind-text.ts';
import { valgrindXml } from './_shared/valgrind-xml.ts';
import { cachegrindReader } from './cachegrind/parse.ts';
import { callgrindReader } from './callgrind/parse.ts';
import { crtReader } from './crt/parse.ts';
import { dhatReader } from './dhat/parse.ts';
import { foldedReader } from './folded/parse.ts';
import { backtraceReader } from './gdb/backtrace-text.ts';
import { stopLogReader } from './gdb/stop-log.ts';
import { gprofReader } from './gprof/parse.ts';
import { heaptrackDataReader } from './heaptrack/data.ts';
import { heaptrackTextReader } from './heaptrack/parse.ts';
import { massifReader } from './massif/parse.ts';
import { memwatchReader } from './memwatch/parse.ts';
import { mtraceReader } from './mtrace/parse.ts';
import { perfScriptReader } from './perf/parse.ts';
import { sampleReader } from './sample/parse.ts';
import type { Reader } from './tool.ts';
import { vldReader } from './vld/parse.ts';

/**
 * Log formats. XML first: a text log may quote XML, but no XML document looks like a text log; what begins with words of its
 * own before that, because it may quote a text log; folded stacks last: they have no words of their own.
 */
export const readers: readonly Reader[] = [
  stopLogReader,
  valgrindXml,
  massifReader,
  dhatReader,
  valgrindText,
  sanitizerReader,
  backtraceReader,
  cachegrindReader,
  callgrindReader,
  gprofReader,
  heaptrackTextReader,
  heaptrackDataReader,
  mtraceReader,
  sampleReader,
  perfScriptReader,
  memwatchReader,
  crtReader,
  vldReader,
  foldedReader,
];

/** The reader for a log that begins with these bytes; undefined when no reader knows it. */
export function readerFor(head: Uint8Array): Reader | undefined {
  return readers.find((reader) => reader.recognizes(head));
}
