// What the formats of profiles promise: they add up, their own readers take them, and names cannot break them.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { writeReports } from '../../src/commands/output.ts';
import { UserError } from '../../src/errors.ts';
import type { ReportProfile } from '../../src/model/profile-report.ts';
import type { Report } from '../../src/model/report.ts';
import { formatsFor, render, reporterNames } from '../../src/report/index.ts';
import { hostileNames, profileScenarios } from './profile-scenarios.ts';
import { scenarios } from './scenarios.ts';
import { pprofText, readPprof, rendered, speedscopeErrors } from './validators.ts';

async function scenario(name: string): Promise<Report> {
  const make = profileScenarios.get(`profile-${name}`) ?? scenarios.get(name);
  if (make === undefined) throw new Error(`no scenario ${name}`);
  return make();
}

const hasGo = spawnSync('go', ['version']).error === undefined;

/** What the trees that count come to, by measure of the first profile; of a time line its peak. */
function treeTotals(report: Report): number[] {
  const sums: number[] = [];
  for (const { timeline, trees, costs } of report.profiles ?? []) {
    const peak = timeline?.snapshots.find(({ kind }) => kind === 'peak')?.tree;
    const counted = timeline === undefined ? trees : trees.filter((_, index) => index === peak);
    for (const values of counted.length === 0 ? [costs.self] : counted.map((tree) => tree.values)) {
      for (const [measure, column] of values.entries()) {
        sums[measure] = column.reduce((sum, value) => sum + value, sums[measure] ?? 0);
      }
    }
  }
  return sums;
}

/** Paths and their costs, as flamegraph.pl reads a line: the last space parts them. */
function readFolded(text: string): readonly (readonly [path: readonly string[], value: number])[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [, path, value] = /^(.*)\s+?(\d+(?:\.\d*)?)$/.exec(line) ?? [];
      if (path === undefined || value === undefined) throw new Error(`no stack: ${line}`);
      return [path.split(';'), Number(value)];
    });
}

describe.each([...profileScenarios])('%s', (_, make) => {
  test('as folded stacks comes to what its trees come to, each path once', async () => {
    const report = await make();
    const lines = readFolded(await rendered(report, 'folded'));
    const primary = report.profiles?.[0]?.primary ?? 0;
    expect(lines.reduce((sum, [, value]) => sum + value, 0)).toBe(treeTotals(report)[primary] ?? 0);
    expect(new Set(lines.map(([path]) => path.join(';'))).size).toBe(lines.length);
  });

  test('as speedscope keeps to its schema, and has each tree by each measure that is not nothing', async () => {
    const report = await make();
    const text = await rendered(report, 'speedscope');
    expect(speedscopeErrors(text)).toEqual([]);
    const { profiles } = JSON.parse(text);
    const expected = (report.profiles ?? []).flatMap(({ measures, trees, costs, primary }) =>
      (trees.length > 0 ? trees.map(({ values }) => values) : [costs.self]).flatMap((values) =>
        measures.filter((__, measure) => measure === primary || values[measure]?.some((value) => value > 0)),
      ),
    );
    expect(profiles).toHaveLength(expected.length);
  });

  test('as pprof comes to the same by every measure', async () => {
    const report = await make();
    const { sampleType, sample } = readPprof(await rendered(report, 'pprof'));
    const sums = sampleType.map((__, measure) =>
      sample.reduce((sum, { value }) => sum + Number(value[measure]), 0),
    );
    expect(sums).toEqual(sampleType.map((__, measure) => treeTotals(report)[measure] ?? 0));
  });

  test('as pprof refers only to what is in it', async () => {
    const {
      sample,
      location,
      function: functions,
      mapping,
      stringTable,
    } = readPprof(await rendered(await make(), 'pprof'));
    const ids = (items: readonly { id: number | bigint }[]) => new Set(items.map(({ id }) => Number(id)));
    const [locations, named, mapped] = [ids(location), ids(functions), ids(mapping)];
    expect(locations.has(0) || named.has(0) || mapped.has(0)).toBe(false);
    for (const { locationId } of sample) {
      expect(locationId.length).toBeGreaterThan(0);
      expect(locationId.every((id) => locations.has(Number(id)))).toBe(true);
    }
    for (const { mappingId, line } of location) {
      expect(line.length).toBeGreaterThan(0);
      expect(mappingId === 0 || mapped.has(Number(mappingId))).toBe(true);
      expect(line.every(({ functionId }) => named.has(Number(functionId)))).toBe(true);
    }
    expect(stringTable.strings[0]).toBe('');
  });

  // Not in CI either: a compiler of 200 MB for what the decoder above sees too.
  test.skipIf(!hasGo)('go tool pprof reads it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vgrun-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const report = await make();
    const file = join(folder, 'profile.pb.gz');
    writeFileSync(file, Buffer.from(await rendered(report, 'pprof'), 'latin1'));
    const raw = execFileSync('go', ['tool', 'pprof', '-raw', file], { encoding: 'utf8', stdio: 'pipe' });
    expect(raw).toContain('Samples:');
  });
});

test('folded stacks say whose they are once there are several threads or processes', async () => {
  const lines = readFolded(await rendered(await scenario('samples'), 'folded'));
  expect(new Set(lines.map(([[first]]) => first))).toEqual(
    new Set(['words-101/101', 'worker-101/102', 'sort-109/109']),
  );
  const [first] = readFolded(await rendered(await scenario('heap-over-time'), 'folded'));
  expect(first?.[0][0]).toBe('(below main)');
});

test('no name breaks a folded stack: semicolons, line ends and numbers in it stay in it', async () => {
  const report = await scenario('hostile');
  const lines = readFolded(await rendered(report, 'folded'));
  expect(lines).toHaveLength(hostileNames.length);
  expect(lines.map(([path]) => path.length)).toEqual(hostileNames.map((_, index) => index + 1));
  expect(lines[5]?.[0][5]).toBe('two\\x0alines:and a semicolon 42');
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 6 }),
      async (names) => {
        const made = readFolded(await rendered(named(report, names), 'folded'));
        expect(made.reduce((sum, [, value]) => sum + value, 0)).toBe(names.length);
        expect(made.every(([path]) => path.length <= names.length)).toBe(true);
      },
    ),
  );
});

/** A profile of one path with these names, and a cost of 1 at the end of each call. */
function named(report: Report, names: readonly string[]): Report {
  const [first] = report.profiles ?? [];
  const profile: ReportProfile = {
    ...(first as ReportProfile),
    frames: names.map((name) => ({ function: name, owner: 'mine', ownerReason: 'program' })),
    trees: [
      {
        parents: names.map((_, index) => index - 1),
        frames: names.map((_, index) => index),
        values: [names.map(() => 1)],
      },
    ],
  };
  return { ...report, profiles: [profile] };
}

test('pprof has what was inlined in the location of its caller, labels for threads, and says that a tree is inferred', async () => {
  const samples = JSON.parse(pprofText(await rendered(await scenario('samples'), 'pprof')));
  expect(samples.default).toBe('cpu-clock');
  const hash = samples.samples.find(({ values }: { values: string }) => values === '812000000 812');
  expect(hash.stack).toHaveLength(4);
  expect(hash.stack[0]).toMatch(/^hash\(.*\) src\/hash\.h:12 in Table::insert\(.*src\/table\.cpp:44 /);
  expect(hash.labels).toBe('program=words pid=101 tid=101 thread=words');
  const inferred = JSON.parse(pprofText(await rendered(await scenario('inferred-tree'), 'pprof')));
  expect(inferred.comments.join('\n')).toContain('the call tree is a likely one only');
  expect(await rendered(await scenario('inferred-tree'), 'speedscope')).toContain('[a likely tree only: ');
});

test('values beyond 32 bits and fractions of milliseconds are exact in pprof and folded stacks', async () => {
  const report = named(await scenario('hostile'), ['main']);
  const [profile] = report.profiles as readonly [ReportProfile];
  const tree = { parents: [-1], frames: [0], values: [[2 ** 52 + 1]] };
  const large = { ...report, profiles: [{ ...profile, trees: [tree] }] };
  expect(Number(readPprof(await rendered(large, 'pprof')).sample[0]?.value[0])).toBe(2 ** 52 + 1);
  expect(await rendered(large, 'folded')).toBe('main 4503599627370497\n');
  const slow: Report = {
    ...report,
    profiles: [
      {
        ...profile,
        measures: [{ name: 'time', title: 'time', unit: 'ms' }],
        trees: [{ ...tree, values: [[0.25]] }],
      },
    ],
  };
  expect(JSON.parse(pprofText(await rendered(slow, 'pprof'))).types).toEqual(['time microseconds']);
  expect(await rendered(slow, 'folded')).toBe('main 250\n');
});

test('values that are negative or no numbers break no format', async () => {
  const report = named(await scenario('hostile'), ['a', 'b', 'c', 'd']);
  const [profile] = report.profiles as readonly [ReportProfile];
  const [tree] = profile.trees;
  if (tree === undefined) throw new Error('there is a tree');
  const odd: Report = {
    ...report,
    profiles: [{ ...profile, trees: [{ ...tree, values: [[-5, Number.NaN, Number.POSITIVE_INFINITY, 2]] }] }],
  };
  expect(await rendered(odd, 'folded')).toBe('a;b;c;d 2\n');
  expect(readPprof(await rendered(odd, 'pprof')).sample).toHaveLength(1);
  for (const format of formatsFor(odd)) expect((await rendered(odd, format)).length).toBeGreaterThan(0);
});

test('a time line without any tree is no program that costs nothing', async () => {
  const report = await scenario('heap-over-time');
  const [profile] = report.profiles as readonly [ReportProfile];
  const snapshots = (profile.timeline?.snapshots ?? []).map(({ tree: _, ...snapshot }) => snapshot);
  const plain: ReportProfile = {
    ...profile,
    trees: [],
    functions: [],
    costs: { self: [[]], inclusive: [[]] },
    byInclusive: [],
    bySelf: [],
    ...(profile.timeline && { timeline: { ...profile.timeline, snapshots } }),
  };
  const made = { ...report, profiles: [plain] };
  expect(await rendered(made, 'folded')).toBe('no call tree was recorded 13452204\n');
  expect(speedscopeErrors(await rendered(made, 'speedscope'))).toEqual([]);
  expect(Number(readPprof(await rendered(made, 'pprof')).sample[0]?.value[0])).toBe(13_452_204);
  expect(await rendered(made, 'pretty')).toContain('OVER TIME');
});

describe('a run without a profile', () => {
  const formats = ['svg', 'folded', 'speedscope', 'pprof'];

  test.each(formats)('is refused by %s in one sentence', async (format) => {
    const report = await scenario('one-leak');
    await expect(render(report, format).next()).rejects.toThrow(
      `this run has no profile: memcheck makes none, and ${format} holds nothing else`,
    );
    await expect(render(report, format).next()).rejects.toBeInstanceOf(UserError);
    expect(formatsFor(report)).toEqual(reporterNames.filter((name) => !formats.includes(name)));
  });

  test('costs nobody the file that was there, and no other report', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vgrun-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'old.folded');
    writeFileSync(file, 'main 1\n');
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    onTestFinished(() => said.mockRestore());
    const status = await writeReports(
      await scenario('one-leak'),
      [
        { format: 'folded', file },
        { format: 'pprof', file: join(folder, 'none.pb.gz') },
        { format: 'json', file: join(folder, 'report.json') },
      ],
      {},
    );
    expect(status).toBe(125);
    expect(said.mock.calls.join('')).toContain('vgrun: this run has no profile');
    expect(readFileSync(file, 'utf8')).toBe('main 1\n');
    expect(existsSync(join(folder, 'none.pb.gz'))).toBe(false);
    expect(existsSync(join(folder, 'report.json'))).toBe(true);
  });
});

test('pprof is written to a file byte by byte', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vgrun-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const report = await scenario('call-graph');
  const file = join(folder, 'profile.pb.gz');
  expect(await writeReports(report, [{ format: 'pprof', file }], {})).toBe(0);
  expect(readFileSync(file).toString('latin1')).toBe(await rendered(report, 'pprof'));
});

test('a growth limit has a line of its own in every format, and exceeded it is an error there', async () => {
  const report = await scenario('growth');
  const grew = /256,190,589 before, 282,609,504 now \(\+10\.3%(?:25)?\)/;
  for (const format of ['pretty', 'markdown', 'github-summary', 'github', 'junit', 'gitlab', 'sarif']) {
    const text = await rendered(report, format, { columns: 200 });
    expect(text, format).toMatch(grew);
  }
  expect(await rendered(report, 'github')).toMatch(/^::error title=vgrun%3A growth limit exceeded::/m);
  expect(await rendered(report, 'junit')).toContain('type="max-growth"');
  expect(JSON.parse(await rendered(report, 'gitlab'))).toMatchObject([
    { check_name: 'vgrun/max-growth', fingerprint: 'vgrun-max-growth-Ir' },
  ]);
  const [run] = JSON.parse(await rendered(report, 'sarif')).runs;
  expect(run.results).toMatchObject([{ ruleId: 'vgrun/max-growth', level: 'error' }]);
  expect(run.tool.driver.rules[run.results[0].ruleIndex].id).toBe('vgrun/max-growth');
  // One that holds is told where everything is, and is no error.
  expect(await rendered(report, 'markdown')).toContain('(D1mr): 7,108,204 before, 7,101,009 now (-0.1%)');
  expect(run.properties.gate.growth).toHaveLength(2);
});

test.each(['svg', 'folded', 'speedscope', 'pprof'])(
  'a run that was measured and left no sample has a form in %s, and keeps its status',
  async (format) => {
    const report = await scenario('empty');
    const { profiles: _, ...rest } = report;
    const nothing: Report = { ...rest, tool: { name: 'perf' }, purpose: 'profile', status: 3 };
    const text = await rendered(nothing, format);
    if (format === 'svg') expect(text).toContain('Nothing was spent, or nothing was seen.');
    if (format === 'folded') expect(text).toBe('');
    if (format === 'speedscope') expect(speedscopeErrors(text)).toEqual([]);
    if (format === 'pprof') expect(readPprof(text).sample).toEqual([]);
    const folder = mkdtempSync(join(tmpdir(), 'vgrun-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'out');
    expect(await writeReports(nothing, [{ format, file }], {})).toBe(3);
    expect(existsSync(file)).toBe(true);
  },
);
