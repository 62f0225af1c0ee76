// Runs under gdb: the program is as it is without, and what happened to it stands in the stop log.
import { execFileSync, spawn } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Stop } from '../../src/model/stop.ts';
import { canRun, cliPath, projectRoot } from '../project.ts';
import {
  compileC,
  newestRun,
  type Options,
  type Result,
  runProgram,
  testFolder,
  until,
  vgrun,
} from './vgrun.ts';

const folder = testFolder();
const place = (...names: readonly string[]) => join(folder(), ...names);

/** A line of a stop log. */
interface Line extends Partial<Stop> {
  readonly type: string;
  readonly pid?: number;
  readonly ppid?: number;
  readonly argv?: readonly string[];
  readonly program?: string;
  readonly how?: string;
  readonly code?: number | string;
  readonly name?: string;
  readonly message?: string;
}

interface Seen extends Result {
  readonly lines: readonly Line[];
  readonly stops: readonly Stop[];
  /** By pid `SIGSEGV` or `code 3`: of two processes that end at nearly the same time, gdb tells in any order. */
  readonly exits: Readonly<Record<number, string>>;
  readonly problems: readonly string[];
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const words = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return words.split(' ').filter(Boolean).map(Number);
}

/** One letter (proc_pid_stat(5)); empty when it is gone. */
async function stateOf(pid: number): Promise<string> {
  const line = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return /\) (\S)/.exec(line)?.[1] ?? '';
}

/** Runs `vgrun gdb words…` in a folder of its own and reads its stop log. */
async function underGdb(words: readonly string[], options: Partial<Options> = {}): Promise<Seen> {
  const cwd = options.cwd ?? place(`run-${Math.random().toString(36).slice(2)}`);
  await mkdir(cwd, { recursive: true });
  const result = await vgrun(['gdb', ...words], { ...options, cwd });
  return { ...result, ...(await readStops(cwd)) };
}

async function readStops(cwd: string): Promise<Omit<Seen, keyof Result>> {
  const { path } = await newestRun(cwd);
  const text = await readFile(join(path, 'gdb.stops.jsonl'), 'utf8');
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  return {
    lines,
    // A later line about a stop takes the place of the earlier one.
    stops: [
      ...new Map(
        lines.flatMap((line) =>
          line.type === 'stop' ? [[line.number, line as unknown as Stop] as const] : [],
        ),
      ).values(),
    ],
    exits: Object.fromEntries(
      lines
        .filter(({ type }) => type === 'exit')
        .map(({ pid = 0, code, name }) => [pid, name ?? `code ${code}`]),
    ),
    problems: lines.filter(({ type }) => type === 'problem').map(({ code }) => String(code)),
  };
}

function compile(name: string, ...flags: readonly string[]): string {
  const program = place(name);
  execFileSync('cc', ['-g', '-O0', ...flags, '-o', program, join(projectRoot, `examples-c/gdb/${name}.c`)]);
  return program;
}

/** Function and line of the frames of the current thread. */
function at({ threads }: Stop): readonly string[] {
  const current = threads.find(({ isCurrent }) => isCurrent);
  return (current?.frames ?? []).map(({ function: name, line }) => `${name}:${line ?? '?'}`);
}

function valueIn({ threads }: Stop, frame: number, name: string): string | undefined {
  const current = threads.find(({ isCurrent }) => isCurrent);
  return current?.frames[frame]?.variables?.find((each) => each.name === name)?.value;
}

const selfPortrait = `
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
extern char **environ;
int main(int argc, char **argv) {
  char text[4096], path[64];
  struct rlimit limit;
  struct sigaction action;
  sigset_t blocked;
  for (int i = 0; i < argc; i++) printf("argument %d [%s]\\n", i, argv[i]);
  for (char **each = environ; *each; each++) printf("variable [%s]\\n", *each);
  printf("directory %s\\n", getcwd(text, sizeof text));
  while (fgets(text, sizeof text, stdin)) printf("input [%s]\\n", text);
  for (int i = 3; i < 32; i++) {
    snprintf(path, sizeof path, "/proc/self/fd/%d", i);
    ssize_t length = readlink(path, text, sizeof text - 1);
    if (length > 0) printf("descriptor %d %.*s\\n", i, (int)length, text);
  }
  sigprocmask(0, 0, &blocked);
  for (int i = 1; i < 32; i++) {
    sigaction(i, 0, &action);
    printf("signal %d %d %d\\n", i, action.sa_handler == SIG_IGN, sigismember(&blocked, i));
  }
  getrlimit(RLIMIT_NOFILE, &limit);
  printf("files %ld %ld\\n", (long)limit.rlim_cur, (long)limit.rlim_max);
  fprintf(stderr, "to stderr\\n");
  return 42;
}`;

const handlesSignals = `
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static sigjmp_buf back;
static volatile int got;
static void jump(int number) { siglongjmp(back, number); }
static void note(int number) { got = number; }
int main(void) {
  signal(SIGSEGV, jump);
  if (sigsetjmp(back, 1) == 0) *(volatile int *)0 = 1;
  signal(SIGPIPE, SIG_IGN);
  raise(SIGPIPE);
  signal(SIGTERM, note);
  printf("ready\\n");
  fflush(stdout);
  while (got == 0) pause();
  printf("got %d\\n", got);
  fflush(stdout);
  raise(SIGUSR1);
  return 0;
}`;

// Its child notes every signal, and goes on until a file tells it to end.
const outlives = `
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static int notes;
static void note(int number) { dprintf(notes, "signal %d\\n", number); }
static void pass(int number) { usleep(1000 + number); }
static void *work(void *nothing) {
  for (int number = 0;; number ^= 1) pass(number);
}
int main(void) {
  pthread_t thread;
  if (fork() != 0) return 5;
  // Whoever reads them waits for their ends.
  for (int i = 0; i < 3; i++) close(i);
  notes = open("signals", O_CREAT | O_WRONLY | O_APPEND, 0600);
  for (int i = 1; i < 65; i++) signal(i, note);
  pthread_create(&thread, 0, work, 0);
  for (int i = 0; i < 60000 && access("end", F_OK) != 0; i++) pass(1);
  rename("signals", "ended");
  return 0;
}`;

// Two threads that start processes as posix_spawn does: each waits in vfork, while children of the other one end.
const spawns = `
#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>
static void *spawn(void *nothing) {
  char *words[] = {"/bin/true", 0};
  for (int i = 0; i < 8; i++) {
    pid_t child;
    posix_spawn(&child, words[0], 0, 0, words, 0);
    waitpid(child, 0, 0);
  }
  return 0;
}
int main(void) {
  pthread_t thread;
  pthread_create(&thread, 0, spawn, 0);
  spawn(0);
  pthread_join(thread, 0);
  return 6;
}`;

// Thirty-two processes, most of which are made, and end, at the same time.
const forks = `
#include <unistd.h>
int main(int count, char **words) {
  for (int i = 0; i < 5; i++) fork();
  if (count > 1) *(volatile int *)0 = 1;
  usleep(1000);
  return 0;
}`;

// Each signal is one for gdb to pass on.
const ticks = `
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
  signal(SIGUSR1, SIG_IGN);
  puts("started");
  fflush(stdout);
  for (;;) {
    usleep(10000);
    raise(SIGUSR1);
  }
}`;

const containers = `
#include <cstdlib>
#include <map>
#include <string>
#include <vector>
static void check(const std::string &name, const std::vector<int> &numbers) {
  std::map<std::string, int> ages{{"ann", 3}};
  if (numbers.size() > 2) std::abort();
}
int main() {
  std::vector<int> numbers{1, 2, 3};
  check("a name", numbers);
  return 0;
}`;

describe.skipIf(!canRun('gdb'))('a program under gdb', () => {
  beforeAll(async () => {
    compileC(place('portrait'), selfPortrait);
    compileC(place('handles'), handlesSignals);
  });

  test('has the words, variables, input, descriptors, signals and status that it has without', async () => {
    const words = ['a b', '', `q"u'o$HOME\`x\`\\`, 'two\nlines', '--break=x', '*', '#', '-x'];
    const cwd = place('with spaces');
    await mkdir(cwd);
    const env = {
      SHELL: '/bin/no such shell',
      LINES: '11',
      COLUMNS: '33',
      LC_ALL: 'C',
      TWO: 'a\nb ',
      'BASH_FUNC_f%%': '() {  :\n}',
      V0: 'mine',
      PWD: '/elsewhere',
    };
    const options = { cwd, env, input: 'one\ntwo' };
    const plain = await runProgram('../portrait', words, options);
    const seen = await underGdb(['../portrait', ...words], options);
    expect(seen.stdout).toBe(plain.stdout);
    expect(seen.stderr.startsWith('to stderr\n')).toBe(true);
    expect([plain.status, seen.status, Object.values(seen.exits)]).toEqual([42, 42, ['code 42']]);
    expect(seen.lines[1]).toMatchObject({ argv: ['../portrait', ...words], how: 'start' });
    expect(seen.lines.at(-1)).toEqual({ type: 'end' });
    expect(seen.problems).toEqual([]);
  });

  test('gets signals that are for it, and one that it survives is no stop', async () => {
    const seen = await underGdb(['../handles'], {
      onStart: (child) => {
        child.stdout?.on('data', (bytes: Buffer) => {
          if (bytes.toString().includes('ready')) child.kill('SIGTERM');
        });
      },
    });
    expect(seen.stdout).toBe('ready\ngot 15\n');
    expect(seen.status).toBe(128 + 10);
    expect(seen.stops.map(({ signal }) => [signal?.name, signal?.sender?.who])).toEqual([
      ['SIGUSR1', 'itself'],
    ]);
  });

  test('that outlives --wait is let go and goes on, and gets no signal for it', async () => {
    const program = place('outlives');
    compileC(program, outlives);
    const cwd = place('waited-for');
    await mkdir(cwd);
    // Its place is passed all the time: the breakpoint must be gone when gdb is.
    const seen = await underGdb(['--wait=1', '--break', 'pass if number < 0', program], { cwd });
    expect([seen.status, seen.problems]).toEqual([5, ['process-outlives', 'probe-not-hit']]);
    await writeFile(join(cwd, 'end'), '');
    await until('the child to end', async () => (await readdir(cwd)).includes('ended'));
    // A line for each signal that a handler got.
    expect(await readFile(join(cwd, 'ended'), 'utf8')).toBe('');
  });

  test('may start processes in several threads at the same time', async () => {
    const program = place('spawns');
    compileC(program, spawns);
    const seen = await underGdb([program]);
    expect([seen.status, seen.problems]).toEqual([6, []]);
    expect(Object.values(seen.exits).sort()).toEqual([...Array(16).fill('code 0'), 'code 6']);
  });

  test('may have many children that fork at the same time: each is followed to its end', async () => {
    const program = place('forks');
    compileC(program, forks);
    for (const words of [[], ['crash']]) {
      const seen = await underGdb([program, ...words]);
      const end = words.length === 0 ? 'code 0' : 'SIGSEGV';
      expect([seen.status, seen.problems]).toEqual([words.length === 0 ? 0 : 139, []]);
      expect(Object.values(seen.exits)).toEqual(Array(32).fill(end));
      expect(seen.stops).toHaveLength(words.length === 0 ? 0 : 32);
    }
  });

  test('that a gdb holds which does nothing more is ended with it, when vgrun is asked twice', async () => {
    const program = place('ticks');
    compileC(program, ticks);
    const cwd = place('held');
    await mkdir(cwd);
    let said = '';
    const child = spawn(process.execPath, [cliPath, 'gdb', program], { cwd });
    child.stdout.on('data', (bytes) => {
      said += bytes;
    });
    await until('the program to start', () => said.includes('started'));
    const pids = await childrenOf(child.pid ?? 0);
    expect(pids).toHaveLength(1);
    const [gdb = 0] = pids;
    const [traced = 0] = await childrenOf(gdb);
    process.kill(gdb, 'SIGSTOP');
    await until('gdb to hold it', async () => (await stateOf(traced)) === 't');
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGTERM');
    await sleep(5200);
    child.kill('SIGTERM');
    expect(await ended).toBe(101);
    await until('the program to be gone', async () => ['', 'Z'].includes(await stateOf(traced)));
  });

  test('is ended with vgrun, whatever ends that', async () => {
    const cwd = place('killed');
    await mkdir(cwd);
    let pid = 0;
    await vgrun(['gdb', '../handles'], {
      cwd,
      onStart: (child) => {
        child.stdout?.once('data', () => {
          void readStops(cwd).then(({ lines }) => {
            pid = lines[1]?.pid ?? 0;
            child.kill('SIGKILL');
          });
        });
      },
    });
    expect(pid).toBeGreaterThan(0);
    await until('the program to end', async () => !(await readdir('/proc')).includes(String(pid)));
  });
});

describe.skipIf(!canRun('gdb'))('a crash', () => {
  test('in a thread is told with all threads, their names and values', async () => {
    const seen = await underGdb([compile('thread-crash', '-pthread')]);
    expect(seen.status).toBe(139);
    expect(Object.values(seen.exits)).toEqual(['SIGSEGV']);
    const [stop] = seen.stops as [Stop];
    expect(stop).toMatchObject({
      number: 1,
      cause: 'signal',
      signal: { name: 'SIGSEGV', codeName: 'SEGV_MAPERR', address: '0x0' },
      // By the registers of the thread that crashed, which is not the first one.
      fault: { operation: 'write', size: 4, pointer: 'null' },
      core: 'gdb-1.core',
    });
    expect(stop.threads.map(({ name }) => name).sort()).toEqual(['thread-crash', 'waiter', 'worker']);
    expect(stop.threads[0]).toMatchObject({ name: 'worker', isCurrent: true });
    expect(at(stop)[0]).toBe('work:20');
    expect([valueIn(stop, 0, 'goal'), valueIn(stop, 0, 'count')]).toEqual(['0x0', '41']);
    expect(stop.threads.flatMap(({ frames }) => frames).map((frame) => frame.function)).toContain('main');
    const { lines = [], current = 0 } = stop.disassembly ?? {};
    expect(lines[current]?.address).toBe(stop.threads[0]?.frames[0]?.ip);
    expect(stop.modules?.find(({ path }) => path.endsWith('/thread-crash'))?.buildId).toMatch(
      /^[0-9a-f]{40}$/,
    );
    expect(stop.threads[0]?.registers?.find(({ name }) => name === 'rip' || name === 'pc')).toBeDefined();
  });

  test('of a child, behind an exec, is told of the child; the status is that of the first process', async () => {
    const child = compile('child-crash');
    const seen = await underGdb([compile('exec-wrapper'), child, 'x y']);
    expect(seen.stdout).toBe('signal 11\n');
    expect(seen.status).toBe(3);
    const [start, exec, fork] = seen.lines.filter(({ type }) => type === 'process');
    expect(exec).toMatchObject({ pid: start?.pid, how: 'exec', argv: ['renamed', 'x y'], program: child });
    expect(fork).toMatchObject({ ppid: start?.pid, how: 'fork', program: child });
    expect(seen.stops.map((stop) => [stop.pid, at(stop)])).toEqual([[fork?.pid, ['fill:12', 'main:19']]]);
    expect(seen.exits).toEqual({ [Number(fork?.pid)]: 'SIGSEGV', [Number(start?.pid)]: 'code 3' });
  });

  test('between vfork and exec is told of the child, and the parent goes on', async () => {
    const seen = await underGdb([compile('vfork-crash', '-w')]);
    expect([seen.stdout, seen.status, seen.problems]).toEqual(['signal 11\n', 4, []]);
    const [start, child] = seen.lines.filter(({ type }) => type === 'process');
    expect(seen.stops.map((stop) => [stop.pid, at(stop)])).toEqual([[child?.pid, ['set_up:8', 'main:14']]]);
    expect(seen.stops[0]).toMatchObject({ fault: { operation: 'write', pointer: 'null' } });
    expect(seen.exits).toEqual({ [Number(child?.pid)]: 'SIGSEGV', [Number(start?.pid)]: 'code 4' });
  });

  test('of a full stack of a thread makes no values up for what was never written', async () => {
    const program = place('full-stack');
    compileC(
      program,
      `#include <pthread.h>
       __attribute__((noinline)) static int depth_of(int depth) {
         volatile char room[3000];
         room[depth % 3000] = 1;
         return depth_of(depth + 1) + room[0];
       }
       static void *work(void *p) { return (void *)(long)depth_of(1); }
       int main(void) {
         pthread_t thread;
         pthread_attr_t small;
         pthread_attr_init(&small);
         pthread_attr_setstacksize(&small, 65536);
         pthread_attr_setguardsize(&small, 65536);
         pthread_create(&thread, &small, work, 0);
         return pthread_join(thread, 0);
       }`,
    );
    const [stop] = (await underGdb([program])).stops as [Stop];
    expect(stop.fault?.pointer).toBe('stack guard');
    expect(valueIn(stop, 0, 'depth')).toMatch(/^<No access to memory/);
    expect(Number(valueIn(stop, 1, 'depth'))).toBeGreaterThan(5);
  });

  test('that a handler hides by a signal of its own is told with the frames of the fault', async () => {
    const program = compile('crash-handler', '-pthread', '-w');
    const ways = ['raise', 'kill', 'abort', 'return'];
    const runs = await Promise.all(ways.map((way) => underGdb([program, way])));
    expect(runs.map(({ status, stderr }) => [status, stderr.startsWith('crash\n')])).toEqual([
      [139, true],
      [139, true],
      [134, true],
      [139, true],
    ]);
    for (const { stops } of runs) {
      const [stop] = stops as [Stop];
      expect(stop).toMatchObject({
        signal: { name: 'SIGSEGV', codeName: 'SEGV_ACCERR' },
        fault: { operation: 'write', size: 1, address: stop.signal?.address, pointer: 'no access' },
      });
      expect(at(stop).slice(0, 2)).toEqual(['store:30', 'work:34']);
      expect(valueIn(stop, 0, 'value')).toBe("42 '*'");
      const { lines = [], current = 0 } = stop.disassembly ?? {};
      expect(lines[current]?.address).toBe(stop.threads[0]?.frames[0]?.ip);
    }
    expect(runs.map(({ stops }) => stops[0]?.what)).toEqual([
      'It was handled, and then the process raised SIGSEGV again: what is shown is the first fault.',
      'on_crash() handled it, and then the process raised SIGSEGV again: what is shown is the first fault.',
      'on_crash() handled it, and then the process raised SIGABRT: what is shown is the first fault.',
      // It faulted again: nobody hid anything.
      undefined,
    ]);
    const [abortAfterwards] = (await underGdb([program, 'handled'])).stops as [Stop];
    expect(abortAfterwards).toMatchObject({ signal: { name: 'SIGABRT' } });
    expect(abortAfterwards.what).toBeUndefined();
    expect(at(abortAfterwards).at(-1)).toBe('main:45');
  });

  test('of a C++ program shows containers as what is in them', async () => {
    const program = place('containers');
    execFileSync('c++', ['-g', '-O0', '-x', 'c++', '-o', program, '-'], { input: containers });
    const seen = await underGdb([program]);
    expect(seen.status).toBe(134);
    const [stop] = seen.stops as [Stop];
    const check = stop.threads[0]?.frames.findIndex(({ function: name }) => name?.startsWith('check')) ?? -1;
    expect(stop.signal).toMatchObject({ name: 'SIGABRT', sender: { who: 'itself' } });
    expect(valueIn(stop, check, 'name')).toBe('"a name"');
    expect(valueIn(stop, check, 'numbers')).toMatch(/length 3.*\{1, 2, 3\}/);
    expect(valueIn(stop, check, 'ages')).toContain('["ann"] = 3');
  });

  test('of a program without symbols runs nothing that lies beside it or in it', async () => {
    const cwd = place('hostile');
    await mkdir(cwd);
    const mark = (name: string) => join(cwd, `ran-${name}`);
    await writeFile(join(cwd, '.gdbinit'), `shell touch ${mark('gdbinit')}\n`);
    for (const name of ['prog-gdb.py', 'gdb.py', 'stop.py', 'log.py', 'values.py', 'frames.py', 'json.py']) {
      await writeFile(join(cwd, name), `open(${JSON.stringify(mark(name))}, 'w')\n`);
    }
    await writeFile(join(cwd, 'prog-gdb.gdb'), `shell touch ${mark('gdb-gdb')}\n`);
    const script = `\\004gdb.inlined\\nopen('${mark('section')}', 'w')\\n\\0`;
    compileC(
      join(cwd, 'prog'),
      `asm(".pushsection \\".debug_gdb_scripts\\", \\"MS\\",@progbits,1\\n.ascii \\"${script.replaceAll('\\', '\\\\')}\\"\\n.popsection\\n");
       int main(void) { *(volatile int *)8 = 1; return 0; }`,
    );
    execFileSync('strip', ['--strip-all', join(cwd, 'prog')]);
    await chmod(join(cwd, '.gdbinit'), 0o644);
    const seen = await underGdb(['./prog'], { cwd, env: { HOME: cwd, PYTHONPATH: cwd } });
    expect((await readdir(cwd)).filter((name) => name.startsWith('ran-'))).toEqual([]);
    expect(seen.status).toBe(139);
    const [stop] = seen.stops as [Stop];
    expect(stop.signal?.address).toBe('0x8');
    expect(stop.threads[0]?.frames[0]).toMatchObject({ object: join(cwd, 'prog'), found: 'innermost' });
    expect(stop.threads[0]?.frames[0]?.function).toBeUndefined();
  });
});

describe.skipIf(!canRun('gdb'))('probes', () => {
  test('write down values in order, change variables, and are bounded', async () => {
    const program = compile('probe');
    const seen = await underGdb([
      ...['--break', 'probe.c:13 if x > 6', '--print', 'x', '--print', 'sum->total', '--print', '/x x'],
      ...['--print', 'missing', '--backtrace'],
      ...['--break', 'probe.c:13 if x == 0', '--set', 'twice=100', '--print', 'sum->unit'],
      ...['--break', 'add', '--max-hits', '4'],
      ...['--break', 'add', '--thread=no-such-thread'],
      ...['--break', 'nowhere.c:1', '--break', 'add if missing > 1', '--break', 'main', '--child'],
      program,
    ]);
    expect(seen.stdout).toBe('total 190\n');
    expect(seen.status).toBe(101);
    const hits = seen.stops.map(({ probe }) => probe);
    const of = (number: number) => hits.filter((hit) => hit?.probe === number);
    expect(of(1).map((hit) => hit?.values.map(({ value, error }) => value ?? error))).toEqual([
      ['7', '142', '0x7', 'No symbol "missing" in current context.'],
      ['8', '156', '0x8', 'No symbol "missing" in current context.'],
      ['9', '172', '0x9', 'No symbol "missing" in current context.'],
    ]);
    expect(of(2)).toMatchObject([
      {
        hit: 1,
        changes: [{ expression: 'twice', value: '100' }],
        values: [{ value: expect.stringContaining('"apples"') }],
      },
    ]);
    expect(of(3).map((hit) => hit?.hit)).toEqual([1, 2, 3, 4]);
    expect([of(4), of(7)]).toEqual([[], []]);
    expect(seen.stops.map(({ number }) => number)).toEqual(seen.stops.map((_, index) => index + 1));
    const [first] = seen.stops.filter(({ probe }) => probe?.probe === 1);
    expect(first && at(first)).toEqual(['add:13', 'main:20']);
    // Of --backtrace the values of each call, also on the terminal.
    expect(seen.stderr).toMatch(
      /#0 {2}add\(\) {2}\S*probe\.c:13\n +x = 7 {3}sum = 0x[0-9a-f]+ {3}twice = 14\n/,
    );
    expect(
      seen.lines.filter(({ type }) => type === 'problem').map(({ code, message }) => [code, message]),
    ).toEqual([
      ['probe-condition', expect.stringContaining('missing > 1')],
      ['probe-limit', expect.any(String)],
      [
        'probe-value',
        `--print 'missing' could not be evaluated at any hit of --break 'probe.c:13 if x > 6': No symbol "missing" in current context.`,
      ],
      ['probe-not-hit', `--break 'add' was never hit with --thread=no-such-thread`],
      ['probe-place', expect.stringContaining('nowhere.c:1')],
      ['probe-not-hit', `--break 'main' was never hit with --child`],
    ]);
  });

  test('tell a value that could not be read and a change that was not made', async () => {
    const program = compile('probe');
    const seen = await underGdb([
      ...[
        '--break',
        'main',
        '--print',
        '*(int*)0',
        '--break',
        'probe.c:13 if x < 2',
        '--set',
        'twice=*(int*)0',
      ],
      program,
    ]);
    expect(seen.stdout).toBe('total 90\n');
    expect(seen.status).toBe(101);
    expect(seen.lines.filter(({ type }) => type === 'problem').map(({ message }) => message)).toEqual([
      "--print '*(int*)0' could not be evaluated at any hit of --break 'main': Cannot access memory at address 0x0",
      "--set 'twice=*(int*)0' failed at hit 1 of --break 'probe.c:13 if x < 2', and failed at 2 hits in all: Cannot access memory at address 0x0",
    ]);
  });

  test('count each hit once, whatever signals arrive at that moment', async () => {
    const program = compile('probe-signals', '-pthread');
    const seen = await underGdb([
      ...['--break=tick', '--print=i', '--set=sum=0', '--max-hits=1000'],
      ...['--break=tick if i == 7', '--set=sevens=sevens+1', '--break=*store', program],
    ]);
    const printed = /^calls (\d+) sum (\d+) sevens (\d+) jumps [1-5] nested 1 blocked 0\n$/.exec(seen.stdout);
    const [calls, sum, sevens] = (printed ?? []).slice(1).map(Number);
    const ofAll = seen.stops.filter(({ probe }) => probe?.probe === 1);
    const values = ofAll.map(({ probe }) => Number(probe?.values[0]?.value));
    const rounds = Array.from({ length: 200 }, (_, index) => index % 40);
    expect(values.filter((value) => value < 1000)).toEqual(rounds);
    expect(values).toHaveLength(Number(calls) + 3);
    expect(ofAll.map(({ probe }) => probe?.hit)).toEqual(ofAll.map((_, index) => index + 1));
    const hits = (number: number) => seen.stops.filter(({ probe }) => probe?.probe === number).length;
    expect([hits(2), hits(3)]).toEqual([5, 6]);
    // Each time it is 0 before the value is added.
    expect([sum, sevens]).toEqual([5000, 5]);
    const of = (value: number) => values.filter((each) => each === value).length;
    expect([of(2000), of(3000), of(5000), of(6000)]).toEqual([40, 20, 40, 3]);
    expect(seen.status).toBe(0);
    expect(seen.problems).toEqual([]);
  });

  test('at a call of the kernel are not counted for certain when signals arrive there, which is said', async () => {
    const program = place('system-calls');
    compileC(
      program,
      `#include <signal.h>
       #include <sys/time.h>
       static void ignore(int signal) { (void)signal; }
       int main(void) {
         struct itimerval often = {{0, 3000}, {0, 3000}};
         signal(SIGALRM, ignore);
         setitimer(ITIMER_REAL, &often, 0);
         for (int i = 0; i < 20; i++) {
           long number;
           __asm__ volatile("of_kernel: syscall" : "=a"(number) : "a"(39) : "rcx", "r11", "memory");
         }
         return 0;
       }`,
    );
    const seen = await underGdb(['--break=of_kernel', '--max-hits=40', program]);
    expect(seen.problems).toContain('probe-repeated');
    expect(seen.status).toBe(101);
  });

  test('are told up to the moment when something kills the program, also while it stands still', async () => {
    const program = place('endless');
    compileC(
      program,
      `#include <stdio.h>
       #include <unistd.h>
       void tick(int i) { (void)i; }
       int main(void) {
         printf("%d\\n", getpid());
         fflush(stdout);
         for (int i = 0;; i++) tick(i);
       }`,
    );
    for (const hits of [3, 10]) {
      const cwd = place(`endless-${hits}`);
      const seen = await underGdb(['--break=tick', '--max-hits=100000', program], {
        cwd,
        onStart: (child) => {
          child.stdout?.once('data', (pid: Buffer) => {
            void until('hits', async () => (await readStops(cwd)).stops.length >= hits).then(() =>
              process.kill(Number(pid.toString()), 'SIGKILL'),
            );
          });
        },
      });
      expect(seen.status).toBe(137);
      expect(Object.values(seen.exits)).toEqual(['SIGKILL']);
      expect(seen.problems).toEqual([]);
    }
  });

  test('at an address that is not there are refused, and the program runs', async () => {
    const seen = await underGdb(['--break=*0', '--break=main', '--max-hits=1', compile('probe')]);
    expect(seen.stdout).toBe('total 90\n');
    expect(seen.status).toBe(101);
    expect(seen.stops).toHaveLength(1);
    expect(seen.lines.filter(({ type }) => type === 'problem').map(({ message }) => message)).toEqual([
      "--break '*0': no breakpoint can be set there: Cannot access memory at address 0x0",
      "--break 'main' was hit once and then taken away: later hits are not seen",
    ]);
  });

  test('take back a function that an expression calls and that does not return', async () => {
    const program = compile('probe-calls');
    const seen = await underGdb([
      ...['--break', 'main', '--print', 'crashes()', '--print', 'aborts()', '--print', 'runs_on()'],
      // The breakpoint in what is called does not count.
      ...['--print', 'calls', '--print', 'counted() - counted()', '--set', 'calls=0'],
      ...['--break', 'counted if crashes()', '--break', 'counted', program],
    ]);
    expect(seen.stdout).toBe('calls 2\n');
    expect(seen.status).toBe(3);
    const takenBack = (what: string) => `the function that it calls ${what}; the call was taken back`;
    const outcomes = [
      takenBack('got SIGSEGV'),
      takenBack('got SIGABRT'),
      takenBack('did not return within 10 s'),
    ];
    const hits = seen.stops.map(({ cause, probe }) => [
      cause,
      probe?.probe,
      probe?.values.map(({ value, error }) => value ?? error),
    ]);
    expect(hits).toEqual([
      ['probe', 1, [...outcomes, '0', '-1']],
      ['probe', 3, []],
      ['probe', 3, []],
    ]);
    expect(seen.stops.map((stop) => at(stop)[0])).toEqual(['main:34', 'counted:28', 'counted:28']);
    expect(seen.lines.filter(({ type }) => type === 'problem').map(({ message }) => message)).toEqual([
      `--break 'counted if crashes()': at a hit its condition could not be evaluated: ${outcomes[0]}`,
      ...['crashes()', 'aborts()', 'runs_on()'].map(
        (call, index) => `--print '${call}' failed at hit 1 of --break 'main': ${outcomes[index]}`,
      ),
    ]);
  });

  test('tell a function that an expression calls and that ends the process', async () => {
    const program = compile('probe-calls');
    const seen = await underGdb(['--break=main', '--print=ends()', '--print=calls', program]);
    expect(seen.status).toBe(9);
    expect(seen.stops.map(at)).toEqual([['main:34']]);
    expect(seen.stops[0]?.probe?.values.map(({ error }) => error)).toEqual([
      'the function that it calls ended the process',
      'the process had ended',
    ]);
    expect(seen.problems).toEqual(['probe-value']);
  });

  test('are told where a process waits in vfork, which cannot be stopped', async () => {
    const seen = await underGdb([
      ...['--break', 'set_up if number == 21', '--print', 'number', '--set', 'number=2', '--backtrace'],
      ...['--break', 'count if number > 1', '--print', 'number', '--print', 'set_up(1)'],
      ...['--break', 'count if set_up(number) == 4', compile('vfork-probe', '-w')],
    ]);
    expect(seen.status).toBe(4);
    const [parent, counting, child, executed] = seen.lines.filter(({ type }) => type === 'process');
    expect(executed).toMatchObject({ pid: child?.pid, how: 'exec', argv: ['true'] });
    expect(seen.exits).toEqual({
      [Number(parent?.pid)]: 'code 4',
      [Number(counting?.pid)]: 'code 0',
      [Number(child?.pid)]: 'code 0',
    });
    const noCall = 'no function can be called under gdb while a process is between vfork and exec';
    expect(
      seen.stops.map(({ pid, probe }) => [
        pid,
        probe?.hit,
        probe?.values.map((each) => each.value ?? each.error),
      ]),
    ).toEqual([
      [child?.pid, 1, ['21']],
      [counting?.pid, 1, ['2', noCall]],
      [counting?.pid, 2, ['3', noCall]],
    ]);
    expect(seen.stops[0]?.probe?.changes).toEqual([{ expression: 'number', value: '2' }]);
    expect(seen.stops.map((stop) => at(stop)[0])).toEqual(['set_up:8', 'count:12', 'count:12']);
    expect(seen.lines.filter(({ type }) => type === 'problem').map(({ message }) => message)).toEqual([
      `--break 'count if set_up(number) == 4': at a hit its condition could not be evaluated: ${noCall}`,
      `--print 'set_up(1)' failed at hit 1 of --break 'count if number > 1', and failed at 2 hits in all: ${noCall}`,
    ]);
  });

  test('wait for a library that is loaded later', async () => {
    execFileSync('cc', ['-g', '-shared', '-fPIC', '-x', 'c', '-o', place('later.so'), '-'], {
      input: 'int half(int whole) {\n  return whole / 2;\n}\n',
    });
    compileC(
      place('loads'),
      `#include <dlfcn.h>
       int main(int argc, char **argv) {
         int (*half)(int) = dlsym(dlopen(argv[1], RTLD_NOW), "half");
         return half(argc + 6) + half(10);
       }`,
    );
    const seen = await underGdb(['--break=half if whole == 8', '--print=whole', '../loads', '../later.so']);
    expect(seen.status).toBe(9);
    expect(seen.stops.map(({ probe }) => probe?.values[0]?.value)).toEqual(['8']);
    expect(seen.problems).toEqual([]);
  });
});

describe.skipIf(!canRun('gdb'))('gdb on the terminal', () => {
  test('starts set up, reads no init file unless asked, and its status is told', async () => {
    const cwd = place('interactive');
    await mkdir(cwd);
    await writeFile(join(cwd, '.gdbinit'), 'echo init-file-was-read\\n\n');
    const program = compile('probe');
    const result = await runProgram(
      process.execPath,
      [cliPath, 'gdb', '-i', '--follow=child', program, 'a b'],
      {
        cwd,
        env: { HOME: cwd },
        input: 'show debuginfod enabled\nshow follow-fork-mode\nshow args\nquit 7\n',
      },
    );
    expect(result.status).toBe(7);
    expect(result.stdout).toMatch(/functionality is currently set to "on"|is "on"/);
    expect(result.stdout).toContain('is "child"');
    expect(result.stdout).toContain('a\\ b');
    expect(result.stdout).not.toContain('init-file-was-read');
  });

  test.skipIf(!canRun('script'))(
    'attaches to a process, which goes on afterwards, or reads a core and its program',
    async () => {
      const cwd = place('at-the-prompt');
      await mkdir(cwd);
      compileC(
        join(cwd, 'waits'),
        '#include <unistd.h>\nstatic int wait_here(int a) { char c; return read(0, &c, 1) + a; }\nint main(void) { return wait_here(3); }',
      );
      const child = spawn(join(cwd, 'waits'), [], { stdio: ['pipe', 'ignore', 'ignore'] });
      const ended = new Promise((done) => child.once('exit', done));
      const atPrompt = (...words: readonly string[]) =>
        runProgram(
          'script',
          [
            '-qec',
            [process.execPath, cliPath, 'gdb', '-i', ...words].map((word) => `'${word}'`).join(' '),
            '/dev/null',
          ],
          { cwd, env: { SHELL: '/bin/sh' }, input: 'bt\nset confirm off\nquit 7\n' },
        );
      const attached = await atPrompt(`--pid=${child.pid}`);
      expect([attached.status, attached.stdout]).toEqual([7, expect.stringContaining('wait_here')]);
      // gdb has let it go: it reads a byte and adds 3.
      child.stdin?.end('x');
      expect(await ended).toBe(4);
      compileC(join(cwd, 'dies'), 'int main(void) { *(volatile int *)8 = 1; return 0; }');
      await underGdb(['./dies'], { cwd });
      const core = join((await newestRun(cwd)).path, 'gdb-1.core');
      const looked = await atPrompt(`--core=${core}`);
      expect(looked.status).toBe(7);
      expect(looked.stdout.replace(/\x1b\[[\d;?]*[a-z]/gi, '')).toMatch(/#0 .* main \(\)/);
      const missing = await atPrompt('--core=missing');
      expect([missing.status, missing.stdout]).toEqual([125, expect.stringContaining('missing')]);
    },
  );
});
