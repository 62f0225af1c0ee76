// Owns the files of a shim beside the program, and what is on the disk of them at any moment.
import { lstat, open, readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import { isShim, realSuffix } from './script.ts';

/** Absolute paths, all in one folder. */
export interface ShimFiles {
  readonly program: string;
  /** The real program, while a shim is in its place. */
  readonly real: string;
  /** Says from before the first change until after the last that something was begun here. */
  readonly journal: string;
  /** The script, until it takes its place. */
  readonly unfinished: string;
}

export const journalSuffix = '.vgrun-shim.json';
const unfinishedSuffix = '.vgrun-shim.new';

/** What a name in the folder is. */
export type Occupant = 'nothing' | 'shim' | 'program' | 'other';

/** What the disk holds: everything that installing and putting back decide upon. */
export interface ShimState {
  readonly program: Occupant;
  readonly real: Occupant;
  /** Both names are of one file. */
  readonly isSame: boolean;
  readonly hasJournal: boolean;
}

/** The file of a path that was typed; links are followed, also to what is away just now. */
export async function shimFiles(typed: string, workingDirectory: string): Promise<ShimFiles> {
  let path = resolve(workingDirectory, typed);
  // As many as the kernel follows; see path_resolution(7).
  for (let links = 0; links < 40; links++) {
    const status = await lstat(path).catch(() => undefined);
    if (status?.isSymbolicLink() !== true) break;
    path = resolve(dirname(path), await readlink(path));
  }
  const folder = await realpath(dirname(path)).catch(() => {
    throw new UserError(`${dirname(path)} is not there`, 'name the program by the path that starts it');
  });
  return filesOf(join(folder, basename(path)));
}

/** @param program absolute, and no link. */
export function filesOf(program: string): ShimFiles {
  return {
    program,
    real: program + realSuffix,
    journal: program + journalSuffix,
    unfinished: program + unfinishedSuffix,
  };
}

export async function stateOf({ program, real, journal }: ShimFiles): Promise<ShimState> {
  const [atProgram, atReal, atJournal] = await Promise.all([program, real, journal].map(statusOf));
  return {
    program: await occupantOf(program, atProgram),
    real: await occupantOf(real, atReal),
    isSame:
      atProgram !== undefined &&
      atReal !== undefined &&
      atProgram.dev === atReal.dev &&
      atProgram.ino === atReal.ino,
    hasJournal: atJournal?.isFile() === true,
  };
}

async function statusOf(path: string) {
  return lstat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new UserError(`${path} cannot be looked at: ${error.message}`, 'use the rights of its owner');
  });
}

async function occupantOf(path: string, status: Awaited<ReturnType<typeof statusOf>>): Promise<Occupant> {
  if (status === undefined) return 'nothing';
  if (!status.isFile()) return 'other';
  return (await isShim(path)) ? 'shim' : 'program';
}

/** What was done to the names in a folder is on the disk when this returns. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } catch (error) {
    // Not every file system can do it for folders.
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
  } finally {
    await folder.close();
  }
}

/** @throws UserError for what the machine refuses: a folder that cannot be written, a full disk. */
export function refused(what: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new UserError(
    `${what}: ${message}`,
    code === 'EACCES' || code === 'EPERM'
      ? 'it takes the rights of the owner of the program and of its folder'
      : 'nothing was changed; vgrun shim status says what is there',
  );
}
