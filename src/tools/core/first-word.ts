// The first word on the stack of the innermost function: its return address when it has no frame of its own.
import type { CodePlaces } from './code-places.ts';
import {
  type FrameState,
  type GuessedCaller,
  isReturnAddress,
  stepByFrameInformation,
} from './frame-step.ts';

/** A function that is not known may have no frame of its own: then the frame pointer is that of its caller. */
export function callerWithoutFrame(code: CodePlaces, state: FrameState): GuessedCaller | undefined {
  const { registers: machine, memory } = code;
  if (code.image.machine === 'aarch64' || !state.isExact) return undefined;
  if (code.readCode(state.pc, 1).length > 0) return undefined;
  const pc = memory.unsigned(state.sp, machine.wordSize);
  if (pc === undefined || !code.places.isExecutable(pc) || code.callBefore(pc).kind === 'none') {
    return undefined;
  }
  const sp = state.sp + BigInt(machine.wordSize);
  const registers = new Map([[machine.stackPointer, sp]]);
  const base = state.registers.get(machine.framePointer);
  if (base !== undefined) registers.set(machine.framePointer, base);
  return {
    state: { pc, sp, registers, isExact: false },
    trust: 'doubtful',
    doubt:
      'It is the first word on the stack; whether it is a return address the code would tell, which is not known.',
  };
}

/** The first word on the stack, when the function that it returns to is called by the one to which the frame pointer leads. */
export function callerBefore(
  code: CodePlaces,
  state: FrameState,
  chain: GuessedCaller,
): GuessedCaller | undefined {
  const { registers: machine, memory } = code;
  if (code.image.machine === 'aarch64' || !state.isExact) return undefined;
  const pc = memory.unsigned(state.sp, machine.wordSize);
  if (pc === undefined || pc === chain.state.pc || !isReturnAddress(code, pc)) return undefined;
  const sp = state.sp + BigInt(machine.wordSize);
  const registers = new Map(state.registers).set(machine.stackPointer, sp);
  const caller: FrameState = { pc, sp, registers, isExact: false };
  const step = stepByFrameInformation(code, caller);
  if (step.kind !== 'caller' || step.state.pc !== chain.state.pc || step.state.sp !== chain.state.sp) {
    return undefined;
  }
  return {
    state: caller,
    trust: 'likely',
    doubt: 'It is the first word on the stack, and its own caller is where the frame pointer leads.',
  };
}
