// Traces of mtrace: what is read from them is what glibc's own script reads, and nothing in them breaks the reader.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Frame } from '../../src/model/finding.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import { mtraceReader } from '../../src/tools/mtrace/parse.ts';
import { readerFor } from '../../src/tools/readers.ts';
import type { ReadContext } from '../../src/tools/tool.ts';
import { chunksOf, cutPoints, readWith } from '../recordings.ts';
import { type Judgement, judgementOfRecords, judgementOfScript } from './mtrace-script.ts';

const traces = join(import.meta.dirname, '../traces/mtrace');
const names = readdirSync(traces);
const traceOf = (name: string): Buffer => readFileSync(join(traces, name, 'trace.log'));

function read(bytes: Uint8Array | string, own: Partial<ReadContext> = {}, chunk = 1021) {
  return readWith(mtraceReader, chunksOf(Buffer.from(bytes as string), chunk), own);
}

function findingsIn(records: readonly ParsedRecord[]) {
  return records.filter((record) => record.type === 'finding');
}

function problemsIn(records: readonly ParsedRecord[]): readonly string[] {
  return records.flatMap((record) => (record.type === 'problem' ? [record.problem.code] : []));
}

function endOf(records: readonly ParsedRecord[]) {
  return records.find((record) => record.type === 'process-end');
}

describe.each(names)('the recorded trace %s', (name) => {
  const bytes = traceOf(name);

  test('says where it comes from', () => {
    const facts = JSON.parse(readFileSync(join(traces, name, 'case.json'), 'utf8'));
    for (const word of ['program', 'about', 'tool', 'toolVersion', 'command', 'source'])
      expect(facts[word]).toMatch(/\S/);
  });

  test('is known by its beginning, and read as the mtrace script reads it', async () => {
    expect(readerFor(bytes.subarray(0, 4096))?.name).toBe('mtrace');
    const script = judgementOfScript(readFileSync(join(traces, name, 'mtrace.txt'), 'utf8'));
    expect(script.blocks).toBeGreaterThan(0);
    expect(judgementOfRecords(await read(bytes))).toEqual(script);
  });

  test('says the same in chunks of any size and with CRLF line ends', async () => {
    const whole = judgementOfRecords(await read(bytes));
    for (const size of [1, 7, 4096]) expect(judgementOfRecords(await read(bytes, {}, size))).toEqual(whole);
    const windows = Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
    expect(judgementOfRecords(await read(windows))).toEqual(whole);
  });

  test('cut within a line it is not whole, and is read up to there', async () => {
    for (const length of cutPoints(bytes.length, 32)) {
      const part = bytes.subarray(0, length);
      const end = Math.max(0, part.lastIndexOf(10) + 1);
      if (end === length || part.subarray(end).every((byte) => byte === 0)) continue;
      const records = await read(part);
      if (end === 0) continue;
      expect(judgementOfRecords(records), `cut at ${length}`).toEqual(
        judgementOfRecords(await read(part.subarray(0, end))),
      );
      if (!part.includes('= End')) {
        expect(endOf(records)).toMatchObject({ complete: false });
        expect(problemsIn(records)).toContain('truncated-log');
      }
    }
  });
});

describe('a trace of glibc', () => {
  test('without its end is whole when its last line is: a program need not call muntrace()', async () => {
    expect(endOf(await read(traceOf('glibc-without-end')))).toMatchObject({ complete: true });
  });
  test('of a program that aborted is not whole, and says so', async () => {
    const records = await read(traceOf('glibc-aborted'));
    expect(endOf(records)).toMatchObject({ complete: false });
    expect(problemsIn(records)).toEqual(['truncated-log']);
  });
  test('that ends with a full buffer and no end is not whole', async () => {
    const line = '@ ./mt:[0x1207] + 0x5572732362a0 0x4\n';
    const head = '= Start\n';
    const lines = Math.floor((512 - head.length) / line.length) - 1;
    const filler = `@ ./mt:[0x1207] - 0x${'0'.repeat(600)}`;
    const begun = head + line.repeat(lines);
    const text = `${begun}${filler.slice(0, 512 - begun.length - 1)}\n`;
    expect(text.length).toBe(512);
    expect(endOf(await read(text))).toMatchObject({ complete: false });
  });
  test('into which a forked child wrote tells of addresses that were allocated twice', async () => {
    const kinds = findingsIn(await read(traceOf('glibc-fork'))).map(({ kind }) => kind);
    expect(kinds).toContain('alloc-twice');
  });
  test('that was appended to another is a process of its own', async () => {
    const both = Buffer.concat([traceOf('glibc-blocks'), traceOf('glibc-blocks')]);
    const records = await read(both);
    expect(records.filter(({ type }) => type === 'process')).toHaveLength(2);
    const one = findingsIn(await read(traceOf('glibc-blocks')));
    expect(findingsIn(records)).toHaveLength(2 * one.length);
  });
});

describe('a trace of our own', () => {
  test('names the program, the process and its parent', async () => {
    const [process] = await read(traceOf('own-threads'), { process: { pid: 1, argv: ['./threads', 'x y'] } });
    expect(process).toMatchObject({ pid: 10862, argv: ['./threads', 'x y'], forked: false });
    expect((await read(traceOf('own-forked')))[0]).toMatchObject({
      forked: true,
      argv: ['/home/user/demo/mtrace/forks'],
    });
  });
  test('of a process that was killed has zeros behind it, and they are no line', async () => {
    const begun = traceOf('own-aborted');
    const short = begun.subarray(0, begun.indexOf(0));
    const padded = Buffer.concat([short, Buffer.alloc(3_000_000)]);
    const records = await read(padded, {}, 65536);
    expect(judgementOfRecords(records)).toEqual(judgementOfRecords(await read(short)));
    expect(problemsIn(records)).toEqual([]);
    expect(endOf(records)).toMatchObject({ complete: false });
  });
  test('in which the process became another program calls nothing a leak', async () => {
    const records = await read(traceOf('own-aborted'), { process: { pid: 1, goesOn: true } });
    expect(findingsIn(records)).toEqual([]);
    expect(problemsIn(records)).toEqual(['blocks-at-exec']);
    const ended = await read(traceOf('own-threads'), { process: { pid: 1, goesOn: true } });
    expect(findingsIn(ended)).not.toEqual([]);
  });
  test('that had to stop is not whole, even when it has an end', async () => {
    const records = await read(
      '= Start\n= Program /p\n@ /p:[0x10] + 0x20 0x4\n= Stop the file could not grow\n',
    );
    expect(problemsIn(records)).toEqual(['trace-stopped']);
    expect(endOf(records)).toMatchObject({ complete: false });
  });
  test('of a program of the system says only that it was not looked at', async () => {
    const records = await read('= Start\n= Program /usr/bin/dash\n= Process 2 1\n= Skip\n= End\n');
    expect(records.map(({ type }) => type)).toEqual(['process', 'process-end', 'problem']);
    expect(endOf(records)).toMatchObject({ complete: true });
  });
  test('does not blame the program for what the loader and stdio keep', async () => {
    const records = await read(
      [
        '= Start',
        '@ /lib/x86_64-linux-gnu/libc.so.6:(_IO_file_doallocate+0x8c)[0x758cc] + 0x5590 0x1000',
        '@ /lib64/ld-linux-x86-64.so.2:[0x10cb3] + 0x7590 0x130',
        '@ /srv/ld-tools:[0x10] + 0x8590 0x1',
        '= End',
        '',
      ].join('\n'),
    );
    expect(findingsIn(records).map(({ leak }) => leak?.bytes)).toEqual([1]);
    expect(problemsIn(records)).toEqual(['blocks-of-the-system']);
  });
});

test('places get the names that a symbolizer knows for the byte before the return address', async () => {
  const asked: [string, number][] = [];
  const frames: readonly Frame[] = [{ function: 'inner', file: 'a.c', line: 3 }, { function: 'main' }];
  const records = await read(traceOf('glibc-blocks'), {
    symbols: {
      framesAt: (object, offset) => {
        asked.push([object, offset]);
        return offset === 0x11e2 ? frames : undefined;
      },
    },
  });
  expect(asked).toContainEqual(['./blocks', 0x11e2]);
  const named = findingsIn(records).find(({ leak }) => leak?.bytes === 100)?.stacks[0]?.frames;
  expect(named).toEqual(frames.map((frame) => ({ object: './blocks', offset: '0x11e3', ...frame })));
  const copied = findingsIn(records).find(({ leak }) => leak?.bytes === 5)?.stacks[0]?.frames;
  expect(copied).toEqual([
    { object: '/lib/x86_64-linux-gnu/libc.so.6', function: '__strdup', offset: '0x9e9aa' },
  ]);
});

describe('whatever is traced', () => {
  const address = fc
    .integer({ min: 1, max: 12 })
    .map((at) => `0x${(0x5590_0000_0000 + at * 16).toString(16)}`);
  const caller = fc.constantFrom('@ ./a b:[0x10] ', '@ /l:(f(int)+0x3)[0x20] ', '@ [0x30] ', '');
  const size = fc
    .integer({ min: 0, max: 2 ** 40 })
    .map((bytes) => (bytes === 0 ? '0' : `0x${bytes.toString(16)}`));
  const event = fc.oneof(
    fc
      .tuple(caller, fc.constantFrom('+', '>', '!'), address, size)
      .map(([a, b, c, d]) => `${a}${b} ${c} ${d}`),
    fc.tuple(caller, fc.constantFrom('-', '<'), address).map(([a, b, c]) => `${a}${b} ${c}`),
    fc.constantFrom('@ ./a:[0x10] + (nil) 0x99'),
  );

  /** The rules of the script, written down with strings. */
  function judge(lines: readonly string[]): Omit<Judgement, 'unfreed'> {
    const live = new Map<string, number>();
    let [unknownFrees, unknownReallocs, twice] = [0, 0, 0];
    for (const line of lines) {
      const [, sign = '', at = '', bytes] = /^(?:@ .*)?([-+<>!]) (\S+)(?: (\S+))?$/.exec(line) ?? [];
      if (sign === '-') unknownFrees += live.delete(at) ? 0 : 1;
      else if (sign === '<') unknownReallocs += live.delete(at) ? 0 : 1;
      else if (sign !== '!' && at !== '(nil)') {
        if (live.has(at)) twice++;
        else live.set(at, Number(bytes));
      }
    }
    const sizes = [...live.values()];
    const bytes = sizes.reduce((sum, each) => sum + each, 0);
    return { bytes, blocks: sizes.length, unknownFrees, unknownReallocs, twice };
  }

  test('it is judged by the rules of the script', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 200 }),
        fc.integer({ min: 1, max: 99 }),
        async (lines, chunk) => {
          const records = await read(`= Start\n${lines.join('\n')}\n= End\n`, {}, chunk);
          expect(judgementOfRecords(records)).toMatchObject(judge(lines));
          expect(problemsIn(records)).toEqual([]);
        },
      ),
    );
  });

  test('thousands of blocks come and go, and what is left is right', async () => {
    const lines: string[] = [];
    for (let round = 0; round < 4; round++) {
      for (let at = 0; at < 5000; at++)
        lines.push(`@ ./a:[0x10] + 0x${(0x1000 + at * 32).toString(16)} 0x20`);
      for (let at = 0; at < 5000; at++)
        if (round < 3 || at % 7 !== 0) lines.push(`@ ./a:[0x18] - 0x${(0x1000 + at * 32).toString(16)}`);
    }
    const records = await read(`= Start\n${lines.join('\n')}\n= End\n`, {}, 65536);
    expect(judgementOfRecords(records)).toMatchObject({ blocks: 715, unknownFrees: 0, twice: 0 });
  });

  test('bytes of any kind throw nothing, and each process ends', async () => {
    const line = fc.oneof(
      event,
      fc.string({ maxLength: 60 }),
      fc.constantFrom('= Start', '= Fork 12', '= End', '= Skip', '= Process 1', '= Program ', 'f560 0xd1'),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.uint8Array({ maxLength: 40 }), async (lines, rest) => {
        const bytes = Buffer.concat([Buffer.from(`${lines.join('\n')}\n`), rest]);
        const records = await read(bytes, {}, 37);
        const begun = records.filter(({ type }) => type === 'process').length;
        expect(records.filter(({ type }) => type === 'process-end')).toHaveLength(begun);
      }),
    );
  });
});
