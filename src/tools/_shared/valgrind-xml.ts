// Reads valgrind's XML, protocols 1 to 6: every element becomes part of some record.
import type { Frame } from '../../model/finding.ts';
import type { Amount, HeapTotals, LeakTotals, ParsedRecord } from '../../model/record.ts';
import type { ReadContext, Reader } from '../tool.ts';
import { type Draft, parseGrouped } from './interpret.ts';
import { createProblemTally } from './problem-tally.ts';
import type { ErrorPart, StackContainer, ValgrindError } from './valgrind-error.ts';
import { type AnnouncedImage, createProcesses, type Image } from './xml-processes.ts';
import {
  createScanner,
  decodeText,
  detach,
  type FrameDraft,
  isPlain,
  type ScannerTrouble,
  setFrameField,
} from './xml-scanner.ts';

/**
 * valgrind's `--xml=yes` output. One input may hold several documents, one after the other or one inside the other.
 * Problems come last, one of each kind, since they say how often. Where the input ends inside an element, that
 * element is left out. A process that wrote into another's document, or whose document lost its head, has pid 0.
 */
export const valgrindXml: Reader = {
  name: 'valgrind-xml',
  recognizes(head) {
    const text = Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1');
    return (
      /^\s*<\?xml[^>]*>\s*(?:<valgrindoutput>|$)/.test(text) ||
      /<valgrindoutput>\s*<protocolversion>/.test(text) ||
      // A document that lost its head, as in a file that another process truncated.
      /^\s*<(?:error>\s*<unique>|status>\s*<state>|frame>\s*<ip>)/m.test(text)
    );
  },
  async *read(source, context) {
    const reader = createXmlReader(context);
    for await (const bytes of source) {
      reader.push(bytes);
      yield* reader.take();
    }
    reader.end();
    yield* reader.take();
  },
};

/** The message that carries a stack for which only the text log has words. */
export const looseStackText = 'A stack whose text stands in the log';

/** A top-level element while it is read. */
interface Block {
  readonly name: string;
  readonly offset: number;
  /** Missing when its end is. */
  length?: number;
  /** The element below the block in which texts stand, or ''. */
  section: string;
  /** Texts by `name`, or `section/name`. */
  readonly fields: Map<string, string>;
  readonly parts: ErrorPart[];
  readonly threads: number[];
  rows?: Map<string, number>;
  heuristics?: Map<string, Amount>;
  /** The two command lines in <args>. */
  lists?: { argv: string[]; vargv: string[] };
  /** The open <stack>. */
  frames?: Frame[] | undefined;
  /** The open <frame>, when it is not written as frames are. */
  frame?: FrameDraft | undefined;
  container?: { name: StackContainer; text?: string; address?: string; hasStack?: boolean } | undefined;
  aux?: { text?: string; file?: string; line?: number; directory?: string } | undefined;
  moreWhat?: string;
  suppression?: string;
  /** What it keeps: characters of text, frames, parts. */
  size: number;
  /** Said once, however much is left out. */
  isOversized?: boolean;
}

const blockNames = new Set(
  (
    'preamble logfilequalifier args status error announcethread clientmsg fatal_signal trace errorcounts suppcounts ' +
    'suppression heap_summary leak_summary error_summary'
  ).split(' '),
);
const stackContainers: ReadonlySet<string> = new Set<StackContainer>([
  'acquired_at',
  'first_observed_at',
  'allocation_context',
  'confl_wait_call',
  'other_segment_start',
  'other_segment_end',
]);

const errorFields = new Set([
  'unique',
  'tid',
  'threadname',
  'kind',
  'fd',
  'path',
  'leakedbytes',
  'leakedblocks',
]);
const auxFields = new Set(['text', 'file', 'line', 'dir', 'hthreadid']);
const frameFields = new Set(['ip', 'obj', 'fn', 'dir', 'file', 'line']);

/** One element keeps at most this much; 500 frames in each of three stacks need a thousandth. */
const BLOCK_LIMIT = 1 << 21;
/** Of one stack; `--num-callers` takes at most 500. */
const FRAMES_LIMIT = 1000;
const HEURISTICS_LIMIT = 100;
const ROWS_LIMIT = 500_000;
const TEXTS_LIMIT = 20_000;
const THREADS_LIMIT = 10_000;
const LOOSE_STACKS_LIMIT = 1000;

function createXmlReader(context: ReadContext) {
  const problems = createProblemTally(context.artifact);
  let records: ParsedRecord[] = [];
  const emit = (record: ParsedRecord) => void records.push(record);
  const processes = createProcesses(context, emit, problems);
  const scanner = createScanner({
    document: beginDocument,
    open,
    close,
    text,
    frame: addFrame,
    stray,
    trouble,
    suppressedIsText: () => block?.name === 'error_summary',
  });
  const texts = new Map<string, string>();
  let block: Block | undefined;
  let length = 0;
  let looseStacks = 0;

  function push(bytes: Uint8Array): void {
    length += bytes.length;
    scanner.push(bytes);
  }

  function end(): void {
    scanner.end();
    const quote = block ? `<${block.name}>` : '';
    block = undefined;
    processes.end(length, quote);
    for (const problem of problems.list()) emit({ type: 'problem', problem });
  }

  function take(): ParsedRecord[] {
    const taken = records;
    records = [];
    return taken;
  }

  // ── The scanner's events ──────────────────────────────────────────────────────────────────────────────────────

  function beginDocument(offset: number): void {
    interrupt(offset);
    processes.begin(offset);
  }

  function open(name: string, offset: number): void {
    if (name === 'valgrindoutput') beginDocument(offset);
    else if (blockNames.has(name) && !(name === 'suppression' && block?.name === 'error')) {
      interrupt(offset);
      block = newBlock(name, offset);
    } else if (!block && name !== 'stack' && name !== 'frame') misplaced(name, offset);
    else if (!block) {
      block = newBlock('stack', offset);
      block.frames = [];
      if (name === 'frame') block.frame = {};
    } else if (name === 'frame') {
      endFrame(block);
      block.frames ??= [];
      block.frame = {};
    } else if (name === 'stack') {
      endStack(block);
      block.frames = [];
    } else if (stackContainers.has(name)) {
      endContainer(block);
      block.container = { name: name as StackContainer };
    } else if (name === 'xauxwhat') {
      endContainer(block);
      endAux(block);
      block.aux = {};
    } else if (name === 'pair') {
      endRow(block);
    } else if (name === 'reachable_heuristic') {
      block.section = `${block.section}/${name}`;
    } else if (name !== 'sframe') {
      endContainer(block);
      block.section = name;
    }
  }

  function close(name: string, offset: number): void {
    if (name === 'valgrindoutput') {
      interrupt(offset);
      processes.close(offset);
    } else if (block && name === block.name) {
      const finished = block;
      block = undefined;
      finished.length = offset + `</${name}>`.length - finished.offset;
      endParts(finished);
      finishBlock(finished);
    } else if (!block) misplaced(`/${name}`, offset);
    else if (name === 'stack') endStack(block);
    else if (name === 'frame') endFrame(block);
    else if (stackContainers.has(name)) endContainer(block);
    else if (name === 'xauxwhat') endAux(block);
    else if (name === 'pair') endRow(block);
    else if (name === 'reachable_heuristic') endHeuristic(block);
    else if (name !== 'sframe') block.section = '';
  }

  function text(name: string, raw: string, offset: number): void {
    if (!block) {
      topLevelText(name, read(raw), offset);
      return;
    }
    block.size += raw.length;
    if (block.size > BLOCK_LIMIT) {
      oversized(block, offset);
      return;
    }
    if (block.frame && frameFields.has(name)) {
      if (!setFrameField(block.frame, name, raw)) unreadable(name, raw, offset);
      return;
    }
    if (block.frames) endStack(block);
    if (name === 'rawtext') block.suppression = readCdata(raw);
    else if (block.section === 'suppression' || block.name === 'suppression') {
      // sname, skind, skaux, fun, obj: the raw text has them all.
    } else if (block.name === 'error') errorText(block, name, read(raw), offset);
    else if (name === 'arg' || name === 'exe') {
      if (block.section === 'argv' || block.section === 'vargv') {
        block.lists ??= { argv: [], vargv: [] };
        block.lists[block.section].push(read(raw));
      } else misplaced(name, offset);
    } else if (block.name === 'preamble') {
      // Using Valgrind-3.19.0 and LibVEX; rerun with -h for copyright info
      const version = /^Using valgrind-(\d[\w.]*\w)/i.exec(read(raw))?.[1];
      if (version !== undefined) processes.draft(offset).version = version;
    } else if (name === 'hthreadid') addThread(block, read(raw), offset);
    else block.fields.set(block.section === '' ? name : `${block.section}/${name}`, read(raw));
  }

  function addFrame(frame: Frame, offset: number): void {
    if (!block) open('frame', offset);
    if (!block) return;
    endFrame(block);
    block.frames ??= [];
    keepFrame(block, block.frames, frame, offset);
  }

  function stray(found: string, foundAt: number): void {
    // The end of an unknown element says nothing that its begin did not; what stands behind it does.
    const closing = /^<\/[\w-]{1,40}>\s*/.exec(found)?.[0] ?? '';
    const raw = found.slice(closing.length);
    const offset = foundAt + closing.length;
    if (raw === '') return;
    const quote = decodeText(raw.slice(0, 400)).trim();
    const name = /^<([\w-]{1,40})>/.exec(raw)?.[1];
    if (name !== undefined) {
      problems.add(
        {
          code: 'unknown-element',
          level: 'note',
          message: `The element <${name}> is not known`,
          offset,
          quote,
        },
        name,
      );
    } else if (block?.name === 'error' && !block.frames && !raw.startsWith('<')) {
      // The grammar has bare text here, e.g. `(the start of the thread)`.
      block.size += raw.length;
      if (block.size > BLOCK_LIMIT) oversized(block, offset);
      else
        for (const text of decodeText(raw).split('\n'))
          if (text.trim()) block.parts.push({ type: 'text', text });
    } else {
      problems.add({
        code: 'stray-text',
        level: 'warning',
        message: 'Text stands where none belongs',
        offset,
        quote,
      });
    }
  }

  function trouble(code: ScannerTrouble, quote: string, offset: number): void {
    if (code === 'hole') {
      problems.add({
        code,
        level: 'incomplete',
        message: 'The file has a hole of NUL bytes: it was truncated while a process wrote to it',
        hint: 'Use %p in --xml-file, so that each process has a file of its own.',
        offset,
      });
    } else if (code === 'unclosed-element') {
      problems.add({ code, level: 'warning', message: 'An element is not closed', offset, quote });
    } else {
      problems.add({
        code,
        level: 'note',
        message: 'A text is longer than 64 KiB and was cut',
        offset,
        quote,
      });
    }
  }

  // ── Blocks ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Another top-level element begins before the current one ended: what the current one has is all it will have. */
  function interrupt(offset: number): void {
    if (!block) return;
    const cut = block;
    block = undefined;
    endParts(cut);
    if (cut.name === 'stack') {
      finishBlock(cut);
      return;
    }
    problems.add(
      {
        code: 'unclosed-element',
        level: 'warning',
        message: `The element <${cut.name}> is not closed`,
        offset,
        quote: cut.fields.get('what') ?? `<${cut.name}>`,
      },
      cut.name,
    );
    // Half a list of counts or totals would be wrong; half an error is still one.
    const isWrongWhenCut = /counts$|summary$|^suppression$/.test(cut.name);
    const isError =
      cut.fields.has('kind') && cut.fields.has('what') && cut.parts.some(({ type }) => type === 'stack');
    if (cut.name === 'error' ? isError : !isWrongWhenCut) finishBlock(cut);
  }

  function finishBlock(done: Block): void {
    if (done.name === 'preamble') return;
    if (done.name === 'stack') looseStack(done);
    else if (done.name === 'suppression') looseSuppression(done);
    else if (done.name === 'status') finishStatus(done);
    else if (done.name === 'args' || done.name === 'logfilequalifier') {
      finishHead(done, processes.draft(done.offset));
    } else finishEvent(done, processes.announced(done.offset));
  }

  function finishEvent(done: Block, image: AnnouncedImage): void {
    nameThread(done, image);
    if (done.name === 'error') finishError(done, image);
    else if (done.name === 'heap_summary') {
      addHeap(image, {
        inUse: readAmount(done, 'memory_in_use_at_exit'),
        allocations: requiredNumber(done, 'total_heap_usage/allocs'),
        frees: requiredNumber(done, 'total_heap_usage/frees'),
        allocatedBytes: requiredNumber(done, 'total_heap_usage/bytes_allocated'),
      });
    } else if (done.name === 'suppcounts') {
      for (const [name, count] of done.rows ?? [])
        emit({ type: 'suppression-use', image: image.number, name, count });
    } else {
      // The check after FINISHED is the last one: nothing begins after its summary.
      if (done.name === 'leak_summary' && !image.isFinished) endLeakCheck(image);
      const record = readEvent(done, image.number);
      if (record) emit(record);
    }
  }

  function readEvent(done: Block, image: number): ParsedRecord | undefined {
    const stack = done.parts.find((part) => part.type === 'stack');
    const withStack = stack ? { stack: { label: 'at' as const, frames: stack.frames } } : {};
    switch (done.name) {
      case 'announcethread': {
        const [id = 0] = done.threads;
        return {
          type: 'thread',
          image,
          id,
          root: done.fields.has('isrootthread'),
          frames: stack?.frames ?? [],
        };
      }
      case 'clientmsg':
      case 'trace': {
        const text = (done.fields.get('text') ?? '').trimEnd();
        return {
          type: 'message',
          image,
          source: done.name === 'trace' ? 'trace' : 'client',
          text,
          ...withStack,
        };
      }
      case 'fatal_signal': {
        const code = optionalNumber(done, 'sicode');
        const event = done.fields.get('event');
        const address = done.fields.get('siaddr');
        const thread = optionalNumber(done, 'tid');
        return {
          type: 'fatal-signal',
          image,
          number: requiredNumber(done, 'signo'),
          name: done.fields.get('signame') ?? 'unknown',
          ...(code !== undefined && { code }),
          ...(event !== undefined && { event }),
          ...(address !== undefined && { address }),
          ...(thread !== undefined && { thread }),
          ...withStack,
        };
      }
      case 'errorcounts':
        return { type: 'counts', image, counts: done.rows ?? new Map() };
      case 'leak_summary':
        return { type: 'totals', image, leaks: readLeaks(done) };
      case 'error_summary': {
        const errors = {
          errors: requiredNumber(done, 'errors'),
          contexts: requiredNumber(done, 'error_contexts'),
          suppressed: requiredNumber(done, 'suppressed'),
          suppressedContexts: requiredNumber(done, 'suppressed_contexts'),
        };
        return { type: 'totals', image, errors };
      }
      default:
        return undefined;
    }
  }

  function topLevelText(name: string, value: string, offset: number): void {
    const image = processes.draft(offset);
    if (name === 'all_heap_blocks_freed') {
      // `false` says nothing that the summaries do not say in numbers.
      if (value === 'true')
        addHeap(processes.announced(offset), { inUse: { bytes: 0, blocks: 0 }, allFreed: true });
    } else if (name === 'tool' || name === 'protocoltool') image.tool = value;
    else if (name === 'usercomment') image.userComment = value;
    else if (name === 'pid' || name === 'ppid' || name === 'protocolversion') {
      const number = readNumber(value, name, offset);
      if (number === undefined) return;
      if (name === 'pid') processes.setPid(number);
      else if (name === 'ppid') image.ppid = number;
      else image.protocol = number;
    } else misplaced(name, offset);
  }

  function finishHead(done: Block, image: Image): void {
    if (done.name === 'logfilequalifier') {
      image.logFileQualifiers.push(`${done.fields.get('var') ?? ''}=${done.fields.get('value') ?? ''}`);
      return;
    }
    image.hasArgs = true;
    if (!done.lists) return;
    image.argv = done.lists.argv;
    image.instrumentArgv = done.lists.vargv;
  }

  function finishStatus(done: Block): void {
    const state = done.fields.get('state');
    const time = done.fields.get('time')?.trim();
    if (state === 'RUNNING') {
      processes.draft(done.offset).isRunning = true;
      processes.announced(done.offset);
    } else if (state === 'FINISHED') {
      const image = processes.announced(done.offset);
      image.isFinished = true;
      endLeakCheck(image);
      const durationMs = parseClock(time);
      if (durationMs !== undefined) image.durationMs = durationMs;
      else unreadable('time', time ?? '', done.offset);
    } else unreadable('state', state ?? '', done.offset);
  }

  function finishError(done: Block, image: AnnouncedImage): void {
    const kind = done.fields.get('kind') ?? 'unknown';
    const what = done.fields.get('what') ?? '';
    if (kind.startsWith('Leak_')) countLossRecord(image, what);
    // Assigned one by one: spreading what may be missing takes twice as long, and this is done for every error.
    const error: Draft<ValgrindError> = {
      image: image.number,
      kind,
      what,
      threads: done.threads,
      leakCheck: image.leakCheck,
      parts: done.parts,
    };
    const unique = done.fields.get('unique');
    if (unique !== undefined) error.unique = unique;
    const tid = optionalNumber(done, 'tid');
    if (tid !== undefined) error.tid = tid;
    const threadName = done.fields.get('threadname');
    if (threadName !== undefined) error.threadName = threadName;
    const fd = optionalNumber(done, 'fd');
    if (fd !== undefined) error.fd = fd;
    const path = done.fields.get('path');
    if (path !== undefined) error.path = path;
    const leakedBytes = optionalNumber(done, 'leakedbytes');
    if (leakedBytes !== undefined) error.leakedBytes = leakedBytes;
    const leakedBlocks = optionalNumber(done, 'leakedblocks');
    if (leakedBlocks !== undefined) error.leakedBlocks = leakedBlocks;
    if (done.moreWhat !== undefined) error.moreWhat = done.moreWhat;
    if (done.suppression !== undefined) error.suppression = done.suppression;
    if (done.suppression !== undefined) image.suppression = done.suppression;
    if (done.length !== undefined) {
      error.span = { artifact: context.artifact, offset: done.offset, length: done.length };
    }
    emit(image.interpret(error));
  }

  function errorText(error: Block, name: string, value: string, offset: number): void {
    const { container, aux } = error;
    if (container && (name === 'what' || name === 'address')) {
      if (name === 'what') container.text = value;
      else container.address = value;
      return;
    }
    if (aux && auxFields.has(name)) {
      if (name === 'text') aux.text = value;
      else if (name === 'file') aux.file = value;
      else if (name === 'dir') aux.directory = value;
      else if (name === 'line') {
        const line = readNumber(value, name, offset);
        if (line !== undefined) aux.line = line;
      }
      return;
    }
    endContainer(error);
    endAux(error);
    if (name === 'what' || (name === 'text' && error.section === 'xwhat')) {
      if (!error.fields.has('what')) error.fields.set('what', value);
      else if (error.moreWhat === undefined) error.moreWhat = value;
      else error.parts.push({ type: 'text', text: value });
    } else if (name === 'auxwhat') error.parts.push({ type: 'text', text: value });
    else if (name === 'hthreadid') addThread(error, value, offset);
    else if (errorFields.has(name)) {
      error.fields.set(name, value);
    } else misplaced(name, offset);
  }

  // ── Parts of a block ──────────────────────────────────────────────────────────────────────────────────────────

  function endParts(done: Block): void {
    endContainer(done);
    endAux(done);
    endRow(done);
  }

  function endFrame(owner: Block): void {
    const { frame, frames } = owner;
    owner.frame = undefined;
    if (frame && frames) keepFrame(owner, frames, scanner.internFrame(frame), owner.offset);
  }

  function keepFrame(owner: Block, frames: Frame[], frame: Frame, offset: number): void {
    owner.size += 16;
    if (frames.length >= FRAMES_LIMIT || owner.size > BLOCK_LIMIT) oversized(owner, offset);
    else frames.push(frame);
  }

  function endStack(owner: Block): void {
    endFrame(owner);
    const { frames, container } = owner;
    owner.frames = undefined;
    if (!frames) return;
    if (container) container.hasStack = true;
    owner.parts.push({
      type: 'stack',
      frames,
      ...(container && { container: container.name }),
      ...(container?.text !== undefined && { text: container.text }),
      ...(container?.address !== undefined && { address: container.address }),
    });
  }

  function endContainer(owner: Block): void {
    endStack(owner);
    const { container } = owner;
    // drd leaves the element empty when the other thread is gone.
    if (container && !container.hasStack)
      owner.parts.push({ type: 'stack', frames: [], container: container.name });
    owner.container = undefined;
  }

  function endAux(owner: Block): void {
    const { aux } = owner;
    owner.aux = undefined;
    if (aux) owner.parts.push({ type: 'text', ...aux, text: aux.text ?? '' });
  }

  function endRow(owner: Block): void {
    const name = owner.fields.get('unique') ?? owner.fields.get('name');
    const isCounted = owner.name === 'errorcounts' || owner.name === 'suppcounts';
    if (!isCounted || name === undefined) return;
    owner.rows ??= new Map();
    if (owner.rows.size < ROWS_LIMIT) {
      owner.rows.set(name, (owner.rows.get(name) ?? 0) + requiredNumber(owner, 'count'));
    } else oversized(owner, owner.offset);
    owner.fields.clear();
    // Rows have a limit of their own.
    owner.size = 0;
  }

  function endHeuristic(owner: Block): void {
    const kind = owner.fields.get(`${owner.section}/kind`);
    const amount = readAmount(owner, owner.section);
    owner.heuristics ??= new Map();
    if (kind !== undefined && owner.heuristics.size < HEURISTICS_LIMIT) owner.heuristics.set(kind, amount);
    owner.section = owner.section.replace(/\/.*/, '');
  }

  function addThread(owner: Block, value: string, offset: number): void {
    const thread = readNumber(value, 'hthreadid', offset);
    if (thread !== undefined) owner.threads.push(thread);
  }

  // ── Smaller things ────────────────────────────────────────────────────────────────────────────────────────────

  /** A loss record number that does not grow begins a new leak check. */
  function countLossRecord(image: Image, what: string): void {
    // 32 bytes in 1 blocks are definitely lost in new loss record 2 of 9
    const record = parseGrouped(/ in (?:new )?loss record (\d[\d,]*) of /.exec(what)?.[1]);
    if (record === undefined) return;
    if (record <= image.lossRecord) image.leakCheck++;
    image.lossRecord = record;
  }

  function endLeakCheck(image: Image): void {
    if (image.lossRecord > 0) image.leakCheck++;
    image.lossRecord = 0;
  }

  function addHeap(image: AnnouncedImage, heap: HeapTotals): void {
    image.heap = { ...image.heap, ...heap };
    emit({ type: 'totals', image: image.number, heap: image.heap });
  }

  function readLeaks(summary: Block): LeakTotals {
    const suppressed = summary.fields.has('suppressed/bytes') ? readAmount(summary, 'suppressed') : undefined;
    return {
      definite: readAmount(summary, 'definitely_lost'),
      indirect: readAmount(summary, 'indirectly_lost'),
      possible: readAmount(summary, 'possibly_lost'),
      reachable: readAmount(summary, 'still_reachable'),
      ...(suppressed && { suppressed }),
      ...(summary.heuristics && { heuristics: Object.fromEntries(summary.heuristics) }),
    };
  }

  /** A thread's name, once: errors carry it too. helgrind's own thread numbers are others than these. */
  function nameThread(done: Block, image: AnnouncedImage): void {
    const name = done.fields.get('threadname');
    const id = name === undefined || image.tool === 'helgrind' ? undefined : optionalNumber(done, 'tid');
    if (name === undefined || id === undefined) return;
    if (image.threadNames.get(id) === name || image.threadNames.size >= THREADS_LIMIT) return;
    image.threadNames.set(id, name);
    emit({ type: 'thread', image: image.number, id, root: id === 1, name, frames: [] });
  }

  /**
   * A stack by itself. Behind the closed root: valgrind failed an assertion of its own and printed where all threads
   * are. Before it: its text went to the log (open descriptors up to 3.22, helgrind's --track-destroy).
   */
  function looseStack(done: Block): void {
    const frames = done.parts.flatMap((part) => (part.type === 'stack' ? part.frames : []));
    const dead = processes.justClosed();
    if (dead) {
      problems.add({
        code: 'instrument-died',
        level: 'incomplete',
        message: 'The instrument died of an error of its own: stacks stand behind the end of its document',
        hint: 'Its log says why; look for "the \'impossible\' happened" or "Assertion".',
        offset: done.offset,
        quote: frames.map((frame) => frame.function ?? frame.ip ?? '???').join(' < '),
        ...(dead.pid !== undefined && { pid: dead.pid }),
      });
    }
    const image = dead ?? processes.announced(done.offset);
    if (looseStacks++ === LOOSE_STACKS_LIMIT) {
      problems.add({
        code: 'loose-stacks',
        level: 'note',
        message: `Of the stacks without text only the first ${LOOSE_STACKS_LIMIT} are kept`,
        offset: done.offset,
      });
    }
    if (looseStacks > LOOSE_STACKS_LIMIT) return;
    emit({
      type: 'message',
      image: image.number,
      source: 'tool',
      text: dead ? 'Where a thread was when the instrument died' : looseStackText,
      stack: { label: dead ? 'at' : 'related', frames },
    });
  }

  /** With --gen-suppressions=all each error's suppression stands a second time behind it. */
  function looseSuppression(done: Block): void {
    const image = processes.draft(done.offset);
    if (done.suppression === image.suppression) return;
    problems.add({
      code: 'loose-suppression',
      level: 'note',
      message: 'A suppression stands alone, without its error',
      offset: done.offset,
      quote: done.suppression ?? '',
    });
  }

  function readAmount(owner: Block, section: string): Amount {
    return {
      bytes: requiredNumber(owner, `${section}/bytes`),
      blocks: requiredNumber(owner, `${section}/blocks`),
    };
  }

  function optionalNumber(owner: Block, field: string): number | undefined {
    const value = owner.fields.get(field);
    return value === undefined ? undefined : readNumber(value, field, owner.offset);
  }

  function requiredNumber(owner: Block, field: string): number {
    return optionalNumber(owner, field) ?? 0;
  }

  /** `1,234,567`, or `1,600 (+200)` with the change since the last leak check. */
  function readNumber(value: string, name: string, offset: number): number | undefined {
    if (/^\d{1,15}$/.test(value)) return Number(value);
    const number = parseGrouped(/^\s*(-?\d[\d,]*)(?:\s*\([+-]\d[\d,]*\))?\s*$/.exec(value)?.[1]);
    if (number === undefined) unreadable(name, value, offset);
    return number;
  }

  function read(raw: string): string {
    // So short a substring is a copy already, and often one of a kind: an id.
    if (raw.length < 13 && isPlain(raw)) return raw;
    let value = texts.get(raw);
    if (value === undefined) {
      value = decodeText(raw);
      if (texts.size >= TEXTS_LIMIT) texts.clear();
      if (raw.length < 1000) texts.set(value === raw ? value : detach(raw), value);
    }
    return value;
  }

  function unreadable(name: string, value: string, offset: number): void {
    problems.add(
      {
        code: 'unreadable-value',
        level: 'warning',
        message: `<${name}> holds no such value`,
        offset,
        quote: value,
      },
      name,
    );
  }

  function misplaced(name: string, offset: number): void {
    problems.add(
      {
        code: 'unexpected-element',
        level: 'note',
        message: `The element <${name}> stands where it does not belong`,
        offset,
        quote: `<${name}>`,
      },
      name,
    );
  }

  function oversized(owner: Block, offset: number): void {
    if (owner.isOversized) return;
    owner.isOversized = true;
    problems.add({
      code: 'oversized-element',
      level: 'warning',
      message: `An element <${owner.name}> is too large to be kept whole`,
      offset,
    });
  }

  return { push, end, take };
}

function newBlock(name: string, offset: number): Block {
  return {
    name,
    offset,
    section: '',
    fields: new Map(),
    parts: [],
    threads: [],
    size: 0,
  };
}

/** `00:00:00:01.499`: days, hours, minutes, seconds since the tool started. */
function parseClock(time: string | undefined): number | undefined {
  const match = /^(\d+):(\d+):(\d+):(\d+)\.(\d{3})$/.exec(time ?? '');
  if (!match) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0, ms = 0] = match.slice(1).map(Number);
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + ms;
}

/** A suppression block, out of one or more CDATA sections. */
function readCdata(raw: string): string {
  const sections = [...raw.matchAll(/<!\[CDATA\[([\s\S]*?)\]\]>/g)].map((match) => match[1] ?? '');
  return decodeText(sections.length > 0 ? sections.join('') : raw).trim();
}
