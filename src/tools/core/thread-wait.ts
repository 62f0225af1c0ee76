// What a thread waits for, from the futex that the kernel has it wait on, the names of its frames, and glibc's locks in memory.
import type { StopFrame, Wait } from '../../model/stop.ts';
import type { CodePlaces } from './code-places.ts';
import { FutexOperation, type FutexWait, futexWaitOf } from './futex-wait.ts';
import {
  conditionAt,
  holderOfStream,
  isHeldMutex,
  isLostWithOwner,
  ownerInWord,
  ownerOfMutex,
  rwlockAt,
  threadAtFutex,
  u32In,
} from './glibc-locks.ts';
import type { ImageThread } from './process-image.ts';
import { functionAt, hex } from './stop-frames.ts';
import type { UnwoundStack } from './unwind.ts';

/** A thread and its stack. */
export type StackOfThread = Pick<UnwoundStack, 'frames' | 'states'> & { readonly thread: ImageThread };

/** What one thread waits for, with what only matters for deadlocks. */
export interface KnownWait {
  readonly wait: Wait;
  /** Another process may end it. */
  readonly isShared: boolean;
  /** It is for a mutex that stays locked when its owner ends. */
  readonly isLostWithOwner?: true;
}

/** Frames of the C library above a futex. */
const nearFrames = 8;

/** Functions that wait, by what they wait for. */
const waitingFunctions: readonly (readonly [name: RegExp, kind: Wait['kind']])[] = [
  [/pthread_rwlock_|rwlock_(rd|wr)lock/, 'rwlock'],
  [/pthread_mutex_|mutex_lock_full/, 'mutex'],
  [/pthread_cond_(timed|clock)?wait/, 'condition'],
  [/^_*(new_)?sem_(timed|clock)?wait/, 'semaphore'],
];
const writing = /rwlock_(timed|clock)?wrlock/;
const namesTell = 'The names of its frames tell it.';

/**
 * x86-64 only.
 *
 * @param stack of the thread; its names tell which lock it is. Without names, only locks that say who holds them are found.
 * @returns undefined: it does not wait on a futex
 */
export function waitOf(code: CodePlaces, stack: StackOfThread): KnownWait | undefined {
  const futex = futexWaitOf(code, stack.thread);
  if (futex === undefined) return undefined;
  const { evidence, isLostWithOwner: isLost, ...wait } = foundWait(code, stack, futex);
  const { timeout, isShared } = futex;
  return {
    wait: { ...wait, ...(timeout !== undefined && { timeout }), evidence },
    isShared,
    ...(isLost === true && !isShared && { isLostWithOwner: true }),
  };
}

type FoundWait = Wait & Required<Pick<Wait, 'evidence'>> & { readonly isLostWithOwner?: boolean };

function foundWait(code: CodePlaces, stack: StackOfThread, futex: FutexWait): FoundWait {
  const { threads } = code.image;
  const { address, operation } = futex;
  const u32 = u32In(code.memory);
  const isLive = (lwp: number | undefined): lwp is number => threads.some((other) => other.lwp === lwp);

  const joined = threadAtFutex(address, threads, u32);
  if (joined !== undefined && joined !== stack.thread) {
    return {
      kind: 'thread',
      address: String(joined.lwp),
      owner: joined.lwp,
      evidence: 'The futex is the thread id in the descriptor of the other thread.',
    };
  }
  if (operation === FutexOperation.lockPi || operation === FutexOperation.lockPi2) {
    const owner = ownerInWord(address, u32);
    // Who unlocks gives it to a waiter, which may not have run since. Nobody is made to wait for himself: the kernel refuses that.
    const isGiven = owner === stack.thread.lwp;
    return {
      kind: 'mutex',
      address: hex(address),
      ...(owner !== undefined && !isGiven && { owner }),
      evidence: isGiven
        ? 'It has got the mutex meanwhile (FUTEX_LOCK_PI: the futex is its own id), and has not run since.'
        : 'The kernel lends the owner its priority (FUTEX_LOCK_PI): the futex is the id of the owner.',
    };
  }
  const called = calledFunctions(code, stack.frames);
  switch (kindByName(called, futex)) {
    case 'rwlock':
      return rwlockWait(called, rwlockAt(address, u32, isLive));
    case 'condition':
      return { kind: 'condition', address: hex(conditionAt(address, u32)), evidence: namesTell };
    case 'semaphore':
      return { kind: 'semaphore', address: hex(address), evidence: namesTell };
    case 'mutex': {
      if (isParked(stack, called, futex, u32(address))) {
        return {
          kind: 'mutex',
          address: hex(address),
          isParked: true,
          evidence: 'It waits in pthread_mutex_lock for a word of its own stack, which nobody else knows.',
        };
      }
      const owner = ownerOfMutex(address, u32);
      return {
        kind: 'mutex',
        address: hex(address),
        ...(owner !== undefined && { owner }),
        evidence: 'The names of its frames and the mutex in memory tell it.',
        isLostWithOwner: isLostWithOwner(address, u32),
      };
    }
    default:
      return withoutName(code, futex);
  }
}

/** No name of a frame tells what it waits for. */
function withoutName(
  { image: { threads }, memory }: CodePlaces,
  { address, isLowLevelLock }: FutexWait,
): FoundWait {
  const unknown: FoundWait = {
    kind: 'futex',
    address: hex(address),
    evidence: 'The kernel has it wait on this address.',
  };
  // Any word may be waited on, and what lies behind it may look like a mutex.
  if (!isLowLevelLock) return unknown;
  const u32 = u32In(memory);
  const owner = ownerOfMutex(address, u32);
  if (isHeldMutex(address, u32) && threads.some(({ lwp }) => lwp === owner)) {
    return {
      kind: 'mutex',
      address: hex(address),
      ...(owner !== undefined && { owner }),
      evidence:
        'No name of a frame tells what it waits for; the memory at the futex is like a mutex that a live thread holds.',
    };
  }
  const holder = holderOfStream(address, threads, memory);
  if (holder !== undefined) {
    return {
      kind: 'mutex',
      address: hex(address),
      owner: holder.lwp,
      evidence: 'The memory at the futex is like the lock of a stdio stream that a live thread holds.',
    };
  }
  return unknown;
}

function rwlockWait(called: readonly Called[], lock: ReturnType<typeof rwlockAt>): FoundWait {
  const { address, writer, readers } = lock;
  // A reader beside readers has been let in already, and has only not run since.
  const isWrite = called.some(({ name }) => writing.test(name));
  return {
    kind: 'rwlock',
    address: hex(address),
    ...(writer !== undefined && { owner: writer }),
    ...(isWrite && readers !== undefined && { readers }),
    evidence:
      writer === undefined && readers === undefined
        ? namesTell
        : 'The names of its frames and the lock in memory tell it.',
  };
}

/** A function that is, or was, on the stack. */
interface Called {
  readonly name: string;
  /** Its frame has the next index, or this one: how many frames of the stack are its own or inside of it. */
  readonly depth: number;
}

/** From the innermost. A call tells more than frames do: `sem_wait` jumps on to a function without a name, and is on the stack no more. */
function calledFunctions(code: CodePlaces, frames: readonly StopFrame[]): readonly Called[] {
  return frames.slice(0, nearFrames).flatMap((frame, index): readonly Called[] => [
    { name: calledBy(code, frame), depth: index },
    { name: frame.function ?? '', depth: index + 1 },
  ]);
}

function calledBy(code: CodePlaces, { ip, found }: StopFrame): string {
  if (ip === undefined || found === 'innermost') return '';
  const site = code.callBefore(BigInt(ip));
  return site.kind === 'direct' ? (functionAt(code, code.finalTarget(site.target))?.function ?? '') : '';
}

/** The innermost one counts: a thread that comes out of pthread_cond_wait waits for its mutex. */
function kindByName(called: readonly Called[], futex: FutexWait): Wait['kind'] | undefined {
  for (const { name } of called) {
    const kind = waitingFunctions.find(([pattern]) => pattern.test(name))?.[1];
    if (kind === undefined) continue;
    // What takes the mutex again may have no name.
    return kind === 'condition' && futex.isLowLevelLock ? 'mutex' : kind;
  }
  return undefined;
}

/**
 * Where a mutex cannot be had, and its sort has no error for that, pthread_mutex_lock waits on a variable of its own that stays 0
 * (glibc's nptl/pthread_mutex_lock.c, "Delay the thread indefinitely").
 */
function isParked(
  { thread, states }: StackOfThread,
  called: readonly Called[],
  { address, expected }: FutexWait,
  word: number | undefined,
): boolean {
  const depth = Math.max(...called.flatMap(({ name, depth: own }) => (isOfMutex(name) ? [own] : [])));
  const innermost = thread.registers.get('rsp');
  const caller = states[depth]?.sp;
  if (innermost === undefined || caller === undefined) return false;
  return expected === 0 && word === 0 && address >= innermost && address < caller;
}

function isOfMutex(name: string): boolean {
  return waitingFunctions.find(([pattern]) => pattern.test(name))?.[1] === 'mutex';
}
