// The package as npm packs it: it installs into an empty folder and runs there.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectRoot } from './project.ts';

const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgrun-package-'));
  // `--ignore-scripts`: the build that packing would start was made by the global setup, and other tests use it now.
  npm(projectRoot, 'pack', '--ignore-scripts', '--silent', `--pack-destination=${folder}`);
  writeFileSync(join(folder, 'package.json'), '{"private": true, "type": "module"}\n');
  npm(folder, 'install', '--prefer-offline', '--no-audit', '--no-fund', `./vgrun-${version}.tgz`);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('npx vgrun --version runs where the package was installed', () => {
  expect(npm(folder, 'exec', '--no', '--', 'vgrun', '--version')).toContain(version);
});

test('the library can be imported where the package was installed', () => {
  const program = "import * as vgrun from 'vgrun'; console.log(Object.keys(vgrun).sort().join(' '));";
  const names = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(names.trim().split(' ')).toEqual(expect.arrayContaining(['analyze', 'parse', 'render', 'run']));
});

test('the package holds what a user needs and no source of ours', () => {
  const names = execFileSync('tar', ['-tzf', join(folder, `vgrun-${version}.tgz`)], {
    encoding: 'utf8',
  }).split('\n');
  const needed = [
    'dist/cli.js',
    'dist/index.js',
    'dist/types/index.d.ts',
    'dist/report.schema.json',
    'README.md',
  ];
  expect(names).toEqual(expect.arrayContaining(needed.map((name) => `package/${name}`)));
  expect(names.filter((name) => /^package\/(src|test|scripts|examples-c\/build|\.)/.test(name))).toEqual([]);
});

function npm(cwd: string, ...argv: readonly string[]): string {
  return execFileSync('npm', argv, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
