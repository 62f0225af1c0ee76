// The report for people, on a terminal: at most one screen for ten findings.
import type { Finding, Report, ReportMessage } from '../model/report.ts';
import { type Detail, findingLines } from './pretty-finding.ts';
import { type Ink, makeInk } from './pretty-ink.ts';
import { processLines, totalLines } from './pretty-summary.ts';
import type { RenderOptions, Reporter } from './reporter.ts';
import { grouped, harmless, rowsOf, wrap } from './terminal-text.ts';

/** `--report pretty=FILE`, and what `vgrun` shows by itself. */
export const pretty: Reporter = { name: 'pretty', render: renderPretty };

/** Beyond this many, a list is no help to a person; `all` lists every finding. */
const mostFindings = 100;

function* renderPretty(report: Report, options: RenderOptions): Generator<string> {
  const ink = makeInk(report, options);
  const open = report.findings.filter((finding) => options.all === true || !finding.hidden);
  const listed = options.all === true ? open : open.slice(0, mostFindings);
  const foot = footLines(report, options, open.length - listed.length, ink);
  yield* linesOut(layOut(listed, rowsOf(foot, ink.columns), options, ink));
  yield* linesOut(foot);
}

function* linesOut(lines: Iterable<string>): Generator<string> {
  for (const line of lines) yield `${line.trimEnd()}\n`;
}

/** The findings in the richest of three forms with which the whole report fits the screen. */
function layOut(
  findings: readonly Finding[],
  footRows: number,
  options: RenderOptions,
  ink: Ink,
): Iterable<string> {
  if (options.fullStacks === true) return blocks(findings, 'full', ink);
  const room = (options.rows ?? 50) - footRows;
  for (const detail of ['full', 'medium'] as const) {
    // A finding takes at least three rows with these; do not lay out a thousand to find that they do not fit.
    if (3 * findings.length > room) continue;
    const lines = [...blocks(findings, detail, ink)];
    if (rowsOf(lines, ink.columns) <= room) return lines;
  }
  return findings.length === 1 ? blocks(findings, 'full', ink) : blocks(findings, 'brief', ink);
}

/** What a kind means is said once, with its first finding. */
function* blocks(findings: readonly Finding[], detail: Detail, ink: Ink): Generator<string> {
  const explained = new Set<string>();
  for (const [index, finding] of findings.entries()) {
    yield* findingLines(finding, index + 1, detail, !explained.has(finding.rule), ink);
    explained.add(finding.rule);
    if (detail !== 'brief') yield '';
  }
  if (detail === 'brief' && findings.length > 0) yield '';
}

function footLines(report: Report, options: RenderOptions, leftOut: number, ink: Ink): readonly string[] {
  const messages = messageLines(report, options, ink);
  const totals = [...hiddenLines(report, options, leftOut, ink), ...totalLines(report, ink)];
  const processes = processLines(report, options, ink);
  const parts = [messages, totals, processes, problemLines(report, options, ink)];
  const filled = parts.filter((lines) => lines.length > 0).flatMap((lines) => [...lines, '']);
  return [...filled, ...verdictLines(report, ink)];
}

function hiddenLines(report: Report, options: RenderOptions, leftOut: number, ink: Ink): readonly string[] {
  const lines: string[] = [];
  if (leftOut > 0) lines.push(`${grouped(leftOut)} more findings are not listed; --all lists them.`);
  const hidden = options.all === true ? [] : report.findings.filter((finding) => finding.hidden);
  if (hidden.length > 0) {
    const bytes = hidden.reduce((sum, { leak }) => sum + (leak?.bytes ?? 0), 0);
    const cost = bytes === 0 ? '' : ` (${grouped(bytes)} bytes)`;
    const kinds = [...new Set(hidden.map(({ title }) => title))].map(harmless).join(', ');
    lines.push(`Not listed: ${grouped(hidden.length)} × ${kinds}${cost}; --all lists them.`);
  }
  return lines.map((line) => ink.dim(line));
}

function messageLines(report: Report, options: RenderOptions, ink: Ink): readonly string[] {
  const fatal = report.messages.filter(({ source }) => source === 'fatal-signal');
  const others = report.messages.filter(({ source }) => source !== 'fatal-signal');
  const shown = options.all === true ? others : others.slice(0, 3);
  const left = others.length - shown.length;
  return [
    ...fatal
      .slice(0, options.all === true ? fatal.length : 5)
      .map((message) => fatalLine(message, report, ink)),
    ...shown.map(({ pid, text }) => ink.dim(`${pid}: ${harmless(text)}`)),
    ...(left > 0 ? [ink.dim(`${grouped(left)} more messages; --all lists them.`)] : []),
  ];
}

function fatalLine(message: ReportMessage, report: Report, ink: Ink): string {
  const frames = message.stack?.frames ?? [];
  const mine = frames.find((frame) => frame.owner === 'mine') ?? frames[0];
  const who = report.processes.length > 1 ? ` (process ${message.pid})` : '';
  return `${ink.red(harmless(message.text))}${who}${mine === undefined ? '' : `, at ${ink.place(mine)}`}`;
}

function problemLines(report: Report, options: RenderOptions, ink: Ink): readonly string[] {
  const told = new Set(report.reasons);
  const lines: string[] = [];
  for (const { level, message, hint, quote } of report.problems) {
    // What makes the run inconclusive is said with the outcome; its hint belongs here all the same.
    if (told.has(message) && hint === undefined) continue;
    if (level === 'note' && options.all !== true && hint === undefined && quote !== undefined) continue;
    const text = told.has(message)
      ? harmless(hint ?? '')
      : [message, hint ?? ''].map(harmless).join(' ').trim();
    const label = told.has(message) ? 'hint' : level === 'note' ? 'note' : 'warning';
    const [first = '', ...rest] = wrap(text, ink.columns - label.length - 2);
    lines.push(`${label === 'warning' ? ink.yellow(label) : ink.dim(label)}: ${first}`);
    lines.push(...rest.map((line) => `${' '.repeat(label.length + 2)}${line}`));
  }
  const most = options.all === true ? lines.length : 10;
  if (lines.length <= most) return lines;
  return [
    ...lines.slice(0, most),
    ink.dim(`… ${grouped(lines.length - most)} more lines; --all shows them.`),
  ];
}

function verdictLines(report: Report, ink: Ink): readonly string[] {
  const { outcome, reasons, status, run } = report;
  const paint = outcome === 'clean' ? ink.green : outcome === 'inconclusive' ? ink.yellow : ink.red;
  const said = reasons.length > 0 ? reasons.slice(0, 5) : ['No errors, and the program was seen to its end.'];
  const more = reasons.length > 5 ? [`${reasons.length - 5} more reasons.`] : [];
  const text = [...said, ...more, `Exit status ${status}.`].map(harmless).join(' ');
  const indent = outcome.length + 2;
  const [first = '', ...rest] = wrap(text, Math.max(20, ink.columns - indent));
  const lines = [
    `${ink.bold(paint(outcome))}: ${first}`,
    ...rest.map((line) => `${' '.repeat(indent)}${line}`),
  ];
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
