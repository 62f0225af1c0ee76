// Owns the way from the files that runtimes inside the programs wrote (sanitizers, mtrace, memwatch) to records, and the
// judgement of what a missing one means: a process with nothing to say may write none.
//
// A leak check comes last of all, and only to a process that ends by itself. So for AddressSanitizer and LeakSanitizer a process
// was seen whole when its file proves the check, or that the runtime ended it. What the others have to say they say at once.
import { basename } from 'node:path';
import type { Problem } from '../model/problem.ts';
import type { ParsedRecord, ProcessEndRecord, ProcessRecord } from '../model/record.ts';
import type { Executable, RunManifest } from '../model/run.ts';
import { type SanitizerFacts, sanitizers } from '../model/sanitizer.ts';
import { interpreterFor, toolNamed } from '../tools/index.ts';
import { readerFor } from '../tools/readers.ts';
import type { ReadContext, Symbols } from '../tools/tool.ts';
import { readCopies } from './copies.ts';
import { pidOfReport, stderrReport } from './directory.ts';
import { readHead } from './head.ts';

/** Enough for every reader to recognise its format. */
const headBytes = 64 * 1024;

export interface ReportSources {
  readonly manifest: RunManifest;
  /** Absolute paths of the reports. */
  readonly files: readonly string[];
  /** What the addresses in them mean. */
  readonly symbols?: Symbols | undefined;
  readonly nextImage: () => number;
}

/** What the files of one process tell of its end. */
interface Told {
  /** The last one. */
  image: number;
  /** Leaks were searched for. */
  searched: boolean;
  /** The runtime ended the process at an error, or a signal did and the runtime told of it. */
  ended: boolean;
  /** ASan printed its statistics: the program ended by itself. */
  exited: boolean;
  findings: number;
}

/** Reads all reports of a run. The first process has an image in any case: that it left no file says something, too. */
export async function* readReports(sources: ReportSources): AsyncGenerator<ParsedRecord> {
  const { manifest, nextImage } = sources;
  const told = new Map<number, Told>();
  const helpers = new Set<number>();
  // A program that starts a thousand others needs no thousand equal notes.
  const notes = new Map<string, { readonly problem: Problem; count: number }>();
  for (const path of inOrder(sources)) {
    for await (const record of readFile(path, sources, told, helpers)) {
      if (record.type !== 'problem' || record.problem.level !== 'note') yield record;
      else {
        const { problem } = record;
        const key = `${problem.code} ${problem.message.replace(/\d+/g, '')}`;
        const known = notes.get(key);
        if (known === undefined) notes.set(key, { problem, count: 1 });
        else known.count++;
      }
    }
  }
  for (const { problem, count } of notes.values()) {
    const others = count === 2 ? 'of 1 other process' : `of ${count - 1} other processes`;
    const message = count === 1 ? problem.message : `${problem.message} (and the like ${others})`;
    yield { type: 'problem', problem: { ...problem, message } };
  }
  const withRuntime = instrumented(manifest).filter(({ pid }) => !helpers.has(pid));
  const silent = new Set(withRuntime.map(({ pid }) => pid));
  if (manifest.pid !== undefined) silent.add(manifest.pid);
  for (const pid of silent) {
    if (told.has(pid)) continue;
    const image = nextImage();
    const process: ProcessRecord = {
      type: 'process',
      image,
      pid,
      argv: [],
      instrumentArgv: [],
      forked: false,
      artifact: '',
    };
    yield known(process, manifest);
    const complete =
      !manifest.alive.includes(pid) && manifest.endedAt !== undefined && !tellsAlways(manifest);
    yield {
      type: 'process-end',
      image,
      complete,
      finished: complete,
      ...unseenEnd(pid, manifest, undefined),
    };
  }
  for (const problem of judge(sources, told, withRuntime)) yield { type: 'problem', problem };
}

/** Files of one process in the order in which they were made, so that what it was first comes first. */
function inOrder({ files, manifest }: ReportSources): readonly string[] {
  const made = new Map(manifest.artifacts.map(({ name, madeMs }) => [name, madeMs ?? 0]));
  const timeOf = (path: string): number => made.get(basename(path)) ?? 0;
  // What went to stderr is put to the processes that the others name.
  return [...files].sort((a, b) => Number(isStderr(a)) - Number(isStderr(b)) || timeOf(a) - timeOf(b));
}

const isStderr = (path: string): boolean => basename(path) === stderrReport;

/** All that a file says is of the one process that it is named for: the mark of a line may be that of a thread. */
async function* readFile(
  path: string,
  { manifest, symbols, nextImage, files }: ReportSources,
  told: Map<number, Told>,
  helpers: Set<number>,
): AsyncGenerator<ParsedRecord> {
  const artifact = basename(path);
  const head = await readHead(path, headBytes).catch(() => new Uint8Array());
  const reader = readerFor(head);
  if (reader === undefined) {
    if (isStderr(path)) return;
    yield { type: 'problem', problem: unreadable(artifact, head) };
    return;
  }
  const named = pidOfReport(artifact);
  const pid = named ?? manifest.pid;
  const context: ReadContext = {
    artifact,
    nextImage,
    interpreterFor,
    fromInstrument: !isStderr(path),
    ...(symbols && { symbols }),
    ...(pid !== undefined && {
      process: { pid, ...wordsOf(pid, manifest), goesOn: hasLater(artifact, files) },
    }),
  };
  const signs: Signs = { searched: false, ended: false, exited: false, helpers };
  const images = new Map<number, number>();
  let image: number | undefined;
  let own: Told | undefined;
  let end: ProcessEndRecord | undefined;
  let damaged = false;
  for await (const record of reader.read(withSigns(readCopies([path]), signs), context)) {
    if (record.type === 'process') {
      const before = isStderr(path) && pid !== undefined ? told.get(pid) : undefined;
      if (image === undefined) {
        image = before?.image ?? record.image;
        own = before ?? { image, searched: false, ended: false, exited: false, findings: 0 };
        own.image = image;
        const process = known(
          { ...record, pid: named ?? (record.pid > 0 ? record.pid : (pid ?? 0)) },
          manifest,
        );
        told.set(process.pid, own);
        if (before === undefined) yield process;
      }
      images.set(record.image, image);
    } else if (record.type === 'process-end') {
      end = { ...record, complete: record.complete && (end?.complete ?? true) };
    } else if (record.type === 'problem') {
      // How its processes ended, a run knows better than a log can.
      if (record.problem.code === 'end-not-shown') continue;
      damaged ||= record.problem.level === 'incomplete';
      yield record;
    } else {
      if (record.type === 'finding' && own !== undefined) own.findings++;
      if (record.type === 'fatal-signal') signs.ended = true;
      yield { ...record, image: images.get(record.image) ?? record.image } as ParsedRecord;
    }
  }
  if (own === undefined || image === undefined) return;
  own.searched ||= signs.searched;
  own.ended ||= signs.ended;
  own.exited ||= signs.exited;
  if (end === undefined || isStderr(path)) return;
  // A search that found nothing has no last word; what follows it in the file would be a report.
  const isWhole = end.complete || (signs.searched && own.findings === 0 && !damaged);
  const unseen = unseenEnd(pid ?? 0, manifest, own);
  yield { ...end, image, complete: isWhole, finished: end.finished || isWhole, ...unseen };
}

/** Looks at the bytes as they pass for what shows how far the runtime came. */
async function* withSigns(source: AsyncIterable<Uint8Array>, signs: Signs): AsyncGenerator<Uint8Array> {
  let rest = Buffer.alloc(0);
  for await (const chunk of source) {
    const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    const at = signs.searched ? -1 : bytes.indexOf(searchedMark);
    if (at >= 0) {
      signs.searched = true;
      signs.helpers.add(Number(/(\d+)$/.exec(bytes.toString('latin1', Math.max(0, at - 12), at))?.[1] ?? 0));
    }
    signs.ended ||= bytes.includes(abortingMark);
    signs.exited ||= bytes.includes(exitMark);
    rest = Buffer.from(bytes.subarray(Math.max(0, bytes.length - longestMark)));
    yield chunk;
  }
}

interface Signs {
  searched: boolean;
  ended: boolean;
  exited: boolean;
  /** Tasks by which LeakSanitizer looks at its own process: they look like forked children. */
  readonly helpers: Set<number>;
}

/** log_threads=1: `==server==1235==Processing thread 1234.`, where 1235 is such a helper. */
const searchedMark = '==Processing thread ';
/** `==server==1234==ABORTING` */
const abortingMark = '==ABORTING';
/** atexit=1 */
const exitMark = 'AddressSanitizer exit stats:';
const longestMark = 40;

/** Whether the same process has a later file: `mtrace.123`, then `mtrace.123-1`. */
function hasLater(artifact: string, files: readonly string[]): boolean {
  const [, start = '', number = '0'] = /^(.*\.\d+)(?:-(\d+))?$/s.exec(artifact) ?? [];
  const next = `${start}-${Number(number) + 1}`;
  return start !== '' && files.some((file) => basename(file) === next);
}

/** What was seen of the process from outside: no runtime tells its program's words, nor who started it. */
function known(record: ProcessRecord, manifest: RunManifest): ProcessRecord {
  const seen = seenOf(record.pid, manifest);
  const { argv } = wordsOf(record.pid, manifest);
  // One that was too short to be seen: a program mostly starts itself by fork.
  const isGuessed = seen === undefined && record.pid !== manifest.pid && manifest.pid !== undefined;
  const ppid = record.ppid ?? seen?.ppid ?? (isGuessed ? manifest.pid : undefined);
  return {
    ...record,
    tool: record.tool ?? manifest.tool.name,
    ...(argv === undefined || (record.argv.length > 0 && tellsAlways(manifest)) ? {} : { argv }),
    ...(ppid !== undefined && { ppid }),
    forked: record.forked || seen?.forked === true || (isGuessed && isOfProgram(record, manifest)),
  };
}

/** `sanitizer.server.123` is of a process that ran `server`. */
function isOfProgram({ artifact }: ProcessRecord, { program }: RunManifest): boolean {
  return artifact.startsWith(`sanitizer.${basename(program)}.`);
}

function seenOf(pid: number, { executables }: RunManifest): Executable | undefined {
  return executables?.find((each) => each.pid === pid);
}

/** A forked child has the words of the process it was forked from. */
function wordsOf(pid: number, manifest: RunManifest): { readonly argv?: readonly string[] } {
  if (pid === manifest.pid) return { argv: manifest.command };
  const seen = seenOf(pid, manifest);
  if (seen === undefined) return {};
  return { argv: seen.forked === true && seen.path === manifest.program ? manifest.command : [seen.path] };
}

/** Processes that ran a program with a sanitizer when they were last seen, and not only in passing. */
function instrumented({ executables = [] }: RunManifest): readonly Executable[] {
  return executables.filter(({ sanitizers: built = [], brief }) => built.length > 0 && brief !== true);
}

/** Says what is not known, of each process that should have told it. */
function judge(
  { manifest, files }: ReportSources,
  told: ReadonlyMap<number, Told>,
  withRuntime: readonly Executable[],
): readonly Problem[] {
  const facts = sanitizers.find(({ tool }) => tool === manifest.tool.name);
  if (manifest.endedAt === undefined) return [];
  if (facts === undefined) {
    if (tellsAlways(manifest)) return untold(manifest, told);
    return files.length === 0 ? [nothingWritten(manifest)] : [];
  }
  const { pid: first } = manifest;
  if (told.size === 0 && withRuntime.length === 0) return [nothingInstrumented(facts)];
  const problems: Problem[] = [];
  const isInFirst = withRuntime.some(({ pid }) => pid === first);
  const ofFirst = first === undefined ? undefined : told.get(first);
  if (isInFirst && ofFirst === undefined) problems.push(...withoutWord(manifest, facts));
  if (problems.length > 0) return problems;
  if (manifest.searchesLeaks !== true) {
    return facts.tool === 'asan' || facts.tool === 'lsan' ? [leaksLeftOut] : problems;
  }
  const asked = new Set([
    ...withRuntime.filter(searchesLeaks).map(({ pid }) => pid),
    // One with a report that was not seen alive has the runtime all the same.
    ...[...told.keys()].filter((pid) => seenOf(pid, manifest) === undefined),
  ]);
  for (const pid of asked) {
    const ending = told.get(pid);
    if (ending?.searched === true || ending?.ended === true) continue;
    if (manifest.alive.includes(pid) || (pid === first && wasStopped(manifest, ending))) continue;
    problems.push(unsearched(pid, manifest, ending));
  }
  return problems;
}

/** Only the first process' end was seen; of another what its runtime wrote at the end tells that it came to it. */
function unseenEnd(pid: number, manifest: RunManifest, told: Told | undefined): { readonly unseen?: true } {
  if (pid === manifest.pid || sanitizers.every(({ tool }) => tool !== manifest.tool.name)) return {};
  return told?.searched === true || told?.ended === true || told?.exited === true ? {} : { unseen: true };
}

/** The runtime writes in every process in which it is. */
function tellsAlways({ tool }: RunManifest): boolean {
  return toolNamed(tool.name)?.everyProcessReports === true;
}

/** Processes in which the runtime was not. Of a child it is no loss to the answer about the program itself. */
function untold(manifest: RunManifest, told: ReadonlyMap<number, Told>): readonly Problem[] {
  const { command, pid: first, tool, executables = [], alive } = manifest;
  // A forked child writes only when something happens in it.
  const others = executables.filter((each) => each.pid !== first && each.forked !== true);
  const all = [...(first === undefined ? [] : [{ pid: first, path: command[0] ?? '' }]), ...others];
  return all
    .filter(({ pid }) => !told.has(pid) && !alive.includes(pid))
    .map(({ pid, path }) => ({
      code: 'no-report',
      level: pid === first ? ('incomplete' as const) : ('warning' as const),
      message: `process ${pid} (${path}) left no trace: it is statically linked, has changed its rights, or came without the variables of the environment`,
      ...(tool.name === 'mtrace' && {
        hint: 'a program that calls mtrace() itself is traced from there on, and not at all when it never comes to it',
      }),
      pid,
    }));
}

/** Asked for by a flag: no doubt about the answer, but about how much it answers. */
const leaksLeftOut: Problem = {
  code: 'leaks-not-searched',
  level: 'warning',
  message: 'leaks were not searched for, as detect_leaks=0 or leak_check_at_exit=0 asks',
};

function searchesLeaks({ sanitizers: built = [] }: Executable): boolean {
  return built.includes('address') || built.includes('leak');
}

/** Then the report says so anyway, or an error ended it. */
function wasStopped({ stoppedBy, exit, instrumentExitcode }: RunManifest, ending: Told | undefined): boolean {
  if (stoppedBy !== undefined && stoppedBy !== 'served') return true;
  return (
    exit?.how === 'exited' && exit.code === instrumentExitcode && ending !== undefined && ending.findings > 0
  );
}

/** A runtime that ended a program, or was killed in it, before it had a file. */
function withoutWord(
  { exit, instrumentExitcode }: RunManifest,
  { title }: SanitizerFacts,
): readonly Problem[] {
  if (exit?.how === 'exited' && exit.code === instrumentExitcode) {
    return [
      {
        code: 'instrument-wrote-nothing',
        level: 'incomplete',
        message: `the program ended with ${exit.code}, the status for errors, and without a report: ${title} could not start, or the program itself ended so`,
        hint: 'what it printed above says why; a library in LD_PRELOAD must come behind the runtime (--verify_asan_link_order=0 allows it)',
      },
    ];
  }
  // The runtimes take these for errors, and tell of them, as soon as they have started.
  if (exit?.how === 'signaled' && ['SIGSEGV', 'SIGBUS', 'SIGTRAP'].includes(exit.signal)) {
    return [
      {
        code: 'instrument-wrote-nothing',
        level: 'incomplete',
        message: `${exit.signal} killed the program before ${title} could say anything: it could not start, or the program has a handler of its own`,
        hint: 'what it printed above says why; where memory is limited: ulimit -v unlimited; where addresses are too random: setarch -R vgrun …',
      },
    ];
  }
  return [];
}

function unsearched(pid: number, manifest: RunManifest, ending: Told | undefined): Problem {
  const seen = seenOf(pid, manifest);
  const name = pid === manifest.pid ? manifest.command[0] : seen?.path;
  const who = `process ${pid}${name === undefined ? '' : ` (${basename(name)})`}`;
  return {
    code: 'leaks-not-searched',
    // What a forked child has is mostly its parent's, where leaks are searched for.
    level: pid !== manifest.pid && (seen === undefined || seen.forked === true) ? 'warning' : 'incomplete',
    message:
      ending?.exited === true
        ? `whether ${who} leaks is not known: the program has turned the search off`
        : `whether ${who} leaks is not known: it ended by _exit, was killed, or became another program before leaks were searched for`,
    hint: 'let it end by exit or by returning from main; --detect_leaks=0 does without',
    pid,
  };
}

function nothingInstrumented({ title, tool }: SanitizerFacts): Problem {
  return {
    code: 'nothing-instrumented',
    level: 'incomplete',
    message: `no process was seen that is built with ${title}: nothing was looked at`,
    hint: `build the programs that it starts: vgrun build --${tool} -- make (or your own build command)`,
  };
}

function nothingWritten({ tool }: RunManifest): Problem {
  return {
    code: 'instrument-wrote-nothing',
    level: 'incomplete',
    message: `no process wrote anything for ${tool.name}: nothing was looked at`,
  };
}

function unreadable(artifact: string, head: Uint8Array): Problem {
  const line = Buffer.from(head).toString('latin1', 0, 200).split('\n', 1)[0] ?? '';
  return {
    code: head.length === 0 ? 'empty-log' : 'no-log',
    level: 'incomplete',
    message: head.length === 0 ? `${artifact} is empty` : `${artifact} is no report that vgrun can read`,
    artifact,
    ...(line !== '' && { quote: line }),
  };
}
