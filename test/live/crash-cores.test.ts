// `--core` and `--on-crash=gdb`: real crashes, the cores that valgrind and the kernel write of them, and what gdb reads there.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { examplesDirectory } from '../examples.ts';
import { canRun, cliPath } from '../project.ts';
import { compileC, newestRun, notesOf, runProgram, testFolder, vgrun, vgrunReport } from './vgrun.ts';

const folder = testFolder();
const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim();
const isPlain = !pattern.startsWith('|') && !pattern.startsWith('/');

const crash = `#include <stddef.h>
static void write_answer(int *place) { *place = 42; }
int main(void) { write_answer(NULL); return 0; }`;

async function place(): Promise<string> {
  const path = await mkdtemp(join(folder(), 'crash-'));
  compileC(join(path, 'crash'), crash);
  return path;
}

describe.skipIf(!canRun('valgrind') || !canRun('gdb') || !canRun('cc'))('cores', () => {
  test('of a program under memcheck: valgrind writes it, and its registers are those of the program', async () => {
    const cwd = await mkdtemp(join(folder(), 'fixed-'));
    // At fixed addresses gdb needs nobody to tell it where the program was.
    const source = join(cwd, 'crash.c');
    await writeFile(source, crash);
    const built = await runProgram('cc', ['-g', '-O0', '-no-pie', '-o', 'crash', source], { cwd });
    expect(built.status).toBe(0);
    const { status, report } = await vgrunReport(['--on-crash=gdb', './crash'], { cwd });
    expect(status).toBe(139);
    expect(report.problems.filter(({ code }) => code.startsWith('core'))).toEqual([]);
    const { path, manifest } = await newestRun(cwd);
    expect(manifest.cores).toEqual([
      {
        pid: manifest.pid,
        artifact: `core.${manifest.pid}`,
        program: join(cwd, 'crash'),
        signal: 11,
        isValgrinds: true,
      },
    ]);
    const core = join(path, `core.${manifest.pid}`);
    expect(statSync(core).mode & 0o777).toBe(0o600);
    const words = ['-nx', '-nh', '-batch', '-iex', 'set auto-load off', '-ex', 'bt', './crash', core];
    const { stdout } = await runProgram('gdb', words, { cwd });
    expect(stdout).toMatch(
      /#0 .* write_answer \(place=0x0\) at .*crash\.c:2\n#1 .* main \(\) at .*crash\.c:3/,
    );
    expect((await readdir(cwd)).sort()).toEqual([
      '.vgrun',
      'crash',
      'crash.c',
      expect.stringMatching(/^report-/),
    ]);
  });

  test.each(['memcheck', 'none', 'massif'])(
    'of a crash in another thread than the first, under %s',
    async (tool) => {
      const cwd = await mkdtemp(join(folder(), 'thread-'));
      const source = join(cwd, 'thread.c');
      await writeFile(
        source,
        `#include <pthread.h>
static void *work(void *goal) { *(int *)goal = 42; return goal; }
int main(void) {
  pthread_t worker;
  pthread_create(&worker, NULL, work, NULL);
  return pthread_join(worker, NULL);
}
`,
      );
      const built = await runProgram('cc', ['-g', '-O0', '-pthread', '-o', 'thread', source], { cwd });
      expect(built.status).toBe(0);
      const { status, report } = await vgrunReport(['--on-crash=gdb', `--tool=${tool}`, './thread'], { cwd });
      expect(status).toBe(139);
      expect(report.problems.filter(({ code }) => code.startsWith('core'))).toEqual([]);
      const { manifest } = await newestRun(cwd);
      const { pid } = manifest;
      expect(manifest.cores).toMatchObject([{ pid, artifact: `core.${pid}`, program: join(cwd, 'thread') }]);
      expect(report.processes.map((process) => process.pid)).toEqual([pid]);
      expect(report.reasons.filter((reason) => reason.includes('went on'))).toEqual([]);
      const [crash] = report.stops ?? [];
      expect(crash?.pid).toBe(pid);
      expect(crash?.threads.length).toBe(2);
      expect(crash?.threads[0]?.lwp).not.toBe(pid);
      // massif keeps the place in a block of code less exact.
      if (tool !== 'massif')
        expect(crash?.threads[0]?.frames[0]).toMatchObject({ function: 'work', line: 2 });
    },
  );

  test('of a child, a grandchild and an executed program: valgrind’s have lines for all of them', async () => {
    const cwd = await mkdtemp(join(folder(), 'descendants-'));
    await mkdir(join(cwd, 'bin'));
    const source = readFileSync(join(examplesDirectory, 'gdb/crash-in-descendants.c'), 'utf8');
    compileC(join(cwd, 'descendants-with-a-long-name'), source);
    compileC(join(cwd, 'bin/executed'), source);
    const { report } = await vgrunReport(
      [
        '--on-crash=gdb',
        '--tool=none',
        '--vgdb=no',
        '--trace-children=yes',
        './descendants-with-a-long-name',
      ],
      { cwd },
    );
    expect(report.problems.filter(({ code }) => code.includes('core') || code.includes('program'))).toEqual(
      [],
    );
    const stacks = (report.stops ?? []).map(({ threads }) =>
      threads[0]?.frames
        .slice(0, 3)
        .map(({ function: name, object, line }) => [name, object, line === undefined]),
    );
    const stackIn = (name: string, object = 'descendants-with-a-long-name') =>
      ['write_to', name, 'main'].map((each) => [each, join(cwd, object), false]);
    expect(stacks.toSorted()).toEqual(
      [
        stackIn('in_parent'),
        stackIn('in_child'),
        stackIn('in_grandchild'),
        stackIn('in_executed', 'bin/executed'),
      ].toSorted(),
    );
  });

  test('beside a log of the user’s own, and not one that was there before', async () => {
    const cwd = await place();
    await writeFile(join(cwd, 'my.log.core.1'), 'an old one');
    const result = await vgrun(['--core', '--log-file=my.log', './crash'], { cwd });
    const { path, manifest } = await newestRun(cwd);
    expect(manifest.cores?.map(({ pid }) => pid)).toEqual([manifest.pid]);
    expect(notesOf(result)).toContain(
      `the core of process ${manifest.pid} is ${join(path, `core.${manifest.pid}`)}`,
    );
    expect(readFileSync(join(cwd, 'my.log.core.1'), 'utf8')).toBe('an old one');
  });

  test('of nobody: without --core there is none, and no crash needs none', async () => {
    const cwd = await place();
    await vgrun(['./crash'], { cwd });
    expect((await newestRun(cwd)).manifest.cores).toBeUndefined();
    const { report } = await vgrunReport(['--core', '--tool=none', 'true'], { cwd });
    expect((await newestRun(cwd)).manifest.cores).toEqual([]);
    expect(report.problems.filter(({ code }) => code.startsWith('core'))).toEqual([]);
  });

  test('when the hard limit is 0: the report says that none can be written', async () => {
    const cwd = await place();
    const file = join(cwd, 'report.json');
    const { status } = await runProgram(
      'prlimit',
      ['--core=0:0', process.execPath, cliPath, '--core', `--report=json=${file}`, './crash'],
      { cwd },
    );
    expect(status).toBe(139);
    const { problems } = JSON.parse(readFileSync(file, 'utf8'));
    expect(problems).toContainEqual(
      expect.objectContaining({
        code: 'core-limit',
        level: 'warning',
        message: expect.stringMatching(/is 0$/),
      }),
    );
  });
});

describe.skipIf(!isPlain || !canRun('cc') || !canRun('prlimit'))('cores that the kernel writes', () => {
  test('of a child in another folder, with its pid', async () => {
    const cwd = await mkdtemp(join(folder(), 'child-'));
    await mkdir(join(cwd, 'other'));
    compileC(join(cwd, 'parent'), readFileSync(join(examplesDirectory, 'gdb/crash-in-child.c'), 'utf8'));
    const { stdout, status } = await vgrun(['--core', '--tool=mtrace', './parent', 'other'], { cwd });
    expect(status).toBe(0);
    const child = Number(/child (\d+)/.exec(stdout)?.[1]);
    const { manifest } = await newestRun(cwd);
    expect(manifest.cores).toEqual([
      { pid: child, artifact: `core.${child}`, program: join(cwd, 'parent'), signal: 11 },
    ]);
    expect(await readdir(join(cwd, 'other'))).toEqual([]);
  });

  test.skipIf(pattern !== 'core')('written over a file that was there: it is said', async () => {
    const cwd = await place();
    await writeFile(join(cwd, 'core'), 'what I kept');
    const { report } = await vgrunReport(['--core', '--tool=mtrace', './crash'], { cwd });
    expect(report.problems).toContainEqual(
      expect.objectContaining({
        code: 'core-overwritten',
        message: expect.stringContaining(join(cwd, 'core')),
      }),
    );
    expect((await newestRun(cwd)).manifest.cores).toHaveLength(1);
    expect(existsSync(join(cwd, 'core'))).toBe(false);
  });

  test.skipIf(pattern !== 'core')('with a folder in the way: there is none, and it is said why', async () => {
    const cwd = await place();
    await mkdir(join(cwd, 'core'));
    const { report, status } = await vgrunReport(['--core', '--tool=mtrace', './crash'], { cwd });
    expect(status).toBe(139);
    expect(report.problems).toContainEqual(
      expect.objectContaining({ code: 'core-missing', message: expect.stringContaining('is in the way') }),
    );
  });

  test('of a program that AddressSanitizer ends: without its shadow memory', async () => {
    const cwd = await mkdtemp(join(folder(), 'asan-'));
    const source = join(cwd, 'over.c');
    await writeFile(source, '#include <stdlib.h>\nint main(void) { char *p = malloc(4); return p[4]; }\n');
    const built = await runProgram('cc', ['-g', '-fsanitize=address', '-o', 'over', source], { cwd });
    expect(built.status).toBe(0);
    const { report } = await vgrunReport(['--core', '--tool=asan', './over'], { cwd });
    expect(report.findings.map(({ kind }) => kind)).toContain('heap-buffer-overflow');
    const { path, manifest } = await newestRun(cwd);
    expect(manifest.cores).toHaveLength(1);
    expect(manifest.cores?.[0]).toMatchObject({ pid: manifest.pid, signal: 6 });
    expect(statSync(join(path, `core.${manifest.pid}`)).size).toBeLessThan(2 ** 30);
  });
});
