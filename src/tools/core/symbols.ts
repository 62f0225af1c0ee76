// Owns the names of functions in an object file: from its symbol tables, those of its debug twin, and the ranges that call frame
// information leaves to a stripped one.
import type { NameSource } from '../../model/stop.ts';
import type { ElfFile } from './elf-file.ts';
import { type Fields, fieldsOf, textAt } from './fields.ts';
import { type Stub, stubsOf } from './linkage-stubs.ts';
import type { ObjectFile } from './process-image.ts';

/** A function at a link-time address. */
export interface FoundFunction {
  /** As the linker knows it: mangled. Missing: only its range is known. */
  readonly name?: string;
  readonly start: bigint;
  /** Bytes from `start` to the address. */
  readonly offset: number;
  /** Bytes; missing: not known. */
  readonly size?: number;
  readonly source: NameSource;
  /** The address lies within the function's size. false: the name is only the nearest before it, and may be another function's. */
  readonly isInside: boolean;
}

/** The range of a function by call frame information, at link time; `end` is behind the last byte. */
export type FunctionRange = (
  object: ObjectFile,
  address: bigint,
) => { readonly start: bigint; readonly end: bigint } | undefined;

/** Names of functions by link-time address. */
export interface FunctionNames {
  readonly at: (address: bigint) => FoundFunction | undefined;
  /** Link-time address of a function or variable; undefined: no table has it. */
  readonly addressOf: (name: string) => bigint | undefined;
}

/** st_info, st_shndx (gABI, Symbol Table). */
const STT_NOTYPE = 0;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const STB_LOCAL = 0;
const STB_GLOBAL = 1;
const SHN_UNDEF = 0;
const SHN_LORESERVE = 0xff00;
const SHN_XINDEX = 0xffff;
const longestName = 16384;
/** Of nested and overlapping functions the enclosing one is looked for so far back. */
const mostEnclosing = 8;

/** A symbol table of a file. */
interface Table {
  readonly source: NameSource;
  readonly fields: Fields;
  readonly bits: 32 | 64;
  readonly entryBytes: number;
  readonly count: number;
  readonly strings: Uint8Array;
}

/** Functions of one table by address; the arrays belong together. */
interface SortedFunctions {
  /** Ascending, each once. */
  readonly starts: Float64Array;
  /** Index of the best name there. */
  readonly symbols: Uint32Array;
}

/**
 * Names of the functions of an object file.
 *
 * @param debug its twin with the full symbol table.
 * @param range of the function around an address; tells where a function ends whose size is not known.
 */
export function readFunctionNames(object: ElfFile, debug?: ElfFile, range?: FunctionRange): FunctionNames {
  const tables = [
    tableOf(object, '.symtab', '.strtab', 'symbol table'),
    debug === undefined ? undefined : tableOf(debug, '.symtab', '.strtab', 'symbol table'),
    tableOf(object, '.dynsym', '.dynstr', 'exported symbol'),
  ].filter((table) => table !== undefined);
  const sorted = new Map<Table, SortedFunctions>();
  const sortedOf = (table: Table): SortedFunctions => {
    const known = sorted.get(table) ?? sortFunctions(table, object);
    sorted.set(table, known);
    return known;
  };
  let stubs: ReadonlyMap<bigint, Stub> | undefined;
  return {
    at: (address) => {
      if (address < 0n) return undefined;
      let nearest: FoundFunction | undefined;
      for (const table of tables) {
        const found = functionAt(table, sortedOf(table), address);
        if (found?.isInside === true) return found;
        // Of names that only lie before the address the last one is nearest.
        if (found !== undefined && (nearest === undefined || found.start > nearest.start)) nearest = found;
      }
      const plt = tables.find(({ source }) => source === 'exported symbol');
      stubs ??= plt === undefined ? new Map() : stubsOf(object, (index) => nameOf(plt, index));
      const stub = stubs.get(address & ~0xfn) ?? stubs.get(address & ~0x7n);
      if (stub !== undefined && address < stub.start + BigInt(stub.size)) {
        const offset = Number(address - stub.start);
        return { ...stub, offset, source: 'exported symbol', isInside: true };
      }
      const around = range?.(object, address);
      if (around === undefined || address < around.start || address >= around.end) return nearest;
      const size = Number(around.end - around.start);
      if (nearest?.start === around.start) return { ...nearest, size, isInside: true };
      if (nearest !== undefined && nearest.start > around.start) return nearest;
      const offset = Number(address - around.start);
      return { start: around.start, offset, size, source: 'range', isInside: true };
    },
    addressOf: (name) => {
      for (const table of tables) {
        const address = addressIn(table, name);
        if (address !== undefined) return address;
      }
      return undefined;
    },
  };
}

function tableOf(file: ElfFile, name: string, strings: string, source: NameSource): Table | undefined {
  const symbols = file.section(name);
  const texts = file.section(strings);
  if (symbols === undefined || texts === undefined) return undefined;
  const { bits, isLittleEndian } = file.header;
  const entryBytes = bits === 64 ? 24 : 16;
  return {
    source,
    fields: fieldsOf(symbols.bytes, bits, isLittleEndian),
    bits,
    entryBytes,
    count: Math.floor(symbols.bytes.length / entryBytes),
    strings: texts.bytes,
  };
}

const addressAt = ({ fields, bits, entryBytes }: Table, index: number): bigint =>
  fields.native(index * entryBytes + (bits === 64 ? 8 : 4));
const sizeOf = ({ fields, bits, entryBytes }: Table, index: number): number =>
  Number(fields.native(index * entryBytes + (bits === 64 ? 16 : 8)));
const infoOf = ({ fields, bits, entryBytes }: Table, index: number): number =>
  fields.byte(index * entryBytes + (bits === 64 ? 4 : 12));
const sectionOf = ({ fields, bits, entryBytes }: Table, index: number): number =>
  fields.half(index * entryBytes + (bits === 64 ? 6 : 14));
/** `.symtab` has the version of an exported name behind it: `clock_nanosleep@@GLIBC_2.17`. */
const nameOf = ({ fields, entryBytes, strings }: Table, index: number): string =>
  textAt(strings, fields.word(index * entryBytes), longestName).replace(/(?<=.)@{1,2}[\w.]+$/, '');

function isDefined(table: Table, index: number): boolean {
  const section = sectionOf(table, index);
  return section !== SHN_UNDEF && (section < SHN_LORESERVE || section === SHN_XINDEX);
}

/** Functions, and what assemblers leave without a type in code. */
function isFunction(table: Table, index: number, isCode: (address: bigint) => boolean): boolean {
  if (!isDefined(table, index)) return false;
  const type = infoOf(table, index) & 0xf;
  if (type === STT_FUNC || type === STT_GNU_IFUNC) return true;
  if (type !== STT_NOTYPE || !isCode(addressAt(table, index))) return false;
  const { fields, entryBytes, strings } = table;
  const first = strings[fields.word(index * entryBytes)] ?? 0;
  // `$x`, `$d` of AArch64 mark code and data, `.L3` is a label.
  return first !== 0 && first !== 0x24 && first !== 0x2e;
}

function sortFunctions(table: Table, object: ObjectFile): SortedFunctions {
  const code = object.segments.filter(({ isExecutable }) => isExecutable);
  const isCode = (address: bigint): boolean =>
    code.some(({ address: start, memorySize }) => start <= address && address < start + memorySize);
  const chosen = new Uint32Array(table.count);
  const addresses = new Float64Array(table.count);
  let count = 0;
  for (let index = 0; index < table.count; index++) {
    if (!isFunction(table, index, isCode)) continue;
    const address = Number(addressAt(table, index));
    if (!Number.isSafeInteger(address)) continue;
    chosen[count] = index;
    addresses[count] = address;
    count++;
  }
  const ascending = addresses.slice(0, count).sort();
  let distinct = 0;
  for (const address of ascending) {
    if (distinct === 0 || ascending[distinct - 1] !== address) ascending[distinct++] = address;
  }
  const starts = ascending.slice(0, distinct);
  const symbols = new Uint32Array(distinct).fill(0xffffffff);
  for (let at = 0; at < count; at++) {
    const place = lastUpTo(starts, addresses[at] as number);
    const [index, other] = [chosen[at] as number, symbols[place] as number];
    if (other === 0xffffffff || isBetter(table, index, other)) symbols[place] = index;
  }
  return { starts, symbols };
}

/** Of names for one address: one with a size, a global one, the one with fewer underscores before it. */
function isBetter(table: Table, index: number, other: number): boolean {
  const rank = (symbol: number): number => {
    const binding = infoOf(table, symbol) >> 4;
    const start = table.fields.word(symbol * table.entryBytes);
    let underscores = 0;
    while (underscores < 4 && table.strings[start + underscores] === 0x5f) underscores++;
    const isSized = sizeOf(table, symbol) > 0 ? 100 : 0;
    return isSized + (binding === STB_GLOBAL ? 20 : binding === STB_LOCAL ? 0 : 10) - underscores;
  };
  return rank(index) > rank(other);
}

/** Index of the last number that is not above `value`; -1: there is none. */
function lastUpTo(ascending: Float64Array, value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function functionAt(
  table: Table,
  { starts, symbols }: SortedFunctions,
  address: bigint,
): FoundFunction | undefined {
  const nearest = lastUpTo(starts, Number(address));
  if (nearest < 0) return undefined;
  for (let place = nearest; place >= 0 && place > nearest - mostEnclosing; place--) {
    const found = foundOf(table, symbols[place] as number, address);
    if (found.isInside) return found;
  }
  return foundOf(table, symbols[nearest] as number, address);
}

function foundOf(table: Table, index: number, address: bigint): FoundFunction {
  const start = addressAt(table, index);
  const offset = Number(address - start);
  const size = sizeOf(table, index);
  return {
    name: nameOf(table, index),
    start,
    offset,
    ...(size > 0 && { size }),
    source: table.source,
    isInside: size > 0 && offset < size,
  };
}

function addressIn(table: Table, name: string): bigint | undefined {
  const wanted = Buffer.from(`${name}\0`);
  const strings = Buffer.from(table.strings.buffer, table.strings.byteOffset, table.strings.byteLength);
  for (let index = 1; index < table.count; index++) {
    const at = table.fields.word(index * table.entryBytes);
    if (at + wanted.length > strings.length || strings[at] !== wanted[0]) continue;
    if (strings.compare(wanted, 0, wanted.length, at, at + wanted.length) !== 0) continue;
    if (isDefined(table, index)) return addressAt(table, index);
  }
  return undefined;
}
