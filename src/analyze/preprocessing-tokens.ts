// Owns reading C and C++ text as preprocessing tokens (C11 6.4, C++17 [lex.pptoken]): enough to tell a name from the same letters in
// a comment or a string.

export interface Token {
  readonly kind: 'name' | 'number' | 'text' | 'other';
  readonly text: string;
  /** From 1: where the token begins. */
  readonly line: number;
  /** White space or a comment stands before it. */
  readonly spaced: boolean;
  /** It is the first of its line: a `#` there begins a directive. */
  readonly first: boolean;
}

// In the order in which they are tried, at one place. Lines that a backslash joins are joined in what may hold them.
const splice = '\\\\\\r?\\n';
const patterns: readonly (readonly [kind: Token['kind'] | 'space' | 'newline', pattern: RegExp])[] = [
  ['newline', /\r?\n/y],
  ['space', new RegExp(`(?:[ \\t\\f\\v\\r]|${splice})+`, 'y')],
  ['space', new RegExp(`//(?:${splice}|[^\\n])*`, 'y')],
  // One that is not closed goes to the end.
  ['space', /\/\*.*?(?:\*\/|$)/sy],
  // R"delimiter( … )delimiter"
  ['text', /(?:u8|[uUL])?R"([^\s()\\"]{0,16})\(.*?(?:\)\1"|$)/sy],
  ['text', new RegExp(`(?:u8|[uUL])?"(?:${splice}|\\\\[^\\n]|[^"\\\\\\n])*(?:"|(?=\\n)|$)`, 'y')],
  ['text', new RegExp(`(?:u8|[uUL])?'(?:${splice}|\\\\[^\\n]|[^'\\\\\\n])*(?:'|(?=\\n)|$)`, 'y')],
  ['name', /[\p{L}_$][\p{L}\p{N}_$]*/uy],
  ['number', /\.?\d(?:[eEpP][+-]|'[\w]|[\w.])*/y],
  ['other', /##|\.\.\.|<<=|>>=|[-+*/%&|^=!<>]=|&&|\|\||->|\+\+|--|<<|>>|::/y],
  ['other', /./suy],
];

/** Reads a text into tokens, one after the other; it never fails, and takes time that grows with the text alone. */
export function* preprocessingTokens(text: string): Generator<Token> {
  let at = 0;
  let line = 1;
  let spaced = false;
  let first = true;
  while (at < text.length) {
    for (const [kind, pattern] of patterns) {
      pattern.lastIndex = at;
      const found = pattern.exec(text)?.[0];
      if (found === undefined || found === '') continue;
      if (kind === 'newline') first = true;
      if (kind === 'newline' || kind === 'space') spaced = true;
      else {
        yield { kind, text: found, line, spaced, first };
        spaced = false;
        first = false;
      }
      for (let next = found.indexOf('\n'); next !== -1; next = found.indexOf('\n', next + 1)) line++;
      at += found.length;
      break;
    }
  }
}

/** How a name stands in a source. */
export interface NameUse {
  readonly name: string;
  readonly line: number;
  readonly role: 'define' | 'undef' | 'test' | 'use';
  /** In the body of this macro. */
  readonly inMacro?: string;
}

/** Where some names stand in a source: defined, undefined, asked for by `#if`, or used, also by other macros. */
export function* usesOfNames(text: string, names: ReadonlySet<string>): Generator<NameUse> {
  let directive: string | undefined;
  let position = 0;
  let inMacro: string | undefined;
  let logical = 0;
  for (const token of preprocessingTokens(text)) {
    if (token.first) {
      directive = token.text === '#' ? '' : undefined;
      inMacro = undefined;
      position = 0;
      logical = token.line;
      if (directive !== undefined) continue;
    }
    if (directive !== undefined) position++;
    if (token.kind !== 'name') continue;
    if (directive !== undefined && position === 1) {
      directive = token.text;
      continue;
    }
    const isSubject = position === 2 && (directive === 'define' || directive === 'undef');
    if (isSubject && directive === 'define') inMacro = token.text;
    if (!names.has(token.text)) continue;
    if (isSubject) {
      yield { name: token.text, line: logical, role: directive === 'define' ? 'define' : 'undef' };
      continue;
    }
    yield {
      name: token.text,
      line: token.line,
      role:
        directive !== undefined && /^(?:if|ifdef|ifndef|elif|elifdef|elifndef)$/.test(directive)
          ? 'test'
          : 'use',
      ...(inMacro === undefined ? {} : { inMacro }),
    };
  }
}
