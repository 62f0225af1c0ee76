// Owns the reading of a core file: of the Linux kernel, of gdb's gcore, of valgrind, or one that vgrun made itself (core(5), elf(5)).
import type { Problem } from '../../model/problem.ts';
import type { StopSignal } from '../../model/stop.ts';
import type { Machine, ProcessImage, ReadFileAt } from './process-image.ts';

/** What a core file tells besides the image. */
export interface CoreFacts {
  readonly machine: Machine;
  readonly pid: number;
  readonly ppid?: number;
  readonly uid?: number;
  /** NT_PRPSINFO: name of the process, at most 15 bytes. */
  readonly name?: string;
  /** NT_PRPSINFO: words with spaces between them, at most 79 bytes. */
  readonly commandLine?: string;
  /** AT_EXECFN: as it was given to execve(2). */
  readonly startedAs?: string;
  /** Of the first thread; missing: there was none, as when gcore looked at a process that lives on. */
  readonly signal?: StopSignal;
  /** The signal is one that ends a process and leaves a core (signal(7)). */
  readonly isCrash: boolean;
  /** By number, AT_PHDR 3 … (getauxval(3)). Empty: not told. */
  readonly auxiliary: ReadonlyMap<number, bigint>;
  /** Who wrote it, as far as its form tells. */
  readonly writer: 'kernel' | 'gdb' | 'valgrind' | 'unknown';
  /** Nothing of what its headers promise is missing. */
  readonly isWhole: boolean;
  /** Bytes that the headers promise beyond the end of the file. */
  readonly missingBytes: number;
}

export interface CoreFile {
  /** Modules without object files; memory is only what the core has. */
  readonly image: ProcessImage;
  readonly facts: CoreFacts;
  readonly problems: readonly Problem[];
}

/** Signature of the reader. @throws UserError (125): it is not a core file, or one of a machine that is not known. */
export type ReadCoreFile = (path: string, size: number, readAt: ReadFileAt) => CoreFile;
