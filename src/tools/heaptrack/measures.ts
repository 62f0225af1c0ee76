// What heaptrack counts for each call path, in both of its formats.
import type { Measure } from '../../model/profile.ts';

/** Bytes allocated when the whole program had most. */
export const peakBytes: Measure = {
  name: 'peak',
  title: 'bytes when most was allocated',
  unit: 'bytes',
};
export const leakedBytes: Measure = { name: 'leaked', title: 'bytes never freed', unit: 'bytes' };
export const allocationCalls: Measure = {
  name: 'allocations',
  title: 'calls to allocation functions',
  unit: 'calls',
};
/** Freed before anything else was allocated. */
export const temporaryCalls: Measure = {
  name: 'temporary',
  title: 'temporary allocations',
  unit: 'calls',
};
export const allocatedBytes: Measure = {
  name: 'allocated',
  title: 'bytes allocated in all',
  unit: 'bytes',
};
