// Makes requests of curl commands, as curl would send them. Nothing is executed and nothing is fetched.
import { basename } from 'node:path';
import type { CapturedRequest } from '../../model/request.ts';
import { type Command, splitBash } from './bash-words.ts';
import { bodyOfRange, type CaptureBytes, gather } from './capture-bytes.ts';
import { looksLikeCmd, splitCmd } from './cmd-words.ts';
import { type CurlBody, curlData, curlForm } from './curl-body.ts';
import { type CurlOperation, type GivenOption, parseCurl } from './curl-command.ts';
import type { OpenFile } from './curl-files.ts';
import { encodeBytes } from './form.ts';
import type { Field } from './head.ts';
import { type Place, quoted, refusal, spellPlace } from './place.ts';
import { settleHead, splitAuthority, withLength } from './settle.ts';
import { parseRequestUrl, type RequestUrl } from './url.ts';
import { bytesAsLatin1 } from './wire-text.ts';

/** What curl calls itself where a command does not say. A fixed version: the same capture is the same request. */
export const curlUserAgent = 'curl/8.0.0';

const fileLimit = 16 * 1024 * 1024;
// $ API=x /usr/bin/curl 'https://example.org/'
const commandStart =
  /^\s*(?:[$>%@]\s*|[A-Za-z]:\\\S*>\s*)?(?:\w+=\S*\s+)*(?:[^\s'"=]*[/\\])?curl(?:\.exe)?(?:\s|\^|$)/i;

/** Whether a text begins with a curl command, comments aside. */
export function beginsCurl(text: string): boolean {
  return commandStart.test(text.replace(/^(?:[ \t\r]*(?:#[^\n]*)?\n)+/, ''));
}

/** @throws UserError for what is no curl command, or one that needs more than the file */
export async function* readCurlFile(bytes: CaptureBytes, open: OpenFile): AsyncGenerator<CapturedRequest> {
  const place: Place = { name: bytes.name, entry: 1, offset: 0 };
  if (bytes.size > fileLimit)
    throw refusal(place, `the commands have more than ${fileLimit} bytes`, 'use several files');
  const text = (await gather(bytes.stream(0, bytes.size))).toString('latin1').replace(/^\xef\xbb\xbf/, '');
  const commands = looksLikeCmd(text) ? splitCmd(text, bytes.name) : splitBash(text, bytes.name);
  let entry = 0;
  for (const command of commands) {
    const at: Place = { name: bytes.name, entry: entry + 1, offset: command.offset };
    for await (const request of readCommand(argumentsOf(command, at), at, open, command.notes)) {
      entry += 1;
      yield request;
    }
  }
}

/** A command as it was typed: `words` are those behind `curl`. */
export function readTypedCurl(words: readonly string[], open: OpenFile): AsyncGenerator<CapturedRequest> {
  return readCommand(words.map(bytesAsLatin1), { name: 'curl', entry: 1 }, open, []);
}

function argumentsOf({ words }: Command, place: Place): readonly string[] {
  const first = words.findIndex((word) => !/^(?:[$>%@]|\w+=.*)$/s.test(word));
  const program = words[first] ?? '';
  if (!/^@?(?:.*[/\\])?(?:[A-Za-z]:.*>)?curl(?:\.exe)?$/i.test(program)) {
    throw refusal(
      place,
      `${quoted(program)} is no curl command`,
      'a file of curl commands holds nothing else: remove other commands, or replay its requests one by one',
    );
  }
  return words.slice(first + 1);
}

async function* readCommand(
  words: readonly string[],
  place: Place,
  open: OpenFile,
  notes: readonly string[],
): AsyncGenerator<CapturedRequest> {
  let { entry } = place;
  for (const operation of parseCurl(words, place)) {
    for (const url of operation.urls) {
      yield await makeRequest(operation, url, { ...place, entry }, open, notes);
      entry += 1;
    }
  }
}

async function makeRequest(
  { options }: CurlOperation,
  spelledUrl: string,
  place: Place,
  open: OpenFile,
  before: readonly string[],
): Promise<CapturedRequest> {
  const notes = [...before];
  const has = (meaning: string): boolean => options.some((option) => option.meaning === meaning);
  const last = (meaning: string): string | undefined =>
    options.findLast((option) => option.meaning === meaning)?.value;
  const typed = /^[a-z][a-z\d+.-]*:\/\//i.test(spelledUrl) ? spelledUrl : `http://${spelledUrl}`;
  const url = parseRequestUrl(typed.replaceAll(' ', '%20'), spellPlace(place));
  const upload = last('upload-file');
  const data = await curlData(options, open, place);
  const form = await curlForm(options, open, place);
  if ([data, form, upload].filter((given) => given !== undefined).length > 1) {
    throw refusal(
      place,
      'the curl command gives more than one body: --data, --form and --upload-file exclude each other',
      'keep the one that is meant',
    );
  }
  const asQuery = has('get') && data !== undefined;
  const body: CurlBody | undefined = asQuery
    ? undefined
    : (data ?? form ?? (upload === undefined ? undefined : await uploadBody(upload, open, place)));
  const method =
    last('request') ??
    (has('head') ? 'HEAD' : upload !== undefined ? 'PUT' : body === undefined ? 'GET' : 'POST');
  const fields = withHeaderOptions(
    defaultFields(url, options, body?.contentType, notes),
    options.filter(({ meaning }) => meaning === 'header'),
    place,
  );
  const query = asQuery ? (await gather(data.body.open())).toString('latin1') : undefined;
  const { framing: _, ...settled } = settleHead(
    {
      method,
      target: targetOf(url, upload, query, has('path-as-is')),
      version: has('http1.0') ? '1.0' : has('http2') ? '2' : '1.1',
      fields: fields.filter(({ name }) => !/^(?:content-length|transfer-encoding)$/i.test(name)),
    },
    place,
    url.scheme,
  );
  const named = splitAuthority(url.authority, place);
  return {
    source: place,
    ...settled,
    scheme: url.scheme,
    port: named.port ?? (url.scheme === 'https' ? 443 : 80),
    headers: body === undefined ? settled.headers : withLength(settled.headers, body.body.length, true),
    ...(body === undefined ? {} : { body: body.body }),
    notes: [...settled.notes, ...new Set(notes)],
  };
}

async function uploadBody(name: string, open: OpenFile, place: Place): Promise<CurlBody> {
  const file = await open(Buffer.from(name, 'latin1').toString('utf8'), place);
  return { body: bodyOfRange(file, 0, file.size) };
}

function targetOf(
  url: RequestUrl,
  upload: string | undefined,
  query: string | undefined,
  asIs: boolean,
): string {
  const mark = url.target.indexOf('?');
  const spelledPath = mark < 0 ? url.target : url.target.slice(0, mark);
  const spelledQuery = mark < 0 ? '' : url.target.slice(mark);
  const path = asIs ? spelledPath : withoutDots(spelledPath);
  // A file is put into the directory that the URL names.
  const whole = upload !== undefined && path.endsWith('/') ? path + encodeBytes(basename(upload)) : path;
  if (query === undefined) return whole + spelledQuery;
  return `${whole}${spelledQuery === '' ? '?' : `${spelledQuery}&`}${query}`;
}

/** `/a/../b` is `/b` (RFC 3986, section 5.2.4). */
function withoutDots(path: string): string {
  if (!path.includes('/.')) return path;
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
    if (isLast && (segment === '.' || segment === '..')) kept.push('');
  }
  return `/${kept.join('/')}`;
}

function defaultFields(
  url: RequestUrl,
  options: readonly GivenOption[],
  contentType: string | undefined,
  notes: string[],
): readonly Field[] {
  const last = (meaning: string): string | undefined =>
    options.findLast((option) => option.meaning === meaning)?.value;
  const json = options.some(({ meaning }) => meaning === 'json');
  const range = last('range');
  const bearer = last('bearer');
  const referer = last('referer')?.replace(/;auto$/, '');
  if (/[[\]{}]/.test(url.target))
    notes.push('Brackets in its URL are taken as they stand, not as a pattern of several URLs.');
  const given: readonly (readonly [string, string | undefined])[] = [
    ['Host', url.authority],
    [
      'Authorization',
      bearer === undefined ? basicLogin(last('user') ?? url.user, options, notes) : `Bearer ${bearer}`,
    ],
    ['Range', range === undefined ? undefined : `bytes=${range.includes('-') ? range : `${range}-`}`],
    ['User-Agent', (last('user-agent') ?? curlUserAgent) || undefined],
    ['Accept', json ? 'application/json' : '*/*'],
    [
      'Accept-Encoding',
      options.some(({ meaning }) => meaning === 'compressed') ? 'deflate, gzip' : undefined,
    ],
    ['Referer', referer || undefined],
    ['Cookie', cookies(options, notes)],
    ['Content-Type', contentType],
  ];
  return given.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
}

function basicLogin(
  user: string | undefined,
  options: readonly GivenOption[],
  notes: string[],
): string | undefined {
  if (user === undefined) return undefined;
  if (options.some(({ meaning }) => meaning === 'other-auth')) {
    notes.push('Its login needs an answer of a server first: it has no Authorization header.');
    return undefined;
  }
  // Without a password curl asks for it.
  const login = user.includes(':') ? user : `${user}:`;
  return `Basic ${Buffer.from(login, 'latin1').toString('base64')}`;
}

function cookies(options: readonly GivenOption[], notes: string[]): string | undefined {
  const pairs: string[] = [];
  for (const { meaning, value } of options) {
    if (meaning !== 'cookie') continue;
    if (value.includes('=')) pairs.push(value);
    else notes.push(`The cookie file ${quoted(value)} is not read: its cookies are missing.`);
  }
  return pairs.length === 0 ? undefined : pairs.join(';');
}

/** `Name: value` in place of curl's own, `Name:` takes that away, `Name;` sends an empty one. */
function withHeaderOptions(
  defaults: readonly Field[],
  given: readonly GivenOption[],
  place: Place,
): readonly Field[] {
  const added: Field[] = [];
  const replaced = new Set<string>();
  for (const { value, spelled } of given) {
    if (value.startsWith('@')) {
      throw refusal(
        place,
        `${spelled} of the curl command names a file of headers`,
        'write them as -H "Name: value"',
      );
    }
    const empty = /^([^:;]+);[ \t]*$/.exec(value)?.[1];
    const colon = value.indexOf(':', 1);
    if (empty === undefined && colon < 0) continue;
    const name = empty ?? value.slice(0, colon);
    const content = empty === undefined ? value.slice(colon + 1).replace(/^[ \t]+/, '') : '';
    // curl sends the last Content-Type once, but what else is given twice, twice.
    replaced.add(name.toLowerCase());
    if (content !== '' || empty !== undefined) added.push({ name, value: content.trimEnd() });
  }
  return [...defaults.filter(({ name }) => !replaced.has(name.toLowerCase())), ...added];
}
