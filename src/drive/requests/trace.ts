// Reads what curl says of its requests (`-v`, `--trace`, `--trace-ascii`): takes out what was sent, as raw HTTP text.
import type { CapturedRequest } from '../../model/request.ts';
import { type CaptureBytes, spool } from './capture-bytes.ts';
import { refusal } from './place.ts';
import { type RawOptions, readRaw } from './raw.ts';

/** What stands before a line with --trace-time and --trace-ids. */
const stamp = String.raw`^(?:\d\d:\d\d:\d\d\.\d+ )?(?:\[\d+-[\dx]+\] )?`;
// > POST /app HTTP/1.1
const verboseStart = new RegExp(`${stamp}> [A-Z]+ \\S+ HTTP/\\d`);
const verboseLine = new RegExp(`${stamp}> ?(.*)$`, 's');
// => Send header, 149 bytes (0x95)
const sent = new RegExp(`${stamp}=> Send (?:header|data), (\\d+) bytes`);
const block = new RegExp(`${stamp}(?:=> Send|<= Recv|== Info)`);
// 0010: 0d 0a 48 6f 73 74 3a 20 31 32 37 2e 30 2e 30 2e ..Host: 127.0.0.
const hexRow = /^([\da-f]{4,}): ((?:[\da-f]{2} ){1,16})/;
// 0012: Host: 127.0.0.1:18999
const textRow = /^([\da-f]{4,}): (.*)$/s;

/** Whether one of these lines is a trace's. */
export function holdsTrace(text: string): boolean {
  return text.split('\n').some((line) => verboseStart.test(line) || sent.test(line));
}

/** @throws UserError for a request that is not whole: `-v` shows no bodies */
export async function* readTrace(bytes: CaptureBytes, options: RawOptions): AsyncGenerator<CapturedRequest> {
  const lossy = { dots: false };
  const raw = await spool(bytes.name, sentBytes(bytes, lossy));
  for await (const request of readRaw(raw, { ...options, rewritten: true })) {
    yield request.body !== undefined && lossy.dots
      ? {
          ...request,
          notes: [
            ...request.notes,
            'A dot in its body may stand for another byte: --trace-ascii shows so what is no printable ASCII, --trace does not.',
          ],
        }
      : request;
  }
}

async function* sentBytes(bytes: CaptureBytes, lossy: { dots: boolean }): AsyncGenerator<Uint8Array> {
  let left = 0;
  let total = 0;
  let data = false;
  let inVerbose = false;
  /** Of a text row, until the next one says whether a line end stood between them. */
  let held: { readonly text: string; readonly end: number } | undefined;
  // Text of one sort may look like the other: the first row of a head tells them apart, for the whole file.
  let hexadecimal: boolean | undefined;
  let requests = 0;
  const fault = (what: string): Error =>
    refusal(
      { name: bytes.name, entry: Math.max(1, requests) },
      what,
      'capture it again, whole, with curl --trace FILE',
    );
  const flush = (next: number): Buffer => {
    const text = held === undefined ? '' : held.text + (next - held.end === 2 ? '\r\n' : '');
    held = undefined;
    left -= text.length;
    return Buffer.from(text, 'latin1');
  };
  for await (const line of lines(bytes)) {
    const text = line.replace(/\r$/, '');
    const size = sent.exec(text)?.[1];
    if (size !== undefined || block.test(text)) {
      yield flush(total);
      if (left > 0) throw fault(`the trace lacks ${left} bytes of what was sent`);
      if (text.includes('Send header')) requests += 1;
      left = total = Number(size ?? 0);
      data = text.includes('Send data');
      continue;
    }
    if (left > 0) {
      const hex = hexRow.exec(text);
      hexadecimal ??= hex !== null;
      if (hexadecimal) {
        const shown = Buffer.from((hex?.[2] ?? '').replaceAll(' ', ''), 'hex');
        left -= shown.length;
        yield shown;
        continue;
      }
      const row = textRow.exec(line);
      if (row?.[1] === undefined || row[2] === undefined) continue;
      const offset = Number.parseInt(row[1], 16);
      yield flush(offset);
      // The writer ends its rows with LF; a carriage return there was added by whatever saved the trace.
      const content = row[2].replace(/\r$/, '').slice(0, left);
      if (data && content.includes('.')) lossy.dots = true;
      held = { text: content, end: offset + content.length };
      continue;
    }
    if (!inVerbose && !verboseStart.test(text)) continue;
    const verbose = verboseLine.exec(text)?.[1];
    if (verbose === undefined) continue;
    if (!inVerbose) requests += 1;
    if (/^(?:content-length:\s*0*[1-9]|transfer-encoding:)/i.test(verbose)) {
      throw fault('curl -v does not show the body that was sent');
    }
    inVerbose = verbose !== '';
    yield Buffer.from(`${verbose}\r\n`, 'latin1');
  }
  yield flush(total);
  if (left > 0) throw fault(`the trace lacks ${left} bytes of what was sent`);
}

const lineLimit = 1024 * 1024;

/** Lines as latin1, without their LF; the rest of one that is longer than any header is dropped. */
export async function* lines(bytes: CaptureBytes): AsyncGenerator<string> {
  let line = '';
  for await (const piece of bytes.stream(0, bytes.size)) {
    const text = Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('latin1');
    const parts = text.split('\n');
    for (const part of parts.slice(0, -1)) {
      yield line + part;
      line = '';
    }
    if (line.length < lineLimit) line += parts.at(-1) ?? '';
  }
  if (line !== '') yield line;
}
