// Owns where a text stops being JSON: JSON.parse tells it on some versions of Node and for some faults only.

/** The first fault; lines and columns count from 1, columns in UTF-16 units. */
export interface JsonFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly hint?: string;
}

interface Found {
  readonly at: number;
  readonly message: string;
  readonly hint?: string;
}

// A whole token where one begins: `"a\n"`, `-1.5e3`, `true`; the grammar is that of RFC 8259.
const space = /[ \t\n\r]*/y;
const scalar =
  /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const string = /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;

/** Where a text is no JSON (RFC 8259); undefined when it is. Depth costs no stack. */
export function jsonFault(text: string): JsonFault | undefined {
  const found = scan(text);
  if (found === undefined) return undefined;
  const before = text.slice(0, found.at).split('\n');
  return {
    line: before.length,
    column: (before.at(-1)?.length ?? 0) + 1,
    message: found.message,
    ...(found.hint === undefined ? {} : { hint: found.hint }),
  };
}

function scan(text: string): Found | undefined {
  let at = 0;
  const skip = () => {
    space.lastIndex = at;
    space.test(text);
    at = space.lastIndex;
  };
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const taken = pattern.test(text);
    if (taken) at = pattern.lastIndex;
    return taken;
  };
  /** The closing bracket of everything that is open. */
  const open: ('}' | ']')[] = [];
  let expects: 'value' | 'name' | 'first value' | 'first name' | 'next' = 'value';
  for (;;) {
    skip();
    const character = text[at];
    if (expects === 'next') {
      const closing = open.at(-1);
      if (closing === undefined) return character === undefined ? undefined : fault(text, at, 'nothing more');
      if (character === ',') {
        at += 1;
        expects = closing === '}' ? 'name' : 'value';
      } else if (character === closing) {
        at += 1;
        open.pop();
      } else return fault(text, at, `, or ${closing}`);
    } else if (expects === 'name' || expects === 'first name') {
      if (expects === 'first name' && character === '}') {
        at += 1;
        open.pop();
        expects = 'next';
      } else {
        if (!take(string)) return fault(text, at, 'a name in double quotes');
        skip();
        if (text[at] !== ':') return fault(text, at, ':');
        at += 1;
        expects = 'value';
      }
    } else if (expects === 'first value' && character === ']') {
      at += 1;
      open.pop();
      expects = 'next';
    } else if (character === '{') {
      at += 1;
      open.push('}');
      expects = 'first name';
    } else if (character === '[') {
      at += 1;
      open.push(']');
      expects = 'first value';
    } else if (take(scalar)) {
      expects = 'next';
    } else return fault(text, at, 'a value');
  }
}

function fault(text: string, at: number, wanted: string): Found {
  const rest = text.slice(at, at + 12);
  const seen = rest === '' ? 'the text ends' : `there is ${JSON.stringify(rest.split('\n', 1)[0])}`;
  const hint = rest.startsWith('/')
    ? 'JSON has no comments'
    : rest.startsWith("'")
      ? 'JSON has only double quotes'
      : /^[}\]]/.test(rest) && /,\s*$/.test(text.slice(0, at))
        ? 'take away the comma before it'
        : rest.startsWith('"')
          ? wanted.startsWith(',')
            ? 'a comma is missing before it'
            : 'a text must end on its line, and \\ must begin an escape'
          : undefined;
  return { at, message: `${wanted} is expected, but ${seen}`, ...(hint === undefined ? {} : { hint }) };
}
