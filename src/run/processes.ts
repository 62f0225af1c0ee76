// Owns what /proc says: which processes belong to a run, and how they are ended.
// Read synchronously: the kernel answers from memory, and a thread pool round trip costs ten times the read.
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** One line of /proc/PID/stat, as far as it is needed (proc(5)). */
export interface ProcessState {
  readonly pid: number;
  /** `R`, `S`, `D`, `T` (stopped), `Z` (zombie)… */
  readonly state: string;
  readonly ppid: number;
  readonly processGroup: number;
  readonly session: number;
  /** Foreground process group of the controlling terminal, -1 without one. */
  readonly terminalGroup: number;
  /** Clock ticks in user and kernel mode. */
  readonly cpu: number;
}

/** Reads /proc/PID/stat; `undefined` when there is no such process. */
export function processState(pid: number | 'self'): ProcessState | undefined {
  const text = readProc(`${pid}/stat`);
  if (text === undefined) return undefined;
  // The command name stands in parentheses and may itself hold any byte, `)` and spaces included.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const number = (index: number) => Number(fields[index]);
  return {
    pid: Number.parseInt(text, 10),
    state: fields[0] ?? '?',
    ppid: number(1),
    processGroup: number(2),
    session: number(3),
    terminalGroup: number(5),
    cpu: number(11) + number(12),
  };
}

/**
 * /proc/PID/status by the names of its lines (proc_pid_status(5)); `undefined` when there is no such process.
 *
 * @param pid also `self`, or `PID/task/LWP`.
 */
export function processStatus(pid: number | string): ReadonlyMap<string, string> | undefined {
  const text = readProc(`${pid}/status`);
  if (text === undefined) return undefined;
  return new Map(
    text.split('\n').flatMap((line) => {
      const [, name, value] = /^(\w+):\s*(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    }),
  );
}

/** Its files have no size that could be asked for first. */
const page = Buffer.allocUnsafe(64 * 1024);

function allPids(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
}

/** A file under /proc; undefined when the process is gone or not ours to look at. */
export function readProc(name: string): string | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(`/proc/${name}`, 'r');
    let text = '';
    for (;;) {
      const length = readSync(descriptor, page, 0, page.length, null);
      if (length === 0) return text;
      text += page.toString('latin1', 0, length);
    }
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/**
 * The live processes whose instrument writes into a run directory: the directory stands in their command line,
 * or, for a runtime inside it, in their environment, whatever session or parent they have got since: daemons are found too.
 */
export function runsProcess(directory: string): number[] {
  // The command line is compared as the bytes it is.
  const mark = Buffer.from(`=${directory}/`).toString('latin1');
  return allPids().filter((pid) => {
    if (pid === process.pid) return false;
    if (readProc(`${pid}/cmdline`)?.includes(mark) !== true && !hasReportIn(pid, mark)) return false;
    const state = processState(pid);
    return state !== undefined && state.state !== 'Z';
  });
}

/** Whether a runtime inside the process was told by a variable to write there: `ASAN_OPTIONS=log_path=DIR/sanitizer:…`. */
function hasReportIn(pid: number, mark: string): boolean {
  const variables = readProc(`${pid}/environ`) ?? '';
  for (let at = variables.indexOf(mark); at >= 0; at = variables.indexOf(mark, at + 1)) {
    if (reportPlace.test(variables.slice(at + mark.length, at + mark.length + 100))) return true;
  }
  return false;
}

// `sanitizer:exitcode=100`, in the folder of all runs `20261122-220812-417-3f2a9c/sanitizer:exitcode=100`
const reportPlace = /^(?:[\w-]+\/)?(?:sanitizer|mtrace)\b/;

/** A process and all that descend from it, or that live in its session when it leads one. */
export function descendants(pid: number): number[] {
  const states: ProcessState[] = [];
  for (const other of allPids()) {
    const state = processState(other);
    if (state !== undefined && state.state !== 'Z') states.push(state);
  }
  const family = new Set([pid]);
  for (let grown = true; grown; ) {
    grown = false;
    for (const state of states) {
      if (family.has(state.pid) || state.pid === process.pid) continue;
      if (family.has(state.ppid) || state.session === pid) {
        family.add(state.pid);
        grown = true;
      }
    }
  }
  return states.map((state) => state.pid).filter((other) => family.has(other));
}

/** Whether a process has a child, zombies included. Cheap where the kernel tells (CONFIG_PROC_CHILDREN, proc(5)). */
export function hasChild(pid: number): boolean {
  let threads: readonly string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return false;
  }
  const told = threads.map((thread) => readProc(`${pid}/task/${thread}/children`));
  if (told.some((children) => children !== undefined))
    return told.some((children = '') => children.trim() !== '');
  return descendants(pid).some((other) => other !== pid);
}

/** Sends a signal; a process that is gone is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Ends every process of a run: SIGTERM first, so that valgrind writes its leak report, SIGKILL after `grace` ms.
 * Returns when none is left.
 */
export async function endRun(directory: string, mainPid: number, grace: number): Promise<void> {
  const everSeen = new Set<number>();
  const alive = () => {
    for (const pid of [...descendants(mainPid), ...runsProcess(directory)]) everSeen.add(pid);
    const left: number[] = [];
    for (const pid of everSeen) {
      const state = processState(pid);
      if (state !== undefined && state.state !== 'Z') left.push(pid);
      else everSeen.delete(pid);
    }
    return left;
  };
  const deadline = Date.now() + grace;
  const asked = new Set<number>();
  for (;;) {
    const left = alive();
    if (left.length === 0) return;
    const insist = Date.now() >= deadline;
    for (const pid of left) {
      if (insist) signal(pid, 'SIGKILL');
      else if (!asked.has(pid)) {
        asked.add(pid);
        signal(pid, 'SIGTERM');
        // A stopped process takes the signal only when it goes on.
        signal(pid, 'SIGCONT');
      }
    }
    await sleep(insist ? 20 : 50);
  }
}

/** Ends what a run has left running, however it got away: a replay leaves nothing behind. */
export async function endLeftovers(directory: string, grace: number): Promise<void> {
  for (const pid of runsProcess(directory)) await endRun(directory, pid, grace);
}

/** Waits until no process of the run is left, at most `limit` ms; returns the pids that still are. */
export async function waitForRun(directory: string, limit: number): Promise<number[]> {
  const deadline = Date.now() + limit;
  for (let pause = 10; ; pause = Math.min(pause * 2, 200)) {
    const left = runsProcess(directory);
    if (left.length === 0 || Date.now() >= deadline) return left;
    await sleep(Math.min(pause, Math.max(1, deadline - Date.now())));
  }
}
