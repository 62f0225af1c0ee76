// Owns `--db-attach=yes`, as valgrind had it until 3.10: at each error the user is asked, and gdb is started on the terminal.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { harmless } from '../../report/terminal-text.ts';
import { safeGdbWords, shippedScript } from '../gdb/batch.ts';
import { processState } from '../processes.ts';
import type { ErrorStops } from './error-stops.ts';
import { followErrors } from './error-text.ts';
import { connectCommand, connectVariables, programUnder, vgdbOf } from './gdb-words.ts';
import { askTerminal } from './terminal-answer.ts';
import { watchWaiting } from './waiting.ts';

/** A log is looked at each 200 ms at the latest; what it says of a stop is known after this, in ms. */
const logDelayMs = 450;

/** Those that are read by `v.set` as never. */
const never = '999999999';

export function askAtErrors(options: {
  /** Absolute path of valgrind. */
  readonly valgrind: string;
  /** `--vgdb-prefix` of the run. */
  readonly prefix: string;
  /** gdb and words for it, `%f` in them is the program; of `--db-command`. */
  readonly command: readonly string[];
  readonly workingDirectory: string;
  readonly say: (line: string) => void;
}): ErrorStops {
  const { valgrind, prefix, say } = options;
  const errors = followErrors();
  let questions: Promise<void> = Promise.resolve();
  let isEnough = false;
  const waiting = watchWaiting((pid) => {
    questions = questions.then(() => ask(pid));
  });
  const isOver = (pid: number): boolean => {
    const state = processState(pid)?.state;
    return state === undefined || state === 'Z' || !waiting.isWaiting(pid);
  };

  async function ask(pid: number): Promise<void> {
    // Its error may stand in a file that is read after this one; and gdb may have been there meanwhile.
    await sleep(logDelayMs);
    while (!isOver(pid)) {
      const answer = isEnough ? 'c' : await question(pid);
      if (answer === 'y') {
        await attach(pid);
        // What it did with the process, the log tells.
        await sleep(logDelayMs);
        continue;
      }
      if (answer === 'c') isEnough = true;
      await resume(pid);
      return;
    }
  }

  async function question(pid: number): Promise<'y' | 'n' | 'c'> {
    const lines = errors.of(pid).map((line) => `==${pid}== ${harmless(line)}`);
    for (let about = ['', ...lines, `==${pid}== `]; ; about = []) {
      const text = `==${pid}== ---- Attach to debugger ? --- [Return/N/n/Y/y/C/c] ---- `;
      const answer = (await askTerminal(about, text, () => isOver(pid)))?.trim().toLowerCase();
      if (answer === undefined || answer === 'c') return 'c';
      if (answer === '' || answer === 'n') return 'n';
      if (answer === 'y') return 'y';
    }
  }

  /** Any command lets a process go on that waits. */
  async function resume(pid: number): Promise<void> {
    const { execa } = await import('execa');
    const words = isEnough ? ['v.set', 'vgdb-error', never] : ['v.info', 'n_errs_found'];
    const { failed } = await execa(
      vgdbOf(valgrind),
      [`--vgdb-prefix=${prefix}`, `--pid=${pid}`, ...words],
      // Ctrl-C is for the program: vgdb must not die of it while it holds the process.
      { reject: false, stdio: 'ignore', timeout: 10_000, detached: true },
    );
    if (failed && !isOver(pid)) say(`process ${pid} may still wait for gdb: vgdb could not reach it`);
  }

  async function attach(pid: number): Promise<void> {
    const program = programUnder(pid);
    const [gdb = 'gdb', ...more] = options.command.flatMap((word) =>
      word === '%f' ? (program ?? []) : [word],
    );
    const terminal = openSync('/dev/tty', 'r+');
    const child = spawn(
      gdb,
      [
        '-q',
        ...safeGdbWords(),
        '-ix',
        shippedScript('terminal.py'),
        ...more,
        ...(program === undefined || more.includes(program) ? [] : [program]),
        '-ex',
        connectCommand,
      ],
      {
        stdio: [terminal, terminal, terminal],
        cwd: options.workingDirectory,
        env: { ...process.env, ...connectVariables({ valgrind, prefix, pid }) },
      },
    );
    await new Promise<void>((done) => {
      child.once('error', ({ message }) => {
        say(`${gdb} could not be started: ${harmless(message)}`);
        done();
      });
      child.once('exit', () => done());
    });
    closeSync(terminal);
  }

  return {
    readsXml: true,
    read: (file, bytes) => {
      errors.read(file, bytes);
      if (file.endsWith('.log')) waiting.read(file, bytes);
    },
    finish: async () => {
      await questions;
      errors.close();
      return [];
    },
  };
}
