// `vgrun stacks PID` on live programs: what their threads do, that they go on, and what is said of those that cannot be looked at.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ReportStop, ReportStopThread } from '../../src/model/report.ts';
import { findProgramOnPath } from '../../src/run/instrument.ts';
import { runSampler } from '../../src/run/stacks/sampler.ts';
import { canRun, projectRoot } from '../project.ts';
import { runPage } from './page.ts';
import { compileC, newestRun, type Result, testFolder, until, vgrun, vgrunReport } from './vgrun.ts';

const folder = testFolder();
const started: ChildProcess[] = [];
function endAll(): void {
  for (const child of started.splice(0)) child.kill('SIGKILL');
}

/** Starts a program that says `ready`, and waits for that. */
async function start(program: string, ...words: string[]): Promise<number> {
  const child = spawn(program, words, { cwd: folder(), stdio: ['pipe', 'pipe', 'ignore'] });
  started.push(child);
  await new Promise<void>((done, fail) => {
    child.stdout.once('data', () => done());
    child.once('error', fail);
    child.once('exit', (code) => fail(new Error(`${program} ended with ${code}`)));
  });
  return child.pid as number;
}

const stacks = (pid: number | string, ...words: string[]): Promise<Result> =>
  vgrun(['stacks', '--max-pause=5000', ...words, String(pid)], { cwd: folder() });

/** How often a heartbeat was there until now. */
async function beats(): Promise<bigint> {
  return (await readFile(join(folder(), 'beats'))).readBigUInt64LE(8);
}

/** Processes with a word in their command lines. */
async function processesWith(word: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const line = await readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => '');
    if (line.includes(word)) found.push(Number(name));
  }
  return found;
}

/** A process that this one started, by a word of its command line. */
async function childWith(word: string): Promise<number | undefined> {
  for (const lwp of await readdir('/proc/self/task')) {
    const children = await readFile(`/proc/self/task/${lwp}/children`, 'latin1').catch(() => '');
    for (const child of children.split(' ').filter((text) => text !== '')) {
      const line = await readFile(`/proc/${child}/cmdline`, 'latin1').catch(() => '');
      if (line.includes(word)) return Number(child);
    }
  }
  return undefined;
}

/** Has a thread, as another tracer would, until its standard input ends; `stop` stops it too. */
const seizeScript = `
import ctypes, sys
libc = ctypes.CDLL(None)
libc.ptrace.argtypes = [ctypes.c_long] * 4
print(libc.ptrace(0x4206, int(sys.argv[1]), 0, 0), flush=True)
if sys.argv[2:] == ["stop"]: libc.ptrace(0x4207, int(sys.argv[1]), 0, 0)
sys.stdin.read()
`;

/** Whether no thread of a process is stopped or traced, apart from those that have ended. */
async function isFree(pid: number, ended: readonly number[] = []): Promise<boolean> {
  for (const lwp of await readdir(`/proc/${pid}/task`)) {
    if (ended.includes(Number(lwp))) continue;
    const status = await readFile(`/proc/${pid}/task/${lwp}/status`, 'utf8');
    if (!/^State:\t[RSD]/m.test(status) || !/^TracerPid:\t0$/m.test(status)) return false;
  }
  return true;
}

describe.skipIf(!canRun('gdb') || !canRun('cc'))('vgrun stacks', () => {
  beforeAll(() => {
    const names = [
      'stacks-workers',
      'heartbeat',
      'deadlock',
      'first-thread-ends',
      'alternate-stack',
      'vfork-waits',
    ];
    for (const name of names) {
      const source = join(projectRoot, `examples-c/gdb/${name}.c`);
      execFileSync('cc', ['-gdwarf-4', '-O0', '-w', '-pthread', '-o', join(folder(), name), source]);
    }
  });
  afterEach(endAll);
  afterAll(endAll);

  const named = (stop: ReportStop | undefined, name: string): ReportStopThread => {
    const thread = stop?.threads.find((each) => each.name === name);
    if (thread === undefined) throw new Error(`there is no thread ${name} in ${JSON.stringify(stop)}`);
    return thread;
  };
  const functionsOf = ({ frames }: ReportStopThread): readonly (string | undefined)[] =>
    frames.map((frame) => frame.function);

  test('each thread has its name, its functions with lines, and what it waits for', async () => {
    const pid = await start('./stacks-workers');
    const { report, status } = await vgrunReport(['--max-pause=5000', String(pid)], {
      cwd: folder(),
      command: 'stacks',
    });
    expect(status).toBe(0);
    const [stop] = report.stops ?? [];
    expect(stop).toMatchObject({ cause: 'sample', pid });
    expect(stop?.threads).toHaveLength(8);
    expect(stop?.threads[0]).toMatchObject({ lwp: pid, name: 'stacks-workers', end: 'whole' });
    expect(functionsOf(named(stop, 'stacks-workers'))).toEqual(
      expect.arrayContaining(['read_orders', 'main']),
    );
    expect(functionsOf(named(stop, 'spinner')).slice(0, 2)).toEqual(['spin', 'compute']);
    expect(functionsOf(named(stop, 'polite-a'))).toContain('give_way');
    const pool = named(stop, 'pool-2');
    const waits = pool.frames.find((frame) => frame.function === 'wait_for_work');
    expect(waits).toMatchObject({ file: 'stacks-workers.c', found: 'unwound', trust: 'sure' });
    expect(waits?.line).toBeGreaterThan(0);
    expect(pool.waits?.kind).toBe('condition');
    expect(named(stop, 'joiner').waits).toMatchObject({
      kind: 'thread',
      address: String(named(stop, 'pool-1').lwp),
    });
    expect(stop?.pausedMs).toBeGreaterThan(0);
  });

  test('the run is kept and shown again, with its small core beside it', async () => {
    const pid = await start('./stacks-workers');
    const shown = await stacks(pid);
    expect(shown.status, shown.stderr).toBe(0);
    expect(shown.stdout).toMatch(/paused for \d/);
    // Equal stacks are one row.
    expect(shown.stdout).toMatch(/3 threads.*\n.*wait_for_work/);
    const { path, manifest } = await newestRun(folder());
    expect(manifest).toMatchObject({ tool: { name: 'stacks' }, pid, capture: 'stops' });
    expect(manifest.artifacts.map(({ name }) => name).sort()).toEqual([
      'sample-1.core',
      'stacks.stops.jsonl',
    ]);
    endAll();
    const again = await vgrun(['report', path], { cwd: folder() });
    expect(again.stdout).toBe(shown.stdout);
  });

  test('several samples show who moves and who does not', async () => {
    const pid = await start('./stacks-workers');
    const { stdout, status } = await stacks(pid, '--samples=3', '--interval=60ms');
    expect(status).toBe(0);
    expect(stdout).toContain('3 samples');
    expect(stdout).not.toContain('stopped');
    const [moved = '', still = ''] = stdout.split('did not move:');
    expect(moved).toMatch(/polite-[ab]/);
    expect(still).toMatch(/3 threads.*\n.*wait_for_work/);
    expect(still).toContain('read_orders');
    expect(still).not.toMatch(/polite-a|polite-b/);
  });

  test('threads that wait for each other are a finding, and shown as a circle', async () => {
    const child = spawn('./deadlock', [], { cwd: folder(), stdio: 'ignore' });
    started.push(child);
    const pid = child.pid as number;
    const waits = async (): Promise<number> => {
      const calls = (await readdir(`/proc/${pid}/task`)).map((lwp) =>
        readFile(`/proc/${pid}/task/${lwp}/syscall`, 'utf8').catch(() => ''),
      );
      // 202: futex of x86-64; 98 of aarch64.
      return (await Promise.all(calls)).filter((call) => /^(?:202|98) /.test(call)).length;
    };
    await until('the threads to wait', async () => (await waits()) >= 2);
    const { report, status } = await vgrunReport(['--samples=2', '--interval=20', String(pid)], {
      cwd: folder(),
      command: 'stacks',
    });
    expect(status).toBe(100);
    expect(report.findings).toMatchObject([{ tool: 'stacks', kind: 'Deadlock' }]);
    const [cycle] = report.stops?.[0]?.deadlocks ?? [];
    expect(cycle?.cycle.length).toBeGreaterThan(1);
    for (const { waits } of cycle?.cycle ?? []) {
      expect(cycle?.cycle.map(({ lwp }) => lwp)).toContain(waits.owner);
    }
  });

  test('a program that was replaced while it ran is read all the same, and that is said', async () => {
    const path = await mkdtemp(join(folder(), 'replaced-'));
    await cp(join(folder(), 'stacks-workers'), join(path, 'gone'));
    const pid = await start(join(path, 'gone'));
    await rm(join(path, 'gone'));
    const { report } = await vgrunReport(['--max-pause=5000', String(pid)], {
      cwd: folder(),
      command: 'stacks',
    });
    expect(functionsOf(named(report.stops?.[0], 'spinner'))[0]).toBe('spin');
    expect(report.problems.map(({ code }) => code)).toContain('file-gone');
  });

  test('the process goes on, also when the sampler is killed while it holds it', {
    timeout: 60_000,
  }, async () => {
    const pid = await start('./heartbeat', 'beats');
    const place = await mkdtemp(join(folder(), 'killed-'));
    const sampling = runSampler(
      { pid, directory: place, samples: 500, intervalMs: 1, maxPauseMs: 100 },
      process.env.PATH ?? '',
    );
    let sampler: number | undefined;
    await until('the sampler', async () => {
      sampler = await childWith('sample.py');
      return sampler !== undefined;
    });
    await until('a moment at which it is held', () => {
      for (let look = 0; look < 1000; look++) {
        if (!/\) t /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))) continue;
        process.kill(sampler as number, 'SIGKILL');
        return true;
      }
      return false;
    });
    await until('the process to be let go', () => isFree(pid));
    const before = await beats();
    await until('its heart to beat', async () => (await beats()) > before);
    expect((await sampling).samples.length).toBeLessThan(500);
  });

  test('a process whose first thread has ended is looked at, and that is told', async () => {
    const pid = await start('./first-thread-ends');
    await until('its first thread to end', async () =>
      /\) Z /.test(await readFile(`/proc/${pid}/stat`, 'latin1')),
    );
    const { report, status } = await vgrunReport(
      ['--max-pause=5000', '--samples=2', '--interval=20', `${pid}`],
      {
        cwd: folder(),
        command: 'stacks',
      },
    );
    expect(status).toBe(0);
    expect(report.problems).toEqual([]);
    expect(report.stops).toHaveLength(2);
    for (const { threads } of report.stops ?? []) {
      expect(threads).toHaveLength(3);
      const ended = threads.find(({ lwp }) => lwp === pid);
      expect(ended).toMatchObject({ frames: [], activity: { state: 'Z' } });
      for (const thread of threads.filter((each) => each !== ended)) {
        expect(thread).toMatchObject({ name: 'survivor', end: 'whole' });
        expect(functionsOf(thread)).toEqual(expect.arrayContaining(['wait_for_ever', 'survive']));
      }
    }
    const { stdout } = await stacks(pid);
    expect(stdout).toMatch(/2 threads.*\n?.*wait_for_ever/);
    expect(stdout).toMatch(/has ended/);
    expect(await isFree(pid, [pid])).toBe(true);
  });

  test.skipIf(process.arch !== 'x64')(
    'a handler on an alternate stack has behind it what it interrupted, up to where the thread began',
    async () => {
      const pid = await start('./alternate-stack');
      const { report, status } = await vgrunReport(['--max-pause=5000', String(pid)], {
        cwd: folder(),
        command: 'stacks',
      });
      expect({ status, problems: report.problems }).toEqual({ status: 0, problems: [] });
      const [stop] = report.stops ?? [];
      for (const [name, began, depth] of [
        ['alternate-stack', 'main', 4],
        ['second', 'run_second', 6],
      ] as const) {
        const thread = stop?.threads.find((each) => functionsOf(each).includes(began));
        expect(thread, name).toMatchObject({ name, end: 'whole' });
        expect(thread?.frames.some(({ isSignalHandler }) => isSignalHandler)).toBe(true);
        expect(thread?.frames.map((frame) => frame.function)).toContain('wait_in_handler');
        expect(thread?.frames.filter((frame) => frame.function === 'fall')).toHaveLength(depth);
      }
    },
  );

  test('a large array of a thread hides nobody who called', async () => {
    compileC(
      join(folder(), 'large-arrays'),
      `#include <pthread.h>
       #include <stdio.h>
       #include <unistd.h>
       static void *with_array(void *unused) {
         volatile char array[1500 * 1024];
         array[0] = 1;
         puts("ready");
         fflush(stdout);
         pause();
         return (void *)(long)array[0];
       }
       int main(void) {
         pthread_t second;
         volatile char array[1024 * 1024];
         array[0] = 1;
         pthread_create(&second, 0, with_array, 0);
         pthread_join(second, 0);
         return array[0];
       }`,
    );
    const { report, status } = await vgrunReport(
      ['--max-pause=5000', String(await start('./large-arrays'))],
      { cwd: folder(), command: 'stacks' },
    );
    const [first, second] = report.stops?.[0]?.threads ?? [];
    expect([first?.end, second?.end, status]).toEqual(['whole', 'whole', 0]);
    expect([first, second].map((thread) => thread?.frames.map((frame) => frame.function))).toEqual([
      expect.arrayContaining(['main']),
      expect.arrayContaining(['with_array']),
    ]);
  });

  test('outer frames that are not known make the answer incomplete', async () => {
    const pid = await start('./alternate-stack', '2000');
    const { report, status } = await vgrunReport(['--max-pause=5000', String(pid)], {
      cwd: folder(),
      command: 'stacks',
    });
    expect(named(report.stops?.[0], 'alternate-stack').end).toBe('unreadable');
    expect(report.problems).toMatchObject([{ code: 'frames-not-copied', level: 'incomplete' }]);
    expect(report.problems[0]?.message).toContain(`outer frames of thread ${pid}`);
    expect({ status, outcome: report.outcome }).toEqual({ status: 101, outcome: 'inconclusive' });
  });

  test('that a process is stopped is said first, and it stays stopped', async () => {
    const pid = await start('./stacks-workers');
    process.kill(pid, 'SIGSTOP');
    const states = async (): Promise<ReadonlySet<string>> => {
      const lwps = await readdir(`/proc/${pid}/task`);
      const stats = lwps.map((lwp) => readFile(`/proc/${pid}/task/${lwp}/stat`, 'latin1'));
      return new Set((await Promise.all(stats)).map((stat) => stat.replace(/.*\) (.).*/s, '$1')));
    };
    const isStopped = async (): Promise<boolean> => [...(await states())].join() === 'T';
    await until('all threads to stop', isStopped);
    for (const words of [[], ['--samples=3', '--interval=20']]) {
      const { stdout, status } = await stacks(pid, ...words);
      expect(status).toBe(0);
      const [, second = ''] = stdout.split('\n');
      expect(second).toMatch(/^ {2}The process is stopped \(state T\): somebody sent it SIGSTOP\./);
      expect(stdout.replace(/\s+/g, ' ')).toContain(`kill -CONT ${pid}.`);
      // The kernel stops each again when it is let go.
      await until('all threads to be stopped again', isStopped);
    }
  });

  test('a wait that nothing interrupts is named, and a process that could not be paused is told so', async () => {
    const pid = await start('./vfork-waits');
    const { report, status } = await vgrunReport(
      ['--max-pause=100', '--samples=2', '--interval=10', `${pid}`],
      {
        cwd: folder(),
        command: 'stacks',
      },
    );
    expect(status).toBe(101);
    const [child] = (await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1')).split(' ');
    for (const stop of report.stops ?? []) {
      expect(stop).toMatchObject({ pausedMs: 0, threads: [{ frames: [], activity: { state: 'D' } }] });
      expect(stop.what).toMatch(/^Thread \d+ waits in the kernel for what cannot be interrupted \(state D\)/);
    }
    // Who may read it is told what it waits for.
    const call = await readFile(`/proc/${pid}/syscall`, 'latin1').catch(() => '');
    if (/^\d/.test(call) && process.arch === 'x64') {
      expect(report.stops?.[0]?.threads[0]?.activity?.systemCall).toBe('vfork');
      expect(report.stops?.[0]?.what).toContain(`It goes on when its child, process ${child}, executes`);
    }
    // What is so in both samples is one problem.
    expect(report.problems).toMatchObject([{ code: 'thread-not-stopped' }]);
    expect(report.problems[0]?.message).toMatch(/^2 samples \(1, 2\): thread \d+ did not stop/);
    const { stdout } = await stacks(pid, '--max-pause=100');
    expect(stdout).toContain('not paused: no thread could be');
    expect(stdout).not.toMatch(/paused for/);
  });

  test('however many samples there are, the symbolizer is started once for each file', async () => {
    const place = await mkdtemp(join(folder(), 'path-'));
    const log = join(place, 'log');
    for (const name of ['addr2line', 'llvm-symbolizer']) {
      const real = await findProgramOnPath(process.env.PATH ?? '', name);
      if (real === undefined) continue;
      const script = `#!/bin/sh\necho "$*" >> '${log}'\nexec '${real}' "$@"\n`;
      await writeFile(join(place, name), script, { mode: 0o755 });
    }
    const pid = await start('./stacks-workers');
    const words = ['stacks', '--max-pause=5000', '--samples=8', '--interval=10', String(pid)];
    const { status, stdout } = await vgrun(words, {
      cwd: folder(),
      env: { PATH: `${place}:${process.env.PATH}` },
    });
    expect(status).toBe(0);
    expect(stdout).toContain('stacks-workers.c:');
    const files = (await readFile(log, 'utf8')).trim().split('\n');
    expect(files.filter((line) => line.includes('/stacks-workers'))).toHaveLength(1);
    expect(new Set(files).size).toBe(files.length);
  });

  test('whoever kills vgrun, nothing goes on to hold the process', { timeout: 60_000 }, async () => {
    const pid = await start('./heartbeat', 'beats');
    const cli = join(projectRoot, 'dist/cli.js');
    const words = ['stacks', '--samples=1000', '--interval=1ms', String(pid)];
    for (let killed = 0; killed < 5; killed++) {
      const child = spawn(process.execPath, [cli, ...words], { cwd: folder(), stdio: 'ignore' });
      let sampler: number | undefined;
      await until('the sampler to be started', async () => {
        const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1');
        sampler = Number(children.trim().split(' ')[0]) || undefined;
        return sampler !== undefined;
      });
      // At each turn later in its start.
      await new Promise((done) => setTimeout(done, killed * 8));
      child.kill('SIGKILL');
      await until('the sampler to end', async () => {
        const stat = await readFile(`/proc/${sampler}/stat`, 'latin1').catch(() => ') Z ');
        return /\) [ZX] /.test(stat);
      });
    }
    expect(await processesWith('sample.py')).toEqual([]);
    await until('the process to be let go', () => isFree(pid));
    const before = await beats();
    await until('its heart to beat', async () => (await beats()) > before);
  });

  test.each(['', 'stop'])(
    'a thread that another tracer has is told, and the others are looked at %s',
    async (word) => {
      const pid = await start('./stacks-workers');
      const other = (await readdir(`/proc/${pid}/task`)).map(Number).find((lwp) => lwp !== pid) as number;
      const words = [String(other), ...(word === '' ? [] : [word])];
      const tracer = spawn('/usr/bin/python3', ['-c', seizeScript, ...words], {
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      started.push(tracer);
      await new Promise((done) => tracer.stdout.once('data', done));
      const isStopped = word === 'stop';
      await until(
        'the tracer to have it',
        async () => !isStopped || /\) t /.test(await readFile(`/proc/${pid}/task/${other}/stat`, 'latin1')),
      );
      const { report, status } = await vgrunReport(['--max-pause=5000', String(pid)], {
        cwd: folder(),
        command: 'stacks',
      });
      expect(status).toBe(101);
      expect(report.problems).toMatchObject([{ code: 'thread-not-held' }]);
      expect(report.problems[0]?.message).toContain(`thread ${other} could not be held`);
      const [stop] = report.stops ?? [];
      expect(stop?.threads.filter(({ frames }) => frames.length === 0)).toMatchObject([{ lwp: other }]);
      expect(stop?.what).toBe(
        isStopped ? `Thread ${other} is stopped for another debugger or tracer (state t).` : undefined,
      );
    },
  );

  test('a process that ends between two looks leaves what was seen until then', async () => {
    const pid = await start('./stacks-workers');
    const looking = vgrunReport(['--max-pause=5000', '--samples=500', '--interval=20', String(pid)], {
      cwd: folder(),
      command: 'stacks',
    });
    await until('a first look', async () => {
      const runs = join(folder(), '.vgrun/runs');
      for (const run of await readdir(runs).catch(() => [])) {
        const text = await readFile(join(runs, run, 'samples.jsonl'), 'utf8').catch(() => '');
        if (text.includes('"number": 2')) return true;
      }
      return false;
    });
    endAll();
    const { report } = await looking;
    expect(report.stops?.length).toBeGreaterThan(1);
    expect(report.stops?.length).toBeLessThan(500);
    expect(report.problems.map(({ code }) => code)).toEqual(['samples-missing']);
  });

  test("gdb's Python takes the same samples", async () => {
    const pid = await start('./heartbeat', 'beats');
    const place = await mkdtemp(join(folder(), 'gdb-'));
    const { samples, interpreter } = await runSampler(
      { pid, directory: place, samples: 2, intervalMs: 10, maxPauseMs: 1000 },
      process.env.PATH ?? '',
      'gdb',
    );
    expect(interpreter).toBe('gdb');
    expect(samples.map(({ core }) => core)).toEqual(['sample-1.core', 'sample-2.core']);
    expect(samples[0]?.threads).toHaveLength(50);
    expect(samples[0]?.notStopped).toBeUndefined();
    expect(await isFree(pid)).toBe(true);
    const before = await beats();
    await until('its heart to beat', async () => (await beats()) > before);
  });

  describe('says in a sentence why it cannot look', () => {
    const refused = async (pid: number | string, sentence: RegExp, hint: RegExp): Promise<void> => {
      const { status, stdout, stderr } = await stacks(pid);
      expect(stderr).toMatch(sentence);
      expect(stderr).toMatch(hint);
      expect({ status, stdout }).toEqual({ status: 125, stdout: '' });
    };

    test('no such process, and no number', async () => {
      await refused(4194304, /there is no process 4194304/, /hint: ps/);
      await refused('httpd', /"httpd" is not the number of a process/, /pgrep/);
      await refused('', /"" is not the number/, /pgrep/);
    });

    test('options that mean nothing', async () => {
      const { status, stderr } = await stacks(process.pid, '--max-pause=never');
      expect(status).toBe(125);
      expect(stderr).toContain('--max-pause cannot be "never"');
    });

    test('vgrun itself', async () => {
      const { status, stderr } = await vgrunBySh();
      expect(stderr).toContain('is this vgrun itself');
      expect(status).toBe(125);
    });

    test('a zombie', async () => {
      const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 30'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      started.push(parent);
      const word = await new Promise<string>((done) =>
        parent.stdout.once('data', (bytes) => done(String(bytes))),
      );
      await until('it to end', async () =>
        /\) Z /.test(await readFile(`/proc/${Number(word)}/stat`, 'latin1')),
      );
      await refused(Number(word), /has ended: it is a zombie/, new RegExp(`process ${parent.pid}`));
    });

    test('a thread', async () => {
      const pid = await start('./stacks-workers');
      const lwps = (await readdir(`/proc/${pid}/task`)).map(Number);
      const other = lwps.find((lwp) => lwp !== pid) as number;
      await refused(
        other,
        new RegExp(`${other} is a thread of process ${pid}`),
        new RegExp(`vgrun stacks ${pid}`),
      );
    });

    test('one that another debugger has', async () => {
      const pid = await start('./stacks-workers');
      const gdb = spawn('gdb', ['-nx', '-batch', '-p', String(pid), '-ex', 'shell sleep 30'], {
        stdio: 'ignore',
      });
      started.push(gdb);
      await until('gdb to have it', async () =>
        /^State:\tt.*^TracerPid:\t[1-9]/ms.test(await readFile(`/proc/${pid}/status`, 'utf8')),
      );
      await refused(
        pid,
        new RegExp(
          `under another debugger or tracer: process ${gdb.pid} \\(gdb\\); .* stopped \\(state t\\)`,
        ),
        /one tracer/,
      );
    });

    test.skipIf(!canRun('valgrind'))('one under valgrind, whose stacks are not its own', async () => {
      const child = spawn('valgrind', ['-q', 'sleep', '30'], { cwd: folder(), stdio: 'ignore' });
      started.push(child);
      await until('valgrind to run', async () =>
        (await readFile(`/proc/${child.pid}/cmdline`, 'latin1')).includes('sleep'),
      );
      await refused(
        child.pid as number,
        /runs under valgrind \(memcheck\)/,
        /vgdb --pid=\d+ v\.info scheduler/,
      );
    });
  });

  test('the commands of docs/stacks.md', { timeout: 60_000 }, async () => {
    const pid = await start('./stacks-workers');
    await runPage('stacks.md', folder(), [], { PID: String(pid) });
  });
});

/** The shell's number becomes vgrun's own. */
function vgrunBySh(): Promise<Result> {
  const cli = join(projectRoot, 'dist/cli.js');
  return new Promise((done) => {
    const child = spawn('sh', ['-c', 'exec "$0" "$1" stacks $$', process.execPath, cli], { cwd: folder() });
    let stderr = '';
    child.stderr.on('data', (bytes) => {
      stderr += String(bytes);
    });
    child.on('close', (code) => done({ status: code ?? -1, stdout: '', stderr }));
  });
}
