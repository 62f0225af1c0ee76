// Reads the totals that dhat writes into its log and holds a profile to them.
import { expect } from 'vitest';
import type { Profile } from '../../src/model/profile.ts';

const numberOf = (text = ''): number => Number(text.replaceAll(',', ''));

/** Measures that a line of the log tells of. */
const lines: Readonly<Record<string, readonly string[]>> = {
  Total: ['tb', 'tbk'],
  'At t-gmax': ['gb', 'gbk'],
  'At t-end': ['eb', 'ebk'],
  Reads: ['rb'],
  Writes: ['wb'],
};

/** Holds a profile to `==7274== At t-gmax: 706 bytes in 1 blocks` and its like; there are no known differences. */
export function mustEqualDhatLog({ measures, totals }: Profile, log: string): void {
  const told = new Map<string, number>();
  for (const [, name = '', first, second] of log.matchAll(
    /^==\d+== (Total|At t-gmax|At t-end|Reads|Writes): +([\d,]+) \w+(?: in ([\d,]+) \w+)?$/gm,
  )) {
    for (const [index, measure] of (lines[name] ?? []).entries()) {
      told.set(measure, numberOf(index === 0 ? first : second));
    }
  }
  expect(told.size).toBeGreaterThanOrEqual(2);
  expect(Object.fromEntries(measures.map(({ name }, index) => [name, totals[index]]))).toEqual(
    Object.fromEntries(told),
  );
}
