// The reports of ThreadSanitizer: what a reading of them must survive and must tell apart.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analyze } from '../../src/analyze/index.ts';
import type { FindingRecord } from '../../src/model/finding.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import type { Report } from '../../src/model/report.ts';
import { sanitizerReader } from '../../src/tools/_shared/sanitizer-log.ts';
import { readerFor } from '../../src/tools/readers.ts';
import { chunksOf, readWith } from '../recordings.ts';

const rule = '==================';

/** One side of a race. */
interface Side {
  readonly operation: 'Read' | 'Write' | 'Atomic read' | 'Atomic write';
  readonly size: number;
  readonly thread: number;
  readonly calls: readonly string[];
  readonly mutexes: readonly number[];
}

function frames(calls: readonly string[]): string[] {
  return calls.map(
    (name, index) => `    #${index} ${name} /src/${name}.c:${10 + index} (prog+0x${1000 + index})`,
  );
}

const who = (thread: number) => (thread === 0 ? 'main thread' : `thread T${thread}`);

function sideText({ operation, size, thread, calls, mutexes }: Side, previous: boolean): string[] {
  const word = previous ? `Previous ${operation.toLowerCase()}` : operation;
  const held = mutexes.length === 0 ? '' : ` (mutexes: ${mutexes.map((id) => `write M${id}`).join(', ')})`;
  return [`  ${word} of size ${size} at 0x7b0400000000 by ${who(thread)}${held}:`, ...frames(calls), ''];
}

interface Race {
  readonly first: Side;
  readonly second: Side;
  readonly variable: string | undefined;
}

function raceText({ first, second, variable }: Race, pid = 4711): string[] {
  return [
    rule,
    `WARNING: ThreadSanitizer: data race (pid=${pid})`,
    ...sideText(first, false),
    ...sideText(second, true),
    ...(variable === undefined
      ? []
      : [`  Location is global '${variable}' of size 4 at 0x7b0400000000 (prog+0x4094)`, '']),
    '  Thread T1 (tid=9070, finished) created by main thread at:',
    ...frames(['pthread_create', 'main']),
    '',
    `SUMMARY: ThreadSanitizer: data race /src/a.c:10 in ${first.calls[0]}`,
    rule,
  ];
}

const side: fc.Arbitrary<Side> = fc.record({
  operation: fc.constantFrom(
    'Read' as const,
    'Write' as const,
    'Atomic read' as const,
    'Atomic write' as const,
  ),
  size: fc.constantFrom(1, 2, 4, 8),
  thread: fc.nat(20),
  calls: fc
    .array(fc.constantFrom('push', 'pop', 'walk', 'work', 'run'), { minLength: 1, maxLength: 6 })
    .map((calls) => [...calls, 'main']),
  mutexes: fc.array(fc.nat(999), { maxLength: 3 }),
});
const race: fc.Arbitrary<Race> = fc.record({
  first: side,
  second: side,
  variable: fc.option(fc.constantFrom('counter', 'state', 'ns::queue'), { nil: undefined }),
});

const logOf = (lines: readonly string[]) => Buffer.from(`${lines.join('\n')}\n`);
const read = (lines: readonly string[], chunk = 61): Promise<ParsedRecord[]> =>
  readWith(sanitizerReader, chunksOf(logOf(lines), chunk));
const findingsIn = (records: readonly ParsedRecord[]): FindingRecord[] =>
  records.filter((record) => record.type === 'finding');
const reportOf = async (lines: readonly string[]): Promise<Report> =>
  analyze(await read(lines), { vgrun: '0.0.0' });
const codes = (records: readonly ParsedRecord[]) =>
  records.flatMap((record) => (record.type === 'problem' ? [record.problem.code] : []));

describe('a data race', () => {
  test('is the same finding whichever of the two accesses came last', async () => {
    await fc.assert(
      fc.asyncProperty(race, async (one) => {
        const [a] = (await reportOf(raceText(one))).findings;
        const [b] = (await reportOf(raceText({ ...one, first: one.second, second: one.first }))).findings;
        expect(a?.kind).toBe('data-race');
        expect(b?.fingerprint).toBe(a?.fingerprint);
        const both = await reportOf([
          ...raceText(one),
          ...raceText({ ...one, first: one.second, second: one.first }),
        ]);
        expect(both.findings.map(({ count }) => count)).toEqual([2]);
      }),
      { numRuns: 60 },
    );
  });

  test('is another finding for another variable', async () => {
    const [first, second] = [side, side].map((one) => fc.sample(one, 1)[0] as Side) as [Side, Side];
    const report = await reportOf([
      ...raceText({ first, second, variable: 'counter' }),
      ...raceText({ first, second, variable: 'total' }),
    ]);
    expect(report.findings).toHaveLength(2);
  });

  test('has both accesses with all their calls', async () => {
    await fc.assert(
      fc.asyncProperty(race, fc.integer({ min: 1, max: 300 }), async (one, chunk) => {
        const [finding] = findingsIn(await read(raceText(one), chunk));
        const isWrite = /write/i.test(one.second.operation);
        expect(finding?.access).toEqual({
          operation: /write/i.test(one.first.operation) ? 'write' : 'read',
          size: one.first.size,
          address: '0x7b0400000000',
        });
        expect(finding?.thread).toEqual({ id: one.first.thread });
        expect(finding?.stacks.map(({ label }) => label)).toEqual([
          'at',
          isWrite ? 'previous write' : 'previous read',
          'thread created at',
        ]);
        const names = finding?.stacks.map((stack) => stack.frames.map((frame) => frame.function));
        expect(names?.slice(0, 2)).toEqual([one.first.calls, one.second.calls]);
      }),
      { numRuns: 60 },
    );
  });

  test('is read though the program prints between its lines, and though empty lines are missing', async () => {
    const output = fc.constantFrom(
      'done 3%',
      'Location: home',
      '#include',
      '==>',
      '  Mutex is fine',
      'by main:',
    );
    await fc.assert(
      fc.asyncProperty(race, fc.array(fc.tuple(fc.nat(40), output), { maxLength: 6 }), async (one, extra) => {
        const plain = findingsIn(await read(raceText(one)));
        const dense = raceText(one).filter((line) => line !== '');
        expect(findingsIn(await read(dense)).map(bare)).toEqual(plain.map(bare));
        const noisy = raceText(one);
        for (const [at, text] of extra) noisy.splice(2 + (at % (noisy.length - 4)), 0, text);
        expect(findingsIn(await read(noisy)).map(bare)).toEqual(plain.map(bare));
      }),
      { numRuns: 60 },
    );
  });

  test('says which side has no stack any more', async () => {
    const { first, second } = { first: fc.sample(side, 1)[0] as Side, second: fc.sample(side, 1)[0] as Side };
    const lines = raceText({ first, second, variable: undefined });
    const at = lines.findIndex((line) => line.startsWith('  Previous'));
    lines.splice(at + 1, second.calls.length, '    [failed to restore the stack]');
    const [finding] = findingsIn(await read(lines));
    expect(finding?.stacks[1]?.frames).toEqual([]);
    expect(finding?.stacks[1]?.text).toMatch(/^Previous .* \[failed to restore the stack\]$/);
    expect(finding?.stacks[0]?.frames.map((frame) => frame.function)).toEqual(first.calls);
  });
});

describe('a lock order', () => {
  const edge = (taken: number, held: number, name: string) => [
    `  Mutex M${taken} acquired here while holding mutex M${held} in main thread:`,
    ...frames(['pthread_mutex_lock', name, 'main']),
    '',
  ];
  const cycle = (names: readonly string[]) => [
    rule,
    'WARNING: ThreadSanitizer: lock-order-inversion (potential deadlock) (pid=4711)',
    `  Cycle in lock order graph: ${names.map((_, id) => `M${id} (0x56${id})`).join(' => ')} => M0`,
    '',
    ...names.flatMap((name, id) => edge((id + 1) % names.length, id, name)),
    'SUMMARY: ThreadSanitizer: lock-order-inversion (potential deadlock) /src/a.c:1 in f',
    rule,
  ];

  test('is one finding wherever its cycle is entered', async () => {
    const turned = ['b', 'c', 'a'];
    const report = await reportOf([...cycle(['a', 'b', 'c']), ...cycle(turned)]);
    expect(report.findings.map(({ kind, count }) => [kind, count])).toEqual([['lock-order-inversion', 2]]);
  });

  test('is another one when one lock is taken elsewhere', async () => {
    expect((await reportOf([...cycle(['a', 'b', 'c']), ...cycle(['a', 'b', 'd'])])).findings).toHaveLength(2);
  });

  test('is the same with and without second_deadlock_stack', async () => {
    const long = cycle(['a', 'b']).flatMap((line) =>
      line.startsWith('    #2')
        ? [
            line,
            '',
            '  Mutex M0 previously acquired by the same thread here:',
            ...frames(['lock', 'x', 'main']),
          ]
        : [line],
    );
    const report = await reportOf([...cycle(['a', 'b']), ...long]);
    expect(report.findings.map(({ count }) => count)).toEqual([2]);
  });

  test('points to the lock that closed the cycle', async () => {
    const [finding] = findingsIn(await read(cycle(['a', 'b', 'c'])));
    expect(finding?.stacks.map(({ label, frames }) => [label, frames[1]?.function])).toEqual([
      ['at', 'c'],
      ['required order then', 'a'],
      ['required order then', 'b'],
    ]);
  });
});

test('leaks of threads alike are counted', async () => {
  const records = await read([
    'WARNING: ThreadSanitizer: thread leak (pid=9509)',
    "  Thread T1 'reader' (tid=0, finished) created by main thread at:",
    ...frames(['pthread_create', 'main']),
    '',
    '  And 3 more similar thread leaks.',
    '',
    'SUMMARY: ThreadSanitizer: thread leak /src/a.c:10 in main',
  ]);
  expect(findingsIn(records).map(({ kind, count }) => [kind, count])).toEqual([['thread-leak', 4]]);
});

describe('the last line', () => {
  const one = fc.sample(race, 1)[0] as Race;

  test('shows that the log is whole', async () => {
    const records = await read([...raceText(one), 'ThreadSanitizer: reported 1 warnings']);
    expect(codes(records)).toEqual([]);
    expect(records.at(-1)).toMatchObject({ type: 'process-end', complete: true });
  });

  test('tells that reports are missing', async () => {
    expect(codes(await read([...raceText(one), 'ThreadSanitizer: reported 3 warnings']))).toEqual([
      'reports-missing',
    ]);
  });
});

test('a sentence that is not known yet keeps its words', async () => {
  const [finding] = findingsIn(
    await read([
      'WARNING: ThreadSanitizer: fence without a purpose (see manual) (pid=1)',
      ...frames(['fence', 'main']),
      'SUMMARY: ThreadSanitizer: fence without a purpose /src/a.c:1 in fence',
    ]),
  );
  expect([finding?.kind, finding?.what]).toEqual([
    'fence-without-a-purpose',
    'fence without a purpose (see manual)',
  ]);
});

test("Go's race detector is another tool", () => {
  const log = 'WARNING: DATA RACE\nRead at 0x00c0000b4010 by goroutine 7:\n  main.main.func1()\n';
  expect(readerFor(Buffer.from(log))).toBeUndefined();
});

test('whatever stands in a log, reading it ends every process that it began', async () => {
  const piece = fc.oneof(
    race.map((one) => raceText(one).join('\n')),
    fc.constantFrom(
      'WARNING: ThreadSanitizer: data race (pid=1)',
      '    #0 f <null> (prog+0x1)',
      '  Mutex M1 (0x1) created at:',
      '    [failed to restore the stack]',
      '  and:',
      'SUMMARY: ThreadSanitizer: x',
      'ThreadSanitizer: reported 99999999999999999999 warnings',
      'ThreadSanitizer: Matched 1 suppressions (pid=1):',
      '1 race:f',
      "  Location is global '",
      '  Cycle in lock order graph: M0 => M99999999999999999999',
      rule,
    ),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), fc.nat(400), async (pieces, cut) => {
      const bytes = logOf(pieces);
      const records = await readWith(sanitizerReader, chunksOf(bytes.subarray(0, bytes.length - cut), 37));
      const begun = records.flatMap((record) => (record.type === 'process' ? [record.image] : []));
      const ended = records.flatMap((record) => (record.type === 'process-end' ? [record.image] : []));
      expect(ended.sort()).toEqual(begun.sort());
    }),
    { numRuns: 200 },
  );
});

/** Without where it stood in the log. */
function bare({ span: _, ...finding }: FindingRecord): unknown {
  return finding;
}
