// The terminal report of profiles: it fits, it says what the numbers say, and names cannot steer it.
import { expect, test } from 'vitest';
import type { Profile } from '../../src/model/profile.ts';
import type { ReportProfile } from '../../src/model/profile-report.ts';
import type { Report } from '../../src/model/report.ts';
import { chartLines } from '../../src/report/pretty-chart.ts';
import {
  growthPercent,
  missRates,
  missText,
  percent,
  scaled,
  shortName,
  siteFacts,
} from '../../src/report/profile-text.ts';
import { widthOf } from '../../src/report/terminal-text.ts';
import { profileScenarios } from './profile-scenarios.ts';
import { rendered } from './validators.ts';

async function scenario(name: string): Promise<Report> {
  const make = profileScenarios.get(`profile-${name}`);
  if (make === undefined) throw new Error(`no scenario ${name}`);
  return make();
}

async function firstOf(name: string): Promise<ReportProfile> {
  const [profile] = (await scenario(name)).profiles ?? [];
  if (profile === undefined) throw new Error('there is a profile');
  return profile;
}

test.each([40, 80, 120, 200].flatMap((columns) => [24, 50, 90].map((rows) => [columns, rows] as const)))(
  'on %i columns and %i rows it fits the screen, with what is most important',
  async (columns, rows) => {
    for (const [name, make] of profileScenarios) {
      const text = await rendered(await make(), 'pretty', { columns, rows, color: true });
      const lines = text.trimEnd().split('\n');
      const taken = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
      // Hostile names and reasons alone can be longer than a small screen, and are never cut.
      if (name !== 'profile-hostile' && rows > 24 && columns > 40)
        expect(taken, name).toBeLessThanOrEqual(rows);
      expect(text, name).toMatch(/^\x1b\[1m/);
      expect(text, name).toMatch(/\x1b\[1m\x1b\[3\dm(?:clean|findings|inconclusive)/);
    }
  },
);

test('no line of it is wider than the screen, but for the run directory and words that cannot be broken', async () => {
  for (const make of profileScenarios.values()) {
    for (const columns of [60, 80, 100]) {
      for (const all of [false, true]) {
        const lines = (await rendered(await make(), 'pretty', { columns, rows: 60, all })).split('\n');
        const wide = lines.filter(
          (line) => widthOf(line) > columns && !/^(?:run: |more: |\s*\S+$)/.test(line),
        );
        expect(wide).toEqual([]);
      }
    }
  }
});

test('a run that only measured is not said to have no errors', async () => {
  const text = await rendered(await scenario('heap-over-time'), 'pretty');
  expect(text).toContain('clean: The program was measured to its end. Exit status 0.');
  expect(text).not.toContain('No errors');
  expect(text).not.toContain('ERROR SUMMARY');
  expect(await rendered(await scenario('samples'), 'pretty')).not.toContain('ERROR SUMMARY');
});

test('what the peak was, when, and what it is made of is said first', async () => {
  const lines = (await rendered(await scenario('heap-over-time'), 'pretty')).split('\n');
  expect(lines[0]).toBe(
    'massif: peak 12.8 MiB (13,452,204 bytes) at 25.1 Minstr of 41.0 Minstr in build/words (101)',
  );
  expect(lines[1]).toBe('  heap 11.8 MiB, extra 1010 KiB, stacks 2.02 KiB');
});

test('code that is mine has a mark, whatever the colours', async () => {
  const lines = (await rendered(await scenario('call-graph'), 'pretty')).split('\n');
  expect(lines.find((line) => line.includes('Reader::next()'))).toMatch(/^> /);
  expect(lines.find((line) => line.includes('_int_malloc()'))).toMatch(/^ {2}/);
});

test('who calls the most expensive place is told with shares', async () => {
  expect(await rendered(await scenario('samples'), 'pretty')).toContain(
    'hash(…) ← Table::insert(…) ← Counter::count(…) (80.3%) ← main() ← (below main)',
  );
});

test('a tree that was not measured is drawn only when all is asked for, and says what it is', async () => {
  const report = await scenario('inferred-tree');
  expect(await rendered(report, 'pretty', { rows: 100 })).not.toContain('CALL TREE');
  const all = await rendered(report, 'pretty', { all: true, columns: 200 });
  expect(all).toContain('CALL TREE\n  the call tree is a likely one only: ');
});

test('a profile that is not whole says so', async () => {
  expect(await rendered(await scenario('cut'), 'pretty')).toContain(
    'caution: the profile is not whole: there may be more than it says',
  );
});

test('totals that do not add up to what the tool says are told', async () => {
  const report = await scenario('call-graph');
  const [profile] = report.profiles as readonly [ReportProfile];
  const stated = [profile.totals[0] ?? 0, 5];
  const text = await rendered({ ...report, profiles: [{ ...profile, stated }] }, 'pretty', { columns: 120 });
  expect(text).toContain('caution: the tool says 5 events of data reads, and its places come to 79,130,660');
  expect(text).not.toContain('of instructions executed, and');
});

test('miss rates are those of valgrind: misses of reads and writes by reads and writes', async () => {
  const profile = await firstOf('call-graph');
  const total = (name: string): number =>
    profile.totals[profile.measures.findIndex((each) => each.name === name)] ?? 0;
  const [, d1] = missRates(profile);
  expect(d1).toMatchObject({
    title: 'D1 miss rate',
    misses: total('D1mr') + total('D1mw'),
    of: total('Dr') + total('Dw'),
  });
  expect(missText({ title: 'D1 miss rate', misses: 597, of: 10_000, measures: [] })).toBe(
    'D1 miss rate 5.97%',
  );
  expect(missText({ title: 'x', misses: 1, of: 10_000_000, measures: [] })).toBe('x <0.01%');
  // A part of the measures gives no rate.
  const some = profile.measures.map((measure) =>
    measure.name === 'D1mw' ? { ...measure, name: 'other' } : measure,
  );
  expect(missRates({ ...profile, measures: some }).map(({ title }) => title)).toEqual([
    'I1 miss rate',
    'LL miss rate',
  ]);
});

test('of an allocation site only what its numbers say is said', async () => {
  const profile = await firstOf('allocation-sites');
  const facts = new Map(siteFacts(profile, 10).map(({ frame, facts }) => [frame.function, facts.join(', ')]));
  expect(facts.get('Reader::Reader(std::istream&)')).toContain('never read');
  expect(facts.get('_GLOBAL__sub_I_eh_alloc.cc')).toContain('never accessed');
  expect(facts.get('_GLOBAL__sub_I_eh_alloc.cc')).toContain('71.0 KiB not freed');
  expect(facts.get('Table::grow()')).toBe('18 blocks of 228 KiB, lives 4.20 Minstr');
  // A tool that counted no accesses said nothing of them.
  const [tree] = profile.trees;
  if (tree === undefined) throw new Error('there is a tree');
  const measures = profile.measures.filter(({ name }) => !/^(?:read|written)Bytes$/.test(name));
  const trees = [{ ...tree, values: tree.values.slice(0, measures.length) }];
  for (const each of siteFacts({ ...profile, measures, trees }, 10)) {
    expect(each.facts.join(', ')).not.toMatch(/never (?:read|accessed|written)/);
  }
});

test('what grew and what shrank is listed by size, with what is new', async () => {
  const lines = (await rendered(await scenario('compared'), 'pretty')).split('\n');
  const at = lines.findIndex((line) => line.startsWith('CHANGES'));
  expect(lines.slice(at + 2, at + 5).map((line) => line.replace(/\s+/g, ' '))).toEqual([
    '> -38.6 M -58.3% 66.3 M 27.6 M sort(Entry**, Entry**) src/report.cpp',
    '> +35.7 M +40.8% 87.4 M 123 M Table::insert(…) src/table.cpp',
    '> +12.6 M new 0 12.6 M Table::grow() src/table.cpp',
  ]);
  expect(lines[1]).toBe('  compared with .vgrun/runs/20260731-090000-words: 271 M → 283 M (+4.2%)');
});

test('many profiles are a line each, and what is left out is counted', async () => {
  const report = await scenario('samples');
  const [, second] = report.profiles ?? [];
  if (second === undefined) throw new Error('there are two');
  const many = Array.from({ length: 300 }, (_, index) => ({ ...second, pid: 200 + index }));
  const text = await rendered({ ...report, profiles: many }, 'pretty', { rows: 50 });
  expect(text.split('\n').length).toBeLessThanOrEqual(51);
  expect(text).toMatch(/\d+ more profiles; --all lists them\./);
  const all = await rendered({ ...report, profiles: many }, 'pretty', { all: true });
  expect(all).toContain('in /usr/bin/sort (499)');
});

test.each([
  ['main', 'main'],
  ['(below main)', '(below main)'],
  ['f(int, char)', 'f(…)'],
  ['f()', 'f()'],
  ['std::vector<int, std::allocator<int> >::push_back(int&&)', 'std::vector<…>::push_back(…)'],
  ['(anonymous namespace)::f(int)', '(anonymous namespace)::f(…)'],
  ['operator<<(std::ostream&, A const&)', 'operator<<(…)'],
  ['A::operator()(int) const', 'A::operator()(…) const'],
  ['A::operator->() const', 'A::operator->() const'],
  ['bool operator< <int>(A<int>, A<int>)', 'bool operator< <…>(…)'],
  ['f<(a::b)1>(decltype(x->y))', 'f<…>(…)'],
  ['unbalanced<int', 'unbalanced<int'],
  ['core::ops::FnOnce::call_once{{vtable.shim}}', 'core::ops::FnOnce::call_once{{vtable.shim}}'],
])('%s is %s in short', (name, short) => {
  expect(shortName(name)).toBe(short);
});

test.each([
  [0, 'bytes', '0 B'],
  [1023, 'bytes', '1,023 B'],
  [1024, 'bytes', '1.00 KiB'],
  [13_452_204, 'bytes', '12.8 MiB'],
  [-2048, 'bytes', '-2.00 KiB'],
  [999, 'instructions', '999'],
  [282_609_504, 'instructions', '283 M'],
  [1_500_000, 'ns', '1.50 ms'],
  [0.25, 'ms', '250 µs'],
  [90_000, 'ms', '90.0 s'],
  [Number.NaN, 'events', '?'],
] as const)('%d %s is %s', (value, unit, text) => {
  expect(scaled(value, unit)).toBe(text);
});

test('shares and growth say nothing where there is nothing to say', () => {
  expect(percent(1, 0)).toBe('');
  expect(percent(1, 100_000)).toBe('<0.1%');
  expect(percent(0, 100)).toBe('0.0%');
  expect(growthPercent(5, 5)).toBe('');
  expect(growthPercent(0, 5)).toBe('new');
  expect(growthPercent(100, 110.3)).toBe('+10.3%');
  expect(growthPercent(100, 0)).toBe('-100.0%');
  expect(growthPercent(Number.NaN, 1)).toBe('');
});

const form = {
  width: 60,
  height: 8,
  unit: 'bytes',
  clock: 'instructions',
  paintPeak: (text: string) => text,
  paintAxis: (text: string) => text,
} as const;

test('a chart is as high as the largest value, and marks the peak where it was', () => {
  const lines = chartLines(
    [
      { time: 0, value: 0 },
      { time: 500, value: 1000, mark: 'peak' },
      { time: 750, value: 500, mark: 'tree' },
      { time: 1000, value: 10 },
    ],
    form,
  );
  expect(lines).toHaveLength(8);
  expect(lines.every((line) => line.length <= 60)).toBe(true);
  const axis = lines[6] ?? '';
  const peak = axis.indexOf('▲');
  expect(lines[0]?.[peak]).toBe('█');
  expect(lines[0]?.[axis.indexOf('△')]).toBe(' ');
  // Half as high: full in the lower half, empty above.
  expect(lines[3]?.[axis.indexOf('△')]).toBe('█');
  expect(lines[2]?.[axis.indexOf('△')]).toBe(' ');
  // What is small is seen.
  expect(lines[5]?.trimEnd().at(-1)).toBe('▁');
  expect(lines[7]).toMatch(/^ +0 +0\.50 +1\.00 kinstr$/);
});

test('a chart of nothing, of one point, or of no numbers is none', () => {
  expect(chartLines([], form)).toEqual([]);
  expect(chartLines([{ time: 1, value: 1 }], form)).toEqual([]);
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, -1, 0].map((value, time) => ({ time, value }));
  expect(chartLines(odd, form)).toEqual([]);
  const backwards = [
    { time: 10, value: 5 },
    { time: 0, value: -5 },
    { time: Number.NaN, value: 3 },
  ];
  expect(chartLines(backwards, form).every((line) => line.length <= 60)).toBe(true);
});

test('calls within a library that only hand on are left out, unless all is asked for', async () => {
  const report = await scenario('samples');
  const text = await rendered(report, 'pretty', { rows: 90 });
  expect(text).toMatch(/read\(\) {2}libc\.so\.6\n/);
  expect(text).toContain('… copy_user_enhanced_fast_string()');
  expect(text).not.toContain('ksys_read()');
  const all = await rendered(report, 'pretty', { all: true });
  expect(all).toContain('ksys_read()');
  expect(all).not.toContain('… copy_user');
});

test('a tree of ten thousand nested calls is drawn without a step to the right for each', async () => {
  const report = await scenario('samples');
  const depth = 10_000;
  const profile: Profile = {
    ...(await firstOf('samples')),
    trees: [
      {
        parents: Array.from({ length: depth }, (_, index) => index - 1),
        frames: Array.from({ length: depth }, () => 0),
        values: [
          Array.from({ length: depth }, (_, index) => (index === depth - 1 ? 10 : 0)),
          Array.from({ length: depth }, () => 0),
        ],
      },
    ],
  } as unknown as Profile;
  const text = await rendered(
    { ...report, profiles: [{ ...(profile as unknown as ReportProfile), totals: [10, 0] }] },
    'pretty',
    { rows: 50 },
  );
  expect(text).toContain('CALL TREE');
  expect(text.split('\n').length).toBeLessThanOrEqual(51);
});

test('every measure is told with its total, and with all its top places', async () => {
  const samples = await scenario('samples');
  const text = await rendered(samples, 'pretty');
  expect(text.split('\n')[1]).toBe('  also samples 2,018');
  expect(text).not.toContain('by samples');
  expect(await rendered(samples, 'pretty', { all: true })).toMatch(
    /TOP PLACES {2}by samples\n +self +place\n> 55\.2% +1\.11 k {2}hash/,
  );
  // Of many the names alone.
  const graph = await rendered(await scenario('call-graph'), 'pretty');
  expect(graph).toContain('  also Dr 79.1 M, Dw 36.7 M, I1mr 5,650, D1mr 5.61 M');
  const all = await rendered(await scenario('call-graph'), 'pretty', { all: true });
  expect(all).toContain('TOP PLACES  by data reads (Dr)');
});

test('the mark before a line means my code, there as everywhere', async () => {
  const report = await scenario('call-graph');
  const [profile] = report.profiles as readonly [ReportProfile];
  const marks = async (one: ReportProfile): Promise<readonly string[]> => {
    const text = await rendered({ ...report, profiles: [one] }, 'pretty', { all: true });
    const [, lines = ''] = text.split('TOP LINES');
    const [own = ''] = lines.split('\n\n');
    return own.split('\n').filter((line) => / │ /.test(line));
  };
  const files = (owner: 'mine' | 'system') => profile.files.map((file) => ({ ...file, owner }));
  const mine = await marks({ ...profile, files: files('mine') });
  expect(mine.length).toBeGreaterThan(3);
  expect(mine.every((line) => line.startsWith('> '))).toBe(true);
  const system = await marks({ ...profile, files: files('system') });
  expect(system.length).toBe(mine.length);
  expect(system.every((line) => line.startsWith('  '))).toBe(true);
});

test.each([false, true])(
  'a function that calls itself is one row with how deep it goes (all: %s)',
  async (all) => {
    const report = await scenario('samples');
    const [first] = report.profiles as readonly [ReportProfile];
    const frame = (name: string) => ({ function: name, owner: 'mine', ownerReason: 'program' }) as const;
    const depth = 120;
    const calls = Array.from({ length: depth + 2 }, (_, node) => node);
    const profile: ReportProfile = {
      ...first,
      measures: first.measures.slice(1),
      primary: 0,
      totals: [depth + 10],
      frames: [frame('main'), frame('g'), frame('fill')],
      trees: [
        {
          parents: calls.map((node) => node - 1),
          frames: calls.map((node) => (node === 0 ? 0 : node > depth ? 2 : 1)),
          values: [calls.map((node) => (node === 0 ? 0 : node > depth ? 10 : 1))],
        },
      ],
    };
    const text = await rendered({ ...report, profiles: [profile] }, 'pretty', { all });
    const [, tree = ''] = text.split('CALL TREE\n');
    expect(tree.split('\n').slice(0, 4)).toEqual([
      '> 100.0%  130  main()',
      '> 100.0%  130  g() × 120',
      '>   7.7%   10  fill()',
      '',
    ]);
  },
);

test('a chart of a few bytes has no parts of bytes on its axis', () => {
  const [, ...lines] = chartLines(
    [
      { time: 0, value: 0 },
      { time: 10, value: 101 },
    ],
    form,
  );
  const labels = lines.flatMap((line) => /^ *(\S+) B ┤/.exec(line)?.[1] ?? []);
  expect(labels).toEqual(['51']);
});

test('a line that the system spent is not marked as mine because nothing is known of its file', async () => {
  const report = await scenario('call-graph');
  const [profile] = report.profiles as readonly [ReportProfile];
  const files = profile.files.map((file) => ({ ...file, owner: 'mine' as const }));
  const functions = profile.functions.map((frame) => ({ ...frame, owner: 'system' as const }));
  const text = await rendered({ ...report, profiles: [{ ...profile, files, functions }] }, 'pretty');
  expect(text.split('TOP LINES')[1]).toMatch(/ │ /);
  expect(text.split('TOP LINES')[1]).not.toMatch(/^>/m);
});
