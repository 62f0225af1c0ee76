// The starts of the program that a run is made of: one, or as many as a replay took; each with a first process and its end.

import { type Exit, worstExit } from '../model/exit.ts';
import type { FatalSignalRecord } from '../model/record.ts';
import type { Artifact, RunManifest } from '../model/run.ts';
import { type ProcessId, processKey, type TreeNode } from './process-tree.ts';

/** One start of the program. */
export interface Launch {
  /** From 1; missing for what is no replay. */
  readonly number?: number;
  /** Missing for a log without a run. */
  readonly manifest?: RunManifest;
  /** First image of its first process. */
  readonly root?: TreeNode;
  /** Last image of that process: the only one whose end the operating system told. */
  readonly last?: TreeNode;
  /** How that process ended, where an instrument that has a status of its own did not take the program's. */
  readonly exit?: Exit;
}

/** The launches of a replay in order; of anything else, the one launch that it is. */
export function launchesOf(
  nodes: readonly TreeNode[],
  manifest: RunManifest | undefined,
  inner: readonly RunManifest[] | undefined,
): readonly Launch[] {
  if (inner === undefined || inner.length === 0) return [launchOf(nodes, manifest)];
  const byLaunch = new Map<number, TreeNode[]>();
  for (const node of nodes) {
    const { launch = 1 } = node.image.process;
    const same = byLaunch.get(launch);
    if (same === undefined) byLaunch.set(launch, [node]);
    else same.push(node);
  }
  return inner.map((each, index) => ({
    number: index + 1,
    ...launchOf(byLaunch.get(index + 1) ?? [], each),
  }));
}

function launchOf(nodes: readonly TreeNode[], manifest: RunManifest | undefined): Launch {
  const root = nodes.find(({ image }) => image.process.pid === manifest?.pid) ?? nodes[0];
  const last = nodes.findLast(({ image }) => image.process.pid === root?.image.process.pid);
  const hasFindings = nodes.some(({ image }) => image.findings.size > 0);
  const exit =
    manifest === undefined || manifest.core !== undefined
      ? fatalExit(last?.image.fatal)
      : exitBehind(manifest, last, hasFindings);
  return {
    ...(manifest && { manifest }),
    ...(root && { root }),
    ...(last && { last }),
    ...(exit && { exit }),
  };
}

/** An end by a signal, as the log alone tells it. */
export function fatalExit(fatal: FatalSignalRecord | undefined): Exit | undefined {
  return fatal && { how: 'signaled', signal: fatal.name, number: fatal.number };
}

/**
 * How the program ended, where the instrument has a status of its own for programs with errors. A signal that a runtime took for
 * an error is how the program died; else its own status is lost.
 */
function exitBehind(
  { exit, instrumentExitcode }: RunManifest,
  last: TreeNode | undefined,
  hasFindings: boolean,
): Exit | undefined {
  if (instrumentExitcode === undefined || instrumentExitcode === 0) return exit;
  if (exit?.how !== 'exited' || exit.code !== instrumentExitcode) return exit;
  const fatal = fatalExit(last?.image.fatal);
  if (fatal !== undefined) return fatal;
  return hasFindings ? { how: 'unknown', why: 'instrument' } : exit;
}

/** Signals by which someone ends a program that would have gone on. */
export const stopSignals: ReadonlySet<string> = new Set([
  'SIGKILL',
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
]);

/**
 * The end that the program answers for. One that was asked to end, because all was answered, may end by that signal or with
 * whatever status its handler or the instrument gives. A launch of a replay that vgrun stopped at a limit answers for nothing: what
 * was not answered is told with the requests.
 */
export function ownEnd({ number, manifest, exit }: Launch): Exit | undefined {
  const stoppedBy = manifest?.stoppedBy;
  if (exit === undefined || stoppedBy === undefined) return exit;
  if (stoppedBy !== 'served' && number === undefined) return exit;
  const crashed = exit.how === 'signaled' && !stopSignals.has(exit.signal);
  return crashed ? exit : { how: 'exited', code: 0 };
}

/** The worst of the ends that the program answers for. */
export function worstEnd(launches: readonly Launch[]): Exit | undefined {
  return worstExit(launches.map(ownEnd));
}

/** Whether a process is the first one of its launch. */
export function isFirst(process: ProcessId, launch: Launch | undefined): boolean {
  const root = launch?.root?.image.process;
  return root !== undefined && processKey(process) === processKey(root);
}

/** When the log of a process began and ended, ms after the start of the run; missing where the file system does not tell. */
export type LogTimes = (artifact: string, launch: number | undefined) => LogTime;

interface LogTime {
  readonly startedMs?: number;
  readonly endedMs?: number;
}

/** `valgrind.123.xml` of `launch-3/valgrind.123.xml`: as the launch itself calls its artifact. */
export function nameInLaunch(artifact: string): string {
  return artifact.slice(artifact.lastIndexOf('/') + 1);
}

/** Names of artifacts come again in each launch, and their times count from the start of the launch. */
export function logTimes(launches: readonly Launch[], startedAt: string | undefined): LogTimes {
  const found = new Map<number, { readonly later: number; readonly byName: ReadonlyMap<string, Artifact> }>();
  for (const { number = 0, manifest } of launches) {
    const later = number === 0 ? 0 : Date.parse(manifest?.startedAt ?? '') - Date.parse(startedAt ?? '');
    const byName = new Map(manifest?.artifacts.map((artifact) => [artifact.name, artifact]));
    found.set(number, { later: Number.isFinite(later) && later > 0 ? later : 0, byName });
  }
  return (artifact, launch = 0) => {
    const { later = 0, byName } = found.get(launch) ?? {};
    const { madeMs, writtenMs } = byName?.get(nameInLaunch(artifact)) ?? {};
    return {
      ...(madeMs !== undefined && { startedMs: later + madeMs }),
      ...(writtenMs !== undefined && { endedMs: later + writtenMs }),
    };
  };
}
