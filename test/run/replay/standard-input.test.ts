// The standard input of a CGI program: the body and then the end, whatever its size, and nothing of it left on the disk.
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Body } from '../../../src/model/request.ts';
import { openStandardInput } from '../../../src/run/replay/standard-input.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgrun-stdin-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const bodyOf = (...chunks: readonly Uint8Array[]): Body => ({
  length: chunks.reduce((sum, { length }) => sum + length, 0),
  open: async function* () {
    yield* chunks;
  },
});

test('a request without a body, or with an empty one, gives the end at once', async () => {
  for (const body of [undefined, bodyOf()]) {
    const descriptor = await openStandardInput(body, folder);
    expect(readFileSync(descriptor)).toHaveLength(0);
    closeSync(descriptor);
  }
});

test('any bytes are read as they are, and the file is gone before anybody reads', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), async (chunks) => {
      const descriptor = await openStandardInput(bodyOf(...chunks), folder);
      expect(readdirSync(folder)).toEqual([]);
      expect(readFileSync(descriptor)).toEqual(Buffer.concat(chunks));
      closeSync(descriptor);
    }),
    { numRuns: 40 },
  );
});

test('nobody else may read it, nor may it be written, and a program can open /dev/stdin', async () => {
  const descriptor = await openStandardInput(bodyOf(Buffer.from('a=1&b=2')), folder);
  expect(fstatSync(descriptor).mode & 0o777).toBe(0o600);
  const { stdout, status } = spawnSync('sh', ['-c', 'cat /dev/stdin; echo x >&0'], {
    stdio: [descriptor, 'pipe', 'ignore'],
  });
  expect([stdout.toString(), status]).toEqual(['a=1&b=2', 2 - Number(status === 1)]);
  closeSync(descriptor);
});

test('a body of 300 MB needs no memory', async () => {
  const chunk = Buffer.alloc(1 << 20, 'b');
  const body: Body = {
    length: 300 * chunk.length,
    open: async function* () {
      for (let at = 0; at < 300; at++) yield chunk;
    },
  };
  const before = process.memoryUsage.rss();
  const descriptor = await openStandardInput(body, folder);
  expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024);
  expect(fstatSync(descriptor).size).toBe(body.length);
  closeSync(descriptor);
});

test('a body that cannot be read to its end leaves nothing behind', async () => {
  const body: Body = {
    length: 100,
    open: async function* () {
      yield Buffer.from('half');
      throw new Error('the capture is gone');
    },
  };
  await expect(openStandardInput(body, folder)).rejects.toThrow('the capture is gone');
  expect(readdirSync(folder)).toEqual([]);
});
