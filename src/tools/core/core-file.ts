// Owns the reading of a core file: of the Linux kernel, of gdb's gcore, of valgrind, or one that vgrun made itself (core(5), elf(5)).
import type { Problem } from '../../model/problem.ts';
import { coreSignals, signalName } from '../../model/signals.ts';
import type { StopSignal } from '../../model/stop.ts';
import { readArguments } from './core-arguments.ts';
import { completeMappings, mappingsOf } from './core-mappings.ts';
import { type CoreMemory, coreMemoryOf } from './core-memory.ts';
import { type FoundModules, findModules, type MappedHeader } from './core-modules.ts';
import { type CoreNotes, mostThreads, readCoreNotes } from './core-notes.ts';
import { coreMachineOf } from './core-refusal.ts';
import { readElfHeader, readSegments, type Segment, SegmentType } from './elf-layout.ts';
import { type AuxiliaryVector, findAuxiliaryVector, startedPath } from './initial-stack.ts';
import type {
  ImageThread,
  LoadedModule,
  Machine,
  Mapping,
  ProcessImage,
  ReadFileAt,
} from './process-image.ts';
import { signalCodeName, signalOf } from './signals.ts';

/** What a core file tells besides the image. */
export interface CoreFacts {
  readonly machine: Machine;
  readonly pid: number;
  readonly ppid?: number;
  readonly uid?: number;
  /** NT_PRPSINFO: name of the process, at most 15 bytes. */
  readonly name?: string;
  /** NT_PRPSINFO: words with spaces between them, at most 79 bytes. */
  readonly commandLine?: string;
  /** The words it was started with, where the top of its first stack is in the core; the process may have changed them. */
  readonly words?: readonly string[];
  /** AT_EXECFN: as it was given to execve(2). */
  readonly startedAs?: string;
  /** Of the first thread; missing: there was none, as when gcore looked at a process that lives on. */
  readonly signal?: StopSignal;
  /** The signal is one that ends a process and leaves a core (signal(7)). */
  readonly isCrash: boolean;
  /** By number, AT_PHDR 3 … (getauxval(3)). Empty: not told. */
  readonly auxiliary: ReadonlyMap<number, bigint>;
  /** Who wrote it, as far as its form tells. */
  readonly writer: 'kernel' | 'gdb' | 'valgrind' | 'unknown';
  /** The core does not say which thread got the signal: the first of `threads` may be another. */
  readonly isThreadGuessed: boolean;
  /** Nothing of what its headers promise is missing. */
  readonly isWhole: boolean;
  /** Bytes that the headers promise beyond the end of the file. */
  readonly missingBytes: number;
}

export interface CoreFile {
  /** Modules without object files. */
  readonly image: Omit<ProcessImage, 'memory'> & { readonly memory: CoreMemory };
  readonly facts: CoreFacts;
  /** The program itself; missing: nothing tells which module it is. */
  readonly program?: LoadedModule;
  /** Without NT_FILE the program's path is what execve(2) was given: it may be relative, or that of a script. */
  readonly modulesFrom: FoundModules['from'];
  /** ELF headers in the memory, by the start of their modules. */
  readonly headers: ReadonlyMap<bigint, MappedHeader>;
  readonly problems: readonly Problem[];
}

const AT_PHDR = 3;
const AT_ENTRY = 9;
const AT_SYSINFO_EHDR = 33;

/**
 * Reads headers and notes; memory only when it is asked for. Damage is a problem, not an error.
 *
 * @param path for messages.
 * @param size of the file in bytes.
 * @throws UserError (125): it is not a core file, or one of a machine that is not known.
 */
export function readCoreFile(path: string, size: number, readAt: ReadFileAt): CoreFile {
  const header = readElfHeader(readAt);
  const machine = coreMachineOf(path, header, readAt(0, 64));
  if (header === undefined) throw new Error('a file without a header was taken for a core file');
  const segments = readSegments(header, readAt);
  const notes = readCoreNotes(header, machine, segments, readAt);
  const memory = coreMemoryOf(
    segments.filter(({ type }) => type === SegmentType.load),
    size,
    readAt,
  );
  const mappings = mappingsOf(segments, notes.files.mappings);
  const found = findModules({
    memory,
    files: notes.files.mappings,
    mappings,
    kernelObject: notes.auxiliary.get(AT_SYSINFO_EHDR),
    programName: notes.process?.name || 'the program',
  });
  const vector = vectorOf(notes, memory, mappings, found);
  const auxiliary = vector?.values ?? notes.auxiliary;
  const entry = auxiliary.get(AT_ENTRY);
  const startedAs = startedPath(memory, auxiliary);
  const program = named(found.program, startedAs) ?? programOf(found.modules, auxiliary);
  const modules = found.modules.map((module) => (module.start === program?.start ? program : module));
  const { threads, isGuessed } = threadsOf(notes, memory, machine);
  const missingBytes = missingOf(segments, size);
  const isWhole =
    missingBytes === 0 &&
    segments.length === header.segmentTable.count &&
    !notes.isDamaged &&
    threads.length > 0;
  const words = readArguments(memory, auxiliary, machine === 'i386' ? 32 : 64, vector?.start);
  const facts: CoreFacts = {
    ...factsOf(notes, threads, machine),
    ...(words !== undefined && { words }),
    ...(startedAs !== undefined && { startedAs }),
    auxiliary,
    isThreadGuessed: isGuessed,
    isWhole,
    missingBytes,
  };
  return {
    image: {
      machine,
      pid: facts.pid,
      memory,
      threads,
      mappings: completeMappings(mappings, modules, found.headers),
      modules,
      ...(entry !== undefined && { entry }),
    },
    facts,
    ...(program !== undefined && { program }),
    modulesFrom: found.from,
    headers: found.headers,
    problems: problemsOf(path, {
      notes,
      missingBytes,
      size,
      missingSegments: header.segmentTable.count - segments.length,
      isGuessed,
    }),
  };
}

/** SIGTRAP: in a core that gdb made it is the breakpoint, or the step, at which gdb held the process. */
const breakpointSignal = 5;

function writerOf(
  pid: number | undefined,
  { hasFiles, isProcessFirst }: Pick<CoreNotes, 'hasFiles' | 'isProcessFirst'>,
): CoreFacts['writer'] {
  if (!isProcessFirst) return hasFiles ? 'kernel' : 'unknown';
  if (pid === 0) return 'valgrind';
  return hasFiles ? 'gdb' : 'unknown';
}

/** What the notes tell. */
function factsOf(
  { process, threads: noted, hasFiles, isProcessFirst }: CoreNotes,
  threads: readonly ImageThread[],
  machine: Machine,
): Omit<CoreFacts, 'auxiliary' | 'words' | 'startedAs' | 'isThreadGuessed' | 'isWhole' | 'missingBytes'> {
  const signal = threads[0]?.signal;
  // valgrind leaves the pid out; the first thread has the number of its process.
  const pid = process?.pid || noted.reduce((lowest, { lwp }) => Math.min(lowest, lwp), noted[0]?.lwp ?? 0);
  const writer = writerOf(process?.pid, { hasFiles, isProcessFirst });
  return {
    machine,
    pid,
    ...(process !== undefined && {
      ...(process.pid > 0 && { ppid: process.ppid, uid: process.uid }),
      ...(process.name !== '' && { name: process.name }),
      ...(process.commandLine !== '' && { commandLine: process.commandLine }),
    }),
    ...(signal !== undefined && { signal }),
    isCrash:
      signal !== undefined &&
      coreSignals.has(signalName(signal.number)) &&
      !(writer === 'gdb' && signal.number === breakpointSignal),
    writer,
  };
}

/** Where no note tells it. */
function vectorOf(
  { auxiliary }: CoreNotes,
  memory: CoreMemory,
  mappings: readonly Mapping[],
  { program, headers }: FoundModules,
): AuxiliaryVector | undefined {
  const header = program === undefined ? undefined : headers.get(program.start);
  return auxiliary.size > 0 || header === undefined
    ? undefined
    : findAuxiliaryVector(memory, mappings, header);
}

/** A note has 15 bytes of its name, and not where it lies. */
function named(program: LoadedModule | undefined, startedAs: string | undefined): LoadedModule | undefined {
  return program === undefined || startedAs === undefined ? program : { ...program, path: startedAs };
}

/** The module with the program's entry, or its program headers. */
function programOf(
  modules: readonly LoadedModule[],
  auxiliary: ReadonlyMap<number, bigint>,
): LoadedModule | undefined {
  for (const address of [auxiliary.get(AT_ENTRY), auxiliary.get(AT_PHDR)]) {
    const found = modules.find(
      ({ start, end }) => address !== undefined && start <= address && address < end,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The thread that got the signal comes first: kernel and gdb write it so, valgrind gives all threads the same signal. */
function threadsOf(
  { threads: noted, threadNames, process, isProcessFirst }: CoreNotes,
  memory: CoreMemory,
  machine: Machine,
): { readonly threads: readonly ImageThread[]; readonly isGuessed: boolean } {
  const isValgrind = isProcessFirst && process?.pid === 0;
  const running = isValgrind
    ? noted.filter(({ registers }) => !isBehindSystemCall(registers, memory, machine))
    : [];
  const first = running.length === 1 ? running[0] : noted[0];
  const sorted = first === undefined ? [] : [first, ...noted.filter((thread) => thread !== first)];
  const pid = process?.pid ?? 0;
  return {
    threads: sorted.map(({ lwp, registers, signal, code, information }, index) => {
      // Every thread has the number of the signal that ended the process. Of the others gdb notes what held them: a SIGSTOP.
      const isFirst = index === 0 && signal > 0;
      const known =
        information !== undefined && information.number > 0 && (isFirst || information.number === signal)
          ? signalOf(information)
          : isFirst
            ? bareSignalOf(signal, code)
            : undefined;
      const name = threadNames.get(lwp) ?? (lwp === pid ? process?.name : undefined) ?? '';
      return {
        lwp,
        registers,
        ...(name !== '' && { name }),
        ...(known !== undefined && { signal: known }),
      };
    }),
    isGuessed: isValgrind && noted.length > 1 && running.length !== 1,
  };
}

/** Without NT_SIGINFO nothing tells the address or the sender. */
function bareSignalOf(number: number, code: number): StopSignal {
  const codeName = code === 0 ? undefined : signalCodeName(number, code);
  return {
    number,
    name: signalName(number),
    ...(codeName !== undefined && { code, codeName }),
  };
}

/** It waits in the kernel: whoever does so has not just failed. */
function isBehindSystemCall(
  registers: ImageThread['registers'],
  memory: CoreMemory,
  machine: Machine,
): boolean {
  const address = registers.get(machine === 'x86-64' ? 'rip' : machine === 'i386' ? 'eip' : 'pc') ?? 0n;
  const length = machine === 'aarch64' ? 4 : 2;
  if (address < BigInt(length)) return false;
  const code = Buffer.from(memory.read(address - BigInt(length), length)).toString('hex');
  // syscall; int 0x80, sysenter; svc #0
  return machine === 'x86-64'
    ? code === '0f05'
    : machine === 'i386'
      ? code === 'cd80' || code === '0f34'
      : code === '010000d4';
}

/** Bytes from the end of the file to the end of what lies in it farthest, as the headers say. */
function missingOf(segments: readonly Segment[], size: number): number {
  const end = segments.reduce(
    (last, { fileOffset, fileSize }) => (fileSize > 0 ? Math.max(last, fileOffset + fileSize) : last),
    0,
  );
  return Math.max(0, end - size);
}

function problemsOf(
  path: string,
  what: {
    readonly notes: CoreNotes;
    readonly missingBytes: number;
    readonly size: number;
    readonly missingSegments: number;
    readonly isGuessed: boolean;
  },
): readonly Problem[] {
  const { notes, missingBytes, size, missingSegments, isGuessed } = what;
  const problems: Problem[] = [];
  const add = (code: string, level: Problem['level'], message: string, hint?: string): void => {
    problems.push({ code, level, message, ...(hint !== undefined && { hint }) });
  };
  if (!Number.isSafeInteger(missingBytes) || missingBytes > 1e15) {
    add('damaged-core', 'incomplete', `${path} is damaged: its headers tell of sizes that no file has`);
  } else if (missingBytes > 0) {
    add(
      'cut-core',
      'incomplete',
      `${path} is cut: ${missingBytes} of ${size + missingBytes} bytes are missing, and with them memory of the process`,
      'the limit for core files (ulimit -c) was too low, or the disk full',
    );
  }
  if (missingSegments > 0) {
    add('cut-core', 'incomplete', `${path} is cut: ${missingSegments} of its headers are missing`);
  }
  if (notes.threads.length === 0) {
    add('no-threads', 'incomplete', `${path} tells of no thread: its notes are missing or damaged`);
  } else if (notes.isDamaged) {
    const more = notes.threads.length >= mostThreads ? ', or it has more threads than are read' : '';
    add(
      'damaged-core',
      'incomplete',
      `${path} is damaged: notes in it are too short, too long or contradict, and threads may be missing${more}`,
    );
  }
  if (isGuessed) {
    add(
      'unknown-thread',
      'warning',
      `${path} is valgrind's and does not tell which of its ${notes.threads.length} threads got the signal: the first one may be another`,
      "valgrind's log names the thread",
    );
  }
  return problems;
}
