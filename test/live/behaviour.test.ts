// How runs end and what reaches the program: signals, timeouts, daemons, limits, streams. Real valgrind, real programs.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { examplePath } from '../examples.ts';
import { canRun } from '../project.ts';
import {
  compileC,
  newestRun,
  processesWith,
  runProgram,
  testFolder,
  until,
  vgrun,
  vgrunReport,
} from './vgrun.ts';

const folder = testFolder();
const cwd = () => folder();

describe.skipIf(!canRun('valgrind'))('a run', () => {
  test('a program killed from outside with SIGKILL is inconclusive, with what was found until then', async () => {
    const { report, status } = await vgrunReport(
      ['/bin/sh', '-c', `echo ready; exec ${examplePath('sleep-long')}`],
      {
        cwd: cwd(),
        onStart: (child) => {
          child.stdout?.once('data', async () => {
            await until('the program under valgrind', async () => (await valgrinds()).length > 0);
            await until('it sleeps', async () => {
              const [pid] = await valgrinds();
              return /^State:\s+S/m.test(await readFile(`/proc/${pid}/status`, 'latin1').catch(() => ''));
            });
            for (const pid of await valgrinds()) process.kill(pid, 'SIGKILL');
          });
        },
      },
    );
    expect(report.outcome).toBe('inconclusive');
    expect(status).toBe(137);
    expect(report.reasons.join(' ')).toMatch(/SIGKILL/);
  });

  test('SIGTERM to vgrun reaches the program once, and the leak report is complete', async () => {
    const { report, status } = await vgrunReport(['--leak-check=full', examplePath('sleep-long')], {
      cwd: cwd(),
      onStart: (child) => child.stdout?.once('data', () => child.kill('SIGTERM')),
    });
    expect(status).toBe(143);
    expect(report.outcome).toBe('inconclusive');
    expect(report.findings.find(({ failing }) => failing)?.leak?.bytes).toBe(110);
  });

  test('each signal sent to vgrun without a terminal is passed on exactly once', async () => {
    const script = [
      'import signal, sys, time',
      'hits = []',
      'for s in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):',
      '    signal.signal(s, lambda n, f: hits.append(n))',
      "print('ready', flush=True)",
      'end = time.time() + 8',
      'while len(hits) < 4 and time.time() < end: time.sleep(0.05)',
      'time.sleep(0.5)',
      'print(sorted(hits), flush=True)',
    ].join('\n');
    const { stdout } = await runProgram(
      'setsid',
      [
        '-w',
        process.execPath,
        cliOf(),
        '--tool=memcheck',
        '--trace-children=no',
        '/usr/bin/env',
        'python3',
        '-c',
        script,
      ],
      {
        cwd: cwd(),
        onStart: (child) => {
          child.stdout?.once('data', async () => {
            const [leader] = await processesWith('dist/cli.js\0--tool=memcheck\0--trace-children=no');
            for (const name of ['SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
              process.kill(leader as number, name);
            }
          });
        },
      },
    );
    expect(stdout).toContain('[1, 2, 10, 12]');
  });

  test('who kills vgrun with SIGKILL ends the program too, and its log is kept', async () => {
    const { status } = await vgrun(['--leak-check=full', examplePath('sleep-long')], {
      cwd: cwd(),
      onStart: (child) => child.stdout?.once('data', () => child.kill('SIGKILL')),
    });
    expect(status).toBe(137);
    await until('the program ends', async () => (await valgrinds()).length === 0);
    const again = await vgrun(['report', '--report=json=-'], { cwd: cwd() });
    const report = JSON.parse(again.stdout);
    expect([report.outcome, again.status]).toEqual(['inconclusive', 101]);
    expect(again.stdout).toContain('110 bytes in 1 blocks are definitely lost');
  });

  test('the timeout asks first, so that the leak report is written, and leaves no process behind', async () => {
    const { report, status } = await vgrunReport(
      ['--timeout=3', '--leak-check=full', examplePath('sleep-long')],
      {
        cwd: cwd(),
      },
    );
    expect([report.outcome, status, report.run?.stoppedBy]).toEqual(['inconclusive', 101, 'timeout']);
    expect(report.findings.find(({ failing }) => failing)?.leak?.bytes).toBe(110);
    expect(await valgrinds()).toEqual([]);
  });

  test('the timeout insists with a program that ignores SIGTERM, and with its children', async () => {
    const { report, status } = await vgrunReport(
      [
        '--timeout=3',
        '--kill-after=1',
        '/bin/sh',
        '-c',
        `${examplePath('ignore-sigterm')} & ${examplePath('ignore-sigterm')} & wait`,
      ],
      { cwd: cwd() },
    );
    expect([report.outcome, status]).toEqual(['inconclusive', 101]);
    expect(await valgrinds()).toEqual([]);
  });

  test('a daemon that goes on is inconclusive and named; reported again after its end it is whole', async () => {
    const { report } = await vgrunReport(['--wait=0', '--leak-check=full', examplePath('daemon-slow')], {
      cwd: cwd(),
    });
    expect(report.outcome).toBe('inconclusive');
    expect(report.processes.map(({ end }) => end)).toContain('running');
    const { path } = await newestRun(cwd());
    await until('the daemon ends', async () => (await processesWith(`=${path}/`)).length === 0);
    const again = await vgrun(['report', '--report=json=-', path], { cwd: cwd() });
    const whole = JSON.parse(again.stdout);
    expect([whole.outcome, again.status]).toEqual(['findings', 100]);
    expect(whole.processes.every(({ complete }: { complete: boolean }) => complete)).toBe(true);
  });

  test('what a program found before it execs in the same process is kept', async () => {
    const { report } = await vgrunReport(['--leak-check=full', examplePath('exec-in-place')], { cwd: cwd() });
    expect(report.findings.map(({ kind }) => kind).sort()).toEqual(
      expect.arrayContaining(['InvalidRead', 'Leak_DefinitelyLost']),
    );
    expect(report.processes.map(({ end }) => end)).toEqual(['execed', 'finished']);
    expect(report.problems).toEqual([]);
  });

  test.skipIf(process.getuid?.() !== 0)(
    'a child that changed its root is said to be ended by valgrind, and is measured with --capture=fd',
    async () => {
      const program = join(cwd(), 'jailed');
      compileC(
        program,
        `#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
  mkdir("jail", 0755);
  if (chroot("jail") != 0 || chdir("/") != 0) return 1;
  if (fork() == 0) {
    volatile char *lost = malloc(49);
    lost = 0;
    _exit(0);
  }
  wait(0);
  return 0;
}
`,
      );
      const files = await vgrunReport([program], { cwd: cwd() });
      expect([files.report.outcome, files.status]).toEqual(['inconclusive', 101]);
      expect(files.stderr).toContain('--capture=fd');
      const stream = await vgrunReport(['--capture=fd', program], { cwd: cwd() });
      expect([stream.report.outcome, stream.status]).toEqual(['findings', 100]);
      expect(stream.report.findings[0]?.leak?.bytes).toBe(49);
    },
  );

  test('children that are not traced are stubs, and the run is whole without them', async () => {
    const { report, status } = await vgrunReport(
      ['--trace-children=no', '/bin/sh', '-c', `${examplePath('lost-100')}; true`],
      { cwd: cwd() },
    );
    expect([report.outcome, status]).toEqual(['clean', 0]);
  });

  test('a skipped child runs, unchecked', async () => {
    const { report, stdout } = await vgrunReport(
      ['--trace-children-skip=*/lost-100', '/bin/sh', '-c', `${examplePath('lost-100')}; true`],
      { cwd: cwd() },
    );
    expect(stdout).toContain('test end');
    expect(report.outcome).toBe('clean');
  });
});

describe.skipIf(!canRun('valgrind'))('what reaches the program', () => {
  test('standard input, output and error pass byte for byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7919) % 256));
    const { stdout, stderr, status } = await vgrun(
      ['-q', '/bin/sh', '-c', 'cat; printf "err\\377" >&2; exit 3'],
      {
        cwd: cwd(),
        input: bytes,
      },
    );
    expect(Buffer.from(stdout, 'latin1').equals(bytes)).toBe(true);
    expect(stderr).toContain('err');
    expect(status).toBe(3);
  });

  test('its arguments are untouched, empty ones and strange ones included', async () => {
    const words = ['', ' ', '--leak-chek', '-v', '--', '$HOME', '*', 'é\n'];
    const { stdout } = await vgrun(['-q', '--', '/usr/bin/printf', '[%s]', ...words], { cwd: cwd() });
    expect(Buffer.from(stdout, 'latin1').toString()).toBe(words.map((word) => `[${word}]`).join(''));
  });

  test('a descriptor that the shell opened stays open', async () => {
    const { stdout } = await runProgram(
      '/bin/sh',
      ['-c', `exec 5<<X\nfive\nX\nexec "$0" "$1" -q /bin/sh -c "cat <&5"`, process.execPath, cliOf()],
      { cwd: cwd() },
    );
    expect(stdout).toBe('five\n');
  });

  test('the soft limit of open files is the one of the shell, not the one that Node raised', async () => {
    const limits = ['-c', 'ulimit -Sn 400; "$0" "$1" -q /bin/sh -c "ulimit -Sn"', process.execPath, cliOf()];
    const { stdout } = await runProgram('/bin/sh', limits, { cwd: cwd() });
    expect(stdout).toBe('400\n');
  });

  test('its environment is the one that valgrind alone gives it', async () => {
    const names = (text: string) =>
      text
        .split('\n')
        .map((line) => line.split('=')[0])
        .sort();
    const under = await vgrun(['-q', '/usr/bin/env'], { cwd: cwd() });
    const plain = await runProgram('valgrind', ['-q', '/usr/bin/env'], { cwd: cwd() });
    expect(names(under.stdout)).toEqual(names(plain.stdout));
  });
});

async function valgrinds(): Promise<number[]> {
  return processesWith(`${cwd()}/.vgrun/runs/`);
}

function cliOf(): string {
  return join(import.meta.dirname, '../../dist/cli.js');
}
