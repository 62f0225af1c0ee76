// Reads flow files of mitmproxy (`mitmdump -w FILE`): tnetstrings, one for each flow.
import { UserError } from '../../errors.ts';
import type { CapturedAnswer, CapturedRequest } from '../../model/request.ts';
import { bodyOfRange, type CaptureBytes, gather, windowOf } from './capture-bytes.ts';
import { type HarOptions, withHost } from './har.ts';
import { listOf, objectOf, textOf } from './har-value.ts';
import type { Field } from './head.ts';
import { type Place, spellPlace } from './place.ts';
import { settleHead, withLength } from './settle.ts';

/** Bytes of a flow and where in it they begin. */
interface Slice {
  readonly bytes: Buffer;
  readonly start: number;
}

/** One flow is in memory while it is read. */
const flowLimit = 256 * 1024 * 1024;

/** @throws UserError for what is no flow file, or no request that a server would take */
export async function* readMitmproxy(
  bytes: CaptureBytes,
  options: HarOptions,
): AsyncGenerator<CapturedRequest> {
  const window = windowOf(bytes);
  let entry = 0;
  let start = 0;
  while (start < bytes.size) {
    const size = /^(\d{1,12}):/.exec((await window(start, 13)).toString('latin1'));
    const end = start + (size?.[0].length ?? 0) + Number(size?.[1]) + 1;
    if (size === null || end > bytes.size || end - start > flowLimit) throw malformed(bytes.name, start);
    entry += 1;
    const place: Place = { name: bytes.name, entry, offset: start };
    const value = parseValue(await gather(bytes.stream(start, end)), 0, end - start, 0);
    if (value === undefined) throw malformed(bytes.name, start);
    const request = readFlow(objectOf(value.value), bytes, place, options);
    if (request !== undefined) yield request;
    start = end;
  }
}

function readFlow(
  flow: Record<string, unknown>,
  bytes: CaptureBytes,
  place: Place,
  options: HarOptions,
): CapturedRequest | undefined {
  const request = objectOf(flow.request);
  const response = objectOf(flow.response);
  const status = Number(response.status_code ?? 0);
  const [method, scheme, host, port, path] = ['method', 'scheme', 'host', 'port', 'path'].map((name) =>
    asText(request[name]),
  );
  const secure = scheme === 'https';
  const usual = port === (secure ? '443' : '80');
  const authority = asText(request.authority) || `${host}${usual ? '' : `:${port}`}`;
  const selectable = { entry: place.entry, method: method ?? '', url: `${scheme}://${authority}${path}` };
  if (!options.wanted(status === 0 ? selectable : { ...selectable, status })) return undefined;
  if (
    flow.request === undefined ||
    method === 'CONNECT' ||
    (flow.websocket !== null && flow.websocket !== undefined)
  ) {
    options.note(
      `${spellPlace({ name: bytes.name, entry: place.entry })} is skipped: it is no request to a program.`,
    );
    return undefined;
  }
  const content = isSlice(request.content) ? request.content : undefined;
  const version = asText(request.http_version);
  // The proxy put chunks together, and keeps the lengths that were sent.
  const fields = fieldsOf(request.headers).filter(
    ({ name }) => !['transfer-encoding'].includes(name.toLowerCase()),
  );
  const { framing, ...settled } = settleHead(
    {
      method: method ?? '',
      target: path ?? '',
      version: version === 'HTTP/1.0' ? '1.0' : version.startsWith('HTTP/2') ? '2' : '1.1',
      fields: withHost(fields, authority),
    },
    place,
    secure ? 'https' : 'http',
  );
  const length = content?.bytes.length ?? 0;
  const has = length > 0 || framing.kind !== 'none';
  const from = (place.offset ?? 0) + (content?.start ?? 0);
  return {
    source: place,
    ...settled,
    scheme: secure ? 'https' : 'http',
    port: Number(port) || settled.port,
    headers: has ? withLength(settled.headers, length, false) : settled.headers,
    ...(has ? { body: bodyOfRange(bytes, from, from + length) } : {}),
    ...(status >= 100 ? { answer: answerOf(response, status) } : {}),
  };
}

function answerOf(response: Record<string, unknown>, status: number): CapturedAnswer {
  const { content } = response;
  return {
    status,
    headers: fieldsOf(response.headers).map(({ name, value }) => [name, value]),
    ...(isSlice(content) ? { body: Uint8Array.from(content.bytes) } : {}),
  };
}

function fieldsOf(value: unknown): readonly Field[] {
  return listOf(value).map((pair) => {
    const [name, content] = listOf(pair);
    return { name: asText(name), value: asText(content) };
  });
}

/** One value at an offset, and where it ends; nothing when it is malformed. */
function parseValue(
  data: Buffer,
  offset: number,
  limit: number,
  depth: number,
): { readonly value: unknown; readonly end: number } | undefined {
  const size = /^(\d{1,12}):/.exec(data.toString('latin1', offset, offset + 13));
  if (size === null || depth > 50) return undefined;
  const start = offset + size[0].length;
  const end = start + Number(size[1]);
  if (end >= limit) return undefined;
  const text = (): string => data.toString('latin1', start, end);
  const done = (value: unknown) => ({ value, end: end + 1 });
  const type = String.fromCharCode(data[end] ?? 0);
  if (type === ',' || type === ';') return done({ bytes: data.subarray(start, end), start } satisfies Slice);
  if (type === '#' || type === '^') return done(end - start > 40 ? undefined : Number(text()));
  if (type === '!') return done(text() === 'true');
  if (type === '~') return done(null);
  if (type !== ']' && type !== '}') return undefined;
  const items: unknown[] = [];
  for (let at = start; at < end; ) {
    const item = parseValue(data, at, end, depth + 1);
    if (item === undefined) return undefined;
    items.push(item.value);
    at = item.end;
  }
  if (type === ']') return done(items);
  const pairs = items.flatMap((key, index) =>
    index % 2 === 0 ? [[asText(key), items[index + 1]] as const] : [],
  );
  return done(Object.fromEntries(pairs));
}

function isSlice(value: unknown): value is Slice {
  return typeof value === 'object' && value !== null && 'bytes' in value && Buffer.isBuffer(value.bytes);
}

function asText(value: unknown): string {
  return isSlice(value) ? value.bytes.toString('latin1') : textOf(value);
}

function malformed(name: string, offset: number): UserError {
  return new UserError(
    `${name}: the flow at byte ${offset} is cut or malformed`,
    'save the flows again, or export them as HAR',
  );
}
