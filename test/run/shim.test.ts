// A shim takes a program's place and gives it back, also when it is stopped between any two steps.
import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { rm, stat, truncate, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { UserError } from '../../src/errors.ts';
import { filesOf, type ShimFiles, shimFiles } from '../../src/run/shim/files.ts';
import { type Installation, installShim } from '../../src/run/shim/install.ts';
import { type OnStep, restoreProgram } from '../../src/run/shim/restore.ts';
import { findShims } from '../../src/run/shim/search.ts';

let folder: string;
let files: ShimFiles;
const original = '#!/bin/sh\necho the real one: "$@"\n';

/** A `node` that says how it was called, in the place of node and vgrun. */
const echo = '#!/bin/sh\nshift 3; for word; do printf "<%s>" "$word"; done\n';

function installation(more: Partial<Installation> = {}): Installation {
  return {
    node: join(folder, 'node'),
    cli: join(folder, 'cli.js'),
    searchPath: process.env.PATH ?? '',
    options: [],
    ...more,
  };
}

async function place(name: string): Promise<ShimFiles> {
  const path = join(folder, name);
  await writeFile(path, original);
  chmodSync(path, 0o751);
  await utimes(path, 1_000_000_000, 1_100_000_000);
  return filesOf(path);
}

/** Runs what stands at a path, as a supervisor would: by the path, not through a shell. */
function start(path: string, ...words: readonly string[]): string {
  return execFileSync(path, words, { cwd: folder, encoding: 'utf8' });
}

const refusal = (doing: Promise<unknown>): Promise<string> =>
  doing.then(
    () => 'done',
    (error: UserError) => {
      if (error.name !== 'UserError') throw error;
      return `${error.message} / ${error.hint}`.replaceAll(folder, '');
    },
  );

/** Goes on to the named step and then does nothing more, as when it is killed there. */
async function stopAt(step: string, doing: (onStep: OnStep) => Promise<unknown>): Promise<void> {
  let reached = false;
  await new Promise<void>((stop, fail) => {
    doing((at) => {
      if (at !== step) return;
      reached = true;
      stop();
      return new Promise(() => {});
    }).then(() => fail(new Error(`there is no step ${step}`)), fail);
  });
  expect(reached).toBe(true);
}

const names = () => readdirSync(folder).sort();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vgrun-shim-'));
  await writeFile(join(folder, 'node'), echo);
  chmodSync(join(folder, 'node'), 0o755);
  await writeFile(join(folder, 'cli.js'), '');
  files = await place('worker');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a shim', () => {
  test('has the mode and the times of the program, which is the same file again afterwards', async () => {
    const before = await stat(files.program, { bigint: true });
    await installShim(files, installation());
    const shim = await stat(files.program, { bigint: true });
    expect([shim.mode, shim.uid, shim.gid, shim.mtimeMs]).toEqual([
      before.mode,
      before.uid,
      before.gid,
      before.mtimeMs,
    ]);
    expect(shim.ino).not.toBe(before.ino);
    expect(await restoreProgram(files)).toEqual({ did: 'put back' });
    const after = await stat(files.program, { bigint: true });
    expect([after.ino, after.mode, after.mtimeNs, after.nlink]).toEqual([
      before.ino,
      before.mode,
      before.mtimeNs,
      before.nlink,
    ]);
    expect(names()).toEqual(['cli.js', 'node', 'worker']);
  });

  test.each(['worker', '-worker', 'a b', "it's", 'new\nline', '$(touch pwned)', '"`touch pwned`"', 'ünï'])(
    'passes all words on untouched for a program called %j',
    async (name) => {
      const own = await place(name);
      await installShim(own, installation({ options: ['--x=$HOME `id` "\'\n'] }));
      const words = ['', '-n', 'two words', '*', "'", '"', '\\', 'a\nb', '--help'];
      const called = ['--x=$HOME `id` "\'\n', '--', `${own.program}.vgrun-real`, ...words];
      expect(start(own.program, ...words)).toBe(called.map((word) => `<${word}>`).join(''));
      await restoreProgram(own);
      expect(start(own.program, 'x')).toBe('the real one: x\n');
      expect(names()).not.toContain('pwned');
    },
  );

  test('calls the program by the path that it was called by', async () => {
    await installShim(files, installation());
    expect(start('./worker')).toBe('<--><./worker.vgrun-real>');
    symlinkSync('worker', join(folder, 'link'));
    expect(start('./link')).toBe(`<--><${files.real}>`);
    const called = execFileSync('bash', ['-c', 'exec -a other ./worker'], { cwd: folder, encoding: 'utf8' });
    expect(called).toBe(`<--><${files.real}>`);
  });

  test('starts the program by itself where vgrun is gone, and where it runs under valgrind already', async () => {
    await installShim(files, installation());
    const env = { ...process.env, LD_PRELOAD: '' };
    expect(
      execFileSync(files.program, ['a'], {
        env: { ...env, LD_PRELOAD: '/nowhere/vgpreload_core.so' },
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    ).toBe('the real one: a\n');
    await unlink(join(folder, 'cli.js'));
    expect(
      execFileSync(files.program, ['a b'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    ).toBe('the real one: a b\n');
  });

  test('is found below a folder by its journal', async () => {
    mkdirSync(join(folder, 'deep/er'), { recursive: true });
    const own = await place('deep/er/worker');
    await installShim(own, installation());
    expect(await findShims(folder)).toEqual({ shims: [own], isCut: false });
  });

  test('is that of the file a link leads to, also of one that hangs', async () => {
    symlinkSync('worker', join(folder, 'link'));
    symlinkSync('link', join(folder, 'second'));
    expect(await shimFiles('second', folder)).toEqual(files);
    await unlink(files.program);
    expect(await shimFiles('second', folder)).toEqual(files);
  });

  test('leaves those alone that run the program at the time', async () => {
    await writeFile(files.program, readFileSync('/bin/sleep'));
    const { spawn } = await import('node:child_process');
    const running = spawn(files.program, ['60']);
    try {
      await new Promise((done) => running.once('spawn', done));
      await installShim(files, installation());
      expect(running.exitCode).toBe(null);
      await restoreProgram(files);
      expect(running.exitCode).toBe(null);
    } finally {
      running.kill('SIGKILL');
    }
  });
});

const noLinks = () => Promise.reject(Object.assign(new Error('no links here'), { code: 'EPERM' }));

describe('an installation that is stopped', () => {
  const ways: readonly (readonly [string, Partial<Installation>])[] = [
    ['with hard links', {}],
    ['without hard links', { link: noLinks }],
  ];
  const steps = ['journal', 'script', 'kept', 'replaced'];
  test.each(ways.flatMap(([way, more]) => steps.map((step) => [way, step, more] as const)))(
    '%s, after the step "%s", is put back',
    async (_, step, more) => {
      const before = await stat(files.program);
      await stopAt(step, (onStep) => installShim(files, installation({ ...more, onStep })));
      if (step !== 'replaced') {
        expect(await refusal(installShim(files, installation()))).toContain('was interrupted');
      }
      await restoreProgram(files);
      expect((await stat(files.program)).ino).toBe(before.ino);
      expect(names()).toEqual(['cli.js', 'node', 'worker']);
      expect(start(files.program, 'x')).toBe('the real one: x\n');
    },
  );

  test.each(steps)('always leaves something to start, after the step "%s"', async (step) => {
    await stopAt(step, (onStep) => installShim(files, installation({ onStep })));
    expect(start(files.program, 'x')).toMatch(/the real one: x|<x>/);
  });

  test.each(['journal', 'unfinished'] as const)('is put back also where the %s is cut', async (name) => {
    await stopAt('script', (onStep) => installShim(files, installation({ onStep })));
    await truncate(files[name], 7);
    expect(await restoreProgram(files)).toEqual({ did: 'cleaned up' });
    expect(names()).toEqual(['cli.js', 'node', 'worker']);
  });

  test('is undone when it fails half-way', async () => {
    const failing = installation({
      onStep: (step) => {
        if (step === 'kept') throw Object.assign(new Error('disk full'), { code: 'ENOSPC' });
      },
    });
    expect(await refusal(installShim(files, failing))).toContain('disk full');
    expect(names()).toEqual(['cli.js', 'node', 'worker']);
    expect(start(files.program, 'x')).toBe('the real one: x\n');
  });
});

describe('putting back', () => {
  test.each(['put back', 'script', 'journal'])('can be stopped after "%s", and begun again', async (step) => {
    await installShim(files, installation());
    await stopAt(step, (onStep) => restoreProgram(files, onStep));
    const again = await refusal(restoreProgram(files));
    expect(again).toMatch(step === 'journal' ? /worker is no shim/ : /^done$/);
    expect(names()).toEqual(['cli.js', 'node', 'worker']);
    expect(start(files.program, 'x')).toBe('the real one: x\n');
  });

  test('works without the journal', async () => {
    await installShim(files, installation());
    await unlink(files.journal);
    expect(await restoreProgram(files)).toEqual({ did: 'put back' });
  });

  test('is refused twice', async () => {
    await installShim(files, installation());
    await restoreProgram(files);
    expect(await refusal(restoreProgram(files))).toBe(
      '/worker is no shim / vgrun shim status lists those below a folder',
    );
  });

  const build = async (text: string) => {
    await unlink(files.program);
    await writeFile(files.program, text);
    chmodSync(files.program, 0o755);
  };

  test('keeps what was built over the shim, and the older program beside it, and all can begin again', async () => {
    for (const [round, older] of ['worker.vgrun-older', 'worker.vgrun-older2'].entries()) {
      const before = readFileSync(files.program, 'utf8');
      await installShim(files, installation());
      const built = `#!/bin/sh\necho build ${round}\n`;
      await build(built);
      expect(await refusal(installShim(files, installation()))).toBe(
        '/worker was built or put there over its shim / vgrun shim restore keeps it and moves the older program aside; then install again',
      );
      expect(await restoreProgram(files)).toEqual({ did: 'kept the new one', older: join(folder, older) });
      expect(readFileSync(files.program, 'utf8')).toBe(built);
      expect(readFileSync(join(folder, older), 'utf8')).toBe(before);
    }
    expect(names()).toEqual(['cli.js', 'node', 'worker', 'worker.vgrun-older', 'worker.vgrun-older2']);
    await installShim(files, installation());
    expect(await restoreProgram(files)).toEqual({ did: 'put back' });
    expect(start(files.program)).toBe('build 1\n');
  });

  test('that was stopped while the older program had two names, leaves it one', async () => {
    await installShim(files, installation());
    await build('new');
    linkSync(files.real, join(folder, 'worker.vgrun-older'));
    expect(await restoreProgram(files)).toMatchObject({ did: 'kept the new one' });
    expect(names()).toEqual(['cli.js', 'node', 'worker', 'worker.vgrun-older']);
    expect(readFileSync(join(folder, 'worker.vgrun-older'), 'utf8')).toBe(original);
  });

  test('and installing wait for another process that installs, and not for one that is gone', async () => {
    await stopAt('kept', (onStep) => installShim(files, installation({ onStep })));
    const { spawn } = await import('node:child_process');
    const other = spawn('sleep', ['60']);
    try {
      const { pid } = other;
      // proc_pid_stat(5): of sleep, whose name has no space.
      const started = readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ')[21];
      const journal = JSON.parse(readFileSync(files.journal, 'utf8'));
      await writeFile(files.journal, JSON.stringify({ ...journal, pid, started }));
      for (const doing of [restoreProgram(files), installShim(files, installation())]) {
        expect(await refusal(doing)).toContain(`another vgrun (pid ${pid}) is installing a shim for /worker`);
      }
      expect(names()).toContain('worker.vgrun-real');
      await writeFile(files.journal, JSON.stringify({ ...journal, pid, started: '1' }));
      expect(await restoreProgram(files)).toEqual({ did: 'cleaned up' });
    } finally {
      other.kill('SIGKILL');
    }
  });

  test('does not lose what is built while a shim is being installed', async () => {
    const installing = installShim(
      files,
      installation({ onStep: (step) => (step === 'kept' ? build('new') : undefined) }),
    );
    expect(await refusal(installing)).toContain('/worker was changed meanwhile');
    expect(readFileSync(files.program, 'utf8')).toBe('new');
    expect(readFileSync(join(folder, 'worker.vgrun-older'), 'utf8')).toBe(original);
  });

  test('is refused where the real program is gone: the shim is all that is left', async () => {
    await installShim(files, installation());
    await unlink(files.real);
    expect(await refusal(restoreProgram(files))).toContain('worker.vgrun-real is not there');
    expect(names()).toContain('worker');
  });

  test('is refused for a copy of a shim', async () => {
    await installShim(files, installation());
    await writeFile(join(folder, 'copy'), readFileSync(files.program));
    expect(await refusal(restoreProgram(filesOf(join(folder, 'copy'))))).toContain('/copy is a shim');
  });
});

describe('a shim is refused', () => {
  test('for a program that has one', async () => {
    await installShim(files, installation());
    expect(await refusal(installShim(files, installation()))).toBe(
      '/worker is a shim already / for other options: vgrun shim restore, then install again',
    );
    expect(await refusal(installShim(filesOf(files.real), installation()))).toContain('belongs to a shim');
    expect(await restoreProgram(files)).toEqual({ did: 'put back' });
  });

  test.each([
    ['what is not there', 'nothing', async () => {}, 'is not there'],
    ['a folder', 'dir', async (path: string) => mkdirSync(path), 'is no file'],
    ['what cannot be started', 'data', (path: string) => writeFile(path, ''), 'is not executable'],
    [
      'a setuid program',
      'suid',
      async (path: string) => {
        await writeFile(path, '');
        chmodSync(path, 0o4755);
      },
      'with the rights of another user',
    ],
    [
      'a program whose name beside it is taken',
      'taken',
      async (path: string) => {
        await writeFile(path, '');
        chmodSync(path, 0o755);
        await writeFile(`${path}.vgrun-real`, 'mine');
      },
      'taken.vgrun-real is there already',
    ],
  ])('for %s', async (_, name, make, message) => {
    await make(join(folder, name));
    const before = names();
    expect(await refusal(installShim(filesOf(join(folder, name)), installation()))).toContain(message);
    expect(names()).toEqual(before);
  });

  test('for what it runs itself', async () => {
    const node = filesOf(join(folder, 'node'));
    expect(await refusal(installShim(node, installation()))).toContain('is what a shim itself runs');
  });

  test('for a name that has no room for the files beside it', async () => {
    const own = await place('w'.repeat(245));
    expect(await refusal(installShim(own, installation()))).toContain('too long');
  });

  test.skipIf(process.getuid?.() === 0)('in a folder that cannot be written', async () => {
    chmodSync(folder, 0o555);
    try {
      expect(await refusal(installShim(files, installation()))).toContain('cannot be written');
    } finally {
      chmodSync(folder, 0o755);
    }
  });
});

test('other hard links of the program are spoken of', async () => {
  linkSync(files.program, join(folder, 'second name'));
  expect((await installShim(files, installation())).join()).toContain('1 more hard link');
  expect(basename(files.real)).toBe('worker.vgrun-real');
});
