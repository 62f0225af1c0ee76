// What a parser yields: the stream between PARSE and ANALYZE. One log is any number of process images.
import type { FindingRecord, Frame, Stack } from './finding.ts';
import type { Problem } from './problem.ts';
import type { Profile } from './profile.ts';
import type { Stop } from './stop.ts';

/**
 * A process image begins. An image is what one exec (or the program's start, or a fork) made: a process that
 * execs in place has several images with the same pid. `image` numbers are unique within one parsed run.
 */
export interface ProcessRecord {
  readonly type: 'process';
  readonly image: number;
  readonly pid: number;
  /** Of a replay: the launch it belongs to, from 1. Pids of different launches may be equal. */
  readonly launch?: number;
  readonly ppid?: number;
  /** `memcheck`, `helgrind`, `drd`, … */
  readonly tool?: string;
  /** Instrument version, e.g. `3.19.0`. */
  readonly version?: string;
  /** XML protocol version 1 to 6; missing for text logs. */
  readonly protocol?: number;
  /** Program and arguments as the tool was given them; may hold secrets. */
  readonly argv: readonly string[];
  /** The instrument's own command line. */
  readonly instrumentArgv: readonly string[];
  /** True when the image began by fork, without exec: the document has a preamble but never said RUNNING. */
  readonly forked: boolean;
  readonly artifact: string;
  readonly userComment?: string;
}

/** A process image ends, or its log does. Always the image's last record. */
export interface ProcessEndRecord {
  readonly type: 'process-end';
  readonly image: number;
  /** The tool wrote everything it had to: FINISHED and the closing tag, or ERROR SUMMARY in a text log. */
  readonly complete: boolean;
  /** `FINISHED` was seen: the program ended, though the log may be cut after it. */
  readonly finished: boolean;
  /** Nothing tells how or whether the process ended, though all that it reported is here. */
  readonly unseen?: true;
  /** Time in the tool's own clock, ms since the tool started, when told. */
  readonly durationMs?: number;
  /**
   * How many leak checks the image made, as far as the reader can know: the one at exit counts even when it found
   * nothing. Missing when the reader cannot know.
   */
  readonly leakChecks?: number;
}

/** How often each error context occurred, by the tool's `unique` id. Complete for the errors of the image but leaks. */
export interface CountsRecord {
  readonly type: 'counts';
  readonly image: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** A suppression that hid something. */
export interface SuppressionUseRecord {
  readonly type: 'suppression-use';
  readonly image: number;
  readonly name: string;
  readonly count: number;
  /** `file:line` of the suppression, text logs with -v only. */
  readonly place?: string;
  readonly bytes?: number;
  readonly blocks?: number;
}

/** helgrind's `Thread #2 was created`, drd's and memcheck's thread names. */
export interface ThreadRecord {
  readonly type: 'thread';
  readonly image: number;
  readonly id: number;
  readonly root: boolean;
  readonly name?: string;
  readonly frames: readonly Frame[];
}

/** Something said that is no error: VALGRIND_PRINTF, warnings, traces, why the tool died. */
export interface MessageRecord {
  readonly type: 'message';
  readonly image: number;
  readonly source: 'client' | 'warning' | 'trace' | 'tool';
  readonly text: string;
  readonly stack?: Stack;
}

/** The process died by a signal, as the instrument tells it. */
export interface FatalSignalRecord {
  readonly type: 'fatal-signal';
  readonly image: number;
  readonly number: number;
  /** `SIGSEGV`. */
  readonly name: string;
  /** si_code; 0 and below: sent by a process, not by a fault. */
  readonly code?: number;
  readonly event?: string;
  readonly address?: string;
  readonly thread?: number;
  readonly stack?: Stack;
}

/** Bytes in blocks. */
export interface Amount {
  readonly bytes: number;
  readonly blocks: number;
}

/** HEAP SUMMARY. Bytes; missing numbers were not told. */
export interface HeapTotals {
  readonly inUse: Amount;
  readonly allocations?: number;
  readonly frees?: number;
  readonly allocatedBytes?: number;
  readonly allFreed?: boolean;
}

/**
 * LEAK SUMMARY: direct bytes by kind. A kind is missing when the tool does not look for it or did not tell: memcheck has
 * the first four, LeakSanitizer the first two, a tool that only notes what was not freed `unfreed` alone.
 */
export interface LeakTotals {
  readonly definite?: Amount;
  readonly indirect?: Amount;
  readonly possible?: Amount;
  readonly reachable?: Amount;
  /** Not freed; nobody looked whether it can still be reached. */
  readonly unfreed?: Amount;
  readonly suppressed?: Amount;
  /** Reachable through heuristics (`stdstring`, `length64`, `newarray`, `multipleinheritance`). */
  readonly heuristics?: Readonly<Record<string, Amount>>;
}

/** ERROR SUMMARY. */
export interface ErrorTotals {
  readonly errors: number;
  readonly contexts: number;
  readonly suppressed?: number;
  readonly suppressedContexts?: number;
}

/** Totals that the tool itself printed. A later record of the same image replaces an earlier one, field by field. */
export interface TotalsRecord {
  readonly type: 'totals';
  readonly image: number;
  readonly heap?: HeapTotals;
  readonly leaks?: LeakTotals;
  readonly errors?: ErrorTotals;
  /** FILE DESCRIPTORS: open at exit; `inherited` is `std` in valgrind up to 3.24. */
  readonly descriptors?: { readonly open: number; readonly inherited: number };
}

/** A profile of the image, whole or as far as its file went: at most one for each file, after its `process`. */
export interface ProfileRecord {
  readonly type: 'profile';
  readonly image: number;
  readonly profile: Profile;
}

/** What a program holds more, or less, of the blocks that one stack allocated. */
export interface StackGrowth {
  /** Where they were allocated; `frames[0]` is the innermost. Their `ip`s are those of the process. */
  readonly frames: readonly Frame[];
  /** Negative when blocks were given back. */
  readonly bytes: number;
  readonly blocks: number;
}

/**
 * What the heap of a process grew by while it served one pass of a request alone: over all kinds of blocks, lost and held, since
 * a block that only a dead variable still points to is told as lost one check late.
 */
export interface GrowthRecord {
  readonly type: 'growth';
  /** Of a replay: the launch it belongs to, from 1. */
  readonly launch?: number;
  /** `ReplayedRequest.number`. */
  readonly request: number;
  /** From 1; 0 and below: warm-up. */
  readonly pass: number;
  readonly bytes: number;
  readonly blocks: number;
  /** By stack; blocks that a suppression hides are in none. */
  readonly stacks: readonly StackGrowth[];
}

/** A moment at which the image stood still: a crash, a hit probe, a sample. */
export interface StopRecord {
  readonly type: 'stop';
  readonly image: number;
  readonly stop: Stop;
  /** `FindingRecord.unique` of the finding in the same image that it shows, when it shows one. */
  readonly finding?: string;
}

/** Something the parser could not read, or that the log itself admits. */
export interface ProblemRecord {
  readonly type: 'problem';
  readonly image?: number;
  readonly problem: Problem;
}

export type ParsedRecord =
  | ProcessRecord
  | ProcessEndRecord
  | FindingRecord
  | CountsRecord
  | SuppressionUseRecord
  | ThreadRecord
  | MessageRecord
  | FatalSignalRecord
  | TotalsRecord
  | ProfileRecord
  | StopRecord
  | ProblemRecord;

/** What a run directory yields: the records of its logs, and what was measured between requests. */
export type RunRecord = ParsedRecord | GrowthRecord;
