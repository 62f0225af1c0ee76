// Reads the head of one HTTP message, as strictly as a server that trusts nobody (RFC 9112; its section 11 says why).
import { type Place, placeAt, quoted, refusal } from './place.ts';

/** A field of a head; texts are the bytes of the wire as latin1. */
export interface Field {
  readonly name: string;
  readonly value: string;
}

/** The head of a request before anything is made of it. */
export interface Head {
  readonly method: string;
  /** As in the request line: it may be an absolute URL. */
  readonly target: string;
  /** `1.1`, `1.0`, `2`, `3`. */
  readonly version: string;
  /** Pseudo headers (`:authority`) among them. */
  readonly fields: readonly Field[];
}

/** Longest head that is read. Servers take 8 to 64 KiB. */
export const headLimit = 1024 * 1024;
const lineLimit = 64 * 1024;
const fieldLimit = 1000;

const token = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;
// GET /cgi-bin/app?a=1 HTTP/1.1
const requestLine = /^([!#$%&'*+\-.^_`|~\dA-Za-z]+) ([^ ]+) HTTP\/(\d(?:\.\d)?)$/;
const versions: Readonly<Record<string, string>> = {
  '1.0': '1.0',
  '1.1': '1.1',
  '2': '2',
  '2.0': '2',
  '3': '3',
  '3.0': '3',
};

/**
 * Reads a head without its blank line. Lines end with CR LF or LF alone.
 * @param place of its first byte
 * @throws UserError for what a strict server refuses
 */
export function parseHead(text: string, place: Place): Head {
  const at = (index: number): Place => placeAt(place, (place.offset ?? 0) + index);
  const bare = /\r(?!\n)/.exec(text);
  if (bare !== null && bare.index < text.length - 1) {
    throw refusal(at(bare.index), 'a carriage return stands alone in the head');
  }
  const lines = text.split('\n');
  const start = withoutReturn(lines[0] ?? '');
  if (start.length > lineLimit) throw refusal(place, `the request line is longer than ${lineLimit} bytes`);
  const pseudo = start.startsWith(':');
  const line = pseudo ? undefined : parseRequestLine(start, place);

  const fields: Field[] = [];
  let index = pseudo ? 0 : (lines[0] ?? '').length + 1;
  for (const raw of pseudo ? lines : lines.slice(1)) {
    const spelled = withoutReturn(raw);
    if (spelled !== '') fields.push(parseField(spelled, at(index)));
    if (fields.length > fieldLimit) throw refusal(at(index), `the head has more than ${fieldLimit} fields`);
    index += raw.length + 1;
  }
  if (line !== undefined) return { ...line, fields };
  return {
    method: pseudoValue(fields, ':method', place),
    target: pseudoValue(fields, ':path', place),
    version: '2',
    fields,
  };
}

/**
 * Whether names and values could be on the wire at all; for fields that come from a HAR file or a command.
 * @throws UserError when not
 */
export function checkFields(fields: readonly Field[], place: Place): void {
  if (fields.length > fieldLimit) throw refusal(place, `the head has more than ${fieldLimit} fields`);
  let bytes = 0;
  for (const field of fields) {
    bytes += field.name.length + field.value.length + 4;
    checkName(field.name, place);
    checkValue(field.name, field.value, place);
  }
  if (bytes > headLimit) throw refusal(place, `the head is longer than ${headLimit} bytes`);
}

/** @throws UserError when it is no method */
export function checkMethod(method: string, place: Place): void {
  if (!token.test(method)) throw refusal(place, `${quoted(method)} is no method`);
}

function parseRequestLine(line: string, place: Place): Omit<Head, 'fields'> {
  const parts = requestLine.exec(line);
  if (parts === null) {
    const spaces = line.split(' ').length;
    throw refusal(
      place,
      / HTTP\/[\d.]+$/.test(line) && spaces > 3
        ? `the target in ${quoted(line)} holds a space`
        : `${quoted(line)} is no request line`,
      'a request begins with a line like: GET /path?query HTTP/1.1',
    );
  }
  const [, method = '', target = '', spelled = ''] = parts;
  const version = versions[spelled];
  if (version === undefined) throw refusal(place, `HTTP/${spelled} is no version that is known`);
  return { method, target, version };
}

function parseField(line: string, place: Place): Field {
  if (line.startsWith(' ') || line.startsWith('\t')) {
    throw refusal(
      place,
      'a header is folded over several lines, which HTTP no longer allows',
      'join the lines',
    );
  }
  // The colon at the start belongs to the name of a pseudo header.
  const colon = line.indexOf(':', /^:[a-z]/.test(line) ? 1 : 0);
  if (colon < 0) throw refusal(place, `${quoted(line)} is no header: it has no colon`);
  const name = line.slice(0, colon);
  checkName(name, place);
  const value = line.slice(colon + 1).replace(/^[ \t]+/, '');
  const end = trimmedLength(value);
  checkValue(name, value.slice(0, end), placeAt(place, (place.offset ?? 0) + colon + 1));
  return { name, value: value.slice(0, end) };
}

// A pattern like /[ \t]+$/ takes quadratic time for a value full of blanks.
function trimmedLength(value: string): number {
  let end = value.length;
  while (end > 0 && (value[end - 1] === ' ' || value[end - 1] === '\t')) end -= 1;
  return end;
}

/** Of HTTP/2 and 3: RFC 9113, section 8.3.1, and RFC 8441. What a capture of another request begins so is no header. */
const pseudoNames: readonly string[] = [':method', ':scheme', ':authority', ':path', ':protocol'];

function checkName(name: string, place: Place): void {
  if (!token.test(name) && !pseudoNames.includes(name)) {
    throw refusal(place, `${quoted(name)} cannot be the name of a header`);
  }
}

function checkValue(name: string, value: string, place: Place): void {
  const control = /[^\t\x20-\x7e\x80-\xff]/.exec(value);
  if (control !== null) {
    const code = control[0].charCodeAt(0).toString(16).padStart(2, '0');
    throw refusal(place, `the value of ${name} holds the control byte 0x${code}`);
  }
}

function pseudoValue(fields: readonly Field[], name: string, place: Place): string {
  const found = fields.filter((field) => field.name === name);
  if (found.length !== 1) throw refusal(place, `the head has ${found.length} fields ${name}, not one`);
  return found[0]?.value ?? '';
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
