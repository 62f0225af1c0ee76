// Logs of sanitizers as they come from terminals, CI and phones: mixed, prefixed, of several processes, cut.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FindingRecord, Frame } from '../../src/model/finding.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import { parseFrame } from '../../src/tools/_shared/sanitizer-frames.ts';
import { sanitizerReader } from '../../src/tools/_shared/sanitizer-log.ts';
import { readerFor } from '../../src/tools/readers.ts';
import type { ReadContext } from '../../src/tools/tool.ts';
import { readWith } from '../recordings.ts';

const corpus = join(import.meta.dirname, '..', 'corpus');
const recorded = (path: string) => readFileSync(join(corpus, path), 'latin1');

const useAfterFree = recorded('asan/recorded-gcc/input.heap-use-after-free.txt');
const overflow = recorded('asan/recorded-clang/input.stack-buffer-overflow.txt');
const leaks = recorded('lsan/recorded-gcc/input.leak.txt');
const undefinedBehaviour = recorded('ubsan/recorded-clang/input.stack-alignment.txt');
const uninitialized = recorded('msan/recorded-clang/input.heap.txt');

const read = (text: string, own?: Partial<ReadContext>) =>
  readWith(sanitizerReader, [Buffer.from(text, 'latin1')], own);

function findingsOf(records: readonly ParsedRecord[]): FindingRecord[] {
  return records.filter((record) => record.type === 'finding');
}

/** What is found, without where in the log. */
async function foundIn(text: string): Promise<unknown[]> {
  return findingsOf(await read(text)).map(({ span, image, ...finding }) => finding);
}

function problemsOf(records: readonly ParsedRecord[]) {
  return records.flatMap((record) => (record.type === 'problem' ? [record.problem] : []));
}

describe('what stands before each line', () => {
  const prefixes: readonly (readonly [string, string])[] = [
    ['GitHub Actions', '2024-05-01T10:11:12.1234567Z '],
    ['ctest', '12: '],
    ['logcat', 'I/DEBUG   ( 1234): '],
    ['logcat with threadtime', '06-01 12:00:00.000  123  123 I wrap.sh: '],
    ['docker-compose', 'server_1  | '],
    ['a fuzzer', 'CRASH LOG: '],
  ];

  test.each(prefixes)('%s', async (_, prefix) => {
    for (const log of [useAfterFree, overflow, leaks, uninitialized]) {
      const prefixed = log.replace(/^/gm, prefix);
      expect(await foundIn(prefixed)).toEqual(await foundIn(log));
      expect(sanitizerReader.recognizes(Buffer.from(prefixed))).toBe(true);
    }
  });

  test.each(prefixes.filter(([name]) => name !== 'a fuzzer' && name !== 'docker-compose'))(
    '%s, before errors of UBSan',
    async (_, prefix) => {
      expect(await foundIn(undefinedBehaviour.replace(/^/gm, prefix))).toEqual(
        await foundIn(undefinedBehaviour),
      );
    },
  );

  test('colours of a terminal and no-break spaces of a web page are none of the text', async () => {
    expect(await foundIn(useAfterFree.replaceAll(' ', '\u00C2\u00A0'))).toEqual(await foundIn(useAfterFree));
    const coloured = recorded('asan/recorded-clang/input.colours.txt');
    expect(coloured).toContain('\x1b[');
    expect(await foundIn(coloured)).toMatchObject([{ kind: 'heap-use-after-free', thread: { id: 0 } }]);
  });

  test('the name of the program in the mark becomes its command', async () => {
    const [process] = await read(recorded('asan/recorded-gcc/input.log-exe-name.txt'));
    expect(process).toMatchObject({ type: 'process', argv: ['faults-gcc'] });
  });
});

describe('several reports', () => {
  const asPid = (log: string, pid: number) => log.replace(/==\d+==/g, `==${pid}==`);

  test('one after the other are as many processes as there are pids', async () => {
    const records = await read(asPid(useAfterFree, 7) + asPid(overflow, 8) + asPid(leaks, 9));
    const processes = records.flatMap((record) =>
      record.type === 'process' ? [[record.pid, record.tool]] : [],
    );
    expect(processes).toEqual([
      [7, 'asan'],
      [8, 'asan'],
      [9, 'lsan'],
    ]);
    expect(findingsOf(records).length).toBe(5);
    expect(records.filter((record) => record.type === 'process-end' && record.complete).length).toBe(3);
  });

  test('a pid that comes again after its process was ended by a report is another process', async () => {
    const records = await read(asPid(useAfterFree, 7).repeat(3));
    expect(records.filter(({ type }) => type === 'process').length).toBe(3);
    expect(findingsOf(records).length).toBe(3);
  });

  test('output of the program between the lines is not of the report', async () => {
    const noisy = useAfterFree.replace(/^(?=freed by|previously|0x|SUMMARY)/gm, 'served 12 requests\n');
    expect(noisy).not.toBe(useAfterFree);
    expect(await foundIn(noisy)).toEqual(await foundIn(useAfterFree));
  });

  test('errors of UBSan that come before the pid is told are of the same process', async () => {
    const records = await read(undefinedBehaviour + asPid(useAfterFree, 7));
    expect(records.filter(({ type }) => type === 'process')).toMatchObject([{ pid: 7, tool: 'asan' }]);
    expect(findingsOf(records).map(({ tool }) => tool)).toEqual(['ubsan', 'ubsan', 'asan']);
  });

  test('a line of one process within the report of another opens a report of its own', async () => {
    const [head = '', ...rest] = asPid(useAfterFree, 7).split(/^(?=freed by)/m);
    const records = await read(head + asPid(leaks, 8) + rest.join(''));
    expect(findingsOf(records).filter(({ tool }) => tool === 'lsan').length).toBe(3);
    expect(findingsOf(records).filter(({ tool }) => tool === 'asan').length).toBe(1);
  });
});

describe('what the log admits', () => {
  test('LeakSanitizer under a debugger looked for nothing, and says the remedy', async () => {
    const records = await read(recorded('lsan/recorded-gcc/input.under-ptrace.txt'));
    expect(problemsOf(records)).toMatchObject([{ code: 'leak-check-failed', level: 'incomplete' }]);
    expect(problemsOf(records)[0]?.hint).toContain('strace');
    expect(records.find(({ type }) => type === 'process-end')).toMatchObject({ complete: false });
  });

  test('leaks that do not add up to the summary are not all there', async () => {
    const without = leaks.replace(/Direct leak of 10 .*?\n\n/s, '');
    const records = await read(without);
    expect(findingsOf(records).length).toBe(2);
    expect(problemsOf(records)).toMatchObject([{ code: 'totals-disagree', level: 'incomplete' }]);
  });

  test('suppressions that hid leaks are counted', async () => {
    const records = await read(recorded('lsan/recorded-clang/input.suppressed.txt'));
    expect(records.filter(({ type }) => type === 'suppression-use')).toMatchObject([
      { name: 'allocate', count: 3, bytes: 33 },
    ]);
  });

  test('a CHECK of the runtime that failed is no finding', async () => {
    const records = await read(recorded('msan/compiler-rt/input.check-handler.cpp.txt'));
    expect(findingsOf(records)).toEqual([]);
    expect(problemsOf(records)).toMatchObject([{ code: 'instrument-died', level: 'incomplete' }]);
  });

  test('a deadly signal is told as such besides', async () => {
    const records = await read(recorded('asan/recorded-clang/input.segv-null.txt'));
    expect(records.find(({ type }) => type === 'fatal-signal')).toMatchObject({
      number: 11,
      name: 'SIGSEGV',
      address: '0x000000000000',
    });
    expect(findingsOf(records)).toMatchObject([{ kind: 'SEGV', access: { operation: 'write' } }]);
  });

  test('exit statistics are the last word of a process that found nothing', async () => {
    const records = await read(recorded('asan/recorded-clang/input.exit-stats.txt'));
    expect(records.map(({ type }) => type)).toEqual(['process', 'process-end']);
    expect(records[1]).toMatchObject({ complete: true });
  });
});

describe('recognising', () => {
  test.each([
    'panic: runtime error: invalid memory address or nil pointer dereference\n',
    'see https://clang.llvm.org/docs/AddressSanitizer.html\ncc -fsanitize=address\n',
    '==1== Memcheck, a memory error detector\n==1== ERROR SUMMARY: 0 errors\n',
    'main.go:12: panic: runtime error: index out of range\n',
  ])('%j is no log of a sanitizer', (text) => {
    expect(sanitizerReader.recognizes(Buffer.from(text))).toBe(false);
  });

  test('a report far behind the output of a build is found', () => {
    const log = `${'[1/9] CC a.o\n'.repeat(3000)}${useAfterFree}`;
    expect(readerFor(Buffer.from(log).subarray(0, 64 * 1024))).toBe(sanitizerReader);
  });
});

describe('frames', () => {
  test.each<[string, Frame]>([
    [
      '0x55f2 in f(int) /dir/file.c:12:5',
      { ip: '0x55f2', function: 'f(int)', directory: '/dir', file: 'file.c', line: 12, column: 5 },
    ],
    ['0x55f2  (/path/prog+0x11d1) (BuildId: abc0)', { ip: '0x55f2', object: '/path/prog', offset: '0x11d1' }],
    ['0x7ff  (<unknown module>)', { ip: '0x7ff' }],
    ['f <null> (prog+0x51)', { function: 'f', object: 'prog', offset: '0x51' }],
    [
      'main simple.cc:12 (exe+0x12)',
      { function: 'main', file: 'simple.cc', line: 12, object: 'exe', offset: '0x12' },
    ],
    [
      '0x1 in Verify+0x12ab (C:\\x\\y (1)\\a.dll+0x180)',
      { ip: '0x1', function: 'Verify', object: 'C:\\x\\y (1)\\a.dll', offset: '0x180' },
    ],
    ['0x7f5  /build/x/memmove.S:345', { ip: '0x7f5', directory: '/build/x', file: 'memmove.S', line: 345 }],
    [
      '0x1 in f c:\\b\\my dir\\a.cc:12',
      { ip: '0x1', function: 'f', directory: 'c:\\b\\my dir', file: 'a.cc', line: 12 },
    ],
    ['0x1 in f C:\\a\\b.cc(12)', { ip: '0x1', function: 'f', directory: 'C:\\a', file: 'b.cc', line: 12 }],
    [
      '0x1 in operator()(int) const src/a.cc:1:2',
      { ip: '0x1', function: 'operator()(int) const', directory: 'src', file: 'a.cc', line: 1, column: 2 },
    ],
    ['0x1 in -[Foo bar:baz:] Foo.m:3', { ip: '0x1', function: '-[Foo bar:baz:]', file: 'Foo.m', line: 3 }],
    [
      '0x1 in wrap_strlen (prog:x86_64+0x77)',
      { ip: '0x1', function: 'wrap_strlen', object: 'prog', offset: '0x77' },
    ],
    ['0x1 in operator new(unsigned long)', { ip: '0x1', function: 'operator new(unsigned long)' }],
    [
      '0x1 in main /home/user/my app (2)/a.c:4:1',
      { ip: '0x1', function: 'main', directory: '/home/user/my app (2)', file: 'a.c', line: 4, column: 1 },
    ],
    ['0x1 in f ??:0', { ip: '0x1', function: 'f' }],
  ])('%s', (text, frame) => {
    expect(parseFrame(text)).toEqual(frame);
  });

  test('equal frames are one object, also under other numbers', async () => {
    const frames = findingsOf(await read(useAfterFree.repeat(2))).flatMap(({ stacks }) =>
      stacks.flatMap((stack) => stack.frames),
    );
    expect(new Set(frames).size).toBe(new Set(frames.map((frame) => JSON.stringify(frame))).size);
  });

  test('addresses without names are asked of the symbols', async () => {
    const asked: string[] = [];
    const own: Frame = { function: 'inner', file: 'a.c', line: 3 };
    const symbols = {
      framesAt: (object: string, offset: number) => {
        asked.push(`${object}+${offset}`);
        return object.endsWith('faults-gcc') ? [own, { function: 'outer', file: 'a.c', line: 9 }] : undefined;
      },
    };
    const [finding] = findingsOf(
      await read(recorded('asan/recorded-gcc/input.unsymbolized-segv-null.txt'), { symbols }),
    );
    const frames = finding?.stacks[0]?.frames ?? [];
    expect(frames.map((frame) => frame.function).slice(0, 2)).toEqual(['inner', 'outer']);
    expect(frames[0]?.offset).toMatch(/^0x/);
    expect(asked.some((text) => text.includes('libc.so.6'))).toBe(true);
  });
});
