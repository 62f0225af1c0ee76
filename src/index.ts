// The library: the five steps for programs. `import { run, parse, analyze, render } from 'vgrun'`.
import { resolve } from 'node:path';
import { readReplayWish } from './commands/cgi-wish.ts';
import { readWish } from './commands/wish.ts';
import { UserError } from './errors.ts';
import { planRun } from './run/plan.ts';
import type { ReplayEvents } from './run/replay/plan.ts';
import { type RunEvents, type RunResult, runTarget } from './run/run.ts';
import { ownDefaults } from './tools/_shared/own-options.ts';

export type { Known } from './analyze/baseline.ts';
export type { GateRules } from './analyze/gate.ts';
export type { OwnershipRules } from './analyze/ownership-rules.ts';
export { type GrowthRule, readGrowth } from './analyze/profile/growth.ts';
export { ExitStatus, UserError } from './errors.ts';
export type * from './model/finding.ts';
export type * from './model/problem.ts';
export type * from './model/record.ts';
export type * from './model/report.ts';
export type * from './model/request.ts';
export type * from './model/run.ts';
export type * from './model/stop.ts';
export { type AnalyzeWishes, analyze, type Parsed, parse, readKnown, render } from './pipeline.ts';
export type { RenderOptions } from './report/index.ts';
export type { Config } from './run/config-schema.ts';
export type { ReplayEvents } from './run/replay/plan.ts';
export type { RunEvents, RunResult } from './run/run.ts';

/** Where and how to run; everything has a default. */
export interface RunOptions extends RunEvents {
  /** Working directory of the program; default: the current one. The run is kept under it. */
  readonly workingDirectory?: string;
  /**
   * A config to read: its file, or true for the one that the command line would find. Default: none, so that nothing
   * on the disk changes what a program asks for; `--config=FILE` among the words is heeded all the same.
   */
  readonly config?: boolean | string;
}

/**
 * Runs a program under an instrument, with this process's own stdin, stdout and stderr.
 *
 * @param words what would stand after `vgrun` on a command line: `['--leak-check=full', './test', 'argument']`.
 * @returns the run directory and its manifest; give the directory to `parse`.
 * @throws UserError for words that mean nothing (125), a program that is not found (127) or not executable (126), a
 *   missing valgrind (125).
 *
 * @example
 * const { directory } = await run(['--leak-check=full', './test']);
 * const report = await analyze(await parse(directory));
 * for await (const piece of render(report, 'pretty')) process.stdout.write(piece);
 */
export async function run(words: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { config = false } = options;
  const { wish } = await readWish(
    words,
    resolve(options.workingDirectory ?? '.'),
    config === true ? undefined : config,
  );
  if (wish === undefined) throw new UserError('--help and --version run nothing', 'leave them out');
  return runTarget(await planRun(wish), options);
}

/** Where and how to replay; everything has a default. */
export interface ReplayOptions
  extends Pick<RunOptions, 'workingDirectory' | 'config' | 'say' | 'progress'>,
    Pick<ReplayEvents, 'onAnswer'> {
  /** The first program runs now. */
  readonly onStart?: () => void;
}

/**
 * Replays captured requests against a CGI, FastCGI or SCGI program under an instrument.
 *
 * @param words what would stand after `vgrun cgi` on a command line: `['./app.cgi', 'session.har', '--repeat=10']`.
 * @returns the run directory and its manifest, in which `replay` tells of the requests; give the directory to `parse`.
 * @throws UserError as `run` does, and for captures that cannot be read.
 */
export async function replay(words: readonly string[], options: ReplayOptions = {}): Promise<RunResult> {
  const { config = false, workingDirectory = '.', say = () => {}, progress = false, ...events } = options;
  const { wished, plan } = await readReplayWish(
    words,
    resolve(workingDirectory),
    config === true ? undefined : config,
  );
  const request = await planRun(wished.wish, say);
  const { runReplay } = await import('./run/replay/index.ts');
  return runReplay(await plan(request, say), { ...events, say, progress });
}

/** How a core is read; everything has a default. */
export interface CoreOptions {
  /** Where the run directory is made; default: the current one. */
  readonly workingDirectory?: string;
  /** The program that crashed; default: it is looked for where the core says, and checked by its build-id. */
  readonly program?: string;
  /** Folder under which the paths of the core lie. */
  readonly sysroot?: string;
  /** Folders with programs, libraries or their debug files. */
  readonly search?: readonly string[];
  /** debuginfod-find may ask servers; default: false. */
  readonly debuginfod?: boolean;
  /** Arguments and locals are read, by gdb; default: true. */
  readonly locals?: boolean;
  /** How many runs to keep; default: 20. */
  readonly keep?: number;
}

/**
 * Reads a core file, as `vgrun core` does.
 *
 * @returns absolute path of the run directory; give it to `parse`.
 * @throws UserError (125) when it is no core file, or cannot be read.
 *
 * @example
 * const report = await analyze(await parse(await readCore('core.1234')));
 */
export async function readCore(path: string, options: CoreOptions = {}): Promise<string> {
  const {
    workingDirectory = '.',
    search = [],
    debuginfod = false,
    locals = true,
    keep = ownDefaults.keep,
  } = options;
  const { readCore: read } = await import('./run/core/read-core.ts');
  return read(path, {
    ...options,
    workingDirectory: resolve(workingDirectory),
    search,
    debuginfod,
    locals,
    keep,
  });
}
