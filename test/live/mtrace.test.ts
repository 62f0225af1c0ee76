// Runs programs under --tool=mtrace: what they leave is said at its line, and what it says is what glibc's own script says.
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ParsedRecord } from '../../src/model/record.ts';
import type { Finding, Report } from '../../src/model/report.ts';
import { mtraceReader } from '../../src/tools/mtrace/parse.ts';
import { canRun } from '../project.ts';
import { readWith } from '../recordings.ts';
import { judgementOfRecords, judgementOfScript } from '../tools/mtrace-script.ts';
import { newestRun, type Options, runProgram, testFolder, vgrun, vgrunReport } from './vgrun.ts';

const folder = testFolder();
const fresh = (): Promise<string> => mkdtemp(join(folder(), 'test-'));

/** Compiles a program of the name; the compiler is told the name, so that reports have it. */
async function compile(cwd: string, name: string, source: string, ...words: string[]): Promise<void> {
  await writeFile(join(cwd, name), source);
  const compiler = name.endsWith('.c') ? 'gcc' : 'g++';
  execFileSync(compiler, ['-g', '-O0', '-w', name, '-o', name.replace(/\.\w+$/, ''), ...words], { cwd });
}

function traced(words: readonly string[], options: Options) {
  return vgrunReport(['--tool=mtrace', ...words], options);
}

/** `unfreed test.c:5, 4 in 1` */
function told({ findings }: Report): readonly string[] {
  return findings.map(describeFinding).sort();
}

function describeFinding({ kind, blamed, stacks, leak }: Finding): string {
  const frame = blamed === undefined ? stacks[0]?.frames[0] : stacks[blamed.stack]?.frames[blamed.frame];
  const place =
    frame?.file === undefined ? frame?.function : `${frame.file.replace(/.*\//, '')}:${frame.line}`;
  return `${kind} ${place}${leak === undefined ? '' : `, ${leak.bytes} in ${leak.blocks}`}`;
}

async function tracesOf(cwd: string): Promise<readonly string[]> {
  const { path } = await newestRun(cwd);
  return (await readdir(path)).filter((name) => name.startsWith('mtrace.')).map((name) => join(path, name));
}

const classic = (last: string): string =>
  `#include <mcheck.h>\n#include <stdlib.h>\nint main(void) {\n  mtrace();\n  int *p = malloc(sizeof *p);\n  ${last}\n  muntrace();\n  return p == 0;\n}\n`;

const withoutTrace = `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(void) {
  char *kept = malloc(100);
  char *copy = strdup("copy");
  kept = realloc(kept, 20000);
  free(calloc(10, 10));
  printf("%d%s\\n", kept[0] == 1, copy);
  return 0;
}
`;

describe.skipIf(!canRun('gcc'))('--tool=mtrace', () => {
  test('says at its line what a program that traces itself has not freed', async () => {
    const cwd = await fresh();
    await compile(cwd, 'test.c', classic(''));
    const { report, status } = await traced(['./test'], { cwd });
    expect([status, report.outcome]).toEqual([100, 'findings']);
    expect(told(report)).toEqual(['unfreed test.c:5, 4 in 1']);
  });

  test('finds nothing in one that frees what it allocates', async () => {
    const cwd = await fresh();
    await compile(cwd, 'test.c', classic('free(p);'));
    const { report, status } = await traced(['./test'], { cwd });
    expect([status, report.outcome, told(report)]).toEqual([0, 'clean', []]);
    expect(report.totals.heap).toMatchObject({ allocations: 1, frees: 1, inUse: { bytes: 0, blocks: 0 } });
  });

  test.each([['-pie'], ['-no-pie'], ['-static-libgcc', '-O2', '-rdynamic']])(
    'sees a program that does not trace itself: %s',
    async (...words) => {
      const cwd = await fresh();
      await compile(cwd, 'test.c', withoutTrace, ...words);
      const { report, stdout } = await traced(['./test'], { cwd });
      expect(stdout).toBe('0copy\n');
      expect(told(report)).toEqual(['unfreed test.c:6, 5 in 1', 'unfreed test.c:7, 20000 in 1']);
    },
  );

  test('leaves input, output and status to the program, and starts it from anywhere', async () => {
    const cwd = await fresh();
    await compile(
      cwd,
      'echo.c',
      '#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\nint main(void) { char line[99]; chdir("/"); fgets(line, 99, stdin); printf("<%s>", line); fprintf(stderr, "err"); malloc(9); return 7; }',
    );
    const below = join(cwd, 'below');
    await mkdir(below);
    const { status, stdout, stderr, report } = await traced(['../echo'], { cwd: below, input: 'hello' });
    expect([status, stdout, stderr.startsWith('err')]).toEqual([7, '<hello>', true]);
    expect(told(report)).toEqual(['unfreed echo.c:4, 9 in 1']);
    expect(report.problems.filter(({ level }) => level === 'incomplete')).toEqual([]);
  });

  test.skipIf(!canRun('mtrace'))('agrees with the mtrace script on what it has written', async () => {
    const cwd = await fresh();
    await compile(
      cwd,
      'test.cc',
      `#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>
static void work(int number) {
  std::map<int, std::string> all;
  for (int i = 0; i < 500; i++) all[i] = std::string(i, 'x');
  for (int i = 0; i < 20; i++) if (i % number) new int[i + number];
  char *grows = (char *)malloc(1);
  for (int i = 1; i < 200; i++) grows = (char *)realloc(grows, i * 10);
  void *aligned;
  posix_memalign(&aligned, 64, 1000);
  if (number == 2) free(aligned);
}
int main() {
  std::vector<std::thread> threads;
  for (int i = 1; i < 5; i++) threads.emplace_back(work, i);
  for (auto &thread : threads) thread.join();
}
`,
      '-pthread',
    );
    const { report } = await traced(['./test'], { cwd });
    const [trace = ''] = await tracesOf(cwd);
    const script = await runProgram('mtrace', [trace], { cwd });
    const records = await recordsOf(trace);
    expect(judgementOfRecords(records)).toEqual(judgementOfScript(script.stdout));
    expect(report.totals.leaks?.unfreed?.blocks).toBe(
      report.findings.reduce((sum, { leak }) => sum + (leak?.blocks ?? 0), 0),
    );
    expect(told(report)).toEqual([
      'unfreed test.cc:10, 1984 in 38',
      'unfreed test.cc:12, 7960 in 4',
      'unfreed test.cc:14, 3000 in 3',
    ]);
  });

  test.skipIf(!canRun('mtrace'))(
    'a trace of glibc itself is read as the script reads it, and its places get names',
    async () => {
      const cwd = await fresh();
      await compile(cwd, 'test.c', classic(''), '-no-pie');
      const log = join(cwd, 'trace.log');
      const libraries = { MALLOC_TRACE: log, LD_PRELOAD: 'libc_malloc_debug.so.0' };
      await runProgram('./test', [], { cwd, env: libraries });
      const script = await runProgram('mtrace', ['trace.log'], { cwd });
      expect(judgementOfRecords(await recordsOf(log))).toEqual(judgementOfScript(script.stdout));
      await vgrun(['report', '--report=json=report.json', 'trace.log'], { cwd });
      const report = JSON.parse(await readFile(join(cwd, 'report.json'), 'utf8')) as Report;
      expect(report.findings.map(({ leak }) => leak?.bytes)).toEqual([4]);
      const frame = report.findings[0]?.stacks[0]?.frames[0];
      expect(frame?.object).toBe('./test');
      expect(frame?.offset).toMatch(/^0x1[\da-f]{3}$/);
    },
  );

  test('a block of a class is of who said new, a string of who made it', async () => {
    const cwd = await fresh();
    await compile(
      cwd,
      'test.cc',
      '#include <string>\nstruct Item { long a, b; };\nint main() {\n  new Item;\n  new Item[3];\n  auto *text = new std::string;\n  text->append(200, 120);\n  try { (void)new char[(size_t)1 << 62 - (text == nullptr)]; } catch (std::bad_alloc &) {}\n}\n',
    );
    const { report } = await traced(['./test'], { cwd });
    expect(told(report)).toEqual([
      'unfreed test.cc:4, 16 in 1',
      'unfreed test.cc:5, 48 in 1',
      'unfreed test.cc:6, 32 in 1',
      'unfreed test.cc:7, 201 in 1',
    ]);
  });

  test('a forked child has what it allocates itself, and may free what its parent did', async () => {
    const cwd = await fresh();
    await compile(
      cwd,
      'test.c',
      `#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
  char *both = malloc(22), *kept = malloc(11);
  for (int i = 0; i < 3; i++) {
    if (fork() == 0) {
      free(both);
      malloc(33 + i);
      if (i == 0) exit(0);
      if (i == 1) _exit(0);
      execl("/bin/true", "true", (char *)0);
    }
    wait(NULL);
  }
  free(both);
  return kept == 0;
}
`,
    );
    const { report } = await traced(['./test'], { cwd });
    expect(report.outcome, report.reasons.join()).toBe('findings');
    expect(told(report)).toEqual(['unfreed test.c:5, 11 in 1', 'unfreed test.c:9, 67 in 2']);
    expect(report.processes.map(({ end }) => end).sort()).toEqual([
      'execed',
      'finished',
      'finished',
      'finished',
      'finished',
    ]);
    const codes = report.problems.map(({ code }) => code);
    expect(codes.filter((code) => code === 'inherited-frees')).toHaveLength(1);
    expect(codes).toContain('blocks-at-exec');
    expect(codes).toContain('system-program');
  });

  test('what a child and its parent each leave at one place is added up', async () => {
    const cwd = await fresh();
    await compile(
      cwd,
      'test.c',
      '#include <stdlib.h>\n#include <sys/wait.h>\n#include <unistd.h>\nint main(void) {\n  fork();\n  malloc(10);\n  wait(NULL);\n  return 0;\n}\n',
    );
    const { report } = await traced(['./test'], { cwd });
    expect(told(report)).toEqual(['unfreed test.c:6, 20 in 2']);
    expect(report.totals.leaks?.unfreed).toEqual({ bytes: 20, blocks: 2 });
  });

  test.each([
    ['abort()', 134],
    ['raise(SIGKILL)', 137],
    ['*(volatile int *)8 = 1', 139],
  ])('what a program allocated before %s is told, and that it is not all', async (end, expected) => {
    const cwd = await fresh();
    await compile(
      cwd,
      'test.c',
      `#include <signal.h>\n#include <stdlib.h>\nint main(void) {\n  for (int i = 0; i < 100000; i++) {\n    char *p = malloc(10);\n    if (i % 100) free(p);\n  }\n  ${end};\n}\n`,
    );
    const { report, status } = await traced(['./test'], { cwd });
    expect(status).toBe(expected);
    expect(report.outcome).toBe('inconclusive');
    expect(told(report)).toEqual(['unfreed test.c:5, 10000 in 1000']);
  });

  test('a program that becomes another one is told as both', async () => {
    const cwd = await fresh();
    await compile(cwd, 'second.c', '#include <stdlib.h>\nint main(void) { malloc(6); return 0; }');
    await compile(
      cwd,
      'test.c',
      '#include <stdlib.h>\n#include <unistd.h>\nint main(void) { malloc(5); execl("./second", "second", (char *)0); return 1; }',
    );
    const { report } = await traced(['./test'], { cwd });
    expect(report.outcome).toBe('findings');
    expect(told(report)).toEqual(['unfreed second.c:2, 6 in 1']);
    expect(report.processes.map(({ end }) => end)).toEqual(['execed', 'finished']);
  });

  test('a free of what the trace does not know is a finding of its own', async () => {
    const cwd = await fresh();
    await compile(
      cwd,
      'test.c',
      '#include <mcheck.h>\n#include <stdlib.h>\nint main(void) {\n  char *early = malloc(5), *grows = malloc(6);\n  mtrace();\n  free(early);\n  grows = realloc(grows, 600);\n  free(grows);\n  muntrace();\n}\n',
    );
    const { report } = await traced(['./test'], { cwd });
    expect(told(report)).toEqual(['free-of-unknown test.c:6', 'realloc-of-unknown test.c:7']);
  });

  test('closing all descriptors, changing the directory and dropping the variables hide nothing', async () => {
    const cwd = await fresh();
    await compile(
      cwd,
      'test.c',
      '#include <stdlib.h>\n#include <unistd.h>\nint main(void) {\n  for (int i = 3; i < 1024; i++) close(i);\n  clearenv();\n  chdir("/");\n  for (int i = 0; i < 100000; i++) {\n    char *p = malloc(20);\n    if (i) free(p);\n  }\n  return 0;\n}\n',
    );
    const { report } = await traced(['./test'], { cwd });
    expect(report.outcome).toBe('findings');
    expect(told(report)).toEqual(['unfreed test.c:8, 20 in 1']);
  });

  test('the trace that MALLOC_TRACE asks for is written there, too', async () => {
    const cwd = await fresh();
    await compile(cwd, 'test.c', classic(''));
    const { report } = await traced(['./test'], { cwd, env: { MALLOC_TRACE: 'wanted.log' } });
    expect(told(report)).toEqual(['unfreed test.c:5, 4 in 1']);
    const [trace = ''] = await tracesOf(cwd);
    expect(await readFile(join(cwd, 'wanted.log'), 'utf8')).toBe(await readFile(trace, 'utf8'));
  });

  test('the library is made once, into the cache, and by two runs at the same time whole', async () => {
    const cwd = await fresh();
    await compile(cwd, 'test.c', classic(''));
    const env = { XDG_CACHE_HOME: join(cwd, 'cache') };
    const both = await Promise.all([1, 2].map(() => vgrun(['--tool=mtrace', './test'], { cwd, env })));
    expect(both.map(({ status }) => status)).toEqual([100, 100]);
    const names = await readdir(join(cwd, 'cache/vgrun'));
    expect(names).toEqual([expect.stringMatching(/^mtrace-[\da-f]{16}\.so$/)]);
    const without = { ...env, PATH: await foldersWithout(cwd) };
    expect((await vgrun(['--tool=mtrace', './test'], { cwd, env: without })).status).toBe(100);
  });

  test('without a compiler a program that traces itself is traced by glibc, and any other refused', async () => {
    const cwd = await fresh();
    await compile(cwd, 'test.c', classic(''));
    await compile(cwd, 'plain.c', withoutTrace);
    const env = { XDG_CACHE_HOME: join(cwd, 'none'), PATH: await foldersWithout(cwd) };
    const { report, status } = await traced(['./test'], { cwd, env });
    expect(status).toBe(100);
    expect(report.findings.map(({ leak }) => leak?.bytes)).toEqual([4]);
    const refused = await vgrun(['--tool=mtrace', './plain'], { cwd, env });
    expect(refused.status).toBe(125);
    expect(refused.stderr).toContain('there is no C compiler to make it');
    expect(refused.stderr).toContain('apt-get install gcc');
  });

  test('a static program is refused', async ({ skip }) => {
    const cwd = await fresh();
    await compile(cwd, 'fixed.c', withoutTrace, '-static').catch(() => skip('no static libc'));
    const fixed = await vgrun(['--tool=mtrace', './fixed'], { cwd });
    expect([fixed.status, fixed.stderr]).toEqual([125, expect.stringContaining('is statically linked')]);
  });

  test.skipIf(process.getuid?.() !== 0)('one with the rights of another user is refused', async () => {
    const cwd = await fresh();
    await compile(cwd, 'other.c', withoutTrace);
    execFileSync('chown', ['65534', join(cwd, 'other')]);
    await chmod(join(cwd, 'other'), 0o4755);
    const other = await vgrun(['--tool=mtrace', './other'], { cwd });
    expect([other.status, other.stderr]).toEqual([125, expect.stringContaining('(setuid)')]);
  });

  test('a program that never comes to its mtrace() was not seen', async () => {
    const cwd = await fresh();
    await compile(
      cwd,
      'test.c',
      '#include <mcheck.h>\n#include <stdlib.h>\nint main(int argc, char **argv) { if (argc > 1) mtrace(); malloc(4); return 0; }',
    );
    const { report, status } = await traced(['./test'], { cwd });
    expect([status, report.outcome]).toEqual([101, 'inconclusive']);
    expect(report.problems.map(({ code }) => code)).toContain('no-report');
  });

  test('a script is not traced, and the programs that it starts are', async () => {
    const cwd = await fresh();
    await compile(cwd, 'test.c', classic(''));
    await writeFile(join(cwd, 'run.sh'), '#!/bin/sh\n./test\nls >/dev/null\n', { mode: 0o755 });
    const { report } = await traced(['./run.sh'], { cwd });
    expect(told(report)).toEqual(['unfreed test.c:5, 4 in 1']);
  });

  test('libraries that are loaded and unloaded have the right names', async () => {
    const cwd = await fresh();
    for (const name of ['one', 'two'])
      await compile(
        cwd,
        `${name}.c`,
        `#include <stdlib.h>\nvoid *get_${name}(void) { return malloc(${name.length + (name === 'one' ? 0 : 1)}); }\n`,
        '-shared',
        '-fPIC',
      );
    await compile(
      cwd,
      'test.c',
      '#include <dlfcn.h>\nint main(void) {\n  for (int i = 0; i < 2; i++) {\n    void *library = dlopen(i ? "./two" : "./one", RTLD_NOW);\n    void *(*get)(void) = (void *(*)(void))dlsym(library, i ? "get_two" : "get_one");\n    get();\n    dlclose(library);\n  }\n}\n',
      '-ldl',
    );
    const { report } = await traced(['./test'], { cwd });
    expect(told(report)).toEqual(['unfreed one.c:2, 3 in 1', 'unfreed two.c:2, 4 in 1']);
  });
});

async function recordsOf(path: string): Promise<readonly ParsedRecord[]> {
  return readWith(mtraceReader, [await readFile(path)]);
}

/** A PATH with what vgrun needs, and no compiler. */
async function foldersWithout(cwd: string): Promise<string> {
  const bin = join(cwd, `bin-${Math.random().toString(36).slice(2)}`);
  await mkdir(bin);
  for (const name of ['env', 'prlimit', 'addr2line', 'llvm-symbolizer', 'sh', 'ls']) {
    const [found = ''] = ['/usr/bin', '/bin'].map((place) => join(place, name));
    await symlink(found, join(bin, name));
  }
  return bin;
}
