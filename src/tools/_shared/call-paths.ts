// Call paths of a heap profile, each kept once, and which of their calls were inlined.
import type { ProfileFrame } from '../../model/profile.ts';
import type { FrameTable } from '../../model/profile-tables.ts';

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
  // A hash table of rows, -1: empty. A Map would need a number of more than 32 bits for each key, which is slow.
  let slots = new Int32Array(1024).fill(-1);
  let mask = slots.length - 1;

  function slotOf(parent: number, label: number): number {
    let hash = Math.imul(parent + 1, 0x9e3779b1) ^ Math.imul(label, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let slot = (hash ^ (hash >>> 13)) & mask;
    for (let row = slots[slot] as number; row !== -1; row = slots[slot] as number) {
      if (parents[row] === parent && labels[row] === label) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  return {
    parents,
    labels,
    row: (parent, label) => {
      const slot = slotOf(parent, label);
      const known = slots[slot] as number;
      if (known !== -1) return known;
      const row = parents.push(parent) - 1;
      labels.push(label);
      slots[slot] = row;
      if (row * 2 > mask) {
        slots = new Int32Array(slots.length * 2).fill(-1);
        mask = slots.length - 1;
        for (let at = 0; at <= row; at++) slots[slotOf(parents[at] as number, labels[at] as number)] = at;
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
