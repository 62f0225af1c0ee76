// memwatch.log is read as memwatch means it; the logs in test/corpus/memwatch are of the real library.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../project.ts';
import { endsOf, findingsOf, linesOf, readLog } from './heap-log-reading.ts';

const logOf = (name: string) =>
  readFileSync(join(projectRoot, 'test/corpus/memwatch', name, 'input.txt'), 'utf8');
const banner = '============= MEMWATCH 2.71 Copyright (C) 1992-1999 Johan Lindh =============\n\n';
const end = '\nMemory usage statistics (global):\n U)nfreed bytes totals      : 0\n';

describe('the log of the real library', () => {
  test('of a program that loses malloc(100) and two of five malloc(50) says just that', async () => {
    const records = await readLog(logOf('lost-blocks'));
    expect(linesOf(records)).toEqual([
      'memwatch/unfreed 50 bytes in 1 at art.c:15',
      'memwatch/unfreed 50 bytes in 1 at art.c:15',
      'memwatch/unfreed 100 bytes in 1 at art.c:10',
    ]);
    expect(records.filter(({ type }) => type === 'totals')).toEqual([
      {
        type: 'totals',
        image: 0,
        heap: {
          inUse: { bytes: 200, blocks: 3 },
          allocations: 7,
          allocatedBytes: 550,
          allFreed: false,
        },
      },
    ]);
    expect(records.filter(({ type }) => type === 'problem')).toEqual([]);
    expect(endsOf(records)).toEqual([true]);
  });

  test('of a program with one error of each sort names each with both of its places', async () => {
    expect(linesOf(await readLog(logOf('errors')))).toEqual([
      'memwatch/overflow at errs.c:8 allocated at errs.c:8',
      'memwatch/underflow at errs.c:9 allocated at errs.c:9',
      'memwatch/double-free at errs.c:10 freed at errs.c:8',
      'memwatch/wild-free at errs.c:11',
      'memwatch/limit-fail at errs.c:14',
      'memwatch/unfreed 7 bytes in 1 at errs.c:13',
      'memwatch/unfreed 100 bytes in 1 at errs.c:13',
    ]);
  });

  test('of two runs that appended to one file is two runs', async () => {
    const records = await readLog(logOf('two-runs'));
    expect(endsOf(records)).toEqual([true, true]);
    expect(findingsOf(records).map(({ image }) => image)).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 1, 1]);
  });

  test('that stops before the statistics is not whole, whatever it said of the end', async () => {
    expect(endsOf(await readLog(logOf('killed')))).toEqual([false]);
    const stopped = logOf('lost-blocks').split('unfreed:')[0] as string;
    expect(stopped).toContain('Stopped at');
    const records = await readLog(stopped);
    expect(endsOf(records)).toEqual([false]);
    expect(findingsOf(records)).toEqual([]);
  });
});

describe('what a line says', () => {
  test('a double free says that the place of the first free may be another', async () => {
    const [finding] = findingsOf(
      await readLog(`${banner}double-free: <7> errs.c(10), 0x55a2 was freed from errs.c(8)\n${end}`),
    );
    expect(finding?.details.join()).toContain('the place of another free');
    expect(finding?.access).toEqual({ operation: 'free', address: '0x55a2' });
  });

  test('marks of damage stand with the block that was not freed', async () => {
    const records = await readLog(
      `${banner}unfreed: <2> test.c(9), 16 bytes at 0x1a3e4 [overflowed]  \t{41 AA}\n${end}`,
    );
    expect(findingsOf(records)[0]?.details[0]).toContain('[overflowed]');
  });

  test('more freed bytes in the statistics than blocks in the list are said to be missing', async () => {
    const records = await readLog(`${banner}${end.replace(': 0', ': 70')}`);
    expect(records).toContainEqual({
      type: 'problem',
      problem: expect.objectContaining({ code: 'totals-differ', level: 'incomplete' }),
    });
  });

  test('paths of Windows and parentheses in names are places too', async () => {
    const lines = [
      'WILD free: <8> C:\\src (old)\\errs.c(11), unknown pointer 0041A0B4',
      'double-free: <7> ../lib (2)/a.c(10), 0041A0B4 was freed from C:\\b.c(8)',
    ];
    const findings = findingsOf(await readLog(`${banner}${lines.join('\r\n')}\r\n${end}`));
    expect(findings.flatMap(({ stacks }) => stacks.flatMap(({ frames }) => frames))).toEqual([
      { directory: 'C:/src (old)', file: 'errs.c', line: 11 },
      { directory: '../lib (2)', file: 'a.c', line: 10 },
      { directory: 'C:', file: 'b.c', line: 8 },
    ]);
  });

  test('free(NULL) is allowed and no finding; what the program traced is its message', async () => {
    const records = await readLog(
      `${banner}NULL free: <4> a.c(14), NULL pointer free'd\nlist has 3 nodes\n${end}`,
    );
    expect(findingsOf(records)).toEqual([]);
    expect(
      records.flatMap((record) => (record.type === 'message' ? [[record.source, record.text]] : [])),
    ).toEqual([
      ['trace', "NULL free: <4> a.c(14), NULL pointer free'd"],
      ['client', 'list has 3 nodes'],
    ]);
  });

  test('a line that begins like a finding and goes on otherwise is a problem that quotes it', async () => {
    const records = await readLog(`${banner}overflow: something new\n${end}`);
    expect(records).toContainEqual({
      type: 'problem',
      problem: expect.objectContaining({ level: 'incomplete', quote: 'overflow: something new' }),
    });
  });
});
