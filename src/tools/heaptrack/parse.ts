// What heaptrack_print prints: the places that allocated most, by peak, calls, leaks and temporary allocations.
import type { Measure, Profile, ProfileFrame } from '../../model/profile.ts';
import { frameTable, sumOf, treeBuilder } from '../../model/profile-tables.ts';
import { byteLines } from '../_shared/byte-lines.ts';
import { textOf } from '../_shared/byte-text.ts';
import type { ProblemTally } from '../_shared/problem-tally.ts';
import { type ProfileParser, profileReader } from '../_shared/profile-reader.ts';
import { allocationCalls, leakedBytes, peakBytes, temporaryCalls } from './measures.ts';

/** Frames of one call path that are kept; heaptrack itself records at most 64 and what is inlined in them. */
const deepest = 4096;

/** What stands for callers that are counted, but not printed. */
const otherCallers: ProfileFrame = { sum: 'other callers, which heaptrack_print did not list' };

type Section = 'allocations' | 'peak' | 'leaked' | 'temporary';

/** In the order of the measures. */
const sections: readonly { readonly name: Section; readonly title: string; readonly measure: Measure }[] = [
  { name: 'peak', title: 'PEAK MEMORY CONSUMERS', measure: peakBytes },
  { name: 'leaked', title: 'MEMORY LEAKS', measure: leakedBytes },
  { name: 'allocations', title: 'MOST CALLS TO ALLOCATION FUNCTIONS', measure: allocationCalls },
  { name: 'temporary', title: 'MOST TEMPORARY ALLOCATIONS', measure: temporaryCalls },
];
const peakAt = 0;
const leakedAt = 1;
const callsAt = 2;
const temporaryAt = 3;

/**
 * Reads the report of `heaptrack_print FILE` of heaptrack 1.0 to 1.5, with merged and single call paths (`-m 0`).
 *
 * The text lists only the first places of each section (`-n`, `-s`), so sums may be less than what it states at its end.
 * Bytes are as printed: in units of 1000 with two decimals (`72.70K`). One call path may stand in several sections; what
 * one section says of it is added up, and of several sections the largest counts.
 */
export const heaptrackTextReader = profileReader('heaptrack', 'heaptrack', recognizesText, startText);

// `reading file "heaptrack.demo.123.zst" - please wait, this might take some time...`, then `Debuggee command was: ./demo`
function recognizesText(head: Uint8Array): boolean {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, 16384)).toString('latin1');
  return /^(?:reading (?:diff )?file "[^\n]*" - please wait[^\n]*\n)*Debuggee command was: /.test(text);
}

/** Values that a line states, by measure. */
type Values = (number | undefined)[];

function startText(problems: ProblemTally): ProfileParser {
  let command: string | undefined;
  let section: Section | undefined;
  const seen = new Set<Section>();
  const stated: (number | undefined)[] = sections.map(() => undefined);
  const notes: string[] = [];
  let complete = false;
  const frames = frameTable();
  const tree = treeBuilder(sections.length);
  /** By measure and section: what the section says of each node. */
  const sums = sections.map(() => sections.map(() => new Map<number, number>()));
  /** Of each node, the place where it ends: what a section says of a place covers all paths to it. */
  const places = new Map<string, number>();
  const placeOfNode = new Map<number, number>();
  /** By measure: what a place has from callers that its own section did not list. */
  const rests = sections.map(() => new Map<number, number>());

  // The entry that is being read: the innermost frames, then one of its paths.
  let entryValues: Values | undefined;
  let place: ProfileFrame[] = [];
  let pathValues: Values | undefined;
  let path: ProfileFrame[] = [];
  let paths = 0;
  let base = -1;

  function addPath(outer: readonly ProfileFrame[], inner: readonly ProfileFrame[], values: Values): void {
    const at = sections.findIndex(({ name }) => name === section);
    let node = -1;
    const end = unfolded(inner);
    for (const part of [unfolded(outer), end]) {
      for (let index = part.length - 1; index >= 0; index--) {
        node = tree.child(node, frames.add(part[index] as ProfileFrame));
      }
    }
    if (node < 0 || at < 0) return;
    const key = end.map((frame) => frames.add(frame)).join(' ');
    let number = places.get(key);
    if (number === undefined) {
      number = places.size;
      places.set(key, number);
    }
    placeOfNode.set(node, number);
    if (outer[0] === otherCallers) {
      const value = values[at];
      if (value !== undefined) rests[at]?.set(node, value);
      return;
    }
    for (const [measure, value] of values.entries()) {
      if (value === undefined) continue;
      const column = (sums[measure] as Map<number, number>[])[at] as Map<number, number>;
      column.set(node, (column.get(node) ?? 0) + value);
    }
  }

  function endPath(): void {
    if (pathValues !== undefined) {
      addPath(path, place, pathValues);
      paths++;
    }
    pathValues = undefined;
    path = [];
    base = -1;
  }

  function endEntry(): void {
    endPath();
    // Single call paths, and places without any known caller.
    if (entryValues !== undefined && paths === 0) addPath([], place, entryValues);
    entryValues = undefined;
    place = [];
    paths = 0;
  }

  /** A line of a frame: `leak`, then `  at /home/user/demo/demo.c:8`, then `  in /home/user/demo/demo`. */
  function takeFrame(bytes: Buffer, from: number, to: number): boolean {
    const target = pathValues === undefined ? place : path;
    let start = from;
    while (start < to && bytes[start] === 32) start++;
    const indent = start - from;
    if (base < 0) base = indent;
    if (indent === base) {
      if (target.length < deepest) target.push(nameOf(textOf(bytes, start, to)));
      return true;
    }
    const last = target.length - 1;
    const frame = target[last];
    const word = bytes.toString('latin1', start, Math.min(to, start + 3));
    if (indent !== base + 2 || frame === undefined) return false;
    if (word === 'in ') target[last] = { ...frame, object: textOf(bytes, start + 3, to) };
    else if (word === 'at ') target[last] = { ...frame, ...placeOf(textOf(bytes, start + 3, to)) };
    else return false;
    return true;
  }

  function takeTitle(line: string): boolean {
    const found = sections.find(({ title }) => title === line);
    if (found === undefined) return false;
    endEntry();
    section = found.name;
    seen.add(found.name);
    return true;
  }

  function takeTotal(line: string): boolean {
    // `total memory leaked: 4.68K`
    const at = line.indexOf(': ');
    if (at < 0) return false;
    const word = line.slice(at + 2).split(' ', 1)[0] ?? '';
    switch (line.slice(0, at)) {
      case 'total runtime':
        endEntry();
        section = undefined;
        notes.push(line.slice(0, 100));
        return true;
      case 'calls to allocation functions':
        stated[callsAt] = countOf(word);
        return true;
      case 'temporary memory allocations':
        stated[temporaryAt] = countOf(word);
        return true;
      case 'peak heap memory consumption':
        stated[peakAt] = bytesOf(word);
        return true;
      case 'total memory leaked':
        stated[leakedAt] = bytesOf(word);
        complete = true;
        return true;
      case 'peak RSS (including heaptrack overhead)':
      case 'suppressed leaks':
        notes.push(line.slice(0, 100));
        return true;
      case 'Debuggee command was':
        command ??= line.slice(at + 2);
        return true;
      default:
        return false;
    }
  }

  const lines = byteLines((bytes, from, to, offset, ended, cut) => {
    const whole = ended && !cut;
    if (from === to) {
      endEntry();
      return;
    }
    if (bytes[from] !== 32) {
      const line = textOf(bytes, from, Math.min(to, from + 2000));
      if (section === undefined) {
        if (whole && takeTotal(line)) return;
        if (takeTitle(line) || line.startsWith('reading ') || line.startsWith('finished reading ')) return;
      } else {
        if (takeTitle(line)) return;
        const values = valuesOf(line, section);
        if (values !== undefined && line.endsWith(' from:')) {
          endPath();
          pathValues = values;
          return;
        }
        if (values !== undefined && line.endsWith(' from')) {
          endEntry();
          entryValues = values;
          return;
        }
        // After the last section stands an empty line, then the totals.
        if (entryValues === undefined && whole && takeTotal(line)) return;
        if (entryValues !== undefined && takeFrame(bytes, from, to)) return;
      }
    } else if (section !== undefined && entryValues !== undefined) {
      // `  and 20.00K from 3 other places`
      if (bytes[from + 2] === 97) {
        const [, amount] =
          /^ {2}and (\S+) from \d+ other places$/.exec(textOf(bytes, from, Math.min(to, from + 80))) ?? [];
        if (amount !== undefined) {
          endPath();
          const measure = sections.findIndex(({ name }) => name === section);
          const value = measure === callsAt ? countOf(amount) : restOf(amount, measure);
          if (value !== undefined)
            addPath(
              [otherCallers],
              place,
              sections.map((_, index) => (index === measure ? value : undefined)),
            );
          return;
        }
      }
      if (takeFrame(bytes, from, to)) return;
    }
    // In totals and above the first section new versions may say more.
    if (section === undefined && seen.size === 0) return;
    problems.add(
      {
        code: 'unreadable-line',
        level: section === undefined ? 'note' : 'incomplete',
        message: 'a line of the report of heaptrack_print could not be read',
        offset,
        quote: textOf(bytes, from, Math.min(to, from + 400)),
      },
      section ?? '',
    );
  });

  return {
    push: lines.push,
    end: () => {
      lines.end();
      endEntry();
      if (!complete) {
        problems.add({
          code: 'truncated-document',
          level: 'incomplete',
          message: 'the report of heaptrack_print ends before its totals: what is missing was not seen',
        });
      }
      for (const [measure, bySection] of sums.entries()) {
        const most = new Map<number, number>();
        for (const column of bySection) {
          for (const [node, value] of column) most.set(node, Math.max(value, most.get(node) ?? value));
        }
        for (const [node, value] of most) tree.add(node, measure, value);
        // What one section sums up as the rest, another may list: then it is no rest any more.
        const listed = new Map<number, number>();
        const count = (values: ReadonlyMap<number, number>, sign: number): void => {
          for (const [node, value] of values) {
            const where = placeOfNode.get(node) as number;
            listed.set(where, (listed.get(where) ?? 0) + sign * value);
          }
        };
        count(most, 1);
        count(bySection[measure] as Map<number, number>, -1);
        for (const [node, value] of rests[measure] as Map<number, number>) {
          tree.add(node, measure, Math.max(0, value - (listed.get(placeOfNode.get(node) as number) ?? 0)));
        }
      }
      return {
        processes: [
          {
            ...(command !== undefined && { argv: command.split(' ') }),
            profile: buildProfile(tree.build(), frames.frames, seen, stated, notes),
          },
        ],
        complete,
      };
    },
  };
}

function buildProfile(
  tree: Profile['trees'][number],
  frames: readonly ProfileFrame[],
  seen: ReadonlySet<Section>,
  stated: readonly (number | undefined)[],
  notes: readonly string[],
): Profile {
  // Calls stand in every section; what has no section of its own is only a total.
  const kept = sections
    .map(({ name }, index) => ({ name, index }))
    .filter(({ name }) => name === 'allocations' || name === 'peak' || seen.has(name));
  const values = kept.map(({ index }) => tree.values[index] as readonly number[]);
  const totals = values.map(sumOf);
  const lacking = kept.flatMap(({ name, index }, at) => {
    const all = stated[index];
    const found = totals[at] as number;
    // Printed bytes are rounded, each to 1 of 1000 at worst.
    const least = index === peakAt || index === leakedAt ? (all ?? 0) * 0.995 : (all ?? 0);
    return all !== undefined && found < least ? [`${name}: ${found} of ${all} listed`] : [];
  });
  const unlisted = sections.flatMap(({ name, measure }, index) => {
    const all = stated[index];
    return seen.has(name) || name === 'allocations' || name === 'peak' || all === undefined
      ? []
      : [`${measure.title}, of the whole program: ${all}`];
  });
  return {
    format: 'heaptrack',
    measures: kept.map(({ index }) => (sections[index] as { measure: Measure }).measure),
    primary: 0,
    totals,
    ...(stated.some((value) => value !== undefined) && { stated: kept.map(({ index }) => stated[index]) }),
    frames,
    trees: [{ ...tree, values }],
    functions: [],
    files: [],
    notes: [
      'bytes are rounded, as heaptrack_print prints them',
      ...lacking.map((one) => `heaptrack_print lists only the largest places: ${one}`),
      ...unlisted,
      ...notes,
    ],
  };
}

/** What a line that begins an entry or a call path says, by measure; undefined: it is no such line. */
function valuesOf(line: string, section: Section): Values | undefined {
  // Names of functions come here too, so that a look at the end must be enough for most.
  if (!line.endsWith(' from') && !line.endsWith(' from:')) return undefined;
  switch (section) {
    case 'allocations': {
      // `2 calls to allocation functions with 164B peak consumption from`, `1 calls with 100B peak consumption from:`
      const [, calls, peak] =
        /^(\d+) calls (?:to allocation functions )?with (\S+) peak consumption from:?$/.exec(line) ?? [];
      return numbers([bytesOf(peak), undefined, countOf(calls)], peak, calls);
    }
    case 'peak': {
      // `72.70K peak memory consumed over 1 calls from`, `72.70K consumed over 1 calls from:`
      const [, peak, calls] = /^(\S+) (?:peak memory )?consumed over (\d+) calls from:?$/.exec(line) ?? [];
      return numbers([bytesOf(peak), undefined, countOf(calls)], peak, calls);
    }
    case 'leaked': {
      // `23.00K leaked over 587 calls from`
      const [, leaked, calls] = /^(\S+) leaked over (\d+) calls from:?$/.exec(line) ?? [];
      return numbers([undefined, bytesOf(leaked), countOf(calls)], leaked, calls);
    }
    case 'temporary': {
      // `501 temporary allocations of 587 allocations in total (85.35%) from`
      const [, some, calls] =
        /^(\d+) temporary allocations of (\d+) allocations in total \([^)]*\) from:?$/.exec(line) ?? [];
      return numbers([undefined, undefined, countOf(calls), countOf(some)], some, calls);
    }
  }
}

function numbers(values: Values, ...found: readonly (string | undefined)[]): Values | undefined {
  return found.every((one) => one !== undefined) ? values : undefined;
}

function countOf(text: string | undefined): number | undefined {
  const value = Number(text);
  return text !== undefined && /^\d+$/.test(text) && Number.isSafeInteger(value) ? value : undefined;
}

/** Temporary allocations are printed as if they were bytes: `0B`, `1.50K`. */
function restOf(text: string, measure: number): number | undefined {
  return measure === temporaryAt ? (countOf(text) ?? bytesOf(text)) : bytesOf(text);
}

/** `96B`, `72.70K`, `4.21M`: powers of 1000, two decimals. Undefined when it is none, or negative (`--diff`). */
function bytesOf(text: string | undefined): number | undefined {
  const [, whole, hundredths, unit] = /^(\d{1,15})(?:\.(\d\d))?(B|K|M|G|T|P)$/.exec(text ?? '') ?? [];
  if (whole === undefined) return undefined;
  const scale = 1000 ** 'BKMGTP'.indexOf(unit as string);
  const value = Number(whole) * scale + (Number(hundredths ?? 0) * scale) / 100;
  return Number.isSafeInteger(value) ? value : undefined;
}

/**
 * Innermost first. A frame without an `in` line is the function that the one before it was inlined into.
 */
function unfolded(path: readonly ProfileFrame[]): readonly ProfileFrame[] {
  const frames = [...path];
  for (let index = 1; index < frames.length; index++) {
    const { object, ...frame } = frames[index] as ProfileFrame;
    const before = frames[index - 1] as ProfileFrame;
    // Code made while running has neither line nor object.
    if (object !== undefined || frame.file === undefined || before.object === undefined) continue;
    frames[index - 1] = { ...before, inlined: true };
    frames[index] = { ...frame, object: before.object };
  }
  return frames;
}

// `main`, `0x7fa37b4a57b9`, `<unknown function>`
function nameOf(text: string): ProfileFrame {
  if (/^0x[0-9a-f]{1,16}$/.test(text)) return { ip: text };
  return text === '<unknown function>' || text === '??' ? {} : { function: text };
}

// `/home/user/demo/demo.c:8`, `./elf/rtld.c:0`
function placeOf(text: string): ProfileFrame {
  const [, path, number] = /^(.+):(\d{1,9})$/.exec(text) ?? [undefined, text, '0'];
  const line = Number(number);
  const name = path ?? text;
  const at = name.lastIndexOf('/');
  return {
    ...(name.startsWith('/') && at > 0
      ? { directory: name.slice(0, at), file: name.slice(at + 1) }
      : { file: name }),
    ...(line > 0 && { line }),
  };
}
