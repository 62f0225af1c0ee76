// Owns `vgrun build`: a project's own build command, run so that sanitizers come into what it makes, beside the usual build.
import { lstat, mkdir, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { basename, delimiter, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { ExitStatus, UserError } from '../../errors.ts';
import { type Sanitizer, sanitizers } from '../../model/sanitizer.ts';
import {
  buildTimeOptions,
  type PlacedFlags,
  refuseSanitizers,
  sanitizerWords,
  sortSanitizers,
} from '../../tools/_shared/sanitizer-build.ts';
import { execute } from '../execute.ts';
import {
  ask,
  type Compiler,
  chooseCompiler,
  compilersOnPath,
  findOnPath,
  firstErrors,
  firstWord,
  inspectCompiler,
  languageOf,
  partnerOf,
  workingFlags,
} from './compilers.ts';
import { type Copied, recordName, updateMirror } from './mirror.ts';
import { type Built, findBuilt } from './results.ts';
import { isCxxSource } from './source-names.ts';
import { type Plan, planBuild, type Step } from './systems.ts';
import { type Mark, type MemwatchParts, marks, quoteForSh, type Wrapper, writeWrappers } from './wrappers.ts';

export interface BuildRequest {
  readonly sanitizers: readonly Sanitizer[];
  /** Path of memwatch.c. */
  readonly memwatch?: string;
  /** `gcc`, `clang`, or a path; missing: what the project asks for. */
  readonly compiler?: string;
  /** Missing: `build-asan`, `build-asan-ubsan`, … in the working directory. */
  readonly buildDirectory?: string;
  /** Only say what would be run. */
  readonly print: boolean;
  /** The project's own command. */
  readonly command: readonly string[];
  /** Absolute. */
  readonly workingDirectory: string;
  readonly environment: NodeJS.ProcessEnv;
  /** A line for the user, without an end of line. */
  readonly say: (line: string) => void;
}

/** What a build directory remembers from one run to the next. */
interface BuildRecord {
  readonly version: 1;
  /** What must be the same for objects to be used again. */
  readonly identity: string;
  /** Words of the steps that were done. */
  readonly done: readonly string[];
  readonly copied: Copied;
}

/** Folder of the scripts and marks in a build directory. */
const ownFolder = '.vgrun-build';

/** How many programs are named. */
const mostNames = 10;

/**
 * Builds a project with sanitizers.
 *
 * @returns the exit status: that of the build command when it failed, else 0.
 * @throws UserError (125) for what cannot be built, and for a build that made nothing that carries the runtime.
 */
export async function build(request: BuildRequest): Promise<number> {
  const { workingDirectory, say, command } = request;
  const chosen = sortSanitizers(request.sanitizers);
  const buildDirectory = buildDirectoryOf(request, chosen);
  const memwatch = await memwatchSource(request, chosen);
  const refusal = refuseSanitizers(chosen, undefined);
  if (refusal !== undefined) throw new UserError(refusal.message, refusal.hint);

  const [program = ''] = command;
  if ((await findOnPath(program, request.environment.PATH ?? '', workingDirectory)) === undefined) {
    if (!program.includes('/') || !/configure|config$/i.test(program)) {
      throw new UserError(
        `${program} is not found`,
        /^\w+=/.test(program)
          ? `variables stand in front of vgrun: ${program} vgrun build …`
          : program.includes('/')
            ? 'check the path'
            : 'it is in no directory of PATH',
        ExitStatus.notFound,
      );
    }
  }
  const plan = await planBuild(command, { workingDirectory, buildDirectory, home: request.environment.HOME });
  const root = plan.mirror;
  if (root !== undefined && !isOutside(buildDirectory, root) && relative(root, buildDirectory) === '') {
    throw new UserError(`${buildDirectory} is the source tree itself`, 'choose another: --build-dir=DIR');
  }
  const own = join(buildDirectory, ownFolder);
  const prefix = root === undefined ? [] : [`-ffile-prefix-map=${buildDirectory}=${root}`];
  const wrappers = await makeWrappers(request, chosen, prefix);
  const steps = plan.steps.map((step) => adaptStep(step, wrappers, join(own, 'bin')));
  const environment = buildEnvironment(request, plan, wrappers, join(own, 'bin'), chosen);

  if (request.print) {
    print(request, plan, steps, wrappers, environment);
    return 0;
  }
  for (const note of plan.notes) say(note);
  const used = wrappers.usual;
  say(
    `builds with ${basename(used.compiler)} ${used.flags.join(' ')} in ${shown(buildDirectory, workingDirectory)} (${plan.system})`,
  );
  const identity = JSON.stringify([
    wrappers.all.map(({ name, compiler, first, flags }) => [name, compiler, flags, first]),
    plan.system,
    root,
    memwatch,
  ]);
  const isKept = plan.output !== undefined;
  let record = await openBuildDirectory(buildDirectory, identity, isKept, say);
  const parts =
    memwatch === undefined ? undefined : await compileMemwatch(memwatch, own, wrappers.usualC, request);
  await writeWrappers(
    wrappers.all,
    { own, ...(root === undefined ? {} : { mirror: { copy: buildDirectory, root } }) },
    parts,
  );
  await Promise.all(marks.map((mark) => rm(join(own, mark), { force: true })));
  if (root !== undefined) {
    const mirrored = await updateMirror(root, buildDirectory, record.copied, request.environment);
    record = { ...record, copied: mirrored.copied };
    await writeRecord(buildDirectory, record);
    say(
      `${shown(buildDirectory, workingDirectory)} has a copy of ${root}: ${mirrored.files} files, ${megabytes(mirrored.bytes)}, ${mirrored.renewed} of them copied now`,
    );
  }
  for (const step of steps) {
    const words = JSON.stringify([step.cwd, ...step.argv]);
    if (step.unless !== undefined && record.done.includes(words) && (await exists(step.unless))) continue;
    if (step.argv[0] !== command[0] || step.argv.length !== command.length)
      say(`runs ${step.argv.join(' ')}`);
    // What configure tries says nothing of the project.
    await Promise.all(
      marks.filter((mark) => mark !== 'called').map((mark) => rm(join(own, mark), { force: true })),
    );
    const status = await runStep(step, environment, buildDirectory);
    if (status !== 0) {
      await explainFailure(own, say);
      return status;
    }
    record = { ...record, done: [...record.done.filter((each) => each !== words), words] };
    await writeRecord(buildDirectory, record);
  }
  await report(request, plan, chosen, buildDirectory, own, record);
  return 0;
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function isOutside(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way);
}

/** As the user would type it from here. */
function shown(path: string, workingDirectory: string): string {
  return isOutside(path, workingDirectory) ? path : relative(workingDirectory, path) || '.';
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function buildDirectoryOf(request: BuildRequest, chosen: readonly Sanitizer[]): string {
  const words = [...sanitizerWords(chosen), ...(request.memwatch === undefined ? [] : ['memwatch'])];
  const path = resolve(request.workingDirectory, request.buildDirectory ?? `build-${words.join('-')}`);
  if (path === request.workingDirectory || !isOutside(request.workingDirectory, path)) {
    throw new UserError(
      `${path} cannot be the build directory: what is in it would be mixed with the build`,
      'choose one of its own: --build-dir=DIR',
    );
  }
  // The compilers of the build come from a folder in it, and PATH is split there.
  if (path.includes(delimiter) || path.includes('\n')) {
    throw new UserError(
      `the path of the build directory ${path} has a "${delimiter}" or a line break, and PATH cannot hold it`,
      'build elsewhere: --build-dir=DIR',
    );
  }
  return path;
}

/** @returns the absolute path of memwatch.c. */
async function memwatchSource(
  request: BuildRequest,
  chosen: readonly Sanitizer[],
): Promise<string | undefined> {
  if (request.memwatch === undefined) return undefined;
  const conflicting = chosen.find((each) => each !== 'undefined');
  if (conflicting !== undefined) {
    const title = sanitizers.find(({ sanitizer }) => sanitizer === conflicting)?.title ?? conflicting;
    throw new UserError(
      `memwatch and ${title} cannot be in one program: both want to be its malloc`,
      `build twice, once with --memwatch and once with --${sanitizerWords([conflicting]).join('')}`,
    );
  }
  const path = resolve(request.workingDirectory, request.memwatch);
  for (const file of [path, path.replace(/\.c$/, '.h')]) {
    if (file.endsWith('.c') || file.endsWith('.h')) {
      if ((await stat(file).catch(() => undefined))?.isFile() === true) continue;
    }
    throw new UserError(
      `${file} is not there: --memwatch needs memwatch.c, with memwatch.h beside it`,
      'it is GPL and not part of vgrun: get it from https://github.com/linkdata/memwatch',
    );
  }
  return path;
}

/** memwatch itself, without its own header in front. */
async function compileMemwatch(
  source: string,
  own: string,
  { compiler }: Wrapper,
  request: BuildRequest,
): Promise<MemwatchParts> {
  const object = join(own, 'memwatch.o');
  const folder = resolve(source, '..');
  await mkdir(own, { recursive: true });
  const argv = [compiler, '-c', source, '-o', object, '-DMEMWATCH', '-DMW_STDIO', '-g', '-fPIC', '-w'];
  const result = await ask(argv, { cwd: folder, environment: request.environment });
  if (!result.ok) {
    throw new UserError(
      `${source} cannot be compiled: ${firstErrors(result.stderr)}`,
      'is it memwatch 2.71 or newer?',
    );
  }
  return { header: source.replace(/\.c$/, '.h'), folder, object };
}

interface Wrappers {
  readonly all: readonly Wrapper[];
  /** That of the project's main language, for what is said. */
  readonly usual: Wrapper;
  readonly usualC: Wrapper;
  readonly usualCxx: Wrapper | undefined;
}

/**
 * One script for each compiler that a build may call. Each calls its own compiler, unless one was chosen: then all names
 * of a language mean that one.
 */
async function makeWrappers(
  request: BuildRequest,
  chosen: readonly Sanitizer[],
  prefix: readonly string[],
): Promise<Wrappers> {
  const { workingDirectory, environment, command } = request;
  const context = { workingDirectory, environment };
  const typed = languageOf(command[0] ?? '') === undefined ? undefined : command[0];
  // A compiler that is called by itself is chosen, by being called.
  const named = request.compiler ?? typed;
  let c: Compiler;
  let cxx: Compiler | undefined;
  let isChosen = request.compiler !== undefined;
  if (named === undefined) {
    c = await chooseCompiler('c', chosen, context);
    cxx = await chooseCompiler('c++', chosen, context).catch(() => undefined);
    // gcc lacks what was asked for: whatever name the build calls, it is clang's.
    isChosen = chosen.includes('memory');
  } else {
    const first = await inspectCompiler(named, languageOf(named) ?? 'c', context);
    const refusal = refuseSanitizers(chosen, first.family);
    if (refusal !== undefined) throw new UserError(refusal.message, refusal.hint);
    const other = first.language === 'c' ? 'c++' : 'c';
    const partner = await inspectCompiler(partnerOf(first.path, other), other, context).catch(() =>
      inspectCompiler(
        first.family === 'clang' ? (other === 'c' ? 'clang' : 'clang++') : other === 'c' ? 'gcc' : 'g++',
        other,
        context,
      ).catch(() => undefined),
    );
    if (first.language === 'c') [c, cxx] = [first, partner];
    else if (partner === undefined) [c, cxx] = [{ ...first, language: 'c' }, first];
    else [c, cxx] = [partner, first];
  }
  const flagsOf = new Map<string, Promise<PlacedFlags>>();
  const flags = (compiler: Compiler) => {
    const key = `${compiler.family} ${compiler.version} ${compiler.language}`;
    const known = flagsOf.get(key) ?? workingFlags(compiler, chosen, context, prefix);
    flagsOf.set(key, known);
    return known;
  };
  const wrap = async (name: string, compiler: Compiler): Promise<Wrapper> => {
    const placed = await flags(compiler);
    return {
      name,
      compiler: compiler.path,
      language: compiler.language,
      ...placed,
      allowsUndefined: placed.first.length > 0 || (compiler.family === 'clang' && chosen.length > 0),
      wantsWholeNames: chosen.length > 0,
      dynamic: chosen.length > 0,
    };
  };
  const usualC = await wrap(basename(c.path), c);
  const usualCxx = cxx === undefined ? undefined : await wrap(basename(cxx.path), cxx).catch(() => undefined);

  const onPath = await compilersOnPath(environment.PATH ?? '', workingDirectory);
  const others = [...compilerWords(request)].filter((word) => word.includes('/'));
  for (const path of others)
    if (await exists(resolve(workingDirectory, path)))
      (onPath as Map<string, string>).set(basename(path), resolve(workingDirectory, path));
  const names = new Set([
    ...onPath.keys(),
    'cc',
    'c++',
    ...(isChosen ? ['gcc', 'g++', 'clang', 'clang++'] : []),
  ]);
  const all = await Promise.all(
    [...names].map(async (name): Promise<Wrapper | undefined> => {
      const isCxx = languageOf(name) === 'c++';
      const usual = isCxx ? usualCxx : usualC;
      const path = onPath.get(name);
      if (isChosen || path === undefined) return usual === undefined ? undefined : { ...usual, name };
      if (path === usual?.compiler) return { ...usual, name };
      try {
        return await wrap(name, await inspectCompiler(path, isCxx ? 'c++' : 'c', context));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        const refusal = `${name}: ${error.message}`;
        return {
          name,
          compiler: path,
          language: isCxx ? 'c++' : 'c',
          first: [],
          flags: [],
          allowsUndefined: false,
          wantsWholeNames: false,
          dynamic: false,
          refusal,
        };
      }
    }),
  );
  const list = all.filter((each) => each !== undefined);
  const withUsual = [usualC, usualCxx].filter(
    (each) => each !== undefined && !list.some(({ name }) => name === each.name),
  );
  const usual =
    typed !== undefined && (languageOf(typed) === 'c++' || command.some(isCxxSource))
      ? (usualCxx ?? usualC)
      : usualC;
  return {
    all: [...list, ...(withUsual as Wrapper[])].sort((a, b) => (a.name < b.name ? -1 : 1)),
    usual,
    usualC,
    usualCxx,
  };
}

// CC=gcc, -DCMAKE_C_COMPILER=/opt/llvm/bin/clang, -DCMAKE_CXX_COMPILER:FILEPATH=g++, --with-cc=clang
const compilerWord =
  /^((?:-D)?(?:CC|CXX|HOSTCC|HOSTCXX|CMAKE_C_COMPILER|CMAKE_CXX_COMPILER)(?::\w+)?=|--with-cc=)(.*)$/s;

/** Compilers that the command or the environment names. */
function compilerWords({ command, environment, compiler }: BuildRequest): ReadonlySet<string> {
  const texts = [
    ...command.map((word) => compilerWord.exec(word)?.[2]),
    environment.CC,
    environment.CXX,
    compiler,
    command[0],
  ];
  return new Set(
    texts.map(firstWord).filter((word) => word !== undefined && languageOf(word) !== undefined) as string[],
  );
}

/** `ccache /usr/bin/gcc -m32` becomes `BIN/gcc -m32`; undefined when no script is for it. */
function throughWrapper(text: string, { all }: Wrappers, bin: string): string | undefined {
  const word = firstWord(text);
  if (word === undefined || !all.some(({ name }) => name === basename(word))) return undefined;
  return [
    join(bin, basename(word)),
    ...text
      .trim()
      .split(/\s+/)
      .slice(text.trim().split(/\s+/).indexOf(word) + 1),
  ].join(' ');
}

function adaptStep(step: Step, wrappers: Wrappers, bin: string): Step {
  const argv = step.argv.map((word, index) => {
    if (index === 0) {
      const isWrapped =
        languageOf(word) !== undefined && wrappers.all.some(({ name }) => name === basename(word));
      return isWrapped ? join(bin, basename(word)) : word;
    }
    const [, front, text = ''] = compilerWord.exec(word) ?? [];
    const through = front === undefined ? undefined : throughWrapper(text, wrappers, bin);
    return through === undefined ? word : `${front}${through}`;
  });
  return { ...step, argv };
}

function buildEnvironment(
  { environment }: BuildRequest,
  plan: Plan,
  wrappers: Wrappers,
  bin: string,
  chosen: readonly Sanitizer[],
): Readonly<Record<string, string>> {
  const variables: Record<string, string> = { PATH: [bin, environment.PATH ?? ''].join(delimiter) };
  // meson splits them as a shell does; nothing else can have a blank in the path of a compiler.
  const asWord = (path: string) => (plan.system === 'meson' && /\s|'/.test(path) ? quoteForSh(path) : path);
  for (const [name, usual] of [
    ['CC', wrappers.usualC],
    ['CXX', wrappers.usualCxx],
  ] as const) {
    const given = environment[name];
    const through = given === undefined ? undefined : throughWrapper(given, wrappers, bin);
    if (through !== undefined) variables[name] = through;
    else if (plan.asksVariables && usual !== undefined) variables[name] = asWord(join(bin, usual.name));
  }
  return { ...variables, ...(chosen.length > 0 ? buildTimeOptions(environment) : {}) };
}

function print(
  { say }: BuildRequest,
  plan: Plan,
  steps: readonly Step[],
  wrappers: Wrappers,
  environment: Readonly<Record<string, string>>,
): void {
  say(`the build system is ${plan.system}`);
  for (const note of plan.notes) say(note);
  if (plan.mirror !== undefined) say(`copies ${plan.mirror}, in which the build then runs`);
  for (const wrapper of wrappers.all) {
    if (
      wrapper.name === wrapper.compiler ||
      ![wrappers.usualC, wrappers.usualCxx].some((each) => each?.name === wrapper.name)
    )
      continue;
    say(`${wrapper.name} is ${[wrapper.compiler, ...wrapper.first, ...wrapper.flags].join(' ')}`);
  }
  for (const [name, value] of Object.entries(environment)) say(`${name}=${value}`);
  for (const step of steps) say(`in ${step.cwd}: ${step.argv.join(' ')}`);
}

/**
 * Makes the build directory, or takes what an earlier run left in it. One that was built otherwise is emptied.
 *
 * @param isKept whether it is kept nevertheless, because no object in it is used again.
 * @throws UserError when something else is there.
 */
async function openBuildDirectory(
  path: string,
  identity: string,
  isKept: boolean,
  say: (line: string) => void,
): Promise<BuildRecord> {
  const status = await lstat(path).catch(() => undefined);
  const fresh: BuildRecord = { version: 1, identity, done: [], copied: {} };
  if (status !== undefined) {
    if (!status.isDirectory())
      throw new UserError(`${path} is there, and is no directory`, 'choose another: --build-dir=DIR');
    const known = await readRecord(path);
    if (known === undefined && (await readdir(path)).length > 0) {
      throw new UserError(
        `${path} is there, and vgrun build did not make it`,
        'remove it, or choose another: --build-dir=DIR',
      );
    }
    if (known !== undefined && (isKept || known.identity === identity)) return known;
    if (known !== undefined) {
      say(`${path} was built with other compilers or flags: builds anew`);
      await rm(path, { recursive: true });
    }
  }
  try {
    await mkdir(join(path, ownFolder), { recursive: true });
    await writeFile(join(path, '.gitignore'), '*\n');
    await writeRecord(path, fresh);
  } catch (error) {
    throw new UserError(
      `${path} cannot be written: ${(error as Error).message}`,
      'check the rights, or choose another: --build-dir=DIR',
    );
  }
  return fresh;
}

async function readRecord(path: string): Promise<BuildRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(join(path, recordName), 'utf8')) as Partial<BuildRecord>;
    const isOurs = record.version === 1 && typeof record.identity === 'string' && Array.isArray(record.done);
    return isOurs && typeof record.copied === 'object' && record.copied !== null
      ? (record as BuildRecord)
      : undefined;
  } catch {
    return undefined;
  }
}

async function writeRecord(path: string, record: BuildRecord): Promise<void> {
  const file = join(path, recordName);
  // The build could have left a link there.
  await unlink(file).catch(() => {});
  await writeFile(file, `${JSON.stringify(record)}\n`, { flag: 'wx' });
}

/** @returns the status as a shell gives it. */
async function runStep(
  step: Step,
  environment: Readonly<Record<string, string>>,
  buildDirectory: string,
): Promise<number> {
  await mkdir(step.cwd, { recursive: true });
  const output = step.argv[step.argv.lastIndexOf('-o') + 1];
  // `-o bin/prog`: what the normal build has a folder for.
  if (step.argv.includes('-o') && output !== undefined)
    await mkdir(join(resolve(step.cwd, output), '..'), { recursive: true });
  const { exit } = await execute({
    argv: step.argv,
    environment,
    workingDirectory: step.cwd,
    directory: buildDirectory,
    killAfter: 0,
    descriptors: [],
  });
  return exit.how === 'exited' ? exit.code : exit.how === 'signaled' ? 128 + exit.number : 125;
}

function hasMark(own: string, mark: Mark): Promise<boolean> {
  return exists(join(own, mark));
}

async function explainFailure(own: string, say: (line: string) => void): Promise<void> {
  if (!(await hasMark(own, 'called'))) return;
  say('the build failed; if it does not without vgrun, see "When a build does not work" in docs/build.md');
}

async function report(
  request: BuildRequest,
  plan: Plan,
  chosen: readonly Sanitizer[],
  buildDirectory: string,
  own: string,
  record: BuildRecord,
): Promise<void> {
  const { say, workingDirectory } = request;
  const all = await findBuilt(buildDirectory, chosen, request.memwatch !== undefined, record.copied);
  const built = all.filter(
    ({ name }) => plan.output === undefined || join(buildDirectory, name) === plan.output,
  );
  const isCalled = await hasMark(own, 'called');
  const good = built.filter(({ isInstrumented }) => isInstrumented);
  const bad = built.filter(({ isInstrumented }) => !isInstrumented);
  const titles =
    request.memwatch === undefined || chosen.length > 0
      ? sanitizers.filter(({ sanitizer }) => chosen.includes(sanitizer)).map(({ title }) => title)
      : [];
  const what = [...titles, ...(request.memwatch === undefined ? [] : ['memwatch'])].join(' and ');
  if (await hasMark(own, 'static'))
    say('the build links statically (-static), which sanitizers cannot be: it was left out');
  if (await hasMark(own, 'freestanding')) {
    say('what is compiled with -ffreestanding or -nostdlib was left alone: a sanitizer needs the C library');
  }
  if (request.memwatch !== undefined && (await hasMark(own, 'cxx'))) {
    say('C++ files were compiled without memwatch: it knows malloc and free only');
  }
  if (good.length === 0) throw nothingBuilt(what, bad, isCalled, buildDirectory, workingDirectory);
  const place = (one: Built) => shown(join(buildDirectory, one.name), workingDirectory);
  const named = (list: readonly Built[]) =>
    [
      ...list.slice(0, mostNames).map(place),
      ...(list.length > mostNames ? [`${list.length - mostNames} more`] : []),
    ].join(', ');
  const programs = good.filter(({ kind }) => kind === 'program');
  say(`built with ${what}: ${named(programs.length > 0 ? programs : good)}`);
  if (bad.length > 0) say(`without ${what}: ${named(bad)}`);
  const [first] = programs;
  const tool = chosen.length === 0 ? 'memwatch' : (sanitizerWords(chosen)[0] ?? '');
  if (first === undefined) say('only libraries were built; a program that uses them must be built so, too');
  else {
    const path = place(first);
    say(
      `to run it: vgrun --tool=${request.memwatch === undefined ? tool : 'memwatch'} ${/^[\w@%+=:,./-]+$/.test(path) ? path : quoteForSh(path)}`,
    );
  }
}

function nothingBuilt(
  what: string,
  bad: readonly Built[],
  isCalled: boolean,
  buildDirectory: string,
  workingDirectory: string,
): UserError {
  const place = shown(buildDirectory, workingDirectory);
  const names = bad
    .slice(0, 3)
    .map(({ name }) => join(place, name))
    .join(', ');
  if (!isCalled && bad.length > 0) {
    return new UserError(
      `the build made ${names} without ${what}: it does not call its compiler through PATH`,
      'it may name it by an absolute path: give it on the command line, such as make CC=gcc CXX=g++',
    );
  }
  if (!isCalled) {
    return new UserError(
      `the build made no program in ${place}, and called no compiler`,
      'is it the command that builds? Without vgrun, does it compile anything?',
    );
  }
  if (bad.length > 0) {
    return new UserError(
      `the build made ${names} without ${what}, though it called the compiler with -fsanitize`,
      'it may link by calling ld itself, or strip what it made; see "When a build does not work" in docs/build.md',
    );
  }
  return new UserError(
    `the build called the compiler, but left no program and no shared library in ${place}`,
    'if it makes objects or static libraries only, build a program that uses them; if it installs elsewhere, look there',
  );
}
