// Numbers byte sequences: the same bytes get the same number, without a string for each time they are met.
import { textOf } from './byte-text.ts';
import { longer } from './longer.ts';

/** Where a hash begins; `hashBytes` goes on from it. */
export const hashStart = 0x811c9dc5 | 0;

/** What a hash is multiplied with for each byte (FNV-1a). */
export const hashPrime = 0x01000193;

/** Slots that are looked at before a file is taken for one that was made to collide. */
const mostProbes = 64;

/** The hash of a piece of `bytes`, going on from `hash`. */
export function hashBytes(bytes: Uint8Array, from: number, to: number, hash: number = hashStart): number {
  let value = hash;
  for (let at = from; at < to; at++) value = Math.imul(value ^ (bytes[at] as number), hashPrime);
  return value;
}

/** The numbers of byte sequences, from 0 in the order in which they were first met. */
export interface ByteTable {
  /**
   * The number of the bytes from `from` to `to` followed by those from `from2` to `to2`; -1 when there is no room for
   * new ones.
   *
   * @param hash of both pieces, in this order.
   */
  readonly add: (
    hash: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    from2?: number,
    to2?: number,
  ) => number;
  /** The number of the bytes from `from` to `to`; -1 when they were never added. */
  readonly find: (hash: number, bytes: Uint8Array, from: number, to: number) => number;
  /** True when the bytes with this number stand there. */
  readonly is: (number: number, bytes: Uint8Array, from: number, to: number) => boolean;
  readonly text: (number: number) => string;
  readonly size: () => number;
}

/** An empty table. @param most sequences that there may be. */
export function byteTable(most: number = Number.POSITIVE_INFINITY): ByteTable {
  // Number + 1 by hash; 0: free. At most half of it is used.
  let slots = new Int32Array(64);
  let mask = slots.length - 1;
  let hashes = new Int32Array(32);
  // All of them may be more bytes than an Int32Array counts.
  let starts = new Float64Array(33);
  let arena: Buffer = Buffer.alloc(1024);
  let count = 0;
  const collided = new Map<string, number>();

  function isAt(
    number: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    from2: number,
    to2: number,
  ): boolean {
    let at = starts[number] as number;
    if ((starts[number + 1] as number) - at !== to - from + to2 - from2) return false;
    for (let index = from; index < to; index++) if (arena[at++] !== bytes[index]) return false;
    for (let index = from2; index < to2; index++) if (arena[at++] !== bytes[index]) return false;
    return true;
  }

  function append(
    hash: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    from2: number,
    to2: number,
  ): number {
    const start = starts[count] as number;
    const end = start + to - from + to2 - from2;
    if (end > arena.length) {
      const larger = Buffer.alloc(Math.max(arena.length * 2, end));
      larger.set(arena);
      arena = larger;
    }
    arena.set(bytes.subarray(from, to), start);
    if (to2 > from2) arena.set(bytes.subarray(from2, to2), start + to - from);
    if (count === hashes.length) {
      hashes = longer(hashes, count * 2);
      const more = new Float64Array(count * 2 + 1);
      more.set(starts);
      starts = more;
    }
    hashes[count] = hash;
    starts[++count] = end;
    if (count * 2 > slots.length) rebuild();
    return count - 1;
  }

  function rebuild(): void {
    slots = new Int32Array(slots.length * 2);
    mask = slots.length - 1;
    collided.clear();
    for (let number = 0; number < count; number++) {
      let slot = spread(hashes[number] as number) & mask;
      let probes = 0;
      for (; probes < mostProbes && slots[slot] !== 0; probes++) slot = (slot + 1) & mask;
      if (probes < mostProbes) slots[slot] = number + 1;
      else collided.set(arena.toString('latin1', starts[number], starts[number + 1]), number);
    }
  }

  /** Slower, but as fast for a million names with one hash as for one. */
  function addCollided(
    hash: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    from2: number,
    to2: number,
  ): number {
    const pieces = [bytes.subarray(from, to), bytes.subarray(from2, to2)];
    const key = Buffer.concat(pieces).toString('latin1');
    const known = collided.get(key);
    if (known !== undefined) return known;
    if (count >= most) return -1;
    collided.set(key, count);
    return append(hash, bytes, from, to, from2, to2);
  }

  return {
    add: (hash, bytes, from, to, from2 = 0, to2 = 0) => {
      let slot = spread(hash) & mask;
      for (let probes = 0; ; probes++) {
        if (probes === mostProbes) return addCollided(hash, bytes, from, to, from2, to2);
        const number = (slots[slot] as number) - 1;
        if (number < 0) break;
        if (hashes[number] === hash && isAt(number, bytes, from, to, from2, to2)) return number;
        slot = (slot + 1) & mask;
      }
      if (count >= most) return -1;
      slots[slot] = count + 1;
      return append(hash, bytes, from, to, from2, to2);
    },
    find: (hash, bytes, from, to) => {
      let slot = spread(hash) & mask;
      for (let probes = 0; probes < mostProbes; probes++) {
        const number = (slots[slot] as number) - 1;
        if (number < 0) return -1;
        if (hashes[number] === hash && isAt(number, bytes, from, to, 0, 0)) return number;
        slot = (slot + 1) & mask;
      }
      return collided.get(Buffer.from(bytes.subarray(from, to)).toString('latin1')) ?? -1;
    },
    is: (number, bytes, from, to) => isAt(number, bytes, from, to, 0, 0),
    text: (number) => textOf(arena, starts[number], starts[number + 1]),
    size: () => count,
  };
}

/** The low bits of FNV alone depend on the last bytes too much. */
function spread(hash: number): number {
  return hash ^ (hash >>> 15);
}
