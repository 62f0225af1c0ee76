// The five steps in order: PLAN → RUN → (run directory) → PARSE → ANALYZE → REPORT. Read this file first.
import { dirname, join, resolve } from 'node:path';
import { entriesOf, type Known } from './analyze/baseline.ts';
import { readBaseline } from './analyze/baseline-text.ts';
import { withoutSecrets } from './analyze/confidential.ts';
import type { GateRules } from './analyze/gate.ts';
import { analyze as analyzeRecords } from './analyze/index.ts';
import type { OwnershipRules } from './analyze/ownership-rules.ts';
import { UserError } from './errors.ts';
import type { RunRecord } from './model/record.ts';
import type { Report } from './model/report.ts';
import type { RunManifest } from './model/run.ts';
import { baselineText } from './run/baseline-file.ts';
import { findProjectRoot, runsFolder } from './run/directory.ts';
import { withRawExcerpts } from './run/raw.ts';
import { findSources, readSources, type Sources } from './run/read.ts';
import { withExcerpts } from './run/source.ts';
import type { Symbolized } from './run/symbolize.ts';
import type { Symbols } from './tools/tool.ts';
import { version } from './version.ts';

export { render } from './report/index.ts';
export { planRun } from './run/plan.ts';
export { runTarget } from './run/run.ts';

/** What PARSE hands to ANALYZE: a stream of records, and what the run directory knows besides. */
export interface Parsed {
  readonly records: AsyncIterable<RunRecord>;
  /** Missing when the logs did not come from a run directory. */
  readonly manifest?: RunManifest;
  /** Of a replay: the manifests of its launches, in order. */
  readonly launches?: readonly RunManifest[];
  /** Absolute path of the run directory. */
  readonly directory?: string;
  /** Absolute paths of the artifacts. */
  readonly files: readonly string[];
}

/**
 * PARSE: reads a run directory, or logs from elsewhere. Nothing is read before the records are iterated; memory does
 * not grow with the logs.
 *
 * @param paths run directories or log files.
 * @throws UserError (125) when a path does not exist or is no run. What stands in the logs never throws.
 */
export async function parse(...paths: readonly string[]): Promise<Parsed> {
  return parsedOf(await findSources(paths));
}

/** What addresses in logs came to, see `parseSymbolized`. */
export type { Symbolized } from './run/symbolize.ts';

/**
 * PARSE, after a symbolizer was asked about the addresses that have no name. The files that the logs name are opened for that,
 * so it is for logs whose origin is known.
 *
 * @throws UserError (125) as `parse` does.
 */
export async function parseSymbolized(
  ...paths: readonly string[]
): Promise<{ readonly parsed: Parsed; readonly symbolized: Symbolized }> {
  const sources = await findSources(paths);
  const { symbolizeLogs } = await import('./run/symbolize.ts');
  const symbolized = await symbolizeLogs(
    (symbols) => readSources(sources, symbols),
    {
      workingDirectory: sources.manifest?.directory ?? process.cwd(),
      executables:
        sources.manifest === undefined
          ? []
          : [sources.manifest.program, ...(sources.manifest.executables ?? []).map(({ path }) => path)],
    },
    sources.files,
  );
  return { parsed: parsedOf(sources, symbolized.symbols), symbolized };
}

function parsedOf(sources: Sources, symbols?: Symbols): Parsed {
  return {
    records: readSources(sources, symbols),
    files: sources.files,
    ...(sources.manifest === undefined ? {} : { manifest: sources.manifest }),
    ...(sources.launches && { launches: sources.launches.map(({ manifest }) => manifest) }),
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
  /** Patterns of sources and objects that are mine, a library's or the system's. */
  readonly ownership?: OwnershipRules;
  /** What fails beside or instead of what the tool counts as an error. */
  readonly gate?: GateRules;
  /** What findings and profiles are compared with; see `readKnown`. */
  readonly known?: Known;
  /** Adds what the instrument itself wrote to the first 500 findings; only the HTML report shows it. */
  readonly raw?: boolean;
  /** Leaves out command lines, source text and quotes of logs. */
  readonly confidential?: boolean;
  /** Shows values of variables that look like secrets; otherwise they are `***`. */
  readonly showSecrets?: boolean;
}

/** ANALYZE: merges, judges and orders the records, and adds the source lines that are still what was compiled. */
export async function analyze(parsed: Parsed, wishes: AnalyzeWishes = {}): Promise<Report> {
  const { manifest, directory, records, launches } = parsed;
  const ownRoot =
    wishes.projectRoot === undefined ? await findProjectRoot(process.cwd()) : resolve(wishes.projectRoot);
  // The manifest may be a stranger's: its project root decides who is blamed, not which files are read.
  const home = directory === undefined ? undefined : await projectOf(directory);
  const readable = home === undefined ? [ownRoot] : [ownRoot, home];
  const report = await analyzeRecords(records, {
    vgrun: version,
    manifest,
    launches,
    runDirectory: directory,
    projectRoot: wishes.projectRoot === undefined ? (manifest?.projectRoot ?? ownRoot) : ownRoot,
    followInterpreter: wishes.followInterpreter,
    errorExitcode: wishes.errorExitcode,
    ownership: wishes.ownership,
    gate: wishes.gate,
    known: wishes.known,
    secrets: wishes.showSecrets,
  });
  if (wishes.confidential === true) return withoutSecrets(report);
  const withRaw = wishes.raw === true ? await withRawExcerpts(report, parsed.files, directory) : report;
  return withExcerpts(withRaw, readable);
}

/**
 * What a report can be compared with: the entries of a baseline file, or those and the profiles of a run, a
 * directory of runs, a log or a profile.
 *
 * @param wishes how to read a run or log; a baseline needs none.
 * @throws UserError (125) for what does not exist or is neither.
 */
export async function readKnown(path: string, wishes: AnalyzeWishes = {}): Promise<Known> {
  const text = await baselineText(path);
  if (text !== undefined) {
    return { name: path, entries: readBaseline(text, path).map(({ entry }) => entry), whole: true };
  }
  const { known: _, raw: __, gate, ...plain } = wishes;
  // What is compared with has itself nothing to grow against.
  const { growth: ___, ...rules } = gate ?? {};
  const report = await analyze(await parse(path), { ...plain, ...(gate && { gate: rules }) });
  if (report.processes.length === 0) {
    throw new UserError(
      `${path} is neither a baseline nor a run nor a log or profile of one`,
      'a baseline begins with "# vgrun baseline 1"; vgrun baseline update writes one',
    );
  }
  return {
    name: path,
    entries: entriesOf(report),
    profiles: report.profiles ?? [],
    whole: report.outcome !== 'inconclusive',
  };
}

/** The project in which a run directory was made: that of `X` in `X/.vgrun/runs/ID`. */
async function projectOf(directory: string): Promise<string | undefined> {
  const maker = resolve(directory, '..', '..', '..');
  return join(maker, runsFolder) === dirname(directory) ? findProjectRoot(maker) : undefined;
}
