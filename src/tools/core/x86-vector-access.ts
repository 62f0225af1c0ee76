// Memory accesses of x86-64 instructions beyond the one-byte opcodes: SSE, AVX, and the general ones among them.
import {
  accessOf,
  type Decoder,
  type InstructionAccesses,
  next,
  nothing,
  only,
  operandSize,
  push,
  readOperand,
  withOperand,
} from './x86-operand.ts';

/** Of SSE instructions that move: those that store. */
const vectorStores = new Set([0x11, 0x13, 0x17, 0x29, 0x2b, 0x7f, 0xd6, 0xe7]);
/** Of the two-byte opcodes: those with an immediate byte. */
const withImmediate = new Set([0x70, 0x71, 0x72, 0x73, 0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6]);
/** Those without ModRM. */
const withoutOperand = new Set([
  0x05, 0x06, 0x08, 0x09, 0x0b, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x77, 0xa0, 0xa1, 0xa2, 0xa8, 0xa9, 0xaa,
]);

export function twoByteAccess(decoder: Decoder, opcode: number): InstructionAccesses | undefined {
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

export function threeByteAccess(
  decoder: Decoder,
  map: number,
  opcode: number,
): InstructionAccesses | undefined {
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
export function vectorAccess(decoder: Decoder, first: number): InstructionAccesses | undefined {
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
