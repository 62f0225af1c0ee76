// Words of a process' memory, many of them and near each other: read in blocks that are kept.
import { unsignedAt } from './dwarf-cursor.ts';
import type { ProcessMemory } from './process-image.ts';

/** All of it answers undefined, or fewer bytes, where memory is not known. */
export interface MemoryWords {
  readonly bytes: (address: bigint, length: number) => Uint8Array;
  /** 1, 2, 4 or 8 bytes, unsigned, little-endian. */
  readonly unsigned: (address: bigint, size: number) => bigint | undefined;
}

const blockSize = 4096;
/** 16 MiB are kept at most. */
const keptBlocks = 4096;
const none = new Uint8Array(0);

export function memoryWords(memory: ProcessMemory): MemoryWords {
  const blocks = new Map<bigint, Uint8Array>();
  let lastNumber = -1n;
  let lastBlock: Uint8Array = none;

  function block(number: bigint): Uint8Array {
    if (number === lastNumber) return lastBlock;
    let found = blocks.get(number);
    if (found === undefined) {
      if (blocks.size >= keptBlocks) blocks.clear();
      found = memory.read(number << 12n, blockSize);
      blocks.set(number, found);
    }
    lastNumber = number;
    lastBlock = found;
    return found;
  }

  function bytes(address: bigint, length: number): Uint8Array {
    if (length <= 0 || address < 0n || address >= 1n << 64n) return none;
    const at = Number(address & 0xfffn);
    const near = block(address >> 12n);
    if (at + length <= near.length) return near.subarray(at, at + length);
    // It reaches into the next block, or only a part of this one is known and that part need not begin where the block does.
    return memory.read(address, length).subarray(0, length);
  }

  return {
    bytes,
    unsigned: (address, size) => {
      const found = bytes(address, size);
      return found.length < size ? undefined : unsignedAt(found, 0, size);
    },
  };
}
