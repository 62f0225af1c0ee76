// A likely call tree from a call graph, which does not determine one: for drawing.
import type { CallEdges, CallTree, Columns, Profile, ProfileFrame } from '../../model/profile.ts';
import { sumOf } from '../../model/profile-tables.ts';
import { orderOf, rowTable, rowValues } from '../../model/row-table.ts';
import { findCycles, graphCosts } from './graph-costs.ts';

/** A tree to draw for a profile that has only a graph, with the frames that it refers to. */
export interface InferredTree {
  readonly frames: readonly ProfileFrame[];
  readonly tree: CallTree;
}

/** A call that takes less of the total than this is not followed, and is drawn in one with its like. */
const leastShare = 0.0005;
const mostNodes = 20_000;
const deepest = 250;

const inferred =
  'the profile says which function called which, not by which paths, so what a function spent is shared out among its ' +
  'callers in proportion to what their calls cost, and a path in this tree is likely, not measured';

/**
 * Draws a tree from the calls of a graph: each call is followed by the calls that its function made, in proportion to the
 * call's share in what the function spent in all. What a node and its children have adds up to what its call cost. A
 * function that is already on the path is not entered again. Bounded in depth and size: the dearest calls are followed
 * first, and what is left out is in a node of its own.
 *
 * Nothing for a graph without calls: groups of functions are no call tree.
 *
 * @param inclusive what `graphCosts` says, when that is known already.
 */
export function inferTree(
  profile: Profile,
  inclusive: Columns | undefined = profile.graph &&
    graphCosts(profile.graph, profile.functions.length).inclusive,
): InferredTree | undefined {
  const { graph, functions, primary } = profile;
  const edges = graph?.edges;
  if (graph === undefined || edges === undefined || functions.length === 0) return undefined;
  const flow = flowOf(graph.self, edges, inclusive ?? graph.self);
  const measures = graph.self.length;
  const sumFrame = functions.length;
  const least = sumOf(graph.self[primary] ?? []) * leastShare;

  const parents: number[] = [];
  const frames: number[] = [];
  const depths: number[] = [];
  const values: number[][] = graph.self.map(() => []);
  const queue = dearestFirst(values[primary] ?? []);
  const arriving = new Float64Array(measures);

  /** A node whose call cost what `arriving` says, all of it its own until it is followed. */
  function append(parent: number, frame: number): number {
    const node = parents.push(parent) - 1;
    frames.push(frame);
    depths.push(parent < 0 ? 0 : (depths[parent] as number) + 1);
    for (let measure = 0; measure < measures; measure++) values[measure]?.push(arriving[measure] as number);
    return node;
  }

  // By function: the last node that it was found above of.
  const seenAbove = new Int32Array(functions.length).fill(-1);

  const rest = new Float64Array(measures);
  /** Gives the calls of a node's function their share of what the node has. */
  function follow(node: number): void {
    const row = frames[node] as number;
    const from = flow.first[row] as number;
    const to = flow.first[row + 1] as number;
    for (let above = node; above >= 0; above = parents[above] as number) {
      seenAbove[frames[above] as number] = node;
    }
    const reachable: number[] = [];
    for (let call = from; call < to; call++) {
      if (seenAbove[flow.callees[call] as number] !== node) reachable.push(call);
    }
    const had = values.map((column) => column[node] as number);
    const whole = values.map(
      (_, measure) =>
        (graph?.self[measure]?.[row] ?? 0) +
        reachable.reduce((sum, call) => sum + (flow.values[measure]?.[call] as number), 0),
    );
    rest.fill(0);
    for (const call of reachable) {
      for (let measure = 0; measure < measures; measure++) {
        const share = shareOf(
          had[measure] as number,
          flow.values[measure]?.[call] as number,
          whole[measure] as number,
        );
        arriving[measure] = share;
        const column = values[measure] as number[];
        // Not all values are whole numbers.
        column[node] = Math.max(0, (column[node] as number) - share);
      }
      if ((arriving[primary] as number) >= least && (arriving[primary] as number) > 0) {
        queue.add(append(node, flow.callees[call] as number));
        continue;
      }
      for (let measure = 0; measure < measures; measure++) {
        rest[measure] = (rest[measure] as number) + (arriving[measure] as number);
      }
    }
    if (rest.some((value) => value > 0)) {
      arriving.set(rest);
      append(node, sumFrame);
    }
  }

  const small = new Float64Array(measures);
  for (const { row, costs } of flow.roots) {
    if ((costs[primary] as number) >= least && parents.length < mostNodes / 2) {
      arriving.set(costs);
      queue.add(append(-1, row));
    } else for (const [measure, cost] of costs.entries()) small[measure] = (small[measure] as number) + cost;
  }
  if (small.some((cost) => cost > 0)) {
    arriving.set(small);
    append(-1, sumFrame);
  }
  for (let node = queue.take(); node >= 0 && parents.length < mostNodes; node = queue.take()) {
    if ((depths[node] as number) < deepest) follow(node);
  }
  return {
    frames: [...functions, { sum: `calls that cost less than ${leastShare * 100} % of the total each` }],
    tree: { parents, frames, values, inferred },
  };
}

/** Costs are whole numbers and stay so: what is lost by rounding down stays with the caller. */
function shareOf(had: number, cost: number, whole: number): number {
  if (had === whole) return cost;
  if (whole <= 0 || cost <= 0) return 0;
  const share = Math.min(had, had * (cost / whole));
  return Number.isInteger(cost) && Number.isInteger(had) ? Math.floor(share + 1e-9) : share;
}

/** Calls by caller, one for each pair of functions, and where the program entered the graph. */
interface Flow {
  /** By function: where its calls begin in `callees` and `values`. */
  readonly first: Int32Array;
  readonly callees: readonly number[];
  readonly values: Columns;
  readonly roots: readonly { readonly row: number; readonly costs: readonly number[] }[];
}

/**
 * Calls of a function to itself are left out. Of calls inside a cycle, which are counted at each level of recursion, as
 * much is kept as the caller's inclusive cost has room for.
 */
function flowOf(self: Columns, edges: CallEdges, inclusive: Columns): Flow {
  const functions = self[0]?.length ?? 0;
  const pairs = rowTable(2);
  const sums = rowValues(self.length);
  for (let edge = 0; edge < edges.callers.length; edge++) {
    const caller = edges.callers[edge] as number;
    const callee = edges.callees[edge] as number;
    if (caller === callee) continue;
    const pair = pairs.row(caller, callee);
    for (let measure = 0; measure < self.length; measure++) {
      sums.add(pair, measure, edges.values[measure]?.[edge] as number);
    }
  }
  const callers = pairs.column(0);
  const callees = pairs.column(1);
  const values = sums.columns(pairs.size());
  const { numbers, count } = findCycles(edges, functions);
  const isInner = (pair: number): boolean => {
    const cycle = numbers[callers[pair] as number];
    return cycle !== 0 && cycle === numbers[callees[pair] as number];
  };
  for (let measure = 0; measure < self.length; measure++) {
    const column = values[measure] as number[];
    const inner = new Float64Array(functions);
    const outer = new Float64Array(functions);
    for (let pair = 0; pair < callers.length; pair++) {
      const caller = callers[pair] as number;
      const target = isInner(pair) ? inner : outer;
      target[caller] = (target[caller] as number) + (column[pair] as number);
    }
    for (let pair = 0; pair < callers.length; pair++) {
      if (!isInner(pair)) continue;
      const caller = callers[pair] as number;
      const spent = (self[measure]?.[caller] as number) + (outer[caller] as number);
      const room = Math.max(0, (inclusive[measure]?.[caller] ?? 0) - spent);
      if ((inner[caller] as number) > room) {
        column[pair] = Math.floor((column[pair] as number) * (room / (inner[caller] as number)));
      }
    }
  }

  const order = [...orderOf(callers.length, [{ values: callers }])];
  const first = new Int32Array(functions + 1);
  for (const caller of callers) first[caller + 1] = (first[caller + 1] as number) + 1;
  for (let row = 0; row < functions; row++) {
    first[row + 1] = (first[row + 1] as number) + (first[row] as number);
  }
  return {
    first,
    callees: order.map((pair) => callees[pair] as number),
    values: values.map((column) => order.map((pair) => column[pair] as number)),
    roots: rootsOf(self, callers, callees, values, { numbers, count }),
  };
}

/** Functions that spent more than their callers account for: those that nobody called, entries of threads and signals. */
function rootsOf(
  self: Columns,
  callers: readonly number[],
  callees: readonly number[],
  values: Columns,
  { numbers, count }: { readonly numbers: readonly number[]; readonly count: number },
): Flow['roots'] {
  const functions = self[0]?.length ?? 0;
  // A cycle is entered as one: by the function whose own and outward costs are the largest share of it.
  const group = numbers.map((number, row) => (number === 0 ? count + row : number - 1));
  const missing = self.map((own, measure) => {
    const column = values[measure] ?? [];
    const sums = new Float64Array(count + functions);
    for (let row = 0; row < functions; row++) {
      sums[group[row] as number] = (sums[group[row] as number] as number) + (own[row] as number);
    }
    for (let pair = 0; pair < callers.length; pair++) {
      const from = group[callers[pair] as number] as number;
      const to = group[callees[pair] as number] as number;
      if (from === to) continue;
      sums[from] = (sums[from] as number) + (column[pair] as number);
      sums[to] = (sums[to] as number) - (column[pair] as number);
    }
    return sums;
  });
  const entries = new Map<number, number>();
  const weight = (row: number): number => self[0]?.[row] ?? 0;
  for (let row = 0; row < functions; row++) {
    const cycle = numbers[row] as number;
    const known = entries.get(cycle - 1);
    if (cycle > 0 && (known === undefined || weight(row) > weight(known))) entries.set(cycle - 1, row);
  }
  const roots: { row: number; costs: readonly number[] }[] = [];
  for (let row = 0; row < functions; row++) {
    const own = group[row] as number;
    if (own < count && entries.get(own) !== row) continue;
    const costs = missing.map((sums) => Math.max(0, sums[own] as number));
    if (costs.some((cost) => cost > 0)) roots.push({ row, costs });
  }
  return roots.sort((a, b) => sumOf(b.costs) - sumOf(a.costs) || a.row - b.row);
}

/** Nodes by falling cost: a binary heap. */
function dearestFirst(costs: readonly number[]): {
  readonly add: (node: number) => void;
  /** The dearest node; -1 when there is none. */
  readonly take: () => number;
} {
  const heap: number[] = [];
  // By what it cost when it was added: it is split up only after it was taken.
  const dearer = (a: number, b: number): boolean =>
    (costs[heap[a] as number] as number) > (costs[heap[b] as number] as number);
  const swap = (a: number, b: number): void => {
    const kept = heap[a] as number;
    heap[a] = heap[b] as number;
    heap[b] = kept;
  };
  return {
    add: (node) => {
      let at = heap.push(node) - 1;
      while (at > 0 && dearer(at, (at - 1) >> 1)) {
        swap(at, (at - 1) >> 1);
        at = (at - 1) >> 1;
      }
    },
    take: () => {
      const top = heap[0];
      if (top === undefined) return -1;
      const last = heap.pop() as number;
      if (heap.length === 0) return top;
      heap[0] = last;
      for (let at = 0; ; ) {
        let best = at;
        for (const child of [at * 2 + 1, at * 2 + 2])
          if (child < heap.length && dearer(child, best)) best = child;
        if (best === at) return top;
        swap(at, best);
        at = best;
      }
    },
  };
}
