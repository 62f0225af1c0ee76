// Compares findings with those that were known before: which are new, which cost another amount, which are gone.
import { posix } from 'node:path';
import type { ReportProfile } from '../model/profile-report.ts';
import type { BaselineEntry, Comparison, Cost, Finding, Report, Standing } from '../model/report.ts';
import { fingerprintOf } from './fingerprint.ts';
import { leakKindOf } from './leak-policy.ts';
import { facesOf } from './witnesses.ts';

/*
 * The rule (docs/identity.md tells it to users):
 *
 * 1. A finding is known when its fingerprint is. Places of one function are numbered in the order of their lines, so
 *    when their number has changed, the two sequences are laid side by side, order kept, such that as many as
 *    possible have the cost that they had: what is left over is new, or gone.
 * 2. What is left on both sides is known again by its outline, which has no file names: a file was renamed, or a
 *    compiler inlines otherwise. Only where both sides have the same number with one outline; anything else is a guess,
 *    and a guess must not hide a finding.
 *
 * A finding with witnesses is known when one of them is: a baseline that was made with one instrument knows the defect
 * when two see it. It has an entry for each, so that either alone finds it again.
 */

/** What the findings are compared with. */
export interface Known {
  /** As the user named it. */
  readonly name: string;
  readonly entries: readonly BaselineEntry[];
  /** False for a run or log that was not seen whole: what is new here may have been there already. */
  readonly whole: boolean;
  /** Of a run or a profile; missing for a baseline file, which holds findings only. */
  readonly profiles?: readonly ReportProfile[];
  /** The user named both sides (`vgrun diff A B`): that they are of different programs is no surprise then. */
  readonly pairedByUser?: boolean;
  /** There is no such file yet: everything is new. */
  readonly missing?: boolean;
}

/** What this run can judge: it speaks only of programs that it saw whole. */
export interface Judgement {
  /** The run was seen whole. */
  readonly whole: boolean;
  /** `tool program` for every program that ran to its end, by base name. */
  readonly programs: ReadonlySet<string>;
  /** Leaks were searched for. */
  readonly leaks: boolean;
}

/** Findings with their standing, and the entries that are none of them. */
export interface Compared {
  readonly findings: readonly Finding[];
  readonly gone: readonly BaselineEntry[];
}

/** Compares. Findings that no rule counts as an error take part too: the gate may make one of them. Pure. */
export function compareFindings(findings: readonly Finding[], { entries }: Known): Compared {
  const matched = matchEntries(findings.flatMap(facesOf), entries);
  const compared = findings.map((finding) => {
    const known = facesOf(finding).filter((face) => matched.has(face));
    const changed = known.find((face) => {
      const entry = matched.get(face);
      return entry !== undefined && hasChanged(face, entry);
    });
    const standing: Standing = known.length === 0 ? 'new' : changed !== undefined ? 'changed' : 'known';
    const before = changed && matched.get(changed)?.cost;
    return { ...finding, standing, ...(before && { before }) };
  });
  const seen = new Set(matched.values());
  return { findings: compared, gone: entries.filter((entry) => !seen.has(entry)) };
}

/** Sums up a comparison. @param findings as the gate left them. */
export function comparisonOf(
  findings: readonly Finding[],
  gone: readonly BaselineEntry[],
  { name }: Known,
  judgement: Judgement,
): Comparison {
  const counts: Record<Standing, number> = { new: 0, known: 0, changed: 0 };
  for (const finding of findings) {
    const { standing } = finding;
    // What is known is counted also when it is not listed, or an entry would vanish from the sum.
    if (standing !== undefined && (standing !== 'new' || isCompared(finding))) counts[standing]++;
  }
  // A new finding of the same outline may be what an entry was, under another name.
  const fresh = new Set(
    findings.flatMap((finding) =>
      finding.standing === 'new' ? facesOf(finding).flatMap(({ outline }) => outline ?? []) : [],
    ),
  );
  const [fixed, notJudged]: [BaselineEntry[], BaselineEntry[]] = [[], []];
  for (const entry of gone) {
    const isFixed = canJudge(entry, judgement) && !(entry.outline !== undefined && fresh.has(entry.outline));
    (isFixed ? fixed : notJudged).push(entry);
  }
  return { name, ...counts, fixed, notJudged };
}

/** What a baseline is about: what the user sees. */
export function isCompared({ hidden }: Finding): boolean {
  return !hidden;
}

/** The entries of a report, in its order, those of witnesses after their finding. */
export function entriesOf({ findings, processes }: Report): readonly BaselineEntry[] {
  const programs = new Map(processes.map(({ image, argv }) => [image, programName(argv)]));
  const programOf = (image: number): string => programs.get(image) ?? '?';
  return findings
    .filter(isCompared)
    .flatMap(facesOf)
    .map((finding) => ({
      fingerprint: finding.fingerprint,
      ...(finding.outline !== undefined && { outline: finding.outline }),
      rule: finding.rule,
      place: placeOf(finding),
      cost: costOf(finding),
      programs: [...new Set(finding.seenIn.map(({ image }) => programOf(image)))].sort(),
    }));
}

/** The base name of a program, by which a baseline knows it: it may be built elsewhere tomorrow. */
export function programName(argv: readonly string[]): string {
  return posix.basename(argv[0] ?? '?');
}

/** `src/list.c push`: where a finding is, for people; no line, because lines change. */
export function placeOf({ blamed, stacks }: Finding): string {
  const frame =
    (blamed && stacks[blamed.stack]?.frames[blamed.frame]) ??
    stacks[0]?.frames.find(({ owner }) => owner !== 'tool') ??
    stacks[0]?.frames[0];
  if (frame === undefined) return '?';
  const name = frame.function ?? '???';
  // An absolute path is one of this machine.
  const path = frame.path?.startsWith('/') === true ? posix.basename(frame.path) : frame.path;
  // All that some tools tell is a line.
  if (frame.function === undefined && path !== undefined) return path;
  const where = path ?? (frame.object === undefined ? undefined : posix.basename(frame.object));
  return where === undefined ? name : `${where} ${name}`;
}

/** What a finding costs now. */
export function costOf({ leak, count }: Finding): Cost {
  return leak === undefined ? { count } : { bytes: leak.bytes, blocks: leak.blocks, count };
}

/** Only what is lost is a cost: how often an error occurs depends on the input and, in threads, on chance. */
function hasChanged(finding: Finding, { cost }: BaselineEntry): boolean {
  const now = costOf(finding);
  if (now.bytes === undefined || cost.bytes === undefined) return false;
  const more = now.bytes > cost.bytes || (now.blocks ?? 0) > (cost.blocks ?? 0);
  return more || (!finding.atLeast && (now.bytes !== cost.bytes || now.blocks !== cost.blocks));
}

function canJudge({ rule, programs }: BaselineEntry, { whole, programs: ran, leaks }: Judgement): boolean {
  if (!whole || programs.length === 0) return false;
  const [tool, kind = ''] = rule.split('/', 2);
  if (!leaks && leakKindOf(kind) !== undefined) return false;
  return programs.every((program) => ran.has(`${tool} ${program}`));
}

// ---- which entry is which finding

type Matches = Map<Finding, BaselineEntry>;

function matchEntries(findings: readonly Finding[], entries: readonly BaselineEntry[]): Matches {
  const matches: Matches = new Map();
  const now = new Map(findings.map((finding) => [finding.fingerprint, finding]));
  const before = new Map(entries.map((entry) => [entry.fingerprint, entry]));
  for (const family of familiesOf([...new Set([...now.keys(), ...before.keys()])])) {
    const [found, known] = [
      family.flatMap((id) => now.get(id) ?? []),
      family.flatMap((id) => before.get(id) ?? []),
    ];
    const sameNumber = found.length === known.length;
    for (const [finding, entry] of sameNumber ? zip(found, known) : align(found, known)) {
      matches.set(finding, entry);
    }
  }
  const taken = new Set(matches.values());
  const lost = groupBy(
    entries.filter((entry) => !taken.has(entry)),
    ({ outline }) => outline,
  );
  const fresh = groupBy(
    findings.filter((finding) => !matches.has(finding)),
    ({ outline }) => outline,
  );
  for (const [outline, group] of fresh) {
    const same = lost.get(outline) ?? [];
    if (same.length !== group.length) continue;
    for (const [finding, entry] of zip(group, same)) matches.set(finding, entry);
  }
  return matches;
}

/**
 * Fingerprints of one base, in the order of their places. The second and later ones are hashes over the first, so the
 * first tells them all (fingerprint.ts); one whose first is not here stands for itself.
 */
function familiesOf(fingerprints: readonly string[]): readonly (readonly string[])[] {
  const all = new Set(fingerprints);
  const families = new Map<string, string[]>();
  const later = new Set<string>();
  for (const base of fingerprints) {
    const family = [base];
    // One that is missing in between was removed by hand from a baseline.
    for (let ordinal = 2, missing = 0; missing < 2; ordinal++) {
      const next = fingerprintOf(base, ordinal);
      missing = all.has(next) ? 0 : missing + 1;
      if (missing > 0) continue;
      family.push(next);
      later.add(next);
    }
    families.set(base, family);
  }
  return [...families].filter(([base]) => !later.has(base)).map(([, family]) => family);
}

/** Above this the sequences are matched from their starts: a function with a thousand places is generated code. */
const largestTable = 1_000_000;

/** Pairs of two sequences of different length, order kept, with as many equal costs as possible, the first of equals. */
function align(
  found: readonly Finding[],
  known: readonly BaselineEntry[],
): readonly (readonly [Finding, BaselineEntry])[] {
  const [n, m] = [found.length, known.length];
  if (n === 0 || m === 0) return [];
  if (n * m > largestTable) return zip(found, known);
  const isSame = (i: number, j: number): boolean => {
    const [finding, entry] = [found[i], known[j]];
    return finding !== undefined && entry !== undefined && !hasChanged(finding, entry);
  };
  // best[i][j]: the highest score of the sequences from i and from j on; every element of the shorter one is paired.
  const best: number[][] = Array.from({ length: n + 1 }, () => new Array<number>(m + 1).fill(0));
  const score = (i: number, j: number): number =>
    n - i < 0 || m - j < 0 ? Number.NEGATIVE_INFINITY : (best[i]?.[j] ?? Number.NEGATIVE_INFINITY);
  const pairing = (i: number, j: number): number => 1 + (isSame(i, j) ? n + m : 0) + score(i + 1, j + 1);
  for (let i = n - 1; i >= 0; i--) {
    for (let j = m - 1; j >= 0; j--) {
      const row = best[i];
      if (row !== undefined) row[j] = Math.max(pairing(i, j), score(i + 1, j), score(i, j + 1));
    }
  }
  const pairs: (readonly [Finding, BaselineEntry])[] = [];
  for (let [i, j] = [0, 0]; i < n && j < m; ) {
    const [finding, entry] = [found[i], known[j]];
    if (score(i, j) === pairing(i, j) && finding !== undefined && entry !== undefined) {
      pairs.push([finding, entry]);
      i++;
      j++;
    } else if (score(i, j) === score(i + 1, j)) i++;
    else j++;
  }
  return pairs;
}

function zip<A, B>(a: readonly A[], b: readonly B[]): readonly (readonly [A, B])[] {
  return a.slice(0, b.length).map((each, index) => [each, b[index] as B] as const);
}

function groupBy<T>(
  items: readonly T[],
  keyOf: (item: T) => string | undefined,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

// ---- the baseline of tomorrow

/** An entry with the lines of comment above it. */
export interface CommentedEntry {
  readonly entry: BaselineEntry;
  readonly comments: readonly string[];
}

/** What a baseline becomes. */
export interface BaselineUpdate {
  readonly lines: readonly CommentedEntry[];
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  /** Kept because the report cannot judge them. */
  readonly notJudged: number;
}

/**
 * Brings a baseline up to date with a report that was compared with it: new findings come in, what is fixed goes, what
 * the report cannot judge stays as it is. An entry that is known again has its cost and identity of today.
 */
export function updateBaseline(lines: readonly CommentedEntry[], report: Report): BaselineUpdate {
  const entries = lines.map(({ entry }) => entry);
  const comments = new Map(lines.map((line) => [line.entry, line.comments]));
  const faces = report.findings.flatMap(facesOf);
  const matched = matchEntries(faces, entries);
  const now = new Map(entriesOf(report).map((entry) => [entry.fingerprint, entry]));
  const ran = new Set(
    report.processes.filter(({ complete }) => complete).map(({ argv }) => programName(argv)),
  );
  const updated: CommentedEntry[] = [];
  let [added, changed] = [0, 0];
  for (const finding of faces) {
    const today = now.get(finding.fingerprint);
    const before = matched.get(finding);
    if (today === undefined) {
      // Hidden today, by --only-mine for example: that is no reason to forget it.
      if (before !== undefined) updated.push({ entry: before, comments: comments.get(before) ?? [] });
      continue;
    }
    if (before === undefined) added++;
    const entry = before === undefined ? today : merged(before, today, ran);
    if (before !== undefined && !isSameEntry(before, entry)) changed++;
    updated.push({ entry, comments: (before && comments.get(before)) ?? [] });
  }
  const fixed = new Set(report.comparison?.fixed.map(({ fingerprint }) => fingerprint));
  const seen = new Set(matched.values());
  const gone = lines.filter(({ entry }) => !seen.has(entry));
  const kept = gone.filter(({ entry }) => !fixed.has(entry.fingerprint));
  return {
    lines: [...updated, ...kept],
    added,
    changed,
    removed: gone.length - kept.length,
    notJudged: kept.length,
  };
}

/** Programs that ran now and did not show it are taken from the entry; of those that did not run it says nothing. */
function merged(before: BaselineEntry, today: BaselineEntry, ran: ReadonlySet<string>): BaselineEntry {
  const elsewhere = before.programs.filter(
    (program) => !ran.has(program) && !today.programs.includes(program),
  );
  const programs = [...today.programs, ...elsewhere].sort();
  if (elsewhere.length === 0 || (today.cost.bytes ?? 0) >= (before.cost.bytes ?? 0))
    return { ...today, programs };
  return { ...today, programs, cost: before.cost };
}

function isSameEntry(a: BaselineEntry, b: BaselineEntry): boolean {
  return (
    a.fingerprint === b.fingerprint &&
    a.cost.bytes === b.cost.bytes &&
    a.cost.blocks === b.cost.blocks &&
    a.place === b.place &&
    a.programs.join() === b.programs.join()
  );
}
