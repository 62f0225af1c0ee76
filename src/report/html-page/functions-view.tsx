// The functions of a profile as a table, and one of them with those that call it and those that it calls.
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Unit } from '../../model/profile.ts';
import { sentence } from '../sentence.ts';
import { grouped } from '../terminal-text.ts';
import { type CallKind, callKind, matcherOf } from './flame-tree.ts';
import { functionRows, type Neighbour, neighbours, type SortKey, sortKeys } from './function-rows.ts';
import { type ProfileProps, Select } from './profile-choice.tsx';
import { beforeOf, type PageProfile } from './profile-payload.ts';
import {
  briefSource,
  cellAmount,
  changeText,
  exactAmount,
  exactNumber,
  kindWords,
  percentText,
  placeName,
  placeSource,
  shortName,
} from './profile-words.ts';
import { SiteFacts } from './site-facts.tsx';
import { reasonText } from './words.ts';

const pageSize = 100;

export function FunctionsView({ profile, measure, choices, choose, selectors }: ProfileProps) {
  const { functions, costs, totals, measures } = profile;
  const before = beforeOf(profile, measure);
  const search = choices.get('fq') ?? '';
  const kind = (choices.get('owner') ?? '') as CallKind | '';
  const wanted = choices.get('sort') as SortKey | null;
  const sort: SortKey =
    wanted !== null && sortKeys.includes(wanted)
      ? wanted
      : costs.inclusive === undefined
        ? 'self'
        : 'inclusive';
  const reversed = choices.get('rev') === '1';
  const rows = useMemo(
    () => functionRows(profile, { measure, search, kind, sort, reversed }),
    [profile, measure, search, kind, sort, reversed],
  );
  const kinds = useMemo(() => [...new Set(functions.map(callKind))], [functions]);
  const [page, setPage] = useState(0);
  useLayoutEffect(() => setPage(0), [rows]);
  const pages = Math.max(1, Math.ceil(rows.length / pageSize));
  const shown = rows.slice(page * pageSize, (page + 1) * pageSize);
  const chosen = Number(choices.get('f') ?? Number.NaN);
  const title = useRef<HTMLHeadingElement>(null);
  const open = (row: number): void => {
    choose({ f: String(row), q: undefined }, true);
    requestAnimationFrame(() => title.current?.focus());
  };
  const error = matcherOf(search);
  const header = (key: SortKey, text: string, number = true) => (
    <th
      scope="col"
      class={number ? 'number' : undefined}
      aria-sort={
        sort === key
          ? (key === 'name' || key === 'owner') !== reversed
            ? 'ascending'
            : 'descending'
          : undefined
      }
    >
      <button
        type="button"
        class="sort"
        onClick={() => choose({ sort: key, rev: sort === key && !reversed ? '1' : undefined })}
      >
        {text}
        <span aria-hidden="true">{sort === key ? (reversed ? ' ↑' : ' ↓') : ''}</span>
      </button>
    </th>
  );
  const self = costs.self[measure] ?? [];
  const inclusive = costs.inclusive?.[measure];
  const oldSelf = before?.costs.self[measure];
  const oldInclusive = before?.costs.inclusive?.[measure];
  const all = totals[measure] ?? 0;
  const unit = measures[measure]?.unit ?? 'events';
  return (
    <section class="functions" aria-labelledby="functions-title">
      <h2 id="functions-title">
        {grouped(functions.length)} {functions.length === 1 ? 'function' : 'functions'}{' '}
        <span class="quiet">{measures[measure]?.title}</span>
      </h2>
      {profile.edgesInferred !== undefined && (
        <p class="notice inferred">
          <b>
            <span aria-hidden="true">≈ </span>Who called whom for how much is inferred.
          </b>{' '}
          {sentence(profile.edgesInferred)}
        </p>
      )}
      <search class="filters">
        <div class="search">
          <input
            type="search"
            value={search}
            placeholder="Search function, file, object; /regular expression/"
            aria-label="Search functions"
            spellcheck={false}
            autocomplete="off"
            onInput={(event) => choose({ fq: event.currentTarget.value })}
          />
        </div>
        <div class="choices">
          {selectors}
          {kinds.length > 1 && (
            <Select
              label="Owner"
              value={kind}
              options={[
                ['', 'all'],
                ...kinds.map((each) => [each, each === 'all' ? each : kindWords[each]] as const),
              ]}
              onChange={(owner) => choose({ owner })}
            />
          )}
        </div>
        <p class="shown" role="status">
          {typeof error === 'string'
            ? error
            : `${grouped(rows.length)} ${rows.length === 1 ? 'function' : 'functions'}${rows.length === functions.length ? '' : ` of ${grouped(functions.length)}`}`}
        </p>
      </search>
      {functions[chosen] !== undefined && (
        <FunctionDetail
          key={chosen}
          profile={profile}
          measure={measure}
          chosen={chosen}
          title={title}
          onOpen={open}
          onClose={() => choose({ f: undefined })}
          onShow={() => {
            choose({ q: undefined, z: undefined });
            location.hash = `profile${location.hash.slice('#functions'.length)}`;
          }}
        />
      )}
      {rows.length === 0 ? (
        <p class="empty">No function is like this.</p>
      ) : (
        <div class="wide sideways" role="region" aria-label="Functions" tabIndex={0}>
          <table class="functions-table">
            <thead>
              <tr>
                {header('name', 'Function', false)}
                {inclusive !== undefined && header('inclusive', 'Inclusive')}
                {oldInclusive !== undefined && (
                  <>
                    <th scope="col" class="number">
                      Before
                    </th>
                    {header('inclusiveChange', 'Change')}
                  </>
                )}
                {header('self', 'Self')}
                {oldSelf !== undefined && (
                  <>
                    <th scope="col" class="number">
                      Self before
                    </th>
                    {header('selfChange', 'Change of self')}
                  </>
                )}
                {costs.calls !== undefined && header('calls', 'Calls')}
                {header('owner', 'Owner', false)}
              </tr>
            </thead>
            <tbody>
              {shown.map((row) => {
                const frame = functions[row];
                if (frame === undefined) return null;
                return (
                  <tr key={row} class={row === chosen ? 'chosen' : undefined}>
                    <th scope="row">
                      <button type="button" class="link" title={placeName(frame)} onClick={() => open(row)}>
                        {shortName(placeName(frame))}
                      </button>{' '}
                      <span class="quiet" title={placeSource(frame)}>
                        {briefSource(frame)}
                      </span>
                      {(costs.cycles?.[row] ?? 0) > 0 && <small> cycle {costs.cycles?.[row]}</small>}
                    </th>
                    {inclusive !== undefined && <Cost value={inclusive[row] ?? 0} all={all} unit={unit} />}
                    {oldInclusive !== undefined && (
                      <Change before={oldInclusive[row] ?? 0} after={inclusive?.[row] ?? 0} unit={unit} />
                    )}
                    <Cost value={self[row] ?? 0} all={all} unit={unit} />
                    {oldSelf !== undefined && (
                      <Change before={oldSelf[row] ?? 0} after={self[row] ?? 0} unit={unit} />
                    )}
                    {costs.calls !== undefined && (
                      <td class="number">
                        {Number.isFinite(costs.calls[row]) ? exactNumber(costs.calls[row] ?? 0) : '–'}
                      </td>
                    )}
                    <td class="owner-cell">
                      <span class={`swatch ${callKind(frame)}`} /> {ownerText(callKind(frame))}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {pages > 1 && (
        <nav class="pages" aria-label="Pages of functions">
          <button type="button" disabled={page === 0} onClick={() => setPage(page - 1)}>
            ‹ Previous
          </button>
          <span>
            {grouped(page * pageSize + 1)} to {grouped(Math.min(rows.length, (page + 1) * pageSize))} of{' '}
            {grouped(rows.length)}
          </span>
          <button type="button" disabled={page >= pages - 1} onClick={() => setPage(page + 1)}>
            Next ›
          </button>
        </nav>
      )}
    </section>
  );
}

function ownerText(kind: CallKind): string {
  return kind === 'all' ? '' : kindWords[kind];
}

function Cost({ value, all, unit }: { readonly value: number; readonly all: number; readonly unit: Unit }) {
  return (
    <td class="number">
      <span class="heat" style={{ '--part': `${Math.min(100, (100 * value) / Math.max(1, all))}%` }}>
        {cellAmount(value, unit)} <small>{percentText(value, all)}</small>
      </span>
    </td>
  );
}

function Change({
  before,
  after,
  unit,
}: {
  readonly before: number;
  readonly after: number;
  readonly unit: Unit;
}) {
  return (
    <>
      <td class="number">{cellAmount(before, unit)}</td>
      <td class={`number ${after > before ? 'grown' : after < before ? 'shrunk' : 'quiet'}`}>
        {changeText(before, after)}
      </td>
    </>
  );
}

interface DetailProps {
  readonly profile: PageProfile;
  readonly measure: number;
  readonly chosen: number;
  readonly title: { readonly current: HTMLHeadingElement | null };
  readonly onOpen: (row: number) => void;
  readonly onClose: () => void;
  readonly onShow: () => void;
}

function FunctionDetail({ profile, measure, chosen, title, onOpen, onClose, onShow }: DetailProps) {
  const { functions, costs, measures, totals, trees, edges, sites } = profile;
  const frame = functions[chosen];
  const { callers, callees } = useMemo(
    () => neighbours(profile, chosen, measure),
    [profile, chosen, measure],
  );
  const own = useMemo(
    () =>
      (sites ?? []).flatMap(({ node }, index) => {
        const at = profile.frames[trees[0]?.frames[node] ?? -1];
        return at !== undefined &&
          at.function === frame?.function &&
          at.object === frame?.object &&
          at.path === frame?.path
          ? [index]
          : [];
      }),
    [profile, chosen],
  );
  if (frame === undefined) return null;
  const unit = measures[measure]?.unit ?? 'events';
  const all = totals[measure] ?? 0;
  const inclusive = costs.inclusive?.[measure]?.[chosen];
  const self = costs.self[measure]?.[chosen] ?? 0;
  return (
    <section class="function-detail" aria-labelledby="function-title">
      <p class="trail">
        {trees.some(({ parents }) => parents.length > 0) && (
          <button type="button" class="small" onClick={onShow}>
            Show in the flame graph
          </button>
        )}
        <button type="button" class="small" onClick={onClose}>
          Close
        </button>
      </p>
      <h3 id="function-title" ref={title} tabIndex={-1}>
        {placeName(frame)}
      </h3>
      <p>
        {inclusive !== undefined && (
          <>
            with all it called <b>{exactAmount(inclusive, unit)}</b>, {percentText(inclusive, all)} ·{' '}
          </>
        )}
        itself <b>{exactAmount(self, unit)}</b>, {percentText(self, all)}
        {Number.isFinite(costs.calls?.[chosen]) &&
          ` · called ${exactNumber(costs.calls?.[chosen] ?? 0)} times`}
      </p>
      <p class="quiet">
        {placeSource(frame)} {reasonText(frame.owner, frame.ownerReason)}
      </p>
      {edges !== undefined && (
        <div class="neighbours">
          <Neighbours title="Callers" rows={callers} {...{ profile, measure, onOpen }} />
          <Neighbours title="Calls" rows={callees} {...{ profile, measure, onOpen }} />
        </div>
      )}
      <SiteFacts profile={profile} sites={own} />
    </section>
  );
}

const mostNeighbours = 50;

function Neighbours({
  title,
  rows,
  profile,
  measure,
  onOpen,
}: Pick<DetailProps, 'profile' | 'measure' | 'onOpen'> & {
  readonly title: string;
  readonly rows: readonly Neighbour[];
}) {
  const { functions, measures, totals } = profile;
  const all = totals[measure] ?? 0;
  if (rows.length === 0) return <p class="quiet">{title}: none are known.</p>;
  const counted = rows.some(({ calls }) => calls > 0);
  return (
    <div>
      <table>
        <thead>
          <tr>
            <th scope="col">{title}</th>
            {counted && (
              <th scope="col" class="number">
                Calls
              </th>
            )}
            <th scope="col" class="number">
              Cost
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, mostNeighbours).map(({ function: row, calls, cost }) => {
            const frame = functions[row];
            return (
              <tr key={row}>
                <th scope="row">
                  <button type="button" class="link" onClick={() => onOpen(row)}>
                    {frame === undefined ? '???' : placeName(frame)}
                  </button>
                </th>
                {counted && <td class="number">{calls > 0 ? exactNumber(calls) : '–'}</td>}
                <Cost value={cost} all={all} unit={measures[measure]?.unit ?? 'events'} />
              </tr>
            );
          })}
        </tbody>
      </table>
      {rows.length > mostNeighbours && (
        <p class="quiet">… and {grouped(rows.length - mostNeighbours)} more.</p>
      )}
    </div>
  );
}
