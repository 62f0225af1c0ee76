// What came of the requests of a replay, on a terminal: those with something to say first.
import type { Report } from '../model/report.ts';
import {
  answeredWords,
  findingsByRequest,
  type RequestRow,
  replayWords,
  requestRows,
  rowText,
} from './html-page/request-words.ts';
import type { Ink } from './pretty-ink.ts';
import { clip, grouped, harmless, plural } from './terminal-text.ts';

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
  return [head, ...[...shown.map((row) => rowLine(row, ink)), ...more].map((line) => `  ${line}`)];
}

function rowLine(row: RequestRow, ink: Ink): string {
  const { request, rank } = row;
  const name = harmless(row.name.replace(/^request /, ''));
  const text = clip(`${name}: ${harmless(rowText(row))}`, Math.max(20, ink.columns - 2));
  if (rank <= 2) return ink.red(text);
  return rank === 7 && request.sent > 0 ? ink.dim(text) : text;
}

function leftWords(rows: readonly RequestRow[]): string {
  const telling = rows.filter(({ rank }) => rank < 7).length;
  const answered = answeredWords(rows);
  return telling === 0
    ? answered
    : `${grouped(telling)} ${plural(telling, 'request')} with something to say among them, ${answered}`;
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
