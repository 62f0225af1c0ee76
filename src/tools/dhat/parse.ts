// Reads what dhat writes: JSON with a record for each allocation site and one table of all frames behind them.
import type { AllocationSite, Measure, Profile, ProfileFrame, Unit } from '../../model/profile.ts';
import { frameTable } from '../../model/profile-tables.ts';
import { type CallPaths, callPaths, pathFrames } from '../_shared/call-paths.ts';
import { parseFrameLabel } from '../_shared/frame-label.ts';
import type { ProblemTally } from '../_shared/problem-tally.ts';
import { type ProfileFile, type ProfileParser, profileReader } from '../_shared/profile-reader.ts';
import type { Reader } from '../tool.ts';
import { jsonTokens } from './json-tokens.ts';

/** Distinct call paths of one file: real files have some thousands. */
const mostPaths = 4_000_000;
/** Frames of one path. valgrind's `--num-callers` is at most 500 addresses, each with what was inlined there. */
const mostFrames = 4096;
/** dhat counts accesses to each byte of blocks of at most 1024. */
const mostAccesses = 1024;
/** Numbers of access counts that a profile keeps, those of the sites with the most bytes. */
const mostAccessNumbers = 2_000_000;

/** Entries of the table of frames that are told apart. */
const mostEntries = 50_000_000;

/** Labels for what has no path in the file; label n + 2 is entry n of the file's table. */
const unknownLabel = 0;
const crowdLabel = 1;
const ownFrames: readonly ProfileFrame[] = [{}, { sum: 'in more places than are told apart' }];

/** Values of a record that add up, in the order of the measures. */
const added = ['tb', 'tbk', 'gb', 'gbk', 'eb', 'ebk', 'rb', 'wb'] as const;
/** Places of all numbers in a record; the last three do not add up. */
const fields: ReadonlyMap<string, number> = new Map(
  [...added, 'tl', 'mb', 'mbk'].map((key, index) => [key, index]),
);
const [lifetimes, mostBytes, mostBlocks] = [added.length, added.length + 1, added.length + 2];

/** `/usr/libexec/valgrind/vgpreload_dhat-amd64-linux.so` */
const preload = /\/vgpreload_[^/]*$/;

function isDhat(head: Uint8Array): boolean {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
  return /^(?:\xEF\xBB\xBF)?\s*\{/.test(text) && text.includes('"dhatFileVersion"');
}

/**
 * Reads dhat.out files of the modes heap, copy and ad-hoc, laid out as dhat does or in any other way; and those of
 * Rust's dhat crate, which has the same form.
 *
 * Source: the manual's chapter on DHAT; the fields are explained in valgrind's `dhat/dh_main.c` and in its viewer.
 */
export const dhatReader: Reader = profileReader('dhat', 'dhat', isDhat, createDhatParser);

function createDhatParser(problems: ProblemTally): ProfileParser {
  const paths = callPaths();
  const texts: string[] = [];
  /** Texts and numbers at the top of the file. */
  const about = new Map<string, string | number | boolean>();
  /** 1 for each field that a record had. */
  const seen = new Uint8Array(fields.size);
  // One entry for each record: its row in `paths`, its numbers (-1: it lacks this one), and its runs in `allRuns`.
  const nodes: number[] = [];
  let numbers = new Float64Array(1024 * fields.size);
  const runsBegin: number[] = [];
  const runsEnd: number[] = [];
  const allRuns: number[] = [];

  let depth = 0;
  /** Key at the top that is being read. */
  let section = '';
  /** Key of the record that is being read. */
  let field = '';
  const record = new Float64Array(fields.size);
  let isRecord = false;
  /** The list of the record that is being read. */
  let list: 'fs' | 'acc' | undefined;
  // Used again for every record: there can be hundreds of thousands.
  const stack = new Int32Array(mostFrames);
  let stackSize = 0;
  /** Where the runs of the record begin. */
  let runsFrom = 0;
  let isOneObject = false;

  function note(
    code: string,
    message: string,
    level: 'incomplete' | 'warning',
    quote?: string,
    offset?: number,
  ): void {
    problems.add({
      code,
      level,
      message,
      ...(quote !== undefined && quote !== '' && { quote }),
      ...(offset !== undefined && { offset }),
    });
  }

  function rowOf(): number {
    if (paths.parents.length >= mostPaths) return paths.row(-1, crowdLabel);
    let row = -1;
    // The file has the innermost call first.
    for (let at = stackSize - 1; at >= 0; at--) row = paths.row(row, stack[at] as number);
    return row === -1 ? paths.row(-1, unknownLabel) : row;
  }

  function finishRecord(): void {
    const node = rowOf();
    const at = nodes.length * fields.size;
    if (at === numbers.length) {
      const larger = new Float64Array(numbers.length * 2);
      larger.set(numbers);
      numbers = larger;
    }
    numbers.set(record, at);
    nodes.push(node);
    runsBegin.push(runsFrom);
    runsEnd.push(allRuns.length);
  }

  /** Number of a record. */
  const numberOf = (site: number, place: number): number => numbers[site * fields.size + place] as number;

  /** What adds up, by measure and row of `paths`. */
  function columnsOf(): number[][] {
    return added.map((_, measure) => {
      const column = new Array<number>(paths.parents.length).fill(0);
      for (let site = 0; site < nodes.length; site++) {
        const value = numberOf(site, measure);
        const node = nodes[site] as number;
        if (value > 0) column[node] = (column[node] as number) + value;
      }
      return column;
    });
  }

  const tokens = jsonTokens({
    open: (isArray) => {
      depth++;
      if (depth === 1) isOneObject = !isArray;
      else if (depth === 3 && section === 'pps' && !isArray) {
        isRecord = true;
        record.fill(-1);
        stackSize = 0;
        runsFrom = runsEnd[runsEnd.length - 1] ?? 0;
        allRuns.length = runsFrom;
      } else if (depth === 4 && isRecord && isArray && (field === 'fs' || field === 'acc')) {
        list = field;
        if (field === 'fs') stackSize = 0;
        else allRuns.length = runsFrom;
      }
    },
    close: () => {
      depth--;
      if (depth === 3 && list !== undefined) {
        list = undefined;
      } else if (depth === 2 && isRecord) {
        isRecord = false;
        finishRecord();
      }
    },
    key: (name) => {
      if (depth === 1) section = name;
      else if (depth === 3) field = name;
    },
    string: (text) => {
      if (depth === 1) about.set(section, text);
      else if (depth === 2 && section === 'ftbl') texts.push(text);
    },
    number: (value) => {
      if (list !== undefined && depth === 4) takeListed(value);
      else if (isRecord && depth === 3) {
        const place = fields.get(field);
        if (place !== undefined) takeField(place, value);
      } else if (depth === 1) about.set(section, value);
      // Something stands in its place, so that the places of the others stay.
      else if (depth === 2 && section === 'ftbl') texts.push('');
    },
    word: (word) => {
      if (depth === 1 && word !== 'null') about.set(section, word === 'true');
      else if (depth === 2 && section === 'ftbl') texts.push('');
    },
    fault: (message, offset, quote) => {
      note('malformed-json', `the dhat file is no proper JSON: ${message}`, 'incomplete', quote, offset);
    },
  });

  function takeField(place: number, value: number): void {
    seen[place] = 1;
    const isPossible = Number.isSafeInteger(value) && value >= 0;
    record[place] = isPossible ? value : 0;
    if (isPossible) return;
    note(
      'unreadable-number',
      'a number of the dhat file cannot be right and counts as 0',
      'incomplete',
      `${field}: ${value}`,
    );
  }

  function takeListed(value: number): void {
    if (list === 'fs') {
      if (stackSize >= mostFrames) {
        note('long-stack', 'a call stack is too long: its outer calls are left out', 'warning');
      } else if (Number.isInteger(value) && value >= 0 && value < mostEntries) {
        stack[stackSize++] = value + ownFrames.length;
      } else {
        stack[stackSize++] = unknownLabel;
        note(
          'missing-frame',
          'a call stack names a frame that the table lacks',
          'incomplete',
          `fs: ${value}`,
        );
      }
    } else if (allRuns.length - runsFrom <= 2 * mostAccesses) {
      allRuns.push(Number.isSafeInteger(value) ? value : Number.NaN);
    }
  }

  function textAbout(key: string, otherwise: string): string {
    const value = about.get(key);
    return typeof value === 'string' ? value : otherwise;
  }

  function numberAbout(key: string): number | undefined {
    const value = about.get(key);
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  }

  function profile(): Profile {
    const table = frameTable();
    let missing = 0;
    const known = new Map<number, ProfileFrame>();
    const frameOf = (label: number): ProfileFrame => {
      let frame = ownFrames[label] ?? known.get(label);
      if (frame === undefined) {
        const text = texts[label - ownFrames.length];
        if (text === undefined) missing++;
        frame = text === undefined ? (ownFrames[unknownLabel] as ProfileFrame) : parseFrameLabel(text);
        known.set(label, frame);
      }
      return frame;
    };
    const kept = withoutPreload(paths, columnsOf(), frameOf);
    const frames = pathFrames(kept, frameOf, table);
    if (missing > 0) {
      note(
        'missing-frame',
        'call stacks name frames that the table lacks',
        'incomplete',
        `${missing} frames`,
      );
    }
    const measures = measuresOf();
    const values = measures.map((key) => kept.columns[added.indexOf(key)] as number[]);
    return {
      format: 'dhat',
      measures: measures.map((key) => measureOf(key, textAbout)),
      primary: 0,
      totals: values.map((column) => column.reduce((sum, value) => sum + value, 0)),
      frames: table.frames,
      trees: [{ parents: kept.parents, frames, values }],
      functions: [],
      files: [],
      sites: sitesOf(kept.rows),
      notes: notes(),
    };
  }

  /** Those that the file has: not every mode follows the lifetimes of blocks and the accesses to them. */
  function measuresOf(): readonly (typeof added)[number][] {
    const told = (key: string, flag: string): boolean =>
      seen[fields.get(key) ?? -1] === 1 || about.get(flag) === true;
    return added.filter((key) => {
      if (key === 'tb' || key === 'tbk') return true;
      return key === 'rb' || key === 'wb' ? told(key, 'bkacc') : told(key, 'bklt');
    });
  }

  /** @param rows where the paths of the file stand in the tree. */
  function sitesOf(rows: Int32Array): readonly AllocationSite[] {
    let room = mostAccessNumbers;
    let left = 0;
    const accesses = new Map<number, readonly number[]>();
    for (const site of byBytes()) {
      const begin = runsBegin[site] as number;
      const end = runsEnd[site] as number;
      const length = accessLength(allRuns, begin, end);
      if (length === undefined) {
        note('unreadable-accesses', 'counts of accesses cannot be right and are left out', 'warning');
      } else if (length > room) left++;
      else {
        room -= length;
        accesses.set(site, accessCounts(allRuns, begin, end));
      }
    }
    if (left > 0) {
      note(
        'many-accesses',
        'counts of accesses are kept for the sites with the most bytes only',
        'warning',
        `${left} sites`,
      );
    }
    return nodes.map((node, site) => {
      const made: { -readonly [Key in keyof AllocationSite]: AllocationSite[Key] } = {
        node: rows[node] as number,
      };
      const lifetime = numberOf(site, lifetimes);
      const bytes = numberOf(site, mostBytes);
      const blocks = numberOf(site, mostBlocks);
      const counts = accesses.get(site);
      if (lifetime >= 0) made.lifetimes = lifetime;
      if (bytes >= 0) made.maxBytes = bytes;
      if (blocks >= 0) made.maxBlocks = blocks;
      if (counts !== undefined) made.accesses = counts;
      return made;
    });
  }

  /** The sites with counts of accesses, those with the most bytes first. */
  function byBytes(): readonly number[] {
    const sites: number[] = [];
    for (let site = 0; site < nodes.length; site++) {
      if ((runsEnd[site] as number) > (runsBegin[site] as number)) sites.push(site);
    }
    return sites.sort((a, b) => numberOf(b, 0) - numberOf(a, 0) || a - b);
  }

  function notes(): readonly string[] {
    const unit = textAbout('tu', 'instrs');
    const [end, most] = [numberAbout('te'), numberAbout('tg')];
    const count = (value: number): string => `${value.toLocaleString('en-US')} ${unit}`;
    const share = most !== undefined && end !== undefined && end > 0 ? (100 * most) / end : undefined;
    return [
      `Mode: ${textAbout('mode', 'heap')}`,
      ...(most !== undefined
        ? [
            `t-gmax, when the heap was largest: ${count(most)}${share === undefined ? '' : ` (${share.toFixed(1)}% of the run)`}`,
          ]
        : []),
      ...(end !== undefined ? [`t-end: ${count(end)}`] : []),
    ];
  }

  return {
    push: tokens.push,
    end: (): ProfileFile => {
      const complete = tokens.end() && isOneObject;
      if (!complete) note('cut-file', 'the dhat file ends before its end', 'incomplete');
      // A record that was cut has no numbers that can be trusted.
      const version = about.get('dhatFileVersion');
      if (version !== 2) {
        note(
          'unknown-version',
          `the dhat file is of version ${version ?? 'unknown'}; versions other than 2 may be read wrongly`,
          'warning',
        );
      }
      const mode = textAbout('mode', 'heap');
      if (complete && nodes.length === 0 && nothing.has(mode)) {
        problems.add({ code: 'nothing-counted', level: 'warning', ...(nothing.get(mode) as Nothing) });
      }
      const pid = numberAbout('pid');
      const command = textAbout('cmd', '');
      return {
        complete,
        processes: [
          {
            ...(pid !== undefined && pid > 0 && { pid }),
            ...(command !== '' && { argv: command.split(' ').filter((word) => word !== '') }),
            profile: profile(),
          },
        ],
      };
    },
  };
}

interface Nothing {
  readonly message: string;
  readonly hint: string;
}

/** What an empty profile means, by mode. A program may well have no heap, but nobody asks for these without a reason. */
const nothing: ReadonlyMap<string, Nothing> = new Map([
  [
    'ad-hoc',
    {
      message: 'the program made no ad-hoc event',
      hint: 'events are made by DHAT_AD_HOC_EVENT(weight) of valgrind/dhat.h, in code that ran',
    },
  ],
  [
    'copy',
    {
      message: 'the program copied nothing that dhat saw',
      hint: 'dhat sees calls of memcpy, memmove, strcpy and their like, not the copying that the compiler put in their place',
    },
  ],
]);

const when: Readonly<Record<string, string>> = {
  gb: ' at t-gmax, when the heap was largest',
  eb: ' at the end of the program',
};

/** Names as dhat's file has them; the words of ad-hoc mode are `unit`, `units` and `events`. */
function measureOf(
  key: (typeof added)[number],
  textAbout: (key: string, otherwise: string) => string,
): Measure {
  const bytes = textAbout('bsu', 'bytes');
  const blocks = textAbout('bksu', 'blocks');
  const unitOf = (word: string, known: Unit): Unit => (word === known ? known : 'events');
  if (key === 'rb') return { name: key, title: `${bytes} read`, unit: unitOf(bytes, 'bytes') };
  if (key === 'wb') return { name: key, title: `${bytes} written`, unit: unitOf(bytes, 'bytes') };
  const isBlocks = key.endsWith('bk');
  const word = isBlocks ? blocks : bytes;
  const moment =
    when[isBlocks ? key.slice(0, -1) : key] ?? ` ${textAbout('verb', 'Allocated').toLowerCase()}`;
  return { name: key, title: `${word}${moment}`, unit: unitOf(word, isBlocks ? 'blocks' : 'bytes') };
}

/** Paths without the functions that dhat puts in place of malloc and its like, and where the paths stand now. */
interface KeptPaths extends Pick<CallPaths, 'parents' | 'labels'> {
  readonly columns: readonly (readonly number[])[];
  /** By row of all paths. */
  readonly rows: Int32Array;
}

/**
 * dhat's own malloc is the innermost call of nearly every path. What was spent there was spent by its caller, as in
 * massif's trees: else no line of the program would have spent anything.
 */
function withoutPreload(
  { parents, labels }: Pick<CallPaths, 'parents' | 'labels'>,
  columns: readonly number[][],
  frameOf: (label: number) => ProfileFrame,
): KeptPaths {
  const rows = new Int32Array(parents.length);
  const isInner = new Uint8Array(parents.length);
  const known = new Map<number, boolean>();
  const isPreload = (label: number): boolean => {
    let is = known.get(label);
    if (is === undefined) {
      is = preload.test(frameOf(label).object ?? '');
      known.set(label, is);
    }
    return is;
  };
  for (const column of columns) while (column.length < parents.length) column.push(0);
  // Children stand behind their parents, so they are seen first.
  for (let row = parents.length - 1; row >= 0; row--) {
    const parent = parents[row] as number;
    if (parent < 0) continue;
    if (isInner[row] === 1 || !isPreload(labels[row] as number)) {
      isInner[parent] = 1;
      continue;
    }
    rows[row] = -1;
    for (const column of columns) column[parent] = (column[parent] as number) + (column[row] as number);
  }
  const kept: number[] = [];
  for (let row = 0; row < parents.length; row++) {
    if (rows[row] === -1) rows[row] = rows[parents[row] as number] as number;
    else rows[row] = kept.push(row) - 1;
  }
  return {
    rows,
    parents: kept.map((row) => {
      const parent = parents[row] as number;
      return parent < 0 ? -1 : (rows[parent] as number);
    }),
    labels: kept.map((row) => labels[row] as number),
    columns: columns.map((column) => kept.map((row) => column[row] as number)),
  };
}

/** How many counts the runs from `begin` to `end` stand for; undefined when they cannot be right. */
function accessLength(runs: readonly number[], begin: number, end: number): number | undefined {
  let length = 0;
  for (let at = begin; at < end; at++) {
    const number = runs[at] as number;
    if (number < 0 && ++at === end) return undefined;
    length += number < 0 ? -number : 1;
    if (!((runs[at] as number) >= 0) || length > mostAccesses) return undefined;
  }
  return length;
}

/** `-3,4,7` are 4, 4, 4, 7. */
function accessCounts(runs: readonly number[], begin: number, end: number): readonly number[] {
  const counts: number[] = [];
  for (let at = begin; at < end; at++) {
    const number = runs[at] as number;
    const count = number < 0 ? (runs[++at] as number) : number;
    for (let times = number < 0 ? -number : 1; times > 0; times--) counts.push(count);
  }
  return counts;
}
