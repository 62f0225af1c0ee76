// Runs a mode of examples-c/gdb/stuck.c until all its threads stand where they are to stay.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** How many threads there are, and how many of them sleep instead of waiting for a lock. */
const modes = {
  self: [1, 0],
  abandoned: [1, 0],
  forked: [1, 0],
  pi: [3, 0],
  'pi-self': [1, 0],
  upgrade: [1, 0],
  joins: [3, 0],
  relock: [2, 0],
  timed: [3, 0],
  timedjoin: [2, 0],
  reader: [2, 1],
  event: [1, 0],
  handed: [2, 1],
} as const;

export type StuckMode = keyof typeof modes;

export interface StuckProgram {
  /** Of the process that is stuck, which may be a child of the one that was started. */
  readonly pid: number;
  /** Ends it by SIGABRT. @returns its core file */
  readonly core: () => Promise<string>;
  readonly end: () => void;
}

/** @param folder where it runs; made when it is not there */
export async function startStuck(program: string, mode: StuckMode, folder: string): Promise<StuckProgram> {
  mkdirSync(folder, { recursive: true });
  const started = spawn('sh', ['-c', 'ulimit -c unlimited; exec "$@"', 'sh', program, mode], {
    cwd: folder,
    stdio: 'ignore',
  });
  const ended = once(started, 'exit');
  const first = started.pid as number;
  const pid = await stuckProcess(first, mode);
  const end = (): void => {
    for (const each of new Set([pid, first])) {
      try {
        process.kill(each, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
  };
  const core = async (): Promise<string> => {
    process.kill(pid, 'SIGABRT');
    await ended;
    const name = (await readdir(folder)).find((each) => each.startsWith('core'));
    if (name === undefined) throw new Error(`${program} ${mode} left no core`);
    return join(folder, name);
  };
  return { pid, core, end };
}

async function stuckProcess(first: number, mode: StuckMode): Promise<number> {
  const [threads, sleeping] = modes[mode];
  const isForked = mode === 'forked' || mode === 'handed';
  for (let look = 0; look < 1000; look++) {
    const children = await readFile(`/proc/${first}/task/${first}/children`, 'latin1').catch(() => '');
    const pid = isForked ? Number(children.trim()) : first;
    const calls = pid === 0 ? [] : await callsOf(pid);
    // 202: futex of x86-64; 98 of aarch64. What comes before in the program never waits so long for all threads at once.
    const waiting = calls.filter((call) => /^(?:202|98) /.test(call)).length;
    const asleep = calls.filter((call) => /^(?:230|115) /.test(call)).length;
    if (calls.length === threads && waiting === threads - sleeping && asleep === sleeping) {
      if (await isStill(pid, calls)) return pid;
    }
    await new Promise((done) => setTimeout(done, 10));
  }
  throw new Error(`stuck ${mode} did not come to stand still`);
}

async function callsOf(pid: number): Promise<readonly string[]> {
  const lwps = await readdir(`/proc/${pid}/task`).catch(() => []);
  return Promise.all(
    lwps.map((lwp) => readFile(`/proc/${pid}/task/${lwp}/syscall`, 'latin1').catch(() => '')),
  );
}

/** A barrier is a futex too: all must be in the same calls a moment later. */
async function isStill(pid: number, before: readonly string[]): Promise<boolean> {
  await new Promise((done) => setTimeout(done, 50));
  return JSON.stringify(await callsOf(pid)) === JSON.stringify(before);
}
