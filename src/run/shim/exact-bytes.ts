// Owns words and variables that are no UTF-8: Node reads them with other characters in their place, and cannot give them to a child
// as they were. So they are written as text for printf(1p), and a shell in front of the command makes them what they were.
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { carried } from './supervised.ts';

/** What the kernel has of this process that is no UTF-8, by what Node makes of it. */
export interface ExactBytes {
  /** By `NAME=value`: the value. */
  readonly variables: ReadonlyMap<string, Buffer>;
  /** By word; in order, where several look alike. */
  readonly words: ReadonlyMap<string, readonly Buffer[]>;
}

/** Of this process; empty where /proc is not there. */
export function readExactBytes(): ExactBytes {
  const read = (name: string) => {
    try {
      return readFileSync(`/proc/self/${name}`);
    } catch {
      return Buffer.alloc(0);
    }
  };
  return exactBytesIn(read('environ'), read('cmdline'));
}

/**
 * @param environ as in proc_pid_environ(5).
 * @param commandLine as in proc_pid_cmdline(5).
 */
export function exactBytesIn(environ: Buffer, commandLine: Buffer): ExactBytes {
  const variables = new Map<string, Buffer>();
  for (const entry of inexact(environ)) {
    const equals = entry.indexOf('=');
    const name = entry.toString('utf8', 0, Math.max(0, equals)).replace(carried, '');
    const value = entry.subarray(equals + 1);
    if (equals > 0) variables.set(`${name}=${value}`, value);
  }
  const words = new Map<string, Buffer[]>();
  for (const word of inexact(commandLine)) words.set(`${word}`, [...(words.get(`${word}`) ?? []), word]);
  return { variables, words };
}

/** U+FFFD. */
const replacement = Buffer.from('\ufffd');

function inexact(entries: Buffer): readonly Buffer[] {
  // Most often there is nothing to be looked for.
  if (isUtf8(entries)) return [];
  const found: Buffer[] = [];
  for (let start = 0; start < entries.length; ) {
    const zero = entries.indexOf(0, start);
    const end = zero === -1 ? entries.length : zero;
    const entry = entries.subarray(start, end);
    // A word that holds the character which Node puts in the place of such bytes looks like one that had them.
    if (!isUtf8(entry) || entry.includes(replacement)) found.push(entry);
    start = end + 1;
  }
  return found;
}

export interface Command {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The kernel takes no longer word or variable (MAX_ARG_STRLEN, execve(2)). */
const longest = 128 * 1024;

/**
 * The command that starts a program with the bytes in the place of what Node made of them; the same one where there are none.
 * A value that is too long for it once it is written as text, or whose variable has a name that a shell does not take, stays as
 * Node has it.
 */
export function withExactBytes(command: Command, { variables, words }: ExactBytes): Command {
  if (variables.size === 0 && words.size === 0) return command;
  const environment = { ...command.environment };
  const named: string[] = [];
  const used = new Map<string, number>();
  const bytesOf = (word: string): string | undefined => {
    const alike = words.get(word);
    const turn = used.get(word) ?? 0;
    used.set(word, turn + 1);
    const bytes = alike?.[Math.min(turn, alike.length - 1)];
    return bytes === undefined ? undefined : textFor(bytes);
  };
  for (const [name, value] of Object.entries(command.environment)) {
    if (value === undefined || !/^[A-Za-z_]\w*$/.test(name)) continue;
    const bytes = variables.get(`${name}=${value}`);
    // gdb gets the variables and words of the program as the values of its own.
    const equals = value.indexOf('=');
    const inValue = variables.get(value);
    const text =
      bytes !== undefined
        ? textFor(bytes)
        : inValue !== undefined
          ? textFor(Buffer.concat([Buffer.from(value.slice(0, equals + 1)), inValue]))
          : bytesOf(value);
    if (text === undefined || text.length + name.length + 2 > longest) continue;
    environment[name] = text;
    named.push(name);
  }
  const places: number[] = [];
  const argv = command.argv.map((word, index) => {
    const text = bytesOf(word);
    if (text === undefined || text.length + 1 > longest) return word;
    places.push(index + 1);
    return text;
  });
  if (named.length === 0 && places.length === 0) return command;
  return { argv: ['/bin/sh', '-c', scriptFor(named, places), 'sh', ...argv], environment };
}

/** For `printf %b`: digits in octal for all that is not printable ASCII. */
function textFor(bytes: Buffer): string {
  let text = '';
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
    text += isPlain ? String.fromCharCode(byte) : `\\0${byte.toString(8).padStart(3, '0')}`;
  }
  return text;
}

/** The full stop keeps line feeds at the end, which a substitution would take away. */
function scriptFor(named: readonly string[], places: readonly number[]): string {
  const variables = named.map((name) => `${name}=$(printf %b "$${name}."); ${name}=\${${name}%.}`);
  const words =
    places.length === 0
      ? []
      : [
          'vgrun_shim_at=0',
          `for vgrun_shim_word do vgrun_shim_at=$((vgrun_shim_at+1)); case ' ${places.join(' ')} ' in *" $vgrun_shim_at "*) vgrun_shim_word=$(printf %b "$vgrun_shim_word."); vgrun_shim_word=\${vgrun_shim_word%.} ;; esac; set -- "$@" "$vgrun_shim_word"; shift; done`,
        ];
  return [...variables, ...words, 'exec "$@"'].join('; ');
}
