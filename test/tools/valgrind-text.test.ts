// The text log reader: what it takes as valgrind's word, and what it never makes up.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ParsedRecord } from '../../src/model/record.ts';
import { valgrindText } from '../../src/tools/_shared/valgrind-text.ts';
import { valgrindXml } from '../../src/tools/_shared/valgrind-xml.ts';
import type { ReadContext, Reader } from '../../src/tools/tool.ts';
import { chunksOf, readWith } from '../recordings.ts';

type RecordOf<Type extends ParsedRecord['type']> = Extract<ParsedRecord, { type: Type }>;

function read(
  input: string | Buffer,
  reader: Reader = valgrindText,
  piece = 4096,
  own: Partial<ReadContext> = {},
): Promise<ParsedRecord[]> {
  return readWith(reader, chunksOf(Buffer.from(input), piece), { artifact: 'a.log', ...own });
}

function only<Type extends ParsedRecord['type']>(
  records: readonly ParsedRecord[],
  type: Type,
): RecordOf<Type>[] {
  return records.filter((record): record is RecordOf<Type> => record.type === type);
}

function corpus(path: string): string {
  return readFileSync(join(import.meta.dirname, '../corpus', path), 'utf8');
}

/** Puts valgrind's mark before each line. */
function marked(text: string, pid = 7): string {
  return text.replace(/^/gm, `==${pid}== `).replace(/ +$/gm, ' ');
}

const preamble =
  'Memcheck, a memory error detector\nUsing Valgrind-3.19.0 and LibVEX; rerun with -h\nCommand: ./a.out\n\n';
const invalidRead =
  "Invalid read of size 4\n   at 0x10A: f (a.c:3)\n   by 0x10B: main (a.c:9)\n Address 0x8 is not stack'd, malloc'd or (recently) free'd\n\n";
const summary = '\nERROR SUMMARY: 1 errors from 1 contexts (suppressed: 0 from 0)\n';
const wholeLog = marked(preamble + invalidRead + summary.trimEnd());

describe('what a log tells', () => {
  test('of the process: tool, version, program, arguments with spaces, parent', async () => {
    const log = marked(
      `${preamble.replace('./a.out', './a\\ b.out 1\\\\2 \\<x\\>')}Parent PID: 3\n${summary}`,
    );
    const [process] = only(await read(log), 'process');
    expect(process).toMatchObject({
      pid: 7,
      ppid: 3,
      tool: 'memcheck',
      version: '3.19.0',
      argv: ['./a b.out', '1\\2', '<x>'],
      forked: false,
    });
  });

  test('a frame with its function, place and object, however they are printed', async () => {
    const frames = [
      ['at 0x1: main (a.c:3)', { function: 'main', file: 'a.c', line: 3 }],
      ['by 0x2: f (in /lib/x.so)', { function: 'f', object: '/lib/x.so' }],
      ['by 0x3: ??? (in /srv/app (deleted))', { object: '/srv/app (deleted)' }],
      ['by 0x4: (within /lib/old.so)', { object: '/lib/old.so' }],
      ['by 0x5: ???', {}],
      ['by 0x6: (below main) (libc.c:74)', { function: '(below main)', file: 'libc.c', line: 74 }],
      ['by 0x7: (below main)', { function: '(below main)' }],
      ['by 0x8: g (src/deep/a.c:12)', { function: 'g', directory: 'src/deep', file: 'a.c', line: 12 }],
      ['by 0x9: h (/a (b)/c.c:1)', { function: 'h', directory: '/a (b)', file: 'c.c', line: 1 }],
      [
        'by 0xA: main::{lambda(int)#1}::operator()(int) const (s.cpp:10)',
        { function: 'main::{lambda(int)#1}::operator()(int) const', file: 's.cpp', line: 10 },
      ],
      ['by 0xB: run(void (*)(int))', { function: 'run(void (*)(int))' }],
      ['by 0xC: operator new(unsigned long) (new.cc:50)', { function: 'operator new(unsigned long)' }],
    ] as const;
    const log = marked(
      `${preamble}Invalid read of size 1\n${frames.map(([line]) => `   ${line}`).join('\n')}\n\n`,
    );
    const [finding] = only(await read(log), 'finding');
    expect(finding?.stacks[0]?.frames).toHaveLength(frames.length);
    for (const [index, [line, expected]] of frames.entries()) {
      expect(finding?.stacks[0]?.frames[index], line).toMatchObject(expected);
    }
    expect(finding?.stacks[0]?.frames[4]).toEqual({ ip: '0x5' });
  });

  test('equal frames of one log are the same object', async () => {
    const [first, second] = only(await read(marked(preamble + invalidRead + invalidRead)), 'finding');
    expect(first?.stacks[0]?.frames[1]).toBeDefined();
    expect(first?.stacks[0]?.frames[1]).toBe(second?.stacks[0]?.frames[1]);
  });

  test('the thread is the one named last', async () => {
    const log = marked(
      `${preamble}${invalidRead}Thread 3 worker:\n${invalidRead}${invalidRead}Thread 1:\n${invalidRead}`,
    );
    const threads = only(await read(log), 'finding').map(({ thread }) => thread);
    expect(threads).toEqual([{ id: 1 }, { id: 3, name: 'worker' }, { id: 3, name: 'worker' }, { id: 1 }]);
  });

  test('a count from the list of -s belongs to the error shown before, and is no second finding', async () => {
    const records = await read(corpus('memcheck/error-counts/input.txt'));
    const findings = only(records, 'finding');
    expect(findings).toHaveLength(2);
    const [{ counts }] = only(records, 'counts') as [RecordOf<'counts'>];
    expect(findings.map(({ unique }) => counts.get(unique ?? ''))).toEqual([3, 1]);
  });

  test('an error that only the list of -s shows is a finding with its count', async () => {
    const log = marked(
      `${preamble}${summary.trim()}\n\n12 errors in context 1 of 1:\n${invalidRead}${summary}`,
    );
    const findings = only(await read(log), 'finding');
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ kind: 'InvalidRead', count: 12 });
  });

  test('a generated suppression belongs to the error above it, whatever the CI puts before the lines', async () => {
    const log = corpus('memcheck/suppressions-and-markers/input.txt');
    for (const leader of ['', '[  12s] ', '2024-05-01T12:00:00.123Z ']) {
      const findings = only(await read(log.replace(/^/gm, leader)), 'finding');
      expect(findings.map(({ suppression }) => suppression?.split('\n').slice(1))).toEqual([
        ['   <insert_a_suppression_name_here>', '   Memcheck:Addr4', '   fun:wr', '   fun:main', '}'],
        ['   <insert_a_suppression_name_here>', '   Memcheck:Addr4', '   fun:rd', '   fun:main', '}'],
        ['   <insert_a_suppression_name_here>', '   Memcheck:Addr4', '   fun:rd', '   fun:main', '}'],
      ]);
    }
  });

  test('each leak check of a run is a check of its own', async () => {
    const records = await read(corpus('memcheck/repeated-leak-checks/input.txt'));
    expect(only(records, 'finding').map(({ leak }) => leak?.check)).toEqual([1, 2, 2, 3, 3, 5, 5]);
    expect(only(records, 'process-end')[0]?.leakChecks).toBe(5);
  });

  test('heap, leaks and errors in numbers, with thousands grouped and changes since the last check', async () => {
    const log = marked(
      `${preamble}HEAP SUMMARY:\n    in use at exit: 1,234,567 bytes in 2,000 blocks\n  total heap usage: 3,000 allocs, 1,000 frees, 9,999,999 bytes allocated\n\nLEAK SUMMARY:\n   definitely lost: 1,600 (+200) bytes in 16 (+2) blocks\n   indirectly lost: 0 (+0) bytes in 0 (+0) blocks\n     possibly lost: 72,704 (+0) bytes in 1 (+0) blocks\n   still reachable: 31 (+0) bytes in 1 (+0) blocks\n                      of which reachable via heuristic:\n                        length64           : 31 (+0) bytes in 1 (+0) blocks\n        suppressed: 8 (+0) bytes in 1 (+0) blocks\n${summary}`,
    );
    const totals = Object.assign({}, ...only(await read(log), 'totals'));
    expect(totals).toMatchObject({
      heap: {
        inUse: { bytes: 1_234_567, blocks: 2000 },
        allocations: 3000,
        frees: 1000,
        allocatedBytes: 9_999_999,
      },
      leaks: {
        definite: { bytes: 1600, blocks: 16 },
        indirect: { bytes: 0, blocks: 0 },
        possible: { bytes: 72_704, blocks: 1 },
        reachable: { bytes: 31, blocks: 1 },
        suppressed: { bytes: 8, blocks: 1 },
        heuristics: { length64: { bytes: 31, blocks: 1 } },
      },
      errors: { errors: 1, contexts: 1, suppressed: 0, suppressedContexts: 0 },
    });
  });

  test('the signal that killed the program, where and why', async () => {
    const [signal] = only(await read(corpus('memcheck/segv-3.19/input.txt')), 'fatal-signal');
    expect(signal).toMatchObject({
      number: 11,
      name: 'SIGSEGV',
      event: 'Access not within mapped region',
      address: '0x8',
      stack: { frames: [{ function: 'main', file: 'segv.c', line: 3 }] },
    });
  });

  test('what the program printed through valgrind, with its stack', async () => {
    const messages = only(await read(corpus('memcheck/clientreq-3.19/input.txt')), 'message');
    const prints = messages.filter(({ source }) => source === 'client');
    expect(prints.map(({ text }) => text)).toEqual(['hello <client> & 42', 'with backtrace x']);
    expect(prints[1]?.stack?.frames.map(({ function: name }) => name)).toEqual([
      'VALGRIND_PRINTF_BACKTRACE',
      'main',
    ]);
  });

  test('an error right under a client print is an error', async () => {
    const findings = only(await read(corpus('memcheck/clientreq-3.19/input.txt')), 'finding');
    expect(findings[0]?.kind).toBe('ClientCheck');
  });

  test('descriptors left open are errors since 3.23, and a mere list before', async () => {
    const newer = only(await read(corpus('memcheck/fds-3.27/input.txt')), 'finding');
    expect(newer.map(({ kind, descriptor }) => [kind, descriptor])).toEqual([
      ['FdBadClose', { number: 3, path: '/dev/null' }],
      ['FdBadUse', { number: 3 }],
      ['FdNotClosed', { number: 4, path: '/tmp/x<&>y.txt' }],
      ['FdNotClosed', { number: 3 }],
    ]);
    const older = await read(corpus('memcheck/fds-3.19/input.txt'));
    expect(only(older, 'finding')).toEqual([]);
    expect(only(older, 'message')).toHaveLength(4);
  });
});

describe('processes', () => {
  test('lines of several processes in one file are told apart', async () => {
    const lines = (pid: number, name: string) =>
      marked(preamble + invalidRead.replace('f (a.c:3)', `${name} (a.c:3)`) + summary.trimEnd(), pid).split(
        '\n',
      );
    const [a, b] = [lines(1, 'fa'), lines(2, 'fb')];
    const records = await read(a.flatMap((line, index) => [line, b[index]]).join('\n'));
    expect(only(records, 'process').map(({ pid }) => pid)).toEqual([1, 2]);
    expect(
      only(records, 'finding').map(({ image, stacks }) => [image, stacks[0]?.frames[0]?.function]),
    ).toEqual([
      [0, 'fa'],
      [1, 'fb'],
    ]);
    expect(only(records, 'process-end')).toMatchObject([{ complete: true }, { complete: true }]);
  });

  test('a pid without preamble beside one that has it is its forked child', async () => {
    const processes = only(await read(corpus('memcheck/fork-one-file/input.txt')), 'process');
    const [parent, child] = processes;
    expect(processes).toHaveLength(2);
    expect(child).toMatchObject({ forked: true, ppid: parent?.pid, tool: 'memcheck', argv: ['./forker'] });
  });

  test('children that run side by side have the one process with a preamble for parent', async () => {
    const child = (pid: number) => marked(invalidRead.trimEnd(), pid);
    const records = await read(
      `${marked(preamble + invalidRead)}\n${child(8)}\n==8== \n${child(9)}\n==9== \n`,
    );
    expect(only(records, 'process').map(({ pid, ppid, forked }) => [pid, ppid, forked])).toEqual([
      [7, undefined, false],
      [8, 7, true],
      [9, 7, true],
    ]);
  });

  test('a second preamble of a pid is an exec: another image', async () => {
    const first = marked(preamble + invalidRead.trimEnd());
    const records = await read(`${first}\n==7== \n${wholeLog}`);
    expect(only(records, 'process').map(({ pid, image }) => [pid, image])).toEqual([
      [7, 0],
      [7, 1],
    ]);
    expect(only(records, 'process-end').map(({ image, complete }) => [image, complete])).toEqual([
      [0, false],
      [1, true],
    ]);
    expect(only(records, 'finding')).toHaveLength(2);
    expect(only(records, 'problem')).toEqual([]);
  });

  test('only a log with its ERROR SUMMARY is whole', async () => {
    const end = async (log: string) => only(await read(log), 'process-end')[0]?.complete;
    expect(await end(wholeLog)).toBe(true);
    expect(await end(wholeLog.slice(0, -1))).toBe(false);
    expect(await end(marked(preamble + invalidRead))).toBe(false);
  });

  test('with -q nothing tells whether the log is whole, and that is said', async () => {
    const records = await read(corpus('memcheck/quiet/input.txt'));
    expect(only(records, 'finding')).toHaveLength(4);
    expect(only(records, 'process-end')[0]?.complete).toBe(false);
    expect(only(records, 'problem').map(({ problem }) => problem.code)).toEqual(['end-not-shown']);
  });

  test('before 3.6 a log is whole only with the leaks that follow its ERROR SUMMARY', async () => {
    const log = corpus('memcheck/old-3.2-summary-first/input.txt');
    const end = async (text: string) => only(await read(text), 'process-end')[0]?.complete;
    expect(await end(log)).toBe(true);
    expect(await end(log.slice(0, log.indexOf('==2330==    still reachable')))).toBe(false);
    expect(await end(log.slice(0, log.indexOf('==2330== malloc/free')))).toBe(false);
  });
});

describe('warnings', () => {
  test('one in the middle of a stack leaves the stack whole', async () => {
    const log = marked(preamble + invalidRead + summary).replace(
      '==7==    by 0x10B',
      '--7-- WARNING: Serious error when reading debug info\n==7==    by 0x10B',
    );
    const records = await read(log);
    expect(only(records, 'finding')[0]?.stacks[0]?.frames).toHaveLength(2);
    expect(only(records, 'message')).toMatchObject([{ source: 'warning' }]);
  });

  test("the instrument's own log of a run is believed from its first line", async () => {
    const log = '==7== A sentence of the year 2040\n';
    expect(only(await read(log), 'message')).toEqual([]);
    const records = await read(log, valgrindText, 4096, { fromInstrument: true });
    expect(only(records, 'process')).toMatchObject([{ pid: 7 }]);
    expect(only(records, 'message')).toMatchObject([{ text: 'A sentence of the year 2040' }]);
  });
});

describe('what it does not believe', () => {
  test("a program's own line with such a mark is no finding", async () => {
    const records = await read(
      '==12== Invalid read of the manual\n==12== Invalid read of size 4\nnot a frame\n==13==    at 0x10: f (a.c:1)\n',
    );
    expect(only(records, 'finding')).toEqual([]);
    expect(only(records, 'process')).toEqual([]);
    expect(only(records, 'problem').map(({ problem }) => problem.code)).toEqual([
      'unclaimed-lines',
      'no-process',
    ]);
  });

  test('output of the program between and before the lines changes nothing', async () => {
    const noisy = wholeLog
      .split('\n')
      .flatMap((line, index) => [
        `output ${index}`,
        `   at 0x99: fake (fake.c:${index})`,
        index % 3 ? line : `half${line}`,
      ])
      .join('\n');
    // Half a line of output before the first line of a pid hides that line: nothing yet says that the pid is valgrind's.
    const clean = await read(noisy.replace('half==7== Memcheck', '==7== Memcheck'));
    const expected = await read(wholeLog);
    const withoutSpans = (records: readonly ParsedRecord[]) =>
      only(records, 'finding').map(({ span: _, ...finding }) => finding);
    expect(withoutSpans(clean)).toEqual(withoutSpans(expected));
    expect(only(clean, 'process')).toEqual(only(expected, 'process'));
  });

  test('a finding tells where its paragraph begins', async () => {
    const records = await read(wholeLog);
    for (const { what, span } of only(records, 'finding')) {
      expect(
        wholeLog
          .slice(span?.offset)
          .split('\n')[0]
          ?.replace(/^==\d+== +/, ''),
      ).toBe(what);
    }
  });

  test('what follows a headline must be a call stack', async () => {
    const records = await read(marked(`${preamble}Invalid read of size 4\n\n${summary}`));
    expect(only(records, 'finding')).toEqual([]);
    expect(only(records, 'problem').map(({ problem }) => [problem.code, problem.quote])).toEqual([
      ['error-without-stack', 'Invalid read of size 4'],
    ]);
  });

  test('an error that the end of the log cuts in two is left out, and named', async () => {
    const log = marked(preamble + invalidRead)
      .split('\n')
      .slice(0, 6)
      .join('\n');
    const records = await read(`${log}\n`);
    expect(only(records, 'finding')).toEqual([]);
    expect(
      only(records, 'problem').map(({ problem }) => [problem.code, problem.level, problem.quote]),
    ).toContainEqual(['truncated-log', 'incomplete', 'Invalid read of size 4']);
  });

  test('what it does not know it hands on as valgrind wrote it', async () => {
    const records = await read(
      marked(`${preamble}A sentence of the year 2040\n  with details\n\n${summary}`),
    );
    expect(only(records, 'message')).toEqual([
      { type: 'message', image: 0, source: 'tool', text: 'A sentence of the year 2040\n  with details' },
    ]);
  });
});

describe('when valgrind itself fails', () => {
  test.each([
    'valgrind: Unknown option: --leak-chek=full',
    "valgrind: failed to start tool 'nope' for platform 'amd64-linux': No such file or directory",
    'valgrind: ./absent: No such file or directory',
    'valgrind: fatal error: unsupported CPU.',
    'bash: line 1: valgrind: command not found',
  ])('%s', async (line) => {
    const records = await read(
      `${line}\nvalgrind: Use --help for more information or consult the user manual.\n`,
    );
    expect(records).toMatchObject([
      { type: 'problem', problem: { code: 'instrument-failed-to-start', level: 'incomplete', quote: line } },
    ]);
  });

  test('it says so, and what valgrind said of its stacks is kept', async () => {
    const records = await read(corpus('memcheck/instrument-died/input.txt'));
    expect(only(records, 'problem').map(({ problem }) => problem.code)).toEqual(['instrument-died']);
    expect(only(records, 'message').map(({ stack }) => stack?.frames.length)).toEqual([2, 2]);
    expect(only(records, 'process-end')[0]?.complete).toBe(false);
    expect(only(records, 'finding')).toHaveLength(1);
  });
});

describe('recognition', () => {
  test.each([
    'memcheck/leaks-3.19',
    'helgrind/hg-race-3.27',
    'drd/hg-cond-3.19',
    'memcheck/quiet',
    'memcheck/ci-seconds',
  ])('%s is a text log', (path) =>
    expect(valgrindText.recognizes(Buffer.from(corpus(`${path}/input.txt`)))).toBe(true),
  );

  test.each([
    ['nothing', ''],
    ['an XML log', corpus('memcheck/leaks-3.19/input.xml')],
    ['a shell script', '#!/bin/sh\nvalgrind --leak-check=full ./a.out\necho "==done=="\n'],
    ['a lookalike', '==1== hello\n==1==    at 0x1: f (a.c:1)\n--2-- bye\n'],
    ['a page about valgrind', 'It prints "Invalid read of size 4" and then\nERROR SUMMARY: 0 errors\n'],
    ['bytes', Buffer.from([0, 255, 10, 61, 61, 49, 61, 61])],
  ])('%s is none', (_, content) => {
    expect(valgrindText.recognizes(Buffer.from(content))).toBe(false);
  });
});

describe('the same program as text and as XML', () => {
  // What only one of the two formats prints, or prints in other words.
  const project = (records: readonly ParsedRecord[]) =>
    only(records, 'finding')
      .map(({ kind, what, leak, stacks }) =>
        JSON.stringify([
          kind,
          what.replace(/0x[\dA-Fa-f]+/g, 'ADDRESS'),
          leak && [leak.bytes, leak.directBytes, leak.indirectBytes, leak.blocks, leak.record],
          // The order that was observed first is in text logs only.
          ...stacks
            .filter(({ label }) => label !== 'observed order first')
            .map(({ label, frames }) => [
              label,
              ...frames.map((frame) => [frame.function, frame.file, frame.line]),
            ]),
        ]),
      )
      .sort();

  test.each(
    ['leaks', 'invalid-rw', 'segv', 'syscall-param', 'mismatched', 'fds']
      .flatMap((name) => [`memcheck/${name}-3.19`, `memcheck/${name}-3.27`])
      .concat(['helgrind/hg-locks-3.19', 'helgrind/hg-locks-3.27', 'drd/hg-locks-3.19', 'drd/hg-locks-3.27']),
  )('%s gives the same findings', async (path) => {
    const text = await read(corpus(`${path}/input.txt`));
    const xml = await read(corpus(`${path}/input.xml`), valgrindXml);
    expect(project(text)).toEqual(project(xml));
  });
});

describe('any bytes', () => {
  const samples = [
    'memcheck/leaks-3.27',
    'helgrind/hg-locks-3.19',
    'drd/hg-cond-3.19',
    'memcheck/fork-one-file',
    'memcheck/instrument-died',
    'memcheck/verbose',
    'memcheck/suppressions-and-markers',
  ].map((path) => Buffer.from(corpus(`${path}/input.txt`)));

  /** One process record before all others of an image, one process-end after them. */
  function checkImages(records: readonly ParsedRecord[]): void {
    const state = new Map<number, 'begun' | 'ended'>();
    for (const record of records) {
      if (record.type === 'problem') continue;
      if (record.type === 'process') {
        expect(state.has(record.image)).toBe(false);
        state.set(record.image, 'begun');
        continue;
      }
      expect(state.get(record.image)).toBe('begun');
      if (record.type === 'process-end') state.set(record.image, 'ended');
    }
    expect([...state.values()].filter((value) => value === 'begun')).toEqual([]);
  }

  test('a damaged log never throws, and each image begins and ends once', async () => {
    const damage = fc.record({
      sample: fc.constantFrom(...samples),
      length: fc.double({ min: 0, max: 1, noNaN: true }),
      changes: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), { maxLength: 20 }),
      piece: fc.integer({ min: 1, max: 5000 }),
    });
    await fc.assert(
      fc.asyncProperty(damage, async ({ sample, length, changes, piece }) => {
        const bytes = Buffer.from(sample.subarray(0, Math.floor(sample.length * length)));
        for (const [at, value] of changes) bytes[Math.floor(at * (bytes.length - 1))] = value;
        checkImages(await read(bytes, valgrindText, piece));
      }),
      { numRuns: 150 },
    );
  });

  test('lines in any order never throw, and each image begins and ends once', async () => {
    const lines = samples.flatMap((sample) => sample.toString().split('\n'));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...lines), { maxLength: 200 }), async (some) => {
        checkImages(await read(some.join('\n')));
      }),
      { numRuns: 100 },
    );
  });

  test('where the pieces of a log end makes no difference', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...samples),
        fc.integer({ min: 1, max: 300 }),
        async (sample, piece) => {
          expect(await read(sample, valgrindText, piece)).toEqual(await read(sample));
        },
      ),
      { numRuns: 40 },
    );
  });

  test('a line without end is shortened, and said to be', async () => {
    const long = 'x'.repeat(1_000_000);
    const records = await read(
      `${wholeLog.slice(0, wholeLog.indexOf('==7== Invalid'))}==7== ${long}\n${wholeLog.slice(wholeLog.indexOf('==7== Invalid'))}`,
    );
    expect(only(records, 'finding')).toHaveLength(1);
    expect(only(records, 'message')[0]?.text.length).toBeLessThan(65_537);
    expect(only(records, 'problem').map(({ problem }) => problem.code)).toEqual(['long-line']);
  });
});
