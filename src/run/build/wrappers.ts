// Owns the scripts that stand in for the compilers of a build: each calls the real one with our flags after the project's.
//
// Why scripts on PATH, and not variables: CFLAGS given to make replaces the Makefile's own, with the -I and -D that it
// needs; many Makefiles write `gcc` where others write $(CC); CMake projects set CMAKE_C_FLAGS anew; libtool drops what it
// does not know. A script is beneath all of them, and what it adds comes last and wins.
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What one script does. */
export interface Wrapper {
  /** `gcc`, `clang++-14`. */
  readonly name: string;
  /** Absolute path of the real compiler. */
  readonly compiler: string;
  readonly language: 'c' | 'c++';
  /** For the linker, in front of the project's own. */
  readonly first: readonly string[];
  readonly flags: readonly string[];
  /** The runtimes are linked into programs only (clang does so always), so a shared library has undefined names until it is loaded. */
  readonly allowsUndefined: boolean;
  /** Runtimes print names as they were given to the compiler: it is told to write down whole ones. */
  readonly wantsWholeNames: boolean;
  /** Sanitizers need a dynamic program; without them -static may stay. */
  readonly dynamic: boolean;
  /** Why this compiler cannot be used: the script says it, and fails. */
  readonly refusal?: string;
}

/** Folders of a build, absolute. */
export interface Places {
  /** Of the scripts and marks. */
  readonly own: string;
  /** What is built in is a copy of `root`. */
  readonly mirror?: { readonly copy: string; readonly root: string };
}

/** What memwatch adds to a build. */
export interface MemwatchParts {
  /** Absolute paths: memwatch.h, the folder it is in, and memwatch.c compiled. */
  readonly header: string;
  readonly folder: string;
  readonly object: string;
}

/** Marks that the scripts leave, so that what a build did can be said afterwards. */
export type Mark = 'called' | 'static' | 'freestanding' | 'stripped' | 'cxx';
export const marks: readonly Mark[] = ['called', 'static', 'freestanding', 'stripped', 'cxx'];

/** One word for sh(1), whatever is in it. */
export function quoteForSh(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** The text of a script. */
export function wrapperText(wrapper: Wrapper, places: Places, memwatch?: MemwatchParts): string {
  const mark = (name: Mark) => `: >${quoteForSh(join(places.own, name))}`;
  if (wrapper.refusal !== undefined) {
    return `#!/bin/sh\n${mark('called')}\nprintf 'vgrun: %s\\n' ${quoteForSh(wrapper.refusal)} >&2\nexit 1\n`;
  }
  const dropped = [
    ...(wrapper.dynamic ? ['-static', '-static-pie'] : []),
    '-s',
    '-Wl,-s',
    '-Wl,-S',
    '-Wl,--strip-all',
    '-Wl,--strip-debug',
    ...(wrapper.allowsUndefined
      ? ['-Wl,--no-undefined', '-Wl,-no-undefined', '-Wl,-z,defs', '-Wl,-zdefs']
      : []),
  ];
  const lines = [
    '#!/bin/sh',
    '# Written by vgrun build, and rewritten by its next run: the real compiler, with flags after those of the project.',
    `compiler=${quoteForSh(wrapper.compiler)}`,
    mark('called'),
    'drop=no',
    ...(wrapper.first.length === 0 ? [] : ['runtimes=yes']),
    'for word do',
    '  case $word in',
    // What is linked halfway would have them twice in the end.
    ...(wrapper.first.length === 0 ? [] : ['    -r | -Wl,-r) runtimes=no ;;']),
    // A kernel, a boot loader, a C library of its own: there is nothing that a runtime could stand on.
    `    -nostdlib | -ffreestanding) ${mark('freestanding')}; exec "$compiler" "$@" ;;`,
    `    ${dropped.join(' | ')}) drop=yes ;;`,
    '  esac',
    'done',
    'if [ "$drop" = yes ]; then',
    '  for word do',
    '    shift',
    '    case $word in',
    ...(wrapper.dynamic ? [`      -static | -static-pie) ${mark('static')}; continue ;;`] : []),
    `      ${dropped.join(' | ')}) ${mark('stripped')}; continue ;;`,
    '    esac',
    '    set -- "$@" "$word"',
    '  done',
    'fi',
    ...(wrapper.wantsWholeNames ? nameLines(places) : []),
    ...(memwatch === undefined ? [] : memwatchLines(wrapper, memwatch, mark)),
    ...(wrapper.first.length === 0
      ? []
      : [
          // `gcc -v` alone links nothing.
          `if [ "$runtimes" = yes ] && [ $# -gt 1 ]; then set -- ${wrapper.first.map(quoteForSh).join(' ')} "$@"; fi`,
        ]),
    `exec "$compiler" "$@" ${wrapper.flags.map(quoteForSh).join(' ')}`,
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * `lib/a.c` becomes `/home/me/project/lib/a.c` in debug information. The compiler compares beginnings of names as texts, so
 * `lib` in front of `library.h` is no mistake: both get the folder in front.
 */
function nameLines({ mirror }: Places): readonly string[] {
  return [
    'here=$PWD',
    ...(mirror === undefined
      ? []
      : [
          `case $here/ in ${quoteForSh(mirror.copy)}/*) here=${quoteForSh(mirror.root)}\${here#${quoteForSh(mirror.copy)}} ;; esac`,
        ]),
    `up=\${here%/*} known=/`,
    'for word do',
    '  case $word in',
    `    -I[!/]*) word=\${word#-I}/ ;;`,
    '    -* | /* | *=*) continue ;;',
    '    */*.c | */*.cc | */*.cpp | */*.cxx | */*.C) ;;',
    '    *) continue ;;',
    '  esac',
    `  first=\${word%%/*}`,
    '  case $known in */"$first"/*) continue ;; esac',
    '  known=$known$first/',
    '  case $first in',
    `    ..) set -- "$@" "-fdebug-prefix-map=..=$up" "-fdebug-prefix-map=../..=\${up%/*}" ;;`,
    '    .) set -- "$@" "-fdebug-prefix-map=./=$here/" ;;',
    '    *) set -- "$@" "-fdebug-prefix-map=$first=$here/$first" ;;',
    '  esac',
    'done',
  ];
}

/**
 * memwatch.h must come after the headers whose functions it replaces, and memwatch.c must not have it in front of
 * itself. What configure, CMake and meson compile to try something is left alone: they declare libc's functions anew.
 */
function memwatchLines(
  { language }: Wrapper,
  { header, folder, object }: MemwatchParts,
  mark: (name: Mark) => string,
): readonly string[] {
  const headers = ['stdio.h', 'stdlib.h', 'string.h', header].flatMap((name) => ['-include', name]);
  return [
    'link=yes input=no own=no wants=no',
    'for word do',
    '  case $word in',
    '    -c | -S | -E | -M | -MM | -fsyntax-only | -shared | -r) link=no ;;',
    '    */memwatch.[co] | memwatch.[co]) own=yes ;;',
    '    *conftest*) own=yes ;;',
    language === 'c'
      ? `    *.c) input=yes; grep -qs 'include.*memwatch\\.h' "$word" || wants=yes ;;`
      : `    *.c) ${mark('cxx')}; input=yes ;;`,
    `    *.cc | *.cpp | *.cxx | *.C | *.c++) ${mark('cxx')}; input=yes; wants=never ;;`,
    '    *.o | *.a | *.lo | *.so) input=yes ;;',
    '  esac',
    'done',
    'case $PWD in */CMakeFiles/* | */meson-private/*) own=yes ;; esac',
    'if [ "$own" = no ]; then',
    ...(language === 'c'
      ? [
          `  set -- "$@" -DMEMWATCH -DMW_STDIO -idirafter ${quoteForSh(folder)}`,
          `  if [ "$wants" = yes ]; then set -- ${headers.map(quoteForSh).join(' ')} "$@"; fi`,
        ]
      : []),
    `  if [ "$link$input" = yesyes ]; then set -- "$@" ${language === 'c++' ? '-x none ' : ''}${quoteForSh(object)}; fi`,
    'fi',
  ];
}

/**
 * Writes the scripts, and only those that are not so already.
 *
 * @param places the scripts go to `bin` in our own folder.
 * @returns the path of `bin`.
 */
export async function writeWrappers(
  wrappers: readonly Wrapper[],
  places: Places,
  memwatch?: MemwatchParts,
): Promise<string> {
  const bin = join(places.own, 'bin');
  await mkdir(bin, { recursive: true });
  for (const wrapper of wrappers) {
    const path = join(bin, wrapper.name);
    const text = wrapperText(wrapper, places, memwatch);
    if ((await readFile(path, 'utf8').catch(() => undefined)) === text) continue;
    await writeFile(path, text);
    await chmod(path, 0o755);
  }
  return bin;
}
