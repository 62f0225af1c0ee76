// The report as GitHub workflow commands, which become annotations of a pull request: for standard output of a step.
import type { Finding, Report } from '../model/report.ts';
import type { Replay } from '../model/request.ts';
import {
  blamedFrame,
  costOf,
  exceededLimits,
  headline,
  isInProject,
  placeOf,
  reasonsOf,
  shownFrame,
  stackLines,
  whyNotFailing,
} from './finding-text.ts';
import { shortShares } from './html-page/request-words.ts';
import { exceededGrowth } from './profile-text.ts';
import type { Reporter } from './reporter.ts';
import { cut, grouped, harmless, plural, withoutCommands } from './terminal-text.ts';

/*
 * https://docs.github.com/actions/reference/workflow-commands-for-github-actions; escapes as in actions/toolkit,
 * packages/core/src/command.ts.
 *
 * What fails is an error. What does not is a warning, and a notice when it is known, pardoned or mere information. Only
 * files of the project are named: GitHub can show a line of nothing else.
 */

/** `--report github=-`. Its job summary goes to the file that GitHub names for it. */
export const github: Reporter = {
  name: 'github',
  render: renderGithub,
  companion: { format: 'github-summary', variable: 'GITHUB_STEP_SUMMARY' },
};

type Level = 'error' | 'warning' | 'notice';

/** GitHub keeps so many annotations of each level of a step. */
const most = 10;

/** GitHub cuts a message at 4 KB or so, without saying it. */
const longest = 3000;

function* renderGithub(report: Report): Generator<string> {
  const { outcome, findings, status } = report;
  const room: Record<Level, number> = { error: most, warning: most, notice: most - 1 };
  const verdict = `${outcome}: ${reasonsOf(report).join(' ')} Exit status ${status}.`;
  const broken = outcome === 'inconclusive' || outcome === 'failed';
  if (broken) {
    room.error--;
    yield command('error', { title: `vgrun: ${outcome}` }, [verdict]);
  }
  for (const limit of exceededLimits(report)) {
    if (room.error === 0) break;
    room.error--;
    yield command('error', { title: 'vgrun: limit exceeded' }, [limit]);
  }
  for (const limit of exceededGrowth(report)) {
    if (room.error === 0) break;
    room.error--;
    yield command('error', { title: 'vgrun: growth limit exceeded' }, [limit]);
  }
  let left = 0;
  let hidden = 0;
  for (const finding of findings) {
    const level = levelOf(finding);
    if (finding.hidden && !finding.failing) hidden++;
    else if (room[level] === 0) left++;
    else {
      room[level]--;
      yield annotation(finding, level, report.replay);
    }
  }
  const more =
    left === 0
      ? []
      : [
          `${grouped(left)} more ${plural(left, 'finding')} not annotated: GitHub keeps ${most} of each level.`,
        ];
  const rest = hidden === 0 ? [] : [`${grouped(hidden)} hidden ${plural(hidden, 'finding')} not annotated.`];
  yield command('notice', { title: 'vgrun' }, [verdict, ...more, ...rest]);
}

function levelOf({ failing, pardon, standing, severity }: Finding): Level {
  if (failing) return 'error';
  const known = pardon !== undefined || standing === 'known' || standing === 'changed';
  return known || severity === 'info' ? 'notice' : 'warning';
}

function annotation(finding: Finding, level: Level, replay: Replay | undefined): string {
  const frame = blamedFrame(finding);
  const place = shownFrame(finding);
  const cost = costOf(finding);
  const excuse = whyNotFailing(finding);
  const inside = frame?.path !== undefined && isInProject(frame.path);
  const line = frame?.line !== undefined && frame.line > 0 ? { line: String(frame.line) } : {};
  const column =
    frame?.column !== undefined && frame.column > 0 && line.line ? { col: String(frame.column) } : {};
  return command(
    level,
    {
      ...(inside ? { file: frame.path, ...line, ...column } : {}),
      title: cut(`${finding.title} ${finding.id}`, 200),
    },
    [
      `${headline(finding)}${cost === '' ? '' : `, ${cost}`}${excuse === undefined ? '' : ` (${excuse})`}`,
      ...(place === undefined ? [] : [`at ${placeOf(place)}`]),
      ...shortShares(finding, replay, 3),
      ...stackLines(finding, 12),
    ],
  );
}

/** `::error file=src/list.c,line=20,title=Memory lost::100 bytes`; lines of the message are kept as lines. */
function command(
  level: Level,
  properties: Readonly<Record<string, string>>,
  lines: readonly string[],
): string {
  const written = Object.entries(properties).map(
    ([name, value]) => `${name}=${escapedProperty(shown(value))}`,
  );
  const message = cut(lines.map((line) => cut(shown(line), 1000)).join('\n'), longest);
  return `::${level} ${written.join(',')}::${escapedData(message)}\n`;
}

/** Harmless, and without `##[…]`, the older form of a command, which may stand anywhere in a line. */
function shown(text: string): string {
  return withoutCommands(harmless(text));
}

function escapedData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapedProperty(text: string): string {
  return escapedData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
