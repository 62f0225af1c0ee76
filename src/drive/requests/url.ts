// Reads URLs as browsers and curl send them: where to, and which target is in the request line.
import { UserError } from '../../errors.ts';
import { quoted } from './place.ts';

/** A URL of http or https, taken apart. */
export interface RequestUrl {
  readonly scheme: 'http' | 'https';
  /** For the Host header: with a port where one is named. */
  readonly authority: string;
  /** `user:password`, decoded, where the URL holds one. */
  readonly user?: string;
  readonly target: string;
}

/**
 * Percent signs stay as they are; what cannot stand in a request line is encoded, as browsers do.
 * @param text bytes as latin1
 * @param where begins the sentence of an error
 * @throws UserError when it is no URL of http or https
 */
export function parseRequestUrl(text: string, where: string): RequestUrl {
  const parts = /^(https?):\/\/(?:([^/?#@]*)@)?([^/?#]*)([^#]*)/is.exec(text.trim());
  const authority = parts?.[3] ?? '';
  if (parts === null || authority === '' || !URL.canParse(hostUrl(authority))) {
    throw new UserError(`${where}: ${quoted(text)} is no URL`, 'a URL is http://HOST/PATH?QUERY');
  }
  const rest = parts[4] ?? '';
  const ascii = /^[\x21-\x7e]*$/.test(authority) ? authority : new URL(hostUrl(authority)).host;
  return {
    scheme: parts[1]?.toLowerCase() === 'https' ? 'https' : 'http',
    authority: ascii,
    ...(parts[2] === undefined ? {} : { user: decodePercent(parts[2]) }),
    target: encodeForLine(rest.startsWith('/') ? rest : `/${rest}`),
  };
}

/** A name outside ASCII (`bücher.example`) becomes its xn-- form. */
function hostUrl(authority: string): string {
  return `http://${Buffer.from(authority, 'latin1').toString('utf8')}/`;
}

function encodeForLine(target: string): string {
  return target.replace(
    /[^\x21-\x7e]|["<>]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
