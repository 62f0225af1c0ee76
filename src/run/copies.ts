// Owns the joining of copies: what stood one after the other in a log that several processes wrote, as one log again.
//
// A process that execs truncates the log that it shares with others (`--log-file=one.log`), and those go on writing
// where they were, over what it wrote since (observed 3.19). So a later copy may begin and end with bytes of the
// earlier one, at the very same place in the file: only what was written between them is new.
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const chunkBytes = 256 * 1024;
/** Longer lines than this are in no log of valgrind's. */
const longestLine = 64 * 1024;
const newline = 10;

/** valgrind-user.1-2.log: the second copy of the first file. */
const copyName = /^(.*valgrind-user\.\d+)-\d+\.log$/;

/** Groups files that are copies of the same text log; every other file is a group of its own. */
export function groupCopies(paths: readonly string[]): readonly (readonly string[])[] {
  const groups = new Map<string, string[]>();
  for (const path of paths) {
    const key = copyName.exec(path)?.[1] ?? path;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [path]);
    else group.push(path);
  }
  return [...groups.values()];
}

/** The bytes of all copies, without what a copy has only because the earlier one had it. */
export async function* readCopies(paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const [index, path] of paths.entries()) {
    const previous = paths[index - 1];
    const ranges = previous === undefined ? [{ start: 0 }] : await writtenSince(previous, path);
    for (const range of ranges) {
      const bytes = createReadStream(path, { ...range, highWaterMark: chunkBytes });
      // Where the file was truncated half a line may be left.
      yield* index < paths.length - 1 ? wholeLines(bytes) : bytes;
    }
  }
}

interface Range {
  readonly start: number;
  /** The last byte, not the one behind it. */
  readonly end?: number;
}

/** Which parts of a copy were written since the one before it. */
async function writtenSince(previous: string, path: string): Promise<readonly Range[]> {
  const before = await open(previous, 'r');
  try {
    const after = await open(path, 'r');
    try {
      const length = (await before.stat()).size;
      const { size } = await after.stat();
      if (size < length) return [{ start: 0 }];
      const start = await endOfOld(after, await firstDifference(before, after, length));
      if (start === 0) return [{ start }];
      const end = await startOfOld(before, after, length);
      if (end <= start || end >= length) return [{ start }];
      return [{ start, end: end - 1 }, ...(size > length ? [{ start: length }] : [])];
    } finally {
      await after.close();
    }
  } finally {
    await before.close();
  }
}

async function firstDifference(before: FileHandle, after: FileHandle, length: number): Promise<number> {
  for (let at = 0; at < length; at += chunkBytes) {
    const old = await bytesAt(before, at, Math.min(chunkBytes, length - at));
    const now = await bytesAt(after, at, old.length);
    const different = old.findIndex((byte, index) => byte !== now[index]);
    if (different >= 0) return at + different;
  }
  return length;
}

/** ==5917== , with --time-stamp=yes ==00:00:00:00.449 5917== */
const mark = /(==|--|\*\*)(?:[\d:.]+ )?(\d{1,10})\1(?= |$)/g;

/**
 * Where another process began to write over what stands before `different`. 0 when none did: then the file begins
 * anew, and begins as before because the process became the same program again.
 */
async function endOfOld(after: FileHandle, different: number): Promise<number> {
  const from = Math.max(0, different - longestLine);
  const text = (await bytesAt(after, from, different - from + longestLine)).toString('latin1');
  const lineStart = text.lastIndexOf('\n', different - from - 1) + 1;
  const lineEnd = text.indexOf('\n', different - from);
  const line = text.slice(lineStart, lineEnd < 0 ? undefined : lineEnd);
  const writer = [...line.matchAll(mark)].at(-1);
  const owner = [...text.slice(0, lineStart).matchAll(mark)].at(-1);
  if (writer === undefined || owner === undefined) return 0;
  // Who truncates the file is the first in it.
  const first = [...(await bytesAt(after, 0, longestLine)).toString('latin1').matchAll(mark)][0];
  if (writer[2] === owner[2] && writer[2] === first?.[2]) return 0;
  return from + lineStart + writer.index;
}

/** Where what was not written over goes on, behind whole lines of the new. */
async function startOfOld(before: FileHandle, after: FileHandle, length: number): Promise<number> {
  for (let end = length; end > 0; end -= chunkBytes) {
    const from = Math.max(0, end - chunkBytes);
    const old = await bytesAt(before, from, end - from);
    const now = await bytesAt(after, from, end - from);
    const different = old.findLastIndex((byte, index) => byte !== now[index]);
    if (different < 0) continue;
    if (now[different] === newline) return from + different + 1;
    const rest = await bytesAt(after, from + different, longestLine);
    const lineEnd = rest.indexOf(newline);
    return lineEnd < 0 ? length : from + different + lineEnd + 1;
  }
  return 0;
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

async function* wholeLines(source: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    const end = chunk.lastIndexOf(newline) + 1;
    if (end > 0 || rest.length > longestLine) {
      yield rest;
      yield chunk.subarray(0, end);
      rest = Buffer.from(chunk.subarray(end));
    } else rest = Buffer.concat([rest, chunk]);
  }
}
