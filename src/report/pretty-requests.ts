// What came of the requests of a replay, on a terminal: those with something to say first.
import type { Report } from '../model/report.ts';
import { requestName } from '../model/request.ts';
import {
  answeredWords,
  findingsByRequest,
  type RequestRow,
  requestRows,
  rowText,
} from './html-page/request-rows.ts';
import { fitted, replayWords } from './html-page/request-words.ts';
import type { Ink } from './pretty-ink.ts';
import { clip, grouped, harmless, widthOf, wrap } from './terminal-text.ts';

/** More are no help to a person; `all` lists every one. */
const mostRequests = 10;
/** On a full screen: they are what a replay is about. */
const leastRequests = 3;

/** The requests, at most so many lines of them. Empty for what is no replay. */
export function requestLines(report: Report, most: number, ink: Ink): readonly string[] {
  const { replay, findings } = report;
  if (replay === undefined) return [];
  const rows = requestRows(replay, findingsByRequest(findings));
  const all = most === Number.POSITIVE_INFINITY;
  const telling = all ? rows : rows.filter(({ rank }) => rank < 7);
  // When none has more to say than its status, a few show what was asked.
  const shown = (telling.length === 0 ? rows.slice(0, 3) : telling).slice(
    0,
    all ? most : Math.min(Math.max(most, leastRequests), mostRequests),
  );
  const left = rows.slice(shown.length);
  const more =
    left.length === 0
      ? []
      : [
          ink.dim(
            `… and ${grouped(left.length)} more, ${leftWords(left)}${all ? '' : '; --all lists them.'}`,
          ),
        ];
  const head = `REQUESTS  ${ink.dim(harmless(replayWords(replay)))}`;
  return [head, ...[...shown.flatMap((row) => rowLines(row, ink)), ...more].map((line) => `  ${line}`)];
}

/** What came of it is never cut off: first the target gives way, then there is a second line. What was wrong may be long. */
function rowLines(row: RequestRow, ink: Ink): readonly string[] {
  const { request, rank } = row;
  const width = Math.max(20, ink.columns - 2);
  const line = (of: RequestRow) => (target?: number) =>
    harmless(`${requestName(request, target).replace(/^request /, '')}: ${rowText(of)}`);
  const told = line({ ...row, wrong: [] });
  const least = [40, 16].find((target) => widthOf(told(target)) <= width);
  const lines =
    least === undefined
      ? wrap(line(row)(16), width - 2)
          .slice(0, 3)
          .map((text, index) => (index === 0 ? text : `  ${text}`))
      : [fitted(line(row), width, least)];
  return lines.map((text) => {
    const shown = clip(text, width);
    if (rank <= 2) return ink.red(shown);
    return rank === 7 && request.sent > 0 ? ink.dim(shown) : shown;
  });
}

/** What kept an answer away is said with the answers. */
function leftWords(rows: readonly RequestRow[]): string {
  const telling = rows.filter(({ rank, request }) => rank < 7 && request.answered > 0).length;
  const answered = answeredWords(rows);
  return telling === 0 ? answered : `${answered}; ${grouped(telling)} of them with something to say`;
}

/** Each pass has one process of its own, and no more: a list of them says nothing that the requests do not. */
export function servedAlone({ processes }: Report): boolean {
  const launches = new Set(processes.map(({ launch }) => launch));
  return (
    processes.length > 0 &&
    launches.size === processes.length &&
    processes.every(({ request }) => request !== undefined)
  );
}
