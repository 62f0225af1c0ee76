// Adds profiles up: the dumps, threads and processes of one program become one profile.
import type {
  CallEdges,
  CallTree,
  Columns,
  Jumps,
  LineCosts,
  Measure,
  Profile,
  ProfileFrame,
  ProfilePart,
} from '../../model/profile.ts';
import { frameTable, treeBuilder } from '../../model/profile-tables.ts';
import { rowSums } from '../../model/row-table.ts';

/** True when the two can be added up: they are of one format and both without a time line. */
export function canMerge(a: Profile, b: Profile): boolean {
  return a.format === b.format && a.timeline === undefined && b.timeline === undefined;
}

/**
 * The sum of profiles of one format. Trees of the same thread (or without one) become one, others stay side by side.
 * Lifetimes and peaks of allocation sites do not add up over processes and are left out.
 */
export function mergeProfiles(profiles: readonly Profile[]): Profile {
  const [first] = profiles;
  if (first === undefined) throw new RangeError('no profiles to merge');
  if (profiles.length === 1) return first;
  const measures = unionOf(profiles.map((profile) => profile.measures));
  const frames = frameTable();
  const functions = frameTable();
  const files = new Map<string, number>();
  const maps = profiles.map((profile) => mapsOf(profile, measures, frames.add, functions.add, files));
  const graphs = profiles.flatMap(({ graph }, index) =>
    graph === undefined ? [] : [{ graph, map: maps[index] as Maps }],
  );
  const primary = first.measures[first.primary]?.name;
  const withEdges = graphs.filter(({ graph }) => graph.edges !== undefined);
  return {
    format: first.format,
    measures,
    primary: Math.max(
      0,
      measures.findIndex(({ name }) => name === primary),
    ),
    totals: sumByMeasure(profiles, maps, measures, ({ totals }) => totals),
    ...(profiles.every(({ stated }) => stated !== undefined) && {
      stated: sumByMeasure(profiles, maps, measures, ({ stated }) => stated ?? []),
    }),
    frames: frames.frames,
    trees: mergeTrees(profiles, maps, measures.length),
    functions: functions.frames,
    files: [...files.keys()],
    ...(graphs.length > 0 && {
      graph: {
        self: addRows(
          graphs.map(({ graph, map }) => ({
            columns: graph.self,
            rows: map.functions,
            measures: map.measures,
          })),
          functions.frames.length,
          measures.length,
        ),
        ...(withEdges.length > 0 && {
          edges: mergeEdges(
            withEdges.map(({ graph, map }) => ({ edges: graph.edges as CallEdges, map })),
            measures.length,
          ),
        }),
        ...(graphs.some(({ graph }) => graph.calls !== undefined) && {
          calls: addCalls(
            graphs.map(({ graph, map }) => ({ calls: graph.calls ?? [], rows: map.functions })),
            functions.frames.length,
          ),
        }),
        ...(graphs.every(({ graph }) => graph.inclusive !== undefined) && {
          inclusive: addRows(
            graphs.map(({ graph, map }) => ({
              columns: graph.inclusive ?? [],
              rows: map.functions,
              measures: map.measures,
            })),
            functions.frames.length,
            measures.length,
          ),
        }),
        ...(graphs[0]?.graph.inferred !== undefined && { inferred: graphs[0].graph.inferred }),
      },
    }),
    ...(profiles.some(({ lines }) => lines !== undefined) && {
      lines: mergeLines(profiles, maps, measures.length),
    }),
    ...(profiles.some(({ jumps }) => jumps !== undefined) && { jumps: mergeJumps(profiles, maps) }),
    parts: partsOf(profiles, maps, measures.length),
    notes: [...new Set(profiles.flatMap(({ notes }) => notes))],
  };
}

/** Where the tables of one profile stand in the common ones. */
interface Maps {
  readonly measures: readonly number[];
  readonly frames: readonly number[];
  readonly functions: readonly number[];
  readonly files: readonly number[];
}

function mapsOf(
  profile: Profile,
  measures: readonly Measure[],
  addFrame: (frame: ProfileFrame) => number,
  addFunction: (frame: ProfileFrame) => number,
  files: Map<string, number>,
): Maps {
  return {
    measures: profile.measures.map(({ name }) => measures.findIndex((measure) => measure.name === name)),
    frames: profile.frames.map(addFrame),
    functions: profile.functions.map(addFunction),
    files: profile.files.map((file) => {
      const known = files.get(file);
      if (known !== undefined) return known;
      files.set(file, files.size);
      return files.size - 1;
    }),
  };
}

function unionOf(lists: readonly (readonly Measure[])[]): readonly Measure[] {
  const byName = new Map<string, Measure>();
  for (const measure of lists.flat()) if (!byName.has(measure.name)) byName.set(measure.name, measure);
  return [...byName.values()];
}

function sumByMeasure(
  profiles: readonly Profile[],
  maps: readonly Maps[],
  measures: readonly Measure[],
  valuesOf: (profile: Profile) => readonly (number | undefined)[],
): number[] {
  const sums = measures.map(() => 0);
  for (const [index, profile] of profiles.entries()) {
    for (const [measure, value] of valuesOf(profile).entries()) {
      const row = maps[index]?.measures[measure] as number;
      sums[row] = (sums[row] as number) + (value ?? 0);
    }
  }
  return sums;
}

interface Rows {
  readonly columns: Columns;
  readonly rows: readonly number[];
  readonly measures: readonly number[];
}

function zeros(count: number, length: number): number[][] {
  return Array.from({ length: count }, () => new Array<number>(length).fill(0));
}

function addRows(parts: readonly Rows[], length: number, measures: number): number[][] {
  const sums = zeros(measures, length);
  for (const { columns, rows, measures: targets } of parts) {
    for (const [measure, column] of columns.entries()) {
      const target = sums[targets[measure] as number] as number[];
      for (const [row, value] of column.entries()) {
        const at = rows[row] as number;
        target[at] = (target[at] as number) + value;
      }
    }
  }
  return sums;
}

function addCalls(
  parts: readonly { readonly calls: readonly number[]; readonly rows: readonly number[] }[],
  length: number,
): number[] {
  const sums = new Array<number>(length).fill(Number.NaN);
  for (const { calls, rows } of parts) {
    for (const [row, count] of calls.entries()) {
      const at = rows[row] as number;
      const known = sums[at] as number;
      if (!Number.isNaN(count)) sums[at] = (Number.isNaN(known) ? 0 : known) + count;
    }
  }
  return sums;
}

function mergeTrees(profiles: readonly Profile[], maps: readonly Maps[], measures: number): CallTree[] {
  const builders = new Map<string, { builder: ReturnType<typeof treeBuilder>; about: CallTree }>();
  for (const [index, { trees }] of profiles.entries()) {
    const map = maps[index] as Maps;
    for (const tree of trees) {
      const key = `${tree.pid ?? ''} ${tree.tid ?? ''} ${tree.name ?? ''}`;
      let target = builders.get(key);
      if (target === undefined) {
        target = { builder: treeBuilder(measures), about: tree };
        builders.set(key, target);
      }
      const rows: number[] = [];
      for (const [row, parent] of tree.parents.entries()) {
        const frame = map.frames[tree.frames[row] as number] as number;
        const node = target.builder.child(parent < 0 ? -1 : (rows[parent] as number), frame);
        rows.push(node);
        for (const [measure, column] of tree.values.entries()) {
          target.builder.add(node, map.measures[measure] as number, column[row] as number);
        }
      }
    }
  }
  return [...builders.values()].map(({ builder, about: { parents: _, frames: __, values: ___, ...about } }) =>
    builder.build(about),
  );
}

function mergeEdges(
  parts: readonly { readonly edges: CallEdges; readonly map: Maps }[],
  measures: number,
): CallEdges {
  const table = rowSums(4, measures);
  const calls: number[] = [];
  for (const { edges, map } of parts) {
    for (const [index, callerIndex] of edges.callers.entries()) {
      const caller = map.functions[callerIndex] as number;
      const callee = map.functions[edges.callees[index] as number] as number;
      const file = edges.files[index] === -1 ? -1 : (map.files[edges.files[index] as number] as number);
      const line = edges.lines[index] as number;
      const row = table.row(caller, callee, file, line);
      calls[row] = (calls[row] ?? 0) + (edges.calls[index] as number);
      for (const [measure, column] of edges.values.entries()) {
        table.add(row, map.measures[measure] as number, column[index] as number);
      }
    }
  }
  return {
    callers: table.column(0),
    callees: table.column(1),
    files: table.column(2),
    lines: table.column(3),
    calls,
    values: table.values(),
  };
}

function mergeLines(profiles: readonly Profile[], maps: readonly Maps[], measures: number): LineCosts {
  const table = rowSums(3, measures);
  for (const [index, { lines }] of profiles.entries()) {
    if (lines === undefined) continue;
    const map = maps[index] as Maps;
    for (const [at, line] of lines.lines.entries()) {
      const name = map.functions[lines.functions[at] as number] as number;
      const file = lines.files[at] === -1 ? -1 : (map.files[lines.files[at] as number] as number);
      const row = table.row(name, file, line);
      for (const [measure, column] of lines.values.entries()) {
        table.add(row, map.measures[measure] as number, column[at] as number);
      }
    }
  }
  return {
    functions: table.column(0),
    files: table.column(1),
    lines: table.column(2),
    values: table.values(),
  };
}

function mergeJumps(profiles: readonly Profile[], maps: readonly Maps[]): Jumps {
  const table = rowSums(4, 2);
  for (const [index, { jumps }] of profiles.entries()) {
    if (jumps === undefined) continue;
    const map = maps[index] as Maps;
    for (const [at, from] of jumps.fromLines.entries()) {
      const name = map.functions[jumps.functions[at] as number] as number;
      const file = jumps.files[at] === -1 ? -1 : (map.files[jumps.files[at] as number] as number);
      const to = jumps.toLines[at] as number;
      const row = table.row(name, file, from, to);
      table.add(row, 0, jumps.taken[at] as number);
      table.add(row, 1, jumps.reached[at] as number);
    }
  }
  const [taken = [], reached = []] = table.values();
  return {
    functions: table.column(0),
    files: table.column(1),
    fromLines: table.column(2),
    toLines: table.column(3),
    taken,
    reached,
  };
}

/** The parts that each profile names, else the profile itself as one part; in the order of their numbers. */
function partsOf(
  profiles: readonly Profile[],
  maps: readonly Maps[],
  measures: number,
): readonly ProfilePart[] {
  const all = profiles.flatMap((profile, index): readonly ProfilePart[] => {
    const map = maps[index] as Maps;
    const placed = (totals: readonly number[]): number[] => {
      const row = new Array<number>(measures).fill(0);
      for (const [measure, value] of totals.entries()) row[map.measures[measure] as number] = value;
      return row;
    };
    const own = profile.parts ?? [];
    if (own.length > 0) {
      const where = profile.thread === undefined ? '' : `thread ${profile.thread}, `;
      return own.map((part) => ({ ...part, name: `${where}${part.name}`, totals: placed(part.totals) }));
    }
    const name = profile.thread === undefined ? `part ${index + 1}` : `thread ${profile.thread}`;
    return [{ name, totals: placed(profile.totals) }];
  });
  return all.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}
