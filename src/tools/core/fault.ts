// What a crashing instruction touched, and what that address is.
import type { Fault, PointerKind, StopSignal } from '../../model/stop.ts';
import { type AddressPlace, addressPlace, describePlace, isCanonical, nearNull } from './address-place.ts';
import type { CodePlaces } from './code-places.ts';
import type { GlibcHeap } from './glibc-heap.ts';
import type { ImageThread } from './process-image.ts';
import { pageSize, type StackEdge, stackBelow } from './stack-edge.ts';
import { hex } from './stop-frames.ts';
import { memoryAccesses } from './x86-access.ts';
import type { InstructionAccesses, MemoryAccess } from './x86-operand.ts';
import { privilegedInstruction } from './x86-privileged.ts';

const SIGBUS = 7;
const SIGSEGV = 11;
/** si_code (sigaction(2)): the processor told no address. */
const SI_KERNEL = 128;
const BUS_ADRERR = 2;

interface Touched {
  readonly operation?: 'read' | 'write' | 'jump';
  readonly size?: number;
  readonly address: bigint;
  /** The registers that it was made of. */
  readonly access?: MemoryAccess;
  readonly isReturn?: true;
  /** Where the target of a call or a jump was, in words. */
  readonly from?: string;
  /** It is not an address that the processor told. */
  readonly isComputed?: true;
}

/**
 * @param thread the one that got `signal`
 * @returns undefined: the signal is none of an access to memory, or what was touched is not known
 */
export function faultOf(
  code: CodePlaces,
  heap: GlibcHeap,
  thread: ImageThread,
  signal: StopSignal,
): Fault | undefined {
  const { number, code: signalCode } = signal;
  // What was sent by kill(2) and the like has a code of 0 or below.
  if ((number !== SIGSEGV && number !== SIGBUS) || (signalCode !== undefined && signalCode <= 0))
    return undefined;
  const touched = touchedBy(code, thread, signal);
  if (touched === undefined) return privileged(code, thread, signal);
  const { address, operation, size } = touched;
  const place = addressPlace(code, heap, address);
  const guard = stackBelow(code, thread, address, place);
  const pointer = kindOf(code, signal, touched, place, guard);
  const doubt = doubtOf(heap, thread, touched);
  return {
    ...(operation !== undefined && { operation }),
    ...(size !== undefined && { size }),
    address: hex(address),
    pointer,
    text: sentence(code, thread, touched, place, pointer, guard),
    ...(doubt !== undefined && { doubt }),
  };
}

/** What only the kernel may do has no address. */
function privileged(code: CodePlaces, thread: ImageThread, signal: StopSignal): Fault | undefined {
  const pc = thread.registers.get(code.registers.programCounter);
  if (code.image.machine !== 'x86-64' || signal.code !== SI_KERNEL || pc === undefined) return undefined;
  const name = privilegedInstruction(code.readCode(pc, 15));
  if (name === undefined) return undefined;
  if (name.startsWith('int ')) {
    const isCall = name === 'int $0x80';
    return {
      pointer: 'privileged',
      text: `It executed ${name}, a software interrupt that programs have not got here${isCall ? ': this kernel takes no 32-bit system calls' : ''}.`,
    };
  }
  const isPort = /^(?:in|out)s?$/.test(name);
  return {
    pointer: 'privileged',
    text: `It executed the privileged instruction ${name}${isPort ? ' on a port that it may not use' : ''}: only the kernel may do that.`,
  };
}

function touchedBy(code: CodePlaces, thread: ImageThread, signal: StopSignal): Touched | undefined {
  const told = addressOf(signal);
  const pc = thread.registers.get(code.registers.programCounter);
  const isUntold = signal.code === SI_KERNEL && (told === undefined || told === 0n);
  if (pc === undefined) return told === undefined ? undefined : { address: told };
  if (!isUntold && (told === pc || (told === undefined && !code.places.isExecutable(pc)))) {
    if (!code.places.isExecutable(pc)) return jumpTo(code, thread, pc);
  }
  if (code.image.machine !== 'x86-64') return told === undefined || isUntold ? undefined : { address: told };
  const decoded = memoryAccesses(code.readCode(pc, 15), pc, thread.registers);
  const accesses = decoded?.accesses ?? [];
  if (isUntold) return untold(code, thread, { accesses, target: decoded?.target }, pc);
  if (told === undefined) {
    const [access] = accesses;
    return access?.address === undefined
      ? undefined
      : { ...touchedAt(access, access.address), isComputed: true };
  }
  const access =
    accesses.find(
      ({ address, size = 64 }) => address !== undefined && told >= address && told < address + BigInt(size),
    ) ??
    accesses.find(({ address }) => address === undefined) ??
    // A repeated string instruction, or registers that a debugger changed: the kind of access is still right when there is one.
    (accesses.length === 1 ? accesses[0] : undefined);
  return access === undefined ? { address: told } : touchedAt(access, told);
}

function touchedAt(access: MemoryAccess, address: bigint): Touched {
  const { operation, size } = access;
  return { operation, address, access, ...(size !== undefined && { size }) };
}

type JumpTarget = InstructionAccesses['target'] | undefined;

/** General protection: an address that is none, or one that is not aligned as the instruction needs it. */
function untold(
  code: CodePlaces,
  thread: ImageThread,
  { accesses, target: jump }: Pick<InstructionAccesses, 'accesses'> & { readonly target: JumpTarget },
  pc: bigint,
): Touched | undefined {
  const access =
    accesses.find(({ address }) => address !== undefined && !isCanonical(address)) ??
    accesses.find(
      ({ address, size = 1 }) => address !== undefined && size >= 16 && address % BigInt(size) !== 0n,
    );
  if (access?.address !== undefined) return { ...touchedAt(access, access.address), isComputed: true };
  // The processor looks at the target before it goes there: the thread stands at the call.
  const goal =
    jump === undefined ? undefined : 'value' in jump ? jump.value : code.memory.unsigned(jump.at, 8);
  if (goal !== undefined && !isCanonical(goal)) {
    const from =
      jump !== undefined && 'at' in jump ? `read at ${hex(jump.at)}` : `the value of ${jump?.register}`;
    return { operation: 'jump', address: goal, isComputed: true, from };
  }
  const sp = thread.registers.get('rsp');
  if (isReturn(code, pc) && sp !== undefined) {
    const target = code.memory.unsigned(sp, 8);
    if (target !== undefined && !isCanonical(target)) {
      return { operation: 'jump', address: target, isReturn: true, isComputed: true };
    }
  }
  return undefined;
}

function isReturn(code: CodePlaces, pc: bigint): boolean {
  const [first = 0, second] = code.readCode(pc, 2);
  return first === 0xc3 || first === 0xc2 || ((first === 0xf3 || first === 0xf2) && second === 0xc3);
}

/** The thread stands where there is no code: a call or a return has led there. */
function jumpTo(code: CodePlaces, thread: ImageThread, pc: bigint): Touched {
  const { names, stackPointer, wordSize } = code.registers;
  const sp = thread.registers.get(names[stackPointer] ?? '');
  if (sp === undefined || code.image.machine === 'aarch64') return { operation: 'jump', address: pc };
  const onStack = code.memory.unsigned(sp, wordSize);
  const isCalled =
    onStack !== undefined && code.places.isExecutable(onStack) && code.callBefore(onStack).kind !== 'none';
  const hasReturned = !isCalled && code.memory.unsigned(sp - BigInt(wordSize), wordSize) === pc;
  return { operation: 'jump', address: pc, ...(hasReturned && { isReturn: true }) };
}

function addressOf({ address }: StopSignal): bigint | undefined {
  return address !== undefined && /^0x[0-9a-f]{1,16}$/i.test(address) ? BigInt(address) : undefined;
}

function kindOf(
  code: CodePlaces,
  signal: StopSignal,
  touched: Touched,
  place: AddressPlace,
  guard: StackEdge | undefined,
): PointerKind {
  const { address, operation } = touched;
  if (address === 0n) return 'null';
  if (address < nearNull) return 'near null';
  if (guard !== undefined) return 'stack guard';
  if (place.kind === 'not canonical' || place.kind === 'not mapped') return place.kind;
  if (isMisaligned(signal, touched)) return 'unaligned';
  if (signal.number === SIGBUS && signal.code === BUS_ADRERR) return 'beyond the file';
  const { access } = code.places.mapping(address) ?? {};
  if (operation === 'jump' && access?.execute !== true) return 'not executable';
  if (access?.read === false && access.write === false && operation !== 'jump') return 'no access';
  if (operation === 'write' && access?.write === false) return 'read-only';
  if (place.kind === 'block') return place.block.isFreed ? 'freed' : 'heap';
  if (place.kind === 'stack' || place.kind === 'heap' || place.kind === 'code') return place.kind;
  return 'data';
}

/** Aligned moves of 16 bytes and more, of which the processor does not tell the address. */
function isMisaligned({ code }: StopSignal, { address, size = 0, isComputed }: Touched): boolean {
  return (
    code === SI_KERNEL && isComputed === true && size >= 16 && size <= 64 && address % BigInt(size) !== 0n
  );
}

function sentence(
  code: CodePlaces,
  thread: ImageThread,
  touched: Touched,
  place: AddressPlace,
  pointer: PointerKind,
  guard: StackEdge | undefined,
): string {
  const { address, operation, isReturn: returns } = touched;
  const where = `${hex(address)}${textOf(address)}`;
  if (operation === 'jump') {
    const what =
      pointer === 'null' || pointer === 'near null'
        ? pointer === 'null'
          ? 'which is NULL'
          : `${address} bytes after NULL`
        : pointer === 'not executable'
          ? `${describePlace(code, place, address)}, which may not be executed`
          : pointer === 'not canonical'
            ? 'which can be no address'
            : 'where nothing is mapped';
    return returns
      ? `The return address was overwritten: it returned to ${where}, ${what}.`
      : `It called or jumped to ${where}${touched.from === undefined ? '' : `, ${touched.from}`}, ${what}.`;
  }
  const { access } = touched;
  const base = access?.registers[0];
  const value = base === undefined ? undefined : thread.registers.get(base);
  const did = didOf(touched, where);
  const subject =
    base === undefined || value === undefined ? '' : `${base} is ${value === 0n ? 'NULL' : hex(value)}: `;
  switch (pointer) {
    case 'null':
      return value === 0n && base !== undefined
        ? `${base} is NULL: ${did}.`
        : upper(`${did}, which is NULL.`);
    case 'near null':
      return `${upper(`${subject}${did}`)}, ${address} bytes after NULL: a member or an element of an object that is not there.`;
    case 'stack guard': {
      const { start, hasGuard, isInGuard } = guard as StackEdge;
      const below = `${start - address} bytes below the lowest address of the stack`;
      const where = isInGuard ? ', in its guard page' : hasGuard ? ', and beyond its guard page' : '';
      return `The stack is ${start - address <= pageSize || isInGuard ? 'full' : 'too small'}: ${did}, ${below}${where}.`;
    }
    case 'not mapped':
      return upper(`${subject}${did}, where nothing is mapped.`);
    case 'not canonical':
      return upper(`${subject}${did}, which can be no address.`);
    case 'no access':
      return upper(`${subject}${did}, where no access is allowed.`);
    case 'read-only':
      return upper(`${subject}${did}, which may only be read: ${describePlace(code, place, address)}.`);
    case 'beyond the file': {
      const path = code.places.mapping(address)?.path;
      return upper(
        `${subject}${did}, which is mapped${path === undefined ? '' : ` from ${path}`} but behind the end of the file.`,
      );
    }
    case 'unaligned':
      return upper(
        `${subject}${did}, which is no multiple of ${touched.size}, as this instruction needs it: ${describePlace(code, place, address)}.`,
      );
    default:
      return upper(`${subject}${did}: ${describePlace(code, place, address)}.`);
  }
}

function didOf({ operation, size }: Touched, where: string): string {
  const amount = size === undefined ? '' : ` ${size} ${size === 1 ? 'byte' : 'bytes'}`;
  if (operation === 'write') return `it wrote${amount} at ${where}`;
  return operation === 'read' ? `it read${amount} at ${where}` : `it touched ${where}`;
}

function upper(text: string): string {
  // Registers keep their names: `rax is NULL`.
  return text.startsWith('it ') ? `I${text.slice(1)}` : text;
}

/** Addresses that are text are what a string was written over: at least four printable bytes and nothing else. */
function textOf(address: bigint): string {
  let text = '';
  for (let rest = address; rest > 0n; rest >>= 8n) {
    const byte = Number(rest & 0xffn);
    if (byte < 0x20 || byte > 0x7e) return '';
    text += String.fromCharCode(byte);
  }
  return text.length < 4 ? '' : ` (the text ${JSON.stringify(text)})`;
}

function doubtOf(heap: GlibcHeap, thread: ImageThread, touched: Touched): string | undefined {
  const sentences: string[] = [];
  if (touched.isComputed)
    sentences.push('The processor told no address: it is computed from the instruction and the registers.');
  for (const value of [
    ...(touched.access?.registers.map((name) => thread.registers.get(name)) ?? []),
    touched.operation === 'jump' ? touched.address : undefined,
  ]) {
    // Small numbers are everywhere.
    if (value === undefined || value < nearNull) continue;
    const block = heap.freedBlockWith(value);
    if (block === undefined) continue;
    const isLink = value === block.start >> 12n;
    sentences.push(
      `The value ${hex(value)} also stands in a freed block of ${block.size} bytes at ${hex(block.start)}${
        isLink ? ', where free() wrote it' : ''
      }: it may have been read after free().`,
    );
    break;
  }
  return sentences.length === 0 ? undefined : sentences.join(' ');
}
