// Owns the sentences that say why a process, or a thread of it, does nothing: it is stopped, or waits in the kernel (proc_pid_stat(5), state).
import type { Sample, ThreadFacts } from './sampler.ts';

/** Of job control (signal(7)). */
const stopReasons: Readonly<Record<string, string>> = {
  SIGSTOP: 'somebody sent it SIGSTOP',
  SIGTSTP: 'it got SIGTSTP, as Ctrl-Z in a terminal sends it',
  SIGTTIN: 'it read from its terminal in the background and got SIGTTIN',
  SIGTTOU: 'it wrote to its terminal, or set it, in the background and got SIGTTOU',
};

/** Sentences, the one that tells most first; empty: nothing that the stacks do not show. */
export function standstillsOf(sample: Sample, pid: number): readonly string[] {
  const { threads, stopSignal, refused = [], notStopped = [] } = sample;
  const living = threads.filter(({ state }) => state !== 'Z' && state !== 'X');
  const isStopped = stopSignal !== undefined || living.some(({ state }) => state === 'T');
  const reason = stopReasons[stopSignal ?? ''] ?? 'it got a signal of job control';
  const traced = living.filter(({ lwp, state }) => state === 't' && refused.includes(lwp));
  const inKernel = living.filter(({ lwp, state }) => state === 'D' && notStopped.includes(lwp));
  return [
    ...(isStopped
      ? [
          `The process is stopped (state T): ${reason}. It goes on when it is sent SIGCONT: kill -CONT ${pid}.`,
        ]
      : []),
    ...(traced.length > 0 ? [`${whoOf(traced)} for another debugger or tracer (state t).`] : []),
    ...inKernel.slice(0, mostTold).map(kernelSentence),
    ...(inKernel.length > mostTold
      ? [`${inKernel.length - mostTold} other threads wait in the kernel like that.`]
      : []),
  ];
}

const mostTold = 4;

function whoOf(threads: readonly ThreadFacts[]): string {
  const lwps = threads.map(({ lwp }) => lwp);
  return lwps.length === 1
    ? `Thread ${lwps[0]} is stopped`
    : `${lwps.length} threads (${lwps.slice(0, mostTold).join(', ')}${lwps.length > mostTold ? ', …' : ''}) are stopped`;
}

/** `Thread 12 waits in the kernel for what cannot be interrupted (state D): the call vfork, in kernel_clone.` */
function kernelSentence(thread: ThreadFacts): string {
  const { lwp, waitChannel, children = [] } = thread;
  const call = systemCallOf(thread);
  const where = [
    ...(call === undefined ? [] : [/^\d/.test(call) ? `system call ${call}` : `the call ${call}`]),
    ...(waitChannel === undefined ? [] : [`in ${waitChannel}`]),
  ].join(', ');
  const sentence = `Thread ${lwp} waits in the kernel for what cannot be interrupted (state D)${where === '' ? '' : `: ${where}`}.`;
  // vfork(2); posix_spawn(3) and system(3) are made of clone with CLONE_VFORK.
  const isVfork = call === 'vfork' || (/^clone3?$/.test(call ?? '') && /clone|fork/.test(waitChannel ?? ''));
  if (!isVfork) return sentence;
  const child = children.length === 1 ? `its child, process ${children[0]},` : 'the child that it started';
  return `${sentence} It goes on when ${child} executes a program or ends.`;
}

/** asm/unistd_64.h; asm-generic/unistd.h. Those in which a thread may be for long and not to be interrupted. */
const systemCalls: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  x64: {
    0: 'read',
    1: 'write',
    3: 'close',
    16: 'ioctl',
    17: 'pread64',
    18: 'pwrite64',
    26: 'msync',
    56: 'clone',
    58: 'vfork',
    59: 'execve',
    60: 'exit',
    74: 'fsync',
    75: 'fdatasync',
    162: 'sync',
    166: 'umount2',
    231: 'exit_group',
    257: 'openat',
    262: 'newfstatat',
    306: 'syncfs',
    332: 'statx',
    435: 'clone3',
  },
  arm64: {
    56: 'openat',
    57: 'close',
    63: 'read',
    64: 'write',
    81: 'sync',
    82: 'fsync',
    220: 'clone',
    435: 'clone3',
  },
};

/** Its name, else its number; undefined: the kernel does not tell. */
export function systemCallOf({ systemCall }: ThreadFacts): string | undefined {
  if (systemCall === undefined) return undefined;
  return systemCalls[process.arch]?.[systemCall] ?? String(systemCall);
}
