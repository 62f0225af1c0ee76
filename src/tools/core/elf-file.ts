// Owns an ELF file as a module's object file: what it loads, its sections, its build-id. Read lazily and only once; a damaged file
// gives what can be read of it.
import * as zlib from 'node:zlib';
import {
  buildIdIn,
  type ElfHeader,
  ElfType,
  readElfHeader,
  readNotes,
  readSections,
  readSegments,
  type SectionHeader,
  SectionType,
  type Segment,
  SegmentType,
} from './elf-layout.ts';
import { fieldsOf, textAt } from './fields.ts';
import type { ObjectFile, ReadFileAt, Section } from './process-image.ts';

/** An object file with all that its headers tell. */
export interface ElfFile extends ObjectFile {
  readonly header: ElfHeader;
  readonly programHeaders: readonly Segment[];
  readonly sections: readonly SectionHeader[];
  /** PT_INTERP. */
  readonly interpreter?: string;
  /** `.gnu_debuglink`: name and CRC-32 of the file with the debug information that this one was stripped of. */
  readonly debugLink: () => DebugLink | undefined;
}

export interface DebugLink {
  /** One name without folders. */
  readonly name: string;
  readonly crc: number;
}

/** As `Section.bytes` says. */
const largestSection = 256 * 1024 * 1024;
const largestNotes = 1024 * 1024;
/** sh_flags */
const SHF_COMPRESSED = 0x800;
/** One answer of `at`. */
const largestRead = 64 * 1024 * 1024;

/**
 * Reads the headers of an object file; the rest when it is asked for.
 *
 * @param path absolute.
 * @returns undefined: it is no ELF file, or one of another kind (a core, an object before linking).
 */
export function readElfFile(path: string, readAt: ReadFileAt): ElfFile | undefined {
  const header = readElfHeader(readAt);
  if (header === undefined || (header.type !== ElfType.executable && header.type !== ElfType.shared)) {
    return undefined;
  }
  const programHeaders = readSegments(header, readAt);
  const sections = readSections(header, readAt);
  const loaded = programHeaders.filter(({ type }) => type === SegmentType.load);
  const isNamed = new Map(sections.toReversed().map((section) => [section.name, section]));
  const known = new Map<string, Section | undefined>();
  const section = (name: string): Section | undefined => {
    if (known.has(name)) return known.get(name);
    const found = isNamed.get(name) ?? isNamed.get(name.replace(/^\.debug_/, '.zdebug_'));
    const bytes = found === undefined ? undefined : bytesOf(header, found, readAt);
    const read = found === undefined || bytes === undefined ? undefined : { address: found.address, bytes };
    known.set(name, read);
    return read;
  };
  const interpreter = programHeaders.find(({ type }) => type === SegmentType.interpreter);
  const buildId = buildIdOf(header, programHeaders, sections, readAt);
  return {
    path,
    header,
    programHeaders,
    sections,
    ...(buildId !== undefined && { buildId }),
    ...(interpreter !== undefined && {
      interpreter: textAt(readAt(interpreter.fileOffset, Math.min(interpreter.fileSize, 4096)), 0),
    }),
    segments: loaded.map(({ address, memorySize, fileOffset, fileSize, flags }) => ({
      address,
      memorySize,
      fileOffset,
      fileSize,
      isExecutable: flags.execute,
    })),
    section,
    at: (address, length) => {
      for (const segment of loaded) {
        const inside = Number(address - segment.address);
        if (inside < 0 || inside >= segment.fileSize) continue;
        return readAt(segment.fileOffset + inside, Math.min(length, segment.fileSize - inside, largestRead));
      }
      return new Uint8Array();
    },
    debugLink: () => debugLinkOf(header, section('.gnu_debuglink')),
    hasDebugInformation: ['.debug_info', '.zdebug_info', '.debug_line', '.zdebug_line'].some(
      (name) => (isNamed.get(name)?.type ?? SectionType.noBits) !== SectionType.noBits,
    ),
  };
}

function buildIdOf(
  header: ElfHeader,
  segments: readonly Segment[],
  sections: readonly SectionHeader[],
  readAt: ReadFileAt,
): string | undefined {
  // A debug twin keeps the section; what its segments promise is not in the file.
  const places = [
    ...sections.filter(({ type }) => type === SectionType.note),
    ...segments.filter(({ type }) => type === SegmentType.note),
  ];
  for (const { fileOffset, fileSize } of places) {
    const size = Math.min(fileSize, largestNotes);
    for (const alignment of [4, 8] as const) {
      const found = buildIdIn(readNotes(header, { offset: fileOffset, size, alignment }, readAt));
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function bytesOf(header: ElfHeader, section: SectionHeader, readAt: ReadFileAt): Uint8Array | undefined {
  if (section.type === SectionType.noBits || section.fileSize > largestSection) return undefined;
  const bytes = readAt(section.fileOffset, section.fileSize);
  if (bytes.length < section.fileSize) return undefined;
  if ((section.flags & SHF_COMPRESSED) !== 0) return decompress(header, bytes);
  return section.name.startsWith('.zdebug_') ? decompressOldForm(bytes) : bytes;
}

/** Elf64_Chdr, Elf32_Chdr (gABI, Section Compression). */
function decompress({ bits, isLittleEndian }: ElfHeader, bytes: Uint8Array): Uint8Array | undefined {
  const fields = fieldsOf(bytes, bits, isLittleEndian);
  const [size, start] = bits === 64 ? [8, 24] : [4, 12];
  const ELFCOMPRESS_ZLIB = 1;
  const ELFCOMPRESS_ZSTD = 2;
  const type = fields.word(0);
  const length = Number(fields.native(size));
  const packed = bytes.subarray(start);
  if (type === ELFCOMPRESS_ZLIB) return inflated(packed, length, zlib.inflateSync);
  // Node has it since 22.15.
  const zstd = (zlib as { readonly zstdDecompressSync?: Inflate }).zstdDecompressSync;
  return type === ELFCOMPRESS_ZSTD && zstd !== undefined ? inflated(packed, length, zstd) : undefined;
}

/** Before there was SHF_COMPRESSED: `ZLIB`, the size as 8 bytes of big endian, a zlib stream. */
function decompressOldForm(bytes: Uint8Array): Uint8Array | undefined {
  if (textAt(bytes, 0, 4) !== 'ZLIB') return undefined;
  const length = Number(fieldsOf(bytes, 64, false).double(4));
  return inflated(bytes.subarray(12), length, zlib.inflateSync);
}

type Inflate = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Buffer;

function inflated(bytes: Uint8Array, length: number, inflate: Inflate): Uint8Array | undefined {
  if (length === 0 || length > largestSection) return undefined;
  try {
    const plain = inflate(bytes, { maxOutputLength: length });
    return plain.length === length ? plain : undefined;
  } catch {
    // Damaged, or more than it says.
    return undefined;
  }
}

/** The name, padded to 4 bytes, and a CRC-32 (gdb's manual, Debugging Information in Separate Files). */
function debugLinkOf(header: ElfHeader, section: Section | undefined): DebugLink | undefined {
  if (section === undefined) return undefined;
  const name = textAt(section.bytes, 0, 1024);
  const at = Math.ceil((Buffer.byteLength(name) + 1) / 4) * 4;
  if (name === '' || name.includes('/') || name === '.' || name === '..' || at + 4 > section.bytes.length) {
    return undefined;
  }
  return { name, crc: fieldsOf(section.bytes, header.bits, header.isLittleEndian).word(at) };
}
