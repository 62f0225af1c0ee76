// Moments at which processes stood still, as reports have them: whose code each frame is, and which finding a moment shows.
import type { Finding, ReportStop, ReportStopFrame, ReportStopThread } from '../model/report.ts';
import type { Deadlock, Stop, StopFrame, StopThread } from '../model/stop.ts';
import type { FindingDraft, ImageDraft } from './fold.ts';
import type { FrameMaker } from './frames.ts';
import { primaryStack } from './ownership.ts';
import type { TreeNode } from './process-tree.ts';
import { withoutSecretValues } from './stop-secrets.ts';

/**
 * The stops of all images, in the order in which they were, as far as that is known.
 *
 * @param drafts what the instruments found, to which stops of cause `error` are joined.
 * @param findings as the report lists them.
 * @param secrets show values that look like secrets.
 */
export function reportStops(
  nodes: readonly TreeNode[],
  drafts: readonly FindingDraft[],
  findings: readonly Finding[],
  frames: FrameMaker,
  secrets: boolean,
): readonly ReportStop[] {
  const listed = listedIds(findings);
  const stops = nodes.flatMap(({ image }) =>
    image.stops.map(({ stop: seen, finding }): ReportStop => {
      const shown = finding ?? (seen.cause === 'error' ? findingAt(seen, image, drafts) : undefined);
      const id = shown && listed.get(shown.fingerprint);
      const stop = secrets ? seen : withoutSecretValues(seen);
      return {
        ...stop,
        image: image.process.image,
        ...(id !== undefined && { finding: id }),
        threads: stop.threads.map((thread) => makeThread(thread, frames)),
      };
    }),
  );
  // Processes that run side by side stop in turn.
  return stops.every(({ ms }) => ms !== undefined)
    ? stops.sort((a, b) => (a.ms as number) - (b.ms as number))
    : stops;
}

/** Gives the moment that a finding shows, when it is a crash: where it was seen first, and what it touched is known if it ever is. */
export function crashesOf(images: readonly ImageDraft[]): (finding: FindingDraft) => Stop | undefined {
  const crashes = new Map<FindingDraft, Stop>();
  for (const { stop, finding } of images.flatMap(({ stops }) => stops)) {
    if (finding === undefined || finding.first.kind === 'Deadlock' || stop.cause !== 'signal') continue;
    const seen = crashes.get(finding);
    if (seen === undefined || (seen.fault === undefined && stop.fault !== undefined))
      crashes.set(finding, stop);
  }
  return (finding) => crashes.get(finding);
}

/** Gives the deadlock that a finding is of, as its process showed it. */
export function deadlocksOf(images: readonly ImageDraft[]): (finding: FindingDraft) => Deadlock | undefined {
  const byImage = new Map(images.map((image) => [image.process.image, image.stops]));
  return ({ first }) => {
    if (first.kind !== 'Deadlock' || first.thread === undefined) return undefined;
    for (const { stop } of byImage.get(first.image) ?? []) {
      const lwp = stop.threads.find(({ number }) => number === first.thread?.id)?.lwp;
      // At one moment a thread is in one of them at most.
      const found = stop.deadlocks?.find(
        ({ cycle }) => cycle[0]?.lwp === lwp && cycle.length === first.stacks.length,
      );
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/** By fingerprint, the id of the finding under which a report lists it: its own, or that whose witness it is. */
function listedIds(findings: readonly Finding[]): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  for (const { id, fingerprint, witnesses = [] } of findings) {
    for (const witness of witnesses) ids.set(witness.fingerprint, id);
    ids.set(fingerprint, id);
  }
  return ids;
}

function makeThread(thread: StopThread, frames: FrameMaker): ReportStopThread {
  const made = frames(thread.frames);
  const own = thread.frames.map((frame, index): ReportStopFrame => {
    const known = made[index];
    // Cannot be missing: it makes one for each.
    if (known === undefined) return { ...frame, owner: 'library', ownerReason: 'nothing-known' };
    const { inlined: _, ...rest } = known;
    return { ...frame, ...rest, ...(frame.isInlined === true && { inlined: true }) };
  });
  const blamed = blamedIndex(own);
  return { ...thread, frames: own, ...(blamed !== undefined && { blamed }) };
}

/** The first of mine: one with a source line before one without, one that is there before one that may be left over. */
function blamedIndex(frames: readonly ReportStopFrame[]): number | undefined {
  const isMine = ({ owner }: ReportStopFrame): boolean => owner === 'mine';
  const isThere = (frame: ReportStopFrame): boolean => isMine(frame) && frame.trust !== 'doubtful';
  for (const fits of [
    (frame: ReportStopFrame) => isThere(frame) && frame.line !== undefined,
    isThere,
    isMine,
  ]) {
    const index = frames.findIndex(fits);
    if (index >= 0) return index;
  }
  return undefined;
}

/** The error of the instrument at which the debugger found the process, known by its instruction pointers. */
function findingAt(stop: Stop, image: ImageDraft, drafts: readonly FindingDraft[]): FindingDraft | undefined {
  const thread = stop.threads.find(({ isCurrent }) => isCurrent === true) ?? stop.threads[0];
  const at = calls(thread?.frames ?? []);
  if (at.length === 0) return undefined;
  let best: FindingDraft | undefined;
  let most = 0;
  for (const draft of drafts) {
    if (![...draft.sightings.keys()].some(({ process }) => process.pid === image.process.pid)) continue;
    const { stacks } = draft.first;
    const same = callsInCommon(at, calls(stacks[primaryStack(stacks)]?.frames ?? []));
    if (same > most) {
      best = draft;
      most = same;
    }
  }
  return best;
}

/** Instruction pointers, of inlined calls that share one only once. */
function calls(frames: readonly Pick<StopFrame, 'ip'>[]): readonly bigint[] {
  const ips: bigint[] = [];
  for (const { ip } of frames) {
    if (ip === undefined || !/^0x[\dA-Fa-f]{1,16}$/.test(ip)) continue;
    const value = BigInt(ip);
    if (value !== ips.at(-1)) ips.push(value);
  }
  return ips;
}

/**
 * How many calls two stacks have in common; 0 when they differ where both go on. valgrind gives of a caller the address before the
 * one it returns to (m_stacktrace.c), a debugger that address itself.
 */
function callsInCommon(ours: readonly bigint[], theirs: readonly bigint[]): number {
  const length = Math.min(ours.length, theirs.length);
  for (let index = 0; index < length; index++) {
    const apart = (ours[index] as bigint) - (theirs[index] as bigint);
    if (index === 0 ? apart !== 0n : apart !== 0n && apart !== 1n) return 0;
  }
  return length;
}
