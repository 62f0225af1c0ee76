// Owns which exception of C++ a thread was about to handle when std::terminate ended the process: as the runtime library knows it.
//
// Sources: the Itanium C++ ABI for exception handling, 2.2; libstdc++'s unwind-cxx.h and eh_globals.cc; libc++abi's cxa_exception.h and
// cxa_exception_storage.cpp; glibc's sysdeps/x86_64/nptl/tls.h and nptl/descr.h. Each thread has a __cxa_eh_globals, whose first word
// points to the exception that was caught last and is not yet done with. std::terminate is called with the exception that nobody
// catches in that place, and the library's own message names it from there. It has no symbol, but lies in the thread-local memory of
// the library (in that of libc++abi a pthread key leads to it), where nothing else points to the head of an exception.
import type { CodePlaces } from './code-places.ts';
import { textOfObject } from './exception-text.ts';
import { typeName } from './exception-type.ts';
import type { MemoryWords } from './memory-words.ts';
import type { ImageThread } from './process-image.ts';
import { threadDescriptor } from './thread-descriptor.ts';

/** An exception whose type_info could be read. */
export interface FoundException {
  /** As a type_info has it: `St13runtime_error`. */
  readonly mangledType: string;
  /** What it says of itself, at most 2048 characters. */
  readonly text?: string;
}

/** How a runtime library lays out an exception. Distances are from its _Unwind_Exception, which begins with exception_class. */
interface Layout {
  /** `GNUCC++`, `CLNGC++`: the number without its last byte, which is 1 for an exception that stands for another one, else 0. */
  readonly vendor: bigint;
  /** From the head, to which __cxa_eh_globals points. */
  readonly headSize: bigint;
  /** Back to the pointer to the object of the other exception. */
  readonly toPrimary: bigint;
}

const layouts: readonly Layout[] = [
  { vendor: 0x47_4e55_4343_2b2bn, headSize: 0x50n, toPrimary: 0x50n },
  { vendor: 0x43_4c4e_4743_2b2bn, headSize: 0x60n, toPrimary: 0x58n },
];
/** Back to the pointer to the type_info, and forth to the object. */
const toType = 0x50n;
const toObject = 0x20n;

/** Slots of a thread's vector of thread-local memory: one for each module with such memory. */
const mostBlocks = 4096;
/** Bytes of thread-local memory that are looked at: in all, and of a block that was allocated for a library that came later. */
const searchedBytes = 256n * 1024n;
const searchedOfAllocated = 64n;
/** `specific_1stblock` in struct pthread, with room for what differs between the versions. */
const keysStart = 0x2f0n;
const keysEnd = 0x570n;

/** The exception of a thread of x86-64 with glibc; undefined: there is none, or it is not known. */
export function thrownException(code: CodePlaces, thread: ImageThread): FoundException | undefined {
  const { memory } = code;
  const descriptor = threadDescriptor(code, thread);
  if (descriptor === undefined) return undefined;
  const found = new Map<bigint, Layout>();
  for (const head of possibleHeads(memory, descriptor)) {
    const layout = isPointer(head) ? layoutAt(memory, head) : undefined;
    if (layout !== undefined) found.set(head + layout.headSize, layout);
  }
  const [first, ...others] = found;
  if (first === undefined || others.length > 0) return undefined;
  const thrown = objectOf(memory, ...first);
  const mangledType = thrown && typeName(memory, thrown.type);
  if (thrown === undefined || mangledType === undefined) return undefined;
  const text = textOfObject(code, thrown.type, mangledType, thrown.object);
  return { mangledType, ...(text !== undefined && { text }) };
}

/** Words among which the first one of the thread's __cxa_eh_globals is. */
function* possibleHeads(memory: MemoryWords, descriptor: bigint): Generator<bigint> {
  const word = (address: bigint): bigint => memory.unsigned(address, 8) ?? 0n;
  // tcbhead_t: tcb, dtv, self.
  const blocks = threadLocalBlocks(word, word(descriptor + 8n));
  let left = searchedBytes;
  for (const [index, start] of blocks.entries()) {
    // Those of what was loaded at the start lie side by side below the descriptor.
    const isBeside = start < descriptor && start >= descriptor - searchedBytes;
    const next = blocks[index + 1] ?? descriptor;
    const end = isBeside ? (next < descriptor ? next : descriptor) : start + searchedOfAllocated;
    for (let at = start; at < end && left > 0n; at += 8n, left -= 8n) yield word(at);
  }
  for (let at = descriptor + keysStart; at < descriptor + keysEnd; at += 8n) {
    const value = word(at);
    if (isPointer(value)) yield word(value);
  }
}

/** Where the thread has memory of its own, sorted. The word before the first slot of the vector counts the slots. */
function threadLocalBlocks(word: (address: bigint) => bigint, vector: bigint): readonly bigint[] {
  const count = word(vector - 16n);
  const blocks: bigint[] = [];
  for (let slot = 1n; slot <= count && slot <= mostBlocks; slot++) {
    const block = word(vector + 16n * slot);
    if (isPointer(block)) blocks.push(block);
  }
  return [...new Set(blocks)].sort((left, right) => (left < right ? -1 : 1));
}

/** In the half of the addresses that programs have. */
function isPointer(value: bigint): boolean {
  return value >= 4096n && value < 1n << 47n && value % 8n === 0n;
}

function layoutAt(memory: MemoryWords, head: bigint): Layout | undefined {
  return layouts.find(({ vendor, headSize }) => {
    const name = memory.unsigned(head + headSize, 8);
    return name !== undefined && name >> 8n === vendor && (name & 0xffn) <= 1n;
  });
}

/** The object that was thrown, and its type_info. */
function objectOf(
  memory: MemoryWords,
  unwinding: bigint,
  { vendor, toPrimary }: Layout,
): { readonly object: bigint; readonly type: bigint } | undefined {
  const isDependent = memory.unsigned(unwinding, 1) === 1n;
  const object = isDependent ? memory.unsigned(unwinding - toPrimary, 8) : unwinding + toObject;
  if (object === undefined) return undefined;
  const primary = object - toObject;
  if (memory.unsigned(primary, 8) !== vendor << 8n) return undefined;
  const type = memory.unsigned(primary - toType, 8);
  return type === undefined ? undefined : { object, type };
}
