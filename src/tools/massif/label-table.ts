// Numbers the labels of massif's tree nodes by their bytes, so that a label becomes a string once and not for each line.
import { textOf } from '../_shared/byte-text.ts';

export interface LabelTable {
  /** The number of the label that stands in `bytes` from `start` to `end`; -1 when there is no room for a new one. */
  readonly number: (bytes: Buffer, start: number, end: number) => number;
  /** True when the label with this number stands there. */
  readonly is: (label: number, bytes: Buffer, start: number, end: number) => boolean;
  readonly text: (label: number) => string;
}

/** Slots that are looked at before a file is taken for one that was made to collide. */
const mostProbes = 32;

/** @param most labels that there may be. */
export function labelTable(most: number): LabelTable {
  const labels: Buffer[] = [];
  const hashes: number[] = [];
  /** Labels by hash, -1: empty. Always at least half empty. */
  let slots = new Int32Array(1024).fill(-1);
  let filled = 0;
  const collided = new Map<string, number>();

  function add(bytes: Buffer, start: number, end: number, hash: number): number {
    if (labels.length >= most) return -1;
    hashes.push(hash);
    // Copied: a slice would keep the whole chunk alive.
    return labels.push(Buffer.from(bytes.subarray(start, end))) - 1;
  }

  function is(label: number, bytes: Buffer, start: number, end: number): boolean {
    const known = labels[label] as Buffer;
    const { length } = known;
    if (end - start !== length) return false;
    for (let at = 0; at < length; at++) if (known[at] !== bytes[start + at]) return false;
    return true;
  }

  function put(label: number): void {
    let slot = (hashes[label] as number) & (slots.length - 1);
    while (slots[slot] !== -1) slot = (slot + 1) & (slots.length - 1);
    slots[slot] = label;
  }

  function addCollided(bytes: Buffer, start: number, end: number, hash: number): number {
    const key = bytes.toString('latin1', start, end);
    const known = collided.get(key);
    if (known !== undefined) return known;
    const label = add(bytes, start, end, hash);
    if (label !== -1) collided.set(key, label);
    return label;
  }

  return {
    is,
    text: (label) => textOf(labels[label] as Buffer),
    number: (bytes, start, end) => {
      let hash = end - start;
      for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
      hash ^= hash >>> 15;
      let slot = hash & (slots.length - 1);
      for (let probes = 0; slots[slot] !== -1; probes++) {
        const label = slots[slot] as number;
        if (hashes[label] === hash && is(label, bytes, start, end)) return label;
        if (probes === mostProbes) return addCollided(bytes, start, end, hash);
        slot = (slot + 1) & (slots.length - 1);
      }
      const label = add(bytes, start, end, hash);
      if (label === -1) return -1;
      if (++filled > slots.length / 2) {
        const before = slots;
        slots = new Int32Array(before.length * 2).fill(-1);
        for (const known of before) if (known !== -1) put(known);
      }
      put(label);
      return label;
    },
  };
}
