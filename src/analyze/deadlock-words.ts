// What is said of a deadlock by its sort: the words of the kind are those of locks that are taken in different orders.
import { type DeadlockSort, deadlockSort } from '../model/deadlock-sort.ts';
import type { Deadlock } from '../model/stop.ts';

interface Words {
  readonly title: string;
  readonly meaning: string;
  readonly advice: string;
  readonly causes: readonly string[];
  readonly fixes: readonly string[];
}

const wordsOfJoins: Words = {
  title: 'Threads wait for each other to end',
  meaning: 'Each of these threads waits for the end of another one of them, so that none of them can go on.',
  advice: 'Let one thread join all others, such as the one that created them.',
  causes: [
    'threads that join the threads that join them',
    'an object that joins its thread in its destructor, and is destroyed by that thread',
  ],
  fixes: ['join in the thread that created them', 'pthread_detach where nobody needs the result'],
};

const wordsWithJoin: Words = {
  title: 'Threads wait for each other',
  meaning:
    'A thread waits for the end of another one, which waits in turn for a lock that nobody can release before: none of these threads can go on.',
  advice: 'Release all locks before you join a thread.',
  causes: [
    'a lock that is held in pthread_join',
    'a destructor that joins a thread while its caller holds a lock',
  ],
  fixes: ['release the lock, then join', 'tell the thread to end by an atomic flag or a condition variable'],
};

const words: Readonly<Partial<Record<DeadlockSort, Words>>> = {
  joins: wordsOfJoins,
  'own lock': {
    title: 'Thread waits for its own lock',
    meaning:
      'The thread locks what it has locked already, and no other one may release it: it never goes on.',
    advice: 'See where it took the lock before: release it there, or do not take it again.',
    causes: [
      'a function that locks is called by one that has the lock',
      'a way out of a function that does not unlock',
      'a callback or a signal handler that runs while the lock is held',
    ],
    fixes: [
      'a version of the inner function for callers that have the lock',
      'std::lock_guard, which unlocks on every way out',
      'PTHREAD_MUTEX_ERRORCHECK while you search',
    ],
  },
  abandoned: {
    title: 'Owner of the mutex is gone',
    meaning:
      'The owner of the mutex is no thread of this process: it ended without unlocking, or stayed behind in the parent at a fork. Nobody may release the mutex.',
    advice: 'Unlock on every way out of the thread that took it, also where it is cancelled.',
    causes: [
      'a thread that returns, is cancelled, or calls pthread_exit while it holds a lock',
      'a fork in a program with threads: the child has the lock, and not the thread that would release it',
    ],
    fixes: [
      'std::lock_guard, or pthread_cleanup_push',
      'exec directly after fork, or pthread_atfork',
      'pthread_mutexattr_setrobust',
    ],
  },
  parked: {
    title: 'Mutex that cannot be had',
    meaning:
      'The kernel refused the wait for a mutex with priority inheritance: the thread holds it itself, its owner has ended, or to wait would have closed a circle. pthread_mutex_lock never returns from that.',
    advice: 'See which locks this thread holds, and what the threads wait for that want these.',
    causes: [
      'locks taken in different orders',
      'a mutex that a thread takes twice',
      'a thread that ended while it held the mutex',
    ],
    fixes: [
      'one order for all locks',
      'PTHREAD_MUTEX_ERRORCHECK: pthread_mutex_lock then returns EDEADLK',
      'pthread_mutexattr_setrobust',
    ],
  },
  readers: {
    title: 'Lock held for reading by a thread that waits',
    meaning:
      'The lock is held for reading, and every thread of the process waits for a lock or for another thread: who reads is among them, or has ended, and never releases it. Often it is the thread itself that waits to write.',
    advice: 'Release the lock before you take it for writing, and look at the data again.',
    causes: [
      'a lock that is taken for reading and then, in the same thread, for writing',
      'a way out of a function that does not unlock',
    ],
    fixes: ['take it for writing at once', 'unlock, lock for writing, and check again'],
  },
};

/** What a deadlock means, and what to do; undefined where the kind says as much. */
export function deadlockWords(deadlock: Deadlock | undefined): Words | undefined {
  if (deadlock === undefined) return undefined;
  const sort = deadlockSort(deadlock);
  if (sort === 'circle') {
    return deadlock.cycle.some(({ waits }) => waits.kind === 'thread') ? wordsWithJoin : undefined;
  }
  return words[sort];
}
