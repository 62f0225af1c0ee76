// Puts moments that a debugger saw of a process to what another instrument wrote of the same process.
import type { ParsedRecord } from '../model/record.ts';

/**
 * The records of a stop log beside other logs of a run. Of a process that those know, only the moments and what they show are new:
 * how it began and ended was told.
 *
 * @param imageOfPid the last image of each process in the other logs.
 */
export async function* besideOthers(
  records: AsyncIterable<ParsedRecord>,
  imageOfPid: ReadonlyMap<number, number>,
): AsyncGenerator<ParsedRecord> {
  const known = new Map<number, number>();
  for await (const record of records) {
    if (record.type === 'process') {
      const image = imageOfPid.get(record.pid);
      if (image === undefined) yield record;
      else known.set(record.image, image);
      continue;
    }
    const image = record.image === undefined ? undefined : known.get(record.image);
    if (image === undefined) yield record;
    else if (record.type === 'stop' || record.type === 'finding') yield { ...record, image };
  }
}
