// The fixed sentences of valgrind's text log, each with one real line. Observed in 3.6, 3.13, 3.19 and 3.27; those
// of 3.0 to 3.5 and 2.x are from the manuals of those versions. Errors' first lines are in headlines.ts.

/**
 * The mark valgrind puts before each of its lines; `--time-stamp=yes` adds the time.
 * `==5917== Invalid write of size 1`, `==00:00:00:00.449 5919== …`, `--3803-- WARNING: …`, `**4827** hello`
 */
const mark = String.raw`(==|--|\*\*)(?:[\d:.]+ )?(\d{1,10})\1(?: |$)`;
export const markAtStart = new RegExp(`^${mark}`);
export const markAnywhere = new RegExp(mark);

/** Terminal colours, as CI systems keep them in their logs. */
export const colours = /\x1b\[[0-9;]*[A-Za-z]/g;

/** One piece of what CI systems, test runners and quoting put before a line; matched again and again from the start. */
export const leaderPiece =
  /(?:[\s>|+]+|\[[^\]]{0,60}\]|\([^)]{0,40}\)|\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?|\d\d:\d\d:\d\d(?:[.,]\d+)?|\w{3} +\d+ \d\d:\d\d:\d\d|[\w./-]{1,40}:)/y;

/** `==1== Memcheck, a memory error detector` */
export const banner =
  /^(Memcheck|Helgrind|DRD|drd|Massif|Callgrind|Cachegrind|Nulgrind|Lackey|DHAT|SGCheck|exp-\w+), an? /;
/** `Using Valgrind-3.19.0-8d3c8034b8-20220411 and LibVEX; rerun with -h for copyright info` */
export const using = /^Using valgrind-(\d[\w.]*)/i;
/** `Command: ./a.out first\ argument` */
export const command = /^Command: (.*)$/;
/** `Parent PID: 7077` */
export const parentPid = /^Parent PID: (\d+)$/;
/** Up to 3.3: `My PID = 123, parent PID = 122.  Prog and args are:` */
export const oldParentPid = /^My PID = \d+, parent PID = (\d+)\./;
export const restOfPreamble =
  /^(?:Copyright \(C\) |Using LibVEX rev |For more details, rerun with: -v$|Prog and args are:$|Estimated CPU clock rate )/;

/** What only valgrind prints: proof that a pid without preamble is a process under valgrind. */
export const evidence = new RegExp(
  [
    '^(?:HEAP SUMMARY:|LEAK SUMMARY:)$',
    String.raw`^(?:ERROR|IN) SUMMARY: [\d,]+ errors from [\d,]+ contexts \(suppressed: `,
    String.raw`^FILE DESCRIPTORS: [\d,]+ open`,
    String.raw`^Process terminating with default action of signal \d+`,
    String.raw`^malloc/free: in use at exit: [\d,]+ bytes in [\d,]+ blocks`,
    '^All heap blocks were freed -- no leaks are possible',
    String.raw`^Using valgrind-\d+\.\d+.*(?:LibVEX|framework)`,
    '^---Thread-Announcement-',
    '^Warning: (?:set address range perms|client switching stacks|invalid file descriptor|noted but unhandled)',
    String.raw`^WARNING: unhandled \S+ syscall: `,
  ].join('|'),
  'i',
);

/** `------------------------------------------------------------` between helgrind's errors. */
export const separator = /^-{20,}$/;
export const announcement = /^---Thread-Announcement-+$/;
export const threadCreated = /^Thread #(\d+) was created$/;
export const rootThread = /^Thread #(\d+) is the program's root thread$/;
/** `Thread 3 try1:` (memcheck), `Thread 2 (thread_func instance 1):` (drd) */
export const threadHeader = /^Thread (\d+)(?: (.*))?:$/;

/** `3 errors in context 2 of 2:`, with `--show-error-list=all` also of suppressed ones. */
export const contextCount = /^([\d,]+) errors in (suppressed )?context [\d,]+ of ([\d,]+):$/;
/** `ERROR SUMMARY: 4 errors from 2 contexts (suppressed: 0 from 0)`; 3.5 and older say IN SUMMARY with -v. */
export const errorSummary =
  /^(?:ERROR|IN) SUMMARY: ([\d,]+) errors from ([\d,]+) contexts \(suppressed: ([\d,]+) from ([\d,]+)\)$/;

export const heapSummary = /^HEAP SUMMARY:$/;
/** `    in use at exit: 928 bytes in 7 blocks`; up to 3.5 `malloc/free: in use at exit: 928 bytes in 7 blocks.` */
export const inUse = /^\s*(malloc\/free: )?in use at exit: ([\d,]+) bytes in ([\d,]+) blocks\.?$/;
/** `  total heap usage: 7 allocs, 0 frees, 928 bytes allocated` */
export const heapUsage =
  /^\s*(?:malloc\/free:|total heap usage:) ([\d,]+) allocs, ([\d,]+) frees, ([\d,]+) bytes allocated\.?$/;
export const allFreed = /^(?:All heap blocks were freed|No malloc'd blocks) -- no leaks are possible\.?$/;

export const leakSummary = /^LEAK SUMMARY:$/;
/** `   definitely lost: 154 (+0) bytes in 5 (+0) blocks` */
export const leakAmount =
  /^\s*(definitely lost|indirectly lost|possibly lost|still reachable|suppressed): +([\d,]+)(?: \([+-][\d,]+\))? bytes in ([\d,]+)(?: \([+-][\d,]+\))? blocks\.?$/;
export const heuristicsFollow = /^\s+of which reachable via heuristic:$/;
/** `                      length64           : 31 bytes in 1 blocks` */
export const heuristicAmount =
  /^\s+(\w+) *: ([\d,]+)(?: \([+-][\d,]+\))? bytes in ([\d,]+)(?: \([+-][\d,]+\))? blocks$/;

/** `FILE DESCRIPTORS: 7 open (3 std) at exit.` */
export const descriptorSummary =
  /^FILE DESCRIPTORS: ([\d,]+) open(?: \(([\d,]+) (?:std|inherited)\))? at exit\.?$/;
/** `Open file descriptor 4: /tmp/x`, `Open AF_INET socket 3: <unbound> <-> unbound` */
export const openDescriptor = /^Open (?:file descriptor|\w+ socket) (\d+)(?::(?: (.*))?)?$/;
/** `File descriptor 3: /dev/null is already closed` */
export const badDescriptor = /^File descriptor (\d+)(?:: (.*))? (?:is already|was) /;

/** `Process terminating with default action of signal 11 (SIGSEGV): dumping core` */
export const fatalSignal = /^Process terminating with default action of signal (\d+)(?: \((\w+)\))?/;
/** ` Access not within mapped region at address 0x8` */
export const signalCause = /^ (\S.*?)(?: at address (0x[0-9A-Fa-f]+))?$/;
/** What follows when the main stack may have overflowed; always the same words. */
export const stackAdvice =
  /^ (?:If you believe this happened as a result of a stack|overflow in your program's main thread|possible\), you can try to increase|main thread stack using the --main-stacksize|The main thread stack size used in this run)/;

/** `--5848-- used_suppression:      3 name /etc/x.supp:12 suppressed: 54 bytes in 5 blocks` */
export const usedSuppression =
  /^used_suppression: +([\d,]+) (.+?)(?: (\S+:\d+))?(?: suppressed: ([\d,]+) bytes in ([\d,]+) blocks)?$/;
/** Up to 3.8: `--123-- supp:    4 dl-hack3-cond-1` */
export const oldUsedSuppression = /^supp: +([\d,]+) (.+)$/;

/** The lines of an error that stand at its margin, as helgrind and drd print them. */
export const continuation =
  /^(?:Locks held: |This conflicts with a previous |Observed \(incorrect\) order is: |Required order was established by |Allocation context: |Location 0x|declared at |Address 0x|Block was alloc'd |Uninitialised value was created|in frame #|a (?:global|local) variable |Lock (?:at|was) )/;
/** `mutex 0x4004080 was first observed at:` */
export const firstObserved = /^(\S.*) (0x[0-9A-Fa-f]+) was first observed at:$/;
/** `Other segment start (thread 2)` */
export const otherSegment = /^Other segment (start|end) \(thread \d+\)$/;
export const conflictingWait = /^Conflicting wait call by thread \d+:$/;
/** `Address 0x4a6c090 is at offset 0 from 0x4a6c090. Allocation context:` */
export const allocationContext = /^(.*?)\.? Allocation context:$/;
export const acquiredAt = /^Acquired at:$/;
export const stackGone = /^ +\(thread finished, call stack no longer available\)$/;
/** ` Lock at 0x10C080 was first observed`: helgrind describes the locks of a race before it names the race. */
export const lockObserved = /^ Lock at 0x[0-9A-Fa-f]+ (?:was first observed|: no stacktrace)/;
/** `   with error code 35 (EDEADLK: Resource deadlock would occur)` */
export const errorCode = /^\s+with error code \d+/;
/** `More than 1000 different errors detected.  I'm not reporting any more.`; after 100 it only shortens their stacks. */
export const tooManyErrors = /^More than [\d,]+ (?:different|total) errors detected/;
/** `FATAL: can't open suppressions file "x.supp"` */
export const fatal = /^FATAL: /;
/**
 * `cannot create shared_mem file /run/vgdb-pipe-shared-mem-vgdb-30378-by-…`: with --trace-children=yes and vgdb on,
 * valgrind 3.19 ends a forked child that cannot see that folder, after chroot for instance.
 */
export const noSharedMemory = /^cannot create shared_mem file /;
/** `Bad option: --xml=yes, but no XML destination specified` */
export const badOption = /^Bad option: /;

/** Advice that every log repeats: says how to run again, nothing about this run. */
export const advice = new RegExp(
  `^(?:${[
    'For (?:lists|counts) of detected',
    'For a detailed leak analysis',
    'For more details, rerun',
    'Rerun with --leak-check=full',
    'Reachable blocks \\(those to which',
    'To see them, rerun with',
    'Use --track-origins=yes',
    'Use --history-level=',
    'the cost of reduced accuracy',
    '[Ss]earching for pointers to',
    '[Cc]hecked [\\d,]+ bytes',
    'embedded gdbserver: ',
    '\\(action (?:on|at) [^)]*\\) vgdb me \\.\\.\\.',
    'Continuing \\.\\.\\.',
    'Preferring higher priority redirection',
    'WARNING: new redirection conflicts',
    'You may be able to write your own handler',
    'Read the file README_MISSING',
    'Nevertheless we consider this a bug',
    'it at http',
  ].join('|')})`,
);
/** Two paragraphs of `-v` about gdb. */
export const adviceParagraph = /^TO (?:CONTROL|DEBUG) THIS PROCESS /;
/** Under `--PID--`: what is about the program, among pages of valgrind's own debug output. */
export const debugWarning = /^(?:WARNING|Warning): /;
export const debugDetail = /^(?:When reading debug info from|Can't make sense of|.*[Oo]verlaps? )/;

/** Without mark: valgrind could not start. `valgrind: Unknown option: --leak-chek=full` */
export const startFailure =
  /^(?:\S+: (?:line )?\d*:? ?)?valgrind: (?:.*(?:Bad option|Unknown option|[Uu]nrecognised|failed to start tool|fatal error|Fatal error|FATAL|no program specified|Startup or configuration error|No such file or directory|Permission denied|cannot execute|command not found|Missing boolean value|mmap\(|failed to)|not found$)/;
/** `valgrind: Use --help for more information or consult the user manual.` */
export const startAdvice = /^valgrind: (?:Use --help|\s)/;
/** `Memcheck: mc_leakcheck.c:1102 (lc_scan_memory): Assertion 'VG_IS_WORD_ALIGNED(ptr)' failed.` */
export const internalError =
  /^[\w-]+: (?:[\w.-]+:\d+ \([\w$]+\): Assertion '.*' failed|the 'impossible' happened)/;

/** First line inside a block that `--gen-suppressions` prints, without mark. */
export const suppressionName = /^\s*<insert_a_suppression_name_here>$/;
