// Owns the words that a process was started with, as they lie at the top of its first stack (psABI, Process Initialization): a note
// of a core has only 79 bytes of them, and not where one ends.
import { fieldsOf, textAt } from './fields.ts';
import type { ProcessMemory } from './process-image.ts';

const AT_RANDOM = 25;
/** The auxiliary vector lies just below the random bytes, behind some padding. */
const searchedBytes = 4096;
/** The kernel takes a quarter of the stack limit for words and variables; their pointers are a small part of that. */
const mostPointerBytes = 512 * 1024;
const mostWords = 4096;
const longestWord = 131_072;
const longestOfAll = 1024 * 1024;

/**
 * The words of the command. From low to high: argc, pointers to the words, 0, pointers to the variables, 0, the auxiliary vector.
 *
 * @param auxiliary in the order of the note.
 * @param vector where it lies in the memory, when that is known.
 * @returns undefined: that part of the stack is not known, or it does not look as the kernel made it.
 */
export function readArguments(
  memory: ProcessMemory,
  auxiliary: ReadonlyMap<number, bigint>,
  bits: 32 | 64,
  vector?: bigint,
): readonly string[] | undefined {
  const address = vector ?? vectorAddress(memory, auxiliary, bits);
  const below = address === undefined ? undefined : pointersBelow(memory, address, bits);
  return below === undefined ? undefined : wordsAt(memory, below);
}

function vectorAddress(
  memory: ProcessMemory,
  auxiliary: ReadonlyMap<number, bigint>,
  bits: 32 | 64,
): bigint | undefined {
  const random = auxiliary.get(AT_RANDOM);
  const first = auxiliary.entries().next();
  if (random === undefined || first.done === true) return undefined;
  const width = bits / 8;
  const end = random & ~0xfn;
  const above = fieldsOf(bytesBelow(memory, end, searchedBytes), bits);
  let at = above.length - 2 * width;
  const [type, value] = first.value;
  while (at >= 0 && (above.native(at) !== BigInt(type) || above.native(at + width) !== value)) at -= width;
  return at < 0 ? undefined : end - BigInt(above.length - at);
}

/** Addresses of the words, read downwards from the auxiliary vector. */
function pointersBelow(memory: ProcessMemory, vector: bigint, bits: 32 | 64): readonly bigint[] | undefined {
  const width = bits / 8;
  const fields = fieldsOf(bytesBelow(memory, vector, mostPointerBytes), bits);
  let at = fields.length - width;
  if (at < 0 || fields.native(at) !== 0n) return undefined;
  for (at -= width; at >= 0 && fields.native(at) !== 0n; ) at -= width;
  const pointers: bigint[] = [];
  for (at -= width; at >= 0 && pointers.length <= mostWords; at -= width) {
    const pointer = fields.native(at);
    if (pointer === BigInt(pointers.length)) return pointers.toReversed();
    pointers.push(pointer);
  }
  return undefined;
}

/** Bytes up to an address: nothing tells where the stack begins, so it is tried with less and less. */
function bytesBelow(memory: ProcessMemory, end: bigint, most: number): Uint8Array {
  for (let size = most; size >= 128; size >>= 1) {
    const bytes = end > BigInt(size) ? memory.read(end - BigInt(size), size) : new Uint8Array();
    if (bytes.length === size) return bytes;
  }
  return new Uint8Array();
}

function wordsAt(memory: ProcessMemory, pointers: readonly bigint[]): readonly string[] | undefined {
  const words: string[] = [];
  let left = longestOfAll;
  for (const pointer of pointers) {
    let bytes = memory.read(pointer, 256);
    if (bytes.length === 256 && !bytes.includes(0)) bytes = memory.read(pointer, Math.min(left, longestWord));
    if (bytes.length === 0 || left <= 0) return undefined;
    const word = textAt(bytes, 0, longestWord);
    words.push(word);
    left -= word.length + 1;
  }
  return words.length === 0 ? undefined : words;
}
