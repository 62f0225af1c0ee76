// Holds what is read of dhat files to the totals that dhat itself wrote into its log.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mustEqualDhatLog } from './dhat-log.ts';
import { profileOf } from './ms-print.ts';

const root = join(import.meta.dirname, '../profiles/dhat');
const cases = readdirSync(root);

describe('what dhat said when the file was recorded', () => {
  for (const name of cases) {
    // The two from heap.cpp were recorded without a log.
    test.skipIf(!existsSync(join(root, name, 'log.txt')))(`${name}: every total`, async () => {
      const log = readFileSync(join(root, name, 'log.txt'), 'latin1');
      mustEqualDhatLog(await profileOf(readFileSync(join(root, name, 'input.out'))), log);
    });
  }
});

test('the totals are those of the records in the file', async () => {
  for (const name of cases) {
    const bytes = readFileSync(join(root, name, 'input.out'));
    const { measures, totals, sites, trees } = await profileOf(bytes);
    const { pps }: { pps: Record<string, number>[] } = JSON.parse(bytes.toString('latin1'));
    const sum = (key: string): number => pps.reduce((total, record) => total + (record[key] ?? 0), 0);
    expect(totals).toEqual(measures.map((measure) => sum(measure.name)));
    expect(sites?.map(({ lifetimes, maxBytes, maxBlocks }) => [lifetimes, maxBytes, maxBlocks])).toEqual(
      pps.map(({ tl, mb, mbk }) => [tl, mb, mbk]),
    );
    // Each site has a path of its own in these files, so its bytes are those of its node.
    expect(sites?.map(({ node }) => trees[0]?.values[0]?.[node])).toEqual(pps.map(({ tb }) => tb));
  }
});

test('a comparison with another log fails', async () => {
  const profile = await profileOf(readFileSync(join(root, 'sig/input.out')));
  expect(() => mustEqualDhatLog(profile, readFileSync(join(root, 'big/log.txt'), 'latin1'))).toThrow();
});

test('a run of equal access counts is told for each byte', async () => {
  const { sites } = await profileOf(readFileSync(join(root, 'cpp-heap/input.out')));
  expect(sites?.[1]?.accesses).toEqual(new Array(51).fill(200));
  expect(sites?.[5]?.accesses).toEqual([...new Array(8).fill(2), ...new Array(4).fill(1), 0, 0, 0, 0]);
});

test('a line of the program has spent the bytes, not the malloc of dhat', async () => {
  const { frames, trees, sites } = await profileOf(readFileSync(join(root, 'growing-heap/input.out')));
  const ends = (sites ?? []).map(({ node }) => frames[trees[0]?.frames[node] ?? -1]?.function);
  expect(ends).toContain('remember_key');
  expect(ends).not.toContain('malloc');
});
