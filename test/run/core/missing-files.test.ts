// What is said of files that are not here, however many there are and whatever they are called.
import { describe, expect, test } from 'vitest';
import { problemsOfMissing } from '../../../src/run/core/missing-files.ts';
import type { LoadedModule } from '../../../src/tools/core/process-image.ts';

const places = { sysroot: undefined, coreFolder: '/nowhere', search: [], folders: [] };
const store = { open: () => undefined, withBuildId: () => [], close: () => {} };
const moduleAt = (path: string, index: number): LoadedModule => ({
  path,
  start: BigInt(index + 1) << 20n,
  end: BigInt(index + 2) << 20n,
  bias: 0n,
});
const problemsOf = (paths: readonly string[]) => {
  const modules = paths.map(moduleAt);
  return problemsOfMissing({ modules, files: [], program: modules[0], debuginfod: false }, places, store);
};

describe('missing files of a core', () => {
  test('thousands of libraries are one sentence that names four', () => {
    const libraries = Array.from({ length: 5000 }, (_, index) => `/gone/lib${index}.so`);
    const [program, others, ...more] = problemsOf(['/gone/prog', ...libraries]);
    expect(program?.message).toBe('the program, /gone/prog, is not here; names and lines of it are missing');
    expect(others?.message).toBe(
      '5000 of 5000 libraries are not here as the process had them, so names and lines of them are missing: /gone/lib0.so, /gone/lib1.so, /gone/lib2.so, /gone/lib3.so and 4996 more',
    );
    expect(more).toEqual([]);
  });

  test('a path that fills pages is shortened', () => {
    const [program] = problemsOf([`/${'deep/'.repeat(700)}prog${'x'.repeat(1000)}`]);
    expect(program?.message.length).toBeLessThan(300);
    expect(program?.message).toContain('xxx');
  });

  test('the object of the kernel and memory without a file are not missed', () => {
    expect(problemsOf(['/memfd:prog (deleted)', '[vdso]', '/dev/zero (deleted)'])).toMatchObject([
      { code: 'missing-program', message: expect.stringContaining('was in memory only') },
    ]);
    const [program] = problemsOf(['/gone/prog']);
    expect(problemsOf(['/gone/prog', '[vdso]', '/memfd:code (deleted)', '/dev/zero (deleted)'])).toEqual([
      program,
    ]);
  });

  test('a program that was replaced while it ran is said to be', () => {
    expect(problemsOf(['/gone/prog (deleted)'])[0]?.message).toBe(
      'the program, /gone/prog (deleted), was deleted or replaced while it ran; names and lines of it are missing',
    );
  });
});
