// The lines of source on which a profile was spent, with their text, on a terminal.
import type { ReportProfile } from '../model/profile-report.ts';
import { leastShare } from './pretty-call-tree.ts';
import type { Ink } from './pretty-ink.ts';
import { clean, peakOnly, title } from './pretty-profile-table.ts';
import { percent, primaryMeasure, primaryTotal, scaled, shortFrame } from './profile-text.ts';
import { clip, grouped } from './terminal-text.ts';

/** The most expensive lines with their source text, file by file as they stand there. */
export function sourceLines(profile: ReportProfile, most: number, ink: Ink): readonly string[] {
  const { lines, files, primary, functions } = profile;
  if (lines === undefined || most === 0) return [];
  const column = lines.values[primary] ?? [];
  const total = primaryTotal(profile);
  const { unit } = primaryMeasure(profile);
  const shown = lines.lines
    .slice(0, most)
    .map((line, row) => ({
      row,
      line,
      file: lines.files[row] as number,
      value: column[row] ?? 0,
      text: textAt(profile, lines.files[row] as number, line),
    }))
    .filter(({ value }) => value > total * leastShare);
  if (shown.length === 0) return [];
  const groups = new Map<number, typeof shown>();
  for (const each of shown) groups.set(each.file, [...(groups.get(each.file) ?? []), each]);
  const widths = {
    value: Math.max(...shown.map(({ value }) => scaled(value, unit).length)),
    line: Math.max(...shown.map(({ line }) => String(line).length)),
  };
  const rows: string[] = [];
  for (const [file, group] of groups) {
    const mine = files[file]?.owner === 'mine';
    rows.push(
      clip(`  ${(mine ? (text: string) => text : ink.dim)(clean(files[file]?.path ?? '???'))}`, ink.columns),
    );
    for (const { row, line, value, text } of [...group].sort((a, b) => a.line - b.line)) {
      const start = `${percent(value, total).padStart(6)}  ${scaled(value, unit).padStart(widths.value)}  ${String(line).padStart(widths.line)} │ `;
      const frame = functions[lines.functions[row] ?? -1];
      const named = frame === undefined ? '' : `in ${shortFrame(frame)}`;
      const body =
        text === undefined ? ink.dim(clean(named)) : clean(text.replaceAll('\t', '    ').trimEnd());
      // A file of libc may be known by its functions alone, and a header of a library by its own name.
      const sign = mine && frame?.owner !== 'system' ? ink.red('>') : ' ';
      rows.push(clip(`${sign} ${start}${body}`, ink.columns));
    }
  }
  const left = lines.lines.filter((_, row) => (column[row] ?? 0) > total * leastShare).length - shown.length;
  const more = left > 0 ? `  ${grouped(left)} more; --all lists them` : '';
  return [
    clip(
      `${title('TOP LINES', ink)}  ${ink.dim(`by ${clean(primaryMeasure(profile).title)}${peakOnly(profile)}${more}`)}`,
      ink.columns,
    ),
    ...rows,
  ];
}

function textAt({ sources = [] }: ReportProfile, file: number, line: number): string | undefined {
  for (const source of sources) {
    if (source.file === file && line >= source.firstLine) {
      const text = source.lines[line - source.firstLine];
      if (text !== undefined) return text;
    }
  }
  return undefined;
}
