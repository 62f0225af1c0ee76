// Owns the mappings of a process as its core tells them: the segments of the core, the files of NT_FILE, and the headers of modules
// where one of the two is missing.
import type { MappedHeader } from './core-modules.ts';
import { type Segment, SegmentType } from './elf-layout.ts';
import type { FileMapping } from './notes.ts';
import type { LoadedModule, Mapping } from './process-image.ts';

/**
 * Joins segments and files.
 *
 * @returns sorted, none overlaps another; files that no segment covers (gcore leaves out code) have no `access`.
 */
export function mappingsOf(segments: readonly Segment[], files: readonly FileMapping[]): readonly Mapping[] {
  const loaded = withoutOverlaps(
    segments
      .filter(({ type, memorySize }) => type === SegmentType.load && memorySize > 0n)
      .map(({ address, memorySize, flags }) => ({
        start: address,
        end: address + memorySize,
        access: flags,
      })),
  );
  const named = withoutOverlaps(files);
  const mappings: Mapping[] = [];
  let next = 0;
  for (const { start, end, access } of loaded) {
    let at = start;
    for (; next < named.length; next++) {
      const file = named[next] as FileMapping;
      if (file.start >= end) break;
      if (file.end <= start) {
        mappings.push(file);
        continue;
      }
      if (file.start < at && at === start) mappings.push({ ...file, end: start });
      if (file.start > at) mappings.push({ start: at, end: file.start, access });
      const from = file.start > at ? file.start : at;
      const to = file.end < end ? file.end : end;
      const fileOffset = file.fileOffset + Number(from - file.start);
      mappings.push({ start: from, end: to, fileOffset, path: file.path, access });
      at = to;
      // The rest of this file belongs to the next segment.
      if (file.end > end) {
        named[next] = { ...file, start: end, fileOffset: file.fileOffset + Number(end - file.start) };
        break;
      }
    }
    if (at < end) mappings.push({ start: at, end, access });
  }
  mappings.push(...named.slice(next));
  return mappings.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
}

function withoutOverlaps<Range extends { readonly start: bigint; readonly end: bigint }>(
  ranges: readonly Range[],
): Range[] {
  const kept: Range[] = [];
  for (const range of ranges.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))) {
    if (range.end <= 1n << 64n && range.start >= (kept.at(-1)?.end ?? 0n)) kept.push(range);
  }
  return kept;
}

/** Gives mappings of modules what the core leaves out: the file of those without a name, the access of those without a segment. */
export function completeMappings(
  mappings: readonly Mapping[],
  modules: readonly LoadedModule[],
  headers: ReadonlyMap<bigint, MappedHeader>,
): readonly Mapping[] {
  let next = 0;
  return mappings.map((mapping) => {
    if (mapping.path !== undefined && mapping.access !== undefined) return mapping;
    while (next < modules.length && (modules[next] as LoadedModule).end <= mapping.start) next++;
    const module = modules[next];
    const header = module === undefined ? undefined : headers.get(module.start);
    if (module === undefined || header === undefined || module.start > mapping.start) return mapping;
    const address = mapping.start - module.bias;
    const segment = header.segments.find(
      (one) =>
        one.type === SegmentType.load &&
        (one.address & ~0xfffn) <= address &&
        address < one.address + one.memorySize,
    );
    if (segment === undefined) return mapping;
    const isProtected = header.segments.some(
      ({ type, address: start, memorySize }) =>
        type === SegmentType.relro && (start & ~0xfffn) <= address && address < start + memorySize,
    );
    const fileOffset = segment.fileOffset + Number(address - segment.address);
    return {
      path: module.path,
      ...(fileOffset >= 0 && Number.isSafeInteger(fileOffset) && { fileOffset }),
      access: { ...segment.flags, write: segment.flags.write && !isProtected },
      ...mapping,
    };
  });
}
