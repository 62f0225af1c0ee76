// Owns putting a shim in a program's place, so that it can be stopped at any moment and nothing is lost.
import { constants, type Stats } from 'node:fs';
import { access, link, lstat, open, realpath, rename, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { UserError } from '../../errors.ts';
import { findProgramOnPath } from '../instrument.ts';
import { journalSuffix, refused, type ShimFiles, stateOf, syncFolder } from './files.ts';
import { journalText, mustBeAlone } from './journal.ts';
import { type OnStep, restoreProgram } from './restore.ts';
import { realSuffix, shimText } from './script.ts';

export interface Installation {
  /** Absolute paths of what runs the program. */
  readonly node: string;
  readonly cli: string;
  /** PATH for vgrun and its tools: a supervisor may have cleared its own. */
  readonly searchPath: string;
  /** Options of vgrun, checked. */
  readonly options: readonly string[];
  /** For file systems without hard links, and for tests of them. */
  readonly link?: (existing: string, name: string) => Promise<void>;
  readonly onStep?: OnStep;
}

/**
 * Moves the program aside and puts the script in its place, with the same mode, owner and times. In this order, each step
 * on the disk before the next: the journal, the script under another name, a second name for the program, the script over
 * its first name. So a supervisor finds a whole program there at every moment; only where the file system has no hard links
 * the name is free for an instant.
 *
 * @returns notes for the user.
 * @throws UserError (125) when it cannot be done; then all is as it was.
 */
export async function installShim(files: ShimFiles, installation: Installation): Promise<readonly string[]> {
  const { program, real, journal, unfinished } = files;
  const { onStep = () => {} } = installation;
  await mustBeUntouched(files);
  const status = await lstat(program);
  await mustTakeShim(files, status, installation);
  const script = shimText({ ...installation, real });
  try {
    await writeNew(journal, journalText(files, installation.options), 0o644);
    await syncFolder(program);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new UserError(
        `another vgrun is installing a shim for ${program} at this moment`,
        'wait until it has ended, then look with vgrun shim status',
      );
    }
    await unlink(journal).catch(() => {});
    throw refused(`the shim for ${program} could not be installed`, error);
  }
  try {
    await onStep('journal');
    await writeNew(unfinished, script, status.mode & 0o777, status);
    await onStep('script');
    await keep(files, status, installation.link ?? link);
    await onStep('kept');
    await mustBeTheSame(program, status);
    await rename(unfinished, program);
    await onStep('replaced');
    await syncFolder(program);
  } catch (error) {
    await restoreProgram(files).catch(() => {});
    throw refused(`the shim for ${program} could not be installed`, error);
  }
  return status.nlink > 1
    ? [`${program} has ${status.nlink - 1} more hard link(s): started by those it runs without vgrun`]
    : [];
}

async function mustBeUntouched(files: ShimFiles): Promise<void> {
  const { program, real } = files;
  const state = await stateOf(files);
  if (state.program === 'shim' && state.real !== 'nothing') {
    throw new UserError(
      `${program} is a shim already`,
      'for other options: vgrun shim restore, then install again',
    );
  }
  await mustBeAlone(files, state);
  if (state.hasJournal && state.program === 'program' && state.real === 'program' && !state.isSame) {
    throw new UserError(
      `${program} was built or put there over its shim`,
      'vgrun shim restore keeps it and moves the older program aside; then install again',
    );
  }
  if (state.hasJournal) {
    throw new UserError(
      `an installation for ${program} was interrupted`,
      'vgrun shim restore puts all back, then install again',
    );
  }
  if (state.program === 'nothing')
    throw new UserError(`${program} is not there`, 'name the program by the path that starts it');
  if (state.real !== 'nothing') {
    throw new UserError(
      `${real} is there already`,
      'remove or rename it, or let vgrun shim restore move it aside',
    );
  }
}

async function mustTakeShim(files: ShimFiles, status: Stats, installation: Installation): Promise<void> {
  const { program } = files;
  if (!status.isFile()) throw new UserError(`${program} is no file`, 'name the program itself');
  if (program.endsWith(realSuffix) || program.endsWith(journalSuffix)) {
    throw new UserError(`${program} belongs to a shim`, 'name the program that is started');
  }
  if ((status.mode & 0o111) === 0)
    throw new UserError(`${program} is not executable`, 'name the program that is started');
  if ((status.mode & 0o6000) !== 0) {
    throw new UserError(
      `${program} runs with the rights of another user or group (setuid, setgid), which a script never gets`,
      'install the shim for a copy without that right, or run it once with vgrun as its owner',
    );
  }
  if (Buffer.byteLength(basename(program) + journalSuffix) > 255) {
    throw new UserError(`the name of ${program} is too long for the files beside it`, 'shorten it');
  }
  // Each of these runs in a shim: it would start itself for ever.
  const ours = [
    installation.node,
    installation.cli,
    '/bin/sh',
    ...(await instruments(installation.searchPath)),
  ];
  const running = await Promise.all(ours.map((path) => realpath(path).catch(() => path)));
  if (running.includes(program)) {
    throw new UserError(`${program} is what a shim itself runs`, 'name the program that is to be looked at');
  }
  await access(dirname(program), constants.W_OK).catch((error) => {
    throw refused(`${dirname(program)} cannot be written`, error);
  });
}

async function instruments(searchPath: string): Promise<readonly string[]> {
  const found = await Promise.all(
    ['valgrind', 'valgrind.bin', 'gdb', 'perf'].map((name) => findProgramOnPath(searchPath, name)),
  );
  return found.filter((path) => path !== undefined);
}

/** Writes a file that must not be there, through to the disk. */
async function writeNew(path: string, text: string, mode: number, like?: Stats): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    if (like !== undefined) {
      const own = await file.stat();
      if (own.uid !== like.uid || own.gid !== like.gid) await file.chown(like.uid, like.gid);
    }
    // After chown, and whatever the umask says.
    await file.chmod(mode);
    if (like !== undefined) await file.utimes(like.atime, like.mtime);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What was built since it was looked at would be lost under the script. */
async function mustBeTheSame(program: string, { dev, ino }: Stats): Promise<void> {
  const there = await lstat(program).catch(() => undefined);
  if (there === undefined || (there.dev === dev && there.ino === ino)) return;
  throw changedMeanwhile(program);
}

function changedMeanwhile(program: string): UserError {
  return new UserError(`${program} was changed meanwhile`, 'install again when it has been built');
}

/** Gives the program its second name. It must still be the file that was looked at. */
async function keep(
  { program, real }: ShimFiles,
  status: Stats,
  linkFile: NonNullable<Installation['link']>,
): Promise<void> {
  try {
    await linkFile(program, real);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // No hard links here (EPERM on FAT, ENOTSUP, EOPNOTSUPP), or not of a file that is another's (fs.protected_hardlinks).
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'].includes(code ?? '')) throw error;
    await rename(program, real);
  }
  await syncFolder(program);
  const kept = await lstat(real);
  if (kept.ino === status.ino && kept.dev === status.dev) return;
  const isSecondName = await lstat(program).then(
    ({ ino }) => ino === kept.ino,
    () => false,
  );
  if (isSecondName) await unlink(real);
  throw changedMeanwhile(program);
}
