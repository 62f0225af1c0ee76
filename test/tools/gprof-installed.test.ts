// What the gprof of this machine says of programs made and run here, function by function.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Profile } from '../../src/model/profile.ts';
import { onlyProfile } from '../profile-corpus.ts';
import { canRun } from '../project.ts';

const recursive = `
static volatile unsigned long sink;
static void burn(int n) { for (int i = 0; i < n * 1000; i++) sink += i; }
unsigned long fib(int n) { burn(1); return n < 2 ? n : fib(n - 1) + fib(n - 2); }
int odd(int n);
int even(int n) { for (int i = 0; i < 100000; i++) sink += i; return n == 0 ? 1 : odd(n - 1); }
int odd(int n) { for (int i = 0; i < 200000; i++) sink += i; return n == 0 ? 0 : even(n - 1); }
void left(void) { burn(20000); }
void right(void) { left(); burn(40000); left(); }
int main(void) { left(); right(); return fib(18) + even(301) == 7; }
`;

const templated = `
static volatile double sink;
namespace geo {
template <typename T> struct Box {
  T side;
  T operator[](int i) const { for (int n = 0; n < 10000000; n++) sink = sink + n; return side * i; }
  operator double() const { for (int n = 0; n < 5000000; n++) sink = sink + n; return side; }
  bool operator<(const Box<T>& other) const { return side < other.side; }
};
namespace { struct Hidden { double run(int, char**) { double sum = 0; Box<int> box{2}; for (int i = 0; i < 3; i++) sum += box[i]; return sum; } }; }
}
int main(int argc, char** argv) {
  geo::Box<long> a{1}, b{2};
  auto twice = [&](double x) { return x + b[argc] + (double)a; };
  return (twice(2) + geo::Hidden().run(argc, argv) + (a < b)) < 0;
}
`;

const quick =
  'int twice(int n) { return 2 * n; }\nint main(void) { int s = 0; for (int i = 0; i < 10; i++) s += twice(i); return s == 1; }\n';

describe.skipIf(!canRun('gprof') || !canRun('gcc') || !canRun('g++'))('the installed gprof', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'vgrun-gprof-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** Compiles and runs a program, and gives what gprof prints of it. */
  function record(name: string, code: string): (...options: string[]) => Buffer {
    const isCpp = name.endsWith('.cc');
    writeFileSync(join(directory, name), code);
    const program = `./${name.replace(/\..*/, '')}`;
    const flags = ['-pg', '-g', '-O0', '-fno-inline', name, '-o', program];
    execFileSync(isCpp ? 'g++' : 'gcc', flags, { cwd: directory });
    const { GMON_OUT_PREFIX: _, ...environment } = process.env;
    execFileSync(program, [], { cwd: directory, env: environment });
    return (...options) =>
      execFileSync('gprof', [...options, program, 'gmon.out'], { cwd: directory, maxBuffer: 1e9 });
  }

  for (const [name, code] of [
    ['recursive.c', recursive],
    ['templated.cc', templated],
  ] as const) {
    test(`every function of ${name} has the time and calls that gprof prints`, async () => {
      const run = record(name, code);
      for (const options of [[], ['-b']]) {
        const text = run(...options);
        const profile = await onlyProfile(text);
        const printed = flatRows(run('-b', '-p').toString('latin1'));
        expect(printed.length).toBeGreaterThan(3);
        const total = printed.reduce((sum, { self }) => sum + self, 0);
        expect(total).toBeGreaterThan(0);
        expect(profile.totals[0]).toBeCloseTo(total, 6);
        for (const row of printed) {
          const at = profile.functions.findIndex((frame) => frame.function === row.name);
          expect(profile.graph?.self[0]?.[at], row.name).toBeCloseTo(row.self, 6);
          const again = callsOfItself(profile, at);
          expect((profile.graph?.calls?.[at] ?? 0) - again, row.name).toBe(row.calls);
        }
      }
    });

    test(`every call of ${name} stands in the profile as gprof prints it`, async () => {
      const run = record(name, code);
      const profile = await onlyProfile(run('-b'));
      const printed = graphRows(run('-b', '-q').toString('latin1'));
      expect(printed.entries.size).toBeGreaterThan(3);
      for (const [name, inclusive] of printed.entries) {
        const at = profile.functions.findIndex((frame) => frame.function === name);
        expect(profile.graph?.inclusive?.[0]?.[at], name).toBeCloseTo(inclusive, 6);
      }
      const nameOf = (row: number) => profile.functions[row]?.function;
      const { callers = [], callees = [], calls = [], values = [] } = profile.graph?.edges ?? {};
      const read = callers.map((caller, row) => [
        `${nameOf(caller)} calls ${nameOf(callees[row] as number)}`,
        `${calls[row]} times for ${Math.round(values[0]?.[row] ?? Number.NaN)} ms`,
      ]);
      expect(Object.fromEntries(read)).toEqual(Object.fromEntries(printed.calls));
      expect(read.length).toBe(printed.calls.size);
    });
  }

  test('calls are those that the program makes', async () => {
    const profile = await onlyProfile(record('recursive.c', recursive)('-b'));
    const callsOf = (name: string) =>
      profile.graph?.calls?.[profile.functions.findIndex((frame) => frame.function === name)];
    // fib(n) takes 2 fib(n + 1) - 1 calls.
    expect(callsOf('fib')).toBe(2 * 4181 - 1);
    expect(callsOf('left')).toBe(3);
    expect((callsOf('even') ?? 0) + (callsOf('odd') ?? 0)).toBe(302);
    expect(callsOf('main')).toBeNaN();
  });

  test('by lines, functions and totals are the same as without', async () => {
    const run = record('recursive.c', recursive);
    const whole = await onlyProfile(run('-b'));
    const byLine = await onlyProfile(run('-b', '-l'));
    const selfOf = ({ functions, graph }: Profile) =>
      new Map(functions.map((frame, row) => [frame.function, Math.round(graph?.self[0]?.[row] ?? 0)]));
    for (const [name, self] of selfOf(byLine)) {
      // Samples at the border of two lines may be rounded the other way.
      expect(Math.abs(self - (selfOf(whole).get(name) ?? Number.NaN)), name).toBeLessThanOrEqual(20);
    }
    const inLines = (byLine.lines?.values[0] ?? []).reduce((sum, value) => sum + value, 0);
    expect(inLines).toBeCloseTo(byLine.totals[0] as number, 6);
    expect(byLine.files.some((file) => file.endsWith('recursive.c'))).toBe(true);
  });

  test('a program too quick for a sample has its calls', async () => {
    const profile = await onlyProfile(record('quick.c', quick)(), 'no-time');
    expect(profile.measures.map(({ name }) => name)).toEqual(['calls']);
    expect(profile.totals).toEqual([10]);
    expect(profile.graph?.edges?.calls).toEqual([10]);
    expect(profile.graph?.inferred).toBeUndefined();
  });
});

function callsOfItself({ graph }: Profile, row: number): number {
  const edge = graph?.edges?.callers.findIndex(
    (caller, index) => caller === row && graph.edges?.callees[index] === row,
  );
  return edge === undefined || edge < 0 ? 0 : (graph?.edges?.calls[edge] as number);
}

/** Rows of the flat profile: ms and calls without those of itself. */
function flatRows(text: string): { readonly name: string; readonly self: number; readonly calls: number }[] {
  return text.split('\n').flatMap((line) => {
    const found = /^ *[\d.]+ +[\d.]+ +([\d.]+) +(\d+) +[\d.]+ +[\d.]+ {2}(\S.*)$/.exec(line);
    if (found === null) return [];
    const [, self, calls, name] = found as unknown as [string, string, string, string];
    return [{ name, self: Number(self) * 1000, calls: Number(calls) }];
  });
}

/** What the entries of the call graph say: inclusive ms, and the calls that they make. */
function graphRows(text: string): {
  readonly entries: Map<string, number>;
  readonly calls: Map<string, string>;
} {
  const entries = new Map<string, number>();
  const calls = new Map<string, string>();
  const bare = (name: string): string => name.replace(/ \[\d+\]$/, '').replace(/ <cycle \d+>$/, '');
  const table = text.slice(text.indexOf('index % time'), text.indexOf('Index by function name'));
  for (const block of table.split(/^-+$/m)) {
    let entry: string | undefined;
    if (block.includes(' as a whole>')) continue;
    for (const line of block.split('\n')) {
      const own = /^\[\d+\] +[\d.]+ +([\d.]+) +([\d.]+) +(?:\d+(?:\+\d+)? +)?(\S.*)$/.exec(line);
      if (own !== null) {
        entry = bare(own[3] as string);
        entries.set(entry, (Number(own[1]) + Number(own[2])) * 1000);
        continue;
      }
      const call = /^ +(?:([\d.]+) +([\d.]+) +)?(\d+)(?:\/\d+)? +(\S.*)$/.exec(line);
      if (call === null || entry === undefined) continue;
      const ms = Math.round((Number(call[1] ?? 0) + Number(call[2] ?? 0)) * 1000);
      calls.set(`${entry} calls ${bare(call[4] as string)}`, `${call[3]} times for ${ms} ms`);
    }
  }
  return { entries, calls };
}
