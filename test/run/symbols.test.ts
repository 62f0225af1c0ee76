// Holds the table of names beside a run: kept and read again, and nothing in a stranger's file makes reading fail.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ParsedRecord } from '../../src/model/record.ts';
import { readSymbols, startAsking, symbolizeLogs } from '../../src/run/symbolize.ts';
import type { Symbols } from '../../src/tools/tool.ts';
import { canRun } from '../project.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgrun-symbols-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A log that asks for places. */
const asks = (places: readonly (readonly [object: string, offset: number, buildId?: string])[]) =>
  async function* (symbols: Symbols): AsyncGenerator<ParsedRecord> {
    for (const [object, offset, buildId] of places) {
      const frames = symbols.framesAt(object, offset, buildId) ?? [];
      yield { type: 'thread', image: 1, id: 1, root: false, frames };
    }
  };

const nowhere = { workingDirectory: '/', executables: [] };

describe('symbols.json', () => {
  test('anything may stand in it', async () => {
    const leaf = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.constant('0x10'));
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 5 },
        leaf,
        fc.array(tie('any')),
        fc.dictionary(fc.constantFrom('objects', 'object', 'places', 'offset', 'calls', 'line'), tie('any')),
      ),
    })).any;
    await fc.assert(
      fc.asyncProperty(value, async (content) => {
        await writeFile(join(folder, 'symbols.json'), JSON.stringify(content));
        const symbols = await readSymbols(folder);
        expect(() => symbols?.framesAt('prog', 16)).not.toThrow();
      }),
      { numRuns: 200 },
    );
    await writeFile(join(folder, 'symbols.json'), '{"objects": [');
    expect(await readSymbols(folder)).toBeUndefined();
    await rm(join(folder, 'symbols.json'));
    expect(await readSymbols(folder)).toBeUndefined();
  });
});

describe('asking', () => {
  test('is bounded, however much a log names', () => {
    const { asked, symbols } = startAsking();
    for (let index = 0; index < 2000; index++) symbols.framesAt(`object ${index}`, 1);
    for (let index = 0; index < 100_000; index++) symbols.framesAt('object 0', index);
    symbols.framesAt('object 0', -1);
    symbols.framesAt('object 0', Number.NaN);
    const count = [...asked.values()].reduce((sum, offsets) => sum + offsets.size, 0);
    expect([asked.size, count]).toEqual([500, 50_000]);
  });

  test('opens regular ELF files only', async () => {
    await writeFile(join(folder, 'text'), 'no program');
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const { resolved, problems } = await symbolizeLogs(
      asks([
        [join(folder, 'text'), 16],
        [join(folder, 'pipe'), 16],
        [folder, 16],
        ['/dev/zero', 16],
        ['/nowhere', 16],
        ['a\0b', 16],
      ]),
      nowhere,
    );
    expect([resolved, problems]).toEqual([0, []]);
  });

  describe.skipIf(!canRun('cc') || !canRun('nm'))('of a program', () => {
    const place = (name: string): number =>
      Number.parseInt(
        execFileSync('nm', [join(folder, 'prog')], { encoding: 'utf8' })
          .split('\n')
          .find((line) => line.endsWith(` T ${name}`))
          ?.split(' ')[0] ?? '',
        16,
      );

    beforeAll(() => {
      const source = 'int inner(int x) {\n  return x + 1;\n}\nint main(void) { return inner(-1); }\n';
      execFileSync('cc', ['-g', '-O0', '-Wl,--build-id', '-x', 'c', '-o', join(folder, 'prog'), '-'], {
        input: source,
      });
    });

    test('names function and line, by a whole, a relative and a last name', async () => {
      const path = join(folder, 'prog');
      for (const [object, places] of [
        [path, nowhere],
        ['./prog', { ...nowhere, workingDirectory: folder }],
        ['prog', { ...nowhere, executables: [path] }],
      ] as const) {
        const offset = place('inner');
        const { symbols, resolved } = await symbolizeLogs(asks([[object, offset]]), places);
        expect(resolved).toBe(1);
        expect(symbols.framesAt(object, offset)?.[0]).toMatchObject({ function: 'inner', line: 1 });
      }
    });

    test('addr2line says the same as llvm-symbolizer', async () => {
      const path = join(folder, 'prog');
      const offsets = [place('inner') + 4, place('main') + 4];
      const addr2line = execFileSync('which', ['addr2line'], { encoding: 'utf8' }).trim();
      const places = asks(offsets.map((offset) => [path, offset]));
      const usual = await symbolizeLogs(places, nowhere);
      const other = await symbolizeLogs(places, { ...nowhere, symbolizer: addr2line });
      expect(offsets.map((offset) => other.symbols.framesAt(path, offset)?.[0]?.function)).toEqual([
        'inner',
        'main',
      ]);
      for (const offset of offsets) {
        const { line } = usual.symbols.framesAt(path, offset)?.[0] ?? {};
        expect(other.symbols.framesAt(path, offset)?.[0]?.line).toBe(line);
      }
    });

    test('another build says nothing', async () => {
      const path = join(folder, 'prog');
      const { resolved, problems } = await symbolizeLogs(
        asks([[path, place('inner'), 'abcdef0123']]),
        nowhere,
      );
      expect([resolved, problems.map(({ code }) => code)]).toEqual([0, ['other-build']]);
    });
  });
});
