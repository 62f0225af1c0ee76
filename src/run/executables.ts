// Owns the answer to which file each process of a run executed, and who started it: data that a program writes of itself
// does not say it.
import { readdirSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { textOfBytes } from '../model/byte-text.ts';
import type { Executable } from '../model/run.ts';
import type { Sanitizer } from '../model/sanitizer.ts';
import { shellMark } from './exact-bytes.ts';
import { readProc } from './processes.ts';
import { sanitizersIn } from './target.ts';

/** ms. A process that lives shorter has no samples: gprof takes one each 10 ms. */
const lookEveryMs = 5;

/** ms between looks when nothing has changed for long: no data is lost to those that report at their end. */
const slowLookEveryMs = 25;

/** Looks without a change after which they become rarer. */
const quietLooks = 20;

/** Rest after each look, in times of what it took: who watches must not slow down what runs beside it. */
const leastRest = 20;

export interface ExecutableWatch {
  /** By pid; of a process that exec'd, what it was last. */
  readonly seen: ReadonlyMap<number, Executable>;
  readonly stop: () => void;
}

/** Where the stack begins, by which images of one file are told apart (proc(5), /proc/PID/stat, startstack). */
function stackStart(pid: number): string | undefined {
  const text = readProc(`${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[25];
}

/** Adds which sanitizers the files are built with. */
export async function withSanitizers(seen: readonly Executable[]): Promise<readonly Executable[]> {
  const known = new Map<string, readonly Sanitizer[]>();
  const lookInto = async (path: string): Promise<readonly Sanitizer[]> => {
    const found = known.get(path) ?? (known.size < mostFiles ? await sanitizersIn(path) : []);
    known.set(path, found);
    return found;
  };
  const told: Executable[] = [];
  for (const each of seen) {
    const found = new Set<Sanitizer>();
    for (const path of [each.path, ...(each.was ?? [])]) {
      for (const sanitizer of await lookInto(path)) found.add(sanitizer);
    }
    told.push({ ...each, sanitizers: [...found] });
  }
  return told;
}

/** A build runs hundreds of programs. */
const mostFiles = 200;

/** What vgrun itself puts in front of a program, see limits.ts, exact-bytes.ts and shim/supervised.ts: it is that for a moment. */
const before: ReadonlySet<string> = new Set(['setpriv', 'prlimit', 'env', 'nice']);

/** The shells that /bin/sh is, and that make the words of a program; see exact-bytes.ts. */
const shells: ReadonlySet<string> = new Set(['sh', 'dash', 'bash', 'busybox', 'ksh', 'mksh']);

function isBefore(pid: number, path: string): boolean {
  const name = basename(path);
  return before.has(name) || (shells.has(name) && readProc(`${pid}/cmdline`)?.includes(shellMark) === true);
}

/**
 * Looks at a process and all that descend from it until told to stop.
 *
 * @param program absolute; what the process becomes, in case that it is too short to be seen.
 * @param onLook called with the pid of each process that lives, at each look.
 * @param mayRest looks become rarer while nothing changes.
 */
export function watchExecutables(
  pid: number,
  program: string,
  {
    onLook,
    mayRest = false,
  }: { readonly onLook?: ((pid: number) => void) | undefined; readonly mayRest?: boolean } = {},
): ExecutableWatch {
  const seen = new Map<number, Executable>([[pid, { pid, path: program }]]);
  /** Of those that live: who started them. */
  const known = new Map<number, number | undefined>([[pid, undefined]]);
  let quiet = 0;
  const look = (): void => {
    quiet++;
    for (const [each, parent] of known) {
      try {
        const path = textOfBytes(readlinkSync(`/proc/${each}/exe`, 'buffer'));
        const earlier = seen.get(each);
        const isPrefix = each === pid && isBefore(each, path);
        if (!isPrefix && earlier?.path !== path) {
          seen.set(each, noted(each, path, parent, earlier));
          quiet = 0;
        } else if (earlier?.brief === true) {
          const { brief: _, ...rest } = earlier;
          seen.set(each, rest);
        }
        onLook?.(each);
        for (const task of readdirSync(`/proc/${each}/task`)) {
          for (const child of readProc(`${each}/task/${task}/children`)?.split(' ') ?? []) {
            if (child !== '' && !known.has(Number(child))) {
              known.set(Number(child), each);
              quiet = 0;
            }
          }
        }
      } catch {
        // It has ended; what is known of it stays, and its pid may be another's soon.
        known.delete(each);
        quiet = 0;
      }
    }
  };

  function noted(
    each: number,
    path: string,
    parent: number | undefined,
    earlier: Executable | undefined,
  ): Executable {
    // What exec'd the very same file has a stack of its own.
    const isTwin =
      earlier === undefined &&
      parent !== undefined &&
      seen.get(parent)?.path === path &&
      stackStart(parent) === stackStart(each);
    // What another process was, it was on its way from fork to exec.
    const was = each === pid && earlier !== undefined ? [...(earlier.was ?? []), earlier.path] : [];
    return {
      pid: each,
      path,
      ...(was.length > 0 && was.length <= mostFiles && { was }),
      ...(parent !== undefined && { ppid: parent }),
      ...(isTwin && { forked: true as const, brief: true as const }),
    };
  }

  let timer: NodeJS.Timeout | undefined;
  let costBefore = 0;
  const lookAgain = (): void => {
    const start = performance.now();
    look();
    const cost = performance.now() - start;
    // One look that took long, as the first does, says nothing of the next.
    const usual = mayRest && quiet > quietLooks ? slowLookEveryMs : lookEveryMs;
    timer = setTimeout(lookAgain, Math.max(usual, Math.min(cost, costBefore) * leastRest)).unref();
    costBefore = cost;
  };
  lookAgain();
  return { seen, stop: () => clearTimeout(timer) };
}
