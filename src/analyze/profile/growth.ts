// `--max-growth`: by how much what a program spends may grow against an earlier profile.
import { UserError } from '../../errors.ts';
import type { Measure, Unit } from '../../model/profile.ts';
import type { GrowthLimit, ReportProfile } from '../../model/profile-report.ts';
import { nearest } from '../../model/spelling.ts';
import { readAmount } from '../amount.ts';
import {
  type ComparedProfiles,
  type MatchedProfiles,
  measureLike,
  type ProfilePair,
  unlikeMeasures,
} from './compare.ts';

/** One limit as the user wrote it. */
export interface GrowthRule {
  /** Name of a measure, `peak` or `all`; case does not matter. */
  readonly measure: string;
  /** `5%`, `4KiB`, `1000`. */
  readonly most: string;
  /** In thousandths of a percent where `percent` says so. */
  readonly amount: number;
  readonly percent: boolean;
  /** The amount has a unit of bytes. */
  readonly bytes: boolean;
}

/** What became of the rules. */
export interface Growth {
  readonly limits: readonly GrowthLimit[];
  /** Whole sentences: what could not be judged, and so keeps the run from being clean. */
  readonly unjudged: readonly string[];
}

// `Ir=5%`, `bytes=4KiB`; an event of perf may have commas and equals signs itself: `cpu/event=0x3c,umask=0x0/=5%`
const item = /([^\0]+?)=(\d{1,15}(?:\.\d{1,3})? ?(?:%|[A-Za-z]{1,3})?) *(?:,|$)/y;

/** No command line has more. */
const longest = 4000;

/**
 * Reads `--max-growth`: `Ir=5%,bytes=4KiB,all=0`.
 *
 * @throws UserError (125) for what is no limit, and for two of one measure: one of them would silently not count. Which measures there are only the profiles tell.
 */
export function readGrowth(text: string): readonly GrowthRule[] {
  const rules = new Map<string, GrowthRule>();
  const wrong = (): UserError =>
    new UserError(
      `--max-growth cannot be "${text.slice(0, 80)}"`,
      'it takes measures and how much each may grow: Ir=5%, bytes=4KiB, Ir=1000, all=0',
    );
  if (text === '' || text.length > longest) throw wrong();
  item.lastIndex = 0;
  for (let at = 0; at < text.length; at = item.lastIndex) {
    item.lastIndex = at;
    const [, name = '', most = ''] = item.exec(text) ?? [];
    const measure = name.trim();
    const percent = most.endsWith('%');
    // Thousandths, so that 5% of a round number is exact.
    const amount = percent ? Math.round(Number(most.slice(0, -1)) * 1000) : readAmount(most);
    // Only an event of perf has them in its name, and then slashes too.
    const isName = measure !== '' && (!/[=,]/.test(measure) || measure.includes('/'));
    if (!isName || amount === undefined) throw wrong();
    if (rules.has(measure.toLowerCase())) {
      throw new UserError(
        `--max-growth names "${measure.slice(0, 80)}" twice`,
        'a measure has one limit: leave one of them out',
      );
    }
    const bytes = !percent && /[a-z]/i.test(most);
    rules.set(measure.toLowerCase(), { measure, most, amount, percent, bytes });
  }
  return [...rules.values()];
}

/** Why nothing can be compared: a sentence. */
export function nothingCompared(reason: string): Growth {
  return { limits: [], unjudged: [reason] };
}

/**
 * Settles the limits. A measure is summed over all processes of the programs that both sides have; where one of them has
 * more processes than before, what these spend has grown from nothing. `peak` is the highest point of time lines, `all`
 * every measure that both sides have and no other rule names.
 *
 * @param name what is compared with, as the user named it.
 * @param whole false when that was not seen whole.
 */
export function settleGrowth(
  rules: readonly GrowthRule[],
  { matched, onlyAfter, onlyBefore }: ComparedProfiles,
  { name, whole }: { readonly name: string; readonly whole: boolean },
): Growth {
  const pairs = matched.flatMap((group) => group.pairs);
  if (pairs.length === 0) {
    return nothingCompared(
      onlyAfter.length === 0
        ? 'There is no profile: --max-growth has nothing to judge.'
        : onlyBefore.length === 0
          ? `There is no profile in ${name}: --max-growth has nothing to compare with.`
          : (unlike(onlyAfter, onlyBefore, name) ??
            `No profile in ${name} is of the same program and kind: --max-growth has nothing to compare with.`),
    );
  }
  const limits: GrowthLimit[] = [];
  const unjudged: string[] = [];
  const strange = unlike(onlyAfter, onlyBefore, name);
  if (strange !== undefined) unjudged.push(strange);
  if (!whole || pairs.some(({ before }) => !before.complete)) {
    unjudged.push(`${name} was not seen whole: growth against it cannot be judged.`);
  }
  const named = new Set(rules.map(({ measure }) => measure.toLowerCase()));
  for (const rule of rules) {
    const word = rule.measure.toLowerCase();
    const found =
      word === 'all'
        ? commonMeasures(pairs).filter((measure) => !named.has(measure.name.toLowerCase()))
        : [measureOf(word, pairs)];
    for (const measure of found) {
      const settled =
        measure === undefined
          ? missingSentence(rule.measure, matched, name)
          : limitOf(rule, measure, sumOf(matched, measure, word), name);
      if (typeof settled === 'string') unjudged.push(settled);
      else limits.push(settled);
    }
    if (word === 'all' && commonMeasures(pairs).length === 0) {
      unjudged.push(`This run and ${name} measured nothing alike: --max-growth has nothing to compare.`);
    }
  }
  return { limits, unjudged };
}

/** `Ir grew from 1,000 to 1,100 (+10 %); --max-growth allows 5%.` */
export function growthSentence({ measure, title, most, before, after }: GrowthLimit): string {
  const subject = measure === 'peak' ? `The ${title}` : measure;
  // `5%`: enough digits that it shows by how much it is too much.
  const limit = most.endsWith('%') ? Number(most.slice(0, -1)) : 0;
  const percent = ((after - before) / before) * 100;
  const digits = [1, 2, 3, 4].find((count) => Number(percent.toFixed(count)) > limit) ?? 5;
  const ratio = before > 0 ? ` (+${grouped(Number(percent.toFixed(digits)))} %)` : '';
  return `${subject} grew from ${grouped(before)} to ${grouped(after)}${ratio}; --max-growth allows ${most}.`;
}

function grouped(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 5 });
}

/** What every program spends that ran at all: nothing of it means that nobody counted. */
const alwaysSpent: ReadonlySet<Unit> = new Set(['instructions', 'cycles', 'samples', 'ns', 'ms']);

function limitOf(
  { measure: word, most, amount, percent, bytes }: GrowthRule,
  measure: Measure,
  { before, after }: { readonly before: number; readonly after: number },
  name: string,
): GrowthLimit | string {
  if (bytes && measure.unit !== 'bytes') {
    return `${measure.name} counts ${measure.unit}, not bytes: --max-growth=${word}=${most} says nothing.`;
  }
  if (alwaysSpent.has(measure.unit) && (before === 0) !== (after === 0)) {
    const [none, some] = after === 0 ? ['this run', name] : [name, 'this run'];
    return `${measure.name} is 0 in ${none} and ${grouped(before + after)} in ${some}: one of them was not measured, so --max-growth cannot compare them.`;
  }
  const limit = before + (percent ? (before * amount) / 100_000 : amount);
  // What is counted has no fractions; what is timed may.
  const allowed = Number.isInteger(before) && Number.isInteger(after) ? Math.floor(limit) : limit;
  const peak = word.toLowerCase() === 'peak';
  return {
    measure: peak ? 'peak' : measure.name,
    title: peak ? `peak of ${measure.title}` : measure.title,
    most,
    allowed,
    before,
    after,
    exceeded: after > allowed,
  };
}

/** The measure of that name which both sides of a pair have. */
function measureOf(word: string, pairs: readonly ProfilePair[]): Measure | undefined {
  if (word !== 'peak') return commonMeasures(pairs).find(({ name }) => name.toLowerCase() === word);
  const ofTime = pairs.find(
    ({ after, before }) => after.timeline !== undefined && before.timeline !== undefined,
  );
  return ofTime?.after.measures[ofTime.after.primary];
}

function commonMeasures(pairs: readonly ProfilePair[]): readonly Measure[] {
  const common = new Map<string, Measure>();
  for (const { after, before } of pairs) {
    for (const measure of after.measures) {
      if (measureLike(before, measure) >= 0) common.set(measure.name, measure);
    }
  }
  return [...common.values()];
}

function sumOf(
  matched: readonly MatchedProfiles[],
  measure: Measure,
  word: string,
): { readonly before: number; readonly after: number } {
  let [before, after] = [0, 0];
  const counts = (profile: ReportProfile): boolean => word !== 'peak' || profile.timeline !== undefined;
  for (const { pairs, more } of matched) {
    const both = pairs.filter((pair) =>
      [pair.after, pair.before].every((side) => counts(side) && totalOf(side, measure) !== undefined),
    );
    if (both.length === 0) continue;
    for (const pair of both) {
      before += totalOf(pair.before, measure) ?? 0;
      after += totalOf(pair.after, measure) ?? 0;
    }
    for (const profile of more) if (counts(profile)) after += totalOf(profile, measure) ?? 0;
  }
  return { before, after };
}

function totalOf(profile: ReportProfile, wanted: Measure): number | undefined {
  return profile.totals[measureLike(profile, wanted)];
}

/** Profiles of one program and format that count different things under one name: pages, and bytes of the heap. */
function unlike(
  onlyAfter: readonly ReportProfile[],
  onlyBefore: readonly ReportProfile[],
  name: string,
): string | undefined {
  const [one] = unlikeMeasures(onlyAfter, onlyBefore);
  return (
    one &&
    `"${one.after.name}" is ${one.after.title} here and ${one.before.title} in ${name}: --max-growth cannot compare them.`
  );
}

/** Says which measures there are, so that a misspelt one is never green. */
function missingSentence(word: string, matched: readonly MatchedProfiles[], name: string): string {
  const pairs = matched.flatMap((group) => group.pairs);
  const namesOf = (side: 'after' | 'before'): readonly string[] => [
    ...new Set(pairs.flatMap((pair) => pair[side].measures.map((measure) => measure.name))),
  ];
  const common = commonMeasures(pairs).map((measure) => measure.name);
  const has = (names: readonly string[]): boolean =>
    names.some((each) => each.toLowerCase() === word.toLowerCase());
  const [now, then] = [has(namesOf('after')), has(namesOf('before'))];
  const differing = unlikeMeasures(
    pairs.map(({ after }) => after),
    pairs.map(({ before }) => before),
  ).find(({ after }) => after.name.toLowerCase() === word.toLowerCase());
  if (differing !== undefined) {
    const { after, before } = differing;
    return `"${after.name}" is ${after.title} here and ${before.title} in ${name}: --max-growth cannot compare them.`;
  }
  const who = now
    ? `${name} has no "${word}"`
    : then
      ? `This run has no "${word}"`
      : `There is no "${word}" here`;
  const guess = nearest(word, common);
  const choices = common.length === 0 ? 'nothing' : common.join(', ');
  return `${who}: --max-growth can compare ${choices}${guess === undefined ? '' : ` (did you mean ${guess}?)`}.`;
}
