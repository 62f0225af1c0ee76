// Runs the instructions of call frame information (DWARF 5, 6.4.2): how the caller's registers are found at one address.
import { type CommonEntry, type FrameEntry, readLocation } from './call-frame-information.ts';
import {
  type DwarfCursor,
  dwarfCursor,
  readCount,
  readSleb,
  readU8,
  readUleb,
  readUnsigned,
  skip,
} from './dwarf-cursor.ts';

/** Where the caller's value of a register is. Offsets are from the CFA. */
export type RegisterRule =
  | { readonly kind: 'undefined' }
  | { readonly kind: 'same value' }
  | { readonly kind: 'offset'; readonly offset: bigint }
  | { readonly kind: 'value offset'; readonly offset: bigint }
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'expression'; readonly expression: Uint8Array }
  | { readonly kind: 'value expression'; readonly expression: Uint8Array };

/** How the canonical frame address is computed: the stack pointer before the call. */
export type FrameAddressRule =
  | { readonly kind: 'register'; readonly register: number; readonly offset: bigint }
  | { readonly kind: 'expression'; readonly expression: Uint8Array };

export interface FrameRules {
  readonly frameAddress: FrameAddressRule;
  readonly registers: ReadonlyMap<number, RegisterRule>;
}

interface Row {
  frameAddress: FrameAddressRule | undefined;
  registers: Map<number, RegisterRule>;
}

/** Honest functions have some hundred instructions. */
const instructionLimit = 100_000;
const rememberedLimit = 1000;
const registerLimit = 512;

/** @returns the rules at the link-time `address`; undefined when the instructions are damaged or say nothing of the CFA. */
export function frameRules(entry: FrameEntry, address: bigint): FrameRules | undefined {
  const row: Row = { frameAddress: undefined, registers: new Map() };
  if (!execute(dwarfCursor(entry.common.instructions), entry, undefined, row, undefined)) return undefined;
  const initial = new Map(row.registers);
  if (!execute(dwarfCursor(entry.instructions), entry, address, row, initial)) return undefined;
  return row.frameAddress && { frameAddress: row.frameAddress, registers: row.registers };
}

/** Changes `row` up to the instruction that belongs to an address above `address`. @returns whether the bytes made sense. */
function execute(
  cursor: DwarfCursor,
  entry: FrameEntry,
  address: bigint | undefined,
  row: Row,
  initial: ReadonlyMap<number, RegisterRule> | undefined,
): boolean {
  const { common } = entry;
  const remembered: Row[] = [];
  let location = entry.start;
  for (let count = 0; cursor.offset < cursor.end; count++) {
    if (count >= instructionLimit || row.registers.size > registerLimit) return false;
    const opcode = readU8(cursor);
    const advance = advanceOf(opcode, cursor, common);
    if (advance !== undefined || opcode === 0x01) {
      const next = advance === undefined ? readLocation(cursor, entry) : location + advance;
      if (next === undefined || cursor.failed) return false;
      location = next;
      if (address !== undefined && location > address) return true;
      continue;
    }
    if (opcode === 0x0a) {
      if (remembered.length >= rememberedLimit) return false;
      remembered.push({ frameAddress: row.frameAddress, registers: new Map(row.registers) });
    } else if (opcode === 0x0b) {
      const earlier = remembered.pop();
      if (earlier === undefined) return false;
      // Compilers rely on it that the CFA is restored too (as gcc's and LLVM's unwinders do).
      row.frameAddress = earlier.frameAddress;
      row.registers = earlier.registers;
    } else if (!changeRow(opcode, cursor, common, row, initial)) return false;
    if (cursor.failed) return false;
  }
  return !cursor.failed;
}

/** DW_CFA_advance_loc and its longer forms. */
function advanceOf(opcode: number, cursor: DwarfCursor, common: CommonEntry): bigint | undefined {
  if (opcode >> 6 === 1) return BigInt(opcode & 0x3f) * common.codeAlignment;
  switch (opcode) {
    case 0x02:
      return readUnsigned(cursor, 1) * common.codeAlignment;
    case 0x03:
      return readUnsigned(cursor, 2) * common.codeAlignment;
    case 0x04:
      return readUnsigned(cursor, 4) * common.codeAlignment;
    case 0x1d: // DW_CFA_MIPS_advance_loc8
      return readUnsigned(cursor, 8) * common.codeAlignment;
    default:
      return undefined;
  }
}

function changeRow(
  opcode: number,
  cursor: DwarfCursor,
  common: CommonEntry,
  row: Row,
  initial: ReadonlyMap<number, RegisterRule> | undefined,
): boolean {
  const factored = (): bigint => readUleb(cursor) * common.dataAlignment;
  const factoredSigned = (): bigint => readSleb(cursor) * common.dataAlignment;
  const set = (register: number, rule: RegisterRule): true => {
    row.registers.set(register, rule);
    return true;
  };
  const restore = (register: number): true => {
    const rule = initial?.get(register);
    if (rule === undefined) row.registers.delete(register);
    else row.registers.set(register, rule);
    return true;
  };
  const setFrame = (register: number, offset: bigint): true => {
    row.frameAddress = { kind: 'register', register, offset };
    return true;
  };
  const frame = row.frameAddress?.kind === 'register' ? row.frameAddress : undefined;
  if (opcode >> 6 === 2) return set(opcode & 0x3f, { kind: 'offset', offset: factored() });
  if (opcode >> 6 === 3) return restore(opcode & 0x3f);
  switch (opcode) {
    case 0x00: // DW_CFA_nop
      return true;
    case 0x05: // DW_CFA_offset_extended
      return set(readCount(cursor), { kind: 'offset', offset: factored() });
    case 0x06: // DW_CFA_restore_extended
      return restore(readCount(cursor));
    case 0x07: // DW_CFA_undefined
      return set(readCount(cursor), { kind: 'undefined' });
    case 0x08: // DW_CFA_same_value
      return set(readCount(cursor), { kind: 'same value' });
    case 0x09: // DW_CFA_register
      return set(readCount(cursor), { kind: 'register', register: readCount(cursor) });
    case 0x0c: // DW_CFA_def_cfa
      return setFrame(readCount(cursor), readUleb(cursor));
    case 0x0d: // DW_CFA_def_cfa_register
      return frame !== undefined && setFrame(readCount(cursor), frame.offset);
    case 0x0e: // DW_CFA_def_cfa_offset
      return frame !== undefined && setFrame(frame.register, readUleb(cursor));
    case 0x0f: // DW_CFA_def_cfa_expression
      row.frameAddress = { kind: 'expression', expression: readBlock(cursor) };
      return true;
    case 0x10: // DW_CFA_expression
      return set(readCount(cursor), { kind: 'expression', expression: readBlock(cursor) });
    case 0x11: // DW_CFA_offset_extended_sf
      return set(readCount(cursor), { kind: 'offset', offset: factoredSigned() });
    case 0x12: // DW_CFA_def_cfa_sf
      return setFrame(readCount(cursor), factoredSigned());
    case 0x13: // DW_CFA_def_cfa_offset_sf
      return frame !== undefined && setFrame(frame.register, factoredSigned());
    case 0x14: // DW_CFA_val_offset
      return set(readCount(cursor), { kind: 'value offset', offset: factored() });
    case 0x15: // DW_CFA_val_offset_sf
      return set(readCount(cursor), { kind: 'value offset', offset: factoredSigned() });
    case 0x16: // DW_CFA_val_expression
      return set(readCount(cursor), { kind: 'value expression', expression: readBlock(cursor) });
    case 0x2d: // DW_CFA_AARCH64_negate_ra_state: the signature is taken off from every return address anyway
      return true;
    case 0x2e: // DW_CFA_GNU_args_size: for those who throw into the frame
      readUleb(cursor);
      return true;
    case 0x2f: // DW_CFA_GNU_negative_offset_extended
      return set(readCount(cursor), { kind: 'offset', offset: -factored() });
    default:
      return false;
  }
}

function readBlock(cursor: DwarfCursor): Uint8Array {
  const length = readCount(cursor);
  const start = cursor.offset;
  skip(cursor, length);
  return cursor.failed ? new Uint8Array(0) : cursor.bytes.subarray(start, start + length);
}
