// Owns what is said of files that a core needs and that are not here: one sentence for the program, one for all libraries.
import { accessSync, constants, existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Problem } from '../../model/problem.ts';
import { kernelObjectName } from '../../tools/core/core-modules.ts';
import type { LoadedModule } from '../../tools/core/process-image.ts';
import type { CoreProgram, ModuleFiles } from './module-files.ts';
import type { ObjectStore, Places } from './object-files.ts';

/** Libraries that are named; of the others their number is told. */
const mostNamed = 4;
/** Characters of a path. */
const longestPath = 200;

/** A program that is where it was, and that the user may not read. */
export function problemsOfUnreadable(
  { path, pathInCore }: CoreProgram,
  sysroot: string | undefined,
): readonly Problem[] {
  if (path !== undefined || pathInCore?.startsWith('/') !== true || sysroot !== undefined) return [];
  try {
    accessSync(pathInCore, constants.R_OK);
    return [];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM') return [];
  }
  return [
    {
      code: 'unreadable-program',
      level: 'warning',
      message: `${pathInCore}, the program of the core, cannot be read: no permission, so its names are missing`,
      hint: 'run vgrun as a user who may read it, or name a copy: vgrun core CORE EXE',
    },
  ];
}

export interface FoundFiles {
  readonly modules: readonly LoadedModule[];
  /** In the same order. */
  readonly files: readonly ModuleFiles[];
  readonly program: LoadedModule | undefined;
  /** Servers were asked. */
  readonly debuginfod: boolean;
}

/** Neither the file nor its debug twin was found. */
export function problemsOfMissing(
  { modules, files, program, debuginfod }: FoundFiles,
  { sysroot = '/' }: Places,
  store: ObjectStore,
): readonly Problem[] {
  const missing = modules.filter(
    (_, index) => files[index]?.object === undefined && files[index]?.debug === undefined,
  );
  const isProgramMissing = program !== undefined && missing.some(({ start }) => start === program.start);
  const libraries = missing.filter((module) => canBeFound(module) && module.start !== program?.start);
  const ways = `${sysroot === '/' ? '--sysroot=DIR, ' : ''}--search=DIR${debuginfod ? '' : ', or --debuginfod'}`;
  const problems: Problem[] = [];
  if (isProgramMissing) {
    problems.push({
      code: 'missing-program',
      level: 'warning',
      message: `${whyMissing(program, join(sysroot, program.path), store)}; names and lines of it are missing`,
      hint: `give the very file that was running: vgrun core CORE PROGRAM, or ${ways}`,
    });
  }
  if (libraries.length > 0) {
    const named = libraries.slice(0, mostNamed).map(({ path, buildId }) => `${shown(path)}${idOf(buildId)}`);
    const others = libraries.length - named.length;
    const count = modules.filter((one) => canBeFound(one) && one.start !== program?.start).length;
    const [are, them] = libraries.length === 1 ? ['is', 'it'] : ['are', 'them'];
    problems.push({
      code: 'missing-libraries',
      level: 'warning',
      message: `${libraries.length} of ${count} libraries ${are} not here as the process had ${them}, so names and lines of ${them} are missing: ${named.join(', ')}${others > 0 ? ` and ${others} more` : ''}`,
      hint: `give a folder with ${them}: ${ways}`,
    });
  }
  return problems;
}

function whyMissing(program: LoadedModule, path: string, store: ObjectStore): string {
  const { buildId } = program;
  const name = shown(program.path);
  if (program.path.startsWith('/memfd:')) {
    return `the program, ${name}${idOf(buildId)}, was in memory only`;
  }
  if (program.path.endsWith(' (deleted)')) {
    return `the program, ${name}${idOf(buildId)}, was deleted or replaced while it ran`;
  }
  if (!program.path.startsWith('/') || !existsSync(path)) {
    return `the program, ${name}${idOf(buildId)}, is not here`;
  }
  const other = store.open(path);
  if (other === undefined) return `the program, ${name}${idOf(buildId)}, cannot be read`;
  const ids =
    buildId === undefined || other.elf.buildId === undefined
      ? 'its program headers, or the bytes behind them, are others'
      : `its build-id is ${other.elf.buildId}, that of the process ${buildId}`;
  return `${shown(path)} is another build than the program of the core: ${ids}`;
}

const idOf = (buildId: string | undefined): string => (buildId === undefined ? '' : ` (build-id ${buildId})`);

/** The kernel's object, and memory that never had a name in a folder, have no file. */
const canBeFound = ({ path }: LoadedModule): boolean =>
  path !== kernelObjectName && !/^\/(?:memfd:|dev\/|SYSV)/.test(path);

const shown = (path: string): string =>
  path.length <= longestPath ? path : `…/${basename(path).slice(-longestPath)}`;
