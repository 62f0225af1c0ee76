// Owns what may stand at the end of an unfinished command line: from the tables of options, kinds and commands.
import { kinds } from '../analyze/kinds-all.ts';
import { gateWords } from '../model/gate-words.ts';
import { sanitizers } from '../model/sanitizer.ts';
import { reporterNames } from '../report/index.ts';
import { cgiOptions } from '../tools/_shared/cgi-options.ts';
import { gdbOptions } from '../tools/_shared/gdb-options.ts';
import { type OwnOption, ownOptions } from '../tools/_shared/own-options.ts';
import {
  belongsTo,
  optionNamed,
  optionsOf,
  readToken,
  type ValgrindOption,
  valgrindOptions,
} from '../tools/_shared/valgrind-options.ts';
import { tools } from '../tools/index.ts';
import { analysisOptions, growthOption, secretsOption } from './analysis.ts';
import { coreOptions } from './core-options.ts';
import { interactiveOptions } from './gdb-words.ts';
import { stacksOptions } from './stacks-options.ts';
import { configOptions, mailOptions, reportOptions } from './sub-command.ts';

export interface Candidate {
  /** The whole word. */
  readonly text: string;
  readonly about?: string;
}

export interface Candidates {
  /** What the shell adds of its own. */
  readonly kind: 'words' | 'files' | 'commands';
  readonly list: readonly Candidate[];
}

/** What only a disk knows. */
export interface Surroundings {
  /** Names of presets of the config here. */
  readonly presets: readonly string[];
  /** Paths of the runs here, the newest first. */
  readonly runs: readonly string[];
}

interface SubCommandOption {
  readonly name: string;
  readonly about: string;
  readonly takesValue: boolean;
}

/** A sub-command, its options, and what its names are. */
export interface SubCommandWords {
  readonly about: string;
  readonly options: readonly SubCommandOption[];
  readonly verbs?: readonly string[];
  readonly names: 'runs' | 'kinds' | 'programs' | 'none';
}

type YargsOptions = Readonly<
  Record<string, { readonly describe: string; readonly type?: string; readonly choices?: readonly string[] }>
>;

const { confidential: _, ...readingOptions } = analysisOptions;
const help = { help: { type: 'boolean', describe: 'show help' } };
const reading = wordsOf({
  ...reportOptions,
  ...analysisOptions,
  ...secretsOption,
  ...configOptions,
  ...help,
});
const growing = wordsOf(growthOption);
const baseline = { name: '--baseline', about: 'the baseline', takesValue: true };

/** By name; held to the `--help` of each by a test. */
export const subCommandWords: Readonly<Record<string, SubCommandWords>> = {
  report: {
    about: 'show a run, or a log from elsewhere',
    options: [
      ...reading,
      ...growing,
      ...wordsOf(mailOptions),
      baseline,
      { name: '--symbolize', about: 'name what a log has addresses of only', takesValue: false },
      { name: '--error-exitcode', about: 'exit status for findings', takesValue: true },
    ],
    names: 'runs',
  },
  diff: { about: 'what is new in B against A', options: [...reading, ...growing], names: 'runs' },
  suppress: {
    about: 'write suppressions for findings',
    options: [
      ...wordsOf({ ...readingOptions, ...configOptions, ...help }),
      baseline,
      { name: '--finding', about: 'id of a finding, or its beginning', takesValue: true },
      { name: '--output', about: 'append to this suppression file', takesValue: true },
      { name: '--yes', about: 'write also what hides more than the chosen findings', takesValue: false },
      { name: '--check', about: 'list entries that no stored run used', takesValue: false },
    ],
    names: 'runs',
  },
  baseline: {
    about: 'write down what is known',
    options: [
      ...wordsOf({ ...analysisOptions, ...configOptions, ...help }),
      baseline,
      { name: '--dry-run', about: 'say what would change, and write nothing', takesValue: false },
    ],
    verbs: ['update'],
    names: 'runs',
  },
  flame: {
    about: 'a flame graph of where time goes',
    options: [
      { name: '--output', about: 'where the drawing goes', takesValue: true },
      { name: '--pid', about: 'look at a process that runs', takesValue: true },
      { name: '--seconds', about: 'for how long, with --pid', takesValue: true },
      { name: '--tool', about: 'what to draw', takesValue: true },
      { name: '--freq', about: 'samples per second', takesValue: true },
      { name: '--call-graph', about: 'how callers are found', takesValue: true },
      { name: '--help', about: 'show help', takesValue: false },
    ],
    names: 'programs',
  },
  include: {
    about: 'the folder of crtdbg.h, for -I',
    options: wordsOf(help),
    names: 'none',
  },
  build: {
    about: 'build a project with a sanitizer',
    options: [
      ...sanitizers.map(({ tool, title }) => ({ name: `--${tool}`, about: title, takesValue: false })),
      { name: '--memwatch', about: 'your memwatch.c', takesValue: true },
      { name: '--compiler', about: 'gcc, clang or a path', takesValue: true },
      { name: '--build-dir', about: 'where to build', takesValue: true },
      { name: '--print', about: 'only say what would be run', takesValue: false },
      { name: '--help', about: 'show help', takesValue: false },
    ],
    names: 'programs',
  },
  cgi: {
    about: 'replay captured requests',
    options: [
      ...cgiOptions.map(({ name, summary, type }) => ({
        name,
        about: summary,
        takesValue: type !== 'boolean',
      })),
      { name: '--help', about: 'show help', takesValue: false },
    ],
    names: 'programs',
  },
  core: {
    about: 'what a core file tells',
    options: wordsOf({
      ...coreOptions,
      ...reportOptions,
      ...analysisOptions,
      ...secretsOption,
      ...mailOptions,
      ...configOptions,
      ...help,
    }),
    names: 'runs',
  },
  stacks: {
    about: 'what each thread of a process does',
    options: wordsOf({
      ...stacksOptions,
      ...reportOptions,
      ...analysisOptions,
      ...secretsOption,
      ...configOptions,
      ...help,
    }),
    names: 'none',
  },
  shim: {
    about: 'a supervisor starts the program, vgrun runs it',
    options: wordsOf(help),
    verbs: ['install', 'restore', 'status'],
    names: 'programs',
  },
  macro: {
    about: 'what a macro becomes, where it is defined, who uses it',
    options: [
      ...wordsOf(help),
      { name: '--at', about: 'FILE:LINE: the macros that hold there', takesValue: true },
      { name: '--json', about: 'as JSON', takesValue: false },
      { name: '--project-root', about: 'sources below it are yours', takesValue: true },
    ],
    names: 'programs',
  },
  gdb: {
    about: 'a crash explained, probes, gdb itself',
    options: [
      ...gdbOptions.map(({ name, summary = '', type }) => ({
        name,
        about: summary,
        takesValue: type !== 'flag',
      })),
      ...interactiveOptions.map(({ name, summary, metavar }) => ({
        name,
        about: summary,
        takesValue: metavar !== undefined,
      })),
      { name: '--help', about: 'show help', takesValue: false },
    ],
    names: 'programs',
  },
  explain: { about: 'what an error means', options: wordsOf(help), names: 'kinds' },
  config: {
    about: 'which settings are in force, and where each is from',
    options: [
      ...wordsOf({ ...configOptions, ...help }),
      { name: '--json', about: 'as JSON', takesValue: false },
      { name: '--schema', about: 'the JSON Schema of a config', takesValue: false },
      { name: '--show-values', about: 'show values of environment variables', takesValue: false },
    ],
    names: 'none',
  },
  completion: {
    about: 'a script for bash, zsh or fish',
    options: wordsOf(help),
    verbs: ['bash', 'zsh', 'fish'],
    names: 'none',
  },
};

function wordsOf(options: YargsOptions): readonly SubCommandOption[] {
  return Object.entries(options).map(([name, { describe, type }]) => ({
    name: `--${name}`,
    about: describe,
    takesValue: type !== 'boolean',
  }));
}

/** Nothing else is offered: what a shell makes of other characters is its affair. */
const plain = /^[\w@%+=:,./-]+$/;

/**
 * Says what may stand where the last word is.
 *
 * @param words all after `vgrun`, the last one unfinished, perhaps empty.
 */
export function candidatesFor(words: readonly string[], surroundings: Surroundings): Candidates {
  const current = words.at(-1) ?? '';
  const { kind, list } = offer(words.slice(0, -1), current, surroundings);
  return {
    kind,
    list: list.filter(({ text }) => text.startsWith(current) && plain.test(text)),
  };
}

function offer(before: readonly string[], current: string, surroundings: Surroundings): Candidates {
  const [first] = before;
  if (first !== undefined && Object.hasOwn(subCommandWords, first)) {
    return ofSubCommand(first, before.slice(1), current, surroundings);
  }
  const tool =
    before
      .map(readToken)
      .findLast(({ name, value }) => name === '--tool' && tools.some((tool) => tool.name === value))?.value ??
    'memcheck';
  for (let index = 0; index < before.length; index++) {
    const word = before[index] as string;
    if (word === '--') return index + 1 === before.length ? commands : files;
    if (!word.startsWith('-')) return afterProgram(before.slice(index + 1), current, tool);
    const own = ownOptions.find(({ name }) => name === word);
    if (own === undefined || own.type === 'boolean') continue;
    if (index + 1 === before.length) return ofValue(own.name, '', surroundings);
    index += 1;
  }
  if (current.startsWith('-')) return ofOptions(current, tool, surroundings);
  if (before.length > 0) return commands;
  return {
    kind: 'commands',
    list: Object.entries(subCommandWords).map(([text, { about }]) => ({ text, about })),
  };
}

const files: Candidates = { kind: 'files', list: [] };
const commands: Candidates = { kind: 'commands', list: [] };

function ofOptions(current: string, tool: string, surroundings: Surroundings): Candidates {
  const { name, value, scope } = readToken(current);
  if (value !== undefined) {
    return scope === undefined && ownOptions.some((option) => option.name === name)
      ? ofValue(name, `${name}=`, surroundings)
      : ofValgrindValue(name, current.slice(0, current.indexOf('=') + 1));
  }
  return {
    kind: 'words',
    list: [
      ...ownOptions.flatMap(ofOwn),
      ...optionsOf(tool)
        .filter((option) => option.undocumented !== true)
        .map(ofValgrind),
    ],
  };
}

function ofOwn({ name, type, summary, negatable }: OwnOption): readonly Candidate[] {
  const off = { text: `--no-${name.slice(2)}`, about: `not: ${summary}` };
  if (type === 'boolean') return [{ text: name, about: summary }, off];
  return [{ text: `${name}=`, about: summary }, ...(negatable === true ? [off] : [])];
}

function ofValgrind({ name, type, summary }: ValgrindOption): Candidate {
  return {
    text: type === 'flag' ? name : `${name}=`,
    ...(summary === undefined ? {} : { about: summary }),
  };
}

/** Words `HEAD` + value, for one of vgrun's own options; those of the sub-commands are called the same. */
function ofValue(option: string, head: string, { presets }: Surroundings): Candidates {
  const of = (values: readonly string[]): Candidates => ({
    kind: 'words',
    list: values.map((value) => ({ text: `${head}${value}` })),
  });
  switch (option) {
    case '--report':
      return { kind: 'files', list: reporterNames.map((name) => ({ text: `${head}${name}=` })) };
    case '--preset':
      return of(presets);
    case '--fail-on':
      return of(gateWords);
    case '--max':
      return of(
        gateWords.filter((word) => !['all', 'none', 'default'].includes(word)).map((word) => `${word}=`),
      );
    case '--max-growth':
      return of(['all=', 'peak=']);
    case '--baseline':
    case '--config':
    case '--project-root':
    case '--runs-in':
    case '--valgrind':
    case '--memwatch':
    case '--build-dir':
      return files;
    case '--compiler':
      return of(['gcc', 'clang']);
    case '--color':
      return of(reportOptions.color.choices);
    default:
      return of(ownOptions.find(({ name }) => name === option)?.choices ?? []);
  }
}

function ofValgrindValue(name: string, head: string): Candidates {
  const option = optionNamed(name);
  const of = (values: readonly string[]): Candidates => ({
    kind: 'words',
    list: values.map((value) => ({ text: `${head}${value}` })),
  });
  if (name === '--tool') return of(tools.map((tool) => tool.name));
  switch (option?.type) {
    case 'bool':
      return of(['yes', 'no']);
    case 'enum':
    case 'set':
      return of(option.values ?? []);
    case 'path':
      return files;
    default:
      return of([]);
  }
}

/** Words of the program, and what would be lifted from among them. */
function afterProgram(rest: readonly string[], current: string, tool: string): Candidates {
  if (rest.includes('--') || !current.startsWith('--')) return files;
  const liftable = valgrindOptions.filter(
    (option) => option.afterProgram === undefined && option.undocumented !== true && belongsTo(option, tool),
  );
  const { name, value } = readToken(current);
  if (value === undefined) {
    return { kind: 'files', list: liftable.filter(({ type }) => type !== 'flag').map(ofValgrind) };
  }
  const lifted = name === '--tool' || liftable.some((option) => option.name === name);
  return lifted ? ofValgrindValue(name, `${name}=`) : files;
}

function ofSubCommand(
  command: string,
  before: readonly string[],
  current: string,
  surroundings: Surroundings,
): Candidates {
  const { options, verbs = [], names } = subCommandWords[command] as SubCommandWords;
  const { name, value } = readToken(current);
  const last = before.at(-1);
  if (options.some((option) => option.name === last && option.takesValue)) {
    return ofValue(last as string, '', surroundings);
  }
  if (current.startsWith('-')) {
    if (value !== undefined) return ofValue(name, `${name}=`, surroundings);
    const list = options.map((option) => ({
      text: option.takesValue ? `${option.name}=` : option.name,
      about: option.about,
    }));
    return { kind: 'words', list };
  }
  if (verbs.length > 0 && !before.some((word) => verbs.includes(word))) {
    return { kind: 'words', list: verbs.map((text) => ({ text })) };
  }
  switch (names) {
    case 'runs':
      // What is begun the shell completes as a path, and would offer twice.
      return {
        kind: 'files',
        list: current === '' ? surroundings.runs.map((text) => ({ text, about: 'a run' })) : [],
      };
    case 'kinds':
      return {
        kind: 'words',
        list: kinds.flatMap(({ tool, kind, title }) => [
          { text: kind, about: title },
          { text: `${tool}/${kind}`, about: title },
        ]),
      };
    case 'programs':
      return commands;
    case 'none':
      return { kind: 'words', list: [] };
  }
}
