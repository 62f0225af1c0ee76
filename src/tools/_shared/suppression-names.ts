// Owns the step from demangled C++ names, which logs have, to mangled ones, which `fun:` is matched against: what can
// be said of the mangled name (Itanium C++ ABI, "External Names"), and whether a pattern matches it.

/** `cannot tell` where the log does not have what valgrind compares. */
export type Answer = 'yes' | 'no' | 'cannot tell';

/** valgrind's globs: `*` any characters, `?` one; everything else is itself, `\` and `[` included. */
export function globMatches(pattern: string, text: string): boolean {
  let at = 0;
  let read = 0;
  let star = -1;
  let retry = 0;
  while (read < text.length) {
    const wanted = pattern[at];
    if (wanted === '*') {
      star = at++;
      retry = read;
    } else if (wanted === '?' || (wanted !== undefined && wanted === text[read])) {
      at++;
      read++;
    } else if (star >= 0) {
      at = star + 1;
      read = ++retry;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

/**
 * Whether everything that `narrow` matches is matched by `wide` too. Never true when it is not so; may be false when
 * it is.
 */
export function globCovers(wide: string, narrow: string): boolean {
  // In `narrow` a star may be any text, so only a star of `wide` can stand for it: as a character that nothing equals.
  const opaque = narrow.replaceAll('*', '\0').replaceAll('?', '\x01');
  let at = 0;
  let read = 0;
  let star = -1;
  let retry = 0;
  while (read < opaque.length) {
    const wanted = wide[at];
    if (wanted === '*') {
      star = at++;
      retry = read;
    } else if (
      wanted !== undefined &&
      ((wanted === '?' && opaque[read] !== '\0') || wanted === opaque[read])
    ) {
      at++;
      read++;
    } else if (star >= 0) {
      at = star + 1;
      read = ++retry;
    } else return false;
  }
  while (wide[at] === '*') at++;
  return at === wide.length;
}

// `main`, `foo.isra.0`, `dlopen@@GLIBC_2.34`, `_ZN3FooC1Ev` (with --demangle=no), `(below main)`
const plainName = /^[A-Za-z_$.][\w$.]*(?:@@?[\w.]+)?$|^\(below main\)$/;

/** Whether a function's name in a log is also the one that valgrind compares. */
export function isPlainName(name: string): boolean {
  return plainName.test(name);
}

// Replaced allocators are in every log of a C++ program. size_t is `unsigned long` or, on 32 bits, `unsigned int`.
const allocators: ReadonlyMap<string, string> = new Map(
  [
    ['unsigned long', 'm'],
    ['unsigned int', 'j'],
  ].flatMap(([size, code]): [string, string][] => [
    [`operator new(${size})`, `_Znw${code}`],
    [`operator new[](${size})`, `_Zna${code}`],
    [`operator new(${size}, std::nothrow_t const&)`, `_Znw${code}RKSt9nothrow_t`],
    [`operator new[](${size}, std::nothrow_t const&)`, `_Zna${code}RKSt9nothrow_t`],
    [`operator new(${size}, std::align_val_t)`, `_Znw${code}St11align_val_t`],
    [`operator new[](${size}, std::align_val_t)`, `_Zna${code}St11align_val_t`],
    ['operator delete(void*)', '_ZdlPv'],
    ['operator delete[](void*)', '_ZdaPv'],
    [`operator delete(void*, ${size})`, `_ZdlPv${code}`],
    [`operator delete[](void*, ${size})`, `_ZdaPv${code}`],
  ]),
);

// Section 5.1.3. What is unary or binary by its operands has two codes.
const operators: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '()': 'cl',
    '[]': 'ix',
    '->': 'pt',
    '->*': 'pm',
    '=': 'aS',
    '==': 'eq',
    '!=': 'ne',
    '<': 'lt',
    '>': 'gt',
    '<=': 'le',
    '>=': 'ge',
    '<=>': 'ss',
    '!': 'nt',
    '&&': 'aa',
    '||': 'oo',
    '<<': 'ls',
    '>>': 'rs',
    '<<=': 'lS',
    '>>=': 'rS',
    '+=': 'pL',
    '-=': 'mI',
    '*=': 'mL',
    '/=': 'dV',
    '%=': 'rM',
    '&=': 'aN',
    '|=': 'oR',
    '^=': 'eO',
    '++': 'pp',
    '--': 'mm',
    ',': 'cm',
    '~': 'co',
    '/': 'dv',
    '%': 'rm',
    '|': 'or',
    '^': 'eo',
    '+': 'p?',
    '-': '?',
    '*': '?',
    '&': 'a?',
    new: 'nw',
    'new[]': 'na',
    delete: 'dl',
    'delete[]': 'da',
  }),
);

// Names that the ABI may write as St, Sa, Sb, Ss, Si, So, Sd, or that an inline namespace of the library hides.
const abbreviated =
  /^(?:std|allocator|string|basic_string|istream|ostream|iostream|basic_[io]stream|basic_iostream)$/;

/**
 * The narrowest pattern that surely matches the mangled name of a demangled one: its identifiers in order, each with
 * its length. `Foo::bar(int)` is `_Z*3Foo*3bar*`. Parameters and template arguments are left out, because the ABI may
 * replace what it has written before.
 *
 * @returns undefined when nothing can be said, as for names of other languages.
 */
export function mangledPattern(demangled: string): string | undefined {
  const exact = allocators.get(demangled);
  if (exact !== undefined) return exact;
  if (demangled.length > 20_000) return undefined;
  const parts = nameParts(demangled);
  if (parts === undefined) return undefined;
  let pattern = '_Z*';
  let previous: string | undefined;
  let identifiers = 0;
  for (const part of parts) {
    const code = codeOf(part, previous);
    if (code === undefined) return undefined;
    if (code !== '') {
      pattern += `${code}*`;
      identifiers += /^\d/.test(code) ? 1 : 0;
    }
    previous = part;
  }
  return identifiers === 0 ? undefined : pattern;
}

function codeOf(part: string, previous: string | undefined): string | undefined {
  if (part === '(anonymous namespace)') return '_GLOBAL__N_';
  // `{lambda(int)#1}`, clang's `'lambda'(int)`
  if (/^(?:\{lambda|\$_\d|'lambda)/.test(part)) return 'Ul';
  if (/^\{unnamed type#\d+\}$/.test(part)) return 'Ut';
  if (part.startsWith('operator') && !/^operator\w/.test(part)) {
    const symbol = part.slice('operator'.length).trim();
    const known = operators.get(symbol);
    if (known !== undefined) return known;
    if (symbol.startsWith('""')) return 'li';
    return 'cv';
  }
  if (!/^~?[A-Za-z_][\w$]*$/.test(part)) return undefined;
  if (part.startsWith('~')) return 'D?';
  // A constructor has the name of its class, as the class itself in itself has, which nobody writes.
  if (part === previous) return 'C?';
  return abbreviated.test(part) ? '' : `${byteLength(part)}${part}`;
}

// All characters of identifiers that get here are ASCII.
const byteLength = (part: string): number => part.length;

/**
 * Splits the qualified name of a demangled function at `::`, without return type, template arguments and parameters:
 * `void Foo<int>::bar<A::B>(C::D) const` is `Foo`, `bar`. The parameters of an enclosing function are left out as well.
 */
function nameParts(demangled: string): readonly string[] | undefined {
  const text = demangled.replace(/(?: \[clone [^\]]*\])+$/, '').replace(/\[abi:\w+\]/g, '');
  const parts: string[] = [];
  let part = '';
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at, at + 40);
    if (text.startsWith('(anonymous namespace)', at)) {
      part += '(anonymous namespace)';
      at += '(anonymous namespace)'.length;
    } else if (part === '' && /^operator(?!\w)/.test(rest)) {
      const symbol =
        /^operator(?: ?(?:new\[\]|delete\[\]|new\b|delete\b|\(\)|\[\]|->\*|<=>|<<=|>>=|->|\+\+|--|&&|\|\||<<|>>|[-+*/%&|^=!<>]=|[-+*/%&|^=!<>~,])|"" ?\w+)/.exec(
          rest,
        )?.[0];
      if (symbol !== undefined) {
        part = symbol;
        at += symbol.length;
        // `operator< <int>(…)`
        if (text.startsWith(' <', at)) at += 1;
      } else {
        // `operator std::vector<int>()`: a type up to the parameters.
        const end = endOfType(text, at);
        if (end === undefined) return undefined;
        parts.push('operator conversion');
        return parts;
      }
    } else if (text[at] === '{' || (text[at] === "'" && part === '')) {
      const end = text[at] === '{' ? closing(text, at, '{', '}') : text.indexOf("'", at + 1);
      if (end === undefined || end < 0) return undefined;
      part += text.slice(at, end + 1);
      at = end + 1;
    } else if (text[at] === '<') {
      const end = closing(text, at, '<', '>');
      if (end === undefined) return undefined;
      at = end + 1;
    } else if (text[at] === '(') {
      const end = closing(text, at, '(', ')');
      if (end === undefined) return undefined;
      // `main::{lambda()#1}::operator()() const`, `f(int)::local::g()`: only the last parameters end the name.
      const after = text.slice(end + 1).replace(/^(?: const| volatile|&|\s)+/, '');
      if (!after.startsWith('::')) {
        if (after !== '') return undefined;
        parts.push(part);
        return parts;
      }
      at = text.length - after.length;
    } else if (text.startsWith('::', at)) {
      parts.push(part);
      part = '';
      at += 2;
    } else if (text[at] === ' ' || text[at] === '*' || text[at] === '&') {
      // What stood before is the return type of a template.
      parts.length = 0;
      part = '';
      at += 1;
    } else {
      part += text[at];
      at += 1;
    }
  }
  return undefined;
}

function endOfType(text: string, from: number): number | undefined {
  const at = text.lastIndexOf('(');
  return at > from ? at : undefined;
}

function closing(text: string, from: number, open: string, close: string): number | undefined {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    if (text[at] === open) depth += 1;
    // `->` within an expression of a template
    else if (text[at] === close && !(close === '>' && text[at - 1] === '-')) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return undefined;
}

/** Whether `fun:pattern` matches a function of which only the demangled name is known. */
export function matchesDemangled(pattern: string, demangled: string): Answer {
  if (/^\*+$/.test(pattern)) return 'yes';
  const own = mangledPattern(demangled);
  if (own !== undefined && !own.includes('*')) return globMatches(pattern, own) ? 'yes' : 'no';
  if (globCovers(pattern, own ?? '_*')) return 'yes';
  if (own === undefined) return 'cannot tell';
  if (!/[*?]/.test(pattern)) return globMatches(own, pattern) ? 'cannot tell' : 'no';
  return mayHold(pattern, demangled) ? 'cannot tell' : 'no';
}

/**
 * Whether all length-prefixed identifiers of a pattern can be in the mangled name: every one of those is a word of the
 * demangled name. Words that only end alike count, as `3Foo` is in `13Foolish_words`.
 */
function mayHold(pattern: string, demangled: string): boolean {
  const start = pattern.replace(/[*?].*$/s, '');
  if (!start.startsWith('_Z') && !'_Z'.startsWith(start)) return false;
  if (pattern.includes('_GLOBAL__N_') && !demangled.includes('(anonymous namespace)')) return false;
  const words = demangled.match(/[A-Za-z_][\w$]*/g) ?? [];
  for (const { 1: length = '', 2: name = '', index } of pattern.matchAll(/(\d+)([A-Za-z_][\w$]*)/g)) {
    const wanted = name.slice(0, Number(length));
    // Only a part of the identifier.
    if (wanted === '' || wanted.length < Number(length)) continue;
    // `S0_`, `T1_`, `A5_c` are no identifiers, nor are the library's own, which may be written short.
    if (wanted.startsWith('_')) continue;
    // `Li5E`: a number as argument of a template; what a wildcard stands for may end so too.
    if (wanted.startsWith('E') && /(?:L[a-z]n?|[*?])$/.test(pattern.slice(0, index))) continue;
    const found = words.some((word) => word.startsWith(wanted) && String(word.length).endsWith(length));
    if (!found) return false;
  }
  return true;
}
