// Which of the captured requests are replayed.
import { UserError } from '../../errors.ts';

/** All that is given must fit. */
export interface Selection {
  /** Part of the URL; with `*` a pattern for the whole of it; `/…/` a regular expression. */
  readonly url?: string;
  /** Any of these; upper or lower case. */
  readonly methods?: readonly string[];
  /** Numbers of requests in their capture, from 1: `1,3-5,9-`. */
  readonly entries?: string;
  /** Of the captured answer: `200`, `5xx`, `404,5xx`. What has no answer does not fit. */
  readonly status?: string;
}

/** What a request is selected by. */
export interface Selectable {
  readonly entry: number;
  readonly method: string;
  readonly url: string;
  readonly status?: number;
}

/** @throws UserError when the selection cannot be read */
export function compileSelection(selection: Selection): (request: Selectable) => boolean {
  const { url, methods, entries, status } = selection;
  const fitsUrl = url === undefined ? undefined : urlTest(url);
  const upper = methods?.map((method) => method.toUpperCase());
  const ranges = entries === undefined ? undefined : parseRanges(entries);
  const statuses = status === undefined ? undefined : parseStatuses(status);
  return (request) =>
    (fitsUrl === undefined || fitsUrl(request.url)) &&
    (upper === undefined || upper.includes(request.method.toUpperCase())) &&
    (ranges === undefined || ranges.some(([from, to]) => from <= request.entry && request.entry <= to)) &&
    (statuses === undefined || statuses.some((pattern) => pattern.test(String(request.status ?? ''))));
}

function urlTest(text: string): (url: string) => boolean {
  const expression = /^\/(.*)\/(i?)$/s.exec(text);
  // `/a/` alone may be a path: an expression has something that no path has.
  if (expression?.[1] !== undefined && /[\\^$.*+?()[\]{}|]/.test(expression[1])) {
    try {
      const pattern = new RegExp(expression[1], expression[2]);
      return (url) => pattern.test(url);
    } catch {
      throw new UserError(
        `${text} is no regular expression`,
        'a URL is selected by a part of it, or with * in it',
      );
    }
  }
  if (!text.includes('*')) return (url) => url.includes(text);
  const pattern = new RegExp(`^${text.split(/\*+/).map(escapeExpression).join('.*')}$`, 's');
  return (url) => pattern.test(url);
}

function escapeExpression(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function parseRanges(text: string): readonly (readonly [from: number, to: number])[] {
  return text.split(',').map((part) => {
    const range = /^\s*(\d+)(?:(-)(\d*))?\s*$/.exec(part);
    const from = Number(range?.[1] ?? 0);
    const last = range?.[3] ?? '';
    const to = range?.[2] === undefined ? from : last === '' ? Number.POSITIVE_INFINITY : Number(last);
    if (from < 1 || to < from) {
      throw new UserError(`${text} names no requests by number`, 'numbers count from 1, as in 1,3-5,9-');
    }
    return [from, to];
  });
}

function parseStatuses(text: string): readonly RegExp[] {
  return text.split(',').map((part) => {
    const status = part.trim().toLowerCase();
    if (!/^[1-5](?:\d\d|\dx|xx)$/.test(status)) {
      throw new UserError(`${text} names no status`, 'a status is 200, or 5xx for all that begin so');
    }
    return new RegExp(`^${status.replaceAll('x', '\\d')}$`);
  });
}
