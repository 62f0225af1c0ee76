// Owns the way from a sample to a stop: its core is read, and what /proc said of the threads is added.
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import type { Problem } from '../../model/problem.ts';
import type { Stop, StopThread, ThreadActivity, Wait } from '../../model/stop.ts';
import { describeCore } from '../core/describe-core.ts';
import { openCore } from '../core/open-core.ts';
import { undecidedWaits } from '../core/undecided-waits.ts';
import type { Sample, ThreadFacts } from './sampler.ts';

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

/** Never throws for what is in the core: it is told as a problem, and the threads are there without frames. */
export async function describeSample(
  sample: Sample,
  { pid, directory, root, search, debuginfod }: SampleContext,
): Promise<{ readonly stop: Stop; readonly problems: readonly Problem[] }> {
  const { number, ms, pausedMs, core } = sample;
  const own = { number, cause: 'sample', pid, ms, pausedMs } as const;
  if (core === undefined) return { stop: { ...own, threads: withoutCore(sample, []) }, problems: [] };
  try {
    const opened = await openCore(join(directory, core), {
      search,
      debuginfod,
      ...(root !== undefined && { sysroot: root }),
    });
    try {
      const described = await describeCore(opened, {
        disassembles: false,
        hasAllThreads: hasAllThreads(sample, opened.image.threads.length),
        mainThread: sample.threads.find(({ lwp }) => lwp === pid)?.inner,
      });
      const { signal: _, fault: __, disassembly: ___, ...rest } = inOuterNumbers(described, sample.threads);
      const facts = new Map(sample.threads.map((each) => [each.lwp, each]));
      const threads = [
        ...rest.threads.map((thread) => asSampled(thread, facts.get(thread.lwp))),
        ...withoutCore(sample, rest.threads),
      ];
      const stop: Stop = { ...rest, ...own, core, threads };
      return { stop, problems: [...opened.problems, ...undecidedWaits(stop)] };
    } finally {
      opened.close();
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return {
      stop: { ...own, core, threads: withoutCore(sample, []) },
      problems: [{ code: 'unreadable-core', level: 'incomplete', message: error.message, pid }],
    };
  }
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
  const { name, state, cpuMs, voluntary } = facts;
  const activity: ThreadActivity = {
    ...(state !== undefined && { state }),
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
