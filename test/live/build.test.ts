// vgrun build with real projects: every build system, both compilers, and the usual build beside it stays as it was.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { sanitizers } from '../../src/model/sanitizer.ts';
import { compileSource } from '../../src/run/build/compile.ts';
import { splitQuoted } from '../../src/run/build/systems.ts';
import { quoteForSh } from '../../src/run/build/wrappers.ts';
import { canRun } from '../project.ts';
import { notesOf, type Result, runProgram, testFolder, vgrun } from './vgrun.ts';

const folder = testFolder();
const compilers = ['gcc', 'clang'].filter(canRun);
const patient = { timeout: 120_000 };

/** Reads one byte behind a block: only a sanitizer sees it. */
const library = `#include <stdlib.h>
#include "library.h"
int use(int size) {
  char *block = malloc(size);
  int byte = block[size]; // here
  free(block);
  return byte & 0;
}
`;
const header = 'int use(int size);\n';
const program = `#include "library.h"
int main(void) { return use(SIZE); }
`;

let count = 0;

/** A project of these files, by their paths. */
async function project(
  files: Readonly<Record<string, string>>,
  name = `project-${++count}`,
): Promise<string> {
  const path = join(folder(), name);
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, file)), { recursive: true });
    await writeFile(join(path, file), text);
  }
  return path;
}

/** Every file below a folder but those of our build directories: name, time, content. */
async function stateOf(path: string): Promise<Readonly<Record<string, string>>> {
  const state: Record<string, string> = {};
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    const name = relative(path, file);
    if (!entry.isFile() || /^build-|\/build-/.test(name)) continue;
    const { mtimeMs } = await lstat(file);
    state[name] = `${mtimeMs} ${createHash('sha256')
      .update(await readFile(file))
      .digest('hex')}`;
  }
  return state;
}

/** Runs a built program and gives what the runtime says of its first error: kind, and the file of the first frame. */
async function firstError(path: string, cwd: string): Promise<{ kind: string; file: string }> {
  const { stderr } = await runProgram(path, [], { cwd });
  // `==12==ERROR: AddressSanitizer: heap-buffer-overflow on …`, `    #0 0x55 in use /home/me/library.c:5:14`
  const kind = /Sanitizer: (\S+)/.exec(stderr)?.[1] ?? stderr;
  const file = /#0 0x\w+ in use (.*?):\d+/.exec(stderr)?.[1] ?? stderr;
  return { kind, file };
}

function succeeds(result: Result): void {
  expect(result.status, `${result.stdout}\n${result.stderr}`).toBe(0);
}

const makefile = `CFLAGS = -O0 -Iinclude -DSIZE=10
all: prog literal
prog: main.o lib/library.o
\t$(CC) $(LDFLAGS) -o $@ $^
literal: main.c lib/library.c
\tgcc $(CFLAGS) -o $@ $^
main.o: main.c include/library.h
lib/library.o: lib/library.c include/library.h
`;
const makeProject = {
  Makefile: makefile,
  'main.c': program,
  'lib/library.c': library,
  'include/library.h': header,
};

describe.skipIf(!canRun('make')).each(compilers)('make with %s', (compiler) => {
  test('finds the bug in the original source; the usual build stays, byte for byte', patient, async () => {
    const path = await project(makeProject);
    execFileSync('make', ['-s'], { cwd: path });
    const before = await stateOf(path);
    const result = await vgrun(['build', '--asan', `--compiler=${compiler}`, '--', 'make', '-j2'], {
      cwd: path,
    });
    succeeds(result);
    expect(notesOf(result)).toContain('built with AddressSanitizer: build-asan/literal, build-asan/prog');
    expect(notesOf(result).at(-1)).toBe('to run it: vgrun --tool=asan build-asan/literal');
    for (const name of ['prog', 'literal']) {
      const { kind, file } = await firstError(join(path, 'build-asan', name), path);
      expect(kind).toBe('heap-buffer-overflow');
      expect(file).toBe(join(path, 'lib/library.c'));
    }
    expect(await stateOf(path)).toEqual(before);
    expect(execFileSync('make', { cwd: path, encoding: 'utf8' })).toContain('Nothing to be done');
  });

  test('in subdirectories, also of a tree that uses what lies above them', patient, async () => {
    const path = await project({
      'lib/library.c': library,
      'include/library.h': header,
      'app/Makefile':
        'prog: main.c\n\t$(MAKE) -C ../lib\n\t$(CC) -I../include -DSIZE=4 -o $@ main.c ../lib/library.o\n',
      'app/main.c': program,
      'lib/Makefile': 'library.o: library.c\n\t$(CC) -I../include -c library.c\n',
    });
    const cwd = join(path, 'app');
    succeeds(await vgrun(['build', '--asan', `--compiler=${compiler}`, '--', 'make'], { cwd }));
    const { file } = await firstError(join(cwd, 'build-asan/app/prog'), cwd);
    expect(file).toBe(join(path, 'lib/library.c'));
    expect(Object.keys(await stateOf(path)).filter((name) => name.endsWith('.o'))).toEqual([]);
    succeeds(
      await vgrun(['build', '--asan', `--compiler=${compiler}`, '--', 'make', '-C', 'app'], { cwd: path }),
    );
    expect((await firstError(join(path, 'build-asan/app/prog'), path)).kind).toBe('heap-buffer-overflow');
  });
});

describe.skipIf(!canRun('make') || !canRun('gcc'))('a second build', () => {
  test('compiles only what has changed, and forgets what is gone', patient, async () => {
    const path = await project({ ...makeProject, 'data/old.txt': 'x' });
    const words = ['build', '--asan', '--', 'make'];
    succeeds(await vgrun(words, { cwd: path }));
    const again = await vgrun(words, { cwd: path });
    succeeds(again);
    expect(again.stdout).toContain('Nothing to be done');
    await writeFile(join(path, 'main.c'), `${program}\n`);
    await rm(join(path, 'data/old.txt'));
    const third = await vgrun(words, { cwd: path });
    succeeds(third);
    expect(third.stdout).toContain('main.c');
    expect(third.stdout).not.toContain('-c -o lib/library.o');
    expect(await readdir(join(path, 'build-asan/data'))).toEqual([]);
  });

  test('with other flags begins anew; a folder that vgrun did not make is not touched', patient, async () => {
    const path = await project({ ...makeProject, 'mine/notes.txt': 'mine' });
    const words = ['--build-dir=b', '--', 'make', 'prog'];
    succeeds(await vgrun(['build', '--asan', ...words], { cwd: path }));
    const other = await vgrun(['build', '--ubsan', ...words], { cwd: path });
    succeeds(other);
    expect(other.stderr).toContain('was built with other compilers or flags: builds anew');
    const refused = await vgrun(['build', '--asan', '--build-dir=mine', '--', 'make'], { cwd: path });
    expect(refused.status).toBe(125);
    expect(refused.stderr).toContain('vgrun build did not make it');
    expect(await readdir(join(path, 'mine'))).toEqual(['notes.txt']);
    for (const directory of ['.', '..', '/']) {
      const whole = await vgrun(['build', '--asan', `--build-dir=${directory}`, '--', 'make'], { cwd: path });
      expect(whole.status, whole.stderr).toBe(125);
      expect(whole.stderr).toContain('cannot be the build directory');
    }
  });
});

const cmakeLists = `cmake_minimum_required(VERSION 3.13)
project(demo C CXX)
set(CMAKE_C_FLAGS "-O0 -DSIZE=8")
set(CMAKE_CXX_FLAGS "-O0 -DSIZE=8")
add_library(library SHARED library.c)
target_link_options(library PRIVATE -Wl,--no-undefined)
add_executable(prog main.cpp)
target_link_libraries(prog library)
`;
const cmakeProject = {
  'CMakeLists.txt': cmakeLists,
  'library.c': library,
  'library.h': header,
  'main.cpp': 'extern "C" {\n#include "library.h"\n}\nint main() { return use(SIZE); }\n',
};

describe.skipIf(!canRun('cmake')).each(compilers)('CMake with %s', (compiler) => {
  test(
    'sets its own flags and links without undefined names, and is instrumented all the same',
    patient,
    async () => {
      const path = await project(cmakeProject);
      const before = await stateOf(path);
      const result = await vgrun(
        ['build', '--asan', '--ubsan', `--compiler=${compiler}`, '--', 'cmake', '-S', '.', '-B', 'usual'],
        { cwd: path },
      );
      succeeds(result);
      expect(notesOf(result).at(-1)).toBe('to run it: vgrun --tool=asan build-asan-ubsan/prog');
      expect(await firstError(join(path, 'build-asan-ubsan/prog'), path)).toEqual({
        kind: 'heap-buffer-overflow',
        file: join(path, 'library.c'),
      });
      expect(await stateOf(path)).toEqual(before);
    },
  );

  test('builds like a directory that is configured already', patient, async () => {
    const path = await project(cmakeProject);
    const cwd = join(path, 'usual');
    await mkdir(cwd);
    execFileSync('cmake', ['..', '-DCMAKE_BUILD_TYPE=Debug', '-DBUILD_TESTING=OFF'], {
      cwd,
      stdio: 'ignore',
    });
    const before = await stateOf(path);
    succeeds(
      await vgrun(['build', '--asan', `--compiler=${compiler}`, '--', 'make', '-j2', 'prog'], { cwd }),
    );
    expect((await firstError(join(cwd, 'build-asan/prog'), cwd)).file).toBe(join(path, 'library.c'));
    succeeds(
      await vgrun(['build', '--asan', `--compiler=${compiler}`, '--', 'cmake', '--build', 'usual'], {
        cwd: path,
      }),
    );
    expect((await firstError(join(path, 'build-asan/prog'), cwd)).file).toBe(join(path, 'library.c'));
    expect(await readFile(join(path, 'build-asan/CMakeCache.txt'), 'utf8')).toContain(
      'CMAKE_BUILD_TYPE:STRING=Debug',
    );
    expect(await stateOf(path)).toEqual(before);
  });

  test.skipIf(!canRun('ninja'))('names the sources also through ninja', patient, async () => {
    const path = await project(cmakeProject);
    succeeds(
      await vgrun(['build', '--asan', `--compiler=${compiler}`, '--', 'cmake', '-G', 'Ninja', '.'], {
        cwd: path,
      }),
    );
    expect((await firstError(join(path, 'build-asan/prog'), path)).file).toBe(join(path, 'library.c'));
  });
});

describe.skipIf(!canRun('meson') || !canRun('ninja')).each(compilers)('meson with %s', (compiler) => {
  const files = {
    'meson.build':
      "project('demo', 'c')\nadd_project_arguments('-DSIZE=8', language: 'c')\nexecutable('prog', 'main.c', link_with: shared_library('library', 'library.c'))\n",
    'library.c': library,
    'library.h': header,
    'main.c': program,
  };

  test('setup, and a directory that is set up already', patient, async () => {
    const path = await project(files);
    succeeds(
      await vgrun(['build', '--asan', `--compiler=${compiler}`, '--', 'meson', 'setup', 'usual'], {
        cwd: path,
      }),
    );
    expect(await readdir(path)).not.toContain('usual');
    expect(await firstError(join(path, 'build-asan/prog'), path)).toEqual({
      kind: 'heap-buffer-overflow',
      file: join(path, 'library.c'),
    });
    execFileSync('meson', ['setup', 'usual', '-Dbuildtype=debugoptimized'], { cwd: path, stdio: 'ignore' });
    const before = await stateOf(path);
    const words = ['build', '--ubsan', `--compiler=${compiler}`, '--build-dir=build-with blank', '--'];
    succeeds(await vgrun([...words, 'ninja', '-C', 'usual'], { cwd: path }));
    expect(await readFile(join(path, 'build-with blank/meson-private/cmd_line.txt'), 'utf8')).toContain(
      'debugoptimized',
    );
    expect(await stateOf(path)).toEqual(before);
  });
});

describe.skipIf(!canRun('autoreconf') || !canRun('automake') || !canRun('make'))('autotools', () => {
  const files = {
    'configure.ac':
      'AC_INIT([demo], [1])\nAM_INIT_AUTOMAKE([foreign])\nAC_PROG_CC\nAC_CHECK_FUNCS([memcpy])\nAC_CONFIG_FILES([Makefile])\nAC_OUTPUT\n',
    'Makefile.am': 'bin_PROGRAMS = prog\nprog_SOURCES = main.c library.c library.h\nAM_CPPFLAGS = -DSIZE=8\n',
    'library.c': library,
    'library.h': header,
    'main.c': program,
  };

  let generated: string;
  beforeAll(async () => {
    generated = await project(files);
    execFileSync('autoreconf', ['-i'], { cwd: generated, stdio: 'ignore' });
  });

  /** A project as autoreconf leaves it, with the times of its files: make would generate anew what looks old. */
  async function generatedProject(): Promise<string> {
    const path = await project({});
    await cp(generated, path, { recursive: true, preserveTimestamps: true });
    return path;
  }

  test.each(compilers)('with %s: configured out of the tree, and built', patient, async (compiler) => {
    const path = await generatedProject();
    const before = await stateOf(path);
    const words = ['build', '--asan', `--compiler=${compiler}`, '--', './configure', 'CFLAGS=-O0 -g'];
    succeeds(await vgrun(words, { cwd: path }));
    expect(await firstError(join(path, 'build-asan/prog'), path)).toEqual({
      kind: 'heap-buffer-overflow',
      file: join(path, 'library.c'),
    });
    const again = await vgrun(words, { cwd: path });
    succeeds(again);
    expect(again.stdout).not.toContain('checking for');
    expect(await stateOf(path)).toEqual(before);
  });

  test('a tree that is configured already is configured alike in a copy', patient, async () => {
    const path = await generatedProject();
    execFileSync('./configure', ['CFLAGS=-O0 -DA=1', '--prefix=/opt/a b'], { cwd: path, stdio: 'ignore' });
    execFileSync('make', { cwd: path, stdio: 'ignore' });
    const before = await stateOf(path);
    succeeds(await vgrun(['build', '--asan', '--', 'make', '-j2'], { cwd: path }));
    expect(await readFile(join(path, 'build-asan/Makefile'), 'utf8')).toContain('CFLAGS = -O0 -DA=1');
    expect((await firstError(join(path, 'build-asan/prog'), path)).kind).toBe('heap-buffer-overflow');
    expect(await stateOf(path)).toEqual(before);
  });

  test('a configure script that autoconf did not write runs in a copy', patient, async () => {
    const path = await project({
      configure:
        '#!/bin/sh\nprintf "prog: main.c library.c\\n\\t$CC -DSIZE=8 -o prog main.c library.c\\n" >Makefile\n',
      'library.c': library,
      'library.h': header,
      'main.c': program,
    });
    await chmod(join(path, 'configure'), 0o755);
    succeeds(await vgrun(['build', '--asan', '--', './configure', '--with-debug'], { cwd: path }));
    expect((await firstError(join(path, 'build-asan/prog'), path)).kind).toBe('heap-buffer-overflow');
    expect(await readdir(path)).not.toContain('Makefile');
  });
});

describe.each(compilers)('a plain compiler, %s', (compiler) => {
  const cxx = compiler === 'gcc' ? 'g++' : 'clang++';
  const files = { 'main.c': program, 'library.c': library, 'library.h': header };

  test('with several sources and names with blanks', patient, async () => {
    const path = await project({ ...files, 'other file.c': 'int other;\n' }, `with a blank ${compiler}`);
    const words = ['-DSIZE=3', 'main.c', 'library.c', 'other file.c'];
    const result = await vgrun(['build', '--asan', '--', compiler, ...words, '-o', 'bin/my prog'], {
      cwd: path,
    });
    succeeds(result);
    expect(notesOf(result).at(-1)).toBe("to run it: vgrun --tool=asan 'build-asan/bin/my prog'");
    expect(await firstError(join(path, 'build-asan/bin/my prog'), path)).toEqual({
      kind: 'heap-buffer-overflow',
      file: join(path, 'library.c'),
    });
    expect((await readdir(path)).sort()).toEqual(
      ['build-asan', 'library.c', 'library.h', 'main.c', 'other file.c'].sort(),
    );
  });

  test('C++, statically linked and stripped by its flags', patient, async () => {
    const path = await project({
      'main.cpp': 'int main() { int *p = new int[4]; int v = p[4]; delete[] p; return v & 0; }\n',
    });
    const result = await vgrun(['build', '--asan', '--', cxx, '-static', '-s', 'main.cpp'], { cwd: path });
    succeeds(result);
    expect(result.stderr).toContain('links statically');
    const { stderr } = await runProgram(join(path, 'build-asan/a.out'), [], { cwd: path });
    expect(stderr).toContain(join(path, 'main.cpp:1'));
  });

  test('can go on after an error when it is run so', patient, async () => {
    const path = await project({
      'main.c':
        '#include <stdlib.h>\nint main(void) { volatile char *p = malloc(4); p[4] = 1;\np[5] = 1; return 0; }\n',
    });
    succeeds(await vgrun(['build', '--asan', '--', compiler, 'main.c', '-o', 'prog'], { cwd: path }));
    const { stderr } = await runProgram(join(path, 'build-asan/prog'), [], {
      cwd: path,
      env: { ASAN_OPTIONS: 'halt_on_error=0:detect_leaks=0' },
    });
    expect(stderr.match(/heap-buffer-overflow on/g)).toHaveLength(2);
  });

  test.each(sanitizers.map(({ tool, sanitizer }) => ({ tool, sanitizer })))(
    'builds for $tool, or says why not',
    patient,
    async ({ tool, sanitizer }) => {
      const path = await project({ 'main.c': 'int main(int c, char **v) { return c + !v; }\n' });
      const result = await vgrun(['build', `--${tool}`, '--', compiler, 'main.c'], { cwd: path });
      if (compiler === 'gcc' && sanitizer === 'memory') {
        expect(result.status).toBe(125);
        expect(result.stderr).toMatch(/gcc has no MemorySanitizer\nhint: use --compiler=clang/);
      } else {
        succeeds(result);
        expect(notesOf(result).at(-1)).toBe(`to run it: vgrun --tool=${tool} build-${tool}/a.out`);
      }
    },
  );

  test('one source is built in one step, with the compiler of CC', patient, async () => {
    const path = await project({
      'src/only one.c': library.replace('#include "library.h"\n', ''),
      'm.c': 'int use(int);\nint main(void) { return use(5); }\n',
    });
    const said: string[] = [];
    const context = {
      workingDirectory: path,
      environment: { ...process.env, CC: compiler },
      say: (line: string) => said.push(line),
    };
    const built = await compileSource(['./src/only one.c', 'm.c'], ['undefined', 'address'], context);
    expect(said).toEqual([`builds ./src/only one.c m.c with ${compiler} -fsanitize=address,undefined`]);
    expect(relative(path, built)).toMatch(/^\.vgrun\/build\/asan-ubsan-\w+\/only one$/);
    expect((await firstError(built, path)).file).toBe(join(path, 'src/only one.c'));
    await writeFile(join(path, 'm.c'), 'int main(void) { return nothing; }\n');
    await expect(compileSource(['m.c'], ['address'], context)).rejects.toThrow(
      /m\.c:1:\d+: error: .*nothing/,
    );
  });
});

describe('what is refused says the reason and the remedy', () => {
  test.each([
    [['--asan', '--tsan'], 'AddressSanitizer and ThreadSanitizer cannot be in one program'],
    [['--asan', '--msan'], 'AddressSanitizer and MemorySanitizer cannot be in one program'],
    [['--tsan', '--msan'], 'ThreadSanitizer and MemorySanitizer cannot be in one program'],
    [['--lsan', '--tsan'], 'LeakSanitizer and ThreadSanitizer cannot be in one program'],
    [['--lsan', '--msan'], 'LeakSanitizer and MemorySanitizer cannot be in one program'],
  ])('%s', async (words, reason) => {
    const path = await project({ 'a.c': 'int main(void) { return 0; }\n' });
    const { status, stderr } = await vgrun(['build', ...words, '--', 'cc', 'a.c'], { cwd: path });
    expect({ status, stderr }).toEqual({
      status: 125,
      stderr: `vgrun: ${reason}: each needs the memory for itself\nhint: build twice, once with ${words[0]} and once with ${words[1]}\n`,
    });
    expect(await readdir(path)).toEqual(['a.c']);
  });

  test.each([
    [[], 'nothing is chosen that the build should carry', 125],
    [['--asan'], 'no command is given that builds the project', 125],
    [['--asan', '--frob', '--', 'make'], 'vgrun build does not know --frob', 125],
    [['--asan', '--compiler=nocc', '--', 'sh', '-c', ':'], 'the compiler nocc is not found', 125],
    [['--asan', '--compiler=/bin/true', '--', 'sh', '-c', ':'], '/bin/true is neither gcc nor clang', 125],
    [['--asan', '--', 'no-such-command'], 'no-such-command is not found', 127],
    [['--asan', '--', 'cc', '-c', 'a.c', 'b.c'], 'cc -c leaves its objects beside the sources', 125],
    [['--asan', '--', './configure'], './configure is not found', 125],
    [['--asan', '--build-dir=a:b', '--', 'cc', 'a.c'], 'PATH cannot hold it', 125],
    [['--memwatch=none/memwatch.c', '--', 'cc', 'a.c'], '--memwatch needs memwatch.c', 125],
  ] as const)('%j', async (words, reason, expected) => {
    const path = await project({ 'a.c': 'int main(void) { return 0; }\n' });
    const { status, stderr } = await vgrun(['build', ...words], { cwd: path });
    expect(stderr).toContain(reason);
    expect(stderr).toMatch(/^hint: /m);
    expect(status).toBe(expected);
    expect(await readdir(path)).toEqual(['a.c']);
  });

  test.skipIf(!canRun('make'))('make where there is no Makefile', async () => {
    const path = await project({ 'CMakeLists.txt': '' });
    const { status, stderr } = await vgrun(['build', '--asan', '--', 'make'], { cwd: path });
    expect(stderr).toContain('hint: CMakeLists.txt is there: vgrun build --asan -- cmake .');
    expect(status).toBe(125);
  });

  test('a compiler that lacks the runtime library', patient, async () => {
    const path = await project({
      'a.c': 'int main(void) { return 0; }\n',
      // As gcc is without libasan.
      'bin/gcc':
        '#!/bin/sh\ncase "$*" in *-fsanitize*) echo "/usr/bin/ld: cannot find libasan_preinit.o: No such file or directory" >&2; exit 1 ;; esac\nexec /usr/bin/env -i PATH=/usr/bin:/bin gcc "$@"\n',
    });
    await chmod(join(path, 'bin/gcc'), 0o755);
    const { status, stderr } = await vgrun(['build', '--asan', '--', 'gcc', 'a.c'], {
      cwd: path,
      env: { PATH: `${join(path, 'bin')}:${process.env.PATH}` },
    });
    expect(stderr).toMatch(
      /gcc lacks the runtime library of AddressSanitizer: .*cannot find libasan_preinit\.o.*\nhint: install its runtimes: libgcc-\d+-dev/,
    );
    expect(status).toBe(125);
  });
});

describe.skipIf(!canRun('make') || !canRun('gcc'))('what a build made', () => {
  const source = { 'main.c': 'int main(void) { return 0; }\n' };

  test(
    'without the runtime is an error, when its Makefile does not call the compiler through PATH',
    patient,
    async () => {
      const gcc = execFileSync('sh', ['-c', 'command -v gcc'], { encoding: 'utf8' }).trim();
      const path = await project({ ...source, Makefile: `CC = ${gcc}\nprog: main.c\n\t$(CC) -o $@ $^\n` });
      const refused = await vgrun(['build', '--asan', '--', 'make'], { cwd: path });
      expect(refused.status).toBe(125);
      expect(refused.stderr).toContain(
        'the build made build-asan/prog without AddressSanitizer: it does not call its compiler through PATH',
      );
      expect(refused.stderr).toContain(
        'hint: it may name it by an absolute path: give it on the command line, such as make CC=gcc',
      );
      await rm(join(path, 'build-asan'), { recursive: true });
      succeeds(await vgrun(['build', '--asan', '--', 'make', 'CC=gcc'], { cwd: path }));
      await rm(join(path, 'build-asan'), { recursive: true });
      succeeds(await vgrun(['build', '--asan', '--', 'make', `CC=${gcc}`], { cwd: path }));
    },
  );

  test('in part without it is named', patient, async () => {
    const gcc = execFileSync('sh', ['-c', 'command -v gcc'], { encoding: 'utf8' }).trim();
    const path = await project({
      ...source,
      Makefile: `all: good bad\ngood: main.c\n\t$(CC) -o $@ $^\nbad: main.c\n\t${gcc} -o $@ $^\n`,
    });
    const result = await vgrun(['build', '--asan', '--', 'make'], { cwd: path });
    succeeds(result);
    expect(notesOf(result).slice(-3)).toEqual([
      'built with AddressSanitizer: build-asan/good',
      'without AddressSanitizer: build-asan/bad',
      'to run it: vgrun --tool=asan build-asan/good',
    ]);
  });

  test('is nothing: an error', patient, async () => {
    const path = await project({ Makefile: 'all:\n\t@true\n' });
    const { status, stderr } = await vgrun(['build', '--asan', '--', 'make'], { cwd: path });
    expect(stderr).toContain('the build made no program in build-asan, and called no compiler');
    expect(status).toBe(125);
  });

  test('of a build that failed is its own status, and its output is untouched', patient, async () => {
    const path = await project({ Makefile: 'all:\n\t@printf "out\\n"; printf "err\\n" >&2; exit 3\n' });
    const { status, stdout, stderr } = await vgrun(['build', '--asan', '--', 'make', '-s'], { cwd: path });
    expect(status).toBe(2);
    expect(stdout).toBe('out\n');
    expect(stderr).toContain('\nerr\n');
  });

  test('by a program that was built just before, which leaks, does not fail', patient, async () => {
    const path = await project({
      'generator.c':
        '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { malloc(10); puts("int main(void) { return 0; }"); return 0; }\n',
      Makefile: 'prog: made.c\n\t$(CC) -o $@ made.c\nmade.c: generator\n\t./generator >made.c\n',
    });
    succeeds(await vgrun(['build', '--asan', '--', 'make'], { cwd: path }));
  });

  test('carries nothing in what has no C library under it', patient, async () => {
    const path = await project({
      ...source,
      'kernel.c': 'void start(void) {}\n',
      Makefile:
        'all: prog kernel.o\nprog: main.c\n\t$(CC) -o $@ main.c\nkernel.o: kernel.c\n\t$(CC) -ffreestanding -c kernel.c\n',
    });
    const result = await vgrun(['build', '--asan', '--', 'make'], { cwd: path });
    succeeds(result);
    expect(result.stderr).toContain('-ffreestanding');
    expect(await readFile(join(path, 'build-asan/kernel.o'), 'latin1')).not.toContain('__asan_init');
  });

  test('by a script that vgrun does not know comes from a copy', patient, async () => {
    const path = await project({
      ...source,
      'build.sh': '#!/bin/sh\n$CC -o prog main.c && gcc -o other main.c\n',
    });
    await chmod(join(path, 'build.sh'), 0o755);
    const result = await vgrun(['build', '--asan', '--', './build.sh'], { cwd: path });
    succeeds(result);
    expect(notesOf(result)).toContain('built with AddressSanitizer: build-asan/other, build-asan/prog');
    expect((await readdir(path)).sort()).toEqual(['build-asan', 'build.sh', 'main.c']);
  });
});

describe.skipIf(!canRun('make') || !canRun('gcc'))('the copy of a tree', () => {
  test(
    'keeps libraries that came with the sources, leaves out what was built, and follows no link out',
    patient,
    async () => {
      const path = await project({
        'main.c': 'int given(void);\nint main(void) { return given(); }\n',
        'given.c': 'int given(void) { return 0; }\n',
        Makefile: 'prog: main.o vendor/libgiven.a\n\t$(CC) -o $@ $^\n',
        'real/file.txt': 'x',
      });
      execFileSync('gcc', ['-c', 'given.c'], { cwd: path });
      await mkdir(join(path, 'vendor'));
      execFileSync('ar', ['rc', 'vendor/libgiven.a', 'given.o'], { cwd: path });
      await rm(join(path, 'given.c'));
      execFileSync('make', ['-s'], { cwd: path });
      await symlink('real', join(path, 'inside'));
      await symlink('/etc', join(path, 'outside'));
      await symlink('nowhere', join(path, 'dangling'));
      execFileSync('mkfifo', ['pipe'], { cwd: path });
      // Newer than all: with these make would find nothing to do.
      const late = new Date(Date.now() + 3_600_000);
      for (const name of ['prog', 'main.o']) await utimes(join(path, name), late, late);
      succeeds(await vgrun(['build', '--asan', '--', 'make'], { cwd: path }));
      const copy = join(path, 'build-asan');
      expect(await readFile(join(copy, 'inside/file.txt'), 'utf8')).toBe('x');
      expect(await readdir(copy)).not.toContain('given.o');
      // What a build does to the copy does not reach the original.
      await writeFile(join(copy, 'inside/file.txt'), 'changed');
      expect(await readFile(join(path, 'real/file.txt'), 'utf8')).toBe('x');
    },
  );

  test.skipIf(!canRun('git'))(
    'takes what git ignores as old, and what git tracks as it is',
    patient,
    async () => {
      const path = await project({
        'main.c': 'int main(void) { return 0; }\n',
        Makefile:
          'prog: stamp\n\t$(CC) -o prog main.c $(EXTRA)\nstamp: main.c\n\ttouch stamp\n-include config.mk\n',
        'config.mk': 'EXTRA = -DFROM_CONFIG\n',
        '.gitignore': 'stamp\nprog\nconfig.mk\n',
        stamp: '',
      });
      execFileSync('git', ['init', '-q'], { cwd: path });
      execFileSync('git', ['add', '.'], { cwd: path });
      const result = await vgrun(['build', '--asan', '--', 'make'], { cwd: path });
      succeeds(result);
      expect(result.stdout).toContain('touch stamp');
      expect(result.stdout).toContain('-DFROM_CONFIG');
      expect(execFileSync('git', ['status', '--porcelain'], { cwd: path, encoding: 'utf8' })).not.toContain(
        'build-asan',
      );
    },
  );

  test('with hostile names runs none of them', patient, async () => {
    const name = 'a$(touch pwned)`touch pwned`;touch pwned \'"x';
    const path = await project(
      {
        'main.c': 'int main(void) { return 0; }\n',
        Makefile: 'prog: main.c\n\t$(CC) -o $@ main.c\n',
        [`-o ${name.replaceAll('/', '')}.txt`]: '\x1b[31m',
        __proto__: 'x',
      },
      name,
    );
    const made = await vgrun(['build', '--asan', '--', 'make'], { cwd: path });
    succeeds(made);
    succeeds(
      await vgrun(
        ['build', '--asan', '--build-dir=build-cc', '--', 'gcc', 'main.c', '-o', `$(touch pwned)\x1b[31m`],
        { cwd: path },
      ),
    );
    expect((await readdir(path)).filter((each) => each.includes('pwned') && !each.startsWith('-o'))).toEqual(
      [],
    );
    expect(made.stderr).not.toContain('\x1b');
  });
});

describe.skipIf(!canRun('make') || !canRun('gcc'))('a project that makes only a library', () => {
  test('is built anew beside the usual one, which is copied but not used', patient, async () => {
    const path = await project({
      'library.c': library,
      'library.h': header,
      Makefile: 'liblibrary.so: library.c\n\t$(CC) -shared -fPIC -o $@ library.c\n',
    });
    execFileSync('make', ['-s'], { cwd: path });
    const before = await stateOf(path);
    for (const compiler of compilers) {
      const result = await vgrun(['build', '--asan', `--compiler=${compiler}`, '--', 'make'], { cwd: path });
      succeeds(result);
      expect(notesOf(result).slice(-2)).toEqual([
        'built with AddressSanitizer: build-asan/liblibrary.so',
        'only libraries were built; a program that uses them must be built so, too',
      ]);
    }
    expect(await stateOf(path)).toEqual(before);
  });
});

describe.skipIf(!canRun('make') || !canRun('gcc'))('memwatch', () => {
  // The real one is GPL and no part of this project: this stands in for what a build has to do with it.
  const standIn = {
    'memwatch/memwatch.h': `#ifndef STAND_IN_H
#define STAND_IN_H
#ifdef MEMWATCH
void mwInit(void);
void *mwMalloc(unsigned long size, const char *file, int line);
#define malloc(size) mwMalloc(size, __FILE__, __LINE__)
#endif
#endif
`,
    'memwatch/memwatch.c': `#ifdef STAND_IN_H
#error its own header is in front of it
#endif
#ifdef MW_PTHREADS
#error it would lock itself up
#endif
#include <stdio.h>
#include <stdlib.h>
void mwInit(void) {}
void *mwMalloc(unsigned long size, const char *file, int line) { printf("%s(%d), %lu bytes\\n", file, line, size); return malloc(size); }
`,
  };
  const source =
    '#include <stdlib.h>\n#include <string.h>\nint main(void) { char *p = malloc(7); memset(p, 0, 7); return 0; }\n';

  test(
    'a stand-in of it, not the real one, comes into programs of cc, whether they include it or not',
    patient,
    async () => {
      const path = await project({
        ...standIn,
        'plain.c': source,
        'own.c': source.replace('int main', '#include "memwatch.h"\nint main'),
      });
      for (const [name, line] of [
        ['plain', 3],
        ['own', 4],
      ] as const) {
        const result = await vgrun(
          ['build', '--memwatch=memwatch/memwatch.c', '--', 'cc', `${name}.c`, '-o', name],
          { cwd: path },
        );
        succeeds(result);
        expect(notesOf(result).at(-1)).toBe(`to run it: vgrun --tool=memwatch build-memwatch/${name}`);
        const { stdout } = await runProgram(join(path, 'build-memwatch', name), [], { cwd: path });
        expect(stdout).toBe(`${name}.c(${line}), 7 bytes\n`);
      }
    },
  );

  test(
    'a stand-in of it, not the real one, comes into what make builds; C++ files do without',
    patient,
    async () => {
      const path = await project({
        ...standIn,
        'test.c': source,
        'more.cpp':
          '#include <cstdlib>\n#include <memory>\nextern "C" void more() { std::free(std::malloc(3)); }\n',
        Makefile: 'prog: test.o more.o\n\t$(CXX) -o $@ $^\n',
      });
      const result = await vgrun(['build', '--memwatch=memwatch/memwatch.c', '--', 'make'], { cwd: path });
      succeeds(result);
      expect(result.stderr).toContain('C++ files were compiled without memwatch');
      const { stdout } = await runProgram(join(path, 'build-memwatch/prog'), [], { cwd: path });
      expect(stdout).toBe('test.c(3), 7 bytes\n');
      const both = await vgrun(['build', '--asan', '--memwatch=memwatch/memwatch.c', '--', 'make'], {
        cwd: path,
      });
      expect(both.stderr).toContain('memwatch and AddressSanitizer cannot be in one program');
      expect(both.status).toBe(125);
    },
  );
});

describe('--print', () => {
  test('says what would be run, and does nothing', async () => {
    const path = await project({ 'a.c': 'int main(void) { return 0; }\n', Makefile: 'a: a.c\n' });
    const { status, stdout } = await vgrun(['build', '--asan', '--print', '--', 'make', '-j2'], {
      cwd: path,
    });
    expect(status).toBe(0);
    expect(stdout).toContain('the build system is make\n');
    expect(stdout).toContain('-fsanitize=address');
    expect(stdout).toContain(`in ${join(path, 'build-asan')}: make -j2\n`);
    expect((await readdir(path)).sort()).toEqual(['Makefile', 'a.c']);
  });
});

test('--help is one screen', async () => {
  const { status, stdout } = await vgrun(['build', '--help'], { cwd: folder() });
  expect(status).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  expect(lines.length).toBeLessThanOrEqual(24);
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
});

test("a configured tree's options are read as the shell would", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1 })), (words) => {
      expect(splitQuoted(words.map(quoteForSh).join(' '))).toEqual(words);
    }),
  );
  fc.assert(fc.property(fc.string(), (any) => splitQuoted(any).every((word) => word !== '')));
  const text = "'--prefix=/opt/a b' '--x='\\''q'\\''' --plain \\$HOME";
  expect(splitQuoted(text)).toEqual(['--prefix=/opt/a b', "--x='q'", '--plain', '$HOME']);
});
