// Costs of functions and lines from call trees.
import type { CallEdges, CallTree, LineCosts, Profile, ProfileFrame } from '../../model/profile.ts';
import type { FunctionCosts } from '../../model/profile-report.ts';
import { addToParents, callLists, frameTable } from '../../model/profile-tables.ts';
import { type RowSums, rowSums } from '../../model/row-table.ts';

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
  const edges = rowSums(2, measures);
  const lines = createLines(measures, frames, functionOfFrame);
  for (const tree of trees) {
    const { parents } = tree;
    const nodes = parents.length;
    const outermost = outermostRows(tree, functionOfFrame, count);
    const callees = new Int32Array(nodes);
    const edgeRows = new Int32Array(nodes);
    const lineRows = new Int32Array(nodes);
    for (let node = 0; node < nodes; node++) {
      const frame = tree.frames[node] as number;
      const parent = parents[node] as number;
      const callee = functionOfFrame[frame] as number;
      callees[node] = callee;
      edgeRows[node] = parent < 0 ? -1 : edges.row(callees[parent] as number, callee);
      lineRows[node] = tree.values.some((column) => column[node] !== 0) ? lines.row(frame) : -1;
    }
    // One measure after the other: all sums at once would take as much memory as the tree.
    const sums = new Float64Array(nodes);
    for (let measure = 0; measure < measures; measure++) {
      const column = tree.values[measure] as readonly number[];
      const own = self[measure] as number[];
      const withCalls = inclusive[measure] as number[];
      sums.set(column);
      addToParents(sums, parents);
      for (let node = 0; node < nodes; node++) {
        const callee = callees[node] as number;
        const value = column[node] as number;
        const sum = sums[node] as number;
        const edge = edgeRows[node] as number;
        const line = lineRows[node] as number;
        if (value !== 0) own[callee] = (own[callee] as number) + value;
        if (value !== 0 && line >= 0) lines.add(line, measure, value);
        if (outermost[node] === 1) withCalls[callee] = (withCalls[callee] as number) + sum;
        if (edge >= 0 && sum !== 0) edges.add(edge, measure, sum);
      }
    }
  }
  const found = lines.build();
  return {
    functions: table.frames,
    costs: { self, inclusive },
    edges: edgesOf(edges),
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
  const { first, next } = callLists({ parents });
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

function edgesOf(table: RowSums): CallEdges {
  const rows = table.size();
  return {
    callers: table.column(0),
    callees: table.column(1),
    files: new Array<number>(rows).fill(-1),
    lines: new Array<number>(rows).fill(0),
    calls: new Array<number>(rows).fill(0),
    values: table.values(),
  };
}

function createLines(measures: number, frames: readonly ProfileFrame[], functionOfFrame: readonly number[]) {
  const files = new Map<string, number>();
  const rowOfFrame = new Map<number, number>();
  // Rows: function, file, line.
  const table = rowSums(3, measures);
  const rowOf = (index: number): number => {
    const { directory, file, line } = frames[index] as ProfileFrame;
    if (file === undefined || line === undefined) return -1;
    const path = directory === undefined || file.startsWith('/') ? file : `${directory}/${file}`;
    let number = files.get(path);
    if (number === undefined) {
      number = files.size;
      files.set(path, number);
    }
    return table.row(functionOfFrame[index] as number, number, line);
  };
  return {
    get files(): readonly string[] {
      return [...files.keys()];
    },
    /** The row of a frame; -1 when its line is not known. */
    row: (frame: number): number => {
      let row = rowOfFrame.get(frame);
      if (row === undefined) {
        row = rowOf(frame);
        rowOfFrame.set(frame, row);
      }
      return row;
    },
    add: table.add,
    build: (): LineCosts | undefined =>
      table.size() === 0
        ? undefined
        : {
            functions: table.column(0),
            files: table.column(1),
            lines: table.column(2),
            values: table.values(),
          },
  };
}
