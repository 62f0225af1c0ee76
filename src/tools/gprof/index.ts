// Owns gprof: time by function of a program that was built with -pg, which counts its calls and samples itself.
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
    const executable = executables.get(Number(pid)) ?? program;
    return [
      {
        command: ['gprof', '-b', executable, `${directory}/${name}`],
        output: `gprof.${pid}.txt`,
        failure: `gprof could not read what process ${pid} wrote`,
      },
    ];
  });
}
