// Owns the working directory of this process whose path holds bytes that are no UTF-8: Node names another one, which may not be there.
import { isUtf8 } from 'node:buffer';
import { readlinkSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { textOfBytes } from '../model/byte-text.ts';

/** Leads to it, for us and for each process that is started in it (proc_pid_cwd(5)). */
const throughKernel = '/proc/self/cwd';

/**
 * The working directory of this process: its path, or where that holds bytes that are no UTF-8 a path that leads to it.
 */
export function ownDirectory(): string {
  const path = process.cwd();
  return isMistaken(path) ? throughKernel : path;
}

/** Whether a path is, or lies under, what `ownDirectory` gives for a directory without a path that is text. */
export function isThroughKernel(path: string): boolean {
  return path === throughKernel || path.startsWith(`${throughKernel}/`);
}

/**
 * For what needs a path as text.
 *
 * @throws UserError (125) for a path through the working directory that leads elsewhere, since its bytes are no UTF-8.
 */
export function mustLeadThere(path: string): void {
  if (!isMistaken(path)) return;
  throw new UserError(
    `the path of the working directory is no UTF-8, and leads elsewhere as text: ${process.cwd()}`,
    'start vgrun in another directory',
  );
}

/** Whether a path leads through what Node takes for the working directory, and that is another one. */
function isMistaken(path: string): boolean {
  // Most often there is nothing to look for.
  if (!path.includes('\ufffd')) return false;
  const directory = process.cwd();
  if (path !== directory && !path.startsWith(`${directory}/`)) return false;
  try {
    return !isUtf8(readlinkSync(throughKernel, 'buffer'));
  } catch {
    return false;
  }
}

/** As `resolve` of node:path, which would take `..` behind a path that the kernel follows for a step back in the text. */
export function pathIn(directory: string, name: string): string {
  return isThroughKernel(directory) && !isAbsolute(name) ? `${directory}/${name}` : resolve(directory, name);
}

/** The path with the real one in the place of what leads to the working directory, bytes as in byte-text.ts. */
export function realPath(path: string): string {
  if (!isThroughKernel(path)) return path;
  try {
    const directory = textOfBytes(readlinkSync(throughKernel, 'buffer'));
    return join(directory, path.slice(throughKernel.length));
  } catch {
    return path;
  }
}
