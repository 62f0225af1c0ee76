// Owns where the shipped crtdbg.h is on this machine.
import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.ts';

// Seen from dist/cli.js, from dist/parts, and from src/run.
const places = ['./include/', '../include/', '../crt/'];

/**
 * The folder for `-I`, absolute, without a slash at its end.
 *
 * @throws UserError (125) when this installation has lost it.
 */
export async function includeFolder(): Promise<string> {
  for (const place of places) {
    const folder = fileURLToPath(new URL(place, import.meta.url)).replace(/\/$/, '');
    const isThere = await access(`${folder}/crtdbg.h`).then(
      () => true,
      () => false,
    );
    if (isThere) return folder;
  }
  throw new UserError('this installation of vgrun has no crtdbg.h', 'install it again');
}
