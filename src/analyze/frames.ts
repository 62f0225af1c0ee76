// Frames as reports have them: with their owner and a path that a person can open.
import { posix } from 'node:path';
import type { Frame } from '../model/finding.ts';
import type { ReportFrame } from '../model/report.ts';
import { isUnder, type OwnershipContext, ownershipOf, sourcePath } from './ownership.ts';

/** Gives frames what analyze knows of them. */
export type FrameMaker = (frames: readonly Frame[]) => readonly ReportFrame[];

/** Readers intern frames, and so does this: fifty thousand findings have a million frames, and few thousand different. */
export function frameMaker(context: OwnershipContext): FrameMaker {
  const made = new WeakMap<Frame, ReportFrame>();
  const madeInlined = new WeakMap<Frame, ReportFrame>();
  const make = (frame: Frame): ReportFrame => {
    const path = sourcePath(frame);
    const shown = isUnder(path, context.projectRoot)
      ? posix.relative(context.projectRoot ?? '', path ?? '')
      : path;
    const { owner, reason } = ownershipOf(frame, context);
    return { ...frame, owner, ownerReason: reason, ...(shown !== undefined && { path: shown }) };
  };
  return (frames) =>
    frames.map((frame, index) => {
      const next = frames[index + 1];
      // A function that calls itself comes back to the same address.
      const inlined = frame.ip !== undefined && frame.ip === next?.ip && frame.function !== next.function;
      const cache = inlined ? madeInlined : made;
      let known = cache.get(frame);
      if (known === undefined) {
        known = inlined ? { ...make(frame), inlined } : make(frame);
        cache.set(frame, known);
      }
      return known;
    });
}
