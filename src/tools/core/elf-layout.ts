// Owns the outline of an ELF file: its header, segments, sections and notes (gABI chapters 4 and 5; elf(5)). It serves object files,
// core files and the headers that a process has in its memory. Nothing here throws, and no number is trusted.
import { fieldsOf, textAt } from './fields.ts';
import type { ReadFileAt } from './process-image.ts';

/** e_type. */
export const ElfType = { relocatable: 1, executable: 2, shared: 3, core: 4 } as const;
/** p_type. */
export const SegmentType = {
  load: 1,
  dynamic: 2,
  interpreter: 3,
  note: 4,
  headers: 6,
  relro: 0x6474e552,
} as const;
/** sh_type. */
export const SectionType = { symbols: 2, note: 7, noBits: 8, dynamicSymbols: 11 } as const;

/** More than vm.max_map_count is ever set to. */
const mostSegments = 1 << 20;
const mostSections = 1 << 18;
const largestNames = 16 * 1024 * 1024;
const mostNotes = 1 << 20;
/** e_phnum when there are more than fit (elf(5), PN_XNUM). */
const PN_XNUM = 0xffff;
/** e_shstrndx when it does not fit. */
const SHN_XINDEX = 0xffff;

export interface ElfHeader {
  readonly bits: 32 | 64;
  readonly isLittleEndian: boolean;
  /** e_type */
  readonly type: number;
  /** e_machine */
  readonly machine: number;
  readonly entry: bigint;
  readonly segmentTable: Table;
  readonly sectionTable: Table;
  /** e_shstrndx */
  readonly namesIndex: number;
}

interface Table {
  readonly offset: number;
  readonly entrySize: number;
  readonly count: number;
}

/** A program header. Offsets and sizes beyond 2^53 are not exact; no file reaches there. */
export interface Segment {
  readonly type: number;
  readonly flags: { readonly read: boolean; readonly write: boolean; readonly execute: boolean };
  readonly fileOffset: number;
  readonly fileSize: number;
  readonly address: bigint;
  readonly memorySize: bigint;
}

export interface SectionHeader {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: bigint;
  readonly fileOffset: number;
  readonly fileSize: number;
  readonly link: number;
  readonly info: number;
  readonly entrySize: number;
}

export interface Note {
  readonly name: string;
  readonly type: number;
  /** Of the description, as the note says: the bytes may be fewer. */
  readonly size: number;
  /** Where the description begins in the file. */
  readonly offset: number;
  /** Up to so many bytes of the description. */
  readonly read: (longest: number) => Uint8Array;
}

/** The header; undefined: these are no bytes of an ELF file. */
export function readElfHeader(readAt: ReadFileAt): ElfHeader | undefined {
  const head = readAt(0, 64);
  if (head.length < 52 || head[0] !== 0x7f || head[1] !== 0x45 || head[2] !== 0x4c || head[3] !== 0x46) {
    return undefined;
  }
  const bits = head[4] === 1 ? 32 : 64;
  if (bits === 64 && head.length < 64) return undefined;
  const isLittleEndian = head[5] !== 2;
  const fields = fieldsOf(head, bits, isLittleEndian);
  const [entry, segments, sections, sizes] = bits === 64 ? [24, 32, 40, 54] : [24, 28, 32, 42];
  const segmentTable = {
    offset: Number(fields.native(segments)),
    entrySize: fields.half(sizes),
    count: fields.half(sizes + 2),
  };
  const sectionTable = {
    offset: Number(fields.native(sections)),
    entrySize: fields.half(sizes + 4),
    count: fields.half(sizes + 6),
  };
  const namesIndex = fields.half(sizes + 8);
  const header: ElfHeader = {
    bits,
    isLittleEndian,
    type: fields.half(16),
    machine: fields.half(18),
    entry: fields.native(entry),
    segmentTable,
    sectionTable,
    namesIndex,
  };
  const needsMore =
    segmentTable.count === PN_XNUM ||
    (sectionTable.count === 0 && sectionTable.offset > 0) ||
    namesIndex === SHN_XINDEX;
  if (!needsMore) return header;
  // What does not fit into the header is in the first section (elf(5), e_phnum, e_shnum, e_shstrndx).
  const first = sectionsOf({ ...header, sectionTable: { ...sectionTable, count: 1 } }, readAt)[0];
  return {
    ...header,
    segmentTable: {
      ...segmentTable,
      count: segmentTable.count === PN_XNUM && first !== undefined ? first.info : segmentTable.count,
    },
    sectionTable: {
      ...sectionTable,
      count: sectionTable.count === 0 && first !== undefined ? first.fileSize : sectionTable.count,
    },
    namesIndex: namesIndex === SHN_XINDEX && first !== undefined ? first.link : namesIndex,
  };
}

/** Program headers: as many as the file has of those that it promises. */
export function readSegments(header: ElfHeader, readAt: ReadFileAt): readonly Segment[] {
  const { bits, isLittleEndian, segmentTable } = header;
  const smallest = bits === 64 ? 56 : 32;
  const bytes = readTable(segmentTable, smallest, mostSegments, readAt);
  const fields = fieldsOf(bytes, bits, isLittleEndian);
  const segments: Segment[] = [];
  for (let at = 0; at + smallest <= bytes.length; at += segmentTable.entrySize) {
    const [flags, offset, address, fileSize, memorySize] =
      bits === 64 ? [4, 8, 16, 32, 40] : [24, 4, 8, 16, 20];
    const access = fields.word(at + flags);
    segments.push({
      type: fields.word(at),
      flags: { read: (access & 4) !== 0, write: (access & 2) !== 0, execute: (access & 1) !== 0 },
      fileOffset: Number(fields.native(at + offset)),
      fileSize: Number(fields.native(at + fileSize)),
      address: fields.native(at + address),
      memorySize: fields.native(at + memorySize),
    });
  }
  return segments;
}

/** Section headers with their names. */
export function readSections(header: ElfHeader, readAt: ReadFileAt): readonly SectionHeader[] {
  const sections = sectionsOf(header, readAt);
  const names = sections[header.namesIndex];
  if (names === undefined || names.type === SectionType.noBits) return sections;
  const bytes = readAt(names.fileOffset, Math.min(names.fileSize, largestNames));
  return sections.map((section) => ({ ...section, name: textAt(bytes, section.nameAt, 256) }));
}

function sectionsOf(
  { bits, isLittleEndian, sectionTable }: ElfHeader,
  readAt: ReadFileAt,
): readonly (SectionHeader & { readonly nameAt: number })[] {
  const smallest = bits === 64 ? 64 : 40;
  const bytes = readTable(sectionTable, smallest, mostSections, readAt);
  const fields = fieldsOf(bytes, bits, isLittleEndian);
  const sections: (SectionHeader & { readonly nameAt: number })[] = [];
  for (let at = 0; at + smallest <= bytes.length; at += sectionTable.entrySize) {
    const [address, offset, size, link, info, entrySize] =
      bits === 64 ? [16, 24, 32, 40, 44, 56] : [12, 16, 20, 24, 28, 36];
    sections.push({
      name: '',
      nameAt: fields.word(at),
      type: fields.word(at + 4),
      flags: Number(fields.native(at + 8)),
      address: fields.native(at + address),
      fileOffset: Number(fields.native(at + offset)),
      fileSize: Number(fields.native(at + size)),
      link: fields.word(at + link),
      info: fields.word(at + info),
      entrySize: Number(fields.native(at + entrySize)),
    });
  }
  return sections;
}

function readTable(
  { offset, entrySize, count }: Table,
  smallest: number,
  most: number,
  readAt: ReadFileAt,
): Uint8Array {
  if (entrySize < smallest || count === 0 || offset === 0) return new Uint8Array();
  return readAt(offset, entrySize * Math.min(count, most));
}

/**
 * Notes one after another, up to the first that does not fit.
 *
 * @param alignment of names and descriptions: 4 or 8 (gABI, Note Section).
 */
export function* readNotes(
  { bits, isLittleEndian }: Pick<ElfHeader, 'bits' | 'isLittleEndian'>,
  place: { readonly offset: number; readonly size: number; readonly alignment?: 4 | 8 },
  readAt: ReadFileAt,
): Generator<Note> {
  const { alignment = 4 } = place;
  const padded = (size: number): number => Math.ceil(size / alignment) * alignment;
  const end = place.offset + place.size;
  let at = place.offset;
  for (let count = 0; count < mostNotes && at + 12 <= end; count++) {
    const head = readAt(at, 12 + 16);
    if (head.length < 12) return;
    const fields = fieldsOf(head, bits, isLittleEndian);
    const nameSize = fields.word(0);
    const size = fields.word(4);
    const offset = at + padded(12 + nameSize);
    if (offset + size > end) return;
    yield {
      name: textAt(head.subarray(0, 12 + nameSize), 12, 16),
      type: fields.word(8),
      size,
      offset,
      read: (longest) => readAt(offset, Math.min(size, longest)),
    };
    at = padded(offset + size - place.offset) + place.offset;
  }
}

/** NT_GNU_BUILD_ID among notes, in hex. */
export function buildIdIn(notes: Iterable<Note>): string | undefined {
  const NT_GNU_BUILD_ID = 3;
  for (const note of notes) {
    if (note.name !== 'GNU' || note.type !== NT_GNU_BUILD_ID || note.size === 0 || note.size > 64) continue;
    const bytes = note.read(64);
    if (bytes.length === note.size) return Buffer.from(bytes).toString('hex');
  }
  return undefined;
}
