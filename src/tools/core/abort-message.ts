// Owns why the C library called abort(): the message that it also writes to stderr, for an assertion, a damaged heap, a smashed stack.
import type { CodePlaces } from './code-places.ts';
import { textAt } from './fields.ts';

const longestMessage = 4096;

/**
 * What `__abort_msg` of glibc points to: a size of 4 bytes and a text (assert/assert.c, sysdeps/posix/libc_fatal.c).
 *
 * @param pointer address of `__abort_msg`.
 * @returns a sentence; undefined: there is no message, or it is not in the memory.
 */
export function abortMessage({ memory, registers }: CodePlaces, pointer: bigint): string | undefined {
  const block = memory.unsigned(pointer, registers.wordSize);
  if (block === undefined || block === 0n) return undefined;
  const size = Number(memory.unsigned(block, 4) ?? 0n);
  const bytes = memory.bytes(block + 4n, Math.min(size - 4, longestMessage));
  const text = textAt(bytes, 0, longestMessage).trim();
  return text === '' ? undefined : `glibc said: ${text}`;
}
