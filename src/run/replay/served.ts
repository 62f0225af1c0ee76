// Owns the replay against a program that serves many requests: it is started, asked, and asked to end, so that it says at its end
// what it has lost. Where it ends before all is asked, it is started again, as a server would do.
import { setTimeout as sleep } from 'node:timers/promises';
import { untilAsleep } from '../../drive/process-rest.ts';
import { stopServed } from '../../drive/stop-served.ts';
import type { Problem } from '../../model/problem.ts';
import type { CapturedRequest } from '../../model/request.ts';
import type { Exit, ServedPass } from '../../model/run.ts';
import { descendants, endLeftovers, hasChild, signal } from '../processes.ts';
import { variablesOf } from './byte-words.ts';
import { type GatewayDoor, openDoor } from './door.ts';
import { createGrowthChecks, type GrowthChecks } from './growth-checks.ts';
import type { Launched } from './launches.ts';
import { createLogMarks } from './log-marks.ts';
import { interrupted, type Pass, passesOf } from './plan.ts';
import type { ReplayWork } from './work.ts';

/** A program that was killed over an answer closes its connection some moments before its end is known. */
const endIsNearMs = 1000;

/** @returns the launches in order. */
export async function serveAll(work: ReplayWork): Promise<readonly Launched[]> {
  const queue = createQueue(passesOf(work.plan));
  const launched: Launched[] = [];
  while (queue.more() && !work.signal.aborted) {
    const { launch, taken } = await serve(work, queue);
    launched.push(launch);
    // One that dies before its first request would die for ever.
    if (taken === 0) {
      giveUp(work, queue);
      break;
    }
  }
  return launched;
}

/** The requests that nobody asked any more. */
function giveUp({ tally, signal: stop }: ReplayWork, queue: Queue): void {
  const told = new Set<number>();
  for (let pass = queue.next(); pass !== undefined && !stop.aborted; pass = queue.next()) {
    if (told.has(pass.index)) continue;
    told.add(pass.index);
    tally.add(pass.index, {
      warmUp: true,
      durationMs: 0,
      faults: [],
      unmet: [],
      lost: 'the program ended before it took a request',
    });
  }
}

interface Queue {
  readonly next: () => Pass | undefined;
  /** Puts a pass back that was taken, to be the next one; each at most once. @returns false when it was put back before. */
  readonly putBack: (pass: Pass) => boolean;
  readonly more: () => boolean;
}

function createQueue(passes: Iterator<Pass>): Queue {
  let ahead = passes.next();
  const back: Pass[] = [];
  const wereBack = new Set<Pass>();
  return {
    next: () => {
      const again = back.shift();
      if (again !== undefined) return again;
      if (ahead.done === true) return undefined;
      const { value } = ahead;
      ahead = passes.next();
      return value;
    },
    putBack: (pass) => {
      if (wereBack.has(pass)) return false;
      wereBack.add(pass);
      back.push(pass);
      return true;
    },
    more: () => back.length > 0 || ahead.done !== true,
  };
}

/** One life of the program. */
async function serve(
  work: ReplayWork,
  queue: Queue,
): Promise<{ readonly launch: Launched; readonly taken: number }> {
  const { plan, launches } = work;
  const place = await launches.prepare();
  const ending = createEnding();
  const door = await openDoor(plan, () => !ending.isOver());
  const marks = createLogMarks<Pass>(place.directory);
  const problems: Problem[] = [];
  let growth: GrowthChecks | undefined;
  let taken = 0;
  let served = 0;
  let asked = false;
  let driving: Promise<void> | undefined;

  async function drive(pid: number): Promise<void> {
    door.release();
    growth = plan.growth
      ? await createGrowthChecks(plan, {
          pid,
          directory: place.directory,
          isFirst: place.name === 'launch-1',
          hasEnded: async () => (await ending.within(endIsNearMs)) !== undefined,
        })
      : undefined;
    const life: Life = {
      work,
      door,
      ending,
      marks,
      growth,
      pid,
      waits: true,
      rests: true,
      hasAnswered: false,
      reading: Promise.resolve(),
    };
    const worker = async (): Promise<void> => {
      for (;;) {
        if (ending.isOver() || ending.mustEnd() || work.signal.aborted) return;
        const pass = queue.next();
        if (pass === undefined) return;
        taken++;
        const mayComeBack = (): boolean => served > 0 && queue.putBack(pass);
        if (await ask(life, pass, mayComeBack)) served++;
      }
    };
    await Promise.all(Array.from({ length: plan.parallel }, worker));
    await life.reading;
    marks.close();
    await growth?.close();
    door.hangUp();
    if (ending.isOver()) return;
    asked = true;
    const how = await stopServed({
      pid,
      others: () => descendants(pid),
      poke: door.poke,
      killAfter: plan.run.killAfter,
      isOver: ending.isOver,
    });
    if (how === 'killed') {
      problems.push({
        code: 'served-killed',
        level: 'incomplete',
        message: `the program did not end within ${plan.run.killAfter / 1000} s of being asked to, and was killed: what the instrument says at the end is lost`,
        hint: 'let it end at SIGTERM, or give it more time with --kill-after',
        pid,
      });
    }
  }

  try {
    const launch = await place.start({
      variables: variablesOf(plan.processVariables),
      timeout: 0,
      standard: [
        { child: 0, own: door.descriptor },
        // What it says beside its answers is for the log of the server.
        { child: 1, own: 2 },
      ],
      onStart: (pid) => {
        driving = drive(pid);
        // It is awaited when the process has ended.
        driving.catch(() => {
          asked = true;
          if (!ending.isOver()) signal(pid, 'SIGKILL');
        });
      },
      onExit: (exit, instrumentExitcode) => ending.over(exit, instrumentExitcode),
      onEnded: async () => {
        await driving;
        await endLeftovers(place.directory, plan.run.killAfter);
        return {
          served: servedPasses(marks.grown()),
          ...(asked && { stoppedBy: work.signal.aborted ? ('interrupt' as const) : ('served' as const) }),
          problems: [...problems, ...(growth?.problems ?? [])],
        };
      },
    });
    return { launch, taken };
  } finally {
    await door.close();
  }
}

interface Life {
  readonly work: ReplayWork;
  readonly door: GatewayDoor;
  readonly ending: Ending;
  readonly marks: ReturnType<typeof createLogMarks<Pass>>;
  readonly growth: GrowthChecks | undefined;
  readonly pid: number;
  /** The program is known to wait for a request: what it dies of now is the next one. */
  waits: boolean;
  /** A byte of an answer came. */
  hasAnswered: boolean;
  /** Of the answer before: it is read while the program is at the next one. */
  reading: Promise<void>;
  /** It has been seen asleep between requests. */
  rests: boolean;
}

/**
 * Sends one request, and writes down what came of it.
 *
 * @param mayComeBack asked when the process had ended by itself before it took the request: puts it back if it may be sent to
 * the next one. So servers do with programs that end after some requests.
 * @returns whether the process had to do with it.
 */
async function ask(life: Life, pass: Pass, mayComeBack: () => boolean): Promise<boolean> {
  const { work, door, ending, marks, growth } = life;
  const { plan, answers, tally, variablesOf, signal: stop } = work;
  const request = plan.requests[pass.index] as CapturedRequest;
  if (pass.pass >= 1) await growth?.begin();
  const answer = answers.open(pass);
  marks.begin(pass);
  const startedAt = performance.now();
  let isRead = false;
  try {
    const result = await door.send({
      variables: variablesOf(pass.index),
      ...(request.body && { body: request.body }),
      onStdout: answer.write,
      onStderr: (bytes) => {
        process.stderr.write(bytes);
      },
      signal: stop,
    });
    const durationMs = performance.now() - startedAt;
    const end = result.lost === undefined ? undefined : await ending.within(endIsNearMs);
    // One that waited for it and ends with the instrument's status was ended by the instrument, over this request.
    const diedOfIt = life.waits && end?.how === 'exited' && end.code !== 0;
    const isUnserved = result.lost !== undefined && result.bytes === 0 && ending.wasPeaceful() && !diedOfIt;
    if (isUnserved && !stop.aborted && mayComeBack()) {
      marks.forget(pass);
      answer.discard();
      return false;
    }
    marks.end(pass);
    // What was late may hang for ever: the next requests get a fresh process.
    if (result.lost !== undefined && end === undefined) ending.demand();
    const { waits } = life;
    const isSilent =
      plan.mode === 'fastcgi' && result.bytes === 0 && ending.wasPeaceful() && !life.hasAnswered;
    life.hasAnswered ||= result.bytes > 0;
    life.waits = false;
    // Without a byte, it may have ended behind the request before.
    const ended = stop.aborted || (result.bytes === 0 && !waits) ? undefined : end;
    const lost =
      result.lost === undefined
        ? undefined
        : stop.aborted
          ? interrupted
          : end === undefined
            ? result.lost
            : isSilent
              ? 'the program ended by itself and spoke no FastCGI: if it is a CGI program, --mode=cgi'
              : ended === undefined
                ? `the program ${howItEnded(end)}, over this request or behind the one before`
                : 'the program ended while it answered';
    const note = async (): Promise<void> => {
      const read = await answer.finish().finally(answer.close);
      tally.add(pass.index, {
        warmUp: pass.pass < 1,
        durationMs,
        ...(result.lost === undefined && read.answer && { answer: read.answer }),
        faults: [...(result.lost === undefined ? read.faults : []), ...result.faults],
        unmet: result.lost === undefined ? read.unmet : [],
        ...(result.lost === undefined && read.unknown && { unknown: read.unknown }),
        ...(lost !== undefined && { lost }),
        ...(ended && { ended }),
      });
    };
    await life.reading;
    life.reading = note();
    // It is awaited with the next answer, or at the end.
    life.reading.catch(() => {});
    isRead = true;
    if (end === undefined && !stop.aborted) await settle(life, pass);
    return true;
  } finally {
    if (!isRead) answer.close();
  }
}

/** What a program does behind an answer, in ms: one that is never asleep is not waited for each time. */
const longestTidyMs = 200;

/** Waits until the program is done with a request: what it does until then is of that one, its end too. */
async function settle(life: Life, { index, pass }: Pass): Promise<void> {
  const { work, ending, growth, pid } = life;
  if (work.plan.parallel > 1 || hasChild(pid)) return;
  const measured = pass >= 1 ? await growth?.end({ index, pass }) : undefined;
  const state = measured ?? (life.rests ? await untilAsleep(pid, longestTidyMs) : undefined);
  life.rests = state !== undefined;
  life.waits = state === 'waits' || state === 'asleep';
  const exit = state === 'ended' ? await ending.within(endIsNearMs) : undefined;
  if (exit !== undefined && !ending.wasPeaceful()) work.tally.endedBehind(index, exit);
}

function howItEnded(exit: Exit): string {
  if (exit.how === 'signaled') return `was killed by ${exit.signal}`;
  return exit.how === 'exited' ? `exited with ${exit.code}` : 'ended';
}

interface Ending {
  readonly over: (exit: Exit, instrumentExitcode: number | undefined) => void;
  readonly isOver: () => boolean;
  /** It ended by itself and without a failure of its own. */
  readonly wasPeaceful: () => boolean;
  /** It is to be ended before all is asked. */
  readonly demand: () => void;
  readonly mustEnd: () => boolean;
  /** How it ended, if it does within so many ms. */
  readonly within: (ms: number) => Promise<Exit | undefined>;
}

function createEnding(): Ending {
  let exit: Exit | undefined;
  let peaceful = false;
  let demanded = false;
  let tell = () => {};
  const told = new Promise<void>((resolve) => {
    tell = resolve;
  });
  return {
    over: (how, instrumentExitcode) => {
      exit = how;
      peaceful = how.how === 'exited' && (how.code === 0 || how.code === instrumentExitcode);
      tell();
    },
    isOver: () => exit !== undefined,
    wasPeaceful: () => peaceful && !demanded,
    demand: () => {
      demanded = true;
    },
    mustEnd: () => demanded,
    within: async (ms) => {
      const patience = new AbortController();
      await Promise.race([told, sleep(ms, undefined, { signal: patience.signal }).catch(() => {})]);
      patience.abort();
      return exit;
    },
  };
}

function servedPasses(grown: ReturnType<ReturnType<typeof createLogMarks<Pass>>['grown']>): ServedPass[] {
  return [...grown].map(([{ index, pass }, parts]) => ({ request: index + 1, pass, grown: parts }));
}
