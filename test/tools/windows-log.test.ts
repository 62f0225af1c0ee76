// Logs of the debug heap and of Visual Leak Detector, in the encodings and with the prefixes that they come with.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { kinds } from '../../src/analyze/kinds-all.ts';
import { readDebugLine } from '../../src/tools/_shared/debug-output.ts';
import { projectRoot } from '../project.ts';
import { endsOf, findingsOf, linesOf, readLog } from './heap-log-reading.ts';

const logOf = (name: string) => readFileSync(join(projectRoot, 'test/corpus', name, 'input.txt'), 'utf8');
const data = ' Data: <                > CD CD CD CD CD CD CD CD CD CD CD CD CD CD CD CD ';
const dump = (...blocks: readonly string[]) =>
  [
    'Detected memory leaks!',
    'Dumping objects ->',
    ...blocks.flatMap((block) => [block, data]),
    'Object dump complete.',
    '',
  ].join('\n');

const plain = [
  'crt/unfreed 64 bytes in 1 at test.cpp:20',
  'crt/unfreed 8 bytes in 1 at list.cpp:9',
  'crt/unfreed 8 bytes in 1 at list.cpp:9',
  'crt/unfreed 12 bytes in 1',
  'crt/unfreed 4 bytes in 1',
];

describe('a dump of leaks', () => {
  test('is read block by block, with and without places', async () => {
    const records = await readLog(logOf('crt/lines-and-none'));
    expect(linesOf(records)).toEqual(plain);
    expect(findingsOf(records)[0]?.details).toEqual(['allocation number {130}', data.trim()]);
    expect(findingsOf(records)[0]?.stacks[0]?.frames).toEqual([
      { directory: 'C:/src/demo', file: 'test.cpp', line: 20 },
    ]);
    expect(endsOf(records)).toEqual([true]);
  });

  test.each([
    ['UTF-16 with a mark', (log: string) => Buffer.from(`\ufeff${log}`, 'utf16le')],
    ['UTF-16 without a mark', (log: string) => Buffer.from(log, 'utf16le')],
    ['big-endian UTF-16', (log: string) => Buffer.from(`\ufeff${log}`, 'utf16le').swap16()],
    ['UTF-8 with a mark', (log: string) => Buffer.from(`\ufeff${log}`)],
    ['CR LF', (log: string) => Buffer.from(log.replaceAll('\n', '\r\n'))],
    ['CR CR LF', (log: string) => Buffer.from(log.replaceAll('\n', '\r\r\n'))],
    ['no line end at its end', (log: string) => Buffer.from(log.trimEnd())],
  ])('in %s says the same', async (_, encode) => {
    for (const chunk of [1, 7, 4096]) {
      const records = await readLog(encode(logOf('crt/lines-and-none')), chunk);
      expect(linesOf(records)).toEqual(plain);
      expect(endsOf(records)).toEqual([true]);
    }
  });

  test('that the program makes twice counts a block once', async () => {
    expect(linesOf(await readLog(logOf('crt/twice')))).toEqual([
      'crt/unfreed 32 bytes in 1 at test.cpp:12',
      'crt/unfreed 64 bytes in 1 at test.cpp:11',
      'crt/unfreed 16 bytes in 1 at test.cpp:30',
    ]);
  });

  test('of two programs in one viewer is told apart by their pids', async () => {
    const records = await readLog(logOf('crt/debugview'));
    expect(records.flatMap((record) => (record.type === 'process' ? [record.pid] : []))).toEqual([
      1234, 5678,
    ]);
    expect(findingsOf(records).map(({ image, leak }) => [image, leak?.bytes])).toEqual([
      [0, 64],
      [1, 16],
    ]);
  });

  test('of two programs that ended one after the other is two programs, also with equal blocks', async () => {
    const one = dump('{130} normal block at 0x00780E80, 64 bytes long.');
    const ended = "The program '[4711] a.exe' has exited with code 0 (0x0).\n";
    const records = await readLog(`${one}${ended}${one}${ended}`);
    expect(linesOf(records)).toHaveLength(2);
    expect(endsOf(records)).toEqual([true, true]);
  });

  test('without its end is not whole', async () => {
    const records = await readLog(
      dump('{130} normal block at 0x00780E80, 64 bytes long.').replace(/Object.*\n/, ''),
    );
    expect(linesOf(records)).toEqual(['crt/unfreed 64 bytes in 1']);
    expect(endsOf(records)).toEqual([false]);
  });

  test('that is a list of what is there says so', async () => {
    const list = dump('{130} normal block at 0x00780E80, 64 bytes long.').replace(
      'Detected memory leaks!\n',
      '',
    );
    const records = await readLog(list);
    expect(records).toContainEqual({
      type: 'problem',
      problem: expect.objectContaining({ code: 'object-dump', level: 'warning' }),
    });
  });

  test('keeps file names with spaces and parentheses, and drops what a CI wrote before a drive letter', async () => {
    const records = await readLog(
      dump(
        'build 3 | D:\\my lib (old)\\a.cpp(210) : {2310} normal block at 0x0000023F105CE070, 5 bytes long.',
      ),
    );
    expect(findingsOf(records)[0]?.stacks[0]?.frames).toEqual([
      { directory: 'D:/my lib (old)', file: 'a.cpp', line: 210 },
    ]);
  });
});

describe('damage that the debug heap found', () => {
  test('is one finding for each message, with the place where the block is from', async () => {
    expect(linesOf(await readLog(logOf('crt/damage')))).toEqual([
      'crt/overflow allocated at test.cpp:10',
      'crt/underflow allocated at test.cpp:14',
      'crt/write-after-free',
      'crt/overflow allocated at old.cpp:31',
      'crt/unfreed 5 bytes in 1 at test.cpp:10',
    ]);
  });

  test('is reported also where the log has two lines and nothing else', async () => {
    const records = await readLog(
      'HEAP CORRUPTION DETECTED: after Normal block (#77) at 0x003A4D38.\nCRT detected that the application wrote to memory after end of heap buffer.',
    );
    expect(linesOf(records)).toEqual(['crt/overflow']);
    expect(endsOf(records)).toEqual([true]);
  });
});

describe('Visual Leak Detector', () => {
  test('gives leaks with their calls, their module and their thread', async () => {
    const [first, second] = findingsOf(await readLog(logOf('vld/v2')));
    expect(first?.leak).toMatchObject({ bytes: 36, blocks: 3 });
    expect(first?.thread).toEqual({ id: 12144 });
    expect(first?.stacks[0]?.frames.slice(0, 2)).toEqual([
      { object: 'ucrtbased.dll', function: 'malloc' },
      {
        object: 'Demo.exe',
        function: 'demo::Encoder::endCollection',
        directory: 'd:/src/demo',
        file: 'encoder.cc',
        line: 545,
      },
    ]);
    expect(second?.stacks[0]?.frames[1]).toEqual({ object: 'Demo.exe', ip: '0x00007FF651633D63' });
  });

  test('of version 1 has functions without modules', async () => {
    const [finding] = findingsOf(await readLog(logOf('vld/v1')));
    expect(finding?.stacks[0]?.frames.map(({ function: name }) => name)).toEqual([
      'allocate',
      'main',
      'mainCRTStartup',
      'RegisterWaitForInputIdle',
    ]);
  });

  test('that found nothing is whole; one that did not look is not', async () => {
    const none = await readLog(logOf('vld/none'));
    expect([endsOf(none), none.filter(({ type }) => type === 'problem')]).toEqual([[true], []]);
    const off = await readLog(logOf('vld/off'));
    expect(off).toContainEqual({
      type: 'problem',
      problem: expect.objectContaining({ code: 'not-measured', level: 'incomplete' }),
    });
  });

  test('beside the CRT in one output does not hide it', async () => {
    expect(linesOf(await readLog(logOf('vld/beside-crt')))).toHaveLength(plain.length + 2);
  });
});

test.each([
  ['00000012\t0.31415927\t[1234] Detected memory leaks!', 'Detected memory leaks!', 1234],
  ['12\t14:02:03.123\t[1234] Detected memory leaks!', 'Detected memory leaks!', 1234],
  ['[1234] Detected memory leaks!', 'Detected memory leaks!', 1234],
  ['2024-01-02T03:04:05.6789012Z 1: Object dump complete.', 'Object dump complete.', undefined],
  ['[12:34:56] app-1  | Object dump complete.', 'Object dump complete.', undefined],
  ['1>Object dump complete.', 'Object dump complete.', undefined],
  ['{130} normal block', '{130} normal block', undefined],
  ['C:\\a.cpp(1) : {1} x', 'C:\\a.cpp(1) : {1} x', undefined],
  ['0 bytes in 0 Free Blocks.', '0 bytes in 0 Free Blocks.', undefined],
  ['   78 56 34 12    xV4.', '78 56 34 12    xV4.', undefined],
])('what stands before a line is taken away: %s', (line, text, pid) => {
  expect(readDebugLine(line)).toEqual(pid === undefined ? { text } : { text, pid });
});

test.each(['memwatch', 'crt', 'vld'])('every kind in the logs of %s is explained', async (tool) => {
  const folder = join(projectRoot, 'test/corpus', tool);
  for (const name of readdirSync(folder)) {
    for (const finding of findingsOf(await readLog(readFileSync(join(folder, name, 'input.txt'))))) {
      const { tool: who, kind } = finding;
      expect(
        kinds.some((known) => known.tool === who && known.kind === kind),
        `${who}/${kind}`,
      ).toBe(true);
    }
  }
});
