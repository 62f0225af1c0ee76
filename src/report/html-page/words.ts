// The words of the HTML report: for the page and for the part of it that is written without a script.
import type { Owner, Severity } from '../../model/finding.ts';
import type { GrowthLimit } from '../../model/profile-report.ts';
import type { Amount, LeakTotals } from '../../model/record.ts';
import type { Cost, Limit, Outcome, Pardon, Report, ReportTotals, Standing } from '../../model/report.ts';
import type { Exit, StoppedBy } from '../../model/run.ts';
import { signalFrame } from '../../model/stop.ts';
import { grouped, plural } from '../terminal-text.ts';

/** Signs that tell by form what colour alone must not. */
export const outcomeSigns: Readonly<Record<Outcome, string>> = {
  clean: '✓',
  findings: '✕',
  failed: '✕',
  inconclusive: '?',
};

export const severitySigns: Readonly<Record<Severity, string>> = {
  critical: '◆',
  error: '●',
  warning: '▲',
  info: '○',
};

export const ownerWords: Readonly<Record<Owner, string>> = {
  mine: 'my code',
  library: 'library',
  system: 'system',
  tool: 'instrument',
};

export const standingWords: Readonly<Record<Standing, string>> = {
  new: 'new',
  changed: 'changed',
  known: 'known',
};

/** Why an error does not make the run fail. */
export const pardonWords: Readonly<Record<Pardon, string>> = {
  baseline: 'known: it is in the baseline',
  ownership: 'not mine: no call of my code takes part in it',
  'fail-on': 'its kind is not among those that fail the run (--fail-on)',
  limit: 'within the limit that --max sets',
  interpreter: 'inside the interpreter that runs the script',
};

// What decided the owner of a call; other texts are the user's own pattern.
const reasonWords: Readonly<Record<string, string>> = {
  instrument: 'part of the instrument',
  'source-in-project': 'its source is in the project',
  'object-in-project': 'its object is in the project',
  system: 'part of the system',
  'source-of-library': 'its source is that of a library',
  'object-of-library': 'its object is a library',
  program: 'in the program itself',
  'shared-object': 'in a shared object',
  'source-only': 'only its source is known',
  'nothing-known': 'nothing is known of it',
};

export function reasonText(owner: Owner, reason: string): string {
  const words = Object.hasOwn(reasonWords, reason) ? reasonWords[reason] : reason;
  return `${ownerWords[owner]}: ${words}`;
}

/** Formats such as memwatch's know a line and no function, not even an address. */
export function isMerePlace({
  function: name,
  ip,
  offset,
}: {
  readonly function?: string;
  readonly ip?: string;
  readonly offset?: string;
}): boolean {
  return name === undefined && ip === undefined && offset === undefined;
}

/**
 * `pop()`; C++ names bring their own parentheses. Without a name where it is in its object, `libfoo.so+0x1207`, else `??? (0x4711)` or
 * `??? [0x1207]`.
 */
export function functionText(frame: {
  readonly function?: string;
  readonly ip?: string;
  readonly object?: string;
  readonly offset?: string;
}): string {
  const { function: name, ip, object, offset } = frame;
  if (name === undefined) {
    if (object !== undefined && offset !== undefined)
      return `${object.slice(object.lastIndexOf('/') + 1)}+${offset}`;
    if (ip !== undefined) return `??? (${ip})`;
    return offset === undefined ? '???' : `??? [${offset}]`;
  }
  return name.endsWith(')') || name === signalFrame ? name : `${name}()`;
}

/** `src/list.c:42`, else the object; empty when nothing is known. */
export function sourceText(frame: {
  readonly path?: string;
  readonly line?: number;
  readonly object?: string;
}): string {
  if (frame.path === undefined) return frame.object ?? '';
  return frame.line === undefined ? frame.path : `${frame.path}:${frame.line}`;
}

/** A long path by its end, which tells more: `…/core/list.c:42`. */
export function shortSource(source: string): string {
  if (source.length <= 40) return source;
  const end = source.slice(source.lastIndexOf('/', source.lastIndexOf('/') - 1) + 1);
  return end === source ? source : `…/${end}`;
}

/** `1 finding`, `1,234 findings`; with `more` for words that are no regular plural: `2 passes`. */
export function counted(count: number, word: string, more?: string): string {
  return `${grouped(count)} ${more !== undefined && count !== 1 ? more : plural(count, word)}`;
}

/** What a finding costs, short: `1,024 bytes in 2 blocks`, `12 times`; empty for what was seen once. */
export function costText(cost: Cost, atLeast = false): string {
  const least = atLeast ? 'at least ' : '';
  if (cost.bytes !== undefined) {
    const blocks = cost.blocks === undefined ? '' : ` in ${counted(cost.blocks, 'block')}`;
    return `${least}${counted(cost.bytes, 'byte')}${blocks}`;
  }
  return cost.count > 1 || atLeast ? `${least}${counted(cost.count, 'time')}` : '';
}

/** `1.5 MiB`; the exact number stands beside it wherever this is used. */
export function shortBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `850 ms`, `12.3 s`, `2 min 5 s`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

export function exitText(exit: Exit): string {
  if (exit.how === 'exited') return `exited with ${exit.code}`;
  return exit.how === 'signaled' ? `killed by ${exit.signal}` : 'how it ended is not known';
}

export function limitText({ group, unit, most, actual, exceeded }: Limit): string {
  const of = (number: number) => (unit === 'bytes' ? counted(number, 'byte') : counted(number, 'finding'));
  return `${group}: ${of(actual)}, at most ${of(most)} allowed${exceeded ? ' (exceeded)' : ''}`;
}

/** `instructions executed (Ir): 282,609,504, at most 269,000,118 allowed: 5% above 256,190,589 (exceeded)` */
export function growthText({ measure, title, most, allowed, before, after, exceeded }: GrowthLimit): string {
  const number = (value: number): string => (Number.isInteger(value) ? grouped(value) : value.toFixed(3));
  const name = title === measure ? title : `${title} (${measure})`;
  return `${name}: ${number(after)}, at most ${number(allowed)} allowed: ${most} above ${number(before)}${exceeded ? ' (exceeded)' : ''}`;
}

/** A row of the table at the top: what, and its value. */
export type Fact = readonly [name: string, value: string];

/** The totals, in the words in which valgrind sums up, so that the two can be compared. */
export function totalFacts({ totals }: Pick<Report, 'totals'>): readonly Fact[] {
  const { heap, leaks, errors, computed, atLeast } = totals;
  const marked = (part: 'heap' | 'leaks' | 'errors', text: string): string => {
    const marks = computed.includes(part) ? ['computed'] : [];
    if (part !== 'heap' && atLeast?.includes(part) === true) marks.push('at least');
    return marks.length === 0 ? text : `${text} (${marks.join(', ')})`;
  };
  const facts: Fact[] = [];
  if (heap !== undefined) {
    const { inUse, allocations, frees, allocatedBytes } = heap;
    const use = `in use at exit: ${grouped(inUse.bytes)} bytes in ${grouped(inUse.blocks)} blocks`;
    const usage =
      allocations === undefined || frees === undefined
        ? ''
        : `; total heap usage: ${grouped(allocations)} allocs, ${grouped(frees)} frees`;
    const bytes = allocatedBytes === undefined ? '' : `, ${grouped(allocatedBytes)} bytes allocated`;
    facts.push(['Heap summary', marked('heap', `${use}${usage}${usage === '' ? '' : bytes}`)]);
  }
  if (leaks !== undefined) facts.push(['Leak summary', marked('leaks', leakText(leaks))]);
  if (errors !== undefined) facts.push(['Error summary', marked('errors', errorText(errors))]);
  return facts;
}

/** Formats and instruments that valgrind has nothing to do with; whatever else is named is a tool of valgrind's. */
const ownInstruments: ReadonlySet<string> = new Set([
  'perf',
  'gprof',
  'heaptrack',
  'folded',
  'sample',
  'asan',
  'lsan',
  'gdb',
  'vgdb',
  'core',
  'stacks',
  'ubsan',
  'tsan',
  'msan',
  'hwasan',
  'mtrace',
  'memwatch',
  'crt',
  'vld',
]);

/** Whether a tool is one of valgrind's, those that users wrote among them; of several, whether all are. */
export function isOfValgrind(tool: string): boolean {
  return tool.split(', ').every((name) => !ownInstruments.has(name));
}

/** What the facts say of a profile. */
interface ProfileFacts {
  readonly program: string;
  readonly pid: number;
  readonly format: string;
  readonly before?: string | { readonly name: string };
}

/** Of more, the page has a list of its own. */
const mostProfiles = 5;

/** Which program each profile is of, and what it is compared with. */
export function profileFacts({
  profiles = [],
}: {
  readonly profiles?: readonly ProfileFacts[];
}): readonly Fact[] {
  if (profiles.length === 0) return [];
  const shown = profiles.slice(0, mostProfiles).map(({ program, pid, format, before }) => {
    const name = typeof before === 'string' ? before : before?.name;
    const whose = `${format} of ${program === '' ? 'an unknown program' : program}${pid > 0 ? ` (${pid})` : ''}`;
    return name === undefined ? whose : `${whose}, compared with ${name}`;
  });
  const left = profiles.length - shown.length;
  return [
    [
      plural(profiles.length, 'Profile'),
      [...shown, ...(left > 0 ? [`${grouped(left)} more`] : [])].join('; '),
    ],
  ];
}

const stopWords: Readonly<Record<StoppedBy, string>> = {
  timeout: 'stopped by timeout',
  interrupt: 'stopped by interrupt',
  served: 'asked to end when all was answered',
};

/** What was run and how it ended. */
export function runFacts({
  run,
  tool,
  vgrun,
  profiles = [],
}: Pick<Report, 'run' | 'tool' | 'vgrun'> & {
  readonly profiles?: readonly { readonly format: string }[];
}): readonly Fact[] {
  const facts: Fact[] = [];
  const version = tool.version ?? '';
  const instrument =
    version === ''
      ? tool.name
      : isOfValgrind(tool.name)
        ? `${tool.name} (valgrind ${version})`
        : `${tool.name} ${version}`;
  if (run !== undefined) {
    facts.push(['Command', run.command.map(shellWord).join(' ')]);
    if (run.toolOptions.length > 0) facts.push(['Options', run.toolOptions.join(' ')]);
    // A process that was only looked at goes on.
    const goesOn = (tool.name === 'stacks' || tool.name === 'core') && run.exit?.how === 'exited';
    const ends = [
      ...(run.exit === undefined || goesOn ? [] : [exitText(run.exit)]),
      ...(run.stoppedBy === undefined ? [] : [stopWords[run.stoppedBy]]),
      ...(run.durationMs === undefined || goesOn ? [] : [`after ${durationText(run.durationMs)}`]),
    ];
    if (ends.length > 0) facts.push(['Program', ends.join(', ')]);
    // `2026-08-01T12:00:00.000Z`
    facts.push(['Started', run.startedAt.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d).*Z$/, '$1 $2 UTC')]);
  }
  // Files of several tools can be read into one report.
  const others = new Set(profiles.map(({ format }) => format));
  if (run !== undefined || others.size < 2) others.clear();
  others.delete(tool.name);
  facts.push(['Made by', [`vgrun ${vgrun}`, instrument, ...others].join(', ')]);
  return facts;
}

/** What was asked of the run beside the tool's own rule. */
export function gateFacts({ gate, comparison }: Pick<Report, 'gate' | 'comparison'>): readonly Fact[] {
  const facts: Fact[] = [];
  if (gate?.failOn !== undefined) facts.push(['Fails on', gate.failOn.join(', ')]);
  if (gate?.onlyMine === true)
    facts.push(['Only mine', 'only findings that my code takes part in fail the run']);
  if (gate !== undefined && gate.limits.length > 0)
    facts.push(['Limits', gate.limits.map(limitText).join('; ')]);
  if (gate?.growth !== undefined && gate.growth.length > 0)
    facts.push(['Growth', gate.growth.map(growthText).join('; ')]);
  if (comparison !== undefined) {
    const { name, new: fresh, known, changed, fixed, notJudged } = comparison;
    const counts = [
      `${grouped(fresh)} new`,
      `${grouped(changed)} changed`,
      `${grouped(known)} known`,
      `${grouped(fixed.length)} fixed`,
      ...(notJudged.length === 0 ? [] : [`${grouped(notJudged.length)} not judged`]),
    ];
    facts.push(['Compared with', `${name}: ${counts.join(', ')}`]);
  }
  return facts;
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Why the outcome is what it is; never empty. */
export function reasonsOf({ reasons, purpose }: Pick<Report, 'reasons' | 'purpose'>): readonly string[] {
  if (reasons.length > 0) return reasons;
  return [
    purpose === undefined
      ? 'No errors, and the program was seen to its end.'
      : purpose === 'profile'
        ? 'The program was measured to its end.'
        : purpose === 'state'
          ? 'The process was looked at; nothing in it counts as an error.'
          : 'The program was seen to its end; what the tool has to say stands in its log.',
  ];
}

/** A leak's sentence names one loss record of one process; what was lost over all is in the cost. */
export function headlineOf(what: string, title: string, leak: boolean): string {
  return leak || what === '' ? title : what;
}

/** `1,024 bytes in 2 blocks`. */
export function amount({ bytes, blocks }: Amount): string {
  return `${grouped(bytes)} bytes in ${grouped(blocks)} blocks`;
}

/** What was lost, kind by kind. */
export function leakText(leaks: LeakTotals): string {
  const named: readonly (readonly [string, Amount | undefined])[] = [
    ['definitely lost', leaks.definite],
    ['indirectly lost', leaks.indirect],
    ['possibly lost', leaks.possible],
    ['still reachable', leaks.reachable],
    ['not freed', leaks.unfreed],
    ['suppressed', leaks.suppressed],
  ];
  const lost = named.flatMap(([name, sum]) =>
    sum !== undefined && sum.blocks > 0 ? [`${name}: ${amount(sum)}`] : [],
  );
  const text = lost.length === 0 ? nothingLost(leaks) : lost.join('; ');
  // What was not freed but can be reached is no question that such a tool asks, and it has no suppressions.
  if (leaks.reachable === undefined) return text;
  // XML of valgrind up to 3.25 names the suppressions it used, but not how much each one hid.
  return leaks.suppressed === undefined ? `${text}; suppressed: not known` : text;
}

function nothingLost({ reachable, unfreed }: LeakTotals): string {
  if (reachable !== undefined) return '0 bytes in 0 blocks, of every kind';
  return unfreed === undefined ? '0 bytes in 0 blocks lost' : '0 bytes in 0 blocks not freed';
}

/** `2 errors from 1 contexts`, as valgrind counts. */
export function errorText(errors: NonNullable<ReportTotals['errors']>): string {
  const { suppressed, suppressedContexts } = errors;
  const from = suppressedContexts === undefined ? '' : ` from ${grouped(suppressedContexts)}`;
  const hidden = suppressed === undefined ? '' : ` (suppressed: ${grouped(suppressed)}${from})`;
  return `${grouped(errors.errors)} errors from ${grouped(errors.contexts)} contexts${hidden}`;
}
