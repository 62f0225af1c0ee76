// Owns the run directory: where it is, what its manifest says, which runs are kept.
import { isUtf8 } from 'node:buffer';
import { constants, createReadStream, type Stats } from 'node:fs';
import {
  access,
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../errors.ts';
import { jsonWithShownBytes, withShownBytes } from '../model/byte-marks.ts';
import { textOfBytes } from '../model/byte-text.ts';
import type { Capture } from '../model/launch.ts';
import type { Problem } from '../model/problem.ts';
import type { Artifact, ArtifactRole, RunManifest } from '../model/run.ts';
import type { Tool } from '../tools/tool.ts';
import { isManifest } from './manifest.ts';
import { runsProcess } from './processes.ts';
import { isThroughKernel, mustLeadThere } from './working-directory.ts';

/** Where runs live under the working directory. */
export const runsFolder = join('.vgrun', 'runs');

/** What makes a directory a run. */
export const manifestName = 'run.json';
/** `20261122-220812-417-3f2a9c`: sorts by time, to the millisecond. */
const idPattern = /^\d{8}-\d{6}-\d{3}-[0-9a-f]{6}$/;

function newId(now: Date): string {
  const [day, time] = now.toISOString().split('T') as [string, string];
  return `${day.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${time.slice(9, 12)}-${Math.floor(
    Math.random() * 0x1000000,
  )
    .toString(16)
    .padStart(6, '0')}`;
}

/**
 * Makes the directory of a new run under `.vgrun/runs/`, or, where that cannot be written, a private directory
 * in the system's temporary folder.
 *
 * @param shared whether processes of the run open files in it themselves, maybe as another user.
 * @returns its id, its absolute path, and whether it is the temporary one (whose path must then be said).
 * @throws UserError when neither can be made.
 */
export async function createRunDirectory(
  workingDirectory: string,
  shared: boolean,
): Promise<{ id: string; path: string; temporary: boolean }> {
  const id = newId(new Date());
  const path = join(workingDirectory, runsFolder, id);
  mustLeadThere(workingDirectory);
  try {
    // What is told this path may be in another directory when it uses it.
    if (isThroughKernel(workingDirectory)) throw new Error('its path holds bytes that are no UTF-8');
    await makeFolders(workingDirectory, join(runsFolder, id));
    await writeFile(join(workingDirectory, '.vgrun', '.gitignore'), '*\n', { flag: 'wx' }).catch(
      ignoreExisting,
    );
    await chmod(path, modeOf(shared));
    return { id, path, temporary: false };
  } catch (reason) {
    // The bundle knows a CommonJS module by its default export only.
    const { dir } = (await import('tmp')).default;
    return new Promise((done, fail) => {
      dir({ prefix: 'vgrun', mode: 0o700, keep: true }, (error, made) => {
        if (error) {
          fail(
            new UserError(
              `no directory can be written for the run: ${(reason as Error).message}`,
              'run in a directory you can write to, or set TMPDIR to one',
            ),
          );
          return;
        }
        chmod(made, modeOf(shared)).then(() => done({ id, path: made, temporary: true }), fail);
      });
    });
  }
}

/**
 * Makes the folder of the runs under a working directory before there is any run, so that a program that another user starts
 * can keep its runs there: what root makes can be written by all, listed by none, and emptied only by the owners; see modeOf.
 *
 * @returns whether every user can write there.
 * @throws UserError (125) when it cannot be made.
 */
export async function prepareRunsFolder(workingDirectory: string): Promise<boolean> {
  const folder = join(workingDirectory, runsFolder);
  const isRoot = process.getuid?.() === 0;
  try {
    await makeFolders(workingDirectory, runsFolder);
    await writeFile(join(workingDirectory, '.vgrun', '.gitignore'), '*\n', { flag: 'wx' }).catch(
      ignoreExisting,
    );
    // Also to those that stand already, from runs of root's own.
    if (isRoot) await chmod(folder, 0o1733);
  } catch (error) {
    throw new UserError(
      `no runs can be kept in ${folder}: ${(error as Error).message}`,
      'name another folder with --runs-in=DIR',
    );
  }
  return isRoot;
}

/** What is to be said where the temporary directory is used. */
export function keptElsewhere(workingDirectory: string, directory: string): Problem {
  if (isThroughKernel(workingDirectory)) {
    return {
      code: 'temporary-run-directory',
      level: 'note',
      message: `the path of the working directory is no UTF-8: the run is kept in ${directory}, and no config of a folder above was read`,
      hint: 'to keep runs in a folder of yours: --runs-in=DIR, an absolute path',
    };
  }
  return {
    code: 'temporary-run-directory',
    level: 'note',
    message: `${join(workingDirectory, runsFolder)} cannot be written; the run is kept in ${directory}`,
  };
}

/** The directory of one start of the program in a replay: a run in a run. @returns its absolute path. */
export async function createLaunchDirectory(run: string, name: string, shared: boolean): Promise<string> {
  const path = join(run, name);
  await mkdir(path);
  await chmod(path, modeOf(shared));
  return path;
}

/** The starts of the program that a run directory holds, in order, for a replay whose `run.json` does not name them yet. */
export async function launchFolders(run: string): Promise<readonly string[]> {
  const entries = await readdir(run, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && /^launch-\d+$/.test(entry.name))
    .map(({ name }) => name)
    .sort(inNaturalOrder);
}

/** One after the other: Node's recursive mkdir never returns where the kernel answers ENOENT, as under /proc (20.19). */
async function makeFolders(base: string, path: string): Promise<void> {
  // A folder that --runs-in names may be new.
  await mkdir(base).catch(ignoreExisting);
  let at = base;
  for (const name of path.split(sep)) {
    at = join(at, name);
    await mkdir(at).catch(ignoreExisting);
  }
}

/**
 * Whether the processes of a run make files in its directory themselves. gdb and perf make theirs, and stay who they are.
 */
export function isWrittenByProgram(launcher: Tool['launcher'], capture: Capture): boolean {
  return capture !== 'fd' && launcher !== 'gdb' && launcher !== 'perf';
}

/**
 * A server that starts as root and drops its privileges forks children that must create their own XML file, or
 * valgrind ends them before they run ("Cannot create XML file", seen in 3.19 and 3.27). So root's run
 * directories can be written by all, listed by none, and files in them removed only by their owner, while the program runs.
 * Whether it will call setuid(2) is not to be known before: any program of root's can, and start any other.
 */
function modeOf(shared: boolean): number {
  return shared && process.getuid?.() === 0 ? 0o1733 : 0o700;
}

/** When no process of the run is left, nobody else makes files in its directory any more. */
export async function closeRunDirectory(path: string): Promise<void> {
  await chmod(path, 0o700);
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

/** Writes `run.json`, whole or not at all. */
export async function writeManifest(directory: string, manifest: RunManifest): Promise<void> {
  const unfinished = join(directory, `${manifestName}.new`);
  await writeFile(unfinished, `${jsonWithShownBytes(JSON.stringify(manifest, null, 2))}\n`, { mode: 0o600 });
  await rename(unfinished, join(directory, manifestName));
}

/**
 * Reads `run.json` of a run directory.
 *
 * @throws UserError when the directory is no run, or its manifest is of another version.
 */
export async function readManifest(directory: string): Promise<RunManifest> {
  let text: string;
  try {
    text = await readFile(join(directory, manifestName), 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new UserError(
        `${directory} is no run directory: it has no ${manifestName}`,
        `give a directory that vgrun made (see ${runsFolder}), or a log file`,
      );
    }
    throw new UserError(`${join(directory, manifestName)} cannot be read: ${(error as Error).message}`);
  }
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch {
    throw new UserError(
      `${join(directory, manifestName)} is damaged: it is not JSON`,
      'its logs can still be read: give the files valgrind.*.xml instead of the directory',
    );
  }
  if (!isManifest(manifest)) {
    throw new UserError(
      `${join(directory, manifestName)} is not a manifest that this version of vgrun reads`,
      'use the vgrun that made the run, or give its log files instead of the directory',
    );
  }
  return manifest;
}

/**
 * Gives files whose names are no UTF-8 others, with `\\xff` for such a byte: a runtime names its file after the program, and no
 * JSON could name it so.
 */
export async function nameAsText(directory: string): Promise<void> {
  for (const name of await readdir(directory, 'buffer')) {
    if (isUtf8(name)) continue;
    const path = Buffer.concat([Buffer.from(join(directory, sep)), name]);
    await rename(path, join(directory, withShownBytes(textOfBytes(name))));
  }
}

/** What the names of the pipes of valgrind's gdbserver begin with. */
const pipeName = 'vgdb-pipe';

/** Removes the pipes that a process leaves behind when it is killed: whoever copies the run would wait on them. */
export async function removePipes(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isFIFO() || !entry.name.startsWith(pipeName)) continue;
    await rm(join(directory, entry.name), { force: true });
  }
}

/** What a file in the run directory is, by its name; `undefined` for what is no artifact. */
export function roleOf(name: string): ArtifactRole | undefined {
  if (name.startsWith(manifestName) || name.startsWith(pipeName)) return undefined;
  if (/^valgrind.*\.xml$/.test(name)) return 'xml';
  if (/^valgrind.*\.log$/.test(name)) return 'text';
  if (profileName.test(name)) return 'profile';
  if (reportName.test(name)) return 'report';
  if (name.endsWith(stopsEnding)) return 'stops';
  if (name === symbolsName) return 'symbols';
  return 'other';
}

// `massif.out.123`, `callgrind.out.123.1-02`, `gprof.123.txt`, `heaptrack.123.txt`, `perf.script.txt`
const profileName =
  /^(?:(?:massif|dhat|callgrind|cachegrind)\.out\.|(?:gprof|perf|heaptrack)\.(?:[\w.]+\.)?txt$)/;

// `sanitizer.server.123`, `mtrace.123`, `memwatch.1`
const reportName = /^(?:sanitizer\.|mtrace\.|memwatch\.)/;

/** How the name of a stop log ends: `gdb.stops.jsonl`. */
export const stopsEnding = '.stops.jsonl';

/** What a symbolizer said after the run of the addresses in its reports; see symbolize.ts. */
export const symbolsName = 'symbols.json';

/** What memcheck answered to the leak checks between the requests of a replay; see replay/growth-checks.ts. */
export const leakChecksName = 'leak-checks.jsonl';

/** What a program's stderr held, where a runtime writes there in any case. */
export const stderrReport = 'sanitizer.stderr';

/** The process that a runtime's report is about, where its name says so: `sanitizer.server.123`, `mtrace.123`. */
export function pidOfReport(name: string): number | undefined {
  const pid = /^(?:sanitizer\..*|mtrace)\.(\d+)(?:-\d+)?$/s.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** The process that a profile is about, where its name says so: `massif.out.123`, `gprof.123.txt`. */
export function pidOfProfile(name: string): number | undefined {
  const pid = /^(?:\w+\.out|gprof|heaptrack)\.(\d+)/.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** When a run began, and whether nobody writes to it any more: only then are hashes worth something. */
export interface Closing {
  readonly closed: boolean;
  readonly startedAt: Date;
}

/**
 * Lists the raw files of a run, in the order in which they should be read.
 *
 * @param closing given while the run is being closed. Later the times of the files are those of whoever copied them.
 */
export async function listArtifacts(directory: string, closing?: Closing): Promise<Artifact[]> {
  const artifacts: Artifact[] = [];
  for (const name of (await readdir(directory)).sort(inNaturalOrder)) {
    const role = roleOf(name);
    if (role === undefined) continue;
    const path = join(directory, name);
    // A link is nothing that valgrind made, and may lead out of the run directory.
    const status = await lstat(path);
    if (!status.isFile()) continue;
    artifacts.push({
      name,
      role,
      size: status.size,
      ...(closing?.closed === true ? { sha256: await hashOf(path) } : {}),
      ...(closing === undefined ? {} : timesOf(status, closing.startedAt)),
    });
  }
  return artifacts;
}

/** Relative to the start of the run. A file system without birth times says 1970, or the last change. */
function timesOf(status: Stats, startedAt: Date): Pick<Artifact, 'madeMs' | 'writtenMs'> {
  const since = (ms: number): number => Math.round(ms - startedAt.getTime());
  const made = since(status.birthtimeMs);
  return { ...(made < 0 ? {} : { madeMs: made }), writtenMs: Math.max(0, since(status.mtimeMs)) };
}

const natural = new Intl.Collator('en', { numeric: true });
const inNaturalOrder = (a: string, b: string) => natural.compare(a, b);

async function hashOf(path: string): Promise<string> {
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** A vgrun that has just ended its run may still read it, beside others in the same folder. */
const leftInPeaceMs = 60_000;

/** Removes the oldest runs so that `keep` are left. Runs that somebody still writes to or may still read stay. */
export async function removeOldRuns(workingDirectory: string, keep: number): Promise<void> {
  const folder = join(workingDirectory, runsFolder);
  const ids = (await readdir(folder).catch(() => [])).filter((name) => idPattern.test(name)).sort();
  const old = ids.slice(0, Math.max(0, ids.length - keep)).map((id) => join(folder, id));
  if (old.length === 0) return;
  const someAlive = runsProcess(folder).length > 0;
  for (const path of old) {
    const written = await stat(join(path, manifestName)).catch(() => stat(path).catch(() => undefined));
    if (written === undefined || Date.now() - written.mtimeMs < leftInPeaceMs) continue;
    if (someAlive && runsProcess(path).length > 0) continue;
    await rm(path, { recursive: true, force: true });
  }
}

/** Absolute paths of all runs under a working directory, the oldest first. */
export async function storedRuns(workingDirectory: string): Promise<readonly string[]> {
  const folder = resolve(workingDirectory, runsFolder);
  const ids = (await readdir(folder).catch(() => [])).filter((name) => idPattern.test(name)).sort();
  return ids.map((id) => join(folder, id));
}

/**
 * The newest run under a working directory.
 *
 * @throws UserError when there is none.
 */
export async function latestRun(workingDirectory: string): Promise<string> {
  const newest = (await storedRuns(workingDirectory)).at(-1);
  if (newest === undefined) {
    throw new UserError(
      `there is no run under ${join(workingDirectory, runsFolder)}`,
      'name a run directory or a log file',
    );
  }
  return newest;
}

/** The directory whose sources count as mine: the nearest one above that holds `.git`, else the directory itself. */
export async function findProjectRoot(workingDirectory: string): Promise<string> {
  for (let at = resolve(workingDirectory); ; ) {
    try {
      await access(join(at, '.git'), constants.F_OK);
      return at;
    } catch {
      const above = resolve(at, '..');
      if (above === at) return resolve(workingDirectory);
      at = above;
    }
  }
}
