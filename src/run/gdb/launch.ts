// Owns the launch of a program under gdb: what gdb is told, what it gets as its own, and how it is known how the program ended.
//
// gdb has nothing of the user's: its descriptors are the log of the run, its environment is made here. The program gets the user's
// descriptors under three free numbers and its environment word by word in variables, so that any byte may stand in them.
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import type { Exit } from '../../model/run.ts';
import { signalName } from '../../model/signals.ts';
import { readGdbWish } from '../../tools/gdb/probes.ts';
import { earlyWords, safeGdbSettings, shippedScript } from './batch.ts';

/** Name of the stop log in the run directory. */
const gdbStops = 'gdb.stops.jsonl';

/** What gdb itself printed, for whoever looks why something failed. */
const gdbLog = 'gdb.log';

const settingsName = 'gdb.json';

export interface GdbLaunchRequest {
  /** Absolute path of the run directory. */
  readonly directory: string;
  /** Absolute path of the program's file. */
  readonly program: string;
  /** The program and its arguments, as the user wrote them. */
  readonly words: readonly string[];
  readonly toolOptions: readonly string[];
  /** All variables that the program has. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly startedAt: Date;
  /** ms to wait for processes that outlive the first one. */
  readonly wait: number;
  /** Descriptors above 2 that the program gets under the same numbers. */
  readonly inherited: readonly number[];
  /** Descriptors of this process that are the program's stdin, stdout and stderr. */
  readonly standard: readonly { readonly child: 0 | 1 | 2; readonly own: number }[];
}

export interface GdbLaunch {
  /** After the path of gdb and the options of the plan. */
  readonly options: readonly string[];
  /** All of gdb's own environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly descriptors: readonly { readonly child: number; readonly own: number }[];
  /** The process that signals are for; undefined while there is none yet. */
  readonly programPid: () => number | undefined;
  /** What the log says when gdb has ended. */
  readonly end: () => GdbEnd;
  /** Closes what was opened for it; to be called when gdb runs. */
  readonly close: () => void;
}

/**
 * Writes down what run.py is to do, and opens what gdb needs.
 *
 * @throws UserError (125) when the program cannot be given what it would have without gdb.
 */
export async function prepareGdb(request: GdbLaunchRequest): Promise<GdbLaunch> {
  const { directory, words, environment, inherited, toolOptions } = request;
  const [name = ''] = words;
  if (name.includes('=')) {
    throw new UserError(
      `gdb cannot start ${name}: env(1), which gives it its environment, takes a name with = for a variable`,
      'make a link to it with a name without =',
    );
  }
  if (request.program.includes('\n')) {
    throw new UserError(
      'gdb cannot start a program with a line feed in its path: each of its commands is one line',
      'make a link to it with another name',
    );
  }
  const numbers = freeDescriptors(inherited);
  const variables = Object.entries(environment).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${value}`],
  );
  const given = [...variables, ...words];
  const { probes, follow, debuginfod } = readGdbWish(toolOptions);
  const settings = join(directory, settingsName);
  await writeFile(
    settings,
    `${JSON.stringify({
      directory,
      log: join(directory, gdbStops),
      program: request.program,
      argv: words,
      words: given.length,
      standard: numbers,
      startedAt: request.startedAt.getTime(),
      wait: request.wait,
      follow,
      probes,
    })}\n`,
    { mode: 0o600 },
  );
  const nothing = openSync('/dev/null', 'r');
  const log = openSync(join(directory, gdbLog), 'a', 0o600);
  const own = (child: 0 | 1 | 2) => request.standard.find((each) => each.child === child)?.own ?? child;
  return {
    options: [...earlyWords(safeGdbSettings({ debuginfod })), `--command=${shippedScript('run.py')}`],
    environment: {
      PATH: environment.PATH ?? '/usr/bin:/bin',
      // What runs the program for gdb: a shell of the user's would read files of its own.
      SHELL: '/bin/sh',
      LC_ALL: 'C.UTF-8',
      VGRUN_GDB: settings,
      ...(debuginfod && downloads(environment)),
      ...Object.fromEntries(given.map((word, index) => [`V${index}`, word])),
    },
    descriptors: [
      { child: 0, own: nothing },
      { child: 1, own: log },
      { child: 2, own: log },
      ...numbers.map((child, index) => ({ child, own: own(index as 0 | 1 | 2) })),
    ],
    programPid: () => pidInLog(join(directory, gdbStops)),
    end: () => endInLog(directory),
    close: () => {
      closeSync(nothing);
      closeSync(log);
    },
  };
}

/** The shell that starts the program can name descriptors of one digit only. */
function freeDescriptors(inherited: readonly number[]): readonly number[] {
  const free = [9, 8, 7, 6, 5, 4, 3].filter((number) => !inherited.includes(number)).slice(0, 3);
  if (free.length === 3) return free;
  throw new UserError(
    'gdb needs three of the descriptors 3 to 9 for itself, and the program is given more than four of them',
    'start vgrun with fewer open descriptors, or with higher ones',
  );
}

/** Where gdb fetches debug information, and where it keeps it (debuginfod_find_debuginfo(3)). */
function downloads(environment: GdbLaunchRequest['environment']): Readonly<Record<string, string>> {
  const names = ['DEBUGINFOD_URLS', 'DEBUGINFOD_CACHE_PATH', 'DEBUGINFOD_TIMEOUT', 'XDG_CACHE_HOME', 'HOME'];
  return Object.fromEntries(
    names.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
  );
}

/** The first process of the log. */
function pidInLog(path: string): number | undefined {
  const pid = firstProcess.exec(headOf(path))?.[1];
  return pid === undefined ? undefined : Number(pid);
}

// {"type":"process","pid":123,"argv":["./prog"],"how":"start"}
const firstProcess = /^\{"type":"process","pid":(\d+),/m;

const headBytes = 16 * 1024;

function headOf(path: string): string {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const bytes = Buffer.alloc(headBytes);
    return bytes.toString('latin1', 0, readSync(file, bytes, 0, headBytes, 0));
  } catch {
    return '';
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** What the log says of the run, for those who must know before it is read. */
export interface GdbEnd {
  /** gdb started a process. */
  readonly started: boolean;
  /** How the first process ended; missing: gdb did not see it. */
  readonly exit?: Exit;
}

/** How the program ended: gdb ends in the same way, but it may end by itself, too. */
function endInLog(directory: string): GdbEnd {
  const path = join(directory, gdbStops);
  const pid = pidInLog(path);
  if (pid === undefined) return { started: false };
  // {"type":"exit","pid":123,"code":0}, {"type":"exit","pid":123,"signal":11,"name":"SIGSEGV"}
  const line = new RegExp(`^\\{"type":"exit","pid":${pid},"(code|signal)":(\\d+)`, 'm').exec(tailOf(path));
  if (line === null) return { started: true };
  const number = Number(line[2]);
  if (line[1] === 'code') return { started: true, exit: { how: 'exited', code: number } };
  return { started: true, exit: { how: 'signaled', signal: signalName(number), number } };
}

/** Lines of stops may be long, and of other processes many; the end of the first one stands among short lines. */
function tailOf(path: string): string {
  const most = 256 * 1024 * 1024;
  try {
    return statSync(path).size > most ? '' : readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
