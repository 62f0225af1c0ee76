// Tells in which form a capture is, by its first bytes: the name of a file says nothing.
import { UserError } from '../../errors.ts';
import { beginsCurl } from './curl.ts';
import { beginsMessage } from './raw.ts';
import { holdsTrace } from './trace.ts';

export type CaptureForm = 'har' | 'mitmproxy' | 'curl' | 'trace' | 'raw' | 'urls' | 'gzip' | 'zlib';

/** How much of a capture `formOfCapture` wants to see. */
export const seenBytes = 64 * 1024;

/**
 * @param first bytes of the capture
 * @throws UserError when it has none of the forms
 */
export function formOfCapture(first: Buffer, name: string): CaptureForm {
  const shown = name === '-' ? 'standard input' : name;
  if (first[0] === 0x1f && first[1] === 0x8b) return 'gzip';
  // mitmproxy writes .zhar: HAR in zlib. The two bytes are a multiple of 31 (RFC 1950).
  if (first[0] === 0x78 && first.readUInt16BE(0) % 31 === 0) return 'zlib';
  if ((first[0] === 0xff && first[1] === 0xfe) || (first[0] === 0xfe && first[1] === 0xff)) {
    throw new UserError(
      `${shown} is UTF-16 text, which no capture is`,
      'PowerShell writes > so: save it again as UTF-8, or let the program write the file itself',
    );
  }
  const text = first.toString('latin1').replace(/^\xef\xbb\xbf/, '');
  // 7867:4:type;4:http;
  if (/^[1-9]\d{0,11}:\d{1,9}:[a-z_]+;/.test(text)) return 'mitmproxy';
  const begin = text.trimStart();
  if (begin.startsWith('{') && !holdsTrace(text)) return 'har';
  if (beginsMessage(begin)) return 'raw';
  if (beginsCurl(text)) return 'curl';
  // Comments aside.
  if (/^(?:#[^\n]*\n\s*)*https?:\/\/\S+\s*(?:\n|$)/i.test(begin)) return 'urls';
  if (holdsTrace(text)) return 'trace';
  // A line that wants to be a request line: what is wrong with it is said best by who reads it.
  if (
    /^[^\n]{0,4000} HTTP\//.test(begin) ||
    (/^[A-Z]{3,20} \/[^\n]*$/.test(begin) && text.length === seenBytes)
  ) {
    return 'raw';
  }
  throw new UserError(
    begin === '' ? `${shown} is empty` : `${shown} is no capture of HTTP requests`,
    'a capture is a HAR file, HTTP requests as text, curl commands, a trace of curl, flows of mitmproxy, or a URL per line',
  );
}
