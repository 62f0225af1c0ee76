// Owns the compilers of this machine: where they are, whose options they understand, and what they can really build.
import { access, constants, mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { ExitStatus, UserError } from '../../errors.ts';
import { type Sanitizer, sanitizers } from '../../model/sanitizer.ts';
import {
  type CompilerFamily,
  oneRuntimeFlags,
  optionalFlags,
  type PlacedFlags,
  refuseSanitizers,
  runtimeHint,
  sanitizerFlags,
} from '../../tools/_shared/sanitizer-build.ts';

export interface Compiler {
  /** Absolute, not resolved: clang++ is a link to clang, and asks how it was called. */
  readonly path: string;
  readonly family: CompilerFamily;
  readonly language: 'c' | 'c++';
  /** First line of what it says of itself: `gcc (Debian 12.2.0-14) 12.2.0`. */
  readonly version: string;
}

// gcc, g++-12, cc, c99, clang++-14, x86_64-linux-gnu-gcc-12
const compilerName =
  /^(?:[\w.]+-[\w.]+-(?:[\w.]+-)?)?(gcc|g\+\+|cc|c\+\+|c89|c99|clang|clang\+\+)(?:-\d[\d.]*)?$/;

/** The language of a compiler by its name; undefined for a name that is no compiler's. */
export function languageOf(path: string): 'c' | 'c++' | undefined {
  const name = compilerName.exec(basename(path))?.[1];
  return name === undefined ? undefined : name.endsWith('++') ? 'c++' : 'c';
}

/** `clang++-14` of `clang-14`, and back; the same name when it is of that language already. */
export function nameIn(language: 'c' | 'c++', name: string): string {
  return language === 'c++'
    ? name
        .replace(/(^|-)gcc(?=-\d|$)/, '$1g++')
        .replace(/(^|-)clang(?=-\d|$)/, '$1clang++')
        .replace(/(^|-)(?:cc|c89|c99)$/, '$1c++')
    : name
        .replace(/(^|-)g\+\+(?=-\d|$)/, '$1gcc')
        .replace(/(^|-)clang\+\+(?=-\d|$)/, '$1clang')
        .replace(/(^|-)c\+\+$/, '$1cc');
}

/** What stands in front of a compiler to save time, under its name: it would look for the compiler on PATH again. */
const launchers = ['ccache', 'sccache', 'distcc', 'icecc'];

/** The program of a name along PATH, or of a path; undefined when there is none. */
export async function findOnPath(
  name: string,
  searchPath: string,
  workingDirectory: string,
): Promise<string | undefined> {
  const candidates = name.includes('/')
    ? [resolve(workingDirectory, name)]
    : searchPath.split(delimiter).map((folder) => resolve(workingDirectory, folder, name));
  for (const path of candidates) {
    const isProgram = await access(path, constants.X_OK)
      .then(() => stat(path))
      .then(
        (status) => status.isFile(),
        () => false,
      );
    if (!isProgram) continue;
    if (!name.includes('/') && launchers.includes(basename(await realpath(path)))) continue;
    return path;
  }
  return undefined;
}

/** The compilers of this machine's own kind that PATH has, by name. */
export async function compilersOnPath(
  searchPath: string,
  workingDirectory: string,
): Promise<ReadonlyMap<string, string>> {
  const names = new Set<string>();
  for (const folder of searchPath.split(delimiter)) {
    for (const name of await readdir(resolve(workingDirectory, folder)).catch(() => [])) {
      if (compilerName.test(name)) names.add(name);
    }
  }
  const found = new Map<string, string>();
  for (const name of [...names].sort()) {
    const path = await findOnPath(name, searchPath, workingDirectory);
    // A cross compiler's name begins with another machine: what it makes does not run here.
    const isCross = /^[\w.]+-.*-(?:gcc|g\+\+|cc|c\+\+|clang)/.test(name) && !name.startsWith(`${machine()}-`);
    if (path !== undefined && !isCross) found.set(name, path);
  }
  return found;
}

/** As a triplet begins with it. */
function machine(): string {
  return { x64: 'x86_64', arm64: 'aarch64', ia32: 'i686' }[process.arch as string] ?? process.arch;
}

/** What a program says when it is asked; never throws. */
export async function ask(
  argv: readonly string[],
  options: {
    readonly cwd: string;
    readonly environment: NodeJS.ProcessEnv;
    readonly input?: string;
  },
): Promise<{ readonly ok: boolean; readonly stdout: string; readonly stderr: string }> {
  const [file = '', ...words] = argv;
  const result = await execa(file, words, {
    cwd: options.cwd,
    env: { ...options.environment, LC_ALL: 'C' },
    extendEnv: false,
    reject: false,
    stdin: options.input === undefined ? 'ignore' : 'pipe',
    ...(options.input === undefined ? {} : { input: options.input }),
    maxBuffer: 16 * 1024 * 1024,
  });
  return {
    ok: !result.failed,
    stdout: typeof result.stdout === 'string' ? result.stdout : '',
    stderr:
      typeof result.stderr === 'string' && result.stderr !== '' ? result.stderr : (result.shortMessage ?? ''),
  };
}

/**
 * Looks at a compiler: `gcc`, `clang-14` or a path.
 *
 * @throws UserError when it is not there or is neither gcc nor clang.
 */
export async function inspectCompiler(
  name: string,
  language: 'c' | 'c++',
  context: { readonly workingDirectory: string; readonly environment: NodeJS.ProcessEnv },
): Promise<Compiler> {
  const { workingDirectory, environment } = context;
  const path = await findOnPath(name, environment.PATH ?? '', workingDirectory);
  if (path === undefined) {
    throw new UserError(
      `the compiler ${name} is not found`,
      /clang/.test(name)
        ? 'install clang, or choose another: --compiler=gcc'
        : 'install gcc and g++, or choose another: --compiler=clang',
      ExitStatus.cannot,
    );
  }
  const said = await ask([path, '--version'], { cwd: workingDirectory, environment });
  const version = said.stdout.split('\n', 1)[0] ?? '';
  // By what it defines, under whatever name it is installed; clang defines both.
  const macros = await ask([path, '-dM', '-E', '-x', 'c', '-'], {
    cwd: workingDirectory,
    environment,
    input: '',
  });
  const family = /^#define __clang__ /m.test(macros.stdout)
    ? 'clang'
    : /^#define __GNUC__ /m.test(macros.stdout)
      ? 'gcc'
      : undefined;
  if (family === undefined) {
    throw new UserError(
      `${name} is neither gcc nor clang: it says "${version.slice(0, 80)}"`,
      'only these have sanitizers: --compiler=gcc or --compiler=clang',
    );
  }
  return { path, family, language, version };
}

/**
 * The flags with which this compiler builds these sanitizers: tried by compiling and linking a program with exactly
 * these, because a compiler may know a sanitizer and lack its runtime library.
 *
 * @throws UserError with the reason and the remedy.
 */
export async function workingFlags(
  compiler: Compiler,
  chosen: readonly Sanitizer[],
  context: { readonly environment: NodeJS.ProcessEnv },
  more: readonly string[] = [],
): Promise<PlacedFlags> {
  const refusal = refuseSanitizers(chosen, compiler.family);
  if (refusal !== undefined) throw new UserError(refusal.message, refusal.hint);
  const needed = sanitizerFlags(chosen);
  const optional = [...optionalFlags(chosen, compiler.family), ...more];
  const one = oneRuntimeFlags(chosen, compiler.family, compiler.language);
  const folder = await mkdtemp(join(tmpdir(), 'vgrun-probe-'));
  const build = (flags: readonly string[], first: readonly string[] = []) =>
    ask([compiler.path, ...first, '-x', compiler.language, '-', '-o', join(folder, 'probe'), ...flags], {
      cwd: folder,
      environment: context.environment,
      input: 'int main(void) { return 0; }\n'.replace('void', compiler.language === 'c' ? 'void' : ''),
    });
  try {
    // Nearly always all works at once.
    const all = { first: one?.first ?? [], flags: [...needed, ...optional, ...(one?.flags ?? [])] };
    if ((await build(all.flags, all.first)).ok) return all;
    const bare = await build([]);
    if (!bare.ok) {
      throw new UserError(
        `${compiler.path} cannot build any program: ${firstErrors(bare.stderr)}`,
        'repair or reinstall it',
      );
    }
    const plain = await build(needed);
    if (!plain.ok) throw cannotBuild(compiler, chosen, plain.stderr);
    const known: string[] = [];
    for (const flag of optional) if ((await build([...needed, flag])).ok) known.push(flag);
    const usual = [...needed, ...known];
    if (one !== undefined) {
      const flags = [...usual, ...one.flags];
      if ((await build(flags, one.first)).ok) return { first: one.first, flags };
    }
    return { first: [], flags: usual };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function cannotBuild(compiler: Compiler, chosen: readonly Sanitizer[], stderr: string): UserError {
  const names = sanitizers
    .filter(({ sanitizer }) => chosen.includes(sanitizer))
    .map(({ title }) => title)
    .join(' and ');
  // `ld: cannot find libasan_preinit.o`, `ld: cannot find -lubsan`, `cannot find …/libclang_rt.asan-x86_64.a: No such file`
  const isMissing = /cannot (?:find|open)|no such file/i.test(stderr);
  return new UserError(
    isMissing
      ? `${basename(compiler.path)} lacks the runtime library of ${names}: ${firstErrors(stderr)}`
      : `${basename(compiler.path)} cannot build for ${names}: ${firstErrors(stderr)}`,
    isMissing
      ? runtimeHint(compiler.family, versionNumber(compiler.version))
      : `choose the other compiler: --compiler=${compiler.family === 'gcc' ? 'clang' : 'gcc'}`,
  );
}

/** `gcc (Debian 12.2.0-14+deb12u1) 12.2.0` is 12.2.0; `Debian clang version 14.0.6` is 14.0.6. */
function versionNumber(line: string): string {
  return /version (\d[\d.]*)/.exec(line)?.[1] ?? /(\d+\.[\d.]+)\D*$/.exec(line)?.[1] ?? line;
}

/** What a compiler says first of what is wrong, on one line; at most three of its lines. */
export function firstErrors(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  // `prog.c:3:5: error: …`, `/usr/bin/ld: cannot find -lasan`, `undefined reference to …`
  const telling = lines.filter((line) => /error|cannot|undefined reference|not found|no such/i.test(line));
  return (telling.length > 0 ? telling : lines)
    .slice(0, 3)
    .map((line) => line.trim().slice(0, 300))
    .join('; ');
}

/** The C++ compiler that belongs to a C one, and the other way round: beside it, of the same version. */
export function partnerOf(path: string, language: 'c' | 'c++'): string {
  return join(dirname(path), nameIn(language, basename(path)));
}

/**
 * The compiler to use when none is named: that of CC or CXX, `cc` or `c++`, and for what gcc does not have, clang.
 *
 * @throws UserError when there is none.
 */
export async function chooseCompiler(
  language: 'c' | 'c++',
  chosen: readonly Sanitizer[],
  context: { readonly workingDirectory: string; readonly environment: NodeJS.ProcessEnv },
): Promise<Compiler> {
  const named = firstWord(context.environment[language === 'c' ? 'CC' : 'CXX']);
  if (named !== undefined) return inspectCompiler(named, language, context);
  const usual = await inspectCompiler(language === 'c' ? 'cc' : 'c++', language, context).catch(() =>
    inspectCompiler(language === 'c' ? 'gcc' : 'g++', language, context).catch(() => undefined),
  );
  if (usual !== undefined && refuseSanitizers(chosen, usual.family) === undefined) return usual;
  const clang = await inspectCompiler(language === 'c' ? 'clang' : 'clang++', language, context).catch(
    () => undefined,
  );
  if (clang !== undefined) return clang;
  const refusal = usual === undefined ? undefined : refuseSanitizers(chosen, usual.family);
  throw refusal === undefined
    ? new UserError(
        `no ${language === 'c' ? 'C' : 'C++'} compiler is found`,
        `install gcc${language === 'c' ? '' : ' and g++'} or clang`,
      )
    : new UserError(`${refusal.message}, and clang is not found`, 'install clang');
}

/** `ccache gcc -m32` is gcc: what starts the compiler is left out here. */
export function firstWord(text: string | undefined): string | undefined {
  return text?.split(/\s+/).find((word) => word !== '' && !launchers.includes(basename(word)));
}
