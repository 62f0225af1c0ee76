// The words of `--fail-on` and `--max`: groups of kinds that people speak of, and what they hold.

/** A word and the kinds that it means. */
interface Group {
  readonly word: string;
  readonly summary: string;
  readonly holds: (tool: string, kind: string) => boolean;
}

const uninitialised = /^(?:Uninit|SyscallParam$|ClientCheck$)/;
const argument = /^(?:FishyValue|ReallocSizeZero|InvalidAlignment|InvalidSize\w*)$/;
const invalid = /^(?:Invalid(?:Read|Write|Jump|Free|MemPool)|Mismatched\w+|Overlap|CoreMemError)$/;
const race = /^(?:Race|ConflictingAccess)$/;
const threads: ReadonlySet<string> = new Set(['helgrind', 'drd']);

/** In the order in which help lists them. */
const groups: readonly Group[] = [
  { word: 'definite', summary: 'memory definitely lost', holds: (_, kind) => kind === 'Leak_DefinitelyLost' },
  { word: 'indirect', summary: 'memory indirectly lost', holds: (_, kind) => kind === 'Leak_IndirectlyLost' },
  { word: 'possible', summary: 'memory possibly lost', holds: (_, kind) => kind === 'Leak_PossiblyLost' },
  {
    word: 'reachable',
    summary: 'memory still reachable',
    holds: (_, kind) => kind === 'Leak_StillReachable',
  },
  {
    word: 'invalid',
    summary: 'invalid reads, writes, jumps and frees',
    holds: (_, kind) => invalid.test(kind),
  },
  { word: 'uninit', summary: 'uninitialised values', holds: (_, kind) => uninitialised.test(kind) },
  { word: 'argument', summary: 'fishy arguments of allocators', holds: (_, kind) => argument.test(kind) },
  { word: 'fd', summary: 'file descriptors', holds: (_, kind) => kind.startsWith('Fd') },
  { word: 'race', summary: 'data races', holds: (_, kind) => race.test(kind) },
  {
    word: 'lock',
    summary: 'locks, lock order and other misuse of threads',
    holds: (tool, kind) => threads.has(tool) && !race.test(kind) && !kind.startsWith('Fd'),
  },
];

/** `all`: every finding; `none`: no finding; `default`: what valgrind counts as an error. */
const special: readonly string[] = ['all', 'none', 'default'];

/** The words, for help and for errors. */
export const gateWords: readonly string[] = [...groups.map(({ word }) => word), ...special];

/** Whether a word stands for leaks: then its `--max` is in bytes. */
export function isLeakWord(word: string): boolean {
  return leakKinds.includes(word) || /^(?:memcheck\/)?Leak_/.test(word);
}

const leakKinds: readonly string[] = ['definite', 'indirect', 'possible', 'reachable'];

/**
 * Whether a finding is meant by a word.
 * @param error whether valgrind's own rule counts it as an error, which is what `default` means.
 */
export function meansFinding(
  word: string,
  { tool, kind, error }: { readonly tool: string; readonly kind: string; readonly error: boolean },
): boolean {
  if (word === 'all') return true;
  if (word === 'none') return false;
  if (word === 'default') return error;
  const group = groups.find((known) => known.word === word);
  return group === undefined ? word === kind || word === `${tool}/${kind}` : group.holds(tool, kind);
}
