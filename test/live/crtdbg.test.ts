// The crtdbg.h that is shipped: programs for Microsoft's debug heap compile with gcc and clang, unchanged, and say what they lose.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { canRun } from '../project.ts';
import { type Result, runProgram, testFolder, vgrun, vgrunReport } from './vgrun.ts';

const folder = testFolder();

/** As it is found in books, down to its unused parameters. */
const classic = `#define _CRTDBG_MAP_ALLOC
#include <stdlib.h>
#include <crtdbg.h>
#include <iostream>
using namespace std;
void GetMemory(char *p, int num) { p = (char*)malloc(sizeof(char) * num); }
int main(int argc,char** argv) { char *str = NULL; GetMemory(str, 100); cout<<"Memory leak test!"<<endl; _CrtDumpMemoryLeaks(); return 0; }
`;

let include = '';

beforeAll(async () => {
  include = (await vgrun(['include'], { cwd: folder() })).stdout.trim();
  await mkdir(join(folder(), '.git'));
  await writeFile(join(folder(), 'test.cpp'), classic);
});

/** Compiles a file in the folder; throws with what the compiler said. */
function compile(compiler: string, words: readonly string[], output: string): void {
  execFileSync(compiler, ['-g', `-I${include}`, ...words, '-o', output], { cwd: folder(), stdio: 'pipe' });
}

async function compileText(
  compiler: string,
  file: string,
  text: string,
  words: readonly string[] = [],
): Promise<string> {
  await writeFile(join(folder(), file), text);
  const output = `./${file.replace(/\W/g, '-')}`;
  compile(compiler, [...words, file], output);
  return output;
}

const run = (program: string, env: Record<string, string> = {}): Promise<Result> =>
  runProgram(program, [], { cwd: folder(), env });

const compilers = [
  ['g++', 'gcc'],
  ['clang++', 'clang'],
] as const;

describe.each(compilers)('the classic program, built with %s', (cxx, cc) => {
  const it = test.skipIf(!canRun(cxx));

  it('prints the dump of the CRT, and vgrun report reads it', async () => {
    compile(cxx, ['-D_DEBUG', 'test.cpp'], `alone-${cc}`);
    const { stdout, stderr, status } = await run(`./alone-${cc}`);
    expect([stdout, status]).toEqual(['Memory leak test!\n', 0]);
    expect(stderr).toMatch(
      /^Detected memory leaks!\nDumping objects ->\ntest\.cpp\(6\) : \{1\} normal block at 0x[\dA-F]{16}, 100 bytes long\.\n Data: <(?: {16})> (?:CD ){16}\nObject dump complete\.\n$/,
    );
    await writeFile(join(folder(), 'dump.txt'), stderr);
    const read = await vgrun(['report', '--report=json=-', 'dump.txt'], { cwd: folder() });
    expect(read.status).toBe(100);
    expect(JSON.parse(read.stdout).findings).toMatchObject([
      {
        rule: 'crt/unfreed',
        leak: { bytes: 100, blocks: 1 },
        stacks: [{ frames: [{ file: 'test.cpp', line: 6 }] }],
      },
    ]);
  });

  test.skipIf(!canRun(cxx) || !canRun('valgrind'))(
    'loses 100 bytes in GetMemory under memcheck',
    async () => {
      compile(cxx, ['-D_DEBUG', '-gdwarf-4', 'test.cpp'], `memcheck-${cc}`);
      const { report, stderr } = await vgrunReport([`./memcheck-${cc}`], { cwd: folder() });
      expect(report.findings).toHaveLength(1);
      const [finding] = report.findings;
      expect(finding).toMatchObject({
        rule: 'memcheck/Leak_DefinitelyLost',
        leak: { bytes: 100, blocks: 1 },
      });
      const { stack = 0, frame = 0 } = finding?.blamed ?? {};
      expect(finding?.stacks[stack]?.frames[frame]).toMatchObject({ file: 'test.cpp', line: 6 });
      expect(stderr).toContain('memcheck has listed them');
    },
  );

  it('is found by LeakSanitizer in an AddressSanitizer build', async () => {
    compile(cxx, ['-D_DEBUG', '-fsanitize=address', '-fno-omit-frame-pointer', 'test.cpp'], `asan-${cc}`);
    const { report } = await vgrunReport(['--tool=asan', `./asan-${cc}`], { cwd: folder() });
    expect(report.findings).toHaveLength(1);
    const [finding] = report.findings;
    expect(finding).toMatchObject({ rule: 'lsan/direct-leak', leak: { bytes: 100, blocks: 1 } });
    const { stack = 0, frame = 0 } = finding?.blamed ?? {};
    expect(finding?.stacks[stack]?.frames[frame]).toMatchObject({ file: 'test.cpp', line: 6 });
    const off = await run(`./asan-${cc}`, { ASAN_OPTIONS: 'detect_leaks=0' });
    expect(off.stderr).toContain('100 bytes long.');
  });

  it('without -D_DEBUG says that nobody looked, as long as nobody does', async () => {
    compile(cxx, ['test.cpp'], `release-${cc}`);
    const { stderr, status } = await run(`./release-${cc}`);
    expect([status, stderr]).toEqual([0, expect.stringContaining('nobody looked for leaks')]);
  });

  it.each(['c++98', 'c++11', 'c++14', 'c++17', 'c++20', 'c++2b'])(
    'compiles without a warning as %s',
    (standard) => {
      for (const debug of [[], ['-D_DEBUG']]) {
        // The program itself has an unused parameter, and one that is only set.
        const quiet = ['-Wno-unused-parameter', '-Wno-unused-but-set-parameter'];
        compile(
          cxx,
          [`-std=${standard}`, ...debug, '-Wall', '-Wextra', ...quiet, '-Werror', 'test.cpp'],
          'warned',
        );
      }
    },
  );

  it.each(['c89', 'c99', 'c11', 'c17', 'c2x'])(
    'and C as %s, with all that the header has',
    async (standard) => {
      await writeFile(join(folder(), 'all.c'), everything);
      await writeFile(join(folder(), 'other.c'), other);
      const strict = [
        `-std=${standard}`,
        '-Wall',
        '-Wextra',
        '-Wpedantic',
        '-Wmissing-prototypes',
        '-Werror',
      ];
      compile(cc, [...strict, '-c', 'other.c'], 'release.o');
      compile(cc, [...strict, '-D_DEBUG', 'all.c', 'other.c'], `all-${cc}-${standard}`);
      const { stdout, status } = await run(`./all-${cc}-${standard}`);
      expect(status).toBe(0);
      expect(stdout.replace(/0x[\dA-F]{16}/g, 'ADDRESS')).toBe(said);
    },
  );
});

const other = `#define _CRTDBG_MAP_ALLOC
#include <stdlib.h>
#include <crtdbg.h>
void *other(void);
void *other(void) { return malloc(77); }
`;

const everything = `#define _CRTDBG_MAP_ALLOC
#include <stdlib.h>
#include <crtdbg.h>
#include <stdio.h>
#include <string.h>
void *other(void);
static int hook(int type, char *text, int *answer) { *answer = 0; (void)type; printf("hook: %s", text); return 1; }
static void client(void *p, size_t n) { (void)p; printf("client of %lu\\n", (unsigned long)n); }
static void each(void *p, void *context) { (void)p; ++*(int *)context; }
int main(void) {
  _CrtMemState before, after, difference;
  char *a, *b;
  long number = 0;
  char *file = NULL;
  int line = 0;
  int count = 0;
  void *d;
  _CrtSetReportMode(_CRT_WARN, _CRTDBG_MODE_FILE);
  _CrtSetReportFile(_CRT_WARN, _CRTDBG_FILE_STDOUT);
  _CrtSetReportMode(_CRT_ERROR, _CRTDBG_MODE_FILE);
  _CrtSetReportFile(_CRT_ERROR, _CRTDBG_FILE_STDOUT);
  printf("leaks at start %d\\n", _CrtDumpMemoryLeaks());
  _CrtMemCheckpoint(&before);
  a = (char *)malloc(10);
  b = strdup("hello world");
  b = (char *)realloc(b, 100);
  d = _malloc_dbg(30, _CLIENT_BLOCK | (0xc0 << 16), "mine.c", 7);
  free(calloc(4, 5));
  free(NULL);
  other();
  _CrtMemCheckpoint(&after);
  if (_CrtMemDifference(&difference, &before, &after)) _CrtMemDumpStatistics(&difference);
  printf("valid %d %d\\n", _CrtIsValidHeapPointer(a), _CrtIsValidHeapPointer(&a));
  printf("block %d", _CrtIsMemoryBlock(a, 10, &number, &file, &line));
  printf(" %ld %s %d\\n", number, file, line);
  _CrtDoForAllClientObjects(each, &count);
  printf("clients %d type %x\\n", count, (unsigned)_CrtReportBlockType(d));
  printf("sound %d\\n", _CrtCheckMemory());
  memset(a + 10, 65, 1);
  printf("sound %d\\n", _CrtCheckMemory());
  free(a);
  _CrtSetDumpClient(client);
  _CrtMemDumpAllObjectsSince(&before);
  _CrtSetDumpClient(NULL);
  _RPT1(_CRT_WARN, "value %d\\n", 5);
  _RPTF0(_CRT_WARN, "here\\n");
  _ASSERTE(count == 1);
  _CrtSetReportHook(hook);
  _RPT0(_CRT_WARN, "through the hook\\n");
  _CrtSetReportHook(NULL);
  _CrtSetDbgFlag(_CrtSetDbgFlag(_CRTDBG_REPORT_FLAG) | _CRTDBG_LEAK_CHECK_DF);
  printf("end\\n");
  return b == NULL;
}
`;

const cd = 'CD '.repeat(16);
const said = `leaks at start 0
0 bytes in 0 Free Blocks.
187 bytes in 3 Normal Blocks.
0 bytes in 0 CRT Blocks.
0 bytes in 0 Ignore Blocks.
30 bytes in 1 Client Blocks.
Largest number used: 217 bytes.
Total allocations: 249 bytes.
valid 1 0
block 1 1 all.c 24
clients 1 type c00004
sound 1
HEAP CORRUPTION DETECTED: after Normal block (#1) at ADDRESS.
CRT detected that the application wrote to memory after end of heap buffer.

Memory allocated at all.c(24).
sound 0
HEAP CORRUPTION DETECTED: after Normal block (#1) at ADDRESS.
CRT detected that the application wrote to memory after end of heap buffer.

Memory allocated at all.c(24).
Dumping objects ->
other.c(5) : {6} normal block at ADDRESS, 77 bytes long.
 Data: <${' '.repeat(16)}> ${cd}
mine.c(7) : {4} client block at ADDRESS, subtype c0, 30 bytes long.
client of 30
all.c(26) : {3} normal block at ADDRESS, 100 bytes long.
 Data: <hello world     > 68 65 6C 6C 6F 20 77 6F 72 6C 64 00 CD CD CD CD 
Object dump complete.
value 5
all.c(46) : here
hook: through the hook
end
Detected memory leaks!
Dumping objects ->
other.c(5) : {6} normal block at ADDRESS, 77 bytes long.
 Data: <${' '.repeat(16)}> ${cd}
mine.c(7) : {4} client block at ADDRESS, subtype c0, 30 bytes long.
 Data: <${' '.repeat(16)}> ${cd}
all.c(26) : {3} normal block at ADDRESS, 100 bytes long.
 Data: <hello world     > 68 65 6C 6C 6F 20 77 6F 72 6C 64 00 CD CD CD CD 
Object dump complete.
`;

const head = '#define _CRTDBG_MAP_ALLOC\n#include <crtdbg.h>\n';

describe.each(compilers)('with %s', (cxx, cc) => {
  const it = test.skipIf(!canRun(cxx));
  const debug = ['-D_DEBUG'];

  it('new and delete are seen, with their place as DBG_NEW, and what statics free at the end is no leak', async () => {
    const program = await compileText(
      cxx,
      `new-${cc}.cpp`,
      `${head}#include <string>
#include <vector>
#define DBG_NEW new (_NORMAL_BLOCK, __FILE__, __LINE__)
static std::vector<std::string> words;
int main() {
  _CrtSetDbgFlag(_CRTDBG_ALLOC_MEM_DF | _CRTDBG_LEAK_CHECK_DF);
  words.push_back(std::string(200, 'x'));
  int *one = DBG_NEW int(42);
  int *two = new int[3];
  delete DBG_NEW char;
  delete[] new char[10];
  std::free(std::malloc(5));
  return one == nullptr || two == nullptr;
}
`,
      debug,
    );
    const { stderr } = await run(program);
    const blocks = stderr.split('\n').filter((line) => line.includes('normal block'));
    expect(blocks).toHaveLength(2);
    expect(blocks[0]).toMatch(/^\{\d+\} normal block at \w+, 12 bytes long\.$/);
    expect(blocks[1]).toMatch(/^new-\w+\.cpp\(10\) : \{\d+\} normal block at \w+, 4 bytes long\.$/);
  });

  it('memory that a library gave can be freed, and grown', async () => {
    const program = await compileText(
      cc,
      `library-${cc}.c`,
      `#define _GNU_SOURCE\n${head}
int main(void) {
  char *line = NULL; size_t room = 0; char *text = NULL;
  if (getline(&line, &room, fopen("/etc/passwd", "r")) < 0) return 1;
  free(line);
  if (asprintf(&text, "%d", 5) < 0) return 2;
  text = realloc(text, 1000);
  free(text);
  return _CrtDumpMemoryLeaks();
}
`,
      debug,
    );
    expect(await run(program)).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('_CrtSetBreakAlloc stops at that allocation, and a failed assertion ends the program', async () => {
    const stop = await compileText(
      cc,
      `break-${cc}.c`,
      `${head}int main(void) { _CrtSetBreakAlloc(2); free(malloc(1)); free(malloc(1)); return 0; }\n`,
      debug,
    );
    expect((await run(stop)).status).toBe(128 + 5);
    const fail = await compileText(
      cc,
      `assert-${cc}.c`,
      `${head}int main(void) { _ASSERTE(1 > 2); return 0; }\n`,
      debug,
    );
    const { status, stderr } = await run(fail);
    expect([status, stderr]).toEqual([128 + 6, `assert-${cc}.c(3) : Assertion failed: 1 > 2\n`]);
  });

  it('many threads share one list', async () => {
    const program = await compileText(
      cxx,
      `threads-${cc}.cpp`,
      `${head}#include <thread>
#include <vector>
int main() {
  {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) threads.emplace_back([] { for (int n = 0; n < 5000; n++) free(realloc(malloc(n % 50), 100)); });
  for (auto &thread : threads) thread.join();
  }
  return _CrtDumpMemoryLeaks();
}
`,
      [...debug, '-pthread'],
    );
    expect(await run(program)).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('what is not there fails to compile, and says so', async () => {
    await writeFile(join(folder(), 'hook.c'), `${head}int main(void) { _CrtSetAllocHook(0); return 0; }\n`);
    const { status, stderr } = spawnSync(cc, ['-D_DEBUG', `-I${include}`, 'hook.c', '-o', 'hook'], {
      cwd: folder(),
      encoding: 'utf8',
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain('_CrtSetAllocHook is not there on Linux');
  });

  test.skipIf(!canRun(cxx) || !canRun('valgrind'))(
    'what needs the list says under memcheck that there is none',
    async () => {
      const program = await compileText(
        cc,
        `state-${cc}.c`,
        `${head}int main(void) { _CrtMemState state; _CrtMemCheckpoint(&state); _CrtMemCheckpoint(&state); return (int)state.lCounts[1]; }\n`,
        [...debug, '-gdwarf-4'],
      );
      const { status, stderr } = await vgrun([program], { cwd: folder() });
      expect(status).toBe(0);
      expect(stderr.match(/crtdbg\.h: _CrtMemCheckpoint knows nothing here/g)).toHaveLength(1);
    },
  );
});

test('vgrun include prints a folder and takes no names', async () => {
  expect(include).toMatch(/^\/.*\/dist\/include$/);
  const { status, stderr } = await vgrun(['include', 'x'], { cwd: folder() });
  expect([status, stderr]).toEqual([125, expect.stringContaining('takes no names')]);
});
