// Owns the two small things done to bytes that are kept as latin1 text: made of typed text, and trimmed. Pure.
import { bytesOfText as exactBytes } from '../../model/byte-text.ts';

/** Typed text as the bytes the system gets, UTF-8 where it is not as in model/byte-text.ts, each byte one character. */
export function bytesOfText(text: string): string {
  return exactBytes(text).toString('latin1');
}

/**
 * Without blanks around it. A regular expression would look at every run of blanks inside once for each of them, and
 * megabytes of blanks are a header like any other.
 */
export function withoutBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
