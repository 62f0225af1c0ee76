// `vgrun stacks PID`: what each thread of a live process does, from a pause as short as can be had.
import { UserError } from '../errors.ts';
import { analyze, parse } from '../pipeline.ts';
import { findProjectRoot } from '../run/directory.ts';
import { takeStacks } from '../run/stacks/take-stacks.ts';
import { ownDirectory } from '../run/working-directory.ts';
import { ownDefaults } from '../tools/_shared/own-options.ts';
import { version } from '../version.ts';
import { analysisOptions, readAnalysis, secretsOption } from './analysis.ts';
import { readDestinations, showReport, showsRaw } from './output.ts';
import { stacksOptions } from './stacks-options.ts';
import { isAnswered, parseWithConfig, reportOptions, subCommand } from './sub-command.ts';

/** @returns the exit status: 100 for a deadlock; see "Exit status" in the manual. */
export async function main(argv: readonly string[]): Promise<number> {
  const wishes = await parseWithConfig(
    subCommand(
      'stacks',
      '[options] PID\n\nShows all threads of a process that runs: where each stands and what it waits for; threads that wait for each\nother are shown as a circle. The process is held only while registers and stacks are copied, and goes on by itself.',
      argv,
    )
      .options(stacksOptions)
      .options(reportOptions)
      .options(analysisOptions)
      .options(secretsOption),
    argv,
  );
  if (isAnswered(argv)) return 0;

  const pid = readPid(wishes._.map(String));
  const samples = readCount('--samples', wishes.samples, 1, 1000);
  const intervalMs = readMilliseconds('--interval', wishes.interval, 1, 3_600_000);
  const maxPauseMs = readMilliseconds('--max-pause', wishes['max-pause'], 1, 60_000);
  const destinations = await readDestinations([...wishes.report, ...(wishes.json ? ['json=-'] : [])]);
  const reading = await readAnalysis(wishes, showsRaw(destinations));
  const workingDirectory = ownDirectory();
  const directory = await takeStacks({
    pid,
    samples,
    intervalMs,
    maxPauseMs,
    workingDirectory,
    projectRoot: await findProjectRoot(workingDirectory),
    options: (['samples', 'interval', 'max-pause'] as const).flatMap((name) =>
      wishes[name] === stacksOptions[name].default ? [] : [`--${name}=${wishes[name]}`],
    ),
    argv: ['vgrun', 'stacks', ...argv],
    keep: ownDefaults.keep,
    version,
    searchPath: process.env.PATH ?? '',
    debuginfod: wishes.debuginfod,
  });
  const report = await analyze(await parse(directory), reading);
  return showReport(report, destinations, wishes);
}

function readPid(words: readonly string[]): number {
  const [word, ...more] = words;
  if (word === undefined) {
    throw new UserError(
      'stacks needs the number of a process',
      'usage: vgrun stacks PID; pgrep NAME finds it',
    );
  }
  if (more.length > 0) {
    throw new UserError(
      `stacks looks at one process, and got also ${more.join(' ')}`,
      'usage: vgrun stacks PID',
    );
  }
  if (!/^[1-9]\d{0,9}$/.test(word)) {
    throw new UserError(
      `"${word}" is not the number of a process`,
      `usage: vgrun stacks PID; pgrep finds it: vgrun stacks $(pgrep -nx NAME)`,
    );
  }
  return Number(word);
}

function readCount(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UserError(`${option} cannot be "${text}"`, `it takes: a number from ${least} to ${most}`);
}

/** `200`, `200ms`, `1.5s`. */
function readMilliseconds(option: string, text: string, least: number, most: number): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text) ?? [];
  const value = Number(amount) * (unit === 's' ? 1000 : 1);
  if (amount !== undefined && value >= least && value <= most) return value;
  throw new UserError(
    `${option} cannot be "${text}"`,
    'it takes: milliseconds, or seconds with an s: 200, 200ms, 2s',
  );
}
