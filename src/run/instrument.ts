// Owns the search for the installed valgrind and its version.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { execa } from 'execa';
import { UserError } from '../errors.ts';

export interface Instrument {
  /** Absolute path of the launcher. */
  readonly path: string;
  /** `3.19.0`, without what a distribution or a checkout adds. */
  readonly version: string;
}

const installHint =
  'install it: apt-get install valgrind (Debian, Ubuntu), dnf install valgrind (Fedora); or name it with --valgrind=PATH';

/**
 * Finds valgrind and asks for its version.
 *
 * @param given path from `--valgrind` or VGRUN_VALGRIND; else PATH is searched.
 * @throws UserError (125) when there is none, or it does not answer.
 */
export async function findValgrind(given: string | undefined, searchPath: string): Promise<Instrument> {
  const path = given === undefined ? await search(searchPath) : resolve(given);
  if (path === undefined) throw new UserError('valgrind is not installed', installHint);
  const { stdout, failed } = await execa(path, ['--version'], {
    reject: false,
    stdin: 'ignore',
    timeout: 10_000,
  });
  // valgrind-3.19.0, valgrind-3.28.0.GIT, valgrind-3.21.0-rc1
  const version = /^valgrind-(\d+\.\d+(?:\.\d+)?)/.exec(stdout)?.[1];
  if (failed || version === undefined) {
    throw new UserError(
      given === undefined
        ? `${path} does not answer --version as valgrind does`
        : `${given} is no valgrind that can be run`,
      installHint,
    );
  }
  return { path, version };
}

async function search(searchPath: string): Promise<string | undefined> {
  for (const folder of searchPath.split(delimiter)) {
    const candidate = resolve(folder === '' ? '.' : folder, 'valgrind');
    if (
      await access(candidate, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return candidate;
  }
  return undefined;
}
