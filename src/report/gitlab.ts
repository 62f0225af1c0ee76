// The report as GitLab's Code Quality JSON: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
import type { Severity } from '../model/finding.ts';
import type { Finding, Report } from '../model/report.ts';
import type { Replay } from '../model/request.ts';
import {
  blamedFrame,
  costOf,
  exceededLimits,
  headline,
  isInProject,
  placeOf,
  programPath,
  reasonsOf,
  shownFrame,
  whyNotFailing,
  witnessNames,
} from './finding-text.ts';
import { shareNames } from './html-page/request-words.ts';
import { harmlessJson } from './json.ts';
import { growthLimits, growthText } from './profile-text.ts';
import type { Reporter } from './reporter.ts';
import { harmless } from './terminal-text.ts';

/*
 * Decisions:
 * - All findings are in it but hidden ones, known ones too: GitLab compares the reports of two branches by fingerprint,
 *   and what is left out here would be shown as fixed there.
 * - A place is mandatory. What has no line in a source of the project is placed in the program itself, at line 1, which
 *   is no line of any source; its description names the place that is known.
 * - An inconclusive run is an entry of its own, severity `blocker`: GitLab would show an empty list as all fixed.
 */

/** `--report gitlab=FILE`. */
export const gitlab: Reporter = { name: 'gitlab', render: renderGitlab };

const severities: Readonly<Record<Severity, string>> = {
  critical: 'critical',
  error: 'major',
  warning: 'minor',
  info: 'info',
};

function* renderGitlab(report: Report): Generator<string> {
  let between = '[\n';
  for (const entry of entriesOf(report)) {
    yield `${between}${harmlessJson(JSON.stringify(entry))}`;
    between = ',\n';
  }
  yield between === '[\n' ? '[]\n' : '\n]\n';
}

interface Entry {
  readonly description: string;
  readonly check_name: string;
  readonly fingerprint: string;
  readonly severity: string;
  readonly location: { readonly path: string; readonly lines: { readonly begin: number } };
}

function* entriesOf(report: Report): Generator<Entry> {
  const program = harmless(programPath(report));
  if (report.outcome === 'inconclusive') {
    yield {
      description: harmless(`The run is inconclusive: ${reasonsOf(report).join(' ')}`),
      check_name: 'vgrun/inconclusive',
      fingerprint: 'vgrun-inconclusive',
      severity: 'blocker',
      location: { path: program, lines: { begin: 1 } },
    };
  }
  if (report.outcome === 'failed') {
    yield {
      description: harmless(`The program failed: ${reasonsOf(report).join(' ')}`),
      check_name: 'vgrun/failed',
      fingerprint: 'vgrun-failed',
      severity: 'critical',
      location: { path: program, lines: { begin: 1 } },
    };
  }
  for (const [index, limit] of exceededLimits(report).entries()) {
    yield {
      description: harmless(`Limit exceeded: ${limit}`),
      check_name: 'vgrun/limit',
      fingerprint: `vgrun-limit-${index + 1}`,
      severity: 'critical',
      location: { path: program, lines: { begin: 1 } },
    };
  }
  const measures = new Set<string>();
  for (const limit of growthLimits(report)) {
    if (!limit.exceeded) continue;
    // The measure alone tells one from another, so that a limit more or less changes none of the others.
    const measure = harmless(limit.measure);
    const again = measures.has(measure) ? `-${measures.size + 1}` : '';
    measures.add(`${measure}${again}`);
    yield {
      description: harmless(`Growth limit exceeded: ${growthText(limit)}`),
      check_name: 'vgrun/max-growth',
      fingerprint: `vgrun-max-growth-${measure}${again}`,
      severity: 'critical',
      location: { path: program, lines: { begin: 1 } },
    };
  }
  for (const finding of report.findings) {
    if (finding.hidden) continue;
    yield {
      description: harmless(descriptionOf(finding, report.replay)),
      check_name: harmless(finding.rule),
      fingerprint: harmless(finding.fingerprint),
      severity: severities[finding.severity],
      location: locationOf(finding, program),
    };
  }
}

function descriptionOf(finding: Finding, replay: Replay | undefined): string {
  const frame = shownFrame(finding);
  const cost = costOf(finding);
  const excuse = whyNotFailing(finding);
  const requests = shareNames(finding, replay);
  const parts = [
    `${headline(finding)}${cost === '' ? '' : `, ${cost}`}`,
    ...(frame === undefined ? [] : [`, at ${placeOf(frame)}`]),
    ...(requests === '' ? [] : [`, ${requests}`]),
    ...(excuse === undefined ? [] : [` (${excuse})`]),
    ...(finding.witnesses === undefined ? [] : [`, ${witnessNames(finding)}`]),
    ` ${finding.id}`,
  ];
  return parts.join('');
}

/** The blamed line; else the innermost line of the project, whoever's it is; else the program. */
function locationOf(finding: Finding, program: string): Entry['location'] {
  const frames = [blamedFrame(finding), ...(finding.stacks[0]?.frames ?? [])];
  for (const frame of frames) {
    const { path, line = 0 } = frame ?? {};
    if (path !== undefined && isInProject(path) && line > 0) {
      return { path: harmless(path.replace(/^(?:\.\/+)+/, '')), lines: { begin: line } };
    }
  }
  return { path: program, lines: { begin: 1 } };
}
