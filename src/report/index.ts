// The registry of reporters: one file for each format, one line for each here.
import { UserError } from '../errors.ts';
import type { Report } from '../model/report.ts';
import type { RenderOptions, Reporter } from './reporter.ts';

export type { RenderOptions, Reporter } from './reporter.ts';

/** All formats. A run loads only what it writes: the page of the HTML report alone is larger than all of vgrun's start. */
const reporters: ReadonlyMap<string, () => Promise<Reporter>> = new Map([
  ['pretty', async () => (await import('./pretty.ts')).pretty],
  ['json', async () => (await import('./json.ts')).json],
  ['html', async () => (await import('./html.ts')).html],
  ['sarif', async () => (await import('./sarif.ts')).sarif],
  ['junit', async () => (await import('./junit.ts')).junit],
  ['github', async () => (await import('./github.ts')).github],
  ['github-summary', async () => (await import('./markdown.ts')).githubSummary],
  ['gitlab', async () => (await import('./gitlab.ts')).gitlab],
  ['svg', async () => (await import('./svg.ts')).svg],
  ['markdown', async () => (await import('./markdown.ts')).markdown],
  ['folded', async () => (await import('./folded.ts')).folded],
  ['speedscope', async () => (await import('./speedscope.ts')).speedscope],
  ['pprof', async () => (await import('./pprof.ts')).pprof],
]);

/** Formats that hold profiles and nothing else: a run without one has no form in them. */
export const profileFormats: readonly string[] = ['svg', 'folded', 'speedscope', 'pprof'];

/** Formats that are no text. */
export const binaryFormats: readonly string[] = ['pprof'];

/** The words of `--report FORMAT=FILE`. */
export const reporterNames: readonly string[] = [...reporters.keys()];

/** The formats that have a form for a report. */
export function formatsFor({ profiles }: Report): readonly string[] {
  return profiles === undefined
    ? reporterNames.filter((name) => !profileFormats.includes(name))
    : reporterNames;
}

/**
 * Renders a report, piece by piece, so that a large one never stands in memory as one string. Pieces are text, but of
 * `pprof` they are bytes.
 * @throws UserError (125) when there is no such format, or the report has nothing that it holds.
 */
export async function* render(
  report: Report,
  format: string,
  options: RenderOptions = {},
): AsyncGenerator<string | Uint8Array> {
  let gathered = '';
  for (const piece of (await loadReporter(format)).render(report, options)) {
    if (typeof piece !== 'string') {
      if (gathered !== '') yield gathered;
      gathered = '';
      yield piece;
      continue;
    }
    if (gathered !== '' && gathered.length + piece.length > chunkLength) {
      yield gathered;
      gathered = '';
    }
    gathered = gathered === '' ? piece : gathered + piece;
  }
  if (gathered !== '') yield gathered;
}

/** Characters. A stream takes its time for each piece, and reporters yield lines; what is longer stays as it is. */
const chunkLength = 32_768;

/**
 * The reporter of a format.
 * @throws UserError (125) when there is no such format.
 */
export async function loadReporter(format: string): Promise<Reporter> {
  const load = reporters.get(format);
  if (load === undefined) {
    throw new UserError(
      `there is no report format "${format}"`,
      `the formats are ${reporterNames.join(', ')}`,
    );
  }
  return load();
}

/**
 * Makes sure that a format has a form for a report, before a file is opened for it.
 * @throws UserError (125) when it has none.
 */
export async function mustHaveForm(report: Report, format: string): Promise<void> {
  (await loadReporter(format)).render(report, {});
}
