// What threads wait for, from the futex that the kernel has them wait on and from glibc's locks in memory; and deadlocks made of that.
//
// Sources: futex(2); glibc's sysdeps/nptl/bits/struct_mutex.h, struct_rwlock.h and pthreadtypes for x86-64: a pthread_mutex_t has
// __lock at 0, __owner at 8, __kind at 16; a pthread_rwlock_t __wrphase_futex at 8, __writers_futex at 12, __cur_writer at 24;
// a pthread_cond_t (before 2.41) __wrefs at 36, __g_signals at 40.
import type { Deadlock, StopFrame, Wait } from '../../model/stop.ts';
import type { CodePlaces } from './code-places.ts';
import type { ImageThread } from './process-image.ts';
import { functionAt, hex } from './stop-frames.ts';

/** What one thread waits for, and how that is known: one sentence. */
export interface KnownWait {
  readonly wait: Wait;
  readonly evidence: string;
}

const futexCall = 202n;
const waitOperations = new Set([0, 6, 9, 11, 13]);
/** Frames of the C library above a futex. */
const nearFrames = 8;
/** A thread's `struct pthread` is at fs_base; its tid is not far behind. */
const threadDescriptorSize = 0x1000n;
/** Bits of the futex word of robust and priority-inheriting mutexes that are the owner (futex(2), FUTEX_TID_MASK). */
const ownerMask = 0x3fff_ffff;

/**
 * x86-64 only.
 *
 * @param frames of the thread; their names tell which lock it is. Without names, only locks that say who holds them are found.
 * @returns undefined: it does not wait on a futex, or on one of which nothing is known but its address and nobody's lock is there
 */
export function waitOf(
  code: CodePlaces,
  thread: ImageThread,
  frames: readonly StopFrame[],
): KnownWait | undefined {
  const futex = futexOf(code, thread);
  if (futex === undefined) return undefined;
  const names = frames.slice(0, nearFrames).flatMap((frame) => [frame.function ?? '', calledBy(code, frame)]);
  const has = (pattern: RegExp): boolean => names.some((name) => pattern.test(name));
  const u32 = (address: bigint): number | undefined => {
    const value = code.memory.unsigned(address, 4);
    return value === undefined ? undefined : Number(value);
  };
  const threads = code.image.threads;
  const isLive = (lwp: number | undefined): lwp is number =>
    lwp !== undefined && threads.some((other) => other.lwp === lwp);

  const joined = threads.find((other) => {
    const descriptor = other.registers.get('fs_base');
    return (
      other !== thread &&
      descriptor !== undefined &&
      futex > descriptor &&
      futex < descriptor + threadDescriptorSize &&
      u32(futex) === other.lwp
    );
  });
  if (joined !== undefined) {
    return {
      wait: { kind: 'thread', address: String(joined.lwp), owner: joined.lwp },
      evidence: 'The futex is the thread id in the descriptor of the other thread.',
    };
  }
  if (has(/pthread_rwlock_|rwlock_(rd|wr)lock/)) return rwlockWait(futex, u32, isLive);
  if (has(/pthread_cond_(timed|clock)?wait/)) return conditionWait(futex, u32);
  if (has(/^_*(new_)?sem_(timed|clock)?wait/)) {
    return named('semaphore', futex);
  }
  if (has(/pthread_mutex_|mutex_lock_full/)) {
    const owner = mutexOwner(futex, u32);
    return {
      wait: { kind: 'mutex', address: hex(futex), ...(owner !== undefined && { owner }) },
      evidence: 'The names of its frames and the mutex in memory tell it.',
    };
  }
  const owner = mutexOwner(futex, u32);
  // 2: locked, and somebody waits.
  const isLocked = u32(futex) === 2 || ((u32(futex) ?? 0) & ownerMask) === owner;
  if (isLocked && isLive(owner)) {
    return {
      wait: { kind: 'mutex', address: hex(futex), owner },
      evidence:
        'No name of a frame tells what it waits for; the memory at the futex is like a mutex that a live thread holds.',
    };
  }
  // stdio's locks name their owner by its descriptor (struct _IO_lock_t).
  const descriptor = code.memory.unsigned(futex + 8n, 8);
  const holder = threads.find(
    ({ registers }) => descriptor !== undefined && registers.get('fs_base') === descriptor,
  );
  if (u32(futex) === 2 && holder !== undefined) {
    return {
      wait: { kind: 'mutex', address: hex(futex), owner: holder.lwp },
      evidence: 'The memory at the futex is like the lock of a stdio stream that a live thread holds.',
    };
  }
  return named('futex', futex);
}

/** What the call of a frame goes to: `sem_wait` jumps on to a function without a name, and is on the stack no more. */
function calledBy(code: CodePlaces, { ip, found }: StopFrame): string {
  if (ip === undefined || found === 'innermost') return '';
  const site = code.callBefore(BigInt(ip));
  return site.kind === 'direct' ? (functionAt(code, code.finalTarget(site.target))?.function ?? '') : '';
}

function named(kind: Wait['kind'], address: bigint): KnownWait {
  const evidence =
    kind === 'futex' ? 'The kernel has it wait on this address.' : 'The names of its frames tell it.';
  return { wait: { kind, address: hex(address) }, evidence };
}

/** @returns the address on which the kernel has the thread wait. */
function futexOf(code: CodePlaces, thread: ImageThread): bigint | undefined {
  const { registers } = thread;
  const call = registers.get('orig_rax');
  const address = registers.get('rdi');
  const pc = registers.get('rip');
  if (code.image.machine !== 'x86-64' || call !== futexCall || address === undefined || pc === undefined) {
    return undefined;
  }
  const operation = Number((registers.get('rsi') ?? 0n) & 0x7fn);
  if (!waitOperations.has(operation)) return undefined;
  const [first, second] = code.readCode(pc - 2n, 2);
  // `syscall`; where the code is not known, orig_rax alone must do.
  const isInCall = first === undefined || (first === 0x0f && second === 0x05);
  return isInCall && address !== 0n && address % 4n === 0n ? address : undefined;
}

type ReadU32 = (address: bigint) => number | undefined;

function mutexOwner(mutex: bigint, u32: ReadU32): number | undefined {
  const owner = (u32(mutex + 8n) ?? 0) & ownerMask;
  return owner === 0 ? undefined : owner;
}

function rwlockWait(futex: bigint, u32: ReadU32, isLive: (lwp: number | undefined) => boolean): KnownWait {
  for (const offset of [8n, 12n, 0n]) {
    const writer = u32(futex - offset + 24n);
    if (writer === undefined || !isLive(writer)) continue;
    return {
      wait: { kind: 'rwlock', address: hex(futex - offset), owner: writer },
      evidence: 'The names of its frames and the lock in memory tell it.',
    };
  }
  // Held by readers, of which the lock keeps a number only. Both futexes of the lock are in its second 8 bytes.
  return named('rwlock', futex - 8n - (futex % 8n));
}

function conditionWait(futex: bigint, u32: ReadU32): KnownWait {
  // Each group of waiters has its futex; a lock is aligned to 8 bytes.
  const start = futex - 40n - (futex % 8n);
  const waiters = (u32(start + 36n) ?? 0) >>> 3;
  // Newer ones are laid out differently: then the futex stands for it.
  const isLaidOut = waiters > 0 && waiters < 1_000_000;
  return named('condition', isLaidOut ? start : futex);
}

/**
 * @param waits by lwp
 * @returns each cycle once, beginning with its smallest lwp; a thread that waits for what it holds itself is a cycle of one
 */
export function deadlocksOf(waits: ReadonlyMap<number, Wait>): readonly Deadlock[] {
  const done = new Set<number>();
  const deadlocks: Deadlock[] = [];
  for (const first of [...waits.keys()].sort((left, right) => left - right)) {
    const path: number[] = [];
    let lwp: number | undefined = first;
    while (lwp !== undefined && !done.has(lwp)) {
      done.add(lwp);
      path.push(lwp);
      lwp = waits.get(lwp)?.owner;
    }
    const start = lwp === undefined ? -1 : path.indexOf(lwp);
    if (start < 0) continue;
    const cycle = path.slice(start);
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
