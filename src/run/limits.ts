// Owns what stands in front of the instrument so that the target starts, and ends, as under the shell. Node cannot do
// these things to a child, so prlimit(1) and setpriv(1) of util-linux do; both exec, the pid stays.
// - Node raises its own soft limit of open files to the hard one, and a child gets that: it is set back.
// - Who kills `valgrind ./prog` with SIGKILL has ended the program. So the target gets SIGTERM when vgrun dies.
import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import type { Problem } from '../model/problem.ts';
import { findProgramOnPath } from './instrument.ts';

/** valgrind 3.21 and later end at start-up when the hard limit is huge, as in some containers (KDE bug 465435). */
const largestDescriptorLimit = 1_048_576;
const loweredDescriptorLimit = 65_536;

/** What a limit that is set takes. */
interface Settled {
  /** Options of prlimit(1). */
  readonly options: readonly string[];
  readonly problems: readonly Problem[];
}

export interface Inheritance {
  /** Words to put in front of the command; empty when nothing must be undone. */
  readonly prefix: readonly string[];
  readonly problems: readonly Problem[];
}

/** A resource limit; `Infinity` for unlimited. */
export interface Limit {
  readonly soft: number;
  readonly hard: number;
}

/** `Max open files            1024                 524288               files` (proc(5), /proc/PID/limits). */
export function parseDescriptorLimit(limits: string): Limit | undefined {
  return limitIn(limits, /^Max open files\s+(\S+)\s+(\S+)/m);
}

/** `Max core file size        0                    unlimited            bytes` */
export function parseCoreLimit(limits: string): Limit | undefined {
  return limitIn(limits, /^Max core file size\s+(\S+)\s+(\S+)/m);
}

function limitIn(limits: string, pattern: RegExp): Limit | undefined {
  const parts = pattern.exec(limits);
  if (parts === null) return undefined;
  const number = (word: string | undefined) =>
    word === 'unlimited' ? Number.POSITIVE_INFINITY : Number(word);
  return { soft: number(parts[1]), hard: number(parts[2]) };
}

/**
 * Works out what must be undone for a child of this process.
 *
 * @param wantsCore whether it is to leave a core when it crashes, as far as the hard limit allows.
 */
export async function inheritance(wantsCore = false): Promise<Inheritance> {
  const read = (path: string) => readFile(path, 'utf8').catch(() => '');
  const [own, parents, canDieWithUs] = await Promise.all([
    read('/proc/self/limits'),
    read(`/proc/${process.ppid}/limits`),
    access(setpriv, constants.X_OK).then(
      () => true,
      () => false,
    ),
  ]);
  const { options, problems } = settleLimit(parseDescriptorLimit(own), parseDescriptorLimit(parents));
  const core = wantsCore ? liftCoreLimit(parseCoreLimit(own)) : { options: [], problems: [] };
  return {
    prefix: [
      ...(canDieWithUs ? [setpriv, '--pdeathsig', 'TERM'] : []),
      ...(await wordsFor([...options, ...core.options])),
    ],
    problems: [...problems, ...core.problems],
  };
}

let prlimit: Promise<string | undefined> | undefined;

/**
 * Words to put in front of a command that set limits. prlimit is looked for in vgrun's own PATH: the program's is for the program.
 *
 * @param options of prlimit(1); without any there are no words.
 * @throws UserError (125) when there is none.
 */
export async function wordsFor(options: readonly string[]): Promise<readonly string[]> {
  if (options.length === 0) return [];
  prlimit ??= findProgramOnPath(process.env.PATH ?? '', 'prlimit');
  const path = await prlimit;
  if (path !== undefined) return [path, ...options];
  throw new UserError(
    `the limits of the program cannot be set (${options.join(' ')}): prlimit is in no directory of PATH`,
    'install util-linux, or add its directory to PATH',
  );
}

/** The limit of core files, as far up as it goes. */
export function liftCoreLimit(own: Limit | undefined): Settled {
  if (own === undefined || own.soft === own.hard) {
    return own?.hard === 0 ? { options: [], problems: [noCores] } : { options: [], problems: [] };
  }
  const word = (size: number) => (size === Number.POSITIVE_INFINITY ? 'unlimited' : `${size}`);
  const problems: readonly Problem[] =
    own.hard === Number.POSITIVE_INFINITY
      ? []
      : [
          {
            code: 'core-limit',
            level: 'note',
            message: `a core file can have ${own.hard} bytes at most here; a longer one is cut`,
            hint: 'raise the hard limit: ulimit -Hc unlimited, or LimitCORE= of a systemd unit',
          },
        ];
  return { options: [`--core=${word(own.hard)}:${word(own.hard)}`], problems };
}

const noCores: Problem = {
  code: 'core-limit',
  level: 'warning',
  message: 'no core file can be written: the hard limit of their size is 0',
  hint: 'raise it as root (ulimit -Hc unlimited), or run the program with vgrun gdb, which needs no core',
};

const setpriv = '/usr/bin/setpriv';

/**
 * For a target that is looked at between two things it does: SIGKILL in the place of SIGTERM, because a valgrind whose vgdb dies in
 * the middle of a command waits for it for ever, and takes no SIGTERM (3.19).
 */
export function killedWithUs({ prefix, ...rest }: Inheritance): Inheritance {
  return { ...rest, prefix: prefix.map((word) => (word === 'TERM' ? 'KILL' : word)) };
}

/**
 * Settles the limit for the target.
 *
 * @param own limit of this process, whose soft part Node has raised.
 * @param parents limit of its parent. What Node was started with can only be seen there, and only if the parent did
 *   not lower it for us.
 */
export function settleLimit(own: Limit | undefined, parents: Limit | undefined): Settled {
  if (own === undefined) return { options: [], problems: [] };
  const soft = parents?.hard === own.hard ? Math.min(parents.soft, own.soft) : own.soft;
  if (own.hard <= largestDescriptorLimit) {
    return { options: soft === own.soft ? [] : [`--nofile=${soft}:${own.hard}`], problems: [] };
  }
  return {
    options: [`--nofile=${Math.min(soft, loweredDescriptorLimit)}:${loweredDescriptorLimit}`],
    problems: [
      {
        code: 'descriptor-limit-lowered',
        level: 'note',
        message: `the limit of open files is huge here; the program runs with ${loweredDescriptorLimit}, since valgrind fails to start with more than it can reserve`,
      },
    ],
  };
}
