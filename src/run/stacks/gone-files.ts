// Owns the files of a process that have no name any more: programs and libraries that were removed or replaced while it ran.
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Problem } from '../../model/problem.ts';
import type { LiveProcess } from './process.ts';

export interface GoneFiles {
  /** Absolute path of a folder in which they lie by their base names; missing: there are none. */
  readonly folder?: string;
  readonly problems: readonly Problem[];
  readonly remove: () => Promise<void>;
}

/** A process may have mapped any number of files that are gone: memory shared by name, for one. */
const mostFiles = 256;

/**
 * Makes files that are gone readable by name, as long as the process lives: the kernel still has them, under /proc/PID/exe and
 * /proc/PID/map_files, which only root may open.
 */
export async function findGoneFiles({
  pid,
  livingThread,
  program,
  isProgramGone,
}: LiveProcess): Promise<GoneFiles> {
  const maps = await readFile(`/proc/${livingThread}/maps`, 'utf8').catch(() => '');
  const found = new Map<string, string>();
  if (isProgramGone) found.set(program, `/proc/${livingThread}/exe`);
  for (const line of maps.split('\n')) {
    // 7f3c-7f3d r-xp 00000000 fe:00 1234   /opt/lib.so (deleted)
    const [, range, path] =
      /^([0-9a-f]+-[0-9a-f]+) r\S+ 0+ \S+ [1-9]\d*\s+(\/.*) \(deleted\)$/.exec(line) ?? [];
    if (range === undefined || path === undefined || /^\/(?:dev|memfd:|SYSV|anon_hugepage)/.test(path))
      continue;
    if (!found.has(path) && found.size < mostFiles)
      found.set(path, `/proc/${livingThread}/map_files/${range}`);
  }
  if (found.size === 0) return { problems: [], remove: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), 'vgrun-gone-'));
  const problems: Problem[] = [];
  for (const [path, place] of found) {
    await symlink(place, join(folder, basename(path))).catch(() => {});
    problems.push({
      code: 'file-gone',
      level: 'warning',
      message: `${path} was removed or replaced while the process ran; its functions are named from what the process still has open`,
      pid,
    });
  }
  return { folder, problems, remove: () => rm(folder, { recursive: true, force: true }) };
}
