// A process image from a core file of the kernel and from files on the disk: just enough for tests of what reads images.
import { existsSync, fstatSync, openSync, readSync } from 'node:fs';
import type { NameSource, StopSignal } from '../../../src/model/stop.ts';
import type { NameOf } from '../../../src/tools/core/code-places.ts';
import { readElfFile } from '../../../src/tools/core/elf-file.ts';
import type {
  ImageThread,
  LoadedModule,
  Mapping,
  ObjectFile,
  ProcessImage,
  ReadFileAt,
} from '../../../src/tools/core/process-image.ts';

const registerNames =
  'r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base'.split(
    ' ',
  );

/** Reads a file piece by piece; it stays open until the test process ends. */
export function fileReader(path: string): ReadFileAt {
  const file = openSync(path, 'r');
  const { size } = fstatSync(file);
  return (offset, length) => {
    if (offset >= size) return new Uint8Array(0);
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, offset));
  };
}

export interface ImageOptions {
  /** Which file stands for a module, by the path in the core; default: the very path. undefined: none does. */
  readonly fileOf?: (path: string) => string | undefined;
}

export interface TestImage extends ProcessImage {
  readonly signal?: StopSignal;
}

/** x86-64 cores of the kernel only; what a core lacks is read from the files. */
export function imageOfCore(core: string, { fileOf = (path) => path }: ImageOptions = {}): TestImage {
  const read = fileReader(core);
  const head = Buffer.from(read(0, 64));
  const table = Buffer.from(read(Number(head.readBigUInt64LE(32)), 56 * head.readUInt16LE(56)));
  const segments = Array.from({ length: head.readUInt16LE(56) }, (_, index) => {
    const at = index * 56;
    return {
      type: table.readUInt32LE(at),
      flags: table.readUInt32LE(at + 4),
      offset: Number(table.readBigUInt64LE(at + 8)),
      start: table.readBigUInt64LE(at + 16),
      fileSize: Number(table.readBigUInt64LE(at + 32)),
      end: table.readBigUInt64LE(at + 16) + table.readBigUInt64LE(at + 40),
    };
  });
  const threads: ImageThread[] = [];
  const files: { start: bigint; end: bigint; offset: number; path: string }[] = [];
  let signal: StopSignal | undefined;
  for (const { offset, fileSize } of segments.filter(({ type }) => type === 4)) {
    const notes = Buffer.from(read(offset, fileSize));
    for (let at = 0; at + 12 <= notes.length; ) {
      const [nameSize, size, type] = [
        notes.readUInt32LE(at),
        notes.readUInt32LE(at + 4),
        notes.readUInt32LE(at + 8),
      ];
      const start = at + 12 + ((nameSize + 3) & ~3);
      const note = notes.subarray(start, start + size);
      at = start + ((size + 3) & ~3);
      if (type === 1) {
        const registers = new Map(
          registerNames.map((name, index) => [name, note.readBigUInt64LE(112 + index * 8)] as const),
        );
        threads.push({ lwp: note.readUInt32LE(32), registers });
      } else if (type === 0x5349_4749) {
        const number = note.readInt32LE(0);
        signal = {
          number,
          name: number === 11 ? 'SIGSEGV' : number === 7 ? 'SIGBUS' : `signal ${number}`,
          code: note.readInt32LE(8),
          address: `0x${note.readBigUInt64LE(16).toString(16)}`,
        };
      } else if (type === 0x4649_4c45) files.push(...readFileNote(note));
    }
  }
  const loads = segments.filter(({ type, start, end }) => type === 1 && end > start);
  const mappings: Mapping[] = loads.map(({ start, end, flags }) => {
    const file = files.find((candidate) => start >= candidate.start && start < candidate.end);
    return {
      start,
      end,
      access: { read: (flags & 4) !== 0, write: (flags & 2) !== 0, execute: (flags & 1) !== 0 },
      ...(file !== undefined && { path: file.path, fileOffset: file.offset + Number(start - file.start) }),
    };
  });
  const modules = modulesOf(files, fileOf);
  return {
    machine: 'x86-64',
    pid: threads[0]?.lwp ?? 0,
    threads,
    mappings,
    modules,
    ...(signal !== undefined && { signal }),
    memory: {
      read: (address, length) => {
        const segment = loads.find(({ start, end }) => address >= start && address < end);
        if (segment === undefined) return new Uint8Array(0);
        const at = Number(address - segment.start);
        if (at < segment.fileSize) {
          return read(segment.offset + at, Math.min(length, segment.fileSize - at));
        }
        const module = modules.find(({ start, end }) => address >= start && address < end);
        return module?.object?.at(address - module.bias, length) ?? new Uint8Array(0);
      },
    },
  };
}

/** NT_FILE: count, page size, then three words each, then the names. */
function readFileNote(note: Buffer): { start: bigint; end: bigint; offset: number; path: string }[] {
  const count = Number(note.readBigUInt64LE(0));
  const pageSize = Number(note.readBigUInt64LE(8));
  const names = note
    .subarray(16 + count * 24)
    .toString('utf8')
    .split('\0');
  return Array.from({ length: count }, (_, index) => {
    const at = 16 + index * 24;
    return {
      start: note.readBigUInt64LE(at),
      end: note.readBigUInt64LE(at + 8),
      offset: Number(note.readBigUInt64LE(at + 16)) * pageSize,
      path: names[index] ?? '',
    };
  });
}

function modulesOf(
  files: readonly { start: bigint; end: bigint; offset: number; path: string }[],
  fileOf: (path: string) => string | undefined,
): LoadedModule[] {
  return [...new Set(files.map(({ path }) => path))].map((path) => {
    const own = files.filter((file) => file.path === path);
    const start = own[0]?.start ?? 0n;
    const end = own.at(-1)?.end ?? 0n;
    const file = fileOf(path);
    const object = file !== undefined && existsSync(file) ? readElfFile(file, fileReader(file)) : undefined;
    const first = object?.segments[0];
    return {
      path,
      start,
      end,
      bias: start - (first === undefined ? 0n : first.address - (first.address % 4096n)),
      ...(object !== undefined && { object }),
    };
  });
}

interface Symbol {
  readonly name: string;
  readonly start: bigint;
  readonly size: bigint;
  readonly source: NameSource;
}

const symbolsOf = new WeakMap<ObjectFile, readonly Symbol[]>();

/** Functions of .symtab, else of .dynsym, sorted. */
function readSymbols(object: ObjectFile): readonly Symbol[] {
  const tables = [
    ['.symtab', '.strtab', 'symbol table'],
    ['.dynsym', '.dynstr', 'exported symbol'],
  ] as const;
  for (const [table, names, source] of tables) {
    const bytes = Buffer.from(object.section(table)?.bytes ?? []);
    const text = Buffer.from(object.section(names)?.bytes ?? []);
    const symbols = Array.from({ length: Math.floor(bytes.length / 24) }, (_, index): Symbol | undefined => {
      const at = index * 24;
      const start = bytes.readBigUInt64LE(at + 8);
      if (((bytes[at + 4] ?? 0) & 15) !== 2 || start === 0n) return undefined;
      const name = bytes.readUInt32LE(at);
      return {
        name: text.toString('utf8', name, text.indexOf(0, name)),
        start,
        size: bytes.readBigUInt64LE(at + 16),
        source,
      };
    }).filter((symbol) => symbol !== undefined);
    if (symbols.length > 0) return symbols.sort((left, right) => Number(left.start - right.start));
  }
  return [];
}

/** Names from .symtab, else .dynsym. */
export const namesOfSymbols: NameOf = ({ object }, address) => {
  if (object === undefined) return undefined;
  const symbols = symbolsOf.get(object) ?? readSymbols(object);
  symbolsOf.set(object, symbols);
  const found = symbols.findLast(({ start }) => start <= address);
  if (found === undefined) return undefined;
  const { name, start, size, source } = found;
  const offset = Number(address - start);
  return { name, start, offset, size: Number(size), source, isInside: address < start + size };
};
