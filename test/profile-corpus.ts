// Checks one recorded profile the same ways; test/profile-corpus.test.ts hands it every case of test/profiles.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { analyze } from '../src/analyze/index.ts';
import type { Profile } from '../src/model/profile.ts';
import type { ReportProfile } from '../src/model/profile-report.ts';
import { inclusiveValues } from '../src/model/profile-tables.ts';
import type { ParsedRecord } from '../src/model/record.ts';
import type { Report } from '../src/model/report.ts';
import { formatsFor, render } from '../src/report/index.ts';
import { cutPoints, readJson, readRegistered, textOf } from './recordings.ts';

/** Points at which a file is cut, spread over its length. */
const cuts = 32;
/** Rows of a table that an expectation holds. */
const shown = 15;

/** Registers the checks for one input of a case. `expected.json` has one entry for each input. */
export function checkProfileInput(directory: string, input: string): void {
  const bytes = readFileSync(join(directory, input));
  const whole = readProfileReport(bytes);

  test('reads as it did when the expectation was written', async () => {
    const golden = join(directory, 'expected.json');
    const actual = projectReport(await whole);
    if (process.env.UPDATE_GOLDEN) {
      const all = { ...readJson(golden), [input]: actual };
      const sorted = Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
      writeFileSync(golden, `${JSON.stringify(sorted, undefined, 2)}\n`);
    }
    expect(actual).toEqual(readJson(golden)?.[input]);
  });

  test('its tables refer to rows that exist', async () => {
    for (const record of await profileRecordsOf(bytes)) {
      if (record.type === 'profile') mustBeConsistent(record.profile);
    }
  });

  test('cut anywhere, it throws nothing, and says that it is not whole unless only line ends are missing', async () => {
    for (const length of cutPoints(bytes.length, cuts)) {
      const part = bytes.subarray(0, length);
      const records = await profileRecordsOf(part);
      const report = await analyze(records, { vgrun: '0.0.0' });
      for (const record of records) {
        if (record.type === 'profile') mustBeConsistent(record.profile);
      }
      if (report.outcome === 'clean' && formatTellsItsEnd(await whole)) {
        expect(bytes.subarray(length).toString('latin1').trim(), `cut at ${length}`).toBe('');
      }
    }
  });

  test('with CRLF line ends, and in chunks of any size, it says the same', async () => {
    const text = bytes.toString('latin1');
    const windows = Buffer.from(text.replaceAll('\r\n', '\n').replaceAll('\n', '\r\n'), 'latin1');
    const expected = projectReport(await whole);
    // UTF-16 has line ends of its own.
    if (!text.includes('\0')) expect(projectReport(await readProfileReport(windows))).toEqual(expected);
    for (const size of bytes.length < 200_000 ? [1, 7, 4096] : [4096]) {
      expect(projectReport(await readProfileReport(bytes, size))).toEqual(expected);
    }
  });

  test('every reporter renders it, and as JSON and back it is the same report', async () => {
    const report = await whole;
    for (const format of formatsFor(report)) {
      const output = await textOf(render(report, format));
      // A program that costs nothing has no stacks to fold.
      const bare =
        format === 'folded' &&
        (report.profiles ?? []).every(({ totals }) => totals.every((each) => each === 0));
      if (!bare) expect(output.trim(), format).not.toBe('');
    }
    expect(JSON.parse(await textOf(render(report, 'json')))).toEqual(JSON.parse(JSON.stringify(report)));
  });
}

/** The records of a file, as the registered reader for it gives them; none when no reader knows it. */
export async function profileRecordsOf(bytes: Buffer, chunk = 1021): Promise<ParsedRecord[]> {
  return readRegistered(bytes, chunk);
}

/** The only profile of bytes that are read with no problems but those of these codes. */
export async function onlyProfile(bytes: Buffer, ...codes: readonly string[]): Promise<Profile> {
  const records = await profileRecordsOf(bytes);
  expect(records.flatMap((record) => (record.type === 'problem' ? [record.problem.code] : []))).toEqual(
    codes,
  );
  const found = records.flatMap((record) => (record.type === 'profile' ? [record.profile] : []));
  expect(found.length).toBe(1);
  const [profile] = found as [Profile];
  mustBeConsistent(profile);
  return profile;
}

/** The first profile of a file. */
export async function profileIn(file: string): Promise<Profile> {
  for (const record of await profileRecordsOf(readFileSync(file), 1 << 16)) {
    if (record.type === 'profile') return record.profile;
  }
  throw new Error(`no profile in ${file}`);
}

/** The report of one profile file alone. */
export async function readProfileReport(bytes: Buffer, chunk?: number): Promise<Report> {
  return analyze(await profileRecordsOf(bytes, chunk), { vgrun: '0.0.0' });
}

/** Throws when a table of the profile is not what its type says. */
export function mustBeConsistent(profile: Profile): void {
  const measures = profile.measures.length;
  const within = (rows: readonly number[], length: number, least = 0) => {
    expect(rows.every((row) => Number.isInteger(row) && row >= least && row < length)).toBe(true);
  };
  const columns = (values: readonly (readonly number[])[], length: number) => {
    expect(values.length).toBe(measures);
    for (const column of values) {
      expect(column.length).toBe(length);
      expect(column.every(Number.isFinite)).toBe(true);
    }
  };
  expect(profile.primary).toBeLessThan(measures);
  expect(profile.totals.length).toBe(measures);
  for (const { parents, frames, values } of profile.trees) {
    expect(parents.every((parent, row) => parent >= -1 && parent < row)).toBe(true);
    within(frames, profile.frames.length);
    expect(frames.length).toBe(parents.length);
    columns(values, parents.length);
  }
  const { graph, lines, jumps, timeline } = profile;
  if (graph !== undefined) columns(graph.self, profile.functions.length);
  if (graph?.edges !== undefined) {
    const { callers, callees, files, values } = graph.edges;
    within(callers, profile.functions.length);
    within(callees, profile.functions.length);
    within(files, profile.files.length, -1);
    columns(values, callers.length);
  }
  if (lines !== undefined) {
    within(lines.functions, profile.functions.length);
    within(lines.files, profile.files.length, -1);
    columns(lines.values, lines.lines.length);
  }
  if (jumps !== undefined) within(jumps.functions, profile.functions.length);
  for (const { tree, values } of timeline?.snapshots ?? []) {
    expect(values.length).toBe(timeline?.series.length);
    if (tree !== undefined) expect(profile.trees[tree]).toBeDefined();
  }
}

/** What a reader of the expectation wants to see. */
export function projectReport(report: Report): unknown {
  return JSON.parse(
    JSON.stringify({
      outcome: report.outcome,
      reasons: report.reasons,
      problems: report.problems.map(({ code, level, message }) => `${level} ${code}: ${message}`),
      processes: report.processes.map(({ pid, argv, complete }) => ({ pid, argv, complete })),
      profiles: (report.profiles ?? []).map(projectProfile),
    }),
  );
}

function projectProfile(profile: ReportProfile): unknown {
  const { measures, functions, costs, byInclusive, bySelf, lines, files, timeline, edges, jumps } = profile;
  const nameOf = (row: number): string => {
    const { function: name, object, path, sum, ip } = functions[row] ?? {};
    return `${name ?? sum ?? ip ?? '???'} (${path ?? object ?? '???'})`;
  };
  const at = (columns: readonly (readonly number[])[] | undefined, row: number) =>
    columns?.map((column) => column[row]).join(' ');
  const costly = (rows: readonly number[]) =>
    rows.slice(0, shown).map((row) => {
      const calls = costs.calls?.[row];
      const cycle = costs.cycles?.[row] ?? 0;
      return `${nameOf(row)}: self ${at(costs.self, row)}${
        costs.inclusive === undefined ? '' : `, inclusive ${at(costs.inclusive, row)}`
      }${calls === undefined || Number.isNaN(calls) || calls === null ? '' : `, ${calls} calls`}${cycle > 0 ? `, cycle ${cycle}` : ''}`;
    });
  return {
    format: profile.format,
    measures: measures.map(
      ({ name, title, unit, formula }) =>
        `${name}: ${title} (${unit})${formula === undefined ? '' : ` = ${formula}`}`,
    ),
    primary: measures[profile.primary]?.name,
    totals: profile.totals,
    ...(profile.stated && { stated: profile.stated }),
    complete: profile.complete,
    notes: profile.notes,
    functions: functions.length,
    byInclusive: costly(byInclusive),
    bySelf: costly(bySelf),
    ...(edges && { edges: edges.callers.length, edgesInferred: profile.edgesInferred }),
    ...(jumps && { jumps: jumps.taken.length }),
    ...(lines && {
      lines: lines.lines
        .slice(0, shown)
        .map((line, row) => `${files[lines.files[row] as number]?.path}:${line}: ${at(lines.values, row)}`),
    }),
    trees: profile.trees.slice(0, 40).map((tree) => ({
      ...(tree.name !== undefined && { name: tree.name }),
      ...(tree.pid !== undefined && { pid: tree.pid }),
      ...(tree.tid !== undefined && { tid: tree.tid }),
      ...(tree.inferred !== undefined && { inferred: tree.inferred }),
      nodes: tree.parents.length,
      total: inclusiveValues(tree)
        .map((column) =>
          column.reduce((sum, value, row) => (tree.parents[row] === -1 ? sum + value : sum), 0),
        )
        .join(' '),
    })),
    ...(timeline && {
      timeline: {
        clock: timeline.clock,
        series: timeline.series.map(({ name }) => name).join(' '),
        snapshots: timeline.snapshots.map(
          ({ number, time, values, kind }) => `${number} at ${time}: ${values.join(' ')} ${kind}`,
        ),
      },
    }),
    ...(profile.sites && { sites: profile.sites.slice(0, shown) }),
    ...(profile.parts && { parts: profile.parts }),
  };
}

/** Formats in which nothing marks the end: a shorter one is another whole one. */
function formatTellsItsEnd(report: Report): boolean {
  return !(report.profiles ?? []).some(
    ({ format, stated }) =>
      ['folded', 'perf', 'massif', 'heaptrack', 'gprof', 'sample'].includes(format) ||
      // Written by something else than valgrind: totals are not a must.
      (format === 'callgrind' && stated === undefined),
  );
}
