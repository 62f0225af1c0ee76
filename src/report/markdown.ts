// The report as Markdown: a comment of a pull request, and the job summary of a GitHub step.
import type { ReportProfile, ReportProfileFrame } from '../model/profile-report.ts';
import type { BaselineEntry, Finding, Report } from '../model/report.ts';
import type { Replay } from '../model/request.ts';
import {
  blamedFrame,
  costOf,
  costText,
  headline,
  instrumentName,
  placeOf,
  reasonsOf,
  shownFrame,
  stackLines,
  whyNotFailing,
} from './finding-text.ts';
import { answeredWords, findingsByRequest, requestRows, rowText } from './html-page/request-rows.ts';
import { replayWords, shortShares } from './html-page/request-words.ts';
import { code, codeBlock, prose } from './markdown-text.ts';
import { makeInk } from './pretty-ink.ts';
import { stopLines } from './pretty-stop.ts';
import {
  caveats,
  exactNumber,
  frameSource,
  growthLimits,
  growthPercent,
  growthText,
  percent,
  primaryMeasure,
  primaryTotal,
  profileHeadline,
  scaled,
  shortFrame,
  signed,
  topChanges,
  topPlaces,
  whoseProfile,
} from './profile-text.ts';
import type { Reporter } from './reporter.ts';
import { cut, grouped, harmless, plural } from './terminal-text.ts';

/*
 * Whatever comes from a target stands in code spans and fenced blocks, where neither GitHub nor GitLab sees mentions,
 * references, links or HTML. Findings are lists and not tables: in a table a `|` ends the cell even in code, and how
 * to escape it differs between renderers.
 *
 * The places of a profile are columns in a fenced block, for the same reason.
 *
 * What does not fit gives way in this order: source and stacks, then findings from the end. What is left out is counted.
 */

/** `--report markdown=FILE`: at most what GitHub takes as a comment. */
export const markdown: Reporter = {
  name: 'markdown',
  render: (report) =>
    renderMarkdown(report, { marker: true, most: 65_536, details: 5, profiles: 3, size: characters }),
};

/** `--report github-summary=FILE`: at most what GitHub takes as the summary of a step. */
export const githubSummary: Reporter = {
  name: 'github-summary',
  render: (report) =>
    renderMarkdown(report, { marker: false, most: 1_048_576, details: 50, profiles: 20, size: bytes }),
};

interface Bounds {
  /** The hidden first line by which a script finds its comment again. */
  readonly marker: boolean;
  readonly most: number;
  /** So many findings are shown with source and stacks. */
  readonly details: number;
  /** So many profiles are shown, the most expensive first. */
  readonly profiles: number;
  readonly size: (text: string) => number;
}

/** GitHub counts characters of comments; UTF-16 units are never fewer. */
function characters(text: string): number {
  return text.length;
}

/** UTF-8, by UTF-16 unit: at most 3 bytes each. */
function bytes(text: string): number {
  let sum = text.length;
  for (const [piece] of text.matchAll(/[\u0080-\uffff]+/g)) sum += 2 * piece.length;
  return sum;
}

interface Section {
  readonly title: string;
  readonly count: number;
  readonly findings?: readonly Finding[];
  readonly entries?: readonly BaselineEntry[];
}

/** What every section may need for its title and for saying how many rows are left out. */
const sectionRoom = 250;
/** What the lines after the sections may need. */
const footRoom = 500;

function* renderMarkdown(report: Report, bounds: Bounds): Generator<string> {
  const sections = sectionsOf(report).filter(({ count }) => count > 0);
  let room = bounds.most - footRoom - sectionRoom * sections.length;
  const write = (text: string): string => {
    room -= bounds.size(text);
    return text;
  };
  if (bounds.marker) yield write('<!-- vgrun -->\n');
  yield write(headText(report));
  const asked = requestsText(report);
  if (bounds.size(asked) <= room / 2) yield write(asked);
  const stopped = stopsText(report);
  if (bounds.size(stopped) <= room / 2) yield write(stopped);
  const { profiles = [] } = report;
  let measured = 0;
  for (const profile of profiles.slice(0, bounds.profiles)) {
    const block = profileText(profile);
    // Findings need room too.
    if (bounds.size(block) > room / 2) break;
    yield write(block);
    measured++;
  }
  if (profiles.length > measured)
    yield `\n${grouped(profiles.length - measured)} more ${plural(profiles.length - measured, 'profile')} not shown here.\n`;
  const shown: Finding[] = [];
  let whole = true;
  for (const section of sections) {
    yield `\n#### ${section.title} (${grouped(section.count)})\n\n`;
    let left = section.count;
    for (const [row, finding] of rowsOf(section, report.replay)) {
      // Once a row is left out, all that follow it in its section are.
      if (bounds.size(row) > room) break;
      yield write(row);
      left--;
      if (finding !== undefined) shown.push(finding);
    }
    if (left > 0) {
      whole = false;
      yield left === section.count
        ? `${grouped(left)} not listed here, for want of room.\n`
        : `\n… ${grouped(left)} more, not listed here for want of room.\n`;
    }
  }
  const told = shown.filter(hasDetail);
  let detailed = 0;
  for (const finding of whole ? told.slice(0, bounds.details) : []) {
    const block = detailText(finding);
    if (bounds.size(block) > room) break;
    yield write(block);
    detailed++;
  }
  const without = told.length - detailed;
  if (without > 0) {
    yield `\nSource and stacks of ${grouped(without)} ${detailed === 0 ? '' : 'more '}${plural(without, 'finding')} are left out here.\n`;
  }
  const hidden = report.findings.filter((finding) => finding.hidden && !finding.failing).length;
  if (hidden > 0) yield `\n${grouped(hidden)} hidden ${plural(hidden, 'finding')} not listed.\n`;
}

function sectionsOf(report: Report): readonly Section[] {
  const { comparison } = report;
  const open = report.findings.filter((finding) => finding.failing || !finding.hidden);
  const listed = (title: string, holds: (finding: Finding) => boolean): Section => {
    const findings = open.filter(holds);
    return { title, count: findings.length, findings };
  };
  if (comparison === undefined) {
    return [listed('Errors', ({ failing }) => failing), listed('Others', ({ failing }) => !failing)];
  }
  const { fixed, notJudged } = comparison;
  return [
    listed('New', ({ standing }) => standing === 'new'),
    listed('Changed in cost', ({ standing }) => standing === 'changed'),
    listed('Still there', ({ standing }) => standing === 'known'),
    listed('Not compared', ({ standing }) => standing === undefined),
    { title: 'Fixed', count: fixed.length, entries: fixed },
    { title: 'Not judged by this run', count: notJudged.length, entries: notJudged },
  ];
}

function* rowsOf(
  { findings = [], entries = [] }: Section,
  replay: Replay | undefined,
): Generator<readonly [string, Finding?]> {
  for (const finding of findings) yield [findingRow(finding, replay), finding];
  for (const entry of entries) yield [entryRow(entry)];
}

/** `- **error** `src/list.c:20 in push()`: Memory lost, 100 bytes in 1 block · `F-3f2a…`` */
function findingRow(finding: Finding, replay: Replay | undefined): string {
  const frame = shownFrame(finding);
  const cost = costOf(finding);
  const excuse = whyNotFailing(finding);
  const before = finding.before === undefined ? '' : `, before: ${costText(finding.before)}`;
  const place = frame === undefined ? '' : `${code(placeOf(frame))}: `;
  return `- **${finding.severity}** ${place}${prose(headline(finding))}${cost === '' ? '' : `, ${cost}`}${before}${excuse === undefined ? '' : ` (${excuse})`}${witnessRow(finding)} · ${code(finding.id)}\n${requestRow(finding, replay)}`;
}

/** Below the finding: `in request 17 GET /app?x=1: 240 bytes in 1 block each time (100 passes)`. */
function requestRow(finding: Finding, replay: Replay | undefined): string {
  return shortShares(finding, replay)
    .map((text) => `  - ${code(text)}\n`)
    .join('');
}

function witnessRow({ witnesses = [] }: Finding): string {
  return witnesses.length === 0 ? '' : `, also seen by ${witnesses.map(({ rule }) => code(rule)).join(', ')}`;
}

function entryRow({ rule, place, cost, programs, fingerprint }: BaselineEntry): string {
  const price = cost.bytes === undefined ? '' : `, ${costText(cost)}`;
  const where = programs.length === 0 ? '' : `, in ${code(programs.join(', '), 100)}`;
  return `- ${code(place)}: ${code(rule)}${price}${where} · ${code(`F-${fingerprint.slice(0, 12)}`)}\n`;
}

/** What was asked, and what came, those with something to say first. */
function requestsText({ replay, findings }: Report): string {
  if (replay === undefined) return '';
  const rows = requestRows(replay, findingsByRequest(findings));
  const telling = rows.filter(({ rank }) => rank < 7);
  const shown = (telling.length === 0 ? rows.slice(0, 3) : telling).slice(0, mostRequests);
  const left = rows.slice(shown.length);
  const lines = shown.map((row) => `- ${code(row.name)}: ${prose(rowText(row))}`);
  if (left.length > 0) lines.push(`- … and ${grouped(left.length)} more, ${answeredWords(left)}`);
  return `\n#### Requests (${grouped(rows.length)})\n\n${prose(replayWords(replay))}\n\n${lines.join('\n')}\n`;
}

const mostRequests = 10;

const stopColumns = 110;
const stopRows = 45;

/** What threads did at a crash, in samples or at probes, as on a terminal. */
function stopsText(report: Report): string {
  const options = { columns: stopColumns, rows: stopRows };
  const lines = stopLines(report, options, stopRows, makeInk(report, options));
  if (lines.length === 0) return '';
  return `\n#### Threads\n\n${codeBlock(lines.slice(0, stopRows).map((line) => line.trimEnd()))}\n`;
}

const mostReasons = 10;

/** Outcome, reasons, what it is compared with, the limits. */
function headText(report: Report): string {
  const { outcome, status, comparison, gate, tool } = report;
  const reasons = reasonsOf(report);
  const lines = [`### vgrun: ${outcome}, exit status ${status}`, ''];
  lines.push(...reasons.slice(0, mostReasons).map((reason) => `- ${prose(reason)}`));
  if (reasons.length > mostReasons) lines.push(`- … ${grouped(reasons.length - mostReasons)} more reasons`);
  lines.push('', `${code(`${instrumentName(report)} ${tool.version ?? ''}`.trimEnd())}${programOf(report)}`);
  if (comparison !== undefined) {
    const { name, fixed, notJudged } = comparison;
    lines.push(
      '',
      `Compared with ${code(name)}:`,
      '',
      '| new | changed | still there | fixed | not judged |',
      '| --: | --: | --: | --: | --: |',
      `| ${[comparison.new, comparison.changed, comparison.known, fixed.length, notJudged.length].map(grouped).join(' | ')} |`,
    );
  }
  const limits = gate?.limits ?? [];
  if (limits.length > 0) lines.push('');
  for (const { group, unit, most, actual, exceeded } of limits.slice(0, 20)) {
    lines.push(
      `- limit ${code(group)}: ${grouped(actual)} of at most ${grouped(most)} ${unit}${exceeded ? ', **exceeded**' : ''}`,
    );
  }
  if (limits.length > 20) lines.push(`- … ${grouped(limits.length - 20)} more limits`);
  const growth = growthLimits(report);
  if (growth.length > 0 && limits.length === 0) lines.push('');
  for (const limit of growth.slice(0, 20)) {
    lines.push(`- growth ${code(growthText(limit))}${limit.exceeded ? ', **exceeded**' : ''}`);
  }
  if (growth.length > 20) lines.push(`- … ${grouped(growth.length - 20)} more limits`);
  return `${lines.join('\n')}\n`;
}

/** What was measured, what to doubt of it, the places that cost the most, and what changed. */
function profileText(profile: ReportProfile): string {
  const { before, primary } = profile;
  const { unit } = primaryMeasure(profile);
  const total = primaryTotal(profile);
  const lines = ['', code(`${profileHeadline(profile)} in ${whoseProfile(profile)}`), ''];
  for (const caveat of caveats(profile)) lines.push(`- caution: ${prose(caveat)}`);
  if (before !== undefined) {
    const old = before.totals[primary] ?? Number.NaN;
    const grew = growthPercent(old, total);
    const change = `${scaled(old, unit)} before, ${scaled(total, unit)} now${grew === '' ? '' : ` (${grew})`}`;
    lines.push(`- compared with ${code(before.name)}: ${code(change)}`);
  }
  if (lines.length > 3) lines.push('');
  const places = topPlaces(profile, 10);
  if (places.length > 0) {
    const withCalls = places.some(({ inclusive }) => inclusive !== undefined);
    const counted = places.some(({ calls }) => calls !== undefined);
    const heads = [
      'self',
      '',
      ...(withCalls ? ['with calls', ''] : []),
      ...(counted ? ['calls'] : []),
      'place',
    ];
    const rows = places.map(({ self, inclusive = Number.NaN, calls, frame }) => [
      percent(self, total),
      scaled(self, unit),
      ...(withCalls ? [percent(inclusive, total), scaled(inclusive, unit)] : []),
      ...(counted ? [calls === undefined ? '' : exactNumber(calls)] : []),
      placeName(frame),
    ]);
    lines.push(codeBlock(tableRows([heads, ...rows])), '');
  }
  const changes = topChanges(profile, 10);
  if (changes.length > 0) {
    const rows = changes.map(({ before: old, self, frame }) => [
      signed(self - old, unit),
      self === 0 ? 'gone' : growthPercent(old, self),
      placeName(frame),
    ]);
    lines.push('What changed most:', '', codeBlock(tableRows([['change', '', 'place'], ...rows])), '');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

function placeName(frame: ReportProfileFrame): string {
  return `${harmless(cut(shortFrame(frame), 120))}  ${harmless(cut(frameSource(frame), 100))}`.trimEnd();
}

/** Columns aligned to the right, the last one to the left. */
function tableRows(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

function programOf({ run, processes }: Report): string {
  const command = run?.command.join(' ') ?? processes[0]?.argv.join(' ') ?? '';
  const tree = processes.length > 1 ? `, ${grouped(processes.length)} processes` : '';
  return `${command === '' ? '' : `, ${code(command)}`}${tree}`;
}

function hasDetail({ stacks, excerpt, details }: Finding): boolean {
  return excerpt !== undefined || details.length > 0 || stacks.some(({ frames }) => frames.length > 0);
}

const mostLines = 60;

/** Source and stacks, folded. */
function detailText(finding: Finding): string {
  const parts = [`\n<details><summary>Source and stacks of <code>${html(finding.id)}</code></summary>\n`];
  const excerpt = excerptLines(finding);
  if (excerpt.length > 0) parts.push(codeBlock(excerpt), '');
  const all = [...stackLines(finding, 20)];
  const lines = all.slice(0, mostLines);
  if (all.length > lines.length) lines.push(`… ${grouped(all.length - lines.length)} more lines`);
  if (lines.length > 0) parts.push(codeBlock(lines), '');
  for (const text of [finding.meaning, finding.advice]) if (text !== undefined) parts.push(prose(text), '');
  return `${parts.join('\n')}</details>\n`;
}

function excerptLines(finding: Finding): readonly string[] {
  const { excerpt } = finding;
  if (excerpt === undefined) return [];
  const blamed = blamedFrame(finding)?.line;
  const width = String(excerpt.firstLine + excerpt.lines.length - 1).length;
  return excerpt.lines.slice(0, 20).map((raw, index) => {
    const line = excerpt.firstLine + index;
    const mark = line === blamed ? '>' : ' ';
    return `${mark} ${String(line).padStart(width)} │ ${raw.replaceAll('\t', '    ').trimEnd()}`;
  });
}

/** Within HTML of our own. */
function html(text: string): string {
  return text.replace(/[^\w-]/g, (character) => `&#${character.charCodeAt(0)};`);
}
