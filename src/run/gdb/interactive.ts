// Owns gdb on the terminal: what it is told before the first file is read, and how it is waited for.
import { spawn } from 'node:child_process';
import { constants as osConstants } from 'node:os';
import { UserError } from '../../errors.ts';
import { debug } from '../../log.ts';
import { findProjectRoot } from '../directory.ts';
import { findGdb } from '../instrument.ts';
import { inheritance } from '../limits.ts';
import { inspectTarget } from '../target.ts';
import { earlyWords, safeGdbSettings, shippedScript } from './batch.ts';

/** What the user wants of it. */
export interface GdbSession {
  readonly pid?: number;
  readonly core?: string;
  readonly gdbinit: boolean;
  readonly safePaths: readonly string[];
  readonly debuginfod: boolean;
  readonly follow: 'parent' | 'child' | 'both';
  readonly program?: string;
  readonly arguments: readonly string[];
}

/**
 * Starts gdb on the user's terminal, and waits for its end.
 *
 * @returns its exit status; 128 and the number of the signal that ended it.
 * @throws UserError: 125 without a usable gdb, 126 or 127 for a program that is none.
 */
export async function startGdb(
  session: GdbSession,
  workingDirectory: string,
  descriptors: readonly number[],
): Promise<number> {
  const searchPath = process.env.PATH ?? '';
  const { program } = session;
  const [gdb, target, { prefix }, root] = await Promise.all([
    findGdb(searchPath),
    program === undefined
      ? undefined
      : inspectTarget(program, searchPath, workingDirectory, { name: 'gdb', launcher: 'gdb' }),
    inheritance(),
    findProjectRoot(workingDirectory),
  ]);
  const argv = [...prefix, gdb.path, ...gdbWords(session, target?.path, root)];
  debug('gdb', { argv });
  const [file, ...args] = argv as [string, ...string[]];
  const highest = Math.max(2, ...descriptors);
  const stdio = Array.from({ length: highest + 1 }, (_, number) =>
    number <= 2 || descriptors.includes(number) ? number : ('ignore' as const),
  );
  // Ctrl-C is for gdb and the program alone.
  const stay = (): void => {};
  for (const name of ['SIGINT', 'SIGQUIT'] as const) process.on(name, stay);
  try {
    return await new Promise<number>((done, fail) => {
      const child = spawn(file, args, { stdio, cwd: workingDirectory });
      child.once('error', ({ message }) => fail(new UserError(`${file} could not be started: ${message}`)));
      child.once('exit', (code, signal) =>
        done(signal === null ? (code ?? 125) : 128 + (osConstants.signals[signal] ?? 0)),
      );
    });
  } finally {
    for (const name of ['SIGINT', 'SIGQUIT'] as const) process.off(name, stay);
  }
}

function gdbWords(
  { pid, core, gdbinit, safePaths, debuginfod, follow, arguments: words }: GdbSession,
  program: string | undefined,
  root: string,
): readonly string[] {
  const first = [
    ...safeGdbSettings({ debuginfod }, gdbinit),
    // Not while nothing is trusted: what stands in a section of the program is compared with names that it chooses.
    ...(safePaths.length === 0
      ? []
      : [
          'set auto-load python-scripts on',
          `set auto-load safe-path ${['$datadir/auto-load', ...safePaths].join(':')}`,
        ]),
    `set follow-fork-mode ${follow === 'child' ? 'child' : 'parent'}`,
    `set detach-on-fork ${follow === 'both' ? 'off' : 'on'}`,
    `set schedule-multiple ${follow === 'both' ? 'on' : 'off'}`,
  ];
  return [
    '-q',
    ...(gdbinit ? [] : ['-nx', '-nh']),
    ...earlyWords(first),
    '-ix',
    shippedScript('session.py'),
    `--directory=${root}`,
    ...(core === undefined ? [] : [`--core=${core}`]),
    ...(pid === undefined ? [] : [`--pid=${pid}`]),
    ...(program === undefined ? [] : words.length > 0 ? ['--args', program, ...words] : [program]),
  ];
}
