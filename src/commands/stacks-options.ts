// Owns the options of `vgrun stacks`, apart from the command: completion needs no more.

/** How samples are taken, for yargs. */
export const stacksOptions = {
  samples: { type: 'string', default: '1', describe: 'how often to look: who moves is told from 2 on' },
  interval: { type: 'string', default: '200ms', describe: 'from one look to the next: 50ms, 2s' },
  'max-pause': {
    type: 'string',
    default: '500',
    describe: 'ms for which the process may be held; a thread that does not stop by then is told as such',
  },
  debuginfod: { type: 'boolean', default: false, describe: 'ask the servers of DEBUGINFOD_URLS for symbols' },
  json: { type: 'boolean', default: false, describe: 'the same as --report=json=-' },
} as const;
