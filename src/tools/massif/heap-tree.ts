// The trees of massif's snapshots. massif's go from the allocation outwards: a node's children are its callers. A
// CallTree goes from the outermost call inwards, so each path that ends at a node of massif's is turned round.
import type { CallTree, ProfileFrame } from '../../model/profile.ts';
import { frameTable } from '../../model/profile-tables.ts';
import { byteTable, hashBytes } from '../_shared/byte-table.ts';
import { callPaths, pathFrames } from '../_shared/call-paths.ts';
import { parseFrameLabel } from '../_shared/frame-label.ts';

/** Distinct call paths of one file, and distinct labels: real files have some thousands. */
const mostPaths = 4_000_000;
/** Rows of all trees of one file. Snapshots that come when they are used up have no tree. */
const mostRows = 8_000_000;
/** massif's `--depth` is at most 200 addresses, each with the functions that were inlined there. */
const mostDepth = 2048;
/** Steps for turning paths round: a file that takes more was made to. */
const mostSteps = 30_000_000;

/** Labels for what has no path in the file; those of the file follow. */
const unknownLabel = 0;
const cutLabel = 1;
const crowdLabel = 2;
const ownFrames: readonly ProfileFrame[] = [
  {},
  { sum: 'in places that are missing because the file is cut or damaged' },
  { sum: 'in more places than are told apart' },
];

/** What was wrong with the nodes of a tree: how many there were of each. */
export interface TreeFaults {
  /** Nodes whose children hold more than they do. */
  readonly overfull: number;
  /** Nodes of which children are missing. */
  readonly cut: number;
  /** Nodes that are nested deeper than is told apart. */
  readonly deep: number;
}

/** Rows that a tree has, and the value of each by measure. It becomes a CallTree at the end of the file. */
export interface PendingTree {
  readonly rows: Int32Array;
  readonly columns: readonly (readonly number[])[];
}

/** Reads the nodes of one tree after the other. Memory follows distinct paths, and the rows of the trees taken. */
export interface HeapTrees {
  /** The root of a tree, or of the next measure of one. */
  readonly begin: (children: number, value: number) => void;
  /** The next node, in the order of the file, when one is missing; its label stands in `bytes`. */
  readonly node: (children: number, value: number, bytes: Buffer, start: number, end: number) => void;
  /** Levels at which nodes are missing; 0 when the tree is whole. It is the indentation of the next node. */
  readonly depth: () => number;
  /** Ends a measure; what is still missing counts as cut. */
  readonly close: () => TreeFaults;
  /**
   * The tree of all measures since the last one; undefined when there is no more room for trees.
   *
   * @param always there is room for this one.
   */
  readonly take: (always: boolean) => PendingTree | undefined;
  /** The trees that were taken. @param measures that each has at least; what it lacks is 0. */
  readonly build: (
    pending: readonly { readonly tree: PendingTree; readonly name?: string }[],
    measures: number,
  ) => { readonly frames: readonly ProfileFrame[]; readonly trees: readonly CallTree[] };
}

/** No tree yet. */
export function heapTrees(): HeapTrees {
  const labels = byteTable(mostPaths);
  const paths = callPaths();

  /** By label, the one that a sum becomes below the root, and below a place; itself for what is no sum. */
  const sumOfRoot: number[] = [];
  const sumOfPlace: number[] = [];

  // massif's nodes by path, the root first. Trees of one file are much alike, so each path is made once.
  const nodes = callPaths();
  nodes.row(-1, unknownLabel);
  /** Row in `paths` of the path that ends at the node, -1: not yet turned round. */
  const ends = [-1];
  /** The node that came next in the last tree that had this one: most often it comes next again. */
  const followers = [-1];

  // The nodes of which children are missing, the root first. Node -1: one that is not told apart.
  const openNodes: number[] = [];
  const openChildren: number[] = [];
  const openRests: number[] = [];
  let last = 0;
  let steps = 0;
  let faults = { overfull: 0, cut: 0, deep: 0 };

  // Rows that have a value in the tree, or inner calls that have one; and their values by measure.
  let touched: number[] = [];
  let columns: number[][] = [];
  const stamps: number[] = [];
  const slots: number[] = [];
  let stamp = 1;
  let rowsTaken = 0;
  let previous: Int32Array | undefined;

  function childOf(parent: number, bytes: Buffer, start: number, end: number): number {
    if (parent === -1) return -1;
    const expected = followers[last] as number;
    if (
      expected !== -1 &&
      nodes.parents[expected] === parent &&
      labels.is((nodes.labels[expected] as number) - ownFrames.length, bytes, start, end)
    ) {
      last = expected;
      return expected;
    }
    const number = labels.add(hashBytes(bytes, start, end), bytes, start, end);
    if (number === -1) return -1;
    if (nodes.parents.length >= mostPaths) return -1;
    const node = nodes.row(parent, number + ownFrames.length);
    if (node === ends.length) {
      ends.push(-1);
      followers.push(-1);
    }
    followers[last] = node;
    last = node;
    return node;
  }

  /**
   * The label that a node has in the tree. massif says of a sum how many places it stands for. In a CallTree sums are
   * outermost, so those of many nodes become one: its text has to be true of all, without a number. Below the root are
   * places that allocate, below a place its callers.
   */
  function labelOf(node: number): number {
    const label = nodes.labels[node] as number;
    const isPlace = nodes.parents[node] === 0;
    const known = isPlace ? sumOfRoot : sumOfPlace;
    while (known.length <= label) known.push(-1);
    let own = known[label] as number;
    if (own === -1) {
      own = mergedLabel(label, isPlace ? 'places' : 'callers');
      known[label] = own;
    }
    return own;
  }

  function mergedLabel(label: number, what: string): number {
    const number = label - ownFrames.length;
    if (number < 0 || !labels.text(number).startsWith('in ')) return label;
    const { sum } = parseFrameLabel(labels.text(number));
    if (sum === undefined) return label;
    const text = Buffer.from(`${what} ${sum.slice(sum.indexOf('below '))}`);
    const merged = labels.add(hashBytes(text, 0, text.length), text, 0, text.length);
    return merged === -1 ? label : merged + ownFrames.length;
  }

  /** The row of the path from a node, which is its outermost call, to the allocation; called from row `caller`. */
  function turnRound(node: number, caller: number): number {
    if (node === -1 || paths.parents.length >= mostPaths || steps > mostSteps) {
      return paths.row(-1, crowdLabel);
    }
    if (node === 0 && caller === -1) return paths.row(-1, unknownLabel);
    let row = caller;
    for (let at = node; at !== 0; at = nodes.parents[at] as number) {
      row = paths.row(row, labelOf(at));
      steps++;
    }
    return row;
  }

  function spend(row: number, value: number): void {
    while (stamps.length < paths.parents.length) {
      stamps.push(0);
      slots.push(0);
    }
    for (let at = row; at !== -1 && stamps[at] !== stamp; at = paths.parents[at] as number) {
      stamps[at] = stamp;
      slots[at] = touched.push(at) - 1;
      for (const column of columns) column.push(0);
    }
    const column = columns[columns.length - 1];
    const slot = slots[row] as number;
    if (column !== undefined) column[slot] = (column[slot] as number) + value;
  }

  function endAt(node: number, value: number): void {
    // Nothing was allocated there: massif writes such nodes for `--threshold=0`.
    if (value === 0) return;
    if (node === -1) {
      spend(turnRound(-1, -1), value);
      return;
    }
    let row = ends[node] as number;
    if (row === -1) {
      row = turnRound(node, -1);
      ends[node] = row;
    }
    spend(row, value);
  }

  function open(node: number, missing: number, value: number): void {
    openNodes.push(node);
    openChildren.push(missing);
    openRests.push(value);
    while (openChildren.length > 0 && (openChildren[openChildren.length - 1] as number) <= 0) {
      const rest = openRests.pop() as number;
      openChildren.pop();
      const done = openNodes.pop() as number;
      if (rest < 0) faults.overfull++;
      else endAt(done, rest);
    }
  }

  return {
    depth: () => openNodes.length,
    begin: (missing, value) => {
      columns.push(new Array<number>(touched.length).fill(0));
      last = 0;
      open(0, missing, value);
    },
    node: (missing, value, bytes, start, end) => {
      const top = openNodes.length - 1;
      if (top < 0) return;
      openChildren[top] = (openChildren[top] as number) - 1;
      openRests[top] = (openRests[top] as number) - value;
      let node = openNodes[top] as number;
      if (top >= mostDepth) faults.deep++;
      else node = childOf(node, bytes, start, end);
      open(node, missing, value);
    },
    close: () => {
      let rest = 0;
      while (openNodes.length > 0) {
        const node = openNodes.pop() as number;
        const own = openRests.pop() as number;
        openChildren.pop();
        faults.cut++;
        if (own < 0) faults.overfull++;
        else rest += own;
        // Nodes below the greatest depth are one.
        if (openNodes.length > mostDepth) continue;
        if (rest > 0) spend(turnRound(node, paths.row(-1, cutLabel)), rest);
        rest = 0;
      }
      const found = faults;
      faults = { overfull: 0, cut: 0, deep: 0 };
      return found;
    },
    take: (always) => {
      // A path stands behind those that it goes on from: in the order of rows, parents come first.
      const sorted = Int32Array.from(touched).sort();
      const rows = previous !== undefined && isEqual(previous, sorted) ? previous : sorted;
      const taken = always || rowsTaken + rows.length <= mostRows;
      const values = taken
        ? columns.map((column) => Array.from(rows, (row) => column[slots[row] as number] as number))
        : [];
      touched = [];
      columns = [];
      stamp++;
      if (!taken) return undefined;
      rowsTaken += rows.length;
      previous = rows;
      return { rows, columns: values };
    },
    build: (pending, measures) => {
      const table = frameTable();
      const texts = new Map<number, ProfileFrame>();
      const frameOf = (label: number): ProfileFrame => {
        let frame = ownFrames[label] ?? texts.get(label);
        if (frame === undefined) {
          frame = parseFrameLabel(labels.text(label - ownFrames.length));
          texts.set(label, frame);
        }
        return frame;
      };
      const frames = pathFrames(paths, frameOf, table);
      const local = new Int32Array(paths.parents.length);
      // Trees with the same paths share their tables.
      const shapes = new Map<Int32Array, Pick<CallTree, 'parents' | 'frames'>>();
      const trees = pending.map(({ tree: { rows, columns: own }, name }) => {
        let shape = shapes.get(rows);
        if (shape === undefined) {
          for (let at = 0; at < rows.length; at++) local[rows[at] as number] = at;
          shape = {
            parents: Array.from(rows, (row) => {
              const parent = paths.parents[row] as number;
              return parent === -1 ? -1 : (local[parent] as number);
            }),
            frames: Array.from(rows, (row) => frames[row] as number),
          };
          shapes.set(rows, shape);
        }
        const values = Array.from(
          { length: measures },
          (_, measure) => own[measure] ?? new Array<number>(rows.length).fill(0),
        );
        return { ...(name !== undefined && { name }), ...shape, values };
      });
      return { frames: table.frames, trees };
    },
  };
}

function isEqual(a: Int32Array, b: Int32Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
