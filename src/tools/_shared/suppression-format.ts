// What a format of suppressions is to the rest of vgrun. Another one (LSan's, TSan's, UBSan's) is one more file and
// one line in `suppressionFormats`.
import type { Finding } from '../../model/report.ts';
import { suppressionsFor } from './suppression-entry.ts';
import {
  type PlacedEntry,
  parseSuppressions,
  type SuppressionEntry,
  type SuppressionFile,
  writeSuppression,
} from './suppression-file.ts';
import { hides } from './suppression-match.ts';
import type { Answer } from './suppression-names.ts';
import { type Refusal, suppressionTool } from './suppression-subject.ts';

export type { Answer, PlacedEntry, Refusal, SuppressionEntry, SuppressionFile };

/** How one family of instruments suppresses. Pure. */
export interface SuppressionFormat {
  /** Tools whose findings it is about. */
  readonly tools: readonly string[];
  readonly parse: (text: string) => SuppressionFile;
  /** The entry as it stands in a file, with a newline at its end. */
  readonly write: (entry: SuppressionEntry) => string;
  /** Entries for a finding, the shortest first; or why there is none. */
  readonly entriesFor: (finding: Finding) => readonly SuppressionEntry[] | Refusal;
  readonly hides: (entry: SuppressionEntry, finding: Finding) => Answer;
  /** Whether a run of this tool would look at the entry. */
  readonly isFor: (entry: SuppressionEntry, tool: string) => boolean;
}

const valgrindFormat: SuppressionFormat = {
  tools: ['memcheck', 'helgrind', 'drd'],
  parse: parseSuppressions,
  write: writeSuppression,
  entriesFor: suppressionsFor,
  hides,
  isFor: ({ tools }, tool) =>
    tools.includes('CoreError') || tools.includes(suppressionTool({ tool, kind: '' })),
};

/** All formats. */
export const suppressionFormats: readonly SuppressionFormat[] = [valgrindFormat];

/** The format for a tool's findings; valgrind's for a tool that none knows. */
export function suppressionFormatOf(tool: string): SuppressionFormat {
  return suppressionFormats.find(({ tools }) => tools.includes(tool)) ?? valgrindFormat;
}
