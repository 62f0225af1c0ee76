// Numbers rows by what they are: pairs, triples and quadruples of integers, millions of them. For readers and analyze.

/** Tells rows apart by two to four integers each, of which those above `largest` count as it. */
export interface RowTable {
  /** The row with these numbers, made when there is none yet: it is then the last one. Surplus numbers are ignored. */
  readonly row: (a: number, b: number, c?: number, d?: number) => number;
  readonly size: () => number;
  /** The numbers of the rows at one of the positions. */
  readonly column: (position: number) => number[];
}

const largest = 0x7fffffff;
const firstSlots = 64;

/**
 * An empty table. A Map with keys made of the numbers would need a string for each look-up, and arrays of objects the
 * same again in memory: that would be most of the cost of reading a large profile.
 *
 * @param width how many numbers a row has.
 */
export function rowTable(width: 2 | 3 | 4): RowTable {
  let size = 0;
  // The numbers of each row side by side: a look-up touches one place in memory.
  let keys = new Int32Array((firstSlots / 2) * width);
  // Row + 1 by hash; 0: free. At most half of it is used.
  let slots = new Int32Array(firstSlots);

  function grow(): void {
    const larger = new Int32Array(keys.length * 2);
    larger.set(keys);
    keys = larger;
    slots = new Int32Array(slots.length * 2);
    const mask = slots.length - 1;
    for (let row = 0; row < size; row++) {
      const key = row * width;
      let slot =
        hash(
          keys[key] as number,
          keys[key + 1] as number,
          width > 2 ? (keys[key + 2] as number) : 0,
          width > 3 ? (keys[key + 3] as number) : 0,
        ) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = row + 1;
    }
  }

  function row(first: number, second: number, third = 0, fourth = 0): number {
    const a = first > largest ? largest : first;
    const b = second > largest ? largest : second;
    const c = width < 3 ? 0 : third > largest ? largest : third;
    const d = width < 4 ? 0 : fourth > largest ? largest : fourth;
    const mask = slots.length - 1;
    let slot = hash(a, b, c, d) & mask;
    for (let used = slots[slot] as number; used !== 0; used = slots[slot] as number) {
      const key = (used - 1) * width;
      if (
        keys[key] === a &&
        keys[key + 1] === b &&
        (width < 3 || keys[key + 2] === c) &&
        (width < 4 || keys[key + 3] === d)
      ) {
        return used - 1;
      }
      slot = (slot + 1) & mask;
    }
    const key = size * width;
    keys[key] = a;
    keys[key + 1] = b;
    if (width > 2) keys[key + 2] = c;
    if (width > 3) keys[key + 3] = d;
    slots[slot] = ++size;
    if (size * 2 === slots.length) grow();
    return size - 1;
  }

  return {
    row,
    size: () => size,
    column: (position) => {
      const column = new Array<number>(size);
      for (let row = 0; row < size; row++) column[row] = keys[row * width + position] as number;
      return column;
    },
  };
}

/** Rows that differ a little in their third number, as the lines of a function do, get places near each other. */
function hash(a: number, b: number, c: number, d: number): number {
  let sum = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b) ^ Math.imul(d, 0x27d4eb2f);
  sum = Math.imul(sum ^ (sum >>> 15), 0xc2b2ae35);
  return (sum ^ (sum >>> 16)) + Math.imul(c, 5);
}

/** Values of rows, several for each, which are 0 until something is added. */
export interface RowValues {
  readonly add: (row: number, column: number, value: number) => void;
  readonly get: (row: number, column: number) => number;
  /** A further column. */
  readonly addColumn: () => void;
  /** The values by column, of rows from 0 up to a number, or of these rows in this order. */
  readonly columns: (rows: number | Int32Array) => number[][];
}

/** Rows in a block of values: blocks are added when there are more rows, so nothing is copied. */
const blockRows = 4096;

/** @param count how many columns to begin with. */
export function rowValues(count: number): RowValues {
  let width = count;
  // Values of a row stand side by side, because they are added together.
  const blocks: Float64Array[] = [];

  function blockOf(row: number): Float64Array {
    const index = Math.floor(row / blockRows);
    while (blocks.length <= index) blocks.push(new Float64Array(blockRows * width));
    return blocks[index] as Float64Array;
  }

  /** Copies a column of rows that are one after the other, or of those in `order`. */
  function copy(
    list: number[],
    order: Int32Array | undefined,
    from: number,
    to: number,
    column: number,
  ): void {
    for (let index = from; index < to; index++) {
      const row = order === undefined ? index : (order[index] as number);
      const block = blocks[row >>> 12];
      list[index] = block === undefined ? 0 : (block[(row & (blockRows - 1)) * width + column] as number);
    }
  }

  return {
    add: (row, column, value) => {
      const block = blocks[row >>> 12] ?? blockOf(row);
      const at = (row & (blockRows - 1)) * width + column;
      block[at] = (block[at] as number) + value;
    },
    get: (row, column) => blocks[row >>> 12]?.[(row & (blockRows - 1)) * width + column] ?? 0,
    addColumn: () => {
      for (const [index, block] of blocks.entries()) {
        const wider = new Float64Array(blockRows * (width + 1));
        for (let row = 0; row < blockRows; row++) {
          wider.set(block.subarray(row * width, (row + 1) * width), row * (width + 1));
        }
        blocks[index] = wider;
      }
      width++;
    },
    columns: (rows) => {
      const count = typeof rows === 'number' ? rows : rows.length;
      const order = typeof rows === 'number' ? undefined : rows;
      const lists = Array.from({ length: width }, () => roomForNumbers(count));
      // A block of rows at a time, so that all values of a row are read while they are at hand.
      for (let from = 0; from < count; from += blockRows) {
        const to = Math.min(count, from + blockRows);
        for (let column = 0; column < width; column++)
          copy(lists[column] as number[], order, from, to, column);
      }
      return lists;
    },
  };
}

/** Rows that are told apart by the same numbers, and what was added to each. */
export interface RowSums extends Pick<RowTable, 'row' | 'size' | 'column'>, Pick<RowValues, 'add'> {
  /** What was added, by measure and row. */
  readonly values: () => number[][];
}

/** An empty table. @param width how many numbers a row has. @param measures how many sums. */
export function rowSums(width: 2 | 3 | 4, measures: number): RowSums {
  const table = rowTable(width);
  const values = rowValues(measures);
  return { ...table, add: values.add, values: () => values.columns(table.size()) };
}

/** An array that holds numbers of any size from the start: one that grows with them is copied again and again. */
export function roomForNumbers(count: number): number[] {
  if (count === 0) return [];
  const list = [0.5];
  list.length = count;
  return list;
}

/**
 * The order of rows by several columns, the last column being the most important. Of integers from 0 by a radix sort, which
 * takes a tenth of the time of sorting millions of rows by comparing them.
 *
 * @param columns each with whether it is to fall.
 */
export function orderOf(
  rows: number,
  columns: readonly { readonly values: ArrayLike<number>; readonly falling?: boolean }[],
): Int32Array {
  let order = new Int32Array(rows);
  for (let row = 0; row < rows; row++) order[row] = row;
  if (!columns.every(({ values }) => hasOnlyCounts(values, rows))) {
    return order.sort((a, b) => {
      for (const { values, falling = false } of [...columns].reverse()) {
        const difference = (values[a] as number) - (values[b] as number);
        if (difference !== 0) return falling ? -difference : difference;
      }
      return a - b;
    });
  }
  let sorted = new Int32Array(rows);
  const digits = new Uint16Array(rows);
  for (const { values, falling = false } of columns) {
    let most = 0;
    for (let row = 0; row < rows; row++) most = Math.max(most, values[row] as number);
    for (let unit = 1; unit <= most; unit *= 0x10000) {
      const starts = new Int32Array(0x10001);
      const flip = falling ? 0xffff : 0;
      if (most <= largest) {
        const shift = unit === 1 ? 0 : 16;
        for (let row = 0; row < rows; row++) {
          digits[row] = (((values[row] as number) >>> shift) & 0xffff) ^ flip;
        }
      } else {
        for (let row = 0; row < rows; row++) {
          const value = Math.floor((values[row] as number) / unit);
          digits[row] = (value - Math.floor(value / 0x10000) * 0x10000) ^ flip;
        }
      }
      for (let row = 0; row < rows; row++) {
        const after = (digits[row] as number) + 1;
        starts[after] = (starts[after] as number) + 1;
      }
      for (let digit = 0; digit < 0x10000; digit++) {
        starts[digit + 1] = (starts[digit + 1] as number) + (starts[digit] as number);
      }
      for (let at = 0; at < rows; at++) {
        const row = order[at] as number;
        const digit = digits[row] as number;
        const place = starts[digit] as number;
        sorted[place] = row;
        starts[digit] = place + 1;
      }
      [order, sorted] = [sorted, order];
    }
  }
  return order;
}

function hasOnlyCounts(values: ArrayLike<number>, rows: number): boolean {
  for (let row = 0; row < rows; row++) {
    const value = values[row] as number;
    if (value < 0 || !Number.isSafeInteger(value)) return false;
  }
  return true;
}

/**
 * Numbers pairs of integers from 0 in the order in which they first come, as a `RowTable` does, where the second numbers
 * of equal first ones are close together: then they are looked up in an array.
 *
 * @param leastSecond pairs with a smaller second number, or a first one below 0, get the row -1.
 */
export function rowsOfPairs(
  firsts: readonly number[],
  seconds: readonly number[],
  leastSecond: number,
): { readonly rows: Int32Array; readonly firsts: readonly number[]; readonly seconds: readonly number[] } {
  const rows = new Int32Array(firsts.length).fill(-1);
  const ownFirsts: number[] = [];
  const ownSeconds: number[] = [];
  const lengths: number[] = [];
  let room = 0;
  for (let at = 0; at < firsts.length; at++) {
    const first = firsts[at] as number;
    if (first < 0) continue;
    for (let next = lengths.length; next <= first; next++) lengths.push(0);
    const length = (seconds[at] as number) + 1;
    if (length <= (lengths[first] as number)) continue;
    room += length - (lengths[first] as number);
    lengths[first] = length;
  }
  const table = room > firsts.length * 16 + 0x10000 ? rowTable(2) : undefined;
  const starts = new Float64Array(lengths.length);
  for (let first = 1; first < lengths.length; first++) {
    starts[first] = (starts[first - 1] as number) + (lengths[first - 1] as number);
  }
  // Row + 1 by place; 0: none yet.
  const places = new Int32Array(table === undefined ? room : 0);
  for (let at = 0; at < firsts.length; at++) {
    const first = firsts[at] as number;
    const second = seconds[at] as number;
    if (first < 0 || second < leastSecond) continue;
    const place = (starts[first] as number) + second;
    let row = table === undefined ? (places[place] as number) - 1 : table.row(first, second);
    if (row < 0 || row === ownFirsts.length) {
      row = ownFirsts.push(first) - 1;
      ownSeconds.push(second);
      if (table === undefined) places[place] = row + 1;
    }
    rows[at] = row;
  }
  return { rows, firsts: ownFirsts, seconds: ownSeconds };
}
