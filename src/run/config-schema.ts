// Owns what a config may say: one schema, from which come the check, the types and the JSON Schema for editors. Loaded
// only when there is a config.
import * as v from 'valibot';
import { isGateWord } from '../analyze/gate.ts';
import { gateWords } from '../model/gate-words.ts';
import { nearest } from '../model/spelling.ts';

const text = (about: string) =>
  v.pipe(
    v.string('must be a text'),
    v.minLength(1, 'must not be empty'),
    v.regex(/^[^\0]*$/, 'must not hold a NUL character'),
    v.description(about),
  );
const flag = (about: string) => v.pipe(v.boolean('must be true or false'), v.description(about));
const list = (about: string, item: string) =>
  v.pipe(v.array(text(item), 'must be a list of texts'), v.description(about));
/** picomatch refuses longer ones. */
const patterns = (about: string) =>
  v.pipe(
    v.array(
      v.pipe(
        v.string('must be a text'),
        v.minLength(1, 'must not be empty'),
        v.maxLength(1000, 'must have at most 1000 characters'),
        v.regex(/^(?!obj:$)/, 'must name objects after obj:'),
        v.description('A pattern of sources (src/**) or objects (obj:*/libmy*.so*)'),
      ),
      'must be a list of texts',
    ),
    v.description(about),
  );
const choice = <const T extends readonly string[]>(words: T, about: string) =>
  v.pipe(v.picklist(words, `must be one of ${words.join(', ')}`), v.description(about));
const limit = 'must be a whole number, or a text such as "4KiB"';
const growth = 'must be a whole number, or a text such as "5%" or "4KiB"';
const time = 'must be seconds, or a text such as "30s", "5m" or "1h"';
const seconds = (about: string) =>
  v.pipe(
    v.union(
      [
        v.pipe(v.number(time), v.minValue(0, time), v.maxValue(24 * 24 * 3600, 'must be at most 576 hours')),
        // `90`, `1.5s`, `5m`, `1h`
        v.pipe(v.string(time), v.regex(/^\d{1,9}(\.\d{1,3})?[smh]?$/, time)),
      ],
      time,
    ),
    v.description(about),
  );

const variables = (about: string) =>
  v.pipe(
    v.record(
      v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of a variable')),
      v.union(
        [v.pipe(v.string(), v.regex(/^[^\0]*$/, 'must not hold a NUL character')), v.null()],
        'must be a text, or null to take the variable away',
      ),
      'must be an object: names of variables and their values',
    ),
    v.description(about),
  );
const times = (about: string, least: number) =>
  v.pipe(
    v.number('must be a whole number'),
    v.integer('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
    v.maxValue(999_999_999, 'must be below 1,000,000,000'),
    v.description(about),
  );

/** How a server of the user's makes the environment. */
export const serverEntries = {
  extends: v.optional(
    text('The server that it is like: apache, nginx, lighttpd, boa, none, or another of these.'),
  ),
  scriptName: v.optional(text('SCRIPT_NAME.')),
  documentRoot: v.optional(text('DOCUMENT_ROOT; absolute.')),
  serverName: v.optional(text('SERVER_NAME.')),
  serverPort: v.optional(times('SERVER_PORT.', 1)),
  serverSoftware: v.optional(text('SERVER_SOFTWARE.')),
  serverAdmin: v.optional(text('SERVER_ADMIN.')),
  serverAddress: v.optional(text('SERVER_ADDR.')),
  remoteAddress: v.optional(text('REMOTE_ADDR.')),
  remotePort: v.optional(times('REMOTE_PORT.', 1)),
  environment: v.optional(variables('Variables that it sets whatever the request; null takes one away.')),
};

/** What `vgrun cgi` can be told by a config. */
export const cgiEntries = {
  server: v.optional(
    text('How the environment is made: apache, nginx, lighttpd, boa, none, or one of "servers".'),
  ),
  servers: v.optional(
    v.pipe(
      v.record(
        v.pipe(v.string(), v.minLength(1, 'must not be empty')),
        v.strictObject(serverEntries, 'must be an object'),
        'must be an object: names of servers and what is special about them',
      ),
      v.description('Servers of your own, chosen with --preset=NAME.'),
    ),
  ),
  scriptName: v.optional(text('The part of the URL that is the program. As --script-name.')),
  documentRoot: v.optional(text("DOCUMENT_ROOT, relative to the config's folder. As --document-root.")),
  envFile: v.optional(
    list("Files with variables, relative to the config's folder. As --env-file.", 'A file'),
  ),
  chdir: v.optional(text("Where the program stands, relative to the config's folder. As --chdir.")),
  mode: v.optional(choice(['auto', 'cgi', 'fastcgi', 'scgi'], 'How the program is asked. As --mode.')),
  connect: v.optional(text('Where it listens by itself. As --connect.')),
  repeat: v.optional(times('Send all requests so many times. As --repeat.', 1)),
  warmUp: v.optional(times('And so many times before that. As --warm-up.', 0)),
  jobs: v.optional(times('How many requests at once. As --jobs.', 1)),
  growth: v.optional(flag('Measure what each request takes. As --growth.')),
  expect: v.optional(list('What answers must be. As --expect.', 'An expectation')),
};

/** Every setting; a preset has the same. The order is that of docs and of `vgrun config`. */
export const settingEntries = {
  tool: v.optional(
    text(
      'The instrument: memcheck, helgrind, drd, massif, dhat, callgrind, cachegrind, perf, gprof, … As --tool=NAME.',
    ),
  ),
  options: v.optional(
    list(
      "Options of valgrind, written as on the command line: --leak-check=full. What only some tools have is left to their runs. Files are relative to the config's folder.",
      'One option, --name=value',
    ),
  ),
  environment: v.optional(
    v.pipe(
      v.record(
        v.pipe(v.string(), v.regex(/^[^=\0]+$/, 'must be the name of a variable')),
        v.union(
          [v.pipe(v.string(), v.regex(/^[^\0]*$/, 'must not hold a NUL character')), v.null()],
          'must be a text, or null to take the variable away',
        ),
        'must be an object: names of variables and their values',
      ),
      v.description(
        'Environment variables for valgrind and the program; null takes one away. Values are kept out of run.json and reports.',
      ),
    ),
  ),
  report: v.optional(
    list(
      "Reports to write, FORMAT=FILE. Files are relative to the config's folder; - is standard output. As --report.",
      'FORMAT=FILE',
    ),
  ),
  mail: v.optional(
    list(
      "Where the report is mailed: addresses, and files that end in .eml, which are relative to the config's folder. As --mail.",
      'ADDRESS or FILE.eml',
    ),
  ),
  mailFrom: v.optional(text('Who the mail is from. As --mail-from=ADDRESS.')),
  mailIf: v.optional(choice(['always', 'not-clean', 'never'], 'When to mail. As --mail-if=WHEN.')),
  baseline: v.optional(text('Only findings that are not in this file fail. As --baseline=FILE.')),
  failOn: v.optional(
    v.pipe(
      v.array(
        v.pipe(
          v.string('must be a text'),
          v.check(isGateWord, `must be a kind (InvalidRead) or one of ${gateWords.join(', ')}`),
          v.description('A word or a kind'),
        ),
        'must be a list of texts',
      ),
      v.description('What fails: definite, invalid, uninit, race, all, … As --fail-on=LIST.'),
    ),
  ),
  max: v.optional(
    v.pipe(
      v.record(
        v.pipe(v.string(), v.regex(/^[^=,\0]+$/, 'must be a word of --max')),
        v.union(
          [
            v.pipe(v.number(limit), v.integer(limit), v.minValue(0, limit)),
            // `4KiB`, `0B`
            v.pipe(v.string(limit), v.regex(/^[0-9][0-9A-Za-z.]*$/, limit)),
          ],
          limit,
        ),
        'must be an object: words and how much is allowed of each',
      ),
      v.description(
        'How much is allowed: {"definite": "0B", "possible": "4KiB", "race": 2}. As --max=definite=0B,….',
      ),
    ),
  ),
  maxGrowth: v.optional(
    v.pipe(
      v.record(
        v.pipe(v.string(), v.regex(/^[^\0]+$/, 'must be a measure')),
        v.union(
          [
            v.pipe(v.number(growth), v.integer(growth), v.minValue(0, growth)),
            // `5%`, `4KiB`
            v.pipe(v.string(growth), v.regex(/^[0-9][0-9A-Za-z.]*%?$/, growth)),
          ],
          growth,
        ),
        'must be an object: measures and how much each may grow',
      ),
      v.description(
        'How much a profile may grow against the baseline: {"Ir": "5%", "bytes": "4KiB"}. Only for tools that make profiles: it belongs into their presets. As --max-growth=Ir=5%,….',
      ),
    ),
  ),
  onlyMine: v.optional(flag('Only findings that my code takes part in are shown and fail. As --only-mine.')),
  ownership: v.optional(
    v.pipe(
      v.strictObject(
        {
          mine: v.optional(patterns('Sources, or obj:FILES, that are mine. As --mine.')),
          library: v.optional(patterns('Those that are libraries. As --library.')),
          system: v.optional(patterns('Those that belong to the system. As --system.')),
        },
        'must be an object with mine, library or system',
      ),
      v.description('Whose code is whose: patterns such as src/**, relative to the project root.'),
    ),
  ),
  suppressions: v.optional(
    list("Suppression files of valgrind, relative to the config's folder. As --suppressions=FILE.", 'A file'),
  ),
  knownNoise: v.optional(list('Sets of suppressions that come with vgrun. As --known-noise=NAME.', 'A set')),
  confidential: v.optional(
    flag('Keep command lines, source text and quotes of logs out of reports. As --confidential.'),
  ),
  fullStacks: v.optional(flag('Show every frame. As --full-stacks.')),
  all: v.optional(flag('Show also what does not count as an error. As --all.')),
  projectRoot: v.optional(
    text("Sources below this folder are mine; relative to the config's folder. As --project-root=DIR."),
  ),
  followInterpreter: v.optional(
    flag("Take in a script interpreter's own findings. As --follow-interpreter."),
  ),
  color: v.optional(choice(['auto', 'always', 'never'], 'Colours. As --color=WHEN.')),
  timeout: v.optional(seconds('End the program after this time: seconds, or "5m". As --timeout=TIME.')),
  killAfter: v.optional(seconds('After the timeout: from asking to killing. As --kill-after=TIME.')),
  wait: v.optional(seconds('Wait for processes that outlive the first one. As --wait=TIME.')),
  core: v.optional(flag('Keep the core file of each process that crashes. As --core.')),
  onCrash: v.optional(
    choice(['gdb'], 'gdb: keep the core, and show its stacks in the report. As --on-crash=gdb.'),
  ),
  repeat: v.optional(times('Run the program so many times; for vgrun cgi it is in "cgi". As --repeat.', 1)),
  untilFail: v.optional(flag('With repeat: stop at the first failure. As --until-fail.')),
  errorLocals: v.optional(
    flag("Write down the variables of all frames at each of valgrind's errors. As --error-locals."),
  ),
  capture: v.optional(
    choice(['xml', 'fd'], 'xml: a file for each process; fd: one stream, seen live. As --capture=HOW.'),
  ),
  runsIn: v.optional(
    text("Keep runs in .vgrun/runs of this folder; relative to the config's folder. As --runs-in=DIR."),
  ),
  keep: v.optional(
    v.pipe(
      v.number('must be a whole number'),
      v.integer('must be a whole number'),
      v.minValue(0, 'must not be negative'),
      v.maxValue(999_999_999, 'must be below 1,000,000,000'),
      v.description('How many runs to keep. As --keep=N.'),
    ),
  ),
  ownStatus: v.optional(
    flag('End as the program ended, by its status or signal, whatever was found. As --own-status.'),
  ),
  valgrind: v.optional(text("Which valgrind to use; relative to the config's folder. As --valgrind=PATH.")),
  liftAll: v.optional(flag('Take options after the program that programs have too. As --lift-all.')),
  cgi: v.optional(
    v.pipe(v.strictObject(cgiEntries, 'must be an object'), v.description('For vgrun cgi: docs/cgi.md.')),
  ),
  logLevel: v.optional(
    choice(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      "Show vgrun's own log on stderr. As --log-level=LEVEL.",
    ),
  ),
};

const preset = v.pipe(
  v.strictObject(settingEntries, 'must be an object of settings'),
  v.description('Settings that hold with --preset=NAME, over those of the file.'),
);

/** A whole config. */
export const configSchema = v.pipe(
  v.strictObject(
    {
      $schema: v.optional(
        v.pipe(v.string('must be a text'), v.description('Where this schema is; for editors.')),
      ),
      ...settingEntries,
      presets: v.optional(
        v.pipe(
          v.record(
            v.pipe(v.string(), v.minLength(1, 'must not be empty')),
            preset,
            'must be an object: names of presets and their settings',
          ),
          v.description('Named settings, chosen with --preset=NAME.'),
        ),
      ),
    },
    'must be an object of settings',
  ),
  v.title('vgrun config'),
  v.description('Settings of vgrun: vgrun.config.json, .vgrunrc, or "vgrun" in package.json.'),
);

/** A config, as `vgrun.config.ts` can annotate it. */
export type Config = v.InferInput<typeof configSchema>;

/** The settings of a config, or of one of its presets. */
export type Settings = Omit<Config, '$schema' | 'presets'>;

/** The settings of `cgi`. */
export type CgiConfigSettings = NonNullable<Settings['cgi']>;

/** What is wrong, and where. */
export interface ConfigFault {
  /** `presets.nightly.options[1]`; empty: the whole. */
  readonly key: string;
  /** Completes `KEY …`: `must be a text`. */
  readonly message: string;
  readonly hint?: string;
}

const settingNames = Object.keys(settingEntries);
const ownershipNames = ['mine', 'library', 'system'];

/** Checks a value that was read from a file. Throws only what getters of the value throw. */
export function checkConfig(
  value: unknown,
): { readonly config: Config } | { readonly faults: readonly ConfigFault[] } {
  const lists = listsForObjects(value);
  if (lists.length > 0) return { faults: lists };
  const unknown = unknownKeys(value);
  if (unknown.length > 0) return { faults: unknown };
  const result = v.safeParse(configSchema, value);
  if (result.success) return { config: result.output };
  return {
    faults: result.issues.map((issue) => ({
      key: keyOf((issue.path ?? []).map(({ key }) => key)),
      message: issue.message,
    })),
  };
}

/** valibot takes a list for an object. */
function listsForObjects(value: unknown): readonly ConfigFault[] {
  if (Array.isArray(value)) return [{ key: '', message: 'must be an object of settings' }];
  if (!isObject(value)) return [];
  const presets = isObject(value.presets) ? Object.entries(value.presets) : [];
  const places: readonly (readonly [readonly string[], unknown])[] = [
    [['presets'], value.presets],
    ...[
      [[], value] as const,
      ...presets.map(([name, settings]) => [['presets', name], settings] as const),
    ].flatMap(([path, settings]) => [
      [path, settings] as const,
      ...['environment', 'max', 'maxGrowth', 'ownership', 'cgi'].map(
        (name) => [[...path, name], isObject(settings) ? settings[name] : undefined] as const,
      ),
    ]),
  ];
  return places
    .filter(([, found]) => Array.isArray(found))
    .map(([path]) => ({ key: keyOf(path), message: 'must be an object, not a list' }));
}

/** valibot takes `constructor` and `__proto__` for known names. */
function unknownKeys(value: unknown): readonly ConfigFault[] {
  if (!isObject(value)) return [];
  const presets = isObject(value.presets) ? Object.entries(value.presets) : [];
  return [
    ...strangers(value, ['$schema', ...settingNames, 'presets'], []),
    ...innerStrangers(value, []),
    ...presets.flatMap(([name, settings]) => [
      ...strangers(settings, settingNames, ['presets', name]),
      ...(isObject(settings) ? innerStrangers(settings, ['presets', name]) : []),
    ]),
  ];
}

function innerStrangers(
  { ownership, cgi }: Readonly<Record<string, unknown>>,
  path: readonly string[],
): readonly ConfigFault[] {
  const servers = isObject(cgi) && isObject(cgi.servers) ? Object.entries(cgi.servers) : [];
  return [
    ...strangers(ownership, ownershipNames, [...path, 'ownership']),
    ...strangers(cgi, Object.keys(cgiEntries), [...path, 'cgi']),
    ...servers.flatMap(([name, server]) =>
      strangers(server, Object.keys(serverEntries), [...path, 'cgi', 'servers', name]),
    ),
  ];
}

function strangers(
  value: unknown,
  known: readonly string[],
  path: readonly string[],
): readonly ConfigFault[] {
  if (!isObject(value)) return [];
  return Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name) => {
      const asKey = name.replace(/^-+/, '').replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
      const guess = known.includes(asKey) ? asKey : nearest(name, known);
      const lists = ownershipNames.includes(name) ? `write it in "ownership"` : undefined;
      return {
        key: keyOf([...path, name]),
        message: 'is no setting',
        hint:
          guess === undefined
            ? (lists ?? `the settings are ${known.filter((word) => word !== '$schema').join(', ')}`)
            : `did you mean "${guess}"?`,
      };
    });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `presets.nightly.options[1]`, `environment["a b"]`. */
export function keyOf(path: readonly unknown[]): string {
  return path
    .map((part, index) =>
      typeof part === 'number'
        ? `[${part}]`
        : /^[\w$-]+$/.test(String(part))
          ? `${index === 0 ? '' : '.'}${String(part)}`
          : `[${JSON.stringify(String(part))}]`,
    )
    .join('');
}
