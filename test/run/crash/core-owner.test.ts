// Whose core a file is, and that no file at all makes the reader fail.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { coreOwner, processOf } from '../../../src/run/crash/core-owner.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgrun-core-owner-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function ownerOf(bytes: Uint8Array) {
  const file = join(folder, 'core');
  await writeFile(file, bytes);
  return coreOwner(file);
}

function note(type: number, content: Buffer): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt32LE(5, 0);
  head.writeUInt32LE(content.length, 4);
  head.writeUInt32LE(type, 8);
  head.write('CORE', 12);
  return Buffer.concat([head, content]);
}

function threadNote(lwp: number): Buffer {
  const status = Buffer.alloc(336);
  status.writeUInt16LE(11, 12);
  for (const [index, id] of [lwp, 40, 39, 38].entries()) status.writeUInt32LE(id, 32 + 4 * index);
  return note(1, status);
}

/** A core of 64 bits with the notes that matter: of its first thread and the process as the kernel writes them, then other threads. */
function madeCore(lwp: number, processPid: number, others: readonly number[] = []): Buffer {
  const process = Buffer.alloc(136);
  process.writeUInt32LE(processPid, 24);
  const notes = Buffer.concat([threadNote(lwp), note(3, process), ...others.map(threadNote)]);
  const header = Buffer.alloc(64 + 56);
  Buffer.from('7f454c46020101', 'hex').copy(header);
  header.writeUInt16LE(4, 16);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt32LE(4, 64);
  header.writeBigUInt64LE(120n, 64 + 8);
  header.writeBigUInt64LE(BigInt(notes.length), 64 + 32);
  return Buffer.concat([header, notes]);
}

describe('whose core it is', () => {
  test('the notes say, and a thread that crashed is not taken for its process', async () => {
    const ids = { ppid: 40, processGroup: 39, session: 38, signal: 11 };
    expect(await ownerOf(madeCore(417, 415, [415]))).toEqual({ pid: 415, threads: [417], ...ids });
    // valgrind leaves the process note empty.
    const valgrinds = { pid: 0, threads: [417, 415, 416], ...ids };
    expect(await ownerOf(madeCore(417, 0, [415, 416]))).toEqual(valgrinds);
  });

  test('where the notes do not say it, the name does, and else the thread that is a process of the run', () => {
    const threads = [417, 415, 416];
    const of = (name: string, seen: readonly number[], pid = 0) =>
      processOf({ pid, threads }, `/run/12/${name}`, (each) => seen.includes(each));
    expect(of('vgcore.9', [], 415)).toEqual({ pid: 415, isGuessed: false });
    for (const name of ['vgcore.415', 'vgcore.415.2', 'my.7.log.core.415', 'log.core.3.core.415.1']) {
      expect(of(name, [417]), name).toEqual({ pid: 415, isGuessed: false });
    }
    for (const name of ['core', 'core.9', 'vgcore.0', 'vgcore.9x', 'my-vgcore.9', 'vgcore']) {
      expect(of(name, [1, 416]), name).toEqual({ pid: 416, isGuessed: false });
    }
    expect(of('core', [])).toEqual({ pid: 415, isGuessed: true });
    expect(of('core', [416, 417])).toEqual({ pid: 417, isGuessed: true });
  });

  test('what is cut, lies about its sizes, or is no core, is nobody’s', async () => {
    const whole = madeCore(417, 417);
    expect(await ownerOf(Buffer.from('no core'))).toBeUndefined();
    for (const length of [0, 5, 63, 64, 100, 130]) {
      expect(await ownerOf(whole.subarray(0, length)), `${length} bytes`).toBeUndefined();
    }
    const huge = Buffer.from(whole);
    huge.writeBigUInt64LE(0xffffffffffffffffn, 64 + 8);
    expect(await ownerOf(huge)).toBeUndefined();
  });

  test('any bytes in it are read without an error', async () => {
    const whole = madeCore(417, 417);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 12 }),
        async (changes) => {
          const bytes = Buffer.from(whole);
          for (const [at, value] of changes) bytes[at] = value;
          const owner = await ownerOf(bytes);
          expect(owner === undefined || Number.isInteger(owner.pid)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
