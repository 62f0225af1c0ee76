// Owns `--expect`: what a user wants of an answer, and what of it did not come.
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { UserError } from '../../errors.ts';
import type { CapturedRequest, Header } from '../../model/request.ts';
import type { ReadAnswer } from './answer.ts';
import { bytesOfText } from './byte-text.ts';
import { quoted } from './harmless-quote.ts';
import { maskedHeaders } from './secrets.ts';

export type Expectation =
  | { readonly kind: 'har' }
  /** `low` to `high`, both inclusive; `text` as the user wrote it. */
  | { readonly kind: 'status'; readonly low: number; readonly high: number; readonly text: string }
  | { readonly kind: 'type'; readonly type: string }
  | { readonly kind: 'body'; readonly path: string }
  | { readonly kind: 'body-pattern'; readonly pattern: RegExp }
  | { readonly kind: 'header'; readonly name: string; readonly value?: string };

export interface Comparison {
  /** What did not come, one sentence each. */
  readonly unmet: readonly string[];
  /** What could not be compared, one sentence each. */
  readonly unknown: readonly string[];
}

const forms = 'har, status=200, status=2xx, type=text/html, body=FILE, body~=REGEX, header=Name: value';
/** Only this much of a body is searched by a pattern. */
const searchedBytes = 8 * 1024 * 1024;

/**
 * Reads what stands after `--expect`: one expectation, or several with commas between them.
 *
 * @throws UserError (125) for a word that is none, a pattern that is none, a file that cannot be read.
 */
export async function readExpectations(word: string): Promise<readonly Expectation[]> {
  // A comma may be part of a pattern, a header or a file name.
  const words = word.split(/,(?=har(?:,|$)|status=|type=|body~?=|header=)/);
  return Promise.all(words.map(readExpectation));
}

async function readExpectation(word: string): Promise<Expectation> {
  const wrong = (why: string) =>
    new UserError(`--expect cannot be ${quoted(bytesOfText(word))}: ${why}`, `it takes ${forms}`);
  if (word === 'har') return { kind: 'har' };
  const [, name = '', value = ''] = /^([a-z]+~?)=(.*)$/s.exec(word) ?? [];
  if (name !== '' && value === '') throw wrong('nothing follows the =');
  switch (name) {
    case 'status': {
      const digits = /^([1-9])(\d\d|xx)$/i.exec(value);
      if (digits === null) throw wrong('a status is three digits, or a digit and xx');
      const isClass = /x/i.test(value);
      const first = Number(digits[1]) * 100;
      return isClass
        ? { kind: 'status', low: first, high: first + 99, text: value }
        : { kind: 'status', low: Number(value), high: Number(value), text: value };
    }
    case 'type':
      if (!/^[^\s/]+\/[^\s/]+/.test(value)) throw wrong('a type is as text/html');
      return { kind: 'type', type: value };
    case 'body':
      await mustBeFile(value);
      return { kind: 'body', path: value };
    case 'body~':
      try {
        return { kind: 'body-pattern', pattern: new RegExp(value, 'u') };
      } catch (error) {
        throw wrong((error as Error).message.replace(/^.*: /s, '').toLowerCase());
      }
    case 'header': {
      const [, field, text] = /^([^\s:]+)\s*(?::(.*))?$/s.exec(value) ?? [];
      if (field === undefined) throw wrong('a header is as Name: value');
      return {
        kind: 'header',
        name: field,
        ...(text === undefined ? {} : { value: bytesOfText(text.trim()) }),
      };
    }
    default:
      throw wrong('no such expectation');
  }
}

async function mustBeFile(path: string): Promise<void> {
  const facts = await stat(path).catch(() => undefined);
  if (facts?.isFile()) return;
  throw new UserError(
    `--expect body=${quoted(bytesOfText(path)).slice(1, -1)}: there is no such file`,
    'name a file that holds the body as it should be',
  );
}

/**
 * What of the expectations the answer in a file does not meet.
 *
 * @param path the file that `readAnswer` read.
 */
export async function unmetBy(
  expectations: readonly Expectation[],
  request: CapturedRequest,
  read: ReadAnswer,
  path: string,
): Promise<Comparison> {
  const unmet: string[] = [];
  const unknown: string[] = [];
  if (read.answer === undefined) {
    return { unmet: expectations.length === 0 ? [] : ['no answer that could be compared'], unknown };
  }
  for (const expectation of expectations) {
    if (expectation.kind === 'har') await compareCaptured(request, read, path, unmet, unknown);
    else unmet.push(...(await compare(expectation, read, path)));
  }
  return { unmet: [...new Set(unmet)], unknown };
}

async function compare(
  expectation: Exclude<Expectation, { readonly kind: 'har' }>,
  read: ReadAnswer,
  path: string,
): Promise<readonly string[]> {
  const { answer, headers, bodyOffset } = read;
  switch (expectation.kind) {
    case 'status': {
      const status = answer?.status ?? 0;
      const isMet = status >= expectation.low && status <= expectation.high;
      return isMet ? [] : [`status ${status} instead of ${expectation.text}`];
    }
    case 'type':
      return wrongType(answer?.contentType, expectation.type);
    case 'body':
      return wrongBody(createReadStream(path, { start: bodyOffset }), createReadStream(expectation.path));
    case 'body-pattern': {
      const text = await bodyText(path, bodyOffset);
      if (expectation.pattern.test(text)) return [];
      const part = (answer?.bodyBytes ?? 0) > searchedBytes ? ' in its first 8 MiB' : '';
      return [`the body does not match ${expectation.pattern.source}${part}`];
    }
    case 'header':
      return wrongHeader(headers, expectation.name, expectation.value);
  }
}

async function compareCaptured(
  { answer: captured }: CapturedRequest,
  { answer, bodyOffset }: ReadAnswer,
  path: string,
  unmet: string[],
  unknown: string[],
): Promise<void> {
  if (captured === undefined) {
    unknown.push('the capture has no answer to compare with');
    return;
  }
  if (answer?.status !== captured.status)
    unmet.push(`status ${answer?.status} instead of ${captured.status}`);
  const type = captured.headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  if (type !== undefined) unmet.push(...wrongType(answer?.contentType, type));
  if (captured.body === undefined) unknown.push('the capture has no body to compare with');
  else unmet.push(...(await wrongBody(createReadStream(path, { start: bodyOffset }), [captured.body])));
}

/** Parameters count only when they are asked for: `text/html` is met by `text/html; charset=utf-8`. */
function wrongType(found: string | undefined, wanted: string): readonly string[] {
  const plain = (type: string) =>
    type
      .toLowerCase()
      .replaceAll('"', '')
      .split(';')
      .map((part) => part.trim())
      .join(';');
  const isMet =
    found !== undefined &&
    (plain(found) === plain(wanted) ||
      (!wanted.includes(';') && plain(found).split(';', 1)[0] === plain(wanted)));
  return isMet
    ? []
    : [`content type ${found === undefined ? 'missing' : quoted(found)} instead of ${quoted(wanted)}`];
}

function wrongHeader(headers: readonly Header[], name: string, value: string | undefined): readonly string[] {
  const same = headers.filter(([field]) => field.toLowerCase() === name.toLowerCase());
  if (same.length === 0) return [`the header ${quoted(name)} is missing`];
  if (value === undefined || same.some(([, found]) => found === value)) return [];
  const shown = maskedHeaders([same[0] as Header, [name, value]]).map(([, text]) => quoted(text));
  return [`the header ${quoted(name)} is ${shown[0]} instead of ${shown[1]}`];
}

type Bytes = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Goes through both at the same time; neither is held in memory. */
async function wrongBody(found: Bytes, wanted: Bytes): Promise<readonly string[]> {
  const left = reader(found);
  const right = reader(wanted);
  try {
    for (let offset = 0; ; ) {
      const [a, b] = [await left.peek(), await right.peek()];
      if (a.length === 0 && b.length === 0) return [];
      if (a.length === 0) return [`the body ends after ${offset} bytes, where more is expected`];
      if (b.length === 0) return [`the body goes on after ${offset} bytes, where it should end`];
      const length = Math.min(a.length, b.length);
      if (Buffer.compare(a.subarray(0, length), b.subarray(0, length)) !== 0) {
        const at = a.findIndex((byte, index) => byte !== b[index]);
        return [`the body differs at byte ${offset + at}: ${hex(a[at])} instead of ${hex(b[at])}`];
      }
      left.skip(length);
      right.skip(length);
      offset += length;
    }
  } finally {
    await left.close();
    await right.close();
  }
}

function hex(byte = 0): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}

function reader(source: Bytes) {
  const iterator = (async function* () {
    yield* source;
  })();
  let rest: Uint8Array = new Uint8Array();
  return {
    /** The next bytes; none at the end. */
    async peek(): Promise<Uint8Array> {
      while (rest.length === 0) {
        const next = await iterator.next();
        if (next.done) break;
        rest = next.value;
      }
      return rest;
    },
    skip(length: number): void {
      rest = rest.subarray(length);
    },
    async close(): Promise<void> {
      await iterator.return(undefined);
    },
  };
}

/** As UTF-8 where it is, else byte by byte. */
async function bodyText(path: string, offset: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.max(0, Math.min(size - offset, searchedBytes)));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    const bytes = buffer.subarray(0, bytesRead);
    const text = bytes.toString('utf8');
    return text.includes('\ufffd') ? bytes.toString('latin1') : text;
  } finally {
    await file.close();
  }
}
