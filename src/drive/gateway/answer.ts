// Owns the reading of a program's answer from a file, and what is wrong with it: RFC 3875, section 6.
import { open } from 'node:fs/promises';
import type { Answer, Header } from '../../model/request.ts';
import { type AnswerField, type AnswerHeader, headersOf, readAnswerHeader } from './answer-header.ts';
import { quoted } from './harmless-quote.ts';
import { maskedHeaders, maskedTarget } from './secrets.ts';

export interface AnswerOptions {
  /** Of the request: the answer to HEAD has no body. */
  readonly method: string;
  /** File name of the program: one that begins with `nph-` writes a whole HTTP response. */
  readonly program: string;
}

export interface ReadAnswer {
  /** Missing when a server could make no response of it. */
  readonly answer?: Answer;
  /** What is wrong, one sentence each. */
  readonly faults: readonly string[];
  readonly headers: readonly Header[];
  /** Byte of the file where the body begins. */
  readonly bodyOffset: number;
}

/** A longer header is not read; no server takes one. */
const longestHead = 64 * 1024;

/** Reads the answer in a file. What a program wrote never makes this throw. */
export async function readAnswer(path: string, options: AnswerOptions): Promise<ReadAnswer> {
  const { head, size } = await readHead(path, longestHead);
  if (size === 0) {
    const sentence =
      'the program answered nothing: not a byte, where header lines, an empty line and a body are due';
    return { faults: [sentence], headers: [], bodyOffset: 0 };
  }
  const header = readAnswerHeader(head, size <= head.length);
  const headers = headersOf(header);
  if (!header.ended) {
    const faults =
      header.faults.length > 0
        ? header.faults
        : [`no empty line ends the header within its first ${longestHead} bytes`];
    return { faults, headers, bodyOffset: header.bodyOffset };
  }
  const { bodyOffset } = header;
  const bodyBytes = size - bodyOffset;
  const isNph = options.program.startsWith('nph-');
  const status = isNph ? statusOfLine(header) : statusOf(header);
  const faults = [
    ...header.faults,
    ...status.faults,
    ...repeatedFields(header),
    ...wrongLocation(header, bodyBytes, isNph),
    ...wrongContent(header, bodyBytes, status.status, options.method, isNph),
  ];
  if (status.status === undefined) return { faults, headers, bodyOffset };
  const contentType = field(header, 'content-type')?.value;
  const location = field(header, 'location')?.value;
  const answer: Answer = {
    status: status.status,
    ...(status.reason ? { reason: status.reason } : {}),
    ...(contentType === undefined ? {} : { contentType }),
    ...(location === undefined ? {} : { location: maskedTarget(location) }),
    bodyBytes,
  };
  return { answer, faults, headers, bodyOffset };
}

/**
 * Overwrites what is secret in the header of a stored answer, byte for byte: `Set-Cookie: sid=****; Path=/`. Lines that
 * are no header any more are left, and the body is what the program printed.
 */
export async function maskAnswer(path: string): Promise<void> {
  const { head, size } = await readHead(path, 16 * longestHead);
  const { fields } = readAnswerHeader(head, size <= head.length);
  const secrets = fields.flatMap(({ name, value, valueOffset }) => {
    const shown = maskedHeaders([[name, value]])[0]?.[1] ?? '';
    if (shown === value) return [];
    let start = 0;
    while (start < shown.length && shown[start] === value[start]) start++;
    // What follows the pair are the attributes of a cookie.
    const end = name.toLowerCase() === 'set-cookie' ? value.split(';', 1)[0]?.length : value.length;
    return [{ at: valueOffset + start, stars: Buffer.alloc(Math.max(0, (end ?? 0) - start), '*') }];
  });
  if (secrets.length === 0) return;
  const file = await open(path, 'r+');
  try {
    for (const { at, stars } of secrets) await file.write(stars, 0, stars.length, at);
  } finally {
    await file.close();
  }
}

async function readHead(
  path: string,
  longest: number,
): Promise<{ readonly head: string; readonly size: number }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(size, longest));
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return { head: buffer.toString('latin1', 0, length), size };
  } finally {
    await file.close();
  }
}

function field({ fields }: AnswerHeader, key: string): AnswerField | undefined {
  return fields.find(({ name }) => name.toLowerCase() === key);
}

interface Status {
  readonly status?: number;
  readonly reason?: string;
  readonly faults: readonly string[];
}

const readStatus = /^([1-9]\d\d)(?: (.*))?$/s;

/** Of `Status:`, or what stands for it when there is none. */
function statusOf(header: AnswerHeader): Status {
  const { statusLine } = header;
  if (statusLine !== undefined) {
    const told = `the answer begins with a status line, ${quoted(statusLine)}, which only programs called nph-… may write; a CGI program writes Status:`;
    const line = statusOfLine(header);
    return { ...line, faults: [told, ...line.faults] };
  }
  const line = field(header, 'status');
  if (line === undefined) return { status: field(header, 'location') === undefined ? 200 : 302, faults: [] };
  const [, digits, reason] = readStatus.exec(line.value) ?? [];
  if (digits === undefined) {
    return {
      faults: [
        `Status at byte ${line.offset} is ${quoted(line.value)}, not three digits and a reason such as 404 Not Found`,
      ],
    };
  }
  return { status: Number(digits), ...(reason === undefined ? {} : { reason }), faults: [] };
}

function statusOfLine({ statusLine }: AnswerHeader): Status {
  if (statusLine === undefined) {
    return {
      faults: [
        'a program called nph-… writes the whole response, and this one begins with no HTTP/1.1 200 OK',
      ],
    };
  }
  const [, digits, reason] = /^HTTP\/\d(?:\.\d)? +([1-9]\d\d)(?: (.*))?$/is.exec(statusLine) ?? [];
  if (digits === undefined)
    return { faults: [`the status line at byte 0 is ${quoted(statusLine)}, not as HTTP/1.1 200 OK`] };
  return { status: Number(digits), ...(reason === undefined ? {} : { reason }), faults: [] };
}

/** Section 6.3: each of these at most once. */
function repeatedFields(header: AnswerHeader): readonly string[] {
  return ['Content-Type', 'Location', 'Status', 'Content-Length'].flatMap((name) => {
    const same = header.fields.filter((one) => one.name.toLowerCase() === name.toLowerCase());
    const second = same[1];
    return second === undefined
      ? []
      : [`${name} is there ${same.length} times, again at byte ${second.offset}`];
  });
}

/** Sections 6.2.2 to 6.2.4 and 6.3.2. */
function wrongLocation(header: AnswerHeader, bodyBytes: number, isNph: boolean): readonly string[] {
  const location = field(header, 'location');
  if (location === undefined || isNph) return [];
  const shown = quoted(maskedTarget(location.value));
  if (location.value.startsWith('/')) {
    if (field(header, 'status') !== undefined || header.statusLine !== undefined) return [];
    // A local redirect: the server answers with what it finds there, and this answer is gone.
    const others = header.fields.filter(
      (one) => one !== location && one.name.toLowerCase() !== 'content-type',
    );
    const lost = [
      ...others.map(({ name }) => name),
      ...(bodyBytes > 0 ? [`a body of ${bodyBytes} bytes`] : []),
    ];
    return lost.length === 0
      ? []
      : [
          `Location ${shown} makes the server answer with another page of its own: ${lost.join(', ')} would be lost`,
        ];
  }
  if (/^[a-z][a-z0-9+.-]*:/i.test(location.value)) return [];
  return [`Location at byte ${location.offset} is ${shown}: neither a whole URL nor a path from /`];
}

function wrongContent(
  header: AnswerHeader,
  bodyBytes: number,
  status: number | undefined,
  method: string,
  isNph: boolean,
): readonly string[] {
  const faults: string[] = [];
  const type = field(header, 'content-type');
  const isRedirect = field(header, 'location') !== undefined;
  if (type === undefined && !isRedirect && bodyBytes > 0) {
    faults.push(`there is a body of ${bodyBytes} bytes and no Content-Type`);
  } else if (
    type === undefined &&
    !isRedirect &&
    !isNph &&
    field(header, 'status') === undefined &&
    !header.statusLine
  ) {
    faults.push('the header has none of Content-Type, Location and Status, and one of them is due');
  }
  if (type !== undefined && !/^[^\s/;]+\/[^\s/;]+\s*(?:;.*)?$/s.test(type.value)) {
    faults.push(`Content-Type at byte ${type.offset} is ${quoted(type.value)}, not as text/html`);
  }
  if (bodyBytes > 0 && (status === 204 || status === 304)) {
    faults.push(`an answer of status ${status} has no body, and ${bodyBytes} bytes were written`);
  }
  const length = field(header, 'content-length');
  if (length !== undefined && !/^\d+$/.test(length.value)) {
    faults.push(`Content-Length at byte ${length.offset} is ${quoted(length.value)}, not a number`);
  } else if (
    length !== undefined &&
    Number(length.value) !== bodyBytes &&
    !(isWithoutBody(status, method) && bodyBytes === 0)
  ) {
    faults.push(`Content-Length says ${length.value}, and the body has ${bodyBytes} bytes`);
  }
  const coding = field(header, 'transfer-encoding');
  if (coding !== undefined && !isNph) {
    faults.push(`Transfer-Encoding at byte ${coding.offset} is the server's to write, not the program's`);
  }
  return faults;
}

/** The length is then that of the body another request would get. */
function isWithoutBody(status: number | undefined, method: string): boolean {
  return method === 'HEAD' || status === 304;
}
