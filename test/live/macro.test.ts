// What `vgrun macro` says of a program is what the preprocessor did when it was built.
import { execFileSync } from 'node:child_process';
import { cp, mkdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { canRun, projectRoot } from '../project.ts';
import { testFolder, vgrun } from './vgrun.ts';

const folder = testFolder();
const place = (name: string): string => join(folder(), name);

beforeAll(async () => {
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
    expect(after.stdout).toContain('LIMIT is a macro, but not at a b/macro.c:32');
    expect(after.stdout).toContain('#define LIMIT 10\n  a b/macro.c:9');
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
    [['./a b/macro.c', 'A'], 'macro.c'],
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
