// Owns the source lines shown beside a finding: read from disk, and only while they are still what was compiled.
import { readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import type { Excerpt, Finding, Report } from '../model/report.ts';

/** Lines above and below the blamed one. */
const neighbours = 2;
/** Generated sources can be huge; nobody reads an excerpt of those. */
const largestSource = 8 * 1024 * 1024;

/**
 * Adds excerpts to the findings that have a blamed line. A source that is missing, or that was changed after the run
 * began, gives none: a line that may be another one would be a guess.
 *
 * @param roots absolute folders from which sources may be shown. A log names its sources itself, and a log from a
 *   stranger must not be able to put `~/.ssh/id_rsa` into a report; so nothing outside of these is read.
 */
export async function withExcerpts(report: Report, roots: readonly string[]): Promise<Report> {
  const startedAt = report.run === undefined ? undefined : Date.parse(report.run.startedAt);
  const folders = await Promise.all(roots.map((root) => realpath(root).catch(() => root)));
  const files = new Map<string, Promise<readonly string[] | undefined>>();
  const linesOf = (path: string) => {
    let lines = files.get(path);
    if (lines === undefined) {
      lines = readLines(path, folders, startedAt);
      files.set(path, lines);
    }
    return lines;
  };
  const findings: Finding[] = [];
  for (const finding of report.findings) {
    const excerpt = await excerptOf(finding, folders, linesOf);
    findings.push(excerpt === undefined ? finding : { ...finding, excerpt });
  }
  return { ...report, findings };
}

async function excerptOf(
  finding: Finding,
  folders: readonly string[],
  linesOf: (path: string) => Promise<readonly string[] | undefined>,
): Promise<Excerpt | undefined> {
  if (finding.blamed === undefined) return undefined;
  const frame = finding.stacks[finding.blamed.stack]?.frames[finding.blamed.frame];
  if (frame?.file === undefined || frame.line === undefined) return undefined;
  const name = frame.directory === undefined ? frame.file : join(frame.directory, frame.file);
  const candidates = isAbsolute(name) ? [name] : folders.map((folder) => resolve(folder, name));
  for (const path of candidates) {
    const lines = await linesOf(path);
    if (lines === undefined || frame.line > lines.length) continue;
    const first = Math.max(1, frame.line - neighbours);
    return { firstLine: first, lines: lines.slice(first - 1, frame.line + neighbours) };
  }
  return undefined;
}

async function readLines(
  given: string,
  roots: readonly string[],
  startedAt: number | undefined,
): Promise<readonly string[] | undefined> {
  const path = await realpath(given).catch(() => undefined);
  if (path === undefined || !roots.some((root) => isInside(path, root))) return undefined;
  const status = await stat(path).catch(() => undefined);
  if (status === undefined || !status.isFile() || status.size > largestSource) return undefined;
  if (startedAt !== undefined && status.mtimeMs > startedAt) return undefined;
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text?.split(/\r?\n/);
}

function isInside(path: string, root: string): boolean {
  const way = relative(root, path);
  return way !== '' && !way.startsWith('..') && !isAbsolute(way);
}
