// Places `file.c(15)` as Microsoft's compilers write them, and memwatch after them, as frames.
import type { Frame } from '../../model/finding.ts';

/** Frames that are kept apart: a log of lies must not fill the memory. */
const mostFrames = 100_000;

/** What is known of a call besides its place. */
export type Call = Pick<Frame, 'object' | 'function' | 'ip'>;

/** Gives the frame for a place; equal places the same frame. */
export interface SourcePlaces {
  /**
   * @param path as the log has it, `C:\src\test.cpp` or `src/test.c`; undefined when only the call is known.
   * @param line 1-based.
   */
  readonly frameAt: (path: string | undefined, line: number | undefined, call?: Call) => Frame;
}

/**
 * A table of frames for one log. Backslashes become slashes, which Windows takes too: everything that looks at paths looks
 * for slashes.
 */
export function createSourcePlaces(): SourcePlaces {
  const known = new Map<string, Frame>();
  return {
    frameAt: (path, line, call = {}) => {
      const key = `${path ?? ''}\0${line ?? ''}\0${call.object ?? ''}\0${call.function ?? ''}\0${call.ip ?? ''}`;
      const before = known.get(key);
      if (before !== undefined) return before;
      const frame: Frame = { ...call, ...placeOf(path, line) };
      if (known.size >= mostFrames) known.clear();
      known.set(key, frame);
      return frame;
    },
  };
}

function placeOf(path: string | undefined, line: number | undefined): Frame {
  if (path === undefined) return {};
  // `C:\src\test.cpp`, `..\src\test.cpp`, `\\server\share\a.c`; on Linux a backslash is a letter like others, but no name has one.
  const plain = path.replaceAll('\\', '/');
  const slash = plain.lastIndexOf('/');
  return {
    ...(slash > 0 && { directory: plain.slice(0, slash) }),
    file: slash > 0 ? plain.slice(slash + 1) : plain,
    ...(line !== undefined && line > 0 && { line }),
  };
}
