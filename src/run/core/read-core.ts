// Owns `vgrun core`: a core file becomes a stop log in a run directory.
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { debug } from '../../log.ts';
import type { Problem } from '../../model/problem.ts';
import type { Stop } from '../../model/stop.ts';
import { version } from '../../version.ts';
import { createRunDirectory, stopsEnding } from '../directory.ts';
import { readCoreValues, withValues } from './core-values.ts';
import { describeCore } from './describe-core.ts';
import { type OpenedCore, openCore } from './open-core.ts';

export interface ReadCoreOptions {
  /** As the user names it. */
  readonly program?: string;
  readonly sysroot?: string;
  readonly search: readonly string[];
  readonly debuginfod: boolean;
  /** Arguments and locals are read. */
  readonly locals: boolean;
}

/**
 * Reads a core.
 *
 * @param workingDirectory where the run directory is made.
 * @returns absolute path of the stop log.
 * @throws UserError (125): it cannot be read, or is no core file; the log cannot be written.
 */
export async function readCore(
  path: string,
  { workingDirectory, ...options }: ReadCoreOptions & { readonly workingDirectory: string },
): Promise<string> {
  const opened = await openCore(path, { ...options, exe: options.program });
  try {
    const { path: directory } = await createRunDirectory(workingDirectory, false);
    return await writeCoreLog(opened, directory, options);
  } finally {
    opened.close();
  }
}

/** Writes what the core tells. @returns absolute path of the stop log. */
export async function writeCoreLog(
  opened: OpenedCore,
  directory: string,
  options: ReadCoreOptions,
): Promise<string> {
  const { facts, image, exe } = opened;
  const lwps = image.threads.map(({ lwp }) => lwp);
  const program = options.locals ? programForValues(opened) : undefined;
  const [described, read] = await Promise.all([
    describeCore(opened, { folder: directory }),
    program === undefined
      ? undefined
      : readCoreValues(
          {
            core: opened.path,
            program,
            movedFiles: movedFiles(opened),
            sysroot: options.sysroot,
            debuginfod: options.debuginfod,
            folder: directory,
          },
          lwps,
        ),
  ]);
  debug('core read', { threads: lwps.length, program });
  const stop: Stop =
    read === undefined
      ? described
      : { ...described, threads: described.threads.map((thread) => withValues(thread, read.values)) };
  const log = join(directory, `core${stopsEnding}`);
  const out = createWriteStream(log, { mode: 0o600 });
  const write = (line: object): void => {
    out.write(`${JSON.stringify(line)}\n`);
  };
  const { pid } = image;
  write({ type: 'log', format: 'vgrun-stops', version: 1, tool: 'core', toolVersion: version });
  write({
    type: 'process',
    pid,
    ...(facts.ppid !== undefined && { ppid: facts.ppid }),
    argv: wordsOf(opened),
    ...(exe.pathInCore !== undefined && { program: exe.pathInCore }),
    how: 'core',
  });
  write({ type: 'stop', ...stop });
  write(
    facts.isCrash && facts.signal !== undefined
      ? { type: 'exit', pid, signal: facts.signal.number, name: facts.signal.name }
      : { type: 'exit', pid, detached: true },
  );
  for (const problem of [...opened.problems, ...(read?.problems ?? [])] satisfies readonly Problem[]) {
    write({ type: 'problem', ...problem });
  }
  write({ type: 'end' });
  out.end();
  await finished(out);
  return log;
}

/** gdb is only worth its time where it knows variables: in debug information of what is no library of the system. */
function programForValues({ exe, modules }: OpenedCore): string | undefined {
  if (exe.path === undefined || exe.matches === 'no') return undefined;
  const isTold = modules.some(
    ({ path, file }) =>
      file?.symbols === 'debug information' && !/^\/(?:usr\/)?lib(?:32|64|x32)?\//.test(path),
  );
  return isTold ? exe.path : undefined;
}

function movedFiles({ modules, exe }: OpenedCore): readonly string[] {
  return modules.flatMap(({ path, file }) =>
    file === undefined || file.path === path || file.path === exe.path ? [] : [file.path],
  );
}

/** What the core has of its words is joined by spaces: where they end is not known. */
function wordsOf({ facts, exe }: OpenedCore): readonly string[] {
  const words = (facts.commandLine ?? '').trim();
  if (words !== '') return words.split(' ');
  return [exe.pathInCore ?? facts.startedAs ?? facts.name ?? '?'];
}
