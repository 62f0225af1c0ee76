// Owns what Node changes in what a child inherits, and undoes it, so that the target starts as under the shell.
//
// Node raises its soft descriptor limit to the hard one and its children get that; libuv sets every signal that was
// ignored back to its default, so `nohup vgrun …` would not protect the target from SIGHUP. Node itself can change
// neither for a child, so prlimit(1) and env(1) do it in front of the instrument; both exec, the pid stays.
import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import type { Problem } from '../model/problem.ts';

/** valgrind 3.21 and later end at start-up when the hard limit is huge, as in some containers (KDE bug 465435). */
const largestDescriptorLimit = 1_048_576;
const loweredDescriptorLimit = 65_536;

export interface Inheritance {
  /** Words to put in front of the command; empty when nothing must be undone. */
  readonly prefix: readonly string[];
  readonly problems: readonly Problem[];
}

interface Limit {
  readonly soft: number;
  readonly hard: number;
}

/** `Max open files            1024                 524288               files` (proc(5), /proc/PID/limits). */
export function parseDescriptorLimit(limits: string): Limit | undefined {
  const parts = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits);
  if (parts === null) return undefined;
  const number = (word: string | undefined) =>
    word === 'unlimited' ? Number.POSITIVE_INFINITY : Number(word);
  return { soft: number(parts[1]), hard: number(parts[2]) };
}

/** Signals among 1 to 31 whose disposition is "ignore" (`SigIgn:` of /proc/PID/status). */
export function parseIgnoredSignals(status: string): number[] {
  const mask = BigInt(`0x${/^SigIgn:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return Array.from({ length: 31 }, (_, index) => index + 1).filter(
    (number) => (mask >> BigInt(number - 1)) & 1n,
  );
}

/** Works out what must be undone for a child of this process. */
export async function inheritance(): Promise<Inheritance> {
  const read = (path: string) => readFile(path, 'utf8').catch(() => '');
  const [own, parents, status] = await Promise.all([
    read('/proc/self/limits'),
    read(`/proc/${process.ppid}/limits`),
    read('/proc/self/status'),
  ]);
  const prefix: string[] = [];
  const problems: Problem[] = [];

  const limit = parseDescriptorLimit(own);
  const given = parseDescriptorLimit(parents);
  if (limit !== undefined) {
    // What Node was started with can only be seen at its parent, and only if the parent did not lower it for us.
    const soft =
      given !== undefined && given.hard === limit.hard ? Math.min(given.soft, limit.soft) : limit.soft;
    if (limit.hard > largestDescriptorLimit) {
      prefix.push('prlimit', `--nofile=${Math.min(soft, loweredDescriptorLimit)}:${loweredDescriptorLimit}`);
      problems.push({
        code: 'descriptor-limit-lowered',
        level: 'note',
        message: `the limit of open files is huge here; the program runs with ${loweredDescriptorLimit}, since valgrind fails to start with more than it can reserve`,
      });
    } else if (soft !== limit.soft) {
      prefix.push('prlimit', `--nofile=${soft}:${limit.hard}`);
    }
  }

  const ignored = parseIgnoredSignals(status).filter((number) => !ignoredByNode.has(number));
  if (ignored.length > 0) {
    const words = ['env', `--ignore-signal=${ignored.join(',')}`];
    // GNU env has this since coreutils 8.31.
    const probe = await execa(words[0] as string, [...words.slice(1), 'true'], {
      reject: false,
      stdio: 'ignore',
    });
    if (!probe.failed) prefix.push(...words);
  }
  return { prefix, problems };
}

/** SIGPIPE and SIGXFSZ: Node ignores them for itself. */
const ignoredByNode: ReadonlySet<number> = new Set([13, 25]);
