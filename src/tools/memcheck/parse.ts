// What memcheck's sentences mean: leaks, accesses, and where a block or value came from.
import type { Access, Leak, StackLabel } from '../../model/finding.ts';
import {
  type Draft,
  firstAddress,
  interpretError,
  parseGrouped,
  type ToolDialect,
} from '../_shared/interpret.ts';
import type { Interpret, ValgrindError } from '../_shared/valgrind-error.ts';

const memcheck: ToolDialect = {
  tool: 'memcheck',
  announces(text): StackLabel | undefined {
    // Uninitialised value was created by a heap allocation
    return /^Uninitialised value was created\b/.test(text) ? 'created at' : undefined;
  },
  complete(finding, error): void {
    const access = readAccess(error);
    if (access) finding.access = access;
    const leak = readLeak(error);
    if (leak) finding.leak = leak;
  },
};

/** Interprets an error of memcheck. */
export const interpretMemcheck: Interpret = (error) => interpretError(error, memcheck);

const operations = new Map<string, Access['operation']>(
  Object.entries({
    InvalidRead: 'read',
    InvalidWrite: 'write',
    InvalidJump: 'jump',
    InvalidFree: 'free',
    MismatchedFree: 'free',
    MismatchedAllocateDeallocateSize: 'free',
    MismatchedAllocateDeallocateAlignment: 'free',
    ReallocSizeZero: 'free',
    UninitCondition: 'use',
    UninitValue: 'use',
    SyscallParam: 'use',
    ClientCheck: 'use',
    CoreMemError: 'use',
    InvalidMemPool: 'use',
  } as const),
);

function readAccess(error: ValgrindError): Access | undefined {
  const operation = operations.get(error.kind);
  if (!operation) return undefined;
  const access: Draft<Access> = { operation };
  // Invalid read of size 4 | Use of uninitialised value of size 8
  const size = parseGrouped(/\bof size (\d[\d,]*)/.exec(error.what)?.[1]);
  if (size !== undefined) access.size = size;
  const address = firstAddress(error.parts);
  if (address !== undefined) access.address = address;
  return access;
}

// A count, and its change since the leak check before: 1,600 (+200)
const count = String.raw`(\d[\d,]*)(?: \(([+-]\d[\d,]*)\))?`;

// 64 (32 direct, 32 indirect) bytes in 1 blocks are definitely lost in loss record 2 of 9
// 1,600 (+200) bytes in 16 (+2) blocks are definitely lost in new loss record 2 of 9
// 48 (+24) (16 (+8) direct, 32 (+16) indirect) bytes in 2 (+1) blocks are definitely lost in loss record 3 of 3
const leakSentence = new RegExp(
  `^${count}(?: \\(${count} direct, ${count} indirect\\))? bytes in ${count} blocks (?:are|is) ` +
    String.raw`.*? in (?:new )?loss record (\d[\d,]*) of (\d[\d,]*)`,
);

function readLeak(error: ValgrindError): Leak | undefined {
  if (!error.what.includes('loss record') && !error.kind.startsWith('Leak_')) return undefined;
  const match = leakSentence.exec(error.what);
  if (!match && (!error.kind.startsWith('Leak_') || error.leakedBytes === undefined)) return undefined;
  const number = (group: number) => parseGrouped(match?.[group]);
  const bytes = number(1) ?? error.leakedBytes ?? 0;
  const bytesDelta = number(2);
  const blocksDelta = number(8);
  const index = number(9);
  const total = number(10);
  const leak: Draft<Leak> = {
    bytes,
    directBytes: number(3) ?? bytes,
    indirectBytes: number(5) ?? 0,
    blocks: number(7) ?? error.leakedBlocks ?? 0,
    check: error.leakCheck,
  };
  if (bytesDelta !== undefined) leak.bytesDelta = bytesDelta;
  if (blocksDelta !== undefined) leak.blocksDelta = blocksDelta;
  if (index !== undefined && total !== undefined) leak.record = [index, total];
  return leak;
}
