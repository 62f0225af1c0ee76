// Properties of the readers of stacks: what a small writer writes is read back, and no damage makes them throw.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ParsedRecord } from '../../src/model/record.ts';
import { foldedReader } from '../../src/tools/folded/parse.ts';
import { perfScriptReader } from '../../src/tools/perf/parse.ts';
import { readerFor } from '../../src/tools/readers.ts';
import type { Reader } from '../../src/tools/tool.ts';
import { mustBeConsistent } from '../profile-corpus.ts';
import { chunksOf, readWith } from '../recordings.ts';
import { problemsOf, profilesOf, stacksOf } from './stacks.ts';

function read(reader: Reader, bytes: Uint8Array, chunk = 4096): Promise<ParsedRecord[]> {
  return readWith(reader, chunksOf(bytes, chunk));
}

// Names as compilers and runtimes make them: blanks, parentheses, commas, quotes, no semicolons (folded has none).
const name = fc
  .oneof(
    fc.stringMatching(/^[a-zA-Z_][\w:<>,*&~ ()[\]$./#-]{0,40}$/),
    fc.constantFrom(
      'operator()(int, char) const',
      '<T as core::ops::Drop>::drop',
      'std::vector<int, std::allocator<int> >::push_back(int&&)',
      'Lorg/example/Main::run',
      'main::{lambda(int)#1}',
      'größe',
      'add',
      'f+0x',
    ),
  )
  .map((text) => text.trim())
  .filter((text) => !/ \(|\+0x[\da-f]|_\[[kijw]\]$|^\[/.test(text));
const object = fc.constantFrom(
  '/home/user/demo/app',
  '/usr/lib/x86_64-linux-gnu/libc.so.6',
  '/home/user/path with spaces/lib (1).so',
  '[kernel.kallsyms]',
  '/tmp/perf-12.map',
);
const stack = fc.array(fc.record({ name, object, offset: fc.nat(0xffff), address: fc.nat(0x7fffffff) }), {
  minLength: 1,
  maxLength: 12,
});
// Fifteen bytes at most, and nothing that looks like what follows a comm.
const comm = fc
  .stringMatching(/^[a-zA-Z:#_[][a-zA-Z0-9 :_[\]./-]{0,14}$/)
  .map((text) => text.trim())
  .filter((text) => text !== '' && !text.startsWith('#'));
const sample = fc.record({
  comm,
  pid: fc.integer({ min: 1, max: 3 }),
  thread: fc.integer({ min: 0, max: 2 }),
  cpu: fc.nat(200),
  period: fc.integer({ min: 1, max: 2 ** 40 }),
  event: fc.constantFrom('cycles', 'instructions', 'sched:sched_switch'),
  stack,
  deleted: fc.boolean(),
});
type Sample = typeof sample extends fc.Arbitrary<infer T> ? T : never;

function perfScript(samples: readonly Sample[], withCpu: boolean, newline: string): string {
  let text = '';
  for (const [
    index,
    { comm: who, pid, thread, cpu, period, event, stack: frames, deleted },
  ] of samples.entries()) {
    const processor = withCpu ? `[${String(cpu).padStart(3, '0')}] ` : '';
    const time = `${12}.${String(index).padStart(6, '0')}`;
    text += `${who} ${String(pid * 100).padStart(7)}/${String(pid * 100 + thread).padEnd(7)} ${processor}`;
    text += `${time}: ${String(period).padStart(10)} ${event.padStart(20)}: ${newline}`;
    for (const frame of frames) {
      const address = frame.address.toString(16).padStart(16);
      const mark = deleted && frame.object.startsWith('/') ? ' (deleted)' : '';
      text += `\t${address} ${frame.name}+0x${frame.offset.toString(16)} (${frame.object}${mark})${newline}`;
    }
    text += newline;
  }
  return text;
}

describe('perf script', () => {
  test('every sample that was written is counted at its place, once, with its period', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(sample, { minLength: 1, maxLength: 30 }),
        fc.boolean(),
        fc.constantFrom('\n', '\r\n'),
        fc.integer({ min: 1, max: 300 }),
        async (samples, withCpu, newline, chunk) => {
          const bytes = Buffer.from(perfScript(samples, withCpu, newline));
          expect(readerFor(bytes)?.name).toBe('perf-script');
          const records = await read(perfScriptReader, bytes, chunk);
          expect(problemsOf(records).filter((text) => !text.startsWith('unknown-'))).toEqual([]);
          const wanted = new Map<string, number>();
          const add = (key: string, value: number) => wanted.set(key, (wanted.get(key) ?? 0) + value);
          for (const { pid, thread, event, period, stack: frames } of samples) {
            const path = frames
              .map((frame) => `${frame.name} (${frame.object})`)
              .reverse()
              .join(';');
            add(`${pid * 100}/${pid * 100 + thread} ${event} ${path}`, period);
            add(`${pid * 100}/${pid * 100 + thread} samples ${path}`, 1);
          }
          const got = new Map<string, number>();
          for (const profile of profilesOf(records)) {
            mustBeConsistent(profile);
            for (const tree of profile.trees) {
              const nameOf = (frame: { function?: string; object?: string }) =>
                `${frame.function} (${frame.object})`;
              for (const [path, values] of stacksOf(profile, tree, nameOf)) {
                for (const [measure, value] of values.entries()) {
                  const key = `${tree.pid}/${tree.tid} ${profile.measures[measure]?.name} ${path}`;
                  if (value !== 0) got.set(key, value);
                }
              }
            }
          }
          expect(got).toEqual(wanted);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('damaged anywhere, it is read without a throw and its tables hold', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sample, { maxLength: 12 }), damage(), async (samples, break_) => {
        const bytes = break_(Buffer.from(perfScript(samples, true, '\n')));
        perfScriptReader.recognizes(bytes);
        const records = await read(perfScriptReader, bytes, 97);
        for (const profile of profilesOf(records)) mustBeConsistent(profile);
        expect(records.filter(({ type }) => type === 'process').length).toBe(
          records.filter(({ type }) => type === 'process-end').length,
        );
      }),
      { numRuns: 500 },
    );
  });

  test('bytes of any kind are read without a throw', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        for (const reader of [perfScriptReader, foldedReader]) {
          reader.recognizes(bytes);
          for (const profile of profilesOf(await read(reader, bytes, 7))) mustBeConsistent(profile);
        }
      }),
    );
  });
});

const weight = fc.oneof(
  fc.integer({ min: 0, max: 1_000_000 }),
  fc.integer({ min: 0, max: 40_000 }).map((quarters) => quarters / 4),
);
const folded = fc.record({
  names: fc.array(name, { minLength: 1, maxLength: 12 }),
  before: weight,
  after: weight,
});
const encodings: Readonly<Record<string, (text: string) => Buffer>> = {
  'UTF-8': (text) => Buffer.from(text),
  'UTF-8 with a mark': (text) => Buffer.from(`\uFEFF${text}`),
  'UTF-16 LE': (text) => Buffer.from(`\uFEFF${text}`, 'utf16le'),
  'UTF-16 BE': (text) => Buffer.from(`\uFEFF${text}`, 'utf16le').swap16(),
};

describe('folded stacks', () => {
  test('what was written is read back, in any encoding, with one number or two', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(folded, { minLength: 1, maxLength: 40 }),
        fc.boolean(),
        fc.constantFrom(...Object.keys(encodings)),
        fc.constantFrom('\n', '\r\n'),
        fc.integer({ min: 1, max: 100 }),
        async (lines, two, encoding, newline, chunk) => {
          // A first line without a number in its names, so that names with numbers prove nothing.
          const all = [{ names: ['app', 'main'], before: 1, after: 2 }, ...lines];
          const text = all
            .map(({ names, before, after }) => `${names.join(';')}${two ? ` ${before}` : ''} ${after}`)
            .join(newline);
          const bytes = (encodings[encoding] as (text: string) => Buffer)(text + newline);
          expect(readerFor(bytes)?.name).toBe('folded-stacks');
          const records = await read(foldedReader, bytes, chunk);
          expect(problemsOf(records)).toEqual([]);
          const wanted = new Map<string, number[]>();
          for (const { names, before, after } of all) {
            const values = two ? [before, after] : [after];
            const known = wanted.get(names.join(';')) ?? values.map(() => 0);
            wanted.set(
              names.join(';'),
              known.map((value, measure) => value + (values[measure] as number)),
            );
          }
          for (const [path, values] of wanted) if (values.every((value) => value === 0)) wanted.delete(path);
          const [profile] = profilesOf(records);
          if (profile === undefined) throw new Error('no profile');
          mustBeConsistent(profile);
          expect(profile.measures.length).toBe(two ? 2 : 1);
          expect(stacksOf(profile, profile.trees[0] as (typeof profile.trees)[number])).toEqual(wanted);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('damaged anywhere, they are read without a throw and their tables hold', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(folded, { maxLength: 20 }), damage(), async (lines, break_) => {
        const text = lines.map(({ names, after }) => `${names.join(';')} ${after}\n`).join('');
        const bytes = break_(Buffer.from(text));
        foldedReader.recognizes(bytes);
        for (const profile of profilesOf(await read(foldedReader, bytes, 13))) mustBeConsistent(profile);
      }),
      { numRuns: 500 },
    );
  });
});

/** Ways to spoil bytes: cut, doubled, overwritten, with numbers that none can hold. */
function damage(): fc.Arbitrary<(bytes: Buffer) => Buffer> {
  const at = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
  const place = (bytes: Buffer, where: number) => Math.floor(bytes.length * where);
  const one = fc.oneof(
    at.map((where) => (bytes: Buffer) => bytes.subarray(place(bytes, where))),
    at.map((where) => (bytes: Buffer) => bytes.subarray(0, place(bytes, where))),
    fc.tuple(at, fc.uint8Array({ minLength: 1, maxLength: 8 })).map(([where, put]) => (bytes: Buffer) => {
      const copy = Buffer.from(bytes);
      copy.set(put.subarray(0, copy.length - place(copy, where)), place(copy, where));
      return copy;
    }),
    fc
      .tuple(
        at,
        fc.constantFrom(
          '\n',
          '\t',
          '\n\n',
          ' 99999999999999999999999 ',
          '-5',
          ';',
          '(',
          ')',
          '\0',
          ' 1e999\n',
          '[9]',
        ),
      )
      .map(
        ([where, put]) =>
          (bytes: Buffer) =>
            Buffer.concat([
              bytes.subarray(0, place(bytes, where)),
              Buffer.from(put),
              bytes.subarray(place(bytes, where)),
            ]),
      ),
  );
  return fc
    .array(one, { minLength: 1, maxLength: 4 })
    .map((steps) => (bytes) => steps.reduce((now, step) => step(now), bytes));
}
