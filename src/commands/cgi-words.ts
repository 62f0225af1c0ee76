// Owns the words after `vgrun cgi`: its own options, the captures, and what is left for a run of the program.
//
// Before `--` nothing is the program's: whatever begins with a dash is an option, wherever it stands, the first other word is the
// program, the rest are captures. A `curl` among them begins a command that goes on to the end: it was pasted.
import { UserError } from '../errors.ts';
import { nearest } from '../model/spelling.ts';
import { type CgiSettings, cgiDefaults, cgiOptions } from '../tools/_shared/cgi-options.ts';
import { startsWithDash } from '../tools/_shared/command-line.ts';
import { ownDefaults, ownOptions, readOptionOf, readOwnOption } from '../tools/_shared/own-options.ts';
import { isOldOption, optionNamed, readToken } from '../tools/_shared/valgrind-options.ts';

export interface CgiWords {
  readonly settings: CgiSettings;
  /** Options of a run, in order. */
  readonly options: readonly string[];
  readonly program?: string;
  /** But for a pasted command. */
  readonly captures: readonly string[];
  /** `curl` and its words; empty when there is none. */
  readonly curl: readonly string[];
  /** What stands after `--`. */
  readonly programArguments: readonly string[];
}

/**
 * @param configured words of the config, which count less than what is typed.
 * @throws UserError (125) when a value is missing or wrong.
 */
export function readCgiWords(argv: readonly string[], configured: readonly string[] = []): CgiWords {
  const { head, curl, programArguments } = cut(argv);
  let settings: CgiSettings = cgiDefaults;
  const options: string[] = [];
  const names: string[] = [];
  const all = [...configured, ...head];
  for (let index = 0; index < all.length; ) {
    const word = all[index] as string;
    const next = all[index + 1];
    const read = readOptionOf<CgiSettings>(cgiOptions, attached(word), next, settings);
    const taken = read?.taken ?? readOwnOption(word, next, ownDefaults)?.taken ?? 1;
    if (read !== undefined) settings = read.settings;
    else if (word !== '-' && startsWithDash.test(word)) {
      mustBeMeant(word);
      options.push(...all.slice(index, index + taken));
    } else names.push(word);
    index += taken;
  }
  const [program, ...captures] = names;
  return { settings, options, ...(program !== undefined && { program }), captures, curl, programArguments };
}

function cut(argv: readonly string[]): {
  readonly head: readonly string[];
  readonly curl: readonly string[];
  readonly programArguments: readonly string[];
} {
  // The word before it may want a value: `--tool curl` is no command.
  const curlAt = argv.findIndex(
    (word, index) => word === 'curl' && index > 0 && !(argv[index - 1] as string).startsWith('-'),
  );
  const endAt = argv.indexOf('--');
  if (curlAt !== -1 && (endAt === -1 || curlAt < endAt)) {
    return { head: argv.slice(0, curlAt), curl: argv.slice(curlAt), programArguments: [] };
  }
  if (endAt === -1) return { head: argv, curl: [], programArguments: [] };
  return { head: argv.slice(0, endAt), curl: [], programArguments: argv.slice(endAt + 1) };
}

/** What is no option of a run may be one of these, written wrong. */
function mustBeMeant(word: string): void {
  const { name } = readToken(word);
  if (optionNamed(name) !== undefined || isOldOption(name)) return;
  const own = ownOptions.map((option) => option.name);
  if (own.includes(name.replace(/^--no-/, '--'))) return;
  const guess = nearest(name, [...cgiOptions.map((option) => option.name), ...own]);
  if (guess !== undefined && cgiOptions.some((option) => option.name === guess)) {
    throw new UserError(`vgrun cgi does not know ${word}`, `did you mean ${guess}?`);
  }
}

/** `-j4` is `-j=4`, as make takes it. */
function attached(word: string): string {
  return /^-j\d+$/.test(word) ? `-j=${word.slice(2)}` : word;
}
