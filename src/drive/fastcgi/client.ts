// Owns the conversation with a FastCGI program: which connection a request takes, and when one is opened, kept or given up.
import { type Channel, connectTo } from '../channel.ts';
import type { Exchange, ExchangeResult, Gateway, GatewayOptions } from '../exchange.ts';
import type { Address } from './address.ts';
import { askForValues } from './capabilities.ts';
import { encodeAbortRequest, type FastCgiRecord, RecordType, readRecords } from './records.ts';
import { encodeHead, feedBody } from './request-writer.ts';
import { type AnswerTaker, takeAnswer } from './response-taker.ts';

/** A connection and the requests that are under way over it. */
interface Line {
  readonly channel: Channel;
  readonly takers: Map<number, AnswerTaker>;
  /** Requests that were given up and that the program has not ended yet. */
  readonly abandoned: Set<number>;
  /** It has carried a whole request before. */
  used: boolean;
  /** No further request may go over it. */
  spoilt: boolean;
}

/** How long a program may take to end a request that was aborted before the connection is closed, in ms. */
const abortGrace = 1000;

/**
 * A FastCGI program as a gateway. Connects when something is sent; with `parallel` above 1 it first asks the program
 * whether it takes several requests over one connection (FCGI_MPXS_CONNS), for 5 s at most.
 */
export async function openGateway(address: Address, options: GatewayOptions): Promise<Gateway> {
  const lines = new Set<Line>();
  let keeps = options.keepConnections ?? true;
  let closed = false;
  const connect = (signal?: AbortSignal) => connectTo(address, options.connectMs, options.isAlive, signal);
  let multiplexes =
    keeps && (options.parallel ?? 1) > 1 && (await askForValues(connect, options)).multiplexes;
  /** The connection that all share is being made. */
  let making: Promise<Line | string> | undefined;

  async function newLine(signal?: AbortSignal): Promise<Line | string> {
    const made = await connect(signal);
    if ('failed' in made) return made.failed;
    const line: Line = {
      channel: made.channel,
      takers: new Map(),
      abandoned: new Set(),
      used: false,
      spoilt: false,
    };
    if (closed) {
      made.channel.destroy();
      return 'the connections were closed';
    }
    lines.add(line);
    void listenTo(line).finally(() => lines.delete(line));
    return line;
  }

  async function lineFor(exchange: Exchange): Promise<Line | string> {
    const usable = [...lines].find(
      (line) =>
        !line.spoilt &&
        !line.channel.isOver() &&
        (multiplexes || line.takers.size === 0) &&
        (keeps || !line.used),
    );
    if (usable !== undefined) return usable;
    if (!multiplexes) return newLine(exchange.signal);
    making ??= newLine().finally(() => {
      making = undefined;
    });
    return making;
  }

  /** `again`: nothing of an answer came, and the request may be sent over another connection. */
  async function attempt(exchange: Exchange): Promise<{ result: ExchangeResult; again: boolean }> {
    const line = await lineFor(exchange);
    if (typeof line === 'string') return { result: { faults: [], lost: line, bytes: 0 }, again: false };
    const id = freeId(line);
    const shared = multiplexes;
    const taker = takeAnswer(exchange, options);
    line.takers.set(id, taker);
    let fed = false;
    const giveUp = () => taker.lose('it was given up', true);
    if (exchange.signal?.aborted === true) giveUp();
    exchange.signal?.addEventListener('abort', giveUp);
    void send(line, id, exchange, taker).then((whole) => {
      fed = whole;
    });
    const end = await taker.end;
    exchange.signal?.removeEventListener('abort', giveUp);
    line.takers.delete(id);
    if (end.abort) abandon(line, id);
    else if (!fed || end.spoils || !keeps) {
      // What it was still to read of the body would be taken for the next request.
      line.spoilt = true;
      if (line.takers.size === 0) line.channel.destroy();
    }
    // Closed after another's answer, before the program looked at this request.
    const passedOver = end.untouched && line.used;
    line.used = true;
    const cannot = end.result.protocolStatus === 'cannot-multiplex' && shared;
    if (cannot || passedOver) multiplexes = false;
    if (passedOver) keeps = false;
    return { result: end.result, again: passedOver || (cannot && end.result.bytes === 0) };
  }

  /** Whether all of the request went out. */
  async function send(line: Line, id: number, exchange: Exchange, taker: AnswerTaker): Promise<boolean> {
    const write = async (bytes: Uint8Array) => {
      if (taker.isOver()) return false;
      const taken = await line.channel.write(bytes);
      if (taken) taker.progress();
      return taken && !taker.isOver();
    };
    for (const bytes of together(encodeHead(id, exchange.variables, keeps, exchange.body === undefined))) {
      if (!(await write(bytes))) return false;
    }
    if (exchange.body === undefined) return true;
    try {
      return await feedBody(id, exchange.body, write);
    } catch (reason) {
      taker.lose(`the body of the request could not be read: ${(reason as Error).message}`, true);
      return false;
    }
  }

  function abandon(line: Line, id: number): void {
    line.abandoned.add(id);
    if (line.channel.isOver()) return;
    void line.channel.write(encodeAbortRequest(id));
    if (multiplexes && line.takers.size > 0) return;
    line.spoilt = true;
    setTimeout(() => line.channel.destroy(), abortGrace).unref();
  }

  return {
    send: async (exchange) => {
      for (let before: ExchangeResult | undefined; ; ) {
        const { result, again } = await attempt(exchange);
        // The program may have died of the request: what was lost first says more.
        if (before !== undefined && result.lost !== undefined && result.bytes === 0) return before;
        const gone = closed || exchange.signal?.aborted === true || options.isAlive?.() === false;
        if (!again || gone) return result;
        before = result;
      }
    },
    close: () => {
      closed = true;
      for (const line of lines) line.channel.destroy();
    },
  };
}

/** Hands the records of a connection to whom they belong, until it ends. */
async function listenTo(line: Line): Promise<void> {
  const { channel, takers } = line;
  const reader = readRecords();
  for await (const bytes of channel.chunks()) {
    const ended: AnswerTaker[] = [];
    for (const record of reader.read(bytes)) {
      const taker = takers.get(record.requestId);
      if (taker === undefined) takeStray(line, record);
      else if (await taker.take(record)) ended.push(taker);
    }
    const fault = reader.fault();
    for (const taker of ended) {
      if (fault !== undefined) taker.fault(`after the end of the answer: ${fault}`);
      taker.finish();
    }
    if (fault !== undefined) break;
    if (line.spoilt && takers.size === 0 && line.abandoned.size === 0) break;
  }
  line.spoilt = true;
  channel.destroy();
  const broke = channel.broke();
  const why =
    reader.fault() ??
    (reader.pending() > 0
      ? 'the program closed the connection within a record'
      : broke !== undefined
        ? `the connection broke (${broke})`
        : 'the program closed the connection before its answer was whole');
  for (const taker of takers.values()) taker.lose(why, false);
}

/** A record that belongs to no request under way. */
function takeStray(line: Line, record: FastCgiRecord): void {
  const { requestId, type } = record;
  if (line.abandoned.has(requestId)) {
    if (type === RecordType.endRequest) line.abandoned.delete(requestId);
    return;
  }
  const text =
    requestId !== 0
      ? `it sent a record for request ${requestId}, which was not asked over this connection`
      : type === RecordType.unknownType
        ? `it does not know records of type ${record.content[0] ?? 0}`
        : `it sent a record of type ${type} that belongs to no request`;
  for (const taker of line.takers.values()) taker.fault(text);
  // Nobody waits for an answer: what comes next cannot be trusted.
  if (line.takers.size === 0) line.spoilt = true;
}

function freeId(line: Line): number {
  for (let id = 1; ; id++) if (!line.takers.has(id) && !line.abandoned.has(id)) return id;
}

/** Bytes of one write. */
const writeSize = 64 * 1024;

/** A program that is woken for each of some short records takes longer than for all of them. */
function* together(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for (const piece of pieces) {
    held.push(piece);
    size += piece.length;
    if (size < writeSize) continue;
    yield Buffer.concat(held);
    held = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(held);
}
