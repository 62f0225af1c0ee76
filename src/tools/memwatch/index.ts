// Owns memwatch: heap errors of a program that was compiled with memwatch.c, which keeps its own list of blocks.
import type { Tool } from '../tool.ts';

/** memwatch opens the first of these that it can (memwatch.c, mwInit). */
const names = [
  'memwatch.log',
  ...Array.from({ length: 99 }, (_, index) => `memwat${String(index + 1).padStart(2, '0')}.log`),
];

export const memwatch: Tool = {
  name: 'memwatch',
  title: 'heap errors of a program built with memwatch',
  launcher: 'none',
  yields: 'reports',
  evidence: {
    words: ['============= MEMWATCH ', 'mwMalloc', 'mwInit'],
    missing: 'is not built with memwatch',
    hint: 'build it with: vgrun build --memwatch=path/to/memwatch.c -- cc … (docs/memwatch.md); or run it under memcheck, which needs no build of its own',
  },
  plan: () => ({
    options: [],
    environment: {},
    appended: {
      names,
      usual: 'memwatch',
      begin: '============= MEMWATCH ',
      missing: {
        code: 'no-report',
        level: 'incomplete',
        message:
          'the program left no memwatch.log: it is built without memwatch, never called it, or could not write in its directory',
        hint: 'with MW_PTHREADS memwatch waits for itself on the first strdup(): give --timeout, and build without it',
      },
      empty: {
        code: 'empty-log',
        level: 'incomplete',
        message:
          'memwatch.log was opened and nothing was written to it: memwatch writes at the end of the program, and this one crashed, was killed, or ended by abort() or _exit()',
        hint: 'call mwDoFlush(1) after mwInit(), or run it under memcheck, which tells where it crashed',
      },
    },
  }),
};
