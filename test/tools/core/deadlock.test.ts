// What the threads of a real program wait for, and what of that is a deadlock.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Wait } from '../../../src/model/stop.ts';
import { codePlaces, type NameOf } from '../../../src/tools/core/code-places.ts';
import { deadlocksOf, waitOf } from '../../../src/tools/core/deadlock.ts';
import { unwindThread } from '../../../src/tools/core/unwind.ts';
import { canRun } from '../../project.ts';
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

function waitsOf(core: string, options: ImageOptions = {}, names: NameOf | undefined = namesOfSymbols) {
  const image = imageOfCore(core, options);
  const code = codePlaces(image, names);
  return image.threads.map((thread) => {
    const { frames } = unwindThread(code, thread);
    const own = frames.find(({ function: name }) => /^(in_|first_|second_|main)/.test(name ?? ''));
    return { lwp: thread.lwp, own: own?.function, known: waitOf(code, thread, frames) };
  });
}

describe.skipIf(!canRun('gcc'))('threads that wait', () => {
  test('in opposite order for two mutexes are a deadlock of two', () => {
    const program = compile(folder, 'deadlock', gdbExample('deadlock.c'), ['-O0']);
    const core = coreOf(program, ['abort']);
    const threads = waitsOf(core);
    const lwpOf = (name: string): number => threads.find(({ own }) => own === name)?.lwp ?? 0;
    const waits = new Map(
      threads.flatMap(({ lwp, known }) => (known === undefined ? [] : [[lwp, known.wait]])),
    );
    const deadlocks = deadlocksOf(waits);
    expect(deadlocks).toHaveLength(1);
    expect(deadlocks[0]?.cycle.map(({ lwp }) => lwp).sort()).toEqual(
      [lwpOf('first_then_second'), lwpOf('second_then_first')].sort(),
    );
    expect(waits.get(lwpOf('first_then_second'))).toMatchObject({
      kind: 'mutex',
      owner: lwpOf('second_then_first'),
    });
    expect(waits.get(lwpOf('main'))).toMatchObject({ kind: 'thread', owner: lwpOf('first_then_second') });

    const bare = waitsOf(core, { fileOf: () => undefined }, undefined);
    const bareWaits = new Map(
      bare.flatMap(({ lwp, known }) => (known === undefined ? [] : [[lwp, known.wait]])),
    );
    expect(deadlocksOf(bareWaits)).toEqual(deadlocks);
    expect(bare.find(({ lwp }) => lwp === lwpOf('first_then_second'))?.known?.evidence).toMatch(/^No name/);
  });

  test('for locks of each sort say which and who holds it', () => {
    const threads = waitsOf(coreOf(compile(folder, 'waiting', waiting, ['-O0'])));
    const of = (name: string) => threads.find(({ own }) => own === name);
    const main = of('main')?.lwp;
    expect(of('in_mutex')?.known?.wait).toMatchObject({ kind: 'mutex', owner: of('in_mutex')?.lwp });
    expect(of('in_rwlock')?.known?.wait).toMatchObject({ kind: 'rwlock', owner: main });
    expect(of('in_rwlock_to_write')?.known?.wait).toEqual(of('in_rwlock')?.known?.wait);
    expect(of('in_condition')?.known?.wait).toMatchObject({ kind: 'condition' });
    expect(of('in_semaphore')?.known?.wait).toMatchObject({ kind: 'semaphore' });
    expect(of('in_join')?.known?.wait).toMatchObject({ kind: 'thread', owner: of('in_semaphore')?.lwp });
    expect(of('main')?.known).toBeUndefined();
    const waits = new Map(
      threads.flatMap(({ lwp, known }) => (known === undefined ? [] : [[lwp, known.wait]])),
    );
    expect(deadlocksOf(waits).map(({ cycle }) => cycle.map(({ lwp }) => lwp))).toEqual([
      [of('in_mutex')?.lwp],
    ]);
  });
});

test('every thread is in one deadlock at most, and each waits for what the next one holds', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(12), fc.option(fc.nat(12), { nil: undefined }))), (edges) => {
      const waits = new Map(
        edges.map(([lwp, owner]): [number, Wait] => [
          lwp,
          { kind: 'mutex', address: '0x1', ...(owner !== undefined && { owner }) },
        ]),
      );
      const deadlocks = deadlocksOf(waits);
      const members = deadlocks.flatMap(({ cycle }) => cycle.map(({ lwp }) => lwp));
      expect(new Set(members).size).toBe(members.length);
      for (const { cycle } of deadlocks) {
        for (const [index, { waits: wait }] of cycle.entries()) {
          expect(wait.owner).toBe(cycle[(index + 1) % cycle.length]?.lwp);
        }
      }
      // Whoever can be followed back to itself is in one.
      for (const first of waits.keys()) {
        let at: number | undefined = first;
        for (let step = 0; step <= 13 && at !== undefined; step++) {
          at = waits.get(at)?.owner;
          if (at === first) break;
        }
        expect(members.includes(first)).toBe(at === first);
      }
    }),
  );
});
