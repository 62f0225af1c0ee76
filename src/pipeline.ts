// The five steps in order: PLAN → RUN → (run directory) → PARSE → ANALYZE → REPORT. Read this file first.
import { dirname, join, resolve } from 'node:path';
import { analyze as analyzeRecords } from './analyze/index.ts';
import type { ParsedRecord } from './model/record.ts';
import type { Report } from './model/report.ts';
import type { RunManifest } from './model/run.ts';
import { findProjectRoot, runsFolder } from './run/directory.ts';
import { findSources, readSources } from './run/read.ts';
import { withExcerpts } from './run/source.ts';
import { version } from './version.ts';

export { render } from './report/index.ts';
export { planRun } from './run/plan.ts';
export { runTarget } from './run/run.ts';

/** What PARSE hands to ANALYZE: a stream of records, and what the run directory knows besides. */
export interface Parsed {
  readonly records: AsyncIterable<ParsedRecord>;
  /** Missing when the logs did not come from a run directory. */
  readonly manifest?: RunManifest;
  /** Absolute path of the run directory. */
  readonly directory?: string;
}

/**
 * PARSE: reads a run directory, or logs from elsewhere. Nothing is read before the records are iterated; memory does
 * not grow with the logs.
 *
 * @param paths run directories or log files.
 * @throws UserError (125) when a path does not exist or is no run. What stands in the logs never throws.
 */
export async function parse(...paths: readonly string[]): Promise<Parsed> {
  const sources = await findSources(paths);
  return {
    records: readSources(sources),
    ...(sources.manifest === undefined ? {} : { manifest: sources.manifest }),
    ...(sources.directory === undefined ? {} : { directory: sources.directory }),
  };
}

/** What may be said about how to read a run; everything has a default. */
export interface AnalyzeWishes {
  /** Directory whose sources count as mine; default: as the run recorded it, or the nearest `.git`. */
  readonly projectRoot?: string;
  /** Takes in what was found inside the interpreter of a script. */
  readonly followInterpreter?: boolean;
  /** `--error-exitcode`: the status for findings, which then wins over the program's own. */
  readonly errorExitcode?: number;
}

/** ANALYZE: merges, judges and orders the records, and adds the source lines that are still what was compiled. */
export async function analyze(parsed: Parsed, wishes: AnalyzeWishes = {}): Promise<Report> {
  const { manifest, directory, records } = parsed;
  const ownRoot =
    wishes.projectRoot === undefined ? await findProjectRoot(process.cwd()) : resolve(wishes.projectRoot);
  // The manifest may be a stranger's: its project root decides who is blamed, not which files are read.
  const home = directory === undefined ? undefined : await projectOf(directory);
  const readable = home === undefined ? [ownRoot] : [ownRoot, home];
  const report = await analyzeRecords(records, {
    vgrun: version,
    manifest,
    runDirectory: directory,
    projectRoot: wishes.projectRoot === undefined ? (manifest?.projectRoot ?? ownRoot) : ownRoot,
    followInterpreter: wishes.followInterpreter,
    errorExitcode: wishes.errorExitcode,
  });
  return withExcerpts(report, readable);
}

/** The project in which a run directory was made: that of `X` in `X/.vgrun/runs/ID`. */
async function projectOf(directory: string): Promise<string | undefined> {
  const maker = resolve(directory, '..', '..', '..');
  return join(maker, runsFolder) === dirname(directory) ? findProjectRoot(maker) : undefined;
}
