// How much and where: the one shape of every profile, before anything is judged. A profile has one or more of
//
// - call trees (massif, dhat, perf, folded stacks): every call path with what was spent at its end,
// - a call graph (callgrind, gprof; without edges cachegrind): every function, and who called whom for how much,
// - source lines with what was spent on them,
// - a time line with trees at chosen points (massif),
// - allocation sites with lifetimes and accesses (dhat).
//
// A tree determines the graph, but not the other way round: a tree drawn from a graph is inferred, and says so.
// Tables are columns: one array for each measure, so that a million nodes are a few arrays.
import type { Frame } from './finding.ts';

/** What a number counts. `events` is anything that has no better word, such as cache misses. */
export type Unit =
  | 'bytes'
  | 'blocks'
  | 'instructions'
  | 'cycles'
  | 'samples'
  | 'calls'
  | 'ns'
  | 'ms'
  | 'events';

/** One kind of value that a profile has for each place. */
export interface Measure {
  /** The tool's own word: `Ir`, `D1mr`, `cpu-clock`; where the format has none, `bytes`, `samples`, … */
  readonly name: string;
  /** For people: `instructions executed`. */
  readonly title: string;
  readonly unit: Unit;
  /** A sum of other measures that the tool defines itself, as it stands in the file: `Ir + 10 Bm + 10 L1m`. */
  readonly formula?: string;
}

/**
 * A place in code. In trees with line and address as far as the format tells; in `functions` without.
 * Equal frames are the same object.
 */
export interface ProfileFrame extends Frame {
  /** The call was inlined into the frame around it. */
  readonly inlined?: boolean;
  /**
   * No place but a sum that the tool made itself: `callers below massif's threshold (1.00%)`. Everything else
   * is missing then.
   */
  readonly sum?: string;
}

/** Values of a table by measure, then by row. Self costs unless said otherwise. */
export type Columns = readonly (readonly number[])[];

/**
 * A call tree, outermost calls first. Rows are nodes; a parent stands before its children. What was spent in a node
 * itself stands in `values`; with its calls it is the sum over its subtree.
 */
export interface CallTree {
  /** For people: thread, process or snapshot. Missing when there is only one tree. */
  readonly name?: string;
  readonly pid?: number;
  readonly tid?: number;
  /** Row of the caller; -1 for an outermost call. */
  readonly parents: readonly number[];
  /** Index into `Profile.frames`. */
  readonly frames: readonly number[];
  readonly values: Columns;
  /** Missing when the tool recorded whole stacks; else why the tree is only a likely one, without a full stop. */
  readonly inferred?: string;
}

/** Who called whom. Rows are distinct call sites, or pairs of functions where the format knows no sites. */
export interface CallEdges {
  /** Indices into `Profile.functions`. */
  readonly callers: readonly number[];
  readonly callees: readonly number[];
  /** Index into `Profile.files` and line of the call; -1 and 0 where not known. */
  readonly files: readonly number[];
  readonly lines: readonly number[];
  /** How often; 0 where the format does not tell. */
  readonly calls: readonly number[];
  /** Inclusive: what the callee and all that it called spent for these calls. */
  readonly values: Columns;
}

/** Self costs of functions, and the calls between them. */
export interface CallGraph {
  /** By measure, then by index into `Profile.functions`. */
  readonly self: Columns;
  /** Missing where the format has no calls (cachegrind): then inclusive costs are not known. */
  readonly edges?: CallEdges;
  /**
   * How often each function was called, where the format tells it apart from the edges (gprof).
   * NaN: not told for this one.
   */
  readonly calls?: readonly number[];
  /** Inclusive costs as the tool itself states them (gprof); else they follow from the edges. */
  readonly inclusive?: Columns;
  /** Missing when edges were measured; else how the tool guessed them (gprof shares time among callers by calls). */
  readonly inferred?: string;
}

/** What was spent on source lines, by the function that the code was compiled into. Rows are function, file and line. */
export interface LineCosts {
  /** Index into `Profile.functions`. */
  readonly functions: readonly number[];
  /** Index into `Profile.files`: with inlined code another than that of the function. */
  readonly files: readonly number[];
  /** 1-based; 0: not known. */
  readonly lines: readonly number[];
  readonly values: Columns;
}

/** Jumps that callgrind counted with `--collect-jumps=yes`. Rows are pairs of lines. */
export interface Jumps {
  readonly functions: readonly number[];
  readonly files: readonly number[];
  readonly fromLines: readonly number[];
  readonly toLines: readonly number[];
  /** How often the jump was taken. */
  readonly taken: readonly number[];
  /** How often the branch was reached; equal to `taken` for an unconditional jump. */
  readonly reached: readonly number[];
}

export type SnapshotKind = 'normal' | 'detailed' | 'peak';

/** One point of a time line. */
export interface Snapshot {
  /** As the tool numbers it: an index, not a clock. */
  readonly number: number;
  /** In `Timeline.clock`. */
  readonly time: number;
  /** By `Timeline.series`. */
  readonly values: readonly number[];
  readonly kind: SnapshotKind;
  /** Index into `Profile.trees`. */
  readonly tree?: number;
}

/** How values went over time (massif). The series add up to the total. */
export interface Timeline {
  /** Unit of the time axis: instructions, ms, or bytes allocated and freed so far. */
  readonly clock: Unit;
  /** `heap`, `extra`, `stacks`: bytes each. */
  readonly series: readonly Measure[];
  readonly snapshots: readonly Snapshot[];
}

/** What dhat knows of the blocks of one allocation site beside what adds up. */
export interface AllocationSite {
  /** Row in `trees[0]`: the site is the call path that ends there. */
  readonly node: number;
  /** Sum of the lifetimes of its blocks, in instructions. Missing in the modes copy and ad-hoc. */
  readonly lifetimes?: number;
  /** Most bytes and blocks that the site had at one time. These do not add up over sites. */
  readonly maxBytes?: number;
  readonly maxBlocks?: number;
  /** Accesses to each byte of a block, summed over its blocks; only where all blocks have one size of at most 1024. */
  readonly accesses?: readonly number[];
}

/** A part of a profile that the tool wrote by itself: one of several dumps of callgrind, or a thread. */
export interface ProfilePart {
  /** `part 2`, `thread 3`. */
  readonly name: string;
  /** What made the tool write it, e.g. `Client Request`. */
  readonly trigger?: string;
  /** By measure. */
  readonly totals: readonly number[];
}

/** What one file says, or what several files say of one process. */
export interface Profile {
  /** Format that it came from: `massif`, `callgrind`, `perf`, `folded`, … */
  readonly format: string;
  readonly measures: readonly Measure[];
  /** Index into `measures`: by this one a reader looks first. */
  readonly primary: number;
  /** Sum of all that was read, by measure; for massif, the largest total of a snapshot: massif's marked peak may be less. */
  readonly totals: readonly number[];
  /** What the tool itself says the totals are, by measure; missing where it says nothing. */
  readonly stated?: readonly (number | undefined)[];
  /** Frames of `trees`. */
  readonly frames: readonly ProfileFrame[];
  readonly trees: readonly CallTree[];
  /** Functions of `graph`, `lines` and `jumps`; object and source file as far as the format tells, no line. */
  readonly functions: readonly ProfileFrame[];
  /** Source files of `graph.edges`, `lines` and `jumps`, as they stand in the profile; `???` is not among them (-1). */
  readonly files: readonly string[];
  readonly graph?: CallGraph;
  readonly lines?: LineCosts;
  readonly jumps?: Jumps;
  readonly timeline?: Timeline;
  readonly sites?: readonly AllocationSite[];
  readonly parts?: readonly ProfilePart[];
  /** The thread that the file is about, when it is about one of several. */
  readonly thread?: number;
  /** What else the file says of itself, for people: `Trigger: Program termination`, cache geometry, mode. */
  readonly notes: readonly string[];
}

/** A profile of no places at all: nothing was spent, or nothing was seen. */
export function isEmptyProfile({ totals, trees, graph, timeline }: Profile): boolean {
  return (
    totals.every((total) => total === 0) &&
    trees.every(({ parents }) => parents.length === 0) &&
    (graph?.self[0]?.length ?? 0) === 0 &&
    (timeline?.snapshots.length ?? 0) === 0
  );
}
