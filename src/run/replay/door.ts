// Owns the way to a served program: the listening socket that it is given, or the address where it listens by itself.
import { closeSync, openSync } from 'node:fs';
import type { Exchange, ExchangeResult, Gateway, GatewayOptions } from '../../drive/exchange.ts';
import { type Address, readAddress } from '../../drive/fastcgi/address.ts';
import { wakeUp } from '../../drive/fastcgi/wake.ts';
import { longestAnswer } from './answers.ts';
import type { ReplayPlan } from './plan.ts';

export interface GatewayDoor {
  /** What the program gets as its standard input: FCGI_LISTENSOCK_FILENO is 0. */
  readonly descriptor: number;
  /** The program runs and has its socket: this process is not to listen there any more. */
  readonly release: () => void;
  readonly send: (exchange: Exchange) => Promise<ExchangeResult>;
  /** Lets the program see that nobody asks any more. */
  readonly hangUp: () => void;
  /** Wakes a program that looks around only when somebody connects. */
  readonly poke: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** A program is slow to start under an instrument, and its socket may come only then. */
const longestStartMs = 300_000;
/** Node's timers take no more. */
const longestWaitMs = 2 ** 31 - 1;

/** @param isAlive whether the program still runs. */
export async function openDoor(
  { mode, connect, timeout, parallel }: ReplayPlan,
  isAlive: () => boolean,
): Promise<GatewayDoor> {
  const socket =
    connect === undefined
      ? await (await import('../../drive/fastcgi/listening-socket.ts')).openListeningSocket('unix')
      : undefined;
  const nothing = socket === undefined ? openSync('/dev/null', 'r') : undefined;
  const address = socket?.address ?? readAddress(connect ?? '');
  const limit = timeout === 0 ? longestWaitMs : timeout;
  // Asks the program what it can do, which must run for that.
  let gateway: Promise<Gateway> | undefined;
  const options = {
    connectMs: Math.min(longestStartMs, limit),
    firstByteMs: limit,
    wholeMs: limit,
    maxBytes: longestAnswer,
    isAlive,
    parallel,
    // A program that serves one connection until it is closed would leave the others waiting.
    keepConnections: parallel === 1,
  };
  const hangUp = () => {
    void gateway?.then(({ close }) => close());
  };
  return {
    descriptor: socket?.descriptor ?? (nothing as number),
    release: () => socket?.release(),
    send: async (exchange) => {
      gateway ??= openGatewayOf(mode, address, options);
      return (await gateway).send(exchange);
    },
    hangUp,
    poke: wakeUp(address),
    close: async () => {
      hangUp();
      if (nothing !== undefined) closeSync(nothing);
      await socket?.remove();
    },
  };
}

async function openGatewayOf(
  mode: ReplayPlan['mode'],
  address: Address,
  options: GatewayOptions,
): Promise<Gateway> {
  if (mode === 'scgi') return (await import('../../drive/scgi.ts')).openScgiGateway(address, options);
  return (await import('../../drive/fastcgi/client.ts')).openGateway(address, options);
}
