// A process that stands still: what a debugger, a core file or a sampler shows of it at one moment.
import type { Frame } from './finding.ts';

/**
 * How a frame was found. `innermost`: it is where the thread stands. `unwound`: by call frame information (DWARF 5, 6.4), or by the
 * debugger. `frame pointer`: by the chain of saved frame pointers. `scanned`: a word on the stack that is a return address behind a
 * call.
 */
export type FrameSource = 'innermost' | 'unwound' | 'frame pointer' | 'scanned';

/** How far a frame may be trusted. `doubtful`: it may be left over from a call that has returned. */
export type Trust = 'sure' | 'likely' | 'doubtful';

/**
 * Where the name of a function is from. `range`: the function has no name, but call frame information tells where it begins and ends.
 */
export type NameSource = 'debug information' | 'symbol table' | 'exported symbol' | 'range';

/** A variable and its value as the debugger prints it; both come from the target. */
export interface Variable {
  readonly name: string;
  /** At most 4 KiB; `…` at its end says that there is more. */
  readonly value: string;
  readonly type?: string;
  readonly isArgument?: true;
}

/** What gdb writes for the frame between a signal handler and what the signal interrupted. */
export const signalFrame = '<signal handler called>';

export interface StopFrame extends Frame {
  readonly found: FrameSource;
  readonly trust: Trust;
  /** One sentence: why it is not sure. */
  readonly doubt?: string;
  /** Missing: there is no name. */
  readonly named?: NameSource;
  /** Bytes from the start of the function, or of the nearest name before it, to the instruction. */
  readonly functionOffset?: number;
  /** The call was inlined into the next frame. */
  readonly isInlined?: true;
  /** It is the trampoline between a signal handler, which is the frame before, and what the signal interrupted. */
  readonly isSignalHandler?: true;
  /** Arguments first. Missing: nothing is known of them. */
  readonly variables?: readonly Variable[];
}

/**
 * Why a stack has no further frame. `whole`: it ends where the thread began. `limit`: there are more than were read. `damaged`: what
 * should be a return address is none. `unreadable`: the memory is not known. `unknown`: nobody can tell.
 */
export type StackEnd = 'whole' | 'limit' | 'damaged' | 'unreadable' | 'unknown';

export interface Register {
  readonly name: string;
  /** `0x…` */
  readonly value: string;
  /** What lies there, for people: `stack of thread 2`, `main+26 in ./prog`, `not mapped`. */
  readonly pointsTo?: string;
}

/** What a thread waits for. */
export interface Wait {
  readonly kind: 'mutex' | 'rwlock' | 'condition' | 'thread' | 'semaphore' | 'futex';
  /** `0x…`; of a thread to be joined its lwp. */
  readonly address: string;
  /** The variable there, when the debugger knows it. */
  readonly name?: string;
  /** lwp of the thread that holds it, where the lock says so. */
  readonly owner?: number;
  /** There is no thread `owner` in the process, nobody else may release the lock, and it is not robust: it stays locked. */
  readonly isOwnerGone?: true;
  /** Of a wait to write: how many threads hold the lock for reading. It does not say which. */
  readonly readers?: number;
  /** The wait ends by itself, sooner or later; `unknown`: perhaps. Missing: it does not. */
  readonly timeout?: 'set' | 'unknown';
  /**
   * The C library has given up on the mutex and waits for what nobody sends: the thread holds it itself, its owner has ended, or to wait
   * would close a circle (pthread_mutex_lock(3p), EDEADLK). `address` is that of a word on the stack.
   */
  readonly isParked?: true;
  /** One sentence: how it is known. */
  readonly evidence?: string;
}

export interface StopThread {
  /** As the debugger numbers it, from 1. */
  readonly number: number;
  /** The kernel's thread id. */
  readonly lwp: number;
  readonly name?: string;
  /** It is why the process stands still. */
  readonly isCurrent?: true;
  /** `frames[0]` is the innermost. */
  readonly frames: readonly StopFrame[];
  readonly end: StackEnd;
  /** Frames left out after the first 200 of a deep stack; the outermost follow. */
  readonly omitted?: { readonly after: number; readonly count: number };
  readonly registers?: readonly Register[];
  readonly waits?: Wait;
  readonly activity?: ThreadActivity;
}

/** What the kernel had counted of a thread when it was sampled (proc(5)). */
export interface ThreadActivity {
  /**
   * `R`: it runs, or could; `S`: it sleeps; `D`: it waits for what cannot be interrupted; `T`: it is stopped by a signal; `t`: by a
   * tracer; `Z`: it has ended.
   */
  readonly state?: string;
  /** Of `D`: `fsync`, or the number of a system call whose name is not known. */
  readonly systemCall?: string;
  /** Of `D`: the function of the kernel in which it waits (proc_pid_wchan(5)). */
  readonly waitChannel?: string;
  /** ms of processor time since it began. */
  readonly cpuMs?: number;
  /** How often it gave the processor away to wait. Each sample adds two to a thread that sleeps. */
  readonly sleeps?: number;
}

/** Who sent a signal (sigaction(2), si_pid and si_uid). */
export interface SignalSender {
  readonly pid: number;
  readonly uid?: number;
  /** What it was, when it could be seen: `itself`, `the kernel`, a program's name. */
  readonly who?: string;
}

/** sigaction(2), siginfo_t. */
export interface StopSignal {
  readonly number: number;
  /** `SIGSEGV`. */
  readonly name: string;
  readonly code?: number;
  /** `SEGV_MAPERR`, `SI_TKILL`. */
  readonly codeName?: string;
  /** si_addr, for signals of a fault. */
  readonly address?: string;
  readonly sender?: SignalSender;
  /** Of SIGSYS: the call that a filter forbids. */
  readonly systemCall?: SystemCall;
}

/** sigaction(2), si_syscall and si_arch. */
export interface SystemCall {
  readonly number: number;
  /** AUDIT_ARCH_… of linux/audit.h, by which the number is to be read. */
  readonly architecture: number;
}

/** What the address is that a crashing instruction touched. `privileged`: it touched none, the processor refused the instruction. */
export type PointerKind =
  | 'null'
  | 'near null'
  | 'freed'
  | 'heap'
  | 'stack'
  | 'stack guard'
  | 'no access'
  | 'read-only'
  | 'not executable'
  | 'code'
  | 'data'
  | 'not mapped'
  | 'not canonical'
  | 'unaligned'
  | 'beyond the file'
  | 'privileged';

/** What the crashing instruction did to memory. */
export interface Fault {
  readonly operation?: 'read' | 'write' | 'jump';
  /** Bytes. */
  readonly size?: number;
  readonly address?: string;
  readonly pointer: PointerKind;
  /** A whole sentence: `rax is NULL: it wrote 4 bytes at 0x0.` */
  readonly text: string;
  /** How it is known, or what makes it doubtful. */
  readonly doubt?: string;
}

/** The exception of C++ that a thread had in its hands when std::terminate ended the process. */
export interface ThrownException {
  /** As the source has it: `std::runtime_error`; mangled where nobody could read it. */
  readonly type: string;
  /** Its message, or the text that was thrown: at most 2048 characters. Missing: it has none, or it cannot be read for certain. */
  readonly text?: string;
  /** It had been caught: std::terminate was called for another reason by the code that handled it. */
  readonly isHandled?: true;
}

export interface Instruction {
  /** `0x…` */
  readonly address: string;
  /** As the disassembler writes it. */
  readonly text: string;
}

/** The instruction at which a thread stands, with its neighbours. */
export interface Disassembly {
  readonly lines: readonly Instruction[];
  /** Index in `lines`. */
  readonly current: number;
  /** The bytes are those of the process, or those of the file that it was loaded from. */
  readonly from: 'memory' | 'file';
}

/** What is known of the file that a module was loaded from. */
export interface ModuleFile {
  /** Absolute. */
  readonly path: string;
  /** `unknown`: the process, or the file, has no build-id. */
  readonly matches: 'yes' | 'no' | 'unknown';
  /** The best it has. */
  readonly symbols: 'debug information' | 'symbol table' | 'exported symbols' | 'none';
}

/** A mapped object file. */
export interface Module {
  /** As the process had it. */
  readonly path: string;
  /** `0x…`; `end` is behind the last byte. */
  readonly start: string;
  readonly end: string;
  /** Hex; missing: not known. */
  readonly buildId?: string;
  /** Missing: no file was found. */
  readonly file?: ModuleFile;
}

/**
 * One after another: each thread waits for what the next one holds, and the last for what the first holds. Or one thread alone that waits
 * for what nobody will ever release. No wait among them has a timeout.
 */
export interface Deadlock {
  readonly cycle: readonly { readonly lwp: number; readonly waits: Wait }[];
}

/** A probe that was hit: a breakpoint of `--break` with what was asked of it. */
export interface ProbeHit {
  /** Which `--break`, from 1. */
  readonly probe: number;
  /** As the user wrote it. */
  readonly place: string;
  /** Which hit of this probe, from 1. */
  readonly hit: number;
  /** `--print`, in order; a value that cannot be read has `error`. */
  readonly values: readonly {
    readonly expression: string;
    readonly value?: string;
    readonly error?: string;
  }[];
  /** `--set`, in order. */
  readonly changes?: readonly {
    readonly expression: string;
    readonly value: string;
    readonly error?: string;
  }[];
}

/** A process at one moment. */
export interface Stop {
  /** From 1 in its log. */
  readonly number: number;
  /**
   * `signal`: a fatal one. `probe`: a breakpoint of the user's. `error`: the instrument reported one. `sample`: it was looked at.
   * `core`: a core file without a fatal signal.
   */
  readonly cause: 'signal' | 'probe' | 'error' | 'sample' | 'core';
  readonly pid: number;
  /** ms after the start of the run, or of the first sample. */
  readonly ms?: number;
  readonly signal?: StopSignal;
  readonly fault?: Fault;
  /** Of SIGABRT. Missing: there was none, or it is not known. */
  readonly exception?: ThrownException;
  readonly disassembly?: Disassembly;
  /** The one that stopped first. Of a probe: only that one, and with frames only when `--backtrace` asks for them. */
  readonly threads: readonly StopThread[];
  readonly modules?: readonly Module[];
  readonly deadlocks?: readonly Deadlock[];
  readonly probe?: ProbeHit;
  /** ms for which the process was held, as measured by who held it; 0: it could not be. */
  readonly pausedMs?: number;
  /** Name of the core file of this moment in the run directory, or its absolute path elsewhere. */
  readonly core?: string;
  /**
   * Of `error`: the instrument's sentence. Of `signal`: what else is known of it, in sentences. Of `sample`: why it, or a thread of it,
   * does nothing, where the stacks do not show that.
   */
  readonly what?: string;
}
