// Reads the text of `perf script`: samples with or without call chains, of any number of events, threads and processes.

import type { Measure, Profile, ProfileFrame } from '../../model/profile.ts';
import { frameTable } from '../../model/profile-tables.ts';
import { byteTable, hashBytes, hashPrime, hashStart } from '../_shared/byte-table.ts';
import { textOf } from '../_shared/byte-text.ts';
import { lineRegions } from '../_shared/line-regions.ts';
import { longer } from '../_shared/longer.ts';
import type { ProblemTally } from '../_shared/problem-tally.ts';
import { type ProfiledProcess, type ProfileParser, profileReader } from '../_shared/profile-reader.ts';
import { deepestStack, type StackTree, stackTree, tellCutStacks } from '../_shared/stack-tree.ts';
import type { ReadContext } from '../tool.ts';
import { countMeasure, eventMeasure, withoutPrecision } from './events.ts';
import { lineCache } from './line-cache.ts';
import { emptySampleLine, isRecord, readSampleLine, skipSpaces } from './sample-line.ts';

/**
 * The text of `perf script` (perf-script(1)), default fields or any `-F` that keeps `ip` and `sym`. A frame is a function
 * and its object, without address: memory follows distinct places.
 */
export const perfScriptReader = profileReader('perf-script', 'perf', recognizes, startPerfScript);

/** Lines at the beginning among which the first sample must be. */
const linesToSample = 200;

/** True for the header of `perf script --header`, or when the first sample is near. */
export function recognizes(head: Uint8Array): boolean {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.length);
  const line = emptySampleLine();
  let likely = false;
  for (let from = 0, count = 0; from < bytes.length && count < linesToSample; count++) {
    const newline = bytes.indexOf(10, from);
    const next = newline < 0 ? bytes.length : newline + 1;
    const end = contentEnd(bytes, from, newline < 0 ? bytes.length : newline);
    if (likely && bytes[from] === 9 && addressEnd(bytes, skipSpaces(bytes, from, end), end) > 0) return true;
    likely = false;
    if (bytes[from] === 35) {
      // `# perf version : 4.15.18`
      if (bytes.subarray(from, end).toString('latin1').startsWith('# perf version :')) return true;
    } else if (end > from && bytes[from] !== 9 && readSampleLine(bytes, from, end, line)) {
      if (line.hasTid && line.hasTime && line.eventEnd > line.eventStart) return true;
      likely = true;
    } else if (end > from && count > 20) return false;
    from = next;
  }
  return false;
}

interface Thread {
  readonly pid: number;
  readonly tid: number;
  /** The last name it had: threads name themselves after they began, and exec gives another one. */
  comm: string;
  /** Number of the bytes that named it last. */
  id: number;
  samples: number;
  readonly tree: StackTree;
  /** Stacks that have as many calls as are kept. Whether they lost some only the whole file tells. */
  full: StackTree | undefined;
}

interface Event {
  readonly name: string;
  hasPeriod: boolean;
}

/** What a frame line says. */
interface Place {
  readonly frame: ProfileFrame;
  readonly inlined: boolean;
  readonly kernel: boolean;
}

/**
 * Calls that the kernel keeps of a stack, those of its own included, unless sysctl kernel.perf_event_max_stack says
 * otherwise; perf itself unwinds as many of the program (--call-graph=dwarf).
 */
const mostKept = 127;
const notRecorded: ProfileFrame = { sum: 'callers not recorded: the stack was too deep' };

/** Where a sample is that perf prints no place for. */
const nowhere: ProfileFrame = {};

/** Column of the number of samples; event `n` has columns `2n + 1` (periods) and `2n + 2` (its samples). */
const samplesColumn = 0;

function startPerfScript(problems: ProblemTally, context: ReadContext): ProfileParser {
  const header = createHeader();
  const line = emptySampleLine();
  const headerIds = byteTable();
  const threadOfId: Thread[] = [];
  const threads = new Map<string, Thread>();
  const eventIds = byteTable();
  const events: Event[] = [];
  const lineIds = byteTable();
  const recent = lineCache();
  const frames = frameTable();
  const places: Place[] = [];
  let frameOfLine = new Int32Array(64);
  let inlinedLines = new Uint8Array(64);
  let kernelLines = new Uint8Array(64);
  /** How often each line was met. */
  let met = new Float64Array(64);
  const inlinedIn = new Map<number, number>();
  const sourceIds = byteTable();
  const sources: (Pick<ProfileFrame, 'file' | 'line'> & { readonly inlined: boolean })[] = [];
  const placedAt = new Map<number, number>();

  // The sample that is being read: its frames by line number, innermost first.
  let thread: Thread | undefined;
  let event = 0;
  let period = Number.NaN;
  let stack = new Int32Array(256);
  let addresses = new Int32Array(256);
  let frameNumbers = new Int32Array(256);
  let lineSources = new Int32Array(256);
  let depth = 0;
  let tooDeep = false;
  /** The only frame of a sample without call chain. */
  let lonely = -1;
  /** Counts only when frames follow: nothing else marks it as a sample. */
  let tentative = false;
  let hasInlined = false;
  let hasSources = false;
  /** Frames of a line that was not understood. */
  let skipping = false;

  let samples = 0;
  let chains = 0;
  let lonelies = 0;
  let withoutStack = 0;
  let hasPids = false;
  let lost = 0;
  let longLines = 0;
  let fullStacks = 0;
  /** A stack has more calls than are kept usually: then the machine was told to keep more, and nobody knows how many. */
  let keepsMore = false;
  let objects = false;
  let endsWithGap = true;
  let cut = false;

  function takeLines(bytes: Buffer, from: number, to: number, _offset: number, ended: boolean): void {
    if (ended) take(bytes, from, to);
    else takeLast(bytes, from, to);
  }

  function take(bytes: Buffer, from: number, to: number): void {
    recent.use(bytes);
    for (let at = from; at < to; ) {
      const first = bytes[at];
      if (first === 9) at = takeFrame(bytes, at, to);
      else {
        const newline = first === 10 ? at : bytes.indexOf(10, at);
        takeLine(bytes, at, contentEnd(bytes, at, newline), newline);
        at = newline + 1;
      }
    }
  }

  function takeLine(bytes: Uint8Array, from: number, end: number, newline: number): void {
    const first = bytes[from];
    if (end === from || skipSpaces(bytes, from, end) === end) {
      finishSample();
      skipping = false;
      endsWithGap = true;
      return;
    }
    if (first === 35 && header.take(bytes, from, end, samples > 0)) return;
    if (thread !== undefined && first === 32) {
      if (depth > 0) {
        takeContinuation(bytes, from, end, newline);
        return;
      }
      // A chain whose tabs became blanks, or the next sample of a kind without chains.
      if (
        addressEnd(bytes, skipSpaces(bytes, from, end), end) > 0 &&
        !readSampleLine(bytes, from, end, line)
      ) {
        takeFrame(bytes, from, newline + 1);
        return;
      }
    }
    if (readSampleLine(bytes, from, end, line)) {
      finishSample();
      beginSample(bytes);
      return;
    }
    takeOther(bytes, from, end);
  }

  function beginSample(bytes: Uint8Array): void {
    skipping = false;
    endsWithGap = false;
    if (isRecord(bytes, line.eventStart)) {
      takeRecord(bytes);
      return;
    }
    const { commStart, commEnd, idEnd } = line;
    const id = headerIds.add(hashBytes(bytes, commStart, idEnd), bytes, commStart, idEnd);
    let owner = threadOfId[id];
    if (owner === undefined) {
      owner = threadFor(line.pid, line.tid);
      threadOfId[id] = owner;
    }
    if (owner.id !== id) {
      owner.id = id;
      const comm = textOf(bytes, commStart, commEnd);
      // Between fork and exec a child of perf's has this name.
      if (comm !== 'perf-exec' || owner.comm === '') owner.comm = comm;
    }
    if (line.hasPid) hasPids = true;
    thread = owner;
    event = eventFor(bytes);
    period = line.period;
    tentative = !line.hasTime && line.eventEnd === line.eventStart;
    if (line.restStart < line.end) takeLonely(bytes);
  }

  function threadFor(pid: number, tid: number): Thread {
    const key = `${pid}/${tid}`;
    let known = threads.get(key);
    if (known === undefined) {
      known = { pid, tid, comm: '', id: -1, samples: 0, tree: stackTree(), full: undefined };
      threads.set(key, known);
    }
    return known;
  }

  function eventFor(bytes: Uint8Array): number {
    const { eventStart, eventEnd } = line;
    const id = eventIds.add(hashBytes(bytes, eventStart, eventEnd), bytes, eventStart, eventEnd);
    if (id === events.length) events.push({ name: textOf(bytes, eventStart, eventEnd), hasPeriod: false });
    return id;
  }

  // `  ffffffff8175336a elf_load+0x28a ([kernel.kallsyms])` behind the event of a sample without call chain
  function takeLonely(bytes: Uint8Array): void {
    const start = skipSpaces(bytes, line.restStart, line.end);
    if (bytes[line.end - 1] !== 41 || addressEnd(bytes, start, line.end) === 0) return;
    takeFrame(bytes, start, line.end + 1);
    lonely = stack[0] as number;
    depth = 0;
  }

  /** A line of a call chain: `	            11a9 leaf+0x20 (/home/user/demo/hot)`. @returns where the next line begins. */
  function takeFrame(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    let address = 0;
    // Addresses are 16 columns wide, and the same one mostly stands before the same words.
    const isPlain = to - from > 18 && bytes[from] === 9 && bytes[from + 17] === 32;
    if (isPlain && thread !== undefined) {
      address = recent.keyAt(from + 9);
      const length = recent.find(address, from + 18, to);
      if (length > 0) {
        pushFrame(recent.value(), address);
        return from + 18 + length;
      }
    }
    while (bytes[at] === 9 || bytes[at] === 32) at++;
    const start = at;
    for (;;) {
      const digit = bytes[at] as number;
      if ((digit < 48 || digit > 57) && (digit < 97 || digit > 102)) break;
      if (!isPlain) address = (Math.imul(address, 31) + digit) | 0;
      at++;
    }
    if (at > start && bytes[at] === 32) at++;
    else if (at > start && ((bytes[at] as number) === 10 || (bytes[at] as number) === 13)) {
      // Only an address: `-F ip`.
    } else at = start;
    const nameStart = at;
    let nameEnd = -1;
    let restStart = 0;
    let hash = hashStart;
    let byte = 0;
    while (at < to) {
      byte = bytes[at] as number;
      if (byte === 10 || (byte === 13 && bytes[at + 1] === 10)) break;
      if (byte === 43 && bytes[at + 1] === 48 && bytes[at + 2] === 120) {
        // The offset is left out: it tells instructions of one function apart.
        nameEnd = at;
        at += 3;
        for (;;) {
          const digit = bytes[at] as number;
          if ((digit < 48 || digit > 57) && (digit < 97 || digit > 102)) break;
          at++;
        }
        restStart = at;
        continue;
      }
      hash = Math.imul(hash ^ byte, hashPrime);
      at++;
    }
    const end = at;
    const next = byte === 13 ? at + 2 : at + 1;
    if (thread === undefined) {
      if (!skipping && end > nameStart) takeOther(bytes, from, end);
      return next;
    }
    const number =
      nameEnd < 0
        ? lineIds.add(hash, bytes, nameStart, end)
        : lineIds.add(hash, bytes, nameStart, nameEnd, restStart, end);
    if (number === places.length) addPlace(bytes, nameStart, nameEnd, restStart, end);
    if (isPlain && nameStart === from + 18) recent.keep(address, nameStart, next, number);
    pushFrame(number, address);
    return next;
  }

  function pushFrame(number: number, address: number): void {
    if (depth === stack.length) growStack();
    if (depth >= deepestStack) {
      tooDeep = true;
      return;
    }
    stack[depth] = number;
    addresses[depth] = address;
    lineSources[depth] = -1;
    depth++;
    if (inlinedLines[number] === 1) hasInlined = true;
  }

  function growStack(): void {
    stack = longer(stack);
    addresses = longer(addresses);
    frameNumbers = longer(frameNumbers);
    lineSources = longer(lineSources);
  }

  function addPlace(bytes: Uint8Array, start: number, nameEnd: number, rest: number, end: number): void {
    const place =
      nameEnd < 0
        ? placeOf(textOf(bytes, start, end), undefined)
        : placeOf(textOf(bytes, start, nameEnd), textOf(bytes, rest, end));
    if (place.frame.object !== undefined) objects = true;
    if (places.length === met.length) {
      const larger = new Float64Array(met.length * 2);
      larger.set(met);
      met = larger;
      frameOfLine = longer(frameOfLine);
      const marks = new Uint8Array(met.length);
      marks.set(inlinedLines);
      inlinedLines = marks;
      const kernels = new Uint8Array(met.length);
      kernels.set(kernelLines);
      kernelLines = kernels;
    }
    if (place.kernel) kernelLines[places.length] = 1;
    if (place.inlined) inlinedLines[places.length] = 1;
    frameOfLine[places.length] = frames.add(place.frame);
    places.push(place);
  }

  // `  hot.c:7`, `  libc-start.c:360 (inlined)`, `  ??:0`, `  libc.so.6[2724a]`: with `-F +srcline`, below its frame
  function takeContinuation(bytes: Uint8Array, from: number, end: number, newline: number): void {
    const start = skipSpaces(bytes, from, end);
    const digits = addressEnd(bytes, start, end);
    if (digits > 0 && (start - from !== 2 || digits - start === 16)) {
      takeFrame(bytes, from, newline + 1);
      return;
    }
    const id = sourceIds.add(hashBytes(bytes, start, end), bytes, start, end);
    if (id === sources.length) sources.push(sourceOf(textOf(bytes, start, end)));
    lineSources[depth - 1] = id;
    hasSources = true;
    if (sources[id]?.inlined === true) hasInlined = true;
  }

  function finishSample(): void {
    if (thread === undefined) return;
    const owner = thread;
    thread = undefined;
    if (depth > 0) chains++;
    else if (tentative && chains === 0) return;
    if (depth === 0 && lonely >= 0) {
      lonelies++;
      stack[0] = lonely;
      lineSources[0] = -1;
      depth = 1;
    } else if (depth === 0) {
      withoutStack++;
      frameNumbers[0] = frames.add(nowhere);
    }
    samples++;
    owner.samples++;
    numberFrames();
    let { tree } = owner;
    if (depth >= mostKept && isFull()) {
      fullStacks++;
      owner.full ??= stackTree();
      tree = owner.full;
    }
    const node = tree.node(frameNumbers, Math.max(depth, 1), true);
    tree.add(node, samplesColumn, 1);
    tree.add(node, 2 * event + 2, 1);
    if (period >= 0) {
      (events[event] as Event).hasPeriod = true;
      if (period <= Number.MAX_SAFE_INTEGER) tree.add(node, 2 * event + 1, period);
      else {
        problems.add({
          code: 'absurd-number',
          level: 'incomplete',
          message: 'a sample has a period that no counter can have; it counts as a sample only',
          quote: `${period}`,
        });
      }
    }
    depth = 0;
    lonely = -1;
    hasInlined = false;
    hasSources = false;
  }

  /** Whether the stack has as many calls as are kept at most. What was inlined into a call is none of them. */
  function isFull(): boolean {
    let all = 0;
    let kernel = 0;
    for (let at = 0; at < depth; at++) {
      if (frames.frames[frameNumbers[at] as number]?.inlined === true) continue;
      all++;
      kernel += kernelLines[stack[at] as number] as number;
    }
    // The kernel keeps so many of both, perf so many of the program.
    const user = all - kernel;
    if (user > mostKept || (all > mostKept && user < mostKept)) keepsMore = true;
    return all === mostKept || user === mostKept;
  }

  /** The tree of a thread, with the stacks that lost their outermost calls below a frame that says so. */
  function wholeTree({ tree, full }: Thread): StackTree {
    if (full === undefined) return tree;
    const outermost = keepsMore ? -1 : frames.add(notRecorded);
    const columns = Array.from({ length: 2 * events.length + 1 }, (_, column) => column);
    const { parents, frames: numbers, values } = full.build(columns, (number) => number);
    let path = new Int32Array(256);
    for (let node = 0; node < parents.length; node++) {
      if ((values[samplesColumn]?.[node] ?? 0) === 0) continue;
      let length = 0;
      for (let at = node; at >= 0; at = parents[at] as number) {
        if (length + 1 >= path.length) path = longer(path);
        path[length++] = numbers[at] as number;
      }
      if (outermost >= 0) path[length++] = outermost;
      const target = tree.node(path, length, true);
      for (const column of columns) {
        const value = values[column]?.[node] ?? 0;
        if (value !== 0) tree.add(target, column, value);
      }
    }
    return tree;
  }

  /** From numbers of lines to numbers of frames. */
  function numberFrames(): void {
    for (let at = 0; at < depth; at++) {
      const number = stack[at] as number;
      met[number] = (met[number] as number) + 1;
      frameNumbers[at] = frameOfLine[number] as number;
    }
    if (hasSources) placeSources();
    if (hasInlined) nameContainers();
  }

  function placeSources(): void {
    for (let at = 0; at < depth; at++) {
      const source = lineSources[at] as number;
      if (source < 0) continue;
      const number = frameNumbers[at] as number;
      const key = source * 0x4000000 + number;
      let placed = placedAt.get(key);
      if (placed === undefined) {
        const { file, line: row, inlined } = sources[source] as (typeof sources)[number];
        placed = frames.add({
          ...frames.frames[number],
          ...(file !== undefined && { file }),
          ...(row !== undefined && { line: row }),
          ...(inlined && { inlined: true }),
        });
        placedAt.set(key, placed);
      }
      frameNumbers[at] = placed;
    }
  }

  /** An inlined frame has no object of its own: it is that of the frame with the same address that holds it. */
  function nameContainers(): void {
    let container = -1;
    let address = 0;
    for (let at = depth - 1; at >= 0; at--) {
      const number = frameNumbers[at] as number;
      const frame = frames.frames[number] as ProfileFrame;
      if (frame.inlined !== true) {
        container = number;
        address = addresses[at] as number;
        continue;
      }
      if (container < 0 || addresses[at] !== address) continue;
      const key = container * 0x4000000 + number;
      let placed = inlinedIn.get(key);
      if (placed === undefined) {
        const { object } = frames.frames[container] as ProfileFrame;
        placed = frames.add({ ...frame, ...(object !== undefined && { object }) });
        inlinedIn.set(key, placed);
      }
      frameNumbers[at] = placed;
    }
  }

  // `swapper     0 [000]  1234.567890: PERF_RECORD_LOST lost 17`: with `--show-lost-events`
  function takeRecord(bytes: Uint8Array): void {
    const text = textOf(bytes, line.eventStart, Math.min(line.end, line.eventStart + 200));
    const count = /^PERF_RECORD_LOST(?:_SAMPLES)?:? .*?\blost (\d{1,15})\b/.exec(text)?.[1];
    if (count !== undefined) lost += Number(count);
    skipping = true;
  }

  function takeOther(bytes: Uint8Array, from: number, end: number): void {
    finishSample();
    skipping = true;
    endsWithGap = false;
    const text = textOf(bytes, from, Math.min(end, from + 400));
    // What perf says on stderr may stand in the same file:
    // `Processed 81342 events and lost 3 chunks!`, `Check IO/CPU overload!`, `Warning:`, `[ perf record: Woken up …`
    const processed = /^Processed \d+ \w+ and lost (\d{1,15})\b/.exec(text)?.[1];
    if (processed !== undefined) lost += Number(processed);
    else if (
      !/^(?:Check IO\/CPU overload!|Warning:$|\[ perf record: |failed to open |addr2line: )/.test(text)
    ) {
      problems.add({
        code: 'unknown-line',
        level: 'incomplete',
        message: 'a line is neither a sample nor a frame of one',
        quote: text,
      });
    }
  }

  const regions = lineRegions(takeLines, (bytes, from, to, offset, ended) => {
    longLines++;
    takeLines(bytes, from, to, offset, ended);
  });

  function drop(): void {
    cut = true;
    thread = undefined;
  }

  function takeLast(bytes: Buffer, from: number, to: number): void {
    const end = contentEnd(bytes, from, to - 1);
    const isFrame = thread !== undefined && (bytes[from] === 9 || (bytes[from] === 32 && depth > 0));
    // perf ends every line, and a chain with an empty one: callers are missing. The sample still tells where it was.
    if (isFrame) cut = true;
    // All frames end with their object, so one that does not was not written to its end.
    if (isFrame && bytes[from] === 9 && objects && bytes[end - 1] !== 41) thread = undefined;
    else {
      if (!isFrame) endsWithGap = false;
      take(bytes, from, to);
      // Only the last of many samples lacks its place.
      if (!isFrame && thread !== undefined && lonely < 0 && lonelies > 0) drop();
    }
  }

  return {
    push: regions.push,
    end: () => {
      regions.end();
      // A sample of a file with call chains that has none, and no empty line below: the rest of it is missing.
      if (thread !== undefined && depth === 0 && lonely < 0 && chains > 0 && !endsWithGap) drop();
      finishSample();
      tellProblems();
      return { processes: processesOf(), complete: !cut && samples > 0 };
    },
  };

  /** How many frames of samples there were, and how many of them without a function. */
  function countFrames() {
    const seen = { user: 0, userUnknown: 0, kernel: 0, kernelUnknown: 0 };
    for (const [number, { frame, kernel }] of places.entries()) {
      const count = met[number] as number;
      const unknown = frame.function === undefined ? count : 0;
      seen[kernel ? 'kernel' : 'user'] += count;
      seen[kernel ? 'kernelUnknown' : 'userUnknown'] += unknown;
    }
    return seen;
  }

  function tellProblems(): void {
    if (cut) {
      problems.add({
        code: 'truncated-document',
        level: 'incomplete',
        message: 'the text of perf script ends within a sample',
      });
    }
    if (samples === 0) {
      problems.add({
        code: 'empty-profile',
        level: 'incomplete',
        message: 'perf recorded no samples: the program ended, or slept, before the first one',
        hint: 'let it do more, raise --freq, or count instead: --tool=callgrind',
      });
      return;
    }
    tellCutStacks(problems, longLines, tooDeep ? 'outermost' : undefined);
    if (fullStacks > 0 && !keepsMore) {
      const share = (100 * fullStacks) / samples;
      problems.add({
        code: 'cut-stacks',
        level: 'warning',
        message: `${share < 1 ? '<1' : Math.floor(share)} % of the samples have stacks of ${mostKept} calls, the most that the kernel keeps: their outermost callers are missing`,
        hint: 'to keep more: sudo sysctl kernel.perf_event_max_stack=512',
      });
    }
    if (chains === 0) {
      problems.add({
        code: 'no-call-graphs',
        level: 'warning',
        message: 'recorded without call graphs: only where time went is known, not who called',
        hint: 'record with perf record -g, or with --call-graph=dwarf for programs without frame pointers',
      });
    } else if (withoutStack * 2 > samples) {
      problems.add({
        code: 'no-stacks',
        level: 'warning',
        message: `${withoutStack} of ${samples} samples have no call chain`,
      });
    }
    const seen = countFrames();
    if (seen.userUnknown * 2 > seen.user) {
      problems.add({
        code: 'unknown-functions',
        level: 'warning',
        message: `${seen.userUnknown} of ${seen.user} frames have no known function`,
        hint: 'build with -g and -fno-omit-frame-pointer, or record with --call-graph=dwarf; install debug symbols of libraries',
      });
    }
    if (seen.kernelUnknown * 2 > seen.kernel) {
      problems.add({
        code: 'unknown-kernel-functions',
        level: 'note',
        message: `${seen.kernelUnknown} of ${seen.kernel} frames of the kernel have no known function`,
        hint: 'the kernel tells its symbols to root only while /proc/sys/kernel/kptr_restrict is not 0',
      });
    }
    if (lost > 0) {
      problems.add({
        code: 'lost-samples',
        level: 'warning',
        message: `perf lost ${lost} events while recording: the profile shows less than there was`,
        hint: 'record with a lower frequency (-F) or larger buffers (-m)',
      });
    }
    if (!hasPids && threads.size > 1) {
      problems.add({
        code: 'no-process-ids',
        level: 'note',
        message:
          'perf script printed thread numbers only: processes cannot be told apart, all threads are shown as one',
        hint: 'print process numbers too: perf script -F +pid',
      });
    }
  }

  /** One for each process, in the order of their first samples. */
  function processesOf(): ProfiledProcess[] {
    const { measures, columns, primary } = measuresOf();
    const groups = new Map<number, Thread[]>();
    for (const one of threads.values()) {
      if (one.samples === 0) continue;
      const key = hasPids ? one.pid : 0;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [one]);
      else group.push(one);
    }
    return [...groups].map(([pid, group]) => {
      const profile = profileOf(group, measures, columns, primary);
      const main = mainThread(group);
      const number = hasPids ? pid : group.length === 1 && context.process === undefined ? main.tid : -1;
      const known = context.process;
      // The run knows the whole command line, perf only a name of 15 letters.
      const isKnown = (known?.argv?.length ?? 0) > 0 && (!hasPids || pid === known?.pid);
      return {
        ...(number >= 0 && { pid: number }),
        ...(!isKnown && { argv: main.comm === '' ? [] : [main.comm] }),
        ...(header.version() !== undefined && { version: header.version() as string }),
        ...(header.command().length > 0 && { instrumentArgv: header.command() }),
        profile,
      };
    });
  }

  function profileOf(
    group: readonly Thread[],
    measures: readonly Measure[],
    columns: readonly number[],
    primary: number,
  ): Profile {
    const used = new Map<number, number>();
    const own: ProfileFrame[] = [];
    const frameOf = (number: number): number => {
      let local = used.get(number);
      if (local === undefined) {
        local = own.push(frames.frames[number] as ProfileFrame) - 1;
        used.set(number, local);
      }
      return local;
    };
    const trees = group.map((one) => {
      const { pid, tid, comm } = one;
      return wholeTree(one).build(columns, frameOf, {
        name: `${comm} ${tid < 0 ? '' : tid}`.trim(),
        ...(pid >= 0 && { pid }),
        ...(tid >= 0 && { tid }),
      });
    });
    const totals = columns.map((_, measure) => {
      let sum = 0;
      for (const { values } of trees) for (const value of values[measure] ?? []) sum += value;
      return sum;
    });
    return {
      format: 'perf',
      measures,
      primary,
      totals,
      frames: own,
      trees,
      functions: [],
      files: [],
      notes: header.notes(),
    };
  }

  /** One measure for each event, in the order of the header or of the first samples, and the number of samples. */
  function measuresOf(): { measures: Measure[]; columns: number[]; primary: number } {
    const order = events
      .map((one, id) => ({ ...one, id, rank: header.rankOf(one.name) }))
      .sort((a, b) => a.rank - b.rank || a.id - b.id);
    const short = order.map(({ name }) => withoutPrecision(name));
    const measures: Measure[] = [];
    const columns: number[] = [];
    for (const [index, { name, hasPeriod, id }] of order.entries()) {
      if (!hasPeriod && (order.length === 1 || name === '')) continue;
      const plain = short[index] as string;
      // `cycles` and `cycles:ppp` in one recording are two measures.
      const unique = short.filter((other) => other === plain).length === 1 ? plain : name;
      const shown = unique === '' ? 'period' : unique;
      measures.push(hasPeriod ? eventMeasure(shown) : countMeasure(shown));
      columns.push(2 * id + (hasPeriod ? 1 : 2));
    }
    const [only] = order;
    const title =
      order.length === 1 && only !== undefined && only.name !== '' ? `samples of ${short[0]}` : 'samples';
    measures.push({ name: 'samples', title, unit: 'samples' });
    columns.push(samplesColumn);
    return { measures, columns, primary: primaryOf(measures, header.namesEvents()) };
  }
}

/**
 * What is looked at first: with a header the event that was asked for first, else time, cycles, the event that came
 * first; without periods the number of samples, as `perf report` weighs.
 */
function primaryOf(measures: readonly Measure[], inOrder: boolean): number {
  const units = measures.map(({ unit }) => unit);
  const first = units.findIndex((unit) => unit !== 'samples');
  if (first < 0) return measures.length - 1;
  if (inOrder) return first;
  return [units.indexOf('ns'), units.indexOf('cycles'), first].find((index) => index >= 0) as number;
}

/** The thread that a process is named after: its first, else the one with the most samples. */
function mainThread(group: readonly Thread[]): Thread {
  const main = group.find(({ pid, tid }) => pid === tid);
  if (main !== undefined && main.pid >= 0) return main;
  const busy = group.filter(({ tid }) => tid !== 0);
  return [...(busy.length > 0 ? busy : group)].sort((a, b) => b.samples - a.samples)[0] as Thread;
}

/** What the lines with `#` say that `perf script --header` prints first. */
function createHeader() {
  const order = new Map<string, number>();
  const notes: string[] = [];
  let version: string | undefined;
  let command: readonly string[] = [];

  return {
    version: () => version,
    command: () => command,
    notes: (): readonly string[] => notes,
    namesEvents: (): boolean => order.size > 0,
    /** Place of an event in the header; those that it does not name come last. */
    rankOf: (event: string): number => order.get(event) ?? Number.MAX_SAFE_INTEGER,
    /** @returns false for a line that may be a sample of a program whose name begins with `#`. */
    take: (bytes: Uint8Array, from: number, end: number, afterSamples: boolean): boolean => {
      // A second file may follow: its header is passed over.
      if (afterSamples) return bytes[from + 1] === 32 || end === from + 1;
      const text = textOf(bytes, from, Math.min(end, from + 4096));
      // `# cmdline : /usr/bin/perf record -F 997 -g ./hot `, `# captured on    : Wed Aug 15 16:01:24 2018`
      const [, key = '', value = ''] = /^# ([a-z][\w ]*?)\s*: (.*)$/.exec(text) ?? [];
      if (key === 'perf version') version = value.trim();
      else if (key === 'cmdline') command = value.split(' ').filter((word) => word !== '');
      else if (key === 'event') {
        // `# event : name = cycles:u, , id = { 25, 26 }, type = 1, …`
        const name = /^name = (.*?), /.exec(value)?.[1];
        if (name !== undefined && order.size < 1000 && !order.has(name)) order.set(name, order.size);
      } else if ((key === 'captured on' || key === 'cpudesc') && notes.length < 2) {
        notes.push(`${key === 'cpudesc' ? 'processor' : key}: ${value.trim()}`);
      }
      return true;
    },
  };
}

/**
 * What a frame line says behind its address.
 *
 * @param name `leaf`, or when `rest` is missing the whole: `main (/workdir/hot)`, `[unknown] ([kernel.kallsyms])`.
 * @param rest what follows the offset: ` (/home/user/demo/hot)`, ` (inlined)`, nothing.
 */
function placeOf(name: string, rest: string | undefined): Place {
  const at = rest === undefined ? objectStart(name) : 0;
  const known = rest === undefined ? name.slice(0, at < 0 ? name.length : at) : name;
  const behind = rest ?? (at < 0 ? '' : name.slice(at));
  // ` (/path with spaces/lib.so (deleted))`
  const inside = /^ ?\((.*)\)$/s.exec(behind)?.[1];
  const inlined = inside === 'inlined';
  const object = inlined ? undefined : inside?.replace(/ \(deleted\)$/, '');
  const isKnown = known !== '' && known !== '[unknown]';
  const hasObject = object !== undefined && object !== '' && object !== '[unknown]';
  return {
    frame: {
      ...(isKnown && { function: known.trimEnd() }),
      ...(hasObject && { object }),
      ...(inlined && { inlined: true }),
    },
    inlined,
    kernel: object !== undefined && /^\[(?:kernel|guest\.kernel)\b|\.ko(?:\.\w+)?$|\/vmlinux/.test(object),
  };
}

/**
 * Where the object begins: `main (/workdir/hot)`, `f(int) (/tmp/a (deleted))`. -1: none is printed.
 * Parentheses of names and of paths belong together, else the last that follows a blank opens the object.
 */
function objectStart(text: string): number {
  if (!text.endsWith(')')) return -1;
  let open = 0;
  for (let at = text.length - 1; at >= 0; at--) {
    const letter = text[at];
    if (letter === ')') open++;
    else if (letter === '(' && --open === 0) {
      if (at === 0) return 0;
      return text[at - 1] === ' ' ? at - 1 : -1;
    }
  }
  return text.lastIndexOf(' (');
}

/** `hot.c:7`, `/home/user/demo/hot.c:7 (discriminator 2)`, `libc-start.c:360 (inlined)`, `??:0`, `hot[11a9]`. */
function sourceOf(text: string): Pick<ProfileFrame, 'file' | 'line'> & { readonly inlined: boolean } {
  const inlined = text.endsWith(' (inlined)');
  const place = (inlined ? text.slice(0, -10) : text).replace(/ \(discriminator \d+\)$/, '');
  const [, file = '??', digits = '0'] = /^(.*):(\d{1,9})$/.exec(place) ?? [];
  const line = Number(digits);
  return { ...(file !== '??' && { file }), ...(file !== '??' && line > 0 && { line }), inlined };
}

/** After the hexadecimal address at `start` and before a blank; 0 when there is none. */
function addressEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  for (; at < end; at++) {
    const digit = bytes[at] as number;
    if ((digit < 48 || digit > 57) && (digit < 97 || digit > 102)) break;
  }
  return at > start && at - start <= 16 && (at === end || bytes[at] === 32) ? at : 0;
}

/** Before the CR of CRLF. */
function contentEnd(bytes: Uint8Array, from: number, newline: number): number {
  return newline > from && bytes[newline - 1] === 13 ? newline - 1 : newline;
}
