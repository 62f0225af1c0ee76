// Owns words and variables that are no UTF-8: Node reads them with other characters in their place, and cannot give them to a child
// as they were. So they are read from /proc, go through vgrun as byte-text.ts has them, and a shell in front of the command makes
// them bytes again.
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { holdsByteMarks } from '../model/byte-marks.ts';
import { bytesOfText, textOfBytes } from '../model/byte-text.ts';
import type { Problem } from '../model/problem.ts';

/** Variables by name; undefined: taken away. */
type Variables = Readonly<Record<string, string | undefined>>;

/** What Node puts in the place of bytes that are no UTF-8; a word may also hold it by itself. */
const replacement = '\ufffd';

/** What this process was really given. */
export interface OwnBytes {
  readonly words: readonly string[];
  /** The variables; missing: Node has them, and the words, as they are. */
  readonly inherits?: Variables;
  readonly problems: readonly Problem[];
}

/**
 * Reads the words and variables of this process again, where Node has changed or left out some.
 *
 * @param words the last words of the command line, as Node has them.
 */
export function readOwnBytes(words: readonly string[]): OwnBytes {
  const areWordsChanged = words.some((word) => word.includes(replacement));
  // A name that is no UTF-8 is none of Node's variables: only the kernel knows it.
  const environ = readOwn('environ');
  const areVariablesChanged =
    environ === undefined
      ? Object.values(process.env).some((value) => value?.includes(replacement) !== false)
      : !isUtf8(environ);
  if (!areWordsChanged && !areVariablesChanged) return { words, problems: [] };
  const exact = areWordsChanged ? exactWordsIn(words, readOwn('cmdline')) : words;
  return {
    words: exact ?? words,
    inherits: exactEnvironmentIn(process.env, environ ?? Buffer.alloc(0)),
    problems:
      exact === undefined || (areVariablesChanged && environ === undefined)
        ? [
            wordsChanged(
              'what looks like U+FFFD in arguments and variables of the program may have been other bytes: Node reads what is no UTF-8 so, and /proc/self does not tell what it was',
              'run it where /proc is mounted and can be read, or give the program UTF-8',
            ),
          ]
        : [],
  };
}

/**
 * @param commandLine as in proc_pid_cmdline(5).
 * @returns undefined where it is not that of the words.
 */
export function exactWordsIn(
  words: readonly string[],
  commandLine: Buffer | undefined,
): readonly string[] | undefined {
  const exact = entriesOf(commandLine ?? Buffer.alloc(0)).slice(-words.length);
  const areThose =
    exact.length === words.length && exact.every((bytes, index) => bytes.toString() === words[index]);
  return areThose ? exact.map(textOfBytes) : undefined;
}

/**
 * @param variables as Node has them now.
 * @param environ as in proc_pid_environ(5): as they were when the process began.
 */
export function exactEnvironmentIn(variables: Variables, environ: Buffer): Variables {
  const exact: Record<string, string | undefined> = { ...variables };
  for (const entry of entriesOf(environ)) {
    const equals = entry.indexOf('=');
    if (equals <= 0 || isUtf8(entry)) continue;
    const [name, value] = [entry.subarray(0, equals), entry.subarray(equals + 1)];
    if (!isUtf8(name)) {
      delete exact[name.toString()];
      exact[textOfBytes(name)] = textOfBytes(value);
    } else if (variables[name.toString()] === value.toString()) {
      exact[name.toString()] = textOfBytes(value);
    }
  }
  return exact;
}

function readOwn(name: string): Buffer | undefined {
  try {
    return readFileSync(`/proc/self/${name}`);
  } catch {
    return undefined;
  }
}

/** Each ends with a zero byte. */
function entriesOf(bytes: Buffer): readonly Buffer[] {
  const entries: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const zero = bytes.indexOf(0, start);
    const end = zero === -1 ? bytes.length : zero;
    entries.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return entries;
}

export interface Command {
  readonly argv: readonly string[];
  readonly environment: Variables;
}

export interface ExactCommand extends Command {
  readonly problems: readonly Problem[];
}

/** The kernel takes no longer word or variable (MAX_ARG_STRLEN, execve(2)). */
const longest = 128 * 1024;

/** In the command line of the shell that makes the words, by which it is known while it is there. */
export const shellMark = 'vgrun_word=';

/**
 * The command that Node can start and that becomes the one given, with the bytes that its words and variables stand for; the same
 * one where they are all UTF-8. The pid stays.
 *
 * Variables are words of env(1), since a shell has none with a name that is no name to it, and sets some itself.
 */
export function withExactBytes(command: Command): ExactCommand {
  const variables = Object.entries(command.environment).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  if (![...variables, ...command.argv].some(holdsByteMarks)) return { ...command, problems: [] };
  const [program = ''] = command.argv;
  const words = [
    ...['/usr/bin/env', '-i', '--', ...variables],
    // env would take it for a variable.
    ...(program.includes('=') ? ['/usr/bin/nice', '-n', '0'] : []),
    ...command.argv,
  ];
  const places: number[] = [];
  const tooLong: string[] = [];
  const given = words.map((word, index) => {
    if (!holdsByteMarks(word)) return word;
    const text = textForPrintf(bytesOfText(word));
    if (text.length < longest) {
      places.push(index + 1);
      return text;
    }
    // A value may be a secret.
    tooLong.push(variables.includes(word) ? word.slice(0, word.indexOf('=')) : `${word.slice(0, 20)}…`);
    return word;
  });
  return {
    argv: ['/bin/sh', '-c', scriptFor(places), 'sh', ...given],
    // Nothing of the program's may act on the shell.
    environment: { LC_ALL: 'C' },
    problems: tooLong.map((name) =>
      wordsChanged(
        `bytes of ${name} that are no UTF-8 reached the program as U+FFFD: it is too long to be written as text for the shell that makes bytes of it`,
        'give the program less in one argument or variable',
      ),
    ),
  };
}

function wordsChanged(message: string, hint: string): Problem {
  return { code: 'words-changed', level: 'warning', message, hint };
}

/** For `printf %b` (printf(1p)): digits in octal for all that is not printable ASCII. */
function textForPrintf(bytes: Buffer): string {
  let text = '';
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
    text += isPlain ? String.fromCharCode(byte) : `\\0${byte.toString(8).padStart(3, '0')}`;
  }
  return text;
}

/** The full stop keeps line feeds at the end, which a substitution would take away. */
function scriptFor(places: readonly number[]): string {
  return `vgrun_at=0; for vgrun_word do vgrun_at=$((vgrun_at+1)); case ' ${places.join(' ')} ' in *" $vgrun_at "*) ${shellMark}$(printf %b "$vgrun_word."); vgrun_word=\${vgrun_word%.} ;; esac; set -- "$@" "$vgrun_word"; shift; done; exec "$@"`;
}
