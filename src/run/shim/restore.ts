// Owns putting the real program back, from whatever an installation or an earlier attempt has left.
import { rename, unlink } from 'node:fs/promises';
import { UserError } from '../../errors.ts';
import { refused, type ShimFiles, type ShimState, stateOf, syncFolder } from './files.ts';

/** Called after each change on the disk, with its name. */
export type OnStep = (step: string) => void | Promise<void>;

/** What was done. */
export type Restored = 'put back' | 'cleaned up';

/**
 * Puts the real program back in its place, with its own inode, mode, owner and times. It may be stopped at any moment and
 * begun again. The name of the program is never without a file, and no file that is not ours is replaced or removed.
 *
 * @returns `cleaned up` when the program was in its place already.
 * @throws UserError (125) when there is no shim, and when what is in its place is not ours.
 */
export async function restoreProgram(files: ShimFiles, onStep: OnStep = () => {}): Promise<Restored> {
  const { program, real, journal, unfinished } = files;
  const state = await stateOf(files);
  mustBeRestorable(files, state);
  const isAway = state.real === 'program' && !state.isSame;
  try {
    if (isAway) await rename(real, program);
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
  return isAway ? 'put back' : 'cleaned up';
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
  if (state.isSame || state.program === 'shim' || state.program === 'nothing') return;
  throw new UserError(
    `${program} is not the shim any more: it was built or put there since, and both files are left as they are`,
    state.hasJournal
      ? `to keep the new one, remove ${real} and ${journal}; to have the old one back, remove ${program} and restore again`
      : `look which one you want: ${program} or ${real}`,
  );
}

async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
