// Owns the conversation with an SCGI program: one connection for each request, the answer is what comes until it closes. https://python.ca/scgi/protocol.txt
import { type Channel, connectTo } from './channel.ts';
import type { Exchange, ExchangeResult, Gateway, GatewayOptions } from './exchange.ts';
import type { Address } from './fastcgi/address.ts';
import { watchLimits } from './limits.ts';

/** An SCGI program as a gateway. Connects when something is sent. */
export function openScgiGateway(address: Address, options: GatewayOptions): Gateway {
  const channels = new Set<Channel>();
  let closed = false;
  return {
    send: async (exchange) => {
      const made = closed
        ? { failed: 'the connections were closed' }
        : await connectTo(address, options.connectMs, options.isAlive, exchange.signal);
      if ('failed' in made) return { faults: [], lost: made.failed, bytes: 0 };
      channels.add(made.channel);
      try {
        return await converse(made.channel, exchange, options);
      } finally {
        made.channel.destroy();
        channels.delete(made.channel);
      }
    },
    close: () => {
      closed = true;
      for (const channel of channels) channel.destroy();
    },
  };
}

async function converse(
  channel: Channel,
  exchange: Exchange,
  options: GatewayOptions,
): Promise<ExchangeResult> {
  let lost: string | undefined;
  const lose = (why: string) => {
    lost ??= why;
    channel.destroy();
  };
  const limits = watchLimits(options, lose);
  const giveUp = () => lose('it was given up');
  exchange.signal?.addEventListener('abort', giveUp);
  if (exchange.signal?.aborted === true) giveUp();
  const write = async (bytes: Uint8Array) => {
    const taken = await channel.write(bytes);
    if (taken) limits.progress();
    return taken;
  };
  // Beside the reading: a program may answer before it has read the body.
  send(exchange, write).catch((reason: Error) => {
    lose(`the body of the request could not be read: ${reason.message}`);
  });
  for await (const bytes of channel.chunks()) {
    if (lost !== undefined || !limits.count(bytes.length, true)) break;
    try {
      await exchange.onStdout(bytes);
    } catch (reason) {
      lose(`its answer could not be stored: ${(reason as Error).message}`);
    }
  }
  limits.stop();
  exchange.signal?.removeEventListener('abort', giveUp);
  const broke = channel.broke();
  if (broke !== undefined) lost ??= `the connection broke (${broke})`;
  if (limits.answerBytes() === 0) lost ??= 'the program closed the connection without an answer';
  return { faults: [], ...(lost !== undefined && { lost }), bytes: limits.answerBytes() };
}

async function send(exchange: Exchange, write: (bytes: Uint8Array) => Promise<boolean>): Promise<void> {
  const { body } = exchange;
  if (!(await write(encodeHeaders(exchange.variables, body?.length ?? 0)))) return;
  if (body === undefined) return;
  let sent = 0;
  for await (const chunk of body.open()) {
    sent += chunk.length;
    if (sent > body.length) throw new Error(`it has more than its ${body.length} bytes`);
    if (!(await write(chunk))) return;
  }
  if (sent < body.length) throw new Error(`it has ${sent} bytes instead of ${body.length}`);
}

/** The netstring of the headers: `CONTENT_LENGTH` first, and there even without a body; then `SCGI`, then the others. */
export function encodeHeaders(variables: ReadonlyMap<string, string>, bodyLength: number): Uint8Array {
  const first = [
    ['CONTENT_LENGTH', String(bodyLength)],
    ['SCGI', '1'],
  ];
  const others = [...variables].filter(([name]) => name !== 'CONTENT_LENGTH' && name !== 'SCGI');
  const headers = [...first, ...others].map(([name, value]) => `${name}\0${value}\0`).join('');
  return Buffer.from(`${headers.length}:${headers},`, 'latin1');
}
