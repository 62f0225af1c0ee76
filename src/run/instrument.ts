// Owns the search for the installed instrument and its version.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readdir, realpath } from 'node:fs/promises';
import { delimiter, dirname, resolve } from 'node:path';
import { UserError } from '../errors.ts';

export interface Instrument {
  /** Absolute path of the launcher. */
  readonly path: string;
  /** `3.19.0`, without what a distribution or a checkout adds. */
  readonly version: string;
  /** Absolute path of the library that it loads into programs. */
  readonly preload?: string;
  /** Absolute path of the program of its own that reads what it recorded. */
  readonly interpreter?: string;
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
  const path = given === undefined ? await findProgramOnPath(searchPath, 'valgrind') : resolve(given);
  if (path === undefined) throw new UserError('valgrind is not installed', installHint);
  const { stdout, failed } = await ask(path, '--version');
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

/**
 * Finds perf and asks for its version.
 *
 * @throws UserError (125) when there is none, or it does not answer.
 */
export async function findPerf(searchPath: string): Promise<Instrument> {
  const hint =
    'install it: apt-get install linux-perf (Debian), linux-tools-generic (Ubuntu), dnf install perf (Fedora)';
  const path = await findProgramOnPath(searchPath, 'perf');
  if (path === undefined) throw new UserError('perf is not installed', hint);
  const { stdout } = await ask(path, '--version');
  // perf version 6.1.187
  const version = /^perf version (\d+\.\d+(?:\.\d+)?)/.exec(stdout)?.[1];
  if (version === undefined) throw new UserError(`${path} does not answer --version as perf does`, hint);
  return { path, version };
}

/** The first whose Python describes frames, blocks and stops as run.py needs them. */
const oldestGdb = 10;

/**
 * Finds gdb, asks for its version and whether it has Python.
 *
 * @throws UserError (125) when there is none, it is older than 10, or it was built without Python.
 */
export async function findGdb(searchPath: string): Promise<Instrument> {
  const hint = 'install it: apt-get install gdb (Debian, Ubuntu), dnf install gdb (Fedora)';
  const path = await findProgramOnPath(searchPath, 'gdb');
  if (path === undefined) throw new UserError('gdb is not installed', hint);
  const [{ stdout }, { stdout: configuration }] = await Promise.all([
    ask(path, '--version'),
    ask(path, '--configuration'),
  ]);
  // GNU gdb (Debian 13.1-3) 13.1, GNU gdb (GDB) Fedora Linux 14.2-1.fc40
  const version = /^GNU gdb .*?(\d+\.\d+(?:\.\d+)?)[^\s()]*$/m.exec(stdout)?.[1];
  if (version === undefined) throw new UserError(`${path} does not answer --version as gdb does`, hint);
  if (Number.parseInt(version, 10) < oldestGdb) {
    throw new UserError(`gdb ${version} is too old: ${oldestGdb} or later is needed`, hint);
  }
  // `--with-python=/usr (relocatable)`, or `--without-python`
  if (!/--with-python=/.test(configuration)) {
    throw new UserError(
      `${path} was built without Python, with which vgrun asks it`,
      'Debian and Ubuntu have one with Python in the package gdb; gdb-minimal has none',
    );
  }
  return { path, version };
}

/**
 * Finds heaptrack, and beside it its library and the program that reads its data; the script itself talks on the standard
 * output, into which the program writes, and so is not what starts the program.
 *
 * @throws UserError (125) when there is none, or a part of it is missing.
 */
export async function findHeaptrack(searchPath: string): Promise<Instrument> {
  const hint = 'install it: apt-get install heaptrack (Debian, Ubuntu), dnf install heaptrack (Fedora)';
  const path = await findProgramOnPath(searchPath, 'heaptrack');
  if (path === undefined) throw new UserError('heaptrack is not installed', hint);
  const { stdout } = await ask(path, '--version');
  // heaptrack 1.4.0
  const version = /^heaptrack (\d+\.\d+(?:\.\d+)?)/m.exec(stdout)?.[1];
  if (version === undefined) throw new UserError(`${path} does not answer --version as heaptrack does`, hint);
  const folder = dirname(await realpath(path));
  for (const place of heaptrackPlaces) {
    const preload = resolve(folder, place, 'libheaptrack_preload.so');
    const interpreter = resolve(folder, place, 'libexec/heaptrack_interpret');
    if ((await isThere(preload, constants.R_OK)) && (await isThere(interpreter, constants.X_OK))) {
      return { path, version, preload, interpreter };
    }
  }
  throw new UserError(`${path} is there, but not its library libheaptrack_preload.so`, hint);
}

/** Seen from its script: where distributions put libraries. */
const heaptrackPlaces = ['../lib/heaptrack', '../lib64/heaptrack'];

/**
 * Makes sure that the installed valgrind has a tool.
 *
 * @throws UserError (125) with what valgrind itself says.
 */
export async function mustHaveTool({ path }: Instrument, tool: string): Promise<void> {
  const { failed, stderr } = await ask(path, `--tool=${tool}`, '--help');
  if (!failed) return;
  throw new UserError(
    `valgrind has no tool '${tool}'`,
    `it says: ${stderr.split('\n')[0]?.replace(/^valgrind: /, '') ?? ''}`,
  );
}

/**
 * Finds an llvm-symbolizer under any of its names. Some runtimes take only one whose file has the plain name, so those come first.
 */
export async function findSymbolizer(searchPath: string): Promise<string | undefined> {
  const plain = await findProgramOnPath(searchPath, 'llvm-symbolizer');
  if (plain !== undefined) return plain;
  // `/usr/lib/llvm-14/bin/llvm-symbolizer`, `/usr/bin/llvm-symbolizer-14`
  const versions = await namesIn('/usr/lib', /^llvm-(\d+(?:\.\d+)*)$/);
  for (const version of versions) {
    const found = await findProgramOnPath(`/usr/lib/${version}/bin`, 'llvm-symbolizer');
    if (found !== undefined) return found;
  }
  for (const folder of searchPath.split(delimiter)) {
    for (const name of await namesIn(folder === '' ? '.' : folder, /^llvm-symbolizer-(\d+(?:\.\d+)*)$/)) {
      const found = await findProgramOnPath(folder, name);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** Names in a folder that the pattern knows, those with the highest number first. */
async function namesIn(folder: string, pattern: RegExp): Promise<readonly string[]> {
  const names = (await readdir(folder).catch((): string[] => [])).filter((name) => pattern.test(name));
  return names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
}

/** The absolute path of a program in a list of folders. */
export async function findProgramOnPath(searchPath: string, name: string): Promise<string | undefined> {
  for (const folder of searchPath.split(delimiter)) {
    const candidate = resolve(folder === '' ? '.' : folder, name);
    if (await isThere(candidate, constants.X_OK)) return candidate;
  }
  return undefined;
}

function isThere(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

interface Answer {
  readonly stdout: string;
  readonly stderr: string;
  readonly failed: boolean;
}

/** What a program prints, by Node's own means: this is before the launch, where loading execa would be the most costly part. */
function ask(path: string, ...words: readonly string[]): Promise<Answer> {
  return new Promise((resolve) => {
    try {
      const { stdin } = execFile(path, words, { timeout: 10_000 }, (error, stdout, stderr) =>
        resolve({ stdout, stderr, failed: error !== null }),
      );
      // It may have ended without reading.
      stdin?.on('error', () => {}).end();
    } catch {
      resolve({ stdout: '', stderr: '', failed: true });
    }
  });
}
