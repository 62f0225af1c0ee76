// Rows of a profile on a terminal: costs in columns, and what costs that, shortened until it fits.
import type { ReportProfile, ReportProfileFrame } from '../model/profile-report.ts';
import type { Ink } from './pretty-ink.ts';
import { calledFrame, frameSource, shortFrame } from './profile-text.ts';
import { clip, harmless, widthOf, withoutCommands } from './terminal-text.ts';

/**
 * Text from outside on a terminal. Marks of CI systems are taken out here already: where lines are written out they would
 * be made longer than the screen.
 */
export function clean(text: string): string {
  return withoutCommands(`.${harmless(text)}`).slice(1);
}

export function title(text: string, ink: Ink): string {
  return ink.bold(text);
}

/** Cells of a table; the last of each row takes what room is left. */
export interface Row {
  readonly cells: readonly string[];
  readonly place: string;
  readonly mine: boolean;
}

/** Columns right-aligned under their heads; what is not mine stands back, what is has `>` before it. */
export function tableLines(heads: readonly string[], rows: readonly Row[], ink: Ink): readonly string[] {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map(({ cells }) => cells[column]?.length ?? 0)),
  );
  const used = widths.map(
    (_, column) => heads[column] !== '' || rows.some(({ cells }) => cells[column] !== ''),
  );
  const join = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (used[column] ? cell.padStart(widths[column] as number) : ''))
      .filter((_, column) => used[column])
      .join('  ');
  return [
    ink.dim(`  ${join(heads)}  place`),
    ...rows.map(({ cells, place, mine }) => {
      const line = clip(`${join(cells)}  ${place}`, ink.columns - 2);
      return mine ? `${ink.red('>')} ${line}` : `  ${ink.dim(line)}`;
    }),
  ];
}

/**
 * `Table::insert(…)  src/table.cpp`, in `width` columns. First the arguments of the name go, then the directories of
 * the source, then an object that stands in its place, then the end of the name. `times` stands behind the name.
 */
export function placeText(frame: ReportProfileFrame, width: number, times = ''): string {
  const inlined = `${frame.inlined === true ? ' (inlined)' : ''}${times}`;
  const short = clean(shortFrame(frame)) + inlined;
  const source = clean(frameSource(frame));
  const base = source.slice(source.lastIndexOf('/') + 1);
  const candidates: readonly (readonly [name: string, where: string])[] = [
    [clean(calledFrame(frame)) + inlined, source],
    [short, source],
    [short, base],
    ...(frame.path === undefined ? [[short, ''] as const] : []),
  ];
  const text = candidates
    .map(([name, where]) => (where === '' ? name : `${name}  ${where}`))
    .find((candidate) => widthOf(candidate) <= width);
  if (text !== undefined) return text;
  if (frame.path === undefined || base === '') return clip(short, width);
  const where = clip(base, Math.max(10, Math.floor(width / 3)));
  return `${clip(short, Math.max(10, width - widthOf(where) - 2))}  ${where}`;
}

export function peakOnly({ timeline }: ReportProfile): string {
  return timeline === undefined ? '' : ' at the peak';
}

/** Columns that the place of a row may take. */
export function restWidth(heads: readonly string[], rows: readonly Row[], ink: Ink): number {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map(({ cells }) => cells[column]?.length ?? 0)),
  );
  return Math.max(16, ink.columns - 4 - widths.reduce((sum, width) => sum + width + 2, 0) + 2);
}
