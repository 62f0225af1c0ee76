// What lies at an address, in words: a stack, a block of the heap, a function, nothing.
import type { Register } from '../../model/stop.ts';
import type { CodePlaces } from './code-places.ts';
import type { GlibcHeap, HeapBlock } from './glibc-heap.ts';
import type { ImageThread, LoadedModule, Mapping } from './process-image.ts';
import { functionAt, hex } from './stop-frames.ts';

/** An address, as far as the image tells. */
export type AddressPlace =
  | { readonly kind: 'not canonical' | 'not mapped' | 'heap' | 'mapped' }
  | { readonly kind: 'stack'; readonly thread: number }
  | { readonly kind: 'block'; readonly block: HeapBlock }
  | { readonly kind: 'code' | 'data'; readonly module: LoadedModule };

/** x86-64 with four levels of page tables, and aarch64: what a process has is below this. */
const firstNonCanonical = 1n << 47n;
const lastNonCanonical = (1n << 64n) - (1n << 47n);

export function isCanonical(address: bigint): boolean {
  return address < firstNonCanonical || address >= lastNonCanonical;
}

export function addressPlace(code: CodePlaces, heap: GlibcHeap, address: bigint): AddressPlace {
  if (code.registers.wordSize === 8 && !isCanonical(address)) return { kind: 'not canonical' };
  const mapping = code.places.mapping(address);
  const module = code.places.module(address);
  if (mapping === undefined && module === undefined) return { kind: 'not mapped' };
  const thread = code.image.threads.findIndex((candidate) => isStackOf(code, candidate, mapping));
  if (thread >= 0) return { kind: 'stack', thread: thread + 1 };
  const block = heap.blockAt(address);
  if (block !== undefined) return { kind: 'block', block };
  if (heap.isHeap(address)) return { kind: 'heap' };
  if (module !== undefined) return { kind: code.places.isExecutable(address) ? 'code' : 'data', module };
  return { kind: 'mapped' };
}

function isStackOf(code: CodePlaces, thread: ImageThread, mapping: Mapping | undefined): boolean {
  const sp = thread.registers.get(code.registers.names[code.registers.stackPointer] ?? '');
  return mapping !== undefined && sp !== undefined && sp >= mapping.start && sp < mapping.end;
}

/** @returns e.g. `stack of thread 2`, `heap, 8 bytes into a freed block of 24 bytes`, `main+26 in ./prog`, `not mapped`. */
export function describePlace(code: CodePlaces, place: AddressPlace, address: bigint): string {
  switch (place.kind) {
    case 'stack':
      return `stack of thread ${place.thread}`;
    case 'block': {
      const { start, size, isFreed } = place.block;
      const block = `${isFreed ? 'a freed' : 'a'} block of ${size} bytes`;
      return address === start ? `heap, ${block}` : `heap, ${address - start} bytes into ${block}`;
    }
    case 'code': {
      const found = functionAt(code, address);
      const { module } = place;
      if (found?.function === undefined) return `${module.path}+${hex(address - module.bias)}`;
      return `${found.function}+${address - found.start} in ${module.path}`;
    }
    case 'data':
      return `data of ${place.module.path} (+${hex(address - place.module.bias)})`;
    case 'mapped':
      return code.places.mapping(address)?.path ?? 'mapped memory';
    case 'heap':
      return 'heap';
    default:
      return place.kind;
  }
}

/** Below this, values are numbers, and addresses are members of an object that is not there. */
export const nearNull = 0x1_0000n;
/** Numbers above it are likely addresses, so that it is worth saying that nothing is there. */
const likelyAddress = 1n << 32n;

/** The registers of a thread that gdb shows as general ones, and what they point to. */
export function describedRegisters(
  code: CodePlaces,
  heap: GlibcHeap,
  thread: ImageThread,
): readonly Register[] {
  const { names, programCounter } = code.registers;
  const shown = [...new Set([...names, programCounter, 'eflags', 'cpsr'])];
  return shown.flatMap((name): readonly Register[] => {
    const value = thread.registers.get(name);
    if (value === undefined) return [];
    const isFlags = name === 'eflags' || name === 'cpsr';
    const pointsTo = isFlags ? undefined : pointedTo(code, heap, value);
    return [{ name, value: hex(value), ...(pointsTo !== undefined && { pointsTo }) }];
  });
}

function pointedTo(code: CodePlaces, heap: GlibcHeap, value: bigint): string | undefined {
  if (value < nearNull) return undefined;
  const place = addressPlace(code, heap, value);
  if (place.kind === 'not canonical') return undefined;
  // Numbers below 0 look like addresses of the kernel.
  if (place.kind === 'not mapped' && (value < likelyAddress || value >= firstNonCanonical)) return undefined;
  return describePlace(code, place, value);
}
