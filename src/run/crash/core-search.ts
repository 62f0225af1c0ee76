// Where the cores of a run are: what the kernel's pattern can have made in the folders of its processes, and what valgrind wrote
// (coregrind/m_coredump: `LOG.core.PID`, without a log `vgcore.PID`).
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { templatePattern } from '../capture.ts';
import type { CorePlace } from './core-pattern.ts';

export interface CoreFolders {
  /** Absolute path of the run directory. */
  readonly directory: string;
  /** Absolute paths of the folders in which processes of the run stood. */
  readonly workingDirectories: Iterable<string>;
  /** What the kernel does with cores. */
  readonly place: CorePlace;
  /** The instrument is valgrind, which writes the cores itself. */
  readonly isValgrind: boolean;
  /** The user's own log, as an absolute template of valgrind's. */
  readonly logTemplate?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A file that may be a core, as it is now. */
export interface CoreCandidate {
  /** Absolute. */
  readonly path: string;
  readonly device: number;
  readonly inode: number;
  readonly size: number;
  readonly modifiedMs: number;
  /** Where the file system has no such time, that of the last change of the inode. */
  readonly madeMs: number;
}

/** A folder of a thousand cores is somebody's archive. */
const mostInFolder = 1000;

/** The regular files that may be cores of the run, or of one before it. Links are none: the kernel follows none either. */
export async function coreCandidates(folders: CoreFolders): Promise<readonly CoreCandidate[]> {
  const paths = new Set<string>();
  const standing = [...folders.workingDirectories];
  if (folders.isValgrind) {
    // `valgrind.log.core.123`, `valgrind.123.log.core.123.1`
    await addMatching(paths, folders.directory, /^valgrind.*\.log\.core\.\d+(?:\.\d+)?$/);
    for (const at of standing) await addMatching(paths, at, /^vgcore\.\d+(?:\.\d+)?$/);
    if (folders.logTemplate !== undefined) {
      const { folder, name } = templatePattern(
        folders.logTemplate,
        folders.environment,
        '\\.core\\.\\d+(?:\\.\\d+)?',
      );
      await addMatching(paths, folder, name);
    }
  }
  const { place } = folders;
  if (place.kind === 'file') {
    for (const start of place.isAbsolute ? ['/'] : standing) await walk(paths, start, place.parts);
  }
  const found: CoreCandidate[] = [];
  for (const path of paths) {
    const status = await lstat(path).catch(() => undefined);
    if (status?.isFile() !== true) continue;
    const { dev, ino, size, mtimeMs, birthtimeMs } = status;
    found.push({ path, device: dev, inode: ino, size, modifiedMs: mtimeMs, madeMs: birthtimeMs });
  }
  return found;
}

async function walk(paths: Set<string>, at: string, parts: readonly (string | RegExp)[]): Promise<void> {
  const [part, ...rest] = parts;
  if (part === undefined) return;
  if (rest.length === 0) {
    if (typeof part === 'string') paths.add(join(at, part));
    else await addMatching(paths, at, part);
    return;
  }
  const folders = typeof part === 'string' ? [part] : await matching(at, part);
  for (const folder of folders) await walk(paths, join(at, folder), rest);
}

async function addMatching(paths: Set<string>, folder: string, name: RegExp): Promise<void> {
  for (const each of await matching(folder, name)) paths.add(join(folder, each));
}

async function matching(folder: string, name: RegExp): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((each) => name.test(each)).slice(0, mostInFolder);
}
