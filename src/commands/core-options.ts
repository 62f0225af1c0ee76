// Owns the options of `vgrun core` beside those of every report.

/** How a core is read, for yargs. */
export const coreOptions = {
  locals: {
    type: 'boolean',
    default: true,
    describe: 'arguments and locals, by gdb; --no-locals: without',
  },
  search: {
    type: 'string',
    array: true,
    nargs: 1,
    default: [] as string[],
    describe: 'DIR with programs, libraries or their debug files; repeatable',
  },
  sysroot: { type: 'string', describe: 'DIR under which the paths of the core lie' },
  debuginfod: {
    type: 'boolean',
    default: false,
    describe: 'ask the servers in DEBUGINFOD_URLS for what is missing',
  },
} as const;
