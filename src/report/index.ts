// The registry of reporters: one file for each format, one line for each here.
import { UserError } from '../errors.ts';
import type { Report } from '../model/report.ts';
import { json } from './json.ts';
import { pretty } from './pretty.ts';
import type { RenderOptions, Reporter } from './reporter.ts';

export type { RenderOptions, Reporter } from './reporter.ts';

/** All formats. */
export const reporters: readonly Reporter[] = [pretty, json];

/** The words of `--report FORMAT=FILE`. */
export const reporterNames: readonly string[] = reporters.map((reporter) => reporter.name);

/**
 * Renders a report, piece by piece, so that a large one never stands in memory as one string.
 * @throws UserError (125) when there is no such format.
 */
export async function* render(
  report: Report,
  format: string,
  options: RenderOptions = {},
): AsyncGenerator<string> {
  const reporter = reporters.find(({ name }) => name === format);
  if (reporter === undefined) {
    throw new UserError(
      `there is no report format "${format}"`,
      `the formats are ${reporterNames.join(', ')}`,
    );
  }
  yield* reporter.render(report, options);
}
