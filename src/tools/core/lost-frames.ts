// Frames whose return address is overwritten: the call that made them is not on the stack any more, but in the code it is.
import type { Trust } from '../../model/stop.ts';
import { callsOf } from './call-sites.ts';
import type { CodePlaces } from './code-places.ts';
import { type FrameState, lookupAddress } from './frame-step.ts';

/** A frame that follows from calls in the code alone. */
export interface LostFrame {
  /** Behind the call; or the instruction itself. */
  readonly pc: bigint;
  readonly isExact: boolean;
  readonly trust: Trust;
  readonly doubt: string;
}

/** Of code that is searched for calls. */
const largestCode = 32n * 1024n * 1024n;
const largestFunction = 256n * 1024n;
const callLimit = 2000;
const segmentLimit = 8;

interface Call {
  readonly returnAddress: bigint;
  /** Behind stubs. */
  readonly target: bigint;
}

/**
 * The caller between a function whose return address is overwritten and the next one that is on the stack. What `outer`'s call goes to
 * must call the function; where that is not known, the function must have one call only in its module.
 *
 * @param callee undefined: not known; then it must be one of `returned`, or the only own function that is called
 * @param sp of the caller
 * @param outer the frame that the caller returns to
 */
export function callerThatIsLost(
  code: CodePlaces,
  callee: FrameState | undefined,
  returned: readonly bigint[],
  sp: bigint,
  outer: FrameState,
): readonly LostFrame[] | undefined {
  const start = callee && code.functionStart(lookupAddress(callee));
  const site = code.callBefore(outer.pc);
  const isPossible = ({ returnAddress }: Call): boolean => fitsStack(code, returnAddress, sp, outer.sp);
  if (site.kind === 'direct') {
    const range = code.functionRange(code.finalTarget(site.target));
    if (range?.end === undefined) return undefined;
    const calls = callsIn(code, range.start, range.end, start).filter(isPossible);
    if (callee !== undefined) return start === undefined ? undefined : fromCalls(calls, 'that function');
    return fromFunctionThatReturned(code, calls, returned);
  }
  if (site.kind !== 'indirect') return undefined;
  for (const candidate of callee === undefined ? returned : start === undefined ? [] : [start]) {
    const calls = callsInModule(code, candidate).filter(isPossible);
    if (calls.length !== 1) continue;
    const caller = fromCalls(calls, 'its module');
    if (caller === undefined) continue;
    return callee === undefined ? [functionThatReturned(code, candidate, 'likely'), ...caller] : caller;
  }
  return undefined;
}

/** Whether a frame that stands behind a call has the size that lies between the two stack pointers, where that is fixed. */
function fitsStack(code: CodePlaces, returnAddress: bigint, sp: bigint, outerSp: bigint): boolean {
  const rule = code.described(returnAddress - 1n)?.rules.frameAddress;
  return rule?.kind !== 'register' || rule.register !== code.registers.stackPointer
    ? outerSp > sp
    : sp + rule.offset === outerSp;
}

function fromFunctionThatReturned(
  code: CodePlaces,
  calls: readonly Call[],
  returned: readonly bigint[],
): readonly LostFrame[] | undefined {
  const seen = calls.filter(({ target }) => returned.includes(target));
  const own = calls.filter(
    ({ target, returnAddress }) => code.places.module(target) === code.places.module(returnAddress),
  );
  const chosen = seen.length > 0 ? seen : own;
  const [call] = chosen;
  if (call === undefined) return undefined;
  const isOnly = chosen.every(({ target }) => target === call.target);
  const same = chosen.filter(({ target }) => target === call.target);
  const trust = isOnly ? 'likely' : 'doubtful';
  const caller = fromCalls(same, 'that function')?.map(
    (frame): LostFrame => (isOnly ? frame : { ...frame, trust }),
  );
  return caller && [functionThatReturned(code, call.target, trust), ...caller];
}

/** The place is its return instruction, where there is only one to be seen. */
function functionThatReturned(code: CodePlaces, start: bigint, trust: Trust): LostFrame {
  const range = code.functionRange(start);
  const size = range?.end === undefined || range.end - start > largestFunction ? 0n : range.end - start;
  const end = code.readCode(start, Number(size)).lastIndexOf(0xc3);
  return {
    pc: end < 0 ? start : start + BigInt(end),
    isExact: true,
    trust,
    doubt:
      trust === 'likely'
        ? 'It has returned, to an address that is none: its return address is overwritten.'
        : 'It may be the one that returned to an address that is none; its caller calls others as well.',
  };
}

function fromCalls(calls: readonly Call[], where: string): readonly LostFrame[] | undefined {
  const [call] = calls;
  if (call === undefined) return undefined;
  const pc = call.returnAddress;
  return [
    calls.length === 1
      ? {
          pc,
          isExact: false,
          trust: 'likely',
          doubt: `The return address to it is overwritten; this is the only call of the function before in ${where}.`,
        }
      : {
          pc,
          isExact: false,
          trust: 'doubtful',
          doubt:
            'The return address to it is overwritten; it calls the function before at several places, first here.',
        },
  ];
}

/** Direct calls in a range of code: all, or those that end up at `target`. What calls no function is no call. */
function callsIn(code: CodePlaces, start: bigint, end: bigint, target?: bigint): readonly Call[] {
  if (end - start > largestFunction) return [];
  const bytes = code.readCode(start, Number(end - start));
  const calls: Call[] = [];
  for (const call of callsOf(undefined, start, bytes, code.image.machine, callLimit)) {
    const final = code.finalTarget(call.target);
    if (target === undefined ? code.functionStart(final) === final : final === target) {
      calls.push({ returnAddress: call.returnAddress, target: final });
    }
  }
  return calls;
}

/** Calls in a whole module, which take a while to find: kept as long as the process is looked at. */
const searchedModules = new WeakMap<CodePlaces, Map<bigint, readonly Call[]>>();

function callsInModule(code: CodePlaces, target: bigint): readonly Call[] {
  const searched = searchedModules.get(code) ?? new Map<bigint, readonly Call[]>();
  searchedModules.set(code, searched);
  const old = searched.get(target);
  if (old !== undefined) return old;
  const module = code.places.module(target);
  const calls = (module?.object?.segments ?? [])
    .filter(({ isExecutable }) => isExecutable)
    .slice(0, segmentLimit)
    .flatMap(({ address, memorySize }) => {
      const size = Number(memorySize < largestCode ? memorySize : largestCode);
      const start = address + (module?.bias ?? 0n);
      return callsOf(target, start, code.readCode(start, size), code.image.machine, 3);
    });
  searched.set(target, calls);
  return calls;
}

/** How far below the stack pointer the frames of functions that have returned are looked for, in words. */
const reachBelow = 2048;
const candidateLimit = 16;

/**
 * Functions that may have been the one that has just returned, to an address that is none: the calls that it made left their return
 * addresses below the stack pointer.
 *
 * @returns their starts, the one nearest to the stack pointer first; undefined: nothing has returned
 */
export function functionsThatReturned(code: CodePlaces, state: FrameState): readonly bigint[] | undefined {
  const { registers: machine, memory, places } = code;
  const word = BigInt(machine.wordSize);
  // A return has taken the address from there.
  if (memory.unsigned(state.sp - word, machine.wordSize) !== state.pc) return undefined;
  const found = new Set<bigint>();
  for (let index = 2; index < reachBelow && found.size < candidateLimit; index++) {
    const address = state.sp - word * BigInt(index);
    const value = memory.unsigned(address, machine.wordSize);
    if (value === undefined) break;
    if (value <= 0xffffn || !places.isExecutable(value) || code.callBefore(value).kind === 'none') continue;
    const place = code.described(value - 1n);
    const start = code.functionStart(value - 1n);
    const rule = place?.rules.frameAddress;
    if (start === undefined || rule?.kind !== 'register') continue;
    const endsHere = address + word + rule.offset === state.sp;
    if (rule.register === machine.framePointer || endsHere) found.add(start);
  }
  return [...found];
}
