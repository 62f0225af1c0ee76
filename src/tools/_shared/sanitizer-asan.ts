// Error reports of AddressSanitizer, and those of all sanitizers about deadly signals, which share their form.
import type { Access } from '../../model/finding.ts';
import { splitSource } from './sanitizer-frames.ts';
import { emitReport, type ReportDraft, reportDraft, threadOf } from './sanitizer-report.ts';
import type {
  Closing,
  SanitizerImage,
  Section,
  SectionHost,
  SectionKind,
  SectionLine,
  Taken,
} from './sanitizer-section.ts';

/** `ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010 at pc 0x401150 bp 0x7ffe sp 0x7ffd` */
const opening = /^\s*ERROR: (Address|Memory|UndefinedBehavior|Leak|Thread)Sanitizer:? (?!failed to)(.+)$/;

const toolOf: Readonly<Record<string, string>> = {
  Address: 'asan',
  Memory: 'msan',
  UndefinedBehavior: 'ubsan',
  Leak: 'lsan',
  Thread: 'tsan',
};

/**
 * Sentences that do not begin with the word of their SUMMARY, which is beside them (asan_errors.h, sanitizer_allocator_report.cpp).
 */
const sentences: readonly (readonly [RegExp, string])[] = [
  // attempting double-free on 0x602000000010 in thread T0:
  [/^attempting double-free\b/, 'double-free'],
  // attempting free on address which was not malloc()-ed: 0x7ffd in thread T0
  [/^attempting free on address which was not malloc\(\)-ed/, 'bad-free'],
  // attempting free on address in shadow memory …; HWASan: attempting invalid free
  [/^attempting free on /, 'bad-free'],
  // attempting to call malloc_usable_size() for pointer which is not owned: 0x7ffd
  [/^attempting to call malloc_usable_size\(\)/, 'bad-malloc_usable_size'],
  [/^attempting to call __sanitizer_get_allocated_size\(\)/, 'bad-__sanitizer_get_allocated_size'],
  // calloc parameters overflow: count * size (-1 * 8) cannot be represented in type size_t (thread T0)
  [/^calloc parameters overflow/, 'calloc-overflow'],
  [/^reallocarray parameters overflow/, 'reallocarray-overflow'],
  [/^pvalloc parameters overflow/, 'pvalloc-overflow'],
  // invalid allocation alignment: 17, alignment must be a power of two (thread T0)
  [/^invalid allocation alignment\b/, 'invalid-allocation-alignment'],
  [/^invalid alignment requested in aligned_alloc\b/, 'invalid-aligned-alloc-alignment'],
  [/^invalid alignment requested in posix_memalign\b/, 'invalid-posix-memalign-alignment'],
  // requested allocation size 0xffffffffffffffff (…) exceeds maximum supported size of 0x10000000000 (thread T0)
  [/^requested allocation size \S+/, 'allocation-size-too-big'],
  // specified RSS limit exceeded, currently set to soft_rss_limit_mb=10
  [
    /^(?:specified|hard|soft) (?:RSS|rss) limit exhausted|^specified RSS limit exceeded/,
    'rss-limit-exceeded',
  ],
  // allocator is out of memory trying to allocate 0x9a bytes; out of memory: allocator is trying to allocate 0x40 bytes
  [/^(?:allocator is out of memory|out of memory\b)/, 'out-of-memory'],
  [
    /^bad parameters to __sanitizer_annotate_contiguous_container/,
    'bad-__sanitizer_annotate_contiguous_container',
  ],
  [
    /^bad parameters to __sanitizer_annotate_double_ended_contiguous_container/,
    'bad-__sanitizer_annotate_double_ended_contiguous_container',
  ],
];

/** What POSIX calls the signals that the runtimes catch (`DescribeSignalOrException`); numbers as on Linux. */
const signals: Readonly<Record<string, number>> = { SEGV: 11, BUS: 7, FPE: 8, ILL: 4, ABRT: 6, TRAP: 5 };

/** `heap-use-after-free on address`, `SEGV on unknown address`, `new-delete-type-mismatch on 0x60`, `odr-violation (0x4c):` */
const firstWord =
  /^([A-Za-z][\w-]*)(?= on (?:unknown |)(?:address|0x)| \((?:0x|operator|malloc|INVALID)|:| on 0x|; )/;

/**
 * Errors that are about no block of the heap. Of a report about one that is cut nobody can tell which block it was, before the
 * stack that allocated it.
 */
const withoutBlock =
  /^(?:[A-Z]+|access-violation|illegal-instruction|breakpoint|stack-.*|dynamic-stack-.*|global-.*|initialization-.*|out-of-memory|rss-.*|allocation-size-.*|.*-alignment|(?:p?v?m?c?alloc|reallocarray)-overflow)$/;

/** ` at pc 0x401150 bp 0x7ffe8 sp 0x7ffe0`, ` (pc 0x55fa bp 0x7f sp 0x7f T0)` */
const registers = /(?: at)? \(?pc 0x[0-9a-f]+ (?:[bs]p 0x[0-9a-f]+ ?)+(?:T-?\d+)?\)?/;

/** `on address 0x602`, `on unknown address 0x0`, `double-free on 0x602`, `malloc()-ed: 0x7ffd` */
const addressIn = /(?:address |on |: )(0x[0-9a-f]+)/;

/** `READ of size 8 at 0x60f00003b280 thread T0 (chrome)`, HWASan `WRITE of size 1 at 0x16 tags: 2c/00 (ptr/mem) in thread T0` */
const accessLine =
  /^(READ|WRITE|ACCESS) of size (\d+|\{\*\}|\*) at (0x[0-9a-f]+)(?: tags:.*?)?(?:,?(?: in)? thread T(-?\d+)(?: \((.*)\))?)?/;

/** `The signal is caused by a WRITE memory access.` */
const signalAccess = /^The signal is caused by an? (READ|WRITE|UNKNOWN) memory access\./;

/** `SUMMARY: AddressSanitizer: heap-use-after-free /home/user/demo/a.c:9 in main` */
export const summary = /^\s*SUMMARY: (\w+)Sanitizer: (\S+)/;

/** Sentences before a stack, in the order in which they are tried. `freed by thread T0 here:` */
const labels = [
  [/^(?:freed|deallocated) (?:by thread .*)?here:$/, 'freed at'],
  [/^(?:previously |)(?:allocated|reallocated) (?:by thread .*)?here:$/, 'allocated at'],
  // Thread T8 (Binder:13931_2) created by T7 (Binder:13931_1) here:
  [
    /^Thread T\d+(?: \(.*\))? created by (?:T\d+|unknown thread|the main thread)?.* here:$/,
    'thread created at',
  ],
  // Address 0x7fffa3702c78 is located in stack of thread T0 at offset 40 in frame
  [/^(?:Address|Memory) 0x[0-9a-f]+ is located in stack of thread .* in frame$/, 'declared at'],
  // These globals were registered at these points: / [1]:
  [/^\s*\[\d+\]:$/, 'related'],
  // invalid-pointer-pair, HWASan: Thread: T1 … Stack: …
  [/^registered at:$/, 'related'],
] as const;

/** odr-violation has no access: `  [1] size=400 'shared_numbers' /home/user/demo/odr.c:12:5` */
const twiceDefined = /^\s*\[\d+\] size=\d+ '(.+?)' (\S.*?):(\d{1,9})(?::(\d{1,9}))?$/;

/** Sentences that belong to a report but say what the model says elsewhere, or what every report says. */
const silent =
  /^(?:\w{0,17}Sanitizer can ?not (?:provide|describe)|HINT: |\s*\((?:longjmp|swapcontext)|=+$|This frame has \d+ object|Shadow byte|These globals were registered|Register values:|r\w+ = 0x)/;

/** Sentences that say more about the error. */
const telling =
  /^(?:0x[0-9a-f]+ is (?:located|a wild|an? )|\[0x[0-9a-f]+,0x[0-9a-f]+\) is |(?:Address|Memory) 0x[0-9a-f]+ is |Hint: |'.*' is ascii string|object passed to delete has wrong type:|\s+size of the (?:allocated|deallocated) type: |\s+alignment of the (?:allocated|deallocated) type: |\s+\[\d+\] size=\d+|\s*\[-?\d+, -?\d+\) '|\s*\[-?\d+, -?\d+\) $|Cause: |Potential Cause: |Tail contains: |Invalid access starting at offset|Invalid pointer pair)/;

/** Reads error reports that begin with `ERROR: …Sanitizer:`. */
export const asanReports: SectionKind = { open };

function open(line: SectionLine, host: SectionHost): Section | undefined {
  if (line.pid === undefined) return undefined;
  const match = opening.exec(line.text);
  const sentence = match?.[2];
  if (match === null || sentence === undefined) return undefined;
  const tool = toolOf[match[1] ?? ''] ?? 'asan';
  return addressReport(host, host.image(tool, line.pid), reportDraft(host, tool, line.offset), sentence);
}

/** What a sentence of ASan is called in its SUMMARY; undefined when it is not known. */
export function kindOf(sentence: string): string | undefined {
  return sentences.find(([form]) => form.test(sentence))?.[1] ?? firstWord.exec(sentence)?.[1];
}

/** A report from its first sentence on; HWASan's and MSan's deadly signals go the same way. */
export function addressReport(
  host: SectionHost,
  image: SanitizerImage,
  draft: ReportDraft,
  sentence: string,
): Section {
  const kind = kindOf(sentence);
  draft.kind = kind ?? 'unknown';
  draft.what = sentence.replace(registers, '').trim().replace(/:$/, '');
  const address = addressIn.exec(sentence)?.[1];
  const isFree =
    /^(?:double-free|bad-free|invalid-free|alloc-dealloc-mismatch|new-delete-type-mismatch|wild-free)$/.test(
      draft.kind,
    );
  if (isFree && address !== undefined) draft.access = { operation: 'free', address };
  // What a signal that no access caused says of an address is something else: who sent it, or where the instruction is.
  else if (
    address !== undefined &&
    !/^(?:ABRT|TRAP|ILL|FPE|breakpoint|illegal-instruction)$/.test(draft.kind)
  ) {
    draft.access = { operation: 'use', address };
  }
  const signal = signals[draft.kind];
  // `… T0)`, `… in thread T0 (name):`, `… (thread T0)`
  const inThread = /(?: T(-?\d+)\)|\bthread T(\d+)(?: \(([^)]{0,200})\))?)[):]{0,3}$/.exec(sentence);
  // Of runtimes that do not number threads it is the system's number.
  const numbers = draft.tool === 'asan' || draft.tool === 'hwasan';
  const first = !numbers ? undefined : threadOf(inThread?.[1] ?? inThread?.[2], inThread?.[3]);
  if (first !== undefined) draft.thread = first;
  let ended = false;

  function access(operation: Access['operation']): void {
    draft.access = { ...draft.access, operation };
  }

  function line({ text }: SectionLine): Taken {
    draft.breakStack();
    if (ended) return afterEnd(text);
    const told = /^[RWA]/.test(text) ? accessLine.exec(text) : null;
    if (told !== null) {
      const [, word, size, at = '', id, name] = told;
      draft.access = {
        operation: word === 'WRITE' ? 'write' : word === 'READ' ? 'read' : 'use',
        ...(/^\d/.test(size ?? '') && { size: Number(size) }),
        address: at,
      };
      const thread = threadOf(id, name);
      if (thread !== undefined) draft.thread = thread;
      return 'taken';
    }
    const end = text.includes('SUMMARY: ') ? summary.exec(text) : null;
    if (end !== null) {
      if (kind === undefined && /^[A-Za-z_][\w-]*$/.test(end[2] ?? '')) draft.kind = end[2] as string;
      ended = true;
      draft.expectNothing();
      return 'taken';
    }
    const variable = draft.kind === 'odr-violation' ? twiceDefined.exec(text) : null;
    if (variable !== null) {
      const [, name = '', path = '', row, column] = variable;
      draft.expect(draft.stacks().length === 0 ? 'at' : 'declared at', text.trim());
      draft.frames(
        [host.intern({ function: name, ...splitSource(path, Number(row), Number(column ?? 0)) })],
        0,
      );
      draft.breakStack();
      return 'taken';
    }
    const label = /(?::| in frame)$/.test(text) ? labels.find(([form]) => form.test(text)) : undefined;
    if (label !== undefined) {
      draft.expect(label[1], text.trim().replace(/:$/, ''));
      return 'taken';
    }
    const signalled = signalAccess.exec(text);
    if (signalled !== null) {
      if (signalled[1] !== 'UNKNOWN' && draft.access !== undefined)
        access(signalled[1] === 'WRITE' ? 'write' : 'read');
      return 'taken';
    }
    if (telling.test(text)) {
      if (/^Hint: (?:PC|pc) /.test(text) && draft.access?.operation === 'use') access('jump');
      draft.detail(text.trim());
      return 'taken';
    }
    if (/^\s?ABORTING$/.test(text)) {
      ended = true;
      return 'last';
    }
    // AddressSanitizer: nested bug in the same thread, aborting.
    if (/^\w{0,17}Sanitizer: nested bug in the same thread, aborting\./.test(text)) {
      const pid = image.pid();
      host.problem({
        code: 'report-not-finished',
        level: 'warning',
        message: 'The runtime crashed itself while it described an error, so the report has no stack',
        hint: 'See the place with a debugger, or run it under memcheck.',
        ...(pid !== undefined && { pid }),
      });
      ended = true;
      return 'last';
    }
    return silent.test(text) ? 'taken' : 'foreign';
  }

  /** Old versions tell of threads only then; what follows is of shadow bytes. */
  function afterEnd(text: string): Taken {
    if (/^\s?ABORTING$|^Shadow byte|^HINT: if you don/.test(text)) return 'last';
    const label = labels.find(([form]) => form.test(text));
    if (label?.[1] !== 'thread created at') return 'foreign';
    draft.expect(label[1], text.trim().replace(/:$/, ''));
    return 'taken';
  }

  return {
    image,
    frames: draft.frames,
    blank: draft.breakStack,
    line,
    close: (because: Closing) => {
      const told = emitReport(host, image, draft, ended, because, (stacks) =>
        stacks.some(({ label }) => label === (withoutBlock.test(draft.kind) ? 'at' : 'allocated at')),
      );
      const [stack] = draft.stacks();
      if (signal === undefined || !told) return;
      image.settle(ended);
      image.emit({
        type: 'fatal-signal',
        number: signal,
        name: `SIG${draft.kind}`,
        ...(address !== undefined && { address }),
        ...(draft.thread !== undefined && { thread: draft.thread.id }),
        ...(stack !== undefined && { stack }),
      });
    },
  };
}
