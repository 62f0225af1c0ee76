// Owns the header of a program's answer: its lines, and where they break RFC 3875, section 6. Pure.
import type { Header } from '../../model/request.ts';
import { withoutBlanks } from './byte-text.ts';
import { quoted } from './harmless-quote.ts';

export interface AnswerField {
  readonly name: string;
  readonly value: string;
  /** Bytes from the start of the answer to its line. */
  readonly offset: number;
  /** Byte where the value begins. */
  readonly valueOffset: number;
}

export interface AnswerHeader {
  readonly fields: readonly AnswerField[];
  /** `HTTP/1.1 200 OK` as the first line. */
  readonly statusLine?: string;
  /** Where the body begins. */
  readonly bodyOffset: number;
  /** The empty line after it was found. */
  readonly ended: boolean;
  readonly faults: readonly string[];
}

/**
 * Reads the lines up to the first empty one.
 *
 * @param head the first bytes of the answer as latin1.
 * @param isWhole nothing follows them.
 */
export function readAnswerHeader(head: string, isWhole: boolean): AnswerHeader {
  const fields: AnswerField[] = [];
  const faults: string[] = [];
  let statusLine: string | undefined;
  let offset = 0;
  for (let number = 1; offset < head.length; number++) {
    const newline = head.indexOf('\n', offset);
    const end = newline === -1 ? head.length : newline;
    const line = head.slice(offset, end).replace(/\r$/, '');
    const next = newline === -1 ? head.length : newline + 1;
    if (line === '' && newline !== -1) {
      return { fields, bodyOffset: next, ended: true, faults, ...(statusLine && { statusLine }) };
    }
    if (newline === -1 && !isWhole) break;
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    if (number === 1 && /^HTTP\/\d/i.test(line)) {
      statusLine = line;
    } else if (colon === -1 && fields.length === 0 && statusLine === undefined && number === 1) {
      faults.push(
        `the answer begins with ${quoted(line)} at byte 0, not with a header line such as Content-Type: text/html`,
      );
      return { fields, bodyOffset: 0, ended: false, faults };
    } else if (/^[ \t]/.test(line) && fields.length > 0) {
      faults.push(
        `line ${number} at byte ${offset} continues the header line before it; programs may not fold lines`,
      );
    } else if (colon === -1) {
      faults.push(
        `line ${number} at byte ${offset} has no colon and is no empty line either: ${quoted(line)}; no empty line ends the header`,
      );
      return { fields, bodyOffset: offset, ended: false, faults, ...(statusLine && { statusLine }) };
    } else if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
      faults.push(
        `line ${number} at byte ${offset} has no valid header name before its colon: ${quoted(name)}`,
      );
    } else {
      const raw = line.slice(colon + 1);
      if (/[\x00-\x08\x0a-\x1f\x7f]/.test(raw)) {
        faults.push(`the value of ${name} at byte ${offset} has a control character`);
      }
      const value = withoutBlanks(raw);
      const spaces = /^[ \t]*/.exec(raw)?.[0].length ?? 0;
      fields.push({ name, value, offset, valueOffset: offset + colon + 1 + spaces });
    }
    offset = next;
  }
  if (isWhole && head.length > 0)
    faults.push(`no empty line ends the header: all ${head.length} bytes are header lines`);
  return { fields, bodyOffset: head.length, ended: false, faults, ...(statusLine && { statusLine }) };
}

export function headersOf({ fields }: AnswerHeader): readonly Header[] {
  return fields.map(({ name, value }) => [name, value]);
}
