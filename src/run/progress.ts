// Owns the line that tells somebody at a terminal that a long silent run is alive.
import { readFile } from 'node:fs/promises';
import { processState } from './processes.ts';

const firstLineAfterMs = 10_000;
const lookEveryMs = 1_000;

/**
 * Writes a line to stderr when the process has computed, and written nothing, for 10 s; then after 20 s, 40 s, …
 * A process that sleeps or waits for a key is left in peace. Whole lines only: erasing them later could erase what
 * the program wrote meanwhile.
 *
 * @returns a function that ends it.
 */
export function showProgress(pid: number, what: string): () => void {
  const startedAt = Date.now();
  let silentSince = startedAt;
  let patience = firstLineAfterMs;
  let lastWritten = '';
  let lastCpu = 0;
  const timer = setInterval(async () => {
    const written = await bytesWritten(pid);
    const state = processState(pid);
    if (state === undefined) return;
    const busy = state.cpu > lastCpu;
    lastCpu = state.cpu;
    if (written !== lastWritten || !busy) {
      lastWritten = written;
      silentSince = Date.now();
      return;
    }
    if (Date.now() - silentSince < patience) return;
    patience *= 2;
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    process.stderr.write(`vgrun: ${what} has run for ${seconds} s; Ctrl-C ends it with a report\n`);
  }, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** `wchar: 12345` of /proc/PID/io (proc(5)). */
async function bytesWritten(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/io`, 'latin1').catch(() => '');
  return /^wchar: (\d+)/m.exec(text)?.[1] ?? '';
}
