// Owns the question whether a process rests: waits for a request again, and has tidied up after the last one.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep, setImmediate as soon } from 'node:timers/promises';

/**
 * Waits until no thread of the process has run between two looks, 2 ms apart. A program may free what a request took
 * only after it has ended its answer; a leak check before that would count it.
 *
 * @param limit ms.
 * @returns false when it was still at work then, or is gone.
 */
export async function untilAtRest(pid: number, limit: number): Promise<boolean> {
  const deadline = Date.now() + limit;
  let before = look(pid);
  for (;;) {
    await sleep(2);
    const now = look(pid);
    if (now === undefined) return false;
    if (now !== 'running' && now === before) return true;
    if (Date.now() >= deadline) return false;
    before = now;
  }
}

/** How often each thread has gone to sleep, or that one runs; undefined when the process is gone. */
function look(pid: number): string | undefined {
  try {
    const counts: string[] = [];
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1');
      // State:	Z (zombie)
      if (/^State:\s+[ZX]/m.test(status)) return undefined;
      // State:	S (sleeping)
      if (!/^State:\s+S/m.test(status)) return 'running';
      // voluntary_ctxt_switches:	150
      counts.push(`${thread}:${/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]}`);
    }
    return counts.join();
  } catch {
    return undefined;
  }
}

/**
 * Waits until every thread of the process is seen asleep: it waits for something, a request most likely, and what it dies of from
 * now on is not of the last one. One look is enough, and costs no time that the process would not need anyway.
 *
 * @param limit ms.
 * @returns `ended` when the process is gone, undefined when it is still at work.
 */
export async function untilAsleep(pid: number, limit: number): Promise<'asleep' | 'ended' | undefined> {
  const deadline = performance.now() + limit;
  for (let looks = 0; ; looks++) {
    // It needs some microseconds behind an answer, or it ends, which takes an instrument much longer. Looking all the time would take
    // the processor from it.
    await (looks < 2 ? soon() : sleep(1));
    const state = look(pid);
    if (state === undefined) return 'ended';
    if (state !== 'running') return 'asleep';
    if (performance.now() >= deadline) return undefined;
  }
}
