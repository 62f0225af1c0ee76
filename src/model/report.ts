// What it means: the one shape that every reporter renders. Settled in analyze; reporters only give it form.
import type { Access, Descriptor, Frame, Leak, Owner, Severity, StackLabel, Thread } from './finding.ts';
import type { Problem } from './problem.ts';
import type { ErrorTotals, HeapTotals, LeakTotals } from './record.ts';
import type { Exit, StoppedBy } from './run.ts';

/**
 * The four answers. Only a run that was seen whole can be `clean`; `failed` is a target that failed by itself
 * without findings; a run that was killed, cut short or empty is `inconclusive`, whatever was found until then.
 */
export type Outcome = 'clean' | 'findings' | 'failed' | 'inconclusive';

/** A frame with what analyze knows of it. */
export interface ReportFrame extends Frame {
  readonly owner: Owner;
  /** Directory and file joined; relative to the project root when it lies under it. */
  readonly path?: string;
  /** True when this call was inlined into the next frame (same ip as the frame after it). */
  readonly inlined?: boolean;
}

export interface ReportStack {
  readonly label: StackLabel;
  readonly text?: string;
  readonly frames: readonly ReportFrame[];
}

/** One process (image) in which a finding was seen. */
export interface Sighting {
  /** `ReportProcess.image`. */
  readonly image: number;
  readonly pid: number;
  /** Times it occurred there, as far as known. */
  readonly count: number;
  /** A forked child reports no more than its parent: inherited, or its own at the same place. Not counted again. */
  readonly inherited: boolean;
  readonly leak?: Leak;
  /** What of the same finding the parent reports too, besides the child's own `leak`; not counted again. */
  readonly inheritedLeak?: Leak;
}

/** Source lines around the blamed one, read when the report was made. */
export interface Excerpt {
  /** 1-based number of `lines[0]`. */
  readonly firstLine: number;
  readonly lines: readonly string[];
}

/** One defect, merged over processes. */
export interface Finding {
  /** `F-` and 12 hex digits of the fingerprint. */
  readonly id: string;
  /** Identity: sha256 hex over kind and normalised stacks. See analyze/fingerprint.ts for the rule. */
  readonly fingerprint: string;
  /** `tool/kind`. */
  readonly rule: string;
  readonly tool: string;
  readonly kind: string;
  readonly severity: Severity;
  /** Short name of the kind, from the knowledge base; the kind itself when it has none. */
  readonly title: string;
  /** Counts as an error: it makes the outcome `findings`. valgrind's own rule, incl. --errors-for-leak-kinds. */
  readonly failing: boolean;
  /** Known, but not shown unless asked for: leak kinds that valgrind itself would not list, a script's interpreter. */
  readonly hidden: boolean;
  readonly thread?: Thread;
  readonly what: string;
  /** What else the tool said at this very place, addresses and thread numbers left out; at most five, never empty. */
  readonly alsoSeen?: readonly string[];
  readonly details: readonly string[];
  readonly stacks: readonly ReportStack[];
  /** Where in my code: indices into `stacks` and its `frames`. Missing when no frame is mine. */
  readonly blamed?: { readonly stack: number; readonly frame: number };
  readonly excerpt?: Excerpt;
  /** Occurrences over all processes, inherited ones not counted. */
  readonly count: number;
  /** There may be more than `count` and `leak` say: the log was cut, or a child's own may pass for its parent's. */
  readonly atLeast: boolean;
  /** Sum over processes without inherited sightings. */
  readonly leak?: Leak;
  readonly access?: Access;
  readonly descriptor?: Descriptor;
  readonly suppression?: string;
  readonly seenIn: readonly Sighting[];
  /** One sentence: what it means. */
  readonly meaning?: string;
  /** One sentence: what to do next. */
  readonly advice?: string;
}

/** Totals of one process or of the run; `computed` names the parts that the tool did not print itself. */
export interface ReportTotals {
  readonly heap?: HeapTotals;
  readonly leaks?: LeakTotals;
  readonly errors?: ErrorTotals;
  readonly computed: readonly ('heap' | 'leaks' | 'errors')[];
  /** Parts that may be more: what a forked child reports as its parent does may be its own all the same. */
  readonly atLeast?: readonly ('leaks' | 'errors')[];
}

/** How a process image ended, as far as known. */
export type ProcessEnd = 'finished' | 'signaled' | 'execed' | 'running' | 'cut' | 'exec-stub';

export interface ReportProcess {
  readonly image: number;
  readonly pid: number;
  readonly ppid?: number;
  /** Image of the parent process, when it is in the run. */
  readonly parent?: number;
  readonly program: string;
  readonly argv: readonly string[];
  readonly forked: boolean;
  readonly end: ProcessEnd;
  /** For the first process: as the operating system told it. Others: by fatal signal, else unknown. */
  readonly exit: Exit;
  readonly complete: boolean;
  readonly findings: number;
  readonly totals: ReportTotals;
}

export interface ReportMessage {
  readonly image: number;
  readonly pid: number;
  readonly source: 'client' | 'warning' | 'trace' | 'tool' | 'fatal-signal';
  readonly text: string;
  readonly stack?: ReportStack;
}

export interface SuppressionUse {
  readonly name: string;
  readonly count: number;
  readonly place?: string;
  readonly bytes?: number;
  readonly blocks?: number;
}

/** The whole answer. `version` changes when a field changes meaning or goes. */
export interface Report {
  readonly version: 1;
  readonly vgrun: string;
  readonly outcome: Outcome;
  /** Why, one sentence each; for `inconclusive` what was not seen. */
  readonly reasons: readonly string[];
  /** Exit status that follows from outcome and exit: see the table in the manual. */
  readonly status: number;
  readonly tool: { readonly name: string; readonly version?: string };
  readonly run?: {
    readonly id: string;
    /** Absolute path. */
    readonly directory: string;
    readonly command: readonly string[];
    readonly toolOptions: readonly string[];
    readonly startedAt: string;
    readonly durationMs?: number;
    readonly exit?: Exit;
    readonly stoppedBy?: StoppedBy;
    readonly projectRoot: string;
  };
  /** Most severe first, then by cost; failing before not failing. */
  readonly findings: readonly Finding[];
  readonly totals: ReportTotals;
  /** Parents before children. */
  readonly processes: readonly ReportProcess[];
  readonly suppressions: readonly SuppressionUse[];
  readonly messages: readonly ReportMessage[];
  readonly problems: readonly Problem[];
}
