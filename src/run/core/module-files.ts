// Owns the choice of files for the modules of a core: the program that the user gives, what is found, what is fetched, and what is said
// when the given one is another.
import { UserError } from '../../errors.ts';
import type { Problem } from '../../model/problem.ts';
import type { CoreFile } from '../../tools/core/core-file.ts';
import { kernelObjectName } from '../../tools/core/core-modules.ts';
import type { ElfFile } from '../../tools/core/elf-file.ts';
import { SegmentType } from '../../tools/core/elf-layout.ts';
import { readMappedObject, readWholeMappedObject } from '../../tools/core/mapped-object.ts';
import type { LoadedModule } from '../../tools/core/process-image.ts';
import { indexUpTo } from '../../tools/core/ranges.ts';
import type { Debuginfod } from './debuginfod.ts';
import { openFile } from './file-reader.ts';
import { problemsOfMissing, problemsOfUnreadable } from './missing-files.ts';
import {
  elfHeaderSize,
  findDebugTwin,
  findObject,
  hasCode,
  type MappedModule,
  type Match,
  matchOf,
  type ObjectStore,
  type OpenObject,
  type Places,
  startPaths,
} from './object-files.ts';

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

/** The files of one module. */
export interface ModuleFiles {
  readonly object?: OpenObject;
  readonly match?: Match;
  /** Absolute: where the process had it, when that is known better than from the core. */
  readonly path?: string;
  readonly debug?: OpenObject;
  /** Read from the memory of the process, where there is no file. */
  readonly mapped?: ElfFile;
}

export function openGiven(path: string, store: ObjectStore): OpenObject {
  // Once for the sentence that tells why it cannot be read.
  openFile(path).close();
  const object = store.open(path);
  if (object !== undefined) return object;
  throw new UserError(
    `${path} is not a program that a core file could come from`,
    'name the ELF file that was running, or leave it out',
  );
}

export interface FileSearch {
  readonly given: OpenObject | undefined;
  /** Absolute paths of files that may be the program. */
  readonly programs: readonly string[];
  readonly places: Places;
  readonly store: ObjectStore;
  readonly debuginfod: Debuginfod | undefined;
}

export async function findFiles(
  core: CoreFile,
  search: FileSearch,
): Promise<{
  readonly files: readonly ModuleFiles[];
  readonly exe: CoreProgram;
  readonly problems: readonly Problem[];
  /** What is said to who asked for the core, where files are missing. */
  readonly missing: readonly Problem[];
}> {
  const { given } = search;
  const { modules, mappings } = core.image;
  const mapped: readonly MappedModule[] = modules.map((module) => ({
    module,
    header: core.headers.get(module.start),
    ...firstBytesOf(core, module),
    mappings: mappings
      .slice(indexUpTo(mappings, module.start), indexUpTo(mappings, module.end - 1n) + 1)
      .filter(({ path }) => path === module.path),
  }));
  const program = mapped.find(({ module }) => module.start === core.program?.start);
  const match = given === undefined || program === undefined ? 'unknown' : matchOf(program, given);
  const files = await Promise.all(
    mapped.map((one) => {
      const isProgram = one === program;
      return filesOf(one, core, search, {
        given: isProgram && match !== 'no' ? given : undefined,
        likely: isProgram ? search.programs : [],
      });
    }),
  );
  const used = program === undefined ? undefined : files[mapped.indexOf(program)];
  const usedPath = used?.object?.elf.path ?? used?.debug?.elf.path;
  const exe: CoreProgram = {
    ...(program !== undefined && { pathInCore: used?.path ?? program.module.path }),
    ...(usedPath !== undefined && { path: usedPath }),
    ...(given !== undefined && { given: given.elf.path }),
    matches: given !== undefined ? match : (used?.match ?? 'unknown'),
    ...(program?.module.buildId !== undefined && { buildId: program.module.buildId }),
    ...(given?.elf.buildId !== undefined && { givenBuildId: given.elf.buildId }),
  };
  const problems =
    given === undefined
      ? problemsOfUnreadable(exe, search.places.sysroot)
      : problemsOfGiven(exe, program !== undefined);
  const missing = problemsOfMissing(
    { modules, files, program: core.program, debuginfod: search.debuginfod !== undefined },
    search.places,
    search.store,
  );
  return {
    files,
    exe,
    problems,
    missing: problems.length === 0 ? missing : missing.filter(({ code }) => code !== 'missing-program'),
  };
}

/** Only needed where there is no build-id. Of the first page: of the code that follows a core seldom has more. */
function firstBytesOf(core: CoreFile, module: LoadedModule): Pick<MappedModule, 'firstBytes'> {
  const first = core.headers
    .get(module.start)
    ?.segments.find(
      ({ type, fileOffset, fileSize }) => type === SegmentType.load && fileOffset === 0 && fileSize > 0,
    );
  if (module.buildId !== undefined || first === undefined || first.flags.write) return {};
  const size = Math.min(firstPage, first.fileSize) - elfHeaderSize;
  if (size <= 0) return {};
  const bytes = core.image.memory.read(module.start + BigInt(elfHeaderSize), size);
  return bytes.length === 0 ? {} : { firstBytes: bytes };
}

const firstPage = 4096;

async function filesOf(
  mapped: MappedModule,
  core: CoreFile,
  { places, store, debuginfod }: FileSearch,
  { given, likely }: { readonly given: OpenObject | undefined; readonly likely: readonly string[] },
): Promise<ModuleFiles> {
  const { module, header } = mapped;
  if (module.path === kernelObjectName) {
    const object = readWholeMappedObject(module.path, core.image.memory, module.start);
    return object === undefined ? {} : { mapped: object };
  }
  const fetched = async (kind: 'executable' | 'debuginfo'): Promise<OpenObject | undefined> => {
    const path = module.buildId === undefined ? undefined : await debuginfod?.fetch(kind, module.buildId);
    const object = path === undefined ? undefined : store.open(path);
    return object?.elf.buildId === module.buildId ? object : undefined;
  };
  const ownGiven = given !== undefined && hasCode(given.elf) ? given : undefined;
  const found =
    ownGiven !== undefined
      ? { object: ownGiven, match: matchOf(mapped, ownGiven) }
      : findObject(mapped, places, store, likely);
  const object = found?.object ?? (await fetched('executable'));
  const match = found?.match ?? (object === undefined ? undefined : 'yes');
  // Who names a debug twin as the program means that.
  let debug = given !== undefined && ownGiven === undefined ? given : undefined;
  if (debug === undefined && object?.elf.hasDebugInformation !== true) {
    debug = findDebugTwin(mapped, object, places, store) ?? (await fetched('debuginfo'));
  }
  const isOriginal =
    core.modulesFrom !== 'files' &&
    match === 'yes' &&
    [...likely, ...startPaths(module, places)].includes(object?.elf.path ?? '');
  const memoryObject =
    object === undefined && header !== undefined
      ? readMappedObject(`${module.path} in memory`, core.image.memory, header)
      : undefined;
  return {
    ...(object !== undefined && { object }),
    ...(match !== undefined && { match }),
    ...(object !== undefined && isOriginal && { path: object.elf.path }),
    ...(debug !== undefined && { debug }),
    ...(memoryObject !== undefined && { mapped: memoryObject }),
  };
}

function problemsOfGiven(exe: CoreProgram, isProgramKnown: boolean): readonly Problem[] {
  const { given = '', matches, buildId, givenBuildId, path, pathInCore = 'a program' } = exe;
  if (!isProgramKnown) {
    return [
      {
        code: 'unknown-program',
        level: 'incomplete',
        message: `${given} is not used: the core does not tell where its program was`,
      },
    ];
  }
  if (matches !== 'no') return [];
  const ids =
    buildId === undefined || givenBuildId === undefined
      ? 'its program headers, or the bytes behind them, are others'
      : `its build-id is ${givenBuildId}, that of the process ${buildId}`;
  return [
    {
      code: 'other-program',
      level: 'incomplete',
      message: `${given} is not the program that the core is of, which was ${pathInCore}: ${ids}`,
      hint:
        path === undefined
          ? 'it is not used; name the very file that was running, or a folder with it: --search=DIR'
          : `it is not used; ${path} was found instead`,
    },
  ];
}
