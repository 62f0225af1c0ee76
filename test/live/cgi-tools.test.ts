// Every instrument sees every request of a replay: a fault is of the request that made it, and no process writes over another's file.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ReportProfile } from '../../src/model/profile-report.ts';
import type { Report } from '../../src/model/report.ts';
import type { RunManifest } from '../../src/model/run.ts';
import { cgiExamplePath, isBuilt } from '../cgi-examples.ts';
import { canRun, projectRoot } from '../project.ts';
import { cgi, launchesIn, type Replayed, replayed } from './replayed.ts';
import { testFolder } from './vgrun.ts';

const folder = testFolder();
const cwd = () => join(folder(), 'user');
const programs = () => join(folder(), 'programs');

/** Does what its query says; with libfcgi it serves many requests. */
const source = `
#ifdef SERVES
#include <fcgi_stdio.h>
#else
#include <stdio.h>
#endif
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#ifdef MEMWATCH
#include "memwatch.h"
#endif
static int found;
static volatile long sum;
static void *count_found(void *unused) { found += 7; return unused; }
static void lose_block(void) { char *lost = malloc(77); lost[0] = 1; }
static void write_past(char *block) { block[8] = 1; }
static int shift_far(int by) { return 1 << by; }
static void spend_time(long rounds) { for (long i = 0; i < rounds; i++) sum += i; }
static void hold_much(void) { char *much = malloc(500000); much[0] = 1; free(much); }
static void race(void) {
  pthread_t both[2];
  for (int i = 0; i < 2; i++) pthread_create(&both[i], NULL, count_found, NULL);
  for (int i = 0; i < 2; i++) pthread_join(both[i], NULL);
}
static int is(const char *what) { return strcmp(getenv("QUERY_STRING"), what) == 0; }
static void answer(void) {
  char *block = malloc(8);
  if (is("leak")) lose_block();
  if (is("overflow")) write_past(block);
  if (is("shift")) sum += shift_far(40);
  if (is("race")) race();
  if (is("work")) { hold_much(); spend_time(100000000 / SLOWNESS); }
  if (is("default")) signal(SIGTERM, SIG_DFL);
  free(block);
  printf("Content-Type: text/plain\\r\\n\\r\\nanswered\\n");
}
#ifdef SERVES
int main(void) { while (FCGI_Accept() >= 0) answer(); return 0; }
#else
int main(void) { answer(); return 0; }
#endif
`;

const lineOfLoss = source.split('\n').findIndex((line) => line.includes('void lose_block(')) + 1;

const standIn = join(projectRoot, 'test/live/memwatch-stand-in');
/** Flags of the compiler by the name of the build. */
const builds: Readonly<Record<string, readonly string[]>> = {
  // A processor that valgrind stands for is fifty times slower.
  plain: ['-DSLOWNESS=50'],
  fast: [],
  address: ['-fsanitize=address'],
  undefined: ['-fsanitize=undefined'],
  thread: ['-fsanitize=thread'],
  leak: ['-fsanitize=leak'],
  gprof: ['-pg'],
  memwatch: ['-DMEMWATCH', `-I${standIn}`],
};

/** Compiles the program at its first use. @returns its path. */
function built(build: string, serves: boolean): string {
  const path = join(programs(), `${build}-${serves ? 'served' : 'called'}`);
  if (readdirSync(programs()).includes(path.slice(programs().length + 1))) return path;
  const file = join(programs(), 'tested.c');
  writeFileSync(file, source);
  const more = build === 'memwatch' ? [join(standIn, 'memwatch.c')] : [];
  const library = serves ? ['-DSERVES', '-I/usr/include/fastcgi', '-lfcgi'] : [];
  const flags = ['-g', '-w', '-pthread', ...(builds[build] ?? []), '-o', path, file, ...more, ...library];
  execFileSync('gcc', [...(builds[build]?.includes('-DSLOWNESS=50') ? [] : ['-DSLOWNESS=1']), ...flags]);
  return path;
}

function replay(
  tool: string,
  program: string,
  queries: readonly string[],
  ...options: readonly string[]
): Promise<Replayed> {
  const urls = queries.map((query) => `http://localhost/tested?${query}`);
  const words = [`--tool=${tool}`, '--script-name=/tested', ...options, program, ...urls];
  return replayed(words, { cwd: cwd() });
}

/** `lsan/direct-leak lose_block in 2` */
function told({ findings }: Report): readonly string[] {
  return findings
    .filter(({ failing }) => failing)
    .map(({ rule, blamed, stacks, requests = [] }) => {
      const frame = blamed === undefined ? undefined : stacks[blamed.stack]?.frames[blamed.frame];
      const place = frame?.function ?? `line ${frame?.line}`;
      return `${rule} ${place} in ${requests.map(({ request }) => request).join(' ')}`.trimEnd();
    })
    .sort();
}

/** Files of the instrument, by launch. */
function filesOf(directory: string): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    launchesIn(directory).map((name) => [
      name,
      readdirSync(join(directory, name)).filter((file) => file !== 'run.json' && file !== 'symbols.json'),
    ]),
  );
}

function manifestOf(directory: string, launch: string): RunManifest {
  return JSON.parse(readFileSync(join(directory, launch, 'run.json'), 'utf8')) as RunManifest;
}

function hasFunction({ functions }: ReportProfile, name: string): boolean {
  return functions.some((each) => each.function === name);
}

const incomplete = ({ problems }: Report) =>
  problems.filter(({ level }) => level === 'incomplete').map(({ code }) => code);

beforeAll(() => {
  mkdirSync(join(cwd(), '.git'), { recursive: true });
  mkdirSync(programs());
});

const canCompile = canRun('gcc');
const canServe = canCompile && isBuilt('growing-fcgi');

describe('a fault that one request of two makes is of that one', () => {
  for (const [tool, build, query, rule, place, needs] of [
    ['asan', 'address', 'leak', 'lsan/direct-leak', 'lose_block', 'gcc'],
    ['asan', 'address', 'overflow', 'asan/heap-buffer-overflow', 'write_past', 'gcc'],
    ['ubsan', 'undefined', 'shift', 'ubsan/shift-exponent', 'shift_far', 'gcc'],
    ['tsan', 'thread', 'race', 'tsan/data-race', 'count_found', 'gcc'],
    ['lsan', 'leak', 'leak', 'lsan/direct-leak', 'lose_block', 'gcc'],
    ['mtrace', 'plain', 'leak', 'mtrace/unfreed', 'lose_block', 'gcc'],
    ['heaptrack', 'plain', 'leak', 'heaptrack/unfreed', 'lose_block', 'heaptrack'],
    // memwatch knows lines and no functions.
    ['memwatch', 'memwatch', 'leak', 'memwatch/unfreed', `line ${lineOfLoss}`, 'gcc'],
  ] as const) {
    test.skipIf(!canCompile || !canRun(needs))(`${tool}: ${query}`, async () => {
      const { report, status, requests, directory } = await replay(tool, built(build, false), [
        'nothing',
        query,
      ]);
      expect([report.outcome, status], report.reasons.join('\n')).toEqual(['findings', 100]);
      expect(told(report)).toEqual([`${rule} ${place} in 2`]);
      expect(incomplete(report)).toEqual([]);
      expect(requests.map(({ sent }) => sent)).toEqual([1, 1]);
      const files = filesOf(directory);
      expect(Object.keys(files)).toEqual(['launch-1', 'launch-2']);
      expect(files['launch-2']).toHaveLength(1);
    });
  }

  for (const tool of ['helgrind', 'drd'] as const) {
    test.skipIf(!canRun('valgrind'))(`${tool}: a race in every request is of each`, async () => {
      const { report, status } = await replay(tool, cgiExamplePath('thread-race-cgi'), ['one', 'two']);
      expect([report.outcome, status], report.reasons.join('\n')).toEqual(['findings', 100]);
      const rule = tool === 'drd' ? 'drd/ConflictingAccess' : 'helgrind/Race';
      expect(told(report)).toEqual([`${rule} count_found in 1 2`]);
    });
  }
});

describe('a profile', () => {
  const profilers = [
    ['massif', 'valgrind', /^massif\.out\.\d+$/, 'hold_much'],
    ['dhat', 'valgrind', /^dhat\.out\.\d+$/, 'hold_much'],
    ['callgrind', 'valgrind', /^callgrind\.out\.\d+$/, 'spend_time'],
    ['cachegrind', 'valgrind', /^cachegrind\.out\.\d+$/, 'spend_time'],
    ['perf', 'perf', /^perf\.data$/, 'spend_time'],
    ['gprof', 'gprof', /^gmon\.out\.\d+$/, 'spend_time'],
    ['heaptrack', 'heaptrack', /^heaptrack\.\d+\.txt$/, 'hold_much'],
  ] as const;
  const buildFor = (tool: string) => (tool === 'gprof' ? 'gprof' : tool === 'perf' ? 'fast' : 'plain');

  for (const [tool, needs, file, costly] of profilers) {
    test.skipIf(!canCompile || !canRun(needs))(`by ${tool} is made of each CGI process`, async () => {
      const program = built(buildFor(tool), false);
      const { report, directory } = await replay(tool, program, ['nothing', 'work'], '-j2');
      expect(report.outcome, report.reasons.join('\n')).toBe('clean');
      const files = filesOf(directory);
      const ofLaunches = Object.values(files).map((names) => names.filter((name) => file.test(name)));
      expect(ofLaunches.map((names) => names.length)).toEqual([1, 1]);
      const worked = ['launch-1', 'launch-2'].find(
        (launch) => manifestOf(directory, launch).served?.[0]?.request === 2,
      );
      // Launchers that stay are not the process that is measured: perf.
      const pids = files[worked ?? '']?.map((name) => Number(/\.(\d+)(?:\.|-|$)/.exec(name)?.[1])) ?? [];
      const profiles = report.profiles ?? [];
      expect(new Set(profiles.map(({ pid }) => pid)).size).toBe(2);
      const costlyOnes = profiles.filter((profile) => hasFunction(profile, costly));
      expect(costlyOnes).toHaveLength(1);
      if (tool !== 'perf') expect(pids).toContain(costlyOnes[0]?.pid);
    });
  }

  for (const [tool, needs, file, costly] of profilers) {
    // libfcgi replaces the environment, where GMON_OUT_PREFIX is asked for at the end.
    if (tool === 'gprof') continue;
    test.skipIf(!canServe || !canRun(needs))(`by ${tool} is made of a FastCGI process, once`, async () => {
      const program = built(buildFor(tool), true);
      const { report, requests, directory } = await replay(tool, program, ['nothing', 'work']);
      expect(report.outcome === 'inconclusive', report.reasons.join('\n')).toBe(false);
      expect(requests.map(({ answered }) => answered)).toEqual([1, 1]);
      const files = filesOf(directory);
      expect(Object.keys(files)).toEqual(['launch-1']);
      expect(files['launch-1']?.filter((name) => file.test(name))).toHaveLength(1);
      const [profile, ...more] = report.profiles ?? [];
      expect(more).toEqual([]);
      expect(profile !== undefined && hasFunction(profile, costly)).toBe(true);
    });
  }

  test.skipIf(!canServe || !canRun('gprof'))(
    'by gprof of a program on libfcgi is missing, and never said to be clean',
    async () => {
      const { report, status } = await replay('gprof', built('gprof', true), ['nothing', 'work']);
      expect([report.outcome, status]).toEqual(['inconclusive', 101]);
      const problem = report.problems.find(({ code }) => code === 'no-profile');
      expect(problem?.hint).toContain('libfcgi');
    },
  );
});

describe.skipIf(!canServe)('a FastCGI program that was built', () => {
  for (const [tool, build, query, rule, place, request] of [
    // Leaks are searched at the end, for all requests.
    ['asan', 'address', 'leak', 'lsan/direct-leak', 'lose_block', ''],
    ['lsan', 'leak', 'leak', 'lsan/direct-leak', 'lose_block', ''],
    ['ubsan', 'undefined', 'shift', 'ubsan/shift-exponent', 'shift_far', '2'],
    ['tsan', 'thread', 'race', 'tsan/data-race', 'count_found', '2'],
    ['memwatch', 'memwatch', 'leak', 'memwatch/unfreed', `line ${lineOfLoss}`, ''],
  ] as const) {
    test(`for ${tool} is seen to its end, with its ${query}`, async () => {
      const { report, status, requests } = await replay(tool, built(build, true), ['nothing', query, 'last']);
      expect([report.outcome, status], report.reasons.join('\n')).toEqual(['findings', 100]);
      expect(told(report)).toEqual([`${rule} ${place} in ${request}`.trimEnd()]);
      expect(incomplete(report)).toEqual([]);
      expect(requests.map(({ answered, faults }) => [answered, faults])).toEqual(Array(3).fill([1, []]));
    });
  }

  test('for asan and is ended by it over a request is asked that request once, and started again', async () => {
    const { report, status, requests, directory } = await replay('asan', built('address', true), [
      'nothing',
      'overflow',
      'last',
    ]);
    expect([report.outcome, status], report.reasons.join('\n')).toEqual(['findings', 100]);
    expect(told(report)).toEqual(['asan/heap-buffer-overflow write_past in 2']);
    expect(launchesIn(directory)).toEqual(['launch-1', 'launch-2']);
    expect(requests.map(({ answered, ended }) => [answered, ended])).toEqual([
      [1, undefined],
      [0, { how: 'exited', code: 100 }],
      [1, undefined],
    ]);
  });

  test('for asan and dies of SIGTERM has not searched for leaks, and that is said', async () => {
    const { report, status } = await replay('asan', built('address', true), ['leak', 'default']);
    expect([report.outcome, status]).toEqual(['inconclusive', 101]);
    expect([report.findings, report.reasons.join('\n')]).toEqual([[], expect.stringMatching(/leaks/i)]);
  });
});

test.skipIf(!canCompile)(
  'programs that would write into one memwatch.log are not started at once',
  async () => {
    const words = ['--tool=memwatch', '-j2', built('memwatch', false)];
    const urls = [1, 2].map((number) => `http://localhost/memwatch-called/${number}`);
    const { status, stderr } = await cgi([...words, ...urls], { cwd: cwd() });
    expect([status, stderr]).toEqual([125, expect.stringContaining('memwatch.log')]);
  },
);
