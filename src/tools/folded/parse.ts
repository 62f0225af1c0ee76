// Reads folded stacks: a line for each stack, its frames outermost first, and how much it counts.

import type { Measure, Profile, ProfileFrame } from '../../model/profile.ts';
import { frameTable } from '../../model/profile-tables.ts';
import { byteTable, hashBytes, hashPrime, hashStart } from '../_shared/byte-table.ts';
import { textOf } from '../_shared/byte-text.ts';
import { lineRegions } from '../_shared/line-regions.ts';
import { longer } from '../_shared/longer.ts';
import type { ProblemTally } from '../_shared/problem-tally.ts';
import { type ProfileParser, profileReader } from '../_shared/profile-reader.ts';
import { deepestStack, stackTree, tellCutStacks } from '../_shared/stack-tree.ts';

/**
 * Folded stacks as `stackcollapse*.pl` write them: `a;b;c 12`, UTF-8 or UTF-16 with a byte order mark; with two numbers
 * (`difffolded.pl`) the first is before and the second after. Annotations: `_[k]` kernel, `_[i]` inlined, `_[j]` jitted.
 */
export const foldedReader = profileReader('folded-stacks', 'folded', recognizes, startFolded);

/** Bytes of the beginning by which is decided what the numbers are. */
const headSize = 64 * 1024;

/** Values as large as this are not told apart from their neighbours, and no counter has them. */
const largest = Number.MAX_SAFE_INTEGER;

/** What the lines of a beginning are, by number. */
interface Shape {
  readonly stacks: number;
  readonly withCallers: number;
  readonly withTwo: number;
  readonly others: number;
}

/**
 * True when nearly all lines are stacks, and there are calls among them: a line of prose that ends with a number is no
 * stack.
 */
export function recognizes(head: Uint8Array): boolean {
  const decoder = decoderFor(head);
  const bytes = decoder(head.subarray(0, headSize), true);
  const ended = head.length > headSize ? bytes.subarray(0, bytes.lastIndexOf(10) + 1) : bytes;
  // A head may end within a line; a file may end without a line end.
  const whole = shapeOf(ended);
  const shape = whole.others > 0 ? shapeOf(bytes.subarray(0, bytes.lastIndexOf(10) + 1)) : whole;
  return shape.withCallers > 0 && shape.others * 4 <= shape.stacks;
}

function shapeOf(bytes: Uint8Array): Shape {
  const shape = { stacks: 0, withCallers: 0, withTwo: 0, others: 0 };
  for (let from = 0; from < bytes.length; ) {
    const newline = bytes.indexOf(10, from);
    const next = newline < 0 ? bytes.length : newline + 1;
    const end = trimEnd(bytes, from, newline < 0 ? bytes.length : newline);
    if (end > from && !isComment(bytes, from)) {
      const last = numberStart(bytes, from, end);
      const first = bytes[from] as number;
      // `{`, `<`, `"`, blanks and control characters begin other formats, not the name of an outermost call.
      if (last <= from || first <= 34 || first === 123 || (first === 60 && bytes[from + 1] === 63))
        shape.others++;
      else {
        shape.stacks++;
        const before = trimEnd(bytes, from, last);
        const semicolon = bytes.indexOf(59, from);
        if (semicolon > from && semicolon < before - 1) shape.withCallers++;
        if (numberStart(bytes, from, before) > from) shape.withTwo++;
      }
    }
    from = next;
  }
  return shape;
}

function startFolded(problems: ProblemTally): ProfileParser {
  const names = byteTable();
  const frames = frameTable();
  const frameOf: number[] = [];
  const tree = stackTree();
  const totals = [0, 0];
  let stack = new Int32Array(256);
  /** Where the semicolons behind the callers of the last line are, and how many. */
  let callerEnds = new Int32Array(256);
  let ends = 0;
  let decode: ((chunk: Uint8Array, last: boolean) => Uint8Array) | undefined;
  let beginning: Uint8Array[] = [];
  let beginningSize = 0;
  let started = false;
  let differential = false;
  let decimals = false;
  let stacks = 0;
  let tooDeep = false;
  let longLines = 0;

  function take(bytes: Uint8Array, from: number, to: number): void {
    ends = 0;
    for (let at = from, before = from; at < to; ) {
      const next = takeStack(bytes, at, to, before);
      before = at;
      at = next;
    }
  }

  /**
   * Reads `java;start_thread;Interpreter;do_IRQ_[k] 12`.
   *
   * @param previous where the line before begins, in the same bytes; what both begin with is not read again.
   * @returns where the next line begins.
   */
  function takeStack(bytes: Uint8Array, from: number, to: number, previous: number): number {
    // Files of folded stacks are sorted, so lines share most of their frames with the one before.
    const callers = ends === 0 ? 0 : commonCallers(bytes, from, to, previous);
    let depth = callers;
    let start = callers === 0 ? from : from + (callerEnds[callers - 1] as number) + 1;
    let at = start;
    let hash = hashStart;
    let byte = 0;
    for (; at < to; at++) {
      byte = bytes[at] as number;
      if (byte === 10) break;
      if (byte !== 59) {
        hash = Math.imul(hash ^ byte, hashPrime);
        continue;
      }
      if (at > start) {
        if (depth === stack.length) {
          stack = longer(stack);
          callerEnds = longer(callerEnds);
        }
        if (depth < deepestStack) {
          callerEnds[depth] = at - from;
          stack[depth++] = numberOf(bytes, start, at, hash);
        } else tooDeep = true;
      }
      start = at + 1;
      hash = hashStart;
    }
    const next = at + 1;
    ends = depth;
    const end = trimEnd(bytes, from, at);
    if (end === from) return next;
    const last = numberStart(bytes, start, end);
    let nameEnd = last < 0 ? start : trimEnd(bytes, start, last);
    let value = last < 0 ? Number.NaN : weightOf(bytes, last, end);
    let before = 0;
    if (differential && last >= 0) {
      const first = numberStart(bytes, start, nameEnd);
      before = first < 0 ? Number.NaN : weightOf(bytes, first, nameEnd);
      nameEnd = first < 0 ? nameEnd : trimEnd(bytes, start, first);
    }
    if (Number.isNaN(value) || Number.isNaN(before) || (nameEnd === start && depth === 0)) {
      if (!isComment(bytes, from)) unknown(bytes, from, end);
      return next;
    }
    if (value > largest || before > largest) {
      problems.add({
        code: 'absurd-number',
        level: 'incomplete',
        message: 'a stack counts more than a number can hold exactly, and is left out',
        quote: textOf(bytes, last, end),
      });
      value = 0;
      before = 0;
    }
    if (nameEnd > start) {
      if (depth === stack.length) {
        stack = longer(stack);
        callerEnds = longer(callerEnds);
      }
      if (depth < deepestStack)
        stack[depth++] = numberOf(bytes, start, nameEnd, hashBytes(bytes, start, nameEnd));
      else tooDeep = true;
    }
    stacks++;
    if (!Number.isInteger(value) || !Number.isInteger(before)) decimals = true;
    const node = tree.node(stack, depth, false);
    tree.add(node, 1, value);
    totals[1] = (totals[1] as number) + value;
    if (differential) {
      tree.add(node, 0, before);
      totals[0] = (totals[0] as number) + before;
    }
    return next;
  }

  /** How many callers of the line before are also those of the line at `from`. */
  function commonCallers(bytes: Uint8Array, from: number, to: number, previous: number): number {
    let callers = 0;
    let at = 0;
    for (; callers < ends; callers++) {
      const end = (callerEnds[callers] as number) + 1;
      if (from + end > to) break;
      while (at < end && bytes[from + at] === bytes[previous + at]) at++;
      if (at < end) break;
    }
    return callers;
  }

  function numberOf(bytes: Uint8Array, from: number, to: number, hash: number): number {
    const id = names.add(hash, bytes, from, to);
    if (id === frameOf.length) frameOf.push(frames.add(foldedFrame(textOf(bytes, from, to))));
    return frameOf[id] as number;
  }

  function unknown(bytes: Uint8Array, from: number, end: number): void {
    problems.add({
      code: 'unknown-line',
      level: 'incomplete',
      message: `a line is no folded stack${differential ? ' with two numbers' : ''}`,
      quote: textOf(bytes, from, Math.min(end, from + 400)),
    });
  }

  const regions = lineRegions(take, (bytes, from, to) => {
    longLines++;
    take(bytes, from, to);
  });

  function begin(): void {
    const bytes = Buffer.concat(beginning);
    beginning = [];
    started = true;
    const { stacks: found, withTwo } = shapeOf(
      beginningSize < headSize ? bytes : bytes.subarray(0, bytes.lastIndexOf(10) + 1),
    );
    // A name may end with a number (`worker 12 5`), so one line with two proves nothing.
    differential = found > 0 && withTwo === found;
    regions.push(bytes);
  }

  function accept(bytes: Uint8Array): void {
    if (started) regions.push(bytes);
    else {
      // Copied: the chunk is lent.
      beginning.push(Uint8Array.from(bytes));
      beginningSize += bytes.length;
      if (beginningSize >= headSize) begin();
    }
  }

  /** The first bytes, until it is known in which encoding the file is. */
  let mark: Uint8Array = new Uint8Array(0);

  return {
    push: (chunk) => {
      if (decode !== undefined) {
        accept(decode(chunk, false));
        return;
      }
      mark = Buffer.concat([mark, chunk]);
      if (mark.length < 3) return;
      decode = decoderFor(mark);
      accept(decode(mark, false));
    },
    end: () => {
      decode ??= decoderFor(mark);
      accept(decode(mark.length < 3 ? mark : new Uint8Array(0), true));
      if (!started) begin();
      regions.end();
      tellProblems();
      return { processes: stacks > 0 ? [{ profile: build() }] : [], complete: stacks > 0 && longLines === 0 };
    },
  };

  function tellProblems(): void {
    if (stacks === 0) {
      problems.add({ code: 'empty-profile', level: 'incomplete', message: 'the file has no folded stacks' });
    }
    tellCutStacks(problems, longLines, tooDeep ? 'innermost' : undefined);
  }

  function build(): Profile {
    const columns = differential ? [0, 1] : [1];
    const unit = decimals ? 'events' : 'samples';
    const measures: Measure[] = differential
      ? [
          { name: 'before', title: `${unit} before`, unit },
          { name: 'after', title: `${unit} after`, unit },
        ]
      : [{ name: decimals ? 'weight' : 'samples', title: decimals ? 'weight' : 'samples', unit }];
    return {
      format: 'folded',
      measures,
      primary: measures.length - 1,
      totals: columns.map((column) => totals[column] as number),
      frames: frames.frames,
      trees: [tree.build(columns, (frame) => frame)],
      functions: [],
      files: [],
      notes: ['folded stacks do not say what their numbers count'],
    };
  }
}

/** What a name between semicolons says: `do_IRQ_[k]`, `Map.get_[j]`, `[libc-2.27.so]`, `[unknown]`, `main`. */
export function foldedFrame(text: string): ProfileFrame {
  const [, plain = text, mark] = /^(.+)_\[([kijw])\]$/s.exec(text) ?? [];
  const about = {
    ...(mark === 'k' && { object: '[kernel]' }),
    ...(mark === 'i' && { inlined: true }),
  };
  if (plain === '[unknown]') return about;
  // stackcollapse-perf.pl puts the object where the function is not known: `[libc-2.27.so]`, `[/tmp/perf-12.map]`.
  const object = /^\[([^[\]]*(?:\.so(?:\.[\d.]+)?|\.map|\.ko|\/[^[\]]*|kernel\.kallsyms))\]$/.exec(
    plain,
  )?.[1];
  if (object === undefined) return { function: plain, ...about };
  return { ...about, object: object === 'kernel.kallsyms' ? `[${object}]` : object };
}

/** Where the number begins with which a line ends and which a blank precedes; -1 when it ends with none. */
function numberStart(bytes: Uint8Array, from: number, end: number): number {
  let at = end - 1;
  let digits = 0;
  for (; at >= from; at--) {
    const byte = bytes[at] as number;
    if (byte >= 48 && byte <= 57) digits++;
    // `12.5`, `1.2e+06`
    else if (byte !== 46 && byte !== 101 && byte !== 43 && byte !== 45) break;
  }
  const start = at + 1;
  if (digits === 0 || end - start > 40 || (at >= from && bytes[at] !== 32 && bytes[at] !== 9)) return -1;
  if (at < from) return -1;
  return digits === end - start || !Number.isNaN(weightOf(bytes, start, end)) ? start : -1;
}

/** NaN for what is no number, and for one below 0. */
function weightOf(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] as number) - 48;
    if (digit < 0 || digit > 9) return decimalOf(textOf(bytes, from, to));
    value = value * 10 + digit;
  }
  return value;
}

function decimalOf(text: string): number {
  return /^\d+(?:\.\d+)?(?:e[+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN;
}

/** `# comment`, `// comment` */
function isComment(bytes: Uint8Array, from: number): boolean {
  return bytes[from] === 35 || (bytes[from] === 47 && bytes[from + 1] === 47);
}

function trimEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = end;
  while (at > from && (bytes[at - 1] === 32 || bytes[at - 1] === 13 || bytes[at - 1] === 9)) at--;
  return at;
}

/** Gives UTF-8 without byte order mark, whatever the file that begins with `head` is in. */
function decoderFor(head: Uint8Array): (chunk: Uint8Array, last: boolean) => Uint8Array {
  const little = head[0] === 0xff && head[1] === 0xfe;
  const big = head[0] === 0xfe && head[1] === 0xff;
  let first = true;
  if (!little && !big) {
    const marked = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf;
    return (chunk) => {
      const bytes = first && marked ? chunk.subarray(3) : chunk;
      first = false;
      return bytes;
    };
  }
  const text = new TextDecoder('utf-16le');
  let odd = -1;
  return (chunk, last) => {
    // Pairs of bytes: one may be left over from the chunk before.
    const joined = new Uint8Array(chunk.length + (odd < 0 ? 0 : 1));
    if (odd >= 0) joined[0] = odd;
    joined.set(chunk, odd < 0 ? 0 : 1);
    const even = joined.length & ~1;
    odd = even < joined.length ? (joined[even] as number) : -1;
    const pairs = joined.subarray(0, even);
    if (big) {
      for (let at = 0; at < even; at += 2) {
        const high = pairs[at] as number;
        pairs[at] = pairs[at + 1] as number;
        pairs[at + 1] = high;
      }
    }
    return Buffer.from(text.decode(pairs, { stream: !last }), 'utf8');
  };
}
