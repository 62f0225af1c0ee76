// Holds the table of the sanitizers' flags against what the installed runtimes say of themselves (`ASAN_OPTIONS=help=1`).
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { sanitizers } from '../../src/model/sanitizer.ts';
import { sanitizerOptions } from '../../src/tools/_shared/sanitizer-options.ts';
import { canRun } from '../project.ts';

const folder = mkdtempSync(join(tmpdir(), 'vgrun-flags-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An error makes gcc's UBSan start, which is asleep until then. */
const source = '#include <limits.h>\nint main(int c, char **v) { int x = INT_MAX; x += c; return x == 0; }';

/** Flags and their values, as the runtime prints them: a tab, the name, and `(Current Value: 1)` in the next line. */
function flagsOf(compiler: string, sanitizer: string, variable: string): ReadonlyMap<string, string> {
  const path = join(folder, `${sanitizer}-${compiler}`);
  execFileSync(compiler, ['-O0', `-fsanitize=${sanitizer}`, '-x', 'c', '-o', path, '-'], { input: source });
  const { stderr, stdout } = spawnSync(path, {
    env: { ...process.env, [variable]: 'help=1' },
    encoding: 'utf8',
  });
  return new Map(
    [...`${stderr}${stdout}`.matchAll(/^\t(\w+)\n\t\t- .*?\(Current Value: (.*?)\)$/gms)].map(
      ([, name = '', value = '']) => [name, value],
    ),
  );
}

describe.skipIf(!canRun('clang'))('the runtimes of clang', () => {
  test.each(sanitizers)('$variable takes every flag that the table gives it, and no other', (facts) => {
    const known = flagsOf('clang', facts.sanitizer, facts.variable);
    const named = sanitizerOptions.map(({ name }) => name.slice(2));
    const given = sanitizerOptions
      .filter(({ runtimes }) => runtimes.includes(facts.tool))
      .map(({ name }) => name.slice(2));
    expect(given.filter((name) => !known.has(name))).toEqual([]);
    expect(named.filter((name) => known.has(name) && !given.includes(name))).toEqual([]);
    for (const flag of ['log_path', 'log_exe_name', 'exitcode', 'external_symbolizer_path']) {
      expect([...known.keys()]).toContain(flag);
    }
  });
});

describe.skipIf(!canRun('gcc'))('the runtimes of gcc', () => {
  test.each(sanitizers.filter(({ tool }) => tool !== 'msan'))(
    '$variable takes every flag that the table gives it',
    (facts) => {
      const known = flagsOf('gcc', facts.sanitizer, facts.variable);
      const given = sanitizerOptions.filter(({ runtimes }) => runtimes.includes(facts.tool));
      expect(given.map(({ name }) => name.slice(2)).filter((name) => !known.has(name))).toEqual([]);
    },
  );
});
