// Holds what is read of massif files to what valgrind's own ms_print says of them; see mustEqualMsPrint for differences.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { canRun } from '../project.ts';
import { massifNodes, msPrint, mustEqualMsPrint, profileOf, readMsPrint } from './ms-print.ts';

const root = join(import.meta.dirname, '../profiles/massif');
const cases = readdirSync(root);

describe('what ms_print said when the file was recorded', () => {
  for (const name of cases) {
    test(`${name}: snapshots, peak, detailed ones and shares`, async () => {
      const printed = readMsPrint(readFileSync(join(root, name, 'ms_print.txt'), 'latin1'));
      expect(printed.snapshots.length).toBeGreaterThan(0);
      mustEqualMsPrint(await profileOf(readFileSync(join(root, name, 'input.out'))), printed);
    });
  }
});

describe.skipIf(!canRun('ms_print'))('what the ms_print of this machine says', () => {
  for (const name of cases) {
    test(`${name}: every node, however small`, async () => {
      const file = join(root, name, 'input.out');
      mustEqualMsPrint(await profileOf(readFileSync(file)), msPrint(file));
      const all = msPrint(file, '--threshold=0');
      expect(all.snapshots.every(({ omitted }) => omitted.size === 0)).toBe(true);
      mustEqualMsPrint(await profileOf(readFileSync(file)), all);
    });
  }
});

test('every case has the output of ms_print beside it', () => {
  expect(cases.length).toBeGreaterThan(20);
  expect(cases.filter((name) => !existsSync(join(root, name, 'ms_print.txt')))).toEqual([]);
});

test('a comparison with another file fails', async () => {
  const printed = readMsPrint(readFileSync(join(root, 'thresholds_0_0/ms_print.txt'), 'latin1'));
  const profile = await profileOf(readFileSync(join(root, 'thresholds_10_0/input.out')));
  expect(() => mustEqualMsPrint(profile, printed)).toThrow();
});

test('main is the outermost call, and what was allocated stands where it was allocated', async () => {
  const profile = await profileOf(readFileSync(join(root, 'thresholds_10_0/input.out')));
  const [tree] = profile.trees;
  const names = (tree?.frames ?? []).map((frame) => {
    const { function: name, sum } = profile.frames[frame] ?? {};
    return name ?? sum;
  });
  const rows = names.map((name, row) => ({
    name,
    caller: names[tree?.parents[row] ?? -1],
    bytes: tree?.values[0]?.[row],
  }));
  const below = "in 3 places, all below massif's threshold (10.00%)";
  expect(rows).toEqual([
    { name: 'main', caller: undefined, bytes: 0 },
    { name: 'a7550', caller: 'main', bytes: 0 },
    { name: 'my_malloc1', caller: 'a7550', bytes: 48_000 },
    { name: below, caller: undefined, bytes: 0 },
    { name: 'my_malloc1', caller: below, bytes: 5200 },
    { name: 'main', caller: undefined, bytes: 16_000 },
    { name: 'my_malloc2', caller: below, bytes: 10_400 },
    { name: "in 1 place, below massif's threshold (10.00%)", caller: undefined, bytes: 400 },
  ]);
});

test('an inlined call is told from a recursive one at the same address', async () => {
  const recursive = await profileOf(readFileSync(join(root, 'vgdb-detailed-snapshot/input.out')));
  expect(recursive.frames.filter(({ inlined }) => inlined === true)).toEqual([]);
  expect([...massifNodes(recursive, 0).keys()].at(-1)).toMatch(/main/);
  const inlining = await profileOf(readFileSync(join(root, 'xtree-memory/input.out')));
  const initialisers = inlining.frames.filter(({ function: name }) => name === 'call_init');
  expect(initialisers).toEqual([
    { ip: '0x4004A1D', function: 'call_init', file: 'dl-init.c', line: 26 },
    { ip: '0x4004A1D', function: 'call_init', file: 'dl-init.c', line: 74, inlined: true },
  ]);
});
