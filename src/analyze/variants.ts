// Errors merged into one finding need not say the same: keeps each distinct sentence, without what varies anyway.
import type { FindingRecord } from '../model/finding.ts';

/** More say nothing new: a loop over blocks of many sizes could give one for each. */
const mostVariants = 5;

/**
 * Adds what `record` says to `variants`, unless it is what `first` says or known already. Leaks say sizes, and those
 * are summed up; what is no sentence about the access itself (the other side of a race, locks held) is not compared.
 */
export function noteVariant(variants: Set<string>, first: FindingRecord, record: FindingRecord): void {
  if (record === first || record.leak !== undefined || variants.size >= mostVariants) return;
  if (record.what === first.what && addressOf(record) === addressOf(first)) return;
  const [what, ofFirst] = [accessOf(record), accessOf(first)];
  const [block, blockOfFirst] = [blockOf(record), blockOf(first)];
  if (what === ofFirst && block === blockOfFirst) return;
  variants.add(block === '' || block === blockOfFirst ? what : `${what}, ${block}`);
}

/** `Invalid write of size 1` */
function accessOf({ what }: FindingRecord): string {
  // `Possible data race during read of size 4 at 0x10C060 by thread #3`, `Conflicting load by thread 3 at 0x10c024 size 4`
  return what
    .replace(/ at 0x[\dA-Fa-f]+/g, '')
    .replace(/ by thread #?\d+/g, '')
    .replace(/0x[\dA-Fa-f]+/g, '0x…');
}

/** `1 bytes after a block of size 4 alloc'd` */
function blockOf(record: FindingRecord): string {
  return addressOf(record)?.replace(addressStart, '') ?? '';
}

// `Address 0x4a40041 is 1 bytes inside a block of size 4 alloc'd`
const addressStart = /^Address 0x[\dA-Fa-f]+ is /;

function addressOf(record: FindingRecord): string | undefined {
  const ofStack = record.stacks.find(({ text }) => text !== undefined && addressStart.test(text))?.text;
  return ofStack ?? record.details.find((detail) => addressStart.test(detail));
}
