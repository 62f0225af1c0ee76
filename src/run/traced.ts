// Owns what becomes of a debugger that does not let go of the program: whom it traces, who of them stands still, and its end.
import { readdirSync } from 'node:fs';
import { processState, processStatus, signal } from './processes.ts';

const lookEveryMs = 250;
const askedTwiceMs = 5000;
const askedOnceMs = 10_000;

/** Whether a process is traced by that one. */
export function isTraced(pid: number, tracer: number): boolean {
  return processStatus(pid)?.get('TracerPid') === `${tracer}`;
}

/** The processes that a debugger traces, whatever parent they have got since. */
export function tracedBy(tracer: number): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && isTraced(pid, tracer));
}

/**
 * The threads that stand still for their debugger, each with how often it gave up its processor: who ran in between has done that
 * once more (proc_pid_status(5), State and voluntary_ctxt_switches).
 */
function heldBy(tracer: number): ReadonlySet<string> {
  const traced = tracedBy(tracer);
  const threads = traced.flatMap(tasks).flatMap((task) => {
    const status = processStatus(task);
    const isHeld = status?.get('State')?.startsWith('t') === true;
    return isHeld ? [`${task} ${status?.get('voluntary_ctxt_switches')}`] : [];
  });
  // Nobody is left whom it could wait for.
  return new Set(traced.length === 0 ? ['nobody'] : threads);
}

function tasks(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((task) => `${pid}/task/${task}`);
  } catch {
    return [];
  }
}

export interface HoldWatch {
  /** Somebody asked the program to end. */
  readonly asked: () => void;
  readonly stop: () => void;
}

/**
 * Ends a debugger, and with it all that it traces (PTRACE_O_EXITKILL), when somebody asked the program to end and one of its threads
 * did not move for five seconds, if asked again then, or for ten: it cannot take the signal.
 */
export function watchHold(tracer: number): HoldWatch {
  let timer: NodeJS.Timeout | undefined;
  let held: ReadonlySet<string> = new Set();
  let since = 0;
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
  };
  const look = (mostMs: number): void => {
    const now = heldBy(tracer);
    const still = new Set([...held].filter((each) => now.has(each)));
    if (still.size === 0) since = Date.now();
    held = still.size === 0 ? now : still;
    if (held.size === 0 || Date.now() - since < mostMs) return;
    stop();
    if (processState(tracer) !== undefined) signal(tracer, 'SIGKILL');
  };
  return {
    asked: () => {
      look(askedTwiceMs);
      timer ??= setInterval(() => look(askedOnceMs), lookEveryMs);
    },
    stop,
  };
}
