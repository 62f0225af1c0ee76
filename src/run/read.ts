// Owns the way from files to records: which artifacts a run has, and which reader reads each.
import { createReadStream, existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import type { Problem } from '../model/problem.ts';
import type { ParsedRecord, RunRecord } from '../model/record.ts';
import type { Replay } from '../model/request.ts';
import type { ArtifactRole, RunManifest } from '../model/run.ts';
import { valgrindText } from '../tools/_shared/valgrind-text.ts';
import { valgrindXml } from '../tools/_shared/valgrind-xml.ts';
import { interpreterFor } from '../tools/index.ts';
import type { ReadContext, Reader, Symbols } from '../tools/tool.ts';
import { convertFiles } from './convert.ts';
import { groupCopies, readCopies } from './copies.ts';
import {
  launchFolders,
  leakChecksName,
  listArtifacts,
  manifestName,
  readManifest,
  roleOf,
} from './directory.ts';
import { readHead } from './head.ts';
import { createOpenDescriptors, type OpenDescriptors } from './open-descriptors.ts';
import { runsProcess } from './processes.ts';
import { readPlainLog } from './read-plain-log.ts';
import { instrumentProblems, type ProfileSource, readProfiles } from './read-profiles.ts';
import { besideOthers } from './stops-beside.ts';

/** Enough for every reader to recognise its format. */
const headBytes = 64 * 1024;

/** The reader of a file. Most runs have valgrind's XML and nothing else: the other readers are loaded when they are needed. */
async function readerOf(head: Uint8Array): Promise<Reader | undefined> {
  if (valgrindXml.recognizes(head)) return valgrindXml;
  return (await import('../tools/readers.ts')).readerFor(head);
}

/** What can be parsed: a run with its manifest, or logs that came from elsewhere. */
export interface Sources {
  /** The run's manifest with `alive` and `artifacts` as they are now; missing for foreign logs. */
  readonly manifest?: RunManifest;
  /** Absolute path of the run directory. */
  readonly directory?: string;
  /** Absolute paths, in the order in which they are read. */
  readonly files: readonly string[];
  /** Of several runs those that have reports: what a missing one means, only their own manifest tells. */
  readonly reportRuns?: readonly ReportRun[];
  /** Of a replay: each start of the program, in order. Their files are among the files of all, too. */
  readonly launches?: readonly Launched[];
  readonly problems: readonly Problem[];
}

interface Launched extends Sources {
  /** The folder in the run directory. */
  readonly name: string;
  readonly manifest: RunManifest;
}

interface ReportRun {
  readonly manifest: RunManifest;
  readonly directory: string;
  /** Absolute; they are among the files of all, too. */
  readonly files: readonly string[];
}

/**
 * Finds out what the given paths are: run directories, directories of runs, directories with logs in them, log files,
 * `-` excluded. What is not one run alone has no manifest, and how its programs ended is then known from the logs only.
 *
 * @throws UserError (125) for a path that does not exist, cannot be read, or holds nothing to read.
 */
export async function findSources(given: readonly string[]): Promise<Sources> {
  const paths = (await Promise.all(given.map(runsIn))).flat();
  if (paths.length === 1) {
    const only = resolve(paths[0] as string);
    if ((await statusOf(only)).isDirectory()) return sourcesOfDirectory(only);
  }
  const files: string[] = [];
  const problems: Problem[] = [];
  const reportRuns: ReportRun[] = [];
  for (const path of paths) {
    const absolute = resolve(path);
    const status = await statusOf(absolute);
    if (!status.isDirectory()) {
      files.push(absolute);
      continue;
    }
    const inner = await sourcesOfDirectory(absolute);
    files.push(...inner.files);
    problems.push(...inner.problems, ...(inner.manifest === undefined ? [] : problemsOfRun(inner.manifest)));
    const runs = inner.launches?.map((launch) => ({ ...launch, directory: join(absolute, launch.name) })) ?? [
      { ...inner, directory: absolute },
    ];
    for (const { manifest, directory, files: own } of runs) {
      if (manifest?.capture === 'reports') reportRuns.push({ manifest, directory, files: own });
    }
  }
  return {
    files: await convertFiles(files),
    problems,
    ...(reportRuns.length > 0 && { reportRuns }),
  };
}

/** What a manifest knows of its run and the logs do not: of several runs read together it would be lost. */
function problemsOfRun(manifest: RunManifest): readonly Problem[] {
  const { id, problems, stoppedBy, exit, alive, instrumentExitcode } = manifest;
  const own: Problem[] = [...problems];
  const incomplete = (message: string): void => {
    own.push({ code: 'run-not-whole', level: 'incomplete', message: `run ${id}: ${message}` });
  };
  if (stoppedBy === 'timeout') incomplete('the program was stopped at the time limit');
  else if (stoppedBy === 'interrupt') incomplete('the program was interrupted');
  else if (exit?.how === 'signaled') incomplete(`the program was killed by ${exit.signal}`);
  else if (exit === undefined || exit.how === 'unknown') incomplete('how the program ended was not recorded');
  else if (exit.code !== 0 && exit.code !== instrumentExitcode) {
    own.push({
      code: 'program-failed',
      level: 'warning',
      message: `run ${id}: the program exited with status ${exit.code}`,
    });
  }
  if (alive.length > 0) incomplete(`${alive.length} of its processes were still running`);
  return own;
}

/** The runs in a directory of runs, such as `.vgrun/runs` or what a CI kept of several jobs; else the path itself. */
async function runsIn(path: string): Promise<readonly string[]> {
  const names = await readdir(path).catch((): string[] => []);
  if (names.includes(manifestName)) return [path];
  const runs = names.map((name) => join(path, name)).filter((inner) => existsSync(join(inner, manifestName)));
  return runs.length === 0 ? [path] : runs.sort();
}

function isReadable(role: ArtifactRole | undefined): boolean {
  return role === 'xml' || role === 'text' || role === 'profile' || role === 'report' || role === 'stops';
}

async function statusOf(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new UserError(
      code === 'ENOENT' ? `${path} does not exist` : `${path} cannot be read: ${(error as Error).message}`,
      'give a run directory (.vgrun/runs/…), a log of valgrind, a sanitizer or another instrument, or a profile',
    );
  }
}

async function sourcesOfDirectory(directory: string): Promise<Sources> {
  const names = await readdir(directory).catch((error: Error) => {
    throw new UserError(`${directory} cannot be read: ${error.message}`, 'check its rights');
  });
  if (!names.includes(manifestName) && names.some((name) => isReadable(roleOf(name)))) {
    const logs = await listArtifacts(directory);
    return {
      files: logs.filter(({ role }) => isReadable(role)).map(({ name }) => join(directory, name)),
      problems: [
        {
          code: 'no-manifest',
          level: 'incomplete',
          message: `${directory} has logs but no run.json: how the program ended is not known`,
        },
      ],
    };
  }
  const manifest = await readManifest(directory);
  // A daemon goes on writing after its run was closed: what counts is what is there now.
  const isOver = manifest.endedAt !== undefined && manifest.alive.length === 0;
  const alive = isOver ? [] : runsProcess(directory);
  const artifacts = await listArtifacts(directory);
  const problems: Problem[] = [];
  if (manifest.endedAt === undefined) {
    problems.push({
      code: 'run-not-closed',
      level: 'incomplete',
      message:
        alive.length > 0
          ? 'the run is still going on'
          : 'vgrun was ended before the run was: how the program ended is not known',
    });
  }
  for (const { name, size } of manifest.artifacts) {
    const now = artifacts.find((artifact) => artifact.name === name);
    if (now === undefined || now.size < size) {
      problems.push({
        code: 'artifact-missing',
        level: 'incomplete',
        message:
          now === undefined
            ? `${name} is gone from the run directory`
            : `${name} has lost ${size - now.size} bytes since the run`,
        artifact: name,
      });
    }
  }
  const launches = await launchesOf(directory, manifest, problems);
  const recorded = new Map(manifest.artifacts.map((artifact) => [artifact.name, artifact]));
  return {
    manifest: {
      ...manifest,
      ...(manifest.endedAt === undefined && manifest.replay && { replay: cutShort(manifest.replay) }),
      alive,
      artifacts: artifacts.map((now) => ({ ...recorded.get(now.name), ...now })),
    },
    directory,
    files: [
      ...artifacts.filter(({ role }) => isReadable(role)).map(({ name }) => join(directory, name)),
      ...launches.flatMap(({ files }) => files),
    ],
    ...(launches.length > 0 && { launches }),
    problems,
  };
}

/** What became of requests is written down at the end. */
function cutShort(replay: Replay): Replay {
  return { ...replay, requests: replay.requests.map((request) => ({ ...request, unknown: true })) };
}

/** The starts of the program in a replay. One that is gone or damaged is told, and the others are read. */
async function launchesOf(
  directory: string,
  { replay, launches }: RunManifest,
  problems: Problem[],
): Promise<readonly Launched[]> {
  const found: Launched[] = [];
  // A replay that was not closed says not yet which there were.
  const names = launches ?? (replay === undefined ? [] : await launchFolders(directory));
  for (const name of names) {
    const inner = await sourcesOfDirectory(join(directory, name)).catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      problems.push({ code: 'launch-missing', level: 'incomplete', message: error.message });
    });
    if (inner?.manifest !== undefined) found.push({ ...inner, name, manifest: inner.manifest });
  }
  return found;
}

/**
 * Reads all records of all sources, one file after the other.
 *
 * @param symbols what the addresses in logs mean; a run has its own.
 *
 * In a run that was captured as XML the text log beside it holds only what XML cannot: of it, messages and the
 * instrument's own failures are kept, and put to the process they are about.
 */
export async function* readSources(
  sources: Sources,
  symbols?: Symbols,
  nextImage: () => number = counter(),
): AsyncGenerator<RunRecord> {
  if (sources.launches !== undefined) {
    yield* readLaunches(sources, sources.launches, symbols, nextImage);
    return;
  }
  const imageOfPid = new Map<number, number>();
  const commandOfPid = new Map<number, string>();
  const capture = sources.manifest?.capture;
  const beside = capture === 'xml' || capture === 'fd';
  const profiles: ProfileSource[] = [];
  const logs: { path: string; artifact: string }[] = [];
  const descriptors = createOpenDescriptors({ directory: sources.directory, id: sources.manifest?.id });
  for (const problem of sources.problems) yield { type: 'problem', problem };
  const { manifest, directory } = sources;
  const reportRuns =
    manifest?.capture === 'reports' && directory !== undefined
      ? [{ manifest, directory, files: sources.files }]
      : (sources.reportRuns ?? []);
  const stopLogs = sources.files.filter(isStopLog);
  if (reportRuns.length > 0) {
    const [{ readReports }, { readSymbols }] = await Promise.all([
      import('./read-reports.ts'),
      import('./symbolize.ts'),
    ]);
    for (const run of reportRuns) {
      const records = readReports({
        manifest: run.manifest,
        files: run.files.filter((file) => !isStopLog(file)),
        symbols: symbols ?? (await readSymbols(run.directory)),
        nextImage,
      });
      for await (const record of records) {
        if (record.type === 'process') imageOfPid.set(record.pid, record.image);
        yield record;
      }
    }
  }
  const isRead = new Set([...reportRuns.flatMap((run) => run.files), ...stopLogs]);
  const others = sources.files.filter((file) => !isRead.has(file));
  // XML first, so that the processes are known when the text beside it speaks of them.
  const logged = beside ? [...others].sort((a, b) => Number(isText(a)) - Number(isText(b))) : others;
  const ownStopLogs = sources.manifest === undefined ? [] : stopLogs;
  const files = sources.manifest === undefined ? [...logged, ...stopLogs] : logged;
  for (const group of groupCopies(files)) {
    const path = group[0] as string;
    const artifact = [path, ...group.slice(1).slice(-1)].map((name) => basename(name)).join(' … ');
    if (capture === 'profile' && isText(path)) {
      logs.push({ path, artifact });
      continue;
    }
    if (capture === 'log' && isText(path)) {
      for await (const record of readPlainLog({ path, artifact, nextImage })) {
        if (record.type === 'process') imageOfPid.set(record.pid, record.image);
        yield record;
      }
      continue;
    }
    let head = await headOf(path);
    for (const copy of group.slice(1)) if (head.length === 0) head = await headOf(copy);
    // With --separate-threads=yes callgrind's costs are in files of the threads, and their common one is empty.
    if (head.length === 0 && files.some((file) => file.startsWith(`${path}-`))) continue;
    const isBeside = beside && isText(path);
    // The text beside XML has neither header nor summary, by which a log from elsewhere is recognised.
    const reader =
      isBeside || (sources.manifest !== undefined && isText(path) && head.length > 0)
        ? valgrindText
        : await readerOf(head);
    if (reader === undefined) {
      yield {
        type: 'problem',
        problem: unreadable(artifact, head.length === 0, sources.manifest),
      };
      continue;
    }
    if (reader.isProfile === true) {
      profiles.push({ path, artifact, reader });
      continue;
    }
    const context: ReadContext = {
      artifact,
      nextImage,
      interpreterFor,
      fromInstrument: sources.manifest !== undefined,
      ...(symbols && { symbols }),
    };
    const records = reader.read(readCopies(group), context);
    if (isBeside) yield* onlyWhatXmlLacks(records, imageOfPid, descriptors);
    else {
      for await (const record of records) {
        if (record.type !== 'process') {
          if (!beside || !descriptors.takeStack(record)) yield record;
          continue;
        }
        // Whoever was a program before became this one by exec.
        const again = imageOfPid.has(record.pid);
        imageOfPid.set(record.pid, record.image);
        const command = record.argv.join('\0');
        // A forked child that gets a text log of its own (%p) begins it with a header, as if it were a program.
        const forked =
          !again &&
          record.protocol === undefined &&
          record.ppid !== undefined &&
          commandOfPid.get(record.ppid) === command;
        commandOfPid.set(record.pid, command);
        yield forked ? { ...record, forked } : record;
      }
    }
  }
  for await (const record of readProfiles({ profiles, logs, manifest: sources.manifest, nextImage })) {
    if (record.type === 'process') imageOfPid.set(record.pid, record.image);
    yield record;
  }
  // Last, when all processes are known of which they show a moment.
  for (const path of ownStopLogs) {
    const artifact = basename(path);
    const head = await headOf(path);
    const reader = await readerOf(head);
    if (reader === undefined) {
      yield { type: 'problem', problem: unreadable(artifact, head.length === 0, sources.manifest) };
      continue;
    }
    const context: ReadContext = { artifact, nextImage, interpreterFor, fromInstrument: true };
    // A process that execs is several images in the log itself.
    for await (const record of besideOthers(reader.read(readCopies([path]), context), new Map(imageOfPid))) {
      if (record.type === 'process') imageOfPid.set(record.pid, record.image);
      yield record;
    }
  }
  yield* descriptors.messages();
}

function counter(): () => number {
  let count = 0;
  return () => ++count;
}

/** All launches of a replay one after the other. */
async function* readLaunches(
  { problems, directory = '' }: Sources,
  launches: readonly Launched[],
  symbols: Symbols | undefined,
  nextImage: () => number,
): AsyncGenerator<RunRecord> {
  for (const problem of problems) yield { type: 'problem', problem };
  for (const [index, inner] of launches.entries()) {
    const launch = index + 1;
    // Names come again in each launch.
    const place = (artifact: string) => (artifact === '' ? '' : `${inner.name}/${artifact}`);
    for await (const record of readSources(inner, symbols, nextImage)) {
      if (record.type === 'process') yield { ...record, launch, artifact: place(record.artifact) };
      else if (record.type === 'finding' && record.span !== undefined)
        yield { ...record, span: { ...record.span, artifact: place(record.span.artifact) } };
      else if (record.type === 'problem' && record.problem.artifact !== undefined)
        yield { ...record, problem: { ...record.problem, artifact: place(record.problem.artifact) } };
      else yield record;
    }
    if (!inner.manifest.artifacts.some(({ name }) => name === leakChecksName)) continue;
    const { readLeakChecks } = await import('../tools/memcheck/growth.ts');
    const checks = createReadStream(join(directory, inner.name, leakChecksName));
    yield* readLeakChecks(checks, { artifact: place(leakChecksName), launch });
  }
}

const isText = (path: string) => path.endsWith('.log');
const isStopLog = (path: string) => path.endsWith('.stops.jsonl');

function unreadable(artifact: string, empty: boolean, manifest: RunManifest | undefined): Problem {
  const isProfile = manifest?.capture === 'profile';
  return {
    code: empty ? 'empty-log' : 'no-log',
    level: 'incomplete',
    message: empty ? `${artifact} is empty` : `${artifact} is no log that vgrun can read`,
    ...(!(isProfile && !empty) && {
      hint:
        manifest === undefined
          ? 'give a log or a profile: docs/report.md lists the formats'
          : 'the instrument was stopped before it wrote anything: see what it printed on the terminal',
    }),
    artifact,
  };
}

async function headOf(path: string): Promise<Uint8Array> {
  try {
    return await readHead(path, headBytes);
  } catch (error) {
    throw new UserError(
      `${path} cannot be read: ${(error as Error).message}`,
      'check that it is a file and its rights',
    );
  }
}

// Valgrind: failed to move XML file descriptor into safe range, using stderr
const lostStream = /^Valgrind: failed to move XML file descriptor /;

/** valgrind says so in the one log that such a child still finds by its name (observed 3.19). */
const streamLost: Problem = {
  code: 'stream-lost',
  level: 'incomplete',
  message: 'a traced child had closed the descriptor of the log, so its errors went to its stderr instead',
  hint: 'run it with --capture=xml, where each process opens a file of its own',
};

async function* onlyWhatXmlLacks(
  records: AsyncIterable<ParsedRecord>,
  imageOfPid: ReadonlyMap<number, number>,
  descriptors: OpenDescriptors,
): AsyncGenerator<ParsedRecord> {
  const known = new Map<number, number | undefined>();
  for await (const record of records) {
    if (record.type === 'process') known.set(record.image, imageOfPid.get(record.pid));
    else if (record.type === 'message') {
      const image = known.get(record.image);
      if (lostStream.test(record.text)) yield { type: 'problem', problem: streamLost };
      if (image !== undefined) yield { ...record, image };
    } else if (record.type === 'finding') {
      const image = known.get(record.image);
      if (image !== undefined) descriptors.takeLine(record, image);
    } else if (record.type === 'problem' && instrumentProblems.has(record.problem.code)) {
      yield { type: 'problem', problem: record.problem };
    }
  }
}
