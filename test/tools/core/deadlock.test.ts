// What the threads of a real program wait for, and what of that is a deadlock.
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { deadlockSort } from '../../../src/model/deadlock-sort.ts';
import type { Deadlock, Wait } from '../../../src/model/stop.ts';
import { codePlaces, type NameOf } from '../../../src/tools/core/code-places.ts';
import { deadlocksOf, waitsOf } from '../../../src/tools/core/deadlock.ts';
import type { ProcessImage } from '../../../src/tools/core/process-image.ts';
import { unwindThread } from '../../../src/tools/core/unwind.ts';
import { canRun } from '../../project.ts';
import { type StuckMode, startStuck } from '../../stuck-program.ts';
import { compile, coreOf, freshFolder, gdbExample } from './crashed-programs.ts';
import { type ImageOptions, imageOfCore, namesOfSymbols } from './test-image.ts';

const folder = freshFolder();

/** A thread for each sort of lock; main aborts when all wait. */
const waiting = `
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>
static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static pthread_t sleeper;
static void *in_mutex(void *unused) { pthread_mutex_lock(&own); pthread_mutex_lock(&own); return unused; }
static void *in_rwlock(void *unused) { pthread_rwlock_rdlock(&lock); return unused; }
static void *in_rwlock_to_write(void *unused) { pthread_rwlock_wrlock(&lock); return unused; }
static void *in_condition(void *unused) {
  pthread_mutex_lock(&other);
  pthread_cond_wait(&condition, &other);
  return unused;
}
static void *in_semaphore(void *unused) { sem_wait(&semaphore); return unused; }
static void *in_join(void *unused) { pthread_join(sleeper, 0); return unused; }
int main(void) {
  pthread_t thread;
  sem_init(&semaphore, 0, 0);
  pthread_rwlock_wrlock(&lock);
  pthread_create(&sleeper, 0, in_semaphore, 0);
  void *(*starts[])(void *) = {in_mutex, in_rwlock, in_rwlock_to_write, in_condition, in_join};
  for (int index = 0; index < 5; index++) pthread_create(&thread, 0, starts[index], 0);
  usleep(300000);
  abort();
}
`;

interface Seen {
  readonly threads: readonly {
    readonly lwp: number;
    readonly own: string | undefined;
    readonly wait: Wait | undefined;
  }[];
  readonly deadlocks: readonly Deadlock[];
}

function seenIn(
  core: string,
  options: ImageOptions = {},
  names: NameOf | undefined = namesOfSymbols,
  hasAllThreads = true,
): Seen {
  return seenInImage(imageOfCore(core, options), names, hasAllThreads);
}

function seenInImage(
  image: ProcessImage,
  names: NameOf | undefined = namesOfSymbols,
  hasAllThreads = true,
): Seen {
  const code = codePlaces(image, names);
  const stacks = image.threads.map((thread) => ({ thread, ...unwindThread(code, thread) }));
  const mainThread = Math.min(...image.threads.map(({ lwp }) => lwp));
  const { waits, deadlocks } = waitsOf(code, stacks, { hasAllThreads, mainThread });
  const threads = stacks.map(({ thread: { lwp }, frames }) => {
    const own = frames.find(({ function: name }) => /^(in_|first_|second_|main)/.test(name ?? ''));
    return { lwp, own: own?.function, wait: waits.get(lwp) };
  });
  return { threads, deadlocks };
}

const membersOf = (deadlocks: readonly Deadlock[]): readonly (readonly number[])[] =>
  deadlocks.map(({ cycle }) => cycle.map(({ lwp }) => lwp));

describe.skipIf(!canRun('gcc'))('threads that wait', () => {
  test('in opposite order for two mutexes are a deadlock of two', () => {
    const program = compile(folder, 'deadlock', gdbExample('deadlock.c'), ['-O0']);
    const core = coreOf(program, ['abort']);
    const { threads, deadlocks } = seenIn(core);
    const of = (name: string) => threads.find(({ own }) => own === name);
    const [first, second] = [of('first_then_second')?.lwp, of('second_then_first')?.lwp];
    expect(membersOf(deadlocks).map((lwps) => [...lwps].sort())).toEqual([[first, second].sort()]);
    expect(of('first_then_second')?.wait).toMatchObject({ kind: 'mutex', owner: second });
    expect(of('first_then_second')?.wait?.timeout).toBeUndefined();
    expect(of('main')?.wait).toMatchObject({ kind: 'thread', owner: first });

    const bare = seenIn(core, { fileOf: () => undefined }, undefined);
    expect(membersOf(bare.deadlocks)).toEqual(membersOf(deadlocks));
    expect(bare.threads.find(({ lwp }) => lwp === first)?.wait?.evidence).toMatch(/^No name/);
  });

  test('for locks of each sort say which and who holds it', () => {
    const { threads, deadlocks } = seenIn(coreOf(compile(folder, 'waiting', waiting, ['-O0'])));
    const of = (name: string) => threads.find(({ own }) => own === name);
    const main = of('main')?.lwp;
    expect(of('in_mutex')?.wait).toMatchObject({ kind: 'mutex', owner: of('in_mutex')?.lwp });
    expect(of('in_rwlock')?.wait).toMatchObject({ kind: 'rwlock', owner: main });
    expect(of('in_rwlock_to_write')?.wait).toEqual(of('in_rwlock')?.wait);
    expect(of('in_condition')?.wait).toMatchObject({ kind: 'condition' });
    expect(of('in_semaphore')?.wait).toMatchObject({ kind: 'semaphore' });
    expect(of('in_join')?.wait).toMatchObject({ kind: 'thread', owner: of('in_semaphore')?.lwp });
    expect(of('main')?.wait).toBeUndefined();
    expect(membersOf(deadlocks)).toEqual([[of('in_mutex')?.lwp]]);
  });
});

describe.skipIf(!canRun('gcc'))('of threads that stand still', () => {
  let program: string;
  beforeAll(() => {
    program = compile(folder, 'stuck', gdbExample('stuck.c'), ['-O0']);
  });

  const seen = async (mode: StuckMode, hasAllThreads = true): Promise<Seen> => {
    const stuck = await startStuck(program, mode, join(dirname(program), `stuck-${mode}`));
    return seenIn(await stuck.core(), {}, namesOfSymbols, hasAllThreads);
  };
  const sorts = ({ deadlocks }: Seen): readonly string[] => deadlocks.map(deadlockSort);

  test('one waits for a mutex that it holds', async () => {
    expect(sorts(await seen('self'))).toEqual(['own lock']);
  });

  test('one waits for a mutex whose owner has ended, unless it is not known which threads there are', async () => {
    const known = await seen('abandoned');
    expect(sorts(known)).toEqual(['abandoned']);
    const [waiter] = known.threads;
    expect(waiter?.wait).toMatchObject({ kind: 'mutex', isOwnerGone: true });
    expect(waiter?.wait?.owner).toBeGreaterThan(waiter?.lwp ?? 0);
    const unknown = await seen('abandoned', false);
    expect(sorts(unknown)).toEqual([]);
    expect(unknown.threads[0]?.wait?.isOwnerGone).toBeUndefined();
  });

  test('a forked child waits for what stayed behind, but not while the copy of the thread that locked runs', async () => {
    expect(sorts(await seen('forked'))).toEqual(['abandoned']);
    const handed = await seen('handed');
    expect(sorts(handed)).toEqual([]);
    expect(handed.threads.map(({ wait }) => wait?.kind)).toEqual([undefined, 'mutex']);
  });

  test('a mutex with priority inheritance parks who would close the circle, and the other one waits for that thread', async () => {
    const known = await seen('pi');
    expect(sorts(known)).toEqual(['parked']);
    const of = (name: string) => known.threads.find(({ own }) => own === name);
    expect(known.deadlocks[0]?.cycle[0]?.lwp).toBe(of('second_then_first')?.lwp);
    expect(of('first_then_second')?.wait).toMatchObject({
      kind: 'mutex',
      owner: of('second_then_first')?.lwp,
    });
    expect(sorts(await seen('pi-self'))).toEqual(['parked']);
  });

  test('a waiter that got its mutex with priority inheritance, and has not run since, does not wait for itself', async () => {
    const stuck = await startStuck(program, 'pi', join(dirname(program), 'stuck-given'));
    const image = imageOfCore(await stuck.core());
    const known = seenInImage(image);
    const waiter = known.threads.find(({ own }) => own === 'first_then_second');
    const word = BigInt(waiter?.wait?.address ?? 0);
    expect(waiter?.wait?.owner).toBeDefined();
    // Who unlocks writes the number of the next owner there.
    const read = (address: bigint, length: number): Uint8Array => {
      const bytes = Uint8Array.from(image.memory.read(address, length));
      const at = word - address;
      if (at >= 0n && at + 4n <= BigInt(bytes.length)) {
        new DataView(bytes.buffer).setUint32(Number(at), (waiter?.lwp ?? 0) | 0x8000_0000, true);
      }
      return bytes;
    };
    const given = seenInImage({ ...image, memory: { read } });
    const granted = given.threads.find(({ lwp }) => lwp === waiter?.lwp);
    expect(granted?.wait?.owner).toBeUndefined();
    expect(membersOf(given.deadlocks)).toEqual(membersOf(known.deadlocks));
  });

  test('a reader waits to write: a deadlock when it is alone, not known while another thread sleeps', async () => {
    const alone = await seen('upgrade');
    expect(sorts(alone)).toEqual(['readers']);
    expect(alone.threads[0]?.wait).toMatchObject({ kind: 'rwlock', readers: 1 });
    expect(sorts(await seen('upgrade', false))).toEqual([]);
    const beside = await seen('reader');
    expect(sorts(beside)).toEqual([]);
    expect(beside.threads[0]?.wait).toMatchObject({ kind: 'rwlock', readers: 1 });
  });

  test('threads join each other, or want their mutex back after a condition from who joins them', async () => {
    const joins = await seen('joins');
    expect(sorts(joins)).toEqual(['joins']);
    expect(joins.deadlocks[0]?.cycle).toHaveLength(3);
    const relock = await seen('relock');
    expect(sorts(relock)).toEqual(['circle']);
    expect(relock.threads.map(({ wait }) => wait?.kind)).toEqual(['thread', 'mutex']);
  });

  test.each(['timed', 'timedjoin'] as const)('a wait with a timeout ends a circle: %s', async (mode) => {
    const { threads, deadlocks } = await seen(mode);
    expect(deadlocks).toEqual([]);
    expect(threads.filter(({ wait }) => wait?.timeout === 'set')).toHaveLength(1);
    expect(threads.every(({ wait }) => wait?.owner !== undefined)).toBe(true);
  });
});

test('every thread is in one deadlock at most, each waits for what the next one holds, and none has a timeout', () => {
  const edge = fc.tuple(fc.nat(12), fc.option(fc.nat(12), { nil: undefined }), fc.boolean(), fc.nat(3));
  fc.assert(
    fc.property(fc.array(edge), fc.boolean(), (edges, isWholeProcess) => {
      const waits = new Map(
        edges.map(([lwp, owner, isTimed, end]): [number, Wait] => [
          lwp,
          {
            kind: 'mutex',
            address: `0x${lwp}`,
            ...(owner !== undefined && { owner }),
            ...(isTimed && { timeout: 'set' }),
            ...(owner === undefined && end === 1 && { isParked: true }),
            ...(owner === undefined && end === 2 && { readers: 1 }),
          },
        ]),
      );
      const deadlocks = deadlocksOf(waits, isWholeProcess);
      const members = deadlocks.flatMap(({ cycle }) => cycle.map(({ lwp }) => lwp));
      expect(new Set(members).size).toBe(members.length);
      for (const { cycle } of deadlocks) {
        expect(cycle.every(({ waits: { timeout } }) => timeout === undefined)).toBe(true);
        const ends = cycle.filter(({ waits: { owner } }) => owner === undefined);
        if (ends.length > 0) {
          expect(cycle).toHaveLength(1);
          expect(ends[0]?.waits.isParked === true || isWholeProcess).toBe(true);
          continue;
        }
        for (const [index, { waits: wait }] of cycle.entries()) {
          expect(wait.owner).toBe(cycle[(index + 1) % cycle.length]?.lwp);
        }
      }
      // Whoever can be followed back to itself is in one.
      for (const [first, wait] of waits) {
        let at: number | undefined = first;
        for (let step = 0; step <= 13 && at !== undefined; step++) {
          const next = waits.get(at);
          at = next?.timeout === undefined ? next?.owner : undefined;
          if (at === first) break;
        }
        const isEnd =
          wait.timeout === undefined &&
          (wait.isParked === true || (isWholeProcess && wait.readers !== undefined));
        expect(members.includes(first)).toBe(at === first || isEnd);
      }
    }),
  );
});
