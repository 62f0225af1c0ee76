// Bytes to lines without making strings: for formats whose lines are mostly numbers and names that were seen before.

/** Bytes of a line that are kept; the longest C++ names stay far below. */
export const longestByteLine = 1024 * 1024;

/**
 * Called for each line.
 *
 * @param bytes where the line stands; only valid during the call.
 * @param from first byte of the line in `bytes`.
 * @param to end of the line: the line end (LF or CR LF) is not part of it.
 * @param offset bytes from the start of the input to the start of the line.
 * @param whole false when the line lost its tail: it had no line end, or was longer than `longestByteLine`.
 */
export type TakeLine = (bytes: Buffer, from: number, to: number, offset: number, whole: boolean) => void;

/** Takes chunks and calls back for each line that they complete; `end` for what is left. */
export interface ByteLines {
  readonly push: (chunk: Uint8Array) => void;
  readonly end: () => void;
}

/** Splits at LF and drops a CR before it. Memory does not grow with the input. */
export function byteLines(take: TakeLine): ByteLines {
  let kept: Buffer[] = [];
  let keptBytes = 0;
  let cut = false;
  let start = 0;
  let position = 0;

  function give(bytes: Buffer, from: number, to: number, whole: boolean): void {
    const end = to > from && bytes[to - 1] === 13 ? to - 1 : to;
    take(bytes, from, end, start, whole);
  }

  function keep(part: Buffer): void {
    const room = longestByteLine - keptBytes;
    if (part.length > room) cut = true;
    if (room <= 0 || part.length === 0) return;
    // Copied: a slice would keep the whole chunk alive, and its owner may reuse it.
    kept.push(Buffer.from(part.subarray(0, room)));
    keptBytes += Math.min(part.length, room);
  }

  function giveKept(ended: boolean): void {
    const line = Buffer.concat(kept, keptBytes);
    const whole = ended && !cut;
    kept = [];
    keptBytes = 0;
    cut = false;
    give(line, 0, line.length, whole);
  }

  return {
    push: (chunk) => {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let from = 0;
      for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, from)) {
        if (keptBytes > 0 || at - from > longestByteLine) {
          keep(bytes.subarray(from, at));
          giveKept(true);
        } else give(bytes, from, at, true);
        from = at + 1;
        start = position + from;
      }
      position += bytes.length;
      keep(bytes.subarray(from));
    },
    end: () => {
      if (keptBytes > 0) giveKept(false);
    },
  };
}

/** Text of a part of a line. Bytes that are not UTF-8 are read as Latin-1, so that none is lost. */
export function textOf(bytes: Buffer, from: number, to: number): string {
  const text = bytes.toString('utf8', from, to);
  return text.includes('\uFFFD') ? bytes.toString('latin1', from, to) : text;
}
