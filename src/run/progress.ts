// Owns the line that tells somebody at a terminal that a long silent run is alive.
import { processState, readProc } from './processes.ts';

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
  let lastVolume = 0;
  let lastCpu = 0;
  const timer = setInterval(() => {
    const state = processState(pid);
    if (state === undefined) return;
    const volume = volumeWritten(pid);
    const silent = volume === lastVolume && state.cpu > lastCpu;
    lastVolume = volume;
    lastCpu = state.cpu;
    if (!silent) silentSince = Date.now();
    if (Date.now() - silentSince < patience) return;
    patience *= 2;
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    process.stderr.write(`vgrun: ${what} has run for ${seconds} s; Ctrl-C ends it with a report\n`);
  }, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * Bytes written beyond one for each write (`wchar`, `syscw` of /proc/PID/io, proc(5)): valgrind passes its big lock
 * on by writing single bytes into a pipe, hundreds a second.
 */
function volumeWritten(pid: number): number {
  const text = readProc(`${pid}/io`) ?? '';
  const field = (name: string) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return field('wchar') - field('syscw');
}
