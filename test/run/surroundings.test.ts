// What vgrun reads from its surroundings: limits, rc files, templates of logs, ELF files. Any bytes may stand there.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { templatePattern } from '../../src/run/capture.ts';
import { splitOptions } from '../../src/run/environment-options.ts';
import { parseDescriptorLimit, settleLimit } from '../../src/run/limits.ts';
import { readElf } from '../../src/tools/_shared/elf.ts';

describe('the limit of open files', () => {
  const line = (soft: string, hard: string) =>
    `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${soft.padEnd(20)} ${hard.padEnd(20)} files     \n`;

  test('is read from /proc, unlimited ones too', () => {
    expect(parseDescriptorLimit(line('1024', '524288'))).toEqual({ soft: 1024, hard: 524288 });
    expect(parseDescriptorLimit(line('unlimited', 'unlimited'))).toEqual({ soft: Infinity, hard: Infinity });
    expect(parseDescriptorLimit('')).toBeUndefined();
  });

  test('the soft one that Node raised is set back to the shell’s', () => {
    expect(settleLimit({ soft: 4096, hard: 4096 }, { soft: 1024, hard: 4096 }).options).toEqual([
      '--nofile=1024:4096',
    ]);
    expect(settleLimit({ soft: 4096, hard: 4096 }, { soft: 4096, hard: 4096 }).options).toEqual([]);
  });

  test('a limit that somebody lowered for vgrun alone stays', () => {
    expect(settleLimit({ soft: 400, hard: 400 }, { soft: 1024, hard: 4096 }).options).toEqual([]);
  });

  test('a huge one, with which valgrind does not start, is lowered and said', () => {
    const { options, problems } = settleLimit(
      { soft: 1073741816, hard: 1073741816 },
      { soft: 1024, hard: 1073741816 },
    );
    expect(options).toEqual(['--nofile=1024:65536']);
    expect(problems.map(({ code }) => code)).toEqual(['descriptor-limit-lowered']);
  });
});

describe('options in rc files', () => {
  test('are split at white space, and quotes keep it', () => {
    expect(splitOptions('--leak-check=full\n  --log-file="a b"\t-v --x=\'c d\'e')).toEqual([
      '--leak-check=full',
      '--log-file=a b',
      '-v',
      '--x=c de',
    ]);
    expect(splitOptions(' \n')).toEqual([]);
    expect(splitOptions('""')).toEqual(['']);
  });

  test('any text is split without loss of a letter', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const letters = (word: string) => word.replace(/[\s'"]/g, '');
        const kept = splitOptions(text).map(letters).join('');
        expect(kept).toBe(letters(text));
      }),
    );
  });
});

describe('the template of a log', () => {
  const environment = { NAME: 'a.b' };
  test('matches what valgrind makes of it, and nothing else', () => {
    const { folder, name } = templatePattern('/logs/x.%p.%n-%q{NAME}.100%%', environment);
    expect(folder).toBe('/logs');
    expect(name.test('x.123.4-a.b.100%')).toBe(true);
    expect(name.test('x.123.4-aXb.100%')).toBe(false);
    expect(name.test('x..4-a.b.100%')).toBe(false);
    expect(name.test('x.123.4-a.b.100%.old')).toBe(false);
  });

  test('a folder may be named by the environment', () => {
    expect(templatePattern('/logs/%q{NAME}/x', environment).folder).toBe('/logs/a.b');
  });

  test('any template is a pattern', () => {
    fc.assert(fc.property(fc.string(), (text) => void templatePattern(`/d/${text}`, environment)));
  });
});

describe('an ELF file', () => {
  const readerOf = (bytes: Uint8Array) => async (offset: number, length: number) =>
    bytes.subarray(offset, offset + length);
  const node = readFileSync('/bin/sh');

  test('a program of this machine is told with its linker and build id', async () => {
    const facts = await readElf(readerOf(node));
    expect(facts).toMatchObject({ bits: 64, executable: true, debugInfo: false });
    expect(facts?.interpreter).toMatch(/\/ld/);
    expect(facts?.buildId).toMatch(/^[0-9a-f]{40}$/);
  });

  test('any other file is none', async () => {
    expect(await readElf(readerOf(Buffer.from('#!/bin/sh\n')))).toBeUndefined();
    expect(await readElf(readerOf(Buffer.alloc(0)))).toBeUndefined();
  });

  test('a damaged or hostile file is read without a throw, and never more than a few megabytes of it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(0x400), fc.nat(255)), { maxLength: 40 }),
        fc.nat(node.length),
        async (changes, cut) => {
          const bytes = Buffer.from(node.subarray(0, Math.max(64, cut)));
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          let most = 0;
          await readElf(async (offset, length) => {
            most = Math.max(most, length);
            return bytes.subarray(Math.min(offset, bytes.length), Math.min(offset + length, bytes.length));
          });
          expect(most).toBeLessThanOrEqual(4 * 1024 * 1024);
        },
      ),
      { numRuns: 300 },
    );
  });
});
