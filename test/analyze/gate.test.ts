// What fails a run when the user asked for more than valgrind's own rule: --fail-on, --max, --only-mine.
import { describe, expect, test } from 'vitest';
import { type GateRules, readFailOn, readMost } from '../../src/analyze/gate.ts';
import { analyze } from '../../src/analyze/index.ts';
import { kindNames } from '../../src/analyze/kind-names.ts';
import { UserError } from '../../src/errors.ts';
import { gateWords, meansFinding } from '../../src/model/gate-words.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
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

const leakAt = (name: string, bytes: number, kind = 'Leak_DefinitelyLost') =>
  lost(
    1,
    leakOf(bytes),
    { stacks: [stack('at', [malloc, mine(name, `${name}.c`), mine('main', 'main.c', 5)])] },
    kind,
  );

const foreign = finding(1, 'UninitCondition', {
  unique: '0x9',
  stacks: [stack('at', [{ object: '/usr/lib/libgtk-3.so.0', function: 'gtk_init' }, libcStart])],
});

const records = whole(1, [
  finding(1, 'InvalidRead', { unique: '0x0' }),
  foreign,
  leakAt('lose', 100),
  leakAt('maybe', 3000, 'Leak_PossiblyLost'),
  leakAt('keep', 70, 'Leak_StillReachable'),
  counts(1, { '0x0': 1, '0x9': 1 }),
]);

const gated = async (
  gate: GateRules,
  given: readonly ParsedRecord[] = records,
  toolOptions: readonly string[] = [],
) => {
  const report = await analyze(given, { vgrun: '0.1.0', manifest: manifest({ toolOptions }), gate });
  const failing = report.findings.filter((each) => each.failing).map(({ kind }) => kind);
  const pardons = Object.fromEntries(
    report.findings.flatMap(({ kind, pardon }) => (pardon ? [[kind, pardon]] : [])),
  );
  return { ...report, failing: failing.sort(), pardons };
};

test('without a gate what valgrind counts as an error fails', async () => {
  const { failing, gate, pardons } = await gated({});
  expect(failing).toEqual(['InvalidRead', 'Leak_DefinitelyLost', 'Leak_PossiblyLost', 'UninitCondition']);
  expect(gate).toBeUndefined();
  expect(pardons).toEqual({});
});

describe('--fail-on', () => {
  test('lets only what it names fail, and tells of the rest', async () => {
    const { failing, pardons, status, reasons, gate } = await gated({ failOn: ['invalid', 'reachable'] });
    expect(failing).toEqual(['InvalidRead', 'Leak_StillReachable']);
    expect(pardons).toEqual({
      Leak_DefinitelyLost: 'fail-on',
      Leak_PossiblyLost: 'fail-on',
      UninitCondition: 'fail-on',
    });
    expect(status).toBe(100);
    expect(reasons).toEqual(['2 findings count as errors.', '3 errors are of no kind that --fail-on names.']);
    expect(gate).toEqual({ failOn: ['invalid', 'reachable'], onlyMine: false, limits: [] });
  });

  test('of a kind that is usually not listed lists it', async () => {
    const { findings } = await gated({ failOn: ['reachable'] });
    expect(findings.find(({ kind }) => kind === 'Leak_StillReachable')).toMatchObject({
      hidden: false,
      error: false,
    });
  });

  test('knows kinds, rules, all, none and default', async () => {
    expect((await gated({ failOn: ['InvalidRead'] })).failing).toEqual(['InvalidRead']);
    expect((await gated({ failOn: ['memcheck/InvalidRead'] })).failing).toEqual(['InvalidRead']);
    expect((await gated({ failOn: ['helgrind/Race'] })).failing).toEqual([]);
    expect(readFailOn('helgrind/Race,memcheck/FdNotClosed')).toHaveLength(2);
    expect((await gated({ failOn: ['all'] })).failing).toHaveLength(5);
    expect((await gated({ failOn: ['default', 'reachable'] })).failing).toHaveLength(5);
    const none = await gated({ failOn: ['none'] });
    expect([none.failing, none.outcome, none.status]).toEqual([[], 'clean', 0]);
  });

  test('about leaks that nobody searched for is no clean run', async () => {
    const silent = whole(1, [counts(1, {})]);
    const { outcome, problems } = await gated({ failOn: ['definite'] }, silent, ['--leak-check=no']);
    expect(outcome).toBe('inconclusive');
    expect(problems.map(({ code }) => code)).toContain('leaks-not-searched');
    expect((await gated({ failOn: ['invalid'] }, silent, ['--leak-check=no'])).outcome).toBe('clean');
    expect((await gated({ failOn: ['definite'] }, silent)).outcome).toBe('clean');
  });
});

describe('--max', () => {
  test('takes the place of the single findings: within it nothing of the kind fails', async () => {
    const most = new Map([
      ['possible', 4096],
      ['definite', 0],
    ]);
    const { failing, pardons, gate, reasons } = await gated({ most });
    expect(failing).toEqual(['InvalidRead', 'Leak_DefinitelyLost', 'UninitCondition']);
    expect(pardons).toEqual({ Leak_PossiblyLost: 'limit' });
    expect(gate?.limits).toEqual([
      { group: 'possible', unit: 'bytes', most: 4096, actual: 3000, exceeded: false },
      { group: 'definite', unit: 'bytes', most: 0, actual: 100, exceeded: true },
    ]);
    expect(reasons).toContain('The leaks of "definite" come to 100 bytes; --max allows 0.');
  });

  test('counts findings where it is not about leaks', async () => {
    const { failing, gate } = await gated({
      most: new Map([
        ['invalid', 1],
        ['uninit', 0],
      ]),
    });
    expect(failing).not.toContain('InvalidRead');
    expect(failing).toContain('UninitCondition');
    expect(gate?.limits[0]).toMatchObject({ unit: 'findings', actual: 1, exceeded: false });
  });

  test('makes a kind fail that is otherwise no error', async () => {
    expect((await gated({ most: new Map([['reachable', 69]]) })).failing).toContain('Leak_StillReachable');
    expect((await gated({ most: new Map([['reachable', 70]]) })).failing).not.toContain(
      'Leak_StillReachable',
    );
  });

  test('is a statement about the whole: known findings count towards it, and it fails without a new one', async () => {
    const { findings } = await gated({});
    const entries = findings.map(({ fingerprint, rule }) => ({
      fingerprint,
      rule,
      place: '',
      cost: { count: 1 },
      programs: [],
    }));
    const known = { name: 'baseline', entries, whole: true };
    const options = {
      vgrun: '0.1.0',
      manifest: manifest(),
      known,
      gate: { most: new Map([['possible', 10]]) },
    };
    const report = await analyze(records, options);
    expect(report.findings.some(({ failing }) => failing)).toBe(false);
    expect([report.outcome, report.status]).toEqual(['findings', 100]);
    expect(report.reasons[0]).toBe('The leaks of "possible" come to 3000 bytes; --max allows 10.');
  });
});

describe('--only-mine', () => {
  test('lets no finding fail that my code has no part in, and says how many there are', async () => {
    const { failing, findings, reasons, pardons } = await gated({ onlyMine: true });
    expect(failing).not.toContain('UninitCondition');
    expect(pardons).toEqual({ UninitCondition: 'ownership' });
    expect(findings.find(({ kind }) => kind === 'UninitCondition')).toMatchObject({
      hidden: true,
      error: true,
    });
    expect(reasons).toContain('1 finding without code of mine does not count (--only-mine).');
  });
});

test('a run that was not seen whole stays inconclusive, whatever the gate lets pass', async () => {
  const cut = records.slice(0, -1);
  expect((await gated({ failOn: ['none'] }, cut)).outcome).toBe('inconclusive');
});

test('--error-exitcode is the status also of a limit that is exceeded', async () => {
  const report = await analyze(whole(1, [leakAt('keep', 70, 'Leak_StillReachable'), counts(1, {})]), {
    vgrun: '0.1.0',
    manifest: manifest(),
    errorExitcode: 7,
    gate: { most: new Map([['reachable', 0]]) },
  });
  expect(report.status).toBe(7);
});

describe('the words', () => {
  test('are read with the units of bytes', () => {
    expect(readFailOn('definite, invalid,race')).toEqual(['definite', 'invalid', 'race']);
    expect([...readMost('definite=0B,possible=4KiB,race=2,reachable=1.5kB,indirect=7')]).toEqual([
      ['definite', 0],
      ['possible', 4096],
      ['race', 2],
      ['reachable', 1500],
      ['indirect', 7],
    ]);
  });

  test.each([
    ['--fail-on', () => readFailOn('invlid'), 'did you mean invalid?'],
    ['--fail-on', () => readFailOn(''), gateWords.join(', ')],
    ['--fail-on', () => readFailOn('InvaldRead'), 'did you mean InvalidRead?'],
    ['--fail-on', () => readFailOn('memcheck/Foo'), 'InvalidRead'],
    ['--fail-on', () => readFailOn('DEFINITE'), ''],
    ['--max', () => readMost('definite'), 'definite=4KiB'],
    ['--max', () => readMost('definite=lots'), 'definite=4KiB'],
    ['--max', () => readMost('race=2KiB'), 'race=2'],
    ['--max', () => readMost('=3'), gateWords.join(', ')],
  ])('that mean nothing are refused with what would be right: %s', (option, read, hint) => {
    expect(read).toThrowError(UserError);
    expect(read).toThrowError(option);
    let given = '';
    try {
      read();
    } catch (error) {
      given = error instanceof UserError ? (error.hint ?? '') : '';
    }
    expect(given).toContain(hint);
  });
});

describe('the words mean the kinds of the sanitizers and the heaps too', () => {
  test.each([
    ['definite', 'lsan', 'direct-leak'],
    ['indirect', 'lsan', 'indirect-leak'],
    ['unfreed', 'mtrace', 'unfreed'],
    ['leak', 'vld', 'unfreed'],
    ['leak', 'lsan', 'direct-leak'],
    ['invalid', 'asan', 'heap-buffer-overflow'],
    ['invalid', 'asan', 'stack-use-after-return'],
    ['invalid', 'asan', 'memcpy-param-overlap'],
    ['invalid', 'asan', 'SEGV'],
    ['invalid', 'hwasan', 'tag-mismatch'],
    ['invalid', 'tsan', 'heap-use-after-free'],
    ['invalid', 'memwatch', 'overflow'],
    ['invalid', 'mtrace', 'free-of-unknown'],
    ['uninit', 'msan', 'use-of-uninitialized-value'],
    ['undefined', 'ubsan', 'shift-base'],
    ['argument', 'asan', 'calloc-overflow'],
    ['race', 'tsan', 'data-race-on-vptr'],
    ['lock', 'tsan', 'lock-order-inversion'],
    ['lock', 'tsan', 'thread-leak'],
  ])('%s means %s/%s', (word, tool, kind) => {
    expect(meansFinding(word, { tool, kind, error: true })).toBe(true);
    const others = gateWords.filter(
      (other) => ![word, 'all', 'default', 'leak', 'definite', 'indirect', 'unfreed'].includes(other),
    );
    expect(others.filter((other) => meansFinding(other, { tool, kind, error: true }))).toEqual([]);
  });

  test('every kind that the memory sanitizers report is in a group, but for what is no error of memory', () => {
    const words = gateWords.filter((word) => !['all', 'none', 'default'].includes(word));
    const left = ['asan', 'hwasan', 'lsan', 'msan', 'tsan', 'ubsan'].flatMap((tool) =>
      (kindNames.get(tool) ?? [])
        .filter((kind) => !words.some((word) => meansFinding(word, { tool, kind, error: true })))
        .map((kind) => `${tool}/${kind}`),
    );
    expect(left).toEqual([
      'asan/initialization-order-fiasco',
      'asan/bad-__sanitizer_annotate_contiguous_container',
      'asan/bad-__sanitizer_annotate_double_ended_contiguous_container',
      'asan/odr-violation',
      'asan/invalid-pointer-pair',
      'asan/integer-divide-by-zero',
    ]);
  });

  test('leaks of LeakSanitizer and of a trace are limited in bytes', async () => {
    expect(readMost('unfreed=4KiB,leak=0').get('unfreed')).toBe(4096);
    const { protocol: _, ...begun } = process(1, { tool: 'asan', instrumentArgv: [] });
    const leak = finding(1, 'direct-leak', { tool: 'lsan', leak: leakOf(100) });
    const given = [begun, leak, end(1, { leakChecks: 1 })];
    const { gate, outcome } = await gated({ most: new Map([['definite', 64]]) }, given);
    expect(gate?.limits).toEqual([
      { group: 'definite', unit: 'bytes', most: 64, actual: 100, exceeded: true },
    ]);
    expect(outcome).toBe('findings');
  });

  test('valgrind’s options about leak kinds say nothing of the leaks of others', async () => {
    const { protocol: _, ...begun } = process(1, { tool: 'asan', instrumentArgv: [] });
    const leak = finding(1, 'indirect-leak', { tool: 'lsan', leak: leakOf(100) });
    const { outcome } = await gated(
      {},
      [begun, leak, end(1, { leakChecks: 1 })],
      ['--errors-for-leak-kinds=none'],
    );
    expect(outcome).toBe('findings');
  });
});
