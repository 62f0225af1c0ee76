// Owns the FastCGI 1.0 wire: records and name-value pairs, written and read. https://fastcgi-archives.github.io/FastCGI_Specification.html

/** Section 8: the kinds of records. */
export const RecordType = {
  beginRequest: 1,
  abortRequest: 2,
  endRequest: 3,
  params: 4,
  stdin: 5,
  stdout: 6,
  stderr: 7,
  data: 8,
  getValues: 9,
  getValuesResult: 10,
  unknownType: 11,
} as const;

/** One record; padding is not kept. */
export interface FastCgiRecord {
  /** One of `RecordType`, or any other byte. */
  readonly type: number;
  /** 0 for management records, else of the request it belongs to. */
  readonly requestId: number;
  /** At most 65535 bytes. */
  readonly content: Uint8Array;
}

/** How the program says a request ended, section 5.5; a number is a status that the specification does not have. */
export type ProtocolStatus = 'complete' | 'cannot-multiplex' | 'overloaded' | 'unknown-role' | number;

const version = 1;
const headerLength = 8;
const longestContent = 0xffff;
/** FCGI_RESPONDER. */
const responder = 1;
const keepConnection = 1;
const nothing = new Uint8Array(0);
const protocolStatuses = ['complete', 'cannot-multiplex', 'overloaded', 'unknown-role'] as const;

/**
 * One record, padded to a multiple of 8 bytes as section 3.3 recommends.
 *
 * @param content at most 65535 bytes.
 */
export function encodeRecord(type: number, requestId: number, content: Uint8Array): Uint8Array {
  if (content.length > longestContent) throw new RangeError(`a record of ${content.length} bytes`);
  const padding = -content.length & 7;
  // alloc() would take no memory of Node's pool, and a request has many short records.
  const bytes = Buffer.allocUnsafe(headerLength + content.length + padding);
  bytes[0] = version;
  bytes[1] = type;
  bytes[2] = requestId >> 8;
  bytes[3] = requestId;
  bytes[4] = content.length >> 8;
  bytes[5] = content.length;
  bytes[6] = padding;
  bytes[7] = 0;
  bytes.set(content, headerLength);
  bytes.fill(0, headerLength + content.length);
  return bytes;
}

/** Records that together carry the bytes; none for no bytes, because an empty record ends a stream. */
export function* encodeStream(type: number, requestId: number, bytes: Uint8Array): Generator<Uint8Array> {
  // A multiple of 8, so that long streams need no padding.
  const step = longestContent - 7;
  for (let at = 0; at < bytes.length; at += step) {
    yield encodeRecord(type, requestId, bytes.subarray(at, at + step));
  }
}

/** The empty record that ends a stream. */
export function encodeEndOfStream(type: number, requestId: number): Uint8Array {
  return encodeRecord(type, requestId, nothing);
}

/** Asks for a response; with `keep` the program is not to close the connection after it. */
export function encodeBeginRequest(requestId: number, keep: boolean): Uint8Array {
  return encodeRecord(
    RecordType.beginRequest,
    requestId,
    Uint8Array.of(0, responder, keep ? keepConnection : 0, 0, 0, 0, 0, 0),
  );
}

/** Asks the program to give a request up. */
export function encodeAbortRequest(requestId: number): Uint8Array {
  return encodeRecord(RecordType.abortRequest, requestId, nothing);
}

/** How a program says that a request is over. */
export function encodeEndRequest(requestId: number, appStatus: number, protocolStatus: number): Uint8Array {
  const content = new Uint8Array(8);
  new DataView(content.buffer).setUint32(0, appStatus);
  content[4] = protocolStatus;
  return encodeRecord(RecordType.endRequest, requestId, content);
}

/** The content of an END_REQUEST record; undefined when it is too short to have one. */
export function decodeEndRequest(
  content: Uint8Array,
): { readonly appStatus: number; readonly protocolStatus: ProtocolStatus } | undefined {
  if (content.length < 5) return undefined;
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const status = view.getUint8(4);
  return { appStatus: view.getUint32(0), protocolStatus: protocolStatuses[status] ?? status };
}

/** Name-value pairs as section 3.4 has them; names and values are bytes as latin1. */
export function encodePairs(pairs: Iterable<readonly [name: string, value: string]>): Uint8Array {
  const parts: Buffer[] = [];
  for (const [name, value] of pairs) {
    parts.push(encodeLength(name.length), encodeLength(value.length));
    parts.push(Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1'));
  }
  return Buffer.concat(parts);
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE((length | 0x80000000) >>> 0);
  return bytes;
}

/** The pairs in the content of a record, and whether it ends within one. */
export function decodePairs(content: Uint8Array): {
  readonly pairs: readonly (readonly [name: string, value: string])[];
  readonly cut: boolean;
} {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  const pairs: [string, string][] = [];
  let at = 0;
  const length = () => {
    const first = bytes[at];
    if (first === undefined) return undefined;
    if (first < 0x80) {
      at += 1;
      return first;
    }
    if (at + 4 > bytes.length) return undefined;
    at += 4;
    return bytes.readUInt32BE(at - 4) & 0x7fffffff;
  };
  while (at < bytes.length) {
    const nameLength = length();
    const valueLength = length();
    if (nameLength === undefined || valueLength === undefined) return { pairs, cut: true };
    const valueAt = at + nameLength;
    if (valueAt + valueLength > bytes.length) return { pairs, cut: true };
    pairs.push([
      bytes.toString('latin1', at, valueAt),
      bytes.toString('latin1', valueAt, valueAt + valueLength),
    ]);
    at = valueAt + valueLength;
  }
  return { pairs, cut: false };
}

/** Reads records out of chunks that end anywhere. Never throws. */
export interface RecordReader {
  /** The records that are whole with these bytes; none after a fault, since nothing tells where the next one starts. */
  readonly read: (bytes: Uint8Array) => readonly FastCgiRecord[];
  /** What is wrong with the bytes, in a sentence; undefined as long as they are FastCGI. */
  readonly fault: () => string | undefined;
  /** Bytes of a record that is not whole yet. */
  readonly pending: () => number;
}

/** Holds at most one record that is not whole. */
export function readRecords(): RecordReader {
  let held: Uint8Array = nothing;
  let fault: string | undefined;
  /** Bytes before `held`. */
  let offset = 0;

  return {
    read: (bytes) => {
      if (fault !== undefined) return [];
      const all = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
      const records: FastCgiRecord[] = [];
      let at = 0;
      for (;;) {
        const first = all[at];
        if (first !== undefined && first !== version) {
          fault =
            offset + at === 0
              ? `it does not speak FastCGI: its first byte is ${first}, and not the version ${version}`
              : `byte ${offset + at} of what it sent is ${first}, where a record has the version ${version}`;
          held = nothing;
          return records;
        }
        if (at + headerLength > all.length) break;
        const contentLength = byte(all, at + 4) * 256 + byte(all, at + 5);
        const end = at + headerLength + contentLength + byte(all, at + 6);
        if (end > all.length) break;
        records.push({
          type: byte(all, at + 1),
          requestId: byte(all, at + 2) * 256 + byte(all, at + 3),
          content: all.subarray(at + headerLength, at + headerLength + contentLength),
        });
        at = end;
      }
      offset += at;
      // A copy: the socket may use its memory again.
      held = at === all.length ? nothing : Buffer.from(all.subarray(at));
      return records;
    },
    fault: () => fault,
    pending: () => held.length,
  };
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
