// The fault that a signal handler was to handle when it crashed itself: what the kernel wrote on the stack for it tells of that first one.
import { signalName } from '../../model/signals.ts';
import type { Fault } from '../../model/stop.ts';
import type { CodePlaces } from './code-places.ts';
import { faultOf } from './fault.ts';
import { fieldsOf } from './fields.ts';
import type { GlibcHeap } from './glibc-heap.ts';
import type { ImageThread } from './process-image.ts';
import type { UnwoundStack } from './unwind.ts';

export interface InterruptedFault {
  /** Index of the frame of the fault. */
  readonly frame: number;
  /** Missing: a handler without SA_SIGINFO is not told, and nothing else is sure. */
  readonly signal?: string;
  /** Missing: it was no access to memory. */
  readonly fault?: Fault;
}

// arch/x86/include/uapi/asm/sigcontext.h and ucontext.h: bytes from the ucontext_t, to which the stack pointer of the trampoline points.
const contextRegisters = 'r8 r9 r10 r11 r12 r13 r14 r15 rdi rsi rbp rbx rdx rax rcx rsp rip eflags'.split(
  ' ',
);
const registersAt = 40;
const errorAt = 192;
const trapAt = 200;
const cr2At = 216;
/** Behind ucontext_t in the frame (struct rt_sigframe), only written for a handler with SA_SIGINFO. */
const informationAt = 304;
const contextBytes = informationAt + 32;

/** Intel SDM, volume 3, 6.3.1: numbers of exceptions. */
const Trap = { divide: 0, opcode: 6, protection: 13, page: 14 } as const;

const SI_KERNEL = 128;
const SI_TKILL = -6;

/** @returns that of the outermost handler on the stack; undefined: there is none, or what it handled was no fault for all that is known. */
export function interruptedFault(
  code: CodePlaces,
  heap: GlibcHeap,
  thread: ImageThread,
  { frames, states }: Pick<UnwoundStack, 'frames' | 'states'>,
): InterruptedFault | undefined {
  if (code.image.machine !== 'x86-64') return undefined;
  for (let index = frames.length - 2; index > 0; index--) {
    const state = states[index];
    if (
      frames[index]?.isSignalHandler !== true ||
      frames[index]?.trust === 'doubtful' ||
      state === undefined
    ) {
      continue;
    }
    const found = faultInContext(code, heap, thread, state.sp);
    if (found !== undefined) return { frame: index + 1, ...found };
  }
  return undefined;
}

function faultInContext(
  code: CodePlaces,
  heap: GlibcHeap,
  thread: ImageThread,
  at: bigint,
): Omit<InterruptedFault, 'frame'> | undefined {
  const bytes = code.memory.bytes(at, contextBytes);
  if (bytes.length < contextBytes) return undefined;
  const fields = fieldsOf(bytes, 64);
  const registers = new Map(thread.registers);
  contextRegisters.forEach((name, index) => {
    registers.set(name, fields.double(registersAt + 8 * index));
  });
  const pc = registers.get('rip') ?? 0n;
  const trap = Number(fields.double(trapAt));
  const cr2 = fields.double(cr2At);
  const first: ImageThread = { lwp: thread.lwp, registers };
  const number = fields.signedWord(informationAt);
  const information = {
    code: fields.signedWord(informationAt + 8),
    address: fields.double(informationAt + 16),
    sender: fields.word(informationAt + 16),
  };
  const name = signalName(number);
  const isOwn = name === 'SIGABRT' && information.code === SI_TKILL && information.sender === code.image.pid;
  if (isOwn) return { signal: name };
  const isFault = information.code > 0 && information.code < SI_KERNEL;
  // Without SA_SIGINFO the bytes are what was there before: they count when they say what the processor says.
  if (trap === Trap.page) {
    const isTold = (name === 'SIGSEGV' || name === 'SIGBUS') && isFault && information.address === cr2;
    // The kernel keeps the last exception of a thread: it is that of the handler when the instruction is one that touches the address.
    const isProtection = (fields.double(errorAt) & 1n) === 1n;
    const signal = {
      number: isTold ? number : 11,
      name: isTold ? name : 'SIGSEGV',
      code: isTold ? information.code : isProtection ? 2 : 1,
      address: `0x${cr2.toString(16)}`,
    };
    const fault = faultOf(code, heap, first, signal);
    const touches = fault?.operation !== undefined && (isTold || isTouchedThere(code, heap, first, cr2));
    if (fault === undefined || (!isTold && !touches)) return undefined;
    return { fault, ...(isTold && { signal: name }) };
  }
  if (trap === Trap.protection) {
    const fault = faultOf(code, heap, first, { number: 11, name: 'SIGSEGV', code: SI_KERNEL });
    return fault && { fault, signal: 'SIGSEGV' };
  }
  const isHere = isFault && information.address === pc;
  const [opcode, operand = 0] = code.readCode(pc, 3).filter((byte, index) => index > 0 || byte >> 4 !== 4);
  if (trap === Trap.opcode) {
    const isUndefined = opcode === 0x0f && operand === 0x0b;
    return (isHere && name === 'SIGILL') || isUndefined ? { signal: 'SIGILL' } : undefined;
  }
  const isDivision = (opcode === 0xf6 || opcode === 0xf7) && ((operand >> 3) & 7) >= 6;
  if (trap === Trap.divide && isDivision) return { signal: 'SIGFPE' };
  return isHere && ['SIGFPE', 'SIGILL', 'SIGTRAP'].includes(name) ? { signal: name } : undefined;
}

/** The instruction itself leads to the address, without that anybody tells it. */
function isTouchedThere(code: CodePlaces, heap: GlibcHeap, thread: ImageThread, address: bigint): boolean {
  const decoded = faultOf(code, heap, thread, { number: 11, name: 'SIGSEGV', code: 1 });
  return decoded?.address === `0x${address.toString(16)}`;
}
