// What one x86-64 instruction does to memory: decoded as far as that question needs (Intel SDM, volume 2, appendix A).
import type { Registers } from './process-image.ts';
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
  readPrefixes,
  through,
  withOperand,
} from './x86-operand.ts';
import { threeByteAccess, twoByteAccess, vectorAccess } from './x86-vector-access.ts';

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
  const isIndirectJump = isCall || extension === 4;
  const { register, memory } = operand;
  const value = register === undefined ? undefined : decoder.registers.get(register);
  const at = memory?.address;
  return {
    accesses: isCall || isPush ? [...accesses, push(decoder)] : accesses,
    isIndirectJump,
    ...(isIndirectJump && register !== undefined && value !== undefined && { target: { value, register } }),
    ...(isIndirectJump && at !== undefined && { target: { at } }),
  };
}

/** x87, by opcode: bytes of the operand for each extension, 0 where it varies; and the extensions that store. */
const floatOperands: readonly { readonly sizes: readonly number[]; readonly stores: readonly number[] }[] = [
  { sizes: [4, 4, 4, 4, 4, 4, 4, 4], stores: [] },
  { sizes: [4, 4, 4, 4, 28, 2, 28, 2], stores: [2, 3, 6, 7] },
  { sizes: [4, 4, 4, 4, 4, 4, 4, 4], stores: [] },
  { sizes: [4, 4, 4, 4, 4, 10, 4, 10], stores: [1, 2, 3, 7] },
  { sizes: [8, 8, 8, 8, 8, 8, 8, 8], stores: [] },
  { sizes: [8, 8, 8, 8, 0, 8, 0, 2], stores: [1, 2, 3, 6, 7] },
  { sizes: [2, 2, 2, 2, 2, 2, 2, 2], stores: [] },
  { sizes: [2, 2, 2, 2, 10, 8, 10, 8], stores: [1, 2, 3, 6, 7] },
];

function floatAccess(decoder: Decoder, opcode: number): InstructionAccesses | undefined {
  const operand = readOperand(decoder, 0);
  const { sizes = [], stores = [] } = floatOperands[opcode & 7] ?? {};
  if (operand === undefined) return undefined;
  const operation = stores.includes(operand.extension) ? 'write' : 'read';
  return accessOf(operand, operation, sizes[operand.extension] || undefined);
}
