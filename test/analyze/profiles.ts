// Builders for profiles: call graphs, call trees and time lines, in the shape in which the readers give them.

import type { Known } from '../../src/analyze/baseline.ts';
import { type AnalyzeOptions, analyze } from '../../src/analyze/index.ts';
import type { Measure, Profile, ProfileFrame } from '../../src/model/profile.ts';
import { frameTable, treeBuilder } from '../../src/model/profile-tables.ts';
import type { ParsedRecord, ProcessRecord } from '../../src/model/record.ts';
import type { Report } from '../../src/model/report.ts';
import { end, process } from './records.ts';

export const instructions: Measure = { name: 'Ir', title: 'instructions executed', unit: 'instructions' };
export const misses: Measure = { name: 'D1mr', title: 'L1 data read misses', unit: 'events' };
export const heapBytes: Measure = { name: 'bytes', title: 'bytes on the heap', unit: 'bytes' };

/** A function of `/home/ann/list`. */
export function fn(name: string, more: Partial<ProfileFrame> = {}): ProfileFrame {
  return {
    function: name,
    object: '/home/ann/list/list',
    directory: '/home/ann/list/src',
    file: 'list.c',
    ...more,
  };
}

/** A call graph with self costs: one row for each function, one value for each measure. */
export function graphProfile(
  rows: readonly (readonly [frame: ProfileFrame, ...values: number[]])[],
  measures: readonly Measure[] = [instructions],
  more: Partial<Profile> = {},
): Profile {
  const self = measures.map((_, measure) => rows.map((row) => row[measure + 1] as number));
  return {
    format: 'callgrind',
    measures,
    primary: 0,
    totals: self.map((column) => column.reduce((sum, value) => sum + value, 0)),
    frames: [],
    trees: [],
    functions: rows.map(([frame]) => frame),
    files: [],
    graph: { self },
    notes: [],
    ...more,
  };
}

/** What was spent at the end of a path, outermost call first. */
export type Path = readonly [frames: readonly ProfileFrame[], value: number];

/** Call trees of one measure, by name. */
export function treeProfile(
  trees: Readonly<Record<string, readonly Path[]>>,
  more: Partial<Profile> = {},
): Profile {
  const table = frameTable();
  const built = Object.entries(trees).map(([name, paths]) => {
    const tree = treeBuilder(1);
    for (const [frames, value] of paths) {
      let node = -1;
      for (const frame of frames) node = tree.child(node, table.add(frame));
      tree.add(node, 0, value);
    }
    return tree.build(name === '' ? {} : { name });
  });
  const all = Object.values(trees).flat();
  return {
    format: 'perf',
    measures: [{ name: 'samples', title: 'samples', unit: 'samples' }],
    primary: 0,
    totals: [all.reduce((sum, [, value]) => sum + value, 0)],
    frames: table.frames,
    trees: built,
    functions: [],
    files: [],
    notes: [],
    ...more,
  };
}

/** A time line with a tree for each snapshot; the snapshot of that number is the peak. */
export function timeProfile(snapshots: readonly (readonly Path[])[], peak: number): Profile {
  const sums = snapshots.map((paths) => paths.reduce((sum, [, value]) => sum + value, 0));
  return treeProfile(Object.fromEntries(snapshots.map((paths, index) => [`snapshot ${index}`, paths])), {
    format: 'massif',
    measures: [heapBytes],
    totals: [sums[peak] as number],
    timeline: {
      clock: 'instructions',
      series: [heapBytes],
      snapshots: sums.map((sum, number) => ({
        number,
        time: number * 1000,
        values: [sum],
        kind: number === peak ? 'peak' : 'detailed',
        tree: number,
      })),
    },
  });
}

/** The records of one process with a profile. */
export function profiled(
  image: number,
  profile: Profile,
  more: Partial<ProcessRecord> = {},
  complete = true,
): readonly ParsedRecord[] {
  return [
    process(image, { tool: profile.format, artifact: `${profile.format}.out.${100 + image}`, ...more }),
    { type: 'profile', image, profile },
    end(image, { complete }),
  ];
}

/** The report of some records. */
export function reported(
  records: readonly ParsedRecord[],
  options: Partial<AnalyzeOptions> = {},
): Promise<Report> {
  return analyze(records, { vgrun: '0.1.0', ...options });
}

/** What a run of these records is to a later one. */
export async function knownFrom(records: readonly ParsedRecord[], name = 'old'): Promise<Known> {
  const { profiles = [], outcome } = await reported(records);
  return { name, entries: [], profiles, whole: outcome !== 'inconclusive' };
}
