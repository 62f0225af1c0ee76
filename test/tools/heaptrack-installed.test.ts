// What the heaptrack of this machine records of a program made here, against what its own printer says of it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Profile } from '../../src/model/profile.ts';
import { onlyProfile } from '../profile-corpus.ts';
import { canRun } from '../project.ts';

const code = `
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>
static void* kept[64];
static char* make(size_t n) { char* p = (char*)malloc(n); memset(p, 1, n); return p; }
static void churn(int times) { for (int i = 0; i < times; i++) free(make(100)); }
static void leak(int n) { for (int i = 0; i < n; i++) make(1000 + i); }
static void nest(int depth) { if (depth > 0) nest(depth - 1); else kept[0] = make(50001); }
struct Node { char name[40]; std::unique_ptr<Node> next; };
static std::unique_ptr<Node> chain(int n) { auto node = std::make_unique<Node>(); if (n > 0) node->next = chain(n - 1); return node; }
int main() {
  kept[1] = make(7);
  churn(500);
  leak(20);
  { auto list = chain(30); std::vector<int> grows; for (int i = 0; i < 1000; i++) grows.push_back(i); }
  for (int i = 2; i < 64; i++) kept[i] = make(4096 + i);
  nest(5);
  for (int i = 0; i < 64; i++) free(kept[i]);
  leak(3);
  kept[0] = realloc(malloc(10), 20000);
  return 0;
}
`;

const costs = ['peak', 'leaked', 'allocations', 'temporary'] as const;

describe.skipIf(!canRun('heaptrack') || !canRun('heaptrack_print') || !canRun('zstd') || !canRun('g++'))(
  'the installed heaptrack',
  () => {
    let directory = '';
    const run = (program: string, ...words: string[]): Buffer =>
      execFileSync(program, words, { cwd: directory, stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1e9 });
    let data: Profile;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'vgrun-heaptrack-'));
      writeFileSync(join(directory, 'heap.cc'), code);
      run('g++', '-g', '-O0', 'heap.cc', '-o', 'heap');
      run('heaptrack', '-o', 'heap', './heap');
      data = await onlyProfile(run('zstd', '-dcq', 'heap.zst'));
    });
    afterAll(() => rmSync(directory, { recursive: true, force: true }));

    test('its data has the totals that heaptrack_print states', () => {
      const text = run('heaptrack_print', 'heap.zst').toString();
      const [peak, leaked, allocations, temporary] = data.totals as [number, number, number, number];
      const total = (label: string): string => new RegExp(`^${label}: (\\S+)`, 'm').exec(text)?.[1] ?? 'none';
      expect(String(allocations)).toBe(total('calls to allocation functions'));
      expect(String(temporary)).toBe(total('temporary memory allocations'));
      expect(`${(peak / 1000).toFixed(2)}K`).toBe(total('peak heap memory consumption'));
      expect(`${(leaked / 1000).toFixed(2)}K`).toBe(total('total memory leaked'));
    });

    test('its data has for each call path what heaptrack_print writes as folded stacks', () => {
      for (const [measure, cost] of costs.entries()) {
        run('heaptrack_print', '-t', '0', 'heap.zst', '-F', 'folded', '--flamegraph-cost-type', cost);
        const printed = new Map<string, number>();
        for (const line of readFileSync(join(directory, 'folded'), 'utf8').split('\n')) {
          // `main (heap.cc);churn (heap.cc);make (heap.cc); 500`
          const at = line.lastIndexOf(' ');
          const names = line
            .slice(0, at)
            .split(';')
            .filter((name) => name !== '');
          add(
            printed,
            names.map((name) => name.replace(/ \([^()]*\)$/, '')).join(';'),
            Number(line.slice(at + 1)),
          );
        }
        expect(pathsOf(data, measure), cost).toEqual(positive(printed));
      }
    });

    test('the whole report of heaptrack_print has the same calls, and the same bytes but for its rounding', async () => {
      for (const merge of ['1', '0']) {
        const text = await onlyProfile(
          run(
            'heaptrack_print',
            '-t',
            '0',
            '-l',
            '1',
            '-m',
            merge,
            '-n',
            '100000',
            '-s',
            '100000',
            'heap.zst',
          ),
        );
        expect(text.measures.map(({ name }) => name)).toEqual([...costs]);
        for (const measure of [2, 3]) {
          expect(text.totals[measure]).toBe(data.totals[measure]);
          expect(text.stated?.[measure]).toBe(data.totals[measure]);
          expect(pathsOf(text, measure)).toEqual(pathsOf(data, measure));
        }
        for (const measure of [0, 1]) {
          const exact = pathsOf(data, measure);
          for (const [path, bytes] of pathsOf(text, measure)) {
            expect(Math.abs(bytes - (exact.get(path) ?? Number.NaN)) / bytes, path).toBeLessThan(0.01);
          }
          expect([...pathsOf(text, measure).keys()].sort()).toEqual([...exact.keys()].sort());
        }
      }
    });

    test('a report of few places never adds up to more than heaptrack_print states', async () => {
      for (const most of ['1', '2', '3']) {
        const text = await onlyProfile(run('heaptrack_print', '-l', '1', '-n', most, '-s', most, 'heap.zst'));
        for (const [measure, total] of text.totals.entries()) {
          expect(total).toBeGreaterThan(0);
          // Each printed number may be rounded up.
          expect(total).toBeLessThanOrEqual((text.stated?.[measure] ?? 0) * 1.01);
        }
      }
    });
  },
);

/** What was spent at the end of each path of names; heaptrack_print leaves out what calls main. */
function pathsOf({ trees, frames }: Profile, measure: number): Map<string, number> {
  const values = new Map<string, number>();
  for (const tree of trees) {
    const names: string[] = [];
    for (const [node, parent] of tree.parents.entries()) {
      const frame = frames[tree.frames[node] as number];
      const name = frame?.function ?? frame?.ip ?? '?';
      names.push(parent < 0 || name === 'main' ? name : `${names[parent]};${name}`);
      add(values, names[node] as string, tree.values[measure]?.[node] ?? 0);
    }
  }
  return positive(values);
}

function add(values: Map<string, number>, key: string, value: number): void {
  values.set(key, (values.get(key) ?? 0) + value);
}

function positive(values: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...values].filter(([, value]) => value > 0));
}
