// vgrun --tool=memwatch keeps what a program adds to memwatch.log. memwatch itself cannot be shipped (its licence): a program
// that writes as it does stands for it, and logs of the real library are in test/corpus/memwatch.
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileC, newestRun, testFolder, vgrun, vgrunReport } from './vgrun.ts';

const folder = testFolder();

/** Opens its log as memwatch does (append; memwat01.log and so on when that fails) and writes it at the end. */
const standIn = `
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static FILE *mwOpen(void) {
  char name[20];
  FILE *log = fopen("memwatch.log", "a");
  for (int i = 1; log == NULL && i < 100; i++) { sprintf(name, "memwat%02d.log", i); log = fopen(name, "a"); }
  return log;
}
static void mwWrite(FILE *log, int lost) {
  fprintf(log, "\\n============= MEMWATCH 2.71 Copyright (C) 1992-1999 Johan Lindh =============\\n\\nStarted at Sun Nov 22 19:18:05 2026\\n\\n");
  fprintf(log, "\\nStopped at Sun Nov 22 19:18:05 2026\\n\\n");
  if (lost) fprintf(log, "unfreed: <1> prog.c(%d), %d bytes at 0x563d8a7fc6f0  \\t{FE FE FE FE .. .. .. .. .. .. .. .. .. .. .. .. ....}\\n", lost, lost);
  fprintf(log, "\\nMemory usage statistics (global):\\n N)umber of allocations made: 1\\n L)argest memory usage      : %d\\n T)otal of all alloc() calls: %d\\n U)nfreed bytes totals      : %d\\n\\n", lost, lost, lost);
}
int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "";
  if (!strcmp(how, "elsewhere")) { if (chdir("sub") != 0) return 9; usleep(100000); }
  if (!strcmp(how, "nothing")) return 0;
  FILE *log = mwOpen();
  if (log == NULL) return 8;
  if (!strcmp(how, "crash")) raise(SIGSEGV);
  if (!strcmp(how, "hang")) for (;;) pause();
  if (!strcmp(how, "children")) {
    for (int i = 1; i <= 2; i++) { if (fork() == 0) { FILE *own = mwOpen(); mwWrite(own, 10 * i); fclose(own); _exit(0); } wait(NULL); }
  }
  mwWrite(log, !strcmp(how, "clean") ? 0 : 7);
  fclose(log);
  return 0;
}
`;

/** A folder with the program in it. */
async function place(name: string): Promise<string> {
  const path = join(folder(), name);
  await mkdir(join(path, '.git'), { recursive: true });
  compileC(join(path, 'prog'), standIn);
  return path;
}

const bytesOf = (findings: readonly { leak?: { bytes: number } }[]) =>
  findings.map(({ leak }) => leak?.bytes);

describe('vgrun --tool=memwatch', () => {
  test('reports what was lost, at its line, and passes on the status', async () => {
    const cwd = await place('lost');
    const { report, status } = await vgrunReport(['--tool=memwatch', './prog'], { cwd });
    expect([report.outcome, status, bytesOf(report.findings)]).toEqual(['findings', 100, [7]]);
    expect(report.findings[0]?.stacks[0]?.frames[0]).toMatchObject({
      file: 'prog.c',
      line: 7,
      owner: 'mine',
    });
    expect(report.tool).toMatchObject({ name: 'memwatch' });
    expect(report.processes.map(({ program, complete }) => [program, complete])).toEqual([['./prog', true]]);
  });

  test('takes what this run added and leaves what was there, also when the log was begun by hand', async () => {
    const cwd = await place('append');
    await vgrun(['--tool=memwatch', './prog'], { cwd });
    const before = await readFile(join(cwd, 'memwatch.log'), 'utf8');
    const { report } = await vgrunReport(['--tool=memwatch', './prog', 'clean'], { cwd });
    expect([report.outcome, report.findings]).toEqual(['clean', []]);
    expect(await readFile(join(cwd, 'memwatch.log'), 'utf8')).toContain(before);
    const { path } = await newestRun(cwd);
    expect((await readFile(join(path, 'memwatch.1'), 'utf8')).match(/MEMWATCH/g)).toHaveLength(1);
  });

  test('finds the log under the name that memwatch falls back to', async () => {
    const cwd = await place('fallback');
    // Nobody can append to a directory, not even root.
    await mkdir(join(cwd, 'memwatch.log'));
    const { report } = await vgrunReport(['--tool=memwatch', './prog'], { cwd });
    expect(bytesOf(report.findings)).toEqual([7]);
    expect(await readdir(cwd)).toContain('memwat01.log');
  });

  test('finds it where the program went', async () => {
    const cwd = await place('elsewhere');
    await mkdir(join(cwd, 'sub'));
    await writeFile(join(cwd, 'sub', 'memwatch.log'), 'of another day\n');
    const { report } = await vgrunReport(['--tool=memwatch', './prog', 'elsewhere'], { cwd });
    expect([report.outcome, bytesOf(report.findings)]).toEqual(['findings', [7]]);
  });

  test('keeps the parts of several programs apart', async () => {
    const cwd = await place('children');
    const { report } = await vgrunReport(['--tool=memwatch', './prog', 'children'], { cwd });
    expect([...bytesOf(report.findings)].sort()).toEqual([10, 20, 7]);
    expect(report.problems).toContainEqual(expect.objectContaining({ code: 'several-programs' }));
    expect(report.totals.leaks?.unfreed).toEqual({ bytes: 37, blocks: 3 });
  });

  test.each([
    ['no log', 'nothing', 'no-report'],
    ['an empty log', 'crash', 'empty-log'],
  ])('says that it has seen nothing when there is %s', async (_, how, code) => {
    const cwd = await place(how);
    const { report } = await vgrunReport(['--tool=memwatch', './prog', how], { cwd });
    expect([report.outcome, report.findings]).toEqual(['inconclusive', []]);
    expect(report.problems).toContainEqual(expect.objectContaining({ code, level: 'incomplete' }));
  });

  test('ends at the time limit when memwatch waits for itself', async () => {
    const cwd = await place('hang');
    const { report, status } = await vgrunReport(['--tool=memwatch', '--timeout=1', './prog', 'hang'], {
      cwd,
    });
    expect([report.outcome, status]).toEqual(['inconclusive', 101]);
  });

  test('refuses a program that is not built with it, and says how to build', async () => {
    const cwd = await place('refused');
    compileC(join(cwd, 'plain'), 'int main(void) { return 0; }');
    const { status, stderr } = await vgrun(['--tool=memwatch', './plain'], { cwd });
    expect(status).toBe(125);
    expect(stderr).toContain('./plain is not built with memwatch');
    expect(stderr).toContain('vgrun build --memwatch=');
  });

  test('runs a script or a program of the system, which may start one that is', async () => {
    const cwd = await place('script');
    await writeFile(join(cwd, 'run.sh'), '#!/bin/sh\nexec ./prog\n');
    await chmod(join(cwd, 'run.sh'), 0o755);
    const { report } = await vgrunReport(['--tool=memwatch', './run.sh'], { cwd });
    expect(bytesOf(report.findings)).toEqual([7]);
    const other = await vgrunReport(['--tool=memwatch', 'env', './prog'], { cwd });
    expect(bytesOf(other.report.findings)).toEqual([7]);
  });
});
