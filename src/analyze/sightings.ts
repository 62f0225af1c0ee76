// How often a finding occurred in each process image, and how much was lost: counts, repeated leak checks, inheritance.
import type { Leak } from '../model/finding.ts';
import type { FindingDraft, ImageDraft, SightingDraft } from './fold.ts';
import { repeatsParentsBlocks } from './instruments.ts';
import { leakKindOf } from './leak-policy.ts';
import { leakBeyond, sumLeaks } from './leak-sum.ts';

/** A finding in one image, settled. */
export interface SettledSighting {
  readonly image: ImageDraft;
  readonly count: number;
  /** Error contexts, or loss records, as valgrind counts them. */
  readonly contexts: number;
  /** The count may be higher: the log does not tell. */
  readonly atLeast: boolean;
  readonly leak?: Leak;
  /** The parent reports as much at the very same place: it is the parent's, or may be. */
  readonly inherited: boolean;
  /** What the parent reports too; with `inherited` the same as `leak`. */
  readonly inheritedLeak?: Leak;
  /** Another instrument tells of it as well, and there it is counted. */
  readonly witness?: boolean;
  /** A leak that an earlier check reported and the last one did not. */
  readonly early: boolean;
}

/** Sightings by finding, and what had to be left out. */
export interface Settled {
  readonly sightings: ReadonlyMap<FindingDraft, readonly SettledSighting[]>;
  /** Leak records of earlier checks that were still reachable then and are gone since. */
  readonly goneReachable: number;
}

/** Gives the image that an image was forked from, when it is in the run. */
export type ParentOf = (image: ImageDraft) => ImageDraft | undefined;

/**
 * Settles all sightings.
 * Findings without a sighting left (memory that was reachable in an earlier check only) are not in the result.
 */
export function settle(
  images: readonly ImageDraft[],
  findings: readonly FindingDraft[],
  parentOf: ParentOf,
): Settled {
  const all = new Map<FindingDraft, SettledSighting[]>(findings.map((finding) => [finding, []]));
  const exact = new Map(images.map((image) => [image, countsAreExact(image)]));
  for (const [finding, sightings] of all) {
    for (const [image, draft] of finding.sightings) {
      const sighting = settleErrors(image, draft, exact.get(image) === true);
      const inherited = isParents(finding, sighting, parentOf);
      sightings.push({ ...sighting, inherited });
    }
  }
  let goneReachable = 0;
  for (const image of images) {
    const isRepeated = image.process.forked && repeatsParentsBlocks(image.process.tool);
    const { sums, gone } = sumLeaksOf(image, isRepeated ? parentOf(image) : undefined);
    goneReachable += gone;
    for (const [finding, sum] of sums) all.get(finding)?.push(settleLeaks(image, sum));
  }
  return { sightings: new Map([...all].filter(([, sightings]) => sightings.length > 0)), goneReachable };
}

type WithoutInheritance = Omit<SettledSighting, 'inherited'>;

function settleErrors(image: ImageDraft, draft: SightingDraft, exact: boolean): WithoutInheritance {
  const { contexts, stated, countedContexts, counted } = draft;
  // What a CountsRecord does not name, such as descriptors left open, occurred once for each context.
  const count = countedContexts > 0 ? counted + Math.max(0, contexts - countedContexts) : stated;
  return { image, count, contexts, atLeast: countedContexts < contexts && !exact, early: false };
}

/**
 * A forked child still has every descriptor of its parent and reports them again at its own exit. They are taken for
 * the parent's when the parent reports as many; a child that closed those and opened its own looks the same.
 */
function isParents(finding: FindingDraft, sighting: WithoutInheritance, parentOf: ParentOf): boolean {
  const { image, contexts } = sighting;
  if (finding.first.kind !== 'FdNotClosed' || !image.process.forked) return false;
  const parent = parentOf(image);
  const before = parent === undefined ? undefined : finding.sightings.get(parent);
  return before !== undefined && contexts <= before.contexts;
}

/** The loss records of one finding in one image. */
interface LeakSum {
  readonly own: Leak[];
  readonly inherited: Leak[];
  records: number;
  inheritedRecords: number;
  early: boolean;
}

/**
 * A forked child has all blocks of its parent and reports them again when they are lost. A child that lost as much by
 * itself, in code that runs after the fork in both, writes the very same records. So what the parent lost at the same
 * stack is taken for the parent's and counted once: a lower bound. What the child lost beyond it is surely its own.
 */
function sumLeaksOf(
  image: ImageDraft,
  parent: ImageDraft | undefined,
): { readonly sums: ReadonlyMap<FindingDraft, LeakSum>; readonly gone: number } {
  const sums = new Map<FindingDraft, LeakSum>();
  const lastCheck = Math.max(image.leakCheck, image.end?.leakChecks ?? 0);
  let gone = 0;
  for (const [key, group] of image.leakGroups) {
    const early = group.check < lastCheck;
    for (const [finding, { leak, records }] of group.sightings) {
      if (early && leakKindOf(finding.first.kind) === 'reachable') {
        gone += records;
        continue;
      }
      const sum = sums.get(finding) ?? {
        own: [],
        inherited: [],
        records: 0,
        inheritedRecords: 0,
        early: true,
      };
      sums.set(finding, sum);
      sum.early &&= early;
      const before = parent?.leakGroups.get(key)?.sightings.get(finding)?.leak;
      const own = before === undefined ? leak : leakBeyond(leak, before);
      if (own === undefined) sum.inheritedRecords += records;
      else {
        sum.own.push(own);
        sum.records += records;
      }
      if (before !== undefined) sum.inherited.push(own === undefined ? leak : before);
    }
  }
  return { sums, gone };
}

function settleLeaks(image: ImageDraft, sum: LeakSum): SettledSighting {
  const inherited = sum.own.length === 0;
  const leak = sumLeaks(inherited ? sum.inherited : sum.own);
  const inheritedLeak = sumLeaks(sum.inherited);
  const records = inherited ? sum.inheritedRecords : sum.records;
  return {
    image,
    count: records,
    contexts: records,
    // After a cut there may be more loss records of the same finding.
    atLeast: image.end?.complete !== true,
    ...(leak && { leak }),
    inherited,
    ...(inheritedLeak && { inheritedLeak }),
    early: sum.early,
  };
}

/**
 * Whether an image's counts are all there. A text log prints each context once and the sum at its end: when the sum
 * says as many errors as contexts, each occurred once.
 */
function countsAreExact(image: ImageDraft): boolean {
  if (image.end?.complete !== true) return false;
  if (image.counts !== undefined) return true;
  const errors = image.totals.errors;
  return errors !== undefined && errors.errors === errors.contexts;
}

/** Whether some of a sighting is left out of the sums because the parent reports it too. */
export function mayBeInherited({ inherited, inheritedLeak, witness }: SettledSighting): boolean {
  return witness !== true && (inherited || inheritedLeak !== undefined);
}
