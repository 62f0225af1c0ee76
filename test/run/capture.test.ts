// What happens to logs while a target runs: files that begin anew must not take with them what stood in them.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startCapture } from '../../src/run/capture.ts';
import { createRunDirectory, latestRun } from '../../src/run/directory.ts';
import { until } from '../live/vgrun.ts';

let folder: string;
let directory: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgrun-capture-'));
  directory = (await createRunDirectory(folder, false)).path;
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const contents = async () =>
  Promise.all((await readdir(directory)).sort().map((name) => readFile(join(directory, name), 'utf8')));

test('a log that is truncated and outgrows its old length between two looks is two copies', async () => {
  const log = join(folder, 'user.log');
  const capture = await startCapture({ directory, mirrors: [{ template: log, kind: 'log' }] });
  const first = 'first image\n'.repeat(1000);
  const second = 'the second one\n'.repeat(2000);
  await writeFile(log, first);
  await until('the first is copied', async () => (await contents()).includes(first));
  await writeFile(log, second);
  await capture.finish();
  expect(await contents()).toEqual([first, second]);
});

test('a log of an earlier run that this one never writes to is no part of it', async () => {
  const log = join(folder, 'user.log');
  await writeFile(log, 'of yesterday\n');
  const capture = await startCapture({ directory, mirrors: [{ template: log, kind: 'log' }] });
  await capture.finish();
  expect(await contents()).toEqual([]);
});

test('each image of a process keeps its own file', async () => {
  const capture = await startCapture({ directory, mirrors: [] });
  const file = join(directory, 'valgrind.77.xml');
  await writeFile(file, 'one');
  await until('the first is set aside', async () => (await readdir(directory)).includes('valgrind.77-1.xml'));
  await writeFile(file, 'two');
  await capture.finish();
  expect(await readdir(directory)).toEqual(['valgrind.77-1.xml', 'valgrind.77-2.xml']);
});

test('what is appended is heard once, whenever its file appears', async () => {
  const heard: string[] = [];
  const capture = await startCapture({
    directory,
    mirrors: [],
    follows: (name) => name.endsWith('.xml'),
    onData: (_, bytes) =>
      heard.push(
        ...Buffer.from(bytes)
          .toString()
          .split(/(?<=\n)/),
      ),
  });
  const said = Array.from({ length: 1000 }, (_, at) => `of process ${at}\n`);
  for (const [at, words] of said.entries()) await writeFile(join(directory, `valgrind.${at}.xml`), words);
  await capture.finish();
  expect(heard.sort()).toEqual(said.toSorted());
});

test('the newest run is the one that was made last, however fast one follows the other', async () => {
  for (let i = 0; i < 20; i++) {
    await new Promise((done) => setTimeout(done, 3));
    const { path } = await createRunDirectory(folder, false);
    expect(await latestRun(folder)).toBe(path);
  }
});
