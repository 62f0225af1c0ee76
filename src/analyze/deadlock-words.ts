// What is said of a deadlock by its sort: what it means, and what to do.
import { type DeadlockSort, deadlockSort } from '../model/deadlock-sort.ts';
import type { Deadlock } from '../model/stop.ts';

interface Words {
  readonly meaning: string;
  readonly advice: string;
}

const words: Readonly<Record<DeadlockSort, Words>> = {
  circle: {
    meaning:
      'Each of these threads holds a lock for which another one waits, so that none of them can go on.',
    advice: 'Take locks in one and the same order everywhere, or both at once.',
  },
  joins: {
    meaning:
      'Each of these threads waits for the end of another one of them, so that none of them can go on.',
    advice: 'Let one thread join all others, such as the one that created them.',
  },
  'own lock': {
    meaning: 'The thread locks what it has locked already, and only it may unlock that: it never goes on.',
    advice: 'See where it took the lock before: release it there, or do not take it again.',
  },
  abandoned: {
    meaning:
      'The owner of the mutex is no thread of this process: it ended without unlocking, or stayed behind in the parent at a fork. Nobody may unlock it any more.',
    advice: 'Unlock on every way out of the thread that locks, and take no locks with you into a fork.',
  },
  parked: {
    meaning:
      'The kernel refused the wait for a mutex with priority inheritance: the thread holds it itself, its owner has ended, or the wait would have closed a circle. pthread_mutex_lock never returns from that.',
    advice: 'See which locks this thread holds, and what the threads wait for that want these.',
  },
  readers: {
    meaning:
      'The lock is held for reading, and every thread of the process waits for a lock or for another thread: who reads is one of them, often the very thread that waits to write, or has ended.',
    advice: 'Release the lock before you take it for writing, and look at the data again.',
  },
};

const lockAndJoin: Words = {
  meaning:
    'A thread waits for the end of another one, and holds what that one waits for, itself or by way of others: none of these threads can go on.',
  advice: 'Release all locks before you join a thread.',
};

/** What a deadlock means, and what to do. */
export function deadlockWords(deadlock: Deadlock | undefined): Words | undefined {
  if (deadlock === undefined) return undefined;
  const sort = deadlockSort(deadlock);
  const isMixed = sort === 'circle' && deadlock.cycle.some(({ waits }) => waits.kind === 'thread');
  return isMixed ? lockAndJoin : words[sort];
}
