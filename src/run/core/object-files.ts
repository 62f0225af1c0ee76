// Owns the search for the file of a module and for its debug twin, and the check that it is the one that was running.
import { readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { MappedHeader } from '../../tools/core/core-modules.ts';
import { type DebugLink, type ElfFile, readElfFile } from '../../tools/core/elf-file.ts';
import { SectionType, SegmentType } from '../../tools/core/elf-layout.ts';
import type { LoadedModule, Mapping } from '../../tools/core/process-image.ts';
import { type FileReader, openFile } from './file-reader.ts';

export type Match = 'yes' | 'no' | 'unknown';

/** An object file that is open. */
export interface OpenObject {
  readonly elf: ElfFile;
  readonly reader: FileReader;
}

/** Files of one core, each opened once. */
export interface ObjectStore {
  /** undefined: it cannot be read, or it is no program or library. */
  readonly open: (path: string) => OpenObject | undefined;
  /** Files in the folders searched, by build-id in hex; made when first asked for. */
  readonly withBuildId: (buildId: string) => readonly string[];
  readonly close: () => void;
}

/** So many names of a folder are looked at: it may be /tmp. */
const mostNames = 4096;
const mostOpen = 4096;

/** @param folders whose files are known by build-id; folders in them are not searched. */
export function openObjectStore(folders: readonly string[]): ObjectStore {
  const known = new Map<string, OpenObject | undefined>();
  let index: Map<string, string[]> | undefined;
  const open = (path: string): OpenObject | undefined => {
    if (known.has(path) || known.size >= mostOpen) return known.get(path);
    const object = openObject(path);
    known.set(path, object);
    return object;
  };
  return {
    open,
    withBuildId: (buildId) => {
      index ??= indexOf(folders);
      return index.get(buildId) ?? [];
    },
    close: () => {
      for (const object of known.values()) object?.reader.close();
    },
  };
}

function openObject(path: string): OpenObject | undefined {
  // The names are out of a core: a zero byte would make Node throw another error than that of a missing file.
  if (path.includes('\0')) return undefined;
  let reader: FileReader;
  try {
    reader = openFile(path);
  } catch {
    return undefined;
  }
  const elf = readElfFile(path, reader.readAt);
  if (elf !== undefined) return { elf, reader };
  reader.close();
  return undefined;
}

function indexOf(folders: readonly string[]): Map<string, string[]> {
  const index = new Map<string, string[]>();
  for (const folder of new Set(folders)) {
    let names: readonly string[] = [];
    try {
      names = readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isFile() || entry.isSymbolicLink())
        .map(({ name }) => name);
    } catch {
      // A folder that is not there has no files.
    }
    for (const name of names.slice(0, mostNames)) {
      const path = join(folder, name);
      const object = openObject(path);
      object?.reader.close();
      const buildId = object?.elf.buildId;
      if (buildId !== undefined) index.set(buildId, [...(index.get(buildId) ?? []), path]);
    }
  }
  return index;
}

/** Bytes of Elf64_Ehdr; of 32 bits it has fewer, and program headers behind it. */
export const elfHeaderSize = 64;

/** What is known of a module in its process. */
export interface MappedModule {
  readonly module: LoadedModule;
  /** Missing: its first page is not in the core. */
  readonly header?: MappedHeader | undefined;
  /** What follows the header in the memory, as far as the process cannot have changed it. */
  readonly firstBytes?: Uint8Array;
  /** Those of its file, by NT_FILE. */
  readonly mappings: readonly Mapping[];
}

/**
 * Whether a file is the one that a process has mapped: by build-id, else whether its program headers, or what follows them, contradict:
 * another build seldom has the same hash table of names.
 */
export function matchOf({ module, header, firstBytes, mappings }: MappedModule, object: OpenObject): Match {
  const { elf } = object;
  if (module.buildId !== undefined && elf.buildId !== undefined) {
    return module.buildId === elf.buildId ? 'yes' : 'no';
  }
  if (header !== undefined) {
    if (header.bits !== elf.header.bits || header.segments.length !== elf.programHeaders.length) return 'no';
    const isSame = header.segments.every((segment, index) => {
      const other = elf.programHeaders[index];
      return (
        other !== undefined &&
        segment.type === other.type &&
        segment.address === other.address &&
        segment.memorySize === other.memorySize &&
        // A debug twin keeps the addresses, not the offsets.
        (!hasCode(elf) || segment.fileOffset === other.fileOffset)
      );
    });
    return isSame && beginsWith(object, firstBytes) ? 'unknown' : 'no';
  }
  // Each segment begins in a page from which a mapping begins, when nobody changed the mappings.
  const pages = mappings.map(({ fileOffset = 0 }) => fileOffset);
  const fits = elf.programHeaders
    .filter(({ type, flags }) => type === SegmentType.load && flags.execute)
    .every(({ fileOffset }) => pages.some((page) => page <= fileOffset && fileOffset < page + 65536));
  return fits ? 'unknown' : 'no';
}

/** A stripped file has other numbers in its header, and the same bytes behind it. */
function beginsWith({ elf, reader }: OpenObject, firstBytes: Uint8Array | undefined): boolean {
  if (firstBytes === undefined || !hasCode(elf)) return true;
  return Buffer.from(reader.readAt(elfHeaderSize, firstBytes.length)).equals(firstBytes);
}

/** false: only what debuggers read is in it, as in a debug twin. */
export function hasCode({ programHeaders, sections }: ElfFile): boolean {
  const text = sections.find(({ name }) => name === '.text');
  if (text !== undefined) return text.type !== SectionType.noBits;
  return programHeaders.some(
    ({ type, flags, fileSize }) => type === SegmentType.load && flags.execute && fileSize > 0,
  );
}

export const hasSymbolTable = ({ sections }: ElfFile): boolean =>
  sections.some(({ name, type }) => name === '.symtab' && type === SectionType.symbols);

export const hasExportedSymbols = ({ sections }: ElfFile): boolean =>
  sections.some(
    ({ name, type, fileSize }) => name === '.dynsym' && type !== SectionType.noBits && fileSize > 24,
  );

/** Where files of a process are looked for. */
export interface Places {
  /** Missing: paths are those of this machine. */
  readonly sysroot?: string | undefined;
  readonly coreFolder: string;
  readonly search: readonly string[];
  /** In which the process may have stood: names in the core may be relative to them. */
  readonly folders: readonly string[];
}

/** Bytes of a file whose CRC is worth the time. */
const largestTwin = 8 * 1024 ** 3;
const debugFolder = '/usr/lib/debug';

/** `.build-id/ab/cdef…`, as the folder of debug files has it. */
const buildIdPath = (buildId: string): string => join('.build-id', buildId.slice(0, 2), buildId.slice(2));

/** A file that was replaced while it ran is `PATH (deleted)` in the core. */
const pathOf = (module: LoadedModule): string => module.path.replace(/ \(deleted\)$/, '');

/** Where a program lies that was started by a relative path. */
export function startPaths(
  { path }: LoadedModule,
  { coreFolder, folders }: Pick<Places, 'coreFolder' | 'folders'>,
): readonly string[] {
  return path.startsWith('/') || !path.includes('/')
    ? []
    : [...folders, coreFolder].map((folder) => join(folder, path));
}

/** Paths under which a module's file may lie, the likeliest first. */
function objectPaths(module: LoadedModule, places: Places): readonly string[] {
  const { sysroot, coreFolder, search } = places;
  const path = pathOf(module);
  const isAbsolute = path.startsWith('/');
  const name = basename(path);
  const root = sysroot ?? '/';
  return [
    ...(isAbsolute ? [join(root, path)] : []),
    ...startPaths(module, places),
    join(coreFolder, name),
    ...search.flatMap((folder) => [join(folder, path), join(folder, name)]),
    ...(module.buildId === undefined
      ? []
      : [join(root, debugFolder), ...search].map((folder) =>
          join(folder, buildIdPath(module.buildId ?? '')),
        )),
  ];
}

/**
 * The file of a module: one with its build-id, else one that does not contradict.
 *
 * @param likely absolute paths that are tried when there is none where the core says.
 */
export function findObject(
  mapped: MappedModule,
  places: Places,
  store: ObjectStore,
  likely: readonly string[] = [],
): { readonly object: OpenObject; readonly match: Match } | undefined {
  let unsure: OpenObject | undefined;
  for (const path of [...objectPaths(mapped.module, places), ...likely]) {
    const object = store.open(path);
    if (object === undefined || !hasCode(object.elf)) continue;
    const match = matchOf(mapped, object);
    if (match === 'yes') return { object, match };
    if (match === 'unknown') unsure ??= object;
  }
  if (mapped.module.buildId !== undefined) {
    for (const path of store.withBuildId(mapped.module.buildId)) {
      const object = store.open(path);
      if (object !== undefined && hasCode(object.elf)) return { object, match: 'yes' };
    }
  }
  return unsure === undefined ? undefined : { object: unsure, match: 'unknown' };
}

/** The debug twin of a module (gdb's manual, Debugging Information in Separate Files): by build-id, else by name and CRC. */
export function findDebugTwin(
  { module }: MappedModule,
  object: OpenObject | undefined,
  { sysroot, coreFolder, search }: Places,
  store: ObjectStore,
): OpenObject | undefined {
  const buildId = module.buildId ?? object?.elf.buildId;
  const roots = [join(sysroot ?? '/', debugFolder), ...search];
  if (buildId !== undefined) {
    const paths = [
      ...roots.map((root) => `${join(root, buildIdPath(buildId))}.debug`),
      ...store.withBuildId(buildId),
    ];
    const found = paths
      .map((path) => store.open(path))
      .find((twin) => isTwin(twin, object) && twin?.elf.buildId === buildId);
    if (found !== undefined) return found;
  }
  const link = object?.elf.debugLink();
  if (object === undefined || link === undefined) return undefined;
  const folder = realFolderOf(object.elf.path);
  const installed = dirname(pathOf(module));
  const paths = [
    ...[folder, join(folder, '.debug')].map((place) => join(place, link.name)),
    ...roots.flatMap((root) => [
      ...[folder, installed].map((place) => join(root, place, link.name)),
      join(root, link.name),
    ]),
    join(coreFolder, link.name),
  ];
  for (const path of new Set(paths)) {
    const twin = store.open(path);
    if (twin === undefined || !isTwin(twin, object)) continue;
    const hasIds = buildId !== undefined && twin.elf.buildId !== undefined;
    if (hasIds ? twin.elf.buildId === buildId : hasCrc(twin.reader, link)) return twin;
  }
  return undefined;
}

/** It has something to say, and is another file. */
function isTwin(twin: OpenObject | undefined, object: OpenObject | undefined): boolean {
  return (
    twin !== undefined &&
    twin.elf.path !== object?.elf.path &&
    (twin.elf.hasDebugInformation || hasSymbolTable(twin.elf))
  );
}

function realFolderOf(path: string): string {
  try {
    return dirname(realpathSync(path));
  } catch {
    return dirname(path);
  }
}

function hasCrc(reader: FileReader, { crc }: DebugLink): boolean {
  const step = 4 * 1024 * 1024;
  let sum = 0;
  if (reader.size > largestTwin) return false;
  for (let at = 0; at < reader.size; at += step) {
    const bytes = reader.readAt(at, step);
    if (bytes.length === 0) return false;
    sum = crc32(bytes, sum);
  }
  return sum === crc;
}
