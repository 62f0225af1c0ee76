// A supervisor starts its workers by their path, and each of them is looked at: the supervisor sees no difference.
import { execFileSync, spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import { canRun, projectRoot } from '../project.ts';
import { runPage } from './page.ts';
import { runProgram, testFolder, until, vgrun } from './vgrun.ts';

const folder = testFolder();
const place = (name: string): string => join(folder(), name);
const examples = join(projectRoot, 'examples-c/gdb');

beforeAll(() => {
  for (const [name, source] of [
    ['supervisor', 'supervisor'],
    ['worker', 'shim-worker'],
  ] as const) {
    execFileSync('cc', ['-g', '-w', '-o', place(name), join(examples, `${source}.c`)]);
  }
});

describe.skipIf(!canRun('valgrind'))('workers of a supervisor', () => {
  test('are each looked at, and end as they end without vgrun', { timeout: 240_000 }, async () => {
    const supervise = () =>
      runProgram(place('supervisor'), [place('worker'), 'clean', 'leak', 'crash'], { cwd: folder() });
    const before = await supervise();
    expect(before.stdout).toBe(
      'clean: 4 clean /, status 0\nleak: 4 leak /, status 0\ncrash: 4 crash /, signal 11\n',
    );
    const installed = await vgrun(['shim', 'install', 'worker'], { cwd: folder() });
    expect(installed).toMatchObject({ status: 0, stderr: '' });
    expect(installed.stdout).toContain(`its runs are kept in ${place('.vgrun/runs')}`);
    expect((await vgrun(['shim', 'status'], { cwd: folder() })).stdout).toBe(
      `${place('worker')}: runs under vgrun\n1 shim\n`,
    );

    const { stdout, status } = await supervise();
    expect({ stdout, status }).toEqual({ stdout: before.stdout, status: before.status });
    const runs = (await readdir(place('.vgrun/runs'))).sort();
    expect(runs).toHaveLength(3);
    const found: string[][] = [];
    for (const run of runs) {
      const file = place(`${run}.json`);
      await vgrun(['report', `--report=json=${file}`, place(`.vgrun/runs/${run}`)], { cwd: folder() });
      const report = JSON.parse(await readFile(file, 'utf8')) as Report;
      found.push(
        report.findings.map(({ kind, stacks, blamed }) => {
          const frame = stacks[blamed?.stack ?? 0]?.frames[blamed?.frame ?? 0];
          return `${kind} in ${frame?.function}`;
        }),
      );
    }
    expect(found).toEqual([[], ['Leak_DefinitelyLost in lose'], ['InvalidWrite in crash']]);

    expect((await vgrun(['shim', 'restore', 'worker'], { cwd: folder() })).status).toBe(0);
    expect((await supervise()).stdout).toBe(before.stdout);
    expect(await readdir(place('.vgrun/runs'))).toHaveLength(3);
  });

  test.skipIf(!canRun('gdb'))('are looked at under gdb, and see the same', { timeout: 240_000 }, async () => {
    const options = ['--', '--tool=gdb', '--runs-in=gdb-runs'];
    await vgrun(['shim', 'install', 'worker', ...options], { cwd: folder() });
    try {
      const { stdout, stderr } = await runProgram(place('supervisor'), [place('worker'), 'again', 'crash'], {
        cwd: folder(),
      });
      expect(stdout).toBe('again: 4 clean /, status 0\ncrash: 4 crash /, signal 11\n');
      expect(stderr).toContain('gdb/SIGSEGV');
      expect(await readdir(place('gdb-runs/.vgrun/runs'))).toHaveLength(2);
    } finally {
      await vgrun(['shim', 'restore', 'worker'], { cwd: folder() });
    }
  });

  test('that start themselves again stay in their run', { timeout: 240_000 }, async () => {
    await vgrun(['shim', 'install', 'worker', '--', '--runs-in=again-runs'], { cwd: folder() });
    try {
      const { stdout } = await runProgram(place('supervisor'), [place('worker'), 'again'], { cwd: folder() });
      expect(stdout).toBe('again: 4 clean /, status 0\n');
      expect(await readdir(place('again-runs/.vgrun/runs'))).toHaveLength(1);
    } finally {
      await vgrun(['shim', 'restore', 'worker'], { cwd: folder() });
    }
  });

  test('get the signals that are sent to the pid that the supervisor knows', async () => {
    await vgrun(['shim', 'install', 'worker'], { cwd: folder() });
    try {
      const child = spawn(place('worker'), ['wait'], {
        cwd: folder(),
        stdio: ['ignore', 'ignore', 'ignore', ...Array(6).fill('ignore'), 'pipe'],
      });
      let answer = '';
      const answers = (child.stdio as unknown as readonly (Readable | null)[])[9];
      answers?.on('data', (bytes: Buffer) => {
        answer += bytes;
      });
      await until('the worker to answer', () => answer !== '');
      child.kill('SIGTERM');
      const ended = await new Promise((done) => child.once('exit', (code, signal) => done([code, signal])));
      expect(ended).toEqual([3, null]);
    } finally {
      await vgrun(['shim', 'restore', 'worker'], { cwd: folder() });
    }
  });
});

describe('options of a shim', () => {
  test.each([
    [['--leak-chek=full'], "unknown option '--leak-chek=full'"],
    [['--report=json=out.json'], '--report=json=out.json is one file'],
    [['--log-file=out.log'], '--log-file=out.log is one file'],
    [['./other'], 'behind -- stand options of vgrun only'],
  ])('%j are refused before anything is changed', async (options, message) => {
    const before = await readdir(folder());
    const result = await vgrun(['shim', 'install', 'worker', '--', ...options], { cwd: folder() });
    expect(result.status).toBe(125);
    expect(result.stderr).toContain(message);
    expect(await readdir(folder())).toEqual(before);
  });
});

test.each([
  [['install', '--tool=gdb', './worker'], 'vgrun shim install ./worker -- --tool=gdb'],
  [['install', 'worker', '--tool=gdb', '-q'], 'vgrun shim install worker -- --tool=gdb -q'],
  [['status', '-worker'], 'a name with a dash in front is written ./-worker'],
  [['run', './worker'], 'to run a program: vgrun PROGRAM'],
])('%j is answered with how it is written', async (words, hint) => {
  const { status, stderr } = await vgrun(['shim', ...words], { cwd: folder() });
  expect(status).toBe(125);
  expect(stderr).toContain(`hint: `);
  expect(stderr).toContain(hint);
});

test.skipIf(!canRun('valgrind'))('docs/shim.md', { timeout: 240_000 }, async () => {
  await mkdir(place('page'));
  for (const file of ['supervisor.c', 'shim-worker.c'])
    await cp(join(examples, file), join(place('page'), file));
  await runPage('shim.md', place('page'));
});
