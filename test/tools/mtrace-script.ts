// What the mtrace script of glibc prints of a trace, and the same of a reader's records: the two are compared.
import type { ParsedRecord } from '../../src/model/record.ts';

/** What is wrong in one trace: numbers by what they are about. */
export interface Judgement {
  /** `0x11d1` (or the word of the trace) to bytes and blocks never freed. */
  readonly unfreed: Readonly<Record<string, string>>;
  readonly bytes: number;
  readonly blocks: number;
  readonly unknownFrees: number;
  readonly unknownReallocs: number;
  readonly twice: number;
}

type Finding = Extract<ParsedRecord, { type: 'finding' }>;

/** Reads `mtrace TRACE`, without a program: places are as the trace has them. */
export function judgementOfScript(text: string): Judgement {
  const unfreed = new Map<string, [number, number]>();
  let [bytes, blocks] = [0, 0];
  const count = (pattern: RegExp): number => text.match(pattern)?.length ?? 0;
  // `0x000055e5a112c4d0     0x64  at 0x11e3`
  for (const [, size, place = ''] of text.matchAll(/^0x[\da-f]{16} +(\S+) +at (.*)$/gm)) {
    const known = unfreed.get(place) ?? [0, 0];
    unfreed.set(place, [known[0] + Number(size), known[1] + 1]);
    bytes += Number(size);
    blocks++;
  }
  return {
    unfreed: asText(unfreed),
    bytes,
    blocks,
    unknownFrees: count(/^- 0x\S+ Free \d+ was never alloc'd/gm),
    unknownReallocs: count(/^- 0x\S+ Realloc \d+ was never alloc'd/gm),
    twice: count(/^\+ 0x\S+ (?:Alloc|Realloc) \d+ duplicate/gm),
  };
}

/** What a reader says of one trace; what it takes for the system's own is in the sums, but at no place. */
export function judgementOfRecords(records: readonly ParsedRecord[]): Judgement {
  const findings = records.filter((record): record is Finding => record.type === 'finding');
  const unfreed = new Map<string, [number, number]>();
  for (const { kind, leak, stacks } of findings) {
    if (kind !== 'unfreed' || leak === undefined) continue;
    const place = stacks[0]?.frames[0]?.offset ?? '';
    const known = unfreed.get(place) ?? [0, 0];
    unfreed.set(place, [known[0] + leak.directBytes, known[1] + leak.blocks]);
  }
  const counted = (kind: string): number =>
    findings.filter((finding) => finding.kind === kind).reduce((sum, { count = 1 }) => sum + count, 0);
  const total = records.find((record) => record.type === 'totals')?.heap?.inUse;
  const inherited = records.find(
    (record) => record.type === 'problem' && record.problem.code === 'inherited-frees',
  );
  const freed =
    inherited?.type === 'problem' ? Number(/freed (\d+) /.exec(inherited.problem.message)?.[1]) : 0;
  return {
    unfreed: asText(unfreed),
    bytes: total?.bytes ?? 0,
    blocks: total?.blocks ?? 0,
    unknownFrees: counted('free-of-unknown') + freed,
    unknownReallocs: counted('realloc-of-unknown'),
    twice: counted('alloc-twice'),
  };
}

function asText(sums: ReadonlyMap<string, readonly [bytes: number, blocks: number]>): Record<string, string> {
  return Object.fromEntries(
    [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([place, sum]) => [place, sum.join(' in ')]),
  );
}
