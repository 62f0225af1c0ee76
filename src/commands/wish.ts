// Owns the step from words to a wish: the command line, and what rc files and VALGRIND_OPTS add to it.
import type { Launch } from '../model/launch.ts';
import { readEnvironmentOptions } from '../run/environment-options.ts';
import type { Wish } from '../run/plan.ts';
import type { Sink } from '../run/relay.ts';
import { hasControllingTerminal } from '../run/signals.ts';
import { type CommandLine, checkVersion, readCommandLine } from '../tools/_shared/command-line.ts';

/**
 * Reads the words after `vgrun`.
 *
 * @returns the command line as understood, and the wish, which is missing when only help or the version is asked for.
 * @throws UserError (125) for words that mean nothing.
 */
export async function readWish(
  argv: readonly string[],
  workingDirectory: string,
): Promise<{ readonly commandLine: CommandLine; readonly wish?: Wish }> {
  const environmentOptions = await readEnvironmentOptions(workingDirectory, process.env);
  const commandLine = readCommandLine(argv, {
    terminal: hasControllingTerminal(),
    environmentOptions: environmentOptions.flatMap(({ options }) => options),
  });
  const { own, program, help } = commandLine;
  if (program === undefined || help !== undefined || commandLine.version === true) return { commandLine };
  const sink = sinkOf(commandLine);
  return {
    commandLine,
    wish: {
      launch: { ...launchOf(commandLine, program), ...(await noiseOf(commandLine)) },
      ...(sink === undefined ? {} : { sink }),
      workingDirectory,
      // What valgrind is told not to read has no effect, and no place in run.json.
      environmentOptions: commandLine.toolOptions.includes('--command-line-only=yes')
        ? []
        : environmentOptions,
      checkVersion: (version) => checkVersion(commandLine, version),
      ...(own.valgrind === undefined ? {} : { valgrind: own.valgrind }),
      ...(own.projectRoot === undefined ? {} : { projectRoot: own.projectRoot }),
      followInterpreter: own.followInterpreter,
      timeout: (own.timeout ?? 0) * 1000,
      killAfter: own.killAfter * 1000,
      wait: own.wait * 1000,
      keep: own.keep,
    },
  };
}

async function noiseOf({ own }: CommandLine): Promise<Pick<Launch, 'knownNoise'>> {
  if (own.knownNoise.length === 0) return {};
  const { noiseFiles } = await import('../run/known-noise.ts');
  return { knownNoise: await noiseFiles(own.knownNoise) };
}

/** With a log of the user's own, that log is what is captured. */
function launchOf(commandLine: CommandLine, program: string): Launch {
  const { tool, toolOptions, sinks, own } = commandLine;
  const wantsXml = [sinks.xmlFile, sinks.xmlFd, sinks.xmlSocket].some((place) => place !== undefined);
  const wantsLog = [sinks.logFile, sinks.logFd, sinks.logSocket].some((place) => place !== undefined);
  return {
    tool,
    toolOptions,
    program,
    arguments: commandLine.arguments,
    capture: wantsXml ? 'xml' : wantsLog ? 'text' : own.capture,
    ...(sinks.logFile === undefined ? {} : { logFile: sinks.logFile }),
    ...(sinks.xmlFile === undefined ? {} : { xmlFile: sinks.xmlFile }),
    ...(sinkOf(commandLine) === undefined ? {} : { relayed: true }),
  };
}

/** The descriptor or socket that gets a copy of what is captured: XML where the user wants XML, else text. */
function sinkOf({ sinks }: CommandLine): Sink | undefined {
  if (sinks.xmlFd !== undefined) return { descriptor: sinks.xmlFd };
  if (sinks.xmlSocket !== undefined) return { socket: sinks.xmlSocket };
  if (sinks.xmlFile !== undefined) return undefined;
  if (sinks.logFd !== undefined) return { descriptor: sinks.logFd };
  return sinks.logSocket === undefined ? undefined : { socket: sinks.logSocket };
}
