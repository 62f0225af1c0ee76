// Owns what of a request and an answer is never shown: the rule by which a text is taken for a secret. Pure.
//
// By its name: a header field, cookie, query parameter or variable whose name has one of the words below. Cookies
// and credentials always.
// By its looks: a JSON Web Token, or 24 and more letters, digits and `+/_-=` that mix capitals, small letters and
// digits as a text does not. Hex numbers are not taken for secrets by their looks: commits and checksums are as long.
// A value that is hidden is `***`; its name stays, because one wants to know which cookie it was.
import type { Header } from '../../model/request.ts';

const hidden = '***';

/** Whole words of a name: `X-Auth-Token`, `user_pwd`, `apiKey`. */
const secretWords: ReadonlySet<string> = new Set(
  (
    'token tokens key keys password passwords passwd passphrase passcode pass pwd pw pin secret secrets session ' +
    'sess sessionid sid sig signature hmac auth authorization authentication code otp totp jwt bearer assertion ' +
    'credential credentials cred creds csrf xsrf nonce ticket cookie cookies'
  ).split(' '),
);
/** Also where they are part of a word: `accesstoken`, `PHPSESSID`. */
const secretParts = /token|passw|secret|sessid|sessionid|apikey|credential|signature|authkey|privatekey/i;

const jsonWebToken = /^ey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*/;

/** Whether a name says that what it names is a secret. */
function isSecretName(name: string): boolean {
  if (secretParts.test(name)) return true;
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();
  return words.split(/[^a-z0-9]+/).some((word) => secretWords.has(word));
}

/** Whether a value looks like one. */
function looksSecret(value: string): boolean {
  if (jsonWebToken.test(value)) return true;
  if (value.length < 24 || !/^[A-Za-z0-9+/_=-]+$/.test(value)) return false;
  const isMixed = /[A-Z]/.test(value) && /[a-z]/.test(value) && /[0-9]/.test(value);
  return isMixed && !/^[0-9A-Fa-f-]+$/.test(value) && bitsPerByte(value) >= 3.5;
}

/** Shannon's entropy: English words have less than 3.5 in a text so short, random base64 has 4 and more. */
function bitsPerByte(text: string): number {
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

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
