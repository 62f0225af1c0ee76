// Makes small core files byte by byte: what no kernel here writes (other machines), and headers that lie.
import type { ReadFileAt } from '../../src/tools/core/process-image.ts';

export interface MadeSegment {
  readonly type: number;
  readonly flags?: number;
  readonly address?: bigint;
  readonly bytes?: Uint8Array;
  /** Default: those of `bytes`. */
  readonly fileSize?: bigint;
  readonly memorySize?: bigint;
  readonly fileOffset?: bigint;
}

export interface MadeElf {
  readonly bits: 32 | 64;
  readonly machine: number;
  readonly type?: number;
  readonly segments: readonly MadeSegment[];
  /** Write the number of segments into the first section, as with more than 65534 of them. */
  readonly usesManySegments?: boolean;
}

/** An ELF file: the header, the program headers, then the bytes of the segments. */
export function makeElf({ bits, machine, type = 4, segments, usesManySegments = false }: MadeElf): Buffer {
  const [headerBytes, segmentBytes, sectionBytes] = bits === 64 ? [64, 56, 64] : [52, 32, 40];
  const tableEnd = headerBytes + segmentBytes * segments.length + (usesManySegments ? sectionBytes : 0);
  const head = Buffer.alloc(tableEnd);
  head.write('\x7fELF', 'latin1');
  head[4] = bits === 64 ? 2 : 1;
  head[5] = 1;
  head[6] = 1;
  const native = (value: bigint, at: number): void => {
    if (bits === 64) head.writeBigUInt64LE(value, at);
    else head.writeUInt32LE(Number(value), at);
  };
  head.writeUInt16LE(type, 16);
  head.writeUInt16LE(machine, 18);
  native(BigInt(headerBytes), bits === 64 ? 32 : 28);
  const sizes = bits === 64 ? 54 : 42;
  head.writeUInt16LE(segmentBytes, sizes);
  head.writeUInt16LE(usesManySegments ? 0xffff : segments.length, sizes + 2);
  if (usesManySegments) {
    const sections = headerBytes + segmentBytes * segments.length;
    native(BigInt(sections), bits === 64 ? 40 : 32);
    head.writeUInt16LE(sectionBytes, sizes + 4);
    head.writeUInt16LE(1, sizes + 6);
    head.writeUInt32LE(segments.length, sections + (bits === 64 ? 44 : 28));
  }
  const parts: Buffer[] = [head];
  let end = tableEnd;
  for (const [index, segment] of segments.entries()) {
    const at = headerBytes + index * segmentBytes;
    const bytes = Buffer.from(segment.bytes ?? []);
    const fileSize = segment.fileSize ?? BigInt(bytes.length);
    const [flags, offset, address, size, memory] = bits === 64 ? [4, 8, 16, 32, 40] : [24, 4, 8, 16, 20];
    head.writeUInt32LE(segment.type, at);
    head.writeUInt32LE(segment.flags ?? 6, at + flags);
    native(segment.fileOffset ?? BigInt(end), at + offset);
    native(segment.address ?? 0n, at + address);
    native(fileSize, at + size);
    native(segment.memorySize ?? fileSize, at + memory);
    parts.push(bytes);
    end += bytes.length;
  }
  return Buffer.concat(parts);
}

/** A note with its padding. */
export function makeNote(type: number, description: Uint8Array, name = 'CORE'): Buffer {
  const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  const head = Buffer.alloc(12);
  head.writeUInt32LE(name.length + 1, 0);
  head.writeUInt32LE(description.length, 4);
  head.writeUInt32LE(type, 8);
  return Buffer.concat([head, padded(Buffer.from(`${name}\0`)), padded(Buffer.from(description))]);
}

/** NT_PRSTATUS of x86-64: registers in the order of user_regs_struct, the rest 0. */
export function makeStatus(lwp: number, signal: number, registers: Readonly<Record<number, bigint>>): Buffer {
  const bytes = Buffer.alloc(336);
  bytes.writeUInt16LE(signal, 12);
  bytes.writeUInt32LE(lwp, 32);
  for (const [index, value] of Object.entries(registers)) {
    bytes.writeBigUInt64LE(value, 112 + 8 * Number(index));
  }
  return makeNote(1, bytes);
}

/** NT_FILE of 64 bits; the unit is a page. */
export function makeFiles(
  files: readonly {
    readonly start: bigint;
    readonly end: bigint;
    readonly page: bigint;
    readonly path: string;
  }[],
  promised = BigInt(files.length),
): Buffer {
  const numbers = [promised, 4096n, ...files.flatMap(({ start, end, page }) => [start, end, page])];
  const table = Buffer.alloc(numbers.length * 8);
  for (const [index, number] of numbers.entries()) table.writeBigUInt64LE(number, index * 8);
  return makeNote(
    0x46494c45,
    Buffer.concat([table, Buffer.from(files.map(({ path }) => `${path}\0`).join(''))]),
  );
}

/** Reads bytes as a file, and counts what is asked for. */
export function readerOf(bytes: Uint8Array): {
  readonly size: number;
  readonly readAt: ReadFileAt;
  readonly readBytes: () => number;
} {
  let read = 0;
  return {
    size: bytes.length,
    readAt: (offset, length) => {
      if (!Number.isSafeInteger(offset) || offset < 0 || !(length > 0)) return new Uint8Array();
      const found = bytes.subarray(offset, offset + length);
      read += found.length;
      return found;
    },
    readBytes: () => read,
  };
}
