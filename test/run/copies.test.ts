// A log that several processes truncate and write over each other is one history: each byte of it is read once.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord } from '../../src/model/record.ts';
import type { RunManifest } from '../../src/model/run.ts';
import { readCopies } from '../../src/run/copies.ts';
import { readSources } from '../../src/run/read.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgrun-copies-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function write(copies: readonly (string | Uint8Array)[]): Promise<string[]> {
  const paths = copies.map((_, index) => join(folder, `valgrind-user.1-${index + 1}.log`));
  await Promise.all(paths.map((path, index) => writeFile(path, copies[index] ?? '')));
  return paths;
}

/** What the log says: the processes, and what of each was found and ended. */
async function historyOf(...copies: string[]): Promise<string[]> {
  const manifest = { id: 'x', capture: 'text' } as RunManifest;
  const files = await write(copies);
  const told: string[] = [];
  const say = (record: RunRecord) => {
    if (record.type === 'process') told.push(`${record.image}: ${record.pid} ${record.argv.join(' ')}`);
    else if (record.type === 'finding') told.push(`${record.image}: ${record.what}`);
    else if (record.type === 'process-end')
      told.push(`${record.image}: ${record.complete ? 'whole' : 'not whole'}`);
  };
  for await (const record of readSources({ manifest, directory: folder, files, problems: [] })) say(record);
  return told;
}

const marked = (pid: number, text: string) => text.replace(/^(?=.)/gm, `==${pid}== `);
const header = (pid: number, command: string, parent: number) =>
  marked(pid, `Memcheck, a memory error detector\nCommand: ${command}\nParent PID: ${parent}\n`);
const error = (pid: number, line: number) =>
  `${marked(pid, `Invalid read of size ${line}\n   at 0x10A: f (a.c:${line})\n`)}==${pid}== \n`;
const summary = (pid: number) =>
  marked(pid, 'ERROR SUMMARY: 1 errors from 1 contexts (suppressed: 0 from 0)\n');

/** What stands in a file when `text` is written at `position`. */
const writtenOver = (file: string, position: number, text: string) =>
  file.slice(0, position) + text + file.slice(position + text.length);

const parent = header(70, './parent', 1) + error(70, 1);
const child = header(71, '/bin/a-child-with-a-longer-name', 70) + error(71, 2) + summary(71);
const rest = error(70, 4);

test('a process whose log a child truncated goes on as the same program', async () => {
  const longRest = rest.repeat(4) + summary(70);
  const told = await historyOf(parent, child, writtenOver(child, parent.length, longRest));
  expect(told.filter((line) => line.startsWith('1: '))).toEqual([
    '1: 70 ./parent',
    '1: Invalid read of size 1',
    ...Array(4).fill('1: Invalid read of size 4'),
    '1: whole',
  ]);
  expect(told.filter((line) => line.startsWith('2: '))).toEqual([
    '2: 71 /bin/a-child-with-a-longer-name',
    '2: Invalid read of size 2',
    '2: whole',
  ]);
  expect(told).toHaveLength(10);
});

test('it makes no difference how often it was looked at meanwhile', async () => {
  const all = rest.repeat(2) + summary(70);
  const looks = [rest.length, rest.length * 2, all.length].map((length) =>
    writtenOver(child, parent.length, all.slice(0, length)),
  );
  expect(await historyOf(parent, child, ...looks)).toEqual(
    await historyOf(parent, child, ...looks.slice(-1)),
  );
});

test('what a short text was written over is not read again, before it or behind it', async () => {
  const long = child + error(71, 2).replace('size 2', 'size 8').repeat(40);
  const told = await historyOf(parent, long, writtenOver(long, parent.length + 7, rest));
  expect(told.filter((line) => /size 4$/.test(line))).toHaveLength(1);
  expect(told.filter((line) => /size 8$/.test(line))).toHaveLength(40);
});

test('a process that becomes the same program again has two images', async () => {
  const first = header(70, './again', 1);
  const told = await historyOf(first, first + error(70, 1) + summary(70));
  expect(told).toEqual([
    '1: 70 ./again',
    '1: not whole',
    '2: 70 ./again',
    '2: Invalid read of size 1',
    '2: whole',
  ]);
});

test('a forked child that becomes the program of its parent again is no fork any more', async () => {
  const manifest = { id: 'x', capture: 'text' } as RunManifest;
  const logs = {
    'valgrind-user.1-1.log': header(70, './again', 1) + summary(70),
    'valgrind-user.2-1.log': header(71, './again', 70),
    'valgrind-user.2-2.log': header(71, './again', 70) + summary(71),
  };
  const files = Object.keys(logs).map((name) => join(folder, name));
  await Promise.all(Object.values(logs).map((log, index) => writeFile(files[index] ?? '', log)));
  const forked: string[] = [];
  for await (const record of readSources({ manifest, directory: folder, files, problems: [] })) {
    if (record.type === 'process') forked.push(`${record.pid} ${record.forked}`);
  }
  expect(forked).toEqual(['70 false', '71 true', '71 false']);
});

test('any copies are read to their end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1 }), async (copies) => {
      let bytes = 0;
      for await (const chunk of readCopies(await write(copies))) bytes += chunk.length;
      expect(bytes).toBeLessThanOrEqual(copies.reduce((sum, { length }) => sum + length, 0));
      expect(bytes).toBeGreaterThanOrEqual(copies.at(-1)?.length === 0 ? 0 : 1);
    }),
    { numRuns: 50 },
  );
});
