// Which processes under valgrind wait for gdb, from the lines that valgrind writes when it stops them and lets them go.

export interface WaitingProcesses {
  /** Hands over bytes appended to a log of valgrind's. */
  readonly read: (file: string, bytes: Uint8Array) => void;
  /** Whether a process stands still, as far as its log was read. */
  readonly isWaiting: (pid: number) => boolean;
}

/** valgrind's lines are short; what is longer belongs to the program. */
const longestRest = 4096;

/** @param onStop a process begins to wait. */
export function watchWaiting(onStop: (pid: number) => void): WaitingProcesses {
  const waiting = new Set<number>();
  const rests = new Map<string, string>();
  return {
    isWaiting: (pid) => waiting.has(pid),
    read: (file, bytes) => {
      const lines = ((rests.get(file) ?? '') + Buffer.from(bytes).toString('latin1')).split('\n');
      rests.set(file, (lines.pop() ?? '').slice(-longestRest));
      for (const line of lines) {
        // `==1234== (action on error) vgdb me ... `, `==00:00:00:01.234 1234== Continuing ...`
        const [, digits, stops] =
          /^==(?:[\d:.]+ )?(\d+)== (?:(\(action (?:on|at) [^)]*\) vgdb me)|Continuing \.\.\.)/.exec(line) ??
          [];
        if (digits === undefined) continue;
        const pid = Number(digits);
        if (stops === undefined) waiting.delete(pid);
        else {
          waiting.add(pid);
          onStop(pid);
        }
      }
    },
  };
}
