// What a profile means: costs of functions and lines, owners, order, and how it stands against another one.
import type { Owner } from './finding.ts';
import type {
  AllocationSite,
  CallEdges,
  CallTree,
  Columns,
  Jumps,
  Measure,
  ProfileFrame,
  ProfilePart,
  Timeline,
} from './profile.ts';

/** A frame with what analyze knows of it. */
export interface ReportProfileFrame extends ProfileFrame {
  readonly owner: Owner;
  /** As in `ReportFrame`. */
  readonly ownerReason: string;
  /** Directory and file joined; relative to the project root when it lies under it. */
  readonly path?: string;
}

/** A source file of the profile. */
export interface ProfileFile {
  /** Relative to the project root when it lies under it. */
  readonly path: string;
  readonly owner: Owner;
}

/** Costs of functions, by measure and index into `ReportProfile.functions`. */
export interface FunctionCosts {
  readonly self: Columns;
  /** With all that was called. A recursive call is not counted again. Missing where the format has no calls. */
  readonly inclusive?: Columns;
  /** How often called; missing where the format does not tell, NaN where it does not for this one. */
  readonly calls?: readonly number[];
  /** Number of the recursion cycle that the function is in; 0: in none. Missing when no function is in one. */
  readonly cycles?: readonly number[];
}

/** Self costs of source lines. Rows are file and line, the most expensive first. */
export interface ReportLines {
  /** Indices into `ReportProfile.files`. */
  readonly files: readonly number[];
  readonly lines: readonly number[];
  /** Index into `ReportProfile.functions` of the function that spent the most there. */
  readonly functions: readonly number[];
  readonly values: Columns;
  /** Missing when all lines are here. */
  readonly left?: LeftLines;
}

/** Source lines that a report of very many does not carry, added up: with them the costs of files are whole. Rows are files. */
export interface LeftLines {
  /** Indices into `ReportProfile.files`. */
  readonly files: readonly number[];
  /** How many lines of the file. */
  readonly counts: readonly number[];
  readonly values: Columns;
}

/** Source text around expensive lines, read when the report was made. */
export interface ProfileSource {
  /** Index into `ReportProfile.files`. */
  readonly file: number;
  /** 1-based number of `lines[0]`. */
  readonly firstLine: number;
  readonly lines: readonly string[];
}

/** What the same program spent before, row for row. What is not in the new profile has rows with zeros there. */
export interface ProfileBefore {
  /** File or run directory, as the user named it. */
  readonly name: string;
  /** False when it was not seen whole: it may have spent more than it says. */
  readonly complete: boolean;
  /** By measure; null where the other profile lacks the measure: then its columns are zeros that mean nothing. */
  readonly totals: readonly (number | null)[];
  /** Self, inclusive and calls. */
  readonly costs: FunctionCosts;
  /** Values of the nodes of each tree; null for a tree that has no counterpart. */
  readonly trees: readonly (Columns | null)[];
  /** Without the trees of its snapshots. */
  readonly timeline?: Timeline;
  /**
   * Indices into `functions`: by how much the self cost of the primary measure changed, up or down, falling;
   * empty where the other profile lacks it.
   */
  readonly bySelfChange: readonly number[];
  /** The same by inclusive cost; missing where one side has none. */
  readonly byInclusiveChange?: readonly number[];
}

/** A profile of one process, its threads and dumps together. */
export interface ReportProfile {
  /** `ReportProcess.image` of the process; several when profiles were added up. */
  readonly images: readonly number[];
  readonly pid: number;
  readonly program: string;
  readonly format: string;
  readonly measures: readonly Measure[];
  readonly primary: number;
  /** By measure; for a time line, of the largest snapshot: a tool may mark another one as its peak. */
  readonly totals: readonly number[];
  readonly stated?: readonly (number | undefined)[];
  readonly frames: readonly ReportProfileFrame[];
  /** What to draw. One that is `inferred` is only likely. */
  readonly trees: readonly CallTree[];
  readonly functions: readonly ReportProfileFrame[];
  readonly costs: FunctionCosts;
  /** Indices into `functions`: by inclusive cost of the primary measure (self where that is not known), falling. */
  readonly byInclusive: readonly number[];
  /** The same by self cost. */
  readonly bySelf: readonly number[];
  readonly files: readonly ProfileFile[];
  readonly edges?: CallEdges;
  /** Why the edges are not measured, see `CallGraph.inferred`. */
  readonly edgesInferred?: string;
  readonly lines?: ReportLines;
  readonly jumps?: Jumps;
  readonly sources?: readonly ProfileSource[];
  readonly timeline?: Timeline;
  readonly sites?: readonly AllocationSite[];
  readonly parts?: readonly ProfilePart[];
  readonly notes: readonly string[];
  /** False when its file was cut or the process was killed: there may be more than it says. */
  readonly complete: boolean;
  readonly before?: ProfileBefore;
}

/** One `--max-growth`: by how much a measure may grow against the profile it is compared with. */
export interface GrowthLimit {
  /** `Measure.name`; `peak` for the highest point of time lines. */
  readonly measure: string;
  readonly title: string;
  /** As the user wrote it: `5%`, `4KiB`. */
  readonly most: string;
  /** The largest value that does not fail. */
  readonly allowed: number;
  readonly before: number;
  readonly after: number;
  readonly exceeded: boolean;
}
