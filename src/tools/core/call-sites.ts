// Whether an address is one that a call returns to: the instruction before it, and where that call went.
import { unsignedAt } from './dwarf-cursor.ts';
import type { MemoryWords } from './memory-words.ts';
import type { Machine } from './process-image.ts';

/**
 * The call before a return address. `direct`: its target is in the instruction. `indirect`: it is in a register or in memory.
 * `none`: there is no call. `unknown`: the bytes of the code are not known.
 */
export type CallSite =
  | { readonly kind: 'direct'; readonly target: bigint }
  | { readonly kind: 'indirect' }
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown' };

/** Bytes of code at an address of the process; fewer where they are not known. */
export type ReadCode = (address: bigint, length: number) => Uint8Array;

const none: CallSite = { kind: 'none' };
const unknown: CallSite = { kind: 'unknown' };
const indirect: CallSite = { kind: 'indirect' };

/** @returns what is before `address`. By chance, bytes that are no instruction look like a call; rarely. */
export function callSiteBefore(address: bigint, machine: Machine, readCode: ReadCode): CallSite {
  if (machine === 'aarch64') return armCallBefore(address, readCode);
  const reach = 8;
  if (address < BigInt(reach)) return none;
  let bytes = readCode(address - BigInt(reach), reach);
  // At the beginning of a mapping there are fewer than the longest call needs.
  if (bytes.length < reach) {
    bytes = readCode(address - 2n, 2);
    if (bytes.length < 2) return unknown;
    return isIndirectCall(bytes, 0, 2) ? indirect : unknown;
  }
  const isIndirect = [2, 3, 4, 5, 6, 7].some((length) => isIndirectCall(bytes, reach - length, length));
  if (bytes[reach - 5] === 0xe8) {
    const distance = BigInt.asIntN(32, unsignedAt(bytes, reach - 4, 4));
    const target = BigInt.asUintN(machine === 'i386' ? 32 : 64, address + distance);
    // 0xe8 is also the displacement of the first local below a frame pointer: a call to nowhere is the end of another instruction.
    if (!isIndirect || readCode(target, 1).length > 0) return { kind: 'direct', target };
  }
  return isIndirect ? indirect : none;
}

/**
 * `call r/m` (opcode FF /2; Intel SDM, volume 2, CALL): prefixes do not matter, they stand before the opcode.
 *
 * @param length bytes of opcode, ModRM, SIB and displacement
 */
function isIndirectCall(bytes: Uint8Array, at: number, length: number): boolean {
  const modrm = bytes[at + 1] ?? 0;
  if (bytes[at] !== 0xff || ((modrm >> 3) & 7) !== 2) return false;
  const mode = modrm >> 6;
  const register = modrm & 7;
  if (mode === 3) return length === 2;
  const hasIndex = register === 4;
  const base = hasIndex ? (bytes[at + 2] ?? 0) & 7 : register;
  const displacement = mode === 1 ? 1 : mode === 2 || base === 5 ? 4 : 0;
  return length === 2 + (hasIndex ? 1 : 0) + displacement;
}

/** BL, BLR and the forms of BLR that check a signature (Arm ARM, C6.2). */
function armCallBefore(address: bigint, readCode: ReadCode): CallSite {
  if (address < 4n || address % 4n !== 0n) return none;
  const bytes = readCode(address - 4n, 4);
  if (bytes.length < 4) return unknown;
  const instruction = Number(unsignedAt(bytes, 0, 4));
  if (instruction >>> 26 === 0x25) {
    const distance = BigInt.asIntN(28, BigInt(instruction & 0x03ff_ffff) << 2n);
    return { kind: 'direct', target: BigInt.asUintN(64, address - 4n + distance) };
  }
  const isRegisterCall =
    (instruction & 0xffff_fc1f) >>> 0 === 0xd63f_0000 || (instruction & 0xfeff_f800) >>> 0 === 0xd63f_0800;
  return isRegisterCall ? indirect : none;
}

/**
 * @returns where a call of `target` ends up: behind the stub of a procedure linkage table, or a lone jump. A stub that is not bound
 * yet leads to itself.
 */
export function behindStubs(
  target: bigint,
  machine: Machine,
  readCode: ReadCode,
  memory: MemoryWords,
): bigint {
  if (machine !== 'x86-64') return target;
  let at = target;
  for (let hops = 0; hops < 3; hops++) {
    const bytes = readCode(at, 16);
    // endbr64, and the prefix of `bnd jmp` or `notrack jmp`
    let start = unsignedAt(bytes, 0, 4) === 0xfa1e_0ff3n ? 4 : 0;
    if (bytes[start] === 0xf2 || bytes[start] === 0x3e) start++;
    let next: bigint | undefined;
    if (bytes[start] === 0xff && bytes[start + 1] === 0x25 && bytes.length >= start + 6) {
      const slot = at + BigInt(start + 6) + BigInt.asIntN(32, unsignedAt(bytes, start + 2, 4));
      next = memory.unsigned(BigInt.asUintN(64, slot), 8);
    } else if (bytes[start] === 0xe9 && bytes.length >= start + 5) {
      next = at + BigInt(start + 5) + BigInt.asIntN(32, unsignedAt(bytes, start + 1, 4));
    }
    if (next === undefined || (next >= at && next < at + 16n)) return at;
    at = BigInt.asUintN(64, next);
  }
  return at;
}

/** @returns direct calls in a piece of code that begins at `start`, those of `target` alone when it is given; at most `limit`. */
export function callsOf(
  target: bigint | undefined,
  start: bigint,
  code: Uint8Array,
  machine: Machine,
  limit: number,
): readonly { readonly returnAddress: bigint; readonly target: bigint }[] {
  const found: { returnAddress: bigint; target: bigint }[] = [];
  if (machine === 'aarch64') return found;
  const wanted = target === undefined ? undefined : Number(BigInt.asIntN(32, target - start));
  for (let at = code.indexOf(0xe8); at >= 0 && at + 5 <= code.length; at = code.indexOf(0xe8, at + 1)) {
    const distance =
      (code[at + 1] ?? 0) |
      ((code[at + 2] ?? 0) << 8) |
      ((code[at + 3] ?? 0) << 16) |
      ((code[at + 4] ?? 0) << 24);
    // Of 32 bits, as the distance is: the address is compared whole afterwards.
    if (wanted !== undefined && ((at + 5 + distance) | 0) !== wanted) continue;
    const returnAddress = start + BigInt(at + 5);
    const called = returnAddress + BigInt(distance);
    if (target !== undefined && called !== target) continue;
    found.push({ returnAddress, target: called });
    if (found.length >= limit) break;
  }
  return found;
}
