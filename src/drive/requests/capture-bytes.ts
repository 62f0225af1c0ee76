// Owns the bytes of a capture: read by range from where they are, so that a body of any length is never held.
import { closeSync, createReadStream, type ReadStream, rmSync, writeSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import type { Body } from '../../model/request.ts';

/** Bytes that can be read again from any place. */
export interface CaptureBytes {
  /** As the user named the capture; `-` is standard input. */
  readonly name: string;
  readonly size: number;
  /**
   * The bytes of a range, in pieces.
   * @throws UserError while it is read, when the file has become shorter since.
   */
  readonly stream: (start: number, end: number) => AsyncIterable<Uint8Array>;
}

/** What is kept in memory of bytes that come but once; more goes to a private file. */
const heldBytes = 1024 * 1024;

/**
 * The bytes of a file, by the path that is meant where a name is not it. What is no regular file (a pipe, `<(command)`) is spooled.
 * @throws UserError when it cannot be read
 */
export async function bytesOfFile(
  name: string,
  workingDirectory: string,
  meant?: string,
): Promise<CaptureBytes> {
  const path = meant ?? resolve(workingDirectory, name);
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) {
      throw new UserError(
        `cannot read ${name}: it is a directory`,
        'name the capture files in it one by one, or with a pattern of your shell',
      );
    }
    if (!facts.isFile()) return await spool(name, createReadStream(path));
    return { name, size: facts.size, stream: (start, end) => pieces(name, start, end, { path }) };
  } catch (error) {
    throw unreadable(name, error);
  }
}

/** Bytes that are in memory. */
export function bytesInMemory(name: string, bytes: Uint8Array): CaptureBytes {
  return {
    name,
    size: bytes.length,
    async *stream(start, end) {
      if (end > start) yield bytes.subarray(start, end);
    },
  };
}

/**
 * Keeps what comes but once: short ones in memory, longer ones in a file of mode 0600 that has no name any more, so
 * that nothing is left however vgrun ends.
 * @throws UserError when more than `limit` bytes come
 */
export async function spool(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  limit = Number.MAX_SAFE_INTEGER,
): Promise<CaptureBytes> {
  const held: Uint8Array[] = [];
  let size = 0;
  let fd: number | undefined;
  try {
    for await (const chunk of chunks) {
      size += chunk.length;
      if (size > limit) {
        throw new UserError(
          `${name} is longer than ${limit} bytes once it is unpacked`,
          'unpack it yourself and name the result',
        );
      }
      held.push(chunk);
      if (fd === undefined && size <= heldBytes) continue;
      fd ??= await openNameless();
      for (const part of held.splice(0)) writeWhole(fd, part);
    }
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw unreadable(name, error);
  }
  if (fd === undefined) return bytesInMemory(name, Buffer.concat(held));
  const open = fd;
  return { name, size, stream: (start, end) => pieces(name, start, end, { fd: open }) };
}

/** A body that is a range of a capture. */
export function bodyOfRange(bytes: CaptureBytes, start: number, end: number): Body {
  return { length: end - start, open: () => bytes.stream(start, end) };
}

/** A body that is in memory. */
export function bodyInMemory(bytes: Uint8Array): Body {
  return bodyOfRange(bytesInMemory('', bytes), 0, bytes.length);
}

/** Reads small ranges that follow one another, without asking the disk for each of them. */
export type Window = (start: number, length: number) => Promise<Buffer>;

const windowBytes = 256 * 1024;

/** What it gives is shorter than asked for where the capture ends. */
export function windowOf(bytes: CaptureBytes): Window {
  let from = 0;
  let held: Buffer = Buffer.alloc(0);
  return async (start, length) => {
    const end = Math.min(bytes.size, start + length);
    if (start < from || end > from + held.length) {
      held = await gather(bytes.stream(start, Math.min(bytes.size, start + Math.max(length, windowBytes))));
      from = start;
    }
    return held.subarray(start - from, Math.max(0, end - from));
  };
}

/** All of it in one piece: for what is known to be short. */
export async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of chunks) parts.push(part);
  return Buffer.concat(parts);
}

/** The first bytes of a capture, by which its form is known. */
export function firstBytes(bytes: CaptureBytes, length: number): Promise<Buffer> {
  return gather(bytes.stream(0, Math.min(bytes.size, length)));
}

async function* pieces(
  name: string,
  start: number,
  end: number,
  file: { readonly path?: string; readonly fd?: number },
): AsyncGenerator<Uint8Array> {
  if (end <= start) return;
  let left = end - start;
  const stream: ReadStream = createReadStream(file.path ?? '', {
    ...(file.fd === undefined ? {} : { fd: file.fd, autoClose: false }),
    start,
    end: end - 1,
    highWaterMark: windowBytes,
  });
  try {
    for await (const chunk of stream) {
      left -= chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw unreadable(name, error);
  }
  if (left > 0) {
    throw new UserError(
      `${name} has become shorter while it was read`,
      'replay a copy of the capture that nobody writes to',
    );
  }
}

async function openNameless(): Promise<number> {
  const { default: tmp } = await import('tmp');
  const file = tmp.fileSync({ prefix: 'vgrun-capture-', mode: 0o600, detachDescriptor: true });
  rmSync(file.name);
  return file.fd;
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(fd, bytes, written);
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  ENOSPC: 'the disk with temporary files is full',
};

function unreadable(name: string, error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error) || error instanceof UserError) return error;
  const code = String(error.code);
  // Of zlib: who unpacks knows what to say.
  if (code.startsWith('Z_')) return error;
  return new UserError(
    `cannot read ${name === '-' ? 'standard input' : name}: ${reasons[code] ?? code}`,
    // `localhost/app.cgi`, `ftp://host/app.cgi`
    /^[\w.-]+(?::|\/)/.test(name) && !name.startsWith('.') && !name.startsWith('/')
      ? `if it is a URL, it begins with http:// or https://`
      : 'name a file that is there and may be read; captures may also be a URL, a curl command, or - for standard input',
  );
}
