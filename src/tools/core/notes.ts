// Owns the notes of a core file: what the kernel's, gdb's and valgrind's tell of a process (core(5); Linux, include/linux/elfcore.h
// and the user_regs_struct of each machine).
import type { ElfHeader } from './elf-layout.ts';
import { type Fields, fieldsOf, textAt } from './fields.ts';
import type { Machine, Registers } from './process-image.ts';
import type { SignalInformation } from './signals.ts';

/** n_type of notes named `CORE`. */
export const CoreNote = {
  threadStatus: 1,
  processInformation: 3,
  auxiliary: 6,
  signal: 0x53494749,
  files: 0x46494c45,
} as const;

/** n_type of notes named `vgrun`, in the cores that its own Python writes (src/run/gdb/minicore.py). */
export const VgrunNote = { threadName: 1 } as const;

/** How the structures of a machine are laid out: byte offsets. */
interface Layout {
  readonly bits: 32 | 64;
  /** elf_prstatus: pr_reg. */
  readonly statusRegisters: number;
  readonly registers: readonly string[];
  /** elf_prpsinfo */
  readonly information: {
    readonly uid: number;
    readonly uidSize: 2 | 4;
    readonly pid: number;
    readonly name: number;
  };
}

// pr_reg stands behind four pids and four times.
const layouts: Readonly<Record<Machine, Layout>> = {
  'x86-64': {
    bits: 64,
    statusRegisters: 112,
    registers:
      'r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs'.split(
        ' ',
      ),
    information: { uid: 16, uidSize: 4, pid: 24, name: 40 },
  },
  i386: {
    bits: 32,
    statusRegisters: 72,
    registers: 'ebx ecx edx esi edi ebp eax ds es fs gs orig_eax eip cs eflags esp ss'.split(' '),
    information: { uid: 8, uidSize: 2, pid: 12, name: 28 },
  },
  aarch64: {
    bits: 64,
    statusRegisters: 112,
    registers: [...Array.from({ length: 31 }, (_, index) => `x${index}`), 'sp', 'pc', 'cpsr'],
    information: { uid: 16, uidSize: 4, pid: 24, name: 40 },
  },
};

/** By e_machine; undefined: its registers are not known. */
export function machineOf(machine: number): Machine | undefined {
  return machine === 62 ? 'x86-64' : machine === 3 ? 'i386' : machine === 183 ? 'aarch64' : undefined;
}

/** elf_prstatus: pr_pid and the three ids after it stand behind elf_siginfo, pr_cursig, and two words of signals, on any machine. */
const statusIds = { 64: 32, 32: 24 } as const;

/** What NT_PRSTATUS says of whose thread it is. */
export interface ThreadOwner {
  /** Of the thread. */
  readonly pid: number;
  readonly ppid: number;
  readonly processGroup: number;
  readonly session: number;
  /** pr_cursig: 0 for none. */
  readonly signal: number;
}

type Form = Pick<ElfHeader, 'bits' | 'isLittleEndian'>;

/** Of any machine; undefined: it is too short. */
export function readThreadOwner({ bits, isLittleEndian }: Form, bytes: Uint8Array): ThreadOwner | undefined {
  const fields = fieldsOf(bytes, bits, isLittleEndian);
  const ids = statusIds[bits];
  if (ids + 16 > fields.length) return undefined;
  return {
    pid: fields.word(ids),
    ppid: fields.word(ids + 4),
    processGroup: fields.word(ids + 8),
    session: fields.word(ids + 12),
    signal: fields.half(12),
  };
}

/** The process of NT_PRPSINFO, with 32 bits as i386 has it; 0: it does not say. */
export function readProcessId({ bits, isLittleEndian }: Form, bytes: Uint8Array): number {
  return fieldsOf(bytes, bits, isLittleEndian).word(bits === 64 ? 24 : 12);
}

/** NT_PRSTATUS: a thread. */
export interface ThreadStatus {
  readonly lwp: number;
  /** pr_cursig: 0 for none. */
  readonly signal: number;
  /** pr_info.si_code: valgrind's, 0 in a core of the kernel. */
  readonly code: number;
  readonly registers: Registers;
}

/** undefined: it is shorter than this machine's. */
export function readThreadStatus(machine: Machine, bytes: Uint8Array): ThreadStatus | undefined {
  const { bits, statusRegisters, registers } = layouts[machine];
  const fields = fieldsOf(bytes, bits);
  const width = bits / 8;
  if (statusRegisters + registers.length * width > fields.length) return undefined;
  return {
    lwp: fields.word(statusIds[bits]),
    signal: fields.half(12),
    code: fields.signedWord(4),
    registers: new Map(
      registers.map((name, index) => [name, fields.native(statusRegisters + index * width)] as const),
    ),
  };
}

/** NT_PRPSINFO: the process. */
export interface ProcessInformation {
  /** 0 in a core of valgrind. */
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly name: string;
  readonly commandLine: string;
}

/** undefined: it is shorter than this machine's. */
export function readProcessInformation(machine: Machine, bytes: Uint8Array): ProcessInformation | undefined {
  const { bits, information } = layouts[machine];
  const nameBytes = 16;
  const fields = fieldsOf(bytes, bits);
  if (information.name + nameBytes > fields.length) return undefined;
  return {
    pid: fields.word(information.pid),
    ppid: fields.word(information.pid + 4),
    uid: information.uidSize === 2 ? fields.half(information.uid) : fields.word(information.uid),
    name: textAt(bytes, information.name, nameBytes),
    // The kernel writes a space for each zero byte between the words, and one at the end.
    commandLine: textAt(bytes, information.name + nameBytes, 80).trimEnd(),
  };
}

/** NT_SIGINFO; undefined: it is too short. */
export function readSignalInformation(machine: Machine, bytes: Uint8Array): SignalInformation | undefined {
  const { bits } = layouts[machine];
  const union = bits === 64 ? 16 : 12;
  const fields = fieldsOf(bytes, bits);
  if (union + 8 > fields.length) return undefined;
  return {
    number: fields.signedWord(0),
    code: fields.signedWord(8),
    address: fields.native(union),
    pid: fields.signedWord(union),
    uid: fields.word(union + 4),
    // Behind si_call_addr.
    systemCall: {
      number: fields.signedWord(union + bits / 8),
      architecture: fields.word(union + bits / 8 + 4),
    },
  };
}

/** Bytes of a thread's name; the kernel's own are shorter (prctl(2), PR_SET_NAME: 16 with the zero byte). */
const longestThreadName = 64;

/** Of `VgrunNote.threadName`: 32 bits for the lwp, then the name. undefined: it is too short. */
export function readThreadName(
  machine: Machine,
  bytes: Uint8Array,
): { readonly lwp: number; readonly name: string } | undefined {
  if (bytes.length < 4) return undefined;
  return {
    lwp: fieldsOf(bytes, layouts[machine].bits).word(0),
    name: textAt(bytes, 4, longestThreadName),
  };
}

/** NT_AUXV: values by type, up to AT_NULL. */
export function readAuxiliary(machine: Machine, bytes: Uint8Array): ReadonlyMap<number, bigint> {
  const { bits } = layouts[machine];
  const width = bits / 8;
  const fields = fieldsOf(bytes, bits);
  const values = new Map<number, bigint>();
  for (let at = 0; at + 2 * width <= fields.length; at += 2 * width) {
    const type = Number(fields.native(at));
    if (type === 0) break;
    values.set(type, fields.native(at + width));
  }
  return values;
}

/** A range of addresses where a file is mapped. */
export interface FileMapping {
  readonly start: bigint;
  readonly end: bigint;
  /** Bytes. */
  readonly fileOffset: number;
  readonly path: string;
}

/** What NT_FILE tells. */
export interface MappedFiles {
  readonly mappings: readonly FileMapping[];
  /** It promises more than it has. */
  readonly isDamaged: boolean;
}

const mostMappings = 1 << 20;
const longestPath = 4096;

/** NT_FILE: a count, the unit of offsets, then start, end and offset of each, then their paths, each with a zero byte. */
export function readMappedFiles(machine: Machine, bytes: Uint8Array): MappedFiles {
  const { bits } = layouts[machine];
  const width = bits / 8;
  const fields: Fields = fieldsOf(bytes, bits);
  const promised = Number(fields.native(0));
  const unit = Number(fields.native(width));
  const fits = Math.floor((bytes.length - 2 * width) / (3 * width));
  const count = Math.max(0, Math.min(promised, fits, mostMappings));
  const mappings: FileMapping[] = [];
  let isDamaged = promised > count;
  let nameAt = (2 + 3 * promised) * width;
  for (let index = 0; index < count; index++) {
    const at = (2 + 3 * index) * width;
    const [start, end] = [fields.native(at), fields.native(at + width)];
    const fileOffset = Number(fields.native(at + 2 * width)) * unit;
    const zero = nameAt < bytes.length ? bytes.indexOf(0, nameAt) : -1;
    if (zero === -1) return { mappings, isDamaged: true };
    const path = textAt(bytes, nameAt, longestPath);
    nameAt = zero + 1;
    if (start < end && path !== '' && Number.isSafeInteger(fileOffset)) {
      mappings.push({ start, end, fileOffset, path });
    } else isDamaged = true;
  }
  return { mappings, isDamaged };
}
