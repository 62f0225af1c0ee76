// Owns the search for the auxiliary vector in the memory of a process (psABI, Process Initialization), for cores without a note of it:
// valgrind's have neither that nor NT_FILE, and nothing else in them tells which program was started.
import type { MappedHeader } from './core-modules.ts';
import { fieldsOf, textAt } from './fields.ts';
import type { Mapping, ProcessMemory } from './process-image.ts';

export interface AuxiliaryVector {
  /** Where it begins: the pointers to the words and variables lie below. */
  readonly start: bigint;
  /** By number, in its order (getauxval(3)). */
  readonly values: ReadonlyMap<number, bigint>;
}

const AT_PHDR = 3;
const AT_EXECFN = 31;
/** The kernel defines some fifty. */
const largestType = 255n;
const mostEntries = 64;
/** Bytes: above the vector lie only the words and the variables, for which the kernel takes a quarter of the stack limit. */
const mostAbove = 8 * 1024 * 1024;
/** Pairs that look like the one that is searched. */
const mostPairs = 256;
/** Bytes of all mappings. */
const mostSearched = 64 * 1024 * 1024;
const longestPath = 4096;

/**
 * Looks for the pair that tells where the headers of the program lie.
 *
 * @param mappings sorted.
 * @param program in whose memory they lie.
 * @returns undefined: there is none, or it is not in the core.
 */
export function findAuxiliaryVector(
  memory: ProcessMemory,
  mappings: readonly Mapping[],
  program: MappedHeader,
): AuxiliaryVector | undefined {
  const { bits } = program;
  const width = bits / 8;
  const pair = Buffer.alloc(2 * width);
  pair.writeUInt32LE(AT_PHDR, 0);
  if (bits === 64) pair.writeBigUInt64LE(program.headersAt, width);
  else pair.writeUInt32LE(Number(program.headersAt & 0xffffffffn), width);
  let left = mostSearched;
  let pairs = 0;
  for (const { start, end, access } of mappings.toReversed()) {
    if (access?.write !== true) continue;
    const size = Math.min(Number(end - start), mostAbove, left);
    const from = end - BigInt(size);
    const bytes = Buffer.from(memory.read(from, size));
    left -= bytes.length;
    for (let at = bytes.lastIndexOf(pair); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(pair, at - 1)) {
      if (++pairs > mostPairs) return undefined;
      if ((from + BigInt(at)) % BigInt(width) !== 0n) continue;
      const vector = vectorAround(bytes, at, from, bits);
      if (vector !== undefined) return vector;
    }
    if (left <= 0) break;
  }
  return undefined;
}

/** Before it stands the zero behind the pointers to variables, at its end a pair of type 0. */
function vectorAround(
  bytes: Uint8Array,
  at: number,
  from: bigint,
  bits: 32 | 64,
): AuxiliaryVector | undefined {
  const fields = fieldsOf(bytes, bits);
  const step = bits / 4;
  const isType = (place: number): boolean =>
    place >= 0 &&
    place + step <= fields.length &&
    fields.native(place) !== 0n &&
    fields.native(place) <= largestType;
  let first = at;
  for (let count = 0; count < mostEntries && isType(first - step); count++) first -= step;
  const values = new Map<number, bigint>();
  let next = first;
  for (; values.size < mostEntries && isType(next); next += step) {
    const type = Number(fields.native(next));
    if (!values.has(type)) values.set(type, fields.native(next + step / 2));
  }
  const isEnded = next + step <= fields.length && fields.native(next) === 0n;
  const isBegun = first >= step / 2 && fields.native(first - step / 2) === 0n;
  return isEnded && isBegun ? { start: from + BigInt(first), values } : undefined;
}

/** What execve(2) was given; undefined: not known. */
export function startedPath(
  memory: ProcessMemory,
  auxiliary: ReadonlyMap<number, bigint>,
): string | undefined {
  const address = auxiliary.get(AT_EXECFN);
  return address === undefined ? undefined : textAt(memory.read(address, longestPath), 0) || undefined;
}
