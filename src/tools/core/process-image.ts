// What a stopped process is to the code that reads it: memory, threads and modules, wherever they come from (a core file of the
// kernel, gdb or valgrind, or a small one that vgrun made itself).
import type { StopSignal } from '../../model/stop.ts';

/** Bytes of a process. */
export interface ProcessMemory {
  /**
   * @returns the bytes from `address` on: fewer than `length` where what is known ends, none where nothing is known. Bytes of files
   * that a core leaves out are read from the file when its build-id is the same.
   */
  readonly read: (address: bigint, length: number) => Uint8Array;
}

/** Bytes of a file: fewer at its end. */
export type ReadFileAt = (offset: number, length: number) => Uint8Array;

/** `x86-64`: e_machine 62; `i386`: 3; `aarch64`: 183. Others are read as far as that goes without knowing registers. */
export type Machine = 'x86-64' | 'i386' | 'aarch64';

/** Registers by the names of gdb (`rip`, `rsp`, `rax`, …, `eflags`, `orig_rax`). */
export type Registers = ReadonlyMap<string, bigint>;

export interface ImageThread {
  readonly lwp: number;
  readonly name?: string;
  readonly registers: Registers;
  /** The signal that it got, when that is told. */
  readonly signal?: StopSignal;
}

/** A range of a process' addresses; `end` is behind the last byte. */
export interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  /** Bytes into the file; missing for memory without one. */
  readonly fileOffset?: number;
  readonly path?: string;
  /** Missing: not told. */
  readonly access?: { readonly read: boolean; readonly write: boolean; readonly execute: boolean };
}

/** A section of an object file, with what the loader does not load. */
export interface Section {
  /** Link-time address; 0 for what is not loaded. */
  readonly address: bigint;
  /** Decompressed when it was compressed. At most 256 MiB. */
  readonly bytes: Uint8Array;
}

/** A file with the code of a module: the very file, or its debug twin. Read lazily. */
export interface ObjectFile {
  /** Absolute. */
  readonly path: string;
  readonly buildId?: string;
  /** It has `.debug_info` or `.debug_line`. */
  readonly hasDebugInformation: boolean;
  /** PT_LOAD segments: where the file's bytes are at link time. */
  readonly segments: readonly {
    readonly address: bigint;
    readonly memorySize: bigint;
    readonly fileOffset: number;
    readonly fileSize: number;
    readonly isExecutable: boolean;
  }[];
  /** undefined: the file has none, or it is damaged. `.eh_frame`, `.eh_frame_hdr`, `.debug_frame`, `.symtab`, … */
  readonly section: (name: string) => Section | undefined;
  /** The bytes at a link-time address; none where the file has none. */
  readonly at: (address: bigint, length: number) => Uint8Array;
}

/** An object file that was mapped. */
export interface LoadedModule {
  /** As the process had it. */
  readonly path: string;
  readonly start: bigint;
  readonly end: bigint;
  /** Link-time address + bias = address in the process. */
  readonly bias: bigint;
  readonly buildId?: string;
  /** Missing: none was found that is the same. */
  readonly object?: ObjectFile;
  /** A file with the symbols and debug information that `object` was stripped of. */
  readonly debug?: ObjectFile;
}

/** A process that stands still. */
export interface ProcessImage {
  readonly machine: Machine;
  readonly pid: number;
  readonly memory: ProcessMemory;
  /** The one that got the signal first. */
  readonly threads: readonly ImageThread[];
  /** All mappings that are known, sorted by address. */
  readonly mappings: readonly Mapping[];
  /** Sorted by address. */
  readonly modules: readonly LoadedModule[];
  /** AT_ENTRY: the first instruction of the program, which nothing called. */
  readonly entry?: bigint;
}
