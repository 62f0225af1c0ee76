// Owns the source lines shown beside a finding or the costs of a profile: read from disk, and only while they are still what was compiled.
import { readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import type { ProfileSource, ReportProfile } from '../model/profile-report.ts';
import type { Excerpt, Finding, Report, ReportFrame, ReportStop } from '../model/report.ts';

/** Moments that get an excerpt: a probe in a loop is hit at one line. */
const mostStops = 500;
/** Lines above and below the blamed one. */
const neighbours = 2;
/** Generated sources can be huge; nobody reads an excerpt of those. */
const largestSource = 8 * 1024 * 1024;

/**
 * Adds excerpts to the findings and moments that have a blamed line. A source that is missing, or that was changed after the run
 * began, gives none: a line that may be another one would be a guess. So does a log that is no run: which sources its
 * program was made of is not known.
 *
 * @param roots absolute folders from which sources may be shown. A log names its sources itself, and a log from a
 *   stranger must not be able to put `~/.ssh/id_rsa` into a report; so nothing outside of these is read.
 */
export async function withExcerpts(report: Report, roots: readonly string[]): Promise<Report> {
  if (report.run === undefined) return report;
  const linesOf = sourceReader(roots, Date.parse(report.run.startedAt));
  const findings: Finding[] = [];
  for (const finding of report.findings) {
    const { blamed } = finding;
    const frame = blamed && finding.stacks[blamed.stack]?.frames[blamed.frame];
    const excerpt = frame && (await excerptOf(frame, linesOf));
    findings.push(excerpt === undefined ? finding : { ...finding, excerpt });
  }
  const stops: ReportStop[] = [];
  for (const stop of report.stops ?? []) {
    const thread = stop.threads[0];
    const frame = thread?.blamed === undefined ? undefined : thread.frames[thread.blamed];
    const excerpt = frame && stops.length < mostStops ? await excerptOf(frame, linesOf) : undefined;
    stops.push(excerpt === undefined ? stop : { ...stop, excerpt });
  }
  const profiles: ReportProfile[] = [];
  for (const profile of report.profiles ?? []) {
    const sources = await sourcesOf(profile, linesOf);
    profiles.push(sources.length === 0 ? profile : { ...profile, sources });
  }
  return { ...report, findings, ...(report.stops && { stops }), ...(report.profiles && { profiles }) };
}

/** Lines of a profile that get their source text: the most expensive ones, with their neighbours. */
const mostLines = 400;
const profileNeighbours = 4;

async function sourcesOf({ files, lines }: ReportProfile, linesOf: SourceReader): Promise<ProfileSource[]> {
  const wanted = new Map<number, number[]>();
  for (const [row, line] of (lines?.lines ?? []).slice(0, mostLines).entries()) {
    const file = lines?.files[row] as number;
    const of = wanted.get(file);
    if (of === undefined) wanted.set(file, [line]);
    else of.push(line);
  }
  const sources: ProfileSource[] = [];
  for (const [file, numbers] of wanted) {
    const text = await linesOf(files[file]?.path ?? '', Math.max(...numbers));
    if (text === undefined) continue;
    for (const [first, last] of rangesAround(numbers, text.length)) {
      sources.push({ file, firstLine: first, lines: text.slice(first - 1, last) });
    }
  }
  return sources;
}

/** Lines and their neighbours, first and last of each stretch. */
function rangesAround(numbers: readonly number[], length: number): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const first = Math.max(1, number - profileNeighbours);
    const last = Math.min(length, number + profileNeighbours);
    const before = ranges.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = last;
    else ranges.push([first, last]);
  }
  return ranges;
}

/** The lines of a source, when it may be shown and has at least so many. */
type SourceReader = (name: string, line: number) => Promise<readonly string[] | undefined>;

function sourceReader(roots: readonly string[], startedAt: number): SourceReader {
  const files = new Map<string, Promise<readonly string[] | undefined>>();
  return async (name, line) => {
    const candidates = isAbsolute(name) ? [name] : roots.map((root) => resolve(root, name));
    for (const path of candidates) {
      let reading = files.get(path);
      if (reading === undefined) {
        reading = readLines(path, roots, startedAt);
        files.set(path, reading);
      }
      const lines = await reading;
      if (lines !== undefined && line <= lines.length) return lines;
    }
    return undefined;
  };
}

async function excerptOf(
  { directory, file, line }: ReportFrame,
  linesOf: SourceReader,
): Promise<Excerpt | undefined> {
  if (file === undefined || line === undefined) return undefined;
  const lines = await linesOf(directory === undefined ? file : join(directory, file), line);
  if (lines === undefined) return undefined;
  const firstLine = Math.max(1, line - neighbours);
  return { firstLine, lines: lines.slice(firstLine - 1, line + neighbours) };
}

async function readLines(
  given: string,
  roots: readonly string[],
  startedAt: number,
): Promise<readonly string[] | undefined> {
  try {
    const path = await realpath(given);
    const folders = await Promise.all(roots.map((root) => realpath(root)));
    if (!folders.some((root) => isInside(path, root))) return undefined;
    const status = await stat(path);
    if (!status.isFile() || status.size > largestSource) return undefined;
    if (status.mtimeMs > startedAt) return undefined;
    return (await readFile(path, 'utf8')).split(/\r?\n/);
  } catch {
    return undefined;
  }
}

function isInside(path: string, root: string): boolean {
  const way = relative(root, path);
  return way !== '' && !way.startsWith('..') && !isAbsolute(way);
}
