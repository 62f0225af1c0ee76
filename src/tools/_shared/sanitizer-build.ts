// Owns how a program is built for a sanitizer: which can live together, which a compiler has, and the flags. Pure.
import { type Sanitizer, sanitizers } from '../../model/sanitizer.ts';

/** Whose options a compiler understands. */
export type CompilerFamily = 'gcc' | 'clang';

/** Why something cannot be built, and what can be done instead. */
export interface Refusal {
  readonly message: string;
  readonly hint: string;
}

/**
 * Pairs that no compiler accepts in one program, because each runtime wants the memory, or malloc, for itself (gcc:
 * `-fsanitize=address is incompatible with -fsanitize=thread`; clang: `invalid argument '-fsanitize=address' not allowed
 * with '-fsanitize=memory'`).
 */
const exclusive: readonly (readonly [Sanitizer, Sanitizer])[] = [
  ['address', 'thread'],
  ['address', 'memory'],
  ['thread', 'memory'],
  ['leak', 'thread'],
  ['leak', 'memory'],
];

/** In the order of `sanitizers`, each once: what `asan,ubsan` and `ubsan,asan` have in common. */
export function sortSanitizers(chosen: readonly Sanitizer[]): readonly Sanitizer[] {
  return sanitizers.map(({ sanitizer }) => sanitizer).filter((each) => chosen.includes(each));
}

/** The words of vgrun's options: `asan`, `asan-ubsan`. */
export function sanitizerWords(chosen: readonly Sanitizer[]): readonly string[] {
  return sanitizers.filter(({ sanitizer }) => chosen.includes(sanitizer)).map(({ tool }) => tool);
}

/** Why these cannot be in one program, or not with this compiler; undefined when they can. */
export function refuseSanitizers(
  chosen: readonly Sanitizer[],
  family: CompilerFamily | undefined,
): Refusal | undefined {
  const title = (each: Sanitizer) => sanitizers.find(({ sanitizer }) => sanitizer === each)?.title ?? each;
  const word = (each: Sanitizer) => `--${sanitizerWords([each]).join('')}`;
  const pair = exclusive.find((each) => each.every((one) => chosen.includes(one)));
  if (pair !== undefined) {
    return {
      message: `${title(pair[0])} and ${title(pair[1])} cannot be in one program: each needs the memory for itself`,
      hint: `build twice, once with ${word(pair[0])} and once with ${word(pair[1])}`,
    };
  }
  if (family === 'gcc' && chosen.includes('memory')) {
    return {
      message: 'gcc has no MemorySanitizer',
      hint: 'use --compiler=clang, or valgrind, which needs no build: vgrun --track-origins=yes program',
    };
  }
  return undefined;
}

/**
 * Flags that a compiler may be too old for. A build goes without those that it does not know, and is only less
 * comfortable then.
 */
export function optionalFlags(chosen: readonly Sanitizer[], family: CompilerFamily): readonly string[] {
  // These stop at their first error unless they are built to go on; then halt_on_error decides, in each run.
  const recovering = chosen.filter((each) => ['address', 'undefined', 'memory'].includes(each));
  return [
    ...(recovering.length === 0 ? [] : [`-fsanitize-recover=${recovering.join(',')}`]),
    // A tail call has no frame of its own: the caller would be missing in stacks.
    '-fno-optimize-sibling-calls',
    // What the sanitizer adds makes gcc doubt what it did not doubt before, and -Werror would end the build.
    ...(family === 'gcc' && chosen.length > 0 ? ['-Wno-error=maybe-uninitialized'] : []),
    ...(chosen.includes('memory') ? ['-fsanitize-memory-track-origins'] : []),
  ];
}

/** Flags, and those that must stand in front of everything else. */
export interface PlacedFlags {
  readonly first: readonly string[];
  readonly flags: readonly string[];
}

/**
 * Flags with which gcc makes one runtime of two, so that what UBSan says gets into the same log: libubsan.so writes to stderr
 * only. Both go into the program, which gives them to its libraries, those that it loads later too. Nothing to do for clang,
 * which links so anyway, and for LeakSanitizer, whose static runtime fails beside UBSan's (gcc 12, lsan_interceptors.cpp).
 */
export function oneRuntimeFlags(
  chosen: readonly Sanitizer[],
  family: CompilerFamily,
  language: 'c' | 'c++',
): PlacedFlags | undefined {
  if (family !== 'gcc' || !chosen.includes('undefined')) return undefined;
  const library = chosen.includes('address') ? 'asan' : chosen.includes('thread') ? 'tsan' : undefined;
  if (library === undefined) return undefined;
  return {
    first: [
      // A shared library of the project has a runtime of its own, and must not be found before this one.
      '-Wl,-Bstatic,-lubsan,-Bdynamic',
      '-Wl,-u,__ubsan_handle_builtin_unreachable',
      ...(language === 'c++' ? ['-Wl,-u,__ubsan_handle_dynamic_type_cache_miss'] : []),
      '-Wl,--export-dynamic-symbol=__*san_*',
    ],
    flags: [`-static-lib${library}`, '-static-libubsan'],
  };
}

/**
 * Flags for compiling and linking, to stand after the project's own so that they win. How much is optimised stays the
 * project's affair.
 */
export function sanitizerFlags(chosen: readonly Sanitizer[]): readonly string[] {
  return [
    '-g',
    '-fno-omit-frame-pointer',
    ...(chosen.length === 0
      ? []
      : [
          // Never wrong, and needed where a static library goes into a shared one.
          '-fPIC',
          `-fsanitize=${chosen.join(',')}`,
          // The checking variants of libc's functions (__memcpy_chk) are not seen by the runtimes.
          '-U_FORTIFY_SOURCE',
        ]),
  ];
}

/** What to install when a compiler's runtime library is missing. */
export function runtimeHint(family: CompilerFamily, version: string): string {
  const major = /\d+/.exec(version)?.[0] ?? 'N';
  return family === 'clang'
    ? `install its runtimes: libclang-rt-${major}-dev (Debian, Ubuntu), compiler-rt (Fedora)`
    : `install its runtimes: libgcc-${major}-dev (Debian, Ubuntu), libasan libubsan liblsan libtsan (Fedora)`;
}

/**
 * Variables for programs that are built and run at once, such as a code generator or a test of configure: what they leak
 * is no reason for the build to fail. Flags that the user set come after, and win.
 */
export function buildTimeOptions(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const join = (name: string, flags: string) => ({
    [name]: [flags, environment[name]].filter((each) => each !== undefined && each !== '').join(':'),
  });
  return {
    ...join('ASAN_OPTIONS', 'detect_leaks=0:halt_on_error=0'),
    ...join('LSAN_OPTIONS', 'detect_leaks=0'),
    ...join('MSAN_OPTIONS', 'halt_on_error=0:exitcode=0'),
    ...join('TSAN_OPTIONS', 'exitcode=0'),
  };
}
