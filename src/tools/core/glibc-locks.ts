// Owns what glibc's locks and thread descriptors say of themselves in memory.
//
// Sources, all for x86-64: glibc's sysdeps/nptl/bits/struct_mutex.h, struct_rwlock.h, pthreadtypes.h, nptl/pthreadP.h,
// nptl/pthread_rwlock_common.c and nptl/descr.h.
import type { MemoryWords } from './memory-words.ts';
import type { ImageThread } from './process-image.ts';

/** Bits of the word of robust and priority-inheriting mutexes that are the owner (futex(2), FUTEX_TID_MASK). */
const ownerMask = 0x3fff_ffff;
/** Thread ids are below it (proc(5), pid_max). */
const threadIdLimit = 2 ** 22;
/** More threads than this use no lock at once. */
const mostUsers = 1_000_000;

/** Offsets in a pthread_mutex_t. */
const mutexOwner = 8n;
const mutexUsers = 12n;
const mutexKind = 16n;
/** All bits that PTHREAD_MUTEX_* and the attributes set. */
const kindMask = 0x3ff;
const robustKind = 0x10;
const inheritKind = 0x20;
const sharedKind = 0x80;

/** Offsets in a pthread_rwlock_t: __readers, __wrphase_futex, __writers_futex, __cur_writer. */
const rwlockFutexes = { readers: 0n, writePhase: 8n, writers: 12n } as const;
const currentWriter = 24n;
/** Bits of __readers: PTHREAD_RWLOCK_WRPHASE, and what is above PTHREAD_RWLOCK_READER_SHIFT. */
const writePhaseBit = 1;
const readerShift = 3;

/** Offsets in a pthread_cond_t before 2.41: __wrefs, __g_signals. */
const conditionWaiters = 36n;
const conditionFutexes = 40n;

/** In `struct pthread`, which is at fs_base. */
export const descriptorThreadId = 720n;
/** A thread's id in its descriptor is not far behind fs_base. */
const descriptorSize = 0x1000n;

export type ReadU32 = (address: bigint) => number | undefined;

export function u32In(memory: MemoryWords): ReadU32 {
  return (address) => {
    const value = memory.unsigned(address, 4);
    return value === undefined ? undefined : Number(value);
  };
}

function asThreadId(word: number | undefined): number | undefined {
  const id = (word ?? 0) & ownerMask;
  return id === 0 || id >= threadIdLimit ? undefined : id;
}

/** Of a mutex that another one unlocks at this moment it is missing. */
export function ownerOfMutex(mutex: bigint, u32: ReadU32): number | undefined {
  return asThreadId(u32(mutex + mutexOwner));
}

/** The kernel keeps to it for FUTEX_LOCK_PI, whoever wrote the lock. */
export function ownerInWord(futex: bigint, u32: ReadU32): number | undefined {
  return asThreadId(u32(futex));
}

/** The memory is like a mutex that somebody holds. */
export function isHeldMutex(mutex: bigint, u32: ReadU32): boolean {
  const word = u32(mutex);
  const users = u32(mutex + mutexUsers) ?? 0;
  const kind = u32(mutex + mutexKind);
  if (word === undefined || kind === undefined || (kind & ~kindMask) !== 0) return false;
  if (users === 0 || users >= mostUsers) return false;
  const owner = ownerOfMutex(mutex, u32);
  const isTaken = (kind & (robustKind | inheritKind)) === 0 ? (word & 3) === 2 : (word & ownerMask) === owner;
  return owner !== undefined && isTaken;
}

/** Nobody sees to it that a mutex is released whose owner ends: it is neither robust nor may another process hold it. */
export function isLostWithOwner(mutex: bigint, u32: ReadU32): boolean {
  const kind = u32(mutex + mutexKind) ?? 0;
  return isHeldMutex(mutex, u32) && (kind & (robustKind | inheritKind | sharedKind)) === 0;
}

/** A read-write lock of which one of the futexes is waited on. */
export interface HeldRwlock {
  readonly address: bigint;
  /** The thread that writes. */
  readonly writer?: number;
  /** How many threads read: their number is all that the lock knows. */
  readonly readers?: number;
}

/** @param isLive whether there is a thread of that number */
export function rwlockAt(
  futex: bigint,
  u32: ReadU32,
  isLive: (lwp: number | undefined) => boolean,
): HeldRwlock {
  const { readers, writePhase, writers } = rwlockFutexes;
  // A lock is aligned to 8 bytes.
  const offsets = futex % 8n === 0n ? [writePhase, readers] : [writers];
  for (const offset of offsets) {
    const writer = u32(futex - offset + currentWriter);
    if (writer !== undefined && isLive(writer)) return { address: futex - offset, writer };
  }
  const address = futex - (offsets[0] as bigint);
  const word = u32(address);
  const isRead = word !== undefined && (word & writePhaseBit) === 0 && u32(address + currentWriter) === 0;
  const count = isRead ? word >>> readerShift : 0;
  return { address, ...(count > 0 && count < mostUsers && { readers: count }) };
}

/** Where the condition variable begins that has the futex; newer ones are laid out differently: then the futex stands for it. */
export function conditionAt(futex: bigint, u32: ReadU32): bigint {
  // Each of its two groups of waiters has a futex.
  const start = futex - conditionFutexes - (futex % 8n);
  const waiters = (u32(start + conditionWaiters) ?? 0) >>> 3;
  return waiters > 0 && waiters < mostUsers ? start : futex;
}

/** The thread in whose descriptor a futex is its id, which the kernel clears when it ends. */
export function threadAtFutex(
  futex: bigint,
  threads: readonly ImageThread[],
  u32: ReadU32,
): ImageThread | undefined {
  return threads.find(({ registers, lwp }) => {
    const descriptor = registers.get('fs_base');
    return (
      descriptor !== undefined &&
      futex > descriptor &&
      futex < descriptor + descriptorSize &&
      u32(futex) === lwp
    );
  });
}

/** The thread that holds the lock of a stdio stream, which names its owner by the descriptor (struct _IO_lock_t). */
export function holderOfStream(
  lock: bigint,
  threads: readonly ImageThread[],
  memory: MemoryWords,
): ImageThread | undefined {
  if (u32In(memory)(lock) !== 2) return undefined;
  const descriptor = memory.unsigned(lock + 8n, 8);
  if (descriptor === undefined || descriptor === 0n) return undefined;
  return threads.find(({ registers }) => registers.get('fs_base') === descriptor);
}

/** glibc numbers the threads as they are numbered here: a debugger outside of a container sees other numbers than locks do. */
export function areNumberedAlike(threads: readonly ImageThread[], u32: ReadU32): boolean {
  return threads.every(({ registers, lwp }) => {
    const descriptor = registers.get('fs_base');
    return descriptor !== undefined && u32(descriptor + descriptorThreadId) === lwp;
  });
}
