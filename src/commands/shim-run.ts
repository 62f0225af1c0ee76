// `vgrun shim run`, which only a shim's script calls: the program of a supervisor runs under vgrun, and whatever happens to vgrun, it
// runs, and ends as it ends.
import { ExitStatus, UserError } from '../errors.ts';
import type { Exit } from '../model/run.ts';
import { harmless } from '../report/terminal-text.ts';
import { inheritedDescriptors } from '../run/descriptors.ts';
import { execute } from '../run/execute.ts';
import { findProgramOnPath } from '../run/instrument.ts';
import { type Inheritance, inheritance, killedWithUs } from '../run/limits.ts';
import { endLikeProgram } from '../run/own-status.ts';
import type { RunRequest } from '../run/run.ts';
import { type Command, type ExactBytes, readExactBytes, withExactBytes } from '../run/shim/exact-bytes.ts';
import {
  carriedSignals,
  ignoreSignals,
  limitProblems,
  limitWords,
  readSupervised,
  type Supervised,
  signalWords,
} from '../run/shim/supervised.ts';
import { measure, runOnceOrOften } from './run.ts';
import { readWish } from './wish.ts';

/**
 * @param argv options of vgrun, `--`, the program, its arguments.
 * @returns the program's own status.
 */
export async function main(argv: readonly string[]): Promise<number> {
  if (process.env[carriedSignals] === undefined) {
    throw new UserError('shim run is what the script of a shim calls', 'to run a program: vgrun PROGRAM');
  }
  // Before anything is opened.
  const descriptors = inheritedDescriptors();
  const supervised = readSupervised(process.env);
  ignoreSignals(supervised);
  const bytes = readExactBytes();
  let isStarted = false;
  let exit: Exit | undefined;
  try {
    const wished = await readWish(argv, process.cwd());
    const { wish, commandLine } = wished;
    if (wish === undefined) throw new UserError('the options of the shim ask for help only');
    const environment = { ...supervised.environment, ...wish.environment };
    return await measure({ ...wished, wish: { ...wish, environment } }, async (request, events) => {
      const result = await runOnceOrOften(
        commandLine,
        {
          ...request,
          inheritance: await inherited(request.inheritance, supervised, request.tool.launcher),
          exactly: (command) => withExactBytes(command, bytes),
        },
        {
          ...events,
          descriptors,
          onStart: () => {
            isStarted = true;
            events.onStart();
          },
          onExit: (seen) => {
            exit = seen;
          },
        },
      );
      exit = result.manifest.exit ?? exit;
      return result;
    });
  } catch (error) {
    const why = harmless(error instanceof Error ? error.message : String(error));
    if (isStarted) {
      say(`${why}; the report of this run is missing`);
      return endLikeProgram(exit, ExitStatus.cannot);
    }
    say(`${why}; the program runs without it`);
    return plainly(argv.slice(argv.indexOf('--') + 1), supervised, bytes, descriptors);
  }
}

/** The program as it is, with all that the supervisor gave. */
async function plainly(
  words: readonly string[],
  supervised: Supervised,
  bytes: ExactBytes,
  descriptors: readonly number[],
): Promise<number> {
  const { prefix } = await inherited(await inheritance(), supervised, 'none');
  try {
    const { exit } = await execute({
      argv: [...prefix, ...words],
      environment: supervised.environment,
      exactly: (command: Command) => withExactBytes(command, bytes),
      workingDirectory: process.cwd(),
      directory: process.cwd(),
      killAfter: 0,
      descriptors: descriptors.map((number) => ({ child: number, own: number })),
    });
    return endLikeProgram(exit, ExitStatus.cannot);
  } catch (error) {
    say((error as Error).message);
    return ExitStatus.cannot;
  }
}

/** What stands in front of the program, found by vgrun's own PATH, and not by the program's. */
async function inherited(
  usual: Inheritance,
  supervised: Supervised,
  launcher: RunRequest['tool']['launcher'],
): Promise<Inheritance> {
  // A supervisor that kills a worker must be rid of it, and of what it holds open.
  const { prefix, problems } = killedWithUs(usual);
  const prlimit = (await findProgramOnPath(process.env.PATH ?? '', 'prlimit')) ?? 'prlimit';
  // Where the program starts by itself, its limits can hold again.
  const isItself = launcher === 'none' || launcher === 'heaptrack';
  const limits = isItself ? limitWords(supervised) : [];
  return {
    prefix: [
      ...prefix.map((word) => (word === 'prlimit' ? prlimit : word)),
      ...(limits.length === 0 ? [] : [prlimit, ...limits]),
      ...(await signalWords(supervised)),
    ],
    problems: [...problems, ...(isItself ? [] : limitProblems(supervised))],
  };
}

function say(text: string): void {
  process.stderr.write(`vgrun shim: ${text}\n`);
}
