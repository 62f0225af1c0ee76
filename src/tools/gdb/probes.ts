// Owns the words of probes: what `--break` and the options after it ask for. Pure.
import { UserError } from '../../errors.ts';
import { readToken } from '../_shared/valgrind-options.ts';

/** A variable that is changed at a hit; both sides are expressions of the program's language, for gdb's `set var`. */
export interface Change {
  readonly variable: string;
  readonly value: string;
}

/** One `--break` with what belongs to it. */
export interface ProbeWish {
  /** As the user wrote it. */
  readonly text: string;
  /** A place as gdb takes it: `file.c:12`, `function`, `*0x1234`. */
  readonly place: string;
  readonly condition?: string;
  readonly prints: readonly string[];
  readonly sets: readonly Change[];
  readonly backtrace: boolean;
  /** Name or number of the only thread in which it counts. */
  readonly thread?: string;
  /** It counts only in processes that the first one started. */
  readonly child: boolean;
  readonly maxHits: number;
}

/** Which processes are looked at. All of them run under gdb, but for `parent`. */
export type Follow = 'parent' | 'child' | 'both';

/** What the options of `--tool=gdb` ask for. */
export interface GdbWish {
  readonly probes: readonly ProbeWish[];
  readonly follow: Follow;
  readonly debuginfod: boolean;
}

/** More would be no answer. */
const mostProbes = 100;
const longestText = 4096;

type Part = Pick<ProbeWish, 'prints' | 'sets' | 'backtrace' | 'child' | 'thread'>;

const nothing: Part = { prints: [], sets: [], backtrace: false, child: false };

/**
 * Reads the options in their order: what stands after a `--break` belongs to it, what stands before the first one to all.
 *
 * @param options `--name=value` each, known to belong to gdb.
 * @throws UserError (125) for a probe that could not mean what was written.
 */
export function readGdbWish(options: readonly string[]): GdbWish {
  const tokens = options.map(readToken);
  const last = (name: string) => tokens.findLast((token) => token.name === name)?.value;
  const maxHits = Number(last('--max-hits') ?? 100);
  const follow = (last('--follow') ?? 'both') as Follow;
  let ofAll = nothing;
  const breaks: { text: string; part: Part }[] = [];
  for (const { name, value = '' } of tokens) {
    mustBeOneLine(name, value);
    if (name === '--break') {
      breaks.push({ text: value, part: nothing });
      continue;
    }
    const current = breaks.at(-1);
    const part = withOption(current?.part ?? ofAll, name, value);
    if (current === undefined) ofAll = part;
    else current.part = part;
  }
  if (breaks.length > mostProbes) {
    throw new UserError(`${breaks.length} probes are too many`, `give at most ${mostProbes} --break`);
  }
  if (breaks.length === 0 && ofAll !== nothing) {
    throw new UserError(
      '--print, --set, --backtrace, --thread and --child say what is done at a place, and none is named',
      "name one: --break 'file.c:12 if x > 3'",
    );
  }
  const probes = breaks.map(({ text, part }) => probeOf(text, joined(ofAll, part), maxHits));
  if (follow === 'parent' && probes.some(({ child }) => child)) {
    throw new UserError(
      '--child needs the children, and --follow=parent leaves them alone',
      'leave out one of them',
    );
  }
  return { probes, follow, debuginfod: tokens.some(({ name }) => name === '--debuginfod') };
}

function withOption(part: Part, name: string, value: string): Part {
  switch (name) {
    case '--print':
      if (value.trim() === '') throw new UserError('--print needs an expression', "as in --print 'p->next'");
      mustBeOne('--print', value, '--print x --print y');
      return { ...part, prints: [...part.prints, value.trim()] };
    case '--set':
      return { ...part, sets: [...part.sets, readChange(value)] };
    case '--backtrace':
      return { ...part, backtrace: true };
    case '--child':
      return { ...part, child: true };
    case '--thread':
      if (value.trim() === '' || /^[-+]?\d+$/.test(value) !== /^[1-9]\d*$/.test(value)) {
        throw new UserError(
          `--thread=${value} names no thread`,
          'give its name, as in --thread=worker, or its number, as in --thread=2: the first one is 1',
        );
      }
      return { ...part, thread: value };
    default:
      return part;
  }
}

function joined(all: Part, own: Part): Part {
  const thread = own.thread ?? all.thread;
  return {
    prints: [...all.prints, ...own.prints],
    sets: [...all.sets, ...own.sets],
    backtrace: all.backtrace || own.backtrace,
    child: all.child || own.child,
    ...(thread !== undefined && { thread }),
  };
}

function probeOf(text: string, part: Part, maxHits: number): ProbeWish {
  // `file.c:12 if x > 3`, `function`
  const [, before = '', condition] = /^\s*(.*?)(?:(?:^|\s+)if\b\s*(.*))?$/.exec(text) ?? [];
  const place = before.trim();
  if (place === '') {
    throw new UserError(`--break '${text}' names no place`, "write it as in --break 'file.c:12 if x > 3'");
  }
  // gdb would read options of its own there, and words that set a breakpoint of another kind.
  if (place.startsWith('-') || /\s(?:thread|task|inferior|-force-condition)\b/.test(place)) {
    throw new UserError(
      `--break '${text}': a place is FILE:LINE, a function or *ADDRESS`,
      'a thread is chosen with --thread=NAME',
    );
  }
  if (condition === undefined) return { text, place, ...part, maxHits };
  const wanted = condition.trim();
  if (wanted === '') {
    throw new UserError(
      `--break '${text}' ends with if and no condition`,
      "as in --break 'file.c:12 if x > 3'",
    );
  }
  const at = assignmentIn(wanted);
  if (at !== undefined) {
    throw new UserError(
      `--break '${text}': a single = is an assignment: it would change the program each time, and compare nothing`,
      `compare with ==: if ${wanted.slice(0, at)}=${wanted.slice(at)}; to change a variable: --set`,
    );
  }
  return { text, place, condition: wanted, ...part, maxHits };
}

/** Where a `=` stands that is no comparison, outside of strings and characters; undefined without one. */
function assignmentIn(condition: string): number | undefined {
  const bare = withoutQuoted(condition);
  const found = /(?:<<|>>|(?<![=!<>]))=(?!=)/.exec(bare);
  return found === null ? undefined : found.index + found[0].length - 1;
}

/** `p->count=3`: the first `=` that is no part of another operator parts the two. */
function readChange(text: string): Change {
  mustBeOne('--set', text, '--set a=1 --set i=2');
  const at = /(?<![=!<>+\-*/%&|^])=(?!=)/.exec(text)?.index ?? -1;
  const variable = text.slice(0, Math.max(0, at)).trim();
  const value = text.slice(at + 1).trim();
  if (at === -1 || variable === '' || value === '') {
    throw new UserError(
      `--set '${text}' is no VARIABLE=VALUE`,
      "as in --set 'a=100' or --set 'p->count=n+1'",
    );
  }
  return { variable, value };
}

/** The language takes `a=1, i=2` for one expression with the value of the last: what stands before it would go on unseen. */
function mustBeOne(option: string, text: string, example: string): void {
  const bare = withoutQuoted(text);
  let depth = 0;
  for (const character of bare) {
    if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character)) depth--;
    else if (character === ',' && depth === 0) {
      throw new UserError(
        `${option} '${text}' holds more than one expression: a comma parts them`,
        `give the option again for each: ${example}; a comma that belongs to one goes in parentheses`,
      );
    }
  }
}

/** The text with `_` for what stands in quotes. */
function withoutQuoted(text: string): string {
  return text.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, (quoted) => '_'.repeat(quoted.length));
}

/** gdb takes a line as a command: what comes after it would be another one. */
function mustBeOneLine(name: string, value: string): void {
  if (/[\x00-\x1f\x7f]/.test(value)) {
    throw new UserError(`${name} has a control character in its value`, 'write it on one line');
  }
  if (value.length > longestText) throw new UserError(`${name} is longer than ${longestText} characters`);
}
