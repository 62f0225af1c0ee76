// Owns how signals and job control reach the target: as if vgrun were not there.
//
// With a controlling terminal the target stays in vgrun's process group: the terminal's own signals (Ctrl-C, Ctrl-\,
// Ctrl-Z, hang-up, window size) reach both at once, and passing them on would deliver them twice. Without one the
// target leads its own session, and each signal sent to vgrun is passed on exactly once.
import { closeSync, openSync } from 'node:fs';
import { processState, signal } from './processes.ts';
import { isTraced, tracedBy, watchHold } from './traced.ts';

/** Whether this process has a controlling terminal, wherever its standard streams go. */
export function hasControllingTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

/** Those by which somebody ends vgrun, and what it does. */
export const endingSignals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

const passedAlways: readonly NodeJS.Signals[] = [
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGVTALRM',
  'SIGWINCH',
];
const sentByTerminal: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];
/** To a target without a terminal they are signals like others, and some servers give them a meaning. */
const sentByOthers: readonly NodeJS.Signals[] = ['SIGTTIN', 'SIGTTOU', 'SIGIO', 'SIGURG', 'SIGPWR'];
const stopLookEveryMs = 250;
const receiverLookEveryMs = 20;

/**
 * Keeps signals from ending vgrun, from before the target starts until passSignals() listens: those that come meanwhile are heard
 * by its listeners, because a program may be there, and somebody may signal vgrun for it, before Node goes on.
 *
 * @returns ends that.
 */
export function awaitSignals(): () => void {
  const names = [...passedAlways, ...sentByTerminal, 'SIGHUP' as const].filter((name) => name !== 'SIGWINCH');
  const heard = () => {};
  for (const name of names) process.on(name, heard);
  return () => {
    for (const name of names) process.off(name, heard);
  };
}

/**
 * Passes signals on to the target until the returned function is called.
 *
 * @param pid the process that was started.
 * @param terminal what hasControllingTerminal() said when the target was started.
 * @param receiver the target, where a debugger was started in its place; undefined while there is none yet.
 */
export function passSignals(pid: number, terminal: boolean, receiver?: () => number | undefined): () => void {
  const handlers = new Map<NodeJS.Signals, () => void>();
  const waiting = new Set<NodeJS.Timeout>();
  const hold = receiver === undefined ? undefined : watchHold(pid);
  const deliver = (name: NodeJS.Signals): void => {
    if (receiver === undefined) {
      signal(pid, name);
      return;
    }
    const target = receiver();
    if (target !== undefined) {
      // When it has ended, the signal is for those that outlive it; its number may be another's then.
      for (const each of isTraced(target, pid) ? [target] : tracedBy(pid)) signal(each, name);
      return;
    }
    const timer = setTimeout(() => {
      waiting.delete(timer);
      deliver(name);
    }, receiverLookEveryMs);
    waiting.add(timer);
  };
  const on = (name: NodeJS.Signals, handler: () => void) => {
    const heard = () => {
      handler();
      if (endingSignals.includes(name)) hold?.asked();
    };
    handlers.set(name, heard);
    process.on(name, heard);
  };

  for (const name of passedAlways) {
    if (name === 'SIGWINCH' && terminal) continue;
    on(name, () => deliver(name));
  }
  for (const name of sentByTerminal) {
    on(name, () => {
      if (!terminal || !inForeground()) deliver(name);
    });
  }
  on('SIGHUP', () => {
    // A terminal that went away has told the target itself.
    if (!terminal || hasControllingTerminal()) deliver('SIGHUP');
  });

  let timer: NodeJS.Timeout | undefined;
  if (terminal) {
    // A target that stops itself (Ctrl-Z in a shell, `kill -STOP $$`) must look stopped to the shell that waits for
    // vgrun; `fg` then continues the whole process group.
    timer = setInterval(() => {
      if (processState(pid)?.state === 'T' && inForeground()) process.kill(process.pid, 'SIGSTOP');
    }, stopLookEveryMs);
    timer.unref();
  } else {
    for (const name of sentByOthers) on(name, () => deliver(name));
    on('SIGTSTP', () => {
      signal(pid, 'SIGSTOP');
      // While its debugger stands still, what stops a target keeps it there.
      if (receiver !== undefined) deliver('SIGSTOP');
      process.kill(process.pid, 'SIGSTOP');
    });
    on('SIGCONT', () => signal(pid, 'SIGCONT'));
  }

  return () => {
    clearInterval(timer);
    hold?.stop();
    for (const each of waiting) clearTimeout(each);
    for (const [name, handler] of handlers) process.off(name, handler);
  };
}

function inForeground(): boolean {
  const state = processState('self');
  return state !== undefined && state.terminalGroup === state.processGroup;
}
