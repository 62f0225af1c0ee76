// What tests do with recorded bytes: pieces and cuts of them, the records that a reader makes, and the cases of a folder.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ParsedRecord } from '../src/model/record.ts';
import { interpreterFor } from '../src/tools/index.ts';
import { readerFor } from '../src/tools/readers.ts';
import type { ReadContext, Reader } from '../src/tools/tool.ts';

/** Where a recording comes from: `case.json`. `recorded` is false for what was made up, retyped or edited. */
interface Case {
  readonly program: string;
  readonly tool: string;
  readonly toolVersion: string;
  readonly command: string;
  readonly source: string;
  readonly recorded: boolean;
}

/**
 * Registers the tests for each case, `GROUP/NAME/` in `root`.
 *
 * @param check registers those for one input of a case.
 */
export function checkCases(root: string, check: (directory: string, input: string) => void): void {
  for (const group of readdirSync(root)) {
    for (const name of readdirSync(join(root, group))) {
      const directory = join(root, group, name);
      const inputs = readdirSync(directory).filter((file) => file.startsWith('input.'));
      test(`${group}/${name} says where it comes from`, () => {
        const { program, tool, toolVersion, command, source, recorded }: Case = JSON.parse(
          readFileSync(join(directory, 'case.json'), 'utf8'),
        );
        for (const word of [program, tool, toolVersion, command, source]) expect(word).toMatch(/\S/);
        expect(typeof recorded).toBe('boolean');
        expect(inputs).not.toEqual([]);
      });
      for (const input of inputs) {
        describe(`${group}/${name}/${input}`, () => check(directory, input));
      }
    }
  }
}

/** What a reader makes of bytes, or of chunks as they are. */
export async function readWith(
  reader: Reader,
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  own: Partial<ReadContext> = {},
): Promise<ParsedRecord[]> {
  let image = 0;
  const context = { artifact: 'input', nextImage: () => image++, interpreterFor, ...own };
  async function* chunks() {
    yield* source;
  }
  const records: ParsedRecord[] = [];
  for await (const record of reader.read(chunks(), context)) records.push(record);
  return records;
}

/** The records of a file, as the registered reader for it gives them; none when no reader knows it. */
export async function readRegistered(bytes: Buffer, chunk: number): Promise<ParsedRecord[]> {
  const reader = readerFor(bytes.subarray(0, 64 * 1024));
  return reader === undefined ? [] : readWith(reader, chunksOf(bytes, chunk));
}

/** Pieces of one size; with an odd one lines, elements and characters are split. */
export function* chunksOf(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Lengths at which a file is cut: `count` spread over it, and all near its end, where it looks whole and is not. */
export function cutPoints(length: number, count: number): number[] {
  const points = new Set<number>();
  for (let index = 0; index < count; index++) points.add(Math.floor((length * index) / count));
  for (let back = 1; back <= 24; back++) points.add(Math.max(0, length - back));
  return [...points];
}

/** Undefined when there is no such file yet. */
export function readJson(path: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** What a reporter writes. */
export async function textOf(pieces: AsyncIterable<string | Uint8Array>): Promise<string> {
  let text = '';
  for await (const piece of pieces) {
    text += typeof piece === 'string' ? piece : Buffer.from(piece).toString('latin1');
  }
  return text;
}
