// Owns bytes that are no UTF-8 as text, so that words, variables and paths can go through a program of text and be bytes again.
//
// Each such byte is half of a surrogate pair, U+DC80 to U+DCFF, as Python's "surrogateescape" has it (PEP 383): no UTF-8 text can
// hold one. What is written or shown has `\xff` in their places (byte-marks.ts).
import { isUtf8 } from 'node:buffer';
import { holdsByteMarks } from './byte-marks.ts';

/** The text of any bytes; of those that are UTF-8, what it says. */
export function textOfBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes[at] as number);
    const sequence = bytes.subarray(at, at + length);
    const isText = sequence.length === length && isUtf8(sequence);
    text += isText ? sequence.toString() : String.fromCharCode(0xdc00 + (bytes[at] as number));
    at += isText ? length : 1;
  }
  return text;
}

/** What a first byte says of the length of its sequence (RFC 3629); 1 where it is none. */
function sequenceLength(first: number): number {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
}

/** The bytes that `textOfBytes` made the text of. */
export function bytesOfText(text: string): Buffer {
  if (!holdsByteMarks(text)) return Buffer.from(text);
  const pieces = text.split(/(?<![\ud800-\udbff])([\udc80-\udcff])/);
  return Buffer.concat(
    pieces.map((piece, index) =>
      index % 2 === 1 ? Buffer.from([piece.charCodeAt(0) - 0xdc00]) : Buffer.from(piece),
    ),
  );
}

/** The path for a function of node:fs, which takes bytes too. */
export function openable(path: string): string | Buffer {
  return holdsByteMarks(path) ? bytesOfText(path) : path;
}
