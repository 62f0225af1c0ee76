// The library: the five steps for programs. `import { run, parse, analyze, render } from 'vgrun'`.
import { resolve } from 'node:path';
import { readWish } from './commands/wish.ts';
import { UserError } from './errors.ts';
import { planRun } from './run/plan.ts';
import { type RunEvents, type RunResult, runTarget } from './run/run.ts';

export type { Known } from './analyze/baseline.ts';
export type { GateRules } from './analyze/gate.ts';
export type { OwnershipRules } from './analyze/ownership-rules.ts';
export { type GrowthRule, readGrowth } from './analyze/profile/growth.ts';
export { ExitStatus, UserError } from './errors.ts';
export type * from './model/finding.ts';
export type * from './model/problem.ts';
export type * from './model/record.ts';
export type * from './model/report.ts';
export type * from './model/run.ts';
export { type AnalyzeWishes, analyze, type Parsed, parse, readKnown, render } from './pipeline.ts';
export type { RenderOptions } from './report/index.ts';
export type { Config } from './run/config-schema.ts';
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
