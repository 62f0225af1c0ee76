// Costs of source lines in a report: what is carried, what is left out, and that together they are all.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sumLines } from '../../src/analyze/profile/line-costs.ts';
import type { LineCosts } from '../../src/model/profile.ts';
import type { ReportLines } from '../../src/model/profile-report.ts';

/** Rows of function, file, line and a value for each measure. */
function costsOf(rows: readonly (readonly number[])[], measures = 2): LineCosts {
  const column = (at: number): number[] => rows.map((row) => row[at] ?? 0);
  return {
    functions: column(0),
    files: column(1),
    lines: column(2),
    values: Array.from({ length: measures }, (_, measure) => column(3 + measure)),
  };
}

const sum = (column: readonly number[] = []): number => column.reduce((all, value) => all + value, 0);

/** What the lines of each file come to, with those that are left out. */
function byFile({ files, values, left }: ReportLines, measure: number): ReadonlyMap<number, number> {
  const sums = new Map<number, number>();
  for (const [row, file] of [...files, ...(left?.files ?? [])].entries()) {
    const value = row < files.length ? values[measure]?.[row] : left?.values[measure]?.[row - files.length];
    sums.set(file, (sums.get(file) ?? 0) + (value ?? 0));
  }
  return sums;
}

const row = fc.tuple(fc.nat(5), fc.integer({ min: -1, max: 4 }), fc.nat(60), fc.nat(1000), fc.nat(1000));
const manyRows = fc.array(row, { maxLength: 200 });

describe('lines of a report', () => {
  test('no line is left out where there are few', () => {
    const lines = sumLines(
      costsOf([
        [0, 0, 7, 5, 1],
        [1, 0, 7, 9, 0],
        [0, 1, 3, 2, 2],
      ]),
      0,
      2,
    );
    expect(lines).toEqual({
      files: [0, 1],
      lines: [7, 3],
      functions: [1, 0],
      values: [
        [14, 2],
        [1, 2],
      ],
    });
  });

  test('with what is left out, files cost as much as without a bound', () => {
    fc.assert(
      fc.property(manyRows, fc.integer({ min: 1, max: 40 }), (rows, most) => {
        const costs = costsOf(rows);
        const all = sumLines(costs, 0, Number.POSITIVE_INFINITY);
        const some = sumLines(costs, 0, most);
        expect(all.left).toBeUndefined();
        for (const measure of [0, 1]) expect(byFile(some, measure)).toEqual(byFile(all, measure));
        expect(some.lines.length + sum(some.left?.counts)).toBe(all.lines.length);
      }),
    );
  });

  test('no more lines than the bound are listed, and they stand in the order of all', () => {
    fc.assert(
      fc.property(manyRows, fc.integer({ min: 1, max: 40 }), (rows, most) => {
        const all = sumLines(costsOf(rows), 0, Number.POSITIVE_INFINITY);
        const some = sumLines(costsOf(rows), 0, most);
        expect(some.lines).toHaveLength(Math.min(most, all.lines.length));
        const listed = (lines: ReportLines): string[] =>
          lines.lines.map((line, at) => `${lines.files[at]}:${line} ${lines.values.map((each) => each[at])}`);
        const known = new Set(listed(some));
        expect(listed(all).filter((each) => known.has(each))).toEqual(listed(some));
      }),
    );
  });

  test('a line with a share of a measure that few look at first is listed before cheap ones', () => {
    const cheap = Array.from({ length: 10_000 }, (_, at) => [0, 0, at + 1, 10 + (at % 7), 0]);
    const lines = sumLines(costsOf([...cheap, [0, 1, 1, 1, 500]]), 0, 5_000);
    expect(lines.lines).toHaveLength(5_000);
    expect(lines.files).toContain(1);
    expect(lines.left).toEqual({ files: [0], counts: [5_001], values: [expect.any(Array), [0]] });
  });
});
