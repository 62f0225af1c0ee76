// Owns the replay against a CGI program: it is started for each request, which it finds in its environment and standard input.
import { closeSync, fstatSync } from 'node:fs';
import { searchWords } from '../../drive/gateway/environment.ts';
import type { CapturedRequest } from '../../model/request.ts';
import { endLeftovers, endRun } from '../processes.ts';
import { longestAnswer } from './answers.ts';
import { variablesOf as programVariables, wordOf } from './byte-words.ts';
import type { Launched } from './launches.ts';
import { interrupted, type Pass, passesOf } from './plan.ts';
import { openStandardInput } from './standard-input.ts';
import type { ReplayWork } from './work.ts';

/** How often an answer is looked at for being endless. */
const lookEveryMs = 250;

/** @returns the launches in the order of their names. */
export async function callProgram(work: ReplayWork): Promise<readonly Launched[]> {
  const { plan, signal } = work;
  const passes = passesOf(plan);
  const launched: Launched[] = [];
  let hasFailed = false;
  // Passes are shared: each goes to the worker that is free. A generator's own loop would end it for all.
  const worker = async (): Promise<void> => {
    for (let next = passes.next(); !next.done && !signal.aborted && !hasFailed; next = passes.next()) {
      launched.push(
        await call(work, next.value).catch((error: unknown) => {
          hasFailed = true;
          throw error;
        }),
      );
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: plan.parallel }, worker));
  const failed = workers.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const numberOf = ({ name }: Launched): number => Number(name.slice(name.lastIndexOf('-') + 1));
  return launched.sort((a, b) => numberOf(a) - numberOf(b));
}

async function call(
  { plan, launches, answers, tally, variablesOf, signal }: ReplayWork,
  pass: Pass,
): Promise<Launched> {
  const request = plan.requests[pass.index] as CapturedRequest;
  const place = await launches.prepare();
  const answer = answers.open(pass);
  let input: number | undefined;
  let watch: NodeJS.Timeout | undefined;
  let isEndless = false;
  try {
    input = await openStandardInput(request.body, place.directory);
    const startedAt = performance.now();
    let durationMs = 0;
    const launched = await place.start({
      variables: programVariables(variablesOf(pass.index)),
      arguments: searchWords(request, plan.server).map(wordOf),
      timeout: plan.timeout,
      standard: [
        { child: 0, own: input },
        { child: 1, own: answer.descriptor() },
      ],
      onStart: (pid) => {
        watch = setInterval(() => {
          if (isEndless || fstatSync(answer.descriptor()).size <= longestAnswer) return;
          isEndless = true;
          void endRun(place.directory, pid, plan.run.killAfter);
        }, lookEveryMs);
      },
      onExit: () => {
        clearInterval(watch);
        durationMs = performance.now() - startedAt;
      },
      onEnded: async () => {
        await endLeftovers(place.directory, plan.run.killAfter);
        return { served: [{ request: pass.index + 1, pass: pass.pass }], problems: [] };
      },
    });
    const { exit, stoppedBy } = launched.manifest;
    const lost = isEndless
      ? `its answer was longer than ${longestAnswer / 1024 ** 3} GiB, and it was ended`
      : stoppedBy === 'timeout'
        ? `it did not end within ${plan.timeout / 1000} s`
        : signal.aborted && !(exit?.how === 'exited' && exit.code === 0)
          ? interrupted
          : undefined;
    const read = await answer.finish();
    // LeakSanitizer ends a program behind its back, and what stood in a buffer is lost.
    const isLost =
      read.answer === undefined &&
      exit?.how === 'exited' &&
      exit.code === launched.manifest.instrumentExitcode;
    tally.add(pass.index, {
      warmUp: false,
      durationMs,
      // What is missing because the program was stopped is no fault of its answer.
      ...(lost !== undefined
        ? { faults: [], unmet: [], lost }
        : isLost
          ? {
              faults: [],
              unmet: [],
              unknown: ['the instrument ended the program before its answer was written'],
            }
          : read),
      ...(exit && { exit }),
    });
    return launched;
  } finally {
    clearInterval(watch);
    if (input !== undefined) closeSync(input);
    answer.close();
  }
}
