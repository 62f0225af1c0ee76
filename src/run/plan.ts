// Owns PLAN: from what the user wishes to a request that RUN can carry out. Looks at the machine and starts nothing
// but `valgrind --version`.
import { access, constants, readFile } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { openable } from '../model/byte-text.ts';
import type { Launch } from '../model/launch.ts';
import type { EnvironmentOptions } from '../model/run.ts';
import { sanitizers } from '../model/sanitizer.ts';
import { suppressionKinds } from '../tools/_shared/sanitizer-options.ts';
import { toolNamed, toolUnknown } from '../tools/index.ts';
import type { Tool } from '../tools/tool.ts';
import { version } from '../version.ts';
import { isSource } from './build/source-names.ts';
import { findProjectRoot } from './directory.ts';
import { mustHaveEvidence } from './evidence.ts';
import {
  findGdb,
  findHeaptrack,
  findPerf,
  findSymbolizer,
  findValgrind,
  type Instrument,
  mustHaveTool,
} from './instrument.ts';
import { inheritance } from './limits.ts';
import { mustTakeLibraries, preloadFor } from './preload.ts';
import { isSpecialFile, type Sink } from './relay.ts';
import type { RunRequest } from './run.ts';
import { obstacles } from './sanitizer-obstacles.ts';
import { inspectLibc, inspectTarget } from './target.ts';
import { pathIn } from './working-directory.ts';

/** What the user wishes. Times in ms. */
export interface Wish {
  readonly launch: Launch;
  /** A descriptor or socket of the user's that gets a copy of the log. */
  readonly sink?: Sink;
  /** Absolute. */
  readonly workingDirectory: string;
  /** The variables of this process, with bytes as in byte-text.ts; then words and paths have them so, too. Missing: Node's. */
  readonly inherits?: Readonly<Record<string, string | undefined>>;
  /** Variables for the instrument and the program besides those of this process; undefined takes one away. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly environmentOptions: readonly EnvironmentOptions[];
  /** Refuses options that the version found does not have, by throwing. */
  readonly checkVersion: (version: string) => void;
  /** Path of valgrind; missing: VGRUN_VALGRIND, then PATH. */
  readonly valgrind?: string;
  /** `--core`: the core file of each process that crashes is kept; `read`: `--on-crash=gdb`, the report shows what it holds. */
  readonly cores?: 'keep' | 'read';
  /** Missing: the nearest directory with `.git`. */
  readonly projectRoot?: string;
  readonly followInterpreter: boolean;
  readonly timeout: number;
  readonly killAfter: number;
  readonly wait: number;
  /** Whose `.vgrun/runs` gets the run; missing: the working directory. */
  readonly runsIn?: string;
  readonly keep: number;
}

/**
 * Looks at the program, the instrument and the limits, and settles how the run is captured.
 *
 * @param say one line for the user: a program is built before it is run.
 * @throws UserError: 126 or 127 for the program, 125 for the rest.
 */
export async function planRun(wanted: Wish, say: (line: string) => void = () => {}): Promise<RunRequest> {
  const wish = await withProgram(wanted, say);
  const { launch, workingDirectory, environmentOptions, followInterpreter, timeout, killAfter, wait, keep } =
    wish;
  const tool = toolNamed(launch.tool) ?? toolUnknown(launch.tool);
  tool.refuse?.(launch);
  const { inherits = process.env } = wish;
  const searchPath = inherits.PATH ?? '';
  const yieldsReports = tool.yields === 'reports';
  const [target, instrument, inherited, libc, projectRoot, captured, symbolizer] = await Promise.all([
    // valgrind looks for the program along the PATH that it is given.
    launch.attach === undefined
      ? inspectTarget(launch.program, pathFor(wish, searchPath), workingDirectory, tool)
      : { path: launch.program, problems: [] },
    findInstrument(tool, wish, searchPath),
    inheritance(wish.cores !== undefined),
    tool.launcher === 'valgrind' ? inspectLibc() : undefined,
    wish.projectRoot === undefined
      ? findProjectRoot(workingDirectory)
      : pathIn(workingDirectory, wish.projectRoot),
    settleCapture(wish),
    yieldsReports ? findSymbolizer(searchPath) : undefined,
  ]);
  if (instrument.preload !== undefined) await mustTakeLibraries(target.path);
  const preload =
    instrument.preload ?? (await preloadFor(tool, target.path, { ...inherits, ...wish.environment }));
  wish.checkVersion(instrument.version);
  if (launch.attach === undefined) await mustHaveEvidence(tool, launch.program, target.path);
  await mustReadSuppressions(tool, launch.toolOptions, workingDirectory);
  return {
    tool,
    ...captured,
    target,
    instrument,
    ...(preload !== undefined && { preload }),
    inheritance: inherited,
    environmentOptions,
    ...(wish.inherits !== undefined && { inherits: wish.inherits }),
    workingDirectory,
    runsIn: pathIn(workingDirectory, wish.runsIn ?? '.'),
    ...(wish.environment === undefined ? {} : { environment: wish.environment }),
    projectRoot,
    ...(wish.cores === undefined ? {} : { cores: wish.cores }),
    followInterpreter,
    timeout,
    killAfter,
    wait,
    keep,
    version,
    ...(symbolizer === undefined ? {} : { symbolizer }),
    problems: [...(libc === undefined ? [] : [libc]), ...obstacles(tool.name)],
  };
}

/** @throws UserError (125) when it is not installed. */
export async function findInstrument(
  tool: Tool,
  wish: Pick<Wish, 'valgrind'>,
  searchPath: string,
): Promise<Instrument> {
  if (tool.launcher === 'perf') return findPerf(searchPath);
  if (tool.launcher === 'heaptrack') return findHeaptrack(searchPath);
  if (tool.launcher === 'gdb') return findGdb(searchPath);
  // The program starts by itself; what reads its data is looked for when there is some.
  if (tool.launcher === 'none') return { path: '', version: '' };
  const valgrind = await findValgrind(wish.valgrind ?? process.env.VGRUN_VALGRIND, searchPath);
  if (toolNamed(tool.name) === undefined) await mustHaveTool(valgrind, tool.name);
  return valgrind;
}

function pathFor({ environment }: Wish, usual: string): string {
  return environment !== undefined && Object.hasOwn(environment, 'PATH') ? (environment.PATH ?? '') : usual;
}

/** A source is built first, where the tool needs a build of its own: then what is built is the program. */
async function withProgram(wish: Wish, say: (line: string) => void): Promise<Wish> {
  const { launch, workingDirectory, environment } = wish;
  const facts = sanitizers.find(({ tool }) => tool === launch.tool);
  if (facts === undefined || launch.attach !== undefined) return wish;
  if (!isSource(launch.program)) return wish;
  // One that is not there is told as any program that is not.
  const isThere = await access(pathIn(workingDirectory, launch.program), constants.R_OK).then(
    () => true,
    () => false,
  );
  if (!isThere) return wish;
  const { compileSource } = await import('./build/compile.ts');
  const program = await compileSource([launch.program], [facts.sanitizer], {
    workingDirectory,
    environment: { ...process.env, ...environment },
    say,
  });
  return { ...wish, launch: { ...launch, program } };
}

/** An instrument ends when it cannot read one, and that would pass for the program's end. */
async function mustReadSuppressions(
  tool: Tool,
  options: readonly string[],
  workingDirectory: string,
): Promise<void> {
  const kinds = suppressionKinds(tool.name);
  const files = options.filter((option) => option.startsWith('--suppressions='));
  if (kinds !== undefined && files.length > 1) {
    throw new UserError(
      `${tool.name} takes one file of suppressions, not ${files.length}`,
      'join them into one file',
    );
  }
  for (const option of options) {
    const file = /^--suppressions=(.+)$/s.exec(option)?.[1];
    if (file === undefined) continue;
    await access(openable(pathIn(workingDirectory, file)), constants.R_OK).catch((error: Error) => {
      throw new UserError(
        `the suppressions ${file} cannot be read: ${error.message}`,
        'name a file that is there',
      );
    });
    if (kinds !== undefined) await mustBeSuppressions(file, pathIn(workingDirectory, file), tool.name, kinds);
  }
}

/** The runtimes end a program at its start when they do not know a word of its suppressions. */
async function mustBeSuppressions(
  name: string,
  path: string,
  tool: string,
  kinds: readonly string[],
): Promise<void> {
  const text = await readFile(openable(path), 'latin1');
  for (const [index, line] of text.split('\n').entries()) {
    const entry = line.trim();
    if (entry === '' || entry.startsWith('#')) continue;
    // `leak:libfoo.so`, `race:^Counter::`
    if (kinds.includes(/^([\w-]+):./.exec(entry)?.[1] ?? '')) continue;
    throw new UserError(
      `${name} has no suppressions for ${tool}: line ${index + 1} is not KIND:PATTERN with a kind that it knows`,
      `kinds: ${kinds.slice(0, 6).join(', ')}${kinds.length > 6 ? ', …' : ''}`,
    );
  }
}

/**
 * A log that users want for themselves must be what valgrind alone would write. As a file valgrind writes it, and
 * vgrun reads along; into a descriptor, a socket or a device vgrun passes on what it captures.
 */
async function settleCapture({
  launch,
  sink,
  workingDirectory,
}: Wish): Promise<{ launch: Launch; sink?: Sink }> {
  if (sink !== undefined) return { launch, sink };
  const { xmlFile, logFile, ...rest } = launch;
  const own = launch.capture === 'text' ? logFile : xmlFile;
  if (own === undefined || !(await isSpecialFile(pathIn(workingDirectory, own)))) return { launch };
  const kept = launch.capture === 'text' || logFile === undefined ? rest : { ...rest, logFile };
  return { launch: { ...kept, relayed: true }, sink: { path: pathIn(workingDirectory, own) } };
}
