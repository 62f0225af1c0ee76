// Inclusive costs of functions from a call graph.
import type { CallGraph } from '../../model/profile.ts';
import type { FunctionCosts } from '../../model/profile-report.ts';

/** Costs of the functions of a graph; inclusive ones only where calls were recorded. */
export function graphCosts({ self, edges, calls, inclusive }: CallGraph, _functions: number): FunctionCosts {
  if (edges === undefined && inclusive === undefined) return { self, ...(calls && { calls }) };
  const sums = inclusive?.map((column) => [...column]) ?? self.map((column) => [...column]);
  const counts = calls ?? new Array<number>(_functions).fill(0);
  if (edges !== undefined && inclusive === undefined) {
    for (const [index, caller] of edges.callers.entries()) {
      // A call of itself is in the cost of the call from outside.
      if (caller === edges.callees[index]) continue;
      for (const [measure, column] of edges.values.entries()) {
        const target = sums[measure] as number[];
        target[caller] = (target[caller] as number) + (column[index] as number);
      }
    }
  }
  return { self, inclusive: sums, calls: counts };
}
