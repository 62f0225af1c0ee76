// Whose core a file is: the process in its notes or its name, and the signal. Of any machine, and without its registers and memory.
import { basename } from 'node:path';
import { ElfType, readElfHeader, readNotes, readSegments, SegmentType } from '../../tools/core/elf-layout.ts';
import { CoreNote, readProcessId, readThreadOwner, type ThreadOwner } from '../../tools/core/notes.ts';
import { processInName } from '../../tools/core/valgrind-core-name.ts';
import { openFile } from '../core/file-reader.ts';

/** What a core says of the process that it is of; `signal` 0: it did not end by one. */
export interface CoreOwner extends Omit<ThreadOwner, 'pid'> {
  /** Of the process; 0: the notes do not tell it, as those of valgrind. */
  readonly pid: number;
  /** lwps, that of the first note first; all of them where there is no pid. */
  readonly threads: readonly number[];
}

/** Of one note. */
const mostNoteBytes = 4096;
/** Of all: what is not read is stepped over. valgrind writes about a kilobyte for each thread. */
const mostNotesBytes = 16 * 1024 * 1024;

/**
 * @returns undefined for what is no core, or none that says whose it is.
 * @throws UserError (125): the file cannot be read.
 */
export function coreOwner(path: string): CoreOwner | undefined {
  const { readAt, close } = openFile(path);
  try {
    const header = readElfHeader(readAt);
    if (header?.type !== ElfType.core) return undefined;
    const segment = readSegments(header, readAt).find(({ type }) => type === SegmentType.note);
    if (segment === undefined) return undefined;
    const size = Math.min(segment.fileSize, mostNotesBytes);
    let first: ThreadOwner | undefined;
    const threads: number[] = [];
    let pid = 0;
    for (const note of readNotes(header, { offset: segment.fileOffset, size }, readAt)) {
      if (note.type === CoreNote.threadStatus) {
        const thread = readThreadOwner(header, note.read(mostNoteBytes));
        if (thread === undefined) continue;
        first ??= thread;
        threads.push(thread.pid);
      }
      if (note.type === CoreNote.processInformation) pid ||= readProcessId(header, note.read(mostNoteBytes));
      if (first !== undefined && pid !== 0) break;
    }
    return first && { ...first, pid, threads };
  } finally {
    close();
  }
}

/**
 * The process of a core. The first thread is the one that crashed, and its id is that of the process only in the main thread.
 *
 * @param path of the file, as it was written.
 * @param isSeen whether a process with this pid was in the run.
 * @returns `isGuessed`: neither notes nor name tell it.
 */
export function processOf(
  { pid, threads }: Pick<CoreOwner, 'pid' | 'threads'>,
  path: string,
  isSeen: (pid: number) => boolean,
): { readonly pid: number; readonly isGuessed: boolean } {
  const told = pid || processInName(basename(path));
  if (told !== undefined) return { pid: told, isGuessed: false };
  // The main thread has the pid of its process, and other threads that of none.
  const seen = new Set(threads.filter(isSeen));
  const [main] = seen;
  return main !== undefined && seen.size === 1
    ? { pid: main, isGuessed: false }
    : { pid: main ?? threads.reduce((least, lwp) => Math.min(least, lwp)), isGuessed: true };
}
