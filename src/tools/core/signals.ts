// Owns what a siginfo_t of the Linux kernel means: names of codes, who sent it, which address it is about (sigaction(2),
// signal(7); the numbers are those of x86 and ARM).
import { signalName } from '../../model/signals.ts';
import type { StopSignal, SystemCall } from '../../model/stop.ts';

/** Of signals by anyone (`asm-generic/siginfo.h`). */
const senderCodes: Readonly<Record<number, string>> = {
  0: 'SI_USER',
  128: 'SI_KERNEL',
  [-1]: 'SI_QUEUE',
  [-2]: 'SI_TIMER',
  [-3]: 'SI_MESGQ',
  [-4]: 'SI_ASYNCIO',
  [-5]: 'SI_SIGIO',
  [-6]: 'SI_TKILL',
  [-7]: 'SI_DETHREAD',
  [-60]: 'SI_ASYNCNL',
};

/** Of a fault, from 1. */
const faultCodes: Readonly<Record<string, readonly string[]>> = {
  SIGILL:
    'ILL_ILLOPC ILL_ILLOPN ILL_ILLADR ILL_ILLTRP ILL_PRVOPC ILL_PRVREG ILL_COPROC ILL_BADSTK ILL_BADIADDR'.split(
      ' ',
    ),
  SIGFPE: 'FPE_INTDIV FPE_INTOVF FPE_FLTDIV FPE_FLTOVF FPE_FLTUND FPE_FLTRES FPE_FLTINV FPE_FLTSUB'.split(
    ' ',
  ),
  SIGSEGV:
    'SEGV_MAPERR SEGV_ACCERR SEGV_BNDERR SEGV_PKUERR SEGV_ACCADI SEGV_ADIDERR SEGV_ADIPERR SEGV_MTEAERR SEGV_MTESERR SEGV_CPERR'.split(
      ' ',
    ),
  SIGBUS: 'BUS_ADRALN BUS_ADRERR BUS_OBJERR BUS_MCEERR_AR BUS_MCEERR_AO'.split(' '),
  SIGTRAP: 'TRAP_BRKPT TRAP_TRACE TRAP_BRANCH TRAP_HWBKPT TRAP_UNK TRAP_PERF'.split(' '),
  SIGSYS: 'SYS_SECCOMP SYS_USER_DISPATCH'.split(' '),
};

/** si_addr is an address that the process touched; of SIGTRAP and SIGSYS it is where it stood. */
const addressSignals = ['SIGILL', 'SIGFPE', 'SIGSEGV', 'SIGBUS', 'SIGTRAP'];

const SI_USER = 0;
const SI_KERNEL = 128;
const SI_QUEUE = -1;
const SI_TKILL = -6;

/** What a signal's code says; undefined: it is not one that is known. */
export function signalCodeName(number: number, code: number): string | undefined {
  return senderCodes[code] ?? (code > 0 ? faultCodes[signalName(number)]?.[code - 1] : undefined);
}

/** The parts of a siginfo_t. `address` and the sender are read from the same bytes: which of them is meant depends on the code. */
export interface SignalInformation {
  readonly number: number;
  readonly code: number;
  readonly address: bigint;
  readonly pid: number;
  readonly uid: number;
  readonly systemCall: SystemCall;
}

const AUDIT_ARCH_X86_64 = 0xc000_003e;

/** The number is of a table of its own for each architecture. */
export function systemCallSentence({ number, architecture }: SystemCall): string {
  const table =
    architecture === AUDIT_ARCH_X86_64 ? 'x86-64' : `the architecture 0x${architecture.toString(16)}`;
  return `It was system call ${number} of ${table}.`;
}

/** Only what the code says is there. */
export function signalOf({ number, code, address, pid, uid, systemCall }: SignalInformation): StopSignal {
  const name = signalName(number);
  const codeName = signalCodeName(number, code);
  const isFault = code > 0 && code !== SI_KERNEL && addressSignals.includes(name);
  const isSent = code === SI_USER || code === SI_QUEUE || code === SI_TKILL;
  return {
    number,
    name,
    code,
    ...(codeName !== undefined && { codeName }),
    ...(isFault && { address: `0x${address.toString(16)}` }),
    // pid 0: from another pid namespace, or the bytes are not filled.
    ...(isSent && pid > 0 && { sender: { pid, uid } }),
    ...(name === 'SIGSYS' && code > 0 && { systemCall }),
  };
}
