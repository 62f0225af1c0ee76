// Owns where the shipped suppression sets are on this machine.
import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { knownNoise } from '../analyze/known-noise.ts';
import { UserError } from '../errors.ts';
import type { NoiseFile } from '../model/launch.ts';
import { nearest } from '../model/spelling.ts';

// Seen from dist/cli.js, from dist/parts, and from src/run.
const places = ['./suppressions/', '../suppressions/', '../analyze/suppressions/'];

/**
 * The files for `--known-noise`.
 *
 * @param lists as given: names with commas between them; each counts once.
 * @throws UserError (125) for a name that is no set, or a file that this installation has lost.
 */
export async function noiseFiles(lists: readonly string[]): Promise<readonly NoiseFile[]> {
  const names = [...new Set(lists.flatMap((list) => list.split(',')).filter((name) => name !== ''))];
  return Promise.all(
    names.map(async (name) => {
      const set = knownNoise.find((known) => known.name === name);
      if (set === undefined) {
        const all = knownNoise.map((known) => known.name);
        const meant = nearest(name, all);
        throw new UserError(
          `--known-noise: there is no set "${name}"`,
          meant === undefined ? `the sets are ${all.join(', ')}` : `did you mean ${meant}?`,
        );
      }
      return { name, file: await find(set.file) };
    }),
  );
}

async function find(file: string): Promise<string> {
  for (const place of places) {
    const path = fileURLToPath(new URL(place + file, import.meta.url));
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) return path;
  }
  throw new UserError(`${file} is missing from this installation of vgrun`, 'install vgrun again');
}
