// The names of all kinds, by tool: what --fail-on and --max take beside the words for groups. A test holds them to kinds-all.ts.

const names: Readonly<Record<string, string>> = {
  memcheck:
    'InvalidRead InvalidWrite InvalidJump UninitCondition UninitValue SyscallParam ClientCheck InvalidFree MismatchedFree Overlap Leak_DefinitelyLost Leak_IndirectlyLost Leak_PossiblyLost Leak_StillReachable InvalidMemPool FishyValue ReallocSizeZero InvalidAlignment InvalidSizeAndAlignment InvalidSize MismatchedAllocateDeallocateSize MismatchedAllocateDeallocateAlignment CoreMemError',
  core: 'FdBadClose FdNotClosed FdBadUse fatal_signal',
  helgrind: 'Race LockOrder UnlockUnlocked UnlockForeign UnlockBogus PthAPIerror Misc Dubious',
  drd: 'ConflictingAccess MutexErr CondErr CondDestrErr CondRaceErr CondWaitErr SemaphoreErr BarrierErr RwlockErr HoldtimeErr GenericErr InvalidThreadId UnimpHgClReq UnimpDrdClReq',
  asan: 'heap-buffer-overflow stack-buffer-overflow stack-buffer-underflow dynamic-stack-buffer-overflow global-buffer-overflow heap-use-after-free stack-use-after-return stack-use-after-scope double-free bad-free alloc-dealloc-mismatch new-delete-type-mismatch initialization-order-fiasco container-overflow use-after-poison intra-object-overflow memcpy-param-overlap memmove-param-overlap strcpy-param-overlap strncpy-param-overlap strcat-param-overlap strncat-param-overlap wcscpy-param-overlap wcscat-param-overlap negative-size-param calloc-overflow reallocarray-overflow pvalloc-overflow allocation-size-too-big out-of-memory rss-limit-exceeded invalid-allocation-alignment invalid-aligned-alloc-alignment invalid-posix-memalign-alignment bad-malloc_usable_size bad-__sanitizer_get_allocated_size bad-__sanitizer_annotate_contiguous_container bad-__sanitizer_annotate_double_ended_contiguous_container odr-violation invalid-pointer-pair SEGV access-violation BUS FPE integer-divide-by-zero ILL illegal-instruction TRAP breakpoint ABRT stack-overflow unknown-crash',
  hwasan:
    'tag-mismatch allocation-tail-overwritten invalid-free bad-free double-free heap-use-after-free heap-buffer-overflow calloc-overflow reallocarray-overflow pvalloc-overflow allocation-size-too-big out-of-memory rss-limit-exceeded invalid-allocation-alignment invalid-aligned-alloc-alignment invalid-posix-memalign-alignment SEGV BUS FPE ILL TRAP ABRT stack-overflow',
  lsan: 'direct-leak indirect-leak calloc-overflow reallocarray-overflow pvalloc-overflow allocation-size-too-big out-of-memory rss-limit-exceeded invalid-allocation-alignment invalid-aligned-alloc-alignment invalid-posix-memalign-alignment SEGV BUS FPE ILL TRAP ABRT stack-overflow',
  msan: 'use-of-uninitialized-value calloc-overflow reallocarray-overflow pvalloc-overflow allocation-size-too-big out-of-memory rss-limit-exceeded invalid-allocation-alignment invalid-aligned-alloc-alignment invalid-posix-memalign-alignment SEGV BUS FPE ILL TRAP ABRT stack-overflow',
  ubsan:
    'calloc-overflow reallocarray-overflow pvalloc-overflow allocation-size-too-big out-of-memory rss-limit-exceeded invalid-allocation-alignment invalid-aligned-alloc-alignment invalid-posix-memalign-alignment SEGV BUS FPE ILL TRAP ABRT stack-overflow signed-integer-overflow unsigned-integer-overflow shift-base shift-exponent integer-divide-by-zero float-divide-by-zero float-cast-overflow null alignment object-size bounds local-bounds pointer-overflow vptr bool enum return unreachable nonnull-attribute returns-nonnull-attribute nullability-arg nullability-return nullability-assign vla-bound builtin function implicit-integer-sign-change implicit-signed-integer-truncation implicit-unsigned-integer-truncation objc-cast cfi-vcall cfi-nvcall cfi-derived-cast cfi-unrelated-cast cfi-icall cfi-mfcall undefined-behavior',
  tsan: 'calloc-overflow reallocarray-overflow pvalloc-overflow allocation-size-too-big out-of-memory rss-limit-exceeded invalid-allocation-alignment invalid-aligned-alloc-alignment invalid-posix-memalign-alignment SEGV BUS FPE ILL TRAP ABRT stack-overflow data-race data-race-on-vptr race-on-external-object heap-use-after-free lock-order-inversion thread-leak destroy-of-locked double-lock unlock-of-unlocked invalid-mutex read-lock-of-write-locked read-unlock-of-write-locked mutex-held-in-wrong-context signal-unsafe-call errno-in-signal',
  mtrace: 'unfreed free-of-unknown realloc-of-unknown alloc-twice',
  memwatch:
    'unfreed double-free realloc-after-free overflow underflow wild-free wild-realloc wild-pointer heap-corruption internal relink limit-fail allocation-failed strdup-of-null assert-trap verify-trap mark',
  crt: 'unfreed overflow underflow write-after-free',
  vld: 'unfreed',
  heaptrack: 'unfreed',
  gdb: 'SIGSEGV SIGBUS SIGFPE SIGILL SIGABRT SIGTRAP SIGSYS SIGPIPE SIGKILL SIGTERM SIGINT SIGQUIT SIGHUP SIGALRM SIGUSR1 SIGUSR2 SIGXCPU SIGXFSZ Deadlock',
};

/** The kinds of each tool; `core` is what valgrind reports under any of its tools, `gdb` what a core file and samples show too. */
export const kindNames: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(names).map(([tool, list]) => [tool, list.split(' ')]),
);
