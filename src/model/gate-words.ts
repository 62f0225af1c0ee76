// The words of `--fail-on` and `--max`: groups of kinds that people speak of, and what they hold.

/** A word and the kinds that it means. */
interface Group {
  readonly word: string;
  readonly summary: string;
  readonly holds: (tool: string, kind: string) => boolean;
}

const uninitialised = /^(?:Uninit|SyscallParam$|ClientCheck$|use-of-uninitialized-value$)/;
const argument =
  /^(?:FishyValue|ReallocSizeZero|InvalidAlignment|InvalidSize\w*|(?:calloc|reallocarray|pvalloc)-overflow|allocation-size-too-big|rss-limit-exceeded|out-of-memory|invalid-(?:aligned-alloc|posix-memalign|allocation)-alignment|negative-size-param)$/;
const invalid =
  /^(?:Invalid(?:Read|Write|Jump|Free|MemPool)|Mismatched\w+|Overlap|CoreMemError|(?:heap|stack|dynamic-stack|global|container|intra-object)-(?:buffer-)?(?:over|under)flow|heap-use-after-free|stack-use-after-(?:return|scope)|use-after-poison|double-free|(?:bad|invalid|wild)-free|(?:free|realloc)-of-unknown|alloc-dealloc-mismatch|new-delete-type-mismatch|[\w-]+-param-overlap|bad-malloc_usable_size|bad-__sanitizer_get_allocated_size|tag-mismatch|allocation-tail-overwritten|unknown-crash|SEGV|BUS|ABRT|ILL|TRAP|FPE|stack-overflow|overflow|underflow|wild-pointer|wild-realloc|realloc-after-free|write-after-free|heap-corruption|access-violation|illegal-instruction|breakpoint)$/;
const race = /^(?:Race|ConflictingAccess|data-race|data-race-on-vptr|race-on-external-object)$/;
const threads: ReadonlySet<string> = new Set(['helgrind', 'drd', 'tsan']);

/** In the order in which help lists them. */
const groups: readonly Group[] = [
  {
    word: 'definite',
    summary: 'memory definitely lost',
    holds: (_, kind) => kind === 'Leak_DefinitelyLost' || kind === 'direct-leak',
  },
  {
    word: 'indirect',
    summary: 'memory indirectly lost',
    holds: (_, kind) => kind === 'Leak_IndirectlyLost' || kind === 'indirect-leak',
  },
  { word: 'possible', summary: 'memory possibly lost', holds: (_, kind) => kind === 'Leak_PossiblyLost' },
  {
    word: 'reachable',
    summary: 'memory still reachable',
    holds: (_, kind) => kind === 'Leak_StillReachable',
  },
  {
    word: 'unfreed',
    summary: 'memory not freed, of tools that do not look whether it can be reached',
    holds: (_, kind) => kind === 'unfreed',
  },
  {
    word: 'leak',
    summary: 'memory lost or not freed: definite, indirect, possible and unfreed',
    holds: (_, kind) => lost.has(kind),
  },
  {
    word: 'invalid',
    summary: 'invalid reads, writes, jumps and frees',
    holds: (_, kind) => invalid.test(kind),
  },
  { word: 'uninit', summary: 'uninitialised values', holds: (_, kind) => uninitialised.test(kind) },
  {
    word: 'undefined',
    summary: 'undefined behaviour, as UBSan checks it',
    holds: (tool) => tool === 'ubsan',
  },
  { word: 'argument', summary: 'fishy arguments of allocators', holds: (_, kind) => argument.test(kind) },
  { word: 'fd', summary: 'file descriptors', holds: (_, kind) => kind.startsWith('Fd') },
  { word: 'race', summary: 'data races', holds: (_, kind) => race.test(kind) },
  {
    word: 'lock',
    summary: 'locks, lock order and other misuse of threads',
    holds: (tool, kind) =>
      threads.has(tool) && !race.test(kind) && !invalid.test(kind) && !kind.startsWith('Fd'),
  },
];

const lost: ReadonlySet<string> = new Set([
  'Leak_DefinitelyLost',
  'Leak_IndirectlyLost',
  'Leak_PossiblyLost',
  'direct-leak',
  'indirect-leak',
  'unfreed',
]);

/** `all`: every finding; `none`: no finding; `default`: what the tool counts as an error. */
const special: readonly string[] = ['all', 'none', 'default'];

/** The words, for help and for errors. */
export const gateWords: readonly string[] = [...groups.map(({ word }) => word), ...special];

/** Whether a word stands for leaks: then its `--max` is in bytes. */
export function isLeakWord(word: string): boolean {
  return leakWords.includes(word) || leakRule.test(word);
}

const leakWords: readonly string[] = ['definite', 'indirect', 'possible', 'reachable', 'unfreed', 'leak'];

// `memcheck/Leak_DefinitelyLost`, `direct-leak`, `mtrace/unfreed`
const leakRule = /^(?:\w+\/)?(?:Leak_\w+|direct-leak|indirect-leak|unfreed)$/;

/**
 * Whether a finding is meant by a word.
 * @param error whether the tool's own rule counts it as an error, which is what `default` means.
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
