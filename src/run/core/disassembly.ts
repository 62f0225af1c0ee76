// Owns the instructions around the one at which a thread stands: objdump reads them from the file that was loaded, or from the
// bytes of the process.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disassembly, Instruction } from '../../model/stop.ts';
import type { Machine } from '../../tools/core/process-image.ts';

/** What is shown before and behind the instruction. */
const before = 6;
const behind = 5;
/** Bytes: the longest instruction of x86 has 15. */
const longestInstruction = 15;
/** Bytes that are read before the instruction at most, where its function begins far away. */
const farthestStart = 4096;
/** ms; a file that objdump cannot read must not keep the answer back. */
const longestWait = 10_000;

/** Names of BFD for raw bytes: `objdump -i`. */
const architectures: Readonly<Record<Machine, string>> = {
  'x86-64': 'i386:x86-64',
  i386: 'i386',
  aarch64: 'aarch64',
};

export interface WhereToDisassemble {
  readonly machine: Machine;
  /** In the process. */
  readonly address: bigint;
  /** Where its function begins, in the process: only from there on it is known where instructions begin. */
  readonly functionStart?: bigint;
  /** The file that was loaded there, and what to add to its addresses. */
  readonly file?: { readonly path: string; readonly bias: bigint };
  /** Bytes of the process, where they are known. */
  readonly read: (address: bigint, length: number) => Uint8Array;
  /** Absolute path of a folder for a file that is removed again. */
  readonly folder: string;
}

/** @returns undefined where neither the file nor the bytes are there, or objdump is not. */
export async function disassemble(where: WhereToDisassemble): Promise<Disassembly | undefined> {
  const { address, functionStart = address, file } = where;
  const known = functionStart <= address && address - functionStart <= farthestStart;
  const start = known ? functionStart : address;
  const end = address + BigInt(longestInstruction * (behind + 1));
  const lines =
    file === undefined
      ? await fromBytes(where, start, Number(end - start))
      : await listed(
          [
            '-d',
            '-C',
            `--start-address=${start - file.bias}`,
            `--stop-address=${end - file.bias}`,
            '--',
            file.path,
          ],
          file.bias,
        );
  const current = lines.findIndex((line) => BigInt(line.address) === address);
  if (current === -1) return undefined;
  const first = Math.max(0, current - before);
  return {
    lines: lines.slice(first, current + behind + 1),
    current: current - first,
    from: file === undefined ? 'memory' : 'file',
  };
}

async function fromBytes(
  { machine, read, folder }: WhereToDisassemble,
  start: bigint,
  length: number,
): Promise<readonly Instruction[]> {
  const bytes = read(start, length);
  if (bytes.length === 0) return [];
  const path = join(folder, 'code.bin');
  await writeFile(path, bytes, { mode: 0o600 });
  try {
    return await listed(
      ['-D', '-b', 'binary', '-m', architectures[machine], `--adjust-vma=${start}`, '--', path],
      0n,
    );
  } finally {
    await rm(path, { force: true });
  }
}

/** What objdump lists, with the addresses of the process. */
async function listed(words: readonly string[], bias: bigint): Promise<readonly Instruction[]> {
  const { execa } = await import('execa');
  const { stdout } = await execa('objdump', ['--no-show-raw-insn', '-w', ...words], {
    reject: false,
    stdin: 'ignore',
    stderr: 'ignore',
    timeout: longestWait,
    maxBuffer: 4_000_000,
    env: { LC_ALL: 'C', DEBUGINFOD_URLS: '' },
  });
  const lines: Instruction[] = [];
  for (const line of stdout.split('\n')) {
    // `    1139:	mov    %rax,-0x8(%rbp)`
    const [, address, text = ''] = /^ *([0-9a-f]+):\t(.*)$/.exec(line) ?? [];
    if (address === undefined) continue;
    // objdump's addresses wrap around at the word of the machine.
    const own = BigInt.asUintN(64, BigInt(`0x${address}`) + bias);
    lines.push({ address: `0x${own.toString(16)}`, text: withBias(text.replace(/\s+/g, ' ').trim(), bias) });
  }
  return lines;
}

/** `jmp 1150 <f+0x10>`: a target in the file is one in the process. */
function withBias(text: string, bias: bigint): string {
  return text.replace(
    /^((?:bnd |notrack )?(?:j\w+|call\w*|loop\w*)) ([0-9a-f]+)(?= <|$)/,
    (_, word, target) => {
      const own = BigInt.asUintN(64, BigInt(`0x${target}`) + bias);
      return `${word} 0x${own.toString(16)}`;
    },
  );
}
