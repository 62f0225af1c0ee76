// Owns the step from words to a wish: the command line, and what rc files and VALGRIND_OPTS add to it.
import { UserError } from '../errors.ts';
import type { Capture, Launch } from '../model/launch.ts';
import { sanitizers } from '../model/sanitizer.ts';
import { loadConfig } from '../run/config.ts';
import type { ConfigWord } from '../run/config-words.ts';
import { readEnvironmentOptions } from '../run/environment-options.ts';
import type { Wish } from '../run/plan.ts';
import type { Sink } from '../run/relay.ts';
import { hasControllingTerminal } from '../run/signals.ts';
import {
  type CommandLine,
  type CommandLineContext,
  type ConfigWishes,
  checkVersion,
  readCommandLine,
  readConfigWishes,
} from '../tools/_shared/command-line.ts';
import { isOfValgrind } from '../tools/_shared/valgrind-options.ts';
import { toolNamed, toolUnknown } from '../tools/index.ts';

/** What the words and the config ask for. */
export interface Wished {
  readonly commandLine: CommandLine;
  /** Missing when only help or the version is asked for. */
  readonly wish?: Wish;
  /**
   * Rethrows: an error that a word of the config is to blame for names the config.
   *
   * @param about only errors that speak of this.
   */
  readonly blame: (word: string, about?: string) => (error: unknown) => never;
  /** Whether a word was typed, and is not one that the config gave. */
  readonly isTyped: (word: string) => boolean;
}

/**
 * Reads the words after `vgrun`, and the config that stands in front of them.
 *
 * @param config where the words name none: false reads none, a text is its file; missing: the one that is found.
 * @throws UserError (125) for words that mean nothing, and for a config that cannot be used.
 */
export async function readWish(
  argv: readonly string[],
  workingDirectory: string,
  config?: string | false,
): Promise<Wished> {
  const { words, environment } = await readConfigFor(argv, workingDirectory, config);
  const environmentOptions = await readEnvironmentOptions(
    workingDirectory,
    environment === undefined ? process.env : { ...process.env, ...environment },
  );
  const commandLine = await readWords(words, argv, {
    terminal: hasControllingTerminal(),
    environmentOptions: environmentOptions.flatMap(({ options }) => options),
  });
  const blame =
    (text: string, about = '') =>
    (error: unknown) => {
      const word = words.findLast((candidate) => candidate.word === text);
      if (word === undefined || !(error instanceof UserError) || !error.message.includes(about)) throw error;
      throw word.blamed(error);
    };
  const isTyped = (text: string): boolean => !words.some(({ word }) => word === text);
  const { own, program, help } = commandLine;
  if (program === undefined || help !== undefined || commandLine.version === true)
    return { commandLine, blame, isTyped };
  const sink = sinkOf(commandLine);
  return {
    commandLine,
    blame,
    isTyped,
    wish: {
      launch: {
        ...launchOf(commandLine, program),
        ...(await noiseOf(commandLine, words)),
        ...(commandLine.debugger !== undefined && {
          debugging: { how: 'ask' as const, command: commandLine.debugger },
        }),
        ...(coresOf(commandLine).cores !== undefined && { wantsCore: true }),
      },
      ...(sink === undefined ? {} : { sink }),
      workingDirectory,
      ...(environment === undefined ? {} : { environment }),
      // What valgrind is told not to read has no effect, and no place in run.json.
      environmentOptions:
        commandLine.toolOptions.includes('--command-line-only=yes') || !isOfValgrind(commandLine.tool)
          ? []
          : environmentOptions,
      checkVersion: (version) => checkVersion(commandLine, version),
      ...(own.valgrind === undefined ? {} : { valgrind: own.valgrind }),
      ...coresOf(commandLine),
      ...(own.projectRoot === undefined ? {} : { projectRoot: own.projectRoot }),
      followInterpreter: own.followInterpreter,
      timeout: (own.timeout ?? 0) * 1000,
      killAfter: own.killAfter * 1000,
      wait: own.wait * 1000,
      ...(own.runsIn === undefined ? {} : { runsIn: own.runsIn }),
      keep: own.keep,
    },
  };
}

/** @throws UserError (125) for a set that was typed for a tool that cannot use it; a config may serve other tools too. */
async function noiseOf(
  { own, tool }: CommandLine,
  words: readonly ConfigWord[],
): Promise<Pick<Launch, 'knownNoise'>> {
  if (own.knownNoise.length === 0) return {};
  if (!isOfValgrind(tool)) {
    const configured = words.filter(({ word }) => word.startsWith('--known-noise=')).length;
    if (own.knownNoise.length === configured) return {};
    const takesOwn = sanitizers.some((each) => each.tool === tool);
    throw new UserError(
      `--known-noise is for valgrind's tools: ${tool} does not read their suppressions`,
      takesOwn ? 'leave it out; suppressions of its own form: --suppressions=FILE' : 'leave it out',
    );
  }
  const { noiseFiles } = await import('../run/known-noise.ts');
  return { knownNoise: await noiseFiles(own.knownNoise) };
}

/** A word of a config, and what makes an error of it an error of the config. */
interface BlamedWord extends ConfigWord {
  readonly blamed: (error: UserError) => UserError;
}

async function readConfigFor(
  argv: readonly string[],
  workingDirectory: string,
  config: string | false | undefined,
): Promise<{
  readonly words: readonly BlamedWord[];
  readonly environment?: Readonly<Record<string, string | undefined>>;
}> {
  const typed = readConfigWishes(argv);
  const wishes: ConfigWishes =
    typed.config !== undefined || config === undefined ? typed : { ...typed, config };
  const loaded = await loadConfig(wishes, workingDirectory);
  if (loaded === undefined) return { words: [] };
  const { configEnvironment, configWords, inConfig } = await import('../run/config-words.ts');
  const environment = configEnvironment(loaded);
  return {
    words: configWords(loaded, 'run').map((word) => ({
      ...word,
      blamed: (error) => inConfig(error, word.origin),
    })),
    ...(Object.keys(environment).length === 0 ? {} : { environment }),
  };
}

/** The config's words first, so that what is typed wins. */
async function readWords(
  words: readonly BlamedWord[],
  argv: readonly string[],
  context: CommandLineContext,
): Promise<CommandLine> {
  const read = (count: number) =>
    readCommandLine([...words.slice(0, count).map(({ word }) => word), ...argv], context);
  if (words.length === 0) return read(0);
  try {
    const commandLine = read(words.length);
    return { ...commandLine, notes: commandLine.notes.map((note) => noteOfConfig(note, words)) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  // The first word with which it does not work is to blame; when it does not without any, what was typed is.
  for (let count = 0; ; count++) {
    try {
      read(count);
    } catch (error) {
      const word = words[count - 1];
      throw word === undefined || !(error instanceof UserError) ? error : word.blamed(error);
    }
  }
}

/** `'--leak-check=yes' is --leak-check=full today`, of a word that nobody typed. */
function noteOfConfig(note: string, words: readonly BlamedWord[]): string {
  const word = words.find((candidate) => note.startsWith(`'${candidate.word}' `));
  return word === undefined ? note : `${note} ("${word.origin.key}" in ${word.origin.file})`;
}

/** gdb itself looks at the process that crashes: a core would tell the same once more. */
function coresOf({ own, tool }: CommandLine): Pick<Wish, 'cores'> {
  if (tool === 'gdb') return {};
  return own.onCrash === 'gdb' ? { cores: 'read' } : own.core ? { cores: 'keep' } : {};
}

/** With a log of the user's own, that log is what is captured. */
function launchOf(commandLine: CommandLine, program: string): Launch {
  const { tool, toolOptions, sinks } = commandLine;
  const wantsXml = [sinks.xmlFile, sinks.xmlFd, sinks.xmlSocket].some((place) => place !== undefined);
  const wantsLog = [sinks.logFile, sinks.logFd, sinks.logSocket].some((place) => place !== undefined);
  return {
    tool,
    toolOptions,
    program,
    arguments: commandLine.arguments,
    capture: captureOf(commandLine, wantsXml, wantsLog),
    ...(sinks.logFile === undefined ? {} : { logFile: sinks.logFile }),
    ...(sinks.xmlFile === undefined ? {} : { xmlFile: sinks.xmlFile }),
    ...(sinkOf(commandLine) === undefined ? {} : { relayed: true }),
  };
}

function captureOf({ tool, own }: CommandLine, wantsXml: boolean, wantsLog: boolean): Capture {
  const { yields } = toolNamed(tool) ?? toolUnknown(tool);
  if (yields !== 'errors') return yields;
  return wantsXml ? 'xml' : wantsLog ? 'text' : own.capture;
}

/** The descriptor or socket that gets a copy of what is captured: XML where the user wants XML, else text. */
function sinkOf({ sinks }: CommandLine): Sink | undefined {
  if (sinks.xmlFd !== undefined) return { descriptor: sinks.xmlFd };
  if (sinks.xmlSocket !== undefined) return { socket: sinks.xmlSocket };
  if (sinks.xmlFile !== undefined) return undefined;
  if (sinks.logFd !== undefined) return { descriptor: sinks.logFd };
  return sinks.logSocket === undefined ? undefined : { socket: sinks.logSocket };
}
