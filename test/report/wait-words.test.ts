// What a report says of threads that wait: whom they wait for, and several of them in one row.
import { describe, expect, test } from 'vitest';
import type { ReportStopThread } from '../../src/model/report.ts';
import type { Wait } from '../../src/model/stop.ts';
import {
  deadlockSteps,
  deadlockTitle,
  groupWait,
  isCircle,
  waitSentence,
} from '../../src/report/html-page/wait-words.ts';

const thread = (number: number, waits?: Wait): ReportStopThread => ({
  number,
  lwp: 100 + number,
  frames: [],
  end: 'whole',
  ...(waits !== undefined && { waits }),
});
const mutex = (address: string, rest: Partial<Wait> = {}): Wait => ({ kind: 'mutex', address, ...rest });
const join = (lwp: number): Wait => ({ kind: 'thread', address: String(lwp), owner: lwp });

describe('of one thread it is said', () => {
  const sentence = (waits: Wait): string => waitSentence(thread(1, waits), [thread(1, waits), thread(2)]);

  test.each([
    [mutex('0x40', { owner: 102 }), 'waits for mutex 0x40, which thread 2 holds'],
    [
      mutex('0x40', { owner: 102, timeout: 'set' }),
      'waits for mutex 0x40, which thread 2 holds, with a timeout',
    ],
    [mutex('0x40', { timeout: 'unknown' }), 'waits for mutex 0x40, perhaps with a timeout'],
    [
      mutex('0x40', { owner: 190, isOwnerGone: true }),
      'waits for mutex 0x40, whose owner, lwp 190, is no thread of the process',
    ],
    [mutex('0x40', { owner: 190 }), 'waits for mutex 0x40, whose owner, lwp 190, is none of these threads'],
    [
      mutex('0x7ff', { isParked: true }),
      'waits for a mutex that it cannot get, in pthread_mutex_lock for ever',
    ],
    [
      { kind: 'rwlock', address: '0x40', readers: 2 },
      'waits for read-write lock 0x40, which 2 readers hold: it does not say which threads these are',
    ],
    [join(102), 'waits for the end of thread 2'],
    [join(190), 'waits for the end of lwp 190'],
  ] as const)('%j', (waits, expected) => {
    expect(sentence(waits)).toBe(expected);
  });
});

describe('of threads with equal stacks it is said', () => {
  const row = (...waits: (Wait | undefined)[]): string => {
    const threads = waits.map((each, index) => thread(index + 1, each));
    return groupWait({ threads }, threads);
  };

  test('which two things they wait for', () => {
    expect(row(mutex('0x40', { owner: 101 }), mutex('0x40', { owner: 101 }))).toBe(
      'wait for mutex 0x40 of thread 1',
    );
    expect(row(mutex('0x40', { owner: 102 }), mutex('0x80', { owner: 101 }))).toBe(
      'wait for mutex 0x40 of thread 2 and mutex 0x80 of thread 1',
    );
  });

  test('how many of each sort, when there are more', () => {
    expect(row(mutex('0x40'), mutex('0x80'), mutex('0xc0'))).toBe('wait for 3 mutexes');
    expect(row(mutex('0x40'), mutex('0x80'), join(101), join(102))).toBe(
      'wait for 2 mutexes and the ends of 2 threads',
    );
  });

  test('how many of them wait', () => {
    expect(row(mutex('0x40'), undefined)).toBe('of which 1 waits for mutex 0x40');
    expect(row(undefined)).toBe('');
  });
});

test('a circle of joins has no locks, and a thread alone no circle', () => {
  const cycle = [
    { lwp: 101, waits: join(102) },
    { lwp: 102, waits: join(101) },
  ];
  const threads = [thread(1), thread(2)];
  expect(deadlockTitle({ cycle })).toBe('They wait for each other to end');
  expect(deadlockSteps({ cycle }, threads).map(({ wait, isForLock }) => ({ wait, isForLock }))).toEqual([
    { wait: 'the end of thread 2', isForLock: false },
    { wait: 'the end of thread 1', isForLock: false },
  ]);
  const alone = { cycle: [{ lwp: 101, waits: mutex('0x40', { owner: 190, isOwnerGone: true as const }) }] };
  expect(isCircle(alone)).toBe(false);
  expect(deadlockTitle(alone)).toBe('It waits for what nobody releases');
});
