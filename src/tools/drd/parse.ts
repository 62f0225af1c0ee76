// What drd's sentences mean: the conflicting segments, and which object was first seen where.
import type { Access, StackLabel } from '../../model/finding.ts';
import { interpretError, parseGrouped, type ToolDialect } from '../_shared/interpret.ts';
import type { Interpret, ValgrindError } from '../_shared/valgrind-error.ts';

/** Sentences of drd/drd_error.c that stand before a stack in a text log; XML has elements instead. */
const announcements: readonly (readonly [RegExp, StackLabel])[] = [
  // Other segment start (thread 2)
  [/^Other segment start\b/, 'conflicting segment start'],
  [/^Other segment end\b/, 'conflicting segment end'],
  // mutex 0x1ffeffff90 was first observed at:
  [/ was first observed at:?$/, 'first observed at'],
  // Acquired at:
  [/^Acquired at:?$/, 'acquired at'],
  // Address 0x4a6c040 is at offset 0 from 0x4a6c040. Allocation context:
  [/\bAllocation context:$/, 'allocated at'],
  // Conflicting wait call by thread 2:
  [/^Conflicting wait call\b/, 'conflicting wait'],
];

const drd: ToolDialect = {
  tool: 'drd',
  announces(text): StackLabel | undefined {
    for (const [pattern, label] of announcements) if (pattern.test(text)) return label;
    return undefined;
  },
  complete(finding, error): void {
    const access = readAccess(error);
    if (access) finding.access = access;
  },
};

/** Interprets an error of drd. */
export const interpretDrd: Interpret = (error) => interpretError(error, drd);

function readAccess(error: ValgrindError): Access | undefined {
  // Conflicting load by thread 3 at 0x04004060 size 4
  const match = /^Conflicting (load|store) by thread \d+ at (0x[\da-f]+) size (\d[\d,]*)/i.exec(error.what);
  const size = parseGrouped(match?.[3]);
  if (!match || size === undefined || match[2] === undefined) return undefined;
  return { operation: match[1] === 'store' ? 'write' : 'read', size, address: match[2] };
}
