// Runs callgrind and cachegrind on small programs in every mode that changes their files, and holds what vgrun reads to
// what valgrind's post-processors and its own summaries say.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { graphCosts } from '../../src/analyze/profile/graph-costs.ts';
import { inferTree } from '../../src/analyze/profile/infer-tree.ts';
import { mergeProfiles } from '../../src/analyze/profile/merge.ts';
import type { Profile } from '../../src/model/profile.ts';
import { inclusiveValues } from '../../src/model/profile-tables.ts';
import { examplesDirectory } from '../examples.ts';
import { mustBeConsistent, profileRecordsOf } from '../profile-corpus.ts';
import { canRun } from '../project.ts';
import {
  added,
  annotateCachegrind,
  annotateCallgrind,
  compareInclusive,
  differences,
  selfOf,
  uncountedCalls,
} from '../tools/annotation.ts';

/** Calls itself, and two functions that call each other, from several places. */
const recursive = `
#include <stdio.h>
static volatile int sink;
static void spend(int n) { for (int i = 0; i < n; i++) sink += i; }
int odd(int n);
int even(int n) { spend(10); return n == 0 ? 1 : odd(n - 1); }
int odd(int n) { spend(30); return n == 0 ? 0 : even(n - 1); }
int walk(int depth) {
  spend(5);
  if (depth == 0) return 1;
  return walk(depth - 1) + walk(depth - 1);
}
int main(void) {
  int sum = walk(9);
  for (int i = 0; i < 5; i++) sum += even(40 + i);
  printf("%d\\n", sum + odd(3));
  return 0;
}
`;

/** Code inlined from headers, and indirect calls. */
const inlined = `
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>
int main() {
  std::map<std::string, std::vector<int>> words;
  for (int i = 0; i < 400; i++) words["word " + std::to_string(i * 7 % 31)].push_back(i * 37 % 101);
  long sum = 0;
  for (auto &entry : words) {
    std::sort(entry.second.begin(), entry.second.end(), [](int a, int b) { return a > b; });
    for (int value : entry.second) sum = sum * 3 + value;
  }
  std::printf("%ld\\n", sum);
}
`;

const threaded = `
#include <pthread.h>
#include <stdio.h>
static volatile long sums[3];
static void add(long at, long n) { for (long i = 0; i < n; i++) sums[at] += i; }
static pthread_barrier_t both;
static void *work(void *at) {
  // The number of a thread that is over is given to the next one.
  pthread_barrier_wait(&both);
  add((long)at, 1000 * ((long)at + 1));
  return 0;
}
int main(void) {
  pthread_t threads[2];
  pthread_barrier_init(&both, 0, 2);
  for (long i = 0; i < 2; i++) pthread_create(&threads[i], 0, work, (void *)(i + 1));
  add(0, 500);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], 0);
  printf("%ld\\n", sums[0] + sums[1] + sums[2]);
  return 0;
}
`;

/** Has a dump written between two calls. */
const dumping = `
#include <stdio.h>
#include <valgrind/callgrind.h>
static volatile long sum;
void first(void) { for (int i = 0; i < 3000; i++) sum += i; }
void second(void) { for (int i = 0; i < 2000; i++) sum -= i; }
int main(void) {
  first();
  CALLGRIND_DUMP_STATS;
  second();
  printf("%ld\\n", sum);
  return 0;
}
`;

const needed = ['valgrind', 'gcc', 'g++', 'callgrind_annotate', 'cg_annotate'];

describe.skipIf(!needed.every(canRun))('of a real run, vgrun says what valgrind says', () => {
  let work: string;

  beforeAll(() => {
    work = mkdtempSync(join(tmpdir(), 'vgrun-cost-files-'));
    const compile = (program: string, name: string, source: string, ...options: string[]) => {
      const file = join(work, name);
      writeFileSync(file, source);
      execFileSync(program, [
        '-gdwarf-4',
        '-w',
        '-pthread',
        ...options,
        '-o',
        file.replace(/\.\w+$/, ''),
        file,
      ]);
    };
    compile('gcc', 'recursive.c', recursive, '-O0');
    compile('g++', 'inlined.cpp', inlined, '-O2');
    compile('gcc', 'threaded.c', threaded, '-O0');
    compile('gcc', 'dumping.c', dumping, '-O0');
    compile('gcc', 'slow-sort.c', readFileSync(join(examplesDirectory, 'slow-sort.c'), 'utf8'), '-O0');
  }, 300_000);

  afterAll(() => rmSync(work, { recursive: true, force: true }));

  /** Files that a run left, and what its log says was collected. */
  function run(tool: string, program: string, ...options: string[]): { files: string[]; log: string } {
    const directory = mkdtempSync(join(work, 'run-'));
    const { stderr, status } = spawnSync(
      'valgrind',
      [`--tool=${tool}`, `--${tool}-out-file=${join(directory, 'out')}`, ...options, join(work, program)],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`valgrind ended with status ${status}: ${stderr}`);
    const files = readdirSync(directory).sort();
    return { files: files.map((name) => join(directory, name)), log: stderr };
  }

  const modes: readonly (readonly [program: string, ...options: string[]])[] = [
    ['slow-sort'],
    ['slow-sort', '--compress-strings=no', '--compress-pos=no'],
    ['slow-sort', '--dump-instr=yes', '--collect-jumps=yes', '--branch-sim=yes', '--cache-sim=yes'],
    ['slow-sort', '--cache-sim=yes', '--collect-systime=yes'],
    ['slow-sort', '--dump-instr=yes', '--dump-line=no'],
    ['slow-sort', '--dump-line=no'],
    ['recursive'],
    ['recursive', '--separate-recs=1'],
    ['recursive', '--separate-recs=4', '--separate-callers=2'],
    ['recursive', '--collect-atstart=no', '--toggle-collect=walk'],
    ['inlined'],
    ['inlined', '--dump-instr=yes', '--cache-sim=yes', '--compress-pos=no'],
    ['threaded'],
  ];
  for (const [program, ...options] of modes) {
    test(`callgrind, ${program} ${options.join(' ')}`, async () => {
      const { files, log } = run('callgrind', program, ...options);
      const [file] = files as [string];
      const profile = await readProfile(file);
      // `==12== Collected : 1234 56`
      const [, collected = ''] = /Collected : ([\d ]+)/.exec(log) ?? [];
      const instructions = Number(collected.split(' ')[0]);
      // The exit itself belongs to no function.
      expect(Math.abs((profile.totals[0] ?? 0) - instructions)).toBeLessThanOrEqual(2);
      expect(profile.totals).toEqual(profile.stated);

      const self = annotateCallgrind(file);
      expect(differences(added(selfOf(profile), uncountedCalls(profile)), self.functions)).toEqual([]);
      const costs = graphCosts(profile.graph ?? { self: [] }, profile.functions.length);
      const { compared, differing, wrong } = compareInclusive(
        profile,
        costs,
        annotateCallgrind(file, '--inclusive=yes'),
      );
      expect(compared).toBeGreaterThan(4);
      expect(differing).toEqual([]);
      expect(wrong).toEqual([]);
      holdTreeToTotals(profile);
    });
  }

  test('callgrind: a function that calls itself costs what it did from its first call on', async () => {
    const { files } = run('callgrind', 'recursive', '--separate-recs=1');
    const profile = await readProfile(files[0] as string);
    const costs = graphCosts(profile.graph ?? { self: [] }, profile.functions.length);
    const row = (name: string) => profile.functions.findIndex((frame) => frame.function === name);
    const inclusive = (name: string) => costs.inclusive?.[0]?.[row(name)] ?? 0;
    const { edges } = profile.graph ?? {};
    const fromMain = (name: string) =>
      (edges?.callees ?? []).reduce(
        (sum, callee, index) =>
          callee === row(name) && edges?.callers[index] === row('main')
            ? sum + (edges.values[0]?.[index] ?? 0)
            : sum,
        0,
      );
    expect(inclusive('walk')).toBe(fromMain('walk'));
    expect(inclusive('even') + inclusive('odd')).toBeGreaterThan(fromMain('even'));
    for (const name of ['even', 'odd']) {
      expect(inclusive(name)).toBeGreaterThanOrEqual(fromMain(name));
      expect(inclusive(name)).toBeLessThanOrEqual(fromMain('even') + fromMain('odd'));
    }
    expect(costs.cycles?.[row('even')]).toBe(costs.cycles?.[row('odd')]);
    expect(costs.cycles?.[row('walk')]).toBeGreaterThan(0);
    expect(costs.cycles?.[row('main')]).toBe(0);
    expect(costs.cycles?.[row('spend')]).toBe(0);
  });

  test('callgrind --separate-threads=yes: the threads add up to the program', async () => {
    const { files, log } = run('callgrind', 'threaded', '--separate-threads=yes');
    const profiles: Profile[] = [];
    for (const file of files) {
      if (readFileSync(file).length === 0) continue;
      const profile = await readProfile(file);
      expect(differences(selfOf(profile), annotateCallgrind(file).functions)).toEqual([]);
      profiles.push(profile);
    }
    expect(profiles.map(({ thread }) => thread)).toEqual([1, 2, 3]);
    const merged = mergeProfiles(profiles);
    mustBeConsistent(merged);
    const [, collected = ''] = /Collected : (\d+)/.exec(log) ?? [];
    expect(Math.abs((merged.totals[0] ?? 0) - Number(collected))).toBeLessThanOrEqual(2);
    expect(merged.parts?.map(({ name }) => name)).toEqual([
      'thread 1, part 1',
      'thread 2, part 1',
      'thread 3, part 1',
    ]);
    const sums = profiles.map(selfOf).reduce(added);
    expect(differences(selfOf(merged), sums)).toEqual([]);
    holdTreeToTotals(merged);
  });

  test('callgrind: dumps say the same in one file and in several', async () => {
    const combined = run('callgrind', 'dumping', '--combine-dumps=yes');
    const apart = run('callgrind', 'dumping');
    expect(combined.files).toHaveLength(1);
    expect(apart.files).toHaveLength(2);
    const one = await readProfile(combined.files[0] as string);
    expect(one.parts?.map(({ name, trigger }) => `${name}: ${trigger}`)).toEqual([
      'part 1: Client Request',
      'part 2: Program termination',
    ]);
    const several = mergeProfiles([
      await readProfile(apart.files[1] as string),
      await readProfile(apart.files[0] as string),
    ]);
    const row = ({ functions }: Profile, name: string) =>
      functions.findIndex((frame) => frame.function === name);
    for (const name of ['first', 'second', 'main']) {
      const own = (profile: Profile) => {
        const costs = graphCosts(profile.graph ?? { self: [] }, profile.functions.length);
        const at = row(profile, name);
        return [costs.self[0]?.[at], costs.calls?.[at]];
      };
      expect(own(one)).toEqual(own(several));
    }
    const parts = one.parts?.map(({ totals }) => totals[0] ?? 0) ?? [];
    expect(parts.reduce((sum, part) => sum + part, 0)).toBe(one.totals[0]);
    expect(one.totals).toEqual(one.stated);
  });

  for (const options of [[], ['--cache-sim=yes', '--branch-sim=yes'], ['--cache-sim=no']]) {
    for (const program of ['slow-sort', 'inlined', 'recursive']) {
      test(`cachegrind, ${program} ${options.join(' ')}`, async () => {
        const { files, log } = run('cachegrind', program, ...options);
        const [file] = files as [string];
        const profile = await readProfile(file);
        const theirs = annotateCachegrind(file);
        expect(profile.totals).toEqual(theirs.totals);
        // `==12== I   refs:      1,234,567`
        const [, refs = ''] = /I +refs: +([\d,]+)/.exec(log) ?? [];
        expect(profile.totals[0]).toBe(Number(refs.replaceAll(',', '')));
        if (theirs.functions !== undefined) {
          expect(differences(selfOf(profile), theirs.functions)).toEqual([]);
        }
        expect(inferTree(profile)).toBeUndefined();
      });
    }
  }

  test('slow-sort.c is slow for the reason that it gives', async () => {
    const { files } = run('callgrind', 'slow-sort');
    const profile = await readProfile(files[0] as string);
    const costs = graphCosts(profile.graph ?? { self: [] }, profile.functions.length);
    const row = profile.functions.findIndex((frame) => frame.function === 'letter_at');
    expect(costs.inclusive?.[0]?.[row]).toBeGreaterThan((profile.totals[0] ?? 0) / 2);
  });
});

/** What a tree's outermost calls cost is what the program did, but for the exit, which belongs to no function. */
function holdTreeToTotals(profile: Profile): void {
  const tree = inferTree(profile)?.tree;
  if (tree === undefined) throw new Error('no tree');
  const [sums = []] = inclusiveValues(tree);
  const total = sums.reduce((sum, value, node) => (tree.parents[node] === -1 ? sum + value : sum), 0);
  expect(Math.abs(total - (profile.totals[0] ?? 0))).toBeLessThanOrEqual(2);
  expect(tree.values.every((column) => column.every((value) => value >= 0))).toBe(true);
}

async function readProfile(file: string): Promise<Profile> {
  const records = await profileRecordsOf(readFileSync(file), 1 << 16);
  expect(records.flatMap((record) => (record.type === 'problem' ? [record.problem] : []))).toEqual([]);
  expect(records.at(-1)).toMatchObject({ type: 'process-end', complete: true });
  for (const record of records) {
    if (record.type !== 'profile') continue;
    mustBeConsistent(record.profile);
    return record.profile;
  }
  throw new Error(`no profile in ${file}`);
}
