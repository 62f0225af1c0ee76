// Whose core a file is: the process in its notes, and the signal. Of any machine, and without its registers and memory.
import { ElfType, readElfHeader, readNotes, readSegments, SegmentType } from '../../tools/core/elf-layout.ts';
import { CoreNote, readProcessId, readThreadOwner, type ThreadOwner } from '../../tools/core/notes.ts';
import { openFile } from '../core/file-reader.ts';

/** What a core says of the process that it is of; `signal` 0: it did not end by one. */
export type CoreOwner = ThreadOwner;

/** The two notes are the first; those of many threads follow. */
const mostNoteBytes = 256 * 1024;

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
    const size = Math.min(segment.fileSize, mostNoteBytes);
    let owner: ThreadOwner | undefined;
    let pid = 0;
    for (const note of readNotes(header, { offset: segment.fileOffset, size }, readAt)) {
      // The first thread is the one that crashed; its id is not that of the process, and valgrind's process note has none.
      if (note.type === CoreNote.threadStatus) owner ??= readThreadOwner(header, note.read(mostNoteBytes));
      if (note.type === CoreNote.processInformation) pid ||= readProcessId(header, note.read(mostNoteBytes));
      if (owner !== undefined && pid !== 0) break;
    }
    return owner && { ...owner, pid: pid || owner.pid };
  } finally {
    close();
  }
}
