// Call paths of a heap profile, each kept once, and which of their calls were inlined.
import type { ProfileFrame } from '../../model/profile.ts';
import type { FrameTable } from '../../model/profile-tables.ts';
import { rowTable } from '../../model/row-table.ts';

/** Numbers call paths: a row is a path that ends with a label, and its parent the path without it. */
export interface CallPaths {
  /** The row for `label` called from `parent` (-1: outermost), made when there is none yet. */
  readonly row: (parent: number, label: number) => number;
  readonly parents: readonly number[];
  readonly labels: readonly number[];
}

/** No paths yet. Labels are integers from 0; who takes them from a file has to bound how many paths there may be. */
export function callPaths(): CallPaths {
  const parents: number[] = [];
  const labels: number[] = [];
  const table = rowTable(2);
  return {
    parents,
    labels,
    row: (parent, label) => {
      const row = table.row(parent, label);
      if (row === parents.length) {
        parents.push(parent);
        labels.push(label);
      }
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
  /** What is known of each label: its address, and its frame as it stands and inlined (-1: not yet made). */
  const known: { readonly ip: string | undefined; plain: number; inlined: number }[] = [];
  const about = (label: number) => {
    let one = known[label];
    if (one === undefined) {
      one = { ip: frameOf(label).ip, plain: -1, inlined: -1 };
      known[label] = one;
    }
    return one;
  };
  /** For each row the label at which its address began. */
  const heads = new Array<number>(labels.length).fill(0);
  const frames = new Array<number>(labels.length).fill(0);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    const parent = parents[row] as number;
    const own = about(label);
    const continues =
      parent >= 0 &&
      own.ip !== undefined &&
      label !== heads[parent] &&
      own.ip === about(labels[parent] as number).ip;
    heads[row] = continues ? (heads[parent] as number) : label;
    if (continues) {
      if (own.inlined === -1) own.inlined = table.add({ ...frameOf(label), inlined: true });
      frames[row] = own.inlined;
    } else {
      if (own.plain === -1) own.plain = table.add(frameOf(label));
      frames[row] = own.plain;
    }
  }
  return frames;
}
