// Owns the leak checks between requests: what the program holds more after one than before it. What memcheck answers is kept as it
// is in `leak-checks.jsonl`, a line for each check: {"request":17,"pass":3,"text":"…"}; request 0 is the check before the first.
//
// A process that waits for its next request has nothing of the last one left to do, so the difference between two checks is what
// the request between them took. Such a check costs the program nothing but time.
import { appendFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { untilAtRest } from '../../drive/process-rest.ts';
import { openVgdb, type VgdbSession } from '../../drive/vgdb-session.ts';
import type { Problem } from '../../model/problem.ts';
import { leakChecksName } from '../directory.ts';
import { hasChild } from '../processes.ts';
import type { Pass, ReplayPlan } from './plan.ts';

export interface GrowthChecks {
  /** A request is about to be sent: the first time what is there already is noted. */
  readonly begin: () => Promise<void>;
  /** It is answered. @returns whether the program waits for the next one, or has ended behind it; undefined: not known. */
  readonly end: (pass: Pass) => Promise<'waits' | 'ended' | undefined>;
  /** The program goes on undisturbed. */
  readonly close: () => Promise<void>;
  /** Why growth was not measured, or not to the end. */
  readonly problems: readonly Problem[];
}

/** Observed with 3.19: the use counts at the end are those of all checks together. */
const countedAgain: Problem = {
  code: 'suppressions-counted-again',
  level: 'note',
  message:
    'suppressions of leaks were used anew by each leak check between requests: how often they are said to be used is too much',
};

/** Delta against the check before, of blocks of every kind: a block that is lost may look reachable until the next request. */
const check = 'leak_check full kinds all changed';
/** A heap of gigabytes is searched for minutes. */
const patienceMs = 600_000;

/** @param of the process, the absolute path of its run directory, and whether it has ended, or does
 *   within some moments, and whether it is the first start of the program: a later one warms up on its first request. */
export async function createGrowthChecks(
  { run }: ReplayPlan,
  {
    pid,
    directory,
    hasEnded,
    isFirst,
  }: {
    readonly pid: number;
    readonly directory: string;
    readonly hasEnded: () => Promise<boolean>;
    readonly isFirst: boolean;
  },
): Promise<GrowthChecks> {
  const problems: Problem[] = [];
  let session: VgdbSession | undefined;
  let isMeasuring = true;
  let hasBase = false;
  /** A suppression hid a leak. */
  let hidesLeaks = false;

  function giveUp(why: string): void {
    isMeasuring = false;
    problems.push({
      code: 'growth-not-measured',
      level: 'warning',
      message: `how much memory requests take is not known: ${why}`,
      pid,
    });
  }

  async function look(request: number, pass: number): Promise<'waits' | 'ended' | undefined> {
    if (!isMeasuring) return undefined;
    if (hasChild(pid)) {
      giveUp('the program answers in processes of its own, and only the first one is looked at');
      return undefined;
    }
    await untilAtRest(pid, longestTidyMs);
    const answer = await session?.command(check, patienceMs);
    if (answer === undefined) return undefined;
    if ('failed' in answer) {
      // One that ends by itself is asked nothing more.
      isMeasuring = false;
      if (await hasEnded()) return 'ended';
      giveUp(answer.failed);
      return undefined;
    }
    hidesLeaks ||= /suppressed: [1-9]/.test(answer.text);
    const line = JSON.stringify({ request, pass, text: answer.text });
    appendFileSync(join(directory, leakChecksName), `${line}\n`, { mode: 0o600 });
    return 'waits';
  }

  return {
    problems,
    begin: async () => {
      if (session !== undefined || !isMeasuring) return;
      // What a program makes while it starts is no request's.
      await untilAtRest(pid, longestStartMs);
      const given = run.launch.toolOptions.findLast((option) => option.startsWith('--vgdb-prefix='));
      session = await openVgdb({
        vgdb: join(dirname(run.instrument.path), 'vgdb'),
        prefix: given?.slice('--vgdb-prefix='.length) ?? join(directory, 'vgdb-pipe'),
        pid,
      });
      if (isFirst) await look(0, 0);
    },
    end: ({ index, pass }) => {
      const isBase = !isFirst && !hasBase;
      hasBase = true;
      return isBase ? look(0, 0) : look(index + 1, pass);
    },
    close: async () => {
      if (hidesLeaks) problems.push(countedAgain);
      await session?.close();
    },
  };
}

/** What a program does behind an answer, in ms. */
const longestTidyMs = 200;
const longestStartMs = 10_000;
