// The options of `perf record` that vgrun takes (perf-record(1)); those that say where data goes are vgrun's own.
import type { ValgrindOption } from './option.ts';

const ofPerf = { tools: ['perf'], group: 'tool', since: '0.0' } as const;

export const perfOptions: readonly ValgrindOption[] = [
  {
    ...ofPerf,
    name: '--freq',
    type: 'int',
    min: 1,
    default: '997',
    afterProgram: 'ambiguous',
    summary: 'samples per second and thread',
  },
  {
    ...ofPerf,
    name: '--count',
    type: 'int',
    min: 1,
    afterProgram: 'ambiguous',
    summary: 'a sample each N events, instead of --freq',
  },
  {
    ...ofPerf,
    name: '--event',
    type: 'string',
    format: 'EVENT,…',
    repeatable: true,
    afterProgram: 'ambiguous',
    summary: 'what to sample: cycles, cache-misses, cpu-clock, … (perf list)',
  },
  {
    ...ofPerf,
    name: '--call-graph',
    type: 'string',
    format: 'fp, dwarf, dwarf,BYTES, lbr or no',
    default: 'fp',
    summary: 'how callers are found',
  },
  { ...ofPerf, name: '--all-user', type: 'flag', afterProgram: 'never', summary: 'leave out the kernel' },
  { ...ofPerf, name: '--all-kernel', type: 'flag', afterProgram: 'never', summary: 'only the kernel' },
  {
    ...ofPerf,
    name: '--no-inherit',
    type: 'flag',
    afterProgram: 'never',
    summary: 'leave out child processes',
  },
  {
    ...ofPerf,
    name: '--mmap-pages',
    type: 'string',
    format: 'PAGES',
    afterProgram: 'ambiguous',
    summary: 'buffer for samples, where some are lost',
  },
];
