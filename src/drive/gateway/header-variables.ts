// Owns which header fields become variables, and how: RFC 3875, section 4.1.18, and who is logged in. Pure.
import type { CapturedRequest, Header } from '../../model/request.ts';
import { withoutBlanks } from './byte-text.ts';
import { quoted } from './harmless-quote.ts';
import type { Server } from './server-presets.ts';

export interface HeaderVariables {
  /** `HTTP_…`, in the order of the first field of each name. */
  readonly variables: ReadonlyMap<string, string>;
  readonly contentType?: string;
}

/** Of the connection or its framing; a server has dealt with them before it starts a program. */
const neverPassed: readonly string[] = ['transfer-encoding', 'expect', 'upgrade', 'http2-settings', 'proxy'];
/** Fields that a request has once; servers refuse a second one. */
const single: readonly string[] = ['content-length', 'content-type', 'host'];

/** The variables of the header. Fields of the same name are joined by `, `, cookies by `; ` (RFC 9110, RFC 6265). */
export function headerVariables(request: CapturedRequest, server: Server, notes: string[]): HeaderVariables {
  const fields = new Map<string, string[]>();
  for (const [name, value] of request.headers) {
    if (!/^[A-Za-z0-9-]+$/.test(name)) {
      notes.push(
        `the header field ${quoted(name)} is left out: servers pass only names of letters, digits and -`,
      );
      continue;
    }
    const key = name.toLowerCase();
    const values = fields.get(key);
    if (values === undefined) fields.set(key, [oneLine(value)]);
    else if (single.includes(key)) notes.push(`a second ${name} is left out; servers answer 400`);
    else values.push(oneLine(value));
  }
  const variables = new Map<string, string>();
  for (const [key, values] of fields) {
    if (key === 'proxy') {
      notes.push(
        'the header field Proxy is left out: as HTTP_PROXY it would redirect what the program fetches',
      );
    }
    if (neverPassed.includes(key) || server.withheld.includes(key)) continue;
    const value = fieldValue(key, values, request, server);
    if (value === undefined || (value === '' && !server.emptyFields)) continue;
    variables.set(`HTTP_${key.toUpperCase().replaceAll('-', '_')}`, value);
  }
  const contentType = fields.get('content-type')?.[0];
  return { variables, ...(contentType === undefined ? {} : { contentType }) };
}

function fieldValue(
  key: string,
  values: readonly string[],
  { body }: CapturedRequest,
  { lowerCase }: Server,
): string | undefined {
  // What was sent in chunks or cut has another length now.
  if (key === 'content-length') return body === undefined ? undefined : String(body.length);
  const value = values.join(key === 'cookie' ? '; ' : ', ');
  return key === 'host' && lowerCase === 'host' ? value.toLowerCase() : value;
}

/** Without white space around it; a folded line is one (RFC 9112, section 5.2). */
function oneLine(value: string): string {
  return value
    .split(/[\r\n]+/)
    .map(withoutBlanks)
    .filter((line) => line !== '')
    .join(' ');
}

/** What servers take for a field. */
const longestCredentials = 8192;

/** Who the credentials in the header say is there, as the server tells the program. */
export function authenticated(
  headers: readonly Header[],
  { authorization }: Server,
): { readonly type: string; readonly name: string } | undefined {
  if (authorization === 'no') return undefined;
  const value = headers.find(([name]) => name.toLowerCase() === 'authorization')?.[1].trim() ?? '';
  if (value.length > longestCredentials) return undefined;
  const basic = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value)?.[1];
  if (basic !== undefined) {
    const name = Buffer.from(basic, 'base64').toString('latin1').split(':', 1)[0] ?? '';
    return name === '' ? undefined : { type: 'Basic', name };
  }
  const digest = /^digest\b.*?\busername="((?:[^"\\]|\\.)+)"/is.exec(value)?.[1];
  if (digest === undefined || authorization === 'name') return undefined;
  return { type: 'Digest', name: digest.replace(/\\(.)/gs, '$1') };
}
