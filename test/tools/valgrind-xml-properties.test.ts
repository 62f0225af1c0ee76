// Whatever the bytes are: the reader never throws, ends what it begins, and invents nothing.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ParsedRecord } from '../../src/model/record.ts';
import { allCorpusXml, only, readXml, xmlDocument, xmlError, xmlFrame, xmlStack } from './xml-reading.ts';

const documents = allCorpusXml();
const anyDocument = fc.constantFrom(...documents.map(([, bytes]) => bytes));

/** Every image has one process record first and one process-end last, and problems stand behind them all. */
function expectWellFormed(records: readonly ParsedRecord[]): void {
  const open = new Set<number>();
  const seen = new Set<number>();
  for (const record of records) {
    if (record.type === 'problem') continue;
    if (record.type === 'process') {
      expect(seen.has(record.image)).toBe(false);
      seen.add(record.image);
      open.add(record.image);
    } else expect(open.has(record.image)).toBe(true);
    if (record.type === 'process-end') open.delete(record.image);
  }
  expect(open.size).toBe(0);
}

describe('any input', () => {
  test('cut anywhere gives a prefix of its findings', async () => {
    await fc.assert(
      fc.asyncProperty(anyDocument, fc.nat(), async (bytes, at) => {
        const whole = only(await readXml(bytes), 'finding');
        const records = await readXml(bytes.subarray(0, at % bytes.length));
        expectWellFormed(records);
        const findings = only(records, 'finding');
        expect(findings).toEqual(whole.slice(0, findings.length));
      }),
      { numRuns: 300 },
    );
  });

  test('in pieces of any size gives the same records', async () => {
    await fc.assert(
      fc.asyncProperty(anyDocument, fc.integer({ min: 1, max: 5000 }), async (bytes, piece) => {
        expect(await readXml(bytes, piece)).toEqual(await readXml(bytes));
      }),
      { numRuns: 60 },
    );
  });

  test('with bytes overwritten still ends what it begins', async () => {
    const damage = fc.array(
      fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(60, 62, 47, 10, 0, 38), fc.nat(255))),
      {
        minLength: 1,
        maxLength: 40,
      },
    );
    await fc.assert(
      fc.asyncProperty(anyDocument, damage, async (bytes, changes) => {
        const damaged = Buffer.from(bytes);
        for (const [at, value] of changes) damaged[at % damaged.length] = value;
        expectWellFormed(await readXml(damaged));
      }),
      { numRuns: 300 },
    );
  });

  test('put together from pieces of documents still ends what it begins', async () => {
    const piece = fc
      .tuple(anyDocument, fc.nat(), fc.nat(3000))
      .map(([bytes, start, length]) => bytes.subarray(start % bytes.length).subarray(0, length));
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const bytes = Buffer.concat(pieces);
        const records = await readXml(bytes);
        expectWellFormed(records);
        expect(await readXml(bytes, 97)).toEqual(records);
      }),
      { numRuns: 200 },
    );
  });

  test('made of tags alone never throws', async () => {
    const names = documents.flatMap(([, bytes]) => bytes.toString('latin1').match(/<\/?[a-z_]+>/g) ?? []);
    const tag = fc.constantFrom(...new Set(names), '<?xml version="1.0"?>', '\n', 'text', '<', '0x1', '\0');
    await fc.assert(
      fc.asyncProperty(fc.array(tag, { maxLength: 200 }), async (tags) => {
        expectWellFormed(await readXml(tags.join('')));
        expectWellFormed(await readXml(tags.join('\n')));
      }),
      { numRuns: 300 },
    );
  });

  test('of random bytes never throws', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
        expectWellFormed(await readXml(bytes));
      }),
      { numRuns: 100 },
    );
  });
});

test('any thread name is the thread name, unless it pretends to be its own end', async () => {
  // Linux gives a thread name 15 bytes.
  const name = fc
    .string({
      unit: fc.constantFrom('<', '>', '&', ';', 'a', 'b', '/', ' ', 'é'),
      minLength: 1,
      maxLength: 15,
    })
    .filter((text) => text.trim() !== '' && !/&(?:lt|gt|amp|apos|quot);/.test(text));
  await fc.assert(
    fc.asyncProperty(name, async (text) => {
      const error = xmlError('0x0', 'Race', `  <what>w</what>\n${xmlStack(xmlFrame('0x1', 'f'))}`);
      const records = await readXml(
        xmlDocument(error.replace('</tid>', () => `</tid>\n  <threadname>${text}</threadname>`)),
      );
      expect(only(records, 'finding')[0]?.thread?.name).toBe(text);
    }),
  );
});

test('any text that valgrind escaped is read as it was', async () => {
  const escaped = (text: string) =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const anyText = fc
    .string({
      unit: fc.oneof(
        fc.constantFrom('<', '>', '&', '&lt;', '</fn>', "'"),
        fc.string({ unit: 'binary', maxLength: 1 }),
      ),
    })
    .filter((text) => text !== '' && !/[\0\r\uD800-\uDFFF\uFFFD]/.test(text));
  await fc.assert(
    fc.asyncProperty(anyText, async (text) => {
      const error = xmlError('0x0', 'Race', `  <what>w</what>\n${xmlStack(xmlFrame('0x1', escaped(text)))}`);
      const [finding] = only(await readXml(xmlDocument(error)), 'finding');
      expect(finding?.stacks[0]?.frames[0]?.function).toBe(text);
    }),
  );
});
