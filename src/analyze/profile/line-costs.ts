// Costs of source lines for a report: over all functions that were compiled from them, and no more than can be of use.
import type { Columns, LineCosts } from '../../model/profile.ts';
import type { LeftLines, ReportLines } from '../../model/profile-report.ts';
import { orderOf, roomForNumbers, rowsOfPairs } from '../../model/row-table.ts';

/**
 * Lines that a report carries. Programs of millions of lines have as many with a cost, nearly all of them of next to
 * nothing: they would be most of a report, and nobody would look at them.
 */
const mostLines = 100_000;
/** However many measures there are, a line that has as much of one is carried. */
const largestShare = 0.0005;

/**
 * Lines of all functions that were compiled from them, the most expensive first. Of more than `most`, those that are
 * a part of any measure worth the place (each measure may claim as many places as the others), then the most expensive
 * by the primary measure. What is left out is added up by file.
 */
export function sumLines(costs: LineCosts, primary: number, most: number = mostLines): ReportLines {
  const { functions, files, lines, values } = costs;
  // Costs without a place stay with their function.
  const { rows, firsts: ofFile, seconds: ofLine } = rowsOfPairs(files, lines, 1);
  const size = ofFile.length;
  // One column after the other: all at once, they would take as much memory again as the profile.
  const sum = new Float64Array(size);
  const add = (column: readonly number[]): Float64Array => {
    sum.fill(0);
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index] as number;
      if (row >= 0) sum[row] = (sum[row] as number) + (column[index] as number);
    }
    return sum;
  };
  const spent = values[primary] ?? [];
  const kept = size > most ? chosenRows(values, primary, size, most, add) : undefined;
  const order = inOrder(kept, ofFile, ofLine, add(spent));
  const dearest = dearestFunctions(rows, functions, spent, size);
  const ordered = (column: ArrayLike<number>): number[] => {
    const list = roomForNumbers(order.length);
    for (let index = 0; index < order.length; index++) list[index] = column[order[index] as number] as number;
    return list;
  };
  const left = kept === undefined ? undefined : createLeft(kept, ofFile, size);
  return {
    files: ordered(ofFile),
    lines: ordered(ofLine),
    functions: ordered(dearest),
    values: values.map((column) => {
      const sums = add(column);
      left?.add(sums);
      return ordered(sums);
    }),
    ...(left && { left: left.build() }),
  };
}

/** The function that spent the most in each line. */
function dearestFunctions(
  rows: Int32Array,
  functions: readonly number[],
  spent: readonly number[],
  size: number,
): Int32Array {
  const dearest = new Int32Array(size).fill(-1);
  const most = new Float64Array(size);
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] as number;
    const own = spent[index] ?? 0;
    if (row < 0 || (dearest[row] !== -1 && own <= (most[row] as number))) continue;
    most[row] = own;
    dearest[row] = functions[index] as number;
  }
  return dearest;
}

/** 1 for each of the rows to keep. */
function chosenRows(
  values: Columns,
  primary: number,
  size: number,
  most: number,
  add: (column: readonly number[]) => Float64Array,
): Uint8Array {
  const kept = new Uint8Array(size);
  let room = most;
  // No more than `most / values.length` lines can have such a share of a measure each.
  const share = Math.min(values.length / most, largestShare);
  for (const column of values) {
    const sums = add(column);
    let total = 0;
    for (let row = 0; row < size; row++) total += Math.abs(sums[row] as number);
    const least = Math.max(total * share, Number.MIN_VALUE);
    for (let row = 0; row < size; row++) {
      if (kept[row] === 1 || Math.abs(sums[row] as number) < least) continue;
      kept[row] = 1;
      room--;
    }
  }
  // With hundreds of measures: the primary one decides.
  if (room < 0) {
    kept.fill(0);
    room = most;
  }
  for (const row of orderOf(size, [{ values: add(values[primary] ?? []), falling: true }])) {
    if (room === 0) break;
    if (kept[row] === 1) continue;
    kept[row] = 1;
    room--;
  }
  return kept;
}

/** The rows that are kept, by falling cost, file and line. */
function inOrder(
  kept: Uint8Array | undefined,
  files: readonly number[],
  lines: readonly number[],
  spent: Float64Array,
): Int32Array {
  if (kept === undefined) {
    return orderOf(files.length, [{ values: lines }, { values: files }, { values: spent, falling: true }]);
  }
  const rows: number[] = [];
  for (let row = 0; row < kept.length; row++) if (kept[row] === 1) rows.push(row);
  const of = (column: ArrayLike<number>): readonly number[] => rows.map((row) => column[row] as number);
  const order = orderOf(rows.length, [
    { values: of(lines) },
    { values: of(files) },
    { values: of(spent), falling: true },
  ]);
  return order.map((index) => rows[index] as number);
}

/** Adds up by file what is not kept. */
function createLeft(kept: Uint8Array, fileOfRow: readonly number[], size: number) {
  const places = new Map<number, number>();
  const counts: number[] = [];
  const placeOfRow = new Int32Array(size).fill(-1);
  for (let row = 0; row < size; row++) {
    if (kept[row] === 1) continue;
    const file = fileOfRow[row] as number;
    let place = places.get(file);
    if (place === undefined) {
      place = places.size;
      places.set(file, place);
      counts.push(0);
    }
    counts[place] = (counts[place] as number) + 1;
    placeOfRow[row] = place;
  }
  const values: number[][] = [];
  return {
    add: (sums: Float64Array): void => {
      const column = new Array<number>(places.size).fill(0);
      for (let row = 0; row < size; row++) {
        const place = placeOfRow[row] as number;
        if (place >= 0) column[place] = (column[place] as number) + (sums[row] as number);
      }
      values.push(column);
    },
    build: (): LeftLines => ({ files: [...places.keys()], counts, values }),
  };
}
