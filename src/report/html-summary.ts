// The part of the HTML report that needs no script: outcome, totals, and the first findings.
import type { Finding, Report } from '../model/report.ts';
import type { Replay } from '../model/request.ts';
import { escapeXml } from './flame-svg.ts';
import { replayFacts, shareNames } from './html-page/request-words.ts';
import {
  costText,
  type Fact,
  functionText,
  gateFacts,
  headlineOf,
  isMerePlace,
  outcomeSigns,
  pardonWords,
  profileFacts,
  reasonsOf,
  runFacts,
  severitySigns,
  sourceText,
  totalFacts,
} from './html-page/words.ts';
import { profilesMarkup } from './html-profile-summary.ts';
import { makeInk } from './pretty-ink.ts';
import { stopLines } from './pretty-stop.ts';
import { sentence } from './sentence.ts';
import { grouped } from './terminal-text.ts';

/** Without a script a long list is no help. */
const mostFindings = 50;

function shortForm(all: string): string {
  return `<noscript><p>This is the short form. With JavaScript, which asks for nothing from any network, the page shows ${all}.</p></noscript>\n`;
}

/** Written into the place that the page takes over when its script runs. */
export function* summaryMarkup(report: Report): Generator<string> {
  const { outcome, status } = report;
  yield `<header class="top"><div class="verdict ${outcome}">
<h1><span class="badge"><span aria-hidden="true">${outcomeSigns[outcome]}</span> ${outcome}</span> <span class="status">exit status ${status}</span></h1>
<ul class="reasons">
`;
  for (const reason of reasonsOf(report)) yield `<li>${escapeXml(sentence(reason))}</li>\n`;
  yield '</ul>\n</div>\n';
  yield* factMarkup([
    ...runFacts(report),
    ...replayFacts(report),
    ...profileFacts(report),
    ...totalFacts(report),
    ...gateFacts(report),
  ]);
  yield '</header>\n';
  const shown = report.findings.filter(({ hidden }) => !hidden);
  if (report.profiles !== undefined) yield* profilesMarkup(report.profiles);
  // Where there is a profile, no finding is no news.
  if (report.profiles !== undefined && shown.length === 0) {
    yield shortForm('the whole profile as graphs and tables');
    return;
  }
  yield `<section class="brief" aria-labelledby="brief-title">\n<h2 id="brief-title">${grouped(shown.length)} ${shown.length === 1 ? 'finding' : 'findings'}</h2>\n`;
  yield shortForm('all findings with their stacks');
  if (shown.length > 0) {
    yield '<ol>\n';
    for (const finding of shown.slice(0, mostFindings)) yield findingMarkup(finding, report.replay);
    yield '</ol>\n';
  }
  const left = shown.length - mostFindings;
  if (left > 0) yield `<p>… and ${grouped(left)} more.</p>\n`;
  yield '</section>\n';
  const options = { columns: 110, rows: 60 };
  const stopped = stopLines(report, options, options.rows, makeInk(report, options));
  if (stopped.length === 0) return;
  yield '<section class="brief" aria-labelledby="threads-title">\n<h2 id="threads-title">Threads</h2>\n';
  yield `<pre>${escapeXml(stopped.slice(0, options.rows).join('\n'))}</pre>\n</section>\n`;
}

function* factMarkup(facts: readonly Fact[]): Generator<string> {
  yield '<dl class="facts">\n';
  for (const [name, value] of facts) yield `<div><dt>${name}</dt><dd>${escapeXml(value)}</dd></div>\n`;
  yield '</dl>\n';
}

function findingMarkup(finding: Finding, replay: Replay | undefined): string {
  const { blamed, stacks, severity, leak, count, atLeast, pardon } = finding;
  const stack = stacks[blamed?.stack ?? 0];
  const frame =
    blamed === undefined
      ? (stack?.frames.find(({ owner }) => owner !== 'tool') ?? stack?.frames[0])
      : stack?.frames[blamed.frame];
  const source = frame === undefined ? '' : sourceText(frame);
  const place =
    frame === undefined
      ? ''
      : `<br><code>${escapeXml(source !== '' && isMerePlace(frame) ? source : `${source === '' ? '' : `${source} in `}${functionText(frame)}`)}</code>`;
  const cost = costText({ count, ...(leak && { bytes: leak.bytes, blocks: leak.blocks }) }, atLeast);
  const standing = finding.standing === undefined ? '' : `, ${finding.standing}`;
  const why = pardon === undefined ? '' : `, does not fail the run (${pardonWords[pardon]})`;
  const requests = shareNames(finding, replay);
  const asked = requests === '' ? '' : `, ${escapeXml(requests)}`;
  const what = escapeXml(headlineOf(finding.what, finding.title, leak !== undefined));
  return `<li><span class="severity ${severity}"><span aria-hidden="true">${severitySigns[severity]}</span> ${severity}</span> <b>${what}</b>${cost === '' ? '' : `, ${cost}`}${standing}${asked}${why} <small>${escapeXml(`${finding.rule} ${finding.id}`)}</small>${place}</li>\n`;
}
