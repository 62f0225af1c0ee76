// Owns reading numbers out of bytes of a file or a process, where any offset may be a lie.

/** Numbers at byte offsets. What lies beyond the bytes is 0: who must know the difference compares with `length` first. */
export interface Fields {
  readonly length: number;
  readonly byte: (at: number) => number;
  readonly half: (at: number) => number;
  readonly word: (at: number) => number;
  readonly signedWord: (at: number) => number;
  readonly double: (at: number) => bigint;
  /** An address, offset or size of the file's class: 4 or 8 bytes. */
  readonly native: (at: number) => bigint;
}

/** @param bits of `native`. */
export function fieldsOf(bytes: Uint8Array, bits: 32 | 64, isLittleEndian = true): Fields {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.byteLength;
  const has = (at: number, size: number): boolean => at >= 0 && at + size <= length;
  const word = (at: number): number => (has(at, 4) ? view.getUint32(at, isLittleEndian) : 0);
  const double = (at: number): bigint => (has(at, 8) ? view.getBigUint64(at, isLittleEndian) : 0n);
  return {
    length,
    byte: (at) => (has(at, 1) ? view.getUint8(at) : 0),
    half: (at) => (has(at, 2) ? view.getUint16(at, isLittleEndian) : 0),
    word,
    signedWord: (at) => (has(at, 4) ? view.getInt32(at, isLittleEndian) : 0),
    double,
    native: bits === 64 ? double : (at) => BigInt(word(at)),
  };
}

/** The text up to the first zero byte: bytes that are no UTF-8 become U+FFFD. */
export function textAt(bytes: Uint8Array, at: number, longest = 4096): string {
  if (at < 0 || at >= bytes.length) return '';
  const limit = Math.min(bytes.length, at + longest);
  const zero = bytes.indexOf(0, at);
  return Buffer.from(
    bytes.buffer,
    bytes.byteOffset + at,
    (zero === -1 || zero > limit ? limit : zero) - at,
  ).toString('utf8');
}
