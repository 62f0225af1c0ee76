// How often a finding occurred in each process image, and how much was lost: counts, repeated leak checks, inheritance.
import type { Leak } from '../model/finding.ts';
import type { FindingDraft, ImageDraft } from './fold.ts';
import { leakKindOf } from './leak-policy.ts';
import { sumLeaks } from './leak-sum.ts';

/** A finding in one image, settled. */
export interface SettledSighting {
  readonly image: ImageDraft;
  readonly count: number;
  /** Error contexts, or loss records, as valgrind counts them. */
  readonly contexts: number;
  /** The count may be higher: the log does not tell. */
  readonly atLeast: boolean;
  readonly leak?: Leak;
  readonly inherited: boolean;
  /** A leak that an earlier check reported and the last one did not. */
  readonly early: boolean;
}

/** Sightings by finding, and what had to be left out. */
export interface Settled {
  readonly sightings: ReadonlyMap<FindingDraft, readonly SettledSighting[]>;
  /** Leak records of earlier checks that were still reachable then and are gone since. */
  readonly goneReachable: number;
}

/**
 * Settles all sightings. `parentOf` gives the image that an image was forked from, when it is in the run.
 * Findings without a sighting left (memory that was reachable in an earlier check only) are not in the result.
 */
export function settle(
  images: readonly ImageDraft[],
  findings: readonly FindingDraft[],
  parentOf: (image: ImageDraft) => ImageDraft | undefined,
): Settled {
  const own = new Map<FindingDraft, Map<ImageDraft, Omit<SettledSighting, 'inherited'>>>();
  const add = (finding: FindingDraft, sighting: Omit<SettledSighting, 'inherited'>): void => {
    const ofFinding = own.get(finding) ?? new Map<ImageDraft, Omit<SettledSighting, 'inherited'>>();
    ofFinding.set(sighting.image, merge(ofFinding.get(sighting.image), sighting));
    own.set(finding, ofFinding);
  };

  const exact = new Map(images.map((image) => [image, countsAreExact(image)]));
  for (const finding of findings) {
    for (const [image, { contexts, stated, countedContexts, counted }] of finding.sightings) {
      // What a CountsRecord does not name, such as descriptors left open, occurred once for each context.
      const count = countedContexts > 0 ? counted + Math.max(0, contexts - countedContexts) : stated;
      const atLeast = countedContexts < contexts && exact.get(image) !== true;
      add(finding, { image, count, contexts, atLeast, early: false });
    }
  }

  let goneReachable = 0;
  for (const image of images) {
    const lastCheck = Math.max(image.leakCheck, image.end?.leakChecks ?? 0);
    for (const group of image.leakGroups.values()) {
      const early = group.check < lastCheck;
      for (const [finding, { leak, records }] of group.sightings) {
        if (early && leakKindOf(finding.first.kind) === 'reachable') {
          goneReachable += records;
          continue;
        }
        const atLeast = image.end?.complete !== true;
        add(finding, { image, count: records, contexts: records, atLeast, leak, early });
      }
    }
  }

  const sightings = new Map<FindingDraft, readonly SettledSighting[]>();
  for (const finding of findings) {
    const ofFinding = own.get(finding);
    if (ofFinding === undefined) continue;
    const settled = [...ofFinding.values()].map((sighting) => ({
      ...sighting,
      inherited: isInherited(finding, sighting, ofFinding, parentOf),
    }));
    sightings.set(finding, settled);
  }
  return { sightings, goneReachable };
}

function merge(
  a: Omit<SettledSighting, 'inherited'> | undefined,
  b: Omit<SettledSighting, 'inherited'>,
): Omit<SettledSighting, 'inherited'> {
  if (a === undefined) return b;
  const leak = a.leak && b.leak ? sumLeaks([a.leak, b.leak]) : (a.leak ?? b.leak);
  return {
    image: a.image,
    count: a.count + b.count,
    contexts: a.contexts + b.contexts,
    atLeast: a.atLeast || b.atLeast,
    ...(leak && { leak }),
    early: a.early && b.early,
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

/**
 * A forked child still has every block and descriptor of its parent and reports them again at its own exit. They are
 * the parent's when the parent reports the same and the child no more than that.
 */
function isInherited(
  finding: FindingDraft,
  sighting: Omit<SettledSighting, 'inherited'>,
  all: ReadonlyMap<ImageDraft, Omit<SettledSighting, 'inherited'>>,
  parentOf: (image: ImageDraft) => ImageDraft | undefined,
): boolean {
  if (!sighting.image.process.forked) return false;
  if (sighting.leak === undefined && finding.first.kind !== 'FdNotClosed') return false;
  const parent = parentOf(sighting.image);
  const before = parent === undefined ? undefined : all.get(parent);
  if (before === undefined) return false;
  if (sighting.leak === undefined) return sighting.count <= before.count;
  if (before.leak === undefined) return false;
  return sighting.leak.bytes <= before.leak.bytes && sighting.leak.blocks <= before.leak.blocks;
}
