// The list of findings: a tree of which only the rows in sight are in the document, scrolled by the window.
import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useState } from 'preact/hooks';
import { grouped } from '../terminal-text.ts';
import { at, flag, has, leakBytes, requestsOf, severities, standings, textOf } from './payload.ts';
import { requestNumbers } from './request-words.ts';
import { type Catalogue, placeOf, type Row } from './rows.ts';
import { costText, counted, headlineOf, severitySigns, shortSource, standingWords } from './words.ts';

/** Pixels; the style has the same. */
const heights = { group: 34, finding: 54 };
/** Rows above and below those in sight that are kept ready. */
const margin = 8;

interface Props {
  readonly known: Catalogue;
  readonly rows: readonly Row[];
  readonly closed: ReadonlySet<string>;
  readonly active: number;
  readonly open: number | undefined;
  readonly compared: boolean;
  readonly list: RefObject<HTMLDivElement | null>;
  readonly onMove: (row: number) => void;
  readonly onOpen: (finding: number) => void;
  readonly onToggle: (key: string) => void;
}

export function FindingList(props: Props) {
  const { known, rows, closed, active, open, compared, list, onMove, onOpen, onToggle } = props;
  const tops = useMemo(() => topsOf(rows), [rows]);
  const places = useMemo(() => positionsOf(rows), [rows]);
  const [first, last] = useSight(tops, list);

  useEffect(() => {
    const element = list.current;
    // Not for a mouse, which is where it is; and not before the reader did anything.
    if (element === null || element.offsetParent === null || document.activeElement !== element) return;
    const top = element.getBoundingClientRect().top + at(tops, active);
    const bottom = element.getBoundingClientRect().top + at(tops, active + 1);
    const above = stickyHeight();
    if (top < above) scrollBy(0, top - above - 8);
    else if (bottom > innerHeight) scrollBy(0, bottom - innerHeight + 8);
  }, [active]);

  const press = (event: KeyboardEvent): void => {
    const row = rows[active];
    const isClosed = row?.type === 'group' && closed.has(row.key);
    switch (event.key) {
      case 'ArrowDown':
        onMove(active + 1);
        break;
      case 'ArrowUp':
        onMove(active - 1);
        break;
      case 'PageDown':
        onMove(active + 10);
        break;
      case 'PageUp':
        onMove(active - 10);
        break;
      case 'Home':
        onMove(0);
        break;
      case 'End':
        onMove(rows.length - 1);
        break;
      case 'ArrowRight':
        if (row?.type === 'group' && isClosed) onToggle(row.key);
        else onMove(active + 1);
        break;
      case 'ArrowLeft':
        if (row?.type === 'group' && !isClosed) onToggle(row.key);
        else if (row?.type === 'finding' && row.group !== undefined) {
          onMove(rows.findIndex((each) => each.type === 'group' && each.key === row.group));
        }
        break;
      case 'Enter':
      case ' ':
        if (row?.type === 'group') onToggle(row.key);
        else if (row !== undefined) onOpen(row.finding);
        break;
      default:
        return;
    }
    event.preventDefault();
  };

  const shown: number[] = [];
  for (let row = first; row < last; row++) shown.push(row);
  // The row that has the focus must be in the document, in sight or not.
  if (active >= 0 && active < rows.length && (active < first || active >= last)) shown.push(active);
  return (
    <div
      ref={list}
      class="list"
      role="tree"
      tabIndex={0}
      aria-label="Findings"
      aria-activedescendant={`row-${active}`}
      onKeyDown={press}
    >
      <div class="rows" role="none" style={{ height: `${at(tops, rows.length)}px` }}>
        {shown.map((number) => {
          const row = rows[number];
          if (row === undefined) return null;
          const common = {
            id: `row-${number}`,
            role: 'treeitem',
            style: { top: `${at(tops, number)}px` },
            'aria-posinset': at(places.position, number),
            'aria-setsize': at(places.size, number),
          } as const;
          if (row.type === 'group') {
            const isOpen = !closed.has(row.key);
            return (
              <div
                key={row.key}
                {...common}
                class={`row group${number === active ? ' active' : ''}`}
                aria-level={1}
                aria-expanded={isOpen}
                aria-selected={false}
                onClick={() => {
                  onToggle(row.key);
                  onMove(number);
                }}
                title={row.name}
              >
                <span class="fold" aria-hidden="true">
                  {isOpen ? '▾' : '▸'}
                </span>
                <span class="name">{row.name}</span>
                <span class="size">{grouped(row.size)}</span>
              </div>
            );
          }
          return (
            <div
              key={`${row.group ?? ''} ${row.finding}`}
              {...common}
              class={rowClass(known, row, number === active, row.finding === open)}
              aria-level={row.group === undefined ? 1 : 2}
              aria-selected={row.finding === open}
              onClick={() => {
                onMove(number);
                onOpen(row.finding);
              }}
            >
              <RowText known={known} finding={row.finding} compared={compared} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

function rowClass({ index }: Catalogue, row: Row, active: boolean, open: boolean): string {
  if (row.type === 'group') return '';
  const mild = has(index, row.finding, flag.failing) ? '' : ' mild';
  return `row${row.group === undefined ? '' : ' inner'}${mild}${active ? ' active' : ''}${open ? ' open' : ''}`;
}

function RowText({ known, finding, compared }: { known: Catalogue; finding: number; compared: boolean }) {
  const { index } = known;
  const { columns } = index;
  const severity = severities[at(columns.severity, finding)] ?? 'error';
  const bytes = leakBytes(index, finding);
  const headline = headlineOf(
    textOf(index, 'what', finding),
    textOf(index, 'title', finding),
    bytes !== undefined,
  );
  const place = placeOf(known, finding);
  const count = at(columns.count, finding);
  const least = has(index, finding, flag.atLeast);
  const standing = standings[at(columns.standing, finding) - 1];
  const asked = requestsOf(index, finding);
  return (
    <>
      <span class={`sign severity ${severity}`} title={severity}>
        <span aria-hidden="true">{severitySigns[severity]}</span>
        <span class="unseen">{severity}: </span>
      </span>
      <span class="headline" title={headline}>
        {headline}
      </span>
      <span class="cost">
        {costText({ count, ...(bytes !== undefined && { bytes }) }, least)}
        {bytes !== undefined && (
          <span class="blocks"> in {counted(at(columns.blocks, finding), 'block')}</span>
        )}
      </span>
      <span class="place" title={`${place.source} ${place.function}`}>
        {place.source !== '' && <b>{shortSource(place.source)}</b>}
        {place.source === '' || place.function === '' ? place.function : ` in ${place.function}`}
      </span>
      <span class="chips">
        {asked.length > 0 && <span class="chip">{requestNumbers([...asked])}</span>}
        {compared && standing !== undefined && (
          <span class={`chip ${standing}`}>{standingWords[standing]}</span>
        )}
        {!has(index, finding, flag.failing) && <span class="chip">does not fail</span>}
        {has(index, finding, flag.hidden) && <span class="chip">hidden</span>}
      </span>
    </>
  );
}

function topsOf(rows: readonly Row[]): Float64Array {
  const tops = new Float64Array(rows.length + 1);
  for (const [number, { type }] of rows.entries()) tops[number + 1] = at(tops, number) + heights[type];
  return tops;
}

/** Which of how many each row is among those beside it, as a screen reader tells it. */
function positionsOf(rows: readonly Row[]) {
  const position = new Int32Array(rows.length);
  const size = new Int32Array(rows.length);
  let above = 0;
  let within = 0;
  let members = 0;
  for (const [number, row] of rows.entries()) {
    if (row.type === 'finding' && row.group !== undefined) {
      position[number] = ++within;
      size[number] = members;
      continue;
    }
    position[number] = ++above;
    within = 0;
    members = row.type === 'group' ? row.size : 0;
  }
  for (const [number, row] of rows.entries()) {
    if (row.type === 'group' || row.group === undefined) size[number] = above;
  }
  return { position, size };
}

function stickyHeight(): number {
  const bar = document.querySelector('.filters');
  return bar !== null && getComputedStyle(bar).position === 'sticky' ? bar.getBoundingClientRect().height : 0;
}

/** The rows in sight, from and to. */
function useSight(tops: Float64Array, list: RefObject<HTMLDivElement | null>): readonly [number, number] {
  const [sight, setSight] = useState<readonly [number, number]>([0, 40]);
  useLayoutEffect(() => {
    const look = (): void => {
      const element = list.current;
      if (element === null || element.offsetParent === null) return;
      const { top } = element.getBoundingClientRect();
      const from = Math.max(0, rowAt(tops, -top) - margin);
      const to = Math.min(tops.length - 1, rowAt(tops, innerHeight - top) + 1 + margin);
      setSight((before) => (before[0] === from && before[1] === to ? before : [from, to]));
    };
    look();
    addEventListener('scroll', look, { passive: true });
    addEventListener('resize', look);
    // Anything above the list can grow or go without a scroll.
    const observer = new ResizeObserver(look);
    observer.observe(document.body);
    return () => {
      removeEventListener('scroll', look);
      removeEventListener('resize', look);
      observer.disconnect();
    };
  }, [tops, list]);
  const rows = tops.length - 1;
  return [Math.min(sight[0], rows), Math.min(sight[1], rows)];
}

/** The row that holds a height. */
function rowAt(tops: Float64Array, height: number): number {
  let [low, high] = [0, tops.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (at(tops, middle) <= height) low = middle;
    else high = middle - 1;
  }
  return low;
}
