// Owns the table of vgrun's own options for running a program, and how their values are read.
import { UserError } from '../../errors.ts';

/** How the text of a value becomes a value. */
type OwnType = 'boolean' | 'text' | 'list' | 'count' | 'seconds' | 'choice';

export interface OwnOption<Group = 'Report' | 'Run'> {
  /** With its dashes. */
  readonly name: string;
  /** One letter after one dash, that means the same. */
  readonly short?: string;
  readonly type: OwnType;
  /** What help writes for the value; missing for booleans. */
  readonly metavar?: string;
  readonly choices?: readonly string[];
  /** One line for help. */
  readonly summary: string;
  /** The heading under which help lists it. */
  readonly group: Group;
  /** As help writes it. */
  readonly default?: string;
  /** On the first screen of help. */
  readonly common?: boolean;
  /** `--no-NAME` sets it to false, though it is no boolean. */
  readonly negatable?: boolean;
}

/** Every option of `vgrun [options] program`, in the order of help. */
export const ownOptions: readonly OwnOption[] = [
  {
    name: '--report',
    type: 'list',
    metavar: 'FORMAT=FILE',
    summary: 'write a report: html, json, sarif, junit, …',
    group: 'Report',
    common: true,
  },
  {
    name: '--mail',
    type: 'list',
    metavar: 'ADDRESS',
    summary: 'mail the report, with those in files attached; FILE.eml: into a file',
    group: 'Report',
  },
  {
    name: '--mail-from',
    type: 'text',
    metavar: 'ADDRESS',
    summary: 'who the mail is from; default: this user on this machine',
    group: 'Report',
  },
  {
    name: '--mail-if',
    type: 'choice',
    metavar: 'WHEN',
    choices: ['always', 'not-clean', 'never'],
    summary: 'when to mail: always, not-clean or never',
    group: 'Report',
    default: 'always',
  },
  { name: '--full-stacks', type: 'boolean', summary: 'show every frame', group: 'Report', common: true },
  {
    name: '--all',
    type: 'boolean',
    summary: 'show also what does not count as an error',
    group: 'Report',
    common: true,
  },
  {
    name: '--baseline',
    type: 'text',
    metavar: 'FILE',
    summary: 'only findings that are not in it fail',
    group: 'Report',
    common: true,
  },
  {
    name: '--fail-on',
    type: 'text',
    metavar: 'LIST',
    summary: 'what fails: definite, invalid, uninit, race, all, …',
    group: 'Report',
    default: 'default',
  },
  {
    name: '--max',
    type: 'text',
    metavar: 'LIST',
    summary: 'how much is allowed: possible=4KiB,race=2',
    group: 'Report',
  },
  {
    name: '--max-growth',
    type: 'text',
    metavar: 'LIST',
    summary: 'how much a profile may grow against --baseline: Ir=5%,bytes=4KiB',
    group: 'Report',
  },
  {
    name: '--only-mine',
    type: 'boolean',
    summary: 'only findings that my code takes part in are shown and fail',
    group: 'Report',
  },
  {
    name: '--mine',
    type: 'list',
    metavar: 'PATTERN',
    summary: 'sources, or obj:FILES, that are mine: src/**, obj:*/libmy*.so*',
    group: 'Report',
  },
  {
    name: '--library',
    type: 'list',
    metavar: 'PATTERN',
    summary: 'those that are libraries: third_party/**',
    group: 'Report',
  },
  {
    name: '--system',
    type: 'list',
    metavar: 'PATTERN',
    summary: 'those that belong to the system',
    group: 'Report',
  },
  {
    name: '--confidential',
    type: 'boolean',
    summary: 'keep command lines, source text and quotes of logs out of reports',
    group: 'Report',
  },
  {
    name: '--show-secrets',
    type: 'boolean',
    summary: 'show values of variables that look like secrets',
    group: 'Report',
  },
  {
    name: '--project-root',
    type: 'text',
    metavar: 'DIR',
    summary: 'sources below it are yours; default: the nearest .git',
    group: 'Report',
  },
  {
    name: '--follow-interpreter',
    type: 'boolean',
    summary: "take in a script interpreter's own findings",
    group: 'Report',
  },
  {
    name: '--color',
    type: 'choice',
    metavar: 'WHEN',
    choices: ['auto', 'always', 'never'],
    summary: 'colours: auto, always or never',
    group: 'Report',
    default: 'auto',
  },
  {
    name: '--timeout',
    type: 'seconds',
    metavar: 'TIME',
    summary: 'end the program after 30, 30s, 5m or 1h',
    group: 'Run',
    common: true,
  },
  {
    name: '--kill-after',
    type: 'seconds',
    metavar: 'TIME',
    summary: 'after the timeout: from asking to killing',
    group: 'Run',
    default: '5s',
  },
  {
    name: '--wait',
    type: 'seconds',
    metavar: 'TIME',
    summary: 'wait for processes that outlive the first one',
    group: 'Run',
    default: '2s',
  },
  {
    name: '--core',
    type: 'boolean',
    summary: 'keep the core file of each process that crashes',
    group: 'Run',
  },
  {
    name: '--on-crash',
    type: 'choice',
    metavar: 'WHAT',
    choices: ['gdb'],
    summary: 'gdb: the same, and the report shows its stacks',
    group: 'Run',
  },
  {
    name: '--repeat',
    type: 'count',
    metavar: 'N',
    summary: 'run the program N times; the report counts what failed',
    group: 'Run',
  },
  {
    name: '--until-fail',
    type: 'boolean',
    summary: 'with --repeat: stop at the first failure, and keep only that',
    group: 'Run',
  },
  {
    name: '--error-locals',
    type: 'boolean',
    summary: "the variables of all frames at each of valgrind's errors, by gdb",
    group: 'Run',
  },
  {
    name: '--capture',
    type: 'choice',
    metavar: 'HOW',
    choices: ['xml', 'fd'],
    summary: 'xml: a file per process; fd: one stream, seen live',
    group: 'Run',
    default: 'xml',
  },
  {
    name: '--runs-in',
    type: 'text',
    metavar: 'DIR',
    summary: 'keep the run in DIR/.vgrun/runs; default: the working directory',
    group: 'Run',
  },
  {
    name: '--keep',
    type: 'count',
    metavar: 'N',
    summary: 'how many runs to keep',
    group: 'Run',
    default: '20',
  },
  {
    name: '--own-status',
    type: 'boolean',
    summary: 'end as the program ended, by its status or signal, whatever was found',
    group: 'Run',
  },
  {
    name: '--known-noise',
    type: 'list',
    metavar: 'LIST',
    summary: 'suppress what is known of glibc, ld.so, glib, openssl-1.0',
    group: 'Run',
  },
  {
    name: '--valgrind',
    type: 'text',
    metavar: 'PATH',
    summary: 'which valgrind to use; default: the first on PATH',
    group: 'Run',
  },
  {
    name: '--lift-all',
    type: 'boolean',
    summary: 'take options after the program that programs have too',
    group: 'Run',
  },
  {
    name: '--config',
    type: 'text',
    metavar: 'FILE',
    summary: 'settings from this file; --no-config: from none',
    group: 'Run',
    negatable: true,
  },
  {
    name: '--preset',
    type: 'list',
    metavar: 'NAME',
    summary: 'settings of this name in the config; see vgrun config',
    group: 'Run',
  },
  {
    name: '--log-level',
    type: 'choice',
    metavar: 'LEVEL',
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    summary: "show vgrun's own log on stderr",
    group: 'Run',
    default: 'silent',
  },
];

/** vgrun's own options as given, defaults filled in. */
export interface OwnSettings {
  /** `FORMAT=FILE`, in order. */
  readonly report: readonly string[];
  /** Addresses, and files that end in `.eml`, in order. */
  readonly mail: readonly string[];
  readonly mailFrom?: string;
  readonly mailIf: 'always' | 'not-clean' | 'never';
  readonly fullStacks: boolean;
  readonly all: boolean;
  readonly baseline?: string;
  /** As typed. */
  readonly failOn?: string;
  /** As typed. */
  readonly max?: string;
  /** As typed. */
  readonly maxGrowth?: string;
  readonly onlyMine: boolean;
  readonly mine: readonly string[];
  readonly library: readonly string[];
  readonly system: readonly string[];
  readonly confidential: boolean;
  readonly showSecrets: boolean;
  readonly projectRoot?: string;
  readonly followInterpreter: boolean;
  readonly color: 'auto' | 'always' | 'never';
  /** Seconds. */
  readonly timeout?: number;
  /** Seconds. */
  readonly killAfter: number;
  /** Seconds. */
  readonly wait: number;
  readonly core: boolean;
  readonly onCrash?: 'gdb';
  readonly repeat?: number;
  readonly untilFail: boolean;
  readonly errorLocals: boolean;
  readonly capture: 'xml' | 'fd';
  /** As typed: the folder whose `.vgrun/runs` gets the run. */
  readonly runsIn?: string;
  readonly keep: number;
  readonly ownStatus: boolean;
  /** `glibc,glib`, as typed. */
  readonly knownNoise: readonly string[];
  readonly valgrind?: string;
  readonly liftAll: boolean;
  /** false: `--no-config`. */
  readonly config?: string | false;
  /** In order. */
  readonly preset: readonly string[];
  readonly logLevel?: string;
}

/** What holds when nothing is said. */
export const ownDefaults: OwnSettings = {
  report: [],
  mail: [],
  mailIf: 'always',
  fullStacks: false,
  all: false,
  onlyMine: false,
  mine: [],
  library: [],
  system: [],
  confidential: false,
  showSecrets: false,
  followInterpreter: false,
  color: 'auto',
  killAfter: 5,
  wait: 2,
  core: false,
  untilFail: false,
  errorLocals: false,
  capture: 'xml',
  keep: 20,
  ownStatus: false,
  knownNoise: [],
  liftAll: false,
  preset: [],
};

/**
 * Reads one of vgrun's own options from the front of the words: `--name=value`, `--name value`, `--name`, `--no-name`.
 *
 * @returns how many words it took and what it sets; undefined when it is none of ours.
 * @throws UserError (125) when the value is missing or wrong.
 */
export function readOwnOption(
  word: string,
  next: string | undefined,
  settings: OwnSettings,
): { readonly taken: 1 | 2; readonly settings: OwnSettings } | undefined {
  return readOptionOf(ownOptions, word, next, settings);
}

/** The same for another table. What the settings hold under an option's key must be what its type makes. */
export function readOptionOf<T extends object>(
  options: readonly OwnOption<unknown>[],
  word: string,
  next: string | undefined,
  settings: T,
): { readonly taken: 1 | 2; readonly settings: T } | undefined {
  const at = word.indexOf('=');
  const name = at === -1 ? word : word.slice(0, at);
  const negated = name.startsWith('--no-');
  const option = options.find((known) =>
    [known.name, known.short].includes(negated ? `--${name.slice(5)}` : name),
  );
  if (option === undefined) return undefined;
  if (negated && option.negatable === true && at === -1) {
    return { taken: 1, settings: { ...settings, [keyOf(option)]: false } };
  }
  if (negated && option.type !== 'boolean') return undefined;
  const given = at === -1 ? undefined : word.slice(at + 1);
  if (option.type === 'boolean') {
    const value = readBoolean(option, given ?? 'yes') !== negated;
    return { taken: 1, settings: { ...settings, [keyOf(option)]: value } };
  }
  const text = given ?? next;
  if (text === undefined || text === '') {
    throw new UserError(`${name} needs a value`, `write ${name}=${option.metavar}`);
  }
  return { taken: given === undefined ? 2 : 1, settings: set(settings, option, text) };
}

function set<T extends object>(settings: T, option: OwnOption<unknown>, text: string): T {
  switch (option.type) {
    case 'list':
      return { ...settings, [keyOf(option)]: [...listOf(settings, option), text] };
    case 'count':
      return { ...settings, [keyOf(option)]: readCount(option, text) };
    case 'seconds':
      return { ...settings, [keyOf(option)]: readSeconds(option, text) };
    case 'choice':
      if (option.choices?.includes(text) !== true) throw wrongValue(option, text, option.choices?.join(', '));
      return { ...settings, [keyOf(option)]: text };
    default:
      return { ...settings, [keyOf(option)]: text };
  }
}

function listOf(settings: object, option: OwnOption<unknown>): readonly string[] {
  return (settings as Readonly<Record<string, readonly string[]>>)[keyOf(option)] ?? [];
}

/** `--kill-after` is `killAfter`. */
function keyOf({ name }: OwnOption<unknown>): string {
  return name.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function readBoolean(option: OwnOption<unknown>, text: string): boolean {
  if (text !== 'yes' && text !== 'no') throw wrongValue(option, text, 'yes, no');
  return text === 'yes';
}

function readCount(option: OwnOption<unknown>, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw wrongValue(option, text, 'a whole number');
  return Number(text);
}

/** 24 days; a timer of Node that is set for more than 2^31 ms goes off at once. */
const longestTime = 24 * 24 * 3600;

/** `30`, `1.5s`, `5m`, `1h` in seconds. */
function readSeconds(option: OwnOption<unknown>, text: string): number {
  const [, amount, unit] = /^(\d{1,9}(?:\.\d{1,3})?)([smh]?)$/.exec(text) ?? [];
  const seconds = Number(amount) * (unit === 'h' ? 3600 : unit === 'm' ? 60 : 1);
  if (!(seconds <= longestTime))
    throw wrongValue(option, text, 'seconds, or a number with s, m or h, up to 576h');
  return seconds;
}

function wrongValue({ name }: OwnOption<unknown>, text: string, accepted: string | undefined): UserError {
  return new UserError(`${name} cannot be "${text}"`, `it takes: ${accepted}`);
}
