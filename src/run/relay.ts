// Owns `--log-fd`, `--log-socket`, `--xml-fd` and `--xml-socket`: what valgrind would write there is captured in the
// run directory first and passed on as it grows, so that nothing is lost when the other end is.
import { writeSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import type { Problem } from '../model/problem.ts';

/** Where the user wants a log: an open descriptor, a device or pipe, or `address:port` (valgrind's default port is 1500). */
export type Sink = { readonly descriptor: number } | { readonly path: string } | { readonly socket: string };

export interface Relay {
  /** Passes bytes on, in order. */
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
  if ('path' in sink) return pathRelay(sink.path, problems, fail);
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

/** To open a pipe waits for its reader, and to write may wait too: neither may hold up the signals for the target. */
function pathRelay(path: string, problems: Problem[], fail: (place: string, error: Error) => void): Relay {
  let file: FileHandle | undefined;
  let written: Promise<void> = Promise.resolve();
  return {
    problems,
    write: (bytes) => {
      const copy = Buffer.from(bytes);
      written = written.then(async () => {
        if (problems.length > 0) return;
        try {
          file ??= await open(path, 'w');
          await file.writeFile(copy);
        } catch (error) {
          fail(path, error as Error);
        }
      });
    },
    close: async () => {
      await written;
      await file?.close().catch((error: Error) => fail(path, error));
    },
  };
}

// ==1234== Parent PID: 1200
// ==00:00:00:00.123 1234== Parent PID: 1200 (--time-stamp=yes)
const parentLine = /^==(?:[\d:.]+ )?\d+== Parent PID: \d+\n$/;

/**
 * Leaves out what valgrind writes into a file but not into a descriptor (3.19: that one line), for the text of one
 * file that comes in pieces. The text of a run is captured in files even for `--log-fd`, because a traced child that
 * closed the descriptor, as Python's subprocess does, would write to its stderr instead.
 */
export function asIntoDescriptor(): (bytes: Uint8Array) => Uint8Array {
  let rest = '';
  return (bytes) => {
    const lines = (rest + Buffer.from(bytes).toString('latin1')).split(/(?<=\n)/);
    rest = lines.at(-1)?.endsWith('\n') === false ? (lines.pop() as string) : '';
    return Buffer.from(lines.filter((line) => !parentLine.test(line)).join(''), 'latin1');
  };
}

/** Whether a user's log file names something else than a file to be made: a device, a pipe. */
export async function isSpecialFile(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  return status !== undefined && !status.isFile();
}
