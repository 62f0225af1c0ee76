// Finds the body of a request in a capture, and streams it from there: by length, chunked, or with its line ends restored.
import type { Body } from '../../model/request.ts';
import { bodyOfRange, type CaptureBytes } from './capture-bytes.ts';
import { type Place, placeAt, quoted, refusal } from './place.ts';
import type { Framing } from './settle.ts';

/** A body and where the next message may begin. */
export interface FoundBody {
  readonly body?: Body;
  readonly end: number;
  readonly notes: readonly string[];
}

/**
 * @param lineFeeds the head has no carriage return: an editor saved the capture
 * @throws UserError when the capture ends before the body does, or its chunks are malformed
 */
export async function findBody(
  bytes: CaptureBytes,
  start: number,
  framing: Framing,
  lineFeeds: boolean,
  place: Place,
): Promise<FoundBody> {
  if (framing.kind === 'none') return { end: start, notes: [] };
  if (framing.kind === 'chunked') return findChunked(bytes, start, lineFeeds, place);
  const there = bytes.size - start;
  const { length } = framing;
  if (there >= length)
    return { body: bodyOfRange(bytes, start, start + length), end: start + length, notes: [] };
  if (lineFeeds) {
    const restored = await restoreLineEnds(bytes, start, length);
    if (restored !== undefined) return restored;
  }
  throw refusal(
    placeAt(place, start),
    `its body has ${length} bytes by its Content-Length, but the capture ends after ${there}`,
    lineFeeds
      ? 'the capture was saved with other line ends or cut: save it again as it is, or put Content-Length right'
      : 'capture it again with its body (curl -v shows none: use curl --trace FILE), or put Content-Length right',
  );
}

/**
 * An editor that saves CR LF as LF makes a body shorter. It is taken back only where that gives exactly the length the
 * head names: anything else would be a guess.
 */
async function restoreLineEnds(
  bytes: CaptureBytes,
  start: number,
  length: number,
): Promise<FoundBody | undefined> {
  let feeds = 0;
  let last = 0;
  for await (const piece of bytes.stream(start, bytes.size)) {
    for (const byte of piece) {
      if (byte === 0x0a && last !== 0x0d) feeds += 1;
      last = byte;
    }
  }
  const there = bytes.size - start;
  const whole = there + feeds === length;
  if (!whole && !(last === 0x0a && there + feeds - 2 === length)) return undefined;
  const end = whole ? bytes.size : bytes.size - 1;
  return {
    body: { length, open: () => withCarriageReturns(bytes.stream(start, end)) },
    end: bytes.size,
    notes: [
      'Line ends of its body, which an editor had changed to LF, are CR LF again, as its Content-Length says.',
    ],
  };
}

async function* withCarriageReturns(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let last = 0;
  for await (const piece of pieces) {
    const restored = Buffer.allocUnsafe(piece.length * 2);
    let size = 0;
    for (const byte of piece) {
      if (byte === 0x0a && last !== 0x0d) restored[size++] = 0x0d;
      restored[size++] = byte;
      last = byte;
    }
    yield restored.subarray(0, size);
  }
}

async function findChunked(
  bytes: CaptureBytes,
  start: number,
  lineFeeds: boolean,
  place: Place,
): Promise<FoundBody> {
  // Two passes: the length must be known before the first byte is handed on.
  let length = 0;
  let end = start;
  let trailers = 0;
  const decode = (ended?: (end: number, trailers: number) => void) =>
    decodeChunks(bytes.stream(start, bytes.size), start, lineFeeds, place, ended);
  for await (const piece of decode((offset, count) => {
    end = offset;
    trailers = count;
  })) {
    length += piece.length;
  }
  return {
    body: { length, open: () => decode() },
    end,
    notes: trailers === 0 ? [] : ['Fields after its last chunk are left out: CGI has no place for them.'],
  };
}

const sizeLineLimit = 4096;
const trailerLimit = 1000;

/**
 * Puts chunks together (RFC 9112, section 7.1), whatever pieces they come in.
 * @param start offset of the first byte
 * @param lineFeeds lines may end with LF alone, as those of the head do
 * @param ended is told the offset behind the last chunk, and how many trailer fields there were
 * @throws UserError for a chunk that is malformed or cut
 */
export async function* decodeChunks(
  pieces: AsyncIterable<Uint8Array>,
  start: number,
  lineFeeds: boolean,
  place: Place,
  ended?: (end: number, trailers: number) => void,
): AsyncGenerator<Uint8Array> {
  let part: 'size' | 'data' | 'behind data' | 'trailer' = 'size';
  let left = 0;
  let line = '';
  let trailers = 0;
  let offset = start;
  const fault = (what: string) =>
    refusal(
      placeAt(place, offset),
      what,
      'where the capture holds the body already put together, replace Transfer-Encoding by a Content-Length',
    );
  for await (const piece of pieces) {
    let index = 0;
    while (index < piece.length) {
      if (part === 'data') {
        const taken = piece.subarray(index, index + left);
        left -= taken.length;
        index += taken.length;
        offset += taken.length;
        if (left === 0) part = 'behind data';
        yield taken;
        continue;
      }
      const feed = piece.indexOf(0x0a, index);
      const stop = feed < 0 ? piece.length : feed + 1;
      if (line.length + stop - index > sizeLineLimit) throw fault('a line between chunks is too long');
      line += Buffer.from(piece.buffer, piece.byteOffset + index, stop - index).toString('latin1');
      index = stop;
      if (feed < 0) continue;
      if (!lineFeeds && !line.endsWith('\r\n')) throw fault('a line between chunks ends with LF alone');
      const text = line.replace(/\r?\n$/, '');
      if (part === 'behind data') {
        if (text !== '') throw fault(`a chunk is longer than its size: ${quoted(text)} follows`);
        part = 'size';
      } else if (part === 'size') {
        // 1a3;name=value
        // RFC 9112, section 7.1.1: an extension has a name.
        const size = /^([\da-f]{1,13})(?:;[\t ]*[!#$%&'*+.^_`|~\w-][\t\x20-\x7e\x80-\xff]*)?$/i.exec(
          text,
        )?.[1];
        if (size === undefined) throw fault(`${quoted(text)} is no size of a chunk`);
        left = Number.parseInt(size, 16);
        part = left === 0 ? 'trailer' : 'data';
      } else if (text === '') {
        ended?.(offset + line.length, trailers);
        return;
      } else {
        trailers += 1;
        if (trailers > trailerLimit) throw fault('more fields follow the last chunk than any server takes');
      }
      offset += line.length;
      line = '';
    }
  }
  throw fault('the capture ends within a chunked body');
}
