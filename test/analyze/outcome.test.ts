// Outcome and exit status: the table "Exit status" row by row.
import { expect, test } from 'vitest';
import { type AnalyzeOptions, analyze } from '../../src/analyze/index.ts';
import type { HeapTotals, LeakTotals, ParsedRecord } from '../../src/model/record.ts';
import type { RunManifest } from '../../src/model/run.ts';
import { end, finding, leakOf, lost, manifest, mine, process, stack, textProcess, whole } from './records.ts';

const judge = async (
  records: readonly ParsedRecord[],
  run: Partial<RunManifest> = {},
  more: Partial<AnalyzeOptions> = {},
) => {
  const { outcome, status, reasons } = await analyze(records, {
    vgrun: '0.1.0',
    manifest: manifest(run),
    ...more,
  });
  return { outcome, status, reasons };
};

const clean = whole(1, []);
const bad = whole(1, [finding(1, 'InvalidRead')]);
const cut = [process(1), end(1, { complete: false, finished: false })];

test('a run seen whole without errors is clean', async () => {
  expect(await judge(clean)).toEqual({ outcome: 'clean', status: 0, reasons: [] });
});

test('findings are 100', async () => {
  expect(await judge(bad)).toMatchObject({ outcome: 'findings', status: 100 });
});

test("the program's own status wins over 100 and 101", async () => {
  expect(await judge(bad, { exit: { how: 'exited', code: 3 } })).toMatchObject({
    outcome: 'findings',
    status: 3,
  });
  expect(await judge(cut, { exit: { how: 'exited', code: 3 } })).toMatchObject({
    outcome: 'inconclusive',
    status: 3,
  });
});

test('a program that fails by itself without findings has failed', async () => {
  expect(await judge(clean, { exit: { how: 'exited', code: 7 } })).toEqual({
    outcome: 'failed',
    status: 7,
    reasons: ['The program exited with status 7.'],
  });
  const crash = { how: 'signaled', signal: 'SIGSEGV', number: 11 } as const;
  expect(await judge(clean, { exit: crash })).toMatchObject({ outcome: 'failed', status: 139 });
});

test('--error-exitcode wins when there are findings, and only then', async () => {
  const run = { toolOptions: ['--error-exitcode=9'], exit: { how: 'exited', code: 3 } } as const;
  expect(await judge(bad, run)).toMatchObject({ status: 9 });
  expect(await judge(clean, run)).toMatchObject({ status: 3 });
  expect(await judge(bad, {}, { errorExitcode: 42 })).toMatchObject({ status: 42 });
  expect(await judge(bad, {}, { errorExitcode: 0 })).toMatchObject({ status: 100 });
});

test('a death by signal stays 128+n, whatever --error-exitcode says, as in valgrind', async () => {
  const crash = { how: 'signaled', signal: 'SIGSEGV', number: 11 } as const;
  expect(await judge(bad, { toolOptions: ['--error-exitcode=9'], exit: crash })).toMatchObject({
    outcome: 'findings',
    status: 139,
  });
  expect(await judge(bad, { exit: crash }, { errorExitcode: 42 })).toMatchObject({ status: 139 });
  // A log of another time: nobody died here, and who asks for a status gets it.
  const segv: ParsedRecord = { type: 'fatal-signal', image: 1, number: 11, name: 'SIGSEGV' };
  const old = whole(1, [finding(1, 'InvalidRead'), segv]);
  expect(await analyze(old, { vgrun: '0.1.0', errorExitcode: 42 })).toMatchObject({ status: 42 });
});

/** A text log with a LEAK SUMMARY and these loss records. */
function summed(sums: Partial<LeakTotals>, records: readonly ParsedRecord[] = [], heap?: HeapTotals) {
  const none = { bytes: 0, blocks: 0 };
  const leaks = { definite: none, indirect: none, possible: none, reachable: none, ...sums };
  return [
    textProcess(1),
    ...records,
    { type: 'totals', image: 1, leaks, ...(heap && { heap }) } as const,
    end(1),
  ];
}

test('leaks that are summed up and not listed are no clean run', async () => {
  const leaky = summed({ definite: { bytes: 80, blocks: 2 }, possible: { bytes: 1, blocks: 1 } });
  for (const made of [
    await analyze(leaky, { vgrun: '0.1.0' }),
    await analyze(leaky, { vgrun: '0.1.0', manifest: manifest({ capture: 'text' }) }),
  ]) {
    expect(made).toMatchObject({
      outcome: 'inconclusive',
      status: 101,
      reasons: [
        '80 bytes in 2 blocks are definitely lost, but the log does not say where',
        '1 byte in 1 block is possibly lost, but the log does not say where',
      ],
    });
    expect(made.problems).toMatchObject([
      { code: 'leaks-not-listed', level: 'incomplete', hint: 'run it with --leak-check=full', pid: 101 },
      { code: 'leaks-not-listed' },
    ]);
  }
});

test('who asked for a summary of leaks only, or for none, has it', async () => {
  const leaky = summed({ definite: { bytes: 80, blocks: 2 } });
  for (const option of ['--leak-check=summary', '--leak-check=no']) {
    expect(await judge(leaky, { toolOptions: [option] })).toMatchObject({ outcome: 'clean' });
    const [first, ...rest] = leaky;
    const told = [{ ...first, instrumentArgv: ['valgrind', option] } as ParsedRecord, ...rest];
    expect(await analyze(told, { vgrun: '0.1.0' })).toMatchObject({ outcome: 'clean' });
  }
});

test('only what is missing is missed: kinds that fail, sums beyond the records, the last word of the log', async () => {
  const sum = { bytes: 80, blocks: 2 };
  const outcomeOf = async (records: readonly ParsedRecord[], more: Partial<AnalyzeOptions> = {}) =>
    (await analyze(records, { vgrun: '0.1.0', ...more })).outcome;
  expect(await outcomeOf(summed({ reachable: sum, indirect: sum }))).toBe('clean');
  expect(await outcomeOf(summed({ reachable: sum }), { errorsForLeakKinds: 'all' })).toBe('inconclusive');
  expect(await outcomeOf(summed({ definite: sum }, [lost(1, leakOf(80, 2))]))).toBe('findings');
  expect(await outcomeOf(summed({ definite: sum }, [lost(1, leakOf(30, 1))]))).toBe('inconclusive');
  // Direct bytes are what the summary adds up, and records of earlier checks need not be repeated.
  const earlier = lost(1, leakOf(30, 1, { indirectBytes: 99 }));
  const later = lost(1, leakOf(50, 1, { check: 2 }), { stacks: [stack('at', [mine('other')])] });
  expect(await outcomeOf(summed({ definite: sum }, [earlier, later]))).toBe('findings');
  const freed = { inUse: { bytes: 0, blocks: 0 }, allFreed: true };
  expect(await outcomeOf(summed({ definite: sum }, [], freed))).toBe('clean');
});

test('a cut log is inconclusive, and the reason names the process', async () => {
  const { outcome, status, reasons } = await judge(cut);
  expect({ outcome, status }).toEqual({ outcome: 'inconclusive', status: 101 });
  expect(reasons.join()).toMatch(/process 101 \(\.\/list\).*before the end of the program/);
});

test('an empty log is inconclusive, never clean', async () => {
  expect(await judge([])).toMatchObject({ outcome: 'inconclusive', status: 101 });
});

test('a log cut between the end of the program and the leak report is inconclusive', async () => {
  expect(await judge([process(1), end(1, { complete: false })])).toMatchObject({ outcome: 'inconclusive' });
});

test('a run that was killed is inconclusive whatever it had found, even with a whole log', async () => {
  for (const [signal, number] of [
    ['SIGKILL', 9],
    ['SIGTERM', 15],
    ['SIGINT', 2],
    ['SIGHUP', 1],
    ['SIGQUIT', 3],
  ] as const) {
    const killed = await judge(bad, { exit: { how: 'signaled', signal, number } });
    expect(killed).toMatchObject({ outcome: 'inconclusive', status: 128 + number });
  }
});

test('a timeout is 101, because how the program ended was our doing', async () => {
  const stopped = await judge(bad, {
    stoppedBy: 'timeout',
    exit: { how: 'signaled', signal: 'SIGTERM', number: 15 },
  });
  expect(stopped).toMatchObject({ outcome: 'inconclusive', status: 101 });
});

test('a process that still runs makes the run inconclusive, with or without a log', async () => {
  const daemon = [...clean, process(2, { ppid: 101 }), end(2, { complete: false, finished: false })];
  expect((await judge(daemon, { alive: [102] })).reasons).toEqual([
    'Process 102 (./list) was still running when the run was closed.',
  ]);
  expect((await judge(clean, { alive: [102] })).reasons).toEqual([
    'Process 102 was still running when the run was closed.',
  ]);
});

test('an image that exec’d in place is whole when its successor is', async () => {
  const chain = [process(1), end(1, { complete: false, finished: false }), process(2, { pid: 101 }), end(2)];
  const report = await analyze(chain, { vgrun: '0.1.0', manifest: manifest() });
  expect(report.outcome).toBe('clean');
  expect(report.processes.map(({ end: how }) => how)).toEqual(['execed', 'finished']);
});

test('a child that only forked to run an untraced program is no gap', async () => {
  const stub = (trace: string) => [
    ...clean,
    process(2, { ppid: 101, forked: true, instrumentArgv: [`--trace-children=${trace}`] }),
    end(2, { complete: false, finished: false }),
  ];
  expect(await judge(stub('no'))).toMatchObject({ outcome: 'clean' });
  const { problems } = await analyze(stub('no'), { vgrun: '0.1.0', manifest: manifest() });
  expect(problems).toEqual([
    {
      code: 'untraced-children',
      level: 'note',
      message: "1 forked child left valgrind's sight: it became a program that is not traced, or was killed.",
    },
  ]);
  expect(await judge(stub('yes'))).toMatchObject({ outcome: 'inconclusive' });
});

test('a child under gdb whose end is missing was not seen to its end, and did not become another program', async () => {
  const child = [
    ...clean,
    process(2, { ppid: 101, forked: true, tool: 'gdb', instrumentArgv: [] }),
    end(2, { complete: false, finished: false }),
  ];
  const report = await analyze(child, { vgrun: '0.1.0', manifest: manifest() });
  expect(report).toMatchObject({ outcome: 'inconclusive', problems: [] });
  expect(report.reasons).toEqual([expect.stringMatching(/^gdb did not see the end of process 102/)]);
});

test('of processes that a signal killed, nothing is said of what the first one did meanwhile', async () => {
  const killed = (image: number): readonly ParsedRecord[] => [
    process(image, { ppid: 101, forked: true }),
    { type: 'fatal-signal', image, number: 11, name: 'SIGSEGV' },
    end(image),
  ];
  const reasons = async (...images: readonly number[]) =>
    (await judge([...clean, ...images.flatMap(killed)])).reasons;
  expect(await reasons(2)).toEqual([
    'Process 102 was killed by SIGSEGV; the status of the program does not show it.',
  ]);
  expect(await reasons(2, 3)).toEqual([
    '2 processes were killed by SIGSEGV; the status of the program does not show it.',
  ]);
});

test('a lone log cut before it could say RUNNING is no such child', async () => {
  const lone = [
    process(1, { forked: true, instrumentArgv: [] }),
    end(1, { complete: false, finished: false }),
  ];
  expect(await analyze(lone, { vgrun: '0.1.0' })).toMatchObject({ outcome: 'inconclusive', status: 101 });
});

test('a problem that hides something makes the run inconclusive, a warning does not', async () => {
  const problem = (level: 'incomplete' | 'warning'): ParsedRecord => ({
    type: 'problem',
    problem: { code: 'instrument-died', level, message: 'valgrind itself died.' },
  });
  expect(await judge([...clean, problem('incomplete')])).toMatchObject({
    outcome: 'inconclusive',
    reasons: ['valgrind itself died.'],
  });
  expect(await judge([...clean, problem('warning')])).toMatchObject({ outcome: 'clean' });
});

test('a run whose end was never recorded is inconclusive', async () => {
  const { exit, ...unfinished } = manifest();
  expect(exit).toBeDefined();
  const report = await analyze(clean, { vgrun: '0.1.0', manifest: unfinished });
  expect(report).toMatchObject({ outcome: 'inconclusive', status: 101 });
});

test('a log without a run is judged by what it says', async () => {
  const alone = (records: readonly ParsedRecord[]) => analyze(records, { vgrun: '0.1.0' });
  const segv: ParsedRecord = { type: 'fatal-signal', image: 1, number: 11, name: 'SIGSEGV' };
  expect(await alone(clean)).toMatchObject({ outcome: 'clean', status: 0 });
  expect(await alone(bad)).toMatchObject({ outcome: 'findings', status: 100 });
  expect(await alone(cut)).toMatchObject({ outcome: 'inconclusive', status: 101 });
  expect(await alone(whole(1, [segv]))).toMatchObject({ outcome: 'failed', status: 139 });
  expect(await alone(whole(1, [finding(1, 'InvalidRead'), segv]))).toMatchObject({
    outcome: 'findings',
    status: 100,
  });
});

test('children stand below their parents, and a ring of parents is no trap', async () => {
  const tree = await analyze(
    [...whole(3, [], { ppid: 102 }), ...whole(2, [], { ppid: 101 }), ...whole(1, [], { ppid: 1 })],
    { vgrun: '0.1.0' },
  );
  expect(tree.processes.map(({ pid, parent }) => [pid, parent])).toEqual([
    [101, undefined],
    [102, 1],
    [103, 2],
  ]);
  const ring = await analyze([...whole(1, [], { ppid: 102 }), ...whole(2, [], { ppid: 101 })], {
    vgrun: '0.1.0',
  });
  expect(ring.processes).toHaveLength(2);
});

test('a log that ends at the first error because it was asked to is not called cut or killed', async () => {
  const asked = ['/usr/bin/valgrind', '--exit-on-first-error=yes'];
  const stopped = end(1, { complete: false, finished: false });
  const { outcome, reasons } = await judge([
    process(1, { instrumentArgv: asked }),
    finding(1, 'InvalidRead'),
    stopped,
  ]);
  expect(outcome).toBe('inconclusive');
  expect(reasons[0]).toMatch(/^Valgrind stopped at the first error, as --exit-on-first-error asks/);
  const text = 'Exit program on first error (--exit-on-first-error=yes)';
  const ofText = await judge([
    textProcess(1),
    finding(1, 'InvalidRead'),
    { type: 'message', image: 1, source: 'tool', text },
    stopped,
  ]);
  expect(ofText.reasons).toContain(reasons[0]);
  // Without an error the option explains nothing, and a program can print valgrind's words.
  const killed = await judge([
    process(1, { instrumentArgv: asked }),
    { type: 'message', image: 1, source: 'client', text },
    stopped,
  ]);
  expect(killed.reasons[0]).toMatch(/killed/);
});
