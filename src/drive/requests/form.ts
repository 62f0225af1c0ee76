// Writes the bodies that forms send, where a capture names only their fields: urlencoded and multipart (RFC 7578).
import type { Body } from '../../model/request.ts';
import { bodyInMemory } from './capture-bytes.ts';

/** A part of a multipart body; texts are bytes as latin1. */
export interface FormPart {
  readonly name: string;
  readonly fileName?: string;
  readonly contentType?: string;
  readonly content: Body;
}

/** Always the same, so that the same capture gives the same bytes. */
export const formBoundary = '------------------------vgrun7d3a91c05e2f46b8';

/** Body of several pieces, one behind the other. */
export function joinBodies(parts: readonly Body[]): Body {
  return {
    length: parts.reduce((sum, part) => sum + part.length, 0),
    async *open() {
      for (const part of parts) yield* part.open();
    },
  };
}

export function bodyOfText(latin1: string): Body {
  return bodyInMemory(Buffer.from(latin1, 'latin1'));
}

export function multipartBody(parts: readonly FormPart[], boundary: string): Body {
  return joinBodies([
    ...parts.flatMap(({ name, fileName, contentType, content }) => [
      bodyOfText(
        `--${boundary}\r\nContent-Disposition: form-data; name="${escapeQuoted(name)}"${
          fileName === undefined ? '' : `; filename="${escapeQuoted(fileName)}"`
        }\r\n${contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`}\r\n`,
      ),
      content,
      bodyOfText('\r\n'),
    ]),
    bodyOfText(`--${boundary}--\r\n`),
  ]);
}

/** `a=b&c=d`, as forms encode it: a blank is `+`. */
export function encodePairs(pairs: readonly (readonly [name: string, value: string])[]): string {
  return pairs
    .map((pair) => pair.map((part) => encodeBytes(part).replaceAll('%20', '+')).join('='))
    .join('&');
}

/** Percent-encodes bytes (as latin1) but for letters, digits and `-._~`. */
export function encodeBytes(latin1: string): string {
  return latin1.replace(
    /[^\w.~-]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

// As browsers do; a newline would end the header.
function escapeQuoted(text: string): string {
  return text.replace(
    /["\r\n]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
