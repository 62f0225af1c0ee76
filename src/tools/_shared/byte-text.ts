// Bytes to text, for all formats whose encoding nobody states.

/**
 * The text of `bytes` from `from` to `to`. Bytes that are not UTF-8 are read as Latin-1, so that none is lost: names in
 * old sources are, and what was cut may end within a letter.
 */
export function textOf(bytes: Uint8Array, from = 0, to: number = bytes.length): string {
  const own = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = own.toString('utf8', from, to);
  // It may also be what the bytes say.
  const isText = !text.includes('\uFFFD') || Buffer.from(text).equals(own.subarray(from, to));
  return isText ? text : own.toString('latin1', from, to);
}
