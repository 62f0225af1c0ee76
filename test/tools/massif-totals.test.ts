// Holds what is read of massif files to what valgrind's own ms_print says of them; see mustEqualMsPrint for differences.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Profile } from '../../src/model/profile.ts';
import { inclusiveValues } from '../../src/model/profile-tables.ts';
import { caveats, profileHeadline } from '../../src/report/profile-text.ts';
import { readProfileReport } from '../profile-corpus.ts';
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
  const below = "callers below massif's threshold (10.00%)";
  expect(rows).toEqual([
    { name: 'main', caller: undefined, bytes: 0 },
    { name: 'a7550', caller: 'main', bytes: 0 },
    { name: 'my_malloc1', caller: 'a7550', bytes: 48_000 },
    { name: below, caller: undefined, bytes: 0 },
    { name: 'my_malloc1', caller: below, bytes: 5200 },
    { name: 'main', caller: undefined, bytes: 16_000 },
    { name: 'my_malloc2', caller: below, bytes: 10_400 },
    { name: "places below massif's threshold (10.00%)", caller: undefined, bytes: 400 },
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

/** A massif file of snapshots without overhead; `peak` is the number of the one that massif marks. */
const massifFile = (sizes: readonly number[], peak: number, tree: (size: number) => string): Buffer =>
  Buffer.from(
    `desc: (none)\ncmd: ./a\ntime_unit: B\n${sizes
      .map(
        (size, number) =>
          `#-----------\nsnapshot=${number}\n#-----------\ntime=${number}\nmem_heap_B=${size}\nmem_heap_extra_B=0\nmem_stacks_B=0\n` +
          (number === peak ? `heap_tree=peak\n${tree(size)}` : 'heap_tree=empty\n'),
      )
      .join('')}`,
  );

describe('sums below the threshold', () => {
  const tree = (): string =>
    [
      'n3: 1000 (heap allocation functions) malloc/new/new[], --alloc-fns, etc.',
      ' n2: 600 0x10: keep (a.c:1)',
      '  n0: 500 0x20: main (a.c:9)',
      "  n0: 100 in 3 places, all below massif's threshold (10.00%)",
      ' n1: 300 0x11: hold (a.c:2)',
      "  n0: 300 in 1 place, below massif's threshold (10.00%)",
      " n0: 100 in 7 places, all below massif's threshold (10.00%)",
      '',
    ].join('\n');

  test('of callers are one frame without a number that is true of one of them only, and not one with sums of places', async () => {
    const profile = await profileOf(massifFile([1000], 0, tree));
    const outermost = [...outermostOf(profile)].sort();
    expect(outermost).toEqual([
      "callers below massif's threshold (10.00%): 400",
      'main: 500',
      "places below massif's threshold (10.00%): 100",
    ]);
  });
});

function outermostOf({ trees: [tree], frames }: Profile): readonly string[] {
  if (tree === undefined) return [];
  const [sums = []] = inclusiveValues(tree);
  return tree.parents.flatMap((parent, row) => {
    const { function: name, sum } = frames[tree.frames[row] ?? -1] ?? {};
    return parent === -1 ? [`${name ?? sum}: ${sums[row]}`] : [];
  });
}

test('the highest snapshot is what the program had at most, and not the lower one that massif marks as its peak', async () => {
  const label = (size: number): string =>
    `n1: ${size} (page allocation syscalls) mmap/mremap/brk, --alloc-fns, etc.\n n0: ${size} 0x10: main (a.c:1)\n`;
  const bytes = massifFile([10, 4_145_152, 4_243_456, 5], 1, label);
  expect((await profileOf(bytes)).totals).toEqual([4_243_456]);
  const { profiles: [profile] = [] } = await readProfileReport(bytes);
  if (profile === undefined) throw new Error('no profile');
  expect(profileHeadline(profile)).toContain('(4,243,456 bytes)');
  expect(caveats(profile)).toEqual([
    'the calls are those of snapshot 1, which massif marks as the peak (4,145,152 bytes); the highest point is snapshot 2 (4,243,456 bytes)',
  ]);
  const { profiles: [usual] = [] } = await readProfileReport(massifFile([10, 40, 5], 1, label));
  expect(usual && caveats(usual)).toEqual([]);
});
