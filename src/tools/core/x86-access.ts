// What one x86-64 instruction does to memory: decoded as far as that question needs (Intel SDM, volume 2, chapter 2 and appendix A).
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
}

const registerNames = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

interface Decoder {
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

const nothing: InstructionAccesses = { accesses: [], isIndirectJump: false };

/** @returns undefined when the bytes are no instruction that is known here, or too few. */
export function memoryAccesses(
  bytes: Uint8Array,
  pc: bigint,
  registers: Registers,
): InstructionAccesses | undefined {
  const decoder: Decoder = {
    bytes: bytes.subarray(0, 15),
    registers,
    pc,
    at: 0,
    rex: 0,
    operand16: false,
    address32: false,
    repeat: 0,
    segment: undefined,
  };
  readPrefixes(decoder);
  const opcode = next(decoder);
  if (opcode === undefined) return undefined;
  if (opcode === 0xc4 || opcode === 0xc5 || opcode === 0x62) return vectorAccess(decoder, opcode);
  if (opcode !== 0x0f) return oneByteAccess(decoder, opcode);
  const second = next(decoder);
  if (second === undefined) return undefined;
  if (second !== 0x38 && second !== 0x3a) return twoByteAccess(decoder, second);
  const third = next(decoder);
  return third === undefined ? undefined : threeByteAccess(decoder, second, third);
}

function next(decoder: Decoder): number | undefined {
  return decoder.bytes[decoder.at++];
}

function readPrefixes(decoder: Decoder): void {
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
function operandSize({ rex, operand16 }: Decoder): number {
  return (rex & 8) !== 0 ? 8 : operand16 ? 2 : 4;
}

interface Operand {
  readonly extension: number;
  /** Missing: the operand is a register. */
  readonly memory?: Pick<MemoryAccess, 'address' | 'registers' | 'displacement'>;
}

/**
 * ModRM, SIB and displacement (Intel SDM, volume 2, 2.1.5).
 *
 * @param immediate bytes behind them: an address relative to rip counts from the end of the instruction
 */
function readOperand(decoder: Decoder, immediate: number): Operand | undefined {
  const modrm = next(decoder);
  if (modrm === undefined) return undefined;
  const mode = modrm >> 6;
  const low = modrm & 7;
  const extension = (modrm >> 3) & 7;
  if (mode === 3) return { extension };
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
function through(
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

function push(decoder: Decoder): MemoryAccess {
  return through(decoder, 'write', 'rsp', 8, -8n);
}

type Operation = 'read' | 'write' | 'none';

function withOperand(
  decoder: Decoder,
  operation: Operation,
  size: number | undefined,
  immediate = 0,
): InstructionAccesses | undefined {
  const operand = readOperand(decoder, immediate);
  return operand && accessOf(operand, operation, size);
}

function accessOf({ memory }: Operand, operation: Operation, size: number | undefined): InstructionAccesses {
  if (memory === undefined || operation === 'none') return nothing;
  return { isIndirectJump: false, accesses: [{ ...memory, operation, ...(size !== undefined && { size }) }] };
}

const only = (...accesses: readonly MemoryAccess[]): InstructionAccesses => ({
  accesses,
  isIndirectJump: false,
});

function oneByteAccess(decoder: Decoder, opcode: number): InstructionAccesses | undefined {
  const size = (opcode & 1) === 0 ? 1 : operandSize(decoder);
  // add, or, adc, sbb, and, sub, xor, cmp
  if (opcode < 0x40 && (opcode & 7) < 4) {
    return withOperand(decoder, (opcode & 2) === 0 && opcode < 0x38 ? 'write' : 'read', size);
  }
  if (opcode >= 0x50 && opcode <= 0x57) return only(push(decoder));
  if (opcode >= 0x58 && opcode <= 0x5f) return only(through(decoder, 'read', 'rsp', 8));
  if (opcode >= 0xd8 && opcode <= 0xdf) return floatAccess(decoder, opcode);
  switch (opcode) {
    case 0x63: // movslq
      return withOperand(decoder, 'read', 4);
    case 0x68:
    case 0x6a:
    case 0xe8:
      return only(push(decoder));
    case 0x69:
      return withOperand(decoder, 'read', operandSize(decoder), decoder.operand16 ? 2 : 4);
    case 0x6b:
      return withOperand(decoder, 'read', operandSize(decoder), 1);
    case 0x80:
    case 0x81:
    case 0x83: {
      const immediate = opcode !== 0x81 ? 1 : decoder.operand16 ? 2 : 4;
      const operand = readOperand(decoder, immediate);
      return operand && accessOf(operand, operand.extension === 7 ? 'read' : 'write', size);
    }
    case 0x84:
    case 0x85:
      return withOperand(decoder, 'read', size);
    case 0x86:
    case 0x87:
    case 0x88:
    case 0x89:
      return withOperand(decoder, 'write', size);
    case 0x8a:
    case 0x8b:
      return withOperand(decoder, 'read', size);
    case 0x8c:
      return withOperand(decoder, 'write', 2);
    case 0x8d: // lea
      return withOperand(decoder, 'none', undefined);
    case 0x8e:
      return withOperand(decoder, 'read', 2);
    case 0x8f:
      return withOperand(decoder, 'write', 8);
    case 0xa4:
    case 0xa5:
      return only(through(decoder, 'read', 'rsi', size), through(decoder, 'write', 'rdi', size));
    case 0xa6:
    case 0xa7:
      return only(through(decoder, 'read', 'rsi', size), through(decoder, 'read', 'rdi', size));
    case 0xaa:
    case 0xab:
      return only(through(decoder, 'write', 'rdi', size));
    case 0xac:
    case 0xad:
      return only(through(decoder, 'read', 'rsi', size));
    case 0xae:
    case 0xaf:
      return only(through(decoder, 'read', 'rdi', size));
    case 0xc0:
    case 0xc1:
      return withOperand(decoder, 'write', size, 1);
    case 0xc6:
      return withOperand(decoder, 'write', 1, 1);
    case 0xc7:
      return withOperand(decoder, 'write', size, decoder.operand16 ? 2 : 4);
    case 0xc2:
    case 0xc3: // ret
      return { accesses: [through(decoder, 'read', 'rsp', 8)], isIndirectJump: true };
    case 0xc9: // leave
      return only(through(decoder, 'read', 'rbp', 8));
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return withOperand(decoder, 'write', size);
    case 0xf6:
    case 0xf7: {
      // test has an immediate, the others have none: the extension is looked at before.
      const isTest = (((decoder.bytes[decoder.at] ?? 0) >> 3) & 7) < 2;
      const operand = readOperand(decoder, !isTest ? 0 : opcode === 0xf6 ? 1 : decoder.operand16 ? 2 : 4);
      const writes = operand?.extension === 2 || operand?.extension === 3;
      return operand && accessOf(operand, writes ? 'write' : 'read', size);
    }
    case 0xfe:
      return withOperand(decoder, 'write', 1);
    case 0xff:
      return indirectAccess(decoder);
    default:
      return nothing;
  }
}

/** inc, dec, call, jmp, push through ModRM. */
function indirectAccess(decoder: Decoder): InstructionAccesses | undefined {
  const operand = readOperand(decoder, 0);
  if (operand === undefined) return undefined;
  const { extension } = operand;
  if (extension < 2) return accessOf(operand, 'write', operandSize(decoder));
  const isCall = extension === 2;
  const isPush = extension === 6;
  const { accesses } = accessOf(operand, 'read', 8);
  return {
    accesses: isCall || isPush ? [...accesses, push(decoder)] : accesses,
    isIndirectJump: isCall || extension === 4,
  };
}

/** x87: bytes of the operand by opcode; 0: it varies. */
const floatSizes = [4, 4, 4, 4, 8, 8, 2, 8];

function floatAccess(decoder: Decoder, opcode: number): InstructionAccesses | undefined {
  const operand = readOperand(decoder, 0);
  // fst, fstp, fist and the like have the extensions 1 to 3, and 6 and 7 are stores of state.
  const stores = (opcode & 1) === 1 && operand !== undefined && [1, 2, 3, 6, 7].includes(operand.extension);
  return operand && accessOf(operand, stores ? 'write' : 'read', floatSizes[opcode & 7]);
}

/** Of SSE instructions that move: those that store. */
const vectorStores = new Set([0x11, 0x13, 0x17, 0x29, 0x2b, 0x7f, 0xd6, 0xe7]);
/** Of the two-byte opcodes: those with an immediate byte. */
const withImmediate = new Set([0x70, 0x71, 0x72, 0x73, 0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6]);
/** Those without ModRM. */
const withoutOperand = new Set([
  0x05, 0x06, 0x08, 0x09, 0x0b, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x77, 0xa0, 0xa1, 0xa2, 0xa8, 0xa9, 0xaa,
]);

function twoByteAccess(decoder: Decoder, opcode: number): InstructionAccesses | undefined {
  if (opcode === 0xa0 || opcode === 0xa8) return only(push(decoder));
  if (
    withoutOperand.has(opcode) ||
    (opcode >= 0x80 && opcode <= 0x8f) ||
    (opcode >= 0xc8 && opcode <= 0xcf)
  ) {
    return nothing;
  }
  const immediate = withImmediate.has(opcode) ? 1 : 0;
  const size = operandSize(decoder);
  // nop, prefetch
  if (opcode === 0x0d || (opcode >= 0x18 && opcode <= 0x1f)) return withOperand(decoder, 'none', undefined);
  if (opcode >= 0x40 && opcode <= 0x4f) return withOperand(decoder, 'read', size);
  if (opcode >= 0x90 && opcode <= 0x9f) return withOperand(decoder, 'write', 1);
  switch (opcode) {
    case 0xa3:
    case 0xaf:
    case 0xbc:
    case 0xbd:
    case 0xb8:
      return withOperand(decoder, 'read', size);
    case 0xba: {
      const operand = readOperand(decoder, 1);
      return operand && accessOf(operand, operand.extension === 4 ? 'read' : 'write', size);
    }
    case 0xa4:
    case 0xa5:
    case 0xab:
    case 0xac:
    case 0xad:
    case 0xb1:
    case 0xb3:
    case 0xbb:
    case 0xc1:
    case 0xc3:
      return withOperand(decoder, 'write', size, immediate);
    case 0xb0:
    case 0xc0:
      return withOperand(decoder, 'write', 1);
    case 0xb6:
    case 0xbe:
      return withOperand(decoder, 'read', 1);
    case 0xb7:
    case 0xbf:
      return withOperand(decoder, 'read', 2);
    case 0xc7:
      return withOperand(decoder, 'write', (decoder.rex & 8) === 0 ? 8 : 16);
    case 0xae: {
      const operand = readOperand(decoder, 0);
      return (
        operand && accessOf(operand, [0, 3, 4, 6].includes(operand.extension) ? 'write' : 'read', undefined)
      );
    }
    case 0x7e: // movd and movq: a load with F3 only
      return withOperand(
        decoder,
        decoder.repeat === 0xf3 ? 'read' : 'write',
        decoder.repeat === 0xf3 || (decoder.rex & 8) !== 0 ? 8 : 4,
      );
    case 0x6e:
      return withOperand(decoder, 'read', (decoder.rex & 8) !== 0 ? 8 : 4);
    default:
      return withOperand(
        decoder,
        vectorStores.has(opcode) ? 'write' : 'read',
        vectorSize(opcode, decoder.repeat, decoder.operand16, 16),
        immediate,
      );
  }
}

/** Bytes of an SSE or AVX operand in memory. */
function vectorSize(opcode: number, repeat: number, is66: boolean, whole: number): number {
  const isHalf = [0x12, 0x13, 0x16, 0x17, 0xd6].includes(opcode);
  if (isHalf) return 8;
  // Scalar forms: single with F3, double with F2. 6F, 7F and 70 with F3 are whole ones.
  const isScalar = (opcode >= 0x10 && opcode <= 0x11) || (opcode >= 0x2a && opcode <= 0x2d) || opcode >= 0x51;
  if (isScalar && opcode <= 0x5f && repeat !== 0) return repeat === 0xf3 ? 4 : 8;
  if (opcode === 0x2e || opcode === 0x2f) return is66 ? 8 : 4;
  if (opcode === 0xf0 && repeat === 0xf2) return whole;
  return whole;
}

function threeByteAccess(decoder: Decoder, map: number, opcode: number): InstructionAccesses | undefined {
  if (map === 0x3a) {
    const stores = opcode >= 0x14 && opcode <= 0x17;
    return withOperand(decoder, stores ? 'write' : 'read', stores ? undefined : 16, 1);
  }
  if (opcode === 0xf0 || opcode === 0xf1) {
    // crc32 with F2, else movbe
    const stores = opcode === 0xf1 && decoder.repeat !== 0xf2;
    return withOperand(decoder, stores ? 'write' : 'read', operandSize(decoder));
  }
  return withOperand(decoder, 'read', 16);
}

/** VEX and EVEX: AVX, AVX2, AVX-512, and a few general instructions (Intel SDM, volume 2, 2.3 and 2.7). */
function vectorAccess(decoder: Decoder, first: number): InstructionAccesses | undefined {
  const payload = first === 0xc5 ? 1 : first === 0xc4 ? 2 : 3;
  const bytes = Array.from({ length: payload }, () => next(decoder));
  if (bytes.includes(undefined)) return undefined;
  const [one = 0, two = 0, three = 0] = bytes;
  const map = first === 0xc5 ? 1 : first === 0xc4 ? one & 31 : one & 7;
  const pp = (first === 0xc5 ? one : two) & 3;
  // R, X and B are inverted.
  const extension = first === 0xc5 ? ((~one & 0x80) >> 5) & 4 : (~one >> 5) & 7;
  const wide = first !== 0xc5 && (two & 0x80) !== 0;
  decoder.rex = 0x40 | extension | (wide ? 8 : 0);
  decoder.operand16 = pp === 1;
  decoder.repeat = pp === 2 ? 0xf3 : pp === 3 ? 0xf2 : 0;
  const length = first === 0x62 ? (three >> 5) & 3 : ((first === 0xc5 ? one : two) >> 2) & 1;
  const whole = 16 << length;
  const opcode = next(decoder);
  if (opcode === undefined) return undefined;
  if (map === 1 && opcode === 0x77) return nothing;
  const immediate = map === 3 || (map === 1 && withImmediate.has(opcode)) ? 1 : 0;
  const stores =
    map === 1
      ? vectorStores.has(opcode) || (opcode === 0x7e && pp !== 2)
      : map === 3
        ? (opcode >= 0x14 && opcode <= 0x17) || opcode === 0x19 || opcode === 0x39
        : opcode === 0x2e || opcode === 0x2f || opcode === 0x8e;
  const size = map === 1 ? vectorSize(opcode, decoder.repeat, pp === 1, whole) : undefined;
  const found = withOperand(decoder, stores ? 'write' : 'read', size, immediate);
  const [access] = found?.accesses ?? [];
  // EVEX multiplies a displacement of one byte by the size of the operand: the address is not computed here.
  if (first !== 0x62 || access === undefined) return found;
  const { address: _, ...rest } = access;
  return only(rest);
}
