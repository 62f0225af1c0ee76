// Owns the list of open descriptors up to valgrind 3.22: its lines stand in the text log, its stacks in the XML.
import { basename, dirname } from 'node:path';
import type { FindingRecord } from '../model/finding.ts';
import type { MessageRecord, ParsedRecord } from '../model/record.ts';
import { looseStackText } from '../tools/_shared/valgrind-xml.ts';

/** Lines and stacks kept until they can be joined; no process has so many descriptors listed. */
const mostKept = 20_000;

const inherited = '<inherited from parent>';

/** Joins the two halves of each process image. */
export interface OpenDescriptors {
  /** Keeps a stack that XML has without its text. False: the record is none, or there are too many. */
  readonly takeStack: (record: ParsedRecord) => boolean;
  /** Keeps a line of the text log, which reads as a finding there. False: the record is none, or there are too many. */
  readonly takeLine: (record: ParsedRecord, image: number) => boolean;
  /** What was kept, as messages, when all logs are read. */
  readonly messages: () => Iterable<MessageRecord>;
}

/** @param run where valgrind's own log and XML are: they are open in the program, and nothing of the program's. */
export function createOpenDescriptors(run: {
  readonly directory: string | undefined;
  readonly id: string | undefined;
}): OpenDescriptors {
  const lines = new Map<number, FindingRecord[]>();
  const stacks = new Map<number, MessageRecord[]>();
  let kept = 0;

  function keep<Kept>(byImage: Map<number, Kept[]>, image: number, record: Kept): boolean {
    if (kept >= mostKept) return false;
    kept++;
    const same = byImage.get(image);
    if (same === undefined) byImage.set(image, [record]);
    else same.push(record);
    return true;
  }

  /** A run directory may be moved after the run, but keeps its name. */
  function isOfInstrument({ details, descriptor }: FindingRecord): boolean {
    if (!details.includes(inherited) || descriptor?.path === undefined) return false;
    const folder = dirname(descriptor.path);
    return folder === run.directory || basename(folder) === run.id;
  }

  function* messages(): Generator<MessageRecord> {
    for (const image of new Set([...lines.keys(), ...stacks.keys()])) {
      const told = lines.get(image) ?? [];
      const loose = stacks.get(image) ?? [];
      // valgrind writes one stack for each descriptor that the program opened itself, in the order of the lines.
      const opened = told.filter(({ details }) => !details.includes(inherited));
      const stackOf = new Map(
        opened.length === loose.length ? opened.map((line, index) => [line, loose[index]]) : [],
      );
      for (const line of told) {
        if (isOfInstrument(line)) continue;
        const frames = stackOf.get(line)?.stack?.frames;
        yield {
          type: 'message',
          image,
          source: 'tool',
          text: [line.what, ...line.details].join(' '),
          ...(frames && { stack: { label: 'at', frames } }),
        };
      }
      if (opened.length !== loose.length) yield* loose;
    }
  }

  return {
    takeStack: (record) =>
      record.type === 'message' &&
      record.text === looseStackText &&
      record.stack !== undefined &&
      keep(stacks, record.image, record),
    takeLine: (record, image) =>
      record.type === 'finding' && record.kind === 'FdNotClosed' && keep(lines, image, record),
    messages,
  };
}
