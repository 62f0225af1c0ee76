// Pointers as .eh_frame and .eh_frame_hdr encode them (Linux Standard Base Core, 10.5: DW_EH_PE_*).
import { type DwarfCursor, readSigned, readSleb, readUleb, readUnsigned } from './dwarf-cursor.ts';

export const omittedPointer = 0xff;
const indirect = 0x80;
const aligned = 0x50;

/** What relative pointers are relative to; all are link-time addresses. */
export interface PointerBases {
  /** Address of the first byte of the section that the cursor reads. */
  readonly section: bigint;
  readonly text?: bigint;
  /** Of .eh_frame_hdr: its own address. */
  readonly data?: bigint;
  readonly function?: bigint;
  /** 4 or 8. */
  readonly wordSize: number;
}

/**
 * @returns the address; undefined when it is left out, is of an encoding that there is none of, or lies in memory (`indirect`:
 * personality routines only, which unwinding without calling them does not need).
 */
export function readPointer(cursor: DwarfCursor, encoding: number, bases: PointerBases): bigint | undefined {
  if (encoding === omittedPointer) return undefined;
  if ((encoding & 0x70) === aligned) {
    cursor.offset += (bases.wordSize - (cursor.offset % bases.wordSize)) % bases.wordSize;
    return known(cursor, readUnsigned(cursor, bases.wordSize));
  }
  const place = bases.section + BigInt(cursor.offset);
  const value = readFormat(cursor, encoding & 0x0f, bases.wordSize);
  if (value === undefined || cursor.failed) {
    cursor.failed = true;
    return undefined;
  }
  const base = baseOf(encoding & 0x70, place, bases);
  if (base === undefined || (encoding & indirect) !== 0) return undefined;
  return BigInt.asUintN(bases.wordSize * 8, base + value);
}

/** The same format without a base: how long a function is. */
export function readLength(cursor: DwarfCursor, encoding: number, wordSize: number): bigint | undefined {
  const value = readFormat(cursor, encoding & 0x0f, wordSize);
  return value === undefined || cursor.failed ? undefined : BigInt.asUintN(wordSize * 8, value);
}

function known(cursor: DwarfCursor, value: bigint): bigint | undefined {
  return cursor.failed ? undefined : value;
}

function readFormat(cursor: DwarfCursor, format: number, wordSize: number): bigint | undefined {
  switch (format) {
    case 0x00:
      return readUnsigned(cursor, wordSize);
    case 0x01:
      return readUleb(cursor);
    case 0x02:
      return readUnsigned(cursor, 2);
    case 0x03:
      return readUnsigned(cursor, 4);
    case 0x04:
    case 0x0c:
      return readUnsigned(cursor, 8);
    case 0x08:
      return readSigned(cursor, wordSize);
    case 0x09:
      return readSleb(cursor);
    case 0x0a:
      return readSigned(cursor, 2);
    case 0x0b:
      return readSigned(cursor, 4);
    default:
      return undefined;
  }
}

function baseOf(application: number, place: bigint, bases: PointerBases): bigint | undefined {
  switch (application) {
    case 0x00:
      return 0n;
    case 0x10:
      return place;
    case 0x20:
      return bases.text;
    case 0x30:
      return bases.data;
    case 0x40:
      return bases.function;
    default:
      return undefined;
  }
}
