// Profiles on the page without a screen: data, trees, boxes, searches, tables, curves, and the drawing as a file.
import fc from 'fast-check';
import { HtmlValidate } from 'html-validate';
import { SaxesParser } from 'saxes';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import type { CallTree, Timeline } from '../../src/model/profile.ts';
import type { ReportProfile, ReportProfileFrame } from '../../src/model/profile-report.ts';
import type { Report } from '../../src/model/report.ts';
import { curveOf, firstSnapshot, ticks } from '../../src/report/html-page/curve.ts';
import {
  addressOf,
  callKind,
  changeOf,
  coverage,
  type FlameTree,
  flameTree,
  groupFrames,
  invertedTree,
  type Look,
  layOutFlame,
  matcherOf,
  matchingGroups,
  nodeAt,
  orderedChildren,
  pathTo,
  type WholeTree,
} from '../../src/report/html-page/flame-tree.ts';
import { functionRows, neighbours } from '../../src/report/html-page/function-rows.ts';
import { harmlessLines } from '../../src/report/html-page/payload.ts';
import { decodeColumns, decodeProfile } from '../../src/report/html-page/profile-payload.ts';
import {
  changeText,
  exactAmount,
  fittedName,
  percentText,
  placeName,
  shortAmount,
  shortName,
} from '../../src/report/html-page/profile-words.ts';
import { jumpsOf, sourceFiles, sourceRows } from '../../src/report/html-page/source-rows.ts';
import { encodeColumn, encodeProfile } from '../../src/report/html-profile.ts';
import { harmless } from '../../src/report/terminal-text.ts';
import { htmlOf, readData, readDocument } from './html-document.ts';
import { manyCalls, rareFunction } from './many-calls.ts';
import { profileScenarios } from './profile-scenarios.ts';
import { scenarios } from './scenarios.ts';
import { rendered } from './validators.ts';

async function scenario(name: string): Promise<Report> {
  const report = await profileScenarios.get(name)?.();
  if (report === undefined) throw new Error(`there is no scenario ${name}`);
  return report;
}

async function firstOf(name: string): Promise<ReportProfile> {
  const [profile] = (await scenario(name)).profiles ?? [];
  if (profile === undefined) throw new Error(`${name} has no profile`);
  return profile;
}

function frame(name: string, more: Partial<ReportProfileFrame> = {}): ReportProfileFrame {
  return { function: name, owner: 'mine', ownerReason: 'source-in-project', ...more };
}

/** A tree from paths such as `main;f 3`; a second number is the value before. */
function treeOf(...paths: readonly string[]): { readonly tree: WholeTree; readonly look: Look } {
  const parents: number[] = [];
  const frames: number[] = [];
  const values: number[] = [];
  const before: number[] = [];
  const names: string[] = [];
  const known = new Map<string, number>();
  for (const path of paths) {
    const [calls = '', now = '0', old = '0'] = path.split(' ');
    let node = -1;
    for (const name of calls.split(';')) {
      const key = `${node} ${name}`;
      let next = known.get(key);
      if (next === undefined) {
        next = parents.push(node) - 1;
        if (!names.includes(name)) names.push(name);
        frames.push(names.indexOf(name));
        values.push(0);
        before.push(0);
        known.set(key, next);
      }
      node = next;
    }
    values[node] = (values[node] ?? 0) + Number(now);
    before[node] = (before[node] ?? 0) + Number(old);
  }
  const all = names.map((name) => frame(name));
  const groups = groupFrames(all, false);
  const compared = before.some((value) => value > 0);
  const tree = flameTree(
    [{ tree: { parents, frames, values: [values] }, before: compared ? [before] : undefined }],
    groups,
    all,
    1,
  );
  return { tree, look: { measure: 0, order: 'heavy', side: 'after', names } };
}

function namesOf(tree: FlameTree, look: Look, nodes: readonly number[]): readonly string[] {
  return nodes.map((node) => look.names[tree.groupOf(node)] ?? 'all');
}

/** Trees of any shape, with functions that call themselves and each other. */
const anyTree = fc
  .array(
    fc.tuple(fc.nat(), fc.nat({ max: 5 }), fc.oneof(fc.nat({ max: 9 }), fc.constant(0)), fc.nat({ max: 9 })),
    {
      minLength: 1,
      maxLength: 60,
    },
  )
  .map((rows): { readonly tree: CallTree; readonly before: readonly number[] } => ({
    tree: {
      parents: rows.map(([parent], row) => (row === 0 ? -1 : (parent % (row + 1)) - 1)),
      frames: rows.map(([, each]) => each),
      values: [rows.map(([, , value]) => value)],
    },
    before: rows.map(([, , , value]) => value),
  }));

const sixFrames = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => frame(name));
const sixGroups = groupFrames(sixFrames, false);
const sixNames = sixFrames.map(placeName);

function sixTree({
  tree,
  before,
}: {
  readonly tree: CallTree;
  readonly before: readonly number[];
}): WholeTree {
  return flameTree([{ tree, before: [before] }], sixGroups, sixFrames, 1);
}

const looks: readonly Look[] = (['heavy', 'name'] as const).flatMap((order) =>
  (['after', 'before'] as const).map((side) => ({ measure: 0, order, side, names: sixNames })),
);

describe('a flame graph', () => {
  test('never draws a call wider than its caller, nor beside it, in either direction', () => {
    fc.assert(
      fc.property(anyTree, (made) => {
        const whole = sixTree(made);
        for (const tree of [whole, invertedTree(whole, 1)]) {
          for (const look of looks) {
            const { boxes, depth } = layOutFlame(tree, 0, look, 0);
            const byNode = new Map(boxes.map((box) => [box.node, box]));
            expect(byNode.size).toBe(boxes.length);
            const ends = new Map<number, number>();
            for (const box of [...boxes].sort((a, b) => a.left - b.left)) {
              expect(box.depth).toBeLessThan(depth);
              const parent = byNode.get(tree.parentOf(box.node));
              if (parent === undefined) continue;
              expect(box.depth).toBe(parent.depth + 1);
              expect(box.left).toBeGreaterThanOrEqual(parent.left - 1e-9);
              expect(box.left + box.width).toBeLessThanOrEqual(parent.left + parent.width + 1e-9);
              // Nor over the call beside it.
              expect(box.left).toBeGreaterThanOrEqual((ends.get(parent.node) ?? 0) - 1e-9);
              ends.set(parent.node, box.left + box.width);
            }
          }
        }
      }),
    );
  });

  test('has the total of the profile at its root, from whichever end it is seen', () => {
    fc.assert(
      fc.property(anyTree, (made) => {
        const whole = sixTree(made);
        const inverted = invertedTree(whole, 1);
        for (const side of ['after', 'before'] as const) {
          const column = side === 'after' ? (made.tree.values[0] ?? []) : made.before;
          const total = column.reduce((sum, value) => sum + value, 0);
          for (const tree of [whole, inverted]) {
            expect(tree.total(0, 0, side)).toBe(total);
            const below = tree.childrenOf(0).reduce((sum, child) => sum + tree.total(child, 0, side), 0);
            expect(below).toBe(total);
          }
          // Each function has in its inverted row what it spent itself.
          for (const child of inverted.childrenOf(0)) {
            const own = column.reduce(
              (sum, value, row) => sum + (made.tree.frames[row] === inverted.groupOf(child) ? value : 0),
              0,
            );
            expect(inverted.total(child, 0, side)).toBe(own);
          }
        }
      }),
    );
  });

  test('an inverted node splits into its callers and what ended there', () => {
    fc.assert(
      fc.property(anyTree, (made) => {
        const tree = invertedTree(sixTree(made), 1);
        const open = [...tree.childrenOf(0)];
        for (let node = open.pop(); node !== undefined; node = open.pop()) {
          const children = tree.childrenOf(node);
          const below = children.reduce((sum, child) => sum + tree.total(child, 0), 0);
          expect(below + tree.self(node, 0)).toBe(tree.total(node, 0));
          open.push(...children);
        }
      }),
    );
  });

  test('says what a search covers without counting a match inside a match again', () => {
    const { tree, look } = treeOf('main;f;f;g 5', 'main;f 2', 'main;g;f 3', 'main;h 10');
    const matches = (search: string): Uint8Array => {
      const matcher = matcherOf(search);
      if (typeof matcher !== 'function') throw new Error('no matcher');
      return matchingGroups(tree.groups, matcher);
    };
    expect(coverage(tree, matches('f'), 0, 'after')).toEqual({ amount: 10, calls: 2 });
    expect(coverage(tree, matches('main'), 0, 'after')).toEqual({ amount: 20, calls: 1 });
    expect(coverage(tree, matches('/^[gh]$/'), 0, 'after')).toEqual({ amount: 18, calls: 3 });
    expect(coverage(tree, matches('x'), 0, 'after')).toEqual({ amount: 0, calls: 0 });
    expect(look.names).toEqual(['main', 'f', 'g', 'h']);
  });

  test('a search covers what is spent on paths with a match, whatever the tree', () => {
    fc.assert(
      fc.property(anyTree, fc.array(fc.nat({ max: 5 }), { maxLength: 3 }), (made, wanted) => {
        const { parents, frames, values } = made.tree;
        const onPath = (row: number): boolean =>
          row >= 0 && (wanted.includes(frames[row] ?? -1) || onPath(parents[row] ?? -1));
        const expected = (values[0] ?? []).reduce((sum, value, row) => sum + (onPath(row) ? value : 0), 0);
        const matches = Uint8Array.from(sixFrames, (_, group) => (wanted.includes(group) ? 1 : 0));
        // A path of groups matches where a path of rows does: laying rows on each other changes no path.
        expect(coverage(sixTree(made), matches, 0, 'after').amount).toBe(expected);
      }),
    );
  });

  test('puts the heaviest call first, or sorts by name', () => {
    const { tree, look } = treeOf('m;a 1', 'm;c 3', 'm;b 2');
    const main = tree.childrenOf(0)[0] ?? -1;
    expect(namesOf(tree, look, orderedChildren(tree, main, look))).toEqual(['c', 'b', 'a']);
    const byName: Look = { ...look, order: 'name' };
    expect(namesOf(tree, look, orderedChildren(tree, main, byName))).toEqual(['a', 'b', 'c']);
  });

  test('leaves out what could not be seen, says how much, and keeps its place', () => {
    const { tree, look } = treeOf('m;a 900', 'm;b 1', 'm;c;d 99');
    const layout = layOutFlame(tree, 0, look, 0.01);
    expect(
      [
        ...namesOf(
          tree,
          look,
          layout.boxes.map(({ node }) => node),
        ),
      ].sort(),
    ).toEqual(['a', 'all', 'c', 'd', 'm']);
    expect(layout.left).toBe(1);
    expect(layout.boxes.find(({ depth }) => depth === 1)?.width).toBe(1);
  });

  test('takes calls of one function for one, and those of its lines when asked', () => {
    const frames = [frame('f', { path: 'a.c', line: 1 }), frame('f', { path: 'a.c', line: 2 })];
    const tree: CallTree = { parents: [-1, -1], frames: [0, 1], values: [[1, 2]] };
    const together = flameTree([{ tree }], groupFrames(frames, false), frames, 1);
    expect(together.size()).toBe(2);
    expect(together.isMixed(1)).toBe(true);
    expect(together.total(1, 0)).toBe(3);
    const apart = flameTree([{ tree }], groupFrames(frames, true), frames, 1);
    expect(apart.size()).toBe(3);
    expect([1, 2].map((node) => apart.isMixed(node))).toEqual([false, false]);
  });

  test('lays threads on top of each other', () => {
    const one: CallTree = { parents: [-1, 0], frames: [0, 1], values: [[1, 2]] };
    const other: CallTree = { parents: [-1, 0], frames: [0, 2], values: [[10, 20]] };
    const tree = flameTree([{ tree: one }, { tree: other, before: [[4, 0]] }], sixGroups, sixFrames, 1);
    expect(tree.size()).toBe(4);
    expect(tree.total(tree.nodeOf(0, 0), 0)).toBe(33);
    expect(tree.nodeOf(1, 0)).toBe(tree.nodeOf(0, 0));
    expect(tree.total(0, 0, 'before')).toBe(4);
  });

  test('finds a node again by its address, and the nearest one when it is gone', () => {
    fc.assert(
      fc.property(anyTree, fc.nat(), (made, wanted) => {
        for (const tree of [sixTree(made), invertedTree(sixTree(made), 1)]) {
          for (const child of tree.childrenOf(0)) tree.childrenOf(child);
          const node = wanted % tree.size();
          expect(nodeAt(tree, addressOf(tree, node))).toBe(node);
          expect(nodeAt(tree, `${addressOf(tree, node)}.zz`)).toBe(node);
          expect(pathTo(tree, node)[0]).toBe(0);
        }
      }),
    );
    const { tree } = treeOf('a;b 1');
    expect(nodeAt(tree, 'no such;address')).toBe(0);
  });

  test('colours tell growth from shrinking, and new from gone', () => {
    expect(changeOf(0, 5)).toBe(1);
    expect(changeOf(5, 0)).toBe(-1);
    expect(changeOf(100, 100.5)).toBe(0);
    expect(changeOf(0, 0)).toBe(0);
    expect(changeOf(100, 200)).toBeCloseTo(0.5);
    expect(changeOf(200, 100)).toBeCloseTo(-0.5);
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e15, noNaN: true }),
        fc.double({ min: 0, max: 1e15, noNaN: true }),
        (a, b) => {
          const change = changeOf(a, b);
          expect(Math.abs(change)).toBeLessThanOrEqual(1);
          expect(Math.sign(change) * Math.sign(b - a)).toBeGreaterThanOrEqual(0);
          expect(changeOf(b, a)).toBeCloseTo(-change);
        },
      ),
    );
  });

  test('survives values that are no amounts and parents that are none', () => {
    const tree: CallTree = {
      parents: [-1, 0, 7, -5],
      frames: [0, 1, 2, 99],
      values: [[Number.NaN, -3, Number.POSITIVE_INFINITY, 4]],
    };
    const made = flameTree([{ tree }], sixGroups, sixFrames, 1);
    expect(made.total(0, 0)).toBe(4);
    expect(layOutFlame(made, 0, looks[0] as Look, 0).boxes).toHaveLength(2);
  });
});

test('a search is a text in any case, or a regular expression between slashes; one that is none says so', () => {
  const matches = (search: string, text: string): unknown => {
    const matcher = matcherOf(search);
    return typeof matcher === 'function' ? matcher(text) : matcher;
  };
  expect(matches(' ', 'x')).toBeUndefined();
  expect(matches('INSERT', 'Table::insert')).toBe(true);
  expect(matches('a.c', 'abc')).toBe(false);
  expect(matches('/a.c/', 'ABC')).toBe(true);
  expect(matches('/(/', '(')).toBe('This is no regular expression.');
  expect(matches('/', '/usr')).toBe(true);
});

describe('words', () => {
  test('names of C++ are shortened, others stay', () => {
    expect(shortName('std::vector<int, std::allocator<int> >::push_back(int const&)')).toBe(
      'std::vector<…>::push_back(…)',
    );
    expect(shortName('Table::grow()')).toBe('Table::grow()');
    for (const name of [
      '(below main)',
      'main',
      'operator<(A, B)',
      'a > b',
      'in 3 places, all below (1%)',
      'a(b',
    ]) {
      expect(shortName(name)).toBe(name);
    }
    expect(fittedName('std::__cxx11::basic_string<char>::_M_append(char const*)', '1 B', 12)).toBe(
      '_M_append(…)',
    );
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 3, max: 40 }), (name, room) => {
        expect(fittedName(name, '1.5 MiB', room).length).toBeLessThanOrEqual(room);
      }),
    );
  });

  test('a change of ten times and more is told in times', () => {
    expect([changeText(10, 99), changeText(10, 157), changeText(1, 1154)]).toEqual([
      '+890.0 %',
      '×15.7',
      '×1,154',
    ]);
  });

  test('amounts are short, or exact with their units', () => {
    expect(shortAmount(1536, 'bytes')).toBe('1.5 KiB');
    expect(shortAmount(282_609_504, 'instructions')).toBe('283 M');
    expect(shortAmount(999_999, 'events')).toBe('1.0 M');
    expect(shortAmount(1_409_000_000, 'ns')).toBe('1.41 s');
    expect(exactAmount(1, 'bytes')).toBe('1 byte');
    expect(exactAmount(12_415_506, 'bytes')).toBe('12,415,506 bytes');
    expect(exactAmount(2_361_000_000, 'ns')).toBe('2,361 ms');
    expect(exactAmount(1234.5678, 'ms')).toBe('1,234.568 ms');
    expect(percentText(1, 3)).toBe('33.3 %');
    expect(percentText(1, 1e9)).toBe('<0.1 %');
    expect(percentText(1, 0)).toBe('–');
    expect([
      changeText(0, 1),
      changeText(1, 0),
      changeText(2, 2),
      changeText(10, 11),
      changeText(10, 5),
    ]).toEqual(['new', 'gone', 'same', '+10.0 %', '−50.0 %']);
  });
});

describe('the data of the page', () => {
  test.each([...profileScenarios])('%s: a profile comes back as it was', async (_, make) => {
    for (const profile of (await make()).profiles ?? []) {
      const { json, texts, columns } = encodeProfile(profile);
      const read = decodeProfile(json, texts, columns);
      expect(read).toEqual(asOnPage(profile));
    }
  });

  test('any numbers come back from their columns', () => {
    const number = fc.oneof(
      fc.nat(),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double(),
      fc.constantFrom(-1, Number.NaN, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, 2 ** 53, 1e300),
    );
    const column = fc.oneof(
      fc.array(fc.nat()),
      fc.array(fc.integer()),
      fc.array(fc.maxSafeNat()),
      fc.array(number),
    );
    fc.assert(
      fc.property(fc.array(column, { maxLength: 4 }), (columns) => {
        const bytes = Buffer.concat(columns.map(encodeColumn));
        expect(decodeColumns(bytes)).toEqual(columns);
      }),
    );
  });

  test('the summary holds no profile a second time', async () => {
    const report = manyCalls(3_000);
    const { summary } = readData(readDocument(await htmlOf(report)));
    expect(summary.profiles).toHaveLength(1);
    expect(JSON.stringify(summary.profiles).length).toBeLessThan(1_000);
  });

  test('a tree of 20,000 nodes takes a few bytes for each', () => {
    const [profile] = manyCalls(20_000).profiles ?? [];
    if (profile === undefined) throw new Error('there is a profile');
    const [tree] = profile.trees;
    const alone = encodeProfile({
      ...profile,
      costs: { self: [] },
      frames: [],
      functions: [],
      trees: tree ? [tree] : [],
    });
    expect(alone.columns.length / 20_000).toBeLessThan(40);
  });
});

/** A profile as the page has it: without orders and directories, texts harmless. */
function asOnPage({
  byInclusive: _,
  bySelf: __,
  frames,
  functions,
  before,
  ...rest
}: ReportProfile): unknown {
  const { bySelfChange: _s, byInclusiveChange: _i, ...old } = before ?? {};
  const frameOnPage = ({ directory: _d, file: _f, ...each }: ReportProfileFrame): unknown =>
    Object.fromEntries(
      Object.entries(each).map(([key, value]) => [key, typeof value === 'string' ? harmless(value) : value]),
    );
  return {
    ...(harmlessDeep({ ...rest, ...(before && { before: old }) }) as object),
    frames: frames.map(frameOnPage),
    functions: functions.map(frameOnPage),
  };
}

function harmlessDeep(value: unknown): unknown {
  if (typeof value === 'string') return harmlessLines(value);
  // JSON has null for what is missing in a list.
  if (Array.isArray(value)) return value.map((each) => (each === undefined ? null : harmlessDeep(each)));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, harmlessDeep(part)]));
}

describe('functions', () => {
  const query = { measure: 0, search: '', kind: '', sort: 'inclusive', reversed: false } as const;

  test('are sorted by every column, both ways', async () => {
    const profile = await firstOf('profile-compared');
    const inclusive = profile.costs.inclusive?.[0] ?? [];
    const rows = functionRows(profile, query);
    expect(rows).toEqual(profile.byInclusive);
    expect(functionRows(profile, { ...query, sort: 'self' })[0]).toBe(profile.bySelf[0]);
    const rising = functionRows(profile, { ...query, reversed: true }).map((row) => inclusive[row] ?? 0);
    expect(rising).toEqual([...rising].sort((a, b) => a - b));
    const names = functionRows(profile, { ...query, sort: 'name' }).map(
      (row) => profile.functions[row]?.function ?? '',
    );
    expect(names).toEqual([...names].sort());
    const change = (row: number): number =>
      Math.abs((profile.costs.self[0]?.[row] ?? 0) - (profile.before?.costs.self[0]?.[row] ?? 0));
    const changes = functionRows(profile, { ...query, sort: 'selfChange' }).map(change);
    expect(changes).toEqual([...changes].sort((a, b) => b - a));
  });

  test('are filtered by text, expression and owner', async () => {
    const profile = await firstOf('profile-call-graph');
    const names = (more: Partial<Parameters<typeof functionRows>[1]>): readonly string[] =>
      functionRows(profile, { ...query, ...more }).map((row) => profile.functions[row]?.function ?? '');
    expect([...names({ search: 'malloc' })].sort()).toEqual(['_int_malloc', 'malloc']);
    expect(names({ search: '/^malloc$/' })).toEqual(['malloc']);
    expect(names({ search: '/(/' })).toEqual([]);
    expect(names({ search: 'src/table.cpp' })).toHaveLength(2);
    expect(names({ kind: 'system' })).toContain('malloc');
    expect(names({ kind: 'system' })).not.toContain('main');
  });

  test('have callers and callees, each once, with what the calls cost', async () => {
    const profile = await firstOf('profile-call-graph');
    const at = (name: string): number => profile.functions.findIndex((each) => each.function === name);
    const { callers, callees } = neighbours(profile, at('malloc'), 0);
    const total = (profile.edges?.callees ?? []).reduce(
      (sum, callee, row) => sum + (callee === at('malloc') ? (profile.edges?.values[0]?.[row] ?? 0) : 0),
      0,
    );
    expect(callers.reduce((sum, { cost }) => sum + cost, 0)).toBe(total);
    expect(new Set(callers.map((each) => each.function)).size).toBe(callers.length);
    expect(callees.map((each) => each.function)).toEqual([at('_int_malloc')]);
    expect(callees[0]?.calls).toBe(223_703);
    const recursive = neighbours(profile, at('sort(Entry**, Entry**)'), 0);
    expect(recursive.callers.map((each) => each.function)).toContain(at('sort(Entry**, Entry**)'));
  });
});

describe('source', () => {
  test('has costs beside its lines, gaps where lines are left out, and jumps', async () => {
    const profile = await firstOf('profile-call-graph');
    const [first] = sourceFiles(profile, 0);
    expect(profile.files[first?.file ?? -1]?.path).toBe('src/table.cpp');
    const rows = sourceRows(profile, first?.file ?? -1);
    expect(rows.map(({ line }) => line)).toEqual([40, 41, 42, 43, 44, 45, 46, 47, 48, 61, 63]);
    expect(rows.find(({ line }) => line === 42)).toMatchObject({
      text: '  for (Entry *e = slots_[at]; e != nullptr; e = e->next)',
      afterGap: false,
    });
    expect(rows.find(({ line }) => line === 42)?.costs?.[0]).toBe(71_204_118);
    expect(rows.find(({ line }) => line === 40)?.costs).toBeUndefined();
    expect(rows.filter(({ afterGap }) => afterGap).map(({ line }) => line)).toEqual([61, 63]);
    expect(jumpsOf(profile, first?.file ?? -1).get(43)).toEqual([
      { toLine: 42, taken: 2_104_808, reached: 2_816_012 },
    ]);
    const sum = sourceFiles(profile, 0).reduce((total, { cost }) => total + cost, 0);
    expect(sum).toBe((profile.lines?.values[0] ?? []).reduce((total, value) => total + value, 0));
  });
});

describe('a curve', () => {
  const frameOfCurve = { left: 60, top: 10, width: 800, height: 200 };

  test('has round steps on its axes', () => {
    expect(ticks(41_020_111, 'instructions', 8)).toEqual([0, 10_000_000, 20_000_000, 30_000_000, 40_000_000]);
    expect(ticks(13_000_000, 'bytes', 5).map((value) => shortAmount(value, 'bytes'))).toEqual([
      '0 B',
      '4.0 MiB',
      '8.0 MiB',
      '12.0 MiB',
    ]);
    expect(ticks(0, 'ms', 5)).toEqual([0]);
    fc.assert(
      fc.property(
        fc.double({ min: 1e-3, max: 1e18, noNaN: true }),
        fc.constantFrom('bytes', 'ms', 'samples'),
        (end, unit) => {
          const values = ticks(end, unit, 6);
          expect(values.length).toBeLessThanOrEqual(8);
          expect(values.at(-1) ?? 0).toBeLessThanOrEqual(end * (1 + 1e-6));
        },
      ),
    );
  });

  test('stacks its series in the frame, and starts at the peak', async () => {
    const { timeline } = await firstOf('profile-heap-over-time');
    if (timeline === undefined) throw new Error('there is a time line');
    const curve = curveOf(timeline, timeline, frameOfCurve);
    expect(curve.areas).toHaveLength(3);
    expect(curve.points).toHaveLength(timeline.snapshots.length);
    for (const { x, y } of curve.points) {
      expect(x).toBeGreaterThanOrEqual(60);
      expect(x).toBeLessThanOrEqual(860);
      expect(y).toBeGreaterThanOrEqual(10);
      expect(y).toBeLessThanOrEqual(210);
    }
    expect(curve.before).toBe(curve.edges.at(-1));
    expect(timeline.snapshots[firstSnapshot(timeline)]?.kind).toBe('peak');
    const without: Timeline = {
      ...timeline,
      snapshots: timeline.snapshots.map((each) => ({ ...each, kind: 'normal' })),
    };
    expect(firstSnapshot(without)).toBe(firstSnapshot(timeline));
    expect(curveOf({ ...timeline, snapshots: [] }, undefined, frameOfCurve).points).toEqual([]);
  });
});

test('the kernel is told from the rest of the system', () => {
  const system = { owner: 'system', ownerReason: 'system' } as const;
  expect(callKind({ object: '[kernel.kallsyms]', ...system })).toBe('kernel');
  expect(callKind({ object: '[guest.kernel.kallsyms]', ...system })).toBe('kernel');
  expect(callKind({ object: '/lib/modules/6.1.0/kernel/fs/ext4/ext4.ko.xz', ...system })).toBe('kernel');
  expect(callKind({ object: '/usr/lib/libc.so.6', ...system })).toBe('system');
  expect(callKind({ sum: 'in 3 places', ...system })).toBe('sum');
  expect(callKind(undefined)).toBe('all');
});

describe('without a script', () => {
  const validator = new HtmlValidate({
    extends: ['html-validate:recommended'],
    rules: {
      'no-inline-style': 'error',
      'require-csp-nonce': 'off',
      'require-sri': 'off',
      'long-title': 'off',
    },
  });

  test.each([...profileScenarios])('%s is valid HTML and has no inline style', async (_, make) => {
    const source = await htmlOf(await make());
    const { results } = await validator.validateString(source);
    expect(
      results.flatMap(({ messages }) => messages).map(({ message, ruleId }) => `${ruleId}: ${message}`),
    ).toEqual([]);
    const { elements } = readDocument(source);
    for (const { attributes } of elements) {
      expect(Object.keys(attributes).filter((each) => /^(?:src|href|style|on.*|action)$/.test(each))).toEqual(
        [],
      );
    }
  });

  test('the head says whose profile it is, against what, and which tools made the files', async () => {
    const compared = await scenario('profile-compared');
    const [profile] = compared.profiles as readonly [ReportProfile];
    const { run: _, ...foreign } = compared;
    const head = readDocument(await htmlOf(foreign)).text;
    expect(head).toContain(
      `${profile.format} of ${profile.program} (${profile.pid}), compared with ${profile.before?.name}`,
    );
    const both = {
      ...foreign,
      tool: { name: 'massif' },
      profiles: [profile, { ...profile, format: 'dhat' }],
    };
    expect(readDocument(await htmlOf(both)).text).toMatch(/vgrun [\d.]+\S*, massif.*, dhat/);
  });

  test('the most expensive functions are named, and limits of growth said', async () => {
    const { text } = readDocument(await htmlOf(await scenario('profile-growth')));
    expect(text).toContain('words (101): 282,609,504 instructions');
    expect(text).toContain(
      'Growth: instructions executed (Ir): 282,609,504, at most 269,000,118 allowed: 5% above 256,190,589 (exceeded)',
    );
    expect(text).toContain('Table::insert(');
    const inferred = readDocument(await htmlOf(await scenario('profile-inferred-tree')));
    expect(inferred.text).toContain('This tree is inferred. drawn from the calls between pairs of functions');
  });

  test('the drawing stays small, however large the tree is', async () => {
    const { elements } = readDocument(await htmlOf(manyCalls(50_000)));
    const boxes = elements.filter(
      ({ name, attributes }) => name === 'g' && /\bf\b/.test(attributes.class ?? ''),
    );
    expect(boxes.length).toBeGreaterThan(20);
    expect(boxes.length).toBeLessThanOrEqual(400);
  });
});

describe('as SVG', () => {
  test('every profile with calls is well-formed XML and loads nothing', async () => {
    let count = 0;
    for (const [name, make] of profileScenarios) {
      const report = await make();
      count++;
      const { errors, attributes } = readSvg(await rendered(report, 'svg'));
      expect(errors, name).toEqual([]);
      expect(
        attributes.filter(([key]) => /^(?:on.*|href|xlink:href|src|style)$/.test(key)),
        name,
      ).toEqual([]);
    }
    expect(count).toBeGreaterThan(4);
  });

  test('no name becomes markup', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({
        unit: fc.constantFrom(
          '<',
          '>',
          '&',
          '"',
          "'",
          ']]>',
          '</title>',
          '<script>',
          '\0',
          '\ufffe',
          '\uffff',
          '\ud800',
          '\n',
          'a',
        ),
      }),
    );
    const made = await scenario('profile-hostile');
    const shape = (source: string) => readSvg(source).names.filter((each) => each !== 'text');
    const plain = shape(await rendered(renamed(made, 'x'), 'svg'));
    await fc.assert(
      fc.asyncProperty(text, async (name) => {
        const source = await rendered(renamed(made, name), 'svg');
        expect(readSvg(source).errors).toEqual([]);
        expect(shape(source)).toEqual(plain);
      }),
      { numRuns: 100 },
    );
  });

  test('processes and threads stand below their calls, and widths add up', async () => {
    const { boxes } = readSvg(await rendered(await scenario('profile-samples'), 'svg'));
    const rows = (depth: number): readonly string[] =>
      boxes.filter((box) => box.depth === depth).map(({ title }) => title.split('\n', 1)[0] ?? '');
    expect(rows(0)).toEqual(['all']);
    expect([...rows(1)].sort()).toEqual(['sort (109)', 'words (101)']);
    expect(rows(2)).toContain('worker, thread 102');
    for (const box of boxes) {
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(1 + 1e-6);
    }
    const sum = boxes.filter(({ depth }) => depth === 1).reduce((total, { width }) => total + width, 0);
    expect(sum).toBeCloseTo(1);
  });

  test('of a time line it shows the peak with the curve, and of a comparison what changed', async () => {
    const heap = await rendered(await scenario('profile-heap-over-time'), 'svg');
    expect(heap).toContain('The calls are those of snapshot 13, the peak.');
    expect(heap).toContain('class="area series-0"');
    const inferred = await rendered(await scenario('profile-inferred-tree'), 'svg');
    expect(inferred).toContain('This tree is inferred. drawn from the calls between pairs');
    const compared = await rendered(await scenario('profile-hostile'), 'svg');
    expect(compared).toMatch(/class="f mine grew-\d"/);
    expect(compared).toContain('(+25.0 %)');
  });

  test('says to its end why a tree is inferred', async () => {
    const report = await scenario('profile-inferred-tree');
    const [profile] = report.profiles as readonly [ReportProfile];
    const why = `${'the calls are shared by what each pair spent, which is a guess; '.repeat(14)}so do not trust it`;
    const trees = profile.trees.map((tree) => ({ ...tree, inferred: why }));
    const source = await rendered({ ...report, profiles: [{ ...profile, trees }] }, 'svg');
    expect(source).toContain('so do not trust it.</text>');
    for (const [, line = ''] of source.matchAll(/<text class="quiet" x="12" y="\d+">([^<]*)</g)) {
      expect(line.length).toBeLessThanOrEqual(170);
    }
  });

  test('says what of a time line is in no call', async () => {
    const heap = await rendered(await scenario('profile-heap-over-time'), 'svg');
    expect(heap).toMatch(
      /The tree is of heap alone: extra \([\d,]+ bytes\) and stacks \([\d,]+ bytes\) have no calls\./,
    );
  });

  test('says what it leaves out, and keeps the totals', async () => {
    const report = manyCalls(100_000);
    const source = await rendered(report, 'svg');
    const { boxes, errors } = readSvg(source);
    expect(errors).toEqual([]);
    expect(source).toMatch(/\d+ calls are narrower than 0\.\d+ pixels and left out/);
    expect(boxes.length).toBeGreaterThan(1_000);
    expect(boxes.length).toBeLessThanOrEqual(25_000);
    expect(boxes.find(({ depth }) => depth === 0)?.title).toContain(
      exactAmount(report.profiles?.[0]?.totals[0] ?? 0, 'ns'),
    );
  });

  test('without calls functions stand side by side; an empty profile says so; a report without one is refused', async () => {
    const flat = readSvg(await rendered(await scenario('profile-flat'), 'svg'));
    expect(flat.boxes.every(({ depth }) => depth < 2)).toBe(true);
    expect(flat.boxes.length).toBeGreaterThan(5);
    const empty = await rendered(await scenario('profile-empty'), 'svg');
    expect(readSvg(empty).errors).toEqual([]);
    expect(empty).toContain('Nothing was spent, or nothing was seen.');
    const clean = await scenarios.get('clean')?.();
    if (clean === undefined) throw new Error('there is a clean report');
    const error = await rendered(clean, 'svg').catch((each: unknown) => each);
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ status: 125 });
  });
});

interface SvgBox {
  readonly title: string;
  readonly x: number;
  readonly width: number;
  readonly depth: number;
}

function readSvg(source: string): {
  readonly errors: readonly string[];
  readonly names: readonly string[];
  readonly attributes: readonly (readonly [string, string])[];
  readonly boxes: readonly SvgBox[];
} {
  const errors: string[] = [];
  const names: string[] = [];
  const attributes: [string, string][] = [];
  const boxes: { title: string; x: number; width: number; depth: number }[] = [];
  const parser = new SaxesParser();
  let inTitle = false;
  parser.on('error', ({ message }) => errors.push(message));
  parser.on('opentag', ({ name, attributes: found }) => {
    names.push(name);
    attributes.push(...(Object.entries(found) as [string, string][]));
    const { 'data-x': x, 'data-w': width, 'data-d': depth } = found as Record<string, string>;
    if (depth !== undefined)
      boxes.push({ title: '', x: Number(x), width: Number(width), depth: Number(depth) });
    inTitle = name === 'title';
  });
  parser.on('closetag', () => {
    inTitle = false;
  });
  parser.on('text', (text) => {
    const last = boxes.at(-1);
    if (inTitle && last !== undefined) last.title += text;
  });
  parser.write(source).close();
  return { errors, names, attributes, boxes };
}

/** The report with every name of its first profile being this one, apart from a number that keeps them distinct. */
function renamed(report: Report, name: string): Report {
  const [first] = report.profiles ?? [];
  if (first === undefined) throw new Error('there is a profile');
  return {
    ...report,
    vgrun: name,
    profiles: [
      {
        ...first,
        program: name,
        measures: first.measures.map((measure) => ({ ...measure, name, title: name })),
        frames: first.frames.map((each, index) => ({
          ...each,
          function: `${index} ${name}`,
          path: name,
          object: name,
        })),
        trees: first.trees.map((tree) => ({ ...tree, name, inferred: name })),
      },
    ],
  };
}

test('a search finds the rare function among many', () => {
  const [profile] = manyCalls(20_000).profiles ?? [];
  if (profile === undefined) throw new Error('there is a profile');
  const groups = groupFrames(profile.frames, false);
  const tree = flameTree(
    profile.trees.map((each) => ({ tree: each })),
    groups,
    profile.frames,
    2,
  );
  const matcher = matcherOf(rareFunction);
  const matches = matchingGroups(groups, typeof matcher === 'function' ? matcher : () => false);
  expect(coverage(tree, matches, 1, 'after')).toEqual({ amount: 3, calls: 1 });
});
