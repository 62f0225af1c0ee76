// Which register a number of DWARF means, by machine, and which ones a called function leaves as they were.
import type { Machine, Registers } from './process-image.ts';

/** Values by the numbers of DWARF; what is not in it is not known. */
export type RegisterValues = Map<number, bigint>;

/** What the unwinder has to know of a machine. Numbers are those of its System V psABI supplement. */
export interface MachineRegisters {
  /** By number. The names are gdb's. */
  readonly names: readonly string[];
  /** Bytes of an address. */
  readonly wordSize: 4 | 8;
  readonly stackPointer: number;
  readonly framePointer: number;
  /** Where call frame information keeps the return address. */
  readonly returnAddress: number;
  /** gdb's name of the program counter. */
  readonly programCounter: string;
  /** Those that are the same after a call as before (the stack pointer is not among them). */
  readonly preserved: ReadonlySet<number>;
}

const x8664: MachineRegisters = {
  names: 'rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip'.split(' '),
  wordSize: 8,
  stackPointer: 7,
  framePointer: 6,
  returnAddress: 16,
  programCounter: 'rip',
  preserved: new Set([3, 6, 12, 13, 14, 15]),
};

const i386: MachineRegisters = {
  names: 'eax ecx edx ebx esp ebp esi edi eip'.split(' '),
  wordSize: 4,
  stackPointer: 4,
  framePointer: 5,
  returnAddress: 8,
  programCounter: 'eip',
  preserved: new Set([3, 5, 6, 7]),
};

const aarch64: MachineRegisters = {
  names: [...Array.from({ length: 31 }, (_, index) => `x${index}`), 'sp'],
  wordSize: 8,
  stackPointer: 31,
  framePointer: 29,
  returnAddress: 30,
  programCounter: 'pc',
  preserved: new Set([19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]),
};

export function machineRegisters(machine: Machine): MachineRegisters {
  if (machine === 'i386') return i386;
  return machine === 'aarch64' ? aarch64 : x8664;
}

/** gdb's names to DWARF's numbers. */
export function registerValues(registers: Registers, machine: MachineRegisters): RegisterValues {
  const values: RegisterValues = new Map();
  for (const [number, name] of machine.names.entries()) {
    const value = registers.get(name);
    if (value !== undefined) values.set(number, BigInt.asUintN(machine.wordSize * 8, value));
  }
  return values;
}
