// Owns the end of a process that serves requests: gentle, so that its instrument writes a complete report.
import { setTimeout as sleep } from 'node:timers/promises';

/** What it took to end it: nothing, SIGTERM, SIGTERM and a connection, or SIGKILL, which loses the report. */
export type StopManner = 'by itself' | 'asked' | 'poked' | 'killed';

/** What ends a process that serves requests. */
export interface StopOptions {
  readonly pid: number;
  /**
   * Wakes it where it waits for a request: a connection that is closed again, or a request nobody reads. Some programs
   * look at their SIGTERM only then. May reject; is not waited for longer than the process lives.
   */
  readonly poke: () => Promise<void>;
  /** ms from SIGTERM to SIGKILL. */
  readonly killAfter: number;
  /** Whether the process and its workers are gone. */
  readonly isOver: () => boolean;
  /** Its workers, so that they are asked and ended, too; asked for anew each time. */
  readonly others?: () => readonly number[];
}

/** From SIGTERM to the first poke, in ms; at most a third of the patience. */
const firstPoke = 1000;

/**
 * Returns when the process is over, or 2 s after SIGKILL. Connections to it must be closed before: a process that waits
 * for the next request over one of them may not look at its signal.
 */
export async function stopServed(options: StopOptions): Promise<StopManner> {
  const { isOver, killAfter } = options;
  if (isOver()) return 'by itself';
  const everybody = () => new Set([options.pid, ...(options.others?.() ?? [])]);
  const asked = new Set<number>();
  const ask = () => {
    for (const pid of everybody()) {
      if (asked.has(pid)) continue;
      asked.add(pid);
      signal(pid, 'SIGTERM');
      // A stopped process takes the signal only when it goes on.
      signal(pid, 'SIGCONT');
    }
  };
  const start = Date.now();
  const since = () => Date.now() - start;
  ask();
  let nextPoke = Math.min(firstPoke, killAfter / 3);
  let poked = false;
  for (let pause = 2; since() < killAfter; pause = Math.min(pause * 2, 50)) {
    await sleep(Math.min(pause, Math.max(1, killAfter - since())));
    if (isOver()) return poked ? 'poked' : 'asked';
    // A worker that was forked meanwhile.
    ask();
    if (since() >= nextPoke) {
      poked = true;
      nextPoke = since() * 2;
      options.poke().catch(() => undefined);
    }
  }
  const last = Date.now() + 2000;
  while (!isOver() && Date.now() < last) {
    for (const pid of everybody()) signal(pid, 'SIGKILL');
    await sleep(10);
  }
  return 'killed';
}

/** A process that is gone is no error. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== 'ESRCH') throw reason;
  }
}
