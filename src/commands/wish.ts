// Owns the step from words to a wish: the command line, and what rc files and VALGRIND_OPTS add to it.
import { readEnvironmentOptions } from '../run/environment-options.ts';
import type { Wish } from '../run/plan.ts';
import { hasControllingTerminal } from '../run/signals.ts';
import {
  type CommandLine,
  checkVersion,
  launchOf,
  readCommandLine,
  relayOf,
} from '../tools/_shared/command-line.ts';

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
  const sink = relayOf(commandLine);
  return {
    commandLine,
    wish: {
      launch: launchOf({ ...commandLine, program }),
      ...(sink === undefined ? {} : { sink }),
      workingDirectory,
      environmentOptions,
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
