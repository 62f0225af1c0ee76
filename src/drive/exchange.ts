// What it is to ask a program that serves requests over a socket, whichever protocol it speaks.
import type { Body } from '../model/request.ts';
import type { ProtocolStatus } from './fastcgi/records.ts';

/** One request and who takes its answer. */
export interface Exchange {
  /** The environment of the request; names and values are bytes as latin1. */
  readonly variables: ReadonlyMap<string, string>;
  readonly body?: Body;
  /** Takes bytes of the answer; while its promise is pending no more are read. What it throws ends the exchange. */
  readonly onStdout: (bytes: Uint8Array) => void | Promise<void>;
  /** Takes what the program wrote to the error stream of the request. SCGI has none. */
  readonly onStderr: (bytes: Uint8Array) => void;
  /** Gives the exchange up. */
  readonly signal?: AbortSignal;
}

/** What came of it. There is always one, within the time limits, whatever the program does. */
export interface ExchangeResult {
  /** What a FastCGI program would exit with as a CGI program. */
  readonly appStatus?: number;
  /** How it says that the request ended; FastCGI only. */
  readonly protocolStatus?: ProtocolStatus;
  /** What is wrong with the answer though it is whole, one sentence each, at most 20 different ones. */
  readonly faults: readonly string[];
  /** Why no whole answer came, one sentence. */
  readonly lost?: string;
  /** Bytes of the answer that came. */
  readonly bytes: number;
}

/** Limits of one exchange, in ms and bytes. */
export interface GatewayOptions {
  /** For a connection, tried again and again until then: a socket may come only once the program is up. */
  readonly connectMs: number;
  /** For the first byte of the answer, from when the program last took some of the request. */
  readonly firstByteMs: number;
  /** For the whole answer, from when the connection is there. */
  readonly wholeMs: number;
  /** Longest answer, error stream included. */
  readonly maxBytes: number;
  /** Whether the program still runs: no connection is waited for after it ended. Missing: it is not ours. */
  readonly isAlive?: () => boolean;
  /** Most exchanges at once. More than 1 has a FastCGI program asked whether it takes them over one connection. */
  readonly parallel?: number;
  /** false: a connection for each request. */
  readonly keepConnections?: boolean;
}

/** A program that serves requests. */
export interface Gateway {
  /** Never fails: what goes wrong is in the result. */
  readonly send: (exchange: Exchange) => Promise<ExchangeResult>;
  /** Closes all connections; exchanges under way are lost. */
  readonly close: () => void;
}
