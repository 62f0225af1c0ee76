// Unwinds the stack of a thread: by call frame information, then by frame pointers, then by looking for return addresses. Each frame
// says how it was found.
import type { FrameSource, StackEnd, StopFrame, StopThread, Trust } from '../../model/stop.ts';
import type { CodePlaces } from './code-places.ts';
import { callerBefore, callerWithoutFrame } from './first-word.ts';
import {
  type FrameState,
  isContextStart,
  stepByFrameInformation,
  stepByFramePointer,
  stepBySignalFrame,
} from './frame-step.ts';
import { functionsThatReturned } from './lost-frames.ts';
import type { ImageThread } from './process-image.ts';
import { registerValues } from './register-numbers.ts';
import { stepByReturnPath } from './return-path.ts';
import { type ScanBudget, type ScannedCaller, scanForCaller } from './stack-scan.ts';
import { type PlainFrame, stopFrame } from './stop-frames.ts';

/** What is kept of a deep stack, and how far its outermost frames are looked for. */
const innermostKept = 200;
const outermostKept = 50;
const frameLimit = 1_000_000;
/** Frames that may be found by looking for them, and words that are looked at for that. */
const scannedLimit = 64;
const wordLimit = 262_144;

/** The frames of a thread, in the form of a `StopThread`. */
export type UnwoundStack = Pick<StopThread, 'frames' | 'end' | 'omitted'> & {
  /** The registers of each of `frames`, as far as they are known. */
  readonly states: readonly FrameState[];
};

export interface UnwindOptions {
  /** At most; default 1,000,000. More than 250 are never kept. */
  readonly frameLimit?: number;
}

/**
 * Never throws; a damaged stack or object file ends it, and `end` says how.
 *
 * @param code of the thread's process; one for all its threads, because it keeps what it has read
 */
export function unwindThread(
  code: CodePlaces,
  thread: ImageThread,
  { frameLimit: limit = frameLimit }: UnwindOptions = {},
): UnwoundStack {
  const collector = frameCollector();
  const end = collectFrames(code, thread, collector, limit);
  const { kept, count } = collector.result();
  // Of a stack whose outer end was not reached, the last frames that were seen are not the outermost ones.
  const shown = end === 'limit' ? kept.slice(0, innermostKept) : kept;
  const missing = count - shown.length;
  return {
    frames: shown.map((frame): StopFrame => stopFrame(code, frame)),
    states: shown.map(({ state }) => state),
    end,
    ...(missing > 0 && end !== 'limit' && { omitted: { after: innermostKept, count: missing } }),
  };
}

interface FrameCollector {
  readonly add: (frame: PlainFrame) => void;
  readonly count: () => number;
  readonly result: () => { readonly kept: readonly PlainFrame[]; readonly count: number };
}

/** Keeps the first and the last ones only. */
function frameCollector(): FrameCollector {
  const first: PlainFrame[] = [];
  const last: PlainFrame[] = [];
  let count = 0;
  return {
    add: (plain) => {
      if (first.length < innermostKept) first.push(plain);
      else last[(count - innermostKept) % outermostKept] = plain;
      count++;
    },
    count: () => count,
    result: () => {
      const turn = Math.max(count - innermostKept, 0) % outermostKept;
      const ordered = last.length < outermostKept ? last : [...last.slice(turn), ...last.slice(0, turn)];
      return { kept: [...first, ...ordered], count };
    },
  };
}

const trustOrder: readonly Trust[] = ['doubtful', 'likely', 'sure'];

function lesserTrust(left: Trust, right: Trust): Trust {
  return trustOrder.indexOf(left) < trustOrder.indexOf(right) ? left : right;
}

/** What one step gave: the next frame, after others that have no registers of their own; or the end. */
type Next =
  | { readonly end: StackEnd }
  | {
      readonly state: FrameState;
      readonly found: FrameSource;
      /** At most that of the frame before. */
      readonly trust: Trust;
      readonly doubt?: string;
      readonly before?: readonly PlainFrame[];
    };

function collectFrames(
  code: CodePlaces,
  thread: ImageThread,
  collector: FrameCollector,
  limit: number,
): StackEnd {
  const { registers: machine } = code;
  const values = registerValues(thread.registers, machine);
  const pc = thread.registers.get(machine.programCounter);
  const sp = values.get(machine.stackPointer);
  if (pc === undefined) return 'unknown';
  let state: FrameState = { pc, sp: sp ?? 0n, registers: values, isExact: true };
  collector.add({ state, found: 'innermost', trust: 'sure' });
  if (sp === undefined) return 'unreadable';

  const budget: ScanBudget = { words: wordLimit };
  let scanned = 0;
  let trust: Trust = 'sure';
  let reason: string | undefined;
  for (;;) {
    const next: Next =
      collector.count() === 1 && !code.places.isExecutable(state.pc)
        ? callerOfNoCode(code, state, budget)
        : callerOf(code, state, budget);
    if ('end' in next) return next.end;
    for (const frame of next.before ?? []) {
      trust = lesserTrust(trust, frame.trust);
      collector.add(frame);
    }
    if (next.found === 'scanned' && ++scanned > scannedLimit) return 'damaged';
    if (collector.count() >= limit) return 'limit';
    const nextTrust = lesserTrust(trust, next.trust);
    // A frame that follows surely from a doubtful one is not better than that one.
    const doubt =
      next.doubt ??
      (nextTrust === 'sure' ? undefined : (reason ?? 'It follows from a frame that is not sure.'));
    reason = nextTrust === 'sure' ? undefined : 'It follows from a frame that is not sure.';
    trust = nextTrust;
    state = next.state;
    collector.add({ state, found: next.found, trust, ...(doubt !== undefined && { doubt }) });
  }
}

function callerOf(code: CodePlaces, state: FrameState, budget: ScanBudget): Next {
  if (state.isExact && isContextStart(code, state.pc)) return { end: 'whole' };
  const described = stepByFrameInformation(code, state);
  const step = described.kind === 'none' ? stepBySignalFrame(code, state) : described;
  switch (step.kind) {
    case 'end':
      return { end: 'whole' };
    case 'caller':
      return checkedCaller(code, state, step.state, step.isSignalFrame, budget);
    case 'lost':
      if (step.isUnreadable) return scannedCaller(code, state, state.sp, false, budget, 'unreadable');
      return scannedCaller(code, state, state.sp, false, budget, 'unknown');
    default:
      return undescribedCaller(code, state, budget);
  }
}

/** A caller by call frame information is right as long as the stack is: checks that it is. */
function checkedCaller(
  code: CodePlaces,
  state: FrameState,
  caller: FrameState,
  isSignalFrame: boolean,
  budget: ScanBudget,
): Next {
  // A signal may have been delivered on another stack (sigaltstack(2)), and a call to nowhere is what it interrupted.
  if (isSignalFrame) {
    if (caller.sp === state.sp && caller.pc === state.pc) return { end: 'damaged' };
    if (code.places.isExecutable(caller.pc)) return { state: caller, found: 'unwound', trust: 'sure' };
    const before: PlainFrame = { state: caller, found: 'unwound', trust: 'sure' };
    const beyond = callerOfNoCode(code, caller, budget);
    return 'end' in beyond ? beyond : { ...beyond, before: [before, ...(beyond.before ?? [])] };
  }
  // A function that keeps its return address in a register need not use the stack.
  const isGrowing =
    caller.sp > state.sp || (state.isExact && caller.sp === state.sp && caller.pc !== state.pc);
  if (!isGrowing) return { end: 'damaged' };
  if (!code.places.isExecutable(caller.pc)) {
    return scannedCaller(code, state, caller.sp, true, budget, 'damaged');
  }
  if (isContextStart(code, caller.pc)) {
    return { state: { ...caller, isExact: true }, found: 'unwound', trust: 'sure' };
  }
  const isCalled = code.callBefore(caller.pc).kind !== 'none' || isTrampoline(code, caller.pc);
  return isCalled
    ? { state: caller, found: 'unwound', trust: 'sure' }
    : {
        // What was put there to be returned to is no place behind a call.
        state: code.functionStart(caller.pc) === caller.pc ? { ...caller, isExact: true } : caller,
        found: 'unwound',
        trust: 'doubtful',
        doubt: 'There is no call before its return address: it may be overwritten.',
      };
}

/** A signal handler returns to code that did not call it. */
function isTrampoline(code: CodePlaces, pc: bigint): boolean {
  const place = code.described(pc - 1n) ?? code.described(pc);
  if (place !== undefined) return place.entry.common.isSignalFrame;
  return stepBySignalFrame(code, { pc, sp: 0n, registers: new Map(), isExact: false }).kind !== 'none';
}

/** Bytes of the code that calls __libc_start_main(), or what another C library has for it. */
const largestEntry = 64n;

/** Where the code of the program is not known, its entry tells the outermost frame. */
function isEntry({ image: { entry } }: CodePlaces, { pc, isExact }: FrameState): boolean {
  return !isExact && entry !== undefined && pc > entry && pc - entry <= largestEntry;
}

function undescribedCaller(code: CodePlaces, state: FrameState, budget: ScanBudget): Next {
  if (isEntry(code, state)) return { end: 'whole' };
  // The frame pointer of code that has no frame of its own, or not yet, is that of its caller: the chain would leave that one out.
  const followed = stepByReturnPath(code, state);
  if (followed !== undefined && followed.trust !== 'doubtful') return { ...followed, found: 'scanned' };
  const caller = stepByFramePointer(code, state);
  if (caller !== undefined && caller.trust !== 'doubtful') {
    const before = callerBefore(code, state, caller);
    return before === undefined ? { ...caller, found: 'frame pointer' } : { ...before, found: 'scanned' };
  }
  const first = callerWithoutFrame(code, state);
  if (first !== undefined) return { ...first, found: 'scanned' };
  const other = scanForCaller(code, state, state.sp, false, budget);
  if (other !== undefined && (caller === undefined || trustOrder.indexOf(other.trust) > 0)) {
    return fromScan(other);
  }
  if (caller !== undefined) return { ...caller, found: 'frame pointer' };
  // System V psABI, 3.4.1: the outermost frame has a frame pointer of 0.
  const isOutermost = state.registers.get(code.registers.framePointer) === 0n;
  return { end: isOutermost ? 'whole' : 'unknown' };
}

function scannedCaller(
  code: CodePlaces,
  callee: FrameState | undefined,
  from: bigint,
  isOverwritten: boolean,
  budget: ScanBudget,
  end: StackEnd,
): Next {
  const found = scanForCaller(code, callee, from, isOverwritten, budget);
  return found === undefined ? { end } : fromScan(found);
}

function fromScan({ state, trust, doubt, between }: ScannedCaller): Next {
  const next = { state, found: 'scanned', trust, doubt } as const;
  if (between === undefined) return next;
  const before = between.map(
    (lost): PlainFrame => ({
      state: { pc: lost.pc, sp: state.sp, registers: new Map(), isExact: lost.isExact },
      found: 'scanned',
      trust: lost.trust,
      doubt: lost.doubt,
    }),
  );
  return { ...next, before };
}

/** The thread stands where no code can be: it was called through a bad pointer, or returned through a bad return address. */
function callerOfNoCode(code: CodePlaces, state: FrameState, budget: ScanBudget): Next {
  const { registers: machine, memory } = code;
  const word = machine.wordSize;
  const onStack =
    code.image.machine === 'aarch64'
      ? state.registers.get(machine.returnAddress)
      : memory.unsigned(state.sp, word);
  if (onStack !== undefined && code.places.isExecutable(onStack)) {
    const { kind } = code.callBefore(onStack);
    const hasReturned = memory.unsigned(state.sp - BigInt(word), word) === state.pc && state.pc !== 0n;
    if (kind === 'indirect' || ((kind === 'direct' || kind === 'unknown') && !hasReturned)) {
      const sp = code.image.machine === 'aarch64' ? state.sp : state.sp + BigInt(word);
      const registers = new Map(state.registers).set(machine.stackPointer, sp);
      const caller: FrameState = { pc: onStack, sp, registers, isExact: false };
      if (kind === 'indirect') return { state: caller, found: 'unwound', trust: 'sure' };
      const doubt =
        kind === 'direct'
          ? 'Its call goes to a function that must have jumped on to the bad address.'
          : 'The code before the return address is not known.';
      return { state: caller, found: 'unwound', trust: kind === 'direct' ? 'likely' : 'doubtful', doubt };
    }
  }
  const returned = functionsThatReturned(code, state);
  const outer = scanForCaller(code, undefined, state.sp, true, budget, returned);
  return outer === undefined ? { end: 'damaged' } : fromScan(outer);
}
