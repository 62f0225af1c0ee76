// The flags of the sanitizers' runtimes that vgrun takes as options (what `ASAN_OPTIONS=help=1` and its like print with gcc 12
// and clang 14); those that say where reports go are vgrun's own.
import type { SanitizerTool } from '../../model/sanitizer.ts';
import type { ValgrindOption } from './option.ts';

/** A flag of one or several runtimes. */
export interface SanitizerOption extends ValgrindOption {
  /** The runtimes that know it; one that does not warns of it on stderr, or ends the program. */
  readonly runtimes: readonly SanitizerTool[];
}

const all: readonly SanitizerTool[] = ['asan', 'lsan', 'ubsan', 'tsan', 'msan'];

/** LeakSanitizer is part of AddressSanitizer, and takes its own flags there too. */
function toolsOf(runtimes: readonly SanitizerTool[]): readonly string[] {
  return all.filter((tool) => runtimes.includes(tool) || (tool === 'asan' && runtimes.includes('lsan')));
}

type Value = Pick<ValgrindOption, 'type' | 'min' | 'max' | 'format'>;
const onOff: Value = { type: 'switch' };
const number: Value = { type: 'int', min: 0 };
const text: Value = { type: 'string' };
const level = (max: number): Value => ({ type: 'int', min: 0, max });

function flag(
  name: string,
  runtimes: readonly SanitizerTool[],
  value: Value,
  usual: string | undefined,
  summary: string,
): SanitizerOption {
  return {
    name: `--${name}`,
    runtimes,
    tools: toolsOf(runtimes),
    group: runtimes.length === all.length ? 'basic' : runtimes[0] === 'lsan' ? 'leak' : 'tool',
    since: '0.0',
    // Programs have options of such names too, and none of these is unmistakable.
    afterProgram: 'never',
    ...value,
    ...(usual !== undefined && { default: usual }),
    summary,
  };
}

export const sanitizerOptions: readonly SanitizerOption[] = [
  flag('halt_on_error', ['asan', 'ubsan', 'tsan', 'msan'], onOff, '0', 'end the program at the first error'),
  flag('detect_leaks', all, onOff, '1', 'search for leaks when the program ends'),
  flag(
    'leak_check_at_exit',
    all,
    onOff,
    '1',
    'search for leaks at the end, and not only when the program asks',
  ),
  flag('max_leaks', ['lsan'], number, '0', 'how many leaks are reported; 0: all'),
  flag('report_objects', ['lsan'], onOff, '0', 'print the addresses of the leaked blocks'),
  flag('use_stacks', ['lsan'], onOff, '1', 'what stacks point to is no leak'),
  flag('use_registers', ['lsan'], onOff, '1', 'what registers point to is no leak'),
  flag('use_globals', ['lsan'], onOff, '1', 'what global variables point to is no leak'),
  flag('use_tls', ['lsan'], onOff, '1', 'what thread-local variables point to is no leak'),
  flag('use_unaligned', ['lsan'], onOff, '0', 'pointers may stand at any address'),
  flag(
    'detect_stack_use_after_return',
    ['asan'],
    onOff,
    '0',
    'find uses of locals of functions that returned',
  ),
  flag('detect_odr_violation', ['asan'], level(2), '2', 'find globals that are defined twice'),
  flag('check_initialization_order', ['asan'], onOff, '0', 'find globals that are used before they are set'),
  flag('strict_init_order', ['asan'], onOff, '0', 'globals of other files count as never set before'),
  flag(
    'detect_invalid_pointer_pairs',
    ['asan'],
    level(2),
    '0',
    'find comparisons of pointers into two blocks',
  ),
  flag('detect_container_overflow', ['asan'], onOff, '1', 'find uses behind the end of a std::vector'),
  flag('alloc_dealloc_mismatch', ['asan'], onOff, '1', 'find malloc with delete, new with free'),
  flag('new_delete_type_mismatch', ['asan'], onOff, '1', 'find delete of another size than new'),
  flag('poison_partial', ['asan'], onOff, '1', 'find uses of the last bytes of a block of odd size'),
  flag('quarantine_size_mb', ['asan'], number, '256', 'MB of freed blocks that are kept, to find their use'),
  flag('redzone', ['asan'], { type: 'int', min: 16 }, '16', 'bytes around each block, at least'),
  flag('max_redzone', ['asan'], { type: 'int', min: 16 }, '2048', 'bytes around each block, at most'),
  flag('max_malloc_fill_size', ['asan'], number, '4096', 'how many bytes of a new block are filled'),
  flag('max_free_fill_size', ['asan'], number, '0', 'how many bytes of a freed block are filled'),
  flag('malloc_fill_byte', ['asan'], level(255), '190', 'what new blocks are filled with'),
  flag('free_fill_byte', ['asan'], level(255), '85', 'what freed blocks are filled with'),
  flag('verify_asan_link_order', ['asan'], onOff, '1', 'refuse to start behind other preloaded libraries'),
  flag('sleep_before_dying', ['asan'], number, '0', 'seconds between a report and the end'),
  flag('strict_string_checks', all, onOff, '0', 'string arguments must end with a zero byte'),
  flag('intercept_memcmp', all, onOff, '1', 'look at what memcmp reads'),
  flag('malloc_context_size', all, number, '30', 'frames that are kept of each allocation'),
  flag('fast_unwind_on_malloc', all, onOff, '1', 'find callers of allocations by frame pointers'),
  flag('fast_unwind_on_fatal', all, onOff, '0', 'find callers of errors by frame pointers'),
  flag('allocator_may_return_null', all, onOff, '0', 'malloc of too much fails, and is no error'),
  flag('max_allocation_size_mb', all, number, '0', 'larger allocations fail; 0: the largest there can be'),
  flag('hard_rss_limit_mb', all, number, '0', 'end the program above so much memory'),
  flag('soft_rss_limit_mb', all, number, '0', 'let allocations fail above so much memory'),
  flag('handle_segv', all, level(2), '1', 'report SIGSEGV; 2: before a handler of the program'),
  flag('handle_sigbus', all, level(2), '1', 'report SIGBUS; 2: before a handler of the program'),
  flag('handle_sigfpe', all, level(2), '1', 'report SIGFPE; 2: before a handler of the program'),
  flag('handle_sigill', all, level(2), '0', 'report SIGILL; 2: before a handler of the program'),
  flag('handle_abort', all, level(2), '0', 'report SIGABRT; 2: before a handler of the program'),
  flag('abort_on_error', all, onOff, '0', 'end with abort() after an error'),
  flag('disable_coredump', all, level(1), '1', 'write no core: it would have terabytes'),
  flag('symbolize', all, onOff, '1', 'name functions and lines while the program runs, not after'),
  flag('symbolize_inline_frames', all, onOff, '1', 'name inlined functions'),
  flag('strip_path_prefix', all, text, undefined, 'leave this out of source paths'),
  flag('suppress_equal_pcs', all, onOff, '1', 'report each place once when the program goes on'),
  flag('print_suppressions', all, onOff, '1', 'say which suppressions were used'),
  flag('history_size', ['tsan'], level(7), undefined, 'how much of earlier accesses is kept'),
  flag('report_thread_leaks', ['tsan'], onOff, '1', 'report threads that nobody joined'),
  flag('report_signal_unsafe', ['tsan'], onOff, '1', 'report unsafe calls in signal handlers'),
  flag('report_mutex_bugs', ['tsan'], onOff, '1', 'report wrong uses of mutexes'),
  flag('report_atomic_races', ['tsan'], onOff, '1', 'report races of plain and atomic accesses'),
  flag('report_destroy_locked', ['tsan'], onOff, '1', 'report locked mutexes that are destroyed'),
  flag('detect_deadlocks', all, onOff, '1', 'find locks that are taken in two orders'),
  flag('second_deadlock_stack', ['tsan'], onOff, '1', 'say of both locks where they were taken'),
  flag(
    'ignore_noninstrumented_modules',
    ['tsan'],
    onOff,
    '0',
    'leave out calls from libraries built without it',
  ),
  flag('io_sync', ['tsan'], level(2), '1', 'how far reading and writing puts threads in order'),
  flag('flush_memory_ms', ['tsan'], number, '0', 'forget all accesses each so many ms'),
  flag('memory_limit_mb', ['tsan'], number, '0', 'forget accesses above so much memory'),
  flag('poison_in_malloc', ['msan'], onOff, '1', 'new blocks count as uninitialised'),
  flag('poison_in_free', ['msan'], onOff, '1', 'freed blocks count as uninitialised'),
  flag('origin_history_size', ['msan'], number, '7', 'how many stores of a value are kept'),
  flag('store_context_size', ['msan'], number, '20', 'frames that are kept of each store'),
  flag('report_error_type', ['ubsan'], onOff, '1', 'name the check in the summary'),
  flag('silence_unsigned_overflow', ['ubsan'], onOff, '0', 'say nothing of unsigned overflow'),
  flag('print_stacktrace', ['ubsan'], onOff, '1', 'print the stack of each error'),
];

/** The runtime that reads the suppressions of a tool: of ASan, LeakSanitizer in it. */
export function suppressingRuntime(tool: string): SanitizerTool | undefined {
  return all.find((name) => name === (tool === 'asan' ? 'lsan' : tool) && kindsOf[name] !== undefined);
}

/** The words before the `:` in a line of suppressions for a tool; undefined for a tool that takes none of this form. */
export function suppressionKinds(tool: string): readonly string[] | undefined {
  const runtime = suppressingRuntime(tool);
  return runtime === undefined ? undefined : kindsOf[runtime];
}

/** lsan_common.cpp, ubsan_checks.inc (and ubsan_diag.cpp: `vptr_check`), tsan_suppressions.cpp. */
const kindsOf: Partial<Record<SanitizerTool, readonly string[]>> = {
  lsan: ['leak'],
  ubsan: [
    'undefined',
    'signed-integer-overflow',
    'shift',
    'shift-base',
    'shift-exponent',
    'null',
    'alignment',
    'bounds',
    'bool',
    'builtin',
    'enum',
    'float-cast-overflow',
    'float-divide-by-zero',
    'function',
    'implicit-conversion',
    'implicit-integer-sign-change',
    'implicit-signed-integer-truncation',
    'implicit-unsigned-integer-truncation',
    'integer-divide-by-zero',
    'invalid-builtin-use',
    'invalid-objc-cast',
    'nonnull-attribute',
    'nullability-arg',
    'nullability-assign',
    'nullability-return',
    'object-size',
    'pointer-overflow',
    'return',
    'returns-nonnull-attribute',
    'unreachable',
    'unsigned-integer-overflow',
    'unsigned-shift-base',
    'vla-bound',
    'vptr',
    'vptr_check',
    'cfi-vcall',
    'cfi-nvcall',
    'cfi-derived-cast',
    'cfi-unrelated-cast',
    'cfi-icall',
    'nullptr-with-offset',
    'nullptr-with-nonzero-offset',
    'nullptr-after-nonzero-offset',
  ],
  tsan: ['race', 'race_top', 'mutex', 'thread', 'signal', 'deadlock', 'called_from_lib'],
};
