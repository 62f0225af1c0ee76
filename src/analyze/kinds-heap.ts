// The knowledge base: what mtrace, memwatch, the debug heap of Microsoft's C runtime, Visual Leak Detector and heaptrack say.
// Kinds: glibc's mtrace.pl, memwatch.c 2.71, dbgheap.c of the C runtime, Visual Leak Detector 2.5, heaptrack_print.
import type { Kind } from './kind.ts';

type Entry = Omit<Kind, 'tool' | 'falsePositives' | 'options'> & Partial<Kind>;

const of =
  (tool: string) =>
  (entry: Entry): Kind => ({ tool, falsePositives: [], options: [], ...entry });

const unfreed = (headlines: readonly string[], more: Partial<Entry> = {}): Entry => ({
  kind: 'unfreed',
  severity: 'error',
  title: 'Memory not freed',
  meaning:
    'The block was allocated here and never freed; nobody looked whether the program can still reach it.',
  advice:
    'Free it where its owner ends; run it under memcheck to see whether it is lost or only kept to the end.',
  causes: [
    'a lost pointer',
    'a cache or global that is kept until the process ends',
    'an exit in the middle of the work',
  ],
  fixes: ['free it on every path', 'free globals at the end when the report shall be empty'],
  falsePositives: ['what is kept on purpose until the process ends, by libraries too'],
  headlines,
  ...more,
});

const mtraceEntries: readonly Entry[] = [
  unfreed(['memory not freed'], {
    options: ['vgrun --leak-check=full tells whether it can still be reached'],
  }),
  {
    kind: 'free-of-unknown',
    severity: 'error',
    title: 'Free of an unknown block',
    meaning:
      'An address was freed that the trace does not know: freed before, never allocated, or allocated before the trace began.',
    advice:
      'Begin the trace as the first thing of main; what is still said then is a double or a bad free, which memcheck or AddressSanitizer explain.',
    causes: ['freed twice', 'a pointer into a block', 'mtrace() called too late'],
    fixes: ['set the pointer to NULL where it is freed', 'call mtrace() first'],
    falsePositives: ['blocks from before mtrace() was called'],
    options: ['--tool=memcheck', '--tool=asan'],
    headlines: ['was never alloc'],
  },
  {
    kind: 'realloc-of-unknown',
    severity: 'error',
    title: 'realloc of an unknown block',
    meaning: 'The function realloc was given an address that the trace does not know.',
    advice: 'Give it the pointer that the last call returned.',
    causes: [
      'the old pointer is used after realloc moved the block',
      'a block that was freed',
      'mtrace() called too late',
    ],
    fixes: ['p = realloc(p, n) with a test in between'],
    falsePositives: ['blocks from before mtrace() was called'],
    options: ['--tool=memcheck'],
    headlines: ['realloc of a block that was never allocated'],
  },
  {
    kind: 'alloc-twice',
    severity: 'warning',
    title: 'Block given out twice',
    meaning:
      'The trace has two allocations of one address with no free between them: a free is missing from the trace.',
    advice: 'Look whether the trace was cut, or memory was freed while it was switched off.',
    causes: ['muntrace() in between', 'a free in a child process', 'lines of several threads that were lost'],
    fixes: ['trace the whole program'],
    headlines: ['duplicate'],
  },
];

const memwatchEntries: readonly Entry[] = [
  unfreed(['unfreed:'], { options: ['CHECK() at the places between which it appears'] }),
  {
    kind: 'double-free',
    severity: 'critical',
    title: 'Freed twice',
    meaning: 'A block was freed that had been freed before, at the place that is named.',
    advice: 'Keep the free of the owner.',
    causes: ['two owners', 'an error path that frees as well'],
    fixes: ['set the pointer to NULL where it is freed'],
    headlines: ['double-free:'],
  },
  {
    kind: 'realloc-after-free',
    severity: 'critical',
    title: 'realloc of a freed block',
    meaning: 'The function realloc was given a block that had been freed.',
    advice: 'Use the pointer that the last call returned.',
    causes: ['the old pointer is kept'],
    fixes: ['p = realloc(p, n) with a test in between'],
    headlines: ['realloc: <'],
  },
  ...(['over', 'under'] as const).map(
    (side): Entry => ({
      kind: `${side}flow`,
      severity: 'critical',
      title: side === 'over' ? 'Written past the end of a block' : 'Written before the start of a block',
      meaning: `The bytes ${side === 'over' ? 'after' : 'before'} the block were changed when memwatch looked; the write came some time earlier.`,
      advice:
        'Put CHECK() between the allocation and here to close in on the write, or run it under AddressSanitizer, which stops at it.',
      causes: ['a loop bound one too high', 'no room for the NUL', 'a negative index'],
      fixes: ['check the index', 'allocate strlen + 1'],
      options: ['CHECK()', 'CHECK_BUFFER()', '--tool=asan'],
      headlines: [`${side}flow:`],
    }),
  ),
  {
    kind: 'wild-free',
    severity: 'critical',
    title: 'Free of what is no block',
    meaning: 'An address was freed that memwatch never gave out.',
    advice: 'Free the very pointer that malloc returned; compile all files with memwatch.h.',
    causes: ['a pointer into a block', 'memory of a file or library that was built without memwatch'],
    fixes: ['keep the first pointer', 'mwFree_ for foreign memory'],
    falsePositives: ['strdup and getline of libc, whose blocks memwatch does not know'],
    headlines: ['wild free:'],
  },
  {
    kind: 'wild-realloc',
    severity: 'critical',
    title: 'realloc of what is no block',
    meaning: 'The function realloc was given an address that memwatch never gave out.',
    advice: 'Give it the pointer that the last call returned.',
    causes: ['a pointer into a block', 'memory of a library that was built without memwatch'],
    fixes: ['keep the first pointer'],
    headlines: ['realloc: unknown pointer', 'wild realloc'],
  },
  {
    kind: 'wild-pointer',
    severity: 'critical',
    title: 'Write to memory that is not in use',
    meaning: 'Memory that was freed, or that memwatch keeps back, was written to.',
    advice: 'Run it under AddressSanitizer or memcheck to see who writes.',
    causes: ['a pointer kept after free', 'an index far out of bounds'],
    fixes: ['set the pointer to NULL where it is freed'],
    options: ['--tool=asan', '--tool=memcheck'],
    headlines: ['wild pointer:'],
  },
  {
    kind: 'heap-corruption',
    severity: 'critical',
    title: 'Heap damaged',
    meaning: 'The data that memwatch keeps with each block do not fit each other.',
    advice: 'Look for a write far outside of a block; AddressSanitizer or memcheck stop at it.',
    causes: ['a wild write', 'memory that was freed behind memwatch'],
    fixes: ['fix the first error of the log'],
    options: ['--tool=asan'],
    headlines: ['heap corruption'],
  },
  ...(['internal', 'relink'] as const).map(
    (kind): Entry => ({
      kind,
      severity: 'critical',
      title: "memwatch's own data damaged",
      meaning: 'The list of blocks of memwatch was written over, so its further words are worth less.',
      advice: 'Fix the errors before it; it is what a wild write does.',
      causes: ['a wild write'],
      fixes: ['fix the first error of the log'],
      options: ['--tool=asan'],
      headlines: [`${kind}:`],
    }),
  ),
  {
    kind: 'limit-fail',
    severity: 'warning',
    title: 'Allocation refused by the limit',
    meaning: 'The limit that mwLimit() set was reached, and the allocation failed as was asked for.',
    advice: 'See that the program takes a failed allocation well.',
    causes: ['mwLimit()'],
    fixes: ['handle NULL', 'raise the limit'],
    headlines: ['limit: fail'],
  },
  {
    kind: 'allocation-failed',
    severity: 'error',
    title: 'No memory left',
    meaning: 'The function malloc itself gave no more memory.',
    advice: 'Look for what grows, or for a size that was never set.',
    causes: ['a leak in a loop', 'a huge size'],
    fixes: ['check the size', 'free what is not needed'],
    headlines: ['fail:'],
  },
  {
    kind: 'strdup-of-null',
    severity: 'error',
    title: 'strdup of NULL',
    meaning: 'The function strdup was given a null pointer, which crashes without memwatch.',
    advice: 'Test the pointer before the call.',
    causes: ['getenv or a look-up that found nothing'],
    fixes: ['test it'],
    headlines: ['strdup: <'],
  },
  ...(['assert', 'verify'] as const).map(
    (word): Entry => ({
      kind: `${word}-trap`,
      severity: 'error',
      title: `${word.toUpperCase()} does not hold`,
      meaning: `The condition of ${word.toUpperCase()}() in the source is false.`,
      advice: 'Fix what the condition guards.',
      causes: ['the state that it is there to catch'],
      fixes: ['as the condition says'],
      headlines: [`${word} trap`],
    }),
  ),
  {
    kind: 'mark',
    severity: 'warning',
    title: 'Mark that was never taken back',
    meaning: 'The program called mwMark() for an address, and mwUnmark() never.',
    advice: 'Unmark it where the resource is released.',
    causes: ['a resource that is not released'],
    fixes: ['mwUnmark()'],
    headlines: ['mark:'],
  },
];

const crtEntries: readonly Entry[] = [
  unfreed(['normal block at', 'detected memory leaks!', 'client block at'], {
    options: [
      '_CrtSetBreakAlloc(N) stops at the allocation with that number',
      '#define _CRTDBG_MAP_ALLOC before the headers gives file and line',
    ],
    falsePositives: [
      'objects of static lifetime that are freed after _CrtDumpMemoryLeaks() was called: _CRTDBG_LEAK_CHECK_DF dumps at the end',
    ],
  }),
  ...(['over', 'under'] as const).map(
    (side): Entry => ({
      kind: `${side}flow`,
      severity: 'critical',
      title: side === 'over' ? 'Written past the end of a block' : 'Written before the start of a block',
      meaning: `The debug heap found the bytes ${side === 'over' ? 'after' : 'before'} a block changed; the write came some time earlier.`,
      advice: 'Call _CrtCheckMemory() more often to close in on the write, or use AddressSanitizer.',
      causes: ['a loop bound one too high', 'no room for the NUL', 'a negative index'],
      fixes: ['check the index'],
      options: ['_CRTDBG_CHECK_ALWAYS_DF'],
      headlines: [
        side === 'over'
          ? 'crt detected that the application wrote to memory after end of heap buffer'
          : 'crt detected that the application wrote to memory before start of heap buffer',
      ],
    }),
  ),
  {
    kind: 'write-after-free',
    severity: 'critical',
    title: 'Written to after it was freed',
    meaning: 'The debug heap keeps freed blocks and fills them; this one was changed since.',
    advice: 'Find who kept a pointer to the block; AddressSanitizer stops at the write.',
    causes: ['a pointer kept after free'],
    fixes: ['set the pointer to NULL where it is freed'],
    options: ['_CRTDBG_DELAY_FREE_MEM_DF with _CRTDBG_CHECK_ALWAYS_DF'],
    headlines: [
      'crt detected that the application wrote to a heap buffer that was freed',
      'on top of free block',
    ],
  },
];

const vldEntries: readonly Entry[] = [
  unfreed(['visual leak detector detected', 'leak hash:'], {
    options: ['StackWalkMethod = safe in vld.ini for whole stacks'],
  }),
];

const heaptrackEntries: readonly Entry[] = [
  unfreed(['leaked over'], {
    options: ['heaptrack_print --print-leaks', '--tool=memcheck tells whether it can still be reached'],
  }),
];

/** Blocks that were not freed, and what else these heaps notice. */
export const heapKinds: readonly Kind[] = [
  ...mtraceEntries.map(of('mtrace')),
  ...memwatchEntries.map(of('memwatch')),
  ...crtEntries.map(of('crt')),
  ...vldEntries.map(of('vld')),
  ...heaptrackEntries.map(of('heaptrack')),
];
