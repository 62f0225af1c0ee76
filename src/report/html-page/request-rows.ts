// What came of each request of a replay, as rows: those with something to say first. Nothing here is escaped yet.
import type { Finding } from '../../model/report.ts';
import { hasFailed, type Replay, type ReplayedRequest, requestName } from '../../model/request.ts';
import { grouped } from '../terminal-text.ts';
import { growthWords } from './request-words.ts';
import { counted, exitText } from './words.ts';

/** `200`, `200 (99), 500 (1)`; empty when no answer came. */
export function statusWords({ statuses }: Pick<ReplayedRequest, 'statuses'>): string {
  const [first] = statuses;
  if (first !== undefined && statuses.length === 1) return `${first[0]}`;
  return statuses.map(([status, passes]) => `${status} (${counted(passes, 'time')})`).join(', ');
}

/** A request, and what there is to say of it. */
export interface RequestRow {
  readonly request: ReplayedRequest;
  /** `request 17 GET /app?x=1`. */
  readonly name: string;
  readonly status: string;
  /** How many findings that are shown come from it. */
  readonly findings: number;
  /** What went wrong, one sentence each. */
  readonly wrong: readonly string[];
  /** Of memory; empty when nothing grew, or it was not measured. */
  readonly growth: string;
  /** Of those with something to say, the worst first: 0 to 6; 7 has nothing to say. */
  readonly rank: number;
}

/** The rows of all requests, those with something to say first. */
export function requestRows(replay: Replay, findings: ReadonlyMap<number, number>): readonly RequestRow[] {
  return replay.requests
    .map((request): RequestRow => {
      const found = findings.get(request.number) ?? 0;
      const growth = request.growth === undefined ? '' : growthWords(request.growth);
      return {
        request,
        name: requestName(request),
        status: statusWords(request),
        findings: found,
        wrong: wrongOf(request),
        growth,
        rank: rankOf(request, found, growth),
      };
    })
    .sort(
      (a, b) =>
        a.rank - b.rank ||
        b.findings - a.findings ||
        grownBytes(b) - grownBytes(a) ||
        a.request.number - b.request.number,
    );
}

function grownBytes({ request }: RequestRow): number {
  return request.growth?.bytes ?? 0;
}

/** What is wrong, and what the program did in place of an answer. */
function wrongOf(request: ReplayedRequest): readonly string[] {
  const { sent, ended, exit, lost, faults, unmet } = request;
  return [
    ...(sent > 0 ? [] : [request.unknown ? 'what became of it is not known' : 'it was never sent']),
    ...(ended === undefined ? [] : [`the program ended in it: ${exitText(ended)}`]),
    ...(exit === undefined || (exit.how === 'exited' && exit.code === 0) ? [] : [exitText(exit)]),
    ...(hasFailed(request) ? [] : lost),
    ...faults,
    ...unmet,
  ];
}

function rankOf(request: ReplayedRequest, findings: number, growth: string): number {
  const { sent, ended, exit, lost, faults, unmet, statuses } = request;
  const endedBadly = exit !== undefined && !(exit.how === 'exited' && exit.code === 0);
  if (ended !== undefined || endedBadly) return 0;
  if (lost.length > 0) return 1;
  if (faults.length > 0 || unmet.length > 0) return 2;
  if (sent === 0) return 3;
  if (statuses.some(([status]) => status >= 500)) return 4;
  if (findings > 0) return 5;
  return growth === '' ? 7 : 6;
}

/** How many of the findings that are shown come from each request. */
export function findingsByRequest(
  findings: Iterable<Pick<Finding, 'requests' | 'hidden'>>,
): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const { requests = [], hidden } of findings) {
    if (hidden) continue;
    for (const { request } of requests) counts.set(request, (counts.get(request) ?? 0) + 1);
  }
  return counts;
}

/** `200, 2 findings, memory grows by …`, without the name; what can be long comes last. */
export function rowText({ status, findings, wrong, growth }: RequestRow): string {
  return [
    ...(status === '' ? [] : [status]),
    ...(findings === 0 ? [] : [counted(findings, 'finding')]),
    ...(growth === '' ? [] : [growth]),
    ...wrong.map((text) => text.replace(/\.$/, '')),
  ].join(', ');
}

/**
 * Of requests that have no row of their own: `all answered 200`, `answered 200, 302 and 404`, `175 answered 200, 3 not answered,
 * 120 never sent`. The numbers come to all of them.
 */
export function answeredWords(rows: readonly RequestRow[]): string {
  const answered = rows.filter(({ request: { sent, answered } }) => sent > 0 && answered >= sent);
  const unsent = rows.filter(({ request }) => request.sent === 0).length;
  const silent = rows.filter(({ request: { sent, answered } }) => sent > 0 && answered === 0).length;
  const partly = rows.length - answered.length - unsent - silent;
  const statuses = new Set(answered.flatMap(({ request }) => request.statuses.map(([status]) => status)));
  const [first, ...rest] = [...statuses].sort((a, b) => a - b);
  const list =
    rest.length === 0 ? `${first}` : `${[first, ...rest.slice(0, -1)].join(', ')} and ${rest.at(-1)}`;
  const said = first === undefined ? 'answered' : `answered ${list}`;
  if (answered.length === rows.length) return rest.length === 0 && rows.length > 1 ? `all ${said}` : said;
  const parts = [
    [answered.length, said],
    [partly, 'not answered each time'],
    [silent, 'not answered'],
    [unsent, rows.some(({ request }) => request.unknown) ? 'of which nothing is known' : 'never sent'],
  ] as const;
  const shown = parts.filter(([count]) => count > 0);
  const [[, only] = [0, '']] = shown;
  if (shown.length === 1) return only;
  return shown.map(([count, text]) => `${grouped(count)} ${text}`).join(', ');
}
