// What the events of callgrind, cachegrind and execution trees are called and count; events that are sums of others.
// Source: the manuals of callgrind and cachegrind, `Cache simulation`, `Branch simulation`, `Collecting syscall times`.
import type { Measure, Unit } from '../../model/profile.ts';

const known: Readonly<Record<string, readonly [title: string, unit: Unit]>> = {
  Ir: ['instructions executed', 'instructions'],
  Dr: ['data reads', 'events'],
  Dw: ['data writes', 'events'],
  I1mr: ['instruction reads that missed the first-level cache', 'events'],
  D1mr: ['data reads that missed the first-level cache', 'events'],
  D1mw: ['data writes that missed the first-level cache', 'events'],
  ILmr: ['instruction reads that missed the last-level cache', 'events'],
  DLmr: ['data reads that missed the last-level cache', 'events'],
  DLmw: ['data writes that missed the last-level cache', 'events'],
  // Before valgrind 3.6 the last level was taken for the second.
  I2mr: ['instruction reads that missed the second-level cache', 'events'],
  D2mr: ['data reads that missed the second-level cache', 'events'],
  D2mw: ['data writes that missed the second-level cache', 'events'],
  // --simulate-wb=yes
  ILdmr: ['instruction reads that threw a changed line out of the last-level cache', 'events'],
  DLdmr: ['data reads that threw a changed line out of the last-level cache', 'events'],
  DLdmw: ['data writes that threw a changed line out of the last-level cache', 'events'],
  // --cacheuse=yes
  AcCost1: ['cost of poor temporal use of the first-level cache', 'events'],
  SpLoss1: ['bytes loaded into the first-level cache and never used', 'bytes'],
  AcCost2: ['cost of poor temporal use of the last-level cache', 'events'],
  SpLoss2: ['bytes loaded into the last-level cache and never used', 'bytes'],
  Bc: ['conditional branches', 'events'],
  Bcm: ['conditional branches mispredicted', 'events'],
  Bi: ['indirect branches', 'events'],
  Bim: ['indirect branches mispredicted', 'events'],
  Ge: ['global bus events', 'events'],
  allocCount: ['allocations', 'blocks'],
  allocSize: ['bytes allocated', 'bytes'],
  sysCount: ['system calls', 'calls'],
  sysTime: ['time in system calls', 'ms'],
  sysCpuTime: ['processor time of system calls', 'ns'],
  // --xtree-memory=full, --xtree-leak=yes
  curB: ['bytes allocated at the end', 'bytes'],
  curBk: ['blocks allocated at the end', 'blocks'],
  totB: ['bytes allocated in all', 'bytes'],
  totBk: ['blocks allocated in all', 'blocks'],
  totFdB: ['bytes freed in all', 'bytes'],
  totFdBk: ['blocks freed in all', 'blocks'],
};

// `event: sysTime : sysTime (elapsed ns)`, `Memory_(bytes)`, `Time_(10ns)`
const unitsInBrackets: readonly (readonly [pattern: RegExp, unit: Unit])[] = [
  [/\((?:[\w ]* )?ns\)/, 'ns'],
  [/\((?:[\w ]* )?ms\)/, 'ms'],
  [/\(bytes\)| Bytes$/, 'bytes'],
  [/ Blocks$/, 'blocks'],
  [/^Samples?$/i, 'samples'],
  [/^(?:Cycles?|Ticks?)$/i, 'cycles'],
];

/**
 * The measure of an event.
 *
 * @param long what its `event:` line calls it.
 * @param formula the sum that its `event:` line says it is.
 */
export function eventMeasure(name: string, long?: string, formula?: string): Measure {
  const told = long === undefined || long === '' ? undefined : long;
  const unit = unitsInBrackets.find(([pattern]) => pattern.test(told ?? name))?.[1];
  const [title, usual] = known[name] ?? [told ?? name.replaceAll('_', ' '), undefined];
  // `event: sysTime : sysTime (elapsed us)`: a unit that is none of ours stays in the title.
  const own = told !== undefined && usual === 'ms' && unit === undefined;
  return {
    name,
    title: own ? told : title,
    unit: own ? 'events' : (unit ?? usual ?? 'events'),
    ...(formula !== undefined && { formula }),
  };
}

/** One summand of a formula: how often which event. */
export interface Summand {
  readonly name: string;
  readonly factor: number;
}

// `10 L1m`, `10*Bm`, `Ir`
const summand = /^(?:(\d{1,9})\s*\*?\s*)?([A-Za-z_]\w*)$/;

/** The summands of `Ir + 10 Bm + 10 L1m`; undefined when it is no sum. */
export function readFormula(formula: string): readonly Summand[] | undefined {
  const summands: Summand[] = [];
  for (const part of formula.split('+')) {
    const [, factor = '1', name] = summand.exec(part.trim()) ?? [];
    if (name === undefined) return undefined;
    summands.push({ name, factor: Number(factor) });
  }
  return summands;
}
