// What `gprof PROGRAM gmon.out` prints: the flat profile and the call graph, as one profile of time and calls.
import type { CallEdges, Measure, Profile, ProfileFrame } from '../../model/profile.ts';
import { sumOf } from '../../model/profile-tables.ts';
import { byteLines } from '../_shared/byte-lines.ts';
import { textOf } from '../_shared/byte-text.ts';
import type { ProblemTally } from '../_shared/problem-tally.ts';
import { type ProfileParser, profileReader } from '../_shared/profile-reader.ts';

/** How gprof comes by what a function cost for each of its callers. */
export const gprofInference =
  "gprof measures the time of each function, and shares it among the function's callers by their number of calls";

const timeMeasure: Measure = { name: 'time', title: 'CPU time', unit: 'ms' };
const callsMeasure: Measure = { name: 'calls', title: 'calls', unit: 'calls' };

/** Notes on cycles; the call graph of a big program can have many. */
const cycleNotes = 20;

const space = 32;
const slash = 47;
const plus = 43;
const dot = 46;
const openBracket = 91;
const closeBracket = 93;
const openParenthesis = 40;
const closeParenthesis = 41;

/**
 * Reads the text of GNU gprof (manual, chapter "Interpreting gprof's Output"), with and without explanations (`-b`),
 * of its parts alone (`-p`, `-q`), by lines (`-l`, `-L`) and in the BSD form (`-T`).
 *
 * Times are in ms, exactly as printed. A program too short for any sample has calls as its only measure: then self and
 * inclusive of a function are both how often it was called.
 */
export const gprofReader = profileReader('gprof', 'gprof', recognizesGprof, startGprof);

/** `Flat profile:` and what must follow it, or the title of a call graph, before anything else. */
function recognizesGprof(head: Uint8Array): boolean {
  const lines = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, 4096))
    .toString('latin1')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const [first = '', second = ''] = lines;
  // `Each sample counts as 0.01 seconds.`
  if (first === 'Flat profile:') return second.startsWith('Each sample counts as ');
  // `Call graph (explanation follows)`
  if (first === 'Call graph' || first === 'Call graph (explanation follows)') return isGranularity(second);
  // `gprof -T`: `granularity: each sample hit covers 2 byte(s) for 2.12% of 0.47 seconds`
  return isGranularity(first) && /^called\/total +parents/.test(second);
}

function isGranularity(line: string): boolean {
  return line.startsWith('granularity: each sample hit covers ');
}

/** One entry of the call graph, or one that others mention: a function, with `-l` a line of one. */
interface Node {
  readonly name: string;
  readonly place: Place | undefined;
  /** Of a static function, from the index at the end. */
  file?: string;
  /** Missing where the entry itself is not printed. */
  self?: number;
  children?: number;
  calls?: number;
}

/** What `-l` adds to a name: `(demo.c:12 @ 4011a6)`. */
interface Place {
  readonly file: string;
  readonly line: number;
}

interface FlatRow {
  readonly name: string;
  readonly place: Place | undefined;
  readonly self: number;
  /** NaN: not told. */
  readonly calls: number;
}

/** Calls from one node to another, one row for each pair; columns, since there are hundreds of thousands. */
interface Edges {
  readonly callers: number[];
  readonly callees: number[];
  readonly calls: number[];
  readonly times: number[];
}

function emptyEdges(): Edges {
  return { callers: [], callees: [], calls: [], times: [] };
}

type Part = 'none' | 'flat' | 'graph' | 'index';

/** Two nodes make a safe integer. */
const nodeRoom = 0x4000000;

function startGprof(problems: ProblemTally): ProfileParser {
  let part: Part = 'none';
  let seenFlat = false;
  let seenGraph = false;
  let seenIndex = false;
  let endedWhole = true;
  let noTime = false;
  let period: string | undefined;
  let stated: number | undefined;
  const cycles: string[] = [];
  const flat: FlatRow[] = [];
  const nodes: Node[] = [];
  const nodeOfIndex = new Map<number, number>();
  const nodeOfName = new Map<string, number>();
  // Each call stands in the entry of the caller and in that of the callee, but one of them may be missing.
  const fromCallers = emptyEdges();
  const fromCallees = emptyEdges();
  // Callers stand before the line of the function that they called.
  let pendingFrom = 0;
  /** Number of the entry, and the last one in which a node was a caller or callee. */
  let entry = 1;
  const lastAsCaller: number[] = [];
  const lastAsCallee: number[] = [];
  let current = -1;
  let inCycle = false;
  const cursor = createCursor();

  function unreadable(bytes: Buffer, from: number, to: number, offset: number, what: string): void {
    problems.add(
      {
        code: 'unreadable-line',
        level: 'incomplete',
        message: `a line of gprof's ${what} could not be read`,
        offset,
        quote: textOf(bytes, from, Math.min(to, from + 400)),
      },
      what,
    );
  }

  // ` 34.97      0.43     0.43       25    17.21    17.21  geo::Box<long>::area(unsigned int) const`
  // `  0.81      1.14     0.01                             std::operator==(int) (shapes.cc:12 @ 633e)`
  function takeFlat(bytes: Buffer, from: number, to: number): boolean {
    cursor.start(bytes, from, to);
    if (!cursor.decimal() || !cursor.decimal() || !cursor.decimal()) return false;
    const self = cursor.ms;
    let calls = Number.NaN;
    if (cursor.spaces() < 20) {
      if (!cursor.integer()) return false;
      calls = cursor.value;
      // Time per call follows from the others, in a unit that changes with the program.
      if (!cursor.decimal() || !cursor.decimal()) return false;
    }
    cursor.spaces();
    const named = readName(bytes, cursor.at, to);
    if (named.name === '') return false;
    flat.push({ name: named.name, place: named.place, self, calls });
    return true;
  }

  // `[3]     99.4    0.00    0.06       1+242784  fib [3]`
  // `                0.06    0.00  242785/244186      burn [2]`
  // `                                 500             odd <cycle 1> [6]`
  // `                                                 <spontaneous>`
  function takeGraph(bytes: Buffer, from: number, to: number): boolean {
    cursor.start(bytes, from, to);
    if (bytes[from] === openBracket) {
      cursor.skipWord();
      if (!cursor.decimal() || !cursor.decimal()) return false;
      const self = cursor.ms;
      if (!cursor.decimal()) return false;
      const children = cursor.ms;
      let calls = Number.NaN;
      let selfCalls = 0;
      if (cursor.spaces() < 12) {
        if (!cursor.integer()) return false;
        calls = cursor.value;
        if (bytes[cursor.at] === plus) {
          cursor.at++;
          if (!cursor.integer()) return false;
          selfCalls = cursor.value;
        }
      }
      cursor.spaces();
      return takeEntry(bytes, cursor.at, to, self, children, calls, selfCalls);
    }
    cursor.spaces();
    if (bytes[cursor.at] === 60 && bytes.toString('latin1', cursor.at, to).trimEnd() === '<spontaneous>')
      return true;
    let time = 0;
    const before = cursor.at;
    if (!cursor.decimal()) return false;
    if (cursor.fraction) {
      time = cursor.ms;
      if (!cursor.decimal()) return false;
      time += cursor.ms;
      if (!cursor.integer()) return false;
    } else {
      // Calls of itself or within a cycle: no time is shared among them.
      cursor.at = before;
      if (!cursor.integer()) return false;
    }
    const calls = cursor.value;
    if (bytes[cursor.at] === slash) {
      cursor.at++;
      if (!cursor.integer()) return false;
    } else if (bytes[cursor.at] === plus) {
      cursor.at++;
      if (!cursor.integer()) return false;
    }
    cursor.spaces();
    const node = nodeAt(bytes, cursor.at, to);
    if (node < 0) return false;
    // The lines of a cycle as a whole are its members, not calls.
    if (inCycle) return true;
    if (current >= 0) {
      if (lastAsCallee[node] !== entry) push(fromCallers, current, node, calls, time);
      lastAsCallee[node] = entry;
    } else if (current === -1) {
      if (lastAsCaller[node] !== entry) push(fromCallees, node, -1, calls, time);
      lastAsCaller[node] = entry;
    }
    return true;
  }

  function takeEntry(
    bytes: Buffer,
    from: number,
    to: number,
    self: number,
    children: number,
    calls: number,
    selfCalls: number,
  ): boolean {
    // `<cycle 1 as a whole> [4]`
    if (bytes[from] === 60) {
      const [, number] = /^<cycle (\d{1,9}) as a whole>/.exec(bytes.toString('latin1', from, to)) ?? [];
      if (number !== undefined) {
        inCycle = true;
        if (cycles.length < cycleNotes) {
          cycles.push(
            `cycle ${number} as a whole: ${self} ms itself, ${children} ms in what it calls, entered ${
              Number.isNaN(calls) ? 0 : calls
            } times, ${selfCalls} calls within`,
          );
        }
        return true;
      }
    }
    const index = nodeAt(bytes, from, to);
    const node = nodes[index];
    if (node === undefined) return false;
    if (node.self !== undefined) {
      // The same entry again: there is only one of each.
      current = -2;
      return true;
    }
    current = index;
    node.self = self;
    node.children = children;
    node.calls = calls + selfCalls;
    const { callees } = fromCallees;
    for (let row = pendingFrom; row < callees.length; row++) callees[row] = index;
    pendingFrom = callees.length;
    return true;
  }

  /** The node that a name with its `[index]` means; -1 for none. */
  function nodeAt(bytes: Buffer, from: number, to: number): number {
    const end = trimmedEnd(bytes, from, to);
    const index = indexAt(bytes, from, end);
    if (index >= 0) {
      const known = nodeOfIndex.get(index);
      if (known !== undefined) return known;
    }
    const { name, place } = readName(bytes, from, end);
    if (name === '') return -1;
    const key = place === undefined ? name : `${name}\0${place.file}\0${place.line}`;
    const known = index >= 0 ? undefined : nodeOfName.get(key);
    if (known !== undefined) return known;
    const made = nodes.push({ name, place }) - 1;
    if (index >= 0) nodeOfIndex.set(index, made);
    else nodeOfName.set(key, made);
    return made;
  }

  function takeTitle(line: string): boolean {
    // `  %   cumulative   self              self     total`
    if (line.startsWith('%   cumulative ')) {
      part = 'flat';
      seenFlat = true;
      return true;
    }
    // `index % time    self  children    called     name`, with -T `index  %time    self descendants  called+self …`
    if (line.startsWith('index % time ') || line.startsWith('index  %time ')) {
      part = 'graph';
      seenGraph = true;
      endBlock();
      return true;
    }
    if (line === 'Index by function name') {
      part = 'index';
      seenIndex = true;
      return true;
    }
    if (line === 'no time accumulated' && part === 'none') {
      noTime = true;
      return true;
    }
    // `Each sample counts as 0.01 seconds.`
    if (part === 'none' && line.startsWith('Each sample counts as ')) period ??= line.slice(0, 100);
    if (isGranularity(line)) {
      part = 'none';
      // `granularity: each sample hit covers 2 byte(s) for 2.12% of 0.47 seconds`
      const [, whole, hundredths] = / of (\d{1,12})\.(\d\d) seconds$/.exec(line) ?? [];
      if (whole !== undefined) stated ??= Number(whole) * 1000 + Number(hundredths) * 10;
      if (line.endsWith(' no time propagated')) noTime = true;
      return true;
    }
    return false;
  }

  // `   [6] quiet (two.c)           [5] one                     (3) helper (one.c)`
  function takeIndex(line: string): void {
    for (const found of line.matchAll(/(?:^| )[[(](\d{1,9})[\])] /g)) {
      const node = nodes[nodeOfIndex.get(Number(found[1])) ?? -1];
      const at = found.index + found[0].length;
      if (node === undefined || !line.startsWith(`${node.name} (`, at)) continue;
      const from = at + node.name.length + 2;
      const file = line.slice(from, line.indexOf(')', from));
      // With -l the place of a line stands there: ` (demo.c:4 @ 11c9)`
      if (/^[^ ()]{1,255}$/.test(file)) node.file ??= file;
    }
  }

  function endBlock(): void {
    current = -1;
    inCycle = false;
    entry++;
    // Callers of an entry that never came.
    for (const column of Object.values(fromCallees)) column.length = pendingFrom;
  }

  const lines = byteLines((bytes, from, to, offset, ended, cut) => {
    endedWhole = ended && !cut;
    let first = from;
    while (first < to && (bytes[first] === space || bytes[first] === 9 || bytes[first] === 12)) first++;
    if (first === to) {
      // With -T empty lines stand around the lines that part the entries.
      if (part === 'flat' && flat.length > 0) part = 'none';
      return;
    }
    const byte = bytes[first] as number;
    // Titles begin at the left, with a letter or a percent sign; the rows of the tables do not.
    const titled = first - from < 8 && (byte === 37 || (byte >= 65 && byte !== openBracket));
    if (titled && takeTitle(textOf(bytes, first, Math.min(to, first + 200)).trimEnd())) return;
    if (part === 'index') takeIndex(textOf(bytes, from, to));
    else if (part === 'flat') {
      // ` time   seconds   seconds    calls  ms/call  ms/call  name`
      if (beginsWith(bytes, first, to, 'time   seconds ')) return;
      if (!takeFlat(bytes, from, to)) unreadable(bytes, from, to, offset, 'flat profile');
    } else if (part === 'graph') {
      // `-----------------------------------------------`
      if (byte === 45) endBlock();
      // ` This table describes the call tree of the program, and was sorted by`
      else if (first === from + 1) part = 'none';
      // The rest of the title of -T.
      else if (beginsWith(bytes, first, to, 'called/total')) return;
      else if (!takeGraph(bytes, from, to)) unreadable(bytes, from, to, offset, 'call graph');
    }
  });

  return {
    push: lines.push,
    end: () => {
      lines.end();
      const complete = (seenFlat || seenGraph) && (!seenGraph || seenIndex) && endedWhole;
      if (!complete) {
        problems.add({
          code: 'truncated-document',
          level: 'incomplete',
          message: 'the text of gprof ends before its end: what is missing was not seen',
        });
      }
      const notes = [...(period === undefined ? [] : [period]), ...cycles];
      if (noTime) {
        problems.add({
          code: 'no-time',
          level: 'warning',
          message: 'no time accumulated: the program was too short for any sample, only calls are known',
          hint: 'let it do more work, or count instructions with --tool=callgrind',
        });
      }
      return {
        processes: [
          {
            profile: buildProfile(flat, nodes, joinEdges(fromCallers, fromCallees, nodes), {
              noTime,
              stated,
              notes,
            }),
          },
        ],
        complete,
      };
    },
  };
}

/** A function while its costs are put together. */
interface Function {
  readonly name: string;
  file: string | undefined;
  self: number;
  inclusive: number;
  calls: number;
}

function buildProfile(
  flat: readonly FlatRow[],
  nodes: readonly Node[],
  edges: Edges,
  about: { readonly noTime: boolean; readonly stated: number | undefined; readonly notes: readonly string[] },
): Profile {
  const byLine =
    flat.some(({ place }) => place !== undefined) || nodes.some(({ place }) => place !== undefined);
  const functions: Function[] = [];
  const functionOfNode = byLine ? joinLines(flat, nodes, functions) : joinRows(flat, nodes, functions);
  const measure = about.noTime ? callsMeasure : timeMeasure;
  const calls = functions.map((one) => one.calls);
  const counted = calls.map((count) => (Number.isNaN(count) ? 0 : count));
  const self = about.noTime ? counted : functions.map((one) => one.self);
  const inclusive = about.noTime ? counted : functions.map((one) => one.inclusive);
  const frames = new Map<string, ProfileFrame>();
  const frameOf = ({ name, file }: Function): ProfileFrame => {
    const key = `${name}\0${file ?? ''}`;
    let frame = frames.get(key);
    if (frame === undefined) {
      frame = { function: name, ...(file !== undefined && splitPath(file)) };
      frames.set(key, frame);
    }
    return frame;
  };
  const hasGraph = nodes.length > 0;
  const files = new Map<string, number>();
  const lines = byLine ? lineTable(flat, functions, files) : undefined;
  return {
    format: 'gprof',
    measures: [measure],
    primary: 0,
    totals: [sumOf(self)],
    ...(about.stated !== undefined && !about.noTime && { stated: [about.stated] }),
    frames: [],
    trees: [],
    functions: functions.map(frameOf),
    files: [...files.keys()],
    graph: {
      self: [self],
      ...(hasGraph && { edges: edgeTable(edges, functionOfNode, byLine, about.noTime) }),
      calls,
      // Lines of one function call each other: their sums would count time twice, but they follow from the edges.
      ...(hasGraph && (!byLine || about.noTime) && { inclusive: [inclusive] }),
      // Calls are counted, not shared.
      ...(hasGraph && !about.noTime && { inferred: gprofInference }),
    },
    ...(lines !== undefined && !about.noTime && { lines }),
    notes: about.notes,
  };
}

/** One function for each entry of the call graph; the row of the flat profile with the same name gives its self time. */
function joinRows(flat: readonly FlatRow[], nodes: readonly Node[], functions: Function[]): number[] {
  const rows = new Map<string, FlatRow[]>();
  for (const row of flat) {
    const same = rows.get(row.name);
    if (same === undefined) rows.set(row.name, [row]);
    else same.push(row);
  }
  const taken = new Set<FlatRow>();
  const functionOfNode = nodes.map((node) => {
    const row = rowOf(node, rows.get(node.name) ?? [], taken);
    if (row !== undefined) taken.add(row);
    const self = row?.self ?? node.self ?? 0;
    return (
      functions.push({
        name: node.name,
        file: node.file,
        self,
        inclusive: (node.self ?? self) + (node.children ?? 0),
        calls: node.calls ?? row?.calls ?? Number.NaN,
      }) - 1
    );
  });
  for (const row of flat) {
    if (taken.has(row)) continue;
    functions.push({
      name: row.name,
      file: undefined,
      self: row.self,
      inclusive: row.self,
      calls: row.calls,
    });
  }
  return functionOfNode;
}

/** Static functions of several files may share a name: then time and calls tell their rows apart. */
function rowOf(node: Node, rows: readonly FlatRow[], taken: ReadonlySet<FlatRow>): FlatRow | undefined {
  if (rows.length === 1) return taken.has(rows[0] as FlatRow) ? undefined : rows[0];
  const free = rows.filter((row) => !taken.has(row));
  return (
    free.find(({ self, calls }) => self === node.self && Object.is(calls, node.calls)) ??
    free.find(({ self }) => self === node.self) ??
    free[0]
  );
}

/** With `-l`: one function for all of its lines. */
function joinLines(flat: readonly FlatRow[], nodes: readonly Node[], functions: Function[]): number[] {
  const known = new Map<string, number>();
  const rowOfName = (name: string, place: Place | undefined): number => {
    let row = known.get(name);
    if (row === undefined) {
      row = functions.push({ name, file: place?.file, self: 0, inclusive: 0, calls: Number.NaN }) - 1;
      known.set(name, row);
    }
    return row;
  };
  const hasFlat = flat.length > 0;
  for (const { name, place, self, calls } of flat) {
    const one = functions[rowOfName(name, place)] as Function;
    one.self += self;
    addCount(one, calls, place);
  }
  const counted = functions.map(({ calls }) => calls);
  return nodes.map(({ name, place, self, calls }) => {
    const row = rowOfName(name, place);
    const one = functions[row] as Function;
    if (!hasFlat) one.self += self ?? 0;
    // The graph tells calls with recursive ones, the flat profile without.
    if (calls !== undefined && !Number.isNaN(calls)) {
      if (!Number.isNaN(counted[row] ?? Number.NaN)) {
        one.calls = Number.NaN;
        counted[row] = Number.NaN;
      }
      addCount(one, calls, place);
    }
    return row;
  });
}

/** Calls are counted where a function begins, so that is its file; other lines may be inlined from elsewhere. */
function addCount(one: Function, calls: number, place: Place | undefined): void {
  if (Number.isNaN(calls)) return;
  one.calls = (Number.isNaN(one.calls) ? 0 : one.calls) + calls;
  if (place !== undefined) one.file = place.file;
}

function lineTable(
  flat: readonly FlatRow[],
  functions: readonly Function[],
  files: Map<string, number>,
): Profile['lines'] {
  const functionOfName = new Map(functions.map(({ name }, row) => [name, row]));
  const rows = new Map<string, number>();
  const table = { functions: [] as number[], files: [] as number[], lines: [] as number[] };
  const values: number[] = [];
  for (const { name, place, self } of flat) {
    if (place === undefined || self === 0) continue;
    let file = files.get(place.file);
    if (file === undefined) {
      file = files.size;
      files.set(place.file, file);
    }
    const owner = functionOfName.get(name) as number;
    const key = `${owner} ${file} ${place.line}`;
    let row = rows.get(key);
    if (row === undefined) {
      row = table.lines.push(place.line) - 1;
      table.functions.push(owner);
      table.files.push(file);
      values.push(0);
      rows.set(key, row);
    }
    values[row] = (values[row] as number) + self;
  }
  return { ...table, values: [values] };
}

function push(
  { callers, callees, calls, times }: Edges,
  caller: number,
  callee: number,
  count: number,
  time: number,
): void {
  callers.push(caller);
  callees.push(callee);
  calls.push(count);
  times.push(time);
}

/** The calls as the callers tell them, and those of callers that have no entry as the callees do. */
function joinEdges(fromCallers: Edges, fromCallees: Edges, nodes: readonly Node[]): Edges {
  const { callers, callees, calls, times } = fromCallees;
  for (const [row, caller] of callers.entries()) {
    if (nodes[caller]?.self !== undefined || (callees[row] as number) < 0) continue;
    push(fromCallers, caller, callees[row] as number, calls[row] as number, times[row] as number);
  }
  return fromCallers;
}

/** With `-l` several lines of a function make the same call: they are added up. */
function edgeTable(
  edges: Edges,
  functionOfNode: readonly number[],
  byLine: boolean,
  noTime: boolean,
): CallEdges {
  const own = (node: number): number => functionOfNode[node] as number;
  let { callers, callees, calls, times }: Edges = {
    ...edges,
    callers: edges.callers.map(own),
    callees: edges.callees.map(own),
  };
  if (byLine) {
    const rows = new Map<number, number>();
    const sums = emptyEdges();
    for (const [index, caller] of callers.entries()) {
      const callee = callees[index] as number;
      const key = caller * nodeRoom + callee;
      const row = rows.get(key);
      if (row === undefined) {
        rows.set(key, sums.callers.length);
        push(sums, caller, callee, calls[index] as number, times[index] as number);
      } else {
        sums.calls[row] = (sums.calls[row] as number) + (calls[index] as number);
        sums.times[row] = (sums.times[row] as number) + (times[index] as number);
      }
    }
    ({ callers, callees, calls, times } = sums);
  }
  return {
    callers,
    callees,
    files: callers.map(() => -1),
    lines: callers.map(() => 0),
    calls,
    values: [noTime ? calls : times],
  };
}

/** `/home/user/demo/demo.c` as directory and file; a path that is relative stays in one piece. */
function splitPath(path: string): ProfileFrame {
  const at = path.lastIndexOf('/');
  return path.startsWith('/') && at > 0
    ? { directory: path.slice(0, at), file: path.slice(at + 1) }
    : { file: path };
}

function beginsWith(bytes: Buffer, from: number, to: number, text: string): boolean {
  return to - from >= text.length && bytes.toString('latin1', from, from + text.length) === text;
}

function trimmedEnd(bytes: Buffer, from: number, to: number): number {
  let end = to;
  while (end > from && bytes[end - 1] === space) end--;
  return end;
}

/** The number in `[12]`, or in `(12)` for a function without an entry of its own, at the end; -1: none. */
function indexAt(bytes: Buffer, from: number, end: number): number {
  const last = bytes[end - 1];
  if (last !== closeBracket && last !== closeParenthesis) return -1;
  let at = end - 2;
  let value = 0;
  let scale = 1;
  while (at > from && (bytes[at] as number) >= 48 && (bytes[at] as number) <= 57) {
    value += ((bytes[at] as number) - 48) * scale;
    scale *= 10;
    at--;
  }
  const open = last === closeBracket ? openBracket : openParenthesis;
  return scale > 1 && scale <= 1e9 && bytes[at] === open && bytes[at - 1] === space ? value : -1;
}

/**
 * A name without what gprof puts behind it.
 * `main::{lambda(double)#1}::operator()(double) const (shapes.cc:23 @ 2402) <cycle 1> [5]`
 */
function readName(
  bytes: Buffer,
  from: number,
  to: number,
): { readonly name: string; readonly place: Place | undefined } {
  let end = trimmedEnd(bytes, from, to);
  if (indexAt(bytes, from, end) >= 0) end = trimmedEnd(bytes, from, bytes.lastIndexOf(space, end - 1));
  let text = textOf(bytes, from, end);
  // ` <cycle 1>`
  if (text.endsWith('>')) {
    const at = text.lastIndexOf(' <cycle ');
    if (at > 0 && /^ <cycle \d{1,9}>$/.test(text.slice(at))) text = text.slice(0, at);
  }
  if (text.endsWith(')')) {
    const at = text.lastIndexOf(' (');
    // ` (shapes.cc:23 @ 2402)`, as a caller ` (shapes.cc:23 @ 2402)` too; without debug information there is none.
    const [, file, line] =
      at > 0 ? (/^ \((.+):(\d{1,9}) @ [0-9a-f]{1,16}\)$/.exec(text.slice(at)) ?? []) : [];
    if (file !== undefined) return { name: text.slice(0, at), place: { file, line: Number(line) } };
  }
  return { name: text, place: undefined };
}

/** Reads numbers of a line one after the other. */
interface Cursor {
  at: number;
  /** Of the last decimal, read as seconds. */
  readonly ms: number;
  /** The last decimal had a fraction. */
  readonly fraction: boolean;
  /** Of the last integer. */
  readonly value: number;
  readonly start: (bytes: Buffer, from: number, to: number) => void;
  /** Skips spaces and says how many. */
  readonly spaces: () => number;
  readonly skipWord: () => void;
  /** Skips spaces and reads `0.47`; false when there is none that is safe. */
  readonly decimal: () => boolean;
  readonly integer: () => boolean;
}

function createCursor(): Cursor {
  let bytes: Buffer = Buffer.alloc(0);
  let end = 0;
  const spaces = (): number => {
    const before = cursor.at;
    while (cursor.at < end && bytes[cursor.at] === space) cursor.at++;
    return cursor.at - before;
  };
  /** Digits from here on; -1: none, or too many. */
  const digits = (): number => {
    const before = cursor.at;
    let value = 0;
    for (; cursor.at < end; cursor.at++) {
      const digit = (bytes[cursor.at] as number) - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    return cursor.at > before && value <= Number.MAX_SAFE_INTEGER ? value : -1;
  };
  const cursor = {
    at: 0,
    ms: 0,
    fraction: false,
    value: 0,
    start: (line: Buffer, from: number, to: number) => {
      bytes = line;
      cursor.at = from;
      end = to;
    },
    spaces,
    skipWord: () => {
      while (cursor.at < end && bytes[cursor.at] !== space) cursor.at++;
    },
    decimal: () => {
      spaces();
      const whole = digits();
      if (whole < 0) return false;
      cursor.fraction = bytes[cursor.at] === dot && cursor.at < end;
      if (!cursor.fraction) {
        cursor.ms = whole * 1000;
        return Number.isSafeInteger(cursor.ms);
      }
      cursor.at++;
      const from = cursor.at;
      const part = digits();
      // Of two digits, as gprof prints them, this is exact.
      cursor.ms = whole * 1000 + (part * 1000) / 10 ** (cursor.at - from);
      return part >= 0 && cursor.ms <= Number.MAX_SAFE_INTEGER;
    },
    integer: () => {
      spaces();
      cursor.value = digits();
      return cursor.value >= 0;
    },
  };
  return cursor;
}
