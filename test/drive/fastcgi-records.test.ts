// What goes over the wire of FastCGI: any bytes, cut anywhere.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeEndRequest,
  decodePairs,
  encodeEndRequest,
  encodePairs,
  encodeRecord,
  encodeStream,
  type FastCgiRecord,
  readRecords,
} from '../../src/drive/fastcgi/records.ts';
import { encodeHead } from '../../src/drive/fastcgi/request-writer.ts';
import { packet, readPackets } from '../../src/drive/remote-protocol.ts';
import { encodeHeaders } from '../../src/drive/scgi.ts';

const latin1 = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

/** Reads bytes in chunks of the given lengths, over and over. */
function readInChunks(bytes: Uint8Array, lengths: readonly number[]) {
  const reader = readRecords();
  const records: FastCgiRecord[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    // A copy that is overwritten afterwards: a reader must not hold on to memory that is not its own.
    const chunk = Uint8Array.from(bytes.subarray(at, at + length));
    records.push(
      ...reader.read(chunk).map((record) => ({ ...record, content: Uint8Array.from(record.content) })),
    );
    chunk.fill(0xee);
    at += length;
  }
  return { records, fault: reader.fault(), pending: reader.pending() };
}

const chunks = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 });
const records = fc.array(
  fc.record({
    type: fc.integer({ min: 0, max: 255 }),
    requestId: fc.integer({ min: 0, max: 65535 }),
    content: fc.uint8Array({ maxLength: 100 }),
  }),
  { maxLength: 10 },
);

describe('records', () => {
  test('come back as they were written, however the bytes are cut', () => {
    fc.assert(
      fc.property(records, chunks, (written, lengths) => {
        const bytes = Buffer.concat(written.map((r) => encodeRecord(r.type, r.requestId, r.content)));
        const read = readInChunks(bytes, lengths);
        expect(read.records).toEqual(written);
        expect(read).toMatchObject({ fault: undefined, pending: 0 });
      }),
    );
  });

  test('any bytes give the same records and the same fault, however they are cut', () => {
    const start = fc.constantFrom<number[]>([], [1, 6, 0, 1, 0, 3, 1, 0], [1, 3, 0, 1, 0, 8, 0, 0]);
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 200 }), chunks, (head, rest, lengths) => {
        const bytes = Uint8Array.from([...head, ...rest]);
        expect(readInChunks(bytes, lengths)).toEqual(readInChunks(bytes, [bytes.length + 1]));
      }),
    );
  });

  test('a fault says where the bytes stop to be FastCGI', () => {
    expect(readInChunks(Buffer.from('HTTP/1.1 200 OK'), [4]).fault).toBe(
      'it does not speak FastCGI: its first byte is 72, and not the version 1',
    );
    const second = Buffer.concat([encodeRecord(6, 1, Buffer.from('12345678')), Buffer.from('xyz')]);
    const read = readInChunks(second, [5]);
    expect(read.fault).toBe('byte 16 of what it sent is 120, where a record has the version 1');
    expect(read.records).toHaveLength(1);
  });

  test('are a multiple of 8 bytes long, and a long stream is cut into several', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200_000 }), (length) => {
        const pieces = [...encodeStream(5, 1, new Uint8Array(length).fill(7))];
        for (const piece of pieces) expect(piece.length % 8).toBe(0);
        const { records: read } = readInChunks(Buffer.concat(pieces), [65536]);
        expect(read.reduce((sum, { content }) => sum + content.length, 0)).toBe(length);
        expect(read.every(({ content }) => content.length > 0)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});

describe('name-value pairs', () => {
  test('come back as they were written', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(latin1, latin1)), (pairs) => {
        expect(decodePairs(encodePairs(pairs))).toEqual({ pairs, cut: false });
      }),
    );
  });

  test('any bytes are pairs, or are cut', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const { pairs, cut } = decodePairs(bytes);
        const shortest = pairs.reduce((sum, [name, value]) => sum + 2 + name.length + value.length, 0);
        expect(shortest).toBeLessThanOrEqual(bytes.length);
        if (!cut && bytes.every((byte) => byte < 0x80)) {
          expect(Buffer.compare(encodePairs(pairs), bytes)).toBe(0);
        }
      }),
    );
  });

  test('of a request are all sent, and one is cut between records only when it is too long for one', () => {
    const variables = fc
      .uniqueArray(fc.integer({ min: 1, max: 40_000 }), { maxLength: 8 })
      .map((lengths) => new Map(lengths.map((length) => [`V${length}`, 'x'.repeat(length)] as const)));
    fc.assert(
      fc.property(variables, fc.boolean(), (map, bodiless) => {
        const bytes = Buffer.concat([...encodeHead(1, map, true, bodiless)]);
        const { records: read } = readInChunks(bytes, [65536]);
        const params = read.filter(({ type }) => type === 4);
        expect(params.flatMap(({ content }) => decodePairs(content).pairs)).toEqual([...map]);
        expect(params.filter(({ content }) => content.length === 0)).toEqual(params.slice(-1));
        expect(read.map(({ type }) => type).filter((type) => type !== 4)).toEqual(bodiless ? [1, 5] : [1]);
      }),
      { numRuns: 30 },
    );
    const long = new Map([['HTTP_COOKIE', 'c'.repeat(200_000)]]);
    const { records: read } = readInChunks(Buffer.concat([...encodeHead(1, long, true, true)]), [65536]);
    const params = Buffer.concat(read.filter(({ type }) => type === 4).map(({ content }) => content));
    expect(decodePairs(params).pairs).toEqual([...long]);
  });
});

test('the end of a request has a status of 32 bits, and one that is too short has none', () => {
  const { records: read } = readInChunks(encodeEndRequest(1, 0xfffffffe, 2), [99]);
  expect(decodeEndRequest(read[0]?.content ?? new Uint8Array())).toEqual({
    appStatus: 0xfffffffe,
    protocolStatus: 'overloaded',
  });
  expect(decodeEndRequest(Uint8Array.of(0, 0, 0, 1, 9))).toEqual({ appStatus: 1, protocolStatus: 9 });
  expect(decodeEndRequest(Uint8Array.of(0, 0, 0, 1))).toBeUndefined();
});

test('the headers of SCGI are a netstring that starts with the length of the body', () => {
  const variables = new Map([
    ['SCGI', '2'],
    ['REQUEST_METHOD', 'POST'],
    ['CONTENT_LENGTH', '5'],
  ]);
  expect(Buffer.from(encodeHeaders(variables, 27)).toString('latin1')).toBe(
    '45:CONTENT_LENGTH\x0027\0SCGI\x001\0REQUEST_METHOD\0POST\0,',
  );
});

test('packets for vgdb come back as they were written, however they are cut', () => {
  expect(packet('QStartNoAckMode')).toBe('$QStartNoAckMode#b0');
  const text = fc.stringMatching(/^[\w;:,+-]*$/);
  fc.assert(
    fc.property(fc.array(text), fc.integer({ min: 1, max: 9 }), (texts, length) => {
      const all = `+${texts.map(packet).join('')}`;
      const read = readPackets();
      const got: string[] = [];
      for (let at = 0; at < all.length; at += length) got.push(...read(all.slice(at, at + length)));
      expect(got).toEqual(texts);
    }),
  );
});
