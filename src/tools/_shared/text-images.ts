// One process image of a text log while its lines come, and the records that its finished blocks become.
import type { Frame, Stack, Thread } from '../../model/finding.ts';
import type { Amount, HeapTotals, ParsedRecord } from '../../model/record.ts';
import type { ReadContext } from '../tool.ts';
import { isBefore, readLeakHeadline } from './headlines.ts';
import type { LogLine } from './log-lines.ts';
import type { ProblemTally } from './problem-tally.ts';
import { type Block, contextKey, type ErrorBlock } from './text-blocks.ts';
import type { ReadFrame } from './text-frames.ts';
import * as say from './text-grammar.ts';
import type { ValgrindError } from './valgrind-error.ts';

/** Processes among which a child's parent is looked for. */
const mostRelatives = 1_000;
/** Error contexts remembered per process, to know them again in the list that `-s` prints at the end. */
const rememberedContexts = 20_000;

/** One process image, while its lines come. */
export interface Image {
  readonly image: number;
  readonly pid: number;
  tool?: string;
  version?: string;
  ppid?: number;
  argv: string[];
  readonly instrumentArgv: string[];
  forked: boolean;
  /** The preamble was seen: the log has the image from its start. */
  preamble: boolean;
  announced: boolean;
  /** Thread that the last `Thread 2:` named; valgrind repeats it only when it changes. */
  thread: Thread;
  block?: Block | undefined;
  /** A finished error that may still get its suppression. */
  ready?: ErrorBlock | undefined;
  section?: 'heap' | 'leaks' | 'arguments' | 'options' | undefined;
  context?: { readonly count: number; readonly suppressed: boolean } | undefined;
  readonly contexts: Map<string, string>;
  readonly counts: Map<string, number>;
  contextsTold: number;
  contextsTotal?: number;
  errorCount: number;
  leakCheck: number;
  lastRecord: number;
  /** Checks whose summary came; missing with -q. */
  endedChecks: number;
  heap?: HeapTotals;
  leaks: Record<string, Amount>;
  heuristics: Record<string, Amount>;
  /** Before 3.6 ERROR SUMMARY came first and the leaks after it. */
  summaryFirst: boolean;
  summary: boolean;
  leaksDone: boolean;
  finished: boolean;
  died: boolean;
  beginMarker?: string;
  endMarker?: string;
  debugLines: number;
  debugQuote?: string;
}

/** One log while it is read. */
export interface Log {
  readonly context: ReadContext;
  readonly out: ParsedRecord[];
  readonly frame: ReadFrame;
  readonly images: Map<number, Image>;
  readonly held: Map<number, HeldPid>;
  last?: Image;
  lastRaw: string;
  suppression?: { readonly image: Image; readonly lines: string[] } | undefined;
  readonly problems: ProblemTally;
  /** Why there may be no process is told: valgrind did not start, or refused an option. */
  failed: boolean;
}

/** Lines of a pid that has not yet proved to be valgrind's. */
export interface HeldPid {
  readonly lines: Held[];
  /** One of them is an error's first line. */
  headline: boolean;
}

export interface Held {
  readonly mark: string;
  readonly text: string;
  readonly line: LogLine;
}

export function beginImage(log: Log, pid: number): Image {
  const image: Image = {
    image: log.context.nextImage(),
    pid,
    argv: [],
    instrumentArgv: [],
    forked: false,
    preamble: false,
    announced: false,
    thread: { id: 1 },
    contexts: new Map(),
    counts: new Map(),
    contextsTold: 0,
    errorCount: 0,
    leakCheck: 1,
    lastRecord: 0,
    endedChecks: 0,
    leaks: {},
    heuristics: {},
    summaryFirst: false,
    summary: false,
    leaksDone: false,
    finished: false,
    died: false,
    debugLines: 0,
  };
  log.images.set(pid, image);
  return image;
}

/** Says that the image exists, once what its preamble tells is known. */
export function announce(log: Log, image: Image): void {
  if (image.announced) return;
  image.announced = true;
  if (!image.preamble) adoptParent(log, image);
  log.out.push({
    type: 'process',
    image: image.image,
    pid: image.pid,
    ...(image.ppid !== undefined && { ppid: image.ppid }),
    ...(image.tool !== undefined && { tool: image.tool }),
    ...(image.version !== undefined && { version: image.version }),
    argv: image.argv,
    instrumentArgv: image.instrumentArgv,
    forked: image.forked,
    artifact: log.context.artifact,
  });
}

/**
 * A pid without preamble beside others that have one is a forked child: valgrind prints none after fork into the
 * same log. Its parent is the only process that still runs, or else the only one with a preamble: that puts a
 * grandchild to its grandparent when several run. Program and tool are known when all agree.
 */
function adoptParent(log: Log, image: Image): void {
  // Only a hostile log has so many, and each would be compared with all.
  if (log.images.size > mostRelatives) return;
  // A process with a preamble began before this one, even when its own first record is still being read.
  for (const other of log.images.values()) if (other.preamble) announce(log, other);
  const others = [...log.images.values()].filter((other) => other !== image && other.announced);
  // Its child truncated the log, and took its preamble: the parent of others is nobody's copy.
  if (others.some(({ ppid }) => ppid === image.pid)) return;
  const first = others[0];
  if (first === undefined) return;
  image.forked = true;
  const running = others.filter((other) => !other.summary);
  const roots = others.filter((other) => other.preamble);
  const parent = running.length === 1 ? running[0] : roots.length === 1 ? roots[0] : undefined;
  if (parent !== undefined) image.ppid = parent.pid;
  if (others.every((other) => other.argv.join('\0') === first.argv.join('\0'))) image.argv = first.argv;
  if (others.every((other) => other.tool === first.tool) && first.tool !== undefined) image.tool = first.tool;
  if (others.every((other) => other.version === first.version) && first.version !== undefined) {
    image.version = first.version;
  }
}

export function emit(log: Log, image: Image, record: ParsedRecord): void {
  announce(log, image);
  log.out.push(record);
}

export function startBlock(log: Log, image: Image, block: Block): void {
  closeBlock(log, image);
  flushReady(log, image);
  image.block = block;
}

/** Ends what is open because something else begins or its empty line came. */
export function closeBlock(log: Log, image: Image): void {
  const { block } = image;
  if (block === undefined) return;
  image.block = undefined;
  switch (block.type) {
    case 'error':
      closeError(log, image, block);
      return;
    case 'thread':
      emit(log, image, {
        type: 'thread',
        image: image.image,
        id: block.id,
        root: block.root,
        frames: block.frames,
      });
      return;
    case 'message':
      emit(log, image, {
        type: 'message',
        image: image.image,
        source: block.source,
        text: block.lines.join('\n'),
        ...(block.frames.length > 0 && { stack: stackOf(block.frames) }),
      });
      return;
    case 'signal':
      emit(log, image, {
        type: 'fatal-signal',
        image: image.image,
        number: block.number,
        name: block.name,
        ...(block.cause !== undefined && { event: block.cause }),
        ...(block.address !== undefined && { address: block.address }),
        ...(block.frames.length > 0 && { stack: stackOf(block.frames) }),
      });
      return;
    case 'lead':
      for (const part of block.body.parts) {
        if (part.type !== 'text') continue;
        emit(log, image, { type: 'message', image: image.image, source: 'tool', text: part.text });
      }
      return;
    case 'advice':
      return;
  }
}

function stackOf(frames: readonly Frame[]): Stack {
  return { label: 'at', frames };
}

function closeError(log: Log, image: Image, block: ErrorBlock): void {
  const { body } = block;
  if (body.after !== undefined) body.parts.push(body.after);
  if (!body.parts.some(({ type }) => type === 'stack') && block.headline.kind !== 'FdNotClosed') {
    log.problems.add({
      code: 'error-without-stack',
      level: 'warning',
      message: 'A line reads like an error, but no call stack follows it',
      offset: block.offset,
      pid: image.pid,
      quote: block.what,
    });
    return;
  }
  if (block.lead !== undefined) body.parts.push(...block.lead);
  if (block.context !== undefined) {
    countContext(log, image, block, block.context);
    return;
  }
  flushReady(log, image);
  image.ready = block;
}

/** `3 errors in context 1 of 2:` repeats an error that was shown when it came; only the number is new. */
function countContext(
  log: Log,
  image: Image,
  block: ErrorBlock,
  context: { readonly count: number; readonly suppressed: boolean },
): void {
  if (context.suppressed) return;
  image.contextsTold++;
  const key = contextKey(block);
  let unique = image.contexts.get(key);
  if (unique === undefined) {
    if (image.contexts.size >= rememberedContexts) return;
    unique = rememberContext(image, key);
    emitError(log, image, block, unique, context.count);
  }
  image.counts.set(unique, (image.counts.get(unique) ?? 0) + context.count);
}

function rememberContext(image: Image, key: string): string {
  const unique = `0x${image.contexts.size.toString(16)}`;
  image.contexts.set(key, unique);
  return unique;
}

/** Hands the finished error on; nothing can be added to it any more. */
export function flushReady(log: Log, image: Image): void {
  const block = image.ready;
  if (block === undefined) return;
  delete image.ready;
  image.summary = image.summary && hasSummaryFirst(image);
  const isLeak = block.headline.kind.startsWith('Leak_');
  let unique: string | undefined;
  if (!isLeak && image.contexts.size < rememberedContexts) {
    const key = contextKey(block);
    unique = image.contexts.get(key) ?? rememberContext(image, key);
  }
  emitError(log, image, block, unique, undefined);
}

function emitError(
  log: Log,
  image: Image,
  block: ErrorBlock,
  unique: string | undefined,
  count: number | undefined,
): void {
  announce(log, image);
  const { headline, thread, what } = block;
  const leak = readLeakHeadline(what);
  if (leak !== undefined) {
    // With -q no LEAK SUMMARY ends a check; then only the numbers begin again.
    if (leak.record <= image.lastRecord) image.leakCheck++;
    image.lastRecord = leak.record;
  }
  const error: ValgrindError = {
    image: image.image,
    ...(unique !== undefined && { unique }),
    ...(thread !== undefined && { tid: thread.id }),
    ...(thread?.name !== undefined && { threadName: thread.name }),
    kind: headline.kind,
    what,
    ...(block.moreWhat !== undefined && { moreWhat: block.moreWhat }),
    ...descriptorOf(headline.kind, what),
    ...(leak !== undefined && { leakedBytes: leak.bytes, leakedBlocks: leak.blocks }),
    threads: headline.tool === 'helgrind' ? [...what.matchAll(/#(\d+)/g)].map(([, id]) => Number(id)) : [],
    leakCheck: image.leakCheck,
    parts: block.body.parts,
    ...(block.suppression !== undefined && { suppression: block.suppression }),
    ...(count !== undefined && { count }),
    span: { artifact: log.context.artifact, offset: block.offset },
  };
  image.errorCount++;
  log.out.push(log.context.interpreterFor(headline.tool)(error));
}

function descriptorOf(kind: string, what: string): { readonly fd?: number; readonly path?: string } {
  if (!kind.startsWith('Fd')) return {};
  const match = (kind === 'FdNotClosed' ? say.openDescriptor : say.badDescriptor).exec(what);
  if (match === null) return {};
  const path = what.includes(' socket ') ? undefined : match[2];
  return { fd: Number(match[1]), ...(path !== undefined && { path }) };
}

/** Before 3.6 memcheck's ERROR SUMMARY came before the leaks. */
export function hasSummaryFirst(image: Image): boolean {
  if (image.tool !== 'memcheck') return false;
  return image.summaryFirst || (image.version !== undefined && isBefore(image.version, [3, 6]));
}

/** A LEAK SUMMARY, or the sentence that stands in its place, ends a leak check. */
export function endCheck(image: Image): void {
  image.leaksDone = true;
  image.endedChecks = image.leakCheck++;
  image.lastRecord = 0;
}

/** How many checks there were: the ended ones, and one that was cut off. Undefined when the log does not tell. */
export function countChecks(image: Image): number | undefined {
  if (image.endedChecks === 0) return undefined;
  return image.lastRecord > 0 ? image.leakCheck : image.endedChecks;
}
