// Owns how a macro is replaced step by step, as C11 6.10.3 says, for a reader: gdb gives the end of it only.
import { preprocessingTokens } from './preprocessing-tokens.ts';

/** What a macro is replaced by. */
export interface MacroBody {
  /** Missing: it takes no parentheses. */
  readonly parameters?: readonly string[];
  readonly body: string;
}

/** One replacement: which macro, and the text after it. */
export interface MacroStep {
  readonly macro: string;
  readonly text: string;
}

interface Piece {
  readonly kind: string;
  readonly text: string;
  readonly spaced: boolean;
  /** Macros that it came out of, which are not replaced in it again. */
  readonly hidden: ReadonlySet<string>;
}

const mostSteps = 200;
const mostPieces = 20_000;

/**
 * Replaces one macro after the other, the leftmost first, until none is left.
 *
 * @param expected what the whole expansion must be, in gdb's words. Spaces do not count.
 * @returns undefined when the steps do not lead there: then they would teach something wrong. That is so for the rare texts in
 *   which it matters that C replaces the macros of an argument first, and for what is longer than anybody reads.
 */
export function macroSteps(
  expression: string,
  macros: ReadonlyMap<string, MacroBody>,
  expected: string,
): readonly MacroStep[] | undefined {
  const steps: MacroStep[] = [];
  let pieces = piecesOf(expression, new Set());
  for (;;) {
    const next = replaceFirst(pieces, macros);
    if (next === undefined) break;
    pieces = next.pieces;
    steps.push({ macro: next.macro, text: written(pieces) });
    if (steps.length > mostSteps || pieces.length > mostPieces) return undefined;
  }
  return tight(written(pieces)) === tight(expected) ? steps : undefined;
}

function piecesOf(text: string, hidden: ReadonlySet<string>): readonly Piece[] {
  return [...preprocessingTokens(text)].map(({ kind, text: word, spaced }) => ({
    kind,
    text: word,
    spaced,
    hidden,
  }));
}

function written(pieces: readonly Piece[]): string {
  return pieces
    .map(({ text, spaced }) => (spaced ? ` ${text}` : text))
    .join('')
    .trim();
}

/** The same for texts of the same tokens. */
function tight(text: string): string {
  return [...preprocessingTokens(text)].map((token) => token.text).join('\0');
}

function replaceFirst(
  pieces: readonly Piece[],
  macros: ReadonlyMap<string, MacroBody>,
): { readonly macro: string; readonly pieces: readonly Piece[] } | undefined {
  for (const [index, piece] of pieces.entries()) {
    const macro = piece.kind === 'name' && !piece.hidden.has(piece.text) ? macros.get(piece.text) : undefined;
    if (macro === undefined) continue;
    const call =
      macro.parameters === undefined ? { arguments: [], end: index + 1 } : callAt(pieces, index + 1);
    if (call === undefined) continue;
    const hidden = new Set([...piece.hidden, piece.text]);
    const body = replacement(macro, call.arguments, hidden);
    if (body === undefined) continue;
    const [head, ...rest] = body;
    const placed = head === undefined ? [] : [{ ...head, spaced: piece.spaced }, ...rest];
    return {
      macro: piece.text,
      pieces: [...pieces.slice(0, index), ...placed, ...pieces.slice(call.end)],
    };
  }
  return undefined;
}

/** `(a, (b, c))`: the arguments, and where it ends. */
function callAt(
  pieces: readonly Piece[],
  start: number,
): { readonly arguments: readonly (readonly Piece[])[]; readonly end: number } | undefined {
  if (pieces[start]?.text !== '(') return undefined;
  const given: Piece[][] = [[]];
  let depth = 1;
  for (let index = start + 1; index < pieces.length; index++) {
    const piece = pieces[index] as Piece;
    if (piece.text === '(') depth++;
    if (piece.text === ')' && --depth === 0) return { arguments: given, end: index + 1 };
    if (piece.text === ',' && depth === 1) given.push([]);
    else given.at(-1)?.push(piece);
  }
  return undefined;
}

function replacement(
  { parameters = [], body }: MacroBody,
  given: readonly (readonly Piece[])[],
  hidden: ReadonlySet<string>,
): readonly Piece[] | undefined {
  const last = parameters.at(-1);
  const isVariadic = last?.endsWith('...') === true;
  const names = parameters.map((name) => (name === '...' ? '__VA_ARGS__' : name.replace(/\.\.\.$/, '')));
  const values = new Map<string, readonly Piece[]>();
  for (const [index, name] of names.entries()) {
    const rest = isVariadic && index === names.length - 1;
    values.set(name, rest ? joined(given.slice(index)) : (given[index] ?? []));
  }
  const fits = isVariadic
    ? given.length >= names.length - 1
    : given.length === names.length || (names.length === 0 && given.length === 1 && given[0]?.length === 0);
  if (parameters.length > 0 && !fits) return undefined;

  const out: Piece[] = [];
  const words = piecesOf(body, hidden);
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as Piece;
    const value = word.text === '#' ? values.get(words[index + 1]?.text ?? '') : undefined;
    if (value !== undefined) {
      const text = written(value.map(inLiteral));
      out.push({ kind: 'text', text: `"${text}"`, spaced: word.spaced, hidden });
      index++;
      continue;
    }
    const isPasted = words[index + 1]?.text === '##' && index + 2 < words.length;
    const inserted = (values.get(word.text) ?? [word]).map((piece, at) =>
      at === 0 ? { ...piece, spaced: word.spaced } : piece,
    );
    out.push(...inserted);
    if (!isPasted) continue;
    const right = words[index + 2] as Piece;
    const [first, ...more] = values.get(right.text) ?? [right];
    const left = inserted.length === 0 ? undefined : out.pop();
    const glued = piecesOf((left?.text ?? '') + (first?.text ?? ''), hidden).map((piece) => ({
      ...piece,
      spaced: left?.spaced ?? false,
    }));
    out.push(...glued, ...more);
    index += 2;
  }
  return out;
}

/** Of a string or a character, `"` and `\\` get a backslash in front when it becomes part of a string. */
function inLiteral(piece: Piece): Piece {
  return piece.kind === 'text' ? { ...piece, text: piece.text.replace(/["\\]/g, '\\$&') } : piece;
}

function joined(given: readonly (readonly Piece[])[]): readonly Piece[] {
  return given.flatMap((value, index) =>
    index === 0 ? value : [{ kind: 'other', text: ',', spaced: false, hidden: new Set<string>() }, ...value],
  );
}
