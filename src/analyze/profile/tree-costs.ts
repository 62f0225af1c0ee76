// Costs of functions and lines from call trees.
import type { CallEdges, CallTree, LineCosts, Profile, ProfileFrame } from '../../model/profile.ts';
import type { FunctionCosts } from '../../model/profile-report.ts';
import { frameTable, inclusiveValues } from '../../model/profile-tables.ts';
import { roomForNumbers } from '../../model/row-table.ts';

/** The functions that call trees tell of. */
export interface TreeFunctions {
  readonly functions: readonly ProfileFrame[];
  readonly costs: FunctionCosts;
  readonly edges: CallEdges;
  /** Missing when no frame has a line. */
  readonly lines?: LineCosts;
  readonly files: readonly string[];
}

/** The frame without what tells places of one function apart. */
export function functionOf(frame: ProfileFrame): ProfileFrame {
  const { function: name, object, directory, file, ip, sum } = frame;
  if (sum !== undefined) return { sum };
  if (name === undefined) {
    // Without a name only the address tells places apart, and it is worth more than one "???" for all.
    return {
      ...(object !== undefined && { object }),
      ...(object === undefined && ip !== undefined && { ip }),
    };
  }
  return {
    function: name,
    ...(object !== undefined && { object }),
    ...(directory !== undefined && { directory }),
    ...(file !== undefined && { file }),
  };
}

/**
 * Adds up over the trees. Inclusive: a function that is on a path more than once is counted there once; lines: what was
 * spent at the end of a path.
 *
 * @param measures number of values that a node has.
 */
export function treeFunctions(
  { frames, trees }: Pick<Profile, 'frames' | 'trees'>,
  measures: number,
): TreeFunctions {
  const table = frameTable();
  const functionOfFrame = frames.map((frame) => table.add(functionOf(frame)));
  const count = table.frames.length;
  const self = columnsOf(measures, count);
  const inclusive = columnsOf(measures, count);
  const { rows: edgeOf, callers, callees } = numberEdges(trees, functionOfFrame, count);
  const spentFor = Array.from({ length: measures }, () => roomForNumbers(callers.length).fill(0));
  const lines = createLines(measures, frames, functionOfFrame);
  let firstNode = 0;
  for (const tree of trees) {
    const { parents, frames: rows } = tree;
    const sums = inclusiveValues(tree);
    const outermost = outermostRows(tree, functionOfFrame, count);
    for (let measure = 0; measure < measures; measure++) {
      const own = tree.values[measure] as readonly number[];
      const all = sums[measure] as readonly number[];
      const selfColumn = self[measure] as number[];
      const inclusiveColumn = inclusive[measure] as number[];
      const edgeColumn = spentFor[measure] as number[];
      for (let node = 0; node < parents.length; node++) {
        const frame = rows[node] as number;
        const callee = functionOfFrame[frame] as number;
        const value = own[node] as number;
        const sum = all[node] as number;
        if (value !== 0) {
          selfColumn[callee] = (selfColumn[callee] as number) + value;
          lines.add(frame, measure, value);
        }
        if (outermost[node] === 1) inclusiveColumn[callee] = (inclusiveColumn[callee] as number) + sum;
        const edge = edgeOf[firstNode + node] as number;
        if (edge >= 0) edgeColumn[edge] = (edgeColumn[edge] as number) + sum;
      }
    }
    firstNode += parents.length;
  }
  const found = lines.build();
  return {
    functions: table.frames,
    costs: { self, inclusive },
    edges: {
      callers,
      callees,
      files: new Array<number>(callers.length).fill(-1),
      lines: new Array<number>(callers.length).fill(0),
      calls: new Array<number>(callers.length).fill(0),
      values: spentFor,
    },
    ...(found !== undefined && { lines: found }),
    files: lines.files,
  };
}

function columnsOf(measures: number, length: number): number[][] {
  return Array.from({ length: measures }, () => new Array<number>(length).fill(0));
}

/** 1 for each row whose function is not already among its callers. */
function outermostRows(
  { parents, frames }: CallTree,
  functionOfFrame: readonly number[],
  functions: number,
): Uint8Array {
  const outermost = new Uint8Array(parents.length);
  const open = new Int32Array(functions);
  const next = new Int32Array(parents.length).fill(-1);
  const first = new Int32Array(parents.length + 1).fill(-1);
  // Children in any order: the walk only needs to know which rows are above.
  for (let node = parents.length - 1; node >= 0; node--) {
    const parent = (parents[node] as number) + 1;
    next[node] = first[parent] as number;
    first[parent] = node;
  }
  const functionAt = (node: number): number => functionOfFrame[frames[node] as number] as number;
  let node = first[0] as number;
  while (node !== -1) {
    const own = functionAt(node);
    if (open[own] === 0) outermost[node] = 1;
    open[own] = (open[own] as number) + 1;
    let down = first[node + 1] as number;
    while (down === -1 && node !== -1) {
      const left = functionAt(node);
      open[left] = (open[left] as number) - 1;
      down = next[node] as number;
      node = parents[node] as number;
    }
    node = down;
  }
  return outermost;
}

interface TreeEdges {
  /** Row of the edge that each node is called by, tree after tree; -1 for outermost calls. */
  readonly rows: Int32Array;
  readonly callers: readonly number[];
  readonly callees: readonly number[];
}

/**
 * Numbers pairs of caller and callee in the order in which they first come. Nodes are looked at caller by caller, so that
 * one small array tells which callees it has: a hash table of millions of pairs would be most of the cost of a large tree.
 */
function numberEdges(
  trees: readonly CallTree[],
  functionOfFrame: readonly number[],
  functions: number,
): TreeEdges {
  const nodes = trees.reduce((sum, { parents }) => sum + parents.length, 0);
  const callerOf = new Int32Array(nodes).fill(-1);
  const calleeOf = new Int32Array(nodes);
  const ends = new Int32Array(functions + 1);
  let first = 0;
  for (const { parents, frames } of trees) {
    for (let node = 0; node < parents.length; node++) {
      const own = functionOfFrame[frames[node] as number] as number;
      calleeOf[first + node] = own;
      const parent = parents[node] as number;
      if (parent < 0) continue;
      const caller = calleeOf[first + parent] as number;
      callerOf[first + node] = caller;
      ends[caller + 1] = (ends[caller + 1] as number) + 1;
    }
    first += parents.length;
  }
  for (let caller = 0; caller < functions; caller++) {
    ends[caller + 1] = (ends[caller + 1] as number) + (ends[caller] as number);
  }
  const calls = new Int32Array(ends[functions] as number);
  for (let node = 0; node < nodes; node++) {
    const caller = callerOf[node] as number;
    if (caller < 0) continue;
    const at = ends[caller] as number;
    calls[at] = node;
    ends[caller] = at + 1;
  }
  // The first node of each edge stands for it until all are known.
  const firstNode = new Int32Array(nodes).fill(-1);
  const known = new Int32Array(functions).fill(-1);
  let start = 0;
  for (let caller = 0; caller < functions; caller++) {
    const end = ends[caller] as number;
    for (let at = start; at < end; at++) {
      const node = calls[at] as number;
      const callee = calleeOf[node] as number;
      const before = known[callee] as number;
      if (before < 0 || callerOf[before] !== caller) known[callee] = node;
      firstNode[node] = known[callee] as number;
    }
    start = end;
  }
  const callers: number[] = [];
  const callees: number[] = [];
  const rows = firstNode;
  for (let node = 0; node < nodes; node++) {
    const representative = firstNode[node] as number;
    if (representative < 0) continue;
    if (representative === node) {
      callers.push(callerOf[node] as number);
      rows[node] = callees.push(calleeOf[node] as number) - 1;
    } else rows[node] = rows[representative] as number;
  }
  return { rows, callers, callees };
}

function createLines(measures: number, frames: readonly ProfileFrame[], functionOfFrame: readonly number[]) {
  const files = new Map<string, number>();
  const rowOfFrame = new Map<number, number>();
  const rows = new Map<string, number>();
  const columns = { functions: [] as number[], files: [] as number[], lines: [] as number[] };
  const values: number[][] = Array.from({ length: measures }, () => []);
  const rowOf = (index: number): number => {
    const { directory, file, line } = frames[index] as ProfileFrame;
    if (file === undefined || line === undefined) return -1;
    const path = directory === undefined || file.startsWith('/') ? file : `${directory}/${file}`;
    let number = files.get(path);
    if (number === undefined) {
      number = files.size;
      files.set(path, number);
    }
    const name = functionOfFrame[index] as number;
    const key = `${name} ${number} ${line}`;
    let row = rows.get(key);
    if (row === undefined) {
      row = columns.lines.push(line) - 1;
      columns.functions.push(name);
      columns.files.push(number);
      for (const column of values) column.push(0);
      rows.set(key, row);
    }
    return row;
  };
  return {
    get files(): readonly string[] {
      return [...files.keys()];
    },
    add: (frame: number, measure: number, value: number): void => {
      let row = rowOfFrame.get(frame);
      if (row === undefined) {
        row = rowOf(frame);
        rowOfFrame.set(frame, row);
      }
      if (row < 0) return;
      const column = values[measure] as number[];
      column[row] = (column[row] as number) + value;
    },
    build: (): LineCosts | undefined => (rows.size === 0 ? undefined : { ...columns, values }),
  };
}
