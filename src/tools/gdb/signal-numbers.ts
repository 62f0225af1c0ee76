// Numbers of signals where only their names are told: signal(7), x86 and ARM.

/** `SIGSEGV` is 11. */
export const signalNumbers: ReadonlyMap<string, number> = new Map(
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
    .split(' ')
    .map((word, index) => [`SIG${word}`, index + 1]),
);
