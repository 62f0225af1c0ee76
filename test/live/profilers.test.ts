// Holds how profilers are launched: the program's own affairs stay its own, every process is measured, and what was not
// measured is said.
import { execFileSync, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ReportProfile } from '../../src/model/profile-report.ts';
import type { Report } from '../../src/model/report.ts';
import { examplePath } from '../examples.ts';
import { canRun } from '../project.ts';
import { compileC, newestRun, runProgram, testFolder, until, vgrun, vgrunReport } from './vgrun.ts';

const cwd = testFolder();

/** An empty folder for one test. */
function fresh(): Promise<string> {
  return mkdtemp(join(cwd(), 'test-'));
}

function profilesOf({ profiles }: Report): readonly ReportProfile[] {
  return profiles ?? [];
}

function totalOf(profile: ReportProfile | undefined, measure: string): number | undefined {
  return profile?.totals[profile.measures.findIndex(({ name }) => name === measure)];
}

const forks = examplePath('fork');

describe.skipIf(!canRun('valgrind'))("valgrind's profilers", () => {
  test.each(['massif', 'dhat', 'callgrind', 'cachegrind', 'lackey', 'none', 'exp-bbv'])(
    '%s leaves input, output and status to the program',
    async (tool) => {
      const folder = await fresh();
      compileC(
        join(folder, 'echo'),
        '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { char *line = malloc(99); fgets(line, 99, stdin); printf("<%s>", line); fprintf(stderr, "err"); return 7; }',
      );
      const { status, stdout, stderr, report } = await vgrunReport([`--tool=${tool}`, './echo'], {
        cwd: folder,
        input: 'hello',
      });
      expect([status, stdout]).toEqual([7, '<hello>']);
      expect(stderr.startsWith('err')).toBe(true);
      expect(report.outcome).toBe('failed');
      expect(report.totals.errors).toBeUndefined();
      expect(report.problems.filter(({ level }) => level === 'incomplete')).toEqual([]);
    },
  );

  test('the instructions are those that callgrind itself says it has collected', async () => {
    const folder = await fresh();
    const { report } = await vgrunReport(['--tool=callgrind', forks], { cwd: folder });
    const { path: run } = await newestRun(folder);
    const said = new Map<number, number>();
    for (const name of await readdir(run)) {
      const log = name.endsWith('.log') ? await readFile(join(run, name), 'utf8') : '';
      // ==1234== Collected : 126173
      for (const [, pid, count] of log.matchAll(/^==(\d+)== Collected : (\d+)/gm)) {
        said.set(Number(pid), Number(count));
      }
    }
    expect(said.size).toBe(2);
    expect(new Map(profilesOf(report).map((profile) => [profile.pid, totalOf(profile, 'Ir')]))).toEqual(said);
    expect(report.processes.map(({ forked }) => forked)).toEqual([false, true]);
  });

  test('a profile that the user wants elsewhere is there, and the run has it too', async () => {
    const folder = await fresh();
    const { report, status } = await vgrunReport(
      ['--tool=massif', '--massif-out-file=mine.%p.out', examplePath('clean')],
      { cwd: folder },
    );
    expect(status).toBe(0);
    const mine = (await readdir(folder)).filter((name) => /^mine\.\d+\.out$/.test(name));
    expect(mine).toHaveLength(1);
    const { path: run } = await newestRun(folder);
    const kept = (await readdir(run)).filter((name) => name.startsWith('massif.out.'));
    expect(kept).toEqual([`massif.out.${report.processes[0]?.pid}`]);
    expect(await readFile(join(run, kept[0] as string), 'utf8')).toBe(
      await readFile(join(folder, mine[0] as string), 'utf8'),
    );
    expect(profilesOf(report)).toHaveLength(1);
  });

  test('dumps and threads of one process are one profile with parts', async () => {
    const folder = await fresh();
    compileC(
      join(folder, 'threads'),
      '#include <pthread.h>\nstatic pthread_barrier_t both;\nstatic void *work(void *n) { pthread_barrier_wait(&both); volatile int s = 0; for (int i = 0; i < 100000; i++) s += i; return 0; }\nint main(void) { pthread_t a, b; pthread_barrier_init(&both, 0, 2); pthread_create(&a, 0, work, 0); pthread_create(&b, 0, work, 0); pthread_join(a, 0); pthread_join(b, 0); return 0; }',
    );
    const { report } = await vgrunReport(['--tool=callgrind', '--separate-threads=yes', './threads'], {
      cwd: folder,
    });
    const [profile, ...more] = profilesOf(report);
    expect(more).toEqual([]);
    expect(profile?.parts?.map(({ name }) => name)).toEqual(
      expect.arrayContaining([expect.stringContaining('thread 2'), expect.stringContaining('thread 3')]),
    );
    expect(report.outcome).toBe('clean');
  });

  test('a child that is killed has no profile, and the run is inconclusive', async () => {
    const folder = await fresh();
    compileC(
      join(folder, 'parent'),
      '#include <signal.h>\n#include <stdlib.h>\n#include <sys/wait.h>\n#include <unistd.h>\nint main(void) { int p[2]; char c; pipe(p); pid_t child = fork(); if (child == 0) { write(p[1], "x", 1); for (;;) pause(); } read(p[0], &c, 1); kill(child, SIGKILL); wait(0); free(malloc(9)); return 0; }',
    );
    const { report, status } = await vgrunReport(['--tool=massif', './parent'], { cwd: folder });
    expect([status, report.outcome]).toEqual([101, 'inconclusive']);
    expect(report.reasons.join(' ')).toMatch(/process \d+ left no profile/);
    expect(profilesOf(report)).toHaveLength(1);
  });

  test('a program that crashes has a profile all the same', async () => {
    const { report, status } = await vgrunReport(['--tool=callgrind', examplePath('segv')], {
      cwd: await fresh(),
    });
    expect(status).toBe(139);
    expect(totalOf(profilesOf(report)[0], 'Ir')).toBeGreaterThan(1000);
    expect(report.messages.map(({ source }) => source)).toContain('fatal-signal');
  });

  test('the time limit leaves a profile, and is said', async () => {
    const { report, status } = await vgrunReport(
      ['--tool=callgrind', '--timeout=2', examplePath('busy'), '100000'],
      { cwd: await fresh() },
    );
    expect([status, report.outcome]).toEqual([101, 'inconclusive']);
    expect(totalOf(profilesOf(report)[0], 'Ir')).toBeGreaterThan(1000);
  });

  test("a tool of the user's own runs with its own options, and its log is kept and shown", async () => {
    const folder = await fresh();
    // Another name for lackey: a tool is a file TOOL-PLATFORM where valgrind looks for its own.
    const own = join(folder, 'libexec');
    const libexec = execFileSync('sh', [
      '-c',
      'for d in /usr/libexec/valgrind /usr/lib/valgrind /usr/lib/*/valgrind; do [ -d "$d" ] && echo "$d" && break; done',
    ])
      .toString()
      .trim();
    await mkdir(own);
    for (const name of await readdir(libexec)) await symlink(join(libexec, name), join(own, name));
    const lackey = (await readdir(libexec)).find((name) => /^lackey-/.test(name)) as string;
    await symlink(join(libexec, lackey), join(own, lackey.replace('lackey', 'my-tool')));
    const { status, stderr, report } = await vgrunReport(
      ['--tool=my-tool', '--fnname=main', examplePath('clean')],
      { cwd: folder, env: { VALGRIND_LIB: own } },
    );
    expect(status, stderr).toBe(0);
    expect(stderr).toContain('Counted 1 call to main()');
    expect(stderr).not.toContain('No errors');
    expect(report).toMatchObject({ outcome: 'clean', purpose: 'log' });
    expect(report.messages[0]?.text).toMatch(/guest instrs/);
  });

  test.each(['massif', 'callgrind', 'cachegrind', 'dhat'])(
    '%s: an argument of several lines, whatever they look like, is an argument',
    async (tool) => {
      const { report } = await vgrunReport(
        [`--tool=${tool}`, examplePath('clean'), 'one\n n2: 3\nfn=x\nevents of the day\n7 8'],
        { cwd: await fresh() },
      );
      expect([report.outcome, report.reasons]).toEqual(['clean', []]);
      expect(profilesOf(report)).toHaveLength(1);
    },
  );

  test('a static program is no obstacle for what only counts, and one for what needs its malloc', async () => {
    const folder = await fresh();
    execFileSync('cc', ['-static', '-x', 'c', '-o', join(folder, 'static'), '-'], {
      input: '#include <stdlib.h>\nint main(void) { free(malloc(9)); return 0; }',
    });
    const outcomeOf = async (tool: string) =>
      (await vgrunReport([`--tool=${tool}`, './static'], { cwd: folder })).report.outcome;
    expect([await outcomeOf('callgrind'), await outcomeOf('massif')]).toEqual(['clean', 'inconclusive']);
  });

  test('a file that all processes write is said to be the reason why profiles are missing', async () => {
    const { stderr, status } = await vgrun(['--tool=massif', '--massif-out-file=one.out', forks], {
      cwd: await fresh(),
    });
    expect(status).toBe(101);
    expect(stderr).toMatch(/or another process wrote over\s+it/);
    expect(stderr).toContain('--massif-out-file=one.out.%p');
  });

  test('a tool that the installed valgrind does not have is refused', async () => {
    const { status, stderr } = await vgrun(['--tool=no-such-thing', examplePath('clean')], {
      cwd: await fresh(),
    });
    expect(status).toBe(125);
    expect(stderr).toMatch(/^vgrun: valgrind has no tool 'no-such-thing'\nhint: it says: /);
  });
});

describe.skipIf(!canRun('gprof'))('gprof', () => {
  const source =
    '#include <unistd.h>\n#include <sys/wait.h>\nint work(int n) { volatile int s = 0; for (int i = 0; i < n * 1000000; i++) s += i; return s; }\nint main(int c, char **v) { work(60); if (c > 1 && fork() == 0) { execl(v[1], v[1], (char *)0); } while (wait(0) > 0); return 0; }';
  // For long enough to be seen: what ends at once is told as `program-unseen`.
  const other =
    'int other(int n) { volatile int s = 0; for (int i = 0; i < n * 1000000; i++) s += i; return s; }\nint main(void) { return other(400) & 0; }';
  const compile = (path: string, text: string, ...options: readonly string[]) =>
    execFileSync('cc', ['-g', '-w', ...options, '-x', 'c', '-o', path, '-'], { input: text });

  test('reads the data of every process with the program that it was', async () => {
    const folder = await fresh();
    compile(join(folder, 'first'), source, '-pg');
    compile(join(folder, 'second'), other, '-pg');
    const { report, status } = await vgrunReport(['--tool=gprof', './first', './second'], { cwd: folder });
    expect([status, report.outcome]).toEqual([0, 'clean']);
    const functions = profilesOf(report).map(({ functions: all, program }) => [
      program.replace(/.*\//, ''),
      all.some(({ function: name }) => name === 'work'),
      all.some(({ function: name }) => name === 'other'),
    ]);
    expect(functions.sort()).toEqual([
      ['first', true, false],
      ['second', false, true],
    ]);
    // It stays out of the folder of the program.
    expect(await readdir(folder)).not.toContain('gmon.out');
  });

  test('a process that left nothing is told, and the run is no whole one', async () => {
    const folder = await fresh();
    compile(
      join(folder, 'quits'),
      '#include <unistd.h>\n#include <sys/wait.h>\nint work(int n) { volatile int s = 0; for (int i = 0; i < n * 1000000; i++) s += i; return s; }\nint main(void) { if (fork() == 0) { work(100); _exit(0); } wait(0); work(60); return 0; }',
      '-pg',
    );
    const { report } = await vgrunReport(['--tool=gprof', './quits'], { cwd: folder });
    expect(report.outcome).toBe('inconclusive');
    expect(report.reasons.join(' ')).toMatch(/left no data: it was killed, ended by _exit/);
  });

  test('says of a program that was not built for it that nothing was measured, and how to build it', async () => {
    const folder = await fresh();
    compile(join(folder, 'plain'), other);
    const { status, stderr } = await vgrun(['--tool=gprof', './plain'], { cwd: folder });
    expect(status).toBe(101);
    expect(stderr).toMatch(/wrote no data for gprof/);
    expect(stderr).toMatch(/-pg/);
  });
});

describe.skipIf(!canRun('perf'))('perf', () => {
  const busy =
    'int spin(int n) { volatile int s = 0; for (int i = 0; i < n * 1000000; i++) s += i; return s; }\n';

  test('leaves output and status to the program, and finds where the time went', async () => {
    const folder = await fresh();
    compileC(
      join(folder, 'busy'),
      `#include <stdio.h>\n${busy}int main(void) { spin(200); printf("done"); return 3; }`,
    );
    const { status, stdout, report } = await vgrunReport(['--tool=perf', './busy'], { cwd: folder });
    expect([status, stdout, report.outcome]).toEqual([3, 'done', 'failed']);
    const [profile] = profilesOf(report);
    const top = profile?.functions[profile.bySelf[0] as number];
    expect(top).toMatchObject({ function: 'spin', owner: 'mine' });
    expect(totalOf(profile, 'samples')).toBeGreaterThan(20);
  });

  test('without permission says which setting, and the command', async () => {
    const folder = await fresh();
    const bin = join(folder, 'bin');
    await mkdir(bin);
    // What perf 6.1 says and does where the kernel refuses it.
    await writeFile(
      join(bin, 'perf'),
      '#!/bin/sh\nif [ "$1" = --version ]; then echo "perf version 6.1.0"; exit 0; fi\necho "Error: Access to performance monitoring and observability operations is limited." >&2\nexit 255\n',
    );
    await chmod(join(bin, 'perf'), 0o755);
    const { status, stderr } = await vgrun(['--tool=perf', examplePath('clean')], {
      cwd: folder,
      env: { PATH: `${bin}:${process.env.PATH}` },
    });
    expect(status).toBe(101);
    expect(stderr).toMatch(/sudo sysctl kernel\.perf_event_paranoid=1/);
  });

  test('a perf that is missing is said with how to install it', async () => {
    const { status, stderr } = await vgrun(['--tool=perf', examplePath('clean')], {
      cwd: await fresh(),
      env: { PATH: '/nowhere' },
    });
    expect(status).toBe(125);
    expect(stderr).toMatch(/^vgrun: perf is not installed\nhint: install it: apt-get install linux-perf/);
  });

  test('a program that ends before the first sample is not called measured', async () => {
    const { report } = await vgrunReport(['--tool=perf', '--freq=1', examplePath('exit-7')], {
      cwd: await fresh(),
    });
    expect(report.outcome).toBe('inconclusive');
    expect(report.reasons.join(' ')).toMatch(/sample/);
  });

  test('vgrun flame draws a program in one step', async () => {
    const folder = await fresh();
    compileC(join(folder, 'busy'), `${busy}int main(void) { spin(100); return 0; }`);
    const { status, stderr } = await vgrun(['flame', './busy'], { cwd: folder });
    expect(status, stderr).toBe(0);
    expect(stderr.trimEnd().split('\n').at(-1)).toBe('vgrun: flame.svg written');
    expect(await readFile(join(folder, 'flame.svg'), 'utf8')).toMatch(/^<\?xml|^<svg/);
    for (const [file, start] of [
      ['out.html', '<!DOCTYPE html>'],
      ['out.json', '{'],
    ] as const) {
      expect((await vgrun(['flame', '-o', file, './busy'], { cwd: folder })).status).toBe(0);
      expect((await readFile(join(folder, file), 'utf8')).startsWith(start), file).toBe(true);
    }
    expect((await vgrun(['flame', '-o', 'out.folded', './busy'], { cwd: folder })).status).toBe(0);
    expect(await readFile(join(folder, 'out.folded'), 'utf8')).toMatch(/;main;spin \d+$/m);
  });

  test('vgrun flame --pid looks at a process that runs, and leaves it alone', async () => {
    const folder = await fresh();
    compileC(join(folder, 'server'), `${busy}int main(void) { for (;;) spin(1); }`);
    const server = spawn(join(folder, 'server'), { stdio: 'ignore' });
    try {
      await until('the server to run', () => server.pid !== undefined);
      const { status, stderr } = await vgrun(['flame', `--pid=${server.pid}`, '--seconds=1'], {
        cwd: folder,
      });
      expect(status, stderr).toBe(0);
      expect(await readFile(join(folder, 'flame.svg'), 'utf8')).toContain('spin');
      expect(server.exitCode).toBeNull();
    } finally {
      server.kill('SIGKILL');
    }
  });

  test.each([
    [['flame', '--pid=4194300'], 'there is no process 4194300'],
    [['flame', '--pid=x'], '--pid cannot be "x"'],
    [['flame', '-o', 'flame.xyz', './p'], 'flame.xyz says no format'],
    [['flame', '--pid=1', './p'], '--pid and a program exclude each other'],
    [['flame'], 'no program to run is given'],
  ])('%j is refused in one sentence', async (words, says) => {
    const { status, stderr } = await vgrun(words, { cwd: await fresh() });
    expect(status).toBe(125);
    expect(stderr).toContain(`vgrun: ${says}`);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });

  test.skipIf(!canRun('heaptrack'))('vgrun report reads a recording of heaptrack', async () => {
    const folder = await fresh();
    await runProgram('heaptrack', ['-o', join(folder, 'heaptrack.test'), examplePath('lost-100')], {
      cwd: folder,
    });
    const file = (await readdir(folder)).find((name) => name.startsWith('heaptrack.test')) as string;
    const { status, stdout } = await vgrun(['report', '--report=json=-', file], { cwd: folder });
    // heaptrack_print says the same: 100B leaked over 1 calls.
    expect(status).toBe(100);
    const report: Report = JSON.parse(stdout);
    expect(report.findings.map(({ rule, leak }) => [rule, leak?.bytes])).toContainEqual([
      'heaptrack/unfreed',
      100,
    ]);
    expect(totalOf(profilesOf(report)[0], 'leaked')).toBeGreaterThanOrEqual(100);
  });

  test('vgrun report reads the data of perf record', async () => {
    const folder = await fresh();
    compileC(join(folder, 'busy'), `${busy}int main(void) { spin(100); return 0; }`);
    await runProgram('perf', ['record', '-q', '-g', '-o', 'perf.data', './busy'], { cwd: folder });
    const { status, stdout } = await vgrun(['report', 'perf.data'], { cwd: folder });
    expect(status, stdout).toBe(0);
    expect(stdout).toContain('spin');
  });
});
