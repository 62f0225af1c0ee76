// What is drawn of a call graph: shares by hand, and the bounds.
import { expect, test } from 'vitest';
import { graphCosts } from '../../src/analyze/profile/graph-costs.ts';
import { inferTree } from '../../src/analyze/profile/infer-tree.ts';
import type { Profile } from '../../src/model/profile.ts';
import { inclusiveValues } from '../../src/model/profile-tables.ts';

type Call = readonly [caller: number, callee: number, cost: number, calls?: number];

function profileOf(self: readonly number[], calls: readonly Call[]): Profile {
  return {
    format: 'callgrind',
    measures: [{ name: 'Ir', title: 'instructions executed', unit: 'instructions' }],
    primary: 0,
    totals: [self.reduce((sum, cost) => sum + cost, 0)],
    frames: [],
    trees: [],
    functions: self.map((_, row) => ({ function: `f${row}` })),
    files: [],
    graph: {
      self: [self],
      edges: {
        callers: calls.map(([caller]) => caller),
        callees: calls.map(([, callee]) => callee),
        files: calls.map(() => -1),
        lines: calls.map(() => 0),
        calls: calls.map(([, , , count]) => count ?? 1),
        values: [calls.map(([, , cost]) => cost)],
      },
    },
    notes: [],
  };
}

/** `f0;f1: self` for each node. */
function paths(profile: Profile): readonly string[] {
  const drawn = inferTree(profile);
  if (drawn === undefined) throw new Error('no tree');
  const names: string[] = [];
  return drawn.tree.parents.map((parent, node) => {
    const { function: name, sum } = drawn.frames[drawn.tree.frames[node] as number] ?? {};
    names[node] = `${parent < 0 ? '' : `${names[parent]};`}${name ?? sum}`;
    return `${names[node]}: ${drawn.tree.values[0]?.[node]}`;
  });
}

function totalOf(profile: Profile): number {
  const tree = inferTree(profile)?.tree;
  if (tree === undefined) throw new Error('no tree');
  const [sums = []] = inclusiveValues(tree);
  return sums.reduce((sum, cost, node) => (tree.parents[node] === -1 ? sum + cost : sum), 0);
}

test('a function with two callers is shared out by what their calls cost', () => {
  // f3 spent 40 itself and 60 in f4; three quarters of it for f1.
  const profile = profileOf(
    [10, 20, 30, 40, 60],
    [
      [0, 1, 95],
      [0, 2, 55],
      [1, 3, 75],
      [2, 3, 25],
      [3, 4, 60],
    ],
  );
  expect([...paths(profile)].sort()).toEqual([
    'f0: 10',
    'f0;f1: 20',
    'f0;f1;f3: 30',
    'f0;f1;f3;f4: 45',
    'f0;f2: 30',
    'f0;f2;f3: 10',
    'f0;f2;f3;f4: 15',
  ]);
  expect(inferTree(profile)?.tree.inferred).toMatch(/likely, not measured/);
});

test('two functions that call each other are entered once on a path', () => {
  // f0 calls f1, which calls f2 twelve times on end, and that f1: each level of recursion is counted in the edges.
  const profile = profileOf(
    [10, 60, 40],
    [
      [0, 1, 100],
      [1, 2, 900, 12],
      [2, 1, 800, 11],
    ],
  );
  expect(paths(profile)).toEqual(['f0: 10', 'f0;f1: 60', 'f0;f1;f2: 40']);
  expect(graphCosts(profile.graph ?? { self: [] }, 3)).toMatchObject({
    inclusive: [[110, 100, 100]],
    calls: [0, 12, 12],
    cycles: [0, 1, 1],
  });
});

test('what nobody called is an outermost call, and a great many of them are one', () => {
  const self = Array.from({ length: 50_000 }, (_, row) => (row === 7 ? 1e6 : 3));
  const profile = profileOf(self, []);
  expect(paths(profile)).toEqual([
    'f7: 1000000',
    'calls that cost less than 0.05 % of the total each: 149997',
  ]);
});

test('a chain of calls deeper than can be drawn ends with its cost', () => {
  const count = 5000;
  const self = Array.from({ length: count }, () => 1);
  const calls = self.slice(1).map((_, row): Call => [row, row + 1, count - 1 - row]);
  const profile = profileOf(self, calls);
  expect(paths(profile).length).toBeLessThan(300);
  expect(totalOf(profile)).toBe(count);
});

test('a wide and deep graph does not make an endless tree', () => {
  // Each of twelve functions on forty levels calls all of the next level: 12^39 paths.
  const [width, depth] = [12, 40];
  const self = Array.from({ length: width * depth }, () => 120_000);
  const calls: Call[] = [];
  for (let level = 0; level + 1 < depth; level++) {
    for (let from = 0; from < width; from++) {
      for (let to = 0; to < width; to++) {
        calls.push([level * width + from, (level + 1) * width + to, ((depth - 1 - level) * 120_000) / width]);
      }
    }
  }
  const profile = profileOf(self, calls);
  expect(inferTree(profile)?.tree.parents.length).toBeLessThan(21_000);
  expect(totalOf(profile)).toBe(profile.totals[0]);
});

test('of a graph without calls there is no tree', () => {
  const { graph, ...rest } = profileOf([1, 2], []);
  expect(inferTree({ ...rest, graph: { self: graph?.self ?? [] } })).toBeUndefined();
});
