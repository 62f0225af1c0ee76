// Owns the options of `vgrun stacks`, apart from the command: completion needs no more.

/** How samples are taken, for yargs. */
export const stacksOptions = {
  samples: { type: 'string', default: '1', describe: 'how often to look: who moves is told from 2 on' },
  interval: { type: 'string', default: '200ms', describe: 'from one look to the next: 50ms, 2s' },
  'max-pause': {
    type: 'string',
    default: '100',
    describe: 'ms for which a thread may be held; a thread that does not stop by then is told as such',
  },
  together: {
    type: 'boolean',
    default: false,
    describe: 'hold all threads at once, for a view of one moment',
  },
  debuginfod: { type: 'boolean', default: false, describe: 'ask the servers of DEBUGINFOD_URLS for symbols' },
  json: { type: 'boolean', default: false, describe: 'the same as --report=json=-' },
} as const;
