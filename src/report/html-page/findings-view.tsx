// The findings: what to show of them, the list, and the one that is open.
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { FilterBar } from './filter-bar.tsx';
import { FindingDetail } from './finding-detail.tsx';
import { FindingList } from './finding-list.tsx';
import { flag, has, type Summary, textOf } from './payload.ts';
import { type Catalogue, countText, type Filter, type Grouping, noFilter, passing, rowsOf } from './rows.ts';
import { isTyping } from './typing.tsx';

interface Props {
  readonly known: Catalogue;
  readonly summary: Summary;
  /** The finding whose page is open. */
  readonly open: number | undefined;
  /** An id that the address asks for and the report does not have. */
  readonly missing: string | undefined;
}

// Kept while the reader looks at other parts of the page.
const kept: {
  filter: Filter;
  grouping: Grouping;
  closed: ReadonlySet<string>;
  active: number;
  scroll: number;
} = {
  filter: noFilter,
  grouping: 'place',
  closed: new Set(),
  active: 0,
  scroll: 0,
};

/** Goes to the findings of one request, whatever was filtered before. */
export function showFindingsOf(request: number): void {
  Object.assign(kept, { filter: { ...noFilter, request }, active: 0, scroll: 0 });
  location.hash = 'findings';
}

export function FindingsView({ known, summary, open, missing }: Props) {
  const [filter, setFilter] = useState(kept.filter);
  const [grouping, setGrouping] = useState(kept.grouping);
  const [closed, setClosed] = useState(kept.closed);
  const [active, setActive] = useState(kept.active);
  const search = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  /** The reader goes from finding to finding, and has not asked for one of them. */
  const walking = useRef(false);
  Object.assign(kept, { filter, grouping, closed, active });

  const findings = useMemo(() => passing(known, filter), [known, filter]);
  const rows = useMemo(() => rowsOf(known, findings, grouping, closed), [known, findings, grouping, closed]);
  const total = useMemo(() => countOf(known, filter.all), [known, filter.all]);
  const focus = Math.min(active, rows.length - 1);

  const change = useCallback((more: Partial<Filter>) => {
    setFilter((before) => ({ ...before, ...more }));
    setActive(0);
  }, []);
  const toggle = useCallback((key: string) => {
    setClosed((before) => {
      const after = new Set(before);
      if (!after.delete(key)) after.add(key);
      return after;
    });
  }, []);

  // A link that was followed: its row is the one to go on from.
  useEffect(() => {
    if (open === undefined) return;
    const row = rows[focus];
    if (row?.type === 'finding' && row.finding === open) return;
    const found = rows.findIndex((each) => each.type === 'finding' && each.finding === open);
    if (found >= 0) setActive(found);
  }, [open]);

  const isOpen = open !== undefined;
  useEffect(() => {
    // On a phone the page of a finding takes the place of the list.
    if (list.current?.offsetParent === null) scrollTo(0, 0);
    else if (!isOpen && kept.scroll > 0 && matchMedia('(max-width: 60rem)').matches) scrollTo(0, kept.scroll);
  }, [isOpen]);

  const go = useCallback(
    (finding: number) => {
      walking.current = false;
      if (list.current?.offsetParent !== null) kept.scroll = scrollY;
      location.hash = textOf(known.index, 'id', finding);
    },
    [known],
  );
  const back = useCallback(() => {
    location.hash = 'findings';
    requestAnimationFrame(() => list.current?.focus({ preventScroll: true }));
  }, []);
  const move = useCallback(
    (to: number) => {
      walking.current = true;
      const next = Math.max(0, Math.min(rows.length - 1, to));
      setActive(next);
      const row = rows[next];
      // Once one is open, moving on opens the next: no history entry for each.
      if (open !== undefined && row?.type === 'finding') {
        location.replace(`#${encodeURIComponent(textOf(known.index, 'id', row.finding))}`);
      }
    },
    [rows, open, known],
  );

  // At once, not after the next paint: a key may come before that.
  useLayoutEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && event.target === search.current) list.current?.focus();
      if (isTyping(event) || event.defaultPrevented) return;
      if (event.key === '/') search.current?.focus();
      else if (event.key === 'j') move(focus + 1);
      else if (event.key === 'k') move(focus - 1);
      else if (event.key === 'Escape' && isOpen) back();
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', listen);
    return () => removeEventListener('keydown', listen);
  }, [move, focus, isOpen, back]);

  return (
    <div class={isOpen ? 'explorer with-detail' : 'explorer'}>
      <section class="left" aria-label="List of findings">
        <FilterBar
          known={known}
          summary={summary}
          filter={filter}
          grouping={grouping}
          search={search}
          onFilter={change}
          onGrouping={(next) => {
            setGrouping(next);
            setActive(0);
          }}
          count={countText(findings.length, total)}
        />
        {missing !== undefined && (
          <p class="notice" role="status">
            This report has no finding {missing}. It may be fixed, or the link is to another report.
          </p>
        )}
        {rows.length === 0 ? (
          <p class="empty">{total === 0 ? 'Nothing was found.' : 'No finding is like this.'}</p>
        ) : (
          <FindingList
            known={known}
            rows={rows}
            closed={closed}
            active={focus}
            open={open}
            compared={summary.comparison !== undefined}
            list={list}
            onMove={move}
            onOpen={go}
            onToggle={toggle}
          />
        )}
      </section>
      {open !== undefined && (
        <FindingDetail
          key={open}
          known={known}
          summary={summary}
          finding={open}
          list={list}
          walking={walking}
          onBack={back}
        />
      )}
    </div>
  );
}

function countOf({ index }: Catalogue, all: boolean): number {
  if (all) return index.findings;
  let count = 0;
  for (let finding = 0; finding < index.findings; finding++) if (!has(index, finding, flag.hidden)) count++;
  return count;
}
