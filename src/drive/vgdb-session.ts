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
/** How long an interrupt may take before it is sent again, in ms, doubled each time; a second one is harmless. */
const interruptAgainMs = 30;
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
  /** A command is under way. */
  let asking = false;
  let wake: () => void = () => undefined;
  const leave = (why: string) => {
    over ??= why;
    wake();
  };
  child.stdout.on('data', (bytes: Buffer) => {
    for (const text of read(bytes.toString('latin1'))) {
      // W00, X0f: it has exited, or a signal ended it.
      if (/^[WX]/.test(text)) leave('the process has ended');
      // A stop that nobody asked for: --vgdb-error, --vgdb-stop-at=exit.
      else if (text.startsWith('T') && !asking) send(packet('c'));
      else packets.push(text);
    }
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

  async function accepted(deadline: number): Promise<boolean> {
    for (;;) {
      const answer = await next(deadline);
      // A session that was cut off before may have left its stop.
      if (answer?.startsWith('T') !== true) return answer === 'OK';
    }
  }

  /** Stops the process: by connecting, or in the middle of what it does. false: it did not stop, or is gone. */
  async function halt(deadline: number): Promise<boolean> {
    if (greeted) {
      // Again when nothing comes of it: an interrupt that arrives together with the `c` before it is overlooked.
      for (let patience = interruptAgainMs; over === undefined && Date.now() < deadline; patience *= 2) {
        send('\x03');
        // T05thread:3de3;
        const stop = await next(Math.min(deadline, Date.now() + patience));
        if (stop?.startsWith('T') === true) return true;
      }
      return false;
    }
    greeted = true;
    send(packet('QStartNoAckMode'));
    if (!(await accepted(deadline))) return false;
    send(`+${packet(`QPassSignals:${allSignals}`)}`);
    return accepted(deadline);
  }

  /** What a command printed; null: valgrind refused it; undefined: no answer. */
  async function carryOut(text: string, deadline: number): Promise<string | null | undefined> {
    send(packet(`qRcmd,${Buffer.from(text, 'latin1').toString('hex')}`));
    const parts: Buffer[] = [];
    for (;;) {
      const answer = await next(deadline);
      if (answer === 'OK') return Buffer.concat(parts).toString('latin1');
      if (answer === undefined) return undefined;
      // A stop by an interrupt that was sent again.
      if (answer.startsWith('T')) continue;
      // An empty packet: the command is not known. E01: it cannot be carried out.
      if (!answer.startsWith('O')) return null;
      parts.push(Buffer.from(answer.slice(1), 'hex'));
    }
  }

  /** Lets vgdb go; without `D`, which leaves the process in good order, valgrind writes a remark about it into its log. */
  async function close(): Promise<void> {
    if (over === undefined && greeted) {
      asking = true;
      const deadline = Date.now() + leaveMs;
      if (await halt(deadline)) {
        send(packet('D'));
        await next(deadline);
      }
    }
    over ??= 'the session was closed';
    child.stdin.end();
    const terminate = setTimeout(() => child.kill('SIGTERM'), leaveMs);
    const kill = setTimeout(() => child.kill('SIGKILL'), 2 * leaveMs);
    await gone;
    clearTimeout(terminate);
    clearTimeout(kill);
  }

  return {
    command: async (text, timeoutMs) => {
      if (over !== undefined) return { failed: over };
      asking = true;
      const deadline = Date.now() + timeoutMs;
      const printed = (await halt(deadline)) ? await carryOut(text, deadline) : undefined;
      asking = false;
      if (printed !== undefined) {
        // `c`: go on. It has no answer until the process stops again.
        send(packet('c'));
        return printed === null ? { failed: `valgrind refused "${text}"` } : { text: printed };
      }
      over ??=
        Date.now() < deadline
          ? 'the process gave vgdb an answer it does not know'
          : `the process did not answer vgdb within ${timeoutMs} ms`;
      const failed = over;
      await close();
      return { failed };
    },
    close,
  };
}
