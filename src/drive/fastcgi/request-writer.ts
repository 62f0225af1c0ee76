// Owns the form in which a request goes out: which pairs share a record, how a body of any size becomes records.
import type { Body } from '../../model/request.ts';
import { encodeBeginRequest, encodeEndOfStream, encodePairs, encodeStream, RecordType } from './records.ts';

/** Most bytes of pairs in one record; a multiple of 8. */
const fullRecord = 65528;

/**
 * The records before the body; with `bodiless` the end of the body as well.
 *
 * A pair is cut between records only where it is too long for one: php-cgi reads each record by itself.
 */
export function* encodeHead(
  requestId: number,
  variables: ReadonlyMap<string, string>,
  keep: boolean,
  bodiless: boolean,
): Generator<Uint8Array> {
  const parts: Uint8Array[] = [encodeBeginRequest(requestId, keep)];
  let pairs: Uint8Array[] = [];
  let length = 0;
  const flush = () => {
    parts.push(...encodeStream(RecordType.params, requestId, Buffer.concat(pairs)));
    pairs = [];
    length = 0;
  };
  for (const pair of variables) {
    const bytes = encodePairs([pair]);
    if (length + bytes.length > fullRecord) {
      flush();
      yield Buffer.concat(parts.splice(0));
    }
    pairs.push(bytes);
    length += bytes.length;
  }
  flush();
  parts.push(encodeEndOfStream(RecordType.params, requestId));
  if (bodiless) parts.push(encodeEndOfStream(RecordType.stdin, requestId));
  yield Buffer.concat(parts);
}

/**
 * Sends the body and its end.
 *
 * @param write false: no more is wanted.
 * @returns whether all of it went out. Rejects when the body cannot be read, or has another length than it says.
 */
export async function feedBody(
  requestId: number,
  body: Body,
  write: (bytes: Uint8Array) => Promise<boolean>,
): Promise<boolean> {
  let sent = 0;
  for await (const chunk of body.open()) {
    sent += chunk.length;
    if (sent > body.length) throw new Error(`it has more than its ${body.length} bytes`);
    for (const record of encodeStream(RecordType.stdin, requestId, chunk)) {
      if (!(await write(record))) return false;
    }
  }
  if (sent < body.length) throw new Error(`it has ${sent} bytes instead of ${body.length}`);
  return write(encodeEndOfStream(RecordType.stdin, requestId));
}
