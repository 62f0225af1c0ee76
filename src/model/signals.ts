// Names and numbers of the signals of Linux, and which of them leave a core file: signal(7), x86 and ARM.

const names =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
    .split(' ')
    .map((word) => `SIG${word}`);

/** By name: `SIGSEGV` is 11. Those in real time have none. */
export const signalNumbers: ReadonlyMap<string, number> = new Map(
  names.map((name, index) => [name, index + 1]),
);

/** `SIGSEGV`; `SIGRTMIN+2` as glibc counts, from 34; `signal 99` for what is none. */
export function signalName(number: number): string {
  const name = names[number - 1];
  if (name !== undefined) return name;
  if (number === 34) return 'SIGRTMIN';
  return number > 34 && number <= 64 ? `SIGRTMIN+${number - 34}` : `signal ${number}`;
}

/** Names of the signals whose default action ends a process and leaves a core file. */
export const coreSignals: ReadonlySet<string> = new Set([
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGSEGV',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGSYS',
]);
