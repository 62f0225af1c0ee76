// Owns a regular file that is read here and there: a core, a program, a library. Opening never waits, reading never fails.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { UserError } from '../../errors.ts';
import { openable } from '../../model/byte-text.ts';
import type { ReadFileAt } from '../../tools/core/process-image.ts';

export interface FileReader {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** ms since 1970. */
  readonly modifiedMs: number;
  /** Fewer bytes at the end of the file, none where it cannot be read, or after `close`. */
  readonly readAt: ReadFileAt;
  readonly close: () => void;
}

/** Small reads next to each other are answered from blocks of this size. */
const blockBytes = 65536;
/** Kept blocks: 4 MiB a file. */
const mostBlocks = 64;

/**
 * Opens a regular file for reading. A FIFO without a writer is refused at once and not waited for.
 *
 * @throws UserError (125): it is no regular file, or it cannot be read.
 */
export function openFile(path: string): FileReader {
  let descriptor: number;
  try {
    descriptor = openSync(openable(path), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    throw unreadable(path, error);
  }
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) {
      const kind = status.isDirectory() ? 'a folder' : status.isFIFO() ? 'a FIFO' : 'no regular file';
      throw new UserError(`${path} is ${kind}, not a file that can be read`, 'name a regular file');
    }
    return readerOf(path, descriptor, status.size, status.mtimeMs);
  } catch (error) {
    closeSync(descriptor);
    throw error instanceof UserError ? error : unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): UserError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new UserError(`${path} does not exist`, 'check the name of the file');
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new UserError(
      `${path} cannot be read: no permission`,
      'run vgrun as a user who may read it (a core belongs to the user of its program), or change the mode of the file or of its folder',
    );
  }
  return new UserError(`${path} cannot be read (${code ?? 'unknown error'})`, 'check the file');
}

function readerOf(path: string, descriptor: number, size: number, modifiedMs: number): FileReader {
  let isOpen = true;
  const blocks = new Map<number, Uint8Array>();
  const readPlain = (offset: number, length: number): Uint8Array => {
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    try {
      while (done < length) {
        const read = readSync(descriptor, bytes, done, length - done, offset + done);
        if (read === 0) break;
        done += read;
      }
    } catch {
      // A damaged disk, a file that was cut meanwhile: what was read is what there is.
    }
    return bytes.subarray(0, done);
  };
  const blockAt = (index: number): Uint8Array => {
    const known = blocks.get(index);
    if (known !== undefined) return known;
    const block = readPlain(index * blockBytes, Math.min(blockBytes, size - index * blockBytes));
    const oldest = blocks.keys().next();
    if (blocks.size >= mostBlocks && oldest.done !== true) blocks.delete(oldest.value);
    blocks.set(index, block);
    return block;
  };
  return {
    path,
    size,
    modifiedMs,
    readAt: (offset, length) => {
      if (!isOpen || !Number.isSafeInteger(offset) || offset < 0 || offset >= size || !(length > 0)) {
        return new Uint8Array();
      }
      const wanted = Math.min(length, size - offset);
      const index = Math.floor(offset / blockBytes);
      const inside = offset - index * blockBytes;
      if (inside + wanted > blockBytes) return readPlain(offset, wanted);
      return blockAt(index).subarray(inside, inside + wanted);
    },
    close: () => {
      if (isOpen) closeSync(descriptor);
      isOpen = false;
      blocks.clear();
    },
  };
}
