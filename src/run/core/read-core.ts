// Owns `vgrun core`: a core file becomes a stop log in a run directory.
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { UserError } from '../../errors.ts';
import { debug } from '../../log.ts';
import type { Problem } from '../../model/problem.ts';
import { type Stop, type StopThread, signalFrame } from '../../model/stop.ts';
import { version } from '../../version.ts';
import {
  createRunDirectory,
  findProjectRoot,
  keptElsewhere,
  listArtifacts,
  removeOldRuns,
  stopsEnding,
  writeManifest,
} from '../directory.ts';
import { readCoreValues, withValues } from './core-values.ts';
import { demangleNames } from './demangled-names.ts';
import { describeCore } from './describe-core.ts';
import { type OpenedCore, openCore } from './open-core.ts';
import { undecidedWaits } from './undecided-waits.ts';

export interface ReadCoreOptions {
  /** As the user names it. */
  readonly program?: string;
  readonly sysroot?: string;
  readonly search: readonly string[];
  readonly debuginfod: boolean;
  /** Arguments and locals are read. */
  readonly locals: boolean;
}

export interface ReadCoreRequest extends ReadCoreOptions {
  /** Absolute: where the run directory is made. */
  readonly workingDirectory: string;
  /** How many runs to keep. */
  readonly keep: number;
  /** A sentence that says what is known at once, before names, lines and values were looked up. */
  readonly onSeen?: (sentence: string) => void;
}

/**
 * Reads a core into a run directory of its own.
 *
 * @returns absolute path of the run directory.
 * @throws UserError (125): it cannot be read, or is no core file; no directory can be written.
 */
export async function readCore(path: string, request: ReadCoreRequest): Promise<string> {
  const { workingDirectory, keep, onSeen, ...options } = request;
  const opened = await openCore(path, { ...options, exe: options.program, folders: [workingDirectory] });
  try {
    const { id, path: directory, temporary } = await createRunDirectory(workingDirectory, false);
    const log = startLog(directory);
    for (const line of await linesOf(opened, directory, options, onSeen)) log.write(line);
    await log.end();
    // What was changed since is not what crashed.
    const startedAt = (await stat(opened.path)).mtime;
    await writeManifest(directory, {
      version: 1,
      id,
      vgrun: version,
      tool: { name: 'core', version, path: '' },
      command: wordsOf(opened),
      program: opened.exe.path ?? opened.exe.pathInCore ?? '',
      toolOptions: [],
      environmentOptions: [],
      argv: [],
      directory: workingDirectory,
      projectRoot: await findProjectRoot(workingDirectory),
      capture: 'stops',
      startedAt: startedAt.toISOString(),
      endedAt: startedAt.toISOString(),
      pid: opened.image.pid,
      core: opened.path,
      alive: [],
      artifacts: await listArtifacts(directory),
      problems: temporary ? [keptElsewhere(workingDirectory, directory)] : [],
    });
    if (!temporary) await removeOldRuns(workingDirectory, keep);
    return directory;
  } finally {
    opened.close();
  }
}

/**
 * Reads the cores that a run left, into one stop log in its directory.
 *
 * @param cores absolute paths of the files, the pids of their processes, and absolute paths of what these executed, where that is known.
 * @param began absolute paths: where the run began, and what interprets the script that was run.
 * @returns what could not be read, and which files more were left alone.
 */
export async function readCores(
  cores: readonly { readonly path: string; readonly pid: number; readonly program?: string }[],
  directory: string,
  began: { readonly workingDirectory: string; readonly interpreter?: string | undefined },
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const log = startLog(directory);
  const known = new Set([
    ...cores.flatMap(({ program }) => program ?? []),
    ...[began.interpreter ?? []].flat(),
  ]);
  const folders = [began.workingDirectory, ...[...known].map((program) => dirname(program))];
  const read = cores.slice(0, mostCores);
  for (const { path, pid, program } of read) {
    let opened: OpenedCore;
    try {
      // A process may have executed another program since it was looked at: what a core was made of is told by its build-id.
      const programs = program === undefined ? [...known] : [program, ...known];
      opened = await openCore(path, { programs, folders, pid, search: [], debuginfod: false });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push({ code: 'unreadable-core', level: 'incomplete', message: error.message });
      continue;
    }
    try {
      for (const line of await linesOf(opened, directory, { search: [], debuginfod: false, locals: true })) {
        log.write(line);
      }
    } finally {
      opened.close();
    }
  }
  await log.end();
  if (cores.length > read.length) {
    problems.push({
      code: 'more-cores',
      level: 'warning',
      message: `${cores.length - read.length} more core files were kept and not read`,
      hint: 'read one: vgrun core FILE',
    });
  }
  return problems;
}

/** Workers of a server crash alike. */
const mostCores = 20;

interface CoreLog {
  readonly path: string;
  readonly write: (line: object) => void;
  readonly end: () => Promise<void>;
}

function startLog(directory: string): CoreLog {
  const path = join(directory, `core${stopsEnding}`);
  const out = createWriteStream(path, { mode: 0o600 });
  const write = (line: object): void => {
    out.write(`${JSON.stringify(line)}\n`);
  };
  write({ type: 'log', format: 'vgrun-stops', version: 1, tool: 'core', toolVersion: version });
  return {
    path,
    write,
    end: async () => {
      write({ type: 'end' });
      out.end();
      await finished(out);
    },
  };
}

/** What is written of one core. */
async function linesOf(
  opened: OpenedCore,
  directory: string,
  options: ReadCoreOptions,
  onSeen?: (sentence: string) => void,
): Promise<readonly object[]> {
  const { facts, image, exe } = opened;
  const lwps = image.threads.map(({ lwp }) => lwp);
  const program = options.locals ? programForValues(opened) : undefined;
  let said: Promise<void> | undefined;
  const [read, described] = await Promise.all([
    program === undefined
      ? undefined
      : readCoreValues(
          {
            core: opened.path,
            program,
            movedFiles: movedFiles(opened),
            sysroot: options.sysroot,
            debuginfod: options.debuginfod,
            folder: directory,
          },
          lwps,
        ),
    describeCore(opened, {
      folder: directory,
      onUnwound: (threads) => {
        // Of a core that was cut before its threads there is nothing to say yet.
        if (threads.length > 0 && onSeen !== undefined) said = firstSentence(opened, threads).then(onSeen);
      },
    }),
  ]);
  await said;
  debug('core read', { threads: lwps.length, program });
  const stop: Stop =
    read === undefined
      ? described
      : { ...described, threads: described.threads.map((thread) => withValues(thread, read.values)) };
  const { pid } = image;
  return [
    {
      type: 'process',
      pid,
      ...(facts.ppid !== undefined && { ppid: facts.ppid }),
      argv: wordsOf(opened),
      ...(exe.pathInCore !== undefined && { program: exe.pathInCore }),
      how: 'core',
    },
    { type: 'stop', ...stop },
    facts.isCrash && facts.signal !== undefined
      ? { type: 'exit', pid, signal: facts.signal.number, name: facts.signal.name }
      : { type: 'exit', pid, detached: true },
    ...[
      ...opened.problems,
      ...opened.missing,
      ...(read?.problems ?? []),
      // A crash is why it stands still.
      ...(facts.isCrash ? [] : undecidedWaits(stop)),
    ].map((problem) => ({ type: 'problem', ...problem })),
  ];
}

/** Frames of the first thread that the first sentence names. */
const mostNamed = 8;

/** `SIGSEGV in push() ← main()`: what an impatient reader wants to know first. */
async function firstSentence({ facts }: OpenedCore, threads: readonly StopThread[]): Promise<string> {
  const why = facts.isCrash ? (facts.signal?.name ?? 'a crash') : 'no crash';
  const frames = (threads[0]?.frames ?? []).slice(0, mostNamed);
  const demangled = await demangleNames(frames.flatMap(({ function: name }) => name ?? []));
  const names = frames.map(({ function: name, object, offset, ip, isSignalHandler }) => {
    if (isSignalHandler === true) return signalFrame;
    if (name === undefined)
      return object === undefined ? (ip ?? '???') : `${basename(object)}+${offset ?? '?'}`;
    const readable = demangled.get(name) ?? name;
    return readable.endsWith(')') ? readable : `${readable}()`;
  });
  return `${why}${names.length === 0 ? '' : ` in ${names.join(' ← ')}`}; looking up lines and values`;
}

/** gdb is only worth its time where it knows variables: in debug information of what is no library of the system. */
function programForValues({ exe, modules }: OpenedCore): string | undefined {
  if (exe.path === undefined || exe.matches === 'no') return undefined;
  const isTold = modules.some(
    ({ path, file }) =>
      file?.symbols === 'debug information' && !/^\/(?:usr\/)?lib(?:32|64|x32)?\//.test(path),
  );
  return isTold ? exe.path : undefined;
}

function movedFiles({ modules, exe }: OpenedCore): readonly string[] {
  return modules.flatMap(({ path, file }) =>
    file === undefined || file.path === path || file.path === exe.path ? [] : [file.path],
  );
}

/** Exact where the stack has them; else what is joined by spaces, whose ends are not known. */
function wordsOf({ facts, exe }: OpenedCore): readonly string[] {
  if (facts.words !== undefined && facts.words.length > 0) return facts.words;
  const words = (facts.commandLine ?? '').trim();
  if (words !== '') return words.split(' ');
  return [exe.pathInCore ?? facts.startedAs ?? facts.name ?? '?'];
}
