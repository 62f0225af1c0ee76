// Reads HAR 1.2 files, as browsers and proxies save them (http://www.softwareishard.com/blog/har-12-spec/), entry by entry.
import { Tokenizer, TokenParser, TokenType } from '@streamparser/json';
import { UserError } from '../../errors.ts';
import type { Body, CapturedAnswer, CapturedRequest } from '../../model/request.ts';
import { type CaptureBytes, firstBytes, gather } from './capture-bytes.ts';
import { encodeBytes } from './form.ts';
import { harBody, readContent } from './har-body.ts';
import { listOf, objectOf, textOf } from './har-value.ts';
import type { Field, Head } from './head.ts';
import { type Place, spellPlace } from './place.ts';
import type { Selectable } from './selection.ts';
import { settleHead, splitAuthority, withLength } from './settle.ts';
import { parseRequestUrl } from './url.ts';
import { bytesAsLatin1 } from './wire-text.ts';

export interface HarOptions {
  readonly note: (sentence: string) => void;
  /** Entries that are not wanted are not looked into: they may be what no server takes. */
  readonly wanted: (request: Selectable) => boolean;
}

/** Longest entry that is read; V8 has no string that is much longer. */
const entryLimit = 256 * 1024 * 1024;
/** Longer bodies are read again from the file when they are sent. */
const heldBody = 64 * 1024;

interface Entry {
  readonly value: unknown;
  readonly start: number;
  readonly end: number;
}

/** @throws UserError when it is no HAR, or an entry is no request that a server would take */
export async function* readHar(bytes: CaptureBytes, options: HarOptions): AsyncGenerator<CapturedRequest> {
  let number = 0;
  for await (const { value, start, end } of entriesOf(bytes)) {
    number += 1;
    const place: Place = { name: bytes.name, entry: number, offset: start };
    const entry = objectOf(value);
    const request = objectOf(entry.request);
    const url = textOf(request.url);
    const status = objectOf(entry.response).status;
    const selectable = {
      entry: number,
      method: textOf(request.method),
      url,
      ...(typeof status === 'number' ? { status } : {}),
    };
    if (!options.wanted(selectable)) continue;
    const odd = oddity(entry, url, status);
    if (odd !== undefined) {
      options.note(`${spellPlace({ name: bytes.name, entry: number })} is skipped: ${odd}.`);
      continue;
    }
    const reread = async (): Promise<Body | undefined> => {
      const text = (await gather(bytes.stream(start, end))).toString('utf8');
      return readRequest(objectOf(JSON.parse(text)), place).body;
    };
    yield letGo(readRequest(entry, place), reread);
  }
}

function letGo(request: CapturedRequest, reread: () => Promise<Body | undefined>): CapturedRequest {
  const { body } = request;
  if (body === undefined || body.length <= heldBody) return request;
  const { length } = body;
  return {
    ...request,
    body: {
      length,
      async *open() {
        const again = await reread();
        if (again?.length !== length)
          throw new UserError(`${request.source.name} has changed while it was read`);
        yield* again.open();
      },
    },
  };
}

async function* entriesOf(bytes: CaptureBytes): AsyncGenerator<Entry> {
  const tokenizer = new Tokenizer();
  const builder = new TokenParser({ paths: ['$.log.entries.*'], keepStack: false });
  const found: Entry[] = [];
  // The tokenizer does not count a byte order mark.
  const base = (await firstBytes(bytes, 3)).toString('latin1') === '\xef\xbb\xbf' ? 3 : 0;
  let depth = 0;
  let start = 0;
  let end = 0;
  let fed = base;
  let entries = false;
  tokenizer.onToken = (token) => {
    if (token.token === TokenType.LEFT_BRACE || token.token === TokenType.LEFT_BRACKET) {
      // { "log": { "entries": [ {
      if (depth === 3) start = base + token.offset;
      depth += 1;
    } else if (token.token === TokenType.RIGHT_BRACE || token.token === TokenType.RIGHT_BRACKET) depth -= 1;
    end = base + token.offset + 1;
    if (depth === 2 && token.value === 'entries') entries = true;
    builder.write(token);
  };
  builder.onValue = ({ value }) => {
    found.push({ value: value ?? null, start, end });
  };
  try {
    for await (const piece of bytes.stream(base, bytes.size)) {
      tokenizer.write(piece);
      fed += piece.length;
      yield* found.splice(0);
      if (depth > 3 && fed - start > entryLimit) {
        throw new UserError(
          `${bytes.name}: the entry at byte ${start} is longer than ${entryLimit} bytes`,
          'remove it from the file, or capture its request as raw HTTP',
        );
      }
    }
    if (!tokenizer.isEnded) tokenizer.end();
    if (depth > 0) throw new Error('the file ends within a value');
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${bytes.name} begins as JSON but is none that can be read, at about byte ${end}`,
      'save the HAR file again from the browser, whole',
    );
  }
  if (!entries) {
    throw new UserError(
      `${bytes.name} is JSON but no HAR: it has no log.entries`,
      'save all requests as HAR with content',
    );
  }
}

/** Why an entry is nothing that a program is asked. */
function oddity(entry: Record<string, unknown>, url: string, status: unknown): string | undefined {
  const scheme = /^([a-z][a-z\d+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === 'ws' || scheme === 'wss' || entry._resourceType === 'websocket' || status === 101) {
    return 'it is a websocket';
  }
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') return `its URL is one of ${scheme}:`;
  if (textOf(objectOf(entry.request).method) === 'CONNECT') return 'CONNECT asks a proxy, not a program';
  return undefined;
}

function readRequest(entry: Record<string, unknown>, place: Place): CapturedRequest {
  const request = objectOf(entry.request);
  const notes: string[] = [];
  const url = parseRequestUrl(bytesAsLatin1(textOf(request.url)), spellPlace(place));
  const sent = withCookies(readFields(request.headers), request, notes);
  const { body, fields } = harBody(
    objectOf(request.postData),
    request.postData !== undefined,
    sent,
    place,
    notes,
  );
  const head: Head = {
    method: textOf(request.method),
    target: withQuery(url.target, request, notes),
    version: versionOf(textOf(request.httpVersion)),
    fields: withHost(fields, url.authority),
  };
  const { framing: _, ...settled } = settleHead(head, place, url.scheme);
  const named = splitAuthority(url.authority, place);
  return {
    source: place,
    ...settled,
    scheme: url.scheme,
    port: named.port ?? (url.scheme === 'https' ? 443 : 80),
    headers: body === undefined ? settled.headers : withLength(settled.headers, body.length, false),
    ...(body === undefined ? {} : { body }),
    ...answerOf(objectOf(entry.response)),
    notes: [...settled.notes, ...notes],
  };
}

function readFields(value: unknown): readonly Field[] {
  return listOf(value).map((field) => ({
    name: bytesAsLatin1(textOf(objectOf(field).name)),
    value: bytesAsLatin1(textOf(objectOf(field).value)).trim(),
  }));
}

function withCookies(
  fields: readonly Field[],
  request: Record<string, unknown>,
  notes: string[],
): readonly Field[] {
  const cookies = listOf(request.cookies).map(objectOf);
  if (cookies.length === 0 || fields.some(({ name }) => name.toLowerCase() === 'cookie')) return fields;
  notes.push('Its headers have no Cookie: it is made of the cookies of the entry.');
  const value = cookies.map(({ name, value }) => `${textOf(name)}=${textOf(value)}`).join('; ');
  return [...fields, { name: 'Cookie', value: bytesAsLatin1(value) }];
}

function withQuery(target: string, request: Record<string, unknown>, notes: string[]): string {
  const pairs = listOf(request.queryString).map(objectOf);
  if (pairs.length === 0 || target.includes('?')) return target;
  notes.push('Its URL has no query: it is made of the queryString of the entry.');
  const encode = (value: unknown): string => encodeBytes(bytesAsLatin1(textOf(value)));
  return `${target}?${pairs.map(({ name, value }) => `${encode(name)}=${encode(value)}`).join('&')}`;
}

/** Host as the URL has it, where no field says what was sent. */
export function withHost(fields: readonly Field[], authority: string): readonly Field[] {
  const named = fields.some(({ name }) => ['host', ':authority'].includes(name.toLowerCase()));
  return named ? fields : [{ name: 'Host', value: authority }, ...fields];
}

// HTTP/1.1, http/2.0, h2, h3, unknown
function versionOf(spelled: string): string {
  if (/1\.0$/.test(spelled)) return '1.0';
  if (/^(?:h|http\/)2/i.test(spelled)) return '2';
  return /^(?:h|http\/)3/i.test(spelled) ? '3' : '1.1';
}

function answerOf(response: Record<string, unknown>): { readonly answer?: CapturedAnswer } {
  const { status } = response;
  // Browsers write 0 for one that never came.
  if (typeof status !== 'number' || !(status >= 100 && status <= 999)) return {};
  const body = readContent(objectOf(response.content));
  return {
    answer: {
      status,
      headers: readFields(response.headers).map(({ name, value }) => [name, value]),
      ...(body === undefined ? {} : { body }),
    },
  };
}
