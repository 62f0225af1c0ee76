// What a stop says is wrong: the fatal signal, and threads that wait for each other, as findings.

import { type DeadlockSort, deadlockSort } from '../../model/deadlock-sort.ts';
import { exceptionSentence } from '../../model/exception-sentence.ts';
import type { FindingRecord, Frame, Stack } from '../../model/finding.ts';
import {
  type Deadlock,
  type Stop,
  type StopFrame,
  type StopThread,
  signalFrame,
  type Wait,
} from '../../model/stop.ts';

/** Frames that are kept apart: a log of lies must not fill the memory. */
const mostFrames = 100_000;

/** A table of the frames of one log, without what only a stop says of them. */
export function createFrameTable(): (frame: StopFrame) => Frame {
  const known = new Map<string, Frame>();
  return (stopFrame) => {
    const frame = plainFrame(stopFrame);
    const key = JSON.stringify(frame);
    const before = known.get(key);
    if (before !== undefined) return before;
    if (known.size >= mostFrames) known.clear();
    known.set(key, frame);
    return frame;
  };
}

function plainFrame({
  ip,
  object,
  function: called,
  directory,
  file,
  line,
  column,
  offset,
  isSignalHandler,
}: StopFrame): Frame {
  return {
    ...(ip !== undefined && { ip }),
    ...(object !== undefined && { object }),
    ...(isSignalHandler === true ? { function: signalFrame } : called !== undefined && { function: called }),
    ...(directory !== undefined && { directory }),
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
    ...(offset !== undefined && { offset }),
  };
}

/** What every finding of a log has. */
export interface FindingContext {
  readonly image: number;
  readonly tool: string;
  readonly frameOf: (frame: StopFrame) => Frame;
}

/** The thread that is why the process stands still. */
function currentThread({ threads }: Stop): StopThread | undefined {
  return threads.find(({ isCurrent }) => isCurrent === true) ?? threads[0];
}

/** A frame that may be left over from a call that has returned would make another identity of it. */
function trusted(thread: StopThread, frameOf: FindingContext['frameOf']): readonly Frame[] {
  return thread.frames.filter(({ trust }) => trust !== 'doubtful').map(frameOf);
}

const withoutAddresses = (text: string): string => text.replace(/\b0x[\dA-Fa-f]+\b/g, '0x…');

/** The fatal signal as a finding; undefined for a stop that is no crash. */
export function signalFinding(
  stop: Stop,
  unique: string,
  context: FindingContext,
): FindingRecord | undefined {
  const { signal, fault, cause } = stop;
  if (cause !== 'signal' || signal === undefined) return undefined;
  const thread = currentThread(stop);
  const details = [
    ...(stop.what === undefined ? [] : [stop.what]),
    ...(fault?.doubt === undefined ? [] : [fault.doubt]),
    ...(signal.sender === undefined ? [] : [senderSentence(signal.sender)]),
  ];
  const where = signal.address ?? fault?.address;
  return {
    type: 'finding',
    image: context.image,
    tool: context.tool,
    kind: signal.name,
    unique,
    ...(thread && {
      thread: { id: thread.number, ...(thread.name !== undefined && { name: thread.name }) },
    }),
    what: signalSentence(stop),
    details,
    stacks: [{ label: 'at', frames: thread === undefined ? [] : trusted(thread, context.frameOf) }],
    count: 1,
    ...(fault?.operation !== undefined && {
      access: {
        operation: fault.operation,
        ...(fault.size !== undefined && { size: fault.size }),
        ...(where !== undefined && { address: where }),
      },
    }),
  };
}

/** `SIGSEGV: rax is NULL: it wrote 4 bytes at 0x8`; without a fault or an exception `SIGABRT (SI_TKILL)`. */
function signalSentence({ signal, fault, exception }: Stop): string {
  if (signal === undefined) return '';
  if (exception !== undefined) return `${signal.name}: ${exceptionSentence(exception)}`;
  // The address and what the kernel says of it stand with the stop; the fault has said what matters of them.
  if (fault !== undefined) return `${signal.name}: ${fault.text.replace(/\.$/, '')}`;
  const code = signal.codeName === undefined ? '' : ` (${signal.codeName})`;
  const where = signal.address === undefined ? '' : ` at ${signal.address}`;
  return `${signal.name}${code}${where}`;
}

/** `Sent by process 4711 (kill), user 1000.` */
function senderSentence({ pid, uid, who }: NonNullable<NonNullable<Stop['signal']>['sender']>): string {
  const user = uid === undefined ? '' : `, user ${uid}`;
  if (who === 'itself') return `The process sent it to itself${user}.`;
  if (pid === 0 || who === 'the kernel') return 'The kernel sent it.';
  return `Sent by process ${pid}${who === undefined ? '' : ` (${who})`}${user}.`;
}

/** Each cycle of threads as a finding: a stack for each thread, in the order of the cycle. */
export function deadlockFinding(
  { cycle }: Deadlock,
  { threads }: Stop,
  unique: string,
  context: FindingContext,
): FindingRecord | undefined {
  if (cycle.length === 0) return undefined;
  const byLwp = new Map(threads.map((thread) => [thread.lwp, thread]));
  const nameOf = (lwp: number): string => threadName(byLwp.get(lwp), lwp);
  const sort = deadlockSort({ cycle });
  const stacks = cycle.map(({ lwp, waits }, index): Stack => {
    const holder = cycle[(index + 1) % cycle.length]?.lwp ?? lwp;
    const thread = byLwp.get(lwp);
    return {
      label: index === 0 ? 'at' : 'related',
      text: `${nameOf(lwp)} waits for ${waitWords(waits, nameOf(holder), sort)}`,
      frames: thread === undefined ? [] : trusted(thread, context.frameOf),
    };
  });
  const first = byLwp.get(cycle[0]?.lwp ?? 0);
  return {
    type: 'finding',
    image: context.image,
    tool: context.tool,
    kind: 'Deadlock',
    unique,
    ...(first && {
      thread: { id: first.number, ...(first.name !== undefined && { name: first.name }) },
    }),
    what: deadlockSentence(sort, cycle.length),
    details: [],
    stacks,
    count: 1,
  };
}

function deadlockSentence(sort: DeadlockSort, threads: number): string {
  switch (sort) {
    case 'circle':
      return `${threads} threads wait for each other`;
    case 'joins':
      return `${threads} threads wait for each other to end`;
    case 'own lock':
      return 'A thread waits for a lock that it holds itself';
    case 'abandoned':
      return 'A thread waits for a mutex whose owner is gone';
    case 'parked':
      return 'A thread waits for ever for a mutex that it cannot get';
    case 'readers':
      return 'A thread waits to write under a lock that no reader is left to release';
  }
}

/** `mutex m1, which thread 3 holds`, `the end of thread 3`: nothing that is another number in each run. */
function waitWords(wait: Wait, holder: string, sort: DeadlockSort): string {
  if (wait.kind === 'thread') return `the end of ${holder}`;
  const lock = withoutAddresses(waitText(wait));
  switch (sort) {
    case 'circle':
    case 'joins':
      return `${lock}, which ${holder} holds`;
    case 'own lock':
      return `${lock}, which it holds itself`;
    case 'abandoned':
      return `${lock}, whose owner is no thread of the process`;
    case 'parked':
      return 'a mutex that it cannot get';
    case 'readers':
      return `${lock}, which ${wait.readers} ${wait.readers === 1 ? 'reader holds' : 'readers hold'}`;
  }
}

/** `thread 2 "worker"` */
export function threadName(thread: StopThread | undefined, lwp: number): string {
  if (thread === undefined) return `thread with lwp ${lwp}`;
  return `thread ${thread.number}${thread.name === undefined ? '' : ` "${thread.name}"`}`;
}

/** `mutex m1`, `mutex 0x4040a0`, `thread with lwp 12` */
export function waitText({ kind, address, name }: Wait): string {
  if (kind === 'thread') return `the end of the thread with lwp ${address}`;
  return `${kind === 'condition' ? 'condition variable' : kind} ${name ?? address}`;
}

/** The same for one cycle wherever it is told to begin, and in every sample. */
export function cycleKey({ cycle }: Deadlock): string {
  return cycle
    .map(({ lwp, waits }) => `${lwp} ${waits.kind} ${waits.address}`)
    .sort()
    .join('\n');
}
