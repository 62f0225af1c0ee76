// Owns which sorts of deadlocks there are: each has words of its own.
import type { Deadlock } from './stop.ts';

/**
 * Why nobody goes on. `circle`: each thread holds what another one waits for. `joins`: each waits for the end of another. `own lock`: a
 * thread waits for what it holds itself. `abandoned`: the owner of a mutex is gone. `parked`: the C library gave up on a mutex and never
 * returns. `readers`: a read-write lock is held for reading, and every thread of the process waits.
 */
export type DeadlockSort = 'circle' | 'joins' | 'own lock' | 'abandoned' | 'parked' | 'readers';

export function deadlockSort({ cycle }: Deadlock): DeadlockSort {
  const [only] = cycle;
  if (cycle.length > 1 || only === undefined)
    return cycle.every(({ waits }) => waits.kind === 'thread') ? 'joins' : 'circle';
  const { lwp, waits } = only;
  if (waits.isParked === true) return 'parked';
  if (waits.isOwnerGone === true) return 'abandoned';
  return waits.owner === lwp || waits.readers === undefined ? 'own lock' : 'readers';
}
