// Makes the plainest request of a URL: GET, a Host, and a login where the URL holds one.
import type { CapturedRequest } from '../../model/request.ts';
import type { CaptureBytes } from './capture-bytes.ts';
import { type Place, spellPlace } from './place.ts';
import { settleHead } from './settle.ts';
import { lines } from './trace.ts';
import { parseRequestUrl } from './url.ts';
import { bytesAsLatin1 } from './wire-text.ts';

/** @throws UserError when it is none */
export async function* readUrl(url: string): AsyncGenerator<CapturedRequest> {
  yield makeRequest(bytesAsLatin1(url), { name: 'url', entry: 1 });
}

/**
 * One URL in each line; blank lines and those that begin with `#` are passed over.
 * @throws UserError for any other line
 */
export async function* readUrlFile(bytes: CaptureBytes): AsyncGenerator<CapturedRequest> {
  let entry = 0;
  let offset = 0;
  for await (const line of lines(bytes)) {
    const url = line.replace(/^\xef\xbb\xbf/, '').trim();
    if (url !== '' && !url.startsWith('#')) {
      entry += 1;
      yield makeRequest(url, { name: bytes.name, entry, offset });
    }
    offset += line.length + 1;
  }
}

function makeRequest(spelled: string, place: Place): CapturedRequest {
  const { scheme, authority, user, target } = parseRequestUrl(spelled, spellPlace(place));
  const login = user === undefined ? undefined : Buffer.from(user.includes(':') ? user : `${user}:`, 'utf8');
  const fields = [
    { name: 'Host', value: authority },
    ...(login === undefined ? [] : [{ name: 'Authorization', value: `Basic ${login.toString('base64')}` }]),
  ];
  const { framing: _, ...settled } = settleHead(
    { method: 'GET', target, version: '1.1', fields },
    place,
    scheme,
  );
  return { source: place, ...settled };
}
