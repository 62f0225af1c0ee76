// The part of interpreting an error that every valgrind tool shares: which stack says what, and valgrind's core errors.
import type { Descriptor, FindingRecord, Frame, Stack, StackLabel } from '../../model/finding.ts';
import type { ErrorPart, Interpret, StackContainer, ValgrindError } from './valgrind-error.ts';

/** What a tool adds to the shared rules. */
export interface ToolDialect {
  readonly tool: string;
  /**
   * The label of the stack that `text` announces, or nothing when the text announces none.
   * `previous` is the label of the stack before it.
   */
  readonly announces: (text: string, previous: StackLabel | undefined) => StackLabel | undefined;
  /** Adds what only this tool's errors have: access, leak, threads. */
  readonly complete?: (finding: Draft<FindingRecord>, error: ValgrindError) => void;
}

/** A record while it is made. */
export type Draft<Type> = { -readonly [Key in keyof Type]: Type[Key] };

type TextPart = Extract<ErrorPart, { type: 'text' }>;

const containerLabels: Readonly<Record<StackContainer, StackLabel>> = {
  acquired_at: 'acquired at',
  first_observed_at: 'first observed at',
  allocation_context: 'allocated at',
  confl_wait_call: 'conflicting wait',
  other_segment_start: 'conflicting segment start',
  other_segment_end: 'conflicting segment end',
};

/** What drd's text log prints before a segment stack, and where it prints none; its XML has an empty element. */
const segmentNames: Partial<Record<StackContainer, string>> = {
  other_segment_start: 'Other segment start',
  other_segment_end: 'Other segment end',
};
const NO_STACK = '(thread finished, call stack no longer available)';

/** Sentences of the core (coregrind/m_addrinfo.c, m_libcfile.c), which any tool may write. */
function announcedByCore(text: string): StackLabel | undefined {
  if (text.startsWith('Address ')) {
    // Address 0x4a4004a is 0 bytes after a block of size 10 alloc'd
    if (text.endsWith(" alloc'd")) return 'allocated at';
    // Address 0x4a40040 is 0 bytes inside a block of size 10 free'd
    if (text.endsWith(" free'd")) return NOT_ON_HEAP.test(text) ? undefined : 'freed at';
    // Address 0x4a40040 is 0 bytes inside a block of size 10 client-defined
    return text.endsWith(' client-defined') ? 'created at' : undefined;
  }
  if (text === "Block was alloc'd at") return 'allocated at';
  if (text === 'Previously closed') return 'closed at';
  return text === 'Originally opened' ? 'opened at' : undefined;
}

/** Address 0x8 is not stack'd, malloc'd or (recently) free'd */
const NOT_ON_HEAP = / is not stack'd, /;

/** `1,234` as valgrind groups digits. Nothing when it is no number. */
export function parseGrouped(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text.includes(',') ? text.replaceAll(',', '') : text);
  return Number.isFinite(value) ? value : undefined;
}

/**
 * Makes the finding record of an error: labels its stacks, keeps each of its sentences exactly once.
 * The stack labelled `at` comes first, whatever the order in the log.
 */
export function interpretError(error: ValgrindError, dialect: ToolDialect): FindingRecord {
  const { stacks, details } = labelStacks(error, dialect);
  const finding: Draft<FindingRecord> = {
    type: 'finding',
    image: error.image,
    tool: dialect.tool,
    kind: error.kind,
    what: error.what.trim(),
    details,
    stacks,
  };
  if (error.unique !== undefined) finding.unique = error.unique;
  if (error.tid !== undefined) {
    finding.thread =
      error.threadName === undefined ? { id: error.tid } : { id: error.tid, name: error.threadName };
  }
  if (error.count !== undefined) finding.count = error.count;
  if (error.threads.length > 0) finding.threads = error.threads;
  if (error.suppression !== undefined) finding.suppression = error.suppression;
  if (error.span !== undefined) finding.span = error.span;
  const descriptor = describeDescriptor(error);
  if (descriptor) finding.descriptor = descriptor;
  dialect.complete?.(finding, error);
  return finding;
}

/** `interpret` for a tool that has none of its own, such as `none` with `--track-fds=yes`. */
export function interpretAny(tool: string): Interpret {
  const dialect: ToolDialect = { tool, announces: () => undefined };
  return (error) => interpretError(error, dialect);
}

/**
 * Pairs texts and stacks. A text belongs to the stack under it when it announces one; the first stack that nothing
 * announces is where the tool saw the error. Texts in between (`Locks held: none`) are details.
 */
function labelStacks(error: ValgrindError, dialect: ToolDialect): { stacks: Stack[]; details: string[] } {
  const stacks: Stack[] = [];
  const details: string[] = [];
  let pending: string[] = [];
  let at: Stack | undefined;
  let previous: StackLabel | undefined;
  const announces = (text: string) => announcedByCore(text) ?? dialect.announces(text, previous);

  if (error.moreWhat) details.push(error.moreWhat.trim());
  for (const part of error.parts) {
    if (part.type === 'text') {
      const text = part.text.trim();
      const last = pending.at(-1);
      const place = declaredPlace(part, text);
      if (text === '') continue;
      if (place) {
        const variable = last?.startsWith('Location ') ? pending.pop() : undefined;
        stacks.push({ label: 'declared at', text: joinSentence(variable, text), frames: [place] });
      } else if (text.startsWith('(') && last !== undefined && announces(last)) {
        // `(thread finished, call stack no longer available)`, `(the start of the thread)`: stands for the stack.
        pending[pending.length - 1] = `${last} ${text}`;
      } else pending.push(text);
      continue;
    }
    if (part.frames.length === 0) {
      details.push(...pending, emptyStackText(part));
      pending = [];
      continue;
    }
    let label: StackLabel;
    let text: string | undefined;
    if (part.container) {
      label = containerLabels[part.container];
      // drd prints the description of the block right before the stack of its allocation.
      text = part.container === 'allocation_context' ? pending.pop() : containerText(part);
    } else {
      let announced: StackLabel | undefined;
      let index = pending.length;
      while (announced === undefined && index > 0) announced = announces(pending[--index] ?? '');
      if (announced !== undefined) {
        label = announced;
        [text] = pending.splice(index, 1);
      } else if (at === undefined) label = 'at';
      else {
        label = 'related';
        text = pending.pop();
      }
    }
    details.push(...pending);
    pending = [];
    const stack: Draft<Stack> = { label, frames: part.frames };
    if (text) stack.text = text.endsWith(':') ? text.replace(/(?: Allocation context)?:$/, '') : text;
    if (label === 'at' && at === undefined) at = stack;
    else stacks.push(stack);
    // What `followed by …` continues is the order that was begun, even where that stack became the `at`.
    previous = label;
  }
  details.push(...pending);
  return { stacks: at ? [at, ...stacks] : stacks, details };
}

type StackPart = Extract<ErrorPart, { type: 'stack' }>;

/** `mutex 0x1ffeffff90 was first observed at`, as drd's text log says it. */
function containerText(part: StackPart): string | undefined {
  if (part.container !== 'first_observed_at' || !part.text) return part.text;
  return `${[part.text, part.address].filter(Boolean).join(' ')} was first observed at`;
}

function emptyStackText(part: StackPart): string {
  const name = (part.container && segmentNames[part.container]) ?? part.text ?? 'Call stack';
  return `${name} ${NO_STACK}`;
}

/** The place in `declared at hg_race.c:2`, `a global variable declared at f.c:2`, `declared at f.c:3, in frame #0 of thread 1`. */
function declaredPlace(part: TextPart, text: string): Frame | undefined {
  if (!text.includes('declared at ')) return undefined;
  const match = /(?:^|\s)declared at (.+):(\d+)(?:,|$)/.exec(text);
  const file = part.file ?? match?.[1];
  const line = part.line ?? (match ? Number(match[2]) : undefined);
  if (!match || file === undefined) return undefined;
  return {
    file,
    ...(line !== undefined && { line }),
    ...(part.directory !== undefined && { directory: part.directory }),
  };
}

/** `Location 0x10c06b is 0 bytes inside arr[1],` + `a global variable declared at f.c:2` */
function joinSentence(start: string | undefined, end: string): string {
  if (start === undefined) return end;
  return start.endsWith(',') ? `${start} ${end}` : `${start}, ${end}`;
}

/** The address that a description of memory begins with, e.g. `0x4a4004a`. */
export function firstAddress(parts: readonly ErrorPart[]): string | undefined {
  for (const part of parts) {
    // Address 0x8 is not stack'd, malloc'd or (recently) free'd
    const match = part.type === 'text' ? /^\s*(?:Address|Location) (0x[\da-f]+)/i.exec(part.text) : undefined;
    if (match) return match[1];
  }
  return undefined;
}

/** From the elements, or from the sentence of a text log. */
function describeDescriptor(error: ValgrindError): Descriptor | undefined {
  if (error.fd !== undefined) {
    return { number: error.fd, ...(error.path !== undefined && { path: error.path }) };
  }
  if (!error.kind.startsWith('Fd')) return undefined;
  // Open file descriptor 4: /tmp/x.txt | Open AF_INET socket 3: <unbound> <-> <unbound>
  // File descriptor 3: /dev/null is already closed | File descriptor 3 was closed already
  const match =
    /^(?:Open )?(file descriptor|\S+ socket) (-?\d+)(?:: (.*?)(?: is already closed)?$|\b)/is.exec(
      error.what,
    );
  if (!match) return undefined;
  const isFile = match[1]?.toLowerCase() === 'file descriptor';
  return { number: Number(match[2]), ...(isFile && match[3] && { path: match[3] }) };
}
