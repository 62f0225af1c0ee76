// What is new, known, changed, fixed or not judged against what was known before.
import { describe, expect, test } from 'vitest';
import { entriesOf, type Known, updateBaseline } from '../../src/analyze/baseline.ts';
import { analyze } from '../../src/analyze/index.ts';
import type { Frame } from '../../src/model/finding.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import type { Report } from '../../src/model/report.ts';
import type { RunManifest } from '../../src/model/run.ts';
import {
  counts,
  end,
  finding,
  leakOf,
  libcStart,
  lost,
  malloc,
  manifest,
  mine,
  process,
  stack,
  whole,
} from './records.ts';

const main = mine('main', 'main.c', 7);
/** A leak in `push`, at a line, of some bytes. */
const leak = (line: number, bytes: number, file = 'list.c', name = 'push', more: readonly Frame[] = []) =>
  lost(1, leakOf(bytes), { stacks: [stack('at', [malloc, ...more, mine(name, file, line), main])] });

const run = (
  records: readonly ParsedRecord[],
  known?: Known,
  more: Partial<RunManifest> = {},
): Promise<Report> =>
  analyze(whole(1, [...records, counts(1, {})]), { vgrun: '0.1.0', manifest: manifest(more), known });

const knownFrom = async (records: readonly ParsedRecord[]): Promise<Known> => ({
  name: 'vgrun-baseline.txt',
  entries: entriesOf(await run(records)),
  whole: true,
});

/** `100 known`, in the order of cost. */
const standings = ({ findings }: Report): readonly string[] =>
  findings.map(({ leak: cost, standing }) => `${cost?.bytes} ${standing}`);

test('what is known does not fail, what is new does', async () => {
  const report = await run([leak(20, 100), leak(5, 40, 'tree.c', 'grow')], await knownFrom([leak(20, 100)]));
  expect(standings(report)).toEqual(['40 new', '100 known']);
  expect(report.findings.map(({ failing, pardon }) => [failing, pardon])).toEqual([
    [true, undefined],
    [false, 'baseline'],
  ]);
  expect(report.comparison).toMatchObject({ new: 1, known: 1, changed: 0, fixed: [], notJudged: [] });
  expect(report.reasons).toEqual(['1 new finding counts as an error.', '1 known finding does not count.']);
  expect(report.status).toBe(100);
});

test('a run with nothing new is clean, and says that there is something', async () => {
  const report = await run([leak(20, 100)], await knownFrom([leak(20, 100)]));
  expect([report.outcome, report.status]).toEqual(['clean', 0]);
  expect(report.reasons).toEqual(['1 known finding does not count.']);
});

describe('moving code changes nothing', () => {
  const cases: readonly (readonly [string, readonly ParsedRecord[]])[] = [
    ['lines', [leak(220, 100), leak(230, 60)]],
    ['the file got another name', [leak(20, 100, 'lists.c'), leak(30, 60, 'lists.c')]],
    ['the directory', [leak(20, 100, '../other/list.c'), leak(30, 60, '../other/list.c')]],
    [
      'libc inlines otherwise',
      [
        leak(20, 100, 'list.c', 'push', [{ ...libcStart, function: 'strdup' }]),
        leak(30, 60, 'list.c', 'push', [{ ...libcStart, function: 'strdup' }]),
      ],
    ],
  ];
  test.each(cases)('%s', async (_, moved) => {
    const report = await run(moved, await knownFrom([leak(20, 100), leak(30, 60)]));
    expect(standings(report)).toEqual(['100 known', '60 known']);
  });

  test('another compiler writes other template arguments', async () => {
    const name = (argument: string) =>
      `Pool<${argument}>::take(unsigned ${argument === 'int' ? 'int' : 'long'})`;
    const report = await run(
      [leak(20, 100, 'pool.h', name('std::__cxx11::basic_string<char>'))],
      await knownFrom([leak(20, 100, 'pool.h', name('int'))]),
    );
    expect(standings(report)).toEqual(['100 known']);
  });
});

describe('a leak that is added in a function with known ones', () => {
  const before = [leak(20, 100), leak(30, 60)];
  const places: readonly (readonly [string, readonly ParsedRecord[]])[] = [
    ['above them', [leak(10, 17), leak(20, 100), leak(30, 60)]],
    ['between them', [leak(20, 100), leak(25, 17), leak(30, 60)]],
    ['below them', [leak(20, 100), leak(30, 60), leak(40, 17)]],
  ];
  test.each(places)('%s is the only new one', async (_, now) => {
    expect(standings(await run(now, await knownFrom(before)))).toEqual(['17 new', '100 known', '60 known']);
  });

  test('is new also when all have one size: then the last is said to be it', async () => {
    const report = await run(
      [leak(10, 8), leak(20, 8), leak(30, 8)],
      await knownFrom([leak(20, 8), leak(30, 8)]),
    );
    expect(standings(report).toSorted()).toEqual(['8 known', '8 known', '8 new']);
  });

  test('and one that is mended between others is the only fixed one', async () => {
    const known = await knownFrom([leak(20, 100), leak(25, 17), leak(30, 60)]);
    const report = await run([leak(20, 100), leak(29, 60)], known);
    expect(standings(report)).toEqual(['100 known', '60 known']);
    expect(report.comparison?.fixed.map(({ cost }) => cost.bytes)).toEqual([17]);
  });
});

test('a finding in a renamed file is new when there are more of them than before: a guess must hide nothing', async () => {
  const report = await run(
    [leak(20, 100, 'lists.c'), leak(30, 60, 'lists.c')],
    await knownFrom([leak(20, 100)]),
  );
  expect(standings(report)).toEqual(['100 new', '60 new']);
});

test('a known leak that costs another amount is changed, and says what it cost', async () => {
  const known = await knownFrom([leak(20, 100)]);
  const report = await run([leak(20, 160)], known);
  expect(report.findings[0]).toMatchObject({
    standing: 'changed',
    failing: false,
    pardon: 'baseline',
    before: { bytes: 100, blocks: 1 },
  });
  expect(report.comparison).toMatchObject({ changed: 1, known: 0 });
});

test('how often an error occurred is no cost: it depends on the input', async () => {
  const error = finding(1, 'InvalidRead', { unique: '0x0' });
  const known = await knownFrom([error]);
  const report = await analyze(whole(1, [error, counts(1, { '0x0': 50 })]), {
    vgrun: '0.1.0',
    manifest: manifest(),
    known,
  });
  expect(report.findings[0]?.standing).toBe('known');
});

describe('what is not reported any more', () => {
  const fixed = async (known: Known, records: readonly ParsedRecord[], more: Partial<RunManifest> = {}) => {
    const { comparison } = await analyze(records, { vgrun: '0.1.0', manifest: manifest(more), known });
    return [comparison?.fixed.length, comparison?.notJudged.length];
  };
  const silent = whole(1, [counts(1, {})]);

  test('is fixed when the program ran to its end', async () => {
    expect(await fixed(await knownFrom([leak(20, 100)]), silent)).toEqual([1, 0]);
  });

  test('is not judged by a run whose program failed, crashed, or lost a child to a signal', async () => {
    const known = await knownFrom([leak(20, 100)]);
    expect(await fixed(known, silent, { exit: { how: 'exited', code: 3 } })).toEqual([0, 1]);
    const signal = { type: 'fatal-signal', image: 1, number: 6, name: 'SIGABRT' } as const;
    const crashed = whole(1, [signal, counts(1, {})]);
    expect(await fixed(known, crashed, { exit: { how: 'signaled', signal: 'SIGABRT', number: 6 } })).toEqual([
      0, 1,
    ]);
    const child = whole(2, [{ ...signal, image: 2 }, counts(2, {})], { ppid: 101, forked: true });
    expect(await fixed(known, [...silent, ...child])).toEqual([0, 1]);
  });

  test('is not judged when a new finding may be what it was, under another name', async () => {
    const known = await knownFrom([leak(20, 100)]);
    const renamed = [leak(20, 100, 'lists.c'), leak(30, 60, 'lists.c'), counts(1, {})];
    expect(await fixed(known, whole(1, renamed))).toEqual([0, 1]);
  });

  test('is known still when a run does not list it', async () => {
    const known = await knownFrom([leak(20, 100)]);
    const { comparison } = await run([leak(20, 100)], known, { toolOptions: ['--leak-check=summary'] });
    expect(comparison).toMatchObject({ known: 1, fixed: [], notJudged: [] });
  });

  test('is not judged by a run of another program', async () => {
    const other = whole(1, [counts(1, {})], { argv: ['./tree'] });
    expect(await fixed(await knownFrom([leak(20, 100)]), other)).toEqual([0, 1]);
  });

  test('is not judged by another tool', async () => {
    const helgrind = whole(1, [counts(1, {})], { tool: 'helgrind' });
    expect(await fixed(await knownFrom([leak(20, 100)]), helgrind)).toEqual([0, 1]);
  });

  test('is not judged by a run that was cut', async () => {
    const cut = [process(1), end(1, { complete: false, finished: false })];
    expect(await fixed(await knownFrom([leak(20, 100)]), cut)).toEqual([0, 1]);
  });

  test('is not judged, when it is a leak, by a run that searched for none', async () => {
    const toolOptions = ['--leak-check=no'];
    expect(await fixed(await knownFrom([leak(20, 100)]), silent, { toolOptions })).toEqual([0, 1]);
  });
});

test('a comparison with something that was not seen whole warns that new may be old', async () => {
  const report = await run([leak(20, 100)], { name: 'cut.log', entries: [], whole: false });
  expect(report.problems).toContainEqual(
    expect.objectContaining({ code: 'compared-with-incomplete', level: 'warning' }),
  );
});

describe('an update of the baseline', () => {
  const lines = async (records: readonly ParsedRecord[]) =>
    (await knownFrom(records)).entries.map((entry) => ({ entry, comments: [`# ${entry.cost.bytes}`] }));

  test('adds what is new, takes out what is fixed, and keeps comments', async () => {
    const before = await lines([leak(20, 100), leak(5, 60, 'tree.c', 'grow')]);
    const known = { name: 'b', entries: before.map(({ entry }) => entry), whole: true };
    const update = updateBaseline(before, await run([leak(22, 100), leak(9, 17, 'pool.c', 'take')], known));
    expect([update.added, update.changed, update.removed, update.notJudged]).toEqual([1, 0, 1, 0]);
    expect(update.lines.map(({ entry, comments }) => [entry.cost.bytes, comments]).toSorted()).toEqual([
      [100, ['# 100']],
      [17, []],
    ]);
  });

  test('keeps what the run cannot judge', async () => {
    const before = await lines([leak(20, 100)]);
    const known = { name: 'b', entries: before.map(({ entry }) => entry), whole: true };
    const other = await analyze(whole(1, [counts(1, {})], { argv: ['./tree'] }), {
      vgrun: '0.1.0',
      manifest: manifest(),
      known,
    });
    const update = updateBaseline(before, other);
    expect([update.lines, update.removed, update.notJudged]).toEqual([before, 0, 1]);
  });

  test('made again from the same run changes nothing', async () => {
    const before = await lines([leak(20, 100), leak(30, 60)]);
    const known = { name: 'b', entries: before.map(({ entry }) => entry), whole: true };
    const update = updateBaseline(before, await run([leak(20, 100), leak(30, 60)], known));
    expect([update.added, update.changed, update.removed]).toEqual([0, 0, 0]);
    expect(update.lines).toEqual(before);
  });
});
