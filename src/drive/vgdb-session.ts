// Owns a conversation with one valgrind process: monitor commands between requests, over one vgdb that stays.
//
// vgdb with a command needs 215 ms for each, with --max-invoke-ms=1 still 115: most of it is waiting. As a relay for gdb
// it takes the commands in gdb's remote protocol, and needs 5.
import { spawn } from 'node:child_process';
import { packet, readPackets } from './remote-protocol.ts';

/** A valgrind process that takes commands. Nothing here throws. */
export interface VgdbSession {
  /**
   * Stops the process, has its gdbserver carry a monitor command out (`leak_check full kinds all changed`), and lets the
   * process go on.
   *
   * @param timeoutMs for all of it; after it the session is over.
   * @returns what the command printed, or why it did not, in a sentence.
   */
  readonly command: (
    text: string,
    timeoutMs: number,
  ) => Promise<{ readonly text: string } | { readonly failed: string }>;
  /** Leaves the process, which runs on undisturbed; resolves when vgdb is gone. */
  readonly close: () => Promise<void>;
}

/** gdb numbers signals itself, up to 150 or so: none of them is to stop the process. */
const allSignals = Array.from({ length: 160 }, (_, index) => (index + 1).toString(16)).join(';');
/** How long vgdb waits before it wakes a process that is blocked in a system call, in ms. 0 would mean never. */
const invokeMs = 1;
/** How long vgdb may take to leave, in ms. */
const leaveMs = 1500;

/**
 * Starts vgdb; the first command connects it.
 *
 * @param options vgdb: its path; prefix: `--vgdb-prefix` of the run; pid: of the valgrind process.
 */
export async function openVgdb(options: {
  readonly vgdb: string;
  readonly prefix: string;
  readonly pid: number;
}): Promise<VgdbSession> {
  const child = spawn(
    options.vgdb,
    [`--vgdb-prefix=${options.prefix}`, `--max-invoke-ms=${invokeMs}`, `--pid=${options.pid}`],
    // A session of its own: Ctrl-C is for the program and must not end vgdb while it holds the process.
    { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
  );
  const packets: string[] = [];
  const read = readPackets();
  let said = '';
  let over: string | undefined;
  let greeted = false;
  let wake: () => void = () => undefined;
  const leave = (why: string) => {
    over ??= why;
    wake();
  };
  child.stdout.on('data', (bytes: Buffer) => {
    packets.push(...read(bytes.toString('latin1')));
    wake();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    said = (said + bytes.toString('latin1')).slice(-2000);
  });
  child.stdin.on('error', () => undefined);
  const gone = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      leave(`${options.vgdb} cannot be started: ${error.message}`);
      resolve();
    });
    child.once('close', () => {
      const last = said
        .split('\n')
        .filter((line) => line.trim() !== '' && !line.startsWith('relaying data'))
        .at(-1);
      leave(`vgdb left the process${last === undefined ? '' : `: ${last.trim()}`}`);
      resolve();
    });
  });

  const send = (text: string) => child.stdin.write(text, 'latin1');

  /** The next packet, or undefined: too late, or vgdb has left. */
  async function next(deadline: number): Promise<string | undefined> {
    for (;;) {
      const first = packets.shift();
      if (first !== undefined) return first;
      const left = deadline - Date.now();
      if (over !== undefined || left <= 0) return undefined;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Stops the process: by connecting, or in the middle of what it does. false: it did not stop, or is gone. */
  async function halt(deadline: number): Promise<boolean> {
    if (greeted) {
      send('\x03');
      // T05thread:3de3; — W00 or X0f: it has ended.
      return (await next(deadline))?.startsWith('T') === true;
    }
    greeted = true;
    send(packet('QStartNoAckMode'));
    if ((await next(deadline)) !== 'OK') return false;
    send(`+${packet(`QPassSignals:${allSignals}`)}`);
    return (await next(deadline)) === 'OK';
  }

  async function carryOut(text: string, deadline: number): Promise<string | undefined> {
    send(packet(`qRcmd,${Buffer.from(text, 'latin1').toString('hex')}`));
    const parts: Buffer[] = [];
    for (;;) {
      const answer = await next(deadline);
      if (answer === 'OK') return Buffer.concat(parts).toString('latin1');
      // `O` and hexadecimal digits: a piece of what is printed. An empty packet or E01: the command is not known.
      if (answer === undefined || !answer.startsWith('O')) return undefined;
      parts.push(Buffer.from(answer.slice(1), 'hex'));
    }
  }

  async function close(): Promise<void> {
    if (over === undefined) {
      over = 'the session was closed';
      // The process may run: then it has to be stopped to be left, which the end of the input does by itself.
      child.stdin.end();
    }
    const terminate = setTimeout(() => child.kill('SIGTERM'), leaveMs);
    const kill = setTimeout(() => child.kill('SIGKILL'), 2 * leaveMs);
    await gone;
    clearTimeout(terminate);
    clearTimeout(kill);
  }

  return {
    command: async (text, timeoutMs) => {
      if (over !== undefined) return { failed: over };
      const deadline = Date.now() + timeoutMs;
      const printed = (await halt(deadline)) ? await carryOut(text, deadline) : undefined;
      if (printed !== undefined) {
        // `c`: go on. It has no answer until the process stops again.
        send(packet('c'));
        return { text: printed };
      }
      const failed = over ?? `the process did not answer vgdb within ${timeoutMs} ms`;
      await close();
      return { failed };
    },
    close,
  };
}
