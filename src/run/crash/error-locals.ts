// Owns `--error-locals`: gdb looks through vgdb at each error of each process, and writes the variables of all frames down. Nobody is
// asked, and no process is left waiting: not when gdb fails, and not when it takes too long.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Problem } from '../../model/problem.ts';
import { safeGdbWords, shippedScript } from '../gdb/batch.ts';
import { processState, readProc } from '../processes.ts';
import type { ErrorStops } from './error-stops.ts';
import { connectCommand, connectVariables, programUnder, vgdbOf } from './gdb-words.ts';
import { watchWaiting } from './waiting.ts';

/** Of one process: more look like the same again, and each costs a tenth of a second or more. */
const mostErrors = 50;
/** How often gdb is started for one process: once, and again for each program that it becomes. */
const mostLooks = 20;
/** A process that gdb lets stand longer is let go without it, in ms. */
const longestWaitMs = 60_000;
/** A log is looked at each 200 ms at the latest; what it says of a stop is known after this, in ms. */
const logDelayMs = 450;
/** How long gdb may take to leave when all processes have ended, in ms. */
const leaveMs = 10_000;
const never = '999999999';

export function describeErrors(options: {
  /** Absolute path of valgrind. */
  readonly valgrind: string;
  /** Absolute path of gdb. */
  readonly gdb: string;
  /** `--vgdb-prefix` of the run. */
  readonly prefix: string;
  /** Absolute path of the run directory. */
  readonly directory: string;
}): ErrorStops {
  const { valgrind, prefix, directory } = options;
  const started = Date.now() / 1000;
  const problems: Problem[] = [];
  /** Those that somebody looks at, and how often. */
  const looks = new Map<number, { count: number; work: Promise<void> | undefined }>();
  const children = new Set<ChildProcess>();
  const waiting = watchWaiting((pid) => {
    const known = looks.get(pid) ?? { count: 0, work: undefined };
    looks.set(pid, known);
    known.work ??= attend(pid).finally(() => {
      known.work = undefined;
    });
  });
  const stands = (pid: number): boolean => {
    const state = processState(pid)?.state;
    return state !== undefined && state !== 'Z' && waiting.isWaiting(pid);
  };

  async function attend(pid: number): Promise<void> {
    const known = looks.get(pid);
    while (known !== undefined && stands(pid) && ++known.count <= mostLooks) {
      const why = await look(pid, known.count);
      // Whether it stands still, or for another error, after it became another program.
      await sleep(logDelayMs);
      if (why === undefined || !stands(pid)) continue;
      problems.push({
        code: 'error-locals-failed',
        level: 'warning',
        message: `the variables at errors of process ${pid} are not known: ${why}`,
        hint: `what gdb said is in ${join(directory, 'gdb.log')}`,
        pid,
      });
      break;
    }
    if (stands(pid)) await release(pid);
  }

  /** @returns why gdb could not do it; undefined when it came to its end. */
  async function look(pid: number, count: number): Promise<string | undefined> {
    const name = `vgdb.${pid}${count === 1 ? '' : `-${count}`}`;
    const wishes = join(directory, `${name}.json`);
    const program = programUnder(pid);
    writeFileSync(
      wishes,
      JSON.stringify({
        log: join(directory, `${name}.stops.jsonl`),
        pid,
        argv: wordsOf(pid, program),
        connect: connectCommand,
        most: mostErrors,
        started,
      }),
      { mode: 0o600 },
    );
    const output = openSync(join(directory, 'gdb.log'), 'a', 0o600);
    const child = spawn(
      options.gdb,
      [
        '-q',
        ...safeGdbWords(),
        '-batch',
        '-x',
        shippedScript('vgdb.py'),
        ...(program === undefined ? [] : [program]),
      ],
      {
        stdio: ['ignore', output, output],
        cwd: directory,
        // A session of its own: Ctrl-C is for the program.
        detached: true,
        env: { ...process.env, ...connectVariables({ valgrind, prefix, pid }), VGRUN_GDB: wishes },
      },
    );
    closeSync(output);
    children.add(child);
    let why: string | undefined;
    let since: number | undefined;
    const watch = setInterval(() => {
      since = stands(pid) ? (since ?? Date.now()) : undefined;
      if (since === undefined || Date.now() - since < longestWaitMs) return;
      why = `gdb did not let it go on within ${longestWaitMs / 1000} s`;
      kill(child);
    }, 1000);
    await new Promise<void>((done) => {
      child.once('error', ({ message }) => {
        why = message;
        done();
      });
      child.once('exit', (code, signal) => {
        if (signal !== null) why ??= `gdb was ended by ${signal}`;
        else if (code !== 0) why ??= `gdb ended with status ${code}`;
        done();
      });
    });
    clearInterval(watch);
    children.delete(child);
    await rm(wishes, { force: true });
    return why;
  }

  /** Nobody looks at it any more: it is to wait no more either. */
  async function release(pid: number): Promise<void> {
    const { execa } = await import('execa');
    await execa(vgdbOf(valgrind), [`--vgdb-prefix=${prefix}`, `--pid=${pid}`, 'v.set', 'vgdb-error', never], {
      reject: false,
      stdio: 'ignore',
      timeout: 10_000,
      detached: true,
    });
  }

  return {
    read: (file, bytes) => {
      if (file.endsWith('.log')) waiting.read(file, bytes);
    },
    finish: async () => {
      const all = Promise.all([...looks.values()].map(({ work }) => work));
      const late = setTimeout(() => {
        for (const child of children) kill(child);
      }, leaveMs);
      await all;
      clearTimeout(late);
      return problems;
    },
  };
}

/** gdb and the vgdb that it started. */
function kill({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** What the program was started with: what stands behind its name in the words of valgrind's process. */
function wordsOf(pid: number, program: string | undefined): readonly string[] {
  const words = Buffer.from(readProc(`${pid}/cmdline`) ?? '', 'latin1')
    .toString()
    .replace(/\0$/, '')
    .split('\0');
  const at = words.findIndex((word, index) => index > 0 && !word.startsWith('-'));
  return at === -1 ? [program ?? '?'] : words.slice(at);
}
