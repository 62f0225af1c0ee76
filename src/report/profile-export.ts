// What the exports of profiles share: which trees there are, their paths, names, and whole numbers.
import { posix } from 'node:path';
import { UserError } from '../errors.ts';
import type { CallTree, Unit } from '../model/profile.ts';
import type { ReportProfile, ReportProfileFrame } from '../model/profile-report.ts';
import { callLists } from '../model/profile-tables.ts';
import type { Report } from '../model/report.ts';
import { countedTrees } from './profile-text.ts';

/**
 * The profiles of a report.
 *
 * @throws UserError (125) when nothing was measured: an export would look like one of a program that costs nothing.
 */
export function profilesOf(report: Report, format: string): readonly ReportProfile[] {
  const { profiles, tool } = report;
  if (profiles !== undefined && profiles.length > 0) return profiles;
  // A profiler that saw nothing was right to: that is what its picture says.
  if (report.purpose === 'profile') return [profileOfNothing(report)];
  throw new UserError(
    `this run has no profile: ${tool.name} ${profileless.test(tool.name) ? 'makes none' : 'left none'}, and ${format} holds nothing else`,
    'run it with a profiler such as --tool=massif or --tool=callgrind, or write another format',
  );
}

/** What a run is drawn as that was measured and left no sample: perf of a program that ends at once. */
function profileOfNothing({ run, tool }: Report): ReportProfile {
  return {
    images: [],
    pid: 0,
    program: run?.command[0] ?? '',
    format: tool.name,
    measures: [{ name: 'events', title: 'events', unit: 'events' }],
    primary: 0,
    totals: [0],
    frames: [],
    trees: [],
    functions: [],
    costs: { self: [[]] },
    byInclusive: [],
    bySelf: [],
    files: [],
    notes: [],
    complete: true,
  };
}

// Tools of valgrind that look for errors.
const profileless = /^(?:memcheck|helgrind|drd)$/;

/** Trees to export with the frames that they refer to. */
export interface ExportTrees {
  readonly frames: readonly ReportProfileFrame[];
  readonly trees: readonly CallTree[];
}

/** The trees whose values add up to the totals; see `allTrees`. */
export function sumTrees(profile: ReportProfile): ExportTrees {
  const trees = countedTrees(profile);
  return trees.length > 0 ? { frames: profile.frames, trees } : flatTree(profile);
}

/** All trees: of a time line one for each snapshot that has one. Without a tree, each function is a path of its own. */
export function allTrees(profile: ReportProfile): ExportTrees {
  return profile.trees.length > 0 ? { frames: profile.frames, trees: profile.trees } : flatTree(profile);
}

/** Where no calls are known. What was spent at no place that was recorded (massif's plain snapshots) is one path too. */
function flatTree({ functions, costs, totals }: ReportProfile): ExportTrees {
  if (functions.length === 0 && totals.some((total) => total > 0)) {
    const frame = { sum: 'no call tree was recorded', owner: 'tool', ownerReason: 'instrument' } as const;
    const tree = { parents: [-1], frames: [0], values: totals.map((total) => [total]) };
    return { frames: [frame], trees: [tree] };
  }
  const tree = {
    parents: functions.map(() => -1),
    frames: functions.map((_, row) => row),
    values: costs.self,
  };
  return { frames: functions, trees: [tree] };
}

/** Nodes of a tree, callees of one caller together: the order in which a flame graph has them from left to right. */
export function* nodesInOrder({ parents }: CallTree): Generator<number> {
  const { first, next } = callLists({ parents });
  let node = first[0] as number;
  while (node !== -1) {
    yield node;
    let down = first[node + 1] as number;
    while (down === -1 && node !== -1) {
      down = next[node] as number;
      node = parents[node] as number;
    }
    node = down;
  }
}

/**
 * The nodes of a tree in order, with the text of the path to each: made from the text of its caller's path, so that a
 * long path costs no more than a short one.
 */
export function* pathTexts(
  tree: CallTree,
  join: (above: string | undefined, node: number) => string,
): Generator<readonly [node: number, text: string]> {
  const { parents } = tree;
  const depths = new Int32Array(parents.length);
  for (const [node, parent] of parents.entries())
    depths[node] = parent < 0 ? 0 : (depths[parent] as number) + 1;
  const texts: string[] = [];
  for (const node of nodesInOrder(tree)) {
    const depth = depths[node] as number;
    const text = join(depth === 0 ? undefined : texts[depth - 1], node);
    texts[depth] = text;
    yield [node, text];
  }
}

/**
 * A value as a whole number, for formats that know no others: of milliseconds, which come with fractions, microseconds.
 * Nothing where it is negative or no number, for a share of a picture cannot be.
 */
export function wholeValue(value: number, unit: Unit): number {
  const whole = Math.round(unit === 'ms' ? value * 1000 : value);
  return Number.isFinite(whole) && whole > 0 ? Math.min(whole, mostValue) : 0;
}

/** The largest number that a signed integer of 64 bits has room for. */
const mostValue = 2 ** 63 - 1024;

/** `words`, the base name of the program; the pid where that is not known. */
export function processName({ program, pid }: ReportProfile): string {
  const name = posix.basename(program);
  return name === '' ? (pid > 0 ? `process ${pid}` : 'program') : name;
}
