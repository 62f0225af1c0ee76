// Compares profiles with those of an earlier run: which is which, and what each function and call path spent then.
import { posix } from 'node:path';
import type { CallTree, Columns, Measure, ProfileFrame } from '../../model/profile.ts';
import type {
  FunctionCosts,
  ProfileBefore,
  ReportProfile,
  ReportProfileFrame,
} from '../../model/profile-report.ts';
import { frameKey } from '../../model/profile-tables.ts';
import { compareTrees, longer } from './compare-trees.ts';
import { numberFunctions } from './identity.ts';
import { peakTree } from './peak.ts';

/** What profiles are compared with. */
export interface KnownProfiles {
  /** As the user named it. */
  readonly name: string;
  readonly profiles: readonly ReportProfile[];
  /** False for a run that was not seen whole. */
  readonly whole: boolean;
}

/** Profiles of one program and format, then and now. */
export interface MatchedProfiles {
  readonly program: string;
  readonly pairs: readonly ProfilePair[];
  /** Further processes of the same program, which the other run did not have. */
  readonly more: readonly ReportProfile[];
}

export interface ProfilePair {
  readonly after: ReportProfile;
  readonly before: ReportProfile;
}

/** Profiles with `before`, and what has no counterpart. */
export interface ComparedProfiles {
  /** In the order in which they came. */
  readonly profiles: readonly ReportProfile[];
  readonly matched: readonly MatchedProfiles[];
  /** Of programs that the other side does not have. */
  readonly onlyAfter: readonly ReportProfile[];
  readonly onlyBefore: readonly ReportProfile[];
}

/**
 * Compares. Profiles belong together by program (base name) and format; of several, those with the same measures first,
 * then in the order of their pids. One profile alone on each side belong together whatever their programs are called.
 * Pure.
 */
export function compareProfiles(
  after: readonly ReportProfile[],
  { name, profiles: before, whole }: KnownProfiles,
): ComparedProfiles {
  const matched: MatchedProfiles[] = [];
  const onlyAfter: ReportProfile[] = [];
  const left = new Set(before);
  const lone = after.length === 1 && before.length === 1;
  for (const group of groupsOf(after)) {
    const [first] = group as [ReportProfile];
    const candidates = before.filter((profile) => belongTogether(first, profile, lone));
    const pairs = pairsOf(group, candidates);
    if (pairs.length === 0) {
      onlyAfter.push(...group);
      continue;
    }
    for (const pair of pairs) left.delete(pair.before);
    const taken = new Set(pairs.map((pair) => pair.after));
    const more = group.filter((profile) => !taken.has(profile));
    matched.push({ program: programOf(first), pairs, more });
  }
  const beforeOf = new Map(matched.flatMap(({ pairs }) => pairs.map((pair) => [pair.after, pair.before])));
  return {
    profiles: after.map((profile) => {
      const earlier = beforeOf.get(profile);
      return earlier === undefined ? profile : compareProfile(profile, earlier, { name, whole });
    }),
    matched,
    onlyAfter,
    onlyBefore: [...left],
  };
}

/** The base name of its program: it may be built elsewhere tomorrow. */
export function programOf({ program }: ReportProfile): string {
  return posix.basename(program);
}

function groupsOf(profiles: readonly ReportProfile[]): readonly (readonly ReportProfile[])[] {
  const groups = new Map<string, ReportProfile[]>();
  for (const profile of profiles) {
    const key = `${profile.format}\0${programOf(profile)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [profile]);
    else group.push(profile);
  }
  return [...groups.values()];
}

function pairsOf(after: readonly ReportProfile[], before: readonly ReportProfile[]): readonly ProfilePair[] {
  const byPid = (a: ReportProfile, b: ReportProfile): number => a.pid - b.pid;
  const pairs: ProfilePair[] = [];
  let free = [...before].sort(byPid);
  let open = [...after].sort(byPid);
  for (const fits of [haveSameMeasures, shareMeasure]) {
    for (const profile of open) {
      const earlier = free.find((candidate) => fits(profile, candidate));
      if (earlier === undefined) continue;
      pairs.push({ after: profile, before: earlier });
      free = free.filter((candidate) => candidate !== earlier);
    }
    open = open.filter((profile) => !pairs.some((pair) => pair.after === profile));
  }
  return pairs;
}

function haveSameMeasures(a: ReportProfile, b: ReportProfile): boolean {
  return (
    a.measures.length === b.measures.length && a.measures.every((measure) => measureLike(b, measure) >= 0)
  );
}

function shareMeasure(a: ReportProfile, b: ReportProfile): boolean {
  return a.measures.some((measure) => measureLike(b, measure) >= 0);
}

/**
 * Index of the measure in another profile, -1: it has none. What has the name and counts something else is another one:
 * massif's `bytes` are of the heap or of pages.
 */
export function measureLike({ measures }: ReportProfile, { name, title, unit }: Measure): number {
  return measures.findIndex((other) => other.name === name && other.unit === unit && other.title === title);
}

/** Measures of one name that count different things, in profiles of one program and format. */
export function unlikeMeasures(
  after: readonly ReportProfile[],
  before: readonly ReportProfile[],
): readonly { readonly after: Measure; readonly before: Measure }[] {
  const lone = after.length === 1 && before.length === 1;
  return after.flatMap((profile) =>
    before
      .filter((other) => belongTogether(profile, other, lone))
      .flatMap((other) =>
        profile.measures.flatMap((measure) => {
          const same = other.measures.find(({ name }) => name === measure.name);
          return same === undefined || measureLike(other, measure) >= 0
            ? []
            : [{ after: measure, before: same }];
        }),
      ),
  );
}

/** By program and format. @param lone each side has one profile only: then the program may be called otherwise. */
function belongTogether(after: ReportProfile, before: ReportProfile, lone: boolean): boolean {
  return after.format === before.format && (lone || programOf(after) === programOf(before));
}

/**
 * The profile with what an earlier one spent, row for row. Functions and call paths that only the earlier one has are
 * added at the ends of their tables, with zeros; rows that were there keep their indices.
 */
export function compareProfile(
  after: ReportProfile,
  before: ReportProfile,
  { name, whole }: { readonly name: string; readonly whole: boolean },
): ReportProfile {
  const measures = after.measures.map((measure) => measureLike(before, measure));
  const numbers = numberFunctions([after.functions, after.frames], [before.functions, before.frames]);
  const [nowFunctions = [], nowFrames = []] = numbers.after;
  const [thenFunctions = [], thenFrames = []] = numbers.before;

  const rows = matchFunctions(
    { functions: after.functions, numbers: nowFunctions },
    { functions: before.functions, numbers: thenFunctions },
  );
  const functions = [...after.functions];
  for (const [row, now] of rows.entries()) {
    if (now < 0) rows[row] = functions.push(before.functions[row] as ReportProfileFrame) - 1;
  }
  const gone = functions.slice(after.functions.length).map((_, index) => after.functions.length + index);

  const frames = [...after.frames];
  const frameOf = frameAdder(frames, before.frames);
  const [nowLines, thenLines] = [linesOf(after.frames), linesOf(before.frames)];
  const compared = compareAllTrees(after, before, (now, then) =>
    compareTrees(
      { tree: now, functions: nowFrames, lines: nowLines },
      { tree: then, functions: thenFrames, lines: thenLines },
      measures,
      frameOf,
      numbers.count,
    ),
  );

  const costs = longerCosts(after.costs, functions.length);
  const earlier = placedCosts(before.costs, rows, measures, functions.length);
  const { primary } = after;
  const changes = (now: Columns | undefined, then: Columns | undefined): number[] | undefined =>
    now &&
    then &&
    (measures[primary] === -1 ? [] : byChange(now[primary] ?? [], then[primary] ?? [], functions.length));
  const byInclusiveChange = changes(costs.inclusive, earlier.inclusive);
  const timeline = before.timeline && {
    ...before.timeline,
    snapshots: before.timeline.snapshots.map(({ tree: _, ...snapshot }) => snapshot),
  };
  const filled: ProfileBefore = {
    name,
    complete: whole && before.complete,
    totals: measures.map((measure) => (measure < 0 ? null : (before.totals[measure] ?? null))),
    costs: earlier,
    trees: compared.before,
    ...(timeline && { timeline }),
    bySelfChange: changes(costs.self, earlier.self) ?? [],
    ...(byInclusiveChange && { byInclusiveChange }),
  };
  return {
    ...after,
    frames,
    trees: compared.trees,
    functions,
    costs,
    byInclusive: [...after.byInclusive, ...gone],
    bySelf: [...after.bySelf, ...gone],
    before: filled,
  };
}

// ---- functions

interface FunctionSide {
  readonly functions: readonly ProfileFrame[];
  readonly numbers: readonly number[];
}

/** For each function before its row now; -1: there is none. Equal ones first, then in their order. */
function matchFunctions(after: FunctionSide, before: FunctionSide): number[] {
  const rows = new Array<number>(before.functions.length).fill(-1);
  const taken = new Uint8Array(after.functions.length);
  const same = rowsBy(after.numbers);
  // Only where there are several it matters which is which.
  const isAlone = (number: number): boolean => (same.get(number)?.length ?? 0) < 2;
  const exact = rowsBy(
    after.functions.map((frame, row) =>
      isAlone(after.numbers[row] as number) ? '' : `${after.numbers[row]}\0${frameKey(frame)}`,
    ),
  );
  const take = (row: number, candidates: number[] | undefined): void => {
    while (rows[row] === -1 && candidates !== undefined && candidates.length > 0) {
      const now = candidates.pop() as number;
      if (taken[now] === 1) continue;
      taken[now] = 1;
      rows[row] = now;
    }
  };
  for (const [row, frame] of before.functions.entries()) {
    const number = before.numbers[row] as number;
    if (!isAlone(number)) take(row, exact.get(`${number}\0${frameKey(frame)}`));
  }
  for (const [row, number] of before.numbers.entries()) take(row, same.get(number));
  return rows;
}

/** Rows by key, the last first. */
function rowsBy<K>(keys: readonly K[]): ReadonlyMap<K, number[]> {
  const rows = new Map<K, number[]>();
  for (let row = keys.length - 1; row >= 0; row--) {
    const key = keys[row] as K;
    const known = rows.get(key);
    if (known === undefined) rows.set(key, [row]);
    else known.push(row);
  }
  return rows;
}

function longerCosts({ self, inclusive, calls, cycles }: FunctionCosts, length: number): FunctionCosts {
  return {
    self: self.map((column) => longer(column, length)),
    ...(inclusive && { inclusive: inclusive.map((column) => longer(column, length)) }),
    ...(calls && { calls: longer(calls, length) }),
    ...(cycles && { cycles: longer(cycles, length) }),
  };
}

function placedCosts(
  { self, inclusive, calls }: FunctionCosts,
  rows: readonly number[],
  measures: readonly number[],
  length: number,
): FunctionCosts {
  const placed = (column: readonly number[] | undefined): number[] => {
    const values = new Array<number>(length).fill(0);
    if (column !== undefined) {
      for (const [row, now] of rows.entries()) values[now] = column[row] as number;
    }
    return values;
  };
  return {
    self: measures.map((measure) => placed(self[measure])),
    ...(inclusive && { inclusive: measures.map((measure) => placed(inclusive[measure])) }),
    ...(calls && { calls: placed(calls) }),
  };
}

function byChange(now: readonly number[], then: readonly number[], length: number): number[] {
  const changes = Array.from({ length }, (_, row) => Math.abs((now[row] ?? 0) - (then[row] ?? 0)));
  // What did not change stays in its order at the end.
  return changes
    .map((_, row) => row)
    .sort(
      (a, b) => (changes[b] as number) - (changes[a] as number) || (now[b] ?? 0) - (now[a] ?? 0) || a - b,
    );
}

// ---- trees

function linesOf(frames: readonly ProfileFrame[]): readonly number[] {
  return frames.map(({ line }) => line ?? 0);
}

/** Finds the frames of another profile among `frames`, or adds them. */
function frameAdder(
  frames: ReportProfileFrame[],
  others: readonly ReportProfileFrame[],
): (frame: number) => number {
  let known: Map<string, number> | undefined;
  return (frame) => {
    known ??= new Map(frames.map((each, index) => [frameKey(each), index]));
    const other = others[frame] as ReportProfileFrame;
    const key = frameKey(other);
    let index = known.get(key);
    if (index === undefined) {
      index = frames.push(other) - 1;
      known.set(key, index);
    }
    return index;
  };
}

interface AllTrees {
  readonly trees: readonly CallTree[];
  readonly before: readonly (Columns | null)[];
}

/** Of time lines only the peaks; else trees of one name, in the order of their threads, and one that is left alone. */
function compareAllTrees(
  after: ReportProfile,
  before: ReportProfile,
  compare: (now: CallTree, then: CallTree) => { readonly tree: CallTree; readonly before: Columns },
): AllTrees {
  const counterparts = new Map<number, number>();
  if (after.timeline !== undefined || before.timeline !== undefined) {
    const [now, then] = [after, before].map(({ timeline, trees }) =>
      timeline === undefined ? -1 : peakTree(timeline, trees),
    ) as [number, number];
    if (now >= 0 && then >= 0) counterparts.set(now, then);
  } else {
    for (const [now, then] of treePairs(after.trees, before.trees)) counterparts.set(now, then);
  }
  const trees: CallTree[] = [];
  const values: (Columns | null)[] = [];
  for (const [index, tree] of after.trees.entries()) {
    const then = before.trees[counterparts.get(index) ?? -1];
    const both = then && compare(tree, then);
    trees.push(both?.tree ?? tree);
    values.push(both?.before ?? null);
  }
  if (after.timeline !== undefined || before.timeline !== undefined) return { trees, before: values };
  const taken = new Set(counterparts.values());
  for (const [index, then] of before.trees.entries()) {
    if (taken.has(index)) continue;
    // A thread that is gone: nothing is spent there now.
    const both = compare({ ...then, parents: [], frames: [], values: after.measures.map(() => []) }, then);
    trees.push(both.tree);
    values.push(both.before);
  }
  return { trees, before: values };
}

function treePairs(
  after: readonly CallTree[],
  before: readonly CallTree[],
): readonly (readonly [now: number, then: number])[] {
  const inOrder = (trees: readonly CallTree[]): number[] =>
    [...trees.keys()].sort(
      (a, b) =>
        (trees[a]?.pid ?? 0) - (trees[b]?.pid ?? 0) || (trees[a]?.tid ?? 0) - (trees[b]?.tid ?? 0) || a - b,
    );
  const pairs: (readonly [number, number])[] = [];
  let open = inOrder(before);
  const alone: number[] = [];
  for (const now of inOrder(after)) {
    const then = open.find((candidate) => before[candidate]?.name === after[now]?.name);
    if (then === undefined) alone.push(now);
    else {
      pairs.push([now, then]);
      open = open.filter((candidate) => candidate !== then);
    }
  }
  if (alone.length === 1 && open.length === 1) pairs.push([alone[0] as number, open[0] as number]);
  return pairs;
}
