// Which request a finding comes from, how launches of one replay stay apart, and what wrong answers make of the outcome.
import { describe, expect, test } from 'vitest';
import { type AnalyzeOptions, analyze } from '../../src/analyze/index.ts';
import type { GrowthRecord, RunRecord, StackGrowth } from '../../src/model/record.ts';
import type { Report } from '../../src/model/report.ts';
import type { Replay } from '../../src/model/request.ts';
import type { RunManifest } from '../../src/model/run.ts';
import { end, finding, leakOf, lost, malloc, mine, process, stack, whole } from './records.ts';
import { launch, outer, replay, request } from './replays.ts';

function judge(
  records: readonly RunRecord[],
  of: Replay,
  launches: readonly RunManifest[],
  run: Partial<RunManifest> = {},
  more: Partial<AnalyzeOptions> = {},
): Promise<Report> {
  return analyze(records, {
    vgrun: '0.1.0',
    manifest: outer(of, launches.length, run),
    launches,
    ...more,
  });
}

/** Pids come again: each launch is a start of its own. */
const image = (number: number, records: readonly RunRecord[], pid = 101) =>
  whole(number, records as never, { pid, launch: number, artifact: `valgrind.${pid}.xml` });

const cgi = (passes: readonly number[]) =>
  passes.map((number, index) => launch([{ request: number, pass: index + 1 }]));

describe('a CGI program', () => {
  test('has a process for each pass, and what these show their request made', async () => {
    const report = await judge(
      [
        ...image(1, [lost(1, leakOf(240))]),
        ...image(2, []),
        ...image(3, [lost(3, leakOf(240))]),
        ...image(4, []),
      ],
      replay([request(1, { sent: 2 }), request(2, { sent: 2 })], { passes: 2 }),
      cgi([1, 2, 1, 2]),
    );
    expect(report.findings.map(({ requests }) => requests)).toEqual([
      [{ request: 1, how: 'made', passes: 2, count: 2, bytes: 480, blocks: 2, steady: true }],
    ]);
    expect(report.processes.map(({ launch, request }) => [launch, request])).toEqual([
      [1, 1],
      [2, 2],
      [3, 1],
      [4, 2],
    ]);
    expect(report.outcome).toBe('findings');
  });

  test('that loses another amount each time is not steady, and the most expensive request comes first', async () => {
    const report = await judge(
      [
        ...image(1, [lost(1, leakOf(8))]),
        ...image(2, [lost(2, leakOf(100))]),
        ...image(3, [lost(3, leakOf(300))]),
      ],
      replay([request(1), request(2, { sent: 2 })]),
      cgi([1, 2, 2]),
    );
    expect(report.findings[0]?.requests).toEqual([
      { request: 2, how: 'made', passes: 2, count: 2, bytes: 400, blocks: 2, steady: false },
      { request: 1, how: 'made', passes: 1, count: 1, bytes: 8, blocks: 1 },
    ]);
  });

  test('may start children: what they show is their request’s, too', async () => {
    const child = whole(3, [finding(3, 'InvalidRead')], { pid: 101, ppid: 102, launch: 2 });
    const report = await judge(
      [...image(1, []), ...image(2, [], 102), ...child],
      replay([request(1), request(2)]),
      [launch([{ request: 1, pass: 1 }]), launch([{ request: 2, pass: 1 }], { pid: 102 })],
    );
    expect(report.findings[0]?.requests).toEqual([{ request: 2, how: 'made', passes: 1, count: 1 }]);
    // The child has the pid of the first launch's process, and is no image of it.
    expect(report.processes.find(({ image }) => image === 3)).toMatchObject({ parent: 2, launch: 2 });
    expect(report.processes.find(({ image }) => image === 1)?.end).toBe('finished');
  });

  test('that dies in a request has failed in it', async () => {
    const report = await judge(
      [...image(1, []), ...image(2, []), ...image(3, [])],
      replay([request(1), request(2), request(3)]),
      [
        launch([{ request: 1, pass: 1 }]),
        launch([{ request: 2, pass: 1 }], { exit: { how: 'exited', code: 3 } }),
        launch([{ request: 3, pass: 1 }], { exit: { how: 'signaled', signal: 'SIGSEGV', number: 11 } }),
      ],
    );
    expect(report).toMatchObject({
      outcome: 'failed',
      status: 139,
      reasons: [
        'The program exited with status 3 in request 2 GET /app?x=2.',
        'The program was killed by SIGSEGV in request 3 GET /app?x=3.',
      ],
    });
    expect(report.processes.map(({ exit }) => exit.how)).toEqual(['exited', 'exited', 'signaled']);
  });

  test('leaves the status that its instrument took out of what it failed with', async () => {
    const report = await judge(
      [...image(1, []), ...image(2, [finding(2, 'InvalidRead')])],
      replay([request(1), request(2)]),
      [1, 2].map((number) =>
        launch([{ request: number, pass: 1 }], {
          instrumentExitcode: 9,
          exit: { how: 'exited', code: number === 1 ? 0 : 9 },
        }),
      ),
    );
    expect(report).toMatchObject({ outcome: 'findings', status: 100 });
    expect(report.processes[1]?.exit).toEqual({ how: 'unknown', why: 'instrument' });
  });

  test('has logs that begin when their launch does', async () => {
    const artifacts = [
      { name: 'valgrind.101.xml', role: 'xml', size: 1, madeMs: 10, writtenMs: 50 },
    ] as const;
    const report = await judge([...image(1, []), ...image(2, [])], replay([request(1), request(2)]), [
      launch([{ request: 1, pass: 1 }], { artifacts }),
      launch([{ request: 2, pass: 1 }], { artifacts, startedAt: '2026-08-01T12:00:00.400Z' }),
    ]);
    expect(report.processes.map(({ startedMs, endedMs }) => [startedMs, endedMs])).toEqual([
      [10, 50],
      [410, 450],
    ]);
  });
});

describe('a program that serves many requests', () => {
  const served = (artifact = 'valgrind.101.xml') => [
    { request: 1, pass: 1, grown: [{ artifact, from: 100, to: 200 }] },
    { request: 2, pass: 1, grown: [{ artifact, from: 200, to: 300 }] },
    { request: 3, pass: 1, grown: [{ artifact, from: 250, to: 300 }] },
  ];
  const told = (offset: number) => ({ span: { artifact: 'valgrind.101.xml', offset, length: 20 } });
  const three = replay([request(1), request(2), request(3)], { mode: 'fastcgi' });
  const stopped = { stoppedBy: 'served', exit: { how: 'signaled', signal: 'SIGTERM', number: 15 } } as const;

  test.each([
    ['while one is served', 120, [{ request: 1, how: 'first', passes: 1 }]],
    ['at the end of a range, which is the start of the next', 200, [{ request: 2, how: 'first', passes: 1 }]],
    [
      'while two are served',
      260,
      [
        { request: 2, how: 'one of', passes: 1 },
        { request: 3, how: 'one of', passes: 1 },
      ],
    ],
    ['before the first', 50, []],
    ['after the last', 300, []],
  ])('makes an error that is told %s', async (_, offset, requests) => {
    const report = await judge(image(1, [finding(1, 'InvalidRead', told(offset))]), three, [
      launch(served(), stopped),
    ]);
    expect(report.findings[0]?.requests).toEqual(requests);
  });

  test('makes errors in one launch that another launch’s log says nothing of', async () => {
    const other = [{ request: 3, pass: 1, grown: [{ artifact: 'valgrind.101.xml', from: 100, to: 200 }] }];
    const report = await judge(
      [...image(1, []), ...image(2, [finding(2, 'InvalidRead', told(120))])],
      three,
      [launch(served(), stopped), launch(other, stopped)],
    );
    expect(report.findings[0]?.requests).toEqual([{ request: 3, how: 'first', passes: 1 }]);
  });

  test('makes errors of which nobody knows when where the log does not tell their place', async () => {
    const report = await judge(image(1, [finding(1, 'InvalidRead')]), three, [launch(served(), stopped)]);
    expect(report.findings[0]).not.toHaveProperty('requests');
  });

  test('has not failed when it ends by the signal with which it was asked to', async () => {
    const report = await judge(image(1, []), three, [launch(served(), stopped)]);
    expect(report).toMatchObject({ outcome: 'clean', status: 0, reasons: [] });
    expect(report.processes[0]?.exit).toMatchObject({ how: 'signaled' });
    const handled = { stoppedBy: 'served', exit: { how: 'exited', code: 143 } } as const;
    expect(await judge(image(1, []), three, [launch(served(), handled)])).toMatchObject({
      outcome: 'clean',
      status: 0,
    });
  });

  test('was not seen whole when its log is not, whoever ended it', async () => {
    const killed = { stoppedBy: 'served', exit: { how: 'signaled', signal: 'SIGKILL', number: 9 } } as const;
    const cut = [process(1, { launch: 1 }), end(1, { complete: false, finished: false })];
    expect(await judge(cut, three, [launch(served(), killed)])).toMatchObject({
      outcome: 'inconclusive',
      status: 101,
    });
  });

  test('that was stopped at the time limit is inconclusive, also when every answer came', async () => {
    const late = { stoppedBy: 'timeout', exit: { how: 'signaled', signal: 'SIGTERM', number: 15 } } as const;
    expect(await judge(image(1, []), three, [launch(served(), late)])).toMatchObject({
      outcome: 'inconclusive',
      status: 101,
      reasons: ['The program was stopped at the time limit.'],
    });
  });

  test('has failed when it crashes at its end, or in a request', async () => {
    const crash = { how: 'signaled', signal: 'SIGABRT', number: 6 } as const;
    expect(
      await judge(image(1, []), three, [launch(served(), { stoppedBy: 'served', exit: crash })]),
    ).toMatchObject({ outcome: 'failed', status: 134, reasons: ['The program was killed by SIGABRT.'] });
    const died = replay([request(1), request(2), request(3, { ended: crash })], { mode: 'fastcgi' });
    expect(await judge(image(1, []), died, [launch(served(), { exit: crash })])).toMatchObject({
      outcome: 'failed',
      reasons: ['The program was killed by SIGABRT in request 3 GET /app?x=3.'],
    });
  });

  test('tells processes that still run apart by their launch', async () => {
    const report = await judge(
      [...image(1, []), process(2, { pid: 101, launch: 2 }), end(2, { complete: false, finished: false })],
      three,
      [launch(served(), stopped), launch([], { ...stopped, alive: [101] })],
    );
    expect(report.processes.map(({ end }) => end)).toEqual(['finished', 'running']);
    expect(report.reasons).toEqual(['Process 101 (./list) was still running when the run was closed.']);
  });
});

describe('a child that a program makes for a request', () => {
  const log = (pid: number, size = 500) => ({ name: `valgrind.${pid}.xml`, role: 'xml', size }) as const;
  const all = (pid: number, to = 500) => ({ artifact: `valgrind.${pid}.xml`, from: 0, to });
  /** The first process has the pid 101. */
  const child = (number: number, pid: number, records: readonly RunRecord[]) =>
    whole(number, records as never, {
      pid,
      ppid: 101,
      forked: true,
      launch: 1,
      artifact: `valgrind.${pid}.xml`,
    });
  const told = (pid: number) => ({ span: { artifact: `valgrind.${pid}.xml`, offset: 300, length: 20 } });
  const two = (more: Partial<Replay> = {}, sent = 1) =>
    replay([request(1, { sent }), request(2, { sent })], { mode: 'fastcgi', passes: sent, ...more });
  const asked = (served: Parameters<typeof launch>[0], sizes: readonly number[] = [500, 500]) =>
    launch(served, {
      stoppedBy: 'served',
      artifacts: [log(101, 900), log(102, sizes[0]), log(103, sizes[1])],
    });
  const one = asked([
    { request: 1, pass: 1, grown: [all(102)] },
    { request: 2, pass: 1, grown: [all(103)] },
  ]);

  test('shows what that request made, errors and leaks', async () => {
    const report = await judge(
      [
        ...image(1, []),
        ...child(2, 102, [lost(2, leakOf(240)), finding(2, 'InvalidRead', told(102))]),
        ...child(3, 103, []),
      ],
      two(),
      [one],
    );
    expect(report.findings.map(({ requests }) => requests)).toEqual([
      [{ request: 1, how: 'made', passes: 1, count: 1, bytes: 240, blocks: 1 }],
      [{ request: 1, how: 'made', passes: 1, count: 1 }],
    ]);
    expect(report.processes.map((each) => each.request)).toEqual([undefined, 1, 2]);
  });

  test('in each pass of it shows what each costs, warm-up left out', async () => {
    const served = [0, 1, 2].map((pass) => ({ request: 1, pass, grown: [all(102 + pass)] }));
    const launched = launch(served, {
      stoppedBy: 'served',
      artifacts: [log(101), log(102), log(103), log(104)],
    });
    const losing = [2, 3, 4].flatMap((number) => child(number, 100 + number, [lost(number, leakOf(24))]));
    const report = await judge([...image(1, []), ...losing], two({ warmUp: 1 }, 2), [launched]);
    expect(report.findings[0]?.requests).toEqual([
      { request: 1, how: 'made', passes: 2, count: 2, bytes: 48, blocks: 2, steady: true },
    ]);
    const once = await judge([...image(1, []), ...losing.slice(0, 3)], two({ warmUp: 1 }, 2), [launched]);
    expect(once.findings[0]?.requests).toEqual([{ request: 1, how: 'made', passes: 0 }]);
  });

  test('may be one of several, where these were served at once', async () => {
    const both = asked([
      { request: 1, pass: 1, grown: [all(102)] },
      { request: 2, pass: 1, grown: [all(102)] },
    ]);
    const report = await judge(
      [...image(1, []), ...child(2, 102, [lost(2, leakOf(240))])],
      two({ parallel: 2 }),
      [both],
    );
    expect(report.findings[0]?.requests).toEqual([
      { request: 1, how: 'one of', passes: 1 },
      { request: 2, how: 'one of', passes: 1 },
    ]);
  });

  test('is none when it goes on behind it, and so is the first process, wherever its log begins', async () => {
    const records = [
      ...image(1, [lost(1, leakOf(100))]),
      ...child(2, 102, [
        lost(2, leakOf(240), { stacks: [stack('at', [malloc, mine('keep', 'cache.c', 9)])] }),
      ]),
    ];
    const later = asked([{ request: 1, pass: 1, grown: [all(102, 300), all(101, 900)] }]);
    const report = await judge(records, two(), [later]);
    expect(report.findings.map(({ requests }) => requests)).toEqual([undefined, undefined]);
    expect(report.processes.map((each) => each.request)).toEqual([undefined, undefined]);
  });
});

test('an error that was told while warming up, and not after, says so', async () => {
  const artifact = 'valgrind.101.xml';
  const served = [0, 1].map((pass) => ({
    request: 1,
    pass,
    grown: [{ artifact, from: 100 + pass * 100, to: 200 + pass * 100 }],
  }));
  const report = await judge(
    image(1, [finding(1, 'InvalidRead', { span: { artifact, offset: 120, length: 20 } })]),
    replay([request(1)], { mode: 'fastcgi', warmUp: 1 }),
    [launch(served, { stoppedBy: 'served' })],
  );
  expect(report.findings[0]?.requests).toEqual([{ request: 1, how: 'first', passes: 0 }]);
});

describe('what memory grew by', () => {
  const push = [malloc, mine('push', 'list.c', 20), mine('main', 'main.c', 7)];
  const keep = [malloc, mine('keep', 'cache.c', 9), mine('main', 'main.c', 7)];
  const grew = (
    request: number,
    pass: number,
    stacks: readonly StackGrowth[],
    more: Partial<GrowthRecord> = {},
  ): GrowthRecord => ({
    type: 'growth',
    launch: 1,
    request,
    pass,
    bytes: stacks.reduce((sum, { bytes }) => sum + bytes, 0),
    blocks: stacks.reduce((sum, { blocks }) => sum + blocks, 0),
    stacks,
    ...more,
  });
  const of = (frames: readonly (typeof malloc)[], bytes: number, blocks = 1): StackGrowth => ({
    frames,
    bytes,
    blocks,
  });
  const served = [launch([], { stoppedBy: 'served' })];
  const two = (passes: number) =>
    replay([request(1, { sent: passes }), request(2, { sent: passes })], { mode: 'fastcgi', passes });

  test('in a request is what it loses, although a block is lost one check late', async () => {
    const passes = Array.from({ length: 4 }, (_, pass) => [
      grew(1, pass + 1, []),
      grew(2, pass + 1, [of(push, 240)]),
    ]);
    const report = await judge([...image(1, [lost(1, leakOf(960, 4))]), ...passes.flat()], two(4), served);
    expect(report.findings[0]?.requests).toEqual([
      { request: 2, how: 'made', passes: 4, count: 4, bytes: 960, blocks: 4, steady: true },
    ]);
    expect(report.replay?.requests.map(({ growth }) => growth)).toEqual([
      { measured: 4, grew: 0, bytes: 0, blocks: 0, steady: true },
      { measured: 4, grew: 4, bytes: 960, blocks: 4, steady: true },
    ]);
  });

  test('has what is lost with its blocks, where it made all of them', async () => {
    const tree = leakOf(48, 3, { indirectBytes: 150 });
    const passes = [1, 2, 3].map((pass) => grew(2, pass, [of(push, 16), of(keep, 50)]));
    const report = await judge([...image(1, [lost(1, tree)]), ...passes], two(3), served);
    expect(report.findings[0]?.requests).toEqual([
      { request: 2, how: 'made', passes: 3, count: 3, bytes: 198, blocks: 3, steady: true },
    ]);
  });

  test('once, in the first pass, is not the same each time', async () => {
    const report = await judge(
      [
        ...image(1, [lost(1, leakOf(4096), { stacks: [stack('at', keep)] }, 'Leak_StillReachable')]),
        grew(1, 1, [of(keep, 4096)]),
        grew(1, 2, []),
        grew(1, 3, []),
      ],
      two(3),
      served,
    );
    expect(report.replay?.requests[0]?.growth).toEqual({
      measured: 3,
      grew: 1,
      bytes: 4096,
      blocks: 1,
      steady: false,
    });
    expect(report.findings[0]).toMatchObject({
      hidden: true,
      requests: [{ request: 1, how: 'made', passes: 3, count: 1, bytes: 4096, steady: false }],
    });
  });

  test('while it was warming up, and before the first request, is no request’s', async () => {
    const report = await judge(
      [
        ...image(1, [lost(1, leakOf(100)), lost(1, leakOf(50), { stacks: [stack('at', keep)] })]),
        grew(0, 0, [of(keep, 50)]),
        grew(1, 0, [of(push, 100)]),
        grew(1, 1, []),
      ],
      two(1),
      served,
    );
    expect(report.replay?.requests[0]?.growth).toEqual({ measured: 1, grew: 0, bytes: 0, blocks: 0 });
    const [warmUp, start] = report.findings;
    // The warm-up is not measured, so nobody knows which request it was.
    expect(warmUp).not.toHaveProperty('requests');
    expect(start?.requests).toEqual([]);
  });

  test('in some passes and gave back in others is told as both', async () => {
    const passes = [of(push, 100), of(push, -60), of(push, 0, 0)].map((stack, pass) =>
      grew(1, pass + 1, [stack]),
    );
    const report = await judge([...image(1, []), ...passes], two(3), served);
    expect(report.replay?.requests[0]?.growth).toEqual({
      measured: 3,
      grew: 1,
      shrank: 1,
      bytes: 40,
      blocks: 2,
      steady: false,
    });
  });

  test('of a stack of which most was lost counts for what is lost', async () => {
    const report = await judge(
      [
        ...image(1, [lost(1, leakOf(480, 2)), lost(1, leakOf(240), {}, 'Leak_StillReachable')]),
        grew(1, 1, [of(push, 240)]),
        grew(1, 2, [of(push, 240)]),
        grew(1, 3, [of(push, 240)]),
      ],
      two(3),
      served,
    );
    expect(report.findings.map(({ kind, requests }) => [kind, requests?.[0]?.bytes])).toEqual([
      ['Leak_DefinitelyLost', 720],
      ['Leak_StillReachable', undefined],
    ]);
  });

  test('is not known of a leak when nothing was measured', async () => {
    const report = await judge(image(1, [lost(1, leakOf(100))]), two(1), served);
    expect(report.findings[0]).not.toHaveProperty('requests');
    expect(report.replay?.requests[0]).not.toHaveProperty('growth');
  });
});

describe('answers', () => {
  const ask = (requests: readonly Parameters<typeof request>[1][], run: Partial<RunManifest> = {}) =>
    judge(
      requests.flatMap((_, index) => image(index + 1, [])),
      replay(requests.map((more, index) => request(index + 1, more))),
      cgi(requests.map((_, index) => index + 1)),
      run,
    );

  test('that are faulty or not as expected make the program fail', async () => {
    expect(await ask([{}, { faults: ['It has no header.'] }])).toMatchObject({
      outcome: 'failed',
      status: 1,
      reasons: ['The answer to request 2 GET /app?x=2 is faulty: It has no header.'],
    });
    expect(await ask([{ unmet: ['The status is 404, not 200'] }])).toMatchObject({
      outcome: 'failed',
      status: 1,
      reasons: ['The answer to request 1 GET /app?x=1 is not what was expected: The status is 404, not 200.'],
    });
  });

  test('of status 500 fail nothing by themselves', async () => {
    expect(await ask([{ statuses: [[500, 1]] }])).toMatchObject({ outcome: 'clean', status: 0 });
  });

  test('that are lost, or were never asked for, make the run inconclusive, and that is said once', async () => {
    expect(await ask([{ lost: ['No byte came within 5 s.'] }])).toMatchObject({
      outcome: 'inconclusive',
      status: 101,
      reasons: ['No whole answer came to request 1 GET /app?x=1: No byte came within 5 s.'],
    });
    const message = 'request 1 GET /app?x=1: No byte came within 5 s.';
    expect(
      await ask([{ lost: ['No byte came within 5 s.'] }], {
        problems: [{ code: 'lost-answer', level: 'incomplete', message }],
      }),
    ).toMatchObject({ outcome: 'inconclusive', reasons: [message] });
    expect(await ask([{}, { sent: 0 }, { sent: 0 }])).toMatchObject({
      outcome: 'inconclusive',
      reasons: ['The replay ended before 2 of 3 requests were sent.'],
    });
  });

  test('that are wrong in many requests are counted', async () => {
    const { reasons } = await ask(Array.from({ length: 8 }, () => ({ faults: ['It has no header.'] })));
    expect(reasons).toHaveLength(6);
    expect(reasons.at(-1)).toBe('The answers to 3 more requests are faulty.');
  });
});
