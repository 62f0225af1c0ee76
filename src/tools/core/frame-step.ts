// One step outwards on a stack: from the registers in a function to those in its caller, by call frame information, by the frame of
// a signal, or by the chain of saved frame pointers.
import type { Trust } from '../../model/stop.ts';
import type { FrameRules, RegisterRule } from './call-frame-rules.ts';
import type { CodePlaces } from './code-places.ts';
import { unsignedAt } from './dwarf-cursor.ts';
import { evaluateExpression } from './dwarf-expression.ts';
import type { RegisterValues } from './register-numbers.ts';

/** Where a frame stands. The stack pointer is in `registers` too. */
export interface FrameState {
  readonly pc: bigint;
  readonly sp: bigint;
  readonly registers: RegisterValues;
  /** `pc` is the instruction itself; false: it is the one behind a call, which is of another line, or even of the next function. */
  readonly isExact: boolean;
}

/**
 * What a step came to. `end`: the function has no caller. `none`: there is nothing to go by. `lost`: a register or a word of the
 * stack is needed that is not known.
 */
export type FrameStep =
  | { readonly kind: 'caller'; readonly state: FrameState; readonly isSignalFrame: boolean }
  | { readonly kind: 'end' }
  | { readonly kind: 'none' }
  | { readonly kind: 'lost'; readonly isUnreadable: boolean };

const none: FrameStep = { kind: 'none' };
const lost: FrameStep = { kind: 'lost', isUnreadable: false };
const unreadable: FrameStep = { kind: 'lost', isUnreadable: true };

/** The address to look up for a frame: behind a call begins what comes after it. */
export function lookupAddress({ pc, isExact }: Pick<FrameState, 'pc' | 'isExact'>): bigint {
  return isExact || pc === 0n ? pc : pc - 1n;
}

/** DWARF 5, 6.4.3. The caller's program counter is not checked. */
export function stepByFrameInformation(code: CodePlaces, state: FrameState): FrameStep {
  const place = code.described(lookupAddress(state));
  if (place === undefined) return none;
  const { rules, entry } = place;
  const { registers: machine, memory } = code;
  const bits = machine.wordSize * 8;
  const context = { registers: state.registers, memory, wordSize: machine.wordSize };
  const frameAddress = frameAddressOf(rules, code, state);
  if (frameAddress === undefined) return rules.frameAddress.kind === 'expression' ? unreadable : lost;

  let isUnreadable = false;
  const callerValue = (rule: RegisterRule, number: number): bigint | undefined => {
    switch (rule.kind) {
      case 'undefined':
        return undefined;
      case 'same value':
        return state.registers.get(number);
      case 'register':
        return state.registers.get(rule.register);
      case 'value offset':
        return BigInt.asUintN(bits, frameAddress + rule.offset);
      case 'value expression':
        return evaluateExpression(rule.expression, context, [frameAddress]);
      default: {
        const address =
          rule.kind === 'offset'
            ? BigInt.asUintN(bits, frameAddress + rule.offset)
            : evaluateExpression(rule.expression, context, [frameAddress]);
        const value = address === undefined ? undefined : memory.unsigned(address, machine.wordSize);
        isUnreadable ||= value === undefined;
        return value;
      }
    }
  };

  const column = entry.common.returnAddressRegister;
  const returnRule = rules.registers.get(column);
  if (returnRule?.kind === 'undefined') return { kind: 'end' };
  // Without a rule it is still where the call left it: in the link register, on machines that have one.
  const returnAddress =
    returnRule === undefined ? state.registers.get(column) : callerValue(returnRule, column);
  if (returnAddress === undefined) return isUnreadable ? unreadable : lost;

  const values: RegisterValues = new Map();
  for (const number of machine.preserved) {
    const value = state.registers.get(number);
    if (value !== undefined) values.set(number, value);
  }
  values.set(machine.stackPointer, frameAddress);
  for (const [number, rule] of rules.registers) {
    if (number === column && column === machine.names.length - 1) continue;
    const value = callerValue(rule, number);
    if (value === undefined) values.delete(number);
    else values.set(number, value);
  }
  const { isSignalFrame } = entry.common;
  return {
    kind: 'caller',
    isSignalFrame,
    state: {
      pc: withoutSignature(returnAddress, code),
      sp: values.get(machine.stackPointer) ?? frameAddress,
      registers: values,
      isExact: isSignalFrame,
    },
  };
}

function frameAddressOf(rules: FrameRules, code: CodePlaces, state: FrameState): bigint | undefined {
  const { registers, memory } = code;
  const rule = rules.frameAddress;
  if (rule.kind === 'expression') {
    return evaluateExpression(rule.expression, {
      registers: state.registers,
      memory,
      wordSize: registers.wordSize,
    });
  }
  const base = state.registers.get(rule.register);
  return base === undefined ? undefined : BigInt.asUintN(registers.wordSize * 8, base + rule.offset);
}

/** aarch64 signs return addresses in their upper bits (pointer authentication). */
function withoutSignature(address: bigint, code: CodePlaces): bigint {
  return code.image.machine === 'aarch64' ? address & 0xffff_ffff_ffffn : address;
}

/** `mov $15, %rax; syscall`: rt_sigreturn(2), to which the kernel lets a signal handler return. */
const signalReturn = [0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05];

/** In the order of mcontext_t's gregs, by numbers of DWARF: r8 … r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip. */
const contextRegisters = [8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16];
/** Of uc_mcontext in ucontext_t. */
const contextOffset = 40n;

/** The trampoline of x86-64 without call frame information: what it returns to is in the ucontext_t that the kernel wrote. */
export function stepBySignalFrame(code: CodePlaces, state: FrameState): FrameStep {
  if (code.image.machine !== 'x86-64') return none;
  const bytes = code.readCode(state.pc, signalReturn.length);
  if (bytes.length < signalReturn.length || signalReturn.some((byte, index) => bytes[index] !== byte)) {
    return none;
  }
  const context = code.memory.bytes(state.sp + contextOffset, contextRegisters.length * 8);
  if (context.length < contextRegisters.length * 8) return unreadable;
  const values: RegisterValues = new Map(
    contextRegisters.map((number, index) => [number, unsignedAt(context, index * 8, 8)]),
  );
  const pc = values.get(16) ?? 0n;
  values.delete(16);
  return {
    kind: 'caller',
    isSignalFrame: true,
    state: { pc, sp: values.get(7) ?? 0n, registers: values, isExact: true },
  };
}

/** `mov %rbx, %rsp; mov (%rsp), %rdi; test %rdi, %rdi`: glibc's __start_context, to which functions of makecontext(3) return. */
const contextStart = [0x48, 0x89, 0xdc, 0x48, 0x8b, 0x3c, 0x24, 0x48, 0x85, 0xff];

/** Nothing called the code there: a context begins with it (makecontext(3)), and there is no frame beyond it. */
export function isContextStart(code: CodePlaces, pc: bigint): boolean {
  if (code.image.machine !== 'x86-64') return false;
  const bytes = code.readCode(pc, contextStart.length);
  return contextStart.every((byte, index) => bytes[index] === byte);
}

/** What a step without call frame information found, and how far it may be trusted. */
export interface GuessedCaller {
  readonly state: FrameState;
  readonly trust: Trust;
  readonly doubt: string;
}

const chainDoubt = 'There is no call frame information for the function that it called.';
const unseenDoubt = 'The code before the return address is not known.';

/**
 * The chain of saved frame pointers, for code that nothing describes. It is not taken when it leads downwards, out of the stack, or
 * to something that is no return address.
 */
export function stepByFramePointer(code: CodePlaces, state: FrameState): GuessedCaller | undefined {
  const word = code.registers.wordSize;
  const size = BigInt(word);
  if (state.isExact) {
    const depth = returnAddressDepth(code, state);
    const pc = depth === undefined ? undefined : code.memory.unsigned(state.sp + depth, word);
    if (depth !== undefined && pc !== undefined && isReturnAddress(code, pc)) {
      // The frame pointer is the caller's, or it is what was pushed last.
      const saved = depth === 0n ? framePointer(code, state) : code.memory.unsigned(state.sp, word);
      return guessed(code, state, pc, state.sp + depth + size, saved);
    }
  }
  const base = framePointer(code, state);
  if (base === undefined || base < state.sp || base % size !== 0n) return undefined;
  const stack = code.places.mapping(state.sp);
  if (stack !== undefined && base >= stack.end) return undefined;
  const saved = code.memory.unsigned(base, word);
  const pc = code.memory.unsigned(base + size, word);
  if (saved === undefined || pc === undefined) return undefined;
  const target = withoutSignature(pc, code);
  return isReturnAddress(code, target) ? guessed(code, state, target, base + 2n * size, saved) : undefined;
}

function framePointer(code: CodePlaces, state: FrameState): bigint | undefined {
  return state.registers.get(code.registers.framePointer);
}

export function isReturnAddress(code: CodePlaces, pc: bigint): boolean {
  return code.places.isExecutable(pc) && code.callBefore(pc).kind !== 'none';
}

function guessed(
  code: CodePlaces,
  callee: FrameState,
  pc: bigint,
  sp: bigint,
  savedFramePointer: bigint | undefined,
): GuessedCaller {
  const registers: RegisterValues = new Map([[code.registers.stackPointer, sp]]);
  if (savedFramePointer !== undefined) registers.set(code.registers.framePointer, savedFramePointer);
  return guessedCaller(code, callee, { pc, sp, registers, isExact: false }, chainDoubt);
}

/** A caller whose call fits the function that it should have called, or not. */
export function guessedCaller(
  code: CodePlaces,
  callee: FrameState,
  state: FrameState,
  doubt: string,
): GuessedCaller {
  const site = code.callBefore(state.pc);
  if (site.kind === 'unknown') return { state, trust: 'doubtful', doubt: unseenDoubt };
  if (site.kind === 'direct') {
    const target = code.finalTarget(site.target);
    const start = code.functionStart(lookupAddress(callee));
    const isOther = start === undefined ? target > callee.pc : target !== start;
    if (isOther) {
      return {
        state,
        trust: 'doubtful',
        doubt: 'Its call goes to another function than the one before: a frame may be missing between them.',
      };
    }
  }
  return { state, trust: 'likely', doubt };
}

/**
 * Bytes from the stack pointer to the return address where the frame pointer is not set up yet, or no more: at the first and the
 * last instructions of a function. undefined: it is elsewhere.
 */
function returnAddressDepth(code: CodePlaces, state: FrameState): bigint | undefined {
  if (code.image.machine === 'aarch64') return undefined;
  const word = BigInt(code.registers.wordSize);
  const movesFramePointer = code.image.machine === 'i386' ? [0x89, 0xe5] : [0x48, 0x89, 0xe5];
  const bytes = code.readCode(state.pc, 16);
  const has = (expected: readonly number[], at = 0): boolean =>
    bytes.length >= at + expected.length && expected.every((byte, index) => bytes[at + index] === byte);
  if (code.functionStart(state.pc) === state.pc) return 0n;
  const endbr = has([0xf3, 0x0f, 0x1e, 0xfa]) || has([0xf3, 0x0f, 0x1e, 0xfb]) ? 4 : 0;
  // push %rbp; mov %rsp, %rbp
  if (has([0x55], endbr) && has(movesFramePointer, endbr + 1)) return 0n;
  if (has(movesFramePointer) && code.readCode(state.pc - 1n, 1)[0] === 0x55) return word;
  if (has([0xc3]) || has([0xc2]) || has([0xf3, 0xc3])) return 0n;
  // pop %rbp; ret
  if (has([0x5d, 0xc3])) return word;
  return undefined;
}
