// Owns the opening of a core file together with the files of its process: finds the program and the libraries, and checks that they
// are the ones that were running.
import { basename, dirname, resolve } from 'node:path';
import type { Problem } from '../../model/problem.ts';
import type { Module } from '../../model/stop.ts';
import { type CoreFacts, type CoreFile, readCoreFile } from '../../tools/core/core-file.ts';
import type { ElfFile } from '../../tools/core/elf-file.ts';
import { type FiledModule, imageMemoryOf } from '../../tools/core/image-memory.ts';
import type { LoadedModule, ProcessImage } from '../../tools/core/process-image.ts';
import { rangeAt } from '../../tools/core/ranges.ts';
import { type FunctionNames, readFunctionNames } from '../../tools/core/symbols.ts';
import { processInName } from '../../tools/core/valgrind-core-name.ts';
import { findDebuginfod } from './debuginfod.ts';
import { openFile } from './file-reader.ts';
import { type CoreProgram, findFiles, type ModuleFiles, openGiven } from './module-files.ts';
import {
  hasExportedSymbols,
  hasSymbolTable,
  type ObjectStore,
  openObjectStore,
  type Places,
} from './object-files.ts';

export interface OpenCoreOptions {
  /** The program, as the user names it. */
  readonly exe?: string | undefined;
  /** Absolute paths of files that may be the program: the one with the right build-id is taken. */
  readonly programs?: readonly string[];
  /** Absolute paths of folders in which the process may have stood when it was started. */
  readonly folders?: readonly string[];
  /** Of the process, where it is known from elsewhere: cores of valgrind do not tell it. */
  readonly pid?: number;
  /** Folder under which the paths of the core lie. */
  readonly sysroot?: string | undefined;
  /** Folders with files of the process, by base name or by build-id. */
  readonly search: readonly string[];
  /** debuginfod-find may ask servers. */
  readonly debuginfod: boolean;
  /** Files that are open already, for several cores of one process: their tables are read once. Whoever opened it closes it. */
  readonly store?: ObjectStore;
}

export interface OpenedCore {
  /** Absolute. */
  readonly path: string;
  readonly image: ProcessImage;
  readonly facts: CoreFacts;
  /** Beside `image.modules`, in the same order. */
  readonly modules: readonly Module[];
  readonly problems: readonly Problem[];
  /** Files that are not here: to be said where the user asked for this core. */
  readonly missing: readonly Problem[];
  readonly exe: CoreProgram;
  /** Names of functions of `image.modules[index]`; made when first asked for. */
  readonly functions: (index: number) => FunctionNames | undefined;
  /** Closes all files; nothing can be read afterwards. */
  readonly close: () => void;
}

/**
 * Opens a core and the files of its process.
 *
 * @throws UserError (125): the core or the given program cannot be read, or is none.
 */
export async function openCore(path: string, options: OpenCoreOptions): Promise<OpenedCore> {
  const absolute = resolve(path);
  const reader = openFile(absolute);
  const places: Places = {
    sysroot: options.sysroot === undefined ? undefined : resolve(options.sysroot),
    coreFolder: dirname(absolute),
    search: options.search.map((folder) => resolve(folder)),
    folders: options.folders ?? [],
  };
  const store = options.store ?? openObjectStore([places.coreFolder, ...places.search]);
  const close = (): void => {
    reader.close();
    if (options.store === undefined) store.close();
  };
  try {
    const core = readCoreFile(path, reader.size, reader.readAt);
    const given = options.exe === undefined ? undefined : openGiven(resolve(options.exe), store);
    const debuginfod = options.debuginfod ? await findDebuginfod() : undefined;
    const { files, exe, problems, missing } = await findFiles(core, {
      given,
      programs: options.programs ?? [],
      places,
      store,
      debuginfod,
    });
    const pid =
      options.pid ??
      (core.facts.writer === 'valgrind' ? processInName(basename(absolute)) : undefined) ??
      core.facts.pid;
    const image: ProcessImage = { ...imageOf(core, files), pid };
    return {
      path: absolute,
      image,
      facts: { ...core.facts, pid },
      modules: image.modules.map((module, index) => moduleOf(module, files[index])),
      problems: [
        ...core.problems,
        ...problems,
        ...agesOf(files, reader.modifiedMs),
        ...(options.debuginfod && debuginfod === undefined ? [noDebuginfod] : []),
      ],
      missing,
      exe,
      functions: functionsOf(image, files),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

const noDebuginfod: Problem = {
  code: 'no-debuginfod',
  level: 'warning',
  message: 'no debuginfod server was asked: debuginfod-find is not installed, or DEBUGINFOD_URLS names none',
  hint: 'install debuginfod (Debian, Ubuntu), elfutils-debuginfod-client (Fedora), and set DEBUGINFOD_URLS',
};

/** A file of which only the outline is known to be right, and that is younger than the core, may be another build. */
function agesOf(files: readonly ModuleFiles[], coreMs: number): readonly Problem[] {
  return files.flatMap(({ object, match }) =>
    object === undefined || match !== 'unknown' || object.reader.modifiedMs <= coreMs
      ? []
      : [
          {
            code: 'newer-object',
            level: 'warning' as const,
            message: `${object.elf.path} was changed after the core was written and has no build-id to compare: if it was built anew, its names and lines are wrong`,
          },
        ],
  );
}

function imageOf(core: CoreFile, files: readonly ModuleFiles[]): ProcessImage {
  const modules: readonly LoadedModule[] = core.image.modules.map((module, index) => {
    const { object, mapped, debug, path = module.path } = files[index] ?? {};
    const file = object?.elf ?? mapped;
    return {
      ...module,
      path,
      ...(core.headers.has(module.start) || file === undefined ? {} : placementOf(core, module, file)),
      ...(file !== undefined && { object: file }),
      ...(debug !== undefined && { debug: debug.elf }),
    };
  });
  const filed: readonly FiledModule[] = modules.flatMap(({ start, end, bias }, index) => {
    const file = files[index]?.object?.elf;
    return file === undefined ? [] : [{ start, end, bias, file }];
  });
  return { ...core.image, modules, memory: imageMemoryOf(core.image.memory, filed) };
}

/** Where the first page is not in the core the file tells the bias: a program may be linked to a fixed address. */
function placementOf(core: CoreFile, module: LoadedModule, file: ElfFile): Partial<LoadedModule> {
  const offset = rangeAt(core.image.mappings, module.start)?.fileOffset ?? 0;
  const segment = file.segments.find(
    ({ fileOffset, fileSize }) => fileOffset + fileSize > offset && fileOffset - offset < 65536,
  );
  if (segment === undefined) return {};
  return { bias: module.start - (segment.address - BigInt(segment.fileOffset - offset)) };
}

function moduleOf(module: LoadedModule, files: ModuleFiles = {}): Module {
  const { object, match = 'unknown', debug, mapped } = files;
  const known = [object?.elf, debug?.elf].filter((file) => file !== undefined);
  const file = object?.elf ?? debug?.elf;
  const symbols = known.some((one) => one.hasDebugInformation)
    ? 'debug information'
    : known.some(hasSymbolTable)
      ? 'symbol table'
      : known.some(hasExportedSymbols)
        ? 'exported symbols'
        : 'none';
  const buildId = module.buildId ?? mapped?.buildId;
  const twinMatch = buildId !== undefined && debug?.elf.buildId === buildId ? 'yes' : 'unknown';
  return {
    path: module.path,
    start: `0x${module.start.toString(16)}`,
    end: `0x${module.end.toString(16)}`,
    ...(buildId !== undefined && { buildId }),
    ...(file !== undefined && {
      file: { path: file.path, matches: object === undefined ? twinMatch : match, symbols },
    }),
  };
}

function functionsOf(
  image: ProcessImage,
  files: readonly ModuleFiles[],
): (index: number) => FunctionNames | undefined {
  const known = new Map<number, FunctionNames | undefined>();
  return (index) => {
    if (known.has(index)) return known.get(index);
    const { object, mapped, debug } = files[index] ?? {};
    const file = object?.elf ?? debug?.elf ?? mapped;
    const names =
      file === undefined || image.modules[index] === undefined ? undefined : namesOf(file, debug?.elf);
    known.set(index, names);
    return names;
  };
}

/** As long as a file is open. */
const knownNames = new WeakMap<
  ElfFile,
  { readonly debug?: ElfFile | undefined; readonly names: FunctionNames }
>();

function namesOf(file: ElfFile, debug: ElfFile | undefined): FunctionNames {
  const known = knownNames.get(file);
  if (known !== undefined && known.debug === debug) return known.names;
  const names = readFunctionNames(file, debug);
  knownNames.set(file, { debug, names });
  return names;
}
