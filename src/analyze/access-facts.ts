// What a record tells of the access and the block beside its identity: records that are one finding may differ in it.
import type { FindingRecord } from '../model/finding.ts';
import { variableOf } from './fingerprint.ts';

/** A sentence of a tool about the block: size in bytes, and on which side of it the access was. */
export interface BlockFacts {
  readonly size?: number;
  readonly side?: 'before' | 'after';
}

// `Address 0x4a4004a is 0 bytes after a block of size 1,024 alloc'd`, `0x602000000012 is located 0 bytes to the right
// of 10-byte region [0x602000000010,0x60200000001a)`
const block = /\ba block of size ([\d,]+)|\b(\d+)-byte region\b/;

// The same sentences. `0 bytes inside a block of size 10 free'd` has neither side.
const side = /\bbytes (?:to the )?(after|right|before|left)(?: of)? (?:a block|\d+-byte region)/;

/** Reads it from what a tool says of a finding. */
export function blockFacts(told: Pick<FindingRecord, 'details' | 'stacks'>): BlockFacts {
  const text = sentences(told);
  const [, ofMemcheck, ofAsan] = block.exec(text) ?? [];
  const size = ofMemcheck ?? ofAsan;
  const [, word] = side.exec(text) ?? [];
  return {
    ...(size !== undefined && { size: Number(size.replaceAll(',', '')) }),
    ...(word !== undefined && { side: word === 'after' || word === 'right' ? 'after' : 'before' }),
  };
}

function sentences({ details, stacks }: Pick<FindingRecord, 'details' | 'stacks'>): string {
  return [...details, ...stacks.flatMap(({ text }) => text ?? [])].join('\n');
}

/**
 * A key of all that records of one finding may tell differently: equal keys, equal facts.
 * @param stackKey a key of the calls of a stack that count.
 */
export function factsKey(
  record: FindingRecord,
  stackKey: (frames: FindingRecord['stacks'][number]['frames']) => string,
): string {
  const { size, side: beside } = blockFacts(record);
  const elsewhere = record.stacks.flatMap(({ label, frames }) =>
    label === 'freed at' || label === 'created at' ? [`${label} ${stackKey(frames)}`] : [],
  );
  const { operation: told, size: bytes } = record.access ?? {};
  // Of the two accesses of a race, which one was last is chance.
  const isRace = record.stacks.some(({ label }) => label.startsWith('previous '));
  const operation = isRace ? '' : told;
  return `${operation} ${bytes} ${size} ${beside} ${variableOf(record)} ${elsewhere}`;
}
