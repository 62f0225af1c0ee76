// Owns the reading of what a program writes to its stderr, for the one case in which a report stands nowhere else.
//
// A program that gcc built with -fsanitize=undefined beside another sanitizer has two runtimes, libasan.so and libubsan.so, and
// the second never learns of the log_path: what UBSan says goes to stderr (gcc 12; linking with -static-libasan -static-libubsan
// makes it one runtime). A file that stderr goes to anyway is read afterwards. In front of a pipe or socket stands a file of the
// run directory, out of which every byte is passed on in order. A terminal is left alone: programs look at what they write to.
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isatty } from 'node:tty';
import type { Problem } from '../model/problem.ts';
import type { Sanitizer } from '../model/sanitizer.ts';
import { stderrReport } from './directory.ts';

const passOnEveryMs = 10;
const chunkBytes = 64 * 1024;
/** What every report of UBSan has. */
const mark = 'runtime error: ';

export interface StderrCopy {
  /** What the program gets as its stderr; missing: our own. */
  readonly descriptor?: number;
  /** Passes on the rest. What holds no report is not kept. */
  readonly finish: () => Promise<void>;
  readonly problems: readonly Problem[];
}

/** Whether a program has two runtimes, of which one writes to stderr. */
export function writesToStderr(built: readonly Sanitizer[]): boolean {
  return built.includes('undefined') && built.some((sanitizer) => sanitizer !== 'undefined');
}

/** Starts to read stderr along; nothing is kept of what was there before. */
export function startStderrCopy(directory: string): StderrCopy {
  const path = join(directory, stderrReport);
  if (isatty(2)) return { finish: async () => {}, problems: [onTerminal] };
  const { size: before } = fstatSync(2);
  if (fstatSync(2).isFile()) return { finish: () => keepPart(path, before), problems: [] };
  const descriptor = openSync(path, 'ax', 0o600);
  const source = openSync(path, 'r');
  const buffer = Buffer.alloc(chunkBytes);
  const search = startSearch();
  let isGone = false;
  const passOn = (): void => {
    for (;;) {
      const length = readSync(source, buffer, 0, chunkBytes, null);
      if (length === 0) return;
      const bytes = buffer.subarray(0, length);
      search.take(bytes);
      if (!isGone) isGone = !writeAll(bytes);
    }
  };
  const timer = setInterval(passOn, passOnEveryMs);
  return {
    descriptor,
    problems: [],
    finish: async () => {
      clearInterval(timer);
      passOn();
      closeSync(source);
      closeSync(descriptor);
      if (!search.isFound()) await rm(path, { force: true });
    },
  };
}

/** @returns false when nobody reads any more. */
function writeAll(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(2, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false;
      // A pipe that is full and must not block: its reader is slow.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
  return true;
}

/** What was added to the file that stderr goes to. */
async function keepPart(path: string, from: number): Promise<void> {
  let source: number;
  try {
    // Ours may be open for writing only.
    source = openSync('/proc/self/fd/2', 'r');
  } catch {
    return;
  }
  const target = openSync(path, 'wx', 0o600);
  const search = startSearch();
  const buffer = Buffer.alloc(chunkBytes);
  for (let at = from; ; ) {
    const length = readSync(source, buffer, 0, chunkBytes, at);
    if (length === 0) break;
    at += length;
    const bytes = buffer.subarray(0, length);
    search.take(bytes);
    writeSync(target, bytes);
  }
  closeSync(source);
  closeSync(target);
  if (!search.isFound()) await rm(path, { force: true });
}

function startSearch() {
  let rest = Buffer.alloc(0);
  let found = false;
  return {
    isFound: () => found,
    take: (bytes: Uint8Array): void => {
      if (found) return;
      const text = Buffer.concat([rest, bytes]);
      found = text.includes(mark);
      rest = text.subarray(Math.max(0, text.length - mark.length));
    },
  };
}

/** What a run must say of programs with two runtimes that something else started, as a script does. */
export function heardOnStderrOnly(programs: readonly string[]): Problem {
  const names = [...new Set(programs.map((path) => basename(path)))];
  const others = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return {
    code: 'report-on-stderr',
    level: 'incomplete',
    message: `gcc gave ${names.slice(0, 3).join(', ')}${others} two runtimes, and that of UndefinedBehaviorSanitizer writes to stderr only: what it said there is not in the report`,
    hint: 'build them with vgrun build, or link them with -static-libasan -static-libubsan; or run each by itself: vgrun --tool=ubsan program',
  };
}

const onTerminal: Problem = {
  code: 'report-on-terminal',
  level: 'incomplete',
  message:
    'gcc gave the program two runtimes, and that of UndefinedBehaviorSanitizer writes to the terminal only: what it says there is not in the report',
  hint: 'build it with vgrun build, link it with -static-libasan -static-libubsan, or send its stderr to a file or pipe: 2>errors.txt',
};
