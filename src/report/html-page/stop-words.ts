// What reports say of a process that stands still: threads, frames, locks and signals in words. Nothing here is escaped yet.
import type { ReportStop, ReportStopFrame, ReportStopThread } from '../../model/report.ts';
import { type ProbeHit, type StackEnd, signalFrame, type Trust, type Variable } from '../../model/stop.ts';
import { counted, functionText, sourceText } from './words.ts';

/** The mark before a frame that is not sure. */
export const trustMarks: Readonly<Record<Trust, string>> = { sure: '', likely: '?', doubtful: '??' };

/** What the marks mean, for a report that has any of them; undefined when every frame is sure. */
export function trustLegend(stops: readonly ReportStop[]): string | undefined {
  const seen = new Set(
    stops.flatMap(({ threads }) => threads.flatMap(({ frames }) => frames.map(({ trust }) => trust))),
  );
  const parts = [
    ...(seen.has('likely') ? ['? likely, not sure'] : []),
    ...(seen.has('doubtful') ? ['?? may be left over from a call that has returned'] : []),
  ];
  return parts.length === 0 ? undefined : parts.join('; ');
}

/** `push()`; without a name where it is in its module, `libfoo.so+0x4344f`, as a symbolizer takes it. */
export function stopFrameName(frame: ReportStopFrame): string {
  const { named, functionOffset } = frame;
  if (frame.isSignalHandler === true) return signalFrame;
  // Of a nearest symbol it is the distance that tells how near it is.
  const near = named === 'exported symbol' || named === 'symbol table';
  const from = near && functionOffset !== undefined && frame.line === undefined && frame.trust !== 'sure';
  return `${functionText(frame)}${from && functionOffset > 0 ? `+${functionOffset}` : ''}`;
}

/** `src/list.c:42`, else the object; empty when the name says it already. */
export function stopFramePlace(frame: ReportStopFrame): string {
  if (frame.path === undefined && frame.function === undefined && frame.offset !== undefined) return '';
  return sourceText(frame);
}

/** `thread 2 "worker"` */
export function threadTitle({ number, name }: Pick<ReportStopThread, 'number' | 'name'>): string {
  return `thread ${number}${name === undefined ? '' : ` "${name}"`}`;
}

/** Who sent the signal, a sentence; undefined when that is not told. */
export function senderText({ signal }: ReportStop): string | undefined {
  const sender = signal?.sender;
  if (sender === undefined) return undefined;
  const { pid, uid, who } = sender;
  const user = uid === undefined ? '' : `, user ${uid}`;
  if (who === 'itself') return 'The process sent it to itself.';
  if (who === 'the kernel') return 'The kernel sent it.';
  return `Process ${pid}${who === undefined ? '' : ` (${who})`}${user} sent it.`;
}

/** `SIGSEGV (SEGV_MAPERR) at 0x0` */
function signalText({ signal }: ReportStop): string {
  if (signal === undefined) return '';
  const code = signal.codeName === undefined ? '' : ` (${signal.codeName})`;
  return `${signal.name}${code}${signal.address === undefined ? '' : ` at ${signal.address}`}`;
}

const endWords: Readonly<Record<StackEnd, string>> = {
  whole: '',
  limit: 'more frames were not read',
  damaged: 'the stack is damaged from here on',
  unreadable: 'the memory of further frames is not known',
  unknown: 'whether there are further frames is not known',
};

/** Why a stack ends where it does, unless it is whole; empty then. */
export function endText({ end, frames, activity }: ReportStopThread): string {
  return frames.length === 0 && activity !== undefined ? noFramesText(activity) : endWords[end];
}

/** What is known of a thread without frames. */
function noFramesText(activity: ReportStopThread['activity']): string {
  const { state, systemCall, waitChannel } = activity ?? {};
  if (state === 'Z') return 'has ended';
  if (state === 't') return 'stopped for another tracer (state t)';
  if (state !== 'D') return 'no frames are known';
  const call = systemCall !== undefined && /^\d/.test(systemCall) ? `system call ${systemCall}` : systemCall;
  const where = [call, waitChannel].filter((text) => text !== undefined).join(' ← ');
  return `in the kernel, cannot be interrupted (state D)${where === '' ? '' : `: ${where}`}`;
}

/** `n = 3`, on one line. */
export function variableText({ name, value }: Variable): string {
  return `${name} = ${value.replace(/\s*\n\s*/g, ' ')}`;
}

/** `x = 4`, `y->z: Cannot access memory at address 0x0`. */
export function probeValues({ values, changes = [] }: ProbeHit): readonly string[] {
  return [
    ...values.map(({ expression, value, error }) =>
      error === undefined ? `${expression} = ${value ?? ''}` : `${expression}: ${error}`,
    ),
    ...changes.map(({ expression, value, error }) =>
      error === undefined ? `set ${expression} = ${value}` : `set ${expression}: ${error}`,
    ),
  ];
}

/** Threads that stand at the same calls, as one. */
export interface ThreadGroup {
  readonly threads: readonly ReportStopThread[];
}

/** Folds threads with equal stacks, in the order of their first; the one that stopped is alone. */
export function foldThreads(threads: readonly ReportStopThread[]): readonly ThreadGroup[] {
  const groups = new Map<string, ReportStopThread[]>();
  for (const thread of threads) {
    const key = thread.isCurrent === true ? 'current' : stackKey(thread);
    const same = groups.get(key);
    if (same === undefined) groups.set(key, [thread]);
    else same.push(thread);
  }
  return [...groups.values()].map((group) => ({ threads: group }));
}

/** The same for stacks of the same calls, whatever their values. */
export function stackKey({ frames, activity }: ReportStopThread): string {
  if (frames.length === 0) return noFramesText(activity);
  return frames
    .map(
      ({ function: name, object, offset, ip, path, line }) =>
        `${name ?? `${object}+${offset ?? ip}`} ${path ?? ''}:${line ?? ''}`,
    )
    .join('\n');
}

/** `thread 2 "a"`, `3 threads (2, 3, 5)`, `48 threads (2 to 49)`. */
export function groupTitle({ threads }: ThreadGroup): string {
  const [first] = threads;
  if (first === undefined) return '';
  if (threads.length === 1) return threadTitle(first);
  const numbers = threads.map(({ number }) => number).sort((a, b) => a - b);
  const isRow = numbers.every(
    (number, index) => index === 0 || number === (numbers[index - 1] as number) + 1,
  );
  const listed =
    isRow && numbers.length > 2
      ? `${numbers[0]} to ${numbers.at(-1)}`
      : `${numbers.slice(0, 6).join(', ')}${numbers.length > 6 ? ', …' : ''}`;
  return `${counted(threads.length, 'thread')} (${listed})`;
}

/** What repeated samples tell of a thread. */
export interface Movement {
  readonly thread: ReportStopThread;
  /** Samples in which it was there. */
  readonly samples: number;
  /** Its stacks, the most frequent first, and in how many samples each was. */
  readonly stacks: readonly { readonly thread: ReportStopThread; readonly samples: number }[];
  /** From the first of its samples to the last; missing: nobody counted. */
  readonly did?: { readonly cpuMs: number; readonly sleeps: number };
}

/** What a thread that only waits seems to do, because it is stopped for each sample: it wakes, stops, and goes to sleep again. */
const sleepsPerSample = 2;
const cpuMsPerSample = 1;

/** Whether a thread did something between samples, be it that it was at the same place each time. */
export function isMoving({ stacks, samples, did }: Movement): boolean {
  if (stacks.length > 1) return true;
  const held = samples - 1;
  return did !== undefined && (did.cpuMs > cpuMsPerSample * held || did.sleeps > sleepsPerSample * held);
}

/** `295 ms of processor time, waited 48 times`; empty when nobody counted, or there was nothing. */
export function didText({ did, samples }: Movement): string {
  if (did === undefined) return '';
  const sleeps = did.sleeps - sleepsPerSample * (samples - 1);
  return [
    ...(did.cpuMs >= 0.1 ? [`${pauseText(did.cpuMs)} of processor time`] : []),
    ...(sleeps > 0 ? [`waited ${counted(sleeps, 'time')}`] : []),
  ].join(', ');
}

/** Who moved between samples of one process and who did not, in the order of thread numbers. */
export function movements(samples: readonly ReportStop[]): readonly Movement[] {
  const byLwp = new Map<number, Map<string, { thread: ReportStopThread; samples: number }>>();
  for (const { threads } of samples) {
    for (const thread of threads) {
      const stacks = byLwp.get(thread.lwp) ?? new Map();
      byLwp.set(thread.lwp, stacks);
      const key = stackKey(thread);
      const seen = stacks.get(key);
      if (seen === undefined) stacks.set(key, { thread, samples: 1 });
      else seen.samples++;
    }
  }
  return [...byLwp.values()]
    .map((stacks) => {
      const sorted = [...stacks.values()].sort((a, b) => b.samples - a.samples);
      const thread = (sorted[0] as { thread: ReportStopThread }).thread;
      const did = differenceOf(samples, thread.lwp);
      return {
        thread,
        samples: sorted.reduce((sum, each) => sum + each.samples, 0),
        stacks: sorted,
        ...(did !== undefined && { did }),
      };
    })
    .sort((a, b) => a.thread.number - b.thread.number);
}

function differenceOf(samples: readonly ReportStop[], lwp: number): Movement['did'] {
  const counts = samples.flatMap(({ threads }) => threads.find((each) => each.lwp === lwp)?.activity ?? []);
  const [first, last] = [counts[0], counts.at(-1)];
  if (first === undefined || last === undefined || counts.length < 2) return undefined;
  return {
    cpuMs: Math.max(0, (last.cpuMs ?? 0) - (first.cpuMs ?? 0)),
    sleeps: Math.max(0, (last.sleeps ?? 0) - (first.sleeps ?? 0)),
  };
}

/** The stops of a report by what they are: repeated samples of a process are one thing, and so are hits of probes. */
export interface StopGroups {
  /** Crashes, cores, errors and single samples. */
  readonly moments: readonly ReportStop[];
  /** By process. */
  readonly samples: readonly (readonly ReportStop[])[];
  readonly probes: readonly ReportStop[];
}

export function groupStops(stops: readonly ReportStop[]): StopGroups {
  const byImage = new Map<number, ReportStop[]>();
  for (const stop of stops.filter(({ cause }) => cause === 'sample')) {
    const same = byImage.get(stop.image);
    if (same === undefined) byImage.set(stop.image, [stop]);
    else same.push(stop);
  }
  const sampled = [...byImage.values()];
  const single = new Set(sampled.filter(({ length }) => length === 1).flat());
  return {
    moments: stops.filter((stop) => (stop.cause !== 'sample' && stop.cause !== 'probe') || single.has(stop)),
    samples: sampled.filter(({ length }) => length > 1),
    probes: stops.filter(({ cause }) => cause === 'probe'),
  };
}

/** What a moment is called: `SIGSEGV (SEGV_MAPERR) at 0x0`, `Core file`, `At an error`, `Sample`. */
export function momentTitle(stop: ReportStop): string {
  switch (stop.cause) {
    case 'signal':
      return signalText(stop) || 'Fatal signal';
    case 'error':
      return stop.what ?? 'At an error';
    case 'core':
      return 'Core file without a fatal signal';
    case 'sample':
      return 'Sample';
    case 'probe':
      return `Probe ${stop.probe?.place ?? ''}`;
  }
}

/** `1.2 ms` */
function pauseText(ms: number): string {
  return `${ms >= 100 ? Math.round(ms) : Number(ms.toPrecision(2))} ms`;
}

/** `over 800 ms`, `paused for 1.8 ms at most`: of samples of one process. */
export function seriesFacts(series: readonly ReportStop[]): readonly string[] {
  const pauses = series.flatMap(({ pausedMs }) => pausedMs ?? []);
  const took = (series.at(-1)?.ms ?? 0) - (series[0]?.ms ?? 0);
  return [
    ...(took > 0 ? [`over ${pauseText(took)}`] : []),
    ...(pauses.length > 0 ? [longestHold(Math.max(...pauses))] : []),
  ];
}

function longestHold(ms: number): string {
  return ms === 0 ? heldText(ms) : `${heldText(ms)} at most`;
}

/** `paused for 1.2 ms` */
export function heldText(ms: number): string {
  return ms === 0 ? 'not paused: no thread could be' : `paused for ${pauseText(ms)}`;
}

/** Why a process does nothing, as its samples tell; what is so in some of them only is said as that. */
export function standstillTexts(series: readonly ReportStop[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { what } of series) if (what !== undefined) counts.set(what, (counts.get(what) ?? 0) + 1);
  return [...counts].map(([what, count]) =>
    count === series.length ? what : `In ${count} of ${series.length} samples: ${what}`,
  );
}

/** `poll() ← loop() loop.c:20 ← worker()`: where it stands, and how it came there through my code. */
export function stackChain({ frames, blamed, activity }: ReportStopThread): string {
  if (frames.length === 0) return noFramesText(activity);
  const mine = frames.flatMap(({ owner, trust }, index) =>
    owner === 'mine' && trust !== 'doubtful' ? [index] : [],
  );
  const wanted = new Set([0, ...(blamed === undefined ? [] : [blamed]), ...mine.slice(0, 3)]);
  if (wanted.size === 1) for (const index of [1, 2]) if (index < frames.length) wanted.add(index);
  return [...wanted]
    .sort((a, b) => a - b)
    .map((index, position, all) => {
      const frame = frames[index] as ReportStopFrame;
      const gap = position > 0 && index > (all[position - 1] as number) + 1 ? '… ← ' : '';
      const mark = trustMarks[frame.trust];
      const line = frame.path === undefined || frame.owner !== 'mine' ? '' : ` ${briefPlace(frame)}`;
      return `${gap}${mark === '' ? '' : `${mark} `}${stopFrameName(frame)}${line}`;
    })
    .join(' ← ');
}

function briefPlace({ path = '', line }: ReportStopFrame): string {
  return `${path.slice(path.lastIndexOf('/') + 1)}${line === undefined ? '' : `:${line}`}`;
}
