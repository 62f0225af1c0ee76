// Owns the source lines shown beside a finding: read from disk, and only while they are still what was compiled.
import { readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import type { Excerpt, Finding, Report, ReportFrame } from '../model/report.ts';

/** Lines above and below the blamed one. */
const neighbours = 2;
/** Generated sources can be huge; nobody reads an excerpt of those. */
const largestSource = 8 * 1024 * 1024;

/**
 * Adds excerpts to the findings that have a blamed line. A source that is missing, or that was changed after the run
 * began, gives none: a line that may be another one would be a guess. So does a log that is no run: which sources its
 * program was made of is not known.
 *
 * @param roots absolute folders from which sources may be shown. A log names its sources itself, and a log from a
 *   stranger must not be able to put `~/.ssh/id_rsa` into a report; so nothing outside of these is read.
 */
export async function withExcerpts(report: Report, roots: readonly string[]): Promise<Report> {
  if (report.run === undefined) return report;
  const read = excerptReader(roots, Date.parse(report.run.startedAt));
  const findings: Finding[] = [];
  for (const finding of report.findings) {
    const { blamed } = finding;
    const frame = blamed && finding.stacks[blamed.stack]?.frames[blamed.frame];
    const excerpt = frame && (await read(frame));
    findings.push(excerpt === undefined ? finding : { ...finding, excerpt });
  }
  return { ...report, findings };
}

function excerptReader(
  roots: readonly string[],
  startedAt: number,
): (frame: ReportFrame) => Promise<Excerpt | undefined> {
  const files = new Map<string, Promise<readonly string[] | undefined>>();
  const linesOf = (path: string) => {
    let lines = files.get(path);
    if (lines === undefined) {
      lines = readLines(path, roots, startedAt);
      files.set(path, lines);
    }
    return lines;
  };
  return async ({ directory, file, line }) => {
    if (file === undefined || line === undefined) return undefined;
    const name = directory === undefined ? file : join(directory, file);
    const candidates = isAbsolute(name) ? [name] : roots.map((root) => resolve(root, name));
    for (const path of candidates) {
      const lines = await linesOf(path);
      if (lines === undefined || line > lines.length) continue;
      const firstLine = Math.max(1, line - neighbours);
      return { firstLine, lines: lines.slice(firstLine - 1, line + neighbours) };
    }
    return undefined;
  };
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
