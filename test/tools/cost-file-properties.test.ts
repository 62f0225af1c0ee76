// Properties of the reader of cost files: whatever way a graph is written, it is read as it was; damage breaks nothing.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { graphCosts } from '../../src/analyze/profile/graph-costs.ts';
import { inferTree } from '../../src/analyze/profile/infer-tree.ts';
import { mergeProfiles } from '../../src/analyze/profile/merge.ts';
import type { Profile, ProfileFrame } from '../../src/model/profile.ts';
import { inclusiveValues } from '../../src/model/profile-tables.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import { mustBeConsistent, profileRecordsOf } from '../profile-corpus.ts';

interface Costs {
  readonly file: number;
  readonly line: number;
  readonly values: readonly number[];
}
interface Call extends Costs {
  readonly callee: number;
  readonly calls: number;
}
interface Routine {
  readonly object: number;
  readonly file: number;
  readonly costs: readonly Costs[];
  readonly calls: readonly Call[];
}
interface Graph {
  readonly events: number;
  readonly routines: readonly Routine[];
}
/** How it is written. */
interface Style {
  readonly compressNames: boolean;
  readonly relative: boolean;
  readonly instructions: boolean;
  readonly blocks: boolean;
  readonly hexLines: boolean;
  readonly dots: boolean;
  readonly allCosts: boolean;
  readonly windows: boolean;
  readonly marked: boolean;
  readonly parts: number;
  readonly chunk: number;
}

const eventNames = ['Ir', 'Dr', 'Dw', 'Zz'];
const objects = ['/bin/a program', '/usr/lib/libb.so', '???'];
const files = ['a.c', '/home/user/b (copy).h', './c/../d.cpp', '???'];
// `operator()`, `(below main)` and what has quotes, brackets and spaces are names as well.
const names = [
  'main',
  '(below main)',
  'f<int, (x)5>::operator()(long)',
  "walk'2",
  'häuser',
  'g [clone .isra.0]',
];

const value = fc.oneof(fc.constant(0), fc.nat(9), fc.nat(1e6), fc.nat(2 ** 40));
const place = { file: fc.nat(files.length - 1), line: fc.oneof(fc.nat(30), fc.nat(2 ** 31 - 2)) };

const graphs: fc.Arbitrary<Graph> = fc.integer({ min: 1, max: eventNames.length }).chain((events) => {
  const values = fc.array(value, { minLength: events, maxLength: events });
  return fc.record({
    events: fc.constant(events),
    routines: fc.array(
      fc.record({
        object: fc.nat(objects.length - 1),
        file: fc.nat(files.length - 1),
        costs: fc.array(fc.record({ ...place, values }), { maxLength: 6 }),
        calls: fc.array(fc.record({ ...place, values, callee: fc.nat(5), calls: fc.nat(1000) }), {
          maxLength: 5,
        }),
      }),
      { minLength: 1, maxLength: names.length },
    ),
  });
});

const styles: fc.Arbitrary<Style> = fc.record({
  compressNames: fc.boolean(),
  relative: fc.boolean(),
  instructions: fc.boolean(),
  blocks: fc.boolean(),
  hexLines: fc.boolean(),
  dots: fc.boolean(),
  allCosts: fc.boolean(),
  windows: fc.boolean(),
  marked: fc.boolean(),
  parts: fc.integer({ min: 1, max: 3 }),
  chunk: fc.integer({ min: 1, max: 200 }),
});

/** callgrind.out with the graph in it, once in each part. */
function write({ events, routines }: Graph, style: Style): Buffer {
  const lines: string[] = style.marked ? ['# callgrind format'] : [];
  lines.push('version: 1', 'creator: callgrind-3.19.0', 'pid: 77', 'cmd:  ./program one two');
  const known = new Map<string, number>();
  const named = (kind: string, name: string): string => {
    if (!style.compressNames) return name;
    const key = `${kind} ${name}`;
    const number = known.get(key);
    if (number !== undefined) return `(${number})`;
    known.set(key, known.size + 1);
    return `(${known.size}) ${name}`;
  };
  let last = 0;
  const position = (line: number): string => {
    const other = [...(style.instructions ? ['0x4e2'] : []), ...(style.blocks ? ['*'] : [])];
    const step = line - last;
    const whole = style.hexLines ? `0x${line.toString(16)}` : `${line}`;
    const own = !style.relative ? whole : step === 0 ? '*' : step > 0 ? `+${step}` : `${step}`;
    return [...other, own].join(' ');
  };
  const costs = (values: readonly number[]): string => {
    const words = values.map((cost) => (cost === 0 && style.dots ? '.' : `${cost}`));
    while (!style.allCosts && words.length > 0 && ['0', '.'].includes(words.at(-1) ?? '')) words.pop();
    return words.length === 0 ? '' : ` ${words.join(' ')}`;
  };
  for (let part = 1; part <= style.parts; part++) {
    lines.push(`part: ${part}`, '', 'desc: Trigger: Client Request', '');
    lines.push(
      `positions: ${[...(style.instructions ? ['instr'] : []), ...(style.blocks ? ['bb'] : []), 'line'].join(' ')}`,
    );
    lines.push(`events: ${eventNames.slice(0, events).join(' ')}`, '');
    const totals = new Array<number>(events).fill(0);
    for (const [index, { object, file, costs: own, calls }] of routines.entries()) {
      lines.push(`ob=${named('o', objects[object] as string)}`, `fl=${named('f', files[file] as string)}`);
      lines.push(`fn=${named('n', names[index] as string)}`);
      for (const { file: at, line, values } of own) {
        if (at !== file) lines.push(`fi=${named('f', files[at] as string)}`);
        lines.push(position(line) + costs(values));
        last = line;
        if (at !== file) lines.push(`fe=${named('f', files[file] as string)}`);
        for (const [column, cost] of values.entries()) totals[column] = (totals[column] as number) + cost;
      }
      for (const { file: at, line, values, callee, calls: count } of calls) {
        const target = routines[callee % routines.length] as Routine;
        if (at !== file) lines.push(`fi=${named('f', files[at] as string)}`);
        if (target.object !== object) lines.push(`cob=${named('o', objects[target.object] as string)}`);
        if (target.file !== at) lines.push(`cfi=${named('f', files[target.file] as string)}`);
        lines.push(`cfn=${named('n', names[callee % routines.length] as string)}`);
        lines.push(`calls=${count} ${position(last)} `, position(line) + costs(values));
        last = line;
        if (at !== file) lines.push(`fe=${named('f', files[file] as string)}`);
      }
      lines.push('');
    }
    lines.push(`totals: ${totals.join(' ')}`, '');
  }
  return Buffer.from(lines.join(style.windows ? '\r\n' : '\n'));
}

/** What must be read: costs by place, and counts and costs by call. */
function contentsOf({ routines, events }: Graph, parts: number): ReadonlyMap<string, readonly number[]> {
  const contents = new Map<string, number[]>();
  const add = (key: string, values: readonly number[]): void => {
    const known = contents.get(key) ?? values.map(() => 0);
    contents.set(
      key,
      known.map((sum, index) => sum + parts * (values[index] as number)),
    );
  };
  const title = (index: number): string => {
    const { object, file } = routines[index] as Routine;
    return `${names[index]} ${files[file]} ${objects[object]}`;
  };
  for (const [index, { costs, calls }] of routines.entries()) {
    for (const { file, line, values } of costs) add(`${title(index)} at ${files[file]}:${line}`, values);
    for (const { file, line, values, callee, calls: count } of calls) {
      add(`${title(index)} calls ${title(callee % routines.length)} at ${files[file]}:${line}`, [
        count,
        ...values,
      ]);
    }
  }
  expect(events).toBeGreaterThan(0);
  return contents;
}

function contentsRead({
  functions,
  files: paths,
  lines,
  graph,
}: Profile): ReadonlyMap<string, readonly number[]> {
  const contents = new Map<string, readonly number[]>();
  const title = (frame: ProfileFrame | undefined): string =>
    `${frame?.function ?? '???'} ${frame?.file ?? '???'} ${frame?.object ?? '???'}`;
  const path = (file: number | undefined): string => paths[file ?? -1] ?? '???';
  for (const [index, owner] of (lines?.functions ?? []).entries()) {
    contents.set(
      `${title(functions[owner])} at ${path(lines?.files[index])}:${lines?.lines[index]}`,
      lines?.values.map((column) => column[index] as number) ?? [],
    );
  }
  const { edges } = graph ?? {};
  for (const [index, caller] of (edges?.callers ?? []).entries()) {
    contents.set(
      `${title(functions[caller])} calls ${title(functions[edges?.callees[index] as number])} at ${path(edges?.files[index])}:${edges?.lines[index]}`,
      [edges?.calls[index] as number, ...(edges?.values.map((column) => column[index] as number) ?? [])],
    );
  }
  return contents;
}

test('a graph is read as it was, in whatever way it is written', async () => {
  await fc.assert(
    fc.asyncProperty(graphs, styles, async (graph, style) => {
      const records = await profileRecordsOf(write(graph, style), style.chunk);
      expect(problemsOf(records)).toEqual([]);
      expect(records[0]).toMatchObject({ pid: 77, version: '3.19.0', argv: ['./program', 'one', 'two'] });
      expect(records.at(-1)).toMatchObject({ type: 'process-end', complete: true });
      const profile = profileOf(records);
      mustBeConsistent(profile);
      expect(sorted(contentsRead(profile))).toEqual(sorted(contentsOf(graph, style.parts)));
      expect(profile.totals).toEqual(profile.stated);
      expect(profile.parts?.map(({ name }) => name)).toEqual(
        Array.from({ length: style.parts }, (_, index) => `part ${index + 1}`),
      );
    }),
    { numRuns: 300 },
  );
});

test('a file read twice and added up is everything twice', async () => {
  await fc.assert(
    fc.asyncProperty(graphs, styles, async (graph, style) => {
      const profile = profileOf(await profileRecordsOf(write(graph, style)));
      const merged = mergeProfiles([profile, profile]);
      mustBeConsistent(merged);
      expect(sorted(contentsRead(merged))).toEqual(sorted(contentsOf(graph, 2 * style.parts)));
    }),
    { numRuns: 100 },
  );
});

test('any graph, also one that no program could have, has inclusive costs and a tree that are finite and not negative', async () => {
  await fc.assert(
    fc.asyncProperty(graphs, styles, async (graph, style) => {
      const profile = profileOf(await profileRecordsOf(write(graph, style)));
      const costs = graphCosts(profile.graph ?? { self: [] }, profile.functions.length);
      for (const column of costs.inclusive ?? []) {
        expect(column.length).toBe(profile.functions.length);
        expect(column.every((cost) => Number.isFinite(cost) && cost >= 0)).toBe(true);
      }
      const drawn = inferTree(profile);
      if (drawn === undefined) return;
      mustBeConsistent({ ...profile, frames: drawn.frames, trees: [drawn.tree] });
      expect(drawn.tree.values.every((column) => column.every((cost) => cost >= 0))).toBe(true);
      expect(drawn.tree.parents.length).toBeLessThan(20_100);
    }),
    { numRuns: 200 },
  );
});

interface Step {
  readonly up: boolean;
  readonly callee: number;
  readonly cost: number;
}

test('of a real run, costs are right outside of recursion, within bounds inside, and the tree adds up', () => {
  const steps: fc.Arbitrary<readonly Step[]> = fc.array(
    fc.record({ up: fc.boolean(), callee: fc.nat(7), cost: fc.integer({ min: 1, max: 50 }) }),
    { minLength: 1, maxLength: 120 },
  );
  fc.assert(
    fc.property(steps, (run) => {
      const { profile, onStack, total } = simulate(run);
      const { inclusive = [], cycles = [] } = graphCosts(
        profile.graph ?? { self: [] },
        profile.functions.length,
      );
      for (const [row, truth] of onStack.entries()) {
        const cost = inclusive[0]?.[row] ?? 0;
        if ((cycles[row] ?? 0) === 0) expect(cost).toBe(truth);
        else {
          expect(cost).toBeGreaterThanOrEqual(truth);
          expect(cost).toBeLessThanOrEqual(total);
        }
      }
      const drawn = inferTree(profile);
      if (drawn === undefined) throw new Error('no tree');
      const [sums = []] = inclusiveValues(drawn.tree);
      expect(sums.reduce((sum, cost, node) => (drawn.tree.parents[node] === -1 ? sum + cost : sum), 0)).toBe(
        total,
      );
    }),
    { numRuns: 500 },
  );
});

/** Runs a program of functions 0 to 7 and counts as callgrind does, and what each had while it was on the stack at all. */
function simulate(run: readonly Step[]): { profile: Profile; onStack: readonly number[]; total: number } {
  const count = 8;
  const self = new Array<number>(count).fill(0);
  const onStack = new Array<number>(count).fill(0);
  const edges = new Map<string, { caller: number; callee: number; calls: number; cost: number }>();
  const stack: { row: number; since: number }[] = [{ row: 0, since: 0 }];
  let total = 0;
  const leave = (): void => {
    const { row: callee, since } = stack.pop() as { row: number; since: number };
    const caller = stack.at(-1)?.row as number;
    const key = `${caller} ${callee}`;
    const edge = edges.get(key) ?? { caller, callee, calls: 0, cost: 0 };
    edges.set(key, { ...edge, calls: edge.calls + 1, cost: edge.cost + total - since });
  };
  for (const { up, callee, cost } of run) {
    if (up && stack.length > 1) leave();
    else stack.push({ row: callee, since: total });
    const row = stack.at(-1)?.row as number;
    self[row] = (self[row] as number) + cost;
    for (const open of new Set(stack.map((entry) => entry.row)))
      onStack[open] = (onStack[open] as number) + cost;
    total += cost;
  }
  while (stack.length > 1) leave();
  const rows = [...edges.values()];
  return {
    total,
    onStack,
    profile: {
      format: 'callgrind',
      measures: [{ name: 'Ir', title: 'instructions', unit: 'instructions' }],
      primary: 0,
      totals: [total],
      frames: [],
      trees: [],
      functions: self.map((_, row) => ({ function: `f${row}` })),
      files: [],
      graph: {
        self: [self],
        edges: {
          callers: rows.map(({ caller }) => caller),
          callees: rows.map(({ callee }) => callee),
          files: rows.map(() => -1),
          lines: rows.map(() => 0),
          calls: rows.map(({ calls }) => calls),
          values: [rows.map(({ cost }) => cost)],
        },
      },
      notes: [],
    },
  };
}

/** What a damaged file may have anywhere. */
const rubbish = [
  '\0',
  '\n',
  'fn=',
  'fl=(99999999999999)',
  '(4)',
  'calls=',
  'calls=-1 -1',
  'jcnd=1',
  'jcnd=9/x 3',
  'jfi=(1)',
  'events: ',
  'events: A A A',
  'positions: ',
  'positions: line line line line',
  'part: x',
  'totals: -1',
  'totals: 1e99',
  '99999999999999999999999999',
  '-99999',
  '+99999999999',
  '0x',
  '0xffffffffffffffffffff',
  '* * * * *',
  'event: X = 3 Ir + Y : z',
  'event: a = a',
  ' ',
  ':',
  '=',
  '\r',
  'é',
  'thread: 7',
  'version: 9',
  'summary:',
  'cob=',
  'fe=',
  '.',
  'x'.repeat(3000),
];

test('damage anywhere throws nothing and leaves tables that are whole', async () => {
  const damage = fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.nat(20),
      put: fc.constantFrom(...rubbish),
    }),
    { minLength: 1, maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(graphs, styles, damage, async (graph, style, places) => {
      let text = write(graph, style).toString('latin1');
      for (const { at, cut, put } of places) {
        const start = Math.floor(at * text.length);
        text = text.slice(0, start) + put + text.slice(start + cut);
      }
      const records = await profileRecordsOf(Buffer.from(text, 'latin1'), style.chunk);
      for (const record of records) {
        if (record.type !== 'profile') continue;
        mustBeConsistent(record.profile);
        const drawn = inferTree(record.profile);
        if (drawn !== undefined)
          mustBeConsistent({ ...record.profile, frames: drawn.frames, trees: [drawn.tree] });
      }
      const images = records.filter(({ type }) => type === 'process').length;
      expect(records.filter(({ type }) => type === 'process-end')).toHaveLength(images);
    }),
    { numRuns: 500 },
  );
});

test.each(['fx=1', 'cfx=1', 'what is this', 'jcnd=1', 'calls=x'])(
  'a line that is not understood (%s) is left out alone, in the middle and at the end',
  async (line) => {
    const head = 'version: 1\ncreator: callgrind-3.19.0\nevents: Ir\nfn=a\n1 2\n';
    for (const rest of [`${line}\nfn=b\n1 3\ntotals: 5\n`, `fn=b\n1 3\n${line}`, `fn=b\n1 3\n${line}\n`]) {
      const records = await profileRecordsOf(Buffer.from(head + rest));
      expect(profileOf(records).totals).toEqual([5]);
      expect(problemsOf(records).filter(({ code }) => code === 'unknown-line')).toMatchObject([
        { quote: line },
      ]);
    }
  },
);

test('a line without end does not fill the memory, and is said to be left out', async () => {
  const head = Buffer.from('# callgrind format\nevents: Ir\nfn=a\n1 2\nfn=');
  const tail = Buffer.from('\nfn=b\n1 3\n');
  const bytes = Buffer.concat([head, Buffer.alloc(3 << 20, 'x'), tail]);
  const records = await profileRecordsOf(bytes, 1 << 16);
  expect(problemsOf(records)).toMatchObject([
    { code: 'line-too-long', level: 'incomplete', offset: head.length - 3 },
  ]);
  expect(profileOf(records).totals).toEqual([5]);
});

test('totals that are not the sum of the costs make the file incomplete', async () => {
  const file = 'events: Ir Dr\nfn=a\n1 5 6\n\ntotals: 5 7\n';
  const records = await profileRecordsOf(
    Buffer.from(`# callgrind format\ncreator: callgrind-3.19.0\n${file}`),
  );
  expect(problemsOf(records)).toMatchObject([{ code: 'totals-differ', level: 'incomplete' }]);
  const whole = await profileRecordsOf(
    Buffer.from('# callgrind format\ncreator: callgrind-3.19.0\nevents: Ir\nfn=a\n1 5\ntotals: 5\n'),
  );
  expect(problemsOf(whole)).toEqual([]);
});

test('an event that is a sum of others is counted as the file defines it', async () => {
  const file =
    '# callgrind format\nevent: L1m = I1mr + D1mr : first-level misses\nevent: Cost = Ir + 10 L1m\n' +
    'events: Ir I1mr D1mr\nfn=a\n1 100 2 3\ncfn=b\ncalls=1 1\n1 50 1\nfn=b\n2 50 1\n';
  const profile = profileOf(await profileRecordsOf(Buffer.from(file)));
  expect(profile.measures.map(({ name, formula }) => [name, formula])).toEqual([
    ['Ir', undefined],
    ['I1mr', undefined],
    ['D1mr', undefined],
    ['L1m', 'I1mr + D1mr'],
    ['Cost', 'Ir + 10 L1m'],
  ]);
  expect(profile.totals).toEqual([150, 3, 3, 6, 210]);
  expect(profile.graph?.self[4]).toEqual([150, 60]);
  expect(profile.graph?.edges?.values[4]).toEqual([60]);
  mustBeConsistent(profile);
});

test('jumps are counted by their lines, and those out of the function or file are left out', async () => {
  const file =
    '# callgrind format\npositions: line\nevents: Ir\nfl=a.c\nfn=a\n10 3\njcnd=2/3 +5\n* \njump=4 -2\n*\n' +
    'jfi=b.c\njump=9 +1\n* \njcnd=1/3 +5\n* \n+1 7\n';
  const profile = profileOf(await profileRecordsOf(Buffer.from(file)));
  expect(profile.jumps).toEqual({
    functions: [0, 0],
    files: [0, 0],
    fromLines: [10, 10],
    toLines: [15, 8],
    taken: [3, 4],
    reached: [6, 4],
  });
  expect(profile.totals).toEqual([10]);
});

function sorted(
  contents: ReadonlyMap<string, readonly number[]>,
): readonly (readonly [string, readonly number[]])[] {
  return [...contents].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function problemsOf(records: readonly ParsedRecord[]) {
  return records.flatMap((record) => (record.type === 'problem' ? [record.problem] : []));
}

function profileOf(records: readonly ParsedRecord[]): Profile {
  for (const record of records) if (record.type === 'profile') return record.profile;
  throw new Error('no profile');
}

describe('files behind each other', () => {
  const callgrind = (pid: number, command: string, cost: number): string =>
    `# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npid: ${pid}\ncmd:  ${command}\npart: 1\n\ndesc: Trigger: Program termination\n\npositions: line\nevents: Ir\nsummary: ${cost}\n\nfl=(1) a.c\nfn=(1) ${command}\n1 ${cost}\n\ntotals: ${cost}\n`;
  const cachegrind = (command: string, cost: number): string =>
    `desc: I1 cache: 32768 B, 64 B, 8-way associative\ndesc: LL cache: 1 B\ncmd: ${command}\nevents: Ir\nfl=a.c\nfn=${command}\n1 ${cost}\nsummary: ${cost}\n`;
  const told = (records: readonly ParsedRecord[]): readonly unknown[] =>
    records.flatMap<unknown>((record) =>
      record.type === 'process'
        ? [record.argv[0], record.pid]
        : record.type === 'profile'
          ? [record.profile.totals[0], record.profile.functions.map((frame) => frame.function)]
          : record.type === 'process-end'
            ? [record.complete]
            : [record],
    );

  test.each([
    ['of callgrind', callgrind(5, 'one', 100) + callgrind(7, 'two', 300), [5, 7]],
    ['of cachegrind', cachegrind('one', 100) + cachegrind('two', 300), [0, 0]],
  ])('%s are two processes with their own names and costs', async (_, text, pids) => {
    for (const size of [1, 9, 4096]) {
      expect(told(await profileRecordsOf(Buffer.from(text), size))).toEqual([
        ...['one', pids[0], 100, ['one'], true],
        ...['two', pids[1], 300, ['two'], true],
      ]);
    }
  });

  test('of which one is not whole are not whole', async () => {
    const text = callgrind(5, 'one', 100).replace(/totals.*\n/, '') + callgrind(7, 'two', 300);
    expect(told(await profileRecordsOf(Buffer.from(text))).filter((each) => each === false)).toHaveLength(2);
  });

  test('without a header between them have costs that their totals contradict', async () => {
    const body = cachegrind('two', 300).replace(/^(?:desc|cmd).*\n/gm, '');
    const records = await profileRecordsOf(Buffer.from(cachegrind('one', 100) + body));
    expect(problemsOf(records)).toMatchObject([{ code: 'totals-differ', level: 'incomplete' }]);
  });

  test('in absurd number do not take memory without end, and that is said', async () => {
    const records = await profileRecordsOf(Buffer.from(cachegrind('one', 1).repeat(1500)), 65_536);
    expect(records.filter(({ type }) => type === 'profile').length).toBe(1001);
    expect(problemsOf(records)).toMatchObject([{ code: 'too-many-files', level: 'incomplete' }]);
  });
});
