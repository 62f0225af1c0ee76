// Profiles on a terminal: what was spent, where, who asked for it, and how it went over time.
import type { ProfileBefore, ReportProfile } from '../model/profile-report.ts';
import type { Report } from '../model/report.ts';
import { treeMaker } from './pretty-call-tree.ts';
import { chartLegend, chartLines } from './pretty-chart.ts';
import type { Ink } from './pretty-ink.ts';
import {
  clean,
  peakOnly,
  placeText,
  type Row,
  restWidth,
  tableLines,
  title,
} from './pretty-profile-table.ts';
import { sourceLines } from './pretty-source-lines.ts';
import {
  callersOf,
  caveats,
  exactNumber,
  growthPercent,
  highestSnapshot,
  missRates,
  missText,
  type Place,
  percent,
  placeAt,
  primaryMeasure,
  primaryTotal,
  profileHeadline,
  scaled,
  shortFrame,
  signed,
  siteFacts,
  topChanges,
  topPlaces,
  whoseProfile,
} from './profile-text.ts';
import type { RenderOptions } from './reporter.ts';
import { clip, grouped, plural, rowsOf, widthOf, wrap } from './terminal-text.ts';

/** At most so many lines of each part. */
interface Sizes {
  readonly places: number;
  /** Top places by each measure but the first. */
  readonly measures: number;
  readonly chart: number;
  readonly tree: number;
  readonly lines: number;
  readonly sites: number;
  readonly changes: number;
  readonly notes: number;
  readonly others: number;
  readonly cache: number;
  readonly path: number;
}

type Part = keyof Sizes;

const nothing: Sizes = {
  places: 0,
  measures: 0,
  chart: 0,
  tree: 0,
  lines: 0,
  sites: 0,
  changes: 0,
  notes: 0,
  others: 0,
  cache: 0,
  path: 0,
};

/** Without bounds; but a list of thousands helps nobody. */
const everything: Sizes = {
  places: 100,
  measures: 5,
  chart: 20,
  tree: 300,
  lines: 100,
  sites: 100,
  changes: 100,
  notes: 100,
  others: 1000,
  cache: 1,
  path: 1,
};

/** What is shown first, and what grows while the screen has room. A step for which there is none is left out. */
const steps: readonly (readonly [Part, number])[] = [
  ['places', 3],
  ['changes', 4],
  ['others', 1],
  ['chart', 8],
  ['places', 5],
  ['tree', 5],
  ['path', 1],
  ['sites', 3],
  ['lines', 4],
  ['cache', 1],
  ['chart', 10],
  ['notes', 1],
  ['others', 3],
  ['changes', 10],
  ['places', 8],
  ['tree', 8],
  ['lines', 6],
  ['sites', 5],
  ['tree', 12],
  ['places', 10],
  ['chart', 12],
  ['lines', 8],
  ['notes', 3],
  ['tree', 16],
  ['sites', 8],
  ['lines', 12],
  ['places', 15],
  ['others', 6],
  ['tree', 20],
  ['notes', 6],
  ['others', 10],
];

/** All profiles: the most expensive one in full, the others a line each; as much as `room` has place for. */
export function profileLines(
  report: Report,
  options: RenderOptions,
  room: number,
  ink: Ink,
): readonly string[] {
  const [first, ...others] = report.profiles ?? [];
  if (first === undefined) return [];
  const all = options.all === true || options.fullStacks === true;
  const makers: readonly (readonly [Part, (most: number) => readonly string[]])[] = [
    ['notes', (most) => headLines(first, most, ink)],
    ['chart', (most) => timeLines(first, most, ink)],
    ['changes', (most) => changeLines(first, most, ink)],
    ['places', (most) => placeLines(first, most, ink)],
    ['measures', (most) => measureLines(first, most, ink)],
    ['path', (most) => pathLines(first, most, ink)],
    ['tree', treeMaker(first, all, ink)],
    ['sites', (most) => siteLines(first, most, ink)],
    ['lines', (most) => sourceLines(first, most, ink)],
    ['cache', (most) => cacheLines(first, most, ink)],
    ['others', (most) => otherLines(others, most, ink)],
  ];
  const made = new Map<Part, readonly string[]>();
  const make = (sizes: Sizes, part?: Part): void => {
    for (const [name, lines] of makers)
      if (part === undefined || part === name) made.set(name, lines(sizes[name]));
  };
  const rows = (): number => {
    let sum = 0;
    for (const lines of made.values()) if (lines.length > 0) sum += rowsOf(lines, ink.columns) + 1;
    return sum;
  };
  make(all ? everything : nothing);
  let sizes = nothing;
  for (const [part, most] of all ? [] : steps) {
    const before = made.get(part) ?? [];
    make({ ...sizes, [part]: most }, part);
    if (rows() > room) made.set(part, before);
    else sizes = { ...sizes, [part]: most };
  }
  return [...made.values()].filter((lines) => lines.length > 0).flatMap((lines) => [...lines, '']);
}

/** What and how much, in which process, what it is made of, what to doubt, and what the tool says of itself. */
function headLines(profile: ReportProfile, most: number, ink: Ink): readonly string[] {
  const { timeline, parts = [], notes, before } = profile;
  const { unit } = primaryMeasure(profile);
  const total = primaryTotal(profile);
  const lines: string[] = [];
  const [head = '', ...rest] = wrap(
    `${clean(profileHeadline(profile))} in ${clean(whoseProfile(profile))}`,
    ink.columns,
  );
  lines.push(ink.bold(head), ...rest.map(ink.bold));
  const peak = highestSnapshot(profile);
  if (timeline !== undefined && peak !== undefined && timeline.series.length > 1) {
    const made = timeline.series.map(
      ({ name, unit: of }, index) => `${clean(name)} ${scaled(peak.values[index] ?? 0, of)}`,
    );
    lines.push(...wrap(made.join(', '), ink.columns - 2).map((line) => `  ${line}`));
  }
  if (before !== undefined) {
    const old = before.totals[profile.primary] ?? Number.NaN;
    const grew = growthPercent(old, total);
    const change = grew === '' ? '' : ` (${grew})`;
    const paint = total > old ? ink.red : ink.green;
    const text = `compared with ${clean(before.name)}: ${scaled(old, unit)} → ${scaled(total, unit)}`;
    lines.push(
      ...wrap(`${text}${change}`, ink.columns - 2).map((line) => `  ${total === old ? line : paint(line)}`),
    );
  }
  const others = before === undefined || most === 0 ? [] : otherGrowth(profile, before);
  if (others.length > 0) lines.push(clip(`  ${others.join(', ')}`, ink.columns));
  const also = otherTotals(profile);
  if (also.length > 0) {
    lines.push(...wrap(`also ${also.join(', ')}`, ink.columns - 2).map((line) => `  ${line}`));
  }
  for (const caveat of caveats(profile)) {
    const [start = '', ...more] = wrap(clean(caveat), ink.columns - 11);
    lines.push(`  ${ink.yellow('caution')}: ${start}`, ...more.map((line) => `${' '.repeat(11)}${line}`));
  }
  const shares = [
    ...threadTexts(profile),
    ...parts.map(({ name, trigger, totals }) => {
      const why = trigger === undefined ? '' : ` (${clean(trigger)})`;
      return `${clean(name)}${why} ${percent(totals[profile.primary] ?? 0, total)}`;
    }),
  ];
  if (most > 0 && shares.length > 1) lines.push(clip(`  ${shares.join(', ')}`, ink.columns));
  const shown = notes.slice(0, most);
  for (const note of shown) lines.push(ink.dim(clip(`  ${clean(note)}`, ink.columns)));
  const left = notes.length - shown.length;
  if (left > 0 && most > 0)
    lines.push(ink.dim(`  … ${grouped(left)} more ${plural(left, 'note')}; --all shows them.`));
  return lines;
}

/** `506 page faults (page-faults)`: the totals of the other measures, where no comparison shows them. */
function otherTotals({ measures, totals, primary, before, timeline }: ReportProfile): readonly string[] {
  if (before !== undefined || timeline !== undefined) return [];
  return measures.flatMap(({ name, title: what, unit }, measure) => {
    const tag = what.toLowerCase().includes(name.toLowerCase()) ? '' : ` (${clean(name)})`;
    // Of many the titles would be most of the screen; what the names mean stands with --all and in the manual.
    const called = measures.length > 4 ? clean(name) : `${clean(what)}${tag}`;
    const total = totals[measure] ?? 0;
    const whole = unit !== 'bytes' && unit !== 'ns' && unit !== 'ms' && total < 1_000_000;
    return measure === primary ? [] : [`${called} ${whole ? exactNumber(total) : scaled(total, unit)}`];
  });
}

/** `data reads 79.1 M (+4.2%)`: the other measures that are not what they were. */
function otherGrowth({ measures, totals, primary }: ReportProfile, before: ProfileBefore): readonly string[] {
  return measures.flatMap(({ title: what, unit }, measure) => {
    const total = totals[measure] ?? 0;
    const grew = growthPercent(before.totals[measure] ?? Number.NaN, total);
    return measure === primary || grew === '' ? [] : [`${clean(what)} ${scaled(total, unit)} (${grew})`];
  });
}

/** Threads and processes that have trees of their own, with their share. */
function threadTexts(profile: ReportProfile): readonly string[] {
  const { trees, timeline, primary } = profile;
  if (timeline !== undefined || trees.length < 2) return [];
  const total = primaryTotal(profile);
  return trees
    .map((tree) => ({ tree, spent: (tree.values[primary] ?? []).reduce((sum, value) => sum + value, 0) }))
    .sort((a, b) => b.spent - a.spent)
    .slice(0, 8)
    .map(({ tree: { name, tid, pid }, spent }) => {
      const who = name === undefined ? `thread ${tid ?? pid ?? '?'}` : clean(name);
      return `${who}${name !== undefined && tid !== undefined ? ` (thread ${tid})` : ''} ${percent(spent, total)}`;
    });
}

function timeLines(profile: ReportProfile, most: number, ink: Ink): readonly string[] {
  const { timeline } = profile;
  if (timeline === undefined || most === 0) return [];
  const peak = highestSnapshot(profile);
  const points = timeline.snapshots.map((snapshot) => ({
    time: snapshot.time,
    value: snapshot.values.reduce((sum, value) => sum + value, 0),
    ...(snapshot === peak
      ? { mark: 'peak' as const }
      : snapshot.tree === undefined
        ? {}
        : { mark: 'tree' as const }),
  }));
  const drawn = chartLines(points, {
    width: Math.min(ink.columns, 160) - 2,
    height: most - 1,
    unit: primaryMeasure(profile).unit,
    clock: timeline.clock,
    paintPeak: ink.red,
    paintAxis: ink.dim,
  });
  if (drawn.length === 0) return [];
  const count = timeline.snapshots.length;
  return [
    clip(
      `${title('OVER TIME', ink)}  ${ink.dim(`${grouped(count)} snapshots: ${chartLegend}`)}`,
      ink.columns,
    ),
    ...drawn.map((line) => `  ${line}`),
  ];
}

function placeLines(profile: ReportProfile, most: number, ink: Ink): readonly string[] {
  const places = withMine(profile, topPlaces(profile, most), most);
  if (places.length === 0) return [];
  const { unit, title: what } = primaryMeasure(profile);
  const total = primaryTotal(profile);
  const blocks = profile.measures.findIndex(
    (measure, index) => measure.unit === 'blocks' && index !== profile.primary,
  );
  const withCalls = places.some(({ inclusive }) => inclusive !== undefined);
  const heads = [
    '',
    'self',
    ...(withCalls ? ['', 'with calls'] : []),
    ...(blocks >= 0 ? ['blocks'] : []),
    ...(places.some(({ calls }) => calls !== undefined) ? ['calls'] : []),
  ];
  const rows = places.map(({ row, self, inclusive, calls, frame }): Row => {
    const cells = [
      percent(self, total),
      scaled(self, unit),
      ...(withCalls ? [percent(inclusive ?? Number.NaN, total), scaled(inclusive ?? Number.NaN, unit)] : []),
      ...(blocks >= 0 ? [grouped(profile.costs.self[blocks]?.[row] ?? 0)] : []),
      ...(heads.includes('calls') ? [calls === undefined ? '' : exactNumber(calls)] : []),
    ];
    return { cells, place: '', mine: frame.owner === 'mine' };
  });
  const width = restWidth(heads, rows, ink);
  const named = rows.map((row, index) => ({
    ...row,
    place: placeText((places[index] as (typeof places)[number]).frame, width),
  }));
  const shown = profile.bySelf.filter(
    (row) => (profile.costs.self[profile.primary]?.[row] ?? 0) !== 0,
  ).length;
  const left = shown - places.length;
  const more = left > 0 ? ink.dim(`  ${grouped(left)} more; --all lists them`) : '';
  return [
    clip(
      `${title('TOP PLACES', ink)}  ${ink.dim(`by ${clean(what)}${peakOnly(profile)}`)}${more}`,
      ink.columns,
    ),
    ...tableLines(heads, named, ink),
  ];
}

/** The places that cost the most by each of the other measures: only where all is asked for. */
function measureLines(profile: ReportProfile, most: number, ink: Ink): readonly string[] {
  const { measures, primary, costs, functions, totals } = profile;
  if (most === 0) return [];
  return measures.flatMap(({ name, title: what, unit }, measure) => {
    const spent = costs.self[measure] ?? [];
    const best = functions
      .map((frame, row) => ({ frame, value: spent[row] ?? 0 }))
      .filter(({ value }) => value > 0)
      .sort((a, b) => b.value - a.value)
      .slice(0, most);
    if (measure === primary || best.length === 0) return [];
    const heads = ['', 'self'];
    const rows = best.map(
      ({ frame, value }): Row => ({
        cells: [percent(value, totals[measure] ?? 0), scaled(value, unit)],
        place: '',
        mine: frame.owner === 'mine',
      }),
    );
    const width = restWidth(heads, rows, ink);
    const named = rows.map((row, index) => ({
      ...row,
      place: placeText((best[index] as (typeof best)[number]).frame, width),
    }));
    return [
      clip(
        `${title('TOP PLACES', ink)}  ${ink.dim(`by ${clean(what)}${name === what ? '' : ` (${clean(name)})`}`)}`,
        ink.columns,
      ),
      ...tableLines(heads, named, ink),
    ];
  });
}

/** Where all that is dear is others' code, one's own that calls it is the last of the rows. */
function withMine(profile: ReportProfile, places: readonly Place[], most: number): readonly Place[] {
  if (most < 3 || places.some(({ frame }) => frame.owner === 'mine')) return places;
  const row = profile.byInclusive.find((each) => profile.functions[each]?.owner === 'mine');
  const mine = row === undefined ? undefined : placeAt(profile, row);
  if (mine === undefined || (mine.inclusive ?? mine.self) <= 0) return places;
  return [...places.slice(0, most - 1), mine];
}

/** Who asks for the most expensive place: up to the start of the program, always the caller that costs the most. */
function pathLines(profile: ReportProfile, most: number, ink: Ink): readonly string[] {
  const [top] = topPlaces(profile, 1);
  // The tree at the peak shows it.
  if (top === undefined || most === 0 || profile.timeline !== undefined) return [];
  const chain = callersOf(profile, top.row);
  if (chain.length === 0) return [];
  const shown = chain.slice(0, 12);
  const links = [
    { frame: top.frame, share: '' },
    ...shown.flatMap(({ row, share }) => {
      const frame = placeAt(profile, row)?.frame;
      return frame === undefined ? [] : [{ frame, share: share > 0.9995 ? '' : ` (${percent(share, 1)})` }];
    }),
  ];
  const words = links.map(({ frame, share }) => {
    const name = clip(clean(shortFrame(frame)), 60);
    return `${frame.owner === 'mine' ? name : ink.dim(name)}${share}`;
  });
  if (chain.length > shown.length) words.push('…');
  const lines: string[] = [];
  let line = '';
  for (const [index, word] of words.entries()) {
    const next = index === 0 ? word : `← ${word}`;
    if (line !== '' && widthOf(line) + 1 + widthOf(next) > ink.columns - 2) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? next : `${line} ${next}`;
  }
  return [
    clip(
      `${title('HOT PATH', ink)}  ${ink.dim('the callers that cost the most, with their share of what was called')}`,
      ink.columns,
    ),
    ...[...lines, line].map((each) => `  ${each}`),
  ];
}

/** Allocation sites with what is special about their blocks. */
function siteLines(profile: ReportProfile, most: number, ink: Ink): readonly string[] {
  const sites = most === 0 ? [] : siteFacts(profile, most);
  if (sites.length === 0) return [];
  const total = primaryTotal(profile);
  const rows = sites.flatMap(({ frame, caller, value, facts }) => {
    const start = `${percent(value, total).padStart(6)}  `;
    const place = `${start}${placeText(frame, ink.columns - 2 - start.length)}`;
    const line = frame.owner === 'mine' ? `${ink.red('>')} ${place}` : `  ${ink.dim(place)}`;
    const called = caller === undefined ? [] : [`${' '.repeat(10)}← ${placeText(caller, ink.columns - 12)}`];
    return [
      line,
      ...called,
      ...wrap(facts.join(' · '), ink.columns - 10).map((each) => `${' '.repeat(10)}${each}`),
    ];
  });
  const left = (profile.sites?.length ?? 0) - sites.length;
  const more = left > 0 ? `  ${grouped(left)} more; --all lists them` : '';
  return [clip(`${title('ALLOCATION SITES', ink)}${ink.dim(more)}`, ink.columns), ...rows];
}

/** Miss rates, and for each who misses the most. */
function cacheLines(profile: ReportProfile, most: number, ink: Ink): readonly string[] {
  const rates = most === 0 ? [] : missRates(profile);
  if (rates.length === 0) return [];
  const { measures, costs, functions } = profile;
  const rows = rates.map((rate) => {
    const columns = rate.measures.map(
      (name) => costs.self[measures.findIndex((each) => each.name === name)] ?? [],
    );
    const missed = (row: number): number => columns.reduce((sum, column) => sum + (column[row] ?? 0), 0);
    let worst = 0;
    for (let row = 1; row < functions.length; row++) if (missed(row) > missed(worst)) worst = row;
    const frame = functions[worst];
    const start = `  ${missText(rate).padEnd(22)}`;
    if (frame === undefined || missed(worst) === 0) return start.trimEnd();
    const share = `${percent(missed(worst), rate.misses)} of them in `;
    const place = placeText(frame, ink.columns - start.length - share.length);
    return clip(`${start}${ink.dim(share)}${frame.owner === 'mine' ? place : ink.dim(place)}`, ink.columns);
  });
  return [title('CACHE', ink), ...rows];
}

/** What grew and what shrank, the largest change first. */
function changeLines(profile: ReportProfile, most: number, ink: Ink): readonly string[] {
  const changes = topChanges(profile, most);
  if (changes.length === 0) return [];
  const { unit, title: what } = primaryMeasure(profile);
  const heads = ['change', '', 'before', 'now'];
  const rows = changes.map(({ frame, before, self }): Row => {
    const grew = self === 0 ? 'gone' : growthPercent(before, self);
    return {
      cells: [signed(self - before, unit), grew, scaled(before, unit), scaled(self, unit)],
      place: '',
      mine: frame.owner === 'mine',
    };
  });
  const width = restWidth(heads, rows, ink);
  const named = rows.map((row, index) => ({
    ...row,
    place: placeText((changes[index] as (typeof changes)[number]).frame, width),
  }));
  return [
    clip(`${title('CHANGES', ink)}  ${ink.dim(`self, by ${clean(what)}${peakOnly(profile)}`)}`, ink.columns),
    ...tableLines(heads, named, ink),
  ];
}

/** The other profiles: how much, where, and what takes the most of it. */
function otherLines(profiles: readonly ReportProfile[], most: number, ink: Ink): readonly string[] {
  if (profiles.length === 0) return [];
  const lines = profiles.slice(0, most).map((profile) => {
    const [top] = topPlaces(profile, 1);
    const share =
      top === undefined
        ? ''
        : `, ${percent(top.self, primaryTotal(profile))} in ${placeText(top.frame, Math.max(20, ink.columns / 2))}`;
    return clip(
      `  ${clean(profileHeadline(profile))} in ${clean(whoseProfile(profile))}${share}`,
      ink.columns,
    );
  });
  const left = profiles.length - lines.length;
  const more =
    left > 0 ? [ink.dim(`  ${grouped(left)} more ${plural(left, 'profile')}; --all lists them.`)] : [];
  return [title('OTHER PROFILES', ink), ...lines, ...more];
}
