// What an instrument saw: frames, stacks, findings, before anything is merged or judged.

/** Whose code a frame is in. Decided by analyze/ownership. */
export type Owner = 'mine' | 'library' | 'system' | 'tool';

/** How bad a kind is by itself. Decided by analyze, never by a reporter. */
export type Severity = 'critical' | 'error' | 'warning' | 'info';

/**
 * One call frame. Every field can be missing: a stripped program has only `ip`.
 * Readers intern frames: equal frames are the same object, so they may be used as Map keys.
 */
export interface Frame {
  /** Instruction pointer as printed, e.g. `0x10916A`. Varies between runs: never part of an identity. */
  readonly ip?: string;
  /** Object file, e.g. `/usr/lib/x86_64-linux-gnu/libc.so.6`. */
  readonly object?: string;
  /** Function, demangled when the tool did so. */
  readonly function?: string;
  /** Source directory as in the debug information. */
  readonly directory?: string;
  /** Source file; may itself hold a relative path. */
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
  /** 1-based; only some compilers and tools tell it. Never part of an identity. */
  readonly column?: number;
  /**
   * Offset of the instruction in `object`, hex, as a symbolizer takes it (`prog+0x11d1`): unlike `ip` it is the same in every
   * run of one build. Missing for tools that load programs at fixed addresses.
   */
  readonly offset?: string;
}

/**
 * What a stack tells: the word a report puts before it.
 * `at` is always where the tool saw the error. Other texts of the tool appear as themselves.
 */
export type StackLabel =
  | 'at'
  | 'allocated at'
  | 'freed at'
  | 'created at'
  | 'previous access'
  | 'previous write'
  | 'previous read'
  | 'thread created at'
  | 'first observed at'
  | 'acquired at'
  | 'required order first'
  | 'required order then'
  | 'observed order first'
  | 'observed order then'
  | 'conflicting segment start'
  | 'conflicting segment end'
  | 'conflicting wait'
  | 'closed at'
  | 'opened at'
  | 'declared at'
  | 'stored at'
  | 'reallocated at'
  | 'related';

/** One call stack with its role. `frames[0]` is the innermost. */
export interface Stack {
  readonly label: StackLabel;
  /** The tool's own sentence for this stack, e.g. `Address 0x4a4004a is 0 bytes after a block of size 10 alloc'd`. */
  readonly text?: string;
  readonly frames: readonly Frame[];
}

/** A thread as the tool numbers it. */
export interface Thread {
  readonly id: number;
  readonly name?: string;
}

/** What a leak record says. All sizes in bytes. */
export interface Leak {
  /** Direct and indirect together. */
  readonly bytes: number;
  /** Direct only: what valgrind's LEAK SUMMARY adds up for this kind. */
  readonly directBytes: number;
  readonly indirectBytes: number;
  readonly blocks: number;
  /** Against the previous leak check of the process, when the tool printed `(+n)`. */
  readonly bytesDelta?: number;
  readonly blocksDelta?: number;
  /** `loss record i of n`. */
  readonly record?: readonly [number, number];
  /** Which leak check of the process this record is from, counted from 1. */
  readonly check: number;
}

/** The memory access that an error is about. */
export interface Access {
  readonly operation: 'read' | 'write' | 'jump' | 'free' | 'use';
  /** Bytes. */
  readonly size?: number;
  /** As printed, e.g. `0x4a4004a`. */
  readonly address?: string;
}

/** A file descriptor that an error is about (FdBadClose, FdNotClosed, FdBadUse). */
export interface Descriptor {
  readonly number: number;
  readonly path?: string;
}

/** Where in an artifact something stands, in bytes. */
export interface Span {
  readonly artifact: string;
  readonly offset: number;
  /** Missing in a text log, where lines of several processes mix: then to the next empty line of the same process. */
  readonly length?: number;
}

/** One error as an instrument reported it in one process image. */
export interface FindingRecord {
  readonly type: 'finding';
  readonly image: number;
  /** `memcheck`, `helgrind`, `drd`. */
  readonly tool: string;
  /** The tool's own word: `InvalidRead`, `Leak_DefinitelyLost`, `Race`. */
  readonly kind: string;
  /** The tool's id of this error context, e.g. `0x1f`; unique within one process, forked children go on counting. */
  readonly unique?: string;
  readonly thread?: Thread;
  /** The tool's sentence, trimmed. */
  readonly what: string;
  /** Further sentences of the tool that have no stack. */
  readonly details: readonly string[];
  readonly stacks: readonly Stack[];
  /** How often, when the record itself says so (text logs with `-v`); otherwise see CountsRecord. */
  readonly count?: number;
  readonly leak?: Leak;
  readonly access?: Access;
  readonly descriptor?: Descriptor;
  /** helgrind's thread numbers named in `what`. */
  readonly threads?: readonly number[];
  /** A suppression block the tool printed for this error (`--gen-suppressions=all`), verbatim. */
  readonly suppression?: string;
  /** Where the instrument wrote it, when the reader knows. */
  readonly span?: Span;
}
