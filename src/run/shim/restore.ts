// Owns putting the real program back, from whatever an installation or an earlier attempt has left.
import { link, lstat, rename, unlink } from 'node:fs/promises';
import { UserError } from '../../errors.ts';
import { refused, type ShimFiles, type ShimState, stateOf, syncFolder } from './files.ts';
import { mustBeAlone } from './journal.ts';

/** Called after each change on the disk, with its name. */
export type OnStep = (step: string) => void | Promise<void>;

/** What was done. */
export type Restored =
  | { readonly did: 'put back' | 'cleaned up' }
  /** A new program was built over the shim, and stays; `older` is where the one is that was moved aside. */
  | { readonly did: 'kept the new one'; readonly older: string };

/**
 * Puts the real program back in its place, with its own inode, mode, owner and times. Where a new program stands there, that one stays,
 * and the older gets another name. It may be stopped at any moment and begun again. The name of the program is never without a
 * file, and no file that is not ours is replaced or removed.
 *
 * @returns `cleaned up` when the program was in its place already.
 * @throws UserError (125) when there is no shim, when what is in its place is not ours, and while it is being installed.
 */
export async function restoreProgram(files: ShimFiles, onStep: OnStep = () => {}): Promise<Restored> {
  const { program, real, journal, unfinished } = files;
  const state = await stateOf(files);
  mustBeRestorable(files, state);
  await mustBeAlone(files, state);
  const isAway = state.real === 'program' && !state.isSame;
  const isReplaced = isAway && state.program === 'program';
  let older = '';
  try {
    if (isReplaced) older = await setAside(real, program);
    else if (isAway) await rename(real, program);
    else if (state.isSame) await unlink(real);
    await onStep('put back');
    await syncFolder(program);
    await unlinkIfThere(unfinished);
    await onStep('script');
    // Last: until now it says that there is something left to do.
    await unlinkIfThere(journal);
    await onStep('journal');
    await syncFolder(program);
  } catch (error) {
    throw refused(`${program} could not be put back`, error);
  }
  if (isReplaced) return { did: 'kept the new one', older };
  return { did: isAway ? 'put back' : 'cleaned up' };
}

const olderSuffix = '.vgrun-older';

/** Names that are tried: `worker.vgrun-older`, `worker.vgrun-older2`… */
const mostOlder = 1000;

/**
 * Gives the older program a name that is free. When it was stopped after that, it has two, and one is taken away.
 *
 * @returns the name.
 */
async function setAside(real: string, program: string): Promise<string> {
  const { dev, ino } = await lstat(real, { bigint: true });
  for (let number = 1; number <= mostOlder; number++) {
    const name = program + olderSuffix + (number === 1 ? '' : number);
    const there = await lstat(name, { bigint: true }).catch(() => undefined);
    if (there === undefined) {
      try {
        await link(real, name);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
        // No hard links here.
        await rename(real, name);
        return name;
      }
      await syncFolder(program);
    } else if (there.dev !== dev || there.ino !== ino) continue;
    await unlink(real);
    return name;
  }
  throw new UserError(
    `there are ${mostOlder} older programs beside ${program} already`,
    `remove those that are not needed: ${program}${olderSuffix}…`,
  );
}

function mustBeRestorable({ program, real, journal }: ShimFiles, state: ShimState): void {
  if (state.real === 'nothing' && !state.hasJournal) {
    throw state.program === 'shim'
      ? new UserError(
          `${program} is a shim, and the real program ${real} is not there`,
          'it is a copy of a shim, or the real program was moved: put it there, or at the place of the shim',
        )
      : new UserError(
          state.program === 'nothing' ? `${program} is not there` : `${program} is no shim`,
          'vgrun shim status lists those below a folder',
        );
  }
  if (state.real === 'other' || state.real === 'shim') {
    throw new UserError(`${real} is not the program that was moved there`, 'nothing was changed');
  }
  if (state.real === 'nothing') {
    if (state.program === 'program') return;
    throw new UserError(
      `the real program ${real} is not there${state.program === 'shim' ? ', and the shim is in its place' : ''}`,
      `bring it back or build it again as ${program}, then remove ${journal}`,
    );
  }
  if (state.program === 'other') {
    throw new UserError(
      `${program} is not a program any more, and was not put there by vgrun`,
      `move it away; vgrun shim restore then brings ${real} back`,
    );
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
