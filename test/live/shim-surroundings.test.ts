// A worker under a shim has what its supervisor gave, and vgrun its own; and where vgrun cannot run, the worker does.
import { execFileSync, spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { canRun, projectRoot } from '../project.ts';
import { type Result, runProgram, testFolder, until, vgrun } from './vgrun.ts';

const folder = testFolder();
const place = (name: string): string => join(folder(), name);

beforeAll(() => {
  const source = join(projectRoot, 'examples-c/gdb/shim-state.c');
  execFileSync('cc', ['-g', '-o', place('program'), source]);
});

/** Runs a script of sh in the folder, with `./NAME` for `$1`. */
const supervise = (script: string, name: string): Promise<Result> =>
  runProgram('/bin/sh', ['-c', script, 'supervisor', `./${name}`], { cwd: folder() });

/** What a supervisor may do to a worker, all at once. printf gives bytes that are no UTF-8. */
const hostile = `ulimit -S -v 500000
exec /usr/bin/env -i PATH=/nowhere: 'NODE_OPTIONS=--bad "it'"'"'s" $HOME
\`id\`' NODE_V8_COVERAGE=/nowhere NODE_CHANNEL_FD=3 NODE_ENV= LD_AUDIT= \\
  "MULTI=line
export NODE_\\$(touch pwned)=
export NODE_OTHER=x" \\
  "BYTES=$(printf '\\377%%\\\\n\\n\\302.')" vgrun_shim=1 real=2 \\
  /usr/bin/env --ignore-signal=PIPE,HUP,34 --block-signal=USR1 "$1" "$(printf 'q\\377\\n.')" plain "$(printf 'r\\376')" ''`;

/** What a shell and valgrind add, docs/shim.md names it. */
const added = /^variable (?:PWD|LD_PRELOAD|LD_LIBRARY_PATH|GLIBCPP_FORCE_NEW|GLIBCXX_FORCE_NEW)=/;
const linesOf = ({ stdout }: Result): readonly string[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '' && !added.test(line))
    .sort();

/** Installs a shim for a copy of the program of this name, as long as the work goes on. */
async function withShim(
  name: string,
  options: readonly string[],
  work: () => Promise<void>,
  program = 'program',
): Promise<void> {
  await copyFile(place(program), place(name));
  await chmod(place(name), 0o755);
  const words = options.length === 0 ? [] : ['--', ...options];
  const installed = await vgrun(['shim', 'install', name, ...words], { cwd: folder() });
  expect(installed).toMatchObject({ status: 0, stderr: '' });
  try {
    await work();
  } finally {
    await vgrun(['shim', 'restore', name], { cwd: folder() });
  }
}

const cases = [
  ['memcheck', 'valgrind'],
  ['gdb', 'gdb'],
] as const;

describe.each(cases)('under %s', (tool, instrument) => {
  test.skipIf(!canRun(instrument))(
    'a worker has the words, variables and signals of its supervisor, byte for byte',
    { timeout: 120_000 },
    async () => {
      const before = await supervise(hostile, 'program');
      expect(before.status).toBe(7);
      const lines = linesOf(before);
      expect(lines).toContain('word q\\377\\012.');
      expect(lines).toContain('ignored 34');
      expect(lines).toContain('address space 500000');
      await withShim(tool, [`--tool=${tool}`], async () => {
        const { status, stderr, ...rest } = await supervise(hostile, tool);
        expect(status).toBe(7);
        expect(stderr).toContain('without its limit of address space (ulimit -v 500000)');
        expect(linesOf({ status, stderr, ...rest })).toEqual(
          lines.map((line) => (line.startsWith('address') ? 'address space -1' : line)),
        );
      });
      expect(await readdir(folder())).not.toContain('pwned');
    },
  );
});

describe.skipIf(!canRun('valgrind'))('the worker of a shim', () => {
  test('gets each signal once, whether its process or its group is meant', { timeout: 120_000 }, async () => {
    await withShim('signals', [], async () => {
      const child = spawn('./signals', ['signals'], {
        cwd: folder(),
        detached: true,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      let said = '';
      child.stdout.on('data', (bytes: Buffer) => {
        said += bytes;
      });
      try {
        await until('the worker to be ready', () => said !== '');
        const pid = child.pid ?? 0;
        let expected = 'ready\n';
        for (const name of ['HUP', 'USR1', 'USR2', 'WINCH', 'QUIT', 'INT', 'TTIN', 'TTOU', 'IO'] as const) {
          process.kill(pid, `SIG${name}`);
          // glibc calls it by its other name.
          expected += `${name === 'IO' ? 'POLL' : name}\n`;
          await until(`SIG${name} to arrive`, () => said === expected);
        }
        process.kill(-pid, 'SIGTERM');
        const ended = await new Promise((done) => child.once('exit', (code, signal) => done([code, signal])));
        expect(ended).toEqual([7, null]);
        expect(said).toBe(`${expected}TERM\n`);
      } finally {
        // The worker then gets SIGTERM.
        child.kill('SIGKILL');
      }
    });
  });

  test('is killed with SIGKILL, as its supervisor means it', { timeout: 120_000 }, async () => {
    await withShim('killed', [], async () => {
      const child = spawn('./killed', ['signals'], { cwd: folder(), stdio: ['ignore', 'pipe', 'ignore'] });
      let said = '';
      child.stdout.on('data', (bytes: Buffer) => {
        said += bytes;
      });
      await until('the worker to be ready', () => said !== '');
      child.kill('SIGKILL');
      // The worker holds the pipe, too; it would tell a SIGTERM.
      await new Promise((done) => child.once('close', done));
      expect(said).toBe('ready\n');
    });
  });

  test('runs by itself, and says it in one line, where valgrind is gone', { timeout: 120_000 }, async () => {
    const valgrind = execFileSync('sh', ['-c', 'command -v valgrind'], { encoding: 'utf8' }).trim();
    await symlink(valgrind, place('link'));
    // Debian's own is a script that looks beside the name that it is called by.
    await symlink(`${valgrind}.bin`, place('link.bin')).catch(() => {});
    const before = await supervise(hostile, 'program');
    await withShim('alone', ['--valgrind=link'], async () => {
      await rm(place('link'));
      const alone = await supervise(hostile, 'alone');
      expect(alone.status).toBe(7);
      expect(linesOf(alone)).toEqual(linesOf(before));
      expect(alone.stderr).toMatch(/^vgrun shim: .*link is no valgrind.*; the program runs without it\n$/);
    });
  });

  test('ends as it ends, also when its run is lost', { timeout: 120_000 }, async () => {
    await writeFile(place('script'), `#!/bin/sh\nrm -rf '${place('lost/.vgrun/runs')}'\nexit 9\n`);
    await mkdir(place('lost'));
    await withShim(
      'loser',
      ['--runs-in=lost'],
      async () => {
        const { status, stderr } = await supervise('exec "$1"', 'loser');
        expect(status).toBe(9);
        expect(stderr).toMatch(/^vgrun shim: .*; the report of this run is missing$/m);
      },
      'script',
    );
  });

  test('runs by itself where node cannot start within hard limits', { timeout: 120_000 }, async () => {
    await withShim('narrow', [], async () => {
      const script = 'ulimit -v 500000; exec "$1"';
      const narrow = await supervise(script, 'narrow');
      expect(narrow.status).toBe(7);
      expect(narrow.stdout).toContain('address space 500000');
      expect(narrow.stderr).toMatch(/^vgrun shim: vgrun cannot start within the limits of memory here .*\n$/);
    });
  });
});

test('a shim is not installed for a tool that is not there', async () => {
  const result = await vgrun(['shim', 'install', 'program', '--', '--valgrind=/nowhere/valgrind'], {
    cwd: folder(),
  });
  expect(result.status).toBe(125);
  expect(result.stderr).toContain('is no valgrind that can be run');
  expect(await readdir(folder())).not.toContain('program.vgrun-real');
});
