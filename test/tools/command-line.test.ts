// Holds how `vgrun [options] program [arguments]` is read: whose each word is, and what is said about it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import {
  type CommandLine,
  type CommandLineContext,
  checkVersion,
  readCommandLine,
} from '../../src/tools/_shared/command-line.ts';
import { ownOptions } from '../../src/tools/_shared/own-options.ts';
import { valgrindOptions } from '../../src/tools/_shared/valgrind-options.ts';

/** Reads a command line without quotes in it. */
function read(line: string, context: Partial<CommandLineContext> = {}): CommandLine {
  return readCommandLine(line === '' ? [] : line.split(' '), {
    terminal: false,
    environmentOptions: [],
    ...context,
  });
}

/** The error for the user, as `message / hint`. */
function refusal(line: string, context: Partial<CommandLineContext> = {}): string {
  try {
    read(line, context);
  } catch (error) {
    if (error instanceof UserError) return `${error.message} / ${error.hint}`;
    throw error;
  }
  return 'not refused';
}

describe('before the program', () => {
  test('options of valgrind and of vgrun may be mixed', () => {
    const {
      own,
      toolOptions,
      program,
      arguments: words,
    } = read(
      '--leak-check=full --timeout 5m --report json=a.json --report=pretty=- --all -s ./test one --two',
    );
    expect(toolOptions).toEqual(['--leak-check=full', '-s']);
    expect(own).toMatchObject({ timeout: 300, report: ['json=a.json', 'pretty=-'], all: true, keep: 20 });
    expect([program, ...words]).toEqual(['./test', 'one', '--two']);
  });

  test('the first word without a dash is the program', () => {
    expect(read('./x').program).toBe('./x');
    expect(read('-q ./x -q').arguments).toEqual(['-q']);
  });

  test.each([
    ['--timeout=90', 90],
    ['--timeout=1.5', 1.5],
    ['--timeout 30s', 30],
    ['--timeout 2m', 120],
    ['--timeout=1h', 3600],
  ])('%s is so many seconds', (option, seconds) => {
    expect(read(`${option} ./x`).own.timeout).toBe(seconds);
  });

  test('each of our own options has a setting of its name, and none a name of valgrind', () => {
    for (const { name, type, choices } of ownOptions) {
      const value = { boolean: '', text: '=t', list: '=json=t', count: '=7', seconds: '=7', choice: '' }[
        type
      ];
      const given = type === 'choice' ? `=${choices?.at(-1)}` : value;
      const before = JSON.stringify(read('./x').own);
      expect(JSON.stringify(read(`${name}${given} ./x`).own), name).not.toBe(before);
      expect(valgrindOptions.map((option) => option.name)).not.toContain(name);
    }
  });

  test('a switch can be taken back', () => {
    expect(read('--all --no-all --full-stacks=yes ./x').own).toMatchObject({ all: false, fullStacks: true });
  });

  test.each([
    ['--leak-chek=full ./x', "unknown option '--leak-chek=full' / did you mean --leak-check?"],
    ['--repotr=json ./x', "unknown option '--repotr=json' / did you mean --report?"],
    [
      '--leak-check=ful ./x',
      "--leak-check cannot be 'ful'; it takes no, summary, yes or full / did you mean --leak-check=full?",
    ],
    [
      '--leak-check ./x',
      '--leak-check needs a value: no, summary, yes or full / write it with =, as in --leak-check=summary',
    ],
    [
      '--tool memcheck ./x',
      '--tool needs a value: memcheck, cachegrind, callgrind, helgrind, drd, massif, dhat, lackey, none or exp-bbv / write it with =, as in --tool=memcheck',
    ],
    [
      '--history-level=none ./x',
      '--history-level is an option of helgrind, not of memcheck / leave it out, or choose its tool: --tool=helgrind',
    ],
    ['--num-callers=501 ./x', "--num-callers cannot be '501'; it takes a number from 1 to 500 / undefined"],
    ['--quiet=yes ./x', '--quiet takes no value / write --quiet alone'],
    [
      '--show-leak-kinds=all,none ./x',
      "--show-leak-kinds cannot be 'all,none'; it takes one or more, with commas, of definite, indirect, possible or reachable; or all or none / undefined",
    ],
    ['--tool=helgrnd ./x', "valgrind has no tool 'helgrnd' / did you mean --tool=helgrind?"],
    [
      '--tool=exp-sgcheck ./x',
      "valgrind has no tool 'exp-sgcheck' any more; 3.15 was the last with it / use one of memcheck, helgrind, drd, asan, lsan, ubsan, tsan, msan, mtrace, memwatch, massif, dhat, heaptrack, callgrind, cachegrind, perf, gprof, lackey, gdb, none, exp-bbv",
    ],
    [
      '--cachegrind:xx=1 --foo:bar=1 ./x',
      "unknown option '--foo:bar=1': valgrind has no tool 'foo' / write --TOOL:name=value with one of memcheck, cachegrind, callgrind, helgrind, drd, massif, dhat, lackey, none, exp-bbv",
    ],
    [
      '--timeout=soon ./x',
      '--timeout cannot be "soon" / it takes: seconds, or a number with s, m or h, up to 576h',
    ],
    ['--capture=pipe ./x', '--capture cannot be "pipe" / it takes: xml, fd'],
    ['--report', '--report needs a value / write --report=FORMAT=FILE'],
    [
      '--leak-check=full',
      'no program to run is given / usage: vgrun [options] program [arguments]; more: vgrun --help',
    ],
    ['', 'no program to run is given / usage: vgrun [options] program [arguments]; more: vgrun --help'],
  ])('%s is refused, and it is said what would be right', (line, message) => {
    expect(refusal(line)).toBe(message);
  });

  test.each(['massif', 'callgrind', 'cachegrind', 'dhat', 'lackey', 'none', 'exp-bbv', 'perf', 'gprof'])(
    '%s is chosen by its name',
    (tool) => {
      expect(read(`--tool=${tool} ./x`)).toMatchObject({ tool, toolGiven: true, program: './x' });
    },
  );

  test("a tool of the user's own is left to the installed valgrind, with whatever options it has", () => {
    const { tool, toolOptions } = read('--tool=my-tool --my-option=3 --trace-children=no ./x');
    expect(tool).toBe('my-tool');
    expect(toolOptions).toEqual(['--my-option=3', '--trace-children=no']);
  });

  test('perf and gprof take no options of valgrind, perf takes those of perf record', () => {
    expect(read('--tool=perf --freq=99 --call-graph=dwarf ./x').toolOptions).toEqual([
      '--freq=99',
      '--call-graph=dwarf',
    ]);
    expect(refusal('--tool=perf --num-callers=9 ./x')).toBe(
      '--num-callers is an option of valgrind, not of perf / leave it out',
    );
    expect(refusal('--freq=99 ./x')).toBe(
      '--freq is an option of perf, not of memcheck / leave it out, or choose its tool: --tool=perf',
    );
  });

  test('options of valgrind that others have in another sense are not passed on to them', () => {
    expect(read('--tool=perf -q -v ./x')).toMatchObject({ toolOptions: [], quiet: true, verbose: 1 });
  });

  test.each(['massif', 'lackey'])('%s writes no XML, which is said before it runs', (tool) => {
    expect(refusal(`--tool=${tool} --xml=yes --xml-file=x.xml ./x`)).toBe(
      `${tool} writes no XML / leave out --xml; --report=json=FILE gives a report that programs can read`,
    );
  });

  test('an option for one tool only counts when that tool runs', () => {
    const line = '--memcheck:leak-check=full --helgrind:history-level=none ./x';
    expect(read(line).toolOptions).toEqual(['--leak-check=full']);
    expect(read(`--tool=helgrind ${line}`).toolOptions).toEqual(['--history-level=none']);
  });

  test.each([
    ['-h', { help: 'short' }],
    ['–help', { help: 'short' }],
    ['--help-debug', { help: 'full' }],
    ['--help-dyn-options', { help: 'dynamic' }],
    ['--version', { version: true }],
    ['-version', { version: true }],
  ])('%s needs no program', (line, expected) => {
    expect(read(line)).toMatchObject(expected);
  });

  test('-q and -v count', () => {
    expect(read('-v --verbose -q ./x')).toMatchObject({ quiet: true, verbose: 2 });
  });
});

describe('after the program', () => {
  test('what is unmistakably an option of valgrind goes to valgrind, and that is said', () => {
    const {
      toolOptions,
      arguments: words,
      lifted,
      notes,
    } = read('./test --leak-check=full in.txt --verbose');
    expect(toolOptions).toEqual(['--leak-check=full']);
    expect(lifted).toEqual(['--leak-check=full']);
    expect(words).toEqual(['in.txt', '--verbose']);
    expect(notes).toEqual([
      "'--leak-check=full' is taken as a valgrind option; write -- before it to pass it to the program",
    ]);
  });

  test('the tool may be named there, and then its options are lifted', () => {
    const { tool, toolOptions, arguments: words } = read('./test --history-level=none --tool=helgrind');
    expect(tool).toBe('helgrind');
    expect(toolOptions).toEqual(['--history-level=none']);
    expect(words).toEqual([]);
  });

  test.each([
    ['a log', '--log-file=x.log'],
    ['XML', '--xml=yes'],
    ['a flag', '-q'],
    ['help', '--help'],
    ['the version', '--version'],
    ['an option that programs have too', '--stats=yes'],
    ['an unlikely tool', '--tool=none'],
    ['an unknown tool', '--tool=hammer'],
    ["another tool's option", '--history-level=none'],
    ["one of vgrun's own", '--timeout=3'],
    ['a value that valgrind would refuse', '--leak-check=maybe'],
    ['an option of an earlier valgrind', '--db-attach=yes'],
  ])('%s is left to the program', (_, word) => {
    const { arguments: words, lifted, toolOptions } = read(`./test ${word}`);
    expect({ words, lifted, toolOptions }).toEqual({ words: [word], lifted: [], toolOptions: [] });
  });

  test('--lift-all takes options that programs have too, but never a log', () => {
    const { toolOptions, arguments: words } = read('--lift-all ./test --stats=yes --log-file=x');
    expect(toolOptions).toEqual(['--stats=yes']);
    expect(words).toEqual(['--log-file=x']);
  });

  test.each([
    ['--leak-chek=full', "'--leak-chek=full' goes to the program; did you mean valgrind's --leak-check?"],
    [
      '--track-origin=yes',
      "'--track-origin=yes' goes to the program; did you mean valgrind's --track-origins?",
    ],
    [
      '--leak-check',
      "'--leak-check' goes to the program; as a valgrind option it needs a value: no, summary, yes or full",
    ],
    [
      '--leak-check=ful',
      "'--leak-check=ful' goes to the program; valgrind's --leak-check takes no, summary, yes or full",
    ],
  ])('the near miss %s goes to the program, with a hint', (word, hint) => {
    const { arguments: words, notes } = read(`./test ${word}`);
    expect(words).toEqual([word]);
    expect(notes).toEqual([hint]);
  });

  test('options that resemble none of valgrind pass without a word', () => {
    expect(read('./test --tag=1 --foo --a --b=c --output=x --color').notes).toEqual([]);
  });

  test.each([
    ['-- ./test --leak-check=full', ['--leak-check=full']],
    ['./test -- --leak-check=full', ['--leak-check=full']],
    ['./test -- -- x', ['--', 'x']],
    ['-- ./test -- x', ['--', 'x']],
    ['./test a -- --leak-check=full', ['a', '--', '--leak-check=full']],
  ])('-- ends it: %s', (line, expected) => {
    const { arguments: words, lifted, notes } = read(line);
    expect({ words, lifted, notes }).toEqual({ words: expected, lifted: [], notes: [] });
  });

  test('what stands before -- is still lifted', () => {
    const { arguments: words, lifted } = read('./test --leak-check=full a -- --leak-check=no');
    expect(lifted).toEqual(['--leak-check=full']);
    expect(words).toEqual(['a', '--', '--leak-check=no']);
  });

  test('the last word wins, wherever it stands', () => {
    expect(read('--leak-check=full ./x --leak-check=no')).toMatchObject({
      leakCheck: 'no',
      toolOptions: ['--leak-check=full', '--leak-check=no'],
    });
  });
});

describe("places for valgrind's own output", () => {
  test.each([
    ['--log-file=a.log', { logFile: 'a.log' }],
    ['--log-file=a.log --log-fd=9', { logFd: 9 }],
    ['--log-socket=127.0.0.1:1500', { logSocket: '127.0.0.1:1500' }],
    ['--xml=yes --xml-file=a.%p.xml', { xmlFile: 'a.%p.xml' }],
    ['--xml=yes --xml-fd=9 --log-file=a', { xmlFd: 9, logFile: 'a' }],
    ['--xml=yes --xml-socket=h:1', { xmlSocket: 'h:1' }],
    ['--xml=yes', { xmlFd: 2 }],
    ['--xml=yes --xml=no', {}],
    ['--xml-file=a.xml', {}],
  ])('%s is taken out', (options, sinks) => {
    const commandLine = read(`${options} ./x`);
    expect(commandLine.sinks).toEqual(sinks);
    expect(commandLine.toolOptions).toEqual([]);
  });

  test('XML without --xml=yes, which valgrind would not write, is said', () => {
    expect(read('--xml-file=a.xml ./x').notes).toHaveLength(1);
  });

  test("--error-exitcode is vgrun's, but valgrind needs it to end at the first error", () => {
    expect(read('--error-exitcode=9 ./x')).toMatchObject({ errorExitcode: 9, toolOptions: [] });
    expect(read('--error-exitcode=0 ./x').errorExitcode).toBeUndefined();
    expect(read('--exit-on-first-error=yes --error-exitcode=9 ./x').toolOptions).toEqual([
      '--exit-on-first-error=yes',
      '--error-exitcode=9',
    ]);
  });
});

describe('rc files and VALGRIND_OPTS', () => {
  const environmentOptions = [
    '--leak-check=no',
    '--memcheck:show-leak-kinds=all',
    '--log-file=rc.log',
    '--error-exitcode=7',
    '--drd:num-callers=3',
    '-q',
    '--tool=drd',
  ];

  test('count as given first, and are not passed on again', () => {
    const commandLine = read('--leak-check=full ./x', { environmentOptions });
    expect(commandLine).toMatchObject({
      tool: 'memcheck',
      toolOptions: ['--leak-check=full'],
      sinks: { logFile: 'rc.log' },
      errorExitcode: 7,
      leakCheck: 'full',
      showLeakKinds: ['definite', 'indirect', 'possible', 'reachable'],
      quiet: true,
    });
  });

  test('choose no tool, as in valgrind, and that is said', () => {
    expect(read('./x', { environmentOptions: ['--tool=drd'] })).toMatchObject({
      tool: 'memcheck',
      notes: [
        "'--tool=drd' in valgrind's own settings chooses no tool: valgrind looks for it on the command line only",
      ],
    });
  });

  test('are ignored with --command-line-only=yes', () => {
    const commandLine = read('--command-line-only=yes ./x', { environmentOptions });
    expect(commandLine).toMatchObject({ sinks: {}, quiet: false });
    expect(commandLine.leakCheck).toBeUndefined();
  });

  test('may hold anything', () => {
    const hostile = [
      '',
      '-',
      '--',
      '=',
      '--=',
      '--log-fd=x',
      '--error-exitcode=',
      './x',
      '--xml-fd=',
      '--:=',
    ];
    expect(read('./x', { environmentOptions: hostile })).toMatchObject({ sinks: {}, toolOptions: [] });
  });
});

describe('the installed valgrind', () => {
  const check = (line: string, version: string) => () => checkVersion(read(`${line} ./x`), version);

  test('is asked for nothing that it does not have', () => {
    expect(check('--show-realloc-size-zero=no', '3.19.0')).toThrow(
      'valgrind 3.19.0 has no --show-realloc-size-zero; it came with 3.21',
    );
    expect(check('--track-fds=bad', '3.19.0')).toThrow(
      'valgrind 3.19.0 has no --track-fds=bad; it came with 3.26',
    );
    expect(check('--vgdb-stop-at=exit,abexit', '3.19.0')).toThrow('came with 3.20');
    expect(check('--tool=helgrind --free-is-write=yes', '3.6.1')).toThrow('came with 3.7');
  });

  test('may be newer than any that is known', () => {
    expect(check('--show-realloc-size-zero=no --track-fds=bad', '3.28.0.GIT')).not.toThrow();
    expect(check('--tool=drd --free-is-write=yes', '3.6.1')).not.toThrow();
    expect(check('--leak-check=full', '4.0.0')).not.toThrow();
  });
});

describe('whatever is typed', () => {
  const word = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('--', '-', '', '–', './test', 'a', '-q', '-v', '--xml=yes', '--all', '--no-all'),
    fc.constantFrom(...valgrindOptions.map(({ name }) => name)),
    fc
      .tuple(
        fc.constantFrom(...valgrindOptions.map(({ name }) => name)),
        fc.constantFrom('yes', 'no', 'all', 'full', '1', '', 'x', 'memcheck', 'helgrind', '0xff'),
      )
      .map(([name, value]) => `${name}=${value}`),
    fc.constantFrom(
      '--tool=helgrind',
      '--tool=drd',
      '--leak-check=full',
      '--num-callers=40',
      '--show-reachable=yes',
    ),
    fc.constantFrom(
      '–leak-check=yes',
      '—tool=memcheck',
      '-tool=memcheck',
      '--db-attach=yes',
      '--memcheck:x=1',
    ),
    fc.constantFrom(...ownOptions.map(({ name }) => name)),
  );
  const argv = fc.array(word, { maxLength: 8 });
  const context = fc.record({ terminal: fc.boolean(), environmentOptions: fc.array(word, { maxLength: 4 }) });

  test('is understood or refused with a sentence', () => {
    fc.assert(
      fc.property(argv, context, (words, surroundings) => {
        try {
          const { notes } = readCommandLine(words, surroundings);
          for (const note of notes) expect(note).toMatch(/^[^\x00-\x1f]+$/);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
          expect((error as UserError).status).toBe(125);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test('after a -- it reaches the program as it was', () => {
    fc.assert(
      fc.property(argv, fc.constantFrom(['--', './x'], ['./x', '--']), (words, start) => {
        const {
          program,
          arguments: rest,
          lifted,
        } = readCommandLine([...start, ...words], {
          terminal: false,
          environmentOptions: [],
        });
        expect([program, ...rest]).toEqual(['./x', ...words]);
        expect(lifted).toEqual([]);
      }),
    );
  });

  test('after the program it goes to the program or to valgrind, in order, and nothing is lost', () => {
    fc.assert(
      fc.property(argv, (words) => {
        fc.pre(words[0] !== '--');
        let result: CommandLine;
        try {
          result = readCommandLine(['./x', ...words], { terminal: false, environmentOptions: [] });
        } catch (error) {
          // `--tool=massif` after the program
          expect(error).toBeInstanceOf(UserError);
          return;
        }
        const lifted = [...result.lifted];
        const kept = [...result.arguments];
        for (const next of words) {
          if (lifted[0] === next && kept[0] !== next) lifted.shift();
          else expect(kept.shift()).toBe(next);
        }
        expect({ lifted, kept }).toEqual({ lifted: [], kept: [] });
      }),
      { numRuns: 1000 },
    );
  });
});
