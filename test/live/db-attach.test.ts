// `--db-attach=yes` at a real terminal: valgrind's question at each error, gdb at the error, and the program that goes on.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IPty, spawn } from '@lydell/node-pty';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import { signal } from '../../src/run/processes.ts';
import { examplesDirectory } from '../examples.ts';
import { canRun, cliPath } from '../project.ts';
import { compileC, processesWith, until, vgrun } from './vgrun.ts';

const question = '---- Attach to debugger ? --- [Return/N/n/Y/y/C/c] ---- ';

let folder: string;
let terminal: IPty;
let screen: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vgrun attach '$HOME"));
  compileC(join(folder, 'prog'), await readFile(join(examplesDirectory, 'gdb/three-errors.c'), 'utf8'));
  screen = '';
  terminal = spawn('/bin/bash', ['--norc', '--noprofile', '-i'], {
    cols: 120,
    rows: 40,
    cwd: folder,
    env: { ...process.env, PS1: '$ ', TERM: 'dumb', HISTFILE: '/dev/null', NO_COLOR: '1' } as Record<
      string,
      string
    >,
  });
  terminal.onData((text) => {
    screen += text;
  });
  terminal.write(`stty -echo; vgrun() { ${process.execPath} ${cliPath} "$@"; }; echo shell-re''ady\r`);
  await sees('shell-ready\r');
});

afterEach(async () => {
  terminal.kill('SIGKILL');
  for (const pid of await processesWith(`=${folder}/`)) signal(pid, 'SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** Waits until the text appears after everything that was seen before. @returns what was to be seen. */
async function sees(text: string): Promise<string> {
  await until(`the terminal to show ${text}`, () => screen.includes(text)).catch((error: Error) => {
    throw new Error(`${error.message}\n--- the screen ---\n${screen}`);
  });
  const seen = screen;
  screen = '';
  return seen;
}

async function answer(line: string, next: string): Promise<string> {
  terminal.write(`${line}\r`);
  return sees(next);
}

describe.skipIf(!canRun('valgrind') || !canRun('gdb') || !canRun('bash') || !canRun('cc'))(
  '--db-attach',
  () => {
    test('asks at each error, and gdb stands at it; the program goes on when it is left', async () => {
      const first = await answer(
        'vgrun --report=json=out.json --db-attach=yes ./prog; echo "ended $?"',
        question,
      );
      expect(first).toMatch(/==\d+== Invalid read of size 4\r\n==\d+== {4}at sum_of \(.*:\d+\)\r\n/);
      await answer('y', '(gdb) ');
      expect(await answer('info locals', '(gdb) ')).toContain('sum = 3');
      expect(await answer('up', '(gdb) ')).toContain('errors ()');
      // Ctrl-C at the prompt is for gdb alone.
      terminal.write('\x03');
      await sees('(gdb) ');
      // In gdb it goes on to the next error, and stands there.
      expect(await answer('continue', '(gdb) ')).toContain('is_lucky (number=0x');
      await answer('detach', '(gdb) ');
      const third = await answer('quit', question);
      expect(third).toMatch(/==\d+== Invalid write of size 4/);
      const rest = await answer('n', 'ended 3');
      expect(rest).toContain('the end');
      const report = JSON.parse(await readFile(join(folder, 'out.json'), 'utf8')) as Report;
      expect(report.findings.map(({ kind }) => kind).sort()).toEqual([
        'InvalidRead',
        'InvalidWrite',
        'UninitCondition',
      ]);
      expect(report.problems).toEqual([]);
    });

    test('asks again for what is no answer, and no more after C', async () => {
      await answer(
        'vgrun --db-attach=yes "--db-command=gdb -nw %f %p" ./prog fork; echo "ended $?"',
        question,
      );
      await answer('what?', question);
      await answer('', question);
      const rest = await answer('C', 'ended 3');
      expect(rest).not.toContain(question);
      expect(rest.split('the end')).toHaveLength(2);
    });

    test('Ctrl-C at the question ends the program', async () => {
      await answer('vgrun --db-attach=yes ./prog; echo "ended $?"', question);
      terminal.write('\x03');
      await sees('ended 130');
    });

    test('gdb that cannot be started is said, and it is asked again', async () => {
      await answer('vgrun --db-attach=yes --gdb-path=/nowhere/gdb ./prog; echo "ended $?"', question);
      const again = await answer('y', question);
      expect(again).toContain('/nowhere/gdb could not be started');
      await answer('c', 'ended 3');
    });
  },
);

test('--db-attach without a terminal says what to do instead', async () => {
  const { status, stderr } = await vgrun(['--db-attach=yes', 'true'], { cwd: folder });
  expect(status).toBe(125);
  expect(stderr).toContain('--error-locals');
});
