// Owns the sentences for files that are no core files that can be read, and what to do instead.
import { UserError } from '../../errors.ts';
import { machineName } from '../_shared/elf.ts';
import { type ElfHeader, ElfType } from './elf-layout.ts';
import { machineOf } from './notes.ts';
import type { Machine } from './process-image.ts';

const machineHint = 'cores of x86-64, i386 and AArch64 can be read; use the gdb of that machine for others';

/** First bytes of packed files, as systemd-coredump and others leave cores. */
const packers: readonly { readonly magic: readonly number[]; readonly unpack: string }[] = [
  { magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: 'zstd -d' },
  { magic: [0x04, 0x22, 0x4d, 0x18], unpack: 'lz4 -d' },
  { magic: [0xfd, 0x37, 0x7a, 0x58], unpack: 'xz -d' },
  { magic: [0x1f, 0x8b], unpack: 'gzip -d' },
  { magic: [0x42, 0x5a, 0x68], unpack: 'bzip2 -d' },
];

/**
 * The machine of a core file.
 *
 * @param head the first bytes of the file.
 * @throws UserError (125): it is no core file, or one that cannot be read here.
 */
export function coreMachineOf(path: string, header: ElfHeader | undefined, head: Uint8Array): Machine {
  if (header === undefined) throw refusalOf(path, head);
  if (header.type === ElfType.executable || header.type === ElfType.shared) {
    throw new UserError(
      `${path} is a program or a library, not a core file`,
      'the core file comes first, then the program: vgrun core CORE EXE',
    );
  }
  if (header.type !== ElfType.core) {
    throw new UserError(
      `${path} is an ELF file, but not a core file`,
      'name the core file that the kernel wrote',
    );
  }
  if (!header.isLittleEndian) {
    throw new UserError(`${path} is a core file of a big-endian machine`, machineHint);
  }
  const machine = machineOf(header.machine);
  const hasBits = header.bits === (machine === 'i386' ? 32 : 64);
  if (machine === undefined || !hasBits) {
    const name = `${machineName(header.machine)}, ${header.bits} bits`;
    throw new UserError(`${path} is a core file of another machine (${name})`, machineHint);
  }
  return machine;
}

function refusalOf(path: string, head: Uint8Array): UserError {
  if (head.length === 0) {
    return new UserError(
      `${path} is empty`,
      'the limit for core files may have been 0, or the disk full: vgrun --core ./prog lifts the limit',
    );
  }
  const packer = packers.find(({ magic }) => magic.every((byte, index) => head[index] === byte));
  if (packer !== undefined) {
    return new UserError(`${path} is packed`, `unpack it first: ${packer.unpack} FILE`);
  }
  if (head[0] === 0x23 && head[1] === 0x21) {
    return new UserError(`${path} is a script, not a core file`, 'name the core file that the kernel wrote');
  }
  return new UserError(
    `${path} is not a core file`,
    'name the core file that the kernel wrote: an ELF file of type CORE',
  );
}
