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
  const groups = groupsOf(after, count);
  const lost = groupsOf(before, count);
  const rows = new Int32Array(before.tree.parents.length).fill(-1);
  for (let node = 0; node < rows.length; node++) {
    const parent = before.tree.parents[node] as number;
    // Callers stand before what they call, so the caller's row is known.
    const row = parent < 0 ? -1 : (rows[parent] as number);
    if (rows[node] === -1 && row < after.tree.parents.length) {
      const number = before.functions[before.tree.frames[node] as number] as number;
      const key = (row + 1) * count + number;
      const first = groups.first.get(key);
      // Once for all calls of the function by this caller.
      if (first !== undefined && lost.first.get((parent + 1) * count + number) === node) {
        matchGroup(after, before, members(first, groups.next), members(node, lost.next), rows);
      }
    }
    if (rows[node] === -1) {
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

/** Nodes with one caller and one function, as linked lists: a tree has as many groups as nodes, nearly. */
interface Groups {
  /** (caller + 1) · count + function → the first node. */
  readonly first: ReadonlyMap<number, number>;
  /** The next node of the group; -1: none. */
  readonly next: Int32Array;
}

function groupsOf({ tree: { parents, frames }, functions }: ComparedSide, count: number): Groups {
  const first = new Map<number, number>();
  const next = new Int32Array(parents.length).fill(-1);
  for (let node = parents.length - 1; node >= 0; node--) {
    const key = ((parents[node] as number) + 1) * count + (functions[frames[node] as number] as number);
    next[node] = first.get(key) ?? -1;
    first.set(key, node);
  }
  return { first, next };
}

function members(first: number, next: Int32Array): number[] {
  const nodes: number[] = [];
  for (let node = first; node !== -1; node = next[node] as number) nodes.push(node);
  return nodes;
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
