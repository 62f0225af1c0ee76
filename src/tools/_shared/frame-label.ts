// A place in code as the heap profilers write it, massif in its trees and dhat in its frame table.
import type { ProfileFrame } from '../../model/profile.ts';
import { parseFrame } from './text-frames.ts';

/** `0x109547: main (heap.cpp:10)`, `0x0: ???` */
const addressed = /^(0x[0-9A-Fa-f]+): (.*)$/s;

/**
 * `in 3 places, all below massif's threshold (1.00%)`, `in 1 place, below massif's threshold (10.00%)`; and what vgrun
 * makes of several of them, `callers below massif's threshold (1.00%)`.
 */
const below = /^(?:in \d+ places?, (?:all )?|callers |places )below /;

/** Rust's dhat crate writes a column too: `0x55d0: main (src/main.rs:12:5)` */
const withColumn = /^(.*:\d+):\d+\)$/s;

/**
 * Reads `0xADDR: fn (file:line)`, `0xADDR: fn (in /object)` and massif's sums. A name may hold parentheses, colons and
 * commas. What has another form is taken for a name.
 *
 * Source: the manual's chapters on massif and dhat; both print what valgrind says of an address.
 */
export function parseFrameLabel(label: string): ProfileFrame {
  if (below.test(label)) return { sum: label };
  const [, ip, place = label] = addressed.exec(label) ?? [];
  const [, withoutColumn] = withColumn.exec(place) ?? [];
  const frame = parseFrame(ip, withoutColumn === undefined ? place : `${withoutColumn})`);
  const { file, directory, line, ...rest } = frame;
  // `(???:0)`: the debug information says nothing.
  if (file === undefined || file === '???') return rest;
  return {
    ...rest,
    ...(directory !== undefined && { directory }),
    file,
    ...(line !== undefined && Number.isSafeInteger(line) && line > 0 && { line }),
  };
}
