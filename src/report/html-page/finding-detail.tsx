// Everything about one finding.
import type { RefObject } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Cost, RawExcerpt, Rule } from '../../model/report.ts';
import { grouped, plural } from '../terminal-text.ts';
import { CopyButton } from './copy-button.tsx';
import { readDetails } from './data-block.tsx';
import { ExcerptView } from './excerpt-view.tsx';
import {
  at,
  type Details,
  flag,
  frameAt,
  has,
  leakBytes,
  type PageWitness,
  pardons,
  type Summary,
  severities,
  stacksOf,
  standings,
  textOf,
} from './payload.ts';
import { shortShares } from './request-words.ts';
import { type Catalogue, placeOf } from './rows.ts';
import { StackView } from './stack-view.tsx';
import { costText, counted, headlineOf, pardonWords, severitySigns, standingWords } from './words.ts';

interface Props {
  readonly known: Catalogue;
  readonly summary: Summary;
  readonly finding: number;
  readonly list: RefObject<HTMLDivElement | null>;
  /** Whether this one is open only because the reader went on in the list. */
  readonly walking: RefObject<boolean>;
  readonly onBack: () => void;
}

export function FindingDetail({ known, summary, finding, list, walking, onBack }: Props) {
  const { index } = known;
  const { columns } = index;
  const [details, setDetails] = useState<Details | 'unreadable'>();
  const heading = useRef<HTMLHeadingElement>(null);
  const stacks = useMemo(() => stacksOf(index, finding), [index, finding]);
  useEffect(() => {
    let left = false;
    readDetails(finding).then(
      (read) => left || setDetails(read ?? 'unreadable'),
      () => left || setDetails('unreadable'),
    );
    // Who walks through the list goes on walking; who opened one wants to read it.
    if (
      walking.current !== true ||
      document.activeElement !== list.current ||
      list.current?.offsetParent === null
    ) {
      heading.current?.focus({ preventScroll: true });
    }
    return () => {
      left = true;
    };
  }, [finding]);

  const id = textOf(index, 'id', finding);
  const rule = summary.rules.find((each) => each.id === textOf(index, 'rule', finding));
  const severity = severities[at(columns.severity, finding)] ?? 'error';
  const bytes = leakBytes(index, finding);
  const leak = bytes !== undefined;
  const what = textOf(index, 'what', finding);
  const headline = headlineOf(what, textOf(index, 'title', finding), leak);
  const cost: Cost = {
    count: at(columns.count, finding),
    ...(leak && { bytes, blocks: at(columns.blocks, finding) }),
  };
  const blamedStack = at(columns.blamedStack, finding) - 1;
  const blamedFrame = at(columns.blamedFrame, finding);
  const place = placeOf(known, finding);
  const frame = at(known.places, finding);
  const line = frame < 0 ? undefined : frameAt(index, frame).line;
  const read = details === 'unreadable' ? undefined : details;
  return (
    <article class="detail" aria-labelledby="finding-title" tabIndex={0}>
      <p class="trail">
        <button type="button" class="small" onClick={onBack}>
          <span aria-hidden="true">←</span> List
        </button>
        <a class="id" href={`#${id}`}>
          {id}
        </a>
        <CopyButton label="Copy link" text={`${location.href.replace(/#.*$/, '')}#${id}`} />
      </p>
      <h2 id="finding-title" ref={heading} tabIndex={-1}>
        {headline}
      </h2>
      <p class="summary">
        <span class={`severity ${severity}`}>
          <span aria-hidden="true">{severitySigns[severity]}</span> {severity}
        </span>{' '}
        <code>{textOf(index, 'rule', finding)}</code>{' '}
        <b>{costText(cost, has(index, finding, flag.atLeast))}</b>
      </p>
      {read !== undefined && <RequestLines details={read} summary={summary} />}
      <StandingLines known={known} finding={finding} before={read?.before} cost={cost} />
      <p class="where">
        {blamedStack >= 0 ? 'Blamed: ' : 'No call is in your code; innermost: '}
        <code>
          {place.source !== '' && <b>{place.source}</b>}
          {place.source === '' || place.function === '' ? place.function : ` in ${place.function}`}
        </code>
      </p>
      {read?.excerpt !== undefined && <ExcerptView excerpt={read.excerpt} line={line} />}
      <Explanation rule={rule} details={read} />
      {read !== undefined && <MoreLines details={read} what={leak ? what : ''} />}
      {stacks.map((stack, number) => (
        <StackView
          key={number}
          stack={stack}
          text={read?.texts[number]}
          label={leak && number === 0 ? 'allocated at' : undefined}
          blamed={number === blamedStack ? blamedFrame : undefined}
        />
      ))}
      {(read?.witnesses ?? []).map((witness) => (
        <WitnessView key={witness.id} witness={witness} />
      ))}
      {details === undefined && <p class="quiet">Reading…</p>}
      {details === 'unreadable' && <p class="notice">The details of this finding could not be read.</p>}
      {read !== undefined && <SeenIn details={read} summary={summary} leak={leak} />}
      {read?.suppression !== undefined && (
        <details>
          <summary>Suppression</summary>
          <pre tabIndex={0}>{read.suppression.trimEnd()}</pre>
          <CopyButton label="Copy suppression" text={`${read.suppression.trimEnd()}\n`} />
        </details>
      )}
      {read?.raw !== undefined && <RawView raw={read.raw} tool={textOf(index, 'tool', finding)} />}
      {read?.raw === undefined && read?.span !== undefined && (
        <p class="quiet">
          In {read.span.artifact} from byte {grouped(read.span.offset)}.
        </p>
      )}
      {read !== undefined && <p class="quiet print">Fingerprint {read.fingerprint}</p>}
    </article>
  );
}

/** Requests listed before the rest is only counted. */
const mostRequests = 20;

/** Which requests it comes from, and what it costs in each. */
function RequestLines({ details, summary }: { readonly details: Details; readonly summary: Summary }) {
  const lines = shortShares(details, summary.replay, mostRequests);
  if (lines.length === 0) return null;
  return (
    <ul class="said requests-made">
      {lines.map((line, number) => (
        <li key={number}>{line}</li>
      ))}
    </ul>
  );
}

function RawView({ raw, tool }: { readonly raw: RawExcerpt; readonly tool: string }) {
  return (
    <details>
      <summary>
        What {tool} wrote <span class="quiet">{raw.artifact}</span>
      </summary>
      <pre tabIndex={0}>
        {raw.text.trimEnd()}
        {raw.cut ? '\n…' : ''}
      </pre>
      <p class="quiet">
        From byte {grouped(raw.offset)} of {raw.artifact}
        {raw.cut ? '; there is more of it in the file' : ''}.
      </p>
    </details>
  );
}

/** What another instrument saw of the same defect, with all that it told. */
function WitnessView({ witness }: { readonly witness: PageWitness }) {
  const { rule, tool, headline, details, stacks, bytes, blocks, raw } = witness;
  const cost =
    bytes === undefined ? '' : costText({ bytes, ...(blocks !== undefined && { blocks }), count: 1 });
  return (
    <section class="witness" aria-label={`Also seen by ${tool}`}>
      <h3>
        Also seen by {tool}: <code>{rule}</code>
      </h3>
      <p>
        {headline} {cost !== '' && <b>{cost}</b>}
      </p>
      {details.length > 0 && (
        <ul class="said">
          {details.map((line, number) => (
            <li key={number}>{line}</li>
          ))}
        </ul>
      )}
      {stacks.map((stack, number) => (
        <StackView key={number} stack={stack} text={stack.text} blamed={undefined} />
      ))}
      {raw !== undefined && <RawView raw={raw} tool={tool} />}
    </section>
  );
}

interface StandingProps {
  readonly known: Catalogue;
  readonly finding: number;
  readonly before: Cost | undefined;
  readonly cost: Cost;
}

function StandingLines({ known: { index }, finding, before, cost }: StandingProps) {
  const standing = standings[at(index.columns.standing, finding) - 1];
  const pardon = pardons[at(index.columns.pardon, finding) - 1];
  const texts: string[] = [];
  if (standing !== undefined) {
    const was =
      before === undefined
        ? ''
        : `: ${costText(before) || '1 time'} before, ${costText(cost) || '1 time'} now`;
    texts.push(`${capitalised(standingWords[standing])}${was}.`);
  }
  if (!has(index, finding, flag.failing)) {
    if (pardon !== undefined) texts.push(`Does not fail the run. ${capitalised(pardonWords[pardon])}.`);
    else if (!has(index, finding, flag.error))
      texts.push('Does not fail the run: the tool does not count it as an error.');
    else texts.push('Does not fail the run.');
  }
  if (has(index, finding, flag.hidden)) texts.push('Not listed unless asked for.');
  return texts.length === 0 ? null : <p class="standing">{texts.join(' ')}</p>;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function Explanation({
  rule,
  details,
}: {
  readonly rule: Rule | undefined;
  readonly details: Details | undefined;
}) {
  const meaning = details?.meaning ?? rule?.meaning;
  const advice = details?.advice ?? rule?.advice;
  const lists: readonly (readonly [string, readonly string[]])[] = [
    ['Causes', rule?.causes ?? []],
    ['What to do', rule?.fixes ?? []],
    ['When it may be wrong', rule?.falsePositives ?? []],
    ['Options that help', rule?.options ?? []],
  ];
  const filled = lists.filter(([, items]) => items.length > 0);
  if (meaning === undefined && advice === undefined && filled.length === 0) return null;
  return (
    <div class="explanation">
      {meaning !== undefined && <p>{meaning}</p>}
      {advice !== undefined && (
        <p class="advice">
          <span aria-hidden="true">→</span> {advice}
        </p>
      )}
      {filled.length > 0 && (
        <details>
          <summary>More about {rule?.title ?? 'this kind'}</summary>
          {filled.map(([name, items]) => (
            <div key={name}>
              <h3>{name}</h3>
              <ul>
                {items.map((item) => (
                  <li key={item}>{item}</li>
                ))}
              </ul>
            </div>
          ))}
        </details>
      )}
    </div>
  );
}

/** What the tool said besides. */
function MoreLines({ details, what }: { readonly details: Details; readonly what: string }) {
  const { leak, thread, alsoSeen = [], descriptor } = details;
  const lines = [
    ...(what === '' ? [] : [what]),
    ...(leak !== undefined && leak.indirectBytes > 0
      ? [
          `${counted(leak.directBytes, 'byte')} directly, ${counted(leak.indirectBytes, 'byte')} indirectly: held by nothing but the lost blocks.`,
        ]
      : []),
    // The first thread is where nearly everything happens: it goes without saying.
    ...(thread === undefined || (thread.id === 1 && thread.name === undefined)
      ? []
      : [`In thread #${thread.id}${thread.name === undefined ? '' : ` ${thread.name}`}.`]),
    ...(descriptor === undefined
      ? []
      : [
          `File descriptor ${descriptor.number}${descriptor.path === undefined ? '' : `: ${descriptor.path}`}`,
        ]),
    ...details.details,
    ...alsoSeen.map((text) => `Also seen here: ${text}`),
  ];
  if (lines.length === 0) return null;
  return (
    <ul class="said">
      {lines.map((line, number) => (
        <li key={number}>{line}</li>
      ))}
    </ul>
  );
}

interface SeenProps {
  readonly details: Details;
  readonly summary: Summary;
  readonly leak: boolean;
}

/** Processes listed before the rest is only counted. */
const mostProcesses = 20;

function SeenIn({ details: { seenIn }, summary, leak }: SeenProps) {
  if (seenIn.length === 0 || summary.processes.length === 1) return null;
  const programs = new Map(summary.processes.map(({ image, program }) => [image, program]));
  const left = seenIn.length - mostProcesses;
  return (
    <section class="seen">
      <h3>Seen in {counted(seenIn.length, 'process').replace(/processs$/, 'processes')}</h3>
      <ul>
        {seenIn.slice(0, mostProcesses).map((seen) => (
          <li key={seen.image}>
            <code>
              {seen.pid} {programs.get(seen.image) ?? ''}
            </code>{' '}
            {leak && seen.leak !== undefined
              ? `${counted(seen.leak.bytes, 'byte')} in ${counted(seen.leak.blocks, 'block')}`
              : `${grouped(seen.count)} ${plural(seen.count, 'time')}`}
            {seen.inherited ? ', inherited from its parent or its own' : ''}
          </li>
        ))}
      </ul>
      {left > 0 && <p class="quiet">… and {grouped(left)} more.</p>}
    </section>
  );
}
