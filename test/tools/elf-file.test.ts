// What an object file tells: compared with what nm, objdump and readelf say of the same file, and with damaged ones.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ElfFile, readElfFile } from '../../src/tools/core/elf-file.ts';
import { readFunctionNames } from '../../src/tools/core/symbols.ts';
import { canRun } from '../project.ts';
import { readerOf } from './core-bytes.ts';

const source = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int hidden(int x) { return x * 3; }
__attribute__((noinline)) int shown(int x) { return hidden(x) + 1; }
int main(int argc, char **argv) { printf("%d", shown(argc)); puts(getenv("HOME")); return atoi(argv[0]); }
`;

function readFile(path: string): ElfFile {
  const { readAt } = readerOf(readFileSync(path));
  const file = readElfFile(path, readAt);
  if (file === undefined) throw new Error(`${path} is no ELF file`);
  return file;
}

describe.runIf(canRun('cc') && canRun('nm') && canRun('objcopy'))('an object file', () => {
  let folder = '';
  let program = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vgrun-elf-'));
    program = join(folder, 'program');
    execFileSync('cc', ['-g', '-O1', '-Wl,--build-id', '-x', 'c', '-o', program, '-'], { input: source });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  // 0000000000001139 000000000000000f T shown
  const symbolsOf = (path: string, ...words: readonly string[]) =>
    execFileSync('nm', ['-S', '--defined-only', ...words, path], { encoding: 'utf8' })
      .split('\n')
      .map((line) => /^([\da-f]+) ([\da-f]+) [TtWwi] (\S+)$/.exec(line))
      .filter((match) => match !== null)
      .map(([, start, size, name = '']) => ({
        start: BigInt(`0x${start}`),
        size: Number.parseInt(size ?? '', 16),
        name: name.replace(/@.*/, ''),
      }));

  test('names each function as nm does, from its first byte to its last, hidden ones too', () => {
    const names = readFunctionNames(readFile(program));
    const known = symbolsOf(program);
    expect(known.map(({ name }) => name)).toEqual(expect.arrayContaining(['main', 'shown']));
    for (const { start, size, name } of known) {
      expect(names.at(start)).toMatchObject({ name, start, size, offset: 0, isInside: true });
      expect(names.at(start + BigInt(size - 1))).toMatchObject({ name, offset: size - 1 });
      expect(names.addressOf(name)).toBe(start);
    }
    expect(names.addressOf('shown_not')).toBeUndefined();
    expect(names.at(0n)).toBeUndefined();
  });

  test('that is stripped has the exported names, and ranges for the others', () => {
    const library = join(folder, 'stripped.so');
    execFileSync('cc', ['-shared', '-fPIC', '-O0', '-x', 'c', '-o', library, '-'], { input: source });
    const [hidden] = symbolsOf(library).filter(({ name }) => name === 'hidden');
    execFileSync('strip', [library]);
    const exported = symbolsOf(library, '-D').map(({ name }) => name);
    expect(exported).toEqual(expect.arrayContaining(['main', 'shown']));
    const { start = 0n, size = 0 } = hidden ?? {};
    const range = { start, end: start + BigInt(size) };
    const file = readFile(library);
    const names = readFunctionNames(file, undefined, () => range);
    for (const name of ['main', 'shown']) {
      const address = names.addressOf(name) ?? 0n;
      expect(names.at(address)).toMatchObject({ name, source: 'exported symbol', isInside: true });
    }
    expect(names.at(start + 2n)).toEqual({ start, offset: 2, size, source: 'range', isInside: true });
    // Without the range the nearest name before it is not said to be its own.
    expect(readFunctionNames(file).at(start + 2n)?.isInside ?? false).toBe(false);
  });

  test.runIf(process.arch === 'x64')('names the stubs of what it calls as objdump does', () => {
    const listing = execFileSync('objdump', ['-d', program], { encoding: 'utf8' });
    // 0000000000001060 <puts@plt>:
    const stubs = [...listing.matchAll(/^([\da-f]+) <(\w+@plt)>:$/gm)];
    expect(stubs.length).toBeGreaterThan(2);
    const names = readFunctionNames(readFile(program));
    for (const [, address, name] of stubs) {
      expect(names.at(BigInt(`0x${address}`))).toMatchObject({ name, offset: 0, isInside: true });
    }
  });

  test('has the build-id that readelf prints', () => {
    const notes = execFileSync('readelf', ['-n', program], { encoding: 'utf8' });
    expect(readFile(program).buildId).toBe(/Build ID: ([\da-f]+)/.exec(notes)?.[1]);
  });

  test('has sections, compressed or not, with the same bytes', () => {
    const plain = readFile(program).section('.debug_info')?.bytes;
    expect(plain?.length).toBeGreaterThan(100);
    for (const form of ['zlib', 'zlib-gnu']) {
      const packed = join(folder, form);
      execFileSync('objcopy', [`--compress-debug-sections=${form}`, program, packed]);
      const file = readFile(packed);
      expect(file.hasDebugInformation).toBe(true);
      expect(Buffer.from(file.section('.debug_info')?.bytes ?? [])).toEqual(plain);
    }
  });

  test('has its code at link-time addresses, and nothing where it has none', () => {
    const file = readFile(program);
    const text = file.section('.text');
    expect(file.at(text?.address ?? 0n, 16)).toEqual(text?.bytes.subarray(0, 16));
    expect(file.at(0xffff_ffff_ffff_ff00n, 16)).toHaveLength(0);
  });

  test('that is stripped names its debug twin with the CRC of that file', () => {
    const twin = join(folder, 'program.debug');
    const stripped = join(folder, 'linked');
    execFileSync('objcopy', ['--only-keep-debug', program, twin]);
    execFileSync('objcopy', ['--strip-all', `--add-gnu-debuglink=${twin}`, program, stripped]);
    const file = readFile(stripped);
    expect(file.hasDebugInformation).toBe(false);
    expect(file.debugLink()?.name).toBe('program.debug');
    const names = readFunctionNames(file, readFile(twin));
    expect(names.at(names.addressOf('hidden') ?? names.addressOf('shown') ?? 0n)?.source).toBe(
      'symbol table',
    );
  });

  test('whose bytes are changed anywhere is read without an error, or not at all', () => {
    const whole = readFileSync(program);
    // Headers, tables and symbols: where numbers are that lead elsewhere.
    const place = fc.oneof(
      fc.nat(1200),
      fc.integer({ min: whole.length - 64 * 40, max: whole.length - 1 }),
      fc.nat(whole.length - 1),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 8 })), { maxLength: 10 }),
        fc.oneof(fc.constant(whole.length), fc.nat(whole.length)),
        (changes, size) => {
          const bytes = Buffer.from(whole.subarray(0, size));
          for (const [at, change] of changes) {
            if (at + change.length <= bytes.length) bytes.set(change, at);
          }
          const file = readElfFile('/x', readerOf(bytes).readAt);
          if (file === undefined) return;
          for (const name of ['.text', '.debug_info', '.eh_frame', '.symtab']) file.section(name);
          file.debugLink();
          const names = readFunctionNames(file);
          for (const address of [0n, 0x1139n, file.header.entry, 1n << 63n]) {
            expect(names.at(address)?.offset ?? 0).toBeGreaterThanOrEqual(0);
          }
          names.addressOf('main');
        },
      ),
      { numRuns: 200 },
    );
  });
});
