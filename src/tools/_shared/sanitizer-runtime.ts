// What the runtimes of sanitizers say that is no report: their own failures, warnings, and what proves that they had their say.
import type { Section, SectionHost, SectionKind, SectionLine } from './sanitizer-section.ts';

/** What kept a runtime from its work, and what helps. */
interface Failure {
  readonly form: RegExp;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

const noMemory = {
  code: 'instrument-failed-to-start',
  message: 'The sanitizer got no memory from the system',
  hint: 'Sanitizers reserve terabytes of addresses: take away the limit of ulimit -v or of the container.',
};

const failures: readonly Failure[] = [
  {
    // LeakSanitizer has encountered a fatal error.
    form: /^LeakSanitizer has encountered a fatal error/,
    code: 'leak-check-failed',
    message: 'LeakSanitizer could not stop the program to look for leaks, so none were looked for',
    hint: 'It does not work under ptrace: run without strace or gdb, in a container with --cap-add=SYS_PTRACE, or with detect_leaks=0.',
  },
  {
    // ThreadSanitizer: CHECK failed: sanitizer_allocator_primary64.h:131 "((kSpaceBeg)) == ((address_range.Init(TotalSpaceSize, …
    form: /^\w{0,17}Sanitizer:? CHECK failed: sanitizer_allocator\S* "\(\(kSpaceBeg\)\)/,
    ...noMemory,
  },
  {
    // AddressSanitizer: CHECK failed: asan_rtl.cpp:397 "((!asan_init_is_running)) != (0)" (0x0, 0x0) (tid=1436)
    form: /^\w{0,17}Sanitizer:? CHECK failed: /,
    code: 'instrument-died',
    message: 'The runtime of the sanitizer itself failed',
    hint: 'Look for the words of its CHECK in the issues of LLVM or GCC, and try another version of the compiler.',
  },
  {
    // Shadow memory range interleaves with an existing memory mapping. ASan cannot proceed correctly. ABORTING.
    form: /^Shadow memory range interleaves with an existing memory mapping/,
    code: 'instrument-failed-to-start',
    message: 'The sanitizer found its memory taken and did not start',
    hint: 'Switch address randomisation off for the program (setarch -R), or lower vm.mmap_rnd_bits.',
  },
  {
    // ERROR: AddressSanitizer failed to allocate 0xdfff0001000 (15392894357504) bytes at address 2008fff7000 (errno: 12)
    form: /^(?:ERROR: |FATAL: )?\w{0,17}Sanitizer:? failed to (?:allocate|deallocate|map|mmap|reserve|protect)/,
    ...noMemory,
  },
  {
    // FATAL: ThreadSanitizer: unexpected memory mapping 0x558c00000000-0x558c00001000
    // FATAL: ThreadSanitizer: memory layout is incompatible even though ASLR is disabled.
    form: /^FATAL: ThreadSanitizer:? (?:unexpected memory mapping|(?:mapping|memory layout) is|unsupported (?:VMA|memory)|can't find)/,
    code: 'instrument-failed-to-start',
    message: 'Addresses are more random than this runtime of ThreadSanitizer can bear, so it did not start',
    hint: 'Run the program under setarch -R, or set sysctl vm.mmap_rnd_bits=28, or build it with a newer compiler (clang 18, gcc 14).',
  },
  {
    // ThreadSanitizer: failed to intercept pthread_create
    form: /^(?:FATAL: )?ThreadSanitizer:? failed to intercept /,
    code: 'instrument-failed-to-start',
    message: 'ThreadSanitizer did not find the functions of the C library that it watches',
    hint: 'Link the program dynamically, and without other libraries that replace these functions.',
  },
  {
    // ==31446==ThreadSanitizer: starting new threads after multi-threaded fork is not supported. Dying (set die_after_fork=0 …
    form: /^(?:FATAL: )?ThreadSanitizer:? starting new threads after multi-threaded fork/,
    code: 'instrument-died',
    message: 'A child of a program with threads made a thread, which ThreadSanitizer does not follow',
    hint: 'Set TSAN_OPTIONS=die_after_fork=0: what the child does is then watched, with some false reports.',
  },
  {
    // ThreadSanitizer: Thread limit (8128 threads) exceeded. Dying.
    form: /^(?:FATAL: )?ThreadSanitizer:? Thread limit/i,
    code: 'instrument-died',
    message: 'The program had more threads at a time than ThreadSanitizer can follow',
    hint: 'Run it with fewer threads.',
  },
  {
    // ThreadSanitizer: failed to read suppressions file '/home/user/demo/tsan.supp'
    form: /^\w{0,17}Sanitizer:? failed to (?:read|open|parse) suppressions/,
    code: 'instrument-failed-to-start',
    message: 'The sanitizer could not read its suppressions, and did not start',
    hint: 'Give an absolute path of a file of the form TYPE:PATTERN in its variable, such as TSAN_OPTIONS=suppressions=.',
  },
  {
    // ASan runtime does not come first in initial library list; you should either link runtime to your application or …
    form: /^ASan runtime does not come first in initial library list/,
    code: 'instrument-failed-to-start',
    message: 'Another library was loaded before the runtime of AddressSanitizer, which then did not start',
    hint: 'Take the other library out of LD_PRELOAD, or put the runtime before it.',
  },
  {
    // Your application is linked against incompatible ASan runtimes.
    form: /^Your application is linked against incompatible ASan runtimes/,
    code: 'instrument-failed-to-start',
    message: 'The program has two runtimes of AddressSanitizer, and neither started',
    hint: 'Build all of its libraries with the same compiler, and link the runtime once.',
  },
  {
    // FATAL: Code is compiled with -fsanitize=memory but …; FATAL: MemorySanitizer can not mmap the shadow memory.
    form: /^FATAL: (?:\w{0,17}Sanitizer|Code|ASan|MSan)\b/,
    code: 'instrument-failed-to-start',
    message: 'The sanitizer could not start',
    hint: 'Switch address randomisation off for the program (setarch -R), or lower vm.mmap_rnd_bits.',
  },
];

/** `WARNING: AddressSanitizer failed to allocate 0x202020202020200c bytes`, `WARNING: found 1 unrecognized flag(s):` */
const warning =
  /^WARNING: (?=.*(?:Sanitizer\b|ASan\b|MSan\b|unrecognized flag|symbolizer))(?!\w{0,17}Sanitizer: [\w-]+$)(.+)$/;

/** `Processing thread 4711.` */
const leakCheckLine = /^Processing thread (\d+)\.$/;

/** Reads lines that are no part of a report. */
export const runtimeLines: SectionKind = { open };

/** The section of a runtime's last words; nothing for lines that are told at once. */
function open(line: SectionLine, host: SectionHost): Section | undefined {
  const text = line.text.trimStart();
  // Most lines that get here are errors and summaries of others.
  if (text.startsWith('SUMMARY: ') || text.includes('runtime error: ')) return undefined;
  const name = /(\w{0,17})Sanitizer/.exec(text)?.[1] ?? '';
  const tool = tools[name] ?? 'asan';
  if (line.pid !== undefined) {
    const thread = leakCheckLine.exec(text)?.[1];
    if (thread !== undefined) {
      host.startLeakCheck(line.pid, Number(thread));
      return undefined;
    }
    if (/^ABORTING$/.test(text)) {
      host.end(line.pid);
      return undefined;
    }
    const warned = warning.exec(text);
    if (warned !== null) {
      host.image(tool, line.pid).emit({ type: 'message', source: 'warning', text: warned[1] as string });
      return undefined;
    }
  }
  // AddressSanitizer: hard rss limit exhausted (300Mb vs 348Mb)
  const limit = /^\w{0,17}Sanitizer: (hard|soft) rss limit exhausted .*$/.exec(text);
  if (limit !== null && line.pid !== undefined) {
    const image = host.image(tool, line.pid);
    if (limit[1] === 'soft') image.emit({ type: 'message', source: 'warning', text });
    else {
      const what = text.replace(/^\w{0,17}Sanitizer: /, '');
      image.emit({ type: 'finding', tool, kind: 'rss-limit-exceeded', what, details: [], stacks: [] });
      image.settle(true);
    }
    return undefined;
  }
  // Printed without a mark, for the process of the file.
  if (/^\w{0,17}Sanitizer exit stats:$/.test(text)) {
    host.image(tool, line.pid).settle(true);
    return undefined;
  }
  const failure = failures.find(({ form }) => form.test(text));
  if (failure === undefined) return undefined;
  const image = host.image(tool, line.pid);
  const pid = image.pid();
  image.break();
  const { code, message, hint } = failure;
  host.problem(
    {
      code,
      level: 'incomplete',
      message,
      hint,
      offset: line.offset,
      quote: text,
      ...(pid !== undefined && { pid }),
    },
    text.slice(0, 40),
  );
  return undefined;
}

const tools: Readonly<Record<string, string>> = {
  Address: 'asan',
  HWAddress: 'hwasan',
  Leak: 'lsan',
  Memory: 'msan',
  UndefinedBehavior: 'ubsan',
  Thread: 'tsan',
};
