// A likely call tree from a call graph, which does not determine one.
import type { CallTree, Profile, ProfileFrame } from '../../model/profile.ts';

/** A tree to draw for a profile that has only a graph, with the frames that it refers to. */
export interface InferredTree {
  readonly frames: readonly ProfileFrame[];
  readonly tree: CallTree;
}

/** Nothing for a graph without calls. */
export function inferTree(_profile: Profile): InferredTree | undefined {
  return undefined;
}
