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
  /** A parenthesis follows: without one, a macro with parameters is not replaced there (C11 6.10.3 paragraph 10). */
  readonly called?: boolean;
}

/**
 * Where some names stand in a source: defined, undefined, asked for by `#if`, or used, also by other macros. Names of headers,
 * parameters of macros, operands of `##`, words of `#error` and a macro in its own body are not replaced, and left out.
 */
export function* usesOfNames(text: string, names: ReadonlySet<string>): Generator<NameUse> {
  let directive: Token[] | undefined;
  let held: Token | undefined;
  for (const token of preprocessingTokens(text)) {
    if (token.first) {
      if (directive !== undefined) yield* usesInDirective(directive, names);
      directive = token.text === '#' ? [token] : undefined;
      if (directive !== undefined) {
        if (held !== undefined) yield useOf(held, 'use', undefined);
        held = undefined;
        continue;
      }
    }
    if (directive !== undefined) {
      directive.push(token);
      continue;
    }
    if (held !== undefined) yield useOf(held, 'use', token);
    held = token.kind === 'name' && names.has(token.text) ? token : undefined;
  }
  if (held !== undefined) yield useOf(held, 'use', undefined);
  if (directive !== undefined) yield* usesInDirective(directive, names);
}

function useOf(token: Token, role: 'test' | 'use', next: Token | undefined, inMacro?: string): NameUse {
  return {
    name: token.text,
    line: token.line,
    role,
    ...(inMacro === undefined ? {} : { inMacro }),
    ...(next?.text === '(' ? { called: true } : {}),
  };
}

/** @param directive its tokens, from the `#` on. */
function* usesInDirective(directive: readonly Token[], names: ReadonlySet<string>): Generator<NameUse> {
  const [hash, kind, subject, ...more] = directive;
  if (hash === undefined || kind === undefined || subject === undefined) return;
  if (kind.text === 'define' || kind.text === 'undef') {
    if (names.has(subject.text)) yield { name: subject.text, line: hash.line, role: kind.text };
    if (kind.text === 'define') yield* usesInBody(subject.text, more, names);
    return;
  }
  const isPoison = kind.text === 'pragma' && more[0]?.text === 'poison';
  if (kind.text === 'error' || kind.text === 'warning' || isPoison) return;
  const role = /^(?:if|ifdef|ifndef|elif|elifdef|elifndef)$/.test(kind.text) ? 'test' : 'use';
  const words = withoutHeaders(directive.slice(2), /^(?:include|include_next|import)$/.test(kind.text));
  for (const [index, token] of words.entries()) {
    if (token.kind === 'name' && names.has(token.text)) yield useOf(token, role, words[index + 1]);
  }
}

/** Takes out `<sys/errno.h>` of an `#include`, and of `__has_include(…)`. */
function withoutHeaders(words: readonly Token[], isInclude: boolean): readonly Token[] {
  const kept: Token[] = [];
  let isHeader = false;
  for (const [index, token] of words.entries()) {
    const asked = /^__has_include(?:_next)?$/.test(words[index - 2]?.text ?? '');
    if (token.text === '<' && ((isInclude && index === 0) || asked)) isHeader = true;
    else if (isHeader) isHeader = token.text !== '>';
    else kept.push(token);
  }
  return kept;
}

/** @param rest what stands behind the name of the macro. */
function* usesInBody(macro: string, rest: readonly Token[], names: ReadonlySet<string>): Generator<NameUse> {
  const hasParameters = rest[0]?.text === '(' && !rest[0].spaced;
  const end = hasParameters ? rest.findIndex(({ text }) => text === ')') : -1;
  const parameters = new Set(rest.slice(0, end + 1).map(({ text }) => text));
  const body = rest.slice(end + 1);
  for (const [index, token] of body.entries()) {
    if (token.kind !== 'name' || !names.has(token.text) || parameters.has(token.text)) continue;
    if (token.text === macro) continue;
    if (body[index - 1]?.text === '##' || body[index + 1]?.text === '##') continue;
    yield useOf(token, 'use', body[index + 1], macro);
  }
}
