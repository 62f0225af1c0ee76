// Callers of code that nothing describes, such as code that was made at run time: the way from where it stands to its next return is
// followed, which tells where on the stack its return address is.
import type { CodePlaces } from './code-places.ts';
import { type FrameState, type GuessedCaller, guessedCaller, isReturnAddress } from './frame-step.ts';
import type { RegisterValues } from './register-numbers.ts';
import { type Flow, flowOf } from './x86-flow.ts';

/** Instructions that are followed for one frame, and branches that are kept for the case that a way ends without a return. */
const mostInstructions = 2048;
const mostBranches = 64;
const longest = 15;

interface Point {
  readonly pc: bigint;
  /** Missing: not known. */
  readonly sp?: bigint;
  readonly base?: bigint;
}

/**
 * @returns undefined: no way to a return is found, or what it leads to is no return address. It is not sure, because a call on the way
 * may be one that does not come back.
 */
export function stepByReturnPath(code: CodePlaces, state: FrameState): GuessedCaller | undefined {
  if (code.image.machine !== 'x86-64') return undefined;
  const end = pathToReturn(code, state);
  if (end?.sp === undefined) return undefined;
  const { sp, base } = end;
  const stack = code.places.mapping(state.sp);
  if (sp < state.sp || sp % 8n !== 0n || (stack !== undefined && sp >= stack.end)) return undefined;
  // System V psABI, 3.2.2: where a function is called the stack is a multiple of 16. The instruction behind a call that does not come
  // back may be of another function, which a frame that does not fit shows.
  if (!state.isExact && sp % 16n !== 8n) return undefined;
  const pc = code.memory.unsigned(sp, 8);
  if (pc === undefined || !isReturnAddress(code, pc)) return undefined;
  const registers: RegisterValues = new Map([[code.registers.stackPointer, sp + 8n]]);
  if (base !== undefined) registers.set(code.registers.framePointer, base);
  const caller: FrameState = { pc, sp: sp + 8n, registers, isExact: false };
  return guessedCaller(
    code,
    state,
    caller,
    'There is no call frame information for the function that it called: that one was followed to its return.',
  );
}

/** @returns the registers at a return instruction to which the code leads. */
function pathToReturn(code: CodePlaces, state: FrameState): Point | undefined {
  const base = state.registers.get(code.registers.framePointer);
  const seen = new Set<bigint>();
  const branches: Point[] = [];
  let point: Point | undefined = { pc: state.pc, sp: state.sp, ...(base !== undefined && { base }) };
  for (let left = mostInstructions; left > 0 && point !== undefined; left--) {
    const { pc } = point;
    const isFirst = seen.size === 0;
    const isNew: boolean = !seen.has(pc) && (isFirst || !isBeginning(code, pc));
    seen.add(pc);
    const flow: Flow | undefined = isNew ? flowOf(code.readCode(pc, longest)) : undefined;
    if (flow?.next === 'return') return point;
    const after: Point | undefined = flow && moved(code, point, flow);
    // What stops the processor is no end of the way when it is why the thread stands there.
    if (after === undefined || (flow?.next === 'stop' && !isFirst)) {
      point = branches.pop();
      continue;
    }
    const target =
      flow?.distance === undefined ? undefined : { ...after, pc: after.pc + BigInt(flow.distance) };
    if (flow?.next === 'branch' && target !== undefined && branches.length < mostBranches)
      branches.push(target);
    point = flow?.next === 'jump' ? target : after;
  }
  return undefined;
}

/** Another function begins there: endbr64, or `push %rbp; mov %rsp, %rbp`. */
function isBeginning(code: CodePlaces, pc: bigint): boolean {
  const [first, second, third, fourth] = code.readCode(pc, 4);
  return (
    (first === 0xf3 && second === 0x0f && third === 0x1e && fourth === 0xfa) ||
    (first === 0x55 && second === 0x48 && third === 0x89 && fourth === 0xe5)
  );
}

function moved(code: CodePlaces, { pc, sp, base }: Point, { length, effect }: Flow): Point {
  const at = (newSp: bigint | undefined, newBase: bigint | undefined): Point => ({
    pc: pc + BigInt(length),
    ...(newSp !== undefined && { sp: newSp }),
    ...(newBase !== undefined && { base: newBase }),
  });
  const plus = (value: bigint | undefined, bytes: number): bigint | undefined =>
    value === undefined ? undefined : BigInt.asUintN(64, value + BigInt(bytes));
  const word = (address: bigint | undefined): bigint | undefined =>
    address === undefined ? undefined : code.memory.unsigned(address, 8);
  switch (effect?.kind) {
    case undefined:
      return at(sp, base);
    case 'add':
      return at(plus(sp, effect.bytes), base);
    case 'pop frame':
      return at(plus(sp, 8), word(sp));
    case 'set frame':
      return at(sp, sp);
    case 'from frame':
      return at(plus(base, effect.bytes), base);
    case 'leave':
      return at(plus(base, 8), word(base));
    case 'lose':
      return effect.register === 'rsp' ? at(undefined, base) : at(sp, undefined);
  }
}
