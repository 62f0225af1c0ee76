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
  execFileSync(isCpp ? 'g++' : 'gcc', ['-g', '-w', ...options, '-o', program, file, '-pthread'], {
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

/** `bt` of each thread by lwp, without inlined calls. */
export function gdbBacktraces(core: string, program: string): ReadonlyMap<number, readonly GdbFrame[]> {
  const script = [
    'import gdb',
    'gdb.execute("set backtrace past-main on")',
    'for t in gdb.selected_inferior().threads():',
    '    t.switch()',
    '    f = gdb.newest_frame()',
    '    while f is not None:',
    '        if f.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):',
    '            print("FRAME", t.ptid[1] or t.ptid[0], hex(f.pc()), "SIGNAL" if f.type() == gdb.SIGTRAMP_FRAME else f.name())',
    '        f = f.older()',
  ].join('\n');
  const file = `${core}.py`;
  writeFileSync(file, script);
  const text = execFileSync(
    'gdb',
    [
      '-nx',
      '-nh',
      '-batch',
      '-iex',
      'set auto-load off',
      '-iex',
      'set debuginfod enabled off',
      '-x',
      file,
      program,
      core,
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 60_000, maxBuffer: 1 << 28 },
  );
  const threads = new Map<number, GdbFrame[]>();
  for (const [, lwp = '', ip = '0', name = ''] of text.matchAll(/^FRAME (\d+) (0x[0-9a-f]+) (.*)$/gm)) {
    const frames = threads.get(Number(lwp)) ?? [];
    frames.push({ ip: BigInt(ip), function: name });
    threads.set(Number(lwp), frames);
  }
  return threads;
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
