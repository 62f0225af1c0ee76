// What the post-processors that come with valgrind say of a cost file, and the same from a profile that vgrun read.
import { spawnSync } from 'node:child_process';
import type { Profile, ProfileFrame } from '../../src/model/profile.ts';
import type { FunctionCosts } from '../../src/model/profile-report.ts';

/** Costs by event, of the whole program and by `file:function`. */
export interface Annotation {
  readonly totals: readonly number[];
  readonly functions: ReadonlyMap<string, readonly number[]>;
}

/** Runs callgrind_annotate on a file, without sources, for all functions. */
export function annotateCallgrind(file: string, ...options: string[]): Annotation {
  return readAnnotation(
    outputOf('callgrind_annotate', '--auto=no', '--show-percs=no', '--threshold=100', ...options, file),
  );
}

/**
 * Runs cg_annotate on a file, without sources, for all functions. That of valgrind 3.21 and later lists them in another
 * way, which is not read.
 */
export function annotateCachegrind(file: string): Pick<Annotation, 'totals'> & Partial<Annotation> {
  // `cg_annotate-3.19.0`
  const [, major = '0', minor = '0'] = /-(\d+)\.(\d+)/.exec(outputOf('cg_annotate', '--version')) ?? [];
  if (Number(major) === 3 && Number(minor) < 21) {
    return readAnnotation(outputOf('cg_annotate', '--auto=no', '--show-percs=no', '--threshold=0', file));
  }
  // `1,234 (100.0%) 56 (100.0%)  PROGRAM TOTALS`
  const [, totals = ''] = /^(.*) PROGRAM TOTALS/m.exec(outputOf('cg_annotate', '--no-annotate', file)) ?? [];
  return { totals: (totals.replace(/\([^)]*\)/g, '').match(/[\d,]+/g) ?? []).map(count) };
}

function outputOf(program: string, ...argv: string[]): string {
  const { stdout, stderr } = spawnSync(program, argv, { encoding: 'utf8', maxBuffer: 1 << 28 });
  // A version is printed by dying of it.
  return stdout === '' ? stderr : stdout;
}

function count(word: string): number {
  return word === '.' ? 0 : Number(word.replaceAll(',', ''));
}

/** Reads what they print, with or without percentages. */
export function readAnnotation(text: string): Annotation {
  // `Events recorded:  Ir Dr Dw`
  const [, events = ''] = /^Events recorded: +(.*)$/m.exec(text) ?? [];
  const width = events.trim().split(' ').length;
  // `1,234 (12.3%)`, `.`, `0 `
  const row = new RegExp(`^ *((?:(?:[\\d,]+|\\.)(?: \\([ \\d.]+%\\))? +){${width}})(.*)$`);
  const functions = new Map<string, number[]>();
  let totals: readonly number[] = [];
  for (const line of text.split('\n')) {
    const [, numbers = '', name] = row.exec(line) ?? [];
    if (name === undefined) continue;
    const values = numbers
      .replace(/\([ \d.]+%\)/g, '')
      .trim()
      .split(/ +/)
      .map(count);
    if (name.startsWith('PROGRAM TOTALS')) totals = values;
    else if (totals.length > 0) {
      // `./csu/libc-start.c:main [/usr/lib/libc.so.6]`; `a.c:sort [clone .isra.0]` has no object.
      const key = name
        .replace(/ \[(?:\/|\?\?\?)[^\]]*\]$/, '')
        .replace(/\bUnknown(?:File|Fn)(?=\?\?\?)/g, '');
      functions.set(key, sum(functions.get(key), values));
    }
  }
  return { totals, functions };
}

/** Self costs by `file:function`, the file being that of the lines: the way of both post-processors. */
export function selfOf(profile: Profile): ReadonlyMap<string, readonly number[]> {
  const { lines, functions, files } = profile;
  const sums = new Map<string, number[]>();
  for (const [index, owner] of (lines?.functions ?? []).entries()) {
    const key = `${files[lines?.files[index] ?? -1] ?? '???'}:${nameOf(functions[owner])}`;
    sums.set(key, sum(sums.get(key), lines?.values.map((column) => column[index] as number) ?? []));
  }
  return sums;
}

/** What calls of no count cost, by `file:function` of the caller. */
export function uncountedCalls(profile: Profile): ReadonlyMap<string, readonly number[]> {
  const sums = new Map<string, number[]>();
  const { edges } = profile.graph ?? {};
  for (const [index, caller] of (edges?.callers ?? []).entries()) {
    if (edges?.calls[index] !== 0) continue;
    const key = `${profile.files[edges.files[index] ?? -1] ?? '???'}:${nameOf(profile.functions[caller])}`;
    sums.set(
      key,
      sum(
        sums.get(key),
        edges.values.map((column) => column[index] as number),
      ),
    );
  }
  return sums;
}

/** Sums of both. */
export function added(
  a: ReadonlyMap<string, readonly number[]>,
  b: ReadonlyMap<string, readonly number[]>,
): ReadonlyMap<string, readonly number[]> {
  const sums = new Map<string, readonly number[]>(a);
  for (const [key, values] of b) sums.set(key, sum(sums.get(key), values));
  return sums;
}

/** `KEY: ours / theirs` for all rows that differ; rows of nothing may be missing. */
export function differences(
  ours: ReadonlyMap<string, readonly number[]>,
  theirs: ReadonlyMap<string, readonly number[]>,
): readonly string[] {
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((key) => {
    const [own, other] = [text(ours.get(key)), text(theirs.get(key))];
    return own === other ? [] : [`${key}: ${own} / ${other}`];
  });
}

/** How the inclusive costs of a profile stand against those of callgrind_annotate. */
export interface InclusiveComparison {
  /** How many functions outside of recursion have been compared. */
  readonly compared: number;
  /** Of these, those that differ. */
  readonly differing: readonly string[];
  /** Functions in recursion that callgrind_annotate says less of, or of which more is said than the program spent. */
  readonly wrong: readonly string[];
  /** Functions in recursion of which callgrind_annotate says more. */
  readonly smaller: readonly string[];
}

/**
 * callgrind_annotate has a row for each `file:function`. For a function that was called it is the sum of the calls; for
 * one that was not, it has one row for each file with code of it, which are added up here.
 */
export function compareInclusive(
  profile: Profile,
  costs: FunctionCosts,
  theirs: Annotation,
): InclusiveComparison {
  const { functions, totals } = profile;
  const edges = profile.graph?.edges;
  const called = new Set<number>();
  for (const [index, callee] of (edges?.callees ?? []).entries()) {
    if ((edges?.calls[index] ?? 0) > 0) called.add(callee);
  }
  const keyOf = (row: number) => `${functions[row]?.file ?? '???'}:${nameOf(functions[row])}`;
  const rowsOfKey = rowsBy(functions, keyOf);
  const rowsOfName = rowsBy(functions, (row) => nameOf(functions[row]));
  const own = (row: number) => costs.inclusive?.map((column) => column[row] as number) ?? [];
  const result = { compared: 0, differing: [] as string[], wrong: [] as string[], smaller: [] as string[] };
  for (const [key, rows] of rowsOfKey) {
    const ours = rows.map(own).reduce((a, b) => sum(a, b), []);
    const isCalled = rows.every((row) => called.has(row));
    // Of two functions of one name, rows of inlined code cannot be told apart.
    if (
      !isCalled &&
      (rows.some((row) => called.has(row)) ||
        (rowsOfName.get(nameOf(functions[rows[0] as number])) ?? []).length > 1)
    )
      continue;
    const other = isCalled
      ? (theirs.functions.get(key) ?? [])
      : [...theirs.functions]
          .filter(([name]) => name.endsWith(`:${nameOf(functions[rows[0] as number])}`))
          .reduce((sums, [, values]) => sum(sums, values), [] as number[]);
    if (rows.some((row) => (costs.cycles?.[row] ?? 0) > 0)) {
      const most = Math.max(profile.stated?.[0] ?? 0, totals[0] ?? 0);
      if ((ours[0] ?? 0) > most || (ours[0] ?? 0) > (other[0] ?? 0))
        result.wrong.push(`${key}: ${ours} / ${other}`);
      else if (text(ours) !== text(other)) result.smaller.push(`${key}: ${ours[0]} / ${other[0]}`);
      continue;
    }
    result.compared++;
    if (text(ours) !== text(other)) result.differing.push(`${key}: ${text(ours)} / ${text(other)}`);
  }
  return result;
}

function rowsBy(
  functions: readonly ProfileFrame[],
  keyOf: (row: number) => string,
): ReadonlyMap<string, readonly number[]> {
  const rows = new Map<string, number[]>();
  for (const row of functions.keys()) {
    const key = keyOf(row);
    const known = rows.get(key);
    if (known === undefined) rows.set(key, [row]);
    else known.push(row);
  }
  return rows;
}

function nameOf(frame: ProfileFrame | undefined): string {
  return frame?.function ?? frame?.ip ?? '???';
}

function sum(a: readonly number[] | undefined, b: readonly number[]): number[] {
  return Array.from(
    { length: Math.max(a?.length ?? 0, b.length) },
    (_, index) => (a?.[index] ?? 0) + (b[index] ?? 0),
  );
}

/** Zeros at the end may be missing. */
function text(values: readonly number[] | undefined): string {
  return (values ?? []).join(' ').replace(/(?:(?:^| )0)+$/, '');
}
