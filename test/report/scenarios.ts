// The runs behind test/golden: each a stream of records as the readers give them, analysed for real.
import { entriesOf } from '../../src/analyze/baseline.ts';
import { analyze } from '../../src/analyze/index.ts';
import type { GrowthRecord, ParsedRecord, RunRecord } from '../../src/model/record.ts';
import type { Excerpt, Report } from '../../src/model/report.ts';
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
} from '../analyze/records.ts';
import { launch, outer, replay, request } from '../analyze/replays.ts';

/** Name of the golden folder, and the report in it. */
export const scenarios: ReadonlyMap<string, () => Promise<Report>> = new Map([
  ['clean', () => report(whole(1, [counts(1, {})]))],
  ['one-leak', oneLeak],
  ['ten-mixed-findings', tenMixedFindings],
  ['race', race],
  ['crash', crash],
  ['inconclusive', inconclusive],
  ['process-tree-with-fork', processTreeWithFork],
  ['hostile-names', hostileNames],
  ['lock-order', lockOrder],
  ['compared', compared],
  ['no-source', noSource],
  ['witnesses', witnesses],
  ['cgi-requests', cgiRequests],
  ['requests-growth', requestsGrowth],
  ['failed', () => report(whole(1, [counts(1, {})]), { exit: { how: 'exited', code: 3 } })],
]);

function report(
  records: readonly ParsedRecord[],
  run: Partial<RunManifest> = {},
  more: Partial<Parameters<typeof analyze>[1]> = {},
): Promise<Report> {
  return analyze(records, {
    ...more,
    vgrun: '0.1.0',
    manifest: manifest(run),
    runDirectory: '/home/ann/list/.vgrun/runs/20260801-120000-list',
  });
}

/** As the pipeline adds it: two lines above and below the blamed one. */
function withExcerpt(made: Report, lines: readonly string[], firstLine: number): Report {
  const excerpt: Excerpt = { firstLine, lines };
  return {
    ...made,
    findings: made.findings.map((each, index) => (index === 0 ? { ...each, excerpt } : each)),
  };
}

async function oneLeak(): Promise<Report> {
  const made = await report(whole(1, [lost(1, leakOf(100)), counts(1, {})]));
  return withExcerpt(
    made,
    ['void push(struct list *l, int v) {', '\tstruct node *n;', '\tn = malloc(100);', '\tn->value = v;', '}'],
    18,
  );
}

async function tenMixedFindings(): Promise<Report> {
  const at = (name: string, line: number) => [
    stack('at', [mine(name, 'list.c', line), mine('main', 'main.c', 40), libcStart]),
  ];
  const block = stack(
    'allocated at',
    [malloc, mine('make', 'list.c', 12), mine('main', 'main.c', 7)],
    "Address 0x4a4004a is 0 bytes after a block of size 10 alloc'd",
  );
  const error = (unique: number, kind: string, what: string, stacks = at(`f${unique}`, 100 + unique)) =>
    finding(1, kind, { unique: `0x${unique.toString(16)}`, what, stacks });
  const made = await report(
    whole(1, [
      error(0, 'InvalidRead', 'Invalid read of size 1', [...at('f0', 100), block]),
      error(1, 'InvalidWrite', 'Invalid write of size 4', [...at('f1', 101), block]),
      error(2, 'UninitCondition', 'Conditional jump or move depends on uninitialised value(s)'),
      error(3, 'UninitValue', 'Use of uninitialised value of size 8'),
      error(4, 'SyscallParam', 'Syscall param sendmsg(msg.msg_iov[0]) points to uninitialised byte(s)'),
      error(5, 'InvalidFree', 'Invalid free() / delete / delete[] / realloc()', [
        stack('at', [
          { ...malloc, function: 'free' },
          mine('drop', 'list.c', 60),
          mine('main', 'main.c', 41),
        ]),
        stack(
          'freed at',
          [{ ...malloc, function: 'free' }, mine('clear', 'list.c', 70)],
          "Address 0x4a40040 is 0 bytes inside a block of size 10 free'd",
        ),
        stack('allocated at', [malloc, mine('make', 'list.c', 12)], "Block was alloc'd at"),
      ]),
      error(6, 'MismatchedFree', 'Mismatched free() / delete / delete []'),
      error(7, 'Overlap', 'Source and destination overlap in strcpy(0x4a40040, 0x4a40041)'),
      counts(1, { '0x0': 12, '0x1': 1, '0x2': 1, '0x3': 3, '0x4': 1, '0x5': 1, '0x6': 1, '0x7': 1 }),
      lost(1, leakOf(1_048_576, 16)),
      lost(
        1,
        leakOf(64, 1),
        { stacks: [stack('at', [malloc, mine('spare', 'pool.c', 9)])] },
        'Leak_PossiblyLost',
      ),
      lost(1, leakOf(72_704, 1), { stacks: [stack('at', [malloc, libcStart])] }, 'Leak_StillReachable'),
    ]),
    { toolOptions: ['--leak-check=full'] },
  );
  return withExcerpt(made, ['  int *x = make(3);', '  x[3] = 1;', '  return x;'], 100);
}

/** A use after free that memcheck and AddressSanitizer saw, and a leak that a trace knows too. */
function witnesses(): Promise<Report> {
  const theirs = (name: string, file: string, line: number) => ({
    ip: `0x55d0c0de${line}`,
    function: name,
    file: `/home/ann/list/src/${file}`,
    line,
    column: 7,
  });
  const runtime = {
    ip: '0x7f00aa',
    object: '/usr/lib/gcc/x86_64-linux-gnu/12/libasan.so.8',
    offset: '0xb4c0',
  };
  const of = (tool: string, image: number) => ({
    tool,
    artifact: `${tool}.${100 + image}`,
    instrumentArgv: [],
  });
  const { protocol: _, ...asan } = process(2, { ...of('asan', 2), version: '14' });
  const { protocol: __, ...mtrace } = process(3, of('mtrace', 3));
  return analyze(
    [
      ...whole(1, [
        finding(1, 'InvalidRead', {
          unique: '0x0',
          what: 'Invalid read of size 4',
          access: { operation: 'read', size: 4, address: '0x4a40040' },
          stacks: [
            stack('at', [mine('pop', 'list.c', 42), mine('main', 'main.c', 5)]),
            stack(
              'freed at',
              [{ ...malloc, function: 'free' }, mine('drop', 'list.c', 30), mine('main', 'main.c', 4)],
              "Address 0x4a40040 is 0 bytes inside a block of size 16 free'd",
            ),
            stack('allocated at', [malloc, mine('push', 'list.c', 20)], "Block was alloc'd at"),
          ],
        }),
        lost(1, leakOf(100)),
        counts(1, { '0x0': 1 }),
      ]),
      asan,
      finding(2, 'heap-use-after-free', {
        tool: 'asan',
        what: 'heap-use-after-free on address 0x602000000010',
        details: [
          '0x602000000010 is located 0 bytes inside of 16-byte region [0x602000000010,0x602000000020)',
        ],
        access: { operation: 'read', size: 4, address: '0x602000000010' },
        stacks: [
          stack('at', [theirs('pop', 'list.c', 42), theirs('main', 'main.c', 5)]),
          stack('freed at', [
            { ...runtime, function: 'free' },
            theirs('drop', 'list.c', 30),
            theirs('main', 'main.c', 4),
          ]),
          stack('allocated at', [{ ...runtime, function: 'malloc' }, theirs('push', 'list.c', 20)]),
        ],
      }),
      end(2, { leakChecks: 1 }),
      mtrace,
      finding(3, 'unfreed', {
        tool: 'mtrace',
        what: '100 bytes in 1 block were not freed',
        leak: leakOf(100),
        stacks: [stack('allocated at', [{ file: 'list.c', line: 20 }])],
      }),
      end(3, { leakChecks: 1 }),
    ],
    { vgrun: '0.1.0', projectRoot: '/home/ann/list' },
  );
}

function race(): Promise<Report> {
  const nameless = { ip: '0x484C7D6', object: '/usr/libexec/valgrind/vgpreload_helgrind-amd64-linux.so' };
  const start = { ip: '0x48EF1F4', object: '/usr/lib/x86_64-linux-gnu/libc.so.6', function: 'start_thread' };
  const side = (line: number, operation: 'read' | 'write') =>
    finding(1, 'Race', {
      tool: 'helgrind',
      unique: operation === 'read' ? '0x0' : '0x1',
      thread: { id: 2 },
      threads: [3],
      what: `Possible data race during ${operation} of size 4 at 0x10C060 by thread #3`,
      access: { operation, size: 4, address: '0x10C060' },
      details: ['Location 0x10c060 is 0 bytes inside global var "counter"'],
      stacks: [
        stack('at', [mine('count', 'race.c', line), nameless, start]),
        stack(
          'previous write',
          [mine('count', 'race.c', 14), nameless, start],
          'This conflicts with a previous write of size 4 by thread #2',
        ),
      ],
    });
  return report(
    whole(
      1,
      [
        { type: 'thread', image: 1, id: 3, root: false, frames: [nameless, mine('main', 'race.c', 30)] },
        side(13, 'read'),
        side(14, 'write'),
        counts(1, { '0x0': 1, '0x1': 1 }),
      ],
      { tool: 'helgrind' },
    ),
    { tool: { name: 'helgrind', version: '3.19.0', path: '/usr/bin/valgrind' } },
  );
}

function crash(): Promise<Report> {
  const frames = [mine('walk', 'list.c', 31), mine('main', 'main.c', 9)];
  return report(
    whole(1, [
      finding(1, 'InvalidRead', {
        unique: '0x0',
        what: 'Invalid read of size 4',
        details: ["Address 0x8 is not stack'd, malloc'd or (recently) free'd"],
        stacks: [stack('at', frames)],
        access: { operation: 'read', size: 4, address: '0x8' },
      }),
      {
        type: 'fatal-signal',
        image: 1,
        number: 11,
        name: 'SIGSEGV',
        code: 1,
        event: 'Access not within mapped region',
        address: '0x8',
        stack: stack('at', frames),
      },
      counts(1, { '0x0': 1 }),
    ]),
    { exit: { how: 'signaled', signal: 'SIGSEGV', number: 11 } },
  );
}

function inconclusive(): Promise<Report> {
  return report(
    [
      process(1),
      finding(1, 'InvalidRead', { unique: '0x0', what: 'Invalid read of size 4' }),
      {
        type: 'problem',
        image: 1,
        problem: {
          code: 'truncated-document',
          level: 'incomplete',
          message: 'valgrind.101.xml ends in the middle of an element.',
          hint: 'The process was killed while it wrote; give it more time with --timeout.',
          artifact: 'valgrind.101.xml',
          offset: 4711,
          quote: '<frame>\n  <ip>0x10',
        },
      },
      end(1, { complete: false, finished: false }),
    ],
    { exit: { how: 'signaled', signal: 'SIGTERM', number: 15 }, stoppedBy: 'timeout' },
  );
}

function processTreeWithFork(): Promise<Report> {
  return report(
    [
      ...whole(1, [lost(1, leakOf(100)), counts(1, {})], { argv: ['./server'] }),
      ...whole(
        2,
        [
          lost(2, leakOf(100)),
          finding(2, 'UninitCondition', {
            unique: '0x1',
            what: 'Conditional jump or move depends on uninitialised value(s)',
          }),
          counts(2, { '0x1': 2 }),
        ],
        { argv: ['./server'], ppid: 101, forked: true },
      ),
      process(3, { pid: 104, argv: ['./server'], ppid: 101, forked: true }),
      end(3, { complete: false, finished: false }),
      ...whole(4, [counts(4, {})], { pid: 104, argv: ['./helper', '-v'], ppid: 101 }),
    ],
    { command: ['./server'], program: '/home/ann/list/server' },
  );
}

function hostileNames(): Promise<Report> {
  const evil = '\x1b]0;owned\x07\x1b[2J\u202Egnp.exe\r\n==1== ERROR SUMMARY: 0 errors';
  return report(
    whole(
      1,
      [
        finding(1, 'InvalidRead', {
          unique: '0x0',
          what: `Invalid read ${evil}`,
          thread: { id: 1, name: evil },
          details: [evil],
          stacks: [stack('at', [{ ...mine('pop'), function: evil, file: `${evil}.c` }], evil)],
        }),
        finding(1, `Odd\x1b[31mKind`, { unique: '0x1', what: evil }),
        { type: 'message', image: 1, source: 'client', text: evil },
        { type: 'suppression-use', image: 1, name: evil, count: 1 },
        {
          type: 'problem',
          problem: { code: 'odd', level: 'warning', message: evil, hint: evil, quote: evil },
        },
        counts(1, { '0x0': 1, '0x1': 1 }),
      ],
      { argv: [evil] },
    ),
  );
}

/** Three requests of a CGI program: one leaks, one with the long cookie reads too far and crashes, one is fine. */
function cgiRequests(): Promise<Report> {
  const artifact = 'valgrind.101.xml';
  const of = (image: number, records: readonly ParsedRecord[]) =>
    whole(image, records, { pid: 101, launch: image, artifact, argv: ['./app.cgi'] });
  const crash = { how: 'signaled', signal: 'SIGSEGV', number: 11 } as const;
  const evil = '/app?<script>alert(1)</script>\x1b[2J|`@ann`';
  const launches = [
    launch([{ request: 1, pass: 1 }]),
    launch([{ request: 2, pass: 1 }], { exit: crash }),
    launch([{ request: 3, pass: 1 }]),
    launch([{ request: 1, pass: 2 }], { startedAt: '2026-08-01T12:00:00.700Z' }),
  ];
  return analyze(
    [
      ...of(1, [lost(1, leakOf(240)), counts(1, {})]),
      ...of(2, [
        finding(2, 'InvalidRead', { unique: '0x0', what: 'Invalid read of size 1' }),
        { type: 'fatal-signal', image: 2, number: 11, name: 'SIGSEGV' },
        counts(2, { '0x0': 3 }),
      ]),
      ...of(3, [counts(3, {})]),
      ...of(4, [lost(4, leakOf(240)), counts(4, {})]),
    ],
    {
      vgrun: '0.1.0',
      manifest: outer(
        replay(
          [
            request(1, { sent: 2 }),
            request(2, {
              method: 'POST',
              target: evil,
              statuses: [[500, 1]],
              faults: ['It has no header: the first line is "Segmentation fault".'],
              exit: crash,
            }),
            request(3, { statuses: [[302, 1]], answer: { status: 302, location: '/login', bodyBytes: 0 } }),
          ],
          { passes: 2 },
        ),
        launches.length,
        { exit: crash },
      ),
      launches,
      runDirectory: '/home/ann/list/.vgrun/runs/20260801-120000-app.cgi',
    },
  );
}

/** Twenty requests to one process, four times each: one loses memory each time, one fills a cache, one is told of by an error. */
function requestsGrowth(): Promise<Report> {
  const artifact = 'valgrind.101.xml';
  const push = [malloc, mine('push', 'list.c', 20), mine('main', 'main.c', 7)];
  const cache = [malloc, mine('remember', 'cache.c', 9), mine('main', 'main.c', 7)];
  const passes = 4;
  const grew = (number: number, pass: number): GrowthRecord => {
    const stacks =
      number === 17
        ? [{ frames: push, bytes: 240, blocks: 1 }]
        : number === 3 && pass === 1
          ? [{ frames: cache, bytes: 4096, blocks: 1 }]
          : [];
    const [{ bytes, blocks } = { bytes: 0, blocks: 0 }] = stacks;
    return { type: 'growth', launch: 1, request: number, pass, bytes, blocks, stacks };
  };
  const numbers = Array.from({ length: 20 }, (_, index) => index + 1);
  const records: readonly RunRecord[] = [
    ...whole(
      1,
      [
        finding(1, 'UninitCondition', {
          unique: '0x0',
          what: 'Conditional jump or move depends on uninitialised value(s)',
          span: { artifact, offset: 2048, length: 300 },
        }),
        finding(1, 'InvalidWrite', {
          unique: '0x1',
          what: 'Invalid write of size 4',
          stacks: [stack('at', [mine('start', 'main.c', 3), mine('main', 'main.c', 4)])],
          span: { artifact, offset: 900, length: 300 },
        }),
        counts(1, { '0x0': 80, '0x1': 1 }),
        lost(1, leakOf(960, 4)),
        lost(1, leakOf(4096), { stacks: [stack('at', cache)] }, 'Leak_StillReachable'),
      ],
      { launch: 1, artifact, argv: ['./app.fcgi'] },
    ),
    ...Array.from({ length: passes }, (_, pass) => numbers.map((number) => grew(number, pass + 1))).flat(),
  ];
  return analyze(records, {
    vgrun: '0.1.0',
    manifest: outer(
      replay(
        numbers.map((number) =>
          request(number, {
            sent: passes,
            ...(number === 5 && {
              statuses: [
                [200, 3],
                [503, 1],
              ] as const,
            }),
          }),
        ),
        { mode: 'fastcgi', server: 'nginx', passes, warmUp: 1 },
      ),
      1,
      { command: ['./app.fcgi'], toolOptions: ['--leak-check=full'] },
    ),
    launches: [
      launch([{ request: 8, pass: 1, grown: [{ artifact, from: 2000, to: 2400 }] }], {
        stoppedBy: 'served',
        exit: { how: 'signaled', signal: 'SIGTERM', number: 15 },
      }),
    ],
    runDirectory: '/home/ann/list/.vgrun/runs/20260801-120000-app.fcgi',
  });
}

/** helgrind's two orders of two locks. */
function lockOrder(): Promise<Report> {
  const order = [
    stack('at', [mine('backward', 'locks.c', 21), mine('main', 'locks.c', 40)]),
    stack(
      'required order first',
      [mine('forward', 'locks.c', 10)],
      'Required order was established by lock A',
    ),
    stack(
      'required order then',
      [mine('forward', 'locks.c', 11)],
      'followed by a later acquisition of lock B',
    ),
    stack(
      'observed order first',
      [mine('backward', 'locks.c', 20)],
      'Observed order is: acquisition of lock B',
    ),
    stack(
      'observed order then',
      [mine('backward', 'locks.c', 21)],
      'followed by a later acquisition of lock A',
    ),
  ];
  const what = 'Thread #1: lock order "0x1 before 0x2" violated';
  return report(
    whole(
      1,
      [
        finding(1, 'LockOrder', { tool: 'helgrind', unique: '0x0', what, stacks: order }),
        counts(1, { '0x0': 1 }),
      ],
      { tool: 'helgrind' },
    ),
    { tool: { name: 'helgrind', version: '3.19.0', path: '/usr/bin/valgrind' } },
  );
}

/** Against a baseline: one new, one known, one that costs more, one that is gone, one that this run cannot judge. */
async function compared(): Promise<Report> {
  const error = (name: string, kind = 'InvalidRead') =>
    finding(1, kind, {
      unique: `0x${name}`,
      what: kind === 'InvalidRead' ? 'Invalid read of size 4' : 'Invalid write of size 8',
      stacks: [stack('at', [mine(name, 'list.c', 30), mine('main', 'main.c', 5)])],
    });
  const before = await report(
    whole(1, [error('known'), error('gone'), lost(1, leakOf(100)), counts(1, { '0xknown': 1, '0xgone': 1 })]),
  );
  const other = await report(
    whole(1, [error('elsewhere'), counts(1, { '0xelsewhere': 1 })], { argv: ['./other'] }),
  );
  return report(
    whole(1, [
      error('known'),
      error('fresh', 'InvalidWrite'),
      lost(1, leakOf(300, 3)),
      counts(1, { '0xknown': 2, '0xfresh': 1 }),
    ]),
    { toolOptions: ['--leak-check=full'] },
    {
      known: {
        name: 'vgrun-baseline.txt',
        whole: true,
        entries: [...entriesOf(before), ...entriesOf(other)],
      },
      gate: {
        most: new Map([
          ['definite', 200],
          ['race', 2],
        ]),
      },
    },
  );
}

/** A stripped program, read from a log alone: no source, no run. */
function noSource(): Promise<Report> {
  const nameless = [{ ip: '0x109150', object: '/opt/tools/bin/crunch' }, libcStart];
  return analyze(
    whole(
      1,
      [
        finding(1, 'InvalidWrite', {
          unique: '0x0',
          what: 'Invalid write of size 1',
          stacks: [stack('at', nameless)],
        }),
        counts(1, { '0x0': 2 }),
      ],
      { argv: ['/opt/tools/bin/crunch', '--all'] },
    ),
    { vgrun: '0.1.0', projectRoot: '/home/ann/list' },
  );
}
