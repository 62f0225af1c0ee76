// Owns object files that are read from the memory of their process: the kernel's own object, and modules whose file is missing.
import { type MappedHeader, readDynamicEntries } from './core-modules.ts';
import { type ElfFile, readElfFile } from './elf-file.ts';
import { readElfHeader, SegmentType } from './elf-layout.ts';
import { fieldsOf } from './fields.ts';
import type { ProcessMemory, ReadFileAt, Section } from './process-image.ts';

const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_STRSZ = 10;
const PT_GNU_EH_FRAME = 0x6474e550;
/** Encoding of a pointer: a signed word, relative to where it stands (LSB, DWARF Extensions). */
const DW_EH_PE_pcrel_sdata4 = 0x1b;
const largestSection = 256 * 1024 * 1024;

/** The whole file lies in the memory as it is, as that of the kernel's object does. undefined: it is none. */
export function readWholeMappedObject(
  name: string,
  memory: ProcessMemory,
  start: bigint,
): ElfFile | undefined {
  return readElfFile(name, readAtOf(memory, start));
}

/**
 * What the dynamic linker has in memory of a module: `.dynsym`, `.dynstr`, `.eh_frame_hdr` and `.eh_frame`, as far as it is known.
 *
 * @param name not a path: there is no file.
 */
export function readMappedObject(
  name: string,
  memory: ProcessMemory,
  mapped: MappedHeader,
): ElfFile | undefined {
  const header = readElfHeader(readAtOf(memory, mapped.start));
  if (header === undefined) return undefined;
  const { bias, segments } = mapped;
  const at = (address: bigint, length: number): Uint8Array => memory.read(address + bias, length);
  const known = new Map<string, Section | undefined>();
  const section = (wanted: string): Section | undefined => {
    if (known.has(wanted)) return known.get(wanted);
    const place = placeOf(wanted, memory, mapped);
    const bytes = place === undefined ? undefined : at(place.address, Math.min(place.size, largestSection));
    const found =
      place === undefined || bytes === undefined || bytes.length === 0
        ? undefined
        : { address: place.address, bytes };
    known.set(wanted, found);
    return found;
  };
  return {
    path: name,
    header,
    programHeaders: segments,
    sections: [],
    ...(mapped.buildId !== undefined && { buildId: mapped.buildId }),
    segments: segments
      .filter(({ type }) => type === SegmentType.load)
      .map(({ address, memorySize, fileOffset, fileSize, flags }) => ({
        address,
        memorySize,
        fileOffset,
        fileSize,
        isExecutable: flags.execute,
      })),
    section,
    at,
    debugLink: () => undefined,
    hasDebugInformation: false,
  };
}

function readAtOf(memory: ProcessMemory, start: bigint): ReadFileAt {
  return (offset, length) =>
    Number.isSafeInteger(offset) && offset >= 0
      ? memory.read(start + BigInt(offset), length)
      : new Uint8Array();
}

interface Place {
  readonly address: bigint;
  readonly size: number;
}

function placeOf(name: string, memory: ProcessMemory, mapped: MappedHeader): Place | undefined {
  if (name === '.dynsym' || name === '.dynstr') {
    const entries = readDynamicEntries(memory, mapped);
    const [strings, symbols] = [DT_STRTAB, DT_SYMTAB].map((tag) => linked(entries.get(tag), mapped));
    if (strings === undefined || symbols === undefined) return undefined;
    if (name === '.dynstr') return { address: strings, size: Number(entries.get(DT_STRSZ) ?? 0n) };
    // Nothing tells the size; all linkers put the strings behind the symbols, and dladdr(3) counts on it.
    return strings > symbols ? { address: symbols, size: Number(strings - symbols) } : undefined;
  }
  const header = mapped.segments.find(({ type }) => type === PT_GNU_EH_FRAME);
  if (header === undefined) return undefined;
  if (name === '.eh_frame_hdr') return { address: header.address, size: Number(header.memorySize) };
  if (name !== '.eh_frame') return undefined;
  const fields = fieldsOf(memory.read(header.address + mapped.bias, 8), mapped.bits);
  if (fields.byte(1) !== DW_EH_PE_pcrel_sdata4) return undefined;
  const address = header.address + 4n + BigInt(fields.signedWord(4));
  const around = mapped.segments.find(
    (one) =>
      one.type === SegmentType.load && one.address <= address && address < one.address + one.memorySize,
  );
  // It ends with a length of 0: how much follows is not told.
  return around === undefined
    ? undefined
    : { address, size: Number(around.address + around.memorySize - address) };
}

/** The dynamic linker of glibc puts addresses of the process into the dynamic section, others leave the link-time ones. */
function linked(value: bigint | undefined, { start, end, bias }: MappedHeader): bigint | undefined {
  return value !== undefined && value >= start && value < end ? value - bias : value;
}
