// Reads logs of memwatch, the CRT and Visual Leak Detector for tests: what each finding says, in one line.
import type { FindingRecord } from '../../src/model/finding.ts';
import type { ParsedRecord } from '../../src/model/record.ts';
import { readerFor } from '../../src/tools/readers.ts';
import { chunksOf, readWith } from '../recordings.ts';

/** The records of a log by whichever reader knows it; throws when none does. */
export async function readLog(log: string | Buffer, chunk = 997): Promise<ParsedRecord[]> {
  const bytes = Buffer.from(log);
  const reader = readerFor(bytes.subarray(0, 64 * 1024));
  if (reader === undefined) throw new Error(`no reader knows ${bytes.subarray(0, 60)}`);
  return readWith(reader, chunksOf(bytes, chunk));
}

/** `memwatch/unfreed 50 bytes in 1 at art.c:15`, in the order of the log. */
export function linesOf(records: readonly ParsedRecord[]): string[] {
  return findingsOf(records).map(({ tool, kind, leak, stacks }) =>
    [
      `${tool}/${kind}`,
      ...(leak === undefined ? [] : [`${leak.bytes} bytes in ${leak.blocks}`]),
      ...stacks.map(
        ({ label, frames }) => `${label} ${frames.map(({ file, line }) => `${file}:${line}`).join(' < ')}`,
      ),
    ].join(' '),
  );
}

/** The findings alone. */
export function findingsOf(records: readonly ParsedRecord[]): FindingRecord[] {
  return records.filter((record) => record.type === 'finding');
}

/** What the images came to: complete or not, in order. */
export function endsOf(records: readonly ParsedRecord[]): boolean[] {
  return records.flatMap((record) => (record.type === 'process-end' ? [record.complete] : []));
}
