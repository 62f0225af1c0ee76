// Holds that options from valgrind's surroundings (~/.valgrindrc, VALGRIND_OPTS, ./.valgrindrc) count as they do for
// valgrind itself, and that a vgdb stop that waits for nobody does not hang a run.
import { chmod, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { examplePath } from '../examples.ts';
import { canRun, cliPath } from '../project.ts';
import { newestRun, normalised, notesOf, runProgram, testFolder, vgrun, vgrunReport } from './vgrun.ts';

const cwd = testFolder();
const lost = examplePath('lost-100');

interface Surroundings {
  readonly home?: string;
  readonly variable?: string;
  readonly local?: string;
}

/** A folder with a home in it, and what valgrind finds there. */
async function surround({ home = '', variable = '', local = '' }: Surroundings) {
  const folder = await mkdtemp(join(cwd(), 'around-'));
  const homeFolder = join(folder, 'home');
  await mkdir(homeFolder);
  await writeFile(join(homeFolder, '.valgrindrc'), home);
  await writeFile(join(folder, '.valgrindrc'), local);
  return { cwd: folder, env: { HOME: homeFolder, VALGRIND_OPTS: variable } };
}

describe.skipIf(!canRun('valgrind'))('options from the surroundings', () => {
  test.each([
    { name: '~/.valgrindrc', around: { home: '--leak-check=no\n' } },
    { name: 'VALGRIND_OPTS', around: { variable: '--leak-check=no' } },
    { name: './.valgrindrc', around: { local: '--memcheck:leak-check=no\n' } },
    {
      name: 'all, and the last wins',
      around: { home: '--leak-check=full', variable: '', local: '--leak-check=no' },
    },
    { name: 'quoted', around: { variable: `'--leak-check=no'` } },
  ])('$name', async ({ around }) => {
    const { report, status } = await vgrunReport([lost], await surround(around));
    expect([report.outcome, status, report.findings.length]).toEqual(['clean', 0, 0]);
  });

  test('the command line has the last word', async () => {
    const { status } = await vgrunReport(
      ['--leak-check=full', lost],
      await surround({ variable: '--leak-check=no' }),
    );
    expect(status).toBe(100);
  });

  test('they are named in run.json, in the order in which they count', async () => {
    const around = await surround({
      home: '--num-callers=3',
      variable: '--num-callers=4 -v',
      local: '--num-callers=5',
    });
    await vgrun([lost], around);
    const { manifest } = await newestRun(around.cwd);
    expect(manifest.environmentOptions).toEqual([
      { source: '~/.valgrindrc', options: ['--num-callers=3'] },
      { source: 'VALGRIND_OPTS', options: ['--num-callers=4', '-v'] },
      { source: './.valgrindrc', options: ['--num-callers=5'] },
    ]);
    expect(manifest.toolOptions).toEqual([]);
  });

  test('a ./.valgrindrc that everybody can write is ignored, as valgrind ignores it', async () => {
    const around = await surround({ local: '--leak-check=no' });
    await chmod(join(around.cwd, '.valgrindrc'), 0o666);
    expect((await vgrun([lost], around)).status).toBe(100);
    expect((await newestRun(around.cwd)).manifest.environmentOptions).toEqual([]);
  });

  test('--command-line-only=yes leaves them all out', async () => {
    const around = await surround({ home: '--leak-check=no', variable: '--leak-check=no --log-file=no.log' });
    const { status, report } = await vgrunReport(['--command-line-only=yes', lost], around);
    expect([status, report.outcome]).toEqual([100, 'findings']);
    await expect(readFile(join(around.cwd, 'no.log'))).rejects.toThrow('ENOENT');
  });

  test('--error-exitcode there is the status for findings, and for nothing else', async () => {
    const around = await surround({ variable: '--error-exitcode=42' });
    const status = async (program: string) => (await vgrun([examplePath(program)], around)).status;
    expect([await status('lost-100'), await status('clean'), await status('exit-7')]).toEqual([42, 0, 7]);
  });

  test('-q there: silent when clean, and as true as without', async () => {
    const around = await surround({ home: '-q' });
    const clean = await vgrun([examplePath('clean')], around);
    expect([clean.stderr, clean.status]).toEqual(['', 0]);
    expect((await vgrun([lost], around)).status).toBe(100);
  });

  test('--log-file there: the file is made, and the report made from it', async () => {
    const around = await surround({ variable: '--log-file=own.log --leak-check=full' });
    const { report, status } = await vgrunReport([lost], around);
    const own = await readFile(join(around.cwd, 'own.log'), 'latin1');
    await runProgram('valgrind', ['--log-file=plain.log', lost], around);
    expect(normalised(own)).toBe(normalised(await readFile(join(around.cwd, 'plain.log'), 'latin1')));
    expect([report.outcome, status]).toEqual(['findings', 100]);
  });

  test('--xml=yes there does not leave a log of the user’s own empty', async () => {
    const around = await surround({ home: '--xml=yes --xml-fd=2' });
    const { report } = await vgrunReport(
      ['--log-file=own.log', '--leak-check=full', '--xml=no', lost],
      around,
    );
    expect(await readFile(join(around.cwd, 'own.log'), 'latin1')).toContain('100 bytes in 1 blocks');
    expect(report.outcome).toBe('findings');
  });

  test('a suppression file there hides what it names, and that is said', async () => {
    const suppression = '{\n   known loss\n   Memcheck:Leak\n   fun:malloc\n   fun:main\n}\n';
    const around = await surround({ local: '--suppressions=known.supp' });
    await writeFile(join(around.cwd, 'known.supp'), suppression);
    const { report, status } = await vgrunReport(['--leak-check=full', lost], around);
    expect([report.outcome, status]).toEqual(['clean', 0]);
    expect(report.suppressions.map(({ name, count }) => [name, count])).toEqual([['known loss', 1]]);
  });

  test('an option there that valgrind does not know is refused by valgrind: inconclusive', async () => {
    const around = await surround({ variable: '--no-such-option' });
    const { report, status, stderr } = await vgrunReport([examplePath('clean')], around);
    expect(stderr).toContain('Unknown option: --no-such-option');
    expect([report.outcome, status]).toEqual(['inconclusive', 101]);
  });

  test('a tool chosen there is not chosen, as with valgrind, and that is said', async () => {
    const result = await vgrunReport([lost], await surround({ variable: '--tool=helgrind' }));
    expect(result.report.tool.name).toBe('memcheck');
    expect(notesOf(result)).toEqual([expect.stringContaining('chooses no tool')]);
  });
});

describe.skipIf(!canRun('valgrind'))('a stop for a debugger that nobody brings', () => {
  test.concurrent.each([
    { name: 'at the first error', options: ['--vgdb-error=1'], around: {} },
    { name: 'at an error, asked for in VALGRIND_OPTS', options: [], around: { variable: '--vgdb-error=1' } },
    {
      name: 'with pipes of the user’s own',
      options: ['--vgdb-error=1', '--vgdb-prefix=./own-pipe'],
      around: {},
    },
    { name: 'at start and at exit', options: ['--vgdb-stop-at=startup,exit'], around: {} },
  ])('$name: the run goes on after a while, and the outcome is exact', async ({ name, options, around }) => {
    const place = await surround(around);
    // A session of its own has no terminal, at which somebody could attach gdb.
    const words = [
      '-w',
      process.execPath,
      cliPath,
      '--report=json=report.json',
      ...options,
      examplePath('use-after-free'),
    ];
    const result = await runProgram('setsid', words, place);
    const report = JSON.parse(await readFile(join(place.cwd, 'report.json'), 'utf8'));
    const stops = notesOf(result).filter((note) => note.includes('waits for gdb; without one it goes on in'));
    expect(stops).toHaveLength(name === 'at start and at exit' ? 2 : 1);
    expect(report.findings.map(({ kind }: { kind: string }) => kind).sort()).toEqual([
      'InvalidRead',
      'InvalidWrite',
    ]);
    expect([report.outcome, result.status]).toEqual(['findings', 100]);
  });
});
