// Search, filters and groups of the list.
import type { RefObject } from 'preact';
import { useMemo } from 'preact/hooks';
import { requestName } from '../../model/request.ts';
import { cut, grouped } from '../terminal-text.ts';
import { flag, has, requestsOf, type Summary, severities, standings } from './payload.ts';
import type { Catalogue, Filter, Grouping } from './rows.ts';

interface Props {
  readonly known: Catalogue;
  readonly summary: Summary;
  readonly filter: Filter;
  readonly grouping: Grouping;
  readonly search: RefObject<HTMLInputElement | null>;
  readonly count: string;
  readonly onFilter: (more: Partial<Filter>) => void;
  readonly onGrouping: (grouping: Grouping) => void;
}

export function FilterBar({ known, summary, filter, grouping, search, count, onFilter, onGrouping }: Props) {
  const there = useMemo(() => whatIsThere(known), [known]);
  const requests = useMemo(() => requestChoices(known, summary), [known, summary]);
  const compared = summary.comparison !== undefined;
  return (
    <search class="filters">
      <div class="search">
        <input
          ref={search}
          type="search"
          value={filter.search}
          placeholder="Search function, file, text, kind, id"
          aria-label="Search findings"
          aria-keyshortcuts="/"
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => onFilter({ search: event.currentTarget.value })}
        />
        <kbd aria-hidden="true">/</kbd>
      </div>
      <div class="choices">
        <Choice
          label="Group by"
          value={grouping}
          options={[
            ['place', 'place'],
            ['kind', 'kind'],
            ['process', 'process'],
            ...(compared ? ([['standing', 'standing']] as const) : []),
            ['none', 'nothing'],
          ]}
          onChange={(value) => onGrouping(value)}
        />
        {there.severities.length > 1 && (
          <Choice
            label="Severity"
            value={filter.severity}
            options={[['', 'all'], ...there.severities.map((each) => [each, each] as const)]}
            onChange={(severity) => onFilter({ severity })}
          />
        )}
        {summary.rules.length > 1 && (
          <Choice
            label="Kind"
            value={filter.rule}
            options={[['', 'all'], ...summary.rules.map(({ id }) => [id, id] as const)]}
            onChange={(rule) => onFilter({ rule })}
          />
        )}
        {there.bothOwners && (
          <Choice
            label="My code"
            value={filter.mine}
            options={[
              ['', 'with or without'],
              ['with', 'takes part'],
              ['without', 'takes no part'],
            ]}
            onChange={(mine) => onFilter({ mine })}
          />
        )}
        {compared && (
          <Choice
            label="Standing"
            value={filter.standing}
            options={[['', 'all'], ...standings.map((each) => [each, each] as const)]}
            onChange={(standing) => onFilter({ standing })}
          />
        )}
        {requests.length > 0 && (
          <Choice
            label="Request"
            value={`${filter.request}`}
            options={[['0', 'all'], ...requests]}
            onChange={(request) => onFilter({ request: Number(request) })}
          />
        )}
        {there.bothFailing && (
          <label class="check">
            <input
              type="checkbox"
              checked={filter.failing}
              onChange={(event) => onFilter({ failing: event.currentTarget.checked })}
            />{' '}
            failing only
          </label>
        )}
        {there.hidden > 0 && (
          <label class="check">
            <input
              type="checkbox"
              checked={filter.all}
              onChange={(event) => onFilter({ all: event.currentTarget.checked })}
            />{' '}
            show all ({grouped(there.hidden)} hidden)
          </label>
        )}
      </div>
      <p class="shown" role="status">
        {count}
      </p>
    </search>
  );
}

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [T, string])[];
  readonly onChange: (value: T) => void;
}

function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  return (
    <label class="choice">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {options.map(([word, text]) => (
          <option key={word} value={word}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** More are no choice; the list of requests leads to the findings of each. */
const mostRequests = 500;

/** The requests that findings come from. */
function requestChoices(
  { index }: Catalogue,
  { replay }: Summary,
): readonly (readonly [value: string, text: string])[] {
  if (replay === undefined) return [];
  const found = new Set<number>();
  for (let finding = 0; finding < index.findings; finding++) {
    for (const request of requestsOf(index, finding)) found.add(request);
  }
  return replay.requests
    .filter(({ number }) => found.has(number))
    .slice(0, mostRequests)
    .map((request) => [`${request.number}`, cut(requestName(request).replace(/^request /, ''), 60)]);
}

/** A filter that could change nothing is not offered. */
function whatIsThere({ index, mine }: Catalogue) {
  let [hidden, failing, withMine] = [0, 0, 0];
  const seen = new Set<number>();
  for (let finding = 0; finding < index.findings; finding++) {
    if (has(index, finding, flag.hidden)) hidden++;
    if (has(index, finding, flag.failing)) failing++;
    withMine += mine[finding] ?? 0;
    seen.add(index.columns.severity[finding] ?? 0);
  }
  return {
    hidden,
    bothFailing: failing > 0 && failing < index.findings,
    bothOwners: withMine > 0 && withMine < index.findings,
    severities: severities.filter((_, severity) => seen.has(severity)),
  };
}
