// The names of objects, files and functions in a cost file: `(12) main` gives a name a number, `(12)` refers to it.
import { byteTable, hashBytes } from './byte-table.ts';

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
  const table = byteTable();
  const byNumber: (number | undefined)[] = [];
  const byLargeNumber = new Map<number, number>();

  function intern(bytes: Buffer, start: number, end: number): number {
    return table.add(hashBytes(bytes, start, end), bytes, start, end);
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
    at: table.text,
  };
}
