// Owns the question whether a process rests: waits for a request again, and has tidied up after the last one.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

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
