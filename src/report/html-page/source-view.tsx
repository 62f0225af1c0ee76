// Source files with what was spent on their lines, and the text of the lines as far as it was read.
import { useMemo, useState } from 'preact/hooks';
import { grouped, plural } from '../terminal-text.ts';
import { type ProfileProps, Select } from './profile-choice.tsx';
import { exactNumber, measureText, percentText, placeName, shortAmount, shortName } from './profile-words.ts';
import { jumpsOf, type LineJump, linesLeft, sourceFiles, sourceRows } from './source-rows.ts';
import { shortSource } from './words.ts';

const mostFiles = 500;
const mostLines = 1_000;
/** With more measures only the chosen one has a column, unless the reader wants all. */
const fewMeasures = 3;

export function SourceView({ profile, measure, choices, choose, selectors }: ProfileProps) {
  const { files, functions, measures, totals } = profile;
  const ranked = useMemo(() => sourceFiles(profile, measure), [profile, measure]);
  const wanted = Number(choices.get('src') ?? Number.NaN);
  // Text is what the reader came for: usually that is the file of the project that cost the most.
  const file =
    ranked.find((each) => each.file === wanted) ?? ranked.find(({ hasText }) => hasText) ?? ranked[0];
  const rows = useMemo(
    () => (file === undefined ? [] : sourceRows(profile, file.file)),
    [profile, file?.file],
  );
  const jumps = useMemo(
    () => (file === undefined ? new Map<number, readonly LineJump[]>() : jumpsOf(profile, file.file)),
    [profile, file?.file],
  );
  const [all, setAll] = useState(false);
  const every = choices.get('every') === null ? measures.length <= fewMeasures : choices.get('every') === '1';
  if (file === undefined) return <p class="empty">No source line is known.</p>;
  const unit = measures[measure]?.unit ?? 'events';
  const columns = every ? measures.map((_, index) => index) : [measure];
  const total = totals[measure] ?? 0;
  const most = rows.reduce((largest, { costs }) => Math.max(largest, costs?.[measure] ?? 0), 0);
  const shown = all ? rows : rows.slice(0, mostLines);
  const left = linesLeft(profile, file.file);
  const hasText = rows.some(({ text }) => text !== undefined);
  return (
    <section class="source" aria-labelledby="source-title">
      <h2 id="source-title">
        <code>{files[file.file]?.path}</code>{' '}
        <span class="quiet">
          {percentText(file.cost, total)} of{' '}
          {measures[measure] === undefined ? 'all' : measureText(measures[measure])}
        </span>
      </h2>
      <div class="choices">
        <Select
          label="File"
          value={String(file.file)}
          options={ranked
            .slice(0, mostFiles)
            .map((each) => [
              String(each.file),
              `${percentText(each.cost, total)}  ${shortSource(files[each.file]?.path ?? '')}${each.hasText ? '' : ' (no text)'}`,
            ])}
          onChange={(src) => choose({ src })}
        />
        {selectors}
        {measures.length > 1 && (
          <label class="check">
            <input
              type="checkbox"
              checked={every}
              onChange={(event) => choose({ every: event.currentTarget.checked ? '1' : '0' })}
            />{' '}
            all measures
          </label>
        )}
      </div>
      {!hasText && (
        <p class="quiet">The text of this file is not in the report; these are its lines with costs.</p>
      )}
      {left && (
        <p class="quiet">
          {grouped(left.count)} cheaper {plural(left.count, 'line')} of this file, of{' '}
          {percentText(left.costs[measure] ?? 0, total)} together, {left.count === 1 ? 'is' : 'are'} not in
          the report: the profile has too many.
        </p>
      )}
      <div class="wide sideways" role="region" aria-label="Lines" tabIndex={0}>
        <table class="lines">
          <thead>
            <tr>
              <th scope="col" class="number">
                Line
              </th>
              {columns.map((each) => (
                <th key={each} scope="col" class="number" title={measures[each]?.title}>
                  {measures[each]?.name}
                </th>
              ))}
              <th scope="col" class="share">
                Share
              </th>
              <th scope="col" class="text">
                {hasText ? 'Source' : 'Function'}
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ line, text, costs, function: name, afterGap }) => {
              const cost = costs?.[measure] ?? 0;
              const frame = functions[name ?? -1];
              return (
                <tr
                  key={line}
                  class={`${afterGap ? 'gap' : ''}${cost > 0 && cost === most ? ' hottest' : ''}`}
                >
                  <th scope="row" class="number">
                    {line}
                  </th>
                  {columns.map((each) => (
                    <td key={each} class="number" title={costs && exactNumber(costs[each] ?? 0)}>
                      {costs !== undefined && (costs[each] ?? 0) > 0
                        ? shortAmount(costs[each] ?? 0, measures[each]?.unit ?? unit)
                        : ''}
                    </td>
                  ))}
                  <td class="share">
                    {cost > 0 && (
                      <span class="heat" style={{ '--part': `${(100 * cost) / Math.max(1, most)}%` }}>
                        {percentText(cost, total)}
                      </span>
                    )}
                  </td>
                  <td class="text">
                    <code title={frame && `in ${placeName(frame)}`}>{text}</code>
                    {text === undefined && frame !== undefined && (
                      <span class="quiet">in {shortName(placeName(frame))}</span>
                    )}
                    {(jumps.get(line) ?? []).map((jump, index) => (
                      <small key={index} class="jump">
                        {jumpText(line, jump)}
                      </small>
                    ))}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {shown.length < rows.length && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {grouped(rows.length)} lines
        </button>
      )}
    </section>
  );
}

/** `jumps to 42: 2,104,808 of 2,816,012 times` */
function jumpText(line: number, { toLine, taken, reached }: LineJump): string {
  const times = taken === reached ? exactNumber(taken) : `${exactNumber(taken)} of ${exactNumber(reached)}`;
  return `${toLine < line ? '↑' : '↓'} jumps to ${toLine}: ${times} times`;
}
