// Logs of sanitizers: whatever the bytes are, nothing throws, images end, chunks do not matter, and memory is bounded.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ParsedRecord } from '../../src/model/record.ts';
import { lineMemory } from '../../src/tools/_shared/line-memory.ts';
import { parseFrame } from '../../src/tools/_shared/sanitizer-frames.ts';
import { sanitizerReader } from '../../src/tools/_shared/sanitizer-log.ts';
import { chunksOf, readWith } from '../recordings.ts';

const corpus = join(import.meta.dirname, '..', 'corpus');
const logs = ['asan', 'hwasan', 'lsan', 'msan', 'ubsan'].flatMap(recordings);

function recordings(group: string): Buffer[] {
  return readdirSync(join(corpus, group)).flatMap((name) =>
    readdirSync(join(corpus, group, name))
      .filter((file) => file.startsWith('input.'))
      .slice(0, 12)
      .map((file) => readFileSync(join(corpus, group, name, file))),
  );
}

const read = (bytes: Uint8Array, chunk = 4096) => readWith(sanitizerReader, chunksOf(bytes, chunk));

/** Every image begins once, before anything is said of it, and ends once, after all. */
function mustBeInOrder(records: readonly ParsedRecord[]): void {
  const open = new Set<number>();
  const over = new Set<number>();
  for (const record of records) {
    if (record.type === 'problem') continue;
    if (record.type === 'process') {
      expect(open.has(record.image) || over.has(record.image)).toBe(false);
      open.add(record.image);
      continue;
    }
    expect(open.has(record.image)).toBe(true);
    if (record.type === 'process-end') {
      open.delete(record.image);
      over.add(record.image);
    }
  }
  expect([...open]).toEqual([]);
}

describe('any input', () => {
  test('random bytes find nothing and never throw', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (bytes) => {
        expect(sanitizerReader.recognizes(bytes)).toBe(false);
        const records = await read(bytes);
        mustBeInOrder(records);
        expect(records.some(({ type }) => type === 'finding')).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  test('chunks of any size give the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...logs), fc.integer({ min: 1, max: 700 }), async (bytes, size) => {
        expect(await read(bytes, size)).toEqual(await read(bytes, bytes.length + 1));
      }),
      { numRuns: 60 },
    );
  });

  test('overwritten, moved, repeated and cut bytes never throw, and images end', async () => {
    const words = fc.constantFrom(
      '\n',
      '==',
      '==1==',
      ' ',
      'ERROR: AddressSanitizer: ',
      'SUMMARY: ',
      'Sanitizer',
      'runtime error: ',
      '#0 0x1 in f a.c:1',
      '\x1b[1m',
      '0x',
      '(',
      '\u0000',
      '    #99999999999 ',
      'here:',
      'ABORTING',
    );
    const change = fc.tuple(
      fc.nat(),
      fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 8 }), words),
      fc.nat(40),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...logs), { minLength: 1, maxLength: 3 }),
        fc.array(change, { maxLength: 12 }),
        fc.integer({ min: 1, max: 5000 }),
        async (parts, changes, chunk) => {
          let bytes = Buffer.concat(parts);
          for (const [at, put, cut] of changes) {
            const from = at % (bytes.length + 1);
            const own = typeof put === 'string' ? Buffer.from(put, 'latin1') : Buffer.from(put);
            bytes = Buffer.concat([bytes.subarray(0, from), own, bytes.subarray(from + cut)]);
          }
          const records = await read(bytes, chunk);
          mustBeInOrder(records);
          expect(await read(bytes, chunk * 2 + 1)).toEqual(records);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('a log and the same log again find the same twice', async () => {
    // What is remembered of lines must not change what they mean.
    for (const bytes of logs) {
      const text = bytes.toString('latin1');
      if (!text.endsWith('\n') || !/^==\d+==ABORTING$/m.test(text)) continue;
      const once = (await read(bytes)).filter((record) => record.type === 'finding');
      const twice = (await read(Buffer.concat([bytes, bytes]))).filter((record) => record.type === 'finding');
      const bare = (records: typeof once) => records.map(({ span, image, ...finding }) => finding);
      expect(bare(twice)).toEqual([...bare(once), ...bare(once)]);
    }
  });

  test('lines that repeat what patterns look for are read to their end', async () => {
    const head =
      '==1==ERROR: AddressSanitizer: heap-use-after-free on address 0x60 at pc 0x1 bp 0x2 sp 0x3\n';
    const lines = [
      'Sanitizer'.repeat(1700),
      `==1==${'a'.repeat(16_000)}`,
      `==1==ERROR: AddressSanitizer: x ${'thread T1 ('.repeat(1400)}`,
      `${':111111111:111111111'.repeat(800)} runtime error: `,
    ];
    const text = lines.map((line) => `${head}${line}\n`.repeat(120)).join('');
    mustBeInOrder(await read(Buffer.from(text), 64 * 1024));
  });

  test('a stack or a report of fifty thousand lines is cut at a bound', async () => {
    const head =
      '==1==ERROR: AddressSanitizer: heap-use-after-free on address 0x60 at pc 0x1 bp 0x2 sp 0x3\n';
    const frames = Array.from(
      { length: 50_000 },
      (_, index) => `    #${index} 0x${index} in f${index} a.c:${index}\n`,
    );
    const details =
      '0x60 is located 0 bytes inside of 10-byte region\nfreed by thread T0 here:\n    #0 0x1 in f a.c:1\n';
    const text = `${head}${frames.join('')}\n${details.repeat(5000)}SUMMARY: AddressSanitizer: heap-use-after-free a.c:1 in f\n`;
    const [finding] = (await read(Buffer.from(text))).filter((record) => record.type === 'finding');
    expect(finding?.stacks.length).toBeLessThan(100);
    expect(finding?.stacks[0]?.frames.length).toBeLessThan(2000);
    expect(finding?.details.length).toBeLessThan(100);
  });
});

test('any text is a frame of some kind, and never throws', () => {
  const piece = fc.constantFrom(
    '0x1',
    ' in ',
    'f',
    '(',
    ')',
    '/a b/',
    'a.c:',
    '12',
    ':',
    '<null>',
    '+0x1',
    ' ',
    'C:\\',
    '<',
    '>',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece).map((pieces) => pieces.join('')),
      ),
      (text) => {
        const frame = parseFrame(text);
        if (frame.line !== undefined) expect(frame.line).toBeGreaterThan(0);
      },
    ),
  );
});

test('lines that are known again are the lines that were kept, in any order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 200 }), (order) => {
      const memory = lineMemory<number>();
      const text = Buffer.from(order.map((line) => `${'x'.repeat(line % 7)}${line}\n`).join(''));
      memory.use(text);
      let at = 0;
      for (const line of order) {
        const next = text.indexOf(10, at) + 1;
        const length = memory.expected(at, text.length);
        if (length > 0) {
          expect(at + length).toBe(next);
          expect(memory.value()).toBe(line);
        } else if (memory.find(at, next)) expect(memory.value()).toBe(line);
        // Some lines stay unknown.
        else if (line % 3 !== 0) memory.keep(at, next, line);
        at = next;
      }
    }),
  );
});
