// Holds that what is read from `perf script` is what `perf report` says of the same recording, to the last sample.
// Differences:
// - `perf report` gives each address of an unknown function a row of its own; here they are one row for each object.
// - it names an object by the last part of its path.
// - it prints shares with two digits, so inclusive costs are compared to half of the last of them.
// - it charges what was spent in inlined code to the function that holds it, here to the inlined one, as in the chains
//   of both: compared is without inlined calls.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ReportProfile } from '../../src/model/profile-report.ts';
import { readProfileReport } from '../profile-corpus.ts';
import { canRun } from '../project.ts';
import { compileC, testFolder } from './vgrun.ts';

const cwd = testFolder();

const program = `#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
volatile uint64_t sink;
__attribute__((noinline)) static void leaf(int n) { for (int i = 0; i < n * 1000000; i++) sink += i * i; }
__attribute__((noinline)) static void middle(int n) { leaf(n); for (int i = 0; i < n * 500000; i++) sink += i; }
static inline __attribute__((always_inline)) void inlined(int n) { for (int i = 0; i < n * 1000000; i++) sink ^= i * 7; }
__attribute__((noinline)) static void again(int depth) { if (depth > 0) again(depth - 1); else leaf(20); inlined(3); }
static int number(const void *a, const void *b) { inlined(0); return *(const int *)a - *(const int *)b; }
static void *worker(void *unused) { prctl(PR_SET_NAME, "worker: 7 [x"); middle(40); return unused; }
int main(int count, char **words) {
  if (count > 1) { volatile int forever = 1; while (forever) middle(5); }
  (void)words;
  static int values[300000];
  for (int i = 0; i < 300000; i++) values[i] = (i * 7919) % 300007;
  qsort(values, 300000, sizeof values[0], number);
  pthread_t thread;
  pthread_create(&thread, 0, worker, 0);
  middle(40);
  again(5);
  pthread_join(thread, 0);
  if (fork() == 0) { middle(30); _exit(0); }
  wait(0);
  return 0;
}
`;

/** Without the right to record the tests are skipped, visibly; in CI they run and fail. */
const usable =
  canRun('perf') &&
  (process.env.CI === 'true' ||
    spawnSync('perf', ['record', '-o', '/dev/null', '-e', 'cpu-clock', 'true'], { stdio: 'ignore' })
      .status === 0);

interface Row {
  /** Share of all, with what was called, in percent. */
  children: number;
  samples: number;
  period: number;
}

interface Recording {
  readonly profiles: readonly ReportProfile[];
  readonly outcome: string;
  readonly problems: readonly string[];
  readonly reported: ReadonlyMap<string, Row>;
  readonly samples: number;
}

function perf(...words: readonly string[]): string {
  return execFileSync('perf', words, {
    cwd: cwd(),
    encoding: 'utf8',
    maxBuffer: 1e9,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** What perf says and what is read, of `NAME.data`. */
async function readBoth(name: string, children: boolean): Promise<Recording> {
  const data = `${name}.data`;
  // Inlined calls cost addr2line a process for each address, and are in other tests.
  const script = perf('script', '--no-inline', '-F', '+pid', '-i', data);
  const fields = `${children ? 'overhead_children,' : ''}overhead,sample,period,dso,sym`;
  const shown = ['--stdio', '-g', 'none', '--no-inline', children ? '--children' : '--no-children'];
  const text = perf('report', '-i', data, ...shown, '--sort', 'dso,sym', '-F', fields, '-t', '|');
  const reported = new Map<string, Row>();
  for (const line of text.split('\n')) {
    // ` 82.61% | 82.61% | 57         | 575757570  |hot          |[.] leaf`
    const cells = line.split('|').map((cell) => cell.trim());
    if (line.startsWith('#') || cells.length < 5) continue;
    const [share = '', , samples = '', period = '', dso = '', symbol = ''] = children
      ? cells
      : ['0', ...cells];
    const key = keyOf(symbol.slice(4), dso);
    const row = reported.get(key) ?? { children: 0, samples: 0, period: 0 };
    row.children += Number.parseFloat(share);
    row.samples += Number(samples);
    row.period += Number(period);
    reported.set(key, row);
  }
  const report = await readProfileReport(Buffer.from(script));
  return {
    profiles: report.profiles ?? [],
    outcome: report.outcome,
    problems: report.problems.map(({ code }) => code),
    reported,
    samples: script.split('\n').filter((line) => /^\S.*\d+\.\d+: |^ +\S.*\d+\.\d+: /.test(line)).length,
  };
}

/** Function and object as both name them. */
function keyOf(name: string | undefined, object: string | undefined): string {
  // perf prints an address where it knows no function: `0x7ffd1234`, `0000000000000000`.
  const isKnown = name !== undefined && !/^(0x[0-9a-f]+|0+)$/.test(name);
  return `${isKnown ? name : '???'} ${basename(object ?? '[unknown]')}`;
}

/** What was read, by function, over all processes: inclusive as share of all. */
function readRows(profiles: readonly ReportProfile[]): Map<string, Row> {
  const rows = new Map<string, Row>();
  const total = profiles.reduce((sum, { totals, primary }) => sum + (totals[primary] ?? 0), 0);
  for (const { functions, costs, measures, primary } of profiles) {
    const counts = measures.findIndex(({ name }) => name === 'samples');
    for (const [index, frame] of functions.entries()) {
      const key = keyOf(frame.function, frame.object);
      const row = rows.get(key) ?? { children: 0, samples: 0, period: 0 };
      row.children += (100 * (costs.inclusive?.[primary]?.[index] ?? 0)) / total;
      row.samples += costs.self[counts]?.[index] ?? 0;
      row.period += costs.self[primary]?.[index] ?? 0;
      rows.set(key, row);
    }
  }
  return rows;
}

/** Self costs to the last one, inclusive costs as exactly as perf prints them. */
function mustAgree({ profiles, reported, samples }: Recording, children: boolean): void {
  const read = readRows(profiles);
  const self = (rows: ReadonlyMap<string, Row>) =>
    [...rows]
      .filter(([, row]) => row.samples > 0)
      .map(([key, row]) => `${key}: ${row.samples} ${row.period}`);
  expect(self(read).sort()).toEqual(self(reported).sort());
  const counted = profiles.reduce((sum, { totals, measures }) => {
    return sum + (totals[measures.findIndex(({ name }) => name === 'samples')] ?? 0);
  }, 0);
  expect(samples).toBeGreaterThan(5);
  expect(counted).toBe(samples);
  if (!children) return;
  for (const [key, row] of reported) {
    // Several addresses of one unknown function may be on one path: their shares do not add up.
    if (key.startsWith('???')) continue;
    const own = read.get(key);
    expect(own, key).toBeDefined();
    expect(
      Math.abs((own?.children ?? 0) - row.children),
      `${key}: ${own?.children} ${row.children}`,
    ).toBeLessThan(0.00501);
  }
  for (const key of read.keys()) if (!key.startsWith('???')) expect([...reported.keys()]).toContain(key);
}

describe.skipIf(!usable)('a recording of perf', () => {
  beforeAll(() => {
    compileC(join(cwd(), 'busy'), program);
  });

  test('with frame pointers costs what perf report says, by thread and child process', async () => {
    perf('record', '-o', 'fp.data', '-F', '499', '-e', 'cpu-clock', '-g', './busy');
    const both = await readBoth('fp', true);
    mustAgree(both, true);
    expect(both.outcome).toBe('clean');
    // The C library keeps no frame pointers: what the kernel finds in their place may go round until it keeps no more.
    expect(both.problems.filter((code) => code !== 'cut-stacks')).toEqual([]);
    expect(both.profiles.length).toBe(2);
    expect(both.profiles[0]?.trees.map(({ name }) => name?.replace(/ \d+$/, '')).sort()).toEqual([
      'busy',
      'worker: 7 [x',
    ]);
    expect(both.profiles[0]?.measures[both.profiles[0].primary]).toMatchObject({
      name: 'cpu-clock',
      unit: 'ns',
    });
  });

  test('with --call-graph=dwarf costs what perf report says', async () => {
    perf('record', '-o', 'dwarf.data', '-F', '99', '-e', 'cpu-clock', '--call-graph', 'dwarf,4096', './busy');
    const both = await readBoth('dwarf', true);
    mustAgree(both, true);
    expect(both.outcome).toBe('clean');
  });

  test('without call graphs costs what perf report says, and a warning says that callers are not known', async () => {
    perf('record', '-o', 'flat.data', '-F', '499', '-e', 'cpu-clock', './busy');
    const both = await readBoth('flat', false);
    mustAgree(both, false);
    expect(both.problems).toEqual(['no-call-graphs']);
  });

  test('of a running process costs what perf report says', async () => {
    const busy = spawn('./busy', ['forever'], { cwd: cwd(), stdio: 'ignore' });
    try {
      const words = ['-F', '199', '-e', 'cpu-clock', '-g', '-p', `${busy.pid}`];
      perf('record', '-o', 'pid.data', ...words, '--', 'sleep', '1');
      const both = await readBoth('pid', true);
      mustAgree(both, true);
      expect(both.profiles.map(({ pid, program: name }) => [pid, name])).toEqual([[busy.pid, 'busy']]);
    } finally {
      busy.kill('SIGKILL');
      await once(busy, 'exit');
    }
  });

  test('of two events has a measure for each, with the totals of perf report', async () => {
    perf('record', '-o', 'two.data', '-F', '199', '-e', 'cpu-clock,page-faults', '-g', './busy');
    const script = perf('script', '--header', '-F', '+pid', '-i', 'two.data');
    const { profiles = [] } = await readProfileReport(Buffer.from(script));
    const said = perf('report', '-i', 'two.data', '--stdio', '-g', 'none');
    // `# Samples: 75  of event 'cpu-clock'` and `# Event count (approx.): 376884420`
    const totals = [...said.matchAll(/of event '([^']+)'\n# Event count \(approx\.\): (\d+)/g)].map(
      ([, event, count]) => [event, Number(count)],
    );
    expect(totals.map(([event]) => event)).toEqual(['cpu-clock', 'page-faults']);
    for (const [event, count] of totals) {
      const sum = profiles.reduce(
        (all, { measures, totals: own }) =>
          all + (own[measures.findIndex(({ name }) => name === event)] ?? 0),
        0,
      );
      expect(sum, `${event}`).toBe(count);
    }
    expect(profiles[0]?.primary).toBe(0);
    // `--header` names the machine; nothing of it is anybody's business.
    const hostname = /^# hostname : (.*)$/m.exec(script)?.[1] ?? '';
    expect(hostname).not.toBe('');
    for (const note of profiles.flatMap(({ notes }) => notes)) {
      expect(note).not.toMatch(/hostname/);
      expect(note.split(/[ :,]/)).not.toContain(hostname);
    }
    expect(profiles.flatMap(({ notes }) => notes)).not.toEqual([]);
  });
});
