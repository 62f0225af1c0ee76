// Backtraces of gdb as people paste them: every frame comes back as it was printed, and whatever else stands there breaks nothing.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analyze } from '../../src/analyze/index.ts';
import type { ParsedRecord, StopRecord } from '../../src/model/record.ts';
import type { StopFrame } from '../../src/model/stop.ts';
import { beginsFrame, readFrame } from '../../src/tools/gdb/backtrace-frame.ts';
import { backtraceReader } from '../../src/tools/gdb/backtrace-text.ts';
import { readerFor } from '../../src/tools/readers.ts';

const folder = join(import.meta.dirname, '../backtraces/casr');

async function recordsOf(bytes: Uint8Array, piece = 1000): Promise<ParsedRecord[]> {
  async function* source() {
    for (let from = 0; from < bytes.length; from += piece) yield bytes.subarray(from, from + piece);
  }
  let images = 0;
  const records: ParsedRecord[] = [];
  const interpreterFor = () => () => {
    throw new Error('it has no errors of valgrind');
  };
  const context = { artifact: 'bt.txt', nextImage: () => ++images, interpreterFor };
  for await (const record of backtraceReader.read(source(), context)) records.push(record);
  return records;
}

async function stopsOf(text: string): Promise<readonly StopRecord['stop'][]> {
  const records = await recordsOf(Buffer.from(text));
  return records.flatMap((record) => (record.type === 'stop' ? record.stop : []));
}

/** The line that gdb would print for a frame. */
function lineOf(frame: StopFrame, number: number): string {
  const values = (frame.variables ?? []).map(({ name, value }) => `${name}=${value}`).join(', ');
  const directory = frame.directory === undefined ? '' : `${frame.directory}/`;
  const source = frame.line === undefined ? frame.file : `${frame.file}:${frame.line}`;
  const place =
    frame.file !== undefined
      ? ` at ${directory}${source}`
      : frame.object === undefined
        ? ''
        : ` from ${frame.object}`;
  const ip = frame.ip === undefined ? '' : `0x${frame.ip.slice(2).padStart(16, '0')} in `;
  return `#${String(number).padEnd(3)}${ip}${frame.function ?? '??'} (${values})${place}`;
}

describe.each(readdirSync(folder).filter((name) => name.endsWith('.bt')))('%s', (name) => {
  const bytes = readFileSync(join(folder, name));

  test('is known for what it is, and every frame comes back as it was printed', async () => {
    expect(readerFor(bytes)).toBe(backtraceReader);
    const records = await recordsOf(bytes);
    expect(records.filter(({ type }) => type === 'problem')).toEqual([]);
    const stops = records.flatMap((record) => (record.type === 'stop' ? record.stop : []));
    expect(stops).toHaveLength(1);
    const frames = stops[0]?.threads[0]?.frames ?? [];
    expect(frames.map(lineOf)).toEqual(
      bytes
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => line.trimEnd()),
    );
    expect(stops[0]?.threads[0]?.end).toBe('whole');
  });

  test('is a crash only where the frames say so', async () => {
    const report = await analyze(await recordsOf(bytes), { vgrun: '0.1.0', projectRoot: '/xlnt' });
    const aborted = bytes.includes('abort ()');
    expect(report.findings.map(({ rule }) => rule)).toEqual(aborted ? ['gdb/SIGABRT'] : []);
    // `main` is in the file of the fuzz target, `/xlnt` the project.
    const thread = report.stops?.[0]?.threads[0];
    expect(thread?.frames[thread.blamed ?? -1]?.path).toMatch(/^source\//);
  });
});

const session = `Reading symbols from ./list...
[New Thread 0x7ffff7dcf6c0 (LWP 5984)]

Thread 2 "wk-0" received signal SIGSEGV, Segmentation fault.
[Switching to Thread 0x7ffff7dcf6c0 (LWP 5984)]
0x0000555555555227 in w (a=0x3) at thr.c:6
6\t*(volatile int*)0=1;

Thread 2 (Thread 0x7ffff7dcf6c0 (LWP 5984) "wk-0"):
#0  0x0000555555555227 in w (a=0x3) at thr.c:6
        name = "wk-0\\000"
        point = {
          x = 1,
          y = 2
        }
#1  <signal handler called>
No symbol table info available.
#2  0x00007ffff7e59134 in start_thread (arg=<optimized out>)
    at ./nptl/pthread_create.c:442
No locals.

Thread 1 (Thread 0x7ffff7dd0740 (LWP 5868) "thr"):
#0  std::function<void (int)>::operator()(int) const (this=0x7ffc, __args#0=5) at /usr/include/c++/12/bits/std_function.h:591
#1  0x00007ffff7e12345 in operator<< <std::char_traits<char> > (__out=..., __s=0x4000 "a) at (b", c=41 ')') from /lib/libstdc++.so.6
#2  0x4711 in ?? ()
Backtrace stopped: previous frame inner to this frame (corrupt stack?)
`;

test('threads, the signal, values, wrapped lines and the end of a stack are read from what gdb says of them', async () => {
  const [stop, ...others] = await stopsOf(session);
  expect(others).toEqual([]);
  expect(stop).toMatchObject({ cause: 'signal', signal: { number: 11, name: 'SIGSEGV' } });
  const [two, one] = stop?.threads ?? [];
  expect(two).toMatchObject({ number: 2, lwp: 5984, name: 'wk-0', isCurrent: true, end: 'whole' });
  expect(two?.frames[0]?.variables).toEqual([
    { name: 'a', value: '0x3', isArgument: true },
    { name: 'name', value: '"wk-0\\000"' },
    { name: 'point', value: '{ x = 1, y = 2 }' },
  ]);
  expect(two?.frames[1]).toMatchObject({ isSignalHandler: true });
  expect(two?.frames[2]).toMatchObject({ function: 'start_thread', directory: './nptl', line: 442 });
  expect(one).toMatchObject({ number: 1, lwp: 5868, name: 'thr', end: 'damaged' });
  expect(one?.frames.map((frame) => frame.function)).toEqual([
    'std::function<void (int)>::operator()(int) const',
    'operator<< <std::char_traits<char> >',
    undefined,
  ]);
  expect(one?.frames[1]?.variables?.map(({ value }) => value)).toEqual([
    '...',
    '0x4000 "a) at (b"',
    "41 ')'",
  ]);
  expect(one?.frames[1]?.object).toBe('/lib/libstdc++.so.6');
});

test('with the line ends of Windows it says the same', async () => {
  expect(await stopsOf(session.replaceAll('\n', '\r\n'))).toEqual(await stopsOf(session));
});

test('a core that gdb opened ends by its signal; a second backtrace of the same place takes the place of the first', async () => {
  const text = `Core was generated by \`./list --deep'.
Program terminated with signal SIGABRT, Aborted.
#0  0x00007f01 in raise () from /lib/libc.so.6
(gdb) bt
#0  0x00007f01 in raise () from /lib/libc.so.6
#1  0x00007f02 in abort () from /lib/libc.so.6
#2  0x00401136 in main () at list.c:3
`;
  const records = await recordsOf(Buffer.from(text));
  expect(records[0]).toMatchObject({ type: 'process', argv: ['./list', '--deep'] });
  expect(records.filter(({ type }) => type === 'stop')).toHaveLength(1);
  const report = await analyze(records, { vgrun: '0.1.0' });
  expect(report.processes[0]?.exit).toEqual({ how: 'signaled', signal: 'SIGABRT', number: 6 });
  expect(report.findings[0]?.stacks[0]?.frames.map((frame) => frame.function)).toEqual([
    'raise',
    'abort',
    'main',
  ]);
});

test('a frame that cannot be read is quoted, and the others are read', async () => {
  const records = await recordsOf(Buffer.from('#0  main () at a.c:3\n#1  0x12 in broken (x=1 at b.c\n'));
  expect(records.at(-1)).toMatchObject({
    type: 'problem',
    problem: { code: 'unreadable-line', level: 'incomplete' },
  });
});

test('names with every kind of bracket keep theirs', () => {
  const names = [
    '(anonymous namespace)::load',
    'a::operator()',
    'operator<',
    'a::operator->',
    'f<(b)3>',
    'foo(void (*)(int))',
    'decltype(auto) g<int>',
    'x::{lambda(int)#1}::operator()',
    'T::operator std::string',
  ];
  for (const name of names) {
    expect(readFrame(`#3  0x0000000000000042 in ${name} (n=1) at /a b/c.c:7`)?.frame, name).toMatchObject({
      function: name,
      directory: '/a b',
      file: 'c.c',
      line: 7,
      variables: [{ name: 'n', value: '1', isArgument: true }],
    });
  }
});

test('whatever is pasted, it is read without an error, and each process that begins ends', async () => {
  const pieces = session.split(/(?<=[\n ()"<>=])/);
  const line = fc.oneof(
    fc.constantFrom(...pieces),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('#0  ', '#1  0x', '\n', ' at ', ' (', ')'),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 60 }),
      fc.integer({ min: 1, max: 50 }),
      async (parts, piece) => {
        const records = await recordsOf(Buffer.from(parts.join('')), piece);
        const of = (type: string) => records.filter((record) => record.type === type).length;
        expect(of('process')).toBe(of('process-end'));
      },
    ),
    { numRuns: 200 },
  );
});

test('a line of brackets takes no longer than it should', () => {
  for (const part of [' (', '(', '<', ' operator<', '"', '{']) {
    const line = `#0  ${part.repeat(20_000)}`;
    beginsFrame(line);
    expect(() => readFrame(line)).not.toThrow();
  }
});
