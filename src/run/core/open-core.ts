// Owns the opening of a core file together with the files of its process: finds the program and the libraries, and checks that they
// are the ones that were running.
import type { Problem } from '../../model/problem.ts';
import type { Module } from '../../model/stop.ts';
import type { CoreFacts } from '../../tools/core/core-file.ts';
import type { ProcessImage } from '../../tools/core/process-image.ts';
import type { FunctionNames, FunctionRange } from '../../tools/core/symbols.ts';

export interface OpenCoreOptions {
  /** The program, as the user names it. */
  readonly exe?: string | undefined;
  /** Folder under which the paths of the core lie. */
  readonly sysroot?: string | undefined;
  /** Folders with files of the process, by base name or by build-id. */
  readonly search: readonly string[];
  /** debuginfod-find may ask servers. */
  readonly debuginfod: boolean;
}

/** The program of a core file. */
export interface CoreProgram {
  /** As the process had it; missing: the core does not tell. */
  readonly pathInCore?: string;
  /** The file that is used; missing: none was found, or the given one is another program. */
  readonly path?: string;
  readonly given?: string;
  /** Of `given` when there is one, else of `path`. */
  readonly matches: 'yes' | 'no' | 'unknown';
  /** Hex: of the process, and of the given file. */
  readonly buildId?: string;
  readonly givenBuildId?: string;
}

export interface OpenedCore {
  /** Absolute. */
  readonly path: string;
  readonly image: ProcessImage;
  readonly facts: CoreFacts;
  /** Beside `image.modules`, in the same order. */
  readonly modules: readonly Module[];
  readonly problems: readonly Problem[];
  readonly exe: CoreProgram;
  /** Names of functions of `image.modules[index]`; made when first asked for. */
  readonly functions: (index: number, range?: FunctionRange) => FunctionNames | undefined;
  /** Closes all files; nothing can be read afterwards. */
  readonly close: () => void;
}

/**
 * @throws UserError (125): the file cannot be read, or is no core file.
 */
export type OpenCore = (path: string, options: OpenCoreOptions) => Promise<OpenedCore>;
