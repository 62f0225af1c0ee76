// Owns what the run-time type information of C++ says of a class: its name, and where in an object its bases are.
//
// Source: the Itanium C++ ABI, 2.9.5 (RTTI layout) and 2.5.2 (virtual tables), for 64-bit pointers. A std::type_info is a pointer to
// its virtual table and one to its name. The word before the entries of a virtual table points to the type_info of the object, so that
// a type_info says itself of which kind it is: no symbol is needed.
import type { MemoryWords } from './memory-words.ts';

/** Bytes; names of templates are long. */
const longestName = 4096;
/** Of the classes that one is derived from. */
const mostBases = 256;
const mostBasesOfOne = 64;

/** A class of which an object has a part. */
export interface BaseClass {
  /** Mangled, as a type_info has it: `St13runtime_error`. */
  readonly name: string;
  /** Bytes from the start of the object. */
  readonly offset: bigint;
}

/** The ABI's classes of type_info, in namespace __cxxabiv1. */
const kinds =
  /^N10__cxxabiv1\d\d(__(?:fundamental|array|function|enum|class|si_class|vmi_class|pbase|pointer|pointer_to_member)_type_info)E$/;
/** libstdc++ throws a std::ios_base::failure with a type_info of its own, derived from __si_class_type_info (cxx11-ios_failure.cc). */
const ownKind = 'St19__iosfail_type_info';
/** `i`, `PKc`, `13NoTable`, `St13runtime_error`, `N5store7NoTableE`; gcc and clang write some other letters after `$` and `.`. */
const mangledName = /^[A-Za-z0-9][\w$.]*$/;

/** Bits of __base_class_type_info::__offset_flags; the offset is above them. */
const isVirtual = 1n;
const isPublic = 2n;
const offsetShift = 8n;

/**
 * The name of a type, mangled; undefined: there is no type_info at `type`, or not all of it is in the memory.
 */
export function typeName(memory: MemoryWords, type: bigint): string | undefined {
  return kindOf(memory, type) === undefined ? undefined : nameIn(memory, type);
}

/**
 * The classes that a class is derived from, and itself first: as far as they are public, and their place is known without the object's
 * own tables, as that of virtual bases is not. Cycles end.
 */
export function publicBases(memory: MemoryWords, type: bigint): readonly BaseClass[] {
  const found: BaseClass[] = [];
  const seen = new Set<string>();
  const left = [{ type, offset: 0n }];
  for (let at = left.shift(); at !== undefined && found.length < mostBases; at = left.shift()) {
    const { type: own, offset } = at;
    const key = `${own} ${offset}`;
    const kind = kindOf(memory, own);
    const name = nameIn(memory, own);
    if (seen.has(key) || kind === undefined || name === undefined) continue;
    seen.add(key);
    found.push({ name, offset });
    for (const base of basesOf(memory, own, kind)) {
      if (left.length < mostBases) left.push({ type: base.type, offset: offset + base.offset });
    }
  }
  return found;
}

/** The direct ones. */
function basesOf(
  memory: MemoryWords,
  type: bigint,
  kind: string,
): readonly { readonly type: bigint; readonly offset: bigint }[] {
  if (kind === '__si_class_type_info') {
    const base = memory.unsigned(type + 16n, 8);
    return base === undefined ? [] : [{ type: base, offset: 0n }];
  }
  if (kind !== '__vmi_class_type_info') return [];
  const count = Number(memory.unsigned(type + 20n, 4) ?? 0n);
  return Array.from({ length: Math.min(count, mostBasesOfOne) }, (_, index) => {
    const at = type + 24n + 16n * BigInt(index);
    const base = memory.unsigned(at, 8);
    const flags = memory.unsigned(at + 8n, 8);
    if (base === undefined || flags === undefined || (flags & (isVirtual | isPublic)) !== isPublic) return [];
    return [{ type: base, offset: BigInt.asIntN(64, flags) >> offsetShift }];
  }).flat();
}

/** `__si_class_type_info`; undefined: it is no type_info. */
function kindOf(memory: MemoryWords, type: bigint): string | undefined {
  const own = typeOfObject(memory, type);
  const name = own === undefined ? undefined : nameIn(memory, own);
  if (name === ownKind) return '__si_class_type_info';
  return name === undefined ? undefined : kinds.exec(name)?.[1];
}

/** The type_info of an object with a virtual table. */
function typeOfObject(memory: MemoryWords, object: bigint): bigint | undefined {
  const table = memory.unsigned(object, 8);
  return table === undefined ? undefined : memory.unsigned(table - 8n, 8);
}

function nameIn(memory: MemoryWords, type: bigint): string | undefined {
  const pointer = memory.unsigned(type + 8n, 8);
  const text = pointer === undefined ? undefined : stringAt(memory, pointer, longestName);
  // The star says that the type is known in one object file only (2.9.5).
  const name = text?.isWhole ? text.text.replace(/^\*/, '') : '';
  return isMangledName(name) ? name : undefined;
}

/** Of a class outside of all namespaces the length is checked too: template arguments or a tag may follow its name (5.1.3). */
function isMangledName(name: string): boolean {
  if (!mangledName.test(name)) return false;
  const digits = /^\d+/.exec(name)?.[0];
  if (digits === undefined) return true;
  const end = digits.length + Number(digits);
  return name.length === end || (name.length > end && /[IB]/.test(name[end] ?? ''));
}

/**
 * A string of C. `isWhole`: its end was seen within `longest` bytes.
 *
 * @returns undefined: the memory is not known.
 */
export function stringAt(
  memory: MemoryWords,
  address: bigint,
  longest: number,
): { readonly text: string; readonly isWhole: boolean } | undefined {
  // What is behind the string may not be known.
  const near = memory.bytes(address, Math.min(longest, 4096 - Number(address & 0xfffn)));
  const bytes = near.includes(0) ? near : memory.bytes(address, longest);
  if (bytes.length === 0) return undefined;
  const end = bytes.indexOf(0);
  // The memory ends, and the string does not.
  if (end === -1 && bytes.length < longest) return undefined;
  const text = Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString('utf8');
  return { text, isWhole: end !== -1 };
}
