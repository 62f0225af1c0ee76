// Costs of source lines without a screen: files by cost, and the lines of one with their text as far as it is known.
import type { PageProfile } from './profile-payload.ts';

/** A source file that something was spent in. */
export interface SourceFile {
  /** Index into `PageProfile.files`. */
  readonly file: number;
  /** By the chosen measure. */
  readonly cost: number;
  /** Lines with costs. */
  readonly lines: number;
  /** Whether there is text of it. */
  readonly hasText: boolean;
}

/** The most expensive first. */
export function sourceFiles({ lines, files, sources }: PageProfile, measure: number): readonly SourceFile[] {
  const costs = new Map<number, { cost: number; lines: number }>();
  const column = lines?.values[measure] ?? [];
  for (const [row, file] of (lines?.files ?? []).entries()) {
    const known = costs.get(file) ?? { cost: 0, lines: 0 };
    known.cost += column[row] ?? 0;
    known.lines++;
    costs.set(file, known);
  }
  for (const [row, file] of (lines?.left?.files ?? []).entries()) {
    const known = costs.get(file) ?? { cost: 0, lines: 0 };
    known.cost += lines?.left?.values[measure]?.[row] ?? 0;
    known.lines += lines?.left?.counts[row] ?? 0;
    costs.set(file, known);
  }
  const texts = new Set(sources?.map(({ file }) => file));
  return [...costs]
    .filter(([file]) => files[file] !== undefined)
    .map(([file, { cost, lines: count }]) => ({ file, cost, lines: count, hasText: texts.has(file) }))
    .sort((a, b) => b.cost - a.cost || a.file - b.file);
}

/** What is not listed of a file because the profile has very many lines. */
export interface LinesLeft {
  readonly count: number;
  /** By measure. */
  readonly costs: readonly number[];
}

/** The lines of a file that the report does not carry; undefined when it has all. */
export function linesLeft({ lines }: PageProfile, file: number): LinesLeft | undefined {
  const row = lines?.left?.files.indexOf(file) ?? -1;
  if (lines?.left === undefined || row < 0) return undefined;
  return {
    count: lines.left.counts[row] ?? 0,
    costs: lines.left.values.map((column) => column[row] ?? 0),
  };
}

/** A line of a file, or a gap between two. */
export interface SourceRow {
  /** 1-based. */
  readonly line: number;
  /** Missing where no text is known. */
  readonly text?: string;
  /** By measure; missing when nothing was spent there. */
  readonly costs?: readonly number[];
  /** Index into `PageProfile.functions` of the function that spent the most. */
  readonly function?: number;
  /** Lines are left out before this one. */
  readonly afterGap: boolean;
}

/** The lines of a file that have a cost or a text, in their order. */
export function sourceRows({ lines, sources }: PageProfile, file: number): readonly SourceRow[] {
  const found = new Map<number, { text?: string; costs?: number[]; function?: number }>();
  for (const source of sources ?? []) {
    if (source.file !== file) continue;
    for (const [index, text] of source.lines.entries()) found.set(source.firstLine + index, { text });
  }
  for (const [row, each] of (lines?.files ?? []).entries()) {
    if (each !== file) continue;
    const number = lines?.lines[row] ?? 0;
    const line = found.get(number) ?? {};
    line.costs = (lines?.values ?? []).map((column) => column[row] ?? 0);
    line.function = lines?.functions[row] ?? -1;
    found.set(number, line);
  }
  let last = 0;
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([line, row]) => {
      const afterGap = last > 0 && line > last + 1;
      last = line;
      return { line, ...row, afterGap };
    });
}

/** A jump that was counted, as it is shown beside the line it starts from. */
export interface LineJump {
  readonly toLine: number;
  readonly taken: number;
  readonly reached: number;
}

/** Jumps of a file by the line they start from. */
export function jumpsOf({ jumps }: PageProfile, file: number): ReadonlyMap<number, readonly LineJump[]> {
  const found = new Map<number, LineJump[]>();
  for (const [row, each] of (jumps?.files ?? []).entries()) {
    if (each !== file) continue;
    const from = jumps?.fromLines[row] ?? 0;
    const jump = {
      toLine: jumps?.toLines[row] ?? 0,
      taken: jumps?.taken[row] ?? 0,
      reached: jumps?.reached[row] ?? 0,
    };
    found.set(from, [...(found.get(from) ?? []), jump]);
  }
  return found;
}
