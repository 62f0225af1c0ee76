// Owns what of a request and an answer is never shown, by the rule of model/secret.ts; cookies and credentials always. Pure.
//
// A value that is hidden is `***`; its name stays, because one wants to know which cookie it was.
import type { Header } from '../../model/request.ts';
import { hidden, isSecretName, looksSecret } from '../../model/secret.ts';

/** Header fields whose values are not shown. */
export function isSecretHeader(name: string): boolean {
  return isSecretName(name) || /^(?:set-)?cookie2?$/i.test(name);
}

/**
 * A target, or any URL, without the values in its query, path parameters and fragment that are secrets, and without a
 * password before its host.
 */
export function maskedTarget(target: string): string {
  return maskedUrl(target, 0);
}

/** Places to return to hold places to return to; deeper than this a value is hidden unread. */
const deepestUrl = 3;

function maskedUrl(target: string, depth: number): string {
  const [, before = '', query, fragment] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(target) ?? [];
  const place = before
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^/:@]*):[^/@]*@/i, `$1:${hidden}@`)
    .replace(
      /;([^=;/]+)=([^;/]*)/g,
      (_, name: string, value: string) => `;${maskedPair(name, value, depth)}`,
    );
  const ofQuery = query === undefined ? '' : `?${maskedPairs(query.slice(1), depth)}`;
  const ofFragment = fragment === undefined ? '' : `#${maskedPairs(fragment.slice(1), depth)}`;
  return place + ofQuery + ofFragment;
}

/** `a=1&token=***`. */
export function maskedQuery(query: string): string {
  return maskedPairs(query, 0);
}

function maskedPairs(query: string, depth: number): string {
  return query.replace(/[^&;]+/g, (pair) => {
    const equals = pair.indexOf('=');
    if (equals === -1) return looksSecret(decoded(pair)) ? hidden : pair;
    return maskedPair(pair.slice(0, equals), pair.slice(equals + 1), depth);
  });
}

function maskedPair(name: string, value: string, depth: number): string {
  if (value === '') return `${name}=`;
  const plain = decoded(value);
  if (isSecretName(decoded(name)) || looksSecret(plain)) return `${name}=${hidden}`;
  // A place to return to, with a query of its own: `next=https%3A%2F%2Fa%2F%3Ftoken%3Dx`.
  const isUrl = /[?#;]|:\/\//.test(plain);
  if (isUrl && (depth === deepestUrl || maskedUrl(plain, depth + 1) !== plain)) return `${name}=${hidden}`;
  return `${name}=${value}`;
}

function decoded(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** The header as it may be shown. */
export function maskedHeaders(headers: readonly Header[]): readonly Header[] {
  return headers.map(([name, value]) => [name, maskedField(name, value)]);
}

function maskedField(name: string, value: string): string {
  const key = name.toLowerCase();
  if (value === '') return '';
  if (key === 'cookie') return value.replace(/[^;]+/g, maskedCookie);
  if (key === 'set-cookie') return value.replace(/^[^;]+/, maskedCookie);
  if (key === 'authorization' || key === 'proxy-authorization') {
    // `Basic ***`
    return value.replace(/^\s*([A-Za-z]+)(\s+).*$|^.*$/s, (_, scheme?: string) =>
      scheme === undefined ? hidden : `${scheme} ${hidden}`,
    );
  }
  if (isSecretHeader(name) || looksSecret(value)) return hidden;
  return /^(?:referer|location|content-location|origin|link|refresh)$|[-_]ur[il]$/.test(key)
    ? maskedTarget(value)
    : value;
}

/** ` sid=1` -> ` sid=***` */
function maskedCookie(pair: string): string {
  const equals = pair.indexOf('=');
  return equals === -1 ? pair.replace(/\S.*/s, hidden) : `${pair.slice(0, equals)}=${hidden}`;
}
