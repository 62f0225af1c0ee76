// Remembers the ends of recent lines by a number that mostly tells them apart, so that most lines need not be read.

/** Bytes of a line that are kept; a longer one is not remembered. */
const room = 160;
const slots = 0x8000;

/** Of all lines with equal low bits of their keys, the last. Its memory is fixed. */
export interface LineCache {
  /** Which bytes the following calls are about. */
  readonly use: (bytes: Uint8Array) => void;
  /** A number for the eight bytes at `at`, which must be there. */
  readonly keyAt: (at: number) => number;
  /**
   * Looks for a line that ended with the same bytes up to and including its LF.
   *
   * @param to where the bytes end.
   * @returns length of the line from `from`, LF included; 0: not known. What it was given is in `value`.
   */
  readonly find: (key: number, from: number, to: number) => number;
  readonly value: () => number;
  /** Remembers a line that ends with the LF before `next`. */
  readonly keep: (key: number, from: number, next: number, value: number) => void;
}

/** An empty cache. */
export function lineCache(): LineCache {
  const lengths = new Int32Array(slots);
  const values = new Int32Array(slots);
  const kept = new Uint8Array(slots * room);
  const keptView = new DataView(kept.buffer);
  let bytes = new Uint8Array(0);
  let view = new DataView(bytes.buffer);
  let found = 0;

  function slotOf(key: number): number {
    return (key ^ (key >>> 15)) & (slots - 1);
  }

  return {
    use: (next) => {
      bytes = next as Uint8Array<ArrayBuffer>;
      view = new DataView(next.buffer as ArrayBuffer, next.byteOffset, next.byteLength);
    },
    keyAt: (at) =>
      Math.imul(view.getInt32(at, true), 0x85ebca6b | 0) ^
      Math.imul(view.getInt32(at + 4, true), 0x9e3779b1 | 0),
    find: (key, from, to) => {
      const slot = slotOf(key);
      const length = lengths[slot] as number;
      if (length === 0 || from + length > to) return 0;
      const start = slot * room;
      const last = length - 4;
      for (let at = 0; at < last; at += 4) {
        if (view.getInt32(from + at, true) !== keptView.getInt32(start + at, true)) return 0;
      }
      if (view.getInt32(from + last, true) !== keptView.getInt32(start + last, true)) return 0;
      found = values[slot] as number;
      return length;
    },
    value: () => found,
    keep: (key, from, next, value) => {
      const length = next - from;
      if (length < 4 || length > room) return;
      const slot = slotOf(key);
      kept.set(bytes.subarray(from, next), slot * room);
      lengths[slot] = length;
      values[slot] = value;
    },
  };
}
