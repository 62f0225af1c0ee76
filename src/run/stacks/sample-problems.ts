// Owns what is said of threads that could not be looked at.
import type { Problem } from '../../model/problem.ts';
import type { Sample } from './sampler.ts';

export interface SamplingLimits {
  readonly pid: number;
  /** ms for which the process may be held. */
  readonly maxPauseMs: number;
}

/** What is the same of several samples is said once, with their numbers. */
export function sampleProblems(samples: readonly Sample[], limits: SamplingLimits): readonly Problem[] {
  const told = new Map<string, { readonly problem: Omit<Problem, 'pid'>; readonly numbers: number[] }>();
  for (const sample of samples) {
    for (const problem of problemsOf(sample, limits)) {
      const same = told.get(problem.message);
      if (same === undefined) told.set(problem.message, { problem, numbers: [sample.number] });
      else same.numbers.push(sample.number);
    }
  }
  return [...told.values()].map(({ problem, numbers }) => ({
    ...problem,
    message: `${numbers.length === 1 ? `sample ${numbers[0]}` : `${numbers.length} samples (${someOf(numbers)})`}: ${problem.message}`,
    pid: limits.pid,
  }));
}

function problemsOf(
  { threads, notStopped = [], refused = [], notCopied = [] }: Sample,
  { pid, maxPauseMs }: SamplingLimits,
): readonly Omit<Problem, 'pid'>[] {
  const inState = (state: string): ((lwp: number) => boolean) => {
    const lwps = new Set(threads.flatMap((thread) => (thread.state === state ? [thread.lwp] : [])));
    return (lwp) => lwps.has(lwp);
  };
  const isDeep = inState('D');
  const isTraced = inState('t');
  const inKernel = notStopped.filter(isDeep);
  const limit = `within the time for that, three quarters of --max-pause=${maxPauseMs}`;
  return [
    ...problem(
      'thread-not-stopped',
      inKernel,
      `did not stop ${limit}: the kernel does something for it that cannot be interrupted (state D)`,
      `root can see what that is: cat /proc/${pid}/task/${inKernel[0]}/stack`,
    ),
    ...problem(
      'thread-not-stopped',
      notStopped.filter((lwp) => !isDeep(lwp)),
      `did not stop ${limit}: it waits in the kernel for what cannot be interrupted, or for a processor`,
      'give it more time: --max-pause=1000',
    ),
    ...problem(
      'thread-not-held',
      refused.filter((lwp) => !isTraced(lwp)),
      'could not be held: another debugger or tracer has it',
      'a thread has one tracer at a time: end that one, or let it detach',
    ),
    ...problem(
      'thread-not-held',
      refused.filter(isTraced),
      'could not be held: another debugger or tracer has it, and has it stopped (state t)',
      'a thread has one tracer at a time: end that one, or let it detach',
    ),
    ...problem(
      'stack-not-copied',
      notCopied,
      `stood still, but the ${maxPauseMs} ms were over before the stack was copied`,
      'give it more time: --max-pause=1000',
    ),
  ];
}

function problem(
  code: string,
  lwps: readonly number[],
  what: string,
  hint: string,
): readonly Omit<Problem, 'pid'>[] {
  if (lwps.length === 0) return [];
  const who = lwps.length === 1 ? `thread ${lwps[0]}` : `${lwps.length} threads (${someOf(lwps)})`;
  return [{ code, level: 'incomplete', message: `${who} ${what}`, hint }];
}

/** The first ones of a list of numbers. */
export function someOf(numbers: readonly number[]): string {
  const shown = numbers.slice(0, 5).join(', ');
  return numbers.length > 5 ? `${shown}, …` : shown;
}
