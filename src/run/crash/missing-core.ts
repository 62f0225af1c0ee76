// Why a process that crashed left no core that could be found, and how to get at one that the kernel gave away.
import { access, constants, lstat, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Problem } from '../../model/problem.ts';
import type { CorePlace } from './core-pattern.ts';

/** systemd-coredump goes on writing after the process is gone; asked this often, with a second in between. */
const mostTries = 10;

/**
 * Has coredumpctl(1) write a core that systemd-coredump got.
 *
 * @param program what the kernel's pattern names.
 * @param file absolute; where it is to go.
 * @returns whether it is there now.
 */
export async function fetchFromSystemd(program: string, pid: number, file: string): Promise<boolean> {
  if (!isSystemds(program)) return false;
  const { execa } = await import('execa');
  for (let tries = 1; ; tries++) {
    const { failed, code } = await execa('coredumpctl', ['dump', `${pid}`, `--output=${file}`], {
      reject: false,
      stdio: 'ignore',
      timeout: 60_000,
    });
    if (!failed) {
      const size = await lstat(file).then(
        (status) => status.size,
        () => 0,
      );
      if (size > 0) return true;
    }
    if (code === 'ENOENT' || tries === mostTries) return false;
    await sleep(1000);
  }
}

function isSystemds(program: string): boolean {
  return basename(program) === 'systemd-coredump';
}

interface Missing {
  readonly pid: number;
  readonly signal: string;
  readonly place: CorePlace;
  /** core_pattern as it stands there. */
  readonly pattern: string;
  /** Where the program was started. */
  readonly workingDirectory: string;
  readonly directory: string;
  readonly isValgrind: boolean;
}

/** A problem that says why, as far as it can be told from outside. */
export async function whyNone(missing: Missing): Promise<Problem> {
  const { pid, signal, place, pattern } = missing;
  const problem = (why: string, hint?: string): Problem => ({
    code: 'core-missing',
    level: 'warning',
    message: `${signal} ended process ${pid}, and there is no core file of it: ${why}`,
    ...(hint !== undefined && { hint }),
    pid,
  });
  if (missing.isValgrind) {
    const full = await isFull(missing.directory);
    return problem(
      full ? 'the disk is full' : 'valgrind wrote none',
      full ? 'make room, or run it in another folder' : 'its log says why, if it does',
    );
  }
  if (place.kind === 'none') {
    return problem(
      'the pattern in /proc/sys/kernel/core_pattern is empty',
      'as root: sysctl kernel.core_pattern=core',
    );
  }
  if (place.kind === 'program')
    return problem(`the kernel gives cores to ${place.program}`, wayOf(place, pid));
  const names = place.parts.slice(0, -1);
  if (names.every((name) => typeof name === 'string')) {
    const folder = join(place.isAbsolute ? '/' : missing.workingDirectory, ...names);
    const error = await access(folder, constants.W_OK | constants.X_OK).then(
      () => undefined,
      ({ message }: Error) => message,
    );
    if (error !== undefined) {
      return problem(
        `${folder} cannot be written: ${error}`,
        place.isAbsolute
          ? 'make the folder, or change kernel.core_pattern'
          : 'start the program in a folder that it can write to',
      );
    }
    if (await isFull(folder)) return problem(`the disk of ${folder} is full`, 'make room there');
    const last = place.parts.at(-1);
    const inTheWay =
      typeof last === 'string' ? await lstat(join(folder, last)).catch(() => undefined) : undefined;
    if (inTheWay !== undefined && !inTheWay.isFile()) {
      return problem(
        `${join(folder, last as string)} is in the way, and no plain file`,
        'move it: the kernel follows no link and writes into no folder',
      );
    }
  }
  return problem(
    `the pattern is "${pattern}", and no such file was written`,
    'a program whose file may not be read, or that changes its user, leaves none: prctl(2), PR_SET_DUMPABLE; vgrun gdb needs no core',
  );
}

function wayOf({ program }: { readonly program: string }, pid: number): string {
  if (isSystemds(program)) {
    return `coredumpctl dump ${pid} -o core.${pid} gets it, where systemd-coredump keeps cores (Storage= in coredump.conf)`;
  }
  if (basename(program) === 'apport') {
    return 'apport keeps a report in /var/crash: apport-unpack REPORT FOLDER gets the file CoreDump out of it';
  }
  return `what becomes of it, the manual of ${basename(program) || dirname(program)} says; as root: sysctl kernel.core_pattern=core`;
}

async function isFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: 1, bsize: 1 << 20 }));
  return bavail * bsize < 1 << 20;
}
