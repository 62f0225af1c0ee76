// Owns vgdb stops: a program that waits for a debugger nobody brings must not hang a run.
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';

/** How long an unattended stop is left for a gdb that somebody starts by a script, in ms. */
const unattendedPatience = 30_000;

/**
 * Watches a valgrind log for stops (`--vgdb-error`, `--vgdb-stop-at`). On a terminal it says how to attach; without
 * one it lets the program go on after 30 s.
 */
export interface StopWatch {
  /** Hands over bytes appended to the log. */
  readonly read: (bytes: Uint8Array) => void;
}

export function watchStops(options: {
  readonly instrument: string;
  readonly prefix: string;
  readonly terminal: boolean;
  readonly say: (line: string) => void;
}): StopWatch {
  const vgdb = join(dirname(options.instrument), 'vgdb');
  const stopped = new Set<number>();
  let rest = '';
  return {
    read: (bytes) => {
      rest += Buffer.from(bytes).toString('latin1');
      const lines = rest.split('\n');
      rest = (lines.pop() ?? '').slice(-4096);
      for (const line of lines) {
        // ==1234== (action on error) vgdb me ...
        const pid = Number(/^==(\d+)== \(action (?:on|at) [^)]*\) vgdb me/.exec(line)?.[1] ?? 0);
        if (pid === 0) continue;
        if (options.terminal) {
          options.say(
            `process ${pid} waits for gdb: in another terminal run  gdb PROGRAM -ex 'target remote | ${vgdb} --vgdb-prefix=${options.prefix} --pid=${pid}'`,
          );
        } else if (!stopped.has(pid)) {
          stopped.add(pid);
          options.say(
            `process ${pid} waits for gdb; without one it goes on in ${unattendedPatience / 1000} s`,
          );
          void letGo(vgdb, options.prefix, pid);
        }
      }
    },
  };
}

/** Any command resumes a stopped process; this one also keeps it from stopping at its next error. */
async function letGo(vgdb: string, prefix: string, pid: number): Promise<void> {
  await sleep(unattendedPatience, undefined, { ref: false });
  await execa(vgdb, [`--vgdb-prefix=${prefix}`, `--pid=${pid}`, 'v.set', 'vgdb-error', '999999999'], {
    reject: false,
    stdio: 'ignore',
    timeout: 10_000,
  });
}
