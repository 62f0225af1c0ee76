// Owns the baseline as a file on disk: read to be compared with, and written anew, whole or not at all.
import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { UserError } from '../errors.ts';

/** A line of 64 + 16 digits and names; 100,000 findings are far below this. */
const largest = 256 * 1024 * 1024;

/**
 * The text of a baseline file; undefined for anything else, such as a log or a directory.
 *
 * @throws UserError (125) when the path does not exist or cannot be read.
 */
export async function baselineText(path: string): Promise<string | undefined> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT'
      ? new UserError(`${path} does not exist`, 'to make a baseline of the newest run: vgrun baseline update')
      : new UserError(`${path} cannot be read: ${error.message}`, 'check its rights');
  });
  try {
    const status = await file.stat();
    if (!status.isFile() || status.size > largest) return undefined;
    const head = Buffer.alloc(16);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    if (
      !head
        .toString('utf8', 0, bytesRead)
        .replace(/^\ufeff/, '')
        .startsWith('# vgrun base')
    )
      return undefined;
  } finally {
    await file.close();
  }
  return readFile(path, 'utf8');
}

/** Writes a baseline. @throws UserError (125) when it cannot be written. */
export async function writeBaselineFile(path: string, text: string): Promise<void> {
  const unfinished = `${path}.new`;
  try {
    await writeFile(unfinished, text);
    await rename(unfinished, path);
  } catch (error) {
    throw new UserError(
      `${path} could not be written: ${(error as Error).message}`,
      'name another with --baseline=FILE',
    );
  }
}
