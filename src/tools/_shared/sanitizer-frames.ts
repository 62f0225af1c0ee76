// Call frames as the sanitizers print them: one line to one or more Frames, equal lines to the same objects.
import type { Frame } from '../../model/finding.ts';
import type { Symbols } from '../tool.ts';
import { byteTable, hashBytes } from './byte-table.ts';
import { textOf } from './byte-text.ts';
import { balancedParenthesis } from './text-frames.ts';

/** Distinct frame lines remembered at a time; where addresses vary, a log may have any number. */
const remembered = 10_000;

const space = 32;
const tab = 9;
const hash = 35;

/** Reads frame lines straight from bytes. */
export interface FrameLines {
  /**
   * The calls of one line, the innermost of inlined ones first; undefined when it is no frame line. The array is shared: equal
   * lines give the same one, whatever their number.
   *
   * @param from first byte of the line, after the prefix of a CI or of logcat.
   * @param to end of the line without its line end.
   */
  readonly read: (bytes: Uint8Array, from: number, to: number) => readonly Frame[] | undefined;
  /** The object that stands for all frames equal to this one. */
  readonly intern: (frame: Frame) => Frame;
  /** The number of the line that was read last: 0 begins a stack. */
  readonly number: () => number;
  /** Whether that line's frames were known before it. */
  readonly again: () => boolean;
}

/**
 * A reader with its own memory of frames, for one log. The form is that of `StackTracePrinter` in
 * `sanitizer_stacktrace_printer.cpp` (compiler-rt and gcc's libsanitizer): `    #%n %p %F %L`, TSan's `    #%n %f %S %M`.
 *
 * @param symbols asked for frames that have an object and an offset but no name.
 */
export function frameLines(symbols: Symbols | undefined): FrameLines {
  let table = byteTable(remembered);
  /** What a line says behind its address, and the frames with it, by address. */
  let places: {
    readonly frame: Frame;
    readonly build: string | undefined;
    /** By number where one can hold it exactly. */
    readonly byAddress: Map<string | number, readonly Frame[]>;
  }[] = [];
  /** By the number of a place that of the one that followed it, plus 1. */
  let followers = new Int32Array(remembered);
  let last = 0;
  /** By what they are; different lines may say the same. */
  let interned = new Map<string, (typeof places)[number]>();
  let single = new Map<string, Frame>();
  let kept = 0;
  let number = 0;
  let again = false;

  function intern(frame: Frame): Frame {
    const key = keyOf(frame);
    const before = single.get(key);
    if (before !== undefined) return before;
    single.set(key, frame);
    return frame;
  }

  function forget(): void {
    table = byteTable(remembered);
    places = [];
    interned = new Map();
    single = new Map();
    followers = new Int32Array(remembered);
    last = 0;
    kept = 0;
  }

  function placeAt(bytes: Uint8Array, from: number, to: number): (typeof places)[number] {
    const expected = (followers[last] as number) - 1;
    if (expected >= 0 && table.is(expected, bytes, from, to)) {
      last = expected;
      return places[expected] as (typeof places)[number];
    }
    const id = table.add(hashBytes(bytes, from, to), bytes, from, to);
    followers[last] = id + 1;
    last = id;
    const known = places[id];
    if (known !== undefined) return known;
    const text = textOf(bytes, from, to);
    const frame = parseFrame(text);
    const build = buildId.exec(text.trimEnd())?.[1];
    const key = keyOf(frame);
    const place = interned.get(key) ?? {
      frame,
      build,
      byAddress: new Map<string | number, readonly Frame[]>(),
    };
    interned.set(key, place);
    places[id] = place;
    return place;
  }

  /** What is said of places stays: where addresses vary it is the same again and again. */
  function forgetAddresses(): void {
    for (const { byAddress } of places) if (byAddress.size > 0) byAddress.clear();
    single = new Map();
    kept = 0;
  }

  function framesOf(ip: string, { frame, build }: (typeof places)[number]): readonly Frame[] {
    const { function: name, object, offset } = frame;
    if (symbols !== undefined && name === undefined && object !== undefined && offset !== undefined) {
      const at = ip === '' ? {} : { ip };
      const told = symbols.framesAt(object, Number(offset), build) ?? [];
      if (told.length > 0) return told.map((call) => intern({ ...at, object, offset, ...call }));
    }
    return [ip === '' ? frame : { ...frame, ip }];
  }

  return {
    read: (bytes, from, to) => {
      let at = from;
      while (at < to && (bytes[at] === space || bytes[at] === tab)) at++;
      if (bytes[at] !== hash || at >= to) return undefined;
      let count = 0;
      const first = ++at;
      for (; at < to && at - first < 7; at++) {
        const digit = (bytes[at] as number) - 48;
        if (digit < 0 || digit > 9) break;
        count = count * 10 + digit;
      }
      if (at === first || at >= to || bytes[at] !== space) return undefined;
      while (at < to && bytes[at] === space) at++;
      if (at === to) return undefined;
      number = count;
      let end = at;
      let value = 0;
      // `0x55f2c0`, in front of a space or at the end.
      if (bytes[at] === 48 && bytes[at + 1] === 120) {
        end = at + 2;
        for (; end < to; end++) {
          const byte = bytes[end] as number;
          if (byte >= 48 && byte <= 57) value = value * 16 + byte - 48;
          else if (byte >= 97 && byte <= 102) value = value * 16 + byte - 87;
          else if (isHex(byte)) value = Number.NaN;
          else break;
        }
        if (end === at + 2 || end - at > 18 || (end < to && bytes[end] !== space)) end = at;
      }
      if (table.size() >= remembered) forget();
      else if (kept >= remembered) forgetAddresses();
      const addressEnd = end;
      // `0x0000000a` is written otherwise than `0xa`, and 14 digits may be more than a number holds.
      const isNumber = end > at + 2 && end - at <= 15 && bytes[at + 2] !== 48 && !Number.isNaN(value);
      const key = isNumber ? value : end === at ? '' : latin1(bytes, at, end);
      while (end < to && bytes[end] === space) end++;
      const place = placeAt(bytes, end, to);
      const before = place.byAddress.get(key);
      again = before !== undefined;
      if (before !== undefined) return before;
      const ip = typeof key === 'string' ? key : latin1(bytes, at, addressEnd);
      const frames = framesOf(ip, place);
      place.byAddress.set(key, frames);
      kept++;
      return frames;
    },
    intern,
    number: () => number,
    again: () => again,
  };
}

function isHex(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || (byte >= 97 && byte <= 102) || (byte >= 65 && byte <= 70);
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  const own = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return own.toString('latin1', from, to);
}

function keyOf({ ip, object, offset, function: name, directory, file, line, column }: Frame): string {
  return JSON.stringify([ip, object, offset, name, directory, file, line, column]);
}

/** ` (BuildId: 57d41f0e8a2b)` */
const buildId = / \(BuildId: ([0-9a-fA-F]*)\)$/;

/** `0x55f2c0`; on Windows and in old logs also without `0x` but then never in front of ` in `. */
const address = /^(0x[0-9a-fA-F]+)(?= |$) ?/;

/** `/path/prog+0x11d1`, macOS `prog:x86_64+0x1000`, `<unknown module>` */
const moduleOffset = /^(.+?)(?::(?:x86_64h?|i386|arm64e?|armv7[ks]?))?\+(0x[0-9a-fA-F]+)$/s;

/** Fuchsia: `main ./main.cc:4 <libc.so>+0x123`, with nothing between `<>` for the program itself */
const angleModule = / <([^<>]*)>\+(0x[0-9a-fA-F]+)$/;

/** `GetHandleVerifier+0x1a2b`, Windows without debug information */
const plusOffset = /^(.+)\+0x[0-9a-fA-F]+$/s;

/** `/home/user/demo/heap.c:12:5`, `C:\src\heap.cc:12`, `??:0` */
const colonPlace = /^(.+?):(\d{1,9})(?::(\d{1,9}))?$/s;

/** `C:\src\heap.cc(12)`, `C:\src\heap.cc(12,5)` */
const parenthesisPlace = /^(.*\.\w{1,4})\((\d{1,9})(?:,(\d{1,9}))?\)$/s;

/** `setup-isolate-deserialize.cc`: a file without a line */
const sourceName =
  /^[\w.+\-/\\:~@]*\.(?:c|cc|cpp|cxx|c\+\+|C|h|hh|hpp|hxx|inc|inl|ipp|S|s|asm|m|mm|rs|go|swift|zig|d|f|f90)$/;

/**
 * Reads what stands behind the number: `0x4f1 in f(int) /dir/file.c:12:5`, `0x4f1  (/path/prog+0x11d1)`,
 * `f file.c:12 (prog+0x11d1)`.
 */
export function parseFrame(text: string): Frame {
  let rest = text.trimEnd().replace(buildId, '');
  const ip = address.exec(rest)?.[1];
  if (ip !== undefined) rest = rest.slice(ip.length).trimStart();
  const named = rest.startsWith('in ');
  if (named) rest = rest.slice(3).trimStart();
  const { object, offset, before } = splitModule(rest);
  const { name, place } = splitPlace(before);
  const plain = object === undefined ? name : (plusOffset.exec(name)?.[1] ?? name);
  const hasName = plain !== '' && plain !== '??' && plain !== '<null>' && plain !== '<unknown>';
  return {
    ...(ip !== undefined && { ip }),
    ...(object !== undefined && { object }),
    ...(hasName && { function: plain }),
    ...place,
    ...(object !== undefined && offset !== undefined && { offset }),
  };
}

/** Takes `(/path/prog+0x11d1)` off the end; paths hold parentheses of their own. */
function splitModule(text: string): { object?: string; offset?: string; before: string } {
  const angle = angleModule.exec(text);
  if (angle !== null) {
    const object = angle[1] === '' ? {} : { object: angle[1] as string };
    return { ...object, offset: angle[2] as string, before: text.slice(0, angle.index) };
  }
  if (!text.endsWith(')')) return { before: text };
  const open = openingParenthesis(text);
  if (open === -1) return { before: text };
  const inside = text.slice(open + 1, -1);
  const before = text.slice(0, open).trimEnd();
  if (/^(?:<unknown module>|unknown module)$/.test(inside)) return { before };
  const found = moduleOffset.exec(inside);
  if (found !== null) return { object: found[1] as string, offset: found[2] as string, before };
  // `(/system/lib/libc.so)`: an object alone; `(deleted)` and arguments of a function are none.
  return /^(?:\/|[A-Za-z]:\\)/.test(inside) ? { object: inside, before } : { before: text };
}

/** Where the last parenthesis opens when it begins the text or follows a space, or -1. */
function openingParenthesis(text: string): number {
  const at = balancedParenthesis(text);
  if (at !== -1) return at;
  // A path with a lone parenthesis: the last that can begin one.
  const last = Math.max(text.lastIndexOf(' (/'), text.lastIndexOf(' (C:\\'));
  return last === -1 ? -1 : last + 1;
}

type Place = Pick<Frame, 'directory' | 'file' | 'line' | 'column'>;

/**
 * Parts a name from its place. Both may hold spaces: a path that begins with a root goes from there to the end, any other
 * is the last word.
 */
function splitPlace(text: string): { name: string; place: Place } {
  const bare = text.trim();
  if (bare.endsWith(' <null>')) return { name: bare.slice(0, -7), place: {} };
  const root = rootStart(bare);
  const last = root === -1 ? bare.lastIndexOf(' ') + 1 : root;
  const tail = bare.slice(last);
  const place = placeOf(tail, root !== -1);
  // `operator() const`, `f(int, char*)`: the last word of a name is no place.
  if (place === undefined) return { name: bare, place: {} };
  return { name: bare.slice(0, last).trimEnd(), place };
}

/** Where ` /` or ` C:\` begins a path outside of parentheses, or -1: `f(lambda at /a.cc:3) /b.cc:5`. */
function rootStart(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '(') depth++;
    else if (char === ')') depth--;
    else if (depth <= 0 && (at === 0 || text[at - 1] === ' ')) {
      if (char === '/' && text[at + 1] !== ' ') return at;
      if (
        text[at + 1] === ':' &&
        (text[at + 2] === '\\' || text[at + 2] === '/') &&
        /[A-Za-z]/.test(char ?? '')
      )
        return at;
    }
  }
  return -1;
}

function placeOf(text: string, rooted: boolean): Place | undefined {
  const match = colonPlace.exec(text) ?? parenthesisPlace.exec(text);
  if (match?.[1] !== undefined) {
    const [, path = '', line = '0', column = '0'] = match;
    // `foo::bar:12` is no file, and neither is `-[Foo bar:12`
    if (!rooted && /[()[\]{}<>]|::/.test(path) && !/^<\w+>$/.test(path)) return undefined;
    return splitSource(path, Number(line), Number(column));
  }
  if (rooted || sourceName.test(text)) return splitSource(text, 0, 0);
  return undefined;
}

/**
 * `/dir/a.c`, 12, 5 to the fields of a Frame; a line or column of 0 is none, and neither are `??` and `<unknown>`.
 */
export function splitSource(path: string, line: number, column: number): Place {
  if (path === '??' || path === '<unknown>' || path === '<null>') return {};
  const isWindows = /^[A-Za-z]:[\\/]/.test(path) || (path.includes('\\') && !path.includes('/'));
  const slash = isWindows ? Math.max(path.lastIndexOf('\\'), path.lastIndexOf('/')) : path.lastIndexOf('/');
  return {
    ...(slash !== -1 && { directory: path.slice(0, slash) || '/' }),
    file: path.slice(slash + 1),
    ...(line > 0 && { line }),
    ...(line > 0 && column > 0 && { column }),
  };
}
