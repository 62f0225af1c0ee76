// The report as JUnit XML, for Jenkins, GitLab and whatever else reads test results: a case for each process image.
import type { Finding, Report, ReportProcess } from '../model/report.ts';
import { type Replay, requestName } from '../model/request.ts';
import {
  calledName,
  costOf,
  exceededLimits,
  headline,
  instrumentName,
  placeOf,
  reasonsOf,
  shownFrame,
  stackLines,
  whyNotFailing,
} from './finding-text.ts';
import { findingsByRequest, requestRows, rowText } from './html-page/request-rows.ts';
import { replayWords, shareNames, shortShares } from './html-page/request-words.ts';
import { isOfValgrind } from './html-page/words.ts';
import {
  exceededGrowth,
  frameSource,
  growthLimits,
  growthText,
  percent,
  primaryTotal,
  profileHeadline,
  topPlaces,
  whoseProfile,
} from './profile-text.ts';
import type { Reporter } from './reporter.ts';
import { cut, grouped, harmless, plural, withoutCommands } from './terminal-text.ts';

/*
 * Why not junit-report-builder: a case of it has at most one failure, and a process has as many as it has findings. It
 * also makes the document as one string, and drops what XML forbids where this shows it.
 *
 * Decisions:
 * - A finding is a failure of every process in which it was seen for itself; the first has its stacks, the others name
 *   that one. Cases are named after programs, never after pids: a CI system tells by its name what a case did before.
 * - A case with an error is counted as an error, one with failures alone as a failure: tests = passed + failures + errors.
 * - An inconclusive run is an error of the processes whose logs are not whole; of the first one when all are.
 * - A target that failed by itself is a failure of the first process.
 * - What does not fail the run is no failure: known, pardoned and uncounted findings are properties of the suite.
 *   Hidden ones are counted there.
 * - An exceeded limit, of findings or of growth, is a failure of the first process: it is the run's.
 * - A profile is properties: what it is, the total of each measure, its five most expensive places.
 * - Requests are no cases: one says in which of them a finding is made, and what came of those with something to say are
 *   properties. Where each pass has a process of its own, the case of that process is named after the request.
 * - There is no system-out: what the program wrote is not in the report.
 */

/** `--report junit=FILE`. */
export const junit: Reporter = { name: 'junit', render: renderJunit };

/** The most expensive processes; more are no help in a list of tests. */
const mostProfiles = 20;

/** Those with the most to say. */
const mostRequests = 100;

/** Deeper frames say little in a list of tests. */
const mostFrames = 30;

interface Case {
  readonly name: string;
  readonly process: ReportProcess | undefined;
  readonly findings: readonly { readonly finding: Finding; readonly first: string | undefined }[];
  readonly broken: boolean;
  readonly failed: boolean;
  /** Of the run, told with its first case: `--max` and `--max-growth`. */
  readonly limits: readonly string[];
  readonly growth: readonly string[];
}

function* renderJunit(report: Report): Generator<string> {
  const { run, tool } = report;
  const cases = casesOf(report);
  const errors = cases.filter(({ broken }) => broken).length;
  const failures = cases.filter((one) => !one.broken && isFailure(one)).length;
  const counts = { tests: cases.length, failures, errors };
  const time = run?.durationMs === undefined ? {} : { time: seconds(run.durationMs) };
  const suite = `vgrun ${tool.name}`;
  yield '<?xml version="1.0" encoding="UTF-8"?>\n';
  yield `${open('testsuites', { name: 'vgrun', ...counts, ...time })}\n`;
  const begun = run === undefined ? undefined : timestamp(run.startedAt);
  yield `  ${open('testsuite', { name: suite, ...counts, skipped: 0, ...time, timestamp: begun })}\n`;
  yield '    <properties>\n';
  for (const [name, value] of properties(report)) yield `      ${open('property', { name, value }, true)}\n`;
  yield '    </properties>\n';
  for (const one of cases) yield* caseLines(one, report);
  yield '  </testsuite>\n</testsuites>\n';
}

function isFailure({ findings, failed, limits, growth }: Case): boolean {
  return failed || limits.length > 0 || growth.length > 0 || findings.length > 0;
}

function casesOf(report: Report): readonly Case[] {
  const { processes, outcome, findings } = report;
  const inconclusive = outcome === 'inconclusive';
  const failed = outcome === 'failed';
  const failing = findings.filter((finding) => finding.failing);
  if (processes.length === 0) {
    const all = failing.map((finding) => ({ finding, first: undefined }));
    const name = report.run?.command[0] ?? 'run';
    return [
      {
        name,
        process: undefined,
        findings: all,
        broken: inconclusive,
        failed,
        limits: exceededLimits(report),
        growth: exceededGrowth(report),
      },
    ];
  }
  const names = caseNames(processes, report.replay);
  const seen = new Map<number, { finding: Finding; first: string | undefined }[]>();
  for (const finding of failing) {
    let first: string | undefined;
    for (const image of imagesOf(finding, processes)) {
      const list = seen.get(image) ?? [];
      list.push({ finding, first });
      seen.set(image, list);
      first ??= names.get(image);
    }
  }
  const somewhere = processes.some(({ complete }) => !complete);
  return processes.map((process, index) => ({
    name: names.get(process.image) ?? process.program,
    process,
    findings: seen.get(process.image) ?? [],
    broken: inconclusive && (somewhere ? !process.complete : index === 0),
    failed: failed && index === 0,
    limits: index === 0 ? exceededLimits(report) : [],
    growth: index === 0 ? exceededGrowth(report) : [],
  }));
}

/** Where it was seen, but for what a child has from its parent; the first process when nobody knows. */
function imagesOf(
  { seenIn: ofLeader, witnesses = [] }: Finding,
  processes: readonly ReportProcess[],
): Iterable<number> {
  const seenIn = [...ofLeader, ...witnesses.flatMap((witness) => witness.seenIn)];
  const own = seenIn.filter(({ inherited }) => !inherited).map(({ image }) => image);
  const known = new Set(processes.map(({ image }) => image));
  const images = new Set(
    (own.length > 0 ? own : seenIn.map(({ image }) => image)).filter((each) => known.has(each)),
  );
  return images.size > 0 ? images : [processes[0]?.image ?? 0];
}

/** `./server -v`, `./server -v (fork)`, `./server -v (2)`: the same in every run, and each of them once. */
function caseNames(
  processes: readonly ReportProcess[],
  replay: Replay | undefined,
): ReadonlyMap<number, string> {
  const asked = new Map(replay?.requests.map((request) => [request.number, `, ${requestName(request)}`]));
  const names = new Map<number, string>();
  const used = new Map<string, number>();
  for (const { image, program, argv, forked, request = 0 } of processes) {
    const words = cut([program, ...argv.slice(1)].join(' '), 200);
    const name = `${words === '' ? 'unknown program' : words}${forked ? ' (fork)' : ''}${asked.get(request) ?? ''}`;
    const times = (used.get(name) ?? 0) + 1;
    used.set(name, times);
    names.set(image, times === 1 ? name : `${name} (${times})`);
  }
  return names;
}

function* caseLines(one: Case, report: Report): Generator<string> {
  const { name, process } = one;
  const time =
    process?.startedMs === undefined || process.endedMs === undefined
      ? process === undefined
        ? report.run?.durationMs
        : undefined
      : process.endedMs - process.startedMs;
  const attributes = {
    name,
    classname: `vgrun.${report.tool.name}`,
    time: time === undefined ? undefined : seconds(Math.max(0, time)),
  };
  if (!one.broken && !isFailure(one)) {
    yield `    ${open('testcase', attributes, true)}\n`;
    return;
  }
  yield `    ${open('testcase', attributes)}\n`;
  const reasons = reasonsOf(report);
  if (one.broken) yield element('error', 'inconclusive', `inconclusive: ${reasons[0]}`, reasons);
  for (const reason of one.limits) yield element('failure', 'limit', reason, [reason]);
  for (const reason of one.growth) yield element('failure', 'max-growth', reason, [reason]);
  if (one.failed) yield element('failure', 'failed', `failed: ${reasons[0]}`, reasons);
  for (const { finding, first } of one.findings) yield failure(finding, first, report.replay);
  yield '    </testcase>\n';
}

function failure(finding: Finding, first: string | undefined, replay: Replay | undefined): string {
  const lines =
    first === undefined
      ? [
          ...(finding.meaning === undefined ? [] : [finding.meaning]),
          ...(finding.advice === undefined ? [] : [finding.advice]),
          ...shortShares(finding, replay, 10),
          ...stackLines(finding, mostFrames),
        ]
      : [`Seen in ${first} too, where its stacks are.`];
  return element('failure', finding.rule, summary(finding, replay), [
    ...lines,
    `${finding.rule} ${finding.id}`,
  ]);
}

function summary(finding: Finding, replay: Replay | undefined): string {
  const frame = shownFrame(finding);
  return [
    headline(finding),
    costOf(finding),
    ...(frame === undefined ? [] : [`at ${placeOf(frame)}`]),
    shareNames(finding, replay),
  ]
    .filter((part, index) => index === 0 || part !== '')
    .join(', ');
}

function* properties(report: Report): Generator<readonly [string, string]> {
  const { outcome, status, tool, comparison, gate, findings } = report;
  yield ['outcome', outcome];
  yield ['exit status', String(status)];
  for (const reason of reasonsOf(report)) yield ['reason', reason];
  yield ['vgrun', report.vgrun];
  yield [isOfValgrind(tool.name) ? 'valgrind' : instrumentName(report), tool.version ?? 'unknown'];
  for (const { group, actual, most, unit, exceeded } of gate?.limits ?? []) {
    yield [
      'limit',
      `${group}: ${grouped(actual)} of at most ${grouped(most)} ${unit}${exceeded ? ', exceeded' : ''}`,
    ];
  }
  for (const limit of growthLimits(report)) {
    yield ['growth', `${growthText(limit)}${limit.exceeded ? ', exceeded' : ''}`];
  }
  if (report.replay !== undefined) {
    yield ['requests', replayWords(report.replay)];
    const rows = requestRows(report.replay, findingsByRequest(findings));
    const telling = rows.filter(({ rank }) => rank < 7);
    for (const row of telling.slice(0, mostRequests)) yield ['request', `${row.name}: ${rowText(row)}`];
    const left = telling.length - mostRequests;
    if (left > 0) yield ['not listed', `${grouped(left)} more ${plural(left, 'request')}`];
  }
  const { profiles = [] } = report;
  for (const profile of profiles.slice(0, mostProfiles)) {
    yield ['profile', `${profileHeadline(profile)} in ${whoseProfile(profile)}`];
    for (const [measure, { name }] of profile.measures.entries()) {
      yield [`${profile.format} ${name}`, String(profile.totals[measure] ?? 0)];
    }
    for (const { frame, self } of topPlaces(profile, 5)) {
      const share = percent(self, primaryTotal(profile));
      yield [`${profile.format} place`, `${share} ${calledName(frame)} ${frameSource(frame)}`.trim()];
    }
  }
  if (profiles.length > mostProfiles) {
    yield ['not listed', `${grouped(profiles.length - mostProfiles)} more profiles`];
  }
  if (comparison !== undefined) {
    yield ['compared with', comparison.name];
    yield ['new', String(comparison.new)];
    yield ['changed', String(comparison.changed)];
    yield ['still there', String(comparison.known)];
    yield ['fixed', String(comparison.fixed.length)];
    yield ['not judged', String(comparison.notJudged.length)];
  }
  let hidden = 0;
  for (const finding of findings) {
    if (finding.failing) continue;
    if (finding.hidden) hidden++;
    else
      yield [`not failing ${finding.id}`, `${summary(finding, report.replay)} (${whyNotFailing(finding)})`];
  }
  if (hidden > 0) yield ['not listed', `${grouped(hidden)} hidden ${plural(hidden, 'finding')}`];
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

function open(name: string, attributes: Attributes, empty = false): string {
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [` ${key}="${escaped(String(value))}"`],
  );
  return `<${name}${written.join('')}${empty ? '/>' : '>'}`;
}

function element(name: string, type: string, message: string, lines: readonly string[]): string {
  return `      ${open(name, { message, type })}${lines.map(escaped).join('\n')}</${name}>\n`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** For text and attributes. Of what XML 1.0 forbids, `harmless` leaves U+FFFE and U+FFFF. */
function escaped(text: string): string {
  return withoutCommands(harmless(text))
    .replace(/[\ufffe\uffff]/g, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`)
    .replace(/[&<>"']/g, (character) => entities[character] ?? '');
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** `2026-08-01T12:00:00`, UTC: the format has no time zone. */
function timestamp(startedAt: string): string | undefined {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?=\.|Z)/.exec(startedAt)?.[0];
}
