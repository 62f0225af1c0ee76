// Owns what is said of waits of which nobody can tell whether they end.
import type { Problem } from '../../model/problem.ts';
import type { Stop, StopThread } from '../../model/stop.ts';

export function undecidedWaits({ pid, threads, deadlocks = [] }: Stop): readonly Problem[] {
  const told = new Set(deadlocks.flatMap(({ cycle }) => cycle.map(({ waits }) => waits.address)));
  const undecided = threads.filter(
    ({ waits }) => waits !== undefined && waits.timeout === undefined && !told.has(waits.address),
  );
  // Without numbers of threads: of many samples each is said once.
  return [
    ...(undecided.some(({ waits }) => waits?.readers !== undefined) ? [unknownReaders(pid)] : []),
    ...(undecided.some(isNameless) ? [unknownLocks(pid)] : []),
  ];
}

/** Frames of the C library above a futex. */
const nearFrames = 8;

function isNameless({ waits, frames }: StopThread): boolean {
  return (
    waits?.kind === 'futex' && frames.slice(0, nearFrames).every(({ function: name }) => name === undefined)
  );
}

/** A thread that waits to write may be a reader itself: the lock does not say who reads. */
function unknownReaders(pid: number): Problem {
  return {
    code: 'unknown-readers',
    level: 'warning',
    message:
      'a thread waits to write under a lock that another one, or itself, holds for reading; such a lock does not say who reads: whether it is a deadlock is not known',
    hint: 'look again: vgrun stacks --samples=5 shows whether the thread moves',
    pid,
  };
}

function unknownLocks(pid: number): Problem {
  return {
    code: 'unknown-locks',
    level: 'warning',
    message:
      'a thread waits, and without the names of the C library nobody can tell for what: whether it is a deadlock is not known',
    hint: 'look at a build of the program that was not stripped, or that is linked to the C library as a shared one',
    pid,
  };
}
