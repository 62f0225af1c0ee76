// What each marked line of a text log does to its process image: begin something, go on with it, or end it.
import type { Frame } from '../../model/finding.ts';
import { classifyHeadline, type Headline, isBefore, readNumber } from './headlines.ts';
import type { LogLine } from './log-lines.ts';
import { addSentence, type Block, continues, longestBlock, startStack } from './text-blocks.ts';
import * as say from './text-grammar.ts';
import { closeBlock, emit, flushReady, type Image, type Log, startBlock } from './text-images.ts';
import { endLeaks, readSection, readTotals } from './text-totals.ts';

/** Longer lines before an error are sentences, not marks of the user's. */
const longestMarker = 80;

/** Lines under `--PID--`: warnings about the program among valgrind's own debug output, which is only counted. */
export function readDebug(log: Log, image: Image, text: string): void {
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
  const isDetail = say.debugDetail.test(text);
  if (isDetail && image.block?.type === 'message') {
    addMessageLine(image.block.lines, text);
    return;
  }
  if (isDetail || say.debugWarning.test(text)) {
    // Debug information is read while a stack is printed: the error goes on after the warning.
    if (image.block !== undefined && image.block.type !== 'message') {
      emit(log, image, { type: 'message', image: image.image, source: 'warning', text });
    } else startBlock(log, image, { type: 'message', source: 'warning', lines: [text], frames: [] });
    return;
  }
  if (text === '' || say.advice.test(text)) return;
  image.debugLines++;
  image.debugQuote ??= text;
}

export function readBlank(log: Log, image: Image): void {
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

export function readSentence(log: Log, image: Image, text: string, line: LogLine): void {
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
      addSentence(image.block, text);
      return;
    }
  } else {
    if (readPreamble(image, text)) return;
    if (readStructure(log, image, text)) return;
    if (continues(image.block, text)) {
      addSentence(image.block, text);
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
    const name = header[2]?.replace(/^\((.*)\)$/, '$1');
    image.thread = { id: Number(header[1]), ...(name !== undefined && { name }) };
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

function beginError(log: Log, image: Image, headline: Headline, text: string, line: LogLine): void {
  const { block } = image;
  const lead = block?.type === 'lead' ? block.body.parts : undefined;
  if (block?.type === 'message' && isBeginMarker(log, image, block, line)) image.block = undefined;
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
    // Helgrind names its threads in the sentences, by numbers of its own.
    ...(image.tool !== 'helgrind' && { thread: image.thread }),
    ...(image.context !== undefined && { context: image.context }),
  };
  image.context = undefined;
}

/**
 * `--error-markers=BEGIN,END` puts a line of its own right before and after each error. Nothing but that can stand
 * there, so the first such line is taken for the marker.
 */
function isBeginMarker(
  log: Log,
  image: Image,
  message: Extract<Block, { type: 'message' }>,
  line: LogLine,
): boolean {
  const [only] = message.lines;
  if (message.lines.length !== 1 || only === undefined || only.length > longestMarker) return false;
  if (message.source !== 'tool' || message.frames.length > 0) return false;
  if (image.beginMarker === undefined) {
    image.beginMarker = only;
    log.problems.add({
      code: 'error-markers',
      level: 'note',
      message: 'Lines right before errors were taken for the marks of --error-markers',
      offset: line.offset,
      quote: only,
    });
  }
  return image.beginMarker === only;
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
      addSentence(image.block, text);
      return true;
    case 'lead':
      addSentence(image.block, text);
      return true;
    case 'message':
      // `   <inherited from parent>` stands under the descriptor in place of a stack.
      if (block.lines.length === 1 && say.openDescriptor.test(block.lines[0] ?? '')) {
        block.lines[0] = `${block.lines[0]?.replace(/:$/, '')} ${text.trim()}`;
      } else addMessageLine(block.lines, text);
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
  if (say.noSharedMemory.test(text)) {
    log.problems.add({
      code: 'instrument-failed-to-start',
      level: 'incomplete',
      message: `Valgrind ended process ${image.pid}: ${text}`,
      hint: 'Run with --vgdb=no.',
      offset: line.offset,
      pid: image.pid,
      quote: text,
    });
  } else if (say.fatal.test(text) || say.badOption.test(text)) {
    log.problems.add({
      code: say.fatal.test(text) ? 'instrument-failed-to-start' : 'bad-option',
      level: 'incomplete',
      message: `Valgrind said: ${text}`,
      offset: line.offset,
      pid: image.pid,
      quote: text,
    });
  } else if (say.tooManyErrors.test(text)) {
    log.problems.add({
      code: 'error-limit',
      level: 'warning',
      message: 'Valgrind stopped showing new errors, so some are not in this log',
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
