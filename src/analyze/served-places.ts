// Which passes of requests a byte of a log was written in.
import type { ServedPass } from '../model/run.ts';
import { nameInLaunch } from './launches.ts';

/** The passes in which a byte of a log was written. */
export type ServedPlaces = (artifact: string, offset: number) => readonly ServedPass[];

interface Range {
  readonly from: number;
  readonly to: number;
  readonly pass: ServedPass;
  /** The highest `to` of this range and those before it. */
  reach: number;
}

/** Ranges of requests that were served at once overlap, so several may hold a byte. */
export function servedPlaces(served: readonly ServedPass[]): ServedPlaces {
  const byArtifact = new Map<string, Range[]>();
  for (const pass of served) {
    for (const { artifact, from, to } of pass.grown ?? []) {
      const ranges = byArtifact.get(artifact) ?? [];
      byArtifact.set(artifact, ranges);
      ranges.push({ from, to, pass, reach: to });
    }
  }
  for (const ranges of byArtifact.values()) {
    ranges.sort((a, b) => a.from - b.from);
    let reach = 0;
    for (const range of ranges) {
      reach = Math.max(reach, range.to);
      range.reach = reach;
    }
  }
  return (artifact, offset) => {
    const ranges = byArtifact.get(nameInLaunch(artifact)) ?? [];
    const found: ServedPass[] = [];
    for (let index = lastAtOrBefore(ranges, offset); index >= 0; index--) {
      const range = ranges[index];
      if (range === undefined || range.reach <= offset) break;
      if (offset < range.to) found.push(range.pass);
    }
    return found;
  };
}

/** Position of the last range that begins at or before a byte; -1 when there is none. */
function lastAtOrBefore(ranges: readonly Range[], offset: number): number {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.from ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
