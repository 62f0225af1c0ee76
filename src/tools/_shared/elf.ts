// Owns what vgrun must know of an ELF file before it is launched (gABI, elf(5)). Pure: reads through a callback.
import type { Sanitizer } from '../../model/sanitizer.ts';

/** Reads up to `length` bytes at `offset`; fewer at the end of the file. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>;

export interface ElfFacts {
  readonly bits: 32 | 64;
  /** e_machine: 62 x86-64, 3 i386, 183 AArch64, 40 ARM, 243 RISC-V, … */
  readonly machine: number;
  /** ET_EXEC or ET_DYN; other types cannot be started. */
  readonly executable: boolean;
  /** PT_INTERP: missing means statically linked. */
  readonly interpreter?: string;
  /** The sanitizer runtimes it is built with, in the order of `sanitizers`; empty for a normal program. */
  readonly sanitizers: readonly Sanitizer[];
  /** The lowest address of what is loaded, as the file counts: 0 for what can be loaded anywhere. */
  readonly linkBase: number;
  /** It calls glibc's `mtrace()`. */
  readonly callsMtrace: boolean;
  /** It has handlers of -fsanitize=undefined: clang puts them beside every other runtime, whether they are used or not. */
  readonly undefinedHandlers: boolean;
  /** `.debug_info` or `.debug_line`, compressed or not. */
  readonly debugInfo: boolean;
  /** `.gnu_debuglink`: debug information may lie elsewhere. */
  readonly separateDebugInfo: boolean;
  /** `.symtab`: names of functions that are not exported. */
  readonly symbolTable: boolean;
  /** NT_GNU_BUILD_ID, hex. */
  readonly buildId?: string;
}

const machineNames: Readonly<Record<number, string>> = {
  3: 'x86',
  8: 'MIPS',
  20: 'PowerPC',
  21: 'PowerPC64',
  22: 's390x',
  40: 'ARM',
  62: 'x86-64',
  183: 'AArch64',
  243: 'RISC-V',
};

/** The usual name of an e_machine number. */
export function machineName(machine: number): string {
  return machineNames[machine] ?? `machine ${machine}`;
}

const nothing: readonly string[] = [];
/** Larger tables than any linker makes: a hostile header must not make us read gigabytes. */
const largestTable = 4 * 1024 * 1024;
/** The names of all functions are more, and read only where it matters. */
const largestNames = 64 * 1024 * 1024;

/** What is left of a runtime that gcc linked in: `__lsan_is_turned_off`, `__ubsan_handle_cfi_bad_type`, `_ZN11__sanitizer17real_pthread_joinEPvPS0_`. */
const hiddenRuntime = /^(?:__lsan_is_turned_off|__ubsan_handle_cfi_bad_type|_ZN11__sanitizer\d+real_)/;

/**
 * Reads the facts; `undefined` when the file is no ELF file. A damaged file gives what could be read.
 */
export async function readElf(readAt: ReadAt): Promise<ElfFacts | undefined> {
  const head = await readAt(0, 64);
  if (head.length < 52 || head[0] !== 0x7f || head[1] !== 0x45 || head[2] !== 0x4c || head[3] !== 0x46) {
    return undefined;
  }
  const bits = head[4] === 1 ? 32 : 64;
  const little = head[5] !== 2;
  const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const half = (data: DataView, at: number) => (at + 2 <= data.byteLength ? data.getUint16(at, little) : 0);
  const word = (data: DataView, at: number) => (at + 4 <= data.byteLength ? data.getUint32(at, little) : 0);
  /** An address or offset of the file's class; beyond 2^53 nothing can be read anyway. */
  const wide = (data: DataView, at: number) =>
    bits === 32 ? word(data, at) : at + 8 <= data.byteLength ? Number(data.getBigUint64(at, little)) : 0;
  const table = (offset: number, size: number, count: number) =>
    count === 0 || size === 0
      ? Promise.resolve(new Uint8Array())
      : readAt(offset, Math.min(size * count, largestTable));

  const header = view(head);
  const type = half(header, 16);
  const machine = half(header, 18);
  const [programOffset, sectionOffset] =
    bits === 64 ? [wide(header, 32), wide(header, 40)] : [word(header, 28), word(header, 32)];
  const [programSize, programCount, sectionSize, sectionCount, namesIndex] = (
    bits === 64 ? [54, 56, 58, 60, 62] : [42, 44, 46, 48, 50]
  ).map((at) => half(header, at)) as [number, number, number, number, number];

  let interpreter: string | undefined;
  let linkBase = Number.POSITIVE_INFINITY;
  const programs = view(await table(programOffset, programSize, programCount));
  for (let index = 0; index < programCount; index++) {
    const at = index * programSize;
    const PT_LOAD = 1;
    const PT_INTERP = 3;
    if (word(programs, at) === PT_LOAD) {
      linkBase = Math.min(linkBase, wide(programs, at + (bits === 64 ? 16 : 8)));
    }
    if (word(programs, at) !== PT_INTERP) continue;
    const [offset, size] =
      bits === 64
        ? [wide(programs, at + 8), wide(programs, at + 32)]
        : [word(programs, at + 4), word(programs, at + 16)];
    interpreter = text(await readAt(offset, Math.min(size, 4096)));
  }

  interface Section {
    readonly name: string;
    readonly offset: number;
    readonly size: number;
  }
  const sections: Section[] = [];
  const sectionTable = view(await table(sectionOffset, sectionSize, sectionCount));
  const place = (index: number): [number, number] => {
    const at = index * sectionSize;
    return bits === 64
      ? [wide(sectionTable, at + 24), wide(sectionTable, at + 32)]
      : [word(sectionTable, at + 16), word(sectionTable, at + 20)];
  };
  if (sectionCount > 0 && namesIndex < sectionCount) {
    const [offset, size] = place(namesIndex);
    const names = await readAt(offset, Math.min(size, largestTable));
    for (let index = 0; index < sectionCount; index++) {
      const name = text(names.subarray(word(sectionTable, index * sectionSize)));
      const [sectionAt, length] = place(index);
      sections.push({ name, offset: sectionAt, size: length });
    }
  }
  const has = (...names: string[]) => sections.some((section) => names.includes(section.name));
  const strings = sections.find((section) => section.name === '.dynstr');
  const dynamicStrings =
    strings === undefined
      ? nothing
      : splitStrings(await readAt(strings.offset, Math.min(strings.size, largestTable)));
  // gcc's -static-libasan exports next to nothing, and a static program has no names to export.
  const names = sections.find((section) => section.name === '.strtab');
  const isHidden = strings === undefined || dynamicStrings.some((text) => hiddenRuntime.test(text));
  const internalStrings =
    names === undefined || !isHidden
      ? nothing
      : splitStrings(await readAt(names.offset, Math.min(names.size, largestNames)));
  const runtimes = sanitizersOf([
    ...dynamicStrings,
    ...internalStrings.filter((text) => text.startsWith('__')),
  ]);
  const note = sections.find((section) => section.name === '.note.gnu.build-id');
  const buildId =
    note === undefined ? undefined : buildIdOf(await readAt(note.offset, Math.min(note.size, 256)));
  return {
    bits,
    machine,
    executable: type === 2 || type === 3,
    ...(interpreter === undefined ? {} : { interpreter }),
    sanitizers: runtimes,
    linkBase: Number.isSafeInteger(linkBase) ? linkBase : 0,
    callsMtrace: dynamicStrings.includes('mtrace'),
    undefinedHandlers: runtimes.includes('undefined') || dynamicStrings.some(isHandler),
    debugInfo: has('.debug_info', '.zdebug_info', '.debug_line', '.zdebug_line'),
    separateDebugInfo: has('.gnu_debuglink'),
    symbolTable: has('.symtab'),
    ...(buildId === undefined ? {} : { buildId }),
  };
}

/** The note is: name size 4, description size, type 3, `GNU\0`, description (elf(5), Notes). */
function buildIdOf(note: Uint8Array): string | undefined {
  const headerBytes = 16;
  if (note.length <= headerBytes) return undefined;
  return Buffer.from(note.buffer, note.byteOffset + headerBytes, note.length - headerBytes).toString('hex');
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.buffer, bytes.byteOffset, end === -1 ? bytes.length : end).toString('latin1');
}

function splitStrings(bytes: Uint8Array): readonly string[] {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1').split('\0');
}

/**
 * A sanitizer runtime is a needed library (gcc: `libasan.so.8`) or linked in, and then exports its entry points
 * (clang: `__asan_init`). clang puts the handlers of -fsanitize=undefined into every runtime but LeakSanitizer's, so beside
 * another one they do not tell whether the program was compiled with it.
 */
function sanitizersOf(dynamicStrings: readonly string[]): readonly Sanitizer[] {
  const has = (library: string, entry: string) =>
    dynamicStrings.includes(entry) || dynamicStrings.some((text) => text.startsWith(`lib${library}.so`));
  const others = (
    [
      ['address', has('asan', '__asan_init')],
      ['leak', has('lsan', '__lsan_init')],
      ['thread', has('tsan', '__tsan_init')],
      ['memory', has('msan', '__msan_init')],
    ] as const
  ).flatMap(([name, isThere]) => (isThere ? [name] : []));
  const isUndefined =
    dynamicStrings.some((text) => text.startsWith('libubsan.so')) ||
    (others.length === 0 && dynamicStrings.some(isHandler));
  return isUndefined ? [...others, 'undefined'] : others;
}

/** A handler of -fsanitize=undefined. Those of -fsanitize-minimal-runtime can print a word to stderr and no report. */
function isHandler(name: string): boolean {
  return name.startsWith('__ubsan_handle_') && !/_minimal(?:_abort)?$/.test(name);
}
