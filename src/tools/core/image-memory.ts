// Owns the memory of a process as a core and the files of its modules tell it together: a core leaves out what the files have.
import type { CoreMemory } from './core-memory.ts';
import type { ElfFile } from './elf-file.ts';
import { SegmentType } from './elf-layout.ts';
import type { ProcessMemory } from './process-image.ts';

/** A module with its file. */
export interface FiledModule {
  readonly start: bigint;
  readonly end: bigint;
  readonly bias: bigint;
  readonly file: ElfFile;
}

const largestRead = 64 * 1024 * 1024;

/**
 * Memory where what the core has comes first. Only segments that are never written are taken from files: of the others the process
 * may have changed what the core does not tell.
 *
 * @param modules sorted by address.
 */
export function imageMemoryOf(core: CoreMemory, modules: readonly FiledModule[]): ProcessMemory {
  return {
    read: (address, length) => {
      const wanted = Math.min(length, largestRead);
      const parts: Uint8Array[] = [];
      let done = 0;
      while (done < wanted) {
        const at = address + BigInt(done);
        let bytes = core.read(at, wanted - done);
        if (bytes.length === 0) {
          const next = core.nextKnown(at);
          const gap = next === undefined ? wanted - done : Math.min(wanted - done, Number(next - at));
          bytes = gap > 0 ? bytesOfFile(modules, at, gap) : bytes;
        }
        if (bytes.length === 0) break;
        parts.push(bytes);
        done += bytes.length;
      }
      return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
    },
  };
}

function bytesOfFile(modules: readonly FiledModule[], address: bigint, length: number): Uint8Array {
  const module = modules.find(({ start, end }) => start <= address && address < end);
  if (module === undefined) return new Uint8Array();
  const linked = address - module.bias;
  for (const { type, flags, address: start, fileSize } of module.file.programHeaders) {
    if (type !== SegmentType.load || flags.write || linked < start) continue;
    const inside = Number(linked - start);
    if (inside < fileSize) return module.file.at(linked, Math.min(length, fileSize - inside));
  }
  return new Uint8Array();
}
