// What a report says: counts, totals, leaks over checks and forks, order, what is hidden.
import { describe, expect, test } from 'vitest';
import { analyze } from '../../src/analyze/index.ts';
import type { ParsedRecord, ProcessEndRecord } from '../../src/model/record.ts';
import {
  counts,
  end,
  finding,
  leakOf,
  lost,
  malloc,
  manifest,
  mine,
  process,
  stack,
  textProcess,
  whole,
} from './records.ts';

const report = (records: readonly ParsedRecord[], more: Partial<Parameters<typeof analyze>[1]> = {}) =>
  analyze(records, { vgrun: '0.1.0', manifest: manifest(), ...more });

test('an error that occurred five times is one finding with a count of five', async () => {
  const { findings, totals } = await report(
    whole(1, [finding(1, 'InvalidRead', { unique: '0x0' }), counts(1, { '0x0': 5 })]),
  );
  expect(findings).toMatchObject([{ kind: 'InvalidRead', count: 5, atLeast: false, failing: true }]);
  expect(totals).toMatchObject({ errors: { errors: 5, contexts: 1 }, computed: ['errors', 'leaks', 'heap'] });
});

test('two contexts on one line are one finding, and both are in the ERROR SUMMARY', async () => {
  const { findings, totals } = await report(
    whole(1, [
      finding(1, 'InvalidRead', { unique: '0x0' }),
      finding(1, 'InvalidRead', {
        unique: '0x1',
        stacks: [stack('at', [mine('pop', 'list.c', 10, '0x10A0B0'), mine('main', 'main.c', 5)])],
      }),
      counts(1, { '0x0': 3, '0x1': 4 }),
    ]),
  );
  expect(findings).toMatchObject([{ count: 7 }]);
  expect(totals.errors).toEqual({ errors: 7, contexts: 2, suppressed: 0, suppressedContexts: 0 });
});

test('a log that was cut before its counts says "at least"', async () => {
  const { findings, outcome } = await report([
    process(1),
    finding(1, 'InvalidRead', { unique: '0x0' }),
    end(1, { complete: false, finished: false }),
  ]);
  expect(findings).toMatchObject([{ count: 1, atLeast: true }]);
  expect(outcome).toBe('inconclusive');
});

test('a text log whose summary has as many errors as contexts needs no "at least"', async () => {
  const summary = (errors: number): ParsedRecord => ({
    type: 'totals',
    image: 1,
    errors: { errors, contexts: 1 },
  });
  const exact = await analyze([textProcess(1), finding(1, 'InvalidRead'), summary(1), end(1)], {
    vgrun: '0.1.0',
  });
  expect(exact.findings).toMatchObject([{ count: 1, atLeast: false }]);
  const unsure = await analyze([textProcess(1), finding(1, 'InvalidRead'), summary(4), end(1)], {
    vgrun: '0.1.0',
  });
  expect(unsure.findings).toMatchObject([{ count: 1, atLeast: true }]);
});

test('LEAK SUMMARY adds up direct bytes, and heap in use adds up all kinds', async () => {
  const { totals } = await report(
    whole(1, [
      lost(1, leakOf(32, 1, { indirectBytes: 32 })),
      lost(1, leakOf(32), {}, 'Leak_IndirectlyLost'),
      lost(1, leakOf(500), {}, 'Leak_StillReachable'),
      counts(1, {}),
    ]),
  );
  expect(totals.leaks).toMatchObject({
    definite: { bytes: 32, blocks: 1 },
    indirect: { bytes: 32, blocks: 1 },
    possible: { bytes: 0, blocks: 0 },
    reachable: { bytes: 500, blocks: 1 },
    suppressed: { bytes: 0, blocks: 0 },
  });
  expect(totals.heap).toEqual({ inUse: { bytes: 564, blocks: 3 }, allFreed: false });
});

test('what was suppressed is not invented', async () => {
  const { totals } = await report(
    whole(1, [
      lost(1, leakOf(10)),
      counts(1, {}),
      { type: 'suppression-use', image: 1, name: 'libfoo', count: 2 },
    ]),
  );
  expect(totals.leaks).not.toHaveProperty('suppressed');
  expect(totals).not.toHaveProperty('heap');
  expect(totals.errors).toEqual({ errors: 1, contexts: 1, suppressed: 2 });
});

test("blocks of the program's own pools are leaks, but what of the heap is in use is then unknown", async () => {
  const pool = lost(1, leakOf(16), { stacks: [stack('at', [mine('pool_alloc'), mine('main')])] });
  const { totals } = await report(whole(1, [lost(1, leakOf(10)), pool, counts(1, {})]));
  expect(totals.leaks?.definite).toEqual({ bytes: 26, blocks: 2 });
  expect(totals).not.toHaveProperty('heap');
});

test("the tool's own totals win over computed ones", async () => {
  const { totals } = await report(
    whole(1, [
      finding(1, 'InvalidRead', { unique: '0x0' }),
      counts(1, { '0x0': 2 }),
      { type: 'totals', image: 1, errors: { errors: 2, contexts: 1, suppressed: 7, suppressedContexts: 3 } },
    ]),
  );
  expect(totals.errors).toEqual({ errors: 2, contexts: 1, suppressed: 7, suppressedContexts: 3 });
  expect(totals.computed).not.toContain('errors');
});

test('memory that two leak checks report is lost once, and both errors count as in valgrind', async () => {
  const { findings, totals } = await report(
    whole(1, [
      lost(1, leakOf(10, 1, { check: 1 }), { unique: '0x0' }),
      lost(1, leakOf(10, 1, { check: 2 }), { unique: '0x1' }),
      counts(1, {}),
    ]),
  );
  expect(findings).toMatchObject([{ count: 1, leak: { bytes: 10, blocks: 1, check: 2 } }]);
  expect(totals.leaks?.definite).toEqual({ bytes: 10, blocks: 1 });
  expect(totals.errors).toMatchObject({ errors: 2, contexts: 2 });
});

test('a block that was reachable in an early check and is lost at exit is only lost', async () => {
  const { findings } = await report(
    whole(1, [
      lost(1, leakOf(10, 1, { check: 1 }), {}, 'Leak_StillReachable'),
      lost(1, leakOf(10, 1, { check: 2 })),
    ]),
  );
  expect(findings.map(({ kind }) => kind)).toEqual(['Leak_DefinitelyLost']);
});

test('memory that was reachable in an early check and is freed at exit is left out with a note', async () => {
  const { findings, problems, totals } = await report([
    process(1),
    lost(1, leakOf(10, 1, { check: 1 }), {}, 'Leak_StillReachable'),
    counts(1, {}),
    end(1, { leakChecks: 2 }),
  ]);
  expect(findings).toEqual([]);
  expect(problems).toMatchObject([{ code: 'earlier-leak-check', level: 'note' }]);
  expect(totals.leaks?.reachable).toEqual({ bytes: 0, blocks: 0 });
});

test('when all heap blocks were freed, the sums of an earlier leak check are history', async () => {
  const sum = { bytes: 16, blocks: 1 };
  const none = { bytes: 0, blocks: 0 };
  const early = { definite: none, indirect: none, possible: none, reachable: sum };
  const { totals } = await analyze(
    [
      textProcess(1),
      { type: 'totals', image: 1, leaks: early },
      { type: 'totals', image: 1, heap: { inUse: none, allFreed: true } },
      end(1),
    ],
    { vgrun: '0.1.0' },
  );
  expect(totals).toMatchObject({ leaks: { reachable: none, suppressed: none }, computed: ['leaks'] });
});

test('memory that was lost in an early check only is kept and says so', async () => {
  const { findings } = await report([process(1), lost(1, leakOf(10)), end(1, { leakChecks: 2 })]);
  expect(findings).toMatchObject([{ details: ['Reported by an earlier leak check, not at exit.'] }]);
});

test("a forked child reports its parent's leak again, and it is counted once", async () => {
  const { findings, totals, processes } = await report([
    ...whole(1, [lost(1, leakOf(100)), counts(1, {})]),
    ...whole(2, [lost(2, leakOf(100)), counts(2, {})], { ppid: 101, forked: true }),
  ]);
  expect(findings).toMatchObject([
    {
      count: 1,
      leak: { bytes: 100, blocks: 1 },
      seenIn: [
        { pid: 101, inherited: false },
        { pid: 102, inherited: true, leak: { bytes: 100 } },
      ],
    },
  ]);
  expect(totals.leaks?.definite).toEqual({ bytes: 100, blocks: 1 });
  expect(totals.errors).toMatchObject({ errors: 1, contexts: 1 });
  // Each process by itself says what valgrind says for it.
  expect(processes[1]?.totals.leaks?.definite).toEqual({ bytes: 100, blocks: 1 });
  expect(processes.map(({ findings: seen }) => seen)).toEqual([1, 0]);
});

test('what a forked child loses beyond its parent is its own', async () => {
  const { findings, totals } = await report([
    ...whole(1, [lost(1, leakOf(100, 1)), counts(1, {})]),
    ...whole(2, [lost(2, leakOf(130, 4)), counts(2, {})], { ppid: 101, forked: true }),
  ]);
  expect(findings).toMatchObject([
    {
      leak: { bytes: 130, blocks: 4 },
      seenIn: [{}, { inherited: false, leak: { bytes: 30, blocks: 3 }, inheritedLeak: { bytes: 100 } }],
    },
  ]);
  expect(totals.leaks?.definite).toEqual({ bytes: 130, blocks: 4 });
});

test('the same leak in a child that exec’d is its own', async () => {
  const { findings } = await report([
    ...whole(1, [lost(1, leakOf(100))]),
    ...whole(2, [lost(2, leakOf(100))], { ppid: 101 }),
  ]);
  expect(findings).toMatchObject([{ count: 2, leak: { bytes: 200, blocks: 2 } }]);
});

test("counts that a forked child repeats from its parent are not the child's findings", async () => {
  const { findings, processes } = await report([
    ...whole(1, [finding(1, 'InvalidRead', { unique: '0x0' }), counts(1, { '0x0': 3 })]),
    ...whole(2, [counts(2, { '0x0': 3 })], { ppid: 101, forked: true }),
  ]);
  expect(findings).toMatchObject([{ count: 3, seenIn: [{ pid: 101, count: 3 }] }]);
  // valgrind's own summary of the child counts them.
  expect(processes[1]).toMatchObject({ findings: 0, totals: { errors: { errors: 3, contexts: 1 } } });
});

test('only definite and possible leaks count as errors; the others are hidden', async () => {
  const { findings, outcome } = await report(
    whole(1, [lost(1, leakOf(10), {}, 'Leak_StillReachable'), lost(1, leakOf(5), {}, 'Leak_IndirectlyLost')]),
  );
  expect(findings).toMatchObject([
    { kind: 'Leak_IndirectlyLost', failing: false, hidden: true },
    { kind: 'Leak_StillReachable', failing: false, hidden: true },
  ]);
  expect(outcome).toBe('clean');
});

test('--show-leak-kinds=all lists all kinds, and --errors-for-leak-kinds=all makes them errors', async () => {
  const records = whole(1, [lost(1, leakOf(10), {}, 'Leak_StillReachable')]);
  const shown = await report(records, { manifest: manifest({ toolOptions: ['--show-leak-kinds=all'] }) });
  expect(shown.findings).toMatchObject([{ failing: false, hidden: false }]);
  const failing = await report(records, {
    manifest: manifest({ toolOptions: ['--errors-for-leak-kinds=all'] }),
  });
  expect(failing.findings).toMatchObject([{ failing: true, hidden: false }]);
  expect(failing.status).toBe(100);
});

test('--leak-check=summary lists no leak and fails for none, but sums them up', async () => {
  const { findings, outcome, totals } = await report(whole(1, [lost(1, leakOf(10)), counts(1, {})]), {
    manifest: manifest({ toolOptions: ['--leak-check=summary'] }),
  });
  expect(findings).toMatchObject([{ failing: false, hidden: true }]);
  expect(outcome).toBe('clean');
  expect(totals).toMatchObject({ leaks: { definite: { bytes: 10 } }, errors: { errors: 0 } });
});

test('failing comes first, then the most severe, then the most expensive', async () => {
  const { findings } = await report(
    whole(1, [
      lost(1, leakOf(10), { stacks: [stack('at', [malloc, mine('small')])] }),
      lost(1, leakOf(9000), { stacks: [stack('at', [malloc, mine('large')])] }),
      lost(1, leakOf(99), {}, 'Leak_StillReachable'),
      finding(1, 'InvalidRead', { unique: '0x0' }),
      finding(1, 'InvalidWrite', { unique: '0x1' }),
      counts(1, { '0x0': 1, '0x1': 1 }),
    ]),
  );
  expect(findings.map(({ kind, leak }) => `${kind} ${leak?.bytes ?? ''}`.trim())).toEqual([
    'InvalidWrite',
    'Leak_DefinitelyLost 9000',
    'Leak_DefinitelyLost 10',
    'InvalidRead',
    'Leak_StillReachable 99',
  ]);
});

test('the threads an error names show where they were created', async () => {
  const { findings } = await report(
    whole(1, [
      { type: 'thread', image: 1, id: 2, root: false, frames: [mine('start_workers', 'pool.c', 30)] },
      finding(1, 'Race', { tool: 'helgrind', threads: [2, 9] }),
    ]),
  );
  expect(findings[0]?.stacks.slice(1)).toMatchObject([
    { label: 'thread created at', text: 'Thread #2 was created', frames: [{ function: 'start_workers' }] },
  ]);
});

test("a script's interpreter is hidden unless asked for, what it runs is not", async () => {
  const records = [
    ...whole(1, [finding(1, 'UninitValue')], { argv: ['./run.sh'] }),
    ...whole(2, [finding(2, 'InvalidRead')], { ppid: 101, argv: ['./list'] }),
  ];
  const script = manifest({ interpreter: '/bin/sh' });
  const hidden = await report(records, { manifest: script });
  expect(hidden.findings).toMatchObject([
    { kind: 'InvalidRead', failing: true, hidden: false },
    { kind: 'UninitValue', failing: false, hidden: true },
  ]);
  expect(hidden.problems).toMatchObject([{ code: 'interpreter-findings' }]);
  const followed = await report(records, { manifest: script, followInterpreter: true });
  expect(followed.findings.every(({ failing }) => failing)).toBe(true);
});

test('a hundred thousand repetitions are one finding', async () => {
  function* records(): Generator<ParsedRecord> {
    const repeated = finding(1, 'InvalidRead');
    yield process(1);
    for (let i = 0; i < 100_000; i++) yield { ...repeated, unique: `0x${i.toString(16)}` };
    yield end(1);
  }
  const { findings } = await analyze(records(), { vgrun: '0.1.0' });
  expect(findings).toMatchObject([{ count: 100_000, seenIn: [{ pid: 101 }] }]);
});

test('a document copied onto itself does not count twice', async () => {
  const error = finding(1, 'InvalidRead', { unique: '0x0' });
  const { findings } = await report(whole(1, [error, error, counts(1, { '0x0': 2 })]));
  expect(findings).toMatchObject([{ count: 2 }]);
});

test('a record of a process that never began is kept', async () => {
  const { findings, outcome } = await report([finding(7, 'InvalidRead')]);
  expect(findings).toMatchObject([{ kind: 'InvalidRead', seenIn: [{ image: 7, pid: 0 }] }]);
  expect(outcome).toBe('inconclusive');
});

test('endless messages are bounded, and the report says how many are left out', async () => {
  const messages = Array.from(
    { length: 1500 },
    (_, i): ParsedRecord => ({ type: 'message', image: 1, source: 'client', text: `${i}` }),
  );
  const result = await report(whole(1, messages));
  expect(result.messages).toHaveLength(1000);
  expect(result.problems).toMatchObject([
    { code: 'messages-left-out', message: expect.stringContaining('500') },
  ]);
});

test("vgrun's own pipes, gone, are no message; what stands beside them is", async () => {
  const gone = (way: string) =>
    `could not unlink /home/ann/.vgrun/runs/x/vgdb-pipe-${way}-101-by-ann-on-host`;
  const pipes = ['from-vgdb-to', 'to-vgdb-from', 'shared-mem-vgdb'].map(gone).join('\n');
  const said = (text: string): ParsedRecord => ({ type: 'message', image: 1, source: 'tool', text });
  const { messages } = await report(whole(1, [said(pipes), said(`${pipes}\nand more`)]));
  expect(messages.map(({ text }) => text)).toEqual(['and more']);
});

test('errors of other sizes at one place are one finding that says each of them', async () => {
  const write = (unique: string, size: number, where: string) =>
    finding(1, 'InvalidWrite', {
      unique,
      what: `Invalid write of size ${size}`,
      stacks: [
        stack('at', [mine('fill')]),
        stack('allocated at', [malloc, mine('make')], `Address 0x4a4004${unique.slice(2)} is ${where}`),
      ],
    });
  const inside = "1 bytes inside a block of size 4 alloc'd";
  const { findings } = await report(
    whole(1, [
      write('0x0', 4, inside),
      write('0x1', 4, inside),
      write('0x2', 1, "1 bytes after a block of size 4 alloc'd"),
      write('0x3', 2, inside),
      counts(1, { '0x0': 1, '0x1': 1, '0x2': 1, '0x3': 1 }),
    ]),
  );
  expect(findings).toMatchObject([
    {
      count: 4,
      what: 'Invalid write of size 4',
      alsoSeen: [
        "Invalid write of size 1, 1 bytes after a block of size 4 alloc'd",
        'Invalid write of size 2',
      ],
    },
  ]);
});

test('other addresses and thread numbers are no other sentence, and of many sentences five are kept', async () => {
  const race = (unique: number, what: string) =>
    finding(1, 'ConflictingAccess', { tool: 'drd', unique: `0x${unique}`, what });
  const loads = [1, 2, 3].map((thread) =>
    race(thread, `Conflicting load by thread ${thread} at 0x0010c02${thread} size 4`),
  );
  const same = await report(whole(1, loads));
  expect(same.findings).toMatchObject([{ count: 3 }]);
  expect(same.findings[0]).not.toHaveProperty('alsoSeen');
  const stores = Array.from({ length: 9 }, (_, size) =>
    race(10 + size, `Conflicting store by thread 1 at 0x0010c021 size ${size}`),
  );
  const { findings } = await report(whole(1, [...loads, ...stores]));
  expect(findings[0]?.alsoSeen).toEqual([0, 1, 2, 3, 4].map((size) => `Conflicting store size ${size}`));
});

test('what forked children report as their parent does is a lower bound, in the finding and in the sums', async () => {
  const child = (image: number) =>
    whole(image, [lost(image, leakOf(10)), counts(image, {})], { ppid: 101, forked: true });
  const parent = whole(1, [lost(1, leakOf(10)), counts(1, {})]);
  const forked = await report([...parent, ...child(2), ...child(3), ...child(4)]);
  expect(forked.findings).toMatchObject([{ leak: { bytes: 10, blocks: 1 }, atLeast: true }]);
  expect(forked.totals).toMatchObject({
    leaks: { definite: { bytes: 10, blocks: 1 } },
    errors: { errors: 1 },
    atLeast: ['leaks', 'errors'],
  });
  // A child that loses what its parent does not has lost it by itself.
  const own = await report([...whole(1, [counts(1, {})]), ...child(2)]);
  expect(own.findings).toMatchObject([{ atLeast: false }]);
  expect(own.totals).not.toHaveProperty('atLeast');
});

test('leaks that a text log only sums up are a lower bound too', async () => {
  const none = { bytes: 0, blocks: 0 };
  const summary = (image: number, blocks: number): ParsedRecord => ({
    type: 'totals',
    image,
    leaks: { definite: { bytes: 8 * blocks, blocks }, indirect: none, possible: none, reachable: none },
  });
  const family = (blocks: number) =>
    report([
      textProcess(1),
      summary(1, blocks),
      end(1),
      textProcess(2, { ppid: 101, forked: true }),
      summary(2, blocks),
      end(2),
    ]);
  expect((await family(1)).totals).toMatchObject({ leaks: { definite: { blocks: 1 } }, atLeast: ['leaks'] });
  expect((await family(0)).totals).not.toHaveProperty('atLeast');
});

test('what leads from a script to its interpreter, and what that forks, is the interpreter; what it execs is not', async () => {
  const argvs = [
    ['./list.py'],
    ['/usr/bin/bash', '/home/ann/shims/python3', './list.py'],
    ['/opt/python/bin/python3', './list.py'],
    ['./list', '--all'],
    ['/opt/python/bin/python3', './other.py'],
  ];
  const chain = argvs.flatMap((argv, index) =>
    whole(index + 1, [lost(index + 1, leakOf(10))], { pid: 101, argv }),
  );
  const child = whole(6, [lost(6, leakOf(30, 3))], { ppid: 101, forked: true, argv: argvs[2] ?? [] });
  const script = manifest({ interpreter: '/home/ann/shims/python3' });
  const { findings } = await report([...chain.slice(0, 9), ...child], { manifest: script });
  expect(findings).toMatchObject([{ hidden: true, failing: false }]);
  const { findings: ofProgram } = await report(chain, { manifest: script });
  expect(ofProgram).toMatchObject([{ hidden: false, failing: true }]);
  // The program in the middle hands no script on, so it is nobody's way to an interpreter.
  const direct = await report([...chain.slice(0, 3), ...chain.slice(9)], { manifest: script });
  expect(direct.findings).toMatchObject([{ hidden: false, failing: true }]);
});

describe('totals of runtimes inside the program', () => {
  const asan = (records: readonly ParsedRecord[], more: Partial<ProcessEndRecord> = {}) => {
    const { protocol: _, ...begun } = process(1, { tool: 'asan', instrumentArgv: [] });
    return analyze([begun, ...records, end(1, more)], { vgrun: '0.1.0' });
  };
  const leak = (kind: string, bytes: number, name: string) =>
    finding(1, kind, {
      tool: 'lsan',
      leak: leakOf(bytes),
      stacks: [stack('allocated at', [malloc, mine(name)])],
    });

  test('leaks are of the kinds that LeakSanitizer has, and of no others', async () => {
    const { totals, findings } = await asan([leak('direct-leak', 100, 'a'), leak('indirect-leak', 20, 'b')], {
      leakChecks: 1,
    });
    expect(totals.leaks).toEqual({ definite: { bytes: 100, blocks: 1 }, indirect: { bytes: 20, blocks: 1 } });
    expect(totals.errors).toEqual({ errors: 2, contexts: 2 });
    // Blocks that hold each other in a ring are all indirect.
    expect(findings.map(({ failing }) => failing)).toEqual([true, true]);
  });

  test('that there are none is said only when they were searched for', async () => {
    expect((await asan([], { leakChecks: 1 })).totals.leaks).toEqual({
      definite: { bytes: 0, blocks: 0 },
      indirect: { bytes: 0, blocks: 0 },
    });
    expect((await asan([])).totals.leaks).toBeUndefined();
  });

  test('what a trace has left over is not freed, and no more is said of it', async () => {
    const { protocol: _, ...begun } = process(1, { tool: 'mtrace', instrumentArgv: [] });
    const left = finding(1, 'unfreed', { tool: 'mtrace', leak: leakOf(24, 2) });
    const { totals, outcome } = await analyze([begun, left, end(1)], { vgrun: '0.1.0' });
    expect(totals.leaks).toEqual({ unfreed: { bytes: 24, blocks: 2 } });
    expect(outcome).toBe('findings');
  });

  test('an answer about leaks is asked of what searched for them', async () => {
    const { protocol: _, ...begun } = process(1, { tool: 'asan', instrumentArgv: [] });
    const { outcome, reasons } = await analyze([begun, end(1)], {
      vgrun: '0.1.0',
      gate: { failOn: ['definite'] },
    });
    expect(outcome).toBe('inconclusive');
    expect(reasons[0]).toContain('were not searched for');
  });
});

test('a function that calls itself at one place is not said to be inlined', async () => {
  const frame = (name: string) => ({
    ip: '0x1100',
    function: name,
    object: '/home/ann/list',
    file: 'list.c',
    line: 3,
  });
  const again = frame('walk');
  const [recursive, inlined] = [
    [again, again],
    [frame('step'), frame('walk')],
  ];
  const { findings } = await analyze(
    whole(1, [
      { ...finding(1, 'InvalidRead'), stacks: [{ label: 'at', frames: recursive }] },
      { ...finding(1, 'InvalidWrite'), stacks: [{ label: 'at', frames: inlined }] },
    ]),
    { vgrun: '0.1.0', manifest: manifest() },
  );
  const marks = findings.map(({ kind, stacks }) => [kind, stacks[0]?.frames[0]?.inlined]);
  expect(marks).toEqual([
    ['InvalidWrite', true],
    ['InvalidRead', undefined],
  ]);
});
