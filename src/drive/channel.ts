// Owns one connection to a program: made with patience, read no faster than its bytes are taken, written no faster than they are read.
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Address, addressText } from './fastcgi/address.ts';

/** A connection. No method throws; a connection that broke is `over`. */
export interface Channel {
  /** Waits until the program has room for more. false: the connection is over. */
  readonly write: (bytes: Uint8Array) => Promise<boolean>;
  /** The bytes that come, until the program closes; the connection is read only while somebody takes them. */
  readonly chunks: () => AsyncGenerator<Uint8Array, void, void>;
  /** Tells the program that no more will be sent; what it sends still comes. */
  readonly finish: () => void;
  readonly isOver: () => boolean;
  /** Code of the error that broke it: `ECONNRESET`; undefined when it was closed in good order. */
  readonly broke: () => string | undefined;
  readonly destroy: () => void;
}

/** How long a connection that broke must be silent to have nothing more to read, in ms: what was sent is there already. */
const lastReadsMs = 20;
/** Most bytes of one read. */
const readSize = 64 * 1024;
/** Bytes that are held for a reader that is slower than the program. */
const readAhead = 1024 * 1024;

/**
 * Connects, trying again with growing pauses: the socket may come only once the program is up, and a full queue refuses.
 *
 * @param patience ms until it is given up.
 * @param isAlive whether the program still runs; waiting ends with it.
 * @returns the connection, or why there is none, as a sentence without its end.
 */
export async function connectTo(
  address: Address,
  patience: number,
  isAlive: () => boolean = () => true,
  signal?: AbortSignal,
): Promise<{ readonly channel: Channel } | { readonly failed: string }> {
  const deadline = Date.now() + patience;
  for (let pause = 2; ; pause = Math.min(pause * 2, 250)) {
    const left = deadline - Date.now();
    const outcome = await tryToConnect(address, Math.max(1, left), signal);
    if (typeof outcome !== 'string') return { channel: outcome };
    const failed = `no connection to ${addressText(address)}: ${outcome}`;
    if (signal?.aborted === true) return { failed: 'it was given up' };
    if (!isAlive()) return { failed: `${failed}, and the program has ended` };
    // What waiting mends: no file yet, nobody listens yet, the queue is full.
    if (Date.now() + pause >= deadline || !/^(?:ENOENT|ECONNREFUSED|EAGAIN|ECONNRESET)$/.test(outcome)) {
      return { failed };
    }
    await sleep(pause, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  }
}

/** A connection, or the code of the error. */
function tryToConnect(address: Address, limit: number, signal?: AbortSignal): Promise<Channel | string> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve('ABORT_ERR');
    const { socket, channel } = openChannel(address);
    const settle = (outcome: Channel | string) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      if (typeof outcome === 'string') channel.destroy();
      resolve(outcome);
    };
    const giveUp = () => settle('ABORT_ERR');
    const timer = setTimeout(() => settle('ETIMEDOUT'), limit);
    signal?.addEventListener('abort', giveUp);
    socket.once('connect', () => settle(channel));
    // Stays for good: an error after a timeout must not end the process.
    socket.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
  });
}

function openChannel(address: Address): { readonly socket: Socket; readonly channel: Channel } {
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  let paused = false;
  let connected = false;
  let over = false;
  let broke: string | undefined;
  let lastReads: NodeJS.Timeout | undefined;
  const waiters = new Set<() => void>();
  const changed = () => new Promise<void>((resolve) => waiters.add(resolve));
  const wake = () => {
    for (const waiter of waiters) waiter();
    waiters.clear();
  };

  // Node closes a socket when a write fails, which it does as soon as the program has closed it. What the program sent
  // before, an answer given without reading the body, is still to be read then: so bytes are taken past the stream,
  // which hands nothing out after an error, and the socket lives until no more come.
  const socket = createConnection({
    ...(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }),
    onread: {
      buffer: Buffer.allocUnsafe(readSize),
      callback: (length, buffer) => {
        // A copy, of Node's pool when it is short.
        held.push(Buffer.from(buffer.subarray(0, length)));
        heldBytes += length;
        lastReads?.refresh();
        paused = heldBytes > readAhead && lastReads === undefined;
        wake();
        return !paused;
      },
    },
  });
  const destroy = socket.destroy.bind(socket);
  socket.destroy = (error) => {
    if (error === undefined || lastReads !== undefined || !connected) return destroy(error);
    broke ??= (error as NodeJS.ErrnoException).code ?? error.message;
    lastReads = setTimeout(destroy, lastReadsMs);
    socket.resume();
    wake();
    return socket;
  };
  socket.once('connect', () => {
    connected = true;
  });
  socket.setNoDelay(true);
  socket.on('error', (error: NodeJS.ErrnoException) => {
    broke ??= error.code ?? error.message;
  });
  socket.on('drain', wake);
  socket.on('end', () => {
    over = true;
    wake();
    socket.destroy();
  });
  socket.on('close', () => {
    clearTimeout(lastReads);
    over = true;
    wake();
  });

  const channel: Channel = {
    write: async (bytes) => {
      if (over || !socket.writable) return false;
      if (socket.write(bytes)) return true;
      while (!over && socket.writable && socket.writableNeedDrain) {
        await changed();
      }
      return !over && socket.writable;
    },
    chunks: async function* () {
      for (;;) {
        const next = held.shift();
        if (next !== undefined) {
          heldBytes -= next.length;
          if (paused && heldBytes <= readAhead / 2) {
            paused = false;
            socket.resume();
          }
          yield next;
        } else if (over) return;
        else await changed();
      }
    },
    finish: () => {
      if (!over) socket.end();
    },
    isOver: () => over,
    broke: () => broke,
    destroy: () => {
      over = true;
      socket.destroy();
      wake();
    },
  };
  return { socket, channel };
}
