// Owns the command line of `vgrun [options] program [arguments]`: a drop-in for valgrind's, of today and of old
// articles. Pure. The manual page docs/run.md tells users the same rules.
//
// Before the program stand vgrun's own options and valgrind's. After it, what is unmistakably meant for valgrind is
// lifted out (`vgrun ./test --leak-check=full`), the rest is the program's. `--` ends this wherever it stands: all
// that follows is the program's, untouched. The `--` itself is taken away where it can only be meant for vgrun, before
// the program and directly after it; one further on stays, because programs have a `--` too.
import { UserError } from '../../errors.ts';
import { nearest } from '../../model/spelling.ts';
import { toolNamed, tools } from '../index.ts';
import { type OwnSettings, ownDefaults, ownOptions, readOwnOption } from './own-options.ts';
import {
  acceptedValues,
  accepts,
  belongsTo,
  isAtLeast,
  isOfValgrind,
  isOldOption,
  nearestOption,
  type OptionToken,
  oldToolNamed,
  optionNamed,
  optionsFor,
  readToken,
  sinceOf,
  translateOld,
  type ValgrindOption,
  valgrindTools,
} from './valgrind-options.ts';

/** Places of the user's for valgrind's own output: at most one for the log, one for XML. Files are templates. */
export interface Sinks {
  readonly logFile?: string;
  readonly logFd?: number;
  /** `address:port`. */
  readonly logSocket?: string;
  /** This and the next two only with `--xml=yes`. */
  readonly xmlFile?: string;
  readonly xmlFd?: number;
  readonly xmlSocket?: string;
}

/** valgrind's words for kinds of leaks. */
export type LeakKindWord = 'definite' | 'indirect' | 'possible' | 'reachable';

/** A command line, understood. "Effective" values count rc files and VALGRIND_OPTS too, as valgrind does. */
export interface CommandLine {
  readonly own: OwnSettings;
  /** Name of an instrument of the registry. */
  readonly tool: string;
  /** The tool was named, not taken by default. */
  readonly toolGiven: boolean;
  /** The user's options for valgrind in order: today's spelling, without sinks, from the command line only. */
  readonly toolOptions: readonly string[];
  /** Missing only with `help` or `version`. */
  readonly program?: string;
  readonly arguments: readonly string[];
  /** Effective. */
  readonly sinks: Sinks;
  /** Effective `--error-exitcode`; missing when none or 0. */
  readonly errorExitcode?: number;
  /** Effective; missing when not given: valgrind's default is `summary` in text and `full` in XML. */
  readonly leakCheck?: 'no' | 'summary' | 'full';
  /** Effective. */
  readonly showLeakKinds: readonly LeakKindWord[];
  /** Effective. */
  readonly errorsForLeakKinds: readonly LeakKindWord[];
  /** Effective. */
  readonly quiet: boolean;
  /** How many `-v`. Effective. */
  readonly verbose: number;
  /** `short`: `--help`; `full`: `--help-debug`; `dynamic`: `--help-dyn-options`. */
  readonly help?: 'short' | 'full' | 'dynamic';
  readonly version?: boolean;
  /** `--db-attach=yes`: gdb and words for it, `%f` in them is the program. */
  readonly debugger?: readonly string[];
  /** What was taken from after the program, as written, in order. */
  readonly lifted: readonly string[];
  /** Lines to tell the user, one sentence each. */
  readonly notes: readonly string[];
}

export interface CommandLineContext {
  /** Someone sits at a terminal: what needs an answer may be asked. */
  readonly terminal: boolean;
  /** What valgrind will take from rc files and VALGRIND_OPTS, split, in its order. */
  readonly environmentOptions: readonly string[];
}

/**
 * Reads what stands after `vgrun`.
 *
 * @throws UserError (125) for an unknown option, a wrong value, a tool that cannot be read, a missing program.
 */
export function readCommandLine(argv: readonly string[], context: CommandLineContext): CommandLine {
  const before = readBefore(argv);
  const notes: string[] = [];
  const after = before.program === undefined ? noArguments : splitArguments(before);
  const choice = chooseTool([...before.tokens, ...after.lifted], notes);
  const reading = startReading(choice.tool, context);

  for (const text of environmentOptions(context, [...before.tokens, ...after.lifted]))
    readInherited(reading, text);
  for (const text of choice.options) settle(reading, readToken(text));
  for (const text of before.tokens) readGiven(reading, text);
  for (const text of after.lifted) readGiven(reading, text);
  notes.push(...reading.notes, ...after.notes);
  if (reading.debuggerGiven !== undefined && !reading.attaches) {
    notes.push(`${quote(reading.debuggerGiven)} is left out: it is for --db-attach=yes`);
  }
  if (after.lifted.length > 0) notes.push(liftedNote(after.lifted));
  const sinks = finishSinks(reading, notes);
  mustWriteXml(choice.tool, sinks);

  if (before.program === undefined && reading.help === undefined && !reading.version) {
    throw new UserError(
      'no program to run is given',
      'usage: vgrun [options] program [arguments]; more: vgrun --help',
    );
  }
  const { errorExitcode, leakCheck, help } = reading;
  if (errorExitcode !== undefined && (errorExitcode < 0 || errorExitcode > 255)) {
    throw new UserError(
      `--error-exitcode cannot be ${errorExitcode}: no program can end with it`,
      'it takes: a number from 0 to 255',
    );
  }
  return {
    own: before.own,
    tool: choice.tool,
    toolGiven: choice.given,
    toolOptions: withFirstErrorStatus(reading),
    ...(before.program === undefined ? {} : { program: before.program }),
    arguments: after.arguments,
    sinks,
    ...(errorExitcode === undefined || errorExitcode === 0 ? {} : { errorExitcode }),
    ...(leakCheck === undefined ? {} : { leakCheck }),
    showLeakKinds: reading.showLeakKinds,
    errorsForLeakKinds: reading.errorsForLeakKinds,
    quiet: reading.quiet,
    verbose: reading.verbose,
    ...(help === undefined ? {} : { help }),
    ...(reading.version ? { version: true } : {}),
    ...(reading.attaches ? { debugger: reading.debugger } : {}),
    lifted: after.lifted,
    notes: namedAsTyped(notes, before.respelled),
  };
}

function mustWriteXml(tool: string, { xmlFile, xmlFd, xmlSocket }: Sinks): void {
  const known = toolNamed(tool);
  if (known === undefined || known.yields === 'errors') return;
  if (xmlFile === undefined && xmlFd === undefined && xmlSocket === undefined) return;
  throw new UserError(
    `${tool} writes no XML`,
    'leave out --xml; --report=json=FILE gives a report that programs can read',
  );
}

/** What the words say of the config, before it is read. */
export interface ConfigWishes {
  /** File; false: none is to be read. Missing: the one that is found. */
  readonly config?: string | false;
  /** Names of presets, in order. */
  readonly preset: readonly string[];
}

/**
 * Looks in front of the program for `--config`, `--no-config` and `--preset`. Where only help or the version is
 * wanted, no config is: those must answer also when it is broken.
 *
 * @throws UserError (125) as `readCommandLine` does.
 */
export function readConfigWishes(argv: readonly string[]): ConfigWishes {
  const { own, tokens, program } = readBefore(argv);
  if (program === undefined || tokens.some((text) => answered.has(readToken(text).name))) {
    return { config: false, preset: [] };
  }
  return { ...(own.config === undefined ? {} : { config: own.config }), preset: own.preset };
}

/** Options that are answered instead of running anything. */
const answered: ReadonlySet<string> = new Set([
  '-h',
  '--help',
  '--help-debug',
  '--help-dyn-options',
  '--version',
]);

/**
 * Refuses what the installed valgrind does not have yet. Options of rc files are left to valgrind.
 *
 * @param version installed version, e.g. `3.19.0`.
 * @throws UserError (125)
 */
export function checkVersion(
  { tool, toolOptions }: Pick<CommandLine, 'tool' | 'toolOptions'>,
  version: string,
): void {
  if (!isOfValgrind(tool)) return;
  for (const { name, value } of toolOptions.map(readToken)) {
    const option = optionNamed(name);
    if (option === undefined || !belongsTo(option, tool)) continue;
    const hint = 'leave it out, or name a newer valgrind with --valgrind=PATH';
    const since = sinceOf(option, tool);
    if (!isAtLeast(version, since)) {
      throw new UserError(`valgrind ${version} has no ${name}; it came with ${since}`, hint);
    }
    const sinceValue = sinceOf(option, tool, value);
    if (!isAtLeast(version, sinceValue)) {
      throw new UserError(`valgrind ${version} has no ${name}=${value}; it came with ${sinceValue}`, hint);
    }
  }
}

/** A word of the user's in a sentence. */
function quote(text: string): string {
  return `'${oneLine(text)}'`;
}

/** On one line, whatever is in it. */
function oneLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, '?');
}

// ---- before the program

interface Before {
  readonly own: OwnSettings;
  /** valgrind's options, dashes put right. */
  readonly tokens: readonly string[];
  readonly program?: string;
  readonly rest: readonly string[];
  /** `--` stood before the program. */
  readonly ended: boolean;
  /** Options whose dashes were put right. */
  readonly respelled: readonly Respelled[];
}

interface Respelled {
  readonly typed: string;
  readonly option: string;
}

function readBefore(argv: readonly string[]): Before {
  let own = ownDefaults;
  const tokens: string[] = [];
  const respelled: Respelled[] = [];
  for (let index = 0; index < argv.length; ) {
    const word = argv[index] as string;
    if (word === '--' || !startsWithDash.test(word)) {
      const ended = word === '--';
      const [program, ...rest] = argv.slice(ended ? index + 1 : index);
      return { own, tokens, ...(program === undefined ? {} : { program }), rest, ended, respelled };
    }
    const option = putDashesRight(word);
    if (option !== word) respelled.push({ typed: word, option });
    const ownOption = readOwnOption(option, argv[index + 1], own);
    if (ownOption === undefined) tokens.push(option);
    else own = ownOption.settings;
    index += ownOption?.taken ?? 1;
  }
  return { own, tokens, rest: [], ended: false, respelled };
}

/** One line for each option: what is said of it anyway says it of the word as typed. */
function namedAsTyped(notes: readonly string[], respelled: readonly Respelled[]): readonly string[] {
  const told = [...notes];
  const readings: string[] = [];
  for (const { typed, option } of respelled) {
    const at = told.findIndex((note) => note.startsWith(`${quote(option)} `));
    const note = told[at];
    if (note === undefined) readings.push(`${quote(typed)} is read as ${oneLine(option)}`);
    else told[at] = quote(typed) + note.slice(quote(option).length);
  }
  return [...readings, ...told];
}

/** A hyphen, or what a text editor made of one or two: ‐ ‑ ‒ – — ― −. */
export const startsWithDash = /^[-\u2010-\u2015\u2212]/;

/**
 * Articles write `-tool=memcheck`, and their typography makes `–tool=memcheck` or `—tool=memcheck` of `--tool`.
 * valgrind has no option of one dash but `-h -q -v -d -s`.
 */
function putDashesRight(word: string): string {
  const bare = word.replace(/^[-\u2010-\u2015\u2212]+/, '');
  if (/^--[^-]/.test(word) || bare === '') return word;
  return /^[a-z]$/.test(bare) ? `-${bare}` : `--${bare}`;
}

// ---- after the program

interface After {
  readonly lifted: readonly string[];
  readonly arguments: readonly string[];
  readonly notes: readonly string[];
}

const noArguments: After = { lifted: [], arguments: [], notes: [] };

/** Which arguments are the program's, and which were meant for valgrind. */
function splitArguments({ rest, ended, own, tokens }: Before): After {
  if (ended) return { ...noArguments, arguments: rest };
  if (rest[0] === '--') return { ...noArguments, arguments: rest.slice(1) };
  const end = rest.indexOf('--');
  const open = end === -1 ? rest : rest.slice(0, end);
  // The tool says which options there are, and may itself be among them.
  const tool =
    lastTool(open.filter((word) => isLiftedTool(readToken(word)))) ?? lastTool(tokens) ?? defaultTool;
  const current = oldToolNamed(tool)?.use ?? tool;
  const lifted: string[] = [];
  const kept: string[] = [];
  const notes: string[] = [];
  for (const word of open) {
    if (isLifted(word, current, own.liftAll)) {
      lifted.push(word);
    } else {
      kept.push(word);
      const hint = nearMiss(word, current);
      if (hint !== undefined) notes.push(hint);
    }
  }
  return { lifted, arguments: end === -1 ? kept : [...kept, ...rest.slice(end)], notes };
}

/** Only `--name=value` with a value that valgrind takes: anything else may be the program's. */
function isLifted(word: string, tool: string, liftAll: boolean): boolean {
  const token = readToken(word);
  if (isLiftedTool(token)) return true;
  const option = optionNamed(token.name);
  if (option === undefined || token.value === undefined) return false;
  if (token.scope !== undefined && token.scope !== tool) return false;
  if (option.afterProgram === 'never' || option.name === '--tool' || !belongsTo(option, tool)) return false;
  return (liftAll || option.afterProgram === undefined) && accepts(option, token.value);
}

/** `--tool=helgrind` is unmistakable; `--tool=none` is not. */
function isLiftedTool({ name, value, scope }: OptionToken): boolean {
  return (
    name === '--tool' &&
    scope === undefined &&
    value !== undefined &&
    value !== 'none' &&
    (valgrindTools.includes(value) || !isOfValgrind(value))
  );
}

/** A hint for what was probably meant for valgrind but goes to the program. */
function nearMiss(word: string, tool: string): string | undefined {
  if (!/^--[a-z]/.test(word)) return undefined;
  const { name, value, scope } = readToken(word);
  const guess = scope === undefined ? nearestOption(name, tool) : undefined;
  const option = guess === undefined ? undefined : optionNamed(guess);
  if (option === undefined || option.afterProgram !== undefined) return undefined;
  if (option.name !== name)
    return `${quote(word)} goes to the program; did you mean valgrind's ${option.name}?`;
  return value === undefined
    ? `${quote(word)} goes to the program; as a valgrind option it needs a value: ${acceptedValues(option)}`
    : `${quote(word)} goes to the program; valgrind's ${option.name} takes ${acceptedValues(option)}`;
}

function liftedNote(lifted: readonly string[]): string {
  const list = lifted.map(quote).join(', ');
  return lifted.length === 1
    ? `${list} is taken as a valgrind option; write -- before it to pass it to the program`
    : `${list} are taken as valgrind options; write -- before them to pass them to the program`;
}

// ---- the tool

const defaultTool = 'memcheck';

/** `--skin=` is from valgrind 2.0. */
function lastTool(tokens: readonly string[]): string | undefined {
  return tokens.map(readToken).findLast(isToolToken)?.value;
}

function isToolToken({ name, scope, value }: OptionToken): boolean {
  return (name === '--tool' || name === '--skin') && scope === undefined && value !== undefined;
}

/**
 * The last `--tool=` wins. One in an rc file or in VALGRIND_OPTS does not count: valgrind's launcher looks at its
 * command line only (observed with 3.19).
 */
function chooseTool(
  tokens: readonly string[],
  notes: string[],
): { readonly tool: string; readonly given: boolean; readonly options: readonly string[] } {
  const wanted = lastTool(tokens);
  const name = wanted ?? defaultTool;
  if (toolNamed(name) !== undefined) return { tool: name, given: wanted !== undefined, options: [] };
  const old = oldToolNamed(name);
  if (old?.use !== undefined && toolNamed(old.use) !== undefined) {
    const options = old.options ?? [];
    notes.push(`'--tool=${name}' is --tool=${[old.use, ...options].join(' ')} today`);
    return { tool: old.use, given: true, options };
  }
  const readable = tools.map((tool) => tool.name).join(', ');
  if (old !== undefined) {
    throw new UserError(
      `valgrind has no tool ${quote(name)} any more; ${old.until} was the last with it`,
      `use one of ${readable}`,
    );
  }
  const guess = nearest(
    name,
    tools.map((tool) => tool.name),
  );
  // Whether the installed valgrind has a tool of the user's own, PLAN finds out.
  if (guess === undefined && /^[\w][\w.+-]*$/.test(name)) return { tool: name, given: true, options: [] };
  throw new UserError(
    `valgrind has no tool ${quote(name)}`,
    guess === undefined ? `the tools are ${readable}` : `did you mean --tool=${guess}?`,
  );
}

// ---- what the options say, one after the other

/** What is known so far; the last word wins. */
interface Reading {
  readonly tool: string;
  readonly terminal: boolean;
  readonly toolOptions: string[];
  readonly notes: string[];
  log: Pick<Sinks, 'logFile' | 'logFd' | 'logSocket'>;
  xml: Pick<Sinks, 'xmlFile' | 'xmlFd' | 'xmlSocket'>;
  xmlWanted: boolean;
  /** `--log-file-qualifier=VAR`, valgrind 3.0 to 3.2. */
  qualifier?: string;
  errorExitcode?: number;
  exitOnFirstError: boolean;
  leakCheck?: 'no' | 'summary' | 'full';
  showLeakKinds: readonly LeakKindWord[];
  errorsForLeakKinds: readonly LeakKindWord[];
  quiet: boolean;
  verbose: number;
  help?: 'short' | 'full' | 'dynamic';
  version: boolean;
  attaches: boolean;
  debugger: readonly string[];
  /** The option that named it. */
  debuggerGiven?: string;
}

/** Default of `--show-leak-kinds` and `--errors-for-leak-kinds` (manual, section 4.3). */
const usualLeakKinds: readonly LeakKindWord[] = ['definite', 'possible'];
const allLeakKinds: readonly LeakKindWord[] = ['definite', 'indirect', 'possible', 'reachable'];

function startReading(tool: string, { terminal }: CommandLineContext): Reading {
  return {
    tool,
    terminal,
    toolOptions: [],
    notes: [],
    log: {},
    xml: {},
    xmlWanted: false,
    exitOnFirstError: false,
    showLeakKinds: usualLeakKinds,
    errorsForLeakKinds: usualLeakKinds,
    quiet: false,
    verbose: 0,
    version: false,
    attaches: false,
    debugger: ['gdb'],
  };
}

function environmentOptions(context: CommandLineContext, tokens: readonly string[]): readonly string[] {
  return tokens.includes('--command-line-only=yes') || !isOfValgrind(lastTool(tokens) ?? defaultTool)
    ? []
    : context.environmentOptions;
}

/** An option from an rc file or VALGRIND_OPTS: it has its effect, and valgrind reads (or refuses) it itself. */
function readInherited(reading: Reading, text: string): void {
  const [token] = optionsFor(reading.tool, [text]);
  if (token === undefined) return;
  if (token.name === '--tool' && token.value !== reading.tool) {
    reading.notes.push(
      `${quote(text)} in valgrind's own settings chooses no tool: valgrind looks for it on the command line only`,
    );
    return;
  }
  takeEffect(reading, token);
}

/** An option of the command line, of any age, in any spelling. */
function readGiven(reading: Reading, text: string): void {
  const token = readToken(text);
  if (isToolToken(token)) {
    if (token.name === '--skin') reading.notes.push(`${quote(text)} is --tool=${reading.tool} today`);
    return;
  }
  if (token.scope !== undefined && token.scope !== reading.tool) {
    // `--helgrind:history-level=none` is for runs of helgrind (manual, section 2.6).
    if (valgrindTools.includes(token.scope) || toolNamed(token.scope) !== undefined) return;
    throw new UserError(
      `unknown option ${quote(text)}: valgrind has no tool ${quote(token.scope)}`,
      `write --TOOL:name=value with one of ${valgrindTools.join(', ')}`,
    );
  }
  const rewritten = rewrite(reading, token);
  if (rewritten === undefined) {
    checkOption(reading.tool, token, text);
    settle(reading, token);
    return;
  }
  for (const spelling of rewritten) {
    const today = readToken(spelling);
    checkOption(reading.tool, today, text);
    settle(reading, today);
  }
}

/** Today's spelling, with one note; none when there is nothing to say it with; undefined when nothing is old. */
function rewrite(reading: Reading, token: OptionToken): readonly string[] | undefined {
  const { name, value } = token;
  const text = value === undefined ? name : `${name}=${value}`;
  const say = (to: readonly string[]) => {
    reading.notes.push(`${quote(text)} is ${oneLine(to.join(' '))} today`);
    return to;
  };
  switch (name) {
    case '--show-reachable':
    case '--show-possibly-lost': {
      if (reading.tool !== 'memcheck' || (value !== 'yes' && value !== 'no')) return undefined;
      const kinds = withKind(reading.showLeakKinds, name, value);
      const words = kinds.length === allLeakKinds.length ? 'all' : kinds.join(',');
      return say([`--show-leak-kinds=${words || 'none'}`]);
    }
    case '--gen-suppressions':
      if (value !== 'yes') return undefined;
      reading.notes.push(
        `${quote(text)} would ask at every error; --gen-suppressions=all is used, which does not`,
      );
      return ['--gen-suppressions=all'];
    case '--log-file-qualifier':
      if (!value) return undefined;
      reading.qualifier = value;
      return [];
    case '--db-attach':
    case '--gdb-attach':
      return attachDebugger(reading, text, value);
    case '--db-command':
    case '--gdb-path':
      reading.debugger = readDebugger(name, text, value);
      reading.debuggerGiven = text;
      return [];
  }
  const translation = translateOld(token, reading.tool);
  if (translation === undefined) return undefined;
  if (translation.to.length > 0) return say(translation.to);
  reading.notes.push(`${quote(text)} is left out: valgrind ${translation.until} was the last that had it`);
  return [];
}

/**
 * Until 3.10 valgrind asked at each error, and started gdb itself (manual of 3.10, --db-attach). Since 3.7 it can only be asked to
 * wait for one; vgrun asks and starts it then.
 */
function attachDebugger(reading: Reading, text: string, value: string | undefined): readonly string[] {
  reading.attaches = value === 'yes';
  if (!reading.attaches) return [];
  if (!reading.terminal) {
    throw new UserError(
      `${quote(text)} asks at each error, and there is no terminal on which anybody could answer`,
      '--error-locals writes the variables at each error into the report, and asks nobody',
    );
  }
  const hasNumber = reading.toolOptions.some((option) => option.startsWith('--vgdb-error='));
  return ['--vgdb=yes', ...(hasNumber ? [] : ['--vgdb-error=1'])];
}

/**
 * `gdb -nw %f %p`, the default of --db-command until 3.10: %p was a copy of the process that gdb attached to. Today gdb reaches it
 * through vgdb, so %p is left out.
 *
 * @throws UserError (125) for another debugger: only gdb speaks the protocol of vgdb.
 */
function readDebugger(name: string, text: string, value = ''): readonly string[] {
  const words = name === '--gdb-path' ? [value] : value.split(/\s+/).filter((word) => word !== '');
  const program = words[0] ?? '';
  if (!/(?:^|[/-])gdb[\w.-]*$/.test(program)) {
    throw new UserError(
      `${quote(text)} names no gdb, and valgrind today speaks to no other debugger`,
      'write --db-command="gdb -nw %f": gdb, its options, and %f for the program',
    );
  }
  return words.filter((word) => word !== '%p');
}

/**
 * In valgrind's terms: `--show-reachable=no` and `--show-possibly-lost=no` take one kind away, whatever was said
 * before stays (mc_main.c).
 */
function withKind(kinds: readonly LeakKindWord[], name: string, value: string): readonly LeakKindWord[] {
  const reachable = name === '--show-reachable';
  if (reachable && value === 'yes') return allLeakKinds;
  const kind = reachable ? 'reachable' : 'possible';
  return allLeakKinds.filter((word) => (word === kind ? value === 'yes' : kinds.includes(word)));
}

/** Refuses what valgrind would refuse, and says what would be right. */
function checkOption(tool: string, { name, value }: OptionToken, text: string): void {
  const option = optionNamed(name);
  const isKnown = toolNamed(tool) !== undefined;
  // A tool that users wrote themselves has options that only it knows.
  if (!isKnown && (option === undefined || !belongsTo(option, tool))) return;
  if (option === undefined) throw unknownOption(name, text, tool);
  if (!belongsTo(option, tool)) throw foreignOption(option, tool);
  if (value === undefined) {
    if (option.type === 'flag') return;
    throw new UserError(
      `${name} needs a value: ${acceptedValues(option)}`,
      `write it with =, as in ${name}=${option.default ?? option.values?.[0] ?? 'VALUE'}`,
    );
  }
  if (option.type === 'flag') throw new UserError(`${name} takes no value`, `write ${name} alone`);
  if (!accepts(option, value)) {
    const guess = nearest(value, option.values ?? []);
    throw new UserError(
      `${name} cannot be ${quote(value)}; it takes ${acceptedValues(option)}`,
      guess === undefined ? undefined : `did you mean ${name}=${guess}?`,
    );
  }
}

function unknownOption(name: string, text: string, tool: string): UserError {
  if (isOldOption(name)) {
    return new UserError(
      `${quote(text)} was an option of an earlier valgrind, and not of ${tool}`,
      'leave it out, or choose its tool with --tool=',
    );
  }
  const guess =
    nearestOption(name, tool) ??
    nearest(
      name,
      ownOptions.map((option) => option.name),
    );
  return new UserError(
    `unknown option ${quote(text)}`,
    guess === undefined
      ? `vgrun --help --tool=${tool} lists all options; what is for the program goes after it`
      : `did you mean ${guess}?`,
  );
}

function foreignOption({ name, tools: owners = ['valgrind'] }: ValgrindOption, tool: string): UserError {
  const readable = owners.find((owner) => toolNamed(owner) !== undefined);
  return new UserError(
    `${name} is an option of ${owners.join(', ')}, not of ${tool}`,
    readable === undefined ? 'leave it out' : `leave it out, or choose its tool: --tool=${readable}`,
  );
}

/** Names that are answered or taken out here; every other option goes on to valgrind. */
const notPassedOn: ReadonlySet<string> = new Set([
  '-h',
  '--help',
  '--help-debug',
  '--help-dyn-options',
  '--version',
  '--log-file',
  '--log-fd',
  '--log-socket',
  '--xml',
  '--xml-file',
  '--xml-fd',
  '--xml-socket',
  '--error-exitcode',
]);

/** Other instruments have these too, with another meaning or none. */
const saidToValgrind: ReadonlySet<string> = new Set(['-q', '--quiet', '-v', '--verbose']);

function settle(reading: Reading, token: OptionToken): void {
  takeEffect(reading, token);
  if (notPassedOn.has(token.name)) return;
  if (!isOfValgrind(reading.tool) && saidToValgrind.has(token.name)) return;
  reading.toolOptions.push(token.value === undefined ? token.name : `${token.name}=${token.value}`);
}

function takeEffect(reading: Reading, { name, value = '' }: OptionToken): void {
  switch (name) {
    case '-h':
    case '--help':
      reading.help ??= 'short';
      break;
    case '--help-debug':
      reading.help = 'full';
      break;
    case '--help-dyn-options':
      reading.help = 'dynamic';
      break;
    case '--version':
      reading.version = true;
      break;
    case '-q':
    case '--quiet':
      reading.quiet = true;
      break;
    case '-v':
    case '--verbose':
      reading.verbose += 1;
      break;
    case '--log-file':
      reading.log = { logFile: value };
      break;
    case '--log-fd':
      if (/^\d+$/.test(value)) reading.log = { logFd: Number(value) };
      break;
    case '--log-socket':
      reading.log = { logSocket: value };
      break;
    case '--xml':
      reading.xmlWanted = value === 'yes';
      break;
    case '--xml-file':
      reading.xml = { xmlFile: value };
      break;
    case '--xml-fd':
      if (/^\d+$/.test(value)) reading.xml = { xmlFd: Number(value) };
      break;
    case '--xml-socket':
      reading.xml = { xmlSocket: value };
      break;
    case '--error-exitcode':
      if (/^-?\d+$/.test(value)) reading.errorExitcode = Number(value);
      break;
    case '--exit-on-first-error':
      reading.exitOnFirstError = value === 'yes';
      break;
    case '--leak-check':
      if (value === 'no' || value === 'summary') reading.leakCheck = value;
      else reading.leakCheck = 'full';
      break;
    case '--show-leak-kinds':
      reading.showLeakKinds = readLeakKinds(value) ?? reading.showLeakKinds;
      break;
    case '--errors-for-leak-kinds':
      reading.errorsForLeakKinds = readLeakKinds(value) ?? reading.errorsForLeakKinds;
      break;
    case '--show-reachable':
    case '--show-possibly-lost':
      reading.showLeakKinds = withKind(reading.showLeakKinds, name, value);
      break;
  }
}

function readLeakKinds(value: string): readonly LeakKindWord[] | undefined {
  if (value === 'all') return allLeakKinds;
  if (value === 'none') return [];
  const words = value.split(',');
  const kinds = allLeakKinds.filter((kind) => words.includes(kind));
  return words.every((word) => kinds.some((kind) => kind === word)) ? kinds : undefined;
}

// ---- what only the whole command line tells

function finishSinks({ qualifier, xmlWanted, log, xml }: Reading, notes: string[]): Sinks {
  let logSink = log;
  if (qualifier !== undefined) {
    const text = quote(`--log-file-qualifier=${qualifier}`);
    if (log.logFile === undefined) {
      notes.push(`${text} is left out: it is for a --log-file=, and none is given`);
    } else {
      logSink = { logFile: `${log.logFile}.%q{${qualifier}}` };
      notes.push(`${text} is ${oneLine(`--log-file=${logSink.logFile}`)} today`);
    }
  }
  const hasPlace = Object.keys(xml).length > 0;
  if (xmlWanted && !hasPlace) {
    // `valgrind --xml=yes ./test`, in use until 3.4.
    notes.push("'--xml=yes' without a place for it is --xml=yes --xml-fd=2 today: the XML goes to stderr");
    return { ...logSink, xmlFd: 2 };
  }
  if (!xmlWanted && hasPlace) {
    notes.push('a place for XML is given, but valgrind writes no XML without --xml=yes');
    return logSink;
  }
  return { ...logSink, ...xml };
}

/** valgrind applies the status itself only here, because it is what ends the program. */
function withFirstErrorStatus({ toolOptions, exitOnFirstError, errorExitcode }: Reading): readonly string[] {
  return exitOnFirstError && errorExitcode !== undefined
    ? [...toolOptions, `--error-exitcode=${errorExitcode}`]
    : toolOptions;
}
