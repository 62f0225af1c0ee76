// Owns the answer to which file each process of a run executed: data that a program writes of itself does not say it.
import { readdirSync, readlinkSync } from 'node:fs';
import { readProc } from './processes.ts';

/** ms. A process that lives shorter has no samples: gprof takes one each 10 ms. */
const lookEveryMs = 5;

export interface ExecutableWatch {
  /** By pid, absolute, the last one that was seen: what a process exec'd last writes its data. */
  readonly seen: ReadonlyMap<number, string>;
  readonly stop: () => void;
}

/**
 * Looks at a process and all that descend from it until told to stop.
 *
 * @param onLook called with the pid of each process that lives, at each look.
 */
export function watchExecutables(pid: number, onLook?: (pid: number) => void): ExecutableWatch {
  const seen = new Map<number, string>();
  const known = new Set([pid]);
  const look = (): void => {
    for (const each of known) {
      try {
        seen.set(each, readlinkSync(`/proc/${each}/exe`));
        onLook?.(each);
        for (const task of readdirSync(`/proc/${each}/task`)) {
          for (const child of readProc(`${each}/task/${task}/children`)?.split(' ') ?? []) {
            if (child !== '') known.add(Number(child));
          }
        }
      } catch {
        // It has ended; what is known of it stays, and its pid may be another's soon.
        known.delete(each);
      }
    }
  };
  look();
  const timer = setInterval(look, lookEveryMs);
  timer.unref();
  return { seen, stop: () => clearInterval(timer) };
}
