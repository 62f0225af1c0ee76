// gprof, heaptrack and sample: whatever the bytes are, nothing throws, tables stay consistent, and nothing is invented.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CallTree, Profile } from '../../src/model/profile.ts';
import { inclusiveValues } from '../../src/model/profile-tables.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import { gprofReader } from '../../src/tools/gprof/parse.ts';
import { heaptrackDataReader } from '../../src/tools/heaptrack/data.ts';
import { heaptrackTextReader } from '../../src/tools/heaptrack/parse.ts';
import { readerFor } from '../../src/tools/readers.ts';
import { sampleReader } from '../../src/tools/sample/parse.ts';
import type { Reader } from '../../src/tools/tool.ts';
import { mustBeConsistent } from '../profile-corpus.ts';
import { chunksOf, readWith } from '../recordings.ts';

const readers = [gprofReader, heaptrackTextReader, heaptrackDataReader, sampleReader];
const corpus = readers.flatMap((reader) => recordings(reader).map((bytes) => [reader, bytes] as const));
const anyRecording = fc.constantFrom(...corpus);

describe('any input', () => {
  test('every recording is recognised by its own reader only', () => {
    for (const [reader, bytes] of corpus) {
      expect(readers.filter(({ recognizes }) => recognizes(bytes)).map(({ name }) => name)).toEqual([
        reader.name,
      ]);
      expect(readerFor(bytes)?.name).toBe(reader.name);
    }
    expect(corpus.length).toBeGreaterThan(15);
  });

  test('random bytes give no values, and never throw', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...readers),
        fc.uint8Array({ maxLength: 2000 }),
        async (reader, bytes) => {
          expect(reader.recognizes(bytes)).toBe(false);
          for (const profile of wellFormed(await read(reader, bytes)))
            expect(profile.totals.every((total) => total === 0)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('overwritten, moved and repeated bytes never throw, and tables stay consistent', async () => {
    const change = fc.tuple(
      fc.nat(),
      fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 12 }),
        fc
          .constantFrom(
            ' ',
            '\n',
            '\r\n',
            '[',
            ']',
            '+',
            '-',
            '(',
            ')',
            '<cycle 1> [2]',
            '[1]',
            '99999999999999999999',
            '-1',
            '0.00',
            '\0',
            'K',
            '\n\n',
            ' from:\n',
            'Call graph:\n',
            'Thread_1\n',
          )
          .map((text) => Buffer.from(text)),
      ),
      fc.nat({ max: 40 }),
    );
    await fc.assert(
      fc.asyncProperty(
        anyRecording,
        fc.array(change, { minLength: 1, maxLength: 20 }),
        async ([reader, bytes], changes) => {
          let damaged = Buffer.from(bytes.subarray(0, 30_000));
          for (const [at, put, gone] of changes) {
            const from = at % damaged.length;
            damaged = Buffer.concat([damaged.subarray(0, from), put, damaged.subarray(from + gone)]);
          }
          const records = await read(reader, damaged);
          wellFormed(records);
          expect(await read(reader, damaged, 13)).toEqual(records);
        },
      ),
      { numRuns: 400 },
    );
  });

  test('lines in any order never throw, and tables stay consistent', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyRecording,
        fc.array(fc.nat(), { minLength: 1, maxLength: 300 }),
        async ([reader, bytes], order) => {
          const lines = bytes.toString('latin1').split('\n');
          const mixed = order.map((at) => lines[at % lines.length]).join('\n');
          wellFormed(await read(reader, Buffer.from(mixed, 'latin1')));
        },
      ),
      { numRuns: 200 },
    );
  });

  test('a line without an end, and trees deeper than any stack, are no trouble', async () => {
    const lines = ['Analysis of sampling demo (pid 1) every 1 millisecond', 'Call graph:'];
    for (let depth = 0; depth < 3000; depth++) lines.push(`${' '.repeat(4 + depth * 2)}5 f  (in demo)`);
    const [profile] = wellFormed(await read(sampleReader, Buffer.from(`${lines.join('\n')}\n`)));
    expect(profile?.trees[0]?.parents.length).toBe(3000);
    const long = Buffer.alloc(3_000_000, 'x');
    for (const reader of readers) wellFormed(await read(reader, long, 65536));
  });
});

/** A place with the samples that ended there, and its calls. */
interface Place {
  readonly name: string;
  readonly own: number;
  readonly calls: readonly Place[];
}

const names = [
  'main',
  'walk(Node*)',
  '-[View drawRect:]',
  'f<int, (char)40>::operator()(int) const',
  '12 monkeys',
];

function placesOf(depth: number): fc.Arbitrary<Place[]> {
  const calls = depth === 0 ? fc.constant([]) : placesOf(depth - 1);
  return fc.array(fc.record({ name: fc.constantFrom(...names), own: fc.nat({ max: 1000 }), calls }), {
    maxLength: 3,
  });
}

describe('a call tree that sample prints', () => {
  test('is read as it was written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(placesOf(4), { minLength: 1, maxLength: 4 }), async (threads) => {
        const text = sampleText(threads);
        const records = await read(sampleReader, Buffer.from(text), 37);
        expect(records.filter(({ type }) => type === 'problem')).toEqual([]);
        const [profile] = wellFormed(records) as [Profile];
        expect(profile.trees.length).toBe(threads.length);
        for (const [index, tree] of profile.trees.entries()) {
          expect(pathsOf(profile, tree)).toEqual(pathsOfPlaces(threads[index] as readonly Place[]));
          const sum = inclusiveValues(tree)[0]?.reduce(
            (all, value, row) => (tree.parents[row] === -1 ? all + value : all),
            0,
          );
          expect(sum).toBe(countOf(threads[index] as readonly Place[]));
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('allocations that heaptrack records', () => {
  test('add up as counting them one by one does', async () => {
    const event = fc.record({ kind: fc.nat({ max: 5 }), free: fc.boolean() });
    const kinds = fc.array(fc.tuple(fc.nat({ max: 5000 }), fc.nat({ max: 4 })), {
      minLength: 6,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(kinds, fc.array(event, { maxLength: 200 }), async (sizes, events) => {
        // Path 1 is main, the others are called from it.
        const head = ['v 10400 3', 'X ./demo', 's 4 main', 'i 10 0 1 0 0', 't 1 0'];
        for (let path = 2; path <= 5; path++)
          head.push(`s 2 f${path}`, `i ${path}0 0 ${path} 0 0`, `t ${path} 1`);
        for (const [size, path] of sizes) head.push(`a ${size.toString(16)} ${path + 1}`);
        const live = sizes.map(() => 0);
        const lines: string[] = [];
        let peak: number[] = sizes.map(() => 0);
        const bytes = (counts: readonly number[]): number =>
          counts.reduce((sum, count, kind) => sum + count * (sizes[kind]?.[0] ?? 0), 0);
        let last = -1;
        let temporary = 0;
        let allocations = 0;
        for (const { kind, free } of events) {
          if (free && (live[kind] as number) === 0) continue;
          lines.push(`${free ? '-' : '+'} ${kind.toString(16)}`);
          live[kind] = (live[kind] as number) + (free ? -1 : 1);
          if (!free) allocations++;
          if (free && last === kind) temporary++;
          last = free ? -1 : kind;
          if (bytes(live) > bytes(peak)) peak = [...live];
        }
        const text = [...head, ...lines, '# strings: 5', '# ips: 5', ''].join('\n');
        const records = await read(heaptrackDataReader, Buffer.from(text), 29);
        expect(records.filter(({ type }) => type === 'problem')).toEqual([]);
        const [profile] = wellFormed(records) as [Profile];
        expect(profile.totals.slice(0, 4)).toEqual([bytes(peak), bytes(live), allocations, temporary]);
        const byName = new Map<string, number>();
        for (const [kind, count] of peak.entries()) {
          const [size, path] = sizes[kind] as [number, number];
          const name = path === 0 ? 'main' : `f${path + 1}`;
          if (size * count > 0) byName.set(name, (byName.get(name) ?? 0) + size * count);
        }
        const found = new Map<string, number>();
        for (const tree of profile.trees) {
          for (const [row, frame] of tree.frames.entries()) {
            const value = tree.values[0]?.[row] ?? 0;
            if (value > 0) found.set(profile.frames[frame]?.function ?? '?', value);
          }
        }
        expect(found).toEqual(byName);
      }),
      { numRuns: 200 },
    );
  });
});

function recordings(reader: Reader): Buffer[] {
  const group = join(
    import.meta.dirname,
    '../profiles',
    reader === heaptrackDataReader ? 'heaptrack' : reader.name,
  );
  return readdirSync(group)
    .filter((name) =>
      reader.name.startsWith('heaptrack')
        ? name.startsWith('data') === (reader === heaptrackDataReader)
        : true,
    )
    .map((name) => readFileSync(join(group, name, 'input.txt')));
}

function read(reader: Reader, bytes: Uint8Array, chunk = 1000): Promise<ParsedRecord[]> {
  return readWith(reader, chunksOf(bytes, chunk));
}

/** The profiles of records that begin and end as they must. */
function wellFormed(records: readonly ParsedRecord[]): Profile[] {
  const begun = records.filter(({ type }) => type === 'process').length;
  expect(begun).toBe(1);
  expect(records.filter(({ type }) => type === 'process-end').length).toBe(begun);
  const profiles = records.flatMap((record) => (record.type === 'profile' ? [record.profile] : []));
  for (const profile of profiles) mustBeConsistent(profile);
  return profiles;
}

function countOf(places: readonly Place[]): number {
  return places.reduce((sum, { own, calls }) => sum + own + countOf(calls), 0);
}

function sampleText(threads: readonly (readonly Place[])[]): string {
  const lines = ['Analysis of sampling demo (pid 7) every 1 millisecond', 'Call graph:'];
  const marks = ['+', '!', ':', '|'];
  const write = (places: readonly Place[], indent: string): void => {
    for (const [index, { name, own, calls }] of places.entries()) {
      lines.push(`${indent}${own + countOf(calls)} ${name}  (in demo) + 8  [0x10]`);
      write(calls, `${indent}${index < places.length - 1 ? marks[(indent.length / 2) % 4] : ' '} `);
    }
  };
  for (const [index, places] of threads.entries()) {
    lines.push(`    ${countOf(places)} Thread_${index + 1}: worker`);
    write(places, '    + ');
  }
  lines.push('', 'Total number in stack (recursive counted multiple, when >=5):', '');
  return lines.join('\n');
}

/** What ended at each path of names. */
function pathsOfPlaces(
  places: readonly Place[],
  before = '',
  paths = new Map<string, number>(),
): Map<string, number> {
  for (const { name, own, calls } of places) {
    const path = `${before};${name}`;
    paths.set(path, (paths.get(path) ?? 0) + own);
    pathsOfPlaces(calls, path, paths);
  }
  return paths;
}

function pathsOf({ frames }: Profile, { parents, frames: rows, values }: CallTree): Map<string, number> {
  const paths = new Map<string, number>();
  const names: string[] = [];
  for (const [row, parent] of parents.entries()) {
    names.push(`${parent < 0 ? '' : names[parent]};${frames[rows[row] as number]?.function}`);
    paths.set(names[row] as string, values[0]?.[row] ?? 0);
  }
  return paths;
}
