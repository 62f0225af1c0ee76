// What perf's events count: the measure for the name of an event.
import type { Measure, Unit } from '../../model/profile.ts';

/** What is known of an event by the name without modifiers (perf-list(1)). */
const known: Readonly<Record<string, readonly [title: string, unit: Unit]>> = {
  'cpu-clock': ['time on the processor', 'ns'],
  'task-clock': ['time on the processor', 'ns'],
  cycles: ['processor cycles', 'cycles'],
  'cpu-cycles': ['processor cycles', 'cycles'],
  'ref-cycles': ['processor cycles at the reference frequency', 'cycles'],
  'bus-cycles': ['bus cycles', 'cycles'],
  instructions: ['instructions executed', 'instructions'],
  'cache-references': ['cache references', 'events'],
  'cache-misses': ['cache misses', 'events'],
  branches: ['branches', 'events'],
  'branch-instructions': ['branches', 'events'],
  'branch-misses': ['mispredicted branches', 'events'],
  'page-faults': ['page faults', 'events'],
  faults: ['page faults', 'events'],
  'minor-faults': ['minor page faults', 'events'],
  'major-faults': ['major page faults', 'events'],
  'context-switches': ['context switches', 'events'],
  'cpu-migrations': ['migrations to another processor', 'events'],
};

/** Letters behind the colon that say where was counted. */
const places: Readonly<Record<string, string>> = {
  u: 'in user mode',
  k: 'in the kernel',
  h: 'in the hypervisor',
  G: 'in guests',
  H: 'on the host',
};

/** `cycles` for `cycles:ppp`: how precise a sample is depends on the machine, not on what was asked. */
export function withoutPrecision(event: string): string {
  // `cpu-clock:ppp`, `cycles:uppp`, `cpu/cycles/P`
  const modifiers = /^(.*?)([:/])([a-zA-Z]{1,8})$/s.exec(event);
  if (modifiers === null || !/^[ukhGHIpPSDWe]+$/.test(modifiers[3] ?? '')) return event;
  const [, name = '', mark = '', letters = ''] = modifiers;
  const kept = letters.replace(/[pP]/g, '');
  return mark === '/' ? `${name}/${kept}` : kept === '' ? name : `${name}:${kept}`;
}

/**
 * The measure of an event whose samples have periods.
 *
 * @param name as `withoutPrecision` gives it.
 */
export function eventMeasure(name: string): Measure {
  const [title, unit] = meaningOf(name);
  return { name, title, unit };
}

/** The measure of an event of whose samples only the number is known. */
export function countMeasure(name: string): Measure {
  return { name, title: `samples of ${name}`, unit: 'samples' };
}

function meaningOf(name: string): readonly [title: string, unit: Unit] {
  // `cycles:u`, `cpu_core/cycles/`, `cpu_atom/instructions/u`
  const parts = /^(?:\w+\/)?([\w-]+)(?:$|[:/]([ukhGH]*)$)/.exec(name);
  const base = parts?.[1] ?? '';
  const meaning = Object.hasOwn(known, base) ? known[base] : undefined;
  if (meaning === undefined) return [name, 'events'];
  const where = [...(parts?.[2] ?? '')].map((letter) => places[letter] ?? letter);
  const unit = name.includes('/') ? `${meaning[0]} (${name})` : meaning[0];
  return [[unit, where.join(' and ')].filter((word) => word !== '').join(' '), meaning[1]];
}
