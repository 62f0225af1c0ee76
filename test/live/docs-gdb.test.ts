// Each command of docs/gdb.md does what the page says, and each that its table names is among them.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canRun, projectRoot } from '../project.ts';
import { commandsOf, runPage } from './page.ts';
import { testFolder, until } from './vgrun.ts';

const folder = testFolder();
const place = (name: string): string => join(folder(), name);

/** For a terminal. */
const atThePrompt = [
  'vgrun gdb -i ./macro',
  'vgrun gdb -i --pid=$SERVER',
  'vgrun --db-attach=yes ./three-errors',
  'vgrun --vgdb-error=1 ./three-errors',
];

/** Run by the tests of their own pages. */
const elsewhere = ['vgrun core CORE ./null-write', 'vgrun shim install ./worker -- --tool=gdb'];

test('every vgrun command of the table of docs/gdb.md is one that is run', async () => {
  const page = await readFile(join(projectRoot, 'docs/gdb.md'), 'utf8');
  const run = commandsOf(page).map(({ command }) => command.replace(/^echo input \| | > output$/g, ''));
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows.length).toBeGreaterThan(20);
  const named = rows.flatMap((row) =>
    [...row.matchAll(/`(vgrun [^`]+)`/g)].map(([, command = '']) => command),
  );
  expect(named.filter((command) => !run.includes(command) && !elsewhere.includes(command))).toEqual([
    'vgrun report --report=…',
  ]);
});

describe.skipIf(!canRun('gdb') || !canRun('valgrind'))('docs/gdb.md', () => {
  const children: ChildProcess[] = [];
  const started = async (name: string, source: string, threads: number): Promise<string> => {
    execFileSync('cc', ['-g', '-w', '-pthread', '-o', place(`${name}-now`), place(source)]);
    const child = spawn(place(`${name}-now`), [], { stdio: ['pipe', 'ignore', 'ignore'] });
    children.push(child);
    await until(`${name} to have its threads`, async () => {
      const tasks = await readdir(`/proc/${child.pid}/task`).catch(() => []);
      return tasks.length >= threads;
    });
    return String(child.pid);
  };
  beforeAll(async () => {
    await cp(join(projectRoot, 'examples-c/gdb'), folder(), { recursive: true });
  });
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  test('each command', { timeout: 300_000 }, async () => {
    const SERVER = await started('workers', 'stacks-workers.c', 8);
    const STUCK = await started('deadlock', 'deadlock.c', 3);
    await runPage('gdb.md', folder(), atThePrompt, { SERVER, STUCK });
  });
});
