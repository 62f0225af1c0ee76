// Cuts chunks of bytes at line ends, for readers that work on bytes: whole lines in one piece, without copying them.

/** Longest line that is kept when it is spread over chunks, in bytes: names of C++ templates take up to 100 kB. */
const longestLine = 1 << 20;
const lineFeed = 0x0a;

/** Takes chunks of any size and hands over whole lines. */
export interface LineBytes {
  readonly push: (chunk: Uint8Array) => void;
  /** Hands over the last line, which has no end of its own. */
  readonly end: () => void;
}

/**
 * @param take gets bytes that begin at the start of a line and end with a line feed, from `start` to `end`; `offset` is
 *   where in the file `start` is. With `unterminated`, the line feed is not in the file.
 * @param tooLong gets the start of each line that is longer than a mebibyte, which is left out.
 */
export function lineBytes(
  take: (bytes: Buffer, start: number, end: number, offset: number, unterminated: boolean) => void,
  tooLong: (start: Buffer, offset: number) => void,
): LineBytes {
  let held: Buffer[] = [];
  let heldLength = 0;
  let skipping = false;
  /** Bytes before the current chunk. */
  let passed = 0;

  function hold(rest: Buffer): void {
    if (skipping) return;
    // A copy: the owner of the chunk may use its memory again.
    held.push(Buffer.from(rest));
    heldLength += rest.length;
    if (heldLength <= longestLine) return;
    tooLong(Buffer.concat(held).subarray(0, 200), passed + rest.length - heldLength);
    held = [];
    heldLength = 0;
    skipping = true;
  }

  function release(rest: Buffer, unterminated: boolean): void {
    const line = Buffer.concat([...held, rest]);
    const offset = passed - heldLength;
    held = [];
    heldLength = 0;
    take(line, 0, line.length, offset, unterminated);
  }

  return {
    push: (piece) => {
      const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
      let start = 0;
      if (skipping || heldLength > 0) {
        const end = chunk.indexOf(lineFeed);
        if (end < 0) {
          hold(chunk);
          passed += chunk.length;
          return;
        }
        start = end + 1;
        if (skipping) skipping = false;
        else release(chunk.subarray(0, start), false);
      }
      const last = chunk.lastIndexOf(lineFeed) + 1;
      if (last > start) take(chunk, start, last, passed + start, false);
      start = Math.max(start, last);
      if (start < chunk.length) {
        const rest = chunk.subarray(start);
        passed += start;
        hold(rest);
        passed += rest.length;
      } else passed += chunk.length;
    },
    end: () => {
      if (!skipping && heldLength > 0) release(Buffer.from([lineFeed]), true);
    },
  };
}
