// Owns the raw log excerpts beside findings: what the instrument itself wrote, read again from the artifacts.
import { type FileHandle, open } from 'node:fs/promises';
import { basename, relative } from 'node:path';
import type { Span } from '../model/finding.ts';
import type { Finding, RawExcerpt, Report } from '../model/report.ts';

/** An error with three stacks of 25 frames has about 15 KB of XML; nobody reads more. */
const longestExcerpt = 16 * 1024;
/** A page that holds the whole log is the log. */
const mostExcerpts = 500;

/**
 * Adds raw excerpts to the first findings of a report, in its order.
 *
 * @param files absolute paths of the artifacts. Where two have one name, a span does not tell which is meant, and
 *   findings of both get none.
 * @param directory of the run, to which the names of its artifacts are relative; missing: they are file names.
 */
export async function withRawExcerpts(
  report: Report,
  files: readonly string[],
  directory?: string,
): Promise<Report> {
  const paths = new Map<string, string | undefined>();
  for (const file of files) {
    const name = directory === undefined ? basename(file) : relative(directory, file);
    paths.set(name, paths.has(name) ? undefined : file);
  }
  const handles = new Map<string, Promise<FileHandle | undefined>>();
  const handleOf = (artifact: string): Promise<FileHandle | undefined> => {
    const known = handles.get(artifact);
    if (known !== undefined) return known;
    const path = paths.get(artifact);
    const opened = path === undefined ? Promise.resolve(undefined) : open(path, 'r').catch(() => undefined);
    handles.set(artifact, opened);
    return opened;
  };
  try {
    const findings: Finding[] = [];
    let left = mostExcerpts;
    const rawOf = async ({ span }: Finding): Promise<RawExcerpt | undefined> => {
      const handle = span !== undefined && left > 0 ? await handleOf(span.artifact) : undefined;
      const raw = span && handle && (await read(handle, span));
      if (raw !== undefined) left--;
      return raw;
    };
    for (const finding of report.findings) {
      const raw = await rawOf(finding);
      const witnesses: Finding[] = [];
      for (const witness of finding.witnesses ?? []) {
        const own = await rawOf(witness);
        witnesses.push(own === undefined ? witness : { ...witness, raw: own });
      }
      findings.push({
        ...finding,
        ...(raw && { raw }),
        ...(witnesses.length > 0 && { witnesses }),
      });
    }
    return { ...report, findings };
  } finally {
    for (const opened of handles.values()) await (await opened)?.close();
  }
}

async function read(handle: FileHandle, span: Span): Promise<RawExcerpt | undefined> {
  const { artifact, offset, length } = span;
  const wanted = Math.min(length ?? longestExcerpt, longestExcerpt);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(wanted), 0, wanted, offset).catch(() => ({
    buffer: Buffer.alloc(0),
    bytesRead: 0,
  }));
  if (bytesRead === 0) return undefined;
  const text = buffer.toString('utf8', 0, bytesRead);
  if (length !== undefined) return { artifact, offset, text, cut: length > bytesRead };
  // The last line may be half of one, and half of one can look empty.
  const whole = bytesRead < wanted ? text : text.slice(0, text.lastIndexOf('\n'));
  return { artifact, offset, ...paragraphOf(whole) };
}

// `==1234== Invalid read of size 4`, with --time-stamp=yes `==00:00:00:00.123 1234== …`
const marked = /^([=*-]{2})(?:[\d:.]+ )?(\d+)\1(.*)$/;

/** The lines of the process that wrote the first, up to its next empty one. */
function paragraphOf(text: string): Pick<RawExcerpt, 'text' | 'cut'> {
  const lines = text.split('\n');
  const pid = marked.exec(lines[0]?.trimEnd() ?? '')?.[2];
  const own: string[] = [];
  for (const line of lines) {
    const [, , ofPid, rest] = marked.exec(line.trimEnd()) ?? [];
    if (ofPid !== pid) continue;
    if (pid !== undefined && rest?.trim() === '') return { text: own.join('\n'), cut: false };
    own.push(line);
  }
  return { text: own.join('\n'), cut: true };
}
