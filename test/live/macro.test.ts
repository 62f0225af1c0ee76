// What `vgrun macro` says of a program is what the preprocessor did when it was built.
import { execFileSync } from 'node:child_process';
import { cp, mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { canRun, projectRoot } from '../project.ts';
import { testFolder, vgrun } from './vgrun.ts';

const folder = testFolder();
const place = (name: string): string => join(folder(), name);

/** Two units that define LIMIT each in its way, and names that look like macros and are none. */
const sources = {
  'two/one.c': `#include <errno.h>
#include "limit.h"
#define LIMIT 20
#define TWICE (LIMIT * 2)
#define ADD(x, y) ((x) + (y))
#define STAMP __DATE__ TWICE
#if defined(LIMIT) && LIMIT > 3
int used = LIMIT;
#endif
#undef LIMIT
int LIMIT;
int two(void);
int main(void) {
  int (*ADD)(int, int) = 0;
  errno = ADD(1, 2) + TWICE + two() + (ADD != 0);
  return __LINE__;
}
`,
  'two/limit.h': '#define IN_HEADER(LIMIT) (LIMIT)\n\n',
  'two/sub/two.c': '#define LIMIT 99\n#define ONLY_HERE 7\nint two(void) { return LIMIT; }\n',
  'two/sub/one.c': 'int three(void) { return 3; }\n',
  'two/limits.c': `#define G(y) [y]
#define H G
#define PASTED a ## b
#define JOIN(a, b) a ## b
#define FORMAT(f, ...) g(f, ## __VA_ARGS__)
#define SELF SELF + 1
#define MINUS -
int main(void) { return 0; }
`,
  script: '#!/bin/sh\n',
  text: 'A',
};

beforeAll(async () => {
  await mkdir(place('two/sub'), { recursive: true });
  for (const [name, text] of Object.entries(sources)) await writeFile(place(name), text);
  const units = ['two/one.c', 'two/sub/two.c', 'two/sub/one.c'];
  execFileSync('cc', ['-g3', '-w', '-o', place('several'), ...units], { cwd: folder() });
  execFileSync('cc', ['-g3', '-o', place('limits'), 'two/limits.c'], { cwd: folder() });
  // The space in the name is one that a debugger's list of sources has too.
  for (const name of ['.git', 'a b']) await mkdir(place(name));
  await cp(join(projectRoot, 'examples-c/gdb/macro.c'), place('a b/macro.c'));
  for (const [name, options] of [
    ['macro', ['-g3']],
    ['plain', ['-g']],
    ['stripped', ['-s']],
  ] as const) {
    execFileSync('cc', [...options, '-w', '-o', place(name), 'a b/macro.c'], { cwd: folder() });
  }
});

describe.skipIf(!canRun('gdb'))('a macro', () => {
  const ask = (...words: readonly string[]) => vgrun(['macro', ...words], { cwd: folder() });

  test('is expanded step by step, with its definition and its uses', async () => {
    const { status, stdout, stderr } = await ask('./macro', 'MACRO3(3)');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(`MACRO3(3)  (at a b/macro.c:21)
  = (MACRO2(3)+200)    MACRO3
  = ((MACRO1(3)+100)+200)    MACRO2
  = (((++(3))+100)+200)    MACRO1

#define MACRO3(x) (MACRO2(x)+200)
  a b/macro.c:8

used 2 times:
  a b/macro.c:25  b = MACRO3(a);
  a b/macro.c:27  MACRO3 (a), SHOW(a + b));
`);
  });

  test('is the one that holds at the place', async () => {
    const expansion = async (...words: readonly string[]) =>
      JSON.parse((await ask('--json', ...words, './macro', 'LIMIT')).stdout).expansion;
    expect(await expansion()).toBe('20');
    expect(await expansion('--at=macro.c:16')).toBe('10');
    expect(await expansion('--at=macro.c:19')).toBe('20');
    const after = await ask('--at=macro.c:32', './macro', 'LIMIT');
    expect(after.status).toBe(100);
    expect(after.stdout).toContain('LIMIT is a macro, but not at a b/macro.c:32');
    expect(after.stdout).toContain('#define LIMIT 10\n  a b/macro.c:9');
  });

  test('has all its definitions, and each use the one that holds there; a header of its name is no use', async () => {
    const { status, stdout } = await ask('--at=two/one.c:8', './several', 'LIMIT');
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: `LIMIT  (at two/one.c:8)
  = 20    LIMIT

#define LIMIT 20    holds here
  two/one.c:3
#define LIMIT 99
  two/sub/two.c:1

used 3 times, asked for by #if 2 times:
  two/one.c:4  #define TWICE (LIMIT * 2)    (in the definition of TWICE)
  two/one.c:7  #if defined(LIMIT) && LIMIT > 3    (#if)    2 times
  two/one.c:8  int used = LIMIT;
  two/sub/two.c:3  int two(void) { return LIMIT; }    (as defined at two/sub/two.c:1)
undefined at two/one.c:10
`,
    });
    expect(JSON.parse((await ask('--json', './several', 'errno')).stdout).uses).toEqual([
      expect.objectContaining({ file: place('two/one.c'), line: 15, role: 'use' }),
    ]);
  });

  test('with parameters is not used where no parenthesis follows', async () => {
    const { stdout } = await ask('./several', 'ADD');
    expect(stdout).toContain('stays as it is: a macro with parameters, and no parentheses behind it');
    expect(stdout).toContain(`used 1 time, named without parentheses 2 times:
  two/one.c:14  int (*ADD)(int, int) = 0;    (no parentheses)
  two/one.c:15  errno = ADD(1, 2) + TWICE + two() + (ADD != 0);
  two/one.c:15  errno = ADD(1, 2) + TWICE + two() + (ADD != 0);    (no parentheses)
`);
  });

  test('of another unit than main is found, at the end of that unit', async () => {
    const { stdout } = await ask('./several', 'ONLY_HERE');
    expect(stdout).toContain('ONLY_HERE  (at two/sub/two.c:3)\n  = 7    ONLY_HERE\n');
    expect(stdout).toContain('nobody uses ONLY_HERE');
  });

  test('that cannot be expanded: its definition, and 125 with the reason', async () => {
    const { status, stdout, stderr } = await ask('./several', 'ADD(1)');
    expect(status).toBe(125);
    expect(stdout).toMatch(/^#define ADD\(x, y\) /);
    expect(stderr).toMatch(/^vgrun: ADD\(1\) cannot be expanded: .*\nhint: .*: ADD\(x, y\)\n$/);
  });

  test.each([
    ['H(3)', '[3]'],
    ['PASTED', 'ab'],
    ['FORMAT(1,)', 'g(1,)'],
  ])(
    'that gdb expands otherwise than the preprocessor is not told as known: %s',
    async (expression, rule) => {
      const { status, stdout, stderr } = await ask('./limits', expression);
      expect({ status, stderr }).toEqual({ status: 101, stderr: '' });
      expect(stdout).toContain(
        `  not sure: this is what gdb says; by the rules of C (C11 6.10.3) it is: ${rule}\n`,
      );
      const json = JSON.parse((await ask('--json', './limits', expression)).stdout);
      expect(json.doubt).toEqual({ byTheRules: rule });
      expect(json.steps).toBeUndefined();
    },
  );

  test.each([
    ['SELF', 'SELF + 1'],
    ['JOIN(SE, LF)', 'SELF + 1'],
    ['FORMAT(JOIN(no, thing))', 'g(nothing)'],
    ['-MINUS 1', '- - 1'],
  ])('that ends by the rules is known: %s', async (expression, expansion) => {
    const { status, stdout } = await ask('--json', './limits', '--', expression);
    const json = JSON.parse(stdout);
    expect({ status, doubt: json.doubt }).toEqual({ status: 0, doubt: undefined });
    expect(json.expansion.replace(/\s+/g, '')).toBe(expansion.replace(/\s+/g, ''));
  });

  test('of the compiler is that of the place, or not known, and this is said', async () => {
    const line = await ask('--at=two/one.c:16', './several', '__LINE__');
    expect(line.stdout).toContain('  = 16    __LINE__\n  __LINE__ is another at each place\n');
    expect((await ask('./several', '__LINE__')).stdout).toContain(
      'here that of main: --at=FILE:LINE names one',
    );
    const stamp = await ask('./several', 'STAMP');
    expect(stamp.stdout).toContain('__DATE__ is set while the compiler runs, and its value is not known');
    const date = await ask('./several', '__DATE__');
    expect(date.status).toBe(125);
    expect(date.stderr).toContain('no program keeps its value');
  });

  test('in a header holds where it is included', async () => {
    const { stdout } = await ask('--at=limit.h:2', './several', 'IN_HEADER(1)');
    expect(stdout).toMatch(/^IN_HEADER\(1\) {2}\(at two\/limit\.h:\d\)\n {2}= \(1\) /);
  });

  test('is listed with the others of the project, also when it is undefined at the end', async () => {
    const { stdout } = await ask('./macro');
    expect(stdout).toMatch(/^a b\/macro\.c:6 {2}#define MACRO1\(x\) \(\+\+\(x\)\)\n/);
    expect(stdout).toContain('a b/macro.c:9  #define LIMIT 10\n');
    expect(stdout).toContain('a b/macro.c:19  #define LIMIT 20\n');
    expect(stdout).toMatch(/\n9 macros of sources below [^\n]*\n$/);
  });

  test('that is none is said to be none, with the nearest name', async () => {
    const { status, stdout } = await ask('./macro', 'MACR3(1)');
    expect({ status, stdout }).toEqual({
      status: 100,
      stdout: `MACR3(1) holds no macro at ${place('a b/macro.c')}:21\ndid you mean MACRO3?\n`,
    });
    expect((await ask('./macro', 'before')).stdout).toContain('before is no macro');
  });

  test.each([
    ['./plain', 'was built without its macros: -g alone leaves them out'],
    ['./stripped', 'has no debug information'],
  ])('of %s is not known, and how to build is said', async (program, message) => {
    const { status, stderr } = await ask(program, 'MACRO3(3)');
    expect(status).toBe(125);
    expect(stderr).toContain(message);
    expect(stderr).toContain('-g3 or -ggdb3');
  });

  test.each([
    [['./macro', 'A\nshell touch pwned'], 'has more than one line'],
    [['./macro', ''], 'is empty'],
    [['--at=macro.c":1', './macro', 'A'], 'is no place in a source'],
    [['./nowhere', 'A'], 'cannot be read'],
    [['.', 'A'], 'is no file'],
    [['./a b/macro.c', 'A'], 'macro.c is no ELF program'],
    [['./text', 'A'], 'text is no ELF program'],
    [['./script', 'A'], 'script is a script, and no ELF program'],
    [['--at=macro.c:33', './macro', 'LIMIT'], 'macro.c ends at line 32, and --at names line 33'],
    [['--at=one.c:1', './several', 'A'], 'may be one of several sources: '],
    [['--at=nowhere.c:1', './several', 'A'], 'nowhere.c is no source that the debug information'],
    [[], 'needs a program'],
  ])('%j is refused', async (words, message) => {
    const { status, stderr } = await ask(...words);
    expect(status).toBe(125);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('defect');
  });

  test('is still known where the source is changed or gone, and that is said', async () => {
    await utimes(place('a b/macro.c'), new Date(), new Date(Date.now() + 60_000));
    expect((await ask('./macro', 'MACRO1(2)')).stdout).toContain('was changed after the program was built');
    await rm(place('a b/macro.c'));
    const { stdout } = await ask('./macro', 'MACRO1(2)');
    expect(stdout).toContain('= (++(2))    MACRO1');
    expect(stdout).toContain('nobody uses MACRO1 in the sources that can be read');
    expect(stdout).toContain('1 source could not be read');
  });
});
