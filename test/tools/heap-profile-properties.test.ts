// Whatever a massif or dhat file holds: trees come back as they were written, and damage breaks nothing.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CallTree, Profile } from '../../src/model/profile.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import { mustBeConsistent, profileRecordsOf } from '../profile-corpus.ts';
import { profileOf } from './ms-print.ts';

const profiles = join(import.meta.dirname, '../profiles');
const inputs = (tool: string): readonly Buffer[] =>
  readdirSync(join(profiles, tool)).map((name) => readFileSync(join(profiles, tool, name, 'input.out')));

/** Labels with all that makes them hard to take apart, each with the function that it names. */
const places: ReadonlyMap<string, string | undefined> = new Map([
  ['0x10: main (a.c:1)', 'main'],
  ['0x11: main (a.c:2)', 'main'],
  [
    '0x20: operator()(int, (anonymous namespace)::t (*)(int)) const (b c.cpp:77)',
    'operator()(int, (anonymous namespace)::t (*)(int)) const',
  ],
  ['0x21: f<{lambda(int)#1}>::g (in /srv/app (deleted))', 'f<{lambda(int)#1}>::g'],
  ['0x22: (below main) (libc_start_call_main.h:58)', '(below main)'],
  ['0x23: ??? (in /usr/lib/libc.so.6)', undefined],
  ['0x24: std::map<int, a: b>::operator->(d:e/f.h:9)', 'std::map<int, a: b>::operator->(d:e/f.h:9)'],
  ['0x25: naïve (größe.c:3)', 'naïve'],
  ['0x30: inner (x.h:5)', 'inner'],
  ['0x30: outer (x.c:6)', 'outer'],
]);
const labels = [...places.keys()];

/** Bytes by call path, outermost call first. */
type Paths = ReadonlyMap<string, number>;

const anyPaths: fc.Arbitrary<Paths> = fc
  .array(
    fc.tuple(
      fc.array(fc.constantFrom(...labels), { minLength: 1, maxLength: 7 }),
      fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 2 ** 40 })),
    ),
    { maxLength: 25 },
  )
  .map((entries) => new Map(entries.map(([path, bytes]) => [path.join('\n'), bytes])));

interface MassifNode {
  bytes: number;
  readonly callers: Map<string, MassifNode>;
}

/** One massif tree: the allocation first, callers below, the largest first. */
function massifTree(paths: Paths): string {
  const root: MassifNode = { bytes: 0, callers: new Map() };
  for (const [path, bytes] of paths) {
    root.bytes += bytes;
    let at = root;
    for (const label of path.split('\n').reverse()) {
      const next = at.callers.get(label) ?? { bytes: 0, callers: new Map() };
      at.callers.set(label, next);
      next.bytes += bytes;
      at = next;
    }
  }
  const print = (label: string, { bytes, callers }: MassifNode, depth: number): string => {
    const sorted = [...callers].sort(([, a], [, b]) => b.bytes - a.bytes);
    return `${' '.repeat(depth)}n${callers.size}: ${bytes} ${label}\n${sorted
      .map(([name, node]) => print(name, node, depth + 1))
      .join('')}`;
  };
  return print('(heap allocation functions) malloc/new/new[], --alloc-fns, etc.', root, 0);
}

function massifFile(trees: readonly (Paths | undefined)[]): string {
  const snapshots = trees.map((paths, number) => {
    const heap = [...(paths?.values() ?? [])].reduce((sum, bytes) => sum + bytes, 0);
    return `#-----------\nsnapshot=${number}\n#-----------\ntime=${number * 10}\nmem_heap_B=${heap}\nmem_heap_extra_B=${number}\nmem_stacks_B=0\nheap_tree=${paths === undefined ? 'empty\n' : `detailed\n${massifTree(paths)}`}`;
  });
  return `desc: (none)\ncmd: ./a\ntime_unit: i\n${snapshots.join('')}`;
}

/** What a tree of the profile says, in the form of what was written. */
function pathsOf({ frames }: Profile, tree: CallTree | undefined, measure = 0): Map<string, number> {
  const found = new Map<string, number>();
  for (const [row, bytes] of (tree?.values[measure] ?? []).entries()) {
    if (bytes === 0) continue;
    const path: string[] = [];
    for (let at = row; at !== -1; at = tree?.parents[at] as number) {
      const { ip } = frames[tree?.frames[at] as number] ?? {};
      const frame = frames[tree?.frames[at] as number];
      const label = labels.find((one) => one.startsWith(`${ip}: `) && places.get(one) === frame?.function);
      path.unshift(label ?? 'unknown');
    }
    const key = path.join('\n');
    // A path has one row.
    expect(found.has(key)).toBe(false);
    found.set(key, bytes);
  }
  return found;
}

function mustBeWellFormed(records: readonly ParsedRecord[]): void {
  const types = records.map(({ type }) => type).filter((type) => type !== 'problem');
  if (records.length > 0) {
    expect(types[0]).toBe('process');
    expect(types.at(-1)).toBe('process-end');
  }
  for (const record of records) if (record.type === 'profile') mustBeConsistent(record.profile);
}

/** A file with bytes overwritten, a piece taken out and a piece doubled. */
const damagedOf = (files: readonly Buffer[]): fc.Arbitrary<Buffer> =>
  fc
    .tuple(
      fc.constantFrom(...files.filter(({ length }) => length < 40_000)),
      fc.array(
        fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(...Buffer.from('\n n0:9-{}[]",=(\\')), fc.nat(255))),
        { maxLength: 20 },
      ),
      fc.nat(),
      fc.nat(200),
      fc.nat(),
      fc.nat(200),
    )
    .map(([file, changes, cutAt, cut, doubledAt, doubled]) => {
      const bytes = Buffer.from(file);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      const from = cutAt % bytes.length;
      const again = doubledAt % bytes.length;
      return Buffer.concat([
        bytes.subarray(0, from),
        bytes.subarray(from + cut),
        bytes.subarray(again, again + doubled),
      ]);
    });

describe('massif', () => {
  test('trees come back as they were written, main first', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(anyPaths, { nil: undefined }), { minLength: 1, maxLength: 4 }),
        async (trees) => {
          const profile = await profileOf(Buffer.from(massifFile(trees)));
          mustBeConsistent(profile);
          const { snapshots = [] } = profile.timeline ?? {};
          expect(snapshots.length).toBe(trees.length);
          for (const [index, paths] of trees.entries()) {
            const { tree } = snapshots[index] ?? {};
            expect(tree === undefined).toBe(paths === undefined);
            if (tree !== undefined) expect(pathsOf(profile, profile.trees[tree])).toEqual(paths);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('equal trees share their tables', async () => {
    const paths = new Map([['0x10: main (a.c:1)\n0x30: outer (x.c:6)\n0x30: inner (x.h:5)', 7]]);
    const { trees } = await profileOf(Buffer.from(massifFile([paths, paths])));
    expect(trees.length).toBe(2);
    expect(trees[1]?.parents).toBe(trees[0]?.parents);
    expect(trees[1]?.frames).toBe(trees[0]?.frames);
  });

  test('damage throws nothing and leaves tables that fit', async () => {
    await fc.assert(
      fc.asyncProperty(
        damagedOf(inputs('massif')),
        fc.integer({ min: 1, max: 3000 }),
        async (bytes, chunk) => {
          mustBeWellFormed(await profileRecordsOf(bytes, chunk));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('any bytes behind its header throw nothing', async () => {
    const header = Buffer.from(
      'desc: x\ncmd: y\ntime_unit: B\n#---\nsnapshot=0\n#---\ntime=1\nmem_heap_B=9\n',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.string({ unit: fc.constantFrom(...' n019:=\nxheap_tree(') }),
        async (noise, text) => {
          const records = await profileRecordsOf(
            Buffer.concat([header, noise, Buffer.from(`\nheap_tree=peak\n${text}`)]),
          );
          expect(records.length).toBeGreaterThan(2);
          mustBeWellFormed(records);
        },
      ),
      { numRuns: 500 },
    );
  });

  test.each([
    [
      'numbers that are no safe integers',
      'n1: 99999999999999999999 (heap)\n n0: 18446744073709551615 0x1: f (a.c:1)\n',
      'unreadable-number',
    ],
    ['more children than there are lines', 'n99999999: 9 (heap)\n n5: 9 0x1: f (a.c:1)\n', 'cut-tree'],
    ['children that hold more than their callee', 'n1: 9 (heap)\n n0: 50 0x1: f (a.c:1)\n', 'overfull-node'],
    [
      'a line that is longer than any name',
      `n1: 9 (heap)\n n0: 9 0x1: ${'f'.repeat(200_000)} (a.c:1)\n`,
      'long-line',
    ],
    [
      'a root that holds another number than the snapshot',
      'n1: 8 (heap)\n n0: 8 0x1: f (a.c:1)\n',
      'totals-differ',
    ],
    [
      'a tree that is nested without end',
      `n1: 9 (heap)\n${'n1: 9 0x1: f (a.c:1)\n'.repeat(5000)}n0: 9 0x1: f (a.c:1)\n`,
      'deep-tree',
    ],
  ])('%s: said, and the rest is read', async (_, tree, code) => {
    const text = `desc: x\ncmd: y\ntime_unit: B\nsnapshot=0\ntime=1\nmem_heap_B=9\nmem_heap_extra_B=0\nmem_stacks_B=0\nheap_tree=detailed\n${tree}snapshot=1\ntime=2\nmem_heap_B=0\nmem_heap_extra_B=0\nmem_stacks_B=0\nheap_tree=empty\n`;
    const records = await profileRecordsOf(Buffer.from(text));
    mustBeWellFormed(records);
    expect(records.flatMap((record) => (record.type === 'problem' ? [record.problem.code] : []))).toContain(
      code,
    );
    const [profile] = records.flatMap((record) => (record.type === 'profile' ? [record.profile] : []));
    expect(profile?.timeline?.snapshots.length).toBe(2);
  });

  test('what a cut tree does not tell counts as missing, and the total stays', async () => {
    const whole = readFileSync(join(profiles, 'massif/thresholds_10_0/input.out'), 'latin1');
    const cut = whole.slice(0, whole.indexOf('  n0: 5200'));
    const records = await profileRecordsOf(Buffer.from(cut, 'latin1'));
    const [profile] = records.flatMap((record) => (record.type === 'profile' ? [record.profile] : []));
    const tree = profile?.trees.at(-1);
    expect(tree?.values[0]?.reduce((sum, bytes) => sum + bytes, 0)).toBe(80_000);
    expect(profile?.frames.at(-1)?.sum).toMatch(/missing/);
    expect(records.find(({ type }) => type === 'process-end')).toMatchObject({ complete: false });
  });
});

describe('dhat', () => {
  /** A dhat file of paths, each a site; frames are numbered as they come. */
  const dhatOf = (paths: Paths): object => {
    const table = ['[root]', ...labels];
    return {
      dhatFileVersion: 2,
      mode: 'heap',
      verb: 'Allocated',
      bklt: true,
      bkacc: false,
      tu: 'instrs',
      cmd: './a b',
      pid: 12,
      te: 100,
      tg: 50,
      pps: [...paths].map(([path, bytes]) => ({
        tb: bytes,
        tbk: 1,
        tl: 5,
        mb: bytes,
        mbk: 1,
        gb: 0,
        gbk: 0,
        eb: 0,
        ebk: 0,
        fs: path
          .split('\n')
          .reverse()
          .map((label) => table.indexOf(label)),
      })),
      ftbl: table,
    };
  };
  const layouts = [
    (value: object) => JSON.stringify(value),
    (value: object) => JSON.stringify(value, undefined, 4),
    (value: object) => `\uFEFF${JSON.stringify(value, undefined, '\t')}\r\n\r\n`,
    (value: object) => JSON.stringify(Object.fromEntries(Object.entries(value).sort())),
    // As a tool writes it that keeps to ASCII.
    (value: object) =>
      JSON.stringify(value).replace(
        /[^\0-~]/g,
        (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
      ),
  ];

  test('sites come back as they were written, however the JSON is laid out', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyPaths,
        fc.constantFrom(...layouts),
        fc.integer({ min: 1, max: 2000 }),
        async (paths, layout, chunk) => {
          const records = await profileRecordsOf(Buffer.from(layout(dhatOf(paths))), chunk);
          expect(records.filter(({ type }) => type === 'problem')).toEqual([]);
          const [profile] = records.flatMap((record) => (record.type === 'profile' ? [record.profile] : []));
          if (profile === undefined) throw new Error('no profile');
          mustBeConsistent(profile);
          expect(pathsOf(profile, profile.trees[0])).toEqual(paths);
          expect(profile.sites?.length).toBe(paths.size);
          expect(records[0]).toMatchObject({ pid: 12, argv: ['./a', 'b'] });
        },
      ),
      { numRuns: 300 },
    );
  });

  test('damage throws nothing and leaves tables that fit', async () => {
    await fc.assert(
      fc.asyncProperty(damagedOf(inputs('dhat')), fc.integer({ min: 1, max: 3000 }), async (bytes, chunk) => {
        mustBeWellFormed(await profileRecordsOf(bytes, chunk));
      }),
      { numRuns: 300 },
    );
  });

  test('any bytes behind its beginning throw nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom(...'{}[]",:0-9tfn\\ \n'), maxLength: 200 }),
        fc.json(),
        async (noise, json) => {
          for (const tail of [
            noise,
            `"pps":${json},"ftbl":${json}}`,
            `"pps":[{"fs":${json},"acc":${json},"tb":${json}}]}`,
          ]) {
            const records = await profileRecordsOf(Buffer.from(`{"dhatFileVersion":2,${tail}`));
            expect(records.length).toBeGreaterThan(1);
            mustBeWellFormed(records);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  const codesOf = async (text: string | Buffer): Promise<readonly string[]> => {
    const records = await profileRecordsOf(Buffer.from(text as string));
    mustBeWellFormed(records);
    return records.flatMap((record) => (record.type === 'problem' ? [record.problem.code] : []));
  };

  test.each([
    ['another version', '{"dhatFileVersion":3,"pps":[],"ftbl":[]}', 'unknown-version'],
    ['no frame table', '{"dhatFileVersion":2,"pps":[{"tb":1,"tbk":1,"fs":[4,5]}]}', 'missing-frame'],
    [
      'negative sizes',
      '{"dhatFileVersion":2,"pps":[{"tb":-1,"tbk":1,"fs":[]}],"ftbl":[]}',
      'unreadable-number',
    ],
    [
      'a run of a billion accesses',
      '{"dhatFileVersion":2,"pps":[{"tb":1,"tbk":1,"acc":[-1000000000,1],"fs":[]}],"ftbl":[]}',
      'unreadable-accesses',
    ],
    ['brackets without end', `{"dhatFileVersion":2,"pps":${'['.repeat(100_000)}`, 'malformed-json'],
    ['a second document', '{"dhatFileVersion":2,"pps":[],"ftbl":[]}{}', 'malformed-json'],
  ])('%s: said, and the rest is read', async (_, text, code) => {
    expect(await codesOf(text)).toContain(code);
  });

  test('names that are not UTF-8 keep their bytes as Latin-1', async () => {
    const bytes = Buffer.from(
      '{"dhatFileVersion":2,"pps":[{"tb":1,"tbk":1,"fs":[1]}],"ftbl":["[root]","0x1: gr\xF6\xDFe (a.c:1)"]}',
      'latin1',
    );
    expect((await profileOf(bytes)).frames).toEqual([{ ip: '0x1', function: 'größe', file: 'a.c', line: 1 }]);
  });

  test("a file of Rust's dhat crate is read: columns and its own unit of time", async () => {
    const profile = await profileOf(
      Buffer.from(
        '{"dhatFileVersion":2,"mode":"rust-heap","verb":"Allocated","bklt":true,"bkacc":false,"tu":"µs","Mtu":"s","tuth":10,"cmd":"target/demo","pid":7,"tg":10,"te":40,"pps":[{"tb":8,"tbk":1,"tl":2,"mb":8,"mbk":1,"gb":8,"gbk":1,"eb":0,"ebk":0,"fs":[1,2]}],"ftbl":["[root]","0x5: alloc::alloc::alloc (alloc/src/alloc.rs:84:9)","0x6: demo::main (src/main.rs:3:13)"]}',
      ),
    );
    expect(profile.frames).toEqual([
      { ip: '0x6', function: 'demo::main', directory: 'src', file: 'main.rs', line: 3 },
      { ip: '0x5', function: 'alloc::alloc::alloc', directory: 'alloc/src', file: 'alloc.rs', line: 84 },
    ]);
    expect(profile.notes).toContain('t-end: 40 µs');
  });
});

describe('a dhat file without any site', () => {
  const problems = async (mode: string) => {
    const text = JSON.stringify({ dhatFileVersion: 2, mode, verb: 'Did', pid: 7, pps: [], ftbl: ['[root]'] });
    return (await profileRecordsOf(Buffer.from(text))).flatMap((record) =>
      record.type === 'problem' ? [`${record.problem.level}: ${record.problem.message}`] : [],
    );
  };

  test('of events or copies is a warning, of the heap a true answer', async () => {
    expect(await problems('ad-hoc')).toEqual(['warning: the program made no ad-hoc event']);
    expect(await problems('copy')).toEqual(['warning: the program copied nothing that dhat saw']);
    expect(await problems('heap')).toEqual([]);
  });
});
