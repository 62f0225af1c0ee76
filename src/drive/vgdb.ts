// Owns vgdb stops: a program that waits for a debugger nobody brings must not hang a run.
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long an unattended stop is left for a gdb that somebody starts by a script, in ms. */
const unattendedPatience = 15_000;

/** Reads a valgrind log for stops (`--vgdb-error`, `--vgdb-stop-at`). */
export interface StopWatch {
  /** Hands over bytes appended to the log. */
  readonly read: (bytes: Uint8Array) => void;
}

/** On a terminal it says how to attach; without one it lets the program go on after 15 s. */
export function watchStops(options: {
  /** Absolute path of valgrind; its vgdb is beside it. */
  readonly instrument: string;
  /** `--vgdb-prefix` of the run. */
  readonly prefix: string;
  readonly terminal: boolean;
  readonly say: (line: string) => void;
}): StopWatch {
  const { prefix, terminal, say } = options;
  const vgdb = join(dirname(options.instrument), 'vgdb');
  const waiting = new Set<number>();
  let rest = '';

  async function letGo(pid: number): Promise<void> {
    waiting.add(pid);
    say(`process ${pid} waits for gdb; without one it goes on in ${unattendedPatience / 1000} s`);
    await sleep(unattendedPatience, undefined, { ref: false });
    // It may stop again: at its end, with --vgdb-stop-at=exit.
    waiting.delete(pid);
    // Any command resumes a stopped process; this one also keeps it from stopping at its next error.
    const { execa } = await import('execa');
    const { failed } = await execa(
      vgdb,
      [`--vgdb-prefix=${prefix}`, `--pid=${pid}`, 'v.set', 'vgdb-error', '999999999'],
      { reject: false, stdio: 'ignore', timeout: 10_000 },
    );
    if (failed && isAlive(pid)) say(`process ${pid} may still wait for gdb: ${vgdb} could not reach it`);
  }

  return {
    read: (bytes) => {
      rest += Buffer.from(bytes).toString('latin1');
      const lines = rest.split('\n');
      rest = (lines.pop() ?? '').slice(-4096);
      for (const line of lines) {
        // ==1234== (action on error) vgdb me ...
        const pid = Number(/^==(?:[\d:.]+ )?(\d+)== \(action (?:on|at) [^)]*\) vgdb me/.exec(line)?.[1] ?? 0);
        if (pid === 0) continue;
        if (terminal) {
          say(
            `process ${pid} waits for gdb: in another terminal run  gdb PROGRAM -ex 'target remote | ${vgdb} --vgdb-prefix=${prefix} --pid=${pid}'`,
          );
        } else if (!waiting.has(pid)) void letGo(pid);
      }
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
