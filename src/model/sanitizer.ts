// The sanitizers: what -fsanitize= calls them, and the tool of vgrun's that launches each.

/** The words of `-fsanitize=`. */
export type Sanitizer = 'address' | 'undefined' | 'thread' | 'leak' | 'memory';

/** The tools that run a sanitizer build; a finding is of the tool whose runtime reported it. */
export type SanitizerTool = 'asan' | 'ubsan' | 'tsan' | 'lsan' | 'msan';

/** What is known of one sanitizer. */
export interface SanitizerFacts {
  readonly sanitizer: Sanitizer;
  readonly tool: SanitizerTool;
  /** As its reports call it. */
  readonly title: string;
  /** The variable from which its runtime takes flags, `name=value` joined by `:`. */
  readonly variable: string;
}

/** All of them, in the order in which several are named. */
export const sanitizers: readonly SanitizerFacts[] = [
  { sanitizer: 'address', tool: 'asan', title: 'AddressSanitizer', variable: 'ASAN_OPTIONS' },
  { sanitizer: 'leak', tool: 'lsan', title: 'LeakSanitizer', variable: 'LSAN_OPTIONS' },
  { sanitizer: 'undefined', tool: 'ubsan', title: 'UndefinedBehaviorSanitizer', variable: 'UBSAN_OPTIONS' },
  { sanitizer: 'thread', tool: 'tsan', title: 'ThreadSanitizer', variable: 'TSAN_OPTIONS' },
  { sanitizer: 'memory', tool: 'msan', title: 'MemorySanitizer', variable: 'MSAN_OPTIONS' },
];
