// Programs that crash and leave a core, and what gdb says of them.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StopFrame } from '../../../src/model/stop.ts';
import { projectRoot } from '../../project.ts';

/** A new folder, gone at the end of the test process. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgrun-unwind-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Absolute path of `examples-c/gdb/NAME`. */
export function gdbExample(name: string): string {
  return join(projectRoot, 'examples-c', 'gdb', name);
}

/** @param sources absolute paths, or the text of a C program (C++ when it includes a header without `.h`) */
export function compile(folder: string, name: string, source: string, options: readonly string[]): string {
  const isText = source.includes('\n');
  const isCpp = isText ? /#include <\w+>/.test(source) : source.endsWith('.cpp');
  const file = isText ? join(folder, `${name}.${isCpp ? 'cpp' : 'c'}`) : source;
  if (isText) writeFileSync(file, source);
  const program = join(folder, name);
  execFileSync(isCpp ? 'g++' : 'gcc', ['-g', '-w', '-o', program, file, ...options, '-pthread'], {
    stdio: ['ignore', 'inherit', 'inherit'],
    cwd: folder,
  });
  return program;
}

export function stripped(program: string): string {
  const file = `${program}.stripped`;
  execFileSync('strip', ['-o', file, program]);
  return file;
}

/** Runs a program in a folder of its own. @returns its core file. */
export function coreOf(
  program: string,
  words: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): string {
  const folder = `${program}-${words.join('-').replace(/\W/g, '_')}.run`;
  mkdirSync(folder, { recursive: true });
  const { signal, status } = spawnSync(
    'sh',
    ['-c', 'ulimit -c unlimited; exec "$@"', 'sh', program, ...words],
    {
      cwd: folder,
      timeout: 30_000,
      stdio: 'ignore',
      env: { ...process.env, ...environment },
    },
  );
  const core = readdirSync(folder).find((name) => name.startsWith('core'));
  if (core === undefined) throw new Error(`${program} left no core: status ${status}, signal ${signal}`);
  return join(folder, core);
}

export interface GdbFrame {
  readonly ip: bigint;
  readonly function: string;
}

/**
 * What gdb says of the thread that crashed, for each of several cores of a program: without inlined calls and without the frames that
 * it makes up for tail calls.
 */
export function gdbBacktraces(cores: readonly string[], program: string): readonly (readonly GdbFrame[])[] {
  const script = [
    'import gdb',
    'gdb.execute("set backtrace past-main on")',
    `for core in ${JSON.stringify(cores)}:`,
    '    gdb.execute("core-file " + core, False, True)',
    '    print("CORE")',
    '    f = gdb.newest_frame()',
    '    while f is not None:',
    '        if f.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):',
    '            print("FRAME", hex(f.pc()), "SIGNAL" if f.type() == gdb.SIGTRAMP_FRAME else f.name())',
    '        f = f.older()',
  ].join('\n');
  const file = `${program}.py`;
  writeFileSync(file, script);
  // Call frame information is in the files themselves: reading what is installed of debug information would only take time.
  const settings = [
    'set auto-load off',
    'set debuginfod enabled off',
    'set history save off',
    'set debug-file-directory /nonexistent',
  ];
  const text = execFileSync(
    'gdb',
    ['-nx', '-nh', '-batch', ...settings.flatMap((setting) => ['-iex', setting]), '-x', file, program],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 60_000, maxBuffer: 1 << 28 },
  );
  return text
    .split(/^CORE$/m)
    .slice(1)
    .map((part) =>
      [...part.matchAll(/^FRAME (0x[0-9a-f]+) (.*)$/gm)].map(([, ip = '0', name = '']) => ({
        ip: BigInt(ip),
        function: name,
      })),
    );
}

/** How many of the frames that are expected are there, in order and at the same address. */
export function rightShare(
  frames: readonly Pick<StopFrame, 'ip'>[],
  expected: readonly { readonly ip: bigint }[],
): { readonly right: number; readonly of: number; readonly extra: number } {
  let right = 0;
  let at = 0;
  for (const { ip } of expected) {
    const found = frames.findIndex((frame, index) => index >= at && BigInt(frame.ip ?? '0') === ip);
    if (found < 0) continue;
    right++;
    at = found + 1;
  }
  return { right, of: expected.length, extra: frames.length - right };
}
