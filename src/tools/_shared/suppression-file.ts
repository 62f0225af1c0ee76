// Owns the grammar of valgrind's suppression files (manual, section 2.5, "Suppressing errors"): reading and writing.

/** One line for frames: a glob over what a frame has, or `...`, which stands for any number of frames. */
export type FrameLine =
  | { readonly by: 'fun' | 'obj' | 'src'; readonly pattern: string }
  | { readonly by: '...' };

/** One block of a suppression file. */
export interface SuppressionEntry {
  readonly name: string;
  /** `Memcheck`, `Helgrind`, `drd`, `CoreError`, or tools that vgrun does not know. */
  readonly tools: readonly string[];
  /** valgrind's word for what it hides: `Leak`, `Addr4`, `Race`. */
  readonly kind: string;
  /** What stands between the kind and the frames: a system call, `match-leak-kinds: definite`. */
  readonly extra: readonly string[];
  /** Innermost first. */
  readonly frames: readonly FrameLine[];
}

/** An entry with its place. */
export interface PlacedEntry extends SuppressionEntry {
  /** 1-based line of `{`. */
  readonly line: number;
  /** 1-based line of `}`. */
  readonly endLine: number;
}

/** What valgrind would not accept. */
export interface SyntaxProblem {
  /** 1-based. */
  readonly line: number;
  /** One sentence without a full stop. */
  readonly message: string;
  /** The line as it stands, at most 200 characters. */
  readonly quote: string;
}

/** A suppression file as understood: entries with a problem are not in `entries`. */
export interface SuppressionFile {
  readonly entries: readonly PlacedEntry[];
  readonly problems: readonly SyntaxProblem[];
}

// Kinds by the release that brought them, read from valgrind's sources; those without have been there since 3.8.
const memcheckKinds: ReadonlyMap<string, string> = new Map([
  ...'Param User CoreMem Addr1 Addr2 Addr4 Addr8 Addr16 Addr32 Value0 Value1 Value2 Value4 Value8 Value16 Value32 Cond Free Jump Overlap Leak Mempool'
    .split(' ')
    .map((kind) => [kind, ''] as const),
  ['FishyValue', '3.10'],
  ['ReallocZero', '3.21'],
  ['BadAlign', '3.22'],
  ['BadSize', '3.22'],
  ['UnsafeZeroSize', '3.22'],
  ['SizeMismatch', '3.22'],
  ['AlignMismatch', '3.22'],
]);

const sinceEver = (kinds: string): ReadonlyMap<string, string> =>
  new Map(kinds.split(' ').map((kind) => [kind, '']));

const kindsOfTool: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map([
  ['Memcheck', memcheckKinds],
  [
    'Helgrind',
    new Map([
      ...sinceEver('Race FreeMemLock UnlockUnlocked UnlockForeign UnlockBogus PthAPIerror LockOrder Misc'),
      ['Dubious', '3.21'],
    ]),
  ],
  [
    'drd',
    sinceEver(
      'ConflictingAccess MutexErr CondErr CondDestrErr CondRaceErr CondWaitErr SemaphoreErr BarrierErr RwlockErr HoldtimeErr GenericErr InvalidThreadId UnimpHgClReq UnimpDrdClReq',
    ),
  ],
  [
    'CoreError',
    new Map([
      ['FdBadClose', '3.23'],
      ['FdNotClosed', '3.23'],
      ['FdBadUse', '3.24'],
    ]),
  ],
]);

/** The release that brought a kind, empty for those that were always there; undefined when a known tool lacks it. */
export function kindSince(tool: string, kind: string): string | undefined {
  const kinds = kindsOfTool.get(tool);
  return kinds === undefined ? '' : kinds.get(kind);
}

// `match-leak-kinds: definite,possible`
const leakKindsLine = /^match-leak-kinds:\s*(.*)$/;
const leakKindList =
  /^(?:all|none|(?:definite|indirect|possible|reachable)(?:,(?:definite|indirect|possible|reachable))*)$/;

/** Reads a frame line; undefined for anything else. valgrind keeps blanks within a pattern. */
export function readFrameLine(text: string): FrameLine | undefined {
  if (text === '...') return { by: '...' };
  const by = text.slice(0, 4);
  if (by === 'fun:' || by === 'obj:' || by === 'src:') {
    return { by: by.slice(0, 3) as 'fun' | 'obj' | 'src', pattern: text.slice(4) };
  }
  return undefined;
}

interface Line {
  readonly number: number;
  readonly text: string;
}

/**
 * Reads a suppression file as valgrind does: blank lines and lines that begin with `#` count nowhere, white space at
 * both ends of a line is left out. valgrind gives up at the first mistake; this goes on at the next block.
 */
export function parseSuppressions(text: string): SuppressionFile {
  const entries: PlacedEntry[] = [];
  const problems: SyntaxProblem[] = [];
  let block: Line[] | undefined;
  let opened = 0;
  const complain = ({ number, text: quote }: Line, message: string) =>
    problems.push({ line: number, message, quote: quote.slice(0, 200) });
  let number = 0;
  for (const raw of text.split('\n')) {
    number += 1;
    const line: Line = { number, text: trimmed(raw) };
    if (line.text === '' || line.text.startsWith('#')) continue;
    if (block === undefined) {
      if (line.text === '{') {
        block = [];
        opened = number;
      } else complain(line, 'a block begins with "{" alone on its line');
    } else if (line.text === '}') {
      const entry = readBlock(block, line, complain);
      if (entry !== undefined) entries.push({ ...entry, line: opened, endLine: number });
      block = undefined;
    } else block.push(line);
  }
  if (block !== undefined) complain({ number: opened, text: '{' }, 'this block has no "}"');
  return { entries, problems };
}

/** Exactly the white space that C's isspace knows: a no-break space is part of a name. */
function trimmed(line: string): string {
  return line.replace(/^[ \t\r\v\f]+|[ \t\r\v\f]+$/g, '');
}

function readBlock(
  lines: readonly Line[],
  end: Line,
  complain: (line: Line, message: string) => void,
): SuppressionEntry | undefined {
  const [name, second, ...rest] = lines;
  if (name === undefined || second === undefined) {
    complain(end, 'a block needs a name, a line Tool:Kind and frames');
    return undefined;
  }
  // `Memcheck,Helgrind:Leak`
  const [, toolList = '', kind = ''] = /^([^:]*):(.*)$/.exec(second.text) ?? [];
  const tools = toolList.split(',');
  if (kind === '' || tools.includes('')) {
    complain(second, 'the second line of a block is Tool:Kind');
    return undefined;
  }
  const known = tools.filter((tool) => kindsOfTool.has(tool));
  const stranger = known.find((tool) => kindSince(tool, kind) === undefined);
  if (stranger !== undefined) {
    complain(second, `${stranger} has no kind "${kind}"`);
    return undefined;
  }
  const extraCount = countExtra(known, kind, rest);
  const frames: FrameLine[] = [];
  for (const line of rest.slice(extraCount)) {
    const frame = readFrameLine(line.text);
    if (frame !== undefined) frames.push(frame);
    // valgrind skips blocks of tools that do not run, whatever is in them.
    else if (known.length > 0) {
      complain(line, 'a frame is fun:NAME, obj:FILE, src:FILE or "..."');
      return undefined;
    }
  }
  const extra = rest.slice(0, extraCount).map(({ text }) => text);
  const wrong = known.length > 0 ? wrongBlock(kind, extra, frames) : undefined;
  if (wrong !== undefined) {
    complain(second, wrong);
    return undefined;
  }
  return { name: name.text, tools, kind, extra, frames };
}

/** How many lines after the kind are no frames. */
function countExtra(known: readonly string[], kind: string, rest: readonly Line[]): number {
  if (known.length === 0) {
    const first = rest.findIndex(({ text }) => readFrameLine(text) !== undefined);
    return first === -1 ? rest.length : first;
  }
  if (!known.includes('Memcheck')) return 0;
  if (kind === 'Param' || kind === 'CoreMem' || kind === 'FishyValue') return Math.min(1, rest.length);
  return kind === 'Leak' && rest[0] !== undefined && leakKindsLine.test(rest[0].text) ? 1 : 0;
}

function wrongBlock(
  kind: string,
  extra: readonly string[],
  frames: readonly FrameLine[],
): string | undefined {
  const leaks = leakKindsLine.exec(extra[0] ?? '')?.[1];
  if (kind === 'Leak' && leaks !== undefined && !leakKindList.test(leaks.replaceAll(/\s/g, ''))) {
    return `"${leaks}" is no list of leak kinds`;
  }
  // valgrind 3.19 takes it for a bad list of leak kinds, and ends.
  if (kind === 'Leak' && extra.length === 0 && frames[0]?.by === 'src') {
    return 'a Leak whose first frame is src: needs a line match-leak-kinds: before it';
  }
  // `malloc(size)`
  if (kind === 'FishyValue' && !/^[^(]+\([^)]+\)$/.test(extra[0] ?? '')) {
    return 'FishyValue needs a line FUNCTION(ARGUMENT)';
  }
  return frames.some(({ by }) => by !== '...') ? undefined : 'a block needs a frame that is not "..."';
}

/** The leak kinds that an entry hides; all of them when it names none. */
export function leakKindsOfEntry({ extra }: SuppressionEntry): readonly string[] {
  const list = leakKindsLine.exec(extra[0] ?? '')?.[1]?.replaceAll(/\s/g, '') ?? 'all';
  return list === 'all' ? ['definite', 'indirect', 'possible', 'reachable'] : list.split(',');
}

// What would end a line or cannot be typed into one; C's white space at an end would be cut off.
const unwritable =
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ufeff\ufffd]+|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|^ +| +$/g;

/** A pattern that matches the text and can stand in a file: what cannot becomes `*`. */
export function patternOf(text: string): string {
  return text.replace(unwritable, '*').replace(/\*{2,}/g, '*');
}

/** A text as the name of an entry: on one line, and neither a comment nor a brace. */
export function entryName(text: string): string {
  const plain = text.replace(unwritable, '?');
  return /^[#{}]|^$/.test(plain) ? `"${plain}"` : plain;
}

/** The block as valgrind itself prints it, with a newline at its end. */
export function writeSuppression({ name, tools, kind, extra, frames }: SuppressionEntry): string {
  const lines = [
    entryName(name),
    `${tools.join(',')}:${kind}`,
    ...extra,
    ...frames.map((frame) => (frame.by === '...' ? '...' : `${frame.by}:${frame.pattern}`)),
  ];
  return `{\n${lines.map((line) => `   ${line}\n`).join('')}}\n`;
}
