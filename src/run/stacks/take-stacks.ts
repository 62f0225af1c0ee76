// Owns `vgrun stacks` up to the run directory: samples of a live process become small cores, and what they say becomes a stop log.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem } from '../../model/problem.ts';
import type { RunManifest } from '../../model/run.ts';
import type { Stop } from '../../model/stop.ts';
import {
  createRunDirectory,
  keptElsewhere,
  listArtifacts,
  removeOldRuns,
  writeManifest,
} from '../directory.ts';
import { describeSample } from './describe-sample.ts';
import { findGoneFiles } from './gone-files.ts';
import { examineProcess, type LiveProcess, refusalOf } from './process.ts';
import { runSampler, type Sample, type Samples } from './sampler.ts';

export interface StacksRequest {
  readonly pid: number;
  readonly samples: number;
  /** ms from the start of one sample to that of the next. */
  readonly intervalMs: number;
  /** ms for which the process may be held. */
  readonly maxPauseMs: number;
  /** Absolute. */
  readonly workingDirectory: string;
  readonly projectRoot: string;
  /** As they were typed, for the manifest. */
  readonly options: readonly string[];
  readonly argv: readonly string[];
  /** How many runs to keep. */
  readonly keep: number;
  readonly version: string;
  /** Where gdb is looked for. */
  readonly searchPath: string;
  /** debuginfod-find may ask servers. */
  readonly debuginfod: boolean;
}

/** Name of the stop log in the run directory. */
const stacksLog = 'stacks.stops.jsonl';

/**
 * Looks at a live process and closes a run directory about it. The process goes on, whatever happens here.
 *
 * @returns absolute path of the run directory.
 * @throws UserError (125) when it cannot be looked at; no run directory is left then.
 */
export async function takeStacks(request: StacksRequest): Promise<string> {
  const { pid, samples, intervalMs, maxPauseMs, workingDirectory, version } = request;
  const live = examineProcess(pid);
  const { id, path: directory, temporary } = await createRunDirectory(workingDirectory, false);
  const startedAt = new Date();
  try {
    const taken = await runSampler({ pid, directory, samples, intervalMs, maxPauseMs }, request.searchPath);
    if (taken.samples.length === 0) throw refusalOf(pid, taken.errno ?? ESRCH);
    const manifest: RunManifest = {
      version: 1,
      id,
      vgrun: version,
      tool: { name: 'stacks', version, path: taken.interpreter },
      command: live.argv,
      program: live.program,
      toolOptions: request.options,
      environmentOptions: [],
      argv: request.argv,
      directory: workingDirectory,
      projectRoot: request.projectRoot,
      capture: 'stops',
      startedAt: startedAt.toISOString(),
      pid,
      // It goes on: how it ends is no part of this.
      exit: { how: 'exited', code: 0 },
      alive: [],
      artifacts: [],
      problems: temporary ? [keptElsewhere(workingDirectory, directory)] : [],
    };
    await writeManifest(directory, manifest);
    await writeLog(request, live, directory, taken);
    await Promise.all(
      ['samples.jsonl', 'stacks.json'].map((name) => rm(join(directory, name), { force: true })),
    );
    const endedAt = new Date();
    await writeManifest(directory, {
      ...manifest,
      endedAt: endedAt.toISOString(),
      durationMs: endedAt.getTime() - startedAt.getTime(),
      artifacts: await listArtifacts(directory, { closed: true, startedAt }),
    });
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  if (!temporary) await removeOldRuns(workingDirectory, request.keep);
  return directory;
}

const ESRCH = 3;

/** The lines of the log; docs/gdb.md has its format. */
async function writeLog(
  request: StacksRequest,
  live: LiveProcess,
  directory: string,
  { samples, errno }: Samples,
): Promise<void> {
  const { pid, ppid, argv, program } = live;
  const gone = await findGoneFiles(live);
  const problems: Problem[] = [...gone.problems];
  const stops: Stop[] = [];
  try {
    for (const sample of samples) {
      problems.push(...problemsOf(request, sample));
      const described = await describeSample(sample, {
        pid,
        directory,
        debuginfod: request.debuginfod,
        search: gone.folder === undefined ? [] : [gone.folder],
        ...(live.root !== undefined && { root: live.root }),
      });
      stops.push(described.stop);
      problems.push(...described.problems);
    }
  } finally {
    await gone.remove();
  }
  if (samples.length < request.samples) problems.push(endedEarly(request, samples.length, errno));
  const told = new Map(problems.map((problem) => [problem.message, problem]));
  const lines = [
    { type: 'log', format: 'vgrun-stops', version: 1, tool: 'stacks', toolVersion: request.version },
    { type: 'process', pid, ppid, argv, program, how: 'attach' },
    ...stops.map((stop) => ({ type: 'stop', ...stop })),
    ...[...told.values()].map((problem) => ({ type: 'problem', ...problem })),
    { type: 'exit', pid, detached: true },
    { type: 'end' },
  ];
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  await writeFile(join(directory, stacksLog), text, { mode: 0o600 });
}

function problemsOf({ pid, maxPauseMs }: StacksRequest, sample: Sample): readonly Problem[] {
  const problems: Problem[] = [];
  const add = (code: string, lwps: readonly number[], what: string, hint: string): void => {
    if (lwps.length === 0) return;
    const who = lwps.length === 1 ? `thread ${lwps[0]}` : `${lwps.length} threads (${some(lwps)})`;
    problems.push({
      code,
      level: 'incomplete',
      message: `sample ${sample.number}: ${who} ${what}`,
      hint,
      pid,
    });
  };
  const deep = new Set(sample.threads.flatMap(({ lwp, state }) => (state === 'D' ? [lwp] : [])));
  const notStopped = sample.notStopped ?? [];
  const inKernel = notStopped.filter((lwp) => deep.has(lwp));
  add(
    'thread-not-stopped',
    inKernel,
    `did not stop within ${maxPauseMs} ms: the kernel does something for it that cannot be interrupted (state D)`,
    `root can see what that is: cat /proc/${pid}/task/${inKernel[0]}/stack`,
  );
  add(
    'thread-not-stopped',
    notStopped.filter((lwp) => !deep.has(lwp)),
    `did not stop within ${maxPauseMs} ms: it waits in the kernel for what cannot be interrupted, or for a processor`,
    'give it more time: --max-pause=1000',
  );
  add(
    'thread-not-held',
    sample.refused ?? [],
    'could not be held: another debugger or tracer has it',
    'a thread has one tracer at a time: end that one, or let it detach',
  );
  add(
    'stack-not-copied',
    sample.notCopied ?? [],
    `stood still, but the ${maxPauseMs} ms were over before the stack was copied`,
    'give it more time: --max-pause=1000',
  );
  return problems;
}

function some(lwps: readonly number[]): string {
  const shown = lwps.slice(0, 5).join(', ');
  return lwps.length > 5 ? `${shown}, …` : shown;
}

function endedEarly({ samples, pid }: StacksRequest, taken: number, errno: number | undefined): Problem {
  const reason =
    errno === undefined || errno === ESRCH || errno === ENOENT ? '' : ` (${refusalOf(pid, errno).message})`;
  return {
    code: 'samples-missing',
    level: 'warning',
    message: `${taken} of ${samples} samples could be taken: then the process was gone${reason}`,
    pid,
  };
}

const ENOENT = 2;
