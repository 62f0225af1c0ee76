// One error report of a sanitizer while its lines come in: its stacks with their labels, its sentences, its end.
import type { Access, FindingRecord, Frame, Leak, Stack, StackLabel, Thread } from '../../model/finding.ts';
import type { Closing, SanitizerImage, SectionHost } from './sanitizer-section.ts';

/** Bounds for one report, far above what any runtime prints: kStackTraceMax is 255. */
const mostFrames = 1024;
const mostStacks = 64;
const mostDetails = 64;

type Unfilled = Pick<FindingRecord, 'type' | 'tool' | 'kind' | 'what' | 'details' | 'stacks'>;

/** What a section fills in. */
export interface ReportDraft {
  readonly offset: number;
  readonly tool: string;
  kind: string;
  what: string;
  thread?: Thread;
  access?: Access;
  leak?: Leak;
  /** The stack that the next frame 0 begins. */
  readonly expect: (label: StackLabel, text?: string) => void;
  /** The next frame 0 begins a stack of nobody's. */
  readonly expectNothing: () => void;
  readonly frames: (frames: readonly Frame[], number: number) => void;
  /** Something other than a frame follows: the stack, if one is open, is whole. */
  readonly breakStack: () => void;
  readonly detail: (text: string) => void;
  readonly stacks: () => readonly Stack[];
  /**
   * How much of the last stack is sure when the log ends here. `whole`: something else followed it, or there is none. `enough`:
   * it reaches `main` or the start of its thread, below which nothing matters.
   */
  readonly lastStack: () => 'whole' | 'enough' | 'half';
  /**
   * The finding. Of a report that is cut the stack that may be half is left out.
   */
  readonly record: (whole: boolean) => Omit<FindingRecord, 'image'>;
}

/**
 * A report with nothing in it yet.
 *
 * @param first what the first stack is: most reports have no words for it.
 */
export function reportDraft(
  host: SectionHost,
  tool: string,
  offset: number,
  first: StackLabel = 'at',
): ReportDraft {
  const stacks: Stack[] = [];
  const details: string[] = [];
  let next: { readonly label: StackLabel; readonly text?: string } | undefined = { label: first };
  let open: (Stack & { frames: readonly Frame[] }) | undefined;
  /** Frames of the open stack that are its own; those of a stack that was read before are shared. */
  let own: Frame[] | undefined;

  const draft: ReportDraft = {
    offset,
    tool,
    kind: 'unknown',
    what: '',
    expect: (label, text) => {
      open = undefined;
      next = { label, ...(text !== undefined && { text }) };
    },
    expectNothing: () => {
      open = undefined;
      next = undefined;
    },
    frames: (frames, number) => {
      if ((number === 0 && next !== undefined) || open === undefined) {
        open = undefined;
        // A stack without words is of no use. One that counts from 0 again without anything between goes on: Chrome's do.
        if (next === undefined || stacks.length >= mostStacks) return;
        own = undefined;
        open =
          next.text === undefined
            ? { label: next.label, frames }
            : { label: next.label, text: next.text, frames };
        stacks.push(open);
        next = undefined;
        if (frames.length <= mostFrames) return;
        open.frames = frames.slice(0, mostFrames);
        return;
      }
      if (own === undefined) {
        own = [...open.frames];
        open.frames = own;
      }
      for (const frame of frames) if (own.length < mostFrames) own.push(frame);
    },
    breakStack: () => {
      open = undefined;
    },
    detail: (text) => {
      if (details.length < mostDetails) details.push(text);
    },
    stacks: () => stacks,
    lastStack: () => (open === undefined ? 'whole' : reachesEntry(open.frames) ? 'enough' : 'half'),
    record: (whole) => {
      const { kind, what, thread, access, leak } = draft;
      // Filled step by step: logs repeat reports by the hundred thousand.
      const record: { -readonly [Key in keyof FindingRecord]?: FindingRecord[Key] } & Unfilled = {
        type: 'finding',
        tool,
        kind,
        what,
        details,
        stacks: whole || draft.lastStack() !== 'half' ? stacks : stacks.slice(0, -1),
        span: { artifact: host.artifact, offset },
      };
      if (thread !== undefined) record.thread = thread;
      if (leak !== undefined) record.leak = leak;
      if (access !== undefined) record.access = access;
      return record;
    },
  };
  return draft;
}

/** `main`, and what stacks end with. What is below `main` or the start of a thread is the same for every finding. */
const entry =
  /^(?:main|_start|__libc_start_(?:call_)?main|start_thread|clone\d?|__bionic_clone|RtlUserThreadStart)$/;

/** Whether a stack goes down to where a program or a thread begins: then no frame of it that counts is missing. */
export function reachesEntry(frames: readonly Frame[]): boolean {
  return frames.some(({ function: name }) => name !== undefined && entry.test(name));
}

/** Says that the log ends within a report. */
export function tellCut(host: SectionHost, image: SanitizerImage, draft: ReportDraft, told: boolean): void {
  image.break();
  const pid = image.pid();
  const of = pid === undefined ? '' : ` of process ${pid}`;
  host.problem(
    {
      code: 'truncated-log',
      level: 'incomplete',
      message: told
        ? `The log${of} ends in the middle of a report: its first stack is whole, what follows may be missing`
        : `The log${of} ends in the middle of a report, which is left out`,
      offset: draft.offset,
      quote: draft.what,
      ...(pid !== undefined && { pid }),
    },
    String(pid),
  );
}

/**
 * Emits the report when it is whole, or what is sure of one that is cut: that is when its first stack is whole.
 *
 * @param ended the report's last line was seen.
 * @param isEnough whether what is left of a cut report says which error it is; by default its first stack does.
 */
export function emitReport(
  host: SectionHost,
  image: SanitizerImage,
  draft: ReportDraft,
  ended: boolean,
  because: Closing,
  isEnough: (stacks: readonly Stack[]) => boolean = (stacks) => stacks.length > 0,
): boolean {
  if (ended || because !== 'cut') {
    image.emit(draft.record(true));
    image.settle();
    return true;
  }
  // The last line may have been a frame that is lost.
  const record = draft.record(false);
  const told = isEnough(record.stacks);
  if (told) image.emit(record);
  tellCut(host, image, draft, told);
  return told;
}

/** `T0`, `T1 (worker)`; what no thread has (`T16777215`, `T-1`) is none. */
export function threadOf(id: string | undefined, name: string | undefined): Thread | undefined {
  const number = Number(id);
  if (id === undefined || !Number.isSafeInteger(number) || number < 0 || number >= 0xff_ffff)
    return undefined;
  return { id: number, ...(name !== undefined && name !== '' && { name }) };
}
