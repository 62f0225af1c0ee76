// Owns `--log-fd`, `--log-socket`, `--xml-fd` and `--xml-socket`: what valgrind would write there is captured in the
// run directory first and passed on as it grows, so that nothing is lost when the other end is.
import { writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { Problem } from '../model/problem.ts';

/** Where the user wants a log: an open descriptor, or `address:port` (valgrind's default port is 1500). */
export type Sink = { readonly descriptor: number } | { readonly socket: string };

export interface Relay {
  readonly write: (bytes: Uint8Array) => void;
  /** Waits until everything is sent. */
  readonly close: () => Promise<void>;
  readonly problems: readonly Problem[];
}

const defaultPort = 1500;

export function openRelay(sink: Sink): Relay {
  const problems: Problem[] = [];
  const fail = (place: string, error: Error) => {
    if (problems.length > 0) return;
    problems.push({
      code: 'sink-failed',
      level: 'warning',
      message: `${place} could not be written: ${error.message}; the log is whole in the run directory`,
    });
  };
  if ('descriptor' in sink) {
    return {
      problems,
      write: (bytes) => {
        if (problems.length > 0) return;
        try {
          for (let done = 0; done < bytes.length; ) done += writeSync(sink.descriptor, bytes, done);
        } catch (error) {
          fail(`descriptor ${sink.descriptor}`, error as Error);
        }
      },
      close: async () => {},
    };
  }
  const [host, port] = sink.socket.split(':') as [string, string | undefined];
  const socket: Socket = connect({ host, port: port === undefined ? defaultPort : Number(port) });
  const closed = new Promise<void>((done) => socket.once('close', () => done()));
  socket.on('error', (error) => fail(sink.socket, error));
  // The other end may say what it likes, and as much: it is read and dropped.
  socket.resume();
  return {
    problems,
    write: (bytes) => {
      if (!socket.destroyed) socket.write(Buffer.from(bytes));
    },
    close: async () => {
      socket.end();
      await closed;
    },
  };
}
