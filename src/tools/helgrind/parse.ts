// What helgrind's sentences mean: who raced with whom, and which lock was taken where.
import type { Access, StackLabel } from '../../model/finding.ts';
import { interpretError, parseGrouped, type ToolDialect } from '../_shared/interpret.ts';
import type { Interpret, ValgrindError } from '../_shared/valgrind-error.ts';

/** Sentences of helgrind/hg_errors.c that stand before a stack. */
const announcements: readonly (readonly [RegExp, StackLabel])[] = [
  // This conflicts with a previous write of size 4 by thread #2
  [/^This conflicts with a previous write\b/, 'previous write'],
  [/^This conflicts with a previous read\b/, 'previous read'],
  // With --history-level=approx only the ends of the other thread's segment are known:
  // This conflicts with a previous access by thread #1, after
  [/^This conflicts with a previous access\b.*\bafter$/, 'conflicting segment start'],
  // but before
  [/^but before$/, 'conflicting segment end'],
  [/^This conflicts with a previous access\b/, 'previous access'],
  // Lock at 0x40040A0 was first observed
  [/^Lock at \S+ was first observed/, 'first observed at'],
  // Lock was previously acquired
  [/^Lock was previously acquired/, 'acquired at'],
  // Observed (incorrect) order is: acquisition of lock at 0x40040E0
  [/^Observed \(incorrect\) order is\b/, 'observed order first'],
  // Required order was established by acquisition of lock at 0x40040A0
  [/^Required order was established by\b/, 'required order first'],
];

const helgrind: ToolDialect = {
  tool: 'helgrind',
  announces(text, previous): StackLabel | undefined {
    // followed by a later acquisition of lock at 0x40040A0
    if (/^followed by a later acquisition\b/.test(text)) {
      // The second lock of the observed order is where helgrind saw the error; XML has this stack alone, without text.
      return previous === 'observed order first' ? 'at' : 'required order then';
    }
    for (const [pattern, label] of announcements) if (pattern.test(text)) return label;
    return undefined;
  },
  complete(finding, error): void {
    const access = readAccess(error);
    if (access) finding.access = access;
    if (finding.threads) return;
    // Thread #2 unlocked lock at 0x4004120 currently held by thread #1
    const threads = [...error.what.matchAll(/\bthread #(\d+)/gi)].map((match) => Number(match[1]));
    if (threads.length > 0) finding.threads = threads;
  },
};

/** Interprets an error of helgrind. */
export const interpretHelgrind: Interpret = (error) => interpretError(error, helgrind);

function readAccess(error: ValgrindError): Access | undefined {
  // Possible data race during read of size 4 at 0x10C054 by thread #3
  const match = /^Possible data race during (read|write) of size (\d[\d,]*) at (0x[\da-f]+)/i.exec(
    error.what,
  );
  const size = parseGrouped(match?.[2]);
  if (!match || size === undefined || match[3] === undefined) return undefined;
  return { operation: match[1] === 'write' ? 'write' : 'read', size, address: match[3] };
}
