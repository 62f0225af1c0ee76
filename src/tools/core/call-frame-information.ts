// Call frame information of an object file: which entry describes an address (.eh_frame, .eh_frame_hdr, .debug_frame).
//
// Sources: DWARF 5, 6.4.1; Linux Standard Base Core 5.0, 10.6 (.eh_frame) and 10.6.2 (.eh_frame_hdr). .eh_frame differs from
// .debug_frame in that a CIE has id 0 and an FDE points back to its CIE by a distance, and in its encoded pointers.
import {
  type DwarfCursor,
  dwarfCursor,
  readCount,
  readSleb,
  readU8,
  readUleb,
  readUnsigned,
  skip,
} from './dwarf-cursor.ts';
import { omittedPointer, readLength, readPointer } from './pointer-encoding.ts';
import type { ObjectFile, Section } from './process-image.ts';

/** What the entries of several functions have in common (a CIE). */
export interface CommonEntry {
  readonly codeAlignment: bigint;
  readonly dataAlignment: bigint;
  /** Number of the column that has the return address. */
  readonly returnAddressRegister: number;
  readonly instructions: Uint8Array;
  /** The kernel calls this code to end a signal handler (`S`). */
  readonly isSignalFrame: boolean;
  readonly pointerEncoding: number;
  readonly hasAugmentationData: boolean;
  readonly wordSize: 4 | 8;
}

/** What is known of the frames of one function (an FDE). Addresses are link-time; `end` is behind the last byte. */
export interface FrameEntry {
  readonly start: bigint;
  readonly end: bigint;
  readonly common: CommonEntry;
  readonly instructions: Uint8Array;
  /** Link-time address of `instructions`: DW_CFA_set_loc may be relative to it. */
  readonly instructionsAddress: bigint;
}

/** A linear pass over a section ends here; larger files have a search table. */
const entryLimit = 1_000_000;

/**
 * Reads tables lazily and keeps them as long as the object is kept. It never throws: what is damaged is not there.
 *
 * @param wordSize bytes of an address in the file
 * @returns the entry that describes `address` (link-time)
 */
export function frameEntry(object: ObjectFile, address: bigint, wordSize: 4 | 8): FrameEntry | undefined {
  let tables = known.get(object);
  if (tables === undefined) {
    tables = [
      sectionTable(object, '.eh_frame', wordSize, searchTable(object, wordSize)),
      sectionTable(object, '.debug_frame', wordSize),
    ];
    known.set(object, tables);
  }
  for (const table of tables) {
    const found = table(address);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** @returns where the function at the link-time `address` begins and ends, as far as call frame information tells. */
export function functionRange(
  object: ObjectFile,
  address: bigint,
  wordSize: 4 | 8 = 8,
): { readonly start: bigint; readonly end: bigint } | undefined {
  const entry = frameEntry(object, address, wordSize);
  return entry && { start: entry.start, end: entry.end };
}

type Table = (address: bigint) => FrameEntry | undefined;

const known = new WeakMap<ObjectFile, readonly Table[]>();

const nothing: Table = () => undefined;

/** Start addresses and where the entry of each is, sorted. */
interface SearchTable {
  readonly length: number;
  readonly start: (index: number) => bigint;
  /** Link-time address of the entry. */
  readonly entry: (index: number) => bigint;
}

function sectionTable(
  object: ObjectFile,
  name: '.eh_frame' | '.debug_frame',
  wordSize: 4 | 8,
  search?: SearchTable,
): Table {
  const section = object.section(name);
  if (section === undefined || section.bytes.length === 0) return nothing;
  const reader = entryReader(section, name === '.eh_frame', wordSize);
  const linear = linearTable(reader, section);
  if (search === undefined || search.length === 0) return linear;
  return (address) => {
    const index = lastNotAbove(search.length, search.start, address);
    if (index < 0) return undefined;
    const entry = reader(Number(search.entry(index) - section.address));
    if (entry === undefined || entry === 'end' || !('start' in entry)) return linear(address);
    return address >= entry.start && address < entry.end ? entry : undefined;
  };
}

/** @returns the greatest index whose start is not above `address`, -1 when there is none. */
function lastNotAbove(length: number, start: (index: number) => bigint, address: bigint): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (start(middle) <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** .eh_frame_hdr, when it is the sorted table of 4-byte distances that linkers write (encoding datarel|sdata4). */
function searchTable(object: ObjectFile, wordSize: 4 | 8): SearchTable | undefined {
  const header = object.section('.eh_frame_hdr');
  if (header === undefined) return undefined;
  const cursor = dwarfCursor(header.bytes);
  const [version, frameEncoding, countEncoding, tableEncoding] = [
    readU8(cursor),
    readU8(cursor),
    readU8(cursor),
    readU8(cursor),
  ];
  if (version !== 1 || tableEncoding !== 0x3b) return undefined;
  const bases = { section: header.address, data: header.address, wordSize };
  readPointer(cursor, frameEncoding, bases);
  const count = countEncoding === omittedPointer ? undefined : readPointer(cursor, countEncoding, bases);
  if (cursor.failed || count === undefined) return undefined;
  const room = BigInt((cursor.end - cursor.offset) >> 3);
  const length = Number(count < room ? count : room);
  const { bytes } = header;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = cursor.offset;
  return {
    length,
    start: (index) => header.address + BigInt(view.getInt32(first + index * 8, true)),
    entry: (index) => header.address + BigInt(view.getInt32(first + index * 8 + 4, true)),
  };
}

/** Reads the whole section at the first question. */
function linearTable(reader: EntryReader, section: Section): Table {
  let starts: readonly { readonly start: bigint; readonly offset: number }[] | undefined;
  return (address) => {
    starts ??= allStarts(reader, section);
    const list = starts;
    let index = lastNotAbove(list.length, (at) => list[at]?.start ?? 0n, address);
    // Ranges of damaged tables may overlap; a few steps back are enough for honest ones with empty ranges.
    for (let steps = 0; index >= 0 && steps < 8; index--, steps++) {
      const entry = reader(list[index]?.offset ?? -1);
      if (typeof entry === 'object' && 'start' in entry && address >= entry.start && address < entry.end) {
        return entry;
      }
    }
    return undefined;
  };
}

function allStarts(reader: EntryReader, section: Section): readonly { start: bigint; offset: number }[] {
  const starts: { start: bigint; offset: number }[] = [];
  for (let offset = 0, count = 0; offset < section.bytes.length && count < entryLimit; count++) {
    const entry = reader(offset);
    if (entry === undefined || entry === 'end') {
      // The terminator is in the middle when sections were put together; damage ends the table.
      if (entry === 'end') offset += 4;
      else break;
      continue;
    }
    if ('start' in entry) starts.push({ start: entry.start, offset });
    offset = entry.next;
  }
  return starts.sort((left, right) => (left.start < right.start ? -1 : left.start > right.start ? 1 : 0));
}

/**
 * @returns the entry at an offset in the section: an FDE, `next` alone for a CIE or an FDE that describes nothing, `end` for a
 * terminator, undefined for damage.
 */
type EntryReader = (
  offset: number,
) => (FrameEntry & { readonly next: number }) | { readonly next: number } | 'end' | undefined;

function entryReader(section: Section, isEhFrame: boolean, wordSize: 4 | 8): EntryReader {
  const { bytes, address } = section;
  const commons = new Map<number, CommonEntry | undefined>();

  function commonAt(offset: number): CommonEntry | undefined {
    if (commons.has(offset)) return commons.get(offset);
    const common = readCommon(bytes, offset, isEhFrame, wordSize, address);
    if (commons.size < 100_000) commons.set(offset, common);
    return common;
  }

  return (offset) => {
    const head = readHead(bytes, offset);
    if (head === undefined || head === 'end') return head;
    const { cursor, isLong, next } = head;
    const idAt = cursor.offset;
    const id = readUnsigned(cursor, isLong ? 8 : 4);
    const commonId = isEhFrame ? 0n : isLong ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
    if (cursor.failed) return undefined;
    if (id === commonId) return { next };
    const common = commonAt(isEhFrame ? idAt - Number(id) : Number(id));
    if (common === undefined) return { next };
    const bases = { section: address, wordSize: common.wordSize };
    const start = readPointer(cursor, common.pointerEncoding, bases);
    const length = readLength(cursor, common.pointerEncoding, common.wordSize);
    if (common.hasAugmentationData) skip(cursor, readCount(cursor));
    if (cursor.failed || start === undefined || length === undefined || length === 0n) return { next };
    return {
      start,
      end: start + length,
      common,
      instructions: bytes.subarray(cursor.offset, cursor.end),
      instructionsAddress: address + BigInt(cursor.offset),
      next,
    };
  };
}

/** Length of an entry: 4 bytes, or 0xffffffff and 8 bytes (DWARF 5, 7.4). */
function readHead(
  bytes: Uint8Array,
  offset: number,
): { readonly cursor: DwarfCursor; readonly isLong: boolean; readonly next: number } | 'end' | undefined {
  const cursor = dwarfCursor(bytes, offset);
  const short = readUnsigned(cursor, 4);
  if (cursor.failed) return undefined;
  if (short === 0n) return 'end';
  const isLong = short === 0xffff_ffffn;
  const length = isLong ? readUnsigned(cursor, 8) : short;
  if (cursor.failed || length > BigInt(bytes.length - cursor.offset)) return undefined;
  const next = cursor.offset + Number(length);
  return { cursor: dwarfCursor(bytes, cursor.offset, next), isLong, next };
}

function readCommon(
  bytes: Uint8Array,
  offset: number,
  isEhFrame: boolean,
  wordSize: 4 | 8,
  sectionAddress: bigint,
): CommonEntry | undefined {
  const head = readHead(bytes, offset);
  if (head === undefined || head === 'end') return undefined;
  const { cursor, isLong } = head;
  const id = readUnsigned(cursor, isLong ? 8 : 4);
  if (id !== (isEhFrame ? 0n : isLong ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn)) return undefined;
  const version = readU8(cursor);
  const augmentation = readName(cursor);
  let addressSize = wordSize;
  if (version >= 4 && !isEhFrame) {
    addressSize = readU8(cursor) === 4 ? 4 : 8;
    // Segmented addresses are of machines that are not read here.
    if (readU8(cursor) !== 0) return undefined;
  }
  if (augmentation.startsWith('eh')) skip(cursor, addressSize);
  const codeAlignment = readUleb(cursor);
  const dataAlignment = readSleb(cursor);
  const returnAddressRegister = version === 1 ? readU8(cursor) : readCount(cursor);
  const data = readAugmentation(cursor, augmentation, sectionAddress, addressSize);
  if (cursor.failed || data === undefined || version < 1 || version > 4 || version === 2) return undefined;
  return {
    codeAlignment,
    dataAlignment,
    returnAddressRegister,
    instructions: bytes.subarray(cursor.offset, cursor.end),
    wordSize: addressSize,
    ...data,
  };
}

/** `zPLRS`: with a length, a personality routine, a pointer to a table of exceptions, an encoding, a signal frame. */
function readAugmentation(
  cursor: DwarfCursor,
  augmentation: string,
  section: bigint,
  wordSize: 4 | 8,
): Pick<CommonEntry, 'isSignalFrame' | 'pointerEncoding' | 'hasAugmentationData'> | undefined {
  const plain = { isSignalFrame: false, pointerEncoding: 0, hasAugmentationData: false };
  if (augmentation === '' || augmentation === 'eh') return plain;
  if (!augmentation.startsWith('z')) return undefined;
  const length = readCount(cursor);
  const end = cursor.offset + length;
  const data = dwarfCursor(cursor.bytes, cursor.offset, Math.min(end, cursor.end));
  let isSignalFrame = false;
  let pointerEncoding = 0;
  letters: for (const letter of augmentation.slice(1)) {
    switch (letter) {
      case 'P':
        readPointer(data, readU8(data), { section, wordSize });
        break;
      case 'L':
        readU8(data);
        break;
      case 'R':
        pointerEncoding = readU8(data);
        break;
      case 'S':
        isSignalFrame = true;
        break;
      case 'B': // aarch64: return addresses are signed with the B key
      case 'G': // aarch64: memory tagging of the stack
        break;
      default:
        // The length says where it ends, so that later letters may be left unread.
        break letters;
    }
  }
  skip(cursor, length);
  return data.failed ? undefined : { isSignalFrame, pointerEncoding, hasAugmentationData: true };
}

function readName(cursor: DwarfCursor): string {
  let name = '';
  for (let byte = readU8(cursor); byte !== 0 && name.length < 32; byte = readU8(cursor)) {
    name += String.fromCharCode(byte);
  }
  return name;
}

/** DW_CFA_set_loc's operand, which is encoded as the function's start is. */
export function readLocation(cursor: DwarfCursor, entry: FrameEntry): bigint | undefined {
  const { pointerEncoding, wordSize } = entry.common;
  return readPointer(cursor, pointerEncoding, { section: entry.instructionsAddress, wordSize });
}
