// Owns `--core`: which processes of a run left a core, and how those files come into the run directory.
import { readlinkSync } from 'node:fs';
import { chmod, copyFile, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Exit } from '../../model/exit.ts';
import type { Problem } from '../../model/problem.ts';
import type { FoundCore } from '../../model/run.ts';
import { coreSignals } from '../../model/signals.ts';
import { type ExecutableWatch, watchExecutables } from '../executables.ts';
import { type CoreOwner, coreOwner, processOf } from './core-owner.ts';
import { readCorePattern } from './core-pattern.ts';
import { type CoreCandidate, type CoreFolders, coreCandidates } from './core-search.ts';
import { fetchFromSystemd, whyNone } from './missing-core.ts';

export interface CoreWatch {
  /** The first process runs. */
  readonly started: (pid: number) => void;
  /** All processes have ended: finds the cores and takes them into the run directory. */
  readonly finish: (ended: { readonly pid: number; readonly exit: Exit }) => Promise<{
    readonly cores: readonly FoundCore[];
    readonly problems: readonly Problem[];
  }>;
}

/** Most folders that are looked through: a build stands in hundreds, and one for each process is not needed. */
const mostFolders = 256;
/** The clock of files is that of the last tick of the kernel, 10 ms at most. */
const tickMs = 10;

/** Looks at what there is before the program starts. */
export async function watchCores(options: {
  /** Absolute path of the run directory. */
  readonly directory: string;
  /** Absolute. */
  readonly workingDirectory: string;
  /** Absolute path of the program. */
  readonly program: string;
  readonly isValgrind: boolean;
  readonly logTemplate?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): Promise<CoreWatch> {
  const { directory, program, isValgrind } = options;
  const [pattern, usesPid] = await Promise.all([
    readFile('/proc/sys/kernel/core_pattern', 'utf8').catch(() => 'core'),
    readFile('/proc/sys/kernel/core_uses_pid', 'utf8').catch(() => '0'),
  ]);
  const place = readCorePattern(pattern, usesPid.trim() !== '0');
  const workingDirectories = new Set([options.workingDirectory]);
  const folders: CoreFolders = { ...options, place, workingDirectories };
  const before = new Map((await coreCandidates(folders)).map((each) => [each.path, each]));
  const startedMs = Date.now() - tickMs;
  let watch: ExecutableWatch | undefined;
  let first = 0;

  const isSeen = (pid: number): boolean => pid === first || watch?.seen.has(pid) === true;
  const isOurs = (pid: number, { ppid, session }: CoreOwner): boolean =>
    // Where vgrun has no terminal, all that the program starts is in a session of its own.
    isSeen(pid) || isSeen(ppid) || session === first;

  async function take(candidate: CoreCandidate, taken: FoundCore[], problems: Problem[]): Promise<void> {
    const { path } = candidate;
    const earlier = before.get(path);
    if (earlier !== undefined && isSame(earlier, candidate)) return;
    if (candidate.modifiedMs < startedMs) return;
    let owner: CoreOwner | undefined;
    try {
      owner = coreOwner(path);
    } catch (error) {
      problems.push(unreadable(error as Error));
      return;
    }
    if (owner === undefined) return;
    const { pid, isGuessed } = processOf(owner, path, isSeen);
    if (!isOurs(pid, owner)) return;
    const same = taken.filter((core) => core.pid === pid).length;
    const name = `core.${pid}${same === 0 ? '' : `-${same + 1}`}`;
    const known = pid === first ? program : isValgrind ? undefined : watch?.seen.get(pid)?.path;
    const facts = {
      pid,
      ...(owner.signal !== 0 && { signal: owner.signal }),
      ...(known !== undefined && { program: known }),
      ...(isValgrind && { isValgrinds: true as const }),
    };
    try {
      await move(path, join(directory, name));
      taken.push({ ...facts, artifact: name });
    } catch (error) {
      problems.push(notMoved(path, error as Error));
      taken.push({ ...facts, path });
    }
    const isOverwritten = earlier !== undefined || candidate.madeMs < startedMs;
    if (isOverwritten && !isValgrind) problems.push(overwritten(path, pid));
    if (isGuessed) problems.push(guessed(path, pid));
  }

  return {
    started: (pid) => {
      first = pid;
      watch = watchExecutables(pid, program, {
        mayRest: true,
        onLook: (each) => {
          if (workingDirectories.size >= mostFolders) return;
          try {
            workingDirectories.add(readlinkSync(`/proc/${each}/cwd`));
          } catch {
            // Another user's, or gone.
          }
        },
      });
    },
    finish: async ({ pid, exit }) => {
      watch?.stop();
      first = pid;
      const cores: FoundCore[] = [];
      const problems: Problem[] = [];
      for (const candidate of await coreCandidates(folders)) await take(candidate, cores, problems);
      const crashed = exit.how === 'signaled' && coreSignals.has(exit.signal) ? exit : undefined;
      if (crashed !== undefined && !cores.some((core) => core.pid === pid)) {
        const fetched =
          place.kind === 'program' && !isValgrind
            ? await fetchFromSystemd(place.program, pid, join(directory, `core.${pid}`))
            : false;
        if (fetched) cores.push({ pid, artifact: `core.${pid}`, signal: crashed.number, program });
        else {
          problems.push(
            await whyNone({
              pid,
              signal: crashed.signal,
              place,
              pattern: pattern.trim(),
              workingDirectory: options.workingDirectory,
              directory,
              isValgrind,
            }),
          );
        }
      }
      return { cores, problems };
    },
  };
}

function isSame(one: CoreCandidate, other: CoreCandidate): boolean {
  return (
    one.device === other.device &&
    one.inode === other.inode &&
    one.size === other.size &&
    one.modifiedMs === other.modifiedMs
  );
}

/** A core holds what was in memory: nobody else is to read it. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    try {
      await copyFile(from, to);
    } catch (reason) {
      await rm(to, { force: true });
      throw reason;
    }
    await rm(from, { force: true });
  }
  await chmod(to, 0o600);
}

function unreadable({ message }: Error): Problem {
  return {
    code: 'core-unreadable',
    level: 'warning',
    message: `${message}: it was written during the run`,
    hint: 'read it as its owner: vgrun core FILE PROGRAM',
  };
}

function guessed(path: string, pid: number): Problem {
  return {
    code: 'core-process-guessed',
    level: 'warning',
    message: `${path} does not tell which process it is of: ${pid} is the number of one of its threads`,
    pid,
  };
}

function notMoved(path: string, { message }: Error): Problem {
  return {
    code: 'core-left',
    level: 'note',
    message: `the core file stays where it is, in ${path}: ${message}`,
  };
}

function overwritten(path: string, pid: number): Problem {
  return {
    code: 'core-overwritten',
    level: 'warning',
    message: `there was a file ${path} before the run, and the kernel wrote the core of process ${pid} over it`,
    hint: 'give each core a name of its own: sysctl kernel.core_uses_pid=1',
    pid,
  };
}
