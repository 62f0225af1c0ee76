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
  if ('socket' in sink) return intoSocket(sink.socket);
  if ('descriptor' in sink) return intoDescriptor(sink.descriptor);
  const descriptor = descriptorNamed(sink.path);
  return descriptor === undefined ? intoPath(sink.path) : intoDescriptor(descriptor);
}

function sinkFailed(place: string, error: unknown): Problem {
  return {
    code: 'sink-failed',
    level: 'warning',
    message: `${place} could not be written: ${(error as Error).message}; the log is whole in the run directory`,
  };
}

function intoDescriptor(descriptor: number): Relay {
  const problems: Problem[] = [];
  return {
    problems,
    write: (bytes) => {
      if (problems.length > 0) return;
      try {
        for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
      } catch (error) {
        problems.push(sinkFailed(`descriptor ${descriptor}`, error));
      }
    },
    close: async () => {},
  };
}

/** To open a pipe waits for its reader, and to write may wait too: neither may hold up the signals for the target. */
function intoPath(path: string): Relay {
  const problems: Problem[] = [];
  let file: FileHandle | undefined;
  let written: Promise<void> = Promise.resolve();
  const next = (step: () => Promise<void>) => {
    written = written.then(async () => {
      if (problems.length === 0) await step().catch((error) => problems.push(sinkFailed(path, error)));
    });
    return written;
  };
  return {
    problems,
    write: (bytes) => {
      const copy = Buffer.from(bytes);
      void next(async () => {
        file ??= await open(path, 'w');
        await file.writeFile(copy);
      });
    },
    close: () => next(async () => file?.close()),
  };
}

function intoSocket(address: string): Relay {
  const problems: Problem[] = [];
  const [host, port] = address.split(':') as [string, string | undefined];
  const socket: Socket = connect({ host, port: port === undefined ? defaultPort : Number(port) });
  const closed = new Promise<void>((done) => socket.once('close', () => done()));
  socket.once('error', (error) => problems.push(sinkFailed(address, error)));
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

/** What valgrind writes before anything else, with or without a time: `==1234== Memcheck, a memory error detector`. */
const headerLine =
  /^==(?:[\d:.]+ )?(\d+)== (?:Parent PID: (\d+)|Command: (.*)|(?:Copyright|Using) .*|\S+, an? .*)\n$/;

/**
 * Makes of text that valgrind wrote into a file for each process what it would have written into one descriptor or
 * socket: there a header has no `Parent PID:`, and a forked child has no header (observed 3.19).
 *
 * The text is captured in files even then, because a traced child that closed the descriptor, as Python's subprocess
 * does, would write to its stderr instead.
 */
export function asIntoStream(): (file: string, bytes: Uint8Array) => Uint8Array {
  const commands = new Map<string, string>();
  const files = new Map<string, (bytes: Uint8Array) => Uint8Array>();
  return (file, bytes) => {
    let form = files.get(file);
    if (form === undefined) {
      form = withoutFileHeader(commands);
      files.set(file, form);
    }
    return form(bytes);
  };
}

/** For one file. @param commands command of each process that had a header, by pid. */
function withoutFileHeader(commands: Map<string, string>): (bytes: Uint8Array) => Uint8Array {
  let rest = '';
  let header = '';
  let command = '';
  let state: 'header' | 'blank' | 'body' = 'header';
  /** From here on bytes pass as they come. */
  const isPast = (at: typeof state) => at === 'body';

  function take(line: string): string {
    if (state === 'blank') {
      state = 'body';
      if (/^==[^=]+== \n$/.test(line)) return '';
    }
    if (state === 'body') return line;
    const [whole, pid = '', parent, words] = headerLine.exec(line) ?? [];
    if (whole !== undefined && parent === undefined) {
      if (words !== undefined) command = words;
      header += line;
      return '';
    }
    state = 'body';
    if (parent === undefined) return header + line;
    const forked = commands.get(parent) === command;
    commands.set(pid, command);
    if (forked) state = 'blank';
    return forked ? '' : header;
  }

  return (bytes) => {
    if (isPast(state)) return bytes;
    const lines = (rest + Buffer.from(bytes).toString('latin1')).split(/(?<=\n)/);
    rest = lines.at(-1)?.endsWith('\n') === false ? (lines.pop() as string) : '';
    let text = '';
    for (const line of lines) text += take(line);
    if (isPast(state)) text += rest;
    return Buffer.from(text, 'latin1');
  };
}

/** `/dev/stderr`, `/dev/fd/3`: opened by name, a file behind it would be begun anew, and a socket cannot be opened. */
function descriptorNamed(path: string): number | undefined {
  const [, name, number] = /^\/dev\/(?:std(out|err)|fd\/(\d+))$/.exec(path) ?? [];
  return number !== undefined ? Number(number) : name === undefined ? undefined : name === 'out' ? 1 : 2;
}

/** Whether a user's log file names something else than a file to be made: a device, a pipe. */
export async function isSpecialFile(path: string): Promise<boolean> {
  if (descriptorNamed(path) !== undefined) return true;
  const status = await stat(path).catch(() => undefined);
  return status !== undefined && !status.isFile();
}
