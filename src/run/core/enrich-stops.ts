// Owns what is added to the stops of a run under gdb: the small core of each crash tells what gdb does not, such as what the bad
// pointer was, who waits for whom, and frames beyond a damaged stack.
import { createReadStream } from 'node:fs';
import { appendFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { UserError } from '../../errors.ts';
import type { Problem } from '../../model/problem.ts';
import type { Register, Stop, StopFrame, StopThread } from '../../model/stop.ts';
import { stopsEnding } from '../directory.ts';
import { withValues } from './core-values.ts';
import { describeCore } from './describe-core.ts';
import { openCore } from './open-core.ts';

/** Stops of a run that are looked at: the crashes of a server with many workers are alike. */
const mostStops = 20;
/** gdb is asked for no more of a stop (run/gdb/stop.py). */
const mostThreads = 1024;
/** Bytes; what is longer was written by nobody of ours. */
const longestLog = 512 * 1024 * 1024;

/**
 * Appends to each stop log of a run what the cores of its stops tell: a later line about a stop takes the place of the earlier one.
 *
 * @returns what could not be read; never throws for that.
 */
export async function enrichStops(directory: string): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const logs = (await readdir(directory)).filter((name) => name.endsWith(stopsEnding));
  for (const name of logs) {
    const log = join(directory, name);
    if ((await stat(log)).size > longestLog) continue;
    const stops = await stopsWithCore(log);
    const left = stops.length - mostStops;
    if (left > 0) {
      problems.push({
        code: 'more-crashes',
        level: 'warning',
        message: `of ${left} more ${left === 1 ? 'crash' : 'crashes'} it was not looked up what was touched, and what was said or thrown`,
      });
    }
    for (const stop of stops.slice(0, mostStops)) {
      try {
        const added = await enriched(stop, directory);
        await appendFile(log, `${JSON.stringify({ type: 'stop', ...added })}\n`);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        problems.push({
          code: 'unreadable-core',
          level: 'warning',
          message: `what the crash touched is not known: ${error.message}`,
          pid: stop.pid,
        });
      }
    }
  }
  return problems;
}

type StopWithCore = Stop & { readonly core: string };

/** Only files of the run directory itself: the log says their names. */
async function stopsWithCore(log: string): Promise<readonly StopWithCore[]> {
  const found: StopWithCore[] = [];
  for await (const line of createInterface({
    input: createReadStream(log),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    if (!line.startsWith('{"type": "stop"') && !line.startsWith('{"type":"stop"')) continue;
    let stop: Partial<Stop> | undefined;
    try {
      stop = JSON.parse(line) as Partial<Stop>;
    } catch {
      continue;
    }
    const { core, threads, pid, cause } = stop;
    if (core === undefined || core.includes('/') || cause !== 'signal') continue;
    if (Array.isArray(threads) && typeof pid === 'number') found.push(stop as StopWithCore);
  }
  return found;
}

async function enriched(stop: StopWithCore, directory: string): Promise<Stop> {
  const opened = await openCore(join(directory, stop.core), { search: [], debuginfod: false });
  try {
    const found = await describeCore(opened, {
      folder: directory,
      disassembles: stop.disassembly === undefined,
      signal: stop.signal,
      hasAllThreads: opened.image.threads.length >= stop.threads.length && stop.threads.length < mostThreads,
      // Of the others the frames that gdb saw stay.
      named: new Set(stop.threads.filter((thread) => !isSound(thread)).map(({ lwp }) => lwp)),
    });
    return merged(stop, found);
  } finally {
    opened.close();
  }
}

/** What gdb said stays, unless the core knows better. */
function merged(seen: StopWithCore, found: Stop): Stop {
  const byLwp = new Map(found.threads.map((thread) => [thread.lwp, thread]));
  const { signal, fault, exception, deadlocks, disassembly, modules } = { ...found, ...seen };
  const what = seen.what === undefined || found.what?.startsWith(seen.what) ? found.what : seen.what;
  return {
    ...seen,
    ...(signal && { signal }),
    ...(fault && { fault }),
    ...(exception && { exception }),
    ...(what !== undefined && { what }),
    ...(deadlocks && { deadlocks }),
    ...(disassembly && { disassembly }),
    ...((found.modules ?? modules) && { modules: found.modules ?? modules }),
    threads: seen.threads.map((thread) => mergedThread(thread, byLwp.get(thread.lwp))),
  };
}

function mergedThread(seen: StopThread, found: StopThread | undefined): StopThread {
  if (found === undefined) return seen;
  const registers = seen.registers && withPlaces(seen.registers, found.registers ?? []);
  const own = isSound(seen) ? seen : betterFrames(seen, found);
  return {
    ...seen,
    frames: own.frames,
    end: own.end,
    ...(own.omitted !== undefined && { omitted: own.omitted }),
    ...(registers !== undefined && { registers }),
    ...(found.waits !== undefined && { waits: found.waits }),
  };
}

/** gdb came to the end of the stack, through code that it knows. */
function isSound({ frames, end }: StopThread): boolean {
  return (
    end === 'whole' &&
    frames.every(
      ({ object, function: name, isSignalHandler }) =>
        object !== undefined && (name !== undefined || isSignalHandler === true),
    )
  );
}

/** Those that were found otherwise, with the variables that gdb read where both are at the same place. */
function betterFrames(seen: StopThread, found: StopThread): StopThread {
  const named = ({ frames }: StopThread): number =>
    frames.filter((frame) => frame.function !== undefined && frame.trust !== 'doubtful').length;
  if (named(found) < named(seen)) return seen;
  // What gdb read of a frame that it took to be elsewhere on the stack are other values.
  const values = seen.frames.flatMap(({ ip, function: name, variables, trust }: StopFrame) =>
    ip === undefined || variables === undefined || trust === 'doubtful'
      ? []
      : [{ ip, ...(name !== undefined && { function: name }), variables }],
  );
  return withValues(found, new Map([[found.lwp, values]]));
}

function withPlaces(seen: readonly Register[], found: readonly Register[]): readonly Register[] {
  const places = new Map(found.map(({ name, pointsTo }) => [name, pointsTo]));
  return seen.map((register) => {
    const pointsTo = places.get(register.name);
    return pointsTo === undefined ? register : { ...register, pointsTo };
  });
}
