// The names of objects, files and functions in a cost file: `(12) main` gives a name a number, `(12)` refers to it.
import { textOf } from './byte-text.ts';

/** Names by number, told apart by their bytes, because making a string of each line's name takes most of the time. */
export interface CostNames {
  /**
   * The name that stands in `bytes` from `start` to `end`.
   *
   * @returns its index, the same for equal names; -1 when it refers to a number that no line has defined.
   */
  readonly read: (bytes: Buffer, start: number, end: number) => number;
  /** The index of a name that is not in the file. */
  readonly add: (name: string) => number;
  /** The name with this index. */
  readonly at: (index: number) => string;
}

const [open, close, space, tab, zero] = [0x28, 0x29, 0x20, 0x09, 0x30];
/** Numbers up to this one are looked up in an array. */
const denseNumbers = 1 << 22;

/** No names yet. One table for each of objects, files and functions: each counts for itself. */
export function costNames(): CostNames {
  let store: Buffer = Buffer.alloc(1 << 12);
  let used = 0;
  const starts: number[] = [];
  const ends: number[] = [];
  // Index + 1 by hash of the name; 0: free.
  let slots = new Int32Array(256);
  const byNumber: (number | undefined)[] = [];
  const byLargeNumber = new Map<number, number>();

  function hash(bytes: Buffer, start: number, end: number): number {
    let sum = end - start;
    for (let at = start; at < end; at++) sum = Math.imul(sum ^ (bytes[at] as number), 0x01000193);
    return sum ^ (sum >>> 15);
  }

  function grow(): void {
    slots = new Int32Array(slots.length * 2);
    const mask = slots.length - 1;
    for (let index = 0; index < starts.length; index++) {
      let slot = hash(store, starts[index] as number, ends[index] as number) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index + 1;
    }
  }

  function intern(bytes: Buffer, start: number, end: number): number {
    const mask = slots.length - 1;
    let slot = hash(bytes, start, end) & mask;
    for (let one = slots[slot] as number; one !== 0; one = slots[slot] as number) {
      const from = starts[one - 1] as number;
      const to = ends[one - 1] as number;
      if (to - from === end - start && bytes.compare(store, from, to, start, end) === 0) return one - 1;
      slot = (slot + 1) & mask;
    }
    if (used + end - start > store.length) {
      const larger = Buffer.alloc(Math.max(store.length * 2, used + end - start));
      store.copy(larger, 0, 0, used);
      store = larger;
    }
    bytes.copy(store, used, start, end);
    const index = starts.push(used) - 1;
    used += end - start;
    ends.push(used);
    slots[slot] = index + 1;
    if (index * 2 >= mask) grow();
    return index;
  }

  function read(bytes: Buffer, start: number, end: number): number {
    if (bytes[start] === open) {
      let at = start + 1;
      let number = 0;
      for (; at < end; at++) {
        const digit = (bytes[at] as number) - zero;
        if (digit < 0 || digit > 9) break;
        number = number * 10 + digit;
      }
      // `(below main)` is a name.
      if (at > start + 1 && at < end && bytes[at] === close && number <= Number.MAX_SAFE_INTEGER) {
        at++;
        while (at < end && (bytes[at] === space || bytes[at] === tab)) at++;
        if (at === end) {
          return (number < denseNumbers ? byNumber[number] : byLargeNumber.get(number)) ?? -1;
        }
        const index = intern(bytes, at, end);
        if (number < denseNumbers) byNumber[number] = index;
        else byLargeNumber.set(number, index);
        return index;
      }
    }
    return intern(bytes, start, end);
  }

  return {
    read,
    add: (name) => {
      const bytes = Buffer.from(name);
      return intern(bytes, 0, bytes.length);
    },
    at: (index) => textOf(store, starts[index], ends[index]),
  };
}
