// `vgrun shim run`, which only a shim's script calls: the program of a supervisor runs under vgrun, and whatever happens to vgrun, it
// runs, and ends as it ends.
import { ExitStatus, UserError } from '../errors.ts';
import type { Exit } from '../model/run.ts';
import { harmless } from '../report/terminal-text.ts';
import { inheritedDescriptors } from '../run/descriptors.ts';
import { type OwnBytes, readOwnBytes } from '../run/exact-bytes.ts';
import { execute } from '../run/execute.ts';
import { type Inheritance, inheritance, killedWithUs, wordsFor } from '../run/limits.ts';
import { endLikeProgram } from '../run/own-status.ts';
import type { RunRequest } from '../run/run.ts';
import {
  carriedSignals,
  ignoreSignals,
  limitProblems,
  limitWords,
  readSupervised,
  type Supervised,
  signalWords,
} from '../run/shim/supervised.ts';
import { ownDirectory } from '../run/working-directory.ts';
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
  const own = readOwnBytes(argv);
  const { words, inherits, problems } = own;
  const supervised = readSupervised(inherits ?? process.env);
  ignoreSignals(supervised);
  let isStarted = false;
  let exit: Exit | undefined;
  try {
    const wished = await readWish(words, ownDirectory());
    const { wish, commandLine } = wished;
    if (wish === undefined) throw new UserError('the options of the shim ask for help only');
    const environment = { ...supervised.environment, ...wish.environment };
    return await measure(
      { ...wished, wish: { ...wish, environment, ...(inherits !== undefined && { inherits }) } },
      async (request, events) => {
        const result = await runOnceOrOften(
          commandLine,
          {
            ...request,
            inheritance: await inherited(request.inheritance, supervised, request.tool.launcher),
            problems: [...request.problems, ...problems],
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
      },
    );
  } catch (error) {
    const why = harmless(error instanceof Error ? error.message : String(error));
    if (isStarted) {
      say(`${why}; the report of this run is missing`);
      return endLikeProgram(exit, ExitStatus.cannot);
    }
    say(`${why}; the program runs without it`);
    return plainly(words.slice(words.indexOf('--') + 1), supervised, own, descriptors);
  }
}

/** The program as it is, with all that the supervisor gave. */
async function plainly(
  words: readonly string[],
  supervised: Supervised,
  { inherits }: OwnBytes,
  descriptors: readonly number[],
): Promise<number> {
  try {
    // Better without its limits than not at all.
    const prefix = await inheritance()
      .then((usual) => inherited(usual, supervised, 'none'))
      .then(
        (settled) => settled.prefix,
        ({ message }: Error) => {
          say(message);
          return signalWords(supervised);
        },
      );
    const { exit } = await execute({
      argv: [...prefix, ...words],
      environment: supervised.environment,
      inherits,
      workingDirectory: ownDirectory(),
      directory: ownDirectory(),
      killAfter: 0,
      descriptors: descriptors.map((number) => ({ child: number, own: number })),
    });
    return endLikeProgram(exit, ExitStatus.cannot);
  } catch (error) {
    say((error as Error).message);
    return ExitStatus.cannot;
  }
}

/** What stands in front of the program. */
async function inherited(
  usual: Inheritance,
  supervised: Supervised,
  launcher: RunRequest['tool']['launcher'],
): Promise<Inheritance> {
  // A supervisor that kills a worker must be rid of it, and of what it holds open.
  const { prefix, problems } = killedWithUs(usual);
  // Where the program starts by itself, its limits can hold again.
  const isItself = launcher === 'none' || launcher === 'heaptrack';
  const limits = isItself ? limitWords(supervised) : [];
  return {
    prefix: [...prefix, ...(await wordsFor(limits)), ...(await signalWords(supervised))],
    problems: [...problems, ...(isItself ? [] : limitProblems(supervised))],
  };
}

function say(text: string): void {
  process.stderr.write(`vgrun shim: ${text}\n`);
}
