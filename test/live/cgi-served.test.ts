// What becomes of a replay against a program that serves many requests: whatever it does, there is an end, and nothing is left over.
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RunManifest } from '../../src/model/run.ts';
import { cgiExamplePath, isBuilt } from '../cgi-examples.ts';
import { canRun } from '../project.ts';
import { compileOdd, launchesIn, type Replayed, replayed } from './replayed.ts';
import { listen, newestRun, type Options, processesWith, testFolder, until, vgrun } from './vgrun.ts';

const folder = testFolder();
const cwd = () => join(folder(), 'user');
/** For sockets. */
const temporary = () => join(folder(), 'temporary');
const odd = () => join(folder(), 'odd');
const misbehaving = cgiExamplePath('fastcgi-misbehaving');
const urls = (name: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `http://localhost/${name}/${at + 1}`);

const replay = (words: readonly string[], more: Partial<Options> = {}): Promise<Replayed> =>
  replayed(words, { ...more, cwd: cwd(), env: { TMPDIR: temporary(), ...more.env } });

const innerManifest = (directory: string, launch: string): RunManifest =>
  JSON.parse(readFileSync(join(directory, launch, 'run.json'), 'utf8')) as RunManifest;

beforeAll(() => {
  mkdirSync(join(cwd(), '.git'), { recursive: true });
  mkdirSync(temporary());
  if (isBuilt('growing-fcgi')) compileOdd(folder());
});

/** Whatever a test did. */
afterEach(async () => {
  const { path } = await newestRun(cwd());
  expect(await processesWith(path)).toEqual([]);
  expect(readdirSync(temporary())).toEqual([]);
  const kinds = readdirSync(path, { recursive: true, withFileTypes: true });
  expect(kinds.filter((entry) => !entry.isFile() && !entry.isDirectory()).map(({ name }) => name)).toEqual(
    [],
  );
});

describe.skipIf(!canRun('valgrind'))('a FastCGI program that breaks the protocol', () => {
  for (const [how, lost] of [
    ['late', 'its answer did not begin within 1 s|its answer was not whole after 1 s'],
    ['endless', 'its answer was not whole after 1 s'],
    ['no-fastcgi', 'it does not speak FastCGI'],
    ['wrong-version', 'it does not speak FastCGI'],
    ['closes-early', 'closed the connection within a record'],
    ['closes', 'closed the connection before its answer was whole'],
  ] as const) {
    test(`and is ${how}: what it says is inconclusive`, async () => {
      const { report, requests, status } = await replay([
        ...['--mode=fastcgi', '--tool=none', '--timeout=1s', '--kill-after=5s'],
        ...[misbehaving, ...urls('fastcgi-misbehaving', 1), '--', how],
      ]);
      expect([report.outcome, status], report.reasons.join('\n')).toEqual(['inconclusive', 101]);
      expect(requests[0]?.lost[0]).toMatch(new RegExp(lost));
      expect(requests).toMatchObject([{ sent: 1, answered: 0, faults: [], unmet: [] }]);
    });
  }
});

describe.skipIf(!canRun('valgrind'))('a FastCGI program', () => {
  test('that dies of a request is started again for the next', async () => {
    const { requests, directory, report } = await replay([
      ...['--mode=fastcgi', '--no-growth', misbehaving],
      ...[...urls('fastcgi-misbehaving', 3), '--', 'dies'],
    ]);
    expect(requests.map(({ answered, ended }) => [answered, ended?.how])).toEqual([
      [1, undefined],
      [0, 'signaled'],
      [1, undefined],
    ]);
    expect(launchesIn(directory)).toEqual(['launch-1', 'launch-2']);
    expect(innerManifest(directory, 'launch-2').served?.map(({ request }) => request) ?? []).not.toContain(2);
    expect(report.reasons.join('\n')).toContain('killed by SIGSEGV in request 2');
  });

  test('that nobody can start a conversation with is not started for ever', async () => {
    const { requests, directory } = await replay([
      ...['--mode=fastcgi', '--tool=none', cgiExamplePath('status'), ...urls('status', 3)],
    ]);
    expect(requests.map(({ answered, lost }) => [answered, lost.length])).toEqual(Array(3).fill([0, 1]));
    expect(launchesIn(directory).length).toBeLessThanOrEqual(3);
  });

  test.skipIf(!isBuilt('growing-fcgi'))(
    'that ends by itself after some requests loses none of them, and is whole each time',
    async () => {
      const words = [odd(), ...urls('odd', 5), '--', 'retires', '2'];
      const { report, requests, status, stderr, stdout, directory } = await replay(words);
      expect([report.outcome, status], report.reasons.join('\n')).toEqual(['findings', 100]);
      expect(requests.map(({ sent, answered, lost }) => [sent, answered, lost.length])).toEqual(
        Array(5).fill([1, 1, 0]),
      );
      const served = launchesIn(directory).map((name) => innerManifest(directory, name));
      expect(served.map(({ exit, stoppedBy }) => [exit, stoppedBy])).toEqual([
        [{ how: 'exited', code: 0 }, undefined],
        [{ how: 'exited', code: 0 }, undefined],
        [expect.objectContaining({ how: 'exited' }), 'served'],
      ]);
      const lost = report.findings.find(({ kind }) => kind === 'Leak_DefinitelyLost');
      expect(lost?.leak).toMatchObject({ bytes: 5 * 77, blocks: 5 });
      expect(report.problems.filter(({ level }) => level !== 'note')).toEqual([]);
      expect(stderr.match(/said to the error stream/g)).toHaveLength(5);
      expect(stdout).toBe('');
    },
  );

  test.skipIf(!isBuilt('growing-fcgi'))('that ignores SIGTERM is killed, and that is said', async () => {
    const words = ['--no-growth', '--kill-after=1s', odd(), ...urls('odd', 1), '--', 'deaf'];
    const { report, status } = await replay(words);
    expect([report.outcome, status]).toEqual(['inconclusive', 101]);
    expect(report.reasons.join('\n')).toContain('did not end within 1 s of being asked to, and was killed');
  });

  test.skipIf(!isBuilt('growing-fcgi'))('that forks workers is seen whole, but for its growth', async () => {
    const { report, status } = await replay([odd(), ...urls('odd', 2), '--', 'forks']);
    expect([report.outcome, status], report.reasons.join('\n')).toEqual(['findings', 100]);
    const lost = report.findings.find(({ kind }) => kind === 'Leak_DefinitelyLost');
    expect(lost?.leak).toMatchObject({ bytes: 154, blocks: 2 });
    expect(report.problems.filter(({ code }) => code === 'growth-not-measured')).toMatchObject([
      { level: 'warning', message: expect.stringContaining('processes of its own') },
    ]);
  });

  test.skipIf(!isBuilt('growing-fcgi'))('is asked where it listens by itself', async () => {
    const { port, received } = await listen();
    const connection = await fetch(`http://127.0.0.1:${port}`, { signal: AbortSignal.timeout(50) }).catch(
      () => undefined,
    );
    expect(connection).toBeUndefined();
    await received();
    const path = join(folder(), 'own.sock');
    for (const [connect, at] of [
      [`unix:${path}`, path],
      [`tcp:127.0.0.1:${port}`, `:${port}`],
    ] as const) {
      const { requests, status, report } = await replay([
        ...['--tool=none', `--connect=${connect}`, `--env=LISTEN_AT=${at}`],
        ...[odd(), ...urls('odd', 2), '--', 'listens'],
      ]);
      expect([status, report.replay?.mode], report.reasons.join('\n')).toEqual([0, 'fastcgi']);
      expect(requests.map(({ answered }) => answered)).toEqual([1, 1]);
    }
  });

  test.skipIf(!isBuilt('growing-fcgi'))('that was warmed up has grown in what is counted only', async () => {
    const program = cgiExamplePath('growing-fcgi');
    const words = ['--warm-up=1', '--repeat=3', program, 'http://localhost/growing-fcgi/clean'];
    const { requests, report, directory } = await replay(words);
    expect(report.replay).toMatchObject({ passes: 3, warmUp: 1 });
    expect(requests).toMatchObject([{ sent: 3, answered: 3, growth: { measured: 3, grew: 0, bytes: 0 } }]);
    const checks = readFileSync(join(directory, 'launch-1', 'leak-checks.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(checks.map((line) => (JSON.parse(line) as { pass: number }).pass)).toEqual([0, 1, 2, 3]);
  });

  test.skipIf(!isBuilt('growing-fcgi'))('that takes one at a time is asked several at once', async () => {
    const program = cgiExamplePath('growing-fcgi');
    const words = ['-j2', '--tool=none', '--repeat=5', program, ...urls('growing-fcgi', 2)];
    const { requests, status } = await replay(words);
    expect([status, requests.map(({ answered }) => answered)]).toEqual([0, [5, 5]]);
  });
});

describe.skipIf(!canRun('valgrind') || !isBuilt('growing-fcgi'))('a replay of many requests', () => {
  test('that is interrupted ends soon, and says what each request lost until then', async () => {
    const words = ['--repeat=100000', cgiExamplePath('growing-fcgi'), 'http://localhost/growing-fcgi/leak'];
    const { status, report, requests, directory } = await replay(words, {
      onStart: async (child) => {
        await until('some passes', async () => {
          const { path } = await newestRun(cwd()).catch(() => ({ path: '' }));
          const checks = join(path, 'launch-1', 'leak-checks.jsonl');
          return path !== '' && lines(checks) > 5;
        });
        child.kill('SIGINT');
      },
    });
    expect([status, report.outcome]).toEqual([101, 'inconclusive']);
    expect(report.reasons).toContain('The program was interrupted.');
    expect(report.findings.find(({ kind }) => kind === 'Leak_DefinitelyLost')?.requests).toMatchObject([
      { request: 1, steady: true },
    ]);
    expect(requests[0]?.faults).toEqual([]);
    const { endedAt, stoppedBy } = (await newestRun(cwd())).manifest;
    expect([endedAt !== undefined, stoppedBy]).toEqual([true, 'interrupt']);
    expect(directory).toBe((await newestRun(cwd())).path);
  });

  test('ends at Ctrl-C although the program does not care', async () => {
    const { status, report, requests } = await replay(
      ['--tool=none', '--kill-after=3s', odd(), ...urls('odd', 3), '--', 'silent'],
      {
        onStart: async (child) => {
          await until('the request to be under way', async () => {
            const { path } = await newestRun(cwd()).catch(() => ({ path: '' }));
            return path !== '' && (await ignoresInterrupt(path));
          });
          // Nobody but the program knows that it has it.
          await sleep(500);
          child.kill('SIGINT');
        },
      },
    );
    expect([status === 101 || status >= 128, report.outcome]).toEqual([true, 'inconclusive']);
    expect(requests.map(({ sent, lost }) => [sent, lost])).toEqual([
      [1, ['the replay was interrupted']],
      [0, []],
      [0, []],
    ]);
  });

  test('that was killed is told as such', async () => {
    const before = await newestRun(cwd()).catch(() => ({ path: '' }));
    await vgrun(
      ['cgi', '--repeat=100000', cgiExamplePath('growing-fcgi'), 'http://localhost/growing-fcgi/leak'],
      {
        cwd: cwd(),
        env: { TMPDIR: temporary() },
        onStart: async (child) => {
          await until('some passes', async () => {
            const { path } = await newestRun(cwd()).catch(() => ({ path: '' }));
            return path !== before.path && lines(join(path, 'launch-1', 'leak-checks.jsonl')) > 3;
          });
          child.kill('SIGKILL');
        },
      },
    );
    const { path } = await newestRun(cwd());
    // Nobody takes the socket away.
    rmSync(temporary(), { recursive: true });
    mkdirSync(temporary());
    // The kernel ends it.
    await until('the program to end', async () => (await processesWith(path)).length === 0);
    const { status, stdout } = await vgrun(['report', '--report=pretty=-', path], { cwd: cwd() });
    expect([status, stdout]).toEqual([101, expect.stringMatching(/memory grows by [\d,]+ bytes/)]);
    // Nobody was left who could.
    const launch = join(path, 'launch-1');
    for (const name of readdirSync(launch)) if (name.startsWith('vgdb-pipe')) rmSync(join(launch, name));
  });
});

/** How many lines a file has; 0 where there is none. */
function lines(path: string): number {
  try {
    return readFileSync(path, 'latin1').split('\n').length - 1;
  } catch {
    return 0;
  }
}

/** Whether a process of the run ignores SIGINT, as the silent program does once it was asked. */
async function ignoresInterrupt(run: string): Promise<boolean> {
  const pids = await processesWith(run);
  return pids.some((pid) => {
    try {
      const [, ignored = '0'] = /^SigIgn:\s+(\w+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
      return (BigInt(`0x${ignored}`) & 2n) !== 0n;
    } catch {
      return false;
    }
  });
}
