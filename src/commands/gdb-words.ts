// Owns the words after `vgrun gdb`: what is for gdb on the terminal, and what a run under gdb takes.
//
// Before the program `--break WORDS` is `--break=WORDS`: that is how people write it, and nothing else could be meant.
import { UserError } from '../errors.ts';
import type { GdbSession } from '../run/gdb/interactive.ts';
import { ownDefaults, readOwnOption } from '../tools/_shared/own-options.ts';
import { optionNamed } from '../tools/_shared/valgrind-options.ts';

/** An option that only `vgrun gdb -i` has. */
interface InteractiveOption {
  readonly name: string;
  readonly short?: string;
  /** Missing: it takes no value. */
  readonly metavar?: string;
  readonly summary: string;
}

/** What only gdb on the terminal takes, in the order of help. */
export const interactiveOptions: readonly InteractiveOption[] = [
  { name: '--interactive', short: '-i', summary: 'start gdb itself on the terminal' },
  { name: '--pid', short: '-p', metavar: 'PID', summary: 'with -i: attach to a process that runs' },
  { name: '--core', short: '-c', metavar: 'FILE', summary: 'with -i: look at a core file' },
  { name: '--gdbinit', summary: 'with -i: read the init files of gdb, too' },
  {
    name: '--auto-load-safe-path',
    metavar: 'DIR',
    summary: 'with -i: gdb may run scripts under DIR',
  },
  { name: '--no-debuginfod', summary: 'with -i: fetch no debug information' },
];

/** `run`: words for a run under gdb. */
export type GdbWords =
  | { readonly kind: 'run'; readonly argv: readonly string[] }
  | { readonly kind: 'interactive'; readonly wish: GdbSession };

/** @throws UserError (125) for words that mean nothing together. */
export function readGdbWords(argv: readonly string[]): GdbWords {
  const own = new Map<string, string[]>();
  const others: string[] = [];
  let index = 0;
  while (index < argv.length) {
    const word = argv[index] as string;
    if (word === '--' || !/^-./.test(word)) break;
    const at = word.indexOf('=');
    const name = at === -1 ? word : word.slice(0, at);
    const option = interactiveOptions.find((each) => each.name === name || each.short === name);
    const taken = takesNext(word, argv[index + 1], option);
    const value = at !== -1 ? word.slice(at + 1) : taken === 2 ? argv[index + 1] : undefined;
    if (option !== undefined) {
      mustHaveValue(option, word, value);
      own.set(option.name, [...(own.get(option.name) ?? []), value ?? '']);
    } else if (taken === 2 && optionNamed(name) !== undefined) others.push(`${word}=${value}`);
    else others.push(...argv.slice(index, index + taken));
    index += taken;
  }
  const rest = argv.slice(index);
  if (!own.has('--interactive')) {
    const [first] = own.keys();
    if (first !== undefined) {
      throw new UserError(`${first} is for gdb on the terminal`, 'add -i: vgrun gdb -i …');
    }
    return { kind: 'run', argv: ['--tool=gdb', ...others, ...rest] };
  }
  return { kind: 'interactive', wish: sessionOf(own, others, rest) };
}

function takesNext(word: string, next: string | undefined, option: InteractiveOption | undefined): number {
  if (word.includes('=')) return 1;
  if (option !== undefined) return option.metavar === undefined || next === undefined ? 1 : 2;
  const ofGdb = optionNamed(word);
  if (ofGdb?.tools?.includes('gdb') === true && ofGdb.type !== 'flag' && next !== undefined) return 2;
  return readOwnOption(word, next, ownDefaults)?.taken ?? 1;
}

function mustHaveValue({ name, metavar }: InteractiveOption, word: string, value: string | undefined): void {
  if (metavar === undefined && value !== undefined) {
    throw new UserError(`${word}: ${name} takes no value`, `write ${name} alone`);
  }
  if (metavar !== undefined && (value === undefined || value === '')) {
    throw new UserError(`${name} needs a value`, `write ${name}=${metavar}`);
  }
}

function sessionOf(
  own: ReadonlyMap<string, readonly string[]>,
  others: readonly string[],
  rest: readonly string[],
): GdbSession {
  const follow = others.findLast((word) => word.startsWith('--follow='))?.slice('--follow='.length) ?? 'both';
  const unknown = others.find((word) => !word.startsWith('--follow='));
  if (unknown !== undefined) {
    throw new UserError(
      `${unknown} is for a run, and gdb on the terminal is asked by you`,
      'leave out -i, or the option; gdb has break, print, set var and bt',
    );
  }
  if (follow !== 'parent' && follow !== 'child' && follow !== 'both') {
    throw new UserError(`--follow cannot be '${follow}'`, 'it takes: parent, child or both');
  }
  const [program, ...words] = rest[0] === '--' ? rest.slice(1) : rest;
  const pid = own.get('--pid')?.at(-1);
  const core = own.get('--core')?.at(-1);
  if (pid !== undefined && !/^[1-9]\d{0,9}$/.test(pid)) {
    throw new UserError(`--pid cannot be '${pid}'`, 'it takes: the number of a process');
  }
  if (pid !== undefined && core !== undefined) {
    throw new UserError('--pid and --core exclude each other', 'name one of the two');
  }
  if (program === undefined && pid === undefined && core === undefined) {
    throw new UserError('no program is given', 'usage: vgrun gdb -i [options] program [arguments]');
  }
  if (words.length > 0 && (pid !== undefined || core !== undefined)) {
    throw new UserError(
      'a process or a core has its arguments already',
      'leave out what stands behind the program',
    );
  }
  return {
    ...(pid !== undefined && { pid: Number(pid) }),
    ...(core !== undefined && { core }),
    gdbinit: own.has('--gdbinit'),
    safePaths: own.get('--auto-load-safe-path') ?? [],
    debuginfod: !own.has('--no-debuginfod'),
    follow,
    ...(program !== undefined && { program }),
    arguments: words,
  };
}
