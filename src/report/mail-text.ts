// What a mail about a report says: its subject, and its text. What is attached belongs to who sends it.
import type { Finding, Report } from '../model/report.ts';
import { onlyMeasures, reasonsOf } from './finding-text.ts';
import { pretty } from './pretty.ts';
import { profileHeadline } from './profile-text.ts';
import type { RenderOptions } from './reporter.ts';
import { cut, grouped, harmless, plural } from './terminal-text.ts';

/** Readers of mail show about so much of a subject. */
const longestSubject = 150;
const longestProgram = 60;

/**
 * `[vgrun] findings: 3 in app.cgi, request 17 loses 240 bytes each time`, `[vgrun] clean: app.cgi`,
 * `[vgrun] inconclusive: app.cgi: The program was ended after 5 s.` One line without control characters, whatever the program is called.
 */
export function mailSubject(report: Report): string {
  const program = programName(report);
  const failing = report.findings.filter((finding) => finding.failing);
  const count = grouped(failing.length);
  const { outcome } = report;
  if (outcome === 'clean') {
    const [profile] = report.profiles ?? [];
    if (!onlyMeasures(report)) return subject(`clean: ${program}`);
    return subject(`measured: ${program}${profile === undefined ? '' : `: ${profileHeadline(profile)}`}`);
  }
  if (failing.length === 0) return subject(`${outcome}: ${program}: ${reasonsOf(report)[0] ?? ''}`);
  const counted = outcome === 'findings' ? count : `${count} ${plural(failing.length, 'finding')}`;
  return subject(`${outcome}: ${counted} in ${program}${lossText(failing)}`);
}

function subject(text: string): string {
  return `[vgrun] ${cut(harmless(text), longestSubject)}`.trimEnd();
}

/** Base name of the first program. */
function programName({ processes, run }: Report): string {
  const path = processes[0]?.program ?? run?.command[0] ?? '';
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name === '' ? 'a program' : cut(name, longestProgram);
}

/** What the findings lose: of a replay by the request that loses the most each time, else the sum. Empty: nothing. */
function lossText(failing: readonly Finding[]): string {
  const steady = failing
    .flatMap(({ requests = [] }) => requests)
    .filter(({ steady, bytes = 0, passes = 0 }) => steady === true && bytes > 0 && passes > 1)
    .map(({ request, bytes = 0, passes = 1 }) => ({ request, bytes: bytes / passes }))
    .sort((a, b) => b.bytes - a.bytes)[0];
  if (steady !== undefined) {
    const { request, bytes } = steady;
    return `, request ${request} loses ${grouped(bytes)} ${plural(bytes, 'byte')} each time`;
  }
  // What is lost indirectly is in the sum of the block that leads to it.
  const leaks = failing.filter(({ leak, kind }) => leak !== undefined && kind !== 'Leak_IndirectlyLost');
  const bytes = leaks.reduce((sum, { leak }) => sum + (leak?.bytes ?? 0), 0);
  if (bytes === 0) return '';
  const least = leaks.some(({ atLeast }) => atLeast) ? 'at least ' : '';
  return `, ${least}${grouped(bytes)} ${plural(bytes, 'byte')} leaked`;
}

/** Mail has no screen to fit on, but nobody scrolls through thousands of lines: the whole report is attached. */
const rows = 120;

/**
 * The report as text, and below it what is attached and what is not.
 *
 * @param notes a sentence each.
 */
export function mailText(report: Report, options: RenderOptions, notes: readonly string[]): string {
  let text = '';
  for (const piece of pretty.render(report, {
    ...options,
    color: false,
    hyperlinks: false,
    columns: 78,
    rows,
  })) {
    text += piece;
  }
  return notes.length === 0 ? text : `${text}\n${notes.map((note) => `${harmless(note)}\n`).join('')}`;
}
