// Callers that nothing leads to: words on the stack that are return addresses behind a call, checked against each other.
import type { Trust } from '../../model/stop.ts';
import type { CodePlaces } from './code-places.ts';
import { unsignedAt } from './dwarf-cursor.ts';
import { type FrameState, lookupAddress, stepByFrameInformation } from './frame-step.ts';
import { callerThatIsLost, type LostFrame } from './lost-frames.ts';
import type { RegisterValues } from './register-numbers.ts';

/** A caller that was found by looking for it. */
export interface ScannedCaller {
  readonly state: FrameState;
  readonly trust: Trust;
  readonly doubt: string;
  /** Frames between the callee and this one that are not on the stack any more. */
  readonly between?: readonly LostFrame[];
}

/** Words that may still be looked at, for a whole thread. */
export interface ScanBudget {
  words: number;
}

const reach = 32_768;
/** After the first word that could be a return address, one that surely is one is looked for in so many words more. */
const hesitation = 512;
/** Words for which the code is searched for calls that are lost on the stack. */
const searchLimit = 64;
const largestFunction = 1024n * 1024n;

/** How a return address goes with the function that should have been called before it. */
type Fit = 'this' | 'other' | 'open' | 'unseen' | 'never';

/**
 * Looks upwards for the caller of a function.
 *
 * @param callee missing: nothing is known of it
 * @param isOverwritten the return address of the callee is known to be destroyed, so that its caller is not on the stack
 * @param returned without a callee: starts of functions that may have been it
 */
export function scanForCaller(
  code: CodePlaces,
  callee: FrameState | undefined,
  from: bigint,
  isOverwritten: boolean,
  budget: ScanBudget,
  returned: readonly bigint[] = [],
): ScannedCaller | undefined {
  let first: ScannedCaller | undefined;
  let wordsLeft = reach;
  let searchesLeft = isOverwritten ? searchLimit : 0;
  for (const { address, value } of wordsOfStack(code, from, () => wordsLeft-- > 0 && budget.words-- > 0)) {
    const fit = fitOf(code, callee, value);
    if (fit === 'never') continue;
    const state = stateAt(code, value, address);
    const chain = chainFrom(code, state);
    if (chain === 'broken') continue;
    if (fit === 'this') {
      return {
        state,
        trust: 'likely',
        doubt: 'It was found on the stack: its call goes to the function before.',
      };
    }
    const between = searchesLeft-- > 0 ? callerThatIsLost(code, callee, returned, from, state) : undefined;
    if (between !== undefined && (fit === 'other' || chain === 'joined' || callee === undefined)) {
      return { state, trust: 'likely', doubt: 'It was found on the stack.', between };
    }
    if (chain === 'joined' && fit !== 'other') {
      return {
        state,
        trust: isOverwritten ? 'doubtful' : 'likely',
        doubt: 'It was found on the stack, and its own callers follow from it.',
      };
    }
    if (first === undefined) {
      const doubt =
        fit === 'unseen'
          ? 'It was found on the stack; the code before it is not known, so that it may be no return address.'
          : 'It was found on the stack and may be left over from a call that has returned.';
      first = { state, trust: 'doubtful', doubt };
      // Without code there is nothing that could be better.
      if (fit === 'unseen') return first;
      wordsLeft = Math.min(wordsLeft, hesitation);
    }
  }
  return first;
}

/** Words that point to code, from an address to the end of its mapping. */
function* wordsOfStack(
  code: CodePlaces,
  from: bigint,
  mayContinue: () => boolean,
): Generator<{ readonly address: bigint; readonly value: bigint }> {
  const word = code.registers.wordSize;
  const end = code.places.mapping(from)?.end ?? from + BigInt(reach * word);
  const chunk = 4096;
  for (let start = from - (from % BigInt(word)); start < end; start += BigInt(chunk)) {
    const bytes = code.memory.bytes(start, chunk);
    for (let at = 0; at + word <= bytes.length; at += word) {
      if (!mayContinue()) return;
      const value = unsignedAt(bytes, at, word);
      if (value > 0xffffn && code.places.isExecutable(value)) yield { address: start + BigInt(at), value };
    }
    if (bytes.length < chunk) return;
  }
}

function fitOf(code: CodePlaces, callee: FrameState | undefined, returnAddress: bigint): Fit {
  const site = code.callBefore(returnAddress);
  if (site.kind === 'none') return 'never';
  if (site.kind === 'unknown') return 'unseen';
  if (site.kind === 'indirect') return 'open';
  const target = code.finalTarget(site.target);
  if (!code.places.isExecutable(target)) return 'never';
  const start = code.functionStart(target);
  // Bytes that look like a call into the middle of a function are no call.
  if (start !== undefined && start !== target && code.described(target) !== undefined) return 'never';
  if (callee === undefined) return 'open';
  const calleeStart = code.functionStart(lookupAddress(callee));
  if (calleeStart !== undefined) return calleeStart === target ? 'this' : 'other';
  return target <= callee.pc && callee.pc - target < largestFunction ? 'open' : 'other';
}

/** The frame that would have `returnAddress` from the word at `address`. */
function stateAt(code: CodePlaces, returnAddress: bigint, address: bigint): FrameState {
  const { registers: machine, memory } = code;
  const word = BigInt(machine.wordSize);
  const sp = address + word;
  const registers: RegisterValues = new Map([[machine.stackPointer, sp]]);
  // A function that was called saves the frame pointer of its caller next to the return address, when it saves it.
  const saved = memory.unsigned(address - word, machine.wordSize);
  const stack = code.places.mapping(address);
  if (
    saved !== undefined &&
    saved > address &&
    saved % word === 0n &&
    stack !== undefined &&
    saved < stack.end
  ) {
    const above = memory.unsigned(saved + word, machine.wordSize);
    if (above !== undefined && code.places.isExecutable(above) && code.callBefore(above).kind !== 'none') {
      registers.set(machine.framePointer, saved);
    }
  }
  return { pc: returnAddress, sp, registers, isExact: false };
}

/** Frames through calls of pointers to functions, which do not tell where they go. */
const mostOpen = 8;

/**
 * Whether the frames outwards of one follow from it: `joined` when one of them calls the one before, `broken` when there is none. What
 * is called through a pointer, as main() is, fits nothing or anything: there the next frame tells.
 */
function chainFrom(code: CodePlaces, state: FrameState): 'joined' | 'broken' | 'open' {
  let inner = state;
  for (let count = 0; count < mostOpen; count++) {
    const step = stepByFrameInformation(code, inner);
    if (step.kind === 'end') return 'joined';
    if (step.kind !== 'caller' || step.isSignalFrame) return 'open';
    const { state: outer } = step;
    if (outer.sp <= inner.sp || !code.places.isExecutable(outer.pc)) return 'broken';
    const fit = fitOf(code, inner, outer.pc);
    if (fit === 'never') return 'broken';
    if (fit === 'this') return 'joined';
    if (fit !== 'open') return 'open';
    inner = outer;
  }
  return 'open';
}
