// The requests of a replay: what each was answered, what is wrong with it, what it cost in memory; those with something to say first.
import { useMemo, useState } from 'preact/hooks';
import { grouped } from '../terminal-text.ts';
import { showFindingsOf } from './findings-view.tsx';
import { at, flag, has, type Index, requestsOf, type Summary } from './payload.ts';
import { type RequestRow, requestRows } from './request-rows.ts';
import { replayWords } from './request-words.ts';
import { counted, durationText } from './words.ts';

const mostRequests = 500;

export function RequestsView({ index, summary }: { readonly index: Index; readonly summary: Summary }) {
  const { replay } = summary;
  const [all, setAll] = useState(false);
  const rows = useMemo(
    () => (replay === undefined ? [] : requestRows(replay, findingsByRequest(index))),
    [index, replay],
  );
  if (replay === undefined) return null;
  const shown = all ? rows : rows.slice(0, mostRequests);
  return (
    <section class="requests" aria-labelledby="requests-title">
      <h2 id="requests-title">{counted(rows.length, 'request')}</h2>
      <p class="quiet">{replayWords(replay)}</p>
      <div class="wide">
        <table>
          <thead>
            <tr>
              <th scope="col">Request</th>
              <th scope="col">Answer</th>
              <th scope="col">What was wrong</th>
              <th scope="col" class="number">
                Findings
              </th>
              <th scope="col">Memory</th>
              <th scope="col" class="number">
                Slowest
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <Request key={row.request.number} row={row} />
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < rows.length && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {grouped(rows.length)}
        </button>
      )}
    </section>
  );
}

function Request({ row: { request, status, wrong, findings, growth, name } }: { readonly row: RequestRow }) {
  const { number, method, target, source, sent, slowestMs } = request;
  const capture = source.name === '' ? '' : `${source.name}, entry ${source.entry}`;
  return (
    <tr>
      <th scope="row">
        {number}{' '}
        <code>
          {method} {target}
        </code>{' '}
        <span class="quiet">{capture}</span>
      </th>
      <td>{status === '' ? 'none' : status}</td>
      <td>
        {wrong.map((text, index) => (
          <p key={index}>
            <span aria-hidden="true">⚠ </span>
            {text}
          </p>
        ))}
      </td>
      <td class="number">
        {findings === 0 ? (
          '0'
        ) : (
          <button
            type="button"
            class="small"
            aria-label={`${counted(findings, 'finding')} of ${name}`}
            onClick={() => showFindingsOf(number)}
          >
            {grouped(findings)}
          </button>
        )}
      </td>
      <td>{growth}</td>
      <td class="number">{sent === 0 ? '' : durationText(slowestMs)}</td>
    </tr>
  );
}

/** Findings that the list shows, by the requests that they come from. */
function findingsByRequest(index: Index): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (let finding = 0; finding < index.findings; finding++) {
    if (has(index, finding, flag.hidden) || at(index.columns.requests, finding) === 0) continue;
    for (const request of requestsOf(index, finding)) counts.set(request, (counts.get(request) ?? 0) + 1);
  }
  return counts;
}
