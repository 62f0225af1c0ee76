// The first line of a sample in the text of `perf script`: whose it is, of which event, and how much it counts.

/** What the line says. Positions are in the bytes that were given. */
export interface SampleLine {
  commStart: number;
  commEnd: number;
  /** Where process and thread stand, comm included; equal bytes mean the same thread under the same name. */
  idEnd: number;
  /** -1 where only one number is printed, and for the idle task of a machine that perf does not know. */
  pid: number;
  tid: number;
  /** `12/13`: process and thread; else the one number is the thread. */
  hasPid: boolean;
  /** False with `-F comm,event,…`: nobody is named. */
  hasTid: boolean;
  hasTime: boolean;
  /** NaN: none is printed. */
  period: number;
  /** Name of the event without the colon; empty: none is printed. */
  eventStart: number;
  eventEnd: number;
  /** What follows the event. */
  restStart: number;
  /** Where the line ends, without CR. */
  end: number;
}

/** Bytes in which comm and numbers are looked for: names of kernel threads have at most 63 bytes. */
const longestComm = 128;

/** A line to be filled by `readSampleLine`: one for all samples of a file. */
export function emptySampleLine(): SampleLine {
  return {
    commStart: 0,
    commEnd: 0,
    idEnd: 0,
    pid: -1,
    tid: -1,
    hasPid: false,
    hasTid: false,
    hasTime: false,
    period: Number.NaN,
    eventStart: 0,
    eventEnd: 0,
    restStart: 0,
    end: 0,
  };
}

/**
 * Reads a line such as these (perf-script(1), option `-F`; what `perf script` of Linux 4.9 to 6.12 prints):
 *
 *     hot 14422  6270.120789:   10101010 cpu-clock:ppp:
 *     swapper     0 [003] 203265.377022:    1001001 cpu-clock:
 *     simple-terminat     9/9     198791.127353: cpu-clock:
 *     my worker: 7 [x 21535 12592.251674:    1003009 cpu-clock:ppp:
 *              hot 22850 12840.883468:          1 page-faults:  ffffffff8175336a elf_load+0x28a ([kernel.kallsyms])
 *     hot 21533/21535
 *
 * A comm may hold anything, so it ends where everything behind it makes sense: tried with a time, then with flags before
 * the time, then without a time.
 *
 * @returns whether `line` was filled.
 */
export function readSampleLine(bytes: Uint8Array, from: number, end: number, line: SampleLine): boolean {
  const start = skipSpaces(bytes, from, end);
  const limit = Math.min(end, start + longestComm);
  for (const time of ['plain', 'flagged', 'none'] as const) {
    for (let at = start; at < limit; ) {
      if (readNumbers(bytes, at, end, line, time)) {
        line.commStart = start;
        line.commEnd = trimEnd(bytes, start, at);
        line.end = end;
        return true;
      }
      while (at < limit && bytes[at] !== 32) at++;
      at = skipSpaces(bytes, at, limit);
    }
  }
  return false;
}

/** What stands behind comm, from `start`. */
function readNumbers(
  bytes: Uint8Array,
  start: number,
  end: number,
  line: SampleLine,
  time: 'plain' | 'flagged' | 'none',
): boolean {
  let at = readIds(bytes, start, end, line);
  line.idEnd = at;
  if (!line.hasTid && time !== 'plain') return false;
  at = skipSpaces(bytes, at, end);
  at = skipProcessor(bytes, at, end);
  const afterTime = timeEnd(bytes, at, end);
  line.hasTime = afterTime > 0;
  if (line.hasTime) at = afterTime;
  else if (time === 'plain') return false;
  else if (time === 'flagged') {
    // With `-F +misc` a word stands before the time: `hot 12 [001] U     12.345678:`
    const word = skipLetters(bytes, at, end);
    const late = word > at ? timeEnd(bytes, skipSpaces(bytes, word, end), end) : 0;
    if (late === 0) return false;
    line.hasTime = true;
    at = late;
  }
  at = skipSpaces(bytes, at, end);
  return readEvent(bytes, at, end, line);
}

/** `14422`, `9/9`, `-1`. @returns where they end; `start` when there are none. */
function readIds(bytes: Uint8Array, start: number, end: number, line: SampleLine): number {
  line.hasPid = false;
  line.hasTid = false;
  line.pid = -1;
  line.tid = -1;
  let at = start;
  const first = digitsEnd(bytes, at, end);
  if (first === at) return start;
  const one = numberOf(bytes, at, first);
  at = first;
  if (bytes[at] === 47) {
    const second = digitsEnd(bytes, at + 1, end);
    if (second === at + 1 || (second < end && bytes[second] !== 32)) return start;
    line.pid = one;
    line.tid = numberOf(bytes, at + 1, second);
    line.hasPid = true;
    line.hasTid = true;
    return second;
  }
  if (at < end && bytes[at] !== 32) return start;
  line.tid = one;
  line.hasTid = true;
  return at;
}

/** `[003] ` */
function skipProcessor(bytes: Uint8Array, start: number, end: number): number {
  if (bytes[start] !== 91) return start;
  const close = digitsEnd(bytes, start + 1, end);
  if (close === start + 1 || bytes[close] !== 93) return start;
  return skipSpaces(bytes, close + 1, end);
}

/** `6270.120789:`, with `--ns` nine digits. @returns where it ends; 0 when there is none. */
function timeEnd(bytes: Uint8Array, start: number, end: number): number {
  const point = digitsEnd(bytes, start, end);
  if (point === start || bytes[point] !== 46) return 0;
  const colon = digitsEnd(bytes, point + 1, end);
  if (colon - point < 7 || colon >= end || bytes[colon] !== 58) return 0;
  return colon + 1;
}

/** `   10101010 cpu-clock:ppp: `, `cpu-clock: `, or nothing. */
function readEvent(bytes: Uint8Array, start: number, end: number, line: SampleLine): boolean {
  let at = start;
  line.period = Number.NaN;
  const digits = digitsEnd(bytes, at, end);
  if (digits > at && (digits === end || bytes[digits] === 32)) {
    line.period = numberOf(bytes, at, digits);
    at = skipSpaces(bytes, digits, end);
  }
  line.eventStart = at;
  line.eventEnd = at;
  line.restStart = at;
  if (at === end) return line.hasTid;
  const word = skipWord(bytes, at, end);
  if (bytes[word - 1] === 58 && word - 1 > at) {
    line.eventEnd = word - 1;
    line.restStart = word;
    return true;
  }
  // `PERF_RECORD_MMAP2 22858/22858: [0x7ffe3033b000(0x21000) @ …`, `PERF_RECORD_LOST lost 17`
  if (line.hasTime && isRecord(bytes, at)) {
    line.eventEnd = word;
    line.restStart = word;
    return true;
  }
  return false;
}

/** True where one of perf's own records begins. */
export function isRecord(bytes: Uint8Array, at: number): boolean {
  const word = 'PERF_RECORD_';
  for (let index = 0; index < word.length; index++) {
    if (bytes[at + index] !== word.charCodeAt(index)) return false;
  }
  return true;
}

/** After the blanks at `from`. */
export function skipSpaces(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (bytes[at] === 32 || bytes[at] === 9)) at++;
  return at;
}

/** The number whose digits these are, perhaps with a minus; not exact beyond 2^53, never infinite. */
export function numberOf(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  const negative = bytes[from] === 45;
  for (let at = negative ? from + 1 : from; at < to && value < 1e300; at++) {
    value = value * 10 + (bytes[at] as number) - 48;
  }
  return negative ? -value : value;
}

/** After the digits at `from`, which a minus may precede. */
function digitsEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  if (bytes[at] === 45) at++;
  const first = at;
  while (at < end && (bytes[at] as number) >= 48 && (bytes[at] as number) <= 57) at++;
  return at === first ? from : at;
}

function skipWord(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== 32) at++;
  return at;
}

function skipLetters(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && ((bytes[at] as number) | 32) >= 97 && ((bytes[at] as number) | 32) <= 122) at++;
  return at;
}

function trimEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && bytes[at - 1] === 32) at--;
  return at;
}
