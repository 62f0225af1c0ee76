// What reports say of the requests of a replay: which ones a finding comes from, and what came of each. Nothing here is escaped yet.
import type { Finding, RequestShare } from '../../model/report.ts';
import { type MeasuredGrowth, type Replay, type ReplayedRequest, requestName } from '../../model/request.ts';
import { grouped, harmless, plural, widthOf } from '../terminal-text.ts';
import { costText, counted, type Fact } from './words.ts';

/** What of a finding tells where it comes from. */
export type OfRequests = Pick<Finding, 'requests' | 'leak'>;

/**
 * `in request 17 GET /app?x=1: 240 bytes in 1 block each time (100 passes)`: a text for each request, the most expensive first.
 *
 * @param most so many requests; of a finding of the start-up of a program each request has its share.
 */
export function shareTexts(
  { requests, leak }: OfRequests,
  replay: Replay | undefined,
  most = Number.POSITIVE_INFINITY,
): readonly string[] {
  if (requests === undefined || replay === undefined) return [];
  if (requests.length === 0) return [outsideText(leak !== undefined && replay.warmUp > 0)];
  return requests.slice(0, most).map((share) => shareText(share, replay));
}

/**
 * The first of these, and how many more requests there are; empty when nothing is known. Requests of which it was one are one text.
 *
 * @param width of a line: the names of requests give way, so that what they cost is in it.
 */
export function shortShares(
  { requests, leak }: OfRequests,
  replay: Replay | undefined,
  most = 1,
  width = Number.POSITIVE_INFINITY,
): readonly string[] {
  if (requests === undefined || replay === undefined) return [];
  if (requests.length === 0) return shareTexts({ requests, ...(leak && { leak }) }, replay);
  const oneOf = requests.filter(({ how }) => how === 'one of');
  const others = requests.filter(({ how }) => how !== 'one of');
  const shown = others.slice(0, most);
  const isOneShown = oneOf.length > 0 && shown.length < most;
  const left = others.length - shown.length + (isOneShown ? 0 : oneOf.length);
  return [
    ...shown.map((share) => fitted((target) => shareText(share, replay, target), width)),
    ...(isOneShown ? [oneOfText(oneOf, replay)] : []),
    ...(left > 0 ? [`and in ${counted(left, 'more request')}`] : []),
  ];
}

/** What there is before the first check for leaks may be of requests that were not counted. */
function outsideText(isBeforeChecks: boolean): string {
  return isBeforeChecks
    ? 'before what was measured: at the start of the program or while warming up'
    : 'outside of requests: at the start or the end of the program';
}

/** `in request 17 GET /app?x=1, and in 3 more requests`: for lists in which a finding has one line. */
export function shareNames({ requests = [] }: OfRequests, replay: Replay | undefined): string {
  const [first] = requests;
  if (first === undefined || replay === undefined) return '';
  const oneOf = first.how === 'one of' ? requests.filter(({ how }) => how === 'one of') : [first];
  const more = requests.length - oneOf.length;
  const how = first.how === 'made' ? 'in' : 'first seen in';
  const name = first.how === 'one of' ? oneOfText(oneOf, replay) : `${how} ${nameOf(first.request, replay)}`;
  return `${name}${more > 0 ? `, and in ${counted(more, 'more request')}` : ''}`;
}

/** `request 2`, `requests 2, 5 and 3 more`: for rows that are short. */
export function requestNumbers(numbers: readonly number[]): string {
  return `${plural(numbers.length, 'request')} ${numberList(numbers, 3)}`;
}

/** `1, 2 and 3`; at most so many parts, of which the last says how many there are beyond. */
function numberList(numbers: readonly number[], most: number): string {
  const isCut = numbers.length > most;
  const parts = numbers.slice(0, isCut ? most - 1 : most).map(String);
  const last = isCut ? `${grouped(numbers.length - parts.length)} more` : (parts.pop() ?? '');
  return parts.length === 0 ? last : `${parts.join(', ')} and ${last}`;
}

function oneOfText(shares: readonly RequestShare[], replay: Replay): string {
  const [only, second] = shares;
  if (only !== undefined && second === undefined) return shareText(only, replay);
  const numbers = shares.map(({ request }) => request).sort((a, b) => a - b);
  return `first seen in one of requests ${numberList(numbers, 10)}, served at once`;
}

/**
 * A text whose requests have the longest names with which it is no wider than a line.
 *
 * @param least characters of a target that stay in any case.
 */
export function fitted(text: (target?: number) => string, width: number, least = 16): string {
  const whole = text();
  if (widthOf(harmless(whole)) <= width) return whole;
  for (let target = 95; target > least; target--) {
    const shorter = text(target);
    if (widthOf(harmless(shorter)) <= width) return shorter;
  }
  return text(least);
}

function shareText(share: RequestShare, replay: Replay, target?: number): string {
  const name = nameOf(share.request, replay, target);
  if (share.how === 'one of') return `first seen while ${name} was served, among others`;
  const isWarmUp = share.passes === 0;
  if (share.how === 'first')
    return `first seen in ${name}${isWarmUp ? ', while warming up' : ''}; others may make it too`;
  if (isWarmUp) return `in ${name}, only while warming up`;
  const text = share.bytes === undefined ? timesText(share, replay) : lossText(share, replay);
  return `in ${name}${text === '' ? '' : `: ${text}`}`;
}

function nameOf(number: number, replay: Replay, target?: number): string {
  const found = requestAt(number, replay);
  return found === undefined ? `request ${number}` : requestName(found, target);
}

/** They are numbered from 1, in order. */
function requestAt(number: number, { requests }: Replay): ReplayedRequest | undefined {
  const there = requests[number - 1];
  return there?.number === number ? there : requests.find((request) => request.number === number);
}

/** Of something that is no leak, and that each pass has a process of its own for. */
function timesText({ count = 0, passes = 1, request }: RequestShare, replay: Replay): string {
  const sent = sentOf(request, replay);
  const times = count > 1 || passes > 1 ? counted(count, 'time') : '';
  if (sent <= 1) return times;
  return [
    times,
    passes < sent
      ? `in ${grouped(passes)} of ${grouped(sent)} passes`
      : `(${counted(passes, 'pass', 'passes')})`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function lossText(share: RequestShare, replay: Replay): string {
  const { bytes = 0, blocks = 0, passes = 1, count = passes, steady, request } = share;
  // Of a program that serves many, `passes` are those that were measured, and it may have grown in few of them.
  const [grew, of] =
    replay.mode === 'cgi' ? [passes, Math.max(passes, sentOf(request, replay))] : [count, passes];
  return overPasses({ bytes, blocks, grew, of, steady: steady === true });
}

interface Amount {
  readonly bytes: number;
  readonly blocks: number;
}

interface OverPasses extends Amount {
  readonly grew: number;
  readonly of: number;
  readonly steady: boolean;
  /** The amount is what it holds less. */
  readonly gives?: boolean;
}

/** `240 bytes in 1 block each time (100 passes)`, `4,096 bytes in 1 block once in 100 passes`, `90 bytes in 9 blocks over 4 of 9 passes`. */
function overPasses({ bytes, blocks, grew, of, steady, gives }: OverPasses): string {
  const cost = (over: number): string =>
    changeText({ bytes: Math.round(bytes / over), blocks: Math.round(blocks / over) }, gives).replace(
      /,$/,
      of <= 1 ? '' : ',',
    );
  if (of <= 1) return cost(1);
  if (grew === 1) return `${cost(1)} once in ${counted(of, 'pass', 'passes')}`;
  if (steady && grew === of) return `${cost(of)} each time (${counted(of, 'pass', 'passes')})`;
  if (steady) return `${cost(grew)} each time in ${grouped(grew)} of ${counted(of, 'pass', 'passes')}`;
  if (grew < of) return `${cost(1)} over ${grouped(grew)} of ${counted(of, 'pass', 'passes')}`;
  return `${cost(1)} over ${counted(of, 'pass', 'passes')}`;
}

/** A block that became larger is no block more, and one may have come for two that went. */
function changeText({ bytes, blocks }: Amount, gives = false): string {
  if (blocks === 0) return counted(bytes, 'byte');
  if (blocks > 0) return costText({ bytes, blocks, count: 1 });
  return `${counted(bytes, 'byte')}, with ${counted(-blocks, 'block')} ${gives ? 'more' : 'less'},`;
}

function sentOf(number: number, replay: Replay): number {
  return requestAt(number, replay)?.sent ?? 0;
}

/**
 * `memory grows by 240 bytes in 1 block each time (100 passes)`, `gives back 70 bytes in 1 block each time (8 passes)`; empty when
 * nothing changed.
 */
export function growthWords(growth: MeasuredGrowth): string {
  const { measured, grew, shrank = 0, bytes, blocks, steady } = growth;
  if (bytes === 0 && blocks === 0) return grew === 0 && shrank === 0 ? '' : 'gives back all that it takes';
  const gives = bytes < 0 || (bytes === 0 && blocks < 0);
  const what = gives ? 'gives back' : 'memory grows by';
  const sign = gives ? -1 : 1;
  const sum = { bytes: sign * bytes, blocks: sign * blocks };
  if (grew > 0 && shrank > 0) {
    const ways = `more after ${grouped(grew)}, less after ${grouped(shrank)}`;
    return `${what} ${changeText(sum, gives)} over ${counted(measured, 'pass', 'passes')} (${ways})`;
  }
  const passes = { grew: gives ? shrank : grew, of: measured, steady: steady === true };
  return `${what} ${overPasses({ ...sum, ...passes, gives })}`;
}

const modes = { cgi: 'CGI', fastcgi: 'FastCGI', scgi: 'SCGI' } as const;

/** `500 requests over FastCGI, 100 passes after 2 to warm up, environment as apache`. */
export function replayWords({ requests, mode, passes, warmUp, parallel, server }: Replay): string {
  const warm = warmUp === 0 ? '' : ` after ${grouped(warmUp)} to warm up`;
  return [
    `${counted(requests.length, 'request')} over ${modes[mode]}`,
    ...(passes > 1 || warmUp > 0 ? [`${counted(passes, 'pass', 'passes')}${warm}`] : []),
    ...(parallel > 1 ? [`${grouped(parallel)} at once`] : []),
    `environment as ${server}`,
  ].join(', ');
}

/** For the table at the top of a page. */
export function replayFacts({ replay }: { readonly replay?: Replay }): readonly Fact[] {
  return replay === undefined ? [] : [[plural(replay.requests.length, 'Request'), replayWords(replay)]];
}
