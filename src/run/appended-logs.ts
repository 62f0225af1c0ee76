// Owns logs that programs append to where they stand (memwatch.log): the run keeps what was added while it went on.
import { createReadStream, createWriteStream, readlinkSync, type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { AppendedLogs } from '../model/launch.ts';
import type { Problem } from '../model/problem.ts';
import { byteLines } from '../tools/_shared/byte-lines.ts';

/** Folders that are looked at; a program that goes through all of a disk is not followed. */
const mostFolders = 200;

export interface AppendWatch {
  /** Notes where a process stands now: its log is there, when it goes there before it opens one. */
  readonly look: (pid: number) => void;
  /**
   * Copies what was added, as `USUAL.1`, `USUAL.2`, ….
   *
   * @param directory of the run, absolute.
   * @returns what is said of logs that are empty, or not there at all.
   */
  readonly keep: (directory: string) => Promise<readonly Problem[]>;
}

/** The state of one file before the run. */
interface Before {
  readonly size: number;
  readonly inode: number;
}

/**
 * Remembers what is there before the program starts.
 *
 * @param workingDirectory of the program, absolute.
 */
export function watchAppended(logs: AppendedLogs, workingDirectory: string): AppendWatch {
  const startedMs = Date.now();
  /** By folder, then by name. A folder that is seen later may have what was already added. */
  const folders = new Map<string, ReadonlyMap<string, Before>>();
  const note = (folder: string): void => {
    if (folders.has(folder) || folders.size >= mostFolders) return;
    const files = new Map<string, Before>();
    for (const name of logs.names) {
      const status = statSync(join(folder, name), { throwIfNoEntry: false });
      // Made since the run began: all of it is of the run.
      if (status === undefined || isYoung(status, startedMs)) continue;
      files.set(name, { size: status.size, inode: status.ino });
    }
    folders.set(folder, files);
  };
  note(workingDirectory);

  async function keep(directory: string): Promise<readonly Problem[]> {
    let count = 0;
    let empty = false;
    for (const [folder, files] of folders) {
      for (const name of logs.names) {
        const path = join(folder, name);
        const status = await stat(path).catch(() => undefined);
        if (status?.isFile() !== true) continue;
        const before = files.get(name);
        const same = before !== undefined && before.inode === status.ino && before.size <= status.size;
        const start = same ? before.size : 0;
        if (status.size > start) {
          for (const part of await partsOf(path, start, status.size, logs.begin)) {
            count++;
            await pipeline(
              createReadStream(path, part),
              createWriteStream(join(directory, `${logs.usual}.${count}`), { mode: 0o600 }),
            );
          }
        } else if (!same || status.mtimeMs >= startedMs) empty = true;
      }
    }
    if (count > 1) return [manyProblem(count, logs.usual)];
    if (count === 1) return [];
    return [empty ? logs.empty : logs.missing];
  }

  return {
    look: (pid) => {
      try {
        note(readlinkSync(`/proc/${pid}/cwd`));
      } catch {
        // It has ended, or is another user's.
      }
    },
    keep,
  };
}

/**
 * Where the parts of several programs are that appended one after the other.
 *
 * @returns first and last byte of each.
 */
async function partsOf(
  path: string,
  start: number,
  size: number,
  begin: string,
): Promise<readonly { readonly start: number; readonly end: number }[]> {
  const begins: number[] = [];
  const first = Buffer.from(begin);
  const lines = byteLines((bytes, from, to, offset) => {
    if (to - from >= first.length && bytes.compare(first, 0, first.length, from, from + first.length) === 0) {
      begins.push(start + offset);
    }
  }, 4096);
  for await (const chunk of createReadStream(path, { start, end: size - 1 })) lines.push(chunk as Buffer);
  lines.end();
  // The empty line before the first one is part of it.
  const starts = [start, ...begins.slice(1)];
  return starts.map((each, index) => ({ start: each, end: (starts[index + 1] ?? size) - 1 }));
}

function manyProblem(count: number, usual: string): Problem {
  return {
    code: 'several-programs',
    level: 'note',
    message: `${count} programs of the run wrote a log of ${usual}: it does not say which process each was`,
  };
}

/** File systems keep times more coarsely than the clock does. */
const clockStepMs = 20;

function isYoung({ birthtimeMs }: Stats, startedMs: number): boolean {
  return birthtimeMs >= startedMs - clockStepMs;
}
