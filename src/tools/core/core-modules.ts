// Owns the modules of a core file: which object files were mapped where, by NT_FILE and the ELF headers in the memory, or by the
// dynamic linker's own list where there is no NT_FILE.
import {
  buildIdIn,
  ElfType,
  readElfHeader,
  readNotes,
  readSegments,
  type Segment,
  SegmentType,
} from './elf-layout.ts';
import { fieldsOf, textAt } from './fields.ts';
import type { FileMapping } from './notes.ts';
import type { LoadedModule, Mapping, ProcessMemory, ReadFileAt } from './process-image.ts';
import { indexUpTo, rangeAt, sortedRanges } from './ranges.ts';

/** An ELF header in the memory of a process, with what follows it. */
export interface MappedHeader {
  readonly bits: 32 | 64;
  readonly start: bigint;
  /** By its PT_LOAD segments. */
  readonly end: bigint;
  readonly bias: bigint;
  /** Where the program headers lie in the memory. */
  readonly headersAt: bigint;
  readonly segments: readonly Segment[];
  readonly buildId?: string;
}

/** Linkers make about a dozen; what has more is no module. */
const mostSegments = 128;
/** The largest programs have some hundred. */
const mostModules = 8192;

/** The file whose first bytes lie at an address; undefined: there is none, or its first page is not known. */
function mappedHeaderAt(memory: ProcessMemory, start: bigint): MappedHeader | undefined {
  const readAt: ReadFileAt = (offset, length) =>
    Number.isSafeInteger(offset) && offset >= 0
      ? memory.read(start + BigInt(offset), Math.min(length, 1 << 20))
      : new Uint8Array();
  const header = readElfHeader(readAt);
  if (header === undefined || !header.isLittleEndian) return undefined;
  if (header.type !== ElfType.executable && header.type !== ElfType.shared) return undefined;
  if (header.segmentTable.count > mostSegments) return undefined;
  const segments = readSegments(header, readAt);
  const loaded = segments.filter(({ type, memorySize }) => type === SegmentType.load && memorySize > 0n);
  const first = loaded.find(({ fileOffset }) => fileOffset < 4096) ?? loaded[0];
  if (first === undefined || !Number.isSafeInteger(first.fileOffset)) return undefined;
  const bias = start - (first.address - BigInt(first.fileOffset));
  const last = loaded.reduce((end, { address, memorySize }) => {
    const own = address + memorySize;
    return own > end ? own : end;
  }, 0n);
  const end = (bias + last + 0xfffn) & ~0xfffn;
  if (end <= start || end > 1n << 64n) return undefined;
  const notes = segments.filter(({ type }) => type === SegmentType.note);
  const buildId = notes
    .map(({ address, fileSize }) => {
      const offset = Number(address + bias - start);
      return buildIdIn(readNotes(header, { offset, size: Math.min(fileSize, 65536) }, readAt));
    })
    .find((found) => found !== undefined);
  const headersAt = start + BigInt(Math.max(0, Math.trunc(header.segmentTable.offset)));
  return {
    bits: header.bits,
    start,
    end,
    bias,
    headersAt,
    segments,
    ...(buildId !== undefined && { buildId }),
  };
}

/** What modules are made from. */
export interface ModuleSources {
  readonly memory: ProcessMemory;
  /** NT_FILE. */
  readonly files: readonly FileMapping[];
  /** Of the core's segments; sorted. */
  readonly mappings: readonly Mapping[];
  /** AT_SYSINFO_EHDR, where the kernel's own object is. */
  readonly kernelObject?: bigint | undefined;
  /** What the program is called where nothing tells its path. */
  readonly programName: string;
}

export interface FoundModules {
  /** Sorted; without object files. */
  readonly modules: readonly LoadedModule[];
  /** By the start of each module whose header is in the memory. */
  readonly headers: ReadonlyMap<bigint, MappedHeader>;
  /** The program itself, where the list of the dynamic linker told which it is. */
  readonly program?: LoadedModule;
  readonly from: 'files' | 'link map' | 'headers';
}

export const kernelObjectName = '[vdso]';

/** Finds the modules. Never more than there are mappings. */
export function findModules(sources: ModuleSources): FoundModules {
  const headers = new Map<bigint, MappedHeader>();
  const headerAt = (start: bigint): MappedHeader | undefined => {
    const header = headers.get(start) ?? mappedHeaderAt(sources.memory, start);
    if (header !== undefined) headers.set(start, header);
    return header;
  };
  const kernel = sources.kernelObject === undefined ? undefined : headerAt(sources.kernelObject);
  const own = kernel === undefined ? [] : [moduleOf(kernelObjectName, kernel)];
  if (sources.files.length > 0) {
    const modules = [...modulesOfFiles(sources, headerAt), ...own];
    return { modules: placed(modules), headers, from: 'files' };
  }
  const found: MappedHeader[] = [];
  for (const { start } of sources.mappings) {
    if (found.length >= mostModules) break;
    const header = start === sources.kernelObject ? undefined : headerAt(start);
    if (header !== undefined) found.push(header);
  }
  const links = linksOf(sources.memory, found);
  let program: LoadedModule | undefined;
  const modules: LoadedModule[] = [];
  for (const header of found) {
    const dynamic = dynamicOf(header);
    const link = dynamic === undefined ? undefined : links.get(dynamic);
    // The program has no name in the list, and none of its own either.
    const name = link || sharedNameOf(sources.memory, header);
    if (name !== undefined) modules.push(moduleOf(name, header));
    else if (program === undefined) {
      program = moduleOf(sources.programName, header);
      modules.push(program);
    }
  }
  return {
    modules: placed([...modules, ...own]),
    headers,
    ...(program !== undefined && { program }),
    from: links.size > 0 ? 'link map' : 'headers',
  };
}

function moduleOf(path: string, { start, end, bias, buildId }: MappedHeader): LoadedModule {
  return { path, start, end, bias, ...(buildId !== undefined && { buildId }) };
}

/** In the order of their addresses. Headers may claim more than is theirs: a module ends where the next one begins. */
function placed(modules: readonly LoadedModule[]): readonly LoadedModule[] {
  const sorted = sortedRanges(modules).filter(({ start }, index, all) => start !== all[index - 1]?.start);
  return sorted.map((module, index) => {
    const next = sorted[index + 1]?.start ?? module.end;
    return next < module.end ? { ...module, end: next } : module;
  });
}

/** Mappings of one file that follow each other are a module when it is an ELF file, or when code of it is mapped. */
function modulesOfFiles(
  { files, mappings }: ModuleSources,
  headerAt: (start: bigint) => MappedHeader | undefined,
): readonly LoadedModule[] {
  const sorted = sortedRanges(files);
  const executable = mappings.filter(({ access }) => access?.execute === true);
  const groups: FileMapping[][] = [];
  for (const mapping of sorted) {
    const group = groups.at(-1);
    const before = group?.at(-1);
    // The same file mapped a second time (dlmopen(3)) begins anew.
    const isSame =
      before !== undefined &&
      before.path === mapping.path &&
      mapping.fileOffset > (group?.[0]?.fileOffset ?? 0);
    if (isSame) group?.push(mapping);
    else groups.push([mapping]);
  }
  const modules: LoadedModule[] = [];
  const lastOf = new Map<string, LoadedModule>();
  const add = (module: LoadedModule): void => {
    modules.push(module);
    lastOf.set(module.path, module);
  };
  for (const group of groups) {
    const [first, last] = [group[0] as FileMapping, group.at(-1) as FileMapping];
    // Something else may be mapped into a gap of a module: what follows it is no module of its own.
    if (modules.length >= mostModules) break;
    const before = lastOf.get(first.path);
    if (before !== undefined && first.start < before.end) continue;
    const header = first.fileOffset === 0 ? headerAt(first.start) : undefined;
    if (header !== undefined) {
      if (isRunnable(header, mappings)) add(moduleOf(first.path, header));
      continue;
    }
    if ((executable[indexUpTo(executable, last.end - 1n)]?.start ?? -1n) >= first.start) {
      const bias = first.start - BigInt(first.fileOffset);
      add({ path: first.path, start: first.start, end: last.end, bias });
    }
  }
  return modules;
}

/** A program that reads an object file has it mapped too, but not its code as code. gcore leaves out mappings of code. */
function isRunnable({ segments, bias }: MappedHeader, mappings: readonly Mapping[]): boolean {
  const code = segments.find(({ type, flags }) => type === SegmentType.load && flags.execute);
  if (code === undefined) return true;
  const address = code.address + bias;
  const mapping = rangeAt(mappings, address);
  return mapping?.access === undefined || mapping.access.execute;
}

const DT_STRTAB = 5;
const DT_SONAME = 14;
const DT_DEBUG = 21;
const mostDynamic = 4096;

function dynamicOf({ bias, segments }: MappedHeader): bigint | undefined {
  const dynamic = segments.find(({ type }) => type === SegmentType.dynamic);
  return dynamic === undefined ? undefined : dynamic.address + bias;
}

/** The dynamic section: values by tag, the first of each. */
export function readDynamicEntries(memory: ProcessMemory, header: MappedHeader): ReadonlyMap<number, bigint> {
  const address = dynamicOf(header);
  const entries = new Map<number, bigint>();
  if (address === undefined) return entries;
  const width = header.bits / 8;
  const fields = fieldsOf(memory.read(address, mostDynamic), header.bits);
  for (let at = 0; at + 2 * width <= fields.length; at += 2 * width) {
    const tag = Number(fields.native(at));
    if (tag === 0) break;
    if (!entries.has(tag)) entries.set(tag, fields.native(at + width));
  }
  return entries;
}

function sharedNameOf(memory: ProcessMemory, header: MappedHeader): string | undefined {
  const entries = readDynamicEntries(memory, header);
  const [offset, strings] = [entries.get(DT_SONAME), entries.get(DT_STRTAB)];
  if (offset === undefined || strings === undefined) return undefined;
  // The dynamic linker puts the address in the process there; in what it does not touch it is a link-time one.
  const table = strings >= header.start && strings < header.end ? strings : strings + header.bias;
  return textAt(memory.read(table + offset, 256), 0) || undefined;
}

/**
 * The dynamic linker's list (`struct link_map`, `<link.h>`): paths by the address of the dynamic section, l_ld. The program has the address of `r_debug` in its dynamic section; its own name is empty.
 */
function linksOf(memory: ProcessMemory, headers: readonly MappedHeader[]): ReadonlyMap<bigint, string> {
  for (const header of headers) {
    const debug = readDynamicEntries(memory, header).get(DT_DEBUG);
    if (debug === undefined || debug === 0n) continue;
    const links = followLinks(memory, debug, header.bits);
    if (links.size > 0) return links;
  }
  return new Map();
}

function followLinks(memory: ProcessMemory, debug: bigint, bits: 32 | 64): ReadonlyMap<bigint, string> {
  const width = bits / 8;
  const links = new Map<bigint, string>();
  let at = fieldsOf(memory.read(debug, 2 * width), bits).native(width);
  // A list that leads back into itself ends here too.
  for (let count = 0; at !== 0n && count < mostModules; count++) {
    const bytes = memory.read(at, 4 * width);
    if (bytes.length < 4 * width) break;
    const fields = fieldsOf(bytes, bits);
    const nameAt = fields.native(width);
    const name = nameAt === 0n ? '' : textAt(memory.read(nameAt, 4096), 0);
    const dynamicAddress = fields.native(2 * width);
    if (!links.has(dynamicAddress)) links.set(dynamicAddress, name);
    at = fields.native(3 * width);
  }
  return links;
}
