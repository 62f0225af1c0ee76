// memwatch.log: what memwatch found while the program ran, what was never freed, and its statistics.
import type { FindingRecord, Frame, Stack, StackLabel } from '../../model/finding.ts';
import type { MessageRecord, ParsedRecord } from '../../model/record.ts';
import { textOf } from '../_shared/byte-text.ts';
import { createLineSplitter, type LogLine } from '../_shared/log-lines.ts';
import { createProblemTally, type ProblemTally } from '../_shared/problem-tally.ts';
import { createSourcePlaces, type SourcePlaces } from '../_shared/source-place.ts';
import type { ReadContext, Reader } from '../tool.ts';

/** Lines that are kept as details of one finding: repairing a heap is told in as many lines as it has damage. */
const mostDetails = 20;

/**
 * Reads the log of memwatch 2.6x and 2.7x (memwatch.c: mwWrite and its callers), of any number of programs one after
 * the other: each run appends to the same file.
 *
 * A run begins with its banner and is whole when the statistics are, which are the last thing that it writes; its end
 * (`Stopped at`) comes before what was never freed. Places are `file(line)`; memwatch knows no functions.
 */
export const memwatchReader: Reader = {
  name: 'memwatch',
  recognizes: recognizesMemwatch,
  read: readMemwatch,
};

// `============= MEMWATCH 2.71 Copyright (C) 1992-1999 Johan Lindh =============`
const banner = /^=+ MEMWATCH (\d[\w.]*) Copyright/;

function recognizesMemwatch(head: Uint8Array): boolean {
  return /^=+ MEMWATCH \d[\w.]* Copyright/m.test(textOf(head, 0, Math.min(head.byteLength, 64 * 1024)));
}

/** One run in the log. */
interface Session {
  readonly image: number;
  stopped: boolean;
  complete: boolean;
  /** Of the blocks that were never freed. */
  listedBytes: number;
  listedBlocks: number;
  /** By the letter before the parenthesis: N, L, T, U. */
  readonly statistics: Map<string, number>;
  /** Rows of the statistics by module follow; of rows with a line only, their module. */
  detailed: boolean;
  module: string;
  /** A finding whose next lines may belong to it. */
  pending: FindingRecord | undefined;
  /** `pending` waits for the end of its data, which a mail program broke. */
  broken: boolean;
}

interface Log {
  readonly context: ReadContext;
  readonly out: ParsedRecord[];
  readonly problems: ProblemTally;
  readonly places: SourcePlaces;
  session: Session | undefined;
  sessions: number;
}

async function* readMemwatch(
  source: AsyncIterable<Uint8Array>,
  context: ReadContext,
): AsyncIterable<ParsedRecord> {
  const log: Log = {
    context,
    out: [],
    problems: createProblemTally(context.artifact),
    places: createSourcePlaces(),
    session: undefined,
    sessions: 0,
  };
  const splitter = createLineSplitter();
  for await (const chunk of source) {
    for (const line of splitter.push(chunk)) readLine(log, line);
    yield* log.out.splice(0);
  }
  for (const line of splitter.end()) readLine(log, line);
  endSession(log);
  yield* log.out.splice(0);
  for (const problem of log.problems.list()) yield { type: 'problem', problem };
}

function readLine(log: Log, line: LogLine): void {
  const text = line.text.trim();
  const version = banner.exec(text)?.[1];
  if (version !== undefined && line.ended) {
    startSession(log, version);
    return;
  }
  const { session } = log;
  // What stands before the first banner is of a run whose begin is not here, or not memwatch's.
  if (session === undefined || text === '') return;
  // The last line of a cut log may be half a line, and half an address is another address.
  if (!line.ended) return;
  if (takeContinuation(session, text)) return;
  const finding = findingOf(log, session, line, text);
  const { broken } = session;
  release(log, session);
  if (finding !== undefined) {
    session.pending = finding;
    session.broken = broken;
    return;
  }
  if (takeStatistics(log, session, line.text) || isFrame(session, text)) return;
  log.out.push(messageOf(session, text));
}

function startSession(log: Log, version: string): void {
  endSession(log);
  const image = log.context.nextImage();
  // Whose the later ones are, nobody says.
  const known = log.sessions === 0 ? log.context.process : undefined;
  log.sessions++;
  log.session = {
    image,
    stopped: false,
    complete: false,
    listedBytes: 0,
    listedBlocks: 0,
    statistics: new Map(),
    detailed: false,
    module: '',
    pending: undefined,
    broken: false,
  };
  log.out.push({
    type: 'process',
    image,
    pid: known?.pid ?? 0,
    tool: 'memwatch',
    version,
    argv: known?.argv ?? [],
    instrumentArgv: [],
    forked: false,
    artifact: log.context.artifact,
  });
}

function endSession(log: Log): void {
  const { session } = log;
  if (session === undefined) return;
  // Whether its next line belonged to it is not known: half a finding would be another one.
  if (session.pending !== undefined && (session.broken || !session.complete)) session.pending = undefined;
  release(log, session);
  const { image, statistics, listedBytes, listedBlocks, complete, stopped } = session;
  const [allocations, largest, allocatedBytes, unfreed] = ['N', 'L', 'T', 'U'].map((letter) =>
    statistics.get(letter),
  );
  if (unfreed !== undefined) {
    log.out.push({
      type: 'totals',
      image,
      heap: {
        inUse: { bytes: unfreed, blocks: listedBlocks },
        ...(allocations !== undefined && { allocations }),
        ...(allocatedBytes !== undefined && { allocatedBytes }),
        allFreed: unfreed === 0 && listedBlocks === 0,
      },
    });
    if (largest !== undefined) {
      log.out.push({
        type: 'message',
        image,
        source: 'tool',
        text: `largest memory usage: ${largest} bytes`,
      });
    }
    if (unfreed !== listedBytes) {
      log.problems.add({
        code: 'totals-differ',
        level: unfreed > listedBytes ? 'incomplete' : 'warning',
        message: `memwatch counts ${unfreed} bytes that were not freed, and lists ${listedBytes} of them`,
      });
    }
  }
  log.out.push({ type: 'process-end', image, complete, finished: stopped });
  log.session = undefined;
}

function release(log: Log, session: Session): void {
  if (session.pending !== undefined) log.out.push(session.pending);
  session.pending = undefined;
  session.broken = false;
}

// FE FE FE ................}
const restOfData = /^(?:[\dA-F.]{2} )*[ -~]*\}$/;

/** A line that goes on with the finding before it. */
function takeContinuation(session: Session, text: string): boolean {
  const { pending, broken } = session;
  if (pending === undefined) return false;
  if (broken) {
    session.broken = false;
    if (!restOfData.test(text)) return false;
    const data = `${pending.details.at(-1)} ${text.slice(0, -1)}`;
    session.pending = { ...pending, details: [...pending.details.slice(0, -1), data] };
    return true;
  }
  // relink: <4> test.c(20) attempting to repair MW-0x55d2c0...
  if (!/^relink: /.test(text) || !['internal', 'relink'].includes(pending.kind)) return false;
  if (pending.details.length < mostDetails) {
    session.pending = { ...pending, details: [...pending.details, withoutAddress(text)] };
  }
  return true;
}

const withoutAddress = (text: string): string =>
  text.replace(/(?:MW-)?0x[\dA-Fa-f]+/g, (address) => address.replace(/0x.*/, '0x…'));

/** What `<n> file(line)` and its like become. */
type Maker = (
  found: RegExpExecArray,
  log: Log,
  session: Session,
) => Omit<FindingRecord, 'type' | 'image' | 'tool' | 'what' | 'span' | 'details'> &
  Partial<Pick<FindingRecord, 'what' | 'details'>>;

const stack = (label: StackLabel, ...frames: readonly Frame[]): Stack => ({ label, frames });

function at(
  log: Log,
  label: StackLabel,
  file: string | undefined,
  line: string | undefined,
  text?: string,
): Stack {
  return { label, ...(text !== undefined && { text }), frames: [log.places.frameAt(file, Number(line))] };
}

/** memwatch's own buffer holds 2048 bytes; what is longer is no line of its. */
const longestFinding = 4096;

/** Whose counter it is: the number of the call to memwatch, which counts allocations and frees. */
const counter = String.raw`<(-?\d+)> `;
const place = String.raw`(.+)\((\d+)\)`;

const freedNote =
  'memwatch remembers addresses, not blocks: when the address was given out again since, this is the place of another free';

const grammar: readonly { readonly pattern: RegExp; readonly make: Maker }[] = [
  {
    // unfreed: <9> art.c(15), 50 bytes at 0x563d8a7fc960  	{FE FE FE FE FE FE FE FE FE FE FE FE FE FE FE FE ................}
    // unfreed: <2> test.c(9), 16 bytes at 0x1a3e4 [underflowed] [overflowed]  	{41 41 .. .. AA}
    pattern: new RegExp(
      String.raw`^unfreed: ${counter}${place}, (\d+) bytes at (?:0x)?([\dA-Fa-f]+)\s*(\[underflowed\])?\s*(\[overflowed\])?\s*(?:\{(.*))?$`,
    ),
    make: ([, count, file, line, size, , under, over, data], log, session) => {
      const bytes = Number(size);
      session.listedBytes += bytes;
      session.listedBlocks++;
      session.broken = data !== undefined && !data.endsWith('}');
      return {
        kind: 'unfreed',
        what: `${bytes} bytes were never freed`,
        details: [
          ...(under === undefined ? [] : ['[underflowed]: the bytes before the block were written over']),
          ...(over === undefined ? [] : ['[overflowed]: the bytes after the block were written over']),
          ...(count === undefined ? [] : [`allocated by call ${count} that memwatch counted`]),
          ...(data === undefined ? [] : [`Data: ${data.replace(/\}$/, '')}`]),
        ],
        stacks: [at(log, 'at', file, line)],
        leak: { bytes, directBytes: bytes, indirectBytes: 0, blocks: 1, check: 1 },
      };
    },
  },
  {
    // overflow: <2> errs.c(8), 16 bytes alloc'd at <1> errs.c(8)
    // underflow: <4> errs.c(9), 16 bytes alloc'd at <3> errs.c(9)
    pattern: new RegExp(
      String.raw`^(over|under)flow: ${counter}${place}, (\d+) bytes alloc'd at ${counter}${place}$`,
    ),
    make: ([, side, , file, line, size, , ofFile, ofLine], log) => ({
      kind: `${side}flow`,
      what: `the bytes ${side === 'over' ? 'after' : 'before'} a block of ${size} bytes were written over`,
      details: ['found here, written some time before'],
      stacks: [at(log, 'at', file, line), at(log, 'allocated at', ofFile, ofLine)],
      access: { operation: 'write' },
    }),
  },
  {
    // double-free: <7> errs.c(10), 0x55a2a4d5a6f0 was freed from errs.c(8)
    // realloc: <5> test.c(12), 0x1a1b4 was freed from test.c(11)
    pattern: new RegExp(
      String.raw`^(double-free|realloc): ${counter}${place}, (?:0x)?([\dA-Fa-f]+) was freed from ${place}$`,
    ),
    make: ([, word, , file, line, address, ofFile, ofLine], log) => ({
      kind: word === 'realloc' ? 'realloc-after-free' : 'double-free',
      what: word === 'realloc' ? 'realloc of a block that was freed' : 'a block was freed twice',
      details: [freedNote],
      stacks: [at(log, 'at', file, line), at(log, 'freed at', ofFile, ofLine)],
      access: { operation: 'free', address: `0x${address}` },
    }),
  },
  {
    // WILD free: <8> errs.c(11), unknown pointer 0x7ffe84f32e8c
    // realloc: <8> errs.c(11), unknown pointer 0x7ffe84f32e8c
    pattern: new RegExp(
      String.raw`^(WILD free|realloc): ${counter}${place}, unknown pointer (?:0x)?([\dA-Fa-f]+)$`,
    ),
    make: ([, word, , file, line, address], log) => ({
      kind: word === 'realloc' ? 'wild-realloc' : 'wild-free',
      what:
        word === 'realloc'
          ? 'realloc of memory that memwatch does not know'
          : 'free of memory that memwatch does not know',
      stacks: [at(log, 'at', file, line)],
      access: { operation: 'free', address: `0x${address}` },
    }),
  },
  {
    // wild pointer: <12> NoMansLand 0x8049a30 alloc'd at test.c(12)
    pattern: new RegExp(
      String.raw`^wild pointer: ${counter}NoMansLand (?:0x)?([\dA-Fa-f]+) alloc'd at ${place}$`,
    ),
    make: ([, , address, file, line], log) => ({
      kind: 'wild-pointer',
      what: 'a block was written to after it was freed',
      stacks: [at(log, 'allocated at', file, line)],
      access: { operation: 'write', address: `0x${address}` },
    }),
  },
  {
    // wild pointer: <12> grabbed memory hit at 0x8049a30
    pattern: new RegExp(
      String.raw`^wild pointer: ${counter}(grabbed|no-mans-land|<unknown type>) memory hit at (?:0x)?([\dA-Fa-f]+)$`,
    ),
    make: ([, , type, address]) => ({
      kind: 'wild-pointer',
      what: `memory that nobody has was written to (${type} memory of memwatch)`,
      stacks: [],
      access: { operation: 'write', address: `0x${address}` },
    }),
  },
  {
    // limit fail: <15> errs.c(14), 1000 wanted 93 available
    pattern: new RegExp(String.raw`^limit fail: ${counter}${place}, (-?\d+) wanted (-?\d+) available$`),
    make: ([, , file, line, wanted, available], log) => ({
      kind: 'limit-fail',
      what: `${wanted} bytes were refused because of the limit that mwLimit() set; ${available} were left`,
      stacks: [at(log, 'at', file, line)],
    }),
  },
  {
    // fail: <15> errs.c(14), 1000 wanted 93 allocated
    pattern: new RegExp(String.raw`^fail: ${counter}${place}, (-?\d+) wanted (-?\d+) allocated$`),
    make: ([, , file, line, wanted, allocated], log) => ({
      kind: 'allocation-failed',
      what: `there was no memory for ${wanted} bytes; ${allocated} were in use`,
      stacks: [at(log, 'at', file, line)],
    }),
  },
  {
    // strdup: <5> test.c(14), strdup(NULL) called
    pattern: new RegExp(String.raw`^strdup: ${counter}${place}, strdup\(NULL\) called$`),
    make: ([, , file, line], log) => ({
      kind: 'strdup-of-null',
      what: 'strdup(NULL) was called',
      stacks: [at(log, 'at', file, line)],
    }),
  },
  {
    // assert trap: <7> test.c(22), p != NULL
    // verify trap: <7> test.c(22), p != NULL
    pattern: new RegExp(String.raw`^(assert|verify) trap: ${counter}(.+?)\((\d+)\), (.+)$`),
    make: ([, word, , file, line, expression], log) => ({
      kind: `${word}-trap`,
      what: `${word === 'assert' ? 'ASSERT' : 'VERIFY'}(${expression}) does not hold`,
      stacks: [at(log, 'at', file, line)],
    }),
  },
  {
    // mark: 0x8049a30: buffer called from test.c(14), buffer called from test.c(19)
    pattern: /^mark: (?:0x)?([\dA-Fa-f]+): (.* called from .+\(\d+\))$/,
    make: ([, address, text = ''], log) => ({
      kind: 'mark',
      what: 'an address that mwMark() marked was never unmarked',
      details: text.split(/(?<=\(\d+\)), /).slice(0, mostDetails),
      // Each mark is a place of its own; they do not call each other.
      stacks: [...text.matchAll(/ called from (.+?)\((\d+)\)(?=, |$)/g)]
        .slice(0, mostDetails)
        .map(([, file, line], index) => at(log, index === 0 ? 'at' : 'related', file, line)),
      access: { operation: 'use', address: `0x${address}` },
    }),
  },
  {
    // internal: <4> test.c(20), checksum for MW-0x8049a30 is incorrect
    // internal: <4> test.c(20): pointer MW-0x8049a30 is invalid
    pattern: new RegExp(String.raw`^internal: ${counter}(.+?)\((\d+)\)[,:] (.+)$`),
    make: ([, , file, line, sentence = ''], log) => ({
      kind: 'internal',
      what: `memwatch's own data are damaged: ${withoutAddress(sentence)}`,
      stacks: [at(log, 'at', file, line)],
    }),
  },
  {
    // relink: <4> test.c(20) attempting to repair MW-0x8049a30...
    pattern: new RegExp(String.raw`^relink: ${counter}(.+?)\((\d+)\) (.+)$`),
    make: ([, , file, line, sentence = ''], log) => ({
      kind: 'relink',
      what: `memwatch's list of blocks is damaged: ${withoutAddress(sentence)}`,
      stacks: [at(log, 'at', file, line)],
    }),
  },
  {
    // check: heap corruption detected
    // autocheck: <9> test.c(20) check: heap chain broken, prev link incorrect
    pattern: new RegExp(
      String.raw`^(?:autocheck: ${counter}(.+?)\((\d+)\) )?check: (heap (?:corruption detected|chain broken, .+))$`,
    ),
    make: ([, , file, line, sentence], log) => ({
      kind: 'heap-corruption',
      what: `${sentence}`,
      stacks: file === undefined ? [stack('at')] : [at(log, 'at', file, line)],
    }),
  },
];

/** How the lines above begin: a look at the first word is enough for all others. */
const firstWords =
  /^(?:unfreed|overflow|underflow|double-free|realloc|WILD free|wild pointer|limit fail|fail|strdup|assert trap|verify trap|mark|internal|relink|check|autocheck): /;

// assert trap: <7> AUTO IGNORED - execution continues
// NULL free: <5> test.c(14), NULL pointer free'd: allowed in C, and no anomaly to memwatch
// check: <7> test.c(20), checking chain alloc
// mark: test.c(20), no mark found for 0x8049a30
// internal: memory low, statistics incomplete for 'test.c'
const mereNotes =
  /^(?:NULL free: |(?:assert|verify) trap: <-?\d+> (?:(?:AUTO )?IGNORED|RETRY) |check: <-?\d+> |mark: (?:[A-Za-z]:)?[^:]+\(\d+\), |internal: (?!<)|relink: (?!<))/;

function findingOf(log: Log, session: Session, line: LogLine, text: string): FindingRecord | undefined {
  if (text.length > longestFinding || !firstWords.test(text)) return undefined;
  // internal: NML/unfreed scan aborted, heap too damaged
  if (text.startsWith('internal: ') && text.includes('scan aborted')) {
    log.problems.add({
      code: 'scan-aborted',
      level: 'incomplete',
      message: 'memwatch could not list all blocks that were not freed: the heap is too damaged',
      offset: line.offset,
      quote: text,
    });
  }
  if (mereNotes.test(text)) return undefined;
  for (const { pattern, make } of grammar) {
    const found = pattern.exec(text);
    if (found === null) continue;
    const made = make(found, log, session);
    return {
      type: 'finding',
      image: session.image,
      tool: 'memwatch',
      what: text,
      details: [],
      ...made,
      // Every line is one time.
      ...(made.leak === undefined && { count: 1 }),
      span: { artifact: log.context.artifact, offset: line.offset, length: Buffer.byteLength(line.text) },
    };
  }
  log.problems.add(
    {
      code: 'unreadable-line',
      level: 'incomplete',
      message: 'a line that looks like a finding of memwatch could not be read',
      offset: line.offset,
      quote: text,
    },
    text.slice(0, text.indexOf(':')),
  );
  return undefined;
}

// ` N)umber of allocations made: 7`, ` L)argest memory usage      : 300`
const globalStatistic = /^([NLTU])\)[a-z() ]+?\s*: (-?\d+)$/;

// ` art.c                                      7        300      550      200     `
// `  15                                        5        50       250      100     `
const detailedStatistic = /^( {1,2})(\S.*?) +(-?\d+) +(-?\d+) +(-?\d+) +(-?\d+) *$/;

function takeStatistics({ out }: Log, session: Session, line: string): boolean {
  const text = line.trim();
  const found = globalStatistic.exec(text);
  if (found !== null && !session.detailed) {
    session.statistics.set(found[1] as string, Number(found[2]));
    if (found[1] === 'U') session.complete = true;
    return true;
  }
  if (text.startsWith('Memory usage statistics (')) {
    session.detailed = text.includes('detailed');
    return true;
  }
  if (!session.detailed) return false;
  if (text.startsWith('Module/Line')) return true;
  const row = detailedStatistic.exec(line);
  if (row === null) return false;
  const [, indent, name = '', calls, largest, total, unfreed] = row;
  if (indent === ' ') session.module = name;
  out.push({
    type: 'message',
    image: session.image,
    source: 'tool',
    text: `${indent === ' ' ? name : `${session.module}(${name})`}: ${calls} allocations, ${total} bytes in all, ${largest} at most, ${unfreed} not freed`,
  });
  return true;
}

/** What stands around the findings and says nothing more. */
function isFrame(session: Session, text: string): boolean {
  if (text.startsWith('Stopped at ')) {
    session.stopped = true;
    return true;
  }
  return /^(?:Started at |Modes: |mwROUNDALLOC==|Compiled using |check: <-?\d+> )/.test(text);
}

// limit: old limit = none, new limit = 200 bytes
// grabbed: 100 kilobytes of no-mans-land memory
const ofTool =
  /^(?:NULL free|limit|grabbed|dropped|statistics|breakout|logfile|internal|mark|relink|assert trap|verify trap|mwMutexLock): /;

/** What memwatch says besides, and what the program wrote with TRACE(). */
function messageOf({ image }: Session, text: string): MessageRecord {
  const own = ofTool.test(text);
  return { type: 'message', image, source: own ? 'trace' : 'client', text: text.slice(0, 2000) };
}
