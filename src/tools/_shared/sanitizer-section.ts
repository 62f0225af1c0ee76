// What a part of a sanitizer's log is to its reader (sanitizer-log.ts): one report, from the line that opens it to its end.
import type { FindingRecord, Frame } from '../../model/finding.ts';
import type { Problem } from '../../model/problem.ts';
import type { FatalSignalRecord, MessageRecord, SuppressionUseRecord } from '../../model/record.ts';

/** A line that is neither frame nor empty nor a row of shadow bytes. */
export interface SectionLine {
  /** Without what a CI or logcat puts before it, without mark, colours and trailing spaces; indentation is kept. */
  readonly text: string;
  /** The process of its mark: `==123==`, `==prog==123==`. */
  readonly pid?: number;
  /** Bytes from the start of the log. */
  readonly offset: number;
}

/**
 * What a section says of a line.
 * - `taken`: it is of this report.
 * - `last`: it is of this report, which ends with it.
 * - `over`: it is not, and shows that the report has ended before it. It may open the next one.
 * - `foreign`: it is not of this report, which may go on after it: output of the program in between. When it opens another
 *   report of the same process, this one is closed.
 */
export type Taken = 'taken' | 'last' | 'over' | 'foreign';

/**
 * Why a section is closed. `ended`: it answered `last` or `over`. `next`: another report of the process began. `cut`: the log
 * ends, and what was read may be half of it.
 */
export type Closing = 'ended' | 'next' | 'cut';

/** One report while it is read. It must keep no more than a bounded number of lines and frames. */
export interface Section {
  readonly image: SanitizerImage;
  /**
   * A frame line.
   *
   * @param frames the calls of the line, inlined ones first; interned.
   * @param number as printed: 0 begins a stack.
   */
  readonly frames: (frames: readonly Frame[], number: number) => void;
  /** An empty line. */
  readonly blank: () => void;
  readonly line: (line: SectionLine) => Taken;
  /** Tells what was found, through `image.emit`. Called once, last. */
  readonly close: (because: Closing) => void;
}

/** What reads one kind of report. */
export interface SectionKind {
  /**
   * The section that a line opens, or undefined. Asked of lines that name a sanitizer, that hold `runtime error: `, or that have
   * a mark; so it must look at the line closely: a program may quote one.
   */
  readonly open: (line: SectionLine, host: SectionHost) => Section | undefined;
}

/** What is known of a process while its reports are read. */
export interface SanitizerImage {
  readonly image: number;
  /** Undefined while no line tells. */
  readonly pid: () => number | undefined;
  /** The tool of the process, when a line tells more than the one that began it: ASan makes LeakSanitizer's reports too. */
  readonly setTool: (tool: string) => void;
  /** Takes the record over, and puts `image` into it. */
  readonly emit: (record: SanitizerRecord) => void;
  /**
   * A report of the runtime is whole, and it may have had its say.
   *
   * @param last it had: the runtime ends the program with this report, or says that the program has ended.
   */
  readonly settle: (last?: boolean) => void;
  /** Something of the process was not seen: the image cannot be complete any more. */
  readonly break: () => void;
  /** Counts a leak check and gives its number, from 1. */
  readonly countLeakCheck: () => number;
  /** A leak check begins; it may find nothing and say no more. */
  readonly startLeakCheck: () => void;
}

type WithoutImage<T> = T extends unknown ? Omit<T, 'image'> : never;

/** What a section may tell. */
export type SanitizerRecord = WithoutImage<
  FindingRecord | FatalSignalRecord | MessageRecord | SuppressionUseRecord
>;

/** What sections ask of the log they are in. */
export interface SectionHost {
  /**
   * The process with this pid; without one the process of the log: the one told from outside, the only one that spoke, or one
   * with pid 0.
   */
  readonly image: (tool: string, pid: number | undefined) => SanitizerImage;
  readonly artifact: string;
  /** The log ends within a line, which was not handed over: true only when sections are closed as `cut`. */
  readonly torn: () => boolean;
  /** The line just before this one, when it named a sanitizer and opened nothing. */
  readonly before: () => string | undefined;
  /**
   * A leak check looks at a thread. The check is a process of its own, whose number stands in the mark.
   *
   * @param thread the first one of a check is the main thread, whose number is that of the process.
   */
  readonly startLeakCheck: (checker: number, thread: number) => void;
  /** The same object for equal frames. */
  readonly intern: (frame: Frame) => Frame;
  /** The process has ended, and its runtime with it: its number may come again for another. */
  readonly end: (pid: number) => void;
  /** A problem of the log; quoted and tallied. */
  readonly problem: (problem: Omit<Problem, 'artifact'>, variant?: string) => void;
}
