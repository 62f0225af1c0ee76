// Holds what the runtimes are told: whose flags win, and that no directory name can break them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Launch, Plan } from '../../src/model/launch.ts';
import { type Flag, readFlags } from '../../src/tools/_shared/sanitizer-plan.ts';
import { toolNamed } from '../../src/tools/index.ts';

function planOf(
  tool: string,
  given: {
    readonly words?: readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
    readonly directory?: string;
  } = {},
): Plan {
  const launch: Launch = {
    tool,
    toolOptions: given.words ?? [],
    program: './prog',
    arguments: [],
    capture: 'reports',
  };
  const plan = toolNamed(tool)?.plan(launch, {
    directory: given.directory ?? '/home/user/demo/run',
    version: '',
    xmlDescriptor: 100,
    environmentOptions: [],
    environment: given.environment ?? {},
    symbolizer: '/usr/bin/llvm-symbolizer',
  });
  if (plan === undefined) throw new Error(`no tool ${tool}`);
  return plan;
}

/** What a runtime goes by: the last word. */
function effective({ environment }: Plan, variable: string): Readonly<Record<string, string>> {
  return Object.fromEntries(readFlags(environment[variable] ?? ''));
}

const variables = ['ASAN_OPTIONS', 'LSAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS', 'MSAN_OPTIONS'];

describe('flags', () => {
  test('all runtimes write into the run directory and name their program', () => {
    const plan = planOf('asan');
    for (const variable of variables) {
      expect(effective(plan, variable)).toMatchObject({
        log_path: '/home/user/demo/run/sanitizer',
        log_exe_name: '1',
        exitcode: '100',
        external_symbolizer_path: '/usr/bin/llvm-symbolizer',
      });
    }
    expect(plan.exitcode).toBe(100);
  });

  test('a runtime is told only what it knows', () => {
    const plan = planOf('asan', { words: ['--max_leaks=3', '--halt_on_error=1'] });
    expect(effective(plan, 'ASAN_OPTIONS')).not.toHaveProperty('max_leaks');
    expect(effective(plan, 'LSAN_OPTIONS')).toMatchObject({ max_leaks: '3' });
    expect(effective(plan, 'LSAN_OPTIONS')).not.toHaveProperty('halt_on_error');
    expect(effective(plan, 'ASAN_OPTIONS')).not.toHaveProperty('print_stacktrace');
    expect(effective(plan, 'UBSAN_OPTIONS')).toMatchObject({ print_stacktrace: '1', halt_on_error: '1' });
  });

  test('what the user set wins against us, and what was typed against both', () => {
    const environment = { ASAN_OPTIONS: 'halt_on_error=1:redzone=64,detect_leaks=no exitcode=9' };
    const plan = planOf('asan', { environment, words: ['--redzone=128'] });
    expect(effective(plan, 'ASAN_OPTIONS')).toMatchObject({
      halt_on_error: '1',
      redzone: '128',
      detect_leaks: 'no',
      exitcode: '9',
    });
    expect([plan.exitcode, plan.searchesLeaks]).toEqual([9, false]);
    // The variable that is read last decides for the whole program.
    expect(effective(plan, 'LSAN_OPTIONS')).toMatchObject({ exitcode: '9', detect_leaks: 'no' });
    expect(effective(plan, 'UBSAN_OPTIONS')).toMatchObject({ halt_on_error: '0' });
  });

  test('a log_path of the user’s own gets a copy; the run needs its reports in its directory', () => {
    const environment = { ASAN_OPTIONS: 'log_path="/home/user/my logs/asan":log_exe_name=0' };
    const plan = planOf('asan', { environment });
    expect(plan.reportCopy).toBe('/home/user/my logs/asan');
    expect(effective(plan, 'ASAN_OPTIONS')).toMatchObject({
      log_path: '/home/user/demo/run/sanitizer',
      log_exe_name: '1',
    });
    expect(planOf('asan', { environment: { ASAN_OPTIONS: 'log_path=stderr' } }).reportCopy).toBeUndefined();
  });

  test('suppressions go to the runtime that reads them', () => {
    const place = (tool: string): readonly string[] => {
      const plan = planOf(tool, { words: ['--suppressions=a.supp'] });
      return variables.filter((variable) => effective(plan, variable).suppressions === 'a.supp');
    };
    expect(['asan', 'lsan', 'ubsan', 'tsan'].map(place)).toEqual([
      ['LSAN_OPTIONS'],
      ['LSAN_OPTIONS'],
      ['UBSAN_OPTIONS'],
      ['TSAN_OPTIONS'],
    ]);
  });

  test('only AddressSanitizer and LeakSanitizer are asked for leaks', () => {
    expect(['asan', 'lsan', 'ubsan', 'tsan', 'msan'].map((tool) => planOf(tool).searchesLeaks)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(planOf('asan', { words: ['--leak_check_at_exit=0'] }).searchesLeaks).toBe(false);
  });

  test('whatever the directory is called, the runtimes read its name whole', () => {
    const name = fc.string({ unit: fc.constantFrom('a', ' ', ':', ',', '=', '\t', "'", 'ü') });
    fc.assert(
      fc.property(name, (part) => {
        const directory = `/home/user/${part}`;
        const plan = planOf('asan', { directory });
        expect(effective(plan, 'ASAN_OPTIONS').log_path).toBe(`${directory}/sanitizer`);
      }),
    );
  });

  test('nothing in a variable makes reading it fail', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const flags: readonly Flag[] = readFlags(text);
        expect(flags.every(([flag]) => flag !== '')).toBe(true);
      }),
    );
  });
});
