// Evaluates the DWARF expressions that call frame information contains (DWARF 5, 2.5 and 6.4.2), as PLTs and signal trampolines have.
import {
  dwarfCursor,
  readCount,
  readSigned,
  readSleb,
  readU8,
  readUleb,
  readUnsigned,
} from './dwarf-cursor.ts';
import type { MemoryWords } from './memory-words.ts';
import type { RegisterValues } from './register-numbers.ts';

export interface ExpressionContext {
  readonly registers: RegisterValues;
  readonly memory: MemoryWords;
  readonly wordSize: 4 | 8;
}

/** Expressions have a handful of operations; the ones of hostile files may loop. */
const operationLimit = 10_000;
const stackLimit = 256;

/**
 * @param initial the values on the stack at the beginning: the CFA for the rules of registers, none for the rule of the CFA.
 * @returns undefined when it needs something that is not known, or is damaged.
 */
export function evaluateExpression(
  bytes: Uint8Array,
  context: ExpressionContext,
  initial: readonly bigint[] = [],
): bigint | undefined {
  const { registers, memory, wordSize } = context;
  const bits = wordSize * 8;
  const cursor = dwarfCursor(bytes);
  const stack: bigint[] = [...initial];
  // Sets to true what makes the result worthless: an empty stack, an unknown register.
  let lost = false;
  const push = (value: bigint | undefined): void => {
    if (value === undefined || stack.length >= stackLimit) lost = true;
    else stack.push(BigInt.asUintN(bits, value));
  };
  const pop = (): bigint => {
    const value = stack.pop();
    if (value === undefined) lost = true;
    return value ?? 0n;
  };
  const pick = (depth: number): bigint | undefined => stack[stack.length - 1 - depth];
  const signed = (value: bigint): bigint => BigInt.asIntN(bits, value);
  const compare = (isTrue: (left: bigint, right: bigint) => boolean): void => {
    const right = signed(pop());
    push(isTrue(signed(pop()), right) ? 1n : 0n);
  };
  const binary = (result: (left: bigint, right: bigint) => bigint | undefined): void => {
    const right = pop();
    push(result(pop(), right));
  };
  const offsetOf = (register: number, offset: bigint): void => {
    const value = registers.get(register);
    push(value === undefined ? undefined : value + offset);
  };
  const jump = (distance: bigint): void => {
    const target = cursor.offset + Number(distance);
    if (target < 0 || target > cursor.end) cursor.failed = true;
    else cursor.offset = target;
  };

  for (let count = 0; cursor.offset < cursor.end; count++) {
    if (count >= operationLimit) return undefined;
    const operation = readU8(cursor);
    if (operation >= 0x30 && operation <= 0x4f) push(BigInt(operation - 0x30));
    else if (operation >= 0x50 && operation <= 0x6f) push(registers.get(operation - 0x50));
    else if (operation >= 0x70 && operation <= 0x8f) offsetOf(operation - 0x70, readSleb(cursor));
    else {
      switch (operation) {
        case 0x03: // DW_OP_addr
          push(readUnsigned(cursor, wordSize));
          break;
        case 0x06: // DW_OP_deref
          push(memory.unsigned(pop(), wordSize));
          break;
        case 0x08:
        case 0x0a:
        case 0x0c:
        case 0x0e: // DW_OP_const1u … const8u
          push(readUnsigned(cursor, 1 << ((operation - 0x08) >> 1)));
          break;
        case 0x09:
        case 0x0b:
        case 0x0d:
        case 0x0f: // DW_OP_const1s … const8s
          push(readSigned(cursor, 1 << ((operation - 0x09) >> 1)));
          break;
        case 0x10: // DW_OP_constu
          push(readUleb(cursor));
          break;
        case 0x11: // DW_OP_consts
          push(readSleb(cursor));
          break;
        case 0x12: // DW_OP_dup
          push(pick(0));
          break;
        case 0x13: // DW_OP_drop
          pop();
          break;
        case 0x14: // DW_OP_over
          push(pick(1));
          break;
        case 0x15: // DW_OP_pick
          push(pick(readU8(cursor)));
          break;
        case 0x16: {
          // DW_OP_swap
          const [top, below] = [pop(), pop()];
          push(top);
          push(below);
          break;
        }
        case 0x17: {
          // DW_OP_rot
          const [first, second, third] = [pop(), pop(), pop()];
          push(first);
          push(third);
          push(second);
          break;
        }
        case 0x19: {
          // DW_OP_abs
          const value = signed(pop());
          push(value < 0n ? -value : value);
          break;
        }
        case 0x1a: // DW_OP_and
          binary((left, right) => left & right);
          break;
        case 0x1b: // DW_OP_div
          binary((left, right) => (right === 0n ? undefined : signed(left) / signed(right)));
          break;
        case 0x1c: // DW_OP_minus
          binary((left, right) => left - right);
          break;
        case 0x1d: // DW_OP_mod
          binary((left, right) => (right === 0n ? undefined : left % right));
          break;
        case 0x1e: // DW_OP_mul
          binary((left, right) => left * right);
          break;
        case 0x1f: // DW_OP_neg
          push(-pop());
          break;
        case 0x20: // DW_OP_not
          push(~pop());
          break;
        case 0x21: // DW_OP_or
          binary((left, right) => left | right);
          break;
        case 0x22: // DW_OP_plus
          binary((left, right) => left + right);
          break;
        case 0x23: // DW_OP_plus_uconst
          push(pop() + readUleb(cursor));
          break;
        case 0x24: // DW_OP_shl
          binary((left, right) => (right >= BigInt(bits) ? 0n : left << right));
          break;
        case 0x25: // DW_OP_shr
          binary((left, right) => (right >= BigInt(bits) ? 0n : left >> right));
          break;
        case 0x26: // DW_OP_shra
          binary((left, right) => signed(left) >> (right >= BigInt(bits) ? BigInt(bits) : right));
          break;
        case 0x27: // DW_OP_xor
          binary((left, right) => left ^ right);
          break;
        case 0x28: {
          // DW_OP_bra
          const distance = readSigned(cursor, 2);
          if (pop() !== 0n) jump(distance);
          break;
        }
        case 0x29: // DW_OP_eq
          compare((left, right) => left === right);
          break;
        case 0x2a: // DW_OP_ge
          compare((left, right) => left >= right);
          break;
        case 0x2b: // DW_OP_gt
          compare((left, right) => left > right);
          break;
        case 0x2c: // DW_OP_le
          compare((left, right) => left <= right);
          break;
        case 0x2d: // DW_OP_lt
          compare((left, right) => left < right);
          break;
        case 0x2e: // DW_OP_ne
          compare((left, right) => left !== right);
          break;
        case 0x2f: // DW_OP_skip
          jump(readSigned(cursor, 2));
          break;
        case 0x90: // DW_OP_regx
          push(registers.get(readCount(cursor)));
          break;
        case 0x92: {
          // DW_OP_bregx
          const register = readCount(cursor);
          offsetOf(register, readSleb(cursor));
          break;
        }
        case 0x94: {
          // DW_OP_deref_size
          const size = readU8(cursor);
          push([1, 2, 4, 8].includes(size) ? memory.unsigned(pop(), size) : undefined);
          break;
        }
        case 0x96: // DW_OP_nop
          break;
        default:
          return undefined;
      }
    }
    if (lost || cursor.failed) return undefined;
  }
  return cursor.failed ? undefined : stack.at(-1);
}
