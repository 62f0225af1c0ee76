// Owns the look at what a build has made: its programs and libraries, and whether the runtimes are in them.
import { lstat, open, readdir } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { Sanitizer } from '../../model/sanitizer.ts';
import { readElf } from '../../tools/_shared/elf.ts';
import { type Copied, isCopy } from './mirror.ts';

export interface Built {
  /** Relative to the build directory; what is to be called: libtool's script where it made one. */
  readonly name: string;
  readonly kind: 'program' | 'library';
  /** Whether it carries everything that was asked for. */
  readonly isInstrumented: boolean;
}

/** What build systems compile to try the compiler, and our own folder. */
const trials =
  /(?:^|\/)(?:\.vgrun-build|CMakeFiles\/[\d.]+[^/]*|CMakeFiles\/CMake(?:Tmp|Scratch)|meson-private|meson-logs)$/;

/**
 * Finds the programs and shared libraries of a build directory, the shallow ones first.
 *
 * @param copied what was copied into it, and is no result unless it has changed since.
 * @param memwatch whether memwatch is to be in them instead.
 */
export async function findBuilt(
  directory: string,
  chosen: readonly Sanitizer[],
  memwatch: boolean,
  copied: Copied,
): Promise<readonly Built[]> {
  const built: Built[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const path = join(folder, entry.name);
      const name = relative(directory, path);
      if (entry.isDirectory()) {
        if (!trials.test(name)) await walk(path);
      } else if (
        entry.isFile() &&
        !/\.(?:o|lo|c|h|a|la|d)$/.test(entry.name) &&
        !(await isCopy(directory, name, copied))
      ) {
        const facts = await look(path, chosen, memwatch);
        if (facts === undefined) continue;
        const called = await callable(directory, path);
        // libtool has `.libs/prog` and `.libs/lt-prog` for one.
        if (!built.some((one) => one.name === called)) built.push({ ...facts, name: called });
      }
    }
  };
  await walk(directory);
  const depth = ({ name }: Built) => name.split('/').length;
  return built.sort((a, b) => depth(a) - depth(b) || (a.name < b.name ? -1 : 1));
}

/** `.libs/prog` needs the library path that libtool's script `prog` sets. */
async function callable(directory: string, path: string): Promise<string> {
  const folder = dirname(path);
  if (basename(folder) === '.libs') {
    const script = join(dirname(folder), basename(path).replace(/^lt-/, ''));
    if ((await lstat(script).catch(() => undefined))?.isFile() === true) return relative(directory, script);
  }
  return relative(directory, path);
}

async function look(
  path: string,
  chosen: readonly Sanitizer[],
  memwatch: boolean,
): Promise<Omit<Built, 'name'> | undefined> {
  const status = await lstat(path).catch(() => undefined);
  if (status === undefined || status.size < 64) return undefined;
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const readAt = async (offset: number, length: number) => {
      if (!Number.isSafeInteger(offset) || offset < 0 || offset > status.size) return new Uint8Array();
      const bytes = Buffer.alloc(Math.min(length, status.size - offset));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
      return bytes.subarray(0, bytesRead);
    };
    const elf = await readElf(readAt);
    if (elf === undefined || !elf.executable) return undefined;
    const kind = elf.interpreter === undefined && /\.so(?:\.|$)/.test(path) ? 'library' : 'program';
    const has = (each: Sanitizer) =>
      elf.sanitizers.includes(each) ||
      // clang's other runtimes contain that of UBSan, and LeakSanitizer is a part of ASan's: they do not show.
      ((each === 'undefined' || each === 'leak') && chosen.length > 1 && elf.sanitizers.length > 0);
    const isInstrumented =
      chosen.every(has) && (!memwatch || kind === 'library' || (await contains(readAt, status.size)));
    return { kind, isInstrumented };
  } finally {
    await file.close();
  }
}

/** Whether memwatch's entry is named in a program; its symbols are not stripped, since the build's -s was left out. */
async function contains(
  readAt: (offset: number, length: number) => Promise<Uint8Array>,
  size: number,
): Promise<boolean> {
  const wanted = Buffer.from('\0mwInit\0');
  const piece = 1 << 20;
  for (let offset = 0; offset < size; offset += piece) {
    if (Buffer.from(await readAt(offset, piece + wanted.length)).includes(wanted)) return true;
  }
  return false;
}
