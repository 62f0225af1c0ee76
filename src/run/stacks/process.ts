// Owns what must be known of a live process before it is looked at, and why one cannot be.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { UserError } from '../../errors.ts';
import { processStatus, readProc } from '../processes.ts';

/** A live process, as /proc shows it (proc(5)). Words and names are the target's own. */
export interface LiveProcess {
  readonly pid: number;
  /** lwp by which /proc tells of its memory and files: of a process whose first thread has ended, /proc/PID tells nothing. */
  readonly livingThread: number;
  readonly ppid: number;
  readonly argv: readonly string[];
  /** The file that it runs, without what the kernel adds to one that is gone; as the process itself sees it. */
  readonly program: string;
  /** The file that it runs was removed or replaced since. */
  readonly isProgramGone: boolean;
  /** Folder in which the paths of its files are to be looked up; missing: it sees the same files as vgrun. */
  readonly root?: string;
  /** It counts processes and threads by numbers of its own: it is in a container. */
  readonly hasOwnNumbers: boolean;
}

/**
 * Looks whether the stacks of a process can be read.
 *
 * @throws UserError (125) when there is no such process, it has ended, it is the kernel's, or another debugger has it.
 */
export function examineProcess(pid: number): LiveProcess {
  const status = processStatus(pid);
  if (status === undefined)
    throw new UserError(`there is no process ${pid}`, 'ps -e lists those that there are');
  const name = status.get('Name') ?? '';
  const who = `process ${pid}${name === '' ? '' : ` (${name})`}`;
  if (pid === process.pid) {
    throw new UserError(`${who} is this vgrun itself`, 'name another process, or start a second vgrun');
  }
  const leader = Number(status.get('Tgid') ?? pid);
  if (leader !== pid) {
    throw new UserError(
      `${pid} is a thread of process ${leader}`,
      `look at all its threads: vgrun stacks ${leader}`,
    );
  }
  const livingThread = livingThreadOf(pid);
  if (livingThread === undefined) {
    const ppid = status.get('PPid') ?? '?';
    throw new UserError(
      `${who} has ended: it is a zombie, and has no stacks any more`,
      `its parent, process ${ppid}, has not asked how it ended: vgrun stacks ${ppid} shows what that one does`,
    );
  }
  if (isKernelThread(pid, status)) {
    throw new UserError(
      `${who} is a thread of the kernel`,
      `root can read its stack: cat /proc/${pid}/stack`,
    );
  }
  const tracer = Number(processStatus(livingThread)?.get('TracerPid') ?? 0);
  if (tracer !== 0) throw tracedBy(who, tracer, livingThread);
  const argv = wordsOf(livingThread);
  const link = linkOf(`/proc/${livingThread}/exe`);
  const program = link?.replace(/ \(deleted\)$/, '') ?? argv[0] ?? name;
  const instrument = /^([a-z-]+)-(?:amd64|x86|arm64|arm|ppc\w+|s390x|mips\w+|riscv64)-linux$/.exec(
    basename(program),
  );
  if (instrument !== null) {
    throw new UserError(
      `${who} runs under valgrind (${instrument[1]}): its stacks are valgrind's own, not the program's`,
      `ask valgrind for the program's: vgdb --pid=${pid} v.info scheduler`,
    );
  }
  const root = rootOf(livingThread);
  return {
    pid,
    livingThread,
    ppid: Number(status.get('PPid') ?? 0),
    argv: argv.length > 0 ? argv : [program],
    program,
    isProgramGone: link?.endsWith(' (deleted)') === true,
    ...(root !== undefined && { root }),
    hasOwnNumbers: (status.get('NSpid') ?? '').split(/\s+/).length > 1,
  };
}

/**
 * Why the kernel did not let the sampler look.
 *
 * @param errno EPERM or EACCES of ptrace(2), or that the process is gone.
 */
export function refusalOf(pid: number, errno: number): UserError {
  const status = processStatus(pid);
  const livingThread = livingThreadOf(pid);
  if (status === undefined || livingThread === undefined) {
    return new UserError(
      `process ${pid} ended before its stacks could be read`,
      'nothing was left to look at',
    );
  }
  const who = `process ${pid} (${status.get('Name') ?? '?'})`;
  const tracer = Number(processStatus(livingThread)?.get('TracerPid') ?? 0);
  if (tracer !== 0) return tracedBy(who, tracer, livingThread);
  if (errno !== EPERM && errno !== EACCES) {
    return new UserError(
      `the stacks of ${who} could not be read (error ${errno})`,
      'see errno(3) for the number',
    );
  }
  const owner = Number(status.get('Uid')?.split(/\s+/)[0] ?? Number.NaN);
  if (process.geteuid?.() !== 0 && owner !== process.geteuid?.()) {
    return new UserError(
      `${who} belongs to another user`,
      `run vgrun as that user, or as root: sudo vgrun stacks ${pid}`,
    );
  }
  // https://docs.kernel.org/admin-guide/LSM/Yama.html
  const yama = Number(readProc('sys/kernel/yama/ptrace_scope')?.trim() ?? 0);
  if (yama > 0) {
    return new UserError(
      `the kernel forbids to look at ${who}: kernel.yama.ptrace_scope is ${yama}`,
      yama >= 3
        ? 'it can only be changed by a restart of the machine'
        : `as root: sudo vgrun stacks ${pid}; or allow it until the next start: sudo sysctl kernel.yama.ptrace_scope=0`,
    );
  }
  return new UserError(
    `the kernel does not let vgrun look at ${who}`,
    'in a container it needs the capability SYS_PTRACE; a program that changes its user, or calls prctl(PR_SET_DUMPABLE, 0), is closed to all but root',
  );
}

const EPERM = 1;
const EACCES = 13;

function tracedBy(who: string, tracer: number, thread: number): UserError {
  const name = processStatus(tracer)?.get('Name');
  const isStopped = processStatus(thread)?.get('State')?.startsWith('t') === true;
  return new UserError(
    `${who} is under another debugger or tracer: process ${tracer}${name === undefined ? '' : ` (${name})`}${isStopped ? '; that one has it stopped (state t), and it does nothing until it is let go' : ''}`,
    'a process has one tracer at a time: end that one, or let it detach',
  );
}

/** The first thread that has not ended: a process lives on when its first one ends (pthread_exit in main), with that as a zombie. */
function livingThreadOf(pid: number): number | undefined {
  if (isAlive(pid)) return pid;
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number).find(isAlive);
  } catch {
    return undefined;
  }
}

function isAlive(lwp: number): boolean {
  return /^[^ZX]/.test(processStatus(lwp)?.get('State') ?? '');
}

/** Kernels before 6.4 do not say it: then it is what has no memory of its own. */
function isKernelThread(pid: number, status: ReadonlyMap<string, string>): boolean {
  const told = status.get('Kthread');
  return told === undefined ? pid === 2 || status.get('PPid') === '2' : told === '1';
}

function wordsOf(lwp: number): readonly string[] {
  try {
    const text = readFileSync(`/proc/${lwp}/cmdline`, 'utf8');
    return text === '' ? [] : text.replace(/\0$/, '').split('\0');
  } catch {
    return [];
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** A process of another mount namespace, or in a chroot, means other files by the same paths. */
function rootOf(lwp: number): string | undefined {
  const mounts = linkOf(`/proc/${lwp}/ns/mnt`);
  const isElsewhere = mounts !== undefined && mounts !== linkOf('/proc/self/ns/mnt');
  const root = linkOf(`/proc/${lwp}/root`);
  return isElsewhere || (root !== undefined && root !== linkOf('/proc/self/root'))
    ? `/proc/${lwp}/root`
    : undefined;
}
