// Numbers rows by what they are: pairs, triples and quadruples of integers, millions of them. For readers and analyze.

/** Tells rows apart by two to four integers each. */
export interface RowTable {
  /** The row with these numbers, made when there is none yet: it is then the last one. Surplus numbers are ignored. */
  readonly row: (a: number, b: number, c?: number, d?: number) => number;
  readonly size: () => number;
  /** The numbers of the rows, by position: those of the table itself. */
  readonly columns: readonly number[][];
}

const firstSlots = 64;

/**
 * An empty table. A Map with keys made of the numbers would need a string for each look-up, which is most of the time
 * and memory of reading a large profile.
 *
 * @param width how many numbers a row has.
 */
export function rowTable(width: 2 | 3 | 4): RowTable {
  const first: number[] = [];
  const second: number[] = [];
  const third: number[] = [];
  const fourth: number[] = [];
  // Row + 1 by hash; 0: free. At most half of it is used.
  let slots = new Int32Array(firstSlots);

  function grow(): void {
    slots = new Int32Array(slots.length * 2);
    const mask = slots.length - 1;
    for (let row = 0; row < first.length; row++) {
      let slot = hash(first[row] as number, second[row] as number, third[row] ?? 0, fourth[row] ?? 0) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = row + 1;
    }
  }

  function row(a: number, b: number, c = 0, d = 0): number {
    const mask = slots.length - 1;
    let slot = hash(a, b, width > 2 ? c : 0, width > 3 ? d : 0) & mask;
    for (let used = slots[slot] as number; used !== 0; used = slots[slot] as number) {
      const at = used - 1;
      if (
        first[at] === a &&
        second[at] === b &&
        (width < 3 || third[at] === c) &&
        (width < 4 || fourth[at] === d)
      ) {
        return at;
      }
      slot = (slot + 1) & mask;
    }
    const made = first.push(a) - 1;
    second.push(b);
    if (width > 2) third.push(c);
    if (width > 3) fourth.push(d);
    slots[slot] = made + 1;
    if (made * 2 >= mask) grow();
    return made;
  }

  return { row, size: () => first.length, columns: [first, second, third, fourth].slice(0, width) };
}

function hash(a: number, b: number, c: number, d: number): number {
  let sum = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b);
  sum = Math.imul(sum ^ (sum >>> 15), 0xc2b2ae35) ^ Math.imul(c + 0x165667b1, 0x27d4eb2f);
  sum = Math.imul(sum ^ (sum >>> 13), 0x2c1b3c6d) ^ Math.imul(d + 0x297a2d39, 0x297a2d39);
  return sum ^ (sum >>> 16);
}

/** Columns of values that get a row whenever the table beside them does. */
export interface RowValues {
  readonly columns: number[][];
  /** Makes room for rows up to this one. */
  readonly reach: (row: number) => void;
  /** A further column; what is there gets 0. */
  readonly addColumn: () => void;
}

/** @param count how many columns to begin with. */
export function rowValues(count: number): RowValues {
  const columns: number[][] = Array.from({ length: count }, () => []);
  let rows = 0;
  return {
    columns,
    reach: (row) => {
      for (; rows <= row; rows++)
        for (let index = 0; index < columns.length; index++) columns[index]?.push(0);
    },
    addColumn: () => columns.push(new Array<number>(rows).fill(0)),
  };
}
