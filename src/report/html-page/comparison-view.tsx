// Against a baseline or another report: what is new, what costs another amount, what is gone.
import type { BaselineEntry } from '../../model/report.ts';
import { grouped } from '../terminal-text.ts';
import { at, leakBytes, type Summary, standings, textOf } from './payload.ts';
import { type Catalogue, placeOf } from './rows.ts';
import { costText, headlineOf } from './words.ts';

const most = 500;

export function ComparisonView({ known, summary }: { readonly known: Catalogue; readonly summary: Summary }) {
  const { comparison } = summary;
  if (comparison === undefined) return null;
  return (
    <section class="compared" aria-labelledby="compared-title">
      <h2 id="compared-title">
        Compared with <code>{comparison.name}</code>
      </h2>
      <Found known={known} standing="new" title="New" />
      <Found known={known} standing="changed" title="Known, at another cost" />
      <Gone title="Fixed" entries={comparison.fixed} />
      <Gone title="Not judged" entries={comparison.notJudged}>
        This run cannot tell: it did not run the program, used another tool, or was not seen whole.
      </Gone>
      <h3>
        Known <span class="count">{grouped(comparison.known)}</span>
      </h3>
      <p class="quiet">They are in the list of findings, with the filter “Standing: known”.</p>
    </section>
  );
}

interface FoundProps {
  readonly known: Catalogue;
  readonly standing: 'new' | 'changed';
  readonly title: string;
}

function Found({ known, standing, title }: FoundProps) {
  const { index } = known;
  const wanted = standings.indexOf(standing) + 1;
  const found: number[] = [];
  for (let finding = 0; finding < index.findings; finding++) {
    if (index.columns.standing[finding] === wanted) found.push(finding);
  }
  return (
    <>
      <h3>
        {title} <span class="count">{grouped(found.length)}</span>
      </h3>
      <ul class="entries">
        {found.slice(0, most).map((finding) => {
          const place = placeOf(known, finding);
          const leak = leakBytes(index, finding) !== undefined;
          return (
            <li key={finding}>
              <a href={`#${textOf(index, 'id', finding)}`}>
                {headlineOf(textOf(index, 'what', finding), textOf(index, 'title', finding), leak)}
              </a>{' '}
              <code>
                {place.source} {place.function}
              </code>{' '}
              {costOf(known, finding)}
            </li>
          );
        })}
      </ul>
      {found.length > most && <p class="quiet">… and {grouped(found.length - most)} more.</p>}
    </>
  );
}

function costOf({ index }: Catalogue, finding: number): string {
  const bytes = leakBytes(index, finding);
  return costText({
    count: at(index.columns.count, finding),
    ...(bytes !== undefined && { bytes, blocks: at(index.columns.blocks, finding) }),
  });
}

interface GoneProps {
  readonly title: string;
  readonly entries: readonly BaselineEntry[];
  readonly children?: string;
}

function Gone({ title, entries, children }: GoneProps) {
  if (entries.length === 0 && children !== undefined) return null;
  return (
    <>
      <h3>
        {title} <span class="count">{grouped(entries.length)}</span>
      </h3>
      {children !== undefined && <p class="quiet">{children}</p>}
      <ul class="entries">
        {entries.slice(0, most).map(({ fingerprint, rule, place, cost, programs }) => (
          <li key={fingerprint}>
            <code>{rule}</code> <b>{place}</b> {costText(cost)}{' '}
            <span class="quiet">{programs.join(', ')}</span>
          </li>
        ))}
      </ul>
      {entries.length > most && <p class="quiet">… and {grouped(entries.length - most)} more.</p>}
    </>
  );
}
