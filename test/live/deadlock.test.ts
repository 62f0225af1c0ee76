// What `vgrun stacks` and `vgrun core` say of programs that are stuck, and of programs that only look so.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { canRun, projectRoot } from '../project.ts';
import { type StuckMode, type StuckProgram, startStuck } from '../stuck-program.ts';
import { testFolder, vgrun, vgrunReport } from './vgrun.ts';

const folder = testFolder();
let started: StuckProgram[] = [];

const start = async (mode: StuckMode): Promise<StuckProgram> => {
  const stuck = await startStuck(join(folder(), 'stuck'), mode, join(folder(), mode));
  started.push(stuck);
  return stuck;
};

const reportOf = ({ pid }: StuckProgram, ...words: string[]) =>
  vgrunReport(['--max-pause=5000', ...words, String(pid)], { cwd: folder(), command: 'stacks' });

describe.skipIf(!canRun('gdb') || !canRun('cc'))('vgrun stacks', () => {
  beforeAll(() => {
    const source = join(projectRoot, 'examples-c/gdb/stuck.c');
    execFileSync('cc', ['-g', '-O0', '-w', '-pthread', '-o', join(folder(), 'stuck'), source]);
  });
  afterEach(() => {
    for (const stuck of started) stuck.end();
    started = [];
  });

  test('a circle with a timeout in it is no deadlock, also when it is looked at again', async () => {
    const { report, status } = await reportOf(await start('timed'), '--samples=2', '--interval=20');
    expect(status).toBe(0);
    expect(report.findings).toEqual([]);
    const timeouts = report.stops?.map(
      ({ threads }) => threads.filter(({ waits }) => waits?.timeout === 'set').length,
    );
    // The second look finds the wait restarted (restart_syscall(2)).
    expect(timeouts).toEqual([1, 1]);
    expect(report.stops?.[0]?.threads.every(({ waits }) => waits?.evidence !== undefined)).toBe(true);
  });

  test('a word that only looks like a mutex is none, neither to stacks nor to core', async () => {
    const stuck = await start('event');
    const { report, status } = await reportOf(stuck);
    expect([status, report.findings]).toEqual([0, []]);
    expect(report.stops?.[0]?.threads[0]?.waits).toMatchObject({ kind: 'futex' });
    const core = await vgrunReport([await stuck.core()], { cwd: folder(), command: 'core' });
    expect(core.report.findings.map(({ kind }) => kind)).toEqual(['SIGABRT']);
  });

  test('where no name tells which lock it is, a warning says that a deadlock would not be seen', async () => {
    const source = join(projectRoot, 'examples-c/gdb/stuck.c');
    execFileSync('cc', ['-s', '-O0', '-w', '-static', '-pthread', '-o', join(folder(), 'nameless'), source]);
    const stuck = await startStuck(join(folder(), 'nameless'), 'pi-self', join(folder(), 'nameless-run'));
    started.push(stuck);
    const { report } = await reportOf(stuck);
    expect(report.problems.map(({ code, level }) => [code, level])).toContainEqual([
      'unknown-locks',
      'warning',
    ]);
  });

  test('a mutex whose owner has ended is a deadlock of its own sort, in words of its own', async () => {
    const stuck = await start('abandoned');
    const { stdout, status } = await vgrun(['stacks', '--max-pause=5000', String(stuck.pid)], {
      cwd: folder(),
    });
    expect(status).toBe(100);
    expect(stdout).toContain('A thread waits for a mutex whose owner is gone');
    expect(stdout).toMatch(/whose owner, lwp \d+,\s+is\s+no\s+thread\s+of\s+the\s+process/);
    expect(stdout).toContain('It waits for what nobody releases:');
    expect(stdout).not.toMatch(/same order|wait for each other/);
  });

  test('threads that join each other are told so, without a word of locks', async () => {
    const { report, status } = await reportOf(await start('joins'));
    expect(status).toBe(100);
    expect(report.findings).toMatchObject([
      { kind: 'Deadlock', what: '3 threads wait for each other to end' },
    ]);
    const [{ meaning = '', advice = '', stacks = [] } = {}] = report.findings;
    expect(`${meaning} ${advice}`).not.toMatch(/lock/);
    for (const { text } of stacks) expect(text).toMatch(/^thread \d.* waits for the end of thread \d/);
  });

  test('a thread that waits to write where another one reads: a warning that it is not known', async () => {
    const { report, status } = await reportOf(await start('reader'));
    expect(status).toBe(0);
    expect(report.findings).toEqual([]);
    expect(report.problems.map(({ code, level }) => ({ code, level }))).toEqual([
      { code: 'unknown-readers', level: 'warning' },
    ]);
  });

  test('a core file of a thread parked by the C library tells it too', async () => {
    const core = await (await start('pi')).core();
    const { report } = await vgrunReport([core], { cwd: folder(), command: 'core' });
    const deadlock = report.findings.find(({ kind }) => kind === 'Deadlock');
    expect(deadlock?.what).toBe('A thread waits for ever for a mutex that it cannot get');
    expect(deadlock?.meaning).toContain('priority inheritance');
  });
});
