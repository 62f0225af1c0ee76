// How one x86-64 instruction goes on: its length, and what it does to the stack pointer and the frame pointer.
//
// Source: Intel SDM, volume 2, chapter 2 and appendix A.

/** How control leaves an instruction. `stop`: it does not come to the next one, or nobody can tell where it goes. */
export interface Flow {
  /** Bytes. */
  readonly length: number;
  readonly next: 'on' | 'return' | 'jump' | 'branch' | 'stop';
  /** Of a jump or a branch: from the end of the instruction. */
  readonly distance?: number;
  /** Of what it does to the two registers. Missing: it leaves them alone. */
  readonly effect?: StackEffect;
}

/**
 * `add`: bytes are added to the stack pointer. `pop frame`: it is popped into the frame pointer. `set frame`: the frame pointer becomes
 * the stack pointer. `from frame`: the stack pointer becomes the frame pointer and so many bytes more. `leave`: that, and then `pop
 * frame`. `lose`: one of them gets a value that is not known.
 */
export type StackEffect =
  | { readonly kind: 'add' | 'from frame'; readonly bytes: number }
  | { readonly kind: 'pop frame' | 'set frame' | 'leave' }
  | { readonly kind: 'lose'; readonly register: 'rsp' | 'rbp' };

const stackPointer = 4;
const framePointer = 5;

interface Prefixes {
  /** Behind them. */
  readonly at: number;
  readonly rex: number;
  readonly operand16: boolean;
}

function prefixesOf(bytes: Uint8Array): Prefixes {
  let at = 0;
  let operand16 = false;
  while ([0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65].includes(bytes[at] ?? 0)) {
    operand16 ||= bytes[at] === 0x66;
    at++;
  }
  const byte = bytes[at] ?? 0;
  return byte >> 4 === 4 ? { at: at + 1, rex: byte, operand16 } : { at, rex: 0, operand16 };
}

/** @returns undefined when the bytes are too few, or no instruction that is known here. */
export function flowOf(bytes: Uint8Array): Flow | undefined {
  const flow = decoded(bytes.subarray(0, 15));
  return flow !== undefined && flow.length <= Math.min(bytes.length, 15) ? flow : undefined;
}

function decoded(bytes: Uint8Array): Flow | undefined {
  const prefixes = prefixesOf(bytes);
  const { at } = prefixes;
  const opcode = bytes[at];
  if (opcode === undefined) return undefined;
  if (opcode === 0xc5) return vectorFlow(bytes, at + 2, 1);
  if (opcode === 0xc4) return vectorFlow(bytes, at + 3, (bytes[at + 1] ?? 0) & 0x1f);
  if (opcode === 0x62) return vectorFlow(bytes, at + 4, (bytes[at + 1] ?? 0) & 7);
  return opcode === 0x0f ? twoByteFlow(bytes, at + 1, prefixes.rex) : oneByteFlow(bytes, prefixes, opcode);
}

/** @param map of opcodes: 1 for those behind 0F, 2 for 0F 38, 3 for 0F 3A */
function vectorFlow(bytes: Uint8Array, at: number, map: number): Flow | undefined {
  if (map < 1 || map > 3) return undefined;
  const opcode = bytes[at] ?? 0;
  if (map === 1 && opcode === 0x77) return on(at + 1);
  return withModrm(bytes, at + 1, map === 3 || (map === 1 && hasByte(opcode)) ? 1 : 0);
}

/** Opcodes behind 0F with an operand of one byte in the instruction. */
function hasByte(opcode: number): boolean {
  return (opcode >= 0x70 && opcode <= 0x73) || [0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6].includes(opcode);
}

function twoByteFlow(bytes: Uint8Array, at: number, rex: number): Flow | undefined {
  const opcode = bytes[at];
  if (opcode === undefined) return undefined;
  if (opcode === 0x38) return withModrm(bytes, at + 2, 0);
  if (opcode === 0x3a) return withModrm(bytes, at + 2, 1);
  if (opcode >= 0x80 && opcode <= 0x8f) {
    return { length: at + 5, next: 'branch', distance: signed(bytes, at + 1, 4) };
  }
  // ud2
  if (opcode === 0x0b) return { length: at + 1, next: 'stop' };
  const isPlain =
    [0x05, 0x06, 0x08, 0x09, 0x77, 0xa2, 0xaa].includes(opcode) ||
    (opcode >= 0x30 && opcode <= 0x37) ||
    (opcode >= 0xc8 && opcode <= 0xcf);
  if (isPlain) return on(at + 1);
  // push and pop of fs and gs
  if (opcode === 0xa0 || opcode === 0xa8) return on(at + 1, { kind: 'add', bytes: -8 });
  if (opcode === 0xa1 || opcode === 0xa9) return on(at + 1, { kind: 'add', bytes: 8 });
  const flow = withModrm(bytes, at + 1, hasByte(opcode) ? 1 : 0);
  // cmov, imul, movzx, bsf, movsx
  const setsRegister =
    (opcode >= 0x40 && opcode <= 0x4f) || [0xaf, 0xb6, 0xb7, 0xbc, 0xbd, 0xbe, 0xbf].includes(opcode);
  const register = (((bytes[at + 1] ?? 0) >> 3) & 7) | ((rex & 4) << 1);
  return flow && (setsRegister ? on(flow.length, lostRegister(register)) : flow);
}

function lostRegister(register: number | undefined): StackEffect | undefined {
  if (register === stackPointer) return { kind: 'lose', register: 'rsp' };
  return register === framePointer ? { kind: 'lose', register: 'rbp' } : undefined;
}

function oneByteFlow(bytes: Uint8Array, { at, rex, operand16 }: Prefixes, opcode: number): Flow | undefined {
  const end = at + 1;
  const word = operand16 ? 2 : 4;
  const low = (opcode & 7) | ((rex & 1) << 3);
  if (opcode >= 0x50 && opcode <= 0x57) return on(end, { kind: 'add', bytes: -8 });
  if (opcode >= 0x58 && opcode <= 0x5f) {
    if (low === stackPointer) return on(end, { kind: 'lose', register: 'rsp' });
    return on(end, low === framePointer ? { kind: 'pop frame' } : { kind: 'add', bytes: 8 });
  }
  if (opcode >= 0x70 && opcode <= 0x7f)
    return { length: end + 1, next: 'branch', distance: signed(bytes, end, 1) };
  if (opcode >= 0xe0 && opcode <= 0xe3)
    return { length: end + 1, next: 'branch', distance: signed(bytes, end, 1) };
  if (opcode >= 0xb0 && opcode <= 0xb7) return on(end + 1);
  if (opcode >= 0xb8 && opcode <= 0xbf) {
    return on(end + ((rex & 8) !== 0 ? 8 : word), lostRegister(low));
  }
  if (opcode < 0x40 && (opcode & 7) === 4) return on(end + 1);
  if (opcode < 0x40 && (opcode & 7) === 5) return on(end + word);
  switch (opcode) {
    case 0x68:
      return on(end + word, { kind: 'add', bytes: -8 });
    case 0x6a:
      return on(end + 1, { kind: 'add', bytes: -8 });
    case 0x9c:
      return on(end, { kind: 'add', bytes: -8 });
    case 0x9d:
      return on(end, { kind: 'add', bytes: 8 });
    case 0xa8:
    case 0xe4:
    case 0xe5:
    case 0xe6:
    case 0xe7:
    case 0xcd:
      return on(end + 1);
    case 0xa9:
      return on(end + word);
    case 0xc2:
    case 0xc3:
      return { length: opcode === 0xc2 ? end + 2 : end, next: 'return' };
    case 0xc9:
      return on(end, { kind: 'leave' });
    // A call comes back with the stack as it was.
    case 0xe8:
      return on(end + 4);
    case 0xe9:
      return { length: end + 4, next: 'jump', distance: signed(bytes, end, 4) };
    case 0xeb:
      return { length: end + 1, next: 'jump', distance: signed(bytes, end, 1) };
    // int3, hlt
    case 0xcc:
    case 0xf4:
      return { length: end, next: 'stop' };
    default:
      if (hasModrm(opcode)) return modrmFlow(bytes, end, rex, word, opcode);
      return isPlainByte(opcode) ? on(end) : undefined;
  }
}

function hasModrm(opcode: number): boolean {
  return (
    (opcode < 0x40 && (opcode & 7) < 4) ||
    (opcode >= 0x80 && opcode <= 0x8f) ||
    (opcode >= 0xd0 && opcode <= 0xd3) ||
    (opcode >= 0xd8 && opcode <= 0xdf) ||
    [0x63, 0x69, 0x6b, 0xc0, 0xc1, 0xc6, 0xc7, 0xf6, 0xf7, 0xfe, 0xff].includes(opcode)
  );
}

/** Without operands, and nothing to do with the stack: nop, string instructions, flags, in and out, … */
function isPlainByte(opcode: number): boolean {
  return (
    (opcode >= 0x90 && opcode <= 0x99) ||
    (opcode >= 0xa4 && opcode <= 0xa7) ||
    (opcode >= 0xaa && opcode <= 0xaf) ||
    (opcode >= 0x6c && opcode <= 0x6f) ||
    (opcode >= 0xf8 && opcode <= 0xfd) ||
    (opcode >= 0xec && opcode <= 0xef) ||
    [0x9b, 0x9e, 0x9f, 0xd7, 0xf1, 0xf5].includes(opcode)
  );
}

function modrmFlow(
  bytes: Uint8Array,
  at: number,
  rex: number,
  word: number,
  opcode: number,
): Flow | undefined {
  const modrm = bytes[at];
  if (modrm === undefined) return undefined;
  const extension = (modrm >> 3) & 7;
  const immediate =
    opcode === 0x69 || opcode === 0x81 || opcode === 0xc7 || (opcode === 0xf7 && extension < 2)
      ? word
      : [0x6b, 0x80, 0x82, 0x83, 0xc0, 0xc1, 0xc6].includes(opcode) || (opcode === 0xf6 && extension < 2)
        ? 1
        : 0;
  const length = lengthOfModrm(bytes, at, immediate);
  if (length === undefined) return undefined;
  if (opcode === 0xff && extension === 4) return { length, next: 'stop' };
  if (opcode === 0xff && extension === 6) return on(length, { kind: 'add', bytes: -8 });
  if (opcode === 0x8f) return on(length, { kind: 'add', bytes: 8 });
  // What works with one byte does not make an address; cmp and test change no operand, x87 none of these registers; a call comes back.
  const isByte = (opcode < 0x40 || opcode >= 0xc0 || opcode <= 0x8a) && (opcode & 1) === 0;
  const isRead =
    (opcode >= 0x38 && opcode < 0x3c) ||
    opcode === 0x85 ||
    (opcode >= 0xd8 && opcode <= 0xdf) ||
    (opcode === 0xf7 && (extension < 2 || extension > 3)) ||
    (opcode === 0xff && extension > 1);
  if (isByte || isRead) return on(length);
  return on(length, modrmEffect(bytes, at, rex, opcode, length));
}

/** What an instruction with a ModRM byte does to the stack pointer and the frame pointer. */
function modrmEffect(
  bytes: Uint8Array,
  at: number,
  rex: number,
  opcode: number,
  length: number,
): StackEffect | undefined {
  const modrm = bytes[at] ?? 0;
  const mode = modrm >> 6;
  const register = ((modrm >> 3) & 7) | ((rex & 4) << 1);
  const operand = mode === 3 ? (modrm & 7) | ((rex & 1) << 3) : undefined;
  const isGroup = opcode >= 0x80 && opcode <= 0x83;
  if (isGroup && ((modrm >> 3) & 7) === 7) return undefined;
  if (isGroup && operand === stackPointer && (opcode === 0x81 || opcode === 0x83) && (rex & 8) !== 0) {
    const amount = signed(bytes, length - (opcode === 0x81 ? 4 : 1), opcode === 0x81 ? 4 : 1);
    const extension = (modrm >> 3) & 7;
    if (extension === 0) return { kind: 'add', bytes: amount };
    if (extension === 5) return { kind: 'add', bytes: -amount };
  }
  if (opcode === 0x8d && register === stackPointer && (mode === 1 || mode === 2)) {
    const hasIndex = (modrm & 7) === 4;
    const base = ((hasIndex ? (bytes[at + 1] ?? 0) & 7 : modrm & 7) | ((rex & 1) << 3)) as number;
    const isPlain = !hasIndex || (((bytes[at + 1] ?? 0) >> 3) & 7) === 4;
    const amount = mode === 1 ? signed(bytes, length - 1, 1) : signed(bytes, length - 4, 4);
    if (isPlain && (rex & 2) === 0 && base === stackPointer) return { kind: 'add', bytes: amount };
    if (isPlain && (rex & 2) === 0 && base === framePointer) return { kind: 'from frame', bytes: amount };
  }
  const isMove = (rex & 8) !== 0 && (opcode === 0x89 || opcode === 0x8b);
  const to = opcode === 0x89 ? operand : register;
  const from = opcode === 0x89 ? register : operand;
  if (isMove && to === framePointer && from === stackPointer) return { kind: 'set frame' };
  if (isMove && to === stackPointer && from === framePointer) return { kind: 'from frame', bytes: 0 };
  const isExchange = opcode === 0x87;
  const goesToRegister =
    (opcode < 0x40 && (opcode & 2) !== 0) || [0x63, 0x69, 0x6b, 0x8a, 0x8b, 0x8d].includes(opcode);
  const changed = isExchange ? [register, operand] : [goesToRegister ? register : operand];
  return lostRegister(
    changed.includes(stackPointer) ? stackPointer : changed.find((each) => each === framePointer),
  );
}

function on(length: number, effect?: StackEffect): Flow {
  return { length, next: 'on', ...(effect !== undefined && { effect }) };
}

function withModrm(bytes: Uint8Array, at: number, immediate: number): Flow | undefined {
  const length = lengthOfModrm(bytes, at, immediate);
  return length === undefined ? undefined : on(length);
}

/** @returns bytes from the beginning of the instruction to its end. */
function lengthOfModrm(bytes: Uint8Array, at: number, immediate: number): number | undefined {
  const modrm = bytes[at];
  if (modrm === undefined) return undefined;
  const mode = modrm >> 6;
  const low = modrm & 7;
  if (mode === 3) return at + 1 + immediate;
  const index = low === 4 ? 1 : 0;
  const isWide =
    mode === 2 || (mode === 0 && (low === 5 || (index === 1 && ((bytes[at + 1] ?? 0) & 7) === 5)));
  return at + 1 + index + (isWide ? 4 : mode === 1 ? 1 : 0) + immediate;
}

function signed(bytes: Uint8Array, at: number, size: 1 | 4): number {
  const byte = (index: number): number => bytes[at + index] ?? 0;
  return size === 1 ? (byte(0) << 24) >> 24 : byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24);
}
