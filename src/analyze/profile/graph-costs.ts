// Inclusive costs of functions from a call graph, also where functions call themselves or each other in circles.
import type { CallEdges, CallGraph, Columns } from '../../model/profile.ts';
import type { FunctionCosts } from '../../model/profile-report.ts';

/**
 * Costs of the functions of a graph; inclusive ones only where calls were recorded, or where the tool states them.
 *
 * A function that was called costs what its calls did, as callgrind_annotate and KCachegrind have it; one that was not,
 * what it spent itself and what it called. Inside a cycle of calls these sums count the same instructions once for each
 * level of recursion. What is on the stack at all is counted once: a function in a cycle costs
 *
 * - at most what the whole cycle did, which is the self cost of its functions and the calls that leave it, or the calls
 *   that enter it, and at most the sum of the calls to the function by others and of what entered the cycle uncalled,
 * - at least what the calls from outside of the cycle to it did, and at least its own and what it called outside.
 *
 * The most is taken: it is exact for a function that is never twice on the stack, and for the one by which a cycle is
 * entered.
 *
 * @param functions how many there are.
 */
export function graphCosts(graph: CallGraph, functions: number): FunctionCosts {
  const { self, edges } = graph;
  if (edges === undefined) {
    return {
      self,
      ...(graph.inclusive && { inclusive: graph.inclusive }),
      ...(graph.calls && { calls: graph.calls }),
    };
  }
  const cycles = findCycles(edges, functions);
  const calls = graph.calls ?? callCounts(edges, functions);
  return {
    self,
    inclusive: graph.inclusive ?? inclusiveCosts(self, edges, cycles, functions),
    ...(calls && { calls }),
    ...(cycles.count > 0 && { cycles: cycles.numbers }),
  };
}

/** Missing for execution trees, where all counts are 0. */
function callCounts({ callees, calls }: CallEdges, functions: number): readonly number[] | undefined {
  if (callees.length > 0 && calls.every((count) => count === 0)) return undefined;
  const sums = new Array<number>(functions).fill(0);
  for (let edge = 0; edge < callees.length; edge++) {
    const callee = callees[edge] as number;
    sums[callee] = (sums[callee] as number) + (calls[edge] as number);
  }
  return sums;
}

function inclusiveCosts(self: Columns, edges: CallEdges, cycles: Cycles, functions: number): number[][] {
  const { callers, callees, calls } = edges;
  const { numbers } = cycles;
  const called = new Uint8Array(functions);
  for (let edge = 0; edge < callers.length; edge++) {
    const callee = callees[edge] as number;
    if (callers[edge] !== callee && (calls[edge] as number) > 0) called[callee] = 1;
  }
  return self.map((own, measure) => {
    const values = edges.values[measure] ?? [];
    const incoming = new Float64Array(functions);
    const outgoing = new Float64Array(functions);
    // Calls that enter or leave a cycle, by function and by cycle.
    const entering = new Float64Array(functions);
    const entered = new Float64Array(cycles.count + 1);
    const spent = new Float64Array(cycles.count + 1);
    for (let edge = 0; edge < callers.length; edge++) {
      const caller = callers[edge] as number;
      const callee = callees[edge] as number;
      if (caller === callee) continue;
      const value = values[edge] as number;
      incoming[callee] = (incoming[callee] as number) + value;
      const from = numbers[caller] as number;
      const to = numbers[callee] as number;
      if (from !== 0 && from === to) continue;
      outgoing[caller] = (outgoing[caller] as number) + value;
      entering[callee] = (entering[callee] as number) + value;
      spent[from] = (spent[from] as number) + value;
      entered[to] = (entered[to] as number) + value;
    }
    for (let row = 0; row < functions; row++) {
      const cycle = numbers[row] as number;
      spent[cycle] = (spent[cycle] as number) + (own[row] as number);
    }
    const sums = new Array<number>(functions);
    for (let row = 0; row < functions; row++) {
      const cycle = numbers[row] as number;
      const ownAndOut = (own[row] as number) + (outgoing[row] as number);
      const into = incoming[row] as number;
      if (cycle === 0) sums[row] = called[row] === 1 ? into : ownAndOut;
      else {
        const least = Math.max(ownAndOut, entering[row] as number);
        const most = Math.max(spent[cycle] as number, entered[cycle] as number);
        // What entered the cycle without a call: the start of the program or of a thread, a signal.
        const uncalled = Math.max(0, (spent[cycle] as number) - (entered[cycle] as number));
        sums[row] = Math.max(least, Math.min(most, into + uncalled));
      }
    }
    return sums;
  });
}

/** Cycles of calls. */
export interface Cycles {
  readonly count: number;
  /** By function: the number of its cycle, from 1; 0: in none. */
  readonly numbers: readonly number[];
}

/**
 * Finds the functions that can reach themselves: strongly connected components of the graph, and functions that call
 * themselves (Tarjan, 1972, without recursion: a graph may be as deep as it has functions).
 */
export function findCycles({ callers, callees }: CallEdges, functions: number): Cycles {
  const numbers = new Array<number>(functions).fill(0);
  // Callees by caller.
  const first = new Int32Array(functions + 1);
  for (const caller of callers) first[caller + 1] = (first[caller + 1] as number) + 1;
  for (let row = 0; row < functions; row++) {
    first[row + 1] = (first[row + 1] as number) + (first[row] as number);
  }
  const next = first.slice();
  const targets = new Int32Array(callers.length);
  const callsItself = new Uint8Array(functions);
  for (let edge = 0; edge < callers.length; edge++) {
    const caller = callers[edge] as number;
    const callee = callees[edge] as number;
    targets[next[caller] as number] = callee;
    next[caller] = (next[caller] as number) + 1;
    if (caller === callee) callsItself[caller] = 1;
  }
  // Order of discovery, from 1; the lowest that can be reached; where the walk is among the callees.
  const order = new Int32Array(functions);
  const lowest = new Int32Array(functions);
  const position = first.slice(0, functions);
  const onStack = new Uint8Array(functions);
  const stack = new Int32Array(functions);
  const path = new Int32Array(functions);
  let stacked = 0;
  let discovered = 0;
  let count = 0;
  for (let root = 0; root < functions; root++) {
    if (order[root] !== 0) continue;
    let depth = 0;
    path[0] = root;
    while (depth >= 0) {
      const row = path[depth] as number;
      if (order[row] === 0) {
        discovered++;
        order[row] = discovered;
        lowest[row] = discovered;
        stack[stacked++] = row;
        onStack[row] = 1;
      }
      const at = position[row] as number;
      if (at < (first[row + 1] as number)) {
        position[row] = at + 1;
        const target = targets[at] as number;
        if (order[target] === 0) path[++depth] = target;
        else if (onStack[target] === 1)
          lowest[row] = Math.min(lowest[row] as number, order[target] as number);
        continue;
      }
      if (lowest[row] === order[row]) {
        const isCycle = stack[stacked - 1] !== row || callsItself[row] === 1;
        if (isCycle) count++;
        for (let member = -1; member !== row; ) {
          member = stack[--stacked] as number;
          onStack[member] = 0;
          if (isCycle) numbers[member] = count;
        }
      }
      depth--;
      if (depth >= 0) {
        const above = path[depth] as number;
        lowest[above] = Math.min(lowest[above] as number, lowest[row] as number);
      }
    }
  }
  return { count, numbers: inOrder(numbers) };
}

/** The same cycles, numbered in the order of their first functions. */
function inOrder(numbers: readonly number[]): number[] {
  const renamed = new Map<number, number>([[0, 0]]);
  return numbers.map((number) => {
    const known = renamed.get(number);
    if (known !== undefined) return known;
    renamed.set(number, renamed.size);
    return renamed.size - 1;
  });
}
