// Adds up loss records, and tells what one has more than another.
import type { Leak } from '../model/finding.ts';

/** Leaks together; undefined for none. */
export function sumLeaks(leaks: readonly Leak[]): Leak | undefined {
  const [first, ...rest] = leaks;
  return first === undefined ? undefined : rest.reduce(addLeaks, first);
}

/** Two leaks as one; `record` names one of many no longer. */
export function addLeaks(a: Leak, b: Leak): Leak {
  const bytesDelta = a.bytesDelta === undefined ? b.bytesDelta : a.bytesDelta + (b.bytesDelta ?? 0);
  const blocksDelta = a.blocksDelta === undefined ? b.blocksDelta : a.blocksDelta + (b.blocksDelta ?? 0);
  return {
    bytes: a.bytes + b.bytes,
    directBytes: a.directBytes + b.directBytes,
    indirectBytes: a.indirectBytes + b.indirectBytes,
    blocks: a.blocks + b.blocks,
    ...(bytesDelta !== undefined && { bytesDelta }),
    ...(blocksDelta !== undefined && { blocksDelta }),
    check: Math.max(a.check, b.check),
  };
}

/** What `leak` has beyond `before`; undefined when it has no more bytes and no more blocks. */
export function leakBeyond(leak: Leak, before: Leak): Leak | undefined {
  if (leak.bytes <= before.bytes && leak.blocks <= before.blocks) return undefined;
  return {
    bytes: Math.max(0, leak.bytes - before.bytes),
    directBytes: Math.max(0, leak.directBytes - before.directBytes),
    indirectBytes: Math.max(0, leak.indirectBytes - before.indirectBytes),
    blocks: Math.max(0, leak.blocks - before.blocks),
    check: leak.check,
  };
}
