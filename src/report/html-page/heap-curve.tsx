// The curve of a time line: stacked areas, and the snapshots that have a tree as buttons on it.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Snapshot, Timeline } from '../../model/profile.ts';
import { type CurvePoint, curveOf, snapshotTotal } from './curve.ts';
import { changeText, exactAmount, exactNumber, shortAmount } from './profile-words.ts';

const height = 240;

interface Props {
  readonly timeline: Timeline;
  readonly before: Timeline | undefined;
  /** Index into `Timeline.snapshots`. */
  readonly chosen: number;
  readonly onChoose: (snapshot: number) => void;
}

export function HeapCurve({ timeline, before, chosen, onChoose }: Props) {
  const { snapshots, series, clock } = timeline;
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(900);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const measure = (): void => setWidth(element.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const frame = { left: 72, top: 14, width: Math.max(100, width - 92), height: height - 46 };
  const curve = useMemo(() => curveOf(timeline, before, frame), [timeline, before, width]);
  const unit = series[0]?.unit ?? 'bytes';
  const doors = curve.points.filter(({ snapshot }) => snapshots[snapshot]?.tree !== undefined);
  const step = (event: KeyboardEvent, number: number): void => {
    const to = { ArrowRight: number + 1, ArrowLeft: number - 1, Home: 0, End: doors.length - 1 }[event.key];
    if (to === undefined || doors[to] === undefined) return;
    event.preventDefault();
    onChoose(doors[to].snapshot);
    requestAnimationFrame(() =>
      place.current?.querySelectorAll<HTMLElement>('.snapshot')[to]?.focus({ preventScroll: true }),
    );
  };
  const current = snapshots[chosen];
  const bottom = frame.top + frame.height;
  return (
    <figure class="curve">
      <div ref={place} class="curve-place">
        <svg width={width} height={height} aria-hidden="true" focusable="false">
          {curve.yTicks.map(({ value, at }) => (
            <g key={value}>
              <line class="grid" x1={frame.left} x2={frame.left + frame.width} y1={at} y2={at} />
              <text class="tick" x={frame.left - 8} y={at + 4} text-anchor="end">
                {shortAmount(value, unit)}
              </text>
            </g>
          ))}
          {curve.areas.map((area, index) => (
            <path key={area} class={`area series-${index % 4}`} d={area} />
          ))}
          {curve.edges.map((edge, index) => (
            <path key={edge} class={`edge series-${index % 4}`} d={edge} />
          ))}
          {curve.before !== undefined && <path class="old" d={curve.before} />}
          {curve.points.map(({ snapshot, x, y }) => (
            <circle key={snapshot} class="dot" cx={x} cy={y} r={snapshots.length > 200 ? 1 : 2.2} />
          ))}
          <line class="axis" x1={frame.left} x2={frame.left + frame.width} y1={bottom} y2={bottom} />
          {curve.xTicks.map(({ value, at }) => (
            <g key={value}>
              <line class="axis" x1={at} x2={at} y1={bottom} y2={bottom + 4} />
              <text
                class="tick"
                x={at}
                y={bottom + 18}
                text-anchor={at > frame.left + frame.width - 20 ? 'end' : 'middle'}
              >
                {shortAmount(value, clock)}
              </text>
            </g>
          ))}
        </svg>
        <div role="group" aria-label="Snapshots with a tree; arrow keys move">
          {doors.map((point, number) => (
            <SnapshotButton
              key={point.snapshot}
              point={point}
              snapshot={snapshots[point.snapshot] as Snapshot}
              timeline={timeline}
              pressed={point.snapshot === chosen}
              reachable={point.snapshot === chosen || (number === 0 && current?.tree === undefined)}
              onChoose={() => onChoose(point.snapshot)}
              onStep={(event) => step(event, number)}
            />
          ))}
        </div>
      </div>
      <figcaption>
        <p class="legend">
          {series.map(({ name, title }, index) =>
            snapshots.some(({ values }) => (values[index] ?? 0) > 0) ? (
              <span key={name}>
                <span class={`swatch series-${index % 4}`} /> {title}
              </span>
            ) : null,
          )}
          {curve.before !== undefined && (
            <span>
              <span class="swatch old" /> before, in total
            </span>
          )}
          <span class="quiet">
            {shortAmount(snapshots.at(-1)?.time ?? 0, clock)} {clockWords[clock] ?? clock} from left to right
          </span>
        </p>
        {current !== undefined && (
          <p class="snapshot-facts">
            <b>{snapshotName(current)}</b> at {exactNumber(current.time)} {clockWords[clock] ?? clock}:{' '}
            {exactAmount(snapshotTotal(current), unit)}
            {series.length > 1 &&
              ` (${series.map(({ name }, index) => `${name} ${exactNumber(current.values[index] ?? 0)}`).join(', ')})`}
            {before !== undefined && `, ${changeOfPeak(timeline, before)} at the peak against before`}
          </p>
        )}
      </figcaption>
      <SnapshotTable timeline={timeline} chosen={chosen} onChoose={onChoose} />
    </figure>
  );
}

const clockWords: Readonly<Record<string, string>> = {
  instructions: 'instructions',
  ms: 'ms of time',
  bytes: 'bytes allocated and freed',
};

export function snapshotName({ number, kind }: Pick<Snapshot, 'number' | 'kind'>): string {
  return `Snapshot ${number}${kind === 'peak' ? ' (peak)' : ''}`;
}

function changeOfPeak(now: Timeline, before: Timeline): string {
  const peak = ({ snapshots }: Timeline): number =>
    snapshots.reduce((most, snapshot) => Math.max(most, snapshotTotal(snapshot)), 0);
  return changeText(peak(before), peak(now));
}

interface ButtonProps {
  readonly point: CurvePoint;
  readonly snapshot: Snapshot;
  readonly timeline: Timeline;
  readonly pressed: boolean;
  /** With the tab key; the others with arrows. */
  readonly reachable: boolean;
  readonly onChoose: () => void;
  readonly onStep: (event: KeyboardEvent) => void;
}

function SnapshotButton({ point, snapshot, timeline, pressed, reachable, onChoose, onStep }: ButtonProps) {
  const { series, clock } = timeline;
  const label = `${snapshotName(snapshot)}: ${exactAmount(snapshotTotal(snapshot), series[0]?.unit ?? 'bytes')} at ${shortAmount(snapshot.time, clock)} ${clockWords[clock] ?? clock}`;
  return (
    <button
      type="button"
      class={`snapshot ${snapshot.kind}`}
      aria-pressed={pressed}
      aria-label={label}
      title={label}
      tabIndex={reachable ? 0 : -1}
      style={{ left: `${point.x}px`, top: `${point.y}px` }}
      onClick={onChoose}
      onKeyDown={onStep}
    >
      <span aria-hidden="true">{snapshot.kind === 'peak' ? '▲' : ''}</span>
    </button>
  );
}

const mostRows = 1_000;

function SnapshotTable({ timeline, chosen, onChoose }: Omit<Props, 'before'>) {
  const { snapshots, series, clock } = timeline;
  return (
    <details>
      <summary>All {snapshots.length} snapshots as a table</summary>
      <div class="wide sideways" role="region" aria-label="Snapshots" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Snapshot</th>
              <th scope="col" class="number">
                {clockWords[clock] ?? clock}
              </th>
              {series.map(({ name, title }) => (
                <th key={name} scope="col" class="number">
                  {title}
                </th>
              ))}
              <th scope="col" class="number">
                total
              </th>
            </tr>
          </thead>
          <tbody>
            {snapshots.slice(0, mostRows).map((snapshot, index) => (
              <tr key={snapshot.number} class={index === chosen ? 'chosen' : undefined}>
                <th scope="row">
                  {snapshot.tree === undefined ? (
                    snapshotName(snapshot)
                  ) : (
                    <button type="button" class="link" onClick={() => onChoose(index)}>
                      {snapshotName(snapshot)}
                    </button>
                  )}
                </th>
                <td class="number">{exactNumber(snapshot.time)}</td>
                {series.map(({ name }, number) => (
                  <td key={name} class="number">
                    {exactNumber(snapshot.values[number] ?? 0)}
                  </td>
                ))}
                <td class="number">{exactNumber(snapshotTotal(snapshot))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
