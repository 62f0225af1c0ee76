// Owns the libraries that vgrun loads into programs: their C source is shipped, and compiled here at first use.
import { createHash } from 'node:crypto';
import { access, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.ts';
import { debug } from '../log.ts';
import { openable } from '../model/byte-text.ts';
import { sanitizers } from '../model/sanitizer.ts';
import { type ElfFacts, readElf } from '../tools/_shared/elf.ts';
import type { Tool } from '../tools/tool.ts';
import { findProgramOnPath } from './instrument.ts';

// Seen from dist/cli.js, from dist/parts, and from src/run.
const places = ['./preload/', '../preload/'];

const compilers = ['cc', 'gcc', 'clang'];

/** Its unwinder is linked in: a program of C has none, and loading one would be an allocation. */
const flags = ['-O2', '-shared', '-fPIC', '-fexceptions', '-fvisibility=hidden', '-static-libgcc'];

const installHint = 'install one: apt-get install gcc libc6-dev (Debian, Ubuntu), dnf install gcc (Fedora)';

/**
 * The library of a tool, for a program. The first time it is compiled into `$XDG_CACHE_HOME/vgrun`, or, where that cannot be
 * written, into a temporary folder.
 *
 * @param program absolute path.
 * @returns its absolute path; undefined for a tool without one, and where no compiler is but the program has a tracing of its own.
 * @throws UserError (125) for a program into which nothing can be loaded, and when no library can be made.
 */
export async function preloadFor(
  tool: Tool,
  program: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  if (tool.preload === undefined) return undefined;
  const elf = await mustTakeLibraries(program);
  const compiler = await findCompiler(environment.PATH ?? '');
  const { source, text } = await shipped(tool.preload);
  // The loader of the program decides, which for 32 bits is another one.
  const word = elf?.bits === 32 && process.arch === 'x64' ? ['-m32'] : [];
  const key = createHash('sha256')
    .update(JSON.stringify([text, flags, word, process.arch, libcVersion()]))
    .digest('hex')
    .slice(0, 16);
  const name = `${tool.name}-${key}.so`;
  const cache = resolve(environment.XDG_CACHE_HOME || join(environment.HOME ?? homedir(), '.cache'), 'vgrun');
  if (isLoadable(cache) && (await isOwn(join(cache, name)))) return join(cache, name);
  if (compiler === undefined) {
    if (elf?.callsMtrace === true) return undefined;
    throw new UserError(
      `--tool=${tool.name} loads a small library into the program, and there is no C compiler to make it`,
      installHint,
    );
  }
  const folder = (await canWrite(cache)) ? cache : await temporaryFolder();
  return compile(compiler, [...flags, ...word], source, join(folder, name));
}

/**
 * Looks whether a library can be loaded into the program: what the loader would not load into, it runs without a word.
 *
 * @returns what the file is; undefined for a script, where what runs is its interpreter.
 * @throws UserError (125) when it cannot.
 */
export async function mustTakeLibraries(program: string): Promise<ElfFacts | undefined> {
  const file = await open(openable(program), 'r');
  let elf: ElfFacts | undefined;
  try {
    elf = await readElf(async (offset, length) => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, (await file.read(bytes, 0, length, offset)).bytesRead);
    });
    const { mode, uid, gid } = await file.stat();
    const changesUser = (mode & 0o4000) !== 0 && uid !== process.getuid?.();
    const changesGroup = (mode & 0o2000) !== 0 && gid !== process.getgid?.();
    if (changesUser || changesGroup) {
      throw new UserError(
        `${program} runs with the rights of another ${changesUser ? 'user' : 'group'} (set${changesUser ? 'uid' : 'gid'}), and then nothing is loaded into it`,
        `run it as its owner, or a copy without that right: cp ${program} COPY`,
      );
    }
  } finally {
    await file.close();
  }
  if (elf === undefined) return undefined;
  if (elf.interpreter === undefined) {
    throw new UserError(
      `${program} is statically linked: its malloc and free cannot be traced`,
      'link it dynamically for this run, or use a tool that needs no library: --tool=massif --pages-as-heap=yes',
    );
  }
  const runtimes = elf.sanitizers;
  const built = sanitizers.find(({ sanitizer }) => sanitizer !== 'undefined' && runtimes.includes(sanitizer));
  if (built !== undefined) {
    throw new UserError(
      `${program} is built with ${built.title}, which has an allocator of its own`,
      `run it with --tool=${built.tool}, or build it without -fsanitize=${built.sanitizer}`,
    );
  }
  return elf;
}

async function findCompiler(searchPath: string): Promise<string | undefined> {
  for (const name of compilers) {
    const found = await findProgramOnPath(searchPath, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function shipped(name: string): Promise<{ readonly source: string; readonly text: string }> {
  for (const place of places) {
    const source = fileURLToPath(new URL(place + name, import.meta.url));
    const text = await readFile(source, 'utf8').catch(() => undefined);
    if (text !== undefined) return { source, text };
  }
  throw new UserError(`${name} is missing from this installation of vgrun`, 'install vgrun again');
}

/** Another libc may have other symbols: the library is made anew for it. */
function libcVersion(): string {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header?.glibcVersionRuntime ?? '';
}

/** The list of libraries to load is split at spaces and colons. */
function isLoadable(folder: string): boolean {
  return !/[\s:]/.test(folder);
}

/** What others may write is not loaded into programs. */
async function isOwn(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  return status?.isFile() === true && status.uid === process.geteuid?.() && (status.mode & 0o022) === 0;
}

async function canWrite(folder: string): Promise<boolean> {
  if (!isLoadable(folder)) return false;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const status = await stat(folder);
    if (status.uid !== process.geteuid?.() || (status.mode & 0o022) !== 0) return false;
    await access(folder, 2);
    return true;
  } catch {
    return false;
  }
}

async function temporaryFolder(): Promise<string> {
  const { dirSync, setGracefulCleanup } = (await import('tmp')).default;
  setGracefulCleanup();
  const { name } = dirSync({ prefix: 'vgrun-', mode: 0o700, unsafeCleanup: true });
  if (isLoadable(name)) return name;
  throw new UserError(
    `a library in ${name} cannot be loaded: its path has a space or a colon`,
    'set XDG_CACHE_HOME or TMPDIR to a folder without one',
  );
}

/** Two runs may come here at once: each writes a file of its own, and the later one replaces the same. */
async function compile(
  compiler: string,
  options: readonly string[],
  source: string,
  path: string,
): Promise<string> {
  const unfinished = `${path}.${process.pid}`;
  const command = [...options, '-o', unfinished, source, '-ldl'];
  debug('compile', { compiler, command });
  const { execa } = await import('execa');
  const { failed, stderr } = await execa(compiler, command, {
    reject: false,
    stdin: 'ignore',
    stdout: 'ignore',
    timeout: 60_000,
    env: { LC_ALL: 'C' },
  });
  if (failed) {
    await rm(unfinished, { force: true });
    const said = stderr.split('\n').find((line) => /error|cannot|not found/i.test(line)) ?? '';
    throw new UserError(
      `${compiler} could not compile the library that traces allocations${said === '' ? '' : `: ${said.trim().slice(0, 300)}`}`,
      options.includes('-m32')
        ? 'the program has 32 bits: apt-get install gcc-multilib'
        : `the headers of the C library may be missing; ${installHint}`,
    );
  }
  await rename(unfinished, path);
  return path;
}
