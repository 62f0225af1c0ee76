// A run directory of root's can be written by others as long as its program may make files in it as another user, and no longer.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { canRun } from '../project.ts';
import { compileC, newestRun, testFolder, vgrun, vgrunReport } from './vgrun.ts';

const folder = testFolder();
const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

/** Shows the mode of the newest run directory, and forks a child that gives its rights up, as a server does, and loses a block. */
const server = `
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/wait.h>
int main(void) {
  glob_t runs;
  struct stat status;
  glob(".vgrun/runs/*", 0, NULL, &runs);
  stat(runs.gl_pathv[runs.gl_pathc - 1], &status);
  printf("%o\\n", status.st_mode & 07777);
  globfree(&runs);
  fflush(stdout);
  if (fork() == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(9);
    volatile char *lost = malloc(77);
    lost[77] = 1;
    return 0;
  }
  wait(NULL);
  return 0;
}
`;

describe.skipIf(process.getuid?.() !== 0)("root's run directory", () => {
  beforeAll(() => compileC(join(folder(), 'server'), server));

  test('is open for a child that gave up its rights, and closed after the run', {
    timeout: 60_000,
  }, async () => {
    if (!canRun('valgrind')) return;
    const { report, stdout } = await vgrunReport(['./server'], { cwd: folder() });
    expect(stdout).toBe('1733\n');
    expect(report.findings.map(({ kind }) => kind)).toContain('InvalidWrite');
    expect(modeOf((await newestRun(folder())).path)).toBe('700');
  });

  test('and those of its repetitions, too', { timeout: 60_000 }, async () => {
    if (!canRun('valgrind')) return;
    await vgrun(['--repeat=2', '--tool=none', './server'], { cwd: folder() });
    const { path } = await newestRun(folder());
    const launches = readdirSync(path).filter((name) => name.startsWith('launch-'));
    expect(launches).toHaveLength(2);
    expect([path, ...launches.map((name) => join(path, name))].map(modeOf)).toEqual(['700', '700', '700']);
  });

  test('is never open under gdb, which makes the files itself', { timeout: 60_000 }, async () => {
    if (!canRun('gdb')) return;
    const { stdout } = await vgrun(['gdb', './server'], { cwd: folder() });
    expect(stdout).toBe('700\n');
  });
});
