// Owns what the two ways of replaying share: `callProgram` starts the program for each pass, `serveAll` keeps one alive.
import type { Answers } from './answers.ts';
import type { Launches } from './launches.ts';
import type { ReplayPlan } from './plan.ts';
import type { Tally } from './tally.ts';

/** What one that replays is given: `callProgram` starts the program for each pass, `serveAll` keeps one alive. */
export interface ReplayWork {
  readonly plan: ReplayPlan;
  readonly launches: Launches;
  readonly answers: Answers;
  readonly tally: Tally;
  /** What is sent with a request, by its index. */
  readonly variablesOf: (index: number) => ReadonlyMap<string, string>;
  /** Nothing more is to be sent. */
  readonly signal: AbortSignal;
}
