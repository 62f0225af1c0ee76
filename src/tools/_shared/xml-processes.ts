// Which process image the elements of an XML input belong to, from its begin to its end.
//
// One input may hold several documents: one after the other (`--xml-fd`), or a child's in the middle of its parent's
// (`%p` in both `--log-file` and `--xml-file`). A child that has no document of its own adds a second tail to its
// parent's. All of these were seen with 3.19 and 3.27.
import type { HeapTotals, ParsedRecord } from '../../model/record.ts';
import type { ReadContext } from '../tool.ts';
import type { ProblemTally } from './problem-tally.ts';
import type { Interpret } from './valgrind-error.ts';

/** A process image whose document is open. */
export interface Image {
  pid?: number;
  ppid?: number;
  tool?: string;
  version?: string;
  protocol?: number;
  argv: readonly string[];
  instrumentArgv: readonly string[];
  userComment?: string;
  readonly logFileQualifiers: string[];
  /** Something besides the root was read. */
  isBegun: boolean;
  hasArgs: boolean;
  isRunning: boolean;
  isFinished: boolean;
  durationMs?: number;
  leakCheck: number;
  /** The last loss record of the current leak check; 0 before its first. */
  lossRecord: number;
  heap?: HeapTotals;
  /** The suppression of the last error. */
  suppression?: string;
  readonly threadNames: Map<number, string>;
}

/** An image whose process record is out. */
export interface AnnouncedImage extends Image {
  readonly number: number;
  readonly interpret: Interpret;
}

export interface Processes {
  /** A document begins. */
  readonly begin: (offset: number) => void;
  /** The image whose document is open, to be filled; begins one when there is none. */
  readonly draft: (offset: number) => Image;
  /** The image that an event belongs to. */
  readonly announced: (offset: number) => AnnouncedImage;
  /** The image whose root was closed last, while nothing else followed it. */
  readonly justClosed: () => AnnouncedImage | undefined;
  /** `</valgrindoutput>`. */
  readonly close: (offset: number) => void;
  /** The pid of the open document is known: whatever had it before is gone. */
  readonly setPid: (pid: number) => void;
  /** The input ends. */
  readonly end: (offset: number, quote: string) => void;
}

const SHARED_HINT =
  'Use %p in --xml-file, and not in --log-file, so that each process has a document of its own.';

/** Documents open at once; each belongs to a process that may still write. */
const OPEN_LIMIT = 256;

export function createProcesses(
  context: ReadContext,
  emit: (record: ParsedRecord) => void,
  problems: ProblemTally,
): Processes {
  /** Innermost last. */
  const stack: Image[] = [];
  const announcements = new WeakMap<Image, AnnouncedImage>();
  /** Its root is closed; its last record waits for what may still follow, such as why the tool died. */
  let closed: AnnouncedImage | undefined;
  let lastEnded: Image | undefined;

  function begin(): void {
    const current = stack.at(-1);
    if (current && !current.isBegun) return;
    endClosed();
    const oldest = stack.length >= OPEN_LIMIT ? stack.shift() : undefined;
    if (oldest) finish(oldest, false);
    stack.push(newImage({}));
  }

  function draft(offset: number): Image {
    if (stack.length === 0) beginTail(offset);
    const current = stack.at(-1) ?? newImage({});
    current.isBegun = true;
    return current;
  }

  function announced(offset: number): AnnouncedImage {
    endClosed();
    return announce(draft(offset));
  }

  /** Something is written after the last root was closed, or before the first was opened. */
  function beginTail(offset: number): void {
    endClosed();
    if (lastEnded) {
      problems.add({
        code: 'shared-document',
        level: 'warning',
        message:
          `Another process wrote its end into the document of process ${lastEnded.pid ?? 'unknown'}: ` +
          'what it found before is counted for that process',
        hint: SHARED_HINT,
        offset,
      });
      const { pid, tool, version, protocol, argv, instrumentArgv } = lastEnded;
      stack.push(
        newImage({
          hasArgs: true,
          argv,
          instrumentArgv,
          ...(pid !== undefined && { ppid: pid }),
          ...(tool !== undefined && { tool }),
          ...(version !== undefined && { version }),
          ...(protocol !== undefined && { protocol }),
        }),
      );
      return;
    }
    problems.add({
      code: 'missing-preamble',
      level: 'incomplete',
      message: 'The document has lost its beginning, so that what stood there is not known',
      offset,
    });
    stack.push(newImage({ isRunning: true }));
  }

  function announce(image: Image): AnnouncedImage {
    const known = announcements.get(image);
    if (known) return known;
    const number = context.nextImage();
    const tool = image.tool ?? 'unknown';
    const result = Object.assign(image, { number, interpret: context.interpreterFor(tool) });
    announcements.set(image, result);
    emit({
      type: 'process',
      image: number,
      pid: image.pid ?? 0,
      ...(image.ppid !== undefined && { ppid: image.ppid }),
      ...(image.tool !== undefined && { tool: image.tool }),
      ...(image.version !== undefined && { version: image.version }),
      ...(image.protocol !== undefined && { protocol: image.protocol }),
      argv: image.argv,
      instrumentArgv: image.instrumentArgv,
      // After fork valgrind writes the preamble again, but no <state>RUNNING.
      forked: image.hasArgs && !image.isRunning,
      artifact: context.artifact,
      ...(image.userComment !== undefined && { userComment: image.userComment }),
    });
    for (const text of image.logFileQualifiers)
      emit({ type: 'message', image: number, source: 'tool', text });
    return result;
  }

  function close(offset: number): void {
    const current = stack.pop();
    if (!current) {
      problems.add({
        code: 'unexpected-element',
        level: 'note',
        message: 'A document is closed that was never opened',
        offset,
        quote: '</valgrindoutput>',
      });
      return;
    }
    endClosed();
    if (current.pid === undefined && !announcements.has(current)) reportLost(offset, '</valgrindoutput>');
    else closed = announce(current);
  }

  function endClosed(): void {
    const image = closed;
    closed = undefined;
    if (image) finish(image, true);
  }

  function finish(image: Image, isClosed: boolean): void {
    const { number } = announce(image);
    emit({
      type: 'process-end',
      image: number,
      complete: isClosed && image.isFinished,
      finished: image.isFinished,
      ...(image.durationMs !== undefined && { durationMs: image.durationMs }),
      // After FINISHED comes the check at exit, which writes nothing when all is freed.
      ...(isClosed && image.isFinished && { leakChecks: image.leakCheck }),
    });
    lastEnded = image;
  }

  function setPid(pid: number): void {
    // exec in place: the same process begins again, and its former image can write no more.
    const index = stack.findIndex((image, position) => image.pid === pid && position < stack.length - 1);
    const [replaced] = index >= 0 ? stack.splice(index, 1) : [];
    if (replaced) finish(replaced, false);
    const current = stack.at(-1);
    if (current) current.pid = pid;
    const outer = stack.at(-2);
    if (!outer) return;
    problems.add({
      code: 'shared-document',
      level: 'warning',
      message:
        `The document of process ${pid} stands inside the one of process ${outer.pid ?? 'unknown'}: ` +
        'what one of them found may be counted for the other',
      hint: SHARED_HINT,
      pid,
    });
  }

  function end(offset: number, quote: string): void {
    endClosed();
    for (let image = stack.pop(); image; image = stack.pop()) {
      if (image.pid === undefined && !announcements.has(image)) {
        reportLost(offset, quote);
        continue;
      }
      // Whether this matters is for analyze to say: an image that ended by exec never closes its document.
      problems.add(
        {
          code: 'truncated-document',
          level: 'note',
          message: image.isFinished
            ? `The document of process ${image.pid ?? 'unknown'} ends before its last totals`
            : `The document of process ${image.pid ?? 'unknown'} ends in the middle of its run`,
          offset,
          quote,
          ...(image.pid !== undefined && { pid: image.pid }),
        },
        String(image.pid),
      );
      finish(image, false);
    }
  }

  function reportLost(offset: number, quote: string): void {
    problems.add({
      code: 'truncated-document',
      level: 'incomplete',
      message: 'A document ends before it says which process it is about',
      offset,
      quote,
    });
  }

  return { begin, draft, announced, justClosed: () => closed, close, setPid, end };
}

function newImage(known: Partial<Image>): Image {
  return {
    argv: [],
    instrumentArgv: [],
    logFileQualifiers: [],
    isBegun: false,
    hasArgs: false,
    isRunning: false,
    isFinished: false,
    leakCheck: 1,
    lossRecord: 0,
    threadNames: new Map(),
    ...known,
  };
}
