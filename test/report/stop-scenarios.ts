// Stop logs behind test/golden, made up by hand: what gdb, the reader of cores and the sampler write for each of these cases.
import { analyze } from '../../src/analyze/index.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import type { Report } from '../../src/model/report.ts';
import type { RunManifest } from '../../src/model/run.ts';
import type { Stop, StopFrame, StopThread } from '../../src/model/stop.ts';
import { stopLogReader } from '../../src/tools/gdb/stop-log.ts';
import { manifest } from '../analyze/records.ts';

/** Name of the golden folder, and the report in it. */
export const stopScenarios: ReadonlyMap<string, () => Promise<Report>> = new Map([
  ['stops-crash', crash],
  ['stops-deadlock', deadlock],
  ['stops-samples', samples],
  ['stops-probes', probes],
  ['stops-core-without-symbols', coreWithoutSymbols],
  ['stops-exception', exception],
]);

/** The lines of a log, one object each. */
export function logText(tool: string, lines: readonly object[]): string {
  const head = { type: 'log', format: 'vgrun-stops', version: 1, tool, toolVersion: '13.1' };
  return [head, ...lines, { type: 'end' }].map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** The records of a log, which arrives in pieces. */
export async function recordsOfLog(text: string, piece = 64 * 1024): Promise<ParsedRecord[]> {
  const bytes = Buffer.from(text);
  async function* source() {
    for (let from = 0; from < bytes.length; from += piece) yield bytes.subarray(from, from + piece);
  }
  let images = 0;
  const records: ParsedRecord[] = [];
  const context = {
    artifact: 'gdb.stops.jsonl',
    nextImage: () => ++images,
    interpreterFor: () => () => {
      throw new Error('a stop log has no errors of valgrind');
    },
  };
  for await (const record of stopLogReader.read(source(), context)) records.push(record);
  return records;
}

export function mine(name: string, file: string, line: number, more: Partial<StopFrame> = {}): StopFrame {
  return {
    ip: `0x${(0x401000 + line).toString(16)}`,
    object: '/home/ann/list/list',
    function: name,
    directory: '/home/ann/list/src',
    file,
    line,
    found: 'unwound',
    trust: 'sure',
    named: 'debug information',
    ...more,
  };
}

export function libc(name: string, more: Partial<StopFrame> = {}): StopFrame {
  return {
    ip: '0x7ffff7e00017',
    object: '/usr/lib/x86_64-linux-gnu/libc.so.6',
    function: name,
    found: 'unwound',
    trust: 'sure',
    named: 'exported symbol',
    functionOffset: 23,
    ...more,
  };
}

export function thread(
  number: number,
  frames: readonly StopFrame[],
  more: Partial<StopThread> = {},
): StopThread {
  return { number, lwp: 100 + number, frames, end: 'whole', ...more };
}

export function stop(number: number, cause: Stop['cause'], more: Partial<Stop>): object {
  return { type: 'stop', number, cause, pid: 101, threads: [], ...more };
}

const started = { type: 'process', pid: 101, argv: ['./list', '--deep'], how: 'start' };

async function report(tool: string, lines: readonly object[], run?: Partial<RunManifest>): Promise<Report> {
  return analyze(await recordsOfLog(logText(tool, lines)), {
    vgrun: '0.1.0',
    ...(run === undefined
      ? { projectRoot: '/home/ann/list' }
      : {
          manifest: manifest({ tool: { name: tool, version: '13.1', path: '/usr/bin/gdb' }, ...run }),
          runDirectory: '/home/ann/list/.vgrun/runs/20260801-120000-list',
        }),
  });
}

async function crash(): Promise<Report> {
  const worker = [
    libc('poll'),
    mine('loop', 'loop.c', 12),
    mine('worker', 'loop.c', 40),
    libc('start_thread'),
  ];
  const made = await report(
    'gdb',
    [
      started,
      stop(1, 'signal', {
        ms: 120.5,
        signal: {
          number: 11,
          name: 'SIGSEGV',
          code: 1,
          codeName: 'SEGV_MAPERR',
          address: '0x8',
        },
        fault: {
          operation: 'write',
          size: 4,
          address: '0x8',
          pointer: 'near null',
          text: 'rax is NULL: it wrote 4 bytes at 0x8, a member of what it should point to.',
        },
        disassembly: {
          from: 'memory',
          current: 1,
          lines: [
            { address: '0x401010', text: 'mov    -0x8(%rbp),%rax' },
            { address: '0x401014', text: 'mov    %edx,0x8(%rax)' },
            { address: '0x401017', text: 'pop    %rbp' },
          ],
        },
        threads: [
          thread(
            1,
            [
              mine('push', 'list.c', 20, {
                found: 'innermost',
                variables: [
                  { name: 'l', value: '0x0', type: 'struct list *', isArgument: true },
                  { name: 'v', value: '3', type: 'int', isArgument: true },
                  { name: 'password', value: '0x4052a0 "hunter2"', type: 'char *' },
                ],
              }),
              mine('fill', 'list.c', 33, {
                variables: [
                  { name: 'n', value: '7', type: 'int', isArgument: true },
                  { name: 'key', value: '42', type: 'int' },
                ],
              }),
              mine('main', 'main.c', 9, { variables: [{ name: 'argc', value: '2', isArgument: true }] }),
              libc('__libc_start_call_main'),
            ],
            {
              name: 'list',
              isCurrent: true,
              registers: [
                { name: 'rax', value: '0x0', pointsTo: 'NULL' },
                { name: 'rsp', value: '0x7fffffffe010', pointsTo: 'stack of thread 1' },
              ],
            },
          ),
          thread(2, worker, { name: 'worker' }),
          thread(3, worker, { name: 'worker' }),
          thread(4, worker, { name: 'worker' }),
          thread(5, [libc('__lll_lock_wait'), mine('write_log', 'log.c', 7)], {
            name: 'log\u001b[2J',
            end: 'limit',
            waits: { kind: 'mutex', address: '0x404060', name: 'log_lock', owner: 102 },
          }),
        ],
        modules: [
          {
            path: '/home/ann/list/list',
            start: '0x400000',
            end: '0x405000',
            buildId: '4f1c',
            file: { path: '/home/ann/list/list', matches: 'yes', symbols: 'debug information' },
          },
        ],
      }),
      { type: 'exit', pid: 101, signal: 11, name: 'SIGSEGV' },
    ],
    { exit: { how: 'signaled', signal: 'SIGSEGV', number: 11 } },
  );
  const excerpt = {
    firstLine: 18,
    lines: ['void push(struct list *l, int v) {', '\tint old = v;', '\tl->last = v;', '}'],
  };
  return { ...made, findings: made.findings.map((finding) => ({ ...finding, excerpt })) };
}

const first = thread(
  2,
  [
    libc('__lll_lock_wait', { found: 'innermost' }),
    mine('pay', 'bank.c', 12),
    mine('run', 'bank.c', 30),
    libc('start_thread'),
  ],
  { name: 'payer', waits: { kind: 'mutex', address: '0x404080', name: 'accounts', owner: 103 } },
);
const second = thread(
  3,
  [libc('__lll_lock_wait', { found: 'innermost' }), mine('close_day', 'bank.c', 24), libc('start_thread')],
  { name: 'closer', waits: { kind: 'mutex', address: '0x4040c0', name: 'ledger', owner: 102 } },
);
const cycle = [
  { lwp: 102, waits: first.waits },
  { lwp: 103, waits: second.waits },
];

function deadlock(): Promise<Report> {
  const main = thread(1, [libc('__futex_wait', { found: 'innermost' }), mine('main', 'main.c', 9)], {
    waits: { kind: 'thread', address: '102' },
  });
  return report('stacks', [
    { ...started, how: 'attach' },
    ...[1, 2].map((number) =>
      stop(number, 'sample', {
        ms: (number - 1) * 200,
        pausedMs: 1.23,
        threads: [main, first, second],
        deadlocks: [{ cycle }] as Stop['deadlocks'] & object,
      }),
    ),
    { type: 'exit', pid: 101, detached: true },
  ]);
}

function samples(): Promise<Report> {
  const idle = [libc('poll', { found: 'innermost' }), mine('main', 'main.c', 9)];
  const at = (name: string, line: number) => [
    mine(name, 'sort.c', line, { found: 'innermost' }),
    mine('work', 'work.c', 20),
    libc('start_thread'),
  ];
  const places = [at('swap', 7), at('compare', 12), at('swap', 7), at('swap', 8), at('swap', 7)];
  return report('stacks', [
    { ...started, how: 'attach' },
    ...places.map((frames, index) =>
      stop(index + 1, 'sample', {
        ms: index * 200,
        pausedMs: 0.8 + index / 10,
        threads: [
          thread(1, idle, { name: 'list' }),
          thread(2, frames, { name: 'sorter' }),
          thread(3, idle),
          thread(4, idle),
        ],
      }),
    ),
    { type: 'exit', pid: 101, detached: true },
  ]);
}

function probes(): Promise<Report> {
  const hits = Array.from({ length: 60 }, (_, index) =>
    stop(index + 1, 'probe', {
      ms: 10 + index,
      threads: [
        thread(
          1,
          index === 0 ? [mine('push', 'list.c', 20, { found: 'innermost' }), mine('main', 'main.c', 9)] : [],
        ),
      ],
      probe: {
        probe: 1,
        place: 'list.c:20 if v > 3',
        hit: index + 1,
        values: [
          { expression: 'v', value: String(index + 4) },
          index % 2 === 0
            ? { expression: 'l->head->next', error: 'Cannot access memory at address 0x0' }
            : { expression: 'token', value: '0x4052a0 "abc"' },
        ],
        ...(index === 1 && { changes: [{ expression: 'v', value: '100' }] }),
      },
    }),
  );
  return report('gdb', [started, ...hits, { type: 'exit', pid: 101, code: 0 }], {});
}

function coreWithoutSymbols(): Promise<Report> {
  const bare = (object: string, offset: string, more: Partial<StopFrame> = {}): StopFrame => ({
    ip: `0x7f00000${offset.slice(2).padStart(5, '0')}`,
    object,
    offset,
    found: 'unwound',
    trust: 'sure',
    ...more,
  });
  const scanned = {
    found: 'scanned',
    trust: 'doubtful',
    doubt: 'a word on the stack that is a return address behind a call',
  } as const;
  return report('core', [
    { ...started, how: 'core' },
    stop(1, 'signal', {
      core: 'core.101',
      signal: {
        number: 6,
        name: 'SIGABRT',
        code: -6,
        codeName: 'SI_TKILL',
        sender: { pid: 101, uid: 1000, who: 'itself' },
      },
      threads: [
        thread(
          1,
          [
            libc('abort', { found: 'innermost' }),
            bare('/srv/app/server', '0x4344f'),
            bare('/srv/app/server', '0x5e10', { named: 'range', function: 'server+0x5e00' }),
            bare('/srv/app/plugin.so', '0x1127', {
              found: 'frame pointer',
              trust: 'likely',
              doubt: 'the chain of frame pointers leads here',
            }),
            bare('/srv/app/server', '0x2210', scanned),
            libc('qsort_r', scanned),
          ],
          { isCurrent: true, end: 'damaged' },
        ),
      ],
      modules: [{ path: '/srv/app/server', start: '0x7f0000000000', end: '0x7f0000080000', buildId: 'aa11' }],
    }),
  ]);
}

/** The text has what could steer a terminal or start a tag. */
function exception(): Promise<Report> {
  return report('core', [
    { ...started, how: 'core' },
    stop(1, 'signal', {
      core: 'core.101',
      signal: {
        number: 6,
        name: 'SIGABRT',
        code: -6,
        codeName: 'SI_TKILL',
        sender: { pid: 101, uid: 1000, who: 'itself' },
      },
      exception: {
        type: 'store::NoTable<char>',
        text: "no table `users`\n\u001b[31min <db> & |'shop'|",
      },
      threads: [
        thread(
          1,
          [
            libc('abort', { found: 'innermost' }),
            libc('std::terminate()', { object: '/usr/lib/x86_64-linux-gnu/libstdc++.so.6' }),
            libc('__cxa_throw', { object: '/usr/lib/x86_64-linux-gnu/libstdc++.so.6' }),
            mine('find', 'list.c', 20),
            mine('main', 'main.c', 7),
          ],
          { isCurrent: true },
        ),
      ],
    }),
  ]);
}
