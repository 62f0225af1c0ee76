// A profile as a whole: its curve over time, its calls as flame graph or icicle, what it says of itself.
import { useCallback, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { sentence } from '../sentence.ts';
import { grouped } from '../terminal-text.ts';
import { firstSnapshot } from './curve.ts';
import { changeOfNode, FlameGraph, factsOf, ZoomTrail } from './flame-graph.tsx';
import {
  addressOf,
  callKind,
  coverage,
  type FlameTree,
  flameTree,
  groupFrames,
  invertedTree,
  isSameFunction,
  type Look,
  matcherOf,
  matchingGroups,
  nodeAt,
  orderedChildren,
  type Side,
  type TreeSource,
  type WholeTree,
} from './flame-tree.ts';
import { HeapCurve, snapshotName } from './heap-curve.tsx';
import { type ProfileProps, Select } from './profile-choice.tsx';
import { beforeOf, type PageProfile } from './profile-payload.ts';
import {
  briefSource,
  cellAmount,
  exactAmount,
  exactNumber,
  kindWords,
  measureText,
  outsideTree,
  percentText,
  placeName,
  placeSource,
  programText,
  shortAmount,
  shortName,
} from './profile-words.ts';
import { SiteFacts } from './site-facts.tsx';
import { isTyping } from './typing.tsx';
import { reasonText } from './words.ts';

export function ProfileView(props: ProfileProps) {
  const { profile, measure, choices, choose, selectors } = props;
  const { timeline, trees, measures, totals } = profile;
  const unit = measures[measure]?.unit ?? 'events';
  const picked = useMemo(() => pickedTree(profile, choices.get('t')), [profile, choices.get('t')]);
  const drawable = trees.some(({ parents }) => parents.length > 0);
  const shown = timeline?.snapshots.find(({ tree }) => tree !== undefined && tree === picked[0]);
  const outside = timeline === undefined ? '' : outsideTree(timeline, shown);
  const choosePoint = (snapshot: number): void => {
    const tree = timeline?.snapshots[snapshot]?.tree;
    if (tree !== undefined) choose({ t: String(tree), z: undefined });
  };
  return (
    <section class="profile" aria-labelledby="profile-title">
      <h2 id="profile-title">
        {unit === 'ns' || unit === 'ms'
          ? shortAmount(totals[measure] ?? 0, unit)
          : exactNumber(totals[measure] ?? 0)}
        <span class="quiet">
          {' '}
          {measures[measure] === undefined ? '' : measureText(measures[measure])}
          {timeline === undefined ? '' : ' at the peak'} of {programText(profile)}
        </span>
      </h2>
      {!profile.complete && (
        <p class="notice">
          <span aria-hidden="true">⚠ </span>This profile is not complete: its file was cut, or the process was
          killed. There may be more than it says.
        </p>
      )}
      {timeline !== undefined && timeline.snapshots.length > 0 && (
        <HeapCurve
          timeline={timeline}
          before={profile.before?.timeline}
          chosen={timeline.snapshots.findIndex(({ tree }) => tree !== undefined && tree === picked[0])}
          onChoose={choosePoint}
        />
      )}
      {outside !== '' && drawable && <p class="quiet outside">{outside}</p>}
      {drawable ? (
        <Flames {...props} picked={picked} />
      ) : (
        <>
          <div class="choices">{selectors}</div>
          <p class="empty">
            {profile.functions.length > 0
              ? 'This profile has no call paths to draw. See its functions.'
              : 'Nothing was spent, or nothing was seen.'}
          </p>
        </>
      )}
      <AboutProfile profile={profile} />
    </section>
  );
}

/** Trees to draw, as positions: the chosen one, all together, or the one that a reader looks at first. */
function pickedTree({ trees, timeline }: PageProfile, choice: string | null): readonly number[] {
  const all = trees.flatMap(({ parents }, index) => (parents.length > 0 ? [index] : []));
  const number = choice === null ? Number.NaN : Number(choice);
  if (all.includes(number)) return [number];
  if (timeline !== undefined) {
    const first = timeline.snapshots[firstSnapshot(timeline)]?.tree;
    return first === undefined ? all.slice(0, 1) : [first];
  }
  return all;
}

function treeName({ trees, timeline }: PageProfile, index: number): string {
  const snapshot = timeline?.snapshots.find(({ tree }) => tree === index);
  if (snapshot !== undefined) return snapshotName(snapshot);
  const { name, pid, tid } = trees[index] ?? {};
  const numbers = [
    ...(pid === undefined || pid === tid ? [] : [`process ${pid}`]),
    ...(tid === undefined ? [] : [`thread ${tid}`]),
  ];
  return [name ?? (numbers.length === 0 ? `tree ${index + 1}` : ''), ...numbers]
    .filter((word) => word !== '')
    .join(', ');
}

function Flames({
  profile,
  measure,
  choices,
  choose,
  selectors,
  picked,
}: ProfileProps & { readonly picked: readonly number[] }) {
  const { measures, frames, trees, timeline, sites } = profile;
  const before = beforeOf(profile, measure);
  const unit = measures[measure]?.unit ?? 'events';
  const byLine = choices.get('lines') === '1';
  const inverted = choices.get('up') === '1';
  const groups = useMemo(() => groupFrames(frames, byLine), [frames, byLine]);
  const whole = useMemo(
    () =>
      flameTree(
        picked.flatMap((index): TreeSource[] => {
          const tree = trees[index];
          return tree === undefined ? [] : [{ tree, before: before?.trees[index] ?? undefined }];
        }),
        groups,
        frames,
        measures.length,
      ),
    [profile, picked, groups, before],
  );
  const tree: FlameTree = useMemo(
    () => (inverted ? invertedTree(whole, measures.length) : whole),
    [whole, inverted],
  );
  const side: Side = whole.compared && choices.get('side') === 'before' ? 'before' : 'after';
  const names = useMemo(() => groups.frames.map(placeName), [groups]);
  const order = choices.get('order') === 'name' ? 'name' : 'heavy';
  const look: Look = useMemo(() => ({ measure, order, side, names }), [measure, order, side, names]);
  const differences = whole.compared && choices.get('diff') !== '0';
  const upward = choices.get('dir') !== 'down';
  const address = choices.get('z') ?? '';
  const root = useMemo(() => nodeAt(tree, address), [tree, address]);
  const [active, setActive] = useState(0);
  const [hover, setHover] = useState<number>();
  const place = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);

  const zoom = useCallback(
    (node: number) => {
      setHover(undefined);
      setActive(node);
      choose({ z: addressOf(tree, node) }, true);
    },
    [tree, choose],
  );
  // At once, as below: a key that comes before the next paint would be undone.
  useLayoutEffect(() => {
    setActive(root);
    setHover(undefined);
  }, [tree, root]);

  // At once, not after the next paint: a key may come before that.
  useLayoutEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && event.target === field.current) {
        place.current?.focus();
        return;
      }
      if (isTyping(event) || event.defaultPrevented || event.key !== '/') return;
      field.current?.focus();
      event.preventDefault();
    };
    addEventListener('keydown', listen);
    return () => removeEventListener('keydown', listen);
  }, []);

  const search = choices.get('q') ?? '';
  const highlighted = profile.functions[Number(choices.get('f') ?? Number.NaN)];
  const found = useMemo(() => {
    const matcher = matcherOf(search);
    if (typeof matcher === 'string') return matcher;
    if (matcher !== undefined) return matchingGroups(groups, matcher);
    if (highlighted === undefined) return undefined;
    return Uint8Array.from(groups.frames, (frame) => (isSameFunction(frame, highlighted) ? 1 : 0));
  }, [search, highlighted, groups]);
  const matches = typeof found === 'string' ? undefined : found;
  const covered = useMemo(
    () => (matches === undefined ? undefined : coverage(whole, matches, measure, side)),
    [matches, whole, measure, side],
  );
  const all = whole.total(0, measure, side);
  const shown = hover ?? active;
  const inferred = [...new Set(picked.flatMap((index) => trees[index]?.inferred ?? []))];
  const drawable = trees.flatMap(({ parents }, index) => (parents.length > 0 ? [index] : []));
  return (
    <div class="flames">
      {inferred.map((why) => (
        <p key={why} class="notice inferred">
          <b>
            <span aria-hidden="true">≈ </span>This tree is inferred:
          </b>{' '}
          {sentence(why)}
        </p>
      ))}
      <search class="filters">
        <div class="search">
          <input
            ref={field}
            type="search"
            value={search}
            placeholder="Search function, file, object; /regular expression/"
            aria-label="Search calls"
            aria-keyshortcuts="/"
            spellcheck={false}
            autocomplete="off"
            onInput={(event) => choose({ q: event.currentTarget.value })}
          />
          <kbd aria-hidden="true">/</kbd>
        </div>
        <div class="choices">
          {selectors}
          {drawable.length > 1 && (
            <Select
              label={timeline === undefined ? 'Thread' : 'Snapshot'}
              value={picked.length > 1 ? 'all' : String(picked[0] ?? '')}
              options={[
                ...(timeline === undefined ? ([['all', 'all together']] as const) : []),
                ...drawable.map((index) => [String(index), treeName(profile, index)] as const),
              ]}
              onChange={(t) => choose({ t, z: undefined })}
            />
          )}
          <Select
            label="From"
            value={inverted ? '1' : ''}
            options={[
              ['', 'outermost call'],
              ['1', 'innermost call'],
            ]}
            onChange={(up) => choose({ up, z: undefined })}
          />
          <Select
            label="Draw"
            value={upward ? '' : 'down'}
            options={[
              ['', 'flames'],
              ['down', 'icicles'],
            ]}
            onChange={(dir) => choose({ dir })}
          />
          <Select
            label="Order"
            value={order === 'name' ? 'name' : ''}
            options={[
              ['', 'heaviest'],
              ['name', 'name'],
            ]}
            onChange={(next) => choose({ order: next })}
          />
          <label class="check">
            <input
              type="checkbox"
              checked={byLine}
              onChange={(event) =>
                choose({ lines: event.currentTarget.checked ? '1' : undefined, z: undefined })
              }
            />{' '}
            lines apart
          </label>
          {whole.compared && (
            <>
              <Select
                label="Colour"
                value={differences ? '' : '0'}
                options={[
                  ['', 'what changed'],
                  ['0', 'whose code it is'],
                ]}
                onChange={(diff) => choose({ diff })}
              />
              <Select
                label="Width"
                value={side}
                options={[
                  ['after', 'now'],
                  ['before', 'before'],
                ]}
                onChange={(next) => choose({ side: next === 'before' ? next : undefined })}
              />
            </>
          )}
        </div>
        <p class="shown" role="status">
          {typeof found === 'string' && found}
          {covered !== undefined && (
            <>
              {search === '' && highlighted !== undefined ? `${placeName(highlighted)}: ` : ''}
              {covered.calls === 0
                ? 'no call matches'
                : `${percentText(covered.amount, all)} of the total matches, ${exactAmount(covered.amount, unit)} in ${grouped(covered.calls)} ${covered.calls === 1 ? 'place' : 'places'}`}{' '}
              <button type="button" class="link" onClick={() => choose({ q: undefined, f: undefined })}>
                clear
              </button>
            </>
          )}
        </p>
      </search>
      <ZoomTrail tree={tree} look={look} root={root} onZoom={zoom} />
      {all > 0 ? (
        <>
          <FlameGraph
            tree={tree}
            frames={frames}
            look={look}
            unit={unit}
            root={root}
            upward={upward}
            differences={differences}
            matches={matches}
            active={active}
            place={place}
            onActive={setActive}
            onHover={setHover}
            onZoom={zoom}
          />
          <Legend profile={profile} tree={tree} differences={differences} />
          <CallFacts profile={profile} tree={tree} look={look} node={shown} inverted={inverted} />
          {sites !== undefined && !inverted && picked.length === 1 && picked[0] === 0 && (
            <SiteFacts profile={profile} sites={sitesAt(profile, whole, active)} />
          )}
          <CallTable
            profile={profile}
            tree={tree}
            look={look}
            root={root}
            inverted={inverted}
            onZoom={zoom}
          />
        </>
      ) : (
        <p class="empty">Nothing of this measure was spent here.</p>
      )}
    </div>
  );
}

function sitesAt(profile: PageProfile, tree: WholeTree, node: number): readonly number[] {
  return (profile.sites ?? []).flatMap((site, index) => (tree.nodeOf(0, site.node) === node ? [index] : []));
}

function Legend({
  profile,
  tree,
  differences,
}: {
  readonly profile: PageProfile;
  readonly tree: FlameTree;
  readonly differences: boolean;
}) {
  const kinds = useMemo(() => new Set(tree.groups.frames.map(callKind)), [tree]);
  const inlined = useMemo(() => profile.frames.some((frame) => frame.inlined === true), [profile]);
  return (
    <p class="legend">
      {differences ? (
        <>
          <span>
            <span class="swatch grew" /> grew
          </span>
          <span>
            <span class="swatch same" /> same
          </span>
          <span>
            <span class="swatch shrank" /> shrank
          </span>
        </>
      ) : (
        Object.entries(kindWords).map(
          ([kind, words]) =>
            kinds.has(kind as keyof typeof kindWords) && (
              <span key={kind}>
                <span class={`swatch ${kind}`} /> {words}
              </span>
            ),
        )
      )}
      {inlined && (
        <span>
          <span class="swatch inlined" /> inlined
        </span>
      )}
      <span class="quiet">Enter or a click zooms in, Esc zooms out.</span>
    </p>
  );
}

interface CallProps {
  readonly profile: PageProfile;
  readonly tree: FlameTree;
  readonly look: Look;
  readonly inverted: boolean;
}

/** The line of what is known of one call. */
function CallFacts({ profile, tree, look, node, inverted }: CallProps & { readonly node: number }) {
  const { measure, side } = look;
  const { measures, frames } = profile;
  const frame = frames[tree.frameOf(node)];
  const unit = measures[measure]?.unit ?? 'events';
  const all = tree.total(0, measure, side);
  const [total, self] = [tree.total(node, measure, side), tree.self(node, measure, side)];
  const source = frame === undefined ? '' : placeSource(frame, tree.isMixed(node));
  return (
    <div class="call-facts">
      <p class="call-name">
        <b>{frame === undefined ? 'All calls' : placeName(frame)}</b>
        {source !== '' && <code>{source}</code>}
      </p>
      <p>
        {inverted ? 'spent along this path' : 'with all it called'} <b>{exactAmount(total, unit)}</b>,{' '}
        {percentText(total, all)}
        {!inverted && (
          <>
            {' '}
            · itself <b>{cellAmount(self, unit)}</b>, {percentText(self, all)}
          </>
        )}
        {tree.compared && (
          <>
            {' '}
            · before {exactNumber(tree.total(node, measure, 'before'))}, now{' '}
            {exactNumber(tree.total(node, measure, 'after'))}: <b>{changeOfNode(tree, measure, node)}</b>
          </>
        )}
      </p>
      <p class="quiet">
        {frame === undefined
          ? 'The whole tree.'
          : frame.sum === undefined
            ? `${callKind(frame) === 'kernel' ? 'kernel: ' : ''}${reasonText(frame.owner, frame.ownerReason)}${frame.inlined === true ? ', inlined' : ''}${tree.isMixed(node) ? ', calls from several lines' : ''}`
            : 'What the tool itself added up; it tells no places.'}
      </p>
    </div>
  );
}

const mostCalls = 30;

/** What is below a call, as a table: for all to whom boxes say nothing. */
function CallTable({
  profile,
  tree,
  look,
  root,
  inverted,
  onZoom,
}: CallProps & { readonly root: number; readonly onZoom: (node: number) => void }) {
  const { measure, side, names } = look;
  const { measures, frames } = profile;
  const unit = measures[measure]?.unit ?? 'events';
  const rows = useMemo(() => orderedChildren(tree, root, look), [tree, root, look]);
  const all = tree.total(0, measure, side);
  if (rows.length === 0) return null;
  const above = root === 0 ? undefined : (names[tree.groupOf(root)] ?? '');
  return (
    <>
      <h3>
        {above === undefined
          ? inverted
            ? 'Functions that spent something themselves'
            : 'Outermost calls'
          : inverted
            ? `Callers of ${above}`
            : `Calls from ${above}`}
      </h3>
      <div class="wide sideways" role="region" aria-label="Calls" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Call</th>
              <th scope="col" class="number">
                {measures[measure]?.title ?? 'Cost'}
              </th>
              <th scope="col" class="number">
                Share
              </th>
              {!inverted && (
                <th scope="col" class="number">
                  Itself
                </th>
              )}
              {tree.compared && (
                <th scope="col" class="number">
                  Change
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, mostCalls).map((node) => {
              const frame = frames[tree.frameOf(node)];
              const total = tree.total(node, measure, side);
              return (
                <tr key={node}>
                  <th scope="row">
                    <button
                      type="button"
                      class="link"
                      title={names[tree.groupOf(node)]}
                      onClick={() => onZoom(node)}
                    >
                      {shortName(names[tree.groupOf(node)] ?? '')}
                    </button>{' '}
                    <span class="quiet" title={frame && placeSource(frame, tree.isMixed(node))}>
                      {frame && briefSource(frame, tree.isMixed(node))}
                    </span>
                  </th>
                  <td class="number" title={factsOf({ tree, frames, look, unit }, node)[0]}>
                    {cellAmount(total, unit)}
                  </td>
                  <td class="number">{percentText(total, all)}</td>
                  {!inverted && <td class="number">{cellAmount(tree.self(node, measure, side), unit)}</td>}
                  {tree.compared && <td class="number">{changeOfNode(tree, measure, node)}</td>}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {rows.length > mostCalls && <p class="quiet">… and {grouped(rows.length - mostCalls)} more.</p>}
    </>
  );
}

const mostParts = 200;

/** Totals, parts and what the file says of itself. */
function AboutProfile({ profile }: { readonly profile: PageProfile }) {
  const { measures, totals, stated, parts, notes, before, format } = profile;
  return (
    <details class="about">
      <summary>About this profile</summary>
      <div class="wide sideways" role="region" aria-label="Totals" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">{format}</th>
              <th scope="col" class="number">
                Total
              </th>
              {stated !== undefined && (
                <th scope="col" class="number">
                  As the tool states it
                </th>
              )}
              {before !== undefined && (
                <th scope="col" class="number">
                  Before
                </th>
              )}
              {(parts ?? []).slice(0, mostParts).map(({ name, trigger }, index) => (
                <th key={index} scope="col" class="number">
                  {name}
                  {trigger !== undefined && <small> {trigger}</small>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {measures.map((measure, row) => (
              <tr key={row}>
                <th scope="row">
                  {measureText(measure)}
                  {measure.formula !== undefined && <small> = {measure.formula}</small>}
                </th>
                <td class="number">{exactNumber(totals[row] ?? 0)}</td>
                {stated !== undefined && (
                  <td class="number">{typeof stated[row] === 'number' ? exactNumber(stated[row]) : '–'}</td>
                )}
                {before !== undefined && (
                  <td class="number">
                    {typeof before.totals[row] === 'number' ? exactNumber(before.totals[row]) : '–'}
                  </td>
                )}
                {(parts ?? []).slice(0, mostParts).map((part, index) => (
                  <td key={index} class="number">
                    {exactNumber(part.totals[row] ?? 0)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {before !== undefined && (
        <p>
          Compared with {before.name}
          {before.complete ? '' : ', which was not seen whole: it may have spent more than it says'}.
        </p>
      )}
      {notes.length > 0 && (
        <ul>
          {notes.slice(0, mostParts).map((note, index) => (
            <li key={index}>{note}</li>
          ))}
        </ul>
      )}
    </details>
  );
}
