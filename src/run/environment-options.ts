// Owns the options that valgrind takes from its surroundings, read as valgrind reads them (manual, section 2.6,
// "Setting Default Options"): ~/.valgrindrc, then VALGRIND_OPTS, then ./.valgrindrc; the command line comes last.
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { EnvironmentOptions } from '../model/run.ts';

/**
 * Splits as valgrind does: at white space, with '…' and "…" keeping it. There are no comments and no escapes
 * (observed with 3.19: `#` is an unknown option).
 */
export function splitOptions(text: string): string[] {
  const options: string[] = [];
  let current: string | undefined;
  let quote = '';
  for (const character of text) {
    if (quote !== '') {
      if (character === quote) quote = '';
      else current = (current ?? '') + character;
    } else if (character === "'" || character === '"') {
      quote = character;
      current ??= '';
    } else if (/\s/.test(character)) {
      if (current !== undefined) options.push(current);
      current = undefined;
    } else {
      current = (current ?? '') + character;
    }
  }
  if (current !== undefined) options.push(current);
  return options;
}

/** Reads all three sources; those that are missing, empty or not trusted by valgrind are left out. */
export async function readEnvironmentOptions(
  workingDirectory: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<EnvironmentOptions[]> {
  const found: EnvironmentOptions[] = [];
  const add = (source: string, text: string) => {
    const options = splitOptions(text);
    if (options.length > 0) found.push({ source, options });
  };
  const home = environment.HOME ?? homedir();
  const homeFile = join(home, '.valgrindrc');
  add('~/.valgrindrc', await readFile(homeFile, 'utf8').catch(() => ''));
  add('VALGRIND_OPTS', environment.VALGRIND_OPTS ?? '');
  const localFile = resolve(workingDirectory, '.valgrindrc');
  if (localFile !== homeFile && (await isTrusted(localFile))) {
    add('./.valgrindrc', await readFile(localFile, 'utf8').catch(() => ''));
  }
  return found;
}

/** valgrind ignores a ./.valgrindrc that is not regular, not the user's own, or that everybody can write. */
async function isTrusted(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  if (status === undefined || !status.isFile()) return false;
  return status.uid === process.geteuid?.() && (status.mode & 0o002) === 0;
}
