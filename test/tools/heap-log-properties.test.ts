// memwatch, the CRT and Visual Leak Detector: whatever the bytes are, nothing throws, every image ends, nothing is invented.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ParsedRecord } from '../../src/model/record.ts';
import { crtReader } from '../../src/tools/crt/parse.ts';
import { memwatchReader } from '../../src/tools/memwatch/parse.ts';
import { readerFor } from '../../src/tools/readers.ts';
import { vldReader } from '../../src/tools/vld/parse.ts';
import { projectRoot } from '../project.ts';
import { chunksOf, readWith } from '../recordings.ts';

const readers = [memwatchReader, crtReader, vldReader];
const corpus = readers.flatMap((reader) => {
  const folder = join(projectRoot, 'test/corpus', reader.name);
  return readdirSync(folder).map((name) => [reader, readFileSync(join(folder, name, 'input.txt'))] as const);
});
const anyLog = fc.constantFrom(...corpus);

test('every log is recognised', () => {
  expect(corpus.length).toBeGreaterThan(15);
  for (const [reader, bytes] of corpus) {
    expect(reader.recognizes(bytes)).toBe(true);
    // What has both is read by the first of the two, which reads both.
    expect(['crt', 'vld', 'memwatch']).toContain(readerFor(bytes)?.name);
  }
});

test('random bytes are no such log, and say nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...readers),
      fc.uint8Array({ maxLength: 2000 }),
      async (reader, bytes) => {
        expect(reader.recognizes(bytes)).toBe(false);
        expect((await read(reader, bytes)).filter(({ type }) => type === 'finding')).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
});

test('where chunks end does not matter', async () => {
  await fc.assert(
    fc.asyncProperty(anyLog, fc.integer({ min: 1, max: 300 }), async ([reader, bytes], size) => {
      expect(await read(reader, bytes, size)).toEqual(await read(reader, bytes));
    }),
    { numRuns: 100 },
  );
});

test('cut anywhere, its findings are findings of the whole', async () => {
  for (const [reader, bytes] of corpus) {
    const all = new Map<string, number>();
    for (const finding of await identities(reader, bytes)) all.set(finding, (all.get(finding) ?? 0) + 1);
    for (let length = 0; length < bytes.length; length++) {
      const part = bytes.subarray(0, length);
      // At the end of a line damage looks whole, though its place may be missing.
      if (/^(?:CRT detected that .*|Normal located .*)\.\n{0,2}$/m.test(part.toString('latin1').slice(-120)))
        continue;
      for (const finding of await identities(reader, part)) {
        expect(all.has(finding), `${reader.name} cut at ${length}: ${finding}`).toBe(true);
      }
    }
  }
}, 120_000);

test('overwritten, moved and repeated bytes never throw, and every image ends', async () => {
  const change = fc.tuple(
    fc.nat(),
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 12 }),
      fc
        .constantFrom(
          '\n',
          '\r\n',
          '(',
          ')(7)',
          '{130} normal block at 0x00780E80, 64 bytes long.\n',
          'Dumping objects ->\n',
          'unfreed: ',
          '<99999999999999999999> ',
          '---------- Block 1 at 0x00AB2700: 4 bytes ----------\n',
          'Visual Leak Detector is now exiting.\n',
          '============= MEMWATCH 2.71 Copyright\n',
          '\x00',
          '\xff\xfe',
        )
        .map((text) => Buffer.from(text, 'latin1')),
    ),
    fc.boolean(),
  );
  await fc.assert(
    fc.asyncProperty(
      anyLog,
      fc.array(change, { minLength: 1, maxLength: 6 }),
      async ([reader, bytes], changes) => {
        let changed: Buffer = Buffer.from(bytes);
        for (const [at, piece, over] of changes) {
          const start = at % (changed.length + 1);
          changed = Buffer.concat([
            changed.subarray(0, start),
            piece,
            changed.subarray(over ? start + piece.length : start),
          ]);
        }
        mustBeWellFormed(await read(reader, changed));
      },
    ),
    { numRuns: 400 },
  );
});

test('long lines of repeated pieces are read in the time of their length', async () => {
  const pieces = [
    "a(1), 1 bytes alloc'd at <1> ",
    'x called from a(1), ',
    '(1)(',
    'D:\\ |',
    '{1} normal block at 0x1111, ',
    '[1] ',
    'FE ',
  ];
  for (const piece of pieces) {
    for (const head of ['overflow: <1> ', 'mark: 0x1: ', 'unfreed: <1> ', 'Data: <', '']) {
      const line = `${head}${piece.repeat(60_000 / piece.length)}\n`;
      for (const reader of readers) {
        const log = `============= MEMWATCH 2.71 Copyright x\nDetected memory leaks!\n${line.repeat(5)}`;
        mustBeWellFormed(await read(reader, Buffer.from(log)));
      }
    }
  }
}, 60_000);

async function read(
  reader: (typeof readers)[number],
  bytes: Uint8Array,
  size = 65_536,
): Promise<ParsedRecord[]> {
  return readWith(reader, chunksOf(bytes, size));
}

async function identities(reader: (typeof readers)[number], bytes: Uint8Array): Promise<string[]> {
  return (await read(reader, bytes)).flatMap((record) =>
    record.type === 'finding'
      ? [JSON.stringify([record.kind, record.what, record.details, record.stacks])]
      : [],
  );
}

/** Each image begins once, says nothing before and after, and ends once. */
function mustBeWellFormed(records: readonly ParsedRecord[]): void {
  const open = new Set<number>();
  const seen = new Set<number>();
  for (const record of records) {
    if (record.type === 'problem') continue;
    if (record.type === 'process') {
      expect(seen.has(record.image)).toBe(false);
      seen.add(record.image);
      open.add(record.image);
    } else {
      expect(open.has(record.image), record.type).toBe(true);
      if (record.type === 'process-end') open.delete(record.image);
    }
  }
  expect(open.size).toBe(0);
}
