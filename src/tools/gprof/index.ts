// Owns gprof: time by function of a program that was built with -pg, which counts its calls and samples itself.
import type { Problem } from '../../model/problem.ts';
import type { CollectContext, CollectStep, Tool } from '../tool.ts';

const prefix = 'gmon.out';

export const gprof: Tool = {
  name: 'gprof',
  title: 'time and calls of a program built with -pg',
  launcher: 'none',
  yields: 'profile',
  // Each process writes PREFIX.PID then, wherever it has gone to (glibc, gmon/gmon.c); else all write ./gmon.out.
  plan: (_, { directory }) => ({ options: [], environment: { GMON_OUT_PREFIX: `${directory}/${prefix}` } }),
  collect: collectText,
};

function collectText(
  artifacts: readonly string[],
  { directory, program, executables }: CollectContext,
): readonly CollectStep[] {
  return artifacts.flatMap((name) => {
    const pid = /^gmon\.out\.(\d+)$/.exec(name)?.[1];
    if (pid === undefined) return [];
    const seen = executables.get(Number(pid));
    const executable = seen ?? program;
    return [
      {
        command: ['gprof', '-b', executable, `${directory}/${name}`],
        output: `gprof.${pid}.txt`,
        failure: `gprof could not read what process ${pid} wrote`,
        ...(seen === undefined && { doubt: unseen(pid, program, executables) }),
      },
    ];
  });
}

/** gprof reads data with the symbols of any program, and then names the wrong functions. */
function unseen(pid: string, program: string, executables: ReadonlyMap<number, string>): Problem {
  const others = [...executables.values()].some((path) => path !== program);
  return {
    code: 'program-unseen',
    level: others ? 'incomplete' : 'warning',
    message: `process ${pid} ended before it was seen which program it was: its data is read as that of ${program}`,
    pid: Number(pid),
  };
}
