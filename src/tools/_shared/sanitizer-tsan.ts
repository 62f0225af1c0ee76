// The reports of ThreadSanitizer: races, lock order, and misuse of mutexes, threads and signals.
import type { Access, Frame, Stack, StackLabel } from '../../model/finding.ts';
import { reachesEntry } from './sanitizer-report.ts';
import type {
  Closing,
  SanitizerImage,
  Section,
  SectionHost,
  SectionKind,
  SectionLine,
  Taken,
} from './sanitizer-section.ts';

/*
 * The form is that of `PrintReport` in `tsan_report.cpp` (compiler-rt and gcc's libsanitizer, runtimes v1 to v3): a heading, then
 * blocks of one sentence and one stack, then the SUMMARY. Empty lines and the lines of `=` are missing in logs that were pasted.
 */

const tool = 'tsan';

/** Of one report. A lock cycle of the runtime has at most 60 stacks, and a stack 256 frames. */
const mostStacks = 128;
const mostFrames = 1024;
const mostDetails = 64;

/** Reads the reports of ThreadSanitizer. Go's race detector has headings of its own and is not read. */
export const tsanReports: SectionKind = { open };

// `WARNING: ThreadSanitizer: data race on vptr (ctor/dtor vs virtual call) (pid=9068)`
const heading = /^WARNING: ThreadSanitizer: (\S.*?) \(pid=(\d+)\)$/;

// `ThreadSanitizer: reported 2 warnings`
const ending = /^ThreadSanitizer: reported (\d+) warnings?$/;

// `ThreadSanitizer: Matched 2 suppressions (pid=123):`
const matched = /^ThreadSanitizer: Matched \d+ suppressions \(pid=(\d+)\):$/;

// `ThreadSanitizer: main thread finished with ignores enabled`
const remark = /^ThreadSanitizer: ((?:main )?thread (?:T\d+ )?.*finished with ignores enabled.*)$/;

function open(line: SectionLine, host: SectionHost): Section | undefined {
  const { text } = line;
  const report = heading.exec(text);
  if (report !== null) {
    const [, sentence = '', pid] = report;
    return openReport(host.image(tool, Number(pid)), sentence, line, host);
  }
  const suppressions = matched.exec(text);
  if (suppressions !== null) return openSuppressions(host.image(tool, Number(suppressions[1])));
  const end = ending.exec(text);
  if (end !== null) {
    finish(host.image(tool, line.pid), Number(end[1]), line, host);
    return undefined;
  }
  const said = remark.exec(text);
  if (said !== null) {
    host.image(tool, line.pid).emit({ type: 'message', source: 'warning', text: said[1] ?? '' });
    return undefined;
  }
  return undefined;
}

/** How many reports a process has made. */
const reported = new WeakMap<SanitizerImage, number>();

/** The last line of a process that reported something; it counts what a parent had reported before it forked. */
function finish(
  image: SanitizerImage,
  count: number,
  { offset, text }: SectionLine,
  host: SectionHost,
): void {
  image.settle(true);
  const missing = count - (reported.get(image) ?? 0);
  if (missing <= 0) return;
  const pid = image.pid();
  host.problem({
    code: 'reports-missing',
    level: 'warning',
    message: `ThreadSanitizer counted ${count} reports, of which ${missing} are not in this log: a process that forked may have made them before, or they are lost`,
    offset,
    quote: text,
    ...(pid !== undefined && { pid }),
  });
}

/** The sentences of `ReportTypeString`, as kinds. */
const kinds: readonly { readonly pattern: RegExp; readonly kind: string }[] = [
  { pattern: /^data race on vptr\b/, kind: 'data-race-on-vptr' },
  { pattern: /^data race$/, kind: 'data-race' },
  // `heap-use-after-free`, `heap-use-after-free (virtual call vs free)`
  { pattern: /^heap-use-after-free\b/, kind: 'heap-use-after-free' },
  // `race on external object`, `race on NSMutableArray`, `Swift access race`
  { pattern: /^(?:race on |Swift access race$)/, kind: 'race-on-external-object' },
  { pattern: /^thread leak$/, kind: 'thread-leak' },
  { pattern: /^destroy of a locked mutex$/, kind: 'destroy-of-locked' },
  { pattern: /^double lock of a mutex$/, kind: 'double-lock' },
  { pattern: /^use of an (?:invalid|uninitialized|destroyed) mutex\b/, kind: 'invalid-mutex' },
  { pattern: /^unlock of an unlocked mutex\b/, kind: 'unlock-of-unlocked' },
  { pattern: /^read lock of a write locked mutex$/, kind: 'read-lock-of-write-locked' },
  { pattern: /^read unlock of a write locked mutex$/, kind: 'read-unlock-of-write-locked' },
  { pattern: /^signal-unsafe call inside of a signal$/, kind: 'signal-unsafe-call' },
  { pattern: /^signal handler spoils errno$/, kind: 'errno-in-signal' },
  { pattern: /^lock-order-inversion\b/, kind: 'lock-order-inversion' },
  { pattern: /^mutex held in the wrong context$/, kind: 'mutex-held-in-wrong-context' },
];

/** The kind of a heading's sentence; one that is not known gives its own words. */
function kindOf(sentence: string): string {
  const known = kinds.find(({ pattern }) => pattern.test(sentence));
  if (known !== undefined) return known.kind;
  const words =
    sentence
      .replace(/\(.*$/, '')
      .toLowerCase()
      .match(/[a-z0-9]+/g) ?? [];
  return words.slice(0, 8).join('-').slice(0, 80) || 'unknown-report';
}

/** What a sentence says of the stack below it. */
interface Heading {
  readonly label: StackLabel;
  readonly text?: string;
}

const byThread = String.raw`by (main thread|thread T\d+(?: '[^']*')?|goroutine \d+)`;

// `  Previous atomic write of size 4 at 0x557b3b110064 by thread T1 (mutexes: write M0, read M3):`
const access = new RegExp(
  `^ *(Previous )?(?:atomic )?(read|write) of size (\\d+) at (0x[0-9a-fA-F]+) ${byThread}(?: \\(mutexes: [^)]*\\))?:$`,
  'i',
);

// `  Previous modifying access of object at 0x7b0400000000 by thread T1:`
const externalAccess = new RegExp(
  `^ *(Previous )?(modifying|read-only) access of .{1,200} at (0x[0-9a-fA-F]+) ${byThread}(?: \\(mutexes: [^)]*\\))?:$`,
  'i',
);

// `  Mutex M1 acquired here while holding mutex M0 in main thread:`
const acquired = /^ *Mutex M(\d+) acquired here while holding mutex M(\d+) in .{1,200}:$/;

// `  Cycle in lock order graph: M0 (0x56393241e060) => M1 (0x56393241e0a0) => M0`
const cycle = /^ *Cycle in lock order graph: .+=> M(\d+)$/;

const headings: readonly { readonly pattern: RegExp; readonly label: StackLabel }[] = [
  // `  Location is heap block of size 4 at 0x7b0400000000 allocated by main thread:`
  { pattern: /^ *Location is .+ allocated by .+:$/, label: 'allocated at' },
  // `  Location is file descriptor 4 created by main thread at:`, newer also `destroyed by thread T1 at:`
  { pattern: /^ *Location is file descriptor \d+ (?:created )?by .+ at:$/, label: 'opened at' },
  { pattern: /^ *Location is file descriptor \d+ destroyed by .+ at:$/, label: 'closed at' },
  // `  Mutex M0 (0x55e073fdb258) created at:`
  { pattern: /^ *Mutex M\d+ \(0x[0-9a-fA-F]+\) created at:$/, label: 'created at' },
  // `  As if synchronized via sleep:`
  { pattern: /^ *As if synchronized via sleep:$/, label: 'related' },
  // `  Signal 14 handler invoked at:`
  { pattern: /^ *Signal \d+ handler invoked at:$/, label: 'at' },
];

// `  Thread T1 'SaveScripts' (tid=1310, finished) created by main thread at:`, `  Thread T2 (tid=0, running)`
const thread =
  /^ *Thread T\d+ (?:'.*' )?\(tid=\d+, (?:running|finished)\)(?: is a GCD worker thread| created(?: by .+?)?)?(?: at:)?$/;

// `  Location is global 'counter' of size 4 at 0x55e073fdb280 (data-race+0x1476280)`, `  Location is stack of main thread.`,
// `  Mutex M1903 is already destroyed.`
const sentence =
  /^ *(?:Location is (?:global '|(?:stack|TLS) of )|Mutex M\d+ (?:\(0x[0-9a-fA-F]+\) )?is already destroyed)/;

// `  Location is global '<null>' at 0x000000000000 ([stack]+0x1f4d4)`
const nowhere = /^ *Location is global '(?:<null>|\?\?)' .*\(\[\w+\]\+0x[0-9a-f]+\)$/;

// `  And 3 more similar thread leaks.`
const similar = /^ *And (\d+) more similar thread leaks\.$/;

const summary = /^ *SUMMARY: ThreadSanitizer: /;

function openReport(
  image: SanitizerImage,
  what: string,
  { offset }: SectionLine,
  host: SectionHost,
): Section {
  const kind = kindOf(what);
  const details: string[] = [];
  const stacks: { label: StackLabel; text?: string; frames: Frame[] }[] = [];
  /** The sentence whose stack comes next. */
  let next: Heading | undefined;
  /** The stack that is read. */
  let current: Frame[] | undefined;
  let first: Access | undefined;
  let firstThread: number | undefined;
  /** The lock order ends with the mutex it began with: its last edge is what was done now. */
  let closing: number | undefined;
  let count = 1;
  let summed = false;
  let threads = false;

  function detail(text: string): void {
    if (details.length < mostDetails) details.push(text.trim());
  }

  function begin(heading: Heading | undefined): void {
    const { label = nextLabel(), text } = heading ?? {};
    current = [];
    next = undefined;
    if (stacks.length < mostStacks) {
      stacks.push({ label, ...(text !== undefined && { text }), frames: current });
    }
  }

  /** A stack without a sentence is where it happened. */
  function nextLabel(): StackLabel {
    return stacks.length === 0 ? 'at' : 'related';
  }

  function announce(label: StackLabel, line?: string): Taken {
    next = { label, ...(line !== undefined && { text: line.trim().replace(/:$/, '') }) };
    current = undefined;
    return 'taken';
  }

  function takeAccess(line: string): Taken | undefined {
    const plain = access.exec(line);
    const external = plain === null ? externalAccess.exec(line) : null;
    if (plain === null && external === null) return undefined;
    const [, previous] = plain ?? external ?? [];
    const isWrite = /^(?:write|modifying)$/i.test((plain ?? external)?.[2] ?? '');
    if (previous !== undefined) {
      // The other access of this kind is always the free.
      if (kind === 'heap-use-after-free' && isWrite) return announce('freed at', line);
      return announce(isWrite ? 'previous write' : 'previous read', line);
    }
    const operation = isWrite ? 'write' : 'read';
    first ??=
      plain === null
        ? { operation, address: external?.[3] ?? '' }
        : { operation, size: Number(plain[3]), address: plain[4] ?? '' };
    const name = (plain === null ? external?.[4] : plain[5]) ?? '';
    firstThread ??= Number(/T(\d+)/.exec(name)?.[1] ?? 0);
    return announce('at', line);
  }

  function takeLock(line: string): Taken | undefined {
    const end = cycle.exec(line);
    if (end !== null) {
      closing = Number(end[1]);
      detail(line);
      return 'taken';
    }
    const edge = acquired.exec(line);
    if (edge !== null) {
      return announce(Number(edge[1]) === closing ? 'at' : 'required order then', line);
    }
    // `  Mutex M0 previously acquired by the same thread here:`
    if (/^ *Mutex M\d+ previously acquired by the same thread here:$/.test(line)) {
      const label = stacks.at(-1)?.label === 'at' ? 'acquired at' : 'required order first';
      return announce(label, line);
    }
    // `    Hint: use TSAN_OPTIONS=second_deadlock_stack=1 to get more informative warning message`
    return /^ *Hint: use TSAN_OPTIONS=/.test(line) ? 'taken' : undefined;
  }

  function take({ text }: SectionLine): Taken {
    if (summary.test(text)) {
      summed = true;
      return 'last';
    }
    // Without the SUMMARY (print_summary=0) this line is the end.
    if (/^={18,}$/.test(text)) {
      summed = stacks.length > 0;
      return 'last';
    }
    if (heading.test(text)) return 'over';
    const taken = takeAccess(text) ?? takeLock(text);
    if (taken !== undefined) return taken;
    for (const { pattern, label } of headings) if (pattern.test(text)) return announce(label, text);
    if (thread.test(text)) {
      threads = true;
      if (!text.endsWith(':')) {
        detail(text);
        return 'taken';
      }
      // A thread that nobody joined: where it was made is where the report points.
      return announce(kind === 'thread-leak' && stacks.length === 0 ? 'at' : 'thread created at', text);
    }
    // `  and:`
    if (/^ *and:$/.test(text)) {
      return announce(kind === 'destroy-of-locked' ? 'acquired at' : 'related');
    }
    if (sentence.test(text)) {
      // The stack is no variable: the line before said whose it is.
      if (!nowhere.test(text)) detail(text);
      return 'taken';
    }
    const more = similar.exec(text);
    if (more !== null) {
      count += Number(more[1]);
      detail(text);
      return 'taken';
    }
    // `    [failed to restore the stack]`
    if (/^ *\[failed to restore the stack\]$/.test(text)) {
      if (next !== undefined)
        begin({ ...next, text: `${next.text ?? next.label} [failed to restore the stack]` });
      current = undefined;
      return 'taken';
    }
    return 'foreign';
  }

  /** What makes its identity is there: both sides of a race, and what it is about, which stands before the threads. */
  function isEnough(told: readonly Stack[]): boolean {
    if (kind === 'lock-order-inversion') return false;
    if (first === undefined) return true;
    return told.length > 1 && threads;
  }

  function close(because: Closing): void {
    const cut = because === 'cut' && !summed;
    if (cut) {
      image.break();
      const pid = image.pid();
      host.problem({
        code: 'truncated-log',
        level: 'incomplete',
        message: 'The log ends in the middle of a report of ThreadSanitizer',
        offset,
        ...(pid !== undefined && { pid }),
      });
    } else image.settle();
    // Half a line is missing: what stands there would make it another finding.
    reported.set(image, (reported.get(image) ?? 0) + 1);
    // Of the last stack frames may be missing, unless it goes down to where a thread begins.
    const isHalf = cut && current !== undefined && !reachesEntry(current);
    const told = isHalf ? stacks.slice(0, -1) : stacks;
    if (told.length === 0 || (cut && !isEnough(told))) return;
    image.emit({
      type: 'finding',
      tool,
      kind,
      what,
      details,
      stacks: ordered(told),
      ...(firstThread !== undefined && { thread: { id: firstThread } }),
      ...(first !== undefined && { access: first }),
      ...(count > 1 && { count }),
      span: { artifact: host.artifact, offset },
    });
  }

  return {
    image,
    frames: (calls, number) => {
      if (number === 0 || current === undefined) begin(next);
      if (current === undefined) return;
      for (const call of calls) if (current.length < mostFrames) current.push(call);
    },
    blank: () => {
      current = undefined;
    },
    line: take,
    close,
  };
}

/** What happened first, the rest as it was printed: a lock order tells first what was done before. */
function ordered(stacks: readonly Stack[]): readonly Stack[] {
  const at = stacks.findIndex(({ label }) => label === 'at');
  return at <= 0 ? stacks : [stacks[at] as Stack, ...stacks.slice(0, at), ...stacks.slice(at + 1)];
}

/** The list that `print_suppressions=1` gives at exit, in a line each: `2 race:known_race` */
function openSuppressions(image: SanitizerImage): Section {
  image.settle();
  return {
    image,
    frames: () => {},
    blank: () => {},
    line: ({ text }) => {
      const use = /^(\d+) ([a-z_]+:\S.*)$/.exec(text);
      if (use === null) return 'over';
      image.emit({ type: 'suppression-use', name: use[2] ?? '', count: Number(use[1]) });
      return 'taken';
    },
    close: () => {},
  };
}
