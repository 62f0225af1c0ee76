// The lines of a log as text: splits a log that arrives in chunks, in memory that does not grow with the log or with a line.
import { byteLines } from './byte-lines.ts';
import { textOf } from './byte-text.ts';

/** One line of a log, without its line end. */
export interface LogLine {
  readonly text: string;
  /** Bytes from the start of the log to the start of this line. */
  readonly offset: number;
  /** False for a last line that has no line end: it may be half a line. */
  readonly ended: boolean;
  /** True when the line was longer than `longestLine` and lost its tail. */
  readonly cut: boolean;
}

/** Bytes of a line that are kept. Valgrind's own lines stay far below: its longest are C++ names of a few KiB. */
export const longestLine = 64 * 1024;

/** Takes chunks, gives the lines they complete; `end` gives what is left. */
export interface LineSplitter {
  readonly push: (chunk: Uint8Array) => LogLine[];
  readonly end: () => LogLine[];
}

/** Splits at LF and drops a CR before it. Bytes that are not UTF-8 are read as Latin-1, so that none is lost. */
export function createLineSplitter(): LineSplitter {
  let lines: LogLine[] = [];
  const splitter = byteLines((bytes, from, to, offset, ended, cut) => {
    lines.push({ text: textOf(bytes, from, to), offset, ended, cut });
  }, longestLine);

  function given(): LogLine[] {
    const done = lines;
    lines = [];
    return done;
  }

  return {
    push: (chunk) => {
      splitter.push(chunk);
      return given();
    },
    end: () => {
      splitter.end();
      return given();
    },
  };
}
