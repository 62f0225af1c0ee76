// Traces of allocations in the words of glibc's mtrace: what was never freed, and frees of what was never allocated.
import type { FindingRecord, Frame, Stack } from '../../model/finding.ts';
import type { ParsedRecord } from '../../model/record.ts';
import { byteLines } from '../_shared/byte-lines.ts';
import { byteTable, hashBytes } from '../_shared/byte-table.ts';
import { textOf } from '../_shared/byte-text.ts';
import { createProblemTally, type ProblemTally } from '../_shared/problem-tally.ts';
import { isSystemBlock } from '../_shared/system-blocks.ts';
import type { ReadContext, Reader, Symbols } from '../tool.ts';
import { type LiveBlocks, liveBlocks } from './live-blocks.ts';

/** Bytes of a line that are kept: a path and a symbol of C++. */
const longestLine = 64 * 1024;
/** Callers that are told apart; further ones are one place. */
const mostPlaces = 1_000_000;

/**
 * Reads what glibc's `mtrace()` writes to $MALLOC_TRACE (glibc, malloc/mtrace-impl.c), and what the library that vgrun preloads
 * writes in the same words (run/preload/mtrace.c):
 *
 * - `= Start` begins a trace, `= End` is written by `muntrace()`; a file may hold several traces, one after the other,
 * - `@ CALLER + ADDRESS SIZE` allocated, `@ CALLER - ADDRESS` freed, `@ CALLER < OLD` and `@ CALLER > NEW SIZE` reallocated,
 *   `! OLD SIZE` tried to; addresses and sizes are hexadecimal, `@ CALLER` may be missing,
 * - CALLER is `OBJECT:(SYMBOL+0xN)[0xN]`: the number in brackets is where the call returns to, counted from where the object was
 *   loaded (in our own traces, as the ELF file counts). A symbolizer is asked for the byte before it.
 *
 * The judgement is that of the `mtrace` script: of two allocations at one address without a free in between the first one stays.
 * A process that forked goes on in a file of its own that begins with `= Fork`; that it frees what it does not know of, is no
 * fault then. Blocks of the dynamic loader and the buffers of stdio are no leaks of the program: they are summed up in a note.
 *
 * Memory follows live blocks and distinct callers.
 */
export const mtraceReader: Reader = {
  name: 'mtrace',
  recognizes: recognizesTrace,
  read: readTrace,
};

// `= Start`, `= Fork 123`; a trace that lost its head: `@ ./mt:[0x11d1] + 0x5572732364a0 0x64`
function recognizesTrace(head: Uint8Array): boolean {
  const text = textOf(head, 0, Math.min(head.byteLength, 8192));
  return /^(?:= (?:Start|Fork \d{1,10})\r?\n|@ (?:[^\n]*:)?(?:\([^\n]*\))?\[0x[0-9a-f]+\] [-+<>] 0x[0-9a-f]+)/.test(
    text,
  );
}

/** Bytes of a caller that its hash is made of. */
const hashedBytes = 16;

/** What went on at one caller. */
interface Place {
  readonly kind: FindingRecord['kind'];
  readonly place: number;
  count: number;
  /** The first one, as printed. */
  readonly address: string;
  /** Of the block that is there already. */
  readonly other: number;
}

/** One trace in the file. */
interface Trace {
  readonly image: number;
  readonly forked: boolean;
  program: string | undefined;
  pid: number | undefined;
  ppid: number | undefined;
  /** Written by vgrun's library: it says when a process has ended. */
  own: boolean;
  ended: boolean;
  stopped: boolean;
  /** Of a program of the system, which was not looked at. */
  skipped: boolean;
  begun: boolean;
  readonly blocks: LiveBlocks;
  /** By kind and place. */
  readonly faults: Map<string, Place>;
  inherited: number;
  allocations: number;
  frees: number;
  allocatedBytes: number;
}

type Put = (record: ParsedRecord) => void;

async function* readTrace(
  source: AsyncIterable<Uint8Array>,
  context: ReadContext,
): AsyncGenerator<ParsedRecord> {
  const problems = createProblemTally(context.artifact);
  const out: ParsedRecord[] = [];
  const parser = startParser(context, problems, (record) => out.push(record));
  for await (const chunk of source) {
    parser.push(chunk);
    if (out.length > 0) yield* out.splice(0);
  }
  parser.end();
  yield* out.splice(0);
  for (const problem of problems.list()) yield { type: 'problem', problem };
}

const at = 64;
const equals = 61;
const exclamation = 33;
const less = 60;
const minus = 45;
const more = 62;
const plus = 43;
const space = 32;

function startParser(
  context: ReadContext,
  problems: ProblemTally,
  put: Put,
): { readonly push: (chunk: Uint8Array) => void; readonly end: () => void } {
  const callers = byteTable(mostPlaces);
  const places = placesOf(callers.text, context.symbols);
  let trace: Trace | undefined;
  let traces = 0;
  let total = 0;
  let cut = false;

  function start(forked: boolean): Trace {
    traces++;
    return {
      image: context.nextImage(),
      forked,
      program: undefined,
      pid: undefined,
      ppid: undefined,
      own: forked,
      ended: false,
      stopped: false,
      skipped: false,
      begun: false,
      blocks: liveBlocks(),
      faults: new Map(),
      inherited: 0,
      allocations: 0,
      frees: 0,
      allocatedBytes: 0,
    };
  }

  /** The process is told when all that the trace says of it is read. */
  function begin(one: Trace): void {
    if (one.begun) return;
    one.begun = true;
    const known = traces === 1 ? context.process : undefined;
    const given = known?.argv;
    // What the run knows is the program that it started; a process may have become another.
    const isSame = given?.[0] !== undefined && nameOf(given[0]) === nameOf(one.program ?? given[0]);
    put({
      type: 'process',
      image: one.image,
      pid: one.pid ?? context.process?.pid ?? 0,
      ...(one.ppid !== undefined && { ppid: one.ppid }),
      tool: 'mtrace',
      argv: isSame ? given : one.program === undefined ? (context.process?.argv ?? []) : [one.program],
      instrumentArgv: [],
      forked: one.forked,
      artifact: context.artifact,
    });
  }

  function finish(one: Trace, isLast: boolean): void {
    begin(one);
    const { image } = one;
    const pid = one.pid ?? context.process?.pid;
    if (one.skipped) {
      problems.add({
        code: 'system-program',
        level: 'note',
        message: `${one.program ?? 'a process'} is a program of the system, started by the one that is traced: it was not looked at`,
        ...(pid !== undefined && { pid }),
      });
      put({ type: 'process-end', image, complete: true, finished: true });
      return;
    }
    const sums = leaksOf(one.blocks);
    const system = { bytes: 0, blocks: 0 };
    let bytes = 0;
    let blocks = 0;
    const becameAnother = !one.ended && isLast && context.process?.goesOn === true;
    for (const [place, leak] of sums) {
      bytes += leak.bytes;
      blocks += leak.blocks;
      if (becameAnother) continue;
      const { frame, isOfSystem } = places.at(place);
      if (isOfSystem) {
        system.bytes += leak.bytes;
        system.blocks += leak.blocks;
        continue;
      }
      put({
        type: 'finding',
        image,
        tool: 'mtrace',
        kind: 'unfreed',
        what: `${leak.bytes} bytes in ${leak.blocks} ${leak.blocks === 1 ? 'block' : 'blocks'} were never freed`,
        details: frame === undefined ? ['The trace does not say who allocated them.'] : [],
        stacks: [{ label: 'at', frames: places.framesAt(place) }],
        leak: { bytes: leak.bytes, directBytes: leak.bytes, indirectBytes: 0, blocks: leak.blocks, check: 1 },
      });
    }
    for (const fault of one.faults.values()) put(findingOf(image, fault, places.framesAt));
    put({
      type: 'totals',
      image,
      heap: {
        inUse: { bytes, blocks },
        allocations: one.allocations,
        frees: one.frees,
        allocatedBytes: one.allocatedBytes,
        allFreed: blocks === 0,
      },
    });
    if (system.blocks > 0) {
      problems.add({
        code: 'blocks-of-the-system',
        level: 'note',
        message: `${system.bytes} bytes in ${system.blocks} ${system.blocks === 1 ? 'block' : 'blocks'} of the dynamic loader or of stdio were not freed; they are no leaks of the program`,
        ...(pid !== undefined && { pid }),
      });
    }
    if (becameAnother && blocks > 0) {
      problems.add({
        code: 'blocks-at-exec',
        level: 'note',
        message: `${bytes} bytes in ${blocks} ${blocks === 1 ? 'block' : 'blocks'} were in use when the process became another program, which frees all`,
        ...(pid !== undefined && { pid }),
      });
    }
    if (one.inherited > 0) {
      problems.add({
        code: 'inherited-frees',
        level: 'note',
        message: `the forked child freed ${one.inherited} ${one.inherited === 1 ? 'block' : 'blocks'} that its trace does not know: they were allocated before the fork`,
        ...(pid !== undefined && { pid }),
      });
    }
    if (one.stopped) {
      problems.add({
        code: 'trace-stopped',
        level: 'incomplete',
        message: 'the trace stops in the middle of the program: its file could not grow',
        hint: 'make room on the disk, or raise the limit on the size of files (ulimit -f)',
        ...(pid !== undefined && { pid }),
      });
    }
    // glibc writes no end when the program never calls muntrace(). What a crash cuts off lies in a buffer of 512 bytes: whole
    // buffers are in the file, and the end of one is the end of a line by chance only.
    const endsWithProgram = !one.own && isLast && !cut && total % 512 !== 0;
    const complete = one.ended || (endsWithProgram && !one.stopped);
    put({ type: 'process-end', image, complete, finished: complete, leakChecks: 1 });
  }

  function fault(kind: Place['kind'], caller: number, address: number, other = -1): void {
    if (trace === undefined) return;
    const key = `${kind} ${caller}`;
    const known = trace.faults.get(key);
    if (known !== undefined) known.count++;
    else {
      const printed = `0x${address.toString(16)}`;
      trace.faults.set(key, { kind, place: caller, count: 1, address: printed, other });
    }
  }

  function allocate(one: Trace, caller: number, address: number, size: number): void {
    one.allocations++;
    one.allocatedBytes += size;
    const there = one.blocks.placeAt(address);
    if (there >= 0) fault('alloc-twice', caller, address, there);
    else one.blocks.add(address, size, caller);
  }

  function release(one: Trace, kind: Place['kind'], caller: number, address: number): void {
    one.frees++;
    if (one.blocks.remove(address) >= 0) return;
    if (one.forked) one.inherited++;
    else fault(kind, caller, address);
  }

  let value = 0;

  /**
   * Reads a number backwards into `value`.
   *
   * @param end where it ends.
   * @returns where its word begins; -1: it is no number. `(nil)`, which glibc writes for a null pointer, is 0.
   */
  function numberBefore(bytes: Buffer, from: number, end: number): number {
    let start = end;
    let scale = 1;
    value = 0;
    while (start > from) {
      const byte = bytes[start - 1] as number;
      const digit = byte < 58 ? byte - 48 : byte > 96 ? byte - 87 : -1;
      if (digit < 0 || digit > 15) break;
      value += digit * scale;
      scale *= 16;
      start--;
    }
    if (start === end) {
      if (bytes.toString('latin1', Math.max(from, end - 5), end) !== '(nil)') return -1;
      return end - 5;
    }
    if (value > Number.MAX_SAFE_INTEGER) return -1;
    if (bytes[start - 1] === 120 && bytes[start - 2] === 48 && start - 2 >= from) return start - 2;
    // `%#lx` of 0 is a bare 0.
    return value === 0 && start === end - 1 ? start : -1;
  }

  /** Reads `@ CALLER + ADDRESS SIZE` from its end: there may be spaces in a path. */
  function takeEvent(bytes: Buffer, from: number, to: number): boolean {
    let word = numberBefore(bytes, from, to);
    if (word <= from + 1 || bytes[word - 1] !== space) return false;
    let size = -1;
    let address = value;
    let sign = bytes[word - 2] as number;
    let signAt = word - 2;
    if (sign !== minus && sign !== less) {
      size = value;
      word = numberBefore(bytes, from, word - 1);
      if (word <= from + 1 || bytes[word - 1] !== space) return false;
      address = value;
      sign = bytes[word - 2] as number;
      signAt = word - 2;
    }
    const hasSize = size >= 0;
    if (hasSize !== (sign === plus || sign === more || sign === exclamation)) return false;
    let caller = 0;
    if (signAt > from) {
      if (bytes[from] !== at || bytes[from + 1] !== space || bytes[signAt - 1] !== space) return false;
      const callerFrom = from + 2;
      const callerTo = Math.max(callerFrom, signAt - 1);
      // Its end, with the offset, tells most callers apart.
      const hash = hashBytes(bytes, Math.max(callerFrom, callerTo - hashedBytes), callerTo);
      caller = 1 + callers.add(hash, bytes, callerFrom, callerTo);
    }
    const one = trace ?? start(false);
    trace = one;
    switch (sign) {
      case plus:
      case more:
        if (address !== 0) allocate(one, caller, address, size);
        return true;
      case minus:
        release(one, 'free-of-unknown', caller, address);
        return true;
      case less:
        release(one, 'realloc-of-unknown', caller, address);
        return true;
      default:
        return true;
    }
  }

  function takeMark(text: string): boolean {
    // `= Start`, `= Fork 1234`
    const [, fork] = /^= (?:Start|Fork (\d{1,10}))$/.exec(text) ?? [undefined, '-'];
    if (fork !== '-') {
      if (trace !== undefined) finish(trace, false);
      trace = start(fork !== undefined);
      if (fork !== undefined) trace.ppid = Number(fork);
      return true;
    }
    trace ??= start(false);
    if (text === '= Skip') {
      trace.skipped = true;
      return true;
    }
    if (text === '= End') {
      trace.ended = true;
      return true;
    }
    // `= Program /home/user/demo/server`, `= Process 1234 1230`, `= Stop the file could not grow`
    const [, word, rest = ''] = /^= (Program|Process|Stop) (.*)$/s.exec(text) ?? [];
    if (word === undefined) return false;
    trace.own = true;
    if (word === 'Program') trace.program = rest;
    else if (word === 'Stop') trace.stopped = true;
    else {
      const [, pid, ppid] = /^(\d{1,10}) (\d{1,10})$/.exec(rest) ?? [];
      if (pid === undefined) return false;
      trace.pid = Number(pid);
      trace.ppid ??= Number(ppid);
    }
    return true;
  }

  const lines = byteLines((bytes, from, to, offset, ended, isCut) => {
    // What a process that was killed had not yet written of its file is zeros.
    let end = to;
    if (!ended) while (end > from && bytes[end - 1] === 0) end--;
    if (end === from) return;
    if (bytes[from] === equals) {
      const text = textOf(bytes, from, end);
      if ((ended || text === '= End') && !isCut && takeMark(text)) return;
    } else if (ended && !isCut && takeEvent(bytes, from, end)) return;
    if (!ended) {
      cut = true;
      problems.add({
        code: 'truncated-log',
        level: 'warning',
        message:
          'the last line of the trace is cut: the process was killed, or ended without a flush, while it was written',
        offset,
        quote: textOf(bytes, from, Math.min(end, from + 400)),
        ...pidOf(trace, context),
      });
      return;
    }
    // The second half of a line that another process cut in two: ` + 0x5556c0b11600 0x16`. The script reads it, too.
    let start = from;
    while (start < end && bytes[start] === space) start++;
    if (start > from && !isCut) takeEvent(bytes, start, end);
    problems.add({
      code: 'unreadable-line',
      level: 'incomplete',
      message:
        'a line of the trace could not be read: several processes wrote into one file, or something else did',
      offset,
      quote: textOf(bytes, from, Math.min(end, from + 400)),
    });
  }, longestLine);

  return {
    push: (chunk) => {
      total += chunk.byteLength;
      lines.push(chunk);
    },
    end: () => {
      lines.end();
      if (trace !== undefined) finish(trace, true);
    },
  };
}

function pidOf(trace: Trace | undefined, { process }: ReadContext): { readonly pid?: number } {
  const pid = trace?.pid ?? process?.pid;
  return pid === undefined ? {} : { pid };
}

/** Blocks that live at the end, by place. */
function leaksOf(blocks: LiveBlocks): ReadonlyMap<number, { bytes: number; blocks: number }> {
  const sums = new Map<number, { bytes: number; blocks: number }>();
  blocks.each((size, place) => {
    const known = sums.get(place);
    if (known === undefined) sums.set(place, { bytes: size, blocks: 1 });
    else {
      known.bytes += size;
      known.blocks++;
    }
  });
  // In the order in which the callers were first met, and not in that of addresses, which varies.
  return new Map([...sums].sort(([a], [b]) => a - b));
}

function findingOf(
  image: number,
  { kind, place, count, address, other }: Place,
  framesAt: (place: number) => readonly Frame[],
): FindingRecord {
  const stacks: Stack[] = [{ label: 'at', frames: framesAt(place) }];
  if (other >= 0) stacks.push({ label: 'allocated at', frames: framesAt(other) });
  const isTwice = kind === 'alloc-twice';
  return {
    type: 'finding',
    image,
    tool: 'mtrace',
    kind,
    what: isTwice
      ? 'An address was allocated again, and the trace has no free of the block that was there'
      : `${kind === 'free-of-unknown' ? 'free' : 'realloc'} of a block that was never allocated, or was freed before`,
    details: [],
    stacks,
    count,
    ...(isTwice ? {} : { access: { operation: 'free' as const, address } }),
  };
}

interface KnownPlace {
  /** Missing when the trace does not say. */
  readonly frame: Frame | undefined;
  /** As a symbolizer takes it. */
  readonly offset: number | undefined;
  readonly isOfSystem: boolean;
}

/** What the numbers of callers stand for; 0 is the one that is not told. */
function placesOf(
  textAt: (number: number) => string,
  symbols: Symbols | undefined,
): {
  readonly at: (place: number) => KnownPlace;
  readonly framesAt: (place: number) => readonly Frame[];
} {
  const known = new Map<number, KnownPlace>();
  const interned = new Map<string, Frame>();
  const intern = (frame: Frame): Frame => {
    const key = JSON.stringify(frame);
    const before = interned.get(key);
    if (before !== undefined) return before;
    interned.set(key, frame);
    return frame;
  };
  const placeAt = (place: number): KnownPlace => {
    const before = known.get(place);
    if (before !== undefined) return before;
    const made = place === 0 ? unknownPlace : readCaller(textAt(place - 1));
    known.set(place, made);
    return made;
  };
  return {
    at: placeAt,
    framesAt: (place) => {
      const { frame, offset } = placeAt(place);
      if (frame === undefined) return [];
      const told =
        frame.object === undefined || offset === undefined
          ? undefined
          : symbols?.framesAt(frame.object, offset);
      if (told === undefined || told.length === 0) return [intern(frame)];
      const { object, offset: shown } = frame;
      return told.map((call) =>
        intern({
          ...(object !== undefined && { object }),
          ...(shown !== undefined && { offset: shown }),
          ...call,
        }),
      );
    },
  };
}

const unknownPlace: KnownPlace = { frame: undefined, offset: undefined, isOfSystem: false };

function readCaller(text: string): KnownPlace {
  // `./mt:[0x1207]`, `/lib/libc.so.6:(__strdup+1a)[0x9e9aa]`, `/lib/libc.so.6:(__strdup+0x1a)[0x9e9aa]`, `[0x4005b7]`
  const [, object = '', symbol, digits] =
    /^(?:(.*?):)?(?:\((.*)[-+](?:0x)?[0-9a-f]+\))?\[0x([0-9a-f]{1,16})\]$/s.exec(text) ?? [];
  if (digits === undefined) return { ...unknownPlace, frame: { function: text.slice(0, 200) } };
  const returns = Number.parseInt(digits, 16);
  return {
    frame: {
      ...(object !== '' && { object }),
      ...(symbol !== undefined && symbol !== '' && { function: symbol }),
      ...(object === '' ? { ip: `0x${digits}` } : { offset: `0x${digits}` }),
    },
    offset: object === '' || returns === 0 || !Number.isSafeInteger(returns) ? undefined : returns - 1,
    isOfSystem: isSystemBlock({ object, ...(symbol !== undefined && { function: symbol }) }),
  };
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
