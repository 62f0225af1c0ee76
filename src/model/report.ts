// What it means: the one shape that every reporter renders. Settled in analyze; reporters only give it form.
import type {
  Access,
  Descriptor,
  Frame,
  Leak,
  Owner,
  Severity,
  Span,
  StackLabel,
  Thread,
} from './finding.ts';
import type { Problem } from './problem.ts';
import type { GrowthLimit, ReportProfile } from './profile-report.ts';
import type { ErrorTotals, HeapTotals, LeakTotals } from './record.ts';
import type { Replay } from './request.ts';
import type { Exit, StoppedBy } from './run.ts';
import type { Stop, StopFrame, StopThread } from './stop.ts';

/**
 * The four answers. Only a run that was seen whole can be `clean`; `failed` is a target that failed by itself
 * without findings; a run that was killed, cut short or empty is `inconclusive`, whatever was found until then.
 */
export type Outcome = 'clean' | 'findings' | 'failed' | 'inconclusive';

/** A frame with what analyze knows of it. */
export interface ReportFrame extends Frame {
  readonly owner: Owner;
  /** What decided the owner: a word of `OwnerReason`, or the user's own pattern, e.g. `library=vendor/**`. */
  readonly ownerReason: string;
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
  /** Of a replay: the launch it belongs to, from 1. Pids of different launches may be equal. */
  readonly launch?: number;
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

/** What the instrument itself wrote about a finding. */
export interface RawExcerpt {
  /** File name, relative to the run directory. */
  readonly artifact: string;
  /** Bytes from the start of the artifact. */
  readonly offset: number;
  readonly text: string;
  /** The artifact has more of it than `text` shows. */
  readonly cut: boolean;
}

/**
 * How a finding stands against the baseline, or against the report it is compared with. `changed`: known, and it costs
 * more or less than before.
 */
export type Standing = 'new' | 'known' | 'changed';

/** What a finding costs: a leak in bytes and blocks, anything else in occurrences. */
export interface Cost {
  /** Direct and indirect together. Missing for what is no leak. */
  readonly bytes?: number;
  readonly blocks?: number;
  /** Occurrences; for a leak, loss records. */
  readonly count: number;
}

/** Why something that would fail the run does not. */
export type Pardon = 'baseline' | 'ownership' | 'fail-on' | 'limit' | 'interpreter';

/** A request that a finding comes from. */
export interface RequestShare {
  /** `ReplayedRequest.number`. */
  readonly request: number;
  /**
   * `made`: a process that served this one alone shows it, or its growth was measured. `first`: the instrument told it while this one
   * was served, and tells it once: others may make it too. `one of`: it was told while several were served.
   */
  readonly how: 'made' | 'first' | 'one of';
  /** Passes in which it was seen or measured. 0: it was seen while warming up, and never after. */
  readonly passes?: number;
  /** Occurrences, inherited ones not counted. Where growth was measured: passes in which it grew. */
  readonly count?: number;
  /** What is lost, or held more, over these passes. */
  readonly bytes?: number;
  readonly blocks?: number;
  /** The same bytes and blocks in each of the passes. */
  readonly steady?: boolean;
}

/** One defect, merged over processes. */
export interface Finding {
  /** `F-` and 12 hex digits of the fingerprint. */
  readonly id: string;
  /** Identity: sha256 hex over kind and normalised stacks. See analyze/fingerprint.ts for the rule. */
  readonly fingerprint: string;
  /**
   * A coarser identity, 16 hex digits: no file names, no template arguments, no frames of libc or the C++ runtime. By
   * it a finding is known again when its source file was renamed. Missing when nothing but system frames is there.
   */
  readonly outline?: string;
  /** `tool/kind`. */
  readonly rule: string;
  readonly tool: string;
  readonly kind: string;
  readonly severity: Severity;
  /** Short name of the kind, from the knowledge base; the kind itself when it has none. */
  readonly title: string;
  /** Counts as an error by the tool's own rule; of valgrind's leaks those of --errors-for-leak-kinds. */
  readonly error: boolean;
  /** Makes the outcome `findings`: an error, unless the gate says otherwise. */
  readonly failing: boolean;
  /** Why it is not failing although it is an error, or of a kind that `--fail-on` or `--max` names. */
  readonly pardon?: Pardon;
  /** Missing when nothing is compared. */
  readonly standing?: Standing;
  /** With `standing: 'changed'`: what it cost before. */
  readonly before?: Cost;
  /** Known, but not shown unless asked for: leak kinds that the tool itself would not list, a script's interpreter. */
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
  /** Where the instrument wrote it first. */
  readonly span?: Span;
  readonly raw?: RawExcerpt;
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
  /**
   * Of a replay: the requests that it comes from, the most expensive first. Empty: it comes from what the program does outside of
   * requests. Missing: not known.
   */
  readonly requests?: readonly RequestShare[];
  /** What other instruments said of the same defect, joined into this finding (docs/identity.md has the rule). Not counted again. */
  readonly witnesses?: readonly Finding[];
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

/**
 * How a process image ended, as far as known. `measured`: its profile is whole, and does not say how it ended. `unseen`: nothing
 * tells how it ended; what it reported until then is whole.
 */
export type ProcessEnd =
  | 'finished'
  | 'measured'
  | 'unseen'
  | 'signaled'
  | 'execed'
  | 'running'
  | 'cut'
  | 'exec-stub';

export interface ReportProcess {
  readonly image: number;
  readonly pid: number;
  /** Of a replay: the launch it belongs to, from 1. Pids of different launches may be equal. */
  readonly launch?: number;
  /** Of a replay, where the process served one request alone: `ReplayedRequest.number`. */
  readonly request?: number;
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
  /** When its log began and ended, ms after the start of the run; missing where the file system does not tell. */
  readonly startedMs?: number;
  readonly endedMs?: number;
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

/** What is known of a kind that the report has findings of. All texts are for people and hold no markup. */
export interface Rule {
  /** `tool/kind`. */
  readonly id: string;
  readonly severity: Severity;
  readonly title: string;
  readonly meaning?: string;
  readonly advice?: string;
  readonly causes: readonly string[];
  readonly fixes: readonly string[];
  readonly falsePositives: readonly string[];
  /** Options of the tool that help to find where it comes from. */
  readonly options: readonly string[];
}

/** A finding as a baseline knows it: one line of the file. */
export interface BaselineEntry {
  /** 64 hex digits. */
  readonly fingerprint: string;
  /** `Finding.outline`. */
  readonly outline?: string;
  readonly rule: string;
  /** `src/list.c push()`: for people, never compared. */
  readonly place: string;
  readonly cost: Cost;
  /** Base names of the programs in which it was seen, sorted. */
  readonly programs: readonly string[];
}

/** What the report is compared with, and what is not in it any more. */
export interface Comparison {
  /** File, run directory or log, as the user named it. */
  readonly name: string;
  readonly new: number;
  readonly known: number;
  readonly changed: number;
  /** Not reported any more, by a run that saw all of its programs to their end with the same tool. */
  readonly fixed: readonly BaselineEntry[];
  /** Not reported, but this run cannot tell: it did not run the program, used another tool, or was not seen whole. */
  readonly notJudged: readonly BaselineEntry[];
}

/** One `--max`: the most that the findings of a group may come to. */
export interface Limit {
  /** The word of `--max`: `definite`, `race`, `InvalidRead`, … */
  readonly group: string;
  /** Leaks are measured in bytes, everything else in findings. */
  readonly unit: 'bytes' | 'findings';
  readonly most: number;
  readonly actual: number;
  readonly exceeded: boolean;
}

/** What the user asked of the run beside the tool's own rule. */
export interface Gate {
  /** The words of `--fail-on`; missing: the tool's rule. */
  readonly failOn?: readonly string[];
  readonly onlyMine: boolean;
  readonly limits: readonly Limit[];
  /** Missing when nothing was asked about growth. */
  readonly growth?: readonly GrowthLimit[];
}

/** A frame of a process that stands still, with what analyze knows of it. */
export type ReportStopFrame = ReportFrame & StopFrame;

export interface ReportStopThread extends Omit<StopThread, 'frames'> {
  readonly frames: readonly ReportStopFrame[];
  /** Index in `frames` of the first that is mine; missing when none is. */
  readonly blamed?: number;
}

/** A moment at which a process stood still. */
export interface ReportStop extends Omit<Stop, 'threads'> {
  /** `ReportProcess.image`. */
  readonly image: number;
  /** `Finding.id` of what it shows. Missing for a probe and a sample. */
  readonly finding?: string;
  readonly threads: readonly ReportStopThread[];
  /** Source lines around the blamed frame of the first thread, read when the report was made. */
  readonly excerpt?: Excerpt;
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
  /** Of runs and logs of several tools that are read together all names, `memcheck, asan`, and a version only when all have it. */
  readonly tool: { readonly name: string; readonly version?: string };
  /**
   * What the tool is for, when not for finding errors: then that there are none says nothing. `profile`: it measures; `log`:
   * it writes a log that vgrun does not understand; `state`: it shows a process as it is.
   */
  readonly purpose?: 'profile' | 'log' | 'state';
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
  /** Of every kind in `findings`, in the order of their first finding. */
  readonly rules: readonly Rule[];
  /** Missing when nothing was asked beside the tool's own rule. */
  readonly gate?: Gate;
  /** Missing when nothing is compared. */
  readonly comparison?: Comparison;
  readonly totals: ReportTotals;
  /** The most expensive first. Missing for a tool that makes none. */
  readonly profiles?: readonly ReportProfile[];
  /** Parents before children. */
  readonly processes: readonly ReportProcess[];
  /** Moments at which processes stood still, in order: crashes, hit probes, samples. Missing for a tool that stops nothing. */
  readonly stops?: readonly ReportStop[];
  /** What was replayed, and what came of it. Missing for a run that was no replay. */
  readonly replay?: Replay;
  readonly suppressions: readonly SuppressionUse[];
  readonly messages: readonly ReportMessage[];
  readonly problems: readonly Problem[];
}
