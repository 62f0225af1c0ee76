// Owns the way from profile files, and the logs beside them, to records: all files of one process are one image.
import type { Problem } from '../model/problem.ts';
import type { FatalSignalRecord, MessageRecord, ParsedRecord, ProcessRecord } from '../model/record.ts';
import type { RunManifest } from '../model/run.ts';
import { valgrindText } from '../tools/_shared/valgrind-text.ts';
import { interpreterFor } from '../tools/index.ts';
import type { ReadContext, Reader } from '../tools/tool.ts';
import { readCopies } from './copies.ts';
import { pidOfProfile } from './directory.ts';

/** A profile file and the reader that knows it. */
export interface ProfileSource {
  readonly path: string;
  /** Its name in the run, or as the user gave it. */
  readonly artifact: string;
  readonly reader: Reader;
}

export interface ProfileSources {
  readonly profiles: readonly ProfileSource[];
  /** Text logs of the run; those of a foreign profile are not known. */
  readonly logs: readonly { readonly path: string; readonly artifact: string }[];
  readonly manifest?: RunManifest | undefined;
  readonly nextImage: () => number;
}

/** What the log beside a profile says of its process. */
interface Told {
  readonly process: ProcessRecord;
  readonly said: (MessageRecord | FatalSignalRecord)[];
  images: number;
}

/** A process with at least one profile; complete when all of its files are. */
interface Measured {
  readonly record: ProcessRecord;
  complete: boolean;
}

/** Messages of one process that are kept. */
const mostMessages = 1000;

/** Reads all profiles. A process that has a log and no profile was not measured to its end, and is told as such. */
export async function* readProfiles(sources: ProfileSources): AsyncGenerator<ParsedRecord> {
  const { manifest, nextImage } = sources;
  const told = new Map<number, Told>();
  for (const log of sources.logs) yield* readLog(log, sources, told);

  // A recording of the whole system has thousands of processes.
  const images = new Map<number, Measured>();
  const byImage = new Map<number, Measured>();
  const withoutPid: ParsedRecord[] = [];
  for (const { path, artifact, reader } of sources.profiles) {
    const pid = pidOfProfile(artifact);
    const context: ReadContext = {
      artifact,
      nextImage,
      interpreterFor,
      fromInstrument: manifest !== undefined,
      ...(pid !== undefined && { process: { pid, ...knownOf(pid, told.get(pid), manifest) } }),
    };
    const alias = new Map<number, number>();
    for await (const record of reader.read(readCopies([path]), context)) {
      if (record.type === 'process' && record.pid > 0) {
        const known = images.get(record.pid);
        if (known !== undefined) {
          alias.set(record.image, known.record.image);
          continue;
        }
        const beside = told.get(record.pid)?.process;
        const whole = { ...record, ...(beside && besideOf(beside, told, manifest)) };
        const found = { record: whole, complete: true };
        images.set(record.pid, found);
        byImage.set(record.image, found);
        alias.set(record.image, record.image);
        yield whole;
      } else if (record.type === 'process-end' && alias.has(record.image)) {
        const known = byImage.get(alias.get(record.image) as number);
        if (known !== undefined && !record.complete) known.complete = false;
      } else if (record.type === 'process-end') {
        withoutPid.push(record);
      } else if ('image' in record && record.image !== undefined) {
        yield { ...record, image: alias.get(record.image) ?? record.image } as ParsedRecord;
      } else {
        yield record;
      }
    }
  }
  yield* withoutPid;
  for (const [pid, { process, said, images: count }] of told) {
    const known = images.get(pid);
    const image = known?.record.image ?? nextImage();
    if (known === undefined) {
      yield { ...process, ...besideOf(process, told, manifest), image };
      yield { type: 'problem', problem: unmeasured(pid, manifest) };
    } else if (count > 1) {
      yield { type: 'problem', problem: replaced(pid) };
    }
    for (const record of said) yield { ...record, image };
    if (known === undefined) yield { type: 'process-end', image, complete: false, finished: false };
  }
  const executables = manifest?.executables ?? [];
  const withData = new Set(executables.filter(({ pid }) => images.has(pid)).map(({ path }) => path));
  for (const { pid, path } of withData.size === 0 ? [] : executables) {
    if (!images.has(pid)) yield { type: 'problem', problem: silent(pid, path, withData.has(path)) };
  }
  for (const { record, complete } of images.values()) {
    yield { type: 'process-end', image: record.image, complete, finished: complete };
  }
}

/** Keeps what the log says of the process, and passes on what it says of the measuring. */
async function* readLog(
  { path, artifact }: ProfileSources['logs'][number],
  { manifest, nextImage }: ProfileSources,
  told: Map<number, Told>,
): AsyncGenerator<ParsedRecord> {
  const context: ReadContext = {
    artifact,
    nextImage,
    interpreterFor,
    fromInstrument: manifest !== undefined,
  };
  let current: Told | undefined;
  for await (const record of valgrindText.read(readCopies([path]), context)) {
    if (record.type === 'process') {
      const known = told.get(record.pid);
      current = { process: record, said: known?.said ?? [], images: (known?.images ?? 0) + 1 };
      told.set(record.pid, current);
    } else if (record.type === 'fatal-signal' || (record.type === 'message' && record.source !== 'tool')) {
      // What the tool itself says there, the profile says better.
      if (current !== undefined && current.said.length < mostMessages) current.said.push(record);
    } else if (record.type === 'problem' && instrumentProblems.has(record.problem.code)) {
      yield record;
    }
  }
}

/** Problems of a text log that say something about the instrument rather than about the log. */
export const instrumentProblems: ReadonlySet<string> = new Set([
  'instrument-died',
  'instrument-failed-to-start',
  'bad-option',
]);

function knownOf(
  pid: number,
  told: Told | undefined,
  manifest: RunManifest | undefined,
): Pick<NonNullable<ReadContext['process']>, 'argv' | 'version'> {
  const executable = manifest?.executables?.find((each) => each.pid === pid)?.path;
  const argv =
    told?.process.argv ??
    (pid === manifest?.pid ? manifest.command : executable === undefined ? undefined : [executable]);
  const version = told?.process.version ?? manifest?.tool.version;
  return { ...(argv && { argv }), ...(version !== undefined && version !== '' && { version }) };
}

/** What the log knows better than the profile: who started it, and with which words. */
function besideOf(
  { ppid, argv }: ProcessRecord,
  told: ReadonlyMap<number, Told>,
  manifest: RunManifest | undefined,
): Partial<ProcessRecord> {
  const parent = ppid === undefined ? undefined : told.get(ppid)?.process;
  return {
    ...(ppid !== undefined && { ppid }),
    ...(argv.length > 0 && { argv }),
    // A log does not repeat the options, and some say which children are traced.
    ...(manifest && { instrumentArgv: manifest.argv.filter((word) => word.startsWith('--')) }),
    forked: parent !== undefined && parent.argv.join('\0') === argv.join('\0'),
  };
}

function unmeasured(pid: number, manifest: RunManifest | undefined): Problem {
  // `--massif-out-file=one.out`: all write there, and the last one wins.
  const own = manifest?.toolOptions.find((option) => /^--\w+-out-file=[^%]*$/.test(option));
  return {
    code: 'no-profile',
    level: 'incomplete',
    message: `process ${pid} left no profile: it was killed, or became a program that is not traced${
      own === undefined
        ? ''
        : `, or ${own.replace(/^.*?=/, '')} cannot be written, or another process wrote over it`
    }`,
    ...(own !== undefined && { hint: `each process needs a file of its own: ${own}.%p` }),
    pid,
  };
}

/** A program that measures itself leaves nothing when it is killed, or was not built for it. */
function silent(pid: number, path: string, hasData: boolean): Problem {
  return {
    code: 'no-profile',
    level: hasData ? 'incomplete' : 'warning',
    message: `process ${pid} (${path}) left no data: it was killed, ended by _exit, ${
      hasData ? 'or became another program' : 'or is not built with -pg'
    }`,
    pid,
  };
}

function replaced(pid: number): Problem {
  return {
    code: 'profile-replaced',
    level: 'warning',
    message: `process ${pid} became another program: what it did before is in no profile`,
    pid,
  };
}
