// Owns the names of functions in an object file: from its symbol tables, those of its debug twin, and the ranges that call frame
// information leaves to a stripped one.
import type { NameSource } from '../../model/stop.ts';
import type { ObjectFile } from './process-image.ts';

/** A function at a link-time address. */
export interface FoundFunction {
  /** As the linker knows it: mangled. Missing: only its range is known. */
  readonly name?: string;
  readonly start: bigint;
  /** Bytes from `start` to the address. */
  readonly offset: number;
  /** Bytes; missing: not known. */
  readonly size?: number;
  readonly source: NameSource;
  /** The address lies within the function's size. false: the name is only the nearest before it, and may be another function's. */
  readonly isInside: boolean;
}

/** The range of a function by call frame information, at link time; `end` is behind the last byte. */
export type FunctionRange = (
  object: ObjectFile,
  address: bigint,
) => { readonly start: bigint; readonly end: bigint } | undefined;

/** Names of functions by link-time address. */
export interface FunctionNames {
  readonly at: (address: bigint) => FoundFunction | undefined;
  /** Link-time address of a function or variable; undefined: no table has it. */
  readonly addressOf: (name: string) => bigint | undefined;
}
