// Owns the source lines of addresses in the modules of a core: a symbolizer is asked once for each file with debug information.

import { stat } from 'node:fs/promises';
import type { Frame } from '../../model/finding.ts';
import type { ProcessImage } from '../../tools/core/process-image.ts';
import { findProgramOnPath, findSymbolizer } from '../instrument.ts';
import { askSymbolizer } from '../symbolize.ts';

/** A link-time address in `image.modules[module]`. */
export interface AskedPlace {
  readonly module: number;
  /** Of a caller: one before the return address, so that it lies in the call. */
  readonly address: bigint;
}

export interface FoundLines {
  /** The calls inlined there, the innermost first; undefined: there is no debug information of this address. */
  readonly at: (place: AskedPlace) => readonly Frame[] | undefined;
  /** There is debug information, but neither llvm-symbolizer nor addr2line is installed. */
  readonly isSymbolizerMissing: boolean;
}

const mostPlaces = 50_000;
/**
 * Bytes. addr2line starts in half the time of llvm-symbolizer, but reads all of the debug information that lies before an answer.
 */
const largestForAddr2line = 32 * 1024 * 1024;

type Answers = ReadonlyMap<number, readonly Frame[]>;

/** Asks for all places at once. */
export async function findLines(
  { image }: { readonly image: Pick<ProcessImage, 'modules'> },
  places: readonly AskedPlace[],
): Promise<FoundLines> {
  const asked = new Map<string, Set<number>>();
  let count = 0;
  for (const place of places) {
    const path = pathWithLines(image, place.module);
    const address = Number(place.address);
    if (path === undefined || address < 0 || !Number.isSafeInteger(address)) continue;
    const addresses = asked.get(path) ?? new Set();
    asked.set(path, addresses);
    if (addresses.has(address) || count === mostPlaces) continue;
    addresses.add(address);
    count++;
  }
  const searchPath = process.env.PATH ?? '';
  const addr2line = asked.size === 0 ? undefined : await findProgramOnPath(searchPath, 'addr2line');
  const llvm = asked.size === 0 ? undefined : await findSymbolizer(searchPath);
  const answersOf = async (path: string, addresses: readonly number[]): Promise<Answers> => {
    const size = (await stat(path).catch(() => undefined))?.size ?? 0;
    const programs = size > largestForAddr2line ? [llvm, addr2line] : [addr2line, llvm];
    let found: Answers = new Map();
    for (const program of programs) {
      if (program === undefined) continue;
      found = await askSymbolizer(program, path, addresses);
      // An old addr2line does not know DWARF 5.
      if ([...found.values()].some(hasLine)) break;
    }
    return found;
  };
  const answers = new Map(
    await Promise.all(
      [...asked].map(async ([path, addresses]) => [path, await answersOf(path, [...addresses])] as const),
    ),
  );
  return {
    at: ({ module, address }) => {
      const path = pathWithLines(image, module);
      const frames = path === undefined ? undefined : answers.get(path)?.get(Number(address));
      // A name alone is no more than the symbol tables tell.
      return frames !== undefined && hasLine(frames) ? frames : undefined;
    },
    isSymbolizerMissing: asked.size > 0 && addr2line === undefined && llvm === undefined,
  };
}

const hasLine = (frames: readonly Frame[]): boolean => frames.some(({ line }) => line !== undefined);

/** The file of a module, or its twin, that tells lines. */
function pathWithLines({ modules }: Pick<ProcessImage, 'modules'>, index: number): string | undefined {
  const module = modules[index];
  return [module?.object, module?.debug].find((file) => file?.hasDebugInformation === true)?.path;
}
