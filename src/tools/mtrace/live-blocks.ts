// Owns the blocks that a trace of allocations has live: by address, with size and place, in arrays of numbers.

/** Blocks by address. Addresses and sizes are whole numbers below 2^53. */
export interface LiveBlocks {
  /** The place of the block at the address; -1: none is there. */
  readonly placeAt: (address: number) => number;
  /** Adds a block at an address where none is. */
  readonly add: (address: number, size: number, place: number) => void;
  /** Takes a block away; its size, or -1 when none is there. */
  readonly remove: (address: number) => number;
  readonly each: (take: (size: number, place: number) => void) => void;
}

/** Open addressing without marks of what was taken away: a search ends at the first free slot, however long the trace is. */
export function liveBlocks(): LiveBlocks {
  let mask = 1023;
  /** 0: free. No allocator gives out address 0. */
  let addresses = new Float64Array(mask + 1);
  let sizes = new Float64Array(mask + 1);
  let places = new Int32Array(mask + 1);
  let count = 0;

  function slotOf(address: number): number {
    let slot = homeOf(address) & mask;
    while (addresses[slot] !== 0 && addresses[slot] !== address) slot = (slot + 1) & mask;
    return slot;
  }

  function grow(): void {
    const [oldAddresses, oldSizes, oldPlaces] = [addresses, sizes, places];
    mask = mask * 2 + 1;
    addresses = new Float64Array(mask + 1);
    sizes = new Float64Array(mask + 1);
    places = new Int32Array(mask + 1);
    for (let old = 0; old < oldAddresses.length; old++) {
      const address = oldAddresses[old] as number;
      if (address === 0) continue;
      const slot = slotOf(address);
      addresses[slot] = address;
      sizes[slot] = oldSizes[old] as number;
      places[slot] = oldPlaces[old] as number;
    }
  }

  return {
    placeAt: (address) => {
      const slot = slotOf(address);
      return addresses[slot] === 0 ? -1 : (places[slot] as number);
    },
    add: (address, size, place) => {
      if (++count * 2 > mask) grow();
      const slot = slotOf(address);
      addresses[slot] = address;
      sizes[slot] = size;
      places[slot] = place;
    },
    remove: (address) => {
      let hole = slotOf(address);
      if (addresses[hole] === 0) return -1;
      const size = sizes[hole] as number;
      count--;
      // What was pushed behind the hole moves up, unless it stands in front of where it belongs then.
      for (let slot = (hole + 1) & mask; addresses[slot] !== 0; slot = (slot + 1) & mask) {
        const home = homeOf(addresses[slot] as number) & mask;
        if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
        addresses[hole] = addresses[slot] as number;
        sizes[hole] = sizes[slot] as number;
        places[hole] = places[slot] as number;
        hole = slot;
      }
      addresses[hole] = 0;
      return size;
    },
    each: (take) => {
      for (let slot = 0; slot <= mask; slot++) {
        if (addresses[slot] !== 0) take(sizes[slot] as number, places[slot] as number);
      }
    },
  };
}

/** Blocks stand 16 bytes apart at least, and thousands of them at one distance. */
function homeOf(address: number): number {
  const low = (address % 0x100000000) | 0;
  const high = (address / 0x100000000) | 0;
  const mixed = Math.imul((low >>> 4) ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
