// Owns RUN: a plan becomes a run directory. The only step that starts the target.
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { debug } from '../log.ts';
import type { Launch } from '../model/launch.ts';
import type { Problem } from '../model/problem.ts';
import type { Artifact, EnvironmentOptions, Executable, Exit, RunManifest } from '../model/run.ts';
import { sanitizers } from '../model/sanitizer.ts';
import { type OptionToken, optionsFor } from '../tools/_shared/valgrind-options.ts';
import type { Tool } from '../tools/tool.ts';
import { watchAppended } from './appended-logs.ts';
import { startCapture } from './capture.ts';
import { collect } from './collect.ts';
import { errorStops } from './crash/error-stops.ts';
import {
  closeRunDirectory,
  createRunDirectory,
  isWrittenByProgram,
  keptElsewhere,
  listArtifacts,
  nameAsText,
  removeOldRuns,
  removePipes,
  roleOf,
  writeManifest,
} from './directory.ts';
import { type ExecutableWatch, watchExecutables, withSanitizers } from './executables.ts';
import { execute, withoutMailServer } from './execute.ts';
import type { GdbLaunch } from './gdb/launch.ts';
import type { Instrument } from './instrument.ts';
import { type Inheritance, killedWithUs } from './limits.ts';
import { copyReports, keepOutputs } from './outputs.ts';
import { waitForRun } from './processes.ts';
import { showProgress } from './progress.ts';
import { asIntoStream, openRelay, type Sink } from './relay.ts';
import type { Target } from './target.ts';
import { pathIn, realPath } from './working-directory.ts';

/** The descriptor that `--capture=fd` gives to valgrind; high, so that the program's own stay as they were. */
const xmlDescriptor = 100;
const xmlStream = 'valgrind-stream.xml';

export interface RunRequest {
  readonly tool: Tool;
  readonly launch: Launch;
  readonly target: Target;
  readonly instrument: Instrument;
  /** Absolute path of the library that is loaded into the program. */
  readonly preload?: string;
  readonly inheritance: Inheritance;
  readonly environmentOptions: readonly EnvironmentOptions[];
  /** Variables besides those of this process; undefined takes one away. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** `environment` is all that the program has: nothing of this process' own reaches it. */
  readonly onlyEnvironment?: boolean;
  /** Whoever drives it ends it: no signals are passed on. */
  readonly isDriven?: boolean;
  /**
   * The variables of this process. Given, these and all words, variables and paths of the request hold bytes that are no UTF-8 as in
   * byte-text.ts, and the program gets those; missing: Node's.
   */
  readonly inherits?: Readonly<Record<string, string | undefined>>;
  /** It has no terminal and is in nobody's process group, as what a server starts. */
  readonly ownSession?: true;
  /** A directory that stands already: that of a launch of a replay. */
  readonly place?: { readonly id: string; readonly directory: string };
  readonly workingDirectory: string;
  /** Absolute: the folder whose `.vgrun/runs` gets the run. */
  readonly runsIn: string;
  readonly projectRoot: string;
  /** Where the user wants a copy of the log, when it is a descriptor or a socket. */
  readonly sink?: Sink;
  /** `--core` and `--on-crash=gdb`: cores of processes that crash come into the run directory. */
  readonly cores?: 'keep' | 'read';
  readonly followInterpreter: boolean;
  /** ms; 0: none. */
  readonly timeout: number;
  /** ms between SIGTERM and SIGKILL at the timeout. */
  readonly killAfter: number;
  /** ms to wait for processes that outlive the first one. */
  readonly wait: number;
  /** How many runs to keep. */
  readonly keep: number;
  readonly version: string;
  /** Absolute path of an llvm-symbolizer, where one is installed. */
  readonly symbolizer?: string;
  /** Problems known before the launch. */
  readonly problems: readonly Problem[];
}

/** What may be heard of a run while it goes on, and what it is given. */
export interface RunEvents {
  /** Descriptors of this process, above 2, that the target gets under the same numbers. */
  readonly descriptors?: readonly number[];
  /** One line for the user. */
  readonly say?: (line: string) => void;
  /** Progress lines on stderr while the program is silent. */
  readonly progress?: boolean;
  /** Descriptors of this process that are the target's stdin, stdout and stderr; missing: the user's own. */
  readonly standard?: readonly { readonly child: 0 | 1 | 2; readonly own: number }[];
  /** The target runs now. */
  readonly onStart?: (pid: number, directory: string) => void;
  /** The first process has ended; others may still write. With the status that the instrument puts in place of the program's. */
  readonly onExit?: (exit: Exit, instrumentExitcode: number | undefined) => void;
  /** It has ended, and all it left is in the run directory: what the manifest is to say besides. */
  readonly onEnded?: (directory: string) => Promise<Added>;
  /** Bytes of the XML stream, with `capture: 'fd'`. */
  readonly onXml?: (bytes: Uint8Array) => void;
}

/** What whoever drives a run knows of it. */
export type Added = Pick<RunManifest, 'served' | 'stoppedBy'> & { readonly problems: readonly Problem[] };

export interface RunResult {
  /** Absolute path of the run directory. */
  readonly directory: string;
  readonly manifest: RunManifest;
}

/**
 * Runs the target under the instrument, to its end and that of its processes, and closes the run directory.
 *
 * @throws UserError (125) when no directory can be written, or the instrument cannot be started.
 */
export async function runTarget(request: RunRequest, events: RunEvents = {}): Promise<RunResult> {
  const { launch, tool } = request;
  const {
    id,
    path: directory,
    temporary,
  } = request.place === undefined
    ? await createRunDirectory(request.runsIn, isWrittenByProgram(tool.launcher, launch.capture))
    : { id: request.place.id, path: request.place.directory, temporary: false };
  const problems: Problem[] = [
    ...request.problems,
    ...request.inheritance.problems,
    ...request.target.problems,
  ];
  if (temporary) problems.push(keptElsewhere(request.runsIn, directory));
  const onlyEnvironment = request.onlyEnvironment === true;
  const environment = {
    ...(onlyEnvironment ? {} : (request.inherits ?? process.env)),
    ...request.environment,
  };
  const inheritedOptions = request.environmentOptions.flatMap(({ options }) => options);
  const plan = tool.plan(launch, {
    directory,
    version: request.instrument.version,
    xmlDescriptor,
    environmentOptions: inheritedOptions,
    environment,
    ...(request.symbolizer === undefined ? {} : { symbolizer: request.symbolizer }),
    ...(request.preload !== undefined && { preload: request.preload }),
  });
  const startsItself = tool.launcher === 'none' || tool.launcher === 'heaptrack';
  const own = programVariables(plan.programEnvironment, launch.program);
  const startedAt = new Date();
  const gdb: GdbLaunch | undefined =
    tool.launcher === 'gdb'
      ? await (await import('./gdb/launch.ts')).prepareGdb({
          directory,
          program: realPath(request.target.path),
          words: [launch.program, ...launch.arguments],
          toolOptions: launch.toolOptions,
          environment: { ...environment, ...withoutMailServer },
          startedAt,
          wait: request.wait,
          inherited: events.descriptors ?? [],
          standard: events.standard ?? [],
        })
      : undefined;
  // gdb takes no signal that is meant for the program, and the kernel ends the program with it.
  // What waits for gdb takes no SIGTERM.
  const inheritance =
    gdb === undefined && launch.debugging === undefined
      ? request.inheritance
      : killedWithUs(request.inheritance);
  const argv = [
    ...(own === undefined ? [] : [...inheritance.prefix, ...own]),
    ...(startsItself ? [] : [request.instrument.path]),
    // Not in the program's own variables and home, where valgrind would look for them.
    ...(tool.launcher === 'valgrind' && onlyEnvironment
      ? ['--command-line-only=yes', ...inheritedOptions]
      : []),
    ...(startsItself ? [] : plan.options),
    ...(tool.launcher === 'valgrind' && launch.program.startsWith('-') ? ['--'] : []),
    ...(gdb?.options ??
      plan.command ?? [
        // Nobody but the shell looks for the program then.
        startsItself && launch.program.startsWith('-') ? request.target.path : launch.program,
        ...launch.arguments,
      ]),
  ];
  debug('plan', { argv, directory });

  let manifest: RunManifest = {
    version: 1,
    id,
    vgrun: request.version,
    tool: { name: tool.name, version: request.instrument.version, path: request.instrument.path },
    command: [launch.program, ...launch.arguments],
    program: realPath(request.target.path),
    toolOptions: launch.toolOptions,
    environmentOptions: request.environmentOptions,
    ...(launch.knownNoise === undefined ? {} : { knownNoise: launch.knownNoise.map(({ name }) => name) }),
    ...(request.environment === undefined ? {} : { environment: Object.keys(request.environment).sort() }),
    argv,
    directory: realPath(request.workingDirectory),
    projectRoot: realPath(request.projectRoot),
    capture: launch.capture,
    ...(request.target.interpreter === undefined || request.followInterpreter
      ? {}
      : { interpreter: request.target.interpreter }),
    ...(plan.exitcode === undefined ? {} : { instrumentExitcode: plan.exitcode }),
    ...(plan.searchesLeaks === true ? { searchesLeaks: true } : {}),
    startedAt: startedAt.toISOString(),
    alive: [],
    artifacts: [],
    problems,
  };
  await writeManifest(directory, manifest);

  const relay = request.sink === undefined ? undefined : openRelay(request.sink);
  const options = effectiveOptions(request, plan.options);
  const stops = await errorStops({
    effective: options,
    debugging: launch.debugging,
    valgrind: request.instrument.path,
    workingDirectory: request.workingDirectory,
    directory,
    say: events.say ?? (() => {}),
  });
  const wantsXml = launch.capture === 'xml' || launch.capture === 'fd';
  /** The user's descriptor or socket gets text as valgrind writes it there. */
  const streamed =
    !wantsXml && request.sink !== undefined && !('path' in request.sink) ? asIntoStream() : undefined;
  const capture = await startCapture({
    directory,
    environment,
    mirrors: [
      ...(launch.logFile === undefined
        ? []
        : [{ template: pathIn(request.workingDirectory, launch.logFile), kind: 'log' as const }]),
      ...(launch.xmlFile === undefined
        ? []
        : [{ template: pathIn(request.workingDirectory, launch.xmlFile), kind: 'xml' as const }]),
    ],
    follows: (file) => {
      const role = roleOf(file);
      if (role === 'xml')
        return file === xmlStream || (relay !== undefined && wantsXml) || stops?.readsXml === true;
      return role === 'text' && ((relay !== undefined && !wantsXml) || stops !== undefined);
    },
    onData: (file, bytes) => {
      if (file === xmlStream) events.onXml?.(bytes);
      if (relay !== undefined && file.endsWith('.xml') === wantsXml)
        relay.write(streamed?.(file, bytes) ?? bytes);
      stops?.read(file, bytes);
    },
  });

  const errors =
    launch.capture === 'reports' && (await twoRuntimes(request.target))
      ? (await import('./stderr-copy.ts')).startStderrCopy(directory)
      : undefined;
  problems.push(...(errors?.problems ?? []));
  const stream = launch.capture === 'fd' ? openSync(join(directory, xmlStream), 'a') : undefined;
  let stopProgress = () => {};
  let executables: ExecutableWatch | undefined;
  let reading: Promise<unknown> | undefined;
  const cores =
    request.cores === undefined
      ? undefined
      : await (await import('./crash/cores.ts')).watchCores({
          directory,
          workingDirectory: request.workingDirectory,
          program: request.target.path,
          isValgrind: tool.launcher === 'valgrind',
          logTemplate:
            launch.logFile === undefined ? undefined : pathIn(request.workingDirectory, launch.logFile),
          environment,
        });
  const appended = plan.appended && watchAppended(plan.appended, request.workingDirectory);
  const ended = await execute({
    argv,
    environment: gdb?.environment ?? {
      ...request.environment,
      ...plan.environment,
      ...(own === undefined && plan.programEnvironment),
    },
    onlyEnvironment: onlyEnvironment || gdb !== undefined,
    ownSession: request.ownSession === true,
    passesSignals: request.isDriven !== true,
    inherits: request.inherits,
    ...(gdb !== undefined && { receiver: gdb.programPid }),
    workingDirectory: request.workingDirectory,
    directory,
    timeout: request.timeout,
    killAfter: request.killAfter,
    descriptors: [
      ...(events.descriptors ?? []).map((number) => ({ child: number, own: number })),
      ...(stream === undefined ? [] : [{ child: xmlDescriptor, own: stream }]),
      // The first that is named for a number counts.
      ...(errors?.descriptor === undefined ? [] : [{ child: 2, own: errors.descriptor }]),
      ...(gdb?.descriptors ?? events.standard ?? []),
    ],
    onStart: (pid) => {
      gdb?.close();
      events.onStart?.(pid, directory);
      cores?.started(pid);
      if (tool.launcher === 'none') {
        executables = watchExecutables(pid, manifest.program, {
          onLook: appended?.look,
          mayRest: launch.capture === 'reports',
        });
      }
      // Needed after the program only, and loaded while it runs.
      if (launch.capture === 'reports') {
        reading = Promise.all([import('./symbolize.ts'), import('./read-reports.ts')]);
      }
      if (events.progress === true) stopProgress = showProgress(pid, launch.program);
    },
  });
  events.onExit?.(ended.exit, plan.exitcode);
  problems.push(...ended.problems);
  stopProgress();
  debug('the first process ended', { ...ended });
  const alive = await waitForRun(directory, ended.stoppedBy === undefined ? request.wait : 0);
  executables?.stop();
  if (stream !== undefined) closeSync(stream);
  await errors?.finish();
  try {
    await capture.finish();
  } catch (error) {
    problems.push({
      code: 'capture-failed',
      level: 'incomplete',
      message: `the logs could not be kept whole: ${(error as Error).message}`,
      hint: `see what is in ${directory}`,
    });
  }
  problems.push(...((await stops?.finish()) ?? []));
  debug('capture closed', { alive });
  await relay?.close();
  problems.push(...(relay?.problems ?? []));
  await keepOutputs(plan.outputs ?? [], {
    directory,
    workingDirectory: request.workingDirectory,
    environment,
    startedAt,
    pid: ended.pid,
  });
  problems.push(...((await appended?.keep(directory)) ?? []));
  problems.push(
    ...(await collect(tool, {
      directory,
      instrument: request.instrument.interpreter ?? request.instrument.path,
      program: request.target.path,
      executables: new Map([...(executables?.seen ?? [])].map(([each, { path }]) => [each, path])),
    })),
  );

  const left = await cores?.finish(ended);
  problems.push(...(left?.problems ?? []));
  if (request.cores === 'read' && left !== undefined && left.cores.length > 0) {
    const { readCores } = await import('./core/read-core.ts');
    const files = left.cores.flatMap(({ pid, artifact, path, program }) => {
      const file = artifact === undefined ? path : join(directory, artifact);
      return file === undefined ? [] : [{ path: file, pid, ...(program !== undefined && { program }) }];
    });
    problems.push(
      ...(await readCores(files, directory, {
        workingDirectory: request.workingDirectory,
        interpreter: request.target.interpreter,
      })),
    );
  }
  if (launch.capture === 'stops') {
    const { enrichStops } = await import('./core/enrich-stops.ts');
    problems.push(...(await enrichStops(directory)));
  }
  if (request.cores === 'keep') {
    for (const { pid, artifact, path = '' } of left?.cores ?? []) {
      events.say?.(
        `the core of process ${pid} is ${artifact === undefined ? path : join(directory, artifact)}`,
      );
    }
  }
  if (alive.length === 0) {
    await closeRunDirectory(directory).catch(() => {});
    await removePipes(directory).catch(() => {});
  }
  await nameAsText(directory).catch(() => {});
  const added = await events.onEnded?.(directory);
  problems.push(...(added?.problems ?? []));
  const stoppedBy = ended.stoppedBy ?? added?.stoppedBy;
  const endedAt = new Date();
  const seen =
    executables === undefined
      ? undefined
      : launch.capture === 'reports'
        ? await withSanitizers([...executables.seen.values()])
        : [...executables.seen.values()];
  if (errors === undefined) problems.push(...(await unheard(tool, seen ?? [])));
  if (launch.capture === 'reports') {
    await reading;
    const { symbolizeRun } = await import('./symbolize.ts');
    const unnamed = await symbolizeRun(directory, {
      workingDirectory: request.workingDirectory,
      symbolizer: request.symbolizer,
      manifest: { ...manifest, pid: ended.pid, exit: ended.exit, ...(seen && { executables: seen }) },
    });
    problems.push(...unnamed);
    if (plan.reportCopy !== undefined) {
      problems.push(...(await copyReports(directory, pathIn(request.workingDirectory, plan.reportCopy))));
    }
  }
  const artifacts = await listArtifacts(directory, {
    closed: alive.length === 0,
    startedAt,
  }).catch((error: Error) => {
    throw new UserError(
      `the run directory could not be read after the run: ${error.message}`,
      'something removed it while the program ran: a clean-up, or the program itself',
    );
  });
  const exit =
    gdb !== undefined
      ? exitUnderGdb(gdb, ended.exit, stoppedBy !== undefined, problems)
      : tool.launcher === 'valgrind'
        ? exitOfTarget(ended.exit, artifacts, !wantsXml && isSilent(options), problems)
        : exitUnder(request, ended.exit, artifacts, problems);
  manifest = {
    ...manifest,
    endedAt: endedAt.toISOString(),
    durationMs: endedAt.getTime() - startedAt.getTime(),
    pid: ended.pid,
    exit,
    ...(stoppedBy === undefined ? {} : { stoppedBy }),
    ...(added?.served === undefined ? {} : { served: added.served }),
    ...(seen && { executables: seen }),
    ...(left && { cores: left.cores }),
    alive,
    artifacts,
    problems,
  };
  await writeManifest(directory, manifest);
  debug('run closed', { artifacts: artifacts.length });
  if (!temporary && request.place === undefined) await removeOldRuns(request.runsIn, request.keep);
  return { directory, manifest };
}

/**
 * Words that give the program its variables, after what stands in front of it. env(1) would take a name with `=` for one more:
 * such a program gets them from us, and then nothing may stand in front.
 */
function programVariables(
  variables: Readonly<Record<string, string>> | undefined,
  program: string,
): readonly string[] | undefined {
  if (variables === undefined) return [];
  if (program.includes('=')) return undefined;
  return ['/usr/bin/env', ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)];
}

async function twoRuntimes({ sanitizers = [] }: Target): Promise<boolean> {
  return sanitizers.length > 1 && (await import('./stderr-copy.ts')).writesToStderr(sanitizers);
}

/** What of the programs that another one started was said to stderr only, which nobody read along. */
async function unheard({ name }: Tool, seen: readonly Executable[]): Promise<readonly Problem[]> {
  if (!sanitizers.some(({ tool }) => tool === name)) return [];
  if (!seen.some(({ sanitizers: built = [] }) => built.length > 1)) return [];
  const { heardOnStderrOnly, writesToStderr } = await import('./stderr-copy.ts');
  const programs = seen.filter(({ sanitizers: built = [] }) => writesToStderr(built));
  return programs.length === 0 ? [] : [heardOnStderrOnly(programs.map(({ path }) => path))];
}

/** What valgrind will go by, in its order: the last word wins. */
function effectiveOptions(
  { tool, environmentOptions }: RunRequest,
  planned: readonly string[],
): readonly OptionToken[] {
  const inherited = environmentOptions.flatMap(({ options }) => options);
  return optionsFor(tool.name, [...inherited, ...planned]);
}

/**
 * valgrind ends with 1 when it does not like its options and with 127 when it finds no program, just as a program
 * may. Only a log that it began tells the two apart.
 *
 * @param silent `-q` with a text log: then valgrind makes the log, and writes nothing into it about a clean program.
 */
function exitOfTarget(
  exit: Exit,
  artifacts: readonly Artifact[],
  silent: boolean,
  problems: Problem[],
): Exit {
  const logs = artifacts.filter(({ role }) => role === 'xml' || role === 'text');
  if (logs.some(({ size }) => size > 0)) return exit;
  if (silent && logs.length > 0) {
    problems.push({
      code: 'silent-log',
      level: 'incomplete',
      message:
        'with -q an empty text log says nothing: neither that the program is clean nor that it was seen',
      hint: 'leave out -q, or the log of your own: then the errors are captured as XML, which is never empty',
    });
    return exit;
  }
  problems.push({
    code: 'instrument-wrote-nothing',
    level: 'incomplete',
    message: 'the instrument wrote no log: it did not start, or was killed before it could',
    hint: 'what it printed above says why',
  });
  return { how: 'unknown' };
}

/**
 * gdb ends as the program did, but it may also end by itself, or be killed with the program.
 *
 * @param isEnded vgrun ended the run.
 */
function exitUnderGdb({ end }: GdbLaunch, exit: Exit, isEnded: boolean, problems: Problem[]): Exit {
  const { started, exit: seen } = end();
  if (seen !== undefined) return seen;
  if (isEnded) return exit;
  problems.push({
    code: started ? 'gdb-ended' : 'instrument-wrote-nothing',
    level: 'incomplete',
    message: started
      ? 'gdb ended before the program did, and the program was ended with it'
      : 'gdb did not start the program',
    hint: 'gdb.log in the run directory has what gdb said',
  });
  return { how: 'unknown' };
}

/**
 * Without data perf has not started the program, and its own status says nothing of it. A program that writes its data itself
 * ran in any case.
 */
function exitUnder(
  { tool: { name, launcher }, launch }: RunRequest,
  exit: Exit,
  artifacts: readonly Artifact[],
  problems: Problem[],
): Exit {
  // The end of looking at a process that goes on is no end of a program, whoever asked for it.
  const seen: Exit = launch.attach === undefined ? exit : { how: 'exited', code: 0 };
  // What a process without a file means, is known when the others are read.
  if (launch.capture === 'reports') return seen;
  if (artifacts.some(({ role, size }) => role === 'profile' && size > 0)) return seen;
  if (launcher === 'heaptrack') {
    problems.push({
      code: 'no-profile',
      level: 'incomplete',
      message: 'heaptrack recorded nothing of the program',
      hint: 'its library was not loaded: what the loader printed above says why',
    });
    return exit;
  }
  if (launcher === 'none') {
    problems.push({
      code: 'no-profile',
      level: 'incomplete',
      message: `the program wrote no data for ${name}`,
      hint: 'build and link it with -pg, and let it end by exit or by returning from main: one that is killed or calls _exit writes none; one that replaces its environment, as libfcgi does, writes ./gmon.out instead',
    });
    return exit;
  }
  if (artifacts.some(({ name: file, size }) => file === 'perf.data' && size > 0)) return seen;
  problems.push({
    code: 'instrument-wrote-nothing',
    level: 'incomplete',
    message: 'perf recorded nothing: what it printed above says why',
    hint: permissionHint,
  });
  return { how: 'unknown' };
}

const permissionHint =
  'if it is a matter of permission: sudo sysctl kernel.perf_event_paranoid=1 (until the next start), or run it as root';

function isSilent(options: readonly OptionToken[]): boolean {
  const count = (...names: readonly string[]) => options.filter(({ name }) => names.includes(name)).length;
  return count('-q', '--quiet') > count('-v', '--verbose');
}
