// Owns gdb: where a program, or a child of it, dies of a signal, and what its variables are at places of the user's.
import type { Tool } from '../tool.ts';
import { readGdbWish } from './probes.ts';

export const gdb: Tool = {
  name: 'gdb',
  title: 'crashes, with all threads and values; probes',
  launcher: 'gdb',
  yields: 'stops',
  refuse: ({ toolOptions }) => {
    readGdbWish(toolOptions);
  },
  // No init file, neither the user's nor the directory's nor the system's; the rest is set by run.py. The directory of the run
  // has no sources: it stands there so that the processes of a run can be found by their words.
  plan: (_, { directory }) => ({
    options: ['-nx', '-nh', '-q', '-batch', `--directory=${directory}/`],
    environment: {},
  }),
};
