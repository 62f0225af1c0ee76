// Processes that stand still, on a terminal: what each thread does at a crash, in a core file or in samples, and who waits for whom.
import { exceptionSentence } from '../model/exception-sentence.ts';
import type { Report, ReportStop, ReportStopFrame, ReportStopThread } from '../model/report.ts';
import type { Deadlock } from '../model/stop.ts';
import {
  endText,
  foldThreads,
  groupStops,
  groupTitle,
  heldText,
  momentTitle,
  senderText,
  stackChain,
  stopFrameName,
  stopFramePlace,
  type ThreadGroup,
  threadTitle,
  trustLegend,
  trustMarks,
  variableText,
} from './html-page/stop-words.ts';
import { deadlockSteps, deadlockTitle, groupWait, isCircle, waitSentence } from './html-page/wait-words.ts';
import type { Ink } from './pretty-ink.ts';
import { probeLines, sampleLines } from './pretty-stop-series.ts';
import type { RenderOptions } from './reporter.ts';
import { clip, grouped, harmless, plural, rowsOf, wrap } from './terminal-text.ts';

/** How much is shown, from rich to poor. */
export interface StopForm {
  readonly stops: number;
  /** Of the thread that stopped. */
  readonly frames: number;
  /** Rows of variables of the blamed frame, and of other frames of mine. */
  readonly variables: number;
  readonly otherVariables: number;
  /** Rows of other threads. */
  readonly threads: number;
  /** Instructions on each side of the one that failed. */
  readonly instructions: number;
  readonly isWhole: boolean;
}

const endless = Number.POSITIVE_INFINITY;
const everything: StopForm = {
  stops: endless,
  frames: endless,
  variables: endless,
  otherVariables: endless,
  threads: endless,
  instructions: endless,
  isWhole: true,
};

const forms: readonly StopForm[] = [
  { stops: 20, frames: 16, variables: 8, otherVariables: 2, threads: 12, instructions: 1, isWhole: false },
  { stops: 8, frames: 10, variables: 4, otherVariables: 1, threads: 8, instructions: 0, isWhole: false },
  { stops: 4, frames: 6, variables: 2, otherVariables: 1, threads: 4, instructions: 0, isWhole: false },
  { stops: 2, frames: 4, variables: 1, otherVariables: 0, threads: 2, instructions: 0, isWhole: false },
  { stops: 1, frames: 3, variables: 0, otherVariables: 0, threads: 1, instructions: 0, isWhole: false },
];

/** The moments of a report in the richest form that fits `room` rows; all of it when all is asked for. */
export function stopLines(report: Report, options: RenderOptions, room: number, ink: Ink): readonly string[] {
  const { stops = [] } = report;
  if (stops.length === 0) return [];
  if (options.fullStacks === true) return layOut(report, stops, everything, ink);
  const tried = options.all === true ? [{ ...everything, isWhole: false, instructions: 1 }] : forms;
  let lines: readonly string[] = [];
  for (const form of tried) {
    lines = layOut(report, stops, form, ink);
    if (rowsOf(lines, ink.columns) <= room) break;
  }
  return lines;
}

function layOut(report: Report, stops: readonly ReportStop[], form: StopForm, ink: Ink): readonly string[] {
  const { moments, samples, probes } = groupStops(stops);
  const shown = moments.slice(0, form.stops);
  const left = moments.length - shown.length;
  const legend = trustLegend(stops);
  return [
    ...shown.flatMap((stop) => [...momentLines(stop, report, form, ink), '']),
    ...(left > 0
      ? [
          ink.dim(
            `${grouped(left)} more ${plural(left, 'moment')}; --all shows ${left === 1 ? 'it' : 'them'}.`,
          ),
          '',
        ]
      : []),
    ...samples.flatMap((series) => [...sampleLines(series, form, ink), '']),
    ...(probes.length > 0 ? [...probeLines(probes, report, form, ink), ''] : []),
    ...(legend === undefined ? [] : [ink.dim(legend), '']),
  ];
}

/** One moment of one process. */
function* momentLines(stop: ReportStop, report: Report, form: StopForm, ink: Ink): Generator<string> {
  yield headLine(stop, report, ink);
  const sender = senderText(stop);
  // The finding has said these already.
  const isTold = stop.finding !== undefined && stop.cause === 'signal' && !form.isWhole;
  const facts = [
    ...(stop.what === undefined || stop.cause !== 'signal' || isTold ? [] : [stop.what]),
    ...(stop.exception === undefined || isTold ? [] : [exceptionSentence(stop.exception)]),
    ...(stop.fault === undefined || isTold ? [] : [stop.fault.text]),
    ...(stop.fault?.doubt === undefined || isTold ? [] : [stop.fault.doubt]),
    ...(sender === undefined || isTold ? [] : [sender]),
    ...(stop.core === undefined ? [] : [`Core file: ${stop.core}`]),
  ];
  for (const text of facts) yield* wrap(harmless(text), ink.columns - 2).map((line) => `  ${line}`);
  yield* instructionLines(stop, form, ink);
  for (const deadlock of stop.deadlocks ?? []) yield* cycleLines(deadlock, stop.threads, ink);
  const [current, ...others] = foldThreads(stop.threads);
  const first = current?.threads[0];
  const isAlone = first !== undefined && (first.isCurrent === true || stop.threads.length === 1);
  if (first !== undefined && (isAlone || form.isWhole)) yield* threadLines(first, stop, form, ink);
  const rest = isAlone || form.isWhole ? others : current === undefined ? [] : [current, ...others];
  if (form.isWhole) {
    // All of them, also of the first group, each with its own values.
    for (const thread of stop.threads) if (thread !== first) yield* threadLines(thread, stop, form, ink);
    yield* moduleLines(stop, ink);
    return;
  }
  yield* groupLines(rest, stop.threads, form.threads, ink);
}

/** `At SIGSEGV (SEGV_MAPERR) at 0x0 (F-0123456789ab), process 101, ./list:` */
function headLine(stop: ReportStop, { processes }: Report, ink: Ink): string {
  const process = processes.find(({ image }) => image === stop.image);
  const program = process === undefined || process.program === '' ? '' : ` (${process.program})`;
  const parts = [
    ...(stop.finding === undefined ? [] : [stop.finding]),
    `process ${stop.pid}${program}`,
    ...(stop.threads.length > 1 ? [`${grouped(stop.threads.length)} threads`] : []),
    // A process that has crashed does not go on: for how long it was looked at says nothing of it.
    ...(stop.pausedMs === undefined || stop.cause === 'signal' ? [] : [heldText(stop.pausedMs)]),
  ];
  const title = harmless(momentTitle(stop));
  const paint = stop.cause === 'signal' ? ink.red : (text: string): string => text;
  return clip(`${ink.bold(paint(title))}  ${ink.dim(harmless(parts.join(', ')))}`, ink.columns);
}

function* instructionLines({ disassembly }: ReportStop, form: StopForm, ink: Ink): Generator<string> {
  if (disassembly === undefined) return;
  const { lines, current, from } = disassembly;
  for (const [index, { address, text }] of lines.entries()) {
    const apart = Math.abs(index - current);
    if (apart > form.instructions) continue;
    const source = index === current && from === 'file' ? '  (bytes of the file)' : '';
    const line = clip(
      `${harmless(address)}  ${harmless(text.replaceAll('\t', ' '))}${source}`,
      ink.columns - 5,
    );
    yield index === current ? `  ${ink.red('=>')} ${line}` : ink.dim(`     ${line}`);
  }
}

/** A cycle as a ring: the last line leads back to the first. A thread that waits for what nobody will release stands alone. */
export function* cycleLines(
  deadlock: Deadlock,
  threads: readonly ReportStopThread[],
  ink: Ink,
): Generator<string> {
  const steps = deadlockSteps(deadlock, threads);
  const [first] = steps;
  if (first === undefined) return;
  yield `  ${ink.bold(`${deadlockTitle(deadlock)}:`)}`;
  if (!isCircle(deadlock)) {
    yield* wrapped(`${first.thread} waits for ${first.wait}`, ink);
    if (first.frame !== undefined) yield clip(`      at ${ink.place(first.frame)}`, ink.columns);
    return;
  }
  for (const [index, { thread, wait, isForLock, frame }] of steps.entries()) {
    const edge = index === 0 ? '╭▶' : '│ ';
    yield clip(`  ${edge} ${ink.bold(harmless(thread))} waits for ${harmless(wait)}`, ink.columns);
    if (frame !== undefined) yield clip(`  │    at ${ink.place(frame)}`, ink.columns);
    const next = steps[index + 1];
    if (next !== undefined && isForLock) yield '  │  held by';
    if (next === undefined) yield `  ╰─ ${isForLock ? 'held by ' : 'that is '}${harmless(first.thread)}`;
  }
}

/** What a thread waits for is read to its end: who holds a lock stands there. */
function wrapped(sentence: string, ink: Ink): readonly string[] {
  return wrap(harmless(sentence), ink.columns - 6).map((line, row) =>
    clip(`${row === 0 ? '  ' : '      '}${line}`, ink.columns),
  );
}

/** A thread with its frames. */
function* threadLines(
  thread: ReportStopThread,
  stop: ReportStop,
  form: StopForm,
  ink: Ink,
): Generator<string> {
  const waits = waitSentence(thread, stop.threads);
  yield* wrapped(`${threadTitle(thread)}${waits === '' ? '' : ` ${waits}`}:`, ink);
  const { evidence } = thread.waits ?? {};
  if (form.isWhole && evidence !== undefined) yield ink.dim(`    (${harmless(evidence)})`);
  yield* callLines(thread, form, ink);
  if (form.isWhole) yield* registerLines(thread, ink);
}

/** The calls of a thread with their values, and why there are no more. */
export function* callLines(thread: ReportStopThread, form: StopForm, ink: Ink): Generator<string> {
  const kept = keptFrames(thread, form.frames);
  let before = -1;
  for (const index of kept) {
    const frame = thread.frames[index] as ReportStopFrame;
    if (index !== before + 1) yield ink.dim(`    … ${grouped(index - before - 1)} more`);
    before = index;
    yield* frameLines(frame, index, index === thread.blamed, form, ink);
    if (thread.omitted !== undefined && index + 1 === thread.omitted.after) {
      yield ink.dim(`    … ${grouped(thread.omitted.count)} frames were not kept`);
    }
  }
  const left = thread.frames.length - 1 - before;
  if (left > 0) yield ink.dim(`    … ${grouped(left)} more`);
  const end = endText(thread);
  if (end !== '') yield ink.dim(`    (${end})`);
}

/** The innermost frames, mine and those that mine called, at most so many. */
function keptFrames({ frames, blamed }: ReportStopThread, most: number): readonly number[] {
  const all = [...frames.keys()];
  if (all.length <= most) return all;
  const wanted = (index: number): number => {
    if (index === blamed) return 0;
    if (index === 0) return 1;
    const mine = frames[index]?.owner === 'mine';
    const sure = frames[index]?.trust !== 'doubtful';
    if (mine && sure) return 2;
    return frames[index + 1]?.owner === 'mine' ? 3 : 4;
  };
  return all
    .sort((a, b) => wanted(a) - wanted(b) || a - b)
    .slice(0, most)
    .sort((a, b) => a - b);
}

function* frameLines(
  frame: ReportStopFrame,
  index: number,
  isBlamed: boolean,
  form: StopForm,
  ink: Ink,
): Generator<string> {
  const mark = trustMarks[frame.trust];
  const place = harmless(stopFramePlace(frame));
  const number = `#${index}`.padEnd(3);
  const source = ink.source(frame) ?? place;
  const text = `${number} ${mark === '' ? '' : `${mark} `}${harmless(stopFrameName(frame))}${source === '' ? '' : `  ${source}`}${frame.isInlined === true ? '  (inlined)' : ''}`;
  const line = `${isBlamed ? ink.red('>') : ' '} ${frame.owner === 'mine' && frame.trust !== 'doubtful' ? text : ink.dim(text)}`;
  yield form.isWhole ? `  ${line}` : clip(`  ${line}`, ink.columns);
  if (form.isWhole) {
    const how = [`found: ${frame.found}`, frame.doubt ?? ''].filter((part) => part !== '').join('; ');
    if (frame.trust !== 'sure') yield ink.dim(`        ${harmless(how)}`);
    for (const variable of frame.variables ?? []) {
      const type = variable.type === undefined ? '' : `  (${variable.type})`;
      yield `        ${harmless(`${variableText(variable)}${type}`)}`;
    }
    return;
  }
  if (frame.owner !== 'mine' || frame.variables === undefined) return;
  yield* valueLines(frame.variables.map(variableText), isBlamed ? form.variables : form.otherVariables, ink);
}

/** Values side by side, in at most so many rows. */
export function* valueLines(texts: readonly string[], rows: number, ink: Ink): Generator<string> {
  const width = ink.columns - 8;
  const lines: string[] = [];
  for (const text of texts) {
    const value = clip(harmless(text), Math.min(width, 60 * Math.max(1, rows)));
    const last = lines.at(-1);
    if (last !== undefined && last.length + value.length + 3 <= width)
      lines[lines.length - 1] = `${last}   ${value}`;
    else lines.push(clip(value, width));
  }
  for (const [index, line] of lines.slice(0, rows).entries()) {
    const isCut = index === rows - 1 && lines.length > rows;
    yield ink.dim(`        ${isCut ? clip(`${line} …`, width) : line}`);
  }
}

function* registerLines({ registers = [] }: ReportStopThread, ink: Ink): Generator<string> {
  if (registers.length === 0) return;
  yield '    registers:';
  const width = Math.max(...registers.map(({ name }) => name.length));
  for (const { name, value, pointsTo } of registers) {
    const meaning = pointsTo === undefined ? '' : `  ${ink.dim(harmless(pointsTo))}`;
    yield `      ${harmless(name).padEnd(width)} ${harmless(value)}${meaning}`;
  }
}

function* moduleLines({ modules = [] }: ReportStop, ink: Ink): Generator<string> {
  if (modules.length === 0) return;
  yield '  modules:';
  for (const { path, start, end, buildId, file } of modules) {
    const facts = [
      ...(buildId === undefined ? [] : [`build-id ${buildId}`]),
      ...(file === undefined
        ? ['no file']
        : [`${file.symbols === 'none' ? 'no symbols' : file.symbols} in ${file.path}`]),
      ...(file?.matches === 'no' ? ['another build than the one that ran'] : []),
    ];
    yield `    ${harmless(`${start}-${end} ${path}`)}  ${ink.dim(harmless(facts.join(', ')))}`;
  }
}

/** Threads that stand at the same calls, a row each: `3 threads (4 to 6): poll() ← loop() loop.c:20 ← worker()`. */
export function* groupLines(
  groups: readonly ThreadGroup[],
  threads: readonly ReportStopThread[],
  most: number,
  ink: Ink,
): Generator<string> {
  for (const group of groups.slice(0, most)) {
    const thread = group.threads[0] as ReportStopThread;
    const waits = groupWait(group, threads);
    const title = `  ${harmless(`${groupTitle(group)}${waits === '' ? '' : ` ${waits}`}`)}:`;
    const chain = harmless(stackChain(thread));
    const row = `${title} ${chain}`;
    // What is mine stands at the end of a chain, which must not be cut for what it waits for.
    if (row.length <= ink.columns || waits === '') yield clip(row, ink.columns);
    else {
      yield clip(title, ink.columns);
      yield clip(`      ${chain}`, ink.columns);
    }
  }
  const left = groups.slice(most).reduce((sum, group) => sum + group.threads.length, 0);
  if (left > 0)
    yield ink.dim(
      `  … ${grouped(left)} more ${plural(left, 'thread')}; --all shows ${left === 1 ? 'it' : 'them'}`,
    );
}
