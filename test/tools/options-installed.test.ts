// Holds the option table against the valgrind that is installed: what its help lists, and what it makes of a plan.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCommandLine } from '../../src/tools/_shared/command-line.ts';
import {
  belongsTo,
  isAtLeast,
  optionNamed,
  sinceOf,
  valgrindOptions,
} from '../../src/tools/_shared/valgrind-options.ts';
import { toolNamed, tools } from '../../src/tools/index.ts';

const outputs = mkdtempSync(join(tmpdir(), 'vgrun-options-'));
afterAll(() => rmSync(outputs, { recursive: true, force: true }));

const environment = { ...process.env, VALGRIND_OPTS: '' };

function valgrind(words: readonly string[], options = '') {
  return spawnSync('valgrind', words, {
    encoding: 'utf8',
    env: { ...environment, VALGRIND_OPTS: options },
    timeout: 100_000,
    // Profilers write where they run.
    cwd: outputs,
  });
}

// `valgrind-3.19.0`
const version = valgrind(['--version']).stdout.trim().replace('valgrind-', '');

const ofValgrind = tools.filter(({ launcher }) => launcher === 'valgrind');

describe.each(ofValgrind.map(({ name }) => name))('the installed %s', (tool) => {
  const help = valgrind([`--tool=${tool}`, '--help-debug']).stdout;
  // `    --leak-check=no|summary|full     search for memory leaks at exit?  [summary]`
  const listed = [...help.matchAll(/^ {4}(--?[a-z][a-z0-9-]*)(?==|$|\s)/gm)].map(([, name = '']) => name);

  test('lists no option that the table lacks', () => {
    expect(listed.length).toBeGreaterThan(50);
    const unknown = listed.filter((name) => {
      const option = optionNamed(name);
      // The core lists them for every tool; they mean nothing to one that leaves malloc alone.
      if (option?.group === 'malloc' || /^--(xtree-|trace-malloc)/.test(name)) return false;
      return option === undefined || !belongsTo(option, tool) || !isAtLeast(version, sinceOf(option, tool));
    });
    expect(unknown).toEqual([]);
  });

  test('takes what the table says it takes', () => {
    const values = { bool: 'no', hex: '0x10', int: '16', list: 'x', float: '1' } as const;
    const harmless = valgrindOptions.filter(
      ({ name, type, group, afterProgram }) =>
        type in values &&
        group !== 'vex' &&
        afterProgram !== 'never' &&
        !/^--(vgdb|aspace|.*stack)/.test(name),
    );
    const options = harmless
      .filter((option) => belongsTo(option, tool) && isAtLeast(version, sinceOf(option, tool)))
      // A block's alignment and a size have ranges of their own.
      .map(
        ({ name, type, min = 0 }) => `${name}=${type === 'int' ? Math.max(min, 16) : values[type as 'bool']}`,
      )
      .filter((option) => !/^--(sanity-level|show-events|profile-interval|dump-error)/.test(option));
    const { stderr, status } = valgrind([`--tool=${tool}`, '--vgdb=no', ...options, 'true']);
    expect(stderr.match(/^valgrind: .*/m)?.[0]).toBeUndefined();
    expect(status).toBe(0);
  });
});

describe('a plan', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'vgrun %p 100%-'));
  });
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  /** Runs `sh -c true` under valgrind as planned, and returns stderr and the names of what it wrote. */
  function run(line: string, inherited = '') {
    const environmentOptions = inherited === '' ? [] : inherited.split(' ');
    const {
      tool,
      toolOptions,
      program = '',
      arguments: words,
    } = readCommandLine([...line.split(' '), 'sh', '-c', 'exit 3'], { terminal: false, environmentOptions });
    const plan = toolNamed(tool)?.plan(
      { tool, toolOptions, program, arguments: words, capture: 'xml' },
      { directory, version, xmlDescriptor: 9, environmentOptions },
    );
    for (const name of readdirSync(directory)) rmSync(join(directory, name));
    const { stderr, status } = valgrind([...(plan?.options ?? []), program, ...words], inherited);
    const files = readdirSync(directory).sort();
    const xml = files.find((name) => name.endsWith('.xml')) ?? '';
    return { stderr, status, files, xml: readFileSync(join(directory, xml), 'utf8') };
  }

  test.each([
    ['its defaults', '--tool=memcheck', ''],
    ['helgrind', '--tool=helgrind --history-level=approx', ''],
    ['drd', '--tool=drd', ''],
    ['rc files that want something else', '-q', '--log-fd=2 --xml=yes --xml-fd=2 -q -q --error-exitcode=9'],
    ['rc files that ask questions', '--leak-check=no', '--gen-suppressions=yes --memcheck:leak-check=full'],
  ])('is taken by the installed valgrind: %s', (_, line, inherited) => {
    const { stderr, status, files, xml } = run(line, inherited);
    expect(stderr).toBe('');
    expect(status).toBe(3);
    expect(files).toEqual([expect.stringMatching(/^valgrind\.\d+\.xml$/), 'valgrind.log']);
    expect(xml).toContain('</valgrindoutput>');
    expect(xml).toContain('<suppcounts>');
  });
});
