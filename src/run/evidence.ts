// Owns the look into a program for what an instrument must have left in it: without that the run would mean nothing.
import { createReadStream } from 'node:fs';
import { UserError } from '../errors.ts';
import { openable } from '../model/byte-text.ts';
import type { Tool } from '../tools/tool.ts';

/** Programs of the system start others: `make test`, `env ./prog`. Those may have what they have not. */
const systemPlaces = /^\/(?:usr|s?bin|lib|opt|nix)\//;

/**
 * Refuses a program that cannot be measured by the tool.
 *
 * @param name as the user gave it.
 * @param path absolute.
 * @throws UserError (125) when it is an ELF program of the user's without any of the words.
 */
export async function mustHaveEvidence({ evidence }: Tool, name: string, path: string): Promise<void> {
  if (evidence === undefined || systemPlaces.test(path)) return;
  if (await hasWord(path, evidence.words)) return;
  throw new UserError(`${name} ${evidence.missing}`, evidence.hint);
}

/** Whether one of the words is in the file; true for what is no ELF file, of which it says nothing. */
async function hasWord(path: string, words: readonly string[]): Promise<boolean> {
  const longest = Math.max(...words.map((word) => word.length));
  let tail = Buffer.alloc(0);
  let begun = false;
  for await (const chunk of createReadStream(openable(path), { highWaterMark: 1024 * 1024 })) {
    const bytes = Buffer.concat([tail, chunk as Buffer]);
    if (!begun && bytes.toString('latin1', 0, 4) !== '\x7fELF') return true;
    begun = true;
    if (words.some((word) => bytes.includes(word, 0, 'latin1'))) return true;
    tail = Buffer.from(bytes.subarray(Math.max(0, bytes.length - longest + 1)));
  }
  return false;
}
