// Owns how gdb is started to answer and not to talk: with nothing read that the target brings, and a script of ours.

import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { debug } from '../../log.ts';

// Seen from dist/cli.js, from dist/parts, and from src/run/gdb.
const places = ['./gdb/', '../gdb/', './'];

/** Absolute path of a file of this folder that is shipped as it is: `stop.py`. */
export function shippedScript(name: string): string {
  const paths = places.map((place) => fileURLToPath(new URL(place + name, import.meta.url)));
  return paths.find((path) => existsSync(path)) ?? (paths[0] as string);
}

export interface GdbSafety {
  /** gdb may ask servers for symbols. */
  readonly debuginfod?: boolean;
}

/**
 * Settings with which gdb runs nothing that a program brings: no scripts beside the program, no index cache, no history; libthread_db
 * only from where the system has it (Debugging with GDB, 22.8 "Automatically loading associated files"). They are for -iex: what comes
 * later would come after the program's files were read. Pretty printers: printers.py.
 *
 * @param isTrusting what gdb loads by itself is left as the user has set it.
 */
export function safeGdbSettings(
  { debuginfod = false }: GdbSafety = {},
  isTrusting = false,
): readonly string[] {
  return [
    ...(isTrusting ? [] : ['set auto-load off', 'set auto-load libthread-db on']),
    'set libthread-db-search-path $sdir',
    `set debuginfod enabled ${debuginfod ? 'on' : 'off'}`,
    'set index-cache enabled off',
    'set history save off',
  ];
}

/** Words with which gdb, besides, reads no init file of the user's and asks nothing. */
export function safeGdbWords(safety: GdbSafety = {}): readonly string[] {
  return ['-nx', '-nh', ...earlyWords([...safeGdbSettings(safety), 'set pagination off'])];
}

/** Commands that gdb carries out before it opens a program. */
export function earlyWords(commands: readonly string[]): readonly string[] {
  return commands.flatMap((command) => ['-iex', command]);
}

export interface GdbScript extends GdbSafety {
  /** Name of a script in this folder. */
  readonly script: string;
  /** Words for gdb itself: what it is to open. */
  readonly words: readonly string[];
  /** What the script is told; it finds `output` in it besides. */
  readonly wishes: Readonly<Record<string, unknown>>;
  /** Absolute path of a folder for files that are removed again. */
  readonly folder: string;
  /** ms. */
  readonly timeout: number;
  /** Bytes of the answer. */
  readonly largest?: number;
}

/** Why there is no answer. */
export type GdbFailure = 'missing' | 'timeout' | 'no answer';

/**
 * Runs a script in gdb and reads the JSON that it writes. What gdb prints is not read: it is for people.
 *
 * @returns the answer, or why there is none.
 */
export async function askGdb(
  asked: GdbScript,
): Promise<{ readonly answer: unknown } | { readonly failure: GdbFailure; readonly said: string }> {
  const { script, words, wishes, folder, timeout, largest = 64 * 1024 * 1024 } = asked;
  const output = join(folder, `${script}.answer.json`);
  const request = join(folder, `${script}.request.json`);
  const { execa } = await import('execa');
  try {
    await writeFile(request, JSON.stringify({ ...wishes, output }), { mode: 0o600 });
    const result = await execa(
      'gdb',
      ['-batch', ...safeGdbWords(asked), '-x', shippedScript(script), ...words],
      {
        cwd: folder,
        reject: false,
        stdin: 'ignore',
        stdout: 'ignore',
        timeout,
        killSignal: 'SIGKILL',
        maxBuffer: 1_000_000,
        env: {
          VGRUN_GDB: request,
          LC_ALL: 'C.UTF-8',
          PYTHONDONTWRITEBYTECODE: '1',
          DEBUGINFOD_URLS: asked.debuginfod === true ? process.env.DEBUGINFOD_URLS : '',
        },
      },
    );
    const { code, stderr } = result as { code?: string; stderr?: string };
    const said = (stderr ?? '').trim().slice(-500);
    if (code === 'ENOENT') return { failure: 'missing', said };
    if (result.timedOut) return { failure: 'timeout', said };
    debug('gdb answered', { script, exitCode: result.exitCode });
    const text = await readFile(output, 'utf8').catch(() => undefined);
    if (text === undefined || text.length > largest) return { failure: 'no answer', said };
    try {
      return { answer: JSON.parse(text) };
    } catch {
      return { failure: 'no answer', said };
    }
  } finally {
    await Promise.all([rm(output, { force: true }), rm(request, { force: true })]);
  }
}
