// The heap of glibc, as far as memory alone shows it: which chunk an address is in and whether it is freed.
//
// Source: malloc/malloc.c of glibc 2.26 to 2.42. A chunk has its size in the word before the block; bit 0 of it says that the chunk
// before is in use, bit 2 that it is not of the main arena. The first chunk of each heap is the tcache_perthread_struct of the thread
// that began it, whose lists hold blocks that are freed although the next chunk says that they are in use. Since 2.32 the links of
// these lists are mangled with the address of the link ("safe-linking").
import type { CodePlaces } from './code-places.ts';
import { unsignedAt } from './dwarf-cursor.ts';

/** A block of the heap. */
export interface HeapBlock {
  /** What malloc returned. */
  readonly start: bigint;
  /** Bytes that can be used: at least what was asked for. */
  readonly size: bigint;
  readonly isFreed: boolean;
}

export interface GlibcHeap {
  readonly blockAt: (address: bigint) => HeapBlock | undefined;
  /** The address is in memory that glibc's malloc manages. */
  readonly isHeap: (address: bigint) => boolean;
  /** A freed block that has a word in it, as far as it is on a list of a thread (the latest seven of each size). */
  readonly freedBlockWith: (value: bigint) => HeapBlock | undefined;
}

/** Size words of a tcache_perthread_struct: of 2.26 to 2.29, of 2.30 to 2.41, of 2.42. */
const tcacheLayouts = [
  { size: 0x250n, entries: 0x40n, bins: 64 },
  { size: 0x290n, entries: 0x80n, bins: 64 },
  { size: 0x300n, entries: 0x98n, bins: 76 },
] as const;

type TcacheLayout = (typeof tcacheLayouts)[number];

interface Arena {
  readonly start: bigint;
  readonly end: bigint;
  /** Of the first chunk: its size word is 8 bytes on. */
  readonly first: bigint;
  readonly tcache: TcacheLayout;
}

/** Chunks of one heap that are walked over. */
const chunkLimit = 2_000_000;
const checkpointDistance = 1024;
const listLimit = 65_536;
/** Of one block. */
const searchedBytes = 512n;
/** Where the first chunk of another arena than the main one may be: behind heap_info and malloc_state. */
const arenaHead = 4096n;

/** Reads nothing before it is asked. Only for x86-64 and aarch64. */
export function glibcHeap(code: CodePlaces): GlibcHeap {
  const { memory, image } = code;
  let arenas: readonly Arena[] | undefined;
  let cached: ReadonlySet<bigint> | undefined;
  const checkpoints = new Map<bigint, bigint[]>();
  const word = (address: bigint): bigint | undefined => memory.unsigned(address, 8);

  function findArenas(): readonly Arena[] {
    if (code.registers.wordSize !== 8) return [];
    return image.mappings.flatMap((mapping) => {
      if (mapping.access?.write === false || mapping.access?.execute) return [];
      if (mapping.path !== undefined && mapping.path !== '[heap]') return [];
      const { start, end } = mapping;
      const main = tcacheAt(start, 1n);
      if (main !== undefined) return [{ start, end, first: start, tcache: main }];
      // heap_info begins with a pointer to the arena, which is in the same mapping when it is the arena's first heap.
      const arena = start % (1n << 26n) === 0n ? word(start) : undefined;
      if (arena === undefined || arena < start || arena >= start + arenaHead) return [];
      for (let first = start + 0x20n; first < start + arenaHead; first += 16n) {
        const tcache = tcacheAt(first, 5n);
        if (tcache !== undefined) return [{ start, end, first, tcache }];
      }
      return [];
    });
  }

  function tcacheAt(chunk: bigint, flags: bigint): TcacheLayout | undefined {
    const size = word(chunk + 8n);
    return tcacheLayouts.find((layout) => size === layout.size + flags);
  }

  const arenasOnce = (): readonly Arena[] => {
    arenas ??= findArenas();
    return arenas;
  };

  const isHeap = (address: bigint): boolean =>
    arenasOnce().some(({ start, end }) => address >= start && address < end);

  /** Blocks in the lists of all threads. */
  function cachedBlocks(): ReadonlySet<bigint> {
    const found = new Set<bigint>();
    for (const { first, tcache } of arenasOnce()) {
      for (let bin = 0; bin < tcache.bins; bin++) {
        let block = word(first + 16n + tcache.entries + BigInt(bin * 8));
        for (let count = 0; count < listLimit; count++) {
          if (block === undefined || block === 0n || block % 16n !== 0n || !isHeap(block) || found.has(block))
            break;
          found.add(block);
          const link = word(block);
          if (link === undefined) break;
          const plain: bigint = link ^ (block >> 12n);
          block = plain === 0n || (plain % 16n === 0n && isHeap(plain)) ? plain : link;
        }
      }
    }
    return found;
  }

  /** The nearest chunk before an address at which an earlier walk has passed. */
  function walkStart({ first }: Arena, address: bigint): bigint {
    const passed = checkpoints.get(first) ?? [];
    return passed.findLast((chunk) => chunk <= address) ?? first;
  }

  function blockAt(address: bigint): HeapBlock | undefined {
    const arena = arenasOnce().find(({ start, end }) => address >= start && address < end);
    if (arena === undefined) return undefined;
    const passed = checkpoints.get(arena.first) ?? [];
    checkpoints.set(arena.first, passed);
    // The two words before a block are not its own.
    let chunk = walkStart(arena, address - 16n);
    for (let count = 1; count < chunkLimit && chunk < arena.end; count++) {
      const size = (word(chunk + 8n) ?? 0n) & ~7n;
      // What is no size is damage: the heap cannot be followed further.
      if (size < 0x20n || size % 16n !== 0n || chunk + size > arena.end) return undefined;
      const following = chunk + size;
      if (address < following + 8n) {
        const start = chunk + 16n;
        // Nothing but the top chunk is at the end: it is no block, and never was.
        const followingSize = following + 16n > arena.end ? undefined : word(following + 8n);
        if (address < start - 8n || followingSize === undefined) return undefined;
        cached ??= cachedBlocks();
        return { start, size: size - 8n, isFreed: (followingSize & 1n) === 0n || cached.has(start) };
      }
      chunk = following;
      if (count % checkpointDistance === 0 && chunk > (passed.at(-1) ?? 0n)) passed.push(chunk);
    }
    return undefined;
  }

  function freedBlockWith(value: bigint): HeapBlock | undefined {
    cached ??= cachedBlocks();
    for (const start of cached) {
      const size = ((word(start - 8n) ?? 0n) & ~7n) - 8n;
      if (size < 8n || size > 0x10_0000n) continue;
      const bytes = memory.bytes(start, Number(size < searchedBytes ? size : searchedBytes));
      for (let at = 0; at + 8 <= bytes.length; at += 8) {
        if (unsignedAt(bytes, at, 8) === value) return { start, size, isFreed: true };
      }
    }
    return undefined;
  }

  return { blockAt, isHeap, freedBlockWith };
}
