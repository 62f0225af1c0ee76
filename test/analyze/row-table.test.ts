// Rows told apart by integers, their values, and their order: the same as with a Map and a sort.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { orderOf, rowsOfPairs, rowTable, rowValues } from '../../src/model/row-table.ts';

const number = fc.oneof(fc.nat(4), fc.nat(1000), fc.nat(2 ** 31 - 1));

test('equal rows have one number, in the order in which they came', () => {
  const rows = fc.array(fc.tuple(number, number, number, number), { maxLength: 300 });
  fc.assert(
    fc.property(rows, fc.constantFrom(2 as const, 3 as const, 4 as const), (all, width) => {
      const table = rowTable(width);
      const known = new Map<string, number>();
      for (const row of all) {
        const key = row.slice(0, width).join(' ');
        if (!known.has(key)) known.set(key, known.size);
        expect(table.row(...row)).toBe(known.get(key));
      }
      expect(table.size()).toBe(known.size);
      const columns = Array.from({ length: width }, (_, position) => table.column(position));
      expect([...known.keys()]).toEqual(
        Array.from({ length: known.size }, (_, row) => columns.map((column) => column[row]).join(' ')),
      );
    }),
  );
});

test('what is larger than 31 bits counts as the largest number of 31 bits', () => {
  const table = rowTable(2);
  expect([table.row(1, 2 ** 40), table.row(1, 2 ** 50), table.row(1, 5)]).toEqual([0, 0, 1]);
  expect(table.column(1)).toEqual([2 ** 31 - 1, 5]);
});

test('values of rows add up, also in columns that come later', () => {
  const additions = fc.array(fc.record({ row: fc.nat(9000), column: fc.nat(2), value: fc.nat(1e12) }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(additions, additions, (before, after) => {
      const values = rowValues(2);
      const expected = Array.from({ length: 3 }, () => new Array<number>(9001).fill(0));
      const add = ({ row, column, value }: { row: number; column: number; value: number }): void => {
        values.add(row, column, value);
        (expected[column] as number[])[row] = ((expected[column] as number[])[row] as number) + value;
      };
      for (const addition of before) if (addition.column < 2) add(addition);
      values.addColumn();
      for (const addition of after) add(addition);
      expect(values.columns(9001)).toEqual(expected);
      const some = Int32Array.from([9000, 3, 3, 0]);
      expect(values.columns(some)).toEqual(expected.map((column) => [...some].map((row) => column[row])));
      expect(values.get(17, 1)).toBe(expected[1]?.[17]);
    }),
    { numRuns: 30 },
  );
});

test('pairs have the same rows whether they are close together or far apart', () => {
  const close = fc.tuple(fc.integer({ min: -1, max: 5 }), fc.nat(40));
  const far = fc.tuple(fc.integer({ min: -1, max: 5 }), number);
  fc.assert(
    fc.property(fc.oneof(fc.array(close), fc.array(far)), (pairs) => {
      const { rows, firsts, seconds } = rowsOfPairs(
        pairs.map(([first]) => first),
        pairs.map(([, second]) => second),
        1,
      );
      const known = new Map<string, number>();
      const expected = pairs.map(([first, second]) => {
        if (first < 0 || second < 1) return -1;
        const key = `${first} ${second}`;
        if (!known.has(key)) known.set(key, known.size);
        return known.get(key);
      });
      expect([...rows]).toEqual(expected);
      expect(firsts.map((first, row) => `${first} ${seconds[row]}`)).toEqual([...known.keys()]);
    }),
  );
});

test('rows are ordered by the last column, then the ones before', () => {
  const count = fc.oneof(fc.nat(3), fc.nat(100_000), fc.nat(2 ** 50));
  const value = fc.oneof(count, fc.constantFrom(-7, 0.25, 2.5, 1e300));
  const rowsOf = (costs: fc.Arbitrary<number>) => fc.array(fc.tuple(fc.nat(3), costs), { maxLength: 200 });
  fc.assert(
    fc.property(fc.oneof(rowsOf(count), rowsOf(value)), (rows) => {
      const names = rows.map(([name]) => name);
      const costs = rows.map(([, cost]) => cost);
      const order = orderOf(rows.length, [{ values: names }, { values: costs, falling: true }]);
      const expected = rows
        .map((_, row) => row)
        .sort(
          (a, b) =>
            (costs[b] as number) - (costs[a] as number) ||
            (names[a] as number) - (names[b] as number) ||
            a - b,
        );
      expect([...order]).toEqual(expected);
    }),
  );
});
