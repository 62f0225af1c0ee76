// Every command of the manual pages does what the page says, in a folder with a program that leaks.
import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeEach, describe, test } from 'vitest';
import { canRun, projectRoot } from '../project.ts';
import { runPage } from './page.ts';
import { compileC, testFolder, vgrun } from './vgrun.ts';

const folder = testFolder();

describe.skipIf(!canRun('valgrind'))('the commands of docs/', () => {
  const place = (name: string): string => join(folder(), name);

  /** A project with a program `test`, and `build/test` too, that loses 100 bytes. */
  const prepare = async (name: string): Promise<string> => {
    const path = place(name);
    await mkdir(join(path, '.git'), { recursive: true });
    await mkdir(join(path, 'build'));
    compileC(
      join(path, 'test'),
      '#include <stdlib.h>\nint main(void) { volatile char *p = malloc(100); p = 0; return 0; }',
    );
    await cp(join(path, 'test'), join(path, 'build/test'));
    return path;
  };

  let count = 0;
  let path = '';
  beforeEach(async () => {
    path = await prepare(`page-${++count}`);
  });

  test('triage.md', () => runPage('triage.md', path));
  test('ci.md', () => runPage('ci.md', path));
  test.skipIf(!canRun('make') || !canRun('cmake'))('build.md', { timeout: 240_000 }, async () => {
    const source = '#include <stdlib.h>\nint main(void) { free(malloc(100)); return 0; }\n';
    for (const [name, text] of [
      ['main.c', source],
      ['Makefile', 'program: main.c\n\t$(CC) -o $@ $<\n'],
      [
        'CMakeLists.txt',
        'cmake_minimum_required(VERSION 3.13)\nproject(demo C)\nadd_executable(program main.c)\n',
      ],
    ] as const) {
      await writeFile(join(path, name), text);
    }
    await runPage('build.md', path);
  });
  test('reports.md', async () => {
    // The page speaks of formats, not of findings.
    compileC(
      join(path, 'build/test'),
      '#include <stdlib.h>\nint main(void) { free(malloc(1000)); return 0; }',
    );
    await vgrun(['./build/test'], { cwd: path });
    await vgrun(['baseline', 'update'], { cwd: path });
    await runPage('reports.md', path);
  });
  test('cgi.md', { timeout: 240_000 }, async () => {
    const examples = join(projectRoot, 'examples-c/cgi');
    for (const file of ['guest-book.c', 'no-library-fcgi.c', 'captures/guest-book.har', 'captures/paths.txt'])
      await cp(join(examples, file), join(path, basename(file)));
    await runPage('cgi.md', path);
  });
  test.skipIf(!canRun('mtrace'))('mtrace.md', () => runPage('mtrace.md', path));
  test.skipIf(!canRun('perf') || !canRun('heaptrack'))('profiling.md', { timeout: 240_000 }, async () => {
    await cp(join(projectRoot, 'examples-c/word-index.c'), join(path, 'word-index.c'));
    compileC(join(path, 'server'), 'int main(void) { for (volatile int i = 0;; i++); }');
    const server = spawn(join(path, 'server'), { stdio: 'ignore' });
    try {
      await runPage('profiling.md', path, [], { SERVER: String(server.pid) });
    } finally {
      server.kill('SIGKILL');
    }
  });
  test('sanitizers.md', { timeout: 240_000 }, async () => {
    const page = await readFile(join(projectRoot, 'docs/sanitizers.md'), 'utf8');
    await writeFile(join(path, 'heap.c'), /```c\n(.*?)```/s.exec(page)?.[1] ?? '');
    await runPage('sanitizers.md', path);
  });
  test('memwatch.md', async () => {
    await cp(join(projectRoot, 'test/live/memwatch-stand-in'), path, { recursive: true });
    await writeFile(
      join(path, 'test.c'),
      '#include <stdlib.h>\nint main(void) {\n  malloc(100);\n  free(malloc(200));\n  for (int i = 0; i < 5; i++) {\n    char *p = malloc(50);\n    if (i % 3 != 0) free(p);\n  }\n  return 0;\n}\n',
    );
    await runPage('memwatch.md', path);
  });
  test('windows.md', { timeout: 120_000 }, async () => {
    await writeFile(
      join(path, 'test.cpp'),
      '#define _CRTDBG_MAP_ALLOC\n#include <stdlib.h>\n#include <crtdbg.h>\n#include <iostream>\nusing namespace std;\nvoid GetMemory(char *p, int num) { p = (char*)malloc(sizeof(char) * num); }\nint main(int argc,char** argv) { char *str = NULL; GetMemory(str, 100); cout<<"Memory leak test!"<<endl; _CrtDumpMemoryLeaks(); return 0; }\n',
    );
    await runPage('windows.md', path);
  });
  test('suppress.md', async () => {
    await vgrun(['--leak-check=full', '--log-file=old.log', './test'], { cwd: path });
    await vgrun(['./test'], { cwd: path });
    await runPage('suppress.md', path, ['vgrun suppress --finding=F-3f2a']);
  });
});
