// Commands to a valgrind process between requests, and the gentle end of a process that serves them.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { wakeUp } from '../../src/drive/fastcgi/wake.ts';
import { untilAtRest } from '../../src/drive/process-rest.ts';
import { type StopManner, stopServed } from '../../src/drive/stop-served.ts';
import { openVgdb } from '../../src/drive/vgdb-session.ts';
import { descendants, processState } from '../../src/run/processes.ts';
import { canRun } from '../project.ts';
import { ask, type Served, servedPrograms } from './served-programs.ts';

const { compile, folder, serve } = servedPrograms();
const able = canRun('cc') && canRun('valgrind');
const hasLibrary =
  process.env.CI === 'true' ||
  spawnSync('cc', ['-E', '-include', 'fcgi_stdio.h', '-x', 'c', '/dev/null']).status === 0;

async function underMemcheck(words: readonly string[]) {
  const place = await mkdtemp(join(folder, 'run-'));
  const prefix = join(place, 'vgdb-pipe');
  const served = await serve([
    'valgrind',
    '--vgdb=yes',
    `--vgdb-prefix=${prefix}`,
    '--trace-children=yes',
    '--show-leak-kinds=all',
    '--xml=yes',
    `--xml-file=${join(place, '%p.xml')}`,
    `--log-file=${join(place, 'log')}`,
    ...words,
  ]);
  return {
    ...served,
    prefix,
    pid: served.child.pid ?? 0,
    reports: () =>
      readdirSync(place)
        .filter((name) => name.endsWith('.xml'))
        .map((name) => readFileSync(join(place, name), 'latin1')),
    log: () => readFileSync(join(place, 'log'), 'latin1'),
  };
}

function stop(served: Served, killAfter: number): Promise<StopManner> {
  const { child } = served;
  return stopServed({
    pid: child.pid ?? 0,
    poke: wakeUp(served.address),
    killAfter,
    isOver: () => child.exitCode !== null || child.signalCode !== null,
  });
}

describe.runIf(able && hasLibrary)('a session', () => {
  const program = able && hasLibrary ? compile('fastcgi-echo', '-lfcgi') : '';

  test('tells after each request what it lost, and the process serves on', async () => {
    const { gateway, prefix, pid, reports, log, ...served } = await underMemcheck([program]);
    const opened = await gateway();
    await ask(opened, 'log');
    const session = await openVgdb({ vgdb: 'vgdb', prefix, pid });
    const check = async () => {
      expect(await untilAtRest(pid, 60_000)).toBe(true);
      const answer = await session.command('leak_check full kinds all changed', 60_000);
      return 'text' in answer ? answer.text : answer.failed;
    };
    expect(await check()).toContain('LEAK SUMMARY:');
    for (let turn = 1; turn <= 5; turn++) {
      await ask(opened, 'lose');
      expect((await check()).replaceAll(',', '')).toContain(
        `${turn * 240} (+240) bytes in ${turn} (+1) blocks are definitely lost`,
      );
      await ask(opened, 'log');
      expect(await check()).toMatch(/definitely lost: [\d,]+ \(\+0\) bytes/);
    }
    await session.close();
    expect(await session.command('help', 1000)).toEqual({ failed: 'the session was closed' });
    expect((await ask(opened, 'lose')).stdout).toContain('X-Request: 12');
    opened.close();
    expect(await stop({ ...served, gateway }, 60_000)).toMatch(/asked|poked/);
    expect(await served.exit).toEqual([0, null]);
    const [report = ''] = reports();
    expect(report).toContain('<leakedbytes>1440</leakedbytes>');
    expect(report).toMatch(/<\/valgrindoutput>\s*$/);
    // Nothing of gdbserver's own remarks.
    expect(log()).toBe('');
  });

  test('takes commands one straight after the other', async () => {
    const { gateway, prefix, pid } = await underMemcheck([program]);
    await ask(await gateway(), '');
    const session = await openVgdb({ vgdb: 'vgdb', prefix, pid });
    for (let turn = 0; turn < 30; turn++) {
      expect(await session.command('v.info n_errs_found', 60_000)).toMatchObject({
        text: expect.stringContaining('n_errs_found 0'),
      });
    }
    await session.close();
  });

  test('with a process that ends, or that there is none of, gives a sentence', async () => {
    const { gateway, prefix, pid, child, exit } = await underMemcheck([program]);
    await ask(await gateway(), '');
    const session = await openVgdb({ vgdb: 'vgdb', prefix, pid });
    expect(await session.command('help', 60_000)).toHaveProperty('text');
    child.kill('SIGTERM');
    await exit;
    expect(await session.command('help', 60_000)).toHaveProperty('failed');
    const late = await openVgdb({ vgdb: 'vgdb', prefix, pid });
    expect(await late.command('help', 60_000)).toMatchObject({
      failed: expect.stringMatching(/^vgdb left the process: ./),
    });
    const none = await openVgdb({ vgdb: join(folder, 'no-vgdb'), prefix, pid });
    expect(await none.command('help', 60_000)).toMatchObject({
      failed: expect.stringMatching(/cannot be started: .*ENOENT/),
    });
  });

  test('passes signals on: a program under it dies of what it would die of', async () => {
    const misbehaving = compile('fastcgi-misbehaving');
    const { gateway, prefix, pid, exit, reports } = await underMemcheck([misbehaving, 'dies']);
    const opened = await gateway();
    await ask(opened, '');
    const session = await openVgdb({ vgdb: 'vgdb', prefix, pid });
    expect(await session.command('help', 60_000)).toHaveProperty('text');
    expect((await ask(opened, '')).lost).toBeDefined();
    expect(await exit).toEqual([null, 'SIGSEGV']);
    await session.close();
    expect(reports()[0]).toMatch(/<\/valgrindoutput>\s*$/);
  });
});

describe.runIf(able)('the end of a process that serves requests', () => {
  const program = able ? compile('fastcgi-misbehaving') : '';

  test.each([
    // It has no handler: the signal ends it, and valgrind writes its report all the same.
    ['plain', 'asked', [null, 'SIGTERM']],
    // It looks at its SIGTERM only when a connection comes.
    ['deaf', 'poked', [0, null]],
  ] as const)('that is %s comes when it is %s, with a whole report', async (mode, manner, exit) => {
    const served = await underMemcheck([program, mode]);
    await ask(await served.gateway(), '');
    expect(await stop(served, 100_000)).toBe(manner);
    expect(await served.exit).toEqual(exit);
    const [report = ''] = served.reports();
    expect(report).toContain('<leakedbytes>60</leakedbytes>');
    expect(report).toContain('<leakedbytes>100</leakedbytes>');
    expect(report).toMatch(/<\/valgrindoutput>\s*$/);
  });

  test.runIf(hasLibrary)('comes with a request, when an empty connection is not enough', async () => {
    const served = await underMemcheck([compile('fastcgi-echo', '-lfcgi'), 'deaf']);
    const gateway = await served.gateway();
    await ask(gateway, 'lose');
    gateway.close();
    expect(await stop(served, 100_000)).toBe('poked');
    expect(await served.exit).toEqual([0, null]);
    expect(served.reports()[0]).toContain('<leakedbytes>240</leakedbytes>');
  });

  test('is SIGKILL when nothing else helps', async () => {
    const served = await serve([program, 'deaf']);
    await ask(await served.gateway(), '');
    const { child } = served;
    const isOver = () => child.exitCode !== null || child.signalCode !== null;
    const nobody = () => Promise.reject(new Error('refused'));
    expect(await stopServed({ pid: child.pid ?? 0, poke: nobody, killAfter: 300, isOver })).toBe('killed');
    expect(await served.exit).toEqual([null, 'SIGKILL']);
    expect(await stopServed({ pid: child.pid ?? 0, poke: nobody, killAfter: 300, isOver })).toBe('by itself');
  });

  test.runIf(canRun('php-cgi'))('takes its workers along', async () => {
    const served = await serve(['env', 'PHP_FCGI_CHILDREN=2', 'php-cgi']);
    const { child } = served;
    const pid = child.pid ?? 0;
    const family = () => descendants(pid);
    await expect.poll(family).toHaveLength(3);
    const gateway = await served.gateway();
    const answer = await ask(gateway, '', undefined, {
      variables: { SCRIPT_FILENAME: '/no/such/script.php', REDIRECT_STATUS: '200' },
    });
    expect(answer).toMatchObject({ protocolStatus: 'complete', faults: [] });
    expect(answer.stdout).toContain('Status: 404');
    // A worker that waits for the next request over a connection does not look at its signal.
    gateway.close();
    const seen = new Set<number>();
    const alive = () => {
      for (const other of family()) seen.add(other);
      return [...seen].filter((other) => !['Z', undefined].includes(processState(other)?.state));
    };
    const manner = await stopServed({
      pid,
      poke: wakeUp(served.address),
      killAfter: 60_000,
      others: alive,
      isOver: () => alive().length === 0,
    });
    expect(manner).not.toBe('killed');
    expect(alive()).toEqual([]);
  });
});
