// Stop logs: what they say is read, bounded and checked; whatever else stands in them is told, and breaks nothing.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { analyze } from '../../src/analyze/index.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import type { Stop } from '../../src/model/stop.ts';
import { stopLogReader } from '../../src/tools/gdb/stop-log.ts';
import { readerFor } from '../../src/tools/readers.ts';
import { libc, logText, mine, recordsOfLog, stop, thread } from '../report/stop-scenarios.ts';

const started = { type: 'process', pid: 101, argv: ['./list'], how: 'start' };
const died = { type: 'exit', pid: 101, signal: 11, name: 'SIGSEGV' };
const frames = [mine('push', 'list.c', 20, { found: 'innermost' }), mine('main', 'main.c', 9), libc('start')];
const signal = { number: 11, name: 'SIGSEGV', code: 1, codeName: 'SEGV_MAPERR', address: '0x0' };
const fault = {
  operation: 'write',
  size: 4,
  address: '0x0',
  pointer: 'null',
  text: 'rax is NULL: it wrote 4 bytes at 0x0.',
} as const;

function crash(number = 1, more: Partial<Stop> = {}): object {
  return stop(number, 'signal', {
    signal,
    fault,
    threads: [thread(1, frames, { isCurrent: true })],
    ...more,
  });
}

function only<Type extends ParsedRecord['type']>(records: readonly ParsedRecord[], type: Type) {
  return records.filter((record): record is Extract<ParsedRecord, { type: Type }> => record.type === type);
}

const codes = (records: readonly ParsedRecord[]) =>
  only(records, 'problem').map(({ problem }) => problem.code);

test('a crash is a process, a finding, its stop, its signal and its end', async () => {
  const text = logText('gdb', [started, crash(), died]);
  expect(readerFor(Buffer.from(text))).toBe(stopLogReader);
  const records = await recordsOfLog(text);
  expect(records.map(({ type }) => type)).toEqual([
    'process',
    'finding',
    'stop',
    'fatal-signal',
    'process-end',
  ]);
  const [, finding, stopped, fatal, end] = records;
  expect(finding).toMatchObject({
    tool: 'gdb',
    kind: 'SIGSEGV',
    what: 'SIGSEGV: rax is NULL: it wrote 4 bytes at 0x0',
    thread: { id: 1 },
    access: { operation: 'write', size: 4, address: '0x0' },
  });
  expect(stopped).toMatchObject({ finding: 'stop-1', stop: { number: 1, cause: 'signal', signal, fault } });
  expect(fatal).toMatchObject({ number: 11, name: 'SIGSEGV', event: 'SEGV_MAPERR' });
  expect(end).toMatchObject({ complete: true, finished: true });
});

test('it does not matter in which pieces a log arrives', async () => {
  const text = logText('gdb', [started, crash(), died]);
  const whole = await recordsOfLog(text);
  for (const piece of [1, 7, 100]) expect(await recordsOfLog(text, piece)).toEqual(whole);
});

test('a later line about the same stop takes the place of the earlier one', async () => {
  const better = thread(1, [...frames, libc('clone')], { isCurrent: true });
  const records = await recordsOfLog(
    logText('gdb', [started, crash(1), crash(2), died, crash(1, { threads: [better] })]),
  );
  const stops = only(records, 'stop').map(({ stop: { number, threads } }) => [
    number,
    threads[0]?.frames.length,
  ]);
  expect(stops).toEqual([
    [1, 4],
    [2, 3],
  ]);
});

test('doubtful frames, addresses and thread numbers are in no identity', async () => {
  const idOf = async (more: Partial<Stop>) => {
    const report = await analyze(await recordsOfLog(logText('gdb', [started, crash(1, more), died])), {
      vgrun: '0',
    });
    return report.findings.map(({ id }) => id);
  };
  const first = await idOf({});
  const elsewhere = frames.map((frame) => ({ ...frame, ip: `0x7${frame.ip?.slice(2)}` }));
  const leftOver = libc('qsort', { found: 'scanned', trust: 'doubtful' });
  expect(await idOf({ threads: [thread(9, [...elsewhere, leftOver], { isCurrent: true })] })).toEqual(first);
  expect(await idOf({ signal: { ...signal, address: '0x1234' } })).toEqual(first);
  expect(await idOf({ threads: [thread(1, [mine('pop', 'list.c', 20)], { isCurrent: true })] })).not.toEqual(
    first,
  );
});

test('a deadlock that every sample shows is one finding with a stack for each thread', async () => {
  const waits = (owner: number) => ({ kind: 'mutex', address: `0x40${owner}`, owner }) as const;
  const threads = [
    thread(1, frames, { waits: waits(102) }),
    thread(2, [mine('pop', 'list.c', 30)], { waits: waits(101) }),
  ];
  const cycle = [
    { lwp: 101, waits: waits(102) },
    { lwp: 102, waits: waits(101) },
  ];
  const turned = cycle.toReversed();
  const records = await recordsOfLog(
    logText('stacks', [
      started,
      stop(1, 'sample', { threads, deadlocks: [{ cycle }] }),
      stop(2, 'sample', { threads, deadlocks: [{ cycle: turned }] }),
      { type: 'exit', pid: 101, detached: true },
    ]),
  );
  const [finding, ...others] = only(records, 'finding');
  expect(others).toEqual([]);
  expect(finding?.stacks.map(({ frames: [frame] }) => frame?.function)).toEqual(['push', 'pop']);
  expect(only(records, 'stop').map(({ finding: shown }) => shown)).toEqual([
    finding?.unique,
    finding?.unique,
  ]);
  expect(only(records, 'process-end')[0]).toMatchObject({ complete: true, unseen: true });
});

test('probes and samples are no findings, and a process that was only looked at is no failure', async () => {
  const text = logText('stacks', [
    started,
    stop(1, 'sample', { threads: [thread(1, frames)] }),
    { type: 'exit', pid: 101, detached: true },
  ]);
  const report = await analyze(await recordsOfLog(text), { vgrun: '0' });
  expect(report).toMatchObject({ outcome: 'clean', status: 0, purpose: 'state', findings: [] });
});

test('a core that crashed counts as findings, one that did not as a state', async () => {
  const core = { ...started, how: 'core' };
  const of = async (line: object) =>
    analyze(await recordsOfLog(logText('core', [core, line])), { vgrun: '0' });
  expect(await of(crash())).toMatchObject({ outcome: 'findings', status: 100 });
  expect(await of(stop(1, 'core', { threads: [thread(1, frames)] }))).toMatchObject({
    outcome: 'clean',
    status: 0,
    purpose: 'state',
  });
});

test('processes that exec are images of one process, forked ones are its children', async () => {
  const records = await recordsOfLog(
    logText('gdb', [
      started,
      { type: 'process', pid: 102, ppid: 101, argv: ['./list'], how: 'fork' },
      { type: 'process', pid: 102, ppid: 101, argv: ['/bin/true'], how: 'exec' },
      { ...died, pid: 102 },
      { type: 'exit', pid: 101, code: 0 },
    ]),
  );
  const report = await analyze(records, { vgrun: '0' });
  expect(report.processes.map(({ pid, program, forked, end }) => [pid, program, forked, end])).toEqual([
    [101, './list', false, 'finished'],
    [102, './list', true, 'execed'],
    [102, '/bin/true', false, 'signaled'],
  ]);
});

test('cut anywhere, a log says that it is not whole, and nothing that it did not say', async () => {
  const text = logText('gdb', [started, crash(), died]);
  const whole = only(await recordsOfLog(text), 'finding');
  for (let length = 1; length < text.length - 1; length += 37) {
    const records = await recordsOfLog(text.slice(0, length));
    expect(codes(records), `cut at ${length}`).toContain('truncated-log');
    for (const finding of only(records, 'finding')) expect(whole).toContainEqual(finding);
  }
});

test('what is no line of the format is quoted; what an unknown field says is left out', async () => {
  const odd = logText('gdb', [
    started,
    { ...(crash() as object), surprise: 1, threads: [{ ...thread(1, frames), colour: 'red' }] },
    { type: 'stop', pid: 101 },
    { type: 'weather', rain: true },
    { ...(crash(2) as object), signal: { number: 'eleven', name: 'SIGSEGV' } },
  ]).replace('{"type":"end"}', 'no JSON\n{"type":"end"}');
  const records = await recordsOfLog(odd);
  expect(codes(records).sort()).toEqual([
    'unknown-line',
    'unreadable-field',
    'unreadable-field',
    'unreadable-line',
    'unreadable-line',
  ]);
  expect(only(records, 'problem').every(({ problem }) => problem.quote !== undefined)).toBe(true);
  expect(JSON.stringify(records)).not.toContain('"colour"');
});

test('a line that is longer than 8 MiB is told and not kept, and the next one is read', async () => {
  const long = JSON.stringify(stop(1, 'signal', { what: 'x'.repeat(8 * 1024 * 1024) }));
  const text = logText('gdb', [started, died]).replace('{"type":"exit"', `${long}\n{"type":"exit"`);
  const records = await recordsOfLog(text);
  expect(codes(records)).toEqual(['line-too-long']);
  expect(only(records, 'fatal-signal')).toHaveLength(1);
});

test('beyond ten thousand, stops are counted', async () => {
  const hits = Array.from({ length: 10_003 }, (_, index) => stop(index + 1, 'probe', {}));
  const records = await recordsOfLog(logText('gdb', [started, ...hits, died]));
  expect(only(records, 'stop')).toHaveLength(10_000);
  expect(only(records, 'problem')[0]?.problem.message).toMatch(/^3 further stops/);
});

test('texts are bounded, and equal frames are the same object', async () => {
  const long = 'x'.repeat(100_000);
  const recursive = Array.from({ length: 3 }, () =>
    mine('push', 'list.c', 20, { variables: [{ name: 'v', value: long }] }),
  );
  const records = await recordsOfLog(
    logText('gdb', [started, crash(1, { threads: [thread(1, recursive)] }), died]),
  );
  expect(only(records, 'stop')[0]?.stop.threads[0]?.frames[0]?.variables?.[0]?.value).toHaveLength(4096);
  const [first, second] = only(records, 'finding')[0]?.stacks[0]?.frames ?? [];
  expect(first).toBe(second);
});

test('whatever stands in a log, it is read without an error, and each image that begins ends', async () => {
  const names =
    'type pid number cause threads frames signal fault name lwp end deadlocks cycle waits probe modules argv how exit code'.split(
      ' ',
    );
  const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<unknown>(
        1,
        0,
        -1,
        1e300,
        null,
        true,
        '',
        '0x1',
        'signal',
        'sample',
        'core',
        'fork',
        'sure',
      ),
      fc.string({ unit: 'binary' }),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 6 }),
    ),
  })).value;
  const good = [started, crash(), died];
  const line = fc.oneof(
    fc.constantFrom(...good.map((each) => JSON.stringify(each))),
    fc
      .tuple(
        fc.constantFrom('log', 'process', 'stop', 'exit', 'problem', 'end'),
        fc.dictionary(fc.constantFrom(...names), value),
      )
      .map(([type, fields]) => JSON.stringify({ ...fields, type })),
    // One field of a good line is something else.
    fc
      .tuple(fc.constantFrom(...good), fc.constantFrom(...names), value)
      .map(([object, name, other]) => JSON.stringify({ ...object, [name]: other })),
    fc.string({ unit: 'binary' }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
      const records = await recordsOfLog(`${lines.join('\n')}\n`);
      expect(only(records, 'process')).toHaveLength(only(records, 'process-end').length);
      const report = await analyze(records, { vgrun: '0' });
      expect(report.version).toBe(1);
    }),
    { numRuns: 150 },
  );
});

test('versions of exported names are no part of a name, and a stub is not what it leads to', async () => {
  const named = (name: string) => [{ ...mine('push', 'list.c', 20, { found: 'innermost' }), function: name }];
  const text = logText('gdb', [
    started,
    ...['clock_nanosleep@@GLIBC_2.17', 'raise@GLIBC_2.2.5', 'puts@plt', 'operator@'].map((name, index) =>
      stop(index + 1, 'sample', { threads: [thread(1, named(name))] }),
    ),
  ]);
  const names = only(await recordsOfLog(text), 'stop').map(
    ({ stop: s }) => s.threads[0]?.frames[0]?.function,
  );
  expect(names).toEqual(['clock_nanosleep', 'raise', 'puts@plt', 'operator@']);
});
