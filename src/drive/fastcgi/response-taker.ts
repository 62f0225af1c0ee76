// Owns what one request gets back: its streams, its end, what is wrong with them, and when it is too late or too much.
import type { Exchange, ExchangeResult, GatewayOptions } from '../exchange.ts';
import { type Limits, watchLimits } from '../limits.ts';
import { decodeEndRequest, type FastCgiRecord, type ProtocolStatus, RecordType } from './records.ts';

/** How the answer to one request ended. */
export interface AnswerEnd {
  readonly result: ExchangeResult;
  /** The program still works on it and is to be told that nobody waits. */
  readonly abort: boolean;
  /** Nothing came for this request at all: the program closed the connection before it. */
  readonly untouched: boolean;
  /** What else comes over the connection cannot be trusted. */
  readonly spoils: boolean;
}

/** Takes the records of one request. */
export interface AnswerTaker {
  /** true: this one ends the request. Never rejects. */
  readonly take: (record: FastCgiRecord) => Promise<boolean>;
  /** After the record that ends the request: settles `end`. */
  readonly finish: () => void;
  readonly fault: (sentence: string) => void;
  /** No whole answer will come; `abort` when that is our decision. Later calls do nothing. */
  readonly lose: (why: string, abort: boolean) => void;
  /** The program took some of the request. */
  readonly progress: () => void;
  readonly isOver: () => boolean;
  readonly end: Promise<AnswerEnd>;
}

const mostFaults = 20;

/** Starts the clock. */
export function takeAnswer(exchange: Exchange, options: GatewayOptions): AnswerTaker {
  const faults = new Set<string>();
  const closed = new Set<number>();
  let over = false;
  let touched = false;
  let ending: { readonly appStatus: number; readonly protocolStatus: ProtocolStatus } | undefined;
  let settle: (end: AnswerEnd) => void = () => undefined;
  const end = new Promise<AnswerEnd>((resolve) => {
    settle = resolve;
  });
  const limits: Limits = watchLimits(options, (why) => lose(why, true));

  function fault(sentence: string): void {
    if (faults.size < mostFaults) faults.add(sentence);
  }

  function conclude(lost: string | undefined, abort: boolean): void {
    if (over) return;
    over = true;
    limits.stop();
    settle({
      result: {
        ...ending,
        faults: [...faults],
        ...(lost !== undefined && { lost }),
        bytes: limits.answerBytes(),
      },
      abort,
      untouched: !touched && !abort,
      spoils: lost !== undefined || faults.size > 0,
    });
  }

  function lose(why: string, abort: boolean): void {
    conclude(why, abort);
  }

  async function takeStream(type: number, content: Uint8Array): Promise<void> {
    if (closed.has(type)) {
      const stream = type === RecordType.stdout ? 'output' : 'error stream';
      fault(`it sent more on the ${stream} after it had closed it`);
    }
    if (content.length === 0) {
      closed.add(type);
      return;
    }
    if (!limits.count(content.length, type === RecordType.stdout)) return;
    try {
      if (type === RecordType.stderr) exchange.onStderr(content);
      else await exchange.onStdout(content);
    } catch (reason) {
      lose(`its answer could not be stored: ${(reason as Error).message}`, true);
    }
  }

  return {
    take: async ({ type, content }) => {
      if (over) return false;
      touched = true;
      if (ending !== undefined) {
        fault(`it sent a record of type ${type} after the end of the request`);
        return false;
      }
      if (type === RecordType.stdout || type === RecordType.stderr) await takeStream(type, content);
      else if (type === RecordType.endRequest) {
        ending = decodeEndRequest(content);
        if (ending !== undefined) return true;
        lose(`its record that ends the request has ${content.length} bytes instead of 8`, false);
      } else {
        fault(
          type > RecordType.unknownType || type === 0
            ? `it sent a record of type ${type}, which FastCGI does not have`
            : `it sent a record of type ${type}, which is not for programs to send in a request`,
        );
      }
      return false;
    },
    finish: () => {
      const status = ending?.protocolStatus;
      conclude(status === undefined || status === 'complete' ? undefined : refusal(status), false);
    },
    fault,
    lose,
    progress: limits.progress,
    isOver: () => over,
    end,
  };
}

function refusal(status: Exclude<ProtocolStatus, 'complete'>): string {
  switch (status) {
    case 'cannot-multiplex':
      return 'it takes one request at a time over a connection (FCGI_CANT_MPX_CONN)';
    case 'overloaded':
      return 'it refused the request as overloaded (FCGI_OVERLOADED)';
    case 'unknown-role':
      return 'it does not answer requests: it does not know the role of a responder (FCGI_UNKNOWN_ROLE)';
    default:
      return `it ended the request with the protocol status ${status}, which FastCGI does not have`;
  }
}
