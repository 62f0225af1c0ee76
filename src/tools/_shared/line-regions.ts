// Bytes to whole lines in one piece, without copying or cutting them up: for formats of which gigabytes are read.

/** Bytes of a line that are kept when it is spread over chunks: names of C++ templates have some hundred KiB at worst. */
const longest = 1024 * 1024;
const lineFeed = 10;

/**
 * Takes whole lines: `bytes[from]` to `bytes[to - 1]`, which is an LF.
 *
 * @param bytes lent for the call only.
 * @param offset bytes from the start of the input to `from`.
 * @param ended false for a last line whose LF is not in the input: it may be half a line.
 */
export type TakeLines = (bytes: Buffer, from: number, to: number, offset: number, ended: boolean) => void;

/** Takes chunks of any size. */
export interface LineRegions {
  readonly push: (chunk: Uint8Array) => void;
  /** Hands over what stands after the last line end. */
  readonly end: () => void;
}

/**
 * Hands on as many whole lines at once as a chunk has; what two chunks share is copied.
 *
 * @param takeCut called instead of `take` with the first MiB of a line that is longer and spread over chunks.
 */
export function lineRegions(take: TakeLines, takeCut: TakeLines): LineRegions {
  let kept = Buffer.allocUnsafe(1024);
  let size = 0;
  let cut = false;
  /** Offset of the line that `kept` begins, and of the current chunk. */
  let start = 0;
  let position = 0;

  function keep(bytes: Buffer, from: number, to: number): void {
    const length = Math.min(to - from, longest - size);
    if (length < to - from) cut = true;
    if (size + length + 1 > kept.length) {
      const larger = Buffer.allocUnsafe(Math.max(kept.length * 2, size + length + 1));
      kept.copy(larger, 0, 0, size);
      kept = larger;
    }
    bytes.copy(kept, size, from, from + length);
    size += length;
  }

  function release(ended: boolean): void {
    kept[size] = lineFeed;
    const end = size + 1;
    const to = cut ? takeCut : take;
    size = 0;
    cut = false;
    to(kept, 0, end, start, ended);
  }

  return {
    push: (chunk) => {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let from = 0;
      if (size > 0) {
        const first = bytes.indexOf(lineFeed);
        keep(bytes, 0, first < 0 ? bytes.length : first);
        if (first >= 0) release(true);
        from = first < 0 ? bytes.length : first + 1;
      }
      const last = Math.max(from, bytes.lastIndexOf(lineFeed) + 1);
      if (last > from) take(bytes, from, last, position + from, true);
      if (last < bytes.length) {
        start = position + last;
        keep(bytes, last, bytes.length);
      }
      position += bytes.length;
    },
    end: () => {
      if (size > 0) release(false);
    },
  };
}
