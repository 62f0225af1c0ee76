// Tells findings blamed at one place apart when there is no room for stacks: by the caller in which they differ.
import type { Finding, ReportFrame } from '../model/report.ts';

/** For each finding whose place others share, the first of my callers that is not the same for all of them. */
export function tellingCallers(findings: readonly Finding[]): ReadonlyMap<Finding, ReportFrame> {
  const byPlace = new Map<string, (readonly [Finding, readonly ReportFrame[]])[]>();
  for (const finding of findings) {
    const { blamed, stacks } = finding;
    const frames = blamed === undefined ? [] : (stacks[blamed.stack]?.frames.slice(blamed.frame) ?? []);
    const [place, ...callers] = frames.filter(({ owner }) => owner === 'mine');
    if (place === undefined) continue;
    const key = keyOf(place);
    const same = byPlace.get(key);
    if (same === undefined) byPlace.set(key, [[finding, callers]]);
    else same.push([finding, callers]);
  }
  const telling = new Map<Finding, ReportFrame>();
  for (const group of byPlace.values()) {
    const [, first = []] = group[0] ?? [];
    const deepest = group.reduce((most, [, callers]) => Math.max(most, callers.length), 0);
    for (let depth = 0; depth < deepest; depth++) {
      if (group.every(([, callers]) => keyOf(callers[depth]) === keyOf(first[depth]))) continue;
      for (const [finding, callers] of group) {
        const caller = callers[depth];
        if (caller !== undefined) telling.set(finding, caller);
      }
      break;
    }
  }
  return telling;
}

function keyOf(frame: ReportFrame | undefined): string {
  return frame === undefined ? '' : `${frame.path}:${frame.line}:${frame.function}`;
}
