// Numbers byte sequences: the same bytes get the same number, without a string for each time they are met.

/** Where a hash begins; `hashByte` and `hashBytes` go on from it. */
export const hashStart = 0x811c9dc5 | 0;

/** What a hash is multiplied with for each byte (FNV-1a). */
export const hashPrime = 0x01000193;

/** The hash of a piece of `bytes`, going on from `hash`. */
export function hashBytes(bytes: Uint8Array, from: number, to: number, hash: number = hashStart): number {
  let value = hash;
  for (let at = from; at < to; at++) value = Math.imul(value ^ (bytes[at] as number), hashPrime);
  return value;
}

/** The numbers of byte sequences, from 0 in the order in which they were first met. */
export interface ByteTable {
  /**
   * The number of the bytes from `from` to `to` followed by those from `from2` to `to2`.
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
  readonly size: () => number;
}

/** An empty table. */
export function byteTable(): ByteTable {
  let slots = new Int32Array(64);
  let mask = slots.length - 1;
  let hashes = new Int32Array(32);
  let starts = new Int32Array(33);
  let arena = new Uint8Array(1024);
  let count = 0;

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
    if (end > arena.length) arena = grown(arena, new Uint8Array(Math.max(arena.length * 2, end)));
    arena.set(bytes.subarray(from, to), start);
    if (to2 > from2) arena.set(bytes.subarray(from2, to2), start + to - from);
    if (count === hashes.length) {
      hashes = grown(hashes, new Int32Array(count * 2));
      starts = grown(starts, new Int32Array(count * 2 + 1));
    }
    hashes[count] = hash;
    starts[++count] = end;
    if (count * 2 > slots.length) rebuild();
    return count - 1;
  }

  function rebuild(): void {
    slots = new Int32Array(slots.length * 2);
    mask = slots.length - 1;
    for (let number = 0; number < count; number++) {
      let slot = spread(hashes[number] as number) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
  }

  return {
    add: (hash, bytes, from, to, from2 = 0, to2 = 0) => {
      let slot = spread(hash) & mask;
      for (;;) {
        const number = (slots[slot] as number) - 1;
        if (number < 0) break;
        if (hashes[number] === hash && isAt(number, bytes, from, to, from2, to2)) return number;
        slot = (slot + 1) & mask;
      }
      slots[slot] = count + 1;
      return append(hash, bytes, from, to, from2, to2);
    },
    size: () => count,
  };
}

/** The low bits of FNV alone depend on the last bytes too much. */
function spread(hash: number): number {
  return hash ^ (hash >>> 15);
}

function grown<T extends Uint8Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
