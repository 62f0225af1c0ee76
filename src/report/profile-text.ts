// What reports say of a profile in words and numbers: values with units, names of places, totals. Nothing is escaped yet.
import type { AllocationSite, CallTree, Measure, ProfileFrame, Snapshot, Unit } from '../model/profile.ts';
import type { GrowthLimit, ReportProfile, ReportProfileFrame } from '../model/profile-report.ts';
import type { Report } from '../model/report.ts';
import { unitWords } from './html-page/profile-words.ts';
import { grouped, plural } from './terminal-text.ts';

/** A divisor with the word for what is left. */
export interface Scale {
  readonly divisor: number;
  /** ` MiB`, ` M`, ` ms`; empty for plain numbers. */
  readonly suffix: string;
}

const steps = (base: number, ...suffixes: readonly string[]): readonly Scale[] =>
  suffixes.map((suffix, power) => ({ divisor: base ** power, suffix }));

const binary = steps(1024, ' B', ' KiB', ' MiB', ' GiB', ' TiB', ' PiB');
const decimal = steps(1000, '', ' k', ' M', ' G', ' T', ' P');
const seconds = steps(1000, ' ns', ' µs', ' ms', ' s');

/** The scale in which a value has one to four digits before its point. */
export function scaleOf(value: number, unit: Unit): Scale {
  const amount = Math.abs(unit === 'ms' ? value * 1e6 : value);
  const all = unit === 'bytes' ? binary : unit === 'ns' || unit === 'ms' ? seconds : decimal;
  const [first] = all as readonly [Scale];
  const found = all.findLast(({ divisor }) => amount >= divisor) ?? first;
  return unit === 'ms' ? { ...found, divisor: found.divisor / 1e6 } : found;
}

/** Three digits or more: `12.8`, `1.28`, `1023`. Whole numbers stay whole where nothing was divided. */
export function inScale(value: number, { divisor }: Scale): string {
  const left = value / divisor;
  if (divisor === 1 && Number.isInteger(value)) return grouped(value);
  const size = Math.abs(left);
  return left.toFixed(size === 0 || size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** `12.8 MiB`, `283 M`, `343 ms`: for tables. What is not known is `?`. */
export function scaled(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return '?';
  const scale = scaleOf(value, unit);
  return `${inScale(value, scale)}${scale.suffix}`;
}

/** The unit as a word: `bytes`, `1 byte`. */
export function unitWord(value: number, unit: Unit): string {
  return unit === 'ns' || unit === 'ms' ? unitWords[unit] : plural(value, unitWords[unit]);
}

/** `13,452,204 bytes`: where people want it exact. */
export function exact(value: number, unit: Unit): string {
  return Number.isFinite(value) ? `${exactNumber(value)} ${unitWord(value, unit)}` : 'not known';
}

/** `13,452,204`; at most three digits after the point. */
export function exactNumber(value: number): string {
  if (!Number.isFinite(value)) return '?';
  const [whole = '', fraction] = String(Number.isInteger(value) ? value : Number(value.toFixed(3))).split(
    '.',
  );
  return fraction === undefined ? grouped(Number(whole)) : `${grouped(Number(whole))}.${fraction}`;
}

/** `25.1 Minstr`, `1.2 s`: a point of a time line. */
export function clockText(time: number, unit: Unit): string {
  if (unit !== 'instructions') return scaled(time, unit);
  const scale = scaleOf(time, unit);
  return `${inScale(time, scale)} ${scale.suffix.trim()}instr`;
}

/** `70.3%`; what is less than a thousandth but not nothing is `<0.1%`. Empty where the whole is nothing. */
export function percent(part: number, whole: number): string {
  if (whole === 0 || !Number.isFinite(part) || !Number.isFinite(whole)) return '';
  const share = (100 * part) / whole;
  return share !== 0 && Math.abs(share) < 0.1 ? '<0.1%' : `${share.toFixed(1)}%`;
}

/** `+10.3%`, `-3.0%`; `new` when there was nothing before, empty when nothing changed or it is not known. */
export function growthPercent(before: number, after: number): string {
  if (before === after || !Number.isFinite(before) || !Number.isFinite(after)) return '';
  if (before === 0) return 'new';
  const share = (100 * (after - before)) / Math.abs(before);
  const sign = share > 0 ? '+' : '-';
  const size = Math.abs(share);
  return size < 0.1
    ? `${sign}<0.1%`
    : `${sign}${size >= 10_000 ? grouped(Math.round(size)) : size.toFixed(1)}%`;
}

/** `+1.2 MiB`, `-3 k`. */
export function signed(difference: number, unit: Unit): string {
  const text = scaled(Math.abs(difference), unit);
  return difference < 0 ? `-${text}` : `+${text}`;
}

/** The last part of a path. (The page in the browser uses this file too: there is no node:path.) */
function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** What a place is called: its function, the tool's own sum, its object, its address. */
export function frameName({ function: name, sum, object, ip }: ProfileFrame): string {
  if (name !== undefined) return name;
  if (sum !== undefined) return sum;
  if (object !== undefined) return `??? in ${baseName(object)}`;
  return ip ?? '???';
}

/**
 * A C++ name without the arguments of its templates and without those of the function:
 * `std::vector<…>::push_back(…)`. A name that does not close what it opens stays as it is.
 */
export function shortName(name: string): string {
  // What is so long is no name that anyone wrote; and what follows looks at each character.
  if (name.length > 4000) return name;
  let short = '';
  let depth = 0;
  let opened = 0;
  for (let at = 0; at < name.length; at++) {
    const character = name[at] as string;
    if (depth === 0 && (character === '<' || character === '(')) {
      // `operator<`, `operator<<`, `operator()`, `operator->`
      const operator = /operator(?:<=>|<<?=?|\(\)|->\*?)/y;
      operator.lastIndex = short.endsWith('operator') ? at - 8 : name.length;
      const [spelled] = operator.exec(name) ?? [];
      if (spelled !== undefined) {
        short += spelled.slice(8);
        at += spelled.length - 9;
        continue;
      }
      depth = 1;
      opened = at;
    } else if (depth > 0) {
      if (character === '<' || character === '(') depth++;
      // The arrow of `decltype(a->b)` closes nothing.
      else if (character === ')' || (character === '>' && name[at - 1] !== '-')) depth--;
      if (depth === 0) {
        const inside = name.slice(opened + 1, at);
        const kept = inside === '' || /^(?:anonymous namespace|below main)$/.test(inside);
        short += `${name[opened]}${kept ? inside : '…'}${character}`;
      }
    } else short += character;
  }
  return depth === 0 ? short : name;
}

/** What a place is called, as everywhere in a report: `main()`; C++ names bring their own parentheses. */
export function calledFrame(frame: ProfileFrame): string {
  return withParentheses(frame, frameName(frame));
}

/** The same without the arguments of a C++ name. */
export function shortFrame(frame: ProfileFrame): string {
  return withParentheses(frame, shortName(frameName(frame)));
}

function withParentheses({ function: name }: ProfileFrame, text: string): string {
  return name === undefined || text.endsWith(')') || text.endsWith('>') ? text : `${text}()`;
}

/** `src/table.cpp:44`; without a source the base name of the object. */
export function frameSource({ function: name, path, line, object, sum }: ReportProfileFrame): string {
  if (sum !== undefined) return '';
  if (path !== undefined) return line === undefined || line <= 0 ? path : `${path}:${line}`;
  // Without a name, what the place is called names the object already.
  return object === undefined || name === undefined ? '' : baseName(object);
}

/** The measure by which a reader looks first. A profile of no measures has none that says anything. */
export function primaryMeasure({ measures, primary }: ReportProfile): Measure {
  return measures[primary] ?? { name: 'value', title: 'value', unit: 'events' };
}

/** The total of the primary measure. */
export function primaryTotal({ totals, primary }: ReportProfile): number {
  return totals[primary] ?? 0;
}

/** All that a snapshot holds, over the series. */
export function snapshotTotal({ values }: Snapshot): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** The snapshot whose calls are told: the one that the tool marks as its peak, else the largest. */
export function peakSnapshot(profile: ReportProfile): Snapshot | undefined {
  return profile.timeline?.snapshots.find(({ kind }) => kind === 'peak') ?? highestSnapshot(profile);
}

/**
 * The snapshot that the totals are of: the largest, and of equal ones the marked peak. massif takes a snapshot for a new
 * peak only where it is higher by 1 % (--peak-inaccuracy), so another one may be larger than the marked one.
 */
export function highestSnapshot({ timeline }: ReportProfile): Snapshot | undefined {
  let highest: Snapshot | undefined;
  for (const one of timeline?.snapshots ?? []) {
    const more = highest === undefined ? 1 : snapshotTotal(one) - snapshotTotal(highest);
    if (more > 0 || (more === 0 && one.kind === 'peak')) highest = one;
  }
  return highest;
}

/** What is to be known where the calls that are told are not those of the highest point. */
function peakCaveat(profile: ReportProfile): string | undefined {
  const [told, highest] = [peakSnapshot(profile), highestSnapshot(profile)];
  if (told === undefined || highest === undefined || snapshotTotal(told) === snapshotTotal(highest)) {
    return undefined;
  }
  const { unit } = primaryMeasure(profile);
  const [less, most] = [exact(snapshotTotal(told), unit), exact(snapshotTotal(highest), unit)];
  return `the calls are those of snapshot ${told.number}, which ${profile.format} marks as the peak (${less}); the highest point is snapshot ${highest.number} (${most})`;
}

/**
 * The trees whose values add up to the profile: all, but of a time line only that of the peak, because snapshots tell
 * of the same bytes again and again. A peak without a tree of its own is told by the largest that has one.
 */
export function countedTrees(profile: ReportProfile): readonly CallTree[] {
  const { timeline, trees } = profile;
  if (timeline === undefined) return trees;
  const drawn = timeline.snapshots.filter(({ tree }) => tree !== undefined);
  let best: Snapshot | undefined;
  for (const one of drawn) {
    const better = best === undefined || snapshotTotal(one) > snapshotTotal(best);
    if (one.kind === 'peak') {
      best = one;
      break;
    }
    if (better) best = one;
  }
  const tree = best?.tree === undefined ? undefined : trees[best.tree];
  return tree === undefined ? [] : [tree];
}

/** `build/words (101)`; several processes that were added up are counted. */
export function whoseProfile({ program, pid, images }: ReportProfile): string {
  const name = program === '' ? 'unknown program' : program;
  const who = pid > 0 ? `${name} (${pid})` : name;
  return images.length > 1 ? `${who}, ${grouped(images.length)} profiles added up` : who;
}

/**
 * What was measured, and how much: `massif: peak 12.8 MiB (13,452,204 bytes) at 25.1 Minstr of 41.0 Minstr`,
 * `callgrind: 282,609,504 instructions executed (Ir)`.
 */
export function profileHeadline(profile: ReportProfile): string {
  const { format, timeline } = profile;
  const { unit, title, name } = primaryMeasure(profile);
  const total = primaryTotal(profile);
  if (total === 0 && profile.functions.length === 0)
    return `${format}: nothing was spent, the profile is empty`;
  const peak = highestSnapshot(profile);
  if (timeline !== undefined && peak !== undefined) {
    const end = timeline.snapshots.reduce((latest, { time }) => Math.max(latest, time), 0);
    const passed = timeline.clock === 'bytes' ? ' allocated and freed' : '';
    const at = `at ${clockText(peak.time, timeline.clock)} of ${clockText(end, timeline.clock)}${passed}`;
    return `${format}: peak ${scaled(total, unit)} (${exact(total, unit)}) ${at}`;
  }
  return `${format}: ${amountOf(total, { unit, title, name })}`;
}

/** `282,609,504 instructions executed (Ir)`, `2.02 s CPU time (cpu-clock)`, `34,383,878 bytes allocated`. */
function amountOf(total: number, { unit, title, name }: Measure): string {
  const rest = title.toLowerCase().startsWith(unitWords[unit])
    ? title.slice(unitWords[unit].length)
    : undefined;
  const tagged =
    name === title || name === unitWords[unit] || name === `${unitWords[unit]}s` ? '' : ` (${name})`;
  if (unit === 'bytes') {
    const said = rest === undefined ? ` of ${title}` : rest.replace(/^s(?= |$)/, '');
    return `${scaled(total, unit)} (${exact(total, unit)})${said}`;
  }
  if (unit === 'ns' || unit === 'ms') return `${scaled(total, unit)} ${title}${tagged}`;
  return `${exactNumber(total)} ${title}${tagged}`;
}

/** A measure with its value, as a line of a list: `L1 data read misses: 7,101,009`. */
export function totalText({ title, name, unit }: Measure, total: number): string {
  const told = unit === 'bytes' || unit === 'ns' || unit === 'ms' ? ` (${scaled(total, unit)})` : '';
  const tag = name === title ? '' : ` (${name})`;
  return `${title}${tag}: ${exact(total, unit)}${told}`;
}

/** A rate of misses, as valgrind's own summaries define it. */
export interface MissRate {
  readonly title: string;
  readonly misses: number;
  readonly of: number;
  /** Names of the measures that are the misses. */
  readonly measures: readonly string[];
}

// cg_annotate and callgrind print these at the end of a run: manual, chapter 5 (Cachegrind), "Output summary".
const rates: readonly (readonly [string, misses: readonly string[], of: readonly string[]])[] = [
  ['I1 miss rate', ['I1mr'], ['Ir']],
  ['D1 miss rate', ['D1mr', 'D1mw'], ['Dr', 'Dw']],
  ['LL miss rate', ['ILmr', 'DLmr', 'DLmw'], ['Ir', 'Dr', 'Dw']],
  ['branch mispredict rate', ['Bcm', 'Bim'], ['Bc', 'Bi']],
];

/** Miss rates of caches and branches, for which all of their measures were counted. */
export function missRates({ measures, totals }: ReportProfile): readonly MissRate[] {
  const sum = (names: readonly string[]): number => {
    let all = 0;
    for (const name of names) all += totals[measures.findIndex((each) => each.name === name)] ?? Number.NaN;
    return all;
  };
  return rates.flatMap(([title, missed, of]) => {
    const rate = { title, misses: sum(missed), of: sum(of), measures: missed };
    return Number.isFinite(rate.misses) && rate.of > 0 ? [rate] : [];
  });
}

/** `D1 miss rate 8.3%`. */
export function missText({ title, misses, of }: MissRate): string {
  const share = (100 * misses) / of;
  return `${title} ${share > 0 && share < 0.01 ? '<0.01' : share.toFixed(2)}%`;
}

/** Why its trees are only likely ones. Half a sentence for each reason. */
export function treeCaveats({ trees }: ReportProfile): readonly string[] {
  const guessed = new Set(trees.flatMap(({ inferred }) => (inferred === undefined ? [] : [inferred])));
  return [...guessed].map((why) => `the call tree is a likely one only: ${why}`);
}

/**
 * Why a profile is less than it looks: not whole, guessed, counted anew. Half sentences. What is to be said of its trees
 * is said where they are shown.
 */
export function caveats(profile: ReportProfile): readonly string[] {
  const { complete, before, edgesInferred, totals, stated, measures } = profile;
  const told: string[] = [];
  if (!complete) told.push('the profile is not whole: there may be more than it says');
  if (before?.complete === false) {
    told.push('what it is compared with is not whole: it may have spent more than it says');
  }
  const peak = peakCaveat(profile);
  if (peak !== undefined) told.push(peak);
  if (edgesInferred !== undefined) told.push(`who called whom for how much is a guess: ${edgesInferred}`);
  for (const [index, said] of (stated ?? []).entries()) {
    const read = totals[index];
    const measure = measures[index];
    if (said === undefined || said === null || read === undefined || measure === undefined) continue;
    if (Math.abs(said - read) <= Math.abs(said) * 1e-9) continue;
    told.push(
      `the tool says ${exact(said, measure.unit)} of ${measure.title}, and its places come to ${exactNumber(read)}`,
    );
  }
  return told;
}

/** `Ir: 256,190,589 before, 282,609,504 now (+10.3%); at most 5% is allowed`. */
export function growthText({ measure, title, most, before, after, allowed }: GrowthLimit): string {
  const by = growthPercent(before, after);
  const grew = by === '' || by === 'new' ? '' : ` (${by})`;
  const name = title === measure ? measure : `${title} (${measure})`;
  return `${name}: ${exactNumber(before)} before, ${exactNumber(after)} now${grew}; --max-growth ${most} allows ${exactNumber(allowed)}`;
}

/** All `--max-growth` that were asked for. */
export function growthLimits({ gate }: Report): readonly GrowthLimit[] {
  return gate?.growth ?? [];
}

/** Each `--max-growth` that was exceeded, a sentence. */
export function exceededGrowth(report: Report): readonly string[] {
  return growthLimits(report)
    .filter(({ exceeded }) => exceeded)
    .map(growthText);
}

/** A place of a table: row of `functions` and what it costs by the primary measure. */
export interface Place {
  readonly row: number;
  readonly frame: ReportProfileFrame;
  readonly self: number;
  /** Missing where the format has no calls. */
  readonly inclusive?: number;
  /** Missing where not known. */
  readonly calls?: number;
}

/** The most expensive places by self cost; none that cost nothing. */
export function topPlaces(profile: ReportProfile, most: number): readonly Place[] {
  return profile.bySelf
    .slice(0, most)
    .map((row) => placeAt(profile, row))
    .filter((place): place is Place => place !== undefined && place.self !== 0);
}

/** One function with its costs. */
export function placeAt({ functions, costs, primary }: ReportProfile, row: number): Place | undefined {
  const frame = functions[row];
  if (frame === undefined) return undefined;
  const inclusive = costs.inclusive?.[primary]?.[row];
  const calls = costs.calls?.[row];
  return {
    row,
    frame,
    self: costs.self[primary]?.[row] ?? 0,
    ...(inclusive !== undefined && { inclusive }),
    // Counts of a tree are zeros, which say nothing.
    ...(calls !== undefined && calls !== null && Number.isFinite(calls) && calls > 0 && { calls }),
  };
}

/** What a function spent before and spends now. */
export interface Change extends Place {
  readonly before: number;
}

/** The functions whose self cost changed the most against `before`, the largest change first. */
export function topChanges(profile: ReportProfile, most: number): readonly Change[] {
  const { before, primary } = profile;
  const old = before?.costs.self[primary] ?? [];
  const changes: Change[] = [];
  for (const row of before?.bySelfChange ?? []) {
    const place = placeAt(profile, row);
    const was = old[row] ?? 0;
    // They come falling: all that follow are as they were.
    if (changes.length === most || place === undefined || place.self === was) break;
    changes.push({ ...place, before: was });
  }
  return changes;
}

/** A caller, and its share of what was spent for all callers of the one before it. */
export interface Caller {
  readonly row: number;
  readonly share: number;
}

/** Longest chain that is of use; a graph can have cycles and be as long as it likes. */
const mostCallers = 40;

/** From a function up: of each the caller for whom most was spent, until there is none that was not there before. */
export function callersOf({ edges, primary }: ReportProfile, row: number): readonly Caller[] {
  if (edges === undefined) return [];
  const values = edges.values[primary] ?? [];
  const chain: Caller[] = [];
  const seen = new Set([row]);
  let at = row;
  while (chain.length < mostCallers) {
    const spent = new Map<number, number>();
    let whole = 0;
    for (let edge = 0; edge < edges.callees.length; edge++) {
      const caller = edges.callers[edge] as number;
      if (edges.callees[edge] !== at || caller === at) continue;
      const value = values[edge] ?? 0;
      whole += value;
      spent.set(caller, (spent.get(caller) ?? 0) + value);
    }
    let best: number | undefined;
    for (const [caller, value] of spent) {
      if (!seen.has(caller) && value > (best === undefined ? 0 : (spent.get(best) ?? 0))) best = caller;
    }
    if (best === undefined) return chain;
    chain.push({ row: best, share: whole === 0 ? 0 : (spent.get(best) ?? 0) / whole });
    seen.add(best);
    at = best;
  }
  return chain;
}

/** One allocation site: where, and what is true of its blocks by the numbers alone. */
export interface SiteFacts {
  readonly node: number;
  readonly frame: ReportProfileFrame;
  /** The nearest caller that is mine, when the site itself is not. */
  readonly caller?: ReportProfileFrame;
  readonly value: number;
  /** `never read`, `lives for 312 instructions on average`. */
  readonly facts: readonly string[];
}

/** The most expensive allocation sites with what is special about them. */
export function siteFacts(profile: ReportProfile, most: number): readonly SiteFacts[] {
  const { sites = [], trees, frames, measures, primary, totals } = profile;
  const [tree] = trees;
  if (tree === undefined) return [];
  const column = (unit: Unit, title: RegExp): readonly number[] | undefined => {
    const found = measures.findIndex((each) => each.unit === unit && title.test(each.title));
    return found < 0 ? undefined : tree.values[found];
  };
  const bytes = tree.values[measures.findIndex(({ unit }) => unit === 'bytes')];
  const blocks = tree.values[measures.findIndex(({ unit }) => unit === 'blocks')];
  const reads = column('bytes', /\bread\b|\breads\b/i);
  const writes = column('bytes', /\bwritten\b|\bwrites?\b/i);
  const atEnd = column('bytes', /\bend\b|\bexit\b/i);
  const value = (node: number): number => tree.values[primary]?.[node] ?? 0;
  // Where nothing at all was read, reads were not measured.
  const measured =
    reads !== undefined &&
    writes !== undefined &&
    totals.length > 0 &&
    (reads.some((each) => each > 0) || writes.some((each) => each > 0));
  const factsOf = (site: AllocationSite): readonly string[] => {
    const facts: string[] = [];
    const count = blocks?.[site.node] ?? 0;
    const size = bytes?.[site.node] ?? 0;
    if (count > 0) facts.push(`${exact(count, 'blocks')} of ${scaled(size / count, 'bytes')}`);
    if (site.lifetimes !== undefined && count > 0) {
      facts.push(`lives ${clockText(Math.round(site.lifetimes / count), 'instructions')}`);
    }
    if (measured && size > 0) {
      const [read, written] = [reads[site.node] ?? 0, writes[site.node] ?? 0];
      if (read === 0 && written === 0) facts.push('never accessed');
      else if (read === 0) facts.push('never read');
      else if (written === 0) facts.push('never written');
      else if (read + written < size) {
        facts.push(`accessed only ${((read + written) / size).toFixed(2)} times a byte`);
      }
    }
    const unused = unusedBytes(site.accesses);
    if (unused > 0)
      facts.push(`${grouped(unused)} of ${grouped(site.accesses?.length ?? 0)} bytes never used`);
    const left = atEnd?.[site.node] ?? 0;
    if (left > 0) facts.push(`${scaled(left, 'bytes')} not freed`);
    return facts;
  };
  // Without words: of all sites it is asked, and only of some is it told.
  const isOdd = (site: AllocationSite): boolean => {
    const size = bytes?.[site.node] ?? 0;
    if (measured && size > 0) {
      const [read, written] = [reads[site.node] ?? 0, writes[site.node] ?? 0];
      if (read === 0 || written === 0 || read + written < size) return true;
    }
    return (atEnd?.[site.node] ?? 0) > 0 || unusedBytes(site.accesses) > 0;
  };
  // What is odd about a cheap site may be worth more than that the dear ones are dear.
  const costOf = (site: AllocationSite): number => value(site.node);
  const dear = dearestSites(sites, Math.ceil(most / 2), costOf);
  const chosen = new Set(dear);
  for (const odd of [true, false]) {
    const fits = (site: AllocationSite): boolean => isOdd(site) === odd && !chosen.has(site);
    for (const site of dearestSites(sites, most - chosen.size, costOf, fits)) chosen.add(site);
  }
  return dearestSites([...chosen], most, costOf).flatMap((site) => {
    const frame = frames[tree.frames[site.node] ?? -1];
    if (frame === undefined) return [];
    const caller = frame.owner === 'mine' ? undefined : mineAbove(profile, tree, site.node);
    return [
      {
        node: site.node,
        frame,
        ...(caller && { caller }),
        value: value(site.node),
        facts: factsOf(site),
      },
    ];
  });
}

/** The first of the sites by falling cost: there can be hundreds of thousands, of which a handful is shown. */
function dearestSites(
  sites: readonly AllocationSite[],
  most: number,
  costOf: (site: AllocationSite) => number,
  fits: (site: AllocationSite) => boolean = () => true,
): readonly AllocationSite[] {
  const dearest: AllocationSite[] = [];
  const comesAfter = (a: AllocationSite, b: AllocationSite): boolean =>
    costOf(a) === costOf(b) ? a.node > b.node : costOf(a) < costOf(b);
  for (const site of most > 0 ? sites : []) {
    const last = dearest.length < most ? undefined : dearest[most - 1];
    if ((last !== undefined && !comesAfter(last, site)) || !fits(site)) continue;
    let at = dearest.length;
    while (at > 0 && comesAfter(dearest[at - 1] as AllocationSite, site)) at--;
    dearest.splice(at, 0, site);
    if (dearest.length > most) dearest.pop();
  }
  return dearest;
}

function mineAbove({ frames }: ReportProfile, { parents, frames: rows }: CallTree, node: number) {
  for (let at = parents[node] ?? -1; at >= 0; at = parents[at] as number) {
    const frame = frames[rows[at] as number];
    if (frame?.owner === 'mine') return frame;
  }
  return undefined;
}

/** Bytes of a block that no access touched, where the others were touched. */
function unusedBytes(accesses: readonly number[] | undefined): number {
  if (accesses === undefined || accesses.every((count) => count === 0)) return 0;
  return accesses.filter((count) => count === 0).length;
}
