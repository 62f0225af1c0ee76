// Owns the whole expansion of macros as the preprocessor does it (C11 6.10.3, with GNU cpp's commas before variable arguments): what
// gdb says is held against it.
import type { MacroBody } from './macro-steps.ts';
import { preprocessingTokens } from './preprocessing-tokens.ts';

interface Piece {
  readonly kind: string;
  readonly text: string;
  readonly spaced: boolean;
  /** Macros that it came out of, which are not replaced in it again. */
  readonly hidden: ReadonlySet<string>;
}

/** The arguments of a call, by parameter; the variable one is missing when the call leaves it out. */
interface Arguments {
  readonly raw: ReadonlyMap<string, readonly Piece[]>;
  readonly expanded: (name: string) => readonly Piece[];
  /** Name of the parameter that takes all the rest. */
  readonly variable?: string;
}

interface Budget {
  pieces: number;
}

const mostPieces = 50_000;
const mostDepth = 100;
const nothingHidden: ReadonlySet<string> = new Set();

/** Thrown inside only: the text is too long, or no preprocessor takes it. */
class NotExpandable extends Error {}

/**
 * Expands a text until nothing is left to replace.
 *
 * @returns its tokens; undefined when that is too long or nested too deep, or a call does not end or does not fit its macro.
 */
export function expansionTokens(
  text: string,
  macros: ReadonlyMap<string, MacroBody>,
): readonly string[] | undefined {
  try {
    return expand(piecesOf(text), macros, { pieces: mostPieces }, 0).map((piece) => piece.text);
  } catch (error) {
    if (error instanceof NotExpandable) return undefined;
    throw error;
  }
}

/** Tokens as a text that is read as the same tokens again. */
export function textOfTokens(tokens: readonly string[]): string {
  let text = '';
  for (const [index, token] of tokens.entries()) {
    const before = tokens[index - 1];
    const [first] = before === undefined ? [] : preprocessingTokens(before + token);
    text += before === undefined || first?.text === before ? token : ` ${token}`;
  }
  return text;
}

function piecesOf(text: string): Piece[] {
  return [...preprocessingTokens(text)].map(({ kind, text: word, spaced }) => ({
    kind,
    text: word,
    spaced,
    hidden: nothingHidden,
  }));
}

function expand(
  pieces: readonly Piece[],
  macros: ReadonlyMap<string, MacroBody>,
  budget: Budget,
  depth: number,
): readonly Piece[] {
  if (depth > mostDepth) throw new NotExpandable();
  const out: Piece[] = [];
  // What is still to be read, the next piece last: what replaces a macro is read again, together with what follows.
  const waiting = [...pieces].reverse();
  for (let piece = waiting.pop(); piece !== undefined; piece = waiting.pop()) {
    if (--budget.pieces < 0) throw new NotExpandable();
    const macro = piece.kind === 'name' && !piece.hidden.has(piece.text) ? macros.get(piece.text) : undefined;
    const call = macro?.parameters === undefined ? undefined : takeCall(waiting, budget);
    if (macro === undefined || (macro.parameters !== undefined && call === undefined)) {
      out.push(piece);
      continue;
    }
    const hidden = new Set(call === undefined ? piece.hidden : common(piece.hidden, call.hidden));
    hidden.add(piece.text);
    const given = readArguments(macro.parameters ?? [], call?.given ?? [], call?.commas ?? [], (argument) =>
      expand(argument, macros, budget, depth + 1),
    );
    const body = replaced(piecesOf(macro.body), given, macro.parameters !== undefined);
    const follows = waiting.at(-1);
    // White space before nothing is before what follows: strings show it.
    if (body.length === 0 && piece.spaced && follows !== undefined) {
      waiting[waiting.length - 1] = { ...follows, spaced: true };
    }
    budget.pieces -= body.length;
    if (budget.pieces < 0) throw new NotExpandable();
    for (let index = body.length - 1; index >= 0; index--) {
      const next = body[index] as Piece;
      waiting.push({
        ...next,
        spaced: index === 0 ? piece.spaced : next.spaced,
        hidden: next.hidden.size === 0 ? hidden : new Set([...next.hidden, ...hidden]),
      });
    }
  }
  return out;
}

/** Takes `(a, (b, c))` from the pieces that wait; undefined, and nothing taken, where there is no such call. */
function takeCall(
  waiting: Piece[],
  budget: Budget,
):
  | {
      readonly given: readonly (readonly Piece[])[];
      readonly commas: readonly Piece[];
      readonly hidden: ReadonlySet<string>;
    }
  | undefined {
  if (waiting.at(-1)?.text !== '(') return undefined;
  const given: Piece[][] = [[]];
  const commas: Piece[] = [];
  let depth = 1;
  for (let index = waiting.length - 2; index >= 0; index--) {
    if (--budget.pieces < 0) throw new NotExpandable();
    const piece = waiting[index] as Piece;
    if (piece.text === '(') depth++;
    if (piece.text === ')' && --depth === 0) {
      waiting.length = index;
      return { given, commas, hidden: piece.hidden };
    }
    if (piece.text === ',' && depth === 1) {
      given.push([]);
      commas.push(piece);
    } else given.at(-1)?.push(piece);
  }
  // A call that does not end is an error of the source.
  throw new NotExpandable();
}

function readArguments(
  parameters: readonly string[],
  given: readonly (readonly Piece[])[],
  commas: readonly Piece[],
  expandOne: (argument: readonly Piece[]) => readonly Piece[],
): Arguments {
  const names = parameters.map((name) => (name === '...' ? '__VA_ARGS__' : name.replace(/\.\.\.$/, '')));
  const variable = parameters.at(-1)?.endsWith('...') === true ? names.at(-1) : undefined;
  const isEmpty = given.length === 1 && given[0]?.length === 0;
  const fixed = names.length - (variable === undefined ? 0 : 1);
  const fits = variable === undefined ? given.length === fixed : given.length >= fixed;
  if (!fits && !(names.length === 0 && (isEmpty || given.length === 0))) throw new NotExpandable();
  const raw = new Map<string, readonly Piece[]>();
  for (const [index, name] of names.slice(0, fixed).entries()) raw.set(name, given[index] ?? []);
  // In the only parameter nothing at all is none: the comma before it goes.
  if (variable !== undefined && given.length > fixed && !(fixed === 0 && isEmpty)) {
    raw.set(
      variable,
      given
        .slice(fixed)
        .flatMap((each, index) =>
          index === 0 ? each : [...commas.slice(fixed + index - 1, fixed + index), ...each],
        ),
    );
  }
  const known = new Map<string, readonly Piece[]>();
  return {
    raw,
    expanded: (name) => {
      const before = known.get(name);
      const value = before ?? expandOne(raw.get(name) ?? []);
      if (before === undefined) known.set(name, value);
      return value;
    },
    ...(variable === undefined ? {} : { variable }),
  };
}

/**
 * The body of a macro with its arguments in place, `#` and `##` done.
 *
 * @param takesArguments only there `#` makes a string; `##` joins in all macros.
 */
function replaced(words: readonly Piece[], given: Arguments, takesArguments: boolean): readonly Piece[] {
  const out: Piece[] = [];
  // Nothing before a `##` is joined as nothing (C11 6.10.3.3: a placemarker).
  let isLeftEmpty = true;
  let isJoined = false;
  let isSpaced = false;
  for (let index = 0; index < words.length; ) {
    const word = words[index] as Piece;
    if (word.text === '##' && index > 0 && index + 1 < words.length) {
      const isVariable = words[index + 1]?.text === given.variable;
      if (isVariable && words[index - 1]?.text === ',') {
        // GNU cpp, "Variadic Macros": the comma goes with an argument that is left out, and is not joined with one that is there.
        const value = given.raw.get(given.variable ?? '');
        if (value === undefined) out.pop();
        else out.push(...value);
        isLeftEmpty = value === undefined || value.length === 0;
        isJoined = false;
        index += 2;
        continue;
      }
      isJoined = true;
      index++;
      continue;
    }
    const unit = unitAt(words, index, given, takesArguments, isJoined);
    const [first, ...more] = unit.pieces;
    const left = isJoined && !isLeftEmpty && first !== undefined ? out.pop() : undefined;
    if (left !== undefined && first !== undefined) {
      const hidden = common(left.hidden, first.hidden);
      const glued = piecesOf(left.text + first.text).map((piece) => ({ ...piece, hidden }));
      if (glued.length !== 1) throw new NotExpandable();
      out.push({ ...(glued[0] as Piece), spaced: left.spaced }, ...more);
      isLeftEmpty = false;
    } else {
      if (first !== undefined) out.push({ ...first, spaced: word.spaced || isSpaced }, ...more);
      isSpaced = first === undefined && (word.spaced || isSpaced);
      isLeftEmpty = first === undefined && (!isJoined || isLeftEmpty);
    }
    isJoined = false;
    index = unit.end;
  }
  return out;
}

/** What one word of a body becomes: a parameter, `#parameter`, `__VA_OPT__(…)`, or the word itself. */
function unitAt(
  words: readonly Piece[],
  index: number,
  given: Arguments,
  takesArguments: boolean,
  isRight: boolean,
): { readonly pieces: readonly Piece[]; readonly end: number } {
  const word = words[index] as Piece;
  const isParameter = (text: string | undefined) =>
    text !== undefined && (given.raw.has(text) || text === given.variable);
  const subject = words[index + 1]?.text;
  if (takesArguments && word.text === '#' && subject !== undefined && isParameter(subject)) {
    return {
      pieces: [{ ...word, kind: 'text', text: literal(given.raw.get(subject) ?? []) }],
      end: index + 2,
    };
  }
  if (word.text === '__VA_OPT__' && given.variable !== undefined && subject === '(') {
    let depth = 1;
    let end = index + 2;
    for (; end < words.length; end++) {
      const { text } = words[end] as Piece;
      if (text === '(') depth++;
      if (text === ')' && --depth === 0) break;
    }
    if (end === words.length) throw new NotExpandable();
    const isThere = given.expanded(given.variable).length > 0;
    return {
      pieces: isThere ? replaced(words.slice(index + 2, end), given, true) : [],
      end: end + 1,
    };
  }
  if (word.kind !== 'name' || !isParameter(word.text)) return { pieces: [word], end: index + 1 };
  const isRaw = isRight || (subject === '##' && index + 2 < words.length);
  return { pieces: isRaw ? (given.raw.get(word.text) ?? []) : given.expanded(word.text), end: index + 1 };
}

/** C11 6.10.3.2: white space between tokens is one space; `"` and `\\` of strings get a backslash in front. */
function literal(value: readonly Piece[]): string {
  const texts = value.map(({ kind, text, spaced }, index) => {
    const word = kind === 'text' ? text.replace(/["\\]/g, '\\$&') : text;
    return spaced && index > 0 ? ` ${word}` : word;
  });
  return `"${texts.join('')}"`;
}

function common(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  return a.size === 0 || b.size === 0 ? nothingHidden : new Set([...a].filter((name) => b.has(name)));
}
