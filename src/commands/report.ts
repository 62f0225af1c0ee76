// `vgrun report`: renders a run again, or a log that came from elsewhere.
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../errors.ts';
import { analyze, parse } from '../pipeline.ts';
import { latestRun } from '../run/directory.ts';
import { readDestination, terminalOptions, writeReport, writeTo } from './output.ts';
import { isAnswered, subCommand } from './sub-command.ts';

/** @returns the exit status: that of the run, see "Exit status" in the manual. */
export async function main(argv: readonly string[]): Promise<number> {
  const wishes = await subCommand(
    'report',
    '[options] [RUN|LOG…]\n\nRenders a run directory, or valgrind logs (text or XML), again. Without a name: the newest run here.\n`-` reads a log from standard input.',
    argv,
  )
    .option('report', {
      type: 'string',
      array: true,
      nargs: 1,
      default: [] as string[],
      defaultDescription: 'pretty',
      describe: 'FORMAT=FILE: write a report (json, pretty); `-` is standard output; repeatable',
    })
    .option('all', { type: 'boolean', default: false, describe: 'show also what does not count as an error' })
    .option('full-stacks', { type: 'boolean', default: false, describe: 'show every frame' })
    .option('follow-interpreter', {
      type: 'boolean',
      default: false,
      describe: "take in a script interpreter's own findings",
    })
    .option('project-root', { type: 'string', describe: 'directory whose sources count as mine' })
    .option('error-exitcode', { type: 'string', coerce: readStatus, describe: 'exit status for findings' })
    .option('color', {
      choices: ['auto', 'always', 'never'] as const,
      default: 'auto' as const,
      describe: 'colours',
    })
    .parseAsync();
  if (isAnswered(argv)) return 0;

  const destinations = await Promise.all(wishes.report.map(readDestination));
  const named = wishes._.map(String);
  const paths =
    named.length === 0 ? [await latestRun(process.cwd())] : await Promise.all(named.map(spoolStandardInput));
  const report = await analyze(await parse(...paths), {
    followInterpreter: wishes['follow-interpreter'],
    ...(wishes['project-root'] === undefined ? {} : { projectRoot: wishes['project-root'] }),
    ...(wishes['error-exitcode'] === undefined ? {} : { errorExitcode: wishes['error-exitcode'] }),
  });
  const options = {
    ...terminalOptions(process.stdout, wishes.color),
    fullStacks: wishes['full-stacks'],
    all: wishes.all,
  };
  for (const destination of destinations) {
    await writeReport(report, destination, destination.file === '-' ? options : { ...options, color: false });
  }
  if (destinations.length === 0) await writeTo(process.stdout, report, 'pretty', options);
  return report.status;
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

function readStatus(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,3}$/.test(text) || Number(text) > 255) {
    throw new UserError(`--error-exitcode cannot be "${text}"`, 'it takes: a number from 0 to 255');
  }
  return Number(text);
}
