// `vgrun baseline update`: writes down what is known today, so that only what is new fails tomorrow.
import { updateBaseline } from '../analyze/baseline.ts';
import { type BaselineLine, readBaseline, writeBaseline } from '../analyze/baseline-text.ts';
import { ExitStatus, UserError } from '../errors.ts';
import { analyze, parse } from '../pipeline.ts';
import { harmless, plural } from '../report/terminal-text.ts';
import { baselineText, writeBaselineFile } from '../run/baseline-file.ts';
import { latestRun } from '../run/directory.ts';
import { analysisOptions, readAnalysis, shortPath } from './analysis.ts';
import { isAnswered, parseWithConfig, subCommand } from './sub-command.ts';

/** Where a baseline is when nobody says otherwise. */
export const usualBaseline = 'vgrun-baseline.txt';

/** @returns 0, or 101 when a run was not seen whole: then nothing is taken out, and there may be more to put in. */
export async function main(argv: readonly string[]): Promise<number> {
  const wishes = await parseWithConfig(
    subCommand(
      'baseline',
      'update [options] [RUN|LOG…]\n\nWrites the findings of runs or logs into the baseline; without a name, those of the newest run here. What they\nshow to be mended is taken out, what they cannot judge stays, and so do comment lines above an entry.',
      argv,
    )
      .option('baseline', { type: 'string', default: usualBaseline, describe: 'the file' })
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: 'say what would change, and write nothing',
      })
      .options(analysisOptions),
    argv,
  );
  if (isAnswered(argv)) return 0;

  const [verb, ...named] = wishes._.map(String);
  if (verb !== 'update') {
    throw new UserError(
      verb === undefined ? 'baseline needs to be told what to do' : `baseline cannot "${verb}"`,
      'usage: vgrun baseline update [RUN|LOG…]; to run a program of that name, write ./baseline',
    );
  }
  const { baseline, ...settings } = wishes;
  const path = shortPath(baseline);
  const reading = await readAnalysis({ ...settings, baseline: undefined }, false);
  let lines = await readLines(path);
  const isFirst = lines === undefined;
  lines ??= [];
  const sum = { added: 0, changed: 0, removed: 0, notJudged: 0 };
  const unfinished: string[] = [];
  for (const run of named.length === 0 ? [await latestRun(process.cwd())] : named) {
    const known = { name: path, entries: lines.map(({ entry }) => entry), whole: true };
    const report = await analyze(await parse(run), { ...reading, known });
    if (report.outcome === 'inconclusive') unfinished.push(run);
    const update = updateBaseline(lines, report);
    lines = update.lines;
    sum.added += update.added;
    sum.changed += update.changed;
    sum.removed += update.removed;
    sum.notJudged = update.notJudged;
  }
  if (!wishes['dry-run']) await writeBaselineFile(path, writeBaseline(lines));
  const parts = [
    `${sum.added} added`,
    `${sum.changed} changed`,
    `${sum.removed} removed`,
    ...(sum.notJudged > 0
      ? [`${sum.notJudged} kept that ${named.length > 1 ? 'these runs' : 'this run'} cannot judge`]
      : []),
  ];
  const what = wishes['dry-run'] ? 'would have' : isFirst ? 'is new and has' : 'has';
  process.stdout.write(
    harmless(`${path} ${what} ${lines.length} ${plural(lines.length, 'finding')}: ${parts.join(', ')}.`),
  );
  process.stdout.write('\n');
  for (const run of unfinished) {
    process.stderr.write(
      `vgrun: ${harmless(run)} was not seen whole: it takes nothing out, and there may be more to put in\n`,
    );
  }
  return unfinished.length > 0 ? ExitStatus.inconclusive : 0;
}

/** Undefined when there is no file yet. */
async function readLines(path: string): Promise<readonly BaselineLine[] | undefined> {
  const { existsSync } = await import('node:fs');
  if (!existsSync(path)) return undefined;
  const text = await baselineText(path);
  if (text === undefined) {
    throw new UserError(`${path} is there and is no baseline`, 'name another file with --baseline=FILE');
  }
  return readBaseline(text, path);
}
