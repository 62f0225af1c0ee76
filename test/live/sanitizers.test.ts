// Holds what vgrun makes of programs that gcc and clang built with a sanitizer: what was found, how they ended, and what is not
// known because a runtime had no say.
import { execFileSync } from 'node:child_process';
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../src/model/report.ts';
import { canRun, cliPath } from '../project.ts';
import { compileC, newestRun, notesOf, runProgram, testFolder, until, vgrun, vgrunReport } from './vgrun.ts';

const cwd = testFolder();

const program = `#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int shared;
static void *worker(void *unused) { shared++; return unused; }
__attribute__((noinline)) static void lose(void) { char *volatile lost = malloc(10); lost = 0; }
__attribute__((noinline)) static char *volatile *use_freed(void) {
  static char *volatile block; block = malloc(10); free(block); block[1]++; return &block;
}
__attribute__((noinline)) static int overflow(int by) { volatile int most = INT_MAX; most += by; return most != 0; }
__attribute__((noinline)) static int crash(volatile int *nowhere) { return *nowhere = 1; }
int main(int count, char **words) {
  const char *what = count > 1 ? words[1] : "";
  int status = count > 2 ? atoi(words[2]) : 0;
  if (!strcmp(what, "leak")) lose();
  if (!strcmp(what, "freed")) use_freed();
  if (!strcmp(what, "undefined")) overflow(count);
  if (!strcmp(what, "crash")) crash(0);
  if (!strcmp(what, "abort")) abort();
  if (!strcmp(what, "_exit")) _exit(status);
  if (!strcmp(what, "kill")) raise(SIGKILL);
  if (!strcmp(what, "hang")) { puts("ready"); fflush(stdout); pause(); }
  if (!strcmp(what, "again")) { overflow(count); usleep(300000); execl(words[0], words[0], "undefined", (char *)0); }
  if (!strcmp(what, "true")) execl("/bin/true", "true", (char *)0);
  if (!strcmp(what, "child")) { if (fork() == 0) { lose(); exit(0); } wait(0); }
  if (!strcmp(what, "inherit")) { for (int i = 0; i < 20; i++) lose(); if (fork() == 0) exit(0); wait(0); }
  if (!strcmp(what, "spawn")) { if (fork() == 0) execl(words[0], words[0], "leak", (char *)0); wait(0); }
  if (!strcmp(what, "race")) {
    pthread_t thread; pthread_create(&thread, 0, worker, 0); shared++; pthread_join(thread, 0);
  }
  if (!strcmp(what, "unset")) { int *block = malloc(64); if (block[count]) status++; free(block); }
  if (!strcmp(what, "daemon")) { if (fork() == 0) { setsid(); sleep(30); exit(0); } }
  return status;
}
`;

const compilers = (['gcc', 'clang'] as const).filter(canRun);

/** Sanitizers and further words by the name of the program. */
const builds: Readonly<Record<string, readonly string[]>> = {
  address: ['-fsanitize=address'],
  recover: ['-fsanitize=address', '-fsanitize-recover=address'],
  leak: ['-fsanitize=leak'],
  undefined: ['-fsanitize=undefined'],
  both: ['-fsanitize=address,undefined'],
  thread: ['-fsanitize=thread'],
};

function build(compiler: string, path: string, words: readonly string[]): void {
  const usual = ['-g', '-O0', '-w', '-fno-omit-frame-pointer', '-pthread', '-x', 'c', '-o', path, '-'];
  execFileSync(compiler, [...words, ...usual], { input: program, cwd: cwd() });
}

beforeAll(() => {
  for (const compiler of compilers) {
    for (const [name, words] of Object.entries(builds))
      build(compiler, join(cwd(), `${name}-${compiler}`), words);
  }
  if (compilers.includes('clang')) build('clang', join(cwd(), 'memory-clang'), ['-fsanitize=memory']);
  compileC(join(cwd(), 'plain'), 'int main(void) { return 0; }');
}, 120_000);

const run = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  vgrunReport(words, { cwd: cwd(), env });

const rulesOf = ({ findings }: Report) => findings.map(({ rule }) => rule).sort();
const codesOf = ({ problems }: Report) => problems.map(({ code }) => code);

describe.each(compilers)('built by %s', (compiler) => {
  const of = (name: string): string => `./${name}-${compiler}`;

  test('a program without errors is clean, and its status is its own', async () => {
    for (const [tool, name] of [
      ['asan', 'address'],
      ['lsan', 'leak'],
      ['ubsan', 'undefined'],
      ['tsan', 'thread'],
    ] as const) {
      const { status, report } = await run([`--tool=${tool}`, of(name)]);
      expect([tool, report.outcome, status, report.problems]).toEqual([tool, 'clean', 0, []]);
      expect(report.processes).toHaveLength(1);
      const failed = await run([`--tool=${tool}`, of(name), '-', '3']);
      expect([tool, failed.report.outcome, failed.status]).toEqual([tool, 'failed', 3]);
    }
  });

  test('each runtime reports what it is for, with the line', async () => {
    const cases = [
      ['asan', 'address', 'freed', 'asan/heap-use-after-free', 'use_freed'],
      ['asan', 'address', 'leak', 'lsan/direct-leak', 'lose'],
      ['lsan', 'leak', 'leak', 'lsan/direct-leak', 'lose'],
      ['ubsan', 'undefined', 'undefined', 'ubsan/signed-integer-overflow', 'overflow'],
      ['tsan', 'thread', 'race', 'tsan/data-race', 'main'],
    ] as const;
    for (const [tool, name, what, rule, place] of cases) {
      const { status, report } = await run([`--tool=${tool}`, of(name), what]);
      expect([what, report.outcome, status, rulesOf(report)]).toEqual([what, 'findings', 100, [rule]]);
      const frames = report.findings[0]?.stacks.flatMap((stack) => stack.frames) ?? [];
      expect(frames.find((frame) => frame.function?.startsWith(place))?.line).toBeGreaterThan(0);
    }
  });

  test('a leak does not change what the program ends with under AddressSanitizer', async () => {
    const { status, report } = await run(['--tool=asan', of('address'), 'leak', '3']);
    expect([report.outcome, status, report.run?.exit]).toEqual(['findings', 3, { how: 'exited', code: 3 }]);
  });

  test('where the runtime ends the program, its own status is said to be unknown', async () => {
    const { status, report } = await run(['--tool=asan', of('address'), 'freed', '3']);
    expect([status, report.run?.exit]).toEqual([100, { how: 'unknown', why: 'instrument' }]);
    expect(report.reasons.join(' ')).toContain("The program's own status is not known");
  });

  test('a build that may go on tells everything, and ends as the program does', async () => {
    const { status, report } = await run(['--tool=asan', of('recover'), 'freed', '3']);
    expect([status, report.run?.exit]).toEqual([3, { how: 'exited', code: 3 }]);
    expect(new Set(rulesOf(report))).toEqual(new Set(['asan/heap-use-after-free']));
  });

  test('--halt_on_error=1 ends a build that may go on', async () => {
    const { report } = await run(['--tool=asan', '--halt_on_error=1', of('recover'), 'freed', '3']);
    expect([report.outcome, report.run?.exit]).toEqual(['findings', { how: 'unknown', why: 'instrument' }]);
    expect(rulesOf(report)).toEqual(['asan/heap-use-after-free']);
  });

  test('a fault that the runtime caught is a death by that signal', async () => {
    const { status, report } = await run(['--tool=asan', of('address'), 'crash']);
    expect([report.outcome, status, report.run?.exit?.how]).toEqual(['findings', 139, 'signaled']);
    expect(rulesOf(report)).toEqual(['asan/SEGV']);
  });

  test('--error-exitcode is the status for findings, and for nothing else', async () => {
    const found = await run(['--tool=asan', '--error-exitcode=42', of('address'), 'leak']);
    const clean = await run(['--tool=asan', '--error-exitcode=42', of('address')]);
    expect([found.status, clean.status]).toEqual([42, 0]);
  });

  test('who ends without a leak check is not clean, and it is said why', async () => {
    for (const [what, status] of [
      ['_exit', 101],
      ['abort', 134],
      ['true', 101],
      ['kill', 137],
    ] as const) {
      const result = await run(['--tool=asan', of('address'), what]);
      expect([what, result.report.outcome, result.status]).toEqual([what, 'inconclusive', status]);
      expect(codesOf(result.report)).toEqual(['leaks-not-searched']);
    }
  });

  test('where no leaks are asked for, _exit is an end like any other', async () => {
    for (const words of [['--detect_leaks=0'], ['--leak_check_at_exit=0'], []]) {
      const env: Readonly<Record<string, string>> =
        words.length > 0 ? {} : { ASAN_OPTIONS: 'detect_leaks=0' };
      const { report } = await run(['--tool=asan', ...words, of('address'), '_exit'], env);
      const told = report.problems.map(({ code, level }) => [code, level]);
      expect([words, report.outcome, told]).toEqual([words, 'clean', [['leaks-not-searched', 'warning']]]);
    }
    const { report } = await run(['--tool=ubsan', of('undefined'), '_exit']);
    expect([report.outcome, report.problems]).toEqual(['clean', []]);
  });

  test('what a child loses is its own; what it has from its parent counts once', async () => {
    const child = await run(['--tool=asan', of('address'), 'child']);
    expect(child.report.findings.map(({ leak }) => leak?.bytes)).toEqual([10]);
    expect(child.report.processes.map(({ forked }) => forked)).toEqual([false, true]);
    expect(child.report.processes[1]?.parent).toBe(child.report.processes[0]?.image);
    // LeakSanitizer takes what looks like a pointer for one: now and then it misses a block, so there are many.
    const inherited = await run(['--tool=asan', of('address'), 'inherit']);
    expect(inherited.report.findings).toHaveLength(1);
    expect(inherited.report.findings[0]?.leak?.bytes).toBeGreaterThanOrEqual(100);
    expect(inherited.report.findings[0]?.leak?.bytes).toBeLessThanOrEqual(200);
    expect(inherited.report.processes).toHaveLength(2);
    const first = inherited.report.processes.find(({ forked }) => !forked);
    const seenIn = inherited.report.findings[0]?.seenIn.map(({ pid, inherited: isParents }) => [
      pid === first?.pid,
      isParents,
    ]);
    expect(seenIn?.sort()).toEqual([
      [false, true],
      [true, false],
    ]);
  });

  test('a child that became another program has leaks of its own', async () => {
    const { report } = await run(['--tool=asan', of('address'), 'spawn']);
    expect(report.findings[0]?.seenIn.map(({ inherited }) => inherited)).toEqual([false]);
    expect(report.processes.map(({ findings }) => findings)).toEqual([0, 1]);
  });

  test('what a program reported before it became another one is kept', async () => {
    const { report } = await run(['--tool=ubsan', of('undefined'), 'again']);
    expect(report.processes.map(({ end, findings }) => [end, findings])).toEqual([
      ['finished', 1],
      ['finished', 1],
    ]);
  });

  test('at the time limit nothing is called clean', async () => {
    const { status, report } = await run([
      '--tool=asan',
      '--timeout=2s',
      '--kill-after=1s',
      of('address'),
      'hang',
    ]);
    expect([report.outcome, status, report.run?.stoppedBy]).toEqual(['inconclusive', 101, 'timeout']);
  });

  test('a process that goes on is said to do so', async () => {
    let alive: readonly number[] = [];
    const { report } = await vgrunReport(['--tool=asan', '--wait=0s', of('address'), 'daemon'], {
      cwd: cwd(),
      // The process keeps the output of vgrun open, so it has to go before all has been read.
      onStart: (child) =>
        child.once('exit', async () => {
          ({ alive } = (await newestRun(cwd())).manifest);
          for (const pid of alive) process.kill(pid, 'SIGKILL');
        }),
    });
    expect(report.outcome).toBe('inconclusive');
    expect(report.reasons.join(' ')).toMatch(/was still running when the run was closed/);
    expect(alive).toHaveLength(1);
  });

  test('flags of the environment hold, and a log_path of the user’s own gets a copy', async () => {
    const place = join(cwd(), `own-${compiler}`);
    const { report } = await run(['--tool=asan', of('address'), 'freed'], {
      ASAN_OPTIONS: `exitcode=7:log_path='${place}':log_exe_name=0`,
    });
    expect([report.outcome, report.status, report.run?.exit?.how]).toEqual(['findings', 100, 'unknown']);
    const copies = (await readdir(cwd())).filter((name) => name.startsWith(`own-${compiler}.`));
    expect(copies).toEqual([`own-${compiler}.${report.processes[0]?.pid}`]);
    expect(await readFile(join(cwd(), copies[0] as string), 'utf8')).toContain('heap-use-after-free');
  });

  test('suppressions hide, and what is no such file is refused before the program runs', async () => {
    await writeFile(join(cwd(), 'leaks.supp'), '# known\nleak:lose\n');
    const { report } = await run(['--tool=asan', '--suppressions=leaks.supp', of('address'), 'leak']);
    expect([report.outcome, report.findings]).toEqual(['clean', []]);
    await writeFile(join(cwd(), 'other.supp'), '{\n  name\n  Memcheck:Leak\n}\n');
    const refused = await vgrun(['--tool=asan', '--suppressions=other.supp', of('address')], { cwd: cwd() });
    expect([refused.status, notesOf(refused)]).toEqual([
      125,
      ['other.supp has no suppressions for asan: line 1 is not KIND:PATTERN with a kind that it knows'],
    ]);
  });

  test('what has no names in the log gets them after the run, and keeps them without the program', async () => {
    const { report } = await run(['--tool=asan', '--symbolize=0', of('address'), 'freed']);
    const { path } = await newestRun(cwd());
    expect(report.findings[0]?.stacks[0]?.frames[0]).toMatchObject({ function: 'use_freed', line: 14 });
    const elsewhere = join(cwd(), `moved-${compiler}`);
    await rename(path, elsewhere);
    await rename(join(cwd(), `address-${compiler}`), join(cwd(), 'away'));
    try {
      const file = join(cwd(), `moved-${compiler}.json`);
      await vgrun(['report', `--report=json=${file}`, elsewhere], { cwd: '/' });
      const again = JSON.parse(await readFile(file, 'utf8')) as Report;
      expect(again.findings).toEqual(report.findings);
    } finally {
      await rename(join(cwd(), 'away'), join(cwd(), `address-${compiler}`));
    }
  });

  test('the addresses of a log from elsewhere are named on request only', async () => {
    const log = await runProgram(join(cwd(), of('address')), ['freed'], {
      cwd: cwd(),
      env: { ASAN_OPTIONS: 'symbolize=0' },
    });
    await writeFile(join(cwd(), 'foreign.log'), log.stderr);
    const read = async (...words: readonly string[]): Promise<string | undefined> => {
      const file = join(cwd(), 'foreign.json');
      await vgrun(['report', ...words, `--report=json=${file}`, 'foreign.log'], { cwd: cwd() });
      const report = JSON.parse(await readFile(file, 'utf8')) as Report;
      return report.findings[0]?.stacks[0]?.frames[0]?.function;
    };
    expect([await read(), await read('--symbolize')]).toEqual([undefined, 'use_freed']);
  });

  test('both sanitizers of one program are heard, and its stderr stays what it is', async () => {
    const bare = await runProgram(join(cwd(), of('both')), ['undefined'], { cwd: cwd() });
    const { report, stderr } = await run(['-q', '--tool=ubsan', of('both'), 'undefined']);
    expect([report.outcome, rulesOf(report)]).toEqual(['findings', ['ubsan/signed-integer-overflow']]);
    expect(report.processes).toHaveLength(1);
    // clang has one runtime, and that writes into the log.
    if (compiler === 'gcc') expect(stderr.split('\n')[0]).toBe(bare.stderr.split('\n')[0]);
  });

  test('runs that are read together keep their names, and what is not known of them', async () => {
    const folder = join(cwd(), `together-${compiler}`);
    await mkdir(folder);
    const program = join(cwd(), `address-${compiler}`);
    await vgrun(['-q', '--tool=asan', '--symbolize=0', program, 'freed'], { cwd: folder });
    await vgrun(['-q', '--tool=asan', program, '_exit'], { cwd: folder });
    await vgrun(['report', '--report=json=all.json', '.vgrun/runs'], { cwd: folder });
    const report = JSON.parse(await readFile(join(folder, 'all.json'), 'utf8')) as Report;
    expect(report.outcome).toBe('inconclusive');
    expect(codesOf(report)).toContain('leaks-not-searched');
    expect(report.findings[0]?.stacks[0]?.frames[0]?.function).toBe('use_freed');
    expect(report.processes).toHaveLength(2);
  });

  test('a script starts the programs; where none has the runtime, nothing is known', async () => {
    await writeFile(join(cwd(), 'script'), `#!/bin/sh\n${of('address')} leak\nexit 5\n`, { mode: 0o755 });
    const { report, status } = await run(['--tool=asan', './script']);
    expect([report.outcome, status, rulesOf(report)]).toEqual(['findings', 5, ['lsan/direct-leak']]);
    const nothing = await run(['--tool=asan', 'sh', '-c', './plain']);
    expect([nothing.report.outcome, codesOf(nothing.report)]).toEqual([
      'inconclusive',
      ['nothing-instrumented'],
    ]);
  });

  test('a limit of memory that the runtime cannot live with makes no clean run', async () => {
    const file = join(cwd(), 'limited.json');
    const words = [process.execPath, cliPath, '--tool=asan', `--report=json=${file}`, of('address')];
    await runProgram('sh', ['-c', 'ulimit -v 60000000; exec "$@"', 'sh', ...words], { cwd: cwd() });
    const report = JSON.parse(await readFile(file, 'utf8')) as Report;
    expect(report.outcome).toBe('inconclusive');
    expect(codesOf(report)).toEqual(
      expect.arrayContaining(['address-space-limited', 'instrument-failed-to-start']),
    );
  });

  test.skipIf(!canRun('strace'))('LeakSanitizer that is traced has not searched', async () => {
    const file = join(cwd(), 'traced.json');
    await runProgram(
      'strace',
      [
        '-f',
        '-o',
        '/dev/null',
        process.execPath,
        cliPath,
        '--tool=asan',
        `--report=json=${file}`,
        of('address'),
      ],
      { cwd: cwd() },
    );
    const report = JSON.parse(await readFile(file, 'utf8')) as Report;
    expect(report.outcome).toBe('inconclusive');
    expect(codesOf(report)).toContain('traced');
  });
});

test.skipIf(!compilers.includes('clang'))('MemorySanitizer reports what was never set', async () => {
  const { report, status } = await run(['--tool=msan', './memory-clang', 'unset']);
  expect([report.outcome, status, rulesOf(report)]).toEqual([
    'findings',
    100,
    ['msan/use-of-uninitialized-value'],
  ]);
  expect((await run(['--tool=msan', './memory-clang'])).report.outcome).toBe('clean');
});

test.skipIf(!compilers.includes('gcc'))('a runtime that was linked in is found as well', async () => {
  build('gcc', join(cwd(), 'linked-in'), [
    '-fsanitize=address,undefined',
    '-static-libasan',
    '-static-libubsan',
  ]);
  const { report } = await run(['--tool=asan', './linked-in', 'undefined']);
  expect([report.outcome, rulesOf(report)]).toEqual(['findings', ['ubsan/signed-integer-overflow']]);
  await access(join((await newestRun(cwd())).path, 'run.json'));
});

test.skipIf(!compilers.includes('gcc'))('what cannot work is refused in a sentence', async () => {
  const refusals = [
    [['--tool=asan', './plain'], /^\.\/plain is not built with AddressSanitizer/],
    [
      ['--tool=tsan', './address-gcc'],
      /^\.\/address-gcc is built with AddressSanitizer, not with ThreadSanitizer/,
    ],
    [
      ['--tool=memcheck', './address-gcc'],
      /^\.\/address-gcc is built with AddressSanitizer, which cannot run/,
    ],
    [['--tool=asan', '--detect_leak=0', './address-gcc'], /^unknown option '--detect_leak=0'/],
    [
      ['--tool=asan', '--detect_leaks=maybe', './address-gcc'],
      /^--detect_leaks cannot be 'maybe'; it takes 0 or 1/,
    ],
    [
      ['--tool=asan', '--history_size=3', './address-gcc'],
      /^--history_size is an option of tsan, not of asan/,
    ],
    [
      ['--tool=asan', '--leak-check=full', './address-gcc'],
      /^--leak-check is an option of memcheck, not of asan/,
    ],
    [
      ['--tool=asan', '--suppressions=none.supp', './address-gcc'],
      /^the suppressions none\.supp cannot be read/,
    ],
    [
      ['--tool=asan', '--suppressions=leaks.supp', '--suppressions=leaks.supp', './address-gcc'],
      /^asan takes one file/,
    ],
    [['--tool=asan', './none.c'], /^\.\/none\.c is not found/],
  ] as const;
  await writeFile(join(cwd(), 'leaks.supp'), 'leak:lose\n');
  for (const [words, sentence] of refusals) {
    const result = await vgrun(words, { cwd: cwd() });
    expect(notesOf(result)[0]).toMatch(sentence);
    expect([words, result.status]).toEqual([words, /none\.c/.test(String(words)) ? 127 : 125]);
  }
});

test.skipIf(!compilers.includes('gcc'))('a source is built and run in one step', async () => {
  await mkdir(join(cwd(), 'source'), { recursive: true });
  await writeFile(join(cwd(), 'source', 'demo.c'), program);
  const { report, status } = await vgrunReport(['--tool=asan', './demo.c', 'freed'], {
    cwd: join(cwd(), 'source'),
  });
  expect([report.outcome, status, rulesOf(report)]).toEqual(['findings', 100, ['asan/heap-use-after-free']]);
});

test.skipIf(!compilers.includes('gcc'))(
  'a signal to vgrun reaches the program, and the run is not clean',
  async () => {
    const file = join(cwd(), 'stopped.json');
    let isReady = false;
    const ended = vgrun(['--tool=asan', `--report=json=${file}`, './address-gcc', 'hang'], {
      cwd: cwd(),
      onStart: (child) => {
        child.stdout?.on('data', () => {
          isReady = true;
        });
        void until('the program to run', () => isReady).then(() => child.kill('SIGTERM'));
      },
    });
    expect((await ended).status).toBe(143);
    const report = JSON.parse(await readFile(file, 'utf8')) as Report;
    expect(report.outcome).toBe('inconclusive');
    await rm(file);
  },
);

test.skipIf(!compilers.includes('gcc'))(
  'of a program of two runtimes that a script starts, what went to stderr is missed, not clean',
  async () => {
    await writeFile(join(cwd(), 'starts-both'), '#!/bin/sh\n./both-gcc undefined\n', { mode: 0o755 });
    const { report } = await run(['--tool=asan', './starts-both']);
    expect([report.outcome, codesOf(report)]).toEqual(['inconclusive', ['report-on-stderr']]);
  },
);

test.skipIf(!compilers.includes('gcc'))('what vgrun build makes of gcc has both in one log', async () => {
  const folder = join(cwd(), 'one-log');
  await mkdir(folder);
  await writeFile(join(folder, 'a.c'), 'int bad(int); int main(int n, char **v) { return bad(n); }\n');
  await writeFile(
    join(folder, 'b.c'),
    '#include <stdlib.h>\nint bad(int n) { int x = 2147483647; x += n; char *p = malloc(4); p[3 + n] = 1; free(p); return x & 0; }\n',
  );
  await writeFile(
    join(folder, 'Makefile'),
    "all:\n\tgcc -shared -fPIC -o libb.so b.c\n\tgcc -o a a.c -L. -lb -Wl,-rpath,'$$ORIGIN'\n",
  );
  await vgrun(['build', '--asan', '--ubsan', '--', 'make'], { cwd: folder });
  const { report, stderr } = await vgrunReport(['-q', '--tool=asan', 'build-asan-ubsan/a'], { cwd: folder });
  expect([...rulesOf(report)].sort()).toEqual(['asan/heap-buffer-overflow', 'ubsan/signed-integer-overflow']);
  expect(stderr).not.toContain('b.c:2:49: runtime error');
});

test('suppressions of valgrind are refused where nothing reads them, and skipped when a config has them', async () => {
  const typed = await vgrun(['--tool=asan', '--known-noise=glibc', './plain'], { cwd: cwd() });
  expect([typed.status, notesOf(typed)[0]]).toEqual([
    125,
    "--known-noise is for valgrind's tools: asan does not read their suppressions",
  ]);
  await writeFile(join(cwd(), 'noise.json'), '{ "knownNoise": ["glibc"] }');
  const { stderr } = await vgrun(['--tool=asan', '--config=noise.json', './plain'], { cwd: cwd() });
  expect(stderr).not.toContain('known-noise');
});

test.skipIf(!compilers.includes('gcc') || !canRun('make'))(
  'what a test program of make check leaks is reported, and the run is whole',
  async () => {
    const folder = join(cwd(), 'checked');
    await mkdir(folder);
    await writeFile(join(folder, 'Makefile'), 'check:\n\t@echo begins; ../address-gcc leak; true\n');
    const { report } = await vgrunReport(['--tool=asan', 'make', 'check'], { cwd: folder });
    expect([report.outcome, rulesOf(report), codesOf(report)]).toEqual([
      'findings',
      ['lsan/direct-leak'],
      [],
    ]);
  },
);

describe.each(compilers)('what a gate pardons, built by %s', (compiler) => {
  test('a run that AddressSanitizer ended is not clean, though nothing in it fails', async () => {
    const ended = await vgrun(['--tool=asan', '--fail-on=race', `./address-${compiler}`, 'freed'], {
      cwd: cwd(),
    });
    expect(ended.status).toBe(101);
    expect(ended.stderr).toContain('what would have come after is not known');
  });

  test('a log of such a run is not clean either', async () => {
    const { stderr } = await runProgram(join(cwd(), `./address-${compiler}`), ['freed'], { cwd: cwd() });
    await writeFile(join(cwd(), 'freed.log'), stderr);
    const read = await vgrun(['report', '--fail-on=race', 'freed.log'], { cwd: cwd() });
    expect(read.status).toBe(101);
    expect(read.stdout).toContain('does not tell whether the program went on');
  });

  test('that leaks were not searched for is said', async () => {
    const ended = await vgrun(['--tool=asan', '--detect_leaks=0', `./address-${compiler}`], { cwd: cwd() });
    expect(ended.status).toBe(0);
    expect(ended.stderr).toContain('leaks were not searched for');
  });
});

test.skipIf(!canRun('clang'))('a runtime that prints words and no reports is no UBSan to vgrun', async () => {
  build('clang', join(cwd(), 'minimal'), ['-fsanitize=undefined', '-fsanitize-minimal-runtime']);
  const refused = await vgrun(['--tool=ubsan', './minimal', 'undefined'], { cwd: cwd() });
  expect(refused.status).toBe(125);
  expect(refused.stderr).toContain('is not built with UndefinedBehaviorSanitizer');
});
