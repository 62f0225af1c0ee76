// What the memory of a process that serves many requests grew by in each of them, and which findings that growth became.
import type { FindingRecord, Frame } from '../model/finding.ts';
import type { Amount, GrowthRecord } from '../model/record.ts';
import type { RequestShare } from '../model/report.ts';
import type { MeasuredGrowth } from '../model/request.ts';
import type { FindingDraft } from './fold.ts';

/*
 * A block that the program still points to from a dead variable is reachable at the check after its request, and lost one check
 * later. So what a request made is the change over all kinds of blocks, by the stack that allocated them; how these are lost is
 * what the end of the process says, where the same stack has the same addresses.
 *
 * What is summed up over the passes of a request, warm-up not among them.
 */

/** Growth by request, and by the findings that it became. */
export interface RequestGrowths {
  readonly take: (record: GrowthRecord) => void;
  /** A finding of the end of the process: only leaks count. */
  readonly meet: (finding: FindingDraft, launch: number | undefined, record: FindingRecord) => void;
  readonly of: (request: number) => MeasuredGrowth | undefined;
  /**
   * Empty for what was there before the first request. Undefined where nothing was measured, or none of what was measured became
   * this finding.
   */
  readonly sharesOf: (finding: FindingDraft) => readonly RequestShare[] | undefined;
}

/** A change, summed up over passes. */
interface Sum {
  bytes: number;
  blocks: number;
  /** Passes in which there was any. */
  passes: number;
  grew: number;
  shrank: number;
  /** That of the first pass with any; `steady` until another differs. */
  readonly first: Amount;
  steady: boolean;
}

/** A log may name endless stacks; those beyond are not told apart. */
const mostStacks = 50_000;

export function requestGrowths(): RequestGrowths {
  const measured = new Map<number, number>();
  const ofRequests = new Map<number, Sum>();
  /** By stack, then by request. */
  const ofStacks = new Map<string, Map<number, Sum>>();
  /** Stacks of blocks that there were before the first request. */
  const before = new Set<string>();
  /** The findings that blocks of a stack became, with what they cost. */
  const became = new Map<string, Map<FindingDraft, number>>();
  let stacksOf: ReadonlyMap<FindingDraft, readonly string[]> | undefined;

  const settled = (sum: Sum, passes: number): boolean => sum.steady && sum.passes === passes;

  return {
    take: ({ launch, request, pass, bytes, blocks, stacks }) => {
      if (request === 0) {
        for (const { frames } of stacks) if (before.size < mostStacks) before.add(stackKey(launch, frames));
      }
      if (request === 0 || pass < 1) return;
      measured.set(request, (measured.get(request) ?? 0) + 1);
      add(ofRequests, request, { bytes, blocks });
      for (const stack of stacks) {
        const key = stackKey(launch, stack.frames);
        let sums = ofStacks.get(key);
        if (sums === undefined) {
          if (ofStacks.size >= mostStacks) continue;
          sums = new Map();
          ofStacks.set(key, sums);
        }
        add(sums, request, stack);
      }
    },
    meet: (finding, launch, { leak, stacks }) => {
      const frames = stacks[0]?.frames;
      if (leak === undefined || frames === undefined || frames.length === 0) return;
      const key = stackKey(launch, frames);
      let findings = became.get(key);
      if (findings === undefined) {
        if (became.size >= mostStacks) return;
        findings = new Map();
        became.set(key, findings);
      }
      findings.set(finding, (findings.get(finding) ?? 0) + leak.directBytes);
      stacksOf = undefined;
    },
    of: (request) => {
      const passes = measured.get(request);
      if (passes === undefined) return undefined;
      const sum = ofRequests.get(request);
      return {
        measured: passes,
        grew: sum?.grew ?? 0,
        ...(sum !== undefined && sum.shrank > 0 && { shrank: sum.shrank }),
        bytes: sum?.bytes ?? 0,
        blocks: sum?.blocks ?? 0,
        ...(passes > 1 && { steady: sum === undefined || settled(sum, passes) }),
      };
    },
    sharesOf: (finding) => {
      stacksOf ??= stacksByFinding(became);
      const keys = stacksOf.get(finding) ?? [];
      const sums = new Map<number, Sum[]>();
      for (const key of keys) {
        for (const [request, sum] of ofStacks.get(key) ?? []) {
          sums.set(request, [...(sums.get(request) ?? []), sum]);
        }
      }
      const shares: RequestShare[] = [];
      for (const [request, parts] of sums) {
        const bytes = parts.reduce((total, part) => total + part.bytes, 0);
        const blocks = parts.reduce((total, part) => total + part.blocks, 0);
        // What was given back again is no part of what is lost.
        if (bytes <= 0 && blocks <= 0) continue;
        const passes = measured.get(request) ?? 0;
        const steady = parts.every((part) => settled(part, passes));
        const count = Math.max(...parts.map(({ grew }) => grew));
        shares.push({ request, how: 'made', passes, count, bytes, blocks, ...(passes > 1 && { steady }) });
      }
      if (shares.length > 0) return sortedShares(shares);
      return keys.length > 0 && keys.every((key) => before.has(key)) ? [] : undefined;
    },
  };
}

/**
 * Of blocks of one stack some may be lost and others not. What they were when they were made cannot be told apart, so they count
 * for the finding that most of them became.
 */
function stacksByFinding(
  became: ReadonlyMap<string, ReadonlyMap<FindingDraft, number>>,
): ReadonlyMap<FindingDraft, readonly string[]> {
  const stacks = new Map<FindingDraft, string[]>();
  for (const [key, findings] of became) {
    const [most] = [...findings].sort(([, a], [, b]) => b - a);
    if (most === undefined) continue;
    const [finding] = most;
    const keys = stacks.get(finding);
    if (keys === undefined) stacks.set(finding, [key]);
    else keys.push(key);
  }
  return stacks;
}

/** The most expensive first; what costs the same, in the order of the requests. */
export function sortedShares(shares: readonly RequestShare[]): readonly RequestShare[] {
  return [...shares].sort(
    (a, b) => (b.bytes ?? 0) - (a.bytes ?? 0) || (b.count ?? 0) - (a.count ?? 0) || a.request - b.request,
  );
}

function add(sums: Map<number, Sum>, request: number, { bytes, blocks }: Amount): void {
  const sum = sums.get(request);
  const grew = bytes > 0 || (bytes === 0 && blocks > 0) ? 1 : 0;
  const shrank = grew === 0 && (bytes < 0 || blocks < 0) ? 1 : 0;
  if (sum === undefined) {
    sums.set(request, { bytes, blocks, passes: 1, grew, shrank, first: { bytes, blocks }, steady: true });
    return;
  }
  sum.bytes += bytes;
  sum.blocks += blocks;
  sum.passes++;
  sum.grew += grew;
  sum.shrank += shrank;
  sum.steady &&= bytes === sum.first.bytes && blocks === sum.first.blocks;
}

/** Addresses are the same in all checks of one process. A call that was inlined has that of its caller. */
function stackKey(launch: number | undefined, frames: readonly Frame[]): string {
  const places = frames.map(({ ip, function: name, line }) => ip?.toUpperCase() ?? `${name} ${line}`);
  return [launch ?? 0, ...places.filter((place, index) => place !== places[index - 1])].join(' ');
}
