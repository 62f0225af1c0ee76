// JSON as it arrives: bytes to tokens, in memory that does not grow with the document. It accepts more than JSON allows.
import { textOf } from '../_shared/byte-text.ts';

/** Takes the tokens of one document, in its order. */
export interface JsonSink {
  readonly open: (isArray: boolean) => void;
  readonly close: () => void;
  readonly key: (name: string) => void;
  readonly string: (text: string) => void;
  /** NaN when it is no number that JSON knows. */
  readonly number: (value: number) => void;
  /** `true`, `false`, `null` */
  readonly word: (word: string) => void;
  /** Something that does not belong there. @param offset bytes from the start of the document. */
  readonly fault: (message: string, offset: number, quote: string) => void;
}

export interface JsonTokens {
  readonly push: (chunk: Uint8Array) => void;
  /** True when the outermost object or array was closed. */
  readonly end: () => boolean;
}

/** Bytes of a string that are kept. */
const longestString = 64 * 1024;
const longestScalar = 64;
/** What is nested deeper is left out. */
const mostDepth = 256;

const quote = 34;
const backslash = 92;

/** A tokenizer for one document. */
export function jsonTokens(sink: JsonSink): JsonTokens {
  /** For each open bracket true when it is one of an array. */
  const open: boolean[] = [];
  let deeper = 0;
  let isKeyNext = false;
  let ended = false;
  let state: 'between' | 'string' | 'scalar' = 'between';
  let hasEscape = false;
  let isEscaped = false;
  let isCut = false;
  let position = 0;
  /** What earlier chunks had of the string or scalar that is being read. */
  let kept = Buffer.allocUnsafe(256);
  let keptBytes = 0;
  const shortKeys = new Map<number, string>();

  function keep(bytes: Buffer, start: number, end: number): void {
    const length = Math.min(end - start, longestString - keptBytes);
    if (length < end - start) isCut = true;
    if (keptBytes + length > kept.length) {
      const larger = Buffer.allocUnsafe(
        Math.min(longestString, Math.max(kept.length * 2, keptBytes + length)),
      );
      kept.copy(larger, 0, 0, keptBytes);
      kept = larger;
    }
    bytes.copy(kept, keptBytes, start, start + length);
    keptBytes += length;
  }

  function unquoted(bytes: Buffer, start: number, end: number): string {
    const text = textOf(bytes, start, end);
    return hasEscape ? unescaped(text) : text;
  }

  /** Keys of dhat are short and few: each becomes a string once. */
  function keyOf(bytes: Buffer, start: number, end: number): string {
    if (end - start > 3 || hasEscape) return unquoted(bytes, start, end);
    let packed = end - start;
    for (let at = start; at < end; at++) packed = packed * 256 + (bytes[at] as number);
    let key = shortKeys.get(packed);
    if (key === undefined) {
      key = unquoted(bytes, start, end);
      shortKeys.set(packed, key);
    }
    return key;
  }

  function finishString(bytes: Buffer, start: number, end: number): void {
    const last = Math.min(end, start + longestString);
    if (isCut || last < end) {
      sink.fault(
        'a text is too long: its end is left out',
        position + start,
        textOf(bytes, start, start + 100),
      );
    }
    if (deeper > 0) return;
    if (isKeyNext) sink.key(keyOf(bytes, start, last));
    else sink.string(unquoted(bytes, start, last));
  }

  function finishScalar(bytes: Buffer, start: number, end: number): void {
    if (deeper > 0) return;
    const first = bytes[start] as number;
    let at = first === 45 ? start + 1 : start;
    let value = 0;
    if (end - at > 0 && end - at < 16) {
      for (; at < end; at++) {
        const digit = (bytes[at] as number) - 48;
        if (digit < 0 || digit > 9) break;
        value = value * 10 + digit;
      }
      if (at === end) {
        sink.number(first === 45 ? -value : value);
        return;
      }
    }
    const text = bytes.toString('latin1', start, Math.min(end, start + longestScalar));
    if (text === 'true' || text === 'false' || text === 'null') sink.word(text);
    // `1.5e+3`
    else if (/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) sink.number(Number(text));
    else {
      sink.fault('a value is neither number, text nor word', position + start, text);
      sink.number(Number.NaN);
    }
  }

  function bracket(byte: number, at: number): void {
    const isArray = byte === 91 || byte === 93;
    if (byte === 91 || byte === 123) {
      if (open.length >= mostDepth) {
        if (deeper++ === 0) sink.fault('values are nested too deep and left out', position + at, '');
        return;
      }
      if (ended) sink.fault('there is more behind the end', position + at, '');
      open.push(isArray);
      isKeyNext = !isArray;
      sink.open(isArray);
      return;
    }
    if (deeper > 0) {
      deeper--;
      return;
    }
    const wasArray = open.pop();
    if (wasArray !== isArray) sink.fault('a bracket closes what was not opened', position + at, '');
    if (wasArray === undefined) return;
    isKeyNext = false;
    if (open.length === 0) ended = true;
    sink.close();
  }

  function push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const { length } = bytes;
    let at = 0;
    while (at < length) {
      if (state === 'string') {
        const start = at;
        while (at < length) {
          const byte = bytes[at] as number;
          if (isEscaped) isEscaped = false;
          else if (byte === quote) break;
          else if (byte === backslash) {
            isEscaped = true;
            hasEscape = true;
          }
          at++;
        }
        if (at === length) {
          keep(bytes, start, at);
          break;
        }
        if (keptBytes > 0) {
          keep(bytes, start, at);
          finishString(kept, 0, keptBytes);
        } else {
          finishString(bytes, start, at);
        }
        keptBytes = 0;
        at++;
        state = 'between';
      } else if (state === 'scalar') {
        const start = at;
        while (at < length && !isDelimiter(bytes[at] as number)) at++;
        if (at === length) {
          if (keptBytes < longestScalar) keep(bytes, start, at);
          break;
        }
        if (keptBytes > 0) {
          if (keptBytes < longestScalar) keep(bytes, start, at);
          finishScalar(kept, 0, keptBytes);
        } else {
          finishScalar(bytes, start, at);
        }
        keptBytes = 0;
        state = 'between';
      } else {
        const byte = bytes[at] as number;
        if (byte === quote) {
          state = 'string';
          hasEscape = false;
          isCut = false;
          at++;
        } else if (byte === 44) {
          isKeyNext = deeper === 0 && open[open.length - 1] === false;
          at++;
        } else if (byte === 58) {
          isKeyNext = false;
          at++;
        } else if (byte === 91 || byte === 93 || byte === 123 || byte === 125) {
          bracket(byte, at);
          at++;
        } else if (byte <= 32 || (position + at < 3 && byte >= 0xbb)) {
          // A blank; or a byte of EF BB BF, the mark that some editors put before UTF-8.
          at++;
        } else {
          state = 'scalar';
        }
      }
    }
    position += length;
  }

  return { push, end: () => ended && open.length === 0 };
}

/** `"`, `,`, `:`, brackets and blanks end a number or word. */
function isDelimiter(byte: number): boolean {
  return (
    byte <= 32 ||
    byte === 44 ||
    byte === 93 ||
    byte === 125 ||
    byte === 58 ||
    byte === 91 ||
    byte === 123 ||
    byte === quote
  );
}

const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** `\"`, `\n`, `\u001b` */
function unescaped(text: string): string {
  return text.replace(
    /\\(?:u([0-9A-Fa-f]{4})|(.))/gs,
    (_, hex: string | undefined, letter: string | undefined) =>
      hex === undefined
        ? (escapes[letter ?? ''] ?? letter ?? '')
        : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
