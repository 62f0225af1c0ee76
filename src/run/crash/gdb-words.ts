// How gdb is started to look at a process under valgrind: it runs nothing that the program or its folder brings.
import { dirname, join } from 'node:path';
import { readProc } from '../processes.ts';

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
