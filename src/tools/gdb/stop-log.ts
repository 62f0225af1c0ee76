// NAME.stops.jsonl: moments at which processes stood still, as gdb, the reader of cores and the sampler write them.
import type { FindingRecord } from '../../model/finding.ts';
import type { FatalSignalRecord, ParsedRecord, ProcessEndRecord } from '../../model/record.ts';
import type { Stop } from '../../model/stop.ts';
import { byteLines } from '../_shared/byte-lines.ts';
import { textOf } from '../_shared/byte-text.ts';
import { createProblemTally, type ProblemTally } from '../_shared/problem-tally.ts';
import type { ReadContext, Reader } from '../tool.ts';
import type { Take } from './json-fields.ts';
import {
  createFrameTable,
  cycleKey,
  deadlockFinding,
  type FindingContext,
  signalFinding,
} from './stop-findings.ts';
import {
  type ExitLine,
  type LogLine,
  type ProcessLine,
  takeExit,
  takeLog,
  takeProblem,
  takeProcess,
  takeStop,
} from './stop-shape.ts';

/**
 * Reads stop logs, version 1: one JSON object a line, the last of them `{"type":"end"}` (docs/gdb.md has the format). A later line
 * about the same stop of a process takes the place of the earlier one, so that what reads the core of a crash can add to what was
 * seen of it; stops are therefore held to the end of the log.
 */
export const stopLogReader: Reader = {
  name: 'vgrun-stops',
  recognizes: (head) => start.test(textOf(head, 0, Math.min(head.byteLength, 256))),
  read: readStopLog,
};

// {"type":"log","format":"vgrun-stops","version":1,"tool":"gdb","toolVersion":"13.1"}
const start = /^\{\s*"type"\s*:\s*"log"\s*,\s*"format"\s*:\s*"vgrun-stops"/;

const longestLine = 8 * 1024 * 1024;
/** More are counted: their lines stay in the log. */
const mostStops = 10_000;
/** Bytes of lines that are held. */
const mostBytes = 256 * 1024 * 1024;
const mostProcesses = 10_000;
const version = 1;

/** A process from one exec, or fork, to the next. */
interface Image {
  readonly number: number;
  readonly pid: number;
  readonly how: ProcessLine['how'];
  readonly stops: Map<number, Stop>;
  exit: ExitLine | undefined;
}

interface Log {
  readonly context: ReadContext;
  readonly out: ParsedRecord[];
  readonly problems: ProblemTally;
  readonly images: Image[];
  /** The image that a pid is now. */
  readonly byPid: Map<number, Image>;
  header: LogLine | undefined;
  ended: boolean;
  stops: number;
  bytes: number;
  stopsLeftOut: number;
  processesLeftOut: number;
}

async function* readStopLog(
  source: AsyncIterable<Uint8Array>,
  context: ReadContext,
): AsyncIterable<ParsedRecord> {
  const log: Log = {
    context,
    out: [],
    problems: createProblemTally(context.artifact),
    images: [],
    byPid: new Map(),
    header: undefined,
    ended: false,
    stops: 0,
    bytes: 0,
    stopsLeftOut: 0,
    processesLeftOut: 0,
  };
  const lines = byteLines((bytes, from, to, offset, ended, cut) => {
    if (to === from) return;
    const text = textOf(bytes, from, cut ? from + 200 : to);
    // Half a line at the end is told as the cut that it is.
    if (cut) fault(log, 'line-too-long', 'a line is longer than 8 MiB, and was not read', offset, text);
    else takeLine(log, text, offset, ended);
  }, longestLine);
  for await (const chunk of source) {
    lines.push(chunk);
    yield* log.out.splice(0);
  }
  lines.end();
  yield* log.out.splice(0);
  for (const image of log.images) yield* recordsOf(log, image);
  if (!log.ended) {
    log.problems.add({
      code: 'truncated-log',
      level: 'incomplete',
      message: 'the log has no end: what wrote it was stopped, or the log was cut',
    });
  }
  tellLeftOut(log);
  for (const problem of log.problems.list()) yield { type: 'problem', problem };
}

function fault(log: Log, code: string, message: string, offset: number, quote: string): void {
  log.problems.add({ code, level: 'incomplete', message, offset, quote }, message);
}

function takeLine(log: Log, text: string, offset: number, ended: boolean): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    if (ended) fault(log, 'unreadable-line', 'a line of the log is no JSON', offset, text);
    return;
  }
  const type = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined;
  const take = <Line>(how: Take<Line>): Line | undefined => {
    const taken = how(value, {
      path: '',
      fault: (path) =>
        log.problems.add(
          {
            code: 'unreadable-field',
            level: 'warning',
            message: `"${path}" of a "${type}" line is not what the format says, or too long`,
            offset,
            quote: text,
          },
          `${type} ${path}`,
        ),
    });
    if (taken === undefined)
      fault(log, 'unreadable-line', `a "${type}" line of the log could not be read`, offset, text);
    return taken;
  };
  switch (type) {
    case 'log':
      takeHeader(log, take(takeLog), offset, text);
      return;
    case 'process': {
      const line = take(takeProcess);
      if (line !== undefined) beginImage(log, line);
      return;
    }
    case 'stop': {
      const stop = take(takeStop);
      if (stop !== undefined) keepStop(log, stop, text.length);
      return;
    }
    case 'exit': {
      const line = take(takeExit);
      const image = line && imageOf(log, line.pid);
      if (image !== undefined) image.exit = line;
      return;
    }
    case 'problem': {
      const line = take(takeProblem);
      if (line !== undefined) log.problems.add(line, line.message);
      return;
    }
    case 'end':
      log.ended = true;
      return;
    default:
      // A later version may have lines of other types.
      log.problems.add({
        code: 'unknown-line',
        level: 'warning',
        message: 'a line of the log is of a type that this version of vgrun does not know',
        offset,
        quote: text,
      });
  }
}

function takeHeader(log: Log, header: LogLine | undefined, offset: number, text: string): void {
  if (header === undefined) return;
  // Logs that were put one behind the other: only the last needs an end.
  log.header = header;
  log.ended = false;
  log.byPid.clear();
  if (header.version > version)
    fault(
      log,
      'newer-log',
      `the log is of version ${header.version}; this version of vgrun reads 1`,
      offset,
      text,
    );
}

function beginImage(log: Log, { pid, ppid, argv, program, how }: ProcessLine): Image | undefined {
  if (log.images.length >= mostProcesses) {
    log.processesLeftOut++;
    return undefined;
  }
  const { context, header } = log;
  const image: Image = { number: context.nextImage(), pid, how, stops: new Map(), exit: undefined };
  log.images.push(image);
  log.byPid.set(pid, image);
  const words = argv !== undefined && argv.length > 0 ? argv : program === undefined ? [] : [program];
  log.out.push({
    type: 'process',
    image: image.number,
    pid,
    ...(ppid !== undefined && ppid !== pid && { ppid }),
    tool: header?.tool ?? 'gdb',
    ...(header?.toolVersion !== undefined && { version: header.toolVersion }),
    argv: words,
    instrumentArgv: [],
    forked: how === 'fork',
    artifact: context.artifact,
  });
  return image;
}

/** A line about a process that was not announced still belongs to some process. */
function imageOf(log: Log, pid: number): Image | undefined {
  return log.byPid.get(pid) ?? beginImage(log, { pid });
}

function keepStop(log: Log, stop: Stop, bytes: number): void {
  const image = imageOf(log, stop.pid);
  const isNew = image?.stops.has(stop.number) === false;
  if (image === undefined || (isNew && log.stops >= mostStops) || log.bytes + bytes > mostBytes) {
    log.stopsLeftOut++;
    return;
  }
  if (isNew) log.stops++;
  log.bytes += bytes;
  image.stops.set(stop.number, stop);
}

/** What an image comes to, once its log is read. */
function* recordsOf(log: Log, image: Image): Generator<ParsedRecord> {
  const context: FindingContext = {
    image: image.number,
    tool: log.header?.tool ?? 'gdb',
    frameOf: createFrameTable(),
  };
  const cycles = new Map<string, string>();
  const stops = [...image.stops.values()].sort((a, b) => a.number - b.number);
  for (const stop of stops) {
    const findings: FindingRecord[] = [];
    const signal = signalFinding(stop, `stop-${stop.number}`, context);
    if (signal !== undefined) findings.push(signal);
    let deadlocked: string | undefined;
    for (const [index, deadlock] of (stop.deadlocks ?? []).entries()) {
      const key = cycleKey(deadlock);
      const unique = cycles.get(key) ?? `stop-${stop.number}-${index + 1}`;
      deadlocked ??= unique;
      // Each sample of a hang shows the same threads.
      if (cycles.has(key)) continue;
      cycles.set(key, unique);
      const finding = deadlockFinding(deadlock, stop, unique, context);
      if (finding !== undefined) findings.push(finding);
    }
    yield* findings;
    const shown = signal?.unique ?? deadlocked;
    yield { type: 'stop', image: image.number, stop, ...(shown !== undefined && { finding: shown }) };
  }
  const fatal = fatalSignal(log, image, stops);
  if (fatal !== undefined) yield fatal;
  yield endOf(log, image, fatal !== undefined);
}

/** How the process died: as its end says, or, of a core, as its signal does. */
function fatalSignal(log: Log, image: Image, stops: readonly Stop[]): FatalSignalRecord | undefined {
  const { exit, how } = image;
  const stop = stops.findLast(({ cause, signal }) => cause === 'signal' && signal !== undefined);
  const seen = stop?.signal;
  const isCore = how === 'core' || log.header?.tool === 'core';
  const number = exit?.signal ?? (exit === undefined && isCore ? seen?.number : undefined);
  if (number === undefined) return undefined;
  const same = seen?.number === number ? seen : undefined;
  return {
    type: 'fatal-signal',
    image: image.number,
    number,
    name: exit?.name ?? same?.name ?? `signal ${number}`,
    ...(same?.code !== undefined && { code: same.code }),
    ...(same?.codeName !== undefined && { event: same.codeName }),
    ...(same?.address !== undefined && { address: same.address }),
  };
}

function endOf(log: Log, { number, exit, how }: Image, isDead: boolean): ProcessEndRecord {
  const isCore = how === 'core' || log.header?.tool === 'core';
  // A core is one moment: it is whole when its log is.
  const complete = exit !== undefined || (isCore && log.ended);
  const unseen = exit?.detached === true || (isCore && !isDead);
  return {
    type: 'process-end',
    image: number,
    complete,
    finished: complete && !unseen,
    ...(complete && unseen && { unseen }),
  };
}

function tellLeftOut({ problems, stopsLeftOut, processesLeftOut }: Log): void {
  if (stopsLeftOut > 0) {
    problems.add({
      code: 'stops-left-out',
      level: 'incomplete',
      message: `${stopsLeftOut} further stops are left out; the log holds them`,
    });
  }
  if (processesLeftOut > 0) {
    problems.add({
      code: 'processes-left-out',
      level: 'incomplete',
      message: `${processesLeftOut} lines are of processes beyond the first ${mostProcesses}`,
    });
  }
}
