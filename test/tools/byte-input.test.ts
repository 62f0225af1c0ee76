// What the readers of profiles stand on: lines, whole lines in one piece, and numbers of names, whatever the chunks are.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byteLines } from '../../src/tools/_shared/byte-lines.ts';
import { byteTable, hashBytes } from '../../src/tools/_shared/byte-table.ts';
import { textOf } from '../../src/tools/_shared/byte-text.ts';
import { lineRegions } from '../../src/tools/_shared/line-regions.ts';

const anyText = fc.string({ unit: fc.constantFrom(...'ab\r\n\n'), maxLength: 60 });
const anyChunk = fc.integer({ min: 1, max: 20 });

function* chunksOf(bytes: Buffer, size: number): Generator<Buffer> {
  // One memory for all chunks, as a reader of files may use: what is kept has to be copied.
  const lent = Buffer.alloc(size);
  for (let at = 0; at < bytes.length; at += size) {
    const length = bytes.copy(lent, 0, at, Math.min(at + size, bytes.length));
    yield lent.subarray(0, length);
  }
}

describe('a line at a time', () => {
  test('is what stands between line ends, with its place, in chunks of any size', () => {
    fc.assert(
      fc.property(anyText, anyChunk, fc.integer({ min: 1, max: 12 }), (text, size, longest) => {
        const lines: unknown[] = [];
        const input = byteLines((bytes, from, to, offset, ended, cut) => {
          lines.push({ text: bytes.toString('latin1', from, to), offset, ended, cut });
        }, longest);
        for (const chunk of chunksOf(Buffer.from(text), size)) input.push(chunk);
        input.end();
        const parts = text.split('\n');
        let offset = 0;
        const expected = parts.flatMap((part, index) => {
          const ended = index < parts.length - 1;
          const line = part.replace(/\r$/, '');
          const start = offset;
          offset += part.length + 1;
          const cut = line.length > longest;
          return ended || part !== '' ? [{ text: line.slice(0, longest), offset: start, ended, cut }] : [];
        });
        expect(lines).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('whole lines in one piece', () => {
  test('are the input and one more line end, and each piece knows its place', () => {
    fc.assert(
      fc.property(anyText, anyChunk, (text, size) => {
        let all = '';
        let open = false;
        const input = lineRegions(
          (bytes, from, to, offset, ended) => {
            expect(offset).toBe(all.length);
            expect(bytes[to - 1]).toBe(10);
            all += bytes.toString('latin1', from, to);
            open = !ended;
          },
          () => expect.fail('no line is too long'),
        );
        for (const chunk of chunksOf(Buffer.from(text), size)) input.push(chunk);
        input.end();
        expect(open).toBe(text !== '' && !text.endsWith('\n'));
        expect(all).toBe(open ? `${text}\n` : text);
      }),
      { numRuns: 1000 },
    );
  });

  test('a line of more than a MiB is cut, and the lines around it are whole', () => {
    const seen: string[] = [];
    const cuts: number[][] = [];
    const input = lineRegions(
      (bytes, from, to, offset) => seen.push(`${offset} ${bytes.toString('latin1', from, to)}`),
      (_, from, to, offset) => cuts.push([to - from, offset]),
    );
    const text = Buffer.from(`first\n${'x'.repeat(3 << 20)}\nlast\n`);
    for (const chunk of chunksOf(text, 1 << 16)) input.push(chunk);
    input.end();
    expect(seen).toEqual(['0 first\n', `${(3 << 20) + 7} last\n`]);
    expect(cuts).toEqual([[(1 << 20) + 1, 6]]);
  });
});

describe('numbers of names', () => {
  const names = Array.from({ length: 2000 }, (_, index) => Buffer.from(`name ${index}`));

  test.each([
    ['names as they come', (name: Buffer) => hashBytes(name, 0, name.length)],
    ['names that were made to collide', () => 7],
    ['some that collide among others', (name: Buffer) => (name.length === 9 ? 7 : (name.at(-1) ?? 0))],
  ])('%s: equal ones get one number, and it says its name', (_, hashOf) => {
    const table = byteTable();
    for (let round = 0; round < 2; round++) {
      for (const [index, name] of names.entries()) {
        expect(table.add(hashOf(name), name, 0, name.length)).toBe(index);
      }
    }
    for (const [index, name] of names.entries()) {
      expect(table.is(index, name, 0, name.length)).toBe(true);
      expect(table.text(index)).toBe(`name ${index}`);
      // In two pieces it is the same name.
      expect(table.add(hashOf(name), name, 0, 4, 4, name.length)).toBe(index);
    }
    expect(table.size()).toBe(names.length);
  });

  test.each([() => 7, (name: Buffer) => hashBytes(name, 0, name.length)])(
    'a full table knows its names and takes no more',
    (hashOf) => {
      const table = byteTable(100);
      for (const [index, name] of names.entries()) {
        expect(table.add(hashOf(name), name, 0, name.length)).toBe(index < 100 ? index : -1);
      }
      expect(table.add(hashOf(names[99] as Buffer), names[99] as Buffer, 0, 7)).toBe(99);
      expect(table.size()).toBe(100);
    },
  );
});

test('text that is not UTF-8 is read as Latin-1', () => {
  expect(textOf(Buffer.from('größe'))).toBe('größe');
  expect(textOf(Buffer.from('größe', 'latin1'))).toBe('größe');
  expect(textOf(new Uint8Array([97, 98, 99, 100]), 1, 3)).toBe('bc');
});
