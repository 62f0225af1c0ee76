// Owns RUN of a replay: captured requests, a program that answers them, and a run directory in which each start of the program
// is a run of its own (`launch-1`, …). So whatever holds for a run, holds for each of them.
import { type GatewayVariables, gatewayVariables } from '../../drive/gateway/environment.ts';
import { maskedTarget } from '../../drive/gateway/secrets.ts';
import { debug } from '../../log.ts';
import { worstExit } from '../../model/exit.ts';
import type { Problem } from '../../model/problem.ts';
import { hasFailed, type ReplayedRequest } from '../../model/request.ts';
import type { RunManifest } from '../../model/run.ts';
import {
  closeRunDirectory,
  createRunDirectory,
  isWrittenByProgram,
  keptElsewhere,
  listArtifacts,
  removeOldRuns,
  writeManifest,
} from '../directory.ts';
import type { RunResult } from '../run.ts';
import { endingSignals } from '../signals.ts';
import { realPath } from '../working-directory.ts';
import { keepAnswers } from './answers.ts';
import { callProgram } from './cgi.ts';
import { type Launched, startLaunches } from './launches.ts';
import type { ReplayEvents, ReplayPlan } from './plan.ts';
import { serveAll } from './served.ts';
import { createTally } from './tally.ts';

const progressEveryMs = 10_000;

/**
 * Sends all requests and closes the run directory.
 *
 * @throws UserError (125) when no directory can be written, or the instrument cannot be started.
 */
export async function runReplay(plan: ReplayPlan, events: ReplayEvents): Promise<RunResult> {
  const { run, requests, mode } = plan;
  // A request that no program can be given is refused before any is sent.
  const given = requests.map((request) =>
    gatewayVariables(request, { path: run.target.path, mode }, plan.server),
  );
  const notes = notesOf(plan, given);
  const shared = isWrittenByProgram(run.tool.launcher, run.launch.capture);
  const { id, path: directory, temporary } = await createRunDirectory(run.runsIn, shared);
  const problems: Problem[] = [...run.problems, ...run.inheritance.problems, ...run.target.problems];
  if (temporary) problems.push(keptElsewhere(run.runsIn, directory));
  const tally = createTally(requests, maskedTarget);
  const replay = (of: readonly ReplayedRequest[]): NonNullable<RunManifest['replay']> => ({
    mode,
    server: plan.server.name,
    passes: plan.passes,
    warmUp: plan.warmUp,
    parallel: plan.parallel,
    requests: of,
  });
  const startedAt = new Date();
  let manifest: RunManifest = {
    version: 1,
    id,
    vgrun: run.version,
    tool: { name: run.tool.name, version: run.instrument.version, path: run.instrument.path },
    command: [run.launch.program, ...run.launch.arguments],
    program: realPath(run.target.path),
    toolOptions: run.launch.toolOptions,
    environmentOptions: run.environmentOptions,
    ...(run.launch.knownNoise && { knownNoise: run.launch.knownNoise.map(({ name }) => name) }),
    argv: [],
    directory: plan.programDirectory,
    projectRoot: run.projectRoot,
    capture: run.launch.capture,
    ...(run.target.interpreter === undefined || run.followInterpreter
      ? {}
      : { interpreter: run.target.interpreter }),
    startedAt: startedAt.toISOString(),
    alive: [],
    artifacts: [],
    problems,
    replay: replay(tally.requests()),
  };
  await writeManifest(directory, manifest);

  const stop = new AbortController();
  const release = stopOnSignals(stop);
  const answers = keepAnswers(plan, directory, events.onAnswer);
  const launches = startLaunches(plan, directory, events.onStart);
  const stopProgress = events.progress ? showReplayProgress(plan, tally.requests, events.say) : () => {};
  let launched: readonly Launched[];
  try {
    const variablesOf = (index: number) => (given[index] as GatewayVariables).variables;
    const work = { plan, launches, answers, tally, variablesOf, signal: stop.signal };
    launched = mode === 'cgi' ? await callProgram(work) : await serveAll(work);
  } finally {
    release();
    stopProgress();
  }
  debug('replayed', { launches: launched.length });
  if (plan.keepRequests) await answers.keepRequests();

  const endedAt = new Date();
  const inner = launched.map(({ manifest: of }) => of);
  const counted = inner.filter(({ stoppedBy }) => stoppedBy !== 'served');
  const exit = worstExit(counted.map((of) => of.exit)) ?? { how: 'exited' as const, code: 0 };
  const sent = tally.requests();
  manifest = {
    ...manifest,
    argv: inner[0]?.argv ?? [],
    ...(inner[0]?.instrumentExitcode !== undefined && { instrumentExitcode: inner[0].instrumentExitcode }),
    ...(inner[0]?.searchesLeaks === true && { searchesLeaks: true }),
    endedAt: endedAt.toISOString(),
    durationMs: endedAt.getTime() - startedAt.getTime(),
    exit,
    ...(stop.signal.aborted && { stoppedBy: 'interrupt' as const }),
    alive: inner.flatMap(({ alive }) => alive),
    artifacts: await listArtifacts(directory, { closed: true, startedAt }),
    problems: [
      ...problems,
      ...firstOf(plan.notes.map((message) => ({ code: 'capture-note', level: 'note', message }))),
      ...said('request-note', notes),
      ...said('not-compared', tally.unknown()),
      ...answers.problems(),
      ...lostProblems(sent),
    ],
    replay: replay(sent),
    launches: launched.map(({ name }) => name),
  };
  if (manifest.alive.length === 0) await closeRunDirectory(directory).catch(() => {});
  await writeManifest(directory, manifest);
  if (!temporary) await removeOldRuns(run.runsIn, run.keep);
  return { directory, manifest };
}

/** The program of the moment gets the signal as in any run; the others are not started any more. */
function stopOnSignals(stop: AbortController): () => void {
  const handler = () => stop.abort();
  for (const name of endingSignals) process.on(name, handler);
  // Every program of the moment has its own listeners (see signals.ts), and Node would take many for a leak.
  const most = process.getMaxListeners();
  process.setMaxListeners(0);
  return () => {
    for (const name of endingSignals) process.off(name, handler);
    process.setMaxListeners(most);
  };
}

/** What is special about each request, and how it was given to the program. */
function notesOf({ requests }: ReplayPlan, given: readonly GatewayVariables[]): readonly Said[] {
  return given.map(({ notes }, index) => [index + 1, [...(requests[index]?.notes ?? []), ...notes]]);
}

/** Sentences about requests, by number. */
type Said = readonly [number: number, sentences: readonly string[]];

/** One note for each different sentence, however many requests it is about. */
function said(code: string, of: readonly Said[]): readonly Problem[] {
  const numbers = new Map<string, number[]>();
  for (const [number, sentences] of of) {
    for (const sentence of new Set(sentences)) {
      const known = numbers.get(sentence);
      if (known === undefined) numbers.set(sentence, [number]);
      else known.push(number);
    }
  }
  const all = [...numbers].map(([sentence, about]): Problem => {
    const others = about.length - 1;
    const more = others === 0 ? '' : ` (and ${others} other ${others === 1 ? 'request' : 'requests'})`;
    return { code, level: 'note', message: `request ${about[0]}${more}: ${sentence}` };
  });
  return firstOf(all);
}

/** A capture can give a reason for thousands. */
function firstOf(notes: readonly Problem[]): readonly Problem[] {
  const [first] = notes;
  if (first === undefined || notes.length <= mostProblems) return notes;
  const message = `${notes.length - mostProblems} more notes about requests are left out`;
  return [...notes.slice(0, mostProblems), { ...first, message }];
}

const mostProblems = 20;

function lostProblems(requests: readonly ReplayedRequest[]): readonly Problem[] {
  // That the program died over an answer, its own end tells.
  const lost = requests.filter((request) => request.lost.length > 0 && !hasFailed(request));
  const told = lost.slice(0, mostProblems).map(
    ({ number, method, target, lost: why }): Problem => ({
      code: 'answer-lost',
      level: 'incomplete',
      message: `request ${number} ${method} ${target}: ${why.join('; ')}`,
    }),
  );
  if (lost.length <= mostProblems) return told;
  const message = `${lost.length - mostProblems} more requests got no whole answer`;
  return [...told, { code: 'answer-lost', level: 'incomplete', message }];
}

function showReplayProgress(
  plan: ReplayPlan,
  requests: () => readonly ReplayedRequest[],
  say: (line: string) => void,
): () => void {
  const all = plan.requests.length * plan.passes;
  const timer = setInterval(() => {
    const sent = requests().reduce((sum, request) => sum + request.sent, 0);
    say(`${sent} of ${all} requests are answered; Ctrl-C ends it with a report`);
  }, progressEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
