// Reads captures that hold HTTP requests as text: one or many, with CR LF or LF, with or without the answers between them.
import type { CapturedRequest } from '../../model/request.ts';
import { type CaptureBytes, type Window, windowOf } from './capture-bytes.ts';
import { headLimit, parseHead } from './head.ts';
import { type Place, quoted, refusal, spellPlace } from './place.ts';
import { decodeChunks, type FoundBody, findBody } from './raw-body.ts';
import { settleHead } from './settle.ts';

export interface RawOptions {
  /** Told what has no request to stand at, such as one that was skipped. */
  readonly note: (sentence: string) => void;
  /** The bytes are no file of the user's: places in them say nothing. */
  readonly rewritten?: boolean;
}

// POST /app HTTP/1.1, or what HTTP/2 has in its place.
const requestStart = /^(?:[!#$%&'*+\-.^_`|~\dA-Za-z]{1,40} \S+ HTTP\/\d|:[a-z]+: )/;
const responseStart = /^HTTP\/\d(?:\.\d)? \d{3}(?: |\r|\n|$)/;

/** Whether a text begins as a request or an answer does. */
export function beginsMessage(text: string): boolean {
  return requestStart.test(text) || responseStart.test(text);
}

/** @throws UserError for what a strict server would refuse */
export async function* readRaw(bytes: CaptureBytes, options: RawOptions): AsyncGenerator<CapturedRequest> {
  const window = windowOf(bytes);
  const answers: AnswerReading = { bytes, window, patience: 100 };
  let entry = 0;
  let before = '';
  let position = await afterBlankLines(window, 0);
  while (position < bytes.size) {
    const place: Place = {
      name: bytes.name,
      entry: entry + 1,
      ...(options.rewritten ? {} : { offset: position }),
    };
    const start = (await window(position, 200)).toString('latin1');
    if (entry > 0 && !beginsMessage(start) && !/^[^\n]{0,150} HTTP\//.test(start)) {
      throw refusal(
        place,
        `${quoted(start.split(/\r?\n/, 1)[0] ?? '')} is no request, and no part of the one before it, which has ${before}`,
        before.startsWith('no')
          ? `if it is the body of that one, give it the header Content-Length: ${bytes.size - position}`
          : 'put its Content-Length right, or remove what is between the requests',
      );
    }
    const { text, end } = await findHead(window, position, bytes.size, place);
    if (responseStart.test(text)) {
      position = await afterBlankLines(window, await afterAnswer(answers, text, end, place));
      continue;
    }
    entry += 1;
    const head = parseHead(text, place);
    if (head.method === 'CONNECT') {
      options.note(
        `${spellPlace({ name: bytes.name, entry })} is skipped: CONNECT asks a proxy, not a program.`,
      );
      before = 'no body';
      position = await afterBlankLines(window, end);
      continue;
    }
    const { framing, ...settled } = settleHead(head, place);
    const found: FoundBody =
      framing.kind === 'none' && head.version >= '2'
        ? await bodyWithoutLength(bytes, window, end)
        : await findBody(bytes, end, framing, !text.includes('\r'), place);
    const { body, notes } = found;
    position = await afterBlankLines(window, found.end);
    const added = body !== undefined && position === bytes.size && [1, 2].includes(position - found.end);
    yield {
      source: place,
      ...settled,
      ...(body === undefined ? {} : { body }),
      notes: [
        ...settled.notes,
        ...notes,
        ...(added ? ['The line end after its body, which an editor added, is left out.'] : []),
      ],
    };
    before = framing.kind === 'length' ? `a Content-Length of ${framing.length}` : `no Content-Length`;
  }
}

/** HTTP/2 frames a body itself, so that text of it may name no length. */
async function bodyWithoutLength(bytes: CaptureBytes, window: Window, start: number): Promise<FoundBody> {
  const next = await afterBlankLines(window, start);
  if (next >= bytes.size || beginsMessage((await window(next, 200)).toString('latin1'))) {
    return { end: start, notes: [] };
  }
  return {
    body: { length: bytes.size - start, open: () => bytes.stream(start, bytes.size) },
    end: bytes.size,
    notes: ['Its body names no length: it is all that follows its head.'],
  };
}

async function findHead(
  window: Window,
  start: number,
  size: number,
  place: Place,
): Promise<{ readonly text: string; readonly end: number }> {
  for (let length = 16 * 1024; ; length *= 4) {
    const held = await window(start, Math.min(length, headLimit + 4));
    const ends = [held.indexOf('\n\n'), held.indexOf('\n\r\n')].filter((index) => index >= 0);
    const end = Math.min(...ends);
    if (ends.length > 0) {
      const blank = held[end + 1] === 0x0d ? 3 : 2;
      return { text: held.toString('latin1', 0, end), end: start + end + blank };
    }
    if (held.length > headLimit) throw refusal(place, `the head is longer than ${headLimit} bytes`);
    // An editor may have taken the blank line at the end of the file.
    if (start + held.length >= size) return { text: held.toString('latin1').replace(/\n$/, ''), end: size };
  }
}

/** Servers pass over blank lines before a request (RFC 9112, section 2.2). */
async function afterBlankLines(window: Window, start: number): Promise<number> {
  for (let position = start; ; ) {
    const held = await window(position, 4096);
    const index = held.findIndex((byte) => byte !== 0x0a && byte !== 0x0d);
    if (index >= 0) return position + index;
    position += held.length;
    if (held.length < 4096) return position;
  }
}

interface AnswerReading {
  readonly bytes: CaptureBytes;
  readonly window: Window;
  /** Chunked answers that may still turn out to be cut, each after reading on to the end of the capture. */
  patience: number;
}

/** Where the message behind an answer begins. Its body may be cut or decoded: then the next request line counts. */
async function afterAnswer(
  reading: AnswerReading,
  head: string,
  start: number,
  place: Place,
): Promise<number> {
  const { bytes, window } = reading;
  const framed = await framedEnd(reading, head, start, place);
  for (const end of [framed, start]) {
    if (end === undefined || end > bytes.size) continue;
    const next = await afterBlankLines(window, end);
    if (next >= bytes.size || beginsMessage((await window(next, 200)).toString('latin1'))) return next;
  }
  return findRequestLine(bytes, start);
}

async function framedEnd(
  reading: AnswerReading,
  head: string,
  start: number,
  place: Place,
): Promise<number | undefined> {
  if (/^HTTP\/\S+ (?:1\d\d|204|304)/.test(head)) return undefined;
  const length = /^content-length:[ \t]*(\d{1,15})[ \t\r]*$/im.exec(head)?.[1];
  if (length !== undefined) return start + Number(length);
  if (reading.patience === 0 || !/^transfer-encoding:[ \t]*chunked/im.test(head)) return undefined;
  const { bytes } = reading;
  let end: number | undefined;
  try {
    const found = (offset: number): void => {
      end = offset;
    };
    for await (const _ of decodeChunks(bytes.stream(start, bytes.size), start, true, place, found));
  } catch {
    reading.patience -= 1;
  }
  return end;
}

async function findRequestLine(bytes: CaptureBytes, start: number): Promise<number> {
  let lineStart = start;
  let position = start;
  let line = '';
  for await (const piece of bytes.stream(start, bytes.size)) {
    let index = 0;
    while (index < piece.length) {
      const feed = piece.indexOf(0x0a, index);
      const stop = feed < 0 ? piece.length : feed;
      if (line.length < 200) {
        line += Buffer.from(piece.subarray(index, Math.min(stop, index + 200))).toString('latin1');
      }
      if (feed < 0) break;
      if (/^[A-Z]{3,20} (?:\/|https?:)\S* HTTP\/\d/.test(line)) return lineStart;
      line = '';
      index = feed + 1;
      lineStart = position + index;
    }
    position += piece.length;
  }
  return bytes.size;
}
