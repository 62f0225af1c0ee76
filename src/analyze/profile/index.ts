// From the profiles of a run to what a report says of them: one for each process, the most expensive first.
import { posix } from 'node:path';
import type { Profile, ProfileFrame } from '../../model/profile.ts';
import type { ProfileFile, ReportProfile, ReportProfileFrame } from '../../model/profile-report.ts';
import { isUnder, type OwnershipContext, ownershipOf, sourcePath } from '../ownership.ts';
import { graphCosts } from './graph-costs.ts';
import { inferTree } from './infer-tree.ts';
import { sumLines } from './line-costs.ts';
import { canMerge, mergeProfiles } from './merge.ts';
import { peakTree } from './peak.ts';
import { treeFunctions } from './tree-costs.ts';

/** A profile and the process image that it is about. */
export interface ProfileOfImage {
  readonly image: number;
  readonly pid: number;
  /** Of a replay: the launch it belongs to. */
  readonly launch?: number;
  readonly program: string;
  readonly complete: boolean;
  readonly profile: Profile;
}

/** Makes the report of all profiles: those of one process are added up where their format allows. */
export function reportProfiles(
  found: readonly ProfileOfImage[],
  context: OwnershipContext,
): readonly ReportProfile[] {
  const groups: ProfileOfImage[][] = [];
  for (const one of found) {
    const group = groups.find(
      ([first]) =>
        first !== undefined &&
        first.pid === one.pid &&
        first.launch === one.launch &&
        one.pid > 0 &&
        canMerge(first.profile, one.profile),
    );
    if (group === undefined) groups.push([one]);
    else group.push(one);
  }
  return groups
    .map((group) => reportOf(group, context))
    .sort((a, b) => (b.totals[b.primary] ?? 0) - (a.totals[a.primary] ?? 0));
}

function reportOf(group: readonly ProfileOfImage[], context: OwnershipContext): ReportProfile {
  const [first] = group as readonly [ProfileOfImage];
  const profile = mergeProfiles(group.map((one) => one.profile));
  const { measures, primary, totals, stated, timeline, sites, parts, notes, jumps } = profile;
  const owned = (frame: ProfileFrame): ReportProfileFrame => ownedFrame(frame, context);
  const ofTrees =
    profile.graph === undefined ? treeFunctions(countedTrees(profile), measures.length) : undefined;
  const costs = ofTrees?.costs ?? graphCosts(profile.graph ?? { self: [] }, profile.functions.length);
  const drawn = profile.trees.length === 0 ? inferTree(profile, costs.inclusive) : undefined;
  const functions = (ofTrees?.functions ?? profile.functions).map(owned);
  const lines = ofTrees === undefined ? profile.lines : ofTrees.lines;
  const edges = ofTrees?.edges ?? profile.graph?.edges;
  const ranked = costs.inclusive ?? costs.self;
  return {
    images: group.map(({ image }) => image),
    pid: first.pid,
    program: first.program,
    format: profile.format,
    measures,
    primary,
    totals,
    ...(stated && { stated }),
    frames: (drawn?.frames ?? profile.frames).map(owned),
    trees: drawn === undefined ? profile.trees : [drawn.tree],
    functions,
    costs,
    byInclusive: rank(ranked[primary] ?? [], functions),
    bySelf: rank(costs.self[primary] ?? [], functions),
    files: (ofTrees?.files ?? profile.files).map((path) => fileOf(path, context)),
    ...(edges && { edges }),
    ...(profile.graph?.inferred !== undefined && { edgesInferred: profile.graph.inferred }),
    ...(lines && { lines: sumLines(lines, primary) }),
    ...(jumps && { jumps }),
    ...(timeline && { timeline }),
    ...(sites && { sites }),
    // A file that is the only part of its process tells nothing by that.
    ...(parts && (parts.length > 1 || (parts[0] && parts[0].name !== 'part 1')) && { parts }),
    notes,
    complete: group.every(({ complete }) => complete),
  };
}

/** Of a time line only the tree of its peak counts. */
function countedTrees({ frames, trees, timeline }: Profile): Pick<Profile, 'frames' | 'trees'> {
  if (timeline === undefined) return { frames, trees };
  const tree = trees[peakTree(timeline, trees)];
  return { frames, trees: tree === undefined ? [] : [tree] };
}

function ownedFrame(frame: ProfileFrame, context: OwnershipContext): ReportProfileFrame {
  const path = shownPath(sourcePath(frame), context);
  const { owner, reason } = ownershipOf(frame, context);
  return { ...frame, owner, ownerReason: reason, ...(path !== undefined && { path }) };
}

function fileOf(file: string, context: OwnershipContext): ProfileFile {
  return {
    path: shownPath(posix.normalize(file), context) ?? file,
    owner: ownershipOf({ file }, context).owner,
  };
}

function shownPath(path: string | undefined, { projectRoot }: OwnershipContext): string | undefined {
  return isUnder(path, projectRoot) ? posix.relative(projectRoot ?? '', path ?? '') : path;
}

/** Rows from dear to cheap; what costs nothing stays in its order at the end. */
function rank(column: readonly number[], functions: readonly ProfileFrame[]): number[] {
  const nameOf = (row: number): string => functions[row]?.function ?? '';
  return functions
    .map((_, row) => row)
    .sort(
      (a, b) =>
        (column[b] ?? 0) - (column[a] ?? 0) ||
        (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : a - b),
    );
}
