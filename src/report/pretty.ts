// The report for people, on a terminal: at most one screen for ten findings, or for a profile.
import type { Finding, Report, ReportMessage } from '../model/report.ts';
import { requestName } from '../model/request.ts';
import { reasonsOf } from './finding-text.ts';
import { tellingCallers } from './pretty-callers.ts';
import { type Detail, findingLines } from './pretty-finding.ts';
import { type Ink, makeInk } from './pretty-ink.ts';
import { profileLines } from './pretty-profile.ts';
import { requestLines, servedAlone } from './pretty-requests.ts';
import { stopLines } from './pretty-stop.ts';
import { comparisonLines, processLines, suppressionLines, totalLines } from './pretty-summary.ts';
import type { RenderOptions, Reporter } from './reporter.ts';
import { hintSentence, sentence } from './sentence.ts';
import { clip, grouped, harmless, plural, rowsOf, withoutCommands, wrap } from './terminal-text.ts';

/** `--report pretty=FILE`, and what `vgrun` shows by itself. */
export const pretty: Reporter = { name: 'pretty', render: renderPretty };

/** Beyond this many, a list is no help to a person; `all` lists every finding. */
const mostFindings = 100;

function* renderPretty(report: Report, options: RenderOptions): Generator<string> {
  const ink = makeInk(report, options);
  const open = report.findings.filter((finding) => options.all === true || isListed(finding));
  const listed = options.all === true ? open : open.slice(0, mostFindings);
  const rows = options.rows ?? 50;
  // Half a screen of 50 rows is enough for ten findings in their shortest form.
  const room = listed.length === 0 && report.profiles === undefined ? rows : Math.floor(rows / 2);
  const foot = footLines(report, options, open.length - listed.length, room, ink);
  const left = rows - rowsOf(foot, ink.columns);
  const measured = profileLines(report, options, listed.length === 0 ? left : Math.floor(left / 2), ink);
  yield* linesOut(measured);
  // A moment may take what findings do not need, and these need little beside it.
  const stopped = stopLines(report, options, Math.max(10, left - 8 * listed.length), ink);
  const most = Math.max(4, left - rowsOf(measured, ink.columns) - rowsOf(stopped, ink.columns));
  const blocked = listed.filter(({ suppression }) => suppression !== undefined).length;
  // With suppressions left out there is one more row, which says so.
  const note = blocked > 0 && !asksForAll(options) ? [suppressionNote(blocked), ''] : [];
  const full = layOut(listed, most, options, ink, forms.slice(0, 1), report);
  if (full !== undefined) {
    yield* linesOut(full);
  } else {
    yield* linesOut(
      layOut(listed, most - note.length, options, ink, forms.slice(1), report) ??
        terse(listed, options, ink, report),
    );
    yield* linesOut(note.map(ink.dim));
  }
  yield* linesOut(stopped);
  yield* linesOut(foot);
}

/** What is in the baseline and costs what it did is counted in the foot: people want to see what is new. */
function isListed({ hidden, failing, standing }: Finding): boolean {
  return !hidden && (failing || standing !== 'known');
}

/** Then no screen is too small for what a finding brings with it. */
function asksForAll({ all, fullStacks }: RenderOptions): boolean {
  return all === true || fullStacks === true;
}

function suppressionNote(count: number): string {
  const are = count === 1 ? 'suppression is' : 'suppressions are';
  return `${grouped(count)} ${are} in the JSON report (--report=json=-); --all prints ${count === 1 ? 'it' : 'them'}.`;
}

/** The one way out: CI systems read commands from what is printed. */
function* linesOut(lines: Iterable<string>): Generator<string> {
  for (const line of lines) yield `${withoutCommands(line.trimEnd())}\n`;
}

/** Forms from rich to poor, with the least rows that a finding takes: a thousand are not laid out to see if they fit. */
const forms: readonly (readonly [Detail, number])[] = [
  ['full', 3],
  ['medium', 3],
  ['brief', 2],
];

/** The findings in the richest of the forms with which the whole report fits the screen; undefined when none does. */
function layOut(
  findings: readonly Finding[],
  room: number,
  options: RenderOptions,
  ink: Ink,
  tried: typeof forms,
  report: Report,
): Iterable<string> | undefined {
  if (options.fullStacks === true) return blocks(findings, 'full', true, ink, report);
  for (const [detail, least] of tried) {
    if (least * findings.length > room) continue;
    const lines = [...blocks(findings, detail, detail === 'full' || asksForAll(options), ink, report)];
    if (rowsOf(lines, ink.columns) <= room) return lines;
  }
  return undefined;
}

function terse(
  findings: readonly Finding[],
  options: RenderOptions,
  ink: Ink,
  report: Report,
): Iterable<string> {
  return blocks(findings, 'terse', asksForAll(options), ink, report);
}

/** What a kind means is said once, with its first finding. */
function* blocks(
  findings: readonly Finding[],
  detail: Detail,
  suppression: boolean,
  ink: Ink,
  report: Report,
): Generator<string> {
  const explained = new Set<string>();
  const callers = tellingCallers(findings);
  const stopped = new Set(
    (report.stops ?? []).flatMap(({ cause, finding }) => (cause === 'error' ? [] : (finding ?? []))),
  );
  for (const [index, finding] of findings.entries()) {
    const explain = !explained.has(finding.rule);
    const form = {
      detail,
      explain,
      suppression,
      caller: callers.get(finding),
      replay: report.replay,
      isStop: stopped.has(finding.id),
    };
    yield* findingLines(finding, index + 1, form, ink);
    explained.add(finding.rule);
    if (detail === 'full' || detail === 'medium') yield '';
  }
  if ((detail === 'brief' || detail === 'terse') && findings.length > 0) yield '';
}

/** All that stands below the findings. What can be long is cut until it fits `room`; totals and outcome never are. */
function footLines(
  report: Report,
  options: RenderOptions,
  leftOut: number,
  room: number,
  ink: Ink,
): readonly string[] {
  let lines: readonly string[] = [];
  // All that such a tool has to say.
  const whole = report.purpose === 'log' && asksForAll(options);
  for (const most of options.all === true ? [Number.POSITIVE_INFINITY] : [15, 8, 4, 2, 1, 0]) {
    const parts = [
      messageLines(report, whole ? Number.POSITIVE_INFINITY : most, ink),
      [
        ...hiddenLines(report, options, leftOut, ink),
        ...totalLines(report, ink),
        ...comparisonLines(report, options.all === true, ink),
        ...suppressionLines(report, options.all === true, ink),
      ],
      requestLines(report, most, ink),
      options.all !== true && servedAlone(report) ? [] : processLines(report, most, ink),
      problemLines(report, most, ink),
    ].filter((part) => part.length > 0);
    lines = [...parts.flatMap((part) => [...part, '']), ...verdictLines(report, most, ink)];
    if (rowsOf(lines, ink.columns) <= room) break;
  }
  return lines;
}

function hiddenLines(report: Report, options: RenderOptions, leftOut: number, ink: Ink): readonly string[] {
  const lines: string[] = [];
  if (leftOut > 0) lines.push(`${grouped(leftOut)} more findings are not listed; --all lists them.`);
  const hidden = options.all === true ? [] : report.findings.filter((finding) => finding.hidden);
  const known =
    options.all === true ? 0 : report.findings.filter((each) => !each.hidden && !isListed(each)).length;
  if (known > 0)
    lines.push(
      `${grouped(known)} known ${plural(known, 'finding')} not listed; --all lists ${known === 1 ? 'it' : 'them'}.`,
    );
  if (hidden.length > 0) {
    const bytes = hidden.reduce((sum, { leak }) => sum + (leak?.bytes ?? 0), 0);
    const cost = bytes === 0 ? '' : ` (${grouped(bytes)} bytes)`;
    const counts = new Map<string, number>();
    for (const { title } of hidden) counts.set(title, (counts.get(title) ?? 0) + 1);
    const kinds = [...counts].map(([title, count]) => `${grouped(count)} × ${harmless(title)}`).join(', ');
    const whole = `Not listed: ${kinds}${cost}; --all lists them.`;
    lines.push(...wrap(whole, ink.columns));
  }
  return lines.map((line) => ink.dim(line));
}

function messageLines(report: Report, most: number, ink: Ink): readonly string[] {
  const all = most === Number.POSITIVE_INFINITY;
  // The log is the answer of such a tool.
  const mostLines = all ? most : report.purpose === 'log' ? Math.max(3, most * 3) : 3;
  const crashed = new Set(
    (report.stops ?? []).flatMap(({ cause, image }) => (cause === 'signal' ? image : [])),
  );
  const own = report.messages.filter(({ source, image }) => source !== 'fatal-signal' || !crashed.has(image));
  const fatal = own.filter(({ source }) => source === 'fatal-signal');
  const others = own.filter(({ source }) => source !== 'fatal-signal');
  const deaths = fatal.slice(0, all ? most : Math.min(most, 5));
  const shown = others.slice(0, all ? most : Math.min(most, 3));
  const left = own.length - deaths.length - shown.length;
  return [
    ...deaths.map((message) => fatalLine(message, report, ink)),
    ...shown.flatMap((message) => saidLines(message, mostLines, ink)),
    ...(left > 0 ? [ink.dim(`${grouped(left)} more messages; --all lists them.`)] : []),
  ];
}

/** A message of several lines is shown as it was written, its first lines unless all is asked for. */
function saidLines({ pid, text }: ReportMessage, most: number, ink: Ink): readonly string[] {
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  const start = `${pid}: `;
  const shown = lines.slice(0, most).map((line, index) => {
    const whole = `${index === 0 ? start : ' '.repeat(start.length)}${harmless(line)}`;
    return ink.dim(most === Number.POSITIVE_INFINITY ? whole : clip(whole, ink.columns));
  });
  const left = lines.length - shown.length;
  if (left === 0) return shown;
  return [
    ...shown,
    ink.dim(
      `${' '.repeat(start.length)}… ${grouped(left)} more ${plural(left, 'line')}; --all shows ${left === 1 ? 'it' : 'them'}`,
    ),
  ];
}

function fatalLine(message: ReportMessage, report: Report, ink: Ink): string {
  const frames = message.stack?.frames ?? [];
  const mine = frames.find((frame) => frame.owner === 'mine') ?? frames[0];
  const who = report.processes.length > 1 ? ` (${whoSaid(message, report)})` : '';
  return `${ink.red(harmless(message.text))}${who}${mine === undefined ? '' : `, at ${ink.place(mine)}`}`;
}

/** Of a program that is started for each request, the request says more than a pid. */
function whoSaid({ image, pid }: ReportMessage, { processes, replay }: Report): string {
  const number = processes.find((process) => process.image === image)?.request;
  const request = replay?.requests.find((each) => each.number === number);
  return request === undefined ? `process ${pid}` : harmless(requestName(request));
}

function problemLines(report: Report, most: number, ink: Ink): readonly string[] {
  const all = most === Number.POSITIVE_INFINITY;
  const told = new Set(report.reasons);
  const lines: string[] = [];
  const hints = new Set<string>();
  for (const { level, message, hint, quote } of report.problems) {
    if (told.has(message)) {
      // What makes the run inconclusive is said with the outcome; its hint belongs here all the same.
      if (hint === undefined || hints.has(hint)) continue;
      hints.add(hint);
      lines.push(...labelled('hint', ink.dim, hintSentence(hint), ink));
    } else if (level !== 'note') {
      lines.push(...labelled('warning', ink.yellow, sentencesOf(message, hint), ink));
    } else if (all) {
      lines.push(...labelled('note', ink.dim, sentencesOf(message, hint), ink));
    } else if (hint !== undefined || quote === undefined) {
      const whole = sentencesOf(message, hint);
      const room = ink.columns - 'note: '.length;
      lines.push(`${ink.dim('note')}: ${whole.length <= room ? whole : clip(sentence(message), room)}`);
    }
  }
  const shown = Math.min(lines.length, all ? most : Math.min(most, 10));
  if (lines.length <= shown) return lines;
  return [
    ...lines.slice(0, shown),
    ink.dim(`… ${grouped(lines.length - shown)} more lines of notes and warnings; --all shows them.`),
  ];
}

function labelled(label: string, paint: (text: string) => string, text: string, ink: Ink): readonly string[] {
  const [first = '', ...rest] = wrap(text, ink.columns - label.length - 2);
  return [`${paint(label)}: ${first}`, ...rest.map((line) => `${' '.repeat(label.length + 2)}${line}`)];
}

function sentencesOf(message: string, hint: string | undefined): string {
  return hint === undefined ? sentence(message) : `${sentence(message)} ${hintSentence(hint)}`;
}

function verdictLines(report: Report, most: number, ink: Ink): readonly string[] {
  const { outcome, status, run } = report;
  const paint = outcome === 'clean' ? ink.green : outcome === 'inconclusive' ? ink.yellow : ink.red;
  const sentences = reasonsOf(report).map(sentence);
  // The last says how much was found.
  const shown = most === Number.POSITIVE_INFINITY ? most : Math.max(2, Math.min(most, 4));
  const left = sentences.length - shown - 1;
  // A few reasons are what the reader came for; a line that says that there is one more takes its place.
  if (left > 1) {
    const more = `${grouped(left)} more reasons; --all lists them.`;
    sentences.splice(shown, left, more);
  }
  const name = ink.bold(paint(outcome));
  const plain = `${outcome}: ${sentences.join(' ')} Exit status ${status}.`;
  const lines: string[] = [];
  if (sentences.length === 1 || plain.length <= ink.columns) {
    const [first = '', ...rest] = wrap(plain.slice(outcome.length + 2), ink.columns - outcome.length - 2);
    lines.push(`${name}: ${first}`, ...rest.map((line) => `${' '.repeat(outcome.length + 2)}${line}`));
  } else {
    lines.push(`${name}, exit status ${status}:`);
    for (const text of sentences) {
      const [first = '', ...rest] = wrap(text, ink.columns - 4);
      lines.push(`  - ${first}`, ...rest.map((line) => `    ${line}`));
    }
  }
  if (run === undefined) return lines;
  lines.push(ink.dim(`run: ${harmless(run.directory)}`));
  const directory = shellWord(run.directory);
  if (directory !== undefined) lines.push(ink.dim(`more: vgrun report --full-stacks ${directory}`));
  return lines;
}

/** A path as a shell takes it; nothing for one that cannot be shown as it is, because the command would be wrong. */
function shellWord(path: string): string | undefined {
  if (harmless(path) !== path) return undefined;
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
