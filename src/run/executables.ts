// Owns the answer to which file each process of a run executed, and who started it: data that a program writes of itself
// does not say it.
import { readdirSync, readlinkSync } from 'node:fs';
import type { Executable } from '../model/run.ts';
import { readProc } from './processes.ts';

/** ms. A process that lives shorter has no samples: gprof takes one each 10 ms. */
const lookEveryMs = 5;

export interface ExecutableWatch {
  /** By pid; of a process that exec'd, what it was last. */
  readonly seen: ReadonlyMap<number, Executable>;
  readonly stop: () => void;
}

/** Looks at a process and all that descend from it until told to stop. */
export function watchExecutables(pid: number): ExecutableWatch {
  const seen = new Map<number, Executable>();
  /** Of those that live: who started them. */
  const known = new Map<number, number | undefined>([[pid, undefined]]);
  const look = (): void => {
    for (const [each, parent] of known) {
      try {
        const path = readlinkSync(`/proc/${each}/exe`);
        const before = seen.get(each);
        if (before?.path !== path) seen.set(each, noted(each, path, parent, before));
        for (const task of readdirSync(`/proc/${each}/task`)) {
          for (const child of readProc(`${each}/task/${task}/children`)?.split(' ') ?? []) {
            if (child !== '' && !known.has(Number(child))) known.set(Number(child), each);
          }
        }
      } catch {
        // It has ended; what is known of it stays, and its pid may be another's soon.
        known.delete(each);
      }
    }
  };

  function noted(
    each: number,
    path: string,
    parent: number | undefined,
    before: Executable | undefined,
  ): Executable {
    const isTwin = before === undefined && parent !== undefined && seen.get(parent)?.path === path;
    return {
      pid: each,
      path,
      ...(parent !== undefined && { ppid: parent }),
      ...(isTwin && { forked: true as const }),
    };
  }

  look();
  const timer = setInterval(look, lookEveryMs);
  timer.unref();
  return { seen, stop: () => clearInterval(timer) };
}
