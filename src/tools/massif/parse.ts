// Reads what massif writes, massif.out files and snapshots by vgdb, and the trees of valgrind's xtree in the same form.
import type { Measure, Profile, Snapshot, SnapshotKind, Unit } from '../../model/profile.ts';
import { parseFrameLabel } from '../_shared/frame-label.ts';
import { decode } from '../_shared/log-lines.ts';
import type { ProblemTally } from '../_shared/problem-tally.ts';
import { type ProfileFile, type ProfileParser, profileReader } from '../_shared/profile-reader.ts';
import { byteLines } from '../_shared/raw-lines.ts';
import type { Reader } from '../tool.ts';
import { heapTrees, type PendingTree } from './heap-tree.ts';

/** massif itself keeps at most 1000 (`--max-snapshots`). */
const mostSnapshots = 100_000;
/** xtree has 6 for memory and some more for leaks. */
const mostMeasures = 64;

const series: readonly Measure[] = [
  { name: 'heap', title: 'bytes that the program asked for', unit: 'bytes' },
  { name: 'extra', title: "bytes for the allocator's own use and for alignment", unit: 'bytes' },
  { name: 'stacks', title: 'bytes of stacks', unit: 'bytes' },
];
const heapMeasure: Measure = { name: 'bytes', title: 'bytes of heap in use', unit: 'bytes' };
const pagesMeasure: Measure = { name: 'bytes', title: 'bytes of pages in use', unit: 'bytes' };

/** `time_unit: i` */
const clocks: Readonly<Record<string, Unit>> = { i: 'instructions', ms: 'ms', B: 'bytes' };

/** `curB : currently allocated Bytes`, the root of a tree of xtree. */
const xtreeRoot = /^(\w+) : (.*)$/;

/** `(page allocation syscalls) mmap/mremap/brk, --alloc-fns, etc.`, the root with `--pages-as-heap=yes`. */
const pagesRoot = '(page allocation syscalls)';

/**
 * Looks for `desc: --stacks=yes` or `cmd: ./a.out` with `time_unit: i` behind it. cachegrind has the first two as well,
 * and then `events: Ir`. An argument in `cmd:` may hold line ends.
 */
function isMassif(head: Uint8Array): boolean {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
  let begun = false;
  for (const line of text.split('\n')) {
    if (begun) {
      if (line.startsWith('time_unit:')) return true;
      if (line.startsWith('events:')) return false;
    } else if (line.startsWith('desc:') || line.startsWith('cmd:')) begun = true;
    else if (line.trim() !== '' && !line.startsWith('#')) return false;
  }
  return false;
}

/**
 * Reads massif.out files: `--stacks`, `--pages-as-heap`, every `--time-unit`, snapshots of vgdb; and xtree's `.ms`
 * files, where each snapshot is a measure and not a point in time.
 *
 * Source: the manual's chapter on massif and its section on execution trees; ms_print reads the same.
 */
export const massifReader: Reader = profileReader('massif', 'massif', isMassif, createMassifParser);

interface OpenSnapshot {
  readonly number: number;
  /** By key of the file: `time`, `mem_heap_B`, … */
  readonly values: Map<string, number>;
  kind: SnapshotKind;
  rootSeen: boolean;
  /** Value of the root of its tree. */
  root: number;
}

interface DoneSnapshot extends Snapshot {
  readonly pending?: PendingTree;
}

const needed = ['time', 'mem_heap_B', 'mem_heap_extra_B', 'mem_stacks_B'];

function createMassifParser(problems: ProblemTally): ProfileParser {
  const trees = heapTrees();
  const description: string[] = [];
  let command: string | undefined;
  let clock: Unit = 'events';
  let snapshot: OpenSnapshot | undefined;
  const done: DoneSnapshot[] = [];
  /** Measures of xtree, with what their roots say. */
  const measures: (Measure & { readonly root: number; readonly heap: number })[] = [];
  let isXtree = false;
  let isPages = false;
  let havePeakTree = false;
  let complete = true;
  const said = new Set<string>();

  /** @param quote called for the first problem of a kind only: a damaged file may have one in each line. */
  function note(
    code: string,
    message: string,
    level: 'incomplete' | 'warning',
    quote?: string | (() => string),
    offset?: number,
  ): void {
    const isNew = !said.has(code);
    if (isNew) said.add(code);
    problems.add({
      code,
      level,
      message,
      ...(isNew && quote !== undefined && { quote: typeof quote === 'string' ? quote : quote() }),
      ...(offset !== undefined && { offset }),
    });
  }

  function number(bytes: Buffer, start: number, end: number, offset: number): number {
    let value = start < end ? 0 : Number.NaN;
    for (let at = start; at < end; at++) {
      const digit = (bytes[at] as number) - 48;
      if (digit < 0 || digit > 9) return unreadable(bytes, start, end, offset);
      value = value * 10 + digit;
    }
    return Number.isSafeInteger(value) ? value : unreadable(bytes, start, end, offset);
  }

  function unreadable(bytes: Buffer, start: number, end: number, offset: number): number {
    note(
      'unreadable-number',
      'a number of the massif file cannot be read and counts as 0',
      'incomplete',
      () => decode(bytes.subarray(start, Math.min(end, start + 100))),
      offset,
    );
    return 0;
  }

  function take(bytes: Buffer, start: number, end: number, ended: boolean, offset: number): void {
    const first = bytes[start];
    // `#-----------`, and empty lines
    if (start === end || first === 35) return;
    // ` n1: 72704 0x48FB7B9: ??? (in /usr/lib/libstdc++.so.6)`
    if (first === 32 || first === 110) {
      takeNode(bytes, start, end, ended, offset);
      return;
    }
    if (snapshot !== undefined && snapshot.kind !== 'normal') finish();
    takeField(decode(bytes.subarray(start, end)), ended, offset);
  }

  function takeNode(bytes: Buffer, start: number, end: number, ended: boolean, offset: number): void {
    let at = start;
    while (at < end && bytes[at] === 32) at++;
    const indent = at - start;
    const countAt = at + 1;
    if (at < end && bytes[at] === 110) at = countAt;
    while (at < end && isDigit(bytes[at] as number)) at++;
    const countEnd = at;
    if (snapshot === undefined || snapshot.kind === 'normal' || countEnd <= countAt || bytes[at] !== 58) {
      note(
        'unexpected-line',
        'a line of the massif file is not understood',
        'incomplete',
        () => decode(bytes.subarray(start, end)),
        offset,
      );
      return;
    }
    at++;
    while (at < end && bytes[at] === 32) at++;
    const valueAt = at;
    while (at < end && bytes[at] !== 32) at++;
    const children = number(bytes, countAt, countEnd, offset);
    const value = number(bytes, valueAt, at, offset);
    const label = Math.min(at + 1, end);
    if (!ended && !isWholeLabel(decode(bytes.subarray(label, end)))) complete = false;
    if (!snapshot.rootSeen) {
      takeRoot(children, value, decode(bytes.subarray(label, end)));
      return;
    }
    if (indent !== trees.depth()) {
      note(
        'odd-indentation',
        'a node of a massif tree does not stand where the number of children of those above puts it',
        'incomplete',
        () => decode(bytes.subarray(start, end)),
        offset,
      );
    }
    trees.node(children, value, bytes, label, end);
    if (trees.depth() === 0) finish();
  }

  function takeRoot(children: number, value: number, label: string): void {
    if (snapshot === undefined) return;
    snapshot.rootSeen = true;
    snapshot.root = value;
    const [, name, title] = xtreeRoot.exec(label) ?? [];
    if (name !== undefined && title !== undefined && done.every(({ pending }) => pending === undefined)) {
      isXtree = true;
      if (measures.length >= mostMeasures || measures.some((known) => known.name === name)) {
        note(
          'too-many-measures',
          'a measure comes twice, or there are too many of them',
          'incomplete',
          label,
        );
        snapshot = undefined;
        return;
      }
      const heap = snapshot.values.get('mem_heap_B') ?? 0;
      measures.push({
        name,
        title: title.replace(/B(ytes|locks)$/, 'b$1'),
        unit: /Bk$/.test(name) ? 'blocks' : 'bytes',
        root: value,
        heap,
      });
    }
    if (label.startsWith(pagesRoot)) isPages = true;
    trees.begin(children, value);
    if (trees.depth() === 0) finish();
  }

  function takeField(line: string, ended: boolean, offset: number): void {
    // `desc: --stacks=yes --time-unit=B`
    const header = /^(desc|cmd|time_unit):\s*(.*?)\s*$/.exec(line);
    if (header !== null && snapshot === undefined && done.length === 0) {
      const [, key, value = ''] = header;
      if (key === 'desc') description.push(value);
      else if (key === 'cmd') command = value;
      else {
        clock = clocks[value] ?? 'events';
        if (clocks[value] === undefined) {
          note(
            'unknown-time-unit',
            'the unit of time of the massif file is not known',
            'warning',
            line,
            offset,
          );
        }
      }
      return;
    }
    const equals = line.indexOf('=');
    const key = line.slice(0, Math.max(0, equals));
    const value = line.slice(equals + 1);
    if (key === 'snapshot') {
      if (snapshot !== undefined) drop();
      const text = Buffer.from(value);
      snapshot = {
        number: number(text, 0, text.length, offset),
        values: new Map(),
        kind: 'normal',
        rootSeen: false,
        root: 0,
      };
    } else if (snapshot !== undefined && needed.includes(key)) {
      const text = Buffer.from(value);
      // Half a number is another number.
      if (ended) snapshot.values.set(key, number(text, 0, text.length, offset));
    } else if (snapshot !== undefined && key === 'heap_tree' && value === 'empty') {
      finish();
    } else if (snapshot !== undefined && key === 'heap_tree' && (value === 'detailed' || value === 'peak')) {
      snapshot.kind = value;
    } else {
      // Of the last line half may be there.
      if (ended)
        note('unexpected-line', 'a line of the massif file is not understood', 'incomplete', line, offset);
      else complete = false;
    }
  }

  /** A snapshot that ends before it says what its tree is has no numbers that can be trusted. */
  function drop(): void {
    complete = false;
    note('cut-snapshot', 'a snapshot of the massif file is not whole and is left out', 'incomplete');
    snapshot = undefined;
  }

  function finish(): void {
    if (snapshot === undefined) return;
    const { number: own, values, kind, rootSeen, root } = snapshot;
    snapshot = undefined;
    const faults = trees.close();
    if (faults.cut > 0 || (kind !== 'normal' && !rootSeen)) {
      complete = false;
      note('cut-tree', 'a heap tree of the massif file is not whole', 'incomplete', `snapshot=${own}`);
    }
    if (faults.overfull > 0) {
      note(
        'overfull-node',
        'callers in a massif tree hold more than the place that they call',
        'warning',
        `snapshot=${own}`,
      );
    }
    if (faults.deep > 0) {
      note('deep-tree', 'a massif tree is nested too deep: its outer calls are left out', 'warning');
    }
    if (needed.some((key) => !values.has(key))) {
      note(
        'missing-field',
        'a snapshot lacks its time or one of its sizes, which counts as 0',
        'incomplete',
        `snapshot=${own}`,
      );
    }
    const heap = values.get('mem_heap_B') ?? 0;
    if (rootSeen && faults.cut === 0 && root !== heap) {
      note(
        'totals-differ',
        'a massif tree holds another number of bytes than its snapshot says',
        'warning',
        `snapshot=${own}, mem_heap_B=${heap}, tree ${root}`,
      );
    }
    if (isXtree) return;
    let pending: PendingTree | undefined;
    if (rootSeen) {
      const always = kind === 'peak' && !havePeakTree;
      pending = trees.take(always);
      if (always) havePeakTree = true;
      if (pending === undefined) {
        note('too-many-trees', 'there are too many large heap trees: some are left out', 'warning');
      }
    }
    if (done.length >= mostSnapshots) {
      note('too-many-snapshots', 'there are too many snapshots: the last ones are left out', 'warning');
      return;
    }
    done.push({
      number: own,
      time: values.get('time') ?? 0,
      values: [heap, values.get('mem_heap_extra_B') ?? 0, values.get('mem_stacks_B') ?? 0],
      kind,
      ...(pending && { pending }),
    });
  }

  const lines = byteLines(take, (bytes, start, end, ended, offset) => {
    note('long-line', 'a line of the massif file is too long: its end is left out', 'warning');
    take(bytes, start, end, ended, offset);
  });

  function profile(): Profile {
    return isXtree && measures.length > 0
      ? xtreeProfile(trees, measures)
      : timelineProfile(trees, done, clock, isPages);
  }

  return {
    push: lines.push,
    end: (): ProfileFile => {
      lines.end();
      if (snapshot !== undefined) {
        if (snapshot.kind !== 'normal') finish();
        else drop();
      }
      if (isXtree ? !hasAllMeasures(measures) : done.length === 0) complete = false;
      if (!complete && problems.list().length === 0) {
        note('cut-file', 'the massif file ends before its end', 'incomplete');
      }
      return {
        complete,
        processes: [
          {
            ...(command !== undefined && { argv: words(command) }),
            instrumentArgv: isXtree ? [] : description.flatMap(words),
            profile: profile(),
          },
        ],
      };
    },
  };
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

/** True when a label that no line end follows is certain to be whole. */
function isWholeLabel(label: string): boolean {
  const { sum, line, object, ip } = parseFrameLabel(label);
  if (sum !== undefined) return label.endsWith(')');
  return line !== undefined || object !== undefined || (ip !== undefined && label === `${ip}: ???`);
}

/** Valgrind joins the words by blanks and marks none that stand in a word. `(none)`: there are no options. */
function words(text: string): readonly string[] {
  return text === '(none)' ? [] : text.split(' ').filter((word) => word !== '');
}

/** xtree writes six measures of memory, the freed blocks last. */
function hasAllMeasures(measures: readonly Measure[]): boolean {
  const has = (name: string): boolean => measures.some((measure) => measure.name === name);
  return measures.length > 0 && (!has('curB') || has('totFdBk'));
}

function timelineProfile(
  trees: ReturnType<typeof heapTrees>,
  done: readonly DoneSnapshot[],
  clock: Unit,
  isPages: boolean,
): Profile {
  const total = ({ values }: Snapshot): number => values.reduce((sum, value) => sum + value, 0);
  let largest = done.find(({ kind }) => kind === 'peak');
  if (largest === undefined) {
    for (const one of done) if (largest === undefined || total(one) > total(largest)) largest = one;
  }
  const withTree = done.filter(({ pending }) => pending !== undefined);
  const built = trees.build(
    withTree.map(({ pending, number, kind }) => ({
      tree: pending as PendingTree,
      name: kind === 'peak' ? `snapshot ${number} (peak)` : `snapshot ${number}`,
    })),
    1,
  );
  const treeOf = new Map(withTree.map((one, tree) => [one, tree]));
  return {
    format: 'massif',
    measures: [isPages ? pagesMeasure : heapMeasure],
    primary: 0,
    totals: [largest === undefined ? 0 : total(largest)],
    ...built,
    functions: [],
    files: [],
    timeline: {
      clock,
      series,
      snapshots: done.map((one) => {
        const { number, time, values, kind } = one;
        const tree = treeOf.get(one);
        return { number, time, values, kind, ...(tree !== undefined && { tree }) };
      }),
    },
    notes: isPages ? ['Pages that were mapped, not blocks of the heap (--pages-as-heap=yes)'] : [],
  };
}

function xtreeProfile(
  trees: ReturnType<typeof heapTrees>,
  measures: readonly (Measure & { readonly root: number; readonly heap: number })[],
): Profile {
  const tree = trees.take(true);
  return {
    format: 'xtree',
    measures: measures.map(({ name, title, unit }) => ({ name, title, unit })),
    // At the end of a program that frees all nothing is allocated any more: then what was allocated in all.
    primary: Math.max(
      0,
      measures.findIndex(({ root }) => root > 0),
    ),
    totals: measures.map(({ root }) => root),
    stated: measures.map(({ heap }) => heap),
    ...trees.build(tree === undefined ? [] : [{ tree }], measures.length),
    functions: [],
    files: [],
    notes: [],
  };
}
