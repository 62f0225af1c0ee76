// Bytes to lines without making strings: for formats whose lines are mostly numbers and names that were seen before.

/** Bytes of a line that are kept, unless a reader asks for less; the longest C++ names stay far below. */
export const longestByteLine = 1024 * 1024;

/**
 * Called for each line.
 *
 * @param bytes where the line stands; lent for the call only.
 * @param from first byte of the line in `bytes`.
 * @param to end of the line: the line end (LF or CR LF) is not part of it.
 * @param offset bytes from the start of the input to the start of the line.
 * @param ended false for a last line without a line end: it may be half a line.
 * @param cut true when the line was longer than is kept and lost its tail.
 */
export type TakeLine = (
  bytes: Buffer,
  from: number,
  to: number,
  offset: number,
  ended: boolean,
  cut: boolean,
) => void;

/** Takes chunks of any size and calls back for each line that they complete; `end` for what is left. */
export interface ByteLines {
  readonly push: (chunk: Uint8Array) => void;
  readonly end: () => void;
}

/**
 * Splits at LF and drops a CR before it. Memory is that of one line.
 *
 * @param longest bytes of a line that are kept.
 */
export function byteLines(take: TakeLine, longest: number = longestByteLine): ByteLines {
  // A CR is kept besides, so that it does not matter where chunks end.
  const room = longest + 1;
  let kept = Buffer.allocUnsafe(1024);
  let keptBytes = 0;
  let overflown = false;
  let start = 0;
  let position = 0;

  function keep(bytes: Buffer, from: number, to: number): void {
    const length = Math.min(to - from, room - keptBytes);
    if (length < to - from) overflown = true;
    if (keptBytes + length > kept.length) {
      const larger = Buffer.allocUnsafe(Math.min(room, Math.max(kept.length * 2, keptBytes + length)));
      kept.copy(larger, 0, 0, keptBytes);
      kept = larger;
    }
    // Copied: a slice would keep the whole chunk alive, and its owner may reuse it.
    bytes.copy(kept, keptBytes, from, from + length);
    keptBytes += length;
  }

  function give(bytes: Buffer, from: number, to: number, ended: boolean): void {
    const last = to > from && bytes[to - 1] === 13 && !overflown ? to - 1 : to;
    const cut = overflown || last - from > longest;
    take(bytes, from, cut ? from + longest : last, start, ended, cut);
  }

  function giveKept(ended: boolean): void {
    give(kept, 0, keptBytes, ended);
    keptBytes = 0;
    overflown = false;
  }

  return {
    push: (chunk) => {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let from = 0;
      for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, from)) {
        if (keptBytes > 0) {
          keep(bytes, from, at);
          giveKept(true);
        } else give(bytes, from, at, true);
        from = at + 1;
        start = position + from;
      }
      position += bytes.length;
      if (from < bytes.length) keep(bytes, from, bytes.length);
    },
    end: () => {
      if (keptBytes > 0) giveKept(false);
    },
  };
}
