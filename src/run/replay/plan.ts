// Owns what a replay is told: the requests, the program that answers them, and how often and how they are sent.
import type { Expectation } from '../../drive/gateway/expect.ts';
import type { Server } from '../../drive/gateway/server-presets.ts';
import type { CapturedRequest, GatewayMode } from '../../model/request.ts';
import type { RunRequest } from '../run.ts';

/** What is replayed, against what, and how. */
export interface ReplayPlan {
  /** The program under its instrument, as planned; its working directory is that of the user. */
  readonly run: RunRequest;
  /** At least one. */
  readonly requests: readonly CapturedRequest[];
  /** What of the captures is no request, one sentence each. */
  readonly notes: readonly string[];
  readonly mode: GatewayMode;
  readonly server: Server;
  /** Variables of a served program itself: what the server adds to each request is sent with the request. */
  readonly processVariables: ReadonlyMap<string, string>;
  /** Where the program listens by itself; missing: it is given a listening socket. */
  readonly connect?: string;
  /** Absolute: where the program stands while it runs. */
  readonly programDirectory: string;
  /** How often every request is sent, at least 1. */
  readonly passes: number;
  /** Passes before anything is counted; 0 for CGI. */
  readonly warmUp: number;
  /** At least 1. */
  readonly parallel: number;
  /** ms for one answer; 0: no limit. */
  readonly timeout: number;
  /** Looks for leaks after each request. */
  readonly growth: boolean;
  readonly expectations: readonly Expectation[];
  /** Keeps the requests, too, secrets and all. */
  readonly keepRequests: boolean;
}

/** What may be heard of a replay while it goes on. */
export interface ReplayEvents {
  /** One line for the user. */
  readonly say: (line: string) => void;
  /** Lines on stderr that tell how far it is. */
  readonly progress: boolean;
  /** The first program runs now. */
  readonly onStart?: () => void;
  /** The answer to a request, as it came: the file that holds it. Called in the order in which they end. */
  readonly onAnswer?: (request: CapturedRequest, file: string) => Promise<void>;
}

/** One sending of a request. */
export interface Pass {
  /** Index into the requests. */
  readonly index: number;
  /** From 1; 0 and below: warm-up. */
  readonly pass: number;
}

/** All that is to be sent, in order: every request once, then every request again. */
export function* passesOf({ requests, passes, warmUp }: ReplayPlan): Generator<Pass> {
  for (let pass = 1 - warmUp; pass <= passes; pass++) {
    for (let index = 0; index < requests.length; index++) yield { index, pass };
  }
}

/** Why there is no answer of a request that was under way. */
export const interrupted = 'the replay was interrupted';
