// How gdb is started to look at a process under valgrind: it runs nothing that the program or its folder brings.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readProc } from '../processes.ts';

/** In front of everything else. Python scripts and settings of the user's, of the folder and of the program's files are left alone. */
export const safeWords: readonly string[] = [
  '-nx',
  '-nh',
  '-q',
  ...[
    'set auto-load off',
    'set history save off',
    'set index-cache enabled off',
    'set debuginfod enabled off',
    'set pagination off',
  ].flatMap((command) => ['-iex', command]),
];

/**
 * Connects gdb. vgdb is started by a shell of gdb's, so nothing of a path stands in the command: a run directory may have any name.
 */
export const connectCommand =
  'target remote | exec "$VGRUN_VGDB" "--vgdb-prefix=$VGRUN_VGDB_PREFIX" "--pid=$VGRUN_VGDB_PID"';

/** Variables for `connectCommand`. */
export function connectVariables(options: {
  /** Absolute path of valgrind; its vgdb is beside it. */
  readonly valgrind: string;
  /** `--vgdb-prefix` of the run. */
  readonly prefix: string;
  readonly pid: number;
}): Readonly<Record<string, string>> {
  return {
    VGRUN_VGDB: vgdbOf(options.valgrind),
    VGRUN_VGDB_PREFIX: options.prefix,
    VGRUN_VGDB_PID: `${options.pid}`,
  };
}

export function vgdbOf(valgrind: string): string {
  return join(dirname(valgrind), 'vgdb');
}

/**
 * Absolute path of the program that valgrind runs in a process: /proc/PID/exe is valgrind's tool. Valgrind loads the program below
 * all else (0x108000 and 0x400000, its own code stands at 0x58000000).
 */
export function programUnder(pid: number): string | undefined {
  // `00108000-00109000 r--p 00000000 08:01 417    /home/ann/prog`
  const line = /^([0-9a-f]+)-\S+ \S+ \S+ \S+ \d+ +(\/.*)$/m.exec(readProc(`${pid}/maps`) ?? '');
  if (line === null || Number.parseInt(line[1] ?? '', 16) >= 0x58000000) return undefined;
  const name = Buffer.from(line[2] ?? '', 'latin1').toString();
  return name.replace(/ \(deleted\)$/, '').replaceAll('\\012', '\n');
}

// Seen from dist/cli.js, from dist/parts, and from src/run/crash.
const places = ['./gdb/', '../gdb/'];

/** Absolute path of a Python file that comes with vgrun, in src/run/gdb. */
export async function shippedScript(name: string): Promise<string> {
  for (const place of places) {
    const path = fileURLToPath(new URL(place + name, import.meta.url));
    if (await readFile(path).then(Boolean, () => false)) return path;
  }
  throw new Error(`${name} is missing in the package`);
}
