// Owns which part of which log belongs to which request: a long-lived process writes into one log for all of them.
import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { LogGrowth } from '../../model/run.ts';
import { roleOf } from '../directory.ts';

/**
 * Looks at the sizes of logs whenever a request begins or ends. What they grew by in between was written for those under way, or
 * for the one that has just ended: programs clean up behind an answer.
 */
export interface LogMarks<Pass> {
  readonly begin: (pass: Pass) => void;
  readonly end: (pass: Pass) => void;
  /** It is not served by this process after all. Instead of `end`. */
  readonly forget: (pass: Pass) => void;
  /** The process is about to be ended: what comes now belongs to no request. */
  readonly close: () => void;
  /** By pass, in the order in which they began; only those with a log that grew. Names are what the files are called now. */
  readonly grown: () => ReadonlyMap<Pass, readonly LogGrowth[]>;
}

interface Part {
  readonly inode: number;
  readonly from: number;
  to: number;
}

/** @param directory absolute path of the run directory in which the logs are. */
export function createLogMarks<Pass>(directory: string): LogMarks<Pass> {
  // A log is renamed while it is written to (see capture.ts), and keeps its inode.
  const sizes = new Map<number, number>();
  const parts = new Map<Pass, Part[]>();
  const active = new Set<Pass>();
  const justEnded = new Set<Pass>();

  let names: readonly string[] = [];
  let listedAt: bigint | undefined;

  /** A request is looked at twice, and few make a file: the folder is read only when something in it is new. */
  function logs(): readonly Log[] {
    const { mtimeNs } = statSync(directory, { bigint: true });
    if (mtimeNs !== listedAt) names = logNames(directory);
    listedAt = mtimeNs;
    return logsNamed(directory, names);
  }

  function look(): void {
    for (const { inode, size } of logs()) {
      const from = sizes.get(inode) ?? 0;
      if (size <= from) continue;
      sizes.set(inode, size);
      for (const pass of [...active, ...justEnded]) add(parts, pass, { inode, from, to: size });
    }
  }

  return {
    begin: (pass) => {
      look();
      justEnded.clear();
      active.add(pass);
    },
    end: (pass) => {
      look();
      active.delete(pass);
      justEnded.add(pass);
    },
    forget: (pass) => {
      active.delete(pass);
      parts.delete(pass);
    },
    close: () => {
      look();
      active.clear();
      justEnded.clear();
    },
    grown: () => {
      const names = new Map(
        logsNamed(directory, logNames(directory)).map(({ inode, name }) => [inode, name]),
      );
      return new Map(
        [...parts].map(([pass, own]): [Pass, readonly LogGrowth[]] => [
          pass,
          own.flatMap(({ inode, from, to }) => {
            const artifact = names.get(inode);
            return artifact === undefined ? [] : [{ artifact, from, to }];
          }),
        ]),
      );
    },
  };
}

function add<Pass>(parts: Map<Pass, Part[]>, pass: Pass, part: Part): void {
  const own = parts.get(pass) ?? [];
  parts.set(pass, own);
  const last = own.findLast(({ inode }) => inode === part.inode);
  if (last?.to === part.from) last.to = part.to;
  else own.push({ ...part });
}

interface Log {
  readonly inode: number;
  readonly name: string;
  readonly size: number;
}

function logNames(directory: string): readonly string[] {
  return readdirSync(directory).filter((name) => ['xml', 'text', 'report'].includes(roleOf(name) ?? ''));
}

function logsNamed(directory: string, names: readonly string[]): readonly Log[] {
  return names.flatMap((name) => {
    const status = lstatSync(join(directory, name), { throwIfNoEntry: false });
    return status?.isFile() === true ? [{ inode: status.ino, name, size: status.size }] : [];
  });
}
