// Owns mtrace: every allocation and free of a program, at a few times its cost, and with it what was never freed.
import type { Launch, Plan, PlanContext } from '../../model/launch.ts';
import type { Tool } from '../tool.ts';

/** Start of the names of all traces in the run directory. */
const prefix = 'mtrace';

export const mtrace: Tool = {
  name: 'mtrace',
  title: 'blocks that were never freed, by a trace of malloc and free',
  launcher: 'none',
  yields: 'reports',
  preload: 'mtrace.c',
  everyProcessReports: true,
  plan,
};

/** glibc's own tracing: since 2.34 in a library of its own (NEWS of glibc 2.34), which a program that calls mtrace() needs. */
const debuggingMalloc = 'libc_malloc_debug.so.0';

function plan(_: Launch, { directory, environment = {}, preload }: PlanContext): Plan {
  const others = environment.LD_PRELOAD ?? '';
  const inFront = (library: string): string => (others === '' ? library : `${library}:${others}`);
  if (preload !== undefined) {
    return {
      options: [],
      environment: {},
      programEnvironment: {
        VGRUN_MTRACE: `${directory}/${prefix}`,
        VGRUN_MTRACE_FIRST: '1',
        LD_PRELOAD: inFront(preload),
      },
    };
  }
  // Of a user who wants the trace elsewhere, a copy is kept.
  const wanted = environment.MALLOC_TRACE ?? '';
  return {
    options: [],
    environment: {},
    programEnvironment: {
      MALLOC_TRACE: wanted === '' ? `${directory}/${prefix}.glibc` : wanted,
      LD_PRELOAD: inFront(debuggingMalloc),
    },
    ...(wanted !== '' && {
      outputs: [{ template: wanted.replaceAll('%', '%%'), usual: `${prefix}.glibc` }],
    }),
  };
}
