// From a run to a decision: baselines, gates, diffs and reports that cannot be written, with real programs.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { canRun, cliPath } from '../project.ts';
import { compileC, newestRun, runProgram, testFolder, vgrun, vgrunReport } from './vgrun.ts';

const folder = testFolder();
const at = (name: string): string => join(folder(), name);
const go = (...words: readonly string[]) => vgrun(words, { cwd: folder() });

const leaks = (lines: readonly string[]): string =>
  [
    '#include <stdlib.h>',
    'static void lose(void) {',
    ...lines,
    '}',
    'int main(void) { lose(); return 0; }',
  ].join('\n');
const keep100 = '  volatile char *a = malloc(100); a = 0;';
const keep60 = '  volatile char *b = malloc(60); b = 0;';
const added = '  volatile char *c = malloc(17); c = 0;';

describe.skipIf(!canRun('valgrind'))('triage', () => {
  beforeAll(async () => {
    await mkdir(at('.git'));
    compileC(at('list'), leaks([keep100, keep60]));
    expect((await go('./list')).status).toBe(100);
    const { status, stdout } = await go('baseline', 'update');
    expect([status, stdout]).toEqual([
      0,
      'vgrun-baseline.txt is new and has 2 findings: 2 added, 0 changed, 0 removed.\n',
    ]);
  });

  const gate = (words: readonly string[] = []) =>
    vgrunReport(['--baseline=vgrun-baseline.txt', ...words, './list'], { cwd: folder() });

  test('with a baseline in place nothing fails, and the outcome says what was let pass', async () => {
    const { status, report, stderr } = await gate();
    expect([status, report.outcome]).toEqual([0, 'clean']);
    expect(report.comparison).toMatchObject({ new: 0, known: 2, changed: 0, fixed: [], notJudged: [] });
    expect(stderr).toContain('clean: 2 known findings do not count. Exit status 0.');
  });

  test.each([
    ['above the known ones', [added, keep100, keep60]],
    ['between them', [keep100, added, keep60]],
    ['below them', [keep100, keep60, added]],
  ])('a leak that is added %s fails, alone', async (_, lines) => {
    compileC(at('list'), leaks(lines));
    const { status, report } = await gate();
    expect(status).toBe(100);
    expect(report.findings.filter(({ failing }) => failing).map(({ leak }) => leak?.bytes)).toEqual([17]);
  });

  test('moving code around fails nothing', async () => {
    compileC(at('list'), `\n\n\n${leaks([keep100, '  int unused = 1;', '', keep60])}`);
    expect((await gate()).status).toBe(0);
  });

  test('a mended leak is fixed, and an update takes it out', async () => {
    compileC(at('list'), leaks([keep60]));
    const { report, status } = await gate();
    expect(status).toBe(0);
    expect(report.comparison?.fixed.map(({ cost }) => cost.bytes)).toEqual([100]);
    const dry = await go('baseline', 'update', '--dry-run');
    expect(dry.stdout).toContain('would have 1 finding: 0 added, ');
    await writeFile(at('copy.txt'), await readFile(at('vgrun-baseline.txt')));
    expect((await go('baseline', 'update', '--baseline=copy.txt')).stdout).toContain(', 1 removed.');
    expect((await go('report', '--baseline=copy.txt')).status).toBe(0);
  });

  test('a run that is cut short is inconclusive and takes nothing out of the baseline', async () => {
    compileC(at('slow'), '#include <unistd.h>\nint main(void) { pause(); return 0; }');
    expect((await go('--timeout=1s', '--kill-after=1s', './slow')).status).toBe(101);
    await writeFile(at('copy.txt'), await readFile(at('vgrun-baseline.txt')));
    const { status, stderr } = await go('baseline', 'update', '--baseline=copy.txt');
    expect(status).toBe(101);
    expect(stderr).toContain('was not seen whole');
    expect(await readFile(at('copy.txt'), 'utf8')).toBe(await readFile(at('vgrun-baseline.txt'), 'utf8'));
  });

  test('two runs are compared: new, changed and fixed', async () => {
    compileC(at('list'), leaks([keep100, keep60]));
    await go('./list');
    const before = (await newestRun(folder())).path;
    compileC(at('list'), leaks([keep60.replace('60', '61'), added]));
    await go('./list');
    const after = (await newestRun(folder())).path;
    const { status, stdout } = await go('diff', '--report=json=-', before, after);
    expect(status).toBe(0);
    expect(JSON.parse(stdout).comparison).toMatchObject({ new: 0, changed: 2, known: 0, fixed: [] });
    const other = await go('diff', before, 'vgrun-baseline.txt');
    expect([other.status, other.stderr]).toEqual([101, expect.any(String)]);
    expect((await go('diff', before)).status).toBe(125);
    expect((await go('diff', 'missing', after)).stderr).toContain('missing does not exist');
  });

  test('a directory of runs can be read and compared', async () => {
    const { status, stdout } = await go('diff', '.vgrun/runs', '.vgrun/runs');
    expect(stdout).toContain('COMPARED       with .vgrun/runs: 0 new');
    expect(status).toBe(101);
    expect(stdout).toContain('inconclusive');
  });

  test('a baseline that is not there yet lets everything be new, and says so', async () => {
    const { status, stderr, report } = await vgrunReport(['--baseline=missing.txt', './list'], {
      cwd: folder(),
    });
    expect(status).toBe(100);
    expect(stderr).toContain('missing.txt does not exist yet: every finding is new.');
    expect(report.findings.every(({ standing }) => standing === 'new')).toBe(true);
    expect((await go('diff', 'missing.txt', '.vgrun/runs')).status).toBe(125);
  });

  test('a broken baseline is said before the program runs', async () => {
    compileC(at('touch'), '#include <stdio.h>\nint main(void) { return fclose(fopen("ran", "w")); }');
    for (const [name, text, said] of [
      ['old.txt', '# vgrun baseline 0\n', 'of version 0'],
      ['cut.txt', '# vgrun baseline 1\nsrc/a.c\n', 'cut.txt:2'],
    ] as const) {
      await writeFile(at(name), text);
      const { status, stderr } = await go(`--baseline=${name}`, './touch');
      expect([status, stderr]).toEqual([125, expect.stringContaining(said)]);
    }
    for (const word of ['--fail-on=invlid', '--max=definite=x', '--mine=']) {
      expect((await go(word, './touch')).status, word).toBe(125);
    }
    expect(existsSync(at('ran'))).toBe(false);
  });

  test('growth that nothing can judge is refused before the run where that is known, else inconclusive', async () => {
    compileC(at('touch'), '#include <stdio.h>\nint main(void) { return fclose(fopen("ran", "w")); }');
    const run = (await newestRun(folder())).path;
    for (const [words, said] of [
      [['--max-growth=Ir=5%', './touch'], '--max-growth compares: name what with --baseline=RUN'],
      [['--max-growth=Ir=5%', `--baseline=${run}`, './touch'], 'about profiles, and memcheck makes none'],
      [['--max-growth=Ir=lots', `--baseline=${run}`, './touch'], '--max-growth cannot be "Ir=lots"'],
      [['--max-growth=Ir=5%', '--baseline=vgrun-baseline.txt', './touch'], 'which holds findings only'],
      [['report', '--max-growth=Ir=5%', run], '--max-growth compares: name what with --baseline=RUN'],
      [['report', '--max-growth=Ir=5%', '--baseline=vgrun-baseline.txt', run], 'which holds findings only'],
      [['diff', '--max-growth=Ir=5%', 'vgrun-baseline.txt', run], 'which holds findings only'],
    ] as const) {
      const { status, stderr } = await go(...words);
      expect([status, stderr], words.join(' ')).toEqual([125, expect.stringContaining(said)]);
    }
    expect(existsSync(at('ran'))).toBe(false);
    compileC(at('list'), leaks([keep60]));
    await go('./list');
    const whole = (await newestRun(folder())).path;
    expect((await go('diff', whole, whole)).status).toBe(0);
    const { status, stdout } = await go('diff', '--max-growth=Ir=5%', whole, whole);
    expect(status).toBe(101);
    expect(stdout).toContain('There is no profile: --max-growth has nothing to judge.');
    await writeFile(at('grow.json'), '{"maxGrowth": {"Ir": "5%"}}');
    const ofConfig = await go('--config=grow.json', `--baseline=${whole}`, './touch');
    expect([ofConfig.status, ofConfig.stderr]).toEqual([
      125,
      expect.stringContaining('grow.json: "maxGrowth": '),
    ]);
    expect((await go('baseline', 'update', '--config=grow.json', '--dry-run')).status).toBe(0);
  });

  test('a report that cannot be written keeps no other from it; the run counts, and the status says so', async () => {
    await mkdir(at('gone'));
    compileC(at('remove'), '#include <unistd.h>\nint main(void) { return rmdir("gone"); }');
    const { status, stderr } = await go('--report=json=gone/a.json', '--report=json=b.json', './remove');
    expect(status).toBe(125);
    expect(stderr).toContain('gone/a.json could not be written');
    expect(stderr).toContain('clean: ');
    expect(JSON.parse(await readFile(at('b.json'), 'utf8')).outcome).toBe('clean');
    const full = await go('report', '--report=json=/dev/full');
    expect([full.status, full.stderr]).toEqual([
      125,
      expect.stringContaining('/dev/full could not be written'),
    ]);
  });

  test('vgrun report writes every report that is asked for; of other options the last word counts', async () => {
    await go('./list');
    const { status, stderr } = await go(
      'report',
      '--report=json=one.json',
      '--report',
      'sarif=two.sarif',
      '--color=always',
      '--color=never',
      '--error-exitcode=3',
      '--error-exitcode=4',
    );
    expect([status, stderr]).toEqual([4, '']);
    expect(JSON.parse(await readFile(at('one.json'), 'utf8')).version).toBe(1);
    expect(JSON.parse(await readFile(at('two.sarif'), 'utf8')).version).toBe('2.1.0');
  });

  test('two reports in one place, and one over the program or the baseline, are refused before the run', async () => {
    await writeFile(at('b.txt'), await readFile(at('vgrun-baseline.txt')));
    for (const words of [
      ['--report=json=two', '--report=sarif=./two'],
      ['--report=json=-', '--report=sarif=-'],
      ['--report=json=list'],
      ['--report=json=b.txt', '--baseline=b.txt'],
    ]) {
      const { status, stderr } = await go(...words, './list');
      expect([status, stderr], words.join(' ')).toEqual([125, expect.stringContaining('name another file')]);
    }
    expect(existsSync(at('two'))).toBe(false);
  });

  test('a reader that went away does not turn findings into success; a full standard output is said', async () => {
    const path = join(folder(), '.vgrun', 'runs');
    const script = (end: string) =>
      `"$NODE" "$CLI" report --report=json=- "$RUNS" ${end}; exit "\${PIPESTATUS[0]}"`;
    const env = { NODE: process.execPath, CLI: cliPath, RUNS: path };
    const piped = await runProgram('bash', ['-c', script('| true')], { cwd: folder(), env });
    expect([100, 101]).toContain(piped.status);
    const full = await runProgram('bash', ['-c', script('> /dev/full')], { cwd: folder(), env });
    expect([full.status, full.stderr]).toEqual([
      125,
      expect.stringContaining('standard output could not be written'),
    ]);
    expect(full.stderr).not.toContain('    at ');
  });

  test('what is no baseline, a run against itself, missing suppressions and impossible statuses are refused', async () => {
    await writeFile(at('empty.txt'), '');
    const newest = (await newestRun(folder())).path;
    for (const words of [
      ['--baseline=empty.txt', './list'],
      ['--baseline=list', './list'],
      ['report', `--baseline=${newest}`, newest],
      ['--suppressions=missing.supp', './list'],
      ['--error-exitcode=256', './list'],
      ['--library=!src/**', './list'],
      ['--project-root=missing', './list'],
    ]) {
      expect((await go(...words)).status, words.join(' ')).toBe(125);
    }
  });

  test('a child that crashed is told with the outcome', async () => {
    compileC(
      at('child'),
      '#include <stdlib.h>\n#include <unistd.h>\n#include <sys/wait.h>\nint main(void) { if (fork() == 0) abort(); wait(0); return 0; }',
    );
    expect((await go('./child')).stderr).toMatch(/Process \d+ was killed by SIGABRT; the status/);
  });

  test('a confidential report holds no argument of the program', async () => {
    await vgrun(['--confidential', '--report=json=secret.json', './list', '--password=hunter2'], {
      cwd: folder(),
    });
    const text = await readFile(at('secret.json'), 'utf8');
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('malloc(');
    expect(JSON.parse(text).findings[0].blamed).toBeDefined();
  });

  test('processes come with their times', async () => {
    const { report } = await vgrunReport(['./list'], { cwd: folder() });
    const [process] = report.processes;
    expect(process?.endedMs).toBeGreaterThanOrEqual(0);
    expect(process?.endedMs).toBeLessThanOrEqual((report.run?.durationMs ?? 0) + 1000);
  });
});

describe.skipIf(!canRun('valgrind') || !canRun('make'))('the example project', () => {
  const project = (): string => at('project');
  const path = (): string => `${at('bin')}:${process.env.PATH}`;
  const sh = (command: string) =>
    runProgram('sh', ['-c', command], { cwd: project(), env: { PATH: path() } });

  beforeAll(async () => {
    const { projectRoot } = await import('../project.ts');
    await runProgram('cp', ['-r', join(projectRoot, 'examples-c/project'), project()], { cwd: folder() });
    await rm(join(project(), 'build'), { recursive: true, force: true });
    await mkdir(at('bin'), { recursive: true });
    const script = `#!/bin/sh\nexec '${process.execPath}' '${cliPath}' "$@"\n`;
    await writeFile(join(at('bin'), 'vgrun'), script, { mode: 0o755 });
  });

  const edit = async (file: string, from: string, to: string) => {
    const text = await readFile(join(project(), file), 'utf8');
    expect(text).toContain(from);
    await writeFile(join(project(), file), text.replace(from, to));
  };

  test('passes its gate: the known leaks are in the baseline, and vendor/ is none of it', async () => {
    const { status, stderr } = await sh('make -s VGRUN=vgrun memtest');
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(
      '  - 4 known findings do not count.\n  - 1 finding without code of mine does not count',
    );
  });

  test('passes it also when code is moved around and a file is renamed', async () => {
    await edit('src/list.c', '#include "list.h"', '/* moved */\n\n#include "list.h"');
    await sh('mv src/list.c src/words.c && sed -i s,src/list.c,src/words.c, Makefile');
    const { status, stderr } = await sh('make -s VGRUN=vgrun memtest');
    expect([status, stderr]).toEqual([0, expect.stringContaining('4 known findings')]);
  });

  test('fails it when a leak is added, for that leak alone', async () => {
    await edit(
      'src/words.c',
      'char *joined = malloc(size);',
      'char *more = malloc(5); (void)more;\n  char *joined = malloc(size);',
    );
    expect((await sh('make -s')).status).toBe(0);
    const { status } = await sh('vgrun --report=json=out.json ./build/list_test');
    expect(status).toBe(100);
    const { findings } = JSON.parse(await readFile(join(project(), 'out.json'), 'utf8'));
    const failing = findings.filter((finding: { failing: boolean }) => finding.failing);
    expect(failing.map((finding: { leak: { bytes: number } }) => finding.leak.bytes)).toEqual([5]);
  });

  test('has npm scripts that do the same, and a preset that writes reports', async () => {
    expect((await sh('npm run --silent test:mem')).status).toBe(100);
    expect((await sh('npm run --silent test:mem:nightly')).status).toBe(100);
    for (const name of ['memcheck.html', 'memcheck.sarif', 'memcheck.xml']) {
      expect(existsSync(join(project(), 'build', name)), name).toBe(true);
    }
    expect((await sh('npm run --silent baseline && npm run --silent test:mem')).status).toBe(0);
  });

  test.skipIf(!canRun('cmake'))('runs its tests under vgrun through ctest, both ways', async () => {
    expect((await sh('git checkout -q . 2>/dev/null; mv src/words.c src/list.c')).status).toBe(0);
    const build = (dir: string, more: string) =>
      sh(`cmake -B ${dir} -D VGRUN="$(command -v vgrun)" ${more} && cmake --build ${dir}`);
    expect((await build('build/launch', '')).status).toBe(0);
    expect((await sh('ctest --test-dir build/launch')).status).toBe(0);
    expect((await build('build/check', '-D MEMTEST=OFF')).status).toBe(0);
    const { stdout } = await sh('ctest --test-dir build/check -T memcheck');
    expect(stdout).toContain('Memory checking results:\nMemory Leak - 6');
  });
});
