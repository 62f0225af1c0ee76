// One frame as gdb prints it in a backtrace: `#1  0x0000000000401136 in push (l=0x0, v=3) at src/list.c:20`.
import type { StopFrame, Variable } from '../../model/stop.ts';

/** A frame and its number. */
export interface NumberedFrame {
  readonly number: number;
  readonly frame: StopFrame;
  /** What stands behind the address could not be read. */
  readonly isPartial: boolean;
}

const mostVariables = 64;
const longestValue = 4096;

// `#0  main () at a.c:3`, `#12 0x00007ffff7df1 in ?? () from /lib/libc.so.6`, `#1  <signal handler called>`, `#2  0x4711`
const numbered = /^#(\d{1,6}) {1,3}(?:(0x[\dA-Fa-f]{1,16})(?: <[^>]*>)?(?: in |$))?(.*)$/s;

/** Whether a line is the beginning of a frame; it may go on in further ones. */
export function beginsFrame(line: string): boolean {
  return /^#\d{1,6} {1,3}(?:0x[\dA-Fa-f]{1,16}(?: |$)|<signal handler called>|<function called from gdb>|\S.* ?\()/.test(
    line,
  );
}

/** Reads a frame whose lines were joined; undefined when it is none. */
export function readFrame(text: string): NumberedFrame | undefined {
  const found = numbered.exec(text);
  if (found === null) return undefined;
  const [, number = '', ip, rest = ''] = found;
  const frame = readCall(rest);
  if (frame === undefined && ip === undefined) return undefined;
  return {
    number: Number(number),
    isPartial: frame === undefined && rest.trim() !== '',
    frame: {
      ...(ip !== undefined && { ip: plainAddress(ip) }),
      ...frame,
      found: number === '0' ? 'innermost' : 'unwound',
      trust: 'sure',
    },
  };
}

/** `0x0000000000401136` is `0x401136`, as everywhere else. */
function plainAddress(address: string): string {
  return `0x${address
    .slice(2)
    .replace(/^0+(?=.)/, '')
    .toLowerCase()}`;
}

/** What stands behind the address: function, arguments, place. */
function readCall(text: string): Partial<StopFrame> | undefined {
  const plain = text.trimEnd();
  if (plain.startsWith('<signal handler called>')) return { isSignalHandler: true };
  if (plain.startsWith('<')) return undefined;
  const call = splitCall(plain);
  if (call === undefined) return undefined;
  const { name, inside, behind } = call;
  const place = placeOf(behind);
  if (place === undefined) return undefined;
  const variables = argumentsOf(inside);
  return {
    ...(name !== '??' && name !== '' && { function: name }),
    ...place,
    ...(variables.length > 0 && { variables }),
  };
}

interface Call {
  readonly name: string;
  readonly inside: string;
  readonly behind: string;
}

// What arguments begin with: `this=0x…`, `n@entry=3`, `__args#0=5`, nothing, or `...` where they are not printed.
const firstArgument = /^(?:\)|\.\.\.|[A-Za-z_$<][\w$.@#:<>~]*=)/;

/**
 * Names of C++ hold blanks and parentheses themselves: `(anonymous namespace)::load (this=0x0)`, `std::function<void
 * (int)>::operator() (this=…)`. The arguments begin at the first ` (` outside of all brackets after which they can begin.
 */
function splitCall(text: string): Call | undefined {
  let fallback: Call | undefined;
  for (const start of openings(text)) {
    const end = closing(text, start + 1);
    if (end === undefined) continue;
    const call = {
      name: text.slice(0, start).trimEnd(),
      inside: text.slice(start + 2, end),
      behind: text.slice(end + 1),
    };
    if (placeOf(call.behind) === undefined) continue;
    if (firstArgument.test(text.slice(start + 2))) return call;
    fallback ??= call;
  }
  return fallback;
}

/** Positions of ` (` outside of `<>` and `()`, at most a few. */
function openings(text: string): readonly number[] {
  const found: number[] = [];
  let round = 0;
  let angle = 0;
  for (let at = 0; at < text.length && found.length < 16; at++) {
    const character = text[at];
    if (text.startsWith('operator', at)) {
      // `operator<<`, `operator->`, `operator()`: what follows is part of the name.
      const sign = /^operator *(?:\(\)|\[\]|<=>|->\*?|<<=?|>>=?|[<>]=?|[^\w\s(]{1,3})/.exec(
        text.slice(at, at + 16),
      );
      if (sign !== null) {
        at += sign[0].length - 1;
        continue;
      }
    }
    if (character === ' ' && text[at + 1] === '(' && round === 0 && angle === 0) found.push(at);
    if (character === '(') round++;
    else if (character === ')') round = Math.max(0, round - 1);
    else if (character === '<') angle++;
    else if (character === '>' && text[at - 1] !== '-') angle = Math.max(0, angle - 1);
  }
  return found;
}

/** The `)` that belongs to the `(` at `open`; brackets in texts and characters are none. */
function closing(text: string, open: number): number | undefined {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    const character = text[at];
    if (character === '"' || character === "'") at = quoteEnd(text, at);
    else if (character === '(') depth++;
    else if (character === ')' && --depth === 0) return at;
  }
  return undefined;
}

/** Where the text or character that begins at `start` ends; where it begins when it has no end. */
function quoteEnd(text: string, start: number): number {
  const quote = text[start];
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === quote) return at;
  }
  return start;
}

// ` at src/list.c:20`, ` from /lib/x86_64-linux-gnu/libc.so.6`
function placeOf(behind: string): Partial<StopFrame> | undefined {
  const text = behind.trim();
  if (text === '') return {};
  if (text.startsWith('from ')) return { object: text.slice(5).trim() };
  if (!text.startsWith('at ')) return undefined;
  const found = /^at (.+?)(?::(\d{1,9}))?$/s.exec(text);
  const [, path = '', line] = found ?? [];
  const slash = path.lastIndexOf('/');
  return {
    ...(slash > 0 && { directory: path.slice(0, slash) }),
    file: slash > 0 ? path.slice(slash + 1) : path,
    ...(line !== undefined && Number(line) > 0 && { line: Number(line) }),
  };
}

function argumentsOf(text: string): readonly Variable[] {
  const variables: Variable[] = [];
  for (const part of splitAtCommas(text)) {
    const equals = part.indexOf('=');
    if (equals <= 0 || variables.length >= mostVariables) continue;
    variables.push({
      name: part.slice(0, equals).trim(),
      value: cutValue(part.slice(equals + 1).trim()),
      isArgument: true,
    });
  }
  return variables;
}

/** Commas between arguments: those in braces, brackets and texts belong to a value. */
function splitAtCommas(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"' || character === "'") at = quoteEnd(text, at);
    else if (character !== undefined && '({[<'.includes(character)) depth++;
    else if (character !== undefined && ')}]>'.includes(character)) depth = Math.max(0, depth - 1);
    // `"abc"..., n=3` and `"a", <incomplete sequence \341>`: an argument has a name behind the comma.
    else if (
      character === ',' &&
      depth === 0 &&
      /^\s*[A-Za-z_$][\w$.@#:]*=/.test(text.slice(at + 1, at + 200))
    ) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, text.slice(from)];
}

/** At most 4 KiB; `…` says that there is more. */
export function cutValue(value: string): string {
  return value.length <= longestValue ? value : `${value.slice(0, longestValue - 1)}…`;
}
