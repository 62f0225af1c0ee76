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
    if (typeof outcome !== 'string') return { channel: openChannel(outcome) };
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

/** A socket, or the code of the error. */
function tryToConnect(address: Address, limit: number, signal?: AbortSignal): Promise<Socket | string> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve('ABORT_ERR');
    const socket = createConnection(
      address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port },
    );
    const settle = (outcome: Socket | string) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      if (typeof outcome === 'string') socket.destroy();
      resolve(outcome);
    };
    const giveUp = () => settle('ABORT_ERR');
    const timer = setTimeout(() => settle('ETIMEDOUT'), limit);
    signal?.addEventListener('abort', giveUp);
    socket.once('connect', () => settle(socket));
    // Stays for good: an error after a timeout must not end the process.
    socket.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
  });
}

function openChannel(socket: Socket): Channel {
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  let over = false;
  let broke: string | undefined;
  let changed: () => void = () => undefined;
  /** Resolves at the next chunk, at room for more, or at the end. */
  const waiters = new Set<() => void>();
  const wake = () => {
    changed();
    for (const waiter of waiters) waiter();
    waiters.clear();
  };

  // Node closes a socket when a write fails, which it does as soon as the program has closed it. What the program sent
  // before is still to be read then: an answer given without reading the body.
  const destroy = socket.destroy.bind(socket);
  let lastReads: NodeJS.Timeout | undefined;
  socket.destroy = (error) => {
    if (error === undefined || lastReads !== undefined) return destroy();
    broke ??= (error as NodeJS.ErrnoException).code ?? error.message;
    lastReads = setTimeout(destroy, lastReadsMs);
    socket.resume();
    wake();
    return socket;
  };

  socket.setNoDelay(true);
  socket.on('error', (error: NodeJS.ErrnoException) => {
    broke ??= error.code ?? error.message;
  });
  // Taken at once and held here: what the program sent before it closed must outlive an error of writing to it.
  socket.on('data', (bytes) => {
    held.push(bytes);
    heldBytes += bytes.length;
    if (lastReads !== undefined) lastReads.refresh();
    else if (heldBytes > readAhead) socket.pause();
    wake();
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

  return {
    write: async (bytes) => {
      if (over || !socket.writable) return false;
      if (socket.write(bytes)) return true;
      while (!over && socket.writable && socket.writableNeedDrain) {
        await new Promise<void>((resolve) => waiters.add(resolve));
      }
      return !over && socket.writable;
    },
    chunks: async function* () {
      for (;;) {
        const next = held.shift();
        if (next !== undefined) {
          heldBytes -= next.length;
          if (socket.isPaused() && heldBytes <= readAhead / 2) socket.resume();
          yield next;
        } else if (over) return;
        else {
          await new Promise<void>((resolve) => {
            changed = resolve;
          });
        }
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
}
