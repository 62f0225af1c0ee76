// Owns `--repeat`: a program that fails once in a hundred runs is run until it does, or a number of times.
//
// With --until-fail each repetition is a run of its own, and only the last one stays: the one that failed. Without it all are starts
// in one run directory, as those of a replay are, so that the report adds them up.
import { closeSync, fstatSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { UserError } from '../../errors.ts';
import { worstExit } from '../../model/exit.ts';
import type { Problem } from '../../model/problem.ts';
import type { RunManifest } from '../../model/run.ts';
import {
  closeRunDirectory,
  createLaunchDirectory,
  createRunDirectory,
  isWrittenByProgram,
  keptElsewhere,
  listArtifacts,
  removeOldRuns,
  writeManifest,
} from '../directory.ts';
import { type RunEvents, type RunRequest, type RunResult, runTarget } from '../run.ts';
import { endingSignals } from '../signals.ts';

export interface Series {
  /** How often the program is run, at most. */
  readonly times: number;
  /** The first failure ends it. */
  readonly untilFail: boolean;
  /** Reads a run: a sentence about what failed in it, undefined when nothing did. */
  readonly judge: (directory: string) => Promise<string | undefined>;
}

/** Each of them has a folder in the run directory, and all are read for one report. */
const mostKept = 1000;
const progressEveryMs = 10_000;
/** Numbers of repetitions that failed which are told. */
const mostTold = 10;

/**
 * Runs the program again and again. Ctrl-C and the other signals that end a program end the series.
 *
 * @throws UserError (125) as a run does, and for more repetitions than can be kept.
 */
export async function runSeries(request: RunRequest, events: RunEvents, series: Series): Promise<RunResult> {
  if (!series.untilFail && series.times > mostKept) {
    throw new UserError(
      `--repeat cannot be ${series.times}: all of them are kept, and ${mostKept} at most`,
      'with --until-fail only the one that fails is kept, and there may be more',
    );
  }
  const stop = stopOnSignals();
  const input = repeatedInput(events.say ?? (() => {}));
  const say = progressOf(series.times, events.say ?? (() => {}));
  try {
    const run = (of: RunRequest) => {
      const standard = input();
      return runTarget(of, {
        ...events,
        ...(standard && { standard: [{ child: 0, own: standard }] }),
      }).finally(() => standard === undefined || closeSync(standard));
    };
    return series.untilFail
      ? await untilFailure(request, series, run, stop.isAsked, say)
      : await allTimes(request, series, run, stop.isAsked, say);
  } finally {
    stop.release();
  }
}

type Run = (request: RunRequest) => Promise<RunResult>;

async function untilFailure(
  request: RunRequest,
  { times, judge }: Series,
  run: Run,
  isStopped: () => boolean,
  say: (done: number, failed: number) => void,
): Promise<RunResult> {
  for (let count = 1; ; count++) {
    const result = await run(request);
    const isInterrupted = isStopped();
    const why = isInterrupted ? undefined : await judge(result.directory);
    if (why === undefined && !isInterrupted && !isStopped() && count < times) {
      await rm(result.directory, { recursive: true, force: true });
      say(count, 0);
      continue;
    }
    const before =
      count === 1
        ? 'it was the first'
        : count === 2
          ? 'the one before it did not'
          : `the ${count - 1} before it did not`;
    const message =
      why !== undefined
        ? `repetition ${count} of ${times} failed, ${before}: ${why}`
        : count < times
          ? `the series was ended in repetition ${count} of ${times}; none before it failed`
          : `none of ${times} repetitions failed; this is the last one`;
    return withProblem(result, { code: 'repetitions', level: 'note', message });
  }
}

async function withProblem({ directory, manifest }: RunResult, problem: Problem): Promise<RunResult> {
  const told: RunManifest = { ...manifest, problems: [...manifest.problems, problem] };
  await writeManifest(directory, told);
  return { directory, manifest: told };
}

async function allTimes(
  request: RunRequest,
  { times, judge }: Series,
  run: Run,
  isStopped: () => boolean,
  say: (done: number, failed: number) => void,
): Promise<RunResult> {
  const shared = isWrittenByProgram(request.tool.launcher, request.launch.capture);
  const { id, path: directory, temporary } = await createRunDirectory(request.runsIn, shared);
  const problems: Problem[] = [
    ...request.problems,
    ...request.inheritance.problems,
    ...request.target.problems,
    ...(temporary ? [keptElsewhere(request.runsIn, directory)] : []),
  ];
  const startedAt = new Date();
  const inner: RunManifest[] = [];
  const names: string[] = [];
  const failed: { readonly count: number; readonly why: string }[] = [];
  for (let count = 1; count <= times && !isStopped(); count++) {
    const name = `launch-${count}`;
    const place = { id: name, directory: await createLaunchDirectory(directory, name, shared) };
    // What was known before the first start is said once.
    const { manifest } = await run({
      ...request,
      problems: [],
      inheritance: { ...request.inheritance, problems: [] },
      target: { ...request.target, problems: [] },
      place,
    });
    names.push(name);
    inner.push(manifest);
    const why = isStopped() ? undefined : await judge(place.directory);
    if (why !== undefined) failed.push({ count, why });
    say(count, failed.length);
  }
  const first = inner[0] as RunManifest;
  const endedAt = new Date();
  const manifest: RunManifest = {
    ...first,
    id,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
    durationMs: endedAt.getTime() - startedAt.getTime(),
    exit: worstExit(inner.map(({ exit }) => exit)) ?? { how: 'unknown' },
    ...(isStopped() && { stoppedBy: 'interrupt' as const }),
    alive: inner.flatMap(({ alive }) => alive),
    artifacts: await listArtifacts(directory, { closed: true, startedAt }),
    problems: [
      ...problems,
      { code: 'repetitions', level: 'note', message: countOf(failed, names.length, times) },
    ],
    launches: names,
  };
  if (manifest.alive.length === 0) await closeRunDirectory(directory).catch(() => {});
  await writeManifest(directory, manifest);
  if (!temporary) await removeOldRuns(request.runsIn, request.keep);
  return { directory, manifest };
}

function countOf(
  failed: readonly { readonly count: number; readonly why: string }[],
  done: number,
  times: number,
): string {
  const all = done < times ? `${done} of ${times} repetitions were made` : `${times} repetitions were made`;
  const [first] = failed;
  if (first === undefined) return `${all}, and none failed`;
  const numbers = failed.slice(0, mostTold).map(({ count }) => count);
  const more = failed.length > mostTold ? ', …' : '';
  return `${all}, and ${failed.length} failed (${numbers.join(', ')}${more}); number ${first.count}: ${first.why}`;
}

/**
 * Standard input for each repetition: a file is opened anew and read from its start; a terminal all share. A pipe can be read once.
 *
 * @returns a descriptor to be closed; undefined: the one of this process.
 */
function repeatedInput(say: (line: string) => void): () => number | undefined {
  let kind: 'file' | 'shared' = 'shared';
  try {
    const status = fstatSync(0);
    if (status.isFile()) kind = 'file';
    else if (status.isFIFO() || status.isSocket()) {
      say(
        'standard input is a pipe: the first repetition that reads it gets all of it; a file (< FILE) is read each time',
      );
    }
  } catch {
    // It is closed.
  }
  return () => {
    if (kind === 'shared') return undefined;
    try {
      return openSync('/proc/self/fd/0', 'r');
    } catch {
      return undefined;
    }
  };
}

function progressOf(times: number, say: (line: string) => void): (done: number, failed: number) => void {
  let last = Date.now();
  return (done, failed) => {
    if (done === times || Date.now() - last < progressEveryMs) return;
    last = Date.now();
    say(
      `${done} of ${times} repetitions are made, ${failed === 0 ? 'none' : failed} failed; Ctrl-C ends it with a report`,
    );
  };
}

/** The program of the moment gets the signal as in any run. */
function stopOnSignals(): { readonly isAsked: () => boolean; readonly release: () => void } {
  let isAsked = false;
  const handler = () => {
    isAsked = true;
  };
  for (const name of endingSignals) process.on(name, handler);
  return {
    isAsked: () => isAsked,
    release: () => {
      for (const name of endingSignals) process.off(name, handler);
    },
  };
}
