// `--repeat` and `--until-fail`: a program that fails each third time, counted in a file beside it.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { canRun, cliPath } from '../project.ts';
import { compileC, newestRun, runProgram, testFolder, vgrun, vgrunReport } from './vgrun.ts';

const folder = testFolder();

/** Says which time it is and what it reads; each third time it writes into a freed block and ends with 7. */
const flaky = `#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
  char line[64] = "nothing\\n";
  int count = 0;
  FILE *file = fopen("count", "r");
  if (file) { fscanf(file, "%d", &count); fclose(file); }
  count++;
  file = fopen("count", "w");
  fprintf(file, "%d", count);
  fclose(file);
  fgets(line, sizeof line, stdin);
  printf("%d %s", count, line);
  fflush(stdout);
  if (argc > 1) pause();
  if (count % 3 == 0) {
    char *block = malloc(4);
    free(block);
    block[0] = 1;
    return 7;
  }
  return 0;
}`;

async function place(): Promise<string> {
  const cwd = await mkdtemp(join(folder(), 'flaky-'));
  compileC(join(cwd, 'flaky'), flaky);
  await writeFile(join(cwd, 'in'), 'hello\n');
  return cwd;
}

/** With the file `in` as standard input, which only a shell opens. */
function fromFile(cwd: string, words: string) {
  return runProgram('sh', ['-c', `exec "$0" "$@" ${words} < in`, process.execPath, cliPath], { cwd });
}

describe.skipIf(!canRun('valgrind') || !canRun('cc'))('a series of runs', () => {
  test('until it fails: that run is kept, those before it are gone, and each read the file', async () => {
    const cwd = await place();
    const { stdout, stderr, status } = await fromFile(cwd, '--repeat=5 --until-fail ./flaky');
    expect(stdout).toBe('1 hello\n2 hello\n3 hello\n');
    expect(status).toBe(7);
    expect(stderr).toContain(
      'repetition 3 of 5 failed, the 2 before it did not: 1 finding counts as an error.',
    );
    expect(await readdir(join(cwd, '.vgrun/runs'))).toHaveLength(1);
    const { manifest } = await newestRun(cwd);
    expect(manifest.exit).toEqual({ how: 'exited', code: 7 });
    expect(manifest.launches).toBeUndefined();
  });

  test('all of them: the report adds them up and counts what failed', async () => {
    const cwd = await place();
    const { report, status, stderr } = await vgrunReport(['--repeat=4', './flaky'], { cwd, input: 'once\n' });
    expect(status).toBe(7);
    expect(stderr).toContain('standard input is a pipe');
    expect(report.findings.map(({ kind }) => kind)).toEqual(['InvalidWrite']);
    expect(report.processes).toHaveLength(4);
    expect(report.problems.map(({ message }) => message)).toEqual([
      '4 repetitions were made, and 1 failed (3); number 3: 1 finding counts as an error.',
    ]);
    expect((await newestRun(cwd)).manifest.launches).toEqual(
      [1, 2, 3, 4].map((number) => `launch-${number}`),
    );
  });

  test('none failed: the last one is kept, and it is said', async () => {
    const cwd = await place();
    const { report, stdout } = await vgrunReport(['--repeat=2', '--until-fail', '--tool=none', './flaky'], {
      cwd,
    });
    expect(stdout).toBe('1 nothing\n2 nothing\n');
    expect(report.outcome).toBe('clean');
    expect(report.problems.map(({ message }) => message)).toEqual([
      'none of 2 repetitions failed; this is the last one',
    ]);
  });

  test.each([
    ['kept together', []],
    ['until one fails', ['--until-fail']],
  ])('%s: they are where --runs-in says, and the program where it was started', async (_, words) => {
    const cwd = await place();
    const elsewhere = await mkdtemp(join(folder(), 'runs-'));
    const { status } = await vgrun(
      ['--repeat=2', ...words, `--runs-in=${elsewhere}`, '--tool=none', './flaky'],
      { cwd },
    );
    expect(status).toBe(0);
    expect((await newestRun(elsewhere)).manifest.problems).toContainEqual(
      expect.objectContaining({ code: 'repetitions' }),
    );
    expect((await readdir(cwd)).sort()).toEqual(['count', 'flaky', 'in']);
  });

  test('SIGINT ends the program and the series', async () => {
    const cwd = await place();
    const { stdout, stderr } = await vgrun(['--repeat=9', '--until-fail', '--tool=none', './flaky', 'wait'], {
      cwd,
      onStart: (child) => child.stdout?.once('data', () => child.kill('SIGINT')),
    });
    expect(stdout).toBe('1 nothing\n');
    expect(stderr).toContain('he series was ended in repetition 1 of 9; none before it failed');
  });

  test.each([
    [['--until-fail', './flaky'], '--until-fail needs --repeat'],
    [['--repeat=0', './flaky'], '--repeat cannot be 0'],
    [['--repeat=2000', './flaky'], 'all of them are kept, and 1000 at most'],
    [['--repeat=2', '--capture=fd', './flaky'], '--repeat is for a program that is started'],
    [['--repeat=2', '--log-fd=2', './flaky'], '--repeat is for a program that is started'],
  ])('%j is refused', async (words, sentence) => {
    const cwd = await place();
    const { status, stderr } = await vgrun(words, { cwd });
    expect(status).toBe(125);
    expect(stderr).toContain(sentence);
    expect(await readFile(join(cwd, 'count')).catch(() => 'not run')).toBe('not run');
    await rm(cwd, { recursive: true });
  });
});
