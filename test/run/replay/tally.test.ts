// What is counted of a replay: passes of a request become one account of it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { worstExit } from '../../../src/model/exit.ts';
import type { CapturedRequest } from '../../../src/model/request.ts';
import type { Exit } from '../../../src/model/run.ts';
import { passesOf, type ReplayPlan } from '../../../src/run/replay/plan.ts';
import { createTally, type PassResult } from '../../../src/run/replay/tally.ts';

const request = (target: string): CapturedRequest => ({
  source: { name: 'a.txt', entry: 1 },
  method: 'GET',
  target,
  scheme: 'http',
  port: 80,
  protocol: 'HTTP/1.1',
  headers: [],
  notes: [],
});

const answered = (status: number, durationMs = 1): PassResult => ({
  warmUp: false,
  durationMs,
  answer: { status, bodyBytes: 3 },
  faults: [],
  unmet: [],
});

describe('a tally', () => {
  test('counts what was sent and answered, by status, and keeps the first answer', () => {
    const tally = createTally([request('/a?token=x'), request('/b')], (target) =>
      target.replace(/=.*/, '=*'),
    );
    for (const status of [200, 500, 500]) tally.add(0, answered(status, status));
    tally.add(0, { warmUp: false, durationMs: 7, faults: [], unmet: [], lost: 'late' });
    expect(tally.requests()).toMatchObject([
      {
        number: 1,
        target: '/a?token=*',
        sent: 4,
        answered: 3,
        statuses: [
          [500, 2],
          [200, 1],
        ],
        answer: { status: 200 },
        lost: ['late'],
        durationMs: 1207,
        slowestMs: 500,
      },
      { number: 2, sent: 0, answered: 0, statuses: [], lost: [] },
    ]);
  });

  test('a pass that warms up is not counted, but what went wrong in it is told', () => {
    const tally = createTally([request('/a')], (target) => target);
    tally.add(0, { ...answered(500), warmUp: true, faults: ['no type'], lost: 'late' });
    expect(tally.requests()[0]).toMatchObject({
      sent: 0,
      answered: 0,
      statuses: [],
      faults: ['no type'],
      lost: ['late'],
    });
  });

  test('the same sentence is told once, and of many only the first few', () => {
    const tally = createTally([request('/a')], (target) => target);
    for (let pass = 0; pass < 40; pass++) {
      tally.add(0, { ...answered(200), faults: [`fault ${pass % 20}`], unmet: ['unmet'], unknown: ['new'] });
    }
    const [only] = tally.requests();
    expect([only?.faults.length, only?.unmet, tally.unknown()]).toEqual([5, ['unmet'], [[1, ['new']]]]);
  });

  test('the worst end of a process that was there for one pass is the end of the request', () => {
    const tally = createTally([request('/a')], (target) => target);
    const exits: readonly Exit[] = [
      { how: 'exited', code: 0 },
      { how: 'exited', code: 3 },
      { how: 'signaled', signal: 'SIGSEGV', number: 11 },
      { how: 'exited', code: 0 },
    ];
    for (const exit of exits) tally.add(0, { ...answered(200), exit });
    expect(tally.requests()[0]?.exit).toMatchObject({ signal: 'SIGSEGV' });
  });
});

const anyExit: fc.Arbitrary<Exit> = fc.oneof(
  fc.record({ how: fc.constant('exited' as const), code: fc.nat(255) }),
  fc.record({
    how: fc.constant('signaled' as const),
    signal: fc.constantFrom('SIGSEGV', 'SIGTERM'),
    number: fc.constantFrom(11, 15),
  }),
  fc.constant<Exit>({ how: 'unknown' }),
);

test('a signal is worse than a status, that worse than what is not known, and success is none of them', () => {
  expect(worstExit([])).toBeUndefined();
  expect(worstExit([undefined, undefined])).toBeUndefined();
  fc.assert(
    fc.property(fc.array(fc.option(anyExit, { nil: undefined })), (exits) => {
      const worst = worstExit(exits);
      const there = exits.filter((exit) => exit !== undefined);
      const failures = there.filter((exit) => exit.how === 'exited' && exit.code !== 0);
      const signals = there.filter((exit) => exit.how === 'signaled');
      const unknown = there.filter((exit) => exit.how === 'unknown');
      const first = [...signals, ...failures, ...unknown, ...there][0];
      expect(worst).toEqual(first);
    }),
  );
});

test('every request is sent once before any is sent again, warm-ups first', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 5 }),
      fc.nat(3),
      (n, passes, warmUp) => {
        const requests = Array.from({ length: n }, (_, at) => request(`/${at}`));
        const all = [...passesOf({ requests, passes, warmUp } as unknown as ReplayPlan)];
        expect(all).toHaveLength(n * (passes + warmUp));
        expect(all.filter(({ pass }) => pass < 1)).toHaveLength(n * warmUp);
        for (const [at, { index, pass }] of all.entries()) {
          expect([index, pass]).toEqual([at % n, 1 - warmUp + Math.floor(at / n)]);
        }
      },
    ),
  );
});
