// x86-64 instructions that only the kernel may execute: in a program they end with a general protection fault, whatever is in its
// registers (Intel SDM, volume 3, 6.15, interrupt 13).

/** @returns `hlt` and the like, or `int $0x42`, whose gate may be closed to programs; undefined: it is another instruction, or one that is not known here. */
export function privilegedInstruction(bytes: Uint8Array): string | undefined {
  let at = 0;
  while ([0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65].includes(bytes[at] ?? 0)) at++;
  if ((bytes[at] ?? 0) >> 4 === 4) at++;
  const opcode = bytes[at];
  if (opcode === undefined) return undefined;
  if (opcode === 0x0f) return twoByteInstruction(bytes, at + 1);
  if (opcode === 0xcd) {
    const vector = bytes[at + 1];
    return vector === undefined ? undefined : `int $0x${vector.toString(16)}`;
  }
  return oneByteNames.get(opcode);
}

const oneByteNames: ReadonlyMap<number, string> = new Map([
  [0xf4, 'hlt'],
  [0xfa, 'cli'],
  [0xfb, 'sti'],
  ...[0xe4, 0xe5, 0xec, 0xed].map((opcode) => [opcode, 'in'] as const),
  ...[0xe6, 0xe7, 0xee, 0xef].map((opcode) => [opcode, 'out'] as const),
  ...[0x6c, 0x6d].map((opcode) => [opcode, 'ins'] as const),
  ...[0x6e, 0x6f].map((opcode) => [opcode, 'outs'] as const),
]);

const twoByteNames: ReadonlyMap<number, string> = new Map([
  [0x06, 'clts'],
  [0x07, 'sysret'],
  [0x08, 'invd'],
  [0x09, 'wbinvd'],
  [0x20, 'mov from a control register'],
  [0x21, 'mov from a debug register'],
  [0x22, 'mov to a control register'],
  [0x23, 'mov to a debug register'],
  [0x30, 'wrmsr'],
  [0x31, 'rdtsc'],
  [0x32, 'rdmsr'],
  [0x33, 'rdpmc'],
  [0x35, 'sysexit'],
]);

function twoByteInstruction(bytes: Uint8Array, at: number): string | undefined {
  const opcode = bytes[at];
  const modrm = bytes[at + 1];
  if (opcode === undefined) return undefined;
  if (opcode > 1) return twoByteNames.get(opcode);
  if (modrm === undefined) return undefined;
  const extension = (modrm >> 3) & 7;
  if (opcode === 0) return extension === 2 ? 'lldt' : extension === 3 ? 'ltr' : undefined;
  if (modrm === 0xd1) return 'xsetbv';
  if (modrm === 0xf8) return 'swapgs';
  if (extension === 6) return 'lmsw';
  const isRegister = modrm >> 6 === 3;
  return isRegister
    ? undefined
    : extension === 2
      ? 'lgdt'
      : extension === 3
        ? 'lidt'
        : extension === 7
          ? 'invlpg'
          : undefined;
}
