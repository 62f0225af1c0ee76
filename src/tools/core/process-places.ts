// What lies at an address of a process: its mapping, its module, whether code may run there.
import type { LoadedModule, Mapping, ProcessImage } from './process-image.ts';

export interface ProcessPlaces {
  readonly mapping: (address: bigint) => Mapping | undefined;
  readonly module: (address: bigint) => LoadedModule | undefined;
  /** Code can be there: the mapping may be executed, or nothing is told of it but it is of a module's code. */
  readonly isExecutable: (address: bigint) => boolean;
}

export function processPlaces(image: ProcessImage): ProcessPlaces {
  const mappings = [...image.mappings].sort(byStart);
  const modules = [...image.modules].sort(byStart);
  const mapping = finder(mappings);
  const module = finder(modules);
  return {
    mapping,
    module,
    isExecutable: (address) => {
      const found = mapping(address);
      if (found?.access !== undefined) return found.access.execute;
      const owner = module(address);
      if (owner?.object !== undefined) {
        const at = address - owner.bias;
        return owner.object.segments.some(
          ({ isExecutable, address: start, memorySize }) =>
            isExecutable && at >= start && at < start + memorySize,
        );
      }
      return owner !== undefined;
    },
  };
}

interface Range {
  readonly start: bigint;
  readonly end: bigint;
}

function byStart(left: Range, right: Range): number {
  return left.start < right.start ? -1 : left.start > right.start ? 1 : 0;
}

/** Neighbouring questions are often about the same range: the last one is tried first. */
function finder<Found extends Range>(sorted: readonly Found[]): (address: bigint) => Found | undefined {
  let last: Found | undefined;
  return (address) => {
    if (last !== undefined && address >= last.start && address < last.end) return last;
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sorted[middle] as Found).start <= address) low = middle + 1;
      else high = middle;
    }
    const found = sorted[low - 1];
    if (found === undefined || address >= found.end) return undefined;
    last = found;
    return found;
  };
}
