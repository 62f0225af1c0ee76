// The curve of a time line without a screen: axes with round numbers, stacked areas, the points.
import type { Timeline, Unit } from '../../model/profile.ts';

/** Where values stand in the drawing, in pixels. */
export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A mark on an axis. */
export interface Tick {
  readonly value: number;
  /** Pixels. */
  readonly at: number;
}

/** A point of the time line in the drawing. */
export interface CurvePoint {
  /** Index into `Timeline.snapshots`. */
  readonly snapshot: number;
  readonly x: number;
  readonly y: number;
}

/** A drawing of a time line. */
export interface Curve {
  /** For each series the area between it and the one below, as the `d` of a path. */
  readonly areas: readonly string[];
  /** Upper edge of each area. */
  readonly edges: readonly string[];
  readonly points: readonly CurvePoint[];
  readonly xTicks: readonly Tick[];
  readonly yTicks: readonly Tick[];
  /** The total of another time line. */
  readonly before?: string;
}

/** Round steps of which `most` reach from 0 to `end`: 1, 2, 5 and so on; for bytes powers of two. */
export function ticks(end: number, unit: Unit, most: number): readonly number[] {
  if (!(end > 0) || end === Number.POSITIVE_INFINITY) return [0];
  let step: number;
  if (unit === 'bytes') {
    step = 2 ** Math.max(0, Math.ceil(Math.log2(end / most)));
  } else {
    const power = 10 ** Math.floor(Math.log10(end / most));
    step = power * ([1, 2, 5, 10].find((factor) => factor * power * most >= end) ?? 10);
    if (unit !== 'ms' && unit !== 'ns') step = Math.max(1, step);
  }
  const values: number[] = [];
  for (let value = 0; value <= end * (1 + 1e-9) && values.length <= most + 1; value += step)
    values.push(value);
  return values;
}

/** Draws a time line into a frame, `before` into the same axes. */
export function curveOf(timeline: Timeline, before: Timeline | undefined, frame: Frame): Curve {
  const { snapshots, series, clock } = timeline;
  const old = before?.snapshots ?? [];
  const endTime = Math.max(1, ...limits([...snapshots, ...old].map(({ time }) => time)));
  const largest = Math.max(1, ...limits([...snapshots, ...old].map(({ values }) => sumOf(values))));
  const unit = series[0]?.unit ?? 'bytes';
  const x = (time: number): number => rounded(frame.left + (frame.width * time) / endTime);
  const y = (value: number): number => rounded(frame.top + frame.height * (1 - value / (largest * 1.05)));
  const upper = (count: number): string[] =>
    snapshots.map(({ time, values }) => `${x(time)},${y(sumOf(values.slice(0, count)))}`);
  const edges = series.map((_, index) => `M${upper(index + 1).join('L')}`);
  return {
    areas: series.map((_, index) =>
      snapshots.length === 0 ? '' : `${edges[index]}L${upper(index).reverse().join('L')}Z`,
    ),
    edges,
    points: snapshots.map(({ time, values }, snapshot) => ({ snapshot, x: x(time), y: y(sumOf(values)) })),
    xTicks: ticks(endTime, clock, frame.width < 500 ? 4 : 8).map((value) => ({ value, at: x(value) })),
    yTicks: ticks(largest * 1.05, unit, 5).map((value) => ({ value, at: y(value) })),
    ...(before !== undefined &&
      old.length > 0 && {
        before: `M${old.map(({ time, values }) => `${x(time)},${y(sumOf(values))}`).join('L')}`,
      }),
  };
}

/** Without a spread of all, which a long time line has no room for. */
function limits(values: readonly number[]): readonly number[] {
  return [values.reduce((most, value) => (value > most && Number.isFinite(value) ? value : most), 0)];
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + (Number.isFinite(value) ? value : 0), 0);
}

function rounded(pixels: number): number {
  return Math.round(pixels * 100) / 100;
}

/** The total of a snapshot. */
export function snapshotTotal({ values }: { readonly values: readonly number[] }): number {
  return sumOf(values);
}

/** The snapshot that a reader looks at first: the peak, else the largest one with a tree, else the largest. */
export function firstSnapshot({ snapshots }: Timeline): number {
  const peak = snapshots.findIndex(({ kind, tree }) => kind === 'peak' && tree !== undefined);
  if (peak >= 0) return peak;
  const largest = (wanted: (index: number) => boolean): number =>
    snapshots.reduce(
      (best, snapshot, index) =>
        wanted(index) && (best < 0 || sumOf(snapshot.values) > sumOf(snapshots[best]?.values ?? []))
          ? index
          : best,
      -1,
    );
  const withTree = largest((index) => snapshots[index]?.tree !== undefined);
  return withTree >= 0 ? withTree : largest(() => true);
}
