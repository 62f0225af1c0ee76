// Owns what all sub-commands share: how they read words, and speak of help, version and mistakes.
import yargs from 'yargs';
import { UserError } from '../errors.ts';
import { reporterNames } from '../report/index.ts';
import { version } from '../version.ts';

/**
 * A parser for the words after `vgrun NAME`, to which the command adds its options. Every word that is no option is a
 * name and stays as it was typed.
 *
 * @param usage what help says under the usage line.
 */
export function subCommand(name: string, usage: string, argv: readonly string[]) {
  return yargs([...argv])
    .scriptName(`vgrun ${name}`)
    .usage(`Usage: vgrun ${name} ${usage}`)
    .version(version)
    .help()
    .alias('h', 'help')
    .strictOptions()
    .parserConfiguration({ 'parse-positional-numbers': false, 'duplicate-arguments-array': false })
    .wrap(100)
    .exitProcess(false)
    .fail((message, error) => {
      throw error instanceof UserError
        ? error
        : new UserError(message ?? String(error), `see vgrun ${name} --help`);
    });
}

/** How a report is written and looks, for yargs. */
export const reportOptions = {
  report: {
    type: 'string',
    array: true,
    nargs: 1,
    default: [] as string[],
    defaultDescription: 'pretty',
    describe: `FORMAT=FILE: write a report; \`-\` is standard output; repeatable. Formats: ${reporterNames.join(', ')}`,
  },
  all: { type: 'boolean', default: false, describe: 'show also what does not count as an error' },
  'full-stacks': { type: 'boolean', default: false, describe: 'show every frame' },
  color: { choices: ['auto', 'always', 'never'] as const, default: 'auto' as const, describe: 'colours' },
} as const;

/** Whether the parser has already answered with help or the version, so that nothing is left to do. */
export function isAnswered(argv: readonly string[]): boolean {
  return argv.some((word) => ['--help', '-h', '--version'].includes(word));
}
