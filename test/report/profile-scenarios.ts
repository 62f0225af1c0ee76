// The profiles behind test/golden and the page: records as readers of profiles give them, analysed for real.
import { analyze } from '../../src/analyze/index.ts';
import type {
  AllocationSite,
  CallEdges,
  CallTree,
  Measure,
  Profile,
  ProfileFrame,
  Snapshot,
} from '../../src/model/profile.ts';
import type { GrowthLimit, ProfileBefore, ReportProfile } from '../../src/model/profile-report.ts';
import { type FrameTable, frameTable, sumOf, treeBuilder } from '../../src/model/profile-tables.ts';
import type { ParsedRecord, ProcessRecord } from '../../src/model/record.ts';
import type { Report } from '../../src/model/report.ts';
import type { RunManifest } from '../../src/model/run.ts';
import { end, manifest, textProcess } from '../analyze/records.ts';

/** Name of the golden folder, and the report in it. */
export const profileScenarios: ReadonlyMap<string, () => Promise<Report>> = new Map([
  ['profile-heap-over-time', heapOverTime],
  ['profile-allocation-sites', allocationSites],
  ['profile-call-graph', callGraph],
  ['profile-inferred-tree', inferredTree],
  ['profile-samples', samples],
  ['profile-flat', flat],
  ['profile-empty', empty],
  ['profile-cut', cut],
  ['profile-compared', compared],
  ['profile-growth', growth],
  ['profile-hostile', hostile],
]);

const root = '/home/ann/words';
const program = `${root}/build/words`;
const libc = '/usr/lib/x86_64-linux-gnu/libc.so.6';
const libstdcxx = '/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30';

/** A frame of the program itself. */
function own(name: string, file: string, line?: number): ProfileFrame {
  return {
    object: program,
    function: name,
    directory: `${root}/src`,
    file,
    ...(line !== undefined && { line }),
  };
}

function library(name: string, object = libc): ProfileFrame {
  return { object, function: name };
}

const start = library('(below main)');

const bytes: Measure = { name: 'bytes', title: 'bytes on the heap', unit: 'bytes' };

function record(image: number, profile: Profile, more: Partial<ProcessRecord> = {}): readonly ParsedRecord[] {
  return [
    textProcess(image, {
      tool: profile.format,
      version: '3.19.0',
      argv: ['build/words', 'book.txt'],
      instrumentArgv: [],
      artifact: `${profile.format}.out.${100 + image}`,
      ...more,
    }),
    { type: 'profile', image, profile },
    end(image),
  ];
}

function report(
  tool: string,
  records: readonly ParsedRecord[],
  run: Partial<RunManifest> = {},
): Promise<Report> {
  return analyze(records, {
    vgrun: '0.1.0',
    manifest: manifest({
      id: '20260801-120000-words',
      tool: { name: tool, version: '3.19.0', path: '/usr/bin/valgrind' },
      command: ['build/words', 'book.txt'],
      program,
      argv: ['/usr/bin/valgrind', `--tool=${tool}`, 'build/words', 'book.txt'],
      directory: root,
      projectRoot: root,
      ...run,
    }),
    runDirectory: `${root}/.vgrun/runs/20260801-120000-words`,
  });
}

/** Call paths, outermost first, and what was spent at the end of each. */
type Path = readonly [path: readonly ProfileFrame[], ...values: readonly number[]];

function treeOf(
  table: FrameTable,
  measures: number,
  paths: readonly Path[],
  about: Omit<CallTree, 'parents' | 'frames' | 'values'> = {},
): CallTree {
  const builder = treeBuilder(measures);
  for (const [path, ...values] of paths) {
    let node = -1;
    for (const frame of path) node = builder.child(node, table.add(frame));
    for (const [measure, value] of values.entries()) builder.add(node, measure, value);
  }
  return builder.build(about);
}

/** As the pipeline adds it: what stands around the most expensive lines. */
function withSources(
  made: Report,
  texts: Readonly<Record<string, readonly [number, readonly string[]]>>,
): Report {
  const sourced = (profile: ReportProfile): ReportProfile => {
    const sources = profile.files.flatMap(({ path }, file) => {
      const [firstLine, lines] = texts[path] ?? [];
      return firstLine === undefined || lines === undefined ? [] : [{ file, firstLine, lines }];
    });
    return sources.length === 0 ? profile : { ...profile, sources };
  };
  return { ...made, ...(made.profiles && { profiles: made.profiles.map(sourced) }) };
}

const wordSource = {
  'src/table.cpp': [
    40,
    [
      'Entry *Table::insert(const std::string &word) {',
      '  std::size_t at = hash(word) % slots_.size();',
      '  for (Entry *e = slots_[at]; e != nullptr; e = e->next)',
      '    if (e->word == word) return e;',
      '  Entry *fresh = new Entry{word, 0, slots_[at]};',
      '  slots_[at] = fresh;',
      '  if (++count_ > slots_.size()) grow();',
      '\treturn fresh;',
      '}',
    ],
  ],
  'src/reader.cpp': [
    17,
    [
      'std::string Reader::next() {',
      '  std::string word;',
      '  while (read(buffer_))',
      '    word += buffer_[at_++];',
    ],
  ],
} as const;

// Massif: three trees, a peak in the middle, extra bytes for each block and a little stack.

const frames = {
  main: own('main', 'main.cpp', 31),
  count: own('Counter::count(std::istream&)', 'counter.cpp', 22),
  insert: own(
    'Table::insert(std::basic_string<char, std::char_traits<char>, std::allocator<char> > const&)',
    'table.cpp',
    44,
  ),
  grow: own('Table::grow()', 'table.cpp', 61),
  next: own('Reader::next()', 'reader.cpp', 20),
  reader: own('Reader::Reader(std::istream&)', 'reader.cpp', 9),
  report: own('report(Table const&, std::ostream&)', 'report.cpp', 14),
  append: library(
    'std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_append(char const*, unsigned long)',
    libstdcxx,
  ),
  create: library(
    'std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_create(unsigned long&, unsigned long)',
    libstdcxx,
  ),
  pool: library('_GLOBAL__sub_I_eh_alloc.cc', libstdcxx),
  init: { object: '/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2', function: 'call_init' },
  iobuf: library('_IO_file_doallocate'),
  getline: library('std::istream::getline(char*, long, char)', libstdcxx),
} satisfies Readonly<Record<string, ProfileFrame>>;

const below = (places: number): ProfileFrame => ({
  sum: `in ${places} places, all below massif's threshold (1.00%)`,
});

/** Bytes of the parts that the tree of a detailed snapshot shows. */
function heapTree(table: FrameTable, name: string, entries: number, slots: number, words: number): CallTree {
  const { main, count, insert, grow, next, reader, append, create, pool, init, iobuf, getline } = frames;
  return treeOf(
    table,
    1,
    [
      [[start, main, count, insert], entries],
      [[start, main, count, insert, grow], slots],
      [[start, main, count, next, append, create], words],
      [[start, main, reader], 65_536],
      [[init, pool], 72_704],
      [[start, main, count, getline, iobuf], 4_096],
      [[below(14)], 3_170],
    ],
    { name },
  );
}

function heapProfile(factor = 1): Profile {
  const table = frameTable();
  const shapes: readonly (readonly [time: number, heap: number, kind?: Snapshot['kind']])[] = [
    [0, 0],
    [1_912_004, 142_000],
    [3_800_511, 410_300],
    [5_790_020, 801_200],
    [7_702_318, 1_310_900],
    [9_650_001, 1_300_218],
    [11_601_777, 2_605_506, 'detailed'],
    [13_500_204, 3_120_000],
    [15_488_930, 3_710_400],
    [17_402_000, 5_222_016],
    [19_333_117, 6_014_010],
    [21_260_700, 7_803_004],
    [23_190_245, 9_640_700],
    [25_102_308, 12_415_506, 'peak'],
    [27_040_000, 10_204_090],
    [28_990_500, 10_180_311],
    [30_912_420, 7_310_040],
    [32_800_017, 4_012_300],
    [34_722_900, 1_510_206],
    [36_690_030, 145_506, 'detailed'],
    [41_020_111, 72_704],
  ];
  const trees: CallTree[] = [];
  const snapshots = shapes.map(([time, bytesAt, kind = 'normal'], number): Snapshot => {
    const heap = Math.round(bytesAt * factor);
    const values = [heap, Math.round(heap / 12), number === 0 ? 0 : 1_880 + 64 * (number % 5)];
    if (kind === 'normal') return { number, time, values, kind };
    const room = Math.max(0, heap - 145_506);
    const entries = Math.round(room * 0.62);
    const slots = Math.round(room * 0.27);
    trees.push(heapTree(table, `snapshot ${number}`, entries, slots, room - entries - slots));
    return { number, time, values, kind, tree: trees.length - 1 };
  });
  return {
    format: 'massif',
    measures: [bytes],
    primary: 0,
    totals: [sumOf(snapshots.find(({ kind }) => kind === 'peak')?.values ?? [])],
    frames: table.frames,
    trees,
    functions: [],
    files: [],
    timeline: {
      clock: 'instructions',
      series: [
        { name: 'heap', title: 'heap', unit: 'bytes' },
        { name: 'extra', title: 'book-keeping of the heap', unit: 'bytes' },
        { name: 'stacks', title: 'stacks', unit: 'bytes' },
      ],
      snapshots,
    },
    notes: ['desc: --stacks=yes', 'cmd: build/words book.txt'],
  };
}

async function heapOverTime(): Promise<Report> {
  return withSources(await report('massif', record(1, heapProfile())), wordSource);
}

// DHAT: sites with lifetimes and accesses.

const dhatMeasures: readonly Measure[] = [
  { name: 'totalBytes', title: 'bytes allocated', unit: 'bytes' },
  { name: 'totalBlocks', title: 'blocks allocated', unit: 'blocks' },
  { name: 'gmaxBytes', title: 'bytes at the peak', unit: 'bytes' },
  { name: 'gmaxBlocks', title: 'blocks at the peak', unit: 'blocks' },
  { name: 'endBytes', title: 'bytes at the end', unit: 'bytes' },
  { name: 'endBlocks', title: 'blocks at the end', unit: 'blocks' },
  { name: 'readBytes', title: 'bytes read', unit: 'bytes' },
  { name: 'writtenBytes', title: 'bytes written', unit: 'bytes' },
];

async function allocationSites(): Promise<Report> {
  const { main, count, insert, grow, next, reader, append, create, pool, init } = frames;
  const table = frameTable();
  const paths: readonly Path[] = [
    // Entries live to the end and are read often.
    [[start, main, count, insert], 8_031_040, 125_485, 7_998_720, 124_980, 0, 0, 64_200_448, 9_034_920],
    // The table is copied at every growth: short lives, large blocks.
    [[start, main, count, insert, grow], 4_194_288, 18, 3_145_728, 2, 0, 0, 6_291_000, 4_194_288],
    // A string for every word: dead after a few hundred instructions.
    [[start, main, count, next, append, create], 22_020_310, 711_204, 31, 1, 0, 0, 44_040_620, 25_300_500],
    // Never read.
    [[start, main, reader], 65_536, 1, 65_536, 1, 0, 0, 0, 65_536],
    // Never accessed at all, and never freed.
    [[init, pool], 72_704, 1, 72_704, 1, 72_704, 1, 0, 0],
  ];
  const tree = treeOf(table, dhatMeasures.length, paths);
  const rowsWithCost = tree.parents.flatMap((_, row) => (tree.values[1]?.[row] ? [row] : []));
  const about: readonly Omit<AllocationSite, 'node'>[] = [
    {
      lifetimes: 125_485 * 30_102_000,
      maxBytes: 7_998_720,
      maxBlocks: 124_980,
      accesses: [...new Array(32).fill(912_004), ...new Array(8).fill(511_020), ...new Array(24).fill(0)],
    },
    { lifetimes: 18 * 4_200_118, maxBytes: 3_145_728, maxBlocks: 2 },
    { lifetimes: 711_204 * 312, maxBytes: 31, maxBlocks: 1 },
    { lifetimes: 40_900_000, maxBytes: 65_536, maxBlocks: 1 },
    { lifetimes: 41_000_000, maxBytes: 72_704, maxBlocks: 1 },
  ];
  const profile: Profile = {
    format: 'dhat',
    measures: dhatMeasures,
    primary: 0,
    totals: tree.values.map(sumOf),
    frames: table.frames,
    trees: [tree],
    functions: [],
    files: [],
    sites: rowsWithCost.map((node, index) => ({ node, ...about[index] })),
    notes: [
      'mode: heap',
      'cmd: build/words book.txt',
      'the peak was at 25,102,308 of 41,020,111 instructions',
    ],
  };
  return report('dhat', record(1, profile));
}

// Callgrind: a graph with recursion, two parts, cache events.

const cacheMeasures: readonly Measure[] = [
  ['Ir', 'instructions executed', 'instructions'],
  ['Dr', 'data reads', 'events'],
  ['Dw', 'data writes', 'events'],
  ['I1mr', 'L1 instruction fetch misses', 'events'],
  ['D1mr', 'L1 data read misses', 'events'],
  ['D1mw', 'L1 data write misses', 'events'],
  ['ILmr', 'last-level instruction fetch misses', 'events'],
  ['DLmr', 'last-level data read misses', 'events'],
  ['DLmw', 'last-level data write misses', 'events'],
].map(([name, title, unit]) => ({ name, title, unit }) as Measure);

/** Costs of all cache measures that fit a number of instructions. */
function cacheCosts(instructions: number, misses: number): number[] {
  const reads = Math.round(instructions * 0.28);
  const writes = Math.round(instructions * 0.13);
  return [
    instructions,
    reads,
    writes,
    Math.round(instructions * 0.00002),
    Math.round(reads * misses),
    Math.round((writes * misses) / 2),
    Math.round(instructions * 0.00001),
    Math.round((reads * misses) / 9),
    Math.round((writes * misses) / 14),
  ];
}

interface GraphRow {
  readonly frame: ProfileFrame;
  readonly file: number;
  /** Lines with their instructions. */
  readonly lines: readonly (readonly [line: number, instructions: number])[];
  readonly misses: number;
}

const withoutLine = ({ line: _, ...frame }: ProfileFrame): ProfileFrame => frame;

const graphRows: readonly GraphRow[] = [
  { frame: start, file: -1, lines: [[0, 120]], misses: 0.02 },
  {
    frame: withoutLine(frames.main),
    file: 0,
    lines: [
      [29, 12],
      [31, 8],
      [33, 20],
    ],
    misses: 0.05,
  },
  {
    frame: withoutLine(frames.count),
    file: 1,
    lines: [
      [22, 3_200_418],
      [24, 911_204],
    ],
    misses: 0.002,
  },
  {
    frame: withoutLine(frames.insert),
    file: 2,
    lines: [
      [41, 9_410_200],
      [42, 71_204_118],
      [43, 40_118_902],
      [44, 2_310_400],
    ],
    misses: 0.11,
  },
  {
    frame: withoutLine(frames.grow),
    file: 2,
    lines: [
      [61, 4_194],
      [63, 12_582_912],
    ],
    misses: 0.21,
  },
  {
    frame: withoutLine(frames.next),
    file: 3,
    lines: [
      [19, 14_204_118],
      [20, 22_310_005],
    ],
    misses: 0.001,
  },
  {
    frame: own('sort(Entry**, Entry**)', 'report.cpp'),
    file: 4,
    lines: [
      [51, 18_400_210],
      [52, 9_204_400],
    ],
    misses: 0.03,
  },
  { frame: withoutLine(frames.report), file: 4, lines: [[14, 1_204_000]], misses: 0.01 },
  { frame: library('malloc'), file: -1, lines: [[0, 19_204_808]], misses: 0.01 },
  { frame: library('_int_malloc'), file: -1, lines: [[0, 31_220_415]], misses: 0.02 },
  { frame: library('__memcmp_avx2_movbe'), file: -1, lines: [[0, 27_119_040]], misses: 0.08 },
];

/** Caller, callee, line of the call, calls, inclusive instructions. */
const graphCalls: readonly (readonly [number, number, number, number, number])[] = [
  [0, 1, 0, 1, 282_609_384],
  [1, 2, 31, 1, 252_000_602],
  [1, 7, 33, 1, 30_608_742],
  [2, 3, 24, 711_204, 195_070_100],
  [2, 5, 22, 711_205, 52_818_880],
  [3, 4, 46, 18, 12_587_106],
  [3, 8, 44, 125_485, 32_320_334],
  [3, 10, 43, 690_118, 27_119_040],
  [5, 8, 20, 98_204, 16_304_757],
  [7, 6, 14, 1, 29_404_742],
  // sort calls itself, and the compare function beside it.
  [6, 6, 52, 4_095, 27_604_610],
  [6, 8, 51, 14, 1_800_132],
  [8, 9, 0, 223_703, 31_220_415],
];

const graphFiles = ['main.cpp', 'counter.cpp', 'table.cpp', 'reader.cpp', 'report.cpp'].map(
  (file) => `${root}/src/${file}`,
);

function graphProfile(factor = 1): Profile {
  const scaled = (value: number): number => Math.round(value * factor);
  const measures = cacheMeasures.length;
  const self = cacheMeasures.map(() => graphRows.map(() => 0));
  const lines = { functions: [] as number[], files: [] as number[], lines: [] as number[] };
  const values: number[][] = cacheMeasures.map(() => []);
  for (const [row, { file, lines: spent, misses }] of graphRows.entries()) {
    for (const [line, instructions] of spent) {
      lines.functions.push(row);
      lines.files.push(file);
      lines.lines.push(line);
      for (const [measure, cost] of cacheCosts(scaled(instructions), misses).entries()) {
        values[measure]?.push(cost);
        const column = self[measure] as number[];
        column[row] = (column[row] as number) + cost;
      }
    }
  }
  const edges: CallEdges = {
    callers: graphCalls.map(([caller]) => caller),
    callees: graphCalls.map(([, callee]) => callee),
    files: graphCalls.map(([caller]) => graphRows[caller]?.file ?? -1),
    lines: graphCalls.map(([, , line]) => line),
    calls: graphCalls.map(([, , , calls]) => calls),
    values: cacheMeasures.map((_, measure) =>
      graphCalls.map(([, , , , instructions]) => cacheCosts(scaled(instructions), 0.05)[measure] as number),
    ),
  };
  const totals = self.map(sumOf);
  const half = totals.map((total) => Math.round(total * 0.41));
  return {
    format: 'callgrind',
    measures: cacheMeasures,
    primary: 0,
    totals,
    stated: totals,
    frames: [],
    trees: [],
    functions: graphRows.map(({ frame }) => frame),
    files: graphFiles,
    graph: { self, edges },
    lines: { ...lines, values: values.slice(0, measures) },
    jumps: {
      functions: [3, 5],
      files: [2, 3],
      fromLines: [43, 20],
      toLines: [42, 19],
      taken: [2_104_808, 3_904_118],
      reached: [2_816_012, 3_904_118],
    },
    parts: [
      { name: 'part 1', trigger: 'Client Request', totals: half },
      {
        name: 'part 2',
        trigger: 'Program termination',
        totals: totals.map((total, at) => total - (half[at] ?? 0)),
      },
    ],
    notes: [
      'D1 cache: 32768 B, 64 B, 8-way associative',
      'LL cache: 12582912 B, 64 B, 12-way associative',
      'cmd: build/words book.txt',
    ],
  };
}

async function callGraph(): Promise<Report> {
  return withSources(await report('callgrind', record(1, graphProfile())), wordSource);
}

/** The same as one profile has it for which a tree was drawn from the graph. */
async function inferredTree(): Promise<Report> {
  const made = await report('callgrind', record(1, graphProfile()));
  const [profile] = made.profiles ?? [];
  if (profile === undefined) throw new Error('there is a profile');
  const table = frameTable();
  const row = (index: number): ProfileFrame => graphRows[index]?.frame ?? start;
  const costs = (instructions: number): number[] => cacheCosts(instructions, 0.05);
  const drawn = treeOf(
    table,
    cacheMeasures.length,
    [
      [[row(0)], ...costs(120)],
      [[row(0), row(1)], ...costs(40)],
      [[row(0), row(1), row(2)], ...costs(4_111_622)],
      [[row(0), row(1), row(2), row(3)], ...costs(123_043_620)],
      [[row(0), row(1), row(2), row(3), row(4)], ...costs(12_587_106)],
      [[row(0), row(1), row(2), row(3), row(8)], ...costs(12_310_004)],
      [[row(0), row(1), row(2), row(3), row(8), row(9)], ...costs(20_010_330)],
      [[row(0), row(1), row(2), row(3), row(10)], ...costs(27_119_040)],
      [[row(0), row(1), row(2), row(5)], ...costs(36_514_123)],
      [[row(0), row(1), row(7)], ...costs(1_204_000)],
      [[row(0), row(1), row(7), row(6)], ...costs(27_604_610)],
    ],
    { inferred: 'drawn from the calls between pairs of functions: which path a cost is on is a guess' },
  );
  const owned = table.frames.flatMap((frame) =>
    profile.functions.filter((each) => each.function === frame.function).slice(0, 1),
  );
  return { ...made, profiles: [{ ...profile, frames: owned, trees: [drawn] }] };
}

// perf: samples of two processes and three threads, inlined calls, the kernel, what nobody knows.

const perfMeasures: readonly Measure[] = [
  { name: 'cpu-clock', title: 'CPU time', unit: 'ns' },
  { name: 'samples', title: 'samples', unit: 'samples' },
];

async function samples(): Promise<Report> {
  const { main, count, insert, next, report: write } = frames;
  const kernel = (name: string): ProfileFrame => ({ object: '[kernel.kallsyms]', function: name });
  const unknown: ProfileFrame = { ip: '0x7f31c0de40', object: '[unknown]' };
  const hash: ProfileFrame = { ...own('hash(std::string_view)', 'hash.h', 12), inlined: true };
  const equal: ProfileFrame = {
    ...library('std::operator==(std::string const&, std::string const&)', program),
    directory: '/usr/include/c++/12/bits',
    file: 'basic_string.h',
    line: 6290,
    inlined: true,
  };
  const worker = own('Worker::run()', 'worker.cpp', 40);
  const thread = library('start_thread');
  const at = (count: number): [number, number] => [count * 1_000_000, count];
  const table = frameTable();
  const first = treeOf(
    table,
    2,
    [
      [[start, main, count, insert, hash], ...at(812)],
      [[start, main, count, insert, equal], ...at(407)],
      [[start, main, count, insert], ...at(190)],
      [
        [
          start,
          main,
          count,
          next,
          library('read'),
          kernel('entry_SYSCALL_64_after_hwframe'),
          kernel('do_syscall_64'),
          kernel('ksys_read'),
          kernel('copy_user_enhanced_fast_string'),
        ],
        ...at(96),
      ],
      [[start, main, write], ...at(31)],
      [[unknown], ...at(17)],
    ],
    { name: 'words', pid: 101, tid: 101 },
  );
  const second = treeOf(
    table,
    2,
    [
      [[thread, worker, insert, hash], ...at(301)],
      [[thread, worker, insert], ...at(44)],
      [[thread, worker, library('pthread_mutex_lock'), kernel('futex_wait_queue')], ...at(120)],
    ],
    { name: 'worker', pid: 101, tid: 102 },
  );
  const otherTable = frameTable();
  const other = treeOf(
    otherTable,
    2,
    [
      [
        [
          library('_start', '/usr/bin/sort'),
          library('main', '/usr/bin/sort'),
          library('sequential_sort', '/usr/bin/sort'),
        ],
        ...at(203),
      ],
      [
        [library('_start', '/usr/bin/sort'), library('main', '/usr/bin/sort'), library('strcoll_l')],
        ...at(140),
      ],
    ],
    { name: 'sort', pid: 109, tid: 109 },
  );
  const perf = (trees: readonly CallTree[], used: FrameTable): Profile => ({
    format: 'perf',
    measures: perfMeasures,
    primary: 0,
    totals: [0, 1].map((measure) => trees.reduce((sum, { values }) => sum + sumOf(values[measure] ?? []), 0)),
    frames: used.frames,
    trees,
    functions: [],
    files: [],
    notes: ['event: cpu-clock, 1000 Hz'],
  });
  return report('perf', [
    ...record(1, perf([first, second], table), { pid: 101 }),
    ...record(9, perf([other], otherTable), { pid: 109, ppid: 101, argv: ['/usr/bin/sort', '-n'] }),
  ]);
}

// Cachegrind: costs without calls.

async function flat(): Promise<Report> {
  const { graph, jumps: _, parts: __, ...whole } = graphProfile();
  const profile: Profile = { ...whole, format: 'cachegrind', graph: { self: graph?.self ?? [] } };
  return withSources(await report('cachegrind', record(1, profile)), wordSource);
}

function emptyProfile(): Profile {
  return {
    format: 'massif',
    measures: [bytes],
    primary: 0,
    totals: [0],
    frames: [],
    trees: [],
    functions: [],
    files: [],
    notes: ['cmd: build/words'],
  };
}

async function empty(): Promise<Report> {
  return report('massif', record(1, emptyProfile()));
}

/** The program was killed while callgrind wrote: no totals, and not all functions. */
async function cut(): Promise<Report> {
  const { stated: _, parts: __, ...whole } = graphProfile();
  const [first, second] = record(1, whole);
  if (first === undefined || second === undefined) throw new Error('there are records');
  return report('callgrind', [first, second, end(1, { complete: false, finished: false })], {
    exit: { how: 'signaled', signal: 'SIGKILL', number: 9 },
  });
}

/** The row-for-row values of another run: `words` before its table was made to grow. */
function before(profile: ReportProfile, name: string, factor: (row: number) => number): ProfileBefore {
  const scaled = (column: readonly number[]): number[] =>
    column.map((value, row) => Math.round(value * factor(row)));
  const self = profile.costs.self.map(scaled);
  const inclusive = profile.costs.inclusive?.map(scaled);
  const byChange = (
    now: readonly (readonly number[])[],
    was: readonly (readonly number[])[],
  ): readonly number[] => {
    const change = (row: number): number =>
      Math.abs((now[profile.primary]?.[row] ?? 0) - (was[profile.primary]?.[row] ?? 0));
    return profile.functions.map((_, row) => row).sort((a, b) => change(b) - change(a) || a - b);
  };
  return {
    name,
    complete: true,
    bySelfChange: byChange(profile.costs.self, self),
    ...(inclusive && { byInclusiveChange: byChange(profile.costs.inclusive ?? [], inclusive) }),
    totals: self.map(sumOf),
    costs: {
      self,
      ...(inclusive && { inclusive }),
      ...(profile.costs.calls && { calls: profile.costs.calls }),
    },
    trees: profile.trees.map(({ values }) =>
      values.map((column) => column.map((value) => Math.round(value * 0.8))),
    ),
  };
}

function compareFirst(made: Report, name: string, factor: (row: number) => number): Report {
  const [first, ...rest] = made.profiles ?? [];
  if (first === undefined) throw new Error('there is a profile');
  return { ...made, profiles: [{ ...first, before: before(first, name, factor) }, ...rest] };
}

async function compared(): Promise<Report> {
  const made = await callGraph();
  // `grow` is new, `sort` got cheaper, the others stayed or got dearer by a little.
  return compareFirst(made, '.vgrun/runs/20260731-090000-words', (row) =>
    row === 4 ? 0 : row === 6 ? 2.4 : row === 3 ? 0.71 : row % 3 === 0 ? 1 : 0.98,
  );
}

export const growthLimits: readonly GrowthLimit[] = [
  {
    measure: 'Ir',
    title: 'instructions executed',
    most: '5%',
    allowed: 269_000_118,
    before: 256_190_589,
    after: 282_609_504,
    exceeded: true,
  },
  {
    measure: 'D1mr',
    title: 'L1 data read misses',
    most: '10000',
    allowed: 7_118_204,
    before: 7_108_204,
    after: 7_101_009,
    exceeded: false,
  },
];

/** As analyze settles it when `--max-growth` is given. */
async function growth(): Promise<Report> {
  const made = await compared();
  return {
    ...made,
    outcome: 'findings',
    reasons: ['instructions executed grew from 256,190,589 to 282,609,504 (+10.3%); --max-growth allows 5%.'],
    status: 100,
    gate: { onlyMine: false, limits: [], growth: growthLimits },
  };
}

/** Names that steer terminals, pages, CI systems and formats. */
export const hostileNames: readonly string[] = [
  '\u001b[31mred\u001b]0;title\u0007',
  '<script>alert(1)</script><img src=x onerror=alert(2)>',
  '::error file=main.c::not mine',
  '##[error]nor this ##vso[task.complete result=Failed;]',
  ']]><!-- --><![CDATA[',
  'two\nlines;and a semicolon 42',
  'evil\u202e\u2066gnp.exe\u2069',
  `long${'x'.repeat(5_000)}`,
  '`code` | *bold* [link](javascript:alert(1)) @everyone #1',
  '"\'&quot;{0}</data>\\u003c',
  '__proto__',
  '\ud800 half a pair',
];

async function hostile(): Promise<Report> {
  const table = frameTable();
  const frameFor = (name: string, index: number): ProfileFrame => ({
    function: name,
    object: index % 2 === 0 ? `/opt/${name}.so` : program,
    directory: `${root}/src`,
    file: `${name}.c`,
    line: index + 1,
  });
  const all = hostileNames.map(frameFor);
  const paths: Path[] = all.map((frame, index) => [all.slice(0, index).concat(frame), 1000 - index]);
  const tree = treeOf(table, 1, paths, { name: hostileNames[0] ?? '', pid: 101, tid: 7 });
  const profile: Profile = {
    format: hostileNames[1] ?? '',
    measures: [
      {
        name: hostileNames[2] ?? '',
        title: hostileNames[0] ?? '',
        unit: 'bytes',
        formula: hostileNames[4] ?? '',
      },
    ],
    primary: 0,
    totals: tree.values.map(sumOf),
    stated: [undefined],
    frames: table.frames,
    trees: [tree],
    functions: [],
    files: [],
    parts: [{ name: hostileNames[5] ?? '', trigger: hostileNames[6] ?? '', totals: [3] }],
    notes: hostileNames.map((name) => `desc: ${name}`),
  };
  const made = await report(
    'massif',
    record(1, profile, { tool: 'massif', argv: [hostileNames[5] ?? '', '\u001b[2J'] }),
  );
  return {
    ...compareFirst(made, hostileNames[0] ?? '', (row) => row / 3),
    outcome: 'findings',
    reasons: [`${hostileNames[1]} grew`],
    status: 100,
    gate: {
      onlyMine: false,
      limits: [],
      growth: [
        {
          measure: hostileNames[2] ?? '',
          title: hostileNames[1] ?? '',
          most: hostileNames[6] ?? '',
          allowed: 1,
          before: 1,
          after: 2,
          exceeded: true,
        },
      ],
    },
  };
}
