// What a program spent before, beside what it spends now: which function is which, and which call path.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Profile, ProfileFrame } from '../../src/model/profile.ts';
import type { ReportProfile } from '../../src/model/profile-report.ts';
import {
  fn,
  graphProfile,
  instructions,
  knownFrom,
  misses,
  type Path,
  profiled,
  reported,
  timeProfile,
  treeProfile,
} from './profiles.ts';

/** The one profile of a run, against that of another. */
async function compared(before: Profile, after: Profile): Promise<ReportProfile> {
  const { profiles = [] } = await reported(profiled(1, after), {
    known: await knownFrom(profiled(1, before)),
  });
  expect(profiles).toHaveLength(1);
  return profiles[0] as ReportProfile;
}

/** `name: before → after` of each function that has either. */
function changes(profile: ReportProfile, rows = profile.functions.map((_, row) => row)): readonly string[] {
  return rows.map(
    (row) =>
      `${profile.functions[row]?.function}: ${profile.before?.costs.self[0]?.[row]} → ${profile.costs.self[0]?.[row]}`,
  );
}

describe('functions', () => {
  test('are known again in another build directory, library version and line, and by their plain names', async () => {
    const profile = await compared(
      graphProfile([
        [fn('push'), 10],
        [fn('sort.isra.0', { file: 'sort.c' }), 20],
        [{ function: 'memcpy@@GLIBC_2.14', object: '/lib/libc-2.31.so' }, 30],
      ]),
      graphProfile([
        [fn('push', { object: '/tmp/build/list', directory: '/tmp/src', line: 40 }), 11],
        [fn('sort.constprop.3', { file: 'sort.c' }), 22],
        [{ function: 'memcpy@@GLIBC_2.14', object: '/usr/lib/libc.so.6' }, 33],
      ]),
    );
    expect(changes(profile)).toEqual([
      'push: 10 → 11',
      'sort.constprop.3: 20 → 22',
      'memcpy@@GLIBC_2.14: 30 → 33',
    ]);
  });

  test('of one name in two files are two, and so is what callgrind numbers for its recursion', async () => {
    const rows = [
      [fn('init', { file: 'a.c' }), 1],
      [fn('init', { file: 'b.c' }), 2],
      [fn("walk'2"), 4],
      [fn('walk'), 8],
    ] as const;
    const profile = await compared(graphProfile(rows), graphProfile([...rows].reverse()));
    expect(changes(profile)).toEqual(['walk: 8 → 8', "walk'2: 4 → 4", 'init: 2 → 2', 'init: 1 → 1']);
  });

  test('that moved to another file are the same, unless there are two that it may have been', async () => {
    const moved = await compared(
      graphProfile([[fn('parse', { file: 'old.c' }), 5]]),
      graphProfile([[fn('parse', { file: 'new.c' }), 6]]),
    );
    expect(changes(moved)).toEqual(['parse: 5 → 6']);
    const unclear = await compared(
      graphProfile([
        [fn('init', { file: 'a.c' }), 1],
        [fn('init', { file: 'b.c' }), 2],
      ]),
      graphProfile([[fn('init', { file: 'c.c' }), 3]]),
    );
    expect(changes(unclear)).toEqual(['init: 0 → 3', 'init: 1 → 0', 'init: 2 → 0']);
  });

  test('without a symbol go by their object, the same address first', async () => {
    const at = (name: string) => ({ function: name, object: '/lib/libz.so.1' });
    const profile = await compared(
      graphProfile([
        [at('0x0000000000109220'), 3],
        [at('0x0000000000109300'), 9],
      ]),
      graphProfile([
        [at('0x0000000000109300'), 90],
        [at('0x000000000010927c'), 30],
      ]),
    );
    expect(changes(profile)).toEqual(['0x0000000000109300: 9 → 90', '0x000000000010927c: 3 → 30']);
  });

  test('of one identity in two directories are taken by their directories', async () => {
    const [a, b] = [fn('init', { directory: '/x/a' }), fn('init', { directory: '/x/b' })];
    const profile = await compared(
      graphProfile([
        [a, 1],
        [b, 2],
      ]),
      graphProfile([
        [b, 20],
        [a, 10],
      ]),
    );
    expect(changes(profile)).toEqual(['init: 2 → 20', 'init: 1 → 10']);
  });

  test('that are gone stand at the end with zeros, and the tables of the new profile keep their rows', async () => {
    const after = graphProfile([
      [fn('main'), 1],
      [fn('fast'), 5],
    ]);
    const profile = await compared(
      graphProfile([
        [fn('slow'), 90],
        [fn('main'), 1],
      ]),
      after,
    );
    expect(changes(profile)).toEqual(['main: 1 → 1', 'fast: 0 → 5', 'slow: 90 → 0']);
    expect(profile.functions.map(({ owner }) => owner)).toHaveLength(3);
    expect(profile.bySelf).toEqual([1, 0, 2]);
    expect(profile.byInclusive).toEqual([1, 0, 2]);
    expect(profile.totals).toEqual([6]);
    expect(profile.before).toMatchObject({ name: 'old', totals: [91], complete: true });
  });

  test('are put in the order of their change, up or down', async () => {
    const profile = await compared(
      graphProfile([
        [fn('same'), 1000],
        [fn('more'), 10],
        [fn('less'), 90],
        [fn('gone'), 30],
      ]),
      graphProfile([
        [fn('same'), 1000],
        [fn('more'), 110],
        [fn('less'), 20],
      ]),
    );
    expect(changes(profile, [...(profile.before?.bySelfChange ?? [])])).toEqual([
      'more: 10 → 110',
      'less: 90 → 20',
      'gone: 30 → 0',
      'same: 1000 → 1000',
    ]);
    expect(profile.before?.byInclusiveChange).toBeUndefined();
  });
});

test('a measure that only one side has is told apart from one that was nought', async () => {
  const both = graphProfile([[fn('main'), 5, 7]], [instructions, misses]);
  const one = graphProfile([[fn('main'), 4]]);
  expect((await compared(one, both)).before).toMatchObject({
    totals: [4, null],
    costs: { self: [[4], [0]] },
    bySelfChange: [0],
  });
  const others = await compared(one, graphProfile([[fn('main'), 9, 4]], [misses, instructions]));
  expect(others.before).toMatchObject({ totals: [null, 4], bySelfChange: [] });
  expect((await compared(both, one)).before).toMatchObject({ totals: [5], costs: { self: [[5]] } });
  const swapped = graphProfile([[fn('main'), 3, 9]], [misses, instructions]);
  expect((await compared(swapped, both)).before).toMatchObject({
    totals: [9, 3],
    costs: { self: [[9], [3]] },
  });
});

describe('call paths', () => {
  const at = (name: string, line: number) => fn(name, { line });

  /** `main > push: before → after`, for every path. */
  const paths = ({ trees, frames, before }: ReportProfile, tree = 0): readonly string[] => {
    const names: string[] = [];
    const { parents, frames: rows, values } = trees[tree] ?? { parents: [], frames: [], values: [] };
    return parents.map((parent, node) => {
      const { function: name, line } = frames[rows[node] as number] as ProfileFrame;
      const own = line === undefined ? `${name}` : `${name}:${line}`;
      names.push(parent < 0 ? own : `${names[parent]} > ${own}`);
      return `${names[node]}: ${before?.trees[tree]?.[0]?.[node]} → ${values[0]?.[node]}`;
    });
  };

  test('are the same when lines moved, in the order of the lines', async () => {
    const profile = await compared(
      treeProfile({
        '': [
          [[at('main', 10), fn('push')], 1],
          [[at('main', 12), fn('push')], 2],
        ],
      }),
      treeProfile({
        '': [
          [[at('main', 14), fn('push')], 20],
          [[at('main', 12), fn('push')], 10],
        ],
      }),
    );
    expect(paths(profile)).toEqual([
      'main:14: 0 → 0',
      'main:14 > push: 2 → 20',
      'main:12: 0 → 0',
      'main:12 > push: 1 → 10',
    ]);
  });

  test('that are new among others at known lines are new', async () => {
    const profile = await compared(
      treeProfile({ '': [[[at('main', 10), fn('push')], 1]] }),
      treeProfile({
        '': [
          [[at('main', 5), fn('push')], 7],
          [[at('main', 10), fn('push')], 1],
        ],
      }),
    );
    expect(paths(profile)).toEqual([
      'main:5: 0 → 0',
      'main:5 > push: 0 → 7',
      'main:10: 0 → 0',
      'main:10 > push: 1 → 1',
    ]);
  });

  test('that are gone stand at the end, below what called them', async () => {
    const profile = await compared(
      treeProfile({
        '': [
          [[fn('main'), fn('slow'), fn('copy')], 5],
          [[fn('main'), fn('push')], 3],
        ],
      }),
      treeProfile({ '': [[[fn('main'), fn('push')], 4]] }),
    );
    expect(paths(profile)).toEqual([
      'main: 0 → 0',
      'main > push: 3 → 4',
      'main > slow: 0 → 0',
      'main > slow > copy: 5 → 0',
    ]);
    expect(changes(profile)).toEqual(['main: 0 → 0', 'push: 3 → 4', 'slow: 0 → 0', 'copy: 5 → 0']);
  });

  test('of threads go by the names of these, and a thread that is gone is a tree of zeros', async () => {
    const profile = await compared(
      treeProfile({ main: [[[fn('main')], 1]], worker: [[[fn('work')], 2]], logger: [[[fn('log')], 3]] }),
      treeProfile({ worker: [[[fn('work')], 20]], main: [[[fn('main')], 10]] }),
    );
    expect(profile.trees.map(({ name }) => name)).toEqual(['worker', 'main', 'logger']);
    expect([0, 1, 2].flatMap((tree) => paths(profile, tree))).toEqual([
      'work: 2 → 20',
      'main: 1 → 10',
      'log: 3 → 0',
    ]);
  });

  test('of time lines are those of the peaks, wherever these are', async () => {
    const profile = await compared(
      timeProfile([[[[fn('main')], 1]], [[[fn('main')], 50]]], 1),
      timeProfile([[[[fn('main')], 70]], [[[fn('main')], 2]]], 0),
    );
    expect(paths(profile)).toEqual(['main: 50 → 70']);
    expect(profile.before?.trees[1]).toBeNull();
    expect(profile.before?.timeline?.snapshots.map(({ values, tree }) => [values, tree])).toEqual([
      [[1], undefined],
      [[50], undefined],
    ]);
    expect(changes(profile)).toEqual(['main: 50 → 70']);
  });

  test('through a sum that the tool made are known again, whatever it counts', async () => {
    const sum = (text: string): ProfileFrame => ({ sum: text });
    const profile = await compared(
      treeProfile({ '': [[[sum("in 3 places, all below massif's threshold (1.00%)")], 5]] }),
      treeProfile({ '': [[[sum("in 12 places, all below massif's threshold (1.00%)")], 6]] }),
    );
    expect(profile.before?.trees[0]).toEqual([[5]]);
  });
});

describe('processes', () => {
  const of = (image: number, program: string, value: number) =>
    profiled(image, graphProfile([[fn('main'), value]]), { argv: [program] });

  const run = async (
    before: readonly (readonly [string, number])[],
    after: readonly (readonly [string, number])[],
  ) => {
    const records = (list: readonly (readonly [string, number])[]) =>
      list.flatMap(([program, value], index) => of(index + 1, program, value));
    const { profiles = [], problems } = await reported(records(after), {
      known: await knownFrom(records(before)),
    });
    return {
      found: profiles.map(
        ({ program, totals, before: then }) => `${program}: ${then?.totals[0]} → ${totals[0]}`,
      ),
      problems: problems.map(({ level, message }) => `${level}: ${message}`),
    };
  };

  test('are matched by program, then in the order of their pids', async () => {
    const { found, problems } = await run(
      [
        ['/old/sort', 3],
        ['/old/list', 10],
        ['/old/list', 20],
      ],
      [
        ['/new/list', 11],
        ['/new/list', 22],
        ['/new/sort', 4],
      ],
    );
    expect(found).toEqual(['/new/list: 20 → 22', '/new/list: 10 → 11', '/new/sort: 3 → 4']);
    expect(problems).toEqual([]);
  });

  test('without a counterpart are named', async () => {
    const { found, problems } = await run(
      [
        ['./list', 10],
        ['./old', 1],
      ],
      [
        ['./list', 11],
        ['./list', 12],
        ['./new', 2],
      ],
    );
    expect(found).toEqual(['./list: undefined → 12', './list: 10 → 11', './new: undefined → 2']);
    expect(problems).toEqual([
      'note: 1 profile (list) has no counterpart in old: it is not compared.',
      'note: 1 profile (new) is of no program in old: it is not compared.',
      'note: 1 profile (old) in old has no counterpart here: it is not compared.',
    ]);
  });

  test('that are alone on each side are compared though the program has another name, and it is said', async () => {
    const { found, problems } = await run([['./list-1.0', 10]], [['./list-1.1', 12]]);
    expect(found).toEqual(['./list-1.1: 10 → 12']);
    expect(problems).toEqual(['note: list-1.1 is compared with list-1.0 of old: each side has one profile.']);
  });

  test('of another format are not compared', async () => {
    const known = await knownFrom(profiled(1, treeProfile({ '': [[[fn('main')], 5]] })));
    const { profiles } = await reported(of(1, './list', 5), { known });
    expect(profiles?.[0]?.before).toBeUndefined();
  });

  test('that were not seen whole before are compared with a warning', async () => {
    const known = await knownFrom(profiled(1, graphProfile([[fn('main'), 5]]), {}, false));
    const { profiles, problems, outcome } = await reported(of(1, './list', 6), { known });
    expect(profiles?.[0]?.before).toMatchObject({ complete: false, totals: [5] });
    expect(problems.map(({ level, code }) => `${level} ${code}`)).toEqual([
      'warning compared-with-incomplete',
    ]);
    expect(outcome).toBe('clean');
  });
});

describe('for any two profiles', () => {
  const frame = fc.record({
    function: fc.constantFrom('main', 'push', 'pop', "pop'2", 'sort', 'copy'),
    object: fc.constant('/p/list'),
    directory: fc.constantFrom('/x', '/y'),
    file: fc.constantFrom('list.c', 'main.c'),
    line: fc.integer({ min: 1, max: 4 }),
  });
  const path: fc.Arbitrary<Path> = fc.tuple(
    fc.array(frame, { minLength: 1, maxLength: 6 }),
    fc.integer({ min: 0, max: 1000 }),
  );
  const trees = fc.dictionary(fc.constantFrom('', 'a', 'b'), fc.array(path, { maxLength: 12 }), {
    maxKeys: 3,
  });

  // A function that is left once on each side may have moved to another file, but it keeps its name.
  const identity = ({ function: name }: ProfileFrame) => `${name}`;

  /** Sums by path of functions. */
  const byPath = (
    { trees: all, frames }: Pick<ReportProfile, 'trees' | 'frames'>,
    values: (tree: number) => readonly number[] | undefined,
  ): ReadonlyMap<string, number> => {
    const sums = new Map<string, number>();
    for (const [index, { parents, frames: rows, name }] of all.entries()) {
      const names: string[] = [];
      for (const [node, parent] of parents.entries()) {
        const own = identity(frames[rows[node] as number] as ProfileFrame);
        names.push(`${parent < 0 ? name : names[parent]} > ${own}`);
        const value = values(index)?.[node] ?? 0;
        if (value !== 0) sums.set(names[node] as string, (sums.get(names[node] as string) ?? 0) + value);
      }
    }
    return new Map([...sums].sort());
  };

  const byFunction = (
    { functions }: ReportProfile,
    column: readonly number[],
  ): ReadonlyMap<string, number> => {
    const sums = new Map<string, number>();
    for (const [row, each] of functions.entries()) {
      const value = column[row] as number;
      if (value !== 0) sums.set(identity(each), (sums.get(identity(each)) ?? 0) + value);
    }
    return new Map([...sums].sort());
  };

  test('what each path and function spent before is all there, and the new values are as they were', async () => {
    await fc.assert(
      fc.asyncProperty(trees, trees, async (old, now) => {
        const [before, after] = [treeProfile(old), treeProfile(now)];
        const profile = await compared(before, after);
        const { profiles: [then] = [] } = await reported(profiled(1, before));
        const { profiles: [alone] = [] } = await reported(profiled(1, after));
        if (then === undefined || alone === undefined) throw new Error('no profile');

        for (const tree of profile.trees) {
          expect(tree.parents.every((parent, row) => parent >= -1 && parent < row)).toBe(true);
          expect(tree.frames.every((index) => profile.frames[index] !== undefined)).toBe(true);
          expect(tree.values[0]).toHaveLength(tree.parents.length);
        }
        for (const [index, values] of (profile.before?.trees ?? []).entries()) {
          expect(values === null || values[0]?.length === profile.trees[index]?.parents.length).toBe(true);
        }
        for (const order of [profile.bySelf, profile.byInclusive, profile.before?.bySelfChange ?? []]) {
          expect([...order].sort((a, b) => a - b)).toEqual(profile.functions.map((_, row) => row));
        }
        const named = (each: ReportProfile) => byPath(each, (tree) => each.trees[tree]?.values[0]);
        expect(named(profile)).toEqual(named(alone));
        // A single tree left on each side is one, whatever its name.
        if (Object.keys(old).every((name) => name in now)) {
          expect(byPath(profile, (tree) => profile.before?.trees[tree]?.[0])).toEqual(named(then));
        }
        expect(byFunction(profile, profile.before?.costs.self[0] ?? [])).toEqual(
          byFunction(then, then.costs.self[0] ?? []),
        );
        expect(byFunction(profile, profile.costs.self[0] ?? [])).toEqual(
          byFunction(alone, alone.costs.self[0] ?? []),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('one against itself has grown nowhere', async () => {
    await fc.assert(
      fc.asyncProperty(trees, async (any) => {
        const profile = await compared(treeProfile(any), treeProfile(any));
        expect(profile.before?.costs.self).toEqual(profile.costs.self);
        expect(profile.before?.costs.inclusive).toEqual(profile.costs.inclusive);
        expect(profile.before?.trees).toEqual(profile.trees.map(({ values }) => values));
        expect(profile.before?.totals).toEqual(profile.totals);
        const { profiles: [alone] = [] } = await reported(profiled(1, treeProfile(any)));
        expect({ ...profile, before: undefined }).toEqual({ ...alone, before: undefined });
      }),
      { numRuns: 200 },
    );
  });

  test('it is as JSON and back the same report', async () => {
    const profile = await compared(
      graphProfile([[fn('a'), 1]]),
      graphProfile([[fn('b'), 2, 3]], [instructions, misses]),
    );
    expect(JSON.parse(JSON.stringify(profile))).toEqual(profile);
  });
});
