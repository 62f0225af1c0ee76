// Owns the step from sources to a program with sanitizers, for `vgrun --tool=asan ./prog.c`.
import { createHash } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import type { Sanitizer } from '../../model/sanitizer.ts';
import { sanitizerWords, sortSanitizers } from '../../tools/_shared/sanitizer-build.ts';
import { ask, chooseCompiler, firstErrors, workingFlags } from './compilers.ts';
import { isCxxSource } from './source-names.ts';

/** Where such programs are, under the working directory. */
const programsFolder = join('.vgrun', 'build');

export interface CompileContext {
  /** Absolute. */
  readonly workingDirectory: string;
  /** CC, CXX, CFLAGS, CXXFLAGS, CPPFLAGS, LDFLAGS and LDLIBS are honoured as make does. */
  readonly environment: NodeJS.ProcessEnv;
  /** A line for the user, without an end of line. */
  readonly say: (line: string) => void;
}

/**
 * Compiles and links sources into one program below `.vgrun/build/`, always anew: it is one call of a compiler.
 * What is not said in CFLAGS is left to the compiler, so nothing is optimised away.
 *
 * @param sources as the user typed them, relative to the working directory.
 * @returns the absolute path of the program.
 * @throws UserError for what cannot be built, with the compiler's own first errors.
 */
export async function compileSource(
  sources: readonly string[],
  sanitizers: readonly Sanitizer[],
  context: CompileContext,
): Promise<string> {
  const { workingDirectory, environment, say } = context;
  const chosen = sortSanitizers(sanitizers);
  const language = sources.some(isCxxSource) ? 'c++' : 'c';
  const compiler = await chooseCompiler(language, chosen, context);
  const { first: firstFlags, flags } = await workingFlags(compiler, chosen, context);
  const identity = createHash('sha256')
    .update(JSON.stringify([sources.map((name) => resolve(workingDirectory, name)), chosen, compiler.path]))
    .digest('hex')
    .slice(0, 12);
  const folder = join(workingDirectory, programsFolder, `${sanitizerWords(chosen).join('-')}-${identity}`);
  const first = basename(sources[0] ?? 'program');
  const program = join(folder, first.slice(0, first.length - extname(first).length) || 'program');
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(workingDirectory, '.vgrun', '.gitignore'), '*\n', { flag: 'wx' }).catch(() => {});
  } catch (error) {
    throw new UserError(
      `no program can be built in ${folder}: ${(error as Error).message}`,
      'run in a directory you can write to',
    );
  }
  const words = (name: string) => (environment[name] ?? '').split(/\s+/).filter((word) => word !== '');
  // Two runs at once may build the same program: it appears whole.
  const partial = `${program}.${process.pid}`;
  const argv = [
    compiler.path,
    ...firstFlags,
    ...words('CPPFLAGS'),
    ...words(language === 'c' ? 'CFLAGS' : 'CXXFLAGS'),
    ...sources.map((name) => nameFor(name)),
    '-o',
    partial,
    ...flags,
    ...wholeNames(sources, workingDirectory),
    ...words('LDFLAGS'),
    ...words('LDLIBS'),
    '-lm',
    '-pthread',
  ];
  say(
    `builds ${sources.join(' ')} with ${basename(compiler.path)} ${flags.filter((flag) => flag.startsWith('-fsanitize=')).join(' ')}`,
  );
  const result = await ask(argv, { cwd: workingDirectory, environment });
  if (!result.ok) {
    await rm(partial, { force: true });
    throw new UserError(
      `${basename(compiler.path)} cannot build ${sources.join(' ')}: ${firstErrors(result.stderr)}`,
      'flags it needs go into CFLAGS, CXXFLAGS, LDFLAGS or LDLIBS; a project: vgrun build --help',
    );
  }
  if (result.stderr.trim() !== '') for (const line of result.stderr.trimEnd().split('\n')) say(line);
  await rename(partial, program);
  return program;
}

/** A name for the command line: one that begins with a dash is not an option, and `./` would stand in every stack. */
function nameFor(source: string): string {
  const short = source.replace(/^(?:\.\/+)+/, '');
  return short.startsWith('-') ? `./${short}` : short;
}

/** Runtimes print `lib/a.c` (gcc's) or `/home/me/build/../a.c` (clang's) as it was given: whole names are written down. */
function wholeNames(sources: readonly string[], workingDirectory: string): readonly string[] {
  const firsts = new Set(sources.map(nameFor).flatMap((name) => /^([^/=]+)\//.exec(name)?.[1] ?? []));
  return [...firsts].map((first) =>
    first === '..'
      ? `-fdebug-prefix-map=..=${dirname(workingDirectory)}`
      : `-fdebug-prefix-map=${first}=${join(workingDirectory, first)}`,
  );
}
