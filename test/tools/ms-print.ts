// Reads what ms_print prints of a massif file, and turns a profile back into massif's trees to compare the two.
import { execFileSync } from 'node:child_process';
import { expect } from 'vitest';
import type { Profile, ProfileFrame } from '../../src/model/profile.ts';
import { profileRecordsOf } from '../profile-corpus.ts';

export interface PrintedNode {
  /** Labels from the allocation outwards, joined by line ends. */
  readonly path: string;
  readonly bytes: number;
  readonly percent: number;
}

export interface PrintedSnapshot {
  readonly number: number;
  readonly time: number;
  readonly total: number;
  readonly values: readonly [heap: number, extra: number, stacks: number];
  /** Missing when it has no tree. */
  readonly root?: { readonly bytes: number; readonly percent: number };
  readonly nodes: readonly PrintedNode[];
  /** Bytes in children that ms_print leaves out, by the path of their parent. */
  readonly omitted: ReadonlyMap<string, { readonly bytes: number; readonly places: number }>;
}

export interface Printed {
  readonly command: string;
  readonly arguments: string;
  readonly count: number;
  readonly detailed: readonly number[];
  readonly peak?: number;
  readonly snapshots: readonly PrintedSnapshot[];
}

/** The real ms_print's word on a file. Throws when it fails. */
export function msPrint(file: string, ...options: readonly string[]): Printed {
  const text = execFileSync('ms_print', [...options, file], { maxBuffer: 1e9 });
  return readMsPrint(text.toString('latin1'));
}

const numberOf = (text = ''): number => Number(text.replaceAll(',', ''));

/** ` 26      8,290,304        8,282,112        8,282,112             0            0` */
const row = /^ *(\d+) +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+)$/;
/** `| ->81.42% (1,130,496B) 0x1091B0: main (pages_as_heap.c:19)`; of the root without arrow. */
const node = /^((?:[| ] )*)(->)?(\d+\.\d+)% \(([\d,]+)B\) (.*)$/;
/** `in 3+ places, all below ms_print's threshold (01.00%)` */
const omission = /^in (\d+)\+ places, all below ms_print's threshold/;

/** `in 3 places, all below massif's threshold (01.00%)`: how many there are is left out of a profile, where sums merge. */
const massifSum = /^in \d+ places?, (?:all )?below /;

export function readMsPrint(text: string): Printed {
  const snapshots: (PrintedSnapshot & {
    root?: { bytes: number; percent: number };
    nodes: PrintedNode[];
    omitted: Map<string, { bytes: number; places: number }>;
  })[] = [];
  const labels: string[] = [];
  for (const line of text.split('\n')) {
    const [, number, time, total, heap, extra, stacks] = row.exec(line) ?? [];
    if (number !== undefined) {
      snapshots.push({
        number: Number(number),
        time: numberOf(time),
        total: numberOf(total),
        values: [numberOf(heap), numberOf(extra), numberOf(stacks)],
        nodes: [],
        omitted: new Map(),
      });
      continue;
    }
    const [, indent = '', arrow, percent, bytes, label = ''] = node.exec(line) ?? [];
    const last = snapshots.at(-1);
    if (percent === undefined || last === undefined) continue;
    if (arrow === undefined) {
      last.root = { bytes: numberOf(bytes), percent: Number(percent) };
      continue;
    }
    const depth = indent.length / 2;
    const parent = labels.slice(0, depth).join('\n');
    const [, places] = omission.exec(label) ?? [];
    if (places !== undefined) last.omitted.set(parent, { bytes: numberOf(bytes), places: Number(places) });
    else {
      labels[depth] = label.replace(massifSum, depth === 0 ? 'places below ' : 'callers below ');
      const path = labels.slice(0, depth + 1).join('\n');
      last.nodes.push({ path, bytes: numberOf(bytes), percent: Number(percent) });
    }
  }
  const list = /^ Detailed snapshots: \[(.*)\]$/m.exec(text)?.[1] ?? '';
  const detailed = list.split(', ').filter((word) => word !== '');
  const peak = detailed.find((word) => word.endsWith('(peak)'));
  return {
    command: /^Command: +(.*)$/m.exec(text)?.[1] ?? '',
    arguments: /^Massif arguments: +(.*)$/m.exec(text)?.[1] ?? '',
    count: Number(/^Number of snapshots: (\d+)$/m.exec(text)?.[1]),
    detailed: detailed.map((word) => Number.parseInt(word, 10)),
    ...(peak !== undefined && { peak: Number.parseInt(peak, 10) }),
    snapshots,
  };
}

/** The label of a frame as massif writes it, cut where ms_print cuts: it takes `#` for the start of a comment. */
function labelOf({ ip, function: name, directory, file, line, object, sum }: ProfileFrame): string {
  if (sum !== undefined) return sum;
  const path = directory === undefined ? file : `${directory}/${file}`;
  const place = file === undefined ? (object === undefined ? '' : ` (in ${object})`) : ` (${path}:${line})`;
  return `${ip}: ${name ?? '???'}${place}`.replace(/#.*$/s, '').trimEnd();
}

/** A tree of the profile as massif has it, the allocation first: bytes by path. */
export function massifNodes(profile: Profile, tree: number, measure = 0): Map<string, number> {
  const nodes = new Map<string, number>();
  const { parents, frames, values } = profile.trees[tree] ?? { parents: [], frames: [], values: [] };
  for (let start = 0; start < parents.length; start++) {
    const value = values[measure]?.[start] ?? 0;
    if (value === 0) continue;
    let path = '';
    for (let at = start; at !== -1; at = parents[at] as number) {
      const label = labelOf(profile.frames[frames[at] as number] ?? {});
      path = path === '' ? label : `${path}\n${label}`;
      nodes.set(path, (nodes.get(path) ?? 0) + value);
    }
  }
  return nodes;
}

/** Rounding of `%05.2f`. */
const half = 0.005 + 1e-9;

/**
 * Holds a profile to what ms_print says: every number of every snapshot, which have trees and which is the peak, and
 * every node that is printed with its share. ms_print differs in these and only these:
 *
 * - it cuts names at `#` (`{lambda()#1}`), which it takes for a comment; the labels are compared cut like that.
 * - of sums below massif's threshold it says how many places they are.
 * - it prints nodes of 0 bytes, which end no path and are not in a CallTree.
 * - it leaves out nodes below its own threshold and says how many; here only their sum can be compared, and their number
 *   when none has 0 bytes.
 *
 * An execution tree of valgrind (`.ms`) has no time line: ms_print takes each of its measures for a snapshot.
 */
export function mustEqualMsPrint(profile: Profile, printed: Printed): void {
  const { timeline } = profile;
  if (timeline === undefined) {
    expect(profile.measures.length).toBe(printed.count);
    for (const [measure, snapshot] of printed.snapshots.entries()) {
      expect(profile.totals[measure]).toBe(snapshot.total);
      mustEqualTree(profile, 0, measure, snapshot);
    }
    return;
  }
  const { snapshots } = timeline;
  expect(snapshots.length).toBe(printed.count);
  expect(snapshots.map(({ number, time, values }) => ({ number, time, values }))).toEqual(
    printed.snapshots.map(({ number, time, values }) => ({ number, time, values })),
  );
  expect(snapshots.flatMap(({ kind, number }) => (kind === 'normal' ? [] : [number]))).toEqual(
    printed.detailed,
  );
  expect(snapshots.find(({ kind }) => kind === 'peak')?.number).toBe(printed.peak);
  // Not always that of the peak that massif marks.
  const totals = printed.snapshots.map(({ total }) => total);
  expect(profile.totals).toEqual([Math.max(0, ...totals)]);
  for (const [index, { tree }] of snapshots.entries()) {
    const snapshot = printed.snapshots[index] as PrintedSnapshot;
    expect(tree === undefined, `snapshot ${snapshot.number} has a tree`).toBe(snapshot.root === undefined);
    if (tree !== undefined) mustEqualTree(profile, tree, 0, snapshot);
  }
}

function mustEqualTree(profile: Profile, tree: number, measure: number, snapshot: PrintedSnapshot): void {
  const { root, total, nodes, omitted } = snapshot;
  const own = massifNodes(profile, tree, measure);
  const share = (bytes: number): number => (total === 0 ? 0 : (100 * bytes) / total);
  const outermost = [...own].filter(([path]) => !path.includes('\n'));
  expect(outermost.reduce((sum, [, bytes]) => sum + bytes, 0)).toBe(root?.bytes);
  const told = nodes.filter(({ bytes }) => bytes > 0);
  for (const { path, bytes, percent } of told) {
    expect(own.get(path), `snapshot ${snapshot.number}: ${path}`).toBe(bytes);
    expect(Math.abs(share(bytes) - percent)).toBeLessThanOrEqual(half);
    own.delete(path);
  }
  // What is left is what ms_print says that it leaves out, and what is below that.
  const left = new Map<string, { bytes: number; places: number }>();
  for (const [path, bytes] of own) {
    const parent = path.split('\n').slice(0, -1).join('\n');
    if (own.has(parent)) continue;
    const { bytes: sum = 0, places = 0 } = left.get(parent) ?? {};
    left.set(parent, { bytes: sum + bytes, places: places + 1 });
  }
  for (const [parent, { bytes, places }] of left) {
    expect(omitted.get(parent)?.bytes, `left out below ${parent}`).toBe(bytes);
    expect(omitted.get(parent)?.places).toBeGreaterThanOrEqual(places);
  }
  for (const [parent, { bytes }] of omitted) expect(left.get(parent)?.bytes ?? 0).toBe(bytes);
}

/** The one profile that a file holds. */
export async function profileOf(bytes: Buffer): Promise<Profile> {
  const profiles = (await profileRecordsOf(bytes, 65_536)).flatMap((record) =>
    record.type === 'profile' ? [record.profile] : [],
  );
  expect(profiles.length).toBe(1);
  return profiles[0] as Profile;
}
