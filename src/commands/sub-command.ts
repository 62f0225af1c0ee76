// Owns what all sub-commands share: how they read words, and speak of help, version and mistakes.
import yargs, { type Argv } from 'yargs';
import { UserError } from '../errors.ts';
import { reporterNames } from '../report/index.ts';
import { loadConfig } from '../run/config.ts';
import type { ConfigWishes } from '../tools/_shared/command-line.ts';
import { version } from '../version.ts';
import type { WishedMail } from './output.ts';

/**
 * A parser for the words after `vgrun NAME`, to which the command adds its options. Every word that is no option is a
 * name and stays as it was typed.
 *
 * @param usage what help says under the usage line.
 * @param dashed what to do with a word that was meant as a name, and begins with a dash.
 */
export function subCommand(name: string, usage: string, argv: readonly string[], dashed?: string) {
  const parser = yargs([...argv]);
  return parser
    .scriptName(`vgrun ${name}`)
    .usage(`Usage: vgrun ${name} ${usage}`)
    .version(version)
    .help()
    .alias('h', 'help')
    .strictOptions()
    .parserConfiguration({ 'parse-positional-numbers': false })
    .middleware((words) => takeLast(words, arraysOf(parser)), true)
    .wrap(100)
    .exitProcess(false)
    .fail((message, error) => {
      if (error instanceof UserError) throw error;
      const isDashed = dashed !== undefined && /^Unknown argument/.test(message ?? '');
      throw new UserError(message ?? String(error), isDashed ? dashed : `see vgrun ${name} --help`);
    });
}

/** Names of the options that may be repeated; yargs has them, its types do not. */
function arraysOf(parser: Argv): ReadonlySet<string> {
  const { array } = (parser as unknown as { getOptions: () => { array: readonly string[] } }).getOptions();
  // `--` is where yargs keeps the words behind it, until it puts them with the others.
  return new Set(['_', '--', ...array]);
}

/** Of an option that is given twice the last counts: yargs makes a list of every one of them. */
function takeLast(words: Record<string, unknown>, arrays: ReadonlySet<string>): void {
  for (const [name, value] of Object.entries(words)) {
    if (Array.isArray(value) && !arrays.has(name)) words[name] = value.at(-1);
  }
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

/** How a report is mailed, for yargs; `mail.ts` reads them. */
export const mailOptions = {
  mail: {
    type: 'string',
    array: true,
    nargs: 1,
    default: [] as string[],
    describe: 'ADDRESS: mail the report there; FILE.eml: write the mail into a file; repeatable',
  },
  'mail-from': { type: 'string', describe: 'ADDRESS: who the mail is from' },
  'mail-if': {
    choices: ['always', 'not-clean', 'never'] as const,
    default: 'always' as const,
    describe: 'when to mail',
  },
} as const;

/**
 * Reads `mailOptions`, so that what is wrong with them is said before the work.
 *
 * @param say one line for the user, when the mail is sent.
 * @returns undefined when no mail is wanted.
 * @throws UserError (125) as `readMail` does.
 */
export async function readWishedMail(
  wishes: {
    readonly mail: readonly string[];
    readonly 'mail-from'?: string | undefined;
    readonly 'mail-if': 'always' | 'not-clean' | 'never';
  },
  say: (line: string) => void,
): Promise<WishedMail | undefined> {
  if (wishes.mail.length === 0) return undefined;
  const { readMail, mailReport } = await import('./mail.ts');
  const mail = await readMail({
    mail: wishes.mail,
    mailFrom: wishes['mail-from'],
    mailIf: wishes['mail-if'],
  });
  if (mail === undefined) return undefined;
  return {
    files: mail.files,
    send: (report, destinations, look, status) => mailReport(report, mail, destinations, look, status, say),
  };
}

/** How a config is chosen, for yargs. */
export const configOptions = {
  config: { type: 'string', describe: 'settings from this file; --no-config: from none' },
  preset: {
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'settings of this name in the config; repeatable',
  },
} as const;

/** What the words of a sub-command say of the config, without reading the others. */
export function configWishesOf(argv: readonly string[]): ConfigWishes {
  let config: string | false | undefined;
  const preset: string[] = [];
  for (const [index, word] of argv.entries()) {
    if (word === '--') break;
    // `--config=FILE`, `--preset nightly`
    const [, name, value = argv[index + 1] ?? ''] = /^--(config|preset)(?:=(.*))?$/s.exec(word) ?? [];
    if (word === '--no-config') config = false;
    if (name !== undefined && value === '') throw new UserError(`--${name} needs a value`);
    if (name === 'config') config = value;
    if (name === 'preset') preset.push(value);
  }
  return { ...(config === undefined ? {} : { config }), preset };
}

/**
 * Parses the words of a command that reads runs, with what the config says of reading them in front. To be called when
 * the command has named its options: it gets the words that it knows.
 *
 * @throws UserError (125) for a config that cannot be used.
 */
export async function parseWithConfig<T>(parser: Argv<T>, argv: readonly string[]) {
  // yargs adds to the parser itself.
  parser.options(configOptions);
  const loaded = isAnswered(argv) ? undefined : await loadConfig(configWishesOf(argv), process.cwd());
  if (loaded === undefined) return parser.parseAsync([...argv]);
  const { configWords } = await import('../run/config-words.ts');
  // yargs has it, its types do not.
  const { key } = (parser as unknown as { getOptions: () => { key: object } }).getOptions();
  const words = configWords(loaded, 'analysis')
    .map(({ word }) => word)
    // `--only-mine`, `--no-only-mine`, `--baseline=FILE`
    .filter((word) => Object.hasOwn(key, word.replace(/^--(?:no-)?/, '').replace(/=.*/s, '')));
  return parser.parseAsync([...words, ...argv]);
}

/** Whether the parser has already answered with help or the version, so that nothing is left to do. */
export function isAnswered(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv
    .slice(0, end === -1 ? argv.length : end)
    .some((word) => ['--help', '-h', '--version'].includes(word));
}
