import { describe, expect, test } from 'vitest';
import { gdbHelp } from '../../../src/commands/gdb-help.ts';
import { readGdbWords } from '../../../src/commands/gdb-words.ts';

const run = (...argv: readonly string[]) => {
  const words = readGdbWords(argv);
  return words.kind === 'run' ? words.argv : undefined;
};
const interactive = (...argv: readonly string[]) => {
  const words = readGdbWords(argv);
  return words.kind === 'interactive' ? words.wish : undefined;
};

describe('vgrun gdb', () => {
  test('takes a value behind an option as well as after =', () => {
    expect(
      run(
        '--break',
        'f.c:1 if x > 3',
        '--print=x',
        '--backtrace',
        '--timeout',
        '5',
        './prog',
        '--break',
        'its',
      ),
    ).toEqual([
      '--tool=gdb',
      '--break=f.c:1 if x > 3',
      '--print=x',
      '--backtrace',
      '--timeout',
      '5',
      './prog',
      '--break',
      'its',
    ]);
  });

  test('leaves what stands behind -- to the program', () => {
    expect(run('--', './prog', '-i')).toEqual(['--tool=gdb', '--', './prog', '-i']);
    expect(run('./prog', '-i')).toEqual(['--tool=gdb', './prog', '-i']);
  });

  test('-i starts gdb itself, with debug information fetched and no init files unless told otherwise', () => {
    expect(interactive('-i', './prog', 'a', '-p')).toEqual({
      gdbinit: false,
      safePaths: [],
      debuginfod: true,
      follow: 'both',
      program: './prog',
      arguments: ['a', '-p'],
    });
    expect(interactive('-i', '--no-debuginfod', '--gdbinit', '--follow', 'child', '-p', '12')).toMatchObject({
      pid: 12,
      gdbinit: true,
      debuginfod: false,
      follow: 'child',
    });
    expect(interactive('-i', '-c', 'core', '--auto-load-safe-path=/a', './prog')).toMatchObject({
      core: 'core',
      safePaths: ['/a'],
      program: './prog',
    });
  });

  test.each([
    [['-p', '12'], 'add -i'],
    [['-i', '-p', 'x'], 'cannot be'],
    [['-i', '-p'], 'needs a value'],
    [['-i', '-p', '1', '-c', 'core'], 'exclude each other'],
    [['-i'], 'no program'],
    [['-i', '--break=f', './prog'], 'is for a run'],
    [['-i', '--follow=all', './prog'], 'parent, child or both'],
    [['-i', '-c', 'core', './prog', 'x'], 'has its arguments already'],
  ])('refuses %j', (argv, words) => {
    let said = '';
    try {
      readGdbWords(argv);
    } catch (error) {
      const { message, hint } = error as { message: string; hint?: string };
      said = `${message}\n${hint}`;
    }
    expect(said).toContain(words);
  });

  test('help fits on one screen', () => {
    const lines = gdbHelp(80).trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
  });
});
