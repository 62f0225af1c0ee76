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
import type { Problem } from '../../model/problem.ts';
import type { ParsedRecord } from '../../model/record.ts';
import type { ReadContext, Reader } from '../tool.ts';
import { classifyHeadline } from './headlines.ts';
import { createLineSplitter, type LogLine, longestLine } from './log-lines.ts';
import { createProblemTally } from './problem-tally.ts';
import { isWhole, longestBlock } from './text-blocks.ts';
import { createFrameReader } from './text-frames.ts';
import * as say from './text-grammar.ts';
import {
  announce,
  beginImage,
  closeBlock,
  countChecks,
  flushReady,
  type Held,
  type HeldPid,
  hasSummaryFirst,
  type Image,
  type Log,
  startBlock,
} from './text-images.ts';
import { findMark, isLeader, plain, proves } from './text-marks.ts';
import { readBlank, readDebug, readSentence } from './text-sentences.ts';
import { endLeaks } from './text-totals.ts';

/** Reads text logs. See the head of this file for what it takes as valgrind's word. */
export const valgrindText: Reader = {
  name: 'valgrind-text',
  recognizes: recognizesText,
  read: readText,
};

/** Lines kept of a pid until it proves to be valgrind's, and pids so kept. */
const heldLines = 200;

const heldPids = 64;

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
    if (proves(marked.text, headlines.has(marked.pid)) || say.badOption.test(marked.text)) return true;
    if (classifyHeadline(marked.text, undefined, undefined) !== undefined) headlines.add(marked.pid);
  }
  return false;
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
    if (!say.banner.test(line.text) || !isUnderWay(known)) return known;
    endImage(log, known, 'exec');
    return beginImage(log, pid);
  }
  if (line.mark === '==' && say.badOption.test(line.text)) {
    log.failed = true;
    log.problems.add({
      code: 'bad-option',
      level: 'incomplete',
      message: `Valgrind did not take an option: ${line.text.slice(12)}`,
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
  if (log.context.fromInstrument === true || proves(line.text, held.headline)) {
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

/** Whether anything of the image was read, if only the beginning of its first error. */
function isUnderWay(image: Image): boolean {
  return image.preamble || image.announced || image.block !== undefined || image.ready !== undefined;
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
      message: `Valgrind itself failed: ${text}`,
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
    const said = text.replace(/^.*?valgrind: /, '');
    // A forked child that changed its root or its rights has no way to its own file, and valgrind ends it.
    const noFile = /^Cannot create \S+ file /i.test(said);
    log.problems.add({
      code: 'instrument-failed-to-start',
      level: 'incomplete',
      message: noFile ? `Valgrind ended a process: ${said}` : `Valgrind did not start: ${said}`,
      ...(noFile && {
        hint: 'After chroot, or a change of user, a child cannot make its own log: run with --capture=fd.',
      }),
      offset: line.offset,
      quote: text,
    });
  }
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
      message: `The log of process ${image.pid} ends in the middle of an error, which is left out`,
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
  const leakChecks = countChecks(image);
  log.out.push({
    type: 'process-end',
    image: image.image,
    complete,
    finished: image.finished,
    ...(leakChecks !== undefined && { leakChecks }),
  });
}

function reportNoEnd(log: Log, image: Image): void {
  const quiet = !image.preamble && !image.forked && !image.finished;
  const problem: Problem = {
    code: quiet ? 'end-not-shown' : 'truncated-log',
    level: 'warning',
    message: quiet
      ? `The log has neither the preamble nor the summary of process ${image.pid} (valgrind was run with -q, or this is a part), so nothing tells whether it is whole`
      : `The log of process ${image.pid} has no ERROR SUMMARY at its end`,
    pid: image.pid,
  };
  log.problems.add(problem, String(image.pid));
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
