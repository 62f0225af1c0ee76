// The auxiliary vector, looked for in memory that anybody may have written.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MappedHeader } from '../../../src/tools/core/core-modules.ts';
import { findAuxiliaryVector, startedPath } from '../../../src/tools/core/initial-stack.ts';

const program: MappedHeader = {
  bits: 64,
  start: 0x10_0000n,
  end: 0x10_5000n,
  bias: 0x10_0000n,
  headersAt: 0x10_0040n,
  segments: [],
};
const start = 0x7000_0000n;
const access = { read: true, write: true, execute: false };

const wordsOf = (...words: readonly (number | bigint)[]): Buffer => {
  const bytes = Buffer.alloc(words.length * 8);
  words.forEach((word, index) => {
    bytes.writeBigUInt64LE(BigInt(word), index * 8);
  });
  return bytes;
};
const memoryOf = (bytes: Uint8Array) => ({
  read: (address: bigint, length: number) => {
    const at = Number(address - start);
    return at < 0 || at >= bytes.length ? new Uint8Array() : bytes.subarray(at, at + length);
  },
});
const find = (bytes: Uint8Array) =>
  findAuxiliaryVector(memoryOf(bytes), [{ start, end: start + BigInt(bytes.length), access }], program);

describe('the auxiliary vector', () => {
  const name = start + 88n;
  // argc, a word, 0, a variable, 0, then pairs up to one of type 0, and the text of AT_EXECFN.
  const stack = Buffer.concat([
    wordsOf(1, 0x7fff_0000, 0, 0x7fff_0010, 0, 3, program.headersAt, 31, name, 0, 0),
    Buffer.from('bin/prog\0'.padEnd(16, '\0')),
  ]);

  test('is found by the headers of the program, and tells what was started', () => {
    const vector = find(stack);
    expect(vector).toEqual({
      start: start + 40n,
      values: new Map([
        [3, program.headersAt],
        [31, name],
      ]),
    });
    expect(startedPath(memoryOf(stack), vector?.values ?? new Map())).toBe('bin/prog');
  });

  test('is none without its end, or where nothing ends before it', () => {
    expect(find(wordsOf(0, 3, program.headersAt, 31, name))).toBeUndefined();
    expect(find(wordsOf(0x7fff_0010, 3, program.headersAt, 0, 0))).toBeUndefined();
  });

  test('is not looked for behind hundreds of pairs that look like it', () => {
    const pairs = Buffer.alloc(16 * 300, wordsOf(3, program.headersAt));
    expect(find(Buffer.concat([stack, pairs]))).toBeUndefined();
    expect(find(Buffer.concat([stack, pairs.subarray(0, 16 * 100)]))?.start).toBe(start + 40n);
  });

  test('is found or not in any bytes, and nothing is thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (bytes, at) => {
        const mixed = Buffer.concat([bytes, wordsOf(3, program.headersAt), bytes.subarray(at)]);
        const vector = find(mixed);
        if (vector !== undefined) expect(vector.values.get(3)).toBe(program.headersAt);
      }),
    );
  });
});
