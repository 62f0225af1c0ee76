// Owns what is known of valgrind's options, today's and those of earlier versions. The facts are in
// valgrind-options.json: read from `--help-debug` of 3.19 to 3.27 and from the option readers of every release.
import { sanitizers } from '../../model/sanitizer.ts';
import { nearest } from '../../model/spelling.ts';
import { gdbOptions } from './gdb-options.ts';
import type { ValgrindOption } from './option.ts';
import { perfOptions } from './perf-options.ts';
import { sanitizerOptions, suppressingRuntime } from './sanitizer-options.ts';

export type { ValgrindOption } from './option.ts';

import table from './valgrind-options.json' with { type: 'json' };

/** What became of an option of an earlier valgrind. The first entry that fits counts. */
interface OldOption {
  readonly name: string;
  /** Only with this value. */
  readonly when?: string;
  readonly tools?: readonly string[];
  /** Today's spelling, `$` for the value. Missing: gone without replacement. */
  readonly to?: readonly string[];
  /** Last release that had it; missing: it is still taken. */
  readonly until?: string;
}

/** What became of a tool of an earlier valgrind. */
export interface OldTool {
  readonly name: string;
  /** Missing: gone. */
  readonly use?: string;
  readonly options?: readonly string[];
  readonly until?: string;
}

/** Every option, in the order of valgrind's help. */
export const valgrindOptions = table.options as readonly ValgrindOption[];
const oldOptions = table.oldOptions as readonly OldOption[];
const oldTools = table.oldTools as readonly OldTool[];

/** Every tool of valgrind, whether vgrun can read it or not. */
export const valgrindTools: readonly string[] = table.tools;

let byName: ReadonlyMap<string, ValgrindOption> | undefined;

/** The option of that name (with its dashes), whichever tool has it. */
export function optionNamed(name: string): ValgrindOption | undefined {
  byName ??= new Map(
    [...sanitizerOptions, ...perfOptions, ...gdbOptions, ...valgrindOptions].map((option) => [
      option.name,
      option,
    ]),
  );
  const family = /^(--(?:separate-callers|separate-recs|fn-group))\d+$/.exec(name)?.[1];
  const option = byName.get(family ?? name);
  // `--separate-callers2=main`: for one function; `--separate-callers=2`: for all.
  return family === undefined || option === undefined
    ? option
    : { ...option, name, type: 'string', format: 'fn' };
}

/** Instruments that valgrind has nothing to do with. */
const otherInstruments: ReadonlySet<string> = new Set([
  'perf',
  'gprof',
  'gdb',
  ...sanitizers.map(({ tool }) => tool),
  'mtrace',
  'memwatch',
  'heaptrack',
]);

/** True for a tool of valgrind's, in the tables or not. */
export function isOfValgrind(tool: string): boolean {
  return !otherInstruments.has(tool);
}

/** Options that vgrun answers or heeds itself, whatever the instrument. */
const ofAll: ReadonlySet<string> = new Set([
  '--tool',
  '-h',
  '--help',
  '--help-debug',
  '--help-dyn-options',
  '--version',
  '-q',
  '--quiet',
  '-v',
  '--verbose',
  '--error-exitcode',
]);

/** Every option that the tool takes, in the order of its help. */
export function optionsOf(tool: string): readonly ValgrindOption[] {
  return [...valgrindOptions, ...sanitizerOptions, ...perfOptions, ...gdbOptions].filter((option) =>
    belongsTo(option, tool),
  );
}

/** Whether the instrument takes the option: with a tool of valgrind's, those of its core too. */
export function belongsTo(option: ValgrindOption, tool: string): boolean {
  const hidesFindings = option.name === '--suppressions' && suppressingRuntime(tool) !== undefined;
  return option.tools?.includes(tool) ?? (isOfValgrind(tool) || ofAll.has(option.name) || hidesFindings);
}

/** An option as it stands in an argument list. */
export interface OptionToken {
  /** With its dashes, without a `memcheck:` before it. */
  readonly name: string;
  /** Text after `=`; missing when there is none. */
  readonly value?: string;
  /** The tool it is for: `--memcheck:leak-check=full` (manual, section 2.6). */
  readonly scope?: string;
}

/** Takes `--name=value`, `-q` or `--memcheck:name=value` apart. */
export function readToken(text: string): OptionToken {
  const at = text.indexOf('=');
  const head = at === -1 ? text : text.slice(0, at);
  const value = at === -1 ? {} : { value: text.slice(at + 1) };
  // `--memcheck:leak-check=full`
  const [, scope, name] = /^--([a-z-]+):(.*)$/.exec(head) ?? [];
  return scope === undefined ? { name: head, ...value } : { name: `--${name}`, ...value, scope };
}

/**
 * The options that valgrind will heed, in order, without their scopes: those that are for other tools are left out.
 * For lists that valgrind reads itself (rc files, VALGRIND_OPTS), which may hold anything.
 */
export function optionsFor(tool: string, tokens: readonly string[]): OptionToken[] {
  return tokens.map(readToken).filter(({ scope }) => scope === undefined || scope === tool);
}

/** Whether valgrind would take this value; it is not asked whether the installed version does. */
export function accepts(option: ValgrindOption, value: string): boolean {
  switch (option.type) {
    case 'flag':
      return false;
    case 'bool':
      return value === 'yes' || value === 'no';
    case 'switch':
      return ['0', '1', 'no', 'yes', 'false', 'true'].includes(value);
    case 'enum':
      return option.values?.includes(value) ?? true;
    case 'set':
      return acceptsSet(option.values ?? [], value);
    case 'int':
      return /^-?\d+$/.test(value) && inRange(option, Number(value));
    case 'hex':
      return /^(0x)?[\da-f]+$/i.test(value) && inRange(option, Number.parseInt(value, 16));
    case 'bits':
      return /^[01]+$/.test(value) && value.length === option.digits;
    case 'float':
      return /^\d+(\.\d*)?$/.test(value);
    case 'path':
      return value !== '';
    case 'list':
    case 'string':
      return true;
  }
}

/** `definite,possible`; `all` and `none` stand alone (observed with 3.19). */
function acceptsSet(values: readonly string[], value: string): boolean {
  const words = value.split(',');
  const alone = words.includes('all') || words.includes('none');
  return words.every((word) => values.includes(word)) && (!alone || words.length === 1);
}

function inRange({ min = -Infinity, max = Infinity }: ValgrindOption, value: number): boolean {
  return value >= min && value <= max;
}

/** What goes after the `=`, for help: `no|yes`, `1..500`, `FILE`; empty for a flag. */
export function valueForm(option: ValgrindOption): string {
  const { min, max, values = [], format } = option;
  switch (option.type) {
    case 'flag':
      return '';
    case 'bool':
      return 'no|yes';
    case 'switch':
      return '0|1';
    case 'enum':
      return values.join('|');
    case 'set':
      return 'KIND,…';
    case 'int':
      return min !== undefined && max !== undefined ? `${min}..${max}` : 'NUMBER';
    case 'hex':
      return '0xHEX';
    case 'bits':
      return '0'.repeat(option.digits ?? 0);
    case 'float':
      return 'NUMBER';
    case 'path':
      return 'FILE';
    case 'list':
      return 'PATTERN,…';
    case 'string':
      return format ?? 'TEXT';
  }
}

/** What an option takes, as part of a sentence: `no, summary, yes or full`. */
export function acceptedValues(option: ValgrindOption): string {
  const { min, max, values = [] } = option;
  switch (option.type) {
    case 'flag':
      return 'no value';
    case 'bool':
      return 'yes or no';
    case 'switch':
      return '0 or 1';
    case 'enum':
      return orList(values);
    case 'set':
      return `one or more, with commas, of ${orList(values.filter((value) => value !== 'all' && value !== 'none'))}; or ${orList(values.filter((value) => value === 'all' || value === 'none'))}`;
    case 'int':
      if (max !== undefined) return `a number from ${min ?? 0} to ${max}`;
      return min === undefined ? 'a number' : `a number from ${min} on`;
    case 'hex':
      return max === undefined ? 'a hexadecimal number' : `a hexadecimal number up to 0x${max.toString(16)}`;
    case 'bits':
      return `${option.digits} digits 0 or 1`;
    case 'float':
      return 'a number';
    case 'path':
      return 'a file name';
    case 'list':
    case 'string':
      return option.format ?? 'any text';
  }
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** What became of an option of an earlier valgrind: today's spelling (none: gone), and its last release. */
export interface Translation {
  readonly to: readonly string[];
  readonly until?: string;
}

/** Today's spelling of an option of an earlier valgrind, for this tool. Undefined when it is no such option. */
export function translateOld({ name, value = '' }: OptionToken, tool: string): Translation | undefined {
  const old = oldOptions.find(
    (entry) =>
      entry.name === name &&
      (entry.when === undefined || entry.when === value) &&
      (entry.tools?.includes(tool) ?? true),
  );
  if (old === undefined) return undefined;
  return {
    // A function, so that `$&` in a file name stays what it is.
    to: (old.to ?? []).map((spelling) => spelling.replace('$', () => value)),
    ...(old.until === undefined ? {} : { until: old.until }),
  };
}

/** Whether some earlier valgrind had an option of that name. */
export function isOldOption(name: string): boolean {
  return oldOptions.some((entry) => entry.name === name);
}

/** What became of a tool that valgrind has no longer. */
export function oldToolNamed(name: string): OldTool | undefined {
  return oldTools.find((tool) => tool.name === name);
}

/** The option name that was probably meant, of those that the tool has. */
export function nearestOption(name: string, tool: string): string | undefined {
  return nearest(
    name,
    optionsOf(tool).map((option) => option.name),
  );
}

/** The first release that takes this option with this value and tool, `major.minor`. */
export function sinceOf(option: ValgrindOption, tool: string, value = ''): string {
  const since = option.sinceOfTool?.[tool] ?? option.since;
  return value
    .split(',')
    .map((word) => option.sinceOfValue?.[word] ?? since)
    .reduce((latest, release) => (isAtLeast(latest, release) ? latest : release), since);
}

/** Whether `3.19.0` is `3.18` or later. Letters at the end (`3.20.0.RC1`, `3.28.0.GIT`) do not count. */
export function isAtLeast(version: string, release: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  const [wantedMajor = 0, wantedMinor = 0] = release.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
