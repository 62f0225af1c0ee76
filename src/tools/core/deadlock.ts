// Deadlocks, made of what the threads of a process wait for: circles, and waits for what nobody will ever release.
import type { Deadlock, Wait } from '../../model/stop.ts';
import type { CodePlaces } from './code-places.ts';
import { areNumberedAlike, u32In } from './glibc-locks.ts';
import { type KnownWait, type StackOfThread, waitOf } from './thread-wait.ts';

export interface DeadlockContext {
  /** The image has every thread of the process, as it was at one moment. Else nobody can tell that the owner of a lock is gone. */
  readonly hasAllThreads: boolean;
  /** Number of the thread in which the process began, in the namespace in which locks know it; it may have ended. */
  readonly mainThread: number;
}

/** What threads wait for, by lwp, and who can never go on. */
export interface ProcessWaits {
  readonly waits: ReadonlyMap<number, Wait>;
  readonly deadlocks: readonly Deadlock[];
}

/** @param stacks of all threads of the image */
export function waitsOf(
  code: CodePlaces,
  stacks: readonly StackOfThread[],
  context: DeadlockContext,
): ProcessWaits {
  const known = new Map<number, KnownWait>();
  for (const stack of stacks) {
    const found = waitOf(code, stack);
    if (found !== undefined) known.set(stack.thread.lwp, found);
  }
  const lwps = stacks.map(({ thread }) => thread.lwp);
  const canTellWhoIsGone = context.hasAllThreads && areNumberedAlike(code.image.threads, u32In(code.memory));
  const waits = canTellWhoIsGone
    ? withGoneOwners(known, lwps, context.mainThread)
    : new Map([...known].map(([lwp, { wait }]) => [lwp, wait]));
  const isWholeProcess =
    context.hasAllThreads && lwps.every((lwp) => isEndless(waits.get(lwp), known.get(lwp), lwps));
  return { waits, deadlocks: deadlocksOf(waits, isWholeProcess) };
}

/** Marks waits for mutexes that stay locked because their owners are gone. */
function withGoneOwners(
  known: ReadonlyMap<number, KnownWait>,
  lwps: readonly number[],
  mainThread: number,
): ReadonlyMap<number, Wait> {
  const isAbsent = (found: KnownWait | undefined): boolean =>
    found?.isLostWithOwner === true && found.wait.owner !== undefined && !lwps.includes(found.wait.owner);
  // fork(2) leaves all threads behind but the one that called it, which becomes the main thread and has another number than its locks
  // know: these are its own, or of a thread that stayed behind. Numbers go up: they are smaller.
  const isMainStuck = endsNowhere(known, mainThread, isAbsent);
  return new Map(
    [...known].map(([lwp, found]): [number, Wait] => {
      const { wait } = found;
      const isGone = isAbsent(found) && ((wait.owner ?? 0) >= mainThread || isMainStuck);
      return [lwp, isGone ? { ...wait, isOwnerGone: true } : wait];
    }),
  );
}

/** Whether a thread waits for others that wait, and so on, for what nobody releases, or in a circle. */
function endsNowhere(
  known: ReadonlyMap<number, KnownWait>,
  first: number,
  isAbsent: (found: KnownWait | undefined) => boolean,
): boolean {
  const seen = new Set<number>();
  let lwp: number | undefined = first;
  while (lwp !== undefined && !seen.has(lwp)) {
    seen.add(lwp);
    const found = known.get(lwp);
    if (found === undefined || found.wait.timeout !== undefined) return false;
    if (found.wait.isParked === true || isAbsent(found)) return true;
    lwp = found.wait.owner;
  }
  return lwp !== undefined;
}

/** It ends only when another one of these threads goes on. A condition or a semaphore may be told of by a handler of a signal. */
function isEndless(wait: Wait | undefined, known: KnownWait | undefined, lwps: readonly number[]): boolean {
  if (wait === undefined || known === undefined || wait.timeout !== undefined) return false;
  const { kind, owner, isOwnerGone, isParked, readers } = wait;
  if (isParked === true || isOwnerGone === true) return true;
  if (kind === 'thread') return owner !== undefined && lwps.includes(owner);
  if (known.isShared || (kind !== 'mutex' && kind !== 'rwlock')) return false;
  return owner === undefined ? readers !== undefined : lwps.includes(owner);
}

/**
 * @param waits by lwp
 * @param isWholeProcess every thread of the process waits, and each only for what another one of them is to do
 * @returns each cycle once, beginning with its smallest lwp; a thread that waits for what it holds itself, or for what nobody will
 * release, is a cycle of one
 */
export function deadlocksOf(waits: ReadonlyMap<number, Wait>, isWholeProcess: boolean): readonly Deadlock[] {
  const done = new Set<number>();
  const told = new Set<string>();
  const deadlocks: Deadlock[] = [];
  for (const first of [...waits.keys()].sort((left, right) => left - right)) {
    const path: number[] = [];
    let lwp: number | undefined = first;
    while (lwp !== undefined && !done.has(lwp)) {
      done.add(lwp);
      path.push(lwp);
      const wait = waits.get(lwp);
      const isHeldUp = wait?.timeout === undefined && wait?.isOwnerGone !== true;
      lwp = isHeldUp ? wait?.owner : undefined;
    }
    const start = lwp === undefined ? -1 : path.indexOf(lwp);
    // Who waits for a thread of it is on the way to it, and not in it.
    const cycle = start >= 0 ? path.slice(start) : path.slice(-1);
    if (start < 0) {
      const wait = waits.get(cycle[0] as number);
      // Many may wait for one lock that nobody releases.
      if (wait === undefined || !isDeadEnd(wait, isWholeProcess) || told.has(wait.address)) continue;
      told.add(wait.address);
    }
    const turn = cycle.indexOf(Math.min(...cycle));
    const turned = [...cycle.slice(turn), ...cycle.slice(0, turn)];
    deadlocks.push({
      cycle: turned.flatMap((member) => {
        const wait = waits.get(member);
        return wait === undefined ? [] : [{ lwp: member, waits: wait }];
      }),
    });
  }
  return deadlocks;
}

/** A wait that leads to no other thread, and that nobody ends. */
function isDeadEnd(wait: Wait, isWholeProcess: boolean): boolean {
  if (wait.timeout !== undefined) return false;
  if (wait.isParked === true || wait.isOwnerGone === true) return true;
  return isWholeProcess && wait.owner === undefined && wait.readers !== undefined;
}
