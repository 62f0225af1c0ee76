// Owns files that only their own tool can read: it makes text of them, which vgrun reads.
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError } from '../errors.ts';
import type { Problem } from '../model/problem.ts';
import { scriptFields } from '../tools/perf/index.ts';
import type { CollectStep } from '../tools/tool.ts';
import { carryOut } from './collect.ts';

interface Converter {
  /** For people. */
  readonly what: string;
  readonly recognizes: (head: Uint8Array, name: string) => boolean;
  /** The first whose program is installed is taken. */
  readonly commands: (file: string) => readonly CollectStep['command'][];
  /** Name of the text. */
  readonly output: string;
}

const perfMagic = 'PERFILE2';
const gzipMagic = [0x1f, 0x8b];
const zstdMagic = [0x28, 0xb5, 0x2f, 0xfd];

/** All places, with their callers: its report is cut to the first ten else. */
const heaptrackPrint = (file: string): CollectStep['command'] => [
  'heaptrack_print',
  '-t',
  '0',
  '-l',
  '1',
  '-n',
  '100000',
  '-s',
  '100000',
  file,
];

const converters: readonly Converter[] = [
  {
    what: 'data of perf record',
    recognizes: (head) => startsWith(head, [...Buffer.from(perfMagic)]),
    commands: (file) => [['perf', 'script', '--header', '-F', scriptFields, '-i', file]],
    output: 'perf.script.txt',
  },
  // `heaptrack.server.1234.zst`, `heaptrack.server.1234.gz`: text inside, and more exact than what heaptrack_print makes of it.
  {
    what: 'a recording of heaptrack',
    recognizes: (head, name) => name.includes('heaptrack') && startsWith(head, zstdMagic),
    commands: (file) => [['zstd', '-dcq', file], heaptrackPrint(file)],
    output: 'heaptrack.txt',
  },
  {
    what: 'a recording of heaptrack',
    recognizes: (head, name) => name.includes('heaptrack') && startsWith(head, gzipMagic),
    commands: (file) => [['gzip', '-dcq', file], heaptrackPrint(file)],
    output: 'heaptrack.txt',
  },
];

/**
 * The files to read for those that the user named.
 *
 * @throws UserError (125) when the tool that could read one is missing or fails, and for what must be unpacked first.
 */
export async function convertFiles(paths: readonly string[]): Promise<readonly string[]> {
  return Promise.all(paths.map(convertFile));
}

async function convertFile(path: string): Promise<string> {
  const head = await headOf(path);
  // gmon_out.h: "gmon", a version, and then addresses alone.
  if (startsWith(head, [...Buffer.from('gmon')])) {
    throw new UserError(
      `${path} is what a program built with -pg leaves; only gprof reads it, and only with that program`,
      `gprof PROGRAM ${path} | vgrun report -`,
    );
  }
  const converter = converters.find(({ recognizes }) => recognizes(head, basename(path)));
  if (converter === undefined) {
    const packer = startsWith(head, gzipMagic) ? 'gzip' : startsWith(head, zstdMagic) ? 'zstd' : undefined;
    if (packer === undefined) return path;
    throw new UserError(
      `${path} is compressed with ${packer}`,
      `unpack it: ${packer} -dc ${path} | vgrun report -`,
    );
  }
  const { dirSync, setGracefulCleanup } = (await import('tmp')).default;
  setGracefulCleanup();
  const { name: directory } = dirSync({ prefix: 'vgrun-', mode: 0o700, unsafeCleanup: true });
  let problem: Problem | undefined;
  for (const command of converter.commands(path)) {
    const failure = `${path} is ${converter.what}, and ${command[0]} cannot read it`;
    problem = await carryOut({ command, output: converter.output, failure }, directory);
    if (problem === undefined) return join(directory, converter.output);
  }
  throw new UserError(problem?.message ?? `${path} cannot be read`, problem?.hint);
}

function startsWith(head: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => head[index] === byte);
}

async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return new Uint8Array();
  try {
    const bytes = Buffer.alloc(8);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } catch {
    return new Uint8Array();
  } finally {
    await file.close();
  }
}
