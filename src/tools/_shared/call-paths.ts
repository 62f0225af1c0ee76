// Call paths of a heap profile, each kept once, and which of their calls were inlined.
import type { ProfileFrame } from '../../model/profile.ts';
import type { FrameTable } from '../../model/profile-tables.ts';

/** Numbers call paths: a row is a path that ends with a label, and its parent the path without it. */
export interface CallPaths {
  /**
   * The row for `label` called from `parent` (-1: outermost), made when there is none yet.
   *
   * @param label a number of at most `largestLabel`.
   */
  readonly row: (parent: number, label: number) => number;
  readonly parents: readonly number[];
  readonly labels: readonly number[];
}

/** With it, and 2^26 rows, a key is a safe integer. */
export const largestLabel = 0x3ffffff;
const labelRoom = largestLabel + 1;

/** No paths yet. Who fills it from a file has to bound them: there is room for some 16 million. */
export function callPaths(): CallPaths {
  const parents: number[] = [];
  const labels: number[] = [];
  const rows = new Map<number, number>();
  return {
    parents,
    labels,
    row: (parent, label) => {
      const key = (parent + 1) * labelRoom + label;
      const known = rows.get(key);
      if (known !== undefined) return known;
      const row = parents.push(parent) - 1;
      labels.push(label);
      rows.set(key, row);
      return row;
    },
  };
}

/**
 * The frame of each row, by number in `table`. Of one address valgrind writes all functions that were inlined into each
 * other, the innermost first; so all of them but the outermost are inlined. The same places once more at the same
 * address are no inlining but a recursive call.
 *
 * @param frameOf what a label says.
 */
export function pathFrames(
  { parents, labels }: Pick<CallPaths, 'parents' | 'labels'>,
  frameOf: (label: number) => ProfileFrame,
  table: FrameTable,
): number[] {
  /** For each row the label at which its address began. */
  const heads: number[] = [];
  const plain = new Map<number, number>();
  const inlined = new Map<number, number>();
  return labels.map((label, row) => {
    const parent = parents[row] as number;
    const { ip } = frameOf(label);
    const continues =
      parent >= 0 &&
      ip !== undefined &&
      ip === frameOf(labels[parent] as number).ip &&
      label !== heads[parent];
    heads.push(continues ? (heads[parent] as number) : label);
    const numbers = continues ? inlined : plain;
    let number = numbers.get(label);
    if (number === undefined) {
      number = table.add(continues ? { ...frameOf(label), inlined: true } : frameOf(label));
      numbers.set(label, number);
    }
    return number;
  });
}
