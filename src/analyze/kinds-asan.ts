// The knowledge base: what the kinds of AddressSanitizer, HWASan, LeakSanitizer and MemorySanitizer mean.
// Kinds: the words of asan_errors.h, hwasan_report.cpp, lsan_common.cpp and msan_report.cpp of compiler-rt up to 18.
import type { Kind } from './kind.ts';

type Entry = Omit<Kind, 'tool' | 'falsePositives' | 'options'> & Partial<Kind>;

const of =
  (tool: string) =>
  (entry: Entry): Kind => ({ tool, falsePositives: [], options: [], ...entry });

const overrun = [
  'check the index against the size',
  'pass the size along with the pointer',
  'let a container own the memory',
];
const partlyBuilt = [
  'a library that was built without the sanitizer and shares containers or allocations with the program',
];

const asanEntries: readonly Entry[] = [
  {
    kind: 'heap-buffer-overflow',
    severity: 'critical',
    title: 'Access beyond a heap block',
    meaning:
      'The program read or wrote next to a block from malloc or new, before its first or after its last byte.',
    advice:
      'Compare how far outside the access is with the size that was allocated: one element too far is a loop bound, one byte a missing NUL.',
    causes: [
      'an index one past the end',
      'no room for the NUL of a string',
      'sizeof of a pointer',
      'a negative index',
    ],
    fixes: overrun,
    falsePositives: partlyBuilt,
    options: [
      'ASAN_OPTIONS=redzone=256 finds accesses that jump further',
      'ASAN_OPTIONS=halt_on_error=0, built with -fsanitize-recover=address, goes on to the next',
    ],
    headlines: ['heap-buffer-overflow'],
  },
  {
    kind: 'stack-buffer-overflow',
    severity: 'critical',
    title: 'Access beyond a local variable',
    meaning:
      'The program read or wrote past the end of a variable on the stack, where return addresses and other locals lie.',
    advice: 'The frame that is described names the variable and its size: bound what is written to it.',
    causes: [
      'a copy into a local array without a bound',
      'a loop bound one too high',
      'the address of one variable used as an array',
    ],
    fixes: overrun,
    falsePositives: [
      'code that jumps over frames by itself, without telling the runtime (__asan_handle_no_return)',
    ],
    headlines: ['stack-buffer-overflow'],
  },
  {
    kind: 'stack-buffer-underflow',
    severity: 'critical',
    title: 'Access before a local variable',
    meaning: 'The program read or wrote before the first byte of a variable on the stack.',
    advice: 'Look for an index that becomes negative, or a pointer that is stepped back once too often.',
    causes: ['an index of -1', 'a backwards loop that does not stop at 0'],
    fixes: ['test the index before it is used', 'write the loop with an unsigned index that ends at 0'],
    headlines: ['stack-buffer-underflow'],
  },
  {
    kind: 'dynamic-stack-buffer-overflow',
    severity: 'critical',
    title: 'Access beyond alloca or a variable-length array',
    meaning: 'The program read or wrote outside an array on the stack whose size was computed when it ran.',
    advice:
      'Compare the size that was computed with the one that is used; better, take a fixed bound or the heap.',
    causes: ['a size computed from another length', 'a length that grew after the array was made'],
    fixes: ['allocate on the heap', 'compute the size once and use that everywhere'],
    headlines: ['dynamic-stack-buffer-overflow'],
  },
  {
    kind: 'global-buffer-overflow',
    severity: 'critical',
    title: 'Access beyond a global variable',
    meaning: 'The program read or wrote next to a global or static variable, or a string literal.',
    advice: 'The report names the variable and its size: look at the index that is used with it.',
    causes: [
      'a table that has fewer entries than its enum',
      'an index one past the end',
      'memcmp or strncpy over a shorter literal',
    ],
    fixes: ['size the table by the enum', 'check the index', 'use strcmp or the length of the literal'],
    falsePositives: ['symbols that a linker script places next to each other on purpose'],
    options: ['ASAN_OPTIONS=report_globals=2 prints every global that is known'],
    headlines: ['global-buffer-overflow'],
  },
  {
    kind: 'heap-use-after-free',
    severity: 'critical',
    title: 'Use of memory that was freed',
    meaning: 'The program used a block after it was freed; what is there now may belong to something else.',
    advice:
      'Three places are told: use, free and allocation. Decide who owns the block, and let the pointer end with it.',
    causes: [
      'a second pointer to the block',
      'an iterator or reference kept after its container grew',
      'a callback that runs after its object is gone',
    ],
    fixes: [
      'one owner, such as unique_ptr',
      'take pointers anew after anything that may reallocate',
      'unregister callbacks in the destructor',
    ],
    falsePositives: partlyBuilt,
    options: [
      'ASAN_OPTIONS=quarantine_size_mb=1024 keeps freed blocks recognisable for longer',
      'ASAN_OPTIONS=malloc_context_size=50 for longer stacks',
    ],
    headlines: ['heap-use-after-free'],
  },
  {
    kind: 'stack-use-after-return',
    severity: 'critical',
    title: 'Use of a local after its function returned',
    meaning: 'The program used the address of a local variable of a function that has returned already.',
    advice: 'Return the value, or let the caller provide the memory.',
    causes: ['the address of a local is returned or stored', 'a thread that is given a local of its creator'],
    fixes: ['return by value', 'allocate it, or make it a member of what outlives the call'],
    options: ['ASAN_OPTIONS=detect_stack_use_after_return=1, where it is not the default'],
    headlines: ['stack-use-after-return'],
  },
  {
    kind: 'stack-use-after-scope',
    severity: 'critical',
    title: 'Use of a local outside its block',
    meaning: 'The program used the address of a variable after the braces in which it was declared.',
    advice: 'Declare the variable where its address is still needed.',
    causes: [
      'a pointer to a variable of an inner block',
      'a reference to a temporary',
      'a lambda that captures a local by reference and runs later',
    ],
    fixes: ['declare it further out', 'copy the value', 'capture by value'],
    headlines: ['stack-use-after-scope'],
  },
  {
    kind: 'double-free',
    severity: 'critical',
    title: 'Freed twice',
    meaning: 'The program freed a block that it had freed before, which corrupts the heap of a normal run.',
    advice: 'Of the two frees that are shown, keep the one of the owner.',
    causes: [
      'two owners of one pointer',
      'an error path that frees what the normal path frees too',
      'a class that owns memory and is copied',
    ],
    fixes: [
      'set the pointer to NULL where it is freed',
      'write or delete the copy constructor',
      'one clean-up path',
    ],
    headlines: ['attempting double-free', 'double-free'],
  },
  {
    kind: 'bad-free',
    severity: 'critical',
    title: 'Free of what is no heap block',
    meaning: 'The program freed an address that no allocator gave out.',
    advice: 'Free the very pointer that malloc or new returned.',
    causes: [
      'a pointer into the middle of a block',
      'a local or global variable',
      'memory of another allocator',
    ],
    fixes: ['keep the first pointer', 'free it with the function that belongs to its allocator'],
    falsePositives: [
      'memory from an allocator that the sanitizer does not replace, in a program that is linked statically',
    ],
    headlines: ['attempting free on address which was not malloc()-ed', 'bad-free'],
  },
  {
    kind: 'alloc-dealloc-mismatch',
    severity: 'error',
    title: 'Freed by the wrong function',
    meaning:
      'A block is released by another family of functions than the one that made it: new with free, new[] with delete.',
    advice: 'Use the counterpart of the allocation, or let a container own the block.',
    causes: ['delete for new[]', 'free for new', 'a library frees what its user allocated'],
    fixes: [
      'delete[] for new[]',
      'release memory in the library that made it',
      'std::vector instead of new[]',
    ],
    falsePositives: ['operator new that is replaced in one library only'],
    options: ['ASAN_OPTIONS=alloc_dealloc_mismatch=0 switches the check off'],
    headlines: ['alloc-dealloc-mismatch'],
  },
  {
    kind: 'new-delete-type-mismatch',
    severity: 'error',
    title: 'Deleted as another type',
    meaning:
      'The delete was told another size than new: the static type of the pointer is not that of the object.',
    advice: 'Give the base class a virtual destructor.',
    causes: [
      'a derived object deleted through a base without a virtual destructor',
      'delete of a void pointer or an incomplete type',
    ],
    fixes: ['virtual destructor', 'include the definition where it is deleted'],
    falsePositives: ['objects made with extra room behind them on purpose'],
    options: ['ASAN_OPTIONS=new_delete_type_mismatch=0 switches the check off'],
    headlines: ['new-delete-type-mismatch'],
  },
  {
    kind: 'initialization-order-fiasco',
    severity: 'error',
    title: 'Global used before it is initialised',
    meaning:
      'The initialiser of one global used a global of another source file, and the order of the two is not defined.',
    advice: 'Put the global into a function as a static local, which is made at its first use.',
    causes: ['globals with constructors that use each other'],
    fixes: ['static local in a function', 'constinit or constexpr'],
    falsePositives: ['a global that works before its constructor ran, by design'],
    options: ['ASAN_OPTIONS=check_initialization_order=1:strict_init_order=1'],
    headlines: ['initialization-order-fiasco'],
  },
  {
    kind: 'container-overflow',
    severity: 'error',
    title: 'Access to unused room of a container',
    meaning: 'The program used memory that a vector, deque or string has reserved but not yet filled.',
    advice: 'Stay below size(): reserve() makes room and no elements.',
    causes: [
      'an index kept after clear() or resize()',
      'reserve() taken for resize()',
      'a pointer from data() used past size()',
    ],
    fixes: ['resize() before writing by index', 'compare with size(), not capacity()'],
    falsePositives: ['the same container used by code that was built without the sanitizer'],
    options: ['ASAN_OPTIONS=detect_container_overflow=0 switches the check off'],
    headlines: ['container-overflow'],
  },
  {
    kind: 'use-after-poison',
    severity: 'error',
    title: 'Use of memory that the program closed off',
    meaning: 'The program used memory that its own allocator had marked as not in use.',
    advice: 'Read it as a use after free or an overflow within that allocator.',
    causes: [
      'an object of a pool used after it went back',
      'an arena that was reset too early',
      'a pool that forgot to open the memory again',
    ],
    fixes: ['as for use after free', 'let the pool unpoison what it hands out'],
    falsePositives: ['a pool whose annotations are wrong'],
    options: ['ASAN_OPTIONS=allow_user_poisoning=0 switches the annotations off'],
    headlines: ['use-after-poison'],
  },
  {
    kind: 'intra-object-overflow',
    severity: 'error',
    title: 'Access beyond a member',
    meaning: 'The program ran from one member of an object into the room after it.',
    advice: 'Bound the index by the size of that member, not of the object.',
    causes: ['an array member that is overrun', 'memset over several members'],
    fixes: ['one memset for each member', 'check the index'],
    options: ['needs -fsanitize-address-field-padding=1, clang'],
    headlines: ['intra-object-overflow'],
  },
  ...(['memcpy', 'memmove', 'strcpy', 'strncpy', 'strcat', 'strncat', 'wcscpy', 'wcscat'] as const).map(
    (name): Entry => ({
      kind: `${name}-param-overlap`,
      severity: 'error',
      title: `${name} within overlapping memory`,
      meaning: `Source and destination of ${name} overlap, for which the language defines no result.`,
      advice: name.startsWith('mem') ? 'Use memmove.' : 'Use memmove with the length of the text.',
      causes: ['text or elements that are shifted within one buffer', 'a source that is its own destination'],
      fixes: ['memmove', 'a second buffer'],
      headlines: [`${name}-param-overlap`],
    }),
  ),
  {
    kind: 'negative-size-param',
    severity: 'error',
    title: 'Negative size',
    meaning:
      'A function that copies or fills memory was given a size below zero, which it takes for a huge one.',
    advice: 'Test the subtraction that makes the size before you use it.',
    causes: [
      'end before begin',
      'a length minus a header that is longer',
      'an error value of -1 used as a length',
    ],
    fixes: ['compare before subtracting', 'check return values'],
    headlines: ['negative-size-param'],
  },
  ...(['calloc', 'reallocarray', 'pvalloc'] as const).map(
    (name): Entry => ({
      kind: `${name}-overflow`,
      severity: 'error',
      title: `Size of ${name} does not fit`,
      meaning: `The size that ${name} was asked for is larger than a number of its type can be.`,
      advice: 'Check counts that come from outside before they are multiplied.',
      causes: ['a count read from a file', 'a negative number turned unsigned'],
      fixes: ['bound the count', 'treat a refused allocation as an error'],
      options: [
        'ASAN_OPTIONS=allocator_may_return_null=1 lets the call fail as it would without the sanitizer',
      ],
      headlines: [`${name}-overflow`, `${name} parameters overflow`],
    }),
  ),
  {
    kind: 'allocation-size-too-big',
    severity: 'error',
    title: 'Allocation larger than possible',
    meaning: 'The program asked for more memory than the runtime can ever give.',
    advice: 'Find out where the size comes from: it is most often negative or not initialised.',
    causes: ['a negative size', 'a size that was never set', 'a length taken from input'],
    fixes: ['check the size', 'handle failure'],
    options: ['ASAN_OPTIONS=allocator_may_return_null=1', 'ASAN_OPTIONS=max_allocation_size_mb=N'],
    headlines: ['allocation-size-too-big', 'requested allocation size'],
  },
  {
    kind: 'out-of-memory',
    severity: 'error',
    title: 'No memory left',
    meaning: 'The runtime got no more memory from the system.',
    advice:
      'See whether the program grows without end; if not, give it more: the sanitizer needs two to three times as much.',
    causes: ['a leak or an endless loop', 'a limit of the container or ulimit -v'],
    fixes: ['raise the limit', 'smaller input', 'free what is not needed'],
    falsePositives: ['limits that suffice without the sanitizer'],
    options: [
      'ASAN_OPTIONS=quarantine_size_mb=16 needs less memory',
      'ASAN_OPTIONS=allocator_may_return_null=1',
    ],
    headlines: ['out-of-memory', 'allocator is out of memory', 'out of memory'],
  },
  {
    kind: 'rss-limit-exceeded',
    severity: 'error',
    title: 'More memory than was allowed',
    meaning: 'The program uses more memory than the limit that the options of the runtime set.',
    advice: 'Look for what grows, or raise the limit.',
    causes: ['a leak', 'a limit that is too low'],
    fixes: ['free what is not needed', 'raise the limit'],
    options: ['ASAN_OPTIONS=hard_rss_limit_mb=N', 'ASAN_OPTIONS=soft_rss_limit_mb=N'],
    headlines: ['rss-limit-exceeded', 'rss limit exhausted', 'rss limit exceeded'],
  },
  ...(
    [
      ['invalid-allocation-alignment', 'invalid allocation alignment'],
      ['invalid-aligned-alloc-alignment', 'invalid alignment requested in aligned_alloc'],
      ['invalid-posix-memalign-alignment', 'invalid alignment requested in posix_memalign'],
    ] as const
  ).map(
    ([kind, headline]): Entry => ({
      kind,
      severity: 'warning',
      title: 'Alignment that no allocator can give',
      meaning: 'The alignment that was asked for is no power of two, or does not fit the size.',
      advice:
        'Take a power of two, for posix_memalign a multiple of the size of a pointer, for aligned_alloc one that divides the size.',
      causes: ['an alignment computed from a size', 'arguments exchanged'],
      fixes: ['alignof the type', 'round the size up'],
      options: ['ASAN_OPTIONS=allocator_may_return_null=1 lets the call fail'],
      headlines: [kind, headline],
    }),
  ),
  ...(['malloc_usable_size', '__sanitizer_get_allocated_size'] as const).map(
    (name): Entry => ({
      kind: `bad-${name}`,
      severity: 'error',
      title: 'Size of what is no block',
      meaning: `The function ${name} was asked about an address that no allocator gave out, or that is freed.`,
      advice: 'Ask only about the very pointer that was returned, while the block lives.',
      causes: ['a pointer into a block', 'a block that was freed'],
      fixes: ['keep the size yourself'],
      headlines: [`bad-${name}`, `attempting to call ${name}`],
    }),
  ),
  ...(['contiguous', 'double_ended_contiguous'] as const).map(
    (name): Entry => ({
      kind: `bad-__sanitizer_annotate_${name}_container`,
      severity: 'error',
      title: 'Wrong annotation of a container',
      meaning: 'A container told the runtime limits of its storage that cannot be.',
      advice:
        'Check the arguments in the order in which they are in memory: begin, end, old middle, new middle.',
      causes: ['limits outside the storage', 'arguments exchanged'],
      fixes: ['annotate whole storage only'],
      headlines: [
        `bad-__sanitizer_annotate_${name}_container`,
        `bad parameters to __sanitizer_annotate_${name}_container`,
      ],
    }),
  ),
  {
    kind: 'odr-violation',
    severity: 'warning',
    title: 'One global, two definitions',
    meaning: 'Two modules of the process define a global of the same name, and not alike.',
    advice: 'Let one module define it, or hide it in both.',
    causes: [
      'a static library linked into the program and into a shared library',
      'two globals that have one name by chance',
    ],
    fixes: ['-fvisibility=hidden', 'static or an unnamed namespace', 'link it once'],
    falsePositives: ['a definition that is meant to take the place of another'],
    options: ['ASAN_OPTIONS=detect_odr_violation=0 switches the check off, =1 reports only other sizes'],
    headlines: ['odr-violation'],
  },
  {
    kind: 'invalid-pointer-pair',
    severity: 'error',
    title: 'Comparison of pointers into two objects',
    meaning:
      'Two pointers are compared or subtracted that do not point into the same object, which has no defined result.',
    advice: 'Compare indices, or uintptr_t when only an order is wanted.',
    causes: ['end of one buffer compared with a pointer into another'],
    fixes: ['keep the end with its own buffer', 'std::less for an order of any pointers'],
    options: [
      'needs -fsanitize=pointer-compare,pointer-subtract and ASAN_OPTIONS=detect_invalid_pointer_pairs=2',
    ],
    headlines: ['invalid-pointer-pair'],
  },
  ...(['SEGV', 'access-violation'] as const).map(
    (kind): Entry => ({
      kind,
      severity: 'critical',
      title: 'Crash on an invalid address',
      meaning: 'The program used an address at which there is no memory, and was ended by it.',
      advice:
        'An address near zero is a member of a NULL pointer; pc itself at an odd address is a call through a bad pointer.',
      causes: [
        'a NULL pointer',
        'a pointer that was never set',
        'a pointer that an earlier overflow overwrote',
        'stack or code that is gone',
      ],
      fixes: ['test what may be NULL', 'fix the first error that is reported before it'],
      options: ['ASAN_OPTIONS=handle_segv=0 leaves the signal to the program'],
      headlines: kind === 'SEGV' ? ['segv on unknown address'] : ['access-violation on unknown address'],
    }),
  ),
  {
    kind: 'BUS',
    severity: 'critical',
    title: 'Bus error',
    meaning:
      'The program used memory that is mapped but cannot be reached, such as a file that became shorter.',
    advice: 'Check the length of mapped files, and pointers that are cast to types of larger alignment.',
    causes: [
      'a mapped file that was truncated',
      'no room left on /dev/shm',
      'an unaligned access where the processor forbids it',
    ],
    fixes: ['map only what the file holds', 'memcpy instead of a cast'],
    headlines: ['bus on unknown address'],
  },
  ...(['FPE', 'integer-divide-by-zero'] as const).map(
    (kind): Entry => ({
      kind,
      severity: 'critical',
      title: 'Division by zero',
      meaning: 'The processor refused an integer division: by zero, or of the smallest number by -1.',
      advice: 'Test the divisor.',
      causes: ['a divisor that input can make 0', 'INT_MIN / -1', 'a remainder by 0'],
      fixes: ['test before dividing'],
      options: ['build with -fsanitize=undefined as well: it names the operands'],
      headlines: kind === 'FPE' ? ['fpe on unknown address'] : ['integer-divide-by-zero on unknown address'],
    }),
  ),
  ...(['ILL', 'illegal-instruction'] as const).map(
    (kind): Entry => ({
      kind,
      severity: 'critical',
      title: 'Instruction that is none',
      meaning:
        'The program came to an instruction that the processor does not know, which compilers also place where nothing may come.',
      advice: 'Look for __builtin_unreachable, a missing return, or a build for another processor.',
      causes: [
        'the end of a function that has to return a value',
        'a trap of the compiler',
        '-march of a newer processor',
      ],
      fixes: ['return on every path', 'build for the processor that runs it'],
      headlines: kind === 'ILL' ? ['ill on unknown address'] : ['illegal-instruction on unknown address'],
    }),
  ),
  ...(['TRAP', 'breakpoint'] as const).map(
    (kind): Entry => ({
      kind,
      severity: 'critical',
      title: 'Stopped by a trap',
      meaning: 'The program came to a trap: an assertion of its own, or a breakpoint that was left in.',
      advice: 'Read the condition before the trap: the program found its own state wrong.',
      causes: ['a failed assertion', '__builtin_trap', 'checks that -fsanitize-trap turned into traps'],
      fixes: ['fix what the assertion says'],
      headlines: kind === 'TRAP' ? ['trap on unknown address'] : ['breakpoint on unknown address'],
    }),
  ),
  {
    kind: 'ABRT',
    severity: 'critical',
    title: 'Aborted by itself',
    meaning:
      'The program called abort: an assertion failed, an exception was not caught, or libc found its heap damaged.',
    advice: 'Read what stands on standard error before it.',
    causes: ['assert', 'std::terminate', 'a check of libc'],
    fixes: ['fix what the assertion says', 'catch the exception'],
    options: ['ASAN_OPTIONS=handle_abort=1 reports it, =0 does not'],
    headlines: ['abrt on unknown address'],
  },
  {
    kind: 'stack-overflow',
    severity: 'critical',
    title: 'Stack used up',
    meaning: 'Calls went so deep, or locals were so large, that the stack came to its end.',
    advice: 'Look at what repeats in the stack: what should end the recursion does not.',
    causes: ['recursion without an end', 'recursion over deep input', 'large arrays as locals'],
    fixes: ['a loop with a stack of its own', 'a bound on the depth', 'large arrays on the heap'],
    falsePositives: ['frames are larger under the sanitizer: what only just fits may not'],
    options: ['ulimit -s unlimited'],
    headlines: ['stack-overflow'],
  },
  {
    kind: 'unknown-crash',
    severity: 'error',
    title: 'Access to memory that must not be used',
    meaning:
      'The runtime refuses the access and cannot say what the memory is, often because it is between two blocks.',
    advice: 'Read the shadow bytes around the address; a larger redzone often gives it a name.',
    causes: ['an access that is partly in a block', 'a wild pointer'],
    fixes: ['as for an overflow'],
    options: ['ASAN_OPTIONS=redzone=256'],
    headlines: ['unknown-crash', 'wild-addr'],
  },
];
const asanKinds = asanEntries.map(of('asan'));

const hwasanEntries: readonly Entry[] = [
  {
    kind: 'tag-mismatch',
    severity: 'critical',
    title: 'Pointer that does not fit its memory',
    meaning:
      'The tag of the pointer is not that of the memory: it is past the end of its block, or the block was freed and given out again.',
    advice:
      'The report says which of the two it takes for likely; its cause line and the stacks of allocation and free decide.',
    causes: ['use after free', 'an index past the end', 'use of a local after its function returned'],
    fixes: ['as for those errors'],
    falsePositives: ['code that changes the upper bits of pointers'],
    options: [
      'HWASAN_OPTIONS=malloc_bisect_left=N:malloc_bisect_right=N',
      'HWASAN_OPTIONS=heap_history_size=10000',
    ],
    headlines: ['tag-mismatch'],
  },
  {
    kind: 'allocation-tail-overwritten',
    severity: 'critical',
    title: 'Written past the end of a block',
    meaning: 'When the block was freed, the bytes after its last one had been overwritten.',
    advice:
      'The write was earlier than this place: look at all that writes to this block, by its allocation stack.',
    causes: ['a write of a few bytes past the end'],
    fixes: overrun,
    options: ['HWASAN_OPTIONS=free_checks_tail_magic=0 switches the check off'],
    headlines: ['allocation-tail-overwritten', 'alocation-tail-overwritten'],
  },
  {
    kind: 'invalid-free',
    severity: 'critical',
    title: 'Free of what is no live block',
    meaning: 'The program freed an address that is not the start of a live block, or freed it twice.',
    advice: 'Free the very pointer that malloc returned, once.',
    causes: ['freed twice', 'a pointer into a block'],
    fixes: ['set the pointer to NULL where it is freed'],
    headlines: ['invalid-free'],
  },
  ...['bad-free', 'double-free', 'heap-use-after-free', 'heap-buffer-overflow'].flatMap((kind) =>
    asanKinds
      .filter((known) => known.kind === kind)
      .map(({ tool: _, ...known }) => ({
        ...known,
        options: known.options.map((option) => option.replaceAll('ASAN_OPTIONS', 'HWASAN_OPTIONS')),
        headlines: [],
      })),
  ),
];
const hwasanKinds = hwasanEntries.map(of('hwasan'));

const leakOptions = [
  'LSAN_OPTIONS=report_objects=1 lists the blocks',
  'LSAN_OPTIONS=use_unaligned=1 also finds pointers that are not aligned',
  'ASAN_OPTIONS=malloc_context_size=50 for longer stacks',
];
const leakFalsePositives = [
  'pointers kept where the runtime does not look: compressed, in a file, in memory from mmap',
  'memory of libraries that keep it until the process ends, which a suppression names',
];

const lsanEntries: readonly Entry[] = [
  {
    kind: 'direct-leak',
    severity: 'error',
    title: 'Memory lost',
    meaning: 'Nothing in the program points to this block any more, so it can never be freed.',
    advice: 'Free it on every path out of the function that drops its last pointer.',
    causes: [
      'an early return before the free',
      'a pointer that is overwritten',
      'a container of raw pointers',
    ],
    fixes: ['one clean-up path', 'unique_ptr', 'free before you assign anew'],
    falsePositives: leakFalsePositives,
    options: leakOptions,
    headlines: ['direct leak of', 'detected memory leaks'],
  },
  {
    kind: 'indirect-leak',
    severity: 'warning',
    title: 'Memory lost with another block',
    meaning:
      'Only lost blocks point to this one: it goes when what holds it is freed; blocks that hold each other in a ring are all of this kind.',
    advice: 'Mend the direct leak that holds it first; when there is none, cut the ring.',
    causes: ['a structure of which the head is lost', 'objects that own each other'],
    fixes: ['free the whole structure', 'weak_ptr for the way back'],
    falsePositives: leakFalsePositives,
    options: leakOptions,
    headlines: ['indirect leak of'],
  },
];
const lsanKinds = lsanEntries.map(of('lsan'));

const msanEntries: readonly Entry[] = [
  {
    kind: 'use-of-uninitialized-value',
    severity: 'error',
    title: 'Use of a value that was never set',
    meaning: 'What the program does next depends on memory that nobody wrote.',
    advice: 'Build with -fsanitize-memory-track-origins=2 to see where the value was born, and set it there.',
    causes: [
      'a variable set on one path only',
      'a forgotten member',
      'a short read whose length was not checked',
      'padding that is compared or hashed',
    ],
    fixes: ['initialise where you declare', 'calloc', 'compare member by member'],
    falsePositives: [
      'values that a library wrote which was not built with MemorySanitizer, libstdc++ among them',
      'assembly code',
    ],
    options: ['-fsanitize-memory-track-origins=2', '-fsanitize-memory-use-after-dtor'],
    headlines: ['use-of-uninitialized-value'],
  },
];
const msanKinds = msanEntries.map(of('msan'));

const common = [
  'SEGV',
  'BUS',
  'FPE',
  'ILL',
  'TRAP',
  'ABRT',
  'stack-overflow',
  'calloc-overflow',
  'reallocarray-overflow',
  'pvalloc-overflow',
  'allocation-size-too-big',
  'invalid-allocation-alignment',
  'invalid-aligned-alloc-alignment',
  'invalid-posix-memalign-alignment',
  'out-of-memory',
  'rss-limit-exceeded',
];

/** Every runtime catches the signals that end a program, and shares the checks of the allocator. */
const commonKinds: readonly Kind[] = ['hwasan', 'lsan', 'msan', 'ubsan', 'tsan'].flatMap((tool) =>
  asanKinds
    .filter(({ kind }) => common.includes(kind))
    .map((known) => ({
      ...known,
      tool,
      options: known.options.map((option) =>
        option.replaceAll('ASAN_OPTIONS', `${tool.toUpperCase()}_OPTIONS`),
      ),
      headlines: [],
    })),
);

/** Errors of memory, leaks, values that were never set, and crashes. */
export const addressKinds: readonly Kind[] = [
  ...asanKinds,
  ...hwasanKinds,
  ...lsanKinds,
  ...msanKinds,
  ...commonKinds,
];
