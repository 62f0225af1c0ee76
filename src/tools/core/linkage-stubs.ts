// Owns the stubs through which a module calls functions of others: the procedure linkage table has no symbols of its own, its
// relocations tell the names (psABI of x86-64, i386 and AArch64).
import type { ElfFile } from './elf-file.ts';
import { fieldsOf } from './fields.ts';

export interface Stub {
  /** `puts@plt` */
  readonly name: string;
  readonly start: bigint;
  readonly size: number;
}

const stubBytes = 16;
const mostStubs = 1 << 17;
const EM_386 = 3;
const EM_X86_64 = 62;

/**
 * Stubs by their link-time address.
 *
 * @param nameOf a symbol of `.dynsym`.
 */
export function stubsOf(object: ElfFile, nameOf: (index: number) => string): ReadonlyMap<bigint, Stub> {
  const stubs = new Map<bigint, Stub>();
  const { machine } = object.header;
  if (machine === EM_X86_64) addByJump(object, nameOf, stubs);
  else if (machine !== EM_386) addByOrder(object, nameOf, stubs);
  return stubs;
}

/** Symbols by the slot that the dynamic linker fills with their address, in the order of the relocations. */
function slotsOf(object: ElfFile, nameOf: (index: number) => string): ReadonlyMap<bigint, string> {
  const slots = new Map<bigint, string>();
  for (const section of ['.rela.plt', '.rela.dyn']) {
    const bytes = object.section(section)?.bytes ?? new Uint8Array();
    const fields = fieldsOf(bytes, 64);
    for (let at = 0; at + 24 <= bytes.length && slots.size < mostStubs; at += 24) {
      const symbol = fields.word(at + 12);
      const name = symbol === 0 ? '' : nameOf(symbol);
      if (name !== '') slots.set(fields.double(at), name);
    }
  }
  return slots;
}

/** Each stub of x86-64 has `jmp *slot(%rip)`: ff 25 and a distance. */
function addByJump(object: ElfFile, nameOf: (index: number) => string, stubs: Map<bigint, Stub>): void {
  const slots = slotsOf(object, nameOf);
  for (const name of ['.plt.sec', '.plt', '.plt.got']) {
    const section = object.section(name);
    if (section === undefined) continue;
    const { address, bytes } = section;
    const fields = fieldsOf(bytes, 64);
    for (let at = 0; at + 8 <= bytes.length && stubs.size < mostStubs; at += 2) {
      if (bytes[at] !== 0xff || bytes[at + 1] !== 0x25) continue;
      const slot = address + BigInt(at + 6 + fields.signedWord(at + 2));
      const symbol = slots.get(slot);
      if (symbol === undefined) continue;
      // `.plt.got` of older linkers has stubs of 8 bytes; `endbr64` may stand before the jump.
      const unit = name === '.plt.got' && at % stubBytes === 8 ? 8 : stubBytes;
      const start = address + BigInt(at - (at % unit));
      stubs.set(start, { name: `${symbol}@plt`, start, size: unit });
    }
  }
}

/** AArch64: a head of 32 bytes, then a stub for each relocation, in their order. */
function addByOrder(object: ElfFile, nameOf: (index: number) => string, stubs: Map<bigint, Stub>): void {
  const section = object.section('.plt');
  const relocations = object.section('.rela.plt')?.bytes ?? new Uint8Array();
  if (section === undefined) return;
  const fields = fieldsOf(relocations, 64);
  const count = Math.min(Math.floor(relocations.length / 24), mostStubs);
  for (let index = 0; index < count; index++) {
    const start = section.address + BigInt(32 + index * stubBytes);
    const symbol = fields.word(index * 24 + 12);
    const name = symbol === 0 ? '' : nameOf(symbol);
    if (name !== '') stubs.set(start, { name: `${name}@plt`, start, size: stubBytes });
  }
}
