// Reads numbers of DWARF one after another from bytes of which nothing is certain: it never throws and never leaves the bytes.

/** Little-endian. Once something did not fit, `failed` stays true and every number is 0. */
export interface DwarfCursor {
  offset: number;
  readonly end: number;
  failed: boolean;
  readonly bytes: Uint8Array;
}

export function dwarfCursor(bytes: Uint8Array, offset = 0, end = bytes.length): DwarfCursor {
  const last = Math.min(Math.max(end, 0), bytes.length);
  const failed = !(offset >= 0 && offset <= last);
  return { bytes, offset: failed ? last : offset, end: last, failed };
}

/** @returns where the next `size` bytes are, and goes behind them; -1 when there are not as many. */
function take(cursor: DwarfCursor, size: number): number {
  if (cursor.failed || !(size >= 0) || cursor.offset + size > cursor.end) {
    cursor.failed = true;
    return -1;
  }
  const at = cursor.offset;
  cursor.offset += size;
  return at;
}

export function skip(cursor: DwarfCursor, size: number): void {
  take(cursor, size);
}

export function readU8(cursor: DwarfCursor): number {
  const at = take(cursor, 1);
  return at < 0 ? 0 : (cursor.bytes[at] ?? 0);
}

/** `size`: 1, 2, 4 or 8 bytes. */
export function readUnsigned(cursor: DwarfCursor, size: number): bigint {
  const at = take(cursor, size);
  return at < 0 ? 0n : unsignedAt(cursor.bytes, at, size);
}

export function readSigned(cursor: DwarfCursor, size: number): bigint {
  return BigInt.asIntN(size * 8, readUnsigned(cursor, size));
}

/** LEB128 (DWARF 5, 7.6); bits above 64 are lost. */
export function readUleb(cursor: DwarfCursor): bigint {
  return BigInt.asUintN(64, readLeb(cursor).value);
}

export function readSleb(cursor: DwarfCursor): bigint {
  const { value, bits, isNegative } = readLeb(cursor);
  return isNegative && bits < 64 ? value - (1n << BigInt(bits)) : BigInt.asIntN(64, value);
}

/** A number that counts or names something: at most 2^32. More is damage. */
export function readCount(cursor: DwarfCursor): number {
  const value = readUleb(cursor);
  if (value > 0xffff_ffffn) {
    cursor.failed = true;
    return 0;
  }
  return Number(value);
}

function readLeb(cursor: DwarfCursor): { value: bigint; bits: number; isNegative: boolean } {
  let small = 0;
  let large = 0n;
  for (let bits = 0; bits < 140; bits += 7) {
    const byte = readU8(cursor);
    if (cursor.failed) break;
    // Most numbers are small; bigint arithmetic is slow.
    if (bits < 28) small |= (byte & 0x7f) << bits;
    else if (bits < 70) large |= BigInt(byte & 0x7f) << BigInt(bits);
    if ((byte & 0x80) === 0) {
      return { value: BigInt(small) | large, bits: bits + 7, isNegative: (byte & 0x40) !== 0 };
    }
  }
  cursor.failed = true;
  return { value: 0n, bits: 0, isNegative: false };
}

/** Little-endian; what is behind the last byte counts as 0. */
export function unsignedAt(bytes: Uint8Array, at: number, size: number): bigint {
  let low = 0;
  let high = 0;
  for (let index = Math.min(size, 4) - 1; index >= 0; index--) low = low * 256 + (bytes[at + index] ?? 0);
  for (let index = Math.min(size, 8) - 1; index >= 4; index--) high = high * 256 + (bytes[at + index] ?? 0);
  return high === 0 ? BigInt(low) : (BigInt(high) << 32n) | BigInt(low);
}
