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
import type { ParsedRecord } from '../../model/record.ts';
import type { ReadContext, Reader } from '../tool.ts';
import { textOf } from './byte-text.ts';
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

/** Terminal colours and the no-break spaces of web pages: lines with them are cleaned before they are read. */
const oddities = [Buffer.from([0x1b]), Buffer.from([0xc2, 0xa0])];

/** Where a report's own text begins behind a prefix. `I/DEBUG   ( 1234): ==1234==ERROR: AddressSanitizer: …` */
const ownText =
  /==(?:[^=\s][^=]{0,255}==)?\d{1,10}==|(?:ERROR|WARNING|FATAL|SUMMARY): \w*Sanitizer\b|\w*Sanitizer:|Suppressions used:/;

/** What CI systems and test runners put before a line of UBSan: a time, ctest's `12: `, logcat's head. */
const plainLeader =
  /^(?:\s*\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)? |\d{1,6}: |\s*\[[\d:., Z-]+\] |\d\d-\d\d \d\d:\d\d:\d\d\.\d+ +\d+ +\d+ [A-Z] [\w.-]+ *: |[A-Z]\/[\w.-]+ *\( *\d+\): )+/;

/** `CRASH LOG: `: few words and a colon. */
const wordsLeader = /^(?:[\w./-]+ ){0,3}[\w./-]+: $/;

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
  /** The open reports, and the one that took the last line. */
  const open = new Map<SanitizerImage, Section>();
  let current: Section | undefined;
  /** Matches what stands before each line, once a report was met behind it. */
  let leader: RegExp | undefined;
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

  function takeLine(bytes: Buffer, from: number, to: number, offset: number, mayOpen: boolean): void {
    let at = from;
    if (leader !== undefined) {
      leader.lastIndex = 0;
      const head = bytes.toString('latin1', from, Math.min(to, from + 200));
      if (leader.test(head)) at += leader.lastIndex;
    }
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
    const match = mark.exec(bytes.toString('latin1', at, Math.min(to, at + 300)));
    if (match === null) return false;
    const start = at + match[0].length;
    const pid = Number(match[2]);
    markProgram = match[1] === undefined ? undefined : textOf(bytes, at + 2, at + 2 + match[1].length);
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
    const own = ownText.exec(text);
    const length = own === null ? (plainLeader.exec(text)?.[0].length ?? 0) : own.index;
    if (length === 0 || length > 160) return false;
    const before = text.slice(0, length);
    if (isLeader(before) || wordsLeader.test(before)) leader = shapeOf(before);
    // Half a line of output may end with anything but what quotes.
    else if (own === null || !own[0].startsWith('==') || /["'`(]$/.test(before)) return false;
    const rest = Buffer.from(text.slice(length));
    if (rest[0] === equals && takeMarked(rest, 0, rest.length, offset)) return true;
    takeText({ text: text.slice(length), offset }, true);
    return true;
  }

  function takeRegion(bytes: Buffer, from: number, to: number, offset: number): void {
    const nextNeedle = nearest(bytes, needles, from, to);
    const nextOdd = nearest(bytes, oddities, from, to);
    for (let at = from; at < to; ) {
      const newline = bytes.indexOf(lineFeed, at);
      let end = newline;
      while (end > at && bytes[end - 1] === carriageReturn) end--;
      const mayOpen = nextNeedle(at, end);
      if (nextOdd(at, end)) {
        const clean = Buffer.from(plain(textOf(bytes, at, end)));
        takeLine(clean, 0, clean.length, offset + at - from, mayOpen);
      } else takeLine(bytes, at, end, offset + at - from, mayOpen);
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

/** Says of lines in ascending order whether one of the words stands in them; what has been searched is not searched again. */
function nearest(
  bytes: Buffer,
  words: readonly Buffer[],
  from: number,
  to: number,
): (from: number, to: number) => boolean {
  const positions = words.map((word) => positionOf(bytes, word, from, to));
  let first = Math.min(...positions);
  return (at, end) => {
    if (first >= end) return false;
    let isIn = false;
    for (const [index, word] of words.entries()) {
      let position = positions[index] as number;
      if (position < at) position = positionOf(bytes, word, at, to);
      if (position < end) {
        isIn = true;
        position = positionOf(bytes, word, end, to);
      }
      positions[index] = position;
    }
    first = Math.min(...positions);
    return isIn;
  };
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

/** A pattern for prefixes like this one: numbers and spaces vary. `2024-05-01T10:11:12.1234567Z `, `12: ` */
function shapeOf(leader: string): RegExp {
  const escaped = leader
    .trimEnd()
    .replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
    .replace(/\d+/g, '\\d+')
    .replace(/\s+/g, '\\s+');
  return new RegExp(`^${escaped}(?: |$)`, 'g');
}
