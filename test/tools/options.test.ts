// Holds the table of valgrind's options, the translation of old ones, the plan made of them, and the help.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { helpText } from '../../src/commands/help.ts';
import type { Launch, PlanContext } from '../../src/model/launch.ts';
import { distance, nearest } from '../../src/model/spelling.ts';
import { readCommandLine } from '../../src/tools/_shared/command-line.ts';
import { ownOptions } from '../../src/tools/_shared/own-options.ts';
import { perfOptions } from '../../src/tools/_shared/perf-options.ts';
import {
  accepts,
  belongsTo,
  isAtLeast,
  optionNamed,
  readToken,
  valgrindOptions,
  valgrindTools,
} from '../../src/tools/_shared/valgrind-options.ts';
import { interpreterFor, toolNamed, tools } from '../../src/tools/index.ts';
import { readerFor } from '../../src/tools/readers.ts';

describe('the table', () => {
  test('has every option once', () => {
    const names = valgrindOptions.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  test('names only tools and values that there are', () => {
    for (const option of valgrindOptions) {
      for (const tool of option.tools ?? []) expect(valgrindTools, option.name).toContain(tool);
      for (const value of Object.keys(option.sinceOfValue ?? {})) expect(option.values).toContain(value);
      expect(option.since).toMatch(/^\d+\.\d+$/);
      const needsValues = option.type === 'enum' || option.type === 'set';
      expect((option.values?.length ?? 0) > 0, option.name).toBe(needsValues);
    }
  });

  test('has defaults that the option takes', () => {
    for (const option of valgrindOptions.filter(({ type }) => type === 'bool' || type === 'enum')) {
      // `yes on glibc`, `no (yes on macOS)`
      const value = option.default?.split(' ')[0];
      if (value !== undefined) expect(accepts(option, value), option.name).toBe(true);
    }
  });
});

describe('a value', () => {
  test.each([
    ['--leak-check', 'full', true],
    ['--leak-check', 'FULL', false],
    ['--trace-children', 'yes', true],
    ['--trace-children', 'true', false],
    ['--trace-children', '', false],
    ['--num-callers', '500', true],
    ['--num-callers', '501', false],
    ['--num-callers', '0x20', false],
    ['--num-callers', '-3', false],
    ['--num-callers', '', false],
    ['--freelist-vol', '10000000000', true],
    ['--freelist-vol', '99999999999', false],
    ['--malloc-fill', '0xff', true],
    ['--malloc-fill', 'ff', true],
    ['--malloc-fill', 'zz', false],
    ['--malloc-fill', '0x100', false],
    ['--show-leak-kinds', 'definite,reachable', true],
    ['--show-leak-kinds', 'all', true],
    ['--show-leak-kinds', 'all,none', false],
    ['--show-leak-kinds', 'definite,foo', false],
    ['--show-leak-kinds', '', false],
    ['--trace-flags', '10000000', true],
    ['--trace-flags', '11', false],
    ['--suppressions', '', false],
    ['--fullpath-after', '', true],
    ['-q', 'yes', false],
  ])('%s=%s is taken as valgrind takes it: %s', (name, value, expected) => {
    const option = optionNamed(name);
    expect(option).toBeDefined();
    expect(option !== undefined && accepts(option, value)).toBe(expected);
  });
});

describe('an option of an earlier valgrind', () => {
  test.each([
    ['--skin=memcheck', [], "'--skin=memcheck' is --tool=memcheck today"],
    [
      '--tool=addrcheck',
      ['--undef-value-errors=no'],
      "'--tool=addrcheck' is --tool=memcheck --undef-value-errors=no today",
    ],
    ['--leak-check=yes', ['--leak-check=full'], "'--leak-check=yes' is --leak-check=full today"],
    [
      '--show-possibly-lost=no',
      ['--show-leak-kinds=definite'],
      "'--show-possibly-lost=no' is --show-leak-kinds=definite today",
    ],
    [
      '--workaround-gcc296-bugs=yes',
      ['--ignore-range-below-sp=1024-1'],
      "'--workaround-gcc296-bugs=yes' is --ignore-range-below-sp=1024-1 today",
    ],
    [
      '--weird-hacks=lax-ioctls',
      ['--sim-hints=lax-ioctls'],
      "'--weird-hacks=lax-ioctls' is --sim-hints=lax-ioctls today",
    ],
    [
      '--trace-codegen=10001',
      ['--trace-flags=10001000'],
      "'--trace-codegen=10001' is --trace-flags=10001000 today",
    ],
    ['--optimise=no', ['--vex-iropt-level=0'], "'--optimise=no' is --vex-iropt-level=0 today"],
    [
      '--vex-guest-chase-thresh=0',
      ['--vex-guest-chase=no'],
      "'--vex-guest-chase-thresh=0' is --vex-guest-chase=no today",
    ],
    [
      '--vex-guest-chase-thresh=10',
      ['--vex-guest-chase=yes'],
      "'--vex-guest-chase-thresh=10' is --vex-guest-chase=yes today",
    ],
    [
      '--gen-suppressions=yes',
      ['--gen-suppressions=all'],
      "'--gen-suppressions=yes' would ask at every error; --gen-suppressions=all is used, which does not",
    ],
    ['--cleanup=yes', [], "'--cleanup=yes' is left out: valgrind 2.2 was the last that had it"],
    ['--branchpred', [], "'--branchpred' is left out: valgrind 2.2 was the last that had it"],
    ['--pointercheck=no', [], "'--pointercheck=no' is left out: valgrind 3.0 was the last that had it"],
    ['--gdb-path=/usr/bin/gdb', [], "'--gdb-path=/usr/bin/gdb' is left out: it is for --db-attach=yes"],
  ])('%s is translated, and one line says so', (text, toolOptions, note) => {
    const commandLine = readCommandLine([text, './x'], { terminal: false, environmentOptions: [] });
    expect(commandLine.toolOptions).toEqual(toolOptions);
    expect(commandLine.notes).toEqual([note]);
  });

  test.each([
    ['--logfile=vg', { logFile: 'vg.%p' }],
    ['--logfile-fd=9', { logFd: 9 }],
    ['--logsocket=h:1', { logSocket: 'h:1' }],
    ['--log-file-exactly=$&.log', { logFile: '$&.log' }],
  ])('%s still says where the log goes', (text, sinks) => {
    expect(readCommandLine([text, './x'], { terminal: false, environmentOptions: [] }).sinks).toEqual(sinks);
  });

  test.each([
    ['--tool=exp-drd --trace-address=0x10', 'drd', ['--trace-addr=0x10']],
    ['--tool=drd --var-info=yes', 'drd', ['--read-var-info=yes']],
    ['--tool=drd --trace-pthread=some', 'drd', ['--trace-fork-join=yes']],
    ['--tool=helgrind --show-conflicts=no', 'helgrind', ['--history-level=none']],
    ['--tool=helgrind --happens-before=all', 'helgrind', []],
  ])('%s is translated for its tool', (line, tool, toolOptions) => {
    const commandLine = readCommandLine([...line.split(' '), './x'], {
      terminal: false,
      environmentOptions: [],
    });
    expect(commandLine).toMatchObject({ tool, toolOptions });
  });

  test('takes away what was said before, in order', () => {
    const kinds = (line: string) =>
      readCommandLine([...line.split(' '), './x'], { terminal: false, environmentOptions: [] }).showLeakKinds;
    expect(kinds('--show-leak-kinds=all --show-reachable=no')).toEqual(['definite', 'indirect', 'possible']);
    expect(kinds('--show-reachable=no --show-leak-kinds=all')).toHaveLength(4);
    expect(kinds('--show-possibly-lost=no --show-possibly-lost=yes')).toEqual(['definite', 'possible']);
  });
});

describe('the plan', () => {
  const context: PlanContext = {
    directory: '/run',
    version: '3.19.0',
    xmlDescriptor: 100,
    environmentOptions: [],
  };
  const plan = (launch: Partial<Launch>, surroundings: Partial<PlanContext> = {}): readonly string[] => {
    const tool = toolNamed(launch.tool ?? 'memcheck');
    return (
      tool?.plan(
        { tool: tool.name, toolOptions: [], program: './x', arguments: [], capture: 'xml', ...launch },
        { ...context, ...surroundings },
      ).options ?? []
    );
  };
  /** What valgrind makes of it: the last word wins. */
  const effective = (options: readonly string[], name: string) =>
    options.map(readToken).findLast((option) => option.name === name)?.value;

  test('captures an XML file for each process and one log beside them', () => {
    expect(plan({})).toEqual([
      '--tool=memcheck',
      '--vgdb-prefix=/run/vgdb-pipe',
      '--trace-children=yes',
      '--num-callers=25',
      '--keep-debuginfo=yes',
      '--show-leak-kinds=all',
      '--errors-for-leak-kinds=definite,possible',
      '--xml=yes',
      '--xml-file=/run/valgrind.%p.xml',
      '--log-file=/run/valgrind.log',
    ]);
  });

  test('follows children and keeps deep stacks for each tool, leak kinds only for memcheck', () => {
    for (const { name } of tools.filter(({ yields }) => yields === 'errors')) {
      const options = plan({ tool: name });
      expect(options).toEqual(
        expect.arrayContaining([`--tool=${name}`, '--trace-children=yes', '--num-callers=25']),
      );
      expect(options.some((option) => option.includes('leak-kinds'))).toBe(name === 'memcheck');
    }
  });

  test.each([
    ['--trace-children', 'no'],
    ['--num-callers', '4'],
    ['--keep-debuginfo', 'no'],
    ['--vgdb-prefix', '/elsewhere/pipe'],
  ])('leaves %s to the user, on the command line and in rc files', (name, value) => {
    expect(effective(plan({ toolOptions: [`${name}=${value}`] }), name)).toBe(value);
    const inherited = plan({}, { environmentOptions: [`${name}=${value}`] });
    expect(effective([`${name}=${value}`, ...inherited], name)).toBe(value);
  });

  test('never puts %p into both templates, and never reads a directory as a template', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Launch['capture']>('xml', 'fd', 'text'),
        fc.stringMatching(/^\/[%pn{}q/a-z]*$/),
        (capture, directory) => {
          const files = plan({ capture }, { directory }).filter((option) =>
            /^--(log|xml)-file=/.test(option),
          );
          const templates = files.map((file) => file.replaceAll('%%', ''));
          expect(templates.filter((file) => file.includes('%p')).length).toBe(capture === 'fd' ? 0 : 1);
          expect(templates.filter((file) => /%(?!p)/.test(file))).toEqual([]);
        },
      ),
    );
  });

  test('captures one stream when asked to', () => {
    expect(plan({ capture: 'fd' }).slice(-3)).toEqual([
      '--xml=yes',
      '--xml-fd=100',
      '--log-file=/run/valgrind.log',
    ]);
  });

  test("gives the user's log what valgrind alone would write: nothing is added that shows", () => {
    expect(plan({ capture: 'text', logFile: 'my.%p.log', toolOptions: ['--leak-check=full', '-q'] })).toEqual(
      ['--tool=memcheck', '--vgdb-prefix=/run/vgdb-pipe', '--leak-check=full', '-q', '--log-file=my.%p.log'],
    );
    expect(plan({ capture: 'text', relayed: true }).at(-1)).toBe('--log-file=/run/valgrind.%p.log');
    expect(plan({ xmlFile: 'my.%p.xml' }).slice(2)).toEqual([
      '--xml=yes',
      '--xml-file=my.%p.xml',
      '--log-file=/run/valgrind.log',
    ]);
    expect(plan({ relayed: true, logFile: 'my.log' }).slice(2)).toEqual([
      '--xml=yes',
      '--xml-file=/run/valgrind.%p.xml',
      '--log-file=my.log',
    ]);
  });

  test('is not led astray by rc files', () => {
    const environmentOptions = [
      '--xml=yes',
      '--xml-fd=2',
      '--log-fd=2',
      '-q',
      '--error-exitcode=7',
      '--gen-suppressions=yes',
    ];
    const options = plan({}, { environmentOptions });
    expect(options).toContain('-v');
    expect(effective(options, '--error-exitcode')).toBe('0');
    expect(effective(options, '--gen-suppressions')).toBe('all');
    expect(effective(options, '--log-file')).toBe('/run/valgrind.log');
    expect(effective(plan({ capture: 'text', logFile: 'a' }, { environmentOptions }), '--xml')).toBe('no');
  });

  test('never lets -q into an XML run, where it hides the suppressions that were used', () => {
    expect(plan({ toolOptions: ['-q', '--quiet', '-s'] })).not.toEqual(expect.arrayContaining(['-q']));
    expect(plan({ toolOptions: ['-q', '--quiet', '-s'] })).toContain('-s');
  });

  test.each([
    [[], 'all', 'definite,possible'],
    [['--leak-check=full', '--show-leak-kinds=definite'], 'all', 'definite,possible'],
    [['--errors-for-leak-kinds=all'], 'all', 'all'],
    [['--leak-check=summary'], 'all', 'none'],
    [['--leak-check=no'], 'none', 'none'],
  ])('with %s records leaks of kinds %s, of which %s count', (toolOptions, shown, failing) => {
    for (const options of [plan({ toolOptions }), plan({}, { environmentOptions: toolOptions })]) {
      expect(effective(options, '--show-leak-kinds')).toBe(shown);
      expect(effective(options, '--errors-for-leak-kinds')).toBe(failing);
    }
  });

  test("ends at the first error with a status that is not the program's", () => {
    expect(effective(plan({ toolOptions: ['--exit-on-first-error=yes'] }), '--error-exitcode')).toBe('100');
    expect(
      effective(
        plan({ toolOptions: ['--exit-on-first-error=yes', '--error-exitcode=9'] }),
        '--error-exitcode',
      ),
    ).toBe('9');
  });

  test('asks an old valgrind for nothing that it does not have', () => {
    const options = plan({}, { version: '3.8.1' });
    for (const option of options) {
      const { name } = readToken(option);
      expect(isAtLeast('3.8.1', optionNamed(name)?.since ?? '9.9'), name).toBe(true);
    }
  });
});

describe('help', () => {
  const lines = (text: string) => text.trimEnd().split('\n');

  test('fits one screen', () => {
    const text = lines(helpText({ columns: 80, version: '10.10.10' }));
    expect(text.length).toBeLessThanOrEqual(24);
    for (const line of text) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  test('names only options that are read', () => {
    const text = helpText({ columns: 80, version: '1' });
    const named = [...text.matchAll(/--[a-z][a-z-]*/g)].map(([name]) => name);
    const known = [...valgrindOptions, ...ownOptions].map(({ name }) => name);
    expect(named.length).toBeGreaterThan(9);
    for (const name of named.filter((name) => name !== '--name')) expect(known).toContain(name);
    // Every tool but those that are for valgrind's own developers.
    for (const { name, yields } of tools) if (yields !== 'log') expect(text).toContain(name);
  });

  test.each(tools.map(({ name }) => name))('of %s lists all that it takes, with a line for each', (tool) => {
    const text = helpText({ columns: 100, version: '1', tool });
    for (const option of [...valgrindOptions, ...perfOptions]) {
      const listed = belongsTo(option, tool) && option.undocumented !== true;
      const isBasic = option.group !== 'debug' && option.group !== 'vex';
      expect(new RegExp(`^  ${option.name}(=| |$)`, 'm').test(text), option.name).toBe(listed && isBasic);
      if (listed && isBasic) expect(option.summary, option.name).toBeTruthy();
    }
    expect(text).toContain('--timeout=TIME');
  });

  test('tells the values and the default', () => {
    const text = helpText({ columns: 120, version: '1', tool: 'helgrind' });
    expect(text).toMatch(
      /--history-level=none\|approx\|full +how much of the earlier access is kept \[full\]/,
    );
  });

  test('in full has also what is for debugging valgrind', () => {
    expect(helpText({ columns: 80, version: '1', detail: 'full' })).toContain('--trace-syscalls=no|yes');
  });

  test('of options that can change while the program runs has only those', () => {
    const text = helpText({ columns: 80, version: '1', detail: 'dynamic' });
    expect(text).toContain('--leak-check=');
    expect(text).not.toContain('--track-origins');
  });

  test('fits every wider terminal, but for a word that is longer', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 80, max: 200 }),
        fc.constantFrom(undefined, ...tools.map(({ name }) => name)),
        (columns, tool) => {
          const text = helpText({ columns, version: '1', ...(tool === undefined ? {} : { tool }) });
          const wide = lines(text).filter((line) => line.length > columns && line.trim().includes(' '));
          expect(wide).toEqual([]);
        },
      ),
    );
  });
});

describe('a near word', () => {
  test('is found at most two letters away, the nearest first', () => {
    expect(nearest('--leak-chek', ['--leak-check', '--leak-cheek'])).toBe('--leak-check');
    expect(nearest('--laek-check', ['--leak-check'])).toBe('--leak-check');
    expect(nearest('--tag', ['--tool', '--tab'])).toBe('--tab');
    expect(nearest('--x', ['--y'])).toBeUndefined();
  });

  test('has a distance that is symmetric, and 0 only to itself', () => {
    const short = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(short, short, (a, b) => {
        expect(distance(a, b, 8)).toBe(distance(b, a, 8));
        expect(distance(a, b, 8) === 0).toBe(a === b);
        expect(distance(a, b, 8)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

describe('the registry', () => {
  const head = (text: string) => new TextEncoder().encode(text);

  test('knows a log by its first bytes', () => {
    expect(readerFor(head('<?xml version="1.0"?>\n\n<valgrindoutput>\n\n<protocolversion>4'))?.name).toBe(
      'valgrind-xml',
    );
    expect(readerFor(head('==12== Memcheck, a memory error detector\n==12== Copyright (C)\n'))?.name).toBe(
      'valgrind-text',
    );
    expect(readerFor(head('hello\n'))).toBeUndefined();
    expect(readerFor(new Uint8Array())).toBeUndefined();
  });

  test('understands the errors of tools that it cannot launch', () => {
    const error = { image: 0, kind: 'FdBadClose', what: 'x', threads: [], leakCheck: 0, parts: [] };
    expect(interpreterFor('none')(error)).toMatchObject({ tool: 'none', kind: 'FdBadClose' });
    expect(interpreterFor('helgrind')(error)).toMatchObject({ tool: 'helgrind' });
  });
});
