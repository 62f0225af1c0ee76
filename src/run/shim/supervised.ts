// Owns what a shim's script saved of the process that its supervisor started, and what it takes to give it to the program: the
// variables that would have acted on vgrun, the signals that are ignored and blocked, the limits of memory.
//
// Node sets all signals of a child to their defaults and blocks none. So env(1) of coreutils, which can do both from 8.31 on,
// stands in front of the instrument, or else a shell, which can ignore signals only.
import { execFile } from 'node:child_process';
import { constants } from 'node:os';
import type { Problem } from '../../model/problem.ts';

/** A variable NAME is kept as this and NAME. */
export const carried = 'VGRUN_SHIM_ENV_';
/** ` v=KIB d=KIB`: soft limits of ulimit(1p) that were lifted. */
export const carriedLimits = 'VGRUN_SHIM_LIMITS';
/** Two masks as in proc_pid_status(5): `SigBlk SigIgn`. */
export const carriedSignals = 'VGRUN_SHIM_SIGNALS';

export interface Supervised {
  /** For the program, besides the variables of this process; undefined takes one away. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Numbers of signals. */
  readonly ignored: readonly number[];
  readonly blocked: readonly number[];
  /** Soft limits in KiB that do not hold any more, by the letter of ulimit. */
  readonly limits: Readonly<Partial<Record<'v' | 'd', number>>>;
}

/** @param variables those of this process, as the script has set them. */
export function readSupervised(variables: Readonly<Record<string, string | undefined>>): Supervised {
  // The script has set it for vgrun.
  const environment: Record<string, string | undefined> = { PATH: undefined };
  for (const [name, value] of Object.entries(variables)) {
    if (name.startsWith(carried)) environment[name.slice(carried.length)] = value;
    if (name.startsWith(carried) || name === carriedLimits || name === carriedSignals) {
      environment[name] = undefined;
    }
  }
  const [blocked = '', ignored = ''] = variables[carriedSignals]?.split(' ') ?? [];
  const limits: Partial<Record<'v' | 'd', number>> = {};
  for (const [, kind, size] of variables[carriedLimits]?.matchAll(/ ([vd])=(\d+)/g) ?? []) {
    limits[kind as 'v' | 'd'] = Number(size);
  }
  return { environment, ignored: signalsIn(ignored), blocked: signalsIn(blocked), limits };
}

/** Those two are glibc's own, for threads: nobody else can set them (nptl(7)). */
const ofGlibc: ReadonlySet<number> = new Set([32, 33]);

/** Numbers of the signals in a mask: bit 0 is signal 1. */
function signalsIn(mask: string): readonly number[] {
  if (!/^[0-9a-f]{1,16}$/.test(mask)) return [];
  const bits = BigInt(`0x${mask}`);
  const numbers = Array.from({ length: 64 }, (_, index) => index + 1);
  return numbers.filter((number) => ((bits >> BigInt(number - 1)) & 1n) === 1n && !ofGlibc.has(number));
}

/** What the supervisor ignores must not end vgrun before or after the program either. */
export function ignoreSignals({ ignored }: Pick<Supervised, 'ignored'>): void {
  for (const [name, number] of Object.entries(constants.signals)) {
    if (ignored.includes(number)) process.on(name as NodeJS.Signals, () => {});
  }
}

const env = '/usr/bin/env';

/**
 * Words to put in front of a command so that it ignores and blocks the signals that the supervisor does.
 *
 * @returns no words where there are none of them.
 */
export async function signalWords({ ignored, blocked }: Supervised): Promise<readonly string[]> {
  if (ignored.length === 0 && blocked.length === 0) return [];
  const words = [
    env,
    ...(ignored.length === 0 ? [] : [`--ignore-signal=${ignored.join()}`]),
    ...(blocked.length === 0 ? [] : [`--block-signal=${blocked.join()}`]),
  ];
  if (await answers([...words, '/bin/sh', '-c', ':'])) return words;
  // A shell that does not know the number of a signal says so and ends.
  const known = ignored.filter((number) => number < 32);
  return known.length === 0 ? [] : ['/bin/sh', '-c', `trap '' ${known.join(' ')}; exec "$@"`, 'sh'];
}

function answers([file = '', ...words]: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(file, words, { timeout: 10_000 }, (error) => resolve(error === null));
  });
}

/** Words for prlimit(1) with which the soft limits hold again. */
export function limitWords({ limits }: Pick<Supervised, 'limits'>): readonly string[] {
  const names = { v: 'as', d: 'data' } as const;
  return (['v', 'd'] as const).flatMap((kind) => {
    const size = limits[kind];
    return size === undefined ? [] : [`--${names[kind]}=${size * 1024}:`];
  });
}

const limitNames = { v: 'address space', d: 'data' } as const;

/** What the report says where a limit was lifted. */
export function limitProblems({ limits }: Pick<Supervised, 'limits'>): readonly Problem[] {
  return (['v', 'd'] as const).flatMap((kind): readonly Problem[] =>
    limits[kind] === undefined
      ? []
      : [
          {
            code: 'memory-limit-lifted',
            level: 'note',
            message: `the program runs without its limit of ${limitNames[kind]} (ulimit -${kind} ${limits[kind]}), in which vgrun and the tool could not start`,
          },
        ],
  );
}
