// What a program was asked over HTTP: a request as it was captured, and what became of it when it was replayed.
import type { Exit } from './exit.ts';

/** A header field; both parts are the bytes of the wire as latin1. */
export type Header = readonly [name: string, value: string];

/** A body that need not be in memory. */
export interface Body {
  /** Bytes, after chunks are put together: what `CONTENT_LENGTH` says. */
  readonly length: number;
  /** The bytes; may be called again. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** Where a request was captured. */
export interface CaptureSource {
  /** As the user named it; `-` is standard input, `curl` and `url` were typed. */
  readonly name: string;
  /** Which one of the capture's requests it is, from 1. */
  readonly entry: number;
  /** Bytes from the start of the file to the request, where the form of the capture has such a place. */
  readonly offset?: number;
}

/** A request, whatever form it was captured in. */
export interface CapturedRequest {
  readonly source: CaptureSource;
  readonly method: string;
  /** Path and query as they were sent, percent signs and all: `/cgi-bin/app?a=1`; `*` for OPTIONS. No fragment. */
  readonly target: string;
  readonly scheme: 'http' | 'https';
  /** Where it was sent to, without a port; missing when the capture does not tell. */
  readonly host?: string;
  /** The port that was named, or the usual one of the scheme. */
  readonly port: number;
  /** `HTTP/1.1`; of HTTP/2 and 3 too. */
  readonly protocol: string;
  /**
   * As sent and in order, without what speaks of the transport alone: pseudo headers, `Transfer-Encoding`, `TE`,
   * `Trailer`, `Expect`, `Upgrade`, `Keep-Alive`. `Connection` stays, as servers hand it on; `Content-Length` is once
   * there where it was sent, with the length of `body`.
   */
  readonly headers: readonly Header[];
  /** Missing when none was sent; one of 0 bytes was sent with `Content-Length: 0`. */
  readonly body?: Body;
  /** The answer that was captured with it. */
  readonly answer?: CapturedAnswer;
  /** What was left out or changed against the capture, one sentence each. */
  readonly notes: readonly string[];
}

/** An answer as a HAR file holds it. */
export interface CapturedAnswer {
  readonly status: number;
  readonly headers: readonly Header[];
  /** Missing when the capture has none: browsers leave it out of long ones. */
  readonly body?: Uint8Array;
}

/** How requests reach the program. */
export type GatewayMode = 'cgi' | 'fastcgi' | 'scgi';

/** What the program answered. */
export interface Answer {
  /** 200 where the program names none, 302 for a `Location` alone: RFC 3875, section 6. */
  readonly status: number;
  readonly reason?: string;
  readonly contentType?: string;
  /** Of a redirection; a query in it is masked. */
  readonly location?: string;
  /** Bytes of its body. */
  readonly bodyBytes: number;
  /** File in the run directory that holds it, headers and all. */
  readonly artifact?: string;
}

/** Memory of a process that serves many requests: how much more it holds after one than before it. */
export interface RequestGrowth {
  /** Times the growth was measured over one pass of this request alone. */
  readonly measured: number;
  /** Passes of these in which it came to hold more. */
  readonly grew: number;
  /** Bytes over all of these, of blocks of all kinds; negative when it gave back more than it took. */
  readonly bytes: number;
  readonly blocks: number;
  /** Every pass grew by the same; missing when measured less than twice. */
  readonly steady?: boolean;
}

/** As reports have it. */
export interface MeasuredGrowth extends RequestGrowth {
  /** Passes in which it came to hold less; missing when there were none. */
  readonly shrank?: number;
}

/** One captured request and what came of replaying it, once or many times. */
export interface ReplayedRequest {
  /** From 1, in the order of the captures. */
  readonly number: number;
  readonly source: CaptureSource;
  readonly method: string;
  /** Values of the query that look like secrets are masked. */
  readonly target: string;
  /** Times it was sent. 0: the replay ended before it. */
  readonly sent: number;
  /** Times an answer came that could be read. */
  readonly answered: number;
  /** Passes by the status of their answers, the most frequent first: `[[200, 99], [500, 1]]`. */
  readonly statuses: readonly (readonly [status: number, passes: number])[];
  /** The first answer that came. */
  readonly answer?: Answer;
  /** What is wrong with answers, one sentence each, at most five different ones. */
  readonly faults: readonly string[];
  /** What `--expect` asked for and did not come, one sentence each, at most five. */
  readonly unmet: readonly string[];
  /** Why no answer came, or not all of it, one sentence each, at most five: it was late, broke off, or was no FastCGI. */
  readonly lost: readonly string[];
  /** How its processes ended, where each pass has a process of its own: the worst of them. */
  readonly exit?: Exit;
  /** The process ended while it served this request: crashed, or left. */
  readonly ended?: Exit;
  /** ms over all passes. */
  readonly durationMs: number;
  /** Of the slowest pass. */
  readonly slowestMs: number;
  readonly growth?: RequestGrowth;
  /** vgrun was ended before it could write down what became of it. */
  readonly unknown?: true;
}

/** A replay as a whole: of `run.json`, and of the report. */
export interface Replay {
  readonly mode: GatewayMode;
  /** How the environment is made: `apache`. */
  readonly server: string;
  /** How often the requests were sent, warm-up not counted. */
  readonly passes: number;
  /** Passes before anything is measured. */
  readonly warmUp: number;
  /** How many may be under way at once. */
  readonly parallel: number;
  readonly requests: readonly ReplayedRequest[];
}

const longestTarget = 100;

/**
 * How sentences name a request: `request 17 GET /app?x=1`. A long target loses its middle; one that is kept back is empty and left
 * out. From outside, so to be escaped like all such text.
 *
 * @param most characters of the target.
 */
export function requestName(
  { number, method, target }: Pick<ReplayedRequest, 'number' | 'method' | 'target'>,
  most = longestTarget,
): string {
  return [`request ${number}`, method, withoutMiddle(target, most)].filter((part) => part !== '').join(' ');
}

/** Which program was asked stands at the start, and what tells requests to it apart often at the end. */
function withoutMiddle(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = Math.floor((most - 1) / 3);
  const head = text.slice(0, most - 1 - end).replace(/[\ud800-\udbff]$/, '');
  const tail = text.slice(text.length - end).replace(/^[\udc00-\udfff]/, '');
  return `${head}…${tail}`;
}

/** The process failed over the request, which is why there is no whole answer. */
export function hasFailed({ ended }: Pick<ReplayedRequest, 'ended'>): boolean {
  return ended !== undefined && (ended.how !== 'exited' || ended.code !== 0);
}
