// Owns what is said of waits of which nobody can tell whether they end.
import type { Problem } from '../../model/problem.ts';
import type { Stop } from '../../model/stop.ts';

/** A thread that waits to write may be a reader itself: the lock does not say who reads. */
export function undecidedWaits({ pid, threads, deadlocks = [] }: Stop): readonly Problem[] {
  const told = new Set(deadlocks.flatMap(({ cycle }) => cycle.map(({ waits }) => waits.address)));
  const isUndecided = threads.some(
    ({ waits }) => waits?.readers !== undefined && waits.timeout === undefined && !told.has(waits.address),
  );
  if (!isUndecided) return [];
  return [
    {
      code: 'unknown-readers',
      level: 'warning',
      // Without numbers of threads: of many samples it is said once.
      message:
        'a thread waits to write under a lock that another one, or itself, holds for reading; such a lock does not say who reads: whether it is a deadlock is not known',
      hint: 'look again: vgrun stacks --samples=5 shows whether the thread moves',
      pid,
    },
  ];
}
