// Costs of functions from call trees: the calls between them, against adding them up one by one.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { treeFunctions } from '../../src/analyze/profile/tree-costs.ts';
import type { CallTree } from '../../src/model/profile.ts';

const functions = 6;
const frames = Array.from({ length: functions * 2 }, (_, index) => ({
  function: `f${index % functions}`,
  line: index,
}));

/** Any tree of up to 40 calls; frames are two lines of each function. */
const anyTree = fc
  .array(fc.tuple(fc.nat(), fc.nat({ max: frames.length - 1 }), fc.nat({ max: 9 })), { maxLength: 40 })
  .map(
    (rows): CallTree => ({
      parents: rows.map(([parent], node) => (parent % (node + 1)) - 1),
      frames: rows.map(([, frame]) => frame),
      values: [rows.map(([, , value]) => value)],
    }),
  );

test('each pair of functions is one edge, in the order in which it first comes, with all that was spent for it', () => {
  fc.assert(
    fc.property(fc.array(anyTree, { maxLength: 3 }), (trees) => {
      const wanted = new Map<string, number>();
      for (const { parents, frames: rows, values } of trees) {
        const spent = [...(values[0] ?? [])];
        for (let node = parents.length - 1; node >= 0; node--) {
          const parent = parents[node] as number;
          if (parent >= 0) spent[parent] = (spent[parent] as number) + (spent[node] as number);
        }
        for (const [node, parent] of parents.entries()) {
          if (parent < 0) continue;
          const name = (at: number): number => (rows[at] as number) % functions;
          const pair = `f${name(parent)} f${name(node)}`;
          wanted.set(pair, (wanted.get(pair) ?? 0) + (spent[node] as number));
        }
      }
      const { edges, functions: named } = treeFunctions({ frames, trees }, 1);
      const nameOf = (row: number | undefined): string => named[row ?? -1]?.function ?? '';
      expect(
        edges.callers.map((caller, edge) => [
          `${nameOf(caller)} ${nameOf(edges.callees[edge])}`,
          edges.values[0]?.[edge],
        ]),
      ).toEqual([...wanted]);
    }),
  );
});
