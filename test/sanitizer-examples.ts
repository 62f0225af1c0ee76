// The example programs for sanitizers: what the comment at the top of each says, how it is built, and what a run of it leaves.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { analyze } from '../src/analyze/index.ts';
import type { ParsedRecord } from '../src/model/record.ts';
import type { Report } from '../src/model/report.ts';
import { sanitizers } from '../src/model/sanitizer.ts';
import { readerFor } from '../src/tools/readers.ts';
import type { Symbols } from '../src/tools/tool.ts';
import { examplesDirectory } from './examples.ts';
import { cliPath } from './project.ts';
import { readWith } from './recordings.ts';

/** The test waits for it without doing anything else, and vitest could not end it. */
const longestRunMs = 100_000;

export const sanitizerExamplesDirectory: string = join(examplesDirectory, 'sanitizers');

export type Compiler = 'gcc' | 'clang';

/** One `// expect TOOL:` line. */
export interface SanitizerExpectation {
  readonly tool: string;
  readonly kind: string;
  /** The function that is to be blamed; the line in it ends with `// <- KIND`. */
  readonly function: string;
  readonly bytes?: number;
  readonly blocks?: number;
}

/** One way to build a program, and what must then be found in it. */
export interface SanitizerBuild {
  readonly compiler: Compiler;
  readonly flags: readonly string[];
  readonly expected: readonly SanitizerExpectation[];
}

export interface SanitizerExample {
  readonly name: string;
  /** Absolute path of the source. */
  readonly source: string;
  readonly text: string;
  readonly builds: readonly SanitizerBuild[];
  /** Flags of the runtime, in the form of `ASAN_OPTIONS`; empty for none. */
  readonly runtime: string;
  /** The macro with which the same source is a second file of the program, or a library of it. */
  readonly second?: string;
  readonly library?: string;
}

/** All examples in the order of their names. Throws when a comment cannot be read. */
export function readSanitizerExamples(): readonly SanitizerExample[] {
  return readdirSync(sanitizerExamplesDirectory)
    .filter((file) => /\.(c|cpp)$/.test(file))
    .sort()
    .map((file) => {
      const source = join(sanitizerExamplesDirectory, file);
      return readExample(source, readFileSync(source, 'utf8'));
    });
}

// `// expect lsan: direct-leak at lose_block, 100 bytes in 1 blocks`
const expectation = /^([\w-]+) at ([\w:~]+)(?:, (\d+) bytes in (\d+) blocks)?$/;

function readExample(source: string, text: string): SanitizerExample {
  const top = text.slice(0, text.search(/^(?!\/\/)/m)).split('\n');
  const expected: { compiler?: string; finding: SanitizerExpectation }[] = [];
  const flags: { compiler?: string; words: readonly string[] }[] = [];
  const words = new Map<string, string>();
  for (const line of top.slice(1).filter((line) => line !== '')) {
    // `// expect ubsan clang: function at call_wrong`, `// flags gcc: -fsanitize=address`, `// compile: gcc clang`
    const [, key = '', of = '', value = ''] =
      /^\/\/ (expect|flags|compile|runtime|second|library)((?: \w+)*): (.+)$/.exec(line) ?? [];
    if (key === '') throw new Error(`${source}: cannot read: ${line}`);
    if (key === 'expect') {
      const [tool = '', compiler] = of.trim().split(' ');
      const [, kind, name, bytes, blocks] = expectation.exec(value) ?? [];
      if (kind === undefined || name === undefined) throw new Error(`${source}: cannot read: ${line}`);
      const leak = bytes === undefined ? {} : { bytes: Number(bytes), blocks: Number(blocks) };
      expected.push({
        ...(compiler && { compiler }),
        finding: { tool, kind, function: name, ...leak },
      });
    } else if (key === 'flags') {
      flags.push({ ...(of !== '' && { compiler: of.trim() }), words: value.split(' ') });
    } else words.set(key, value);
  }
  const builds = (words.get('compile') ?? '').split(' ').flatMap((compiler) =>
    flags
      .filter((flag) => flag.compiler === undefined || flag.compiler === compiler)
      .map((flag) => ({
        compiler: compiler as Compiler,
        flags: flag.words,
        expected: expected
          .filter((one) => one.compiler === undefined || one.compiler === compiler)
          .map(({ finding }) => finding),
      })),
  );
  if (builds.length === 0) throw new Error(`${source}: no compiler or no flags in the comment at the top`);
  const second = words.get('second');
  const library = words.get('library');
  return {
    name: (/([^/]+)$/.exec(source)?.[1] ?? '').replace(/\.c$/, '').replace('.', '-'),
    source,
    text,
    builds,
    runtime: words.get('runtime') ?? '',
    ...(second !== undefined && { second }),
    ...(library !== undefined && { library }),
  };
}

/** -O0 keeps each fault on its line; -w because the faults that compilers warn about are the point. */
const always = ['-g', '-O0', '-fno-omit-frame-pointer', '-w', '-pthread'];

/** Compiles an example into a directory and gives the absolute path of the program. Throws when the compiler fails. */
export function compileExample(example: SanitizerExample, build: SanitizerBuild, directory: string): string {
  const isC = example.source.endsWith('.c');
  const compiler = build.compiler === 'gcc' ? (isC ? 'gcc' : 'g++') : isC ? 'clang' : 'clang++';
  const program = join(directory, example.name);
  const compile = (...more: string[]) =>
    execFileSync(compiler, [...always, ...build.flags, example.source, ...more], { stdio: 'pipe' });
  const rest: string[] = [];
  if (example.second !== undefined) {
    compile('-c', example.second, '-o', join(directory, 'second.o'));
    rest.push(join(directory, 'second.o'));
  }
  if (example.library !== undefined) {
    compile('-shared', '-fPIC', example.library, '-o', join(directory, 'libpart.so'));
    rest.push(`-L${directory}`, '-lpart', `-Wl,-rpath,${directory}`);
  }
  compile('-o', program, ...rest);
  return program;
}

/** What vgrun says of a run. */
export interface ReportedRun {
  readonly report: Report;
  /** As a shell sees it. */
  readonly status: number;
}

/** Runs a program under the built vgrun. Throws when that writes no report. */
export function runUnderVgrun(
  example: SanitizerExample,
  build: SanitizerBuild,
  program: string,
): ReportedRun {
  const flag = build.flags.find((word) => word.startsWith('-fsanitize=')) ?? '';
  const known = sanitizers.find(({ sanitizer }) => flag.includes(sanitizer));
  if (known === undefined) throw new Error(`${example.source}: no sanitizer in ${build.flags.join(' ')}`);
  const directory = `${program}.vgrun`;
  mkdirSync(directory);
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      cliPath,
      `--tool=${known.tool}`,
      '--report=json=report.json',
      `--project-root=${sanitizerExamplesDirectory}`,
      program,
    ],
    {
      cwd: directory,
      env: { ...process.env, ...(example.runtime !== '' && { [known.variable]: example.runtime }) },
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      timeout: longestRunMs,
    },
  );
  const path = join(directory, 'report.json');
  if (!existsSync(path)) throw new Error(`vgrun wrote no report, status ${status}\n${stderr}`);
  return { report: JSON.parse(readFileSync(path, 'utf8')), status: status ?? -1 };
}

/** What a run of an example may be told. */
export interface RunWishes {
  /** Flags of the runtimes after those of the example. */
  readonly runtime?: string;
  /** What the reader asks for names that the logs lack. */
  readonly symbols?: Symbols;
}

/** What a run left. */
export interface ExampleRun {
  readonly report: Report;
  readonly records: readonly ParsedRecord[];
  /** The exit status; missing when a signal ended the program. */
  readonly status?: number;
}

/** Runs a program with the options of all runtimes set for logs of their own, and reads what it wrote. */
export async function runExample(
  example: SanitizerExample,
  program: string,
  wishes: RunWishes = {},
): Promise<ExampleRun> {
  const directory = `${program}.logs${wishes.runtime === undefined ? '' : `-${wishes.runtime}`}`;
  mkdirSync(directory);
  const own = [`log_path=${directory}/sanitizer`, 'log_exe_name=1', 'exitcode=100'];
  const flags = [...own, example.runtime, wishes.runtime ?? ''].filter((word) => word !== '').join(':');
  const environment = Object.fromEntries(
    sanitizers.map(({ variable, sanitizer }) => [
      variable,
      sanitizer === 'undefined' ? `${flags}:print_stacktrace=1:print_summary=1:report_error_type=1` : flags,
    ]),
  );
  const { status, stderr, error } = spawnSync(program, [], {
    env: { ...process.env, ...environment },
    cwd: directory,
    maxBuffer: 1 << 26,
    timeout: longestRunMs,
    killSignal: 'SIGKILL',
  });
  if (error !== undefined) throw error;
  const logs = readdirSync(directory)
    .sort()
    .map((name) => readFileSync(join(directory, name)));
  // In a build for addresses and undefined behaviour gcc's UBSan writes there whatever log_path says.
  if (stderr.includes('runtime error: ')) logs.push(stderr);
  const records: ParsedRecord[] = [];
  let images = 0;
  for (const log of logs) {
    const reader = readerFor(log.subarray(0, 64 * 1024));
    if (reader === undefined) throw new Error(`no reader knows this log:\n${log.toString('latin1')}`);
    records.push(
      ...(await readWith(reader, [log], {
        nextImage: () => ++images,
        fromInstrument: true,
        ...(wishes.symbols && { symbols: wishes.symbols }),
      })),
    );
  }
  const report = await analyze(records, { vgrun: '0.0.0', projectRoot: sanitizerExamplesDirectory });
  return { report, records, ...(status !== null && { status }) };
}
