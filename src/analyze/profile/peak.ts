// Which tree of a time line counts: that of its peak.
import type { CallTree, Timeline } from '../../model/profile.ts';
import { sumOf } from '../../model/profile-tables.ts';

/**
 * Index into `trees` of the snapshot that the tool marks as the peak, or of the largest one with a tree where it marks
 * none; -1 when there is none. Snapshots do not add up, so this one stands for all.
 */
export function peakTree({ snapshots }: Timeline, trees: readonly CallTree[]): number {
  const drawn = snapshots.filter(({ tree }) => tree !== undefined && trees[tree] !== undefined);
  const peak =
    drawn.find(({ kind }) => kind === 'peak') ??
    [...drawn].sort((a, b) => sumOf(b.values) - sumOf(a.values) || a.number - b.number)[0];
  return peak?.tree ?? -1;
}
