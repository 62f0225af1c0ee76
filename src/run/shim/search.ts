// Owns finding the shims below a folder: by their journals, within bounds.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { filesOf, journalSuffix, type ShimFiles } from './files.ts';

/** Folders that are looked into at most; a supervisor's tree has a few hundred. */
const mostFolders = 20_000;
const deepest = 12;
const skipped: ReadonlySet<string> = new Set(['node_modules', '.git', '.vgrun', 'proc', 'sys']);

export interface FoundShims {
  readonly shims: readonly ShimFiles[];
  /** Not everything below the folder was looked at. */
  readonly isCut: boolean;
}

/** Looks for shims below a folder. Links are not followed, and what cannot be read is passed over. */
export async function findShims(folder: string): Promise<FoundShims> {
  const shims: ShimFiles[] = [];
  let level: readonly string[] = [folder];
  let looked = 0;
  let isCut = false;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest) return { shims, isCut: true };
    const next: string[] = [];
    for (const path of level) {
      if (looked++ >= mostFolders) return { shims, isCut: true };
      const entries = await readdir(path, { withFileTypes: true }).catch(() => undefined);
      if (entries === undefined) isCut = true;
      for (const entry of entries ?? []) {
        if (entry.isDirectory() && !skipped.has(entry.name)) next.push(join(path, entry.name));
        if (!entry.isFile() || !entry.name.endsWith(journalSuffix)) continue;
        const program = entry.name.slice(0, -journalSuffix.length);
        if (program !== '') shims.push(filesOf(join(path, program)));
      }
    }
    level = next;
  }
  return { shims, isCut };
}
