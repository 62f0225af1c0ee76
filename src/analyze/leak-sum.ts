// Adds up loss records.
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
