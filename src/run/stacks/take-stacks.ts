// Owns `vgrun stacks` up to the run directory: samples of a live process become small cores, and what they say becomes a stop log.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem } from '../../model/problem.ts';
import type { RunManifest } from '../../model/run.ts';
import {
  createRunDirectory,
  keptElsewhere,
  listArtifacts,
  removeOldRuns,
  writeManifest,
} from '../directory.ts';
import { type DescribedSample, describeSamples } from './describe-sample.ts';
import { findGoneFiles } from './gone-files.ts';
import { examineProcess, type LiveProcess, refusalOf } from './process.ts';
import { sampleProblems } from './sample-problems.ts';
import { runSampler, type Samples } from './sampler.ts';

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
  let described: readonly DescribedSample[];
  try {
    described = await describeSamples(samples, {
      pid,
      directory,
      debuginfod: request.debuginfod,
      search: gone.folder === undefined ? [] : [gone.folder],
      ...(live.root !== undefined && { root: live.root }),
    });
  } finally {
    await gone.remove();
  }
  const problems = [
    ...gone.problems,
    ...sampleProblems(samples, request),
    ...described.flatMap((each) => each.problems),
  ];
  if (samples.length < request.samples) problems.push(endedEarly(request, samples.length, errno));
  const told = new Map(problems.map((problem) => [problem.message, problem]));
  const lines = [
    { type: 'log', format: 'vgrun-stops', version: 1, tool: 'stacks', toolVersion: request.version },
    { type: 'process', pid, ppid, argv, program, how: 'attach' },
    ...described.map(({ stop }) => ({ type: 'stop', ...stop })),
    ...[...told.values()].map((problem) => ({ type: 'problem', ...problem })),
    { type: 'exit', pid, detached: true },
    { type: 'end' },
  ];
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  await writeFile(join(directory, stacksLog), text, { mode: 0o600 });
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
