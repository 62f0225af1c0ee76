// Bytes to lines for formats that are read byte by byte: no string and no object for each line.

/** Bytes of a line that are kept. The longest real ones are C++ names of a few KiB. */
const longestLine = 64 * 1024;

/**
 * Takes one line, without LF and without a CR before it: the bytes from `start` to `end`. They are the caller's only
 * until it returns.
 *
 * @param ended false for a last line without a line end: it may be half a line.
 * @param offset bytes from the start of the input to the start of the line.
 */
export type TakeLine = (bytes: Buffer, start: number, end: number, ended: boolean, offset: number) => void;

export interface ByteLines {
  readonly push: (chunk: Uint8Array) => void;
  /** Hands over a last line that has no line end. */
  readonly end: () => void;
}

/**
 * Splits at LF. Memory is one line of at most 64 KiB.
 *
 * @param takeCut called instead of `take` with what was kept of a line that is longer.
 */
export function byteLines(take: TakeLine, takeCut: TakeLine): ByteLines {
  let kept = Buffer.allocUnsafe(1024);
  let keptBytes = 0;
  let cut = false;
  /** Offset of the line that `kept` begins. */
  let lineStart = 0;
  let position = 0;

  function keep(bytes: Buffer, start: number, end: number): void {
    const length = Math.min(end - start, longestLine - keptBytes);
    if (length < end - start) cut = true;
    if (keptBytes + length > kept.length) {
      const larger = Buffer.allocUnsafe(Math.min(longestLine, Math.max(kept.length * 2, keptBytes + length)));
      kept.copy(larger, 0, 0, keptBytes);
      kept = larger;
    }
    bytes.copy(kept, keptBytes, start, start + length);
    keptBytes += length;
  }

  function hand(bytes: Buffer, start: number, end: number, ended: boolean): void {
    const last = end > start && bytes[end - 1] === 13 ? end - 1 : end;
    if (cut || last - start > longestLine)
      takeCut(bytes, start, Math.min(last, start + longestLine), ended, lineStart);
    else take(bytes, start, last, ended, lineStart);
  }

  return {
    push: (chunk) => {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let from = 0;
      for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, from)) {
        if (keptBytes > 0) {
          keep(bytes, from, at);
          hand(kept, 0, keptBytes, true);
          keptBytes = 0;
          cut = false;
        } else {
          hand(bytes, from, at, true);
        }
        from = at + 1;
        lineStart = position + from;
      }
      if (from < bytes.length) keep(bytes, from, bytes.length);
      position += bytes.length;
    },
    end: () => {
      if (keptBytes > 0) hand(kept, 0, keptBytes, false);
      keptBytes = 0;
      cut = false;
    },
  };
}
