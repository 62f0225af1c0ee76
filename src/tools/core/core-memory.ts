// Owns the memory that a core file holds: which bytes of the process lie where in the file, and which are left out.
import type { Segment } from './elf-layout.ts';
import type { ProcessMemory, ReadFileAt } from './process-image.ts';

/** One answer of `read`: nobody needs more at once, and a hostile core must not make us read gigabytes. */
const largestRead = 64 * 1024 * 1024;

/** A PT_LOAD segment of a core. */
interface Range {
  readonly start: bigint;
  /** Behind the last byte that is in the file. */
  readonly knownEnd: bigint;
  readonly fileOffset: number;
}

export interface CoreMemory extends ProcessMemory {
  /** The address of the next byte that the core has, from `address` on; undefined: none follows. */
  readonly nextKnown: (address: bigint) => bigint | undefined;
}

/**
 * @param segments PT_LOAD of a core, in any order; of those that overlap the first by address counts.
 * @param size of the file in bytes.
 */
export function coreMemoryOf(segments: readonly Segment[], size: number, readAt: ReadFileAt): CoreMemory {
  const ranges: Range[] = [];
  const sorted = segments.toSorted((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  let covered = 0n;
  for (const { address, memorySize, fileOffset, fileSize } of sorted) {
    const end = address + memorySize;
    if (memorySize === 0n || address < covered || end > 1n << 64n) continue;
    const promised = Math.min(fileSize, Number(memorySize));
    const known = Math.max(0, Math.min(promised, size - fileOffset));
    ranges.push({
      start: address,
      knownEnd: address + BigInt(known),
      fileOffset,
    });
    covered = end;
  }
  const indexOf = (address: bigint): number => {
    let [low, high] = [0, ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ranges[middle] as Range).start <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  };
  return {
    read: (address, length) => {
      const parts: Uint8Array[] = [];
      let left = Math.min(length, largestRead);
      let index = indexOf(address);
      let at = address;
      while (left > 0) {
        const range = ranges[index];
        if (range === undefined || at < range.start || at >= range.knownEnd) break;
        const wanted = Math.min(left, Number(range.knownEnd - at));
        const bytes = readAt(range.fileOffset + Number(at - range.start), wanted);
        if (bytes.length > 0) parts.push(bytes);
        if (bytes.length < wanted) break;
        left -= wanted;
        at += BigInt(wanted);
        index++;
      }
      return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
    },
    nextKnown: (address) => {
      for (let index = Math.max(0, indexOf(address)); index < ranges.length; index++) {
        const { start, knownEnd } = ranges[index] as Range;
        if (knownEnd > start && address < knownEnd) return address > start ? address : start;
      }
      return undefined;
    },
  };
}
