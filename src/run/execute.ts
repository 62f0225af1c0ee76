// Owns the one process that vgrun starts: from the argument array to how it ended.
//
// Node's own spawn: loading execa would cost more than all else before the launch.
import { type ChildProcess, spawn } from 'node:child_process';
import { constants as osConstants } from 'node:os';
import { UserError } from '../errors.ts';
import type { Problem } from '../model/problem.ts';
import type { Exit, StoppedBy } from '../model/run.ts';
import { withExactBytes } from './exact-bytes.ts';
import { smtpVariables } from './mail/smtp-server.ts';
import { endRun } from './processes.ts';
import { awaitSignals, hasControllingTerminal, passSignals } from './signals.ts';

export interface Execution {
  /** What is started: the instrument with everything in front of and behind it. */
  readonly argv: readonly string[];
  /** Besides the variables of this process; undefined takes one away. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `environment` is all there is. */
  readonly onlyEnvironment?: boolean;
  /** It has no terminal and is in nobody's process group, as what a server starts. */
  readonly ownSession?: boolean;
  /** false: signals that this process gets are not passed on. */
  readonly passesSignals?: boolean;
  /** Whom they are passed on to; missing: the process that is started. */
  readonly receiver?: () => number | undefined;
  /**
   * The variables of this process. Given, these and all words and variables hold bytes as in byte-text.ts, and the process gets those;
   * missing: Node's.
   */
  readonly inherits?: Readonly<Record<string, string | undefined>> | undefined;
  /** Absolute. */
  readonly workingDirectory: string;
  /** Absolute path of the run directory, by which all processes of the run are found. */
  readonly directory: string;
  /** ms; 0 or missing: no limit. */
  readonly timeout?: number;
  /** ms between the polite request and the insisting one. */
  readonly killAfter: number;
  /** Descriptors for the child: its number, and ours. 0 to 2 take the place of the user's own. */
  readonly descriptors: readonly { readonly child: number; readonly own: number }[];
  /** Called as soon as the process runs. */
  readonly onStart?: (pid: number) => void;
}

export interface Ended {
  readonly pid: number;
  readonly exit: Exit;
  readonly stoppedBy?: StoppedBy;
  /** What of its words and variables could not be given to it. */
  readonly problems: readonly Problem[];
}

/** A password for the mail server is nothing for the program that is looked at. */
export const withoutMailServer = Object.fromEntries(smtpVariables.map((name) => [name, undefined]));

/**
 * Starts the process, with the user's own stdin, stdout and stderr unless others are given, and waits until it ends.
 *
 * @throws UserError (125) when the process cannot be started at all.
 */
export async function execute(execution: Execution): Promise<Ended> {
  const { inherits = process.env } = execution;
  const wanted = {
    argv: execution.argv,
    environment: {
      ...(execution.onlyEnvironment === true ? {} : { ...inherits, ...withoutMailServer }),
      ...execution.environment,
    },
  };
  const { argv, environment, problems } =
    execution.inherits === undefined ? { ...wanted, problems: [] } : withExactBytes(wanted);
  const [file, ...args] = argv as [string, ...string[]];
  const terminal = execution.ownSession !== true && hasControllingTerminal();
  const highest = Math.max(2, ...execution.descriptors.map(({ child }) => child));
  const stdio = Array.from({ length: highest + 1 }, (_, number): 'inherit' | 'ignore' | number => {
    const own = execution.descriptors.find(({ child }) => child === number)?.own;
    return own ?? (number <= 2 ? 'inherit' : 'ignore');
  });
  const passes = execution.passesSignals !== false;
  const stopWaiting = passes ? awaitSignals() : () => {};
  let subprocess: ChildProcess;
  try {
    subprocess = spawn(file, args, {
      stdio,
      cwd: execution.workingDirectory,
      env: environment,
      detached: !terminal,
    });
  } catch (error) {
    stopWaiting();
    // Too many words for the kernel (E2BIG), for one.
    throw notStarted(file, error as Error);
  }
  const ended = endOf(subprocess);
  const { pid } = subprocess;
  if (pid === undefined) {
    stopWaiting();
    throw notStarted(file, (await ended) as Error);
  }
  const stopPassing = passes ? passSignals(pid, terminal, execution.receiver) : () => {};
  stopWaiting();
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
  const exit = await ended;
  clearTimeout(timer);
  await ending;
  stopPassing();
  return {
    pid,
    exit: exit instanceof Error ? { how: 'unknown' } : exit,
    ...(stoppedBy === undefined ? {} : { stoppedBy }),
    problems,
  };
}

/** How it ended, or why it did not begin. */
function endOf(subprocess: ChildProcess): Promise<Exit | Error> {
  return new Promise((resolve) => {
    subprocess.once('exit', (code, signal) => resolve(exitOf(code, signal)));
    subprocess.once('error', resolve);
  });
}

function notStarted(file: string, { message }: Error): UserError {
  return new UserError(`${file} could not be started: ${message}`);
}

function exitOf(code: number | null, signal: NodeJS.Signals | null): Exit {
  if (signal !== null) return { how: 'signaled', signal, number: osConstants.signals[signal] ?? 0 };
  return code === null ? { how: 'unknown' } : { how: 'exited', code };
}
