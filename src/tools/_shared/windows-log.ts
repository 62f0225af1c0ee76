// Logs of Windows programs: the CRT's debug heap and Visual Leak Detector, each alone or both in one output.
//
// They are one reader because they are one stream: both write to the debugger, and a program that has the one may have the
// other. Lines of several processes are told apart by the pid that a viewer adds; without one, all are of one process until
// it is said to have ended. What stands between (the program's own lines, modules that Visual Studio saw loaded) is passed over.
import type { FindingRecord, Frame } from '../../model/finding.ts';
import type { HeapTotals, ParsedRecord } from '../../model/record.ts';
import type { ReadContext, Reader } from '../tool.ts';
import * as crt from './crt-grammar.ts';
import { debugBytes, debugHead, readDebugLine } from './debug-output.ts';
import { createLineSplitter, type LogLine } from './log-lines.ts';
import { createProblemTally, type ProblemTally } from './problem-tally.ts';
import { createSourcePlaces, type SourcePlaces } from './source-place.ts';
import * as vld from './vld-grammar.ts';

/** Calls of one stack that are kept: VLD itself keeps 64 by default. */
const deepest = 1024;
/** Processes that are told apart; a log has few. */
const mostStreams = 1000;
/** Blocks that are remembered, to know them again in a second dump of the same process. */
const mostBlocks = 50_000;

/** Makes the reader of that name. The logs of both are read by either. */
export function windowsLogReader(name: string, recognizes: (head: string) => boolean): Reader {
  return { name, recognizes: (head) => recognizes(debugHead(head)), read: readWindowsLog };
}

/** A finding whose next lines may belong to it. */
interface Pending {
  readonly finding: FindingRecord;
  /** All that must be there was; what may follow only adds to it. */
  readonly whole: boolean;
  /** Which lines come next, with VLD. */
  readonly part?: 'head' | 'stack' | 'data';
  readonly frames?: Frame[];
}

/** What one process wrote. */
interface Stream {
  readonly pid: number;
  image: number | undefined;
  program: string | undefined;
  version: string | undefined;
  pending: Pending | undefined;
  /** A dump of the CRT has begun and not ended. */
  dumping: boolean;
  /** Visual Leak Detector is there and has not summed up. */
  watching: boolean;
  /** Something that says how the program is: a dump that ended, a summary, damage. */
  judged: boolean;
  /** Blocks that the dump listed until now. */
  listed: number;
  readonly blocks: Set<string>;
  statistics: Map<string, { readonly bytes: number; readonly blocks: number }>;
  heap: HeapTotals | undefined;
}

interface Log {
  readonly context: ReadContext;
  readonly out: ParsedRecord[];
  readonly problems: ProblemTally;
  readonly places: SourcePlaces;
  readonly streams: Map<number, Stream>;
  readonly hasOffsets: () => boolean;
}

async function* readWindowsLog(
  source: AsyncIterable<Uint8Array>,
  context: ReadContext,
): AsyncIterable<ParsedRecord> {
  const { bytes, isChanged } = debugBytes(source);
  const log: Log = {
    context,
    out: [],
    problems: createProblemTally(context.artifact),
    places: createSourcePlaces(),
    streams: new Map(),
    hasOffsets: () => !isChanged(),
  };
  const splitter = createLineSplitter();
  for await (const chunk of bytes) {
    for (const line of splitter.push(chunk)) readLine(log, line);
    yield* log.out.splice(0);
  }
  for (const line of splitter.end()) readLine(log, line);
  for (const stream of log.streams.values()) endProcess(log, stream);
  yield* log.out.splice(0);
  for (const problem of log.problems.list()) yield { type: 'problem', problem };
}

function readLine(log: Log, line: LogLine): void {
  const { text, pid } = readDebugLine(line.text);
  if (text === '') {
    const stream = log.streams.get(pid ?? 0);
    // An empty line ends a block of VLD's; its data have none.
    const part = line.ended ? stream?.pending?.part : undefined;
    if (stream !== undefined && (part === 'stack' || part === 'data')) release(log, stream);
    return;
  }
  const stream = streamOf(log, pid ?? 0);
  // The last line of a cut log may be half a line, and then it is not known to what it belonged.
  if (!line.ended && !lastWords.test(text)) {
    if (stream.pending !== undefined) stream.pending = { ...stream.pending, whole: false };
    return;
  }
  if (readVld(log, stream, text, line) || readCrt(log, stream, text, line)) return;
  if (takeSurroundings(log, stream, text)) return;
  // Damage is told in lines that follow each other; a block of the CRT may be described by the program itself.
  if (stream.pending !== undefined && stream.pending.finding.leak === undefined) release(log, stream);
}

/** Lines that a log may end with, without a line end: what ends with a full stop of its own is no half line. */
const lastWords =
  /^(?:Object dump complete|Visual Leak Detector is now exiting|No memory leaks detected|CRT detected that .* (?:buffer|freed)|.*allocated at .*\(\d+\))\.$/;

function streamOf(log: Log, pid: number): Stream {
  const key = log.streams.has(pid) || log.streams.size < mostStreams ? pid : 0;
  let stream = log.streams.get(key);
  if (stream === undefined) {
    stream = newStream(key);
    log.streams.set(key, stream);
  }
  return stream;
}

function newStream(pid: number): Stream {
  return {
    pid,
    image: undefined,
    program: undefined,
    version: undefined,
    pending: undefined,
    dumping: false,
    watching: false,
    judged: false,
    listed: 0,
    blocks: new Set(),
    statistics: new Map(),
    heap: undefined,
  };
}

function imageOf(log: Log, stream: Stream, tool: string): number {
  if (stream.image !== undefined) return stream.image;
  const image = log.context.nextImage();
  stream.image = image;
  log.out.push({
    type: 'process',
    image,
    pid: stream.pid,
    tool,
    ...(stream.version !== undefined && { version: stream.version }),
    argv: stream.program === undefined ? [] : [stream.program],
    instrumentArgv: [],
    forked: false,
    artifact: log.context.artifact,
  });
  return image;
}

/** The process ends; the next lines under its pid are of another one. */
function endProcess(log: Log, stream: Stream): void {
  const { image } = stream;
  if (image !== undefined) {
    // Of what is not whole the next line may be missing, and half a finding would be another one.
    const isCut = stream.pending?.whole === false;
    if (isCut) stream.pending = undefined;
    release(log, stream);
    if (stream.heap !== undefined) log.out.push({ type: 'totals', image, heap: stream.heap });
    const complete = !isCut && !stream.dumping && !stream.watching;
    if (complete && !stream.judged) {
      log.problems.add({
        code: 'no-leak-check',
        level: 'incomplete',
        message:
          'the log has statistics of the debug heap and no leak check: whether blocks were lost is not known',
        hint: 'call _CrtSetDbgFlag(_CRTDBG_ALLOC_MEM_DF | _CRTDBG_LEAK_CHECK_DF) at the start of main',
      });
    }
    log.out.push({ type: 'process-end', image, complete, finished: complete });
  }
  log.streams.set(stream.pid, newStream(stream.pid));
}

function release(log: Log, stream: Stream): void {
  const { pending } = stream;
  stream.pending = undefined;
  if (pending === undefined) return;
  const { finding, frames } = pending;
  log.out.push(frames === undefined ? finding : { ...finding, stacks: [{ label: 'at', frames }] });
}

function spanOf(log: Log, { offset, text }: LogLine): Pick<FindingRecord, 'span'> {
  return log.hasOffsets()
    ? { span: { artifact: log.context.artifact, offset, length: Buffer.byteLength(text) } }
    : {};
}

function readCrt(log: Log, stream: Stream, text: string, line: LogLine): boolean {
  const block = crt.crtBlockOf(text);
  if (block !== undefined) {
    takeBlock(log, stream, block, line);
    return true;
  }
  if (crt.isCrtData(text)) {
    const { pending } = stream;
    if (pending?.finding.tool !== 'crt' || pending.finding.leak === undefined) return true;
    const { finding } = pending;
    stream.pending = { finding: { ...finding, details: [...finding.details, text] }, whole: true };
    release(log, stream);
    return true;
  }
  if (crt.leaksBegin.test(text)) {
    beginDump(log, stream);
    return true;
  }
  if (crt.objectsBegin.test(text)) {
    if (!stream.dumping) {
      beginDump(log, stream);
      notLeaks(log, line, text);
    }
    return true;
  }
  if (crt.objectsEnd.test(text)) {
    imageOf(log, stream, 'crt');
    release(log, stream);
    // Our own crtdbg.h leaves the list to memcheck or LeakSanitizer.
    if (stream.dumping && stream.listed === 0) {
      log.problems.add({
        code: 'leaks-not-listed',
        level: 'incomplete',
        message: 'the log says that there are leaks and lists none: they are where it says, or were cut out',
        offset: line.offset,
      });
    }
    stream.dumping = false;
    stream.judged = true;
    return true;
  }
  const name = crt.mfcObject.exec(text)?.[1];
  if (name !== undefined && stream.pending?.finding.leak !== undefined) {
    const { pending } = stream;
    const details = [...pending.finding.details, `an object of class ${name}`];
    stream.pending = { ...pending, finding: { ...pending.finding, details } };
    return true;
  }
  return readDamage(log, stream, text, line) || readStatistics(log, stream, text);
}

function beginDump(log: Log, stream: Stream): void {
  imageOf(log, stream, 'crt');
  release(log, stream);
  stream.dumping = true;
  stream.listed = 0;
}

/** _CrtMemDumpAllObjectsSince lists what is there at that moment, in the same words. */
function notLeaks(log: Log, { offset }: LogLine, quote: string): void {
  log.problems.add({
    code: 'object-dump',
    level: 'warning',
    message:
      'a list of blocks does not begin with "Detected memory leaks!": they were there when it was written, and may have been freed later',
    offset,
    quote,
  });
}

function takeBlock(log: Log, stream: Stream, block: crt.CrtBlock, line: LogLine): void {
  const { path, number, type, subtype, address, bytes } = block;
  if (!stream.dumping) {
    beginDump(log, stream);
    notLeaks(log, line, line.text.trim());
  }
  release(log, stream);
  stream.listed++;
  // A process that dumps its leaks itself, and once more at its end, has lost them once.
  const key = `${number} ${address} ${bytes}`;
  if (stream.blocks.has(key)) return;
  if (stream.blocks.size < mostBlocks) stream.blocks.add(key);
  const kind =
    type === 'normal' ? '' : ` (${type} block${subtype === undefined ? '' : `, subtype ${subtype}`})`;
  stream.pending = {
    whole: false,
    finding: {
      type: 'finding',
      image: imageOf(log, stream, 'crt'),
      tool: 'crt',
      kind: 'unfreed',
      what: `${bytes} bytes were never freed${kind}`,
      details: [`allocation number {${number}}`],
      stacks: path === undefined ? [] : [{ label: 'at', frames: [log.places.frameAt(path, block.line)] }],
      leak: { bytes, directBytes: bytes, indirectBytes: 0, blocks: 1, check: 1 },
      ...spanOf(log, line),
    },
  };
}

const damageWords = {
  after: ['overflow', 'the bytes after a block were written over'],
  before: ['underflow', 'the bytes before a block were written over'],
  freed: ['write-after-free', 'a block was written to after it was freed'],
} as const;

function readDamage(log: Log, stream: Stream, text: string, line: LogLine): boolean {
  const damage = crt.crtDamageOf(text);
  if (damage !== undefined) {
    const image = imageOf(log, stream, 'crt');
    release(log, stream);
    const [kind, what] = damageWords[damage.side];
    stream.judged = true;
    stream.pending = {
      whole: false,
      finding: {
        type: 'finding',
        image,
        tool: 'crt',
        kind,
        count: 1,
        what: `${what} (${damage.type} block)`,
        details: damage.number === undefined ? [] : [`allocation number {${damage.number}}`],
        stacks: [],
        access: { operation: 'write', address: `0x${damage.address}` },
        ...spanOf(log, line),
      },
    };
    return true;
  }
  const { pending } = stream;
  if (pending?.finding.tool !== 'crt' || pending.finding.leak !== undefined) return false;
  const { finding } = pending;
  const origin = crt.damageOrigin.exec(text);
  if (origin !== null) {
    const frames = [log.places.frameAt(origin[1] as string, Number(origin[2]))];
    stream.pending = { ...pending, finding: { ...finding, stacks: [{ label: 'allocated at', frames }] } };
    return true;
  }
  const size = crt.damageSize.exec(text)?.[1];
  if (size !== undefined) {
    const detail = `the block has ${size} bytes`;
    stream.pending = { whole: true, finding: { ...finding, details: [...finding.details, detail] } };
    return true;
  }
  if (!crt.damageSentence.test(text)) return false;
  // It says what the first line says, and may be the last: only a build that knows lines says where the block is from.
  stream.pending = { ...pending, whole: true };
  return true;
}

function readStatistics(log: Log, stream: Stream, text: string): boolean {
  // It comes once for each byte, before the line about the block.
  if (crt.damageByte.test(text)) return true;
  const found = crt.blockStatistic.exec(text);
  if (found !== null) {
    const [, bytes, blocks, type = ''] = found;
    imageOf(log, stream, 'crt');
    // What is shown next may be the difference of two states, and all of it.
    if (type === 'Free') stream.statistics = new Map();
    stream.statistics.set(type, { bytes: Number(bytes), blocks: Number(blocks) });
    if (type === 'Client' || type === 'Non-Object') stream.heap = { inUse: sumOf(stream.statistics) };
    return true;
  }
  const total = crt.totalStatistic.exec(text)?.[1];
  if (total !== undefined && stream.heap !== undefined) {
    stream.heap = { ...stream.heap, allocatedBytes: Number(total) };
    return true;
  }
  const largest = crt.largestStatistic.exec(text)?.[1];
  if (largest === undefined || stream.image === undefined) return false;
  log.out.push({
    type: 'message',
    image: stream.image,
    source: 'tool',
    text: `largest memory usage: ${largest} bytes`,
  });
  return true;
}

/** Blocks of the program; those of the runtime itself, of what was freed and of what is to be ignored are none. */
function sumOf(statistics: Stream['statistics']): HeapTotals['inUse'] {
  let bytes = 0;
  let blocks = 0;
  for (const type of ['Normal', 'Client', 'Object', 'Non-Object']) {
    bytes += statistics.get(type)?.bytes ?? 0;
    blocks += statistics.get(type)?.blocks ?? 0;
  }
  return { bytes, blocks };
}

function readVld(log: Log, stream: Stream, text: string, line: LogLine): boolean {
  if (readVldBlock(log, stream, text, line)) return true;
  const version = vld.installed.exec(text)?.[1];
  if (version !== undefined) {
    // The CRT may have spoken before it; two of them are two processes.
    if (stream.watching) endProcess(log, stream);
    const fresh = streamOf(log, stream.pid);
    fresh.version ??= version;
    imageOf(log, fresh, 'vld');
    fresh.watching = true;
    return true;
  }
  if (vld.leaksBegin.test(text)) {
    release(log, stream);
    imageOf(log, stream, 'vld');
    stream.watching = true;
    return true;
  }
  const summary = vld.summary.exec(text);
  if (summary !== null || vld.noLeaks.test(text)) {
    release(log, stream);
    imageOf(log, stream, 'vld');
    const [blocks, bytes] = [summary?.[1] ?? 0, summary === null ? 0 : summary[2]].map((word) =>
      word === undefined ? undefined : Number(word),
    );
    if (blocks !== undefined && bytes !== undefined) stream.heap = { inUse: { bytes, blocks } };
    stream.watching = false;
    stream.judged = true;
    return true;
  }
  if (vld.exiting.test(text)) {
    if (stream.image === undefined) return true;
    endProcess(log, stream);
    return true;
  }
  if (vld.notMeasured.test(text)) {
    imageOf(log, stream, 'vld');
    stream.watching = false;
    stream.judged = true;
    log.problems.add({
      code: 'not-measured',
      level: 'incomplete',
      message: 'Visual Leak Detector was there and switched off: it saw no leaks because it did not look',
      hint: 'see StartDisabled and VLD in vld.ini',
      quote: text,
    });
    return true;
  }
  if (!vld.remark.test(text)) return false;
  const image = imageOf(log, stream, 'vld');
  log.out.push({ type: 'message', image, source: 'warning', text: text.slice(0, 2000) });
  return true;
}

function readVldBlock(log: Log, stream: Stream, text: string, line: LogLine): boolean {
  const begin = vld.blockBegin.exec(text);
  if (begin !== null) {
    const [, number, , size] = begin;
    const image = imageOf(log, stream, 'vld');
    release(log, stream);
    stream.watching = true;
    stream.pending = {
      whole: false,
      part: 'head',
      frames: [],
      finding: vldFinding(image, Number(size), 1, [`block ${number}`], spanOf(log, line)),
    };
    return true;
  }
  const { pending } = stream;
  if (pending?.part === undefined) return false;
  const { finding, frames = [], part } = pending;
  const hash = vld.leakHash.exec(text);
  if (hash !== null) {
    const counted = vldFinding(finding.image, Number(hash[2]), Number(hash[1]), finding.details, finding);
    stream.pending = { ...pending, finding: counted };
    return true;
  }
  const number = vld.allocationNumber.exec(text)?.[1];
  if (number !== undefined) {
    const details = [...finding.details, `allocation number {${number}}`];
    stream.pending = { ...pending, finding: { ...finding, details } };
    return true;
  }
  const stack = vld.callStack.exec(text);
  if (stack !== null) {
    const thread = stack[1] === undefined ? {} : { thread: { id: Number(stack[1]) } };
    stream.pending = { ...pending, part: 'stack', finding: { ...finding, ...thread } };
    return true;
  }
  if (vld.dataBegin.test(text)) {
    stream.pending = { ...pending, part: 'data' };
    return true;
  }
  if (part === 'data') return takeVldData(stream, pending, text);
  if (part !== 'stack') return false;
  const frame = vld.vldFrameOf(text);
  if (frame === undefined) return false;
  if (frames.length < deepest) frames.push(log.places.frameAt(frame.path, frame.line, frame.call));
  return true;
}

function takeVldData(stream: Stream, pending: Pending, text: string): boolean {
  if (!vld.dataLine.test(text)) return false;
  const { finding } = pending;
  // The first line is enough to know the block by.
  if (!finding.details.some((detail) => detail.startsWith('Data: '))) {
    const details = [...finding.details, `Data: ${text.replace(/ {2,}/g, ' ')}`];
    stream.pending = { ...pending, finding: { ...finding, details } };
  }
  return true;
}

function vldFinding(
  image: number,
  bytes: number,
  blocks: number,
  details: readonly string[],
  { span }: Pick<FindingRecord, 'span'>,
): FindingRecord {
  return {
    type: 'finding',
    image,
    tool: 'vld',
    kind: 'unfreed',
    what:
      blocks === 1
        ? `${bytes} bytes were never freed`
        : `${bytes} bytes in ${blocks} blocks were never freed`,
    details,
    stacks: [],
    leak: { bytes, directBytes: bytes, indirectBytes: 0, blocks, check: 1 },
    ...(span && { span }),
  };
}

/** What Visual Studio says around it: who the program is, and that it has ended. */
function takeSurroundings(log: Log, stream: Stream, text: string): boolean {
  const program = crt.loaded.exec(text)?.[1] ?? crt.debugErrorProgram.exec(text)?.[1];
  if (program !== undefined) {
    stream.program ??= program.replaceAll('\\', '/');
    return true;
  }
  if (!crt.exited.test(text)) return false;
  endProcess(log, stream);
  return true;
}
