// `vgrun report`: renders a run again, or a log that came from elsewhere.
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import yargs from 'yargs';
import { UserError } from '../errors.ts';
import { analyze, parse } from '../pipeline.ts';
import { latestRun } from '../run/directory.ts';
import { version } from '../version.ts';
import { readDestination, terminalOptions, writeReport, writeTo } from './output.ts';

/** @returns the exit status: that of the run, see "Exit status" in the manual. */
export async function main(argv: readonly string[]): Promise<number> {
  const wishes = await yargs([...argv])
    .scriptName('vgrun report')
    .usage(
      'Usage: vgrun report [options] [RUN|LOG…]\n\nRenders a run directory, or valgrind logs (text or XML), again. Without a name: the newest run here.\n`-` reads a log from standard input.',
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
    .option('error-exitcode', { type: 'number', describe: 'exit status for findings' })
    .option('color', {
      choices: ['auto', 'always', 'never'] as const,
      default: 'auto' as const,
      describe: 'colours',
    })
    .version(version)
    .help()
    .alias('h', 'help')
    .strictOptions()
    .wrap(100)
    .exitProcess(false)
    .fail((message, error) => {
      throw error instanceof UserError
        ? error
        : new UserError(message ?? String(error), 'see vgrun report --help');
    })
    .parseAsync();
  if (argv.some((word) => ['--help', '-h', '--version'].includes(word))) return 0;

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
