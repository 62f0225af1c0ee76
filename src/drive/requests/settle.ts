// Makes of a head what a program is told: target, host and port, the headers that are for it, how long its body is.
import type { CapturedRequest, Header } from '../../model/request.ts';
import { checkFields, checkMethod, type Field, type Head } from './head.ts';
import { type Place, quoted, refusal } from './place.ts';

/** How the end of a body is known. */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' };

/** A request but for its body, and where it was captured. */
export interface SettledHead extends Omit<CapturedRequest, 'source' | 'body' | 'answer'> {
  readonly framing: Framing;
}

/** For one hop alone; a server acts on them itself. `Connection` stays, as servers hand it on, without these names. */
const ofTheHop: ReadonlySet<string> = new Set([
  'transfer-encoding',
  'expect',
  'upgrade',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
]);

/**
 * @param scheme what the form of the capture knows of it
 * @throws UserError for what a strict server refuses
 */
export function settleHead(head: Head, place: Place, scheme?: 'http' | 'https'): SettledHead {
  checkMethod(head.method, place);
  checkFields(head.fields, place);
  const notes: string[] = [];
  const fields = head.fields.filter(({ name }) => !name.startsWith(':'));
  const framing = framingOf(fields, head.version, place);
  const split = splitTarget(head, place, notes);
  const named = hostField(fields, place);
  const authority = split.authority ?? pseudo(head, ':authority', place) ?? named;
  if (authority === undefined && head.version !== '1.0')
    notes.push('It has no Host header: its host is unknown.');
  if (authority !== undefined && named !== undefined && authority.toLowerCase() !== named.toLowerCase()) {
    notes.push(
      `Its Host header said ${quoted(named)}; the target's ${quoted(authority)} counts (RFC 9112, section 3.2.2).`,
    );
  }
  const { host, port } = authority === undefined ? {} : splitAuthority(authority, place);
  const spoken = split.scheme ?? pseudoScheme(head, place) ?? scheme ?? guessScheme(head, port);
  return {
    method: head.method,
    target: split.target,
    scheme: spoken,
    ...(host === undefined || host === '' ? {} : { host }),
    port: port ?? (spoken === 'https' ? 443 : 80),
    protocol: head.version === '1.0' ? 'HTTP/1.0' : 'HTTP/1.1',
    headers: headersForProgram(fields, authority, framing),
    framing,
    notes,
  };
}

/** Headers with the length that the body really has; `append` where none was named. */
export function withLength(headers: readonly Header[], length: number, append: boolean): readonly Header[] {
  const named = headers.some(([name]) => name.toLowerCase() === 'content-length');
  if (!named) return append ? [...headers, ['Content-Length', String(length)]] : headers;
  return headers.map(([name, value]) =>
    name.toLowerCase() === 'content-length' ? [name, String(length)] : [name, value],
  );
}

function framingOf(fields: readonly Field[], version: string, place: Place): Framing {
  const codings = valuesOf(fields, 'transfer-encoding');
  const lengths = new Set(
    valuesOf(fields, 'content-length').flatMap((value) => value.split(/[ \t]*,[ \t]*/)),
  );
  if (lengths.size > 1) {
    throw refusal(
      place,
      `the head has different lengths: Content-Length ${[...lengths].slice(0, 5).map(quoted).join(' and ')}`,
    );
  }
  const [length] = lengths;
  if (length !== undefined && !/^\d+$/.test(length)) {
    throw refusal(place, `Content-Length ${quoted(length)} is no number of bytes`);
  }
  if (length !== undefined && !Number.isSafeInteger(Number(length))) {
    throw refusal(place, `Content-Length ${quoted(length)} is more than any body can have`);
  }
  if (codings.length === 0) {
    return length === undefined ? { kind: 'none' } : { kind: 'length', length: Number(length) };
  }
  if (length !== undefined) {
    throw refusal(
      place,
      'the head has both Content-Length and Transfer-Encoding, the mark of request smuggling',
      'remove the one that does not fit the body',
    );
  }
  const coding = codings.join(', ');
  if (coding.toLowerCase() !== 'chunked')
    throw refusal(place, `the transfer coding ${quoted(coding)} is not known`);
  if (version !== '1.1') throw refusal(place, `HTTP/${version} has no Transfer-Encoding`);
  return { kind: 'chunked' };
}

function splitTarget(
  head: Head,
  place: Place,
  notes: string[],
): { readonly target: string; readonly authority?: string; readonly scheme?: 'http' | 'https' } {
  const control = /[^\x21-\x7e\x80-\xff]/.exec(head.target);
  if (control !== null) {
    throw refusal(
      place,
      `the target ${quoted(head.target)} holds a ${control[0] === ' ' ? 'space' : 'control byte'}`,
    );
  }
  const hash = head.target.indexOf('#');
  if (hash >= 0) notes.push('The fragment of its target, which browsers never send, is left out.');
  const whole = hash < 0 ? head.target : head.target.slice(0, hash);
  if (whole.startsWith('/') || (whole === '*' && head.method === 'OPTIONS')) return { target: whole };
  // POST http://example.org/app HTTP/1.1, as a proxy is asked.
  const absolute = /^(https?):\/\/([^/?]+)(.*)$/is.exec(whole);
  if (absolute === null) {
    throw refusal(
      place,
      `the target ${quoted(head.target)} is neither a path nor a URL of http or https`,
      'a target begins with / or http://',
    );
  }
  const [, scheme = '', authority = '', rest = ''] = absolute;
  return {
    scheme: scheme.toLowerCase() === 'https' ? 'https' : 'http',
    // user:password@ is no part of the host, and never sent on.
    authority: authority.slice(authority.lastIndexOf('@') + 1),
    target: rest.startsWith('/') ? rest : `/${rest}`,
  };
}

/** The host without a port, `[::1]` in its brackets, in lower case. */
export function splitAuthority(
  authority: string,
  place: Place,
): { readonly host: string; readonly port?: number } {
  const parts = /^(\[[\da-fA-F:.]+\]|[^:@/?#[\]\s"<>\\^`{|}]*)(?::(\d*))?$/.exec(authority);
  const port = parts?.[2] === undefined || parts[2] === '' ? undefined : Number(parts[2]);
  if (parts === null || (port !== undefined && (port > 65_535 || port === 0))) {
    throw refusal(place, `${quoted(authority)} is no host`);
  }
  return { host: (parts[1] ?? '').toLowerCase(), ...(port === undefined ? {} : { port }) };
}

function hostField(fields: readonly Field[], place: Place): string | undefined {
  const hosts = valuesOf(fields, 'host');
  if (hosts.length > 1) throw refusal(place, 'the head has several Host headers');
  const [host] = hosts;
  if (host !== undefined) splitAuthority(host, place);
  return host;
}

function headersForProgram(
  fields: readonly Field[],
  authority: string | undefined,
  framing: Framing,
): readonly Header[] {
  const headers: Header[] = [];
  const hasHost = fields.some(({ name }) => name.toLowerCase() === 'host');
  if (!hasHost && authority !== undefined) headers.push(['Host', authority]);
  let sized = false;
  for (const { name, value } of fields) {
    const key = name.toLowerCase();
    if (ofTheHop.has(key)) continue;
    if (key === 'host') headers.push([name, authority ?? value]);
    else if (key === 'content-length') {
      // Equal ones are folded (RFC 9112, section 6.3), also `5, 5` in one field.
      if (!sized && framing.kind === 'length') headers.push([name, value.split(',')[0]?.trim() ?? value]);
      sized = true;
    } else if (key === 'connection') {
      const kept = value
        .split(',')
        .filter((option) => !/^\s*(?:upgrade|http2-settings|te)\s*$/i.test(option));
      if (kept.length > 0) headers.push([name, kept.join(',').trim()]);
    } else headers.push([name, value]);
  }
  return headers;
}

function guessScheme(head: Head, port: number | undefined): 'http' | 'https' {
  // Browsers speak HTTP/2 and 3 over TLS alone.
  return port === 443 || (port === undefined && (head.version === '2' || head.version === '3'))
    ? 'https'
    : 'http';
}

function pseudoScheme(head: Head, place: Place): 'http' | 'https' | undefined {
  const scheme = pseudo(head, ':scheme', place);
  return scheme === 'http' || scheme === 'https' ? scheme : undefined;
}

function pseudo(head: Head, name: string, place: Place): string | undefined {
  const values = valuesOf(head.fields, name);
  if (values.length > 1) throw refusal(place, `the head has several fields ${name}`);
  return values[0];
}

function valuesOf(fields: readonly Field[], name: string): readonly string[] {
  return fields.filter((field) => field.name.toLowerCase() === name).map(({ value }) => value);
}
