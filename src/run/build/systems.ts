// Owns what a build command means: which build system it is, and the steps that do the same in a directory of its own.
import { readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { UserError } from '../../errors.ts';
import { languageOf } from './compilers.ts';
import { isSource } from './source-names.ts';

/** A process of the build. */
export interface Step {
  readonly argv: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** Only if this file does not exist, or the words differ from those of the last run: configuring takes long. */
  readonly unless?: string;
}

export interface Plan {
  /** As it is said: `make`, `CMake`. */
  readonly system: string;
  readonly steps: readonly Step[];
  /** The tree to be mirrored in the build directory, when the build has no directory of its own. */
  readonly mirror?: string;
  /** The only result, absolute, of a command that makes one. */
  readonly output?: string;
  /** Whether the build asks CC and CXX when it configures; otherwise PATH has the compilers. */
  readonly asksVariables: boolean;
  readonly notes: readonly string[];
}

export interface Place {
  /** The user's home directory: never copied whole. */
  readonly home: string | undefined;
  /** Absolute. */
  readonly workingDirectory: string;
  /** Absolute. */
  readonly buildDirectory: string;
}

/**
 * Recognises a build command by its first word and by what is in the directory.
 *
 * @throws UserError for a command that cannot be built in a directory of its own.
 */
export async function planBuild(command: readonly string[], place: Place): Promise<Plan> {
  const [program = '', ...words] = command;
  const name = basename(program);
  if (['make', 'gmake', 'bmake', 'remake'].includes(name)) return planMake(program, words, place);
  if (name === 'cmake' || name === 'cmake3') return planCmake(program, words, place);
  if (name === 'meson' || name === 'meson.py') return planMeson(program, words, place);
  if (['ninja', 'ninja-build', 'samu'].includes(name)) return planNinja(program, words, place);
  if (isConfigure(program)) return planConfigure(program, words, place);
  if (['sh', 'bash', 'dash'].includes(name) && words[0] !== undefined && isConfigure(words[0])) {
    return planConfigure(words[0], words.slice(1), place, program);
  }
  if (languageOf(name) !== undefined) return planCompiler(program, words, place);
  return planOther(command, place);
}

/** `./configure`, nginx's `auto/configure`, OpenSSL's `Configure` and `config`. */
function isConfigure(program: string): boolean {
  return program.includes('/') && /^(?:[Cc]onfigure|config)(?:\.gnu)?$/.test(basename(program));
}

const jobs = `-j${availableParallelism()}`;

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Text of a file, at most its first mebibyte; empty when there is none. */
async function textOf(path: string): Promise<string> {
  return readFile(path, 'latin1').then(
    (text) => text.slice(0, 1 << 20),
    () => '',
  );
}

function isWithin(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** Takes `-C dir`, `-Cdir`, `--directory=dir` out of words. */
function takeDirectory(words: readonly string[]): { readonly directory: string; readonly rest: string[] } {
  let directory = '.';
  const rest: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as string;
    // `-Csrc`, `--directory=src`
    const joined = /^(?:-C|--directory=)(.+)$/s.exec(word)?.[1];
    const next = words[index + 1];
    if (joined !== undefined) directory = join(directory, joined);
    else if ((word === '-C' || word === '--directory') && next !== undefined) {
      directory = isAbsolute(next) ? next : join(directory, next);
      index++;
    } else rest.push(word);
  }
  return { directory, rest };
}

async function planMake(program: string, words: readonly string[], place: Place): Promise<Plan> {
  const { directory, rest } = takeDirectory(words);
  const start = resolve(place.workingDirectory, directory);
  if (
    !(await stat(start).then(
      (status) => status.isDirectory(),
      () => false,
    ))
  ) {
    throw new UserError(`make -C ${directory}: there is no such directory`, 'check the path');
  }
  if (await exists(join(start, 'CMakeCache.txt'))) {
    return cmakeFromCache(program, start, ['--', ...rest], place, 'make');
  }
  if (await exists(join(start, 'config.status'))) return planConfigured(start, rest, place, program);
  const given = rest.findIndex((word) => word === '-f' || word === '--file' || word === '--makefile');
  const file = given === -1 ? undefined : rest[given + 1];
  const makefiles = file === undefined ? ['GNUmakefile', 'makefile', 'Makefile'] : [file];
  const texts = await Promise.all(makefiles.map((each) => textOf(resolve(start, each))));
  if (
    file === undefined &&
    !(await Promise.all(makefiles.map((each) => exists(join(start, each))))).includes(true)
  ) {
    throw new UserError(`there is no Makefile in ${start}`, await otherSystemHint(start));
  }
  const base = isWithin(start, place.workingDirectory) ? place.workingDirectory : start;
  const root = await treeOf(base, start, texts.join('\n'), place.home);
  return {
    system: 'make',
    mirror: root,
    steps: [{ argv: [program, ...rest], cwd: join(place.buildDirectory, relative(root, start)) }],
    asksVariables: false,
    notes: [],
  };
}

async function otherSystemHint(
  folder: string,
  otherwise = 'name the directory: vgrun build --asan -- make -C DIR',
): Promise<string> {
  for (const [file, command] of [
    ['CMakeLists.txt', 'cmake .'],
    ['meson.build', 'meson setup build'],
    ['configure', './configure'],
    ['auto/configure', './auto/configure'],
  ] as const) {
    if (await exists(join(folder, file))) return `${file} is there: vgrun build --asan -- ${command}`;
  }
  if (await exists(join(folder, 'configure.ac')))
    return 'configure.ac is there: autoreconf -i makes configure';
  return otherwise;
}

/**
 * How much of the file system a Makefile needs around it: `-I../include` is in no mirror of its own folder. Climbs to what
 * its text names and is there, but not out of the repository, nor to a home directory or a top-level one.
 */
async function treeOf(base: string, start: string, text: string, home: string | undefined): Promise<string> {
  let top = base;
  // `-I../../include`, `include ../config.mk`; not `$(OUT)/../b` nor `a/../b`
  const ways = [...text.matchAll(/(?<![\w./)}])(?:-I|-L)?((?:\.\.\/)+[\w.+-]+)/g)].map(([, way = '']) => way);
  for (const way of new Set(ways)) {
    const climbed = resolve(start, way.replace(/[^/]*$/, ''));
    if (isWithin(top, climbed) && climbed !== top && (await exists(resolve(start, way)))) top = climbed;
  }
  if (top === base) return base;
  for (let folder = base; dirname(folder) !== folder; folder = dirname(folder)) {
    if (await exists(join(folder, '.git'))) return isWithin(top, folder) ? top : folder;
  }
  const isShared = top === home || dirname(top) === top || dirname(dirname(top)) === dirname(top);
  return isShared ? base : top;
}

/** A tree that configure was run in: make there would find its objects, so it is configured again, alike, elsewhere. */
async function planConfigured(
  start: string,
  words: readonly string[],
  place: Place,
  program: string,
): Promise<Plan> {
  const status = await textOf(join(start, 'config.status'));
  // `ac_cs_config='--prefix=/usr '\''CFLAGS=-O2 -g'\'''`: words for a shell, as one word for a shell
  const line = /^ac_cs_config=(.*)$/m.exec(status)?.[1] ?? '';
  // `ac_pwd='/home/user/project/build'`, `srcdir='..'`
  const source = /^srcdir='([^']*)'$/m.exec(status)?.[1] ?? '.';
  const plan = await planConfigure(
    join(resolve(start, source), 'configure'),
    splitQuoted(splitQuoted(line)[0] ?? ''),
    {
      ...place,
      workingDirectory: resolve(start, source),
    },
  );
  return {
    ...plan,
    steps: plan.steps.map((step, index) =>
      index === plan.steps.length - 1 ? { ...step, argv: [program, ...words] } : step,
    ),
    notes: [...plan.notes, 'configures it again with the options that config.status has'],
  };
}

/** The words of `'--prefix=/opt/a b' 'CC=gcc -m32'`, as configure writes them: quoted singly, `\'` for a quote. */
export function splitQuoted(text: string): string[] {
  return [...text.matchAll(/(?:'[^']*'|\\.|[^\s'\\])+/gs)]
    .map(([word]) =>
      word.replace(/'([^']*)'|\\(.)/gs, (_, plain?: string, one?: string) => plain ?? one ?? ''),
    )
    .filter((word) => word !== '');
}

async function planConfigure(
  program: string,
  words: readonly string[],
  place: Place,
  shell?: string,
): Promise<Plan> {
  const { workingDirectory, buildDirectory } = place;
  const path = resolve(workingDirectory, program);
  const front = shell === undefined ? [] : [shell];
  if (!(await exists(path))) {
    throw new UserError(`${program} is not found`, await otherSystemHint(dirname(path), 'check the path'));
  }
  const source = isWithin(path, workingDirectory) ? workingDirectory : dirname(path);
  const text = await textOf(path);
  // automake's projects can all be built out of their tree; autoconf alone promises nothing.
  const isAutomake = /\bam__api_version=|\bam_make\b|\bAUTOMAKE\b/.test(text);
  const isClean = !(await exists(join(dirname(path), 'config.status')));
  if (isAutomake && isClean) {
    return {
      system: 'autotools',
      steps: [
        { argv: [...front, path, ...words], cwd: buildDirectory, unless: join(buildDirectory, 'Makefile') },
        { argv: ['make', jobs], cwd: buildDirectory },
      ],
      asksVariables: true,
      notes: [],
    };
  }
  const way = relative(source, path);
  return {
    system: /Generated by GNU Autoconf/.test(text) ? 'autotools' : 'configure',
    mirror: source,
    steps: [
      {
        argv: [...front, `./${way}`, ...words],
        cwd: buildDirectory,
        unless: join(buildDirectory, 'vgrun-build.json'),
      },
      { argv: ['make', jobs], cwd: buildDirectory },
    ],
    asksVariables: true,
    notes: [],
  };
}

/** Options of cmake whose value is the next word. */
const cmakeValued = new Set([
  '-D',
  '-U',
  '-G',
  '-T',
  '-A',
  '-C',
  '--preset',
  '--toolchain',
  '--install-prefix',
]);

async function planCmake(program: string, words: readonly string[], place: Place): Promise<Plan> {
  const { workingDirectory, buildDirectory } = place;
  if (words.some((word) => ['-E', '-P', '--install', '--open', '--find-package'].includes(word))) {
    throw new UserError(
      `cmake ${words[0] ?? ''} builds nothing`,
      'give the call that configures: cmake -S . -B build',
    );
  }
  if (words[0] === '--build') {
    const directory = resolve(workingDirectory, words[1] ?? '.');
    if (!(await exists(join(directory, 'CMakeCache.txt')))) {
      throw new UserError(
        `${words[1] ?? '.'} has no CMakeCache.txt: it is no build directory of CMake`,
        'give the call that configures: vgrun build --asan -- cmake -S . -B build',
      );
    }
    return cmakeFromCache(program, directory, words.slice(2), place, 'cmake');
  }
  let source: string | undefined;
  const rest: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as string;
    const next = words[index + 1];
    if (word === '-S' && next !== undefined) {
      source = next;
      index++;
    } else if (word === '-B') index++;
    else if (/^-S./.test(word)) source = word.slice(2);
    else if (/^-B./.test(word)) continue;
    else if (cmakeValued.has(word) && next !== undefined) {
      rest.push(word, next);
      index++;
    } else if (word.startsWith('-')) rest.push(word);
    else source = word;
  }
  let folder = resolve(workingDirectory, source ?? '.');
  // `cmake ..` may name a build directory, too.
  const cache = await textOf(join(folder, 'CMakeCache.txt'));
  if (!(await exists(join(folder, 'CMakeLists.txt')))) {
    const home = cacheEntry(cache, 'CMAKE_HOME_DIRECTORY');
    if (home === undefined)
      throw new UserError(`there is no CMakeLists.txt in ${folder}`, await otherSystemHint(folder));
    folder = home;
  }
  return cmakeSteps(program, folder, rest, [], buildDirectory);
}

function cmakeSteps(
  program: string,
  source: string,
  options: readonly string[],
  building: readonly string[],
  buildDirectory: string,
): Plan {
  const limited = building.some((word) => /^(?:-j|--parallel)/.test(word)) || building.includes('--');
  return {
    system: 'CMake',
    steps: [
      {
        argv: [program, '-S', source, '-B', buildDirectory, ...options],
        cwd: dirname(buildDirectory),
        unless: join(buildDirectory, 'CMakeCache.txt'),
      },
      {
        argv: [
          basename(program).startsWith('cmake') ? program : 'cmake',
          '--build',
          buildDirectory,
          ...(limited ? [] : ['--parallel', String(availableParallelism())]),
          ...building,
        ],
        cwd: dirname(buildDirectory),
      },
    ],
    asksVariables: true,
    notes: [],
  };
}

/** `CMAKE_BUILD_TYPE:STRING=Debug` */
function cacheEntry(cache: string, name: string): string | undefined {
  return new RegExp(`^${name}:\\w+=(.*)$`, 'm').exec(cache)?.[1];
}

/** A build directory that CMake has configured: the same project with the same choices, in ours. */
async function cmakeFromCache(
  program: string,
  directory: string,
  building: readonly string[],
  place: Place,
  by: 'make' | 'ninja' | 'cmake',
): Promise<Plan> {
  const cache = await textOf(join(directory, 'CMakeCache.txt'));
  const source = cacheEntry(cache, 'CMAKE_HOME_DIRECTORY');
  if (source === undefined) {
    throw new UserError(
      `${join(directory, 'CMakeCache.txt')} does not say where the sources are`,
      'configure it again',
    );
  }
  const options: string[] = [];
  const generator = cacheEntry(cache, 'CMAKE_GENERATOR');
  if (generator !== undefined) options.push('-G', generator);
  // `BUILD_TESTING:BOOL=ON`, `CMAKE_BUILD_TYPE:STRING=Debug`; paths are for CMake to find again.
  for (const [, key = '', type = '', value = ''] of cache.matchAll(/^([\w.+-]+):(\w+)=(.*)$/gm)) {
    const isChoice = type === 'BOOL' || type === 'STRING' || type === 'UNINITIALIZED';
    const isOwn = !key.startsWith('CMAKE_') || key === 'CMAKE_BUILD_TYPE' || key === 'CMAKE_PREFIX_PATH';
    if (isChoice && isOwn && value !== '')
      options.push(`-D${key}:${type === 'UNINITIALIZED' ? 'STRING' : type}=${value}`);
  }
  const plan = cmakeSteps(
    by === 'cmake' ? program : 'cmake',
    source,
    options,
    building,
    place.buildDirectory,
  );
  return { ...plan, notes: [`configures it with the options that ${join(directory, 'CMakeCache.txt')} has`] };
}

async function planMeson(program: string, words: readonly string[], place: Place): Promise<Plan> {
  const { workingDirectory, buildDirectory } = place;
  const [verb] = words;
  if (verb === 'compile') {
    const { directory, rest } = takeDirectory(words.slice(1));
    return mesonFrom(program, resolve(workingDirectory, directory), place, [
      program,
      'compile',
      '-C',
      buildDirectory,
      ...rest,
    ]);
  }
  const isSetup = verb === 'setup';
  if (!isSetup && (verb === undefined || !(await exists(join(workingDirectory, 'meson.build'))))) {
    throw new UserError(
      `meson ${verb ?? ''} builds nothing here`,
      'give: vgrun build --asan -- meson setup build',
    );
  }
  if (
    !isSetup &&
    ['test', 'install', 'configure', 'introspect', 'dist', 'init', 'wrap'].includes(verb ?? '')
  ) {
    throw new UserError(`meson ${verb} builds nothing`, 'give: vgrun build --asan -- meson setup build');
  }
  const options: string[] = [];
  const names: string[] = [];
  const all = isSetup ? words.slice(1) : words;
  for (let index = 0; index < all.length; index++) {
    const word = all[index] as string;
    const next = all[index + 1];
    if (!word.startsWith('-')) names.push(word);
    else if (['--wipe', '--reconfigure'].includes(word)) continue;
    else {
      options.push(word);
      // `-D name=value`, `--prefix /opt`; the others are written with `=`, or have no value.
      const isSplit =
        word === '-D' ||
        /^--(?:prefix|buildtype|native-file|cross-file|backend|libdir|default-library|optimization|warnlevel)$/.test(
          word,
        );
      if (isSplit && next !== undefined) {
        options.push(next);
        index++;
      }
    }
  }
  // Of two directories the one with meson.build is the source, whichever comes first.
  const sources: string[] = [];
  for (const name of names) {
    if (await exists(join(resolve(workingDirectory, name), 'meson.build'))) sources.push(name);
  }
  return mesonSteps(program, resolve(workingDirectory, sources[0] ?? '.'), options, buildDirectory);
}

function mesonSteps(
  program: string,
  source: string,
  options: readonly string[],
  buildDirectory: string,
  build: readonly string[] = [program, 'compile', '-C', buildDirectory],
): Plan {
  return {
    system: 'meson',
    steps: [
      {
        argv: [program, 'setup', ...options, buildDirectory, source],
        cwd: source,
        unless: join(buildDirectory, 'meson-private', 'coredata.dat'),
      },
      { argv: build, cwd: source },
    ],
    asksVariables: true,
    notes: [],
  };
}

/** A build directory that meson has set up. */
async function mesonFrom(
  program: string,
  directory: string,
  place: Place,
  build: readonly string[],
): Promise<Plan> {
  const info = await textOf(join(directory, 'meson-info', 'meson-info.json'));
  let source: string | undefined;
  try {
    const known: unknown = (JSON.parse(info) as { directories?: { source?: unknown } }).directories?.source;
    if (typeof known === 'string') source = known;
  } catch {
    // No JSON: said below.
  }
  if (source === undefined) {
    throw new UserError(
      `${directory} is no build directory of meson`,
      'give: vgrun build --asan -- meson setup build',
    );
  }
  // [options]
  // buildtype = release
  const text = await textOf(join(directory, 'meson-private', 'cmd_line.txt'));
  const section = /^\[options\]$([\s\S]*?)(?=^\[|$(?![\s\S]))/m.exec(text)?.[1] ?? '';
  const options = [...section.matchAll(/^([\w.:-]+) = (.*)$/gm)].map(([, key, value]) => `-D${key}=${value}`);
  const plan = mesonSteps(program, source, options, place.buildDirectory, build);
  return { ...plan, notes: [`sets it up with the options that ${directory} has`] };
}

async function planNinja(program: string, words: readonly string[], place: Place): Promise<Plan> {
  const { directory, rest } = takeDirectory(words);
  const start = resolve(place.workingDirectory, directory);
  if (await exists(join(start, 'CMakeCache.txt'))) {
    return cmakeFromCache(program, start, rest.length === 0 ? [] : ['--', ...rest], place, 'ninja');
  }
  if (await exists(join(start, 'meson-info', 'meson-info.json'))) {
    return mesonFrom('meson', start, place, [program, '-C', place.buildDirectory, ...rest]);
  }
  if (!(await exists(join(start, 'build.ninja')))) {
    throw new UserError(`there is no build.ninja in ${start}`, await otherSystemHint(start));
  }
  const base = isWithin(start, place.workingDirectory) ? place.workingDirectory : start;
  return {
    system: 'ninja',
    mirror: base,
    steps: [{ argv: [program, ...rest], cwd: join(place.buildDirectory, relative(base, start)) }],
    asksVariables: false,
    notes: [],
  };
}

/** `cc a.c b.c -o prog`: the same, with the program in the build directory. */
function planCompiler(program: string, words: readonly string[], place: Place): Plan {
  const { workingDirectory, buildDirectory } = place;
  const rest: string[] = [];
  let output: string | undefined;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as string;
    if (word === '-o' && words[index + 1] !== undefined) output = words[++index];
    // -openmp and the like are no output; gcc has none that begins so, except -o itself.
    else if (/^-o./.test(word)) output = word.slice(2);
    else rest.push(word);
  }
  const sources = rest.filter((word) => !word.startsWith('-') && isSource(word));
  const stops = rest.find((word) => ['-c', '-S', '-E'].includes(word));
  if (stops !== undefined && output === undefined && sources.length !== 1) {
    throw new UserError(
      `${program} ${stops} leaves its objects beside the sources, where those of the normal build are`,
      'give the call that links, with all sources, or the build system that makes these calls',
    );
  }
  if (output === undefined) {
    const [source = ''] = sources;
    output =
      stops === undefined ? 'a.out' : basename(source).replace(/\.[^.]*$/, stops === '-S' ? '.s' : '.o');
  }
  const way = relative(workingDirectory, resolve(workingDirectory, output));
  const inOurs = isWithin(join(workingDirectory, way), workingDirectory) ? way : basename(output);
  const target = join(buildDirectory, inOurs);
  return {
    system: 'a compiler',
    output: target,
    steps: [
      {
        argv: [
          program,
          ...rest,
          '-o',
          isWithin(target, workingDirectory) ? relative(workingDirectory, target) : target,
        ],
        cwd: workingDirectory,
      },
    ],
    asksVariables: false,
    notes: [],
  };
}

/** Anything else runs in a mirror, with the compilers on PATH and in CC and CXX. */
function planOther(command: readonly string[], { workingDirectory, buildDirectory }: Place): Plan {
  return {
    system: 'an unknown build system',
    mirror: workingDirectory,
    steps: [{ argv: command, cwd: buildDirectory }],
    asksVariables: true,
    notes: [
      `${basename(command[0] ?? '')} is no build system that vgrun knows: it runs in a copy of ${workingDirectory}, with its compilers first on PATH, and in CC and CXX`,
    ],
  };
}
