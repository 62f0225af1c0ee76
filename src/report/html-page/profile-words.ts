// The words and numbers of profiles: for the page, for the part of it without a script, and for the drawing.
import type { Measure, Snapshot, Timeline, Unit } from '../../model/profile.ts';
import type { ReportProfileFrame } from '../../model/profile-report.ts';
import { grouped, plural } from '../terminal-text.ts';
import type { CallKind } from './flame-tree.ts';
import { durationText, shortBytes, shortSource } from './words.ts';

export const kindWords: Readonly<Record<Exclude<CallKind, 'all'>, string>> = {
  mine: 'my code',
  library: 'library',
  system: 'system',
  kernel: 'kernel',
  tool: 'instrument',
  sum: 'several places',
};

/** What stands for the name of a function: `main`, `??? in libc.so.6`, `0x4011d6`. */
export function placeName(frame: ReportProfileFrame): string {
  const { function: name, object, ip, sum } = frame;
  if (sum !== undefined) return sum;
  if (name !== undefined) return name;
  if (object !== undefined) return `??? in ${object.slice(object.lastIndexOf('/') + 1)}`;
  return ip ?? '???';
}

/** `src/list.c:42`, with what the line is when it is one of several; else the object. */
export function placeSource(frame: ReportProfileFrame, mixed = false): string {
  const { path, line, object } = frame;
  if (path === undefined) return object ?? '';
  return line === undefined || mixed ? path : `${path}:${line}`;
}

/** The same without the folders of an object: `libc.so.6`. */
export function briefSource(frame: ReportProfileFrame, mixed = false): string {
  const source = placeSource(frame, mixed);
  return frame.path === undefined ? source.slice(source.lastIndexOf('/') + 1) : shortSource(source);
}

/**
 * A C++ name without parameters and template arguments: `std::vector<int>::push_back(int const&)` becomes
 * `std::vector<…>::push_back(…)`. What is no such name, or is unbalanced, stays as it is.
 */
export function shortName(name: string): string {
  // Sentences, such as those of massif's sums, have a space before their parenthesis.
  if (name.length > 2_000 || !/[<(]/.test(name) || / \(|operator\s*[<>(-]/.test(name)) return name;
  let short = '';
  let depth = 0;
  for (const [at, character] of [...name].entries()) {
    if (character === '<' || character === '(') {
      // `(anonymous namespace)::f`, `(below main)`
      if (character === '(' && at === 0) return name;
      if (depth++ === 0) short += `${character}…`;
    } else if (character === '>' || character === ')') {
      if (--depth < 0) return name;
      if (depth === 0) short += character;
    } else if (depth === 0) short += character;
  }
  return depth === 0 ? short.replaceAll('(…)', name.includes('()') ? '()' : '(…)') : name;
}

/** The name, shortened when it must be, and the amount when there is room for both. @param room characters. */
export function fittedName(name: string, amount: string, room: number): string {
  const both = amount.length + 2;
  if (name.length + both <= room) return `${name}  ${amount}`;
  if (name.length <= room) return name;
  let short = shortName(name);
  if (short.length + both <= room) return `${short}  ${amount}`;
  // The end of a qualified name tells more than its beginning: `std::vector<…>::push_back(…)`
  while (short.length > room && /^[^(]*?::/.test(short)) short = short.replace(/^[^(]*?::/, '');
  return short.length <= room ? short : `${short.slice(0, Math.max(0, room - 1))}…`;
}

/** `1.5 MiB`, `12.3 M`, `850 ms`: at most four digits. */
export function shortAmount(value: number, unit: Unit): string {
  if (Number.isNaN(value)) return '?';
  if (value < 0) return `−${shortAmount(-value, unit)}`;
  if (unit === 'bytes')
    return value < 1024 && !Number.isInteger(value) ? `${value.toFixed(1)} B` : shortBytes(value);
  if (unit === 'ns') return nanoseconds(value);
  if (unit === 'ms') return durationText(value);
  return shortCount(value);
}

function nanoseconds(value: number): string {
  if (value < 1_000) return `${Math.round(value)} ns`;
  if (value < 1_000_000) return `${(value / 1_000).toFixed(1)} µs`;
  return value < 10_000_000 ? `${(value / 1_000_000).toFixed(2)} ms` : durationText(value / 1_000_000);
}

function shortCount(value: number): string {
  if (value < 10_000) return Number.isInteger(value) ? grouped(value) : value.toFixed(1);
  const signs = ['k', 'M', 'G', 'T', 'P'];
  let scaled = value / 1000;
  let sign = 0;
  while (scaled >= 999.5 && sign < signs.length - 1) {
    scaled /= 1000;
    sign++;
  }
  return `${scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${signs[sign]}`;
}

/** What one of a unit is called. */
export const unitWords: Readonly<Record<Unit, string>> = {
  bytes: 'byte',
  blocks: 'block',
  instructions: 'instruction',
  cycles: 'cycle',
  samples: 'sample',
  calls: 'call',
  ns: 'ns',
  ms: 'ms',
  events: 'event',
};

/** The exact number with its unit: `12,415,506 bytes`; long times in milliseconds. */
export function exactAmount(value: number, unit: Unit): string {
  if (Number.isNaN(value)) return 'not known';
  const number = exactNumber(value);
  if (unit === 'ns' && value >= 1_000_000) return `${exactNumber(value / 1_000_000)} ms`;
  if (unit === 'ns' || unit === 'ms') return `${number} ${unit}`;
  return `${number} ${plural(value, unitWords[unit])}`;
}

/** `12,415,506`; what is no whole number with three digits after the point. */
export function exactNumber(value: number): string {
  if (Number.isNaN(value)) return '?';
  if (Number.isInteger(value)) return value < 0 ? `−${grouped(-value)}` : grouped(value);
  const [whole = '', digits = ''] = value.toFixed(3).split('.');
  return `${whole.replace(/\B(?=(?:\d{3})+(?!\d))/g, ',')}.${digits}`;
}

/** For a cell of a table: exact, but times in their own units, for a second is not read in nanoseconds. */
export function cellAmount(value: number, unit: Unit): string {
  return unit === 'ns' || unit === 'ms' ? shortAmount(value, unit) : exactNumber(value);
}

/** `12.3 %` */
export function percentText(part: number, whole: number): string {
  if (!(whole > 0) || Number.isNaN(part)) return '–';
  const percent = (100 * part) / whole;
  return percent > 0 && percent < 0.05 ? '<0.1 %' : `${percent.toFixed(1)} %`;
}

/** `+12.3 %`, `−5.0 %`, from ten times on `×15.7`; `new`, `gone`, `same`. */
export function changeText(before: number, after: number): string {
  if (Number.isNaN(before) || Number.isNaN(after)) return 'not known';
  if (before === after) return 'same';
  if (before === 0) return 'new';
  if (after === 0) return 'gone';
  const ratio = after / before;
  if (ratio >= 10) return `×${ratio >= 100 ? grouped(Math.round(ratio)) : ratio.toFixed(1)}`;
  const percent = 100 * (ratio - 1);
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(1)} %`;
}

/** `instructions executed (Ir)`; where the tool has no word of its own, the title alone. */
export function measureText({ name, title }: Measure): string {
  return name === title || title.toLowerCase().includes(name.toLowerCase()) ? title : `${title} (${name})`;
}

/**
 * Why a tree of a time line holds less than the curve: `The tree is of heap alone: extra (287 bytes) has no calls.`;
 * empty where it holds all.
 */
export function outsideTree({ series }: Timeline, snapshot: Pick<Snapshot, 'values'> | undefined): string {
  const [first, ...others] = series;
  const outside = others.flatMap(({ name, unit }, index) => {
    const value = snapshot?.values[index + 1] ?? 0;
    return value > 0 ? [`${name} (${exactAmount(value, unit)})`] : [];
  });
  if (first === undefined || outside.length === 0) return '';
  return `The tree is of ${first.name} alone: ${outside.join(' and ')} ${outside.length === 1 ? 'has' : 'have'} no calls.`;
}

/** `words (101)`; without a process the program alone. */
export function programText({ program, pid }: { readonly program: string; readonly pid: number }): string {
  const name = program.slice(program.lastIndexOf('/') + 1) || 'program';
  return pid > 0 ? `${name} (${pid})` : name;
}
