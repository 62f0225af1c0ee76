// `vgrun report`: renders a run again, or a log that came from elsewhere.
import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../errors.ts';
import { analyze, type Parsed, parse, parseSymbolized } from '../pipeline.ts';
import { latestRun } from '../run/directory.ts';
import { analysisOptions, growthOption, mustBeComparable, readAnalysis, secretsOption } from './analysis.ts';
import { mustBeApart, readDestinations, showReport, showsRaw } from './output.ts';
import {
  isAnswered,
  mailOptions,
  parseWithConfig,
  readWishedMail,
  reportOptions,
  subCommand,
} from './sub-command.ts';

/** @returns the exit status: that of the run, see "Exit status" in the manual. */
export async function main(argv: readonly string[]): Promise<number> {
  const wishes = await parseWithConfig(
    subCommand(
      'report',
      '[options] [RUN|LOG…]\n\nRenders run directories, or logs of valgrind, sanitizers, mtrace, memwatch, Visual Studio and profilers, again.\nSeveral become one report. Without a name: the newest run here. `-` reads a log from standard input.',
      argv,
    )
      .options(reportOptions)
      .options(mailOptions)
      .options(analysisOptions)
      .options(secretsOption)
      .options(growthOption)
      .option('baseline', {
        type: 'string',
        describe: 'only findings that are not in it fail: a baseline, a run directory, a log or a profile',
      })
      .option('symbolize', {
        type: 'boolean',
        default: false,
        describe: 'name what a log has addresses of only; opens the files that the log names',
      })
      .option('error-exitcode', { type: 'string', coerce: readStatus, describe: 'exit status for findings' }),
    argv,
  );
  if (isAnswered(argv)) return 0;

  const destinations = await readDestinations(wishes.report);
  const mail = await readWishedMail(wishes, say);
  await mustBeApart(
    destinations,
    (mail?.files ?? []).map((file) => [file, 'where the mail goes'] as const),
  );
  const named = wishes._.map(String);
  const paths =
    named.length === 0 ? [await latestRun(process.cwd())] : await Promise.all(named.map(spoolStandardInput));
  const { baseline } = wishes;
  if (baseline !== undefined) for (const path of paths) mustBeAnother(path, baseline);
  const reading = await readAnalysis(wishes, mail !== undefined || showsRaw(destinations));
  const report = await analyze(await parseWished(paths, wishes.symbolize), reading);
  // One of the config is for all runs of the project, whatever their tool.
  const isTyped = argv.some((word) => /^--baseline(?:=|$)/.test(word));
  if (isTyped) mustBeComparable(report, reading.known);
  return showReport(report, destinations, wishes, mail);
}

function say(line: string): void {
  process.stderr.write(`vgrun: ${line}\n`);
}

/** @throws UserError (125) as `parse` does. */
async function parseWished(paths: readonly string[], symbolize: boolean): Promise<Parsed> {
  if (!symbolize) return parse(...paths);
  const { parsed, symbolized } = await parseSymbolized(...paths);
  const { asked, resolved, problems } = symbolized;
  const [problem] = problems;
  const line =
    asked === 0
      ? 'no address in it is without a name'
      : `${resolved} of ${asked} addresses have a name now${problem === undefined ? '' : `: ${problem.message}`}`;
  say(line);
  return parsed;
}

/** A run that is compared with itself has nothing new. */
function mustBeAnother(path: string, baseline: string): void {
  const [run, before] = [resolve(path), resolve(baseline)];
  if (run !== before && !run.startsWith(`${before}/`)) return;
  throw new UserError(
    `${path} would be compared with itself`,
    `name a baseline or a run that is not in ${path}`,
  );
}

/** A log from a pipe is read twice (recognised, then parsed), so it must be a file. */
async function spoolStandardInput(path: string): Promise<string> {
  if (path !== '-') return path;
  const { fileSync, setGracefulCleanup } = (await import('tmp')).default;
  setGracefulCleanup();
  const { name } = fileSync({ prefix: 'vgrun-stdin-', postfix: '.log', mode: 0o600 });
  await pipeline(process.stdin, createWriteStream(name));
  return name;
}

function readStatus(given: string | readonly string[] | undefined): number | undefined {
  const text = typeof given === 'string' ? given : given?.at(-1);
  if (text === undefined) return undefined;
  if (!/^\d{1,3}$/.test(text) || Number(text) > 255) {
    throw new UserError(`--error-exitcode cannot be "${text}"`, 'it takes: a number from 0 to 255');
  }
  return Number(text);
}
