// Owns heaptrack: who has the memory at its peak, who allocates most often, and what was never freed, with whole call stacks.
import type { Launch, Plan, PlanContext } from '../../model/launch.ts';
import type { CollectContext, CollectStep, Tool } from '../tool.ts';

/** Start of the name of what its library writes, before it is interpreted. */
const raw = 'heaptrack.raw.';

export const heaptrack: Tool = {
  name: 'heaptrack',
  title: 'heap peaks, allocations and what was never freed',
  launcher: 'heaptrack',
  yields: 'profile',
  plan,
  collect: interpretData,
};

/**
 * What heaptrack's script does, without its words on the standard output: the library goes first, and is told where to write.
 * `$$` in the name becomes the pid (libheaptrack.cpp, createFile). It takes both variables away from children.
 */
function plan(_: Launch, { directory, environment = {}, preload }: PlanContext): Plan {
  const others = environment.LD_PRELOAD ?? '';
  return {
    options: [],
    environment: {},
    programEnvironment: {
      DUMP_HEAPTRACK_OUTPUT: `${directory}/${raw}$$`,
      LD_PRELOAD: [preload ?? '', others].filter((library) => library !== '').join(':'),
    },
  };
}

/** Addresses get their names from the files of the program, which later may be others. */
function interpretData(artifacts: readonly string[], { instrument }: CollectContext): readonly CollectStep[] {
  return artifacts.flatMap((name) => {
    const pid = /^heaptrack\.raw\.(\d+)$/.exec(name)?.[1];
    return pid === undefined
      ? []
      : [
          {
            command: [instrument],
            consumes: name,
            output: `heaptrack.${pid}.txt`,
            failure: `heaptrack_interpret could not read what process ${pid} recorded`,
          },
        ];
  });
}
