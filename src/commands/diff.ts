// `vgrun diff A B`: what is new, what costs another amount and what is gone in B, against A.
import { UserError } from '../errors.ts';
import { analyze, parse, readKnown } from '../pipeline.ts';
import {
  analysisOptions,
  growthOption,
  mustBeComparable,
  mustHoldProfiles,
  readAnalysis,
  secretsOption,
} from './analysis.ts';
import { readDestinations, showReport, showsRaw } from './output.ts';
import { isAnswered, parseWithConfig, reportOptions, subCommand } from './sub-command.ts';

/** @returns the exit status: that of B, in which only what is new counts. */
export async function main(argv: readonly string[]): Promise<number> {
  const wishes = await parseWithConfig(
    subCommand(
      'diff',
      '[options] A B\n\nSays what is new in B, what costs another amount, and what is gone, against A. Each is a run directory, a\ndirectory of runs, a log, a profile, or for A a baseline. Only what is new in B fails, and\nwhat grew by more than --max-growth allows.',
      argv,
    )
      .options(reportOptions)
      .options(analysisOptions)
      .options(secretsOption)
      .options(growthOption),
    argv,
  );
  if (isAnswered(argv)) return 0;

  const [before, after, ...more] = wishes._.map(String);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new UserError('diff takes two names', 'usage: vgrun diff A B, each a run directory or a log');
  }
  const destinations = await readDestinations(wishes.report);
  const reading = await readAnalysis({ ...wishes, compares: true }, showsRaw(destinations));
  const known = { ...(await readKnown(before, reading)), pairedByUser: true };
  if (wishes['max-growth'] !== undefined) mustHoldProfiles(known);
  const report = await analyze(await parse(after), { ...reading, known });
  mustBeComparable(report, known);
  return showReport(report, destinations, wishes);
}
