// Holds that any `valgrind …` line of the articles that this project began with works with `vgrun` for `valgrind`,
// typography and all. Most were written for valgrind 3.2 or older; the texts are quoted letter by letter.
import { describe, expect, test } from 'vitest';
import { type CommandLine, readCommandLine } from '../../src/tools/_shared/command-line.ts';
import { planValgrind } from '../../src/tools/_shared/valgrind-plan.ts';
import { toolNamed } from '../../src/tools/index.ts';
import type { Tool } from '../../src/tools/tool.ts';

function read(words: readonly string[], terminal = true): CommandLine {
  return readCommandLine(words, { terminal, environmentOptions: [] });
}

describe('lines as they stand', () => {
  test.each([
    {
      where: 'the usual command',
      line: '--tool=memcheck --leak-check=full ./test',
      toolOptions: ['--leak-check=full'],
      program: './test',
    },
    {
      where: 'what valgrind itself advises at the end of a run',
      line: '--leak-check=full --show-reachable=yes ./test',
      toolOptions: ['--leak-check=full', '--show-leak-kinds=all'],
      program: './test',
    },
    {
      where: 'a CGI program',
      line: '--log-file-exactly=allen.log --tool=memcheck --leak-check=yes ./qqshow_user_info',
      toolOptions: ['--leak-check=full'],
      program: './qqshow_user_info',
      sinks: { logFile: 'allen.log' },
    },
    {
      where: 'a server that a configuration file starts',
      line: '--log-file=allen.log --tool=memcheck --leak-check=yes ./qqmail_worker',
      toolOptions: ['--leak-check=full'],
      program: './qqmail_worker',
      sinks: { logFile: 'allen.log' },
    },
    {
      where: 'dashes that a text editor lengthened',
      line: '–tool=memcheck –leak-check=yes ./mx',
      toolOptions: ['--leak-check=full'],
      program: './mx',
    },
    {
      where: 'one long dash',
      line: '–leak-check=full ./mx',
      toolOptions: ['--leak-check=full'],
      program: './mx',
    },
    {
      where: 'two dashes made one',
      line: '—leak-check=yes ./mx',
      toolOptions: ['--leak-check=full'],
      program: './mx',
    },
    {
      where: 'nginx and its workers',
      line: '–trace-children=yes ./nginx',
      toolOptions: ['--trace-children=yes'],
      program: './nginx',
    },
    {
      where: 'options after the program',
      line: './test --leak-check=full',
      toolOptions: ['--leak-check=full'],
      program: './test',
    },
  ])('$where: $line', ({ line, toolOptions, program, sinks = {} }) => {
    expect(read(line.split(' '))).toMatchObject({
      tool: 'memcheck',
      toolOptions,
      program,
      arguments: [],
      sinks,
    });
  });
});

/** Every option that the articles list, in their spelling, with what becomes of it; `note` is what is said besides. */
const listed: readonly {
  readonly words: readonly string[];
  readonly expected: Partial<CommandLine>;
  readonly note?: string;
}[] = [
  { words: ['–tool=memcheck'], expected: { tool: 'memcheck' } },
  { words: ['-tool=helgrind'], expected: { tool: 'helgrind' } },
  { words: ['-h'], expected: { help: 'short' } },
  { words: ['–help'], expected: { help: 'short' } },
  { words: ['-help'], expected: { help: 'short' } },
  { words: ['-version'], expected: { version: true } },
  { words: ['-q'], expected: { quiet: true } },
  { words: ['–quiet'], expected: { quiet: true } },
  { words: ['-quiet'], expected: { quiet: true } },
  { words: ['-v'], expected: { verbose: 1 } },
  { words: ['–verbose'], expected: { verbose: 1 } },
  { words: ['-trace-children=yes'], expected: { toolOptions: ['--trace-children=yes'] } },
  { words: ['-trace-children=no'], expected: { toolOptions: ['--trace-children=no'] } },
  { words: ['-track-fds=yes'], expected: { toolOptions: ['--track-fds=yes'] } },
  { words: ['-time-stamp=yes'], expected: { toolOptions: ['--time-stamp=yes'] } },
  { words: ['-log-fd=2'], expected: { sinks: { logFd: 2 } } },
  { words: ['-log-file=filename'], expected: { sinks: { logFile: 'filename' } } },
  {
    words: ['-log-file-exactly=file'],
    expected: { sinks: { logFile: 'file' } },
    note: "'-log-file-exactly=file' is --log-file=file today",
  },
  {
    words: ['-log-file-exactly=file', '-log-file-qualifier=USER'],
    expected: { sinks: { logFile: 'file.%q{USER}' } },
    note: "'-log-file-qualifier=USER' is --log-file=file.%q{USER} today",
  },
  {
    words: ['-log-file-qualifier=USER'],
    expected: { sinks: {}, toolOptions: [] },
    note: "'-log-file-qualifier=USER' is left out: it is for a --log-file=, and none is given",
  },
  { words: ['-log-socket=127.0.0.1:1500'], expected: { sinks: { logSocket: '127.0.0.1:1500' } } },
  {
    words: ['-xml=yes'],
    expected: { sinks: { xmlFd: 2 } },
    note: "'-xml=yes' without a place for it is --xml=yes --xml-fd=2 today: the XML goes to stderr",
  },
  { words: ['-num-callers=12'], expected: { toolOptions: ['--num-callers=12'] } },
  { words: ['-error-limit=no'], expected: { toolOptions: ['--error-limit=no'] } },
  { words: ['-error-exitcode=3'], expected: { errorExitcode: 3, toolOptions: [] } },
  {
    words: ['-db-attach=yes'],
    expected: { toolOptions: ['--vgdb=yes', '--vgdb-error=1'], debugger: ['gdb'] },
  },
  { words: ['-db-attach=no'], expected: { toolOptions: [] } },
  {
    words: ['-db-command=gdb -nw %f %p'],
    expected: { toolOptions: [] },
    note: "'-db-command=gdb -nw %f %p' is left out: it is for --db-attach=yes",
  },
  {
    words: ['-db-attach=yes', '-db-command=gdb -nw %f %p'],
    expected: { debugger: ['gdb', '-nw', '%f'] },
  },
  { words: ['-leak-check=no'], expected: { toolOptions: ['--leak-check=no'], leakCheck: 'no' } },
  { words: ['-leak-check=summary'], expected: { leakCheck: 'summary' } },
  { words: ['-leak-check=full'], expected: { leakCheck: 'full' } },
  { words: ['-leak-resolution=low'], expected: { toolOptions: ['--leak-resolution=low'] } },
  { words: ['-leak-resolution=med'], expected: { toolOptions: ['--leak-resolution=med'] } },
  { words: ['-leak-resolution=high'], expected: { toolOptions: ['--leak-resolution=high'] } },
  {
    words: ['-show-reachable=yes'],
    expected: { showLeakKinds: ['definite', 'indirect', 'possible', 'reachable'] },
    note: "'-show-reachable=yes' is --show-leak-kinds=all today",
  },
  {
    words: ['-show-reachable=no'],
    expected: { showLeakKinds: ['definite', 'possible'] },
    note: "'-show-reachable=no' is --show-leak-kinds=definite,possible today",
  },
];

describe('options that are listed', () => {
  test.each(listed)('$words', ({ words, expected, note }) => {
    const commandLine = read([...words, './test']);
    expect(commandLine).toMatchObject({ program: './test', ...expected });
    const dashes = words.filter((word) => !/^(--[a-z]|-[a-z]$)/.test(word));
    expect(commandLine.notes).toHaveLength(Math.max(dashes.length, note === undefined ? 0 : 1));
    if (note !== undefined) expect(commandLine.notes).toContain(note);
  });

  test('make a command line that valgrind takes, all together', () => {
    const words = listed.flatMap((option) => option.words).filter((word) => !word.includes('helgrind'));
    const commandLine = read([...words, './test']);
    const { options } = planValgrind(
      {
        tool: 'memcheck',
        toolOptions: commandLine.toolOptions,
        program: './test',
        arguments: [],
        capture: 'xml',
      },
      { directory: '/run', version: '3.19.0', xmlDescriptor: 9, environmentOptions: [] },
    );
    for (const option of options) expect(option).toMatch(/^(--verbose|-[vs]|--[a-z-]+=\S+)$/);
  });
});

describe('tools that are listed', () => {
  test.each(['callgrind', 'cachegrind', 'massif'])('%s runs, and its file is kept', (tool) => {
    const { toolOptions, ...commandLine } = read([`-tool=${tool}`, './test']);
    expect(commandLine).toMatchObject({ tool, program: './test' });
    const launch = { tool, toolOptions, program: './test', arguments: [], capture: 'text' } as const;
    const context = { directory: '/run', version: '3.19.0', xmlDescriptor: 9, environmentOptions: [] };
    const { options } = (toolNamed(tool) as Tool).plan(launch, context);
    expect(options).toContain(`--tool=${tool}`);
    expect(options).toContain(`--${tool}-out-file=/run/${tool}.out.%p`);
  });
});

describe('a debugger', () => {
  test('that nobody could answer is refused: there is no terminal', () => {
    expect(() => read(['--db-attach=yes', './test'], false)).toThrow(
      "'--db-attach=yes' asks at each error, and there is no terminal on which anybody could answer",
    );
  });

  test('waits for as many errors as the user says', () => {
    expect(read(['--vgdb-error=3', '--db-attach=yes', './test']).toolOptions).toEqual([
      '--vgdb-error=3',
      '--vgdb=yes',
    ]);
  });

  test('is gdb: of another one it is said that valgrind does not speak to it', () => {
    for (const command of ['ddd %f %p', '', 'lldb -p %p', 'gdb;rm %f']) {
      expect(() => read(['--db-attach=yes', `--db-command=${command}`, './test']), command).toThrow(
        'names no gdb',
      );
    }
    for (const gdb of ['/usr/bin/gdb', 'gdb-multiarch', 'arm-none-eabi-gdb', 'gdb.14']) {
      expect(read(['--db-attach=yes', `--gdb-path=${gdb}`, './test']).debugger).toEqual([gdb]);
    }
  });
});
