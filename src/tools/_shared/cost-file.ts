// The grammar that callgrind.out and cachegrind.out share: costs of source lines by function, and calls between functions.
// Source: the manual of callgrind, `Callgrind Format Specification`, and of cachegrind, `Cachegrind Output File Format`.
import type { Measure, Profile, ProfileFrame, ProfilePart } from '../../model/profile.ts';
import { type RowTable, rowTable, rowValues } from '../../model/row-table.ts';
import { textOf } from './byte-text.ts';
import { eventMeasure, readFormula } from './cost-measures.ts';
import { costNames } from './cost-names.ts';
import { lineRegions } from './line-regions.ts';
import type { ProblemTally } from './problem-tally.ts';
import type { ProfileFile, ProfileParser } from './profile-reader.ts';

/** More events than any tool has: what a file names beyond is left out. */
const mostMeasures = 64;
/** What may follow `cmd:`; any other line there is part of the command. */
const headerKeys: ReadonlySet<string> = new Set(
  'version creator cmd pid part thread desc positions event events totals summary'.split(' '),
);
const mostNotes = 40;
const mostParts = 10_000;
const longestNote = 300;
/** What a line number, or a number in a header, may be at most. */
const largestLine = 0x7fffffff;

/** What tools write where they know no name. */
const unknownNames: ReadonlySet<string> = new Set(['', '???', 'UnknownFile???', 'UnknownFn???']);
// `0x0000000000010240`: a function of which only the place in its object is known.
const addressName = /^0x[\da-f]+$/i;

const [lineFeed, carriageReturn, space, tab] = [0x0a, 0x0d, 0x20, 0x09];
const [hash, plus, minus, star, dot, slash, zero, equals] = [0x23, 0x2b, 0x2d, 0x2a, 0x2e, 0x2f, 0x30, 0x3d];
const [b, c, e, f, i, j, l, n, o, x] = [0x62, 0x63, 0x65, 0x66, 0x69, 0x6a, 0x6c, 0x6e, 0x6f, 0x78];

/** One dump in the file. */
interface Part {
  number: string | undefined;
  thread: number | undefined;
  trigger: string | undefined;
  /** By measure. */
  readonly totals: number[];
  /** What its `totals:` says, else its `summary:`, by measure. */
  stated: readonly number[] | undefined;
  /** It has a `totals:`. */
  ended: boolean;
  used: boolean;
}

/** Files put behind each other in one that are told apart. xdebug itself appends one for each request when it is told to. */
const mostFiles = 1000;

/** One of the files that were put behind each other. */
interface OneFile {
  /**
   * Takes lines as `lineBytes` hands them over.
   *
   * @returns where another file begins, which must be taken by the next one; else `end`.
   */
  readonly take: (bytes: Buffer, start: number, end: number, offset: number, unterminated: boolean) => number;
  readonly end: () => ProfileFile;
}

/**
 * A parser for either format. A header behind costs begins another file, with names and costs of its own: what
 * `cat a.out b.out` made is two processes.
 *
 * @param format `cachegrind`: no calls, and `summary:` is the last line. `callgrind`: all else that has this grammar.
 */
export function costFileParser(format: 'callgrind' | 'cachegrind', problems: ProblemTally): ProfileParser {
  const files: ProfileFile[] = [];
  let current = oneFile(format, problems);

  const input = lineRegions(
    (bytes, start, end, offset, ended) => {
      let at = current.take(bytes, start, end, offset, ended);
      while (at < end) {
        if (files.length < mostFiles) files.push(current.end());
        else {
          problems.add({
            code: 'too-many-files',
            level: 'incomplete',
            message: `the file is more than ${mostFiles} files behind each other: some were left out`,
          });
        }
        current = oneFile(format, problems);
        at = current.take(bytes, at, end, offset + at - start, ended);
      }
    },
    (bytes, start, _, offset) => {
      problems.add({
        code: 'line-too-long',
        level: 'incomplete',
        message: 'a line is longer than 1 MiB and was left out',
        offset,
        quote: textOf(bytes, start, start + 200),
      });
    },
  );

  return {
    push: input.push,
    end: () => {
      input.end();
      files.push(current.end());
      return {
        processes: files.flatMap(({ processes }) => processes),
        complete: files.every(({ complete }) => complete),
      };
    },
  };
}

function oneFile(format: 'callgrind' | 'cachegrind', problems: ProblemTally): OneFile {
  const objects = costNames();
  const files = costNames();
  const names = costNames();
  const noName = names.add('???');
  const noFile = files.add('???');
  const noObject = objects.add('???');

  const measures: string[] = [];
  const titles = new Map<string, { long: string; formula?: string }>();
  /** Measure by column of the current part; -1: a column that is left out. */
  let columnMeasures: number[] = [];
  let hasEvents = false;

  // Rows: name, object, file.
  const functions = rowTable(3);
  // Rows: function, file, line.
  const lines = rowTable(3);
  const lineValues = rowValues(0);
  // Rows: caller, callee, file, line.
  const edges = rowTable(4);
  const edgeValues = rowValues(0);
  const edgeCalls: number[] = [];
  // Rows: function, file, line, target line.
  const jumps = rowTable(4);
  const jumpCounts = rowValues(2);

  const parts: Part[] = [];
  let part = newPart();
  const notes: string[] = [];
  let creator = '';
  let command: string | undefined;
  /** An argument may hold line ends, and the tools write it as it is. */
  let inCommand = false;
  let pid: number | undefined;

  /** Columns before the costs of a line, and which of them is the line number; -1: none is. */
  let positions = 1;
  let lineColumn = 0;

  let object = -1;
  let file = noFile;
  let row = -1;
  let line = 0;
  let calledObject = -1;
  let calledFile = -1;
  let calledName = -1;
  /** A `calls=` that waits for its cost line. */
  let pendingCalls = -1;
  /** A `jump=` or `jcnd=` that waits for its line of positions. */
  let pendingJump = false;
  let jumpsElsewhere = false;
  let jumpTarget = 0;
  let jumpTaken = 0;
  let jumpReached = 0;

  const costs = new Float64Array(mostMeasures);
  /** Where the scanner is. */
  let at = 0;
  /** Where in the file byte 0 of the current piece is, and whether its last line has no end. */
  let pieceOffset = 0;
  let isUnterminated = false;
  /** Where a header begins that is of another file; -1: nowhere so far. */
  let nextFile = -1;
  /** The last line was no cost line but the end of a part. */
  let endsWhole = false;

  function newPart(): Part {
    return {
      number: undefined,
      thread: undefined,
      trigger: undefined,
      totals: measures.map(() => 0),
      stated: undefined,
      ended: false,
      used: false,
    };
  }

  function take(bytes: Buffer, start: number, end: number, offset: number, ended: boolean): number {
    pieceOffset = offset - start;
    isUnterminated = !ended;
    nextFile = -1;
    at = start;
    while (at < end) {
      const first = bytes[at] as number;
      if (inCommand) takeOther(bytes);
      else if ((first >= zero && first <= zero + 9) || first === plus || first === minus || first === star) {
        takeCosts(bytes);
      } else if (first === lineFeed || first === space || first === tab || first === carriageReturn) at++;
      else takeOther(bytes);
    }
    return nextFile < 0 ? end : nextFile;
  }

  /** A cost line at `at`, which moves behind its line feed. */
  function takeCosts(bytes: Buffer): void {
    const start = at;
    let next = line;
    for (let column = 0; column < positions; column++) {
      if (column === lineColumn) next = scanPosition(bytes, line);
      else skipWord(bytes);
      skipSpaces(bytes);
    }
    const count = next < 0 ? -1 : scanCosts(bytes);
    if (count < 0) {
      rejectLine(bytes, start, 'unknown-line', 'a line of costs was not understood');
      pendingCalls = -1;
      pendingJump = false;
      return;
    }
    at++;
    line = next;
    endsWhole = false;
    if (count > columnMeasures.length) surplusCosts(bytes, start);
    const columns = Math.min(count, columnMeasures.length);
    if (row < 0) row = functionRow(noName, object, file);
    if (pendingJump) {
      pendingJump = false;
      if (!jumpsElsewhere) takeJump();
      jumpsElsewhere = false;
    } else if (pendingCalls >= 0) takeCall(columns);
    else {
      const target = lines.row(row, file, line);
      const { totals } = part;
      for (let column = 0; column < columns; column++) {
        const cost = costs[column] as number;
        const measure = columnMeasures[column] as number;
        if (cost === 0 || measure < 0) continue;
        lineValues.add(target, measure, cost);
        totals[measure] = (totals[measure] as number) + cost;
      }
      part.used = true;
    }
  }

  /** Puts the numbers up to the end of the line into `costs`, and says how many there are; -1 when one is none. */
  function scanCosts(bytes: Buffer): number {
    // Most of the time of reading a file is spent here: variables of this function are faster than those around it.
    let place = at;
    let count = 0;
    for (let byte = bytes[place] as number; byte !== lineFeed; byte = bytes[place] as number) {
      let cost = byte - zero;
      if (cost >= 0 && cost <= 9 && bytes[place + 1] !== x) {
        for (
          byte = bytes[++place] as number;
          byte >= zero && byte <= zero + 9;
          byte = bytes[++place] as number
        ) {
          cost = cost * 10 + byte - zero;
        }
        if (cost > Number.MAX_SAFE_INTEGER || (byte !== space && !isWordEnd(byte))) cost = -1;
      } else {
        at = place;
        cost = scanNumber(bytes);
        place = at;
      }
      if (cost < 0) {
        count = -1;
        break;
      }
      if (count < mostMeasures) costs[count] = cost;
      count++;
      byte = bytes[place] as number;
      while (byte === space || byte === tab || byte === carriageReturn) byte = bytes[++place] as number;
    }
    at = place;
    return count;
  }

  function takeCall(count: number): void {
    const callee = functionRow(
      calledName < 0 ? noName : calledName,
      calledObject < 0 ? object : calledObject,
      calledFile < 0 ? file : calledFile,
    );
    const edge = edges.row(row, callee, file, line);
    if (edge === edgeCalls.length) edgeCalls.push(0);
    edgeCalls[edge] = (edgeCalls[edge] as number) + pendingCalls;
    for (let column = 0; column < count; column++) {
      const measure = columnMeasures[column] as number;
      if (measure >= 0) edgeValues.add(edge, measure, costs[column] as number);
    }
    pendingCalls = -1;
    calledObject = -1;
    calledFile = -1;
    part.used = true;
  }

  function takeJump(): void {
    const jump = jumps.row(row, file, line, jumpTarget);
    jumpCounts.add(jump, 0, jumpTaken);
    jumpCounts.add(jump, 1, jumpReached);
  }

  function functionRow(name: number, ofObject: number, ofFile: number): number {
    return functions.row(name, ofObject < 0 ? noObject : ofObject, ofFile);
  }

  function skipSpaces(bytes: Buffer): void {
    for (let byte = bytes[at]; byte === space || byte === tab || byte === carriageReturn; byte = bytes[++at]);
  }

  function skipWord(bytes: Buffer): void {
    for (
      let byte = bytes[at];
      byte !== space && byte !== tab && byte !== carriageReturn && byte !== lineFeed;
      byte = bytes[++at]
    );
  }

  /** `0x1f`, `17`, `.`; -1 for what is no such number, or too large to be exact. */
  function scanNumber(bytes: Buffer): number {
    let digit = (bytes[at] as number) - zero;
    if (digit === 0 && bytes[at + 1] === x) {
      at += 2;
      return scanHex(bytes);
    }
    if (digit < 0 || digit > 9) {
      if (bytes[at] !== dot) return -1;
      at++;
      return isWordEnd(bytes[at]) ? 0 : -1;
    }
    let number = digit;
    for (
      digit = (bytes[++at] as number) - zero;
      digit >= 0 && digit <= 9;
      digit = (bytes[++at] as number) - zero
    ) {
      number = number * 10 + digit;
    }
    return number <= Number.MAX_SAFE_INTEGER && isWordEnd(bytes[at]) ? number : -1;
  }

  function scanHex(bytes: Buffer): number {
    const start = at;
    let number = 0;
    for (;;) {
      const byte = bytes[at] as number;
      // Lower case.
      const letter = byte | 0x20;
      if (byte >= zero && byte <= zero + 9) number = number * 16 + byte - zero;
      else if (letter >= 0x61 && letter <= 0x66) number = number * 16 + letter - 0x57;
      else break;
      at++;
    }
    return at > start && number <= Number.MAX_SAFE_INTEGER && isWordEnd(bytes[at]) ? number : -1;
  }

  function isWordEnd(byte: number | undefined): boolean {
    return byte === lineFeed || byte === space || byte === carriageReturn || byte === tab;
  }

  /** `+3`, `-3`, `*` or a number. -1 for what is none, or no line number. */
  function scanPosition(bytes: Buffer, base: number): number {
    const first = bytes[at];
    if (first === star) {
      at++;
      return isWordEnd(bytes[at]) ? base : -1;
    }
    if (first !== plus && first !== minus) {
      const number = scanNumber(bytes);
      return number > largestLine ? -1 : number;
    }
    at++;
    const step = scanNumber(bytes);
    if (step < 0) return -1;
    const number = first === plus ? base + step : base - step;
    return number < 0 || number > largestLine ? -1 : number;
  }

  /** Says that the line from `start` is left out, and goes on behind it, wherever in it or behind it `at` is. */
  function rejectLine(bytes: Buffer, start: number, code: string, message: string): void {
    const end = bytes.indexOf(lineFeed, start);
    at = end + 1;
    problems.add({
      code,
      level: 'incomplete',
      message,
      offset: pieceOffset + start,
      quote: textOf(bytes, start, Math.min(end, start + 400)).trimEnd(),
    });
  }

  function surplusCosts(bytes: Buffer, start: number): void {
    problems.add({
      code: hasEvents ? 'surplus-costs' : 'no-events',
      level: hasEvents ? 'warning' : 'incomplete',
      message: hasEvents
        ? 'a line has more costs than there are events: the surplus was left out'
        : 'there are costs before any "events:" line says what they are: they were left out',
      offset: pieceOffset + start,
      quote: textOf(bytes, start, Math.min(at - 1, start + 400)).trimEnd(),
    });
  }

  /** A line at `at` that is no cost line. */
  function takeOther(bytes: Buffer): void {
    const start = at;
    const end = bytes.indexOf(lineFeed, at);
    const first = bytes[start];
    at = end + 1;
    // `# callgrind format`
    if (first === hash) return;
    let stop = end;
    while (stop > start && isWordEnd(bytes[stop - 1])) stop--;
    if (inCommand) {
      takeHeader(bytes, start, stop);
      return;
    }
    const second = bytes[start + 1];
    if (first === f && bytes[start + 2] === equals) {
      if (second === n) {
        // `fn=(12) main`
        row = functionRow(nameAt(bytes, start + 3, stop), object, file);
        pendingCalls = -1;
        pendingJump = false;
      } else if (second === l || second === i || second === e) {
        // `fl=(3) /home/me/a.c`, `fi=(4) /usr/include/b.h`, `fe=(3)`
        file = fileAt(bytes, start + 3, stop);
      } else unknownLine(bytes, start);
    } else if (first === o && second === b && bytes[start + 2] === equals) {
      // `ob=(1) /usr/lib/libc.so.6`
      object = objectAt(bytes, start + 3, stop);
    } else if (first === c && second === f && bytes[start + 3] === equals) {
      // `cfn=(13) helper`, `cfi=(4)`, `cfl=(4)`
      const kind = bytes[start + 2];
      if (kind === n) calledName = nameAt(bytes, start + 4, stop);
      else if (kind === i || kind === l) calledFile = fileAt(bytes, start + 4, stop);
      else unknownLine(bytes, start);
    } else if (first === c && second === o && bytes[start + 2] === b && bytes[start + 3] === equals) {
      // `cob=(2)`
      calledObject = objectAt(bytes, start + 4, stop);
    } else if (first === c && startsWith(bytes, start, 'calls=')) {
      // `calls=5 +12 `: the place that is called follows, which is known from its function
      at = start + 6;
      pendingCalls = scanNumber(bytes);
      if (pendingCalls < 0) {
        // Its costs are inclusive all the same, and must not become those of the caller.
        pendingCalls = 0;
        rejectLine(bytes, start, 'unknown-line', 'how often a function was called was not understood');
      }
      at = end + 1;
    } else if (first === j && (second === f || second === 0x75 || second === c))
      takeJumpLine(bytes, start, stop, end);
    else takeHeader(bytes, start, stop);
  }

  /** `jump=3 +5`, `jcnd=1/4 0x4f +5`, `jfi=(4)`, `jfn=(12)`. */
  function takeJumpLine(bytes: Buffer, start: number, stop: number, end: number): void {
    if (startsWith(bytes, start, 'jfi=')) {
      fileAt(bytes, start + 4, stop);
      jumpsElsewhere = true;
      return;
    }
    if (startsWith(bytes, start, 'jfn=')) {
      nameAt(bytes, start + 4, stop);
      jumpsElsewhere = true;
      return;
    }
    const isConditional = startsWith(bytes, start, 'jcnd=');
    if (!isConditional && !startsWith(bytes, start, 'jump=')) {
      takeHeader(bytes, start, stop);
      return;
    }
    at = start + 5;
    let good = true;
    if (isConditional) {
      // The number before the slash does not end with a word.
      const middle = bytes.indexOf(slash, at);
      good = middle > at && middle < end;
      jumpTaken = good ? Number(bytes.toString('latin1', at, middle)) : 0;
      good &&= Number.isSafeInteger(jumpTaken) && jumpTaken >= 0;
      at = middle + 1;
      if (good) jumpReached = scanNumber(bytes);
    } else {
      jumpReached = scanNumber(bytes);
      jumpTaken = jumpReached;
    }
    good &&= jumpReached >= 0;
    jumpTarget = 0;
    for (let column = 0; good && column < positions; column++) {
      skipSpaces(bytes);
      if (column === lineColumn) jumpTarget = scanPosition(bytes, line);
      else skipWord(bytes);
    }
    pendingJump = true;
    at = start;
    if (!good || jumpTarget < 0) {
      jumpsElsewhere = true;
      rejectLine(bytes, start, 'unknown-line', 'a jump was not understood');
    }
    at = end + 1;
  }

  function nameAt(bytes: Buffer, start: number, end: number): number {
    return defined(names.read(bytes, start, end), noName, bytes, start, end);
  }

  function fileAt(bytes: Buffer, start: number, end: number): number {
    return defined(files.read(bytes, start, end), noFile, bytes, start, end);
  }

  function objectAt(bytes: Buffer, start: number, end: number): number {
    return defined(objects.read(bytes, start, end), noObject, bytes, start, end);
  }

  function defined(index: number, otherwise: number, bytes: Buffer, start: number, end: number): number {
    if (index >= 0) return index;
    problems.add({
      code: 'undefined-name',
      level: 'warning',
      message:
        'a name is referred to by a number that no line before defines: its costs are counted without a name',
      offset: pieceOffset + start,
      quote: textOf(bytes, start, Math.min(end, start + 400)),
    });
    return otherwise;
  }

  function unknownLine(bytes: Buffer, start: number): void {
    rejectLine(bytes, start, 'unknown-line', 'a line was not understood');
  }

  /** `events: Ir Dr`, `cmd: ./a.out`, `totals: 12`. */
  function takeHeader(bytes: Buffer, start: number, stop: number): void {
    const text = textOf(bytes, start, stop);
    // `positions: instr line`
    const [, key, value = ''] = /^([A-Za-z][\w -]{0,40}):\s*([\s\S]*)$/.exec(text) ?? [];
    if (key !== undefined && (part.used || part.ended || parts.length > 0) && beginsFile(key)) {
      nextFile = start;
      at = Number.MAX_SAFE_INTEGER;
      return;
    }
    const isEnd = key === 'totals' || (key === 'summary' && format === 'cachegrind');
    if (!isEnd) endsWhole = false;
    const continues = inCommand;
    inCommand = key === 'cmd' || (inCommand && !headerKeys.has(key ?? ''));
    switch (key) {
      case 'version':
        if (/^\d+$/.test(value) && Number(value) > 1) {
          problems.add({
            code: 'newer-format',
            level: 'incomplete',
            message: `the file has version ${value} of the format, and vgrun knows only version 1`,
          });
        }
        return;
      case 'creator':
        creator = value;
        return;
      case 'cmd':
        command ??= value;
        return;
      case 'pid':
        takePid(value);
        return;
      case 'part':
        // Of very many parts, the last ones are taken for one.
        if ((part.used || part.ended) && parts.length < mostParts) startPart();
        part.number = value.slice(0, 20);
        return;
      case 'thread':
        if (/^\d{1,9}$/.test(value)) part.thread = Number(value);
        return;
      case 'desc':
        takeDescription(value);
        return;
      case 'positions':
        takePositions(value);
        return;
      case 'event':
        takeEvent(value);
        return;
      case 'events':
        takeEvents(value);
        return;
      case 'totals':
      case 'summary':
        takeStated(value, isEnd);
        return;
      default:
        if (continues) command = `${command}\n${text}`;
        else if (key === undefined) unknownLineAt(bytes, start);
        else {
          problems.add(
            {
              code: 'unknown-header',
              level: 'note',
              message: 'a header was not understood',
              offset: pieceOffset + start,
              quote: text.slice(0, 400),
            },
            key,
          );
        }
    }
  }

  /** Whether a header that stands behind costs is the start of a file: none of these is written for a further part. */
  function beginsFile(key: string): boolean {
    if (key === 'version' || key === 'creator' || key === 'cmd') return true;
    return format === 'cachegrind' ? key === 'desc' : key === 'pid';
  }

  function unknownLineAt(bytes: Buffer, start: number): void {
    at = start;
    unknownLine(bytes, start);
  }

  function takePid(value: string): void {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : undefined;
    if (number === undefined) return;
    if (pid !== undefined && pid !== number) {
      problems.add({
        code: 'several-processes',
        level: 'warning',
        message: `the file is about several processes (${pid} and others): their costs were added up`,
      });
      return;
    }
    pid = number;
  }

  function startPart(): void {
    parts.push(part);
    part = newPart();
  }

  // `Trigger: Client Request`, `I1 cache: 32768 B, 64 B, 8-way associative`, `I1 cache: `
  function takeDescription(value: string): void {
    const [, what, said = ''] = /^([^:]{1,60}):\s*(.*)$/s.exec(value) ?? [];
    if (what === 'Trigger') part.trigger = said.slice(0, longestNote);
    // How many basic blocks had been executed tells nobody anything.
    if (what === 'Trigger' || what === 'Timerange' || (what !== undefined && said === '')) return;
    const note = (what === undefined ? value : `${what}: ${said}`).slice(0, longestNote);
    if (note !== '' && notes.length < mostNotes && !notes.includes(note)) notes.push(note);
  }

  function takePositions(value: string): void {
    const words = value.split(/\s+/).filter((word) => word !== '');
    positions = Math.min(3, Math.max(1, words.length));
    lineColumn = words.slice(0, 3).indexOf('line');
    if (lineColumn < 0) line = 0;
  }

  // `event: sysTime : sysTime (elapsed ms)`, `event: CEst = Ir + 10 Bm : Cycle estimation`
  function takeEvent(value: string): void {
    const [, name, formula, long = ''] =
      /^([^\s:=]{1,60})\s*(?:=\s*([^:]{1,300}?)\s*)?(?::\s*(.{0,200}))?$/.exec(value) ?? [];
    if (name === undefined || titles.size >= mostMeasures) return;
    titles.set(name, { long: long.trim(), ...(formula !== undefined && { formula }) });
  }

  function takeEvents(value: string): void {
    hasEvents = true;
    const words = value.split(/\s+/, mostMeasures + 1).filter((word) => word !== '');
    const seen = new Set<string>();
    let surplus = words.length > mostMeasures;
    columnMeasures = words.map((word) => {
      const name = word.slice(0, 80);
      let measure = seen.has(name) ? -1 : measures.indexOf(name);
      if (measure < 0 && !seen.has(name) && measures.length < mostMeasures) {
        measure = measures.push(name) - 1;
        lineValues.addColumn();
        edgeValues.addColumn();
        part.totals.push(0);
      }
      seen.add(name);
      surplus ||= measure < 0;
      return measure;
    });
    if (surplus) {
      problems.add({
        code: 'surplus-events',
        level: 'warning',
        message: `an event is named twice, or there are more than ${mostMeasures}: its costs were left out`,
        quote: value.slice(0, 400),
      });
    }
  }

  function takeStated(value: string, isEnd: boolean): void {
    const words = value === '' ? [] : value.split(/\s+/, mostMeasures + 1);
    const numbers = words.map((word) => (word === '.' ? 0 : /^\d+$/.test(word) ? Number(word) : Number.NaN));
    if (!numbers.every(Number.isSafeInteger) || numbers.length > columnMeasures.length) {
      problems.add({
        code: 'unknown-totals',
        level: 'warning',
        message: 'the totals were not understood',
        quote: value.slice(0, 400),
      });
      return;
    }
    const stated = measures.map(() => 0);
    for (const [column, number] of numbers.entries()) {
      const measure = columnMeasures[column] as number;
      if (measure >= 0) stated[measure] = number;
    }
    if (!isEnd) {
      // `summary:` stands before the costs and may count what ran between two dumps: `totals:` is the better word.
      if (!part.ended) part.stated = stated;
      return;
    }
    const differing = stated.findIndex((number, measure) => number !== (part.totals[measure] ?? 0));
    // A last line without its end may have lost digits.
    if (
      isUnterminated &&
      (differing >= 0 || (format === 'cachegrind' && numbers.length < columnMeasures.length))
    ) {
      return;
    }
    part.stated = stated;
    part.ended = true;
    part.used = true;
    endsWhole = true;
    if (differing < 0) return;
    const where = part.number === undefined ? '' : ` of part ${part.number}`;
    problems.add({
      code: 'totals-differ',
      // valgrind states exactly what it wrote, so something was lost or added.
      level: 'incomplete',
      message: `the costs${where} add up to ${part.totals[differing]} ${measures[differing]}, but the file says ${stated[differing]}`,
    });
  }

  function end(): ProfileFile {
    if (part.used || part.ended || parts.length === 0) startPart();
    // What valgrind writes ends with its totals. xdebug writes a summary somewhere; of others, nothing is known.
    const complete =
      pendingCalls < 0 &&
      !pendingJump &&
      (format === 'cachegrind' || /^(?:callgrind|xtree)-/.test(creator)
        ? endsWhole && parts.every(({ ended }) => ended)
        : parts.some(({ used }) => used) &&
          (!creator.startsWith('xdebug') || parts.every(({ stated }) => stated !== undefined)));
    const about = {
      ...(pid !== undefined && { pid }),
      ...(command !== undefined && { argv: command.split(/\s+/).filter((word) => word !== '') }),
      // `callgrind-3.19.0`
      ...versionOf(creator),
    };
    if (measures.length === 0) return { processes: [], complete: false };
    return { processes: [{ ...about, profile: makeProfile() }], complete };
  }

  function makeProfile(): Profile {
    const functionFrames = framesOf(functions, names.at, objects.at, files.at);
    const { paths, numbers } = pathsOf([lines.column(1), edges.column(2), jumps.column(1)], files.at);
    const self: number[][] = measures.map(() => new Array<number>(functionFrames.length).fill(0));
    const lineFunctions = lines.column(0);
    const lineColumns = lineValues.columns(lines.size());
    const edgeColumns = edgeValues.columns(edges.size());
    for (const [measure, values] of lineColumns.entries()) {
      const target = self[measure] as number[];
      for (let at = 0; at < values.length; at++) {
        const owner = lineFunctions[at] as number;
        target[owner] = (target[owner] as number) + (values[at] as number);
      }
    }
    const [taken = [], reached = []] = jumpCounts.columns(jumps.size());
    const totals = measures.map((_, measure) =>
      parts.reduce((sum, one) => sum + (one.totals[measure] ?? 0), 0),
    );
    const stated = parts.every((one) => one.stated !== undefined)
      ? measures.map((_, measure) => parts.reduce((sum, one) => sum + (one.stated?.[measure] ?? 0), 0))
      : undefined;
    const told = partsOf(parts, measures.length);
    const thread = parts[0]?.thread;
    const sums = addSums(measures, titles, [self, lineColumns, edgeColumns], totals, stated);
    const whatElse = [...notes];
    const [only] = parts;
    if (parts.length === 1 && only?.trigger !== undefined) whatElse.push(`Trigger: ${only.trigger}`);
    if (creator !== '' && versionOf(creator).version === undefined) {
      whatElse.push(`Creator: ${creator.slice(0, longestNote)}`);
    }
    return {
      format,
      measures: sums,
      primary: primaryOf(sums, totals),
      totals,
      ...(stated && { stated }),
      frames: [],
      trees: [],
      functions: functionFrames,
      files: paths,
      graph: {
        self,
        ...(format === 'callgrind' && {
          edges: {
            callers: edges.column(0),
            callees: edges.column(1),
            files: renumbered(edges.column(2), numbers),
            lines: edges.column(3),
            calls: edgeCalls,
            values: edgeColumns,
          },
        }),
      },
      lines: {
        functions: lineFunctions,
        files: renumbered(lines.column(1), numbers),
        lines: lines.column(2),
        values: lineColumns,
      },
      ...(jumps.size() > 0 && {
        jumps: {
          functions: jumps.column(0),
          files: renumbered(jumps.column(1), numbers),
          fromLines: jumps.column(2),
          toLines: jumps.column(3),
          taken,
          reached,
        },
      }),
      ...(told.length > 0 && {
        parts: told.map((one) => ({ ...one, totals: padded(one.totals, sums.length) })),
      }),
      ...(thread !== undefined && parts.every((one) => one.thread === thread) && { thread }),
      notes: whatElse,
    };
  }

  return { take, end };
}

function startsWith(bytes: Buffer, start: number, word: string): boolean {
  for (let index = 0; index < word.length; index++) {
    if (bytes[start + index] !== word.charCodeAt(index)) return false;
  }
  return true;
}

// `callgrind-3.19.0`, `xtree-1`
function versionOf(creator: string): { readonly version?: string } {
  const [, version] = /^callgrind-([\w.~+-]{1,40})$/.exec(creator) ?? [];
  if (version !== undefined) return { version };
  return {};
}

function framesOf(
  functions: RowTable,
  nameAt: (index: number) => string,
  objectAt: (index: number) => string,
  fileAt: (index: number) => string,
): readonly ProfileFrame[] {
  const names = functions.column(0);
  const objects = functions.column(1);
  const files = functions.column(2);
  const texts = (at: (index: number) => string) => {
    const known = new Map<number, string | undefined>();
    return (index: number): string | undefined => {
      if (known.has(index)) return known.get(index);
      const name = at(index);
      const text = unknownNames.has(name) ? undefined : name;
      known.set(index, text);
      return text;
    };
  };
  const [objectText, fileText] = [texts(objectAt), texts(fileAt)];
  return names.map((name, row) => {
    const text = nameAt(name);
    const object = objectText(objects[row] as number);
    const file = fileText(files[row] as number);
    return {
      ...(addressName.test(text) ? { ip: text } : !unknownNames.has(text) && { function: text }),
      ...(object !== undefined && { object }),
      ...(file !== undefined && { file }),
    };
  });
}

/** The files that lines are in, and their numbers by index of their names; -1 for the unknown one. */
function pathsOf(
  used: readonly (readonly number[])[],
  fileAt: (index: number) => string,
): { readonly paths: readonly string[]; readonly numbers: ReadonlyMap<number, number> } {
  const paths: string[] = [];
  const numbers = new Map<number, number>();
  for (const file of used.flatMap((files) => [...new Set(files)])) {
    if (numbers.has(file)) continue;
    const path = fileAt(file);
    numbers.set(file, unknownNames.has(path) ? -1 : paths.push(path) - 1);
  }
  return { paths, numbers };
}

function renumbered(files: readonly number[], numbers: ReadonlyMap<number, number>): number[] {
  return files.map((file) => numbers.get(file) ?? -1);
}

function padded(totals: readonly number[], length: number): readonly number[] {
  return Array.from({ length }, (_, measure) => totals[measure] ?? 0);
}

/** `part 2`, and with several threads in one file `thread 3, part 2`. */
function partsOf(parts: readonly Part[], measures: number): readonly ProfilePart[] {
  const threads = new Set(parts.map(({ thread }) => thread));
  return parts
    .filter(({ number, thread }) => number !== undefined || thread !== undefined)
    .map(({ number, thread, trigger, totals }) => {
      const words = [
        ...(threads.size > 1 && thread !== undefined ? [`thread ${thread}`] : []),
        ...(number !== undefined ? [`part ${number}`] : []),
      ];
      return {
        name: words.join(', ') || `thread ${thread}`,
        ...(trigger !== undefined && { trigger }),
        totals: padded(totals, measures),
      };
    });
}

/**
 * Measures of the events, and of those that are sums of others by their formula: these get columns of their own at the
 * end of each of `tables`.
 */
function addSums(
  names: readonly string[],
  titles: ReadonlyMap<string, { readonly long: string; readonly formula?: string }>,
  tables: readonly number[][][],
  totals: number[],
  stated: number[] | undefined,
): readonly Measure[] {
  const measures = names.map((name) => eventMeasure(name, titles.get(name)?.long));
  for (const [name, { long, formula }] of titles) {
    if (formula === undefined || names.includes(name) || measures.length >= mostMeasures) continue;
    // A formula may use the sums before it.
    const summands = readFormula(formula)?.map(({ name: of, factor }) => ({
      factor,
      measure: measures.findIndex((measure) => measure.name === of),
    }));
    const known = summands?.filter(({ measure }) => measure >= 0) ?? [];
    if (known.length === 0) continue;
    for (const columns of [...tables, [...totals.map((total) => [total])]]) {
      const length = columns[0]?.length ?? 0;
      const sum = new Array<number>(length).fill(0);
      for (const { factor, measure } of known) {
        const column = columns[measure] as readonly number[];
        for (let row = 0; row < length; row++) {
          sum[row] = (sum[row] as number) + factor * (column[row] as number);
        }
      }
      if (tables.includes(columns)) columns.push(sum);
      else totals.push(sum[0] ?? 0);
    }
    stated?.push(known.reduce((sum, { factor, measure }) => sum + factor * (stated[measure] ?? 0), 0));
    measures.push(eventMeasure(name, long, formula));
  }
  return measures;
}

/** `Ir` where there is one, else the first of which something was spent. */
function primaryOf(measures: readonly Measure[], totals: readonly number[]): number {
  const instructions = measures.findIndex(({ name }) => name === 'Ir');
  if (instructions >= 0) return instructions;
  return Math.max(
    0,
    totals.findIndex((total) => total > 0),
  );
}

/** Reads what the header of a cost file names before its first cost, for telling formats apart. */
export function costHeader(head: Uint8Array): {
  readonly marked: boolean;
  readonly keys: readonly string[];
  /** What follows the header, as far as it is there. */
  readonly body: string;
} {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '');
  const keys: string[] = [];
  let marked = false;
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf('\n', start);
    const line = text.slice(start, end < 0 ? text.length : end).trim();
    // `events: Ir Dr`
    const [, key] = /^([a-z]+):(?:\s|$)/.exec(line) ?? [];
    const continues = keys.at(-1) === 'cmd' && !headerKeys.has(key ?? '');
    if (/^# *callgrind format/.test(line)) marked = true;
    else if (key !== undefined && !continues) keys.push(key);
    else if (line !== '' && !line.startsWith('#') && !continues) break;
    start = end < 0 ? text.length : end + 1;
  }
  return { marked, keys, body: text.slice(start) };
}
