// Stops in the report: whose code a frame is, which finding a moment shows, and what must not be shown.
import { expect, test } from 'vitest';
import { withoutSecrets } from '../../src/analyze/confidential.ts';
import { analyze } from '../../src/analyze/index.ts';
import { withoutSecretValues } from '../../src/analyze/stop-secrets.ts';
import type { StopRecord } from '../../src/model/record.ts';
import type { Fault, Stop, StopFrame, Variable } from '../../src/model/stop.ts';
import { libc, logText, mine, recordsOfLog, stop, thread } from '../report/stop-scenarios.ts';
import { counts, end, finding, process, stack, mine as valgrinds } from './records.ts';

const options = { vgrun: '0', projectRoot: '/home/ann/list' };

function moment(more: Partial<Stop>, unique?: string): StopRecord {
  const stop = { number: 1, cause: 'signal', pid: 101, threads: [], ...more } as const;
  return { type: 'stop', image: 1, stop, ...(unique !== undefined && { finding: unique }) };
}

function withVariables(...variables: readonly (readonly [string, string])[]): Stop {
  const values = variables.map(([name, value]): Variable => ({ name, value }));
  return moment({ threads: [thread(1, [mine('f', 'a.c', 1, { variables: values })])] }).stop;
}

test('the blamed frame is the first of mine that is surely there and has a line', async () => {
  const stripped: StopFrame = {
    ip: '0x401000',
    object: '/home/ann/list/list',
    offset: '0x1000',
    found: 'unwound',
    trust: 'sure',
  };
  const doubtful = mine('old', 'old.c', 3, { trust: 'doubtful', found: 'scanned' });
  const { stops } = await analyze(
    [
      process(1),
      moment({
        threads: [
          thread(1, [libc('poll'), doubtful, stripped, mine('push', 'list.c', 20)]),
          thread(2, [libc('poll')]),
        ],
      }),
      end(1),
    ],
    options,
  );
  expect(stops?.[0]?.threads.map(({ blamed }) => blamed)).toEqual([3, undefined]);
  expect(stops?.[0]?.threads[0]?.frames.map(({ owner }) => owner)).toEqual([
    'system',
    'mine',
    'mine',
    'mine',
  ]);
  expect(stops?.[0]?.threads[0]?.frames[3]?.path).toBe('src/list.c');
});

test('an error that gdb saw is the finding with its instruction pointers, and no other', async () => {
  const at = (ip: string, caller: string) => [
    stack('at', [valgrinds('pop', 'list.c', 42, ip), valgrinds('main', 'main.c', 5, caller)]),
  ];
  const seen = (ip: string, caller: string, pid = 101): StopRecord =>
    moment({
      cause: 'error',
      pid,
      threads: [thread(1, [mine('pop', 'list.c', 42, { ip }), mine('main', 'main.c', 5, { ip: caller })])],
    });
  const records = (stopped: StopRecord) => [
    process(1),
    finding(1, 'InvalidRead', { unique: '0x0', stacks: at('0x109171', '0x1091A6') }),
    finding(1, 'InvalidWrite', { unique: '0x1', stacks: at('0x109175', '0x1091A6') }),
    counts(1, { '0x0': 1, '0x1': 1 }),
    stopped,
    end(1),
  ];
  const shown = async (stopped: StopRecord) => {
    const { stops, findings } = await analyze(records(stopped), options);
    return findings.find(({ id }) => id === stops?.[0]?.finding)?.kind;
  };
  // valgrind gives of a caller the address before the one it returns to.
  expect(await shown(seen('0x109171', '0x1091a7'))).toBe('InvalidRead');
  expect(await shown(seen('0x109175', '0x1091a7'))).toBe('InvalidWrite');
  expect(await shown(seen('0x109170', '0x1091a7'))).toBeUndefined();
  expect(await shown(seen('0x109171', '0x1091a9'))).toBeUndefined();
});

test('a signal of an instruction that the process sent itself may be that of a handler: nobody says that no instruction failed', async () => {
  const meaning = async (sender: number, first: ReturnType<typeof mine>) => {
    const signal = { number: 11, name: 'SIGSEGV', code: -6, sender: { pid: sender } };
    const { findings } = await analyze(
      [
        process(1, { tool: 'core' }),
        finding(1, 'SIGSEGV', { tool: 'core', unique: 'stop-1', stacks: [stack('at', [valgrinds('f')])] }),
        moment({ pid: 101, signal, threads: [thread(1, [first, mine('main', 'main.c', 5)])] }, 'stop-1'),
        end(1),
      ],
      options,
    );
    return findings[0]?.meaning;
  };
  const main = mine('main', 'main.c', 5);
  expect(await meaning(101, main)).toMatch(/stood again at the instruction that had failed\.$/);
  expect(await meaning(101, { ...main, function: '__pthread_kill_implementation' })).toMatch(
    /perhaps in a handler/,
  );
  expect(await meaning(1, main)).toMatch(/no instruction of it failed\.$/);
});

test('what the pointer was is said first', async () => {
  const of = async (pointer: Fault['pointer'], threads = [thread(1, [mine('main', 'main.c', 5)])]) => {
    const { findings } = await analyze(
      [
        process(1, { tool: 'gdb' }),
        finding(1, 'SIGSEGV', { tool: 'gdb', unique: 'stop-1', stacks: [stack('at', [valgrinds('f')])] }),
        moment({ fault: { pointer, text: 'It wrote.' }, threads }, 'stop-1'),
        end(1),
      ],
      options,
    );
    return findings[0]?.meaning;
  };
  expect(await of('null')).toMatch(/NULL/);
  expect(await of('freed')).toMatch(/freed/);
  const down = mine('down', 'main.c', 9);
  expect(await of('stack guard', [thread(1, [down, down, down, down])])).toMatch(
    /stack of the thread is full/,
  );
  // One large array is no recursion.
  expect(await of('stack guard')).toMatch(/too small for what the program put on it/);
  expect(await of('privileged')).toMatch(/The processor refused/);
  // Nothing more is known of it than the signal says.
  expect(await of('data')).toMatch(/nothing is mapped/);
});

test('texts of variables that are secrets by name or looks are hidden; numbers and other texts are not', () => {
  const shown = (name: string, value: string) =>
    withoutSecretValues(withVariables([name, value])).threads[0]?.frames[0]?.variables?.[0]?.value;
  expect(shown('password', '0x4052a0 "hunter2"')).toBe('0x4052a0 "***"');
  expect(shown('api_key', '"a\\"b", \'\\000\' <repeats 9 times>')).not.toContain('b"');
  expect(shown('user', '{name = 0x1 "ann", passwd = 0x2 "hunter2", age = 3}')).toBe(
    '{name = 0x1 "ann", passwd = 0x2 "***", age = 3}',
  );
  expect(shown('s', '"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"')).toBe('"***"');
  expect(shown('key', '42')).toBe('42');
  expect(shown('name', '"ann"')).toBe('"ann"');
});

test('asked for, values are shown as they are; a confidential report has none', async () => {
  const records = [
    process(1),
    {
      ...moment({}),
      stop: {
        ...withVariables(['password', '"hunter2"']),
        threads: withVariables(['password', '"hunter2"']).threads.map((each) => ({
          ...each,
          registers: [{ name: 'rax', value: '0x7' }],
        })),
      },
    },
    moment({
      number: 2,
      cause: 'probe',
      probe: {
        probe: 1,
        place: 'a.c:3 if pin == 1234',
        hit: 1,
        values: [{ expression: 'pin', value: '1234' }],
      },
    }),
    end(1),
  ];
  expect(JSON.stringify(await analyze(records, { ...options, secrets: true }))).toContain('hunter2');
  const report = await analyze(records, options);
  expect(JSON.stringify(report)).not.toContain('hunter2');
  const left = JSON.stringify(withoutSecrets(report).stops);
  for (const secret of ['password', '0x7', '1234', '***']) expect(left).not.toContain(secret);
  expect(left).toContain('"function":"f"');
});

test('what an uncaught exception means is said by how std::terminate was reached, and its text is no part of the identity', async () => {
  const exception = { type: 'std::runtime_error', text: 'no such table' } as const;
  const abortBy = async (names: readonly string[], more: Partial<Stop>) => {
    const frames = ['abort', 'std::terminate()', ...names].map((name) => libc(name));
    const log = logText('core', [
      { type: 'process', pid: 101, argv: ['./list'], how: 'core' },
      stop(1, 'signal', {
        signal: { number: 6, name: 'SIGABRT', code: -6, codeName: 'SI_TKILL' },
        threads: [thread(1, [...frames, mine('main', 'main.c', 7)], { isCurrent: true })],
        ...more,
      }),
    ]);
    return analyze(await recordsOfLog(log), options);
  };
  const meaning = async (names: readonly string[], more: Partial<Stop>) =>
    (await abortBy(names, more)).findings[0]?.meaning;
  expect(await meaning(['__cxa_throw'], { exception })).toMatch(/that nobody caught\.$/);
  expect(await meaning(['__gxx_personality_v0'], { exception })).toMatch(/may not throw, such as a noexcept/);
  expect(await meaning(['std::thread::~thread()'], {})).toMatch(/^A std::thread was destroyed/);
  expect(await meaning(['std::thread::~thread()'], { exception: { ...exception, isHandled: true } })).toMatch(
    /^A std::thread was destroyed/,
  );
  expect(await meaning(['__cxa_pure_virtual'], {})).toMatch(/^A pure virtual function was called/);
  expect(await meaning([], {})).toMatch(/^C\+\+ gave up/);
  const [one, other] = [
    await abortBy(['__cxa_throw'], { exception }),
    await abortBy(['__cxa_throw'], { exception: { type: 'int' } }),
  ];
  expect(one.findings[0]?.what).toBe(
    "SIGABRT: terminate called after throwing an instance of 'std::runtime_error': no such table",
  );
  expect(other.findings[0]?.what).toBe("SIGABRT: terminate called after throwing an instance of 'int'");
  expect(other.findings[0]?.fingerprint).toBe(one.findings[0]?.fingerprint);
  const secret = withoutSecrets(one);
  expect(JSON.stringify(secret)).not.toContain('no such table');
  expect(secret.stops?.[0]?.exception).toEqual({ type: 'std::runtime_error' });
  expect(secret.findings[0]?.what).toMatch(/'std::runtime_error'$/);
});
