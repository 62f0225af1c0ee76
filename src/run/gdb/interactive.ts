// Owns gdb on the terminal: what it is told before the first file is read, and how it is waited for.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { UserError } from '../../errors.ts';
import { debug } from '../../log.ts';
import { findProjectRoot } from '../directory.ts';
import { type OwnBytes, withExactBytes } from '../exact-bytes.ts';
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
  { inherits }: Pick<OwnBytes, 'inherits'> = {},
): Promise<number> {
  const searchPath = (inherits ?? process.env).PATH ?? '';
  const { program } = session;
  const [gdb, target, { prefix }, root] = await Promise.all([
    findGdb(searchPath),
    program === undefined
      ? undefined
      : inspectTarget(program, searchPath, workingDirectory, { name: 'gdb', launcher: 'gdb' }),
    inheritance(),
    findProjectRoot(workingDirectory),
  ]);
  mustRun(session.pid);
  const known = target?.path ?? (session.core === undefined ? undefined : await programOf(session.core));
  const wanted = {
    argv: [...prefix, gdb.path, ...gdbWords(session, known, root)],
    environment: inherits ?? process.env,
  };
  debug('gdb', { argv: wanted.argv });
  const { argv, environment } = inherits === undefined ? wanted : withExactBytes(wanted);
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
      const child = spawn(file, args, { stdio, cwd: workingDirectory, env: environment });
      child.once('error', ({ message }) => fail(new UserError(`${file} could not be started: ${message}`)));
      child.once('exit', (code, signal) =>
        done(signal === null ? (code ?? 125) : 128 + (osConstants.signals[signal] ?? 0)),
      );
    });
  } finally {
    for (const name of ['SIGINT', 'SIGQUIT'] as const) process.off(name, stay);
  }
}

/** @throws UserError (125): gdb would come up with nothing to look at. */
function mustRun(pid: number | undefined): void {
  if (pid === undefined || existsSync(`/proc/${pid}`)) return;
  throw new UserError(`there is no process ${pid}`, 'see the numbers of your processes: ps -u "$USER"');
}

/**
 * The program that left a core; undefined when its file is gone or another one is in its place.
 *
 * @throws UserError (125): it is no core file, or it cannot be read. gdb would wait for a FIFO.
 */
async function programOf(core: string): Promise<string | undefined> {
  const { openCore } = await import('../core/open-core.ts');
  const { exe, close } = await openCore(core, { search: [], debuginfod: false });
  close();
  return exe.matches === 'no' ? undefined : exe.path;
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
