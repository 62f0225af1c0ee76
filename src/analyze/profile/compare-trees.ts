// Lays the call tree of an earlier profile over that of a later one: paths of functions, whatever their lines.
import type { CallTree, Columns } from '../../model/profile.ts';

/** A side of the comparison: a tree, and what its frames are. */
export interface ComparedSide {
  readonly tree: CallTree;
  /** By index of a frame: the number of its function (identity.ts), and its line; 0 where not known. */
  readonly functions: readonly number[];
  readonly lines: readonly number[];
}

/** Both trees in one table. */
export interface ComparedTree {
  /** The later tree; what only the earlier one has stands at its end, with zeros. */
  readonly tree: CallTree;
  /** Values of the earlier tree, by measure of the later one, row for row. */
  readonly before: Columns;
}

/**
 * Matches nodes whose callers match and whose functions are the same. Where a caller calls one function at several lines,
 * the calls are taken in the order of the lines when there are as many as before; else those at equal lines first.
 *
 * @param measures for each measure of the later tree its index in the earlier one; -1: it has none.
 * @param frameOf index into the later frames of a frame of the earlier ones, added to them where needed.
 * @param count numbers of functions are below this.
 */
export function compareTrees(
  after: ComparedSide,
  before: ComparedSide,
  measures: readonly number[],
  frameOf: (frame: number) => number,
  count: number,
): ComparedTree {
  const parents = [...after.tree.parents];
  const frames = [...after.tree.frames];
  const calls = callsOf(after, count);
  const callsBefore = callsOf(before, count);
  const own = after.tree.parents.length;
  const rows = new Int32Array(before.tree.parents.length).fill(-1);
  // Callers stand before what they call, so the row of a caller is known when it comes to its calls.
  for (let caller = -1; caller < rows.length; caller++) {
    if (callsBefore.isEmpty(caller)) continue;
    const row = caller < 0 ? -1 : (rows[caller] as number);
    const list = callsBefore.of(caller);
    if (row < own && !calls.isEmpty(row)) {
      calls.of(row);
      for (const node of list) {
        const number = before.functions[before.tree.frames[node] as number] as number;
        // Once for all calls of the function by this caller.
        if (callsBefore.first(number) !== node) continue;
        const now = calls.first(number);
        if (now !== -1) matchGroup(after, before, calls.group(now), callsBefore.group(node), rows);
      }
    }
    for (const node of list) {
      if (rows[node] !== -1) continue;
      rows[node] = parents.push(row) - 1;
      frames.push(frameOf(before.tree.frames[node] as number));
    }
  }
  return {
    tree: {
      ...after.tree,
      parents,
      frames,
      values: after.tree.values.map((column) => longer(column, parents.length)),
    },
    before: measures.map((measure) => {
      const placed = new Array<number>(parents.length).fill(0);
      const column = measure < 0 ? undefined : before.tree.values[measure];
      for (let node = 0; column !== undefined && node < rows.length; node++) {
        placed[rows[node] as number] = column[node] as number;
      }
      return placed;
    }),
  };
}

/** The column with zeros for rows that were added. */
export function longer(column: readonly number[], length: number): number[] {
  const all = [...column];
  while (all.length < length) all.push(0);
  return all;
}

/** The calls of one caller at a time, grouped by function. */
interface Calls {
  readonly isEmpty: (caller: number) => boolean;
  /** Nodes that this one calls (-1: the outermost ones), in their order. What is below speaks of these then. */
  readonly of: (caller: number) => Int32Array;
  /** The first of them that is the function of this number; -1: none. */
  readonly first: (number: number) => number;
  /** From the first one on all of the same function. */
  readonly group: (first: number) => readonly number[];
}

/** Typed arrays only: a tree may have millions of nodes, and nearly as many groups. */
function callsOf({ tree: { parents, frames }, functions }: ComparedSide, count: number): Calls {
  const ends = new Int32Array(parents.length + 2);
  for (const parent of parents) ends[parent + 2] = (ends[parent + 2] as number) + 1;
  for (let index = 1; index < ends.length; index++) {
    ends[index] = (ends[index] as number) + (ends[index - 1] as number);
  }
  const starts = ends.slice();
  const nodes = new Int32Array(parents.length);
  for (const [node, parent] of parents.entries()) {
    const at = starts[parent + 1] as number;
    nodes[at] = node;
    starts[parent + 1] = at + 1;
  }
  const next = new Int32Array(parents.length);
  const firsts = new Int32Array(count).fill(-1);
  // The caller for which `firsts` was written, counted from 0.
  const writtenFor = new Int32Array(count).fill(-1);
  let current = -1;
  return {
    isEmpty: (caller) => ends[caller + 1] === ends[caller + 2],
    of: (caller) => {
      current = caller + 1;
      const list = nodes.subarray(ends[current], ends[current + 1]);
      for (let at = list.length - 1; at >= 0; at--) {
        const node = list[at] as number;
        const number = functions[frames[node] as number] as number;
        next[node] = writtenFor[number] === current ? (firsts[number] as number) : -1;
        firsts[number] = node;
        writtenFor[number] = current;
      }
      return list;
    },
    first: (number) => (writtenFor[number] === current ? (firsts[number] as number) : -1),
    group: (first) => {
      const group: number[] = [];
      for (let node = first; node !== -1; node = next[node] as number) group.push(node);
      return group;
    },
  };
}

/** Writes into `rows` what the nodes before are now. */
function matchGroup(
  after: ComparedSide,
  before: ComparedSide,
  now: readonly number[],
  then: readonly number[],
  rows: Int32Array,
): void {
  if (now.length === 1 && then.length === 1) {
    rows[then[0] as number] = now[0] as number;
    return;
  }
  const lineOf = ({ tree, lines }: ComparedSide, node: number): number =>
    lines[tree.frames[node] as number] as number;
  const inOrder = (side: ComparedSide, nodes: readonly number[]): number[] =>
    [...nodes].sort((a, b) => lineOf(side, a) - lineOf(side, b) || a - b);
  let free = inOrder(after, now);
  let open = inOrder(before, then);
  if (free.length !== open.length) {
    const taken = new Set<number>();
    let at = 0;
    for (const node of open) {
      const line = lineOf(before, node);
      while (at < free.length && lineOf(after, free[at] as number) < line) at++;
      if (at === free.length || lineOf(after, free[at] as number) !== line) continue;
      taken.add(free[at] as number);
      rows[node] = free[at] as number;
      at++;
    }
    free = free.filter((node) => !taken.has(node));
    open = open.filter((node) => rows[node] === -1);
  }
  for (const [index, node] of open.slice(0, free.length).entries()) rows[node] = free[index] as number;
}
