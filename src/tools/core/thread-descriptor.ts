// Owns where a thread of x86-64 has its descriptor of glibc, to which the register fs_base points: valgrind's cores have no fs_base.
//
// Sources: glibc's sysdeps/x86_64/nptl/tls.h and nptl/descr.h. The descriptor begins with its own address, and has it again 16 bytes on.
import type { CodePlaces } from './code-places.ts';
import { descriptorThreadId } from './glibc-locks.ts';
import type { ImageThread, Mapping } from './process-image.ts';

/** TCB_ALIGNMENT */
const alignment = 64;
const pageSize = 4096n;
/** Bytes at each end of a mapping, and of all mappings: a descriptor is at the top of its thread's stack, or in a small mapping. */
const searchedAtEnd = 256n * 1024n;
const searchedInAll = 16n * 1024n * 1024n;

/** Address of the descriptor; undefined: there is none, or more than one may be it. */
export function threadDescriptor(code: CodePlaces, { registers, lwp }: ImageThread): bigint | undefined {
  if (code.image.machine !== 'x86-64') return undefined;
  const told = registers.get('fs_base');
  if (told !== undefined && told !== 0n) return isDescriptor(code, told) ? told : undefined;
  const found = new Set<bigint>();
  let left = searchedInAll;
  for (const { start, end } of code.image.mappings.filter(isData).flatMap(ends)) {
    for (let page = start; page < end && left > 0n; page += pageSize, left -= pageSize) {
      const length = code.memory.bytes(page, Number(pageSize)).length;
      for (let at = 0; at + alignment <= length; at += alignment) {
        const address = page + BigInt(at);
        if (!isDescriptor(code, address)) continue;
        if (code.memory.unsigned(address + descriptorThreadId, 4) === BigInt(lwp)) found.add(address);
      }
    }
  }
  const [only, ...others] = found;
  return others.length === 0 ? only : undefined;
}

function isDescriptor({ memory }: CodePlaces, address: bigint): boolean {
  return memory.unsigned(address, 8) === address && memory.unsigned(address + 16n, 8) === address;
}

function isData({ access }: Mapping): boolean {
  return access === undefined || (access.read && access.write);
}

function ends({ start, end }: Mapping): readonly { readonly start: bigint; readonly end: bigint }[] {
  if (end - start <= 2n * searchedAtEnd) return [{ start, end }];
  return [
    { start, end: start + searchedAtEnd },
    { start: end - searchedAtEnd, end },
  ];
}
