// Which leaks count as errors and which are shown: valgrind's own rule, read from its options.

/** valgrind's words for the kinds of leak, as in `--show-leak-kinds=`. */
export type SearchedLeakKind = 'definite' | 'indirect' | 'possible' | 'reachable';

/** Those, and what was not freed under a tool that does not look whether it can still be reached. */
export type LeakKind = SearchedLeakKind | 'unfreed';

/** What happens to leak findings. */
export interface LeakPolicy {
  /** Kinds that count as errors. */
  readonly failing: ReadonlySet<SearchedLeakKind>;
  /** Kinds that are shown. */
  readonly shown: ReadonlySet<SearchedLeakKind>;
  /** Leaks were searched for, one by one. */
  readonly searched: boolean;
}

const kindWords: ReadonlyMap<string, LeakKind> = new Map([
  ['Leak_DefinitelyLost', 'definite'],
  ['Leak_IndirectlyLost', 'indirect'],
  ['Leak_PossiblyLost', 'possible'],
  ['Leak_StillReachable', 'reachable'],
  ['direct-leak', 'definite'],
  ['indirect-leak', 'indirect'],
  ['unfreed', 'unfreed'],
]);

/** All of valgrind's leak kinds. */
export const searchedLeakKinds: readonly SearchedLeakKind[] = [
  'definite',
  'indirect',
  'possible',
  'reachable',
];

/** All kinds, in the order in which totals name them. */
export const allLeakKinds: readonly LeakKind[] = [...searchedLeakKinds, 'unfreed'];

/** The leak kind of a finding's kind, or undefined when it is no leak. */
export function leakKindOf(kind: string): LeakKind | undefined {
  return kindWords.get(kind);
}

/**
 * Whether a finding of this kind counts as an error; what is no leak always does. The options that `policy` comes from
 * speak of valgrind's kinds alone. LeakSanitizer fails a program for indirect leaks as well, and has to: it calls
 * blocks that hold each other in a ring indirect, all of them.
 */
export function leakCounts(kind: string, { failing }: LeakPolicy): boolean {
  return isDecidedBy(failing, kind);
}

/** Whether a finding of this kind is listed. */
export function leakIsShown(kind: string, { shown }: LeakPolicy): boolean {
  return isDecidedBy(shown, kind);
}

function isDecidedBy(kinds: ReadonlySet<SearchedLeakKind>, kind: string): boolean {
  const leak = kind.startsWith('Leak_') ? leakKindOf(kind) : undefined;
  return leak === undefined || leak === 'unfreed' || kinds.has(leak);
}

/**
 * Reads valgrind's options as valgrind does: later ones win, `--memcheck:` may stand before a name.
 * Defaults of `--errors-for-leak-kinds` and `--show-leak-kinds` are definite,possible (valgrind manual 4.3).
 * `--leak-check=no` and `summary` report no single leaks, and none counts as an error.
 */
export function leakPolicy(options: readonly string[]): LeakPolicy {
  const standard: ReadonlySet<SearchedLeakKind> = new Set<SearchedLeakKind>(['definite', 'possible']);
  let failing = standard;
  let shown = standard;
  let check = 'full';
  for (const option of options) {
    // `--memcheck:leak-check=full`
    const [, name, value = ''] = /^--(?:memcheck:)?([a-z-]+)=(.*)$/.exec(option) ?? [];
    if (name === 'leak-check') check = value;
    else if (name === 'errors-for-leak-kinds') failing = readLeakKinds(value) ?? failing;
    else if (name === 'show-leak-kinds') shown = readLeakKinds(value) ?? shown;
    else if (name === 'show-reachable') shown = value === 'yes' ? new Set(searchedLeakKinds) : standard;
    else if (name === 'show-possibly-lost' && value === 'no') shown = without(shown, 'possible');
  }
  if (check === 'no' || check === 'summary') return { failing: new Set(), shown: new Set(), searched: false };
  return { failing, shown, searched: true };
}

/** `definite,possible`, `all` or `none`; undefined for anything else. */
export function readLeakKinds(value: string): ReadonlySet<SearchedLeakKind> | undefined {
  if (value === 'all') return new Set(searchedLeakKinds);
  if (value === 'none') return new Set();
  const words = value.split(',').map((word) => searchedLeakKinds.find((kind) => kind === word));
  const known = words.filter((word) => word !== undefined);
  return known.length === words.length ? new Set(known) : undefined;
}

function without(
  kinds: ReadonlySet<SearchedLeakKind>,
  dropped: SearchedLeakKind,
): ReadonlySet<SearchedLeakKind> {
  return new Set([...kinds].filter((kind) => kind !== dropped));
}
