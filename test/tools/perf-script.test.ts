// Holds what the readers of stacks say beside numbers: which files are theirs, what is missing, what a run knows better.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ParsedRecord } from '../../src/model/record.ts';
import { foldedFrame, foldedReader } from '../../src/tools/folded/parse.ts';
import { interpreterFor } from '../../src/tools/index.ts';
import { eventMeasure, withoutPrecision } from '../../src/tools/perf/events.ts';
import { perfScriptReader } from '../../src/tools/perf/parse.ts';
import type { ReadContext, Reader } from '../../src/tools/tool.ts';
import { mustBeConsistent } from '../profile-corpus.ts';
import { projectRoot } from '../project.ts';
import { problemsOf, profilesOf, stacksOf } from './stacks.ts';

async function read(
  reader: Reader,
  chunks: Iterable<Uint8Array> | string,
  process?: ReadContext['process'],
): Promise<readonly ParsedRecord[]> {
  let image = 0;
  const context = {
    artifact: 'input',
    nextImage: () => image++,
    interpreterFor,
    ...(process && { process }),
  };
  async function* source() {
    if (typeof chunks === 'string') yield Buffer.from(chunks);
    else yield* chunks;
  }
  const records: ParsedRecord[] = [];
  for await (const record of reader.read(source(), context)) records.push(record);
  return records;
}

const chain =
  '\t            11a9 leaf+0x20 (/home/user/demo/hot)\n\t            128d main+0x2c (/home/user/demo/hot)\n\n';
const sample = (head: string) => `${head}\n${chain}`;

describe('which files are theirs', () => {
  test('no source, document or log of this project is taken for stacks, but those that are', () => {
    const files = ['src', 'docs', 'test', 'examples-c', 'scripts'].flatMap((folder) =>
      readdirSync(join(projectRoot, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name)),
    );
    const taken = files.filter((file) => {
      const head = readFileSync(file).subarray(0, 64 * 1024);
      return [perfScriptReader, foldedReader].some((reader) => reader.recognizes(head));
    });
    expect(
      taken.filter(
        (file) => !/\/test\/profiles\/(?:perf|folded)\/[^/]+\/input\.txt$|\/stacks\.folded$/.test(file),
      ),
    ).toEqual([]);
    expect(taken.length).toBeGreaterThan(20);
  });

  test.each([
    ['a trace of ftrace', '  bash-123 [001] d..3.  12.345678: sched_switch: prev_comm=bash\n'],
    ['a kernel log', '[   12.345678] usb 1-1: new device 5\n'],
    ['a list of numbers', 'apples 5\npears 7\n'],
    ['code that ends with numbers', 'for (;;) {\n  a = 1;\n  return 5\n}\n'],
    ['a table with semicolons', 'name;size;count\na;b;c\nd;e;f\n'],
    ['nothing', ''],
  ])('%s is neither', (_, text) => {
    expect(perfScriptReader.recognizes(Buffer.from(text))).toBe(false);
    expect(foldedReader.recognizes(Buffer.from(text))).toBe(false);
  });
});

describe('perf script', () => {
  test('every stack weighs what stackcollapse-perf.pl makes of the same recording', async () => {
    const input = (name: string) =>
      readFileSync(join(projectRoot, 'test/profiles', name, 'input.txt'), 'utf8');
    const [profile] = profilesOf(await read(perfScriptReader, input('perf/kernel-frames-6.1')));
    const [tree] = profile?.trees ?? [];
    if (profile === undefined || tree === undefined) throw new Error('no profile');
    const folded = [...stacksOf(profile, tree)].map(([path, [period]]) => `hot;${path} ${period}`);
    expect(folded.sort()).toEqual(input('folded/stackcollapse-perf').trimEnd().split('\n').sort());
  });

  test('the command line that the run knows is kept, for perf knows fifteen letters of it', async () => {
    const text =
      sample('a-very-long-nam 12/12  1.000001: 5 cycles: ') + sample('child 13/13  1.000002: 5 cycles: ');
    const records = await read(perfScriptReader, text, { pid: 12, argv: ['./a-very-long-name', '-x'] });
    expect(
      records.flatMap((record) => (record.type === 'process' ? [[record.pid, record.argv]] : [])),
    ).toEqual([
      [12, ['./a-very-long-name', '-x']],
      [13, ['child']],
    ]);
  });

  test('a period that no counter can have counts as a sample only', async () => {
    const records = await read(perfScriptReader, sample(`hot 1/1 1.000001: ${'9'.repeat(400)} cycles: `));
    const [profile] = profilesOf(records);
    expect(profile?.totals).toEqual([0, 1]);
    expect(problemsOf(records)[0]).toMatch(/^absurd-number/);
  });

  test('a stack of any depth is read, and one deeper than any real one loses its outermost calls', async () => {
    const frame = '\t            11a9 again+0x20 (/home/user/demo/hot)\n';
    const records = await read(perfScriptReader, `hot 1/1 1.000001: 5 cycles: \n${frame.repeat(100_000)}\n`);
    const [profile] = profilesOf(records);
    if (profile === undefined) throw new Error('no profile');
    mustBeConsistent(profile);
    expect(profile.totals).toEqual([5, 1]);
    expect(problemsOf(records)).toEqual([expect.stringMatching(/^deep-stacks/)]);
  });

  test('most frames without a function are told, with what to do', async () => {
    const frame = '\t    7f15aa001000 [unknown] (/usr/lib/jvm/libjvm.so)\n';
    const records = await read(perfScriptReader, `hot 1/1 1.000001: 5 cycles: \n${frame.repeat(3)}${chain}`);
    const problem = records.find((record) => record.type === 'problem')?.problem;
    expect(problem?.message).toBe('3 of 5 frames have no known function');
    expect(problem?.hint).toMatch(/-fno-omit-frame-pointer/);
  });

  test('a line of a program that printed into the file is quoted, and the samples around it are read', async () => {
    const text = `${sample('hot 1/1 1.000001: 5 cycles: ')}Hello, world\n${sample('hot 1/1 1.000002: 5 cycles: ')}`;
    const records = await read(perfScriptReader, text);
    expect(profilesOf(records)[0]?.totals).toEqual([10, 2]);
    expect(records.find((record) => record.type === 'problem')?.problem).toMatchObject({
      code: 'unknown-line',
      level: 'incomplete',
      quote: 'Hello, world',
    });
  });

  test('cycles and cycles:ppp of one recording stay apart', async () => {
    const text = sample('hot 1/1 1.000001: 5 cycles: ') + sample('hot 1/1 1.000002: 7 cycles:ppp: ');
    const [profile] = profilesOf(await read(perfScriptReader, text));
    expect(profile?.measures.map(({ name }) => name)).toEqual(['cycles', 'cycles:ppp', 'samples']);
    expect(profile?.totals).toEqual([5, 7, 2]);
  });

  test.each([
    ['cpu-clock:ppp', 'cpu-clock', 'time on the processor', 'ns'],
    ['cycles:uppp', 'cycles:u', 'processor cycles in user mode', 'cycles'],
    [
      'cpu_core/instructions/',
      'cpu_core/instructions/',
      'instructions executed (cpu_core/instructions/)',
      'instructions',
    ],
    ['cache-misses:k', 'cache-misses:k', 'cache misses in the kernel', 'events'],
    ['sched:sched_switch', 'sched:sched_switch', 'sched:sched_switch', 'events'],
    ['constructor', 'constructor', 'constructor', 'events'],
  ])('%s is measured as %s', (event, name, title, unit) => {
    expect(eventMeasure(withoutPrecision(event))).toEqual({ name, title, unit });
  });

  test('memory does not follow the length of the text', async () => {
    const block = Buffer.from(sample('hot 1/1 1.000001: 5 cycles: ').repeat(1000));
    function* long() {
      for (let count = 0; count < 2000; count++) yield block;
    }
    const before = process.memoryUsage().rss;
    const [profile] = profilesOf(await read(perfScriptReader, long()));
    expect(profile?.totals).toEqual([10_000_000, 2_000_000]);
    expect(profile?.frames.length).toBe(2);
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(100);
  });

  test('a line without end takes no more memory than a line may have', async () => {
    const block = Buffer.alloc(1024 * 1024, 0x61);
    function* endless() {
      yield Buffer.from(sample('hot 1/1 1.000001: 5 cycles: '));
      for (let count = 0; count < 200; count++) yield block;
    }
    const before = process.memoryUsage().rss;
    const records = await read(perfScriptReader, endless());
    expect(profilesOf(records)[0]?.totals).toEqual([5, 1]);
    expect(problemsOf(records).some((text) => text.startsWith('long-line'))).toBe(true);
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(100);
  });
});

describe('folded stacks', () => {
  test('two numbers on every line are before and after, and the later one is looked at first', async () => {
    const [profile] = profilesOf(await read(foldedReader, 'a;b 1 2\na;c 0 5\n'));
    expect(profile?.measures.map(({ name }) => name)).toEqual(['before', 'after']);
    expect(profile?.primary).toBe(1);
    expect(profile?.totals).toEqual([1, 7]);
  });

  test('a name that ends with a number is a name when other lines have one number', async () => {
    const [profile] = profilesOf(await read(foldedReader, 'a;worker 12 5\na;b 1\n'));
    const [tree] = profile?.trees ?? [];
    if (profile === undefined || tree === undefined) throw new Error('no profile');
    expect([...stacksOf(profile, tree)]).toEqual([
      ['a;worker 12', [5]],
      ['a;b', [1]],
    ]);
  });

  test('a number that none can hold exactly is told and not added', async () => {
    const records = await read(foldedReader, 'a;b 3\na;c 99999999999999999999999\na;d 1e999\n');
    expect(profilesOf(records)[0]?.totals).toEqual([3]);
    expect(problemsOf(records)).toEqual([expect.stringMatching(/^absurd-number.*2 times/)]);
  });

  test('a negative weight is no weight', async () => {
    const records = await read(foldedReader, 'a;b 3\na;c -2\n');
    expect(profilesOf(records)[0]?.totals).toEqual([3]);
    expect(problemsOf(records)).toEqual(['unknown-line: a line is no folded stack']);
  });

  test.each([
    ['main', { function: 'main' }],
    ['ksys_read_[k]', { function: 'ksys_read', object: '[kernel]' }],
    ['push_back_[i]', { function: 'push_back', inlined: true }],
    ['Map.get_[j]', { function: 'Map.get' }],
    ['[libc-2.27.so]', { object: 'libc-2.27.so' }],
    ['[kernel.kallsyms]', { object: '[kernel.kallsyms]' }],
    ['[unknown]', {}],
    ['[GC]', { function: '[GC]' }],
  ])('%s is understood', (text, frame) => {
    expect(foldedFrame(text)).toEqual(frame);
  });
});
