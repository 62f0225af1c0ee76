// Owns the files that a tool writes where the user wants them (`--massif-out-file=`): the run keeps a copy of each.
import { constants, copyFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Problem } from '../model/problem.ts';
import { templatePattern } from './capture.ts';
import { pidOfReport } from './directory.ts';

/** What is to be copied. */
export interface WantedOutput {
  /** Absolute; valgrind's `%p`, `%n` and `%q{VAR}` in it. */
  readonly template: string;
  /** Name of the copy, `%p` in it. */
  readonly usual: string;
}

// callgrind adds the number of a dump and that of a thread: `callgrind.out.123.2-01`
const suffix = '((?:\\.\\d+)?(?:-\\d+)?)';

/**
 * Copies what the tool has written since the run began into the run directory.
 *
 * @param pid of the first process, for a name without `%p`.
 */
export async function keepOutputs(
  outputs: readonly WantedOutput[],
  run: {
    readonly directory: string;
    readonly workingDirectory: string;
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly startedAt: Date;
    readonly pid: number;
  },
): Promise<void> {
  for (const { template, usual } of outputs) {
    const place = resolve(run.workingDirectory, template);
    const { folder, name } = templatePattern(place, run.environment, suffix);
    for (const file of await readdir(folder).catch(() => [])) {
      const found = name.exec(file);
      if (found === null) continue;
      const path = join(folder, file);
      const status = await stat(path).catch(() => undefined);
      // One of an earlier run stays out.
      if (status?.isFile() !== true || status.mtimeMs < run.startedAt.getTime()) continue;
      const pid = found.groups?.pid ?? String(run.pid);
      const copy = `${usual.replace('%p', pid)}${found.at(-1) ?? ''}`;
      await copyFile(path, join(run.directory, copy), constants.COPYFILE_FICLONE);
    }
  }
}

/**
 * Gives the user the reports where a `log_path` of their own wants them: `PLACE.PID`, as the runtime would have named them.
 *
 * @param place absolute.
 */
export async function copyReports(directory: string, place: string): Promise<readonly Problem[]> {
  const made = new Set<string>();
  for (const name of (await readdir(directory)).sort()) {
    const pid = name.startsWith('sanitizer.') ? pidOfReport(name) : undefined;
    if (pid === undefined) continue;
    const path = `${place}.${pid}`;
    try {
      const text = await readFile(join(directory, name));
      await writeFile(path, text, { flag: made.has(path) ? 'a' : 'w' });
      made.add(path);
    } catch (error) {
      return [
        {
          code: 'log-not-copied',
          level: 'warning',
          message: `the reports could not be copied to ${path}, as log_path asks: ${(error as Error).message}`,
        },
      ];
    }
  }
  return [];
}
