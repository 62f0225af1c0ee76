// Owns the questions to debuginfod servers: debuginfod-find fetches a file by its build-id into its own cache (debuginfod-find(1)).
import { findProgramOnPath } from '../instrument.ts';

export type DebuginfodKind = 'executable' | 'debuginfo';

export interface Debuginfod {
  /** Absolute path of the file in the cache; undefined: no server has it, or none answers in time. */
  readonly fetch: (kind: DebuginfodKind, buildId: string) => Promise<string | undefined>;
}

/** ms for one file, and for all of a core together: nobody waits longer for names. */
const longestFetch = 30_000;
const longestOfAll = 90_000;

/** undefined: the program is not installed, or no server is named in DEBUGINFOD_URLS. */
export async function findDebuginfod(): Promise<Debuginfod | undefined> {
  if ((process.env.DEBUGINFOD_URLS ?? '').trim() === '') return undefined;
  const program = await findProgramOnPath(process.env.PATH ?? '', 'debuginfod-find');
  if (program === undefined) return undefined;
  const deadline = Date.now() + longestOfAll;
  return {
    fetch: async (kind, buildId) => {
      const left = deadline - Date.now();
      if (left <= 0 || !/^[\da-f]{2,128}$/.test(buildId)) return undefined;
      const { execa } = await import('execa');
      const { stdout, failed } = await execa(program, [kind, buildId], {
        reject: false,
        stdin: 'ignore',
        stderr: 'ignore',
        timeout: Math.min(left, longestFetch),
        maxBuffer: 65536,
      });
      const path = stdout.trim();
      return !failed && path.startsWith('/') ? path : undefined;
    },
  };
}
