// Splits text that cmd.exe would run into commands and words, as browsers copy it: "Copy as cURL (cmd)".
import type { Command } from './bash-words.ts';
import { refusal } from './place.ts';

/** A character, and whether a caret before it took its meaning for cmd.exe. */
type Marked = readonly [character: string, escaped: boolean];

/** One object for each: a capture of megabytes is mostly the same few. */
const marks = new Map<string, Marked>();

function mark(character: string, escaped: boolean): Marked {
  const key = `${character}${escaped}`;
  const known = marks.get(key) ?? [character, escaped];
  marks.set(key, known);
  return known;
}

/** Whether a text has carets where only cmd.exe takes them: before a quote, or at the end of a line. */
export function looksLikeCmd(text: string): boolean {
  return /^\s*(?:@|[A-Z]:\\\S*>)?\s*curl(?:\.exe)?(?=\s)(?:[^\n']*\s\^"|[^\n]*\s\^\r?\n)/i.test(text);
}

/** @throws UserError for a quote that is not closed */
export function splitCmd(text: string, name: string): readonly Command[] {
  return commandsOf(text).map(({ marked, offset }, index) => ({
    words: wordsOf(marked, () =>
      refusal({ name, entry: index + 1, offset }, 'a quote is not closed', 'copy the whole command'),
    ),
    offset,
    notes: [],
  }));
}

/** What cmd.exe does: carets, line ends, and `&` between commands. */
function commandsOf(
  text: string,
): readonly { readonly marked: readonly Marked[]; readonly offset: number }[] {
  const commands: { readonly marked: readonly Marked[]; readonly offset: number }[] = [];
  let marked: Marked[] = [];
  let offset = 0;
  let quotes = false;
  let index = 0;
  const lineEnd = (): number => (text[index] === '\n' ? 1 : text.startsWith('\r\n', index) ? 2 : 0);
  const endCommand = (): void => {
    if (marked.some(([character]) => character.trim() !== '')) commands.push({ marked, offset });
    marked = [];
    quotes = false;
  };
  while (index < text.length) {
    const character = text[index] ?? '';
    if (marked.length === 0) offset = index;
    if (character === '^' && !quotes) {
      index += 1;
      // A caret takes the line end away, and the meaning of the character behind it, were it a line end again.
      index += lineEnd();
      const width = lineEnd();
      if (width > 0) marked.push(mark('\n', true));
      else if (index < text.length) marked.push(mark(text[index] ?? '', true));
      index += Math.max(width, 1);
      continue;
    }
    const width = lineEnd();
    if (width > 0 || (character === '&' && !quotes)) {
      endCommand();
      index += Math.max(width, 1);
      continue;
    }
    if (character === '"') quotes = !quotes;
    // %^20 in a string that carets end: the browser keeps cmd.exe from seeing a variable.
    marked.push(mark(character, false));
    index += 1;
  }
  endCommand();
  return commands;
}

/** What the C runtime makes of a command line, with the one habit of browsers: they double every backslash. */
function wordsOf(marked: readonly Marked[], unclosed: () => Error): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quoted = false;
  for (let index = 0; index < marked.length; index += 1) {
    const [character, escaped] = marked[index] ?? ['', false];
    const [next, nextEscaped] = marked[index + 1] ?? ['', false];
    if (character === '\\') {
      let run = 1;
      while (marked[index + run]?.[0] === '\\') run += 1;
      const beforeQuote = marked[index + run]?.[0] === '"';
      // ^\^\ is how browsers write one; by hand two stay two, but for those before a quote.
      const doubled = beforeQuote || (escaped && nextEscaped && next === '\\');
      word = (word ?? '') + '\\'.repeat(doubled ? Math.floor(run / 2) : run);
      index += run - 1;
      if (doubled && run % 2 === 1) {
        word += beforeQuote ? '"' : '\\';
        if (beforeQuote) index += 1;
      }
    } else if (character === '"') {
      word ??= '';
      if (quoted && next === '"') {
        word += '"';
        index += 1;
      } else quoted = !quoted;
    } else if (!quoted && (character === ' ' || character === '\t')) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  if (quoted) throw unclosed();
  if (word !== undefined) words.push(word);
  return words;
}
