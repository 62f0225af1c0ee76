// Bytes to whole lines without making strings of them: for formats of which gigabytes are read.

/** Takes whole lines: `bytes[from]` to `bytes[to - 1]`, which is an LF. The bytes are lent for the call only. */
export type TakeLines = (bytes: Uint8Array, from: number, to: number) => void;

/** Takes chunks of any size. */
export interface LineRegions {
  readonly push: (chunk: Uint8Array) => void;
  /** Hands over what stands after the last line end, with one added. @returns whether there was any. */
  readonly end: (take: TakeLines) => boolean;
  /** Lines that lost their tail because they were longer than `longest`. */
  readonly cut: () => number;
}

/** Bytes of a line that are kept: names of C++ templates have a few hundred KiB at worst. */
const longest = 1024 * 1024;

/** Hands on as many whole lines at once as a chunk has; what two chunks share is copied. */
export function lineRegions(take: TakeLines): LineRegions {
  let kept = new Uint8Array(1024);
  let size = 0;
  let cut = 0;
  let cutting = false;

  function keep(bytes: Uint8Array): void {
    const room = longest - size;
    if (bytes.length > room && !cutting) {
      cutting = true;
      cut++;
    }
    const part = bytes.length > room ? bytes.subarray(0, room) : bytes;
    if (size + part.length + 1 > kept.length) {
      const larger = new Uint8Array(Math.max(kept.length * 2, size + part.length + 1));
      larger.set(kept.subarray(0, size));
      kept = larger;
    }
    kept.set(part, size);
    size += part.length;
  }

  function release(to: TakeLines): void {
    kept[size] = 10;
    const end = size + 1;
    size = 0;
    cutting = false;
    to(kept, 0, end);
  }

  return {
    push: (chunk) => {
      let from = 0;
      if (size > 0) {
        const first = chunk.indexOf(10);
        keep(first < 0 ? chunk : chunk.subarray(0, first));
        if (first < 0) return;
        release(take);
        from = first + 1;
      }
      const last = chunk.lastIndexOf(10) + 1;
      if (last > from) take(chunk, from, last);
      if (last < chunk.length) keep(chunk.subarray(Math.max(from, last)));
    },
    end: (last) => {
      if (size === 0) return false;
      release(last);
      return true;
    },
    cut: () => cut,
  };
}
