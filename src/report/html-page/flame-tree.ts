// Flame graphs without a screen: trees by function, from either end, what a search covers, boxes. Shared with svg.ts.
import type { CallTree, Columns } from '../../model/profile.ts';
import type { ReportProfileFrame } from '../../model/profile-report.ts';

/** Which run gives numbers: the one that is shown, or the one that it is compared with. */
export type Side = 'after' | 'before';

/** Heaviest child first, or by name, which stays the same from run to run. */
export type Order = 'heavy' | 'name';

/** Frames that are shown as one: those of a function, whatever its lines, or those of one line. */
export interface FrameGroups {
  /** Group by index into the frames. */
  readonly of: Int32Array;
  /** The first frame of each group. */
  readonly frames: readonly ReportProfileFrame[];
}

/** Numbers functions; with `byLine` places in them. */
export function groupFrames(frames: readonly ReportProfileFrame[], byLine: boolean): FrameGroups {
  const known = new Map<string, number>();
  const first: ReportProfileFrame[] = [];
  const of = new Int32Array(frames.length);
  for (const [index, frame] of frames.entries()) {
    const key = byLine ? placeKey(frame) : functionKey(frame);
    let group = known.get(key);
    if (group === undefined) {
      group = first.push(frame) - 1;
      known.set(key, group);
    }
    of[index] = group;
  }
  return { of, frames: first };
}

/** Equal for frames of one function, inlined or not apart. A frame without a name is known by its object or address. */
export function functionKey(frame: ReportProfileFrame): string {
  const { function: name, object = '', path = '', ip = '', inlined, sum } = frame;
  if (sum !== undefined) return `s\0${sum}`;
  if (name === undefined) return `o\0${object}\0${object === '' ? ip : ''}`;
  return `f\0${name}\0${object}\0${path}\0${inlined === true ? 1 : ''}`;
}

/** Whether two frames are of one function as far as they tell; inlined or not is no difference. */
export function isSameFunction(a: ReportProfileFrame, b: ReportProfileFrame): boolean {
  const isAlike = (one: string | undefined, other: string | undefined): boolean =>
    one === undefined || other === undefined || one === other;
  if (a.sum !== undefined || b.sum !== undefined) return a.sum === b.sum;
  if (a.function !== b.function) return false;
  if (a.function === undefined) return functionKey(a) === functionKey(b);
  return isAlike(a.object, b.object) && isAlike(a.path, b.path);
}

function placeKey(frame: ReportProfileFrame): string {
  const { line = '', ip = '' } = frame;
  return `${functionKey(frame)}\0${line === '' ? ip : line}`;
}

/**
 * A tree to draw. Node 0 is the whole; it has no frame. Nodes of an inverted tree come into being when they are asked
 * for, so that the callers of what nobody looks at cost nothing.
 */
export interface FlameTree {
  readonly groups: FrameGroups;
  readonly size: () => number;
  /** -1 above the whole. */
  readonly parentOf: (node: number) => number;
  /** -1 for the whole. */
  readonly groupOf: (node: number) => number;
  /** Index of the first frame that was counted into the node; -1 for the whole. */
  readonly frameOf: (node: number) => number;
  /** Whether calls from several lines (or addresses) were counted into the node. */
  readonly isMixed: (node: number) => boolean;
  readonly childrenOf: (node: number) => readonly number[];
  readonly self: (node: number, measure: number, side?: Side) => number;
  /** With all below. */
  readonly total: (node: number, measure: number, side?: Side) => number;
  readonly compared: boolean;
}

/** A tree of a profile and its values in the run that it is compared with. */
export interface TreeSource {
  readonly tree: CallTree;
  readonly before?: Columns | undefined;
}

/** A tree whose nodes are all there, a parent before its children. */
export interface WholeTree extends FlameTree {
  /** The node that a row of `sources[index]` was counted into. */
  readonly nodeOf: (source: number, row: number) => number;
}

/**
 * Lays trees on top of each other, calls of one group below one node being one.
 * @param measures how many values a row has.
 */
export function flameTree(
  sources: readonly TreeSource[],
  groups: FrameGroups,
  frames: readonly ReportProfileFrame[],
  measures: number,
): WholeTree {
  const compared = sources.some(({ before }) => before !== undefined);
  const parents = [-1];
  const groupNumbers = [-1];
  const firstFrames = [-1];
  const mixed = [false];
  const makeColumns = (): number[][] => Array.from({ length: measures }, () => [0]);
  const self = makeColumns();
  const selfBefore = compared ? makeColumns() : [];
  // Node + 1 by parent and group; 0: free. A Map of pairs made into one number takes minutes for millions of nodes.
  let slots = new Int32Array(1024);
  const slotOf = (parent: number, group: number): number => {
    const mixed = Math.imul(parent + 1, 0x9e3779b1 | 0) ^ Math.imul(group + 1, 0x85ebca6b | 0);
    return (mixed ^ (mixed >>> 15)) & (slots.length - 1);
  };
  const next = (slot: number): number => (slot + 1) & (slots.length - 1);
  const grow = (): void => {
    slots = new Int32Array(slots.length * 2);
    for (let node = 1; node < parents.length; node++) {
      let slot = slotOf(parents[node] as number, groupNumbers[node] as number);
      while (slots[slot] !== 0) slot = next(slot);
      slots[slot] = node + 1;
    }
  };
  const rowNodes = sources.map(({ tree, before }) => {
    const nodes = new Int32Array(tree.parents.length);
    for (let row = 0; row < nodes.length; row++) {
      const above = tree.parents[row] ?? -1;
      const parent = above < 0 || above >= row ? 0 : (nodes[above] as number);
      const frame = tree.frames[row] ?? -1;
      const group = groups.of[frame] ?? 0;
      let slot = slotOf(parent, group);
      let node = (slots[slot] as number) - 1;
      while (node >= 0 && (parents[node] !== parent || groupNumbers[node] !== group)) {
        slot = next(slot);
        node = (slots[slot] as number) - 1;
      }
      if (node < 0) {
        node = parents.push(parent) - 1;
        slots[slot] = node + 1;
        groupNumbers.push(group);
        if (parents.length * 2 > slots.length) grow();
        firstFrames.push(frame);
        mixed.push(false);
        for (const column of self) column.push(0);
        for (const column of selfBefore) column.push(0);
      } else {
        const first = firstFrames[node] as number;
        if (first !== frame && !isSamePlace(frames[first], frames[frame])) mixed[node] = true;
      }
      nodes[row] = node;
      addRow(self, node, tree.values, row);
      if (before !== undefined) addRow(selfBefore, node, before, row);
    }
    return nodes;
  });
  const total = self.map((column) => sumUp(column, parents));
  const totalBefore = selfBefore.map((column) => sumUp(column, parents));
  const children = childLists(parents);
  const value = (after: number[][], before: number[][]) => (node: number, measure: number, side?: Side) =>
    (side === 'before' ? before : after)[measure]?.[node] ?? 0;
  return {
    groups,
    compared,
    size: () => parents.length,
    parentOf: (node) => parents[node] ?? -1,
    groupOf: (node) => groupNumbers[node] ?? -1,
    frameOf: (node) => firstFrames[node] ?? -1,
    isMixed: (node) => mixed[node] ?? false,
    childrenOf: children,
    self: value(self, selfBefore),
    total: value(total, totalBefore),
    nodeOf: (source, row) => rowNodes[source]?.[row] ?? 0,
  };
}

function isSamePlace(a: ReportProfileFrame | undefined, b: ReportProfileFrame | undefined): boolean {
  return a?.line === b?.line && (a?.line !== undefined || a?.ip === b?.ip);
}

function addRow(columns: number[][], node: number, values: Columns, row: number): void {
  for (let measure = 0; measure < columns.length; measure++) {
    const column = columns[measure] as number[];
    const value = values[measure]?.[row] ?? 0;
    // What is no amount has no width.
    if (value > 0 && value < Number.POSITIVE_INFINITY) column[node] = (column[node] as number) + value;
  }
}

/** Each with all below it. */
function sumUp(column: readonly number[], parents: readonly number[]): number[] {
  const sums = [...column];
  for (let node = sums.length - 1; node > 0; node--) {
    const parent = parents[node] as number;
    sums[parent] = (sums[parent] as number) + (sums[node] as number);
  }
  return sums;
}

function childLists(parents: readonly number[]): (node: number) => readonly number[] {
  const starts = new Int32Array(parents.length + 1);
  for (let node = 1; node < parents.length; node++) {
    const slot = (parents[node] as number) + 1;
    starts[slot] = (starts[slot] as number) + 1;
  }
  for (let node = 0; node < parents.length; node++) {
    starts[node + 1] = (starts[node + 1] as number) + (starts[node] as number);
  }
  const next = starts.slice();
  const lists = new Array<number>(Math.max(0, parents.length - 1));
  for (let node = 1; node < parents.length; node++) {
    const parent = parents[node] as number;
    lists[next[parent] as number] = node;
    next[parent] = (next[parent] as number) + 1;
  }
  return (node) => lists.slice(starts[node] ?? 0, starts[node + 1] ?? 0);
}

/**
 * The same costs from the other end: below the whole stands every function that spent something itself, below it its
 * callers. A width is what was spent at the end of the paths, so nothing is counted twice, recursion or not.
 */
export function invertedTree(tree: FlameTree, measures: number): FlameTree {
  const parents = [-1];
  const groupNumbers = [-1];
  const firstFrames = [-1];
  const mixed = [false];
  /** For each node pairs: where the cost is, and the call that the path has come up to. */
  const paths: Int32Array[] = [];
  const children: (readonly number[] | undefined)[] = [];
  const makeColumns = (): number[][] => Array.from({ length: measures }, () => []);
  const total = makeColumns();
  const totalBefore = makeColumns();
  const self = makeColumns();
  const selfBefore = makeColumns();

  const leaves: number[] = [];
  for (let node = 0; node < tree.size(); node++) {
    for (let measure = 0; measure < measures; measure++) {
      if (tree.self(node, measure) > 0 || tree.self(node, measure, 'before') > 0) {
        leaves.push(node, node);
        break;
      }
    }
  }
  paths.push(Int32Array.from(leaves));
  for (let measure = 0; measure < measures; measure++) {
    total[measure]?.push(tree.total(0, measure));
    totalBefore[measure]?.push(tree.total(0, measure, 'before'));
    self[measure]?.push(tree.self(0, measure));
    selfBefore[measure]?.push(tree.self(0, measure, 'before'));
  }

  const expand = (node: number): readonly number[] => {
    const found = new Map<number, { readonly node: number; readonly pairs: number[] }>();
    const pairs = paths[node] ?? new Int32Array();
    for (let index = 0; index < pairs.length; index += 2) {
      const leaf = pairs[index] as number;
      const below = pairs[index + 1] as number;
      const call = node === 0 ? below : tree.parentOf(below);
      if (call <= 0) continue;
      const group = tree.groupOf(call);
      let target = found.get(group);
      if (target === undefined) {
        const fresh = parents.push(node) - 1;
        groupNumbers.push(group);
        firstFrames.push(tree.frameOf(call));
        mixed.push(tree.isMixed(call));
        for (const columns of [total, totalBefore, self, selfBefore])
          for (const column of columns) column.push(0);
        target = { node: fresh, pairs: [] };
        found.set(group, target);
      } else if (tree.frameOf(call) !== firstFrames[target.node] || tree.isMixed(call)) {
        mixed[target.node] = true;
      }
      target.pairs.push(leaf, call);
      const isOutermost = tree.parentOf(call) <= 0;
      for (let measure = 0; measure < measures; measure++) {
        for (const side of ['after', 'before'] as const) {
          const spent = tree.self(leaf, measure, side);
          if (spent === 0) continue;
          addTo(side === 'after' ? total : totalBefore, measure, target.node, spent);
          if (isOutermost) addTo(side === 'after' ? self : selfBefore, measure, target.node, spent);
        }
      }
    }
    const nodes: number[] = [];
    for (const { node: child, pairs: own } of found.values()) {
      paths[child] = Int32Array.from(own);
      nodes.push(child);
    }
    return nodes;
  };
  const value = (after: number[][], before: number[][]) => (node: number, measure: number, side?: Side) =>
    (side === 'before' ? before : after)[measure]?.[node] ?? 0;
  return {
    groups: tree.groups,
    compared: tree.compared,
    size: () => parents.length,
    parentOf: (node) => parents[node] ?? -1,
    groupOf: (node) => groupNumbers[node] ?? -1,
    frameOf: (node) => firstFrames[node] ?? -1,
    isMixed: (node) => mixed[node] ?? false,
    childrenOf: (node) => {
      children[node] ??= expand(node);
      return children[node] ?? [];
    },
    self: value(self, selfBefore),
    total: value(total, totalBefore),
  };
}

function addTo(columns: number[][], measure: number, node: number, value: number): void {
  const column = columns[measure];
  if (column !== undefined) column[node] = (column[node] ?? 0) + value;
}

/** What decides where boxes stand. */
export interface Look {
  readonly measure: number;
  readonly order: Order;
  readonly side: Side;
  /** Names of groups, for the order by name. */
  readonly names: readonly string[];
}

/** The children of a node that have a width, in order. */
export function orderedChildren(tree: FlameTree, node: number, look: Look): number[] {
  const { measure, order, side, names } = look;
  const width = (child: number): number => tree.total(child, measure, side);
  const nameOf = (child: number): string => names[tree.groupOf(child)] ?? '';
  const byName = (a: number, b: number): number =>
    nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : a - b;
  return tree
    .childrenOf(node)
    .filter((child) => width(child) > 0)
    .sort(order === 'name' ? byName : (a, b) => width(b) - width(a) || byName(a, b));
}

/** A box of the drawing: fractions of its width, and the row; the node it starts from is in row 0. */
export interface FlameBox {
  readonly node: number;
  readonly left: number;
  readonly width: number;
  readonly depth: number;
}

/** Boxes and what had no room for one. */
export interface FlameLayout {
  readonly boxes: readonly FlameBox[];
  /** Rows that the boxes take. */
  readonly depth: number;
  /** Boxes that were left out because they are narrower than `least`; those below them are not counted. */
  readonly left: number;
}

/**
 * Places what is below a node. What is narrower than `least` (a fraction of the whole width) is left out with all below
 * it: it could not be seen.
 */
export function layOutFlame(tree: FlameTree, root: number, look: Look, least: number): FlameLayout {
  const boxes: FlameBox[] = [];
  const { measure, side } = look;
  const whole = tree.total(root, measure, side);
  let depth = 0;
  let left = 0;
  if (!(whole > 0)) return { boxes, depth, left };
  const open: FlameBox[] = [{ node: root, left: 0, width: 1, depth: 0 }];
  for (let box = open.pop(); box !== undefined; box = open.pop()) {
    boxes.push(box);
    depth = Math.max(depth, box.depth + 1);
    let from = box.left;
    const end = box.left + box.width;
    for (const child of orderedChildren(tree, box.node, look)) {
      // Never out of the box of the caller, whatever became of the last digits.
      const width = Math.min(tree.total(child, measure, side) / whole, Math.max(0, end - from));
      if (width < least) left++;
      else open.push({ node: child, left: from, width, depth: box.depth + 1 });
      from += width;
    }
  }
  return { boxes, depth, left };
}

/** Nodes from the whole down to this one. */
export function pathTo(tree: FlameTree, node: number): readonly number[] {
  const path: number[] = [];
  for (let each = node; each >= 0; each = tree.parentOf(each)) path.push(each);
  return path.reverse();
}

/** Groups from the outermost call to a node, for an address: `1.k.2f`. */
export function addressOf(tree: FlameTree, node: number): string {
  return pathTo(tree, node)
    .slice(1)
    .map((each) => tree.groupOf(each).toString(36))
    .join('.');
}

/** The node at an address, or the last one on the way to it that is there. */
export function nodeAt(tree: FlameTree, address: string): number {
  let node = 0;
  if (address === '') return node;
  for (const word of address.split('.')) {
    const group = Number.parseInt(word, 36);
    const next = tree.childrenOf(node).find((child) => tree.groupOf(child) === group);
    if (next === undefined) break;
    node = next;
  }
  return node;
}

/**
 * How much was spent in groups that match or below them. A match inside a match is not counted again.
 * @returns the amount and the number of outermost matches.
 */
export function coverage(
  tree: WholeTree,
  matches: Uint8Array,
  measure: number,
  side: Side,
): { readonly amount: number; readonly calls: number } {
  const covered = new Uint8Array(tree.size());
  let amount = 0;
  let calls = 0;
  for (let node = 1; node < covered.length; node++) {
    if (covered[tree.parentOf(node)] === 1) covered[node] = 1;
    else if (matches[tree.groupOf(node)] === 1) {
      covered[node] = 1;
      amount += tree.total(node, measure, side);
      calls++;
    }
  }
  return { amount, calls };
}

/** What a search looks for: a text in any case, or between slashes a regular expression. */
export type Matcher = (text: string) => boolean;

/** Nothing for an empty search, a sentence for an expression that is none. */
export function matcherOf(search: string): Matcher | string | undefined {
  const text = search.trim();
  if (text === '') return undefined;
  // `/^std::.*sort/`
  const expression = /^\/(.+)\/$/.exec(text)?.[1];
  if (expression === undefined) {
    const wanted = text.toLowerCase();
    return (each) => each.toLowerCase().includes(wanted);
  }
  try {
    const pattern = new RegExp(expression, 'i');
    return (each) => pattern.test(each);
  } catch {
    return 'This is no regular expression.';
  }
}

/** 1 for each group whose function, source or object matches. */
export function matchingGroups(groups: FrameGroups, matches: Matcher): Uint8Array {
  return Uint8Array.from(groups.frames, ({ function: name, sum, path, object }) =>
    [name, sum, path, object].some((text) => text !== undefined && matches(text)) ? 1 : 0,
  );
}

/**
 * By how much a cost changed, from -1 (gone) to 1 (new): the difference as a part of the larger one. 0 for less than a
 * hundredth.
 */
export function changeOf(before: number, after: number): number {
  const larger = Math.max(before, after);
  if (!(larger > 0)) return 0;
  const change = (after - before) / larger;
  return Math.abs(change) < 0.01 ? 0 : change;
}

/** What a call is drawn as. */
export type CallKind = 'mine' | 'library' | 'system' | 'kernel' | 'tool' | 'sum' | 'all';

/** `[kernel.kallsyms]`, `[guest.kernel.kallsyms]`, `[nf_tables]`, `/lib/modules/…/ext4.ko.xz` */
const kernelObject = /^\[(?:guest\.)?kernel\b|\.ko(?:\.\w+)?$|^\[k\]/;

export function callKind(frame: ReportProfileFrame | undefined): CallKind {
  if (frame === undefined) return 'all';
  if (frame.sum !== undefined) return 'sum';
  return frame.object !== undefined && kernelObject.test(frame.object) ? 'kernel' : frame.owner;
}
