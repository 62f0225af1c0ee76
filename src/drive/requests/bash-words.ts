// Splits text that a POSIX shell or bash would run into commands and words. Runs nothing, expands nothing.
// shell-quote is not used: it knows no $'…', takes a backslash in double quotes for an escape of anything, and turns
// ? and * of a URL into patterns.
import { type Place, quoted, refusal } from './place.ts';

/** A command as a shell would hand it over; words are bytes as latin1. */
export interface Command {
  readonly words: readonly string[];
  /** Bytes from the start of the text. */
  readonly offset: number;
  readonly notes: readonly string[];
}

const blanks: ReadonlySet<string> = new Set([' ', '\t', '\r']);
/** A hostile text may name millions of variables. */
const mostNotes = 20;
const nothingIsRun = 'nothing in a capture is executed: put the text it stands for in its place';

/**
 * @param text bytes as latin1
 * @throws UserError for what only a running shell could tell: `$(command)`, input from a file
 */
export function splitBash(text: string, name: string): readonly Command[] {
  const commands: Command[] = [];
  let words: string[] = [];
  let notes: string[] = [];
  let start = 0;
  /** Of a pipe: it gets the answer, and is no request. */
  let afterPipe = false;
  let index = 0;
  const place = (): Place => ({ name, entry: commands.length + 1, offset: index });
  const endCommand = (): void => {
    if (words.length > 0 && !afterPipe) commands.push({ words, offset: start, notes });
    words = [];
    notes = [];
    afterPipe = false;
  };

  const readWord = (): string => {
    let word = '';
    while (index < text.length) {
      const character = text[index] ?? '';
      if (blanks.has(character) || '\n;&|<>'.includes(character)) break;
      if (character === '(' || character === ')') {
        throw refusal(
          place(),
          `${quoted(character)} stands outside quotes`,
          'quote the URL and the data as a shell needs it',
        );
      }
      if (character === "'") word += until("'");
      else if (character === '"') word += doubleQuoted();
      else if (character === '$' && text[index + 1] === "'") {
        index += 1;
        word += ansiQuoted();
      } else if (character === '$' && text[index + 1] === '"') index += 1;
      else if (character === '\\') {
        const escaped = continuation() ? '' : (text[index + 1] ?? '');
        index += escaped === '' ? continuation() || 1 : 2;
        word += escaped;
      } else {
        refuseExpansion();
        word += character;
        index += 1;
      }
    }
    return word;
  };

  /** Length of a backslash with the line end that it takes away; 0 when it is none. */
  function continuation(): number {
    if (text[index + 1] === '\n') return 2;
    return text[index + 1] === '\r' && text[index + 2] === '\n' ? 3 : 0;
  }

  function until(end: string): string {
    const close = text.indexOf(end, index + 1);
    if (close < 0) throw refusal(place(), 'a quote is not closed', 'copy the whole command');
    const inside = text.slice(index + 1, close);
    index = close + 1;
    return inside;
  }

  function doubleQuoted(): string {
    let inside = '';
    const opened = place();
    index += 1;
    while (text[index] !== '"') {
      const character = text[index];
      if (character === undefined) throw refusal(opened, 'a quote is not closed', 'copy the whole command');
      const escaped = text[index + 1] ?? '';
      if (character === '\\' && continuation() > 0) index += continuation();
      else if (character === '\\' && '$`"\\'.includes(escaped)) {
        inside += escaped;
        index += 2;
      } else {
        refuseExpansion();
        inside += character;
        index += 1;
      }
    }
    index += 1;
    return inside;
  }

  function refuseExpansion(): void {
    const character = text[index];
    if (character !== '$' && character !== '`') return;
    const rest = text.slice(index, index + 40);
    if (character === '`' || rest.startsWith('$(')) {
      throw refusal(
        place(),
        `${quoted(rest.split('\n', 1)[0] ?? '')} asks a shell to run a command`,
        nothingIsRun,
      );
    }
    const variable = /^\$(?:[A-Za-z_]\w*|\{[^}]*\})/.exec(rest)?.[0];
    if (variable !== undefined && notes.length < mostNotes)
      notes.push(`${variable} is kept as it stands: variables of the shell are not known.`);
  }

  function ansiQuoted(): string {
    const opened = place();
    let inside = '';
    index += 1;
    while (text[index] !== "'") {
      if (index >= text.length) throw refusal(opened, 'a quote is not closed', 'copy the whole command');
      const [source, meaning] = ansiEscape(text.slice(index, index + 12));
      inside += meaning;
      index += source;
    }
    index += 1;
    return inside;
  }

  while (index < text.length) {
    const character = text[index] ?? '';
    if (blanks.has(character)) index += 1;
    else if (character === '\\' && continuation() > 0) index += continuation();
    else if (character === '#') {
      const end = text.indexOf('\n', index);
      index = end < 0 ? text.length : end;
    } else if (character === '&' && text[index + 1] === '>') {
      index += 1;
    } else if ('\n;&|'.includes(character)) {
      const pipe = character === '|' && text[index + 1] !== '|';
      const doubled = character !== '\n' && text[index + 1] === character;
      endCommand();
      afterPipe = pipe;
      index += doubled ? 2 : 1;
    } else if (character === '<' || (character === '>' && text[index + 1] === '(')) {
      throw refusal(place(), 'the command reads what only a shell could give it', nothingIsRun);
    } else if (character === '>') {
      // > answer.html, >> log, 2>&1
      while ('>&|'.includes(text[index] ?? ' ')) index += 1;
      while (blanks.has(text[index] ?? '')) index += 1;
      readWord();
    } else {
      if (words.length === 0) start = index;
      const before = index;
      const word = readWord();
      const descriptor = text[index] === '>' && /^\d$/.test(text.slice(before, index));
      if (!descriptor) words.push(word);
    }
  }
  endCommand();
  return commands;
}

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  e: '\x1b',
  E: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** What the text begins with inside `$'…'`: how long it is, and which bytes it stands for. */
function ansiEscape(text: string): readonly [length: number, bytes: string] {
  if (text[0] !== '\\') return [1, text[0] ?? ''];
  const byte = /^\\(?:x([\da-fA-F]{1,2})|([0-7]{1,3}))/.exec(text);
  if (byte !== null) {
    const code = byte[1] === undefined ? Number.parseInt(byte[2] ?? '0', 8) : Number.parseInt(byte[1], 16);
    return [byte[0].length, String.fromCharCode(code & 0xff)];
  }
  const unicode = /^\\(?:u([\da-fA-F]{1,4})|U([\da-fA-F]{1,8}))/.exec(text);
  if (unicode !== null) {
    const code = Number.parseInt(unicode[1] ?? unicode[2] ?? '0', 16);
    return [
      unicode[0].length,
      Buffer.from(String.fromCodePoint(Math.min(code, 0x10ffff)), 'utf8').toString('latin1'),
    ];
  }
  const control = /^\\c([\x20-\x7e])/.exec(text)?.[1];
  if (control !== undefined) return [3, String.fromCharCode(control.toUpperCase().charCodeAt(0) & 0x1f)];
  const escaped = text[1] ?? '';
  return [2, simpleEscapes[escaped] ?? (`\\'"?`.includes(escaped) ? escaped : `\\${escaped}`)];
}
