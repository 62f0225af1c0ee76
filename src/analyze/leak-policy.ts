// Which leaks count as errors and which are shown: valgrind's own rule, read from its options.

/** valgrind's words for the kinds of leak, as in `--show-leak-kinds=`. */
export type LeakKind = 'definite' | 'indirect' | 'possible' | 'reachable';

/** What happens to leak findings. */
export interface LeakPolicy {
  /** Kinds that count as errors. */
  readonly failing: ReadonlySet<LeakKind>;
  /** Kinds that are shown. */
  readonly shown: ReadonlySet<LeakKind>;
  /** Leaks were searched for, one by one. */
  readonly searched: boolean;
}

const kindWords: ReadonlyMap<string, LeakKind> = new Map([
  ['Leak_DefinitelyLost', 'definite'],
  ['Leak_IndirectlyLost', 'indirect'],
  ['Leak_PossiblyLost', 'possible'],
  ['Leak_StillReachable', 'reachable'],
]);

/** All of valgrind's leak kinds. */
export const allLeakKinds: readonly LeakKind[] = ['definite', 'indirect', 'possible', 'reachable'];

/** The leak kind of a finding's kind, or undefined when it is no leak. */
export function leakKindOf(kind: string): LeakKind | undefined {
  return kindWords.get(kind);
}

/**
 * Reads valgrind's options as valgrind does: later ones win, `--memcheck:` may stand before a name.
 * Defaults of `--errors-for-leak-kinds` and `--show-leak-kinds` are definite,possible (valgrind manual 4.3).
 * `--leak-check=no` and `summary` report no single leaks, and none counts as an error.
 */
export function leakPolicy(options: readonly string[]): LeakPolicy {
  const standard: ReadonlySet<LeakKind> = new Set<LeakKind>(['definite', 'possible']);
  let failing = standard;
  let shown = standard;
  let check = 'full';
  for (const option of options) {
    // `--memcheck:leak-check=full`
    const [, name, value = ''] = /^--(?:memcheck:)?([a-z-]+)=(.*)$/.exec(option) ?? [];
    if (name === 'leak-check') check = value;
    else if (name === 'errors-for-leak-kinds') failing = readLeakKinds(value) ?? failing;
    else if (name === 'show-leak-kinds') shown = readLeakKinds(value) ?? shown;
    else if (name === 'show-reachable') shown = value === 'yes' ? new Set(allLeakKinds) : standard;
    else if (name === 'show-possibly-lost' && value === 'no') shown = without(shown, 'possible');
  }
  if (check === 'no' || check === 'summary') return { failing: new Set(), shown: new Set(), searched: false };
  return { failing, shown, searched: true };
}

/** `definite,possible`, `all` or `none`; undefined for anything else. */
export function readLeakKinds(value: string): ReadonlySet<LeakKind> | undefined {
  if (value === 'all') return new Set(allLeakKinds);
  if (value === 'none') return new Set();
  const words = value.split(',').map((word) => allLeakKinds.find((kind) => kind === word));
  const known = words.filter((word) => word !== undefined);
  return known.length === words.length ? new Set(known) : undefined;
}

function without(kinds: ReadonlySet<LeakKind>, dropped: LeakKind): ReadonlySet<LeakKind> {
  return new Set([...kinds].filter((kind) => kind !== dropped));
}
