// Owns the walk over the notes of a core file: threads in their order, each with its signal, and what is told of the process.
import { type ElfHeader, readNotes, type Segment, SegmentType } from './elf-layout.ts';
import {
  CoreNote,
  type MappedFiles,
  type ProcessInformation,
  readAuxiliary,
  readMappedFiles,
  readProcessInformation,
  readSignalInformation,
  readThreadName,
  readThreadStatus,
  type ThreadStatus,
  VgrunNote,
} from './notes.ts';
import type { Machine, ReadFileAt } from './process-image.ts';
import type { SignalInformation } from './signals.ts';

/** Of a note: NT_FILE of the largest programs is a few MiB (the kernel's default limit is 4). */
const largestNote = 16 * 1024 * 1024;
/** The name in it is much shorter. */
const longestNameNote = 128;
export const mostThreads = 16384;
/** A header without name and description, and what may stand before it as padding (gABI, Note Section). */
const smallestNote = 12 + 3;

export interface NotedThread extends ThreadStatus {
  readonly information?: SignalInformation;
}

export interface CoreNotes {
  readonly threads: readonly NotedThread[];
  /** By lwp: only cores of vgrun itself tell them. */
  readonly threadNames: ReadonlyMap<number, string>;
  readonly process?: ProcessInformation;
  readonly auxiliary: ReadonlyMap<number, bigint>;
  readonly files: MappedFiles;
  /** There is a note NT_FILE. */
  readonly hasFiles: boolean;
  /** A note is shorter than it must be, or larger than its segment, or there are more threads than are read. */
  readonly isDamaged: boolean;
  /** NT_PRPSINFO comes before the first thread: gdb and valgrind write it so, the kernel does not. */
  readonly isProcessFirst: boolean;
}

/** Reads all notes that are needed; others (floating point, NT_X86_XSTATE) are stepped over. */
export function readCoreNotes(
  header: ElfHeader,
  machine: Machine,
  segments: readonly Segment[],
  readAt: ReadFileAt,
): CoreNotes {
  const threads: NotedThread[] = [];
  const threadNames = new Map<number, string>();
  const lwps = new Set<number>();
  let process: ProcessInformation | undefined;
  let auxiliary: ReadonlyMap<number, bigint> = new Map();
  let files: MappedFiles = { mappings: [], isDamaged: false };
  let hasFiles = false;
  let isDamaged = false;
  let isProcessFirst = false;
  for (const { type, fileOffset, fileSize } of segments) {
    if (type !== SegmentType.note) continue;
    let end = fileOffset;
    for (const note of readNotes(header, { offset: fileOffset, size: fileSize }, readAt)) {
      end = note.offset + note.size;
      if (note.name === 'vgrun' && note.type === VgrunNote.threadName && threadNames.size < mostThreads) {
        const told = readThreadName(machine, note.read(longestNameNote));
        if (told !== undefined && told.name !== '') threadNames.set(told.lwp, told.name);
      }
      if (note.name !== 'CORE') continue;
      const bytes = (): Uint8Array => {
        const found = note.read(largestNote);
        if (found.length < note.size) isDamaged = true;
        return found;
      };
      if (note.type === CoreNote.threadStatus) {
        const status = readThreadStatus(machine, bytes());
        if (status === undefined || lwps.has(status.lwp) || threads.length >= mostThreads) isDamaged = true;
        else {
          lwps.add(status.lwp);
          threads.push(status);
        }
      } else if (note.type === CoreNote.processInformation && process === undefined) {
        process = readProcessInformation(machine, bytes());
        isProcessFirst = threads.length === 0;
        isDamaged ||= process === undefined;
      } else if (note.type === CoreNote.auxiliary && auxiliary.size === 0) {
        auxiliary = readAuxiliary(machine, bytes());
      } else if (note.type === CoreNote.signal) {
        const information = readSignalInformation(machine, bytes());
        // The kernel and gdb write it behind the status of its thread.
        const last = threads.at(-1);
        if (last === undefined || information === undefined) isDamaged = true;
        else threads[threads.length - 1] = { ...last, information };
      } else if (note.type === CoreNote.files && !hasFiles) {
        files = readMappedFiles(machine, bytes());
        hasFiles = true;
        isDamaged ||= files.isDamaged;
      }
    }
    // The walk ends at a note that does not fit. The threads behind it are lost, and the core would look like one of fewer threads.
    if (fileOffset + fileSize - end >= smallestNote) isDamaged = true;
  }
  return {
    threads,
    threadNames,
    ...(process !== undefined && { process }),
    auxiliary,
    files,
    hasFiles,
    isDamaged,
    isProcessFirst,
  };
}
