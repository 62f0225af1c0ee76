// Owns the way from samples to stops: their cores are read, and what /proc said of the threads is added.
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import type { Problem } from '../../model/problem.ts';
import type { Stop, StopThread, ThreadActivity, Wait } from '../../model/stop.ts';
import type { LoadedModule } from '../../tools/core/process-image.ts';
import { describeCore, nameFrames } from '../core/describe-core.ts';
import { type ObjectStore, openObjectStore } from '../core/object-files.ts';
import { openCore } from '../core/open-core.ts';
import { undecidedWaits } from '../core/undecided-waits.ts';
import { someOf } from './sample-problems.ts';
import type { Sample, ThreadFacts } from './sampler.ts';
import { standstillsOf, systemCallOf } from './standstill.ts';

export interface SampleContext {
  readonly pid: number;
  /** Absolute path of the run directory. */
  readonly directory: string;
  /** Folder in which the paths of the process' files are to be looked up. */
  readonly root?: string;
  /** Folders with files that are gone from their places. */
  readonly search: readonly string[];
  readonly debuginfod: boolean;
}

/** One sample of a process in the words of the model, and what was amiss with it. */
export interface DescribedSample {
  readonly stop: Stop;
  readonly problems: readonly Problem[];
}

/**
 * Describes samples of one process. Never throws for what is in their cores: it is told as a problem, and the threads are there without
 * frames. Files are read once for all of them, and names and lines are asked for once.
 */
export async function describeSamples(
  samples: readonly Sample[],
  context: SampleContext,
): Promise<readonly DescribedSample[]> {
  const store = openObjectStore([context.directory, ...context.search]);
  try {
    const unwound: UnwoundSample[] = [];
    for (const sample of samples) unwound.push(await unwindSample(sample, context, store));
    const named = await nameFrames(unwound.map(({ stop: { threads }, modules }) => ({ threads, modules })));
    return unwound.map(({ stop: nameless, problems }, index) => {
      const stop = { ...nameless, threads: named[index] ?? nameless.threads };
      return { stop, problems: [...problems, ...undecidedWaits(stop), ...lostFrames(stop)] };
    });
  } finally {
    store.close();
  }
}

/** Names are those of symbol tables. */
interface UnwoundSample extends DescribedSample {
  readonly modules: readonly LoadedModule[];
}

async function unwindSample(
  sample: Sample,
  { pid, directory, root, search, debuginfod }: SampleContext,
  store: ObjectStore,
): Promise<UnwoundSample> {
  const { number, ms, pausedMs, core } = sample;
  const reasons = standstillsOf(sample, pid);
  const what = reasons.length === 0 ? {} : { what: reasons.join(' ') };
  const own = { number, cause: 'sample', pid, ms, pausedMs, ...what } as const;
  const nothing = { modules: [], problems: [] };
  if (core === undefined) return { stop: { ...own, threads: withoutCore(sample, []) }, ...nothing };
  try {
    const opened = await openCore(join(directory, core), {
      search,
      debuginfod,
      store,
      ...(root !== undefined && { sysroot: root }),
    });
    try {
      const described = await describeCore(opened, {
        disassembles: false,
        hasAllThreads: hasAllThreads(sample, opened.image.threads.length),
        mainThread: sample.threads.find(({ lwp }) => lwp === pid)?.inner,
        named: new Set(),
      });
      const {
        signal: _,
        fault: __,
        disassembly: ___,
        what: ____,
        ...rest
      } = inOuterNumbers(described, sample.threads);
      const facts = new Map(sample.threads.map((each) => [each.lwp, each]));
      const threads = [
        ...rest.threads.map((thread) => asSampled(thread, facts.get(thread.lwp))),
        ...withoutCore(sample, rest.threads),
      ];
      const { modules } = opened.image;
      return { stop: { ...rest, ...own, core, threads }, modules, problems: opened.problems };
    } finally {
      opened.close();
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return {
      stop: { ...own, core, threads: withoutCore(sample, []) },
      modules: [],
      problems: [{ code: 'unreadable-core', level: 'incomplete', message: error.message, pid }],
    };
  }
}

/** Threads that are called by more functions than the copied memory shows: what they do is not known to the end. */
function lostFrames({ pid, threads }: Stop): readonly Problem[] {
  const lwps = threads.flatMap(({ lwp, end }) => (end === 'unreadable' ? [lwp] : []));
  if (lwps.length === 0) return [];
  const who = lwps.length === 1 ? `thread ${lwps[0]}` : `${lwps.length} threads (${someOf(lwps)})`;
  return [
    {
      code: 'frames-not-copied',
      level: 'incomplete',
      message: `the outer frames of ${who} are not known: they lie beyond what is copied of a stack, or on another one`,
      hint: `gdb reads them, and holds the process for longer: gdb -p ${pid} -batch -ex 'thread apply all backtrace'`,
      pid,
    },
  ];
}

/** Each that lives is in the core: one that has ended stays in the list when it was the first of its process. */
function hasAllThreads({ notStopped = [], threads }: Sample, inCore: number): boolean {
  const living = threads.filter(({ state }) => state !== 'Z' && state !== 'X');
  return notStopped.length === 0 && inCore >= living.length;
}

/** In a sample no thread is why the process stands still. Registers of all threads say nothing to people. */
function asSampled({ isCurrent: _, registers: __, ...thread }: StopThread, facts?: ThreadFacts): StopThread {
  return { ...thread, ...toldOf(facts) };
}

/** What /proc says besides the core. */
function toldOf(facts: ThreadFacts | undefined): Pick<StopThread, 'name' | 'activity'> {
  if (facts === undefined) return {};
  const { name, state, cpuMs, voluntary, waitChannel } = facts;
  const systemCall = systemCallOf(facts);
  const activity: ThreadActivity = {
    ...(state !== undefined && { state }),
    ...(systemCall !== undefined && { systemCall }),
    ...(waitChannel !== undefined && { waitChannel }),
    ...(cpuMs !== undefined && { cpuMs }),
    ...(voluntary !== undefined && { sleeps: voluntary }),
  };
  return { ...(name !== undefined && { name }), activity };
}

/** Those that did not stop: they are there, and nothing is known of their stacks. */
function withoutCore({ threads }: Sample, known: readonly StopThread[]): readonly StopThread[] {
  const seen = new Set(known.map(({ lwp }) => lwp));
  return threads
    .filter(({ lwp }) => !seen.has(lwp))
    .map((facts, index) => ({
      number: known.length + index + 1,
      lwp: facts.lwp,
      ...toldOf(facts),
      frames: [],
      end: 'unknown',
    }));
}

/** A process in a container counts its threads by numbers of its own; mutexes speak of them, and people outside do not. */
function inOuterNumbers(stop: Stop, facts: readonly ThreadFacts[]): Stop {
  const outer = new Map(
    facts.flatMap(({ inner, lwp }) => (inner === undefined ? [] : [[inner, lwp] as const])),
  );
  if (outer.size === 0) return stop;
  const lwpOf = (lwp: number): number => outer.get(lwp) ?? lwp;
  const waitOf = (wait: Wait): Wait => ({
    ...wait,
    ...(wait.kind === 'thread' &&
      /^\d+$/.test(wait.address) && { address: String(lwpOf(Number(wait.address))) }),
    ...(wait.owner !== undefined && { owner: lwpOf(wait.owner) }),
  });
  return {
    ...stop,
    threads: stop.threads.map((thread) => ({
      ...thread,
      lwp: lwpOf(thread.lwp),
      ...(thread.waits !== undefined && { waits: waitOf(thread.waits) }),
    })),
    ...(stop.deadlocks !== undefined && {
      deadlocks: stop.deadlocks.map(({ cycle }) => ({
        cycle: cycle.map(({ lwp, waits }) => ({ lwp: lwpOf(lwp), waits: waitOf(waits) })),
      })),
    }),
  };
}
