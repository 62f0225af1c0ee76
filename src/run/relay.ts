// Owns `--log-fd`, `--log-socket`, `--xml-fd` and `--xml-socket`: what valgrind would write there is captured in the
// run directory first and passed on as it grows, so that nothing is lost when the other end is.
import { openSync, writeSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import type { Problem } from '../model/problem.ts';

/** Where the user wants a log: an open descriptor, a device or pipe, or `address:port` (valgrind's default port is 1500). */
export type Sink = { readonly descriptor: number } | { readonly path: string } | { readonly socket: string };

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
  if (!('socket' in sink)) {
    let descriptor = 'descriptor' in sink ? sink.descriptor : undefined;
    return {
      problems,
      write: (bytes) => {
        if (problems.length > 0) return;
        try {
          descriptor ??= openSync((sink as { path: string }).path, 'w');
          for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
        } catch (error) {
          fail('descriptor' in sink ? `descriptor ${sink.descriptor}` : sink.path, error as Error);
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

/** Whether a user's log file names something else than a file to be made: a device, a pipe. */
export async function isSpecialFile(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  return status !== undefined && !status.isFile();
}
