// Whose core a file is: the process in its notes, and the signal (elf(5), core(5), linux/elfcore.h). Only that is read.
import { open } from 'node:fs/promises';

/** What a core says of the process that it is of. */
export interface CoreOwner {
  readonly pid: number;
  readonly ppid: number;
  readonly processGroup: number;
  readonly session: number;
  /** 0: it did not end by one. */
  readonly signal: number;
}

const coreFile = 4;
const noteSegment = 4;
const statusNote = 1;
const processNote = 3;
/** The two notes are the first; those of many threads follow. */
const mostNoteBytes = 256 * 1024;
const mostSegments = 65_535;

/** @returns undefined for what is no core, or none that says whose it is. */
export async function coreOwner(path: string): Promise<CoreOwner | undefined> {
  const handle = await open(path, 'r');
  try {
    const read = async (offset: number, length: number): Promise<Buffer> => {
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await handle.read(buffer, 0, length, offset);
      return buffer.subarray(0, bytesRead);
    };
    const header = await read(0, 64);
    const place = notesOf(header);
    if (place === undefined) return undefined;
    const table = await read(place.tableAt, place.entrySize * place.entries);
    const segment = firstNotes(table, place);
    if (segment === undefined) return undefined;
    return ownerIn(await read(segment.offset, Math.min(segment.size, mostNoteBytes)), place);
  } finally {
    await handle.close();
  }
}

interface Form {
  readonly is64: boolean;
  readonly isLittle: boolean;
}

interface Table extends Form {
  readonly tableAt: number;
  readonly entrySize: number;
  readonly entries: number;
}

function notesOf(header: Buffer): Table | undefined {
  if (header.length < 52 || header.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const form = { is64: header[4] === 2, isLittle: header[5] !== 2 };
  if (form.is64 && header.length < 64) return undefined;
  if (short(header, 16, form) !== coreFile) return undefined;
  const tableAt = form.is64 ? long(header, 32, form) : word(header, 28, form);
  const entrySize = short(header, form.is64 ? 54 : 42, form);
  const entries = short(header, form.is64 ? 56 : 44, form);
  if (!Number.isSafeInteger(tableAt) || entrySize < (form.is64 ? 56 : 32) || entrySize > 4096)
    return undefined;
  return { ...form, tableAt, entrySize, entries: Math.min(entries, mostSegments, (1 << 20) / entrySize) | 0 };
}

function firstNotes(table: Buffer, form: Table): { offset: number; size: number } | undefined {
  for (let at = 0; at + form.entrySize <= table.length; at += form.entrySize) {
    if (word(table, at, form) !== noteSegment) continue;
    const offset = form.is64 ? long(table, at + 8, form) : word(table, at + 4, form);
    const size = form.is64 ? long(table, at + 32, form) : word(table, at + 16, form);
    return Number.isSafeInteger(offset) && size >= 0 ? { offset, size } : undefined;
  }
  return undefined;
}

/** The status of the thread that crashed is the first of its kind; valgrind's process note has no pid in it. */
function ownerIn(notes: Buffer, form: Form): CoreOwner | undefined {
  let status: CoreOwner | undefined;
  let pid = 0;
  for (let at = 0; at + 12 <= notes.length; ) {
    const nameSize = word(notes, at, form);
    const size = word(notes, at + 4, form);
    const type = word(notes, at + 8, form);
    const from = at + 12 + rounded(nameSize);
    if (from + size > notes.length) break;
    const content = notes.subarray(from, from + size);
    if (type === statusNote && status === undefined && size >= (form.is64 ? 48 : 40)) {
      const ids = form.is64 ? 32 : 24;
      status = {
        signal: short(content, 12, form),
        pid: word(content, ids, form),
        ppid: word(content, ids + 4, form),
        processGroup: word(content, ids + 8, form),
        session: word(content, ids + 12, form),
      };
    }
    if (type === processNote && size >= (form.is64 ? 40 : 28)) pid = word(content, form.is64 ? 24 : 12, form);
    if (status !== undefined && pid !== 0) break;
    at = from + rounded(size);
  }
  if (status === undefined) return undefined;
  return { ...status, pid: pid === 0 ? status.pid : pid };
}

function rounded(size: number): number {
  return Math.ceil(size / 4) * 4;
}

function short(bytes: Buffer, at: number, { isLittle }: Form): number {
  return isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
}

function word(bytes: Buffer, at: number, { isLittle }: Form): number {
  return isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
}

function long(bytes: Buffer, at: number, { isLittle }: Form): number {
  return Number(isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
}
