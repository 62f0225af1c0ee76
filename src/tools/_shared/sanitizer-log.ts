// The logs of AddressSanitizer, HWAddressSanitizer, LeakSanitizer, UndefinedBehaviorSanitizer, MemorySanitizer and
// ThreadSanitizer: from their own file, a terminal, a CI or logcat, mixed with what programs print.
//
// The log is a sequence of reports (sanitizer-section.ts), each opened by a line that names its sanitizer. Only some lines have
// a mark (`==123==`): one with a mark is of that process's report, one without of the report that took the last line. What is
// of no report is the program's, and passed over without making a string of it.
//
// Complete is an image whose last report is whole: an error report with its SUMMARY, a leak report with its SUMMARY, or the
// exit statistics of ASan (atexit=1). UBSan and TSan have no last word: where all their reports are whole the image counts as
// complete, or a finding in a log that nothing says to be cut would be no finding; the problem `end-not-shown` says so.
import type { Frame } from '../../model/finding.ts';
import type { ParsedRecord } from '../../model/record.ts';
import type { ReadContext, Reader } from '../tool.ts';
import { textOf } from './byte-text.ts';
import { lineMemory } from './line-memory.ts';
import { lineRegions } from './line-regions.ts';
import { createProblemTally } from './problem-tally.ts';
import { asanReports } from './sanitizer-asan.ts';
import { frameLines } from './sanitizer-frames.ts';
import { hwasanReports } from './sanitizer-hwasan.ts';
import { sanitizerImages } from './sanitizer-images.ts';
import { lsanReports } from './sanitizer-lsan.ts';
import { msanReports } from './sanitizer-msan.ts';
import { runtimeLines } from './sanitizer-runtime.ts';
import type { SanitizerImage, Section, SectionHost, SectionKind, SectionLine } from './sanitizer-section.ts';
import { tsanReports } from './sanitizer-tsan.ts';
import { ubsanReports } from './sanitizer-ubsan.ts';
import { isLeader, plain } from './text-marks.ts';

/** The parts that know the reports. The first that opens a section for a line has it. */
const kinds: readonly SectionKind[] = [
  hwasanReports,
  lsanReports,
  msanReports,
  tsanReports,
  ubsanReports,
  asanReports,
  runtimeLines,
];

/** Reads logs of sanitizers. See the head of this file. */
export const sanitizerReader: Reader = { name: 'sanitizer', recognizes, read: readSanitizer };

/** Bytes of the log in which the first report must begin. */
const headBytes = 64 * 1024;

/**
 * A line that a sanitizer alone writes. `runtime error: ` alone is also Go's and others': UBSan has a place before it.
 * `==1==ERROR: AddressSanitizer: SEGV on …`, `WARNING: ThreadSanitizer: data race (pid=1)`,
 * `a.c:12:42: runtime error: signed integer overflow`, `==1==LeakSanitizer has encountered a fatal error.`
 */
const telling =
  /(?:(?:ERROR|WARNING|FATAL|SUMMARY): (?:Address|HWAddress|Leak|UndefinedBehavior|Memory|Thread)Sanitizer\b|(?:Address|HWAddress|Leak|UndefinedBehavior|Memory|Thread)Sanitizer(?:: CHECK failed| has encountered a fatal| exit stats:|: (?:Thread limit|starting new threads|reported \d+ warnings)|: failed to|: hard rss limit)|^-{20,}\r?\nSuppressions used:$|(?:\S:\d+(?::\d+)?|<unknown>|\+0x[0-9a-f]+\)): runtime error: |^==[^=].*==\d+==Processing thread |^==\d+==Processing thread )/m;

function recognizes(head: Uint8Array): boolean {
  return telling.test(textOf(head, 0, Math.min(head.length, headBytes)));
}

/** Bytes of a line that become text; frame lines have no such limit. */
const longestText = 16 * 1024;

/** What a line must hold to open a report, unless it has a mark. */
const needles = ['Sanitizer', 'runtime error: ', 'Suppressions used:', 'Uninitialized bytes in '].map(
  (word) => Buffer.from(word),
);

/** A mark at the beginning of a line. */
const markStarts = [Buffer.from('\n==')];

/** Terminal colours and the no-break spaces of web pages: lines with them are cleaned before they are read. */
const oddities = [Buffer.from([0x1b]), Buffer.from([0xc2, 0xa0])];

/** Where a report's own text begins behind a prefix. `I/DEBUG   ( 1234): ==1234==ERROR: AddressSanitizer: …` */
const ownText =
  /==(?:[^=\s][^=]{0,255}==)?\d{1,10}==|(?:ERROR|WARNING|FATAL|SUMMARY): \w{0,17}Sanitizer\b|\w{0,17}Sanitizer:|Suppressions used:/;

/** What CI systems and test runners put before a line of UBSan: a time, ctest's `12: `, logcat's head. */
const plainLeader =
  /^(?:\s*\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)? |\d{1,6}: |\s*\[[\d:., Z-]+\] |\d\d-\d\d \d\d:\d\d:\d\d\.\d+ +\d+ +\d+ [A-Z] [\w.-]+ *: |[A-Z]\/[\w.-]+ *\( *\d+\): )+/;

/** `CRASH LOG: `: few words and a colon; `server_1  | ` */
const wordsLeader = /^(?:(?:[\w./-]+ ){0,3}[\w./-]+: |[\w./-]+ +\| )$/;

async function* readSanitizer(
  source: AsyncIterable<Uint8Array>,
  context: ReadContext,
): AsyncIterable<ParsedRecord> {
  let out: ParsedRecord[] = [];
  const log = startLog(context, (record) => out.push(record));
  for await (const chunk of source) {
    log.push(chunk);
    if (out.length > 0) {
      yield* out;
      out = [];
    }
  }
  log.end();
  yield* out;
}

function startLog(context: ReadContext, give: (record: ParsedRecord) => void) {
  const problems = createProblemTally(context.artifact);
  const images = sanitizerImages(context, problems, give);
  const frames = frameLines(context.symbols);
  const memory = lineMemory<KnownLine>();
  const stacks = stackMemory();
  /** The open reports, and the one that took the last line. */
  const open = new Map<SanitizerImage, Section>();
  let current: Section | undefined;
  /** Matches what stands before each line, once a report was met behind it. */
  let leader: Leader | undefined;
  let markProgram: string | undefined;
  let torn = false;
  let lastChecker: number | undefined;
  let before: string | undefined;

  const host: SectionHost = {
    artifact: context.artifact,
    image: (tool, pid) => images.of(tool, pid, markProgram),
    problem: problems.add,
    torn: () => torn,
    before: () => before,
    startLeakCheck: (checker, thread) => {
      if (checker === lastChecker) return;
      lastChecker = checker;
      const own =
        context.process === undefined ? (images.known(thread) ?? images.of('lsan', thread)) : undefined;
      (own ?? images.of('lsan', undefined)).startLeakCheck();
    },
    intern: frames.intern,
    end: (pid) => {
      const image = images.known(pid);
      const section = image && open.get(image);
      if (section !== undefined) close(section, 'ended');
      images.end(pid);
    },
  };

  function close(section: Section, because: 'ended' | 'next' | 'cut'): void {
    if (open.get(section.image) === section) open.delete(section.image);
    if (current === section) current = undefined;
    section.close(because);
  }

  /** A line that is neither frame nor empty. @param mayOpen it has a mark or one of the needles. */
  function takeText(line: SectionLine, mayOpen: boolean): void {
    const previous = before;
    before = undefined;
    const marked = line.pid === undefined ? undefined : images.known(line.pid);
    const section = line.pid === undefined ? current : marked && open.get(marked);
    if (section !== undefined) {
      const taken = section.line(line);
      if (taken === 'taken') current = section;
      if (taken === 'last' || taken === 'over') close(section, 'ended');
      if (taken === 'taken' || taken === 'last') return;
    }
    if (!mayOpen) return;
    before = previous;
    for (const kind of kinds) {
      const next = kind.open(line, host);
      if (next === undefined) continue;
      const earlier = open.get(next.image);
      if (earlier !== undefined && earlier !== next) close(earlier, 'next');
      open.set(next.image, next);
      current = next;
      before = undefined;
      return;
    }
    before = line.text;
  }

  /** @param at behind what stands before each line. */
  function takeLine(bytes: Buffer, at: number, to: number, offset: number, mayOpen: boolean): void {
    const first = at < to ? bytes[at] : undefined;
    if (first === undefined) {
      current?.blank();
      return;
    }
    if (!mayOpen && current === undefined && !(first === equals && bytes[at + 1] === equals)) return;
    if (first === space || first === hash || first === tab) {
      if (current !== undefined) {
        const calls = frames.read(bytes, at, to);
        if (calls !== undefined) {
          current.frames(calls, frames.number());
          return;
        }
      }
      if (isTagRow(bytes, at, to)) return;
      if (isBlank(bytes, at, to)) {
        current?.blank();
        return;
      }
    } else if (first === equals) {
      // `=>0x0c047fff8000: fa fa[fd]fd`
      if (bytes[at + 1] === greater) return;
      if (bytes[at + 1] === equals && bytes[at + 2] !== equals && takeMarked(bytes, at, to, offset)) return;
    }
    const text = textOf(bytes, at, Math.min(to, at + longestText)).trimEnd();
    if (mayOpen && takeBehindLeader(text, offset)) return;
    takeText({ text, offset }, mayOpen);
  }

  /** `==123==ERROR: …`, `==prog==123==ERROR: …` */
  function takeMarked(bytes: Buffer, at: number, to: number, offset: number): boolean {
    let start = at + 2;
    let pid = 0;
    // The usual mark, without making a string of it.
    while (start < at + 12) {
      const digit = (bytes[start] as number) - 48;
      if (!(digit >= 0 && digit <= 9)) break;
      pid = pid * 10 + digit;
      start++;
    }
    if (start > at + 2 && bytes[start] === equals && bytes[start + 1] === equals && start + 2 <= to) {
      start += bytes[start + 2] === space && start + 2 < to ? 3 : 2;
      markProgram = undefined;
    } else {
      const match = mark.exec(bytes.toString('latin1', at, Math.min(to, at + 300)));
      if (match === null) return false;
      start = at + match[0].length;
      pid = Number(match[2]);
      markProgram = match[1] === undefined ? undefined : textOf(bytes, at + 2, at + 2 + match[1].length);
    }
    const known = images.known(pid);
    const section = known && open.get(known);
    if (section !== undefined) {
      const calls = frames.read(bytes, start, to);
      if (calls !== undefined) {
        current = section;
        section.frames(calls, frames.number());
        return true;
      }
    }
    const text = textOf(bytes, start, Math.min(to, start + longestText)).trimEnd();
    takeText({ text, pid, offset }, true);
    markProgram = undefined;
    return true;
  }

  /** A report that begins behind something: what it is stands before the following lines too, or is half a line of output. */
  function takeBehindLeader(text: string, offset: number): boolean {
    if (!mayHaveLeader(text)) return false;
    const own = ownText.exec(text);
    const length = own === null ? (plainLeader.exec(text)?.[0].length ?? 0) : own.index;
    if (length === 0 || length > 160) return false;
    const before = text.slice(0, length);
    if (isLeader(before) || wordsLeader.test(before) || plainLeader.exec(before)?.[0] === before) {
      leader = leaderOf(before);
    }
    // Half a line of output may end with anything but what quotes.
    else if (own === null || !own[0].startsWith('==') || /["'`(]$/.test(before)) return false;
    const rest = Buffer.from(text.slice(length));
    if (rest[0] === equals && takeMarked(rest, 0, rest.length, offset)) return true;
    takeText({ text: text.slice(length), offset }, true);
    return true;
  }

  /** Takes a line whose text is known: it has no mark, opens nothing and has nothing before it. */
  function takeKnown(known: KnownLine, offset: number): void {
    if (current === undefined && known.opens !== true) return;
    if (known.frames !== undefined) current?.frames(known.frames, known.number);
    else if (known.text !== undefined) takeText({ text: known.text, offset }, known.opens === true);
  }

  /** A line that was not met before, or is forgotten, within a report and without a prefix. Kept when it may come again. */
  function takeNew(
    bytes: Buffer,
    at: number,
    end: number,
    next: number,
    offset: number,
    opens: boolean,
  ): void {
    const first = bytes[at];
    const calls =
      first === space || first === hash || first === tab ? frames.read(bytes, at, end) : undefined;
    const isLooked = !isNumbered(bytes, at);
    if (calls !== undefined) {
      const number = frames.number();
      current?.frames(calls, number);
      // Where programs are loaded elsewhere each time, most frame lines come once.
      if (frames.again()) {
        if (isLooked || !memory.find(at, next)) memory.keep(at, next, { frames: calls, number });
      } else if (!isLooked) memory.miss();
    } else if (!isLooked && memory.find(at, next)) takeKnown(memory.value(), offset);
    else takeNewText(bytes, at, end, next, offset, opens);
  }

  function takeNewText(
    bytes: Buffer,
    at: number,
    end: number,
    next: number,
    offset: number,
    opens: boolean,
  ): void {
    const first = bytes[at];
    if ((first === equals && bytes[at + 1] !== greater) || isBlank(bytes, at, end)) {
      takeLine(bytes, at, end, offset, opens);
    } else if (first === equals || (first === space && isTagRow(bytes, at, end)))
      memory.keep(at, next, nothing);
    else {
      const text = textOf(bytes, at, Math.min(end, at + longestText)).trimEnd();
      if (opens && mayHaveLeader(text)) {
        takeLine(bytes, at, end, offset, opens);
        return;
      }
      const known: KnownLine = { text, number: 0, ...(opens && { opens }) };
      memory.keep(at, next, known);
      takeKnown(known, offset);
    }
  }

  /** Takes the known line from `at` to `next`, or the known stack that begins with it. @returns where what was taken ends. */
  function takeAgain(bytes: Buffer, at: number, next: number, to: number, offset: number): number {
    const known = memory.value();
    // Behind a prefix the lines of a stack are not one piece.
    if (known.frames === undefined || current === undefined || leader !== undefined) {
      takeKnown(known, offset);
      return next;
    }
    const stack = known.number <= 1 ? stacks.find(known, bytes, at, to) : undefined;
    if (stack !== undefined) {
      current.frames(stack.frames, known.number);
      memory.goOn(stack.place);
      return at + stack.bytes.length;
    }
    current.frames(known.frames, known.number);
    stacks.add(known, bytes, at, next, memory.place());
    return next;
  }

  function takeRegion(bytes: Buffer, from: number, to: number, offset: number): void {
    const openings = nearest(bytes, needles, from, to);
    const marks = nearest(bytes, markStarts, from, to);
    const odd = nearest(bytes, oddities, from, to);
    const shift = offset - from;
    memory.use(bytes);
    stacks.breakOff();
    for (let at = from; at < to; ) {
      if (current === undefined && !(bytes[at] === equals && bytes[at + 1] === equals)) {
        // Nothing is of interest before a line that may open a report.
        const next = Math.min(openings.next(at), marks.next(at) + 1, to);
        if (next === to) return;
        if (next > at) at = Math.max(at, bytes.lastIndexOf(lineFeed, next - 1) + 1);
      }
      const start = at;
      let newline = -1;
      if (leader !== undefined) {
        newline = bytes.indexOf(lineFeed, at);
        at = leader(bytes, at, newline);
      }
      if (bytes[at] === lineFeed) {
        current?.blank();
        at++;
        continue;
      }
      const length = memory.expected(at, to);
      if (length > 0) {
        at = takeAgain(bytes, at, at + length, to, shift + start);
        continue;
      }
      if (newline < 0) newline = bytes.indexOf(lineFeed, at);
      // Shadow bytes: they differ each time, and say nothing that is told.
      if (bytes[at + 2] === 48 && bytes[at + 3] === 120 && isShadowRow(bytes, at, newline)) {
        at = newline + 1;
        continue;
      }
      if (!isNumbered(bytes, at) && memory.find(at, newline + 1)) {
        at = takeAgain(bytes, at, newline + 1, to, shift + start);
        continue;
      }
      let end = newline;
      while (end > at && bytes[end - 1] === carriageReturn) end--;
      const opens = openings.within(start, end);
      if (odd.within(start, end)) {
        if (isNumbered(bytes, at)) memory.miss();
        const clean = Buffer.from(plain(textOf(bytes, start, end)));
        takeLine(clean, leader?.(clean, 0, clean.length) ?? 0, clean.length, shift + start, opens);
      } else takeNew(bytes, at, end, newline + 1, shift + start, opens);
      at = newline + 1;
    }
  }

  const regions = lineRegions(
    (bytes, from, to, offset, ended) => {
      // The last line of a cut log may be half a line.
      if (ended || isWholeEnd(bytes, from, to)) takeRegion(bytes, from, to, offset);
      else torn = true;
    },
    (bytes, from, to, offset) => {
      problems.add({
        code: 'long-line',
        level: 'note',
        message: 'A line longer than 1 MiB was shortened',
        offset,
        quote: textOf(bytes, from, Math.min(to, from + 200)),
      });
    },
  );

  return {
    push: regions.push,
    end: () => {
      regions.end();
      for (const section of [...open.values()]) close(section, 'cut');
      images.end();
      if (images.count() === 0) {
        problems.add({
          code: 'no-process',
          level: 'incomplete',
          message: 'Nothing in this file was written by a sanitizer',
        });
      }
      for (const problem of problems.list()) give({ type: 'problem', problem });
    },
  };
}

/** A line as it always is: the calls of a frame, a text, or nothing of interest. */
interface KnownLine {
  readonly frames?: readonly Frame[];
  readonly number: number;
  readonly text?: string;
  /** It holds one of the needles. */
  readonly opens?: true;
}

const nothing: KnownLine = { number: 0 };

const lineFeed = 10;
const carriageReturn = 13;
const tab = 9;
const space = 32;
const hash = 35;
const equals = 61;
const greater = 62;

/** `==123==`, `==prog==123==`, old versions with a space behind it. */
const mark = /^==(?:([^=\s][^=]{0,255}|[^=\s].{0,255}?)==)?(\d{1,10})== ?/;

/** `  0x0c047fff7fb0: fa fa fa fa`: a row of shadow bytes or tags; `at` is at its first character. */
function isTagRow(bytes: Buffer, from: number, to: number): boolean {
  let at = from;
  while (at < to && bytes[at] === space) at++;
  if (bytes[at] !== 48 || bytes[at + 1] !== 120) return false;
  for (at += 2; at < to; at++) {
    const digit = bytes[at] as number;
    if (digit === 58) return true;
    if (!((digit >= 48 && digit <= 57) || (digit >= 97 && digit <= 102))) return false;
  }
  return false;
}

function isBlank(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== space && bytes[at] !== tab) return false;
  return true;
}

/** Where words stand, asked in ascending order: what has been searched is not searched again. */
interface Nearest {
  /** Where the first of them stands at or behind `at`; infinite when none does. */
  readonly next: (at: number) => number;
  readonly within: (at: number, end: number) => boolean;
}

function nearest(bytes: Buffer, words: readonly Buffer[], from: number, to: number): Nearest {
  const positions = words.map((word) => positionOf(bytes, word, from, to));
  let first = Math.min(...positions);
  function next(at: number): number {
    if (first >= at) return first;
    first = Number.POSITIVE_INFINITY;
    for (let index = 0; index < words.length; index++) {
      let position = positions[index] as number;
      if (position < at) {
        position = positionOf(bytes, words[index] as Buffer, at, to);
        positions[index] = position;
      }
      if (position < first) first = position;
    }
    return first;
  }
  return { next, within: (at, end) => next(at) < end };
}

function positionOf(bytes: Buffer, word: Buffer, from: number, to: number): number {
  const position = bytes.indexOf(word, from);
  return position === -1 || position >= to ? Number.POSITIVE_INFINITY : position;
}

/** `SUMMARY: …` and what ends a report may lack the line end: half of it cannot be told from all of it, but nothing depends on its rest. */
function isWholeEnd(bytes: Buffer, from: number, to: number): boolean {
  return /SUMMARY: \w+Sanitizer: \S|==\d+==\s?ABORTING$/.test(
    textOf(bytes, from, Math.min(to, from + 400)).trimEnd(),
  );
}

/** False for most lines that begin a report, so that they need not be searched. */
function mayHaveLeader(text: string): boolean {
  if (text.startsWith('SUMMARY: ') || text === 'Suppressions used:') return false;
  return !text.includes('runtime error: ') || /^[\s\d[(A-Z]/.test(text);
}

/** Where a line begins behind what stands before each; `at` when that is something else. @param to end of the line. */
type Leader = (bytes: Uint8Array, at: number, to: number) => number;

/** Knows prefixes like this one: numbers and spaces vary. `2024-05-01T10:11:12.1234567Z `, `12: ` */
function leaderOf(before: string): Leader {
  // The digit 0 stands for digits, a space for spaces.
  const shape = Buffer.from(before.trimEnd().replace(/\d+/g, '0').replace(/\s+/g, ' '));
  return (bytes, from, to) => {
    let at = from;
    for (const wanted of shape) {
      const start = at;
      if (wanted === 48) while (at < to && isDigit(bytes[at] as number)) at++;
      else if (wanted === space) while (at < to && isSpace(bytes[at] as number)) at++;
      else if (bytes[at] === wanted) at++;
      if (at === start || at > to) return from;
    }
    if (at === to || bytes[at] === carriageReturn) return at;
    return bytes[at] === space ? at + 1 : from;
  };
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

function isSpace(byte: number): boolean {
  return byte === space || (byte >= 9 && byte <= 13);
}

/** `    #4 0x55d0…`: a frame line, mostly. Those are known by what stands behind their address, but for the first of a stack. */
function isNumbered(bytes: Uint8Array, at: number): boolean {
  return bytes[at + 4] === hash && bytes[at + 5] !== 48 && bytes[at] === space && bytes[at + 3] === space;
}

/** `  0x0c047fff7fb0: fa fa fa fa`, `=>0x0c047fff8000: fa fa[fd]fd` */
function isShadowRow(bytes: Buffer, at: number, to: number): boolean {
  if (bytes[at] === equals && bytes[at + 1] === greater) return true;
  return bytes[at] === space && bytes[at + 1] === space && isTagRow(bytes, at, to);
}

/** Bytes of all stacks that are kept at a time; then all are forgotten. */
const mostStackBytes = 8 * 1024 * 1024;
/** Stacks with the same first line, and lines of one. */
const mostAlike = 4;
const mostLines = 256;

/** A stack that was met before. */
interface KnownStack {
  readonly bytes: Buffer;
  readonly frames: readonly Frame[];
  /** Of its last line in the usual order of lines. */
  readonly place: number;
}

/** Whole stacks of known lines, so that one that comes again is compared at once, and its frames are one array. */
function stackMemory() {
  const byFirst = new Map<KnownLine, KnownStack[]>();
  let size = 0;
  let first: KnownLine | undefined;
  let frames: Frame[] = [];
  let lines = 0;
  let start = 0;
  let end = 0;
  let place = 0;
  let source: Buffer | undefined;

  function finish(): void {
    if (first !== undefined && source !== undefined && lines > 1) {
      if (size + end - start > mostStackBytes) {
        byFirst.clear();
        size = 0;
      }
      size += end - start;
      const alike = byFirst.get(first) ?? [];
      byFirst.set(first, alike);
      if (alike.length === mostAlike) alike.pop();
      alike.unshift({ bytes: Buffer.from(source.subarray(start, end)), frames, place });
    }
    first = undefined;
    source = undefined;
  }

  return {
    find: (line: KnownLine, bytes: Buffer, at: number, to: number): KnownStack | undefined =>
      byFirst.get(line)?.find((stack) => {
        const last = at + stack.bytes.length;
        return last <= to && bytes.compare(stack.bytes, 0, stack.bytes.length, at, last) === 0;
      }),
    /** A known line of a stack was met. */
    add: (line: KnownLine, bytes: Buffer, from: number, to: number, at: number): void => {
      // All blocks begin in the allocator: then what follows its frame tells more.
      const begins = line.number === 0 || (line.number === 1 && first === undefined);
      if (begins || from !== end || source !== bytes || lines === mostLines) {
        finish();
        if (!begins || (line.number === 0 && byFirst.get(line)?.length === mostAlike)) return;
        first = line;
        frames = [];
        lines = 0;
        start = from;
        source = bytes;
      }
      frames.push(...(line.frames ?? []));
      lines++;
      end = to;
      place = at;
    },
    /** The bytes of the lines so far are gone. */
    breakOff: (): void => {
      first = undefined;
      source = undefined;
    },
  };
}
