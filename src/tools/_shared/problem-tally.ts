// Problems of one input, one for each kind: a broken log must not become a million problems.
import type { Problem } from '../../model/problem.ts';

const KINDS = 50;
const QUOTE = 200;

export interface ProblemTally {
  /**
   * Notes a problem. Of those with equal `code` and `variant` only the first is kept, and how many there were.
   * `quote` may be longer than a problem's.
   */
  readonly add: (problem: Omit<Problem, 'artifact'>, variant?: string) => void;
  /** The problems so far, in order of their first appearance. */
  readonly list: () => Problem[];
}

export function createProblemTally(artifact: string): ProblemTally {
  const kept = new Map<string, { problem: Problem; count: number }>();

  function add(problem: Omit<Problem, 'artifact'>, variant = ''): void {
    // Variants come from the input: beyond the limit they are counted together.
    const key = kept.size < KINDS ? `${problem.code} ${variant}` : problem.code;
    const known = kept.get(key) ?? kept.get(`${problem.code} ${variant}`);
    if (known) known.count++;
    else {
      const { quote, ...rest } = problem;
      kept.set(key, {
        problem: { ...rest, artifact, ...(quote && { quote: quote.slice(0, QUOTE) }) },
        count: 1,
      });
    }
  }

  function list(): Problem[] {
    return [...kept.values()].map(({ problem, count }) =>
      count === 1
        ? problem
        : { ...problem, message: `${problem.message} (${count} times; this is the first)` },
    );
  }

  return { add, list };
}
