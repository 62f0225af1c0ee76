// Valgrind's text log, of any 3.x and most 2.x: from a terminal, an article or a CI archive, mixed with other output.
//
// The log is a grammar of habits, not of brackets: a mark (`==PID== `) on each line, a first line that names the
// error, stacks, and an empty line after it. So this reader
// - follows each pid by itself, and believes a pid without preamble only when it says what valgrind alone says;
// - begins an error only at a first line that some valgrind version prints, and keeps it only with its end seen:
//   half a stack would be another error. What is cut off is named in a problem;
// - passes over lines without mark: they are the program's, or the CI's.
// Lost on purpose: advice that every log repeats (text-grammar.ts, `advice`) and the debug output of -v and -d, which
// is counted. What the text log never says: unique ids (ours number the errors), and with -q who, what and whether all.
import type { Frame, Stack } from '../../model/finding.ts';
import type { Amount, HeapTotals, LeakTotals, MessageRecord, ParsedRecord } from '../../model/record.ts';
import type { ReadContext, Reader } from '../tool.ts';
import { classifyHeadline, type Headline, isBefore, readLeakHeadline, readNumber } from './headlines.ts';
import { createLineSplitter, type LogLine, longestLine } from './log-lines.ts';
import { createProblemTally, type ProblemTally } from './problem-tally.ts';
import { createFrameReader, isFrameLine, type ReadFrame } from './text-frames.ts';
import * as say from './text-grammar.ts';
import type { ErrorPart, StackContainer, ValgrindError } from './valgrind-error.ts';

/** Reads text logs. See the head of this file for what it takes as valgrind's word. */
export const valgrindText: Reader = {
  name: 'valgrind-text',
  recognizes: recognizesText,
  read: readText,
};

/** Lines kept of a pid until it proves to be valgrind's, and pids so kept. */
const heldLines = 200;
const heldPids = 64;
/** Error contexts remembered per process, to know them again in the list that `-s` prints at the end. */
const rememberedContexts = 100_000;
/** Frames and sentences of one error, lines of one message: far above what valgrind prints. */
const longestBlock = 2_000;

interface MutableStack {
  readonly type: 'stack';
  readonly frames: Frame[];
  readonly container?: StackContainer;
  readonly text?: string;
  readonly address?: string;
}
type Part = Extract<ErrorPart, { type: 'text' }> | MutableStack;

/** What the lines being read belong to. */
type Block =
  | ErrorBlock
  | { readonly type: 'lead'; readonly body: Body }
  | { readonly type: 'thread'; readonly id: number; readonly root: boolean; readonly frames: Frame[] }
  | {
      readonly type: 'message';
      readonly source: MessageRecord['source'];
      readonly lines: string[];
      readonly frames: Frame[];
    }
  | {
      readonly type: 'signal';
      readonly number: number;
      readonly name: string;
      cause?: string;
      address?: string;
      readonly frames: Frame[];
    }
  | { readonly type: 'advice' };

/** Sentences and stacks in the order of the log. */
interface Body {
  readonly parts: Part[];
  stack?: MutableStack;
  /** What the next stack is. */
  next?: Omit<MutableStack, 'type' | 'frames'>;
  /** A sentence that belongs after the next stack: `Locks held: none`. */
  after?: Part;
}

interface ErrorBlock {
  readonly type: 'error';
  readonly headline: Headline;
  readonly what: string;
  moreWhat?: string;
  readonly body: Body;
  /** What helgrind said of locks before the headline. */
  readonly lead?: readonly Part[];
  /** Empty lines seen since the last line of this error. */
  blanks: number;
  readonly offset: number;
  readonly context?: { readonly count: number; readonly suppressed: boolean };
  suppression?: string;
}

/** One process image, while its lines come. */
interface Image {
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
  tid: number;
  threadName?: string;
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
  newCheck: boolean;
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
interface Log {
  readonly context: ReadContext;
  readonly out: ParsedRecord[];
  readonly frame: ReadFrame;
  readonly images: Map<number, Image>;
  readonly held: Map<number, HeldPid>;
  last?: Image;
  lastRaw: string;
  suppression?: { readonly image: Image; readonly lines: string[] } | undefined;
  readonly problems: ProblemTally;
  failed: boolean;
}

/** Lines of a pid that has not yet proved to be valgrind's. */
interface HeldPid {
  readonly lines: Held[];
  /** One of them is an error's first line. */
  headline: boolean;
}

interface Held {
  readonly mark: string;
  readonly text: string;
  readonly line: LogLine;
}

async function* readText(
  source: AsyncIterable<Uint8Array>,
  context: ReadContext,
): AsyncIterable<ParsedRecord> {
  const log: Log = {
    context,
    out: [],
    frame: createFrameReader(),
    images: new Map(),
    held: new Map(),
    lastRaw: '',
    problems: createProblemTally(context.artifact),
    failed: false,
  };
  const splitter = createLineSplitter();
  for await (const chunk of source) {
    for (const line of splitter.push(chunk)) readLine(log, line);
    yield* log.out.splice(0);
  }
  for (const line of splitter.end()) readLine(log, line);
  endLog(log);
  yield* log.out.splice(0);
}

function recognizesText(head: Uint8Array): boolean {
  const splitter = createLineSplitter();
  const lines = [...splitter.push(head.subarray(0, 1024 * 1024)), ...splitter.end()];
  if (lines.some(({ text }) => text.includes('<valgrindoutput>'))) return false;
  const headlines = new Set<number>();
  for (const { text } of lines) {
    const clean = plain(text);
    if (say.startFailure.test(clean)) return true;
    const marked = findMark(clean, () => false);
    if (marked === undefined) continue;
    if (proves(marked.text, headlines.has(marked.pid))) return true;
    if (classifyHeadline(marked.text, undefined, undefined) !== undefined) headlines.add(marked.pid);
  }
  return false;
}

/** Whether a line shows that valgrind wrote for its pid. */
function proves(text: string, afterHeadline: boolean): boolean {
  return say.banner.test(text) || say.evidence.test(text) || (afterHeadline && isFrameLine(text));
}

function plain(text: string): string {
  const bare = text.includes('\x1b') ? text.replace(say.colours, '') : text;
  // Web pages turn the spaces of a log into no-break ones.
  return bare.includes('\u00A0') ? bare.replaceAll('\u00A0', ' ') : bare;
}

/** The mark of a line: at its start, after what a CI prints, or, for a pid that is known, after half a line of output. */
function findMark(
  text: string,
  isKnown: (pid: number) => boolean,
): { mark: string; pid: number; text: string } | undefined {
  let match = say.markAtStart.exec(text);
  if (match === null && /==|--|\*\*/.test(text)) {
    match = say.markAnywhere.exec(text);
    if (match !== null && !isKnown(Number(match[2])) && !isLeader(text.slice(0, match.index)))
      return undefined;
  }
  if (match === null) return undefined;
  return {
    mark: match[1] ?? '==',
    pid: Number(match[2]),
    text: text.slice(match.index + match[0].length).trimEnd(),
  };
}

function isLeader(text: string): boolean {
  if (text.length > 120) return false;
  let at = 0;
  while (at < text.length) {
    say.leaderPiece.lastIndex = at;
    if (!say.leaderPiece.test(text)) return false;
    at = say.leaderPiece.lastIndex;
  }
  return true;
}

function readLine(log: Log, line: LogLine): void {
  const text = plain(line.text);
  if (line.cut) {
    log.problems.add({
      code: 'long-line',
      level: 'note',
      message: `A line longer than ${longestLine} bytes was shortened`,
      offset: line.offset,
      quote: text,
    });
  }
  const marked = findMark(text, (pid) => log.images.has(pid));
  if (marked === undefined) {
    readUnmarked(log, text, line);
    return;
  }
  const { mark, pid } = marked;
  // The last line of a cut log may be half a line. Only a whole ERROR SUMMARY cannot be.
  if (!line.ended && !say.errorSummary.test(marked.text)) return;
  const held = { mark, text: marked.text, line };
  const image = imageOf(log, pid, held);
  if (image === undefined) return;
  log.last = image;
  readMarked(log, image, held);
}

/** The image a line belongs to. Lines of a pid that has proved nothing yet wait; proof reads them all. */
function imageOf(log: Log, pid: number, line: Held): Image | undefined {
  const known = log.images.get(pid);
  if (known !== undefined) {
    // A second preamble in one pid is an exec.
    if (!say.banner.test(line.text) || !known.announced) return known;
    endImage(log, known, 'exec');
    return beginImage(log, pid);
  }
  if (line.mark === '==' && say.badOption.test(line.text)) {
    log.problems.add({
      code: 'bad-option',
      level: 'incomplete',
      message: `valgrind did not take an option: ${line.text.slice(12)}`,
      pid,
      offset: line.line.offset,
      quote: line.text,
    });
    return undefined;
  }
  let held = log.held.get(pid);
  if (held === undefined) {
    held = { lines: [], headline: false };
    log.held.set(pid, held);
    if (log.held.size > heldPids) forgetOldest(log);
  }
  if (proves(line.text, held.headline)) {
    log.held.delete(pid);
    const image = beginImage(log, pid);
    for (const earlier of held.lines) readMarked(log, image, earlier);
    return image;
  }
  held.headline ||= classifyHeadline(line.text, undefined, undefined) !== undefined;
  held.lines.push(line);
  if (held.lines.length > heldLines) held.lines.shift();
  return undefined;
}

function forgetOldest(log: Log): void {
  const oldest = log.held.entries().next().value;
  if (oldest === undefined) return;
  log.held.delete(oldest[0]);
  addUnclaimed(log, oldest[1]);
}

function addUnclaimed(log: Log, held: HeldPid): void {
  const first = held.lines[0];
  if (first === undefined) return;
  log.problems.add({
    code: 'unclaimed-lines',
    level: 'note',
    message: 'Lines look like valgrind’s but belong to no process of this log',
    offset: first.line.offset,
    quote: first.text,
  });
}

function beginImage(log: Log, pid: number): Image {
  const image: Image = {
    image: log.context.nextImage(),
    pid,
    argv: [],
    instrumentArgv: [],
    forked: false,
    preamble: false,
    announced: false,
    tid: 1,
    contexts: new Map(),
    counts: new Map(),
    contextsTold: 0,
    errorCount: 0,
    leakCheck: 1,
    lastRecord: 0,
    newCheck: false,
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
function announce(log: Log, image: Image): void {
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
 * same log. The parent is known only when just one process can be it; program and tool when all agree.
 */
function adoptParent(log: Log, image: Image): void {
  const others = [...log.images.values()].filter((other) => other !== image && other.announced);
  const first = others[0];
  if (first === undefined) return;
  image.forked = true;
  const parents = others.filter((other) => !other.summary);
  if (parents.length === 1 && parents[0] !== undefined) image.ppid = parents[0].pid;
  if (others.every((other) => other.argv.join('\0') === first.argv.join('\0'))) image.argv = first.argv;
  if (others.every((other) => other.tool === first.tool) && first.tool !== undefined) image.tool = first.tool;
  if (others.every((other) => other.version === first.version) && first.version !== undefined) {
    image.version = first.version;
  }
}

function emit(log: Log, image: Image, record: ParsedRecord): void {
  announce(log, image);
  log.out.push(record);
}

function readMarked(log: Log, image: Image, { mark, text, line }: Held): void {
  if (log.suppression?.image === image) log.suppression = undefined;
  if (mark === '**') {
    closeBlock(log, image);
    flushReady(log, image);
    image.block = { type: 'message', source: 'client', lines: [text], frames: [] };
  } else if (mark === '--') readDebug(log, image, text);
  else if (text === '') readBlank(log, image);
  else readSentence(log, image, text, line);
}

/** Lines under `--PID--`: warnings about the program among valgrind's own debug output, which is only counted. */
function readDebug(log: Log, image: Image, text: string): void {
  const used = say.usedSuppression.exec(text) ?? say.oldUsedSuppression.exec(text);
  if (used !== null) {
    closeBlock(log, image);
    flushReady(log, image);
    emit(log, image, {
      type: 'suppression-use',
      image: image.image,
      name: used[2] ?? '',
      count: readNumber(used[1]),
      ...(used[3] !== undefined && { place: used[3] }),
      ...(used[4] !== undefined && { bytes: readNumber(used[4]), blocks: readNumber(used[5]) }),
    });
    return;
  }
  // `--5848-- Valgrind options:` and below it `--5848--    --leak-check=full`
  if (text === 'Valgrind options:') {
    image.section = 'options';
    return;
  }
  const option = image.section === 'options' ? /^ {3}(-.*)$/.exec(text) : null;
  if (option?.[1] !== undefined) {
    image.instrumentArgv.push(option[1]);
    return;
  }
  if (image.section === 'options') image.section = undefined;
  if (say.debugWarning.test(text)) {
    closeBlock(log, image);
    flushReady(log, image);
    image.block = { type: 'message', source: 'warning', lines: [text], frames: [] };
    return;
  }
  if (say.debugDetail.test(text) && image.block?.type === 'message') {
    addMessageLine(image.block.lines, text);
    return;
  }
  if (text === '' || say.advice.test(text)) return;
  image.debugLines++;
  image.debugQuote ??= text;
}

function readBlank(log: Log, image: Image): void {
  const { block } = image;
  if (image.section === 'leaks') endLeaks(log, image);
  image.section = undefined;
  if (block === undefined) return;
  if (block.type === 'error') {
    block.blanks++;
    // Only helgrind has empty lines inside an error; what follows decides whether this was one.
    if (block.headline.tool !== 'helgrind') closeBlock(log, image);
  } else if (block.type !== 'lead') closeBlock(log, image);
}

function readSentence(log: Log, image: Image, text: string, line: LogLine): void {
  const frame = log.frame(text);
  if (frame !== undefined) {
    addFrame(log, image, frame.frame, frame.first, line);
    return;
  }
  if (readSection(log, image, text)) return;
  if (text.startsWith(' ')) {
    if (addToBlock(log, image, text)) return;
    if (say.lockObserved.test(text)) {
      startBlock(log, image, { type: 'lead', body: { parts: [] } });
      addSentence(image, text);
      return;
    }
  } else {
    if (readPreamble(image, text)) return;
    if (readStructure(log, image, text)) return;
    if (continues(image.block, text)) {
      addSentence(image, text);
      return;
    }
    const headline = classifyHeadline(text, image.tool, image.version);
    if (headline !== undefined) {
      beginError(log, image, headline, text, line);
      return;
    }
  }
  if (say.advice.test(text)) {
    closeBlock(log, image);
    // Before 3.6, in place of a leak summary.
    if (text.startsWith('For a detailed leak analysis')) image.leaksDone = true;
    return;
  }
  readOther(log, image, text, line);
}

/** The margin lines that go on with what is open, instead of beginning something. */
function continues(block: Block | undefined, text: string): boolean {
  if (block?.type !== 'error' && block?.type !== 'lead') return false;
  return (
    say.continuation.test(text) ||
    say.firstObserved.test(text) ||
    say.otherSegment.test(text) ||
    say.conflictingWait.test(text) ||
    say.allocationContext.test(text)
  );
}

/** Banner, version, command. Anywhere in the log: debug output stands between these lines. */
function readPreamble(image: Image, text: string): boolean {
  if (image.announced) return false;
  const banner = say.banner.exec(text);
  if (banner?.[1] !== undefined) {
    const name = banner[1].toLowerCase();
    image.tool = name === 'nulgrind' ? 'none' : name;
    image.preamble = true;
    return true;
  }
  const using = say.using.exec(text);
  if (using?.[1] !== undefined) {
    image.version = using[1].replace(/\.$/, '');
    image.preamble = true;
    return true;
  }
  const command = say.command.exec(text);
  if (command?.[1] !== undefined) {
    image.argv = splitCommand(command[1]);
    return true;
  }
  const parent = say.parentPid.exec(text) ?? say.oldParentPid.exec(text);
  if (parent?.[1] !== undefined) {
    image.ppid = Number(parent[1]);
    if (text.startsWith('My')) image.section = 'arguments';
    return true;
  }
  return say.restOfPreamble.test(text);
}

/** Valgrind puts a backslash before each space, backslash, `<` and `>` inside an argument. */
function splitCommand(text: string): string[] {
  const argv: string[] = [];
  for (const match of text.matchAll(/(?:\\.|[^ \\]|\\$)+/g)) argv.push(match[0].replace(/\\(.)/g, '$1'));
  return argv;
}

/** Everything at the margin that is neither an error nor a message. */
function readStructure(log: Log, image: Image, text: string): boolean {
  if (say.separator.test(text) || say.announcement.test(text)) {
    closeBlock(log, image);
    return true;
  }
  const created = say.threadCreated.exec(text);
  const thread = created ?? say.rootThread.exec(text);
  if (thread !== null) {
    startBlock(log, image, { type: 'thread', id: Number(thread[1]), root: created === null, frames: [] });
    return true;
  }
  const header = say.threadHeader.exec(text);
  if (header !== null) {
    closeBlock(log, image);
    image.tid = Number(header[1]);
    const name = header[2]?.replace(/^\((.*)\)$/, '$1');
    if (name === undefined) delete image.threadName;
    else image.threadName = name;
    return true;
  }
  const context = say.contextCount.exec(text);
  if (context !== null) {
    closeBlock(log, image);
    image.context = { count: readNumber(context[1]), suppressed: context[2] !== undefined };
    if (context[2] === undefined) image.contextsTotal = readNumber(context[3]);
    return true;
  }
  const signal = say.fatalSignal.exec(text);
  if (signal !== null) {
    image.finished = true;
    startBlock(log, image, {
      type: 'signal',
      number: Number(signal[1]),
      name: signal[2] ?? `signal ${signal[1]}`,
      frames: [],
    });
    return true;
  }
  if (say.adviceParagraph.test(text)) {
    startBlock(log, image, { type: 'advice' });
    return true;
  }
  return readTotals(log, image, text);
}

function readTotals(log: Log, image: Image, text: string): boolean {
  const errors = say.errorSummary.exec(text);
  if (errors !== null) {
    closeBlock(log, image);
    flushReady(log, image);
    image.summary = true;
    image.finished = true;
    emit(log, image, {
      type: 'totals',
      image: image.image,
      errors: {
        errors: readNumber(errors[1]),
        contexts: readNumber(errors[2]),
        suppressed: readNumber(errors[3]),
        suppressedContexts: readNumber(errors[4]),
      },
    });
    return true;
  }
  const descriptors = say.descriptorSummary.exec(text);
  if (descriptors !== null) {
    closeBlock(log, image);
    flushReady(log, image);
    image.finished = true;
    emit(log, image, {
      type: 'totals',
      image: image.image,
      descriptors: { open: readNumber(descriptors[1]), inherited: readNumber(descriptors[2]) },
    });
    return true;
  }
  if (say.heapSummary.test(text) || say.leakSummary.test(text)) {
    closeBlock(log, image);
    flushReady(log, image);
    image.section = text.startsWith('HEAP') ? 'heap' : 'leaks';
    if (image.section === 'heap') image.finished = true;
    image.newCheck = true;
    return true;
  }
  if (say.allFreed.test(text)) {
    closeBlock(log, image);
    image.leaksDone = true;
    image.heap = { inUse: { bytes: 0, blocks: 0 }, ...image.heap, allFreed: true };
    emit(log, image, { type: 'totals', image: image.image, heap: image.heap });
    return true;
  }
  return false;
}

/** The indented lines under HEAP SUMMARY and LEAK SUMMARY, and the old heap lines that stand alone. */
function readSection(log: Log, image: Image, text: string): boolean {
  const inUse = say.inUse.exec(text);
  if (inUse !== null && (image.section === 'heap' || inUse[1] !== undefined)) {
    closeBlock(log, image);
    if (inUse[1] !== undefined) image.summaryFirst = true;
    image.newCheck = true;
    image.finished = true;
    image.heap = { inUse: { bytes: readNumber(inUse[2]), blocks: readNumber(inUse[3]) } };
    return true;
  }
  const usage = image.heap && say.heapUsage.exec(text);
  if (usage && image.heap) {
    image.section = undefined;
    image.heap = {
      ...image.heap,
      allocations: readNumber(usage[1]),
      frees: readNumber(usage[2]),
      allocatedBytes: readNumber(usage[3]),
    };
    emit(log, image, { type: 'totals', image: image.image, heap: image.heap });
    return true;
  }
  if (image.section === 'arguments') {
    // Up to 3.3, below `Prog and args are:`: one indented argument a line.
    if (text.startsWith('   ')) {
      image.argv.push(text.trim());
      return true;
    }
    image.section = undefined;
  }
  if (image.section !== 'leaks') return false;
  const amount = say.leakAmount.exec(text);
  if (amount !== null) {
    image.leaks[amount[1] ?? ''] = { bytes: readNumber(amount[2]), blocks: readNumber(amount[3]) };
    // Always the last line of the summary, in every version.
    if (amount[1] === 'suppressed') endLeaks(log, image);
    return true;
  }
  const heuristic = say.heuristicAmount.exec(text);
  if (heuristic !== null) {
    image.heuristics[heuristic[1] ?? ''] = {
      bytes: readNumber(heuristic[2]),
      blocks: readNumber(heuristic[3]),
    };
    return true;
  }
  if (say.heuristicsFollow.test(text)) return true;
  endLeaks(log, image);
  return false;
}

function endLeaks(log: Log, image: Image): void {
  image.section = undefined;
  const none = { bytes: 0, blocks: 0 };
  const { leaks } = image;
  if (leaks['definitely lost'] !== undefined && leaks['still reachable'] !== undefined) {
    const totals: LeakTotals = {
      definite: leaks['definitely lost'],
      indirect: leaks['indirectly lost'] ?? none,
      possible: leaks['possibly lost'] ?? none,
      reachable: leaks['still reachable'],
      ...(leaks.suppressed !== undefined && { suppressed: leaks.suppressed }),
      ...(Object.keys(image.heuristics).length > 0 && { heuristics: image.heuristics }),
    };
    image.leaksDone = true;
    emit(log, image, { type: 'totals', image: image.image, leaks: totals });
  }
  image.leaks = {};
  image.heuristics = {};
}

function beginError(log: Log, image: Image, headline: Headline, text: string, line: LogLine): void {
  const { block } = image;
  const lead = block?.type === 'lead' ? block.body.parts : undefined;
  if (block?.type === 'message' && isBeginMarker(image, block)) image.block = undefined;
  if (lead === undefined) closeBlock(log, image);
  flushReady(log, image);
  image.tool ??= headline.tool;
  const acquired = lead?.[0]?.type === 'stack' && lead[0].container === 'acquired_at';
  image.block = {
    type: 'error',
    headline: { tool: image.tool, kind: headline.kind },
    what: text,
    body: { parts: acquired ? lead : [] },
    ...(lead !== undefined && !acquired && { lead }),
    blanks: 0,
    offset: line.offset,
    ...(image.context !== undefined && { context: image.context }),
  };
  image.context = undefined;
}

/**
 * `--error-markers=BEGIN,END` puts a line of its own right before and after each error. Nothing but that can stand
 * there, so the first such line is taken for the marker.
 */
function isBeginMarker(image: Image, message: Extract<Block, { type: 'message' }>): boolean {
  const [only] = message.lines;
  if (message.lines.length !== 1 || only === undefined) return false;
  if (message.source !== 'tool' || message.frames.length > 0) return false;
  image.beginMarker ??= only;
  return image.beginMarker === only;
}

function startBlock(log: Log, image: Image, block: Block): void {
  closeBlock(log, image);
  flushReady(log, image);
  image.block = block;
}

function addFrame(log: Log, image: Image, frame: Frame, first: boolean, line: LogLine): void {
  const { block } = image;
  if (block?.type === 'error' || block?.type === 'lead') {
    const { body } = block;
    if (block.type === 'error') block.blanks = 0;
    if (first || body.stack === undefined) startStack(body);
    addBounded(log, body.stack?.frames ?? [], frame, line);
  } else if (block?.type === 'thread' || block?.type === 'signal') {
    addBounded(log, block.frames, frame, line);
  } else if (block?.type === 'message') {
    if (first && block.frames.length === 0 && isGenericError(image, block)) {
      // drd's GenericErr has no fixed words: it is whatever sentence stands over a stack.
      image.block = undefined;
      beginError(log, image, { tool: 'drd', kind: 'GenericErr' }, block.lines[0] ?? '', line);
      addFrame(log, image, frame, first, line);
    } else if (first && block.frames.length > 0) {
      startBlock(log, image, {
        type: 'message',
        source: block.source,
        lines: [log.lastRaw],
        frames: [frame],
      });
    } else addBounded(log, block.frames, frame, line);
  } else {
    log.problems.add({
      code: 'unread-lines',
      level: 'warning',
      message: 'Call frames belong to no error: the log has lost what stood above them',
      offset: line.offset,
      quote: `${frame.ip} ${frame.function ?? '???'}`,
    });
  }
}

function isGenericError(
  image: Image,
  block: { readonly source: string; readonly lines: readonly string[] },
): boolean {
  return image.tool === 'drd' && block.source === 'tool' && block.lines.length === 1 && !image.died;
}

function startStack(body: Body): void {
  const stack: MutableStack = { type: 'stack', frames: [], ...body.next };
  body.parts.push(stack);
  if (body.after !== undefined) body.parts.push(body.after);
  body.stack = stack;
  delete body.next;
  delete body.after;
}

function addBounded(log: Log, frames: Frame[], frame: Frame, line: LogLine): void {
  if (frames.length < longestBlock) frames.push(frame);
  else {
    log.problems.add({
      code: 'long-stack',
      level: 'note',
      message: `Frames were left out of a stack longer than ${longestBlock}`,
      offset: line.offset,
    });
  }
}

/** An indented line goes on with the open block, whatever it says. */
function addToBlock(log: Log, image: Image, text: string): boolean {
  const { block } = image;
  if (block === undefined) return false;
  switch (block.type) {
    case 'error':
      if (block.body.parts.length === 0 && say.errorCode.test(text)) {
        block.moreWhat = text.trim();
        return true;
      }
      addSentence(image, text);
      return true;
    case 'lead':
      addSentence(image, text);
      return true;
    case 'message':
      addMessageLine(block.lines, text);
      return true;
    case 'signal': {
      const cause = say.stackAdvice.test(text) ? null : say.signalCause.exec(text);
      if (cause?.[1] !== undefined && block.cause === undefined && block.frames.length === 0) {
        block.cause = cause[1];
        if (cause[2] !== undefined) block.address = cause[2];
      }
      return true;
    }
    case 'thread':
      closeBlock(log, image);
      return false;
    case 'advice':
      return true;
  }
}

function addMessageLine(lines: string[], text: string): void {
  if (lines.length < longestBlock) lines.push(text);
}

/** A sentence inside an error: about the error, or the title of the stack under it. */
function addSentence(image: Image, text: string): void {
  const { block } = image;
  if (block?.type !== 'error' && block?.type !== 'lead') return;
  if (block.type === 'error') block.blanks = 0;
  const { body } = block;
  delete body.stack;
  if (body.parts.length >= longestBlock) return;
  const sentence = text.trim();
  const observed = say.firstObserved.exec(text);
  const segment = say.otherSegment.exec(text);
  const allocated = say.allocationContext.exec(text);
  if (say.stackGone.test(text)) startStack(body);
  else if (observed?.[1] !== undefined && observed[2] !== undefined) {
    body.next = { container: 'first_observed_at', text: observed[1], address: observed[2] };
  } else if (segment !== null) {
    body.next = { container: `other_segment_${segment[1] === 'end' ? 'end' : 'start'}`, text: sentence };
  } else if (say.conflictingWait.test(text)) body.next = { container: 'confl_wait_call', text: sentence };
  else if (allocated !== null) {
    if (allocated[1]) body.parts.push({ type: 'text', text: allocated[1] });
    body.next = { container: 'allocation_context' };
  } else if (/^Locks held: /.test(text)) body.after = { type: 'text', text: sentence };
  else {
    body.parts.push({ type: 'text', text: sentence });
  }
}

/** A line at the margin that belongs to nothing: valgrind speaks. */
function readOther(log: Log, image: Image, text: string, line: LogLine): void {
  const descriptor = say.openDescriptor.exec(text);
  if (descriptor !== null) {
    // Up to 3.22 a list that counts as no error.
    if (image.version !== undefined && isBefore(image.version, [3, 23])) {
      startBlock(log, image, { type: 'message', source: 'tool', lines: [text], frames: [] });
    } else {
      const what = text.replace(/:$/, '');
      beginError(log, image, { tool: image.tool ?? 'memcheck', kind: 'FdNotClosed' }, what, line);
    }
    return;
  }
  if (say.acquiredAt.test(text)) {
    startBlock(log, image, {
      type: 'lead',
      body: { parts: [], next: { container: 'acquired_at' } },
    });
    return;
  }
  if (text === image.beginMarker || text === image.endMarker) {
    closeBlock(log, image);
    return;
  }
  const afterError = image.ready !== undefined && image.block === undefined;
  if (
    image.beginMarker !== undefined &&
    image.endMarker === undefined &&
    afterError &&
    !/^warning: /i.test(text)
  ) {
    image.endMarker = text;
    return;
  }
  if (say.fatal.test(text) || say.badOption.test(text)) {
    log.problems.add({
      code: say.fatal.test(text) ? 'instrument-failed-to-start' : 'bad-option',
      level: 'incomplete',
      message: `valgrind said: ${text}`,
      offset: line.offset,
      pid: image.pid,
      quote: text,
    });
  } else if (say.tooManyErrors.test(text)) {
    log.problems.add({
      code: 'error-limit',
      level: 'warning',
      message: 'valgrind stopped showing new errors, so some are not in this log',
      hint: 'Run again with --error-limit=no.',
      offset: line.offset,
      pid: image.pid,
      quote: text,
    });
  }
  const { block } = image;
  const own = block?.type === 'signal' && /^Stack overflow in thread/.test(text);
  if (own) return;
  if (block?.type === 'advice') return;
  if (
    block?.type === 'message' &&
    block.source !== 'client' &&
    block.frames.length === 0 &&
    !/^Warning: /.test(text)
  ) {
    addMessageLine(block.lines, text);
    return;
  }
  const source = /^warning: /i.test(text) ? 'warning' : /^\[\d+\] /.test(text) ? 'trace' : 'tool';
  startBlock(log, image, { type: 'message', source, lines: [text], frames: [] });
}

/** A line without mark: a suppression, valgrind's last words, or nothing of valgrind's. */
function readUnmarked(log: Log, text: string, line: LogLine): void {
  const open = log.suppression;
  if (open !== undefined) {
    const bare = text.replace(/^.*?(?=[{}]$| {3}\S)/, '');
    open.lines.push(bare);
    const second = open.lines.length === 2 && !say.suppressionName.test(bare);
    if (second || open.lines.length > longestBlock) log.suppression = undefined;
    else if (bare === '}') {
      if (open.image.ready !== undefined) open.image.ready.suppression = open.lines.join('\n');
      log.suppression = undefined;
    }
    return;
  }
  if (text.endsWith('{') && log.last !== undefined && isLeader(text.slice(0, -1))) {
    const image = log.last;
    if (image.block?.type === 'error' && isWhole(image.block)) closeBlock(log, image);
    if (image.ready !== undefined) log.suppression = { image, lines: ['{'] };
    return;
  }
  if (text.includes(': ')) readLastWords(log, text, line);
  log.lastRaw = text.trim();
}

/** `valgrind: …` without mark: it did not start, or it died itself. */
function readLastWords(log: Log, text: string, line: LogLine): void {
  if (say.internalError.test(text)) {
    const image = log.last;
    log.problems.add({
      code: 'instrument-died',
      level: 'incomplete',
      message: `valgrind itself failed: ${text}`,
      offset: line.offset,
      quote: text,
      ...(image !== undefined && { pid: image.pid }),
    });
    if (image === undefined) return;
    image.died = true;
    startBlock(log, image, { type: 'message', source: 'tool', lines: [text], frames: [] });
  } else if (say.startFailure.test(text) && !say.startAdvice.test(text)) {
    if (log.failed) return;
    log.failed = true;
    log.problems.add({
      code: 'instrument-failed-to-start',
      level: 'incomplete',
      message: `valgrind did not start: ${text.replace(/^.*?valgrind: /, '')}`,
      offset: line.offset,
      quote: text,
    });
  }
}

/** Ends what is open because something else begins or its empty line came. */
function closeBlock(log: Log, image: Image): void {
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
      message: 'a line reads like an error, but no call stack follows it',
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

/** All that an error says. Its addresses are in it: valgrind prints the very same words again. */
function contextKey({ what, body, lead }: ErrorBlock): string {
  const parts = lead === undefined ? body.parts : body.parts.slice(0, body.parts.length - lead.length);
  return [
    what,
    ...parts.map((part) => (part.type === 'text' ? part.text : part.frames.map(({ ip }) => ip).join())),
  ].join('\n');
}

function rememberContext(image: Image, key: string): string {
  const unique = `0x${image.contexts.size.toString(16)}`;
  image.contexts.set(key, unique);
  return unique;
}

/** Hands the finished error on; nothing can be added to it any more. */
function flushReady(log: Log, image: Image): void {
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
  const { headline, what } = block;
  const leak = readLeakHeadline(what);
  if (leak !== undefined) {
    if (image.lastRecord > 0 && (image.newCheck || leak.record <= image.lastRecord)) image.leakCheck++;
    image.newCheck = false;
    image.lastRecord = leak.record;
  }
  const error: ValgrindError = {
    image: image.image,
    ...(unique !== undefined && { unique }),
    // Helgrind names its threads in the sentences, by numbers of its own.
    ...(headline.tool !== 'helgrind' && { tid: image.tid }),
    ...(headline.tool !== 'helgrind' && image.threadName !== undefined && { threadName: image.threadName }),
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

/**
 * Whether the end of an error was seen. Every error ends with an empty line, but helgrind's races and lock orders
 * have empty lines inside: a race is whole with the access it conflicts with, a lock order after two empty lines.
 */
function isWhole({ headline, body, blanks }: ErrorBlock): boolean {
  if (blanks === 0) return false;
  if (headline.tool !== 'helgrind') return true;
  if (headline.kind === 'LockOrder') return blanks > 1;
  if (headline.kind !== 'Race') return true;
  return body.parts.some((part) => part.type === 'text' && part.text.startsWith('This conflicts with '));
}

/** Before 3.6 memcheck's ERROR SUMMARY came before the leaks. */
function hasSummaryFirst(image: Image): boolean {
  if (image.tool !== 'memcheck') return false;
  return image.summaryFirst || (image.version !== undefined && isBefore(image.version, [3, 6]));
}

function endImage(log: Log, image: Image, because: 'exec' | 'end of log'): void {
  announce(log, image);
  const { block } = image;
  const cut = block?.type === 'error' && !isWhole(block) ? block : undefined;
  if (cut !== undefined) {
    image.block = undefined;
    log.problems.add({
      code: 'truncated-log',
      level: 'incomplete',
      message: `the log of process ${image.pid} ends in the middle of an error, which is left out`,
      offset: cut.offset,
      pid: image.pid,
      quote: cut.what,
    });
  }
  closeBlock(log, image);
  flushReady(log, image);
  if (image.section === 'leaks') endLeaks(log, image);
  if (image.counts.size > 0 && image.contextsTold === image.contextsTotal) {
    log.out.push({ type: 'counts', image: image.image, counts: image.counts });
  }
  if (image.debugLines > 0) {
    log.problems.add({
      code: 'debug-output',
      level: 'note',
      message: `${image.debugLines} lines of valgrind's own debug output were left out`,
      pid: image.pid,
      quote: image.debugQuote ?? '',
    });
  }
  const complete =
    cut === undefined && !image.died && image.summary && (!hasSummaryFirst(image) || image.leaksDone);
  if (!complete && !image.died && because === 'end of log') reportNoEnd(log, image);
  log.out.push({ type: 'process-end', image: image.image, complete, finished: image.finished });
}

function reportNoEnd(log: Log, image: Image): void {
  const quiet = !image.preamble && !image.forked && !image.finished;
  log.problems.add({
    code: quiet ? 'end-not-shown' : 'truncated-log',
    level: 'warning',
    message: quiet
      ? `the log has neither the preamble nor the summary of process ${image.pid} (valgrind was run with -q, or this is a part), so nothing tells whether it is whole`
      : `the log of process ${image.pid} has no ERROR SUMMARY at its end`,
    pid: image.pid,
  });
}

function endLog(log: Log): void {
  for (const held of log.held.values()) addUnclaimed(log, held);
  for (const image of log.images.values()) endImage(log, image, 'end of log');
  if (log.images.size === 0 && !log.failed) {
    log.problems.add({
      code: 'no-process',
      level: 'incomplete',
      message: 'Nothing in this file was written by valgrind',
    });
  }
  for (const problem of log.problems.list()) log.out.push({ type: 'problem', problem });
}
