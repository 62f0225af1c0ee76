// Builds the tables of a profile: frames told apart by what they are, trees by their paths. For readers and analyze.
import type { CallTree, ProfileFrame } from './profile.ts';
import { rowTable } from './row-table.ts';

/** Numbers frames: equal ones get the same number. */
export interface FrameTable {
  /** The number of a frame with this content, in `frames`. */
  readonly add: (frame: ProfileFrame) => number;
  readonly frames: ProfileFrame[];
}

/** An empty table of frames. */
export function frameTable(): FrameTable {
  const frames: ProfileFrame[] = [];
  const numbers = new Map<string, number>();
  const ofObject = new Map<ProfileFrame, number>();
  return {
    frames,
    add: (frame) => {
      const known = ofObject.get(frame);
      if (known !== undefined) return known;
      const key = frameKey(frame);
      let number = numbers.get(key);
      if (number === undefined) {
        number = frames.push(frame) - 1;
        numbers.set(key, number);
      }
      ofObject.set(frame, number);
      return number;
    },
  };
}

/** Two frames are equal when their keys are. */
export function frameKey(frame: ProfileFrame): string {
  const { ip, object, function: name, directory, file, line, inlined, sum } = frame;
  return `${name ?? ''}\0${object ?? ''}\0${directory ?? ''}\0${file ?? ''}\0${line ?? ''}\0${ip ?? ''}\0${
    inlined === true ? 1 : ''
  }\0${sum ?? ''}`;
}

/** Grows a call tree from paths. */
export interface TreeBuilder {
  /** The row for a call from `parent` (-1: outermost) to `frame`, made when there is none yet. */
  readonly child: (parent: number, frame: number) => number;
  /** A row of its own even when `parent` has one for the same frame. */
  readonly append: (parent: number, frame: number) => number;
  /** Adds to the self value of a row. */
  readonly add: (node: number, measure: number, value: number) => void;
  readonly size: () => number;
  /** The tree so far; its arrays are those of the builder. */
  readonly build: (about?: Omit<CallTree, 'parents' | 'frames' | 'values'>) => CallTree;
}

/** An empty tree. @param measures how many values a node has. */
export function treeBuilder(measures: number): TreeBuilder {
  const parents: number[] = [];
  const frames: number[] = [];
  const values: number[][] = Array.from({ length: measures }, () => []);
  // Rows: parent, frame; and the node of each.
  const children = rowTable(2);
  const nodes: number[] = [];
  const append = (parent: number, frame: number): number => {
    const node = parents.push(parent) - 1;
    frames.push(frame);
    for (const column of values) column.push(0);
    return node;
  };
  return {
    append,
    child: (parent, frame) => {
      const row = children.row(parent, frame);
      if (row === nodes.length) nodes.push(append(parent, frame));
      return nodes[row] as number;
    },
    add: (node, measure, value) => {
      const column = values[measure];
      if (column !== undefined) column[node] = (column[node] ?? 0) + value;
    },
    size: () => parents.length,
    build: (about = {}) => ({ ...about, parents, frames, values }),
  };
}

/** The calls of each node as linked lists, in their order; -1 ends one. */
export interface CallLists {
  /** By node + 1: the first that it calls; at 0 the first outermost one. */
  readonly first: Int32Array;
  /** By node: the next call of the same caller. */
  readonly next: Int32Array;
}

/** Who calls whom, for walks from the callers inwards: a tree has each node's caller only. */
export function callLists({ parents }: Pick<CallTree, 'parents'>): CallLists {
  const next = new Int32Array(parents.length).fill(-1);
  const first = new Int32Array(parents.length + 1).fill(-1);
  for (let node = parents.length - 1; node >= 0; node--) {
    const parent = (parents[node] as number) + 1;
    next[node] = first[parent] as number;
    first[parent] = node;
  }
  return { first, next };
}

/** Values with all that was called, by measure and row: each row's own and those of its subtree. */
export function inclusiveValues({ parents, values }: CallTree): number[][] {
  return values.map((column) => {
    const sums = column.slice();
    addToParents(sums, parents);
    return sums;
  });
}

/** Makes inclusive values of self values, in place. */
export function addToParents(sums: number[] | Float64Array, parents: readonly number[]): void {
  // A parent stands before its children.
  for (let node = parents.length - 1; node >= 0; node--) {
    const parent = parents[node] as number;
    if (parent >= 0) sums[parent] = (sums[parent] as number) + (sums[node] as number);
  }
}

/** Sum of a column. */
export function sumOf(column: readonly number[]): number {
  let sum = 0;
  for (const value of column) sum += value;
  return sum;
}
