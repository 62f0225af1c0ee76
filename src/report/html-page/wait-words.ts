// What reports say of threads that wait: for what, on whom, and whether anybody can end it. Nothing here is escaped yet.
import { type DeadlockSort, deadlockSort } from '../../model/deadlock-sort.ts';
import type { ReportStopFrame, ReportStopThread } from '../../model/report.ts';
import type { Deadlock, Wait } from '../../model/stop.ts';
import { type ThreadGroup, threadTitle } from './stop-words.ts';
import { counted } from './words.ts';

const kindWords: Readonly<Record<Wait['kind'], string>> = {
  mutex: 'mutex',
  rwlock: 'read-write lock',
  condition: 'condition variable',
  thread: 'the end of lwp',
  semaphore: 'semaphore',
  futex: 'futex',
};

/** Of several that are different, with their number. */
const pluralWords: Readonly<Record<Wait['kind'], (count: number) => string>> = {
  mutex: (count) => counted(count, 'mutex', 'mutexes'),
  rwlock: (count) => counted(count, 'read-write lock'),
  condition: (count) => counted(count, 'condition variable'),
  thread: (count) => (count === 1 ? 'the end of 1 thread' : `the ends of ${count} threads`),
  semaphore: (count) => counted(count, 'semaphore'),
  futex: (count) => counted(count, 'futex', 'futexes'),
};

type Threads = readonly ReportStopThread[];

/** The thread with an lwp, by its title. */
function threadNamed(lwp: number, threads: Threads): string {
  const thread = threads.find((each) => each.lwp === lwp);
  return thread === undefined ? `lwp ${lwp}` : threadTitle(thread);
}

/** `mutex m1 (0x4040a0)`, `the end of thread 3 "b"`, `a mutex that it can never get`. */
function targetText({ kind, address, name, isParked }: Wait, threads: Threads): string {
  if (isParked === true) return 'a mutex that it cannot get, in pthread_mutex_lock for ever';
  if (kind === 'thread' && /^\d+$/.test(address))
    return `the end of ${threadNamed(Number(address), threads)}`;
  return `${kindWords[kind]} ${name === undefined ? address : `${name} (${address})`}`;
}

/** `, which thread 3 "b" holds`; empty where nobody is known to. */
function holderText({ kind, owner, isOwnerGone, readers }: Wait, threads: Threads): string {
  if (readers !== undefined) {
    return `, which ${counted(readers, 'reader')} ${readers === 1 ? 'holds' : 'hold'}: it does not say which ${readers === 1 ? 'thread that is' : 'threads these are'}`;
  }
  if (owner === undefined || kind === 'thread') return '';
  if (isOwnerGone === true) return `, whose owner, lwp ${owner}, is no thread of the process`;
  return threads.some(({ lwp }) => lwp === owner)
    ? `, which ${threadNamed(owner, threads)} holds`
    : `, whose owner, lwp ${owner}, is none of these threads`;
}

const timeoutWords = { set: ', with a timeout', unknown: ', perhaps with a timeout' } as const;

function timeoutText({ timeout }: Wait): string {
  return timeout === undefined ? '' : timeoutWords[timeout];
}

/** `waits for mutex m1 (0x4040a0), which thread 3 "b" holds, with a timeout`; empty for a thread that waits for nothing. */
export function waitSentence({ waits }: ReportStopThread, threads: Threads): string {
  if (waits === undefined) return '';
  return `waits for ${targetText(waits, threads)}${holderText(waits, threads)}${timeoutText(waits)}`;
}

/** How many different things a row names before it only counts them. */
const mostNamed = 2;

/** `waits for mutex m1 of thread 3`, of threads with equal stacks; empty when they wait for nothing. */
export function groupWait({ threads }: ThreadGroup, all: Threads): string {
  const waits = threads.flatMap(({ waits: each }) => each ?? []);
  if (waits.length === 0) return '';
  const byText = new Map(waits.map((wait) => [briefText(wait, all), wait]));
  const who = waits.length === threads.length ? '' : `of which ${waits.length} `;
  const verb = waits.length === 1 ? 'waits' : 'wait';
  const targets =
    byText.size <= mostNamed ? [...byText.keys()].join(' and ') : countedKinds([...byText.values()]);
  return `${who}${verb} for ${targets}`;
}

/** `3 mutexes and the ends of 2 threads` */
function countedKinds(waits: readonly Wait[]): string {
  const targets = new Map(waits.map((wait) => [`${wait.kind} ${wait.address}`, wait.kind]));
  const counts = new Map<Wait['kind'], number>();
  for (const kind of targets.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const parts = [...counts].map(([kind, count]) => pluralWords[kind](count));
  const last = parts.pop() ?? '';
  return parts.length === 0 ? last : `${parts.join(', ')} and ${last}`;
}

/** `mutex m1 of thread 3 with a timeout` */
function briefText(wait: Wait, all: Threads): string {
  const { kind, address, name, owner, isOwnerGone, isParked, readers } = wait;
  const timeout = timeoutText(wait).replace(',', '');
  if (isParked === true) return `a mutex that cannot be had${timeout}`;
  if (kind === 'thread') {
    const ending = all.find(({ lwp }) => String(lwp) === address);
    return `the end of ${ending === undefined ? `lwp ${address}` : `thread ${ending.number}`}${timeout}`;
  }
  const target = `${kindWords[kind]} ${name ?? address}`;
  const holder = all.find(({ lwp }) => lwp === owner);
  if (isOwnerGone === true) return `${target}, whose owner is gone`;
  if (readers !== undefined) return `${target} of ${counted(readers, 'reader')}${timeout}`;
  const of =
    holder === undefined ? (owner === undefined ? '' : ` of lwp ${owner}`) : ` of thread ${holder.number}`;
  return `${target}${of}${timeout}`;
}

/** One thread of a deadlock: it waits for what the next one holds. */
export interface DeadlockStep {
  readonly thread: string;
  readonly wait: string;
  /** It waits for the end of the next thread, not for what that holds; or there is no next one. */
  readonly isForLock: boolean;
  /** Where in my code, else where it stands; undefined when its frames are not known. */
  readonly frame: ReportStopFrame | undefined;
}

/** The threads of a cycle in order; the last waits for what the first holds. Of other sorts than circles there is one. */
export function deadlockSteps(deadlock: Deadlock, threads: Threads): readonly DeadlockStep[] {
  const isRing = isCircle(deadlock);
  return deadlock.cycle.map(({ lwp, waits }) => {
    const thread = threads.find((each) => each.lwp === lwp);
    return {
      thread: threadNamed(lwp, threads),
      wait: `${targetText(waits, threads)}${isRing ? '' : holderText(waits, threads)}`,
      isForLock: isRing && waits.kind !== 'thread',
      frame: thread && tellingStopFrame(thread),
    };
  });
}

const titles: Readonly<Record<DeadlockSort, string>> = {
  circle: 'They wait for each other',
  joins: 'They wait for each other to end',
  'own lock': 'It waits for itself',
  abandoned: 'It waits for what nobody releases',
  parked: 'It waits for what nobody releases',
  readers: 'It waits for what nobody releases',
};

/** What stands above its threads, without a colon. */
export function deadlockTitle(deadlock: Deadlock): string {
  return titles[deadlockSort(deadlock)];
}

/** The last thread of it waits for the first one. */
export function isCircle(deadlock: Deadlock): boolean {
  const sort = deadlockSort(deadlock);
  return sort === 'circle' || sort === 'joins' || sort === 'own lock';
}

/** The blamed frame, else the innermost that has a name. */
function tellingStopFrame({ frames, blamed }: ReportStopThread): ReportStopFrame | undefined {
  if (blamed !== undefined) return frames[blamed];
  return frames.find(({ function: name }) => name !== undefined) ?? frames[0];
}
