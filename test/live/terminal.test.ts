// A program at a terminal: Ctrl-C, Ctrl-Z, Ctrl-D, window size, full-screen programs. A real pseudo-terminal and a shell.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IPty, spawn } from '@lydell/node-pty';
import { afterEach, beforeEach, describe, test } from 'vitest';
import { signal } from '../../src/run/processes.ts';
import { examplePath } from '../examples.ts';
import { canRun, cliPath } from '../project.ts';
import { processesWith, until } from './vgrun.ts';

let folder: string;
let terminal: IPty;
let screen: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgrun-terminal-'));
  screen = '';
  terminal = spawn('/bin/bash', ['--norc', '--noprofile', '-i'], {
    cols: 80,
    rows: 24,
    cwd: folder,
    env: { ...process.env, PS1: '$ ', TERM: 'xterm', HISTFILE: '/dev/null', NO_COLOR: '1' } as Record<
      string,
      string
    >,
  });
  terminal.onData((text) => {
    screen += text;
  });
  // Echo would show each word before the program says it.
  await type(`stty -echo; vgrun() { ${process.execPath} ${cliPath} "$@"; }; echo shell-re''ady`);
  await sees('shell-ready\r');
});

afterEach(async () => {
  terminal.kill('SIGKILL');
  for (const pid of await processesWith(`=${folder}/`)) signal(pid, 'SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

async function type(line: string): Promise<void> {
  terminal.write(`${line}\r`);
}

/** Waits until the text appears after everything that was seen before. */
async function sees(text: string | RegExp): Promise<void> {
  try {
    await until(`the terminal to show ${text}`, () =>
      typeof text === 'string' ? screen.includes(text) : text.test(screen),
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}\n--- the screen ---\n${screen}`);
  }
  screen = '';
}

describe.skipIf(!canRun('valgrind') || !canRun('bash'))('at a terminal', () => {
  test('a binary report is refused before anything runs', async () => {
    await type(`vgrun --report=pprof=- ${examplePath('sleep-long')}; echo "status $?"`);
    await sees(
      /pprof is binary, and standard output is a terminal.*--report=pprof=vgrun\.pprof.*status 125/s,
    );
  });

  test('Ctrl-C ends the program, the leak report comes, and the shell has its prompt back', async () => {
    await type(`vgrun --leak-check=full ${examplePath('sleep-long')}; echo "status $?"`);
    await sees('ready\r');
    terminal.write('\x03');
    await sees(/110 bytes in 1 block[\s\S]*status 130/);
  });

  test('a program that handles Ctrl-C gets it once', async () => {
    await type(
      `vgrun -q --trace-children=no python3 -c "
import signal, time
hits = []
signal.signal(signal.SIGINT, lambda n, f: hits.append(n))
print('wait', 'ing', sep='', flush=True)
end = time.time() + 20
while not hits and time.time() < end: time.sleep(0.05)
time.sleep(1)
print('hits:%d:' % len(hits), flush=True)
"`,
    );
    await sees('waiting');
    terminal.write('\x03');
    await sees('hits:1:');
  });

  test('Ctrl-Z stops it and gives the prompt, fg goes on where it was', async () => {
    await type(`vgrun --leak-check=full ${examplePath('sleep-long')}; echo "status $?"`);
    await sees('ready\r');
    terminal.write('\x1a');
    await sees(/Stopped/);
    await type('jobs; echo "in between"');
    await sees('in between');
    await type('fg');
    await until('it goes on', async () => (await processesWith(`=${folder}/`)).length > 0);
    await new Promise((done) => setTimeout(done, 500));
    terminal.write('\x03');
    await sees(/110 bytes in 1 block/);
  });

  test('a program that stops itself is seen as stopped by the shell', async () => {
    await type(
      `vgrun -q --trace-children=no sh -c 'echo start; kill -STOP $$; echo "gone on"'; echo "status $?"`,
    );
    // Both may come at once, and what was seen is cleared.
    await sees(/start\r[\s\S]*Stopped/);
    await type('fg');
    await sees(/gone on/);
  });

  test('an interactive program reads, answers and ends with Ctrl-D', async () => {
    await type('vgrun -q --trace-children=no python3 -q -i; echo "status $?"');
    await sees('>>>');
    await type('print(6*7, "answer")');
    await sees(/42 answer[\s\S]*>>>/);
    terminal.write('\x04');
    await sees(/status \d+/);
  });

  test('a full-screen program draws, takes keys, and sees the window change', async () => {
    await type('seq 1 500 > numbers; LESS= vgrun -q --trace-children=no less numbers; echo "status $?"');
    await sees(/23\r?\n[\s\S]*numbers|:/);
    terminal.write('G');
    await sees(/500/);
    terminal.resize(100, 40);
    await new Promise((done) => setTimeout(done, 1500));
    screen = '';
    terminal.write('g');
    // With 40 rows the first page ends with line 39.
    await sees(/(?:\x1bM|\n)39\r/);
    terminal.write('q');
    await sees(/status 0/);
  });

  test('a program that computes in silence is said to be alive', async () => {
    await type(`vgrun ${examplePath('busy')} 100000`);
    await sees(/has run for [1-9]\d s; Ctrl-C ends it with a report/);
    terminal.write('\x03');
    await sees(/inconclusive/);
  });

  test('the window size is the terminal’s', async () => {
    await type(`vgrun -q --trace-children=no stty size; echo "status $?"`);
    await sees(/24 80[\s\S]*status/);
  });

  test('a closed terminal ends the program, and nothing is left behind', async () => {
    await type(`vgrun --leak-check=full ${examplePath('sleep-long')}`);
    await sees('ready\r');
    terminal.kill('SIGHUP');
    await until('no process is left', async () => (await processesWith(`=${folder}/`)).length === 0);
  });
});
