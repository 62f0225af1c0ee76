// Owns the source lines of addresses in the modules of a core: a symbolizer is asked once for each file with debug information.
import type { Frame } from '../../model/finding.ts';
import { findProgramOnPath, findSymbolizer } from '../instrument.ts';
import { askSymbolizer } from '../symbolize.ts';
import type { OpenedCore } from './open-core.ts';

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

/** Asks for all places at once. */
export async function findLines(
  { image }: Pick<OpenedCore, 'image'>,
  places: readonly AskedPlace[],
): Promise<FoundLines> {
  const asked = new Map<string, Set<number>>();
  for (const place of places.slice(0, mostPlaces)) {
    const path = pathWithLines(image, place.module);
    const address = Number(place.address);
    if (path === undefined || address < 0 || !Number.isSafeInteger(address)) continue;
    const addresses = asked.get(path) ?? new Set();
    asked.set(path, addresses.add(address));
  }
  const searchPath = process.env.PATH ?? '';
  const program =
    asked.size === 0
      ? undefined
      : ((await findSymbolizer(searchPath)) ?? (await findProgramOnPath(searchPath, 'addr2line')));
  const answers = new Map(
    program === undefined
      ? []
      : await Promise.all(
          [...asked].map(
            async ([path, addresses]) => [path, await askSymbolizer(program, path, [...addresses])] as const,
          ),
        ),
  );
  return {
    at: ({ module, address }) => {
      const path = pathWithLines(image, module);
      const frames = path === undefined ? undefined : answers.get(path)?.get(Number(address));
      // A name alone is no more than the symbol tables say.
      return frames?.some(({ line }) => line !== undefined) ? frames : undefined;
    },
    isSymbolizerMissing: asked.size > 0 && program === undefined,
  };
}

/** The file of a module, or its twin, that tells lines. */
function pathWithLines({ modules }: OpenedCore['image'], index: number): string | undefined {
  const module = modules[index];
  return [module?.object, module?.debug].find((file) => file?.hasDebugInformation === true)?.path;
}
