// A time line drawn with characters: eighths of blocks for values, both axes with units, the peak and trees marked.
import type { Unit } from '../model/profile.ts';
import { clockText, inScale, type Scale, scaleOf } from './profile-text.ts';

/** One point: when, how much, and whether there is more to see of it. */
export interface ChartPoint {
  readonly time: number;
  readonly value: number;
  readonly mark?: 'peak' | 'tree';
}

/** How to draw. */
export interface ChartForm {
  /** Columns and rows that the whole chart may take. */
  readonly width: number;
  readonly height: number;
  readonly unit: Unit;
  readonly clock: Unit;
  /** Paints the column of the peak. */
  readonly paintPeak: (text: string) => string;
  readonly paintAxis: (text: string) => string;
}

const eighths = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const peakMark = '▲';
const treeMark = '△';

/**
 * The chart as lines. A column shows the largest value of its stretch of time; where nothing was measured, what was
 * measured last. Points may come in any order; those that are no numbers are left out.
 */
export function chartLines(points: readonly ChartPoint[], form: ChartForm): readonly string[] {
  const known = points
    .filter(({ time, value }) => Number.isFinite(time) && Number.isFinite(value))
    .sort((a, b) => a.time - b.time);
  const first = known[0]?.time ?? 0;
  const last = known[known.length - 1]?.time ?? 0;
  let highest = 0;
  for (const { value } of known) highest = Math.max(highest, value);
  const rows = form.height - 2;
  if (known.length < 2 || last <= first || highest <= 0 || rows < 2) return [];
  const scale = scaleOf(highest, form.unit);
  // There is no part of a byte.
  const label = (value: number): string =>
    `${inScale(scale.divisor === 1 ? Math.round(value) : value, scale)}${scale.suffix}`;
  const labels = new Map([
    [0, label(highest)],
    ...(rows >= 6
      ? ([[Math.floor(rows / 2), label(highest * (1 - Math.floor(rows / 2) / rows))]] as const)
      : []),
  ]);
  const gutter = Math.max(...[...labels.values()].map((text) => text.length), 1);
  const columns = Math.max(10, form.width - gutter - 2);
  const at = (time: number): number =>
    Math.min(columns - 1, Math.floor(((time - first) / (last - first)) * (columns - 1)));
  const heights = columnHeights(known, columns, at);
  const marks = new Map<number, string>();
  let peakColumn = -1;
  for (const { time, mark } of known) {
    if (mark === undefined || marks.get(at(time)) === peakMark) continue;
    marks.set(at(time), mark === 'peak' ? peakMark : treeMark);
    if (mark === 'peak') peakColumn = at(time);
  }
  const lines: string[] = [];
  for (let row = 0; row < rows; row++) {
    const text = labels.get(row);
    const axis = `${(text ?? '').padStart(gutter)} ${text === undefined ? '│' : '┤'}`;
    const cells = heights.map((value) => {
      const filled = Math.round((Math.max(0, value) / highest) * rows * 8) - (rows - 1 - row) * 8;
      // What is there at all is seen.
      const least = value > 0 && row === rows - 1 ? 1 : 0;
      return eighths[Math.max(least, Math.min(8, filled))] ?? ' ';
    });
    lines.push(`${form.paintAxis(axis)}${painted(cells, peakColumn, form.paintPeak)}`);
  }
  const line = Array.from({ length: columns }, (_, column) => marks.get(column) ?? '─');
  lines.push(`${form.paintAxis(`${'0'.padStart(gutter)} └`)}${painted(line, peakColumn, form.paintPeak)}`);
  const clock = scaleOf(last, form.clock);
  lines.push(form.paintAxis(timeLabels(first, last, known, columns, at, form.clock, clock, gutter + 2)));
  return lines;
}

/** What the marks mean: `▲ peak, △ call tree recorded`. */
export const chartLegend = `${peakMark} peak, ${treeMark} call tree recorded`;

function columnHeights(
  points: readonly ChartPoint[],
  columns: number,
  at: (time: number) => number,
): readonly number[] {
  const heights = new Array<number>(columns).fill(Number.NaN);
  const latest = new Array<number>(columns).fill(Number.NaN);
  for (const { time, value } of points) {
    const column = at(time);
    const known = heights[column] as number;
    heights[column] = Number.isNaN(known) ? value : Math.max(known, value);
    latest[column] = value;
  }
  let before = 0;
  return heights.map((height, column) => {
    const shown = Number.isNaN(height) ? before : height;
    const end = latest[column] as number;
    if (!Number.isNaN(end)) before = end;
    return shown;
  });
}

function painted(cells: readonly string[], column: number, paint: (text: string) => string): string {
  if (column < 0) return cells.join('');
  return `${cells.slice(0, column).join('')}${paint(cells[column] ?? '')}${cells.slice(column + 1).join('')}`;
}

/** Start and end of the time line, and the peak between them where there is room. */
function timeLabels(
  first: number,
  last: number,
  points: readonly ChartPoint[],
  columns: number,
  at: (time: number) => number,
  unit: Unit,
  scale: Scale,
  indent: number,
): string {
  const start = first === 0 ? '0' : inScale(first, scale);
  const end = clockText(last, unit);
  const line = new Array<string>(columns).fill(' ');
  const write = (text: string, from: number): void => {
    for (const [index, character] of [...text].entries()) line[from + index] = character;
  };
  write(start, 0);
  write(end, Math.max(start.length + 1, columns - end.length));
  const peak = points.find(({ mark }) => mark === 'peak');
  if (peak !== undefined) {
    const text = inScale(peak.time, scale);
    const from = Math.max(0, at(peak.time) - Math.floor(text.length / 2));
    const free = from > start.length && from + text.length < columns - end.length;
    if (free) write(text, from);
  }
  return `${' '.repeat(indent)}${line.join('')}`;
}
