// Owns the one process that vgrun starts: from the argument array to how it ended.
import { constants as osConstants } from 'node:os';
import { execa } from 'execa';
import { UserError } from '../errors.ts';
import type { Exit, StoppedBy } from '../model/run.ts';
import { endRun } from './processes.ts';
import { hasControllingTerminal, passSignals } from './signals.ts';

export interface Execution {
  /** What is started: the instrument with everything in front of and behind it. */
  readonly argv: readonly string[];
  /** Besides the variables of this process; undefined takes one away. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly workingDirectory: string;
  /** Absolute path of the run directory, by which all processes of the run are found. */
  readonly directory: string;
  /** ms; 0 or missing: no limit. */
  readonly timeout?: number;
  /** ms between the polite request and the insisting one. */
  readonly killAfter: number;
  /** Further descriptors for the child: its number, and ours. */
  readonly descriptors: readonly { readonly child: number; readonly own: number }[];
  /** Called as soon as the process runs. */
  readonly onStart?: (pid: number) => void;
}

export interface Ended {
  readonly pid: number;
  readonly exit: Exit;
  readonly stoppedBy?: StoppedBy;
}

/**
 * Starts the process with the user's own stdin, stdout and stderr, and waits until it ends.
 *
 * @throws UserError (125) when the process cannot be started at all.
 */
export async function execute(execution: Execution): Promise<Ended> {
  const [file, ...args] = execution.argv as [string, ...string[]];
  const terminal = hasControllingTerminal();
  const highest = Math.max(2, ...execution.descriptors.map(({ child }) => child));
  const stdio = Array.from({ length: highest + 1 }, (_, number): 'inherit' | 'ignore' | number => {
    const own = execution.descriptors.find(({ child }) => child === number)?.own;
    return own ?? (number <= 2 ? 'inherit' : 'ignore');
  });
  const subprocess = execa(file, args, {
    // execa takes any open descriptor here; its types know only those below 10.
    stdio: stdio as ['inherit', 'inherit', 'inherit', ...'ignore'[]],
    cwd: execution.workingDirectory,
    env: execution.environment,
    buffer: false,
    reject: false,
    // The target outlives a signal to vgrun as it would outlive one to a shell; see signals.ts.
    cleanup: false,
    detached: !terminal,
    forceKillAfterDelay: false,
  });
  const { pid } = subprocess;
  if (pid === undefined) {
    const { originalMessage } = (await subprocess) as { originalMessage?: string };
    throw new UserError(`${file} could not be started: ${originalMessage ?? 'unknown reason'}`);
  }
  const stopPassing = passSignals(pid, terminal);
  execution.onStart?.(pid);

  let stoppedBy: StoppedBy | undefined;
  let ending: Promise<void> | undefined;
  const timer =
    execution.timeout === undefined || execution.timeout === 0
      ? undefined
      : setTimeout(() => {
          stoppedBy = 'timeout';
          ending = endRun(execution.directory, pid, execution.killAfter);
        }, execution.timeout);
  const result = await subprocess;
  clearTimeout(timer);
  await ending;
  stopPassing();
  return { pid, exit: exitOf(result), ...(stoppedBy === undefined ? {} : { stoppedBy }) };
}

function exitOf(result: {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
}): Exit {
  if (result.signal !== undefined) {
    const number = osConstants.signals[result.signal as NodeJS.Signals] ?? 0;
    return { how: 'signaled', signal: result.signal, number };
  }
  if (result.exitCode !== undefined) return { how: 'exited', code: result.exitCode };
  return { how: 'unknown' };
}
