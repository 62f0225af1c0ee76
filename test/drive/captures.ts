// Reads captures in tests: from files, from text, with bodies and errors in the hand.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { type CaptureOptions, readCaptures } from '../../src/drive/requests/index.ts';
import { UserError } from '../../src/errors.ts';
import type { CapturedRequest } from '../../src/model/request.ts';
import { projectRoot } from '../project.ts';

export const capturesFolder = join(projectRoot, 'test/captures');

/** A request with its body read, and what is left of the source. */
export interface ReadRequest extends Omit<CapturedRequest, 'body'> {
  readonly body: string | undefined;
}

/** Reads all requests; bodies are latin1, and as long as they say. */
export async function readAll(
  words: readonly string[],
  options: Partial<CaptureOptions> = {},
): Promise<readonly ReadRequest[]> {
  const requests: ReadRequest[] = [];
  const reading = { workingDirectory: capturesFolder, stdin: noInput, ...options };
  for await (const { body, ...request } of readCaptures(words, reading)) {
    const bytes = body === undefined ? undefined : Buffer.concat(await piecesOf(body.open()));
    if (bytes !== undefined && bytes.length !== body?.length)
      throw new Error('a body is not as long as it says');
    requests.push({ ...request, body: bytes?.toString('latin1') });
  }
  return requests;
}

/** Reads a capture from standard input; text is latin1. */
export function readText(
  text: string,
  options: Partial<CaptureOptions> = {},
): Promise<readonly ReadRequest[]> {
  return readAll(['-'], { stdin: () => inPieces(Buffer.from(text, 'latin1')), ...options });
}

/** The only request of a capture. */
export async function readOne(text: string): Promise<ReadRequest> {
  const [request, ...more] = await readText(text);
  if (request === undefined || more.length > 0) throw new Error(`${more.length + 1} requests, not one`);
  return request;
}

/** What a capture is refused with. */
export async function refusalOf(read: Promise<unknown>): Promise<string> {
  try {
    await read;
  } catch (error) {
    if (error instanceof UserError && error.hint !== undefined) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

/** The value of a header, as `Name: value` would be found by a program. */
export function headerOf(request: ReadRequest, name: string): string | undefined {
  return request.headers.find((header) => header[0].toLowerCase() === name.toLowerCase())?.[1];
}

/** A folder that is gone when the tests of the file are over. */
export function temporaryFolder(): {
  readonly path: string;
  readonly write: (name: string, text: string) => string;
} {
  const path = mkdtempSync(join(tmpdir(), 'vgrun-captures-'));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return {
    path,
    write: (name, text) => {
      writeFileSync(join(path, name), text, 'latin1');
      return join(path, name);
    },
  };
}

export async function* inPieces(bytes: Buffer, size = 7000): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function piecesOf(chunks: AsyncIterable<Uint8Array>): Promise<readonly Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for await (const chunk of chunks) pieces.push(chunk);
  return pieces;
}

async function* noInput(): AsyncGenerator<Uint8Array> {}
