// The operands of x86-64 instructions: prefixes, ModRM, SIB, displacement, and the address that they make.
//
// Source: Intel SDM, volume 2, chapter 2.
import { unsignedAt } from './dwarf-cursor.ts';
import type { Registers } from './process-image.ts';

/** An access to memory that an instruction makes. */
export interface MemoryAccess {
  readonly operation: 'read' | 'write';
  /** Bytes; missing: it depends on more than is decoded. */
  readonly size?: number;
  /** Missing: a register that it needs is not known. */
  readonly address?: bigint;
  /** gdb's names of the registers that the address is made of, the base first. */
  readonly registers: readonly string[];
  /** Bytes that the instruction adds to them. */
  readonly displacement: bigint;
}

/** What an instruction does to memory. */
export interface InstructionAccesses {
  /** In the order in which the processor makes them. */
  readonly accesses: readonly MemoryAccess[];
  /** It goes on elsewhere: a call, a jump or a return through a register or memory. */
  readonly isIndirectJump: boolean;
  /** Where a call or a jump through a register, or through memory, goes to; missing: not known. */
  readonly target?: { readonly value: bigint; readonly register: string } | { readonly at: bigint };
}

const registerNames = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

export interface Decoder {
  readonly bytes: Uint8Array;
  readonly registers: Registers;
  /** Address of the instruction. */
  readonly pc: bigint;
  at: number;
  rex: number;
  operand16: boolean;
  address32: boolean;
  repeat: 0 | 0xf2 | 0xf3;
  segment: 'fs' | 'gs' | undefined;
}

export const nothing: InstructionAccesses = { accesses: [], isIndirectJump: false };

export function next(decoder: Decoder): number | undefined {
  return decoder.bytes[decoder.at++];
}

export function readPrefixes(decoder: Decoder): void {
  for (; decoder.at < decoder.bytes.length; decoder.at++) {
    const byte = decoder.bytes[decoder.at] ?? 0;
    if (byte === 0x66) decoder.operand16 = true;
    else if (byte === 0x67) decoder.address32 = true;
    else if (byte === 0xf2 || byte === 0xf3) decoder.repeat = byte;
    else if (byte === 0x64) decoder.segment = 'fs';
    else if (byte === 0x65) decoder.segment = 'gs';
    else if (![0xf0, 0x2e, 0x36, 0x3e, 0x26].includes(byte)) break;
  }
  const byte = decoder.bytes[decoder.at] ?? 0;
  if (byte >> 4 === 4) {
    decoder.rex = byte;
    decoder.at++;
  }
}

/** Bytes of a general operand. */
export function operandSize({ rex, operand16 }: Decoder): number {
  return (rex & 8) !== 0 ? 8 : operand16 ? 2 : 4;
}

export interface Operand {
  readonly extension: number;
  /** The operand is this register. */
  readonly register?: string;
  /** Missing: the operand is a register. */
  readonly memory?: Pick<MemoryAccess, 'address' | 'registers' | 'displacement'>;
}

/**
 * ModRM, SIB and displacement (Intel SDM, volume 2, 2.1.5).
 *
 * @param immediate bytes behind them: an address relative to rip counts from the end of the instruction
 */
export function readOperand(decoder: Decoder, immediate: number): Operand | undefined {
  const modrm = next(decoder);
  if (modrm === undefined) return undefined;
  const mode = modrm >> 6;
  const low = modrm & 7;
  const extension = (modrm >> 3) & 7;
  if (mode === 3) return { extension, register: registerNames[low | ((decoder.rex & 1) << 3)] ?? '' };
  const names: string[] = [];
  let scaled: { name: string; scale: bigint } | undefined;
  let isRelative = false;
  let displacementSize = mode === 1 ? 1 : mode === 2 ? 4 : 0;
  if (low === 4) {
    const sib = next(decoder);
    if (sib === undefined) return undefined;
    const index = ((sib >> 3) & 7) | ((decoder.rex & 2) << 2);
    const base = sib & 7;
    if (base === 5 && mode === 0) displacementSize = 4;
    else names.push(registerNames[base | ((decoder.rex & 1) << 3)] ?? '');
    if (index !== 4) scaled = { name: registerNames[index] ?? '', scale: 1n << BigInt(sib >> 6) };
  } else if (low === 5 && mode === 0) {
    displacementSize = 4;
    isRelative = true;
  } else names.push(registerNames[low | ((decoder.rex & 1) << 3)] ?? '');
  if (decoder.at + displacementSize > decoder.bytes.length) return undefined;
  const displacement =
    displacementSize === 0
      ? 0n
      : BigInt.asIntN(displacementSize * 8, unsignedAt(decoder.bytes, decoder.at, displacementSize));
  decoder.at += displacementSize;
  const end = decoder.pc + BigInt(decoder.at + immediate);
  const base = isRelative ? end : sumOf(decoder, names);
  const index = scaled === undefined ? 0n : decoder.registers.get(scaled.name);
  const segment = decoder.segment === undefined ? 0n : decoder.registers.get(`${decoder.segment}_base`);
  const registers = [...names, ...(scaled === undefined ? [] : [scaled.name])];
  if (base === undefined || index === undefined || segment === undefined) {
    return { extension, memory: { registers, displacement } };
  }
  const inner = base + index * (scaled?.scale ?? 1n) + displacement;
  const address = BigInt.asUintN(64, BigInt.asUintN(decoder.address32 ? 32 : 64, inner) + segment);
  return { extension, memory: { registers, displacement, address } };
}

function sumOf(decoder: Decoder, names: readonly string[]): bigint | undefined {
  let sum = 0n;
  for (const name of names) {
    const value = decoder.registers.get(name);
    if (value === undefined) return undefined;
    sum += value;
  }
  return sum;
}

/** An access through one register, as string instructions and the stack have it. */
export function through(
  decoder: Decoder,
  operation: 'read' | 'write',
  name: string,
  size: number,
  displacement = 0n,
): MemoryAccess {
  const base = decoder.registers.get(name);
  return {
    operation,
    size,
    registers: [name],
    displacement,
    ...(base !== undefined && { address: BigInt.asUintN(64, base + displacement) }),
  };
}

export function push(decoder: Decoder): MemoryAccess {
  return through(decoder, 'write', 'rsp', 8, -8n);
}

export type Operation = 'read' | 'write' | 'none';

export function withOperand(
  decoder: Decoder,
  operation: Operation,
  size: number | undefined,
  immediate = 0,
): InstructionAccesses | undefined {
  const operand = readOperand(decoder, immediate);
  return operand && accessOf(operand, operation, size);
}

export function accessOf(
  { memory }: Operand,
  operation: Operation,
  size: number | undefined,
): InstructionAccesses {
  if (memory === undefined || operation === 'none') return nothing;
  return { isIndirectJump: false, accesses: [{ ...memory, operation, ...(size !== undefined && { size }) }] };
}

export const only = (...accesses: readonly MemoryAccess[]): InstructionAccesses => ({
  accesses,
  isIndirectJump: false,
});
