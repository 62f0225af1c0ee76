// Owns the copy of a source tree in which a build that knows no directory of its own takes place.
//
// Copies, not hard links: builds write into files in place (configure, `sed -i`, generated headers), and through a link that
// would change the original. On file systems that can share blocks (btrfs, XFS) a copy costs nothing but its name.
import { constants, type Stats } from 'node:fs';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  rm,
  symlink,
  utimes,
} from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { ask } from './compilers.ts';

/** When a file was copied: `[mtime in ms, size]` of the original, by path relative to the root. */
export type Copied = Readonly<Record<string, readonly [number, number]>>;

export interface MirrorResult {
  readonly copied: Copied;
  /** Regular files of the tree, and their sum. */
  readonly files: number;
  readonly bytes: number;
  /** Files that were copied this time. */
  readonly renewed: number;
}

/** Version control and vgrun's own; what is inside is no part of a build. */
const leftOut = new Set(['.git', '.hg', '.svn', '.bzr', '.vgrun']);

/** What each of our build directories has in it. */
export const recordName = 'vgrun-build.json';

/**
 * Older than any source, so that make builds anew what it has a rule for; what has no rule, such as a library that was
 * delivered with the sources, stays as it is. (make takes 0 for "does not exist".)
 */
const longAgo = new Date('1980-01-02T00:00:00Z');

/**
 * Brings a mirror up to date: what is new or has changed in the original is copied, what has gone from it goes, and what
 * the build made or changed since stays.
 *
 * @param root absolute; the tree.
 * @param mirror absolute; may lie inside the tree.
 * @param before what the last call returned.
 */
export async function updateMirror(
  root: string,
  mirror: string,
  before: Copied,
  environment: NodeJS.ProcessEnv,
): Promise<MirrorResult> {
  const repository = await readRepository(root, environment);
  const copied: Record<string, readonly [number, number]> = Object.create(null);
  let files = 0;
  let bytes = 0;
  let renewed = 0;

  const copy = async (name: string, status: Stats): Promise<void> => {
    const [from, to] = [join(root, name), join(mirror, name)];
    const kind = repository?.tracked.has(name) === true ? 'source' : await kindOf(from, status);
    if (kind === 'built') return;
    files++;
    bytes += status.size;
    const stamp = [status.mtimeMs, status.size] as const;
    copied[name] = stamp;
    const known = Object.hasOwn(before, name) ? before[name] : undefined;
    if (known?.[0] === stamp[0] && known[1] === stamp[1]) return;
    // One that was read-only could not be written again.
    await rm(to, { recursive: true, force: true });
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    await chmod(to, (status.mode & 0o777) | 0o200);
    const isOld = kind === 'library' || repository?.isIgnored(name) === true;
    await utimes(to, status.atime, isOld ? longAgo : status.mtime);
    renewed++;
  };

  const walk = async (folder: string): Promise<void> => {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    if (folder !== '' && entries.some(({ name }) => name === recordName)) return;
    await makeFolder(join(mirror, folder));
    const plain: string[] = [];
    for (const entry of entries) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (leftOut.has(entry.name) || join(root, name) === mirror) continue;
      // It says that everything here is no part of the repository.
      if (name === '.gitignore') continue;
      if (entry.isDirectory()) await walk(name);
      else if (entry.isFile()) plain.push(name);
      else if (entry.isSymbolicLink()) {
        await copyLink(root, mirror, name);
        copied[name] = [0, 0];
      }
    }
    for (let index = 0; index < plain.length; index += 16) {
      await Promise.all(
        plain.slice(index, index + 16).map(async (name) => copy(name, await lstat(join(root, name)))),
      );
    }
  };
  await walk('');
  for (const name of Object.keys(before)) {
    if (!Object.hasOwn(copied, name)) await rm(inside(mirror, name), { force: true, recursive: true });
  }
  return { copied, files, bytes, renewed };
}

/** Whether a file of the mirror is what was copied there, and nothing that a build has put in its place. */
export async function isCopy(mirror: string, name: string, copied: Copied): Promise<boolean> {
  const known = Object.hasOwn(copied, name) ? copied[name] : undefined;
  if (known === undefined) return false;
  const status = await lstat(join(mirror, name)).catch(() => undefined);
  const [wasMs, size] = known;
  const isSameTime = (ms: number) => Math.abs((status?.mtimeMs ?? 0) - ms) < 2;
  return status?.size === size && (isSameTime(wasMs) || isSameTime(longAgo.getTime()));
}

/** A record was written by us, but it lies where the build could write too. */
function inside(mirror: string, name: string): string {
  const path = resolve(mirror, name);
  return path.startsWith(mirror + sep) ? path : join(mirror, recordName, 'none');
}

/** A real folder: one that the build has replaced by a link would lead out of the mirror. */
async function makeFolder(path: string): Promise<void> {
  const status = await lstat(path).catch(() => undefined);
  if (status?.isDirectory() === true) return;
  if (status !== undefined) await rm(path, { force: true });
  await mkdir(path, { recursive: true });
}

/** A link to a place in the tree leads to its copy, any other to where it led. */
async function copyLink(root: string, mirror: string, name: string): Promise<void> {
  const target = await readlink(join(root, name));
  const place = resolve(dirname(join(root, name)), target);
  const within = relative(root, place);
  const isInside = within !== '..' && !within.startsWith(`..${sep}`) && !isAbsolute(within);
  const to = join(mirror, name);
  const wanted = isInside ? relative(dirname(to), join(mirror, within)) || '.' : place;
  if ((await readlink(to).catch(() => undefined)) === wanted) return;
  await rm(to, { recursive: true, force: true });
  await symlink(wanted, to);
}

/**
 * Objects and programs are made by a build, and left out: with them make would find nothing to do. A library may have
 * been delivered with the sources.
 */
async function kindOf(path: string, status: Stats): Promise<'source' | 'built' | 'library'> {
  // `prog.lo`, `libx.la`: libtool's texts, which name objects.
  if (/\.l[oa]$/.test(path)) return 'built';
  if (status.size < 20) return 'source';
  const file = await open(path, 'r');
  try {
    const { buffer: head } = await file.read(Buffer.alloc(20), 0, 20, 0);
    if (head.toString('latin1', 0, 8) === '!<arch>\n') return 'library';
    if (head.readUInt32BE(0) !== 0x7f454c46) return 'source';
    const isShared = /\.so(?:\.|$)/.test(path);
    return isShared ? 'library' : 'built';
  } finally {
    await file.close();
  }
}

interface Repository {
  readonly tracked: ReadonlySet<string>;
  readonly isIgnored: (name: string) => boolean;
}

/** What git knows of a tree; undefined when it knows nothing. */
async function readRepository(root: string, environment: NodeJS.ProcessEnv): Promise<Repository | undefined> {
  const list = async (...words: string[]) =>
    ask(['git', '-c', 'core.fsmonitor=false', '-C', root, 'ls-files', '-z', ...words], {
      cwd: root,
      environment,
    });
  const tracked = await list();
  if (!tracked.ok) return undefined;
  const ignored = await list('--others', '--ignored', '--exclude-standard', '--directory');
  const names = new Set(ignored.stdout.split('\0').filter((name) => name !== ''));
  return {
    tracked: new Set(tracked.stdout.split('\0')),
    // A folder that is ignored whole is listed as `objects/`.
    isIgnored: (name) =>
      names.has(name) || [...name.matchAll(/\//g)].some(({ index }) => names.has(name.slice(0, index + 1))),
  };
}
