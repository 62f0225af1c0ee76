// Bytes to lines: splits a log that arrives in chunks, in memory that does not grow with the log or with a line.

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
  let kept: Buffer[] = [];
  let keptBytes = 0;
  let cut = false;
  let lineStart = 0;
  let position = 0;

  function keep(part: Buffer): void {
    const room = longestLine - keptBytes;
    if (part.length > room) cut = true;
    if (room <= 0 || part.length === 0) return;
    // Copied: a slice would keep the whole chunk alive.
    kept.push(Buffer.from(part.subarray(0, room)));
    keptBytes += Math.min(part.length, room);
  }

  function finish(part: Buffer, ended: boolean): LogLine {
    let bytes = part;
    let shortened = cut;
    if (keptBytes > 0 || part.length > longestLine) {
      keep(part);
      bytes = Buffer.concat(kept, keptBytes);
      shortened = cut;
      kept = [];
      keptBytes = 0;
    }
    cut = false;
    const line = { text: decode(bytes), offset: lineStart, ended, cut: shortened };
    lineStart = position;
    return line;
  }

  function push(chunk: Uint8Array): LogLine[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const lines: LogLine[] = [];
    const base = position;
    let from = 0;
    for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, from)) {
      position = base + at + 1;
      lines.push(finish(bytes.subarray(from, at), true));
      from = at + 1;
    }
    position = base + bytes.length;
    keep(bytes.subarray(from));
    return lines;
  }

  return { push, end: () => (keptBytes > 0 ? [finish(Buffer.alloc(0), false)] : []) };
}

/** The text of a line. Bytes that are not UTF-8 are read as Latin-1; a CR at the end is dropped. */
export function decode(bytes: Buffer): string {
  const end = bytes.length > 0 && bytes[bytes.length - 1] === 13 ? bytes.length - 1 : bytes.length;
  const text = bytes.toString('utf8', 0, end);
  return text.includes('\uFFFD') ? bytes.toString('latin1', 0, end) : text;
}
