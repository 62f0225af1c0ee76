// Holds that a config reaches a run: its environment the program and not the files, its faults the user, in one line.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { examplePath } from '../examples.ts';
import { canRun } from '../project.ts';
import { newestRun, testFolder, vgrun } from './vgrun.ts';

const cwd = testFolder();
const config = (value: unknown) => writeFile(join(cwd(), 'vgrun.config.json'), JSON.stringify(value));

beforeAll(() => copyFile(examplePath('lost-100'), join(cwd(), 'lost-100')));

describe.skipIf(!canRun('valgrind'))('a config', () => {
  test('gives the program its environment, of which only names are written down', async () => {
    await config({ environment: { SECRET: 'hush-hush', VGRUN_GONE: null } });
    const env = { VGRUN_GONE: 'here' };
    const { stdout } = await vgrun(['/bin/sh', '-c', 'echo "$SECRET,$VGRUN_GONE"'], { cwd: cwd(), env });
    expect(stdout).toBe('hush-hush,\n');
    const { path, manifest } = await newestRun(cwd());
    expect(manifest.environment).toEqual(['SECRET', 'VGRUN_GONE']);
    expect(await readFile(join(path, 'run.json'), 'utf8')).not.toContain('hush-hush');
    expect((await vgrun(['config'], { cwd: cwd() })).stdout).not.toContain('hush-hush');
    expect((await vgrun(['config', '--show-values'], { cwd: cwd() })).stdout).toContain('hush-hush');
  });

  test('above the working directory counts, and its files are where it is', async () => {
    await config({ report: ['json=from-config.json'] });
    await mkdir(join(cwd(), 'below'), { recursive: true });
    expect((await vgrun(['../lost-100'], { cwd: join(cwd(), 'below') })).status).toBe(100);
    expect(JSON.parse(await readFile(join(cwd(), 'from-config.json'), 'utf8')).outcome).toBe('findings');
  });

  test.each([
    [{ options: ['--leak-chek=full'] }, `"options[0]": unknown option '--leak-chek=full'`],
    [{ report: ['nope=x'] }, '"report[0]": --report nope='],
    [{ tool: 'masif' }, '"tool": valgrind has no tool'],
    [{ baseline: 'lost-100' }, '"baseline": '],
    [{ nonsense: 1 }, '"nonsense" is no setting'],
  ])('%j is refused in one sentence that names its place', async (value, says) => {
    await config(value);
    const { status, stderr, stdout } = await vgrun(['./lost-100'], { cwd: cwd() });
    expect([status, stdout]).toEqual([125, '']);
    expect(stderr).toMatch(/^vgrun: [^\n]*vgrun\.config\.json[^\n]+\nhint: [^\n]+\n$/);
    expect(stderr).toContain(says);
    expect((await vgrun(['--version'], { cwd: cwd() })).status).toBe(0);
  });

  test('may hold flags of sanitizers, which are left to their runs', async () => {
    await config({ options: ['--halt_on_error=1', '--detect_deadlocks=1'] });
    expect((await vgrun(['./lost-100'], { cwd: cwd() })).status).toBe(100);
    const { status, stderr } = await vgrun(['--tool=asan', './lost-100'], { cwd: cwd() });
    expect([status, stderr.split('\n')[0]]).toEqual([
      125,
      expect.stringMatching(/not built with AddressSanitizer/),
    ]);
  });

  test('is not to blame for what was typed', async () => {
    await config({ options: ['--leak-check=full'] });
    const { stderr } = await vgrun(['--nonsense=1', './lost-100'], { cwd: cwd() });
    expect(stderr).toMatch(/^vgrun: unknown option '--nonsense=1'/);
    expect((await vgrun(['--tool=helgrind', './lost-100'], { cwd: cwd() })).status).toBe(0);
  });
});
